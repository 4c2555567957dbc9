/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exfiltration: what is an upload, what it weighs, whom it may go to, when it is told, who is left alone, stories. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include "detect/exfiltration.h"
#include "rig.h"

#define MIB (1ull << 20)

/* Names and protocols are seen: a name server answers 10.0.0.5, and a flow speaks TLS. */
static void see(struct rig *r, struct addr named)
{
        struct event dns = {.type = EVENT_DNS, .op = DNS_ANSWER}, tls;

        dns.ends.local = rig_addr("10.0.0.5");
        dns.ends.remote = rig_addr("198.51.100.53");
        dns.dns.addrs = &named;
        dns.dns.n_addrs = 1;
        rig_event(r, &dns);
        tls = rig_flow(r, IPPROTO_TCP, rig_outside(1), 443);
        tls.flow.app = APP_TLS;
        rig_event(r, &tls);
        rig_end(r, &tls, true);
}

static void begin(struct rig *r)
{
        rig_open(r, "exfiltration", NULL);
        see(r, rig_outside(1));
}

/* Totals of a flow that is answered, at its end or while it lasts. */
static void carry(struct rig *r, struct event *e, enum flow_op op, uint64_t out, uint64_t in)
{
        e->op = (uint8_t) op;
        e->flow.state = op == FLOW_END ? FLOW_STATE_CLOSED : FLOW_STATE_ESTABLISHED;
        e->flow.bytes_out = out;
        e->flow.bytes_in = in;
        e->flow.pkts_out = 1 + (uint32_t) (out / 1400);
        e->flow.pkts_in = 1 + e->flow.pkts_out / 2;
        rig_event(r, e);
}

static void upload(struct rig *r, struct addr to, uint16_t port, uint64_t out, uint64_t in)
{
        struct event e = rig_flow(r, IPPROTO_TCP, to, port);

        rig_event(r, &e);
        r->now += 60 * NSEC_PER_SEC;
        carry(r, &e, FLOW_END, out, in);
}

static void test_weights(void **unused)
{
        static const struct {
                uint16_t port;
                uint8_t app;
                uint64_t out, in;
                int32_t weight;
        } cases[] = {
                {1337, APP_UNKNOWN, MIB, 9000, 500},
                {1337, APP_UNKNOWN, MIB - 1, 9000, 0},
                {1337, APP_UNKNOWN, MIB, 20000, 0}, /* 52:1 */
                {1337, APP_UNKNOWN, MIB, 1000, 600},
                {1337, APP_UNKNOWN, 10 * MIB, 90000, 600},
                {1337, APP_UNKNOWN, 100 * MIB, 900000, 700},
                {1337, APP_UNKNOWN, 100 * MIB, 0, 800},
                {1337, APP_FILE, 100 * MIB, 0, 800}, /* no protocol, only a file */
                {443, APP_UNKNOWN, MIB, 9000, 200},
                {443, APP_UNKNOWN, 100 * MIB, 0, 350},
                {4444, APP_TLS, 10 * MIB, 90000, 250},
                {4444, APP_HTTP, 10 * MIB, 0, 300},
                {22022, APP_SSH, 100 * MIB, 0, 350},
                {22, APP_SSH, 100 * MIB, 0, 0},
                {443, APP_TLS, 100 * MIB, 0, 0},
                {51234, APP_FTP_DATA, 100 * MIB, 0, 0},
                {2526, APP_SMTP, 100 * MIB, 0, 0},
                {51413, APP_BITTORRENT, 100 * MIB, 0, 0},
        };

        (void) unused;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct event e;
                struct rig r;

                begin(&r);
                e = rig_flow(&r, IPPROTO_TCP, rig_outside(9), cases[i].port);
                rig_event(&r, &e);
                e.flow.app = cases[i].app;
                carry(&r, &e, FLOW_END, cases[i].out, cases[i].in);
                if (r.weights != cases[i].weight)
                        fail_msg("case %zu: %d", i, r.weights);
                rig_close(&r);
        }
}

/* Of eight home hosts one knows the peer; of eight three; of hundred thirty. */
static void test_rarity(void **unused)
{
        static const struct {
                uint32_t hosts, users;
                int32_t weight;
        } cases[] = {{1, 1, 500}, {2, 2, 500}, {9, 1, 600}, {9, 3, 0}, {40, 3, 500}, {100, 30, 0}, {250, 24, 0}};

        (void) unused;
        for (size_t k = 0; k < ELEMENTSOF(cases); k++) {
                struct rig r;

                begin(&r);
                for (uint32_t i = 1; i < cases[k].hosts; i++) {
                        struct event e = rig_flow(&r, IPPROTO_TCP, rig_outside(i < cases[k].users ? 9 : 100), 443);

                        e.flow.local.b[15] = (uint8_t) i;
                        e.flow.local.b[14] = 1;
                        rig_event(&r, &e);
                }
                upload(&r, rig_outside(9), 1337, MIB, 9000);
                if (r.weights != cases[k].weight)
                        fail_msg("case %zu: %d", k, r.weights);
                rig_close(&r);
        }
}

/* A live flow is told of as it grows, its last words add no more than they are worth. */
static void test_lasting(void **unused)
{
        struct event e;
        struct rig r;

        (void) unused;
        begin(&r);
        e = rig_flow(&r, IPPROTO_TCP, rig_outside(9), 1337);
        rig_event(&r, &e);
        for (uint64_t out = 1000; out < MIB; out *= 2) {
                r.now += NSEC_PER_SEC;
                carry(&r, &e, FLOW_UPDATE, out, 500);
        }
        assert_int_equal(r.claims, 0);
        carry(&r, &e, FLOW_UPDATE, 2 * MIB, 900);
        assert_int_equal(r.weights, 600);
        carry(&r, &e, FLOW_UPDATE, 20 * MIB, 900);
        assert_int_equal(r.weights, 700);
        r.now += 60 * NSEC_PER_SEC;
        carry(&r, &e, FLOW_END, 20 * MIB, 900);
        assert_int_equal(r.claims, 2);
        assert_int_equal(rig_number(&r, "connections"), 1);
        carry(&r, &e, FLOW_END, 200 * MIB, 900); /* its peer's next: the sum counts */
        assert_int_equal(rig_number(&r, "bytes_out"), (int64_t) (220 * MIB));
        assert_int_equal(rig_number(&r, "connections"), 2);
        assert_true(r.last.first <= r.now - 60 * NSEC_PER_SEC && r.last.first >= T0);
        rig_close(&r);
}

/* Small pieces add up within a day and not beyond; what comes back counts against them. */
static void test_pieces(void **unused)
{
        (void) unused;
        for (int kind = 0; kind < 4; kind++) {
                struct rig r;

                begin(&r);
                for (int i = 0; i < 40; i++) {
                        upload(&r, rig_outside(9), kind == 3 ? (uint16_t) (1337 + i) : 1337, 50000,
                               kind == 1 && i == 0 ? 40000 : 100);
                        r.now += (kind == 2 ? 4 * 3600 : 60) * NSEC_PER_SEC;
                }
                /* 2 MB; 40 kB back; 0.3 MB a day; to a port each */
                if ((r.claims > 0) != (kind == 0))
                        fail_msg("kind %d: %d claims", kind, r.claims);
                rig_close(&r);
        }
}

enum naming { ASKED, SNI, NO_SNI, HOST, ADDRESS, CUT, SERVED, NAMINGS };

static void test_names(void **unused)
{
        static const bool known[NAMINGS] = {[ASKED] = true, [SNI] = true, [HOST] = true};

        (void) unused;
        for (enum naming n = 0; n < NAMINGS; n++) {
                struct event e = {.type = n == HOST || n == ADDRESS ? EVENT_HTTP : EVENT_TLS};
                struct rig r;

                begin(&r);
                if (n == ASKED)
                        see(&r, rig_outside(9));
                e.ends = (struct ends){.local = rig_addr("10.0.0.5"),
                                       .remote = rig_outside(9),
                                       .origin = n == SERVED ? FLOW_ACCEPTED : FLOW_ORIGINATED,
                                       .flags = n == CUT ? ENDS_CUT : 0,
                                       .from_local = 1};
                if (e.type == EVENT_HTTP) {
                        e.http.host = n == HOST ? "drive.example:4444" : "203.0.0.9:4444";
                        e.http.host_len = (uint16_t) strlen(e.http.host);
                } else if (n != NO_SNI)
                        e.tls.sni = (struct slice){"drive.example", 13};
                if (n != ASKED)
                        rig_event(&r, &e);
                upload(&r, rig_outside(9), 4444, MIB, 100);
                if ((r.claims == 0) != known[n])
                        fail_msg("case %d", n);
                rig_close(&r);
        }
}

/* Where names are not seen nothing is told; where protocols are not seen, an unknown one is no sign. */
static void test_unseen(void **unused)
{
        struct event e;
        struct rig r;

        (void) unused;
        rig_open(&r, "exfiltration", NULL);
        upload(&r, rig_outside(9), 1337, 200 * MIB, 0);
        assert_int_equal(r.claims, 0);
        see(&r, rig_outside(1));
        e = rig_flow(&r, IPPROTO_TCP, rig_outside(9), 1337);
        e.source = 3;
        carry(&r, &e, FLOW_END, 200 * MIB, 0);
        assert_int_equal(r.weights, 350);
        e.flow.remote_port = 443;
        e.flow.remote = rig_outside(10);
        carry(&r, &e, FLOW_END, 200 * MIB, 0);
        assert_int_equal(r.claims, 1);
        e.source = 0;
        e.flow.local = rig_addr("10.0.0.6"); /* one that asks for no names */
        carry(&r, &e, FLOW_END, 200 * MIB, 0);
        assert_int_equal(r.claims, 1);
        rig_close(&r);
}

static void test_not_counted(void **unused)
{
        (void) unused;
        for (int odd = 0; odd <= 12; odd++) {
                struct event e;
                struct rig r;

                begin(&r);
                e = rig_flow(&r, odd == 0 ? IPPROTO_UDP : IPPROTO_TCP, rig_outside(9), 1337);
                e.flow.origin = odd == 1 ? FLOW_ACCEPTED : odd == 2 ? FLOW_ORIGIN_UNKNOWN : FLOW_ORIGINATED;
                e.flow.flags = odd == 3 ? FLOW_MIDSTREAM :
                               odd == 4 ? FLOW_ONE_SIDED :
                               odd == 5 ? FLOW_PRESENT :
                               odd == 6 ? FLOW_NO_PEER :
                                          0;
                if (odd == 7)
                        e.flow.remote = rig_addr("192.168.3.3");
                if (odd == 8)
                        e.flow.remote = rig_addr("224.0.0.1");
                carry(&r, &e, odd == 9 ? FLOW_START : odd == 10 ? FLOW_PUSH : FLOW_UPDATE, odd == 11 ? 0 : 9 * MIB, 9);
                if (odd == 12) { /* the control */
                        assert_int_equal(r.claims, 1);
                        rig_close(&r);
                        continue;
                }
                e.op = FLOW_END;
                e.flow.state = FLOW_STATE_FAILED;
                rig_event(&r, &e);
                e.flow.state = FLOW_STATE_CLOSED;
                e.flow.bytes_out = odd == 11 ? 4ull << 30 : e.flow.bytes_out; /* by twelve packets */
                e.flow.pkts_out = odd == 11 ? 12 : e.flow.pkts_out;
                if (odd < 9 || odd == 11)
                        rig_event(&r, &e);
                assert_int_equal(r.claims, 0);
                rig_close(&r);
        }
}

/* Seven unknown peers are not many, eight are; BitTorrent is told by one; after two hours it is over. */
static void test_many_peers(void **unused)
{
        (void) unused;
        for (int kind = 0; kind < 4; kind++) {
                struct rig r;

                begin(&r);
                for (uint32_t i = 0; i < (kind == 1 ? 1 : 40); i++) {
                        struct event e = rig_flow(&r, IPPROTO_UDP, rig_outside(1000 + (kind == 0 ? i % 5 : i)), 51413);

                        e.flow.origin = i % 2 ? FLOW_ACCEPTED : FLOW_ORIGINATED;
                        e.flow.local_port = 51413;
                        e.flow.app = kind == 1 ? APP_BITTORRENT : APP_UNKNOWN;
                        carry(&r, &e, FLOW_END, 300, 300);
                }
                r.now += (kind == 3 ? 7200 : 3600) * NSEC_PER_SEC;
                upload(&r, rig_outside(9), 1337, 9 * MIB, 9);
                if ((r.claims > 0) != (kind == 0 || kind == 3))
                        fail_msg("kind %d", kind);
                rig_close(&r);
        }
}

/* It is told again while it goes on, never counts for more than it is worth, and fades. */
static void test_never_more(void **unused)
{
        struct rig r;

        (void) unused;
        begin(&r);
        for (int i = 0; i < 200; i++)
                upload(&r, rig_outside(9 + (uint32_t) i % 3), 1337, 900 * MIB, 9);
        assert_in_range(r.claims, 15, 25);
        assert_in_range(r.weights, 800, 950); /* 800, and what faded in three hours */
        assert_int_equal(r.detector->kinds[0].cap, 800);
        assert_false(r.detector->kinds[0].conclusive);
        rig_close(&r);
}

static void test_story(void **unused)
{
        struct rig r;

        (void) unused;
        begin(&r);
        upload(&r, rig_outside(9), 1337, 41968113, 5845);
        rig_assert_story(&r, "It sent 41.9 MB to 203.0.0.9, port 1337/TCP, and got 5.8 kB back, in 1 connection within "
                             "1 min.\n"
                             "No name for that address was ever seen, though the host asks for others.\n"
                             "What it speaks there is no protocol that is known, and the port is none of a known "
                             "service.\n");
        for (uint32_t i = 0; i < 20; i++) {
                struct event e = rig_flow(&r, IPPROTO_TCP, rig_outside(100), 443);

                e.flow.local.b[15] = (uint8_t) (20 + i);
                rig_event(&r, &e);
        }
        r.last = (struct evidence){.kind = &r.detector->kinds[0]};
        rig_assert_story(&r, "It sent 0 bytes to an unknown peer and got 0 bytes back, in 0 connections.\n"
                             "No name for that address was ever seen, though the host asks for others.\n");
        rig_close(&r);
}

static void test_storm(void **unused)
{
        struct rig r;

        (void) unused;
        rig_open(&r, "exfiltration", NULL);
        rig_storm(&r, 300000);
        rig_close(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_weights),     cmocka_unit_test(test_rarity),
                cmocka_unit_test(test_lasting),     cmocka_unit_test(test_pieces),
                cmocka_unit_test(test_names),       cmocka_unit_test(test_unseen),
                cmocka_unit_test(test_not_counted), cmocka_unit_test(test_many_peers),
                cmocka_unit_test(test_never_more),  cmocka_unit_test(test_story),
                cmocka_unit_test(test_storm),
        };

        setenv("TZ", "UTC", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
