/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns_anomaly: what a name says by itself: where its registered domain begins (the Public Suffix List, built into
 * libpsl: no file is read), and whether its label was drawn at random. Runs in the engine and in offline commands.
 *
 * Randomness is a likelihood ratio. Against the chain of characters in labels that people register
 * (dns_anomaly_model.h) stand the four ways in which generators make them: letters, letters and digits, hexadecimal
 * digits, and syllables of a consonant and a vowel (Antonakakis et al., "From Throw-Away Traffic to Bots", 2012, use
 * n-grams and entropy as well; Schiavoni et al., "Phoenix", 2014, pronounceability). */
#include <xxhash.h>

#include "detect/dns_anomaly.h"
#include "detect/dns_anomaly_model.h"

#define LABELS_MOST  6u   /* of a name's end; the longest rules of the list have five */
#define ENDING_MOST  253u /* RFC 1035 2.3.4, as text */
#define JUDGED_LEAST 6u   /* a shorter label says nothing: acronyms */
#define RANDOM_LEAST                                                                                                   \
        24 /* 6.0: 4 of 100 honest labels; of random ones 85 of 100 with eight characters, 96 with twelve */
#define ENCODED_LEAST 12u /* characters of the longest label before the domain */

/* -40*log10 of a character's probability, in tenths: one of 26, 36, 16; a vowel of 6, a consonant of 20. */
#define COST_LETTER    566u
#define COST_ALNUM     623u
#define COST_HEX       482u
#define COST_VOWEL     311u
#define COST_CONSONANT 520u
/* One of four ways, one of twelve lengths: 40*log10(48). */
#define COST_CHOICE 67

static unsigned symbol_of(char c)
{
        if (c >= 'a' && c <= 'z')
                return (unsigned) (c - 'a');
        if (c >= 'A' && c <= 'Z')
                return (unsigned) (c - 'A');
        if (c >= '0' && c <= '9')
                return 26u + (unsigned) (c - '0');
        return 36;
}

static bool is_vowel(unsigned symbol)
{
        /* a, e, i, o, u, y */
        return symbol < 26 && (1u << symbol & (1u << 0 | 1u << 4 | 1u << 8 | 1u << 14 | 1u << 20 | 1u << 24));
}

static unsigned digit_runs(const char *label, size_t len)
{
        unsigned runs = 0;

        for (size_t i = 0; i < len; i++)
                runs += label[i] >= '0' && label[i] <= '9' && (i == 0 || label[i - 1] < '0' || label[i - 1] > '9');
        return runs;
}

/* Both hypotheses' costs of a label, character by character. */
struct costs {
        unsigned honest, syllables, judged;
        unsigned before; /* symbol */
        bool letters, hex, alternates, vowel;
};

static void cost_add(struct costs *c, unsigned symbol)
{
        bool v = is_vowel(symbol);

        c->honest += dns_anomaly_model[c->before][symbol];
        c->letters &= symbol < 26;
        c->hex &= symbol < 6 || symbol >= 26;
        c->alternates &= c->judged == 0 || v != c->vowel;
        c->vowel = v;
        c->syllables += v ? COST_VOWEL : COST_CONSONANT;
        c->before = symbol;
        c->judged++;
}

int dns_anomaly_randomness(const char *label, size_t len)
{
        struct costs c = {.before = DNS_MODEL_EDGE, .letters = true, .hex = true, .alternates = true};
        unsigned random, number;

        if (len < JUDGED_LEAST || memcmp(label, "xn--", 4) == 0)
                return 0;
        len = MIN(len, (size_t) 63);
        /* One number within a name (shop24, 20years) says nothing; several do. */
        number = digit_runs(label, len);
        for (size_t i = 0; i < len; i++) {
                unsigned s = symbol_of(label[i]);

                if (s == 36)
                        return 0; /* words with hyphens; generators hardly use them */
                if (s >= 26 && number == 1) {
                        if (c.before != DNS_MODEL_EDGE)
                                c.honest += dns_anomaly_model[c.before][DNS_MODEL_EDGE];
                        c.before = DNS_MODEL_EDGE;
                        c.alternates = false;
                } else
                        cost_add(&c, s);
        }
        if (c.judged < JUDGED_LEAST)
                return 0;
        if (c.before != DNS_MODEL_EDGE)
                c.honest += dns_anomaly_model[c.before][DNS_MODEL_EDGE];
        random = c.judged * (c.letters ? COST_LETTER : COST_ALNUM);
        if (c.letters && c.alternates)
                random = MIN(random, c.syllables);
        if (c.hex)
                random = MIN(random, c.judged * COST_HEX);
        return (int) c.honest - (int) (random / 10) - COST_CHOICE;
}

/* Base32, base64 or hexadecimal text, or bytes that are no text at all (written as \DDD). The longest run is judged:
 * base64 for names has hyphens too, though few. */
bool dns_anomaly_is_encoded(const char *text, size_t len)
{
        size_t best = 0, longest = 0, run = 0;

        for (size_t i = 0; i < len; i++) {
                char c = text[i];

                if (c == '.' || c == '-' || c == '_') {
                        run = 0;
                        continue;
                }
                if (symbol_of(c) == 36)
                        return len >= ENCODED_LEAST;
                if (++run > longest) {
                        longest = run;
                        best = i + 1 - run;
                }
        }
        return longest >= ENCODED_LEAST && dns_anomaly_randomness(text + best, longest) >= RANDOM_LEAST;
}

/* Numbers that count are no random digits: most of them are addresses, dates and names of machines. */
static bool is_random(const char *label, size_t len)
{
        size_t letters = 0;

        for (size_t i = 0; i < len; i++)
                letters += label[i] < '0' || label[i] > '9';
        return letters * 3 >= len && dns_anomaly_randomness(label, len) >= RANDOM_LEAST;
}

static bool is_suffix(const struct dns_anomaly *d, const char *text, int type)
{
        return psl_is_public_suffix2(d->psl, text, type | PSL_TYPE_NO_STAR_RULE) == 1;
}

/* The registered domain by the list: the label before the longest suffix. The name's end is copied, as the library
 * wants a string. */
static void find_domain(const struct dns_anomaly *d, struct dns_name *name)
{
        char ending[ENDING_MOST + 1];
        uint32_t starts[LABELS_MOST], n = 0, len = MIN(name->len, ENDING_MOST), from = name->len - len;

        memcpy(ending, name->text + from, len);
        ending[len] = '\0';
        for (uint32_t at = len; at-- > 0 && n < LABELS_MOST;)
                if (at == 0 || ending[at - 1] == '.')
                        starts[n++] = at;
        name->domain = n ? from + starts[0] : 0;
        name->flags = DNS_NAME_LOCAL;
        if (n && strcmp(ending + starts[0], "arpa") == 0) {
                name->flags = DNS_NAME_REVERSE;
                return;
        }
        for (uint32_t i = n - (n > 0); i-- > 0;) {
                if (!is_suffix(d, ending + starts[i], PSL_TYPE_ANY))
                        continue;
                name->domain = from + starts[i + 1];
                name->flags = is_suffix(d, ending + starts[i], PSL_TYPE_ICANN) ? 0 : DNS_NAME_SHARED;
                return;
        }
}

static void judge(struct dns_name *name)
{
        const char *label = name->text + name->domain, *dot = memchr(label, '.', name->len - name->domain);
        size_t before = name->domain ? name->domain - 1 : 0;

        if (name->flags & (DNS_NAME_LOCAL | DNS_NAME_REVERSE))
                return;
        if (before == 0 || !memchr(name->text, '.', before))
                name->flags |= DNS_NAME_BARE;
        if (dot && is_random(label, (size_t) (dot - label)))
                name->flags |= DNS_NAME_RANDOM;
}

void dns_anomaly_look(struct dns_anomaly *d, const struct slice *text, struct dns_name *ret)
{
        struct dns_name name = {.text = text->p ? text->p : "", .len = text->p ? MIN(text->len, UINT16_MAX) : 0};
        struct dns_cached *c;

        name.hash = XXH3_64bits(name.text, name.len);
        c = &d->cache[name.hash >> 8 & (DNS_CACHE - 1)];
        if (c->hash == name.hash && c->domain <= name.len) {
                name.domain_hash = c->domain_hash;
                name.domain = c->domain;
                name.flags = c->flags;
        } else {
                find_domain(d, &name);
                judge(&name);
                name.domain_hash = XXH3_64bits(name.text + name.domain, name.len - name.domain);
                *c = (struct dns_cached){name.hash, name.domain_hash, (uint16_t) name.domain, name.flags};
        }
        *ret = name;
}

bool dns_anomaly_is_below(const struct dns_name *name, const char *domain)
{
        size_t n = strlen(domain);

        return name->len >= n && memcmp(name->text + name->len - n, domain, n) == 0 &&
               (name->len == n || name->text[name->len - n - 1] == '.');
}
