/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Everything the store holds on one subject, read into memory: what `why` tells and `report` sums up. Bounded: beyond
 * the maxima, what is left out is counted. */
#ifndef SEKIMORI_VIEW_DOSSIER_H
#define SEKIMORI_VIEW_DOSSIER_H

#include "store/store.h"

#define DOSSIER_EVIDENCE_MAX 64
#define DOSSIER_CHANGES_MAX  256
#define DOSSIER_ACTIONS_MAX  64
#define DOSSIER_GAPS_MAX     64
#define DOSSIER_OTHERS_MAX   8

struct dossier_evidence {
        struct evidence evidence;
        struct evidence_kind *own_kind; /* evidence.kind, where this version has no such kind */
        bool excepted;
};

struct dossier_gap {
        nsec_t time;
        struct gap_event gap; /* text is not kept here */
        char text[128];
        uint64_t count;
};

struct dossier {
        struct verdict verdict;
        struct dossier_evidence *evidence; /* by time, then stage */
        struct verdict *changes;           /* oldest first */
        struct action *actions;
        struct dossier_gap *gaps; /* within the time of the evidence */
        size_t n_evidence, n_changes, n_actions, n_gaps;
        /* Of a process: those that its evidence names, such as who carried out its orders, and that have evidence of
         * their own. They name no others in turn. */
        struct dossier *others[DOSSIER_OTHERS_MAX];
        size_t n_others;
        uint64_t left_out;
        const struct evidence_kind *(*find_kind)(const char *name);
        nsec_t first, last; /* of the evidence; 0: there is none */
};

/* 0, -ENOENT, -ENOMEM, or the store's error. */
int dossier_read(struct store *s, const char *key, const struct evidence_kind *(*find_kind)(const char *),
                 struct dossier **ret);
void dossier_free(struct dossier *d);
DEFINE_FREEP(struct dossier, dossier_free)

#endif
