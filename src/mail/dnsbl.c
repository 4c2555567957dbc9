/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of block lists, and what their answers mean. Runs where mail/dnsbl.h says. */
#include "mail/dnsbl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

/* Of 127.0.0.X, from `first` to `last`. */
struct code {
        uint8_t first, last;
        uint32_t meaning; /* 0: no listing of the kind that counts here */
};

struct dnsbl_codes {
        const char *zone;
        const char *source; /* where the meanings are from */
        struct code codes[12];
};

/* A code that is not in a list's row is DNSBL_OTHER: new ones come, and a listing stays one. */
static const struct dnsbl_codes known[] = {
        {"zen.spamhaus.org",
         "docs.spamhaus.com, available zones",
         {{2, 3, DNSBL_SPAM},
          {4, 7, DNSBL_EXPLOITED},
          {9, 9, DNSBL_SPAM},
          {10, 11, DNSBL_POLICY},
          {30, 30, DNSBL_OTHER}}},
        {"sbl-xbl.spamhaus.org", "the same", {{2, 3, DNSBL_SPAM}, {4, 7, DNSBL_EXPLOITED}, {9, 9, DNSBL_SPAM}}},
        {"sbl.spamhaus.org", "the same", {{2, 3, DNSBL_SPAM}, {9, 9, DNSBL_SPAM}}},
        {"xbl.spamhaus.org", "the same", {{4, 7, DNSBL_EXPLOITED}}},
        {"pbl.spamhaus.org", "the same", {{10, 11, DNSBL_POLICY}}},
        {"authbl.spamhaus.org", "the same", {{20, 20, DNSBL_ACCOUNT}}},
        {"cbl.abuseat.org", "abuseat.org: infected machines", {{2, 2, DNSBL_EXPLOITED}}},
        {"bl.spamcop.net", "spamcop.net: people's complaints", {{2, 2, DNSBL_SPAM}}},
        {"psbl.surriel.com", "psbl.org: spam traps", {{2, 2, DNSBL_SPAM}}},
        {"b.barracudacentral.org", "barracudacentral.org: spam traps", {{2, 2, DNSBL_SPAM}}},
        {"dnsbl.dronebl.org",
         "dronebl.org, classes",
         {{3, 7, DNSBL_EXPLOITED},
          {8, 11, DNSBL_PROXY},
          {13, 13, DNSBL_ACCOUNT},
          {14, 14, DNSBL_PROXY},
          {15, 17, DNSBL_EXPLOITED},
          {19, 19, DNSBL_PROXY}}},
};

static const char *const meaning_names[DNSBL_MEANINGS] = {"exploited", "proxy", "policy", "spam", "account", "other"};

const char *dnsbl_meaning_name(unsigned bit)
{
        return bit < DNSBL_MEANINGS ? meaning_names[bit] : "?";
}

void dnsbl_print(struct buf *out)
{
        for (unsigned i = 0; i < ELEMENTSOF(known); i++) {
                buf_printf(out, "%s (%s)", known[i].zone, known[i].source);
                for (const struct code *c = known[i].codes; c->first; c++) {
                        buf_printf(out, " 127.0.0.%u", c->first);
                        if (c->last != c->first)
                                buf_printf(out, "-%u", c->last);
                        for (unsigned bit = 0; bit < DNSBL_MEANINGS; bit++)
                                if (c->meaning & 1u << bit)
                                        buf_printf(out, " %s", meaning_names[bit]);
                        buf_puts(out, c[1].first ? "," : "");
                }
                buf_putc(out, '\n');
        }
}

/* --- configuration --- */

/* Labels of letters, digits, - and _, joined by single dots. */
static bool zone_is_valid(const char *p, size_t len)
{
        size_t label = 0;

        for (size_t i = 0; i < len; i++) {
                bool word = (p[i] >= 'a' && p[i] <= 'z') || (p[i] >= '0' && p[i] <= '9') || p[i] == '-' || p[i] == '_';

                if (!word && (p[i] != '.' || label == 0))
                        return false;
                label = word ? label + 1 : 0;
                if (label > 63)
                        return false;
        }
        return label > 0;
}

static int parse_meanings(const char *p, uint32_t *ret)
{
        uint32_t meaning = 0;

        while (*p) {
                size_t n = strcspn(p, ",");
                unsigned bit = 0;

                while (bit < DNSBL_MEANINGS &&
                       (strlen(meaning_names[bit]) != n || strncmp(meaning_names[bit], p, n) != 0))
                        bit++;
                if (bit == DNSBL_MEANINGS)
                        return -EINVAL;
                meaning |= 1u << bit;
                p += n;
                if (*p == ',' && *++p == 0)
                        return -EINVAL;
        }
        *ret = meaning;
        return meaning ? 0 : -EINVAL;
}

int dnsbl_parse(const char *text, struct dnsbl *ret)
{
        struct dnsbl l = {.meaning = DNSBL_OTHER};
        const char *equals;
        size_t n;

        if (*text == '!') {
                l.unchecked = true;
                text++;
        }
        equals = strchr(text, '=');
        n = equals ? (size_t) (equals - text) : strlen(text);
        if (n > 0 && text[n - 1] == '.')
                n--;
        if (n >= sizeof(l.zone))
                return -EINVAL;
        for (size_t i = 0; i < n; i++)
                l.zone[i] = (char) (text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);
        if (!zone_is_valid(l.zone, n))
                return -EINVAL;
        if (equals) {
                if (parse_meanings(equals + 1, &l.meaning) < 0)
                        return -EINVAL;
        } else
                for (unsigned i = 0; i < ELEMENTSOF(known); i++)
                        if (strcmp(known[i].zone, l.zone) == 0) {
                                l.codes = &known[i];
                                l.meaning = 0;
                        }
        *ret = l;
        return 0;
}

/* --- questions and answers --- */

void dnsbl_name(const struct dnsbl *l, const struct addr *a, char ret[static DNSBL_NAME_MAX])
{
        static const char hex[] = "0123456789abcdef";
        char *p = ret;

        if (addr_is_v4(a)) {
                snprintf(ret, DNSBL_NAME_MAX, "%u.%u.%u.%u.%s", a->b[15], a->b[14], a->b[13], a->b[12], l->zone);
                return;
        }
        for (unsigned i = 16; i-- > 0;) {
                *p++ = hex[a->b[i] & 15];
                *p++ = '.';
                *p++ = hex[a->b[i] >> 4];
                *p++ = '.';
        }
        snprintf(p, (size_t) (DNSBL_NAME_MAX - (p - ret)), "%s", l->zone);
}

static uint32_t meaning_of(const struct dnsbl *l, const uint8_t *v4)
{
        if (!l->codes)
                return l->meaning;
        if (v4[1] == 0 && v4[2] == 0)
                for (const struct code *c = l->codes->codes; c->first; c++)
                        if (v4[3] >= c->first && v4[3] <= c->last)
                                return c->meaning;
        return DNSBL_OTHER;
}

enum answer dnsbl_judge(const struct dnsbl *l, const struct addr *answers, unsigned n, uint32_t *ret_meanings)
{
        uint32_t meanings = 0;

        *ret_meanings = 0;
        for (unsigned i = 0; i < n; i++) {
                const uint8_t *v4 = answers[i].b + 12;

                if (!addr_is_v4(&answers[i]) || v4[0] != 127 || (v4[1] == 255 && v4[2] == 255) ||
                    (v4[1] == 0 && v4[2] == 0 && v4[3] <= 1))
                        return ANSWER_UNKNOWN;
                meanings |= meaning_of(l, v4);
        }
        *ret_meanings = meanings;
        return answer_of(n > 0);
}
