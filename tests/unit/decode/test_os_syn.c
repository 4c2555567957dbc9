/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The fields of a SYN: every quirk, options that are cut or lie, headers that are none, and every prefix of a packet.
 */
#include "packet_rig.h"

#include <errno.h>

#include "decode/os_syn.h"

static uint8_t p[128];
static size_t n;

static void put_bytes(const void *bytes, size_t len)
{
        memcpy(p + n, bytes, len);
        n += len;
}

/* An IPv4 SYN with these options, padded by the caller to whole words. */
static void syn(const char *options, size_t len)
{
        static const uint8_t ip[20] = {0x45, 0, 0, 0, 0, 7, 0x40, 0, 60, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2};
        static const uint8_t head[20] = {0x80, 1, 0, 25, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, 2, 0xfa, 0xf0};

        n = 0;
        memset(p, 0, sizeof(p));
        put_bytes(ip, 20);
        put_bytes(head, 20);
        put_bytes(options, len);
        p[3] = (uint8_t) n;
        p[32] = (uint8_t) ((20 + len) / 4 << 4);
}

#define LINUX "\x02\x04\x05\xb4\x04\x02\x08\x0a\x00\x00\x00\x01\x00\x00\x00\x00\x01\x03\x03\x07"

/* A copy of exactly that size, so that a sanitizer sees a read behind its end. */
static int read_n(size_t len, struct os_syn *ret)
{
        uint8_t *copy = malloc(len ? len : 1);
        int r;

        assert_non_null(copy);
        memcpy(copy, p, len);
        r = os_syn_read_ip(copy, len, ret);
        free(copy);
        return r;
}

static void expect(const char *raw)
{
        char text[256];
        struct buf b = BUF_FIXED(text);
        struct os_syn s;

        assert_int_equal(read_n(n, &s), 0);
        os_syn_put(&s, &b);
        assert_string_equal(buf_str(&b), raw);
}

static void test_linux(void **state)
{
        struct os_syn s;

        (void) state;
        syn(LINUX, 20);
        expect("4:60+4:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0");
        assert_int_equal(read_n(n, &s), 0);
        assert_int_equal(s.sport, 0x8001);
        assert_int_equal(s.dport, 25);
        assert_int_equal(s.head, 60);
        assert_false(s.answer);
        assert_addr(s.src, host4(1));
        assert_addr(s.dst, host4(2));
}

static void test_quirks(void **state)
{
        static const struct {
                uint8_t at, value;
                const char *quirks;
        } cases[] = {
                {6, 0, ""},
                {5, 0, "df"},
                {6, 0xc0, "df,id+,0+"},
                {1, 2, "df,id+,ecn"},
                {33, 0x42, "df,id+,ecn"},
                {33, 0x82, "df,id+,ecn"},
                {32, 0xa1, "df,id+,ecn"},
                {27, 0, "df,id+,seq-"},
                {30, 1, "df,id+,ack+"},
                {38, 1, "df,id+,uptr+"},
                {33, 0x22, "df,id+,urgf+"},
                {33, 0x0a, "df,id+,pushf+"},
                {51, 0, "df,id+,ts1-"},
                {55, 1, "df,id+,ts2+"},
                {59, 15, "df,id+,exws"},
                {41, 5, "df,id+,bad"},
        };

        (void) state;
        for (unsigned i = 0; i < ELEMENTSOF(cases); i++) {
                char raw[128];

                syn(LINUX, 20);
                p[cases[i].at] = cases[i].value;
                snprintf(raw, sizeof(raw), "4:60+4:0:1460:mss*44,%u:mss,sok,ts,nop,ws:%s:0", cases[i].at == 59 ? 15 : 7,
                         cases[i].quirks);
                expect(raw);
        }
        syn(LINUX, 20);
        p[5] = p[6] = 0;
        expect("4:60+4:0:1460:mss*44,7:mss,sok,ts,nop,ws:id-:0");
        syn(LINUX, 20);
        p[33] = 0x12;
        expect("4:60+4:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+,ack-:0");
        p[30] = 1;
        p[55] = 1; /* an answer has the other's timestamp */
        expect("4:60+4:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0");
        syn(LINUX, 20);
        p[n++] = 'x';
        p[3] = (uint8_t) n;
        expect("4:60+4:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:+");
}

static void test_options(void **state)
{
        (void) state;
        syn("\x02\x04\x05\xb4\x00\x00\x00\x00", 8);
        expect("4:60+4:0:1460:mss*44,0:mss,eol+3:df,id+:0");
        syn("\x02\x04\x05\xb4\x00\x00\x00\x01", 8);
        expect("4:60+4:0:1460:mss*44,0:mss,eol+3:df,id+,opt+:0");
        syn("\x01\x01\x02\x04", 4); /* the MSS is cut off by the end of the header */
        expect("4:60+4:0:0:64240,0:nop,nop,mss:df,id+,bad:0");
        syn("\x01\x01\x01\x02", 4);
        expect("4:60+4:0:0:64240,0:nop,nop,nop,mss:df,id+,bad:0");
        syn("\x22\x02\x01\x01", 4); /* fast open asks for a cookie */
        expect("4:60+4:0:0:64240,0:?34,nop,nop:df,id+:0");
        syn("\x22\x00\x01\x01", 4); /* a length of 0 would never end */
        expect("4:60+4:0:0:64240,0:?34:df,id+,bad:0");
        syn("\x22\x09\x01\x01", 4);
        expect("4:60+4:0:0:64240,0:?34:df,id+,bad:0");
        syn("\x05\x09\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01", 12); /* a SACK is at least 10 bytes */
        expect("4:60+4:0:0:64240,0:sack:df,id+,bad:0");
        syn("\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
            "\x01\x01",
            28);
        expect("4:60+4:0:0:64240,0:nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,"
               "nop,nop,"
               "nop:df,id+,bad:0");
}

static void test_refused(void **state)
{
        static const struct {
                uint8_t at, value;
                int r;
        } cases[] = {
                {0, 0x35, -EBADMSG}, {0, 0x44, -EBADMSG},  {0, 0x4f, -EBADMSG},  {3, 0xff, -EBADMSG}, {3, 19, -EBADMSG},
                {9, 17, -ENOMSG},    {6, 0x20, -ENOMSG},   {7, 1, -ENOMSG},      {33, 0x10, -ENOMSG}, {33, 3, -ENOMSG},
                {33, 6, -ENOMSG},    {32, 0x40, -EBADMSG}, {32, 0xf0, -EBADMSG},
        };
        struct os_syn s = {.ttl = 99};

        (void) state;
        for (unsigned i = 0; i < ELEMENTSOF(cases); i++) {
                syn(LINUX, 20);
                p[cases[i].at] = cases[i].value;
                assert_int_equal(read_n(n, &s), cases[i].r);
                assert_int_equal(s.ttl, 99);
        }
        syn(LINUX, 20);
        for (size_t len = 0; len < n; len++)
                assert_true(read_n(len, &s) < 0);
}

static void test_ip6(void **state)
{
        uint8_t tcp_part[40];
        struct os_syn s;
        char text[256];
        struct buf b = BUF_FIXED(text);

        (void) state;
        syn(LINUX, 20);
        memcpy(tcp_part, p + 20, 40);
        start(TYPE6);
        B.n -= 14;
        put32(0x60200005); /* ECN, and a flow label */
        put16(48);
        put8(60); /* destination options */
        put8(64);
        put(host6(1).b, 16);
        put(host6(2).b, 16);
        put8(6);
        put8(0);
        zeros(6);
        put(tcp_part, 40);
        assert_int_equal(os_syn_read_ip(B.b, B.n, &s), 0);
        os_syn_put(&s, &b);
        assert_string_equal(buf_str(&b), "6:64+0:8:1460:mss*44,7:mss,sok,ts,nop,ws:ecn,flow:0");
        for (size_t len = 0; len < B.n; len++)
                assert_true(os_syn_read_ip(B.b, len, &s) < 0);
        B.b[41] = 200; /* the options are longer than the packet */
        assert_int_equal(os_syn_read_ip(B.b, B.n, &s), -EBADMSG);
        B.b[6] = 44; /* a fragment */
        assert_int_equal(os_syn_read_ip(B.b, B.n, &s), -ENOMSG);
}

/* Out of frames: Ethernet, VLAN, and what is no IP. */
static void test_frames(void **state)
{
        struct frame f = {.data = B.b, .link = ETHERNET};
        struct os_syn s;

        (void) state;
        syn(LINUX, 20);
        start(0x8100);
        put16(5);
        put16(TYPE4);
        put(p, n);
        zeros(4); /* Ethernet pads */
        f.caplen = f.len = B.n;
        assert_int_equal(os_syn_read(&f, &s), 0);
        assert_int_equal(s.mss, 1460);
        assert_false(s.payload);
        start(0x0806);
        zeros(46);
        f.caplen = f.len = B.n;
        assert_int_equal(os_syn_read(&f, &s), -ENOMSG);
        f.caplen = 5;
        assert_int_equal(os_syn_read(&f, &s), -EBADMSG);
}

static void test_window(void **state)
{
        struct os_syn s = {.version = 4, .mss = 1460, .head = 52, .window = 2920};
        bool mtu = true;

        (void) state;
        assert_int_equal(os_syn_window(&s, &mtu), 2);
        assert_false(mtu);
        s.window = 3000;
        assert_int_equal(os_syn_window(&s, &mtu), 2);
        assert_true(mtu);
        s.window = 2896;
        s.ts1 = 1;
        assert_int_equal(os_syn_window(&s, &mtu), 2);
        assert_false(mtu);
        s.window = 0;
        assert_int_equal(os_syn_window(&s, &mtu), -1);
        s.window = 99;
        s.mss = 99; /* too small to divide by */
        assert_int_equal(os_syn_window(&s, &mtu), -1);
        s.mss = 0;
        assert_int_equal(os_syn_window(&s, &mtu), -1);
        s.mss = 65535;
        s.window = 65535;
        s.version = 6;
        assert_int_equal(os_syn_window(&s, &mtu), 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_linux),   cmocka_unit_test(test_quirks), cmocka_unit_test(test_options),
                cmocka_unit_test(test_refused), cmocka_unit_test(test_ip6),    cmocka_unit_test(test_frames),
                cmocka_unit_test(test_window),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
