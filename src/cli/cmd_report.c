/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori report: what the store knows: the period, the subjects by level with a line of their story, what was lost
 * and what was not watched. Runs unprivileged. */
#include <errno.h>
#include <inttypes.h>

#include "base/log.h"
#include "cli/cli.h"
#include "cli/counting.h"
#include "cli/mail_stats.h"
#include "view/json.h"
#include "view/story.h"

#define REPORT_TEXT_MAX     (16u << 20)
#define REPORT_SUBJECTS_MAX 1000 /* told one by one; the rest is counted */

struct report {
        struct verdict *subjects; /* at most REPORT_SUBJECTS_MAX, highest score first */
        size_t n_subjects;
        struct verdict *relays; /* others' machines that handed us mail; likewise, and counted apart */
        size_t n_relays, all_relays;
        struct counting counts;
        nsec_t first, last;
        struct dossier_gap *gaps;
        size_t n_gaps;
        uint64_t gaps_left_out;
};

static void report_done(struct report *r)
{
        free(r->subjects);
        free(r->relays);
        free(r->gaps);
}

static void see_time(struct report *r, nsec_t t)
{
        if (!t) /* of whom only an action is known */
                return;
        if (!r->first || t < r->first)
                r->first = t;
        r->last = MAX(r->last, t);
}

static int keep(struct verdict **array, size_t *n, const struct verdict *v)
{
        struct verdict *bigger;

        if (v->level < LEVEL_SUSPECT || *n == REPORT_SUBJECTS_MAX)
                return 0;
        bigger = reallocarray(*array, *n + 1, sizeof(**array));
        if (!bigger)
                return -ENOMEM;
        *array = bigger;
        bigger[(*n)++] = *v;
        return 0;
}

static int take_subject(void *userdata, const struct verdict *v)
{
        struct report *r = userdata;

        if (v->subject.kind == SUBJECT_RELAY) {
                r->all_relays += v->level >= LEVEL_SUSPECT;
                return keep(&r->relays, &r->n_relays, v);
        }
        counting_add(&r->counts, v);
        see_time(r, v->time);
        return keep(&r->subjects, &r->n_subjects, v);
}

static int take_gap(void *userdata, nsec_t time, const struct gap_event *g, uint64_t count)
{
        struct report *r = userdata;
        struct dossier_gap *bigger;

        see_time(r, time);
        if (r->n_gaps == REPORT_SUBJECTS_MAX) {
                r->gaps_left_out++;
                return 0;
        }
        bigger = reallocarray(r->gaps, r->n_gaps + 1, sizeof(*r->gaps));
        if (!bigger)
                return -ENOMEM;
        r->gaps = bigger;
        bigger = &r->gaps[r->n_gaps++];
        *bigger = (struct dossier_gap){.time = time, .gap = *g, .count = count};
        bigger->gap.text = NULL;
        if (g->text)
                snprintf(bigger->text, sizeof(bigger->text), "%s", g->text);
        return 0;
}

/* Also when nothing was found: how far what was watched or read here reaches. */
static void see_end(struct report *r, nsec_t t)
{
        if (t)
                r->last = MAX(r->last, t);
}

static int collect(struct store *s, struct report *report)
{
        struct store_reader reader = {
                .find_kind = cli_find_kind,
                .subject = take_subject,
                .gap = take_gap,
                .userdata = report,
        };
        int r = store_read_subjects(s, &reader, LEVEL_UNKNOWN);

        see_end(report, cli_store_time(s, STORE_META_ALIVE));
        see_end(report, cli_store_time(s, STORE_META_READ));
        return r < 0 ? r : store_read_gaps(s, &reader, 0);
}

static void put_verdict(struct cli *cli, const struct verdict *v, struct buf *out)
{
        char title[SUBJECT_TEXT_MAX], score[SCORE_TEXT_MAX], date[CLOCK_TEXT_MAX], key[SUBJECT_TEXT_MAX];

        text_put(out, &cli->look, text_level_style(v->level), subject_title(&v->subject, title));
        buf_printf(out, "  score %s  since %s  ", score_format(v->score, score), text_date(v->time, date));
        text_put(out, &cli->look, TEXT_DIM, subject_key(&v->subject, key));
        buf_putc(out, '\n');
}

/* A line for the subject, and one of its story. */
static void put_subject(struct cli *cli, struct store *s, const struct verdict *v, struct buf *out)
{
        char key[SUBJECT_TEXT_MAX];
        _cleanup_(dossier_freep)
        struct dossier *d = NULL;
        _cleanup_(buf_done)
        struct buf line = BUF_HEAP(8192);

        buf_puts(out, "  ");
        put_verdict(cli, v, out);
        if (dossier_read(s, subject_key(&v->subject, key), cli_find_kind, &d) < 0)
                return;
        story_put_short(&line, d);
        text_wrap(out, &cli->look, "    ", buf_str(&line));
}

static void put_subjects(struct cli *cli, struct store *s, const struct report *report, enum level level,
                         struct buf *out)
{
        unsigned listed = 0, all = counting_of(&report->counts, level);

        if (all == 0)
                return;
        text_heading(out, &cli->look, level == LEVEL_BOT ? "Bots" : "Suspects");
        for (size_t i = 0; i < report->n_subjects; i++) {
                const struct verdict *v = &report->subjects[i];

                if (v->level != level || (counting_is_machine(&v->subject) && !counting_has_machine(&report->counts)))
                        continue;
                listed++;
                put_subject(cli, s, v, out);
        }
        if (listed < all)
                buf_printf(out, "  and %u more\n", all - listed);
}

static void put_relays(struct cli *cli, struct store *s, const struct report *report, struct buf *out)
{
        if (report->n_relays == 0)
                return;
        text_heading(out, &cli->look, "Relays that handed us mail: machines of others");
        for (size_t i = 0; i < report->n_relays; i++)
                put_subject(cli, s, &report->relays[i], out);
        if (report->n_relays < report->all_relays)
                buf_printf(out, "  and %zu more\n", report->all_relays - report->n_relays);
}

/* Their tables, when mails were judged here at all. */
static void put_relay_stats(struct cli *cli, struct store *s, struct buf *out)
{
        _cleanup_(buf_done)
        struct buf tables = BUF_HEAP(REPORT_TEXT_MAX);
        bool any = false;
        int r = mail_stats_put(cli, s, &tables, &any);

        if (r < 0)
                log_error("the records of relays could not be read: %s", strerror(-r));
        if (r < 0 || !any)
                return;
        if (!cli->json) {
                text_heading(out, &cli->look, "Relays in numbers");
                buf_puts(out, "  ");
        }
        buf_puts(out, buf_str(&tables));
}

/* Not one more bot: what the processes above make of the machine. */
static void put_machine(struct cli *cli, const struct report *report, struct buf *out)
{
        if (!report->counts.has_machine || counting_has_machine(&report->counts) ||
            report->counts.machine.level < LEVEL_SUSPECT)
                return;
        buf_printf(out, "\nBy its processes %s: ", level_name(report->counts.machine.level));
        put_verdict(cli, &report->counts.machine, out);
}

static void put_gaps(const struct cli *cli, const struct report *report, struct buf *out)
{
        char date[CLOCK_TEXT_MAX];

        text_heading(out, &cli->look, "What was lost or not watched");
        if (report->n_gaps == 0)
                buf_puts(out, report->last ? "  Nothing that was noticed.\n" : "  Everything: nothing was watched.\n");
        for (size_t i = 0; i < report->n_gaps; i++) {
                const struct dossier_gap *g = &report->gaps[i];
                _cleanup_(buf_done)
                struct buf line = BUF_HEAP(1024);

                buf_printf(&line, "%s  %s", text_date(g->time, date), gap_reason_title(g->gap.reason));
                if (g->gap.lost)
                        buf_printf(&line, ": %" PRIu64, g->gap.lost);
                if (g->text[0])
                        buf_printf(&line, " (%s)", g->text);
                text_wrap(out, &cli->look, "  ", buf_str(&line));
        }
        if (report->gaps_left_out)
                buf_printf(out, "  and %" PRIu64 " more\n", report->gaps_left_out);
}

static void put_text(struct cli *cli, struct store *s, const struct report *report, struct buf *out)
{
        char first[CLOCK_TEXT_MAX], last[CLOCK_TEXT_MAX];

        if (!report->last)
                buf_puts(out, "Nothing was watched yet, or read with --store: this store knows of no traffic.\n");
        if (report->first)
                buf_printf(out, "From %s to %s: ", text_date(report->first, first), text_date(report->last, last));
        else if (report->last)
                buf_printf(out, "Until %s: ", text_date(report->last, last));
        text_count(out, counting_of(&report->counts, LEVEL_BOT), "bot");
        buf_puts(out, ", ");
        text_count(out, counting_of(&report->counts, LEVEL_SUSPECT), "suspect");
        buf_printf(out, ", %u clear, %u of which too little was seen.\n", counting_of(&report->counts, LEVEL_CLEAR),
                   counting_of(&report->counts, LEVEL_UNKNOWN));
        put_subjects(cli, s, report, LEVEL_BOT, out);
        put_subjects(cli, s, report, LEVEL_SUSPECT, out);
        put_machine(cli, report, out);
        put_relays(cli, s, report, out);
        put_gaps(cli, report, out);
        put_relay_stats(cli, s, out);
        if (report->n_subjects + report->n_relays)
                buf_puts(out, "\n\"sekimori why SUBJECT\" tells a whole story.\n");
}

static void put_json_gap(struct buf *out, const struct dossier_gap *g)
{
        buf_puts(out, "{\"timestamp\":");
        json_time(out, g->time);
        buf_printf(out,
                   ",\"event_type\":\"gap\",\"gap\":{\"reason\":\"%s\",\"lost\":%" PRIu64 ",\"count\":%" PRIu64
                   ",\"text\":",
                   gap_reason_name(g->gap.reason), g->gap.lost, g->count);
        buf_put_json(out, g->text, strlen(g->text));
        buf_puts(out, "}}\n");
}

static void put_json_subject(struct cli *cli, struct store *s, const struct verdict *v, struct buf *out)
{
        const struct evidence *pieces[DOSSIER_EVIDENCE_MAX];
        char key[SUBJECT_TEXT_MAX];
        _cleanup_(dossier_freep)
        struct dossier *d = NULL;
        size_t n = 0;

        if (dossier_read(s, subject_key(&v->subject, key), cli_find_kind, &d) == 0)
                for (size_t k = 0; k < d->n_evidence; k++)
                        if (!d->evidence[k].excepted)
                                pieces[n++] = &d->evidence[k].evidence;
        json_verdict(out, v, cli->config->verdict.bot, pieces, n, 0);
        buf_putc(out, '\n');
}

static void put_json(struct cli *cli, struct store *s, const struct report *report, struct buf *out)
{
        for (size_t i = 0; i < report->n_subjects; i++)
                put_json_subject(cli, s, &report->subjects[i], out);
        for (size_t i = 0; i < report->n_relays; i++)
                put_json_subject(cli, s, &report->relays[i], out);
        put_relay_stats(cli, s, out);
        for (size_t i = 0; i < report->n_gaps; i++)
                put_json_gap(out, &report->gaps[i]);
        buf_puts(out, "{\"timestamp\":");
        json_time(out, clock_realtime());
        buf_puts(out, ",\"event_type\":\"summary\",\"first\":");
        if (report->first)
                json_time(out, report->first);
        else
                buf_puts(out, "null");
        buf_puts(out, ",\"last\":");
        if (report->last)
                json_time(out, report->last);
        else
                buf_puts(out, "null");
        buf_puts(out, ",\"subjects\":{");
        for (unsigned l = 0; l < LEVELS; l++)
                buf_printf(out, "%s\"%s\":%u", l ? "," : "", level_name(l), report->counts.level[l]);
        buf_printf(out, "},\"relays\":%zu,\"gaps\":%" PRIu64 "}\n", report->all_relays,
                   report->n_gaps + report->gaps_left_out);
}

static int run(struct cli *cli)
{
        _cleanup_(report_done)
        struct report report = {0};
        _cleanup_(store_closep)
        struct store *s = NULL;
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(REPORT_TEXT_MAX);
        bool found = false;
        int r;

        if (cli_operands(cli, 0, 0) < 0 || cli_load_config(cli) < 0 || cli_open_store(cli, &s) < 0)
                return cli->status;
        r = collect(s, &report);
        if (r < 0) {
                log_error("the store could not be read: %s", strerror(-r));
                return CLI_INPUT;
        }
        if (cli->json)
                put_json(cli, s, &report, &out);
        else
                put_text(cli, s, &report, &out);
        for (unsigned l = cli->fail_on; l < LEVELS; l++)
                found |= report.counts.level[l] > 0;
        return cli_print(&out, found ? CLI_FOUND : CLI_OK);
}

const struct command command_report = {
        .synopsis = "",
        .about =
                "Sums up what the store knows: the period, the bots and suspects with their scores and a line of their "
                "story, what was lost, and what was not watched.",
        .takes = CLI_TAKES_CONFIG | CLI_TAKES_STORE | CLI_TAKES_JSON | CLI_TAKES_FAIL_ON,
        .run = run,
};
