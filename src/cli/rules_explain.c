/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori rules explain: what a rule looks for, in words. Runs unprivileged. */
#include <inttypes.h>

#include "base/log.h"
#include "cli/rules.h"
#include "rules/explain.h"

#define OUTPUT_MAX (4u << 20)

struct explain {
        uint32_t gid, sid;
        struct buf refused; /* why it does not load */
};

static void on_problem(void *userdata, const struct rule_problem *p)
{
        struct explain *e = userdata;

        if (p->sid != e->sid || p->gid != e->gid || p->kind == PROBLEM_DUPLICATE)
                return;
        (void) buf_put_visible(&e->refused, p->file, strlen(p->file));
        (void) buf_printf(&e->refused, ":%" PRIu32 ": %s%s%s", p->line, p->option, p->option[0] ? ": " : "", p->reason);
}

static void put_json(struct buf *out, const struct rule *r, const struct buf *text)
{
        (void) buf_printf(out, "{\"event_type\":\"rule\",\"gid\":%" PRIu32 ",\"sid\":%" PRIu32 ",\"rev\":%" PRIu32,
                          r->gid, r->sid, r->rev);
        (void) buf_puts(out, ",\"msg\":");
        (void) buf_put_json(out, r->msg, strlen(r->msg));
        (void) buf_puts(out, ",\"file\":");
        (void) buf_put_json(out, r->file, strlen(r->file));
        (void) buf_printf(out, ",\"line\":%" PRIu32 ",\"priority\":%" PRIu32, r->line, r->priority);
        if (r->class_name) {
                (void) buf_puts(out, ",\"class\":");
                (void) buf_put_json(out, r->class_name, strlen(r->class_name));
        }
        if (r->stage)
                (void) buf_printf(out, ",\"stage\":\"%s\",\"weight\":%u.%02u", stage_name(r->stage - 1u),
                                  r->weight / 100u, r->weight % 100u);
        (void) buf_puts(out, ",\"explained\":");
        (void) buf_put_json(out, buf_str(text), text->len);
        (void) buf_puts(out, ",\"rule\":");
        (void) buf_put_json(out, r->text, strlen(r->text));
        (void) buf_puts(out, "}\n");
}

static int tell(struct cli *cli, const struct ruleset *s, const struct rule *r)
{
        _cleanup_(buf_done)
        struct buf text = BUF_HEAP(OUTPUT_MAX), out = BUF_HEAP(2 * OUTPUT_MAX);
        int status;

        explain_rule(&text, s, r);
        if (!cli->json)
                status = cli_print(&text, CLI_OK);
        else {
                put_json(&out, r, &text);
                status = cli_print(&out, CLI_OK);
        }
        buf_done(&out);
        return status;
}

int rules_explain(struct rules_asked *a)
{
        _cleanup_(ruleset_freep)
        struct ruleset *s = NULL;
        struct explain e = {.refused = BUF_HEAP(65536)};
        struct ruleset_stats stats;
        const struct rule *r;
        int status;

        if (rules_asked_sid(a->what, &e.gid, &e.sid) < 0)
                return cli_usage(a->cli, "\"%s\" is no number of a rule: it is 2001184, or 1:2001184", a->what);
        if (rules_asked_load(a, false, on_problem, &e, &s) < 0)
                return a->cli->status;
        r = ruleset_find(s, e.gid, e.sid);
        if (r)
                status = tell(a->cli, s, r);
        else {
                ruleset_get_stats(s, &stats);
                log_error("%s%s", e.refused.len ? buf_str(&e.refused) : "no rule of these files has that number",
                          e.refused.len || !stats.inactive ? "" : ", unless it is commented out");
                status = CLI_INPUT;
        }
        buf_done(&e.refused);
        return r && a->unread ? CLI_INPUT : status;
}
