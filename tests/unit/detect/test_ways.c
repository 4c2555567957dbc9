/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ways: found again, the least stamp goes first, memory and content are the same for the same input. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>

#include "detect/ways.h"

/* The nth hash of a set: the set's number below, another tag above. */
static uint64_t in_set(uint32_t set, uint32_t n)
{
        return (uint64_t) (n + 1) << 32 | set;
}

static void test_limits(void **state)
{
        struct ways w;

        (void) state;
        assert_int_equal(ways_init(&w, 4, 0), -EINVAL);
        ways_done(&w);
        assert_int_equal(ways_init(&w, 24, 0), -EINVAL);
        ways_done(&w);
        assert_int_equal(ways_init(&w, 8, 3), 0);
        assert_int_equal((uintptr_t) w.slots % 64, 0);
        assert_int_equal((uintptr_t) w.entries % 64, 0);
        ways_done(&w);
        ways_done(&w); /* twice is fine */
}

static void test_least_stamp_goes(void **state)
{
        struct ways_slot *slot;
        struct ways w;
        bool created;

        (void) state;
        assert_int_equal(ways_init(&w, 64, sizeof(uint32_t)), 0);
        for (uint32_t n = 0; n < WAYS; n++) {
                slot = ways_insert(&w, in_set(3, n), 100 - n, &created);
                assert_true(created);
                *(uint32_t *) ways_entry(&w, slot) = n;
        }
        for (uint32_t n = 0; n < WAYS; n++) {
                slot = ways_find(&w, in_set(3, n));
                assert_non_null(slot);
                assert_int_equal(*(uint32_t *) ways_entry(&w, slot), n);
                assert_null(ways_find(&w, in_set(4, n)));
                assert_ptr_equal(ways_insert(&w, in_set(3, n), 1, &created), slot);
                assert_false(created);
                assert_int_equal(slot->stamp, 100 - n); /* its own affair */
        }
        assert_int_equal(w.evicted, 0);
        ways_find(&w, in_set(3, WAYS - 1))->stamp = 200; /* used again: the next in age goes */
        slot = ways_insert(&w, in_set(3, 99), 300, &created);
        assert_true(created);
        assert_int_equal(*(uint32_t *) ways_entry(&w, slot), 0); /* nothing is left of who was there */
        assert_null(ways_find(&w, in_set(3, WAYS - 2)));
        assert_non_null(ways_find(&w, in_set(3, WAYS - 1)));
        assert_int_equal(w.evicted, 1);
        assert_int_equal(w.inserted, WAYS + 1);
        ways_insert(&w, in_set(5, 0), 0, &created); /* a stamp of 0 would be a free slot */
        assert_non_null(ways_find(&w, in_set(5, 0)));
        ways_done(&w);
}

/* Addresses that follow each other spread over the sets: 4,096 of them in as many slots lose few. */
static void test_spread(void **state)
{
        struct ways w;
        bool created;
        unsigned lost = 0;

        (void) state;
        assert_int_equal(ways_init(&w, 4096, 0), 0);
        for (unsigned round = 0; round < 2; round++)
                for (uint32_t i = 0; i < 2048; i++) {
                        uint8_t key[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [14] = (uint8_t) (i >> 8)};

                        key[15] = (uint8_t) i;
                        if (round == 0)
                                ways_insert(&w, ways_hash(key), i + 1, &created);
                        else
                                lost += !ways_find(&w, ways_hash(key));
                }
        assert_in_range(lost, 0, 80);
        assert_int_equal(w.evicted, lost);
        ways_done(&w);
}

static void test_mix(void **state)
{
        (void) state;
        for (unsigned bit = 0; bit < 64; bit++) { /* each bit of either side reaches both halves */
                uint64_t a = ways_mix(1, 2) ^ ways_mix(1 ^ 1ull << bit, 2);
                uint64_t b = ways_mix(1, 2) ^ ways_mix(1, 2 ^ 1ull << bit);

                assert_true((uint32_t) a && a >> 32 && (uint32_t) b && b >> 32);
        }
        assert_true(ways_mix(1, 2) != ways_mix(2, 1));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_least_stamp_goes),
                cmocka_unit_test(test_spread),
                cmocka_unit_test(test_mix),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
