/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A firewall's log: the forms of its messages, wrapped records, ends that are missing, and lines that lie. */
#include "log_rig.h"

#define T  "Oct 26 2006 09:42:47 fw1 : %FWSM-6-302013: "
#define U  "Oct 26 2006 09:43:17 fw1 : %FWSM-6-302014: "
#define TP "Oct 26 2006 09:42:47 fw1 : %%FWSM-6-302013: " /* in a format */
#define UP "Oct 26 2006 09:43:17 fw1 : %%FWSM-6-302014: "
#define T0 (1161855767 * NSEC_PER_SEC) /* 2006-10-26T09:42:47Z */

static void test_pair(void **state)
{
        struct rig r;

        (void) state;
        rig_read(&r, "x",
                 T
                 "Built outbound TCP connection 7 for outside:192.0.2.1/443 (192.0.2.1/443) to inside:10.0.0.5/51234 "
                 "(203.0.113.1/51234)\r\n" U
                 "Teardown TCP connection 7 for outside:192.0.2.1/443 to inside:10.0.0.5/51234 duration 0:00:30 bytes "
                 "1428 TCP FINs\r\n");
        assert_int_equal(r.stats.bad_lines, 0);
        assert_int_equal(r.n, 3);
        assert_int_equal(r.e[0].op, FLOW_START);
        assert_int_equal(r.e[0].time, T0);
        assert_int_equal(r.e[0].flow.state, FLOW_STATE_NEW);
        assert_int_equal(r.e[0].flow.origin, FLOW_ORIGINATED);
        assert_int_equal(r.e[0].flow.tcp, TCP_SEEN_SYN);
        rig_assert_addr(&r.e[0].flow.local, "10.0.0.5");
        rig_assert_addr(&r.e[0].flow.remote, "192.0.2.1");
        assert_int_equal(r.e[0].flow.remote_port, 443);
        assert_int_equal(r.e[1].op, FLOW_UPDATE); /* it lasted, so it was answered */
        assert_int_equal(r.e[1].time, T0);
        assert_int_equal(r.e[1].flow.state, FLOW_STATE_ESTABLISHED);
        assert_int_equal(r.e[1].flow.pkts_in, 1);
        assert_int_equal(r.e[2].op, FLOW_END);
        assert_int_equal(r.e[2].time, T0 + 30 * NSEC_PER_SEC);
        assert_int_equal(r.e[2].flow.since, T0);
        assert_int_equal(r.e[2].flow.state, FLOW_STATE_CLOSED);
        assert_int_equal(r.e[2].flow.bytes_in, 1428);
        assert_int_equal(r.e[2].flow.flags, 0);
        assert_true(r.e[0].flow.flow_id == r.e[2].flow.flow_id && r.e[0].flow.flow_id != 0);
        assert_true(rig_gap(&r, "not_in_log: packet counts: one for each side") >= 0);
        assert_int_equal(r.lost[rig_gap(&r, "time zone: taken for UTC")], 2);
        assert_int_equal(rig_gap(&r, "bad_line"), -1);
        rig_end(&r);
}

static void test_inbound(void **state)
{
        struct rig r;

        (void) state;
        rig_read(&r, "x",
                 T
                 "Built inbound TCP connection 7 for outside:192.0.2.1/4000 (192.0.2.1/4000) to inside:10.0.0.5/80 "
                 "(10.0.0.5/80)\n" U
                 "Teardown TCP connection 7 for outside:192.0.2.1/4000 to inside:10.0.0.5/80 duration 0:00:30 bytes 9 "
                 "TCP Reset-I\n");
        assert_int_equal(r.n, 3);
        assert_int_equal(r.e[2].flow.origin, FLOW_ACCEPTED);
        assert_int_equal(r.e[2].flow.bytes_out, 9); /* the responder's */
        assert_true(r.e[2].flow.tcp & TCP_SEEN_RST);
        assert_false(r.e[2].flow.tcp >> 8 & TCP_SEEN_RST);
        rig_end(&r);
}

/* Wrapped by a slide, a blank line or none between records, and the first part of addresses struck out. */
static void test_wrapped(void **state)
{
        struct rig r;

        (void) state;
        rig_read(
                &r, "x",
                "Oct 26 09:42:48 10.1.1.242 Oct 26 2006 09:42:47: %FWSM-613: Built inbound TCP connection 23 for faddr "
                "xxx.6.85.111/50652 \ngaddr 10.0.243.141/80 laddr 10.0.243.141/80\n\nOct 26 09:42:48 10.1.1.242 Oct 26 "
                "2006 09:42:47:\n%FWSM-614: Teardown TCP\nconnection 23 faddr xxx.6.85.111/50652\ngaddr "
                "10.0.243.141/80 "
                "laddr\n10.0.243.141/80 duration 0:00:00\nbytes 18 (TCP Reset-O)");
        assert_int_equal(r.stats.bad_lines, 0);
        assert_int_equal(r.n, 2);
        rig_assert_addr(&r.e[0].flow.remote, "0.6.85.111");
        assert_int_equal(r.e[0].time, T0);
        assert_true(r.e[0].flow.flow_id == r.e[1].flow.flow_id);
        assert_int_equal(r.lost[rig_gap(&r, "struck out")], 2);
        rig_end(&r);
}

static uint8_t state_after(const char *direction, const char *totals, uint16_t *ret_flags)
{
        char text[1024];
        struct rig r;
        uint8_t state;

        snprintf(text, sizeof(text),
                 TP "Built %s TCP connection 7 for outside:192.0.2.1/443 (192.0.2.1/443) to inside:10.0.0.5/5000 "
                    "(10.0.0.5/5000)\n" UP
                    "Teardown TCP connection 7 for outside:192.0.2.1/443 to inside:10.0.0.5/5000 %s\n",
                 direction, totals);
        rig_read(&r, "x", text);
        state = r.e[r.n - 1].flow.state;
        assert_int_equal(r.n, state == FLOW_STATE_FAILED ? 2 : 3); /* 30 s that were answered are told at once */
        assert_int_equal(r.e[r.n - 1].flow.pkts_in > 0, r.e[r.n - 1].flow.tcp >> 8 || state != FLOW_STATE_FAILED);
        if (ret_flags)
                *ret_flags = r.e[r.n - 1].flow.tcp;
        rig_end(&r);
        return state;
}

static void test_reasons(void **state)
{
        uint16_t tcp;

        (void) state;
        assert_int_equal(state_after("outbound", "duration 0:00:30 bytes 0 SYN Timeout", &tcp), FLOW_STATE_FAILED);
        assert_int_equal(tcp, TCP_SEEN_SYN);
        /* refused by the other side; given up by this one after an answer (a port found open) */
        assert_int_equal(state_after("outbound", "duration 0:00:00 bytes 0 TCP Reset-O", NULL), FLOW_STATE_FAILED);
        assert_int_equal(state_after("outbound", "duration 0:00:00 bytes 0 TCP Reset-I", NULL), FLOW_STATE_CLOSED);
        assert_int_equal(state_after("inbound", "duration 0:00:00 bytes 0 TCP Reset-I", NULL), FLOW_STATE_FAILED);
        assert_int_equal(state_after("outbound", "duration 0:00:00 bytes 5 (TCP Reset-O)", &tcp), FLOW_STATE_CLOSED);
        assert_true(tcp >> 8 & TCP_SEEN_RST);
        assert_int_equal(state_after("outbound", "duration 0:00:00 bytes 0 (TCP FINs)", NULL), FLOW_STATE_CLOSED);
        assert_int_equal(state_after("outbound", "duration 1:00:00 bytes 5 Conn-timeout", NULL),
                         FLOW_STATE_ESTABLISHED);
        assert_int_equal(state_after("outbound", "duration 1:00:00 bytes 5", NULL), FLOW_STATE_ESTABLISHED);
}

/* An end without its beginning tells both; a beginning without its end stays open. */
static void test_half_pairs(void **state)
{
        struct rig r;

        (void) state;
        rig_read(&r, "x",
                 U "Teardown TCP connection 7 faddr 192.0.2.1/443 gaddr 10.0.0.5/5000 laddr 10.0.0.5/5000 duration "
                   "0:00:10 bytes 0 (SYN Timeout)\n" U
                   "Teardown TCP connection 8 faddr 192.0.2.1/5000 gaddr 10.0.0.5/6000 laddr 10.0.0.5/6000 duration "
                   "999:00:00 bytes 1 (TCP FINs)\n" U
                   "Built UDP connection for faddr 192.0.2.9/53 gaddr 10.0.0.5/1026 laddr 10.0.0.5/1026\n");
        assert_int_equal(r.n, 7);
        assert_int_equal(r.e[0].flow.flags, FLOW_MIDSTREAM);
        assert_int_equal(r.e[0].flow.origin, FLOW_ORIGIN_UNKNOWN); /* two high ports */
        assert_int_equal(r.e[1].op, FLOW_UPDATE);
        assert_int_equal(r.e[1].flow.flags, FLOW_MIDSTREAM);
        assert_int_equal(r.e[2].op, FLOW_START);
        assert_int_equal(r.e[2].time, T0 + 20 * NSEC_PER_SEC);
        assert_int_equal(r.e[2].flow.origin, FLOW_ORIGINATED);
        assert_int_equal(r.e[3].op, FLOW_START);
        assert_int_equal(r.e[3].flow.proto, IPPROTO_UDP);
        assert_int_equal(r.e[3].flow.origin, FLOW_ORIGINATED);
        assert_int_equal(r.e[4].op, FLOW_UPDATE); /* that UDP was answered is taken for granted */
        assert_int_equal(r.e[5].op, FLOW_END);
        assert_int_equal(r.e[6].op, FLOW_END);
        rig_end(&r);
}

/* Never torn down: TCP that was older than what nobody answers is in use; a younger one may be either. */
static void test_still_open(void **state)
{
        struct rig r;

        (void) state;
        rig_read(&r, "x",
                 T "Built outbound TCP connection 7 for faddr 192.0.2.1/443 gaddr 10.0.0.5/1 laddr 10.0.0.5/5000\n" U
                   "Built outbound TCP connection 8 for faddr 192.0.2.1/443 gaddr 10.0.0.5/1 laddr 10.0.0.5/5001\n"
                   "Oct 26 2006 09:43:18 UTC fw1 : %ASA-session-6-302013: Built outbound TCP connection 9 for "
                   "outside:192.0.2.1/443 (192.0.2.1/443) to inside:10.0.0.5/5002 (10.0.0.5/5002)\n");
        assert_int_equal(r.n, 4);
        assert_int_equal(r.e[1].op, FLOW_UPDATE);
        assert_int_equal(r.e[1].time, T0);
        assert_int_equal(r.e[1].flow.local_port, 5000);
        assert_int_equal(r.e[1].flow.state, FLOW_STATE_ESTABLISHED);
        assert_int_equal(r.lost[rig_gap(&r, "time zone: taken for UTC")], 2);
        rig_end(&r);
}

/* UDP of old firewalls has no number: the same ports again are another flow. */
static void test_same_ports_again(void **state)
{
#define ENDS "UDP connection for faddr 192.0.2.9/53 gaddr 10.0.0.5/1026 laddr 10.0.0.5/1026\n"
        struct rig r;

        (void) state;
        rig_read(&r, "x", T "Built " ENDS T "Teardown " ENDS U "Built " ENDS U "Teardown " ENDS);
        assert_int_equal(r.n, 6);
        assert_true(r.e[0].flow.flow_id == r.e[2].flow.flow_id && r.e[3].flow.flow_id == r.e[5].flow.flow_id);
        assert_true(r.e[0].flow.flow_id != r.e[3].flow.flow_id);
        rig_end(&r);
#undef ENDS
}

struct denied_case {
        const char *text;
        const char *remote;
        uint16_t remote_port, local_port;
        uint8_t proto, origin;
        uint16_t tcp, flags;
        uint32_t pkts_out, pkts_in;
};

static void test_denied(void **state)
{
        static const struct denied_case cases[] = {
                {"Inbound TCP connection denied from 192.0.2.1/4567 to 10.0.0.5/445 flags SYN on interface outside",
                 "192.0.2.1", 4567, 445, IPPROTO_TCP, FLOW_ACCEPTED, TCP_SEEN_SYN << 8, 0, 0, 1},
                {"Deny inbound UDP from 192.0.2.1/53 to 10.0.0.5/1434 on interface outside.", "192.0.2.1", 53, 1434,
                 IPPROTO_UDP, FLOW_ACCEPTED, 0, 0, 0, 1},
                {"Deny inbound UDP from 192.0.2.1/53 to 10.0.0.5/1434 due to DNS Query.", "192.0.2.1", 53, 1434,
                 IPPROTO_UDP, FLOW_ACCEPTED, 0, 0, 0, 1},
                {"Deny inbound icmp src outside: 192.0.2.1 dst inside: 10.0.0.5 (type 13, code 1)", "192.0.2.1", 0,
                 13 << 8 | 1, IPPROTO_ICMP, FLOW_ACCEPTED, 0, 0, 0, 1},
                {"Deny TCP (no connection) from 10.0.0.5/80 to 192.0.2.1/4567 flags RST ACK on interface inside",
                 "192.0.2.1", 4567, 80, IPPROTO_TCP, FLOW_ORIGINATED, TCP_SEEN_RST | TCP_SEEN_ACK, FLOW_MIDSTREAM, 1,
                 0},
                {"Deny TCP (no connection) from 10.0.0.5/80 to 192.0.2.1/4567 flags SYN ACK on interface inside",
                 "192.0.2.1", 4567, 80, IPPROTO_TCP, FLOW_ACCEPTED, TCP_SEEN_SYN | TCP_SEEN_ACK, FLOW_MIDSTREAM, 1, 0},
                {"Deny tcp src inside:10.0.0.5/1025 dst outside:192.0.2.1/25 by access-group \"inside_out\" [0x0, 0x0]",
                 "192.0.2.1", 25, 1025, IPPROTO_TCP, FLOW_ORIGINATED, TCP_SEEN_SYN, 0, 1, 0},
                {"access-list out denied tcp inside/10.0.0.5(1026) -> outside/192.0.2.1(25) hit-cnt 3 300-second "
                 "interval "
                 "[0x0, 0x0]",
                 "192.0.2.1", 25, 1026, IPPROTO_TCP, FLOW_ORIGINATED, TCP_SEEN_SYN, 0, 3, 0},
                {"access-list out denied icmp inside/10.0.0.5(8) -> outside/192.0.2.1(0) hit-cnt 1 first hit",
                 "192.0.2.1", 0, 8 << 8, IPPROTO_ICMP, FLOW_ORIGINATED, 0, 0, 1, 0},
                {"TCP access denied by ACL from 192.0.2.1/4567 to outside:10.0.0.1/ssh", "192.0.2.1", 4567, 22,
                 IPPROTO_TCP, FLOW_ACCEPTED, TCP_SEEN_SYN << 8, 0, 0, 1},
                {"UDP request discarded from 2001:db8::7/4567 to outside:10.0.0.1/snmp", "2001:db8::7", 4567, 161,
                 IPPROTO_UDP, FLOW_ACCEPTED, 0, 0, 0, 1},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const struct denied_case *c = &cases[i];
                char text[512];
                struct rig r;

                snprintf(text, sizeof(text), "<162>" TP "%s\n", c->text);
                rig_read(&r, "x", text);
                assert_int_equal(r.n, 2);
                assert_int_equal(r.e[0].op, FLOW_START);
                assert_int_equal(r.e[1].op, FLOW_END);
                assert_int_equal(r.e[1].flow.state, FLOW_STATE_FAILED);
                rig_assert_addr(&r.e[1].flow.remote, c->remote);
                assert_int_equal(r.e[1].flow.remote_port, c->remote_port);
                assert_int_equal(r.e[1].flow.local_port, c->local_port);
                assert_int_equal(r.e[1].flow.proto, c->proto);
                assert_int_equal(r.e[1].flow.origin, c->origin);
                assert_int_equal(r.e[1].flow.tcp, c->tcp);
                assert_int_equal(r.e[1].flow.flags, c->flags);
                assert_int_equal(r.e[1].flow.pkts_out, c->pkts_out);
                assert_int_equal(r.e[1].flow.pkts_in, c->pkts_in);
                rig_end(&r);
        }
}

/* What says nothing of a flow is passed over, and is no bad line. */
static void test_of_no_interest(void **state)
{
        struct rig r;

        (void) state;
        rig_read(&r, "x",
                 T "Built dynamic tcp translation from inside:10.0.0.5/1 to outside:203.0.113.1/2\n" T
                   "Built local-host inside:10.0.0.5\n" T
                   "Deny IP spoof from (10.0.0.5) to 192.0.2.1 on interface x\n" T
                   "Deny TCP reverse path check from 10.0.0.5 to 192.0.2.1 on interface x\n" T
                   "access-list a permitted tcp inside/10.0.0.5(1) -> outside/192.0.2.1(2) hit-cnt 1 first hit\n" T
                   "Deny protocol 47 src inside:10.0.0.5 dst outside:192.0.2.1 by access-group \"x\"\n" T
                   "User logged in\nOct 26 09:42:47 router something else entirely\n  with a second line\n");
        assert_int_equal(r.stats.bad_lines, 0);
        assert_int_equal(r.total, 0);
        rig_end(&r);
}

static void test_home(void **state)
{
#define LINE TP "Built outbound TCP connection 7 for faddr %s/443 gaddr %s/1 laddr %s/5000\n"
        struct rig r;
        char text[512];

        (void) state;
        /* both: an event each */
        snprintf(text, sizeof(text), LINE, "10.9.9.9", "10.0.0.5", "10.0.0.5");
        rig_read(&r, "x", text);
        assert_int_equal(r.n, 2);
        assert_int_equal(r.e[0].flow.flags & r.e[1].flow.flags, FLOW_BOTH_HOME);
        assert_int_equal(r.e[0].flow.origin, FLOW_ORIGINATED);
        assert_int_equal(r.e[1].flow.origin, FLOW_ACCEPTED);
        rig_end(&r);
        /* none: counted */
        snprintf(text, sizeof(text), LINE, "192.0.2.1", "192.0.2.2", "192.0.2.2");
        rig_read(&r, "x", text);
        assert_int_equal(r.n, 0);
        assert_int_equal(r.stats.foreign, 1);
        rig_end(&r);
        /* only the translated address is of the home network */
        snprintf(text, sizeof(text), LINE, "192.0.2.1", "10.0.0.5", "172.16.0.1");
        rig_read(&r, "x", text);
        assert_int_equal(r.n, 1);
        rig_assert_addr(&r.e[0].flow.local, "10.0.0.5");
        rig_end(&r);
#undef LINE
}

static void test_bad_lines(void **state)
{
        static char big[9000];
        struct rig r;
        int gap;

        (void) state;
        memset(big, 'A', sizeof(big) - 1);
        rig_begin(&r, "10.0.0.0/8");
        {
                char text[16384];
                int n = snprintf(
                        text, sizeof(text),
                        "continues nothing\n" TP "Built outbound TCP connection 7 for\n" TP
                        "Built outbound TCP connection 7 for faddr 1.2.3.4/99999 gaddr 1.1.1.1/1 laddr 1.1.1.1/1\n" TP
                        "Teardown TCP connection 7 faddr 1.2.3.4/1 gaddr 1.1.1.1/1 laddr 10.1.1.1/1 duration "
                        "0:99:00 bytes 1\n" TP
                        "Teardown TCP connection 7 faddr 1.2.3.4/1 gaddr 1.1.1.1/1 laddr 10.1.1.1/1 duration "
                        "0:00:00 bytes 99999999999999999999\n" TP
                        "Deny tcp src inside:host.name/1 dst outside:1.2.3.4/2 by x\n"
                        "Oct 26 xx:%%FWSM-6-302013: Built outbound TCP connection 7 for faddr 1.2.3.4/9 gaddr "
                        "1.1.1.1/1 laddr 10.1.1.1/1\n" TP "%s\n",
                        big);
                assert_int_equal(rig_add(&r, "a/b/fw.log", text, (size_t) n), 0);
        }
        rig_finish(&r);
        assert_int_equal(r.n, 0);
        assert_int_equal(r.stats.bad_lines, 8);
        gap = rig_gap(&r, "bad_line: the first is line 1 (fw.log)");
        assert_true(gap >= 0);
        assert_int_equal(r.lost[gap], 8);
        rig_end(&r);
}

/* Every cut of a record, and each byte of it spoilt: no crash, never more than its three events. */
static void test_cut_and_spoilt(void **state)
{
        static const char whole[] = T "Teardown TCP connection 7 for outside:192.0.2.1/443 to inside:10.0.0.5/51234 "
                                      "duration 0:00:30 bytes 1428 TCP FINs";
        struct rig r;

        (void) state;
        for (size_t i = 1; i < sizeof(whole); i++) {
                char text[sizeof(whole)];

                memcpy(text, whole, sizeof(whole));
                rig_begin(&r, "10.0.0.0/8");
                if (rig_add(&r, "x", text, i) == 0)
                        rig_finish(&r);
                assert_true(r.n == 0 || r.n == 2 || r.n == 3);
                rig_end(&r);
                text[i] = (char) (i % 3 == 0 ? '\0' : i % 3 == 1 ? '\xff' : ':');
                rig_begin(&r, "10.0.0.0/8");
                if (rig_add(&r, "x", text, sizeof(text) - 1) == 0)
                        rig_finish(&r);
                assert_true(r.n == 0 || r.n == 2 || r.n == 3);
                rig_end(&r);
        }
}

/* As printed on a slide: 10 connections, of which 5 end, 4 of them without their beginning; and translations. */
static void test_data(void **state)
{
        uint64_t starts = 0, ends = 0;
        struct rig r;

        (void) state;
        if (!rig_data(&r, "192.168.0.0/16", "firewall/fwsm.log")) {
                print_message("no shared data (SEKIMORI_DATA)\n");
                skip();
        }
        for (size_t i = 0; i < r.n; i++) {
                starts += r.e[i].op == FLOW_START;
                ends += r.e[i].op == FLOW_END;
        }
        assert_int_equal(r.stats.bad_lines, 0);
        assert_int_equal(r.stats.foreign, 2); /* 10.0.243.141, which this home leaves out */
        assert_int_equal(starts, 9);          /* 8 connections, of which one is between two home hosts */
        assert_int_equal(ends, 3);
        rig_end(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pair),           cmocka_unit_test(test_inbound),
                cmocka_unit_test(test_wrapped),        cmocka_unit_test(test_reasons),
                cmocka_unit_test(test_half_pairs),     cmocka_unit_test(test_same_ports_again),
                cmocka_unit_test(test_denied),         cmocka_unit_test(test_of_no_interest),
                cmocka_unit_test(test_home),           cmocka_unit_test(test_bad_lines),
                cmocka_unit_test(test_cut_and_spoilt), cmocka_unit_test(test_data),
                cmocka_unit_test(test_still_open),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
