/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TCP as it is met: connections that open and end in odd ways, packets of outsiders, directions that were not captured.
 */
#include "flow_rig.h"

static struct home *home;
static struct tracker *t;
static nsec_t now;
static struct made m;

static int begin(void **state)
{
        struct tracker_params p = {.flows = 1000, .talk_bytes = 1u << 20, .seed = 1, .event = hear};

        (void) state;
        p.home = home = make_home();
        n_said = 0;
        now = T0;
        return tracker_new(&p, &t);
}

static int finish(void **state)
{
        (void) state;
        tracker_free(t);
        home_free(home);
        return 0;
}

static void tcp(bool up, uint8_t flags, uint32_t seq, uint32_t ack, const char *data)
{
        struct tcp p = {.src = up ? HOME_HOST : OUTSIDE_HOST,
                        .dst = up ? OUTSIDE_HOST : HOME_HOST,
                        .sport = up ? 40000 : 6667,
                        .dport = up ? 6667 : 40000,
                        .flags = flags,
                        .seq = seq,
                        .ack = ack,
                        .data = data};

        now += NSEC_PER_MSEC;
        tracker_frame(t, make_tcp(&m, now, p), now);
}

static void handshake(void)
{
        tcp(true, SYN, 999, 0, NULL);
        tcp(false, SYN | ACK, 4999, 1000, NULL);
        tcp(true, ACK, 1000, 5000, NULL);
}

static void expect_lines(unsigned n)
{
        assert_int_equal(count_said(EVENT_IRC, IRC_LINE), n);
}

static struct tracker_stats stats(void)
{
        struct tracker_stats s;

        tracker_get_stats(t, &s);
        return s;
}

static const struct flow_event *flow(unsigned op, unsigned state)
{
        const struct event *e = last_said(EVENT_FLOW);

        assert_int_equal(e->op, op);
        assert_int_equal(e->flow.state, state);
        return &e->flow;
}

/* An RST whose number is not near is not the peer's. */
static void test_blind_reset(void **state)
{
        (void) state;
        handshake();
        tcp(true, ACK | PSH, 1000, 5000, "NICK a\r\n");
        for (uint32_t i = 0; i < 100; i++) {
                tcp(false, RST, 20000000 + i * 40000000, 0, NULL);
                tcp(true, RST | ACK, 20000000 + i * 40000000, 20000000 + i * 40000000, "stop it");
                tcp(false, FIN, 20000000 + i * 40000000, 0, NULL);
                tcp(true, FIN, 20000000 + i * 40000000, 0, NULL);
        }
        assert_int_equal(count_said(EVENT_FLOW, FLOW_END), 0);
        assert_int_equal(stats().stray_ends, 400);
        tcp(true, ACK | PSH, 1008, 5000, "USER a b c :d\r\n");
        expect_lines(2);
        tcp(false, RST, 5000, 0, NULL);
        assert_int_equal(flow(FLOW_END, FLOW_STATE_CLOSED)->pkts_out, 204);
}

/* The reason that some send with an RST is no part of the stream. */
static void test_reset_with_text(void **state)
{
        (void) state;
        handshake();
        tcp(true, ACK | PSH, 1000, 5000, "NICK a\r\n");
        tcp(true, RST | ACK, 1008, 5000, "QUIT :go away\r\n");
        expect_lines(1);
        flow(FLOW_END, FLOW_STATE_CLOSED);
}

/* Ignored by those who are connected, RFC 5961; so the stream goes on here too. */
static void test_syn_on_established(void **state)
{
        (void) state;
        handshake();
        tcp(true, ACK | PSH, 1000, 5000, "NICK a\r\n");
        tcp(true, SYN, 888888888, 0, NULL);
        tcp(false, SYN | ACK, 777777777, 123, NULL);
        tcp(true, SYN, 999, 0, NULL);
        tcp(false, SYN | ACK, 4999, 1000, NULL);
        tcp(true, ACK | PSH, 1008, 5000, "USER a b c :d\r\n");
        expect_lines(2);
        assert_int_equal(count_said(EVENT_FLOW, FLOW_START), 1);
        flow(FLOW_UPDATE, FLOW_STATE_ESTABLISHED);
}

/* The end was not captured, and the ports are used again: both ends say so. */
static void test_ports_used_again_unseen(void **state)
{
        (void) state;
        handshake();
        tcp(true, ACK | PSH, 1000, 5000, "NICK a\r\n");
        now += 100 * NSEC_PER_SEC;
        tcp(true, SYN, 888888887, 0, NULL);
        assert_int_equal(count_said(EVENT_FLOW, FLOW_END), 0);
        tcp(false, SYN | ACK, 777777777, 888888888, NULL);
        assert_int_equal(count_said(EVENT_FLOW, FLOW_END), 1);
        assert_int_equal(count_said(EVENT_FLOW, FLOW_START), 2);
        assert_int_equal(last_said(EVENT_FLOW)->flow.origin, FLOW_ORIGINATED);
        tcp(true, ACK, 888888888, 777777778, NULL);
        tcp(true, ACK | PSH, 888888888, 777777778, "NICK b\r\n");
        expect_lines(2);
        flow(FLOW_UPDATE, FLOW_STATE_ESTABLISHED);
}

/* Two SYN-ACKs with different numbers: the one that is acknowledged counts. */
static void test_two_answers(void **state)
{
        (void) state;
        for (unsigned which = 0; which < 2; which++) {
                uint32_t next = which ? 1900000001 : 5000;

                tcp(true, SYN, 999, 0, NULL);
                tcp(false, SYN | ACK, 4999, 1000, NULL);
                tcp(false, SYN | ACK, 1900000000, 1000, NULL);
                tcp(true, ACK, 1000, next, NULL);
                tcp(true, ACK, 1000, next, "NICK a\r\n");
                tcp(false, ACK, next, 1008, ":x 001 a :hello\r\n");
                expect_lines(2);
                finish(state);
                begin(state);
        }
}

/* A client that begins anew before it was answered: the SYN that is answered counts. */
static void test_two_questions(void **state)
{
        (void) state;
        tcp(true, SYN, 1900000000, 0, NULL);
        tcp(true, SYN, 999, 0, NULL);
        tcp(false, SYN | ACK, 4999, 1000, NULL);
        tcp(true, ACK, 1000, 5000, "NICK a\r\n");
        expect_lines(1);
        assert_int_equal(count_said(EVENT_FLOW, FLOW_START), 1);
}

/* RFC 7413: bytes with the SYN, repeated with it, and again after the server did not take them. */
static void test_fast_open(void **state)
{
        (void) state;
        tcp(true, SYN, 999, 0, "NICK a\r\n");
        tcp(true, SYN, 999, 0, "NICK a\r\n");
        tcp(false, SYN | ACK, 4999, 1000, ":x 001 a :hello\r\n");
        tcp(true, ACK, 1000, 5017, "NICK a\r\nUSER a b c :d\r\n");
        expect_lines(3);
        assert_int_equal(stats().lost_bytes, 0);
}

/* RFC 9293 3.5: both ask, both answer. */
static void test_simultaneous_open(void **state)
{
        (void) state;
        tcp(true, SYN, 999, 0, NULL);
        tcp(false, SYN, 4999, 0, NULL);
        tcp(true, SYN | ACK, 999, 5000, NULL);
        tcp(false, SYN | ACK, 4999, 1000, NULL);
        flow(FLOW_UPDATE, FLOW_STATE_ESTABLISHED);
        tcp(true, ACK, 1000, 5000, "NICK a\r\n");
        tcp(false, ACK, 5000, 1008, ":x 001 a :hello\r\n");
        expect_lines(2);
        assert_int_equal(count_said(EVENT_FLOW, FLOW_START), 1);
}

static void test_ends(void **state)
{
        (void) state;
        handshake();
        tcp(true, ACK | FIN, 1000, 5000, "QUIT :x\r\nNICK a\r\n");
        tcp(true, ACK | FIN, 1000, 5000, "QUIT :x\r\nNICK a\r\n"); /* again */
        assert_int_equal(count_said(EVENT_FLOW, FLOW_END), 0);
        tcp(false, ACK, 5000, 1018, "ERROR :bye\r\n"); /* half closed: the other side may go on */
        tcp(false, ACK | FIN, 5012, 1018, NULL);
        tcp(false, ACK | FIN, 5012, 1018, NULL);
        tcp(true, ACK, 1018, 5013, NULL);
        tcp(false, RST, 5013, 0, NULL);
        assert_int_equal(count_said(EVENT_FLOW, FLOW_END), 1);
        flow(FLOW_END, FLOW_STATE_CLOSED);
        expect_lines(3);
        tracker_finish(t, now);
        assert_int_equal(count_said(EVENT_FLOW, FLOW_END), 1);
}

/* Nothing is told of an ended flow: not what comes late, nor what was never recognised. */
static void test_late(void **state)
{
        (void) state;
        handshake();
        tcp(true, ACK | FIN, 1000, 5000, NULL);
        tcp(false, ACK | FIN, 5000, 1001, NULL);
        n_said = 0;
        tcp(true, ACK, 1000, 5000, "NICK a\r\n");
        tcp(false, ACK, 5000, 1000, ":x 001 a :hello\r\n");
        assert_int_equal(n_said, 0);
}

/* Someone in between sends an RST with the right number that the ends never see: what they go on saying is told, as a
 * flow whose beginning was not seen, and with the same roles. */
static void test_goes_on(void **state)
{
        (void) state;
        handshake();
        tcp(true, ACK, 1000, 5000, "NICK a\r\n");
        tcp(true, RST, 1008, 0, NULL);
        flow(FLOW_END, FLOW_STATE_CLOSED);
        for (unsigned i = 0; i < 5; i++) {
                now += NSEC_PER_SEC;
                tcp(false, ACK, 5000 + 12 * i, 1008 + 14 * i, "PING :abcde\r\n");
                tcp(true, ACK, 1008 + 14 * i, 5012 + 12 * i, "PONG :abcdef\r\n");
        }
        assert_int_equal(count_said(EVENT_FLOW, FLOW_START), 2);
        assert_int_equal(count_said(EVENT_FLOW, FLOW_END), 1);
        assert_true(flow(FLOW_UPDATE, FLOW_STATE_ESTABLISHED)->flags & FLOW_MIDSTREAM);
        assert_int_equal(last_said(EVENT_FLOW)->flow.origin, FLOW_ORIGINATED);
        assert_int_equal(last_said(EVENT_FLOW)->flow.local_port, 40000);
        assert_true(count_said(EVENT_IRC, IRC_LINE) > 4);
}

static void unreachable(uint8_t code)
{
        struct made inner;
        uint8_t *p;

        make_tcp(&inner, now,
                 (struct tcp){.src = HOME_HOST, .dst = OUTSIDE_HOST, .sport = 40000, .dport = 6667, .flags = SYN});
        p = make_ip(&m, now, OUTSIDE_HOST + 7, HOME_HOST, IPPROTO_ICMP, 8 + 28);
        memset(p, 0, 8);
        p[0] = 3;
        p[1] = code;
        memcpy(p + 8, inner.b, 28);
        tracker_frame(t, &m.frame, now);
}

/* Anybody can send an ICMP error: if the answer comes all the same, there is a flow. */
static void test_unreachable(void **state)
{
        (void) state;
        tcp(true, SYN, 999, 0, NULL);
        unreachable(4); /* only too large */
        assert_int_equal(count_said(EVENT_FLOW, FLOW_END), 0);
        unreachable(1);
        flow(FLOW_END, FLOW_STATE_FAILED);
        tcp(false, SYN | ACK, 4999, 1000, NULL);
        tcp(true, ACK, 1000, 5000, "NICK a\r\n");
        expect_lines(1);
        assert_int_equal(count_said(EVENT_FLOW, FLOW_START), 2);
        flow(FLOW_UPDATE, FLOW_STATE_ESTABLISHED);
}

static void test_one_sided(void **state)
{
        (void) state;
        tcp(true, SYN, 999, 0, NULL);
        tcp(true, ACK, 1000, 5000, NULL);
        tcp(true, ACK | FIN, 1000, 5000, "NICK a\r\n");
        tracker_finish(t, now);
        assert_true(flow(FLOW_END, FLOW_STATE_CLOSED)->flags & FLOW_ONE_SIDED);
        /* the other one alone */
        finish(state);
        begin(state);
        tcp(false, SYN | ACK, 4999, 1000, NULL);
        assert_true(flow(FLOW_START, FLOW_STATE_NEW)->flags & FLOW_ONE_SIDED);
        assert_int_equal(last_said(EVENT_FLOW)->flow.origin, FLOW_ORIGINATED);
        tcp(false, ACK, 5000, 1008, ":x 001 a :hello\r\n");
        expect_lines(1);
        tracker_finish(t, now);
        assert_true(last_said(EVENT_FLOW)->flow.flags & FLOW_ONE_SIDED);
        assert_false(last_said(EVENT_FLOW)->flow.flags & FLOW_MIDSTREAM);
}

/* The capture missed the SYN-ACK. */
static void test_answer_missed(void **state)
{
        (void) state;
        tcp(true, SYN, 999, 0, NULL);
        tcp(true, ACK, 1000, 5000, "NICK a\r\n");
        flow(FLOW_START, FLOW_STATE_NEW);
        tcp(false, ACK, 5000, 1008, ":x 001 a :hello\r\n");
        flow(FLOW_UPDATE, FLOW_STATE_ESTABLISHED);
        expect_lines(2);
}

/* A probe of the window when it is zero brings a byte that is not taken; it comes again. */
static void test_zero_window(void **state)
{
        (void) state;
        handshake();
        tcp(true, ACK, 1000, 5000, "N");
        tcp(false, ACK, 5000, 1000, NULL);
        tcp(true, ACK, 1000, 5000, "N");
        tcp(true, ACK | PSH, 1000, 5000, "NICK a\r\n");
        expect_lines(1);
        assert_string_equal(said[n_said - 2].text[0] ? said[n_said - 2].text : said[n_said - 1].text, "NICK a");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)
        const struct CMUnitTest tests[] = {
                TEST(test_blind_reset),
                TEST(test_reset_with_text),
                TEST(test_syn_on_established),
                TEST(test_ports_used_again_unseen),
                TEST(test_two_answers),
                TEST(test_two_questions),
                TEST(test_fast_open),
                TEST(test_simultaneous_open),
                TEST(test_ends),
                TEST(test_late),
                TEST(test_goes_on),
                TEST(test_unreachable),
                TEST(test_one_sided),
                TEST(test_answer_missed),
                TEST(test_zero_window),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
