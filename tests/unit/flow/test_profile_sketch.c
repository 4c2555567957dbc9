/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sketch of distinct peers and the scale of logarithms: their errors. Runs in the unit tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "profile_rig.h"

static void test_log(void **state)
{
        (void) state;
        for (uint64_t x = 0; x < 1000; x++)
                assert_int_equal(profile_unlog(profile_log(x)), x);
        for (uint64_t x = 1000; x < UINT64_MAX / 3; x = x * 3 + 1)
                assert_near(profile_unlog(profile_log(x)), x, 1);
        for (uint64_t x = 1; x < UINT64_MAX / 3; x = x * 3 + 1)
                assert_true(profile_log(x) <= profile_log(x + x / 2 + 1));
        assert_int_equal(profile_log(UINT64_MAX), UINT16_MAX);
        assert_true(profile_unlog(UINT16_MAX) > UINT64_MAX / 2);
}

/* The estimate's standard error over many sets of peers, as the paper says: 13 %; less while it counts linearly. */
static void test_sketch_error(void **state)
{
        static const uint32_t sizes[] = {20, 64, 200, 1000, 10000, 200000};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                double squares = 0, sum = 0;
                unsigned sets = sizes[i] > 10000 ? 50 : 300;

                for (unsigned set = 0; set < sets; set++) {
                        uint8_t cells[32] = {0};
                        double off;

                        for (uint32_t n = 0; n < sizes[i]; n++) {
                                struct addr peer = v4(set * 0x01000193u + n * 7);

                                profile_sketch_add(cells, 64, profile_sketch_hash(&peer));
                                profile_sketch_add(cells, 64, profile_sketch_hash(&peer)); /* again: no more */
                        }
                        off = (double) profile_sketch_count(cells, 64) / sizes[i] - 1;
                        sum += off;
                        squares += off * off;
                }
                assert_true(squares / sets < 0.15 * 0.15);
                assert_true(sum / sets < 0.04 && sum / sets > -0.04);
        }
}

static void test_sketch_few_and_many(void **state)
{
        unsigned wrong = 0;

        (void) state;
        for (unsigned set = 0; set < 1000; set++) {
                uint8_t cells[32] = {0}, small[8] = {0};

                assert_int_equal(profile_sketch_count(cells, 64), 0);
                for (uint32_t n = 1; n <= 3; n++) {
                        struct addr peer = {.b = {0x20, 1, 0x0d, 0xb8, set / 256, set % 256, [15] = (uint8_t) n}};

                        profile_sketch_add(cells, 64, profile_sketch_hash(&peer));
                        profile_sketch_add(small, 16, profile_sketch_hash(&peer));
                        wrong += profile_sketch_count(cells, 64) != n;
                        if (n == 1)
                                assert_true(profile_sketch_count(cells, 64) == 1 &&
                                            profile_sketch_count(small, 16) == 1);
                }
        }
        assert_in_range(wrong, 10, 120); /* 1/64 and 3/64 of them would be 63 */
        for (unsigned registers = 16; registers <= 64; registers += 48) {
                uint8_t full[32];

                memset(full, 0xff, sizeof(full));
                assert_in_range(profile_sketch_count(full, registers), 300000, 2000000);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_log),
                cmocka_unit_test(test_sketch_error),
                cmocka_unit_test(test_sketch_few_and_many),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
