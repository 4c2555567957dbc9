/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What rules are given to look at: packets, streams however they were cut, and transactions; what is wanted and no
 * more; and the tricks that hide bytes from whoever looks. */
#include "rules_rig.h"

static void test_packets(void **state)
{
        struct rig r = rig_new(1u << 20);
        struct made m;

        (void) state;
        tracker_frame(r.t, make_udp(&m, T0, HOME_HOST, OUTSIDE_HOST, 4000, 4001, "one", 3), T0);
        assert_int_equal(n_seen, 1);
        assert_int_equal(seen[0].flags, PACKET | INSPECT_FIRST | SERVER);
        assert_string_equal(seen[0].payload, "one");
        assert_int_equal(seen[0].sport, 4000);
        tracker_frame(r.t, make_udp(&m, T0, HOME_HOST, OUTSIDE_HOST, 4000, 4001, "two", 3), T0);
        assert_int_equal(n_seen, 1); /* nobody wants more than the first */
        tracker_frame(r.t, make_udp(&m, T0, OUTSIDE_HOST, HOME_HOST, 4001, 4000, "three", 5), T0);
        assert_int_equal(n_seen, 2);
        assert_int_equal(seen[1].flags, PACKET | INSPECT_FIRST | INSPECT_ESTABLISHED);
        want_packets = UINT64_MAX;
        tracker_frame(r.t, make_udp(&m, T0, HOME_HOST, OUTSIDE_HOST, 4000, 4001, "four", 4), T0);
        assert_int_equal(n_seen, 2); /* asked once */
        tracker_frame(r.t, make_udp(&m, T0, OUTSIDE_HOST, HOME_HOST, 4001, 4000, "five", 4), T0);
        assert_int_equal(n_seen, 3); /* the other direction is asked about for itself */
        rig_free(&r);
}

/* Rules look at all traffic, though nobody is told about hosts that are none of ours. */
static void test_foreign(void **state)
{
        struct rig r = rig_new(1u << 20);

        (void) state;
        r.client = 0xc0000210;
        n_sent[0] = n_sent[1] = 0;
        handshake(&r);
        say(&r, true, "GET /a HTTP/1.0\r\n\r\n");
        say(&r, false, "HTTP/1.0 404 no\r\n\r\n");
        hang_up(&r);
        assert_stream(SERVER, 0, "GET /a HTTP/1.0\r\n\r\n");
        assert_stream(0, SERVER, "HTTP/1.0 404 no\r\n\r\n");
        assert_int_equal(n_said, 0);
        rig_free(&r);
}

static void test_foreign_dns(void **state)
{
        static const char query[] = "\0\1\1\0\0\1\0\0\0\0\0\0\3www\7example\0\0\1\0\1";
        struct rig r = rig_new(1u << 20);
        struct made m;

        (void) state;
        for (unsigned i = 0; i < 2; i++) {
                uint32_t from = i ? HOME_HOST : 0xc0000210;

                n_seen = 0;
                tracker_frame(r.t, make_udp(&m, T0, from, OUTSIDE_HOST, 4000, 53, query, sizeof(query) - 1), T0);
                assert_int_equal(n_seen, 1); /* packet and transaction in one */
                assert_int_equal(seen[0].scan, BUFFER_BIT(BUFFER_DNS_QUERY) | BUFFER_BIT(BUFFER_PAYLOAD));
                assert_int_equal(seen[0].flags & ~(uint32_t) INSPECT_APP_DONE,
                                 PACKET | INSPECT_FIRST | SERVER | INSPECT_FINAL);
                assert_int_equal(seen[0].app, APP_DNS);
        }
        rig_free(&r);
}

static void test_icmp(void **state)
{
        struct rig r = rig_new(1u << 20);
        struct made m;
        uint8_t *p = make_ip(&m, T0, HOME_HOST, OUTSIDE_HOST, IPPROTO_ICMP, 12);

        (void) state;
        memcpy(p, "\x08\0\0\0\0\1\0\2ping", 12);
        tracker_frame(r.t, &m.frame, T0);
        p = make_ip(&m, T0, OUTSIDE_HOST, HOME_HOST, IPPROTO_ICMP, 36); /* an error, which is of no flow */
        memset(p, 0, 36);
        p[0] = 3;
        p[8] = 0x45;
        p[11] = 28;
        p[17] = 17;
        tracker_frame(r.t, &m.frame, T0);
        assert_int_equal(n_seen, 2);
        assert_string_equal(seen[0].payload, "ping");
        assert_int_equal(seen[0].sport, 0);
        assert_int_equal(seen[1].len, 28);
        rig_free(&r);
}

static void test_stream_turns(void **state)
{
        struct rig r = open_flow();

        (void) state;
        say(&r, true, "USER ");
        say(&r, true, "me\r\n");
        assert_int_equal(count_seen(STREAM, 0), 0); /* the other side did not answer yet */
        say(&r, false, "yes");
        assert_int_equal(count_seen(STREAM, 0), 1);
        assert_string_equal(find_seen(0, STREAM | SERVER | INSPECT_ESTABLISHED, 0)->payload, "USER me\r\n");
        say(&r, true, "more");
        assert_string_equal(find_seen(1, STREAM, SERVER) ? "" : find_seen(0, STREAM, SERVER)->payload, "yes");
        hang_up(&r);
        assert_stream(SERVER, 0, "USER me\r\nmore");
        assert_string_equal(find_seen(1, STREAM | SERVER, 0)->payload, "USER me\r\nmore"); /* with what came before */
        rig_free(&r);
}

static void test_tick(void **state)
{
        struct rig r = open_flow();

        (void) state;
        say(&r, true, "waiting");
        tracker_tick(r.t, T0 + NSEC_PER_SEC);
        assert_stream(SERVER, 0, "waiting");
        tracker_tick(r.t, T0 + 2 * NSEC_PER_SEC);
        assert_int_equal(count_seen(STREAM, 0), 1);
        rig_free(&r);
}

static void test_stream_long(void **state)
{
        struct rig r = open_flow();
        static char whole[40001], part[101];

        (void) state;
        for (unsigned i = 0; i < sizeof(whole) - 1; i++)
                whole[i] = (char) ('a' + i * i % 23);
        for (unsigned i = 0; i < sizeof(whole) - 1; i += 100) {
                memcpy(part, whole + i, 100);
                say(&r, true, part);
        }
        hang_up(&r);
        assert_stream(SERVER, 0, whole);
        assert_true(n_seen < 25);
        /* What a relative match may need stands before the fresh bytes. */
        for (unsigned i = 3; i < n_seen; i++)
                assert_true(!(seen[i].scan & 1) || seen[i].len - seen[i].fresh >= 2048);
        rig_free(&r);
}

static void test_depth(void **state)
{
        struct rig r = open_flow();
        static char part[1001];
        uint32_t n = 0;

        (void) state;
        memset(part, 'x', 1000);
        for (unsigned i = 0; i < 1200; i++) {
                say(&r, true, part);
                n_seen = n_seen > 500 ? 0 : n_seen;
        }
        n = seen[n_seen - 1].base + seen[n_seen - 1].len;
        assert_int_equal(n, 1u << 20);
        rig_free(&r);
}

static void test_unwanted(void **state)
{
        struct rig r;

        (void) state;
        r = open_flow();
        want_stream = 0;
        say(&r, true, "GET / HTTP/1.1\r\n\r\n");
        say(&r, false, "HTTP/1.1 200 OK\r\n\r\n");
        hang_up(&r);
        assert_int_equal(count_seen(STREAM, 0), 0);
        rig_free(&r);
        /* Only transactions: no window is kept, none is looked at. */
        r = open_flow();
        want_stream = BUFFER_BIT(BUFFER_HTTP_URI);
        say(&r, true, "GE");
        say(&r, true, "T /uri HTTP/1.1\r\n\r\n");
        say(&r, false, "HTTP/1.1 200 OK\r\n\r\n");
        assert_int_equal(n_seen, 1);
        assert_string_equal(seen[0].uri, "/uri");
        assert_int_equal(seen[0].scan, BUFFER_BIT(BUFFER_HTTP_URI));
        rig_free(&r);
}

/* A packet that somebody wants comes with its piece of the stream, and each byte is scanned once. */
static void test_packet_and_stream(void **state)
{
        struct rig r = rig_new(1u << 20);

        (void) state;
        n_sent[0] = n_sent[1] = 0;
        want_packets = UINT64_MAX;
        handshake(&r);
        say(&r, true, "abc");
        assert_int_equal(n_seen, 1);
        assert_int_equal(seen[0].flags, PACKET | STREAM | INSPECT_STREAM_ADDED | SERVER | INSPECT_ESTABLISHED);
        assert_true(seen[0].packet);
        say(&r, true, "def");
        assert_int_equal(n_seen, 2);
        assert_string_equal(seen[1].payload, "abcdef");
        assert_int_equal(seen[1].fresh, 3);
        /* Too early: as a packet; its bytes come into the stream later. */
        segment(&r, true, 9, "jkl", ACK);
        assert_int_equal(n_seen, 3);
        assert_int_equal(seen[2].flags, PACKET | INSPECT_STREAM_ADDED | SERVER | INSPECT_ESTABLISHED);
        assert_string_equal(seen[2].payload, "jkl");
        segment(&r, true, 6, "ghi", ACK);
        assert_int_equal(n_seen, 4);
        hang_up(&r);
        assert_stream(SERVER, 0, "abcdefghijkl");
        rig_free(&r);
}

static void test_cut_everywhere(void **state)
{
        static const char request[] = "GET /one%2ftwo?a=%41 HTTP/1.1\r\nHost: Example.ORG:8080\r\n\r\n";
        static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

        (void) state;
        for (size_t cut = 1; cut < sizeof(request) - 1; cut++) {
                struct rig r = open_flow();
                char a[128], b[128];
                const struct seen *s;
                size_t back = cut % (sizeof(response) - 1);

                snprintf(a, sizeof(a), "%.*s", (int) cut, request);
                say(&r, true, a);
                say(&r, true, request + cut);
                snprintf(b, sizeof(b), "%.*s", (int) back, response);
                if (back)
                        say(&r, false, b);
                say(&r, false, response + back);
                hang_up(&r);
                s = NULL;
                for (unsigned i = 0; i < n_seen && !s; i++)
                        if (seen[i].have & BUFFER_BIT(BUFFER_HTTP_URI))
                                s = &seen[i];
                assert_non_null(s);
                assert_string_equal(s->uri, "/one/two?a=A");
                assert_string_equal(s->host, "example.org");
                assert_int_equal(s->app, APP_HTTP);
                assert_stream(SERVER, 0, request);
                assert_stream(0, SERVER, response);
                s = NULL;
                for (unsigned i = 0; i < n_seen; i++)
                        if (seen[i].have & BUFFER_BIT(BUFFER_FILE_DATA))
                                s = &seen[i];
                assert_non_null(s);
                assert_string_equal(s->body, "hello");
                assert_true(s->flags & INSPECT_FINAL);
                rig_free(&r);
        }
}

static void test_midstream_turned(void **state)
{
        struct rig r = rig_new(1u << 20);
        const struct seen *s;

        (void) state;
        n_sent[0] = n_sent[1] = 0;
        r.cport = 8080; /* so that the ports say nothing */
        r.sport = 8081;
        say(&r, false, "HTTP/1.0 200 OK\r\nServer: x\r\n\r\n");
        say(&r, true, "GET /mid HTTP/1.0\r\n\r\n");
        hang_up(&r);
        s = NULL;
        for (unsigned i = 0; i < n_seen; i++)
                if (seen[i].have & BUFFER_BIT(BUFFER_HTTP_URI))
                        s = &seen[i];
        assert_non_null(s);
        assert_string_equal(s->uri, "/mid");
        assert_true(s->flags & SERVER);
        assert_true(s->flags & INSPECT_MIDSTREAM);
        assert_int_equal(s->dport, 8081);
        rig_free(&r);
}

/* Without midstream, bytes before a handshake are packets, and nothing is established. */
static void test_only_handshakes(void **state)
{
        struct rig r;

        (void) state;
        strict = true;
        r = rig_new(1u << 20);
        want_packets = UINT64_MAX;
        n_sent[0] = n_sent[1] = 0;
        say(&r, false, "HTTP/1.0 200 OK\r\n\r\n");
        say(&r, true, "GET /mid HTTP/1.0\r\n\r\n");
        hang_up(&r);
        assert_int_equal(count_seen(STREAM, 0), 0);
        assert_int_equal(count_seen(INSPECT_PACKET, INSPECT_ESTABLISHED | INSPECT_STREAM_ADDED), n_seen);
        assert_true(n_seen >= 2);
        assert_string_equal(find_seen(0, INSPECT_PACKET, 0)->payload, "HTTP/1.0 200 OK\r\n\r\n");
        rig_free(&r);

        r = rig_new(1u << 20);
        want_packets = UINT64_MAX;
        n_sent[0] = n_sent[1] = 0;
        segment(&r, true, 0, "in the SYN", SYN); /* nobody takes that without fast open */
        assert_int_equal(count_seen(INSPECT_PACKET, INSPECT_STREAM_ADDED), 1);
        handshake(&r);
        say(&r, true, "GET /seen HTTP/1.0\r\n\r\n");
        assert_int_equal(count_seen(INSPECT_STREAM_ADDED, 0), 1);
        hang_up(&r);
        assert_true(count_seen(STREAM, 0) > 0);
        strict = false;
        rig_free(&r);
}

/* Another set of rules in the middle of a conversation: the flow stays one, and what comes then is looked at. */
static void test_other_rules(void **state)
{
        const struct ruleset *other = (const struct ruleset *) &strict; /* the inspector of the test reads none */
        struct rig r = open_flow();
        struct tracker_stats stats;
        unsigned before;

        (void) state;
        keeps = true;
        say(&r, true, "GET /old HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_int_equal(n_kept, 1);
        before = n_seen;
        assert_int_equal(tracker_set_rules(r.t, other), 0);
        assert_int_equal(n_kept, 0);
        assert_int_equal(n_seen, before); /* nothing is looked at because of it */
        tracker_get_stats(r.t, &stats);
        assert_int_equal(stats.flows.used, 1);
        say(&r, true, "GET /new HTTP/1.1\r\nHost: a\r\n\r\n");
        say(&r, false, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        assert_true(n_seen > before);
        assert_string_equal(find_seen(0, 0, 0)->uri, "/old");
        for (unsigned i = before; i < n_seen; i++)
                assert_true(!seen[i].uri[0] || strcmp(seen[i].uri, "/new") == 0);
        assert_int_equal(tracker_set_rules(r.t, NULL), 0);
        assert_int_equal(n_kept, 0);
        before = n_seen;
        say(&r, true, "GET /none HTTP/1.1\r\n\r\n");
        assert_int_equal(n_seen, before);
        assert_int_equal(tracker_set_rules(r.t, other), 0);
        say(&r, true, "GET /again HTTP/1.1\r\n\r\n");
        hang_up(&r);
        assert_true(n_seen > before);
        tracker_get_stats(r.t, &stats);
        assert_int_equal(stats.flows.made, 1);
        rig_free(&r);
}

static void test_memory(void **state)
{
        struct rig r = rig_new(16u << 10); /* fewer windows than flows */
        struct tracker_stats stats;
        static char part[1501];

        (void) state;
        memset(part, 'y', 1500);
        keeps = true;
        for (unsigned i = 0; i < 40; i++) {
                r.cport = (uint16_t) (41000 + i);
                n_sent[0] = n_sent[1] = 0;
                n_seen = 0;
                handshake(&r);
                say(&r, true, "POST /x HTTP/1.1\r\nContent-Length: 100000\r\n\r\n");
                say(&r, true, part);
                say(&r, false, part);
        }
        n_seen = 0;
        for (unsigned i = 0; i < 40; i++) {
                r.cport = (uint16_t) (41000 + i);
                n_sent[0] = 1500;
                n_sent[1] = 1500 + 45;
                n_seen = 0;
                say(&r, true, part);
                hang_up(&r);
        }
        tracker_get_stats(r.t, &stats);
        assert_true(stats.rule_dropped > 0);
        assert_int_equal(stats.rule_bytes, 0);
        assert_int_equal(n_kept, 0);
        rig_free(&r);
}

static void test_no_memory(void **state)
{
        struct rig r = rig_new(0);
        const char *text = "GET /without HTTP/1.1\r\nHost: a\r\n\r\n";

        (void) state;
        n_sent[0] = n_sent[1] = 0;
        handshake(&r);
        say(&r, true, text);
        say(&r, true, text);
        hang_up(&r);
        assert_int_equal(count_seen(STREAM, 0), 2); /* each segment alone */
        assert_string_equal(find_seen(1, STREAM, 0)->payload, text);
        assert_int_equal(find_seen(1, STREAM, 0)->base, strlen(text));
        rig_free(&r);
}

static void test_connect(void **state)
{
        struct rig r = open_flow();
        unsigned uris = 0;

        (void) state;
        say(&r, true, "CONNECT inner:80 HTTP/1.1\r\n\r\n");
        say(&r, false, "HTTP/1.1 200 go\r\n\r\n");
        say(&r, true, "GET /inside HTTP/1.1\r\nHost: inner\r\n\r\n");
        hang_up(&r);
        for (unsigned i = 0; i < n_seen; i++)
                uris += strcmp(seen[i].uri, "/inside") == 0;
        assert_int_equal(uris, 1);
        rig_free(&r);
        /* The proxy's answer and the server's behind it in one segment. */
        r = open_flow();
        say(&r, true, "CONNECT inner:80 HTTP/1.1\r\n\r\n");
        say(&r, false, "HTTP/1.1 200 go\r\n\r\nHTTP/1.1 200 inner\r\nContent-Length: 6\r\n\r\ninside");
        hang_up(&r);
        uris = 0;
        for (unsigned i = 0; i < n_seen; i++)
                uris += strcmp(seen[i].body, "inside") == 0;
        assert_int_equal(uris, 1);
        rig_free(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_packets),         cmocka_unit_test(test_foreign),
                cmocka_unit_test(test_foreign_dns),     cmocka_unit_test(test_icmp),
                cmocka_unit_test(test_stream_turns),    cmocka_unit_test(test_tick),
                cmocka_unit_test(test_stream_long),     cmocka_unit_test(test_depth),
                cmocka_unit_test(test_unwanted),        cmocka_unit_test(test_packet_and_stream),
                cmocka_unit_test(test_cut_everywhere),  cmocka_unit_test(test_midstream_turned),
                cmocka_unit_test(test_only_handshakes), cmocka_unit_test(test_other_rules),
                cmocka_unit_test(test_memory),          cmocka_unit_test(test_no_memory),
                cmocka_unit_test(test_connect),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
