/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Freezing a tree of real processes and undoing it exactly, by the freezer in control groups of the test's own and by
 * signals; after a crash, by another process, and when things have changed meanwhile. Needs root for the freezer. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "freeze_world.h"

static void freezes_and_thaws(void **state)
{
        struct world *w = *state;
        struct block_freeze_result f;
        struct block_thaw_result t;
        char path[256];

        world_need_groups(w);
        assert_int_equal(block_freeze(&w->params, &f), 0);
        assert_true(f.settled);
        assert_true(f.verified);
        assert_int_equal(f.frozen, WHO_MAX - 1);
        assert_int_equal(f.stopped + f.failed + f.elsewhere, 0);
        world_expect_still(w);
        assert_string_equal(world_group_of(w->t.shared->pid[WHO_INNOCENT]), w->a);
        assert_int_equal(block_thaw(&w->params, &t), 0);
        assert_int_equal(t.restored, WHO_MAX - 1);
        assert_int_equal(t.displaced + t.gone, 0);
        world_expect_running(w);
        world_expect_home(w);
        snprintf(path, sizeof(path), "/%s", w->group);
        assert_int_equal(access(world_in_root(w, path), F_OK), -1);
        assert_int_equal(block_thaw(&w->params, &t), -ENOENT);
}

static void stops_and_continues(void **state)
{
        struct world *w = *state;
        struct block_freeze_result f;
        struct block_thaw_result t;

        w->params.cgroup = NULL;
        assert_int_equal(block_freeze(&w->params, &f), 0);
        assert_true(f.settled);
        assert_true(f.verified);
        assert_int_equal(f.stopped, WHO_MAX - 1);
        assert_int_equal(f.frozen + f.failed, 0);
        world_expect_still(w);
        assert_int_equal(block_thaw(&w->params, &t), 0);
        assert_int_equal(t.restored, WHO_MAX - 1);
        world_expect_running(w);
}

/* What a person had stopped stays stopped. */
static void leaves_the_stopped_stopped(void **state)
{
        struct world *w = *state;
        pid_t pid = w->t.shared->pid[WHO_CHILD];
        struct block_freeze_result f;
        struct block_thaw_result t;

        assert_int_equal(kill(pid, SIGSTOP), 0);
        while (process_tree_state(pid) != 'T')
                (void) poll(NULL, 0, 1);
        for (int i = 0; i < 2; i++) {
                if (i == 1)
                        w->params.cgroup = NULL;
                assert_int_equal(block_freeze(&w->params, &f), 0);
                assert_true(f.verified);
                assert_int_equal(block_thaw(&w->params, &t), 0);
                assert_true(process_tree_runs(&w->t, WHO_GRANDCHILD, 2));
                assert_int_equal(process_tree_state(pid), 'T');
        }
        assert_int_equal(kill(pid, SIGCONT), 0);
        world_expect_running(w);
}

/* Who is continued by a helper is stopped again; who was missed is taken in. */
static void again(void **state)
{
        struct world *w = *state;
        struct block_freeze_result f;
        struct block_thaw_result t;

        for (int i = 0; i < 2; i++) {
                if (i == 1)
                        w->params.cgroup = NULL;
                w->params.tree.links = NULL;
                assert_int_equal(block_freeze(&w->params, &f), 0);
                assert_int_equal(f.frozen + f.stopped, WHO_MAX - 2);
                assert_true(process_tree_runs(&w->t, WHO_ESCAPED, 2));
                assert_int_equal(kill(w->t.shared->pid[WHO_CHILD], SIGCONT), 0);
                w->params.tree.links = world_say_links;
                assert_int_equal(block_freeze(&w->params, &f), 0);
                assert_int_equal(f.frozen + f.stopped, WHO_MAX - 1);
                assert_true(f.verified);
                world_expect_still(w);
                assert_int_equal(block_thaw(&w->params, &t), 0);
                world_expect_running(w);
        }
}

static void another_process_undoes_it(void **state)
{
        struct world *w = *state;
        struct block_freeze_result f;
        struct block_thaw_result t;
        int status;
        pid_t pid;

        /* Frozen by a process that ends at once, as if it had crashed. */
        pid = fork();
        if (pid == 0)
                _exit(block_freeze(&w->params, &f) == 0 && f.settled ? 0 : 1);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        world_expect_still(w);
        w->params.tree = (struct block_tree_params){0};
        assert_int_equal(block_thaw(&w->params, &t), 0);
        world_expect_running(w);
        if (w->root[0])
                world_expect_home(w);
}

/* Written down, and not yet done when the crash came; and half a line. */
static void a_crash_in_between(void **state)
{
        struct world *w = *state;
        const struct process_shared *s = w->t.shared;
        char path[128], boot[64] = "";
        struct block_freeze_result f;
        struct block_thaw_result t;
        FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

        assert_non_null(fgets(boot, sizeof(boot), file));
        fclose(file);
        snprintf(path, sizeof(path), "%s/%s", w->state, w->params.id);
        file = fopen(path, "we");
        fprintf(file, "sekimori-frozen 1 %sg %d %llu %s\nrubbish\ng 1 0 /\ns 0 0\nx 5 5\n\ng 77\ns %d %llu", boot,
                (int) s->pid[WHO_CHILD], (unsigned long long) s->start[WHO_CHILD], w->a, (int) s->pid[WHO_SUBJECT],
                (unsigned long long) s->start[WHO_SUBJECT]);
        fclose(file);
        assert_int_equal(block_freeze(&w->params, &f), 0);
        world_expect_still(w);
        assert_int_equal(block_thaw(&w->params, &t), 0);
        world_expect_running(w);
        if (w->root[0])
                world_expect_home(w);
}

/* From before the machine was started: its numbers are others' now. */
static void another_boot(void **state)
{
        struct world *w = *state;
        pid_t pid = w->t.shared->pid[WHO_INNOCENT];
        struct block_thaw_result t;
        char path[128];
        FILE *file;

        assert_int_equal(kill(pid, SIGSTOP), 0);
        snprintf(path, sizeof(path), "%s/%s", w->state, w->params.id);
        file = fopen(path, "we");
        fprintf(file, "sekimori-frozen 1 00000000-0000-0000-0000-000000000000\ns %d %llu\n", (int) pid,
                (unsigned long long) w->t.shared->start[WHO_INNOCENT]);
        fclose(file);
        assert_int_equal(block_thaw(&w->params, &t), 0);
        assert_int_equal(t.restored + t.gone, 0);
        while (process_tree_state(pid) != 'T')
                (void) poll(NULL, 0, 1);
        assert_int_equal(kill(pid, SIGCONT), 0);
}

static void numbers_that_are_others_now(void **state)
{
        struct world *w = *state;
        pid_t pid = w->t.shared->pid[WHO_INNOCENT];
        struct block_freeze_result f;
        struct block_thaw_result t;

        w->params.cgroup = NULL;
        w->params.tree.pid = (uint32_t) pid;
        w->params.tree.start -= NSEC_PER_SEC;
        w->params.tree.links = NULL;
        assert_int_equal(block_freeze(&w->params, &f), -ESRCH); /* of an earlier one */
        assert_int_equal(block_thaw(&w->params, &t), -ENOENT);  /* and nothing is left of it */
        assert_true(process_tree_runs(&w->t, WHO_INNOCENT, 2));
}

/* What is killed while it is frozen, ends; the others go home. */
static void some_end_meanwhile(void **state)
{
        struct world *w = *state;
        pid_t pid = w->t.shared->pid[WHO_ORPHAN];
        struct block_freeze_result f;
        struct block_thaw_result t;

        assert_int_equal(block_freeze(&w->params, &f), 0);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_int_equal(block_thaw(&w->params, &t), 0);
        assert_int_equal(t.restored, WHO_MAX - 2);
        assert_int_equal(t.gone, 1);
        w->t.shared->pid[WHO_ORPHAN] = 0;
        assert_true(process_tree_runs(&w->t, WHO_CHILD, 2));
}

/* As systemd does with a scope that has become empty. */
static void their_group_is_gone(void **state)
{
        struct world *w = *state;
        struct block_freeze_result f;
        struct block_thaw_result t;

        world_need_groups(w);
        assert_int_equal(block_freeze(&w->params, &f), 0);
        assert_int_equal(rmdir(world_in_root(w, w->b)), 0);
        assert_int_equal(block_thaw(&w->params, &t), 0);
        assert_int_equal(t.restored, WHO_MAX - 1);
        assert_int_equal(t.displaced, 2);
        world_expect_running(w);
        assert_string_equal(world_group_of(w->t.shared->pid[WHO_GRANDCHILD]), w->own);
        assert_string_equal(world_group_of(w->t.shared->pid[WHO_CHILD]), w->a);
}

/* A group whose threads may be in several: not moved, since their places would be lost. */
static void a_threaded_group_is_stopped(void **state)
{
        struct world *w = *state;
        struct block_freeze_result f;
        struct block_thaw_result t;
        char name[512], sub[128];
        FILE *file;

        world_need_groups(w);
        snprintf(sub, sizeof(sub), "%s/threads", w->b);
        assert_int_equal(mkdir(world_in_root(w, sub), 0755), 0);
        snprintf(name, sizeof(name), "%s%s/cgroup.type", w->root, sub);
        file = fopen(name, "we");
        fputs("threaded", file);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(block_freeze(&w->params, &f), 0);
        assert_int_equal(f.stopped, 2);
        assert_int_equal(f.frozen, WHO_MAX - 3);
        assert_true(f.verified);
        world_expect_still(w);
        assert_int_equal(block_thaw(&w->params, &t), 0);
        world_expect_running(w);
        world_expect_home(w);
        assert_int_equal(rmdir(world_in_root(w, sub)), 0);
}

static void two_blocks(void **state)
{
        struct world *w = *state;
        struct block_freeze_params second = w->params;
        struct block_freeze_result f;
        struct block_thaw_result t;

        world_need_groups(w);
        second.id = "test-2";
        second.tree.pid = (uint32_t) w->t.shared->pid[WHO_CHILD];
        second.tree.start = w->t.shared->start[WHO_CHILD];
        second.tree.links = NULL;
        assert_int_equal(block_freeze(&second, &f), 0);
        assert_int_equal(f.frozen, 2);
        assert_int_equal(block_freeze(&w->params, &f), 0);
        assert_int_equal(f.elsewhere, 2);
        assert_int_equal(f.frozen, WHO_MAX - 3);
        world_expect_still(w);
        assert_int_equal(block_thaw(&w->params, &t), 0);
        assert_true(process_tree_stands(&w->t, WHO_CHILD));
        assert_int_equal(block_thaw(&second, &t), 0);
        world_expect_running(w);
        world_expect_home(w);
}

/* Forks all the time: whoever is moved late has children that were not, and those are found in the next round. */
static void one_that_forks_all_the_time(void **state)
{
        struct world *w = *state;
        pid_t pid = process_tree_start_bomb(&w->t, 400);
        struct block_freeze_result f;
        struct block_thaw_result t;
        uint64_t forks;

        world_need_groups(w);
        world_join(w, w->a, pid);
        w->params.tree = (struct block_tree_params){.pid = (uint32_t) pid, .start = process_tree_start_of(pid)};
        while (w->t.shared->forks < 40)
                (void) poll(NULL, 0, 1);
        assert_int_equal(block_freeze(&w->params, &f), 0);
        assert_true(f.settled);
        assert_true(f.verified);
        forks = w->t.shared->forks;
        assert_true(process_tree_runs(&w->t, WHO_INNOCENT, 20));
        assert_int_equal(w->t.shared->forks, forks);
        assert_int_equal(block_thaw(&w->params, &t), 0);
        while (forks < 400 && w->t.shared->forks == forks)
                (void) poll(NULL, 0, 1);
        assert_string_equal(world_group_of(pid), w->a);
}

static void bad_arguments(void **state)
{
        static const char *const bad[] = {"", "../x", "a/b", ".", "a b", "0123456789012345678901234567890123", NULL};
        struct world *w = *state;
        struct block_freeze_result f;
        struct block_thaw_result t;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                w->params.id = bad[i];
                assert_int_equal(block_freeze(&w->params, &f), -EINVAL);
                assert_int_equal(block_thaw(&w->params, &t), -EINVAL);
        }
        w->params.id = "test-1";
        w->params.state = "/nowhere";
        assert_int_equal(block_freeze(&w->params, &f), -ENOENT);
        w->params.state = w->state;
        w->params.cgroup = "/nowhere"; /* as without control groups */
        assert_int_equal(block_freeze(&w->params, &f), 0);
        assert_int_equal(f.stopped, WHO_MAX - 1);
        assert_int_equal(block_thaw(&w->params, &t), 0);
}

static void somebody_else_is_at_it(void **state)
{
        struct world *w = *state;
        struct block_freeze_result f;
        struct block_thaw_result t;
        char path[128];
        int fd;

        snprintf(path, sizeof(path), "%s/%s", w->state, w->params.id);
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(flock(fd, LOCK_EX), 0);
        assert_int_equal(block_freeze(&w->params, &f), -EBUSY);
        assert_int_equal(block_thaw(&w->params, &t), -EBUSY);
        close(fd);
        world_expect_running(w);
        assert_int_equal(block_thaw(&w->params, &t), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_set_up, world_tear_down)
        const struct CMUnitTest tests[] = {
                TEST(freezes_and_thaws),
                TEST(stops_and_continues),
                TEST(leaves_the_stopped_stopped),
                TEST(again),
                TEST(another_process_undoes_it),
                TEST(a_crash_in_between),
                TEST(another_boot),
                TEST(numbers_that_are_others_now),
                TEST(some_end_meanwhile),
                TEST(their_group_is_gone),
                TEST(a_threaded_group_is_stopped),
                TEST(two_blocks),
                TEST(one_that_forks_all_the_time),
                TEST(bad_arguments),
                TEST(somebody_else_is_at_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
