/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exceptions: all given fields must match, and each field only what it says. Runs in the unit tests. */
#include "verdict/exception.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct evidence_kind kind = {.name = "server_like.order", .cap = 100};

static struct evidence claim(void)
{
        struct evidence e = {.kind = &kind,
                             .last = 1000,
                             .subject = {.kind = SUBJECT_PROCESS,
                                         .pid = 12,
                                         .start = 34,
                                         .boot_id = {0xab, 0xcd},
                                         .exe_dev = 8,
                                         .exe_ino = 99,
                                         .name = "worker"}};
        struct addr a;

        assert_int_equal(addr_parse("192.0.2.7", &a), 0);
        evidence_fact_text(&e, "note", "192.0.2.200");
        evidence_fact_endpoint(&e, "peer", &a, 80, 6);
        return e;
}

static bool matches(struct config_exception x, const struct evidence *e)
{
        struct config c = {.exceptions = &x, .n_exceptions = 1};

        return exception_match(&c, e) == &x;
}

static void test_detector(void **state _unused_)
{
        struct evidence e = claim();

        assert_true(matches((struct config_exception){.detector = (char *) "server_like"}, &e));
        assert_false(matches((struct config_exception){.detector = (char *) "server"}, &e));
        assert_false(matches((struct config_exception){.detector = (char *) "server_like.order"}, &e));
        assert_false(matches((struct config_exception){.detector = (char *) ""}, &e));
        assert_true(matches((struct config_exception){0}, &e));
}

static void test_subject(void **state _unused_)
{
        struct evidence e = claim();
        char longest[64] = "a-name-of-more-than-thirty-one-bytes";

        assert_true(matches((struct config_exception){.subject = (char *) "worker"}, &e));
        assert_true(matches((struct config_exception){.subject = (char *) "process:12:34:abcd0000"}, &e));
        assert_false(matches((struct config_exception){.subject = (char *) "work"}, &e));
        assert_false(matches((struct config_exception){.subject = (char *) "workers"}, &e));
        assert_false(matches((struct config_exception){.subject = (char *) "self"}, &e));
        assert_false(matches((struct config_exception){.subject = (char *) "::"}, &e));
        memcpy(e.subject.name, longest, 31);
        assert_true(matches((struct config_exception){.subject = longest}, &e));
        longest[30] = 'X';
        assert_false(matches((struct config_exception){.subject = longest}, &e));

        e.subject = (struct subject){.kind = SUBJECT_HOST};
        assert_true(matches((struct config_exception){.subject = (char *) "self"}, &e));
        assert_true(matches((struct config_exception){.subject = (char *) "host:self"}, &e));
        assert_int_equal(addr_parse("10.0.0.1", &e.subject.addr), 0);
        assert_true(matches((struct config_exception){.subject = (char *) "10.0.0.1"}, &e));
        assert_true(matches((struct config_exception){.subject = (char *) "::ffff:10.0.0.1"}, &e));
        assert_false(matches((struct config_exception){.subject = (char *) "10.0.0.2"}, &e));
        assert_false(matches((struct config_exception){.subject = (char *) "self"}, &e));
}

static void test_peer(void **state _unused_)
{
        struct config_exception x = {.has_peer = true};
        struct evidence e = claim();

        assert_int_equal(cidr_parse("192.0.2.0/25", &x.peer), 0);
        assert_true(matches(x, &e));
        assert_int_equal(cidr_parse("192.0.2.128/25", &x.peer), 0); /* there only as a text */
        assert_false(matches(x, &e));
        e.n_facts = 0;
        assert_int_equal(cidr_parse("0.0.0.0/0", &x.peer), 0);
        assert_false(matches(x, &e));
}

static void test_program(void **state _unused_)
{
        struct config_exception x = {.program = (char *) "/usr/bin/worker", .exe_dev = 8, .exe_ino = 99};
        struct evidence e = claim();

        assert_true(matches(x, &e));
        x.exe_dev = 9;
        assert_false(matches(x, &e));
        /* Neither side known is no match: a program that is not there must not excuse every unknown one. */
        x.exe_dev = 0;
        x.exe_ino = 0;
        e.subject.exe_dev = 0;
        e.subject.exe_ino = 0;
        assert_false(matches(x, &e));
        x.exe_ino = 99;
        e.subject = (struct subject){.kind = SUBJECT_HOST, .exe_ino = 99};
        assert_false(matches(x, &e));
}

static void test_until(void **state _unused_)
{
        struct evidence e = claim();

        assert_true(matches((struct config_exception){.until = 1001}, &e));
        assert_false(matches((struct config_exception){.until = 1000}, &e));
        assert_false(matches((struct config_exception){.until = 1}, &e));
}

static void test_all_fields_and_order(void **state _unused_)
{
        struct config_exception list[] = {
                {.detector = (char *) "server_like", .subject = (char *) "other"},
                {.detector = (char *) "other", .subject = (char *) "worker"},
                {.detector = (char *) "server_like", .subject = (char *) "worker"},
                {.detector = (char *) "server_like"},
        };
        struct config c = {.exceptions = list, .n_exceptions = 4};
        struct evidence e = claim();

        assert_ptr_equal(exception_match(&c, &e), &list[2]);
        c.n_exceptions = 2;
        assert_null(exception_match(&c, &e));
        c.n_exceptions = 0;
        assert_null(exception_match(&c, &e));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_detector), cmocka_unit_test(test_subject),
                cmocka_unit_test(test_peer),     cmocka_unit_test(test_program),
                cmocka_unit_test(test_until),    cmocka_unit_test(test_all_fields_and_order),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
