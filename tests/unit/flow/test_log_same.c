/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The same conversations as packets, as Zeek's conn.log and as a firewall's log: a detector must not be able to tell
 * them apart by what matters to it. Packets are the measure. What a firewall does not say (bytes by direction, packets)
 * is compared as far as it is said; it writes whole seconds, so the conversations begin and end at such. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "flow/tracker.h"
#include "source/log.h"

#define T0           1161855767 /* 2006-10-26T09:42:47Z */
#define LINKTYPE_RAW 101
#define EVENTS       64

enum { SYN = TCP_SEEN_SYN, ACK = TCP_SEEN_ACK, FIN = TCP_SEEN_FIN, RST = TCP_SEEN_RST };

/* A packet of the conversation. `up`: by who opens it. */
struct sent {
        unsigned after_ms;
        bool up;
        uint8_t flags;
        uint16_t bytes;
};

struct story {
        const char *name;
        uint8_t proto;
        bool inbound; /* 192.0.2.1 opens it, else 10.0.0.5 */
        struct sent sent[8];
        const char *zeek;       /* duration to resp_pkts */
        const char *torn_down;  /* the firewall's words, NULL: it denies the packet */
        unsigned seconds;       /* until the firewall says so */
        bool answered_at_start; /* it lasts: that it was answered is told long before its end */
};

/* Ports are 4000 and 80; ICMP: an echo. */
static const struct story stories[] = {
        {"closed in order",
         IPPROTO_TCP,
         false,
         {{0, 1, SYN, 0},
          {20, 0, SYN | ACK, 0},
          {40, 1, ACK, 0},
          {50, 1, ACK, 100},
          {900, 0, ACK, 1000},
          {2980, 0, ACK | FIN, 0},
          {3000, 1, ACK | FIN, 0}},
         "tcp\t-\t3.0\t100\t1000\tSF\t0\tShADdfF\t4\t3",
         "duration 0:00:03 bytes 1100 TCP FINs",
         3,
         true},
        {"a port that is closed",
         IPPROTO_TCP,
         false,
         {{0, 1, SYN, 0}, {30, 0, RST | ACK, 0}},
         "tcp\t-\t0.03\t0\t0\tREJ\t0\tSr\t1\t1",
         "duration 0:00:00 bytes 0 TCP Reset-O",
         0,
         false},
        {"nobody there",
         IPPROTO_TCP,
         false,
         {{0, 1, SYN, 0}, {1000, 1, SYN, 0}, {3000, 1, SYN, 0}},
         "tcp\t-\t3.0\t0\t0\tS0\t0\tS\t3\t0",
         "duration 0:00:30 bytes 0 SYN Timeout",
         30,
         false},
        {"a scan that is denied",
         IPPROTO_TCP,
         true,
         {{0, 1, SYN, 0}},
         "tcp\t-\t-\t-\t-\tS0\t0\tS\t1\t0",
         NULL,
         0,
         false},
        {"an inbound scanner that finds an open port and resets",
         IPPROTO_TCP,
         true,
         {{0, 1, SYN, 0}, {20, 0, SYN | ACK, 0}, {40, 1, RST, 0}},
         "tcp\t-\t0.04\t0\t0\tRSTO\t0\tShR\t2\t1",
         "duration 0:00:00 bytes 0 TCP Reset-O",
         0,
         false},
        {"a question and its answer",
         IPPROTO_UDP,
         false,
         {{0, 1, 0, 30}, {20, 0, 0, 60}},
         "udp\t-\t0.02\t30\t60\tSF\t0\tDd\t1\t1",
         "duration 0:02:01 bytes 90",
         121,
         false},
};

struct seen {
        struct event e[EVENTS];
        size_t n;
};

static void keep(void *userdata, const struct event *e)
{
        struct seen *s = userdata;

        if (e->type != EVENT_FLOW)
                return;
        assert_true(s->n < EVENTS);
        s->e[s->n++] = *e;
}

static void put16(uint8_t *to, unsigned value)
{
        to[0] = (uint8_t) (value >> 8);
        to[1] = (uint8_t) value;
}

/* An IPv4 packet without a link layer. Sequence numbers go on by what was sent. */
static uint32_t packet(const struct story *s, const struct sent *p, uint32_t seq[2], uint8_t b[static 2048])
{
        static const uint8_t home[4] = {10, 0, 0, 5}, outside[4] = {192, 0, 2, 1};
        bool from_home = p->up != s->inbound;
        uint32_t head = s->proto == IPPROTO_TCP ? 40 : 28, len = head + p->bytes, next = htonl(seq[p->up]);
        uint32_t got = htonl(seq[!p->up]);

        memset(b, 0, head);
        memset(b + head, 0xc1, p->bytes);
        b[0] = 0x45;
        put16(b + 2, len);
        b[8] = 64;
        b[9] = s->proto;
        memcpy(b + 12, from_home ? home : outside, 4);
        memcpy(b + 16, from_home ? outside : home, 4);
        put16(b + 20, p->up ? 4000 : 80);
        put16(b + 22, p->up ? 80 : 4000);
        if (s->proto == IPPROTO_UDP) {
                put16(b + 24, 8u + p->bytes);
                return len;
        }
        memcpy(b + 24, &next, 4);
        memcpy(b + 28, &got, 4);
        b[32] = 0x50;
        b[33] = p->flags;
        seq[p->up] += p->bytes + !!(p->flags & (SYN | FIN));
        return len;
}

static void as_packets(const struct story *s, const struct home *home, struct seen *ret)
{
        struct tracker_params params = {
                .home = home, .flows = 64, .talk_bytes = 1 << 20, .event = keep, .userdata = ret};
        _cleanup_(tracker_freep)
        struct tracker *t = NULL;
        uint32_t seq[2] = {1000, 2000};
        uint8_t bytes[2048];
        nsec_t now = 0;

        assert_int_equal(tracker_new(&params, &t), 0);
        for (unsigned i = 0; i < ELEMENTSOF(s->sent) && (i == 0 || s->sent[i].after_ms); i++) {
                uint32_t len = packet(s, &s->sent[i], seq, bytes);

                now = T0 * NSEC_PER_SEC + s->sent[i].after_ms * NSEC_PER_MSEC;
                tracker_frame(
                        t, &(struct frame){.time = now, .data = bytes, .caplen = len, .len = len, .link = LINKTYPE_RAW},
                        now);
        }
        tracker_tick(t, now + 3600 * NSEC_PER_SEC); /* what has not ended yet ends by its silence */
        tracker_finish(t, now + 3600 * NSEC_PER_SEC);
}

static void as_log(const char *name, const char *text, const struct home *home, struct seen *ret)
{
        struct event_sink sink = {.event = keep, .userdata = ret};
        _cleanup_(log_reader_freep)
        struct log_reader *l = NULL;
        int fd = memfd_create("log", MFD_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), (ssize_t) strlen(text));
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        assert_int_equal(log_reader_new(home, &l), 0);
        assert_int_equal(log_reader_add(l, name, fd, NULL, 0, NULL), 0);
        while (log_reader_next(l, INT64_MAX, &sink) > 0)
                ;
}

static void as_zeek(const struct story *s, const struct home *home, struct seen *ret)
{
        char text[1024];

        snprintf(text, sizeof(text),
                 "#separator \\x09\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\t"
                 "service\tduration\torig_bytes\tresp_bytes\tconn_state\tmissed_bytes\thistory\torig_pkts\tresp_pkts\n"
                 "%d.0\tC1\t%s\t4000\t%s\t80\t%s\n",
                 T0, s->inbound ? "192.0.2.1" : "10.0.0.5", s->inbound ? "10.0.0.5" : "192.0.2.1", s->zeek);
        as_log("conn.log", text, home, ret);
}

static void as_firewall(const struct story *s, const struct home *home, struct seen *ret)
{
        const char *proto = s->proto == IPPROTO_TCP ? "TCP" : "UDP";
        unsigned outside = s->inbound ? 4000 : 80, inside = s->inbound ? 80 : 4000, end = 42 * 60 + 47 + s->seconds;
        char text[1024], ends[128];

        snprintf(ends, sizeof(ends), "outside:192.0.2.1/%u (192.0.2.1/%u) to inside:10.0.0.5/%u (203.0.113.1/%u)",
                 outside, outside, inside, inside);
        if (s->torn_down)
                snprintf(text, sizeof(text),
                         "Oct 26 2006 09:42:47 UTC fw : %%ASA-6-302013: Built %s %s connection 7 for %s\n"
                         "Oct 26 2006 09:%02u:%02u UTC fw : %%ASA-6-302014: Teardown %s connection 7 for %s %s\n",
                         s->inbound ? "inbound" : "outbound", proto, ends, end / 60, end % 60, proto, ends,
                         s->torn_down);
        else
                snprintf(text, sizeof(text),
                         "Oct 26 2006 09:42:47 UTC fw : %%ASA-2-106001: Inbound TCP connection denied from "
                         "192.0.2.1/4000 to 10.0.0.5/80 flags SYN on interface outside\n");
        as_log("asa.log", text, home, ret);
}

static const struct event *find(const struct seen *s, enum flow_op op, enum flow_state state)
{
        for (size_t i = 0; i < s->n; i++)
                if (s->e[i].op == op && s->e[i].flow.state == state)
                        return &s->e[i];
        return NULL;
}

static void compare_key(const struct flow_event *a, const struct flow_event *b)
{
        assert_true(addr_equal(&a->local, &b->local) && addr_equal(&a->remote, &b->remote));
        assert_int_equal(a->local_port, b->local_port);
        assert_int_equal(a->remote_port, b->remote_port);
        assert_int_equal(a->proto, b->proto);
        assert_int_equal(a->origin, b->origin);
        assert_int_equal(a->flags & (FLOW_MIDSTREAM | FLOW_ONE_SIDED | FLOW_BOTH_HOME),
                         b->flags & (FLOW_MIDSTREAM | FLOW_ONE_SIDED | FLOW_BOTH_HOME));
        assert_true(a->since == b->since);
}

static void compare(const struct story *s, const struct seen *packets, const struct seen *log, bool firewall)
{
        const struct flow_event *a = &packets->e[packets->n - 1].flow, *b = &log->e[log->n - 1].flow;

        print_message("%s, %s\n", s->name, firewall ? "firewall" : "Zeek");
        assert_int_equal(packets->e[0].op, FLOW_START);
        assert_int_equal(log->e[0].op, FLOW_START);
        assert_true(packets->e[0].time == log->e[0].time);
        assert_int_equal(log->e[0].flow.state, FLOW_STATE_NEW);
        compare_key(&packets->e[0].flow, &log->e[0].flow);
        assert_int_equal(packets->e[packets->n - 1].op, FLOW_END);
        assert_int_equal(log->e[log->n - 1].op, FLOW_END);
        assert_int_equal(a->state, b->state);
        compare_key(a, b);
        assert_int_equal(a->bytes_out + a->bytes_in, b->bytes_out + b->bytes_in);
        assert_int_equal(a->pkts_out > 0, b->pkts_out > 0);
        assert_int_equal(a->pkts_in > 0, b->pkts_in > 0);
        assert_int_equal(a->tcp & (SYN | RST | FIN), b->tcp & (SYN | RST | FIN));
        assert_int_equal(a->tcp >> 8 & (SYN | RST | FIN), b->tcp >> 8 & (SYN | RST | FIN));
        if (!firewall) {
                assert_int_equal(a->bytes_out, b->bytes_out);
                assert_int_equal(a->pkts_out, b->pkts_out);
                assert_int_equal(a->pkts_in, b->pkts_in);
                assert_true(event_last(&packets->e[packets->n - 1]) == event_last(&log->e[log->n - 1]));
        }
        if (s->answered_at_start) {
                assert_non_null(find(packets, FLOW_UPDATE, FLOW_STATE_ESTABLISHED));
                assert_non_null(find(log, FLOW_UPDATE, FLOW_STATE_ESTABLISHED));
        }
        if (a->state == FLOW_STATE_FAILED)
                assert_null(find(log, FLOW_UPDATE, FLOW_STATE_ESTABLISHED));
}

static void test_same(void **state)
{
        struct cidr net;
        struct config_cidrs nets = {.items = &net, .n = 1};
        _cleanup_(home_freep)
        struct home *home = NULL;

        (void) state;
        assert_int_equal(cidr_parse("10.0.0.0/8", &net), 0);
        assert_int_equal(home_new(&nets, &home), 0);
        for (size_t i = 0; i < ELEMENTSOF(stories); i++) {
                struct seen packets = {0}, zeek = {0}, firewall = {0};

                as_packets(&stories[i], home, &packets);
                as_zeek(&stories[i], home, &zeek);
                as_firewall(&stories[i], home, &firewall);
                assert_true(packets.n >= 2 && zeek.n >= 2 && firewall.n >= 2);
                compare(&stories[i], &packets, &zeek, false);
                compare(&stories[i], &packets, &firewall, true);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_same)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
