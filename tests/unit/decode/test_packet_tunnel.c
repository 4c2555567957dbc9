/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets in IP, GRE and UDP: the innermost one comes out, and what is no tunnel stays what it is. */
#include "packet_rig.h"

#include "base/cleanup.h"

static void put_hex(const char *hex)
{
        for (; hex[0] && hex[1]; hex += 2) {
                char two[3] = {hex[0], hex[1], 0};

                put8((unsigned) strtoul(two, NULL, 16));
        }
}

#define FRAME "020000000002020000000001"
#define MAC   "020000000001"

struct tunnel_case {
        const char *name;
        unsigned proto, sport, dport; /* of the outer packet; dport 0: straight behind IP */
        const char *header;
        bool v6, mac;
};

static const struct tunnel_case tunnels[] = {
        {"ip in ip", 4, 0, 0, "", false, false},
        {"6in4", 41, 0, 0, "", true, false},
        {"gre", 47, 0, 0, "00000800", false, false},
        {"gre with everything", 47, 0, 0,
         "b000"
         "86dd"
         "00000000"
         "00000007"
         "00000001",
         true, false},
        {"gre bridge", 47, 0, 0,
         "20006558"
         "00000007" FRAME "81000005"
         "0800",
         false, true},
        {"gre mpls", 47, 0, 0,
         "00008847"
         "00011140",
         false, false},
        {"gre ppp", 47, 0, 0,
         "0000880b"
         "ff030021",
         false, false},
        {"wccp 1", 47, 0, 0, "0000883e", false, false},
        {"wccp 2", 47, 0, 0,
         "0000883e"
         "00330000",
         false, false},
        {"erspan 1", 47, 0, 0, "000088be" FRAME "0800", false, true},
        {"erspan 2", 47, 0, 0,
         "100088be"
         "00000001"
         "1000000100000000" FRAME "0800",
         false, true},
        {"erspan 3", 47, 0, 0,
         "100022eb"
         "00000001"
         "200000010000000000000000" FRAME "86dd",
         true, true},
        {"erspan 3 long", 47, 0, 0,
         "100022eb"
         "00000001"
         "200000010000000000000001"
         "0000000000000000" FRAME "0800",
         false, true},
        {"pptp", 47, 0, 0,
         "3081880b"
         "00320001"
         "00000001"
         "00000002"
         "ff030021",
         false, false},
        {"pptp, compressed", 47, 0, 0,
         "3001880b"
         "00320001"
         "00000001"
         "21",
         false, false},
        {"etherip", 97, 0, 0, "3000" FRAME "0800", false, true},
        {"mpls in ip", 137, 0, 0, "00011140", true, false},
        {"vxlan", 17, 40000, 4789, "0800000000000100" FRAME "0800", false, true},
        {"vxlan, linux", 17, 40000, 8472, "0800000000000100" FRAME "86dd", true, true},
        {"geneve", 17, 40000, 6081, "0000655800000100" FRAME "0800", false, true},
        {"geneve, ip and options", 17, 40000, 6081,
         "034086dd00000100"
         "0000000100000000"
         "00000000",
         true, false},
        {"teredo", 17, 40000, 3544, "", true, false},
        {"teredo, told by the server", 17, 3544, 40000,
         "0001"
         "0200"
         "aabb"
         "0000000000000000"
         "00"
         "0000"
         "000000000000",
         true, false},
        {"gtp", 17, 2152, 2152, NULL, false, false},
        {"gtp with extensions", 17, 2152, 2152, NULL, true, false},
};

static uint32_t put_tunnel(const struct tunnel_case *c)
{
        uint32_t udp_at = c->dport ? udp_open(c->sport, c->dport) : 0, gtp = B.n;

        if (c->header) {
                put_hex(c->header);
        } else {
                put_hex(c->v6 ? "34ff000000000001" : "30ff000000000001");
                if (c->v6)
                        put_hex("00000085"
                                "01000000");
        }
        c->v6 ? inner6() : inner4();
        if (!c->header)
                set16(gtp + 2, B.n - gtp - 8);
        return udp_at;
}

static void test_tunnels(void **state)
{
        static const uint8_t none[6];
        struct packet_decoder *d = decoder(0);

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(tunnels); i++) {
                const struct tunnel_case *c = &tunnels[i];
                unsigned outer;
                uint32_t at, udp_at;

                start(TYPE4);
                at = ip4(1, 2, c->proto);
                udp_at = put_tunnel(c);
                end4(at);
                if (udp_at)
                        end_udp(udp_at);
                if (decode() != PACKET_OK || P.depth != 1)
                        fail_msg("%s: not decoded", c->name);
                assert_inner(c->v6, 1);
                assert_memory_equal(P.src_mac, c->mac ? (const uint8_t *) "\x02\x00\x00\x00\x00\x01" : none, 6);
                /* The shard hangs on the outer addresses alone. */
                outer = shard();
                B.n = 34;
                assert_int_equal(shard(), outer);
        }
        packet_decoder_free(d);
}

/* Cut anywhere: UDP stays UDP, a tunnel in IP is an error or a packet of its own. */
static void test_cut(void **state)
{
        struct packet_decoder *d = decoder(0);

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(tunnels); i++) {
                const struct tunnel_case *c = &tunnels[i];
                uint32_t at, udp_at;

                start(TYPE4);
                at = ip4(1, 2, c->proto);
                udp_at = put_tunnel(c);
                end4(at);
                if (udp_at)
                        end_udp(udp_at);
                for (uint32_t n = 34; n < B.n - 10; n++) {
                        enum packet_error e = decode_cut(d, ETHERNET, n, B.n, 1);

                        if (e == PACKET_OK)
                                assert_int_equal(P.depth, 0);
                        if (c->dport)
                                assert_int_equal(e, n < 42 ? PACKET_UDP : PACKET_OK);
                }
                if (!c->dport) {
                        enum packet_error e = decode_cut(d, ETHERNET, 34, B.n, 1);

                        assert_int_not_equal(e, PACKET_OK);
                }
        }
        packet_decoder_free(d);
}

/* Datagrams on a tunnel's port that carry something else. */
static void test_no_tunnel(void **state)
{
        static const struct {
                unsigned sport, dport;
                const char *header;
        } cases[] = {
                {53, 4789, "0800000000000100" FRAME "88cc"},    /* no IP in it */
                {53, 4789, "0000000000000100" FRAME "0800"},    /* no network identifier */
                {53, 4789, "12348180000100010000000003777777"}, /* a DNS answer */
                {53, 6081, "4000655800000100" FRAME "0800"},    /* version 1 */
                {53, 6081, "0080655800000100" FRAME "0800"},    /* control */
                {53, 6081, "3f00655800000100" FRAME "0800"},    /* options beyond the end */
                {53, 6081, "0000000000000100"},
                {53, 3544, "45000014"},
                {53, 3544, "0001ffff"},
                {53, 2152,
                 "32ff000400000001"
                 "00000000"}, /* nothing in it */
                {53, 2152,
                 "3001000400000001"
                 "00000000"}, /* an echo */
                {53, 2152,
                 "34ff000800000001"
                 "00000085"
                 "00000000"},                   /* an extension of no length */
                {53, 2152, "10ff003200000001"}, /* GTP' */
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint32_t at, udp_at;

                start(TYPE4);
                at = ip4(1, 2, UDP);
                udp_at = udp_open(cases[i].sport, cases[i].dport);
                put_hex(cases[i].header);
                end_udp(udp_at);
                end4(at);
                if (decode() != PACKET_OK)
                        fail_msg("case %zu: %s", i, cases[i].header);
                assert_int_equal(P.depth, 0);
                assert_int_equal(P.flags, 0);
                assert_int_equal(P.dport, cases[i].dport);
                assert_int_equal(P.payload_len, strlen(cases[i].header) / 2);
                assert_memory_equal(P.src_mac, "\x02\x00\x00\x00\x00\x01", 6);
        }
}

static const struct {
        const char *header;
        enum packet_error error;
} gre_cases[] = {
        {"00000000", PACKET_OK}, /* keep-alive */
        {"00008870"
         "0000",
         PACKET_OK}, /* not ours */
        {"40000800"
         "00000000",
         PACKET_OK}, /* source route */
        {"2001880b"
         "00000001",
         PACKET_OK}, /* an acknowledgement alone */
        {"0000880b"
         "c021",
         PACKET_OK}, /* LCP */
        {"00006558" FRAME "88cc", PACKET_OK},
        {"000008", PACKET_TUNNEL},
        {"b0000800"
         "0000000000000000",
         PACKET_TUNNEL},
        {"30018800"
         "00",
         PACKET_TUNNEL},
        {"3001880b"
         "00320001"
         "0000",
         PACKET_TUNNEL},
        {"00006558"
         "0200",
         PACKET_TUNNEL},
        {"100088be"
         "00000001"
         "10000001",
         PACKET_TUNNEL},
        {"100022eb"
         "00000001"
         "200000010000000000000001",
         PACKET_TUNNEL},
        {"0000883e", PACKET_TUNNEL},
        {"00000800", PACKET_IP4},
        {"000086dd"
         "60",
         PACKET_IP6},
};

/* A length that does not fit makes it no GTP. */
static void test_gtp_length(void **state)
{
        (void) state;
        for (unsigned len = 49; len <= 51; len++) {
                uint32_t at, udp_at;

                start(TYPE4);
                at = ip4(1, 2, UDP);
                udp_at = udp_open(2152, 2152);
                put_hex("30ff000000000001");
                set16(B.n - 6, len);
                inner4();
                end_udp(udp_at);
                end4(at);
                assert_int_equal(decode(), PACKET_OK);
                assert_int_equal(P.depth, len == 50);
        }
}

/* GRE that carries nothing we read counts itself; a header that is cut or lies is an error. */
static void test_gre(void **state)
{
        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(gre_cases); i++) {
                uint32_t at;

                start(TYPE4);
                at = ip4(1, 2, 47);
                put_hex(gre_cases[i].header);
                end4(at);
                if (decode() != gre_cases[i].error)
                        fail_msg("case %zu, %s: not %s", i, gre_cases[i].header, packet_error_name(gre_cases[i].error));
                if (gre_cases[i].error == PACKET_OK) {
                        assert_int_equal(P.proto, 47);
                        assert_int_equal(P.depth, 0);
                        assert_addr(P.src, host4(1));
                }
        }
}

static void test_too_deep(void **state)
{
        (void) state;
        for (unsigned depth = 0; depth < 8; depth++) {
                uint32_t at[8];

                start(TYPE4);
                for (unsigned i = 0; i < depth; i++)
                        at[i] = ip4(1, 2, 4);
                inner4();
                for (unsigned i = 0; i < depth; i++)
                        end4(at[i]);
                assert_int_equal(decode(), depth <= 4 ? PACKET_OK : PACKET_TUNNEL);
                if (depth <= 4)
                        assert_inner(false, depth);
        }
        /* In UDP the last one that may be opened stands for what it holds. */
        for (unsigned depth = 0; depth < 8; depth++) {
                uint32_t at[8], udp_at[8];

                start(TYPE4);
                for (unsigned i = 0; i < depth; i++) {
                        at[i] = ip4(i, 2, UDP);
                        udp_at[i] = udp_open(1, 4789);
                        put("\x08\0\0\0\0\0\1\0", 8);
                        ethernet(TYPE4);
                }
                inner4();
                for (unsigned i = 0; i < depth; i++) {
                        end_udp(udp_at[i]);
                        end4(at[i]);
                }
                assert_int_equal(decode(), PACKET_OK);
                assert_int_equal(P.depth, MIN(depth, 4u));
                assert_addr(P.src, depth <= 4 ? host4(77) : host4(4));
        }
}

/* Inside a tunnel nothing can be longer than what carries it. */
static void test_inner_length(void **state)
{
        for (int v6 = 0; v6 < 2; v6++) {
                uint32_t at, in;

                (void) state;
                start(TYPE4);
                at = ip4(1, 2, v6 ? 41 : 4);
                in = B.n;
                v6 ? inner6() : inner4();
                end4(at);
                set16(in + (v6 ? 4 : 2), v6 ? 31 : 51);
                assert_int_equal(decode(), PACKET_LENGTH);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_tunnels),      cmocka_unit_test(test_cut), cmocka_unit_test(test_no_tunnel),
                cmocka_unit_test(test_gtp_length),   cmocka_unit_test(test_gre), cmocka_unit_test(test_too_deep),
                cmocka_unit_test(test_inner_length),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
