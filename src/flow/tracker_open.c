/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How flows begin: who opened it, when a packet of known ends is of another conversation, and errors that say that
 * nobody is there. Part of the tracker; runs in the engine and in `read`. */
#include <netinet/in.h>

#include "flow/tracker_internal.h"

#define ARP_REPLY    2   /* RFC 826 */
#define ANSWER_LATE  120 /* seconds; whoever is silent for longer begins a new flow (flow_table.c) */
#define LATE_SECONDS 2   /* after an end: all that was under way has arrived */

static bool is_icmp(const struct packet *p)
{
        return p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6;
}

/* A datagram that answers a question which was not seen: by what it says (RFC 1035 4.1.1, RFC 5905 7.3), or, as long as
 * the question may have come before the first packet, by its port. */
static bool is_answer(const struct tracker *t, const struct packet *p)
{
        if (p->sport >= 1024 || p->dport < 1024)
                return false;
        switch (p->sport) {
        case 53:
                return p->payload_len >= 12 && p->payload[2] & 0x80;
        case 123:
                return p->payload_len >= 1 && (p->payload[0] & 7) == 4;
        case 161: /* SNMP, CLDAP, QUIC */
        case 389:
        case 443:
                return t->now - t->begin < ANSWER_LATE * NSEC_PER_SEC;
        default:
                return false;
        }
}

/* Is the sender of a flow's first packet the one that was asked? */
static bool is_responder(const struct tracker *t, const struct packet *p)
{
        switch (p->proto) {
        case IPPROTO_TCP:
                if (p->tcp_flags & TCP_SEEN_SYN)
                        return p->tcp_flags & TCP_SEEN_ACK; /* the answer of a SYN that was not seen */
                /* Whose port is the service? The one below the ephemeral range (RFC 6335: 49152, Linux: 32768). */
                return p->sport < p->dport && p->sport < 32768;
        case IPPROTO_UDP:
                return is_answer(t, p);
        case IPPROTO_ICMP:
        case IPPROTO_ICMPV6:
                return flow_icmp_asks(p->proto, (uint8_t) (p->sport >> 8)) != p->sport >> 8;
        case PROTO_ARP:
                return p->tcp_flags == ARP_REPLY;
        default:
                return false;
        }
}

/* Groups, broadcasts and nobody are no hosts, whatever network they are of. Which address of a network is its
 * broadcast is not known: one that ends in 255 is believed to be a host once it speaks. */
static uint8_t home_of(const struct tracker *t, const struct flow *f)
{
        const struct addr *a = f->addr;
        unsigned home = home_side(t->params.home, &a[ORIGINATOR], &a[RESPONDER]);

        if (addr_is_multicast(&a[ORIGINATOR]) || addr_is_unspecified(&a[ORIGINATOR]))
                home &= ~(unsigned) HOME_SRC;
        if (addr_is_multicast(&a[RESPONDER]) || addr_is_unspecified(&a[RESPONDER]) ||
            (home == HOME_BOTH && f->proto != IPPROTO_TCP && addr_is_v4(&a[RESPONDER]) && a[RESPONDER].b[15] == 255))
                home &= ~(unsigned) HOME_DST;
        return (uint8_t) home;
}

struct flow *tracker_open(struct tracker *t, const struct packet *p, uint32_t hash, unsigned *side)
{
        struct flow *f = flow_table_add(t->flows, p, hash);
        bool begins = p->proto != IPPROTO_TCP || p->tcp_flags & TCP_SEEN_SYN, turned;

        if (!f)
                return NULL;
        f->first = f->last = t->now;
        f->id = (uint64_t) (t->params.shard + 1) << 48 | ++t->n_flows;
        f->listed = (uint32_t) (t->now / NSEC_PER_SEC);
        turned = *side == SIDE_UNKNOWN ? is_responder(t, p) : *side == RESPONDER;
        if (!begins || (turned && p->proto == IPPROTO_UDP))
                f->marks |= FLOW_MARK_MIDSTREAM;
        if (turned)
                flow_turn(f);
        if (is_icmp(p)) /* type and code, which the key has mixed with the number; of a reply: those of its question */
                f->next_seq[ORIGINATOR] =
                        (uint32_t) flow_icmp_asks(p->proto, (uint8_t) (p->sport >> 8)) << 8 | (p->sport & 0xff);
        *side = turned ? RESPONDER : ORIGINATOR;
        f->home = home_of(t, f);
        if (f->home == HOME_NONE) {
                f->marks |= FLOW_MARK_FOREIGN | FLOW_MARK_NO_APP;
                t->stats.foreign_flows++;
        } else if (t->n_expected && p->proto != PROTO_ARP)
                tracker_match_expected(t, f);
        if (t->feeds)
                tracker_rules_open(f);
        return f;
}

/* Bytes from both ends long after the end: it was none, or not of this conversation. Who sends an RST that the other
 * end does not take does not hide what follows. */
static bool goes_on(const struct tracker *t, struct flow *f, unsigned side, const struct packet *p)
{
        if (!p->wire_len || p->tcp_flags & (TCP_SEEN_SYN | TCP_SEEN_FIN | TCP_SEEN_RST) ||
            (uint32_t) (t->now / NSEC_PER_SEC) - f->told < LATE_SECONDS)
                return false;
        f->marks |= side == ORIGINATOR ? FLOW_MARK_LATE_ORIGINATOR : FLOW_MARK_LATE_RESPONDER;
        return f->marks & FLOW_MARK_LATE_ORIGINATOR && f->marks & FLOW_MARK_LATE_RESPONDER;
}

bool tracker_opens_anew(const struct tracker *t, struct flow *f, unsigned *side, const struct packet *p)
{
        bool over = f->state == FLOW_STATE_CLOSED || f->state == FLOW_STATE_FAILED;
        unsigned flags = p->tcp_flags & (TCP_SEEN_SYN | TCP_SEEN_ACK);

        if (!(flags & TCP_SEEN_SYN))
                return over && goes_on(t, f, *side, p);
        if (flags == TCP_SEEN_SYN) {
                if (over && (*side != ORIGINATOR || p->seq != f->next_seq[ORIGINATOR] - 1)) {
                        *side = SIDE_UNKNOWN;
                        return true;
                }
                /* An established connection ignores it (RFC 5961 4.2); if the other end answers, it was none. */
                if (f->state == FLOW_STATE_ESTABLISHED && *side == ORIGINATOR &&
                    !tracker_stream_is_near(p->seq, f->next_seq[ORIGINATOR]))
                        f->syn_again = p->seq;
                return false;
        }
        return *side == RESPONDER &&
               ((f->state == FLOW_STATE_ESTABLISHED && f->syn_again && p->ack == f->syn_again + 1) ||
                /* given up by an ICMP error, and answered all the same */
                (f->state == FLOW_STATE_FAILED && !((f->tcp_seen[0] | f->tcp_seen[1]) & TCP_SEEN_RST)));
}

/* An ICMP error about a flow: what was asked cannot be had (RFC 792 type 3, RFC 4443 type 1). A connection's attempt
 * ends by it; datagrams may follow, and an answer. */
void tracker_unreachable(struct tracker *t, const struct packet *p)
{
        unsigned type = p->sport >> 8, side;
        struct flow *f;

        if (type != (p->proto == IPPROTO_ICMP ? 3 : 1) || p->quoted_proto == IPPROTO_ICMP ||
            p->quoted_proto == IPPROTO_ICMPV6 || p->sport == (3 << 8 | 4)) /* 3, 4: only too large */
                return;
        f = flow_table_find_quoted(t->flows, p, &side);
        if (!f || side != ORIGINATOR || f->state != FLOW_STATE_NEW)
                return;
        f->state = FLOW_STATE_FAILED;
        if (f->marks & FLOW_MARK_FOREIGN || f->proto != IPPROTO_TCP) {
                if (!(f->marks & FLOW_MARK_FOREIGN))
                        tracker_tell_flow(t, f, FLOW_UPDATE);
                return;
        }
        tracker_talk_end(t, f);
        tracker_tell_flow(t, f, FLOW_END);
        f->marks |= FLOW_MARK_ENDED;
        flow_table_touch(t->flows, f, FLOW_LIST_CLOSED, t->now);
}
