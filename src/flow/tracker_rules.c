/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets to rules: which of them must be inspected, asked once per flow, side and kind; and what an inspection is
 * told. Streams and transactions: tracker_window.c and tracker_content.c. Part of the tracker; runs in the engine and
 * in `read`, in a worker's thread. */
#include <errno.h>
#include <netinet/in.h>

#include "flow/feed.h"

#define ICMP_HEAD 8u /* what Suricata takes for the header of ICMP, whatever its type */

static const struct tracker_inspector real = {inspector_new, inspector_free, inspector_wants, inspect,
                                              inspect_flow_end};

static void matched(void *userdata, const struct rule *r, const struct inspect_input *in)
{
        struct feeds *fs = userdata;

        tracker_alert(fs->tracker, fs->flow, r, in);
}

int tracker_rules_new(struct tracker *t)
{
        struct inspect_params params = {.rules = t->params.rules,
                                        .pool_bytes = t->params.inspect_bytes,
                                        .match = matched,
                                        .profile = t->params.rule_profile,
                                        .twice = t->params.rule_twice};
        struct feeds *fs = aligned_alloc(64, (sizeof(*fs) + 63) & ~(size_t) 63);
        int r;

        if (!fs)
                return -ENOMEM;
        memset(fs, 0, offsetof(struct feeds, scratch));
        fs->tracker = t;
        fs->calls = t->params.inspector ? t->params.inspector : &real;
        fs->in.buffers = fs->buffers;
        tracker_content_init(fs);
        params.userdata = fs;
        r = fs->calls->make(&params, &fs->inspector);
        if (r < 0) {
                free(fs);
                return r;
        }
        t->feeds = fs;
        return 0;
}

void tracker_rules_free(struct tracker *t)
{
        struct feeds *fs = t->feeds;

        if (!fs)
                return;
        fs->calls->free(fs->inspector);
        feed_done(fs);
        free(fs);
        t->feeds = NULL;
}

void tracker_rules_open(struct flow *f)
{
        /* Until bytes come it is not known whether anybody wants them; by then their order must be known. */
        if (f->proto == IPPROTO_TCP || f->proto == IPPROTO_UDP)
                f->marks |= FLOW_RULES(ORIGINATOR, FLOW_RULES_STREAM) | FLOW_RULES(RESPONDER, FLOW_RULES_STREAM);
}

static uint32_t direction(const struct feed *d, unsigned side)
{
        bool turned = d && d->flags & FEED_TURNED;

        return (side == ORIGINATOR) != turned ? INSPECT_TO_SERVER : 0;
}

static void fill_flow(struct inspect_input *in, const struct flow *f, unsigned side)
{
        bool ports = f->proto != IPPROTO_ICMP && f->proto != IPPROTO_ICMPV6;
        bool tcp = f->proto == IPPROTO_TCP;

        in->src = &f->addr[side];
        in->dst = &f->addr[!side];
        in->sport = ports ? f->port[side] : 0;
        in->dport = ports ? f->port[!side] : 0;
        in->proto = f->proto;
        in->stream_bytes[0] = f->bytes[0] + tcp;
        in->stream_bytes[1] = f->bytes[1] + tcp;
        if (f->marks & FLOW_MARK_MIDSTREAM)
                in->flags |= INSPECT_MIDSTREAM;
}

static void fill_feed(struct inspect_input *in, const struct flow *f, struct feed *d)
{
        in->app = f->app;
        in->app_side[0] = in->app_side[1] = f->app;
        in->events = in->tls_versions = in->tls_states = 0;
        if (!d) {
                if (f->marks & FLOW_MARK_NO_APP && f->proto == IPPROTO_UDP)
                        in->flags |= INSPECT_APP_DONE;
                return;
        }
        if (d->app)
                in->app = d->app;
        memcpy(in->app_side, d->app_side, sizeof(in->app_side));
        in->events = d->events;
        in->tls_versions = d->tls_versions[(in->flags & INSPECT_TO_SERVER) != 0];
        in->tls_states = d->tls_states;
        if (d->flags & FEED_APP_DONE)
                in->flags |= INSPECT_APP_DONE;
}

/* TCP fast open (RFC 7413, kind 34): only then the bytes of a SYN are the stream's first. */
static bool is_fast_open(const struct packet *p)
{
        const uint8_t *end = p->payload, *at = end - p->head_len + 20;

        if (!(p->tcp_flags & TCP_SEEN_SYN) || p->head_len < 20)
                return false;
        while (at < end && *at != 0) {
                if (*at == 34)
                        return true;
                if (*at != 1 && (end - at < 2 || at[1] < 2))
                        return false;
                at += *at == 1 ? 1 : at[1];
        }
        return false;
}

bool tracker_rules_joined(const struct tracker *t, const struct flow *f)
{
        if (f->proto != IPPROTO_TCP || t->params.rule_midstream || t->feeds->fast_open)
                return true;
        return f->tcp_seen[ORIGINATOR] & TCP_SEEN_SYN &&
               (f->tcp_seen[RESPONDER] & (TCP_SEEN_SYN | TCP_SEEN_ACK)) == (TCP_SEEN_SYN | TCP_SEEN_ACK);
}

static bool established(const struct tracker *t, const struct flow *f)
{
        if (!tracker_rules_joined(t, f))
                return false;
        return f->state == FLOW_STATE_ESTABLISHED || (f->state == FLOW_STATE_CLOSED && f->pkts[0] && f->pkts[1]);
}

struct inspect_input *tracker_rules_input(struct feeds *fs, struct flow *f, unsigned side, uint32_t flags)
{
        struct inspect_input *in = &fs->in;
        struct feed *d = feed_of(fs, f);

        in->time = fs->tracker->now;
        in->flags = flags | direction(d, side) | (established(fs->tracker, f) ? INSPECT_ESTABLISHED : 0);
        fill_flow(in, f, side);
        fill_feed(in, f, d);
        in->packet = NULL;
        in->have = in->scan = in->coming = 0;
        in->transaction = 0;
        return in;
}

void tracker_rules_inspect(struct feeds *fs, struct flow *f)
{
        struct feed *d = f ? feed_of(fs, f) : NULL;
        struct inspect_flow *kept = d ? d->kept : NULL;

        fs->in.flow = &kept;
        fs->flow = f;
        fs->calls->inspect(fs->inspector, &fs->in);
        if (d)
                d->events = 0;
        if (kept && !d && f)
                d = feed_need(fs, f);
        if (d)
                d->kept = kept;
        else if (kept)
                fs->calls->flow_end(fs->inspector, &kept);
}

uint64_t tracker_rules_wants(struct feeds *fs, struct flow *f, unsigned side)
{
        struct inspect_input *in = tracker_rules_input(fs, f, side, INSPECT_STREAM);

        in->flow = NULL;
        return fs->calls->wants(fs->inspector, in);
}

/* --- packets --- */

/* Encrypted bytes are nobody's business: such packets are looked at as if they had none, as Suricata does. */
static bool is_sealed(const struct feeds *fs, const struct flow *f)
{
        const struct feed *d = f ? feed_of(fs, f) : NULL;

        return d && d->flags & FEED_SEALED;
}

static unsigned kind_of(const struct packet *p, bool sealed)
{
        if (p->payload_len && !sealed)
                return FLOW_RULES_DATA;
        return p->proto == IPPROTO_TCP && p->tcp_flags != TCP_SEEN_ACK &&
                               p->tcp_flags & ~(TCP_SEEN_ACK | TCP_SEEN_PUSH) ?
                       FLOW_RULES_FLAGS :
                       FLOW_RULES_BARE;
}

static void set_payload(struct feeds *fs, const struct packet *p, bool sealed)
{
        uint32_t skip = p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6 ? MIN(ICMP_HEAD, p->payload_len) : 0;
        uint32_t len = p->payload_len - skip;

        fs->in.packet = p;
        if (!len || sealed)
                return;
        fs->buffers[BUFFER_PAYLOAD] =
                (struct inspect_buffer){.data = p->payload + skip, .len = len, .fresh = len, .complete = true};
        fs->in.have = fs->in.scan = BUFFER_BIT(BUFFER_PAYLOAD);
}

static bool wanted(struct feeds *fs, struct flow *f, unsigned side, const struct packet *p)
{
        bool sealed = is_sealed(fs, f);
        unsigned kind = kind_of(p, sealed), asked = kind >> 3;
        uint32_t flags = INSPECT_PACKET;

        if (!(f->marks & FLOW_RULES(side, asked))) {
                struct inspect_input *in = tracker_rules_input(fs, f, side, flags);

                set_payload(fs, p, sealed);
                in->flow = NULL;
                f->marks |= FLOW_RULES(side, asked);
                if (fs->calls->wants(fs->inspector, in) & BUFFER_BIT(BUFFER_PAYLOAD))
                        f->marks |= FLOW_RULES(side, kind);
        }
        return f->marks & FLOW_RULES(side, kind);
}

static void inspect_packet(struct feeds *fs, struct flow *f, unsigned side, const struct packet *p, uint32_t flags)
{
        struct inspect_input *in = tracker_rules_input(fs, f, side, flags);

        if (in->proto == IPPROTO_TCP && !(flags & INSPECT_ESTABLISHED) && !p->payload_len)
                in->flags &= ~(uint32_t) INSPECT_ESTABLISHED;
        set_payload(fs, p, is_sealed(fs, f));
        tracker_rules_inspect(fs, f);
}

/* Of no flow: an error that ICMP says. */
static void inspect_alone(struct feeds *fs, const struct packet *p)
{
        struct inspect_input *in = &fs->in;

        *in = (struct inspect_input){.time = fs->tracker->now,
                                     .flags = INSPECT_PACKET | INSPECT_FIRST | INSPECT_TO_SERVER,
                                     .src = &p->src,
                                     .dst = &p->dst,
                                     .proto = p->proto,
                                     .buffers = fs->buffers};
        set_payload(fs, p, false);
        tracker_rules_inspect(fs, NULL);
}

void tracker_rules_packet(struct tracker *t, struct flow *f, unsigned side, const struct packet *p, uint8_t before)
{
        struct feeds *fs = t->feeds;
        bool first, want;
        uint32_t flags = INSPECT_PACKET;

        fs->packet = NULL;
        if (!f) {
                inspect_alone(fs, p);
                return;
        }
        first = f->pkts[side] == 1;
        want = first || wanted(fs, f, side, p);
        if (first)
                flags |= INSPECT_FIRST;
        fs->fast_open = p->payload_len && p->proto == IPPROTO_TCP && is_fast_open(p);
        if (p->proto == IPPROTO_TCP && before == FLOW_STATE_ESTABLISHED && tracker_rules_joined(t, f))
                flags |= INSPECT_ESTABLISHED;
        fs->packet_flags = flags;
        if (want && p->payload_len && (p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP)) {
                fs->packet = p;
                if (p->proto == IPPROTO_TCP)
                        return;
        }
        if (p->proto == IPPROTO_UDP && p->payload_len && f->marks & FLOW_RULES(side, FLOW_RULES_STREAM))
                tracker_content_datagram(fs, f, side, p);
        if (fs->packet)
                tracker_rules_rest(t, f, side, p);
        else if (want && !(p->proto == IPPROTO_UDP && p->payload_len))
                inspect_packet(fs, f, side, p, flags);
}

void tracker_rules_rest(struct tracker *t, struct flow *f, unsigned side, const struct packet *p)
{
        struct feeds *fs = t->feeds;
        uint32_t flags = fs->packet_flags;

        if (!fs->packet)
                return;
        fs->packet = NULL;
        if (p->proto == IPPROTO_TCP && f->marks & FLOW_RULES(side, FLOW_RULES_STREAM) && tracker_rules_joined(t, f))
                flags |= INSPECT_STREAM_ADDED;
        inspect_packet(fs, f, side, p, flags);
}

void tracker_rules_end(struct tracker *t, struct flow *f)
{
        struct feeds *fs = t->feeds;
        struct feed *d = feed_of(fs, f);

        f->marks &= ~(FLOW_RULES(ORIGINATOR, FLOW_RULES_STREAM) | FLOW_RULES(RESPONDER, FLOW_RULES_STREAM));
        if (!d)
                return;
        tracker_window_end(fs, d);
        if (d->kept)
                fs->calls->flow_end(fs->inspector, &d->kept);
        feed_free(fs, d);
}

void tracker_rules_tick(struct tracker *t)
{
        struct feeds *fs = t->feeds;
        uint32_t n = fs->n_waiting;

        fs->n_waiting = 0;
        for (uint32_t i = 0; i < n; i++) {
                struct feed *d = feed_at(fs, fs->waiting[i]);

                d->flags &= (uint16_t) ~FEED_WAITS;
                if (d->flags & FEED_USED)
                        tracker_window_tick(fs, d);
        }
}

void tracker_alert(struct tracker *t, struct flow *f, const struct rule *r, const struct inspect_input *in)
{
        if (t->params.alert)
                t->params.alert(t->params.userdata, r, in, f);
}
