/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Datagrams and what else has no handshake: who asked whom, who is a host, the same packet twice, ends by time; and the
 * bounds of a shard: memory for decoders, seconds with very many flows. */
#include "flow_rig.h"

static struct home *home;
static struct tracker *t;
static nsec_t now;
static struct made m;

static int begin_with(uint32_t flows, uint32_t talk_bytes, void (*event)(void *userdata, const struct event *e))
{
        struct tracker_params p = {.flows = flows, .talk_bytes = talk_bytes, .seed = 1, .event = event};

        p.home = home = make_home();
        n_said = 0;
        now = T0;
        return tracker_new(&p, &t);
}

static int begin(void **state)
{
        (void) state;
        return begin_with(1000, 1u << 20, hear);
}

static int finish(void **state)
{
        (void) state;
        tracker_free(t);
        home_free(home);
        return 0;
}

static void udp(uint32_t src, uint32_t dst, uint16_t sport, uint16_t dport, const void *data, unsigned len)
{
        tracker_frame(t, make_udp(&m, now, src, dst, sport, dport, data, len), now);
}

static struct tracker_stats stats(void)
{
        struct tracker_stats s;

        tracker_get_stats(t, &s);
        return s;
}

static const uint8_t query[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\1x\2yz\0\0\1\0\1";
static const uint8_t answer[] =
        "\x12\x34\x81\x80\0\1\0\1\0\0\0\0\1x\2yz\0\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\5\0\4\xc0\0\2\1";

static const uint8_t ntp_query[48] = {0x23}, ntp_answer[48] = {0x24};

static void expect_origin(unsigned origin, bool midstream)
{
        const struct flow_event *f = &last_said(EVENT_FLOW)->flow;

        assert_int_equal(f->origin, origin);
        assert_int_equal((f->flags & FLOW_MIDSTREAM) != 0, midstream);
        assert_int_equal((f->flags & FLOW_ONE_SIDED) != 0, midstream);
}

/* The first packet is an answer: by what it says, or by its port when the question may have come before all. */
static void test_answer_first(void **state)
{
        (void) state;
        udp(OUTSIDE_HOST, HOME_HOST, 53, 5000, answer, sizeof(answer) - 1);
        expect_origin(FLOW_ORIGINATED, true);
        assert_int_equal(last_said(EVENT_DNS)->dns.ends.from_local, 0);
        udp(OUTSIDE_HOST, HOME_HOST, 123, 5000, ntp_answer, sizeof(ntp_answer));
        expect_origin(FLOW_ORIGINATED, true);
        udp(OUTSIDE_HOST, HOME_HOST, 443, 5000, "\x40-------", 8);
        expect_origin(FLOW_ORIGINATED, true);
        /* questions, from the same ports */
        udp(OUTSIDE_HOST, HOME_HOST, 53, 5001, query, sizeof(query) - 1);
        expect_origin(FLOW_ACCEPTED, false);
        udp(HOME_HOST, OUTSIDE_HOST, 123, 5001, ntp_query, sizeof(ntp_query));
        expect_origin(FLOW_ORIGINATED, false);
        udp(HOME_HOST, OUTSIDE_HOST, 123, 123, ntp_answer, sizeof(ntp_answer));
        expect_origin(FLOW_ORIGINATED, false);
        udp(HOME_HOST, OUTSIDE_HOST, 700, 2049, "x", 1);
        expect_origin(FLOW_ORIGINATED, false);
        now += 121 * NSEC_PER_SEC;
        udp(HOME_HOST, OUTSIDE_HOST, 443, 5001, "\x40-------", 8);
        expect_origin(FLOW_ORIGINATED, false);
}

static void icmp(uint32_t src, uint32_t dst, uint8_t type, uint8_t code, uint16_t id)
{
        uint8_t *p = make_ip(&m, now, src, dst, IPPROTO_ICMP, 20);

        memset(p, 0, 20);
        p[0] = type;
        p[1] = code;
        be16(p + 4, id);
        tracker_frame(t, &m.frame, now);
}

static void test_icmp(void **state)
{
        static const uint8_t pairs[][2] = {{8, 0}, {13, 14}, {15, 16}, {17, 18}};
        const struct flow_event *f;

        (void) state;
        for (unsigned i = 0; i < ELEMENTSOF(pairs); i++)
                for (unsigned answer_first = 0; answer_first < 2; answer_first++) {
                        uint16_t id = (uint16_t) (1000 * i + answer_first);

                        n_said = 0;
                        if (answer_first) {
                                icmp(OUTSIDE_HOST, HOME_HOST + answer_first, pairs[i][1], 0, id);
                                assert_true(last_said(EVENT_FLOW)->flow.flags & FLOW_ONE_SIDED);
                        }
                        icmp(HOME_HOST + answer_first, OUTSIDE_HOST, pairs[i][0], 9, id);
                        icmp(OUTSIDE_HOST, HOME_HOST + answer_first, pairs[i][1], 0, id);
                        f = &last_said(EVENT_FLOW)->flow;
                        assert_int_equal(count_said(EVENT_FLOW, FLOW_START), 1);
                        assert_int_equal(f->origin, FLOW_ORIGINATED);
                        assert_int_equal(f->state, FLOW_STATE_ESTABLISHED);
                        assert_int_equal(f->local_port >> 8, pairs[i][0]);
                }
}

/* Groups, broadcasts and nobody are no hosts. */
static void test_no_hosts(void **state)
{
        (void) state;
        udp(0, 0xffffffff, 68, 67, "x", 1); /* DHCP, from 0.0.0.0 */
        assert_int_equal(n_said, 0);
        udp(HOME_HOST, 0xe00000fb, 5353, 5353, "x", 1);
        assert_int_equal(n_said, 1);
        assert_int_equal(last_said(EVENT_FLOW)->flow.origin, FLOW_ORIGINATED);
        /* the broadcast of a network at home, most likely */
        n_said = 0;
        udp(HOME_HOST, 0x0a0000ff, 137, 137, "x", 1);
        assert_int_equal(n_said, 1);
        assert_false(last_said(EVENT_FLOW)->flow.flags & FLOW_BOTH_HOME);
        /* one that ends so and speaks is a host */
        n_said = 0;
        udp(0x0a0000ff, HOME_HOST, 4000, 7, "x", 1);
        assert_int_equal(n_said, 2);
        n_said = 0;
        udp(OUTSIDE_HOST, 0x0a0000ff, 4000, 7, "x", 1);
        assert_int_equal(n_said, 1);
}

static void test_no_hosts_everywhere_home(void **state)
{
        struct cidr net;
        struct config_cidrs nets = {.items = &net, .n = 1};
        struct tracker_params p = {.flows = 64, .talk_bytes = 1000, .event = hear};

        finish(state);
        n_said = 0;
        assert_int_equal(cidr_parse("0.0.0.0/0", &net), 0);
        assert_int_equal(home_new(&nets, &home), 0);
        p.home = home;
        assert_int_equal(tracker_new(&p, &t), 0);
        udp(0, 0xffffffff, 68, 67, "x", 1);
        assert_int_equal(n_said, 0);
        udp(HOME_HOST, 0xe00000fb, 5353, 5353, "x", 1);
        assert_int_equal(n_said, 1);
}

/* A mirror port that delivers each packet twice: counted twice, told once. The same question a while later is another.
 */
static void test_copies(void **state)
{
        (void) state;
        for (unsigned i = 0; i < 2; i++, now += 30 * NSEC_PER_USEC)
                udp(HOME_HOST, OUTSIDE_HOST, 5000, 53, query, sizeof(query) - 1);
        for (unsigned i = 0; i < 2; i++, now += 30 * NSEC_PER_USEC)
                udp(OUTSIDE_HOST, HOME_HOST, 53, 5000, answer, sizeof(answer) - 1);
        assert_int_equal(count_said(EVENT_DNS, DNS_QUERY), 1);
        assert_int_equal(count_said(EVENT_DNS, DNS_ANSWER), 1);
        assert_int_equal(stats().duplicate_datagrams, 2);
        now += 5 * NSEC_PER_MSEC;
        udp(HOME_HOST, OUTSIDE_HOST, 5000, 53, query, sizeof(query) - 1);
        assert_int_equal(count_said(EVENT_DNS, DNS_QUERY), 2);
        udp(HOME_HOST, OUTSIDE_HOST, 5000, 53, "\x12\x35\1\0\0\1\0\0\0\0\0\0\1x\2yz\0\0\1\0\1", sizeof(query) - 1);
        assert_int_equal(count_said(EVENT_DNS, DNS_QUERY), 3);
        tracker_finish(t, now);
        assert_int_equal(last_said(EVENT_FLOW)->flow.pkts_out, 4);
        assert_int_equal(last_said(EVENT_FLOW)->flow.pkts_in, 2);
}

/* A flow that ends by time, for room, or with the capture says when its last packet was. */
static void test_last(void **state)
{
        const struct event *e;
        nsec_t last;

        (void) state;
        udp(HOME_HOST, OUTSIDE_HOST, 5000, 7, "x", 1);
        now += 20 * NSEC_PER_MSEC;
        udp(OUTSIDE_HOST, HOME_HOST, 7, 5000, "x", 1);
        last = now;
        tracker_tick(t, now + 1000 * NSEC_PER_SEC);
        e = last_said(EVENT_FLOW);
        assert_int_equal(e->op, FLOW_END);
        assert_true(e->time == now + 1000 * NSEC_PER_SEC);
        assert_true(event_last(e) == last);
        assert_true(e->flow.since == last - 20 * NSEC_PER_MSEC);
        now += 1000 * NSEC_PER_SEC;
        udp(HOME_HOST, OUTSIDE_HOST, 5001, 7, "x", 1);
        last = now;
        now += 7 * NSEC_PER_SEC;
        tracker_finish(t, now);
        assert_true(event_last(last_said(EVENT_FLOW)) == last);
}

/* Whoever had to go before an answer could come was not refused. */
static void test_evicted(void **state)
{
        unsigned before;

        finish(state);
        assert_int_equal(begin_with(16, 1u << 20, hear), 0);
        for (unsigned i = 0; i < 17; i++)
                udp(HOME_HOST, OUTSIDE_HOST, (uint16_t) (5000 + i), 7, "x", 1);
        assert_int_equal(count_said(EVENT_FLOW, FLOW_END), 1);
        assert_int_equal(said[n_said - 2].e.flow.state, FLOW_STATE_NEW);
        before = n_said;
        now += 2 * NSEC_PER_SEC;
        udp(HOME_HOST, OUTSIDE_HOST, 6000, 7, "x", 1);
        assert_int_equal(said[before].e.op, FLOW_END);
        assert_int_equal(said[before].e.flow.state, FLOW_STATE_FAILED);
        assert_true(event_last(&said[before].e) == T0);
}

static void tcp(uint16_t port, uint16_t service, bool up, uint32_t seq, const char *data)
{
        struct tcp p = {.src = up ? HOME_HOST : OUTSIDE_HOST,
                        .dst = up ? OUTSIDE_HOST : HOME_HOST,
                        .sport = up ? port : service,
                        .dport = up ? service : port,
                        .flags = ACK | PSH,
                        .seq = seq,
                        .data = data};

        tracker_frame(t, make_tcp(&m, now, p), now);
}

/* The announcement of a data connection does not hide another dialog. */
static void test_announced(void **state)
{
        static const char pasv[] =
                "220 x\r\n331 x\r\n230 x\r\n227 Entering Passive Mode (192,0,2,1,195,80)\r\n150 x\r\n";

        (void) state;
        for (unsigned i = 0; i < 2; i++) {
                tcp(4000, 21, false, 1, "220 FTP server\r\n");
                tcp(4000, 21, true, 1, "USER a\r\nPASS b\r\nPASV\r\nRETR a.exe\r\n");
                tcp(4000, 21, false, 17, pasv + 7);
                if (i == 0) {
                        tcp(4001, 50000, true, 1, "NICK a\r\nUSER a b c :d\r\nJOIN #x\r\n");
                        assert_int_equal(count_said(EVENT_IRC, IRC_LINE), 3);
                } else {
                        tcp(4001, 50000, false, 1,
                            "#!/bin/sh\necho this is a program that somebody asked for, is it not?\n");
                        tracker_finish(t, now);
                        assert_int_equal(count_said(EVENT_FILE, FILE_SEEN), 1);
                        assert_int_equal(last_said(EVENT_FILE)->file.how, FILE_FTP);
                        assert_int_equal(count_said(EVENT_IRC, IRC_LINE), 0);
                }
                finish(state);
                begin(state);
        }
}

/* Memory for decoders is used up: the flow that was silent longest is not decoded any further, a new one is. */
static void test_talk_eviction(void **state)
{
        finish(state);
        assert_int_equal(begin_with(500, 16384, hear), 0);
        for (unsigned i = 0; i < 100; i++, now += NSEC_PER_SEC) {
                tcp((uint16_t) (4000 + i), 6667, true, 1, "NICK a\r\nUSER a b c :d\r\nJ");
                tcp(4000, 6667, true, 25 + 10 * i, i ? "OIN #x\r\nJO" : "OIN #x\r\nJO"); /* is used all the time */
        }
        assert_true(stats().talk_refused > 50);
        assert_true(stats().talk_bytes <= 16384);
        n_said = 0;
        tcp(4000, 6667, true, 25 + 10 * 100, "IN #y\r\n");
        assert_int_equal(count_said(EVENT_IRC, IRC_LINE), 1);
        tcp(4099, 6667, true, 25, "OIN #y\r\n");
        assert_int_equal(count_said(EVENT_IRC, IRC_LINE), 2);
        tcp(4050, 6667, true, 25, "OIN #y\r\n");
        assert_int_equal(count_said(EVENT_IRC, IRC_LINE), 2);
        tracker_finish(t, now);
        assert_int_equal(stats().talk_bytes, 0);
}

/* The flow that needs more memory is the one that was silent longest: another one gives way. */
static void test_talk_eviction_by_itself(void **state)
{
        char more[200] = "";
        uint64_t one;

        (void) state;
        tcp(4000, 6667, true, 1, "NICK a\r\nUSER a b c :d\r\nJ");
        one = stats().talk_bytes;
        finish(state);
        assert_int_equal(begin_with(64, (uint32_t) (2 * one + 100), hear), 0);
        tcp(4000, 6667, true, 1, "NICK a\r\nUSER a b c :d\r\nJ");
        tcp(4001, 6667, true, 1, "NICK a\r\nUSER a b c :d\r\nJ");
        assert_int_equal(stats().talk_refused, 0);
        memset(more, 'x', sizeof(more) - 1);
        tcp(4000, 6667, true, 33, more); /* waits */
        assert_int_equal(stats().talk_refused, 1);
        n_said = 0;
        tcp(4000, 6667, true, 25, "OIN #x\r\n");
        assert_int_equal(count_said(EVENT_IRC, IRC_LINE), 1);
        tcp(4001, 6667, true, 25, "OIN #x\r\n");
        assert_int_equal(count_said(EVENT_IRC, IRC_LINE), 1);
}

static uint64_t rate_pkts, rate_syns, rate_events;

static void hear_rate(void *userdata, const struct event *e)
{
        (void) userdata;
        if (e->type != EVENT_RATE)
                return;
        rate_events++;
        rate_pkts += e->rate.pkts_out;
        rate_syns += e->rate.syn_out;
}

/* A second with far more flows and peers than there is room for: every packet is in the sums. */
static void test_rate_of_many(void **state)
{
        enum { PACKETS = 100000 };

        finish(state);
        assert_int_equal(begin_with(64, 1u << 20, hear_rate), 0);
        rate_pkts = rate_events = 0;
        for (uint32_t i = 0; i < PACKETS; i++)
                udp(HOME_HOST, OUTSIDE_HOST + i, 5000, 7, "x", 1);
        tracker_tick(t, now + NSEC_PER_SEC);
        assert_int_equal(rate_pkts, PACKETS);
        assert_int_equal(rate_events, PACKETS);
}

/* One flow, and more SYNs in a second than a counter of it holds: it stays at its end. */
static void test_rate_of_syns(void **state)
{
        struct tcp p = {.src = HOME_HOST, .dst = OUTSIDE_HOST, .sport = 4000, .dport = 80, .flags = SYN};

        finish(state);
        assert_int_equal(begin_with(64, 1u << 20, hear_rate), 0);
        rate_pkts = rate_syns = 0;
        for (unsigned i = 0; i < 70000; i++)
                tracker_frame(t, make_tcp(&m, now, p), now);
        tracker_tick(t, now + NSEC_PER_SEC);
        assert_int_equal(rate_pkts, 70000);
        assert_int_equal(rate_syns, UINT16_MAX);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)
        const struct CMUnitTest tests[] = {
                TEST(test_answer_first),
                TEST(test_icmp),
                TEST(test_no_hosts),
                TEST(test_no_hosts_everywhere_home),
                TEST(test_copies),
                TEST(test_last),
                TEST(test_evicted),
                TEST(test_announced),
                TEST(test_talk_eviction_by_itself),
                TEST(test_talk_eviction),
                TEST(test_rate_of_many),
                TEST(test_rate_of_syns),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
