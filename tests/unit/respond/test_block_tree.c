/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who belongs to a process's descendants: with real processes, and with what a caller might say of others. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "process_tree.h"
#include "respond/block_tree.h"

#define TICK (NSEC_PER_SEC / 100)

struct links {
        const struct block_tree_link *items;
        size_t n;
        int result;
};

static int say_links(void *userdata, block_tree_add add, void *tree)
{
        const struct links *l = userdata;

        for (size_t i = 0; i < l->n; i++)
                add(tree, &l->items[i]);
        return l->result;
}

static struct block_tree_params params_of(const struct process_tree *t, struct links *links)
{
        return (struct block_tree_params){
                .pid = (uint32_t) t->shared->pid[WHO_SUBJECT],
                .start = t->shared->start[WHO_SUBJECT],
                .userdata = links,
                .links = links ? say_links : NULL,
        };
}

static int set_up(void **state)
{
        struct process_tree *t = calloc(1, sizeof(*t));

        assert_non_null(t);
        process_tree_start(t);
        *state = t;
        return 0;
}

static int tear_down(void **state)
{
        process_tree_end(*state);
        free(*state);
        return 0;
}

static bool contains(const struct block_tree *tree, pid_t pid)
{
        for (size_t i = 0; i < tree->n; i++)
                if (tree->items[i].pid == (uint32_t) pid)
                        return true;
        return false;
}

static void what_proc_tells(void **state)
{
        struct process_tree *t = *state;
        struct block_tree_params p = params_of(t, NULL);
        struct block_tree tree;

        assert_int_equal(block_tree_find(&p, &tree), 0);
        assert_int_equal(tree.items[0].pid, p.pid);
        for (int i = 0; i < WHO_MAX; i++)
                assert_int_equal(contains(&tree, t->shared->pid[i]), i != WHO_INNOCENT && i != WHO_ESCAPED);
        assert_int_equal(tree.n, WHO_MAX - 2);
        assert_false(tree.full);
        block_tree_done(&tree);
}

/* By its creator, which has ended, and that one's creator. */
static void what_links_tell(void **state)
{
        struct process_tree *t = *state;
        const struct process_shared *s = t->shared;
        const struct block_tree_link items[] = {
                {.pid = (uint32_t) s->pid[WHO_ESCAPED],
                 .start = s->start[WHO_ESCAPED] + 7, /* within the tick */
                 .creator = (uint32_t) s->middle,
                 .creator_start = s->middle_start + 3},
                {.pid = (uint32_t) s->middle,
                 .start = s->middle_start,
                 .creator = (uint32_t) s->pid[WHO_SUBJECT],
                 .creator_start = s->start[WHO_SUBJECT]},
        };
        struct links links = {.items = items, .n = 2};
        struct block_tree_params p = params_of(t, &links);
        struct block_tree tree;

        assert_int_equal(block_tree_find(&p, &tree), 0);
        assert_true(contains(&tree, s->pid[WHO_ESCAPED]));
        assert_false(contains(&tree, s->pid[WHO_INNOCENT]));
        assert_false(contains(&tree, s->middle)); /* it has ended */
        assert_int_equal(tree.n, WHO_MAX - 1);
        block_tree_done(&tree);
}

static void links_of_others(void **state)
{
        struct process_tree *t = *state;
        const struct process_shared *s = t->shared;
        const uint32_t subject = (uint32_t) s->pid[WHO_SUBJECT], innocent = (uint32_t) s->pid[WHO_INNOCENT];
        const struct block_tree_link items[] = {
                /* An earlier process of that number was the creator. */
                {s->start[WHO_INNOCENT], s->start[WHO_SUBJECT] - 2 * TICK, innocent, subject, false},
                /* An earlier process of the innocent one's number was created. */
                {s->start[WHO_INNOCENT] - 2 * TICK, s->start[WHO_SUBJECT], innocent, subject, false},
                /* Not known, itself, a circle. */
                {s->start[WHO_INNOCENT], 0, innocent, subject, false},
                {s->start[WHO_SUBJECT], s->start[WHO_SUBJECT], subject, subject, false},
                {1, 2, 4000001, 4000002, false},
                {2, 1, 4000002, 4000001, false},
                {UINT64_MAX, UINT64_MAX, UINT32_MAX, UINT32_MAX, true},
        };
        struct links links = {.items = items, .n = ELEMENTSOF(items)};
        struct block_tree_params p = params_of(t, &links);
        struct block_tree tree;

        assert_int_equal(block_tree_find(&p, &tree), 0);
        assert_int_equal(tree.n, WHO_MAX - 2);
        assert_false(contains(&tree, (pid_t) innocent));
        block_tree_done(&tree);
        links.result = -EIO;
        assert_int_equal(block_tree_find(&p, &tree), -EIO);
}

static void members_by_link(void **state)
{
        struct process_tree *t = *state;
        const struct process_shared *s = t->shared;
        const struct block_tree_link items[] = {
                {.pid = (uint32_t) s->pid[WHO_ESCAPED], .start = s->start[WHO_ESCAPED], .member = true},
                {.pid = (uint32_t) getpid(), .start = process_tree_start_of(getpid()), .member = true},
                {.pid = 1, .start = process_tree_start_of(1), .member = true},
        };
        struct links links = {.items = items, .n = ELEMENTSOF(items)};
        struct block_tree_params p = params_of(t, &links);
        struct block_tree tree;

        assert_int_equal(block_tree_find(&p, &tree), 0);
        assert_int_equal(tree.n, WHO_MAX - 1);
        assert_false(contains(&tree, getpid()));
        assert_false(contains(&tree, 1));
        block_tree_done(&tree);
}

/* The subject has ended, and its descendants are known. */
static void a_dead_subject(void **state)
{
        struct process_tree *t = *state;
        const struct process_shared *s = t->shared;
        const struct block_tree_link item = {.pid = (uint32_t) s->pid[WHO_CHILD],
                                             .start = s->start[WHO_CHILD],
                                             .creator = (uint32_t) s->pid[WHO_SUBJECT],
                                             .creator_start = s->start[WHO_SUBJECT]};
        struct links links = {.items = &item, .n = 1};
        struct block_tree_params p = params_of(t, &links);
        struct block_tree tree;

        assert_int_equal(kill(s->pid[WHO_SUBJECT], SIGKILL), 0);
        assert_int_equal(waitpid(s->pid[WHO_SUBJECT], NULL, 0), s->pid[WHO_SUBJECT]);
        assert_int_equal(block_tree_find(&p, &tree), 0);
        assert_int_equal(tree.n, 2);
        assert_int_equal(tree.items[0].pid, s->pid[WHO_CHILD]);
        assert_int_equal(tree.items[1].pid, s->pid[WHO_GRANDCHILD]);
        block_tree_done(&tree);
        p.links = NULL;
        assert_int_equal(block_tree_find(&p, &tree), -ESRCH);
        assert_int_equal(block_tree_open("/proc", p.pid, p.start), -ESRCH);
}

static int find(pid_t pid, uint64_t start)
{
        const struct block_tree_params p = {.pid = (uint32_t) pid, .start = start};
        struct block_tree tree;
        int r = block_tree_find(&p, &tree);

        if (r == 0)
                block_tree_done(&tree);
        return r;
}

static void who_is_spared(void **state)
{
        struct process_tree *t = *state;
        pid_t kernel = 2;

        assert_int_equal(find(1, process_tree_start_of(1)), -EPERM);
        assert_int_equal(find(getpid(), process_tree_start_of(getpid())), -EPERM);
        assert_int_equal(find(getppid(), process_tree_start_of(getppid())), -EPERM);
        assert_int_equal(find(0, 0), -ESRCH);
        assert_int_equal(find(t->shared->pid[WHO_CHILD], t->shared->start[WHO_CHILD] - 2 * TICK), -ESRCH);
        assert_int_equal(find(-1, 0), -ESRCH);
        if (process_tree_start_of(kernel))
                assert_true(find(kernel, process_tree_start_of(kernel)) < 0);
}

static void that_very_process(void **state)
{
        struct process_tree *t = *state;
        uint32_t pid = (uint32_t) t->shared->pid[WHO_CHILD];
        uint64_t start = t->shared->start[WHO_CHILD];
        int fd = block_tree_open("/proc", pid, start + TICK / 2);

        assert_true(fd >= 0);
        close(fd);
        assert_int_equal(block_tree_open("/proc", pid, start + TICK), -ESRCH);
        assert_int_equal(block_tree_open("/proc", 0, start), -ESRCH);
        assert_int_equal(block_tree_open("/proc", UINT32_MAX, start), -ESRCH);
        assert_int_equal(block_tree_open("/nowhere", pid, start), -ENOENT);
}

/* As many records as fit and more: a chain, newest first, which is the worst order; and all with one creator. */
static void many_links(void **state)
{
        struct process_tree *t = *state;
        const size_t n = 2 * (size_t) BLOCK_TREE_MAX;
        _cleanup_free_ struct block_tree_link *items = calloc(n, sizeof(*items));
        struct links links = {.items = items, .n = n};
        struct block_tree_params p = params_of(t, &links);
        struct block_tree tree;
        nsec_t begin = clock_boottime();

        assert_non_null(items);
        for (int chain = 0; chain < 2; chain++) {
                for (size_t i = 0; i < n; i++) {
                        uint32_t creator = chain ? 10000000 + (uint32_t) i + 1 : p.pid;

                        items[i] = (struct block_tree_link){.start = 1,
                                                            .creator_start = chain ? 1 : p.start,
                                                            .pid = 10000000 + (uint32_t) i,
                                                            .creator = creator};
                }
                items[n - 1].creator = p.pid;
                items[n - 1].creator_start = p.start;
                assert_int_equal(block_tree_find(&p, &tree), 0);
                assert_true(tree.full);
                assert_int_equal(tree.n, WHO_MAX - 2);
                block_tree_done(&tree);
        }
        assert_true(clock_boottime() - begin < 10 * NSEC_PER_SEC);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(what_proc_tells), TEST(what_links_tell), TEST(links_of_others),   TEST(members_by_link),
                TEST(a_dead_subject),  TEST(who_is_spared),   TEST(that_very_process), TEST(many_links),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
