/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Community ID: the specification's own baseline (github.com/corelight/community-id-spec, baseline_deflt.json), both
 * directions, and the cases between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "view/community_id.h"

struct vector {
        uint8_t proto;
        const char *src, *dst;
        uint16_t src_port, dst_port;
        const char *id;
};

/* ICMP with type and code, where the baseline has the ports that stand for them. */
static const struct vector vectors[] = {
        {58, "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 135, 0, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="},
        {58, "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 136, 0, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="},
        {58, "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 135, 0, "1:zavyT/cezQr1fmImYCwYnMXbgck="},
        {58, "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 136, 0, "1:zavyT/cezQr1fmImYCwYnMXbgck="},
        {58, "3ffe:501:1800:2345::2", "3ffe:507:0:1:200:86ff:fe05:80da", 3, 0, "1:2ObVBgIn28oZvibYZhZMBgh7WdQ="},
        {58, "3ffe:501:410:0:2c0:dfff:fe47:33e", "3ffe:507:0:1:200:86ff:fe05:80da", 1, 4,
         "1:hLZd0XGWojozrvxqE0dWB1iM6R0="},
        {58, "3ffe:507:0:1:200:86ff:fe05:80da", "3ffe:501:0:1001::2", 128, 0, "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg="},
        {58, "3ffe:501:0:1001::2", "3ffe:507:0:1:200:86ff:fe05:80da", 129, 0, "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg="},
        {58, "fe80::200:86ff:fe05:80da", "ff02::2", 133, 0, "1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0="},
        {58, "fe80::260:97ff:fe07:69ea", "ff02::1", 134, 0, "1:pkvHqCL88/tg1k4cPigmZXUtL00="},
        {1, "192.168.0.89", "192.168.0.1", 8, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
        {1, "192.168.0.1", "192.168.0.89", 0, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
        {1, "10.0.0.1", "10.0.0.2", 11, 0, "1:YHxtAirCG//0OzkcVAukqKQN9xM="},
        {6, "2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a", 63943, 25,
         "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="},
        {6, "2607:f8b0:400c:c03::1a", "2001:470:e5bf:dead:4957:2174:e82c:4887", 25, 63943,
         "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="},
        {132, "192.168.170.8", "192.168.170.56", 7, 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="},
        {132, "192.168.170.56", "192.168.170.8", 7, 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="},
        {6, "128.232.110.120", "66.35.250.204", 34855, 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
        {6, "66.35.250.204", "128.232.110.120", 80, 34855, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
        {17, "192.168.1.52", "8.8.8.8", 54585, 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
        {17, "8.8.8.8", "192.168.1.52", 53, 54585, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
        {46, "10.1.12.1", "10.1.12.2", 0, 0, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="},
        {46, "10.1.12.2", "10.1.12.1", 0, 0, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="},
};

static void format(const struct vector *v, char id[static COMMUNITY_ID_MAX])
{
        struct addr src, dst;

        assert_int_equal(addr_parse(v->src, &src), 0);
        assert_int_equal(addr_parse(v->dst, &dst), 0);
        community_id_format(&(struct community_id_tuple){&src, &dst, v->src_port, v->dst_port, v->proto}, id);
}

static void test_baseline(void **state)
{
        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(vectors); i++) {
                char id[COMMUNITY_ID_MAX];

                format(&vectors[i], id);
                assert_string_equal(id, vectors[i].id);
        }
}

/* A message without a counterpart keeps its direction: the other way is another flow. */
static void test_one_way(void **state)
{
        char there[COMMUNITY_ID_MAX], back[COMMUNITY_ID_MAX];

        (void) state;
        format(&(struct vector){.proto = 1, .src = "10.0.0.1", .dst = "10.0.0.2", .src_port = 3, .dst_port = 1}, there);
        format(&(struct vector){.proto = 1, .src = "10.0.0.2", .dst = "10.0.0.1", .src_port = 3, .dst_port = 1}, back);
        assert_string_not_equal(there, back);
}

/* Ports of a protocol without ports do not count; equal addresses are ordered by port; what cannot be, has an id too.
 */
static void test_edges(void **state)
{
        static const struct vector pairs[][2] = {
                {{47, "10.0.0.1", "10.0.0.2", 1, 2, NULL}, {47, "10.0.0.2", "10.0.0.1", 3, 3, NULL}},
                {{6, "10.0.0.1", "10.0.0.1", 1, 2, NULL}, {6, "10.0.0.1", "10.0.0.1", 2, 1, NULL}},
                {{17, "10.0.0.1", "2001:db8::1", 1, 2, NULL}, {17, "2001:db8::1", "10.0.0.1", 2, 1, NULL}},
                {{58, "::", "::", 65535, 65535, NULL}, {58, "::", "::", 65535, 65535, NULL}},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                char a[COMMUNITY_ID_MAX], b[COMMUNITY_ID_MAX];

                format(&pairs[i][0], a);
                format(&pairs[i][1], b);
                assert_string_equal(a, b);
                assert_int_equal(strlen(a), COMMUNITY_ID_MAX - 1);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_baseline),
                cmocka_unit_test(test_one_way),
                cmocka_unit_test(test_edges),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
