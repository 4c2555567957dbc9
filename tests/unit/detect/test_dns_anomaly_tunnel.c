/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns_anomaly: data in names. Thresholds, grades, what halves them, what is no tunnel. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include "dns_rig.h"

/* `n` names of `len` characters below the ending, each answered. */
static void carry(struct dns_rig *r, int n, size_t len, const char *ending, uint16_t type)
{
        char name[300];

        for (int i = 0; i < n; i++) {
                dns_lookup(r, dns_word(name, len, BASE32, ending), type, DNS_NOERROR);
                r->rig.now += 100 * NSEC_PER_MSEC;
        }
}

static void test_grades(void **unused)
{
        struct dns_rig r;

        (void) unused;
        dns_open(&r, NULL);
        carry(&r, 45, 40, ".t.example.org", DNS_TYPE_A);
        assert_int_equal(r.claims[DNS_TUNNEL], 0);
        carry(&r, 30, 40, ".t.example.org", DNS_TYPE_A);
        assert_worth(&r, DNS_TUNNEL, 400);
        carry(&r, 150, 40, ".t.example.org", DNS_TYPE_TXT);
        assert_worth(&r, DNS_TUNNEL, 800); /* text, and 16 KiB */
        carry(&r, 150, 40, ".t.example.org", DNS_TYPE_CNAME);
        assert_worth(&r, DNS_TUNNEL, 1000);
        assert_int_equal(r.claims[DNS_UPLOAD], 0);
        carry(&r, 6000, 50, ".t.example.org", DNS_TYPE_NULL);
        assert_worth(&r, DNS_TUNNEL, 1200);
        assert_worth(&r, DNS_UPLOAD, 300);
        /* it is a tunnel, and no volume of spam */
        carry(&r, 9000, 50, ".t.example.org", DNS_TYPE_NULL);
        assert_int_equal(r.claims[DNS_VOLUME], 0);
        assert_int_equal(r.rig.claims, r.claims[DNS_TUNNEL] + r.claims[DNS_UPLOAD]);
        assert_string_equal(evidence_find_fact(&r.last[DNS_TUNNEL], "domain")->text, "example.org");
        dns_close(&r);
}

static void test_no_tunnel(void **unused)
{
        struct dns_rig r;
        char name[300];

        (void) unused;
        dns_open(&r, NULL);
        /* the same few names again and again */
        for (int k = 0; k < 20; k++) {
                dns_word(name, 40, BASE32, ".t.example.org");
                for (int i = 0; i < 50; i++)
                        dns_lookup(&r, name, DNS_TYPE_TXT, DNS_NOERROR);
                r.rig.now += 60 * NSEC_PER_SEC;
        }
        /* sixty of them, each five times */
        for (int i = 0; i < 60; i++) {
                dns_word(name, 40, BASE32, ".u.example.info");
                for (int k = 0; k < 5; k++)
                        dns_lookup(&r, name, DNS_TYPE_TXT, DNS_NOERROR);
                r.rig.now += 6 * NSEC_PER_SEC;
        }
        r.rig.now += 3600 * NSEC_PER_SEC;
        /* each below a domain of its own */
        for (int i = 0; i < 500; i++) {
                char ending[40];

                snprintf(ending, sizeof(ending), "._domainkey.sender%d.com", i);
                carry(&r, 1, 30, ending, DNS_TYPE_TXT);
                r.rig.now += NSEC_PER_SEC;
        }
        /* words; short ones; addresses; a cluster's own names */
        for (int i = 0; i < 500; i++) {
                snprintf(name, sizeof(name), "article-about-gardens-and-houses-%d.blog.example.net", i);
                dns_lookup(&r, name, DNS_TYPE_A, DNS_NOERROR);
                snprintf(name, sizeof(name), "%d.2.0.192.list.example.net", i);
                dns_lookup(&r, name, DNS_TYPE_A, DNS_NXDOMAIN);
                r.rig.now += NSEC_PER_SEC;
        }
        carry(&r, 500, 8, ".cdn.example.com", DNS_TYPE_A);
        r.rig.now += 600 * NSEC_PER_SEC;
        carry(&r, 500, 30, ".ns.svc.cluster.local", DNS_TYPE_A);
        r.rig.now += 600 * NSEC_PER_SEC;
        carry(&r, 500, 30, ".ip6.arpa", DNS_TYPE_PTR);
        assert_int_equal(r.rig.claims, 0);
        dns_close(&r);
}

/* Reputation answers with 127/8 or DNS_NXDOMAIN, and is asked by all machines of the house. */
static void test_halved(void **unused)
{
        struct addr local = rig_addr("127.0.0.2");
        char name[300], host[16];
        struct dns_rig r;

        (void) unused;
        dns_open(&r, NULL);
        for (int i = 0; i < 400; i++) {
                dns_ask(&r, dns_word(name, 40, BASE32, ".avqs.vendor.com"), DNS_TYPE_A);
                dns_tell_addrs(&r, name, 300, &local, 1);
        }
        assert_in_range(r.weights[DNS_TUNNEL], 1, 300);
        dns_close(&r);
        dns_open(&r, NULL);
        for (int i = 0; i < 400; i++)
                dns_lookup(&r, dns_word(name, 40, BASE32, ".hash.vendor.com"), DNS_TYPE_TXT, DNS_NXDOMAIN);
        assert_in_range(r.weights[DNS_TUNNEL], 1, 400);
        dns_close(&r);
        dns_open(&r, NULL);
        for (int i = 0; i < 1600; i++) {
                snprintf(host, sizeof(host), "10.0.0.%d", 1 + i % 4);
                r.host = host;
                carry(&r, 1, 40, ".sxl.vendor.com", DNS_TYPE_TXT);
        }
        assert_int_equal(r.weights[DNS_TUNNEL] / 40, 40); /* each host: half of 8.0 */
        dns_close(&r);
}

/* Of many home hosts only this one. */
static void test_alone(void **unused)
{
        struct dns_rig r;
        char host[16];

        (void) unused;
        dns_open(&r, NULL);
        for (int i = 0; i < 20; i++) {
                snprintf(host, sizeof(host), "10.0.1.%d", 1 + i);
                r.host = host;
                dns_lookup(&r, "www.example.com", DNS_TYPE_A, DNS_NOERROR);
        }
        r.host = "10.0.0.5";
        carry(&r, 70, 40, ".t.example.org", DNS_TYPE_A);
        assert_worth(&r, DNS_TUNNEL, 500);
        dns_close(&r);
}

/* The queries of a name server are others'. */
static void test_resolver(void **unused)
{
        struct dns_rig r;

        (void) unused;
        dns_open(&r, "network: {resolvers: [10.0.0.0/24]}");
        carry(&r, 500, 40, ".t.example.org", DNS_TYPE_TXT);
        assert_int_equal(r.rig.claims, 0);
        dns_close(&r);
}

static void test_story(void **unused)
{
        struct dns_rig r;

        (void) unused;
        dns_open(&r, NULL);
        carry(&r, 60, 40, ".t.example.org", DNS_TYPE_CNAME);
        rig_assert_story(&r.rig,
                         "It asked 51 times for long names below example.org, about 50 different ones between "
                         "22:13:20 and 22:13:25.\n"
                         "The names carried 2119 bytes out, the answers 5000 bytes in.\n"
                         "0 queries were of types that carry text, 51 of types that clients do not ask for; the newest "
                         "CNAME.\n"
                         "The name server was 198.51.100.53, port 53/UDP.\n");
        dns_close(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_grades), cmocka_unit_test(test_no_tunnel), cmocka_unit_test(test_halved),
                cmocka_unit_test(test_alone),  cmocka_unit_test(test_resolver),  cmocka_unit_test(test_story),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
