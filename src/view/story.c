/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tells a verdict from what the store holds: `why`. Runs in the command line. */
#include "view/story.h"

#include <inttypes.h>

#include "detect/detector.h"
#include "mail/claims.h"
#include "verdict/exception.h"
#include "verdict/fold.h"

#define STORY_EXPLANATION_MAX 8192

void story_put_explanation(struct buf *out, const struct evidence *e)
{
        _cleanup_(buf_done)
        struct buf told = BUF_HEAP(STORY_EXPLANATION_MAX);
        const struct detector *detector = NULL;

        (void) evidence_kind_find(e->kind->name, &detector);
        if (detector && detector->explain)
                detector->explain(e, &told);
        if (!detector)
                claims_explain(e, &told);
        if (told.len == 0) {
                if (!detector)
                        buf_puts(&told, "This version has no such detector; these are its bare facts.\n");
                for (unsigned i = 0; i < e->n_facts; i++) {
                        text_fact(&told, &e->facts[i]);
                        buf_putc(&told, '\n');
                }
        }
        buf_puts(out, buf_str(&told));
        if (told.len && told.data[told.len - 1] != '\n')
                buf_putc(out, '\n');
}

/* Relays are judged by mail/judge.h, which has a threshold of its own. */
static struct fold_params thresholds(const struct dossier *d, const struct story_params *p)
{
        struct fold_params t = {.suspect = p->config->verdict.suspect, .bot = p->config->verdict.bot};

        if (d->verdict.subject.kind == SUBJECT_RELAY)
                t.suspect = JUDGE_THRESHOLD;
        return t;
}

void story_fold_now(const struct dossier *d, const struct story_params *p, struct verdict *ret)
{
        const struct fold_params params = thresholds(d, p);
        const struct evidence *pieces[DOSSIER_EVIDENCE_MAX];
        size_t n = 0;

        for (size_t i = 0; i < d->n_evidence; i++)
                if (!d->evidence[i].excepted)
                        pieces[n++] = &d->evidence[i].evidence;
        verdict_fold(&params, &d->verdict.subject, pieces, n, p->now, d->verdict.level != LEVEL_UNKNOWN, ret);
}

static void put_level_sentence(struct buf *out, const struct verdict *v, const struct text_look *look)
{
        static const char *const says[LEVELS] = {"too little was seen to judge ", "nothing speaks against ", "", ""};
        static const char *const verdicts[LEVELS] = {"", "", " is suspect", " is a bot"};
        char title[SUBJECT_TEXT_MAX];

        text_put(out, look, TEXT_BOLD, says[v->level]);
        text_put(out, look, TEXT_BOLD, subject_title(&v->subject, title));
        text_put(out, look, text_level_style(v->level), verdicts[v->level]);
        buf_putc(out, '\n');
}

static void put_score(struct buf *out, const struct dossier *d, const struct story_params *p)
{
        const struct fold_params limits = thresholds(d, p);
        const struct verdict *v = &d->verdict;
        char score[SCORE_TEXT_MAX], suspect[SCORE_TEXT_MAX], bot[SCORE_TEXT_MAX], date[CLOCK_TEXT_MAX];
        struct verdict now;

        buf_printf(out, "  score %s (suspect from %s, bot from %s); stages seen: ", score_format(v->score, score),
                   score_format(limits.suspect, suspect), score_format(limits.bot, bot));
        text_stages(out, v->stages);
        if (v->conclusive)
                buf_puts(out, "; one piece is proof by itself");
        buf_putc(out, '\n');
        if (v->time)
                buf_printf(out, "  at this level since %s\n", text_date(v->time, date));
        if (v->level == LEVEL_SUSPECT && v->score >= limits.bot)
                text_wrap(out, &p->look, "  ",
                          "The score would do for a bot, but a bot wants two different stages or a piece that is proof "
                          "by itself.");
        story_fold_now(d, p, &now);
        if (now.level != v->level && v->level >= LEVEL_SUSPECT)
                buf_printf(out, "  By now the evidence has faded to %s: %s.\n", score_format(now.score, score),
                           level_name(now.level));
}

static void put_times(struct buf *out, const struct evidence *e)
{
        char first[CLOCK_TEXT_MAX], last[CLOCK_TEXT_MAX], span[CLOCK_TEXT_MAX];

        if (e->count > 1)
                buf_printf(out, "%u times, %s to %s (%s)", e->count, text_date(e->first, first),
                           clock_format_time(e->last, last), clock_format_span(e->last - e->first, span));
        else
                buf_printf(out, "once, %s", text_date(e->first, first));
}

static void put_piece(struct buf *out, const struct evidence *e, const struct story_params *p)
{
        _cleanup_(buf_done)
        struct buf told = BUF_HEAP(STORY_EXPLANATION_MAX + 256);
        char counts[SCORE_TEXT_MAX], cap[SCORE_TEXT_MAX], span[CLOCK_TEXT_MAX];

        buf_puts(out, "  ");
        text_put_sentence(out, &p->look, TEXT_BOLD, e->kind->title);
        buf_puts(out, "\n    ");
        put_times(out, e);
        buf_putc(out, '\n');
        story_put_explanation(&told, e);
        text_wrap(out, &p->look, "    ", buf_str(&told));
        buf_printf(out, "    [%s, stage %s; counts %s of at most %s", e->kind->name, stage_name(e->kind->stage),
                   score_format(verdict_piece_weight(e, p->now), counts), score_format(e->kind->cap, cap));
        if (e->kind->half_life)
                buf_printf(out, ", half after %s", clock_format_span(e->kind->half_life, span));
        buf_printf(out, "%s]\n", e->kind->conclusive ? ", proof by itself" : "");
}

static size_t put_pieces(struct buf *out, const struct dossier *d, const struct story_params *p)
{
        size_t told = 0;

        for (size_t i = 0; i < d->n_evidence; i++)
                if (!d->evidence[i].excepted) {
                        put_piece(out, &d->evidence[i].evidence, p);
                        told++;
                }
        return told;
}

static void put_evidence(struct buf *out, const struct dossier *d, const struct story_params *p)
{
        text_heading(out, &p->look, "What was seen");
        if (put_pieces(out, d, p) == 0)
                buf_puts(out, "  Nothing that counts.\n");
        if (d->left_out) {
                buf_puts(out, "  Left out here: ");
                text_count(out, d->left_out, "further record");
                buf_puts(out, ".\n");
        }
}

static bool has_pieces(const struct dossier *d)
{
        for (size_t i = 0; i < d->n_evidence; i++)
                if (!d->evidence[i].excepted)
                        return true;
        return false;
}

/* What those did whom the evidence names, such as the one that carried an order out. Each is judged by itself. */
static void put_others(struct buf *out, const struct dossier *d, const struct story_params *p)
{
        char title[SUBJECT_TEXT_MAX], score[SCORE_TEXT_MAX];

        for (size_t i = 0; i < d->n_others; i++) {
                const struct dossier *other = d->others[i];
                const struct verdict *v = &other->verdict;
                char heading[SUBJECT_TEXT_MAX + 64];

                if (!has_pieces(other))
                        continue;
                snprintf(heading, sizeof(heading), "What was seen of %s: %s, score %s",
                         subject_title(&v->subject, title), level_name(v->level), score_format(v->score, score));
                text_heading(out, &p->look, heading);
                put_pieces(out, other, p);
        }
}

static void put_exceptions(struct buf *out, const struct dossier *d, const struct story_params *p)
{
        bool any = false;

        for (size_t i = 0; i < d->n_evidence; i++) {
                const struct evidence *e = &d->evidence[i].evidence;
                const struct config_exception *x;
                _cleanup_(buf_done)
                struct buf line = BUF_HEAP(4096);
                char date[CLOCK_TEXT_MAX];

                if (!d->evidence[i].excepted)
                        continue;
                if (!any)
                        text_heading(out, &p->look, "Silenced by exceptions, not counted");
                any = true;
                x = exception_match(p->config, e);
                buf_printf(&line, "%s, ", e->kind->name);
                text_count(&line, e->count, "claim");
                buf_printf(&line, ", last %s: ", text_date(e->last, date));
                if (x) {
                        buf_printf(&line, "\"%s\"", x->reason ? x->reason : "no reason given");
                        if (x->where)
                                buf_printf(&line, " (%s)", x->where);
                        if (x->until)
                                buf_printf(&line, ", until %s", text_date(x->until, date));
                } else
                        buf_puts(&line, "the exception is no longer in the configuration");
                text_wrap(out, &p->look, "  ", buf_str(&line));
        }
        if (!any && d->verdict.excepted) {
                text_heading(out, &p->look, "Silenced by exceptions, not counted");
                buf_puts(out, "  ");
                text_count(out, d->verdict.excepted, "claim");
                buf_putc(out, '\n');
        }
}

static void put_history(struct buf *out, const struct dossier *d, const struct story_params *p)
{
        char date[CLOCK_TEXT_MAX], score[SCORE_TEXT_MAX];

        if (d->n_changes) {
                text_heading(out, &p->look, "How the level changed");
                for (size_t i = 0; i < d->n_changes; i++) {
                        const struct verdict *v = &d->changes[i];

                        buf_printf(out, "  %s  ", text_date(v->time, date));
                        text_put(out, &p->look, text_level_style(v->level), level_name(v->level));
                        buf_printf(out, ", score %s\n", score_format(v->score, score));
                }
        }
        if (d->n_actions) {
                text_heading(out, &p->look, "What was done");
                for (size_t i = 0; i < d->n_actions; i++) {
                        const struct action *a = &d->actions[i];
                        _cleanup_(buf_done)
                        struct buf line = BUF_HEAP(1024);

                        buf_printf(&line, "%s  %s by %s: %s", text_date(a->time, date), action_kind_name(a->kind),
                                   a->by, a->what);
                        if (a->undo[0])
                                buf_printf(&line, " (undo: %s)", a->undo);
                        text_wrap(out, &p->look, "  ", buf_str(&line));
                }
        }
}

static void put_gaps(struct buf *out, const struct dossier *d, const struct story_params *p)
{
        if (!d->n_gaps)
                return;
        text_heading(out, &p->look, "What was not seen around that time");
        for (size_t i = 0; i < d->n_gaps; i++) {
                const struct dossier_gap *g = &d->gaps[i];
                _cleanup_(buf_done)
                struct buf line = BUF_HEAP(1024);
                char date[CLOCK_TEXT_MAX];

                buf_printf(&line, "%s  %s", text_date(g->time, date), gap_reason_title(g->gap.reason));
                if (g->gap.lost)
                        buf_printf(&line, ": %" PRIu64, g->gap.lost);
                if (g->text[0])
                        buf_printf(&line, " (%s)", g->text);
                text_wrap(out, &p->look, "  ", buf_str(&line));
        }
}

void story_put(struct buf *out, const struct dossier *d, const struct story_params *p)
{
        put_level_sentence(out, &d->verdict, &p->look);
        put_score(out, d, p);
        put_evidence(out, d, p);
        put_others(out, d, p);
        put_exceptions(out, d, p);
        put_history(out, d, p);
        put_gaps(out, d, p);
        story_put_next(out, d, p);
}

/* Of a relay: the piece that sums up the others. */
static bool is_judged(const struct evidence *e)
{
        return strcmp(e->kind->name, CLAIMS_JUDGED) == 0;
}

void story_put_short(struct buf *out, const struct dossier *d)
{
        _cleanup_(buf_done)
        struct buf told = BUF_HEAP(STORY_EXPLANATION_MAX + 256);
        const struct evidence *best = NULL;
        const struct detector *detector;
        const char *text;

        for (size_t i = 0; i < d->n_evidence; i++) {
                const struct evidence *e = &d->evidence[i].evidence;

                if (!d->evidence[i].excepted &&
                    (!best || e->kind->conclusive > best->kind->conclusive ||
                     (e->kind->conclusive == best->kind->conclusive && e->weight > best->weight)))
                        best = e;
                if (is_judged(e)) {
                        best = e;
                        break;
                }
        }
        if (!best) {
                buf_puts(out, d->n_evidence ? "all its claims are silenced by exceptions" : "no evidence is kept");
                return;
        }
        if (!evidence_kind_find(best->kind->name, &detector) && !claims_kind_find(best->kind->name)) {
                buf_printf(out, "%s (this version has no such detector)", best->kind->name);
                return;
        }
        story_put_explanation(&told, best);
        text = buf_str(&told);
        if (!is_judged(best)) {
                text_put_sentence(out, &(struct text_look){0}, TEXT_PLAIN, best->kind->title);
                buf_puts(out, ": ");
        }
        buf_put(out, text, strcspn(text, "\n"));
}
