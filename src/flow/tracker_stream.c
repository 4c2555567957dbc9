/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TCP's bytes into their order. The common packet, in order, copies nothing. Part of the tracker; runs in the engine
 * and in `read`.
 *
 * The bytes that came first stand, whoever sends others for their place later. Sequence numbers are followed only while
 * somebody wants the bytes (tracker_follows()). Whoever does not know them cannot end a flow or lead its stream
 * astray: numbers further away than STREAM_NEAR are not believed unless the other end acknowledges them. */
#include <netinet/in.h>

#include "flow/tracker_internal.h"

/* What a 64 byte Ethernet frame has room for beside the headers of IPv4 and TCP. */
#define PADDING_MAX 6

static inline uint32_t known_of(unsigned side)
{
        return side == ORIGINATOR ? FLOW_MARK_SEQ_ORIGINATOR : FLOW_MARK_SEQ_RESPONDER;
}

static void begin_at(struct flow *f, unsigned side, uint32_t seq)
{
        f->next_seq[side] = seq;
        f->marks |= known_of(side);
}

static void cut_front(struct piece *g, uint32_t n)
{
        uint32_t bytes = MIN(n, g->len);

        g->seq += n;
        g->data += bytes;
        g->len -= bytes;
        g->lost -= MIN(g->lost, n - bytes);
}

/* The next bytes of a direction, and what of them was not captured. */
static void advance(struct tracker *t, struct flow *f, unsigned side, const uint8_t *data, uint32_t len, uint32_t lost)
{
        f->next_seq[side] += len + lost;
        f->zeros[side] = 0;
        if (len)
                tracker_talk_deliver(t, f, side, data, len);
        if (len && f->marks & FLOW_RULES(side, FLOW_RULES_STREAM))
                tracker_rules_stream(t, f, side, data, len);
        if (!lost)
                return;
        tracker_talk_lost(t, f, side, lost);
        if (f->marks & FLOW_RULES(side, FLOW_RULES_STREAM))
                tracker_rules_lost(t, f, side, lost);
}

/* Up to `lost` bytes were not captured here; perhaps they were in another segment, which waits. */
static void pass_over(struct tracker *t, struct flow *f, unsigned side, uint32_t lost)
{
        if (f->talk && f->talk->dir[side].held) {
                int32_t room = (int32_t) (f->talk->dir[side].held->seq - f->next_seq[side]);

                lost = MIN(lost, (uint32_t) MAX(room, 0));
        }
        advance(t, f, side, NULL, 0, lost);
}

static void forget(struct tracker *t, struct stream *s, struct segment *g)
{
        s->n_held--;
        s->held_bytes -= g->len;
        t->stats.talk_bytes -= sizeof(*g) + g->len;
}

/* What waited and is next now. */
static void drain(struct tracker *t, struct flow *f, unsigned side)
{
        while (f->talk && f->talk->dir[side].held) {
                struct stream *s = &f->talk->dir[side];
                struct segment *g = s->held;
                uint32_t skip = f->next_seq[side] - g->seq, end = g->seq + g->len + g->lost;

                if ((int32_t) skip < 0)
                        return;
                s->held = g->next;
                forget(t, s, g);
                if (skip < g->len)
                        advance(t, f, side, g->data + skip, g->len - skip, 0);
                if ((int32_t) (end - f->next_seq[side]) > 0)
                        pass_over(t, f, side, end - f->next_seq[side]);
                free(g);
        }
        tracker_talk_drained(t, f);
}

/* The bytes up to the first that waits will not come. */
static void skip_gap(struct tracker *t, struct flow *f, unsigned side)
{
        advance(t, f, side, NULL, 0, f->talk->dir[side].held->seq - f->next_seq[side]);
        drain(t, f, side);
}

/* Is what waits behind a gap a part of this stream, as far as one can tell without an acknowledgement? When nothing of
 * the other end was captured there is none. */
static bool gap_stands(const struct flow *f, unsigned side)
{
        return tracker_stream_is_near(f->talk->dir[side].held->seq, f->next_seq[side]) || !f->pkts[!side];
}

/* Too much waits: the first gap is given up, or else what is furthest away. */
static void make_room(struct tracker *t, struct flow *f, unsigned side)
{
        struct stream *s = &f->talk->dir[side];
        struct segment **at = &s->held;

        if (gap_stands(f, side)) {
                skip_gap(t, f, side);
                return;
        }
        while ((*at)->next)
                at = &(*at)->next;
        forget(t, s, *at);
        t->stats.stray_segments++;
        free(*at);
        *at = NULL;
}

static bool keep(struct tracker *t, struct flow *f, unsigned side, struct segment **at, const struct piece *p)
{
        struct segment *g = tracker_talk_take(t, f, sizeof(*g) + p->len);

        if (!g) {
                tracker_talk_give_up(t, f);
                return false;
        }
        *g = (struct segment){.next = *at, .seq = p->seq, .len = p->len, .lost = p->lost};
        memcpy(g->data, p->data, p->len);
        *at = g;
        f->talk->dir[side].n_held++;
        f->talk->dir[side].held_bytes += p->len;
        t->stats.held_segments++;
        return true;
}

/* A segment that comes too early waits, but for those places for which others wait already. */
static void hold(struct tracker *t, struct flow *f, unsigned side, struct piece *p)
{
        struct segment **at;
        bool kept = false;

        if (!p->len || !tracker_talk_need(t, f))
                return;
        for (at = &f->talk->dir[side].held; p->len; at = &(*at)->next) {
                const struct segment *h = *at;

                if (h && (int32_t) (h->seq - p->seq) <= 0) {
                        int32_t over = (int32_t) (h->seq + h->len - p->seq);

                        if (over > 0)
                                cut_front(p, (uint32_t) over);
                } else {
                        struct piece part = *p;

                        if (h && h->seq - p->seq < p->len) {
                                part.len = h->seq - p->seq;
                                part.lost = 0;
                        }
                        if (!keep(t, f, side, at, &part))
                                return;
                        kept = true;
                        cut_front(p, part.len);
                }
        }
        t->stats.duplicate_segments += !kept;
        while (f->talk && (f->talk->dir[side].n_held > STREAM_SEGMENTS || f->talk->dir[side].held_bytes > STREAM_BYTES))
                make_room(t, f, side);
}

/* Ethernet's padding, which captures that were rewritten count as payload: zeros in a bare ACK. */
static bool is_padding(const struct packet *p)
{
        static const uint8_t zeros[PADDING_MAX];

        return p->wire_len <= PADDING_MAX && p->payload_len == p->wire_len && (p->tcp_flags & 0x3f) == TCP_SEEN_ACK &&
               memcmp(p->payload, zeros, p->wire_len) == 0;
}

/* Zeros that may be padding wait for what comes next: in their place, then they were; or behind them. Only their number
 * is kept. */
static void look_at_zeros(struct tracker *t, struct flow *f, unsigned side, uint32_t seq)
{
        static const uint8_t zeros[PADDING_MAX];

        if (seq - f->next_seq[side] == f->zeros[side])
                advance(t, f, side, zeros, f->zeros[side], 0);
        else if (seq == f->next_seq[side])
                f->zeros[side] = 0;
}

void tracker_stream_data(struct tracker *t, struct flow *f, unsigned side, const struct packet *p)
{
        struct piece g = {.seq = p->seq + ((p->tcp_flags & TCP_SEEN_SYN) != 0),
                          .data = p->payload,
                          .len = p->payload_len,
                          .lost = p->wire_len - p->payload_len};
        bool padding = is_padding(p);
        int32_t ahead;

        if (!(f->marks & known_of(side))) { /* this direction's beginning was not seen: it begins here */
                if (padding)
                        return;
                begin_at(f, side, g.seq);
        }
        if (f->zeros[side])
                look_at_zeros(t, f, side, g.seq);
        ahead = (int32_t) (g.seq - f->next_seq[side]);
        if (padding) {
                if (ahead == 0)
                        f->zeros[side] = (uint8_t) p->wire_len;
                return;
        }
        if (ahead < 0) { /* sent again, or a keep-alive: the byte before the next */
                if (f->feed && g.len)
                        tracker_rules_again(t, f, side, &g, (uint32_t) -ahead);
                if ((uint32_t) -ahead >= g.len + g.lost) {
                        t->stats.duplicate_segments++;
                        return;
                }
                cut_front(&g, (uint32_t) -ahead);
        }
        if (ahead > 0) {
                hold(t, f, side, &g);
        } else if (!f->talk || !f->talk->dir[side].held) {
                advance(t, f, side, g.data, g.len, g.lost);
        } else {
                if (g.len)
                        hold(t, f, side, &g);
                else
                        pass_over(t, f, side, g.lost);
                drain(t, f, side);
        }
}

/* The other side acknowledged bytes of `side`: those that are missing here were never captured. */
void tracker_stream_ack(struct tracker *t, struct flow *f, unsigned side, uint32_t ack)
{
        while (f->talk && f->talk->dir[side].held && (int32_t) (ack - f->talk->dir[side].held->seq) > 0)
                skip_gap(t, f, side);
}

/* What the other end acknowledges decides between several SYNs of different numbers. */
static void settle(struct flow *f, unsigned side, uint32_t next)
{
        if (!(f->marks & known_of(side)) || (!tracker_stream_is_near(f->next_seq[side], next) && !f->bytes[side]))
                begin_at(f, side, next);
}

void tracker_stream_open(struct flow *f, unsigned side, const struct packet *p)
{
        if (p->tcp_flags & TCP_SEEN_SYN && !(f->marks & known_of(side)))
                begin_at(f, side, p->seq + 1);
        if (p->tcp_flags & TCP_SEEN_ACK && (p->tcp_flags | f->tcp_seen[!side]) & TCP_SEEN_SYN)
                settle(f, !side, p->ack);
}

bool tracker_stream_believes(const struct flow *f, unsigned side, const struct packet *p)
{
        bool ack = p->tcp_flags & TCP_SEEN_ACK && f->marks & known_of(!side);

        if (!tracker_follows(f) || (!(f->marks & known_of(side)) && !ack))
                return true;
        return (f->marks & known_of(side) && tracker_stream_is_near(p->seq, f->next_seq[side])) ||
               (ack && tracker_stream_is_near(p->ack, f->next_seq[!side]));
}

void tracker_stream_flush(struct tracker *t, struct flow *f)
{
        for (unsigned side = 0; side < 2; side++)
                while (f->talk && f->talk->dir[side].held && gap_stands(f, side))
                        skip_gap(t, f, side);
}
