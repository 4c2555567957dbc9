/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of networks: files as people write them, merging, and every answer against a plain search. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mail/netlist.h"

static struct netlist *list_of(const char *text, unsigned *ret_bad)
{
        struct netlist *l = NULL;

        assert_int_equal(netlist_new(&l), 0);
        assert_int_equal(netlist_add_text(l, text, strlen(text), NULL, ret_bad), 0);
        netlist_ready(l);
        return l;
}

static bool has(const struct netlist *l, const char *text)
{
        struct addr a;

        assert_int_equal(addr_parse(text, &a), 0);
        return netlist_has(l, &a);
}

static void test_file(void **state)
{
        unsigned bad = 0;
        _cleanup_(netlist_freep)
        struct netlist *l = list_of("# a list\r\n"
                                    "192.0.2.0/24 ; a network\n"
                                    "\t 198.51.100.7  \n"
                                    "\n"
                                    "2001:db8::/32\n"
                                    "10.0.0.0/33\n"
                                    "no network\n"
                                    "192.0.2.0/24 192.0.2.1\n"
                                    "203.0.113.9",
                                    &bad);

        (void) state;
        assert_int_equal(bad, 3);
        assert_int_equal(netlist_count(l), 4);
        assert_true(has(l, "192.0.2.0"));
        assert_true(has(l, "192.0.2.255"));
        assert_false(has(l, "192.0.1.255"));
        assert_false(has(l, "192.0.3.0"));
        assert_true(has(l, "198.51.100.7"));
        assert_false(has(l, "198.51.100.8"));
        assert_true(has(l, "2001:db8:ffff::1"));
        assert_false(has(l, "2001:db9::"));
        assert_true(has(l, "203.0.113.9"));
        assert_false(has(NULL, "203.0.113.9"));
}

static void test_refused(void **state)
{
        _cleanup_(netlist_freep)
        struct netlist *l = NULL;
        static const char nul[] = "192.0.2.1\0/8\n";
        char text[128];
        struct buf why = BUF_FIXED(text);
        unsigned bad = 0;

        (void) state;
        assert_int_equal(netlist_new(&l), 0);
        assert_int_equal(netlist_add_text(l, nul, sizeof(nul) - 1, &why, &bad), 0);
        assert_int_equal(bad, 1);
        assert_string_equal(buf_str(&why), "line 1 is no network");
        netlist_ready(l);
        assert_false(has(l, "192.0.2.1"));
        assert_int_equal(netlist_load(l, "/proc/none", NULL, NULL), -ENOENT);
        assert_int_equal(netlist_load(l, "/", NULL, NULL), -EISDIR);
        assert_int_equal(netlist_load(l, "/dev/zero", NULL, NULL), -EINVAL);
}

/* Random networks, many of them nested: the answer is that of a search through all. */
static void test_against_search(void **state)
{
        struct cidr nets[300];
        _cleanup_(netlist_freep)
        struct netlist *l = NULL;
        unsigned in = 0;

        (void) state;
        srand(7);
        assert_int_equal(netlist_new(&l), 0);
        for (unsigned i = 0; i < 300; i++) {
                memset(&nets[i], 0, sizeof(nets[i]));
                nets[i].base = (struct addr){
                        {[10] = 0xff, 0xff, 10, (uint8_t) (rand() % 8), (uint8_t) rand(), (uint8_t) rand()}};
                nets[i].bits = (uint8_t) (96 + 16 + rand() % 17);
                assert_int_equal(netlist_add(l, &nets[i]), 0);
        }
        netlist_ready(l);
        assert_true(netlist_count(l) <= 300);
        for (unsigned i = 0; i < 20000; i++) {
                struct addr a = {{[10] = 0xff, 0xff, 10, (uint8_t) (rand() % 9), (uint8_t) rand(), (uint8_t) rand()}};
                bool wanted = false;

                for (unsigned k = 0; k < 300; k++)
                        wanted = wanted || cidr_contains(&nets[k], &a);
                assert_int_equal(netlist_has(l, &a), wanted);
                in += wanted;
        }
        assert_in_range(in, 1000, 19000);
}

static void test_everything(void **state)
{
        _cleanup_(netlist_freep)
        struct netlist *l = list_of("::/0\n0.0.0.0/0\n192.0.2.1\n", NULL);

        (void) state;
        assert_int_equal(netlist_count(l), 1);
        assert_true(has(l, "255.255.255.255"));
        assert_true(has(l, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
        assert_true(has(l, "::"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_file),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_against_search),
                cmocka_unit_test(test_everything),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
