/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the engine finds goes out: to the store, the EVE file, the journal and the terminal. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/log.h"
#include "daemon/engine_internal.h"
#include "respond/alarm.h"
#include "view/json.h"
#include "view/story.h"

#define GAP_PAUSE (60 * NSEC_PER_SEC) /* between two messages about losses of one reason; counting goes on */

void engine_print(struct engine *e, const char *format, ...)
{
        char text[4096];
        struct buf b = BUF_FIXED(text);
        va_list ap;

        engine_clear_live_line(e);
        va_start(ap, format);
        buf_vprintf(&b, format, ap);
        va_end(ap);
        fputs(buf_str(&b), stdout);
        fflush(stdout);
}

void engine_log(struct engine *e, enum log_level level, const char *format, ...)
{
        char text[1024];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        engine_clear_live_line(e);
        log_write(level, "%s", text);
}

void engine_log_lines(struct engine *e, enum log_level level, const char *text)
{
        for (const char *end; *text; text = end + (*end == '\n')) {
                end = strchrnul(text, '\n');
                engine_log(e, level, "%.*s", (int) (end - text), text);
        }
}

void engine_gap(struct engine *e, enum gap_reason reason, uint64_t lost, const char *text)
{
        struct event ev = {
                .time = clock_boottime() + clock_engine_offset(),
                .type = EVENT_GAP,
                .gap = {.lost = lost, .reason = (uint8_t) reason, .text = text},
        };

        engine_on_event(e, &ev);
}

/* At once when something new is lost; a loss that goes on is summed up, so that it does not flood. */
static void print_gap(struct engine *e, const struct gap_event *g)
{
        nsec_t now = clock_boottime();
        uint64_t lost;

        if (e->daemon->scan || g->reason >= GAP_REASONS)
                return;
        e->gap_untold[g->reason] += g->lost;
        if (g->reason != GAP_CLOCK && g->reason != GAP_RESTART && now < e->gap_tell_at[g->reason])
                return;
        lost = e->gap_untold[g->reason];
        e->gap_untold[g->reason] = 0;
        e->gap_tell_at[g->reason] = now + GAP_PAUSE;
        engine_log(e, LOG_LEVEL_WARNING, "%s: %llu%s%s", gap_reason_title(g->reason), (unsigned long long) lost,
                   g->text ? ", " : "", g->text ? g->text : "");
}

void engine_on_event(void *userdata, const struct event *ev)
{
        const bool found = ev->type == EVENT_GAP || ev->type == EVENT_GATE || ev->type == EVENT_ALERT;
        struct engine *e = userdata;

        e->counts.events[ev->type < EVENT_TYPES ? ev->type : EVENT_NONE]++;
        if (ev->type == EVENT_GAP) {
                if (ev->gap.reason < GAP_REASONS)
                        e->counts.gaps[ev->gap.reason] += ev->gap.lost;
                engine_store_check(e, store_put_gap(e->keeper.store, ev->time + clock_skew(), &ev->gap));
                print_gap(e, &ev->gap);
        }
        if (e->eve.fd >= 0 && (found || e->config->eve.events)) {
                json_event(&e->line, ev, clock_skew());
                engine_eve_put(e, found);
        }
        talkers_event(e->talkers, ev);
        engine_mail_event(e, ev);
        /* A gap is told when it is noticed, while records from before lie in the ring: it moves no engine time. */
        if (ev->type != EVENT_GAP)
                analysis_event(e->analysis, ev);
        if (ev->type == EVENT_GATE)
                engine_gate_event(e, ev);
}

static bool is_this_machine(const struct subject *s)
{
        return s->kind == SUBJECT_HOST && addr_is_unspecified(&s->addr);
}

/* One finding for people: when, what level, whom, the score beside its threshold, and the story of this piece, whose
 * times are the wall clock's. */
static void print_change(struct engine *e, const struct evidence *outward, const struct verdict *after)
{
        char title[SUBJECT_TEXT_MAX], time[CLOCK_TEXT_MAX], score[SCORE_TEXT_MAX], least[SCORE_TEXT_MAX];
        char story[2048], level[64], key[SUBJECT_TEXT_MAX];
        struct buf s = BUF_FIXED(story), l = BUF_FIXED(level);
        int32_t threshold = after->level == LEVEL_BOT ? e->config->verdict.bot : e->config->verdict.suspect;

        text_put(&l, &e->look, text_level_style(after->level), level_name(after->level));
        story_put_explanation(&s, outward);
        if (s.len && story[s.len - 1] == '\n') /* continuation lines stand under the first */
                story[--s.len] = '\0';
        if (after->level == LEVEL_BOT && !is_this_machine(&after->subject))
                buf_printf(&s, "\nTo stop it: sekimori block %s", subject_key(&after->subject, key));
        engine_print(e, "%s  %s  %s: score %s, threshold %s\n%s\n", clock_format_time(after->time + clock_skew(), time),
                     buf_str(&l), subject_title(&after->subject, title), score_format(after->score, score),
                     score_format(threshold, least), buf_str(&s));
}

/* The journal may have been started anew since: its socket is another one then. */
int engine_tell_journal(struct engine *e, const struct verdict *before, const struct verdict *after, const char *story)
{
        int r = alarm_level_changed(e->journal_fd, before, after, story);

        if (r == -ECONNREFUSED || r == -ENOTCONN || r == -ECONNRESET || r == -ENOENT) {
                closep(&e->journal_fd);
                e->journal_fd = -1;
                if (alarm_open(NULL, &e->journal_fd) == 0)
                        r = alarm_level_changed(e->journal_fd, before, after, story);
        }
        e->counts.journal_lost += r < 0;
        return r;
}

static void raise_alarm(struct engine *e, const struct evidence *outward, const struct verdict *before,
                        const struct verdict *after)
{
        char story[ALARM_STORY_MAX];
        struct buf s = BUF_FIXED(story);
        struct action a = {
                .subject = after->subject, .kind = ACTION_ALARM, .time = after->time + clock_skew(), .by = "engine"};
        int r;

        story_put_explanation(&s, outward);
        r = engine_tell_journal(e, before, after, buf_str(&s));
        snprintf(a.what, sizeof(a.what), "%s became %s%s", subject_kind_name(after->subject.kind),
                 level_name(after->level), r == 1 ? "; told the journal" : "");
        engine_store_check(e, store_put_action(e->keeper.store, &a));
}

static void put_verdict(struct engine *e, const struct verdict *v)
{
        const struct evidence *pieces[LEDGER_PIECES];
        size_t n = ledger_pieces(analysis_ledger(e->analysis), &v->subject, analysis_now(e->analysis), pieces);
        int32_t threshold = v->level == LEVEL_BOT ? e->config->verdict.bot : e->config->verdict.suspect;

        json_verdict(&e->line, v, threshold, pieces, n, clock_skew());
        engine_eve_put(e, true);
        engine_eve_flush(e);
}

/* The warden does it or not, as its configuration says. */
static void ask_to_block(struct engine *e, const struct subject *s)
{
        struct msg m = {.verb = MSG_BLOCK};
        char key[SUBJECT_TEXT_MAX];

        if (e->config->respond.block != RESPOND_BLOCK_BOT || is_this_machine(s))
                return;
        snprintf(m.text, sizeof(m.text), "%s", subject_key(s, key));
        if (msg_send(e->params->warden_fd, &m, NULL) < 0)
                e->counts.journal_lost++;
}

void engine_on_claim(void *userdata, const struct evidence *merged, const struct config_exception *exception,
                     const struct verdict *before, const struct verdict *after)
{
        struct engine *e = userdata;
        bool changed = before->level != after->level, found = after->level >= LEVEL_SUSPECT;
        struct evidence out = engine_store_outward(merged);
        struct verdict v = *after;

        e->counts.claims++;
        e->counts.excepted += exception != NULL;
        v.time += clock_skew();
        engine_store_check(e, store_put_evidence(e->keeper.store, &out, exception != NULL));
        engine_store_check(e, store_put_verdict(e->keeper.store, &v));
        if (e->eve.fd >= 0) {
                json_evidence(&e->line, merged, exception != NULL, clock_skew());
                engine_eve_put(e, true);
        }
        if (!changed)
                return;
        e->counts.changes++;
        e->worst = MAX(e->worst, after->level);
        if (e->eve.fd >= 0)
                put_verdict(e, after);
        raise_alarm(e, &out, before, after);
        if (after->level == LEVEL_BOT)
                ask_to_block(e, &after->subject);
        /* This machine as a whole rises with its processes, which are told. */
        if (found && !is_this_machine(&after->subject) && !e->daemon->json)
                print_change(e, &out, after);
}
