/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists as sets: addresses and ports are both numbers of up to 128 bits here, so that union, difference and complement
 * are written once. A list is the union of what it names less the union of what it negates; of only negated ones it is
 * everything else. Runs where rules are read. */
#include "rules/ranges.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "rules/ranges_internal.h"
#include "rules/word.h"

int ranges_fail(struct ranges_work *w, enum rule_problem_kind kind, const char *format, ...)
{
        va_list ap;

        if (!w->why->reason[0]) {
                w->why->kind = kind;
                va_start(ap, format);
                (void) vsnprintf(w->why->reason, sizeof(w->why->reason), format, ap);
                va_end(ap);
        }
        return -EINVAL;
}

static void spans_done(struct ranges_spans *s)
{
        free(s->items);
}

int ranges_push(struct ranges_work *w, struct ranges_spans *s, ranges_number from, ranges_number to)
{
        if (++w->n > RANGES_LIST_MAX)
                return ranges_fail(w, PROBLEM_LIMIT, "the list has more than %u entries", RANGES_LIST_MAX);
        if (s->n == s->size) {
                uint32_t size = MAX(16u, 2 * s->size);
                struct ranges_span *bigger = reallocarray(s->items, size, sizeof(*bigger));

                if (!bigger)
                        return -ENOMEM;
                s->items = bigger;
                s->size = size;
        }
        s->items[s->n++] = (struct ranges_span){from, to};
        return 0;
}

static int compare(const void *a, const void *b)
{
        const struct ranges_span *x = a, *y = b;

        if (x->from != y->from)
                return x->from < y->from ? -1 : 1;
        return x->to < y->to ? -1 : x->to > y->to;
}

/* Sorted; what overlaps or touches becomes one. */
static void unite(struct ranges_spans *s)
{
        uint32_t n = 0;

        if (s->n > 1)
                qsort(s->items, s->n, sizeof(*s->items), compare);
        for (uint32_t i = 0; i < s->n; i++) {
                struct ranges_span *last = n ? &s->items[n - 1] : NULL;

                if (last && (s->items[i].from <= last->to || s->items[i].from - 1 == last->to))
                        last->to = MAX(last->to, s->items[i].to);
                else
                        s->items[n++] = s->items[i];
        }
        s->n = n;
}

/* *ret: what is in `a` and not in `b`, both united. */
static int subtract(struct ranges_work *w, const struct ranges_spans *a, const struct ranges_spans *b,
                    struct ranges_spans *ret)
{
        uint32_t j = 0;
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < a->n; i++) {
                ranges_number from = a->items[i].from;
                bool used_up = false;

                while (j < b->n && b->items[j].to < from)
                        j++;
                for (uint32_t k = j; r == 0 && k < b->n && b->items[k].from <= a->items[i].to; k++) {
                        if (b->items[k].from > from)
                                r = ranges_push(w, ret, from, b->items[k].from - 1);
                        used_up = b->items[k].to >= a->items[i].to;
                        from = b->items[k].to + 1;
                        j = k;
                }
                if (r == 0 && !used_up)
                        r = ranges_push(w, ret, from, a->items[i].to);
        }
        return r;
}

/* The length of the first item of a list: up to a comma that stands in no bracket. */
static uint32_t item_length(struct slice text)
{
        uint32_t n;
        int depth = 0;

        for (n = 0; n < text.len && (depth > 0 || text.p[n] != ','); n++)
                depth += (text.p[n] == '[') - (text.p[n] == ']');
        return n;
}

static int add_list(struct ranges_work *w, struct slice text, unsigned depth, struct ranges_spans *to);

static int add_variable(struct ranges_work *w, struct slice name, unsigned depth, struct ranges_spans *to)
{
        char key[64];
        const struct map_entry *e;

        name.p++;
        name.len--;
        if (!word_is_name(name) || name.len >= sizeof(key))
                return ranges_fail(w, PROBLEM_SYNTAX, "\"$%.*s\" is no name of a variable", WORD_ARGS(name));
        key[0] = w->port ? 'p' : 'a';
        memcpy(key + 1, name.p, name.len);
        e = map_find(&w->ranges->variables, key, name.len + 1);
        if (!e)
                return ranges_fail(w, PROBLEM_VARIABLE, "$%.*s is not defined for %s", WORD_ARGS(name),
                                   w->port ? "ports" : "addresses");
        return add_list(w, word_of(e->p), depth + 1, to);
}

/* One item without its negation. */
static int add_item(struct ranges_work *w, struct slice item, unsigned depth, struct ranges_spans *to)
{
        if (item.len == 0)
                return ranges_fail(w, PROBLEM_SYNTAX, "an empty entry in a list of %s",
                                   w->port ? "ports" : "addresses");
        if (word_is(item, "any"))
                return ranges_push(w, to, 0, w->most);
        if (item.p[0] == '$')
                return add_variable(w, item, depth, to);
        if (item.p[0] == '[') {
                if (item.len < 2 || item.p[item.len - 1] != ']')
                        return ranges_fail(w, PROBLEM_SYNTAX, "a bracket of \"%.*s\" is not closed", WORD_ARGS(item));
                return add_list(w, (struct slice){item.p + 1, item.len - 2}, depth + 1, to);
        }
        return w->port ? ranges_add_port(w, item, to) : ranges_add_addr(w, item, to);
}

/* *ret_named: something was named without negation, though it may be nothing. */
static int collect(struct ranges_work *w, struct slice text, unsigned depth, struct ranges_spans to[static 2],
                   bool *ret_named)
{
        bool more = true;

        while (more) {
                uint32_t n = item_length(text);
                struct slice item = word_trim((struct slice){text.p, n});
                bool no = false;
                int r;

                more = n < text.len;
                text.p += n + more;
                text.len -= n + more;
                while (item.len && item.p[0] == '!') {
                        no = !no;
                        item = word_trim((struct slice){item.p + 1, item.len - 1});
                }
                *ret_named = *ret_named || !no;
                r = add_item(w, item, depth, &to[no]);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void both_done(struct ranges_spans (*s)[2])
{
        spans_done(&(*s)[0]);
        spans_done(&(*s)[1]);
}

static int add_list(struct ranges_work *w, struct slice text, unsigned depth, struct ranges_spans *to)
{
        _cleanup_(both_done)
        struct ranges_spans found[2] = {0}; /* named, negated */
        _cleanup_(spans_done)
        struct ranges_spans left = {0};
        bool named = false;
        int r;

        if (depth > RANGES_DEPTH_MAX)
                return ranges_fail(w, PROBLEM_LIMIT, "lists or variables within each other, more than %u deep",
                                   RANGES_DEPTH_MAX);
        r = collect(w, text, depth, found, &named);
        if (r == 0 && !named)
                r = ranges_push(w, &found[0], 0, w->most);
        if (r < 0)
                return r;
        unite(&found[0]);
        unite(&found[1]);
        r = subtract(w, &found[0], &found[1], &left);
        for (uint32_t i = 0; r == 0 && i < left.n; i++)
                r = ranges_push(w, to, left.items[i].from, left.items[i].to);
        return r;
}

static void *to_addrs(struct ranges_work *w, const struct ranges_spans *s)
{
        struct rule_range_addr *to = arena_take(&w->ranges->arena, s->n * sizeof(*to));

        for (uint32_t i = 0; to && i < s->n; i++) {
                to[i].from = ranges_to_addr(s->items[i].from);
                to[i].to = ranges_to_addr(s->items[i].to);
        }
        return to;
}

static void *to_ports(struct ranges_work *w, const struct ranges_spans *s)
{
        struct rule_range_port *to = arena_take(&w->ranges->arena, s->n * sizeof(*to));

        for (uint32_t i = 0; to && i < s->n; i++)
                to[i] = (struct rule_range_port){(uint16_t) s->items[i].from, (uint16_t) s->items[i].to};
        return to;
}

static int compute(struct ranges_work *w, struct slice text, struct ranges_list *ret)
{
        _cleanup_(spans_done)
        struct ranges_spans s = {0};
        int r = add_list(w, text, 0, &s);

        if (r < 0)
                return r;
        unite(&s);
        if (s.n == 0)
                return ranges_fail(w, PROBLEM_VALUE, "\"%.*s\" is no %s at all", WORD_ARGS(text),
                                   w->port ? "port" : "address");
        ret->n = s.n;
        ret->any = s.n == 1 && s.items[0].from == 0 && s.items[0].to == w->most;
        ret->ranges = w->port ? to_ports(w, &s) : to_addrs(w, &s);
        if (!ret->ranges)
                return ranges_fail(w, PROBLEM_LIMIT, "no memory is left for lists of addresses and ports");
        return 0;
}

int ranges_parse(struct rule_ranges *r, struct slice text, bool port, struct ranges_list *ret, struct ranges_why *why)
{
        struct ranges_work w = {.ranges = r, .port = port, .most = port ? UINT16_MAX : ~(ranges_number) 0, .why = why};
        struct map *met = port ? &r->ports : &r->addrs;
        struct map_entry *e = map_find(met, text.p, text.len);
        struct arena_mark mark = arena_mark(&r->arena);
        struct ranges_list *list;
        char *key;
        int k;

        why->reason[0] = '\0';
        if (e) {
                *ret = *(const struct ranges_list *) e->p;
                return 0;
        }
        list = arena_take(&r->arena, sizeof(*list));
        key = arena_text(&r->arena, text.p, text.len);
        if (!list || !key)
                return ranges_fail(&w, PROBLEM_LIMIT, "no memory is left for lists of addresses and ports");
        k = compute(&w, text, list);
        if (k < 0)
                arena_release(&r->arena, mark);
        if (k < 0)
                return k == -ENOMEM ? ranges_fail(&w, PROBLEM_LIMIT, "no memory is left") : k;
        e = map_add(met, key, text.len);
        if (e)
                e->p = list;
        *ret = *list;
        return 0;
}
