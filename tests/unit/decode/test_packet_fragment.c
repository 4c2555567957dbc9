/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fragments: put together in any order, and what hostile senders do with them. */
#include "packet_rig.h"

#include "base/cleanup.h"
#include "base/clock.h"

#define PROTO 200 /* without a header of its own: the payload is what the fragments held */

/* One fragment from host 1 to host 2. */
struct piece {
        unsigned offset, len;
        bool more;
        uint16_t id;
        uint8_t differ; /* added to each byte */
        bool v6;
        uint8_t src; /* 0: 1 */
};

static nsec_t now = 1000 * NSEC_PER_SEC;

static uint8_t byte_at(unsigned i)
{
        return (uint8_t) (i * 7 + i / 251);
}

static void build(const struct piece *p)
{
        uint32_t at;

        start(p->v6 ? TYPE6 : TYPE4);
        if (p->v6) {
                at = ip6(p->src ? p->src : 1, 2, 44);
                put8(PROTO);
                put8(0);
                put16((p->offset & 0xfff8) | p->more);
                put32(p->id);
        } else {
                at = ip4(p->src ? p->src : 1, 2, PROTO);
                set16(at + 4, p->id);
                set16(at + 6, (p->more ? 0x2000u : 0) | p->offset / 8);
        }
        for (unsigned i = 0; i < p->len; i++)
                put8(byte_at(p->offset + i) + p->differ);
        p->v6 ? end6(at) : end4(at);
}

static enum packet_error send(struct packet_decoder *d, struct piece p)
{
        build(&p);
        return decode_cut(d, ETHERNET, B.n, B.n, now);
}

static void assert_whole(uint32_t len, bool v6)
{
        assert_int_equal(P.payload_len, len);
        assert_int_equal(P.wire_len, len);
        assert_int_equal(P.ip_len, len + (v6 ? 40 : 20));
        assert_int_equal(P.flags, PACKET_FRAGMENTED);
        assert_int_equal(P.proto, PROTO);
        assert_addr(P.src, v6 ? host6(1) : host4(1));
        for (uint32_t i = 0; i < len; i++)
                if (P.payload[i] != byte_at(i))
                        fail_msg("byte %u of %u differs", i, len);
}

static struct packet_stats stats(const struct packet_decoder *d)
{
        struct packet_stats s;

        packet_get_stats(d, &s);
        return s;
}

/* Every order of the pieces, some of them twice. */
static void test_any_order(void **state)
{
        struct packet_decoder *d = decoder(0);
        uint32_t seed = 1;

        (void) state;
        for (unsigned round = 0; round < 400; round++) {
                unsigned n = 2 + round % 7, step = 8 * (1 + round * 13 % 180), last = 1 + round % 97, left = n;
                bool v6 = round & 1, sent[8] = {0};

                while (left) {
                        unsigned i = (seed = seed * 1664525u + 1013904223u) >> 16;
                        enum packet_error e;

                        i %= n;
                        if (sent[i] && (seed & 0x80))
                                continue;
                        left -= !sent[i];
                        sent[i] = true;
                        e = send(d, (struct piece){.offset = i * step,
                                                   .len = i + 1 == n ? last : step,
                                                   .more = i + 1 < n,
                                                   .id = (uint16_t) round,
                                                   .v6 = v6});
                        assert_int_equal(e, left ? PACKET_HELD : PACKET_OK);
                }
                assert_whole((n - 1) * step + last, v6);
        }
        assert_int_equal(stats(d).reassembled, 400);
        assert_int_equal(stats(d).fragments_overlapping, 0);
        assert_int_equal(stats(d).errors[PACKET_FRAGMENT], 0);
        packet_decoder_free(d);
}

/* The longest packet, one unit at a time from the end; one byte more cannot be. */
static void test_longest(void **state)
{
        struct packet_decoder *d = decoder(0);

        (void) state;
        for (int v6 = 0; v6 < 2; v6++) {
                unsigned most = v6 ? 65535 : 65515;

                for (unsigned at = most & ~7u; at >= 8; at -= 8)
                        assert_int_equal(send(d, (struct piece){.offset = at,
                                                                .len = MIN(8u, most - at),
                                                                .more = at + 8 < most,
                                                                .v6 = v6}),
                                         PACKET_HELD);
                assert_int_equal(send(d, (struct piece){.len = 8, .more = true, .v6 = v6}), PACKET_OK);
                assert_whole(most, v6);
                assert_int_equal(
                        send(d, (struct piece){.offset = most & ~7u, .len = (most & 7) + 1, .id = 1, .v6 = v6}),
                        PACKET_FRAGMENT);
                assert_int_equal(send(d, (struct piece){.offset = 65528, .len = 1400, .id = 1, .v6 = v6}),
                                 PACKET_FRAGMENT);
        }
        packet_decoder_free(d);
}

static void test_impossible(void **state)
{
        struct packet_decoder *d = decoder(0);

        (void) state;
        for (int v6 = 0; v6 < 2; v6++) {
                /* Not whole units, nothing in it. */
                assert_int_equal(send(d, (struct piece){.len = 12, .more = true, .v6 = v6}), PACKET_FRAGMENT);
                assert_int_equal(send(d, (struct piece){.len = 0, .more = true, .v6 = v6}), PACKET_FRAGMENT);
                assert_int_equal(send(d, (struct piece){.offset = 8, .len = 0, .v6 = v6}), PACKET_FRAGMENT);
                assert_int_equal(send(d, (struct piece){.offset = 24, .len = 8, .more = true, .id = 1, .v6 = v6}),
                                 PACKET_HELD);
                assert_int_equal(send(d, (struct piece){.offset = 8, .len = 8, .id = 1, .v6 = v6}), PACKET_FRAGMENT);
                /* Another end than the one before, before what came, and behind the end: the packet lives on. */
                assert_int_equal(send(d, (struct piece){.offset = 16, .len = 8, .v6 = v6}), PACKET_HELD);
                assert_int_equal(send(d, (struct piece){.offset = 24, .len = 8, .v6 = v6}), PACKET_FRAGMENT);
                assert_int_equal(send(d, (struct piece){.offset = 8, .len = 8, .v6 = v6}), PACKET_FRAGMENT);
                assert_int_equal(send(d, (struct piece){.offset = 24, .len = 8, .more = true, .v6 = v6}),
                                 PACKET_FRAGMENT);
                assert_int_equal(send(d, (struct piece){.len = 16, .more = true, .v6 = v6}), PACKET_OK);
                assert_whole(24, v6);
        }
        packet_decoder_free(d);
}

/* IPv4: what came first stands. */
static void test_overlap4(void **state)
{
        struct packet_decoder *d = decoder(0);

        (void) state;
        assert_int_equal(send(d, (struct piece){.offset = 8, .len = 16, .more = true}), PACKET_HELD);
        assert_int_equal(send(d, (struct piece){.offset = 8, .len = 8, .more = true, .differ = 1}), PACKET_FRAGMENT);
        assert_int_equal(send(d, (struct piece){.offset = 16, .len = 8, .more = true}),
                         PACKET_HELD); /* the same bytes */
        assert_int_equal(stats(d).fragments_overlapping, 1);
        /* Half of it is new, and only that half is taken. */
        assert_int_equal(send(d, (struct piece){.offset = 16, .len = 21, .differ = 1}), PACKET_HELD);
        assert_int_equal(stats(d).fragments_overlapping, 2);
        assert_int_equal(send(d, (struct piece){.len = 8, .more = true}), PACKET_OK);
        assert_int_equal(P.payload_len, 37);
        for (unsigned i = 0; i < 37; i++)
                assert_int_equal(P.payload[i], (uint8_t) (byte_at(i) + (i >= 24)));
        packet_decoder_free(d);
}

/* IPv6: the packet is dropped with all that may still come (RFC 5722), but a copy is no overlap (RFC 8200 4.5). */
static void test_overlap6(void **state)
{
        static const struct piece overlaps[] = {
                {.offset = 8, .len = 16, .more = true, .differ = 1, .v6 = true},
                {.offset = 16, .len = 16, .more = true, .v6 = true},
                {.offset = 0, .len = 64, .more = true, .v6 = true},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(overlaps); i++) {
                struct packet_decoder *d = decoder(0);

                assert_int_equal(send(d, (struct piece){.offset = 8, .len = 16, .more = true, .v6 = true}),
                                 PACKET_HELD);
                assert_int_equal(send(d, (struct piece){.offset = 8, .len = 16, .more = true, .v6 = true}),
                                 PACKET_HELD);
                assert_int_equal(send(d, overlaps[i]), PACKET_FRAGMENT);
                assert_int_equal(stats(d).fragments_overlapping, 1);
                assert_int_equal(send(d, (struct piece){.len = 8, .more = true, .v6 = true}), PACKET_FRAGMENT);
                assert_int_equal(send(d, (struct piece){.offset = 24, .len = 8, .v6 = true}), PACKET_FRAGMENT);
                /* Another packet of the same pair is not touched, and after the timeout the number is free again. */
                assert_int_equal(send(d, (struct piece){.len = 8, .more = true, .id = 9, .v6 = true}), PACKET_HELD);
                assert_int_equal(send(d, (struct piece){.offset = 8, .len = 8, .id = 9, .v6 = true}), PACKET_OK);
                packet_expire(d, now + 31 * NSEC_PER_SEC);
                assert_int_equal(stats(d).fragments_expired, 0);
                assert_int_equal(send(d, (struct piece){.len = 8, .more = true, .v6 = true}), PACKET_HELD);
                assert_int_equal(send(d, (struct piece){.offset = 8, .len = 8, .v6 = true}), PACKET_OK);
                packet_decoder_free(d);
        }
}

/* Sender, number and protocol tell packets apart. */
static void test_key(void **state)
{
        struct packet_decoder *d = decoder(0);

        (void) state;
        assert_int_equal(send(d, (struct piece){.len = 8, .more = true, .id = 1}), PACKET_HELD);
        assert_int_equal(send(d, (struct piece){.offset = 8, .len = 8, .id = 2}), PACKET_HELD);
        assert_int_equal(send(d, (struct piece){.offset = 8, .len = 8, .id = 1, .src = 3}), PACKET_HELD);
        assert_int_equal(send(d, (struct piece){.offset = 8, .len = 8, .id = 1, .v6 = true}), PACKET_HELD);
        build(&(struct piece){.offset = 8, .len = 8, .id = 1});
        B.b[14 + 9] = PROTO + 1;
        assert_int_equal(decode_cut(d, ETHERNET, B.n, B.n, now), PACKET_HELD);
        assert_int_equal(send(d, (struct piece){.offset = 8, .len = 8, .id = 1}), PACKET_OK);
        assert_whole(16, false);
        packet_decoder_free(d);
}

static void test_timeout(void **state)
{
        struct packet_decoder *d = NULL;

        (void) state;
        assert_int_equal(packet_decoder_new(&(struct packet_params){.fragment_timeout = 5 * NSEC_PER_SEC}, &d), 0);
        assert_int_equal(send(d, (struct piece){.len = 8, .more = true}), PACKET_HELD);
        now += 5 * NSEC_PER_SEC;
        assert_int_equal(send(d, (struct piece){.offset = 8, .len = 8}), PACKET_OK);

        /* A packet of an earlier time does not turn the clock back: what it begins lives as long as anything else. */
        now -= 10 * NSEC_PER_SEC;
        assert_int_equal(send(d, (struct piece){.len = 8, .more = true, .id = 4}), PACKET_HELD);
        now += 14 * NSEC_PER_SEC;
        assert_int_equal(send(d, (struct piece){.offset = 8, .len = 8, .id = 4}), PACKET_OK);

        /* The first fragment's age counts. */
        assert_int_equal(send(d, (struct piece){.len = 8, .more = true}), PACKET_HELD);
        now += 4 * NSEC_PER_SEC;
        assert_int_equal(send(d, (struct piece){.offset = 8, .len = 8, .more = true}), PACKET_HELD);
        packet_expire(d, now + 2 * NSEC_PER_SEC);
        assert_int_equal(stats(d).fragments_expired, 1);
        assert_int_equal(send(d, (struct piece){.offset = 16, .len = 8}), PACKET_HELD);
        packet_expire(d, INT64_MAX);
        assert_int_equal(stats(d).fragments_expired, 2);
        now += 100 * NSEC_PER_SEC;
        packet_decoder_free(d);
}

/* First fragments without end: the pool keeps the newest, and counts the others. */
static void test_flood(void **state)
{
        struct packet_decoder *d = decoder(0);

        (void) state;
        for (unsigned i = 0; i < 20000; i++) {
                enum packet_error e = send(d, (struct piece){.len = 1480,
                                                             .more = true,
                                                             .id = (uint16_t) i,
                                                             .src = (uint8_t) (1 + i / 65536),
                                                             .v6 = i % 2});

                assert_int_equal(e, PACKET_HELD);
        }
        assert_true(stats(d).fragments_evicted > 19000);
        assert_true(stats(d).fragments_evicted < 20000 - 100);
        assert_int_equal(send(d, (struct piece){.offset = 1480, .len = 8, .id = 19998}), PACKET_OK);
        assert_whole(1488, false);
        packet_decoder_free(d);
}

/* A pool of the least size still holds one packet of the greatest; its own pages are not taken from it. */
static void test_small_pool(void **state)
{
        struct packet_decoder *d = NULL;
        unsigned at;

        (void) state;
        assert_int_equal(packet_decoder_new(&(struct packet_params){.fragments_max = 1}, &d), 0);
        assert_int_equal(send(d, (struct piece){.offset = 65000, .len = 500, .more = true, .id = 7}), PACKET_FRAGMENT);
        for (at = 0; at + 1000 < 65515; at += 1000) {
                assert_int_equal(send(d, (struct piece){.offset = at, .len = 1000, .more = true}), PACKET_HELD);
                assert_int_equal(
                        send(d, (struct piece){.offset = 1024, .len = 8, .more = true, .id = (uint16_t) (at + 9)}),
                        PACKET_HELD);
                if (at == 0) /* the flood beside it must not push it out: it is the younger */
                        assert_int_equal(stats(d).fragments_evicted, 0);
        }
        (void) send(d, (struct piece){.offset = at, .len = 65515 - at});
        assert_int_not_equal(stats(d).fragments_evicted, 0);
        for (at = 0; at + 1000 < 65515; at += 1000)
                assert_int_equal(send(d, (struct piece){.offset = at, .len = 1000, .more = true, .id = 3}),
                                 PACKET_HELD);
        assert_int_equal(send(d, (struct piece){.offset = at, .len = 65515 - at, .id = 3}), PACKET_OK);
        assert_whole(65515, false);
        packet_decoder_free(d);
}

/* A fragment that was not captured whole: the packet counts, its bytes end there. */
static void test_cut(void **state)
{
        struct packet_decoder *d = decoder(0);

        (void) state;
        build(&(struct piece){.len = 800, .more = true});
        assert_int_equal(decode_cut(d, ETHERNET, 34 + 100, B.n, now), PACKET_HELD);
        /* What was not captured cannot differ. */
        assert_int_equal(send(d, (struct piece){.len = 800, .more = true}), PACKET_HELD);
        assert_int_equal(stats(d).fragments_overlapping, 0);
        assert_int_equal(send(d, (struct piece){.offset = 800, .len = 50}), PACKET_OK);
        assert_int_equal(P.payload_len, 100);
        assert_int_equal(P.wire_len, 850);
        assert_int_equal(P.flags, PACKET_FRAGMENTED | PACKET_CUT);
        for (unsigned i = 0; i < 100; i++)
                assert_int_equal(P.payload[i], byte_at(i));
        packet_decoder_free(d);
}

/* A packet of one fragment is no fragment (RFC 6946), and there is no fragment of a fragment. */
static void test_special6(void **state)
{
        struct packet_decoder *d = decoder(0);

        (void) state;
        assert_int_equal(send(d, (struct piece){.len = 13, .v6 = true}), PACKET_OK);
        assert_int_equal(P.flags, 0);
        assert_int_equal(P.payload_len, 13);
        assert_int_equal(stats(d).fragments, 0);

        build(&(struct piece){.len = 16, .more = true, .v6 = true});
        B.b[14 + 40] = 44;
        assert_int_equal(decode_cut(d, ETHERNET, B.n, B.n, now), PACKET_HELD);
        assert_int_equal(send(d, (struct piece){.offset = 16, .len = 8, .v6 = true}), PACKET_FRAGMENT);
        packet_decoder_free(d);
}

/* A tunnel in fragments that carries fragments: the inner packet comes out of the last one. */
static void test_tunnel_in_fragments(void **state)
{
        struct packet_decoder *d = decoder(0);
        static struct bytes half[2];
        enum packet_error e = PACKET_HELD;

        (void) state;
        for (unsigned i = 0; i < 2; i++) {
                build(&(struct piece){.offset = i * 16, .len = i ? 9 : 16, .more = !i, .id = 5});
                half[i] = B;
        }
        for (unsigned i = 0; i < 2; i++)
                for (unsigned part = 0; part < 2; part++) {
                        uint32_t at, from = part ? 24 : 0, to = part ? half[i].n - 14 : 24;

                        assert_int_equal(e, PACKET_HELD);
                        start(TYPE4);
                        at = ip4(8, 9, 4);
                        set16(at + 4, 100 + i);
                        set16(at + 6, part ? 3 : 0x2000);
                        put(half[i].b + 14 + from, to - from);
                        end4(at);
                        e = decode_cut(d, ETHERNET, B.n, B.n, now);
                }
        assert_int_equal(e, PACKET_OK);
        assert_int_equal(P.depth, 1);
        P.flags &= (uint16_t) ~PACKET_TUNNELED;
        assert_whole(25, false);
        assert_int_equal(stats(d).reassembled, 3);
        packet_decoder_free(d);
}

/* A datagram in fragments on a tunnel's port, with the last fragment of a broken packet in it: where the datagram lay
 * the broken packet is now, so it cannot stand for what it holds. */
static void test_broken_in_fragments(void **state)
{
        struct packet_decoder *d = decoder(0);
        static struct bytes datagram;
        uint32_t at;

        (void) state;
        build(&(struct piece){.len = 16, .more = true, .id = 5});
        B.b[14 + 9] = TCP;
        B.b[14 + 20 + 12] = 0xf0; /* a header of 60 bytes, in a segment of 20 */
        assert_int_equal(decode_cut(d, ETHERNET, B.n, B.n, now), PACKET_HELD);
        B.n = 0;
        udp(1, 4789, 8 + 14 + 24);
        put("\x08\0\0\0\0\0\1\0", 8);
        ethernet(TYPE4);
        at = ip4(1, 2, TCP);
        set16(at + 4, 5);
        set16(at + 6, 2);
        zeros(4);
        end4(at);
        datagram = B;
        for (unsigned part = 0; part < 2; part++) {
                start(TYPE4);
                at = ip4(8, 9, UDP);
                set16(at + 6, part ? 2 : 0x2000);
                put(datagram.b + part * 16, part ? datagram.n - 16 : 16);
                end4(at);
                assert_int_equal(decode_cut(d, ETHERNET, B.n, B.n, now), part ? PACKET_TCP : PACKET_HELD);
        }
        packet_decoder_free(d);
}

/* All fragments of a packet and its answers meet in one shard. */
static void test_shard(void **state)
{
        unsigned s;

        (void) state;
        for (int v6 = 0; v6 < 2; v6++) {
                build(&(struct piece){.len = 8, .more = true, .v6 = v6});
                s = shard();
                build(&(struct piece){.offset = 8, .len = 80, .id = 9, .v6 = v6});
                assert_int_equal(shard(), s);
                start(v6 ? TYPE6 : TYPE4);
                v6 ? ip6(2, 1, TCP) : ip4(2, 1, TCP);
                assert_int_equal(shard(), s);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_any_order),
                cmocka_unit_test(test_longest),
                cmocka_unit_test(test_impossible),
                cmocka_unit_test(test_overlap4),
                cmocka_unit_test(test_overlap6),
                cmocka_unit_test(test_key),
                cmocka_unit_test(test_timeout),
                cmocka_unit_test(test_flood),
                cmocka_unit_test(test_small_pool),
                cmocka_unit_test(test_cut),
                cmocka_unit_test(test_special6),
                cmocka_unit_test(test_tunnel_in_fragments),
                cmocka_unit_test(test_broken_in_fragments),
                cmocka_unit_test(test_shard),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
