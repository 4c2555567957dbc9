/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands beside rules: classes, kinds of references, limits of alerts. Applied when all is read, so that the order
 * of files does not matter. Runs where rules are read. */
#include <errno.h>
#include <string.h>

#include "rules/ruleset_parts.h"
#include "rules/word.h"

#define CLASSES_MAX      4096
#define LIMITS_MAX       65536
#define LIMITS_ALL_MAX   64  /* of those for all rules of a gid: each rule asks them */
#define SUPPRESS_MAX     256 /* for one rule */
#define PRIORITY_DEFAULT 3   /* of a rule without a class, or with an unknown one: Suricata's */

struct class
{
        const char *title;
        uint32_t priority;
};
struct ruleset_config {
        struct map classes, references, limits; /* limits: gid, sid -> struct ruleset_limit, newest first */
        const struct ruleset_limit *for_all;
        uint32_t n_limits, n_for_all;
};

static int put(struct map *m, const char *key, void *value)
{
        struct map_entry *e = map_find(m, key, (uint32_t) strlen(key));

        if (!e && m->n == CLASSES_MAX)
                return -EINVAL;
        if (!e)
                e = map_add(m, key, (uint32_t) strlen(key));
        if (!e)
                return -ENOMEM;
        e->p = value;
        return 0;
}

static int add_class(struct ruleset *s, struct slice name, struct slice title, uint32_t priority)
{
        struct class *c = arena_take(&s->kept, sizeof(*c));
        char *key = arena_text(&s->kept, name.p, name.len);

        if (!c || !key)
                return -ENOMEM;
        c->title = arena_text(&s->kept, title.p, title.len);
        c->priority = priority;
        return c->title ? put(&s->config->classes, key, c) : -ENOMEM;
}

int ruleset_config_new(struct ruleset *s)
{
        static const struct {
                const char *name, *title;
                uint32_t priority;
        } usual[] = {
#define CLASS(name, title, priority) {name, title, priority},
#include "rules/classes.def"
#undef CLASS
        };
        int r = 0;

        s->config = calloc(1, sizeof(*s->config));
        if (!s->config)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < ELEMENTSOF(usual); i++)
                r = add_class(s, word_of(usual[i].name), word_of(usual[i].title), usual[i].priority);
        return r;
}

void ruleset_config_free(struct ruleset_config *c)
{
        if (!c)
                return;
        map_done(&c->classes);
        map_done(&c->references);
        map_done(&c->limits);
        free(c);
}

/* "name,title,priority" */
static int class_line(struct ruleset *s, struct slice text)
{
        struct slice rest = text, name, title;
        uint64_t priority;

        if (!word_next(&rest, ',', &name) || !word_next(&rest, ',', &title) || !rest.p || !name.len ||
            word_number(word_trim(rest), 10, 255, &priority) < 0 || priority == 0)
                return -EINVAL;
        return add_class(s, name, title, (uint32_t) priority);
}

/* "system address" */
static int reference_line(struct ruleset *s, struct slice text)
{
        struct slice url, name = word_first(text, &url);
        char *key = arena_text(&s->kept, name.p, name.len), *value = arena_text(&s->kept, url.p, url.len);

        if (!key || !value)
                return -ENOMEM;
        for (char *c = key; *c; c++)
                *c = (char) (*c >= 'A' && *c <= 'Z' ? *c | 0x20 : *c);
        return name.len && url.len ? put(&s->config->references, key, value) : -EINVAL;
}

int ruleset_config_line(struct ruleset *s, struct slice text)
{
        struct slice rest, what, value;

        (void) word_first(text, &rest); /* config */
        value = rest;
        if (!word_next(&value, ':', &what) || !value.p)
                return -EINVAL;
        if (word_is(what, "classification"))
                return class_line(s, value);
        return word_is(what, "reference") ? reference_line(s, value) : -EINVAL;
}

const char *ruleset_config_reference(const struct ruleset *s, const char *key)
{
        char lower[64];
        size_t n = strlen(key);
        const struct map_entry *e;

        if (n >= sizeof(lower))
                return NULL;
        for (size_t i = 0; i < n; i++)
                lower[i] = (char) (key[i] >= 'A' && key[i] <= 'Z' ? key[i] | 0x20 : key[i]);
        e = map_find(&s->config->references, lower, (uint32_t) n);
        return e ? e->p : NULL;
}

/* ---- limits ---- */

int ruleset_config_limit(struct ruleset *s, const struct ruleset_limit *l)
{
        struct ruleset_config *c = s->config;
        struct ruleset_limit *copy;
        struct map_entry *e;

        if (c->n_limits == LIMITS_MAX || (l->sid == 0 && c->n_for_all == LIMITS_ALL_MAX))
                return -E2BIG;
        copy = arena_copy(&s->kept, l, sizeof(*l));
        if (!copy)
                return -ENOMEM;
        c->n_limits++;
        if (l->sid == 0) {
                c->n_for_all++;
                copy->next = c->for_all;
                c->for_all = copy;
                return 0;
        }
        e = map_find(&c->limits, copy, 2 * sizeof(uint32_t));
        if (e)
                copy->next = e->p;
        else
                e = map_add(&c->limits, copy, 2 * sizeof(uint32_t));
        if (!e)
                return -ENOMEM;
        e->p = copy;
        return 0;
}

static bool concerns(const struct ruleset_limit *l, const struct rule *r)
{
        return (l->gid == 0 || l->gid == r->gid) && (l->sid == 0 || l->sid == r->sid);
}

/* The newest of each kind counts; a rule's own threshold goes before one for all rules. */
static void apply_limits(const struct ruleset_limit *first, struct rule *r, struct rule_suppress *to)
{
        bool threshold = first && first->sid == 0 && r->threshold.kind != THRESHOLD_NONE;

        for (const struct ruleset_limit *l = first; l; l = l->next) {
                if (!concerns(l, r))
                        continue;
                if (l->threshold.kind != THRESHOLD_NONE) {
                        if (!threshold)
                                r->threshold = l->threshold;
                        threshold = true;
                } else if (l->rate.given) {
                        if (!r->rate.given)
                                r->rate = l->rate;
                } else if (r->n_suppress < SUPPRESS_MAX)
                        to[r->n_suppress++] = l->suppress;
        }
}

static void apply_class(const struct ruleset *s, struct rule *r)
{
        const struct map_entry *e =
                r->class_name ? map_find(&s->config->classes, r->class_name, (uint32_t) strlen(r->class_name)) : NULL;
        const struct class *c = e ? e->p : NULL;

        r->class_title = c ? c->title : r->class_name;
        if (r->priority == 0)
                r->priority = c ? c->priority : PRIORITY_DEFAULT;
}

int ruleset_config_apply(struct ruleset *s, struct rule *r)
{
        struct rule_suppress suppress[SUPPRESS_MAX];
        const uint32_t key[2] = {r->gid, r->sid};
        const struct map_entry *e;

        apply_class(s, r);
        if (s->config->n_limits == 0)
                return 0;
        e = map_find(&s->config->limits, key, sizeof(key));
        r->n_suppress = 0;
        apply_limits(e ? e->p : NULL, r, suppress);
        apply_limits(s->config->for_all, r, suppress);
        r->suppress = arena_copy(&s->kept, suppress, r->n_suppress * sizeof(*suppress));
        return r->suppress ? 0 : -ENOMEM;
}
