/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Journal entries against a journal of our own: a datagram socket that a parser of the native protocol reads. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <endian.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "respond/alarm.h"

struct journal {
        char dir[64], path[96];
        int fd;
        char entry[65536];
        ssize_t len;
};

static int set_up(void **ret)
{
        struct journal *j = calloc(1, sizeof(*j));
        struct sockaddr_un sa = {.sun_family = AF_UNIX};

        strcpy(j->dir, "/tmp/sekimori-alarm-XXXXXX");
        assert_non_null(mkdtemp(j->dir));
        snprintf(j->path, sizeof(j->path), "%s/socket", j->dir);
        strcpy(sa.sun_path, j->path);
        j->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_int_equal(bind(j->fd, (struct sockaddr *) &sa, sizeof(sa)), 0);
        *ret = j;
        return 0;
}

static int tear_down(void **state)
{
        struct journal *j = *state;

        if (j->fd >= 0)
                close(j->fd);
        unlink(j->path);
        rmdir(j->dir);
        free(j);
        return 0;
}

static bool receive(struct journal *j)
{
        j->len = recv(j->fd, j->entry, sizeof(j->entry), 0);
        return j->len > 0;
}

/* The value of a field, as systemd-journald reads it; "" with *ret_n = SIZE_MAX when absent. */
static const char *field(const struct journal *j, const char *name, size_t *ret_n)
{
        const char *p = j->entry, *end = j->entry + j->len;

        while (p < end) {
                const char *stop = memchr(p, '\n', (size_t) (end - p)), *equals, *value;
                size_t name_len, n;

                assert_non_null(stop);
                equals = memchr(p, '=', (size_t) (stop - p));
                if (equals) {
                        name_len = (size_t) (equals - p);
                        value = equals + 1;
                        n = (size_t) (stop - value);
                } else {
                        uint64_t le;

                        name_len = (size_t) (stop - p);
                        assert_true(stop + 1 + 8 <= end);
                        memcpy(&le, stop + 1, 8);
                        value = stop + 1 + 8;
                        n = le64toh(le);
                        assert_true(n < (size_t) (end - value));
                }
                assert_int_equal(value[n], '\n');
                if (strlen(name) == name_len && strncmp(name, p, name_len) == 0) {
                        *ret_n = n;
                        return value;
                }
                p = value + n + 1;
        }
        *ret_n = SIZE_MAX;
        return "";
}

static void assert_field(const struct journal *j, const char *name, const char *expected)
{
        size_t n;
        const char *value = field(j, name, &n);

        if (n != strlen(expected) || memcmp(value, expected, n) != 0)
                fail_msg("%s is %.*s, not %s", name, (int) (n == SIZE_MAX ? 4 : n), n == SIZE_MAX ? "none" : value,
                         expected);
}

static struct verdict verdict_of(enum level level)
{
        struct verdict v = {.level = level, .score = 3150, .stages = 1u << STAGE_CONTROL | 1u << STAGE_ATTACK};

        v.subject.kind = SUBJECT_PROCESS;
        v.subject.pid = 812;
        v.subject.start = 99;
        v.subject.boot_id[0] = 0xab;
        strcpy(v.subject.name, "x\nPRIORITY=7");
        return v;
}

static void test_entry(void **state)
{
        struct journal *j = *state;
        struct verdict before = verdict_of(LEVEL_CLEAR), after = verdict_of(LEVEL_BOT);
        _cleanup_close_ int fd = -1;

        assert_int_equal(alarm_open(j->path, &fd), 0);
        assert_int_equal(alarm_level_changed(fd, &before, &after, "It took orders.\nIts child scanned.\n"), 1);
        assert_true(receive(j));
        assert_field(j, "MESSAGE", "process 812 (x\\x0aPRIORITY=7): bot, was clear (score 31.5)");
        assert_field(j, "MESSAGE_ID", ALARM_MESSAGE_ID);
        assert_field(j, "PRIORITY", "2");
        assert_field(j, "SYSLOG_IDENTIFIER", "sekimori");
        assert_field(j, "SEKIMORI_SUBJECT", "process:812:99:ab000000");
        assert_field(j, "SEKIMORI_LEVEL", "bot");
        assert_field(j, "SEKIMORI_LEVEL_BEFORE", "clear");
        assert_field(j, "SEKIMORI_SCORE", "31.5");
        assert_field(j, "SEKIMORI_STAGES", "control,attack");
        assert_field(j, "SEKIMORI_STORY", "It took orders.\nIts child scanned.");
        assert_false(receive(j)); /* one entry, not more */
}

static void test_gate(void **state)
{
        struct journal *j = *state;
        struct gate_entry e = {
                .op = GATE_TRY_CONNECT, .reason = GATE_WHY_GESTURE, .denied = 1, .uid = 1000, .port = 25};
        _cleanup_close_ int fd = -1;
        size_t n;

        e.task.pid = 4711;
        e.count = 12;
        strcpy(e.program, "/tmp/a\nPRIORITY=7");
        strcpy(e.chain, "systemd > bot");
        assert_int_equal(addr_parse("192.0.2.1", &e.remote), 0);
        assert_int_equal(alarm_gate(-1, &e, "line"), -ENOENT);
        assert_int_equal(alarm_open(j->path, &fd), 0);
        assert_int_equal(alarm_gate(fd, &e, "It tried to."), 1);
        assert_true(receive(j));
        assert_field(j, "MESSAGE", "It tried to.");
        assert_field(j, "MESSAGE_ID", ALARM_GATE_MESSAGE_ID);
        assert_field(j, "PRIORITY", "4");
        assert_field(j, "SEKIMORI_GATE_OP", "connect");
        assert_field(j, "SEKIMORI_GATE_ACTION", "denied");
        assert_field(j, "SEKIMORI_GATE_REASON", "no_gesture");
        assert_field(j, "SEKIMORI_PROGRAM", "/tmp/a\nPRIORITY=7");
        assert_field(j, "SEKIMORI_CHAIN", "systemd > bot");
        assert_field(j, "SEKIMORI_PID", "4711");
        assert_field(j, "SEKIMORI_UID", "1000");
        assert_field(j, "SEKIMORI_REMOTE", "192.0.2.1");
        assert_field(j, "SEKIMORI_PORT", "25");
        assert_field(j, "SEKIMORI_COUNT", "12");
        e = (struct gate_entry){.op = GATE_TRY_TAMPER};
        assert_int_equal(alarm_gate(fd, &e, "It reached for."), 1);
        assert_true(receive(j));
        assert_field(j, "PRIORITY", "3");
        assert_field(j, "SEKIMORI_GATE_ACTION", "seen");
        field(j, "SEKIMORI_REMOTE", &n);
        assert_true(n == SIZE_MAX);
}

static void test_priorities(void **state)
{
        static const char *const expected[LEVELS] = {"5", "5", "4", "2"};
        struct journal *j = *state;
        _cleanup_close_ int fd = -1;

        assert_int_equal(alarm_open(j->path, &fd), 0);
        for (unsigned level = 0; level < LEVELS; level++) {
                struct verdict before = verdict_of((level + 1) % LEVELS), after = verdict_of(level);
                size_t n;

                assert_int_equal(alarm_level_changed(fd, &before, &after, NULL), 1);
                assert_true(receive(j));
                assert_field(j, "PRIORITY", expected[level]);
                field(j, "SEKIMORI_STORY", &n);
                assert_true(n == SIZE_MAX);
        }
}

static void test_no_change_no_entry(void **state)
{
        struct journal *j = *state;
        struct verdict before = verdict_of(LEVEL_BOT), after = verdict_of(LEVEL_BOT);
        _cleanup_close_ int fd = -1;

        after.score += 500;
        assert_int_equal(alarm_open(j->path, &fd), 0);
        assert_int_equal(alarm_level_changed(fd, &before, &after, "again"), 0);
        assert_false(receive(j));
        assert_int_equal(alarm_level_changed(-1, &before, &after, "again"), 0);
}

static void test_huge_and_hostile_story(void **state)
{
        struct journal *j = *state;
        struct verdict before = verdict_of(LEVEL_CLEAR), after = verdict_of(LEVEL_SUSPECT);
        _cleanup_close_ int fd = -1;
        _cleanup_free_ char *story = malloc(100001);
        const char *value;
        size_t n;

        memset(story, '\x1b', 100000);
        story[100000] = '\0';
        story[3] = '\n';
        assert_int_equal(alarm_open(j->path, &fd), 0);
        assert_int_equal(alarm_level_changed(fd, &before, &after, story), 1);
        assert_true(receive(j));
        value = field(j, "SEKIMORI_STORY", &n);
        assert_int_equal(n, ALARM_STORY_MAX);
        assert_null(memchr(value, '\x1b', n));
}

static void test_no_journal(void **state)
{
        struct journal *j = *state;
        struct verdict before = verdict_of(LEVEL_CLEAR), after = verdict_of(LEVEL_BOT);
        char absent[128], too_long[200];
        int fd = -7;

        snprintf(absent, sizeof(absent), "%s/absent", j->dir);
        assert_int_equal(alarm_open(absent, &fd), -ENOENT);
        memset(too_long, 'x', sizeof(too_long) - 1);
        too_long[sizeof(too_long) - 1] = '\0';
        assert_int_equal(alarm_open(too_long, &fd), -ENAMETOOLONG);
        assert_int_equal(fd, -7); /* untouched */
        assert_int_equal(alarm_level_changed(-1, &before, &after, "x"), -ENOENT);

        assert_int_equal(alarm_open(j->path, &fd), 0);
        close(j->fd);
        j->fd = -1;
        assert_int_equal(alarm_level_changed(fd, &before, &after, "x"), -ECONNREFUSED);
        close(fd);
}

/* A journal that does not read must not stop the engine. */
static void test_full_journal(void **state)
{
        struct journal *j = *state;
        struct verdict before = verdict_of(LEVEL_CLEAR), after = verdict_of(LEVEL_BOT);
        _cleanup_close_ int fd = -1;
        int r = 1;

        assert_int_equal(alarm_open(j->path, &fd), 0);
        for (int i = 0; r == 1 && i < 100000; i++)
                r = alarm_level_changed(fd, &before, &after, "x");
        assert_int_equal(r, -EAGAIN);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_entry, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_gate, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_priorities, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_no_change_no_entry, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_huge_and_hostile_story, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_no_journal, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_full_journal, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
