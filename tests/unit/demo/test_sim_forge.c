/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Forged packets: lengths and checksums that a receiver's kernel would accept. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "demo/sim.h"

static struct sim_packet make(const char *from, const char *to, int protocol)
{
        struct sim_packet p = {.protocol = protocol, .number = 7};

        assert_int_equal(sim_endpoint_parse(from, &p.from), 0);
        assert_int_equal(sim_endpoint_parse(to, &p.to), 0);
        return p;
}

static uint32_t add(const uint8_t *p, size_t n)
{
        uint32_t sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += i % 2 ? p[i] : (uint32_t) p[i] << 8;
        return sum;
}

static bool sums_to_zero(uint32_t sum)
{
        while (sum >> 16)
                sum = (sum & 0xffff) + (sum >> 16);
        return sum == 0xffff;
}

static void check_v4(int protocol, size_t body)
{
        struct sim_packet p = make("10.77.200.3:40000", "10.77.1.17:8000", protocol);
        uint8_t out[SIM_PACKET_MAX];
        int n = sim_forge_build(&p, out);
        uint32_t pseudo = protocol == IPPROTO_ICMP ? 0 : add(out + 12, 8) + (uint32_t) protocol + (uint32_t) body;

        assert_int_equal(n, 20 + body);
        assert_int_equal(out[0], 0x45);
        assert_int_equal(out[2] << 8 | out[3], n);
        assert_int_equal(out[9], protocol);
        assert_memory_equal(out + 12, "\x0a\x4d\xc8\x03\x0a\x4d\x01\x11", 8);
        assert_true(sums_to_zero(add(out, 20)));
        assert_true(sums_to_zero(add(out + 20, body) + pseudo));
}

static void check_v6(int protocol, int next, size_t body)
{
        struct sim_packet p = make("[fd77:200::3]:40000", "[fd77:1::11]:8000", protocol);
        uint8_t out[SIM_PACKET_MAX];
        int n = sim_forge_build(&p, out);

        assert_int_equal(n, 40 + body);
        assert_int_equal(out[0], 0x60);
        assert_int_equal(out[4] << 8 | out[5], body);
        assert_int_equal(out[6], next);
        assert_true(sums_to_zero(add(out + 40, body) + add(out + 8, 32) + (uint32_t) next + (uint32_t) body));
}

static void test_packets(void **state)
{
        (void) state;
        check_v4(IPPROTO_UDP, 32);
        check_v4(IPPROTO_TCP, 20);
        check_v4(IPPROTO_ICMP, 32);
        check_v6(IPPROTO_UDP, IPPROTO_UDP, 32);
        check_v6(IPPROTO_TCP, IPPROTO_TCP, 20);
        check_v6(IPPROTO_ICMP, IPPROTO_ICMPV6, 32);
}

static void test_syn(void **state)
{
        struct sim_packet p = make("10.77.200.3:40000", "10.77.1.17:8000", IPPROTO_TCP);
        uint8_t out[SIM_PACKET_MAX];

        (void) state;
        assert_int_equal(sim_forge_build(&p, out), 40);
        assert_int_equal(out[33], 0x02);
        assert_int_equal(out[20] << 8 | out[21], 40000);
        assert_int_equal(out[22] << 8 | out[23], 8000);
}

static void test_families_must_agree(void **state)
{
        struct sim_packet p = make("10.77.200.3:40000", "[fd77:1::11]:8000", IPPROTO_UDP);
        uint8_t out[SIM_PACKET_MAX];

        (void) state;
        assert_int_equal(sim_forge_build(&p, out), -EAFNOSUPPORT);
}

static void test_checksum(void **state)
{
        /* RFC 1071's example, and an odd length. */
        assert_int_equal(ntohs(sim_work_checksum("\x00\x01\xf2\x03\xf4\xf5\xf6\xf7", 8, 0)), 0x220d);
        assert_int_equal(ntohs(sim_work_checksum("\x01", 1, 0)), 0xfeff);
        assert_int_equal(ntohs(sim_work_checksum("", 0, 0)), 0xffff);
        (void) state;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_packets),
                cmocka_unit_test(test_syn),
                cmocka_unit_test(test_families_must_agree),
                cmocka_unit_test(test_checksum),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
