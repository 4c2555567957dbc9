/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mail_gate: what each reason weighs, bursts as one claim with a count, who else is blamed, forged permits, and what
 * people are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "model/gate.h"
#include "rig.h"

static struct task process(uint32_t pid)
{
        return (struct task){.start = pid, .leader_start = pid, .pid = pid, .tid = pid};
}

static void make(struct rig *r, uint32_t pid, uint32_t by, const char *name)
{
        struct event e = {.time = r->now, .type = EVENT_PROCESS, .op = PROCESS_FORK};

        e.process.task = process(pid);
        e.process.creator = process(by);
        e.process.uid = e.process.loginuid = 1000;
        e.process.text = name;
        lineage_event(r->lineage, &e);
}

static void talk(struct rig *r, uint32_t pid)
{
        struct event e = rig_flow(r, IPPROTO_TCP, rig_outside(1), 6667);

        e.time = r->now;
        e.flow.task = process(pid);
        lineage_event(r->lineage, &e);
}

static struct event tried(uint32_t pid, unsigned op, unsigned reason, uint32_t server)
{
        struct event e = {.type = EVENT_GATE, .op = (uint8_t) op};

        e.gate.task = process(pid);
        e.gate.comm = "bot";
        e.gate.uid = 1000;
        e.gate.reason = (uint8_t) reason;
        e.gate.denied = 1;
        e.gate.count = 1;
        e.gate.proto = IPPROTO_TCP;
        e.gate.port = 25;
        if (server)
                e.gate.remote = rig_outside(server);
        return e;
}

static void attempt(struct rig *r, uint32_t pid, unsigned reason, uint32_t server)
{
        struct event e = tried(pid, GATE_TRY_CONNECT, reason, server);

        rig_event(r, &e);
}

static void tick(struct rig *r)
{
        r->detector->tick(r->state, r->now, &(struct evidence_sink){.emit = rig_emit, .userdata = r});
}

static void test_weights(void **state)
{
        static const struct {
                unsigned reason, kinds;
                int32_t refused, seen;
        } rows[] = {
                {GATE_WHY_PROGRAM, 0, 900, 400},
                {GATE_WHY_PROGRAM, GATE_IS_SENDER, 400, 200},
                {GATE_WHY_SUBMITTER, GATE_IS_SUBMITTER, 400, 200},
                {GATE_WHY_FOREIGN, GATE_IS_MAILER, 300, 150},
                {GATE_WHY_SESSION, GATE_IS_MAILER, 300, 150},
                {GATE_WHY_LAUNCHER, GATE_IS_MAILER, 300, 150},
                {GATE_WHY_BROKER, GATE_IS_MAILER, 300, 150},
                {GATE_WHY_TERMINAL, GATE_IS_TUI_MAILER, 300, 150},
                {GATE_WHY_UNLABELLED, 0, 300, 150},
                {GATE_WHY_REMOTE, GATE_IS_MAILER, 50, 0},
                {GATE_WHY_INACTIVE, GATE_IS_MAILER, 50, 0},
                {GATE_WHY_LOCKED, GATE_IS_MAILER, 50, 0},
                {GATE_WHY_BACKGROUND, GATE_IS_TUI_MAILER, 50, 0},
                {GATE_WHY_GESTURE, GATE_IS_MAILER, 50, 0},
                {GATE_WHY_TYPED, GATE_IS_TUI_MAILER, 50, 0},
                {GATE_WHY_FOCUS, GATE_IS_MAILER, 50, 0},
                {GATE_WHY_USED, GATE_IS_MAILER, 50, 0},
                {GATE_WHY_SPENT, GATE_IS_MAILER, 50, 0},
                {GATE_WHY_BLOCKED, 0, 0, 0},
                {GATE_WHY_PERSON, GATE_IS_MAILER, 0, 0},
                {GATE_WHY_SENDER, GATE_IS_SENDER, 0, 0},
        };
        struct rig r;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                for (int denied = 0; denied < 2; denied++) {
                        struct event e = tried(10, GATE_TRY_CONNECT, rows[i].reason, 1);
                        int32_t weight = denied ? rows[i].refused : rows[i].seen;

                        if (denied && rows[i].reason < GATE_WHY_REFUSED)
                                continue;
                        rig_open(&r, "mail_gate", NULL);
                        e.gate.kinds = rows[i].kinds;
                        e.gate.denied = (uint8_t) denied;
                        rig_event(&r, &e);
                        assert_int_equal(r.claims, weight != 0);
                        assert_int_equal(r.weights, weight);
                        rig_close(&r);
                }
}

static void test_unattended_is_no_stage(void **state)
{
        struct rig r;

        (void) state;
        rig_open(&r, "mail_gate", NULL);
        for (int hour = 0; hour < 48; hour++) {
                attempt(&r, 10, GATE_WHY_LOCKED, 1);
                r.now += 3600 * NSEC_PER_SEC;
        }
        assert_string_equal(r.last.kind->name, "mail_gate.unattended");
        assert_true(r.last.kind->cap < 100); /* what a piece must weigh to be a stage */
        assert_int_equal(r.weights, 48 * 50);
        rig_close(&r);
}

/* One claim when it begins, one when it proves heavier, and the rest as facts and a count. */
static void test_burst(void **state)
{
        uint64_t count = 0;
        struct rig r;

        (void) state;
        rig_open(&r, "mail_gate", NULL);
        for (int i = 0; i < 1000; i++) {
                int before = r.claims;

                attempt(&r, 10, GATE_WHY_PROGRAM, (uint32_t) i + 1);
                if (r.claims > before)
                        count += r.last.count;
                r.now += NSEC_PER_MSEC;
        }
        assert_int_equal(r.claims, 2);
        assert_int_equal(r.weights, 1400);
        assert_int_equal(rig_number(&r, "servers"), 10);
        tick(&r);
        assert_int_equal(r.claims, 2);
        r.now += 10 * NSEC_PER_SEC;
        tick(&r);
        assert_int_equal(r.claims, 3);
        assert_int_equal(r.last.weight, 0);
        assert_int_equal(count + r.last.count, 1000);
        assert_int_equal(rig_number(&r, "attempts"), 1000);
        assert_int_equal(rig_number(&r, "servers"), 32);
        tick(&r);
        assert_int_equal(r.claims, 3);
        r.now += 3600 * NSEC_PER_SEC; /* it still goes on: it weighs again */
        attempt(&r, 10, GATE_WHY_PROGRAM, 1);
        assert_int_equal(r.last.weight, 900);
        rig_close(&r);
}

/* The addresses of one relay, tried in turn, are not many; nor are many in a week. */
static void test_few_servers(void **state)
{
        struct rig r;

        (void) state;
        rig_open(&r, "mail_gate", NULL);
        for (uint32_t i = 1; i <= 9; i++)
                attempt(&r, 10, GATE_WHY_PROGRAM, i);
        assert_int_equal(r.weights, 900);
        r.now += 601 * NSEC_PER_SEC;
        attempt(&r, 10, GATE_WHY_PROGRAM, 10);
        assert_int_equal(r.weights, 900);
        rig_close(&r);
}

/* A burst that the kernel half tells by the second: one server, and how many attempts. */
static void test_many_tries(void **state)
{
        struct event e = tried(10, GATE_TRY_CONNECT, GATE_WHY_PROGRAM, 1);
        struct rig r;

        (void) state;
        rig_open(&r, "mail_gate", NULL);
        rig_event(&r, &e);
        e.gate.count = 165;
        rig_event(&r, &e);
        assert_int_equal(r.weights, 900);
        e.gate.count = 1;
        rig_event(&r, &e);
        assert_int_equal(r.weights, 1400);
        assert_int_equal(r.last.count, 166);
        rig_close(&r);

        rig_open(&r, "mail_gate", NULL); /* a mail program that tries and tries again */
        e = tried(10, GATE_TRY_CONNECT, GATE_WHY_LOCKED, 1);
        e.gate.count = 100000;
        rig_event(&r, &e);
        assert_int_equal(r.weights, 50);
        rig_close(&r);
}

static void test_handovers(void **state)
{
        struct rig r;

        (void) state;
        rig_open(&r, "mail_gate", NULL);
        for (int i = 0; i < 20; i++) {
                struct event e = tried(10, GATE_TRY_HANDOVER, GATE_WHY_SUBMITTER, 0);

                e.gate.text = "/usr/sbin/handon";
                rig_event(&r, &e);
                assert_int_equal(r.weights, i < 19 ? 400 : 900);
        }
        rig_assert_story(&r, "Process 10 (bot, user 1000) tried to hand mail to this machine's own mail server "
                             "(/usr/sbin/handon), 20 times. The mail gate refused: it hands mail on, and no mail "
                             "program had started it.\n");
        rig_close(&r);
}

static void test_ancestors(void **state)
{
        struct rig r;

        (void) state;
        rig_open(&r, "mail_gate", NULL);
        make(&r, 5, 1, "desktop");
        make(&r, 10, 5, "bot");
        make(&r, 11, 10, "sh");
        make(&r, 12, 11, "nc");
        talk(&r, 10);
        attempt(&r, 12, GATE_WHY_PROGRAM, 1);
        /* 12 itself, and 10, which talks; neither 11 nor 5 */
        assert_int_equal(r.claims, 2);
        assert_int_equal(r.last.subject.pid, 10);
        assert_string_equal(r.last.subject.name, "bot");
        rig_assert_story(&r, "Process 12 (nc, user 1000), which descends from this one, tried to connect to a mail "
                             "server, 203.0.0.1 port 25. The mail gate refused: it is no mail program.\nWho started "
                             "whom: ? > desktop > bot > sh > nc.\n");
        attempt(&r, 12, GATE_WHY_LOCKED, 1);
        assert_int_equal(r.last.subject.pid, 12); /* a person's mail program makes nobody else odd */
        rig_close(&r);
}

/* A loop in a shell: each child tries one server, and the shell, which does not talk itself, answers for all. */
static void test_silent_creator(void **state)
{
        struct rig r;

        (void) state;
        rig_open(&r, "mail_gate", NULL);
        make(&r, 10, 5, "sh");
        for (uint32_t i = 0; i < 10; i++) {
                make(&r, 100 + i, 10, "nc");
                attempt(&r, 100 + i, GATE_WHY_PROGRAM, i + 1);
        }
        assert_int_equal(r.claims, 11);
        assert_int_equal(r.last.subject.pid, 10);
        assert_int_equal(r.last.weight, 1400);
        for (uint32_t i = 0; i < 30; i++) { /* process 1 made everything and answers for nothing */
                make(&r, 200 + i, 1, "job");
                attempt(&r, 200 + i, GATE_WHY_PROGRAM, i + 1);
                assert_int_equal(r.last.subject.pid, 200 + i);
        }
        rig_close(&r);
}

static void test_login_ends_blame(void **state)
{
        struct event e = {.time = T0, .type = EVENT_PROCESS, .op = PROCESS_FORK};
        struct rig r;

        (void) state;
        rig_open(&r, "mail_gate", NULL);
        e.process.task = process(10);
        e.process.creator = process(5);
        e.process.loginuid = UINT32_MAX;
        lineage_event(r.lineage, &e);
        talk(&r, 10);
        make(&r, 11, 10, "sh"); /* loginuid 1000 */
        make(&r, 12, 11, "script");
        attempt(&r, 12, GATE_WHY_PROGRAM, 1);
        assert_int_equal(r.claims, 1);
        assert_int_equal(r.last.subject.pid, 12);
        rig_close(&r);
}

static void test_forged_mark(void **state)
{
        struct event mark = tried(10, GATE_TRY_MARK, GATE_WHY_NONE, 0);
        struct rig r;

        (void) state;
        rig_open(&r, "mail_gate", NULL);
        make(&r, 10, 5, "bot");
        make(&r, 11, 10, "nc");
        rig_event(&r, &mark);
        assert_int_equal(r.weights, 700);
        assert_string_equal(r.last.kind->name, "mail_gate.forged_permit");
        assert_int_equal(r.last.kind->stage, STAGE_HIDE);
        rig_event(&r, &mark);
        assert_int_equal(r.claims, 1);
        attempt(&r, 11, GATE_WHY_PROGRAM, 1); /* the child: 9.0 for it, 7.0 more for the forger */
        assert_int_equal(r.claims, 3);
        assert_int_equal(r.weights, 700 + 900 + 700);
        assert_int_equal(r.last.subject.pid, 10);
        rig_close(&r);

        /* the other way round */
        rig_open(&r, "mail_gate", NULL);
        attempt(&r, 10, GATE_WHY_PROGRAM, 1);
        r.now += NSEC_PER_SEC;
        rig_event(&r, &mark);
        assert_int_equal(r.last.weight, 1400);
        rig_assert_story(&r,
                         "Process 10 (bot, user 1000) tried to set the mark of the gate's permit on a socket, which "
                         "only the gate does.\nIt had tried to send mail before.\n");
        rig_close(&r);

        /* long before */
        rig_open(&r, "mail_gate", NULL);
        rig_event(&r, &mark);
        r.now += 601 * NSEC_PER_SEC;
        attempt(&r, 10, GATE_WHY_PROGRAM, 1);
        assert_int_equal(r.weights, 700 + 900);
        rig_close(&r);
}

static void test_injected(void **state)
{
        struct event push = tried(10, GATE_TRY_INJECT, GATE_WHY_NONE, 0);
        struct rig r;

        (void) state;
        rig_open(&r, "mail_gate", NULL);
        push.gate.denied = 0;
        rig_event(&r, &push);
        assert_int_equal(r.claims, 0);
        r.now += NSEC_PER_SEC;
        attempt(&r, 20, GATE_WHY_INJECTED, 1);
        assert_int_equal(r.claims, 1);
        assert_int_equal(r.weights, 1400);
        assert_int_equal(r.last.subject.pid, 10);
        r.now += 60 * NSEC_PER_SEC;
        attempt(&r, 20, GATE_WHY_INJECTED, 1); /* whoever did it now is not known */
        assert_int_equal(r.claims, 1);
        push.gate.uid = 1001;
        rig_event(&r, &push);
        attempt(&r, 20, GATE_WHY_INJECTED, 1); /* another user cannot have */
        assert_int_equal(r.claims, 1);
        rig_close(&r);
}

static void test_nobody(void **state)
{
        struct event e = tried(0, GATE_TRY_PACKET, GATE_WHY_PROGRAM, 1);
        struct rig r;

        (void) state;
        rig_open(&r, "mail_gate", NULL);
        e.gate.task = (struct task){0};
        e.gate.comm = NULL;
        rig_event(&r, &e);
        assert_int_equal(r.weights, 300);
        assert_int_equal(r.last.subject.kind, SUBJECT_HOST);
        rig_assert_story(&r, "A process that could not be named sent packets past its sockets to a mail server, "
                             "203.0.0.1 port 25. The mail gate refused: it is no mail program.\n");
        e.op = GATE_TRY_ASK; /* no attempts */
        rig_event(&r, &e);
        e.op = GATE_TRY_BLOCKED;
        rig_event(&r, &e);
        e.op = GATE_TRY_TAMPER;
        rig_event(&r, &e);
        assert_int_equal(r.claims, 1);
        rig_close(&r);
}

static void test_hostile_name(void **state)
{
        struct event e = tried(10, GATE_TRY_CONNECT, GATE_WHY_PROGRAM, 1);
        struct buf out = BUF_HEAP(8192);
        struct rig r;

        (void) state;
        rig_open(&r, "mail_gate", NULL);
        e.gate.comm = "\x1b[31mred\n";
        e.gate.count = UINT32_MAX;
        rig_event(&r, &e);
        rig_event(&r, &e);
        r.detector->explain(&r.last, &out);
        assert_null(memchr(out.data, '\x1b', out.len));
        buf_done(&out);
        rig_close(&r);
}

static void test_storm(void **state)
{
        struct rig r;

        (void) state;
        rig_open(&r, "mail_gate", NULL);
        rig_storm(&r, 100000);
        rig_close(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_weights),
                cmocka_unit_test(test_unattended_is_no_stage),
                cmocka_unit_test(test_burst),
                cmocka_unit_test(test_few_servers),
                cmocka_unit_test(test_many_tries),
                cmocka_unit_test(test_handovers),
                cmocka_unit_test(test_ancestors),
                cmocka_unit_test(test_silent_creator),
                cmocka_unit_test(test_login_ends_blame),
                cmocka_unit_test(test_forged_mark),
                cmocka_unit_test(test_injected),
                cmocka_unit_test(test_nobody),
                cmocka_unit_test(test_hostile_name),
                cmocka_unit_test(test_storm),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
