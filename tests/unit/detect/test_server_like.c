/* SPDX-License-Identifier: GPL-3.0-or-later */
/* server_like's rule piece by piece: the borders of time, odds and volume, and weights that count once. Whole stories
 * are in tests/replay; what executors do is in test_server_like_work.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "machine.h"

/* The odds: one order in 3.13 s and one second of prior, so 130 ms is 31 to one, and 150 ms is 27. */
static void test_odds(void **state)
{
        struct machine *m = *state;

        bot(m, 3 * S);
        make(m, T0 + 3 * S + 130 * MS, 11, 10);
        say(m, T0 + 3 * S + 131 * MS, FLOW_START, 11, 2, "198.51.100.1");
        assert_int_equal(m->by_kind[SL_KIND_ORDER], 1);
        assert_int_equal(m->last.weight, 1200);
        assert_int_equal(evidence_find_fact(&m->last, "reaction")->number, 130 * MS);
        assert_int_equal(m->last.subject.pid, 10);
}

static void test_odds_below(void **state)
{
        struct machine *m = *state;

        bot(m, 3 * S);
        make(m, T0 + 3 * S + 150 * MS, 11, 10);
        say(m, T0 + 3 * S + 151 * MS, FLOW_START, 11, 2, "198.51.100.1");
        assert_int_equal(m->by_kind[SL_KIND_ORDER], 0);
        assert_int_equal(m->by_kind[SL_KIND_CONVERSATION], 1);
        assert_int_equal(m->last.weight, 900); /* ten to one: a hint */
}

static void test_reaction_is_a_border(void **state)
{
        struct machine *m = *state;

        /* 100 s between orders: odds alone would allow 3 s */
        bot(m, 100 * S);
        make(m, T0 + 100 * S + 1501 * MS, 11, 10);
        say(m, T0 + 102 * S, FLOW_START, 11, 2, "198.51.100.1");
        assert_int_equal(m->by_kind[SL_KIND_ORDER], 0);
        assert_int_equal(m->last.weight, 700); /* chat-like, more than a minute old */
}

static void test_reaction_within(void **state)
{
        struct machine *m = *state;

        bot(m, 100 * S);
        make(m, T0 + 100 * S + 1499 * MS, 11, 10);
        say(m, T0 + 102 * S, FLOW_START, 11, 2, "198.51.100.1");
        assert_int_equal(m->by_kind[SL_KIND_ORDER], 1);
}

/* A download with a pause in it is no chat. */
static void test_volume(void **state)
{
        struct machine *m = *state;
        struct event e;

        bot(m, 90 * S);
        e = talk(T0 + 91 * S, FLOW_UPDATE, 10, 1, "192.0.2.1");
        e.flow.bytes_in = 65536;
        deliver(m, &e);
        make(m, T0 + 91 * S, 11, 10);
        say(m, T0 + 91 * S, FLOW_START, 11, 2, "198.51.100.1");
        assert_int_equal(m->by_kind[SL_KIND_ORDER], 0);
        assert_int_equal(m->last.weight, 400);
}

static void test_weight_counts_once(void **state)
{
        struct machine *m = *state;

        bot(m, 60 * S);
        make(m, T0 + 60 * S + 5 * MS, 11, 10);
        for (unsigned i = 0; i < 50; i++) {
                char peer[32];

                snprintf(peer, sizeof(peer), "198.51.100.%u", i + 1);
                say(m, T0 + 60 * S + (10 + i) * MS, FLOW_START, 11, 100 + i, peer);
                make(m, T0 + 60 * S + (10 + i) * MS, 100 + i, 11);
                say(m, T0 + 60 * S + (10 + i) * MS, FLOW_START, 100 + i, 1000 + i, peer);
        }
        assert_int_equal(m->weight[SL_KIND_ORDER], 1200);
        assert_int_equal(m->weight[SL_KIND_CONVERSATION], 0);
        /* another order counts again */
        say(m, T0 + 160 * S, FLOW_PUSH, 10, 1, "192.0.2.1");
        make(m, T0 + 160 * S + 5 * MS, 12, 10);
        say(m, T0 + 160 * S + 6 * MS, FLOW_START, 12, 5000, "198.51.100.9");
        assert_int_equal(m->weight[SL_KIND_ORDER], 2400);
}

/* Work that mostly does not follow orders is not caused by them. */
static void test_misses(void **state)
{
        struct machine *m = *state;

        bot(m, 0);
        for (unsigned i = 0; i < 5; i++) {
                make(m, T0 + (100 + i * 10) * S, 20 + i, 10);
                say(m, T0 + (100 + i * 10) * S, FLOW_START, 20 + i, 50 + i, "198.51.100.1");
        }
        say(m, T0 + 200 * S, FLOW_PUSH, 10, 1, "192.0.2.1");
        make(m, T0 + 200 * S + 5 * MS, 11, 10);
        say(m, T0 + 200 * S + 6 * MS, FLOW_START, 11, 2, "198.51.100.2");
        assert_int_equal(m->by_kind[SL_KIND_ORDER], 0);
}

/* However many children an installer has: question and answer adds up to 4.5 an hour. */
static void test_lesser_allowance(void **state)
{
        struct machine *m = *state;

        bot(m, 0);
        for (unsigned i = 0; i < 100; i++) {
                make(m, T0 + i * S, 20 + i, 10);
                say(m, T0 + i * S, FLOW_START, 20 + i, 50 + i, "198.51.100.1");
        }
        assert_true(m->by_kind[SL_KIND_CONVERSATION] > 10);
        assert_int_equal(m->weight[SL_KIND_CONVERSATION], SL_LESSER_CAP);
        say(m, T0 + 3700 * S, FLOW_UPDATE, 10, 1, "192.0.2.1");
        make(m, T0 + 3700 * S, 500, 10);
        say(m, T0 + 3700 * S, FLOW_START, 500, 5000, "198.51.100.1");
        assert_int_equal(m->weight[SL_KIND_CONVERSATION], SL_LESSER_CAP + 400);
}

/* A name asked for in the wake of an order is no work for it; the connection that follows is. */
static void test_name_query(void **state)
{
        struct machine *m = *state;
        struct event e;

        bot(m, 60 * S);
        make(m, T0 + 60 * S + 5 * MS, 11, 10);
        e = talk(T0 + 60 * S + 6 * MS, FLOW_START, 11, 2, "198.51.100.53");
        e.flow.proto = IPPROTO_UDP;
        e.flow.remote_port = 53;
        deliver(m, &e);
        assert_int_equal(m->by_kind[SL_KIND_ORDER], 0);
        say(m, T0 + 60 * S + 20 * MS, FLOW_START, 11, 3, "198.51.100.1");
        assert_int_equal(m->by_kind[SL_KIND_ORDER], 1);
}

/* The child first tells the controller over a connection of its own, then works: the telling is no miss. */
static void test_reports_first(void **state)
{
        struct machine *m = *state;

        bot(m, 60 * S);
        make(m, T0 + 60 * S + 5 * MS, 11, 10);
        say(m, T0 + 60 * S + 6 * MS, FLOW_START, 11, 2, "192.0.2.1");
        assert_int_equal(m->claims, 0);
        say(m, T0 + 60 * S + 20 * MS, FLOW_START, 11, 3, "198.51.100.1");
        assert_int_equal(m->by_kind[SL_KIND_ORDER], 1);
}

/* An AF_XDP sender whose packets cannot be read works all the same; an unknown peer of a common socket says nothing. */
static void test_no_peer(void **state)
{
        struct machine *m = *state;
        struct event e;

        bot(m, 60 * S);
        make(m, T0 + 60 * S + 5 * MS, 11, 10);
        e = talk(T0 + 61 * S, FLOW_START, 11, 2, "0.0.0.0");
        e.flow.flags = FLOW_NO_PEER;
        deliver(m, &e);
        assert_int_equal(m->claims, 0);
        e.flow.flags = FLOW_NO_PEER | FLOW_XDP;
        e.flow.pkts_out = 1;
        deliver(m, &e);
        assert_int_equal(m->by_kind[SL_KIND_ORDER], 1);
}

static void test_unheard(void **state)
{
        struct machine *m = *state;

        make(m, T0, 10, 1);
        say(m, T0, FLOW_START, 10, 1, "192.0.2.1"); /* never answered: no conversation */
        make(m, T0 + S, 11, 10);
        say(m, T0 + S, FLOW_START, 11, 2, "198.51.100.1");
        assert_int_equal(m->claims, 0);
        /* it is answered later: the work goes on, and now it counts */
        say(m, T0 + 2 * S, FLOW_UPDATE, 10, 1, "192.0.2.1");
        say(m, T0 + 3 * S, FLOW_UPDATE, 11, 2, "198.51.100.1");
        assert_int_equal(m->by_kind[SL_KIND_CONVERSATION], 1);
}

static void test_worked_before(void **state)
{
        struct machine *m = *state;
        struct event e;

        make(m, T0, 10, 1);
        make(m, T0, 11, 10);
        say(m, T0, FLOW_START, 11, 2, "198.51.100.1");
        say(m, T0 + S, FLOW_START, 10, 1, "192.0.2.1");
        say(m, T0 + S + 1, FLOW_UPDATE, 10, 1, "192.0.2.1");
        e = talk(T0 + 2 * S, FLOW_UPDATE, 11, 2, "198.51.100.1");
        e.flow.since = T0;
        deliver(m, &e);
        assert_int_equal(m->claims, 0);
}

/* Of origin unknown: the side with the ephemeral port began. */
static void test_unknown_origin(void **state)
{
        struct machine *m = *state;
        struct event e;

        bot(m, 0);
        make(m, T0 + S, 11, 10);
        e = talk(T0 + S, FLOW_START, 11, 2, "198.51.100.1");
        e.flow.origin = FLOW_ORIGIN_UNKNOWN;
        e.flow.local_port = 22;
        e.flow.remote_port = 50000;
        deliver(m, &e);
        assert_int_equal(m->claims, 0);
        e.flow.flow_id = 3;
        e.flow.local_port = 50000;
        e.flow.remote_port = 22;
        deliver(m, &e);
        assert_int_equal(m->claims, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_MACHINE(test_odds),
                WITH_MACHINE(test_odds_below),
                WITH_MACHINE(test_reaction_is_a_border),
                WITH_MACHINE(test_reaction_within),
                WITH_MACHINE(test_volume),
                WITH_MACHINE(test_weight_counts_once),
                WITH_MACHINE(test_misses),
                WITH_MACHINE(test_lesser_allowance),
                WITH_MACHINE(test_name_query),
                WITH_MACHINE(test_reports_first),
                WITH_MACHINE(test_no_peer),
                WITH_MACHINE(test_unheard),
                WITH_MACHINE(test_worked_before),
                WITH_MACHINE(test_unknown_origin),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
