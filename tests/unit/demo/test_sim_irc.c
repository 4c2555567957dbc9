/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines, messages and orders: what is meant, and what a hostile peer may send. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "demo/sim.h"

struct seen {
        char lines[16][SIM_LINE_MAX];
        size_t n;
};

static void keep(void *userdata, char *line)
{
        struct seen *s = userdata;

        if (s->n < ELEMENTSOF(s->lines))
                memcpy(s->lines[s->n], line, strlen(line) + 1);
        s->n++;
}

static void feed(struct sim_lines *l, struct seen *s, const char *text)
{
        sim_lines_feed(l, text, strlen(text), keep, s);
}

static void test_lines(void **state)
{
        struct sim_lines l = {};
        struct seen s = {};

        (void) state;
        feed(&l, &s, "PING :a\r\nNI");
        assert_int_equal(s.n, 1);
        assert_string_equal(s.lines[0], "PING :a");
        feed(&l, &s, "CK x\n\r\n\n");
        assert_int_equal(s.n, 2); /* empty lines are nothing */
        assert_string_equal(s.lines[1], "NICK x");
        sim_lines_feed(&l, "a\0b\n", 4, keep, &s);
        assert_string_equal(s.lines[2], "a?b");
}

static void test_line_past_the_bound(void **state)
{
        struct sim_lines l = {};
        struct seen s = {};

        (void) state;
        for (int i = 0; i < 5000; i++)
                feed(&l, &s, "x");
        assert_int_equal(s.n, 0);
        feed(&l, &s, "\nnext\n");
        assert_int_equal(s.n, 1);
        assert_string_equal(s.lines[0], "next");
        assert_int_equal(l.dropped, 1);
}

static void test_longest_line(void **state)
{
        struct sim_lines l = {};
        struct seen s = {};

        (void) state;
        for (int i = 0; i < SIM_LINE_MAX - 1; i++)
                feed(&l, &s, "y");
        feed(&l, &s, "\n");
        assert_int_equal(s.n, 1);
        assert_int_equal(strlen(s.lines[0]), SIM_LINE_MAX - 1);
        assert_int_equal(l.dropped, 0);
}

static void test_message(void **state)
{
        char a[] = ":oper!o@h PRIVMSG #sim :.scan tcp 30", b[] = "PING", c[] = "  353  x = #sim :a b c";
        char d[] = "X 1 2 3 4 5 6";
        struct sim_irc m;

        (void) state;
        assert_int_equal(sim_irc_parse(a, &m), 0);
        assert_string_equal(m.prefix, "oper!o@h");
        assert_string_equal(m.command, "PRIVMSG");
        assert_int_equal(m.n_params, 2);
        assert_string_equal(m.params[0], "#sim");
        assert_string_equal(m.params[1], ".scan tcp 30");
        assert_int_equal(sim_irc_parse(b, &m), 0);
        assert_string_equal(m.prefix, "");
        assert_string_equal(m.command, "PING");
        assert_int_equal(m.n_params, 0);
        assert_int_equal(sim_irc_parse(c, &m), 0);
        assert_int_equal(m.n_params, 4);
        assert_string_equal(m.params[3], "a b c");
        assert_int_equal(sim_irc_parse(d, &m), 0);
        assert_int_equal(m.n_params, 4);
        assert_string_equal(m.params[3], "4 5 6"); /* the last one takes what is left */
}

static void test_broken_message(void **state)
{
        static const char *const broken[] = {"", " ", ":", ":prefix", ":prefix ", ":a :b", "   :x"};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(broken); i++) {
                struct sim_irc m = {.n_params = 77};
                char line[32];

                snprintf(line, sizeof(line), "%s", broken[i]);
                assert_int_equal(sim_irc_parse(line, &m), -EBADMSG);
                assert_int_equal(m.n_params, 77);
        }
}

static void test_orders(void **state)
{
        static const struct {
                const char *text;
                enum sim_order_kind kind;
                uint32_t count;
        } good[] = {{".scan tcp 17", SIM_SCAN, 17},
                    {".scan tcp", SIM_SCAN, 30},
                    {".scan tcp 5000", SIM_SCAN, 5000},
                    {".udpflood 1", SIM_UDPFLOOD, 1},
                    {".udpflood 2000", SIM_UDPFLOOD, 2000},
                    {".ping 3", SIM_PING, 3},
                    {".get", SIM_GET, 1},
                    {".forge 9", SIM_FORGE, 9},
                    {".mail", SIM_MAIL, 10},
                    {".quit", SIM_QUIT, 0}};
        struct sim_order o;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                assert_int_equal(sim_order_parse(good[i].text, &o), 0);
                assert_int_equal(o.kind, good[i].kind);
                assert_int_equal(o.count, good[i].count);
                assert_string_equal(o.text, good[i].text);
        }
}

static void test_broken_orders(void **state)
{
        static const struct {
                const char *text;
                int error;
        } bad[] = {{"", -EINVAL},
                   {"hello", -EINVAL},
                   {".scan", -EINVAL},
                   {".scan udp 3", -EINVAL},
                   {".scan tcpx", -EINVAL},
                   {".scan tcp ", -EINVAL},
                   {".scan tcp -1", -EINVAL},
                   {".scan tcp 1x", -EINVAL},
                   {".scan tcp 1 2", -EINVAL},
                   {".scan tcp 0", -ERANGE},
                   {".scan tcp 5001", -ERANGE},
                   {".scan tcp 99999999999999999999999", -ERANGE},
                   {".udpflood 2001", -ERANGE},
                   {".get 3", -ERANGE},
                   {".quit 1", -ERANGE},
                   {".ping '; rm -rf /'", -EINVAL},
                   {".ping \x1b[2J", -EINVAL},
                   {".forge 000000000000000000000000000000000000000000000000000000000000000001", -EINVAL}};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                struct sim_order o = {.count = 4711};

                assert_int_equal(sim_order_parse(bad[i].text, &o), bad[i].error);
                assert_int_equal(o.count, 4711);
        }
}

static void parse_line(void *userdata, char *line)
{
        struct sim_irc m;
        struct sim_order o;

        (void) userdata;
        if (sim_irc_parse(line, &m) == 0 && m.n_params)
                (void) sim_order_parse(m.params[m.n_params - 1], &o);
}

/* Any bytes at all: nothing to assert but that the sanitizers stay silent and the bound holds. */
static void test_noise(void **state)
{
        static const char alphabet[] = ": \r\n.PRIVMSG#scan tcp09\x01\xff";
        struct sim_lines l = {};
        uint32_t x = 2463534242U;

        (void) state;
        for (int i = 0; i < 200000; i++) {
                x ^= x << 13;
                x ^= x >> 17;
                x ^= x << 5;
                sim_lines_feed(&l, &alphabet[x % sizeof(alphabet)], 1, parse_line, NULL);
                assert_true(l.len < SIM_LINE_MAX);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lines),          cmocka_unit_test(test_line_past_the_bound),
                cmocka_unit_test(test_longest_line),   cmocka_unit_test(test_message),
                cmocka_unit_test(test_broken_message), cmocka_unit_test(test_orders),
                cmocka_unit_test(test_broken_orders),  cmocka_unit_test(test_noise),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
