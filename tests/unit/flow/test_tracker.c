/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets of a shard to events: states of TCP, bytes in order whatever their packets' order, and what is not there. */
#include <stdio.h>

#include "flow_rig.h"

static struct home *home;
static struct tracker *t;
static nsec_t now;
static struct made m;

static int begin_with(uint32_t flows, uint32_t talk_bytes)
{
        struct tracker_params p = {.flows = flows, .talk_bytes = talk_bytes, .seed = 1, .event = hear};

        home = make_home();
        p.home = home;
        n_said = 0;
        now = T0;
        return tracker_new(&p, &t);
}

static int begin(void **state)
{
        (void) state;
        return begin_with(1000, 1u << 20);
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

static void stats(struct tracker_stats *ret)
{
        tracker_get_stats(t, ret);
}

static void test_life(void **state)
{
        const struct flow_event *f;

        (void) state;
        handshake();
        assert_int_equal(count_said(EVENT_FLOW, FLOW_START), 1);
        f = &last_said(EVENT_FLOW)->flow;
        assert_int_equal(f->state, FLOW_STATE_ESTABLISHED);
        assert_int_equal(f->origin, FLOW_ORIGINATED);
        assert_int_equal(f->local_port, 40000);
        assert_int_equal(f->remote_port, 6667);
        tcp(true, FIN | ACK, 1000, 5000, NULL);
        assert_int_equal(count_said(EVENT_FLOW, FLOW_END), 0);
        tcp(false, FIN | ACK, 5000, 1001, NULL);
        assert_int_equal(count_said(EVENT_FLOW, FLOW_END), 1);
        f = &last_said(EVENT_FLOW)->flow;
        assert_int_equal(f->state, FLOW_STATE_CLOSED);
        assert_int_equal(f->pkts_out, 3);
        assert_int_equal(f->pkts_in, 2);
        /* late packets say nothing more */
        tcp(true, ACK, 1001, 5001, NULL);
        assert_int_equal(count_said(EVENT_FLOW, FLOW_END), 1);
        tracker_finish(t, now);
        assert_int_equal(count_said(EVENT_FLOW, FLOW_END), 1);
}

static void test_refused(void **state)
{
        (void) state;
        tcp(true, SYN, 999, 0, NULL);
        tcp(false, RST | ACK, 0, 1000, NULL);
        assert_int_equal(last_said(EVENT_FLOW)->op, FLOW_END);
        assert_int_equal(last_said(EVENT_FLOW)->flow.state, FLOW_STATE_FAILED);
}

static void test_unanswered(void **state)
{
        (void) state;
        tcp(true, SYN, 999, 0, NULL);
        tracker_tick(t, now + flow_list_timeout(FLOW_LIST_NEW) + NSEC_PER_SEC);
        assert_int_equal(last_said(EVENT_FLOW)->op, FLOW_END);
        assert_int_equal(last_said(EVENT_FLOW)->flow.state, FLOW_STATE_FAILED);
        assert_int_equal(last_said(EVENT_FLOW)->flow.pkts_in, 0);
}

/* A SYN of the same ports is another flow once the first is over, and a repeated one before that is not. */
static void test_ports_used_again(void **state)
{
        (void) state;
        tcp(true, SYN, 999, 0, NULL);
        tcp(true, SYN, 999, 0, NULL);
        assert_int_equal(count_said(EVENT_FLOW, FLOW_START), 1);
        tcp(false, RST | ACK, 0, 1000, NULL);
        tcp(true, SYN, 77777, 0, NULL);
        assert_int_equal(count_said(EVENT_FLOW, FLOW_START), 2);
        assert_int_equal(count_said(EVENT_FLOW, FLOW_END), 1);
}

static void test_unreachable(void **state)
{
        struct made inner;
        uint8_t *p;

        (void) state;
        now += NSEC_PER_MSEC;
        tracker_frame(t, make_udp(&m, now, HOME_HOST, OUTSIDE_HOST, 5000, 7, "x", 1), now);
        make_udp(&inner, now, HOME_HOST, OUTSIDE_HOST, 5000, 7, "x", 1);
        p = make_ip(&m, now, OUTSIDE_HOST, HOME_HOST, IPPROTO_ICMP, 8 + 28);
        memset(p, 0, 8);
        p[0] = 3; /* port unreachable, RFC 792 */
        p[1] = 3;
        memcpy(p + 8, inner.b, 28);
        tracker_frame(t, &m.frame, now);
        assert_int_equal(last_said(EVENT_FLOW)->op, FLOW_UPDATE);
        assert_int_equal(last_said(EVENT_FLOW)->flow.state, FLOW_STATE_FAILED);
        assert_int_equal(count_said(EVENT_FLOW, FLOW_START), 1);
        /* Whoever goes on sending all the same is not lost sight of. */
        for (unsigned i = 0; i < 100; i++)
                tracker_frame(t, make_udp(&m, now, HOME_HOST, OUTSIDE_HOST, 5000, 7, "x", 1), now);
        tracker_finish(t, now);
        assert_int_equal(last_said(EVENT_FLOW)->op, FLOW_END);
        assert_int_equal(last_said(EVENT_FLOW)->flow.state, FLOW_STATE_FAILED);
        assert_int_equal(last_said(EVENT_FLOW)->flow.pkts_out, 101);
}

/* Anybody may send such an error about an answered flow: it stays. */
static void test_unreachable_but_answered(void **state)
{
        struct made inner;
        uint8_t *p;

        (void) state;
        handshake();
        make_tcp(&inner, now, (struct tcp){.src = HOME_HOST, .dst = OUTSIDE_HOST, .sport = 40000, .dport = 6667});
        p = make_ip(&m, now, OUTSIDE_HOST, HOME_HOST, IPPROTO_ICMP, 8 + 28);
        memset(p, 0, 8);
        p[0] = 3;
        memcpy(p + 8, inner.b, 28);
        tracker_frame(t, &m.frame, now);
        assert_int_equal(count_said(EVENT_FLOW, FLOW_END), 0);
}

static const char *const lines[] = {"NICK [DEU]|04821\r\n", "USER a b c :d\r\n", "JOIN #x key\r\n",
                                    "PRIVMSG #x :hello\r\n"};

static unsigned seq_of(unsigned line)
{
        unsigned seq = 1000;

        for (unsigned i = 0; i < line; i++)
                seq += (unsigned) strlen(lines[i]);
        return seq;
}

static void send_line(unsigned i)
{
        tcp(true, ACK | PSH, seq_of(i), 5000, lines[i]);
}

static void expect_lines(unsigned n)
{
        unsigned got = 0;

        for (unsigned i = 0; i < n_said; i++)
                got += said[i].e.type == EVENT_IRC;
        assert_int_equal(got, n);
}

static void test_stream_in_order(void **state)
{
        (void) state;
        handshake();
        for (unsigned i = 0; i < ELEMENTSOF(lines); i++)
                send_line(i);
        expect_lines(4);
        tracker_finish(t, now);
        assert_int_equal(last_said(EVENT_FLOW)->flow.app, APP_IRC);
}

/* All 24 orders of four segments give the same. */
static void test_stream_any_order(void **state)
{
        for (unsigned order = 0; order < 24; order++) {
                unsigned left[4] = {0, 1, 2, 3}, k = order;
                struct tracker_stats s;

                handshake();
                for (unsigned n = 4; n > 0; n--) {
                        unsigned at = k % n;

                        k /= n;
                        send_line(left[at]);
                        memmove(left + at, left + at + 1, (3 - at) * sizeof(left[0]));
                }
                expect_lines(4);
                stats(&s);
                assert_int_equal(s.lost_bytes, 0);
                finish(state);
                begin(state);
        }
}

/* Cut into single bytes, and repeated. */
static void test_stream_bytes(void **state)
{
        unsigned seq = 1000;
        struct tracker_stats s;

        (void) state;
        handshake();
        for (unsigned i = 0; i < ELEMENTSOF(lines); i++)
                for (const char *c = lines[i]; *c; c++, seq++)
                        for (unsigned twice = 0; twice < 2; twice++)
                                tcp(true, ACK, seq, 5000, (char[]){*c, 0});
        expect_lines(4);
        stats(&s);
        assert_true(s.duplicate_segments > 40);
        tracker_finish(t, now);
        stats(&s);
        assert_int_equal(s.talk_bytes, 0);
}

/* The bytes that came first stand: whoever sends others for the same place does not rewrite what was said. */
static void test_overlap(void **state)
{
        (void) state;
        handshake();
        send_line(0);
        send_line(1);
        tcp(true, ACK, seq_of(3), 5000, lines[3]);          /* waits for line 2 */
        tcp(true, ACK, seq_of(3), 5000, "QUIT :other\r\n"); /* too late */
        send_line(2);
        expect_lines(4);
        for (unsigned i = 0; i < n_said; i++)
                assert_null(strstr(said[i].text, "other"));
}

/* What the peer acknowledges and was not seen was lost by the capture: decoding goes on behind it, from the next line
 * on that is surely whole. */
static void test_capture_loss(void **state)
{
        struct tracker_stats s;

        (void) state;
        handshake();
        send_line(0);
        send_line(1);
        send_line(3);
        expect_lines(2);
        tcp(false, ACK, 5000, seq_of(4), NULL);
        expect_lines(2);
        tcp(true, ACK, seq_of(4), 5000, "PRIVMSG #x :more\r\n");
        expect_lines(3);
        assert_string_equal(said[n_said - 1].text, "PRIVMSG #x :more");
        stats(&s);
        assert_int_equal(s.lost_bytes, strlen(lines[2]));
}

/* Segments that wait are bounded by number and by bytes. */
static void test_hold_limits(void **state)
{
        struct tracker_stats s;
        uint32_t seq;

        (void) state;
        handshake();
        send_line(0);
        seq = seq_of(1) + 1;
        for (unsigned i = 0; i < 200; i++, seq += 11)
                tcp(true, ACK, seq, 5000, "PING :abc\r\n");
        stats(&s);
        assert_true(s.talk_bytes < 64 * 1024);
        assert_true(s.lost_bytes >= 1);
        assert_true(count_said(EVENT_IRC, last_said(EVENT_IRC)->op) > 100);
        tracker_finish(t, now);
        stats(&s);
        assert_int_equal(s.talk_bytes, 0);
}

static void test_midstream(void **state)
{
        (void) state;
        /* The server's side first: its port is the service all the same. */
        tcp(false, ACK | PSH, 5000, 1000, ":irc.example 001 bot :welcome\r\n");
        tcp(true, ACK | PSH, 1000, 5031, "JOIN #x key\r\n");
        assert_int_equal(last_said(EVENT_FLOW)->flow.origin, FLOW_ORIGINATED);
        assert_true(last_said(EVENT_FLOW)->flow.flags & FLOW_MIDSTREAM);
        assert_int_equal(last_said(EVENT_FLOW)->flow.state, FLOW_STATE_ESTABLISHED);
        assert_true(count_said(EVENT_IRC, last_said(EVENT_IRC)->op) >= 1);
}

static void test_one_sided(void **state)
{
        (void) state;
        tcp(true, SYN, 999, 0, NULL);
        tcp(true, ACK, 1000, 5000, NULL);
        for (unsigned i = 0; i < ELEMENTSOF(lines); i++)
                send_line(i);
        expect_lines(4);
        tracker_finish(t, now);
        assert_true(last_said(EVENT_FLOW)->flow.flags & FLOW_ONE_SIDED);
}

static void test_foreign(void **state)
{
        struct tracker_stats s;

        (void) state;
        tracker_frame(t, make_udp(&m, now, OUTSIDE_HOST, OUTSIDE_HOST + 1, 53, 5000, "x", 1), now);
        tracker_finish(t, now);
        stats(&s);
        assert_int_equal(n_said, 0);
        assert_int_equal(s.foreign_flows, 1);
        assert_int_equal(s.home_packets, 0);
}

/* Two home hosts: each is told, from its side. */
static void test_both_home(void **state)
{
        (void) state;
        tracker_frame(t, make_udp(&m, now, HOME_HOST, HOME_HOST + 1, 5000, 7, "x", 1), now);
        assert_int_equal(n_said, 2);
        assert_true(said[0].e.flow.flags & FLOW_BOTH_HOME);
        assert_int_equal(said[0].e.flow.origin, FLOW_ORIGINATED);
        assert_int_equal(said[1].e.flow.origin, FLOW_ACCEPTED);
        assert_int_equal(said[1].e.flow.local_port, 7);
        assert_int_equal(said[0].e.flow.flow_id, said[1].e.flow.flow_id);
}

static void test_rate(void **state)
{
        const struct rate_event *r;

        (void) state;
        for (unsigned i = 0; i < 50; i++)
                tracker_frame(t, make_udp(&m, now, HOME_HOST, OUTSIDE_HOST, (uint16_t) (5000 + i), 7, "xyz", 3), now);
        tracker_tick(t, now + NSEC_PER_SEC);
        r = &last_said(EVENT_RATE)->rate;
        assert_int_equal(r->pkts_out, 50);
        assert_int_equal(r->udp_out, 50);
        assert_int_equal(r->bytes_out, 150);
        n_said = 0;
        tracker_tick(t, now + 2 * NSEC_PER_SEC);
        assert_int_equal(count_said(EVENT_RATE, RATE_SECOND), 0);
}

/* A flow that a home host accepted: the peer speaks first after a silence. Not told for what it asked for itself. */
static void test_push(void **state)
{
        (void) state;
        for (unsigned i = 0; i < 4; i++) {
                now += i < 2 ? 1 : 2 * NSEC_PER_SEC;
                tracker_frame(t,
                              make_udp(&m, now, i % 2 ? HOME_HOST : OUTSIDE_HOST, i % 2 ? OUTSIDE_HOST : HOME_HOST,
                                       i % 2 ? 7 : 5000, i % 2 ? 5000 : 7, "x", 1),
                              now);
        }
        assert_int_equal(count_said(EVENT_FLOW, FLOW_PUSH), 1);
        assert_int_equal(last_said(EVENT_FLOW)->flow.origin, FLOW_ACCEPTED);
        handshake();
        n_said = 0;
        now += 5 * NSEC_PER_SEC;
        tcp(false, ACK, 5000, 1000, "x");
        assert_int_equal(count_said(EVENT_FLOW, FLOW_PUSH), 0);
}

/* More flows than fit: those go that matter least, the conversation stays, and memory is bounded. */
static void test_full(void **state)
{
        struct tracker_stats s;

        finish(state);
        assert_int_equal(begin_with(100, 1u << 20), 0);
        handshake();
        send_line(0);
        for (unsigned i = 0; i < 1000; i++)
                tracker_frame(t, make_udp(&m, now, HOME_HOST, OUTSIDE_HOST, (uint16_t) (10000 + i), 7, "x", 1), now);
        send_line(1);
        expect_lines(2);
        stats(&s);
        assert_int_equal(s.flows.used, 100);
        assert_int_equal(s.flows.evicted[FLOW_LIST_NEW], 901);
        assert_int_equal(s.flows.evicted[FLOW_LIST_ESTABLISHED], 0);
        /* every start has its end */
        tracker_finish(t, now);
        assert_int_equal(count_said(EVENT_FLOW, FLOW_START), count_said(EVENT_FLOW, FLOW_END));
}

/* No memory for decoders: flows go on, and what is not decoded is counted. */
static void test_no_talk_memory(void **state)
{
        struct tracker_stats s;

        finish(state);
        assert_int_equal(begin_with(100, 64), 0);
        handshake();
        for (unsigned i = 0; i < ELEMENTSOF(lines); i++)
                send_line(i);
        expect_lines(0);
        stats(&s);
        assert_true(s.talk_refused > 0);
        assert_int_equal(s.talk_bytes, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_life, begin, finish),
                cmocka_unit_test_setup_teardown(test_refused, begin, finish),
                cmocka_unit_test_setup_teardown(test_unanswered, begin, finish),
                cmocka_unit_test_setup_teardown(test_ports_used_again, begin, finish),
                cmocka_unit_test_setup_teardown(test_unreachable, begin, finish),
                cmocka_unit_test_setup_teardown(test_unreachable_but_answered, begin, finish),
                cmocka_unit_test_setup_teardown(test_stream_in_order, begin, finish),
                cmocka_unit_test_setup_teardown(test_stream_any_order, begin, finish),
                cmocka_unit_test_setup_teardown(test_stream_bytes, begin, finish),
                cmocka_unit_test_setup_teardown(test_overlap, begin, finish),
                cmocka_unit_test_setup_teardown(test_capture_loss, begin, finish),
                cmocka_unit_test_setup_teardown(test_hold_limits, begin, finish),
                cmocka_unit_test_setup_teardown(test_midstream, begin, finish),
                cmocka_unit_test_setup_teardown(test_one_sided, begin, finish),
                cmocka_unit_test_setup_teardown(test_foreign, begin, finish),
                cmocka_unit_test_setup_teardown(test_both_home, begin, finish),
                cmocka_unit_test_setup_teardown(test_rate, begin, finish),
                cmocka_unit_test_setup_teardown(test_push, begin, finish),
                cmocka_unit_test_setup_teardown(test_full, begin, finish),
                cmocka_unit_test_setup_teardown(test_no_talk_memory, begin, finish),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
