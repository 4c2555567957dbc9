/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mistakes in a configuration: wrong keys, types and YAML, each with its line; what is huge or hostile ends early. */
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

static struct buf messages = BUF_HEAP(1 << 20);

/* Refused, and these are the messages. */
static void check_refused_bytes(const char *text, size_t len, const char *expected)
{
        _cleanup_(config_freep)
        struct config *c = NULL;

        buf_reset(&messages);
        assert_int_equal(config_new_default(&c), 0);
        assert_int_equal(config_parse(c, "t.yaml", text, len, &messages), -EINVAL);
        assert_string_equal(buf_str(&messages), expected);
}

static void check_refused(const char *text, const char *expected)
{
        check_refused_bytes(text, strlen(text), expected);
}

static void test_wrong_types(void **state)
{
        (void) state;
        check_refused("home: 10.0.0.0/8",
                      "t.yaml:1: home: expected a list of addresses and networks, found a single value\n");
        check_refused("home:", "t.yaml:1: home: expected a list of addresses and networks, found nothing\n");
        check_refused("home: {a: b}",
                      "t.yaml:1: home: expected a list of addresses and networks, found keys and values\n");
        check_refused("home: [[10.0.0.0/8]]", "t.yaml:1: home: expected an address or network, found a list\n");
        check_refused("host: 5", "t.yaml:1: host: expected keys and values, found a single value\n");
        check_refused("host: [5]", "t.yaml:1: host: expected keys and values, found a list\n");
        check_refused("host: {backend: }",
                      "t.yaml:1: host.backend: expected one of auto, bpf, proc or off, found nothing\n");
        check_refused("host: {backend: [auto]}",
                      "t.yaml:1: host.backend: expected one of auto, bpf, proc or off, found a list\n");
        check_refused("forged_source: {enabled: \"true\"}",
                      "t.yaml:1: forged_source.enabled: expected true or false, found a text in quotes\n");
        check_refused("verdict: {weights: [a.b]}",
                      "t.yaml:1: verdict.weights: expected kinds of evidence with numbers, found a list\n");
        check_refused("verdict: {weights: {order: 1.0, .a: 1, a.: 1, a..b: 1, A.b: 1, a.b.c: 1, a.b: x}}",
                      "t.yaml:1: verdict.weights: \"order\" is not a kind of evidence such as server_like.order\n"
                      "t.yaml:1: verdict.weights: \".a\" is not a kind of evidence such as server_like.order\n"
                      "t.yaml:1: verdict.weights: \"a.\" is not a kind of evidence such as server_like.order\n"
                      "t.yaml:1: verdict.weights: \"a..b\" is not a kind of evidence such as server_like.order\n"
                      "t.yaml:1: verdict.weights: \"A.b\" is not a kind of evidence such as server_like.order\n"
                      "t.yaml:1: verdict.weights: \"a.b.c\" is not a kind of evidence such as server_like.order\n"
                      "t.yaml:1: verdict.weights: \"x\" is not a number of at most two decimals, 0.0 to 1000.0\n");
        check_refused("exceptions: {a: b}",
                      "t.yaml:1: exceptions: expected a list of exceptions, found keys and values\n");
        check_refused("exceptions: [a]", "t.yaml:1: exceptions: expected keys and values, found a single value\n");
        check_refused("- home", "t.yaml:1: the file: expected keys and values, found a list\n");
        check_refused("home", "t.yaml:1: the file: expected keys and values, found a single value\n");
        check_refused("[home]: x", "t.yaml:1: a key must be a name\n");
}

static void test_networks(void **state)
{
        (void) state;
        check_refused(
                "home:\n"
                "  - 10.0.0.0/8\n"
                "  - 10.0.0.0/33\n"
                "  - example.org\n"
                "server_like: {inside: [\"fe80::1%eth0\", \"10.0.0.0/8\\0\"]}\n",
                "t.yaml:3: home: \"10.0.0.0/33\" is not an address or network such as 192.0.2.0/24\n"
                "t.yaml:4: home: \"example.org\" is not an address or network such as 192.0.2.0/24\n"
                "t.yaml:5: server_like.inside: \"fe80::1%eth0\" is not an address or network such as 192.0.2.0/24\n"
                "t.yaml:5: server_like.inside: \"10.0.0.0/8\" is not an address or network such as 192.0.2.0/24\n");
}

static void test_unknown_keys(void **state)
{
        (void) state;
        check_refused("hme: []\n"
                      "servr_like: {}\n"
                      "server_like:\n"
                      "  windw: 5m\n"
                      "  completely_else: 1\n"
                      "window: 5m\n"
                      "host.backend: auto\n"
                      "zzz: 1\n"
                      "store: {backend: auto}\n"
                      "\"\": 1\n"
                      "\"\\e[2J\": 1\n",
                      "t.yaml:1: unknown key \"hme\": did you mean \"home\"?\n"
                      "t.yaml:2: unknown key \"servr_like\": did you mean \"server_like\"?\n"
                      "t.yaml:4: unknown key \"windw\" in server_like: did you mean \"window\"?\n"
                      "t.yaml:5: unknown key \"completely_else\" in server_like\n"
                      "t.yaml:6: unknown key \"window\" here: it belongs in the section \"server_like\"\n"
                      "t.yaml:7: unknown key \"host.backend\" here: it belongs in the section \"host\"\n"
                      "t.yaml:8: unknown key \"zzz\"\n"
                      "t.yaml:9: unknown key \"backend\" here: it belongs in the section \"host\"\n"
                      "t.yaml:10: unknown key \"\"\n"
                      "t.yaml:11: unknown key \"\\x1b[2J\"\n");
}

static void test_repeated_keys(void **state)
{
        (void) state;
        check_refused("host: {rescan: 1s, rescan: 2s}\n"
                      "home: []\n"
                      "host: {backend: auto}\n"
                      "verdict:\n"
                      "  weights:\n"
                      "    a.b: 1.0\n"
                      "    a.b: 2.0\n"
                      "exceptions:\n"
                      "  - subject: x\n"
                      "    subject: y\n"
                      "    reason: r\n",
                      "t.yaml:1: \"rescan\" is given twice, first on line 1\n"
                      "t.yaml:3: \"host\" is given twice, first on line 1\n"
                      "t.yaml:7: \"a.b\" is given twice, first on line 6\n"
                      "t.yaml:10: \"subject\" is given twice, first on line 9\n");
}

static void test_bad_exceptions(void **state)
{
#define DATE "is not a date or time such as 2027-01-01 or 2027-01-01T09:00:00+0900\n"
        (void) state;
        check_refused(
                "exceptions:\n"
                "  - {subject: x}\n"
                "  - {detector: server_like, reason: r}\n"
                "  - {}\n"
                "  - {peer: 0.0.0.0/0, reason: r}\n"
                "  - {peer: \"::/0\", reason: r}\n"
                "  - {program: bin/sh, reason: r}\n"
                "  - {program: /tmp, reason: r}\n"
                "  - {subject: x, reason: ''}\n"
                "  - {subject: x, reason: }\n"
                "  - {subject: x, reson: r}\n"
                "  - {subject: x, reason: r, peer: 300.0.0.1}\n"
                "  - {subject: x, reason: r, until: tomorrow}\n"
                "  - {subject: x, reason: r, until: 2027-02-29}\n"
                "  - {subject: x, reason: r, until: 9999-12-31}\n"
                "  - {subject: x, reason: r, until: 1970-01-01}\n"
                "  - {subject: x, reason: r, window: 5m}\n",
                "t.yaml:2: exceptions: a reason is missing\n"
                "t.yaml:3: exceptions: this one matches everything: name a subject, a program or a peer\n"
                "t.yaml:4: exceptions: a reason is missing\n"
                "t.yaml:4: exceptions: this one matches everything: name a subject, a program or a peer\n"
                "t.yaml:5: exceptions: this one matches everything: name a subject, a program or a peer\n"
                "t.yaml:6: exceptions: this one matches everything: name a subject, a program or a peer\n"
                "t.yaml:7: exceptions.program: \"bin/sh\" must be an absolute path\n"
                "t.yaml:8: exceptions.program: /tmp is not a file\n"
                "t.yaml:9: exceptions.reason: \"\" must not be empty\n"
                "t.yaml:10: exceptions.reason: expected a text, found nothing\n"
                "t.yaml:11: unknown key \"reson\" in exceptions: did you mean \"reason\"?\n"
                "t.yaml:12: exceptions.peer: \"300.0.0.1\" is not an address or network\n"
                "t.yaml:13: exceptions.until: \"tomorrow\" " DATE "t.yaml:14: exceptions.until: \"2027-02-29\" " DATE
                "t.yaml:15: exceptions.until: \"9999-12-31\" " DATE
                "t.yaml:16: exceptions.until: \"1970-01-01\" is out of range: a date or time such as 2027-01-01 or "
                "2027-01-01T09:00:00+0900\n"
                "t.yaml:17: unknown key \"window\" here: it belongs in the section \"server_like\"\n");
}

static void test_yaml_refused(void **state)
{
        (void) state;
        check_refused("home: &a [10.0.0.0/8]\n"
                      "server_like: {inside: *a}\n",
                      "t.yaml:1: anchors (&name) are not allowed\n"
                      "t.yaml:2: aliases (*name) are not allowed: write the value out\n");
        check_refused("store: {path: !!str /x}", "t.yaml:1: tags (!name) are not allowed\n");
        check_refused("!x {home: []}", "t.yaml:1: tags (!name) are not allowed\n");
        check_refused("home: []\n---\nhome: []\n", "t.yaml:2: a second document begins here: one is read\n");
        check_refused("home: [[[[[[[[[[1]]]]]]]]]]", "t.yaml:1: nested too deeply\n");
        check_refused("a: {b: {c: {d: {e: {f: {g: {h: {i: 1}}}}}}}}\n", "t.yaml:1: nested too deeply\n");
}

static void test_yaml_syntax(void **state)
{
        static const char utf16[] = "\xff\xfeh\0o\0m\0e\0:\0";

        (void) state;
        check_refused("home: [10.0.0.0/8\nhost: {}\n",
                      "t.yaml:2: while parsing a flow sequence: did not find expected ',' or ']'\n");
        check_refused("host:\n\tbackend: auto\n",
                      "t.yaml:2: while scanning for the next token: found character that cannot start any token\n");
        check_refused("store: {path: \"/x\n",
                      "t.yaml:2: while scanning a quoted scalar: found unexpected end of stream\n");
        check_refused("# \n# \nhome: []  # \xff\n", "t.yaml:3: invalid leading UTF-8 octet\n");
        check_refused("home: \x1b[2J", "t.yaml:1: control characters are not allowed\n");
        check_refused_bytes(utf16, sizeof(utf16) - 1, "t.yaml:1: invalid leading UTF-8 octet\n");
        check_refused_bytes("home: []\0\0", 10, "t.yaml:1: control characters are not allowed\n");
}

/* What would take time or memory without a bound is refused early. */
static void test_huge(void **state)
{
        enum { SIZE = 1 << 20 };
        _cleanup_free_ char *text = malloc(SIZE + 1);
        static const char *const repeated[] = {"[", "{", "- ",  "? ",  "a: ",    "[{", "x\n",
                                               "'", "!", "&a ", "*a ", "- - \n", "\n"};

        (void) state;
        assert_non_null(text);
        for (size_t i = 0; i < ELEMENTSOF(repeated); i++) {
                _cleanup_(config_freep)
                struct config *c = NULL;
                size_t n = strlen(repeated[i]), len = 0;

                for (; len + n <= SIZE; len += n)
                        memcpy(text + len, repeated[i], n);
                assert_int_equal(config_new_default(&c), 0);
                buf_reset(&messages);
                assert_int_equal(config_parse(c, "t.yaml", text, len, &messages),
                                 strcmp(repeated[i], "\n") ? -EINVAL : 0);
                assert_int_equal(messages.error, 0);
        }
        memset(text, '#', SIZE);
        check_refused_bytes(text, SIZE + 1, "t.yaml: is larger than 1024 KiB\n");
}

static void test_too_many_entries(void **state)
{
        struct buf text = BUF_HEAP(1 << 20);

        (void) state;
        buf_puts(&text, "home:\n");
        for (int i = 0; i <= 1024; i++)
                buf_printf(&text, "  - 10.0.%d.%d\n", i / 256, i % 256);
        check_refused(buf_str(&text), "t.yaml:1026: home: more than 1024 entries\n");
        buf_reset(&text);
        for (int i = 0; i <= 4096; i++)
                buf_printf(&text, "k%d: 1\n", i);
        check_refused(buf_str(&text), "t.yaml:4097: more than 4096 entries\n");
        buf_done(&text);
}

/* All errors are found, but at most 50 are listed. */
static void test_many_errors(void **state)
{
        struct buf text = BUF_HEAP(1 << 20);
        const char *line;
        int n = 0;

        (void) state;
        buf_puts(&text, "home:\n");
        for (int i = 0; i < 200; i++)
                buf_printf(&text, "  - bad%d\n", i);
        {
                _cleanup_(config_freep)
                struct config *c = NULL;

                buf_reset(&messages);
                assert_int_equal(config_new_default(&c), 0);
                assert_int_equal(config_parse(c, "t.yaml", buf_str(&text), text.len, &messages), -EINVAL);
                assert_int_equal(config_parse(c, "t.yaml", buf_str(&text), text.len, NULL), -EINVAL);
        }
        for (line = buf_str(&messages); *line; line = strchr(line, '\n') + 1)
                n++;
        assert_int_equal(n, 51);
        assert_non_null(strstr(buf_str(&messages), "t.yaml:51: home: \"bad49\""));
        assert_null(strstr(buf_str(&messages), "bad50"));
        assert_non_null(strstr(buf_str(&messages), "more errors are not listed\n"));
        buf_done(&text);
}

/* A buffer for messages that is too small changes no result. */
static void test_no_room_for_messages(void **state)
{
        _cleanup_(config_freep)
        struct config *c = NULL;
        char room[8];
        struct buf small = BUF_FIXED(room);

        (void) state;
        assert_int_equal(config_new_default(&c), 0);
        assert_int_equal(config_parse(c, "t.yaml", "hme: 1", 6, &small), -EINVAL);
        assert_string_equal(room, "t.yaml:");
        assert_int_equal(config_parse(c, "t.yaml", "home: []", 8, &small), 0);
        assert_int_equal(c->home.n, 0);
}

static int cleanup(void **state)
{
        (void) state;
        buf_done(&messages);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_wrong_types),          cmocka_unit_test(test_networks),
                cmocka_unit_test(test_unknown_keys),         cmocka_unit_test(test_repeated_keys),
                cmocka_unit_test(test_bad_exceptions),       cmocka_unit_test(test_yaml_refused),
                cmocka_unit_test(test_yaml_syntax),          cmocka_unit_test(test_huge),
                cmocka_unit_test(test_too_many_entries),     cmocka_unit_test(test_many_errors),
                cmocka_unit_test(test_no_room_for_messages),
        };

        return cmocka_run_group_tests(tests, NULL, cleanup);
}
