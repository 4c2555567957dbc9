/* SPDX-License-Identifier: GPL-3.0-or-later */
/* irc_control: nicknames that a machine made. Bots need thousands of names that do not collide, so they put digits,
 * random letters or facts about their host together; the pattern of character classes is the same in all of a family.
 * Goebel and Holz, "Rishi" (HotBots 2007), score nicknames by such patterns. Pure; runs in the engine. */
#include "detect/irc_control_nick.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"

#define DIGITS_LEAST 4u    /* fewer are a year's end or a lucky number */
#define RUN_LETTERS  5u    /* letters to judge by */
#define CONSONANTS   5u    /* in a row: "Knightsbridge" has five at a word's seam, nicknames hardly ever */
#define TURNS        6u    /* from letter to digit and back: "h4x0r" has four */
#define YEAR_FIRST   1930u /* of birth, or of now: people's favourite number */
#define YEAR_LAST    2039u
#define BITS_DIGIT   33u /* tenths: log2(10) */
#define BITS_LETTER  47u /* log2(26) */

struct shape {
        unsigned digits, digits_run, letters, separators, fields;
        unsigned lead;       /* first three digits */
        unsigned turns;      /* between letters and digits */
        unsigned consonants; /* longest run within a word as capitals part them */
        unsigned through;    /* longest run, whatever the capitals */
        unsigned vowels;
        unsigned humps, short_humps; /* capitals inside a word; pieces of at most one small letter */
};

static bool is_separator(char c)
{
        return c != '\0' && strchr("|[]{}-_`^\\", c) != NULL;
}

static bool is_vowel(char c)
{
        return c != '\0' && strchr("aeiouyAEIOUY", c) != NULL;
}

/* Runs that go on from one character to the next. */
struct run {
        unsigned digits, letters, consonants, through, small;
};

static void look_letter(struct shape *s, struct run *r, char c, char before)
{
        s->letters++;
        r->letters++;
        r->digits = 0;
        s->turns += isdigit((unsigned char) before) != 0;
        s->vowels += is_vowel(c);
        r->consonants = is_vowel(c) ? 0 : r->consonants + 1;
        r->through = is_vowel(c) ? 0 : r->through + 1;
        s->through = MAX(s->through, r->through);
        if (isupper((unsigned char) c) && islower((unsigned char) before)) {
                s->humps++;
                s->short_humps += r->small <= 1;
                r->consonants = !is_vowel(c); /* JohnMcLane: a seam between words */
        }
        s->consonants = MAX(s->consonants, r->consonants);
        r->small = islower((unsigned char) c) ? r->small + 1 : 0;
}

static void look_digit(struct shape *s, struct run *r, char before)
{
        s->digits++;
        r->digits++;
        s->turns += isalpha((unsigned char) before) != 0;
        r->letters = r->consonants = r->through = r->small = 0;
}

/* A whole number in the name. */
static void look_number(struct shape *s, struct slice nick, uint32_t at)
{
        unsigned n = 0, value = 0;

        for (; at + n < nick.len && isdigit((unsigned char) nick.p[at + n]); n++) {
                if (n < DIGITS_LEAST)
                        value = value * 10 + (unsigned) (nick.p[at + n] - '0');
                if (n == 2 && !s->lead)
                        s->lead = value;
        }
        if (n != 4 || value < YEAR_FIRST || value > YEAR_LAST)
                s->digits_run = MAX(s->digits_run, n);
}

static void look(struct slice nick, struct shape *ret)
{
        struct shape s = {0};
        struct run r = {0};
        bool open = false;

        for (uint32_t i = 0; i < nick.len; i++) {
                char c = nick.p[i], before = i ? nick.p[i - 1] : '\0';

                if (isalpha((unsigned char) c))
                        look_letter(&s, &r, c, before);
                else if (isdigit((unsigned char) c)) {
                        if (!r.digits)
                                look_number(&s, nick, i);
                        look_digit(&s, &r, before);
                } else {
                        s.separators += is_separator(c);
                        r = (struct run){0};
                        open = false;
                        continue;
                }
                s.fields += !open;
                open = true;
        }
        s.short_humps += s.humps && isupper((unsigned char) nick.p[nick.len - 1]);
        *ret = s;
}

static bool is_random(const struct shape *s)
{
        if (s->turns >= TURNS)
                return true;
        if (s->letters < RUN_LETTERS)
                return false;
        return s->consonants >= CONSONANTS || (s->vowels == 0 && s->letters >= RUN_LETTERS && s->consonants >= 4) ||
               (s->humps >= 2 && s->short_humps >= 2 && s->through >= 4); /* "DaRkLoRd" can be spoken */
}

static uint8_t class_of(const struct shape *s)
{
        if (s->fields >= 2 && s->separators >= 1 && s->digits_run >= DIGITS_LEAST)
                return IRC_NICK_FIELDS;
        if (is_random(s))
                return IRC_NICK_RANDOM;
        return s->letters && s->digits_run >= DIGITS_LEAST ? IRC_NICK_NUMBERED : IRC_NICK_PERSON;
}

/* Digits: "9". Random letters: a count. Other letters: as they are in a long word, else (countries, systems) "A". */
static void put_run(struct buf *b, const struct irc_nick *n, struct slice run, bool in_word)
{
        /* "W7" and "XP" are one kind of field. */
        if (isdigit((unsigned char) run.p[0]) && in_word && n->class == IRC_NICK_FIELDS && run.len <= 2)
                buf_put(b, "AA", run.len);
        else if (isdigit((unsigned char) run.p[0]))
                buf_putc(b, '9');
        else if (!isalpha((unsigned char) run.p[0]))
                buf_putc(b, run.p[0] >= ' ' && run.p[0] < 0x7f ? run.p[0] : '?');
        else if (n->class == IRC_NICK_RANDOM && run.len > 1)
                buf_printf(b, "a%u", run.len);
        else if (n->class == IRC_NICK_FIELDS && run.len <= 4)
                for (uint32_t i = 0; i < run.len; i++)
                        buf_putc(b, isupper((unsigned char) run.p[i]) ? 'A' : 'a');
        else
                buf_put(b, run.p, run.len);
}

static unsigned char kind_of(char c)
{
        return isdigit((unsigned char) c) ? 1 : isalpha((unsigned char) c) ? 2 : 0;
}

void irc_nick_look(struct slice nick, struct irc_nick *ret)
{
        struct irc_nick n = {0};
        struct buf b = BUF_FIXED(n.pattern);
        struct shape s;
        unsigned tenths;

        nick.len = MIN(nick.len, IRC_NICK_MAX - 1);
        look(nick, &s);
        n.class = class_of(&s);
        n.lead = (uint16_t) s.lead;
        tenths = s.digits * BITS_DIGIT + (n.class == IRC_NICK_RANDOM ? s.letters * BITS_LETTER : 0);
        n.bits = (uint8_t) MIN(tenths / 10, 255u);
        for (uint32_t from = 0, i = 0; from < nick.len; from = i) {
                for (i = from + 1; i < nick.len && kind_of(nick.p[i]) == kind_of(nick.p[from]) && kind_of(nick.p[from]);
                     i++)
                        ;
                put_run(&b, &n, (struct slice){nick.p + from, i - from},
                        from && isalpha((unsigned char) nick.p[from - 1]));
        }
        *ret = n;
}
