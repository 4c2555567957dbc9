/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A million home hosts: memory stays flat, and who scans, floods, beacons or uploads among them is found all the same.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <unistd.h>

#include "rig.h"

#define HOSTS 1000000u

static long resident(void)
{
        long size = 0, pages = 0;
        FILE *f = fopen("/proc/self/statm", "re");

        if (f && fscanf(f, "%ld %ld", &size, &pages) != 2)
                pages = 0;
        if (f)
                fclose(f);
        return pages * sysconf(_SC_PAGESIZE);
}

/* Each of the crowd contacts one of 50,000 servers; three in a hundred are down. 200 a second. */
static void send_one(struct rig *r, uint32_t i)
{
        struct event e = rig_flow(r, IPPROTO_TCP, rig_outside(i * 2654435761u % 50000), i % 5 ? 443 : 80);

        e.flow.local = addr_from_v4(htonl(0x0a100000u + i * 7919u % HOSTS));
        r->now += 5 * NSEC_PER_MSEC;
        rig_event(r, &e);
        rig_end(r, &e, i % 33 != 0);
}

static void crowd(const char *detector, void (*bot)(struct rig *r, uint32_t i), uint32_t every)
{
        long before = 0;
        struct rig r;

        rig_open(&r, detector, NULL);
        for (uint32_t i = 0; i < HOSTS; i++) {
                send_one(&r, i);
                if (i % every == 0)
                        bot(&r, i / every);
                if (i == HOSTS / 2)
                        before = resident();
        }
        assert_in_range(resident() - before + (1 << 21), 0, 1 << 22); /* the second half needs no more than 2 MB */
        assert_true(r.claims > 0);
        assert_true(addr_equal(&r.last.subject.addr, &(struct addr){{[10] = 0xff, 0xff, 10, 0, 0, 5}}));
        rig_close(&r);
}

/* An address in twenty seconds, of which none answers. */
static void scan_one(struct rig *r, uint32_t i)
{
        if (i % 4 == 0)
                rig_contact(r, IPPROTO_TCP, rig_addr("198.51.100.1"), 443, true);
        rig_contact(r, IPPROTO_TCP, rig_outside(10000000 + i), 23, false);
}

static void beacon_one(struct rig *r, uint32_t i)
{
        (void) i;
        rig_contact(r, IPPROTO_TCP, rig_addr("198.51.100.66"), 8080, true);
}

/* 150 flows to one target. */
static void flood_one(struct rig *r, uint32_t i)
{
        for (int n = 0; i > 100 && n < 150; n++)
                rig_contact(r, IPPROTO_TCP, rig_addr("198.51.100.66"), 80, false);
}

/* 60 kB to a bare address, beside a name that is asked for. */
static void upload_one(struct rig *r, uint32_t i)
{
        struct addr named = rig_outside(1);
        struct event dns = {.type = EVENT_DNS, .op = DNS_ANSWER}, e = rig_flow(r, IPPROTO_TCP, rig_outside(2), 443);

        (void) i;
        dns.ends.local = e.flow.local;
        dns.dns.addrs = &named;
        dns.dns.n_addrs = 1;
        rig_event(r, &dns);
        e.flow.app = APP_TLS;
        rig_end(r, &e, true);
        e = rig_flow(r, IPPROTO_TCP, rig_addr("198.51.100.66"), 1337);
        e.flow.bytes_out = 60000;
        e.flow.pkts_out = 50;
        rig_end(r, &e, true);
}

static void test_scan(void **state)
{
        (void) state;
        crowd("scan", scan_one, 4000);
}

static void test_beacon(void **state)
{
        (void) state;
        crowd("beacon", beacon_one, 12000);
}

static void test_flood(void **state)
{
        (void) state;
        crowd("flood", flood_one, 200);
}

static void test_exfiltration(void **state)
{
        (void) state;
        crowd("exfiltration", upload_one, 10000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_scan),
                cmocka_unit_test(test_beacon),
                cmocka_unit_test(test_flood),
                cmocka_unit_test(test_exfiltration),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
