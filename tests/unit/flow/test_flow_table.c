/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of flows of one shard: found from both sides, at most its cap, forgotten in the stated order. */
#include "flow_rig.h"

static struct flow_table *t;
static unsigned n_gone, n_evicted;
static uint16_t gone_port[8192];

static void gone(void *userdata, struct flow *f, nsec_t when, bool evicted)
{
        (void) userdata;
        (void) when;
        gone_port[n_gone++ % ELEMENTSOF(gone_port)] = f->port[ORIGINATOR];
        n_evicted += evicted;
}

static int begin_with(uint32_t cap, uint64_t seed)
{
        struct flow_table_params p = {.cap = cap, .seed = seed, .gone = gone};

        n_gone = n_evicted = 0;
        return flow_table_new(&p, &t);
}

static int begin(void **state)
{
        (void) state;
        return begin_with(16, 1);
}

static int finish(void **state)
{
        (void) state;
        flow_table_free(t);
        return 0;
}

static struct packet packet(unsigned port, bool up)
{
        struct packet p = {.proto = IPPROTO_UDP, .sport = (uint16_t) port, .dport = 53};

        p.src = addr_from_v4(htonl(HOME_HOST));
        p.dst = addr_from_v4(htonl(OUTSIDE_HOST));
        if (!up) {
                struct addr a = p.src;

                p.src = p.dst;
                p.dst = a;
                p.sport = 53;
                p.dport = (uint16_t) port;
        }
        return p;
}

static struct flow *add(unsigned port, enum flow_list list, nsec_t now)
{
        struct packet p = packet(port, true);
        uint32_t hash = flow_table_hash(t, &p);
        unsigned side;
        struct flow *f;

        assert_null(flow_table_find(t, &p, hash, &side));
        f = flow_table_add(t, &p, hash);
        assert_non_null(f);
        flow_table_touch(t, f, list, now);
        return f;
}

static struct flow *find(unsigned port, bool up, unsigned *ret_side)
{
        struct packet p = packet(port, up);

        return flow_table_find(t, &p, flow_table_hash(t, &p), ret_side);
}

static void test_both_sides(void **state)
{
        struct flow *f = add(1000, FLOW_LIST_NEW, T0);
        unsigned side;

        (void) state;
        assert_ptr_equal(find(1000, true, &side), f);
        assert_int_equal(side, ORIGINATOR);
        assert_ptr_equal(find(1000, false, &side), f);
        assert_int_equal(side, RESPONDER);
        assert_null(find(1001, true, &side));
        flow_turn(f);
        assert_ptr_equal(find(1000, true, &side), f);
        assert_int_equal(side, RESPONDER);
}

/* An echo and its reply are one flow, whoever is seen first; another number is another. */
static void test_echo(void **state)
{
        struct packet ask = packet(0, true), reply = packet(0, false);
        unsigned side;

        (void) state;
        ask.proto = reply.proto = IPPROTO_ICMP;
        ask.sport = 8 << 8;
        reply.sport = 0;
        ask.dport = reply.dport = 4711;
        assert_non_null(flow_table_add(t, &ask, flow_table_hash(t, &ask)));
        assert_non_null(flow_table_find(t, &reply, flow_table_hash(t, &reply), &side));
        assert_int_equal(side, RESPONDER);
        reply.dport = 4712;
        assert_null(flow_table_find(t, &reply, flow_table_hash(t, &reply), &side));
}

static void test_order_of_eviction(void **state)
{
        struct flow_table_stats s;

        (void) state;
        for (unsigned i = 0; i < 4; i++) {
                add(1000 + i, FLOW_LIST_ESTABLISHED, T0);
                add(2000 + i, FLOW_LIST_DATAGRAM, T0);
                add(3000 + i, FLOW_LIST_NEW, T0);
                add(4000 + i, FLOW_LIST_CLOSED, T0);
        }
        for (unsigned i = 0; i < 16; i++)
                add(5000 + i, FLOW_LIST_ESTABLISHED, T0);
        assert_int_equal(n_gone, 16);
        assert_int_equal(n_evicted, 16);
        for (unsigned i = 0; i < 16; i++)
                assert_int_equal(gone_port[i], (i < 4 ? 4000 : i < 8 ? 3000 : i < 12 ? 2000 : 1000) + i % 4);
        flow_table_get_stats(t, &s);
        assert_int_equal(s.used, 16);
        assert_int_equal(s.made, 32);
        assert_int_equal(s.evicted[FLOW_LIST_ESTABLISHED], 4);
}

static void test_expire(void **state)
{
        unsigned side;

        (void) state;
        for (unsigned l = 0; l < FLOW_LISTS; l++)
                add(1000 + l, l, T0);
        for (unsigned l = 0; l < FLOW_LISTS; l++) {
                flow_table_expire(t, T0 + flow_list_timeout(l));
                assert_int_equal(n_gone, l);
                flow_table_expire(t, T0 + flow_list_timeout(l) + 1);
                assert_int_equal(n_gone, l + 1);
                assert_null(find(1000 + l, true, &side));
        }
        assert_int_equal(n_evicted, 0);
}

/* Touched within the same second it keeps its place, but its own time counts. */
static void test_touch(void **state)
{
        struct flow *f = add(1000, FLOW_LIST_NEW, T0);

        (void) state;
        flow_table_touch(t, f, FLOW_LIST_NEW, T0 + 999 * NSEC_PER_MSEC);
        flow_table_expire(t, T0 + flow_list_timeout(FLOW_LIST_NEW) + 500 * NSEC_PER_MSEC);
        assert_int_equal(n_gone, 0);
        flow_table_touch(t, f, FLOW_LIST_ESTABLISHED, T0 + NSEC_PER_SEC);
        flow_table_expire(t, T0 + flow_list_timeout(FLOW_LIST_NEW) + 10 * NSEC_PER_SEC);
        assert_int_equal(n_gone, 0);
}

/* Endless new flows: memory is that of the cap, every one that comes goes, and the seed changes nothing. */
static void test_endless(void **state)
{
        struct flow_table_stats s;
        uint16_t first[ELEMENTSOF(gone_port)];

        for (uint64_t seed = 7; seed < 9; seed++) {
                finish(state);
                assert_int_equal(begin_with(1000, seed), 0);
                for (unsigned i = 0; i < 60000; i++)
                        add(i, i % FLOW_LISTS, T0 + i * NSEC_PER_MSEC);
                flow_table_get_stats(t, &s);
                assert_int_equal(s.used, 1000);
                assert_int_equal(n_gone, 59000);
                assert_true(s.bytes < 1000 * FLOW_BYTES + 65536 + 16384);
                flow_table_flush(t, T0);
                assert_int_equal(n_gone, 60000);
                if (seed == 7)
                        memcpy(first, gone_port, sizeof(first));
                else
                        assert_memory_equal(first, gone_port, sizeof(first));
        }
}

static void test_wrong_cap(void **state)
{
        struct flow_table_params p = {.cap = 15, .gone = gone};
        struct flow_table *none = NULL;

        (void) state;
        assert_int_equal(flow_table_new(&p, &none), -EINVAL);
        p.cap = (1u << 24) + 1;
        assert_int_equal(flow_table_new(&p, &none), -EINVAL);
        assert_null(none);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_both_sides, begin, finish),
                cmocka_unit_test_setup_teardown(test_echo, begin, finish),
                cmocka_unit_test_setup_teardown(test_order_of_eviction, begin, finish),
                cmocka_unit_test_setup_teardown(test_expire, begin, finish),
                cmocka_unit_test_setup_teardown(test_touch, begin, finish),
                cmocka_unit_test_setup_teardown(test_endless, begin, finish),
                cmocka_unit_test(test_wrong_cap),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
