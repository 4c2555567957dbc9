/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The story of a verdict as one JSON object: `why --json`. Runs in the command line. */
#include <inttypes.h>

#include "verdict/exception.h"
#include "verdict/fold.h"
#include "view/json.h"
#include "view/story.h"

static void put_text(struct buf *out, const char *s)
{
        buf_put_json(out, s, strlen(s));
}

static void put_evidence(struct buf *out, const struct dossier *d, const struct story_params *p)
{
        buf_puts(out, ",\"evidence\":[");
        for (size_t i = 0; i < d->n_evidence; i++) {
                const struct evidence *e = &d->evidence[i].evidence;
                const struct config_exception *x = d->evidence[i].excepted ? exception_match(p->config, e) : NULL;
                _cleanup_(buf_done)
                struct buf told = BUF_HEAP(16384);

                if (i)
                        buf_putc(out, ',');
                buf_puts(out, "{\"claim\":");
                json_evidence_body(out, e, d->evidence[i].excepted, 0);
                buf_puts(out, ",\"counts\":");
                json_score(out, d->evidence[i].excepted ? 0 : verdict_piece_weight(e, p->now));
                buf_puts(out, ",\"story\":");
                story_put_explanation(&told, e);
                put_text(out, buf_str(&told));
                if (x && x->reason) {
                        buf_puts(out, ",\"exception\":{\"reason\":");
                        put_text(out, x->reason);
                        buf_puts(out, ",\"where\":");
                        put_text(out, x->where ? x->where : "");
                        buf_putc(out, '}');
                }
                buf_putc(out, '}');
        }
        buf_putc(out, ']');
}

static void put_others(struct buf *out, const struct dossier *d, const struct story_params *p)
{
        buf_puts(out, ",\"others\":[");
        for (size_t i = 0; i < d->n_others; i++) {
                buf_puts(out, i ? ",{\"verdict\":" : "{\"verdict\":");
                json_verdict(out, &d->others[i]->verdict, p->config->verdict.bot, NULL, 0, 0);
                put_evidence(out, d->others[i], p);
                buf_putc(out, '}');
        }
        buf_putc(out, ']');
}

static void put_changes(struct buf *out, const struct dossier *d)
{
        buf_puts(out, ",\"changes\":[");
        for (size_t i = 0; i < d->n_changes; i++) {
                buf_puts(out, i ? ",{\"timestamp\":" : "{\"timestamp\":");
                json_time(out, d->changes[i].time);
                buf_printf(out, ",\"level\":\"%s\",\"score\":", level_name(d->changes[i].level));
                json_score(out, d->changes[i].score);
                buf_putc(out, '}');
        }
        buf_puts(out, "],\"actions\":[");
        for (size_t i = 0; i < d->n_actions; i++) {
                const struct action *a = &d->actions[i];

                buf_puts(out, i ? ",{\"timestamp\":" : "{\"timestamp\":");
                json_time(out, a->time);
                buf_printf(out, ",\"action\":\"%s\",\"by\":", action_kind_name(a->kind));
                put_text(out, a->by);
                buf_puts(out, ",\"what\":");
                put_text(out, a->what);
                buf_puts(out, ",\"undo\":");
                put_text(out, a->undo);
                buf_putc(out, '}');
        }
        buf_putc(out, ']');
}

static void put_gaps(struct buf *out, const struct dossier *d)
{
        buf_puts(out, ",\"gaps\":[");
        for (size_t i = 0; i < d->n_gaps; i++) {
                const struct dossier_gap *g = &d->gaps[i];

                buf_puts(out, i ? ",{\"timestamp\":" : "{\"timestamp\":");
                json_time(out, g->time);
                buf_printf(out, ",\"reason\":\"%s\",\"lost\":%" PRIu64 ",\"count\":%" PRIu64 ",\"text\":",
                           gap_reason_name(g->gap.reason), g->gap.lost, g->count);
                put_text(out, g->text);
                buf_putc(out, '}');
        }
        buf_putc(out, ']');
}

void story_put_json(struct buf *out, const struct dossier *d, const struct story_params *p)
{
        static const char *const lives[] = {"unknown", "running", "ended"};
        struct verdict now;

        story_fold_now(d, p, &now);
        buf_puts(out, "{\"timestamp\":");
        json_time(out, p->now);
        buf_puts(out, ",\"event_type\":\"why\",\"verdict\":");
        json_verdict(out, &d->verdict, p->config->verdict.bot, NULL, 0, 0);
        buf_puts(out, ",\"now\":{\"level\":");
        put_text(out, level_name(now.level));
        buf_puts(out, ",\"score\":");
        json_score(out, now.score);
        buf_printf(out, "},\"life\":\"%s\",\"program\":", lives[p->life]);
        if (p->program)
                put_text(out, p->program);
        else
                buf_puts(out, "null");
        put_evidence(out, d, p);
        put_others(out, d, p);
        put_changes(out, d);
        put_gaps(out, d);
        buf_printf(out, ",\"left_out\":%" PRIu64 "}", d->left_out);
}
