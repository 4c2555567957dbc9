/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Maildirs in a folder of the test's own: what is handed out, how often, and when all is done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "daemon/maildirs.h"

static char root[64], box[96];
static char *paths[] = {box};
static nsec_t since;
static int said, told;
static nsec_t now; /* boot time, as the test has it */

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
        (void) st;
        (void) flag;
        (void) ftw;
        return remove(path);
}

static void make_box(const char *at)
{
        char path[256];

        assert_int_equal(mkdir(at, 0700), 0);
        for (int i = 0; i < 3; i++) {
                snprintf(path, sizeof(path), "%s/%s", at, (const char *[]){"tmp", "new", "cur"}[i]);
                assert_int_equal(mkdir(path, 0700), 0);
        }
}

static int set_up(void **state)
{
        (void) state;
        strcpy(root, "/tmp/sekimori-test-XXXXXX");
        if (!mkdtemp(root))
                return -1;
        snprintf(box, sizeof(box), "%s/box", root);
        make_box(box);
        since = told = 0;
        said = 1;
        now = clock_boottime();
        return 0;
}

static int tear_down(void **state)
{
        (void) state;
        return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static nsec_t on_since(void *userdata, const char *path)
{
        (void) userdata;
        assert_string_equal(path, box);
        return since;
}

static void on_said(void *userdata, const char *path, int error)
{
        (void) userdata;
        assert_string_equal(path, box);
        said = error;
        told++;
}

static struct maildirs *begin(uint32_t queue)
{
        const struct maildirs_params p = {.paths = paths, .n = 1, .since = on_since, .said = on_said, .queue = queue};
        struct maildirs *m;

        assert_int_equal(maildirs_new(&p, &m), 0);
        return m;
}

static void put(const char *name)
{
        char path[512];
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", box, name);
        f = fopen(path, "we");
        assert_non_null(f);
        fputs("x\n", f);
        fclose(f);
}

static void move(const char *from, const char *to)
{
        char a[512], b[512];

        snprintf(a, sizeof(a), "%s/%s", box, from);
        snprintf(b, sizeof(b), "%s/%s", box, to);
        assert_int_equal(rename(a, b), 0);
}

static void deliver(const char *name)
{
        char tmp[256], to[256];

        snprintf(tmp, sizeof(tmp), "tmp/%s", name);
        snprintf(to, sizeof(to), "new/%s", name);
        put(tmp);
        move(tmp, to);
}

/* A second later. */
static void step(struct maildirs *m)
{
        now += 2 * NSEC_PER_SEC;
        maildirs_process(m, now);
}

/* Takes and ends all there are; returns how many could be opened. */
static unsigned take_all(struct maildirs *m)
{
        struct maildirs_mail mail;
        unsigned n = 0;
        int fd;

        while (maildirs_take(m, &mail))
                if (maildirs_open(m, &mail, &fd) == 0) {
                        close(fd);
                        maildirs_done(m, &mail, false);
                        n++;
                }
        return n;
}

static void test_once(void **state)
{
        struct maildirs *m;
        struct maildirs_stats s;

        (void) state;
        deliver("1.a.host"); /* since 0: from the beginning on */
        m = begin(0);
        step(m);
        assert_int_equal(take_all(m), 1);
        deliver("2.a.host");
        put("new/.hidden");
        step(m);
        assert_int_equal(take_all(m), 1);
        move("new/1.a.host", "cur/1.a.host:2,S");
        move("new/2.a.host", "cur/2.a.host:2,S");
        move("cur/2.a.host:2,S", "cur/2.a.host:2,RS");
        step(m);
        assert_int_equal(take_all(m), 0);
        deliver("3.a.host"); /* renamed before it is told, and while it waits */
        move("new/3.a.host", "cur/3.a.host:2,");
        step(m);
        move("cur/3.a.host:2,", "cur/3.a.host:2,F");
        step(m);
        assert_int_equal(take_all(m), 1);
        step(m);
        maildirs_get_stats(m, &s);
        assert_int_equal(s.roots, 1);
        assert_int_equal(s.folders, 1);
        assert_int_equal(s.missing + s.waiting, 0);
        maildirs_free(m);
}

/* Renamed between being handed out and being opened: it comes again, under its new name. */
static void test_renamed_meanwhile(void **state)
{
        struct maildirs *m = begin(0);
        struct maildirs_mail mail;
        struct maildirs_stats s;
        int fd;

        (void) state;
        deliver("1.a.host");
        step(m);
        assert_true(maildirs_take(m, &mail));
        move("new/1.a.host", "cur/1.a.host:2,S");
        assert_int_equal(maildirs_open(m, &mail, &fd), -ENOENT);
        step(m);
        assert_int_equal(take_all(m), 1);
        deliver("2.a.host");
        step(m);
        assert_true(maildirs_take(m, &mail));
        move("new/2.a.host", "tmp/2.a.host"); /* gone */
        assert_int_equal(maildirs_open(m, &mail, &fd), -ENOENT);
        step(m);
        assert_int_equal(take_all(m), 0);
        maildirs_get_stats(m, &s);
        assert_int_equal(s.gone, 2);
        maildirs_free(m);
}

static void test_again(void **state)
{
        struct maildirs *m = begin(0);
        struct maildirs_mail mail;
        int fd;

        (void) state;
        deliver("1.a.host");
        step(m);
        assert_true(maildirs_take(m, &mail));
        assert_int_equal(maildirs_open(m, &mail, &fd), 0);
        close(fd);
        maildirs_done(m, &mail, true);
        maildirs_process(m, clock_boottime());
        assert_false(maildirs_take(m, &mail));
        now += 60 * NSEC_PER_SEC;
        step(m);
        assert_int_equal(take_all(m), 1);
        maildirs_free(m);
}

/* What was placed there before is left alone; what is not done yet keeps the time. */
static void test_since(void **state)
{
        struct maildirs *m;
        struct maildirs_mail mail;
        nsec_t then;
        int fd;

        (void) state;
        deliver("1.a.host");
        since = clock_realtime() + 3600 * NSEC_PER_SEC;
        m = begin(0);
        step(m);
        assert_false(maildirs_take(m, &mail));
        assert_true(maildirs_since(m, 0) <= clock_realtime()); /* the clock was set back: it counts from now on */
        deliver("2.a.host");
        then = maildirs_since(m, 0);
        step(m);
        assert_int_equal(maildirs_since(m, 0), then);
        assert_true(maildirs_take(m, &mail));
        step(m);
        assert_int_equal(maildirs_since(m, 0), then);
        assert_int_equal(maildirs_open(m, &mail, &fd), 0);
        close(fd);
        step(m);
        assert_int_equal(maildirs_since(m, 0), then);
        maildirs_done(m, &mail, true);
        maildirs_process(m, clock_boottime());
        assert_int_equal(maildirs_since(m, 0), then); /* it comes again */
        now += 60 * NSEC_PER_SEC;
        step(m);
        assert_int_equal(take_all(m), 1);
        step(m);
        assert_true(maildirs_since(m, 0) > then);
        maildirs_free(m);
}

/* More mails than find room: the folder is the queue. */
static void test_many(void **state)
{
        struct maildirs *m = begin(16);
        unsigned n = 0, turns = 0;
        char name[32];

        (void) state;
        for (int i = 0; i < 1000; i++) {
                snprintf(name, sizeof(name), "%d.a.host", i);
                deliver(name);
        }
        while (n < 1000 && turns++ < 1000) {
                step(m);
                n += take_all(m);
        }
        assert_int_equal(n, 1000);
        step(m);
        assert_int_equal(take_all(m), 0);
        maildirs_free(m);
}

static void age(const char *name, time_t by)
{
        const struct timespec times[2] = {{.tv_sec = time(NULL) - by}, {.tv_sec = time(NULL) - by}};
        char path[512];

        snprintf(path, sizeof(path), "%s/%s", box, name);
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* More names than are remembered, each of them new: the pass through the folder goes on where it stopped. */
static void test_more_than_seen(void **state)
{
        const struct maildirs_params p = {.paths = paths, .n = 1, .since = on_since, .queue = 16, .seen = 64};
        struct maildirs *m;
        unsigned n = 0, turns = 0;
        char name[32];

        (void) state;
        for (int i = 0; i < 500; i++) {
                snprintf(name, sizeof(name), "new/%d.a.host", i);
                put(name);
        }
        assert_int_equal(maildirs_new(&p, &m), 0);
        while (n < 500 && turns++ < 200) {
                step(m);
                n += take_all(m);
        }
        assert_int_equal(n, 500);
        step(m);
        assert_int_equal(take_all(m), 0);
        maildirs_free(m);
}

/* Old mails that are renamed, marked, or moved there. */
static void test_archive(void **state)
{
        struct maildirs *m;

        (void) state;
        put("tmp/1.a.host");
        age("tmp/1.a.host", 3 * 24 * 3600);
        put("tmp/2.a.host");
        age("tmp/2.a.host", 3600);
        since = clock_realtime();
        m = begin(0);
        step(m);
        move("tmp/1.a.host", "cur/1.a.host:2,");
        step(m);
        assert_int_equal(take_all(m), 0);
        move("tmp/2.a.host", "cur/2.a.host:2,"); /* of today: moved there by a filter, perhaps */
        step(m);
        assert_int_equal(take_all(m), 1);
        maildirs_free(m);
        since = clock_realtime() - 7 * 24 * 3600 * NSEC_PER_SEC; /* nobody watched for a week */
        m = begin(0);
        step(m);
        assert_int_equal(take_all(m), 2);
        maildirs_free(m);
}

static void test_odd_files(void **state)
{
        struct maildirs *m = begin(0);
        struct maildirs_mail mail;
        char path[256];
        int fd;

        (void) state;
        snprintf(path, sizeof(path), "%s/new/link", box);
        assert_int_equal(symlink("/etc/passwd", path), 0);
        snprintf(path, sizeof(path), "%s/new/folder", box);
        assert_int_equal(mkdir(path, 0700), 0);
        snprintf(path, sizeof(path), "%s/new/pipe", box);
        assert_int_equal(mkfifo(path, 0600), 0);
        step(m);
        assert_false(maildirs_take(m, &mail));
        /* It was a file when it was told, and is none any more. */
        deliver("1.a.host");
        step(m);
        assert_true(maildirs_take(m, &mail));
        move("new/1.a.host", "tmp/1");
        snprintf(path, sizeof(path), "%s/new/1.a.host", box);
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_int_equal(maildirs_open(m, &mail, &fd), -EINVAL);
        deliver("2.a.host");
        step(m);
        assert_true(maildirs_take(m, &mail));
        move("new/2.a.host", "tmp/2");
        snprintf(path, sizeof(path), "%s/new/2.a.host", box);
        assert_int_equal(symlink("/etc/passwd", path), 0);
        assert_int_equal(maildirs_open(m, &mail, &fd), -ELOOP);
        maildirs_free(m);
}

static void test_folders(void **state)
{
        struct maildirs *m = begin(0);
        struct maildirs_mail mail;
        struct maildirs_stats s;
        char path[256];

        (void) state;
        snprintf(path, sizeof(path), "%s/.Junk", box);
        make_box(path);
        snprintf(path, sizeof(path), "%s/.not a Maildir", box);
        assert_int_equal(mkdir(path, 0700), 0);
        put(".Junk/new/1.a.host");
        step(m);
        step(m);
        maildirs_get_stats(m, &s);
        assert_int_equal(s.folders, 2);
        assert_true(maildirs_take(m, &mail));
        assert_true(mail.junk);
        assert_false(maildirs_take(m, &mail));
        /* Into it, from where it was handed out: the same mail. */
        deliver("2.a.host");
        step(m);
        assert_int_equal(take_all(m), 1);
        move("new/2.a.host", ".Junk/cur/2.a.host:2,S");
        step(m);
        assert_int_equal(take_all(m), 0);
        maildirs_free(m);
}

static void test_away(void **state)
{
        struct maildirs *m;
        struct maildirs_stats s;
        char other[128];

        (void) state;
        snprintf(other, sizeof(other), "%s/other", root);
        assert_int_equal(rename(box, other), 0);
        m = begin(0);
        assert_int_equal(said, -ENOENT);
        step(m);
        assert_int_equal(told, 1); /* once */
        assert_int_equal(rename(other, box), 0);
        deliver("1.a.host");
        step(m);
        assert_int_equal(said, 0);
        assert_int_equal(take_all(m), 1);
        assert_int_equal(rename(box, other), 0);
        make_box(box); /* another one in its place */
        deliver("2.a.host");
        step(m);
        assert_int_equal(take_all(m), 1);
        assert_int_equal(nftw(box, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
        step(m);
        maildirs_get_stats(m, &s);
        assert_int_equal(s.missing, 1);
        assert_int_equal(close(open(box, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0); /* a file */
        step(m);
        assert_int_equal(said, -ENOTDIR);
        maildirs_free(m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_once, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_renamed_meanwhile, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_again, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_since, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_more_than_seen, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_archive, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_odd_files, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_folders, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_away, set_up, tear_down),
        };

        return cmocka_run_group_tests_name("daemon/maildirs", tests, NULL, NULL);
}
