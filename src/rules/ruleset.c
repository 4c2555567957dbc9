/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The set: which rules there are, by number; names; counts. Runs where rules are read. */
#include "rules/ruleset.h"

#include <errno.h>
#include <string.h>

#include "rules/expressions.h"
#include "rules/parse.h"
#include "rules/ranges.h"
#include "rules/ruleset_parts.h"
#include "rules/stage.h"

/* Numbers that are remembered as met; of a set with more, those that do not load are counted each. */
#define SIDS_MAX (2 * RULESET_RULES_MAX)

struct ruleset_sid {
        uint32_t gid, sid; /* the key */
        struct rule *rule; /* NULL: it did not load */
        uint32_t place;    /* in rules[] */
};

static int define_all(struct ruleset *s, const struct ruleset_params *params)
{
        int r = ranges_define_usual(s->ranges);

        for (unsigned i = 0; r == 0 && params && i < params->n_variables; i++)
                r = ranges_define(s->ranges, &params->variables[i]);
        return r;
}

int ruleset_new(const struct ruleset_params *params, struct ruleset **ret)
{
        _cleanup_(ruleset_freep)
        struct ruleset *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->arena = s->kept = ARENA(RULESET_MEMORY_MAX);
        s->problem = params ? params->problem : NULL;
        s->userdata = params ? params->userdata : NULL;
        s->parse = calloc(1, sizeof(*s->parse));
        if (!s->parse)
                return -ENOMEM;
        s->parse->set = s;
        if ((r = parse_make_names(&s->options)) < 0 || (r = ranges_new(&s->ranges)) < 0 ||
            (r = expressions_new(&s->expressions)) < 0 || (r = ruleset_config_new(s)) < 0 ||
            (r = define_all(s, params)) < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

void ruleset_free(struct ruleset *s)
{
        if (!s)
                return;
        prefilter_free(s->prefilter);
        expressions_free(s->expressions);
        ranges_free(s->ranges);
        ruleset_config_free(s->config);
        choice_free(s->choice);
        for (size_t i = 0; i < ELEMENTSOF(s->names); i++) {
                map_done(&s->names[i].map);
                free(s->names[i].list);
        }
        map_done(&s->sids);
        map_done(&s->options);
        arena_done(&s->arena);
        arena_done(&s->kept);
        free(s->rules);
        free(s->parse);
        free(s);
}

void ruleset_tell(struct ruleset *s, const struct rule_problem *p)
{
        s->stats.problems[p->kind]++;
        if (s->problem)
                s->problem(s->userdata, p);
}

/* ---- rules by number ---- */

static int meet(struct ruleset *s, uint32_t gid, uint32_t sid, struct ruleset_sid **ret)
{
        const uint32_t key[2] = {gid, sid};
        struct map_entry *e = map_find(&s->sids, key, sizeof(key));
        struct ruleset_sid *n;

        if (e) {
                *ret = e->p;
                return 0;
        }
        if (s->sids.n == SIDS_MAX)
                return -E2BIG;
        n = arena_take(&s->kept, sizeof(*n));
        if (!n)
                return -E2BIG;
        n->gid = gid;
        n->sid = sid;
        e = map_add(&s->sids, n, sizeof(key));
        if (!e)
                return -ENOMEM;
        e->p = *ret = n;
        s->stats.rules++;
        return 0;
}

int ruleset_count_failed(struct ruleset *s, uint32_t gid, uint32_t sid)
{
        struct ruleset_sid *unused;
        int r = sid ? meet(s, gid, sid, &unused) : -E2BIG;

        if (r == -E2BIG)
                s->stats.rules++;
        return r == -ENOMEM ? r : 0;
}

static void tell_duplicate(struct ruleset *s, const struct rule *gone, const struct rule *kept)
{
        char reason[PARSE_REASON_MAX];
        struct rule_problem p = {.kind = PROBLEM_DUPLICATE,
                                 .file = gone->file,
                                 .line = gone->line,
                                 .gid = gone->gid,
                                 .sid = gone->sid,
                                 .option = "",
                                 .reason = reason};

        (void) snprintf(reason, sizeof(reason), "rev %u; rev %u of %s:%u is taken", gone->rev, kept->rev, kept->file,
                        kept->line);
        s->stats.duplicates++;
        ruleset_tell(s, &p);
}

static int append(struct ruleset *s, struct rule *r)
{
        if (s->n_rules == RULESET_RULES_MAX)
                return -E2BIG;
        if (s->n_rules == s->rules_size) {
                uint32_t size = MAX(1024u, 2 * s->rules_size);
                struct rule **bigger = reallocarray(s->rules, size, sizeof(*bigger));

                if (!bigger)
                        return -ENOMEM;
                s->rules = bigger;
                s->rules_size = size;
        }
        s->rules[s->n_rules++] = r;
        return 0;
}

int ruleset_keep(struct ruleset *s, struct rule *r)
{
        struct ruleset_sid *n;
        int k = meet(s, r->gid, r->sid, &n);

        if (k < 0)
                return k;
        if (n->rule && r->rev <= n->rule->rev) {
                tell_duplicate(s, r, n->rule);
                return 0;
        }
        if (n->rule) {
                tell_duplicate(s, n->rule, r);
                s->rules[n->place] = r;
        } else {
                n->place = s->n_rules;
                k = append(s, r);
        }
        if (k < 0)
                return k;
        n->rule = r;
        return 1;
}

/* ---- names of bits ---- */

int ruleset_name(struct ruleset *s, enum bit_kind kind, struct slice name, uint32_t *ret)
{
        struct ruleset_names *names = &s->names[kind];
        struct map_entry *e = map_find(&names->map, name.p, name.len);
        char *copy;

        if (e) {
                *ret = (uint32_t) e->n;
                return 0;
        }
        if (names->n == RULESET_NAMES_MAX)
                return -E2BIG;
        if (names->n == names->size) {
                uint32_t size = MAX(256u, 2 * names->size);
                const char **bigger = reallocarray(names->list, size, sizeof(*bigger));

                if (!bigger)
                        return -ENOMEM;
                names->list = bigger;
                names->size = size;
        }
        copy = arena_text(&s->kept, name.p, name.len);
        e = copy ? map_add(&names->map, copy, name.len) : NULL;
        if (!e)
                return -ENOMEM;
        e->n = *ret = names->n;
        names->list[names->n++] = copy;
        return 0;
}

const char *ruleset_bit_name(const struct ruleset *s, enum bit_kind kind, uint32_t number)
{
        return number < s->names[kind].n ? s->names[kind].list[number] : "";
}

/* ---- the finished set ---- */

int ruleset_settle(struct ruleset *s)
{
        int r = 0;

        for (uint32_t i = 0; !s->settled && r == 0 && i < s->n_rules; i++) {
                s->rules[i]->index = i;
                r = ruleset_config_apply(s, s->rules[i]);
                rule_stage(s->rules[i]);
        }
        if (r < 0)
                return r;
        s->settled = true;
        s->stats.loaded = s->n_rules;
        s->stats.bytes = s->arena.used + s->kept.used + expressions_bytes(s->expressions) + s->ranges->arena.used;
        return 0;
}

uint32_t ruleset_count(const struct ruleset *s)
{
        return s->n_rules;
}

const struct rule *ruleset_rule(const struct ruleset *s, uint32_t index)
{
        return index < s->n_rules ? s->rules[index] : NULL;
}

const struct rule *ruleset_find(const struct ruleset *s, uint32_t gid, uint32_t sid)
{
        const uint32_t key[2] = {gid, sid};
        const struct map_entry *e = map_find(&s->sids, key, sizeof(key));

        return e ? ((const struct ruleset_sid *) e->p)->rule : NULL;
}

void ruleset_get_stats(const struct ruleset *s, struct ruleset_stats *ret)
{
        *ret = s->stats;
}
