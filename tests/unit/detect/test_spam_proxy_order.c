/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spam_proxy: what outsiders ask a proxy for, recipients that they name, and what the host does then. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include "rig.h"

static void pass(struct rig *r, uint32_t seconds)
{
        r->now += seconds * NSEC_PER_SEC;
}

static void proxy(struct rig *r, enum proxy_op op, uint32_t target, const char *name, uint16_t port)
{
        struct event e = {.type = EVENT_PROXY, .op = (uint8_t) op};

        e.ends = (struct ends){.local = rig_addr("10.0.0.5"),
                               .remote = rig_outside(7),
                               .local_port = 1080,
                               .remote_port = 50000,
                               .proto = IPPROTO_TCP,
                               .origin = FLOW_ACCEPTED,
                               .from_local = op == PROXY_REPLY};
        if (name)
                e.proxy.name = (struct slice){name, (uint32_t) strlen(name)};
        else
                e.proxy.target = rig_outside(target);
        e.proxy.target_port = port;
        e.proxy.granted = 1;
        rig_event(r, &e);
}

static void test_orders(void **unused)
{
        (void) unused;
        for (int odd = 0; odd < 5; odd++) {
                struct rig r;

                rig_open(&r, "spam_proxy", NULL);
                for (uint32_t i = 0; i < 6; i++) {
                        struct event e;

                        proxy(&r, PROXY_REQUEST, 500 + i, NULL, odd == 1 ? 443 : 25);
                        pass(&r, odd == 2 ? 31 : 1);
                        e = rig_flow(&r, IPPROTO_TCP, rig_outside(odd == 3 ? 900 + i : odd == 4 ? 500 : 500 + i), 25);
                        rig_event(&r, &e);
                }
                assert_in_range(r.weights, odd ? 0 : 1500, odd ? 0 : 1504);
                if (!odd)
                        assert_string_equal(r.last.kind->name, "spam_proxy.executed");
                rig_close(&r);
        }
}

static void test_orders_by_name(void **unused)
{
        (void) unused;
        for (int answered = 0; answered <= 1; answered++) {
                char name[] = "MX0.example.";
                struct rig r;

                rig_open(&r, "spam_proxy", NULL);
                for (uint32_t i = 0; i < 4; i++) {
                        struct addr a = rig_outside(500 + i);
                        struct event e = {.type = EVENT_DNS, .op = DNS_ANSWER};

                        name[2] = (char) ('0' + i);
                        proxy(&r, PROXY_REQUEST, 0, name, 25);
                        e.ends.local = rig_addr("10.0.0.5");
                        e.dns.name = (struct slice){"mx0.example", 11};
                        if (answered) {
                                char lower[] = "mx0.example";

                                lower[2] = name[2];
                                e.dns.name.p = lower;
                                e.dns.addrs = &a;
                                e.dns.n_addrs = 1;
                                rig_event(&r, &e);
                        }
                        e = rig_flow(&r, IPPROTO_TCP, a, 25);
                        rig_event(&r, &e);
                }
                assert_int_equal(r.claims > 0, answered);
                rig_close(&r);
        }
}

static void test_requests(void **unused)
{
        static const int32_t weights[] = {0, 300, 300, 600};

        (void) unused;
        for (uint32_t n = 0; n < 4; n++) {
                struct rig r;

                rig_open(&r, "spam_proxy", NULL);
                for (uint32_t i = 0; i < 3 * n; i++)
                        proxy(&r, PROXY_REPLY, 500 + i % n, NULL, 25);
                proxy(&r, PROXY_REPLY, 600, NULL, 587);
                proxy(&r, PROXY_REPLY, 0, "", 25); /* for nobody */
                assert_in_range(r.weights, weights[n], weights[n] + 4);
                rig_close(&r);
        }
}

static void say(struct rig *r, bool here, enum smtp_op op, uint32_t server, const char *text)
{
        struct event e = {.type = EVENT_SMTP, .op = (uint8_t) op};

        e.ends = (struct ends){.local = rig_addr("10.0.0.5"),
                               .remote = rig_outside(here ? 7 : server),
                               .local_port = here ? 33127 : 40000,
                               .remote_port = here ? 50000 : 25,
                               .proto = IPPROTO_TCP,
                               .origin = here ? FLOW_ACCEPTED : FLOW_ORIGINATED,
                               .from_local = !here};
        e.smtp.text = (struct slice){text, (uint32_t) strlen(text)};
        rig_event(r, &e);
}

static void test_recipients(void **unused)
{
        (void) unused;
        for (int odd = 0; odd < 5; odd++) {
                struct rig r;

                rig_open(&r, "spam_proxy", NULL);
                if (odd == 1)
                        say(&r, true, SMTP_AUTH, 0, "PLAIN");
                for (uint32_t i = 0; i < 8; i++) {
                        char rcpt[] = "a@b.example", other[] = "a@c.example";

                        rcpt[0] = other[0] = (char) ('a' + i);
                        say(&r, true, SMTP_RCPT, 0, rcpt);
                        pass(&r, odd == 2 ? 121 : 1);
                        say(&r, false, SMTP_RCPT, odd == 3 ? 1 : i, odd == 4 ? other : rcpt);
                }
                assert_int_equal(r.weights, odd ? 0 : 1500);
                rig_close(&r);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_orders),
                cmocka_unit_test(test_orders_by_name),
                cmocka_unit_test(test_requests),
                cmocka_unit_test(test_recipients),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
