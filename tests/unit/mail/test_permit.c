/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may be probed: every reason to refuse, each alone; limits against a plain count; clocks that go back; and random
 * requests, of which none may be granted that must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "mail/permit.h"

#define S  NSEC_PER_SEC
#define T0 (1700000000 * S)

static struct addr addr(const char *text)
{
        struct addr a;

        assert_int_equal(addr_parse(text, &a), 0);
        return a;
}

static struct netlist *list_of(const char *text)
{
        struct netlist *l = NULL;
        unsigned bad = 0;

        assert_int_equal(netlist_new(&l), 0);
        assert_int_equal(netlist_add_text(l, text, strlen(text), NULL, &bad), 0);
        assert_int_equal(bad, 0);
        netlist_ready(l);
        return l;
}

static struct permit *permit_of(struct permit_params p)
{
        struct permit *permit = NULL;

        assert_int_equal(permit_new(&p, &permit), 0);
        return permit;
}

static struct permit_request request(const char *text)
{
        return (struct permit_request){.addr = addr(text), .last_external = true};
}

static enum permit_reason take(struct permit *p, nsec_t now, const char *text, struct permit_grant *ret)
{
        struct permit_request r = request(text);
        enum permit_reason look = permit_look(p, now, &r), got = permit_take(p, now, &r, ret);

        assert_int_equal(look, got);
        return got;
}

static void test_off_by_default(void **state)
{
        _cleanup_(netlist_freep)
        struct netlist *all = list_of("0.0.0.0/0\n::/0\n");
        _cleanup_(permit_freep)
        struct permit *p = permit_of((struct permit_params){.allowed = all});
        struct permit_request r = request("8.8.8.8");
        struct permit_grant g = {.number = 7};

        (void) state;
        r.consent = true;
        assert_int_equal(permit_take(p, T0, &r, &g), PERMIT_OFF);
        assert_int_equal(g.number, 7);
        g.number = 0;
        assert_false(permit_holds(p, &g));
}

static void test_reasons(void **state)
{
        _cleanup_(netlist_freep)
        struct netlist *allowed = list_of("61.48.0.0/16\n2a00::/16\n10.0.0.0/8\n");
        _cleanup_(netlist_freep)
        struct netlist *opted = list_of("61.48.9.0/24\n");
        _cleanup_(netlist_freep)
        struct netlist *own = list_of("61.48.8.0/24\n");
        _cleanup_(permit_freep)
        struct permit *p = permit_of((struct permit_params){
                .probing = true, .allowed = allowed, .opted_out = opted, .own = own, .concurrent = 64});
        struct permit_request r = request("61.48.71.52");
        struct permit_grant g;
        nsec_t now = T0;

        (void) state;
        r.last_external = false;
        assert_int_equal(permit_take(p, now, &r, &g), PERMIT_NOT_LAST);
        assert_int_equal(take(p, now, "61.49.0.1", &g), PERMIT_NOT_ALLOWED);
        assert_int_equal(take(p, now, "61.48.9.1", &g), PERMIT_OPTED_OUT);
        assert_int_equal(take(p, now, "61.48.8.1", &g), PERMIT_OWN);
        assert_int_equal(take(p, now, "10.1.2.3", &g), PERMIT_RESERVED); /* whatever the allow-list says */
        r = request("61.48.9.1");
        r.consent = true; /* consent does not undo an opt-out, nor what is ours or reserved */
        assert_int_equal(permit_take(p, now, &r, &g), PERMIT_OPTED_OUT);
        r = request("61.48.8.1");
        r.consent = true;
        assert_int_equal(permit_take(p, now, &r, &g), PERMIT_OWN);
        r = request("192.168.1.1");
        r.consent = true;
        assert_int_equal(permit_take(p, now, &r, &g), PERMIT_RESERVED);
        assert_int_equal(take(p, now, "61.48.71.52", &g), PERMIT_GRANTED);
        assert_true(permit_holds(p, &g));
        now += 3600 * S;
        r = request("61.49.0.1"); /* consent is as good as the list */
        r.consent = true;
        assert_int_equal(permit_take(p, now, &r, &g), PERMIT_GRANTED);
        for (unsigned i = 0; i < PERMIT_REASONS; i++) {
                assert_string_not_equal(permit_reason_name(i), "?");
                assert_string_not_equal(permit_reason_title(i), "?");
                assert_int_equal(permit_is_later(i), i >= PERMIT_TODAY);
        }
        assert_string_equal(permit_reason_name(PERMIT_REASONS), "?");
        assert_false(permit_is_later(PERMIT_REASONS));
}

static void test_reserved(void **state)
{
        static const char *const texts[] = {
                "0.0.0.0",         "0.1.2.3",      "10.0.0.1",    "100.64.0.1",      "127.0.0.1",
                "169.254.1.1",     "172.16.0.1",   "192.0.0.1",   "192.0.2.1",       "192.168.0.1",
                "198.18.0.1",      "198.51.100.1", "203.0.113.1", "224.0.0.1",       "240.0.0.1",
                "255.255.255.255", "::",           "::1",         "fe80::1",         "fc00::1",
                "fd00::1",         "ff02::1",      "2001:db8::1", "2002:a00:1::1",   "64:ff9b::a00:1",
                "2001::1",         "::10.0.0.1",   "::8.8.8.8",   "4000::1",         "100::1",
                "2002:0808:808::", "64:ff9b:1::",  "2001:2::1",   "::ffff:10.0.0.1", "::ffff:127.0.0.1",
        };
        _cleanup_(netlist_freep)
        struct netlist *all = list_of("0.0.0.0/0\n::/0\n");
        _cleanup_(permit_freep)
        struct permit *p = permit_of((struct permit_params){.probing = true, .allowed = all});
        struct permit_grant g;

        (void) state;
        for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                assert_int_equal(take(p, T0, texts[i], &g), PERMIT_RESERVED);
        assert_int_equal(take(p, T0, "8.8.8.8", &g), PERMIT_GRANTED);
        assert_int_equal(take(p, T0 + 60 * S, "2a00:1450::1", &g), PERMIT_GRANTED);
}

static void test_one_a_day(void **state)
{
        _cleanup_(netlist_freep)
        struct netlist *all = list_of("0.0.0.0/0\n");
        _cleanup_(permit_freep)
        struct permit *p = permit_of((struct permit_params){.probing = true, .allowed = all});
        struct permit_grant g;
        struct permit_request r = request("8.8.8.8");

        (void) state;
        /* As the store has it. */
        r.last_probe = T0 - PERMIT_ADDRESS_SPACING + 1;
        assert_int_equal(permit_take(p, T0, &r, &g), PERMIT_TODAY);
        r.last_probe = INT64_MAX; /* from a clock that was ahead */
        assert_int_equal(permit_take(p, T0, &r, &g), PERMIT_TODAY);
        r.last_probe = T0 - PERMIT_ADDRESS_SPACING;
        assert_int_equal(permit_take(p, T0, &r, &g), PERMIT_GRANTED);
        permit_done(p, &g);
        /* A caller that forgets does not get another one. */
        r.last_probe = 0;
        assert_int_equal(permit_take(p, T0 + PERMIT_ADDRESS_SPACING - 1, &r, &g), PERMIT_TODAY);
        assert_int_equal(permit_take(p, T0 - 1, &r, &g), PERMIT_TODAY);
        assert_int_equal(permit_take(p, T0 + PERMIT_ADDRESS_SPACING, &r, &g), PERMIT_GRANTED);
}

static void test_rates(void **state)
{
        _cleanup_(netlist_freep)
        struct netlist *all = list_of("0.0.0.0/0\n::/0\n");
        _cleanup_(permit_freep)
        struct permit *p = permit_of((struct permit_params){.probing = true, .allowed = all, .concurrent = 2});
        struct permit_grant a, b, c;

        (void) state;
        assert_int_equal(take(p, T0, "8.8.8.1", &a), PERMIT_GRANTED);
        assert_int_equal(take(p, T0, "9.9.9.1", &b), PERMIT_RATE);
        assert_int_equal(take(p, T0 + 6 * S - 1, "9.9.9.1", &b), PERMIT_RATE);
        assert_int_equal(take(p, T0 - 1, "9.9.9.1", &b), PERMIT_RATE); /* the clock went back */
        assert_int_equal(take(p, T0 + 6 * S, "8.8.8.2", &b), PERMIT_NETWORK);
        assert_int_equal(take(p, T0 + 6 * S, "9.9.9.1", &b), PERMIT_GRANTED);
        assert_int_equal(take(p, T0 + 60 * S, "11.1.1.1", &c), PERMIT_BUSY);
        permit_done(p, &a);
        permit_done(p, &a); /* twice gives nothing twice */
        assert_int_equal(take(p, T0 + 60 * S, "11.1.1.1", &c), PERMIT_GRANTED);
        assert_int_equal(take(p, T0 + 120 * S, "12.1.1.1", &a), PERMIT_BUSY);
        permit_done(p, &b);
        permit_done(p, &c);
        assert_int_equal(take(p, T0 + 600 * S - 1, "8.8.8.2", &a), PERMIT_NETWORK);
        assert_int_equal(take(p, T0 + 600 * S, "8.8.8.2", &a), PERMIT_GRANTED);
        permit_done(p, &a);
        assert_int_equal(take(p, T0 + 700 * S, "2a00:1:2:3::1", &a), PERMIT_GRANTED);
        permit_done(p, &a);
        assert_int_equal(take(p, T0 + 800 * S, "2a00:1:2:4::1", &a), PERMIT_NETWORK); /* the same /48 */
        assert_int_equal(take(p, T0 + 800 * S, "2a00:1:3:4::1", &a), PERMIT_GRANTED);
}

static void test_grants(void **state)
{
        _cleanup_(netlist_freep)
        struct netlist *all = list_of("0.0.0.0/0\n");
        _cleanup_(permit_freep)
        struct permit *p = permit_of((struct permit_params){.probing = true, .allowed = all});
        struct permit_grant g, forged;

        (void) state;
        assert_int_equal(take(p, T0, "8.8.8.8", &g), PERMIT_GRANTED);
        forged = g;
        forged.addr = addr("9.9.9.9"); /* for another address */
        assert_false(permit_holds(p, &forged));
        permit_done(p, &forged);
        assert_true(permit_holds(p, &g));
        forged = g;
        forged.number++;
        assert_false(permit_holds(p, &forged));
        permit_done(p, &g);
        assert_false(permit_holds(p, &g));
        assert_int_equal(take(p, T0 + 60 * S, "9.9.9.9", &g), PERMIT_GRANTED);
        permit_stop(p);
        assert_false(permit_holds(p, &g));
        assert_int_equal(take(p, T0 + 3600 * S, "7.7.7.7", &g), PERMIT_STOPPED);
}

/* More addresses than are remembered: nothing that counts is forgotten. */
static void test_full(void **state)
{
        _cleanup_(netlist_freep)
        struct netlist *all = list_of("0.0.0.0/0\n");
        _cleanup_(permit_freep)
        struct permit *p =
                permit_of((struct permit_params){.probing = true, .allowed = all, .spacing = 1, .remembered = 4});
        struct permit_grant g;
        nsec_t now = T0;

        (void) state;
        for (unsigned i = 1; i <= 4; i++) {
                struct permit_request r = {.addr = {{[10] = 0xff, 0xff, 8, (uint8_t) i, 8, 8}}, .last_external = true};

                assert_int_equal(permit_take(p, now++, &r, &g), PERMIT_GRANTED);
                permit_done(p, &g);
        }
        assert_int_equal(take(p, now, "8.5.8.8", &g), PERMIT_TODAY);
        assert_int_equal(take(p, T0 + PERMIT_ADDRESS_SPACING - 1, "8.5.8.8", &g), PERMIT_TODAY);
        assert_int_equal(take(p, T0 + PERMIT_ADDRESS_SPACING, "8.5.8.8", &g), PERMIT_GRANTED);
        permit_done(p, &g);
        /* The first was forgotten for it, and the others were not. */
        assert_int_equal(take(p, T0 + PERMIT_ADDRESS_SPACING + 1, "8.1.8.8", &g), PERMIT_GRANTED);
}

/* Random requests over random clocks: whatever is granted is checked against what was granted before. */
static void test_random(void **state)
{
        _cleanup_(netlist_freep)
        struct netlist *allowed = list_of("8.0.0.0/8\n");
        _cleanup_(netlist_freep)
        struct netlist *opted = list_of("8.1.0.0/16\n");
        _cleanup_(netlist_freep)
        struct netlist *own = list_of("8.2.0.0/16\n");
        _cleanup_(permit_freep)
        struct permit *p =
                permit_of((struct permit_params){.probing = true, .allowed = allowed, .opted_out = opted, .own = own});
        static struct {
                struct permit_grant g;
                nsec_t at;
                bool out;
        } had[20000];
        unsigned n = 0, out = 0;
        nsec_t now = T0, latest = 0;

        (void) state;
        srand(11);
        for (unsigned i = 0; i < 20000; i++) {
                struct permit_request r = {
                        .addr = {{[10] = 0xff,
                                  0xff,
                                  (uint8_t) (rand() % 12 ? 8 : 9),
                                  (uint8_t) (rand() % 6),
                                  (uint8_t) (rand() % 40),
                                  (uint8_t) (rand() % 8)}},
                        .last_external = rand() % 8 != 0,
                };
                struct permit_grant g;

                now += (nsec_t) (rand() % 400) * S - 30 * S;
                for (unsigned tries = 0; n && tries < 3; tries++) {
                        unsigned k = n - 1 - (unsigned) rand() % (n < 6 ? n : 6);

                        out -= had[k].out;
                        had[k].out = false;
                        permit_done(p, &had[k].g);
                }
                if (permit_take(p, now, &r, &g) != PERMIT_GRANTED)
                        continue;
                assert_true(r.last_external);
                assert_int_equal(r.addr.b[12], 8);
                assert_true(r.addr.b[13] != 1 && r.addr.b[13] != 2);
                assert_true(out < 4);
                assert_true(n == 0 || now - latest >= 6 * S);
                for (unsigned k = 0; k < n; k++) {
                        if (addr_equal(&had[k].g.addr, &g.addr))
                                assert_true(now - had[k].at >= PERMIT_ADDRESS_SPACING);
                        if (memcmp(had[k].g.addr.b, g.addr.b, 15) == 0)
                                assert_true(now - had[k].at >= 600 * S);
                }
                had[n].g = g;
                had[n].at = latest = now;
                had[n++].out = true;
                out++;
        }
        assert_in_range(n, 500, 19000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_off_by_default), cmocka_unit_test(test_reasons), cmocka_unit_test(test_reserved),
                cmocka_unit_test(test_one_a_day),      cmocka_unit_test(test_rates),   cmocka_unit_test(test_grants),
                cmocka_unit_test(test_full),           cmocka_unit_test(test_random),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
