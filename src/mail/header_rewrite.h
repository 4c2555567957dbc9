/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A message on its way through a delivery pipe: takes every field "X-Sekimori-..." out of its head, since anybody may
 * have written it, puts one of ours on top, and passes all else byte by byte. A stream: pieces of any size, messages of
 * any length, no memory but this struct, nothing that can fail but the writing.
 *
 * A field is taken out in any case of letters, with its folds, whatever stands before the colon, also where only a bare
 * CR stands before it, since there are readers that take that for a line's end. Pure; in `sekimori mail --header`. */
#ifndef SEKIMORI_MAIL_HEADER_REWRITE_H
#define SEKIMORI_MAIL_HEADER_REWRITE_H

#include "base/buf.h"
#include "mail/slice.h"

#define HEADER_REWRITE_PREFIX "X-Sekimori-"
#define HEADER_REWRITE_WIDTH  78 /* RFC 5322 2.1.1 */

enum header_rewrite_state {
        HEADER_REWRITE_START,    /* is there a "From " line of an mbox? */
        HEADER_REWRITE_ENVELOPE, /* in it */
        HEADER_REWRITE_BEGIN,    /* at a line's beginning; some of the prefix was seen */
        HEADER_REWRITE_PASS,     /* in a line that stays */
        HEADER_REWRITE_CR,       /* behind a CR of such a line */
        HEADER_REWRITE_DROP,     /* in a line that goes */
        HEADER_REWRITE_DROPPED,  /* behind it: does it go on? */
        HEADER_REWRITE_CUT,      /* in what follows a bare CR, and goes */
        HEADER_REWRITE_BODY,
};

struct header_rewrite {
        /* 0, or what push() and finish() return then. */
        int (*put)(void *userdata, const char *data, size_t len);
        void *userdata;
        const char *field; /* ours, with its line end; outlives the rewriting; "": none */
        size_t field_len;
        enum header_rewrite_state state;
        bool crlf, placed;
        bool soft;    /* BEGIN: behind a bare CR */
        uint8_t held; /* bytes of the prefix, or of "From " */
        char hold[16];
        uint64_t crs;     /* that begin a line, held back */
        uint64_t removed; /* fields */
};

/* Do the message's lines end with CR LF? By the first of them. */
bool header_rewrite_crlf(const char *head, size_t len);

/* Folds "NAME: a=b; c=d,e" to lines of HEADER_REWRITE_WIDTH, at semicolons and commas, and ends it. */
void header_rewrite_fold(struct buf *out, const char *text, bool crlf);

void header_rewrite_begin(struct header_rewrite *h, const struct buf *field, bool crlf);
int header_rewrite_push(struct header_rewrite *h, const char *data, size_t len);
/* What was held back. A message without a byte stays so. */
int header_rewrite_finish(struct header_rewrite *h);

#endif
