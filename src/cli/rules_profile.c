/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori rules profile: what each rule costs on a capture. Unprivileged. */
#include <inttypes.h>

#include "cli/rules_replay.h"

#define SHOWN_MAX  40
#define OUTPUT_MAX (256u << 20)

struct cost {
        const struct rule *rule;
        struct inspect_profile p;
};

struct profile_of_rules {
        struct cost *costs; /* by index, then sorted */
        uint32_t n;
        struct inspect_profile all;
        uint64_t packets, inspections, scanned;
};

static void add(struct inspect_profile *sum, const struct inspect_profile *p)
{
        sum->candidates += p->candidates;
        sum->evaluations += p->evaluations;
        sum->matches += p->matches;
        sum->ns += p->ns;
}

static void on_done(void *userdata, struct inspector *const *inspectors, unsigned n, const struct pipeline_stats *s)
{
        struct profile_of_rules *x = userdata;

        x->packets = s->frames;
        for (unsigned i = 0; i < n; i++) {
                const struct inspect_profile *p = inspector_profile(inspectors[i]);
                struct inspect_stats stats;

                inspector_get_stats(inspectors[i], &stats);
                x->inspections += stats.inspections;
                x->scanned += stats.scanned_bytes;
                for (uint32_t k = 0; p && k < x->n; k++)
                        add(&x->costs[k].p, &p[k]);
        }
}

static int compare(const void *a, const void *b)
{
        const struct cost *x = a, *y = b;

        if (x->p.ns != y->p.ns)
                return x->p.ns < y->p.ns ? 1 : -1;
        return x->rule->index < y->rule->index ? -1 : x->rule->index > y->rule->index;
}

static void put_json(struct buf *out, const struct cost *c)
{
        (void) buf_printf(out,
                          "{\"event_type\":\"rule_profile\",\"gid\":%u,\"sid\":%u,\"rev\":%u,\"candidates\":%" PRIu64
                          ",\"evaluations\":%" PRIu64 ",\"matches\":%" PRIu64 ",\"ns\":%" PRIu64 "}\n",
                          c->rule->gid, c->rule->sid, c->rule->rev, c->p.candidates, c->p.evaluations, c->p.matches,
                          c->p.ns);
}

static void put_row(struct text_table *t, const struct profile_of_rules *x, const struct cost *c)
{
        char ms[24], share[24], each[24], tried[24], matched[24], sid[24];
        const char *cells[] = {sid, ms, share, tried, each, matched, c->rule->msg};

        snprintf(sid, sizeof(sid), "%u", c->rule->sid);
        snprintf(ms, sizeof(ms), "%.2f", (double) c->p.ns / 1e6);
        snprintf(share, sizeof(share), "%.1f %%", x->all.ns ? 100 * (double) c->p.ns / (double) x->all.ns : 0);
        snprintf(tried, sizeof(tried), "%" PRIu64, c->p.evaluations);
        snprintf(each, sizeof(each), "%" PRIu64, c->p.evaluations ? c->p.ns / c->p.evaluations : 0);
        snprintf(matched, sizeof(matched), "%" PRIu64, c->p.matches);
        (void) text_table_add(t, TEXT_PLAIN, cells);
}

static int put_text(const struct rules_asked *a, const struct profile_of_rules *x, struct buf *out)
{
        static const char *const heads[] = {"sid", "ms", "share", "evaluated", "ns each", "matched", "rule"};
        _cleanup_(text_table_freep)
        struct text_table *t = NULL;
        uint32_t shown = 0;
        int r = text_table_new(heads, ELEMENTSOF(heads), &t);

        if (r < 0)
                return r;
        (void) buf_printf(out,
                          "%" PRIu64 " packets, %" PRIu64 " inspections of %" PRIu64 " bytes; %" PRIu64
                          " evaluations of rules took %.2f ms\n",
                          x->packets, x->inspections, x->scanned, x->all.evaluations, (double) x->all.ns / 1e6);
        for (; shown < MIN(x->n, (uint32_t) SHOWN_MAX) && x->costs[shown].p.evaluations; shown++)
                put_row(t, x, &x->costs[shown]);
        if (shown)
                text_table_put(t, out, &a->cli->look);
        return 0;
}

static int tell(const struct rules_asked *a, struct profile_of_rules *x)
{
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(OUTPUT_MAX);

        for (uint32_t k = 0; k < x->n; k++)
                add(&x->all, &x->costs[k].p);
        qsort(x->costs, x->n, sizeof(*x->costs), compare);
        if (!a->cli->json && put_text(a, x, &out) < 0)
                return CLI_INPUT;
        for (uint32_t k = 0; a->cli->json && k < x->n; k++)
                put_json(&out, &x->costs[k]);
        return cli_print(&out, CLI_OK);
}

int rules_profile(struct rules_asked *a)
{
        _cleanup_(ruleset_freep)
        struct ruleset *s = NULL;
        struct profile_of_rules x = {0};
        struct rules_replay p = {
                .cli = a->cli, .capture = a->capture, .profile = true, .done = on_done, .userdata = &x};
        int status;

        if (!a->capture)
                return cli_usage(a->cli, "rules profile: which capture? --pcap names it");
        if (rules_asked_load(a, true, NULL, NULL, &s) < 0)
                return a->cli->status;
        x.n = ruleset_count(s);
        x.costs = calloc(MAX(x.n, 1u), sizeof(*x.costs));
        if (!x.costs)
                return CLI_INPUT;
        for (uint32_t k = 0; k < x.n; k++)
                x.costs[k].rule = ruleset_rule(s, k);
        p.rules = s;
        status = rules_replay(&p) < 0 ? a->cli->status : tell(a, &x);
        free(x.costs);
        return status;
}
