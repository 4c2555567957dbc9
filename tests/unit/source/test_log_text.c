/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values in the text of logs: what is taken, and that nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

#include "base/cleanup.h"
#include "source/log_text.h"

static struct slice of(const char *text)
{
        return (struct slice){text, (uint32_t) strlen(text)};
}

static void test_numbers(void **state)
{
        static const char *const bad[] = {"",
                                          "-1",
                                          "+1",
                                          " 1",
                                          "1 ",
                                          "1.0",
                                          "0x1",
                                          "18446744073709551616",
                                          "99999999999999999999",
                                          "000000000000000000001",
                                          "1\n"};
        uint64_t n = 7;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(log_text_number(of(bad[i]), UINT64_MAX, &n), -EBADMSG);
        assert_int_equal(log_text_number((struct slice){0}, UINT64_MAX, &n), -EBADMSG);
        assert_int_equal(log_text_number(of("65536"), 65535, &n), -EBADMSG);
        assert_int_equal(n, 7);
        assert_int_equal(log_text_number(of("18446744073709551615"), UINT64_MAX, &n), 0);
        assert_true(n == UINT64_MAX);
        assert_int_equal(log_text_number(of("0"), 0, &n), 0);
        assert_int_equal(n, 0);
}

static void test_seconds(void **state)
{
        static const char *const bad[] = {
                "",   "-",   "-1.5",   "1e300",          "1e",         "nan",    "inf", "1.5x", "0x10",
                ".5", "1e-", "1e9999", "99999999999999", "4607366401", "1.0e10", "1 ",  "1e5 "};
        nsec_t t = 7;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(log_text_seconds(of(bad[i]), &t), -EBADMSG);
        assert_int_equal(t, 7);
        assert_int_equal(log_text_seconds(of("1664462456.755299"), &t), 0);
        assert_int_equal(t, 1664462456755299000);
        assert_int_equal(log_text_seconds(of("0.012166976928710938"), &t), 0);
        assert_int_equal(t, 12166976);
        assert_int_equal(log_text_seconds(of("13."), &t), 0);
        assert_int_equal(t, 13 * NSEC_PER_SEC);
        assert_int_equal(log_text_seconds(of("1.5e-3"), &t), 0);
        assert_int_equal(t, 1500000);
}

static void test_addresses(void **state)
{
        static const char *const bad[] = {"",
                                          "1.2.3",
                                          "1.2.3.4.5",
                                          "1.2.3.256",
                                          "1..2.3",
                                          "1.2.3.4 ",
                                          ".1.2.3.4",
                                          "1.2.3.4.",
                                          "1.2.3.0004",
                                          "a.b.c.d",
                                          ":",
                                          "::g",
                                          "1:2:3:4:5:6:7:8:9",
                                          "fe80::1%eth0",
                                          "1111111111111111111111111111111111111111111111111111111111:1"};
        char text[ADDR_TEXT_MAX];
        struct addr a;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(log_text_addr(of(bad[i]), &a), -EBADMSG);
        assert_int_equal(log_text_addr((struct slice){"::1\0x", 5}, &a), -EBADMSG);
        assert_int_equal(log_text_addr(of("255.0.10.1"), &a), 0);
        assert_string_equal(addr_format(&a, text), "255.0.10.1");
        assert_int_equal(log_text_addr(of("fd77:48a1:c0bb::1"), &a), 0);
        assert_string_equal(addr_format(&a, text), "fd77:48a1:c0bb::1");
}

static nsec_t syslog_time(const char *text, nsec_t newest, const char **ret_rest)
{
        struct slice s = of(text);
        nsec_t t = -1;
        bool zone;

        if (log_text_syslog(&s, newest, &t, &zone) < 0) {
                assert_ptr_equal(s.p, text);
                return -1;
        }
        assert_int_equal(zone, strstr(text, " JST") != NULL);
        if (ret_rest)
                *ret_rest = s.p;
        return t;
}

static nsec_t iso(const char *text)
{
        nsec_t t;

        assert_int_equal(log_text_iso(of(text), &t), 0);
        return t;
}

static void test_syslog(void **state)
{
        nsec_t newest = iso("2007-01-03T00:00:00Z");
        const char *rest;

        (void) state;
        assert_int_equal(syslog_time("Oct 26 2006 09:42:47: %X", 0, &rest), iso("2006-10-26T09:42:47Z"));
        assert_string_equal(rest, " %X");
        assert_int_equal(syslog_time("Oct  6 2006 09:42:47.25 x", 0, NULL), iso("2006-10-06T09:42:47.25Z"));
        assert_int_equal(syslog_time("Oct 26 2006 09:42:47 JST: x", 0, &rest), iso("2006-10-26T00:42:47Z"));
        assert_string_equal(rest, " x");
        /* The year is that of the file, or the one before it: over new year, backwards. */
        assert_int_equal(syslog_time("Jan  2 23:59:59", newest, NULL), iso("2007-01-02T23:59:59Z"));
        assert_int_equal(syslog_time("Jan  3 23:00:00", newest, NULL), iso("2007-01-03T23:00:00Z"));
        assert_int_equal(syslog_time("Jan  5 00:00:00", newest, NULL), iso("2006-01-05T00:00:00Z"));
        assert_int_equal(syslog_time("Dec 31 12:00:00", newest, NULL), iso("2006-12-31T12:00:00Z"));
        assert_int_equal(syslog_time("Feb 29 12:00:00", newest, NULL), iso("2004-02-29T12:00:00Z"));
        assert_int_equal(syslog_time("Feb 30 12:00:00", newest, NULL), -1);
        assert_int_equal(syslog_time("Feb 29 2006 12:00:00", newest, NULL), -1);
        assert_int_equal(syslog_time("Oct 26 9999 09:42:47", newest, NULL), -1);
        assert_int_equal(syslog_time("Oct 26 24:00:00", newest, NULL), -1);
        assert_int_equal(syslog_time("Oct 26", newest, NULL), -1);
        assert_int_equal(syslog_time("Oct 0 2006 00:00:00", newest, NULL), -1);
        assert_int_equal(syslog_time("Jan 1 1970 00:00:00 JST", newest, NULL), -1); /* before the epoch */
        assert_int_equal(syslog_time("outside:10.0.38.24/40996", newest, NULL), -1);
        assert_int_equal(syslog_time("", newest, NULL), -1);
        assert_true(syslog_time("Oct 26 00:00:00", INT64_MAX, NULL) > 0);
        assert_true(syslog_time("Jan 1 12:00:00", LOG_TIME_MAX, NULL) > 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_numbers),
                cmocka_unit_test(test_seconds),
                cmocka_unit_test(test_addresses),
                cmocka_unit_test(test_syslog),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
