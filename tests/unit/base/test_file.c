/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that a user names: what is read, and what each that is no such file gives instead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

static char folder[] = "/tmp/test_file.XXXXXX", path[64];

static int set_up(void **state _unused_)
{
        if (!mkdtemp(folder))
                return -1;
        snprintf(path, sizeof(path), "%s/file", folder);
        return 0;
}

static int tear_down(void **state _unused_)
{
        (void) unlink(path);
        return rmdir(folder);
}

static void put(const char *text, size_t len)
{
        FILE *f = fopen(path, "w");

        assert_non_null(f);
        assert_int_equal(fwrite(text, 1, len, f), len);
        assert_int_equal(fclose(f), 0);
}

static void test_whole(void **state _unused_)
{
        static const char text[] = "one\ntwo\0three";
        _cleanup_free_ char *got = NULL, *none = NULL;
        size_t len;

        put(text, sizeof(text) - 1);
        assert_int_equal(file_read(path, sizeof(text) - 1, &got, &len), 0); /* exactly as much as may be */
        assert_int_equal(len, sizeof(text) - 1);
        assert_memory_equal(got, text, sizeof(text)); /* and the NUL */
        put("", 0);
        assert_int_equal(file_read(path, 10, &none, &len), 0);
        assert_int_equal(len, 0);
        assert_string_equal(none, "");
}

static void test_without_size(void **state _unused_)
{
        _cleanup_free_ char *got = NULL;
        size_t len;

        assert_int_equal(file_read("/proc/self/status", 65536, &got, &len), 0);
        assert_true(len > 100 && strlen(got) == len);
        assert_int_equal(file_read("/proc/self/status", 10, &got, &len), -E2BIG);
}

static void test_refused(void **state _unused_)
{
        char *got = (char *) 1;
        size_t len = 77;

        put("123456", 6);
        assert_int_equal(file_read(path, 5, &got, &len), -E2BIG);
        assert_int_equal(file_read("/proc/none", 5, &got, &len), -ENOENT);
        assert_int_equal(file_read("/", 5, &got, &len), -EISDIR);
        assert_int_equal(file_read("/dev/zero", 5, &got, &len), -EINVAL);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_int_equal(file_read(path, 5, &got, &len), -EINVAL); /* and nobody waits for a writer */
        assert_ptr_equal(got, (char *) 1);
        assert_int_equal(len, 77);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_whole),
                cmocka_unit_test(test_without_size),
                cmocka_unit_test(test_refused),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
