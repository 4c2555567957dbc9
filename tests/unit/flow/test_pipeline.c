/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The packet engine as a whole: one order of events whatever the number of workers, engine time, seconds, losses. */
#include <errno.h>
#include <stdio.h>

#include "flow/pipeline.h"
#include "flow_rig.h"

#define ROUNDS 40

static uint64_t random_state;

static uint32_t any(uint32_t below)
{
        random_state ^= random_state << 13; /* xorshift64, Marsaglia 2003 */
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (uint32_t) (random_state >> 32) % below;
}

struct heard {
        uint64_t digest; /* of all events in order */
        uint64_t events, advances;
        nsec_t time;
};

static void add_bytes(struct heard *h, const void *p, size_t n)
{
        for (size_t i = 0; i < n; i++)
                h->digest = (h->digest ^ ((const uint8_t *) p)[i]) * 0x100000001b3ull; /* FNV-1a */
}

static void hear_all(void *userdata, const struct event *e)
{
        struct heard *h = userdata;

        assert_true(e->time >= h->time);
        h->time = e->time;
        h->events++;
        add_bytes(h, &e->time, sizeof(e->time));
        add_bytes(h, &e->type, sizeof(e->type));
        add_bytes(h, &e->op, sizeof(e->op));
        if (e->type == EVENT_FLOW) {
                add_bytes(h, &e->flow.flow_id, sizeof(e->flow.flow_id));
                add_bytes(h, &e->flow.bytes_in, sizeof(e->flow.bytes_in));
        } else if (e->type == EVENT_IRC && e->irc.text.p)
                add_bytes(h, e->irc.text.p, e->irc.text.len);
        else if (e->type == EVENT_RATE)
                add_bytes(h, &e->rate.pkts_out, sizeof(e->rate.pkts_out));
}

static void on_advance(void *userdata, nsec_t now)
{
        struct heard *h = userdata;

        assert_true(now >= h->time);
        h->advances++;
        add_bytes(h, &now, sizeof(now));
}

/* Some hundred hosts talk, in an order that only the seed says. */
static struct made mades[CAPTURE_FRAMES];

static void fill(struct frame *frames, unsigned n, nsec_t *now)
{
        for (unsigned i = 0; i < n; i++) {
                uint32_t home_host = HOME_HOST + any(300), out = OUTSIDE_HOST + any(50);
                char line[64];

                *now += any(20) * NSEC_PER_MSEC;
                if (any(3) == 0) {
                        snprintf(line, sizeof(line), "PRIVMSG #x%u :%u\r\n", any(9), any(1u << 30));
                        make_tcp(&mades[i], *now,
                                 (struct tcp){.src = home_host,
                                              .dst = out,
                                              .sport = (uint16_t) (1024 + any(40)),
                                              .dport = 6667,
                                              .flags = any(20) ? ACK : SYN,
                                              .seq = any(200),
                                              .data = line});
                } else
                        make_udp(&mades[i], *now, any(2) ? home_host : out, any(2) ? home_host : out,
                                 (uint16_t) any(100), 53, line, any(40));
                frames[i] = mades[i].frame;
        }
}

static void run(unsigned workers, struct heard *ret)
{
        struct home *home = make_home();
        struct pipeline_params params = {.home = home,
                                         .workers = workers,
                                         .flows = 20000,
                                         .talk_bytes = 1u << 24,
                                         .seed = workers, /* no result depends on it */
                                         .event = hear_all,
                                         .advance = on_advance,
                                         .userdata = ret};
        struct pipeline_stats s;
        struct pipeline *p;
        nsec_t now = T0;
        uint64_t frames = 0;

        memset(ret, 0, sizeof(*ret));
        random_state = 42;
        assert_int_equal(pipeline_new(&params, &p), 0);
        for (unsigned round = 0; round < ROUNDS; round++) {
                struct capture_batch *b = pipeline_take(p);
                /* The frames of a batch live until it is taken again: each has its own bytes here. */
                static struct made *bytes[32]; /* more than batches are in flight */
                struct made **own = &bytes[round % 32];

                if (!*own)
                        *own = malloc(sizeof(mades));
                b->n = round % 5 == 4 ? 0 : CAPTURE_FRAMES / 16;
                fill(b->frames, b->n, &now);
                memcpy(*own, mades, b->n * sizeof(mades[0]));
                for (unsigned i = 0; i < b->n; i++)
                        b->frames[i].data = (*own)[i].b;
                frames += b->n;
                pipeline_put(p, b);
                if (round % 7 == 6)
                        pipeline_advance(p, now += 3 * NSEC_PER_SEC);
                if (round % 11 == 10) {
                        pipeline_get_stats(p, &s);
                        assert_int_equal(s.frames, frames);
                }
        }
        pipeline_finish(p);
        pipeline_get_stats(p, &s);
        assert_int_equal(s.frames, frames);
        assert_int_equal(s.trackers.flows.used, 0);
        assert_int_equal(s.events, ret->events);
        assert_int_equal(s.events_dropped, 0);
        pipeline_free(p);
        home_free(home);
}

static void test_workers(void **state)
{
        static const unsigned workers[] = {2, 3, 8, PIPELINE_WORKERS_MAX};
        struct heard one, many;

        (void) state;
        run(1, &one);
        assert_true(one.events > 5000);
        assert_true(one.advances > 50);
        for (unsigned i = 0; i < ELEMENTSOF(workers); i++) {
                run(workers[i], &many);
                assert_int_equal(many.events, one.events);
                assert_int_equal(many.advances, one.advances);
                assert_true(many.digest == one.digest);
        }
}

static void test_wrong_workers(void **state)
{
        struct pipeline_params params = {.workers = 0};
        struct pipeline *p = NULL;

        (void) state;
        assert_int_equal(pipeline_new(&params, &p), -EINVAL);
        params.workers = PIPELINE_WORKERS_MAX + 1;
        assert_int_equal(pipeline_new(&params, &p), -EINVAL);
        assert_null(p);
}

/* Frames from the past are taken at engine time and counted; a jump of a day is one step. */
static void test_time(void **state)
{
        struct home *home = make_home();
        struct heard h = {0};
        struct pipeline_params params = {.home = home,
                                         .workers = 1,
                                         .flows = 2000,
                                         .talk_bytes = 1u << 20,
                                         .event = hear_all,
                                         .advance = on_advance,
                                         .userdata = &h};
        static const int64_t seconds[] = {0, 5, 3, -100000, 86400};
        struct pipeline_stats s;
        struct pipeline *p;
        struct made m;

        (void) state;
        assert_int_equal(pipeline_new(&params, &p), 0);
        for (unsigned i = 0; i < ELEMENTSOF(seconds); i++) {
                struct frame f = *make_udp(&m, T0 + seconds[i] * NSEC_PER_SEC, HOME_HOST, OUTSIDE_HOST,
                                           (uint16_t) (1000 + i), 53, "x", 1);

                pipeline_frames(p, &f, 1);
        }
        pipeline_get_stats(p, &s);
        assert_int_equal(s.backward, 2);
        assert_int_equal(h.advances, 2);
        assert_true(s.first == T0);
        assert_true(s.now == T0 + 86400 * NSEC_PER_SEC);
        pipeline_free(p);
        home_free(home);
}

/* One record with a broken time does not stop the clock for those after it. */
static void test_leap(void **state)
{
        struct home *home = make_home();
        struct heard h = {0};
        struct pipeline_params params = {.home = home,
                                         .workers = 1,
                                         .flows = 2000,
                                         .talk_bytes = 1u << 20,
                                         .event = hear_all,
                                         .advance = on_advance,
                                         .userdata = &h};
        static const int64_t seconds[] = {3000000000, 0, 1, 1000000000, 2, 3, 100000, 100001, 4};
        struct frame frames[ELEMENTSOF(seconds)];
        struct made m[ELEMENTSOF(seconds)];
        struct pipeline_stats s;
        struct pipeline *p;

        (void) state;
        assert_int_equal(pipeline_new(&params, &p), 0);
        for (unsigned i = 0; i < ELEMENTSOF(seconds); i++)
                frames[i] = *make_udp(&m[i], T0 + seconds[i] * NSEC_PER_SEC, HOME_HOST, OUTSIDE_HOST,
                                      (uint16_t) (1000 + i), 53, "x", 1);
        pipeline_frames(p, frames, ELEMENTSOF(seconds));
        pipeline_get_stats(p, &s);
        assert_int_equal(s.backward, 3);
        assert_true(s.first == T0);
        assert_true(s.now == T0 + 100001 * NSEC_PER_SEC); /* two of them: time went on */
        assert_int_equal(h.advances, 5);
        pipeline_free(p);
        home_free(home);
}

static unsigned n_gaps;
static uint64_t gap_lost;

static void hear_gap(void *userdata, const struct event *e)
{
        (void) userdata;
        if (e->type != EVENT_GAP)
                return;
        n_gaps++;
        gap_lost += e->gap.lost;
        assert_int_equal(e->gap.reason, GAP_BAD_PACKET);
        assert_non_null(e->gap.text);
}

/* What cannot be read is counted by cause, told once, and stops nothing. */
static void test_gaps(void **state)
{
        struct home *home = make_home();
        struct pipeline_params params = {
                .home = home, .workers = 1, .flows = 2000, .talk_bytes = 1u << 20, .event = hear_gap};
        struct pipeline *p;
        struct frame frames[3];
        struct made m;

        (void) state;
        assert_int_equal(pipeline_new(&params, &p), 0);
        for (unsigned i = 0; i < 3; i++)
                frames[i] = *make_udp(&m, T0, HOME_HOST, OUTSIDE_HOST, 1, 2, "x", 1);
        frames[0].caplen = 10;
        frames[1].caplen = 22;
        pipeline_frames(p, frames, 3);
        pipeline_tell_gaps(p);
        assert_int_equal(n_gaps, 2);
        assert_int_equal(gap_lost, 2);
        pipeline_tell_gaps(p);
        assert_int_equal(n_gaps, 2);
        pipeline_free(p);
        home_free(home);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_workers), cmocka_unit_test(test_wrong_workers), cmocka_unit_test(test_time),
                cmocka_unit_test(test_leap),    cmocka_unit_test(test_gaps),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
