/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads one Received: header: tokens, then its clauses, then what they are together. Runs in whichever process reads
 * mail. */
#include "mail/received_internal.h"

/* Tokens up to the semicolon before the date. SquirrelMail writes one before "by" as well, an old OpenSMTPD
 * before "for". */
static void split(struct header *x, struct slice body)
{
        struct slice rest = body;
        struct token t;

        while (token_next(&rest, &t) != TOKEN_END) {
                if (t.kind == TOKEN_BAD) {
                        x->trouble = RECEIVED_TROUBLE_UNBALANCED;
                        return;
                }
                if (t.kind == TOKEN_SEMI) {
                        struct slice after = rest;
                        struct token next;

                        if (x->n && token_next(&after, &next) == TOKEN_WORD &&
                            (slice_is(next.text, "by") || slice_is(next.text, "for")))
                                continue;
                        x->rest = rest;
                        return;
                }
                if (x->n == 0 && t.kind == TOKEN_COMMENT && slice_is(t.text, "apparently")) /* an old SMTPSVC */
                        continue;
                if (x->n == RECEIVED_TOKENS) {
                        x->trouble = RECEIVED_TROUBLE_LONG;
                        return;
                }
                x->tokens[x->n++] = t;
        }
}

/* The first "by" ends the clause "from". A client may call itself so: the word right behind "from" is a name if there
 * is another. */
static void find_clauses(struct header *x)
{
        x->by = x->n;
        for (unsigned i = x->n; i-- > 0;)
                if (received_word_is(&x->tokens[i], "by") && (i > 1 || x->by == x->n))
                        x->by = i;
}

/* "(majordomo@host) by host via listexpand id x": ZMailer's lists. */
static bool try_list(struct header *x)
{
        const struct token *t = &x->tokens[0];

        if (x->n < 3 || t->kind != TOKEN_COMMENT || !received_word_is(t + 1, "by") || slice_begins(t->text, "from ") ||
            token_has_marker(t->text))
                return false;
        x->by = 1;
        received_clause_by(x);
        received_clause_date(x);
        x->r->kind = RECEIVED_LOCAL;
        return true;
}

/* "(qmail 10681 invoked by uid 404)": qmail's queue writes one of its own beside the SMTP server's. */
static bool try_qmail(struct header *x)
{
        const struct token *t = &x->tokens[0];

        if (x->n != 1 || t->kind != TOKEN_COMMENT ||
            (!slice_begins(t->text, "qmail ") && !slice_begins(t->text, "cpmta ")) ||
            !memmem(t->text.p, t->text.len, "invoked ", 8))
                return false;
        x->r->form = RECEIVED_FORM_QMAIL;
        x->r->kind = RECEIVED_LOCAL;
        received_clause_date(x);
        return true;
}

/* "(from KRYPTIK [192.0.2.1]) by host", "(from user@localhost) by host": the clause stands in a comment. */
static bool try_inner_from(struct header *x)
{
        struct slice rest = x->tokens[0].text;
        struct token inner[3] = {0};
        unsigned n = 0;

        if (x->tokens[0].kind != TOKEN_COMMENT || !slice_begins(rest, "from "))
                return false;
        while (n < 3 && token_next(&rest, &inner[n]) != TOKEN_END)
                n++;
        if (n < 2 || slice_trim(rest).len || x->n + n > RECEIVED_TOKENS || inner[1].kind != TOKEN_WORD ||
            (n == 3 && inner[2].kind != TOKEN_LITERAL)) {
                x->trouble = RECEIVED_TROUBLE_FORM;
                return true;
        }
        memmove(&x->tokens[n], &x->tokens[1], (x->n - 1) * sizeof(x->tokens[0]));
        memcpy(x->tokens, inner, n * sizeof(inner[0]));
        x->n += n - 1;
        find_clauses(x);
        received_clause_by(x);
        received_clause_date(x);
        if (x->trouble)
                return true;
        if (n == 2)
                x->local = true;
        received_clause_from(x);
        if (n == 2 && x->r->kind == RECEIVED_NAMED)
                x->r->kind = RECEIVED_LOCAL;
        if (n == 3 && x->r->kind == RECEIVED_PEER && x->r->by.p)
                x->r->flags |= RECEIVED_SEEN; /* the comment is the server's */
        return true;
}

static void read_clauses(struct header *x)
{
        if (x->n == 0) {
                x->trouble = RECEIVED_TROUBLE_FORM;
                return;
        }
        if (try_qmail(x) || try_list(x) || try_inner_from(x))
                return;
        find_clauses(x);
        if (received_word_is(&x->tokens[0], "by")) {
                x->by = 0;
                received_clause_by(x);
                received_clause_date(x);
                x->r->kind = RECEIVED_LOCAL; /* it came from nowhere: the server itself handed it on */
                return;
        }
        if (!received_word_is(&x->tokens[0], "from")) {
                x->trouble = RECEIVED_TROUBLE_FORM;
                return;
        }
        received_clause_by(x);
        if (!x->trouble)
                received_clause_date(x);
        if (!x->trouble)
                received_clause_from(x);
}

enum received_kind received_read(struct slice body, struct received *ret)
{
        struct header x;

        *ret = (struct received){.kind = RECEIVED_UNREAD};
        x.r = ret;
        x.n = x.from = x.by = 0;
        x.rest = (struct slice){0};
        x.trouble = RECEIVED_TROUBLE_NONE;
        x.local = x.bracketed = x.web = false;
        if (body.len > RECEIVED_MAX)
                x.trouble = RECEIVED_TROUBLE_LONG;
        else
                split(&x, body);
        if (!x.trouble)
                read_clauses(&x);
        if (x.trouble) {
                ret->kind = RECEIVED_UNREAD;
                ret->trouble = (uint8_t) x.trouble;
                ret->flags &= (uint16_t) ~RECEIVED_SEEN;
                ret->peer = (struct addr){0};
        }
        return (enum received_kind) ret->kind;
}

const char *received_trouble_text(unsigned trouble)
{
        static const char *const texts[] = {
                [RECEIVED_TROUBLE_NONE] = "read",
                [RECEIVED_TROUBLE_LONG] = "it is longer than any server writes",
                [RECEIVED_TROUBLE_UNBALANCED] = "its parentheses do not match",
                [RECEIVED_TROUBLE_FORM] = "no server is known to write this form",
                [RECEIVED_TROUBLE_TWO] = "it can be read in two ways: a client's words imitate a server's",
        };

        return trouble < ELEMENTSOF(texts) ? texts[trouble] : "?";
}

bool received_has_name(const struct received *r)
{
        struct addr a;
        uint16_t port;

        return r->rdns.len > 0 && address_read(r->rdns, &a, &port) < 0;
}
