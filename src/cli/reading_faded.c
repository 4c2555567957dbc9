/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who was a suspect or a bot on the way, and is none by the end of what `read` reads, since evidence fades within days:
 * an archive of weeks would otherwise end in silence about its first one. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cli/reading_internal.h"

#define WORST_MAX 4096u /* subjects; those that rose longest ago go */
#define TOLD_MAX  20

struct worst {
        char key[SUBJECT_TEXT_MAX];
        struct verdict verdict;
};

int reading_faded_new(struct reading *r)
{
        const struct table_params p = {.name = "subjects that rose",
                                       .cap = WORST_MAX,
                                       .key_size = SUBJECT_TEXT_MAX,
                                       .entry_size = sizeof(struct worst)};

        return table_new(&p, &r->risen);
}

/* The table compares all of it. */
static const char *whole_key(const struct subject *s, char ret[static SUBJECT_TEXT_MAX])
{
        subject_key(s, ret);
        memset(ret + strlen(ret), 0, SUBJECT_TEXT_MAX - strlen(ret));
        return ret;
}

void reading_faded_see(struct reading *r, const struct verdict *after)
{
        char key[SUBJECT_TEXT_MAX];
        struct worst *w;

        r->worst = MAX(r->worst, after->level);
        if (after->level < LEVEL_SUSPECT)
                return;
        w = table_insert(r->risen, whole_key(&after->subject, key), NULL);
        if (w &&
            (after->level > w->verdict.level || (after->level == w->verdict.level && after->score > w->verdict.score)))
                w->verdict = *after;
}

static bool has_faded(const struct reading *r, const struct worst *w, nsec_t now)
{
        struct verdict v;

        return !ledger_verdict(analysis_ledger(r->analysis), &w->verdict.subject, now, &v) || v.level < LEVEL_SUSPECT;
}

bool reading_faded_is(const struct reading *r, const struct subject *s, nsec_t now)
{
        char key[SUBJECT_TEXT_MAX];
        const struct worst *w = table_peek(r->risen, whole_key(s, key));

        return w && has_faded(r, w, now);
}

void reading_faded_count(const struct reading *r, nsec_t now, unsigned ret_level[static LEVELS])
{
        memset(ret_level, 0, LEVELS * sizeof(*ret_level));
        for (const struct worst *w = table_oldest(r->risen); w; w = table_younger(r->risen, w))
                ret_level[w->verdict.level] += has_faded(r, w, now);
}

void reading_faded_put(const struct reading *r, nsec_t now, struct buf *out)
{
        char title[SUBJECT_TEXT_MAX], score[SCORE_TEXT_MAX], date[CLOCK_TEXT_MAX];
        unsigned n = 0;

        for (const struct worst *w = table_oldest(r->risen); w; w = table_younger(r->risen, w)) {
                const struct verdict *v = &w->verdict;
                _cleanup_(buf_done)
                struct buf line = BUF_HEAP(1024);

                if (!has_faded(r, w, now))
                        continue;
                if (n++ == 0)
                        text_heading(out, &r->params.cli->look, "Earlier, and faded by the end of what was read");
                if (n > TOLD_MAX)
                        continue;
                buf_printf(&line, "%s was %s at %s: score %s", subject_title(&v->subject, title),
                           v->level == LEVEL_BOT ? "a bot" : "suspect", text_date(v->time, date),
                           score_format(v->score, score));
                text_wrap(out, &r->params.cli->look, "  ", buf_str(&line));
        }
        if (n > TOLD_MAX)
                buf_printf(out, "  and %u more\n", n - TOLD_MAX);
        if (n)
                text_wrap(out, &r->params.cli->look, "  ", "Read what is of that time by itself for the whole story.");
}
