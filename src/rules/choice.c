/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The number of the rule in a line, without reading the rule, and two sorted lists of numbers. Runs where rules are
 * read. */
#include "rules/choice.h"

#include <errno.h>
#include <stdlib.h>

#include "rules/ruleset_internal.h"
#include "rules/word.h"

struct ruleset_choice {
        uint32_t *off, *on; /* sorted */
        size_t n_off, n_on;
};

void choice_free(struct ruleset_choice *c)
{
        if (!c)
                return;
        free(c->off);
        free(c->on);
        free(c);
}

static int compare(const void *a, const void *b)
{
        uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

        return (x > y) - (x < y);
}

static uint32_t *sorted(const struct config_sids *sids)
{
        uint32_t *copy = calloc(MAX(sids->n, 1u), sizeof(*copy));

        if (copy && sids->n) {
                memcpy(copy, sids->items, sids->n * sizeof(*copy));
                qsort(copy, sids->n, sizeof(*copy), compare);
        }
        return copy;
}

int choice_set(struct ruleset *s, const struct config_sids *disabled, const struct config_sids *enabled)
{
        struct ruleset_choice *c;

        if (!disabled->n && !enabled->n)
                return 0;
        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        c->off = sorted(disabled);
        c->on = sorted(enabled);
        c->n_off = disabled->n;
        c->n_on = enabled->n;
        choice_free(s->choice);
        s->choice = c;
        return c->off && c->on ? 0 : -ENOMEM;
}

/* Behind the option's end, which a quoted text or a backslash may hide. */
static const char *skip_option(const char *p, const char *end)
{
        bool quoted = false;

        for (; p < end && (quoted || *p != ';'); p++) {
                if (*p == '\\' && p + 1 < end)
                        p++;
                else if (*p == '"')
                        quoted = !quoted;
        }
        return p < end ? p + 1 : end;
}

/* 0: none was found. */
static uint32_t sid_of(struct slice line)
{
        const char *p = line.len ? memchr(line.p, '(', line.len) : NULL, *end = line.p + line.len;

        for (p = p ? p + 1 : end; p < end;) {
                struct slice option = {p, (uint32_t) (skip_option(p, end) - p)}, name, value = option;
                uint64_t sid;

                p += option.len;
                (void) word_next(&value, ':', &name);
                if (!word_is(name, "sid"))
                        continue;
                if (value.len && value.p[value.len - 1] == ';')
                        value.len--;
                return word_number(word_trim(value), 10, UINT32_MAX, &sid) < 0 ? 0 : (uint32_t) sid;
        }
        return 0;
}

static bool has(const uint32_t *list, size_t n, uint32_t sid)
{
        return sid && n && bsearch(&sid, list, n, sizeof(sid), compare);
}

bool choice_is_off(const struct ruleset *s, struct slice line)
{
        return s->choice && s->choice->n_off && has(s->choice->off, s->choice->n_off, sid_of(line));
}

bool choice_is_on(const struct ruleset *s, struct slice line)
{
        return s->choice && s->choice->n_on && has(s->choice->on, s->choice->n_on, sid_of(line));
}
