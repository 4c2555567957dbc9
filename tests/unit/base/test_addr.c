/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses and networks: classes at their edges, text both ways, networks of every width. */
#include "base/addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/cleanup.h"

static struct addr parse(const char *text)
{
        struct addr a;

        assert_int_equal(addr_parse(text, &a), 0);
        return a;
}

static void test_text(void **state)
{
        static const struct {
                const char *in, *out;
        } cases[] = {
                {"0.0.0.0", "0.0.0.0"},
                {"255.255.255.255", "255.255.255.255"},
                {"::", "::"},
                {"::1", "::1"},
                {"::ffff:192.0.2.1", "192.0.2.1"},
                {"::ffff:c000:201", "192.0.2.1"},
                {"::192.0.2.1", "::192.0.2.1"},
                {"2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
                {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        };
        char text[ADDR_TEXT_MAX];

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct addr a = parse(cases[i].in), again;

                assert_string_equal(addr_format(&a, text), cases[i].out);
                assert_int_equal(addr_parse(text, &again), 0);
                assert_true(addr_equal(&a, &again));
        }
}

static void test_bad_text(void **state)
{
        static const char *const cases[] = {
                "",
                " ",
                "1",
                "1.2.3",
                "1.2.3.4.5",
                "256.1.1.1",
                "1.2.3.-4",
                "01.2.3.4x",
                "1.2.3.4 ",
                " 1.2.3.4",
                "0x7f.0.0.1",
                ":::",
                "1::2::3",
                "12345::",
                "g::",
                "fe80::1%lo",
                "::1/128",
                "[::1]",
                "::ffff:1.2.3.256",
                "1:2:3:4:5:6:7:8:9",
                "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee:ffff",
        };
        struct addr a = parse("192.0.2.7"), before = a;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                assert_int_equal(addr_parse(cases[i], &a), -EINVAL);
                assert_true(addr_equal(&a, &before));
        }
}

static void test_classes(void **state)
{
        static const struct {
                const char *text;
                bool v4, unspecified, loopback, link_local, multicast;
        } cases[] = {
                {"0.0.0.0", true, true, false, false, false},
                {"0.0.0.1", true, false, false, false, false},
                {"126.255.255.255", true, false, false, false, false},
                {"127.0.0.0", true, false, true, false, false},
                {"127.255.255.255", true, false, true, false, false},
                {"128.0.0.0", true, false, false, false, false},
                {"169.253.255.255", true, false, false, false, false},
                {"169.254.0.0", true, false, false, true, false},
                {"169.255.0.0", true, false, false, false, false},
                {"223.255.255.255", true, false, false, false, false},
                {"224.0.0.0", true, false, false, false, true},
                {"239.255.255.255", true, false, false, false, true},
                {"240.0.0.0", true, false, false, false, false},
                {"255.255.255.254", true, false, false, false, false},
                {"255.255.255.255", true, false, false, false, true},
                {"::", false, true, false, false, false},
                {"::1", false, false, true, false, false},
                {"::2", false, false, false, false, false},
                {"::127.0.0.1", false, false, false, false, false},
                {"fe7f::", false, false, false, false, false},
                {"fe80::", false, false, false, true, false},
                {"febf:ffff::", false, false, false, true, false},
                {"fec0::", false, false, false, false, false},
                {"feff::", false, false, false, false, false},
                {"ff00::", false, false, false, false, true},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct addr a = parse(cases[i].text);

                assert_int_equal(addr_is_v4(&a), cases[i].v4);
                assert_int_equal(addr_is_unspecified(&a), cases[i].unspecified);
                assert_int_equal(addr_is_loopback(&a), cases[i].loopback);
                assert_int_equal(addr_is_link_local(&a), cases[i].link_local);
                assert_int_equal(addr_is_multicast(&a), cases[i].multicast);
        }
}

/* Of every width: the base is in, the first address that differs in the last bit of the prefix is out, and one that
 * differs only behind the prefix is in. */
static void check_widths(const char *base, unsigned first, unsigned last)
{
        struct cidr net = {.base = parse(base)};

        for (unsigned bits = first; bits <= last; bits++) {
                struct addr a = net.base;

                net.bits = (uint8_t) bits;
                assert_true(cidr_contains(&net, &a));
                if (bits < 128) {
                        a.b[bits / 8] ^= (uint8_t) (0x80 >> bits % 8);
                        assert_true(cidr_contains(&net, &a));
                        a = net.base;
                        a.b[15] ^= 1;
                        assert_true(cidr_contains(&net, &a));
                        a = net.base;
                }
                if (bits > 0) {
                        a.b[(bits - 1) / 8] ^= (uint8_t) (0x80 >> (bits - 1) % 8);
                        assert_false(cidr_contains(&net, &a));
                }
        }
}

static void test_widths(void **state)
{
        (void) state;
        check_widths("2001:db8:aaaa:5555:1234:5678:9abc:def0", 0, 128);
        check_widths("10.170.85.3", 96, 128);
}

static void test_cidr_text(void **state)
{
        static const struct {
                const char *text;
                int bits;
        } cases[] = {
                {"10.0.0.0/8", 104},
                {"0.0.0.0/0", 96},
                {"192.0.2.1/32", 128},
                {"192.0.2.1", 128},
                {"10.1.2.3/8", 104},
                {"::/0", 0},
                {"2001:db8::/32", 32},
                {"2001:db8::1", 128},
                {"::1/128", 128},
                {"::ffff:10.0.0.0/104", 104},
                {"10.0.0.0/33", -EINVAL},
                {"::/129", -EINVAL},
                {"10.0.0.0/", -EINVAL},
                {"10.0.0.0/-1", -EINVAL},
                {"10.0.0.0/+8", -EINVAL},
                {"10.0.0.0/ 8", -EINVAL},
                {"10.0.0.0/8 ", -EINVAL},
                {"10.0.0.0/8/8", -EINVAL},
                {"10.0.0/8", -EINVAL},
                {"/8", -EINVAL},
                {"", -EINVAL},
                {"/", -EINVAL},
                {"10.0.0.0/0x8", -EINVAL},
                {"10.0.0.0/18446744073709551624", -EINVAL},
                {"10.0.0.0/99999999999999999999999999", -EINVAL},
                {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb/64", -EINVAL},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct cidr net = {.bits = 77};
                int r = cidr_parse(cases[i].text, &net);

                assert_int_equal(r, MIN(cases[i].bits, 0));
                assert_int_equal(net.bits, r < 0 ? 77 : cases[i].bits);
        }
}

static void test_families_do_not_mix(void **state)
{
        struct cidr v4_all, ula;
        struct addr v6 = parse("2001:db8::1"), v4 = parse("10.0.0.1");

        (void) state;
        assert_int_equal(cidr_parse("0.0.0.0/0", &v4_all), 0);
        assert_int_equal(cidr_parse("fc00::/7", &ula), 0);
        assert_false(cidr_contains(&v4_all, &v6));
        assert_true(cidr_contains(&v4_all, &v4));
        assert_false(cidr_contains(&ula, &v4));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_text),      cmocka_unit_test(test_bad_text),
                cmocka_unit_test(test_classes),   cmocka_unit_test(test_widths),
                cmocka_unit_test(test_cidr_text), cmocka_unit_test(test_families_do_not_mix),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
