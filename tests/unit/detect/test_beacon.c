/* SPDX-License-Identifier: GPL-3.0-or-later */
/* beacon: what is regular, what it weighs, what is regular by nature, logarithms, stories. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include "detect/beacon.h"
#include "rig.h"

static void at(struct rig *r, nsec_t after, struct event *e, uint64_t bytes)
{
        r->now += after;
        e->op = FLOW_START;
        e->flow.since = r->now;
        e->flow.bytes_out = 0;
        rig_event(r, e);
        e->flow.bytes_out = bytes;
        rig_end(r, e, true);
}

/* A name server answers 10.0.0.5: so addresses without a name are known to have none. */
static void answer(struct rig *r, struct addr about)
{
        struct event e = {.type = EVENT_DNS, .op = DNS_ANSWER};

        e.ends.local = rig_addr("10.0.0.5");
        e.ends.remote = rig_addr("198.51.100.53");
        e.dns.addrs = &about;
        e.dns.n_addrs = 1;
        rig_event(r, &e);
}

static void test_logarithm(void **unused)
{
        uint64_t x = 1;

        (void) unused;
        assert_int_equal(beacon_log(0), 0);
        assert_int_equal(beacon_log(1024), 10 << 10);
        assert_true(beacon_log(UINT64_MAX) > beacon_log(UINT64_MAX / 2));
        for (int i = 0; i < 40; i++, x = x * 2 + 1) {
                uint16_t one = beacon_log(x);
                struct beacon_rhythm r = beacon_rhythm_of(&one, 1);

                assert_in_range(r.median, x - x / 512, x);
                assert_int_equal(r.spread, 0);
        }
        assert_int_equal(beacon_rhythm_of(NULL, 0).median, 0);
}

static void test_rhythm(void **unused)
{
        static const uint64_t ms[] = {60000, 59000, 61000, 600000, 60000, 1000};
        uint16_t logs[ELEMENTSOF(ms)];
        struct beacon_rhythm r;

        (void) unused;
        for (size_t i = 0; i < ELEMENTSOF(ms); i++)
                logs[i] = beacon_log(ms[i]);
        r = beacon_rhythm_of(logs, ELEMENTSOF(ms));
        assert_in_range(r.median, 59900, 60000);
        assert_in_range(r.spread, 900, 1100); /* a lost contact and a double one do not matter */
}

static void test_ten_contacts(void **unused)
{
        struct event e;
        struct rig r;

        (void) unused;
        rig_open(&r, "beacon", NULL);
        answer(&r, rig_outside(1));
        e = rig_flow(&r, IPPROTO_TCP, rig_outside(9), 8443);
        for (int i = 0; i < 9; i++)
                at(&r, 300 * NSEC_PER_SEC, &e, 310);
        assert_int_equal(r.claims, 0);
        at(&r, 300 * NSEC_PER_SEC, &e, 310);
        assert_int_equal(r.weights, 500); /* regular, without a name, and of the same size */
        assert_int_equal(rig_number(&r, "contacts"), 10);
        rig_assert_story(
                &r, "It contacted 203.0.0.9, port 8443/TCP, 10 times, every 5 min; half of the times within 0 ms of "
                    "that.\nIt sent about as much each time.\nIt knows that peer by its bare address: no name for it "
                    "was ever "
                    "seen.\n");
        for (int i = 0; i < 200; i++)
                at(&r, 300 * NSEC_PER_SEC, &e, 310);
        assert_in_range(r.weights, 600, 1100); /* renewed while it goes on */
        rig_close(&r);
}

static void test_jitter(void **unused)
{
        (void) unused;
        for (int percent = 0; percent <= 100; percent += 10) {
                uint32_t x = 12345;
                struct event e;
                struct rig r;

                rig_open(&r, "beacon", NULL);
                answer(&r, rig_outside(1));
                e = rig_flow(&r, IPPROTO_TCP, rig_outside(9), 443);
                for (int i = 0; i < 60; i++) {
                        x = x * 1664525u + 1013904223u;
                        at(&r, (nsec_t) (60e9 * (1 + percent / 100.0 * ((double) x / UINT32_MAX - .5) * 2)), &e, 310);
                }
                if (percent <= 30 || percent >= 90)
                        assert_int_equal(r.claims > 0, percent <= 30);
                rig_close(&r);
        }
}

static void test_sizes(void **unused)
{
        (void) unused;
        for (int kind = 0; kind < 3; kind++) {
                struct event e;
                struct rig r;

                rig_open(&r, "beacon", NULL);
                answer(&r, rig_outside(1));
                e = rig_flow(&r, IPPROTO_TCP, rig_outside(9), 443);
                for (int i = 0; i < 30; i++)
                        at(&r, 60 * NSEC_PER_SEC + (kind == 2) * (i % 4) * 9 * NSEC_PER_SEC, &e,
                           kind ? 100u << i % 6 : 310);
                /* the same size; tight but of many sizes; neither */
                assert_in_range(r.weights,
                                kind == 0 ? 500 :
                                kind == 1 ? 400 :
                                            0,
                                kind == 0 ? 510 :
                                kind == 1 ? 410 :
                                            0);
                rig_close(&r);
        }
}

/* Of eight hosts one, of sixteen two. */
static void test_rarity(void **unused)
{
        static const struct {
                int hosts, users;
                bool rare;
        } cases[] = {{7, 1, false}, {9, 1, true}, {9, 2, false}, {20, 2, true}, {40, 3, false}};

        (void) unused;
        for (size_t k = 0; k < ELEMENTSOF(cases); k++) {
                struct event e, other;
                struct rig r;

                rig_open(&r, "beacon", NULL);
                for (int i = 1; i < cases[k].hosts; i++) {
                        other = rig_flow(&r, IPPROTO_TCP, rig_outside(i < cases[k].users ? 9 : 100), 443);
                        other.flow.local.b[15] = (uint8_t) (100 + i);
                        rig_event(&r, &other);
                }
                e = rig_flow(&r, IPPROTO_TCP, rig_outside(9), 8443);
                for (int i = 0; i < 10; i++)
                        at(&r, 300 * NSEC_PER_SEC, &e, 310);
                assert_int_equal(r.weights, cases[k].rare ? 500 : 0);
                rig_close(&r);
        }
}

static void say(struct rig *r, const struct event *flow, struct event e, const char *name)
{
        e.ends.local = flow->flow.local;
        e.ends.remote = flow->flow.remote;
        e.ends.remote_port = flow->flow.remote_port;
        e.ends.from_local = 1;
        if (e.type == EVENT_TLS)
                e.tls.sni = (struct slice){name, name ? (uint32_t) strlen(name) : 0};
        else {
                e.http.host = name;
                e.http.host_len = name ? (uint16_t) strlen(name) : 0;
        }
        rig_event(r, &e);
}

enum naming { NOT_SEEN, OTHERS, ASKED, SNI, NO_SNI, HOST, NO_HOST, ADDRESS, ADDRESS6, QUIC, NAMINGS };

/* Who is known by name, as makers of updates are, is nothing to tell. */
static void test_names(void **unused)
{
        static const bool bare[NAMINGS] = {
                [OTHERS] = true, [NO_SNI] = true, [NO_HOST] = true, [ADDRESS] = true, [ADDRESS6] = true};

        (void) unused;
        for (enum naming naming = 0; naming < NAMINGS; naming++) {
                struct event e;
                struct rig r;

                rig_open(&r, "beacon", NULL);
                if (naming != NOT_SEEN && naming != NO_SNI && naming != ADDRESS)
                        answer(&r, rig_outside(naming == ASKED ? 9 : 1));
                e = rig_flow(&r, IPPROTO_TCP, rig_outside(9), 443);
                for (int i = 0; i < 12; i++) {
                        e.flow.app = naming == QUIC ? APP_QUIC : APP_UNKNOWN;
                        at(&r, 60 * NSEC_PER_SEC, &e, 310);
                        if (naming == SNI || naming == NO_SNI)
                                say(&r, &e, (struct event){.type = EVENT_TLS, .op = TLS_CLIENT_HELLO},
                                    naming == SNI ? "update.example" : NULL);
                        if (naming >= HOST && naming <= ADDRESS6)
                                say(&r, &e, (struct event){.type = EVENT_HTTP, .op = HTTP_REQUEST},
                                    naming == HOST     ? "update.example" :
                                    naming == NO_HOST  ? NULL :
                                    naming == ADDRESS6 ? "[2001:db8::1]:80" :
                                                         "203.0.0.9:443");
                }
                if ((r.claims > 0) != bare[naming])
                        fail_msg("case %d", naming);
                rig_close(&r);
        }
}

static void test_not_counted(void **unused)
{
        (void) unused;
        for (int odd = 0; odd < 10; odd++) {
                struct event e;
                struct rig r;

                rig_open(&r, "beacon", NULL);
                answer(&r, rig_outside(1));
                e = rig_flow(&r, IPPROTO_TCP, rig_outside(9), 443);
                if (odd == 0)
                        e.flow.remote = rig_addr("192.168.3.3");
                if (odd == 1)
                        e.flow.origin = FLOW_ACCEPTED;
                if (odd == 2)
                        e.flow.flags = FLOW_MIDSTREAM;
                if (odd == 3)
                        e.flow.app = APP_IMAP;
                if (odd == 4)
                        e.flow.remote_port = 123;
                if (odd == 5)
                        e.flow.proto = IPPROTO_ICMP;
                if (odd == 6)
                        e.flow.remote = rig_addr("224.0.0.1");
                for (int i = 0; i < 60; i++) {
                        if (odd == 7)
                                e.flow.remote = rig_outside((uint32_t) i);
                        if (odd == 8)
                                e.flow.remote_port = (uint16_t) (1000 + i);
                        at(&r, odd == 9 ? 3 * NSEC_PER_SEC : 60 * NSEC_PER_SEC, &e, 310); /* 9: one conversation */
                }
                assert_int_equal(r.claims, 0);
                rig_close(&r);
        }
}

/* Several flows at once are one contact. */
static void test_burst(void **unused)
{
        struct event e;
        struct rig r;

        (void) unused;
        rig_open(&r, "beacon", NULL);
        answer(&r, rig_outside(1));
        e = rig_flow(&r, IPPROTO_TCP, rig_outside(9), 443);
        for (int i = 0; i < 9 * 6; i++)
                at(&r, i % 6 ? 100 * NSEC_PER_MSEC : 60 * NSEC_PER_SEC, &e, 310);
        assert_int_equal(r.claims, 0);
        at(&r, 60 * NSEC_PER_SEC, &e, 310);
        assert_int_equal(r.claims, 1);
        rig_close(&r);
}

/* A flow that speaks something known: so what does not is seen not to. */
static void see_apps(struct rig *r)
{
        struct event e = rig_flow(r, IPPROTO_TCP, rig_outside(1), 443);

        e.flow.app = APP_TLS;
        rig_event(r, &e);
        rig_end(r, &e, true);
}

/* Six contacts, if all is strange: the first has no size yet, the newest none either. */
static void test_few(void **unused)
{
        enum { ALL, SIZE, APP, NAMED, SERVICE, FAILED, EMPTY, BACK_OFF, JITTER, SHORT, UDP, UNSEEN, KNOWN, CASES };
        static const bool told[CASES] = {[ALL] = true};

        (void) unused;
        for (int odd = 0; odd < CASES; odd++) {
                nsec_t wait = (odd == SHORT ? 3 : 20) * NSEC_PER_SEC;
                struct event e;
                struct rig r;

                rig_open(&r, "beacon", NULL);
                answer(&r, rig_outside(odd == NAMED ? 9 : 1));
                if (odd != UNSEEN)
                        see_apps(&r);
                for (int i = 0; i < (odd == KNOWN ? 5 : odd == NAMED ? 20 : 0); i++) { /* NAMED: rare, too */
                        e = rig_flow(&r, IPPROTO_TCP, rig_outside(odd == KNOWN ? 9 : 100), 443);
                        e.flow.local.b[15] = (uint8_t) (100 + i);
                        rig_event(&r, &e);
                }
                e = rig_flow(&r, odd == UDP ? IPPROTO_UDP : IPPROTO_TCP, rig_outside(9), odd == SERVICE ? 443 : 1337);
                for (int i = 0; i < 9; i++) {
                        r.now += wait + (odd == JITTER) * (i % 3) * 4 * NSEC_PER_SEC;
                        wait += (odd == BACK_OFF) * wait / 2;
                        e.op = FLOW_START;
                        e.flow.app = APP_UNKNOWN;
                        rig_event(&r, &e);
                        assert_int_equal(r.claims, i >= 5 && told[odd]);
                        e.flow.app = odd == APP ? APP_HTTP : APP_UNKNOWN;
                        e.flow.bytes_out = odd == EMPTY ? 0 : 3000u + (odd == SIZE) * (unsigned) i;
                        rig_end(&r, &e, odd != FAILED);
                }
                if (told[odd]) {
                        assert_int_equal(r.weights, 400);
                        assert_int_equal(rig_number(&r, "contacts"), 6);
                        assert_int_equal(rig_number(&r, "interval"), 20 * NSEC_PER_SEC);
                }
                rig_close(&r);
        }
}

/* After hours without any rhythm, six contacts begin to have one: they are told of, the others are not counted. */
static void test_few_newest(void **unused)
{
        static const int seconds[] = {100, 1911, 157, 125, 116, 1984, 20, 21, 22, 22, 22};
        struct event e;
        struct rig r;

        (void) unused;
        rig_open(&r, "beacon", NULL);
        answer(&r, rig_outside(1));
        see_apps(&r);
        e = rig_flow(&r, IPPROTO_TCP, rig_outside(9), 1337);
        for (size_t i = 0; i < ELEMENTSOF(seconds); i++) {
                assert_int_equal(r.claims, 0);
                at(&r, seconds[i] * NSEC_PER_SEC, &e, i < 5 ? 100u << i : 3000);
        }
        assert_int_equal(r.weights, 400);
        assert_int_equal(rig_number(&r, "contacts"), 6);
        assert_true(r.now - r.last.first <= 120 * NSEC_PER_SEC);
        rig_close(&r);
}

static void test_requests(void **unused)
{
        struct event e = {.type = EVENT_HTTP, .op = HTTP_REQUEST};
        struct addr subnet;
        struct rig r;

        (void) unused;
        rig_open(&r, "beacon", NULL);
        e.ends.local = rig_addr("2001:db8:1:2:3:4:5:6");
        e.ends.remote = rig_outside(9);
        for (int n = 0; n < 2; n++) {
                for (int i = 0; i < 20; i++) {
                        r.now += 30 * NSEC_PER_SEC;
                        rig_event(&r, &e);
                }
                assert_int_equal(r.claims, n);
                e.ends.from_local = 1; /* before: what it served */
        }
        subnet = rig_addr("2001:db8:1:2::");
        assert_memory_equal(&r.last.subject.addr, &subnet, sizeof(subnet));
        rig_close(&r);
}

static void test_storm(void **unused)
{
        struct rig r;

        (void) unused;
        rig_open(&r, "beacon", NULL);
        rig_storm(&r, 300000);
        r.last = (struct evidence){.kind = &r.detector->kinds[0]};
        rig_assert_story(&r,
                         "It contacted an unknown peer 0 times, every 0 ms; half of the times within 0 ms of that.\n");
        rig_close(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_logarithm),   cmocka_unit_test(test_rhythm), cmocka_unit_test(test_ten_contacts),
                cmocka_unit_test(test_jitter),      cmocka_unit_test(test_sizes),  cmocka_unit_test(test_rarity),
                cmocka_unit_test(test_not_counted), cmocka_unit_test(test_burst),  cmocka_unit_test(test_names),
                cmocka_unit_test(test_requests),    cmocka_unit_test(test_storm),  cmocka_unit_test(test_few),
                cmocka_unit_test(test_few_newest),
        };

        setenv("TZ", "UTC", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
