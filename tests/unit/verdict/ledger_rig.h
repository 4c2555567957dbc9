/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A ledger with two kinds of evidence, and what it said. */
#ifndef SEKIMORI_TEST_LEDGER_RIG_H
#define SEKIMORI_TEST_LEDGER_RIG_H

#include "verdict/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define HOUR (3600 * NSEC_PER_SEC)
#define T0   (1000 * HOUR)

static const struct evidence_kind control _unused_ = {
        .name = "a.control", .stage = STAGE_CONTROL, .weight = 800, .cap = 2000, .half_life = HOUR};
static const struct evidence_kind attack _unused_ = {
        .name = "b.attack", .stage = STAGE_ATTACK, .weight = 1200, .cap = 1200, .half_life = HOUR};
static const struct subject self _unused_ = {.kind = SUBJECT_HOST};

struct call {
        struct evidence merged;
        const struct config_exception *exception;
        struct verdict before, after;
        size_t pieces; /* that `after` was folded from */
        int32_t score; /* of those */
};

struct fixture {
        struct config config;
        struct ledger *ledger;
        struct call calls[16]; /* the newest first ones; n_calls counts on */
        unsigned n_calls;
};

static inline void on_claim(void *userdata, const struct evidence *merged, const struct config_exception *exception,
                            const struct verdict *before, const struct verdict *after)
{
        struct fixture *f = userdata;
        struct call *c = &f->calls[f->n_calls++ % ELEMENTSOF(f->calls)];
        const struct evidence *pieces[LEDGER_PIECES];

        *c = (struct call){*merged, exception, *before, *after, 0, 0};
        c->pieces = ledger_pieces(f->ledger, &after->subject, merged->last, pieces);
        for (size_t i = 0; i < c->pieces; i++)
                c->score += verdict_piece_weight(pieces[i], merged->last);
}

static inline int setup(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));

        f->config.verdict.suspect = 1000;
        f->config.verdict.bot = 2000;
        assert_int_equal(ledger_new(&f->config, &(struct ledger_sink){on_claim, f}, &f->ledger), 0);
        *state = f;
        return 0;
}

static inline int teardown(void **state)
{
        struct fixture *f = *state;

        ledger_free(f->ledger);
        free(f);
        return 0;
}

static inline struct subject process(uint32_t pid)
{
        return (struct subject){.kind = SUBJECT_PROCESS, .pid = pid, .start = pid * 10ull, .name = "p"};
}

static inline struct subject host(uint32_t n)
{
        return (struct subject){.kind = SUBJECT_HOST, .addr = addr_from_v4(htobe32(0x0a000000u + n))};
}

static inline struct evidence claim(struct subject s, const struct evidence_kind *kind, nsec_t t)
{
        return (struct evidence){.subject = s, .kind = kind, .weight = kind->weight, .first = t, .last = t, .count = 1};
}

static inline void add(struct fixture *f, struct subject s, const struct evidence_kind *kind, nsec_t t)
{
        struct evidence e = claim(s, kind, t);

        ledger_add(f->ledger, &e);
}

static inline struct verdict verdict(struct fixture *f, struct subject s, nsec_t t)
{
        struct verdict v = {0};

        assert_true(ledger_verdict(f->ledger, &s, t, &v));
        return v;
}

#endif
