/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of events: every value has one of its own, and what is out of range gives "?" and not a crash. */
#include "model/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <netinet/in.h>
#include <string.h>

/* The names of 0..n-1 are there and differ; beyond there is none. */
static void check_names(const char *(*name)(unsigned), unsigned n)
{
        for (unsigned i = 0; i < n; i++) {
                assert_non_null(name(i));
                assert_string_not_equal(name(i), "?");
                assert_string_not_equal(name(i), "");
                for (unsigned k = 0; k < i; k++)
                        assert_string_not_equal(name(i), name(k));
        }
        assert_string_equal(name(n), "?");
        assert_string_equal(name(UINT_MAX), "?");
}

static const char *process_op_name(unsigned op)
{
        return event_op_name(EVENT_PROCESS, op);
}

static const char *flow_op_name(unsigned op)
{
        return event_op_name(EVENT_FLOW, op);
}

static const char *socket_op_name(unsigned op)
{
        return event_op_name(EVENT_SOCKET, op);
}

static void test_names(void **state)
{
        (void) state;
        check_names(event_type_name, EVENT_TYPES);
        check_names(process_op_name, PROCESS_PRESENT + 1);
        check_names(flow_op_name, FLOW_END + 1);
        check_names(socket_op_name, SOCKET_CLOSE + 1);
        check_names(flow_origin_name, FLOW_ACCEPTED + 1);
        check_names(flow_state_name, FLOW_STATE_FAILED + 1);
        check_names(gap_reason_name, GAP_REASONS);
        check_names(gap_reason_title, GAP_REASONS);
}

static void test_names_match(void **state)
{
        (void) state;
        assert_string_equal(event_type_name(EVENT_FLOW), "flow");
        assert_string_equal(event_op_name(EVENT_PROCESS, PROCESS_PRESENT), "present");
        assert_string_equal(event_op_name(EVENT_FLOW, FLOW_PUSH), "push");
        assert_string_equal(event_op_name(EVENT_SOCKET, SOCKET_FORGED), "forged");
        assert_string_equal(event_op_name(EVENT_GAP, 0), "lost");
        assert_string_equal(event_op_name(EVENT_NONE, 0), "?");
        assert_string_equal(event_op_name(EVENT_TYPES, 0), "?");
        assert_string_equal(flow_origin_name(FLOW_ORIGINATED), "originated");
        assert_string_equal(flow_state_name(FLOW_STATE_ESTABLISHED), "established");
        assert_string_equal(gap_reason_name(GAP_RING_FULL), "ring_full");
        assert_string_equal(gap_reason_name(GAP_NO_RIGHT), "no_right");
}

static void test_protocols(void **state)
{
        char spare[8];

        (void) state;
        assert_string_equal(proto_name(IPPROTO_TCP, spare), "TCP");
        assert_string_equal(proto_name(IPPROTO_UDP, spare), "UDP");
        assert_string_equal(proto_name(IPPROTO_ICMP, spare), "ICMP");
        assert_string_equal(proto_name(IPPROTO_ICMPV6, spare), "ICMPv6");
        assert_string_equal(proto_name(IPPROTO_SCTP, spare), "SCTP");
        assert_string_equal(proto_name(0, spare), "0");
        assert_string_equal(proto_name(47, spare), "47");
        assert_string_equal(proto_name(255, spare), "255");
        assert_true(strlen(proto_name(UINT_MAX, spare)) < sizeof(spare));
}

static void test_tasks(void **state)
{
        struct task a = {.start = 10, .leader_start = 5, .pid = 100, .tid = 101}, b = a;

        (void) state;
        assert_true(task_is_known(&a));
        assert_false(task_is_known(&(struct task){0}));
        assert_true(task_same_thread(&a, &b) && task_same_process(&a, &b));
        b.tid = 102; /* another thread of the process */
        assert_false(task_same_thread(&a, &b));
        assert_true(task_same_process(&a, &b));
        b = a;
        b.start = 11; /* the thread's number was used again */
        assert_false(task_same_thread(&a, &b));
        assert_true(task_same_process(&a, &b));
        b = a;
        b.leader_start = 6; /* the process's number was */
        assert_false(task_same_process(&a, &b));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_names_match),
                cmocka_unit_test(test_protocols),
                cmocka_unit_test(test_tasks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
