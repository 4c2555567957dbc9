/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The program's own messages: level, role, one line each, nothing from outside that could drive a terminal. */
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static char printed[8192];
static int saved = -EBADF, captured = -EBADF;

static void begin(void)
{
        char path[] = "/tmp/sekimori-test-log-XXXXXX";

        fflush(stderr);
        captured = mkostemp(path, O_CLOEXEC);
        assert_true(captured >= 0);
        unlink(path);
        saved = dup(STDERR_FILENO);
        assert_true(saved >= 0);
        assert_true(dup2(captured, STDERR_FILENO) >= 0);
}

static const char *end(void)
{
        ssize_t n;

        fflush(stderr);
        assert_true(dup2(saved, STDERR_FILENO) >= 0);
        close(saved);
        n = pread(captured, printed, sizeof(printed) - 1, 0);
        close(captured);
        assert_true(n >= 0);
        printed[n] = '\0';
        return printed;
}

static void test_levels(void **state)
{
        (void) state;
        begin();
        log_error("one");
        log_warning("two");
        log_notice("three");
        log_debug("four");
        assert_string_equal(end(), "sekimori: error: one\nsekimori: warning: two\nsekimori: three\n");

        begin();
        log_set_level(LOG_LEVEL_DEBUG);
        log_debug("five %d", 5);
        log_set_level(LOG_LEVEL_ERROR);
        log_warning("six");
        log_error("seven");
        log_set_level(LOG_LEVEL_NOTICE);
        assert_string_equal(end(), "sekimori: debug: five 5\nsekimori: error: seven\n");
}

static void test_role(void **state)
{
        (void) state;
        begin();
        log_set_role("engine");
        log_notice("x");
        log_set_role(NULL);
        log_notice("y");
        assert_string_equal(end(), "sekimori-engine: x\nsekimori: y\n");
}

static void test_hostile(void **state)
{
        (void) state;
        begin();
        log_notice("%s", "\x1b]0;x\x07\nsekimori: error: forged \xff \xc2\x9b");
        assert_string_equal(end(), "sekimori: \\x1b]0;x\\x07\\x0asekimori: error: forged \\xff \\xc2\\x9b\n");
}

static void test_long(void **state)
{
        char huge[5000];

        (void) state;
        memset(huge, 0x01, sizeof(huge) - 1); /* four characters on screen each */
        huge[sizeof(huge) - 1] = '\0';
        begin();
        log_notice("%s", huge);
        end();
        assert_true(strlen(printed) > 1000 && strlen(printed) < 4096);
        assert_ptr_equal(strchr(printed, '\n'), printed + strlen(printed) - 1); /* still one line */
        assert_null(strchr(printed, 0x01));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_levels),
                cmocka_unit_test(test_role),
                cmocka_unit_test(test_hostile),
                cmocka_unit_test(test_long),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
