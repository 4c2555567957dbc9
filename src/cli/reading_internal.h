/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What reading.c and reading_report.c share. Not for others. */
#ifndef SEKIMORI_CLI_READING_INTERNAL_H
#define SEKIMORI_CLI_READING_INTERNAL_H

#include "cli/reading.h"

struct reading {
        struct reading_params params;
        struct analysis *analysis;
        struct buf lines;      /* JSON on its way out */
        bool gone;             /* nobody takes the output any more */
        int failed;            /* errno of an output that failed; 0: none */
        struct table *matched; /* rules that did */
        struct table *risen;   /* subjects that were suspect or worse at any time */
        enum level worst;      /* that any of them reached */
        uint64_t events[EVENT_TYPES], flows, inner_flows, claims, excepted, changes, lost; /* inner: told twice */
};

/* reading_profile.c: the profiles of the store, and back. */
void reading_restore_profiles(struct reading *r);
void reading_store_profiles(struct reading *r);

/* reading_alerts.c: which rules matched. */
int reading_alerts_new(struct reading *r);
void reading_alerts_add(struct reading *r, const struct alert_event *a);
void reading_alerts_put(const struct reading *r, struct buf *out);

/* reading_faded.c: who was more on the way than at the end. */
int reading_faded_new(struct reading *r);
void reading_faded_see(struct reading *r, const struct verdict *after);
bool reading_faded_is(const struct reading *r, const struct subject *s, nsec_t now);
void reading_faded_count(const struct reading *r, nsec_t now, unsigned ret_level[static LEVELS]);
void reading_faded_put(const struct reading *r, nsec_t now, struct buf *out);

/* The line in r->lines is whole. */
void reading_line(struct reading *r);

#endif
