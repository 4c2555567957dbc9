/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the store lives through: kill -9 at any moment, a full disk, a sandbox that makes no files, readers at work.
 * Runs in the unit tests; the real full disk needs root for a mount of its own. */
#include "scratch.h"

#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#define KILLS 25

/* Subjects first.., three a commit; says the number of each that was committed. Never returns. */
static void write_and_report(struct scratch *x, uint32_t first, int out)
{
        struct store *s = NULL;
        uint32_t n = first;

        if (store_open(&(struct store_params){.dir = x->dir, .keep = 1000000, .max_bytes = 64 << 20}, &s, NULL) < 0)
                _exit(1);
        for (;;) {
                for (int i = 0; i < 3; i++, n++) {
                        struct evidence e = scratch_evidence(n, n);
                        struct verdict v = scratch_verdict(n, n % LEVELS, n);

                        if (store_put_evidence(s, &e, false) < 0 || store_put_verdict(s, &v) < 0)
                                _exit(2);
                }
                if (store_commit(s) < 0 || (n % 30 == 0 && store_retain(s, 1) < 0))
                        _exit(3);
                if (write(out, &n, sizeof(n)) != sizeof(n))
                        _exit(4);
        }
}

/* Forks the writer, kills it after `reports`, returns the last number it was told committed. */
static uint32_t run_and_kill(struct scratch *x, uint32_t first, int reports)
{
        uint32_t last = first, n;
        int fds[2], status;
        pid_t pid;

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                write_and_report(x, first, fds[1]);
        close(fds[1]);
        for (int i = 0; i < reports && read(fds[0], &n, sizeof(n)) == sizeof(n); i++)
                last = n;
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        /* What it said before it died counts as well. */
        while (read(fds[0], &n, sizeof(n)) == sizeof(n))
                last = n;
        close(fds[0]);
        return last;
}

static void test_kill_at_any_moment(void **state)
{
        struct scratch *x = *state;
        uint32_t told = 0;

        srand(7);
        for (int i = 0; i < KILLS; i++) {
                struct store *s;
                int64_t n;

                told = run_and_kill(x, told, rand() % 60);
                s = scratch_open(x, i % 2);
                n = scratch_integer(s, "SELECT count(*) FROM subject");
                assert_true(n >= told);
                assert_int_equal(n % 3, 0); /* batches are whole */
                assert_int_equal(scratch_integer(s, "SELECT max(pid) + 1 FROM subject"), n);
                assert_int_equal(scratch_integer(s, "SELECT count(*) FROM evidence"), n);
                scratch_check(s);
                store_close(s);
                told = (uint32_t) n;
        }
        assert_true(told > 3 * KILLS);
}

/* While it is being made there is nothing to lose, but the next start must work. */
static void test_kill_while_it_is_made(void **state)
{
        struct scratch *x = *state;

        for (int i = 0; i < 40; i++) {
                nsec_t until;
                struct store *s;
                pid_t pid = fork();

                assert_true(pid >= 0);
                if (pid == 0) {
                        if (store_open(&(struct store_params){.dir = x->dir}, &s, NULL) < 0)
                                _exit(1);
                        pause();
                }
                until = clock_boottime() + i * 100 * NSEC_PER_USEC;
                while (clock_boottime() < until)
                        ;
                kill(pid, SIGKILL);
                assert_int_equal(waitpid(pid, NULL, 0), pid);
                s = scratch_open(x, false);
                assert_int_equal(scratch_count(s, LEVEL_UNKNOWN), 0);
                scratch_check(s);
                store_close(s);
                assert_int_equal(unlink(x->path), 0);
        }
}

/* Writes until there is no more room. The number committed. */
static int64_t fill(struct store *s)
{
        int64_t committed = 0;

        for (uint32_t n = 1; n < 100000; n++) {
                struct evidence e = scratch_evidence(n, n);
                int r = store_put_evidence(s, &e, false);

                if (r == 0)
                        r = store_commit(s);
                if (r == -ENOSPC)
                        return committed;
                assert_int_equal(r, 0);
                committed++;
        }
        fail_msg("the disk never filled");
        return -1;
}

static void full_and_free_again(struct store *s, void (*make_room)(struct store *s, struct scratch *x),
                                struct scratch *x)
{
        struct evidence e = scratch_evidence(200000, 5);
        int64_t committed = fill(s);
        uint64_t lost = store_get_lost(s);

        assert_true(committed > 10);
        assert_int_equal(lost, 1);
        assert_int_equal(scratch_count(s, LEVEL_UNKNOWN), committed); /* earlier content stays */
        make_room(s, x);
        assert_int_equal(store_put_evidence(s, &e, false), 0);
        assert_int_equal(store_commit(s), 0);
        assert_int_equal(store_get_lost(s), lost);
        assert_int_equal(scratch_count(s, LEVEL_UNKNOWN), committed + 1);
        scratch_check(s);
}

static void raise_limit(struct store *s, struct scratch *x _unused_)
{
        assert_int_equal(store_exec(s->db, "PRAGMA max_page_count=100000"), 0);
}

static void test_full_by_page_limit(void **state)
{
        struct scratch *x = *state;
        struct store *s = scratch_open(x, false);

        assert_int_equal(store_exec(s->db, "PRAGMA max_page_count=60"), 0);
        full_and_free_again(s, raise_limit, x);
        store_close(s);
}

/* A batch that does not fit is lost as a whole, and counted as such. */
static void test_full_counts_the_batch(void **state)
{
        struct store *s = scratch_open(*state, false);
        uint64_t failed = 0, committed;

        assert_int_equal(store_exec(s->db, "PRAGMA max_page_count=60"), 0);
        for (uint32_t n = 1; n <= 2000; n++) {
                struct evidence e = scratch_evidence(n, n);

                failed += store_put_evidence(s, &e, false) < 0;
        }
        (void) store_commit(s);
        committed = (uint64_t) scratch_integer(s, "SELECT count(*) FROM evidence");
        assert_true(failed > 0);
        assert_int_equal(store_get_lost(s) + committed, 2000);
        store_close(s);
}

static void remove_ballast(struct store *s _unused_, struct scratch *x)
{
        char path[96];

        snprintf(path, sizeof(path), "%s/ballast", x->dir);
        assert_int_equal(unlink(path), 0);
}

static void put_ballast(struct scratch *x, size_t len)
{
        char path[96], *data = calloc(1, len);
        FILE *f;

        snprintf(path, sizeof(path), "%s/ballast", x->dir);
        f = fopen(path, "we");
        assert_non_null(f);
        (void) !fwrite(data, 1, len, f);
        (void) fclose(f); /* may not fit, as is wanted */
        free(data);
}

/* In a mount namespace of its own, which ends with the process. 77: not possible here. */
static int on_small_disk(struct scratch *x)
{
        struct store *s;

        if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", x->dir, "tmpfs", 0, "size=1m") < 0)
                return 77;
        put_ballast(x, 400 << 10);
        s = scratch_open(x, false);
        full_and_free_again(s, remove_ballast, x);
        store_close(s);
        s = scratch_open(x, false);
        scratch_check(s);
        store_close(s);

        /* Full before there is a store. */
        assert_int_equal(unlink(x->path), 0);
        put_ballast(x, 2 << 20);
        assert_int_equal(scratch_try(x, false, &s), -ENOSPC);
        assert_non_null(strstr(buf_str(&x->errors), "no space"));
        remove_ballast(NULL, x);
        store_close(scratch_open(x, false));
        return 0;
}

static void test_full_disk(void **state)
{
        struct scratch *x = *state;
        int status;
        pid_t pid;

        if (geteuid() != 0)
                skip(); /* only root can mount a small disk */
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(on_small_disk(x));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77)
                skip(); /* no mount namespaces here */
        assert_int_equal(WEXITSTATUS(status), 0);
}

/* 0, or where it failed. */
static int work_sandboxed(struct scratch *x)
{
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
        struct store *s = NULL;

        if (scratch_try(x, false, &s) < 0)
                return 1;
        if (!filter ||
            seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(openat), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, O_CREAT, O_CREAT)) < 0 ||
            seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(open), 0) < 0 ||
            seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(creat), 0) < 0 ||
            seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(rename), 0) < 0 || seccomp_load(filter) < 0)
                return 2;
        for (uint32_t n = 0; n < 5000; n++) {
                struct evidence e = scratch_evidence(n, n);

                if (store_put_evidence(s, &e, false) < 0)
                        return 3;
                if (n % 500 == 0 && store_commit(s) < 0)
                        return 4;
        }
        s->keep = 1000;
        for (int i = 0; i < 10; i++)
                if (store_retain(s, 4000) < 0)
                        return 5;
        if (scratch_count(s, LEVEL_UNKNOWN) != 2000)
                return 6;
        store_close(s);
        return 0;
}

static void test_sandboxed(void **state)
{
        struct scratch *x = *state;
        struct store *s;
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
                _exit(work_sandboxed(x));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        s = scratch_open(x, true);
        assert_int_equal(scratch_count(s, LEVEL_UNKNOWN), 2000);
        store_close(s);
}

/* Reads often; each time a whole number of batches of ten, never fewer than before. */
static int read_often(struct scratch *x)
{
        struct store *s = NULL;
        int before = 0;

        if (scratch_try(x, true, &s) < 0)
                return 1;
        for (int i = 0; i < 40; i++) {
                int n = scratch_count(s, LEVEL_UNKNOWN);

                if (n % 10 != 0 || n < before)
                        return 2;
                before = n;
        }
        store_close(s);
        return 0;
}

static void test_readers_while_writing(void **state)
{
        struct scratch *x = *state;
        struct store *s = scratch_open(x, false);
        uint32_t n = 0;
        int readers = 2;

        assert_int_equal(store_commit(s), 0);
        for (int i = 0; i < 2; i++) {
                pid_t pid = fork();

                assert_true(pid >= 0);
                if (pid == 0)
                        _exit(read_often(x));
        }
        while (readers > 0) {
                int status;

                for (int i = 0; i < 10; i++, n++) {
                        struct evidence e = scratch_evidence(n % 5000, n);

                        assert_int_equal(store_put_evidence(s, &e, false), 0);
                }
                assert_int_equal(store_commit(s), 0);
                if (waitpid(-1, &status, WNOHANG) > 0) {
                        assert_true(WIFEXITED(status));
                        assert_int_equal(WEXITSTATUS(status), 0);
                        readers--;
                }
        }
        assert_int_equal(store_get_lost(s), 0);
        store_close(s);
}

static void test_commits_by_itself(void **state)
{
        struct scratch *x = *state;
        struct store *s = scratch_open(x, false), *reader = NULL;

        for (uint32_t n = 0; n < STORE_PENDING_MAX + 5; n++) {
                struct evidence e = scratch_evidence(n, n);

                assert_int_equal(store_put_evidence(s, &e, false), 0);
        }
        reader = scratch_open(x, true);
        assert_int_equal(scratch_count(reader, LEVEL_UNKNOWN), STORE_PENDING_MAX);
        store_close(s); /* commits the rest */
        assert_int_equal(scratch_count(reader, LEVEL_UNKNOWN), STORE_PENDING_MAX + 5);
        store_close(reader);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                SCRATCH_TEST(test_kill_at_any_moment),
                SCRATCH_TEST(test_kill_while_it_is_made),
                SCRATCH_TEST(test_full_by_page_limit),
                SCRATCH_TEST(test_full_counts_the_batch),
                SCRATCH_TEST(test_full_disk),
                SCRATCH_TEST(test_sandboxed),
                SCRATCH_TEST(test_readers_while_writing),
                SCRATCH_TEST(test_commits_by_itself),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
