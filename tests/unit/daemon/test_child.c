/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the warden does with its processes: how late they come again, how their end is told, and that they do end. */
#include "base/cleanup.h"
#include "daemon/child.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void start(struct child *c, void (*what)(void))
{
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                what();
                _exit(3);
        }
        child_started(c, pid);
}

static void wait_forever(void)
{
        for (;;)
                pause();
}

static void return_at_once(void)
{
}

static int wait_for_end(struct child *c)
{
        siginfo_t info;
        int status = -1;

        assert_int_equal(waitid(P_PID, (id_t) c->pid, &info, WEXITED | WNOWAIT), 0);
        assert_true(child_reap(c, &status));
        assert_int_equal(c->pid, 0);
        return status;
}

static void test_each_time_later(void **state _unused_)
{
        struct child c = {0};
        nsec_t before = clock_boottime(), last = 0;

        for (int i = 0; i < 12; i++) {
                child_later(&c);
                assert_true(c.backoff >= last && c.backoff <= 10 * NSEC_PER_SEC);
                assert_true(i == 0 || c.backoff == 2 * last || c.backoff == 10 * NSEC_PER_SEC);
                assert_true(c.restart_at >= before + c.backoff);
                last = c.backoff;
        }
        assert_int_equal(last, 10 * NSEC_PER_SEC);
}

static void test_a_long_run_forgives(void **state _unused_)
{
        struct child c = {.backoff = 5 * NSEC_PER_SEC};

        start(&c, return_at_once);
        (void) wait_for_end(&c);
        assert_int_equal(c.backoff, 5 * NSEC_PER_SEC);
        start(&c, return_at_once);
        c.started -= 61 * NSEC_PER_SEC;
        (void) wait_for_end(&c);
        assert_int_equal(c.backoff, 0);
}

static void test_its_end(void **state _unused_)
{
        char text[CHILD_END_MAX];
        struct child c = {.restart_at = 1};
        int status = 77;

        assert_false(child_reap(&c, &status)); /* none runs: nobody else's child is collected */
        start(&c, return_at_once);
        assert_int_equal(c.restart_at, 0);
        assert_string_equal(child_end(wait_for_end(&c), text), "ended with status 3");
        start(&c, wait_forever);
        assert_false(child_reap(&c, &status));
        assert_int_equal(status, 77);
        assert_int_equal(kill(c.pid, SIGKILL), 0);
        assert_string_equal(child_end(wait_for_end(&c), text), "was ended by signal 9 (Killed)");
}

static void test_stop(void **state _unused_)
{
        struct child c = {0};
        pid_t pid;

        child_stop(&c);
        start(&c, wait_forever);
        pid = c.pid;
        c.restart_at = 5;
        child_stop(&c);
        assert_int_equal(c.pid, 0);
        assert_int_equal(c.restart_at, 0);
        assert_int_equal(kill(pid, 0), -1);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_each_time_later),
                cmocka_unit_test(test_a_long_run_forgives),
                cmocka_unit_test(test_its_end),
                cmocka_unit_test(test_stop),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
