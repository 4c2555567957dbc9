/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who stands behind a process: those that talk, up to a login; and the chain as a line that always fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "detect/ancestors.h"

static struct lineage *lineage;

static struct task process(uint32_t pid)
{
        return (struct task){.start = pid, .leader_start = pid, .pid = pid, .tid = pid};
}

static void make(uint32_t pid, uint32_t by, const char *name, uint32_t loginuid)
{
        struct event e = {.time = pid, .type = EVENT_PROCESS, .op = PROCESS_FORK};

        e.process.task = process(pid);
        if (by)
                e.process.creator = process(by);
        e.process.loginuid = loginuid;
        e.process.text = name;
        lineage_event(lineage, &e);
}

static void talk(uint32_t pid)
{
        struct event e = {.type = EVENT_FLOW, .op = FLOW_START};

        e.flow.task = process(pid);
        lineage_event(lineage, &e);
}

static int set_up(void **state)
{
        (void) state;
        return lineage_new(&lineage);
}

static int tear_down(void **state)
{
        (void) state;
        lineage_free(lineage);
        return 0;
}

static void test_talking(void **state)
{
        struct ancestors a;
        struct task t = process(14);

        (void) state;
        make(1, 0, "init", UINT32_MAX);
        make(10, 1, "a", UINT32_MAX);
        make(11, 10, "b", UINT32_MAX);
        make(12, 11, "c", UINT32_MAX);
        make(13, 12, "d", UINT32_MAX);
        make(14, 13, "e", UINT32_MAX);
        talk(1);
        talk(10);
        talk(12);
        talk(14);
        ancestors_find(lineage, &t, &a);
        assert_int_equal(a.creator->task.pid, 13);
        assert_int_equal(a.n_talking, 2); /* not itself, and not process 1 */
        assert_int_equal(a.talking[0]->task.pid, 12);
        assert_int_equal(a.talking[1]->task.pid, 10);
        t = process(10);
        ancestors_find(lineage, &t, &a);
        assert_null(a.creator);
        assert_int_equal(a.n_talking, 0);
        t = process(99); /* never seen */
        ancestors_find(lineage, &t, &a);
        assert_null(a.creator);
        assert_int_equal(a.n_talking, 0);
}

static void test_login(void **state)
{
        struct ancestors a;
        struct task t = process(13);

        (void) state;
        make(10, 1, "server", UINT32_MAX);
        make(11, 10, "shell", 1000);
        make(12, 11, "agent", 1000);
        make(13, 12, "child", 1000);
        talk(10);
        talk(11);
        ancestors_find(lineage, &t, &a);
        assert_int_equal(a.n_talking, 1);
        assert_int_equal(a.talking[0]->task.pid, 11);
        t = process(11);
        ancestors_find(lineage, &t, &a);
        assert_null(a.creator);
}

static void test_many(void **state)
{
        struct ancestors a;
        struct task t = process(200);

        (void) state;
        for (uint32_t pid = 100; pid <= 200; pid++) {
                make(pid, pid - 1, "x", UINT32_MAX);
                talk(pid);
        }
        ancestors_find(lineage, &t, &a);
        assert_int_equal(a.n_talking, ANCESTORS_MAX);
        assert_int_equal(a.talking[0]->task.pid, 199); /* the nearest */
}

static void test_chain(void **state)
{
        struct task t = process(40);
        char text[64], name[32];

        (void) state;
        assert_string_equal(ancestors_chain(lineage, &t, text, sizeof(text)), "");
        make(1, 0, "init", UINT32_MAX);
        make(10, 1, "a\n", UINT32_MAX);
        t = process(10);
        assert_string_equal(ancestors_chain(lineage, &t, text, sizeof(text)), "init > a\\x0a");
        for (uint32_t pid = 11; pid <= 40; pid++) {
                snprintf(name, sizeof(name), "name%u", pid);
                make(pid, pid - 1, name, UINT32_MAX);
        }
        t = process(40);
        assert_string_equal(ancestors_chain(lineage, &t, text, sizeof(text)),
                            "init > … > name36 > name37 > name38 > name39 > name40");
        for (size_t size = 1; size < sizeof(text); size++) { /* whatever room there is, it keeps to it */
                memset(text, 'x', sizeof(text));
                ancestors_chain(lineage, &t, text, size);
                assert_true(strlen(text) < size);
                assert_int_equal(text[size], 'x');
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_talking, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_login, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_chain, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
