/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How nft(8) is run: what it prints, what it complains about, limits. Changes nothing: only its help and texts that its
 * parser refuses, which needs no rights. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "respond/nft.h"

static const char *const help[] = {"--help", NULL}, *const check[] = {"-c", "-f", "-", NULL};

static int find_nft(void **state)
{
        (void) state;
        return access("/usr/sbin/nft", X_OK) == 0 || access("/sbin/nft", X_OK) == 0 ? 0 : 1;
}

static void test_output(void **state)
{
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(1 << 16), why = BUF_HEAP(1000);

        (void) state;
        assert_int_equal(nft_run(help, NULL, &out, &why), 0);
        assert_non_null(strstr(buf_str(&out), "Usage: nft"));
        assert_int_equal(why.len, 0);
        assert_int_equal(nft_run(help, NULL, NULL, NULL), 0);
}

static void test_too_much_output(void **state)
{
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(10);

        (void) state;
        assert_int_equal(nft_run(help, NULL, &out, NULL), -ENOBUFS);
}

static void test_complaint(void **state)
{
        char text[200];
        struct buf why = BUF_FIXED(text);

        (void) state;
        assert_int_equal(nft_run(check, "this is no rule\nnor this\n", NULL, &why), -EIO);
        assert_non_null(strstr(text, "syntax error"));
        assert_null(strchr(text, '\n')); /* one line */
        buf_reset(&why);
        assert_int_equal(nft_run(check, "\x1b[31m\n", NULL, &why), -EIO);
        assert_null(strchr(text, '\x1b'));
}

/* A long text does not wait for anybody to read it. */
static void test_long_input(void **state)
{
        const size_t len = 4 << 20;
        _cleanup_free_ char *text = malloc(len + 1);
        char complaint[200];
        struct buf why = BUF_FIXED(complaint);

        (void) state;
        memset(text, ' ', len);
        for (size_t i = 0; i < len; i += 100)
                text[i] = '\n';
        text[len - 1] = '%';
        text[len] = '\0';
        assert_int_equal(nft_run(check, text, NULL, &why), -EIO);
        assert_true(why.len > 0);
}

static void test_too_many_arguments(void **state)
{
        const char *args[NFT_ARGS_MAX + 2];

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(args) - 1; i++)
                args[i] = "--help";
        args[ELEMENTSOF(args) - 1] = NULL;
        assert_int_equal(nft_run(args, NULL, NULL, NULL), -E2BIG);
}

/* Standard descriptors may be closed in a daemon, so that ours get their numbers. */
static void test_closed_standard_descriptors(void **state)
{
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(1 << 16);
        char text[200];
        struct buf why = BUF_FIXED(text);
        int saved[3], r[2];

        (void) state;
        for (int i = 0; i < 3; i++) {
                saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
                close(i);
        }
        r[0] = nft_run(help, NULL, &out, NULL);
        r[1] = nft_run(check, "no rule\n", NULL, &why);
        for (int i = 0; i < 3; i++)
                if (saved[i] >= 0) {
                        dup2(saved[i], i);
                        close(saved[i]);
                }
        assert_int_equal(r[0], 0);
        assert_non_null(strstr(buf_str(&out), "Usage: nft"));
        assert_int_equal(r[1], -EIO);
        assert_non_null(strstr(text, "syntax error"));
}

/* An event loop blocks signals and ignores some; the child must not inherit that, and leaves nothing behind. */
static void test_blocked_signals(void **state)
{
        sigset_t all, before;
        int fds_before, fds_after;

        (void) state;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, &before);
        fds_before = dup(0);
        close(fds_before);
        for (int i = 0; i < 20; i++)
                assert_int_equal(nft_run(help, "", NULL, NULL), 0);
        fds_after = dup(0);
        close(fds_after);
        sigprocmask(SIG_SETMASK, &before, NULL);
        assert_int_equal(fds_before, fds_after); /* no descriptor is left open */
}

static void test_no_descriptors(void **state)
{
        struct rlimit before, few;
        int r;

        (void) state;
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        for (rlim_t n = 3; n < 9; n++) {
                few = (struct rlimit){.rlim_cur = n, .rlim_max = before.rlim_max};
                assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
                r = nft_run(help, "", NULL, NULL);
                assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
                assert_true(r <= 0);
                assert_true(n > 3 || r == -EMFILE);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_output),
                cmocka_unit_test(test_too_much_output),
                cmocka_unit_test(test_complaint),
                cmocka_unit_test(test_long_input),
                cmocka_unit_test(test_too_many_arguments),
                cmocka_unit_test(test_closed_standard_descriptors),
                cmocka_unit_test(test_blocked_signals),
                cmocka_unit_test(test_no_descriptors),
        };

        if (find_nft(NULL) != 0) {
                puts("skipped: there is no program nft");
                return 77;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
