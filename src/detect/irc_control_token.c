/* SPDX-License-Identifier: GPL-3.0-or-later */
/* irc_control: what a word of a line looks like: a number, a flag, an address, a URL, a file. Pure; runs in the
 * engine. */
#include "detect/irc_control_token.h"

#include <ctype.h>
#include <string.h>

#include "base/cleanup.h"
#include "decode/magic.h"
#include "detect/irc_control_order.h"

bool irc_token_next(struct slice text, uint32_t *pos, struct slice *ret)
{
        uint32_t i = *pos, from;

        while (i < text.len && (text.p[i] == ' ' || text.p[i] == '\t'))
                i++;
        from = i;
        while (i < text.len && text.p[i] != ' ' && text.p[i] != '\t')
                i++;
        *pos = i;
        if (i == from)
                return false;
        *ret = (struct slice){text.p + from, i - from};
        return true;
}

struct slice irc_token_skip(struct slice word, bool (*is)(char c), uint32_t most)
{
        for (uint32_t n = 0; n < most && word.len && is(word.p[0]); n++)
                word = (struct slice){word.p + 1, word.len - 1};
        return word;
}

static bool has(const char *set, char c)
{
        return c != '\0' && strchr(set, c) != NULL;
}

static struct slice trimmed(struct slice w, bool *ret_shouted)
{
        while (w.len && has("\"'([{<", w.p[0]))
                w = (struct slice){w.p + 1, w.len - 1};
        while (w.len && has("\"')]}>,;:.!?", w.p[w.len - 1])) {
                *ret_shouted |= has("!?", w.p[w.len - 1]);
                w.len--;
        }
        return w;
}

static uint32_t read_number(struct slice w, uint32_t *pos)
{
        uint32_t n = 0;

        for (; *pos < w.len && isdigit((unsigned char) w.p[*pos]); (*pos)++)
                if (n < 100000000u)
                        n = n * 10 + (uint32_t) (w.p[*pos] - '0');
        return n;
}

static bool is_number(struct slice w, uint32_t *ret)
{
        uint32_t i = 0, n = read_number(w, &i);

        if (i == 0 || w.len - i > 2)
                return false;
        for (uint32_t k = i; k < w.len; k++)
                if (!isalpha((unsigned char) w.p[k]))
                        return false;
        *ret = n;
        return true;
}

static bool is_flag(struct slice w)
{
        if (w.len < 2 || w.len > 5 || w.p[0] != '-')
                return false;
        for (uint32_t i = 1; i < w.len; i++)
                if (!isalpha((unsigned char) w.p[i]))
                        return false;
        return true;
}

/* ":80" at the end, where nothing before it holds a colon. */
static struct slice without_port(struct slice w, uint32_t *ret_port)
{
        const char *colon = memchr(w.p, ':', w.len);
        struct slice port;
        uint32_t i = 0, n;

        *ret_port = 0;
        if (!colon)
                return w;
        port = (struct slice){colon + 1, w.len - (uint32_t) (colon + 1 - w.p)};
        n = read_number(port, &i);
        if (i == 0 || i != port.len || n > UINT16_MAX)
                return w;
        *ret_port = n;
        return (struct slice){w.p, (uint32_t) (colon - w.p)};
}

static bool is_address(struct slice w, struct irc_token *t)
{
        char text[ADDR_TEXT_MAX];
        struct slice a = without_port(w, &t->number);
        struct addr addr;

        if (a.len < 3 || a.len >= sizeof(text) || (!isxdigit((unsigned char) a.p[0]) && a.p[0] != ':'))
                return false;
        memcpy(text, a.p, a.len);
        text[a.len] = '\0';
        if (addr_parse(text, &addr) < 0 || addr_is_unspecified(&addr))
                return false;
        t->addr = addr;
        return true;
}

/* 220.0, 10.0.x.x, i.i.i.i, 192.168.*, 10.0.0.0/8. A decimal number such as 1.5 is none: see is_range(). */
static bool is_range(struct slice w, struct irc_token *t)
{
        uint32_t i = 0, parts = 0, wild = 0, first = 0;
        bool length = false;

        t->n_prefix = 0;

        while (i < w.len && parts < 4) {
                uint32_t from = i, n = read_number(w, &i);

                if (i == from && has("xXiI*", w.p[i])) {
                        wild++;
                        i++;
                } else if (i == from || i - from > 3 || n > 255)
                        return false;
                else if (!wild && parts < sizeof(t->prefix))
                        t->prefix[t->n_prefix++] = (uint8_t) n;
                if (parts++ == 0)
                        first = n;
                if (i < w.len && w.p[i] == '/' && parts >= 2) {
                        uint32_t bits;

                        i++;
                        bits = read_number(w, &i);
                        length = i == w.len && bits <= 32;
                        t->n_prefix = (uint8_t) MIN((uint32_t) t->n_prefix, bits / 8);
                        break;
                }
                if (i < w.len && w.p[i++] != '.')
                        return false;
        }
        t->number = wild || length;
        /* Two numbers below ten are a decimal number or a version. */
        return i == w.len && parts >= 2 && (wild || length || (parts < 4 && (first >= 10 || parts == 3)));
}

static bool is_name(struct slice w, struct irc_token *t)
{
        struct slice n = without_port(w, &t->number);
        uint32_t dot = 0, label = 0;

        for (uint32_t i = 0; i < n.len; i++) {
                if (n.p[i] == '.') {
                        if (label == 0)
                                return false;
                        dot = i;
                        label = 0;
                } else if (isalnum((unsigned char) n.p[i]) || n.p[i] == '-' || n.p[i] == '_')
                        label++;
                else
                        return false;
        }
        if (dot == 0 || label < 2)
                return false;
        for (uint32_t i = dot + 1; i < n.len; i++)
                if (!isalpha((unsigned char) n.p[i]))
                        return false;
        t->text = n;
        return true;
}

static uint8_t file_kind(struct slice w, struct slice *ret_base)
{
        enum file_kind kind = magic_promised_by_name(*ret_base = irc_order_base(w));

        if (magic_is_program(kind))
                return IRC_TOKEN_FILE;
        return kind != FILE_UNKNOWN ? IRC_TOKEN_NEUTRAL : IRC_TOKEN_OTHER;
}

static uint8_t word_kind(struct slice w, uint32_t *ret_number)
{
        uint32_t letters = 0, digits = 0, from = w.len;

        for (uint32_t i = 0; i < w.len; i++) {
                unsigned char c = (unsigned char) w.p[i];

                if (isalpha(c) || c == '\'')
                        letters++;
                else if (isdigit(c))
                        digits++;
                else if (c != '_' && c != '-')
                        return has("=/\\[]{}|;", w.p[i]) ? IRC_TOKEN_NEUTRAL : IRC_TOKEN_OTHER;
        }
        while (from > 0 && isdigit((unsigned char) w.p[from - 1]))
                from--;
        if (letters && digits)
                *ret_number = read_number(w, &from);
        return letters ? (digits ? IRC_TOKEN_MIXED : IRC_TOKEN_WORD) : IRC_TOKEN_OTHER;
}

static bool has_scheme(struct slice w)
{
        static const char sign[] = "://";

        for (uint32_t i = 2; i + sizeof(sign) - 1 < w.len && i < 8; i++)
                if (memcmp(w.p + i, sign, sizeof(sign) - 1) == 0)
                        return true;
        return false;
}

void irc_token_kind(struct slice word, struct irc_token *ret)
{
        struct irc_token t = {.kind = IRC_TOKEN_OTHER};

        t.text = trimmed(word, &t.shouted);
        if (t.text.len == 0)
                t.kind = memchr(word.p, ';', word.len) || memchr(word.p, ']', word.len) ? IRC_TOKEN_NEUTRAL :
                                                                                          IRC_TOKEN_OTHER;
        else if (is_flag(t.text))
                t.kind = IRC_TOKEN_FLAG;
        else if (is_number(t.text, &t.number))
                t.kind = IRC_TOKEN_NUMBER;
        else if (has_scheme(t.text))
                t.kind = IRC_TOKEN_URL;
        else if (is_address(t.text, &t))
                t.kind = IRC_TOKEN_ADDRESS;
        else if (is_range(t.text, &t))
                t.kind = IRC_TOKEN_RANGE;
        else {
                struct slice base;

                t.number = 0;

                t.kind = file_kind(t.text, &base);
                if (t.kind == IRC_TOKEN_FILE)
                        t.text = base;
                else if (t.kind == IRC_TOKEN_OTHER && is_name(t.text, &t))
                        t.kind = IRC_TOKEN_NAME;
                else if (t.kind == IRC_TOKEN_OTHER)
                        t.kind = word_kind(t.text, &t.number);
        }
        *ret = t;
}
