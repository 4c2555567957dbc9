/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scan: when the sequential test decides, what takes it back, what does not count, whom and what it names. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include "rig.h"

static void browse(struct rig *r)
{
        rig_contact(r, IPPROTO_TCP, rig_addr("198.51.100.1"), 443, true);
}

/* Twelve failures net on a well-known port, and no fewer; a known target counts once. */
static void test_threshold(void **unused)
{
        struct rig r;

        (void) unused;
        rig_open(&r, "scan", NULL);
        browse(&r);
        for (uint32_t i = 0; i < 11; i++)
                for (int again = 0; again < 3; again++)
                        rig_contact(&r, IPPROTO_TCP, rig_outside(i), 445, false);
        assert_int_equal(r.claims, 0);
        rig_contact(&r, IPPROTO_TCP, rig_outside(11), 445, false);
        assert_int_equal(r.claims, 1);
        assert_string_equal(r.last.kind->name, "scan.horizontal");
        assert_int_equal(r.weights, 600);
        assert_int_equal(rig_number(&r, "failed"), 12);
        assert_int_equal(rig_number(&r, "answered"), 0);
        assert_int_equal(rig_number(&r, "port"), 445);
        assert_int_equal(r.last.subject.kind, SUBJECT_HOST);
        rig_close(&r);
}

/* Each answer weighs as much as a failure. */
static void test_answers_count_against(void **unused)
{
        struct rig r;

        (void) unused;
        rig_open(&r, "scan", NULL);
        for (uint32_t i = 0; i < 500; i++)
                rig_contact(&r, IPPROTO_TCP, rig_outside(i), 445, i % 3 == 0);
        assert_int_equal(r.claims > 0, 1); /* two of three fail: drifts to "scanner" */
        rig_close(&r);
        rig_open(&r, "scan", NULL);
        for (uint32_t i = 0; i < 500; i++)
                rig_contact(&r, IPPROTO_TCP, rig_outside(i), 445, i % 2 == 0);
        assert_int_equal(r.claims, 0);
        rig_close(&r);
}

/* Taken for failed after some seconds of silence, taken back by the answer. */
static void test_late_answer(void **unused)
{
        struct event e[11];
        struct rig r;

        (void) unused;
        rig_open(&r, "scan", NULL);
        browse(&r);
        for (uint32_t i = 0; i < 11; i++) {
                e[i] = rig_flow(&r, IPPROTO_TCP, rig_outside(i), 23);
                rig_event(&r, &e[i]);
        }
        r.now += 9 * NSEC_PER_SEC;
        for (uint32_t i = 0; i < 5; i++) {
                e[i].op = FLOW_UPDATE;
                e[i].flow.state = FLOW_STATE_ESTABLISHED;
                e[i].flow.pkts_in = 1;
                rig_event(&r, &e[i]);
        }
        /* six failures and five answers so far */
        for (uint32_t i = 0; i < 10; i++)
                rig_contact(&r, IPPROTO_TCP, rig_outside(100 + i), 23, false);
        assert_int_equal(r.claims, 0);
        rig_contact(&r, IPPROTO_TCP, rig_outside(110), 23, false);
        assert_int_equal(r.claims, 1);
        rig_close(&r);
}

static void test_grades_and_cap(void **unused)
{
        struct rig r;

        (void) unused;
        rig_open(&r, "scan", NULL);
        browse(&r);
        for (uint32_t i = 0; i < 3000; i++) {
                r.now += 10 * NSEC_PER_MSEC;
                rig_contact(&r, IPPROTO_TCP, rig_outside(i), 445, false);
                if (i % 1000 == 0)
                        browse(&r);
        }
        assert_int_equal(r.claims, 4);
        assert_in_range(r.weights, 1500, 1510); /* a little of the first had faded */
        rig_close(&r);
}

/* The grade holds while it goes on, whatever the half-life. */
static void test_renewed(void **unused)
{
        struct rig r;
        int claims;

        (void) unused;
        rig_open(&r, "scan", NULL);
        for (uint32_t i = 0; i < 60; i++) {
                browse(&r);
                rig_contact(&r, IPPROTO_TCP, rig_outside(i), 445, false);
        }
        assert_int_equal(r.weights, 900);
        claims = r.claims;
        for (uint32_t i = 0; i < 12; i++) {
                r.now += 3600 * NSEC_PER_SEC;
                browse(&r);
                rig_contact(&r, IPPROTO_TCP, rig_outside(1000 + i), 445, false);
        }
        assert_int_equal(r.claims, claims + 12);
        assert_in_range(r.weights, 900 + 12 * 30, 900 + 12 * 40); /* each hour takes a twenty-fourth */
        rig_close(&r);
}

enum odd { ACCEPTED, MIDSTREAM, PRESENT, ONE_SIDED, ACK_SEEN, MULTICAST, REPLY_UDP, UNREACHABLE, TO_SELF, ODDS };

static void make_odd(struct event *e, enum odd odd)
{
        switch (odd) {
        case ACCEPTED:
                e->flow.origin = FLOW_ACCEPTED;
                break;
        case MIDSTREAM:
                e->flow.flags = FLOW_MIDSTREAM;
                break;
        case PRESENT:
                e->flow.flags = FLOW_PRESENT;
                break;
        case ONE_SIDED:
                e->flow.flags = FLOW_ONE_SIDED;
                break;
        case ACK_SEEN:
                e->flow.tcp = TCP_SEEN_SYN | TCP_SEEN_ACK;
                break;
        case MULTICAST:
                e->flow.remote.b[12] = 224;
                break;
        case REPLY_UDP:
                e->flow.proto = IPPROTO_UDP;
                e->flow.local_port = 53;
                e->flow.remote_port = 5353;
                break;
        case UNREACHABLE:
                e->flow.proto = IPPROTO_ICMP;
                e->flow.local_port = 3 << 8;
                break;
        default:
                e->flow.remote = e->flow.local;
        }
}

/* What others began, what was seen in part, what only answers. */
static void test_what_does_not_count(void **unused)
{
        (void) unused;
        for (enum odd odd = 0; odd < ODDS; odd++) {
                struct rig r;

                rig_open(&r, "scan", NULL);
                for (uint32_t i = 0; i < 300; i++) {
                        struct event e = rig_flow(&r, IPPROTO_TCP, rig_outside(i), 445);

                        browse(&r);
                        make_odd(&e, odd);
                        rig_event(&r, &e);
                        rig_end(&r, &e, false);
                }
                if (r.claims)
                        fail_msg("case %d: %s", odd, r.last.kind->name);
                rig_close(&r);
        }
}

static void test_asked_for_by_name(void **unused)
{
        struct rig r;

        (void) unused;
        rig_open(&r, "scan", NULL);
        for (uint32_t i = 0; i < 300; i++) {
                struct addr addrs[2] = {rig_outside(1000000 + i), rig_outside(i)};
                struct event e = {.type = EVENT_DNS, .op = DNS_ANSWER};

                browse(&r);
                e.ends.local = rig_addr("10.0.0.5");
                e.dns.addrs = addrs;
                e.dns.n_addrs = 2;
                rig_event(&r, &e);
                rig_contact(&r, IPPROTO_TCP, rig_outside(i), 80, false);
        }
        assert_int_equal(r.claims, 0);
        for (uint32_t i = 0; i < 12; i++)
                rig_contact(&r, IPPROTO_TCP, rig_outside(5000 + i), 80, false);
        assert_int_equal(r.claims, 1);
        rig_close(&r);
}

static void test_vertical(void **unused)
{
        struct rig r;

        (void) unused;
        rig_open(&r, "scan", NULL);
        browse(&r);
        for (uint16_t port = 1; port <= 11; port++)
                rig_contact(&r, IPPROTO_TCP, rig_outside(7), port, false);
        assert_int_equal(r.claims, 0);
        rig_contact(&r, IPPROTO_TCP, rig_outside(7), 1024, false);
        assert_int_equal(r.claims, 1);
        assert_string_equal(r.last.kind->name, "scan.vertical");
        rig_assert_story(&r, "It tried 12 ports of 203.0.0.7, from 1 to 1024 between 22:13:20 and 22:13:20.\n"
                             "12 of them were closed or silent, 0 open.\n");
        rig_close(&r);
}

static void test_dark_and_unused(void **unused)
{
        struct rig r;

        (void) unused;
        rig_open(&r, "scan", "network:\n  dark: [203.0.0.0/24]\n");
        browse(&r);
        for (int i = 0; i < 50; i++)
                rig_contact(&r, IPPROTO_TCP, rig_outside(1), 80, true); /* answered or not: nobody should be there */
        assert_int_equal(r.weights, 200);
        rig_contact(&r, IPPROTO_TCP, rig_outside(2), 80, false);
        rig_contact(&r, IPPROTO_TCP, rig_outside(3), 80, false);
        assert_int_equal(r.weights, 600);
        rig_assert_story(&r, "It talked to 3 addresses of the space configured as dark between 22:13:20 and 22:13:20.\n"
                             "The newest was 203.0.0.3, port 80/TCP. Nobody has a reason to be there.\n");
        rig_close(&r);

        /* Learned: after ten minutes of three neighbours, eight that nobody ever saw. */
        rig_open(&r, "scan", NULL);
        for (int i = 1; i <= 3; i++) {
                struct event e = rig_flow(&r, IPPROTO_TCP, rig_outside(1), 443);

                e.flow.local.b[15] = (uint8_t) i;
                rig_event(&r, &e);
        }
        for (uint32_t i = 0; i < 2; i++) {
                for (uint32_t n = 0; n < 8; n++)
                        rig_contact(&r, IPPROTO_TCP, addr_from_v4(htonl(0x0a000064 + n)), 80, false);
                assert_int_equal(r.claims, (int) i);
                r.now += 2 * 86400 * NSEC_PER_SEC;
        }
        assert_string_equal(r.last.kind->name, "scan.unused");
        rig_close(&r);
}

static void test_process_is_named(void **unused)
{
        struct rig r;

        (void) unused;
        rig_open(&r, "scan", NULL);
        for (uint32_t i = 0; i < 14; i++)
                for (uint32_t pid = 7; pid <= 8; pid++) {
                        struct event e = rig_flow(&r, IPPROTO_TCP, rig_outside(i), 22);

                        e.flow.task = (struct task){.pid = pid, .tid = pid, .start = pid, .leader_start = pid};
                        rig_event(&r, &e);
                        rig_end(&r, &e, i == 0 || pid == 8);
                }
        assert_int_equal(r.claims, 1);
        assert_int_equal(r.last.subject.kind, SUBJECT_PROCESS);
        assert_int_equal(r.last.subject.pid, 7);
        rig_close(&r);
}

static void test_story_of_a_sweep(void **unused)
{
        struct rig r;

        (void) unused;
        rig_open(&r, "scan", NULL);
        browse(&r);
        for (uint32_t i = 0; i < 20; i++)
                rig_contact(&r, IPPROTO_ICMP, rig_outside(i), 0, false);
        assert_string_equal(r.last.kind->name, "scan.sweep");
        rig_assert_story(
                &r, "It tried 12 addresses that it had not spoken to before and had not asked for by name, by ICMP "
                    "between 22:13:20 and 22:13:20.\n12 of them refused or did not answer, 0 answered. The newest was "
                    "203.0.0.11.\nWho knows whom it wants succeeds with most.\n");
        r.last.n_facts = 0; /* from a store that lost them */
        {
                struct buf out = BUF_HEAP(8192);

                r.detector->explain(&r.last, &out);
                assert_non_null(strstr(buf_str(&out), "an unknown address"));
                buf_done(&out);
        }
        rig_close(&r);
}

/* A capture whose clock was never set. */
static void test_from_the_epoch(void **unused)
{
        struct rig r;

        (void) unused;
        rig_open(&r, "scan", NULL);
        r.now = 0;
        for (uint32_t i = 0; i < 20; i++, r.now += NSEC_PER_SEC) {
                browse(&r);
                rig_contact(&r, IPPROTO_TCP, rig_outside(i), 445, false);
        }
        assert_int_equal(r.claims, 1);
        rig_close(&r);
}

/* Closed UDP ports by one a second; faster ones are no scan, and traceroute's are none either. */
static void test_udp_ports(void **unused)
{
        (void) unused;
        for (int odd = 0; odd < 4; odd++) {
                struct rig r;

                rig_open(&r, "scan", NULL);
                browse(&r);
                for (uint16_t port = 1; port <= 300; port++) {
                        r.now += odd == 1 ? NSEC_PER_MSEC : 100 * NSEC_PER_MSEC;
                        rig_contact(&r, IPPROTO_UDP, rig_outside(7), (uint16_t) (odd == 2 ? 33433 + port : port),
                                    odd == 3 && port % 2);
                }
                assert_int_equal(r.claims > 0, odd == 0);
                if (odd == 0)
                        assert_string_equal(r.last.kind->name, "scan.vertical");
                rig_close(&r);
        }
}

/* What nobody answers counts where the source's line is known to work; else only when there is very much of it. */
static void test_nobody_answers_at_all(void **unused)
{
        struct rig r;

        (void) unused;
        rig_open(&r, "scan", NULL);
        for (uint32_t i = 0; i < 63; i++)
                rig_contact(&r, IPPROTO_TCP, rig_outside(i), 445, false);
        assert_int_equal(r.claims, 0);
        rig_contact(&r, IPPROTO_TCP, rig_outside(63), 445, false);
        assert_int_equal(r.claims, 1);
        rig_close(&r);
}

static void test_storm(void **unused)
{
        struct rig r;

        (void) unused;
        rig_open(&r, "scan", "network:\n  dark: [203.0.0.0/30]\n");
        rig_storm(&r, 300000);
        rig_close(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_threshold),
                cmocka_unit_test(test_answers_count_against),
                cmocka_unit_test(test_late_answer),
                cmocka_unit_test(test_grades_and_cap),
                cmocka_unit_test(test_renewed),
                cmocka_unit_test(test_what_does_not_count),
                cmocka_unit_test(test_asked_for_by_name),
                cmocka_unit_test(test_vertical),
                cmocka_unit_test(test_dark_and_unused),
                cmocka_unit_test(test_process_is_named),
                cmocka_unit_test(test_story_of_a_sweep),
                cmocka_unit_test(test_storm),
                cmocka_unit_test(test_from_the_epoch),
                cmocka_unit_test(test_udp_ports),
                cmocka_unit_test(test_nobody_answers_at_all),
        };

        setenv("TZ", "UTC", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
