/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Evidence to verdict: a pure function in integers, so that the same evidence gives the same verdict anywhere. */
#ifndef SEKIMORI_VERDICT_FOLD_H
#define SEKIMORI_VERDICT_FOLD_H

#include "model/verdict.h"

#define VERDICT_SUSPECT_DEFAULT 1000 /* 10.0: ten times likelier a bot than not, before any prior */
#define VERDICT_BOT_DEFAULT     2000 /* 20.0: a hundred times */

struct fold_params {
        int32_t suspect, bot; /* thresholds, hundredths */
};

/* Folds `n` pieces of evidence on one subject (one per kind) as of `now`. A piece counts min(sum of claims, cap),
 * halved per half-life since its last claim. `enough`: enough was seen of the subject to call it clear rather than
 * unknown. `bot` wants the threshold and either two stages or one conclusive piece. Half-lives are never negative: a
 * piece from the future (the clock was set) counts in full. */
void verdict_fold(const struct fold_params *params, const struct subject *subject, const struct evidence *const *pieces,
                  size_t n, nsec_t now, bool enough, struct verdict *ret);

/* What one piece counts at `now`, hundredths. */
int32_t verdict_piece_weight(const struct evidence *e, nsec_t now);

#endif
