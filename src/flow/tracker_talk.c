/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes of flows to the decoder that understands them, and what decoding a flow needs of memory: of all talks together
 * at most the tracker's share. When it is used up, the flow that was silent longest is not decoded any further. Part of
 * the tracker; runs in the engine and in `read`. */
#include <netinet/in.h>

#include "flow/tracker_internal.h"

#define DATAGRAMS_LOOKED_AT 6 /* of an unknown flow, both directions together */
#define HANDOVERS           8 /* a proxy behind a proxy behind ...: also bounds recursion */
#define COPY_BYTES          512u
#define COPY_WITHIN         (2 * NSEC_PER_MSEC)
#define EXPECT_FOR          (60 * NSEC_PER_SEC)

static bool is_expected(const struct tracker *t, const struct expected *x, const struct flow *f)
{
        if (!x->port || x->proto != f->proto || t->now - x->when > EXPECT_FOR)
                return false;
        return (x->port == f->port[0] && addr_equal(&x->addr, &f->addr[0])) ||
               (x->port == f->port[1] && addr_equal(&x->addr, &f->addr[1]));
}

static void unlist(struct tracker *t, struct talk *talk)
{
        *(talk->older ? &talk->older->younger : &t->oldest_talk) = talk->younger;
        *(talk->younger ? &talk->younger->older : &t->youngest_talk) = talk->older;
}

static void list_youngest(struct tracker *t, struct talk *talk)
{
        talk->older = t->youngest_talk;
        talk->younger = NULL;
        *(talk->older ? &talk->older->younger : &t->oldest_talk) = talk;
        t->youngest_talk = talk;
        talk->second = (uint32_t) (t->now / NSEC_PER_SEC);
}

/* Once a second is often enough. */
static void use(struct tracker *t, struct flow *f)
{
        if (!f->talk || f->talk->second == (uint32_t) (t->now / NSEC_PER_SEC))
                return;
        unlist(t, f->talk);
        list_youngest(t, f->talk);
}

static void release(struct tracker *t, struct talk *talk)
{
        unlist(t, talk);
        for (unsigned d = 0; d < 2; d++)
                for (struct segment *s = talk->dir[d].held, *next; s; s = next) {
                        next = s->next;
                        t->stats.talk_bytes -= sizeof(*s) + s->len;
                        free(s);
                }
        t->stats.talk_bytes -= talk->size;
        free(talk);
}

static void drop(struct tracker *t, struct flow *f)
{
        if (f->talk)
                release(t, f->talk);
        f->talk = NULL;
        f->marks |= FLOW_MARK_NO_APP;
}

void tracker_talk_give_up(struct tracker *t, struct flow *f)
{
        f->marks |= FLOW_MARK_NO_APP;
        if (!f->talk)
                return;
        /* Rules still want what waits for its turn. */
        if (tracker_follows(f) && (f->talk->dir[0].held || f->talk->dir[1].held))
                f->talk->decoder = NULL;
        else
                drop(t, f);
}

void tracker_talk_drained(struct tracker *t, struct flow *f)
{
        if (f->talk && !f->talk->decoder && f->marks & FLOW_MARK_NO_APP && !f->talk->dir[0].held &&
            !f->talk->dir[1].held)
                drop(t, f);
}

void *tracker_talk_take(struct tracker *t, const struct flow *f, size_t size)
{
        void *p;

        while (t->stats.talk_bytes + size > t->params.talk_bytes) {
                struct talk *oldest = t->oldest_talk;

                if (oldest && oldest->flow == f)
                        oldest = oldest->younger;
                t->stats.talk_refused++;
                if (!oldest)
                        return NULL;
                drop(t, oldest->flow);
        }
        p = malloc(size);
        if (p)
                t->stats.talk_bytes += size;
        return p;
}

static struct talk *talk_new(struct tracker *t, struct flow *f, const struct app_decoder *decoder)
{
        uint32_t size = (uint32_t) sizeof(struct talk) + (decoder ? decoder->state_size : 0);
        struct talk *talk = tracker_talk_take(t, f, size);

        if (!talk)
                return NULL;
        memset(talk, 0, offsetof(struct talk, probe));
        memset(talk->state, 0, size - sizeof(*talk));
        talk->decoder = decoder;
        talk->flow = f;
        talk->size = size;
        talk->next = APPS;
        list_youngest(t, talk);
        return talk;
}

bool tracker_talk_need(struct tracker *t, struct flow *f)
{
        if (!f->talk && !(f->talk = talk_new(t, f, NULL))) {
                tracker_talk_give_up(t, f);
                return false;
        }
        return true;
}

static void switch_to(struct app_context *c, enum app app)
{
        struct tracker *t = c->userdata;

        if (t->flow->talk)
                t->flow->talk->next = app;
}

static struct app_context *context(struct tracker *t, struct flow *f, unsigned side)
{
        struct app_context *c = &t->context;

        t->flow = f;
        c->time = t->now;
        c->proto = f->proto;
        c->from_originator = side == ORIGINATOR;
        c->midstream = f->marks & FLOW_MARK_MIDSTREAM;
        c->originator_port = f->port[ORIGINATOR];
        c->responder_port = f->port[RESPONDER];
        c->originator = &f->addr[ORIGINATOR];
        c->responder = &f->addr[RESPONDER];
        c->rest = 0;
        c->switch_to = switch_to;
        return c;
}

/* What kind of bytes a flow begins with, for flows that nothing is known about. */
static void mark_first_bytes(struct flow *f, const uint8_t *data, uint32_t len)
{
        uint32_t text = 0, n = len < 64 ? len : 64;
        uint8_t seen[32] = {0};
        unsigned distinct = 0;

        if (f->marks & (FLOW_MARK_TEXT | FLOW_MARK_RANDOM))
                return;
        for (uint32_t i = 0; i < n; i++) {
                text += (data[i] >= 0x20 && data[i] < 0x7f) || data[i] == '\r' || data[i] == '\n' || data[i] == '\t';
                if (!(seen[data[i] >> 3] & 1u << (data[i] & 7))) {
                        seen[data[i] >> 3] |= (uint8_t) (1u << (data[i] & 7));
                        distinct++;
                }
        }
        if (text == n)
                f->marks |= FLOW_MARK_TEXT;
        /* 64 random bytes hold 56.7 different values on average, with a deviation of 2.2. */
        else if (n == 64 && distinct >= 50)
                f->marks |= FLOW_MARK_RANDOM;
}

/* The decoder is known: it gets its state. */
static bool begin_decoder(struct tracker *t, struct flow *f, enum app app)
{
        const struct app_decoder *d = t->by_app[app];
        struct talk *old = f->talk, *talk;

        f->app = app;
        if (!d || !(f->proto == IPPROTO_TCP ? d->tcp : d->udp)) {
                tracker_talk_give_up(t, f);
                return false;
        }
        talk = talk_new(t, f, d);
        if (!talk) {
                tracker_talk_give_up(t, f);
                return false;
        }
        if (old) {
                memcpy(talk->dir, old->dir, sizeof(talk->dir));
                memcpy(talk->probe, old->probe, sizeof(talk->probe));
                memset(old->dir, 0, sizeof(old->dir));
                release(t, old);
        }
        f->talk = talk;
        return true;
}

/* The decoder hands over to another one. */
static void hand_over(struct tracker *t, struct flow *f, enum app next)
{
        if (f->talk->decoder->end)
                f->talk->decoder->end(f->talk->state, context(t, f, ORIGINATOR));
        f->talk->next = APPS;
        if (++f->handovers > HANDOVERS) {
                tracker_talk_give_up(t, f);
                return;
        }
        if (next != APP_UNKNOWN) {
                (void) begin_decoder(t, f, next);
                return;
        }
        /* Looked at anew, as a flow that begins here. */
        f->talk->decoder = NULL;
        f->marks &= ~(uint32_t) (FLOW_MARK_NOT_ORIGINATOR | FLOW_MARK_NOT_RESPONDER);
        for (unsigned s = 0; s < 2; s++)
                f->talk->dir[s].probe_len = 0;
}

/* To the decoder; did it give up, or hand over? A piece may hand over several times, each time with a shorter rest. */
static void decode(struct tracker *t, struct flow *f, unsigned side, const uint8_t *data, uint32_t len)
{
        uint32_t rest;
        int r = f->talk->decoder->data(f->talk->state, context(t, f, side), data, len);

        if (r != 0) {
                t->stats.broken += r < 0;
                tracker_talk_give_up(t, f);
                return;
        }
        if (f->talk->next == APPS)
                return;
        rest = t->context.rest;
        hand_over(t, f, f->talk->next);
        if (f->talk && rest && rest < len)
                tracker_talk_deliver(t, f, side, data + len - rest, rest);
}

static uint32_t not_of(unsigned side)
{
        return side == ORIGINATOR ? FLOW_MARK_NOT_ORIGINATOR : FLOW_MARK_NOT_RESPONDER;
}

/* Bytes of a flow of which nothing is known: what does it speak? */
static void recognise(struct tracker *t, struct flow *f, unsigned side, const uint8_t *data, uint32_t len)
{
        struct talk *talk = f->talk;
        const uint8_t *look = data;
        uint32_t look_len = len, kept = 0;
        enum app app = APP_UNKNOWN;
        uint8_t copy[PROBE_BYTES];

        if (f->marks & not_of(side))
                return;
        if (talk && (kept = talk->dir[side].probe_len)) {
                uint32_t more = MIN(len, PROBE_BYTES - kept);

                memcpy(talk->probe[side] + kept, data, more);
                look = talk->probe[side];
                look_len = kept + more;
        }
        switch (app_recognise(context(t, f, side), look, look_len, &app)) {
        case APP_YES:
                memcpy(copy, look, kept);
                if (talk)
                        talk->dir[side].probe_len = 0;
                if (!begin_decoder(t, f, app))
                        return;
                if (kept)
                        tracker_talk_deliver(t, f, side, copy, kept);
                if (f->talk)
                        tracker_talk_deliver(t, f, side, data, len);
                return;
        case APP_MORE:
                if (look_len >= PROBE_BYTES)
                        break;
                if (!tracker_talk_need(t, f))
                        return;
                memcpy(f->talk->probe[side] + kept, data, len);
                f->talk->dir[side].probe_len = (uint8_t) look_len;
                return;
        case APP_NO:
                break;
        }
        mark_first_bytes(f, look, look_len);
        f->marks |= not_of(side);
        if (f->marks & not_of(!side))
                tracker_talk_give_up(t, f);
}

/* Bytes that were kept of the other direction, before it was known what the flow speaks, go first. */
static void deliver_kept(struct tracker *t, struct flow *f, unsigned side)
{
        struct stream *s = &f->talk->dir[side];
        uint8_t copy[PROBE_BYTES];
        uint32_t len = s->probe_len;

        if (!len)
                return;
        s->probe_len = 0;
        memcpy(copy, f->talk->probe[side], len);
        decode(t, f, side, copy, len);
}

/* An announcement is only what somebody says: it does not hide a dialog that we know by its first bytes. */
static bool is_dialog(struct tracker *t, struct flow *f, unsigned side, const uint8_t *data, uint32_t len)
{
        enum app app = APP_UNKNOWN;

        return app_recognise(context(t, f, side), data, len, &app) == APP_YES &&
               (app == APP_IRC || app == APP_SMTP || app == APP_HTTP || app == APP_TLS);
}

/* The announcement of a flow that is marked as announced. */
static bool begin_expected(struct tracker *t, struct flow *f, unsigned side, const uint8_t *data, uint32_t len)
{
        f->marks &= ~(uint32_t) FLOW_MARK_EXPECTED;
        if (is_dialog(t, f, side, data, len))
                return false;
        for (uint32_t i = 0; i < t->n_expected; i++) {
                struct expected *x = &t->expected[i];
                struct slice name = {.p = x->name, .len = x->name_len};

                if (!is_expected(t, x, f))
                        continue;
                x->port = 0;
                if (!begin_decoder(t, f, x->app))
                        return false;
                if (f->talk->decoder->begin)
                        f->talk->decoder->begin(f->talk->state, &name);
                return true;
        }
        return false;
}

void tracker_talk_deliver(struct tracker *t, struct flow *f, unsigned side, const uint8_t *data, uint32_t len)
{
        if (f->marks & FLOW_MARK_NO_APP)
                return;
        use(t, f);
        if (f->marks & FLOW_MARK_EXPECTED)
                (void) begin_expected(t, f, side, data, len);
        if (!f->talk || !f->talk->decoder) {
                if (!(f->marks & FLOW_MARK_NO_APP))
                        recognise(t, f, side, data, len);
                return;
        }
        deliver_kept(t, f, !side);
        if (f->talk && f->talk->decoder)
                decode(t, f, side, data, len);
}

void tracker_talk_lost(struct tracker *t, struct flow *f, unsigned side, uint32_t bytes)
{
        t->stats.lost_bytes += bytes;
        if (!f->talk)
                return;
        if (!f->talk->decoder) {
                f->talk->dir[side].probe_len = 0;
                return;
        }
        if (!f->talk->decoder->lost) {
                tracker_talk_give_up(t, f);
                return;
        }
        f->talk->decoder->lost(f->talk->state, context(t, f, side), bytes);
}

/* A mirror port that sees a packet come and go delivers it twice: the same bytes within COPY_WITHIN are no second
 * message. For datagrams the numbers of TCP hold the hash of the last ones. */
static bool is_copy(const struct tracker *t, struct flow *f, unsigned side, const struct packet *p)
{
        uint64_t hash = p->wire_len + 1ull, word;
        uint32_t len = MIN(p->payload_len, COPY_BYTES), last = f->next_seq[side];

        for (uint32_t i = 0; i < len; i += sizeof(word)) {
                word = 0;
                memcpy(&word, p->payload + i, MIN(len - i, (uint32_t) sizeof(word)));
                hash = (hash ^ word) * 0x9e3779b97f4a7c15ull; /* 2^64 / golden ratio */
                hash ^= hash >> 32;
        }
        f->next_seq[side] = (uint32_t) hash;
        return f->pkts[side] > 1 && last == (uint32_t) hash && t->now - f->last <= COPY_WITHIN;
}

static bool recognise_datagram(struct tracker *t, struct flow *f, unsigned side, const struct packet *p)
{
        const struct app_decoder *d;
        enum app app = APP_UNKNOWN;

        if (app_recognise(context(t, f, side), p->payload, p->payload_len, &app) != APP_YES) {
                mark_first_bytes(f, p->payload, p->payload_len);
                if (f->pkts[0] + f->pkts[1] >= DATAGRAMS_LOOKED_AT)
                        f->marks |= FLOW_MARK_NO_APP;
                return false;
        }
        f->app = app;
        d = t->by_app[app];
        if (!d || !d->udp) {
                f->marks |= FLOW_MARK_NO_APP;
                return false;
        }
        if (d->state_size && !(f->talk = talk_new(t, f, d))) {
                tracker_talk_give_up(t, f);
                return false;
        }
        return true;
}

void tracker_datagram(struct tracker *t, struct flow *f, unsigned side, const struct packet *p)
{
        if (f->proto != IPPROTO_UDP)
                return;
        if (is_copy(t, f, side, p)) {
                t->stats.duplicate_datagrams++;
                return;
        }
        use(t, f);
        if (f->marks & FLOW_MARK_EXPECTED)
                (void) begin_expected(t, f, side, p->payload, p->payload_len);
        if (f->marks & FLOW_MARK_NO_APP || (f->app == APP_UNKNOWN && !recognise_datagram(t, f, side, p)))
                return;
        if (t->by_app[f->app]->data(f->talk ? f->talk->state : NULL, context(t, f, side), p->payload, p->payload_len) <
            0)
                t->stats.broken++; /* one bad datagram says nothing of the next */
}

void tracker_talk_end(struct tracker *t, struct flow *f)
{
        tracker_stream_flush(t, f); /* what still waits behind a gap is told before the end */
        if (f->talk && f->talk->decoder && f->talk->decoder->end)
                f->talk->decoder->end(f->talk->state, context(t, f, ORIGINATOR));
        drop(t, f);
        if (t->feeds)
                tracker_rules_end(t, f);
}

void tracker_expect(struct app_context *c, const struct addr *addr, uint16_t port, enum app app,
                    const struct slice *name)
{
        struct tracker *t = c->userdata;
        struct expected *x = NULL;

        for (uint32_t i = 0; i < t->n_expected && !x; i++)
                if (t->expected[i].port == port && t->expected[i].proto == c->proto &&
                    addr_equal(&t->expected[i].addr, addr))
                        x = &t->expected[i];
        if (!x) {
                x = &t->expected[t->next_expected];
                t->n_expected = MIN(t->n_expected + 1, (uint32_t) EXPECTED);
                t->next_expected = (t->next_expected + 1) % EXPECTED;
        }
        *x = (struct expected){.addr = *addr, .port = port, .proto = c->proto, .app = (uint8_t) app, .when = t->now};
        if (name && name->p) {
                x->name_len = (uint8_t) MIN(name->len, sizeof(x->name));
                memcpy(x->name, name->p, x->name_len);
        }
}

void tracker_match_expected(struct tracker *t, struct flow *f)
{
        for (uint32_t i = 0; i < t->n_expected; i++)
                if (is_expected(t, &t->expected[i], f)) {
                        f->marks |= FLOW_MARK_EXPECTED;
                        return;
                }
}
