/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An inspector that looks at nothing and writes down what it was given, and a tracker that feeds it. */
#ifndef SEKIMORI_TEST_RULES_RIG_H
#define SEKIMORI_TEST_RULES_RIG_H

#include "flow_rig.h"
#include "rules/inspect.h"

#define STREAM INSPECT_STREAM
#define PACKET INSPECT_PACKET
#define SERVER INSPECT_TO_SERVER

#define SEEN_MAX  512
#define SEEN_TEXT 9000
static struct seen {
        uint32_t flags, events, transaction;
        uint8_t app, proto;
        uint16_t sport, dport;
        uint64_t have, scan, coming;
        bool packet;
        uint32_t fresh, base, len; /* of PAYLOAD */
        char payload[SEEN_TEXT];
        char uri[256], host[64], body[256];
        uint32_t body_fresh;
} * seen;
static unsigned n_seen;
static uint64_t want_stream = UINT64_MAX, want_packets = 0;
static bool keeps; /* every flow is kept something of */
static unsigned n_kept;

static void text_of(const struct inspect_input *in, enum rule_buffer b, char *to, size_t size)
{
        to[0] = '\0';
        if (in->have & BUFFER_BIT(b)) {
                size_t n = in->buffers[b].len < size - 1 ? in->buffers[b].len : size - 1;

                memcpy(to, in->buffers[b].data, n);
                to[n] = '\0';
        }
}

static int fake_make(const struct inspect_params *params, struct inspector **ret)
{
        (void) params;
        *ret = (struct inspector *) &seen;
        return 0;
}

static void fake_free(struct inspector *i)
{
        (void) i;
}

static uint64_t fake_wants(const struct inspector *i, const struct inspect_input *in)
{
        (void) i;
        return in->flags & INSPECT_STREAM ? want_stream : want_packets;
}

static void fake_inspect(struct inspector *i, const struct inspect_input *in)
{
        struct seen *s = &seen[n_seen];

        (void) i;
        assert_true(n_seen < SEEN_MAX);
        n_seen++;
        *s = (struct seen){.flags = in->flags,
                           .events = in->events,
                           .transaction = in->transaction,
                           .app = in->app,
                           .proto = in->proto,
                           .sport = in->sport,
                           .dport = in->dport,
                           .have = in->have,
                           .scan = in->scan,
                           .coming = in->coming,
                           .packet = in->packet};
        if (in->have & BUFFER_BIT(BUFFER_PAYLOAD)) {
                s->fresh = in->buffers[BUFFER_PAYLOAD].fresh;
                s->len = in->buffers[BUFFER_PAYLOAD].len;
                s->base = (uint32_t) in->buffers[BUFFER_PAYLOAD].base;
                assert_true(s->fresh <= s->len);
        }
        text_of(in, BUFFER_PAYLOAD, s->payload, sizeof(s->payload));
        text_of(in, BUFFER_HTTP_URI, s->uri, sizeof(s->uri));
        text_of(in, BUFFER_HTTP_HOST, s->host, sizeof(s->host));
        text_of(in, BUFFER_FILE_DATA, s->body, sizeof(s->body));
        if (in->have & BUFFER_BIT(BUFFER_FILE_DATA))
                s->body_fresh = in->buffers[BUFFER_FILE_DATA].fresh;
        if (keeps && !*in->flow) {
                *in->flow = (struct inspect_flow *) &n_kept;
                n_kept++;
        }
}

static void fake_flow_end(struct inspector *i, struct inspect_flow **flow)
{
        (void) i;
        if (*flow)
                n_kept--;
        *flow = NULL;
}

static const struct tracker_inspector fake = {fake_make, fake_free, fake_wants, fake_inspect, fake_flow_end};

struct rig {
        struct tracker *t;
        struct home *home;
        uint32_t client, server;
        uint16_t cport, sport;
        uint32_t cseq, sseq;
        nsec_t now;
};

static bool strict; /* only streams whose handshake was seen */

static inline struct rig rig_new(uint32_t rule_bytes)
{
        struct rig r = {.home = make_home(),
                        .client = HOME_HOST,
                        .server = OUTSIDE_HOST,
                        .cport = 40000,
                        .sport = 80,
                        .cseq = 1000,
                        .sseq = 5000,
                        .now = T0};
        struct tracker_params params = {.home = r.home,
                                        .flows = 1024,
                                        .talk_bytes = 1u << 20,
                                        .rule_bytes = rule_bytes,
                                        .rule_midstream = !strict,
                                        .inspector = &fake,
                                        .event = hear};

        seen = seen ? seen : malloc(SEEN_MAX * sizeof(*seen));
        n_seen = n_said = n_kept = 0;
        keeps = false;
        want_stream = UINT64_MAX;
        want_packets = 0;
        assert_int_equal(tracker_new(&params, &r.t), 0);
        return r;
}

static inline void rig_free(struct rig *r)
{
        tracker_finish(r->t, r->now);
        tracker_free(r->t);
        home_free(r->home);
        assert_int_equal(n_kept, 0);
}

/* A segment at an offset of the side's stream. */
static inline void segment(struct rig *r, bool client, uint32_t offset, const char *data, uint8_t flags)
{
        struct made m;

        r->now += NSEC_PER_MSEC;
        tracker_frame(r->t,
                      make_tcp(&m, r->now,
                               (struct tcp){.src = client ? r->client : r->server,
                                            .dst = client ? r->server : r->client,
                                            .sport = client ? r->cport : r->sport,
                                            .dport = client ? r->sport : r->cport,
                                            .flags = flags,
                                            .seq = (client ? r->cseq : r->sseq) + offset,
                                            .ack = flags & ACK ? (client ? r->sseq : r->cseq) : 0,
                                            .data = data}),
                      r->now);
}

static inline void handshake(struct rig *r)
{
        segment(r, true, (uint32_t) -1, NULL, SYN);
        segment(r, false, (uint32_t) -1, NULL, SYN | ACK);
        segment(r, true, 0, NULL, ACK);
        n_seen = 0;
}

static uint32_t n_sent[2]; /* bytes by server, client */
static inline void say(struct rig *r, bool client, const char *data)
{
        segment(r, client, n_sent[client], data, ACK | PSH);
        n_sent[client] += (uint32_t) strlen(data);
}

static inline void hang_up(struct rig *r)
{
        segment(r, true, n_sent[1], NULL, FIN | ACK);
        segment(r, false, n_sent[0], NULL, FIN | ACK);
}

/* The inspections that had all of these flags and none of the others. */
static inline const struct seen *find_seen(unsigned nth, uint32_t with, uint32_t without)
{
        for (unsigned i = 0; i < n_seen; i++)
                if ((seen[i].flags & with) == with && !(seen[i].flags & without) && nth-- == 0)
                        return &seen[i];
        return NULL;
}

static inline unsigned count_seen(uint32_t with, uint32_t without)
{
        unsigned n = 0;

        while (find_seen(n, with, without))
                n++;
        return n;
}

static inline struct rig open_flow(void)
{
        struct rig r = rig_new(1u << 20);

        n_sent[0] = n_sent[1] = 0;
        handshake(&r);
        return r;
}

/* All that was fresh in a direction, one after the other: every byte once and in its place. */
static inline void assert_stream(uint32_t flags, uint32_t without, const char *whole)
{
        static char got[1u << 16];
        uint32_t n = 0;

        for (unsigned i = 0; i < n_seen; i++) {
                const struct seen *s = &seen[i];

                if ((s->flags & (flags | STREAM)) != (flags | STREAM) || s->flags & without ||
                    !(s->scan & BUFFER_BIT(BUFFER_PAYLOAD)))
                        continue;
                assert_int_equal(s->base + s->len - s->fresh, n);
                memcpy(got + n, s->payload + s->len - s->fresh, s->fresh);
                n += s->fresh;
        }
        got[n] = '\0';
        assert_string_equal(got, whole);
}

#endif
