/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `config show` prints reads back as the same, and the packaged example is the defaults with every key. */
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

/* What a text over the defaults is shown as. */
static struct buf show(const char *text)
{
        _cleanup_(config_freep)
        struct config *c = NULL;
        struct buf out = BUF_HEAP(1 << 20), errors = BUF_HEAP(1 << 20);

        assert_int_equal(config_new_default(&c), 0);
        if (config_parse(c, "t.yaml", text, strlen(text), &errors) < 0)
                fail_msg("%s\n%s", buf_str(&errors), text);
        buf_done(&errors);
        assert_int_equal(config_show(c, &out), 0);
        return out;
}

static void check_round_trip(const char *text)
{
        struct buf first = show(text), second = show(buf_str(&first));

        assert_string_equal(buf_str(&first), buf_str(&second));
        buf_done(&first);
        buf_done(&second);
}

static void test_round_trips(void **state)
{
        (void) state;
        check_round_trip("");
        check_round_trip("home: []\n"
                         "host: {backend: off, ring_kib: 1048576, rescan: 0}\n"
                         "server_like: {mode: plain, window: 90061s, reaction: 1001ms}\n"
                         "verdict: {suspect: 0.05, bot: 8.29, weights: {a.b: 0.5, c.d: 12.25}}\n"
                         "store: {path: '/odd: #path \"x\"', keep: 25h, max_size: 1048577}\n"
                         "eve: {path: /none, events: true}\n");
        check_round_trip(
                "gate: {ports: [2525], mark: 0, forward: ['::/0'], mailers: [/a b, '/odd: #x', /c], cgroup: /x}\n"
                "respond: {block: bot, block_for: 1s}\n");
        check_round_trip("home: ['::', '::1', 'fe80::', '::/0', 'fe80::/10', '::ffff:0:0/90', 0.0.0.0/0, 192.0.2.1]\n");
        check_round_trip(
                "exceptions:\n"
                "- {subject: 'null', reason: '~', until: 2027-01-01}\n"
                "- {subject: \"- [x]: {y}\", reason: \"it's \\\"so\\\" \\\\ \xe9\x96\xa2\", until: "
                "2027-01-01T01:02:03Z}\n"
                "- {peer: '::1', reason: '#no comment', until: 2027-01-01T00:00:00.000000001Z}\n"
                "- {program: /usr/bin/a program, detector: server_like, reason: 'true', peer: 192.0.2.0/24}\n");
}

static bool has(const struct buf *text, const char *line)
{
        return strstr(buf_str(text), line) != NULL;
}

static void test_shown(void **state)
{
        struct buf out = show("home: [10.0.0.0/8, '::1', 'fc00::/7']\n"
                              "server_like: {window: 120s}\n"
                              "verdict: {bot: 20.50, weights: {a.b: 7}}\n"
                              "exceptions: [{peer: 192.0.2.0/24, reason: r, until: 2027-01-01T09:00:00+0900}]\n");

        (void) state;
        assert_true(has(&out, "\nhome: [10.0.0.0/8, \"::1\", fc00::/7]\n"));
        assert_true(has(&out, "\n  window: 2m\n"));
        assert_true(has(&out, "\n  reaction: 1500ms\n"));
        assert_true(has(&out, "\n  bot: 20.5\n"));
        assert_true(has(&out, "\n  weights: {a.b: 7.0}\n"));
        assert_true(has(&out, "\nexceptions:\n  - {peer: 192.0.2.0/24, reason: \"r\", until: 2027-01-01}\n"));
        assert_true(has(&out, "\n  max_size: 512MiB\n"));
        assert_true(has(&out, "\n  path: none\n"));
        buf_done(&out);
}

static void test_hostile_source(void **state)
{
        _cleanup_(config_freep)
        struct config *c = NULL;
        struct buf out = BUF_HEAP(1 << 20);

        (void) state;
        assert_int_equal(config_new_default(&c), 0);
        c->source = strdup("/x\nhome: []");
        assert_int_equal(config_show(c, &out), 0);
        assert_true(has(&out, ": /x\\x0ahome: []\n"));
        buf_done(&out);
}

static void test_no_room(void **state)
{
        _cleanup_(config_freep)
        struct config *c = NULL;
        struct buf out = BUF_HEAP(100);

        (void) state;
        assert_int_equal(config_new_default(&c), 0);
        assert_int_equal(config_show(c, &out), -ENOBUFS);
        buf_done(&out);
}

static char *read_example(void)
{
        _cleanup_fclose_ FILE *f = fopen(SOURCE_DIR "/packaging/sekimori.yaml", "re");
        char *text = calloc(1, 65536);

        assert_non_null(f);
        assert_non_null(text);
        assert_true(fread(text, 1, 65535, f) > 0);
        return text;
}

static void test_example_is_the_defaults(void **state)
{
        _cleanup_free_ char *example = read_example();
        struct buf defaults = show(""), shown = show(example);

        (void) state;
        assert_string_equal(buf_str(&shown), buf_str(&defaults));
        buf_done(&defaults);
        buf_done(&shown);
}

/* Every line of the defaults, help included, stands in the example in the same order. */
static void test_example_is_complete(void **state)
{
        _cleanup_free_ char *example = read_example();
        struct buf defaults = show("");
        const char *at = example;
        char *save = NULL;

        (void) state;
        (void) strtok_r(defaults.data, "\n", &save); /* the title */
        for (char *line = strtok_r(NULL, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                const char *found = strstr(at, line);

                if (!found)
                        fail_msg("packaging/sekimori.yaml lacks the line (or has it elsewhere): %s", line);
                else
                        at = found + strlen(line);
        }
        buf_done(&defaults);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trips),
                cmocka_unit_test(test_shown),
                cmocka_unit_test(test_hostile_source),
                cmocka_unit_test(test_no_room),
                cmocka_unit_test(test_example_is_the_defaults),
                cmocka_unit_test(test_example_is_complete),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
