/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tampering: one claim for a burst, about the process and about those above it that talk. */
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

static struct event touched(uint32_t pid, bool denied)
{
        struct event e = {.type = EVENT_GATE, .op = GATE_TRY_TAMPER};

        e.gate.task = process(pid);
        e.gate.comm = "tool";
        e.gate.text = "gate_state";
        e.gate.denied = denied;
        e.gate.count = 1;
        return e;
}

static void test_burst(void **state)
{
        struct event e = touched(10, false);
        uint64_t count = 0;
        struct rig r;

        (void) state;
        rig_open(&r, "tampering", NULL);
        for (int i = 0; i < 1000; i++) {
                int before = r.claims;

                rig_event(&r, &e);
                if (r.claims > before)
                        count += r.last.count;
                r.now += 100 * NSEC_PER_MSEC;
        }
        assert_int_equal(r.weights, 800);
        assert_int_equal(r.claims, 10);
        assert_true(count > 900);
        assert_int_equal(r.last.kind->stage, STAGE_HIDE);
        r.now += 3600 * NSEC_PER_SEC;
        rig_event(&r, &e);
        assert_int_equal(r.weights, 1600); /* the cap holds it at 8.0 */
        rig_assert_story(&r, "Process 10 (tool, user 0) reached for the mail gate's own parts in the kernel "
                             "(gate_state). It could not be refused: look whether the gate is still in force (sekimori "
                             "gate status).\n");
        e = touched(11, true);
        rig_event(&r, &e);
        rig_assert_story(&r, "Process 11 (tool, user 0) reached for the mail gate's own parts in the kernel "
                             "(gate_state), and was refused.\n");
        rig_close(&r);
}

static void test_ancestors(void **state)
{
        struct event fork = {.time = T0, .type = EVENT_PROCESS, .op = PROCESS_FORK}, flow, e = touched(12, true);
        struct rig r;

        (void) state;
        rig_open(&r, "tampering", NULL);
        for (uint32_t pid = 10; pid < 13; pid++) {
                fork.process.task = process(pid);
                fork.process.creator = process(pid - 1);
                lineage_event(r.lineage, &fork);
        }
        flow = rig_flow(&r, IPPROTO_TCP, rig_outside(1), 6667);
        flow.flow.task = process(10);
        lineage_event(r.lineage, &flow);
        rig_event(&r, &e);
        assert_int_equal(r.claims, 2);
        assert_int_equal(r.last.subject.pid, 10);
        rig_close(&r);
}

static void test_others(void **state)
{
        struct event e = touched(10, true);
        struct rig r;

        (void) state;
        rig_open(&r, "tampering", NULL);
        for (unsigned op = 0; op < 20; op++) {
                e.op = (uint8_t) op;
                if (op != GATE_TRY_TAMPER)
                        rig_event(&r, &e);
        }
        e = touched(0, true);
        rig_event(&r, &e);
        assert_int_equal(r.claims, 0);
        rig_storm(&r, 20000);
        rig_close(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_burst),
                cmocka_unit_test(test_ancestors),
                cmocka_unit_test(test_others),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
