/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Units and control groups, as systemd names them: paths by rule, which of them are too wide, and back. */
#include "respond/gate_unit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char reason[128];

static void check_path(const char *name, const char *whole, const char *path)
{
        struct gate_unit u;

        if (gate_unit_by_rule(name, &u, reason) < 0)
                fail_msg("%s: %s", name, reason);
        assert_string_equal(u.name, whole);
        assert_string_equal(u.path, path);
}

static void check_refused(const char *name, const char *why)
{
        struct gate_unit u;

        assert_int_equal(gate_unit_by_rule(name, &u, reason), -EINVAL);
        assert_string_equal(reason, why);
}

static void test_rules(void **state)
{
        (void) state;
        check_path("postfix", "postfix.service", "/system.slice/postfix.service");
        check_path("postfix.service", "postfix.service", "/system.slice/postfix.service");
        check_path("postfix@-.service", "postfix@-.service", "/system.slice/system-postfix.slice/postfix@-.service");
        check_path("postfix@-", "postfix@-.service", "/system.slice/system-postfix.slice/postfix@-.service");
        check_path("my-mail@a.b.service", "my-mail@a.b.service",
                   "/system.slice/system-my\\x2dmail.slice/my-mail@a.b.service");
        check_path("system-postfix.slice", "system-postfix.slice", "/system.slice/system-postfix.slice");
        check_path("a-b-c.slice", "a-b-c.slice", "/a.slice/a-b.slice/a-b-c.slice");
        check_path("docker-abc.scope", "docker-abc.scope", "/system.slice/docker-abc.scope");
        check_path("dbus-org.x.service", "dbus-org.x.service", "/system.slice/dbus-org.x.service");
        /* Names that the control group file system uses itself. */
        check_path("_x.service", "_x.service", "/system.slice/__x.service");
        check_path("memory.service", "memory.service", "/system.slice/_memory.service");
}

static void test_refused(void **state)
{
        char longest[300];

        (void) state;
        check_refused("", "is no name of a unit");
        check_refused("a b", "is no name of a unit");
        check_refused("a/b.service", "is no name of a unit");
        check_refused("../b.service", "is no name of a unit");
        check_refused("@x.service", "is no name of a unit");
        check_refused("a\n.service", "is no name of a unit");
        check_refused("postfix@.service", "is a template: name an instance of it, or its slice");
        check_refused("postfix@", "is a template: name an instance of it, or its slice");
        check_refused("system.slice", "is too wide: too much runs there");
        check_refused("-.slice", "is too wide: too much runs there");
        check_refused("user.slice", "is too wide: too much runs there");
        check_refused("user-1000.slice", "belongs to a person's sessions");
        check_refused("a--b.slice", "has no control group that can be known");
        check_refused("-a.slice", "has no control group that can be known");
        check_refused("a-.slice", "has no control group that can be known");
        check_refused("a-b-c-d-e-f-g-h-i-j-k-l.slice", "is too deep: at most 11 levels");
        memset(longest, 'x', sizeof(longest));
        longest[sizeof(longest) - 1] = '\0';
        check_refused(longest, "is too long for a unit");
}

static void test_paths(void **state)
{
        static const char *const bad[] = {"",
                                          "/",
                                          "x",
                                          "//",
                                          "/a//b",
                                          "/a/",
                                          "/a/../b",
                                          "/a/.",
                                          "/user.slice",
                                          "/user.slice/user-1000.slice/session-1.scope",
                                          "/init.scope",
                                          "/a\tb"};
        char deep[GATE_UNIT_PATH_MAX + 2];

        (void) state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                assert_int_equal(gate_unit_check_path(bad[i], reason), -EINVAL);
        assert_int_equal(gate_unit_check_path("/openrc/exim", reason), 0);
        assert_int_equal(gate_unit_check_path("/1/2/3/4/5/6/7/8/9/10/11", reason), 0);
        assert_int_equal(gate_unit_check_path("/1/2/3/4/5/6/7/8/9/10/11/12", reason), -EINVAL);
        memset(deep, 'x', sizeof(deep));
        deep[0] = '/';
        deep[sizeof(deep) - 1] = '\0';
        assert_int_equal(gate_unit_check_path(deep, reason), -EINVAL);
}

static void check_unit(const char *path, const char *unit)
{
        char found[GATE_UNIT_NAME_MAX];

        gate_unit_of_path(path, found);
        assert_string_equal(found, unit);
}

static void test_unit_of_path(void **state)
{
        char longest[2000];

        (void) state;
        check_unit("/system.slice/postfix.service", "postfix.service");
        check_unit("/system.slice/system-postfix.slice/postfix@-.service", "postfix@-.service");
        check_unit("/system.slice/x.service/below/y.service", "x.service");
        check_unit("/system.slice/_memory.service", "memory.service");
        check_unit("/system.slice/docker-1.scope", "");
        check_unit("/system.slice/docker-1.scope/x.service", "");
        check_unit("/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", "");
        check_unit("/x.service", "x.service");
        check_unit("/", "");
        check_unit("", "");
        check_unit("//x.service", "");
        memset(longest, 'x', sizeof(longest));
        longest[0] = '/';
        strcpy(longest + sizeof(longest) - 9, ".service");
        check_unit(longest, "");
}

/* Where nobody answers on the bus, the rule holds. */
static void test_find(void **state)
{
        struct gate_unit u;
        int r;

        (void) state;
        assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1), 0);
        r = gate_unit_find("postfix", &u, reason);
        assert_int_equal(r, 1);
        assert_string_equal(u.path, "/system.slice/postfix.service");
        assert_int_equal(gate_unit_find("a b", &u, reason), -EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rules),        cmocka_unit_test(test_refused), cmocka_unit_test(test_paths),
                cmocka_unit_test(test_unit_of_path), cmocka_unit_test(test_find),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
