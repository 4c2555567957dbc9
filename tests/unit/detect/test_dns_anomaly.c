/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns_anomaly: thresholds and grades of what one host asks for, what takes a claim away, stories. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include "dns_rig.h"

#define HOUR (3600 * NSEC_PER_SEC)

/* Eight generated domains that fail, and no fewer; one twice is one. The grade grows. */
static void test_generated(void **unused)
{
        struct dns_rig r;
        char name[64];

        (void) unused;
        dns_open(&r, NULL);
        for (int i = 0; i < 7; i++) {
                dns_word(name, 14, LETTERS, ".com");
                for (int again = 0; again < 3; again++)
                        dns_lookup(&r, name, DNS_TYPE_A, DNS_NXDOMAIN);
        }
        assert_int_equal(r.claims[DNS_GENERATED], 0);
        dns_lookup(&r, dns_word(name, 14, LETTERS, ".com"), DNS_TYPE_A, DNS_NXDOMAIN);
        dns_lookup(&r, dns_word(name, 14, LETTERS, ".com"), DNS_TYPE_A, DNS_SERVFAIL);
        assert_int_equal(r.claims[DNS_GENERATED], 1);
        assert_worth(&r, DNS_GENERATED, 500);
        for (int i = 0; i < 300; i++)
                dns_lookup(&r, dns_word(name, 14, LETTERS, ".com"), DNS_TYPE_A, DNS_NXDOMAIN);
        assert_worth(&r, DNS_GENERATED, 1400);
        assert_int_equal(r.rig.claims, r.claims[DNS_GENERATED]);
        /* the bitmap's estimate is within a sixth */
        dns_lookup(&r, dns_word(name, 14, LETTERS, ".com"), DNS_TYPE_A, DNS_NXDOMAIN);
        assert_in_range(evidence_find_fact(&r.last[DNS_GENERATED], "failed_random")->number, 170, 360);
        assert_int_equal(r.last[DNS_GENERATED].subject.kind, SUBJECT_HOST);
        dns_close(&r);
}

/* Among many failing words a few random ones are nothing. */
static void test_generated_share(void **unused)
{
        struct dns_rig r;
        char name[64];

        (void) unused;
        dns_open(&r, NULL);
        for (int i = 0; i < 60; i++) {
                snprintf(name, sizeof(name), "deadlink%d.com", i);
                dns_lookup(&r, name, DNS_TYPE_A, DNS_NXDOMAIN);
        }
        for (int i = 0; i < 15; i++)
                dns_lookup(&r, dns_word(name, 14, LETTERS, ".com"), DNS_TYPE_A, DNS_NXDOMAIN);
        assert_int_equal(r.claims[DNS_GENERATED], 0);
        dns_close(&r);
}

/* Only registered domains count: what lies below them, local names, reverse and cloud names that exist do not. */
static void test_not_generated(void **unused)
{
        static const char *const endings[] = {".corp.example.com", ".lan",  "", ".fritz.box", ".zen.list.org",
                                              ".x.in-addr.arpa",   ".local"};
        struct dns_rig r;
        char name[64];

        (void) unused;
        dns_open(&r, NULL);
        for (size_t k = 0; k < ELEMENTSOF(endings); k++)
                for (int i = 0; i < 100; i++)
                        dns_lookup(&r, dns_word(name, 12, LETTERS, endings[k]), DNS_TYPE_A, DNS_NXDOMAIN);
        for (int i = 0; i < 300; i++)
                dns_lookup(&r, dns_word(name, 14, LETTERS, ".cloudfront.net"), DNS_TYPE_A, DNS_NOERROR);
        assert_int_equal(r.rig.claims, 0);
        dns_close(&r);
}

/* An answer that nobody asked for is no evidence, nor is the second one to a question. */
static void test_unasked(void **unused)
{
        struct dns_rig r;
        char name[64];

        (void) unused;
        dns_open(&r, NULL);
        for (int i = 0; i < 500; i++) {
                dns_word(name, 14, LETTERS, ".com");
                r.id++;
                dns_tell(&r, name, DNS_TYPE_A, DNS_NXDOMAIN);
        }
        assert_int_equal(r.rig.claims, 0);
        dns_close(&r);
}

/* Whatever the answers: half of all domains in the hour look random. */
static void test_asked_random(void **unused)
{
        struct dns_rig r;
        char name[64];

        (void) unused;
        dns_open(&r, NULL);
        for (int i = 0; i < 20; i++) {
                snprintf(name, sizeof(name), "www.company%d.com", i);
                dns_ask(&r, name, DNS_TYPE_A);
        }
        for (int i = 0; i < 29; i++)
                dns_ask(&r, dns_word(name, 14, LETTERS, ".com"), DNS_TYPE_A);
        assert_int_equal(r.claims[DNS_GENERATED], 0);
        for (int i = 0; i < 12; i++)
                dns_ask(&r, dns_word(name, 14, LETTERS, ".com"), DNS_TYPE_A);
        assert_worth(&r, DNS_GENERATED, 500);
        dns_close(&r);
        /* the same among many others */
        dns_open(&r, NULL);
        for (int i = 0; i < 200; i++) {
                snprintf(name, sizeof(name), "www.company%d.com", i);
                dns_ask(&r, name, DNS_TYPE_A);
        }
        for (int i = 0; i < 50; i++)
                dns_ask(&r, dns_word(name, 14, LETTERS, ".com"), DNS_TYPE_A);
        assert_int_equal(r.rig.claims, 0);
        dns_close(&r);
}

static void test_rendezvous(void **unused)
{
        struct addr there = rig_addr("203.0.113.66");
        struct dns_rig r;
        struct event e;
        char name[64];

        (void) unused;
        dns_open(&r, NULL);
        /* one that exists, before others failed */
        dns_ask(&r, "xkqzvwpjthbn.net", DNS_TYPE_A);
        dns_tell_addrs(&r, "xkqzvwpjthbn.net", 300, &there, 1);
        e = rig_flow(&r.rig, IPPROTO_TCP, there, 80);
        dns_give(&r, &e);
        assert_int_equal(r.rig.claims, 0);
        for (int i = 0; i < 12; i++)
                dns_lookup(&r, dns_word(name, 14, LETTERS, ".com"), DNS_TYPE_A, DNS_NXDOMAIN);
        dns_ask(&r, "xkqzvwpjthbn.net", DNS_TYPE_A);
        dns_tell_addrs(&r, "xkqzvwpjthbn.net", 300, &there, 1);
        e = rig_flow(&r.rig, IPPROTO_TCP, rig_addr("203.0.113.67"), 80);
        dns_give(&r, &e);
        assert_int_equal(r.claims[DNS_RENDEZVOUS], 0);
        e = rig_flow(&r.rig, IPPROTO_TCP, there, 80);
        dns_give(&r, &e);
        assert_worth(&r, DNS_RENDEZVOUS, 600);
        rig_assert_story(&r.rig, "After about 12 generated domains had failed, one was there. It then talked to "
                                 "203.0.113.66, port 80/TCP, its address.\n");
        dns_close(&r);
}

static void test_missing(void **unused)
{
        struct dns_rig r;
        char name[64];

        (void) unused;
        dns_open(&r, NULL);
        for (int i = 0; i < 40; i++) {
                snprintf(name, sizeof(name), "house%dwindow.com", i);
                dns_lookup(&r, name, DNS_TYPE_A, DNS_NXDOMAIN);
        }
        assert_worth(&r, DNS_MISSING, 300);
        assert_int_equal(r.claims[DNS_GENERATED], 0);
        dns_close(&r);
        /* DNS_SERVFAIL is an outage; and half of all must be missing */
        dns_open(&r, NULL);
        for (int i = 0; i < 200; i++) {
                snprintf(name, sizeof(name), "house%dwindow.com", i);
                dns_lookup(&r, name, DNS_TYPE_A, DNS_SERVFAIL);
        }
        for (int i = 0; i < 60; i++) {
                snprintf(name, sizeof(name), "garden%dtable.com", i);
                dns_lookup(&r, name, DNS_TYPE_A, DNS_NXDOMAIN);
        }
        assert_int_equal(r.rig.claims, 0);
        dns_close(&r);
}

static void test_volume(void **unused)
{
        struct dns_rig r;
        char name[64];

        (void) unused;
        dns_open(&r, NULL);
        for (int i = 0; i < 30000; i++) {
                snprintf(name, sizeof(name), "www.shop%d.com", i % 3000);
                dns_ask(&r, name, DNS_TYPE_A);
                r.rig.now += HOUR / 24000;
                if (i == 8000)
                        assert_worth(&r, DNS_VOLUME, 200); /* ten minutes at that rate */
                if (i == 15000)
                        assert_worth(&r, DNS_VOLUME, 400);
        }
        assert_worth(&r, DNS_VOLUME, 600);
        dns_close(&r);
        /* clean: a few thousand an hour; and a broken program that repeats itself */
        dns_open(&r, NULL);
        for (int i = 0; i < 60000; i++) {
                snprintf(name, sizeof(name), "www.shop%d.com", i % 3000);
                dns_ask(&r, name, DNS_TYPE_A);
                r.rig.now += HOUR / 6000;
        }
        assert_int_equal(r.claims[DNS_VOLUME], 0);
        r.host = "10.0.0.6";
        for (int i = 0; i < 60000; i++) {
                dns_ask(&r, "telemetry.vendor.com", DNS_TYPE_A);
                r.rig.now += HOUR / 60000;
        }
        assert_worth(&r, DNS_VOLUME, 150);
        dns_close(&r);
}

static void ask_mail(struct dns_rig *r, int n)
{
        char name[64];

        for (int i = 0; i < n; i++) {
                snprintf(name, sizeof(name), "company%d.com", i);
                dns_lookup(r, name, DNS_TYPE_MX, DNS_NOERROR);
        }
}

/* A client, a mail server by configuration and one by what it does, a name server by what it does. */
static void test_mail(void **unused)
{
        struct dns_rig r;
        struct event e;

        (void) unused;
        dns_open(&r, "network: {mail_servers: [10.0.0.25]}");
        ask_mail(&r, 2);
        assert_int_equal(r.claims[DNS_MAIL], 0);
        ask_mail(&r, 60);
        assert_worth(&r, DNS_MAIL, 800);
        rig_assert_story(&r.rig, "It asked for the mail servers of about 50 domains between 22:13:20 and "
                                 "22:13:20, lately 198.51.100.53, port 53/UDP.\n"
                                 "Who hands its mails to one relay need not know them.\n");
        r.host = "10.0.0.25";
        ask_mail(&r, 500);
        r.host = "10.0.0.26";
        for (int i = 0; i < 3; i++) {
                e = rig_flow(&r.rig, IPPROTO_TCP, rig_outside(1), 40000);
                e.op = FLOW_END;
                e.flow.local = rig_addr(r.host);
                e.flow.local_port = 25;
                e.flow.origin = FLOW_ACCEPTED;
                e.flow.bytes_in = e.flow.bytes_out = 900;
                dns_give(&r, &e);
        }
        ask_mail(&r, 500);
        r.host = "10.0.0.53";
        for (int i = 0; i < 10; i++) {
                e = dns_of(&r, DNS_ANSWER, "www.example.com", 15, DNS_TYPE_A);
                e.ends.from_local = 1;
                dns_give(&r, &e);
        }
        ask_mail(&r, 500);
        assert_worth(&r, DNS_MAIL, 800);
        assert_true(subject_equal(&r.last[DNS_MAIL].subject,
                                  &(struct subject){.kind = SUBJECT_HOST, .addr = rig_addr("10.0.0.5")}));
        dns_close(&r);
}

/* Refusing strangers does not make a name server. */
static void test_refusing(void **unused)
{
        struct dns_rig r;
        struct event e;

        (void) unused;
        dns_open(&r, NULL);
        for (int i = 0; i < 100; i++) {
                e = dns_of(&r, DNS_ANSWER, "www.example.com", 15, DNS_TYPE_A);
                e.ends.from_local = 1;
                e.dns.rcode = DNS_REFUSED;
                dns_give(&r, &e);
        }
        ask_mail(&r, 60);
        assert_worth(&r, DNS_MAIL, 800);
        dns_close(&r);
}

/* Clients and their name server share a /64: what the one address serves does not excuse the other. */
static void test_server_in_the_same_host(void **unused)
{
        struct dns_rig r;
        struct event e;
        char name[64];

        (void) unused;
        dns_open(&r, NULL);
        r.host = "fd00::1";
        for (int i = 0; i < 100; i++) {
                e = dns_of(&r, DNS_ANSWER, "www.example.com", 15, DNS_TYPE_A);
                e.ends.from_local = 1;
                dns_give(&r, &e);
        }
        for (int i = 0; i < 60; i++)
                dns_lookup(&r, dns_word(name, 14, LETTERS, ".com"), DNS_TYPE_A, DNS_NXDOMAIN);
        assert_int_equal(r.rig.claims, 0);
        r.host = "fd00::99";
        for (int i = 0; i < 60; i++)
                dns_lookup(&r, dns_word(name, 14, LETTERS, ".com"), DNS_TYPE_A, DNS_NXDOMAIN);
        assert_worth(&r, DNS_GENERATED, 1100);
        assert_true(addr_equal(&r.last[DNS_GENERATED].subject.addr, &(struct addr){{0xfd}}));
        dns_close(&r);
}

static void test_types(void **unused)
{
        struct dns_rig r;
        char name[64];

        (void) unused;
        dns_open(&r, NULL);
        dns_lookup(&r, "company.com", DNS_TYPE_AXFR, DNS_REFUSED);
        assert_worth(&r, DNS_TRANSFER, 200);
        rig_assert_story(&r.rig, "It asked for about 1 zone as a whole (AXFR), the newest company.com, of "
                                 "198.51.100.53, port 53/UDP.\n");
        for (int i = 0; i < 30; i++) {
                dns_lookup(&r, "company.com", DNS_TYPE_IXFR, DNS_REFUSED);
                dns_lookup(&r, "company.com", DNS_TYPE_ANY, DNS_NOERROR);
        }
        assert_worth(&r, DNS_TRANSFER, 200);
        assert_worth(&r, DNS_ANYTHING, 200);
        for (int i = 0; i < 40; i++) {
                snprintf(name, sizeof(name), "company%d.com", i);
                dns_lookup(&r, name, DNS_TYPE_AXFR, DNS_REFUSED);
        }
        assert_worth(&r, DNS_TRANSFER, 800);
        dns_close(&r);
}

/* What an hour and a day did not bring is forgotten. */
static void test_forgets(void **unused)
{
        struct dns_rig r;
        char name[64];

        (void) unused;
        dns_open(&r, NULL);
        for (int day = 0; day < 20; day++) {
                for (int i = 0; i < 6; i++)
                        dns_lookup(&r, dns_word(name, 14, LETTERS, ".com"), DNS_TYPE_A, DNS_NXDOMAIN);
                dns_lookup(&r, "company1.com", DNS_TYPE_MX, DNS_NOERROR);
                dns_lookup(&r, "company2.com", DNS_TYPE_MX, DNS_NOERROR);
                r.rig.now += 25 * HOUR;
        }
        assert_int_equal(r.rig.claims, 0);
        dns_close(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_generated),
                cmocka_unit_test(test_generated_share),
                cmocka_unit_test(test_not_generated),
                cmocka_unit_test(test_unasked),
                cmocka_unit_test(test_asked_random),
                cmocka_unit_test(test_rendezvous),
                cmocka_unit_test(test_missing),
                cmocka_unit_test(test_volume),
                cmocka_unit_test(test_mail),
                cmocka_unit_test(test_refusing),
                cmocka_unit_test(test_server_in_the_same_host),
                cmocka_unit_test(test_types),
                cmocka_unit_test(test_forgets),

        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
