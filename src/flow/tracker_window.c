/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Streams to rules. Of each direction a window stands in memory: fresh bytes, and before them what a relative match may
 * need. Fresh bytes are looked at with their packet when somebody wants that packet; else when there are FEED_CHUNK of
 * them, when the other side answers, with the next second, or at the end, whatever comes first. Part of the tracker;
 * runs in the engine and in `read`, in a worker's thread. */
#include "flow/feed.h"

void tracker_window_inspect(struct feeds *fs, struct feed *d, unsigned side, uint32_t flags)
{
        struct feed_side *s = &d->side[side];
        struct inspect_input *in;

        if (!(s->wants & BUFFER_BIT(BUFFER_PAYLOAD))) { /* it stands there to be recognised */
                s->fresh = 0;
                return;
        }
        in = tracker_rules_input(fs, d->flow, side, flags | INSPECT_STREAM);
        fs->buffers[BUFFER_PAYLOAD] = (struct inspect_buffer){.data = s->window ? s->window : fs->scratch,
                                                              .len = s->len,
                                                              .fresh = s->fresh,
                                                              .base = s->base,
                                                              .complete = flags & INSPECT_FINAL};
        in->have = in->scan = BUFFER_BIT(BUFFER_PAYLOAD);
        if (flags & INSPECT_PACKET) {
                in->packet = fs->packet;
                in->flags |= fs->packet_flags;
                fs->packet = NULL;
        }
        tracker_rules_inspect(fs, d->flow);
        s->fresh = 0;
}

/* Bytes that found no memory for a window are looked at alone. */
static void inspect_alone(struct feeds *fs, struct feed *d, unsigned side, const uint8_t *data, uint32_t len)
{
        struct inspect_input *in;

        if (!(d->side[side].wants & BUFFER_BIT(BUFFER_PAYLOAD)))
                return;
        in = tracker_rules_input(fs, d->flow, side, INSPECT_STREAM);
        fs->buffers[BUFFER_PAYLOAD] =
                (struct inspect_buffer){.data = data, .len = len, .fresh = len, .base = d->side[side].base};
        in->have = in->scan = BUFFER_BIT(BUFFER_PAYLOAD);
        tracker_rules_inspect(fs, d->flow);
}

static void no_more(struct feeds *fs, struct feed *d, unsigned side)
{
        if (d->side[side].fresh)
                tracker_window_inspect(fs, d, side, 0);
        feed_drop_window(fs, d, side);
        d->flow->marks &= ~FLOW_RULES(side, FLOW_RULES_STREAM);
}

static struct feed *begin(struct feeds *fs, struct flow *f)
{
        uint64_t wants[2] = {tracker_rules_wants(fs, f, ORIGINATOR), tracker_rules_wants(fs, f, RESPONDER)};
        struct feed *d = wants[0] | wants[1] ? feed_need(fs, f) : NULL;

        if (!d) {
                f->marks &= ~(FLOW_RULES(ORIGINATOR, FLOW_RULES_STREAM) | FLOW_RULES(RESPONDER, FLOW_RULES_STREAM));
                return NULL;
        }
        for (unsigned side = 0; side < 2; side++) {
                d->side[side].wants = wants[side];
                d->side[side].base = d->side[side].probe = 0;
        }
        d->last_side = 2;
        d->flags |= FEED_BEGUN;
        return d;
}

/* The other side speaks now: what this one said is complete for the time being. */
static void turn(struct feeds *fs, struct feed *d, unsigned to)
{
        unsigned from = d->last_side;

        d->last_side = (uint8_t) to;
        if (from > RESPONDER)
                return;
        tracker_content_flush(fs, d, from);
        if (d->side[from].fresh)
                tracker_window_inspect(fs, d, from, 0);
}

/* Does somebody look at the stream itself, or must its first bytes be kept until it is known what they are? */
static bool needs_window(const struct feed *d, unsigned side)
{
        return d->side[side].wants & BUFFER_BIT(BUFFER_PAYLOAD) || tracker_content_looks(d, side);
}

/* A part of a segment, as much as the window takes beside what must stay there. */
static uint32_t take(struct feeds *fs, struct feed *d, unsigned side, const uint8_t *data, uint32_t len)
{
        struct feed_side *s = &d->side[side];
        uint32_t n;

        if (!needs_window(d, side)) {
                feed_drop_window(fs, d, side);
                s->base += len;
                tracker_content_take(fs, d, side, data, len);
                return len;
        }
        static_assert(FEED_CHUNK + FEED_ROOM - FEED_KEEP <= FEED_ROOM, "fresh bytes stay");
        len = MIN(len, FEED_ROOM - FEED_KEEP);
        n = feed_append(fs, d, side, data, len);
        if (n < len) { /* no memory */
                if (s->fresh)
                        tracker_window_inspect(fs, d, side, 0);
                feed_drop_window(fs, d, side);
                inspect_alone(fs, d, side, data + n, len - n);
                s->base += len - n;
        }
        tracker_content_take(fs, d, side, data, len);
        return len;
}

void tracker_rules_stream(struct tracker *t, struct flow *f, unsigned side, const uint8_t *data, uint32_t len)
{
        struct feeds *fs = t->feeds;
        struct feed *d = feed_of(fs, f);
        bool whole = fs->packet && data == fs->packet->payload && len == fs->packet->payload_len;

        if (!tracker_rules_joined(t, f))
                return;
        if ((!d || !(d->flags & FEED_BEGUN)) && !(d = begin(fs, f)))
                return;
        feed_use(fs, d);
        if (d->last_side != side)
                turn(fs, d, side);
        len = MIN(len, FEED_DEPTH - MIN(FEED_DEPTH, feed_total(&d->side[side])));
        while (len && f->marks & FLOW_RULES(side, FLOW_RULES_STREAM)) {
                uint32_t n = take(fs, d, side, data, len);

                data += n;
                len -= n;
                if (d->side[side].fresh >= FEED_CHUNK && !(whole && !len))
                        tracker_window_inspect(fs, d, side, 0);
        }
        if (!(f->marks & FLOW_RULES(side, FLOW_RULES_STREAM)))
                return;
        if (d->flags & FEED_APP_DONE && !d->parser && !needs_window(d, side)) {
                no_more(fs, d, side);
                return;
        }
        if (whole && d->side[side].fresh >= fs->packet->payload_len)
                tracker_window_inspect(fs, d, side, INSPECT_PACKET | INSPECT_STREAM_ADDED);
        if (feed_total(&d->side[side]) >= FEED_DEPTH)
                no_more(fs, d, side);
        else
                feed_wait(fs, d);
}

void tracker_rules_lost(struct tracker *t, struct flow *f, unsigned side, uint32_t bytes)
{
        struct feeds *fs = t->feeds;
        struct feed *d = feed_of(fs, f);
        struct feed_side *s;

        if (!d || !(d->flags & FEED_BEGUN))
                return;
        s = &d->side[side];
        d->events |= 1u << RULE_EVENT_STREAM_REASSEMBLY_GAP;
        if (s->fresh)
                tracker_window_inspect(fs, d, side, 0);
        feed_drop_window(fs, d, side);
        s->base += MIN(bytes, FEED_DEPTH - MIN(FEED_DEPTH, s->base));
        s->probe = s->base;
        tracker_content_lost(fs, d, side, bytes);
        if (s->base >= FEED_DEPTH)
                no_more(fs, d, side);
}

void tracker_rules_again(struct tracker *t, struct flow *f, unsigned side, const struct piece *p, uint32_t back)
{
        struct feed *d = feed_of(t->feeds, f);
        const struct feed_side *s = &d->side[side];
        const uint8_t *data = p->data;
        uint32_t n = MIN(p->len, back), behind = back - n; /* of what is known, behind these bytes */

        if (s->len <= behind)
                return;
        if (n > s->len - behind) {
                data += n - (s->len - behind);
                n = s->len - behind;
        }
        if (memcmp(s->window + s->len - behind - n, data, n) != 0)
                d->events |= 1u << RULE_EVENT_STREAM_OVERLAP_DIFFERENT;
}

void tracker_window_tick(struct feeds *fs, struct feed *d)
{
        unsigned side = d->last_side;

        if (side <= RESPONDER)
                turn(fs, d, side);
}

void tracker_window_end(struct feeds *fs, struct feed *d)
{
        if (!(d->flags & FEED_BEGUN))
                return;
        d->flags |= FEED_APP_DONE;
        tracker_content_end(fs, d, true);
        for (unsigned side = 0; side < 2; side++)
                if (d->side[side].fresh || (d->kept && feed_total(&d->side[side]) && !(d->flags & FEED_SEALED)))
                        tracker_window_inspect(fs, d, side, INSPECT_FINAL);
}
