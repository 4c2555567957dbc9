/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the mail gate did, in people's words, in English and Japanese: for its log, the journal and the notifications.
 * Static text, no I/O. Used by the engine, the keeper and the command line. */
#ifndef SEKIMORI_RESPOND_GATE_WORDS_H
#define SEKIMORI_RESPOND_GATE_WORDS_H

#include "base/buf.h"
#include "model/gate.h"
#include "respond/gate_notify_wire.h"

/* Fixed words. */
enum gate_word {
        GATE_WORD_TITLE,      /* of a notification: "Mail was stopped: {program}" */
        GATE_WORD_STARTED_BY, /* "Started by: {chain}" */
        GATE_WORD_TIMES,      /* "{n} attempts so far" */
        GATE_WORD_BLOCK,      /* buttons */
        GATE_WORD_ALLOW_ONCE,
        GATE_WORDS,
};

/* As setlocale(3) chooses: LC_ALL, LC_MESSAGES, LANG of this process's environment. */
enum gate_notify_language gate_words_language(void);
/* With its placeholder, if it has one, in braces. */
const char *gate_words(enum gate_notify_language l, enum gate_word w);
/* The same with the text in place of the braces. */
void gate_words_fill(struct buf *out, enum gate_notify_language l, enum gate_word w, const char *text);
/* "refused" */
const char *gate_words_action(enum gate_notify_language l, unsigned action);
/* "it is no mail program" */
const char *gate_words_why(enum gate_notify_language l, unsigned reason);
/* "tried to connect to mail server 192.0.2.1 port 25". Of the entry it reads op, remote, port and text. What comes from
 * outside is made visible. */
void gate_words_put_try(struct buf *out, enum gate_notify_language l, const struct gate_entry *e);
/* The same and what became of it: "…, and was refused: it is no mail program". Reads reason and denied as well. */
void gate_words_put_all(struct buf *out, enum gate_notify_language l, const struct gate_entry *e);
/* "12 times in 3 s, 7 servers, 4 processes"; nothing for once. */
void gate_words_put_counts(struct buf *out, enum gate_notify_language l, const struct gate_entry *e);

#endif
