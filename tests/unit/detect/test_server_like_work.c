/* SPDX-License-Identifier: GPL-3.0-or-later */
/* server_like: the borders of scans and floods, the bounds of its tables, and noise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "machine.h"
#include "model/gate.h"

static void scan(struct machine *m, unsigned n, unsigned answered)
{
        bot(m, 60 * S);
        make(m, T0 + 60 * S + 5 * MS, 11, 10);
        for (unsigned i = 0; i < n; i++) {
                nsec_t t = T0 + 60 * S + (10 + i) * MS;
                char peer[32];

                snprintf(peer, sizeof(peer), "198.51.100.%u", i + 1);
                say(m, t, FLOW_START, 11, 100 + i, peer);
                if (i < answered)
                        say(m, t, FLOW_UPDATE, 11, 100 + i, peer);
                else {
                        struct event e = talk(t, FLOW_END, 11, 100 + i, peer);

                        e.flow.state = FLOW_STATE_FAILED;
                        deliver(m, &e);
                }
        }
}

static void test_scan_fourteen(void **state)
{
        struct machine *m = *state;

        scan(m, 14, 0);
        assert_int_equal(m->by_kind[SL_KIND_SCAN], 0);
}

static void test_scan_fifteen(void **state)
{
        struct machine *m = *state;

        scan(m, 15, 0);
        assert_int_equal(m->by_kind[SL_KIND_SCAN], 1);
        assert_int_equal(evidence_find_fact(&m->last, "unanswered")->number, 15);
        assert_int_equal(m->last.n_facts, EVIDENCE_FACTS_MAX - (evidence_find_fact(&m->last, "started") ? 0 : 1));
}

static void test_scan_answered(void **state)
{
        struct machine *m = *state;

        scan(m, 40, 10); /* one in four answers */
        assert_int_equal(m->by_kind[SL_KIND_SCAN], 0);
}

/* What the mail gate refused is work, and no scan: nobody was asked. Beside it stands no count of bytes. */
static void test_refused(void **state)
{
        struct machine *m = *state;
        struct event e = {.type = EVENT_GATE, .op = GATE_TRY_CONNECT};
        struct buf story = BUF_HEAP(8192);

        bot(m, 60 * S);
        make(m, T0 + 60 * S + 5 * MS, 11, 10);
        e.gate = (struct gate_event){.task = process(11), .port = 25, .proto = IPPROTO_TCP, .count = 1};
        e.gate.reason = GATE_WHY_PROGRAM;
        for (uint32_t i = 0; i < 40; i++) {
                e.time = T0 + 60 * S + (10 + i) * MS;
                e.gate.remote = addr_from_v4(htonl(0xc6336401 + i));
                deliver(m, &e); /* let pass: a flow will tell */
                assert_int_equal(m->claims, 0);
        }
        e.gate.denied = 1;
        for (uint32_t i = 0; i < 40; i++) {
                e.time = T0 + 60 * S + (50 + i) * MS;
                e.gate.remote = addr_from_v4(htonl(0xc6336401 + i));
                deliver(m, &e);
        }
        assert_int_equal(m->weight[SL_KIND_ORDER], 1200);
        assert_int_equal(m->by_kind[SL_KIND_SCAN], 0);
        assert_non_null(evidence_find_fact(&m->last, "refused"));
        assert_null(evidence_find_fact(&m->last, "bytes_out"));
        assert_int_equal(m->last.n_refs, 1);
        assert_int_equal(m->last.refs[0], 1);
        detector_server_like.explain(&m->last, &story);
        assert_non_null(strstr(buf_str(&story), "then tried to open traffic of its own to 32 destinations, first "
                                                "198.51.100.1 port 25/TCP, and the mail gate refused it.\n"));
        buf_done(&story);

        m->claims = 0; /* this machine, and the peer that ordered it */
        make(m, T0 + 60 * S + 200 * MS, 12, 10);
        e.gate.task = process(12);
        e.time = T0 + 61 * S;
        e.gate.remote = addr_from_v4(htonl(0x7f000001));
        deliver(m, &e);
        e.gate.remote = addr_from_v4(htonl(0x0a000002));
        deliver(m, &e);
        e.gate.remote = addr_from_v4(htonl(0xc0000201));
        deliver(m, &e);
        e.gate.remote = (struct addr){0};
        deliver(m, &e);
        e.gate.remote = addr_from_v4(htonl(0xc6336401));
        e.op = GATE_TRY_PACKET;
        deliver(m, &e);
        assert_int_equal(m->claims, 0);
}

static void test_flood_borders(void **state)
{
        struct machine *m = *state;
        struct event e;

        bot(m, 60 * S);
        make(m, T0 + 60 * S + 5 * MS, 11, 10);
        e = talk(T0 + 61 * S, FLOW_START, 11, 2, "198.51.100.1");
        e.flow.proto = IPPROTO_UDP;
        e.flow.pkts_out = 1;
        deliver(m, &e);
        e.op = FLOW_UPDATE;
        e.flow.state = FLOW_STATE_NEW;
        e.time += 2 * S; /* 250 in two seconds: not that fast */
        e.flow.pkts_out = 199;
        deliver(m, &e);
        assert_int_equal(m->by_kind[SL_KIND_FLOOD], 0);
        e.time += 500 * MS;
        e.flow.pkts_out = 500;
        deliver(m, &e);
        assert_int_equal(m->by_kind[SL_KIND_FLOOD], 1);
}

static void test_flood_answered(void **state)
{
        struct machine *m = *state;
        struct event e;

        bot(m, 60 * S);
        make(m, T0 + 60 * S + 5 * MS, 11, 10);
        e = talk(T0 + 61 * S, FLOW_START, 11, 2, "198.51.100.1");
        e.flow.proto = IPPROTO_UDP;
        deliver(m, &e);
        e.op = FLOW_UPDATE;
        e.time += 100 * MS;
        e.flow.pkts_out = 10000;
        e.flow.pkts_in = 1;
        deliver(m, &e);
        assert_int_equal(m->by_kind[SL_KIND_FLOOD], 0);
}

/* A sampled socket with many peers and no answers floods; with answers it is some P2P. */
static void test_sampled(void **state)
{
        struct machine *m = *state;
        struct event e;

        bot(m, 60 * S);
        make(m, T0 + 60 * S + 5 * MS, 11, 10);
        e = talk(T0 + 61 * S, FLOW_START, 11, 2, "198.51.100.1");
        e.flow.proto = IPPROTO_UDP;
        deliver(m, &e);
        e.op = FLOW_UPDATE;
        e.time += 20 * S;
        e.flow.state = FLOW_STATE_NEW;
        e.flow.flags = FLOW_SAMPLED;
        e.flow.pkts_out = 1000;
        e.flow.pkts_in = 101;
        deliver(m, &e);
        assert_int_equal(m->by_kind[SL_KIND_FLOOD], 0);
        e.flow.pkts_out = 2000;
        deliver(m, &e);
        assert_int_equal(m->by_kind[SL_KIND_FLOOD], 1);
}

/* Ten thousand short-lived talkers do not make it forget a conversation that stands. */
static void test_crowd(void **state)
{
        struct machine *m = *state;

        bot(m, 60 * S);
        for (uint32_t i = 0; i < 3 * SL_NODES; i++) {
                make(m, T0 + 61 * S, 1000 + i, 1);
                say(m, T0 + 61 * S, FLOW_START, 1000 + i, 10000 + i, "203.0.113.1");
                say(m, T0 + 61 * S, FLOW_END, 1000 + i, 10000 + i, "203.0.113.1");
        }
        assert_int_equal(m->claims, 0);
        say(m, T0 + 600 * S, FLOW_PUSH, 10, 1, "192.0.2.1");
        make(m, T0 + 600 * S + 5 * MS, 11, 10);
        say(m, T0 + 600 * S + 5 * MS, FLOW_START, 11, 2, "198.51.100.1");
        assert_int_equal(m->by_kind[SL_KIND_ORDER], 1);
}

/* Of many conversations of one process, the one with the orders is kept. */
static void test_decoys(void **state)
{
        struct machine *m = *state;

        bot(m, 5 * S);
        for (uint32_t i = 0; i < 100; i++) {
                say(m, T0 + 6 * S, FLOW_START, 10, 100 + i, "203.0.113.1");
                say(m, T0 + 6 * S, FLOW_UPDATE, 10, 100 + i, "203.0.113.1");
        }
        say(m, T0 + 60 * S, FLOW_PUSH, 10, 1, "192.0.2.1");
        make(m, T0 + 60 * S + 5 * MS, 11, 10);
        say(m, T0 + 60 * S + 6 * MS, FLOW_START, 11, 2, "198.51.100.1");
        assert_int_equal(m->by_kind[SL_KIND_ORDER], 1);
        assert_int_equal(m->last.refs[0], 1);
}

static uint64_t random_state = 88172645463325252ull;

static uint32_t random_below(uint32_t n)
{
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (uint32_t) (random_state >> 32) % n;
}

/* Random events of all kinds with few different numbers, so that they collide: nothing may break, and the tables hold.
 */
static void test_noise(void **state)
{
        struct machine *m = *state;
        nsec_t t = T0;

        for (int i = 0; i < 200000; i++) {
                struct event e = {.time = t, .type = (uint8_t) (1 + random_below(3)), .op = (uint8_t) random_below(6)};
                struct task a = {random_below(60), random_below(60), random_below(40), random_below(40)};

                t += random_below(20) ? (nsec_t) random_below(1000) * MS : 0;
                if (random_below(1000) == 0)
                        t += 3600 * S;
                if (e.type == EVENT_PROCESS) {
                        e.process.task = a;
                        e.process.creator =
                                (struct task){random_below(60), random_below(60), random_below(40), random_below(40)};
                        e.process.flags = random_below(128);
                        e.process.text = random_below(2) ? "/a/b" : NULL;
                } else if (e.type == EVENT_FLOW) {
                        e.flow.task = a;
                        e.flow.flow_id = random_below(500);
                        e.flow.remote = addr_from_v4(random_below(50) << 24 | 0x0100000a);
                        e.flow.remote_port = (uint16_t) random_below(100);
                        e.flow.local_port = (uint16_t) random_below(65536);
                        e.flow.flags = (uint16_t) (random_below(4) ? 0 : random_below(256));
                        e.flow.origin = (uint8_t) random_below(5);
                        e.flow.state = (uint8_t) random_below(6);
                        e.flow.proto = (uint8_t) random_below(256);
                        e.flow.pkts_out = random_below(3) ? random_below(1000) : UINT32_MAX;
                        e.flow.bytes_in = random_below(3) ? random_below(100000) : UINT64_MAX;
                        e.flow.since = random_below(2) ? t - (nsec_t) random_below(100000) * MS : (nsec_t) random_state;
                }
                deliver(m, &e);
                if (i % 100 == 0)
                        detector_server_like.tick(m->detector, t, &(struct evidence_sink){.emit = emit, .userdata = m});
        }
        assert_true(m->claims > 100);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_MACHINE(test_scan_fourteen), WITH_MACHINE(test_scan_fifteen),  WITH_MACHINE(test_scan_answered),
                WITH_MACHINE(test_refused),       WITH_MACHINE(test_flood_borders), WITH_MACHINE(test_flood_answered),
                WITH_MACHINE(test_sampled),       WITH_MACHINE(test_crowd),         WITH_MACHINE(test_decoys),
                WITH_MACHINE(test_noise),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
