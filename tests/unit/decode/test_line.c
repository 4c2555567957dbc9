/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines: the same ones however the bytes are cut; long, lost, empty and bare-CR ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "base/buf.h"
#include "decode/line.h"

/* Feeds in parts of `step`; each line as "[text]", or "[text~]" when cut. */
static void feed(struct line *l, struct buf *out, const char *data, size_t len, size_t step)
{
        for (size_t at = 0; at < len; at += step) {
                uint32_t n = (uint32_t) MIN(step, len - at), pos = 0, line_len;
                const uint8_t *line;
                bool cut;

                while (line_next(l, (const uint8_t *) data + at, n, &pos, &line, &line_len, &cut)) {
                        (void) buf_putc(out, '[');
                        (void) buf_put(out, line, line_len);
                        (void) buf_puts(out, cut ? "~]" : "]");
                }
                assert_int_equal(pos, n);
        }
}

static void check_n(const char *data, size_t len, const char *expected)
{
        for (size_t step = 1; step <= len; step = step < 20 ? step + 1 : step * 2) {
                char text[8192];
                struct buf out = BUF_FIXED(text);
                struct line l = {0};

                feed(&l, &out, data, len, step);
                assert_string_equal(buf_str(&out), expected);
        }
}
#define check(data, expected) check_n(data, sizeof(data) - 1, expected)

static void test_ends(void **state)
{
        (void) state;
        check("a\r\nbc\ndef\r\n", "[a][bc][def]");
        check("\r\n\r\n\n", "[][][]");
        check("a\rb\rc\n", "[a][b][c]");
        check("a\r\r\nb\n", "[a][b]");
        check("unfinished", "");
        check("wait\r", ""); /* an LF may follow */
        check("wait\rx", "[wait]");
        check("zero\0byte\n", "[zero"); /* as C strings compare */
}

static void test_long(void **state)
{
        char data[3 * LINE_KEEP + 32], expected[LINE_KEEP + 64];
        size_t n;

        (void) state;
        memset(data, 'x', sizeof(data));
        /* Exactly as long as fits, with each kind of end. */
        memcpy(data + LINE_KEEP, "\r\ny\n", 4);
        n = (size_t) snprintf(expected, sizeof(expected), "[%.*s][y]", LINE_KEEP, data);
        assert_true(n < sizeof(expected));
        check_n(data, LINE_KEEP + 4, expected);
        /* One too long: cut, and the rest is skipped. */
        memset(data, 'x', sizeof(data));
        memcpy(data + LINE_KEEP + 1, "\r\ny\n", 4);
        (void) snprintf(expected, sizeof(expected), "[%.*s~][y]", LINE_KEEP, data);
        check_n(data, LINE_KEEP + 5, expected);
        memset(data, 'x', sizeof(data));
        memcpy(data + 3 * LINE_KEEP + 17, "\ry\n", 3);
        check_n(data, 3 * LINE_KEEP + 20, expected);
}

static void test_lost(void **state)
{
        char text[64];
        struct buf out = BUF_FIXED(text);
        struct line l = {0};

        (void) state;
        feed(&l, &out, "one\ntw", 6, 6);
        line_lost(&l);
        feed(&l, &out, "ree\r\nfour\r\n", 11, 4);
        assert_string_equal(buf_str(&out), "[one][four]");
        /* A CR before the loss ends nothing behind it. */
        feed(&l, &out, "five\r", 5, 5);
        line_lost(&l);
        feed(&l, &out, "\nsix\n", 5, 5);
        assert_string_equal(buf_str(&out), "[one][four][six]");
}

/* A line in one piece is not copied. */
static void test_in_place(void **state)
{
        static const uint8_t data[] = "NICK a\r\n";
        struct line l = {0};
        const uint8_t *line;
        uint32_t pos = 0, len;
        bool cut;

        (void) state;
        assert_true(line_next(&l, data, sizeof(data) - 1, &pos, &line, &len, &cut));
        assert_ptr_equal(line, data);
        assert_int_equal(len, 6);
        assert_false(cut);
}

/* Nothing but line ends: time must not grow with the square of the length. Counted in lines, not in seconds. */
static void test_many_ends(void **state)
{
        static uint8_t data[1 << 20];
        struct line l = {0};
        const uint8_t *line;
        uint32_t pos = 0, len, n = 0;
        bool cut;

        (void) state;
        memset(data, '\n', sizeof(data));
        while (line_next(&l, data, sizeof(data), &pos, &line, &len, &cut))
                n++;
        assert_int_equal(n, sizeof(data));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ends),     cmocka_unit_test(test_long),      cmocka_unit_test(test_lost),
                cmocka_unit_test(test_in_place), cmocka_unit_test(test_many_ends),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
