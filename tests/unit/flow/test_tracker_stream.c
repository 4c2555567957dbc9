/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reassembly alone, against the simplest model there is: an array of bytes, of which the first that came for a place
 * stands. What the tracker's decoders would get is compared with it after every packet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "flow/tracker_internal.h"

#define STREAM 4000 /* bytes; segments are short enough that none of the limits is reached */
#define ROUNDS 3000

static struct tracker t;
static struct flow f;
static uint8_t got[1u << 20];
static uint32_t n_got, n_lost, given_up;
static bool no_memory;

/* Instead of tracker_talk.c: what is delivered is kept. */
void *tracker_talk_take(struct tracker *tracker, const struct flow *flow, size_t size)
{
        (void) flow;
        if (no_memory)
                return NULL;
        tracker->stats.talk_bytes += size;
        return malloc(size);
}

bool tracker_talk_need(struct tracker *tracker, struct flow *flow)
{
        (void) tracker;
        if (!flow->talk)
                flow->talk = calloc(1, sizeof(*flow->talk));
        return flow->talk;
}

void tracker_talk_deliver(struct tracker *tracker, struct flow *flow, unsigned side, const uint8_t *data, uint32_t len)
{
        (void) tracker;
        (void) flow;
        assert_int_equal(side, ORIGINATOR);
        assert_true(len > 0 && n_got + len <= sizeof(got));
        memcpy(got + n_got, data, len);
        n_got += len;
}

void tracker_talk_lost(struct tracker *tracker, struct flow *flow, unsigned side, uint32_t bytes)
{
        (void) tracker;
        (void) flow;
        (void) side;
        n_lost += bytes;
}

void tracker_talk_drained(struct tracker *tracker, struct flow *flow)
{
        (void) tracker;
        (void) flow;
}

/* Without rules these are not called. */
void tracker_rules_stream(struct tracker *tracker, struct flow *flow, unsigned side, const uint8_t *data, uint32_t len)
{
        (void) side;
        (void) data;
        (void) len;
        fail_msg("%p %p", (void *) tracker, (void *) flow);
}

void tracker_rules_lost(struct tracker *tracker, struct flow *flow, unsigned side, uint32_t bytes)
{
        (void) side;
        (void) bytes;
        fail_msg("%p %p", (void *) tracker, (void *) flow);
}

void tracker_rules_again(struct tracker *tracker, struct flow *flow, unsigned side, const struct piece *p,
                         uint32_t back)
{
        (void) side;
        (void) p;
        (void) back;
        fail_msg("%p %p", (void *) tracker, (void *) flow);
}

static void free_talk(void)
{
        for (struct segment *s = f.talk ? f.talk->dir[ORIGINATOR].held : NULL, *next; s; s = next) {
                next = s->next;
                t.stats.talk_bytes -= sizeof(*s) + s->len;
                free(s);
        }
        free(f.talk);
        f.talk = NULL;
        assert_int_equal(t.stats.talk_bytes, 0);
}

void tracker_talk_give_up(struct tracker *tracker, struct flow *flow)
{
        (void) tracker;
        assert_ptr_equal(flow, &f);
        free_talk();
        given_up++;
}

static void begin(uint32_t isn)
{
        struct packet syn = {.proto = IPPROTO_TCP, .tcp_flags = TCP_SEEN_SYN, .seq = isn};

        memset(&t, 0, sizeof(t));
        memset(&f, 0, sizeof(f));
        f.proto = IPPROTO_TCP;
        f.pkts[0] = f.pkts[1] = 1;
        n_got = n_lost = given_up = 0;
        no_memory = false;
        tracker_stream_open(&f, ORIGINATOR, &syn);
        f.tcp_seen[ORIGINATOR] = TCP_SEEN_SYN;
        assert_int_equal(f.next_seq[ORIGINATOR], isn + 1);
}

static void send_piece(uint32_t seq, const uint8_t *data, uint32_t len, uint32_t wire)
{
        struct packet p = {.proto = IPPROTO_TCP,
                           .tcp_flags = TCP_SEEN_ACK | TCP_SEEN_PUSH,
                           .seq = seq,
                           .payload = data,
                           .payload_len = len,
                           .wire_len = wire};
        uint8_t *copy = malloc(len ? len : 1); /* so that a sanitizer sees a read behind its end */

        memcpy(copy, data, len);
        p.payload = copy;
        f.bytes[ORIGINATOR] += wire;
        tracker_stream_data(&t, &f, ORIGINATOR, &p);
        free(copy);
}

static void send_bytes(uint32_t seq, const char *s)
{
        send_piece(seq, (const uint8_t *) s, (uint32_t) strlen(s), (uint32_t) strlen(s));
}

static void ack(uint32_t number)
{
        if (f.talk)
                tracker_stream_ack(&t, &f, ORIGINATOR, number);
}

static void expect_got(const char *s)
{
        assert_int_equal(n_got, strlen(s));
        assert_memory_equal(got, s, n_got);
}

static uint64_t random_state;

static uint32_t any(uint32_t below)
{
        random_state ^= random_state << 13; /* xorshift64, Marsaglia 2003 */
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (uint32_t) (random_state >> 32) % below;
}

/* The model. */
static uint8_t model[STREAM];
static bool there[STREAM];

static void model_take(uint32_t at, const uint8_t *data, uint32_t len)
{
        for (uint32_t i = at; i < at + len; i++)
                if (!there[i]) {
                        there[i] = true;
                        model[i] = data[i - at];
                }
}

static void compare(void)
{
        uint32_t n = 0;

        while (n < STREAM && there[n])
                n++;
        assert_int_equal(n_got, n);
        assert_memory_equal(got, model, n);
        assert_int_equal(n_lost, 0);
}

/* A window slides over the stream, and pieces of it come in any order, twice, overlapping, and with other bytes than
 * before for the same place. */
static void test_like_the_model(void **state)
{
        static const uint32_t isns[] = {0, 999, UINT32_MAX, UINT32_MAX - 1, UINT32_MAX - STREAM / 2, INT32_MAX - 100u};

        (void) state;
        random_state = 4711;
        for (unsigned round = 0; round < ROUNDS; round++) {
                uint32_t isn = isns[round % ELEMENTSOF(isns)], done = 0, longest = 1 + any(200);

                begin(isn);
                memset(there, 0, sizeof(there));
                while (done < STREAM) {
                        uint32_t from = done > 150 ? done - any(150) : any(done + 1), at, len;
                        uint8_t bytes[200];

                        at = any(4) ? from + any(300) : done;
                        at = MIN(at, STREAM - 1u);
                        len = 1 + any(MIN(longest, STREAM - at));
                        for (uint32_t i = 0; i < len; i++)
                                bytes[i] = (uint8_t) (1 + any(255));
                        send_piece(isn + 1 + at, bytes, len, len);
                        model_take(at, bytes, len);
                        /* before a limit is reached: a segment may fill every gap there is */
                        while (f.talk && f.talk->dir[ORIGINATOR].n_held >= STREAM_SEGMENTS / 2 - 1) {
                                while (there[done])
                                        done++;
                                bytes[0] = (uint8_t) (1 + any(255));
                                send_piece(isn + 1 + done, bytes, 1, 1);
                                model_take(done, bytes, 1);
                        }
                        while (done < STREAM && there[done])
                                done++;
                        compare();
                }
                assert_int_equal(f.next_seq[ORIGINATOR], isn + 1 + STREAM);
                assert_true(!f.talk || !f.talk->dir[ORIGINATOR].held);
                assert_int_equal(given_up, 0);
                free_talk();
        }
}

/* With anything an outsider can send besides: any numbers, any acknowledgements, cut, and no memory at times. Nothing
 * is delivered twice or out of its place, and the accounts are right. */
static void test_anything(void **state)
{
        (void) state;
        random_state = 815;
        for (unsigned round = 0; round < ROUNDS; round++) {
                uint32_t isn = any(UINT32_MAX), before;

                begin(isn);
                f.pkts[RESPONDER] = any(2);
                for (unsigned i = 0; i < 300; i++) {
                        uint32_t len = any(100), wire = any(4) ? len : len + any(50);
                        uint32_t seq = f.next_seq[ORIGINATOR] + any(400) - 100;
                        uint8_t bytes[100] = {0};

                        if (any(10) == 0)
                                seq = any(UINT32_MAX);
                        no_memory = any(200) == 0;
                        before = f.next_seq[ORIGINATOR];
                        n_got = n_lost = 0;
                        send_piece(seq, bytes, len, wire);
                        if (any(5) == 0)
                                ack(any(4) ? f.next_seq[ORIGINATOR] + any(500) : any(UINT32_MAX));
                        assert_int_equal(f.next_seq[ORIGINATOR] - before, n_got + n_lost);
                        if (f.talk) {
                                assert_true(f.talk->dir[ORIGINATOR].n_held <= STREAM_SEGMENTS);
                                assert_true(f.talk->dir[ORIGINATOR].held_bytes <= STREAM_BYTES);
                        }
                }
                tracker_stream_flush(&t, &f);
                free_talk();
        }
}

/* First bytes stand also against what is in order: a piece that waits is not rewritten by one that fills the gap. */
static void test_overlaps(void **state)
{
        (void) state;
        begin(99);
        send_bytes(103, "456");
        send_bytes(100, "abcdefgh"); /* around it */
        expect_got("abc456gh");
        send_bytes(110, "kl");
        send_bytes(109, "JKLMN"); /* begins before and ends behind */
        send_bytes(108, "i");
        expect_got("abc456ghiJklMN");
        send_bytes(106, "xxxxxxxxxx"); /* only its last bytes are new */
        expect_got("abc456ghiJklMNxx");
        free_talk();
}

static void test_keep_alive(void **state)
{
        (void) state;
        begin(99);
        send_bytes(100, "abc");
        send_bytes(102, "\x01");
        send_piece(102, (const uint8_t *) "", 0, 0);
        send_bytes(103, "def");
        expect_got("abcdef");
        assert_int_equal(t.stats.duplicate_segments, 2);
        free_talk();
}

static void send_zeros(uint32_t seq, uint32_t len)
{
        static const uint8_t zeros[16];
        struct packet p = {.proto = IPPROTO_TCP,
                           .tcp_flags = TCP_SEEN_ACK,
                           .seq = seq,
                           .payload = zeros,
                           .payload_len = len,
                           .wire_len = len};

        tracker_stream_data(&t, &f, ORIGINATOR, &p);
}

/* Padding that counts as payload is no part of the stream; zeros that are part of it stay. */
static void test_padding(void **state)
{
        (void) state;
        begin(99);
        send_zeros(100, 2);
        send_zeros(100, 6);
        send_bytes(100, "abc");
        send_zeros(103, 2);
        send_bytes(103, "def");
        expect_got("abcdef");
        send_zeros(106, 2);
        send_zeros(108, 1);
        send_bytes(109, "g");
        assert_int_equal(n_got, 10);
        assert_memory_equal(got, "abcdef\0\0\0g", 10);
        send_zeros(110, 7); /* too many for padding */
        assert_int_equal(n_got, 17);
        /* a direction that is seen from its middle does not begin with them */
        begin(99);
        f.marks = 0;
        send_zeros(500, 1);
        send_bytes(501, "abc");
        expect_got("abc");
        free_talk();
}

/* The number of an outsider who cannot see the flow: nothing is lost by it, however often he tries. */
static void test_stray(void **state)
{
        (void) state;
        begin(99);
        send_bytes(100, "abc");
        for (uint32_t i = 0; i < 500; i++)
                send_bytes(100 + (3u << 20) + i * 1000003u, "stray");
        send_bytes(103, "def");
        expect_got("abcdef");
        assert_true(t.stats.stray_segments > 100);
        ack(106);
        send_bytes(106, "ghi");
        expect_got("abcdefghi");
        assert_int_equal(n_lost, 0);
        tracker_stream_flush(&t, &f);
        expect_got("abcdefghi");
        free_talk();
}

/* The capture missed much: the acknowledgement says so. With one direction only there is none. */
static void test_large_loss(void **state)
{
        (void) state;
        begin(99);
        send_bytes(100, "abc");
        send_bytes(103 + (50u << 20), "def");
        expect_got("abc");
        ack(106 + (50u << 20));
        expect_got("abcdef");
        assert_int_equal(n_lost, 50u << 20);
        free_talk();
        begin(99);
        f.pkts[RESPONDER] = 0;
        for (uint32_t i = 0; i <= STREAM_SEGMENTS; i++)
                send_bytes(100 + (50u << 20) + i, "x");
        assert_int_equal(n_got, STREAM_SEGMENTS + 1);
        free_talk();
}

/* Several gaps are behind one acknowledgement. */
static void test_gaps_together(void **state)
{
        (void) state;
        begin(99);
        send_bytes(110, "b");
        send_bytes(120, "c");
        send_bytes(130, "d");
        ack(125);
        expect_got("bc");
        assert_int_equal(n_lost, 19);
        ack(131);
        expect_got("bcd");
        free_talk();
}

/* What the snap length cut is lost, but not what another segment brought of it. */
static void test_cut(void **state)
{
        (void) state;
        begin(99);
        send_piece(100, (const uint8_t *) "abc", 3, 10);
        assert_int_equal(n_lost, 7);
        send_piece(120, (const uint8_t *) "xyz", 3, 10); /* ends at 130 */
        send_bytes(126, "again");                        /* in its place, and one byte more */
        send_bytes(110, "0123456789");
        assert_int_equal(n_lost, 10);
        expect_got("abc0123456789xyzagain");
        assert_int_equal(f.next_seq[ORIGINATOR], 131);
        /* headers only */
        send_piece(131, (const uint8_t *) "", 0, 1000);
        assert_int_equal(n_lost, 1010);
        free_talk();
}

static bool believed(unsigned side, uint8_t flags, uint32_t seq, uint32_t number)
{
        struct packet p = {.proto = IPPROTO_TCP, .tcp_flags = flags, .seq = seq, .ack = number};

        return tracker_stream_believes(&f, side, &p);
}

static void test_believes(void **state)
{
        struct packet syn_ack = {
                .proto = IPPROTO_TCP, .tcp_flags = TCP_SEEN_SYN | TCP_SEEN_ACK, .seq = 70000000, .ack = 100};

        (void) state;
        begin(99);
        /* refused: the number of the RST is 0, but it acknowledges the SYN (RFC 9293 3.10.7.1) */
        assert_true(believed(RESPONDER, TCP_SEEN_RST | TCP_SEEN_ACK, 0, 100));
        assert_false(believed(RESPONDER, TCP_SEEN_RST | TCP_SEEN_ACK, 0, 900000000));
        tracker_stream_open(&f, RESPONDER, &syn_ack);
        f.tcp_seen[RESPONDER] = TCP_SEEN_SYN | TCP_SEEN_ACK;
        assert_true(believed(RESPONDER, TCP_SEEN_RST, 70000001, 0));
        assert_false(believed(RESPONDER, TCP_SEEN_RST, 900000000, 0));
        assert_false(believed(ORIGINATOR, TCP_SEEN_FIN, 900000000, 0));
        assert_true(believed(ORIGINATOR, TCP_SEEN_RST, 100, 0));
        f.marks |= FLOW_MARK_NO_APP;
        assert_true(believed(RESPONDER, TCP_SEEN_RST, 900000000, 0));
}

/* Two SYN-ACKs: the one that is acknowledged counts. */
static void test_two_answers(void **state)
{
        struct packet first = {.tcp_flags = TCP_SEEN_SYN | TCP_SEEN_ACK, .seq = 1000000000, .ack = 100};
        struct packet second = {.tcp_flags = TCP_SEEN_SYN | TCP_SEEN_ACK, .seq = 2000000000, .ack = 100};
        struct packet third = {.tcp_flags = TCP_SEEN_ACK, .seq = 100, .ack = 1000000001};

        (void) state;
        for (unsigned which = 0; which < 2; which++) {
                begin(99);
                third.ack = which ? second.seq + 1 : first.seq + 1;
                tracker_stream_open(&f, RESPONDER, &first);
                f.tcp_seen[RESPONDER] = TCP_SEEN_SYN | TCP_SEEN_ACK;
                tracker_stream_open(&f, RESPONDER, &second);
                tracker_stream_open(&f, ORIGINATOR, &third);
                assert_int_equal(f.next_seq[RESPONDER], third.ack);
                assert_int_equal(f.next_seq[ORIGINATOR], 100);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_like_the_model),
                cmocka_unit_test(test_anything),
                cmocka_unit_test(test_overlaps),
                cmocka_unit_test(test_keep_alive),
                cmocka_unit_test(test_padding),
                cmocka_unit_test(test_stray),
                cmocka_unit_test(test_large_loss),
                cmocka_unit_test(test_gaps_together),
                cmocka_unit_test(test_cut),
                cmocka_unit_test(test_believes),
                cmocka_unit_test(test_two_answers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
