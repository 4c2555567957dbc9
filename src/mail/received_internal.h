/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the Received: parser share. Runs in whichever process reads mail. */
#ifndef SEKIMORI_MAIL_RECEIVED_INTERNAL_H
#define SEKIMORI_MAIL_RECEIVED_INTERNAL_H

#include "base/cleanup.h"
#include "mail/received.h"
#include "mail/token.h"

enum lone_name { LONE_BRACKET, LONE_HELO, LONE_RDNS };
enum form_flag {
        FORM_CONFIRMS = 1 << 0,
        FORM_UNSURE = 1 << 1,
        FORM_LOCAL = 1 << 2,
};

struct form {
        const char *name, *comment, *with;
        enum lone_name lone;
        unsigned flags;
};

extern const struct form received_forms[RECEIVED_FORMS];

/* A header being read. */
struct header {
        struct received *r;
        struct token tokens[RECEIVED_TOKENS];
        unsigned n;        /* tokens before the date */
        unsigned from, by; /* index of the first token of each clause; == n: there is none */
        struct slice rest; /* behind the first semicolon */
        enum received_trouble trouble;
        bool local;     /* words that stand only for a step within the machine */
        bool bracketed; /* the peer's address stands in brackets */
        bool web;
};

/* What a comment is. */
enum comment_kind {
        COMMENT_NOTE,    /* nothing of interest */
        COMMENT_PEER,    /* an address: what the server saw, in the clause "from" */
        COMMENT_HELO,    /* (HELO name), (helo=name) */
        COMMENT_ACCOUNT, /* CommuniGate: (account name HELO name) */
        COMMENT_NAME,    /* a single name */
        COMMENT_AUTH,    /* who logged in */
        COMMENT_TLS,
        COMMENT_ENVELOPE, /* (envelope-from <address>) */
        COMMENT_FOR,      /* (for name [address]): where a firewall takes the mail, only behind "by" */
        COMMENT_TWO,      /* something that must not stand there: RECEIVED_TROUBLE_TWO */
};

struct comment {
        enum comment_kind kind;
        struct addr addr;
        uint16_t port;
        struct slice ident, name, helo, value;
        bool bracketed, forged, verified, odd;
};

void received_comment(struct slice text, struct comment *ret);

/* A literal with an address in it, and a port glued to it. */
bool received_literal(const struct token *t, struct addr *ret, uint16_t *ret_port);

/* The form that a comment or the word behind "with" tells; RECEIVED_FORM_UNKNOWN: none. */
enum received_form received_form_of_comment(struct slice text);
enum received_form received_form_of_with(struct slice text);

/* The clauses; each sets fields of the result, or `trouble`. */
void received_clause_by(struct header *x);
void received_clause_date(struct header *x);
void received_clause_from(struct header *x);

static inline bool received_word_is(const struct token *t, const char *word)
{
        return t->kind == TOKEN_WORD && slice_is_n(t->text, word, strlen(word));
}

/* "ESMTPSA", "LMTPA": the protocols of RFC 3848 and RFC 6531 by their last letters. */
void received_take_protocol(struct header *x, struct slice with);

#endif
