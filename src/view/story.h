/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The story of a verdict, as a careful engineer would report it: what is said and how sure, what was seen, what was
 * silenced, how it developed, what was not seen, what to do next. Pure: what must be looked up is in the parameters. */
#ifndef SEKIMORI_VIEW_STORY_H
#define SEKIMORI_VIEW_STORY_H

#include "config/config.h"
#include "view/dossier.h"
#include "view/text.h"

enum story_life {
        STORY_LIFE_UNKNOWN, /* cannot be told from here */
        STORY_RUNNING,      /* the same process is there now */
        STORY_ENDED,        /* it ended, or the machine was started anew */
};

struct story_params {
        const struct config *config; /* thresholds and exceptions */
        nsec_t now;
        enum story_life life; /* of a process */
        const char *program;  /* its path, NULL: not known */
        struct text_look look;
};

void story_put(struct buf *out, const struct dossier *d, const struct story_params *p);
/* The last part alone: what to do about it. */
void story_put_next(struct buf *out, const struct dossier *d, const struct story_params *p);
/* One sentence on the subject, from its strongest piece: for `report` and alarms. */
void story_put_short(struct buf *out, const struct dossier *d);
/* What a detector says of one piece; its bare facts when this version has no such detector. Lines end with \n. */
void story_put_explanation(struct buf *out, const struct evidence *e);
/* The verdict that the evidence gives at `now`, for it fades. */
void story_fold_now(const struct dossier *d, const struct story_params *p, struct verdict *ret);
/* {"event_type":"why", verdict, evidence with "story", others, exceptions, changes, actions, gaps} */
void story_put_json(struct buf *out, const struct dossier *d, const struct story_params *p);

#endif
