/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ledger's caps: who makes room for whom. Runs in the unit tests. */
#include "ledger_rig.h"

static void test_too_many_kinds(void **state)
{
        struct fixture *f = *state;
        struct evidence_kind kinds[LEDGER_KINDS + 2];
        char names[LEDGER_KINDS + 2][8];
        struct table_stats stats;

        for (unsigned i = 0; i < ELEMENTSOF(kinds); i++) {
                snprintf(names[i], sizeof(names[i]), "k.%u", i);
                kinds[i] = (struct evidence_kind){.name = names[i], .weight = (int32_t) (100 + i), .cap = 1000};
        }
        kinds[LEDGER_KINDS].weight = 50; /* weaker than all: it finds no room */
        for (unsigned i = 0; i < ELEMENTSOF(kinds); i++)
                add(f, host(1), &kinds[i], T0);
        assert_int_equal(f->n_calls, LEDGER_KINDS + 1);
        /* all of the first ones, but the last in place of the weakest */
        assert_int_equal(verdict(f, host(1), T0).score,
                         LEDGER_KINDS * 100 + LEDGER_KINDS * (LEDGER_KINDS - 1) / 2 - 100 + 100 + LEDGER_KINDS + 1);
        ledger_get_stats(f->ledger, &stats);
        assert_int_equal(stats.evicted, 2);
}

static bool knows(struct fixture *f, struct subject s)
{
        struct verdict v;

        return ledger_verdict(f->ledger, &s, T0, &v);
}

static void test_eviction_order(void **state)
{
        struct fixture *f = *state;
        struct table_stats stats;
        struct subject s;

        add(f, host(1), &attack, T0); /* a suspect, the oldest of all */
        add(f, host(2), &attack, T0); /* a bot */
        add(f, host(2), &control, T0);
        add(f, host(2), &control, T0);
        add(f, host(3), &control, T0); /* some evidence */
        for (uint32_t i = 4; i <= LEDGER_SUBJECTS; i++) {
                s = host(i);
                ledger_seen(f->ledger, &s, T0 + i);
        }
        s = host(4);
        ledger_seen(f->ledger, &s, T0 + 2 * LEDGER_SUBJECTS); /* no longer the quietest */
        s = host(2 * LEDGER_SUBJECTS);
        ledger_seen(f->ledger, &s, T0 + 2 * LEDGER_SUBJECTS + 1);
        assert_false(knows(f, host(5)));
        assert_true(knows(f, host(4)));
        for (uint32_t i = 0; i < 3 * LEDGER_SUBJECTS; i++) {
                s = host(3 * LEDGER_SUBJECTS + i);
                ledger_seen(f->ledger, &s, T0 + 3 * LEDGER_SUBJECTS + i);
        }
        assert_true(knows(f, host(1)) && knows(f, host(2)) && knows(f, host(3)));
        assert_false(knows(f, host(4)));
        /* When all have evidence, those with the least conviction go first. */
        for (uint32_t i = 0; i < LEDGER_SUBJECTS; i++)
                add(f, host(10 * LEDGER_SUBJECTS + i), &control, T0 + 10 * LEDGER_SUBJECTS + i);
        assert_true(knows(f, host(1)) && knows(f, host(2)));
        assert_false(knows(f, host(3)));
        for (uint32_t i = 0; i < LEDGER_SUBJECTS; i++)
                add(f, host(20 * LEDGER_SUBJECTS + i), &attack, T0 + 20 * LEDGER_SUBJECTS + i);
        assert_false(knows(f, host(1)));
        assert_true(knows(f, host(2)));
        ledger_get_stats(f->ledger, &stats);
        assert_int_equal(stats.used, LEDGER_SUBJECTS);
        assert_true(stats.evicted > 5 * LEDGER_SUBJECTS - 10);
}

static void test_faded_conviction_goes(void **state)
{
        struct fixture *f = *state;
        struct subject s;

        add(f, host(1), &attack, T0);
        for (uint32_t i = 2; i <= LEDGER_SUBJECTS; i++)
                add(f, host(i), &control, T0 + 20 * HOUR);
        s = host(2 * LEDGER_SUBJECTS);
        ledger_seen(f->ledger, &s, T0 + 20 * HOUR);
        assert_false(knows(f, host(1))); /* once a suspect, long faded, longest quiet */
        assert_true(knows(f, host(2)));
}

/* The process's own entry may be the one that makes room for its host's. */
static void test_eviction_while_adding(void **state)
{
        struct fixture *f = *state;

        for (uint32_t i = 0; i < LEDGER_SUBJECTS; i++) {
                add(f, host(i + 1), &attack, T0);
                add(f, host(i + 1), &control, T0);
        }
        for (uint32_t i = 0; i < 10; i++)
                add(f, process(i), &control, T0 + 1);
        assert_int_equal(verdict(f, self, T0 + 1).score, 800);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_too_many_kinds, setup, teardown),
                cmocka_unit_test_setup_teardown(test_eviction_order, setup, teardown),
                cmocka_unit_test_setup_teardown(test_faded_conviction_goes, setup, teardown),
                cmocka_unit_test_setup_teardown(test_eviction_while_adding, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
