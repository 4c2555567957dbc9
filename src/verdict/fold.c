/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Evidence to verdict, in integers only: 10 half-lives or one, any machine gives the same number. Pure; runs in the
 * engine and in the offline commands. */
#include "verdict/fold.h"

#include "base/cleanup.h"

/* A piece that weighs less than this (1.0) has all but faded: it still adds to the score, but is no stage and no proof.
 */
#define PIECE_COUNTS 100

/* How long ago `then` was, 0 when it lies ahead. */
static nsec_t age_of(nsec_t then, nsec_t now)
{
        nsec_t age;

        if (now <= then)
                return 0;
        return __builtin_sub_overflow(now, then, &age) ? INT64_MAX : age;
}

/* Halved per whole half-life, and on a straight line between one halving and the next: at most 6 % above the curve. */
static int64_t fade(int64_t weight, nsec_t half_life, nsec_t age)
{
        nsec_t halvings;
        __int128 line;

        if (half_life <= 0)
                return weight;
        halvings = age / half_life;
        if (halvings > 32)
                return 0;
        line = (__int128) weight * (2 * (__int128) half_life - age % half_life);
        return (int64_t) (line / (2 * (__int128) half_life) / ((__int128) 1 << halvings));
}

int32_t verdict_piece_weight(const struct evidence *e, nsec_t now)
{
        int64_t cap = e->kind->cap < 0 ? -(int64_t) e->kind->cap : e->kind->cap;
        int64_t weight = MIN(MAX((int64_t) e->weight, -cap), cap);

        weight = fade(weight, e->kind->half_life, age_of(e->last, now));
        return (int32_t) MIN(MAX(weight, (int64_t) INT32_MIN), (int64_t) INT32_MAX);
}

static enum level level_of(const struct fold_params *params, const struct verdict *v, bool enough)
{
        bool proven = v->conclusive || __builtin_popcount(v->stages) >= 2;

        if (v->score >= params->bot && proven)
                return LEVEL_BOT;
        if (v->score >= MIN(params->suspect, params->bot))
                return LEVEL_SUSPECT;
        return enough ? LEVEL_CLEAR : LEVEL_UNKNOWN;
}

void verdict_fold(const struct fold_params *params, const struct subject *subject, const struct evidence *const *pieces,
                  size_t n, nsec_t now, bool enough, struct verdict *ret)
{
        struct verdict v = {.subject = *subject, .time = now};
        nsec_t newest = INT64_MIN;
        int64_t sum = 0;

        for (size_t i = 0; i < n; i++) {
                const struct evidence *e = pieces[i];
                int32_t weight = verdict_piece_weight(e, now);

                sum += weight;
                if (weight < PIECE_COUNTS)
                        continue;
                newest = MAX(newest, e->last);
                if ((unsigned) e->kind->stage < STAGES)
                        v.stages |= 1u << e->kind->stage;
                if (e->kind->conclusive)
                        v.conclusive = true;
        }
        v.score = (int32_t) MIN(MAX(sum, (int64_t) INT32_MIN), (int64_t) INT32_MAX);
        v.level = level_of(params, &v, enough);
        if (newest != INT64_MIN)
                v.time = newest;
        *ret = v;
}
