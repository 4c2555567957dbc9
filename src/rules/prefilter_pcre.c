/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What must stand in whatever an expression matches: its longest run of literal bytes outside of groups and
 * alternatives. For the few rules that ask for nothing else; whatever is not understood has none. Runs where rules are
 * compiled. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <ctype.h>
#include <pcre2.h>
#include <string.h>

#include "rules/prefilter_internal.h"

struct scanner {
        const char *p;
        uint8_t run[PREFILTER_LITERAL_MAX], best[PREFILTER_LITERAL_MAX];
        unsigned n, n_best; /* of a run that is full, the first bytes count */
        bool nocase, failed;
};

static void end_run(struct scanner *s)
{
        if (s->n > s->n_best) {
                memcpy(s->best, s->run, s->n);
                s->n_best = s->n;
        }
        s->n = 0;
}

/* Behind a bracket expression. */
static void skip_class(struct scanner *s)
{
        s->p++;
        s->p += *s->p == '^';
        s->p += *s->p == ']'; /* first: itself */
        while (*s->p && *s->p != ']') {
                if (*s->p == '[' && (s->p[1] == ':' || s->p[1] == '.' || s->p[1] == '=')) {
                        s->failed = true;
                        return;
                }
                s->p += *s->p == '\\' && s->p[1] ? 2 : 1;
        }
        if (*s->p)
                s->p++;
}

/* Options that are set for the rest. */
static void take_options(struct scanner *s)
{
        for (s->p += 2; *s->p && *s->p != ')'; s->p++) {
                s->nocase |= *s->p == 'i';
                s->failed |= *s->p != 'i' && *s->p != 's' && *s->p != 'm' && *s->p != '-';
        }
        if (*s->p)
                s->p++;
}

static void skip_group(struct scanner *s)
{
        unsigned depth = 0;

        if (s->p[1] == '?' && islower((unsigned char) s->p[2]) && s->p[2] != 'P') {
                take_options(s);
                return;
        }
        s->failed |= s->p[1] == '*' || (s->p[1] == '?' && s->p[2] == '#');
        do {
                if (*s->p == '[') {
                        skip_class(s);
                        continue;
                }
                depth += *s->p == '(';
                depth -= *s->p == ')';
                s->p += *s->p == '\\' && s->p[1] ? 2 : 1;
        } while (depth > 0 && *s->p && !s->failed);
        s->failed |= depth > 0;
}

static int hex(char c)
{
        return isdigit((unsigned char) c) ? c - '0' : isxdigit((unsigned char) c) ? (c | 0x20) - 'a' + 10 : -1;
}

/* One escaped element; true: *ret is its byte. */
static bool take_escape(struct scanner *s, uint8_t *ret)
{
        char c = s->p[1];

        if (c == 'x' && hex(s->p[2]) >= 0 && hex(s->p[3]) >= 0) {
                *ret = (uint8_t) (hex(s->p[2]) << 4 | hex(s->p[3]));
                s->p += 4;
                return true;
        }
        if (c && strchr("dDwWsSbBAzZ", c)) {
                s->p += 2;
                return false;
        }
        if (c == 'r' || c == 'n' || c == 't') {
                *ret = c == 'r' ? '\r' : c == 'n' ? '\n' : '\t';
                s->p += 2;
                return true;
        }
        if (c == '\0' || isalnum((unsigned char) c)) {
                s->failed = true;
                return false;
        }
        *ret = (uint8_t) c;
        s->p += 2;
        return true;
}

/* What says how often: 0 when it may be never. */
static bool take_quantifier(struct scanner *s, bool *ret_never)
{
        bool any = false;

        *ret_never = false;
        if (*s->p == '{' && isdigit((unsigned char) s->p[1])) {
                *ret_never = strtol(s->p + 1, NULL, 10) == 0;
                while (*s->p && *s->p != '}')
                        s->p++;
                any = true;
                if (*s->p)
                        s->p++;
        } else if (*s->p == '{') { /* itself, or {,n} of newer versions */
                s->failed = true;
        } else if (*s->p && strchr("*+?", *s->p)) {
                *ret_never = *s->p != '+';
                any = true;
                s->p++;
        }
        while (any && (*s->p == '?' || *s->p == '+'))
                s->p++;
        return any;
}

static void take_element(struct scanner *s)
{
        bool literal = false, never;
        uint8_t byte = 0;

        if (*s->p == '\\') {
                literal = take_escape(s, &byte);
        } else if (*s->p == '[') {
                skip_class(s);
        } else if (*s->p == '(') {
                skip_group(s);
        } else if (*s->p == '.' || *s->p == '^' || *s->p == '$') {
                s->p++;
        } else if (*s->p == '|' || *s->p == ')' || *s->p == '*' || *s->p == '+' || *s->p == '?') {
                s->failed = true;
        } else {
                literal = true;
                byte = (uint8_t) *s->p++;
        }
        if (s->failed)
                return;
        if (!literal)
                end_run(s);
        if (take_quantifier(s, &never)) {
                if (literal && !never && s->n < PREFILTER_LITERAL_MAX)
                        s->run[s->n++] = byte;
                end_run(s);
        } else if (literal) {
                if (s->n == PREFILTER_LITERAL_MAX)
                        end_run(s);
                s->run[s->n++] = byte;
        }
}

unsigned prefilter_pcre_literal(const struct rule_pcre *pcre, uint8_t ret[static PREFILTER_LITERAL_MAX],
                                bool *ret_nocase)
{
        const uint32_t known = PCRE2_CASELESS | PCRE2_DOTALL | PCRE2_MULTILINE | PCRE2_ANCHORED | PCRE2_DOLLAR_ENDONLY |
                               PCRE2_UNGREEDY | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C;
        struct scanner s = {.p = pcre->pattern};
        uint32_t options = 0;

        if (pcre2_pattern_info(pcre->code, PCRE2_INFO_ALLOPTIONS, &options) != 0 || options & ~known)
                return 0;
        s.nocase = options & PCRE2_CASELESS;
        while (*s.p && !s.failed)
                take_element(&s);
        end_run(&s);
        if (s.failed)
                return 0;
        memcpy(ret, s.best, s.n_best);
        *ret_nocase = s.nocase;
        return s.n_best;
}
