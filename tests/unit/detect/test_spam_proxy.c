/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spam_proxy: pairs by size and time, sums, copies, chance; orders and recipients; full rings; a million peers;
 * stories.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include "rig.h"

#include <malloc.h>

static uint32_t random_state;

static uint32_t rnd(uint32_t n)
{
        random_state ^= random_state << 13;
        random_state ^= random_state >> 17;
        random_state ^= random_state << 5;
        return random_state % n;
}

static void begin(struct rig *r, const char *yaml)
{
        random_state = 2463534242u;
        rig_open(r, "spam_proxy", yaml);
}

static void pass(struct rig *r, uint32_t seconds)
{
        struct evidence_sink out = {.emit = rig_emit, .userdata = r};

        for (uint32_t i = 0; i < seconds; i++) {
                r->now += NSEC_PER_SEC;
                r->detector->tick(r->state, r->now, &out);
        }
}

static struct event whole(struct rig *r, struct addr remote, uint16_t port)
{
        struct event e = rig_flow(r, IPPROTO_TCP, remote, port);

        e.op = FLOW_END;
        e.flow.state = FLOW_STATE_CLOSED;
        return e;
}

static void arrive(struct rig *r, uint16_t port, uint64_t bytes)
{
        struct event e = whole(r, rig_outside(7), 50000);

        e.flow.origin = FLOW_ACCEPTED;
        e.flow.local_port = port;
        e.flow.bytes_in = bytes;
        e.flow.bytes_out = 100;
        rig_event(r, &e);
}

static void leave(struct rig *r, uint32_t server, uint64_t bytes)
{
        struct event e = whole(r, rig_outside(100 + server), 25);

        e.flow.bytes_out = bytes;
        e.flow.bytes_in = 300;
        rig_event(r, &e);
}

/* A mail server's reply to a recipient, in a connection of its own; nothing of the mail is said then. */
static void refuse(struct rig *r, uint32_t server, uint16_t code)
{
        static uint64_t flow = 1u << 20;
        struct event e = {.type = EVENT_SMTP, .op = SMTP_REJECTED};

        e.smtp.ends = (struct ends){.flow_id = ++flow,
                                    .local = rig_addr("10.0.0.5"),
                                    .remote = rig_outside(100 + server),
                                    .local_port = 40000,
                                    .remote_port = 25,
                                    .proto = IPPROTO_TCP,
                                    .origin = FLOW_ORIGINATED};
        e.smtp.code = code;
        rig_event(r, &e);
}

/* So many mails through the port, `lag` seconds after their arrival, `gap` apart, to so many servers. */
static void relay(struct rig *r, int count, uint32_t lag, uint32_t gap, uint32_t servers)
{
        leave(r, 0, 1000); /* the test mail: from here on the host is looked at */
        pass(r, 60);
        for (int i = 0; i < count; i++) {
                uint32_t bytes = 1000 + rnd(8000);

                arrive(r, 33127, bytes);
                pass(r, lag);
                leave(r, (uint32_t) i % servers, bytes + 200);
                pass(r, gap);
        }
}

static void test_grades(void **unused)
{
        static const struct {
                int count;
                uint32_t lag, servers;
                int32_t weight;
        } cases[] = {
                {2, 2, 10, 0},     {4, 2, 10, 300}, {7, 2, 10, 600},    {14, 2, 10, 900},
                {30, 2, 10, 1200}, {30, 2, 1, 500}, {30, 29, 10, 1200}, {30, 40, 10, 0},
        };

        (void) unused;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct rig r;

                begin(&r, NULL);
                relay(&r, cases[i].count, cases[i].lag, 10, cases[i].servers);
                assert_in_range(r.weights, cases[i].weight, cases[i].weight + 10);
                rig_close(&r);
        }
}

/* Each is one step off a proxy. */
static void test_not_so(void **unused)
{
        (void) unused;
        for (int odd = 0; odd < 8; odd++) {
                struct rig r;

                begin(&r, odd == 5 ? "network:\n  mail_servers: [10.0.0.5]\n" : NULL);
                leave(&r, 0, 1000);
                for (int i = 0; i < 40; i++) {
                        struct event e = whole(&r, rig_outside(7), odd == 0 ? 20 : 50000);
                        uint32_t bytes = 1000 + rnd(8000);

                        e.flow.origin = odd == 1 ? FLOW_ORIGINATED : FLOW_ACCEPTED;
                        e.flow.local_port = odd == 2 ? 587 : odd == 3 ? 443 : 33127;
                        if (odd == 4) {
                                e.flow.remote = rig_addr("10.0.0.9");
                                e.flow.flags = FLOW_BOTH_HOME;
                        }
                        if (odd == 7)
                                e.flow.proto = IPPROTO_UDP;
                        e.flow.bytes_in = bytes;
                        rig_event(&r, &e);
                        pass(&r, 2);
                        leave(&r, (uint32_t) i, odd == 6 ? 3 * bytes : bytes);
                        pass(&r, 40);
                }
                assert_int_equal(r.weights, 0);
                rig_close(&r);
        }
}

/* A host that takes mail on port 25, too, is a mail server with a second port. */
static void test_mail_server(void **unused)
{
        struct rig r;

        (void) unused;
        begin(&r, NULL);
        for (uint32_t i = 0; i < 3; i++) {
                struct event e = whole(&r, rig_outside(9000 + i), 50000);

                e.flow.origin = FLOW_ACCEPTED;
                e.flow.local_port = 25;
                e.flow.bytes_in = 4000;
                e.flow.bytes_out = 300;
                rig_event(&r, &e);
        }
        relay(&r, 30, 2, 10, 10);
        assert_int_equal(r.claims, 0);
        rig_close(&r);
}

static void test_usual_service(void **unused)
{
        struct rig r;

        (void) unused;
        begin(&r, NULL);
        leave(&r, 0, 1000);
        for (int i = 0; i < 30; i++) {
                struct event e = whole(&r, rig_outside(7), 50000);

                e.flow.origin = FLOW_ACCEPTED;
                e.flow.local_port = 8080;
                e.flow.bytes_in = 1000 + rnd(8000);
                e.flow.app = APP_HTTP;
                rig_event(&r, &e);
                leave(&r, (uint32_t) i, e.flow.bytes_in);
                pass(&r, 20);
        }
        assert_in_range(r.weights, 400, 404);
        rig_close(&r);
}

/* Much arrives and much leaves, and neither has to do with the other. */
static void test_chance(void **unused)
{
        (void) unused;
        for (uint32_t arrivals = 1; arrivals <= 9; arrivals += 2) {
                struct rig r;

                begin(&r, NULL);
                for (int i = 0; i < 20000; i++) {
                        uint32_t bytes = 400u << rnd(11);

                        bytes += rnd(bytes);
                        if (rnd(10) < arrivals)
                                arrive(&r, 33127, bytes);
                        else
                                leave(&r, rnd(40), bytes);
                        pass(&r, rnd(12));
                }
                assert_in_range(r.weights, 0, 300);
                rig_close(&r);
        }
}

/* One connection brings it all: a word every 30 s, many mails in between. */
static void test_long(void **unused)
{
        struct event e;
        struct rig r;

        (void) unused;
        begin(&r, NULL);
        leave(&r, 0, 1000);
        e = rig_flow(&r, IPPROTO_TCP, rig_outside(7), 50000);
        e.flow.origin = FLOW_ACCEPTED;
        e.flow.local_port = 33127;
        rig_event(&r, &e);
        e.op = FLOW_UPDATE;
        for (int i = 0; i < 30; i++) {
                for (int k = 0; k < 6; k++) {
                        uint32_t bytes = 1000 + rnd(3000);

                        e.flow.bytes_in += bytes;
                        pass(&r, 5);
                        leave(&r, (uint32_t) (i * 6 + k), bytes + 200);
                }
                rig_event(&r, &e);
        }
        pass(&r, 120);
        assert_in_range(r.weights, 900, 1210);
        assert_int_equal(rig_number(&r, "port"), 33127);
        rig_close(&r);
}

/* Bought lists are full of dead addresses: what came for those stays, and is no sign against a proxy; a delay is. */
static void test_refused(void **unused)
{
        static const struct {
                uint16_t code;
                int32_t least, most;
        } cases[] = {{550, 1200, 1300}, {450, 0, 300}, {0, 0, 300}};

        (void) unused;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct rig r;

                begin(&r, NULL);
                leave(&r, 0, 1000);
                for (uint32_t k = 0; k < 90; k++) {
                        uint32_t bytes = 1000 + rnd(8000);

                        arrive(&r, 33127, bytes);
                        pass(&r, 2);
                        if (k % 3 == 0)
                                leave(&r, k, bytes + 200);
                        else if (cases[i].code)
                                refuse(&r, k, cases[i].code);
                        pass(&r, 70);
                }
                assert_in_range(r.weights, cases[i].least, cases[i].most);
                rig_close(&r);
        }
}

/* Refusals alone are no mail: arrivals that stay, each with a refusal, make no pair. */
static void test_only_refused(void **unused)
{
        struct rig r;

        (void) unused;
        begin(&r, NULL);
        leave(&r, 0, 1000);
        for (uint32_t k = 0; k < 100; k++) {
                arrive(&r, 33127, 1000 + rnd(8000));
                pass(&r, 1);
                refuse(&r, k, 550);
                pass(&r, 1 + rnd(20));
        }
        pass(&r, 120);
        assert_int_equal(r.weights, 0);
        rig_close(&r);
}

/* One connection brings it all, and a quarter to two fifths of it is refused. */
static void test_long_refused(void **unused)
{
        struct event e;
        struct rig r;

        (void) unused;
        begin(&r, NULL);
        leave(&r, 0, 1000);
        e = rig_flow(&r, IPPROTO_TCP, rig_outside(7), 50000);
        e.flow.origin = FLOW_ACCEPTED;
        e.flow.local_port = 33127;
        rig_event(&r, &e);
        e.op = FLOW_UPDATE;
        for (int i = 0; i < 40; i++) {
                for (int k = 0; k < 8; k++) {
                        uint32_t bytes = 2000 + rnd(3000);

                        e.flow.bytes_in += bytes;
                        pass(&r, 4);
                        if (k == 2 || k == 5 || (k == 7 && i % 2))
                                refuse(&r, (uint32_t) k, 550);
                        else
                                leave(&r, (uint32_t) (i * 8 + k), bytes + 200);
                }
                rig_event(&r, &e);
        }
        pass(&r, 120);
        assert_in_range(r.weights, 1200, 1260);
        rig_close(&r);
}

/* The other way round: many orders, and one connection to a server takes all mails. */
static void test_long_out(void **unused)
{
        struct event e;
        struct rig r;

        (void) unused;
        begin(&r, NULL);
        for (uint32_t i = 0; i < 4; i++)
                leave(&r, i, 1000);
        e = rig_flow(&r, IPPROTO_TCP, rig_outside(9), 25);
        rig_event(&r, &e);
        e.op = FLOW_UPDATE;
        for (int i = 0; i < 30; i++) {
                for (int k = 0; k < 6; k++) {
                        uint32_t bytes = 1000 + rnd(3000);

                        arrive(&r, 33127, bytes);
                        e.flow.bytes_out += bytes + 100;
                        pass(&r, 5);
                }
                rig_event(&r, &e);
        }
        pass(&r, 120);
        assert_true(r.weights >= 300);
        rig_close(&r);
}

/* Five recipients for each order; five mails a second. */
static void test_fast(void **unused)
{
        (void) unused;
        for (int copies = 0; copies <= 1; copies++) {
                struct rig r;

                begin(&r, NULL);
                leave(&r, 0, 1000);
                pass(&r, 100);
                for (int i = 0; i < 400; i++) {
                        uint32_t bytes = 1000 + rnd(8000);

                        arrive(&r, 33127, bytes);
                        for (int k = 0; k < (copies ? 5 : 1); k++)
                                leave(&r, (uint32_t) (i * 5 + k), bytes + 200 + rnd(100));
                        if (copies || i % 5 == 0)
                                pass(&r, copies ? 8 : 1);
                }
                pass(&r, 200);
                assert_in_range(r.weights, 1200, 1260);
                rig_close(&r);
        }
}

static void test_ways(void **unused)
{
        struct rig r;

        (void) unused;
        begin(&r, NULL);
        leave(&r, 0, 1000);
        for (int i = 0; i < 60; i++) { /* four ways are kept: the one that says something must not go */
                uint32_t bytes = 1000 + rnd(8000);

                arrive(&r, 33127, bytes);
                pass(&r, 2);
                leave(&r, (uint32_t) i, bytes);
                for (uint16_t k = 0; k < 8; k++)
                        arrive(&r, (uint16_t) (40000 + i * 8 + k), 200000000);
                pass(&r, 10);
        }
        assert_in_range(r.weights, 1200, 1210);
        assert_int_equal(rig_number(&r, "port"), 33127);
        rig_close(&r);
}

static void test_story(void **unused)
{
        struct rig r;

        (void) unused;
        begin(&r, NULL);
        relay(&r, 4, 2, 10, 10);
        rig_assert_story(
                &r,
                "Between 22:14:20 and 22:14:58 what others brought to port 33127 left as mail of the same size within "
                "half a minute, 4 times, 24603 bytes in all, for about 4 mail servers.\n0 times nothing left. The "
                "newest to bring something was 203.0.0.7.\n");
        r.last.n_facts = 0;
        for (size_t i = 0; i < r.detector->n_kinds; i++) {
                struct buf out = BUF_HEAP(8192);

                r.last.kind = &r.detector->kinds[i];
                r.detector->explain(&r.last, &out);
                assert_true(strlen(buf_str(&out)) > 20);
                buf_done(&out);
        }
        rig_close(&r);
}

/* Home hosts and peers without end: the tables stay at their caps. */
static void test_memory(void **unused)
{
        size_t before = 0;
        struct rig r;

        (void) unused;
        begin(&r, NULL);
        for (uint32_t i = 0; i < 1000000; i++) {
                struct event e = rig_flow(&r, IPPROTO_TCP, rig_outside(i), i & 1 ? 25 : 50000);

                e.flow.local = addr_from_v4(htonl(0x0a000000u + (i >> 1 & 0x1fff)));
                e.flow.origin = i & 1 ? FLOW_ORIGINATED : FLOW_ACCEPTED;
                e.flow.local_port = (uint16_t) (1024 + i % 60000);
                r.now += NSEC_PER_MSEC;
                rig_event(&r, &e);
                if (i % 3 == 0) {
                        e.op = FLOW_END;
                        e.flow.bytes_in = e.flow.bytes_out = 1000 + i % 5000;
                        rig_event(&r, &e);
                }
                if (i == 300000)
                        before = mallinfo2().uordblks + mallinfo2().hblkhd;
        }
        assert_true(mallinfo2().uordblks + mallinfo2().hblkhd <= before + 65536);
        rig_close(&r);
}

static void test_storm(void **unused)
{
        struct rig r;

        (void) unused;
        begin(&r, NULL);
        rig_storm(&r, 300000);
        rig_close(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_grades),       cmocka_unit_test(test_not_so),
                cmocka_unit_test(test_mail_server),  cmocka_unit_test(test_usual_service),
                cmocka_unit_test(test_chance),       cmocka_unit_test(test_long),
                cmocka_unit_test(test_refused),      cmocka_unit_test(test_only_refused),
                cmocka_unit_test(test_long_refused), cmocka_unit_test(test_long_out),
                cmocka_unit_test(test_fast),         cmocka_unit_test(test_ways),
                cmocka_unit_test(test_story),        cmocka_unit_test(test_memory),
                cmocka_unit_test(test_storm),
        };

        setenv("TZ", "UTC", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
