/* SPDX-License-Identifier: GPL-3.0-or-later */
/* inspect: which rules match packets, streams and transactions, in which order and how often; bits; what waits; passes;
 * and that what flows keep is bounded. */
#include "inspect_rig.h"

#define ANY "alert tcp any any -> any any "

static void test_header(void **unused)
{
        struct rig rig;

        (void) unused;
        rig_open(&rig, "alert tcp 10.0.0.0/8 any -> any 80 (content:\"x\"; sid:1;)\n"
                       "alert tcp !10.0.0.0/8 any -> any any (content:\"x\"; sid:2;)\n"
                       "alert tcp any [1:1023,!80] -> any any (content:\"x\"; sid:3;)\n"
                       "alert tcp any any <> 10.0.0.5 any (content:\"x\"; sid:4;)\n"
                       "alert udp any any -> any any (content:\"x\"; sid:5;)\n"
                       "alert ip any any -> any any (content:\"x\"; sid:6;)\n"
                       "alert http any any -> any any (content:\"x\"; sid:7;)\n"
                       "alert tcp any any <> any 80 (content:\"x\"; sid:8;)\n"
                       "alert tcp any any -> 198.51.100.7 [79,80,8000:8100] (content:\"x\"; sid:9;)\n");
        rig.in.flags = INSPECT_TO_SERVER;
        assert_string_equal(rig_packet(&rig, "x", 1, 0), "1 4 6 8 9");
        rig.in.sport = 80;
        assert_string_equal(rig_packet(&rig, "x", 1, 0), "1 4 6 8 9");
        rig.in.sport = 81;
        assert_string_equal(rig_packet(&rig, "x", 1, 0), "1 3 4 6 8 9");
        rig.in.app = APP_HTTP;
        assert_string_equal(rig_packet(&rig, "x", 1, 0), "1 3 4 6 7 8 9");
        rig_to_client(&rig);
        assert_string_equal(rig_packet(&rig, "x", 1, 0), "2 4 6 7 8");
        rig.in.proto = IPPROTO_UDP;
        assert_string_equal(rig_packet(&rig, "x", 1, 0), "5 6"); /* HTTP is of TCP */
        assert_int_equal(addr_parse("2001:db8::1", &rig.src), 0);
        assert_int_equal(addr_parse("2001:db8::2", &rig.dst), 0);
        rig.in.proto = IPPROTO_TCP;
        assert_string_equal(rig_packet(&rig, "x", 1, 0), "2 6 7 8");
        rig_close(&rig);
}

static void test_flow_and_packet(void **unused)
{
        struct rig rig;

        (void) unused;
        rig_open(&rig, ANY "(flow:to_server; content:\"x\"; sid:1;)\n" ANY
                           "(flow:to_client,established; content:\"x\"; sid:2;)\n" ANY
                           "(flow:not_established; content:\"x\"; sid:3;)\n" ANY
                           "(flags:PA; content:\"x\"; sid:4;)\n" ANY "(flags:S,CE; sid:5;)\n" ANY
                           "(flags:!S; content:\"x\"; sid:6;)\n" ANY "(ttl:<65; content:\"x\"; sid:7;)\n" ANY
                           "(dsize:1; sid:8;)\n" ANY "(seq:7; flags:S,CE; sid:9;)\n" ANY
                           "(window:512; flags:S,CE; sid:10;)\n" ANY "(flags:F*; sid:11;)\n");
        rig.in.flags = INSPECT_TO_SERVER;
        assert_string_equal(rig_packet(&rig, "x", 1, 0), "1 4 6 7 8");
        rig.packet.tcp_flags = 0x42; /* SYN, ECE */
        rig.packet.seq = 7;
        rig.packet.window = 512;
        assert_string_equal(rig_packet(&rig, NULL, 0, 0), "5 9 10");
        rig.packet.tcp_flags = 0x11; /* FIN, ACK */
        assert_string_equal(rig_packet(&rig, NULL, 0, 0), "11");
        rig.packet.tcp_flags = 0x10;
        rig.packet.ttl = 128;
        rig_to_client(&rig);
        assert_string_equal(rig_packet(&rig, "x", 1, 0), "2 6 8");
        rig_close(&rig);
}

/* Once in each direction, when it is known. */
static void test_app_only(void **unused)
{
        struct rig rig;

        (void) unused;
        rig_open(&rig, ANY "(app-layer-protocol:irc; sid:1;)\n");
        rig.in.flags = INSPECT_TO_SERVER;
        assert_string_equal(rig_packet(&rig, "x", 1, 0), "");
        rig.in.app = APP_IRC;
        assert_string_equal(rig_packet(&rig, "x", 1, 0), "1");
        assert_string_equal(rig_packet(&rig, "x", 1, 0), "");
        rig_to_client(&rig);
        assert_string_equal(rig_packet(&rig, NULL, 0, 0), "1");
        assert_string_equal(rig_packet(&rig, "x", 1, 0), "");
        rig_close(&rig);
}

static void test_ip_only(void **unused)
{
        struct rig rig;

        (void) unused;
        rig_open(&rig, "alert ip [10.0.0.5,192.0.2.0/24] any -> any any (sid:1;)\n"
                       "alert tcp any any -> [198.51.100.0/25,!198.51.100.7] any (sid:2;)\n"
                       "alert tcp any any -> 198.51.100.7 any (sid:3;)\n"
                       "alert ip 2001:db8::/32 any -> any any (sid:4;)\n");
        rig.in.flags = INSPECT_TO_SERVER;
        assert_string_equal(rig_packet(&rig, NULL, 0, INSPECT_FIRST), "1 3");
        assert_string_equal(rig_packet(&rig, NULL, 0, 0), "");
        rig_to_client(&rig);
        assert_string_equal(rig_packet(&rig, NULL, 0, INSPECT_FIRST), "");
        assert_int_equal(addr_parse("198.51.100.8", &rig.dst), 0);
        assert_int_equal(addr_parse("2001:db8::5", &rig.src), 0);
        assert_string_equal(rig_packet(&rig, NULL, 0, INSPECT_FIRST), "2 4");
        rig_close(&rig);
}

/* Alerts come by action, priority and place; rules that set bits are evaluated before those that read them. */
static void test_order_and_bits(void **unused)
{
        struct rig rig;

        (void) unused;
        rig_open(&rig, ANY "(content:\"x\"; flowbits:isset,c; priority:1; sid:1;)\n" ANY
                           "(content:\"x\"; flowbits:isset,b; flowbits:set,c; priority:2; sid:2;)\n" ANY
                           "(content:\"x\"; flowbits:isset,a; flowbits:set,b; flowbits:noalert; sid:3;)\n" ANY
                           "(content:\"x\"; flowbits:set,a; priority:3; sid:4;)\n"
                           "drop tcp any any -> any any (content:\"x\"; priority:4; sid:5;)\n" ANY
                           "(content:\"y\"; flowbits:unset,a; flowbits:toggle,t; flowbits:noalert; sid:6;)\n" ANY
                           "(content:\"z\"; flowbits:isset,a|q; sid:7;)\n" ANY
                           "(content:\"z\"; flowbits:isnotset,a; sid:8;)\n" ANY
                           "(content:\"z\"; flowbits:isset,t; sid:9;)\n");
        rig.in.flags = INSPECT_TO_SERVER;
        assert_string_equal(rig_packet(&rig, "z", 1, 0), "8");
        assert_null(rig.flow); /* reading keeps nothing */
        assert_string_equal(rig_packet(&rig, "x", 1, 0), "5 1 2 4");
        assert_string_equal(rig_packet(&rig, "z", 1, 0), "7");
        assert_string_equal(rig_packet(&rig, "y", 1, 0), "");
        assert_string_equal(rig_packet(&rig, "z", 1, 0), "8 9");
        assert_string_equal(rig_packet(&rig, "y", 1, 0), "");
        assert_string_equal(rig_packet(&rig, "z", 1, 0), "8");
        /* A new flow knows nothing. */
        inspect_flow_end(rig.inspector, &rig.flow);
        assert_string_equal(rig_packet(&rig, "z", 1, 0), "8");
        rig_close(&rig);
}

static void test_numbers_and_hosts(void **unused)
{
        struct rig rig;

        (void) unused;
        rig_open(&rig,
                 ANY "(content:\"x\"; flowint:n,+,1; flowbits:noalert; sid:1;)\n" ANY
                     "(content:\"x\"; flowint:n,==,3; sid:2;)\n" ANY "(content:\"y\"; flowint:n,isnotset; sid:3;)\n" ANY
                     "(content:\"y\"; flowint:n,>,2; flowint:m,==,n; sid:4;)\n" ANY
                     "(content:\"h\"; hostbits:set,bad,src; noalert; sid:5;)\n" ANY
                     "(content:\"k\"; hostbits:isset,bad,src; sid:6;)\n" ANY
                     "(content:\"k\"; hostbits:isset,bad,dst; sid:7;)\n");
        rig.in.flags = INSPECT_TO_SERVER;
        assert_string_equal(rig_packet(&rig, "y", 1, 0), "3");
        assert_string_equal(rig_packet(&rig, "x", 1, 0), "");
        assert_string_equal(rig_packet(&rig, "x", 1, 0), "");
        assert_string_equal(rig_packet(&rig, "y", 1, 0), "");
        assert_string_equal(rig_packet(&rig, "x", 1, 0), "2");
        assert_string_equal(rig_packet(&rig, "y", 1, 0), ""); /* m was never set */
        /* Of hosts, whichever flow it is. */
        assert_string_equal(rig_packet(&rig, "k", 1, 0), "");
        assert_string_equal(rig_packet(&rig, "h", 1, 0), "");
        inspect_flow_end(rig.inspector, &rig.flow);
        assert_string_equal(rig_packet(&rig, "k", 1, 0), "6");
        rig_to_client(&rig);
        assert_string_equal(rig_packet(&rig, "k", 1, 0), "7");
        rig_close(&rig);
}

static void test_pass(void **unused)
{
        static const char rules[] =
                "pass tcp any any -> any any (content:\"good\"; sid:1;)\n" ANY "(content:\"x\"; sid:2;)\n";
        struct inspect_stats stats;
        struct rig rig;

        (void) unused;
        rig_open(&rig, rules);
        rig.in.flags = INSPECT_TO_SERVER;
        /* Of a packet: that packet. */
        assert_string_equal(rig_packet(&rig, "good x", 6, 0), "");
        assert_string_equal(rig_packet(&rig, "x", 1, 0), "2");
        /* Of a stream: all that follows, in both directions. */
        assert_string_equal(rig_stream(&rig, "good", 4, 4, 100), "");
        assert_string_equal(rig_packet(&rig, "x", 1, 0), "");
        rig_to_client(&rig);
        assert_string_equal(rig_packet(&rig, "x", 1, 0), "");
        inspector_get_stats(rig.inspector, &stats);
        assert_int_equal(stats.passed, 2);
        assert_int_equal(stats.matches, 1);
        rig_close(&rig);
}

/* Feeds a text in pieces of n bytes through a window; how many calls matched. */
static unsigned stream_matches(struct rig *rig, const char *text, size_t n, size_t window)
{
        size_t len = strlen(text);
        unsigned matches = 0;

        for (size_t end = 0; end < len;) {
                size_t fresh = MIN(n, len - end);

                end += fresh;
                matches += rig_stream(rig, text, end, fresh, window)[0] != '\0';
        }
        return matches;
}

static void test_stream(void **unused)
{
        static const char *const rules[] = {
                ANY "(content:\"JOIN #channel\"; sid:1;)\n",
                ANY "(content:\"JOIN\"; content:\"channel\"; distance:0; sid:1;)\n",
                ANY "(content:\"channel\"; content:\"JOIN\"; sid:1;)\n",
                ANY "(content:\"JOIN\"; pcre:\"/^ #ch[a-z]+/R\"; sid:1;)\n",
                ANY "(content:\"JOIN\"; isdataat:9,relative; sid:1;)\n",
                ANY "(content:\"JOIN #channel key key key key\"; nocase; sid:1;)\n",
        };

        (void) unused;
        for (size_t i = 0; i < ELEMENTSOF(rules); i++)
                for (size_t n = 1; n < 40; n++) {
                        struct inspect_stats stats;
                        struct rig rig;

                        rig_open(&rig, rules[i]);
                        rig.in.flags = INSPECT_TO_SERVER;
                        if (stream_matches(&rig, "NICK abc\r\nJOIN #channel key key key key\r\nPING\r\n", n, 1000) != 1)
                                fail_msg("rule %zu in pieces of %zu", i, n);
                        inspector_get_stats(rig.inspector, &stats);
                        assert_int_equal(stats.wait_dropped, 0);
                        rig_close(&rig);
                }
}

/* Bytes that have matched do not match again; new ones do. */
static void test_stream_again(void **unused)
{
        struct rig rig;

        (void) unused;
        rig_open(&rig, ANY "(content:\"ab\"; content:\"cd\"; distance:0; sid:1;)\n");
        rig.in.flags = INSPECT_TO_SERVER;
        assert_string_equal(rig_stream(&rig, "ab cd ab", 8, 8, 100), "1");
        assert_string_equal(rig_stream(&rig, "ab cd ab cd", 11, 3, 100), ""); /* its ab has been used */
        assert_string_equal(rig_stream(&rig, "ab cd ab cd ab cd", 17, 6, 100), "1");
        assert_string_equal(rig_stream(&rig, "ab cd ab cd ab cd xx", 20, 3, 100), "");
        /* The other direction is another stream. */
        rig_to_client(&rig);
        assert_string_equal(rig_stream(&rig, "ab cd", 5, 5, 100), "1");
        rig_close(&rig);
}

/* What waits goes with the window; a window slides over what has come too far apart. */
static void test_stream_window(void **unused)
{
        struct inspect_stats stats;
        struct rig rig;

        (void) unused;
        rig_open(&rig, ANY "(content:\"begin\"; content:\"end\"; sid:1;)\n");
        rig.in.flags = INSPECT_TO_SERVER;
        assert_int_equal(stream_matches(&rig, "begin..........end", 3, 18), 1);
        inspect_flow_end(rig.inspector, &rig.flow);
        assert_int_equal(stream_matches(&rig, "begin..............................end", 3, 18), 0);
        /* What comes again waits anew. */
        inspect_flow_end(rig.inspector, &rig.flow);
        assert_int_equal(stream_matches(&rig, "begin..........begin..........end", 3, 18), 1);
        inspect_flow_end(rig.inspector, &rig.flow);
        inspector_get_stats(rig.inspector, &stats);
        assert_int_equal(stats.waiting, 0);
        rig_close(&rig);
}

/* Rules with places look at packets and at the stream, and say it once. */
static void test_packet_and_stream(void **unused)
{
        static const char rules[] = ANY "(content:\"GET\"; depth:3; sid:1;)\n" ANY "(content:\"GET\"; sid:2;)\n" ANY
                                        "(content:\"GET\"; dsize:<20; sid:3;)\n";
        static const char text[] = "GET /\r\nGET /";
        struct rig rig;

        (void) unused;
        rig_open(&rig, rules);
        rig.in.flags = INSPECT_TO_SERVER;
        /* A packet, and what it brought. */
        assert_string_equal(rig_packet(&rig, text, 7, INSPECT_STREAM_ADDED), "1 3");
        rig_flags(&rig, INSPECT_STREAM);
        rig.buffers[BUFFER_PAYLOAD] = (struct inspect_buffer){.data = (const uint8_t *) text, .len = 7, .fresh = 7};
        rig.in.have = rig.in.scan = BUFFER_BIT(BUFFER_PAYLOAD);
        rig_inspect(&rig);
        assert_string_equal(rig_got(&rig), "2");
        /* Both in one call: the second packet is not at the stream's beginning. */
        rig_flags(&rig, INSPECT_STREAM | INSPECT_PACKET | INSPECT_STREAM_ADDED);
        rig.packet.time++;
        rig.packet.payload = (const uint8_t *) text + 7;
        rig.packet.payload_len = 5;
        rig.buffers[BUFFER_PAYLOAD] = (struct inspect_buffer){.data = (const uint8_t *) text, .len = 12, .fresh = 5};
        rig.in.have = rig.in.scan = BUFFER_BIT(BUFFER_PAYLOAD);
        rig_inspect(&rig);
        assert_string_equal(rig_got(&rig), "1 2 3");
        /* What never comes with a stream is judged by all. */
        assert_string_equal(rig_packet(&rig, text, 7, 0), "1 2 3");
        rig_close(&rig);
}

#define HTTP "alert http any any -> any any "

static void test_transaction(void **unused)
{
        const uint64_t uri = BUFFER_BIT(BUFFER_HTTP_URI), agent = BUFFER_BIT(BUFFER_HTTP_USER_AGENT),
                       body = BUFFER_BIT(BUFFER_HTTP_REQUEST_BODY), payload = BUFFER_BIT(BUFFER_PAYLOAD);
        struct rig rig;

        (void) unused;
        rig_open(
                &rig, HTTP
                "(http.uri; content:\"/gate.php\"; sid:1;)\n" HTTP
                "(http.uri; content:\"/gate.php\"; http.user_agent; content:\"bot\"; sid:2;)\n" HTTP
                "(http.uri; content:\"/gate.php\"; http.request_body; content:\"id=\"; content:\"key=\"; sid:3;)\n" HTTP
                "(http.uri; content:\"/gate.php\"; http.request_body; content:\"id=\"; content:!\"safe\"; "
                "sid:4;)\n" HTTP "(http.user_agent; content:!\"Mozilla\"; pcre:\"/^b/\"; sid:5;)\n" HTTP
                "(content:\"GET /gate\"; http.uri; content:\".php\"; endswith; sid:6;)\n");
        rig.in.flags = INSPECT_TO_SERVER;
        rig.in.app = APP_HTTP;
        rig_set(&rig, BUFFER_HTTP_URI, "/gate.php");
        rig_set(&rig, BUFFER_PAYLOAD, "GET /gate.php HTTP/1.1");
        assert_string_equal(rig_transaction(&rig, uri | payload, uri, agent | body, INSPECT_STREAM), "1 6");
        rig_set(&rig, BUFFER_HTTP_USER_AGENT, "bot");
        assert_string_equal(rig_transaction(&rig, uri | agent | payload, agent, body, 0), "2 5");
        rig.buffers[BUFFER_HTTP_REQUEST_BODY] =
                (struct inspect_buffer){.data = (const uint8_t *) "key=", .len = 4, .fresh = 4};
        assert_string_equal(rig_transaction(&rig, uri | agent | body, body, 0, 0), "");
        rig.buffers[BUFFER_HTTP_REQUEST_BODY] =
                (struct inspect_buffer){.data = (const uint8_t *) "key=&id=", .len = 8, .fresh = 4};
        assert_string_equal(rig_transaction(&rig, uri | agent | body, body, 0, 0), "3");
        assert_string_equal(rig_transaction(&rig, uri | agent | body, 0, 0, INSPECT_FINAL), "4");
        /* The next one knows nothing of it. */
        rig.in.transaction++;
        rig_set(&rig, BUFFER_HTTP_REQUEST_BODY, "id=&key=");
        assert_string_equal(rig_transaction(&rig, body, body, 0, INSPECT_FINAL), "");
        rig_close(&rig);
}

/* A rule matches a transaction once, however often it could. */
static void test_transaction_once(void **unused)
{
        const uint64_t body = BUFFER_BIT(BUFFER_HTTP_REQUEST_BODY);
        struct inspect_stats stats;
        struct rig rig;

        (void) unused;
        rig_open(&rig, HTTP "(http.request_body; content:\"id=\"; sid:1;)\n");
        rig.in.flags = INSPECT_TO_SERVER;
        rig.in.app = APP_HTTP;
        for (unsigned k = 0; k < 5; k++) {
                rig.buffers[BUFFER_HTTP_REQUEST_BODY] = (struct inspect_buffer){
                        .data = (const uint8_t *) "id=id=", .len = 6, .fresh = 3, .base = 3 * k};
                assert_string_equal(rig_transaction(&rig, body, body, 0, k == 4 ? INSPECT_FINAL : 0), k ? "" : "1");
        }
        inspector_get_stats(rig.inspector, &stats);
        assert_int_equal(stats.waiting, 0);
        rig_close(&rig);
}

/* Thousands of rules that wait, in thousands of flows: what they keep stays within the cap, and is counted. */
static void test_bounds(void **unused)
{
        static char rules[64 << 10];
        struct inspect_flow *flows[400] = {0};
        struct inspect_stats stats;
        struct rig rig;
        size_t at = 0;

        (void) unused;
        for (unsigned i = 0; i < 200; i++)
                at += (size_t) snprintf(rules + at, sizeof(rules) - at,
                                        ANY "(content:\"qzjxkqzjx\"; content:\"e%u\"; flowbits:set,bit%u; sid:%u;)\n",
                                        i, i, i + 1);
        rig_open_pool(&rig, rules, 64 << 10);
        rig.in.flags = INSPECT_TO_SERVER;
        for (unsigned i = 0; i < ELEMENTSOF(flows); i++) {
                rig.in.flow = &flows[i];
                assert_string_equal(rig_stream(&rig, "qzjxkqzjx", 9, 9, 100), "");
                assert_int_equal(strncmp(rig_packet(&rig, "qzjxkqzjx e1 ", 13, 0), "2", 1), 0);
        }
        inspector_get_stats(rig.inspector, &stats);
        assert_true(stats.pool_bytes <= 64 << 10);
        assert_true(stats.flows_dropped > 0);
        assert_true(stats.wait_dropped > 0);
        assert_null(flows[0]); /* the longest unused */
        assert_non_null(flows[399]);
        for (unsigned i = 0; i < ELEMENTSOF(flows); i++)
                inspect_flow_end(rig.inspector, &flows[i]);
        inspector_get_stats(rig.inspector, &stats);
        assert_int_equal(stats.waiting, 0);
        rig.in.flow = &rig.flow;
        rig_close(&rig);
}

struct reasons {
        char text[2048];
        unsigned n, held;
};

static void on_why(void *userdata, const struct inspect_why *w)
{
        struct reasons *r = userdata;
        size_t at = strlen(r->text);

        r->n++;
        r->held += w->held;
        (void) snprintf(r->text + at, sizeof(r->text) - at, "%s%s\n", w->held ? "+" : "-", w->text);
}

static void test_why(void **unused)
{
        struct reasons r = {0};
        struct rig rig;

        (void) unused;
        rig_open(&rig, ANY "(flow:to_server; dsize:<20; flowbits:isset,seen; content:\"JOIN\"; content:\"#x\"; "
                           "distance:1; within:2; "
                           "pcre:\"/key/\"; sid:1;)\n" ANY "(content:\"JOIN\"; flowbits:set,seen; sid:2;)\n");
        rig.in.flags = INSPECT_TO_SERVER;
        (void) rig_packet(&rig, "JOIN #x abc", 11, 0);
        assert_int_equal(inspect_rule(rig.inspector, ruleset_find(rig.rules, 1, 1), &rig.in, on_why, &r), INSPECT_NO);
        assert_non_null(strstr(r.text, "+dsize 11: < 20"));
        assert_non_null(strstr(r.text, "+flowbits:isset,seen"));
        assert_non_null(strstr(r.text, "+content \"JOIN\" at 0"));
        assert_non_null(strstr(r.text, "+content \"#x\" at 5"));
        assert_non_null(strstr(r.text, "-pcre /key/ does not match"));
        assert_int_equal(r.n, r.held + 1);
        /* Nobody asks: the same answer. */
        assert_int_equal(inspect_rule(rig.inspector, ruleset_find(rig.rules, 1, 1), &rig.in, NULL, NULL), INSPECT_NO);
        assert_int_equal(inspect_rule(rig.inspector, ruleset_find(rig.rules, 1, 2), &rig.in, NULL, NULL),
                         INSPECT_MATCH);
        rig_to_client(&rig);
        r = (struct reasons){0};
        assert_int_equal(inspect_rule(rig.inspector, ruleset_find(rig.rules, 1, 1), &rig.in, on_why, &r), INSPECT_NO);
        assert_int_equal(r.n, 1);
        assert_non_null(strstr(r.text, "-flow: these bytes go to the client"));
        rig_close(&rig);
}

static void test_profile(void **unused)
{
        const struct inspect_profile *p;
        struct rig rig;

        (void) unused;
        rig_open(&rig, ANY "(content:\"abc\"; content:\"d\"; sid:1;)\n");
        rig.in.flags = INSPECT_TO_SERVER;
        (void) rig_packet(&rig, "abc", 3, 0);
        (void) rig_packet(&rig, "abcd", 4, 0);
        (void) rig_packet(&rig, "xyz", 3, 0);
        p = inspector_profile(rig.inspector);
        assert_int_equal(p[0].candidates, 2);
        assert_int_equal(p[0].evaluations, 2);
        assert_int_equal(p[0].matches, 1);
        rig_close(&rig);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_header),
                cmocka_unit_test(test_flow_and_packet),
                cmocka_unit_test(test_ip_only),
                cmocka_unit_test(test_app_only),
                cmocka_unit_test(test_order_and_bits),
                cmocka_unit_test(test_numbers_and_hosts),
                cmocka_unit_test(test_pass),
                cmocka_unit_test(test_stream),
                cmocka_unit_test(test_stream_again),
                cmocka_unit_test(test_stream_window),
                cmocka_unit_test(test_packet_and_stream),
                cmocka_unit_test(test_transaction),
                cmocka_unit_test(test_transaction_once),
                cmocka_unit_test(test_bounds),
                cmocka_unit_test(test_why),
                cmocka_unit_test(test_profile),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
