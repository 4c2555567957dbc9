/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The registry: every row is whole, and its kinds can be found and folded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "detect/detector.h"
#include "verdict/ledger.h"

enum {
        ROWS = 0
#define DETECTOR(name) +1
#include "detect/detectors.def"
#undef DETECTOR
};

static void test_rows(void **state)
{
        size_t n = 0;

        (void) state;
        for (; detectors[n]; n++) {
                const struct detector *d = detectors[n];

                assert_ptr_equal(detector_find(d->name), d);
                assert_true(d->help[0] && d->source[0] && d->limits[0]);
                /* All of one detector find room on one subject. */
                assert_true(d->events != 0 && d->n_kinds > 0 && d->n_kinds <= LEDGER_KINDS);
                assert_true(d->new && d->free && d->event && d->explain);
                for (size_t k = 0; k < d->n_kinds; k++) {
                        const struct evidence_kind *kind = &d->kinds[k];
                        const struct detector *owner = NULL;

                        assert_ptr_equal(evidence_kind_find(kind->name, &owner), kind);
                        assert_ptr_equal(owner, d);
                        assert_memory_equal(kind->name, d->name, strlen(d->name));
                        assert_int_equal(kind->name[strlen(d->name)], '.');
                        assert_true(kind->title[0] && kind->reason[0]);
                        assert_true(kind->weight > 0 && kind->cap >= kind->weight && kind->half_life > 0);
                }
        }
        assert_int_equal(n, ROWS);
        assert_null(detector_find("nobody"));
        assert_null(evidence_kind_find("server_like.nothing", NULL));
        assert_non_null(evidence_kind_find("server_like.order", NULL));
}

/* An explanation is made from whatever the store gives back: nothing, wrong types, hostile names. */
static void test_explain_anything(void **state)
{
        static const char *const keys[] = {"order_giver", "since",   "origin",     "by",       "grade",
                                           "taker",       "started", "executor",   "chain",    "order_time",
                                           "reaction",    "peers",   "first_peer", "bytes_out"};

        (void) state;
        for (size_t i = 0; detectors[i]; i++)
                for (size_t k = 0; k < detectors[i]->n_kinds; k++) {
                        _cleanup_(buf_done)
                        struct buf out = BUF_HEAP(65536);
                        struct evidence e = {.kind = &detectors[i]->kinds[k]};

                        detectors[i]->explain(&e, &out);
                        assert_true(out.len > 20 && out.error == 0);
                        assert_int_equal(out.data[out.len - 1], '\n');
                        for (size_t f = 0; f < sizeof(keys) / sizeof(keys[0]); f++)
                                evidence_fact_text(&e, keys[f], "\x1b[31mwrong");
                        evidence_fact_process(&e, "taker", &(struct task){1, 1, 2, 3}, "\x1b[31mred");
                        evidence_fact_process(&e, "executor", &(struct task){1, 1, 2, 3}, "\x1b[31mred");
                        buf_reset(&out);
                        detectors[i]->explain(&e, &out);
                        assert_true(out.error == 0);
                }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_explain_anything)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
