/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The words of a header's body, as RFC 5322 and what servers really write have them: words, [literals], (comments) and
 * semicolons. Folding is space. Pure; in whichever process reads mail.
 *
 * Two differences from the RFC, both so that a client's text cannot hide a server's: a backslash escapes nothing, and
 * quotes mean nothing within comments. */
#ifndef SEKIMORI_MAIL_TOKEN_H
#define SEKIMORI_MAIL_TOKEN_H

#include "base/cleanup.h"
#include "mail/slice.h"

#define TOKEN_DEPTH_MAX 16 /* comments in comments */

enum token_kind {
        TOKEN_END,
        TOKEN_WORD,    /* up to a space, bracket, parenthesis or semicolon; "quoted parts" and <addresses> stay whole */
        TOKEN_LITERAL, /* [text] and what is glued to it ("[192.0.2.1]:25") */
        TOKEN_COMMENT, /* (text), others may stand within */
        TOKEN_SEMI,
        TOKEN_BAD, /* a comment that does not end, or ends without beginning */
};

struct token {
        enum token_kind kind;
        struct slice text; /* without brackets, parentheses and a comma behind */
        struct slice tail; /* of a literal: what is glued to it */
        struct slice raw;  /* all of it */
        bool quoted;       /* a word with a quoted part */
};

/* The next token of *rest, which moves behind it. After TOKEN_BAD there is no further. */
enum token_kind token_next(struct slice *rest, struct token *ret);

/* Does the text hold what a server writes around a peer's address ("[192.0.2.1]", "(192.0.2.1)", "@192.0.2.1"), or the
 * word "by" behind a bracket? In a place where no server writes one, it means that the header can be read in two ways.
 */
bool token_has_marker(struct slice text);
bool token_has_by(struct slice text); /* the word alone */

#endif
