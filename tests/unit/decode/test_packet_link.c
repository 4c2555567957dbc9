/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands before the first IP header: the link layers of captures, and tags; and shards. */
#include "packet_rig.h"

#include "base/cleanup.h"

/* A header in hexadecimal, then an IP packet of the version. */
struct link_case {
        const char *name;
        uint32_t link;
        const char *header;
        bool v6;
        unsigned vlan;
        const char *mac; /* in hexadecimal; NULL: none */
};

#define MAC  "020000000001"
#define DST  "020000000002"
#define SNAP "aaaa03000000"

static const struct link_case links[] = {
        {"ethernet", 1, DST MAC "0800", false, 0, MAC},
        {"ethernet with LLC", 1, DST MAC "003a" SNAP "0800", false, 0, MAC},
        {"ethernet with LLC of IP", 1, DST MAC "0035060603", false, 0, MAC},
        {"vlan", 1, DST MAC "8100a0050800", false, 5, MAC},
        {"vlan with LLC", 1, DST MAC "810000050040" SNAP "86dd", true, 5, MAC},
        {"priority tag", 1, DST MAC "8100e0000800", false, 0, MAC},
        {"802.1ad", 1, DST MAC "88a80064810000c886dd", true, 100, MAC},
        {"QinQ", 1, DST MAC "91000064810000c80800", false, 100, MAC},
        {"backbone", 1,
         "020000000009"
         "02000000000a"
         "88a8000788e700000001" DST MAC "81000005"
         "0800",
         false, 7, MAC},
        {"mpls", 1,
         DST MAC "884700010040"
                 "00011140"
                 "0800",
         false, 0, NULL},
        {"mpls ip4", 1, DST MAC "88470001004000011140", false, 0, MAC},
        {"mpls ip6", 1, DST MAC "884700011140", true, 0, MAC},
        {"mpls pseudowire", 1,
         "02000000000902000000000a"
         "884700011140" DST MAC "0800",
         false, 0, MAC},
        {"mpls pseudowire to 4x", 1,
         "02000000000902000000000a"
         "884700011140"
         "460000000002" MAC "0800",
         false, 0, MAC},
        {"mpls control word", 1,
         "02000000000902000000000a"
         "884700011140"
         "00000000" DST MAC "86dd",
         true, 0, MAC},
        {"nsh ip4", 1,
         DST MAC "894f"
                 "0fc60101"
                 "00000cff"
                 "00010002000300040005000600070008",
         false, 0, MAC},
        {"nsh ip6", 1,
         DST MAC "894f"
                 "0fc20202"
                 "00000cff",
         true, 0, MAC},
        {"nsh ethernet", 1,
         "02000000000902000000000a"
         "894f"
         "0fc20203"
         "00000cff" DST MAC "0800",
         false, 0, MAC},
        {"nsh in nsh", 1,
         DST MAC "894f"
                 "0fc30204"
                 "00000cff"
                 "01020304"
                 "0fc20201"
                 "00000cff",
         false, 0, MAC},
        {"nsh mpls", 1,
         DST MAC "894f"
                 "0fc20205"
                 "00000cff"
                 "00011140",
         false, 0, MAC},
        {"pppoe", 1,
         DST MAC "8864"
                 "1100000100340021",
         false, 0, MAC},
        {"pppoe ip6", 1,
         DST MAC "8100000a"
                 "8864"
                 "1100000100480057",
         true, 10, MAC},
        {"null", 0, "02000000", false, 0, NULL},
        {"null, other byte order", 0, "00000002", false, 0, NULL},
        {"null freebsd", 0, "1c000000", true, 0, NULL},
        {"null macos", 0, "0000001e", true, 0, NULL},
        {"null linux", 0, "0a000000", true, 0, NULL},
        {"loop", 108, "00000018", true, 0, NULL},
        {"raw", 101, "", false, 0, NULL},
        {"raw 12", 12, "", true, 0, NULL},
        {"raw 14", 14, "", false, 0, NULL},
        {"ipv4", 228, "", false, 0, NULL},
        {"ipv6", 229, "", true, 0, NULL},
        {"ppp", 9, "ff030021", false, 0, NULL},
        {"ppp, compressed", 9, "57", true, 0, NULL},
        {"ppp mpls", 9,
         "ff030281"
         "00011140",
         true, 0, NULL},
        {"hdlc ppp", 50, "ff030057", true, 0, NULL},
        {"hdlc cisco", 50, "0f000800", false, 0, NULL},
        {"cisco", 104, "8f0086dd", true, 0, NULL},
        {"pppoe link", 51, "1100000100340021", false, 0, NULL},
        {"sll", 113, "000000010006" MAC "00000800", false, 0, MAC},
        {"sll without address", 113,
         "000403040000"
         "0000000000000000"
         "86dd",
         true, 0, NULL},
        {"sll vlan", 113,
         "000000010006" MAC "00008100"
         "00070800",
         false, 7, MAC},
        {"sll2", 276,
         "0800000000000002"
         "00010006" MAC "0000",
         false, 0, MAC},
        {"802.11 from station", 105,
         "08010000" DST MAC "020000000009"
         "1000" SNAP "0800",
         false, 0, MAC},
        {"802.11 to station", 105, "08020000" DST "020000000009" MAC "1000" SNAP "86dd", true, 0, MAC},
        {"802.11 ad hoc", 105,
         "08000000" DST MAC "020000000009"
         "1000" SNAP "0800",
         false, 0, MAC},
        {"802.11 four addresses", 105,
         "08030000"
         "020000000008020000000009" DST "1000" MAC SNAP "0800",
         false, 0, MAC},
        {"802.11 qos", 105,
         "88010000" DST MAC "020000000009"
         "1000"
         "0000" SNAP "0800",
         false, 0, MAC},
        {"802.11 qos, ht", 105,
         "88810000" DST MAC "020000000009"
         "1000"
         "0000"
         "00000000" SNAP "0800",
         false, 0, MAC},
        {"radiotap", 127,
         "0000080000000000"
         "08010000" DST MAC "020000000009"
         "1000" SNAP "0800",
         false, 0, MAC},
        {"radiotap padded", 127,
         "00001a00"
         "030000a0"
         "00000080"
         "00000000"
         "0000000000000000"
         "2000"
         "88010000" DST MAC "020000000009"
         "1000"
         "0000"
         "0000" SNAP "86dd",
         true, 0, MAC},
        {"ppi", 192, "0000080001000000" DST MAC "0800", false, 0, MAC},
        {"ppp with direction", 204, "00ff030021", false, 0, NULL},
        {"pflog", 117,
         "3d020000656d3000000000000000000000000000" /* 61 bytes, and 3 of padding */
         "0000000000000000000000000000000000000000"
         "000000000000000000000000000000000000000000000000",
         false, 0, NULL},
        {"pktap", 258,
         "10000000"
         "01000000"
         "01000000"
         "656e3000" DST MAC "86dd",
         true, 0, MAC},
        {"pktap of a tunnel", 258,
         "0c000000"
         "01000000"
         "0c000000",
         false, 0, NULL},
        {"nflog", 239,
         "02000000"
         "08000100"
         "08000300"
         "07000a00"
         "61626300"
         "38000900",
         false, 0, NULL},
        {"nflog of the other order", 239,
         "0a000000"
         "00080001"
         "08000300"
         "00200009",
         true, 0, NULL},
        {"fddi", 10, "50" DST MAC SNAP "0800", false, 0, MAC},
};

static void put_hex(const char *hex)
{
        for (; hex[0] && hex[1]; hex += 2) {
                char two[3] = {hex[0], hex[1], 0};

                put8((unsigned) strtoul(two, NULL, 16));
        }
}

static void test_links(void **state)
{
        struct packet_decoder *d = decoder(0);

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(links); i++) {
                const struct link_case *c = &links[i];
                uint8_t mac[6] = {0};
                uint32_t head;

                B.n = 0;
                if (c->mac) {
                        put_hex(c->mac);
                        memcpy(mac, B.b, 6);
                        B.n = 0;
                }
                put_hex(c->header);
                head = B.n;
                c->v6 ? inner6() : inner4();
                if (strcmp(c->name, "mpls") == 0) { /* behind the label stack is no IP */
                        assert_int_equal(decode_link(c->link), PACKET_NOT_IP);
                        continue;
                }
                if (decode_link(c->link) != PACKET_OK)
                        fail_msg("%s: not decoded", c->name);
                assert_inner(c->v6, 0);
                assert_int_equal(P.vlan, c->vlan);
                assert_memory_equal(P.src_mac, mac, 6);
                /* Cut anywhere in what comes before: an error, and no read behind the end. */
                for (uint32_t n = 0; n < head; n++)
                        assert_int_not_equal(decode_cut(d, c->link, n, B.n, 1), PACKET_OK);
        }
        packet_decoder_free(d);
}

static const struct {
        uint32_t link;
        const char *frame;
        enum packet_error error;
} link_errors[] = {
        {195, "418800ffff0000", PACKET_LINK}, /* IEEE 802.15.4 */
        {0xffffffff, "45", PACKET_LINK},
        {1, DST MAC "88cc0207", PACKET_NOT_IP},             /* LLDP */
        {1, DST MAC "0026424203", PACKET_NOT_IP},           /* STP */
        {1, DST MAC "0026aaaa0300000c2000", PACKET_NOT_IP}, /* CDP */
        {1, DST MAC "0026ffff", PACKET_LINK},               /* no third byte of LLC */
        {1, DST MAC "05ee4500", PACKET_NOT_IP},             /* between lengths and types */
        {1, DST MAC "8863110900000000", PACKET_NOT_IP},     /* PPPoE discovery */
        {1,
         DST MAC "8864210000010002"
                 "0021",
         PACKET_LINK},                                        /* no such version */
        {1, DST MAC "886411000001000ac021", PACKET_NOT_IP},   /* LCP */
        {1, DST MAC "8847000111401000000000", PACKET_NOT_IP}, /* pseudowire's own signalling */
        {1, DST MAC "884700011140", PACKET_TAG},
        {1, DST MAC "810000", PACKET_TAG},
        {1,
         DST MAC "894f"
                 "0fc202",
         PACKET_TAG},
        {1,
         DST MAC "894f"
                 "0fc10201"
                 "00000cff",
         PACKET_TAG},
        {1,
         DST MAC "894f"
                 "0fc60201"
                 "00000cff",
         PACKET_TAG},
        {1,
         DST MAC "894f"
                 "0fc20101"
                 "00000cff",
         PACKET_TAG},
        {1,
         DST MAC "894f"
                 "4fc20201"
                 "00000cff",
         PACKET_TAG},
        {1,
         DST MAC "894f"
                 "0fc20209"
                 "00000cff",
         PACKET_NOT_IP},
        {0, "07000000", PACKET_NOT_IP},
        {101, "75", PACKET_LINK},
        {101, "", PACKET_LINK},
        {105, "d4000000" DST, PACKET_NOT_IP}, /* acknowledgement */
        {105,
         "80000000" DST MAC MAC "1000"
         "0000",
         PACKET_NOT_IP},                                     /* beacon */
        {105, "48010000" DST MAC MAC "1000", PACKET_NOT_IP}, /* no data */
        {105,
         "08410000" DST MAC MAC "1000"
         "0000000000000000",
         PACKET_NOT_IP},                                               /* encrypted */
        {105, "08050000" DST MAC MAC "1000" SNAP "0800", PACKET_LINK}, /* fragment */
        {105, "08010000" DST MAC MAC "1100" SNAP "0800", PACKET_LINK}, /* its second */
        {105,
         "88010000" DST MAC MAC "1000"
         "8000" DST MAC "0008" SNAP,
         PACKET_LINK}, /* A-MSDU */
        {127,
         "0100080000000000"
         "0801",
         PACKET_LINK},
        {127,
         "0000ffff00000000"
         "0801",
         PACKET_LINK},
        {127,
         "0000070000000000"
         "0801",
         PACKET_LINK},
        {127,
         "00000900020000004008010000" DST MAC MAC "1000" SNAP "0800"
         "4500",
         PACKET_LINK}, /* arrived damaged */
        {117,
         "08020000"
         "00000000",
         PACKET_LINK}, /* pflog of OpenBSD before 3.4 */
        {258,
         "0c000000"
         "02000000"
         "01000000",
         PACKET_NOT_IP}, /* pktap without a packet */
        {258,
         "0c000000"
         "01000000"
         "02010000"
         "0c000000"
         "01000000"
         "01000000",
         PACKET_LINK}, /* pktap in pktap */
        {258,
         "ffffffff"
         "01000000"
         "01000000",
         PACKET_LINK},
        {192,
         "00000800c0000000"
         "0000080001000000",
         PACKET_LINK}, /* PPI in PPI */
        {239,
         "02000000"
         "0300",
         PACKET_LINK},
        {239,
         "02000000"
         "03000100",
         PACKET_LINK}, /* a field shorter than its header */
        {239,
         "02000000"
         "ff000100",
         PACKET_LINK},
        {239,
         "07000000"
         "08000900"
         "45000000",
         PACKET_NOT_IP}, /* bridge */
};

static void test_link_errors(void **state)
{
        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(link_errors); i++) {
                B.n = 0;
                put_hex(link_errors[i].frame);
                if (decode_link(link_errors[i].link) != link_errors[i].error)
                        fail_msg("case %zu, %s: not %s", i, link_errors[i].frame,
                                 packet_error_name(link_errors[i].error));
        }
}

static void test_too_many_tags(void **state)
{
        (void) state;
        for (unsigned n = 0; n < 12; n++) {
                start(n ? 0x8100 : TYPE4);
                for (unsigned i = 0; i < n; i++) {
                        put16(i + 1);
                        put16(i + 1 < n ? 0x8100 : TYPE4);
                }
                inner4();
                assert_int_equal(decode(), n <= 8 ? PACKET_OK : PACKET_TAG);
                if (n <= 8)
                        assert_int_equal(P.vlan, n ? 1 : 0);

                start(n ? 0x8847 : TYPE4);
                for (unsigned i = 0; i < n; i++)
                        put32(i + 1 < n ? 0x00010040 : 0x00010140);
                inner4();
                assert_int_equal(decode(), n <= 8 ? PACKET_OK : PACKET_TAG);
        }
}

/* Type fields that lead to each other without a tag: bounded too. */
static void test_frames_in_frames(void **state)
{
        (void) state;
        start(0x6558);
        for (unsigned i = 0; i < 4000; i++)
                ethernet(0x6558);
        assert_int_equal(decode(), PACKET_TAG);
}

static unsigned shard4(uint32_t a, uint32_t b)
{
        start(TYPE4);
        (void) ip4(1, 2, TCP);
        for (unsigned i = 0; i < 4; i++) {
                B.b[26 + i] = (uint8_t) (a >> (24 - 8 * i));
                B.b[30 + i] = (uint8_t) (b >> (24 - 8 * i));
        }
        return shard();
}

static unsigned shard6(uint32_t net, uint32_t a, uint32_t b)
{
        start(TYPE6);
        (void) ip6(1, 2, TCP);
        for (unsigned i = 0; i < 4; i++) {
                B.b[22 + 4 + i] = (uint8_t) (net >> (24 - 8 * i));
                B.b[22 + 12 + i] = (uint8_t) (a >> (24 - 8 * i));
                B.b[38 + 12 + i] = (uint8_t) (b >> (24 - 8 * i));
        }
        return shard();
}

/* Chi-square with 63 degrees of freedom: beyond 130 in one of a million even distributions. Sequential addresses may
 * be more even than chance. */
static void assert_even(const unsigned count[SHARDS], unsigned n, const char *what)
{
        double expected = (double) n / SHARDS, chi = 0;

        for (unsigned i = 0; i < SHARDS; i++)
                chi += (count[i] - expected) * (count[i] - expected) / expected;
        if (chi > 130)
                fail_msg("%s: chi-square %.0f", what, chi);
}

static void test_shards_even(void **state)
{
        static const char *const names[] = {"random", "hosts to one", "neighbours", "net to net", "/64s", "in a /64"};
        enum { N = 64 * 256 };
        uint32_t seed = 1, r[2];

        (void) state;
        for (unsigned kind = 0; kind < ELEMENTSOF(names); kind++) {
                unsigned count[SHARDS] = {0};

                for (unsigned i = 0; i < N; i++) {
                        unsigned s;

                        for (unsigned k = 0; k < 2; k++) {
                                seed ^= seed << 13;
                                seed ^= seed >> 17;
                                r[k] = seed ^= seed << 5;
                        }
                        s = kind == 0 ? shard4(r[0], r[1]) :
                            kind == 1 ? shard4(0x0a000000 + i, 0x08080808) :
                            kind == 2 ? shard4(0xc0a80000 + i, 0xc0a80000 + i + 1) :
                            kind == 3 ? shard4(0x0a000000 + i % 128, 0x0a010000 + i / 128) :
                            kind == 4 ? shard6(i, 1, 2) :
                                        shard6(0, i, 0x12345678);
                        count[s]++;
                }
                assert_even(count, N, names[kind]);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_links),         cmocka_unit_test(test_link_errors),
                cmocka_unit_test(test_too_many_tags), cmocka_unit_test(test_frames_in_frames),
                cmocka_unit_test(test_shards_even),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
