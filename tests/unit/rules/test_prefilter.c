/* SPDX-License-Identifier: GPL-3.0-or-later */
/* prefilter: every rule that could match is brought up, nearly no other is; which literals are chosen; and that the
 * real rules, where they are at hand, compile within bounds. */
#include <dirent.h>

#include "base/clock.h"
#include "inspect_rig.h"
#include "rules/prefilter.h"

/* How many rules the last call brought up. */
static uint64_t brought_up(struct rig *rig)
{
        static uint64_t before;
        struct inspect_stats stats;
        uint64_t n;

        inspector_get_stats(rig->inspector, &stats);
        n = stats.candidates - (stats.candidates < before ? 0 : before);
        before = stats.candidates;
        return n;
}

static const struct prefilter_rule *chosen(struct rig *rig, uint32_t sid)
{
        const struct prefilter *p = prefilter_of(rig->rules);

        return prefilter_rule(p, prefilter_rank(p, ruleset_find(rig->rules, 1, sid)->index));
}

static void assert_literal(struct rig *rig, uint32_t sid, const char *wanted)
{
        const struct prefilter_rule *r = chosen(rig, sid);

        if (r->len != strlen(wanted) || memcmp(r->bytes, wanted, r->len) != 0)
                fail_msg("sid %u: \"%.*s\", not \"%s\"", sid, r->len, (const char *) r->bytes, wanted);
}

static void test_choice(void **unused)
{
        struct rig rig;

        (void) unused;
        rig_open(&rig,
                 "alert tcp any any -> any any (content:\"User-Agent: \"; content:\"qzxjw\"; sid:1;)\n"
                 "alert tcp any any -> any any (content:\"GET \"; depth:4; content:\"/a/verylongpath/indeed-kqzxj\"; "
                 "sid:2;)\n"
                 "alert http any any -> any any (content:\"QZXJkqzxjw\"; http.uri; content:\"/gate\"; nocase; sid:3;)\n"
                 "alert tcp any any -> any any (pcre:\"/a+(x|y)?downloaded\\.exe[0-9]{2}/i\"; sid:4;)\n"
                 "alert tcp any any -> any any (pcre:\"/abc|def/\"; sid:5;)\n"
                 "alert tcp any any -> any any (pcre:\"/abcx?y*z{0,1}/\"; sid:6;)\n"
                 "alert tcp any any -> any any (content:!\"abc\"; isdataat:3; sid:7;)\n"
                 "alert dns any any -> any any (dns.query; dotprefix; content:\".zqxj\"; sid:8;)\n"
                 "alert dns any any -> any any (dns.query; to_sha1; content:\"abcd\"; sid:9;)\n"
                 "alert tcp any any -> any any (content:\"|00 00 00 00|\"; sid:10;)\n"
                 "alert tcp any any -> any any (content:\"|00 00|qzj|00 00 00 00|\"; sid:11;)\n");
        assert_literal(&rig, 1, "qzxjw");
        assert_int_equal(chosen(&rig, 2)->len, PREFILTER_LITERAL_MAX);
        assert_literal(&rig, 3, "/gate"); /* of the transaction, though the other one is rarer */
        assert_true(chosen(&rig, 3)->nocase);
        assert_literal(&rig, 4, "downloaded.exe");
        assert_true(chosen(&rig, 4)->nocase);
        assert_literal(&rig, 5, "");
        assert_int_equal(chosen(&rig, 5)->buffer, BUFFERS);
        assert_literal(&rig, 6, "abc");
        assert_literal(&rig, 7, "");
        assert_literal(&rig, 8, "zqxj"); /* the dot is not in the name */
        assert_literal(&rig, 9, "");
        assert_literal(&rig, 10, ""); /* everywhere: evaluated without */
                                      /* Zeros at its end would be confirmed at every zero that comes. */
        assert_int_not_equal(chosen(&rig, 11)->bytes[chosen(&rig, 11)->len - 2], 0);
        rig_close(&rig);
}

/* Ports, directions, applications, places and sizes keep rules away. */
static void test_kept_away(void **unused)
{
        struct rig rig;

        (void) unused;
        rig_open(&rig, "alert tcp any any -> any 25 (content:\"qzjx\"; sid:1;)\n"
                       "alert tcp any [21,22] -> any any (content:\"qzjx\"; sid:2;)\n"
                       "alert tcp any any -> any any (flow:to_client; content:\"qzjx\"; sid:3;)\n"
                       "alert smtp any any -> any any (content:\"qzjx\"; sid:4;)\n"
                       "alert tcp any any -> any any (content:\"qzjx\"; depth:4; sid:5;)\n"
                       "alert tcp any any -> any any (content:\"qzjx\"; offset:20; sid:6;)\n"
                       "alert tcp any any -> any any (content:\"qzjx\"; dsize:4; sid:7;)\n"
                       "alert udp any any -> any any (content:\"qzjx\"; sid:8;)\n"
                       "alert tcp any any -> any any (flags:S; sid:9;)\n"
                       "alert tcp any any <> any 179 (content:\"qzjx\"; sid:10;)\n"
                       "alert tcp any any -> any [1000:9000] (content:\"qzjx\"; sid:11;)\n");
        rig.in.flags = INSPECT_TO_SERVER;
        (void) brought_up(&rig);
        assert_string_equal(rig_packet(&rig, "..qzjx", 6, 0), "");
        assert_int_equal(brought_up(&rig), 1); /* sid 11: so many ports have no list */
        rig.in.dport = 25;
        assert_string_equal(rig_packet(&rig, "..qzjx", 6, 0), "1");
        assert_int_equal(brought_up(&rig), 2);
        rig.in.sport = 22;
        assert_string_equal(rig_packet(&rig, "qzjx..", 6, 0), "1 2 5");
        assert_int_equal(brought_up(&rig), 4);
        assert_string_equal(rig_packet(&rig, "qzjx", 4, 0), "1 2 5 7");
        rig.in.sport = 179;
        rig.in.dport = 1;
        assert_string_equal(rig_packet(&rig, "....................qzjx", 24, 0), "6 10");
        rig.packet.tcp_flags = 2;
        (void) brought_up(&rig);
        assert_string_equal(rig_packet(&rig, NULL, 0, 0), "9");
        assert_int_equal(brought_up(&rig), 1);
        rig.packet.tcp_flags = 0x10;
        assert_string_equal(rig_packet(&rig, NULL, 0, 0), "");
        assert_int_equal(brought_up(&rig), 0);
        rig_close(&rig);
}

/* A literal across the boundary of what is fresh, for every length and cut; and one that is old is not found again. */
static void test_boundary(void **unused)
{
        static const char text[] = "..............................qzjxkqzjxwqzjxvv..............................";
        char rule[256];

        (void) unused;
        for (int len = 3; len <= 18; len++) {
                struct rig rig;

                (void) snprintf(rule, sizeof(rule), "alert tcp any any -> any any (content:\"%.*s\"; sid:1;)\n", len,
                                text + 30);
                rig_open(&rig, rule);
                rig.in.flags = INSPECT_TO_SERVER;
                for (size_t cut = 20; cut < 60; cut++) {
                        bool first = strcmp(rig_stream(&rig, text, cut, cut, 100), "1") == 0;
                        bool second = strcmp(rig_stream(&rig, text, strlen(text), strlen(text) - cut, 100), "1") == 0;
                        bool again = memmem(text + cut, strlen(text) - cut, text + 30, (size_t) len);

                        if (first != (cut >= 30u + (unsigned) len) || second != (!first || again))
                                fail_msg("length %d, cut at %zu: %d %d", len, cut, first, second);
                        inspect_flow_end(rig.inspector, &rig.flow);
                }
                rig_close(&rig);
        }
}

/* A thousand lists of addresses: a packet meets those that name it. */
static void test_addresses(void **unused)
{
        static char rules[1 << 20];
        struct rig rig;
        size_t at = 0;

        (void) unused;
        for (unsigned i = 0; i < 1000; i++)
                at += (size_t) snprintf(
                        rules + at, sizeof(rules) - at,
                        "alert ip [192.0.%u.0/25,203.0.%u.%u,2001:db8:%x::/48] any -> any any (sid:%u;)\n", i % 250,
                        i % 200, i % 256, i, i + 1);
        rig_open(&rig, rules);
        rig.in.flags = INSPECT_TO_SERVER;
        (void) brought_up(&rig);
        assert_string_equal(rig_packet(&rig, NULL, 0, INSPECT_FIRST), "");
        assert_int_equal(brought_up(&rig), 0);
        assert_int_equal(addr_parse("192.0.7.9", &rig.src), 0);
        assert_string_equal(rig_packet(&rig, NULL, 0, INSPECT_FIRST), "8 258 508 758");
        assert_int_equal(brought_up(&rig), 4);
        assert_int_equal(addr_parse("192.0.7.129", &rig.src), 0);
        assert_string_equal(rig_packet(&rig, NULL, 0, INSPECT_FIRST), "");
        assert_int_equal(addr_parse("203.0.7.7", &rig.src), 0);
        assert_string_equal(rig_packet(&rig, NULL, 0, INSPECT_FIRST), "8");
        assert_int_equal(addr_parse("2001:db8:3e7::1", &rig.src), 0);
        assert_string_equal(rig_packet(&rig, NULL, 0, INSPECT_FIRST), "1000");
        assert_int_equal(addr_parse("2001:db8:3e8::1", &rig.src), 0);
        assert_string_equal(rig_packet(&rig, NULL, 0, INSPECT_FIRST), "");
        rig_close(&rig);
}

static uint64_t wants(struct rig *rig, uint32_t flags, bool payload, uint8_t tcp_flags)
{
        rig_flags(rig, flags);
        rig->packet.tcp_flags = tcp_flags;
        rig->in.packet = flags & INSPECT_PACKET ? &rig->packet : NULL;
        rig->in.have = payload ? BUFFER_BIT(BUFFER_PAYLOAD) : 0;
        return inspector_wants(rig->inspector, &rig->in);
}

/* From home to outside and back are different rules; what names a part of either stands where it can match. */
static void test_sides(void **unused)
{
        static const struct {
                const char *src, *dst, *wanted;
                unsigned candidates;
        } cases[] = {
                {"10.0.0.5", "198.51.100.7", "1 4 5 7 8", 6}, {"198.51.100.7", "10.0.0.5", "2 4 7", 4},
                {"10.0.0.5", "10.1.2.3", "5 6 7", 3},         {"198.51.100.7", "203.0.113.1", "7 9", 3},
                {"2001:db8::1", "2001:db8::2", "7", 3},       {"10.200.0.1", "203.0.113.1", "1 4 5 7", 6},
        };
        struct rig rig;

        (void) unused;
        rig_open(&rig, "alert tcp [10.0.0.0/8] any -> ![10.0.0.0/8] any (content:\"qzjx\"; sid:1;)\n"
                       "alert tcp ![10.0.0.0/8] any -> [10.0.0.0/8] any (content:\"qzjx\"; sid:2;)\n"
                       "alert tcp [10.0.0.0/8] any -> [192.0.2.0/24] any (content:\"qzjx\"; sid:3;)\n"
                       "alert tcp [10.0.0.0/8] any <> ![10.0.0.0/8] any (content:\"qzjx\"; sid:4;)\n"
                       "alert tcp [10.0.0.0/8] any -> any any (content:\"qzjx\"; sid:5;)\n"
                       "alert tcp [10.0.0.0/8] any -> [10.1.0.0/16] any (content:\"qzjx\"; sid:6;)\n"
                       "alert tcp any any -> any any (content:\"qzjx\"; sid:7;)\n"
                       "alert tcp [9.255.255.0-10.0.0.255] any -> [198.51.100.7] any (content:\"qzjx\"; sid:8;)\n"
                       "alert tcp ![10.0.0.0/8] any -> [203.0.113.0/24] any (content:\"qzjx\"; sid:9;)\n"
                       "alert tcp ![10.0.0.0/8] any -> [10.9.0.0/16] any (content:\"qzjx\"; sid:10;)\n");
        for (unsigned i = 0; i < ELEMENTSOF(cases); i++) {
                rig.in.flags = INSPECT_TO_SERVER;
                assert_int_equal(addr_parse(cases[i].src, &rig.src), 0);
                assert_int_equal(addr_parse(cases[i].dst, &rig.dst), 0);
                (void) brought_up(&rig);
                assert_string_equal(rig_packet(&rig, "..qzjx", 6, 0), cases[i].wanted);
                assert_int_equal(brought_up(&rig), cases[i].candidates);
        }
        rig_close(&rig);
}

static void test_wants(void **unused)
{
        const uint64_t payload = BUFFER_BIT(BUFFER_PAYLOAD), uri = BUFFER_BIT(BUFFER_HTTP_URI);
        struct rig rig;

        (void) unused;
        rig_open(&rig, "alert tcp any any -> any 25 (flow:to_server; content:\"qzjx\"; sid:1;)\n"
                       "alert http any any -> any any (http.uri; content:\"qzjx\"; sid:2;)\n"
                       "alert tcp any any -> any any (flags:S; sid:3;)\n"
                       "alert udp any any -> any 53 (content:\"qzjx\"; sid:4;)\n"
                       "alert ip 192.0.2.1 any -> any any (sid:5;)\n");
        rig.in.flags = INSPECT_TO_SERVER;
        assert_int_equal(wants(&rig, INSPECT_STREAM, true, 0), uri);
        rig.in.dport = 25;
        assert_int_equal(wants(&rig, INSPECT_STREAM, true, 0), uri | payload);
        assert_int_equal(wants(&rig, INSPECT_PACKET, true, 0x18), payload);
        assert_int_equal(wants(&rig, INSPECT_PACKET, false, 0x10), 0);
        assert_int_equal(wants(&rig, INSPECT_PACKET, false, 0x02), payload);
        rig_to_client(&rig);
        assert_int_equal(wants(&rig, INSPECT_STREAM, true, 0), 0);
        rig_to_client(&rig);
        rig.in.proto = IPPROTO_UDP;
        assert_int_equal(wants(&rig, INSPECT_PACKET, true, 0), 0);
        rig.in.dport = 53;
        assert_int_equal(wants(&rig, INSPECT_PACKET, true, 0), payload);
        rig.in.proto = IPPROTO_ICMP;
        assert_int_equal(wants(&rig, INSPECT_PACKET, true, 0), 0);
        rig_close(&rig);
}

/* Whatever a set holds, however long or short its literals. */
static void test_odd_rules(void **unused)
{
        static char rules[128 << 10];
        static char bytes[9000];
        struct rig rig;
        size_t at = 0;

        (void) unused;
        memset(bytes, 'q', sizeof(bytes));
        at += (size_t) snprintf(rules, sizeof(rules),
                                "alert tcp any any -> any any (content:\"|00|\"; sid:1;)\n"
                                "alert tcp any any -> any any (content:\"%.*s\"; sid:2;)\n",
                                8000, bytes);
        for (unsigned i = 0; i < 256; i++)
                at += (size_t) snprintf(rules + at, sizeof(rules) - at,
                                        "alert tcp any any -> any any (content:\"|%02x 41|\"; nocase; sid:%u;)\n", i,
                                        i + 10);
        rig_open(&rig, rules);
        rig.in.flags = INSPECT_TO_SERVER;
        assert_string_equal(rig_packet(&rig, "\0x", 2, 0), "1");
        assert_string_equal(rig_packet(&rig, bytes, 7999, 0), "");
        assert_string_equal(rig_packet(&rig, bytes, 8000, 0), "2");
        assert_string_equal(rig_packet(&rig,
                                       "\xff"
                                       "a",
                                       2, 0),
                            "265");
        assert_string_equal(rig_packet(&rig, "\0a", 2, 0), "1 10");
        assert_string_equal(rig_packet(&rig, "za", 2, 0), "100 132"); /* Z and z */
        rig_close(&rig);
}

/* The real rules: few databases, little memory, soon ready. */
static void test_real(void **unused)
{
        const char *data = getenv("SEKIMORI_DATA") ? getenv("SEKIMORI_DATA") : "../shared/data";
        struct ruleset_params params = {0};
        struct ruleset *rules = NULL;
        struct ruleset_stats stats;
        struct dirent *e;
        char path[1024];
        DIR *folder;

        (void) unused;
        (void) snprintf(path, sizeof(path), "%s/rules", data);
        folder = opendir(path);
        if (!folder) {
                print_message("skipped: no rules in %s\n", path);
                skip();
        }
        assert_int_equal(ruleset_new(&params, &rules), 0);
        while ((e = readdir(folder)))
                if (strlen(e->d_name) > 6 && strcmp(e->d_name + strlen(e->d_name) - 6, ".rules") == 0) {
                        (void) snprintf(path, sizeof(path), "%s/rules/%s", data, e->d_name);
                        assert_int_equal(ruleset_add_file(rules, path), 0);
                }
        closedir(folder);
        assert_int_equal(ruleset_compile(rules), 0);
        ruleset_get_stats(rules, &stats);
        print_message("%u rules: %u databases, %u literals, %u rules without; %.1f MB, compiled in %.0f ms\n",
                      stats.loaded, stats.prefilter_databases, stats.prefilter_literals, stats.without_literal,
                      (double) stats.bytes / 1e6, (double) stats.compile_ns / 1e6);
        assert_true(stats.loaded > 19000);
        assert_true(stats.prefilter_databases < 800);
        assert_true(stats.prefilter_literals > 10000);
        assert_true(stats.bytes < 250u << 20);
        ruleset_free(rules);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_choice),    cmocka_unit_test(test_kept_away), cmocka_unit_test(test_boundary),
                cmocka_unit_test(test_addresses), cmocka_unit_test(test_sides),     cmocka_unit_test(test_wants),
                cmocka_unit_test(test_odd_rules), cmocka_unit_test(test_real),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
