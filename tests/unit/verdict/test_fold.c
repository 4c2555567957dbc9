/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Folding: fading, caps, thresholds, stages and proof, at the edges of the integers too. Runs in the unit tests. */
#include "verdict/fold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/cleanup.h"

#define HOUR (3600 * NSEC_PER_SEC)

static const struct fold_params params = {.suspect = 1000, .bot = 2000};
static const struct evidence_kind control = {
        .name = "a.control", .stage = STAGE_CONTROL, .weight = 1200, .cap = 2400, .half_life = HOUR};
static const struct evidence_kind attack = {
        .name = "a.attack", .stage = STAGE_ATTACK, .weight = 900, .cap = 1500, .half_life = 2 * HOUR};
static const struct evidence_kind proof = {
        .name = "a.proof", .stage = STAGE_ATTACK, .weight = 2500, .cap = 2500, .half_life = HOUR, .conclusive = true};
static const struct evidence_kind lasting = {.name = "a.lasting", .stage = STAGE_HIDE, .weight = 500, .cap = 500};

static struct evidence piece(const struct evidence_kind *kind, int32_t weight, nsec_t last)
{
        return (struct evidence){.kind = kind, .weight = weight, .first = last, .last = last, .count = 1};
}

static struct verdict fold(const struct evidence *pieces, size_t n, nsec_t now, bool enough)
{
        static const struct subject subject = {.kind = SUBJECT_PROCESS, .pid = 7};
        const struct evidence *list[8] = {0};
        struct verdict v;

        for (size_t i = 0; i < n; i++)
                list[i] = &pieces[i];
        verdict_fold(&params, &subject, list, n, now, enough, &v);
        return v;
}

static void test_fading(void **state _unused_)
{
        struct evidence e = piece(&control, 1600, 10 * HOUR);

        assert_int_equal(verdict_piece_weight(&e, 10 * HOUR), 1600);
        assert_int_equal(verdict_piece_weight(&e, 10 * HOUR + HOUR / 2), 1200); /* on the line between */
        assert_int_equal(verdict_piece_weight(&e, 11 * HOUR), 800);
        assert_int_equal(verdict_piece_weight(&e, 11 * HOUR + HOUR / 2), 600);
        assert_int_equal(verdict_piece_weight(&e, 12 * HOUR), 400);
        assert_int_equal(verdict_piece_weight(&e, 14 * HOUR), 100);
        assert_int_equal(verdict_piece_weight(&e, 21 * HOUR), 0);
        assert_int_equal(verdict_piece_weight(&e, INT64_MAX), 0);
}

static void test_fading_never_rises(void **state _unused_)
{
        struct evidence e = piece(&control, 2399, 0);
        int32_t before = INT32_MAX;

        for (nsec_t t = 0; t < 15 * HOUR; t += HOUR / 97 + 1) {
                int32_t w = verdict_piece_weight(&e, t);

                assert_true(w <= before && w >= 0);
                before = w;
        }
        assert_int_equal(before, 0);
}

static void test_future_and_lasting(void **state _unused_)
{
        struct evidence e = piece(&control, 1600, 10 * HOUR);
        struct evidence l = piece(&lasting, 500, 0);
        struct evidence old = piece(&control, 1600, INT64_MIN);

        assert_int_equal(verdict_piece_weight(&e, 0), 1600);
        assert_int_equal(verdict_piece_weight(&e, INT64_MIN), 1600);
        assert_int_equal(verdict_piece_weight(&l, INT64_MAX), 500);
        assert_int_equal(verdict_piece_weight(&old, INT64_MAX), 0);
}

static void test_extreme_half_lives(void **state _unused_)
{
        struct evidence_kind kind = {.name = "x", .cap = INT32_MAX, .half_life = INT64_MAX};
        struct evidence e = piece(&kind, INT32_MAX, 0);

        assert_int_equal(verdict_piece_weight(&e, INT64_MAX), INT32_MAX / 2);
        kind.half_life = 1;
        assert_int_equal(verdict_piece_weight(&e, 1), INT32_MAX / 2);
        assert_int_equal(verdict_piece_weight(&e, 30), 1);
        assert_int_equal(verdict_piece_weight(&e, 31), 0);
        kind.half_life = -5; /* never negative by contract: taken as lasting, no division by it */
        assert_int_equal(verdict_piece_weight(&e, 100), INT32_MAX);
}

static void test_caps(void **state _unused_)
{
        const struct evidence_kind small = {.name = "x", .weight = 900, .cap = 300};
        const struct evidence_kind none = {.name = "x", .weight = 900, .cap = 0};
        struct evidence e = piece(&control, 100000, 0);

        assert_int_equal(verdict_piece_weight(&e, 0), 2400);
        assert_int_equal(verdict_piece_weight(&e, HOUR), 1200); /* the cap first, then the fading */
        e.kind = &small;
        assert_int_equal(verdict_piece_weight(&e, 0), 300);
        e.weight = -100000;
        assert_int_equal(verdict_piece_weight(&e, 0), -300);
        e.kind = &none;
        assert_int_equal(verdict_piece_weight(&e, 0), 0);
}

static void test_levels(void **state _unused_)
{
        struct evidence two[] = {piece(&control, 1200, 0), piece(&attack, 900, 5)};
        struct verdict v;

        v = fold(NULL, 0, 9, false);
        assert_int_equal(v.level, LEVEL_UNKNOWN);
        assert_int_equal(v.score, 0);
        assert_int_equal(v.time, 9);
        assert_int_equal(v.subject.pid, 7);
        assert_int_equal(fold(NULL, 0, 0, true).level, LEVEL_CLEAR);
        assert_int_equal(fold(&two[1], 1, 0, true).level, LEVEL_CLEAR);
        assert_int_equal(fold(&two[1], 1, 0, false).level, LEVEL_UNKNOWN);
        assert_int_equal(fold(two, 1, 0, false).level, LEVEL_SUSPECT);
        v = fold(two, 2, 0, false);
        assert_int_equal(v.level, LEVEL_BOT);
        assert_int_equal(v.score, 2100);
        assert_int_equal(v.stages, 1u << STAGE_CONTROL | 1u << STAGE_ATTACK);
        assert_int_equal(v.time, 5);
        assert_false(v.conclusive);
}

static void test_thresholds_are_inclusive(void **state _unused_)
{
        struct evidence e[] = {piece(&control, 999, 0), piece(&lasting, 1, 0), piece(&attack, 1000, 0)};

        assert_int_equal(fold(e, 1, 0, true).level, LEVEL_CLEAR);
        assert_int_equal(fold(e, 2, 0, true).level, LEVEL_SUSPECT);
        assert_int_equal(fold(e, 3, 0, true).level, LEVEL_BOT);
        e[2].weight = 999;
        assert_int_equal(fold(e, 3, 0, true).level, LEVEL_SUSPECT);
}

static void test_one_stage_is_no_bot(void **state _unused_)
{
        struct evidence e[] = {piece(&control, 2400, 0), piece(&control, 2400, 0)};

        assert_int_equal(fold(e, 2, 0, true).score, 4800);
        assert_int_equal(fold(e, 2, 0, true).level, LEVEL_SUSPECT);
}

static void test_faded_piece_is_no_stage(void **state _unused_)
{
        struct evidence e[] = {piece(&control, 2400, 0), piece(&lasting, 100, 0)};

        assert_int_equal(fold(e, 2, 0, true).level, LEVEL_BOT);
        e[1].weight = 99;
        assert_int_equal(fold(e, 2, 0, true).level, LEVEL_SUSPECT);
        assert_int_equal(fold(e, 2, 0, true).stages, 1u << STAGE_CONTROL);
}

static void test_conclusive(void **state _unused_)
{
        struct evidence e[] = {piece(&proof, 2500, 0), piece(&attack, 1500, 6 * HOUR), piece(&attack, 1500, 6 * HOUR)};
        struct verdict v = fold(e, 1, 0, false);

        assert_int_equal(v.level, LEVEL_BOT);
        assert_true(v.conclusive);
        /* One half-life later it is below the threshold; six later it has faded and proves nothing more. */
        v = fold(e, 1, HOUR, false);
        assert_int_equal(v.level, LEVEL_SUSPECT);
        assert_true(v.conclusive);
        v = fold(e, 3, 6 * HOUR, true);
        assert_int_equal(v.score, 39 + 3000);
        assert_false(v.conclusive);
        assert_int_equal(v.level, LEVEL_SUSPECT);
}

static void test_negative_weights(void **state _unused_)
{
        struct evidence e[] = {piece(&control, 1200, 0), piece(&attack, -900, 0)};
        struct verdict v = fold(e, 2, 0, true);

        assert_int_equal(v.score, 300);
        assert_int_equal(v.level, LEVEL_CLEAR);
        assert_int_equal(v.stages, 1u << STAGE_CONTROL);
        assert_int_equal(fold(&e[1], 1, 2 * HOUR, true).score, -450); /* fades towards zero as well */
}

static void test_sums_do_not_overflow(void **state _unused_)
{
        const struct evidence_kind huge = {.name = "x", .cap = INT32_MAX, .stage = STAGE_HIDE};
        const struct evidence_kind bad = {.name = "x", .cap = INT32_MIN, .stage = (enum stage) 77};
        struct evidence e[] = {piece(&huge, INT32_MAX, 0), piece(&huge, INT32_MAX, 0), piece(&huge, INT32_MAX, 0)};

        assert_int_equal(fold(e, 3, 0, true).score, INT32_MAX);
        assert_int_equal(fold(e, 3, 0, true).level, LEVEL_SUSPECT);
        for (int i = 0; i < 3; i++)
                e[i].weight = INT32_MIN;
        assert_int_equal(fold(e, 3, 0, true).score, INT32_MIN);
        e[0] = piece(&bad, INT32_MIN, 0);
        assert_int_equal(fold(e, 1, 0, true).score, INT32_MIN);
        e[0].weight = INT32_MAX;
        assert_int_equal(fold(e, 1, 0, true).stages, 0); /* no such stage */
}

static void test_swapped_thresholds(void **state _unused_)
{
        const struct fold_params swapped = {.suspect = 3000, .bot = 1000};
        const struct subject subject = {0};
        struct evidence e = piece(&control, 1200, 0);
        const struct evidence *list = &e;
        struct verdict v;

        verdict_fold(&swapped, &subject, &list, 1, 0, true, &v);
        assert_int_equal(v.level, LEVEL_SUSPECT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_fading),
                cmocka_unit_test(test_fading_never_rises),
                cmocka_unit_test(test_future_and_lasting),
                cmocka_unit_test(test_extreme_half_lives),
                cmocka_unit_test(test_caps),
                cmocka_unit_test(test_levels),
                cmocka_unit_test(test_thresholds_are_inclusive),
                cmocka_unit_test(test_one_stage_is_no_bot),
                cmocka_unit_test(test_faded_piece_is_no_stage),
                cmocka_unit_test(test_conclusive),
                cmocka_unit_test(test_negative_weights),
                cmocka_unit_test(test_sums_do_not_overflow),
                cmocka_unit_test(test_swapped_thresholds),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
