/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets to flows. What a packet costs stands here: a lookup, counters, and only for flows that are still being
 * decoded a look at the bytes. Runs in the engine and in `read`, in a worker's thread. */
#include <errno.h>
#include <netinet/in.h>

#include "flow/tracker_internal.h"

#define UPDATE_SECONDS 30           /* at most this long between two events of a busy flow */
#define PUSH_SILENCE   NSEC_PER_SEC /* as model/event.h says */
#define RATE_PAIRS     8192
#define ASKED_LATELY   NSEC_PER_SEC /* most answers take less */
#define PORT_SMTP      25

/* Nobody answered: refused, unless it had to go before an answer could come; or only its own direction was captured,
 * and it was closed in order. */
static uint8_t unanswered(const struct tracker *t, const struct flow *f, bool evicted)
{
        if (evicted && t->now - f->last < ASKED_LATELY)
                return FLOW_STATE_NEW;
        if (!f->pkts[RESPONDER] && f->bytes[ORIGINATOR] && f->tcp_seen[ORIGINATOR] & TCP_SEEN_ACK && f->fins)
                return FLOW_STATE_CLOSED;
        return FLOW_STATE_FAILED;
}

static void flow_gone(void *userdata, struct flow *f, nsec_t when _unused_, bool evicted)
{
        struct tracker *t = userdata;

        if (f->marks & FLOW_MARK_TOUCHED)
                tracker_rate_gone(t, f);
        tracker_talk_end(t, f);
        t->stats.apps[f->app]++;
        if (f->marks & FLOW_MARK_FOREIGN || f->marks & FLOW_MARK_ENDED)
                return;
        if (f->state == FLOW_STATE_NEW)
                f->state = unanswered(t, f, evicted);
        tracker_tell_flow(t, f, FLOW_END);
}

int tracker_new(const struct tracker_params *params, struct tracker **ret)
{
        struct packet_params packets = {.flags = params->packet_flags, .fragments_max = (4u << 20) / SHARDS};
        struct table_params pairs = {.name = "rates",
                                     .cap = RATE_PAIRS,
                                     .key_size = 2 * sizeof(struct addr),
                                     .entry_size = sizeof(struct pair),
                                     .evict = tracker_rate_full};
        _cleanup_(tracker_freep)
        struct tracker *t = calloc(1, sizeof(*t));
        struct flow_table_params flows = {.cap = params->flows, .seed = params->seed, .gone = flow_gone, .userdata = t};
        int r;

        if (!t)
                return -ENOMEM;
        t->params = *params;
        pairs.userdata = t;
        for (unsigned i = 0; i < APPS; i++)
                t->by_app[i] = app_decoder_of(i);
        if ((r = packet_decoder_new(&packets, &t->decoder)) < 0 || (r = flow_table_new(&flows, &t->flows)) < 0 ||
            (r = table_new(&pairs, &t->pairs)) < 0)
                return r;
        if ((params->rules || params->inspector) && (r = tracker_rules_new(t)) < 0)
                return r;
        t->context.emit = tracker_emit;
        t->context.expect = tracker_expect;
        t->context.userdata = t;
        *ret = TAKE_PTR(t);
        return 0;
}

void tracker_free(struct tracker *t)
{
        if (!t)
                return;
        if (t->flows) {
                /* Talks are the flows': they go through `gone`, which tells nobody any more. */
                t->params.event = NULL;
                t->params.alert = NULL;
                flow_table_flush(t->flows, t->now);
        }
        flow_table_free(t->flows);
        tracker_rules_free(t);
        packet_decoder_free(t->decoder);
        table_free(t->pairs);
        free(t->touched);
        free(t);
}

/* ARP asks, or answers: the question is the flow. Announcements and probes ask for nobody. */
static bool arp_asks(const struct packet *p)
{
        return !addr_equal(&p->src, &p->dst) && !addr_is_unspecified(&p->src);
}

static inline bool answered(const struct flow *f)
{
        return f->pkts[ORIGINATOR] && f->pkts[RESPONDER];
}

/* The state after this packet, and the list the flow belongs to. */
static enum flow_list tcp_state(struct flow *f, unsigned side, const struct packet *p)
{
        f->tcp_seen[side] |= p->tcp_flags & 0x3f;
        if (p->tcp_flags & TCP_SEEN_RST) {
                bool refused = f->state == FLOW_STATE_NEW && !(f->tcp_seen[RESPONDER] & TCP_SEEN_SYN);

                if (f->state != FLOW_STATE_FAILED)
                        f->state = refused ? FLOW_STATE_FAILED : FLOW_STATE_CLOSED;
                return FLOW_LIST_CLOSED;
        }
        if (p->tcp_flags & TCP_SEEN_FIN)
                f->fins |= 1u << side;
        if (f->state == FLOW_STATE_CLOSED || f->state == FLOW_STATE_FAILED)
                return FLOW_LIST_CLOSED;
        if (f->fins == 3) {
                f->state = FLOW_STATE_CLOSED;
                return FLOW_LIST_CLOSED;
        }
        if (f->state == FLOW_STATE_NEW && (((f->tcp_seen[RESPONDER] & TCP_SEEN_SYN || f->bytes[RESPONDER]) &&
                                            f->tcp_seen[ORIGINATOR] & TCP_SEEN_ACK) ||
                                           (f->marks & FLOW_MARK_MIDSTREAM && answered(f))))
                f->state = FLOW_STATE_ESTABLISHED;
        return f->state == FLOW_STATE_NEW ? FLOW_LIST_NEW : FLOW_LIST_ESTABLISHED;
}

/* Somebody from outside speaks first, after a silence, on a flow that a home host accepted: what a proxy is fed by, and
 * a server its orders. */
static bool is_push(const struct tracker *t, const struct flow *f, unsigned side, const struct packet *p)
{
        return f->home == HOME_DST && side == ORIGINATOR && p->wire_len && f->state == FLOW_STATE_ESTABLISHED &&
               t->now - f->last >= PUSH_SILENCE;
}

/* Is there something to tell after this packet? */
static void tell_progress(struct tracker *t, struct flow *f, uint8_t before, bool push)
{
        uint32_t second = (uint32_t) (t->now / NSEC_PER_SEC);
        uint64_t total = f->bytes[0] + f->bytes[1];

        if (f->marks & FLOW_MARK_ENDED)
                return;
        if (f->state != before && (f->state == FLOW_STATE_CLOSED || f->state == FLOW_STATE_FAILED)) {
                tracker_talk_end(t, f);
                tracker_tell_flow(t, f, FLOW_END);
                f->marks |= FLOW_MARK_ENDED;
        } else if (f->state != before || second - f->told >= UPDATE_SECONDS ||
                   (total >= 1024 && total >= 10 * f->told_bytes))
                tracker_tell_flow(t, f, FLOW_UPDATE);
        else if (push)
                tracker_tell_flow(t, f, FLOW_PUSH);
}

static enum flow_list count_packet(struct flow *f, unsigned side, const struct packet *p)
{
        f->pkts[side]++;
        f->bytes[side] += p->wire_len;
        if (p->proto == IPPROTO_TCP)
                return tcp_state(f, side, p);
        if (answered(f))
                f->state = FLOW_STATE_ESTABLISHED;
        if (p->proto == PROTO_ARP && f->state == FLOW_STATE_ESTABLISHED)
                return FLOW_LIST_CLOSED;
        return f->state == FLOW_STATE_ESTABLISHED ? FLOW_LIST_DATAGRAM : f->list;
}

static void content(struct tracker *t, struct flow *f, unsigned side, const struct packet *p, uint8_t before)
{
        if (p->proto != IPPROTO_TCP) {
                if (p->payload_len && !(f->marks & FLOW_MARK_NO_APP))
                        tracker_datagram(t, f, side, p);
                return;
        }
        if (p->tcp_flags & TCP_SEEN_RST) /* its bytes are a reason for people (RFC 1122 4.2.2.12) */
                return;
        if (before == FLOW_STATE_NEW)
                tracker_stream_open(f, side, p);
        /* A SYN that says it has bytes, but none were captured: a lie more often than fast open. */
        if (p->payload_len || (p->wire_len && !(p->tcp_flags & TCP_SEEN_SYN)))
                tracker_stream_data(t, f, side, p);
        if (f->talk && p->tcp_flags & TCP_SEEN_ACK)
                tracker_stream_ack(t, f, !side, p->ack);
}

/* What a packet says about a connection, if its sender knows it. */
static void take_flags(struct tracker *t, struct flow *f, unsigned side, struct packet *p)
{
        if (p->tcp_flags & (TCP_SEEN_FIN | TCP_SEEN_RST) && !tracker_stream_believes(f, side, p)) {
                t->stats.stray_ends++;
                p->tcp_flags &= (uint8_t) ~(TCP_SEEN_FIN | TCP_SEEN_RST);
                p->wire_len = p->payload_len = 0;
        }
        f->second_seen[side] |= p->tcp_flags;
        if ((p->tcp_flags & (TCP_SEEN_SYN | TCP_SEEN_ACK)) == TCP_SEEN_SYN && f->second_syns < UINT16_MAX)
                f->second_syns++;
}

/* To decoders and rules. A datagram is recognised before rules look at it. */
static void bytes(struct tracker *t, struct flow *f, unsigned side, const struct packet *p, uint8_t before)
{
        if (t->feeds && p->proto == IPPROTO_TCP)
                tracker_rules_packet(t, f, side, p, before);
        if (tracker_follows(f))
                content(t, f, side, p, before);
        if (!t->feeds)
                return;
        if (p->proto == IPPROTO_TCP)
                tracker_rules_rest(t, f, side, p);
        else if (p->proto != PROTO_ARP)
                tracker_rules_packet(t, f, side, p, before);
}

/* Nobody is told of it, but rules look at all traffic. */
static void track_foreign(struct tracker *t, struct flow *f, unsigned side, struct packet *p)
{
        uint8_t before = f->state;
        enum flow_list list;

        if (!t->feeds) {
                flow_table_touch(t->flows, f, count_packet(f, side, p), t->now);
                return;
        }
        if (p->proto == IPPROTO_TCP)
                take_flags(t, f, side, p);
        list = count_packet(f, side, p);
        bytes(t, f, side, p, before);
        if (f->state != before && (f->state == FLOW_STATE_CLOSED || f->state == FLOW_STATE_FAILED))
                tracker_talk_end(t, f);
        flow_table_touch(t->flows, f, list, t->now);
}

static void track(struct tracker *t, struct packet *p, uint32_t hash)
{
        unsigned side = SIDE_UNKNOWN;
        struct flow *f = flow_table_find(t->flows, p, hash, &side);
        enum flow_list list;
        uint8_t before;
        bool push;

        if (f && p->proto == IPPROTO_TCP && (p->tcp_flags & TCP_SEEN_SYN || f->marks & FLOW_MARK_ENDED) &&
            tracker_opens_anew(t, f, &side, p)) {
                /* The old one goes now, so that the new one is found. */
                flow_table_forget(t->flows, f, t->now);
                f = NULL;
        }
        if (!f) {
                f = tracker_open(t, p, hash, &side);
                if (!f)
                        return;
        }
        if (f->marks & FLOW_MARK_FOREIGN) {
                track_foreign(t, f, side, p);
                return;
        }
        t->stats.home_packets++;
        if (!(f->marks & FLOW_MARK_TOUCHED))
                tracker_rate_touch(t, f);
        if (p->proto == IPPROTO_TCP)
                take_flags(t, f, side, p);
        before = f->state;
        push = is_push(t, f, side, p);
        list = count_packet(f, side, p);
        if (!(f->marks & FLOW_MARK_TOLD)) {
                f->marks |= FLOW_MARK_TOLD;
                tracker_tell_flow(t, f, FLOW_START);
        }
        bytes(t, f, side, p, before);
        f->last = t->now;
        tell_progress(t, f, before, push);
        flow_table_touch(t->flows, f, list, t->now);
}

bool tracker_begin(struct tracker *t, const struct frame *f, struct tracker_step *ret)
{
        struct packet *p = &ret->packet;

        if (packet_decode(t->decoder, f, p) != PACKET_OK)
                return false;
        t->stats.wire_bytes += p->ip_len;
        if (p->proto == PROTO_ARP && !arp_asks(p))
                return false;
        if (p->proto == IPPROTO_TCP && p->dport == PORT_SMTP && t->params.mail_syn &&
            (p->tcp_flags & (TCP_SEEN_SYN | TCP_SEEN_ACK)) == TCP_SEEN_SYN)
                t->params.mail_syn(t->params.userdata, f);
        ret->tracker = t;
        ret->now = f->time;
        ret->alone = p->flags & PACKET_FRAGMENTED;
        ret->hash = flow_table_hash(t->flows, p);
        flow_table_prefetch_bucket(t->flows, ret->hash);
        return true;
}

void tracker_reach(const struct tracker_step *s)
{
        flow_table_prefetch_flow(s->tracker->flows, s->hash);
}

void tracker_end(struct tracker_step *s)
{
        struct tracker *t = s->tracker;

        t->now = s->now;
        if (!t->begin)
                t->begin = t->now;
        if (s->packet.quoted_proto) { /* an error is no conversation of its own */
                if (t->feeds)
                        tracker_rules_packet(t, NULL, ORIGINATOR, &s->packet, FLOW_STATE_NEW);
                tracker_unreachable(t, &s->packet);
        } else
                track(t, &s->packet, s->hash);
}

void tracker_frame(struct tracker *t, const struct frame *frame, nsec_t now)
{
        struct tracker_step step;

        if (!tracker_begin(t, frame, &step))
                return;
        step.now = now;
        tracker_end(&step);
}

void tracker_tick(struct tracker *t, nsec_t now)
{
        t->now = now;
        if (!t->begin)
                t->begin = now;
        tracker_rate_tick(t);
        if (t->feeds)
                tracker_rules_tick(t);
        flow_table_expire(t->flows, now);
        packet_expire(t->decoder, now);
}

void tracker_finish(struct tracker *t, nsec_t now)
{
        t->now = now;
        tracker_rate_tick(t);
        flow_table_flush(t->flows, now);
}

void tracker_get_stats(const struct tracker *t, struct tracker_stats *ret)
{
        *ret = t->stats;
        packet_get_stats(t->decoder, &ret->packets);
        flow_table_get_stats(t->flows, &ret->flows);
}

/* Every field of the statistics is a count: sums of 64-bit numbers but for the table's two. */
void tracker_stats_add(struct tracker_stats *sum, const struct tracker_stats *more)
{
        uint32_t used = sum->flows.used + more->flows.used, cap = sum->flows.cap + more->flows.cap;
        uint64_t *to = (uint64_t *) sum;
        const uint64_t *from = (const uint64_t *) more;

        static_assert(sizeof(*sum) % sizeof(*to) == 0, "counts only");
        for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
                to[i] += from[i];
        sum->flows.used = used;
        sum->flows.cap = cap;
}
