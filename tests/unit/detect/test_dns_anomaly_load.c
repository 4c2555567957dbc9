/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns_anomaly under load: names of any bytes, a million of them within bounded memory, the cost of an event. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <malloc.h>
#include <time.h>

#include "dns_rig.h"

/* Names of any bytes and lengths, types, addresses. */
static void test_hostile(void **unused)
{
        struct addr addrs[32];
        char name[1100];
        struct dns_rig r;
        struct event e;

        (void) unused;
        dns_open(&r, NULL);
        for (int i = 0; i < 32; i++)
                addrs[i] = rig_outside(dns_random());
        for (int i = 0; i < 20000; i++) {
                size_t len = dns_random() % (i % 10 ? 80 : 1021);
                char *exact = malloc(len + 1);

                assert_non_null(exact);
                for (size_t k = 0; k < len; k++)
                        exact[k] = (char) (i % 3 ? ".ab-\\0"[dns_random() % 6] : (char) dns_random());
                e = dns_of(&r, dns_random() & 1, exact, len, (uint16_t) (i % 4 ? dns_random() : dns_random() % 20));
                e.ends.from_local = dns_random() & 1;
                e.dns.addrs = addrs;
                e.dns.n_addrs = (uint16_t) (dns_random() % 33);
                e.dns.rcode = (uint8_t) (dns_random() % 16);
                e.dns.id = (uint16_t) (dns_random() % 4);
                dns_give(&r, &e);
                free(exact);
                r.rig.now += dns_random() % NSEC_PER_SEC;
        }
        e = dns_of(&r, DNS_QUERY, NULL, 0, 1);
        dns_give(&r, &e);
        memset(name, '.', sizeof(name));
        e = dns_of(&r, DNS_QUERY, name, 1020, 1);
        dns_give(&r, &e);
        memset(name, 'a', sizeof(name));
        e = dns_of(&r, DNS_QUERY, name, 1020, 1);
        dns_give(&r, &e);
        dns_close(&r);
        rig_open(&r.rig, "dns_anomaly", NULL);
        rig_storm(&r.rig, 20000);
        rig_close(&r.rig);
}

static size_t heap(void)
{
        return mallinfo2().uordblks + mallinfo2().hblkhd;
}

/* A million names, of a million domains, from a hundred thousand hosts: the tables fill, and that is all. */
static void test_memory(void **unused)
{
        size_t before = heap(), full = 0;
        char name[64], host[20];
        struct dns_rig r;

        (void) unused;
        dns_open(&r, NULL);
        for (unsigned i = 0; i < 1000000; i++) {
                snprintf(host, sizeof(host), "10.%u.%u.%u", i % 100000 / 62500, i % 62500 / 250, i % 250);
                r.host = host;
                dns_lookup(&r, dns_word(name, 30, BASE32, i & 1 ? ".com" : ".example.org"), DNS_TYPE_TXT, DNS_NXDOMAIN);
                r.rig.now += NSEC_PER_MSEC;
                if (i == 200000)
                        full = heap();
        }
        print_message("%zu kB\n", (heap() - before) >> 10);
        assert_true(heap() <= full + (64u << 10));
        assert_true(heap() - before < 32u << 20);
        dns_close(&r);
}

#define NAMES 20000

/* Prints what an event costs: a thousand hosts that browse, and one where every name is new. */
static void test_speed(void **unused)
{
        struct evidence_sink out = {.emit = dns_emit};
        struct event *events = calloc(NAMES, sizeof(*events));
        char(*names)[64] = calloc(NAMES, sizeof(*names));
        struct timespec from, to;
        struct dns_rig r;
        double ns;

        (void) unused;
        assert_non_null(events);
        assert_non_null(names);
        dns_open(&r, NULL);
        out.userdata = &r;
        for (int fresh = 0; fresh < 2; fresh++) {
                for (unsigned i = 0; i < NAMES; i++) {
                        if (fresh)
                                dns_word(names[i], 30, BASE32, ".example.org");
                        else
                                snprintf(names[i], sizeof(names[i]), "www.shop%u.co.uk", dns_random() % (1 + i));
                        events[i] = dns_of(&r, DNS_QUERY, names[i], strlen(names[i]), DNS_TYPE_A);
                        events[i].ends.local = addr_from_v4(htonl(0x0a000000u + dns_random() % 1000));
                        events[i].dns.id = (uint16_t) i;
                }
                clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
                for (unsigned i = 0; i < NAMES * 10; i++) {
                        struct event e = events[i % NAMES];

                        e.time = r.rig.now += NSEC_PER_MSEC / 10;
                        r.rig.detector->event(r.rig.state, &e, &out);
                        e.op = DNS_ANSWER;
                        e.ends.from_local = 0;
                        e.dns.rcode = i % 10 ? DNS_NOERROR : DNS_NXDOMAIN;
                        e.dns.answers = i % 10 != 0;
                        r.rig.detector->event(r.rig.state, &e, &out);
                }
                clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
                ns = (double) (to.tv_sec - from.tv_sec) * 1e9 + (double) (to.tv_nsec - from.tv_nsec);
                print_message("%s: %.0f ns an event\n", fresh ? "new names" : "browsing", ns / (NAMES * 20));
        }
        dns_close(&r);
        free(names);
        free(events);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_hostile),
                cmocka_unit_test(test_memory),
                cmocka_unit_test(test_speed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
