/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text for people: wrapping, tables, colour, and that nothing from outside reaches a terminal raw. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pty.h>

#include "base/cleanup.h"
#include "view/text.h"

static const struct text_look plain = {.width = 20};

static void test_wrap(void **unused)
{
        struct buf out = BUF_HEAP(4096);

        (void) unused;
        text_wrap(&out, &plain, "- ", "one two three four five six");
        assert_string_equal(buf_str(&out), "- one two three four\n  five six\n");
        buf_reset(&out);
        text_wrap(&out, &plain, "  ", "first line\nsecond\n");
        assert_string_equal(buf_str(&out), "  first line\n  second\n");
        buf_reset(&out);
        text_wrap(&out, &plain, "> ", "averyverylongwordthatdoesnotfit b");
        assert_string_equal(buf_str(&out), "> averyverylongwordthatdoesnotfit\n  b\n");
        buf_reset(&out);
        text_wrap(&out, &plain, "> ", "");
        assert_string_equal(buf_str(&out), "> \n");
        buf_reset(&out);
        text_wrap(&out, &plain, "", "関守 関守 関守 関守 関守 関守 関守 関守");
        assert_string_equal(buf_str(&out), "関守 関守 関守 関守 関守 関守 関守\n関守\n");
        buf_reset(&out);
        text_wrap(&out, &plain, "", "\x1b[2J \xff");
        assert_string_equal(buf_str(&out), "\\x1b[2J \\xff\n");
        buf_done(&out);
}

static void test_table(void **unused)
{
        static const char *const heads[] = {"level", "subject", "note"};
        const char *first[] = {"bot", "a\x1b[31m", "words that need to wrap"}, *second[] = {"suspect", "b", "x"};
        struct text_look look = {.width = 36};
        struct buf out = BUF_HEAP(4096);
        struct text_table *t;

        (void) unused;
        assert_int_equal(text_table_new(heads, 3, &t), 0);
        assert_int_equal(text_table_add(t, TEXT_RED, first), 0);
        assert_int_equal(text_table_add(t, TEXT_PLAIN, second), 0);
        text_table_put(t, &out, &look);
        assert_string_equal(buf_str(&out), "level    subject    note\n"
                                           "bot      a\\x1b[31m  words that need\n"
                                           "                    to wrap\n"
                                           "suspect  b          x\n");
        text_table_free(t);
        buf_done(&out);
        assert_int_equal(text_table_new(heads, 0, &t), -EINVAL);
        assert_int_equal(text_table_new(heads, TEXT_TABLE_COLUMNS + 1, &t), -EINVAL);
}

static void test_table_is_bounded(void **unused)
{
        static const char *const heads[] = {"n"};
        const char *cells[] = {"1"};
        struct buf out = BUF_HEAP(1u << 20);
        struct text_table *t;

        (void) unused;
        assert_int_equal(text_table_new(heads, 1, &t), 0);
        for (int i = 0; i < TEXT_TABLE_ROWS + 3; i++)
                assert_int_equal(text_table_add(t, TEXT_PLAIN, cells), 0);
        text_table_put(t, &out, &plain);
        assert_non_null(strstr(buf_str(&out), "\nand 3 more\n"));
        text_table_free(t);
        buf_done(&out);
}

static void test_colour(void **unused)
{
        struct text_look colour = {.colour = true, .width = 80};
        struct buf out = BUF_HEAP(4096);

        (void) unused;
        text_put(&out, &colour, TEXT_RED, "bot");
        assert_string_equal(buf_str(&out), "\033[1;31mbot\033[0m");
        buf_reset(&out);
        text_put(&out, &plain, TEXT_RED, "bot");
        assert_string_equal(buf_str(&out), "bot");
        buf_reset(&out);
        text_put(&out, &colour, TEXT_PLAIN, "bot");
        assert_string_equal(buf_str(&out), "bot");
        buf_done(&out);
}

static void test_look(void **unused)
{
        struct winsize size = {.ws_col = 50, .ws_row = 10};
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC), master, slave;

        (void) unused;
        setenv("TERM", "xterm", 1);
        unsetenv("NO_COLOR");
        assert_false(text_look_for(null).colour);
        assert_int_equal(text_look_for(null).width, TEXT_WIDTH_DEFAULT);
        close(null);
        if (openpty(&master, &slave, NULL, NULL, &size) < 0)
                return; /* no pseudo terminals here; the rest was checked */
        assert_true(text_look_for(slave).colour);
        assert_int_equal(text_look_for(slave).width, 50);
        setenv("NO_COLOR", "", 1); /* empty: as if not set */
        assert_true(text_look_for(slave).colour);
        setenv("NO_COLOR", "1", 1);
        assert_false(text_look_for(slave).colour);
        unsetenv("NO_COLOR");
        setenv("TERM", "dumb", 1);
        assert_false(text_look_for(slave).colour);
        close(master);
        close(slave);
}

static void test_facts(void **unused)
{
        struct evidence e = {0};
        struct addr a;
        struct task t = {.pid = 5, .tid = 6};
        struct buf out = BUF_HEAP(4096);

        (void) unused;
        assert_int_equal(addr_parse("192.0.2.1", &a), 0);
        evidence_fact_number(&e, "peers_seen", -3);
        evidence_fact_endpoint(&e, "peer", &a, 6667, IPPROTO_TCP);
        evidence_fact_span(&e, "reaction", 350 * NSEC_PER_MSEC);
        evidence_fact_process(&e, "child", &t, "sh\n");
        evidence_fact_text(&e, "order", "!scan\x07");
        evidence_fact_time(&e, "since", 0);
        for (unsigned i = 0; i < e.n_facts; i++) {
                text_fact(&out, &e.facts[i]);
                buf_putc(&out, '|');
        }
        assert_string_equal(buf_str(&out), "peers seen -3|peer 192.0.2.1 port 6667/TCP|reaction 350 ms|"
                                           "child sh\\x0a (5, thread 6)|order !scan\\x07|since 1970-01-01 00:00:00|");
        buf_done(&out);
}

static void test_stages(void **unused)
{
        char text[128];
        struct buf out = BUF_FIXED(text);

        (void) unused;
        text_stages(&out, 0);
        buf_putc(&out, '|');
        text_stages(&out, 1u << STAGE_EGG);
        buf_putc(&out, '|');
        text_stages(&out, 1u << STAGE_EGG | 1u << STAGE_CONTROL | 1u << STAGE_HIDE);
        assert_string_equal(text, "none|egg|egg, control and hide");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_wrap),   cmocka_unit_test(test_table), cmocka_unit_test(test_table_is_bounded),
                cmocka_unit_test(test_colour), cmocka_unit_test(test_look),  cmocka_unit_test(test_facts),
                cmocka_unit_test(test_stages),
        };

        setenv("TZ", "UTC", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
