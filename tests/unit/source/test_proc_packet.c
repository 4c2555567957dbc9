/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packet headers: the usual ones, and cut, lying and endless ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "source/host_proc_packet.h"

/* Ethernet, IPv4 10.0.0.1 -> 192.0.2.7, TCP 4660 -> 80, SYN, no payload. */
static const uint8_t syn[] = {2, 0,  0,    0, 0,  1, 2, 0, 0,  0, 0,    2, 8,   0, 0x45, 0, 0,    40,
                              0, 1,  0x40, 0, 64, 6, 0, 0, 10, 0, 0,    1, 192, 0, 2,    7, 0x12, 0x34,
                              0, 80, 0,    0, 0,  1, 0, 0, 0,  0, 0x50, 2, 0,   0, 0,    0, 0,    0};

static struct host_proc_packet parsed(enum host_proc_link link, const uint8_t *data, size_t len, size_t wire)
{
        struct host_proc_packet p;

        assert_int_equal(host_proc_packet_parse(link, data, len, wire, &p), 0);
        return p;
}

static void test_tcp(void **state)
{
        struct host_proc_packet p = parsed(HOST_PROC_LINK_ETHERNET, syn, sizeof(syn), sizeof(syn));
        char text[ADDR_TEXT_MAX];

        (void) state;
        assert_string_equal(addr_format(&p.src, text), "10.0.0.1");
        assert_string_equal(addr_format(&p.dst, text), "192.0.2.7");
        assert_int_equal(p.proto, IPPROTO_TCP);
        assert_int_equal(p.sport, 0x1234);
        assert_int_equal(p.dport, 80);
        assert_int_equal(p.tcp_flags, TCP_FLAG_SYN);
        assert_int_equal(p.payload, 0);
}

static void test_padding_is_no_payload(void **state)
{
        uint8_t frame[64] = {0};

        (void) state;
        memcpy(frame, syn, sizeof(syn));
        assert_int_equal(parsed(HOST_PROC_LINK_ETHERNET, frame, sizeof(frame), sizeof(frame)).payload, 0);
}

static void test_cut_frame_keeps_its_length(void **state)
{
        uint8_t frame[sizeof(syn)];

        (void) state;
        memcpy(frame, syn, sizeof(syn));
        frame[16] = 1500 >> 8;
        frame[17] = 1500 & 0xff;
        assert_int_equal(parsed(HOST_PROC_LINK_ETHERNET, frame, sizeof(frame), 1514).payload, 1460);
        /* no total length: the frame's own counts */
        frame[16] = frame[17] = 0;
        assert_int_equal(parsed(HOST_PROC_LINK_ETHERNET, frame, sizeof(frame), 1514).payload, 1460);
}

static void test_vlan_and_others(void **state)
{
        uint8_t frame[sizeof(syn) + 16] = {0};
        struct host_proc_packet p;

        (void) state;
        /* two tags */
        memcpy(frame, syn, 12);
        memcpy(frame + 12, "\x88\xa8\x00\x05\x81\x00\x00\x07", 8);
        memcpy(frame + 20, syn + 12, sizeof(syn) - 12);
        assert_int_equal(parsed(HOST_PROC_LINK_ETHERNET, frame, sizeof(syn) + 8, sizeof(syn) + 8).dport, 80);
        /* cooked: 14 bytes and the protocol */
        memset(frame, 0, 14);
        memcpy(frame + 14, syn + 12, sizeof(syn) - 12);
        assert_int_equal(parsed(HOST_PROC_LINK_SLL, frame, sizeof(syn) + 2, sizeof(syn) + 2).dport, 80);
        assert_int_equal(parsed(HOST_PROC_LINK_RAW, syn + 14, sizeof(syn) - 14, sizeof(syn) - 14).dport, 80);
        /* ARP */
        memcpy(frame, syn, sizeof(syn));
        frame[13] = 6;
        assert_int_equal(host_proc_packet_parse(HOST_PROC_LINK_ETHERNET, frame, sizeof(syn), sizeof(syn), &p),
                         -EPROTONOSUPPORT);
        assert_int_equal(host_proc_packet_parse(HOST_PROC_LINK_RAW, frame, 0, 0, &p), -EBADMSG);
}

static void test_every_cut(void **state)
{
        (void) state;
        for (size_t n = 0; n < sizeof(syn); n++) {
                _cleanup_free_ uint8_t *copy = malloc(n + 1);
                struct host_proc_packet p;
                int r;

                assert_non_null(copy);
                memcpy(copy, syn, n);
                r = host_proc_packet_parse(HOST_PROC_LINK_ETHERNET, copy, n, sizeof(syn), &p);
                /* the last bytes of a TCP header say nothing of use */
                assert_int_equal(r, n < 14 + 20 + 14 ? -EBADMSG : 0);
        }
}

static void test_fragment_has_no_ports(void **state)
{
        uint8_t frame[sizeof(syn)];
        struct host_proc_packet p;

        (void) state;
        memcpy(frame, syn, sizeof(syn));
        frame[21] = 10;
        p = parsed(HOST_PROC_LINK_ETHERNET, frame, sizeof(frame), sizeof(frame));
        assert_true(p.fragment);
        assert_int_equal(p.sport, 0);
}

/* IPv6 from ::1 to ::2 with `n` extension headers of 8 bytes before a UDP header with 4 bytes. */
static size_t make_v6(uint8_t *frame, unsigned n)
{
        size_t len = 40 + n * 8 + 12;

        memset(frame, 0, len);
        frame[0] = 0x60;
        frame[4] = (uint8_t) ((len - 40) >> 8);
        frame[5] = (uint8_t) (len - 40);
        frame[6] = n ? IPPROTO_HOPOPTS : IPPROTO_UDP;
        frame[23] = 1;
        frame[39] = 2;
        for (unsigned i = 0; i < n; i++)
                frame[40 + i * 8] = i + 1 < n ? IPPROTO_DSTOPTS : IPPROTO_UDP;
        frame[len - 12] = 0x30;
        frame[len - 9] = 53;
        frame[len - 7] = 12;
        return len;
}

static void test_v6(void **state)
{
        uint8_t frame[512];
        struct host_proc_packet p;
        size_t len;

        (void) state;
        for (unsigned n = 0; n < 8; n++) {
                len = make_v6(frame, n);
                p = parsed(HOST_PROC_LINK_RAW, frame, len, len);
                assert_int_equal(p.proto, IPPROTO_UDP);
                assert_int_equal(p.sport, 0x3000);
                assert_int_equal(p.dport, 53);
                assert_int_equal(p.payload, 4);
                assert_true(p.is_v6);
        }
        len = make_v6(frame, 30);
        assert_int_equal(host_proc_packet_parse(HOST_PROC_LINK_RAW, frame, len, len, &p), -EBADMSG);
        /* an extension that claims more than there is */
        len = make_v6(frame, 1);
        frame[41] = 200;
        assert_int_equal(host_proc_packet_parse(HOST_PROC_LINK_RAW, frame, len, len, &p), -EBADMSG);
        /* a later fragment */
        len = make_v6(frame, 1);
        frame[6] = IPPROTO_FRAGMENT;
        frame[42] = 1;
        p = parsed(HOST_PROC_LINK_RAW, frame, len, len);
        assert_true(p.fragment);
        assert_int_equal(p.dport, 0);
}

static void test_icmp(void **state)
{
        uint8_t frame[20 + 16] = {0x45, 0, 0, 36, 0, 0, 0, 0, 64, IPPROTO_ICMP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 8, 0};
        struct host_proc_packet p;

        (void) state;
        frame[24] = 0x12;
        frame[25] = 0x34;
        p = parsed(HOST_PROC_LINK_RAW, frame, sizeof(frame), sizeof(frame));
        assert_int_equal(p.icmp, 8 << 8);
        assert_int_equal(p.icmp_id, 0x1234);
        assert_int_equal(p.payload, 8);
}

static void test_lies(void **state)
{
        uint8_t frame[sizeof(syn)];
        struct host_proc_packet p = {.dport = 7};

        (void) state;
        memcpy(frame, syn, sizeof(syn));
        frame[14] = 0x42; /* a header of eight bytes */
        assert_int_equal(host_proc_packet_parse(HOST_PROC_LINK_ETHERNET, frame, sizeof(frame), sizeof(frame), &p),
                         -EBADMSG);
        frame[14] = 0x45;
        frame[17] = 10; /* shorter than its header */
        assert_int_equal(host_proc_packet_parse(HOST_PROC_LINK_ETHERNET, frame, sizeof(frame), sizeof(frame), &p),
                         -EBADMSG);
        frame[17] = 40;
        frame[46] = 0x10; /* a TCP header of four bytes */
        assert_int_equal(host_proc_packet_parse(HOST_PROC_LINK_ETHERNET, frame, sizeof(frame), sizeof(frame), &p),
                         -EBADMSG);
        assert_int_equal(p.dport, 7); /* untouched */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_tcp),
                cmocka_unit_test(test_padding_is_no_payload),
                cmocka_unit_test(test_cut_frame_keeps_its_length),
                cmocka_unit_test(test_vlan_and_others),
                cmocka_unit_test(test_every_cut),
                cmocka_unit_test(test_fragment_has_no_ports),
                cmocka_unit_test(test_v6),
                cmocka_unit_test(test_icmp),
                cmocka_unit_test(test_lies),
        };

        return cmocka_run_group_tests_name("source/proc_packet", tests, NULL, NULL);
}
