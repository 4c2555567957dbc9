/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bounded buffer: its bound on every side, the sticky error, and outside bytes made safe for terminals and JSON. */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

static void test_empty(void **state)
{
        struct buf b = BUF_HEAP(10);

        (void) state;
        assert_string_equal(buf_str(&b), "");
        assert_int_equal(buf_put(&b, NULL, 0), 0);
        assert_int_equal(buf_puts(&b, ""), 0);
        assert_int_equal(b.len, 0);
        assert_string_equal(buf_str(&b), "");
        buf_done(&b);
        buf_done(&b);
}

static void test_bound(void **state)
{
        struct buf b = BUF_HEAP(8);

        (void) state;
        assert_int_equal(buf_puts(&b, "1234567"), 0);
        assert_int_equal(buf_putc(&b, '8'), 0); /* exactly full */
        assert_int_equal(b.len, 8);
        assert_int_equal(buf_put(&b, "", 0), 0);
        assert_int_equal(buf_putc(&b, '9'), -ENOBUFS);
        assert_string_equal(buf_str(&b), "12345678");

        buf_reset(&b);
        assert_int_equal(buf_puts(&b, "123456789"), -ENOBUFS); /* refused whole */
        assert_int_equal(b.len, 0);
        assert_int_equal(buf_putc(&b, 'x'), -ENOBUFS); /* the error sticks, though one byte would fit */
        assert_int_equal(buf_printf(&b, "%d", 1), -ENOBUFS);
        assert_int_equal(buf_put_visible(&b, "x", 1), -ENOBUFS);
        assert_int_equal(buf_put_json(&b, "x", 1), -ENOBUFS);
        assert_string_equal(buf_str(&b), "");

        buf_reset(&b);
        assert_int_equal(b.error, 0);
        assert_int_equal(buf_put(&b, "x", SIZE_MAX), -ENOBUFS);
        buf_done(&b);
        assert_int_equal(b.max, 8);
        assert_int_equal(buf_puts(&b, "again"), 0);
        buf_done(&b);
}

static void test_no_room_at_all(void **state)
{
        struct buf b = BUF_HEAP(0);
        char one[1] = "";
        struct buf f = BUF_FIXED(one);

        (void) state;
        assert_int_equal(buf_puts(&b, ""), 0);
        assert_int_equal(buf_putc(&b, 'x'), -ENOBUFS);
        buf_done(&b);
        assert_int_equal(buf_putc(&f, 'x'), -ENOBUFS);
        assert_string_equal(buf_str(&f), "");
        assert_int_equal(one[0], '\0');
}

static void test_growth(void **state)
{
        struct buf b = BUF_HEAP(1000000);

        (void) state;
        for (int i = 0; i < 1000000; i++)
                assert_int_equal(buf_putc(&b, (char) ('a' + i % 26)), 0);
        assert_int_equal(buf_putc(&b, '!'), -ENOBUFS);
        assert_int_equal(b.len, 1000000);
        assert_int_equal(strlen(buf_str(&b)), 1000000);
        for (size_t i = 0; i < b.len; i += 997)
                assert_int_equal(b.data[i], 'a' + i % 26);
        buf_done(&b);
}

static void test_largest_limit(void **state)
{
        struct buf b = BUF_HEAP(SIZE_MAX);

        (void) state;
        assert_int_equal(buf_puts(&b, "no overflow"), 0);
        assert_string_equal(buf_str(&b), "no overflow");
        buf_done(&b);
}

static void test_fixed_cuts(void **state)
{
        char text[6];
        struct buf b = BUF_FIXED(text);

        (void) state;
        assert_int_equal(buf_puts(&b, "abc"), 0);
        assert_int_equal(buf_puts(&b, "defgh"), -ENOBUFS);
        assert_string_equal(buf_str(&b), "abcde");
        assert_int_equal(buf_puts(&b, "i"), -ENOBUFS);
        assert_string_equal(text, "abcde");

        buf_reset(&b);
        assert_string_equal(text, "");
        assert_int_equal(buf_printf(&b, "%s", "123456789"), -ENOBUFS);
        assert_string_equal(text, "12345");

        buf_reset(&b);
        assert_int_equal(buf_puts(&b, "12345"), 0);
        assert_int_equal(b.error, 0);
        buf_done(&b);
        assert_string_equal(text, "12345"); /* the array is the caller's */
}

static void test_printf(void **state)
{
        struct buf b = BUF_HEAP(4096);
        char large[2000];

        (void) state;
        memset(large, 'x', sizeof(large) - 1);
        large[sizeof(large) - 1] = '\0';
        for (int len = 509; len <= 515; len++) { /* around the size up to which it needs no memory of its own */
                buf_reset(&b);
                assert_int_equal(buf_printf(&b, "%.*s", len, large), 0);
                assert_int_equal(b.len, len);
        }
        assert_int_equal(buf_printf(&b, "%s%s", large, "y"), 0);
        assert_int_equal(b.len, 515 + 2000);
        assert_int_equal(b.data[b.len - 1], 'y');
        assert_int_equal(buf_printf(&b, "%s", large), -ENOBUFS);
        assert_int_equal(b.len, 515 + 2000);
        buf_done(&b);
}

static void check_visible(const char *in, size_t len, const char *out)
{
        struct buf b = BUF_HEAP(4096);

        assert_int_equal(buf_put_visible(&b, in, len), 0);
        assert_string_equal(buf_str(&b), out);
        buf_done(&b);
}

#define VISIBLE(in, out) check_visible(in, sizeof(in) - 1, out)

static void test_visible(void **state)
{
        (void) state;
        VISIBLE("", "");
        VISIBLE("plain \\ \"text\"", "plain \\ \"text\"");
        VISIBLE("\x1b[2J\r\n\t\x7f", "\\x1b[2J\\x0d\\x0a\\x09\\x7f");
        VISIBLE("a\0b", "a\\x00b");
        VISIBLE("\xe9\x96\xa2\xe5\xae\x88 \xf0\x9f\x90\x9b", "\xe9\x96\xa2\xe5\xae\x88 \xf0\x9f\x90\x9b");
        VISIBLE("\xc2\x9b", "\\xc2\\x9b");          /* CSI as U+009B */
        VISIBLE("\xc2\xa0", "\xc2\xa0");            /* the first that is no control character */
        VISIBLE("\x9b", "\\x9b");                   /* and as a byte */
        VISIBLE("\xc0\x9b", "\\xc0\\x9b");          /* overlong ESC */
        VISIBLE("\xe0\x80\x9b", "\\xe0\\x80\\x9b"); /* the same in three bytes */
        VISIBLE("\xf0\x80\x80\x9b", "\\xf0\\x80\\x80\\x9b");
        VISIBLE("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* a surrogate */
        VISIBLE("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* beyond U+10FFFF */
        VISIBLE("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf");     /* U+10FFFF itself */
        VISIBLE("\xe9\x96", "\\xe9\\x96");                   /* cut */
        VISIBLE("\xe9\x96x", "\\xe9\\x96x");
        VISIBLE("\xff\xfe", "\\xff\\xfe");
}

static void check_json(const char *in, size_t len, const char *out)
{
        struct buf b = BUF_HEAP(4096);

        assert_int_equal(buf_put_json(&b, in, len), 0);
        assert_string_equal(buf_str(&b), out);
        buf_done(&b);
}

#define JSON(in, out) check_json(in, sizeof(in) - 1, out)
#define FFFD          "\xef\xbf\xbd"

static void test_json(void **state)
{
        (void) state;
        JSON("", "\"\"");
        JSON("a\"b\\c/d", "\"a\\\"b\\\\c/d\"");
        JSON("\x01\x1f\n\x7f", "\"\\u0001\\u001f\\u000a\\u007f\"");
        JSON("a\0b", "\"a\\u0000b\"");
        JSON("\xe9\x96\xa2", "\"\xe9\x96\xa2\"");
        JSON("\xff", "\"" FFFD "\"");
        JSON("\xc3", "\"" FFFD "\"");
        JSON("\xc3\"", "\"" FFFD "\\\"\""); /* a cut sequence does not swallow the quote */
        JSON("\xed\xa0\x80", "\"" FFFD FFFD FFFD "\"");
        JSON("\xc0\xaf", "\"" FFFD FFFD "\"");
}

static void test_json_every_byte(void **state)
{
        char all[256];
        struct buf b = BUF_HEAP(4096);

        (void) state;
        for (int i = 0; i < 256; i++)
                all[i] = (char) i;
        assert_int_equal(buf_put_json(&b, all, sizeof(all)), 0);
        for (size_t i = 0; i < b.len; i++)
                assert_true((unsigned char) b.data[i] >= 0x20 && b.data[i] != 0x7f);
        buf_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_empty),          cmocka_unit_test(test_bound),
                cmocka_unit_test(test_no_room_at_all), cmocka_unit_test(test_growth),
                cmocka_unit_test(test_largest_limit),  cmocka_unit_test(test_fixed_cuts),
                cmocka_unit_test(test_printf),         cmocka_unit_test(test_visible),
                cmocka_unit_test(test_json),           cmocka_unit_test(test_json_every_byte),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
