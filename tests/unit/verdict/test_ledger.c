/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ledger: merging, overrides, exceptions, the host's verdict. Runs in the unit tests. */
#include "ledger_rig.h"

static void test_merge(void **state)
{
        struct fixture *f = *state;
        struct evidence e = claim(host(1), &control, T0);

        e.refs[e.n_refs++] = 11;
        evidence_fact_number(&e, "n", 1);
        ledger_add(f->ledger, &e);
        e = claim(host(1), &control, T0 + HOUR);
        e.refs[e.n_refs++] = 22;
        evidence_fact_number(&e, "n", 2);
        ledger_add(f->ledger, &e);

        assert_int_equal(f->n_calls, 2);
        assert_int_equal(f->calls[1].merged.weight, 400 + 800); /* the older claim has halved */
        assert_int_equal(f->calls[1].merged.count, 2);
        assert_int_equal(f->calls[1].merged.first, T0);
        assert_int_equal(f->calls[1].merged.last, T0 + HOUR);
        assert_int_equal(evidence_find_fact(&f->calls[1].merged, "n")->number, 2);
        assert_int_equal(f->calls[1].merged.n_refs, 2);
        assert_int_equal(f->calls[1].before.level, LEVEL_UNKNOWN);
        assert_int_equal(f->calls[1].after.level, LEVEL_SUSPECT);
        assert_int_equal(f->calls[1].after.time, T0 + HOUR);
}

static void test_merge_caps(void **state)
{
        struct fixture *f = *state;

        for (int i = 0; i < 1000; i++)
                add(f, host(1), &control, T0);
        assert_int_equal(f->calls[(f->n_calls - 1) % ELEMENTSOF(f->calls)].merged.weight, 2000);
        assert_int_equal(verdict(f, host(1), T0).score, 2000);
        assert_int_equal(verdict(f, host(1), T0).level, LEVEL_SUSPECT); /* one stage */
        assert_int_equal(verdict(f, host(1), T0 + HOUR).score, 1000);   /* a thousand fade as fast as three */
}

static void test_backward_time(void **state)
{
        struct fixture *f = *state;
        struct evidence e = claim(host(1), &control, T0 + HOUR);

        evidence_fact_number(&e, "n", 1);
        ledger_add(f->ledger, &e);
        e = claim(host(1), &control, T0); /* late: it has halved by the time of the first */
        ledger_add(f->ledger, &e);
        assert_int_equal(f->calls[1].merged.weight, 1200);
        assert_int_equal(f->calls[1].merged.last, T0 + HOUR);
        assert_int_equal(f->calls[1].merged.first, T0);
        assert_int_equal(evidence_find_fact(&f->calls[1].merged, "n")->number, 1);
        add(f, host(1), &attack, INT64_MIN);
        assert_int_equal(verdict(f, host(1), INT64_MIN).score, 2400);
        assert_int_equal(verdict(f, host(1), INT64_MAX).score, 0);
}

static void test_extremes(void **state)
{
        static const struct evidence_kind huge = {.name = "h.h", .weight = INT32_MAX, .cap = INT32_MAX};
        struct fixture *f = *state;
        struct evidence e = claim(host(1), &huge, T0);

        e.count = UINT32_MAX;
        ledger_add(f->ledger, &e);
        ledger_add(f->ledger, &e);
        assert_int_equal(verdict(f, host(1), T0).score, INT32_MAX);
        assert_int_equal(f->calls[1].merged.count, UINT32_MAX);
        e.weight = INT32_MIN;
        ledger_add(f->ledger, &e);
        assert_int_equal(verdict(f, host(1), T0).score, 0);
        ledger_add(f->ledger, &e);
        ledger_add(f->ledger, &e);
        assert_int_equal(verdict(f, host(1), T0).score, -INT32_MAX);
        e.count = 0; /* a claim is at least one */
        e.subject = host(2);
        ledger_add(f->ledger, &e);
        assert_int_equal(f->calls[5].merged.count, 1);
}

static void test_weight_overrides(void **state)
{
        struct fixture *f = *state;
        struct config_weight weights[] = {{(char *) "x.y", 1}, {(char *) "a.control", 400}};
        struct evidence graded = claim(host(2), &control, T0);

        f->config.verdict.weights = weights;
        f->config.verdict.n_weights = 2;
        add(f, host(1), &control, T0);
        assert_int_equal(verdict(f, host(1), T0).score, 400);
        graded.weight = 1600; /* the detector found it twice as telling */
        ledger_add(f->ledger, &graded);
        assert_int_equal(verdict(f, host(2), T0).score, 800);
        weights[1].weight = 0;
        add(f, host(3), &control, T0);
        assert_int_equal(verdict(f, host(3), T0).score, 0);
        weights[1].weight = INT32_MAX; /* the cap holds */
        graded.subject = host(4);
        graded.weight = INT32_MAX;
        ledger_add(f->ledger, &graded);
        assert_int_equal(verdict(f, host(4), T0).score, 2000);
        add(f, host(5), &attack, T0);
        assert_int_equal(verdict(f, host(5), T0).score, 1200);
}

static void test_new_config(void **state)
{
        struct fixture *f = *state;
        struct config strict = f->config;

        add(f, host(1), &control, T0);
        assert_int_equal(verdict(f, host(1), T0).level, LEVEL_UNKNOWN);
        strict.verdict.suspect = 500;
        ledger_set_config(f->ledger, &strict);
        add(f, host(1), &control, T0);
        assert_int_equal(verdict(f, host(1), T0).level, LEVEL_SUSPECT);
}

static void test_exception(void **state)
{
        struct fixture *f = *state;
        struct config_exception x = {.detector = (char *) "a", .until = T0 + HOUR};

        f->config.exceptions = &x;
        f->config.n_exceptions = 1;
        add(f, process(1), &attack, T0);
        add(f, process(1), &control, T0);
        add(f, process(1), &control, T0 + 1);
        assert_int_equal(f->n_calls, 2 + 1 + 1); /* process and host; silenced: process only */
        assert_ptr_equal(f->calls[3].exception, &x);
        assert_int_equal(f->calls[3].before.level, f->calls[3].after.level);
        assert_int_equal(f->calls[3].before.score, f->calls[3].after.score);
        assert_int_equal(f->calls[3].before.excepted, 1);
        assert_int_equal(f->calls[3].after.excepted, 2);
        assert_int_equal(f->calls[3].merged.count, 2);
        assert_int_equal(verdict(f, process(1), T0).score, 1200);
        assert_int_equal(verdict(f, process(1), T0).excepted, 2);
        assert_int_equal(verdict(f, self, T0).excepted, 2);
        assert_int_equal(verdict(f, self, T0).score, 1200);
        add(f, process(1), &control, T0 + HOUR); /* it has ended */
        assert_null(f->calls[4].exception);
        assert_int_equal(verdict(f, process(1), T0 + HOUR).excepted, 2);
        assert_int_equal(verdict(f, process(1), T0 + HOUR).score, 600 + 800);
}

static void test_host_of_processes(void **state)
{
        struct fixture *f = *state;

        add(f, process(1), &control, T0);
        assert_int_equal(f->n_calls, 2);
        assert_int_equal(f->calls[0].after.subject.kind, SUBJECT_PROCESS);
        assert_int_equal(f->calls[1].after.subject.kind, SUBJECT_HOST);
        assert_int_equal(f->calls[1].merged.subject.kind, SUBJECT_HOST);
        add(f, process(1), &control, T0);
        add(f, process(2), &control, T0); /* weaker than what 1 has of it */
        assert_int_equal(f->n_calls, 5);
        assert_int_equal(verdict(f, self, T0).score, 1600);
        add(f, process(3), &attack, T0);
        assert_int_equal(verdict(f, self, T0).score, 2800);
        assert_int_equal(verdict(f, self, T0).level, LEVEL_BOT); /* two processes, two stages, one machine */
        assert_int_equal(verdict(f, process(3), T0).level, LEVEL_SUSPECT);
        /* Hours later 2 is the strongest. */
        add(f, process(2), &control, T0 + 4 * HOUR);
        assert_int_equal(verdict(f, self, T0 + 4 * HOUR).score, 800 + 50 + 75);
}

static void test_host_by_itself(void **state)
{
        struct fixture *f = *state;

        add(f, process(1), &control, T0);
        add(f, process(1), &control, T0);
        add(f, self, &control, T0); /* the weaker of the two for one kind does not add */
        assert_int_equal(verdict(f, self, T0).score, 1600);
        add(f, self, &control, T0);
        add(f, self, &control, T0);
        assert_int_equal(verdict(f, self, T0).score, 2000);
        add(f, host(1), &attack, T0); /* another host is another subject */
        assert_int_equal(verdict(f, self, T0).score, 2000);
}

static void test_seen(void **state)
{
        struct fixture *f = *state;
        struct subject p = process(1);
        struct verdict v;

        assert_false(ledger_verdict(f->ledger, &p, T0, &v));
        for (int i = 0; i < LEDGER_ENOUGH; i++) {
                ledger_seen(f->ledger, &p, T0);
                assert_int_equal(verdict(f, p, T0).level, i + 1 < LEDGER_ENOUGH ? LEVEL_UNKNOWN : LEVEL_CLEAR);
        }
        assert_int_equal(verdict(f, self, T0).level, LEVEL_CLEAR);
        assert_int_equal(f->n_calls, 0);
}

static void test_level_time(void **state)
{
        struct fixture *f = *state;

        add(f, host(1), &attack, T0);
        add(f, host(1), &attack, T0 + 60);
        assert_int_equal(verdict(f, host(1), T0 + 60).time, T0); /* since then */
        add(f, host(1), &attack, T0 + 10 * HOUR);                /* it had faded in between */
        assert_int_equal(verdict(f, host(1), T0 + 10 * HOUR).time, T0 + 10 * HOUR);
        assert_int_equal(f->calls[2].before.level, LEVEL_CLEAR);
        assert_int_equal(f->calls[2].after.level, LEVEL_SUSPECT);
}

static void test_program_changes(void **state)
{
        struct fixture *f = *state;
        struct subject p = process(1);

        ledger_seen(f->ledger, &p, T0);
        snprintf(p.name, sizeof(p.name), "other");
        p.exe_ino = 5;
        add(f, p, &attack, T0);
        assert_string_equal(verdict(f, p, T0).subject.name, "other");
        p.name[0] = '\0';
        ledger_seen(f->ledger, &p, T0);
        assert_string_equal(verdict(f, p, T0).subject.name, "other");
}

struct seen_each {
        unsigned n;
        size_t pieces;
        int32_t score;
};

static void on_each(void *userdata, const struct verdict *v, const struct evidence *const *pieces, size_t n)
{
        struct seen_each *e = userdata;

        e->n++;
        e->pieces += n;
        e->score += v->score;
        for (size_t i = 0; i < n; i++)
                assert_non_null(pieces[i]->kind);
}

static void test_each(void **state)
{
        struct fixture *f = *state;
        struct seen_each e = {0};

        add(f, process(1), &control, T0);
        add(f, process(2), &attack, T0);
        ledger_each(f->ledger, LEVEL_UNKNOWN, T0, on_each, &e);
        assert_int_equal(e.n, 3);
        assert_int_equal(e.pieces, 4);
        assert_int_equal(e.score, 800 + 1200 + 2000);
        e = (struct seen_each){0};
        ledger_each(f->ledger, LEVEL_SUSPECT, T0, on_each, &e);
        assert_int_equal(e.n, 2);
        e = (struct seen_each){0};
        ledger_each(f->ledger, LEVEL_BOT, T0 + HOUR, on_each, &e);
        assert_int_equal(e.n, 0);
}

/* Who is told of a verdict can ask for all that it stands on, at once. */
static void test_pieces(void **state)
{
        const struct evidence *pieces[LEDGER_PIECES];
        struct fixture *f = *state;
        struct subject nobody = process(9);

        add(f, process(1), &control, T0);
        add(f, process(1), &attack, T0 + 1);
        assert_int_equal(f->n_calls, 4);
        for (unsigned i = 0; i < f->n_calls; i++) {
                assert_int_equal(f->calls[i].pieces, i < 2 ? 1 : 2); /* the process's, then its host's */
                assert_int_equal(f->calls[i].score, f->calls[i].after.score);
        }
        add(f, self, &control, T0 + 1); /* the weaker of two of one kind: not told twice */
        assert_int_equal(f->calls[4].pieces, 2);
        assert_int_equal(ledger_pieces(f->ledger, &nobody, T0, pieces), 0);
}

/* What comes back at a start is told to nobody, weighed no second time, and added to. */
static void test_restore(void **state)
{
        struct fixture *f = *state;
        struct config_weight twice = {.kind = (char *) "a.control", .weight = 1600};
        struct evidence piece = claim(process(1), &control, T0);
        struct verdict v;

        f->config.verdict.weights = &twice;
        f->config.verdict.n_weights = 1;
        piece.weight = 1600;
        piece.count = 7;
        ledger_restore(f->ledger, &piece, false);
        ledger_restore(f->ledger, &piece, true);
        assert_int_equal(f->n_calls, 0);
        assert_true(ledger_verdict(f->ledger, &self, T0, &v));
        assert_int_equal(v.score, 1600);
        assert_true(ledger_verdict(f->ledger, &piece.subject, T0, &v));
        assert_int_equal(v.score, 1600);
        assert_int_equal(v.excepted, 7);
        add(f, process(1), &control, T0);
        assert_int_equal(f->calls[0].merged.count, 8);
        assert_int_equal(f->calls[0].before.level, LEVEL_SUSPECT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_merge, setup, teardown),
                cmocka_unit_test_setup_teardown(test_merge_caps, setup, teardown),
                cmocka_unit_test_setup_teardown(test_backward_time, setup, teardown),
                cmocka_unit_test_setup_teardown(test_extremes, setup, teardown),
                cmocka_unit_test_setup_teardown(test_weight_overrides, setup, teardown),
                cmocka_unit_test_setup_teardown(test_new_config, setup, teardown),
                cmocka_unit_test_setup_teardown(test_exception, setup, teardown),
                cmocka_unit_test_setup_teardown(test_host_of_processes, setup, teardown),
                cmocka_unit_test_setup_teardown(test_host_by_itself, setup, teardown),
                cmocka_unit_test_setup_teardown(test_seen, setup, teardown),
                cmocka_unit_test_setup_teardown(test_level_time, setup, teardown),
                cmocka_unit_test_setup_teardown(test_program_changes, setup, teardown),
                cmocka_unit_test_setup_teardown(test_each, setup, teardown),
                cmocka_unit_test_setup_teardown(test_pieces, setup, teardown),
                cmocka_unit_test_setup_teardown(test_restore, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
