/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori rules check: what of these files is honoured, and why the rest is not. Runs unprivileged. */
#include <inttypes.h>

#include "cli/rules.h"

#define FLUSH_BYTES 65536
#define OUTPUT_MAX  (1u << 20) /* of one piece */
#define GROUPS_MAX  256        /* reasons that are counted apart; further ones are counted together */

struct group {
        enum rule_problem_kind kind;
        char option[64];
        uint32_t n;
};
struct check {
        struct cli *cli;
        struct buf out;
        struct group groups[GROUPS_MAX + 1];
        unsigned n_groups;
        int status;
};

static const char *const kind_names[PROBLEM_KINDS] = {
        [PROBLEM_SYNTAX] = "syntax",     [PROBLEM_OPTION] = "option",
        [PROBLEM_VALUE] = "value",       [PROBLEM_COMBINATION] = "combination",
        [PROBLEM_PROTOCOL] = "protocol", [PROBLEM_VARIABLE] = "variable",
        [PROBLEM_LIMIT] = "limit",       [PROBLEM_DUPLICATE] = "duplicate",
        [PROBLEM_FILE] = "file",
};

static void flush(struct check *c)
{
        c->status = cli_print(&c->out, c->status);
        buf_reset(&c->out);
}

static void put_visible(struct buf *out, const char *text)
{
        (void) buf_put_visible(out, text, strlen(text));
}

static void put_member(struct buf *out, const char *name, const char *value)
{
        (void) buf_printf(out, ",\"%s\":", name);
        (void) buf_put_json(out, value, strlen(value));
}

static void put_problem(struct check *c, const struct rule_problem *p)
{
        put_visible(&c->out, p->file);
        (void) buf_printf(&c->out, ":%" PRIu32 ": ", p->line);
        if (p->sid && p->gid > 1)
                (void) buf_printf(&c->out, "sid %" PRIu32 ":%" PRIu32 ": ", p->gid, p->sid);
        else if (p->sid)
                (void) buf_printf(&c->out, "sid %" PRIu32 ": ", p->sid);
        if (p->kind == PROBLEM_DUPLICATE)
                (void) buf_puts(&c->out, "duplicate: ");
        if (*p->option) {
                put_visible(&c->out, p->option);
                (void) buf_puts(&c->out, ": ");
        }
        put_visible(&c->out, p->reason);
        (void) buf_putc(&c->out, '\n');
}

static void put_json(struct check *c, const struct rule_problem *p)
{
        (void) buf_puts(&c->out, "{\"event_type\":\"rule_problem\"");
        put_member(&c->out, "file", p->file);
        (void) buf_printf(&c->out, ",\"line\":%" PRIu32, p->line);
        if (p->sid)
                (void) buf_printf(&c->out, ",\"gid\":%" PRIu32 ",\"sid\":%" PRIu32, p->gid, p->sid);
        put_member(&c->out, "kind", kind_names[p->kind]);
        if (*p->option)
                put_member(&c->out, "option", p->option);
        put_member(&c->out, "reason", p->reason);
        (void) buf_puts(&c->out, "}\n");
}

static void count(struct check *c, const struct rule_problem *p)
{
        unsigned i = 0;

        while (i < c->n_groups && (c->groups[i].kind != p->kind || strcmp(c->groups[i].option, p->option) != 0))
                i++;
        if (i == c->n_groups && i < GROUPS_MAX) {
                c->groups[c->n_groups++].kind = p->kind;
                (void) snprintf(c->groups[i].option, sizeof(c->groups[i].option), "%s", p->option);
        }
        c->groups[i].n++;
}

static void on_problem(void *userdata, const struct rule_problem *p)
{
        struct check *c = userdata;

        if (c->cli->json)
                put_json(c, p);
        else
                put_problem(c, p);
        if (p->kind != PROBLEM_DUPLICATE)
                count(c, p);
        if (c->out.len >= FLUSH_BYTES)
                flush(c);
}

static int compare(const void *a, const void *b)
{
        const struct group *x = a, *y = b;

        if (x->n != y->n)
                return x->n > y->n ? -1 : 1;
        return x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : strcmp(x->option, y->option);
}

static void put_counts(struct check *c, const struct ruleset_stats *k)
{
        if (c->n_groups)
                (void) buf_puts(&c->out, "\nNot honoured, by reason:\n");
        qsort(c->groups, c->n_groups, sizeof(c->groups[0]), compare);
        for (unsigned i = 0; i < c->n_groups; i++) {
                const struct group *g = &c->groups[i];

                (void) buf_printf(&c->out, "%7" PRIu32 "  %s%s", g->n, rule_problem_title(g->kind),
                                  *g->option ? ": " : "");
                put_visible(&c->out, g->option);
                (void) buf_putc(&c->out, '\n');
        }
        if (c->groups[GROUPS_MAX].n)
                (void) buf_printf(&c->out, "%7" PRIu32 "  for other reasons\n", c->groups[GROUPS_MAX].n);
        if (c->out.len)
                (void) buf_putc(&c->out, '\n');
        if (k->duplicates)
                (void) buf_printf(&c->out, "%" PRIu32 " duplicate%s: the highest revision counts\n", k->duplicates,
                                  k->duplicates == 1 ? "" : "s");
        if (k->inactive)
                (void) buf_printf(&c->out, "%" PRIu32 " rule%s commented out\n", k->inactive,
                                  k->inactive == 1 ? " is" : "s are");
        (void) buf_printf(&c->out, "%" PRIu32 " of %" PRIu32 " rules load\n", k->loaded, k->rules);
}

static void put_json_counts(struct check *c, const struct ruleset_stats *k)
{
        bool first = true;

        (void) buf_printf(&c->out,
                          "{\"event_type\":\"summary\",\"files\":%" PRIu32 ",\"rules\":%" PRIu32 ",\"loaded\":%" PRIu32
                          ",\"inactive\":%" PRIu32 ",\"duplicates\":%" PRIu32 ",\"problems\":{",
                          k->files, k->rules, k->loaded, k->inactive, k->duplicates);
        for (unsigned i = 0; i < PROBLEM_KINDS; i++) {
                if (!k->problems[i])
                        continue;
                (void) buf_printf(&c->out, "%s\"%s\":%" PRIu32, first ? "" : ",", kind_names[i], k->problems[i]);
                first = false;
        }
        (void) buf_puts(&c->out, "}}\n");
}

static bool is_clean(const struct ruleset_stats *k)
{
        uint32_t n = 0;

        for (unsigned i = 0; i < PROBLEM_KINDS; i++)
                if (i != PROBLEM_DUPLICATE)
                        n += k->problems[i];
        return n == 0;
}

int rules_check(struct rules_asked *a)
{
        _cleanup_(ruleset_freep)
        struct ruleset *s = NULL;
        _cleanup_free_ struct check *c = calloc(1, sizeof(*c));
        struct ruleset_stats k;

        if (!c)
                return CLI_INPUT;
        c->cli = a->cli;
        c->out = BUF_HEAP(OUTPUT_MAX);
        if (rules_asked_load(a, false, on_problem, c, &s) < 0)
                c->status = a->cli->status;
        else {
                ruleset_get_stats(s, &k);
                if (a->cli->json)
                        put_json_counts(c, &k);
                else
                        put_counts(c, &k);
                c->status = a->unread ? CLI_INPUT : is_clean(&k) ? CLI_OK : CLI_FOUND;
        }
        flush(c);
        buf_done(&c->out);
        return c->status;
}
