/* SPDX-License-Identifier: GPL-3.0-or-later */
/* flood: how much for how long, what is a dialog, runs with holes, totals of flows, stories. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include "rig.h"

static struct event second_of(uint8_t proto, uint32_t packets)
{
        struct event e = {.type = EVENT_RATE, .op = RATE_SECOND};

        e.rate.local = rig_addr("10.0.0.5");
        e.rate.target = rig_outside(9);
        e.rate.target_port = 80;
        e.rate.target_proto = proto;
        e.rate.pkts_out = e.rate.target_pkts = packets;
        e.rate.peers_out = 1;
        if (proto == IPPROTO_TCP)
                e.rate.syn_out = packets;
        else if (proto == IPPROTO_UDP)
                e.rate.udp_out = packets;
        else
                e.rate.icmp_out = packets;
        return e;
}

static void send_second(struct rig *r, const struct event *e)
{
        struct event now = *e;

        r->now += NSEC_PER_SEC;
        rig_event(r, &now);
}

static void test_syn_by_time(void **unused)
{
        struct event e = second_of(IPPROTO_TCP, 100);
        struct rig r;

        (void) unused;
        rig_open(&r, "flood", NULL);
        for (int i = 1; i <= 40; i++) {
                send_second(&r, &e);
                assert_in_range(r.weights,
                                i < 3  ? 0 :
                                i < 10 ? 900 :
                                i < 30 ? 1200 :
                                         1500,
                                i < 3  ? 0 :
                                i < 10 ? 900 :
                                i < 30 ? 1205 :
                                         1510);
        }
        assert_int_equal(r.claims, 3);
        rig_assert_story(
                &r, "Up to 100 SYN packets a second went to 203.0.0.9, port 80/TCP, in 30 seconds until 22:13:50.\n"
                    "What marks it: less than one in ten was answered.\n");
        rig_close(&r);
}

/* Each of these is one step off a flood. */
static void test_syn_or_not(void **unused)
{
        (void) unused;
        for (int odd = 0; odd < 7; odd++) {
                struct event e = second_of(IPPROTO_TCP, 1000);
                struct rig r;

                rig_open(&r, "flood", NULL);
                for (int i = 0; i < 60; i++) {
                        if (odd == 0 || odd == 5) {
                                e.rate.synack_in = 101; /* a tenth is answered, and something is said */
                                e.rate.bytes_out = odd ? 0 : 20000;
                                e.rate.bytes_in = odd ? 20000 : 0;
                        }
                        if (odd == 6)
                                e.rate.pkts_out = e.rate.target_pkts =
                                        2001; /* more than SYN goes out: somebody hears */
                        if (odd == 1)
                                e.rate.syn_out = 99;
                        if (odd == 2)
                                e.rate.target_port++; /* a port scan */
                        if (odd == 3)
                                e.rate.target_pkts = 400; /* towards many */
                        if (odd == 4)
                                r.now += 10 * NSEC_PER_SEC; /* bursts far apart */
                        send_second(&r, &e);
                }
                assert_int_equal(r.claims, 0);
                rig_close(&r);
        }
}

/* SYN cookies answer everything; and a scan of all ports is over after 65,535. */
static void test_syn_answered_or_on_all_ports(void **unused)
{
        struct event e = second_of(IPPROTO_TCP, 1000);
        struct rig r;

        (void) unused;
        e.rate.pkts_in = e.rate.synack_in = 1000;
        rig_open(&r, "flood", NULL);
        for (int i = 0; i < 5; i++)
                send_second(&r, &e);
        assert_string_equal(r.last.kind->name, "flood.syn");
        assert_in_range(r.weights, 1500, 1510);
        rig_close(&r);
        rig_open(&r, "flood", NULL);
        e.rate.synack_in = 0;
        for (int i = 0; i < 80; i++) {
                e.rate.target_port++;
                send_second(&r, &e);
                assert_int_equal(r.claims > 0, i >= 69);
        }
        rig_close(&r);
}

/* Where only one direction is captured, silence says nothing; but no service has changing ports. */
static void test_udp_one_sided(void **unused)
{
        (void) unused;
        for (int heard = 0; heard < 3; heard++) {
                struct event e = second_of(IPPROTO_UDP, 3000);
                struct rig r;

                rig_open(&r, "flood", NULL);
                if (heard == 1)
                        rig_contact(&r, IPPROTO_UDP, rig_outside(1), 53, true);
                for (int i = 0; i < 20; i++) {
                        e.rate.target_port += heard == 2;
                        send_second(&r, &e);
                }
                assert_in_range(r.weights,
                                heard == 0 ? 0 :
                                heard == 1 ? 700 :
                                             1200,
                                heard == 0 ? 0 :
                                heard == 1 ? 710 :
                                             1210);
                rig_close(&r);
        }
}

static void test_hole_in_a_run(void **unused)
{
        struct event e = second_of(IPPROTO_TCP, 500), quiet = second_of(IPPROTO_TCP, 50);
        struct rig r;

        (void) unused;
        rig_open(&r, "flood", NULL);
        send_second(&r, &e);
        send_second(&r, &quiet);
        send_second(&r, &quiet);
        send_second(&r, &e);
        assert_int_equal(r.claims, 0);
        send_second(&r, &e);
        assert_int_equal(r.claims, 1);
        rig_close(&r);
}

static void test_udp(void **unused)
{
        struct event e = second_of(IPPROTO_UDP, 1000);
        struct rig r;

        (void) unused;
        rig_open(&r, "flood", NULL);
        for (int i = 0; i < 100; i++) {
                e.rate.pkts_in = i % 2 ? 0 : 21; /* every other second a dialog */
                if (i % 2)
                        r.now += 4 * NSEC_PER_SEC;
                send_second(&r, &e);
        }
        assert_int_equal(r.claims, 0);
        e.rate.pkts_in = 20;
        for (int i = 0; i < 100; i++)
                send_second(&r, &e);
        assert_int_equal(r.weights, 400);
        for (int i = 0; i < 30; i++) {
                e.rate.target_port++;
                e.rate.target = rig_addr("192.168.7.7"); /* at home or not */
                send_second(&r, &e);
        }
        assert_int_equal(r.weights, 400); /* a quarter of the run only */
        r.now += 60 * NSEC_PER_SEC;
        for (int i = 0; i < 30; i++) {
                e.rate.target_port++;
                send_second(&r, &e);
        }
        assert_in_range(r.weights, 1500, 1510);
        rig_close(&r);
}

static void test_icmp_answers_are_none(void **unused)
{
        struct event e = second_of(IPPROTO_ICMP, 1000), ping;
        struct rig r;

        (void) unused;
        rig_open(&r, "flood", NULL);
        ping = rig_flow(&r, IPPROTO_ICMP, rig_outside(9), 0);
        ping.flow.origin = FLOW_ACCEPTED;
        rig_event(&r, &ping);
        for (int i = 0; i < 20; i++)
                send_second(&r, &e);
        assert_int_equal(r.claims, 0);
        e.rate.target = rig_outside(10);
        for (int i = 0; i < 20; i++)
                send_second(&r, &e);
        assert_int_equal(r.weights, 1000);
        rig_close(&r);
}

static struct event request(const char *uri)
{
        struct event e = {.type = EVENT_HTTP, .op = HTTP_REQUEST};

        e.ends.local = rig_addr("10.0.0.5");
        e.ends.remote = rig_outside(9);
        e.ends.from_local = 1;
        e.http.uri = uri;
        e.http.uri_len = (uint16_t) strlen(uri);
        return e;
}

static void test_http(void **unused)
{
        char uri[] = "/000";

        (void) unused;
        for (int same = 0; same <= 1; same++) {
                struct event e = second_of(IPPROTO_TCP, 300);
                struct rig r;

                e.rate.syn_out = e.rate.synack_in = 10;
                e.rate.http_out = 100;
                rig_open(&r, "flood", NULL);
                for (int i = 0; i < 20; i++) {
                        for (int n = 0; n < 100; n++) {
                                struct event q = request(uri);

                                uri[3] = (char) ('0' + n % 10);
                                uri[2] = (char) ('0' + n / 10);
                                if (same && n % 4)
                                        q = request("/");
                                rig_event(&r, &q);
                        }
                        send_second(&r, &e);
                }
                assert_int_equal(r.weights, same ? 900 : 0);
                rig_close(&r);
        }
}

static void test_questions(void **unused)
{
        struct event e = {.type = EVENT_DNS, .op = DNS_QUERY};

        (void) unused;
        for (uint32_t servers = 1; servers <= 40; servers += 39) {
                struct rig r;

                rig_open(&r, "flood", NULL);
                e.ends.local = rig_addr("10.0.0.5");
                e.ends.from_local = 1;
                e.dns.name = (struct slice){"big.example", 11};
                for (e.dns.qtype = 1; e.dns.qtype <= 255; e.dns.qtype += 254)
                        for (uint32_t i = 0; i < 150; i++) {
                                e.ends.remote = rig_outside(i % servers);
                                rig_event(&r, &e);
                        }
                assert_int_equal(r.claims, servers > 1);
                rig_close(&r);
        }
}

/* From a log: flows alone. Answered ones are a client that does not keep its connections. */
static void test_flows(void **unused)
{
        (void) unused;
        for (int answered = 0; answered <= 1; answered++) {
                struct rig r;

                rig_open(&r, "flood", NULL);
                for (int i = 0; i < 150 * 40; i++) {
                        r.now += NSEC_PER_SEC / 150;
                        rig_contact(&r, IPPROTO_TCP, rig_outside(9), 80, answered);
                }
                assert_string_equal(r.claims ? r.last.kind->name : "none", answered ? "none" : "flood.syn");
                rig_close(&r);
        }
}

static void test_totals(void **unused)
{
        struct event e;
        struct rig r;

        (void) unused;
        rig_open(&r, "flood", NULL);
        e = rig_flow(&r, IPPROTO_UDP, rig_outside(9), 9000);
        rig_event(&r, &e);
        r.now += 10 * NSEC_PER_SEC;
        e.op = FLOW_UPDATE;
        e.flow.pkts_out = 2999; /* less than 300 a second */
        rig_event(&r, &e);
        e.flow.pkts_out = 30000;
        e.flow.pkts_in = 601;
        rig_event(&r, &e);
        e.flow.pkts_in = 0;
        e.flow.flags = FLOW_SAMPLED; /* many peers behind one socket */
        rig_event(&r, &e);
        assert_int_equal(r.claims, 0);
        e.flow.flags = 0;
        e.flow.task = (struct task){.pid = 9, .tid = 9, .start = 9, .leader_start = 9};
        rig_event(&r, &e);
        assert_int_equal(r.weights, 700);
        assert_int_equal(r.last.subject.pid, 9);
        e.flow.since = r.now + 5 * NSEC_PER_SEC; /* a clock that was set */
        rig_event(&r, &e);
        rig_close(&r);
}

static void test_large_answers(void **unused)
{
        (void) unused;
        for (uint32_t servers = 1; servers <= 40; servers += 39) {
                struct rig r;

                rig_open(&r, "flood", NULL);
                for (uint32_t i = 0; i < 60; i++) {
                        struct event e = rig_flow(&r, IPPROTO_UDP, rig_outside(i % servers), 123);

                        rig_event(&r, &e);
                        e.op = FLOW_END;
                        e.flow.state = FLOW_STATE_CLOSED;
                        e.flow.bytes_out = 8;
                        e.flow.bytes_in = 4800;
                        e.flow.pkts_in = 10;
                        rig_event(&r, &e);
                }
                assert_int_equal(r.claims, servers > 1);
                rig_close(&r);
        }
}

static void test_storm(void **unused)
{
        struct rig r;

        (void) unused;
        rig_open(&r, "flood", NULL);
        rig_storm(&r, 300000);
        r.last.n_facts = 0;
        r.last.last = 0;
        r.last.kind = &r.detector->kinds[0];
        rig_assert_story(&r, "Up to 0 ? went to an unknown address, in 0 seconds until 00:00:00.\nWhat marks it: ?.\n");
        rig_close(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_syn_by_time),
                cmocka_unit_test(test_syn_or_not),
                cmocka_unit_test(test_syn_answered_or_on_all_ports),
                cmocka_unit_test(test_udp_one_sided),
                cmocka_unit_test(test_hole_in_a_run),
                cmocka_unit_test(test_udp),
                cmocka_unit_test(test_icmp_answers_are_none),
                cmocka_unit_test(test_http),
                cmocka_unit_test(test_questions),
                cmocka_unit_test(test_flows),
                cmocka_unit_test(test_totals),
                cmocka_unit_test(test_large_answers),
                cmocka_unit_test(test_storm),
        };

        setenv("TZ", "UTC", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
