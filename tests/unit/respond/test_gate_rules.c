/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The text of the gate's rules against files that a person has read (gate_rules.nft, host_block.nft), and what it
 * refuses. Whether the rules do what they say is tested with packets: tests/e2e/test_gate_rules.py. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <stdio.h>

#include "respond/gate_rules.h"
#include "respond/gate_rules_text.h"
#include "respond/host_block.h"

static const uint16_t ports[] = {25, 465, 587};

/* Sets GOLDEN_DIR's file anew when GOLDEN_WRITE is in the environment. */
static void assert_golden(const char *name, const struct buf *text)
{
        _cleanup_fclose_ FILE *f = NULL;
        char path[512];
        static char golden[1 << 20];
        size_t n;

        snprintf(path, sizeof(path), "%s/%s", GOLDEN_DIR, name);
        if (getenv("GOLDEN_WRITE")) {
                f = fopen(path, "w");
                assert_non_null(f);
                assert_int_equal(fwrite(text->data, 1, text->len, f), text->len);
                return;
        }
        f = fopen(path, "r");
        assert_non_null(f);
        n = fread(golden, 1, sizeof(golden) - 1, f);
        golden[n] = '\0';
        assert_string_equal(buf_str(text), golden);
}

static void test_golden(void **state)
{
        struct cidr nets[3];
        struct config_cidrs forward = {.items = nets, .n = 3};
        struct gate_rules_params p = {.ports = ports, .n_ports = 3, .mark = 1U << 27, .forward = &forward};
        static const struct gate_rules_device devices[] = {
                {.name = "eth0", .tags = true}, {.name = "br-lan.5"}, {.name = "eth1", .port = true}};
        _cleanup_(buf_done)
        struct buf text = BUF_HEAP(GATE_RULES_TEXT_MAX);

        (void) state;
        assert_int_equal(cidr_parse("192.0.2.0/24", &nets[0]), 0);
        assert_int_equal(cidr_parse("2001:db8::/32", &nets[1]), 0);
        assert_int_equal(cidr_parse("198.51.100.7", &nets[2]), 0);
        assert_int_equal(gate_rules_text(&p, devices, 3, &text), 0);
        assert_golden("gate_rules.nft", &text);
}

static void test_forward_is_optional(void **state)
{
        struct config_cidrs none = {0};
        struct gate_rules_params p = {.ports = ports, .n_ports = 1, .mark = 1};
        _cleanup_(buf_done)
        struct buf with = BUF_HEAP(GATE_RULES_TEXT_MAX), without = BUF_HEAP(GATE_RULES_TEXT_MAX);

        (void) state;
        assert_int_equal(gate_rules_text(&p, NULL, 0, &without), 0);
        p.forward = &none;
        assert_int_equal(gate_rules_text(&p, NULL, 0, &with), 0);
        assert_string_equal(buf_str(&with), buf_str(&without));
        assert_null(strstr(buf_str(&with), "@forward"));
        assert_non_null(strstr(buf_str(&with), "\t\tth dport != 25 accept\n"));
        assert_non_null(strstr(buf_str(&with), "elements = { 25 }"));
        assert_non_null(strstr(buf_str(&with), "meta mark & 0x00000001 != 0 meta mark set meta mark & 0xfffffffe"));
        /* Even with nobody to let through, forwarded packets are refused. */
        assert_non_null(strstr(buf_str(&with), "counter name forward_refused drop"));
}

static void test_refuses_nonsense(void **state)
{
        static const uint16_t many[GATE_RULES_PORTS_MAX + 1] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, zero[] = {25, 0};
        static const struct gate_rules_params wrong[] = {
                {.ports = ports, .n_ports = 0, .mark = 1}, {.ports = ports, .n_ports = 3, .mark = 0},
                {.ports = ports, .n_ports = 3, .mark = 3}, {.ports = ports, .n_ports = 3, .mark = 0xffffffff},
                {.ports = zero, .n_ports = 2, .mark = 1},  {.ports = many, .n_ports = ELEMENTSOF(many), .mark = 1},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                _cleanup_(buf_done)
                struct buf text = BUF_HEAP(GATE_RULES_TEXT_MAX);

                assert_int_equal(gate_rules_text(&wrong[i], NULL, 0, &text), -EINVAL);
                assert_int_equal(text.len, 0);
        }
}

static void test_small_buffer(void **state)
{
        struct gate_rules_params p = {.ports = ports, .n_ports = 3, .mark = 1U << 31};
        _cleanup_(buf_done)
        struct buf text = BUF_HEAP(1000);

        (void) state;
        assert_int_equal(gate_rules_text(&p, NULL, 0, &text), -ENOBUFS);
}

/* No name of a device may end its string and begin a command. */
static void test_hostile_device_names(void **state)
{
        static const struct gate_rules_device hostile[] = {
                {""},
                {"\"", true, true},
                {"a\"}\nflush", true, true},
                {"eth*", true},
                {"a\nb", false, true},
                {"a b"},
                {"\x7f\x1b", true, true},
                {"a/b"},
                {"\t"},
        };
        static const char *const odd[] = {"a;b", "$x", "ü", "a'b", "x{y}", "\\", "-a", "@", "#"};
        struct gate_rules_params p = {.ports = ports, .n_ports = 3, .mark = 1};
        _cleanup_(buf_done)
        struct buf text = BUF_HEAP(GATE_RULES_TEXT_MAX), none = BUF_HEAP(GATE_RULES_TEXT_MAX);

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(hostile); i++)
                assert_false(gate_rules_device_fits(hostile[i].name));
        assert_false(gate_rules_device_fits("sixteen-letters-"));
        assert_int_equal(gate_rules_text(&p, hostile, ELEMENTSOF(hostile), &text), 0);
        assert_int_equal(gate_rules_text(&p, NULL, 0, &none), 0);
        assert_string_equal(buf_str(&text), buf_str(&none));
        for (size_t i = 0; i < ELEMENTSOF(odd); i++) {
                char chain[GATE_RULES_CHAIN_MAX];

                assert_true(gate_rules_device_fits(odd[i]));
                gate_rules_device_chain(odd[i], chain);
                assert_int_equal(strspn(chain, "abcdefghijklmnopqrstuvwxyz0123456789_-./"), strlen(chain));
        }
}

/* Names that differ have chains that differ, also the longest ones. */
static void test_chains_are_unique(void **state)
{
        static const char *const names[] = {"a;",
                                            "a/3b",
                                            "a_",
                                            "a.",
                                            "a-",
                                            "a:",
                                            "A:",
                                            "\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                                            "\xff\xff\xff\xff\xff\xff",
                                            "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                                            "\xff\xff\xfe"};
        char chains[ELEMENTSOF(names)][GATE_RULES_CHAIN_MAX];

        (void) state;
        assert_string_equal(gate_rules_device_chain("eth0", chains[0]), "egress_eth0");
        assert_string_equal(gate_rules_device_chain("a;", chains[0]), "egress_a/3b");
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                gate_rules_device_chain(names[i], chains[i]);
                for (size_t j = 0; j < i; j++)
                        if (gate_rules_device_fits(names[i]) && gate_rules_device_fits(names[j]))
                                assert_string_not_equal(chains[i], chains[j]);
        }
}

static void test_devices_here(void **state)
{
        struct if_nameindex *known = if_nameindex();
        struct gate_rules_device *devices = NULL;
        unsigned n = 0, more = 7, wanted = 0;

        (void) state;
        assert_non_null(known);
        assert_int_equal(gate_rules_devices(&devices, &n, &more), 0);
        assert_int_equal(more, 0);
        for (struct if_nameindex *k = known; k->if_index; k++) {
                bool found = false;

                for (unsigned i = 0; i < n; i++)
                        found |= strcmp(devices[i].name, k->if_name) == 0;
                assert_int_equal(found, k->if_index != 1); /* the loopback device */
                wanted += found;
        }
        assert_int_equal(n, wanted);
        if_freenameindex(known);
        free(devices);
}

/* --- host blocks --- */

static int block_text(const char *address, nsec_t span, struct buf *out)
{
        struct addr a;

        assert_int_equal(addr_parse(address, &a), 0);
        return host_block_text(&a, span, out);
}

static void test_block_golden(void **state)
{
        _cleanup_(buf_done)
        struct buf text = BUF_HEAP(1 << 16);

        (void) state;
        assert_int_equal(block_text("192.0.2.7", 3600 * NSEC_PER_SEC, &text), 0);
        assert_golden("host_block.nft", &text);
}

static void test_block_forms(void **state)
{
        static const struct {
                const char *address;
                nsec_t span;
                const char *end;
        } rows[] = {
                {"192.0.2.7", 0, "add element inet sekimori_block hosts4 { 192.0.2.7 }\n"},
                {"192.0.2.7", 1, "add element inet sekimori_block hosts4 { 192.0.2.7 timeout 1s }\n"},
                {"192.0.2.7", NSEC_PER_SEC, "add element inet sekimori_block hosts4 { 192.0.2.7 timeout 1s }\n"},
                {"192.0.2.7", NSEC_PER_SEC + 1, "add element inet sekimori_block hosts4 { 192.0.2.7 timeout 2s }\n"},
                {"2001:db8::7", 0, "add element inet sekimori_block hosts6 { 2001:db8::7 }\n"},
                {"2001:db8::", 0, "add element inet sekimori_block networks6 { 2001:db8:: }\n"},
                {"fe80::7", 0, "add element inet sekimori_block hosts6 { fe80::7 }\n"},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(buf_done)
                struct buf text = BUF_HEAP(1 << 16);
                size_t n = strlen(rows[i].end);

                assert_int_equal(block_text(rows[i].address, rows[i].span, &text), 0);
                assert_true(text.len > n);
                assert_string_equal(text.data + text.len - n, rows[i].end);
        }
}

static void test_block_refuses(void **state)
{
        static const char *const wrong[] = {"0.0.0.0",         "::",      "127.0.0.1", "127.9.9.9", "::1", "224.0.0.1",
                                            "255.255.255.255", "ff02::1", "fe80::"};
        _cleanup_(buf_done)
        struct buf text = BUF_HEAP(1 << 16);
        struct addr host;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                assert_int_equal(block_text(wrong[i], 0, &text), -EINVAL);
                assert_int_equal(addr_parse(wrong[i], &host), 0);
                assert_int_equal(host_block_add(&host, 0, NULL), -EINVAL);
                assert_int_equal(host_block_remove(&host, NULL), -EINVAL);
        }
        assert_int_equal(block_text("192.0.2.7", -1, &text), -EINVAL);
        assert_int_equal(text.len, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_golden),
                cmocka_unit_test(test_forward_is_optional),
                cmocka_unit_test(test_refuses_nonsense),
                cmocka_unit_test(test_small_buffer),
                cmocka_unit_test(test_hostile_device_names),
                cmocka_unit_test(test_chains_are_unique),
                cmocka_unit_test(test_devices_here),
                cmocka_unit_test(test_block_golden),
                cmocka_unit_test(test_block_forms),
                cmocka_unit_test(test_block_refuses),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
