/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IP and transport headers, whole and broken, and shards. Links: test_packet_link.c; tunnels: test_packet_tunnel.c;
 * fragments: test_packet_fragment.c; captures of others: test_packet_data.c. */
#include "packet_rig.h"

#include "base/cleanup.h"
#include "model/event.h"

static void test_tcp(void **state)
{
        (void) state;
        start(TYPE4);
        inner4();
        zeros(6); /* Ethernet's padding is no payload */
        memset(&P, 0xa5, sizeof(P));
        assert_int_equal(decode(), PACKET_OK);
        assert_inner(false, 0);
        assert_int_equal(P.time, 1);
        assert_int_equal(P.proto, TCP);
        assert_int_equal(P.seq, 0x01020304);
        assert_int_equal(P.ack, 0x05060708);
        assert_int_equal(P.tcp_flags, 0x18);
        assert_int_equal(P.window, 0x1234);
        assert_int_equal(P.ttl, 64);
        assert_int_equal(P.vlan, 0);
        assert_memory_equal(P.src_mac, "\x02\x00\x00\x00\x00\x01", 6);
        assert_int_equal(P.quoted_proto, 0);
        assert_int_equal(P.quoted_sport | P.quoted_dport, 0);
        assert_true(addr_is_unspecified(&P.quoted_src) && addr_is_unspecified(&P.quoted_dst));
}

static void test_padding6(void **state)
{
        (void) state;
        start(TYPE6);
        inner6();
        zeros(6);
        assert_int_equal(decode(), PACKET_OK);
        assert_inner(true, 0);
}

/* What an earlier packet left in the struct must not show through. */
static void test_no_leftovers(void **state)
{
        uint32_t at;

        (void) state;
        start(TYPE6);
        at = ip6(1, 2, 132);
        put16(9);
        put16(10);
        zeros(8);
        end6(at);
        memset(&P, 0xa5, sizeof(P));
        assert_int_equal(decode(), PACKET_OK);
        assert_int_equal(P.proto, 132);
        assert_int_equal(P.sport, 9);
        assert_int_equal(P.dport, 10);
        assert_int_equal(P.payload_len, 12);
        assert_int_equal(P.seq | P.ack | P.window | P.tcp_flags | P.depth | P.vlan | P.flags, 0);
        assert_int_equal(P.quoted_proto | P.quoted_sport | P.quoted_dport, 0);
        assert_true(addr_is_unspecified(&P.quoted_src) && addr_is_unspecified(&P.quoted_dst));
        assert_int_equal(P.ttl, 63);
}

/* Every length from nothing to everything: no read behind the end, an error or a packet marked cut, and *ret untouched
 * on errors. */
static void test_cut_anywhere(void **state)
{
        struct packet_decoder *d = decoder(PACKET_CHECK);

        (void) state;
        for (int v6 = 0; v6 < 2; v6++) {
                start(v6 ? TYPE6 : TYPE4);
                v6 ? inner6() : inner4();
                for (uint32_t n = 0; n < B.n; n++) {
                        enum packet_error e;

                        memset(&P, 0x5a, sizeof(P));
                        e = decode_cut(d, ETHERNET, n, B.n, 1);
                        if (n < B.n - 10)
                                assert_int_equal(e, n < 14               ? PACKET_LINK :
                                                    n < (v6 ? 54u : 34u) ? (v6 ? PACKET_IP6 : PACKET_IP4) :
                                                                           PACKET_TCP);
                        else
                                assert_int_equal(e, PACKET_OK);
                        if (e != PACKET_OK) {
                                for (size_t i = 0; i < sizeof(P); i++)
                                        assert_int_equal(((uint8_t *) &P)[i], 0x5a);
                                continue;
                        }
                        assert_int_equal(P.flags & PACKET_CUT, PACKET_CUT);
                        assert_int_equal(P.payload_len, n - (B.n - 10));
                        assert_int_equal(P.wire_len, 10);
                }
        }
        packet_decoder_free(d);
}

/* TCP options that were not captured leave the ports, and no payload. */
static void test_cut_in_tcp_options(void **state)
{
        struct packet_decoder *d = decoder(0);
        uint32_t at;

        (void) state;
        start(TYPE4);
        at = ip4(1, 2, TCP);
        tcp(1, 2);
        B.b[at + 20 + 12] = 0x80;
        zeros(12);
        payload(5);
        end4(at);
        assert_int_equal(decode_cut(d, ETHERNET, 14 + 20 + 20 + 4, B.n, 1), PACKET_OK);
        assert_int_equal(P.payload_len, 0);
        assert_int_equal(P.wire_len, 5);
        assert_int_equal(P.flags, PACKET_CUT);
        B.n -= 5; /* without a payload nothing of it is missing */
        end4(at);
        assert_int_equal(decode_cut(d, ETHERNET, 14 + 20 + 20 + 4, B.n, 1), PACKET_OK);
        assert_int_equal(P.flags, 0);
        packet_decoder_free(d);
}

static void test_lying_headers(void **state)
{
        static const struct {
                uint32_t at;
                uint8_t value;
                enum packet_error error;
        } lies[] = {
                {14, 0x55, PACKET_IP4},      {14, 0x44, PACKET_IP4},      {14, 0x40, PACKET_IP4},
                {14, 0x4f, PACKET_LENGTH},   {17, 19, PACKET_LENGTH},     {17, 1, PACKET_LENGTH},
                {17, 0, PACKET_OK},          {17, 20, PACKET_TCP},        {14 + 32, 0x40, PACKET_TCP},
                {14 + 32, 0x00, PACKET_TCP}, {14 + 32, 0xf0, PACKET_TCP},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(lies); i++) {
                start(TYPE4);
                inner4();
                zeros(i == 3 ? 40 : 0);
                B.b[lies[i].at] = lies[i].value;
                assert_int_equal(decode(), lies[i].error);
        }
}

/* An IP length beyond the frame: the capture lost the rest without saying so, or it is a lie. */
static void test_ip_longer_than_frame(void **state)
{
        struct packet_decoder *d = decoder(0);
        struct packet_stats stats;

        (void) state;
        for (int v6 = 0; v6 < 2; v6++) {
                start(v6 ? TYPE6 : TYPE4);
                v6 ? inner6() : inner4();
                set16(v6 ? 18 : 16, 1500);
                assert_int_equal(decode_cut(d, ETHERNET, B.n, B.n, 1), PACKET_OK);
                assert_int_equal(P.payload_len, 10);
                assert_int_equal(P.wire_len, v6 ? 1480 : 1460);
                assert_int_equal(P.flags, PACKET_CUT);
                /* no lie: the frame was as long */
                assert_int_equal(decode_cut(d, ETHERNET, B.n, 1600, 1), PACKET_OK);
        }
        packet_get_stats(d, &stats);
        assert_int_equal(stats.short_frames, 2);
        assert_int_equal(stats.errors[PACKET_OK], 4);
        packet_decoder_free(d);
}

/* Not segmented yet: the frame's length counts, up to what the kernel makes. */
static void test_offload(void **state)
{
        struct packet_decoder *d = decoder(0);

        (void) state;
        for (int v6 = 0; v6 < 2; v6++) {
                uint32_t head = v6 ? 74 : 54;

                start(v6 ? TYPE6 : TYPE4);
                v6 ? (void) ip6(1, 2, TCP) : (void) ip4(1, 2, TCP);
                tcp(1, 2);
                payload(70000);
                assert_int_equal(decode(), PACKET_OK);
                assert_int_equal(P.payload_len, 70000);
                assert_int_equal(P.ip_len, B.n - 14);
                assert_int_equal(decode_cut(d, ETHERNET, head, UINT32_MAX, 1), PACKET_LENGTH);
        }
        packet_decoder_free(d);
}

static void test_udp(void **state)
{
        uint32_t at;

        (void) state;
        start(TYPE4);
        at = ip4(1, 2, UDP);
        udp(53, 5353, 20);
        payload(25); /* five bytes behind the datagram */
        end4(at);
        assert_int_equal(decode(), PACKET_OK);
        assert_int_equal(P.payload_len, 20);
        assert_int_equal(P.wire_len, 20);
        assert_int_equal(P.sport, 53);
        assert_int_equal(P.ip_len, 53);
        assert_int_equal(P.flags, 0);
        for (unsigned len = 0; len < 8; len++) {
                set16(38, len);
                assert_int_equal(decode(), PACKET_UDP);
        }
        set16(38, 34);
        assert_int_equal(decode(), PACKET_UDP);

        B.b[at + 9] = 136; /* UDP-Lite: the field is what the checksum covers */
        set16(38, 8);
        assert_int_equal(decode(), PACKET_OK);
        assert_int_equal(P.payload_len, 25);
        set16(38, 7);
        assert_int_equal(decode(), PACKET_UDP);
}

static void test_icmp(void **state)
{
        uint32_t at;

        (void) state;
        start(TYPE4);
        at = ip4(1, 2, ICMP4);
        put("\x08\x00\x00\x00\x12\x34\x00\x01", 8);
        payload(4);
        end4(at);
        assert_int_equal(decode(), PACKET_OK);
        assert_int_equal(P.sport, 0x0800);
        assert_int_equal(P.dport, 0x1234);
        assert_int_equal(P.payload_len, 12);
        assert_int_equal(P.payload[0], 8);
        assert_int_equal(P.quoted_proto, 0);
        set16(at + 2, 27);
        assert_int_equal(decode(), PACKET_ICMP);

        start(TYPE6); /* the other family's ICMP is nothing */
        at = ip6(1, 2, ICMP4);
        put("\x08\x00\x00\x00\x12\x34\x00\x01", 8);
        end6(at);
        assert_int_equal(decode(), PACKET_OK);
        assert_int_equal(P.sport, 0);
}

static void test_quoted(void **state)
{
        uint32_t at, quoted;

        (void) state;
        start(TYPE4);
        at = ip4(9, 1, ICMP4);
        put("\x03\x03\x00\x00\x00\x00\x00\x00", 8);
        quoted = ip4(1, 2, UDP);
        udp(1111, 53, 0);
        end4(quoted);
        end4(at);
        assert_int_equal(decode(), PACKET_OK);
        assert_int_equal(P.sport, 0x0303);
        assert_int_equal(P.dport, 0);
        assert_int_equal(P.quoted_proto, UDP);
        assert_int_equal(P.quoted_sport, 1111);
        assert_int_equal(P.quoted_dport, 53);
        assert_addr(P.quoted_src, host4(1));
        assert_addr(P.quoted_dst, host4(2));
        set16(quoted + 6, 1); /* a later fragment has no ports */
        assert_int_equal(decode(), PACKET_OK);
        assert_int_equal(P.quoted_proto, UDP);
        assert_int_equal(P.quoted_sport, 0);

        start(TYPE6);
        at = ip6(9, 1, ICMP6);
        put("\x01\x04\x00\x00\x00\x00\x00\x00", 8);
        quoted = ip6(1, 2, 60);
        put("\x2c\x00\x01\x04\x00\x00\x00\x00", 8);
        put("\x06\x00\x00\x01\x00\x00\x00\x07", 8);
        put16(1111);
        put16(25);
        end6(at);
        assert_int_equal(decode(), PACKET_OK);
        assert_int_equal(P.quoted_proto, TCP);
        assert_int_equal(P.quoted_dport, 25);
        assert_addr(P.quoted_dst, host6(2));
        set16(quoted + 40 + 8 + 2, 8); /* a later fragment: what follows is no port */
        assert_int_equal(decode(), PACKET_OK);
        assert_int_equal(P.quoted_dport, 0);
        assert_int_equal(P.quoted_proto, TCP);
        set16(quoted + 40 + 8 + 2, 1);
        for (uint32_t n = B.n; n > quoted; n--) { /* the quotation cut anywhere is no error */
                B.n = n - 1;
                assert_int_equal(decode(), PACKET_OK);
                assert_int_equal(P.quoted_dport, 0);
        }
}

static void test_arp(void **state)
{
        unsigned there;

        (void) state;
        start(0x0806);
        put("\x00\x01\x08\x00\x06\x04\x00\x01\x02\x00\x00\x00\x00\x01", 14);
        put(host4(1).b + 12, 4);
        zeros(6);
        put(host4(2).b + 12, 4);
        zeros(18);
        assert_int_equal(decode(), PACKET_OK);
        assert_int_equal(P.proto, PROTO_ARP);
        assert_int_equal(P.tcp_flags, 1);
        assert_int_equal(P.payload_len, 28);
        assert_addr(P.src, host4(1));
        assert_addr(P.dst, host4(2));
        there = shard();
        B.b[14 + 5] = 16; /* not IPv4's */
        assert_int_equal(decode(), PACKET_ARP);

        start(TYPE4); /* ARP and IP between two hosts meet */
        (void) ip4(2, 1, UDP);
        assert_int_equal(shard(), there);
}

static void test_extension_headers(void **state)
{
        uint32_t at;

        (void) state;
        for (unsigned n = 0; n <= 20; n++) {
                start(TYPE6);
                at = ip6(77, 78, n ? 0 : TCP);
                for (unsigned i = 0; i < n; i++) {
                        put8(i + 1 == n ? TCP : i % 2 ? 43 : 60);
                        zeros(7);
                }
                tcp(7777, 80);
                payload(10);
                end6(at);
                assert_int_equal(decode(), n <= 16 ? PACKET_OK : PACKET_IP6);
                if (n <= 16) {
                        assert_int_equal(P.sport, 7777);
                        assert_int_equal(P.payload_len, 10);
                        assert_int_equal(P.ip_len, 70 + 8 * n);
                }
        }
        start(TYPE6);
        at = ip6(1, 2, 60);
        put("\x06\x05\x00\x00\x00\x00\x00\x00", 8); /* 48 bytes, of which 8 are there */
        end6(at);
        assert_int_equal(decode(), PACKET_IP6);
}

static void test_authentication_and_esp(void **state)
{
        (void) state;
        for (int v6 = 0; v6 < 2; v6++) {
                uint32_t at;

                start(v6 ? TYPE6 : TYPE4);
                at = v6 ? ip6(77, 78, 51) : ip4(77, 78, 51);
                put("\x06\x04\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01", 12);
                zeros(12);
                tcp(7777, 80);
                payload(10);
                v6 ? end6(at) : end4(at);
                assert_int_equal(decode(), PACKET_OK);
                assert_int_equal(P.dport, 80);
                assert_int_equal(P.payload_len, 10);
                B.b[at + (v6 ? 41 : 21)] = 0;
                assert_int_equal(decode(), v6 ? PACKET_IP6 : PACKET_IP4);
                B.b[at + (v6 ? 6 : 9)] = 50;
                assert_int_equal(decode(), PACKET_OK);
                assert_int_equal(P.proto, 50);
                assert_int_equal(P.payload_len, 54);
        }
}

/* ::ffff:192.0.2.1 on the wire must not pass for 192.0.2.1. */
static void test_mapped_address(void **state)
{
        struct addr apart;

        (void) state;
        for (unsigned at = 8; at <= 24; at += 16) {
                start(TYPE6);
                inner6();
                memcpy(B.b + 14 + at, host4(1).b, 16);
                assert_int_equal(decode(), PACKET_OK);
                assert_int_equal(addr_parse("64:ff9b:1::", &apart), 0);
                memcpy(apart.b + 12, host4(1).b + 12, 4);
                assert_addr(at == 8 ? P.src : P.dst, apart);
                assert_false(addr_is_v4(at == 8 ? &P.dst : &P.src));
        }
}

static void set_checksum(uint32_t at, uint32_t from, uint32_t to, uint32_t more)
{
        uint32_t s = more;

        set16(at, 0);
        for (uint32_t i = from; i < to; i += 2)
                s += (uint32_t) (B.b[i] << 8 | (i + 1 < to ? B.b[i + 1] : 0));
        s = (s & 0xffff) + (s >> 16);
        set16(at, ~((s & 0xffff) + (s >> 16)) & 0xffff);
}

static void test_checksums(void **state)
{
        struct packet_decoder *check = decoder(PACKET_CHECK);
        uint32_t at;

        (void) state;
        for (unsigned proto = TCP; proto <= UDP; proto += UDP - TCP) {
                uint32_t field = 34 + (proto == TCP ? 16 : 6);

                start(TYPE4);
                at = ip4(1, 2, proto);
                proto == TCP ? tcp(1, 2) : udp(1, 2, 9);
                payload(9);
                end4(at);
                set_checksum(24, 14, 34, 0);
                set_checksum(field, 26, B.n, proto + B.n - 34);
                zeros(4);
                assert_int_equal(decode_cut(check, ETHERNET, B.n, B.n, 1), PACKET_OK);
                assert_int_equal(P.flags, 0);
                B.b[B.n - 5] ^= 1;
                assert_int_equal(decode_cut(check, ETHERNET, B.n, B.n, 1), PACKET_OK);
                assert_int_equal(P.flags, PACKET_BAD_CHECKSUM);
                assert_int_equal(decode(), PACKET_OK);
                assert_int_equal(P.flags, 0);
                B.b[B.n - 5] ^= 1;
                B.b[22] ^= 1; /* the header's own */
                assert_int_equal(decode_cut(check, ETHERNET, B.n, B.n, 1), PACKET_OK);
                assert_int_equal(P.flags, PACKET_BAD_CHECKSUM);
        }
        packet_decoder_free(check);
}

static void test_names(void **state)
{
        (void) state;
        for (unsigned i = 0; i < PACKET_ERRORS; i++) {
                assert_true(strlen(packet_error_name(i)) > 1);
                assert_true(strlen(packet_error_title(i)) > 1);
        }
        assert_string_equal(packet_error_name(PACKET_IP4), "ip4");
        assert_string_equal(packet_error_name(PACKET_ERRORS), "?");
        assert_string_equal(packet_error_title(PACKET_ERRORS), "?");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_tcp),
                cmocka_unit_test(test_padding6),
                cmocka_unit_test(test_no_leftovers),
                cmocka_unit_test(test_cut_anywhere),
                cmocka_unit_test(test_cut_in_tcp_options),
                cmocka_unit_test(test_lying_headers),
                cmocka_unit_test(test_ip_longer_than_frame),
                cmocka_unit_test(test_offload),
                cmocka_unit_test(test_udp),
                cmocka_unit_test(test_icmp),
                cmocka_unit_test(test_quoted),
                cmocka_unit_test(test_arp),
                cmocka_unit_test(test_extension_headers),
                cmocka_unit_test(test_authentication_and_esp),
                cmocka_unit_test(test_mapped_address),
                cmocka_unit_test(test_checksums),
                cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
