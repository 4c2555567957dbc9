/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Subjects: unique keys, titles for people, and who counts as the same. */
#include "model/subject.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static struct subject process(uint32_t pid, uint64_t start, const char *name)
{
        struct subject s = {.kind = SUBJECT_PROCESS, .pid = pid, .start = start};

        memcpy(s.boot_id, "\x0f\x3a\x00\xff restofbootid", 16);
        strncpy(s.name, name, sizeof(s.name) - 1);
        return s;
}

static struct subject at(enum subject_kind kind, const char *address)
{
        struct subject s = {.kind = kind};

        assert_int_equal(addr_parse(address, &s.addr), 0);
        return s;
}

static void check(const struct subject *s, const char *key, const char *title)
{
        char text[SUBJECT_TEXT_MAX];

        assert_string_equal(subject_key(s, text), key);
        assert_string_equal(subject_title(s, text), title);
}

static void test_texts(void **state)
{
        struct subject self = {.kind = SUBJECT_HOST}, v4 = at(SUBJECT_HOST, "10.1.6.206"),
                       v6 = at(SUBJECT_HOST, "2001:db8::1"), relay = at(SUBJECT_RELAY, "192.0.2.1"),
                       bot = process(1234, 5678901234, "bot"), nameless = process(1, 0, "");

        (void) state;
        check(&self, "host:self", "this machine");
        check(&v4, "host:10.1.6.206", "10.1.6.206");
        check(&v6, "host:2001:db8::1", "2001:db8::1");
        check(&relay, "relay:192.0.2.1", "192.0.2.1");
        check(&bot, "process:1234:5678901234:0f3a00ff", "process 1234 (bot)");
        check(&nameless, "process:1:0:0f3a00ff", "process 1 (?)");
}

static void test_longest(void **state)
{
        struct subject p = process(UINT32_MAX, UINT64_MAX, "");
        struct subject h = at(SUBJECT_RELAY, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
        char text[SUBJECT_TEXT_MAX];

        (void) state;
        memset(p.name, 'n', sizeof(p.name)); /* no NUL at its end */
        assert_string_equal(subject_key(&p, text), "process:4294967295:18446744073709551615:0f3a00ff");
        assert_string_equal(subject_title(&p, text), "process 4294967295 (nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn)");
        assert_string_equal(subject_key(&h, text), "relay:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

static void test_equal(void **state)
{
        struct subject a = process(1, 2, "a"), b = process(1, 2, "renamed"), host = at(SUBJECT_HOST, "192.0.2.1"),
                       relay = at(SUBJECT_RELAY, "192.0.2.1"), other = at(SUBJECT_HOST, "192.0.2.2");

        (void) state;
        b.exe_ino = 99; /* name and program may change */
        assert_true(subject_equal(&a, &b));
        b.start++;
        assert_false(subject_equal(&a, &b));
        b = a;
        b.pid++;
        assert_false(subject_equal(&a, &b));
        b = a;
        b.boot_id[15] ^= 1; /* another boot */
        assert_false(subject_equal(&a, &b));
        assert_true(subject_equal(&host, &host));
        assert_false(subject_equal(&host, &relay));
        assert_false(subject_equal(&host, &other));
}

static void test_kinds(void **state)
{
        (void) state;
        assert_string_equal(subject_kind_name(SUBJECT_HOST), "host");
        assert_string_equal(subject_kind_name(SUBJECT_PROCESS), "process");
        assert_string_equal(subject_kind_name(SUBJECT_RELAY), "relay");
        assert_string_equal(subject_kind_name(SUBJECT_KINDS), "?");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_texts),
                cmocka_unit_test(test_longest),
                cmocka_unit_test(test_equal),
                cmocka_unit_test(test_kinds),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
