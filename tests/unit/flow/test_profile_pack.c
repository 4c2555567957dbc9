/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Profiles out and in again: what changed, bytes and back, hostile bytes, other clocks; the same from the same events;
 * and the memory of a million hosts. Runs in the unit tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <malloc.h>

#include "profile_rig.h"

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static void test_changed(void **state)
{
        struct profile *p = make(4);
        struct profile_record r;

        (void) state;
        for (uint32_t h = 0; h < 3; h++)
                take(p, &(struct session){.host = HOST + h, .port = 80, .end = T0 + h * NSEC_PER_SEC});
        take(p, &(struct session){.host = HOST, .port = 80, .end = T0 + 60 * NSEC_PER_SEC});
        assert_false(profile_next_changed(p, T0 - NSEC_PER_SEC, &r));
        assert_true(profile_next_changed(p, T0 + NSEC_PER_SEC, &r));
        assert_true(r.services[0].sessions == 2); /* as it is now */
        assert_true(profile_next_changed(p, T0 + NSEC_PER_SEC, &r));
        assert_false(profile_next_changed(p, T0 + NSEC_PER_SEC, &r));
        /* A host that is forgotten changes no more. */
        for (uint32_t h = 10; h < 14; h++)
                take(p, &(struct session){.host = HOST + h, .port = 80, .end = T0 + HOUR});
        for (unsigned n = 0; n < 4; n++)
                assert_true(profile_next_changed(p, INT64_MAX, &r) && r.first == (T0 + HOUR) / NSEC_PER_SEC);
        assert_false(profile_next_changed(p, INT64_MAX, &r));
        profile_free(p);
}

static void fill(struct profile *p)
{
        for (unsigned i = 0; i < 500; i++) {
                take(p,
                     &(struct session){.port = 443, .app = APP_TLS, .end = T0 + i * 60 * NSEC_PER_SEC, .peer = i % 50});
                take(p, &(struct session){
                                .port = (uint16_t) (i % 4), .end = T0 + i * 60 * NSEC_PER_SEC, .failed = i % 9 == 0});
        }
}

static void test_pack(void **state)
{
        struct profile *p = make(4), *again = make(4);
        _cleanup_(buf_done)
        struct buf bytes = BUF_HEAP(1u << 16);
        struct profile_record before, after, back;
        struct profile_stats stats;

        (void) state;
        fill(p);
        before = get(p, HOST);
        assert_int_equal(profile_pack(&before, &bytes), 0);
        assert_int_equal(profile_unpack(bytes.data, bytes.len, &back), 0);
        assert_memory_equal(&before, &back, sizeof(back));
        profile_restore(again, &back, true);
        after = get(again, HOST);
        assert_int_equal(after.n, before.n);
        for (uint32_t i = 0; i < after.n; i++) {
                char name[PROFILE_NAME_MAX];

                assert_memory_equal(&after.services[i], find(&before, profile_service_name(&after.services[i], name)),
                                    sizeof(after.services[i]));
        }
        assert_int_equal(after.unanswered, before.unanswered);
        profile_get_stats(again, &stats);
        assert_int_equal(stats.seen, 0);
        fill(again); /* the same once more: it counts already */
        after = get(again, HOST);
        assert_int_equal(find(&after, "tls")->sessions, 500);
        profile_get_stats(again, &stats);
        assert_true(stats.seen == 1 && stats.repeated == 1000);
        take(again, &(struct session){.port = 443, .app = APP_TLS, .end = T0 + 100 * HOUR});
        after = get(again, HOST);
        assert_int_equal(find(&after, "tls")->sessions, 501);
        profile_free(p);
        profile_free(again);
}

static void test_unpack_hostile(void **state)
{
        struct profile *p = make(4), *q = make(4);
        _cleanup_(buf_done)
        struct buf bytes = BUF_HEAP(1u << 16);
        struct profile_record r;
        uint64_t x = 88172645463325252u;
        unsigned taken = 0;

        (void) state;
        fill(p);
        r = get(p, HOST);
        assert_int_equal(profile_pack(&r, &bytes), 0);
        for (size_t len = 0; len < bytes.len; len++)
                assert_int_equal(profile_unpack(bytes.data, len, &r), -EBADMSG);
        assert_int_equal(profile_unpack(bytes.data, bytes.len, &r), 0);
        for (unsigned i = 0; i < 20000; i++) {
                _cleanup_free_ char *copy = malloc(bytes.len);

                memcpy(copy, bytes.data, bytes.len);
                for (unsigned k = 0; k < 4; k++) {
                        x ^= x << 13;
                        x ^= x >> 7;
                        x ^= x << 17;
                        copy[(i % 2 ? 40 : 0) + x % (bytes.len - 40)] = (char) (x >> 40);
                }
                if (profile_unpack(copy, bytes.len, &r) < 0)
                        continue;
                taken++;
                profile_move(&r, i % 2 ? -HOUR : HOUR, T0 + 20 * HOUR);
                profile_restore(q, &r, false);
                take(q, &(struct session){.port = 443, .app = APP_TLS, .end = T0 + 20 * HOUR + i});
        }
        assert_true(taken > 1000);
        profile_free(p);
        profile_free(q);
}

static void test_move(void **state)
{
        struct profile *p = make(4);
        struct profile_record r;
        uint32_t hour;

        (void) state;
        fill(p);
        r = get(p, HOST);
        hour = r.services[0].hour;
        profile_move(&r, 3 * HOUR, INT64_MAX / 2);
        assert_int_equal(r.first, T0 / NSEC_PER_SEC + 3 * 3600);
        assert_int_equal(r.services[0].first, T0 + 3 * HOUR);
        assert_int_equal(r.services[0].hour, hour + 3);
        profile_move(&r, -INT64_MAX / 2, INT64_MAX / 2);
        assert_true(r.first == 0 && r.services[0].last == 0 && r.services[0].hour == 0);
        profile_move(&r, INT64_MAX / 4, T0);
        assert_int_equal(r.services[0].last, T0);
        profile_free(p);
}

/* The same events leave the same, whatever the table's seed. */
static void test_deterministic(void **state)
{
        struct profile *p[2] = {make(64), make(64)};

        (void) state;
        for (unsigned i = 0; i < 20000; i++)
                for (unsigned k = 0; k < 2; k++)
                        take(p[k], &(struct session){.host = HOST + i * 7919 % 100,
                                                     .peer = i * 31 % 1000,
                                                     .port = (uint16_t) (i % 13),
                                                     .app = (uint8_t) (i % 5),
                                                     .end = T0 + i * 10 * NSEC_PER_SEC,
                                                     .out = i % 777});
        for (uint32_t h = 0; h < 100; h++) {
                struct profile_record a, b;

                assert_int_equal(is_known(p[0], HOST + h), is_known(p[1], HOST + h));
                if (!is_known(p[0], HOST + h))
                        continue;
                a = get(p[0], HOST + h);
                b = get(p[1], HOST + h);
                assert_memory_equal(&a, &b, sizeof(a));
        }
        profile_free(p[0]);
        profile_free(p[1]);
}

/* A million hosts with two services each: at most PROFILE_HOST_BYTES a host, the tables included. */
static void test_memory(void **state)
{
#if SANITIZED
        (void) state;
        print_message("the allocator of AddressSanitizer is not measured\n");
        skip();
#else
        struct profile *p = make(1u << 20);
        struct mallinfo2 before = mallinfo2(), after;
        struct profile_stats stats;
        const uint32_t hosts = 1000000;

        (void) state;
        for (uint32_t h = 0; h < hosts; h++)
                for (uint16_t port = 1; port <= 2; port++)
                        take(p, &(struct session){.host = HOST + h, .port = port, .end = T0 + h * NSEC_PER_MSEC});
        after = mallinfo2();
        profile_get_stats(p, &stats);
        assert_true(stats.hosts.used == hosts && stats.services.used == 0);
        print_message("%.0f bytes a host\n",
                      (double) (after.uordblks + after.hblkhd - before.uordblks - before.hblkhd) / hosts);
        assert_true(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd <
                    (size_t) hosts * PROFILE_HOST_BYTES);
        profile_free(p);
#endif
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_changed),        cmocka_unit_test(test_pack),
                cmocka_unit_test(test_unpack_hostile), cmocka_unit_test(test_move),
                cmocka_unit_test(test_deterministic),  cmocka_unit_test(test_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
