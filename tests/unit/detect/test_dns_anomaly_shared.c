/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns_anomaly: names as all home hosts ask for them: in step, by a herd, with addresses that change; and the file of
 * networks, which is written here. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <unistd.h>

#include "dns_rig.h"
#include "mmdb_file.h"

static void from(struct dns_rig *r, char host[static 16], int n)
{
        snprintf(host, 16, "10.0.0.%d", n);
        r->host = host;
}

/* Hosts 1 to `all` are known; the first `group` ask for the name, so many times, `step` apart. */
static void rounds(struct dns_rig *r, const char *name, int all, int group, int times)
{
        char host[16];

        for (int i = 0; i < all; i++) {
                from(r, host, 1 + i);
                dns_lookup(r, "www.example.com", DNS_TYPE_A, DNS_NOERROR);
        }
        for (int k = 0; k < times; k++) {
                for (int i = 0; i < group; i++) {
                        from(r, host, 1 + i);
                        dns_lookup(r, name, DNS_TYPE_A, DNS_NOERROR);
                        r->rig.now += 500 * NSEC_PER_MSEC;
                }
                r->rig.now += 600 * NSEC_PER_SEC;
        }
}

static void test_lockstep(void **unused)
{
        struct dns_rig r;

        (void) unused;
        dns_open(&r, NULL);
        rounds(&r, "updates.vendor.com", 20, 6, 4);
        assert_int_equal(r.rig.claims, 0);
        dns_close(&r);
        dns_open(&r, NULL);
        rounds(&r, "updates.vendor.com", 20, 6, 6);
        assert_worth(&r, DNS_LOCKSTEP, 6 * 200);
        dns_close(&r);
        dns_open(&r, NULL);
        rounds(&r, "xkqzvwpjthbn.com", 20, 6, 6);
        assert_worth(&r, DNS_LOCKSTEP, 6 * 500);
        rig_assert_story(&r.rig,
                         "It looked up xkqzvwpjthbn.com together with 5 other home hosts of 20, 5 times between "
                         "22:13:20 and 23:03:37.\n");
        dns_close(&r);
}

static void test_no_lockstep(void **unused)
{
        struct dns_rig r;
        char host[16];

        (void) unused;
        /* everybody; too few; a name of the home network */
        dns_open(&r, NULL);
        rounds(&r, "updates.vendor.com", 20, 20, 8);
        rounds(&r, "updates.other.com", 20, 4, 8);
        rounds(&r, "server.lan", 20, 6, 8);
        /* others each time */
        for (int k = 0; k < 20; k++) {
                for (int i = 0; i < 6; i++) {
                        from(&r, host, 1 + (k * 5 + i * 3) % 20);
                        dns_lookup(&r, "news.site.com", DNS_TYPE_A, DNS_NOERROR);
                }
                r.rig.now += 600 * NSEC_PER_SEC;
        }
        /* in step, but also at all other times */
        for (int k = 0; k < 8; k++) {
                for (int i = 0; i < 8; i++) {
                        from(&r, host, 1 + i % 6);
                        dns_lookup(&r, "mail.site.com", DNS_TYPE_A, DNS_NOERROR);
                        r.rig.now += 60 * NSEC_PER_SEC;
                }
                for (int i = 0; i < 6; i++) {
                        from(&r, host, 1 + i);
                        dns_lookup(&r, "mail.site.com", DNS_TYPE_A, DNS_NOERROR);
                }
        }
        assert_int_equal(r.rig.claims, 0);
        dns_close(&r);
}

/* Several hosts that try the same generated names are worth more than each alone. */
static void test_herd(void **unused)
{
        char names[20][64], host[16];
        struct dns_rig r;

        (void) unused;
        dns_open(&r, NULL);
        for (int i = 0; i < 20; i++)
                dns_word(names[i], 14, LETTERS, ".com");
        for (int h = 1; h <= 4; h++)
                for (int i = 0; i < 12; i++) {
                        from(&r, host, h);
                        dns_lookup(&r, names[i], DNS_TYPE_A, DNS_NXDOMAIN);
                }
        assert_worth(&r, DNS_GENERATED, 500 + 500 + 700 + 700);
        dns_close(&r);
}

/* `n` answers of `each` addresses; spread: each in another network, else all in two. */
static void answers(struct dns_rig *r, const char *name, uint32_t ttl, int n, int each, bool spread)
{
        struct addr addrs[16];
        static uint32_t net;

        for (int i = 0; i < n; i++) {
                for (int k = 0; k < each; k++) {
                        uint32_t a =
                                spread ? (20 + net % 100) << 24 | net << 16 : 0xcb007100u | (dns_random() & 0x100ffu);

                        net++;
                        addrs[k] = addr_from_v4(htonl(a | (dns_random() & 255)));
                }
                dns_ask(r, name, DNS_TYPE_A);
                dns_tell_addrs(r, name, ttl, addrs, (uint16_t) each);
                r->rig.now += 300 * NSEC_PER_SEC;
        }
}

static void test_flux(void **unused)
{
        struct dns_rig r;

        (void) unused;
        dns_open(&r, NULL);
        answers(&r, "cdn.example.com", 30, 30, 4, false);  /* many addresses, two networks */
        answers(&r, "www.example.net", 7200, 12, 4, true); /* long leases */
        answers(&r, "1.debian.pool.ntp.org", 130, 30, 4, true);
        assert_int_equal(r.rig.claims, 0);
        /* many addresses in each of twelve networks */
        for (uint32_t i = 0; i < 100; i++) {
                struct addr a = addr_from_v4(htonl(60u << 24 | i / 9 << 16 | i));

                dns_ask(&r, "lb.cloud.example.com", DNS_TYPE_A);
                dns_tell_addrs(&r, "lb.cloud.example.com", 60, &a, 1);
        }
        answers(&r, "login.example.org", 120, 2, 8, true);
        assert_int_equal(r.rig.claims, 0);
        answers(&r, "login.example.org", 120, 4, 8, true);
        assert_worth(&r, DNS_FLUX, 200);
        dns_close(&r);
        dns_open(&r, NULL);
        answers(&r, "xkqzvwpjthbn.com", 120, 6, 8, true);
        assert_worth(&r, DNS_FLUX, 400);
        dns_close(&r);
}

/* Twenty networks: each its own system and one of six countries, or all of one system; nested or flat keys. */
static void write_networks(const char *path, bool many, bool flat, bool systems)
{
        static const char *const countries[] = {"JP", "BR", "DE", "IN", "ZA", "US"};
        static struct mmdb_file m;
        char system[16];

        mmdb_begin(&m);
        for (unsigned i = 0; i < 20; i++) {
                mmdb_network(&m, 60, (uint8_t) i);
                mmdb_map(&m, systems ? 2 : 1);
                mmdb_text(&m, flat ? "country_code" : "country");
                if (!flat) {
                        mmdb_map(&m, 1);
                        mmdb_text(&m, "iso_code");
                }
                mmdb_text(&m, countries[many ? i % 6 : 0]);
                if (!systems)
                        continue;
                mmdb_text(&m, flat ? "asn" : "autonomous_system_number");
                snprintf(system, sizeof(system), "AS%u", 64500 + (many ? i : 0));
                if (flat)
                        mmdb_text(&m, system);
                else
                        mmdb_number(&m, 6, 64500 + (many ? i : 0));
        }
        assert_int_equal(mmdb_write(&m, path, "Test"), 0);
}

static void visit(struct dns_rig *r, const char *name)
{
        struct addr a[4];

        for (unsigned i = 0; i < 5; i++) {
                for (unsigned k = 0; k < 4; k++)
                        a[k] = addr_from_v4(htonl(60u << 24 | (i * 4 + k) << 16 | 7));
                dns_ask(r, name, DNS_TYPE_A);
                dns_tell_addrs(r, name, 120, a, 4);
        }
}

static void test_networks(void **unused)
{
        static const struct {
                bool many, flat, systems;
                int32_t weight;
        } cases[] = {
                {true, false, true, 600},                             /* twenty systems, six countries */
                {true, true, true, 600},                              /* the same with other keys */
                {false, false, true, 0},                              /* a large cloud: one system, twenty networks */
                {false, true, true, 0},    {true, false, false, 400}, /* countries only */
                {false, true, false, 200},                            /* one country */
        };
        char path[] = "/tmp/test_dns_anomaly.XXXXXX", yaml[100];
        int fd = mkstemp(path);

        (void) unused;
        assert_true(fd >= 0);
        close(fd);
        snprintf(yaml, sizeof(yaml), "network: {mmdb: %s}", path);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct dns_rig r;

                write_networks(path, cases[i].many, cases[i].flat, cases[i].systems);
                dns_open(&r, yaml);
                visit(&r, "login.example.org");
                assert_worth(&r, DNS_FLUX, cases[i].weight);
                dns_close(&r);
        }
        unlink(path);
}

/* Not there, no such file, cut: the detector works as without it. */
static void test_bad_networks(void **unused)
{
        char path[] = "/tmp/test_dns_anomaly.XXXXXX", yaml[100];
        int fd = mkstemp(path);
        struct dns_rig r;

        (void) unused;
        assert_true(fd >= 0);
        close(fd);
        write_networks(path, true, false, true);
        for (long len = 4000; len >= 0; len = len * 9 / 10 - 1) {
                assert_int_equal(truncate(path, len), 0);
                snprintf(yaml, sizeof(yaml), "network: {mmdb: %s}", path);
                dns_open(&r, yaml);
                visit(&r, "login.example.org");
                dns_close(&r);
        }
        unlink(path);
        dns_open(&r, yaml);
        visit(&r, "login.example.org");
        assert_worth(&r, DNS_FLUX, 200);
        dns_close(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lockstep), cmocka_unit_test(test_no_lockstep),
                cmocka_unit_test(test_herd),     cmocka_unit_test(test_flux),
                cmocka_unit_test(test_networks), cmocka_unit_test(test_bad_networks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
