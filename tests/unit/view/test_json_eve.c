/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON lines as other programs read them: the names that EVE has. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include "line.h"
#include "model/gate.h"
#include "rules/rule.h"
#include "source/source.h"

static void test_flow_as_eve_names_it(void **unused)
{
        struct event e = example_flow();
        json_t *root;

        (void) unused;
        e.flow.origin = FLOW_ORIGINATED;
        root = written(&e, 0);
        assert_text_field(root, "timestamp", "2026-11-21T01:35:02.123456+0000");
        assert_text_field(root, "event_type", "flow");
        assert_text_field(root, "src_ip", "10.0.0.2");
        assert_int_equal(json_integer_value(json_object_get(root, "src_port")), 22);
        assert_text_field(root, "dest_ip", "192.0.2.1");
        assert_text_field(root, "proto", "TCP");
        assert_int_equal(json_integer_value(json_object_get(root, "flow_id")), 77);
        json_decref(root);

        e.flow.origin = FLOW_ACCEPTED;
        root = written(&e, NSEC_PER_SEC);
        assert_text_field(root, "src_ip", "192.0.2.1");
        assert_int_equal(json_integer_value(json_object_get(root, "src_port")), 40000);
        assert_text_field(root, "dest_ip", "10.0.0.2");
        assert_int_equal(json_integer_value(json_object_get(root, "dest_port")), 22);
        assert_text_field(root, "timestamp", "2026-11-21T01:35:03.123456+0000");
        assert_int_equal(json_integer_value(json_object_get(root, "time_ns")), e.time + NSEC_PER_SEC);
        json_decref(root);

        e.flow.proto = IPPROTO_ICMP;
        e.flow.local_port = 8 << 8;
        root = written(&e, 0);
        assert_null(json_object_get(root, "src_port"));
        assert_int_equal(json_integer_value(json_object_get(root, "icmp_type")), 8);
        json_decref(root);

        e.flow.proto = PROTO_ARP;
        e.flow.app = APP_IRC;
        root = written(&e, 0);
        assert_null(json_object_get(root, "src_port"));
        assert_text_field(root, "proto", "ARP");
        assert_text_field(root, "app_proto", "irc");
        json_decref(root);
}

static void test_gate(void **unused)
{
        struct event e = {.type = EVENT_GATE, .op = GATE_TRY_CONNECT, .source = EVENT_SOURCE_GATE, .time = 1};
        json_t *root, *gate;

        (void) unused;
        e.gate = (struct gate_event){.task = {1, 1, 4711, 4711}, .comm = "bot", .port = 25, .proto = IPPROTO_TCP};
        e.gate.reason = GATE_WHY_PROGRAM;
        e.gate.denied = 1;
        e.gate.count = 3;
        e.gate.kinds = GATE_IS_MAILER | 1u << 20;
        assert_int_equal(addr_parse("192.0.2.25", &e.gate.remote), 0);
        root = written(&e, 0);
        gate = json_object_get(root, "gate");
        assert_text_field(root, "event_type", "gate");
        assert_text_field(root, "op", "connect");
        assert_text_field(root, "source", "gate");
        assert_text_field(root, "dest_ip", "192.0.2.25");
        assert_int_equal(json_integer_value(json_object_get(root, "dest_port")), 25);
        assert_text_field(gate, "action", "denied");
        assert_text_field(gate, "reason", "no_mail_program");
        assert_text_field(gate, "program", "bot");
        assert_null(json_object_get(gate, "asker"));
        assert_int_equal(json_array_size(json_object_get(gate, "kinds")), 2);
        json_decref(root);

        e.gate.denied = 0;
        e.gate.learn = 1;
        root = written(&e, 0);
        assert_text_field(json_object_get(root, "gate"), "action", "would_deny");
        json_decref(root);

        e.op = GATE_TRY_TAMPER;
        e.gate.reason = GATE_WHY_NONE;
        memset(&e.gate.remote, 0, sizeof(e.gate.remote));
        root = written(&e, 0);
        assert_null(json_object_get(root, "dest_ip"));
        assert_text_field(json_object_get(root, "gate"), "action", "seen");
        json_decref(root);
}

static void test_dns_as_eve_names_it(void **unused)
{
        struct addr addrs[2];
        struct event e = {.type = EVENT_DNS, .op = DNS_ANSWER, .time = 1};
        json_t *root, *dns;

        (void) unused;
        assert_int_equal(addr_parse("10.0.0.2", &e.ends.local), 0);
        assert_int_equal(addr_parse("192.0.2.53", &e.ends.remote), 0);
        assert_int_equal(addr_parse("192.0.2.1", &addrs[0]), 0);
        assert_int_equal(addr_parse("2001:db8::1", &addrs[1]), 0);
        e.ends.flow_id = 5;
        e.ends.origin = FLOW_ORIGINATED;
        e.ends.proto = IPPROTO_UDP;
        e.ends.remote_port = 53;
        e.dns.name = (struct slice){"example.com", 11};
        e.dns.qtype = 28;
        e.dns.rcode = 3;
        e.dns.addrs = addrs;
        e.dns.n_addrs = 2;
        root = written(&e, 0);
        dns = json_object_get(root, "dns");
        assert_text_field(root, "src_ip", "10.0.0.2");
        assert_int_equal(json_integer_value(json_object_get(root, "dest_port")), 53);
        assert_int_equal(json_integer_value(json_object_get(root, "flow_id")), 5);
        assert_text_field(dns, "type", "answer");
        assert_text_field(dns, "rrname", "example.com");
        assert_text_field(dns, "rrtype", "AAAA");
        assert_text_field(dns, "rcode", "NXDOMAIN");
        assert_string_equal(json_string_value(json_array_get(json_object_get(dns, "addresses"), 1)), "2001:db8::1");
        json_decref(root);
}

/* Client and server as EVE counts them, and the id that other programs give the flow too. */
static void test_flow_for_other_programs(void **unused)
{
        struct event e = example_flow();
        json_t *root, *flow;
        char id[2][40];

        (void) unused;
        e.flow.origin = FLOW_ACCEPTED;
        e.flow.bytes_out = 5;
        e.flow.bytes_in = 7;
        e.flow.pkts_out = 2;
        e.flow.pkts_in = 3;
        e.flow.since = e.time - 61 * NSEC_PER_SEC;
        root = written(&e, 0);
        flow = json_object_get(root, "flow");
        assert_int_equal(json_integer_value(json_object_get(flow, "bytes_toserver")), 7);
        assert_int_equal(json_integer_value(json_object_get(flow, "bytes_toclient")), 5);
        assert_int_equal(json_integer_value(json_object_get(flow, "pkts_toserver")), 3);
        assert_int_equal(json_integer_value(json_object_get(flow, "pkts_toclient")), 2);
        assert_int_equal(json_integer_value(json_object_get(flow, "age")), 61);
        assert_text_field(flow, "start", "2026-11-21T01:34:01.123456+0000");
        snprintf(id[0], sizeof(id[0]), "%s", json_string_value(json_object_get(root, "community_id")));
        json_decref(root);
        e.flow.origin = FLOW_ORIGINATED;
        root = written(&e, 0);
        snprintf(id[1], sizeof(id[1]), "%s", json_string_value(json_object_get(root, "community_id")));
        assert_string_equal(id[0], id[1]);
        assert_int_equal(json_integer_value(json_object_get(json_object_get(root, "flow"), "bytes_toserver")), 5);
        json_decref(root);

        e.flow.proto = IPPROTO_ICMP; /* as in the specification's baseline */
        assert_int_equal(addr_parse("192.168.0.1", &e.flow.local), 0);
        assert_int_equal(addr_parse("192.168.0.89", &e.flow.remote), 0);
        e.flow.origin = FLOW_ACCEPTED;
        e.flow.local_port = 8 << 8;
        root = written(&e, 0);
        assert_text_field(root, "community_id", "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
        json_decref(root);
        e.flow.local_port = 0; /* not told */
        root = written(&e, 0);
        assert_null(json_object_get(root, "community_id"));
        json_decref(root);
        e.flow.proto = PROTO_ARP;
        root = written(&e, 0);
        assert_null(json_object_get(root, "community_id"));
        json_decref(root);
}

static void test_smtp_as_eve_names_it(void **unused)
{
        static const char *const names[] = {
                [SMTP_BANNER] = "text", [SMTP_HELO] = "helo", [SMTP_MAIL] = "mail_from", [SMTP_RCPT] = "rcpt_to"};
        struct buf line = BUF_HEAP(1u << 16), scratch = BUF_HEAP(4096), why = BUF_HEAP(4096);
        struct event e = {.type = EVENT_SMTP, .time = 1}, back;

        (void) unused;
        e.smtp.text = (struct slice){"someone", 7};
        for (e.op = 0; e.op < ELEMENTSOF(names); e.op++) {
                json_t *root = written(&e, 0);

                assert_text_field(json_object_get(root, "smtp"), names[e.op], "someone");
                assert_null(json_object_get(root, "community_id")); /* no address */
                json_decref(root);
                buf_reset(&line);
                json_event(&line, &e, 0);
                assert_int_equal(json_read_event(buf_str(&line), line.len, &back, &scratch, &why), 0);
                assert_int_equal(back.smtp.text.len, 7);
        }
        assert_refused("{\"time_ns\":1,\"event_type\":\"smtp\",\"op\":\"helo\",\"smtp\":{\"local\":\"::\","
                       "\"remote\":\"::\",\"proto\":6,\"rcpt_to\":\"x\"}}",
                       105, "smtp.rcpt_to: unknown");
        buf_done(&line);
        buf_done(&scratch);
        buf_done(&why);
}

/* Source and destination are those of the packet that matched, whoever opened the flow. */
static void test_alert_as_eve_names_it(void **unused)
{
        static const struct rule_word words[] = {{"affected_product", "Any"}, {"tag", "CnC"}, {"tag", "Trojan"}};
        const struct rule rule = {.metadata = words, .n_metadata = ELEMENTSOF(words)};
        struct event e = {.type = EVENT_ALERT, .time = 1};
        json_t *root, *alert;

        (void) unused;
        assert_int_equal(addr_parse("10.0.0.2", &e.ends.local), 0);
        assert_int_equal(addr_parse("192.0.2.53", &e.ends.remote), 0);
        e.ends = (struct ends){5, e.ends.local, e.ends.remote, 40000, 6667, IPPROTO_TCP, FLOW_ORIGINATED, 0, 0};
        e.alert.msg = (struct slice){"ET TROJAN x", 11};
        e.alert.category = "A Network Trojan was detected";
        e.alert.rule = &rule;
        e.alert.sid = 2000345;
        e.alert.gid = 1;
        e.alert.rev = 7;
        e.alert.severity = 1;
        e.alert.count = 1;
        e.alert.packet = 12;
        e.alert.app = APP_IRC;
        root = written(&e, 0);
        alert = json_object_get(root, "alert");
        assert_text_field(root, "src_ip", "192.0.2.53");
        assert_text_field(root, "dest_ip", "10.0.0.2");
        assert_text_field(root, "app_proto", "irc");
        assert_text_field(root, "direction", "to_client");
        assert_int_equal(json_integer_value(json_object_get(root, "src_port")), 6667);
        assert_int_equal(json_integer_value(json_object_get(root, "dest_port")), 40000);
        assert_int_equal(json_integer_value(json_object_get(root, "pcap_cnt")), 12);
        assert_int_equal(json_integer_value(json_object_get(root, "flow_id")), 5);
        assert_text_field(alert, "action", "allowed");
        assert_text_field(alert, "signature", "ET TROJAN x");
        assert_text_field(alert, "category", "A Network Trojan was detected");
        assert_int_equal(json_integer_value(json_object_get(alert, "signature_id")), 2000345);
        assert_int_equal(json_integer_value(json_object_get(alert, "severity")), 1);
        assert_int_equal(json_object_size(json_object_get(alert, "metadata")), 2);
        assert_int_equal(json_array_size(json_object_get(json_object_get(alert, "metadata"), "tag")), 2);
        json_decref(root);

        e.ends.from_local = 1;
        e.alert.packet = 0;
        e.alert.rule = NULL;
        root = written(&e, 0);
        assert_text_field(root, "src_ip", "10.0.0.2");
        assert_text_field(root, "direction", "to_server");
        assert_null(json_object_get(root, "pcap_cnt"));
        assert_null(json_object_get(json_object_get(root, "alert"), "metadata"));
        json_decref(root);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_flow_as_eve_names_it), cmocka_unit_test(test_gate),
                cmocka_unit_test(test_dns_as_eve_names_it),  cmocka_unit_test(test_flow_for_other_programs),
                cmocka_unit_test(test_smtp_as_eve_names_it), cmocka_unit_test(test_alert_as_eve_names_it),
        };

        setenv("TZ", "UTC", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
