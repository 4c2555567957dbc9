/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What learning proposes: units of the system, programs with their user, nothing of a person's session, and no more
 * than there is room for. */
#include "respond/gate_propose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static struct gate_propose *propose;

static int setup(void **state)
{
        (void) state;
        assert_int_equal(gate_propose_new(&propose), 0);
        return 0;
}

static int teardown(void **state)
{
        (void) state;
        gate_propose_free(propose);
        return 0;
}

static const struct gate_record wanting = {
        .op = GATE_OP_CONNECT, .reason = GATE_REASON_SESSION, .learn = 1, .count = 1};

static void note(const char *program, const char *cgroup, uint32_t uid, nsec_t time)
{
        struct gate_record r = wanting;
        const struct gate_propose_fact fact = {&r, program, cgroup, time};

        r.uid = uid;
        gate_propose_note(propose, &fact);
}

static void put(void *userdata, const struct gate_propose_item *item)
{
        struct buf *all = userdata;

        assert_int_equal(gate_propose_put(item, all), 0);
        buf_printf(all, " # %d %s\n", (int) item->count, item->wide ? "wide" : "");
}

static void check(const char *expected)
{
        struct buf all = BUF_HEAP(1 << 20);

        gate_propose_each(propose, put, &all);
        assert_string_equal(buf_str(&all), expected);
        buf_done(&all);
}

static void test_proposals(void **state)
{
        (void) state;
        check("");
        note("/usr/libexec/postfix/smtp", "/system.slice/system-postfix.slice/postfix@-.service", 100, 5);
        note("/usr/libexec/postfix/smtp", "/system.slice/system-postfix.slice/postfix@-.service", 101, 6);
        note("/usr/bin/report", "/system.slice/cron.service", 0, 7);
        note("/usr/bin/report", "/system.slice/cron.service", 0, 8);
        note("/usr/bin/report", "/system.slice/cron.service", 0, 8);
        note("/usr/bin/python3.11", "/", 0, 9);
        note("/opt/it's here", NULL, 4000000000u, 9);
        check("sekimori gate allow /usr/bin/report --user root # 3 \n"
              "sekimori gate allow postfix@-.service # 2 \n"
              "sekimori gate allow /usr/bin/python3.11 --user root # 1 wide\n"
              "sekimori gate allow '/opt/it'\\''s here' --user 4000000000 # 1 \n");
        gate_propose_clear(propose);
        check("");
}

static void look(void *userdata, const struct gate_propose_item *item)
{
        *(struct gate_propose_item *) userdata = *item;
}

static void test_times_and_counts(void **state)
{
        struct gate_record r = wanting;
        const struct gate_propose_fact fact = {&r, "/a", "/system.slice/a.service", 9};
        struct gate_propose_item item = {0};

        (void) state;
        note("/a", "/system.slice/a.service", 1, 5);
        r.count = 1000;
        r.reason = GATE_REASON_SUBMITTER;
        r.op = GATE_OP_HANDOVER;
        gate_propose_note(propose, &fact);
        gate_propose_each(propose, look, &item);
        assert_int_equal(item.count, 1001);
        assert_true(item.first == 5 && item.last == 9);
        assert_int_equal(item.reason, GATE_REASON_SUBMITTER);
        assert_int_equal(item.kind, GATE_PROPOSE_UNIT);
}

static void test_nothing_proposed(void **state)
{
        struct gate_propose_stats stats;
        struct gate_record r = wanting;
        const struct gate_propose_fact fact = {&r, "/a", "/system.slice/a.service", 9};

        (void) state;
        /* Of a person's. */
        note("/home/x/bot", "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", 1000, 1);
        r.session = 3;
        gate_propose_note(propose, &fact);
        r.session = 0;
        /* Not known, or not fit for a command. */
        note("", "", 0, 1);
        note(NULL, NULL, 0, 1);
        note("/a\nb", "/", 0, 1);
        note("relative", "/system.slice/x.scope", 0, 1);
        gate_propose_stats(propose, &stats);
        assert_int_equal(stats.inside, 2);
        assert_int_equal(stats.unknown, 4);
        /* Allowed, blocked, about other things. */
        r.reason = GATE_REASON_SENDER;
        gate_propose_note(propose, &fact);
        r.reason = GATE_REASON_BLOCKED;
        gate_propose_note(propose, &fact);
        r.reason = GATE_REASONS;
        gate_propose_note(propose, &fact);
        r.reason = GATE_REASON_SESSION;
        r.op = GATE_OP_TAMPER;
        gate_propose_note(propose, &fact);
        check("");
}

static void test_bounded(void **state)
{
        struct gate_propose_stats stats;
        struct buf all = BUF_HEAP(1 << 20);
        char path[600];

        (void) state;
        note("/first", "/", 0, 1);
        for (int i = 0; i < 10000; i++) {
                snprintf(path, sizeof(path), "/bin/%d", i);
                note(path, "/", 0, i);
        }
        gate_propose_stats(propose, &stats);
        assert_int_equal(stats.evicted, 10001 - GATE_PROPOSE_MAX);
        gate_propose_each(propose, put, &all);
        assert_non_null(strstr(buf_str(&all), "/bin/9999 "));
        assert_null(strstr(buf_str(&all), "/first"));
        buf_done(&all);
        memset(path, 'x', sizeof(path));
        path[0] = '/';
        path[sizeof(path) - 1] = '\0';
        note(path, "/", 0, 1);
        gate_propose_stats(propose, &stats);
        assert_int_equal(stats.unknown, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_proposals),
                TEST(test_times_and_counts),
                TEST(test_nothing_proposed),
                TEST(test_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
