/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands behind "by": who wrote the header, how it was handed over, and when. Words that no form has are passed
 * over as long as they hold no address. Runs in whichever process reads mail. */
#include "mail/received_internal.h"

static bool ends_clause(const struct token *t)
{
        static const char *const words[] = {"id", "for", "via", "from", "by", "with", "tls", "envelope-from"};

        if (t->kind != TOKEN_WORD)
                return t->kind != TOKEN_LITERAL;
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (received_word_is(t, words[i]))
                        return true;
        return false;
}

static void set_form(struct header *x, enum received_form form)
{
        if (form != RECEIVED_FORM_UNKNOWN && x->r->form == RECEIVED_FORM_UNKNOWN)
                x->r->form = (uint8_t) form;
}

/* A comment behind "by". Directly behind the server's name its own address may stand. */
static void take_comment(struct header *x, const struct token *t, bool first)
{
        struct received *r = x->r;
        struct comment c;

        set_form(x, received_form_of_comment(t->text));
        if (r->form == RECEIVED_FORM_POSTFIX && slice_begins(t->text, "Postfix, from userid"))
                x->local = true;
        if (r->form == RECEIVED_FORM_OPENSMTPD && slice_begins(t->text, "OpenSMTPD, from userid"))
                x->local = true;
        if (slice_begins(t->text, "via HTTP"))
                received_take_protocol(x, slice_skip(t->text, 4));
        if (r->form == RECEIVED_FORM_QMAIL_SCANNER) { /* "Clear:RC:0(192.0.2.1):", of its scanners */
                if (token_has_by(t->text))
                        x->trouble = RECEIVED_TROUBLE_TWO;
                return;
        }
        received_comment(t->text, &c);
        switch (c.kind) {
        case COMMENT_PEER:
                if (!first || c.helo.p)
                        x->trouble = RECEIVED_TROUBLE_TWO;
                break;
        case COMMENT_TWO:
        case COMMENT_HELO:
                x->trouble = RECEIVED_TROUBLE_TWO;
                break;
        case COMMENT_AUTH:
        case COMMENT_ACCOUNT:
                r->flags |= RECEIVED_AUTH;
                if (c.value.p)
                        r->user = c.value;
                break;
        case COMMENT_TLS:
                r->flags |= RECEIVED_TLS;
                break;
        case COMMENT_ENVELOPE:
                r->envelope_from = c.value;
                break;
        default:
                break;
        }
}

/* A word that begins another clause. */
static bool is_keyword(const struct token *t)
{
        static const char *const words[] = {"by", "from", "with", "via", "claiming"};

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (received_word_is(t, words[i]))
                        return true;
        return false;
}

/* A word that has no place behind the date: the rest of a header into which another was put. */
static bool is_foreign(const struct token *t)
{
        struct addr a;
        uint16_t port;

        return is_keyword(t) || t->quoted || address_read(t->text, &a, &port) == 0;
}

/* A value of one word. Something quoted, or addresses in an odd place, may be a swallowed piece of another's text. */
static struct slice take_value(struct header *x, unsigned *i)
{
        const struct token *t = &x->tokens[*i + 1];

        if (*i + 1 >= x->n || (t->kind != TOKEN_WORD && t->kind != TOKEN_LITERAL))
                return (struct slice){0};
        (*i)++;
        if (is_keyword(t) || (t->quoted && token_has_marker(t->text)))
                x->trouble = RECEIVED_TROUBLE_TWO;
        return t->kind == TOKEN_WORD ? t->text : t->raw;
}

/* "with Microsoft SMTP Server", "with (DHE-RSA-AES256-SHA encrypted) SMTP", "with [XMail 1.20 ESMTP Server]". */
static void take_with(struct header *x, unsigned *i)
{
        struct slice with = {0};
        unsigned k = *i + 1;

        if (k < x->n && x->tokens[k].kind == TOKEN_COMMENT) {
                take_comment(x, &x->tokens[k], false);
                k++;
        }
        for (; k < x->n && !ends_clause(&x->tokens[k]) && !x->tokens[k].quoted; k++) {
                const struct token *t = &x->tokens[k];
                struct slice piece = t->kind == TOKEN_LITERAL ? t->text : t->raw;

                if (token_has_marker(t->raw))
                        x->trouble = RECEIVED_TROUBLE_TWO;
                with = with.p ? slice_from(with.p, slice_end(piece)) : piece;
        }
        *i = k - 1;
        if (!with.p)
                return;
        set_form(x, received_form_of_with(with));
        received_take_protocol(x, with);
        if (!x->r->with.p)
                x->r->with = with;
}

/* A date without a semicolon before it ("id 1234 Mon, 11 Sep 2006 11:41:10 -0500"). */
static bool try_date(struct header *x, unsigned i)
{
        struct slice rest = slice_from(x->tokens[i].raw.p, slice_end(x->tokens[x->n - 1].raw));

        return !x->r->date.flags && date_read(&rest, &x->r->date) == 0 && slice_trim(rest).len == 0 && !x->rest.p;
}

/* One word that begins something; *i moves to its last token. false: what follows is no more the header's. */
static bool take_word(struct header *x, unsigned *i)
{
        const struct token *t = &x->tokens[*i];
        struct received *r = x->r;

        if (received_word_is(t, "with") || received_word_is(t, "via"))
                take_with(x, i);
        else if (received_word_is(t, "id") && !r->id.p)
                r->id = take_value(x, i);
        else if (received_word_is(t, "for") && !r->to.p)
                r->to = take_value(x, i);
        else if (received_word_is(t, "tls")) {
                (void) take_value(x, i);
                r->flags |= RECEIVED_TLS;
        } else if ((received_word_is(t, "envelope-from") || received_word_is(t, "from")) && *i + 1 < x->n &&
                   x->tokens[*i + 1].kind == TOKEN_WORD && x->tokens[*i + 1].text.p[0] == '<')
                r->envelope_from = take_value(x, i);
        else if (received_word_is(t, "by") && *i + 1 < x->n && received_word_is(&x->tokens[*i + 1], "uid"))
                x->local = true; /* qmail-scanner: "by host by uid 502"; only that form may (received_clause_by) */
        else if (received_word_is(t, "by") || received_word_is(t, "from"))
                x->trouble = RECEIVED_TROUBLE_TWO;
        else if (try_date(x, *i))
                return false;
        else {
                if (slice_is(t->text, "auth=yes"))
                        r->flags |= RECEIVED_AUTH;
                else if (slice_begins(t->text, "user="))
                        r->user = slice_skip(t->text, 5);
                r->flags |= RECEIVED_ODD;
                if (t->quoted || token_has_marker(t->raw) || memchr(t->raw.p, '"', t->raw.len))
                        x->trouble = RECEIVED_TROUBLE_TWO;
        }
        return true;
}

void received_clause_by(struct header *x)
{
        struct received *r = x->r;
        unsigned i = x->by + 1, host;
        bool twice = false;

        if (x->by >= x->n)
                return;
        host = i;
        if (i < x->n && (x->tokens[i].kind == TOKEN_WORD || x->tokens[i].kind == TOKEN_LITERAL)) {
                r->by = x->tokens[i].kind == TOKEN_LITERAL ? x->tokens[i].raw : x->tokens[i].text;
                if (x->tokens[i].quoted)
                        x->trouble = RECEIVED_TROUBLE_TWO;
                i++;
        } else
                x->trouble = RECEIVED_TROUBLE_FORM;
        for (; i < x->n && !x->trouble; i++) {
                const struct token *t = &x->tokens[i];

                if (t->kind == TOKEN_COMMENT)
                        take_comment(x, t, i == host + 1);
                else if (t->kind == TOKEN_LITERAL) /* "by host [192.0.2.1]" */
                        x->trouble = i == host + 1 || !token_has_marker(t->raw) ? x->trouble : RECEIVED_TROUBLE_TWO;
                else if (t->kind == TOKEN_WORD) {
                        twice = twice || received_word_is(t, "by");
                        if (!take_word(x, &i))
                                break;
                }
        }
        if (twice && r->form != RECEIVED_FORM_QMAIL_SCANNER)
                x->trouble = RECEIVED_TROUBLE_TWO;
}

/* Behind the semicolon: a date, then perhaps "id x", "(envelope-from x)". Nothing there may look like a peer. */
void received_clause_date(struct header *x)
{
        struct slice rest = slice_trim(x->rest);
        struct token t;

        if (!rest.p || rest.len == 0)
                return;
        if (date_read(&rest, &x->r->date) < 0)
                x->r->flags |= RECEIVED_ODD;
        if (token_has_marker(rest)) {
                x->trouble = RECEIVED_TROUBLE_TWO;
                return;
        }
        for (bool id = false; token_next(&rest, &t) != TOKEN_END && t.kind != TOKEN_BAD;) {
                struct comment c;

                if (id && t.kind == TOKEN_WORD && !x->r->id.p)
                        x->r->id = t.text;
                id = received_word_is(&t, "id");
                if (t.kind == TOKEN_WORD && is_foreign(&t))
                        x->trouble = RECEIVED_TROUBLE_TWO;
                if (t.kind == TOKEN_SEMI)
                        x->trouble = RECEIVED_TROUBLE_TWO;
                if (t.kind != TOKEN_COMMENT)
                        continue;
                received_comment(t.text, &c);
                if (c.kind == COMMENT_ENVELOPE)
                        x->r->envelope_from = c.value;
                else if (c.kind == COMMENT_TWO)
                        x->trouble = RECEIVED_TROUBLE_TWO;
        }
        if (t.kind == TOKEN_BAD)
                x->trouble = RECEIVED_TROUBLE_UNBALANCED;
}
