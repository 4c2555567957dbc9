/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Target lists: every pick lies inside them, all picks are distinct, and broken lists are refused whole. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "demo/sim.h"

static struct sim_space make(const char *nets, const char *ports)
{
        struct sim_space s = {};

        assert_int_equal(sim_space_add(&s, nets), 0);
        assert_int_equal(sim_ports_parse(ports, &s), 0);
        return s;
}

static void check_picks(const char *nets, const char *ports, uint32_t size)
{
        struct sim_space s = make(nets, ports);

        assert_int_equal(sim_space_size(&s), size);
        for (uint32_t i = 0; i < size; i++) {
                struct sim_endpoint e = sim_space_pick(&s, i);

                assert_int_equal(sim_safety_target(&s, &e), 0);
                for (uint32_t k = 0; size < 200 && k < i; k++) {
                        struct sim_endpoint other = sim_space_pick(&s, k);

                        assert_false(addr_equal(&other.addr, &e.addr) && other.port == e.port);
                }
        }
}

static void test_picks(void **state)
{
        (void) state;
        check_picks("10.77.1.5", "80", 1);
        check_picks("10.77.1.16/29", "8000-8003", 32);
        check_picks("10.77.1.17/29,fd77:1::10/125,127.0.0.1", "1-3", 51);
        check_picks("10.77.0.0/16", "65535", SIM_PACKETS_MAX);
        check_picks("fd77::/16", "1-65535", SIM_PACKETS_MAX);
        check_picks("10.77.0.0/16,10.77.0.0/16,10.77.0.0/16,10.77.0.0/16,10.77.0.0/16,10.77.0.0/16", "1-65535",
                    SIM_PACKETS_MAX);
}

static void test_host_bits_are_ignored(void **state)
{
        struct sim_space s = make("10.77.1.255/24", "80");
        struct sim_endpoint e = sim_space_pick(&s, 3);
        char text[64];

        (void) state;
        assert_string_equal(sim_endpoint_format(&e, text), "10.77.1.3:80");
}

static void test_broken_lists(void **state)
{
        static const char *const bad[] = {"",
                                          ",",
                                          "10.77.1.1,",
                                          ",10.77.1.1",
                                          "10.77.1.1,,10.77.1.2",
                                          "10.77.1.1/33",
                                          "10.77.1.1/",
                                          "host",
                                          "fd77::/129",
                                          "1.1.1.1,2.2.2.2,3.3.3.3,4.4.4.4,5.5.5.5,6.6.6.6,7.7.7.7,8.8.8.8,9.9.9.9",
                                          "fd77:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001/128"};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                struct sim_space s = {};

                assert_int_equal(sim_space_add(&s, bad[i]), -EINVAL);
                assert_int_equal(s.n_nets, 0);
        }
}

static void test_ports(void **state)
{
        static const char *const bad[] = {"",   "0",  "65536", "9-8",  "-",
                                          "1-", "-1", "1-2-3", "http", "99999999999999999999"};
        struct sim_space s = {.port_lo = 7};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(sim_ports_parse(bad[i], &s), -EINVAL);
        assert_int_equal(s.port_lo, 7);
}

static void test_endpoints(void **state)
{
        static const char *const bad[] = {"",           ":80",        "10.77.1.1", "10.77.1.1:",  "10.77.1.1:0",
                                          "fd77::1:80", "[fd77::1]",  "[]:80",     "[fd77::1:80", "10.77.1.1:65536",
                                          "x:80",       "10.77.1:80", "1:2:3:4"};
        struct sim_endpoint e;
        struct sockaddr_storage sa;
        char text[64];

        (void) state;
        assert_int_equal(sim_endpoint_parse("10.77.1.2:6667", &e), 0);
        assert_string_equal(sim_endpoint_format(&e, text), "10.77.1.2:6667");
        assert_int_equal(sim_endpoint_sockaddr(&e, &sa), sizeof(struct sockaddr_in));
        assert_int_equal(sim_endpoint_parse("[fd77:1::2]:6667", &e), 0);
        assert_string_equal(sim_endpoint_format(&e, text), "[fd77:1::2]:6667");
        assert_int_equal(sim_endpoint_sockaddr(&e, &sa), sizeof(struct sockaddr_in6));
        assert_int_equal(((struct sockaddr_in6 *) &sa)->sin6_port, htons(6667));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(sim_endpoint_parse(bad[i], &e), -EINVAL);
}

static void test_shapes(void **state)
{
        enum sim_shape shape;

        (void) state;
        for (int i = 0; i < SIM_SHAPE_MAX; i++) {
                assert_non_null(sim_shape_name((enum sim_shape) i));
                assert_int_equal(sim_shape_parse(sim_shape_name((enum sim_shape) i), &shape), 0);
                assert_int_equal(shape, i);
        }
        assert_int_equal(sim_shape_parse("", &shape), -EINVAL);
        assert_int_equal(sim_shape_parse("childish", &shape), -EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_picks),  cmocka_unit_test(test_host_bits_are_ignored),
                cmocka_unit_test(test_ports),  cmocka_unit_test(test_broken_lists),
                cmocka_unit_test(test_shapes), cmocka_unit_test(test_endpoints),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
