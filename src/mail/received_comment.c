/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a comment of a Received: header is. Peers are read strictly: every word of their comment has its place, or the
 * header is not read. Runs in whichever process reads mail. */
#include "mail/received_internal.h"

#define TOKENS_MAX 24 /* of a comment */

struct inside {
        struct token tokens[TOKENS_MAX];
        unsigned n;
        bool whole; /* all of the comment's tokens are there */
};

static void split(struct slice text, struct inside *ret)
{
        ret->n = 0;
        ret->whole = false;
        while (ret->n < TOKENS_MAX) {
                enum token_kind kind = token_next(&text, &ret->tokens[ret->n]);

                if (kind == TOKEN_END)
                        ret->whole = true;
                if (kind == TOKEN_END || kind == TOKEN_BAD)
                        return;
                ret->n++;
        }
        ret->whole = slice_trim(text).len == 0;
}

/* "user@name", "IDENT:user@name": the last at sign counts, since the client chose what stands before it. */
static void split_ident(struct slice word, struct slice *ret_ident, struct slice *ret_name)
{
        const char *at = slice_last(word, '@');

        if (slice_begins(word, "IDENT:"))
                word = slice_skip(word, 6);
        if (at && at >= word.p) {
                *ret_ident = slice_from(word.p, at);
                word = slice_from(at + 1, slice_end(word));
        }
        if (word.len)
                *ret_name = word;
}

static bool is_address(struct slice word)
{
        struct addr a;
        uint16_t port;

        return address_read(word, &a, &port) == 0;
}

/* Does a word hold an address, alone or behind an at sign? */
static bool word_has_address(struct slice word)
{
        const char *at = slice_last(word, '@');

        return is_address(word) || (at && is_address(slice_from(at + 1, slice_end(word))));
}

static bool all_digits(struct slice s)
{
        for (uint32_t i = 0; i < s.len; i++)
                if (!slice_is_digit(s.p[i]))
                        return false;
        return s.len > 0;
}

bool received_literal(const struct token *t, struct addr *ret, uint16_t *ret_port)
{
        struct addr a;
        uint16_t port;
        unsigned glued = 0;

        if (t->kind != TOKEN_LITERAL || address_read(t->text, &a, &port) < 0)
                return false;
        if (t->tail.len) { /* ":4711"; nothing else is glued to a server's literal */
                if (t->tail.p[0] != ':' || t->tail.len > 6 || !all_digits(slice_skip(t->tail, 1)))
                        return false;
                for (uint32_t i = 1; i < t->tail.len; i++)
                        glued = glued * 10 + (unsigned) (t->tail.p[i] - '0');
                port = glued <= 65535 ? (uint16_t) glued : 0;
        }
        *ret = a;
        *ret_port = port;
        return true;
}

/* What a client said may be an address; anything else that looks like a server's text may not be in it. */
static bool is_plain(struct slice s)
{
        if (s.len > 1 && s.p[0] == '[' && s.p[s.len - 1] == ']')
                s = slice_from(s.p + 1, slice_end(s) - 1);
        return !token_has_marker(s);
}

/* Exim's "helo=name ident=name port=n" from token `i` on. A HELO may have spaces where the server lets it. */
static bool take_named(const struct inside *in, unsigned i, struct comment *c)
{
        struct slice *into = NULL;

        for (; i < in->n; i++) {
                const struct token *t = &in->tokens[i];

                if (t->kind == TOKEN_WORD && slice_begins(t->text, "helo=") && !c->helo.p)
                        *(into = &c->helo) = slice_skip(t->text, 5);
                else if (t->kind == TOKEN_WORD && slice_begins(t->text, "ident=") && !c->ident.p)
                        *(into = &c->ident) = slice_skip(t->text, 6);
                else if (t->kind == TOKEN_WORD && slice_begins(t->text, "port=") && !into)
                        continue;
                else if (into && t->kind != TOKEN_COMMENT && t->kind != TOKEN_SEMI) {
                        c->odd = c->odd || t->raw.p != slice_end(*into);
                        *into = slice_from(into->p, slice_end(t->raw));
                } else
                        return false;
        }
        return into != NULL && is_plain(c->helo) && is_plain(c->ident);
}

/* ZMailer: "EHLO name", with the quotes. */
static bool take_quoted_helo(const struct token *t, struct comment *c)
{
        struct slice said = t->text;

        if (!t->quoted || c->helo.p || said.len < 7 || said.p[0] != '"' || said.p[said.len - 1] != '"' ||
            (!slice_begins(slice_skip(said, 1), "EHLO ") && !slice_begins(slice_skip(said, 1), "HELO ")))
                return false;
        c->helo = slice_from(said.p + 6, slice_end(said) - 1);
        return is_plain(c->helo);
}

/* The words behind an address that say how sure the server is of the name. */
static bool take_assurance(const struct token *t, struct comment *c)
{
        if (t->kind == TOKEN_COMMENT) {
                c->forged = c->forged || slice_begins(t->text, "may be forged");
                return !token_has_marker(t->raw);
        }
        if (t->kind != TOKEN_WORD)
                return false;
        if (slice_is(t->text, "verified"))
                c->verified = true;
        else if (take_quoted_helo(t, c) || slice_begins(t->text, "rhost-flags-"))
                ;
        else if (slice_is(t->text, "unverified") || slice_is(t->text, "RDNS") || slice_is(t->text, "failed") ||
                 slice_is(t->text, "with") || slice_is(t->text, "login") || slice_is(t->text, "plain"))
                ;
        else {
                c->odd = true;
                return !t->quoted && !word_has_address(t->text) && !slice_is(t->text, "by");
        }
        return true;
}

/* What stands behind the address. */
static void finish_peer(const struct inside *in, unsigned i, struct comment *c)
{
        c->kind = COMMENT_PEER;
        if (!in->whole) {
                c->kind = COMMENT_TWO;
                return;
        }
        if (i < in->n && in->tokens[i].kind == TOKEN_WORD &&
            memchr(in->tokens[i].text.p, '=', in->tokens[i].text.len)) {
                if (!take_named(in, i, c))
                        c->kind = COMMENT_TWO;
                return;
        }
        for (; i < in->n; i++)
                if (!take_assurance(&in->tokens[i], c))
                        c->kind = COMMENT_TWO;
}

/* "[address] ...", "name [address] ...", "ident@address", "address": true when it is one. */
static bool try_peer(const struct inside *in, struct comment *c)
{
        unsigned i = 0;
        const struct token *first = &in->tokens[0];
        const char *at;

        if (in->n == 0)
                return false;
        /* Words before the first address in brackets are the name, and have none themselves. */
        while (i < in->n && i < 8 && in->tokens[i].kind == TOKEN_WORD)
                i++;
        if (i < in->n && received_literal(&in->tokens[i], &c->addr, &c->port)) {
                if (i > 0)
                        split_ident(slice_from(first->text.p, slice_end(in->tokens[i - 1].text)), &c->ident, &c->name);
                c->bracketed = true;
                c->odd = i > 1;
                finish_peer(in, i + 1, c);
                for (unsigned k = 0; k < i && i > 1; k++)
                        if (in->tokens[k].quoted || word_has_address(in->tokens[k].text) ||
                            slice_is(in->tokens[k].text, "by") || slice_begins(in->tokens[k].text, "helo="))
                                c->kind = COMMENT_TWO;
                return true;
        }
        if (first->kind != TOKEN_WORD || first->quoted)
                return false;
        at = slice_last(first->text, '@');
        if (address_read(at ? slice_from(at + 1, slice_end(first->text)) : first->text, &c->addr, &c->port) < 0)
                return false;
        if (at)
                c->ident = slice_from(first->text.p, at);
        finish_peer(in, 1, c);
        return true;
}

static bool try_helo(struct slice text, const struct inside *in, struct comment *c)
{
        struct slice rest;

        if (in->n == 0 || in->tokens[0].kind != TOKEN_WORD)
                return false;
        rest = slice_trim(slice_from(slice_end(in->tokens[0].raw), slice_end(text)));
        if (slice_is(in->tokens[0].text, "HELO") || slice_is(in->tokens[0].text, "EHLO") ||
            slice_is(in->tokens[0].text, "LHLO")) {
                c->helo = rest;
                c->kind = is_plain(rest) ? COMMENT_HELO : COMMENT_TWO;
                c->odd = in->n > 2;
                return true;
        }
        if (slice_begins(text, "helo=") || slice_begins(text, "ident=") || slice_begins(text, "port=")) {
                c->kind = in->whole && (take_named(in, 0, c) || in->n == 1) ? COMMENT_HELO : COMMENT_TWO;
                return true;
        }
        return false;
}

static bool try_account(const struct inside *in, struct slice text, struct comment *c)
{
        if (in->n < 2 || !received_word_is(&in->tokens[0], "account"))
                return false;
        c->kind = COMMENT_ACCOUNT;
        c->value = in->tokens[1].text;
        if (in->n > 2 && received_word_is(&in->tokens[2], "HELO"))
                c->helo = slice_trim(slice_from(slice_end(in->tokens[2].raw), slice_end(text)));
        else if (in->n == 4 && received_literal(&in->tokens[2], &c->addr, &c->port) &&
                 received_word_is(&in->tokens[3], "verified"))
                c->bracketed = true; /* an older one repeats the address */
        if (in->tokens[1].kind != TOKEN_WORD || word_has_address(c->value) ||
            (c->helo.p ? !is_plain(c->helo) : in->n > 2 && !c->bracketed))
                c->kind = COMMENT_TWO;
        return true;
}

/* Who logged in stands behind the last of these words; NULL: it is no such comment. */
static bool try_auth(const struct inside *in, struct comment *c)
{
        const struct token *t = in->tokens;
        unsigned i;

        if (in->n == 0 || t[0].kind != TOKEN_WORD)
                return false;
        if (slice_begins(t[0].text, "authenticated"))
                i = in->n > 1 && (received_word_is(&t[1], "as") || received_word_is(&t[1], "sender:") ||
                                  received_word_is(&t[1], "user")) ?
                            2 :
                            in->n;
        else if (slice_is(t[0].text, "AUTH:") || (slice_is(t[0].text, "smtp-auth") && in->n > 1))
                i = 2;
        else if (in->n > 3 && received_word_is(&t[1], "authenticated")) /* "SquirrelMail authenticated user x" */
                i = 3;
        else
                return false;
        c->kind = COMMENT_AUTH;
        if (i < in->n)
                c->value = t[i].text;
        return true;
}

static bool begins_any(struct slice text, const char *const *words, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (slice_begins_n(text, words[i], strlen(words[i])))
                        return true;
        return false;
}

static bool is_tls(struct slice text)
{
        static const char *const words[] = {"using TLS",   "using SSL", "TLS",     "SSL",      "version=TLS",
                                            "version=SSL", "cipher=",   "Cipher ", "encrypted"};

        return begins_any(text, words, ELEMENTSOF(words)) ||
               (text.len > 10 && slice_is(slice_skip(text, text.len - 10), " encrypted"));
}

/* (envelope-from <address>), (envelope-sender <address>), with words behind. */
static bool try_envelope(struct slice text, const struct inside *in, struct comment *c)
{
        const struct token *t = in->tokens;

        if (in->n < 2 || t[0].kind != TOKEN_WORD || t[1].kind != TOKEN_WORD ||
            (!slice_is(t[0].text, "envelope-from") && !slice_is(t[0].text, "envelope-sender")))
                return false;
        c->kind = COMMENT_ENVELOPE;
        c->value = t[1].text;
        /* <user@[192.0.2.1]> is an address of mail; quotes may hide anything. */
        if (!in->whole || t[1].quoted || word_has_address(c->value) || token_has_by(text))
                c->kind = COMMENT_TWO;
        for (unsigned i = 2; i < in->n; i++)
                if (token_has_marker(t[i].raw) || t[i].kind == TOKEN_LITERAL)
                        c->kind = COMMENT_TWO;
        return true;
}

static bool try_for(const struct inside *in, struct comment *c)
{
        const struct token *t = in->tokens;

        if (!in->whole || in->n < 2 || in->n > 3 || !received_word_is(&t[0], "for") ||
            t[in->n - 1].kind != TOKEN_LITERAL || t[1].kind > TOKEN_LITERAL || t[1].quoted)
                return false;
        c->kind = COMMENT_FOR;
        return true;
}

void received_comment(struct slice text, struct comment *ret)
{
        struct inside in;

        *ret = (struct comment){.kind = COMMENT_NOTE};
        split(text, &in);
        if (try_helo(text, &in, ret) || try_account(&in, text, ret) || try_envelope(text, &in, ret) ||
            try_for(&in, ret))
                return;
        if (try_auth(&in, ret) || is_tls(text)) {
                if (ret->kind == COMMENT_NOTE)
                        ret->kind = COMMENT_TLS;
                if (token_has_marker(text))
                        ret->kind = COMMENT_TWO;
                return;
        }
        if (try_peer(&in, ret))
                return;
        if (token_has_marker(text)) {
                ret->kind = COMMENT_TWO;
        } else if (in.n == 1 && in.whole && in.tokens[0].kind == TOKEN_WORD) {
                ret->kind = COMMENT_NAME;
                ret->name = in.tokens[0].text;
        }
}
