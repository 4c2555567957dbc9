/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Profiles: what is a session, a service and a host, the averages, caps and their counters. Runs in the unit tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "profile_rig.h"

static void test_averages(void **state)
{
        struct profile *p = make(16);
        struct profile_record r;
        const struct profile_service *s;

        (void) state;
        for (unsigned i = 0; i < 1000; i++)
                take(p, &(struct session){.peer = i % 2,
                                          .port = 53,
                                          .proto = IPPROTO_UDP,
                                          .app = APP_DNS,
                                          .end = T0 + i * 64 * NSEC_PER_SEC,
                                          .lasts = (i % 2 ? 10 : 30) * NSEC_PER_MSEC,
                                          .out = 40,
                                          .in = i % 2 ? 100 : 400});
        r = get(p, HOST);
        assert_int_equal(r.n, 1);
        assert_int_equal(r.first, T0 / NSEC_PER_SEC);
        assert_int_equal(r.last, T0 / NSEC_PER_SEC + 999 * 64);
        s = find(&r, "dns");
        assert_non_null(s);
        assert_int_equal(s->sessions, 1000);
        assert_int_equal(s->role, PROFILE_CLIENT);
        assert_int_equal(profile_peers(s), 2);
        assert_true(s->n_ports == 1 && s->ports[0] == 53);
        assert_int_equal(s->bytes_out, 40000);
        assert_int_equal(s->bytes_in, 500 * 500);
        assert_int_equal(s->busy, 1000 * 20000);
        assert_near((uint64_t) (s->last - s->first) / 999, 64 * NSEC_PER_SEC, 1);
        assert_near(profile_unlog(s->norm[PROFILE_INTERVAL].mean), 64000000, 1);
        assert_true(s->norm[PROFILE_INTERVAL].deviation < 5); /* 20 ms to and fro */
        assert_near(profile_unlog(s->norm[PROFILE_OUT].mean), 40, 3);
        assert_int_equal(s->norm[PROFILE_OUT].deviation, 0);
        assert_near(profile_unlog(s->norm[PROFILE_IN].mean), 200, 5); /* between 100 and 400 on a scale of logarithms */
        assert_near(s->norm[PROFILE_IN].deviation, 1024, 5);
        assert_near(profile_unlog(s->norm[PROFILE_DURATION].mean), 17320, 5);
        /* 56 or 57 sessions in an hour; the last one is not over */
        assert_int_equal(s->hours, 17);
        assert_int_equal(profile_unlog(s->hourly[PROFILE_HOUR_SESSIONS].most), 57);
        assert_near(profile_unlog(s->hourly[PROFILE_HOUR_OUT].norm.mean), 56 * 40, 3);
        assert_int_equal(profile_unlog(s->hourly[PROFILE_HOUR_PEERS].most), 2);
        profile_free(p);
}

/* The first values average evenly, later ones are followed with a time constant of PROFILE_SPAN. */
static void test_decay(void **state)
{
        struct profile *p = make(16);
        struct profile_record r;

        (void) state;
        for (unsigned i = 0; i < 300; i++)
                take(p,
                     &(struct session){
                             .port = 80, .app = APP_HTTP, .end = T0 + i * NSEC_PER_SEC, .out = i < 100 ? 1000 : 64000});
        r = get(p, HOST);
        assert_near(profile_unlog(r.services[0].norm[PROFILE_OUT].mean), 64000, 5);
        assert_true(r.services[0].norm[PROFILE_OUT].deviation < 200);
        profile_free(p);
}

static void test_times_out_of_order(void **state)
{
        struct profile *p = make(16);
        struct profile_record r;

        (void) state;
        for (unsigned i = 0; i < 10; i++)
                take(p, &(struct session){.port = 22, .app = APP_SSH, .end = T0 + i * 10 * NSEC_PER_SEC});
        /* It began before all of them. */
        take(p, &(struct session){.port = 22, .app = APP_SSH, .end = T0 + 100 * NSEC_PER_SEC, .lasts = HOUR});
        take(p, &(struct session){.port = 22, .app = APP_SSH, .end = T0 + 100 * NSEC_PER_SEC});
        r = get(p, HOST);
        assert_int_equal(r.services[0].first, T0 + 100 * NSEC_PER_SEC - HOUR);
        assert_int_equal(r.services[0].last, T0 + 100 * NSEC_PER_SEC);
        assert_near(profile_unlog(r.services[0].norm[PROFILE_INTERVAL].mean), 10000000, 1);
        /* Nonsense: a beginning after the end, or before 1970. */
        take(p, &(struct session){.port = 22, .app = APP_SSH, .end = T0 + 200 * NSEC_PER_SEC, .lasts = -HOUR});
        take(p,
             &(struct session){
                     .port = 22, .app = APP_SSH, .end = T0 + 200 * NSEC_PER_SEC, .lasts = 4 * T0, .out = UINT64_MAX});
        r = get(p, HOST);
        assert_int_equal(r.services[0].last, T0 + 200 * NSEC_PER_SEC);
        assert_int_equal(r.services[0].first, 0);
        profile_free(p);
}

static void test_services(void **state)
{
        struct profile *p = make(16);
        struct profile_record r;
        const struct profile_service *s;

        (void) state;
        take(p, &(struct session){.port = 443, .app = APP_TLS, .end = T0});
        take(p, &(struct session){.port = 8443, .app = APP_TLS, .end = T0});
        take(p, &(struct session){.port = 993, .app = APP_TLS, .end = T0});
        take(p, &(struct session){.port = 995, .app = APP_TLS, .end = T0});
        take(p, &(struct session){.port = 443, .app = APP_TLS, .accepted = true, .end = T0});
        take(p, &(struct session){.port = 6881, .end = T0});
        take(p, &(struct session){.port = 6881, .proto = IPPROTO_UDP, .end = T0});
        take(p, &(struct session){.port = 2048, .proto = IPPROTO_ICMP, .end = T0});
        take(p, &(struct session){.port = 0, .proto = PROTO_ARP, .end = T0}); /* no session */
        take(p, &(struct session){.port = 6881, .failed = true, .end = T0});
        take(p, &(struct session){.port = 53, .app = APP_DNS, .failed = true, .end = T0}); /* asked, so we know what */
        take(p, &(struct session){.port = 99, .failed = true, .end = T0});
        r = get(p, HOST);
        assert_int_equal(r.n, 6);
        s = find(&r, "tls");
        assert_true(s->role == PROFILE_CLIENT && s->sessions == 4 && s->n_ports == PROFILE_PORTS + 1);
        s = find(&r, "tcp/6881");
        assert_true(s->sessions == 1 && s->failed == 1 && s->ports[0] == 6881);
        assert_non_null(find(&r, "udp/6881"));
        s = find(&r, "icmp");
        assert_true(s->sessions == 1 && s->n_ports == 0);
        s = find(&r, "dns");
        assert_true(s->sessions == 0 && s->failed == 1 && s->n_ports == 0);
        assert_int_equal(r.unanswered, 1);
        for (uint32_t i = 0; i < r.n; i++)
                assert_true(r.services[i].app != APP_TLS || r.services[i].port == 0);
        profile_free(p);
}

/* Who is only asked from outside and does not answer need not exist; nor has loopback a profile. */
static void test_who_is_a_host(void **state)
{
        struct profile *p = make(16);
        struct profile_stats stats;
        struct event e;

        (void) state;
        take(p, &(struct session){.host = HOST + 1, .port = 445, .accepted = true, .failed = true, .end = T0});
        take(p, &(struct session){.host = 0x7f000001, .port = 80, .end = T0});
        take(p, &(struct session){.host = 0xe0000001, .port = 80, .end = T0});
        assert_false(is_known(p, HOST + 1) || is_known(p, 0x7f000001) || is_known(p, 0xe0000001));
        e = event_of(&(struct session){.port = 80, .end = T0});
        memset(&e.flow.local, 0, sizeof(e.flow.local));
        profile_event(p, &e);
        for (unsigned op = FLOW_START; op < FLOW_END; op++) {
                e = event_of(&(struct session){.port = 80, .end = T0});
                e.op = (uint8_t) op;
                profile_event(p, &e);
        }
        e.type = EVENT_DNS;
        e.op = FLOW_END;
        profile_event(p, &e);
        profile_get_stats(p, &stats);
        assert_true(stats.hosts.used == 0 && stats.seen == 0);
        take(p, &(struct session){.host = HOST + 1, .port = 445, .accepted = true, .end = T0});
        take(p, &(struct session){.port = 445, .failed = true, .end = T0}); /* this one asks */
        profile_get_stats(p, &stats);
        assert_true(stats.hosts.used == 2 && stats.seen == 2);
        /* The /64 is the host. */
        e = event_of(&(struct session){.port = 80, .end = T0});
        assert_int_equal(addr_parse("2001:db8::1", &e.flow.local), 0);
        profile_event(p, &e);
        assert_int_equal(addr_parse("2001:db8::2", &e.flow.local), 0);
        profile_event(p, &e);
        profile_get_stats(p, &stats);
        assert_int_equal(stats.hosts.used, 3);
        profile_free(p);
}

/* Sessions told by the host sensor and by packets count once. */
static void test_two_sources(void **state)
{
        struct profile *p = make(16);
        struct event e = event_of(&(struct session){.port = 443, .end = T0}), packets = e;

        (void) state;
        e.source = 0;
        profile_event(p, &e);
        assert_int_equal(get(p, HOST).services[0].sessions, 1);
        packets.flow.app = APP_TLS;
        profile_event(p, &packets);
        profile_event(p, &e);
        profile_event(p, &packets);
        assert_int_equal(get(p, HOST).services[0].sessions, 1);
        assert_int_equal(get(p, HOST).services[1].sessions, 2);
        profile_free(p);
}

static void test_too_many_services(void **state)
{
        struct profile *p = make(16);
        struct profile_record r;
        const struct profile_service *other;

        (void) state;
        for (uint16_t port = 1; port <= 60000; port += 7)
                take(p, &(struct session){.port = port, .end = T0});
        for (unsigned app = 1; app < APPS; app++)
                take(p, &(struct session){.port = 1, .app = (uint8_t) app, .end = T0});
        r = get(p, HOST);
        assert_int_equal(r.n, PROFILE_SERVICES); /* "other" among them */
        other = find(&r, "other");
        assert_non_null(other);
        assert_int_equal(other->n_ports, PROFILE_PORTS + 1);
        assert_non_null(find(&r, "tcp/1"));
        assert_null(find(&r, "tcp/60000"));
        assert_non_null(find(&r, "irc"));
        for (uint16_t port = 1; port <= 60000; port += 7)
                take(p, &(struct session){.port = port, .accepted = true, .end = T0});
        assert_int_equal(get(p, HOST).n, PROFILE_SERVICES + 1);
        profile_free(p);
}

static void test_hosts_are_forgotten(void **state)
{
        struct profile *p = make(64);
        struct profile_stats stats;

        (void) state;
        for (uint32_t h = 0; h < 64; h++)
                take(p, &(struct session){.host = HOST + h, .port = 80, .end = T0 + h * NSEC_PER_SEC});
        take(p, &(struct session){.host = HOST, .port = 80, .end = T0 + HOUR}); /* in use again */
        for (uint32_t h = 100; h < 110; h++)
                for (uint16_t port = 1; port < 8; port++)
                        take(p, &(struct session){.host = HOST + h, .port = port, .end = T0 + HOUR});
        profile_get_stats(p, &stats);
        assert_true(stats.hosts.used == 64 && stats.hosts.evicted == 10);
        assert_int_equal(stats.services.used, 10 * 5);
        assert_true(is_known(p, HOST) && !is_known(p, HOST + 1) && !is_known(p, HOST + 10) && is_known(p, HOST + 11));
        for (uint32_t h = 200; h < 300; h++) /* their services in the pool go with them */
                take(p, &(struct session){.host = HOST + h, .port = 80, .end = T0 + 2 * HOUR});
        profile_get_stats(p, &stats);
        assert_true(stats.hosts.used == 64 && stats.services.used == 0);
        profile_free(p);
}

static void test_services_are_forgotten(void **state)
{
        struct profile *p = make(16); /* so 32 services in the pool */
        struct profile_stats stats;
        struct profile_record r;

        (void) state;
        for (uint32_t h = 0; h < 16; h++)
                for (unsigned app = 1; app <= 6; app++)
                        take(p, &(struct session){
                                        .host = HOST + h, .port = 1, .app = (uint8_t) app, .end = T0 + h * HOUR});
        profile_get_stats(p, &stats);
        assert_true(stats.services.used == 32 && stats.services.evicted == 16 * 4 - 32);
        r = get(p, HOST);
        assert_int_equal(r.n, PROFILE_INLINE); /* the longest unused */
        r = get(p, HOST + 15);
        assert_int_equal(r.n, 6);
        take(p, &(struct session){.host = HOST, .port = 1, .app = 3, .end = T0 + 16 * HOUR});
        assert_int_equal(get(p, HOST).n, PROFILE_INLINE + 1);
        profile_free(p);
}

/* Everything random, in small tables: for the sanitizers, and the sums must hold. */
static void test_storm(void **state)
{
        struct profile *p = make(32);
        struct profile_record r;
        struct profile_stats stats;
        uint64_t x = 88172645463325252u, changed = 0;

        (void) state;
        for (unsigned i = 0; i < 300000; i++) {
                struct event e;

                for (size_t b = 0; b + 8 <= sizeof(e); b += 8) {
                        x ^= x << 13;
                        x ^= x >> 7;
                        x ^= x << 17;
                        memcpy((char *) &e + b, &x, 8);
                }
                e.type = EVENT_FLOW;
                e.op = x % 8 ? FLOW_END : (uint8_t) (x >> 8 & 3);
                e.time = T0 + i * NSEC_PER_SEC;
                e.source = EVENT_SOURCE_LOG;
                e.flow.origin %= 3;
                e.flow.state %= 4;
                if (i % 8)
                        e.flow.local = v4(HOST + (uint32_t) (x >> 20) % 60);
                if (i % 3)
                        e.flow.app = (uint8_t) ((x >> 30) % APPS);
                profile_event(p, &e);
                (void) profile_find(p, &e.flow);
                if (i % 5 == 0)
                        changed += profile_next_changed(p, e.time - (nsec_t) (x % 16) * NSEC_PER_SEC, &r);
        }
        profile_get_stats(p, &stats);
        assert_true(stats.hosts.used == 32 && stats.services.used <= 64 && stats.services.used > 0 && changed > 1000);
        profile_free(p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_averages),
                cmocka_unit_test(test_decay),
                cmocka_unit_test(test_times_out_of_order),
                cmocka_unit_test(test_services),
                cmocka_unit_test(test_who_is_a_host),
                cmocka_unit_test(test_two_sources),
                cmocka_unit_test(test_too_many_services),
                cmocka_unit_test(test_hosts_are_forgotten),
                cmocka_unit_test(test_services_are_forgotten),
                cmocka_unit_test(test_storm),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
