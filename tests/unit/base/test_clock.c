/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Times and their texts: round trips in several zones, bad input, the ends of the range. */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"

static void set_zone(const char *zone)
{
        setenv("TZ", zone, 1);
        tzset();
}

static void test_clocks_advance(void **state)
{
        nsec_t r = clock_realtime(), b = clock_boottime();

        (void) state;
        assert_true(r > 1500000000 * NSEC_PER_SEC);
        assert_true(b > 0);
        assert_true(clock_boottime() >= b);
}

static void test_engine_time(void **state)
{
        nsec_t offset = clock_engine_offset();
        nsec_t away = clock_boottime() + offset + clock_skew() - clock_realtime();

        (void) state;
        assert_true(offset > 0);
        assert_true(clock_engine_offset() == offset); /* whatever happens to the wall clock */
        assert_true(away > -60 * NSEC_PER_SEC && away < 60 * NSEC_PER_SEC);
}

static void test_iso_format(void **state)
{
        char text[CLOCK_TEXT_MAX];
        const nsec_t t = 1795220102 * NSEC_PER_SEC + 123456789;

        (void) state;
        set_zone("UTC0");
        assert_string_equal(clock_format_iso(t, text), "2026-11-21T00:15:02.123456+0000");
        assert_string_equal(clock_format_time(t, text), "00:15:02");
        set_zone("JST-9");
        assert_string_equal(clock_format_iso(t, text), "2026-11-21T09:15:02.123456+0900");
        assert_string_equal(clock_format_time(t, text), "09:15:02");
        set_zone("XXX3:30");
        assert_string_equal(clock_format_iso(t, text), "2026-11-20T20:45:02.123456-0330");
        set_zone("UTC0");
        assert_string_equal(clock_format_iso(0, text), "1970-01-01T00:00:00.000000+0000");
        assert_string_equal(clock_format_iso(-1, text), "1969-12-31T23:59:59.999999+0000");
        assert_string_equal(clock_format_iso(INT64_MAX, text), "2262-04-11T23:47:16.854775+0000");
        assert_string_equal(clock_format_iso(INT64_MIN, text), "1677-09-21T00:12:43.145224+0000");
}

static void test_iso_round_trip(void **state)
{
        static const char *const zones[] = {"UTC0", "JST-9", "NST3:30NDT", "XXX-14", "XXX12", "IST-5:30"};
        static const nsec_t times[] = {0,           1,           999,          -1,
                                       1000,        -1000,       1795220102LL, 1709164800LL /* 29 February 2024 */,
                                       951782400LL, 4102444800LL};
        char text[CLOCK_TEXT_MAX];

        (void) state;
        for (size_t z = 0; z < ELEMENTSOF(zones); z++) {
                set_zone(zones[z]);
                for (size_t i = 0; i < ELEMENTSOF(times); i++)
                        for (int k = 0; k < 2; k++) {
                                nsec_t t = times[i] * (k ? NSEC_PER_SEC : NSEC_PER_USEC) + 7 * NSEC_PER_USEC, back;

                                assert_int_equal(clock_parse_iso(clock_format_iso(t, text), &back), 0);
                                assert_int_equal(back, t);
                        }
        }
        set_zone("UTC0");
}

static void test_iso_parse(void **state)
{
        static const struct {
                const char *text;
                nsec_t t;
        } cases[] = {
                {"1970-01-01T00:00:00Z", 0},
                {"1970-01-01T00:00:00", 0},
                {"1970-01-01T00:00:01.5Z", 1500000000},
                {"1970-01-01T00:00:00.000000001", 1},
                {"1970-01-01T00:00:00.0000000019", 1},
                {"1970-01-01T09:00:00+0900", 0},
                {"1970-01-01T09:00:00+09:00", 0},
                {"1969-12-31T20:30:00-0330", 0},
                {"1969-12-31T23:59:59.999999999Z", -1},
                {"2024-02-29T00:00:00Z", 1709164800 * NSEC_PER_SEC},
                {"1970-01-01T00:00:00.25+0000", 250000000},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                nsec_t t = 77;

                assert_int_equal(clock_parse_iso(cases[i].text, &t), 0);
                assert_int_equal(t, cases[i].t);
        }
}

static void test_iso_bad(void **state)
{
        static const char *const cases[] = {
                "",
                "now",
                "2026-11-21",
                "2026-11-21T",
                "2026-11-21 09:15:02",
                "2026-11-21T09:15",
                "2026-13-01T00:00:00Z",
                "2026-11-31T00:00:00Z",
                "2026-02-29T00:00:00Z",
                "2026-11-21T24:30:00Z",
                "2026-11-21T09:60:00Z",
                "2026-11-21T09:15:02Zjunk",
                "2026-11-21T09:15:02z",
                "2026-11-21T09:15:02 ",
                "2026-11-21T09:15:02.Z",
                "2026-11-21T09:15:02.x",
                "2026-11-21T09:15:02+",
                "2026-11-21T09:15:02+9",
                "2026-11-21T09:15:02+09",
                "2026-11-21T09:15:02+09000",
                "2026-11-21T09:15:02+09:0",
                "2026-11-21T09:15:02+-900",
                "2026-11-21T09:15:02+ 900",
                "2026-11-21T09:15:02+2400",
                "2026-11-21T09:15:02+0960",
                "2263-01-01T00:00:00Z", /* beyond 64 bits of nanoseconds */
                "9999-12-31T23:59:59Z",
                "1600-01-01T00:00:00Z",
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                nsec_t t = 77;

                if (clock_parse_iso(cases[i], &t) != -EINVAL)
                        fail_msg("%s was taken", cases[i]);
                assert_int_equal(t, 77);
        }
}

static void test_iso_ends(void **state)
{
        nsec_t t = 0;

        (void) state;
        assert_int_equal(clock_parse_iso("2262-04-11T23:47:16.854775807Z", &t), 0);
        assert_true(t == INT64_MAX);
        assert_int_equal(clock_parse_iso("2262-04-11T23:47:16.854775808Z", &t), -EINVAL);
        assert_int_equal(clock_parse_iso("2262-04-11T23:47:17Z", &t), -EINVAL);
}

static void test_span_format(void **state)
{
        static const struct {
                nsec_t span;
                const char *text;
        } cases[] = {
                {0, "0 ms"},
                {350 * NSEC_PER_MSEC, "350 ms"},
                {999 * NSEC_PER_MSEC, "999 ms"},
                {NSEC_PER_SEC, "1.0 s"},
                {4200 * NSEC_PER_MSEC, "4.2 s"},
                {59 * NSEC_PER_SEC, "59 s"},
                {60 * NSEC_PER_SEC, "1 min"},
                {720 * NSEC_PER_SEC, "12 min"},
                {3600 * NSEC_PER_SEC, "1 h"},
                {3 * 3600 * NSEC_PER_SEC, "3 h"},
                {47 * 3600 * NSEC_PER_SEC, "47 h"},
                {48 * 3600 * NSEC_PER_SEC, "2 d"},
                {5 * 86400 * NSEC_PER_SEC, "5 d"},
                {INT64_MAX, "106752 d"},
        };
        char text[CLOCK_TEXT_MAX];

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_string_equal(clock_format_span(cases[i].span, text), cases[i].text);
}

static void test_span_parse(void **state)
{
        static const struct {
                const char *text;
                nsec_t span; /* -1: refused */
        } cases[] = {
                {"0", 0},
                {"10", 10 * NSEC_PER_SEC},
                {"10s", 10 * NSEC_PER_SEC},
                {"250ms", 250 * NSEC_PER_MSEC},
                {"5m", 300 * NSEC_PER_SEC},
                {"5min", 300 * NSEC_PER_SEC},
                {"2h", 7200 * NSEC_PER_SEC},
                {"7d", 7 * 86400 * NSEC_PER_SEC},
                {"106751d", 106751LL * 86400 * NSEC_PER_SEC},
                {"106752d", -1},
                {"9223372036854775807d", -1},
                {"9223372036854775808", -1},
                {"99999999999999999999999ms", -1},
                {"", -1},
                {"s", -1},
                {"-5s", -1},
                {"+5s", -1},
                {" 5s", -1},
                {"5s ", -1},
                {"5 s", -1},
                {"1.5s", -1},
                {"5S", -1},
                {"5w", -1},
                {"5ss", -1},
                {"0x10", -1},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                nsec_t span = 77;
                int r = clock_parse_span(cases[i].text, &span);

                assert_int_equal(r, cases[i].span < 0 ? -EINVAL : 0);
                assert_int_equal(span, r < 0 ? 77 : cases[i].span);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_clocks_advance), cmocka_unit_test(test_engine_time),
                cmocka_unit_test(test_iso_format),     cmocka_unit_test(test_iso_round_trip),
                cmocka_unit_test(test_iso_parse),      cmocka_unit_test(test_iso_bad),
                cmocka_unit_test(test_iso_ends),       cmocka_unit_test(test_span_format),
                cmocka_unit_test(test_span_parse),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
