/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A mail's way for people and programs: a drawing in text, from our own server down to the sender, which says which hop
 * is believed, which is the sender's word, and what gives it away; then what kind of machine the relay is, and why; and
 * one JSON object for each mail. Recipients, senders and who logged in are left out. Runs in the command line. */
#ifndef SEKIMORI_VIEW_MAIL_TEXT_H
#define SEKIMORI_VIEW_MAIL_TEXT_H

#include "mail/chain.h"
#include "mail/record.h"
#include "view/text.h"

struct mail_text {
        const char *path; /* of the file; "-" for standard input */
        uint64_t number;  /* in an mbox, from 1; 0: it is alone */
        bool cut;         /* only a part of its head was read */
        const struct chain *chain;
        const struct record *record; /* NULL: nobody was judged */
        const char *const *lists;    /* the names of its bits */
        unsigned n_lists;
        bool asked; /* DNS */
};

void mail_text_put(struct buf *out, const struct text_look *look, const struct mail_text *m);
/* {"event_type":"mail","path":...,"relay":"192.0.2.1","class":"unknown","signs":[...],"chain":[...]}, without a
 * newline. */
void mail_text_json(struct buf *out, const struct mail_text *m);

/* What kind of machine it is, the signs for and against, and what is not known and why. */
void mail_verdict_put(struct buf *out, const struct text_look *look, const struct mail_text *m);
/* Members of an object that has some already: ,"class":...,"score":...,"judge":[...],"os":...,"lists":[...] */
void mail_verdict_json(struct buf *out, const struct mail_text *m);

#endif
