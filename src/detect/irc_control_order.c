/* SPDX-License-Identifier: GPL-3.0-or-later */
/* irc_control: orders to bots by their grammar. An order is a command character (or the bot's name), a verb, and
 * arguments that look like targets, ports, URLs, counts and flags. Points count how much like that it looks. Measured
 * on the orders in the sources "many sensors" (Watanabe) and in the published commands of SDBot, Agobot, Phatbot,
 * rBot, GTBot and Kaiten, against what people tell the bots in their channels. Pure; runs in the engine. */
#include "detect/irc_control_order.h"

#include <ctype.h>
#include <string.h>

#include "base/cleanup.h"
#include "decode/magic.h"
#include "detect/irc_control_token.h"

#define TOKENS_MAX    32u /* per order; what follows is not looked at */
#define VERB_MAX      24u
#define STRONG_POINTS 5
#define HINT_POINTS   3

static bool is_command_char(char c)
{
        return c != '\0' && strchr(".!*@-%$&~^+?`,;|#/\\=", c) != NULL;
}

/* Characters that stand between two orders of one line, as a word of their own: "|", "][", "&&". */
static bool is_separator(struct slice w)
{
        for (uint32_t i = 0; i < w.len; i++)
                if (!strchr("[]|&", w.p[i]) || w.p[i] == '\0')
                        return false;
        return w.len > 0;
}

static bool is_verb(struct slice w)
{
        if (w.len == 0 || w.len > VERB_MAX || !isalpha((unsigned char) w.p[0]))
                return false;
        for (uint32_t i = 1; i < w.len; i++)
                if (!isalnum((unsigned char) w.p[i]) && w.p[i] != '.' && w.p[i] != '_' && w.p[i] != '-')
                        return false;
        return w.p[w.len - 1] != '.';
}

/* "Bot|9277:", "Bot|9277," or "Bot|9277" */
static bool is_named(struct slice w, struct slice nick)
{
        if (w.len && (w.p[w.len - 1] == ':' || w.p[w.len - 1] == ','))
                w.len--;
        return nick.len > 0 && w.len == nick.len && strncasecmp(w.p, nick.p, w.len) == 0;
}

static bool is_sub_verb(struct slice w)
{
        return w.p[0] != '-' && is_command_char(w.p[0]) && is_verb(irc_token_skip(w, is_command_char, 2));
}

/* The verb that opens an order, which moves *pos behind it. */
static bool find_verb(struct slice text, struct slice nick, uint32_t *pos, struct slice *ret_first)
{
        struct slice w, rest;
        uint32_t n = 0;

        if (!irc_token_next(text, pos, &w))
                return false;
        while (w.len > 1 && (w.p[0] == '[' || w.p[0] == '|'))
                w = (struct slice){w.p + 1, w.len - 1};
        *ret_first = w;
        if (is_named(w, nick))
                return irc_token_next(text, pos, &w) && is_verb(irc_token_skip(w, is_command_char, 2));
        while (n < w.len && n < 3 && is_command_char(w.p[n]))
                n++;
        if (n == 0 || n > 2)
                return false;
        rest = (struct slice){w.p + n, w.len - n};
        /* "* ipscan", and "!* UDP" or "!bot* UDP": to every bot, or to all whose name begins so */
        if (rest.len == 0 || memchr(rest.p, '*', rest.len) || is_named(rest, nick))
                return irc_token_next(text, pos, &w) && (is_verb(w) || is_sub_verb(w));
        return is_verb(rest);
}

struct count {
        unsigned numbers, flags, options, words, mixed, other, servers, spans;
        unsigned files, urls, programs, bare, targets, ranges, names, shouts;
        uint8_t before; /* kind of the word before */
};

static void note_port(struct irc_order *o, uint32_t number)
{
        if (number > 0 && number <= UINT16_MAX && o->n_ports < ELEMENTSOF(o->ports))
                o->ports[o->n_ports++] = (uint16_t) number;
}

/* A second address: a scan from one to the other, where they begin alike. */
static bool note_span(struct irc_order *o, const struct addr *to)
{
        uint8_t n = 0;

        if (!addr_is_v4(&o->target) || !addr_is_v4(to))
                return false;
        while (n < sizeof(o->range) && o->target.b[12 + n] == to->b[12 + n])
                n++;
        if (n == 0)
                return false;
        memcpy(o->range, to->b + 12, n);
        o->n_range = n;
        o->has_range = true;
        return true;
}

static void count_url(const struct irc_token *t, struct irc_order *o, struct count *c)
{
        uint32_t at = 0;

        if (!irc_order_url(t->text, &at, &o->url)) {
                c->other++;
                return;
        }
        o->has_url = true;
        c->urls++;
        c->programs += o->url.program;
        c->bare += o->url.address;
}

static void count_token(const struct irc_token *t, struct irc_order *o, struct count *c)
{
        switch (t->kind) {
        case IRC_TOKEN_NUMBER:
                /* "-c 5": an option of people's tools; bots' flags stand alone */
                if (c->before == IRC_TOKEN_FLAG) {
                        c->flags--;
                        c->options++;
                } else
                        c->numbers++;
                note_port(o, t->number);
                break;
        case IRC_TOKEN_FLAG:
                c->flags++;
                break;
        case IRC_TOKEN_URL:
                count_url(t, o, c);
                break;
        case IRC_TOKEN_ADDRESS:
                /* "198.51.100.4:27015" is how people write a server; orders have the port apart. */
                c->servers += t->number != 0;
                note_port(o, t->number);
                if (c->targets++ && note_span(o, &t->addr))
                        c->spans++;
                o->has_target = true;
                o->target = t->addr;
                break;
        case IRC_TOKEN_RANGE:
                c->ranges += t->number ? 3 : 2;
                o->has_range = true;
                memcpy(o->range, t->prefix, sizeof(o->range));
                o->n_range = t->n_prefix;
                break;
        case IRC_TOKEN_NAME:
                c->names++;
                c->numbers += t->number != 0;
                o->name = t->text;
                note_port(o, t->number);
                break;
        case IRC_TOKEN_FILE:
                c->files++;
                o->file = t->text;
                break;
        case IRC_TOKEN_MIXED:
                c->mixed++;
                note_port(o, t->number);
                break;
        case IRC_TOKEN_WORD:
                c->words++;
                break;
        case IRC_TOKEN_NEUTRAL:
                break;
        default:
                c->other++;
                break;
        }
        c->shouts += t->shouted;
        c->before = t->kind;
}

static int points_of(const struct count *c)
{
        int points = (int) MIN(c->numbers, 3u);

        points += c->flags ? (c->flags > 1 ? 3 : 2) : 0;
        points += c->options ? 1 : 0;
        points += c->programs ? 4 : (c->urls ? 2 : 0);
        points += c->bare ? 1 : 0;
        points += c->files ? 2 : 0;
        points += c->targets > c->servers ? 3 : c->targets ? 2 : (int) MIN(c->ranges, 3u);
        points += c->spans ? 1 : 0;
        points += c->names ? 2 : 0;
        points += c->mixed ? 1 : 0;
        /* One word is an argument ("lsass"); more of them are a sentence. */
        points -= c->words > 1 ? (int) c->words - 1 : 0;
        points -= (int) c->other + 2 * (int) c->shouts;
        return points;
}

static uint8_t grade_of(const struct count *c, uint32_t tokens)
{
        int points = points_of(c);

        if (points >= STRONG_POINTS)
                return IRC_ORDER_STRONG;
        if (points >= HINT_POINTS)
                return IRC_ORDER_HINT;
        return tokens >= 1 && tokens <= 2 && c->words + c->mixed == tokens ? IRC_ORDER_WORD : IRC_ORDER_NONE;
}

/* One segment, from *pos to the next separator or the end. */
static bool read_order(struct slice text, struct slice nick, uint32_t *pos, struct irc_order *ret)
{
        struct count c = {0};
        struct irc_order o = {0};
        struct slice w, first;
        uint32_t tokens = 0, end;
        bool verb = find_verb(text, nick, pos, &first);

        end = *pos;
        while (irc_token_next(text, pos, &w)) {
                struct irc_token t;

                if (is_separator(w))
                        break;
                end = (uint32_t) (w.p - text.p) + w.len;
                /* "!bot @udpflood ...": the name of all bots first, then the verb */
                if (!verb || tokens >= TOKENS_MAX || (tokens == 0 && is_sub_verb(w)))
                        continue;
                irc_token_kind(w, &t);
                count_token(&t, &o, &c);
                tokens++;
        }
        if (!verb)
                return false;
        if (o.has_range)
                o.has_target = false;
        o.grade = grade_of(&c, tokens);
        o.text = (struct slice){first.p, end - (uint32_t) (first.p - text.p)};
        if (o.grade == IRC_ORDER_NONE)
                return false;
        *ret = o;
        return true;
}

bool irc_order_next(struct slice text, struct slice nick, uint32_t *pos, struct irc_order *ret)
{
        /* CTCP: the clients' own requests, and what people do ("/me") */
        if (text.len && text.p[0] == '\x01')
                return false;
        while (*pos < text.len)
                if (read_order(text, nick, pos, ret))
                        return true;
        return false;
}

bool irc_order_is_command(struct slice text, struct slice nick)
{
        struct slice first;
        uint32_t pos = 0;

        return find_verb(text, nick, &pos, &first);
}

bool irc_order_names(struct slice text, const struct addr *target, uint64_t file)
{
        struct slice w;
        uint32_t pos = 0;

        while (irc_token_next(text, &pos, &w)) {
                struct irc_token t;

                irc_token_kind(w, &t);
                if (t.kind == IRC_TOKEN_FILE && file && irc_order_hash(t.text) == file)
                        return true;
                if (t.kind == IRC_TOKEN_ADDRESS && target && addr_equal(&t.addr, target))
                        return true;
        }
        return false;
}
