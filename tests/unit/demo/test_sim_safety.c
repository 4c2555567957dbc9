/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What keeps the simulation harmless, forbidden thing by forbidden thing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "demo/sim.h"

static int range(const char *text)
{
        struct cidr net;

        assert_int_equal(cidr_parse(text, &net), 0);
        return sim_safety_range(&net);
}

static void test_ranges(void **state)
{
        static const char *const good[] = {"10.77.0.0/16", "10.77.255.255",  "10.77.1.0/24",        "fd77::/16",
                                           "fd77:1::2",    "127.0.0.0/8",    "127.255.255.255",     "::1",
                                           "fd77:ffff::1", "10.77.128.0/17", "::ffff:10.77.1.1/128"};
        static const char *const bad[] = {
                "0.0.0.0/0",   "::/0",          "10.77.0.0/15", "10.76.255.255", "10.78.0.0",       "8.8.8.8",
                "127.0.0.0/7", "128.0.0.1",     "::",           "::2",           "::/127",          "fd77::/15",
                "fd78::",      "fd76:ffff::1",  "fe80::1",      "ff02::1",       "255.255.255.255", "224.0.0.1",
                "192.168.0.1", "::ffff:8.8.8.8"};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                assert_int_equal(range(good[i]), 0);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(range(bad[i]), -EPERM);
}

static int target(const struct sim_space *s, const char *text)
{
        struct sim_endpoint e;

        assert_int_equal(sim_endpoint_parse(text, &e), 0);
        return sim_safety_target(s, &e);
}

static void test_targets(void **state)
{
        struct sim_space s = {.port_lo = 80, .port_hi = 90};

        (void) state;
        assert_int_equal(sim_space_add(&s, "10.77.1.16/29,fd77:1::10/124"), 0);
        assert_int_equal(target(&s, "10.77.1.16:80"), 0);
        assert_int_equal(target(&s, "10.77.1.23:90"), 0);
        assert_int_equal(target(&s, "[fd77:1::1f]:85"), 0);
        assert_int_equal(target(&s, "10.77.1.24:80"), -EPERM); /* allowed range, not a target */
        assert_int_equal(target(&s, "10.77.1.16:79"), -EPERM);
        assert_int_equal(target(&s, "10.77.1.16:91"), -EPERM);
        assert_int_equal(target(&s, "127.0.0.1:80"), -EPERM);
        /* A list that should never have come this far does not help either. */
        s.n_nets = 0;
        assert_int_equal(sim_space_add(&s, "0.0.0.0/0,::/0"), 0);
        assert_int_equal(target(&s, "8.8.8.8:80"), -EPERM);
        assert_int_equal(target(&s, "[2001:db8::1]:80"), -EPERM);
        assert_int_equal(sim_safety_space(&s), -EPERM);
        assert_false(sim_safety_space_is_loopback(&s));
}

static void test_spaces(void **state)
{
        struct sim_space s = {};

        (void) state;
        assert_int_equal(sim_safety_space(&s), -EPERM); /* nothing is not everything */
        assert_int_equal(sim_space_add(&s, "127.0.0.0/30,::1"), 0);
        assert_int_equal(sim_safety_space(&s), -EPERM); /* no ports */
        s.port_lo = s.port_hi = 80;
        assert_int_equal(sim_safety_space(&s), 0);
        assert_true(sim_safety_space_is_loopback(&s));
        assert_int_equal(sim_space_add(&s, "10.77.1.1"), 0);
        assert_int_equal(sim_safety_space(&s), 0);
        assert_false(sim_safety_space_is_loopback(&s));
        s.nets[0].bits = 96; /* all of IPv4, beginning at loopback */
        assert_int_equal(sim_safety_space(&s), -EPERM);
}

static int source(const char *text)
{
        struct addr a;

        assert_int_equal(addr_parse(text, &a), 0);
        return sim_safety_source(&a);
}

static void test_sources(void **state)
{
        (void) state;
        assert_int_equal(source("10.77.200.1"), 0);
        assert_int_equal(source("fd77:200::1"), 0);
        assert_int_equal(source("8.8.8.8"), -EPERM);
        assert_int_equal(source("127.0.0.1"), -EPERM);
        assert_int_equal(source("::1"), -EPERM);
        assert_int_equal(source("2001:db8::1"), -EPERM);
}

static void test_admission(void **state)
{
        struct sim_space s = {.port_lo = 80, .port_hi = 80};
        struct sim_job job = {.space = &s, .result_fd = -EBADF};
        struct sim_endpoint e, forbidden;

        (void) state;
        assert_int_equal(sim_space_add(&s, "10.77.1.1"), 0);
        assert_int_equal(sim_endpoint_parse("10.77.1.1:80", &e), 0);
        assert_int_equal(sim_endpoint_parse("10.77.1.2:80", &forbidden), 0);
        assert_int_equal(sim_work_admit(&job, &forbidden), -EPERM);
        assert_int_equal(job.result.attempted, 0);
        assert_int_equal(job.first_packet, 0);
        for (int i = 0; i < SIM_PACKETS_MAX; i++)
                assert_int_equal(sim_work_admit(&job, &e), 0);
        assert_int_equal(sim_work_admit(&job, &e), -ENOBUFS);
        assert_int_equal(job.result.attempted, SIM_PACKETS_MAX);
        assert_true(job.first_packet > 0);
}

static void test_lifetime(void **state)
{
        unsigned left;

        (void) state;
        sim_safety_start_clock(SIM_LIFETIME_MAX);
        sim_safety_inherit_clock();
        left = alarm(0);
        assert_in_range(left, SIM_LIFETIME_MAX - 1, SIM_LIFETIME_MAX);
        /* Never 0, which would switch the alarm off. */
        sim_safety_start_clock(1);
        sim_safety_inherit_clock();
        assert_int_equal(alarm(0), 1);
        sim_safety_resume_clock();
        assert_in_range(alarm(0), 1, 5);
}

static void test_initial_namespace(void **state)
{
        (void) state;
        assert_int_equal(sim_safety_netns(true), 0);
        assert_int_equal(sim_safety_netns(false), sim_safety_is_initial_netns() ? -EPERM : 0);
        if (access("/proc/sys/net/core/netdev_budget", F_OK) == 0)
                assert_true(sim_safety_is_initial_netns());
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ranges),
                cmocka_unit_test(test_targets),
                cmocka_unit_test(test_spaces),
                cmocka_unit_test(test_sources),
                cmocka_unit_test(test_admission),
                cmocka_unit_test(test_lifetime),
                cmocka_unit_test(test_initial_namespace),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
