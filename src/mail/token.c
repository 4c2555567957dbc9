/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Splits a header's body into tokens, each byte looked at a fixed number of times. Runs in whichever process reads
 * mail. */
#include "mail/token.h"

#include "mail/address.h"

#define LITERAL_MAX 256 /* the longest seen: "[XMail 1.20 ESMTP Server]", an IPv6 address with a zone */

/* The position behind the comment that begins at `p`, or NULL. */
static const char *comment_end(const char *p, const char *end)
{
        unsigned depth = 0;

        for (; p < end; p++) {
                if (*p == '(' && ++depth > TOKEN_DEPTH_MAX)
                        return NULL;
                if (*p == ')' && --depth == 0)
                        return p + 1;
        }
        return NULL;
}

/* The position of the literal's closing bracket, or NULL: then the bracket is a letter like others. */
static const char *literal_end(const char *p, const char *end)
{
        const char *last = MIN(end, p + LITERAL_MAX);

        for (p++; p < last; p++) {
                if (*p == ']')
                        return p;
                if (*p == '[' || *p == '(' || *p == ')' || *p == ';')
                        return NULL;
        }
        return NULL;
}

/* The position behind the <address> that begins at `p`, or NULL. */
static const char *angle_end(const char *p, const char *end)
{
        bool quoted = false;

        for (; p < end; p++) {
                if (*p == '"')
                        quoted = !quoted;
                else if (!quoted && slice_is_space(*p))
                        return NULL;
                else if (!quoted && *p == '>') {
                        while (p < end && *p == '>')
                                p++;
                        return p;
                }
        }
        return NULL;
}

static bool ends_word(char c)
{
        return slice_is_space(c) || c == '(' || c == ')' || c == ';';
}

/* The position behind the word that begins at `p`. */
static const char *word_end(const char *p, const char *end, bool *ret_quoted)
{
        const char *begin = p, *angle = *p == '<' ? angle_end(p, end) : NULL;

        if (angle) {
                *ret_quoted = memchr(p, '"', (size_t) (angle - p)) != NULL;
                return angle;
        }
        while (p < end && !ends_word(*p)) {
                const char *close;

                if (*p == '[' && p > begin && literal_end(p, end))
                        break;
                close = *p == '"' ? memchr(p + 1, '"', (size_t) (end - p - 1)) : NULL;
                if (close) {
                        *ret_quoted = true;
                        p = close;
                }
                p++;
        }
        return p;
}

static void take_literal(const char *p, const char *close, const char *end, struct token *ret)
{
        const char *tail = close + 1;

        while (tail < end && !ends_word(*tail) && *tail != '[')
                tail++;
        ret->kind = TOKEN_LITERAL;
        ret->text = slice_trim(slice_from(p + 1, close));
        ret->tail = slice_from(close + 1, tail);
        ret->raw = slice_from(p, tail);
        while (ret->tail.len && ret->tail.p[ret->tail.len - 1] == ',')
                ret->tail.len--;
}

static void take_word(const char *p, const char *end, struct token *ret)
{
        ret->kind = TOKEN_WORD;
        ret->raw = slice_from(p, word_end(p, end, &ret->quoted));
        if (ret->raw.len == 0) /* a bracket that opens no literal */
                ret->raw.len = 1;
        ret->text = ret->raw;
        while (ret->text.len > 1 && ret->text.p[ret->text.len - 1] == ',')
                ret->text.len--;
}

enum token_kind token_next(struct slice *rest, struct token *ret)
{
        const char *p = rest->p, *end = slice_end(*rest), *close = NULL;

        while (p < end && slice_is_space(*p))
                p++;
        *ret = (struct token){.raw = {p, 0}, .text = {p, 0}};
        if (p == end) {
                ret->kind = TOKEN_END;
        } else if (*p == '(') {
                close = comment_end(p, end);
                ret->kind = close ? TOKEN_COMMENT : TOKEN_BAD;
                ret->raw = slice_from(p, close ? close : end);
                if (close)
                        ret->text = slice_trim(slice_from(p + 1, close - 1));
        } else if (*p == ')') {
                ret->kind = TOKEN_BAD;
                ret->raw = slice_from(p, end);
        } else if (*p == ';') {
                ret->kind = TOKEN_SEMI;
                ret->raw.len = 1;
        } else if (*p == '[' && (close = literal_end(p, end)) != NULL) {
                take_literal(p, close, end, ret);
        } else {
                take_word(p, end, ret);
        }
        *rest = slice_from(slice_end(ret->raw), end);
        return ret->kind;
}

/* An address at the beginning of `s`, as far as its letters go, followed by something that ends it. */
static bool begins_with_address(struct slice s)
{
        struct addr a;
        uint16_t port;
        uint32_t n = 0;

        while (n < s.len && slice_is_space(s.p[n]))
                n++;
        s = slice_skip(s, n);
        for (n = 0; n < s.len && n < ADDRESS_TEXT_MAX; n++)
                if (!slice_is_alnum(s.p[n]) && s.p[n] != '.' && s.p[n] != ':' && s.p[n] != '%')
                        break;
        if (n < s.len && (s.p[n] == '-' || s.p[n] == '_'))
                return false; /* a name that begins with one */
        return n > 0 && address_read((struct slice){s.p, n}, &a, &port) == 0;
}

static bool has_address(struct slice text)
{
        for (uint32_t i = 0; i < text.len; i++) {
                char c = text.p[i];

                if ((c == '[' || c == '(' || c == '@') && begins_with_address(slice_skip(text, i + 1)))
                        return true;
        }
        return false;
}

/* What stands before "by" in a server's header, whichever it is: a comment, a literal or an address. */
static bool ends_with_peer(const char *begin, const char *end)
{
        struct addr a;
        uint16_t port;
        const char *p;

        while (end > begin && slice_is_space(end[-1]))
                end--;
        if (end == begin || end[-1] == ')' || end[-1] == ']')
                return true;
        for (p = end; p > begin && end - p < ADDRESS_TEXT_MAX && !slice_is_space(p[-1]);)
                p--;
        return address_read(slice_from(p, end), &a, &port) == 0;
}

static bool is_word_at(const char *p, const char *end, const char *word)
{
        size_t n = strlen(word);

        return (size_t) (end - p) >= n && strncasecmp(p, word, n) == 0 &&
               (p + n == end || slice_is_space(p[n]) || p[n] == '(');
}

/* What stands behind "by" in a server's header. */
static bool goes_on(const char *p, const char *end)
{
        for (; p < end; p++)
                if (*p == '(' || *p == ';' ||
                    (slice_is_space(p[-1]) && (is_word_at(p, end, "with") || is_word_at(p, end, "via") ||
                                               is_word_at(p, end, "id") || is_word_at(p, end, "for"))))
                        return true;
        return false;
}

bool token_has_by(struct slice text)
{
        const char *end = slice_end(text);

        for (const char *p = text.p; end - p >= 2; p++)
                if ((p == text.p || slice_is_space(p[-1]) || p[-1] == ')' || p[-1] == ']') && is_word_at(p, end, "by"))
                        return ends_with_peer(text.p, p) || goes_on(p + 2, end);
        return false;
}

bool token_has_marker(struct slice text)
{
        return has_address(text) || token_has_by(text);
}
