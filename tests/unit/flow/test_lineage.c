/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tree of creators: order of events, dead members, reuse of numbers, cycles, bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "flow/lineage.h"

static struct task process(uint32_t pid)
{
        return (struct task){.start = pid * 10ull, .leader_start = pid * 10ull, .pid = pid, .tid = pid};
}

static struct task thread(uint32_t pid, uint32_t tid)
{
        return (struct task){.start = tid * 10ull, .leader_start = pid * 10ull, .pid = pid, .tid = tid};
}

static void tell(struct lineage *l, uint8_t op, struct task t, struct task creator, uint32_t flags, const char *text)
{
        struct event e = {.time = 1000, .type = EVENT_PROCESS, .op = op};

        e.process.task = t;
        e.process.creator = creator;
        e.process.flags = flags;
        e.process.text = text;
        e.process.loginuid = UINT32_MAX;
        lineage_event(l, &e);
}

static const struct task nobody;

static void test_chain(void **state)
{
        _cleanup_(lineage_freep)
        struct lineage *l = NULL;
        struct task p1 = process(1), p2 = process(2), t3 = thread(2, 3), p4 = process(4);
        const struct lineage_node *n;

        (void) state;
        assert_int_equal(lineage_new(&l), 0);
        tell(l, PROCESS_PRESENT, p1, nobody, 0, "/sbin/init");
        tell(l, PROCESS_FORK, p2, p1, 0, "init");
        tell(l, PROCESS_EXEC, p2, nobody, 0, "/usr/bin/bot");
        tell(l, PROCESS_FORK, t3, p2, PROCESS_THREAD, "bot");
        tell(l, PROCESS_FORK, p4, t3, 0, "bot");

        n = lineage_find(l, &p4);
        assert_non_null(n);
        assert_false(n->present);
        assert_string_equal(n->path, "/usr/bin/bot");
        assert_ptr_equal(lineage_creator(l, n), lineage_find(l, &t3));
        assert_ptr_equal(lineage_parent_process(l, n), lineage_find(l, &p2));
        assert_ptr_equal(lineage_parent_process(l, lineage_find(l, &t3)), lineage_find(l, &p1));
        assert_ptr_equal(lineage_process(l, &t3), lineage_find(l, &p2));
        assert_null(lineage_creator(l, lineage_find(l, &p1)));
        assert_true(lineage_find(l, &p1)->present);
        assert_string_equal(lineage_name(l, &t3), "bot");
        assert_string_equal(lineage_name(l, &p1), "init");
        assert_int_equal(lineage_find(l, &p2)->execs, 1);
}

static void test_never_rewritten(void **state)
{
        _cleanup_(lineage_freep)
        struct lineage *l = NULL;
        struct task p1 = process(1), p2 = process(2), p3 = process(3), again = {99, 99, 3, 3};

        (void) state;
        assert_int_equal(lineage_new(&l), 0);
        tell(l, PROCESS_FORK, p2, p1, 0, "a");
        tell(l, PROCESS_FORK, p3, p2, 0, "a");
        tell(l, PROCESS_EXIT, p2, nobody, 0, NULL);
        tell(l, PROCESS_PRESENT, p3, p1, PROCESS_CREATOR_GUESS, "b"); /* its parent is now init */
        assert_int_equal(lineage_find(l, &p3)->creator.pid, 2);
        assert_int_equal(lineage_creator(l, lineage_find(l, &p3))->task.pid, 2);
        assert_false(lineage_find(l, &p3)->flags & PROCESS_CREATOR_GUESS);
        /* the number again, another process */
        tell(l, PROCESS_FORK, again, p1, 0, "c");
        assert_int_equal(lineage_creator(l, lineage_find(l, &again))->task.pid, 1);
        assert_int_equal(lineage_creator(l, lineage_find(l, &p3))->task.pid, 2);
}

/* A child may be listed before its parent, and a thread's process may never have been seen. */
static void test_any_order(void **state)
{
        _cleanup_(lineage_freep)
        struct lineage *l = NULL;
        struct task p1 = process(1), p2 = process(2), t7 = thread(6, 7), p8 = process(8), p6 = process(6);

        (void) state;
        assert_int_equal(lineage_new(&l), 0);
        tell(l, PROCESS_PRESENT, p2, p1, 0, "child");
        assert_string_equal(lineage_name(l, &p1), "?");
        tell(l, PROCESS_PRESENT, p1, nobody, 0, "init");
        assert_string_equal(lineage_name(l, &p1), "init");
        assert_ptr_equal(lineage_creator(l, lineage_find(l, &p2)), lineage_find(l, &p1));

        tell(l, PROCESS_FORK, p8, t7, 0, "x");
        assert_ptr_equal(lineage_parent_process(l, lineage_find(l, &p8)), lineage_find(l, &p6));
        tell(l, PROCESS_PRESENT, p6, p1, 0, "late");
        assert_int_equal(lineage_parent_process(l, lineage_find(l, &p6))->task.pid, 1);
        assert_null(lineage_find(l, &nobody));
        assert_string_equal(lineage_name(l, &nobody), "?");
}

static unsigned height(const struct lineage *l, struct task t)
{
        const struct lineage_node *n = lineage_find(l, &t);
        unsigned k = 0;

        while (n && k < 100000 && (n = lineage_creator(l, n)))
                k++;
        return k;
}

static void test_cycles(void **state)
{
        _cleanup_(lineage_freep)
        struct lineage *l = NULL;

        (void) state;
        assert_int_equal(lineage_new(&l), 0);
        tell(l, PROCESS_FORK, process(1), process(1), 0, "self");
        tell(l, PROCESS_FORK, process(2), process(3), 0, "a");
        tell(l, PROCESS_FORK, process(3), process(4), 0, "b");
        tell(l, PROCESS_FORK, process(4), process(2), 0, "c");
        assert_true(height(l, process(2)) <= 3);
        assert_true(height(l, process(3)) <= 3);
        assert_true(height(l, process(4)) <= 3);
        assert_int_equal(height(l, process(1)), 0);
}

/* A program that forks and dies over and over does not get away from its ancestor, and fills no table. */
static void test_generations(void **state)
{
        _cleanup_(lineage_freep)
        struct lineage *l = NULL;
        const struct lineage_node *n;
        struct event flow = {.type = EVENT_FLOW, .op = FLOW_START};
        struct table_stats stats;
        bool found = false;

        (void) state;
        assert_int_equal(lineage_new(&l), 0);
        tell(l, PROCESS_PRESENT, process(1), nobody, 0, "init");
        tell(l, PROCESS_FORK, process(2), process(1), 0, "bot");
        flow.flow.task = process(2);
        lineage_event(l, &flow);
        assert_true(lineage_find(l, &flow.flow.task)->talks);
        for (uint32_t i = 3; i < 100003; i++) {
                tell(l, PROCESS_FORK, process(i), process(i - 1), 0, "bot");
                tell(l, PROCESS_EXIT, process(i - 1), nobody, 0, NULL);
        }
        assert_true(height(l, process(100002)) <= LINEAGE_DEPTH_KEEP);
        for (n = lineage_find(l, &(struct task){1000020, 1000020, 100002, 100002}); n; n = lineage_creator(l, n))
                found |= n->task.pid == 2;
        assert_true(found);
        lineage_get_stats(l, &stats);
        assert_true(stats.used < 2 * LINEAGE_DEPTH_KEEP);
        assert_int_equal(stats.evicted, 0);
}

static void test_bounds(void **state)
{
        _cleanup_(lineage_freep)
        struct lineage *l = NULL;
        struct table_stats stats;

        (void) state;
        assert_int_equal(lineage_new(&l), 0);
        tell(l, PROCESS_PRESENT, process(1), nobody, 0, "init");
        /* the dead without descendants stay a while, and then go uncounted */
        for (uint32_t i = 2; i < 50000; i++) {
                tell(l, PROCESS_FORK, process(i), process(1), 0, "x");
                tell(l, PROCESS_EXIT, process(i), nobody, 0, NULL);
        }
        lineage_get_stats(l, &stats);
        assert_true(stats.used <= LINEAGE_LEAVES + 3);
        assert_int_equal(stats.evicted, 0);
        assert_non_null(lineage_find(l, &(struct task){499990, 499990, 49999, 49999}));
        /* more living ones than there is room for */
        for (uint32_t i = 100000; i < 100000 + LINEAGE_TASKS + 5000; i++)
                tell(l, PROCESS_FORK, process(i), process(1), 0, "y");
        lineage_get_stats(l, &stats);
        assert_true(stats.used <= LINEAGE_TASKS);
        assert_true(stats.evicted >= 5000);
        assert_non_null(lineage_find(l, &(struct task){10, 10, 1, 1})); /* it has descendants */
}

/* When a dead creator must go, its children hang on its own creator. */
static void test_splice(void **state)
{
        _cleanup_(lineage_freep)
        struct lineage *l = NULL;

        (void) state;
        assert_int_equal(lineage_new(&l), 0);
        tell(l, PROCESS_PRESENT, process(1), nobody, 0, "init");
        for (uint32_t i = 0; i < LINEAGE_TASKS; i++) {
                tell(l, PROCESS_FORK, process(1000000 + 2 * i), process(1), 0, "mid");
                tell(l, PROCESS_FORK, process(1000001 + 2 * i), process(1000000 + 2 * i), 0, "leaf");
                tell(l, PROCESS_EXIT, process(1000000 + 2 * i), nobody, 0, NULL);
        }
        assert_null(lineage_find(l, &(struct task){10000000, 10000000, 1000000, 1000000}));
        assert_int_equal(height(l, process(1000001 + 2 * (LINEAGE_TASKS - 1))), 2);
        assert_int_equal(height(l, process(1000001 + 2 * (LINEAGE_TASKS / 2 + 10))), 1);
}

static void test_exec_by_thread(void **state)
{
        _cleanup_(lineage_freep)
        struct lineage *l = NULL;
        char longest[300];

        (void) state;
        assert_int_equal(lineage_new(&l), 0);
        tell(l, PROCESS_FORK, process(2), process(1), 0, "a");
        tell(l, PROCESS_FORK, thread(2, 3), process(2), PROCESS_THREAD, "a");
        memset(longest, 'n', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        tell(l, PROCESS_EXEC, thread(2, 3), nobody, 0, longest);
        assert_int_equal(strlen(lineage_name(l, &(struct task){20, 20, 2, 2})), 31);
        assert_int_equal(lineage_creator(l, lineage_find(l, &(struct task){20, 20, 2, 2}))->task.pid, 1);
        tell(l, PROCESS_EXEC, process(50), process(2), 0, "never/forked/"); /* its fork was lost */
        assert_int_equal(lineage_creator(l, lineage_find(l, &(struct task){500, 500, 50, 50}))->task.pid, 2);
        tell(l, 200, process(2), nobody, 0, NULL);
        tell(l, PROCESS_EXIT, process(77777), nobody, 0, NULL);
        tell(l, PROCESS_FORK, nobody, process(2), 0, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_chain),  cmocka_unit_test(test_never_rewritten), cmocka_unit_test(test_any_order),
                cmocka_unit_test(test_cycles), cmocka_unit_test(test_generations),     cmocka_unit_test(test_bounds),
                cmocka_unit_test(test_splice), cmocka_unit_test(test_exec_by_thread),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
