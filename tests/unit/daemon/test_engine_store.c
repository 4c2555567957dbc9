/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the engine gives to its store: times as the wall clock has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/engine_store.c"

#define HOUR (3600 * NSEC_PER_SEC)
#define T0   (1000 * HOUR)

/* A clock that was set changes when things happened, and nothing else. */
static void test_shift(void **state _unused_)
{
        struct evidence e = {.first = T0, .last = T0 + 5, .count = 7}, before;

        assert_int_equal(evidence_fact_time(&e, "since", T0 + 1), 0);
        assert_int_equal(evidence_fact_span(&e, "reaction", 12), 0);
        assert_int_equal(evidence_fact_number(&e, "peers", 30), 0);
        assert_int_equal(evidence_fact_text(&e, "grade", "order"), 0);
        assert_int_equal(evidence_fact_time(&e, "order_time", T0 + 2), 0);
        before = e;
        shift_times(&e, HOUR);
        assert_int_equal(e.first, T0 + HOUR);
        assert_int_equal(e.last, T0 + HOUR + 5);
        assert_int_equal(evidence_find_fact(&e, "since")->number, T0 + HOUR + 1);
        assert_int_equal(evidence_find_fact(&e, "order_time")->number, T0 + HOUR + 2);
        assert_int_equal(evidence_find_fact(&e, "reaction")->number, 12);
        assert_int_equal(evidence_find_fact(&e, "peers")->number, 30);
        shift_times(&e, -HOUR);
        assert_memory_equal(&e, &before, sizeof(e));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_shift),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
