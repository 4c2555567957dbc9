/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames byte by byte, for the tests of the packet decoder: headers are appended in order, their lengths set when the
 * frame is done. */
#ifndef SEKIMORI_TEST_PACKET_RIG_H
#define SEKIMORI_TEST_PACKET_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "decode/packet.h"

enum { ETHERNET = 1, TYPE4 = 0x0800, TYPE6 = 0x86dd };
enum { ICMP4 = 1, TCP = 6, UDP = 17, ICMP6 = 58 };

struct bytes {
        uint8_t b[140000];
        uint32_t n;
};

static struct bytes B;

static inline void put(const void *p, size_t n)
{
        memcpy(B.b + B.n, p, n);
        B.n += (uint32_t) n;
}

static inline void put8(unsigned v)
{
        B.b[B.n++] = (uint8_t) v;
}

static inline void put16(unsigned v)
{
        put8(v >> 8);
        put8(v & 0xff);
}

static inline void put32(uint32_t v)
{
        put16(v >> 16);
        put16(v & 0xffff);
}

static inline void zeros(unsigned n)
{
        memset(B.b + B.n, 0, n);
        B.n += n;
}

/* The byte at position i of a payload is always the same. */
static inline void payload(unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                put8(i * 7 + i / 251);
}

static inline void set16(uint32_t at, unsigned v)
{
        B.b[at] = (uint8_t) (v >> 8);
        B.b[at + 1] = (uint8_t) v;
}

/* 192.0.2.1 is 1, and so on (RFC 5737); 2001:db8::1 is 1. */
static inline struct addr host4(unsigned last)
{
        return (struct addr){{[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = 2, [15] = (uint8_t) last}};
}

static inline struct addr host6(unsigned last)
{
        return (struct addr){{0x20, 0x01, 0x0d, 0xb8, [15] = (uint8_t) last}};
}

static inline void ethernet(unsigned type)
{
        put("\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01", 12);
        put16(type);
}

static inline void start(unsigned type)
{
        B.n = 0;
        ethernet(type);
}

/* Returns where it begins, for end4(). */
static inline uint32_t ip4(unsigned src, unsigned dst, unsigned proto)
{
        uint32_t at = B.n;

        put32(0x45000000);
        put32(0);
        put8(64);
        put8(proto);
        put16(0);
        put(host4(src).b + 12, 4);
        put(host4(dst).b + 12, 4);
        return at;
}

static inline void end4(uint32_t at)
{
        set16(at + 2, B.n - at);
}

static inline uint32_t ip6(unsigned src, unsigned dst, unsigned next)
{
        uint32_t at = B.n;

        put32(0x60000000);
        put16(0);
        put8(next);
        put8(63);
        put(host6(src).b, 16);
        put(host6(dst).b, 16);
        return at;
}

static inline void end6(uint32_t at)
{
        set16(at + 4, B.n - at - 40);
}

static inline void tcp(unsigned sport, unsigned dport)
{
        put16(sport);
        put16(dport);
        put32(0x01020304);
        put32(0x05060708);
        put16(0x5018);
        put16(0x1234);
        put32(0);
}

static inline void udp(unsigned sport, unsigned dport, unsigned len)
{
        put16(sport);
        put16(dport);
        put16(len + 8);
        put16(0);
}

/* UDP with what follows until the end of the frame; close with end_udp(). */
static inline uint32_t udp_open(unsigned sport, unsigned dport)
{
        uint32_t at = B.n;

        udp(sport, dport, 0);
        return at;
}

static inline void end_udp(uint32_t at)
{
        set16(at + 4, B.n - at);
}

/* An inner packet that tells itself from every outer one: 192.0.2.77:7777 to 192.0.2.78:80, ten bytes. */
static inline void inner4(void)
{
        uint32_t at = ip4(77, 78, TCP);

        tcp(7777, 80);
        payload(10);
        end4(at);
}

static inline void inner6(void)
{
        uint32_t at = ip6(77, 78, TCP);

        tcp(7777, 80);
        payload(10);
        end6(at);
}

static struct packet P;

static inline struct packet_decoder *decoder(uint32_t flags)
{
        struct packet_decoder *d = NULL;

        assert_int_equal(packet_decoder_new(&(struct packet_params){.flags = flags}, &d), 0);
        return d;
}

/* Decodes the first `caplen` bytes of the frame out of a copy of exactly that size, so that a sanitizer sees a read
 * behind its end. The copy lives until the next call. */
static inline enum packet_error decode_cut(struct packet_decoder *d, uint32_t link, uint32_t caplen, uint32_t len,
                                           nsec_t time)
{
        static uint8_t *copy;
        struct frame f = {.time = time, .caplen = caplen, .len = len, .link = link};

        free(copy);
        copy = malloc(caplen ? caplen : 1);
        assert_non_null(copy);
        memcpy(copy, B.b, caplen);
        f.data = copy;
        assert_in_range(packet_shard(&f), 0, SHARDS - 1);
        return packet_decode(d, &f, &P);
}

/* The same with a decoder of its own, for frames that keep nothing. */
static inline enum packet_error decode_link(uint32_t link)
{
        struct packet_decoder *d = decoder(0);
        enum packet_error e = decode_cut(d, link, B.n, B.n, 1);

        packet_decoder_free(d);
        return e;
}

static inline enum packet_error decode(void)
{
        return decode_link(ETHERNET);
}

static inline unsigned shard(void)
{
        return packet_shard(&(struct frame){.data = B.b, .caplen = B.n, .len = B.n, .link = ETHERNET});
}

static inline void assert_addr(struct addr a, struct addr b)
{
        char text[ADDR_TEXT_MAX], other[ADDR_TEXT_MAX];

        assert_string_equal(addr_format(&a, text), addr_format(&b, other));
}

/* The inner packet of inner4() or inner6() came out. */
static inline void assert_inner(bool v6, unsigned depth)
{
        assert_addr(P.src, v6 ? host6(77) : host4(77));
        assert_addr(P.dst, v6 ? host6(78) : host4(78));
        assert_int_equal(P.sport, 7777);
        assert_int_equal(P.dport, 80);
        assert_int_equal(P.payload_len, 10);
        assert_int_equal(P.wire_len, 10);
        assert_int_equal(P.ip_len, v6 ? 70 : 50);
        assert_int_equal(P.depth, depth);
        assert_int_equal(P.flags, depth ? PACKET_TUNNELED : 0);
        for (unsigned i = 0; i < 10; i++)
                assert_int_equal(P.payload[i], i * 7);
}

#endif
