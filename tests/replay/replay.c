/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replays: events in, verdicts out. Reads a scenario (README.md in this folder; lines that begin with { are events as
 * `sekimori run` writes them), runs it once per rule that its `expect` lines name, and compares the worst verdict.
 *
 *   replay FILE...          runs them; exit status 1 when an expectation does not hold
 *   replay --why FILE...    prints the claims and their story as well
 *   replay --json FILE...   prints the events as lines that this program and others can read
 *   replay --speed          how long the analysis takes per flow event */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "check.h"
#include "detect/detector.h"
#include "view/json.h"

#define LINE_MAX_LEN 65536
#define BASE_TIME    (1700000000 * NSEC_PER_SEC)

struct scenario {
        char *content;
        char config[4096];   /* one document per line */
        char detectors[256]; /* that take part; empty: the one that the file is named after */
        struct expectation expect[EXPECT_MAX];
        size_t n_expect;
};

static struct seen *seen_of(struct run *r, const struct subject *s)
{
        for (size_t i = 0; i < r->n_seen; i++)
                if (subject_equal(&r->seen[i].subject, s))
                        return &r->seen[i];
        if (r->n_seen == SEEN_MAX)
                return NULL;
        r->seen[r->n_seen] = (struct seen){.subject = *s};
        return &r->seen[r->n_seen++];
}

/* The machine's own verdict repeats those of its processes. */
static bool is_self(const struct subject *s)
{
        return s->kind == SUBJECT_HOST && addr_equal(&s->addr, &(struct addr){0});
}

static void on_claim(void *userdata, const struct evidence *e, const struct config_exception *x _unused_,
                     const struct verdict *before _unused_, const struct verdict *after)
{
        struct run *r = userdata;
        struct seen *s = seen_of(r, &after->subject);
        const struct detector *d;
        char title[SUBJECT_TEXT_MAX], score[SCORE_TEXT_MAX];

        if (!s)
                return;
        if (after->level >= LEVEL_SUSPECT && !s->suspect_at)
                s->suspect_at = e->last;
        if (after->level == LEVEL_BOT && !s->bot_at)
                s->bot_at = e->last;
        s->worst = MAX(s->worst, after->level);
        s->score = MAX(s->score, after->score);
        s->stages |= after->stages;
        check_note_kind(r, &after->subject, e->kind->name);
        if (r->why && !is_self(&after->subject) && evidence_kind_find(e->kind->name, &d)) {
                _cleanup_(buf_done)
                struct buf story = BUF_HEAP(8192);

                d->explain(e, &story);
                printf("  %s: %s, score %s, %s\n%s", subject_title(&after->subject, title), e->kind->name,
                       score_format(after->score, score), level_name(after->level), buf_str(&story));
        }
}

static void on_event(void *userdata, const struct event *e)
{
        struct run *r = userdata;

        if (e->type == EVENT_FLOW && e->op == FLOW_START && r->n_workers < ELEMENTSOF(r->workers)) {
                bool known = false;

                for (size_t i = 0; i < r->n_workers; i++)
                        known |= r->workers[i] == e->flow.task.tid;
                if (!known) {
                        r->workers[r->n_workers] = e->flow.task.tid;
                        r->worked[r->n_workers++] = e->time;
                }
        }
        if (r->json) {
                _cleanup_(buf_done)
                struct buf line = BUF_HEAP(LINE_MAX_LEN);

                json_event(&line, e, 0);
                puts(buf_str(&line));
        }
        analysis_event(r->analysis, e);
}

static int run_line(struct run *r, const char *line, size_t len)
{
        char copy[WORDS_LEN];

        if (line[0] == '{') {
                struct event e;
                char reason[200];
                struct buf why = BUF_FIXED(reason);

                if (json_read_event(line, len, &e, &r->scratch, &why) < 0) {
                        snprintf(r->world->error, sizeof(r->world->error), "%.150s", reason);
                        return -EINVAL;
                }
                r->world->now = MAX(r->world->now, e.time);
                net_flush(&r->world->net, r->world->now);
                on_event(r, &e);
                return 0;
        }
        if (strncmp(line, "config ", 7) == 0 || strncmp(line, "expect ", 7) == 0 ||
            strncmp(line, "detectors ", 10) == 0)
                return 0;
        snprintf(copy, sizeof(copy), "%.*s", (int) MIN(len, sizeof(copy) - 1), line);
        return world_line(r->world, copy);
}

/* Only those named take part: a case is about its detector, whatever the others make of the same events. */
static int choose_detectors(const struct scenario *s, struct config *c, struct buf *errors)
{
        char names[sizeof(s->detectors) + 2], one[64], yaml[128];
        int r = 0, missing = 0;

        snprintf(names, sizeof(names), " %s ", s->detectors);
        if (strstr(names, " all "))
                return 0;
        for (const char *p = names; p[strspn(p, " ")]; p += strcspn(p, " "), missing++)
                p += strspn(p, " ");
        for (size_t i = 0; detectors[i] && r == 0; i++) {
                snprintf(one, sizeof(one), " %s ", detectors[i]->name);
                if (strstr(names, one)) {
                        missing--;
                        continue;
                }
                snprintf(yaml, sizeof(yaml), "%s:\n  enabled: false\n", detectors[i]->name);
                r = config_parse(c, "detectors", yaml, strlen(yaml), errors);
        }
        if (r == 0 && missing) {
                buf_printf(errors, "not all of these are detectors: %s", s->detectors);
                return -EINVAL;
        }
        return r;
}

/* The rule first, then the scenario's own lines. */
static int read_config(const struct scenario *s, const char *rule, struct config **ret)
{
        _cleanup_(config_freep)
        struct config *c = NULL;
        char yaml[256], reason[500];
        struct buf errors = BUF_FIXED(reason);
        bool plain = strncmp(rule, "plain", 5) == 0;
        int r = config_new_default(&c);

        if (r < 0)
                return r;
        snprintf(yaml, sizeof(yaml), "server_like:\n  %s: %s\n", plain ? "mode" : "granularity", rule);
        r = config_parse(c, "rule", yaml, strlen(yaml), &errors);
        if (r == 0)
                r = choose_detectors(s, c, &errors);
        for (const char *line = s->config; *line && r == 0; line += strcspn(line, "\n") + 1) {
                size_t len = strcspn(line, "\n"), key = strcspn(line, ":"), dot = strcspn(line, ".");

                if (dot < key)
                        snprintf(yaml, sizeof(yaml), "%.*s:\n  %.*s\n", (int) dot, line, (int) (len - dot - 1),
                                 line + dot + 1);
                else
                        snprintf(yaml, sizeof(yaml), "server_like:\n  %.*s\n", (int) len, line);
                r = config_parse(c, "scenario", yaml, strlen(yaml), &errors);
        }
        if (r < 0) {
                fprintf(stderr, "%s\n", reason);
                return r;
        }
        *ret = TAKE_PTR(c);
        return 0;
}

static int run_lines(const struct scenario *s, struct run *r)
{
        int n = 0, k;

        for (const char *line = s->content; *line; n++) {
                size_t len = strcspn(line, "\n");

                if (len && (k = run_line(r, line, len)) < 0) {
                        fprintf(stderr, "line %d: %s\n", n + 1, r->world->error);
                        return k;
                }
                line += len + (line[len] == '\n');
        }
        world_finish(r->world);
        return 0;
}

/* Runs all lines under one rule. */
static int run_rule(const struct scenario *s, const char *rule, struct run *r)
{
        _cleanup_(config_freep)
        struct config *c = NULL;
        _cleanup_(analysis_freep)
        struct analysis *a = NULL;
        _cleanup_free_ struct world *w = calloc(1, sizeof(*w));
        struct analysis_params params = {.sink = {.claim = on_claim, .userdata = r}};
        int k;

        if (!w)
                return -ENOMEM;
        if ((k = read_config(s, rule, &c)) < 0)
                return k;
        params.config = c;
        if ((k = analysis_new(&params, &a)) < 0)
                return k;
        w->now = BASE_TIME;
        world_begin(w, on_event, r);
        r->analysis = a;
        r->world = w;
        k = run_lines(s, r);
        analysis_advance(a, MAX(w->now, analysis_now(a)) + 2 * NSEC_PER_SEC);
        world_done(w);
        return k;
}

/* tests/replay/scan.bot-slow.replay: scan. A file that is named after none, as one outside the tests: all. */
static void name_detector(const char *file, struct scenario *ret)
{
        const char *base = strrchr(file, '/');

        base = base ? base + 1 : file;
        snprintf(ret->detectors, sizeof(ret->detectors), "%.*s", (int) strcspn(base, "."), base);
        if (!detector_find(ret->detectors))
                snprintf(ret->detectors, sizeof(ret->detectors), "all");
}

static int read_scenario(const char *file, struct scenario *ret)
{
        _cleanup_fclose_ FILE *f = fopen(file, "re");
        struct buf text = BUF_HEAP(16 << 20);
        char *line = NULL;
        size_t size = 0;
        int n = 0;

        if (!f) {
                fprintf(stderr, "%s: %s\n", file, strerror(errno));
                return -errno;
        }
        name_detector(file, ret);
        while (getline(&line, &size, f) >= 0) {
                n++;
                buf_puts(&text, line);
                if (strncmp(line, "config ", 7) == 0) {
                        struct buf config = {.data = ret->config, .len = strlen(ret->config), .fixed = true};

                        config.size = sizeof(ret->config);
                        config.max = config.size - 1;
                        buf_puts(&config, line + 7);
                }
                if (strncmp(line, "detectors ", 10) == 0)
                        snprintf(ret->detectors, sizeof(ret->detectors), "%.*s", (int) strcspn(line + 10, "#\n"),
                                 line + 10);
                if (strncmp(line, "expect ", 7) == 0 && ret->n_expect < EXPECT_MAX) {
                        struct expectation *e = &ret->expect[ret->n_expect++];

                        e->line = n;
                        check_read(line + 7, e);
                }
        }
        free(line);
        if (ret->n_expect == 0)
                fprintf(stderr, "%s: expects nothing\n", file);
        ret->content = text.data ? text.data : strdup("");
        return ret->n_expect ? 0 : -EINVAL;
}

static int replay(const char *file, const char *mode)
{
        _cleanup_free_ struct scenario *s = calloc(1, sizeof(*s));
        size_t checked = 0;
        int bad = 0, k = s ? read_scenario(file, s) : -ENOMEM;

        for (size_t i = 0; k == 0 && i < CHECK_RULES; i++) {
                _cleanup_free_ struct run *r = calloc(1, sizeof(*r));
                bool wanted = false;

                for (size_t n = 0; n < s->n_expect; n++)
                        wanted |= strcmp(s->expect[n].rule, check_rules[i]) == 0;
                if (!r || !wanted)
                        continue;
                r->why = strcmp(mode, "--why") == 0;
                r->json = strcmp(mode, "--json") == 0;
                r->scratch = BUF_HEAP(LINE_MAX_LEN);
                if (r->why)
                        printf("%s, rule %s\n", file, check_rules[i]);
                k = run_rule(s, check_rules[i], r);
                for (size_t n = 0; k == 0 && n < s->n_expect; n++) {
                        if (strcmp(s->expect[n].rule, check_rules[i]) != 0)
                                continue;
                        checked++;
                        if (check_holds(r, s->expect[n].text))
                                continue;
                        check_report(r, file, &s->expect[n]);
                        bad++;
                }
                buf_done(&r->scratch);
        }
        if (k == 0 && checked < s->n_expect) {
                fprintf(stderr, "%s: names an unknown rule\n", file);
                bad++;
        }
        if (s)
                free(s->content);
        return k < 0 ? k : bad;
}

/* Short connections of children of a process that holds a conversation: the longest way through the detector. */
static int speed(void)
{
        _cleanup_(config_freep)
        struct config *c = NULL;
        _cleanup_(analysis_freep)
        struct analysis *a = NULL;
        struct analysis_params params = {0};
        const long n = 500000;
        struct timespec from, to;
        struct event e = {.type = EVENT_PROCESS, .op = PROCESS_FORK, .time = BASE_TIME};
        double ns;

        if (config_new_default(&c) < 0)
                return 1;
        params.config = c;
        if (analysis_new(&params, &a) < 0)
                return 1;
        for (uint32_t pid = 1; pid <= 10; pid++) {
                e.process = (struct process_event){.task = {pid, pid, pid, pid}, .loginuid = UINT32_MAX};
                e.process.creator = (struct task){pid - 1, pid - 1, pid - 1, pid - 1};
                analysis_event(a, &e);
        }
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
        for (long i = 0; i < n; i++) {
                uint32_t pid = i % 100 == 0 ? 5 : 10;

                e = (struct event){.type = EVENT_FLOW, .op = FLOW_START, .time = BASE_TIME + i * 20000};
                e.flow = (struct flow_event){.task = {pid, pid, pid, pid}, .flow_id = (uint64_t) i + 1};
                e.flow.origin = FLOW_ORIGINATED;
                e.flow.proto = 6;
                e.flow.local = addr_from_v4(0x0201000a);
                e.flow.remote = addr_from_v4((uint32_t) (0x0a + (i % 1000 << 16)));
                e.flow.remote_port = 80;
                e.flow.since = e.time;
                analysis_event(a, &e);
                e.op = i % 100 == 0 ? FLOW_UPDATE : FLOW_END;
                e.flow.state = FLOW_STATE_ESTABLISHED;
                e.flow.bytes_in = e.flow.bytes_out = 100;
                e.time += 10000;
                analysis_event(a, &e);
        }
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
        ns = (double) (to.tv_sec - from.tv_sec) * 1e9 + (double) (to.tv_nsec - from.tv_nsec);
        printf("%.0f ns of CPU per flow event (%ld events)\n", ns / (double) (2 * n), 2 * n);
        return 0;
}

int main(int argc, char **argv)
{
        bool option = argc > 1 && strncmp(argv[1], "--", 2) == 0;
        int bad = 0;

        if (argc > 1 && strcmp(argv[1], "--speed") == 0)
                return speed();
        if (argc < 2) {
                fprintf(stderr, "usage: replay [--why|--json] FILE... | --speed\n");
                return 2;
        }
        for (int i = option ? 2 : 1; i < argc; i++)
                bad += replay(argv[i], option ? argv[1] : "") != 0;
        if (bad)
                fprintf(stderr, "%d of %d scenarios do not hold\n", bad, argc - (option ? 2 : 1));
        return bad != 0;
}
