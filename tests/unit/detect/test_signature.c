/* SPDX-License-Identifier: GPL-3.0-or-later */
/* signature: whom an alert accuses, what repeats and further rules add, and how the common fades. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "detect/signature.h"
#include "rig.h"

static struct event alert(enum stage stage, uint16_t weight, uint32_t sid)
{
        struct event e = {.type = EVENT_ALERT, .op = ALERT_MATCHED};

        e.ends = (struct ends){.flow_id = 7,
                               .local = rig_addr("10.0.0.5"),
                               .remote = rig_outside(1),
                               .local_port = 40000,
                               .remote_port = 6667,
                               .proto = IPPROTO_TCP,
                               .origin = FLOW_ORIGINATED,
                               .from_local = 1};
        e.alert.msg = (struct slice){"ET TROJAN x", 11};
        e.alert.category = "A Network Trojan was detected";
        e.alert.stage = (uint8_t) (stage + 1);
        e.alert.weight = weight;
        e.alert.sid = sid;
        e.alert.gid = 1;
        e.alert.rev = 3;
        e.alert.count = 1;
        return e;
}

/* The local host 10.0.0.5 and the remote one as clients or servers, senders or receivers. */
static void test_accused(void **unused)
{
        enum { L = 1, R = 2 };
        static const struct {
                uint8_t stage, origin, from_local, flags, target;
                uint8_t host[2]; /* expected; 0: none */
                uint8_t stages[2];
                uint16_t weights[2];
        } cases[] = {
                /* control: the client, whoever spoke */
                {STAGE_CONTROL, FLOW_ORIGINATED, 1, 0, 0, {L}, {STAGE_CONTROL}, {800}},
                {STAGE_CONTROL, FLOW_ORIGINATED, 0, 0, 0, {L}, {STAGE_CONTROL}, {800}},
                /* ours is the server: it spoke so; somebody spoke to it */
                {STAGE_CONTROL, FLOW_ACCEPTED, 1, 0, 0, {L}, {STAGE_CONTROL}, {800}},
                {STAGE_CONTROL, FLOW_ACCEPTED, 0, 0, 0, {L}, {STAGE_INFECT}, {200}},
                /* both are ours: the client alone */
                {STAGE_CONTROL, FLOW_ORIGINATED, 1, ENDS_BOTH_HOME, 0, {L}, {STAGE_CONTROL}, {800}},
                {STAGE_CONTROL, FLOW_ACCEPTED, 1, ENDS_BOTH_HOME, 0, {R}, {STAGE_CONTROL}, {800}},
                /* the rule names the infected */
                {STAGE_CONTROL, FLOW_ACCEPTED, 0, ENDS_BOTH_HOME, ALERT_TARGET_RECEIVER, {L}, {STAGE_CONTROL}, {800}},
                {STAGE_STEAL, FLOW_ORIGINATED, 0, ENDS_BOTH_HOME, ALERT_TARGET_SENDER, {R}, {STAGE_STEAL}, {800}},
                {STAGE_EGG, FLOW_ORIGINATED, 0, 0, 0, {L}, {STAGE_EGG}, {800}},
                /* attacks: the sender, and its victim */
                {STAGE_SPREAD, FLOW_ORIGINATED, 1, 0, 0, {L}, {STAGE_SPREAD}, {800}},
                {STAGE_SPREAD, FLOW_ACCEPTED, 0, 0, 0, {L}, {STAGE_INFECT}, {200}},
                {STAGE_SPREAD, FLOW_ORIGINATED, 1, ENDS_BOTH_HOME, 0, {L, R}, {STAGE_SPREAD, STAGE_INFECT}, {800, 200}},
                {STAGE_SPREAD, FLOW_ORIGINATED, 0, ENDS_BOTH_HOME, 0, {R, L}, {STAGE_SPREAD, STAGE_INFECT}, {800, 200}},
                {STAGE_SPREAD, FLOW_ORIGINATED, 1, 0, ALERT_TARGET_SENDER, {L}, {STAGE_INFECT}, {200}},
                {STAGE_ATTACK, FLOW_ORIGINATED, 1, 0, 0, {L}, {STAGE_ATTACK}, {800}},
                {STAGE_ATTACK, FLOW_ACCEPTED, 0, 0, 0, {0}, {0}, {0}},
                {STAGE_INFECT, FLOW_ORIGINATED, 0, 0, 0, {L}, {STAGE_INFECT}, {800}},
                {STAGE_INFECT, FLOW_ORIGINATED, 1, 0, 0, {0}, {0}, {0}},
                {STAGE_INFECT, FLOW_ACCEPTED, 1, 0, ALERT_TARGET_SENDER, {L}, {STAGE_INFECT}, {800}},
                /* nobody is ours; nothing is said */
                {STAGE_CONTROL, FLOW_ORIGINATED, 1, ENDS_NO_HOME, 0, {0}, {0}, {0}},
                {STAGE_HIDE, FLOW_ORIGINATED, 1, 0, 0, {0}, {0}, {0}},
        };

        (void) unused;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct event e = alert(cases[i].stage, 800, 1);
                struct signature_accused a[2];
                unsigned n, want = (cases[i].host[0] != 0) + (cases[i].host[1] != 0);

                e.ends.origin = cases[i].origin;
                e.ends.from_local = cases[i].from_local;
                e.ends.flags = cases[i].flags;
                e.alert.target = cases[i].target;
                n = signature_accuse(&e.alert, a);
                if (n != want)
                        fail_msg("case %zu: %u accused", i, n);
                for (unsigned k = 0; k < n; k++) {
                        bool local = addr_equal(a[k].host, &e.ends.local);

                        if (local != (cases[i].host[k] == L) || a[k].stage != cases[i].stages[k] ||
                            a[k].weight != cases[i].weights[k])
                                fail_msg("case %zu: %s, stage %u, weight %u", i, local ? "local" : "remote", a[k].stage,
                                         a[k].weight);
                        assert_true(addr_equal(a[k].peer, local ? &e.ends.remote : &e.ends.local));
                }
        }
}

static void test_repeats(void **unused)
{
        struct event e = alert(STAGE_CONTROL, 800, 2008124);
        struct rig r;

        (void) unused;
        rig_open(&r, "signature", NULL);
        for (int i = 0; i < 1000; i++) {
                rig_event(&r, &e);
                r.now += 10 * NSEC_PER_MSEC;
        }
        assert_int_equal(r.claims, 1);
        assert_int_equal(r.weights, 800);
        assert_string_equal(r.last.kind->name, "signature.control");
        rig_assert_story(&r, "Rule 2008124 (\"ET TROJAN x\", revision 3, class \"A Network Trojan was detected\") "
                             "matched its traffic with 203.0.0.1, port 6667/TCP.\n");
        /* a second rule adds a little, up to the cap */
        for (uint32_t sid = 1; sid < 40; sid++) {
                e.alert.sid = sid;
                rig_event(&r, &e);
        }
        assert_in_range(r.weights, 1200, 1202);
        /* while it goes on, it stands */
        r.now += 700 * NSEC_PER_SEC;
        rig_event(&r, &e);
        assert_in_range(r.weights, 1200, 1210);
        /* nothing and weight 0 claim nothing */
        e.alert.weight = 0;
        e.alert.sid = 99;
        r.now += 7000 * NSEC_PER_SEC;
        r.claims = 0;
        rig_event(&r, &e);
        assert_int_equal(r.claims, 0);
        rig_close(&r);
}

static void test_long_message(void **unused)
{
        struct event e = alert(STAGE_EGG, 600, 5);
        char msg[300];
        struct rig r;

        (void) unused;
        memset(msg, 'm', sizeof(msg));
        msg[0] = '\x1b';
        e.alert.msg = (struct slice){msg, sizeof(msg)};
        e.alert.category = NULL;
        e.alert.gid = 3;
        rig_open(&r, "signature", NULL);
        rig_event(&r, &e);
        assert_int_equal(strlen(evidence_find_fact(&r.last, "rule")->text), FACT_TEXT_MAX - 1);
        assert_int_equal(strlen(evidence_find_fact(&r.last, "rule_rest")->text), FACT_TEXT_MAX - 1);
        rig_close(&r);
}

/* The share: half of all hosts, or more, weighs nothing; one host weighs all; the prior keeps small networks apart. */
static void test_rarity(void **unused)
{
        (void) unused;
        assert_int_equal(signature_rarity(0, 0), UINT32_MAX);
        assert_int_equal(signature_rarity(1, 1), UINT32_MAX);
        assert_true(signature_rarity(2, 2) > 800);
        for (uint32_t hosts = 40; hosts < 100000; hosts = hosts * 3 / 2) {
                uint32_t before = UINT32_MAX;

                for (uint32_t with = 1; with <= hosts; with += 1 + hosts / 64) {
                        uint32_t now = signature_rarity(with, hosts);

                        assert_true(now <= before);
                        before = now;
                }
                assert_int_equal(signature_rarity(hosts / 2 + 9, hosts), 0);
                assert_true(signature_rarity(hosts / 4, hosts) > 200);
        }
        assert_int_equal(signature_rarity(UINT32_MAX, 1), 0);
        assert_true(signature_rarity(2, UINT32_MAX) > 5000);
}

static void test_common_rule(void **unused)
{
        struct event e = alert(STAGE_CONTROL, 900, 5), f = {.type = EVENT_FLOW, .op = FLOW_START};
        int32_t first, last = 0;
        struct rig r;

        (void) unused;
        rig_open(&r, "signature", NULL);
        for (uint32_t i = 0; i < 100; i++) {
                f.flow.local = addr_from_v4(htonl(0x0a000100u + i));
                rig_event(&r, &f);
        }
        e.ends.local = addr_from_v4(htonl(0x0a000100u));
        rig_event(&r, &e);
        first = r.weights;
        for (uint32_t i = 1; i < 70; i++) {
                int32_t before = r.weights;

                e.ends.local = addr_from_v4(htonl(0x0a000100u + i));
                rig_event(&r, &e);
                last = r.weights - before;
                if (last && i > 1)
                        assert_int_equal(rig_number(&r, "home_hosts_with_rule"), i + 1);
        }
        assert_int_equal(first, 900);
        assert_int_equal(last, 0);
        /* another rule on such a host counts as before */
        e.alert.sid = 6;
        first = r.weights;
        rig_event(&r, &e);
        assert_int_equal(r.weights - first, 900);
        assert_int_equal(rig_number(&r, "home_hosts"), 100);
        rig_close(&r);
}

static void test_storm(void **unused)
{
        struct rig r;

        (void) unused;
        rig_open(&r, "signature", NULL);
        rig_storm(&r, 50000);
        rig_close(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_accused), cmocka_unit_test(test_repeats),     cmocka_unit_test(test_long_message),
                cmocka_unit_test(test_rarity),  cmocka_unit_test(test_common_rule), cmocka_unit_test(test_storm),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
