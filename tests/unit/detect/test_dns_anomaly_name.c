/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns_anomaly: where the registered domain begins, and which labels look drawn at random: honest ones seldom, those of
 * every alphabet mostly. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include "dns_rig.h"

#define RANDOM_LEAST 24

static struct dns_name look(struct rig *r, const char *text)
{
        struct dns_name name;

        /* twice: the second time from the cache */
        dns_anomaly_look(r->state, &(struct slice){text, (uint32_t) strlen(text)}, &name);
        dns_anomaly_look(r->state, &(struct slice){text, (uint32_t) strlen(text)}, &name);
        return name;
}

static void test_domain(void **unused)
{
        static const struct {
                const char *name, *domain;
                uint8_t flags;
        } cases[] = {
                {"www.google.com", "google.com", DNS_NAME_BARE},
                {"google.com", "google.com", DNS_NAME_BARE},
                {"a.b.example.co.uk", "example.co.uk", 0},
                {"co.uk", "co.uk", DNS_NAME_BARE},
                {"x.y.city.kawasaki.jp", "city.kawasaki.jp", 0},
                {"com", "com", DNS_NAME_LOCAL},
                {"wpad", "wpad", DNS_NAME_LOCAL},
                {"printer7.lan", "lan", DNS_NAME_LOCAL},
                {"a.b.c.d.e.f.g.h.local", "local", DNS_NAME_LOCAL},
                {"", "", DNS_NAME_LOCAL},
                {".", ".", DNS_NAME_LOCAL},
                {"..", ".", DNS_NAME_LOCAL},
                {"1.2.0.192.in-addr.arpa", "arpa", DNS_NAME_REVERSE},
                {"host.ddns.net", "host.ddns.net", DNS_NAME_SHARED | DNS_NAME_BARE},
                {"d111111abcdef8.cloudfront.net", "d111111abcdef8.cloudfront.net",
                 DNS_NAME_SHARED | DNS_NAME_BARE | DNS_NAME_RANDOM},
                {"xkqzvwpjthbn.com", "xkqzvwpjthbn.com", DNS_NAME_BARE | DNS_NAME_RANDOM},
                {"1.2.3.xkqzvwpjthbn.com", "xkqzvwpjthbn.com", DNS_NAME_RANDOM},
                {"_dmarc.example.org", "example.org", DNS_NAME_BARE},
                {"www.house100window.com", "house100window.com", DNS_NAME_BARE},
                {"a1b7q2x9z4k8.com", "a1b7q2x9z4k8.com", DNS_NAME_BARE | DNS_NAME_RANDOM},
                {"20020724141339.com", "20020724141339.com", DNS_NAME_BARE},
        };
        struct rig r;

        (void) unused;
        rig_open(&r, "dns_anomaly", NULL);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct dns_name n = look(&r, cases[i].name);

                assert_string_equal(n.text + n.domain, cases[i].domain);
                if (n.flags != cases[i].flags)
                        print_error("%s: %x\n", cases[i].name, n.flags);
                assert_int_equal(n.flags, cases[i].flags);
        }
        assert_true(dns_anomaly_is_below(&(struct dns_name){.text = "0.pool.ntp.org", .len = 14}, "pool.ntp.org"));
        assert_true(dns_anomaly_is_below(&(struct dns_name){.text = "pool.ntp.org", .len = 12}, "pool.ntp.org"));
        assert_false(dns_anomaly_is_below(&(struct dns_name){.text = "badpool.ntp.org", .len = 15}, "pool.ntp.org"));
        assert_false(dns_anomaly_is_below(&(struct dns_name){.text = "ntp.org", .len = 7}, "pool.ntp.org"));
        rig_close(&r);
}

/* A label of the domain is shared by all names below it. */
static void test_hashes(void **unused)
{
        struct rig r;

        (void) unused;
        rig_open(&r, "dns_anomaly", NULL);
        assert_true(look(&r, "a.example.com").domain_hash == look(&r, "b.c.example.com").domain_hash);
        assert_true(look(&r, "a.example.com").hash != look(&r, "b.example.com").hash);
        assert_true(look(&r, "a.example.com").domain_hash != look(&r, "a.example.org").domain_hash);
        rig_close(&r);
}

/* Of a thousand labels, how many look random? */
static unsigned share(size_t len, const char *alphabet)
{
        unsigned n = 0;
        char label[64];

        for (int i = 0; i < 1000; i++)
                n += dns_anomaly_randomness(dns_word(label, len, alphabet, ""), len) >= RANDOM_LEAST;
        return n;
}

static void test_random(void **unused)
{
        unsigned syllables = 0;

        (void) unused;
        dns_seed = 88172645463325252u;
        assert_true(share(8, LETTERS) > 820);
        assert_true(share(12, LETTERS) > 920);
        assert_true(share(16, LETTERS) > 970);
        assert_true(share(8, LETTERS "0123456789") > 850);
        assert_true(share(16, LETTERS "0123456789") > 980);
        assert_true(share(16, "0123456789abcdef") > 980);
        for (int i = 0; i < 1000; i++) {
                char label[16];

                for (int k = 0; k < 10; k++)
                        label[k] = k % 2 ? "aeiouy"[dns_random() % 6] : "bcdfghjklmnpqrstvwxz"[dns_random() % 20];
                syllables += dns_anomaly_randomness(label, 10) >= RANDOM_LEAST;
        }
        assert_true(syllables > 900);
        /* too short to say */
        assert_int_equal(share(5, LETTERS), 0);
}

static void test_honest(void **unused)
{
        /* of many countries and trades; none of them is in the model's sources by design */
        static const char *const labels[] = {
                "stackoverflow", "washingtonpost", "nytimes",        "deutschebahn",   "sparkasse",
                "lemonde",       "corriere",       "elpais",         "aftenposten",    "helsinginsanomat",
                "yomiuri",       "nikkansports",   "rakuten",        "mercadolibre",   "timesofindia",
                "bankofamerica", "wellsfargo",     "homedepot",      "bestbuy",        "instructure",
                "blackboard",    "sciencedirect",  "springer",       "researchgate",   "booking",
                "tripadvisor",   "lufthansa",      "britishairways", "uniqlo",         "zalando",
                "leboncoin",     "allegro",        "gazeta",         "seznam",         "novinky",
                "hurriyet",      "globo",          "folha",          "uol-cdn-images", "weather",
                "accuweather",   "openstreetmap",  "letsencrypt",    "digicert",       "globalsign",
                "symantec",      "kaspersky",      "bitdefender",    "crowdstrike",    "paloaltonetworks",
                "salesforce",    "servicenow",     "atlassian",      "bitbucket",      "postmarkapp",
                "mailchimp",     "sendgrid",       "intercom",       "hotjar",         "doubleclick",
        };
        unsigned n = 0;

        (void) unused;
        for (size_t i = 0; i < ELEMENTSOF(labels); i++)
                if (dns_anomaly_randomness(labels[i], strlen(labels[i])) >= RANDOM_LEAST) {
                        print_message("%s\n", labels[i]);
                        n++;
                }
        assert_true(n * 20 <= ELEMENTSOF(labels)); /* one in twenty */
        assert_int_equal(dns_anomaly_randomness("xn--fiqs8sirgfmh", 16), 0);
        assert_int_equal(dns_anomaly_randomness("qx-zv-wk-jb", 11), 0);
}

static void test_encoded(void **unused)
{
        static const char *const encoded[] = {"0ya82vj5zmmw3qnz6p1dg7hxyh", "1a6e01fdf52532417d",
                                              "a.b.mzxw6ytboi4dkmzrgi2q.t", "\\228k\\190\\001abcd",
                                              "aeaqcaibaeaq+x7=abc"};
        static const char *const plain[] = {"www",
                                            "selector1-verylongcompany-com._domainkey",
                                            "r3---sn-4g5e6nz7",
                                            "this-is-a-long-name-of-a-page-with-words",
                                            "internationalization",
                                            "",
                                            "....",
                                            "ec2-198-51-100-23.eu-west-1.compute"};

        (void) unused;
        for (size_t i = 0; i < ELEMENTSOF(encoded); i++)
                assert_true(dns_anomaly_is_encoded(encoded[i], strlen(encoded[i])));
        for (size_t i = 0; i < ELEMENTSOF(plain); i++)
                assert_false(dns_anomaly_is_encoded(plain[i], strlen(plain[i])));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_domain), cmocka_unit_test(test_hashes),  cmocka_unit_test(test_random),
                cmocka_unit_test(test_honest), cmocka_unit_test(test_encoded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
