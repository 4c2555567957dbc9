/* SPDX-License-Identifier: GPL-3.0-or-later */
/* match: what each condition on bytes means, alone and one after the other; what growing bytes may decide; and that
 * hostile rules and bytes cost bounded time. */
#include "base/clock.h"
#include "inspect_rig.h"
#include "rules/match.h"

struct row {
        const char *options;
        const char *bytes;
        size_t len;
        bool held;
};
#define ROW(options, bytes, held)                                                                                      \
        {                                                                                                              \
                options, bytes, sizeof(bytes) - 1, held                                                                \
        }

static void run_rows(const struct row *rows, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                char text[1024];
                struct rig rig;

                assert_true(snprintf(text, sizeof(text), "alert udp any any -> any any (%s sid:1;)", rows[i].options) <
                            (int) sizeof(text));
                rig_open(&rig, text);
                rig.in.proto = IPPROTO_UDP;
                rig.in.flags = INSPECT_TO_SERVER;
                if ((strcmp(rig_packet(&rig, rows[i].bytes, rows[i].len, 0), "1") == 0) != rows[i].held)
                        fail_msg("row %zu: %s: %s", i, rows[i].options,
                                 rows[i].held ? "should match" : "should not match");
                rig_close(&rig);
        }
}

static void test_contents(void **unused)
{
        static const struct row rows[] = {
                ROW("content:\"abc\";", "xxabcxx", true),
                ROW("content:\"abc\";", "xxABCxx", false),
                ROW("content:\"aBc\"; nocase;", "xxAbCxx", true),
                ROW("content:\"a|00 ff|b\";",
                    "xa\0\xff"
                    "b",
                    true),
                ROW("content:\"abc\"; offset:2;", "abcabc", true),
                ROW("content:\"abc\"; offset:4;", "abcabc", false),
                ROW("content:\"abc\"; depth:3;", "abcx", true),
                ROW("content:\"abc\"; depth:3;", "xabc", false),
                ROW("content:\"abc\"; offset:1; depth:3;", "xabc", true),
                ROW("content:\"abc\"; offset:1; depth:3;", "xxabc", false),
                ROW("content:\"abc\"; startswith;", "abcx", true),
                ROW("content:\"abc\"; startswith;", "xabc", false),
                ROW("content:\"abc\"; endswith;", "abcxabc", true),
                ROW("content:\"abc\"; endswith;", "abcx", false),
                ROW("content:\"x\"; content:!\"abc\";", "xab", true),
                ROW("content:\"x\"; content:!\"abc\";", "xabc", false),
                ROW("content:\"x\"; content:!\"abc\"; offset:2;", "abcx", true),
                ROW("content:\"x\"; content:!\"x\"; endswith;", "xax", false),
                ROW("content:\"x\"; content:!\"x\"; endswith;", "xa", true),
                ROW("content:\"abc\";", "ab", false),
        };
        (void) unused;
        run_rows(rows, ELEMENTSOF(rows));
}

/* Whichever byte of the content it is searched by: that byte is everywhere, and the content at the end, or all but. */
static void test_in_vain(void **unused)
{
        static const char content[] = "abQ7d";
        struct rig rig;

        (void) unused;
        rig_open(&rig, "alert udp any any -> any any (content:\"QQ\"; content:\"abQ7d\"; sid:1;)");
        rig.in.proto = IPPROTO_UDP;
        rig.in.flags = INSPECT_TO_SERVER;
        for (unsigned rare = 0; rare < strlen(content); rare++)
                for (unsigned n = 0; n < 900; n = n * 4 / 3 + 1) {
                        char bytes[1024] = "QQ";

                        memset(bytes + 2, content[rare], n);
                        memcpy(bytes + 2 + n, content, strlen(content));
                        assert_string_equal(rig_packet(&rig, bytes, 2 + n + strlen(content), 0), "1");
                        assert_string_equal(rig_packet(&rig, bytes, 2 + n + strlen(content) - 1, 0), "");
                }
        rig_close(&rig);
}

static void test_relative(void **unused)
{
        static const struct row rows[] = {
                ROW("content:\"ab\"; content:\"cd\"; distance:0;", "abxxcd", true),
                ROW("content:\"ab\"; content:\"cd\"; distance:0;", "cdxxab", false),
                ROW("content:\"ab\"; content:\"cd\"; distance:2;", "abxxcd", true),
                ROW("content:\"ab\"; content:\"cd\"; distance:3;", "abxxcd", false),
                ROW("content:\"ab\"; content:\"cd\"; within:4;", "abxxcd", true),
                ROW("content:\"ab\"; content:\"cd\"; within:3;", "abxxcd", false),
                ROW("content:\"ab\"; content:\"cd\"; distance:1; within:3;", "abxxcd", true),
                ROW("content:\"ab\"; content:\"cd\"; distance:1; within:2;", "abxxcd", false),
                ROW("content:\"ab\"; content:\"cd\"; distance:-4;", "cdab", true),
                ROW("content:\"ab\"; content:\"cd\"; distance:-3;", "cdab", false),
                /* The first ab leads nowhere, the second does; and so on for three. */
                ROW("content:\"ab\"; content:\"cd\"; within:2;", "abxabcd", true),
                ROW("content:\"a\"; content:\"b\"; within:2; content:\"c\"; within:1;", "axbabxaxbc", true),
                ROW("content:\"a\"; content:\"b\"; within:2; content:\"c\"; within:1;", "axbabxaxxbc", false),
                ROW("content:\"aa\"; content:\"b\"; within:1;", "aaab", true), /* overlapping places */
                ROW("content:\"ab\"; content:!\"cd\"; within:3;", "abxcd", false),
                ROW("content:\"ab\"; content:!\"cd\"; within:3;", "abxxcd", true),
                ROW("content:\"ab\"; content:!\"cd\"; within:3;", "abxcdab", true), /* the second ab */
                /* What is not relative begins anew, and what follows is relative to it. */
                ROW("content:\"ab\"; content:\"x\"; depth:1; content:\"y\"; within:1;", "xyab", true),
        };
        (void) unused;
        run_rows(rows, ELEMENTSOF(rows));
}

static void test_numbers(void **unused)
{
        static const struct row rows[] = {
                ROW("content:\"a\"; byte_test:1,>,9,0,relative;", "a\x0a", true),
                ROW("content:\"a\"; byte_test:1,>,9,0,relative;", "a\x09", false),
                ROW("content:\"a\"; byte_test:1,>,9,0,relative;", "a", false),
                ROW("content:\"a\"; byte_test:2,=,258,1;", "a\1\2", true),
                ROW("content:\"a\"; byte_test:2,=,513,1,little;", "a\1\2", true),
                ROW("content:\"a\"; byte_test:2,!=,513,1,little;", "a\1\2", false),
                ROW("content:\"a\"; byte_test:1,!&,64,1;", "a\x80", true),
                ROW("content:\"a\"; byte_test:1,&,64,1;", "a\xc0", true),
                ROW("content:\"a\"; byte_test:3,=,123,1,string,dec;", "a123", true),
                ROW("content:\"a\"; byte_test:3,=,123,1,string,dec;", "a12x", false),
                ROW("content:\"a\"; byte_test:4,=,0xbeef,1,string,hex;", "abeef", true),
                ROW("content:\"a\"; byte_test:3,=,123,1,string,dec;", "axyz", false),
                ROW("content:\"a\"; byte_test:9,=,1,1,string,dec;", "a1", false),
                ROW("content:\"a\"; byte_jump:1,0,relative; content:\"b\"; within:1;", "a\2xxb", true),
                ROW("content:\"a\"; byte_jump:1,0,relative; content:\"b\"; within:1;", "a\1xxb", false),
                ROW("content:\"a\"; byte_jump:1,0,relative; content:\"b\"; within:1;", "a\x7fxxb", false),
                ROW("content:\"a\"; byte_jump:1,0,relative,post_offset -1; content:\"b\"; within:1;", "a\3xxb", true),
                ROW("content:\"a\"; byte_jump:1,0,relative,multiplier 2; content:\"b\"; within:1;", "a\1xxb", true),
                ROW("content:\"a\"; byte_jump:1,0,relative,align; content:\"b\"; within:1;", "a\1xxxxb", true),
                ROW("content:\"a\"; byte_jump:1,1,from_beginning; content:\"b\"; within:1;", "a\4xxb", true),
                ROW("content:\"a\"; byte_extract:1,0,n,relative; content:\"b\"; distance:n; within:1;", "a\2xxb", true),
                ROW("content:\"a\"; byte_extract:1,0,n,relative; content:\"b\"; distance:n; within:1;", "a\1xxb",
                    false),
                /* The first a gives a number that leads nowhere. */
                ROW("content:\"a\"; byte_extract:1,0,n,relative; content:\"b\"; offset:n; depth:1;", "a\5a\4b", true),
                ROW("content:\"a\"; byte_extract:1,0,n,relative; isdataat:!n,relative;", "a\5xx", true),
                ROW("content:\"a\"; byte_math:bytes 1,offset 0,oper +,rvalue 2,result n,relative; "
                    "byte_test:1,=,n,0,relative;",
                    "a\1\3", true),
        };
        (void) unused;
        run_rows(rows, ELEMENTSOF(rows));
}

static void test_sizes_and_expressions(void **unused)
{
        static const struct row rows[] = {
                ROW("content:\"a\"; isdataat:3;", "abcd", true),
                ROW("content:\"a\"; isdataat:4;", "abcd", false),
                ROW("content:\"a\"; isdataat:3,relative;", "abcd", true),
                ROW("content:\"a\"; isdataat:4,relative;", "abcd", false),
                ROW("content:\"a\"; isdataat:!1,relative;", "xa", true),
                ROW("content:\"a\"; isdataat:!1,relative;", "axa", true), /* the second one */
                ROW("content:\"a\"; isdataat:!1,relative;", "ax", false),
                ROW("pcre:\"/ab+c/\";", "xabbbc", true),
                ROW("pcre:\"/ab+c/\";", "xaBc", false),
                ROW("pcre:\"/ab+c/i\";", "xaBc", true),
                ROW("content:\"a\"; pcre:\"/^b/R\";", "ab", true),
                ROW("content:\"a\"; pcre:\"/^b/R\";", "axb", false),
                ROW("content:\"a\"; pcre:\"/^b/R\";", "axab", true),
                ROW("content:\"a\"; pcre:!\"/^b/R\";", "ab", false),
                ROW("content:\"a\"; pcre:!\"/b/\";", "axx", true),
                ROW("pcre:\"/a.b/\"; content:\"c\"; within:1;", "axbxaxbc", true),
                ROW("pcre:\"/a.b/\"; content:\"c\"; within:1;", "axbxaxbxc", false),
                ROW("pcre:\"/(a|b)c$/\";", "xbc", true),
                ROW("content:\"ab\"; dsize:4;", "xxab", true),
                ROW("content:\"ab\"; dsize:>4;", "xxab", false),
                ROW("content:\"ab\"; dsize:3<>5;", "xxab", true),
        };
        (void) unused;
        run_rows(rows, ELEMENTSOF(rows));
}

/* Places count from the stream's beginning, also in a window that begins later. */
static void test_base(void **unused)
{
        static const char bytes[] = "0123456789abcdef";
        struct rig rig;

        (void) unused;
        rig_open(&rig, "alert tcp any any -> any any (content:\"ab\"; offset:10; sid:1;)\n"
                       "alert tcp any any -> any any (content:\"ab\"; offset:11; sid:2;)\n"
                       "alert tcp any any -> any any (content:\"ab\"; depth:12; sid:3;)\n"
                       "alert tcp any any -> any any (content:\"ab\"; depth:11; sid:4;)\n"
                       "alert tcp any any -> any any (content:\"ab\"; isdataat:12; sid:5;)\n"
                       "alert tcp any any -> any any (content:\"ab\"; byte_test:1,=,0x63,12; sid:6;)\n"
                       "alert tcp any any -> any any (content:\"ab\"; byte_test:1,=,0x30,0; sid:7;)\n");
        rig.in.flags = INSPECT_TO_SERVER;
        assert_string_equal(rig_stream(&rig, bytes, 16, 8, 8), "1 3 5 6");
        rig_close(&rig);
}

/* A window ends: what may follow is waited for, what cannot come any more is not. */
static enum inspect_answer part_answer(const char *options, const char *bytes, bool complete, bool now)
{
        char text[512];
        struct rig rig;
        _cleanup_(matcher_freep)
        struct matcher *m = NULL;
        uint64_t vars[RULE_VARS_MAX] = {0};
        struct match_buffer b = {(const uint8_t *) bytes, (uint32_t) strlen(bytes), 0, complete, now};
        struct match_query q = {.buffer = &b, .vars = vars};
        enum inspect_answer a;

        (void) snprintf(text, sizeof(text), "alert tcp any any -> any any (%s sid:1;)", options);
        rig_open(&rig, text);
        q.rule = ruleset_rule(rig.rules, 0);
        q.part = &q.rule->parts[0];
        assert_int_equal(matcher_new(&m), 0);
        a = match_part(m, &q);
        rig_close(&rig);
        return a;
}

static void test_growing(void **unused)
{
        static const struct {
                const char *options, *bytes;
                enum inspect_answer growing, complete;
        } rows[] = {
                {"content:\"ab\";", "xx", INSPECT_WAIT, INSPECT_NO},
                {"content:\"ab\"; depth:4;", "xxxx", INSPECT_NO, INSPECT_NO},
                {"content:\"ab\"; depth:5;", "xxxx", INSPECT_WAIT, INSPECT_NO},
                {"content:\"a\"; content:\"b\"; within:2;", "axx", INSPECT_WAIT, INSPECT_NO}, /* another a may come */
                {"content:\"a\"; depth:1; content:\"b\"; within:2;", "axx", INSPECT_NO, INSPECT_NO},
                {"content:\"a\"; content:!\"b\";", "a", INSPECT_WAIT, INSPECT_MATCH},
                {"content:\"a\"; content:!\"b\";", "ab", INSPECT_NO, INSPECT_NO},
                {"content:\"a\"; content:!\"b\"; depth:2;", "ax", INSPECT_MATCH, INSPECT_MATCH},
                {"content:\"a\"; content:!\"b\"; depth:3;", "ax", INSPECT_WAIT, INSPECT_MATCH},
                {"content:\"a\"; endswith;", "xa", INSPECT_WAIT, INSPECT_MATCH},
                {"content:\"a\"; isdataat:2,relative;", "ax", INSPECT_WAIT, INSPECT_NO},
                {"content:\"a\"; isdataat:!2,relative;", "ax", INSPECT_WAIT, INSPECT_MATCH},
                {"content:\"a\"; isdataat:!1,relative;", "ax", INSPECT_WAIT, INSPECT_NO},
                {"content:\"a\"; byte_test:2,=,1,0,relative;", "ax", INSPECT_WAIT, INSPECT_NO},
                {"content:\"a\"; pcre:\"/b/\";", "ax", INSPECT_WAIT, INSPECT_NO},
                {"content:\"a\"; pcre:!\"/b/\";", "ax", INSPECT_WAIT, INSPECT_MATCH},
        };

        (void) unused;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                if (part_answer(rows[i].options, rows[i].bytes, false, false) != rows[i].growing)
                        fail_msg("row %zu: %s on growing \"%s\"", i, rows[i].options, rows[i].bytes);
                if (part_answer(rows[i].options, rows[i].bytes, true, false) != rows[i].complete)
                        fail_msg("row %zu: %s on complete \"%s\"", i, rows[i].options, rows[i].bytes);
        }
        /* A stream has no end: what is there decides what must not come. */
        assert_int_equal(part_answer("content:\"a\"; content:!\"b\";", "a", false, true), INSPECT_MATCH);
        assert_int_equal(part_answer("content:\"a\"; isdataat:!2,relative;", "ax", false, true), INSPECT_MATCH);
        assert_int_equal(part_answer("content:\"a\"; content:\"b\";", "a", false, true), INSPECT_WAIT);
}

static void test_transforms(void **unused)
{
        static const struct {
                const char *options, *name;
                bool held;
        } rows[] = {
                {"dns.query; dotprefix; content:\".example.com\"; endswith;", "example.com", true},
                {"dns.query; dotprefix; content:\".example.com\"; endswith;", "www.example.com", true},
                {"dns.query; dotprefix; content:\".example.com\"; endswith;", "badexample.com", false},
                {"dns.query; to_lowercase; content:\"example\";", "EXAMPLE", true},
                {"dns.query; to_uppercase; content:\"EXAMPLE\"; bsize:7;", "example", true},
                {"dns.query; strip_whitespace; content:\"abcd\";", "a b\tcd", true},
                {"dns.query; compress_whitespace; content:\"a b\"; bsize:3;", "a \t b", true},
                {"dns.query; url_decode; content:\"a b\";", "%61+b", true},
                {"dns.query; to_md5; content:\"|90 01 50 98 3c d2 4f b0|\"; startswith;", "abc", true},
                {"dns.query; to_sha1; content:\"|a9 99 3e 36|\"; startswith;", "abc", true},
                {"dns.query; to_sha256; content:\"|ba 78 16 bf|\"; startswith;", "abc", true},
                {"dns.query; to_sha256; content:\"|ba 78 16 bf|\"; startswith;", "abd", false},
        };

        (void) unused;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const uint64_t query = BUFFER_BIT(BUFFER_DNS_QUERY);
                char text[512];
                struct rig rig;

                (void) snprintf(text, sizeof(text), "alert dns any any -> any any (%s sid:1;)", rows[i].options);
                rig_open(&rig, text);
                rig.in.flags = INSPECT_TO_SERVER;
                rig.in.proto = IPPROTO_UDP;
                rig.in.app = APP_DNS;
                rig_set(&rig, BUFFER_DNS_QUERY, rows[i].name);
                if ((strcmp(rig_transaction(&rig, query, query, 0, INSPECT_FINAL), "1") == 0) != rows[i].held)
                        fail_msg("row %zu: %s on %s", i, rows[i].options, rows[i].name);
                rig_close(&rig);
        }
}

/* Rules that try every pair, every triple … of places, and expressions that never end: bounded, and said. */
static void test_hostile(void **unused)
{
        static const char *const rules[] = {
                "content:\"a\"; content:\"a\"; within:900; content:\"a\"; within:900; content:\"b\"; within:900;",
                "content:\"a\"; content:\"a\"; distance:0; content:\"a\"; distance:0; content:!\"a\"; within:1;",
                "content:\"aa\"; pcre:\"/a{0,900}[cd]/\"; ",
                "content:\"aa\"; pcre:\"/(a+)+[cd]/\";",
                "content:\"aa\"; pcre:\"/(a|a?)+[cd]/\";",
                "content:\"aa\"; pcre:\"/a.*a.*a.*a.*[cd]/s\";",
                "content:\"a\"; byte_jump:1,0,relative; content:\"a\"; distance:0; content:\"b\"; within:1;",
        };
        static char bytes[65536];

        (void) unused;
        memset(bytes, 'a', sizeof(bytes));
        bytes[0] = 'b'; /* where it helps nobody, but brings the rules up */
        for (size_t i = 0; i < ELEMENTSOF(rules); i++) {
                struct inspect_stats stats;
                char text[512];
                struct rig rig;
                nsec_t began;

                (void) snprintf(text, sizeof(text), "alert udp any any -> any any (%s sid:1;)", rules[i]);
                rig_open(&rig, text);
                rig.in.flags = INSPECT_TO_SERVER;
                rig.in.proto = IPPROTO_UDP;
                began = clock_boottime();
                for (unsigned k = 0; k < 4; k++)
                        assert_string_equal(rig_packet(&rig, bytes, sizeof(bytes), 0), "");
                inspector_get_stats(rig.inspector, &stats);
                assert_true(stats.evaluations >= 4);
                print_message("hostile %zu: %lld us each, %u at a limit\n", i,
                              (long long) (clock_boottime() - began) / 4 / NSEC_PER_USEC, (unsigned) stats.step_limit);
                /* A second on any machine, also under sanitizers. */
                assert_true(clock_boottime() - began < 4 * NSEC_PER_SEC);
                rig_close(&rig);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_contents),
                cmocka_unit_test(test_in_vain),
                cmocka_unit_test(test_relative),
                cmocka_unit_test(test_numbers),
                cmocka_unit_test(test_sizes_and_expressions),
                cmocka_unit_test(test_base),
                cmocka_unit_test(test_growing),
                cmocka_unit_test(test_transforms),
                cmocka_unit_test(test_hostile),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
