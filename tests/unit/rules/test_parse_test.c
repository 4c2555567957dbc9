/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conditions on packets and flows, and what they make of a rule: where and when it is looked at. */
#include "parse_rig.h"

#include <netinet/in.h>

#include "base/buf.h"

static const struct {
        const char *option;
        struct rule_test test;
} test_rows[] = {
        {"dsize:40;", {TEST_DSIZE, NUMBER_EQ, false, 40, 0}},
        {"dsize:!40;", {TEST_DSIZE, NUMBER_EQ, true, 40, 0}},
        {"dsize:<40;", {TEST_DSIZE, NUMBER_LT, false, 40, 0}},
        {"dsize:>40;", {TEST_DSIZE, NUMBER_GT, false, 40, 0}},
        {"dsize:300<>400;", {TEST_DSIZE, NUMBER_IN, false, 300, 400}},
        {"ttl:64;", {TEST_TTL, NUMBER_EQ, false, 64, 0}},
        {"ttl:5-10;", {TEST_TTL, NUMBER_IN, false, 5, 10}},
        {"tos:8;", {TEST_TOS, NUMBER_EQ, false, 8, 0}},
        {"tos:!x10;", {TEST_TOS, NUMBER_EQ, true, 16, 0}},
        {"id:31337;", {TEST_ID, NUMBER_EQ, false, 31337, 0}},
        {"id:\"7\";", {TEST_ID, NUMBER_EQ, false, 7, 0}},
        {"ip_proto:41;", {TEST_IP_PROTO, NUMBER_EQ, false, 41, 0}},
        {"ip_proto:!TCP;", {TEST_IP_PROTO, NUMBER_EQ, true, 6, 0}},
        {"ip_proto:>100;", {TEST_IP_PROTO, NUMBER_GT, false, 100, 0}},
        {"fragbits:MD;", {TEST_FRAGBITS, NUMBER_EQ, false, 3, 7}},
        {"fragbits:+R;", {TEST_FRAGBITS, NUMBER_AND, false, 4, 7}},
        {"fragbits:*MD;", {TEST_FRAGBITS, NUMBER_OR, false, 3, 7}},
        {"fragbits:!D;", {TEST_FRAGBITS, NUMBER_AND, true, 2, 7}},
        {"fragoffset:>0;", {TEST_FRAGOFFSET, NUMBER_GT, false, 0, 0}},
        {"sameip;", {TEST_SAMEIP, 0, false, 0, 0}},
        {"ipopts:lsrr;", {TEST_IPOPTS, 0, false, 131, 0}},
        {"ipopts:any;", {TEST_IPOPTS, 0, false, 0, 1}},
        {"flags:S;", {TEST_TCP_FLAGS, NUMBER_EQ, false, 2, 0xff}},
        {"flags:S,12;", {TEST_TCP_FLAGS, NUMBER_EQ, false, 2, 0x3f}},
        {"flags:SA,CE;", {TEST_TCP_FLAGS, NUMBER_EQ, false, 18, 0x3f}},
        {"flags:+SA;", {TEST_TCP_FLAGS, NUMBER_AND, false, 18, 0xff}},
        {"flags:RSF*;", {TEST_TCP_FLAGS, NUMBER_OR, false, 7, 0xff}},
        {"flags:!PU;", {TEST_TCP_FLAGS, NUMBER_AND, true, 40, 0xff}},
        {"flags:0;", {TEST_TCP_FLAGS, NUMBER_EQ, false, 0, 0xff}},
        {"tcp.flags:FSRPAUEC;", {TEST_TCP_FLAGS, NUMBER_EQ, false, 255, 0xff}},
        {"seq:4294967295;", {TEST_SEQ, NUMBER_EQ, false, UINT32_MAX, 0}},
        {"tcp.seq:0;", {TEST_SEQ, NUMBER_EQ, false, 0, 0}},
        {"ack:1;", {TEST_ACK, NUMBER_EQ, false, 1, 0}},
        {"tcp.ack:1;", {TEST_ACK, NUMBER_EQ, false, 1, 0}},
        {"window:!55808;", {TEST_WINDOW, NUMBER_EQ, true, 55808, 0}},
        {"tcp.window:55808;", {TEST_WINDOW, NUMBER_EQ, false, 55808, 0}},
        {"tcp.mss:<100;", {TEST_MSS, NUMBER_LT, false, 100, 0}},
        {"itype:8;", {TEST_ITYPE, NUMBER_EQ, false, 8, 0}},
        {"itype:7<>20;", {TEST_ITYPE, NUMBER_IN, false, 7, 20}},
        {"icode:>1;", {TEST_ICODE, NUMBER_GT, false, 1, 0}},
        {"icmp_id:666;", {TEST_ICMP_ID, NUMBER_EQ, false, 666, 0}},
        {"icmp_seq:1;", {TEST_ICMP_SEQ, NUMBER_EQ, false, 1, 0}},
        {"ipv4-csum:invalid;", {TEST_CSUM, 0, false, 4, 0}},
        {"tcpv4-csum:valid;", {TEST_CSUM, 0, false, 6, 1}},
        {"tcpv6-csum:invalid;", {TEST_CSUM, 0, false, 6, 0}},
        {"udpv4-csum:invalid;", {TEST_CSUM, 0, false, 17, 0}},
        {"udpv6-csum:invalid;", {TEST_CSUM, 0, false, 17, 0}},
        {"icmpv4-csum:invalid;", {TEST_CSUM, 0, false, 1, 0}},
        {"icmpv6-csum:invalid;", {TEST_CSUM, 0, false, 58, 0}},
        {"stream_size:server,>,100;", {TEST_STREAM_SIZE, NUMBER_GT, false, 100, STREAM_SIZE_SERVER}},
        {"stream_size:client, <=, 5;", {TEST_STREAM_SIZE, NUMBER_LE, false, 5, STREAM_SIZE_CLIENT}},
        {"stream_size:both,!=,5;", {TEST_STREAM_SIZE, NUMBER_NE, false, 5, STREAM_SIZE_BOTH}},
        {"stream_size:either,=,5;", {TEST_STREAM_SIZE, NUMBER_EQ, false, 5, STREAM_SIZE_EITHER}},
        {"app-layer-protocol:http;", {TEST_APP, 0, false, APP_HTTP, 0}},
        {"app-layer-protocol:!tls,final;", {TEST_APP, 0, true, APP_TLS, 4}},
        {"app-layer-protocol:http1,to_server;", {TEST_APP, 0, false, APP_HTTP, 1}},
        {"app-layer-protocol:ssh,to_client;", {TEST_APP, 0, false, APP_SSH, 2}},
        {"app-layer-protocol:smb,either;", {TEST_APP, 0, false, APP_SMB, 3}},
        {"app-layer-protocol:failed;", {TEST_APP, 0, false, APP_TEST_FAILED, 0}},
        {"stream-event:reassembly_seq_gap;", {TEST_STREAM_EVENT, 0, false, RULE_EVENT_STREAM_REASSEMBLY_GAP, 0}},
        {"app-layer-event:applayer_mismatch_protocol_both_directions;",
         {TEST_APP_EVENT, 0, false, RULE_EVENT_APP_MISMATCH, 0}},
        {"ssl_version:sslv2;", {TEST_SSL_VERSION, 0, false, 1, 0}},
        {"ssl_version:tls1.0,tls1.2;", {TEST_SSL_VERSION, 0, false, 4 + 16, 0}},
        {"ssl_version:!sslv3;", {TEST_SSL_VERSION, 0, false, 0x3d, 0}},
        {"tls.version:1.3;", {TEST_SSL_VERSION, 0, false, 32, 0}},
        {"tls.version:\"1.0\";", {TEST_SSL_VERSION, 0, false, 4, 0}},
        {"ssl_state:server_hello;", {TEST_SSL_STATE, 0, false, 2, 0}},
        {"ssl_state:client_hello|unknown;", {TEST_SSL_STATE, 0, false, 17, 0}},
        {"ssl_state:!client_keyx;", {TEST_SSL_STATE, 0, false, 27, 0}},
};

static void test_tests(void **state)
{
        for (size_t i = 0; i < ELEMENTSOF(test_rows); i++) {
                const struct rule *r = rig_options(*state, test_rows[i].option);
                const struct rule_test *t;

                assert_non_null(r);
                assert_int_equal(r->n_tests, 1);
                t = r->tests;
                if (t->kind != test_rows[i].test.kind || t->op != test_rows[i].test.op ||
                    t->negated != test_rows[i].test.negated || t->a != test_rows[i].test.a ||
                    t->b != test_rows[i].test.b)
                        fail_msg("%s: op %u%s, %u, %u", test_rows[i].option, t->op, t->negated ? " negated" : "", t->a,
                                 t->b);
        }
}

static const struct refused refused_rows[] = {
        {"dsize:65536;", PROBLEM_VALUE, "dsize", "more than 65535"},
        {"dsize:x;", PROBLEM_VALUE, "dsize", "no number"},
        {"dsize:;", PROBLEM_VALUE, "dsize", "missing"},
        {"dsize:<>5;", PROBLEM_VALUE, "dsize", "no number"},
        {"dsize:5<>;", PROBLEM_VALUE, "dsize", "no number"},
        {"dsize:>65535;", PROBLEM_VALUE, "dsize", "no number is"},
        {"ttl:256;", PROBLEM_VALUE, "ttl", "more than 255"},
        {"tos:256;", PROBLEM_VALUE, "tos", "0 to 255"},
        {"tos:xyz;", PROBLEM_VALUE, "tos", "0 to 255"},
        {"id:<5;", PROBLEM_VALUE, "id", "no number"},
        {"id:65536;", PROBLEM_VALUE, "id", "no number"},
        {"ip_proto:nonsense;", PROBLEM_VALUE, "ip_proto", "no number"},
        {"ip_proto:256;", PROBLEM_VALUE, "ip_proto", "more than 255"},
        {"fragbits:X;", PROBLEM_VALUE, "fragbits", "M, D, R"},
        {"fragbits:+;", PROBLEM_VALUE, "fragbits", "M, D, R"},
        {"sameip:1;", PROBLEM_VALUE, "sameip", "no value"},
        {"ipopts:none;", PROBLEM_VALUE, "ipopts", "no IP option"},
        {"flags:X;", PROBLEM_VALUE, "flags", "no TCP flags"},
        {"flags:+;", PROBLEM_VALUE, "flags", "no TCP flags"},
        {"flags:S,0;", PROBLEM_VALUE, "flags", "no TCP flags"},
        {"seq:4294967296;", PROBLEM_VALUE, "seq", "no number"},
        {"itype:300;", PROBLEM_VALUE, "itype", "more than"},
        {"tcpv4-csum:maybe;", PROBLEM_VALUE, "tcpv4-csum", "valid"},
        {"tcpv4-csum:valid; tcpv6-csum:valid;", PROBLEM_COMBINATION, "", "IPv6"},
        {"stream_size:server,100;", PROBLEM_VALUE, "stream_size", "it is"},
        {"stream_size:nobody,>,100;", PROBLEM_VALUE, "stream_size", "it is"},
        {"stream_size:server,>,x;", PROBLEM_VALUE, "stream_size", "it is"},
        {"app-layer-protocol:krb5;", PROBLEM_PROTOCOL, "app-layer-protocol", "not recognised"},
        {"app-layer-protocol:nonsense;", PROBLEM_VALUE, "app-layer-protocol", "no protocol"},
        {"app-layer-protocol:http,sideways;", PROBLEM_VALUE, "app-layer-protocol", "to_server"},
        {"http.uri; content:\"a\"; app-layer-protocol:http;", PROBLEM_COMBINATION, "app-layer-protocol", "already"},
        {"stream-event:3whs_ack_in_wrong_dir;", PROBLEM_VALUE, "stream-event", "not told"},
        {"app-layer-event:reassembly_seq_gap;", PROBLEM_VALUE, "app-layer-event", "not told"},
        {"decode-event:ipv4.pkt_too_small;", PROBLEM_VALUE, "decode-event", "not told"},
        {"ssl_version:sslv9;", PROBLEM_VALUE, "ssl_version", "not understood"},
        {"ssl_version:,;", PROBLEM_VALUE, "ssl_version", "not understood"},
        {"ssl_state:nothing;", PROBLEM_VALUE, "ssl_state", "not understood"},
        {"flow:sideways;", PROBLEM_VALUE, "flow", "no state"},
        {"flow:to_server,to_client;", PROBLEM_COMBINATION, "flow", "twice or excluded"},
        {"flow:established,not_established;", PROBLEM_COMBINATION, "flow", "twice or excluded"},
        {"flow:established,stateless;", PROBLEM_COMBINATION, "flow", "twice or excluded"},
        {"flow:only_stream,no_stream;", PROBLEM_COMBINATION, "flow", "twice or excluded"},
        {"flow:only_frag,no_frag;", PROBLEM_COMBINATION, "flow", "twice or excluded"},
        {"flow:established; flow:established;", PROBLEM_COMBINATION, "flow", "one flow"},
        {"flow:to_client; flow:to_server;", PROBLEM_COMBINATION, "flow", "one flow"},
        {"flow:to_client; http.uri; content:\"a\";", PROBLEM_COMBINATION, "http.uri", "other one"},
        {"http.uri; content:\"a\"; http.stat_code; content:\"b\";", PROBLEM_COMBINATION, "http.stat_code", "other one"},
        {"flow:only_stream; dsize:5;", PROBLEM_COMBINATION, "", "streams only"},
        {"http.uri; content:\"a\"; dsize:5;", PROBLEM_COMBINATION, "", "buffers of a protocol"},
        {"http.uri; content:\"a\"; flow:no_stream;", PROBLEM_COMBINATION, "", "buffers of a protocol"},
        {"tls.subject:\"\";", PROBLEM_VALUE, "tls.subject", "empty"},
};

static void test_refused(void **state)
{
        rig_all_refused(*state, refused_rows, ELEMENTSOF(refused_rows));
        rig_refused(*state, "alert tcp-stream any any -> any any (flags:S; sid:1;)", PROBLEM_COMBINATION, "",
                    "streams only");
        rig_refused(*state, "alert dns any any -> any any (http.uri; content:\"a\"; sid:1;)", PROBLEM_COMBINATION,
                    "http.uri", "about dns");
}

static void test_flow(void **state)
{
        static const struct {
                const char *words;
                uint32_t flow;
        } rows[] = {
                {"established,to_server", FLOW_ESTABLISHED | FLOW_TO_SERVER},
                {"from_client, established", FLOW_ESTABLISHED | FLOW_TO_SERVER},
                {"from_server", FLOW_TO_CLIENT},
                {"to_client,not_established", FLOW_TO_CLIENT | FLOW_NOT_ESTABLISHED},
                {"stateless", FLOW_STATELESS},
                {"to_server,established,only_stream", FLOW_ESTABLISHED | FLOW_TO_SERVER | FLOW_ONLY_STREAM},
                {"no_stream", FLOW_NO_STREAM},
                {"only_frag", FLOW_ONLY_FRAG},
                {"no_frag", FLOW_NO_FRAG},
        };
        char options[128];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                (void) snprintf(options, sizeof(options), "flow:%s;", rows[i].words);
                assert_int_equal(rig_options(*state, options)->flow, rows[i].flow);
        }
        assert_int_equal(rig_options(*state, "flow:to_server; flow:established;")->flow,
                         FLOW_ESTABLISHED | FLOW_TO_SERVER);
}

/* Where a rule is looked at follows from all that it asks for. */
static void test_scope(void **state)
{
        static const struct {
                const char *header, *options;
                uint32_t flags;
        } rows[] = {
                {"ip", "", RULE_IP_ONLY},
                {"tcp", "flowbits:set,a;", RULE_IP_ONLY},
                {"tcp", "flowbits:isset,a;", 0},
                {"tcp", "flowint:a,+,1;", 0},
                {"tcp", "threshold:type limit,track by_src,count 1,seconds 1;", RULE_IP_ONLY},
                {"tcp", "xbits:set,a,track ip_src;", RULE_IP_ONLY},
                {"tcp", "flow:to_server;", 0},
                {"tcp", "flow:established;", 0},
                {"tcp", "content:\"a\";", 0},
                {"tcp", "content:\"a\"; depth:4;", RULE_ALSO_PACKET},
                {"tcp", "content:\"a\"; offset:4;", RULE_ALSO_PACKET},
                {"tcp", "content:\"a\"; startswith;", RULE_ALSO_PACKET},
                {"tcp", "content:\"a\"; distance:4;", 0},
                {"tcp", "content:\"a\"; stream_size:client,>,4;", RULE_ALSO_PACKET},
                {"ip", "content:\"a\"; depth:4;", RULE_ALSO_PACKET},
                {"udp", "content:\"a\"; depth:4;", 0},
                {"tcp", "content:\"a\"; depth:4; flow:only_stream;", RULE_ONLY_STREAM},
                {"tcp-stream", "content:\"a\"; depth:4;", RULE_ONLY_STREAM},
                {"tcp", "content:\"a\"; depth:4; flow:no_stream;", RULE_ONLY_PACKET},
                {"tcp-pkt", "content:\"a\"; depth:4;", RULE_ONLY_PACKET},
                {"tcp", "content:\"a\"; dsize:4;", RULE_ONLY_PACKET},
                {"tcp", "flags:S;", RULE_ONLY_PACKET},
                {"http", "content:\"a\"; http_uri; depth:4;", 0},
                {"tcp", "app-layer-protocol:http;", RULE_APP_ONLY},
                {"tcp", "app-layer-protocol:!http; app-layer-protocol:!tls; flow:to_server;", RULE_APP_ONLY},
                {"tcp", "app-layer-protocol:http; flow:established;", 0},
                {"tcp", "app-layer-protocol:http; dsize:4;", RULE_ONLY_PACKET},
                {"ip", "ipv4-csum:invalid;", RULE_ONLY_PACKET | RULE_ONLY_V4},
                {"ip", "tcpv6-csum:invalid;", RULE_ONLY_PACKET | RULE_ONLY_V6},
                {"tcp", "noalert;", RULE_IP_ONLY | RULE_NOALERT},
                {"tcp", "flowbits:noalert;", RULE_IP_ONLY | RULE_NOALERT},
                {"tcp", "target:src_ip;", RULE_IP_ONLY | RULE_TARGET_SRC},
                {"tcp", "target:dest_ip;", RULE_IP_ONLY | RULE_TARGET_DST},
                {"tcp", "content:\"a\"; prefilter;", RULE_PREFILTER},
        };
        char rule[512];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const struct rule *r;

                (void) snprintf(rule, sizeof(rule), "alert %s any any -> any any (%s sid:1;)", rows[i].header,
                                rows[i].options);
                r = rig_rule(*state, rule);
                assert_non_null(r);
                if (r->flags != rows[i].flags)
                        fail_msg("%s: flags %x, not %x", rule, r->flags, rows[i].flags);
        }
}

/* What a buffer says of the protocol and of who sends it. */
static void test_implied(void **state)
{
        const struct rule *r = rig_rule(*state, "alert ip any any -> any any (http.uri; content:\"a\"; sid:1;)");

        assert_non_null(r);
        assert_int_equal(r->proto, IPPROTO_TCP);
        assert_int_equal(r->app, APP_HTTP);
        assert_int_equal(r->flow, FLOW_TO_SERVER);
        r = rig_options(*state, "flow:established; http.stat_code; content:\"404\";");
        assert_int_equal(r->flow, FLOW_ESTABLISHED | FLOW_TO_CLIENT);
        r = rig_options(*state, "http.header; content:\"a\";");
        assert_int_equal(r->flow, 0);
        r = rig_options(*state, "ssl_state:client_hello;");
        assert_int_equal(r->app, APP_TLS);
        r = rig_options(*state, "tls.subject:\"CN=example\"; tls.issuerdn:!\"x\"; tls.fingerprint:\"aa:bb\";");
        assert_non_null(r);
        assert_int_equal(r->n_parts, 3);
        assert_int_equal(r->parts[0].buffer, BUFFER_TLS_CERT_SUBJECT);
        assert_int_equal(r->parts[0].steps[0].content.len, 10);
        assert_int_equal(r->parts[1].steps[0].flags, CONTENT_NEGATED);
        r = rig_options(*state, "tls.version; content:\"1.2\";");
        assert_non_null(r);
        assert_int_equal(r->parts[0].buffer, BUFFER_TLS_VERSION);
}

static void test_limits(void **state)
{
        struct buf b = BUF_HEAP(RULE_TEXT_MAX);

        for (unsigned i = 0; i < RULE_TESTS_MAX; i++)
                (void) buf_printf(&b, "ttl:%u; ", i);
        assert_non_null(rig_options(*state, buf_str(&b)));
        (void) buf_puts(&b, "ttl:99; ");
        rig_options_refused(*state, buf_str(&b), PROBLEM_LIMIT, "ttl", "more than 32");
        buf_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                RIG_TEST(test_tests), RIG_TEST(test_refused), RIG_TEST(test_flow),
                RIG_TEST(test_scope), RIG_TEST(test_implied), RIG_TEST(test_limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
