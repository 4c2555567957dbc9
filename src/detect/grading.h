/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Claims whose weight grows with what was seen: a detector says each time what the whole is worth now, and claims the
 * difference to what its earlier claims still count. So a piece of evidence stands at its grade while the thing goes
 * on, and fades when it is over. */
#ifndef SEKIMORI_DETECT_GRADING_H
#define SEKIMORI_DETECT_GRADING_H

#include "base/cleanup.h"
#include "model/evidence.h"

struct grading {
        uint32_t at;   /* second of the last claim; 0: none */
        uint16_t told; /* what all claims counted then, hundredths */
        uint16_t best; /* highest grade so far */
};

/* At most one claim in so many seconds that only says that it goes on. */
#define GRADING_RENEW 600u

/* Is there something to claim if the whole is worth `weight` in that second? Then *ret is the claim's weight, perhaps
 * 0. Fades as verdict_piece_weight() does. */
static inline bool grading_claim(struct grading *g, const struct evidence_kind *kind, uint32_t second, uint16_t weight,
                                 int32_t *ret)
{
        int64_t half_life = kind->half_life / NSEC_PER_SEC, age = g->at ? second - g->at : 0;
        int64_t halvings = half_life ? age / half_life : 0, left;

        if (weight == 0 || (g->at && weight <= g->best && age < GRADING_RENEW))
                return false;
        left = halvings > 16 ? 0 : (int64_t) g->told >> halvings;
        if (half_life)
                left = left * (2 * half_life - age % half_life) / (2 * half_life);
        *ret = (int32_t) MAX(weight - left, 0);
        g->told = (uint16_t) MAX(weight, left);
        g->best = MAX(g->best, weight);
        if (age > half_life)
                g->best = weight;
        g->at = MAX(second, 1u);
        return true;
}

#endif
