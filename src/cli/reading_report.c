/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end of `read`: verdicts, what was lost, totals; as JSON records or as text. */
#include <inttypes.h>

#include "base/log.h"
#include "cli/reading_internal.h"
#include "config/home.h"
#include "rules/load.h"
#include "view/json.h"
#include "view/story.h"

#define TEXT_MAX    (16u << 20)
#define STORIES_MAX 20 /* told whole; further subjects get a line */
#define ASK_HOME                                                                                                       \
        " touch no home host: say with --home NETWORK which addresses are yours. Default are the private ranges."
#define FOREIGN_MOST 2 /* home hosts take part in less than 1 packet of so many: probably the wrong home */

struct report {
        struct reading *reading;
        const struct reading_totals *totals;
        unsigned level[LEVELS];
        enum level worst;
        nsec_t now;
        struct buf text;
        unsigned told;
        struct profile_stats profiles;
};

static void keep_subject(void *userdata, const struct verdict *v, const struct evidence *const *pieces, size_t n)
{
        struct report *r = userdata;
        struct store *s = r->reading->params.store;

        r->level[v->level]++;
        r->worst = MAX(r->worst, v->level);
        for (size_t i = 0; i < n; i++) {
                struct evidence piece = *pieces[i];

                piece.subject = v->subject;
                (void) store_put_evidence(s, &piece, false);
        }
        /* Who has faded stays in the store as what it was; `why` and `report` say so. */
        if (!reading_faded_is(r->reading, &v->subject, r->now))
                (void) store_put_verdict(s, v);
}

static void verdict_json(void *userdata, const struct verdict *v, const struct evidence *const *pieces, size_t n)
{
        struct report *r = userdata;
        const struct config *c = r->reading->params.cli->config;

        json_verdict(&r->reading->lines, v, v->level == LEVEL_BOT ? c->verdict.bot : c->verdict.suspect, pieces, n, 0);
        reading_line(r->reading);
}

static void put_counts(struct buf *out, const struct report *r)
{
        const struct reading *g = r->reading;
        unsigned faded[LEVELS];
        bool first = true;

        buf_puts(out, ",\"events\":{");
        for (unsigned t = 1; t < EVENT_TYPES; t++)
                if (g->events[t]) {
                        buf_printf(out, "%s\"%s\":%" PRIu64, first ? "" : ",", event_type_name(t), g->events[t]);
                        first = false;
                }
        buf_puts(out, "},\"subjects\":{");
        for (unsigned l = LEVEL_UNKNOWN; l < LEVELS; l++)
                buf_printf(out, "%s\"%s\":%u", l ? "," : "", level_name(l), r->level[l]);
        reading_faded_count(r->reading, r->now, faded);
        buf_printf(out, "},\"faded\":{\"suspect\":%u,\"bot\":%u}", faded[LEVEL_SUSPECT], faded[LEVEL_BOT]);
}

static void put_rules_json(struct buf *out, const struct reading_totals *t)
{
        const struct sift_stats *a = &t->pipeline.alerts;
        const struct tracker_stats *k = &t->pipeline.trackers;
        struct ruleset_stats r;

        ruleset_get_stats(t->rules, &r);
        buf_printf(out,
                   ",\"rules\":{\"loaded\":%u,\"refused\":%u,\"matches\":%" PRIu64 ",\"alerts\":%" PRIu64
                   ",\"suppressed\":%" PRIu64 ",\"below_threshold\":%" PRIu64 ",\"merged\":%" PRIu64
                   ",\"forgotten\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"bytes_of_flows\":%" PRIu64
                   ",\"flows_dropped\":%" PRIu64 "}",
                   r.loaded, rules_load_refused(t->rules), a->matches, a->told, a->suppressed, a->limited, a->merged,
                   a->forgotten, r.bytes, k->rule_bytes, k->rule_dropped);
}

/* One between two home hosts was told of each of them. */
static uint64_t flows(const struct reading *r)
{
        return r->flows + (r->inner_flows + 1) / 2;
}

static void summary_json(struct report *r)
{
        const struct reading_totals *t = r->totals;
        struct buf *out = &r->reading->lines;
        const struct tracker_stats *k = &t->pipeline.trackers;

        buf_puts(out, "{\"timestamp\":");
        json_time(out, r->now);
        buf_printf(out, ",\"event_type\":\"summary\",\"files\":%u,\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64, t->files,
                   t->pipeline.frames, t->pipeline.bytes);
        buf_printf(out, ",\"home_packets\":%" PRIu64 ",\"lines\":%" PRIu64 ",\"flows\":%" PRIu64 ",\"hosts\":%" PRIu64,
                   k->home_packets, t->logs.lines, flows(r->reading), r->profiles.seen);
        put_counts(out, r);
        buf_printf(out,
                   ",\"profiles\":{\"hosts\":%u,\"services\":%u,\"forgotten_hosts\":%" PRIu64
                   ",\"forgotten_services\":%" PRIu64 ",\"repeated_sessions\":%" PRIu64 "}",
                   r->profiles.hosts.used, r->profiles.services.used, r->profiles.hosts.evicted,
                   r->profiles.services.evicted, r->profiles.repeated);
        buf_printf(out, ",\"claims\":%" PRIu64 ",\"excepted\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"gaps\":%" PRIu64,
                   r->reading->claims, r->reading->excepted, r->reading->lost, r->reading->events[EVENT_GAP]);
        if (t->rules)
                put_rules_json(out, t);
        buf_printf(out, ",\"seconds\":%.3f,\"interrupted\":%s}", (double) t->took / (double) NSEC_PER_SEC,
                   t->interrupted ? "true" : "false");
        reading_line(r->reading);
}

static void put_totals(struct report *r)
{
        const struct reading_totals *t = r->totals;
        const struct pipeline_stats *p = &t->pipeline;
        struct buf *out = &r->text;
        char date[CLOCK_TEXT_MAX], span[CLOCK_TEXT_MAX];

        if (t->captures) {
                text_count(out, p->frames, "packet");
                buf_puts(out, " (");
                text_volume(out, p->bytes);
                buf_puts(out, ")");
                if (p->frames)
                        buf_printf(out, " from %s, %s long", text_date(p->first, date),
                                   clock_format_span(p->now - p->first, span));
                buf_puts(out, "; ");
        }
        if (t->logs.lines) {
                text_count(out, t->logs.lines, "line");
                buf_puts(out, " of logs; ");
        }
        text_count(out, flows(r->reading), "flow");
        buf_puts(out, " of ");
        text_count(out, r->profiles.seen, "home host");
        if (t->rules)
                buf_printf(out, "; %u rules, %" PRIu64 " alert%s", ruleset_count(t->rules), t->pipeline.alerts.told,
                           t->pipeline.alerts.told == 1 ? "" : "s");
        buf_printf(out, "; read in %s%s.\n", clock_format_span(t->took, span), t->interrupted ? ", interrupted" : "");
        text_count(out, r->level[LEVEL_BOT], "bot");
        buf_puts(out, ", ");
        text_count(out, r->level[LEVEL_SUSPECT], "suspect");
        buf_puts(out, ".\n");
        if (t->captures && p->trackers.home_packets * FOREIGN_MOST < p->trackers.packets.errors[PACKET_OK])
                text_wrap(out, &r->reading->params.cli->look, "", "Most packets" ASK_HOME);
        else if (t->logs.foreign > t->logs.events)
                text_wrap(out, &r->reading->params.cli->look, "", "Most lines" ASK_HOME);
}

static int tell_subject(void *userdata, const struct verdict *v)
{
        struct report *r = userdata;
        struct cli *cli = r->reading->params.cli;
        struct story_params p = {.config = cli->config, .now = r->now, .look = cli->look};
        char key[SUBJECT_TEXT_MAX];
        _cleanup_(dossier_freep)
        struct dossier *d = NULL;

        if (reading_faded_is(r->reading, &v->subject, r->now)) /* in a list of its own */
                return 0;
        if (dossier_read(r->reading->params.store, subject_key(&v->subject, key), cli_find_kind, &d) < 0)
                return 0;
        buf_putc(&r->text, '\n');
        if (r->told++ < STORIES_MAX) {
                story_put(&r->text, d, &p);
                return 0;
        }
        text_put(&r->text, &cli->look, text_level_style(v->level), level_name(v->level));
        buf_printf(&r->text, "  %s  ", key);
        story_put_short(&r->text, d);
        return 0;
}

static int tell_gap(void *userdata, nsec_t time _unused_, const struct gap_event *g, uint64_t count _unused_)
{
        struct report *r = userdata;
        _cleanup_(buf_done)
        struct buf line = BUF_HEAP(1024);

        if (!r->told)
                text_heading(&r->text, &r->reading->params.cli->look, "What was not seen");
        r->told++;
        buf_printf(&line, "%s", gap_reason_title(g->reason));
        if (g->lost)
                buf_printf(&line, ": %" PRIu64, g->lost);
        if (g->text && g->text[0])
                buf_printf(&line, " (%s)", g->text);
        text_wrap(&r->text, &r->reading->params.cli->look, "  ", buf_str(&line));
        return 0;
}

static void put_text(struct report *r)
{
        struct store_reader reader = {
                .find_kind = cli_find_kind, .subject = tell_subject, .gap = tell_gap, .userdata = r};
        struct store *s = r->reading->params.store;

        put_totals(r);
        reading_alerts_put(r->reading, &r->text);
        (void) store_read_subjects(s, &reader, LEVEL_SUSPECT);
        reading_faded_put(r->reading, r->now, &r->text);
        r->told = 0;
        (void) store_read_gaps(s, &reader, 0);
}

/* The latest time in it, so that `why` can tell it as of then. */
static void put_read_until(struct store *s, nsec_t now)
{
        char text[24];
        struct buf b = BUF_FIXED(text);

        if (store_get_meta(s, STORE_META_READ, &b) == 0 && strtoll(buf_str(&b), NULL, 10) >= now)
                return;
        snprintf(text, sizeof(text), "%" PRId64, now);
        (void) store_put_meta(s, STORE_META_READ, text);
}

int reading_finish(struct reading *g, const struct reading_totals *t)
{
        struct ledger *ledger = analysis_ledger(g->analysis);
        struct cli *cli = g->params.cli;
        struct report r = {.reading = g, .totals = t, .now = analysis_now(g->analysis), .text = BUF_HEAP(TEXT_MAX)};
        int status;

        profile_get_stats(analysis_profile(g->analysis), &r.profiles);
        ledger_each(ledger, LEVEL_UNKNOWN, r.now, keep_subject, &r);
        if (g->params.profiles)
                reading_store_profiles(g);
        put_read_until(g->params.store, r.now);
        (void) store_commit(g->params.store);
        status = MAX(r.worst, g->worst) >= cli->fail_on ? CLI_FOUND : CLI_OK;
        if (cli->json) {
                ledger_each(ledger, LEVEL_SUSPECT, r.now, verdict_json, &r);
                summary_json(&r);
                reading_flush(g);
                if (g->failed) {
                        log_error("standard output: %s", strerror(g->failed));
                        status = CLI_INPUT;
                }
        } else {
                put_text(&r);
                status = cli_print(&r.text, status);
        }
        buf_done(&r.text);
        return status;
}
