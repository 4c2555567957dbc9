/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the keeper believes of its watchers' messages, and what they read of servers and files. Without any X server. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <string.h>

#include "respond/gate_focus_internal.h"

#define SESSION_UID 1000

static const struct gate_focus_bounds bounds = {100, 200, SESSION_UID};
static const struct gate_focus_message good = {
        .magic = GATE_FOCUS_MAGIC,
        .flags = GATE_FOCUS_MESSAGE_KNOWN,
        .pid = 4321,
        .server_uid = SESSION_UID,
        .time = 150,
};

static int check(const struct gate_focus_message *m)
{
        struct gate_focus_message ret;

        return gate_focus_check(m, sizeof(*m), &bounds, &ret);
}

static void good_messages(void **state _unused_)
{
        struct gate_focus_message m = good, ret;

        assert_int_equal(gate_focus_check(&m, sizeof(m), &bounds, &ret), 0);
        assert_int_equal(ret.pid, 4321);
        assert_int_equal(ret.time, 150);
        m.server_uid = 0;
        assert_int_equal(check(&m), 0);
        m.time = 100;
        assert_int_equal(check(&m), 0);
        m.time = 200;
        assert_int_equal(check(&m), 0);
        m.pid = 0;
        assert_int_equal(check(&m), 0);
        m.flags = 0;
        assert_int_equal(check(&m), 0);
}

static void bad_messages(void **state _unused_)
{
        struct gate_focus_message m, ret = {.pid = 7};

        m = good, m.magic++;
        assert_int_equal(check(&m), -EBADMSG);
        m = good, m.flags |= 2;
        assert_int_equal(check(&m), -EBADMSG);
        m = good, m.flags = 0; /* a pid that is not known */
        assert_int_equal(check(&m), -EBADMSG);
        m = good, m.pid = GATE_FOCUS_PID_MAX + 1;
        assert_int_equal(check(&m), -EBADMSG);
        m = good, m.pid = UINT32_MAX;
        assert_int_equal(check(&m), -EBADMSG);
        m = good, m.server_uid = SESSION_UID + 1;
        assert_int_equal(check(&m), -EBADMSG);
        m = good, m.time = 201;
        assert_int_equal(check(&m), -EBADMSG);
        m = good, m.time = UINT64_MAX;
        assert_int_equal(check(&m), -EBADMSG);
        m = good, m.time = 99;
        assert_int_equal(check(&m), -EBADMSG);
        m = good;
        assert_int_equal(gate_focus_check(&m, sizeof(m) - 1, &bounds, &ret), -EBADMSG);
        assert_int_equal(gate_focus_check(&m, sizeof(m) + 1, &bounds, &ret), -EBADMSG);
        assert_int_equal(gate_focus_check(&m, 0, &bounds, &ret), -EBADMSG);
        assert_int_equal(ret.pid, 7);
}

static void displays(void **state _unused_)
{
        assert_int_equal(gate_focus_parse_display(":0"), 0);
        assert_int_equal(gate_focus_parse_display(":12.1"), 12);
        assert_int_equal(gate_focus_parse_display(""), -1);
        assert_int_equal(gate_focus_parse_display(":"), -1);
        assert_int_equal(gate_focus_parse_display(":x"), -1);
        assert_int_equal(gate_focus_parse_display(":-1"), -1);
        assert_int_equal(gate_focus_parse_display("localhost:10.0"), -1);
        assert_int_equal(gate_focus_parse_display(":1/../2"), -1);
        assert_int_equal(gate_focus_parse_display(":99999999999999999999"), -1);
}

static void consoles(void **state _unused_)
{
        /* tty_nr: major 4, minor 7 */
        assert_int_equal(gate_focus_parse_console("12 (Xorg) S 1 12 12 1031 12 4194560 0"), 7);
        assert_int_equal(gate_focus_parse_console("12 (a) S 1 2 3 1025 () S 1 12 12 1026 12"), 2);
        assert_int_equal(gate_focus_parse_console("12 (Xorg) S 1 12 12 0 -1 4194560"), 0);
        assert_int_equal(gate_focus_parse_console("12 (Xorg) S 1 12 12 34823 -1 4194560"), 0); /* pts/7 */
        assert_int_equal(gate_focus_parse_console("12 (Xorg) S 1 12 12 1088 -1 4194560"), 0);  /* ttyS0 */
        assert_int_equal(gate_focus_parse_console("12 (Xorg) S 1"), 0);
        assert_int_equal(gate_focus_parse_console(""), 0);
}

static void arguments(void **state _unused_)
{
        static const char line[] = "/usr/lib/xorg/Xorg\0:0\0-auth\0/run/lightdm/root/:0\0vt7\0-auth";

        assert_string_equal(gate_focus_argument(line, sizeof(line), "-auth"), "/run/lightdm/root/:0");
        assert_string_equal(gate_focus_argument(line, sizeof(line), ":0"), "-auth");
        assert_null(gate_focus_argument(line, sizeof(line), "-seat"));
        assert_null(gate_focus_argument(line + sizeof(line) - 6, 6, "-auth")); /* nothing follows */
        assert_null(gate_focus_argument(line, 0, "-auth"));
        assert_true(gate_focus_has_console(line, sizeof(line), 7));
        assert_false(gate_focus_has_console(line, sizeof(line), 1));
        assert_false(gate_focus_has_console(line, sizeof(line), 77));
}

/* An entry of a file of authorities. */
static size_t entry(uint8_t *to, const char *display, const char *name, const char *data, size_t len)
{
        const char *fields[] = {"host", display, name, data};
        size_t at = 2;

        to[0] = 1;
        to[1] = 0;
        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                size_t n = i == 3 ? len : strlen(fields[i]);

                to[at++] = (uint8_t) (n >> 8);
                to[at++] = (uint8_t) n;
                memcpy(to + at, fields[i], n);
                at += n;
        }
        return at;
}

#define MIT "MIT-MAGIC-COOKIE-1"

static void cookies(void **state _unused_)
{
        uint8_t file[512], cookie[GATE_FOCUS_COOKIE] = {0};
        size_t n = 0, first;

        first = n = entry(file, "1", MIT, "another-displays", 16);
        n += entry(file + n, "0", "XDM-AUTHORIZATION-1", "another-protocol", 16);
        n += entry(file + n, "0", MIT, "short", 5);
        n += entry(file + n, "0", MIT, "0123456789abcdef", 16);
        n += entry(file + n, "", MIT, "any-display-will", 16);
        assert_int_equal(gate_focus_cookie(file, n, 0, cookie), 0);
        assert_memory_equal(cookie, "0123456789abcdef", 16);
        /* None for this display: the first. */
        assert_int_equal(gate_focus_cookie(file, n, 5, cookie), 0);
        assert_memory_equal(cookie, "another-displays", 16);
        assert_int_equal(gate_focus_cookie(file + first, n - first, 5, cookie), 0);
        assert_memory_equal(cookie, "0123456789abcdef", 16);
        n = entry(file + first, "0", "XDM-AUTHORIZATION-1", "another-protocol", 16);
        assert_int_equal(gate_focus_cookie(file + first, n, 0, cookie), -ENOENT);
        assert_int_equal(gate_focus_cookie(file, 0, 0, cookie), -ENOENT);
        /* Cut anywhere: refused, or the entries before the cut. */
        for (size_t cut = 1; cut < first; cut++)
                assert_int_equal(gate_focus_cookie(file, cut, 1, cookie), -EBADMSG);
}

static size_t id(uint8_t *to, uint32_t client, uint32_t mask, uint32_t bytes, uint32_t value)
{
        const uint32_t words[] = {client, mask, bytes, value};

        memcpy(to, words, sizeof(words));
        return sizeof(words);
}

static void clients(void **state _unused_)
{
        uint8_t reply[64];
        size_t n = id(reply, 0x200000, 2, 4, 4321);

        assert_int_equal(gate_focus_client_pid(reply, n, 1), 4321);
        assert_int_equal(gate_focus_client_pid(reply, n, 0), 0);
        for (size_t cut = 0; cut < n; cut++)
                assert_int_equal(gate_focus_client_pid(reply, cut, 1), 0);
        /* More ids than there are; a length beyond the end; another kind of id first. */
        assert_int_equal(gate_focus_client_pid(reply, n, UINT32_MAX), 4321);
        id(reply, 0x200000, 2, 0xfffffffc, 4321);
        assert_int_equal(gate_focus_client_pid(reply, n, 1), 0);
        id(reply, 0x200000, 2, 4, UINT32_MAX);
        assert_int_equal(gate_focus_client_pid(reply, n, 1), 0);
        n = id(reply, 0x200000, 1, 4, 99);
        n += id(reply + n, 0x200000, 2, 4, 77);
        assert_int_equal(gate_focus_client_pid(reply, n, 2), 77);
        assert_int_equal(gate_focus_client_pid(reply, n, 1), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(good_messages), cmocka_unit_test(bad_messages), cmocka_unit_test(displays),
                cmocka_unit_test(consoles),      cmocka_unit_test(arguments),    cmocka_unit_test(cookies),
                cmocka_unit_test(clients),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
