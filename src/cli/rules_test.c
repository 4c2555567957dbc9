/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori rules test: did a rule match a capture, and if not, what came nearest and which condition did not hold. Each
 * rule is judged at each inspection, also where its literals do not occur; so a few rules, and small captures.
 * Unprivileged. */
#include <errno.h>
#include <inttypes.h>

#include "base/log.h"
#include "cli/rules_replay.h"

#define RULES_MAX   2000 /* judged at each inspection */
#define TOLD_MAX    50   /* rules that are told condition by condition */
#define REASONS_MAX 64
#define OUTPUT_MAX  (64u << 20)

struct moment {
        nsec_t time;
        struct addr src, dst;
        uint16_t sport, dport;
        uint8_t proto;
};

struct tried {
        const struct rule *rule;
        uint64_t looked, matches, alerts;
        struct moment first; /* match */
        /* what came nearest */
        struct moment near;
        struct inspect_why *reasons;
        unsigned n_reasons, nearness;
        enum inspect_answer answer;
        bool has_near;
};

struct test {
        struct rules_asked *asked;
        struct tried *tried;
        uint32_t *by_index; /* place in tried + 1; 0: not asked for */
        uint32_t n;
        uint64_t inspections, packets;
        struct inspect_why reasons[REASONS_MAX]; /* of the judgement at hand */
        unsigned n_reasons;
        struct buf out;
};

static struct moment moment_of(const struct inspect_input *in)
{
        return (struct moment){in->time, *in->src, *in->dst, in->sport, in->dport, in->proto};
}

static void on_why(void *userdata, const struct inspect_why *w)
{
        struct test *t = userdata;

        if (t->n_reasons < REASONS_MAX)
                t->reasons[t->n_reasons++] = *w;
}

/* How near: conditions that held, twice; and one more where bytes were looked at that did not fit, rather than none
 * there. */
static unsigned nearness(const struct test *t)
{
        unsigned n = 0;

        for (unsigned i = 0; i < t->n_reasons; i++)
                n += 2 * t->reasons[i].held;
        return n + (t->n_reasons && t->reasons[t->n_reasons - 1].step != UINT16_MAX);
}

static void keep_nearest(struct test *t, struct tried *r, const struct inspect_input *in, enum inspect_answer answer)
{
        unsigned near = nearness(t);
        struct inspect_why *copy;

        if (r->has_near &&
            (near < r->nearness || (near == r->nearness && (answer != INSPECT_MATCH || r->answer == answer))))
                return;
        copy = calloc(MAX(t->n_reasons, 1u), sizeof(*copy));
        if (!copy)
                return;
        memcpy(copy, t->reasons, t->n_reasons * sizeof(*copy));
        free(r->reasons);
        r->reasons = copy;
        r->n_reasons = t->n_reasons;
        r->nearness = near;
        r->answer = answer;
        r->near = moment_of(in);
        r->has_near = true;
}

static void on_inspected(void *userdata, struct inspector *i, const struct inspect_input *in)
{
        struct test *t = userdata;

        t->inspections++;
        for (uint32_t k = 0; k < t->n; k++) {
                struct tried *r = &t->tried[k];

                r->looked++;
                if (r->matches)
                        continue;
                t->n_reasons = 0;
                keep_nearest(t, r, in, inspect_rule(i, r->rule, in, on_why, t));
        }
}

static struct tried *find(struct test *t, const struct rule *r)
{
        return t->by_index[r->index] ? &t->tried[t->by_index[r->index] - 1] : NULL;
}

static void on_match(void *userdata, const struct rule *r, const struct inspect_input *in)
{
        struct tried *x = find(userdata, r);

        if (x && x->matches++ == 0)
                x->first = moment_of(in);
}

static void on_alert(void *userdata, const struct event *e)
{
        struct tried *x = e->alert.rule ? find(userdata, e->alert.rule) : NULL;

        if (x)
                x->alerts += MAX(e->alert.count, 1u);
}

static void on_done(void *userdata, struct inspector *const *inspectors _unused_, unsigned n _unused_,
                    const struct pipeline_stats *s)
{
        ((struct test *) userdata)->packets = s->frames;
}

static void put_moment(struct buf *out, const struct moment *m)
{
        char time[CLOCK_TEXT_MAX], src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX], spare[8];

        (void) buf_printf(out, "%s %s %s", clock_format_iso(m->time, time), proto_name(m->proto, spare),
                          addr_format(&m->src, src));
        if (m->sport)
                (void) buf_printf(out, ":%u", m->sport);
        (void) buf_printf(out, " -> %s", addr_format(&m->dst, dst));
        if (m->dport)
                (void) buf_printf(out, ":%u", m->dport);
}

static void put_reasons(struct test *t, const struct tried *r)
{
        const struct text_look *look = &t->asked->cli->look;

        for (unsigned i = 0; i < r->n_reasons; i++) {
                const struct inspect_why *w = &r->reasons[i];

                (void) buf_puts(&t->out, "    ");
                text_put(&t->out, look, w->held ? TEXT_GREEN : TEXT_RED, w->held ? "yes" : "no ");
                (void) buf_puts(&t->out, "  ");
                (void) buf_put_visible(&t->out, w->text, strnlen(w->text, sizeof(w->text)));
                (void) buf_putc(&t->out, '\n');
        }
}

static void put_text(struct test *t, const struct tried *r, bool whole)
{
        struct buf *out = &t->out;

        (void) buf_printf(out, "sid %u rev %u \"", r->rule->sid, r->rule->rev);
        (void) buf_put_visible(out, r->rule->msg, strlen(r->rule->msg));
        (void) buf_puts(out, "\": ");
        if (r->matches) {
                (void) buf_printf(out, "matched %" PRIu64 " time%s", r->matches, r->matches == 1 ? "" : "s");
                if (r->alerts != r->matches)
                        (void) buf_printf(out, ", %" PRIu64 " alert%s (thresholds, suppressions, xbits)", r->alerts,
                                          r->alerts == 1 ? "" : "s");
                (void) buf_puts(out, ", first at ");
                put_moment(out, &r->first);
                (void) buf_putc(out, '\n');
                return;
        }
        (void) buf_printf(out, "no match in %" PRIu64 " inspections\n", r->looked);
        if (!whole || !r->has_near)
                return;
        (void) buf_puts(out, "  nearest: ");
        put_moment(out, &r->near);
        (void) buf_putc(out, '\n');
        put_reasons(t, r);
        if (r->answer == INSPECT_MATCH)
                (void) buf_puts(out, "    Every condition held, but the rule is silent (noalert), a pass rule came "
                                     "before it, or it had matched these bytes already.\n");
        else if (r->answer == INSPECT_WAIT)
                (void) buf_puts(out, "    It waited for more, which never came.\n");
}

static void put_json(struct test *t, const struct tried *r)
{
        struct buf *out = &t->out;

        (void) buf_printf(out,
                          "{\"event_type\":\"rule_test\",\"gid\":%u,\"sid\":%u,\"rev\":%u,\"matches\":%" PRIu64
                          ",\"alerts\":%" PRIu64 ",\"inspections\":%" PRIu64,
                          r->rule->gid, r->rule->sid, r->rule->rev, r->matches, r->alerts, r->looked);
        if (!r->matches && r->has_near) {
                (void) buf_puts(out, ",\"nearest\":{\"at\":\"");
                put_moment(out, &r->near);
                (void) buf_puts(out, "\",\"conditions\":[");
                for (unsigned i = 0; i < r->n_reasons; i++) {
                        const struct inspect_why *w = &r->reasons[i];

                        (void) buf_printf(out, "%s{\"held\":%s,\"what\":", i ? "," : "", w->held ? "true" : "false");
                        (void) buf_put_json(out, w->text, strnlen(w->text, sizeof(w->text)));
                        (void) buf_putc(out, '}');
                }
                (void) buf_puts(out, "]}");
        }
        (void) buf_puts(out, "}\n");
}

/* Those that matched, then those that came nearest, by the share of their conditions. */
static int compare(const void *a, const void *b)
{
        const struct tried *x = a, *y = b;
        uint64_t near_x = (uint64_t) x->nearness * MAX(y->n_reasons, 1u),
                 near_y = (uint64_t) y->nearness * MAX(x->n_reasons, 1u);

        if ((x->matches == 0) != (y->matches == 0))
                return x->matches ? -1 : 1;
        if (!x->matches && near_x != near_y)
                return near_x > near_y ? -1 : 1;
        return x->rule->index < y->rule->index ? -1 : x->rule->index > y->rule->index;
}

static int tell(struct test *t)
{
        bool found = false;

        qsort(t->tried, t->n, sizeof(*t->tried), compare);
        if (!t->asked->cli->json)
                (void) buf_printf(&t->out, "%" PRIu64 " packets, %" PRIu64 " inspections, %u rule%s\n", t->packets,
                                  t->inspections, t->n, t->n == 1 ? "" : "s");
        for (uint32_t k = 0; k < t->n; k++) {
                found |= t->tried[k].matches > 0;
                if (t->asked->cli->json)
                        put_json(t, &t->tried[k]);
                else
                        put_text(t, &t->tried[k], k < TOLD_MAX);
        }
        return cli_print(&t->out, found ? CLI_OK : CLI_FOUND);
}

/* Which rules: that of --sid, or all. */
static int choose(struct test *t, const struct ruleset *s)
{
        const struct rules_asked *a = t->asked;
        uint32_t n = ruleset_count(s);

        t->tried = calloc(MAX(n, 1u), sizeof(*t->tried));
        t->by_index = calloc(MAX(n, 1u), sizeof(*t->by_index));
        if (!t->tried || !t->by_index)
                return -ENOMEM;
        for (uint32_t i = 0; i < n; i++) {
                const struct rule *r = ruleset_rule(s, i);

                if (a->sid && (r->sid != a->sid || r->gid != a->gid))
                        continue;
                t->tried[t->n++].rule = r;
                t->by_index[i] = t->n;
        }
        if (a->sid && !t->n) {
                log_error("no rule of sid %u is loaded; \"sekimori rules check\" says whether it is refused", a->sid);
                return -ENOENT;
        }
        if (t->n > RULES_MAX) {
                cli_usage(a->cli, "%u rules are too many to judge at each packet: choose one with --sid", t->n);
                return -E2BIG;
        }
        return 0;
}

static void test_done(struct test *t)
{
        for (uint32_t i = 0; t->tried && i < t->n; i++)
                free(t->tried[i].reasons);
        free(t->tried);
        free(t->by_index);
        buf_done(&t->out);
}

int rules_test(struct rules_asked *a)
{
        _cleanup_(test_done)
        struct test t = {.asked = a, .out = BUF_HEAP(OUTPUT_MAX)};
        _cleanup_(ruleset_freep)
        struct ruleset *s = NULL;
        struct rules_replay p = {
                .cli = a->cli,
                .capture = a->capture,
                .all = true,
                .inspected = on_inspected,
                .matched = on_match,
                .alert = on_alert,
                .done = on_done,
                .userdata = &t,
        };

        if (!a->capture)
                return cli_usage(a->cli, "rules test: which capture? --pcap names it");
        if (rules_asked_load(a, true, NULL, NULL, &s) < 0)
                return a->cli->status;
        a->cli->status = CLI_INPUT;
        if (choose(&t, s) < 0)
                return a->cli->status;
        p.rules = s;
        return rules_replay(&p) < 0 ? a->cli->status : tell(&t);
}
