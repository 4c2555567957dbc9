/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The evidence held per subject, and the verdict that follows from it. Pure: no I/O. Caps: LEDGER_SUBJECTS subjects,
 * LEDGER_KINDS kinds on each; the least convicted and longest quiet go first, counted. */
#ifndef SEKIMORI_VERDICT_LEDGER_H
#define SEKIMORI_VERDICT_LEDGER_H

#include "base/table.h"
#include "config/config.h"
#include "verdict/fold.h"

#define LEDGER_SUBJECTS 32768u
#define LEDGER_KINDS    24

struct ledger;

/* Called when a claim was taken. `merged` is all claims of that kind on the subject; `before` and `after` are the
 * verdict; before->level differs from after->level on a change. `exception` is not NULL when the claim was silenced:
 * then it does not count, and before equals after but for `excepted`.
 * A claim on a process that counts calls twice: for the process, and then for the host "self" if that made or renewed
 * the strongest piece of its kind there (merged->subject and after->subject are then the host). */
struct ledger_sink {
        void (*claim)(void *userdata, const struct evidence *merged, const struct config_exception *exception,
                      const struct verdict *before, const struct verdict *after);
        void *userdata;
};

int ledger_new(const struct config *config, const struct ledger_sink *sink, struct ledger **ret);
void ledger_free(struct ledger *l);
DEFINE_FREEP(struct ledger, ledger_free)

/* A new configuration for thresholds, weights and exceptions; from the next claim on. */
void ledger_set_config(struct ledger *l, const struct config *config);

/* Takes a claim. Claims on a process count for the process and, through it, for the host it runs on (subject "self"):
 * the host's verdict folds the strongest piece of each kind among its processes. */
void ledger_add(struct ledger *l, const struct evidence *claim);
/* Gives a merged piece back that was taken before, at a start: as it is, neither weighed nor told to the sink. */
void ledger_restore(struct ledger *l, const struct evidence *piece, bool excepted);
/* Something was seen of the subject: after `LEDGER_ENOUGH` of these it is clear rather than unknown. */
#define LEDGER_ENOUGH 3
void ledger_seen(struct ledger *l, const struct subject *s, nsec_t now);

/* The verdict as of `now`. false: never heard of. */
bool ledger_verdict(struct ledger *l, const struct subject *s, nsec_t now, struct verdict *ret);
/* The pieces that the verdict as of `now` is folded from, one per kind; valid until the next claim. Returns how many. A
 * host's may be its processes'. */
#define LEDGER_PIECES (2 * LEDGER_KINDS)
size_t ledger_pieces(struct ledger *l, const struct subject *s, nsec_t now,
                     const struct evidence *ret[static LEDGER_PIECES]);
/* Calls back for each subject at or above `least`, with its pieces. */
void ledger_each(struct ledger *l, enum level least, nsec_t now,
                 void (*each)(void *userdata, const struct verdict *v, const struct evidence *const *pieces, size_t n),
                 void *userdata);
void ledger_get_stats(const struct ledger *l, struct table_stats *ret);

#endif
