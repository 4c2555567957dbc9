/* SPDX-License-Identifier: GPL-3.0-or-later */
/* conn.log: what a line says of a flow, and of flows that last. */
#include "log_zeek_rig.h"

static void test_conn(void **state)
{
        struct rig r;

        (void) state;
        READ(&r, "x", CONN, OUT("C1", "tcp\tgssapi,http\t0.25\t100\t2000\tSF\t7\tShADadFf\t5\t6\tMalicious"));
        assert_int_equal(r.stats.bad_lines, 0);
        assert_int_equal(r.n, 2);
        assert_int_equal(r.e[0].op, FLOW_START);
        assert_int_equal(r.e[0].time, T0);
        assert_int_equal(r.e[0].flow.state, FLOW_STATE_NEW);
        assert_int_equal(r.e[0].flow.tcp, TCP_SEEN_SYN);
        assert_int_equal(r.e[0].flow.pkts_out, 1);
        assert_int_equal(r.e[0].flow.bytes_out, 0);
        assert_int_equal(r.e[1].op, FLOW_END);
        assert_int_equal(r.e[1].time, T0 + 250 * NSEC_PER_MSEC);
        assert_int_equal(r.e[1].flow.since, T0);
        assert_int_equal(r.e[1].flow.state, FLOW_STATE_CLOSED);
        assert_int_equal(r.e[1].flow.app, APP_HTTP);
        assert_int_equal(r.e[1].flow.bytes_out, 100);
        assert_int_equal(r.e[1].flow.bytes_in, 2000);
        assert_int_equal(r.e[1].flow.pkts_out, 5);
        assert_int_equal(r.e[1].flow.pkts_in, 6);
        assert_int_equal(r.e[1].flow.tcp & 0xff, TCP_SEEN_SYN | TCP_SEEN_ACK | TCP_SEEN_FIN);
        assert_int_equal(r.e[1].flow.tcp >> 8, TCP_SEEN_SYN | TCP_SEEN_ACK | TCP_SEEN_FIN);
        assert_int_equal(r.lost[rig_gap(&r, "stream: bytes that Zeek missed")], 7);
        assert_int_equal(rig_gap(&r, "columns"), -1);
        rig_end(&r);
}

/* A flow that lasts was answered long before its end: packets would have said so. One that failed was not. */
static void test_lasting(void **state)
{
        struct rig r;

        (void) state;
        READ(&r, "x", CONN, OUT("C1", "tcp\tssl\t600\t100\t2000\tSF\t0\tShADadFf\t5\t6\t-"),
             OUT("C2", "tcp\t-\t63\t0\t0\tS0\t0\tS\t6\t0\t-"), OUT("C3", "udp\tdns\t5\t30\t60\tSF\t0\tDd\t2\t2\t-"));
        assert_int_equal(r.n, 8);
        assert_int_equal(r.e[3].op, FLOW_UPDATE); /* behind all that begins at that time */
        assert_int_equal(r.e[3].time, T0);
        assert_int_equal(r.e[3].flow.state, FLOW_STATE_ESTABLISHED);
        assert_int_equal(r.e[3].flow.tcp, (TCP_SEEN_SYN | TCP_SEEN_ACK) << 8 | TCP_SEEN_SYN | TCP_SEEN_ACK);
        assert_int_equal(r.e[3].flow.bytes_in, 0); /* not yet */
        assert_int_equal(r.e[3].flow.pkts_in, 1);
        assert_true(r.e[3].flow.flow_id == r.e[0].flow.flow_id);
        assert_int_equal(r.e[4].op, FLOW_UPDATE);
        assert_int_equal(r.e[4].flow.proto, IPPROTO_UDP);
        assert_int_equal(r.e[6].flow.state, FLOW_STATE_FAILED);
        assert_int_equal(r.e[7].op, FLOW_END);
        assert_int_equal(r.e[7].time, T0 + 600 * NSEC_PER_SEC);
        rig_end(&r);
}

struct state_case {
        const char *conn_state, *history, *pkts;
        uint8_t state;
        uint16_t flags;
};

static void test_states(void **state)
{
        static const struct state_case cases[] = {
                {"S0", "S", "1\t0", FLOW_STATE_FAILED, 0},
                {"S1", "ShADda", "3\t3", FLOW_STATE_ESTABLISHED, 0},
                {"S2", "ShADaF", "3\t3", FLOW_STATE_ESTABLISHED, 0},
                {"S3", "ShADaf", "3\t3", FLOW_STATE_ESTABLISHED, 0},
                {"REJ", "Sr", "1\t1", FLOW_STATE_FAILED, 0},
                {"RSTO", "ShR", "2\t1", FLOW_STATE_CLOSED, 0},
                {"RSTR", "ShADar", "3\t3", FLOW_STATE_CLOSED, 0},
                {"RSTOS0", "SR", "2\t0", FLOW_STATE_FAILED, 0},
                {"RSTRH", "hr", "0\t2", FLOW_STATE_CLOSED, FLOW_ONE_SIDED},
                {"RSTRH", "Car", "0\t2", FLOW_STATE_FAILED, FLOW_MIDSTREAM}, /* who acknowledges has heard before */
                {"RSTRH", "Cr", "0\t1", FLOW_STATE_FAILED, 0},
                {"SHR", "Cf", "0\t1", FLOW_STATE_FAILED, FLOW_MIDSTREAM},
                {"SH", "SF", "2\t0", FLOW_STATE_FAILED, 0},
                {"SH", "SADF", "4\t0", FLOW_STATE_CLOSED, FLOW_ONE_SIDED},
                {"SHR", "hf", "0\t2", FLOW_STATE_CLOSED, FLOW_ONE_SIDED},
                {"SHR", "^hCadf", "0\t5", FLOW_STATE_CLOSED, 0}, /* a SYN-ACK says who opened it */
                {"OTH", "^dD", "2\t5", FLOW_STATE_ESTABLISHED, FLOW_MIDSTREAM},
                {"OTH", "Dd", "2\t2", FLOW_STATE_ESTABLISHED, FLOW_MIDSTREAM},
                {"OTH", "A", "1\t0", FLOW_STATE_FAILED, FLOW_MIDSTREAM},
                {"OTH", "Ar", "1\t1", FLOW_STATE_FAILED, FLOW_MIDSTREAM},
                {"OTH", "D", "9\t0", FLOW_STATE_FAILED, FLOW_MIDSTREAM | FLOW_ONE_SIDED},
                {"OTH", "C", "0\t0", FLOW_STATE_FAILED, 0}, /* a SYN whose checksum was still to come */
                {"OTH", "Ch", "0\t1", FLOW_STATE_ESTABLISHED, 0},
                {"OTH", "c", "0\t0", FLOW_STATE_FAILED, FLOW_MIDSTREAM},
                {"NEW!", "", "0\t0", FLOW_STATE_FAILED, FLOW_MIDSTREAM},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char text[1024];
                struct rig r;

                snprintf(text, sizeof(text),
                         "%s100.5\tC1\t10.0.0.5\t4000\t192.0.2.1\t80\ttcp\t-\t-\t-\t-\t%s\t0\t%s\t%s\tx\n", CONN,
                         cases[i].conn_state, cases[i].history, cases[i].pkts);
                rig_read(&r, "x", text);
                assert_int_equal(r.n, 2);
                assert_int_equal(r.e[1].flow.state, cases[i].state);
                assert_int_equal(r.e[1].flow.flags, cases[i].flags);
                assert_int_equal(rig_gap(&r, "wrong checksums") >= 0, !!strpbrk(cases[i].history, "cC"));
                rig_end(&r);
        }
}

static void test_datagrams(void **state)
{
        struct rig r;

        (void) state;
        READ(&r, "x", CONN, OUT("C1", "udp\t-\t-\t-\t-\tS0\t0\tD\t1\t0\tx"),
             OUT("C2", "udp\t-\t0.5\t1\t1\tSF\t0\tDd\t1\t1\tx"),
             "101\tC3\t10.0.0.5\t8\t192.0.2.1\t0\ticmp\t-\t0.5\t1\t1\tOTH\t0\t-\t2\t2\tx\n",
             "102\tC4\t10.0.0.5\t3\t192.0.2.1\t1\ticmp\t-\t-\t-\t-\tOTH\t0\t-\t2\t0\tx\n",
             "103\tC5\t192.0.2.1\t13\t10.0.0.5\t0\ticmp\t-\t-\t-\t-\tOTH\t0\t-\t1\t0\tx\n",
             "104\tC6\t10.0.0.5\t5353\t224.0.0.251\t5353\tudp\tdns\t-\t-\t-\tS0\t0\tD\t1\t0\tx\n");
        assert_int_equal(r.stats.bad_lines, 0);
        assert_int_equal(r.n, 10); /* an ICMP error (type 3) is no flow */
        assert_int_equal(r.e[2].flow.state, FLOW_STATE_FAILED);
        assert_int_equal(r.e[3].flow.state, FLOW_STATE_NEW);
        assert_int_equal(r.e[3].flow.local_port, 8 << 8);
        assert_int_equal(r.e[3].flow.remote_port, 0);
        assert_int_equal(r.e[6].flow.local_port, 13 << 8);
        assert_int_equal(r.e[6].flow.origin, FLOW_ACCEPTED);
        assert_int_equal(r.e[9].flow.app, APP_MDNS);
        rig_end(&r);
}

static void test_home(void **state)
{
        struct rig r;

        (void) state;
        READ(&r, "x", CONN, "1\tC1\t10.0.0.5\t1\t10.0.0.6\t2\ttcp\t-\t-\t3\t4\tSF\t0\t-\t1\t2\tx\n",
             "2\tC2\t192.0.2.5\t1\t192.0.2.6\t2\ttcp\t-\t-\t3\t4\tSF\t0\t-\t1\t2\tx\n");
        assert_int_equal(r.n, 4);
        assert_int_equal(r.stats.foreign, 1);
        rig_assert_addr(&r.e[2].flow.local, "10.0.0.5");
        rig_assert_addr(&r.e[3].flow.local, "10.0.0.6");
        assert_int_equal(r.e[2].flow.bytes_out, 3);
        assert_int_equal(r.e[3].flow.bytes_out, 4);
        assert_int_equal(r.e[2].flow.flags & r.e[3].flow.flags, FLOW_BOTH_HOME);
        assert_true(r.e[2].flow.flow_id == r.e[3].flow.flow_id);
        rig_end(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_conn),      cmocka_unit_test(test_lasting), cmocka_unit_test(test_states),
                cmocka_unit_test(test_datagrams), cmocka_unit_test(test_home),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
