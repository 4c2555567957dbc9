/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori read: captures and logs of other sensors, offline. One unprivileged process, which closes its sandbox once
 * its inputs are open. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/log.h"
#include "cli/loading.h"
#include "cli/read_input.h"
#include "cli/reading.h"
#include "config/home.h"
#include "daemon/sandbox.h"

#define FLOWS_MAX       (1u << 20)
#define TALK_BYTES      (512ull << 20)
#define WORKERS_DEFAULT 8 /* at most, and as many as there are processors */
#define PROGRESS_EVERY  (250 * NSEC_PER_MSEC)

enum { READ_HOME = 1000, READ_WORKERS, READ_CHECKSUMS, READ_RULES, READ_NO_EVENTS };

static const struct cli_option options[] = {
        {READ_HOME, "home", "NETWORK", "addresses that are ours; may be given several times (default: private ranges)"},
        {READ_WORKERS, "workers", "N", "threads for packets (default: one for each processor, at most 8)"},
        {READ_CHECKSUMS, "checksums", NULL, "leave out packets with a wrong checksum"},
        {READ_RULES, "rules", "FILE", "rules of Snort or Suricata to match as well; may be given several times"},
        {READ_NO_EVENTS, "no-events", NULL, "with --json: evidence, verdicts and the summary only"},
        {0},
};

struct read {
        struct cli *cli;
        struct config_cidrs home_nets; /* of --home */
        unsigned workers;
        uint32_t packet_flags;
        bool no_events;
        struct loading rule_files;
        struct ruleset *rules; /* NULL: none */
        struct home *home;
        struct read_inputs inputs;
        struct store *store;
        struct pipeline *pipeline;
        struct reading *reading;
        bool logs_over;
        bool broken; /* an input could not be read to its end */
        nsec_t begun, told;
        bool progress, shown;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int signal _unused_)
{
        interrupted = 1;
}

static void read_done(struct read *r)
{
        pipeline_free(r->pipeline);
        reading_free(r->reading);
        read_inputs_done(&r->inputs);
        store_close(r->store);
        ruleset_free(r->rules);
        loading_done(&r->rule_files);
        home_free(r->home);
        free(r->home_nets.items);
}

static int take_workers(struct read *r, const char *text)
{
        char *end;
        unsigned long n = strtoul(text, &end, 10);

        if (*text < '0' || *text > '9' || *end || n < 1 || n > PIPELINE_WORKERS_MAX) {
                cli_usage(r->cli, "--workers wants a number from 1 to %u, not \"%s\"", PIPELINE_WORKERS_MAX, text);
                return -EINVAL;
        }
        r->workers = (unsigned) n;
        return 0;
}

static int take_options(struct read *r)
{
        int option, k = 0;

        while (k >= 0 && (option = cli_getopt(r->cli)) > 0)
                switch (option) {
                case READ_HOME:
                        k = cli_take_home(r->cli, &r->home_nets, optarg);
                        break;
                case READ_WORKERS:
                        k = take_workers(r, optarg);
                        break;
                case READ_RULES:
                        k = loading_take(&r->rule_files, r->cli, optarg);
                        break;
                case READ_CHECKSUMS:
                        r->packet_flags |= PACKET_CHECK;
                        break;
                default:
                        r->no_events = true;
                        break;
                }
        return k < 0 || option < 0 ? -EINVAL : 0;
}

/* Each line of `why` as a message, and empties it. */
static void tell_lines(enum log_level level, struct buf *why)
{
        for (char *line = why->len ? strtok(why->data, "\n") : NULL; line; line = strtok(NULL, "\n"))
                log_write(level, "%s", line);
        buf_reset(why);
}

static int set_filter(struct read *r, const char *filter)
{
        _cleanup_(buf_done)
        struct buf why = BUF_HEAP(1u << 16);
        int k = capture_set_filter(r->inputs.capture, filter, &why);

        if (k < 0)
                cli_usage(r->cli, "\"%s\" is neither a file nor a filter (%.*s)", filter,
                          (int) strcspn(buf_str(&why), "\n"), buf_str(&why));
        else if (!r->inputs.n_captures) {
                cli_usage(r->cli, "\"%s\" chooses packets, and there is no capture to choose from", filter);
                k = -EINVAL;
        }
        return k;
}

/* Operands: inputs as long as there is something of that name; the rest is a filter. */
static int open_inputs(struct read *r)
{
        struct cli *cli = r->cli;
        _cleanup_(buf_done)
        struct buf why = BUF_HEAP(1u << 20), filter = BUF_HEAP(1u << 16);
        struct stat st;
        int i, k;

        for (i = optind; i < cli->argc; i++) {
                if (i > optind && strcmp(cli->argv[i], "-") != 0 && stat(cli->argv[i], &st) < 0 && errno == ENOENT)
                        break;
                k = read_inputs_add(&r->inputs, cli->argv[i], &why);
                tell_lines(k < 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, &why);
                if (k < 0)
                        return -(cli->status = k == -EBUSY ? CLI_USAGE : CLI_INPUT);
        }
        for (; i < cli->argc; i++)
                (void) buf_printf(&filter, "%s%s", filter.len ? " " : "", cli->argv[i]);
        r->broken = r->inputs.n_unread > 0;
        return filter.len ? set_filter(r, buf_str(&filter)) : 0;
}

/* The store that was asked for, else one in memory. */
static int open_store(struct read *r)
{
        _cleanup_(buf_done)
        struct buf errors = BUF_HEAP(4096);
        struct store_params params = {.dir = r->cli->store_path};
        int k;

        if (params.dir && mkdir(params.dir, 0750) < 0 && errno != EEXIST) {
                log_error("%s: %s", params.dir, strerror(errno));
                return -(r->cli->status = CLI_INPUT);
        }
        k = store_open(&params, &r->store, &errors);
        if (k < 0) {
                log_error("%s", buf_str(&errors));
                r->cli->status = CLI_INPUT;
        }
        return k;
}

static int close_sandbox(struct read *r)
{
        struct sandbox_engine_params params = {.store_dir = r->cli->store_path};
        _cleanup_(buf_done)
        struct buf note = BUF_HEAP(4096);
        int k = sandbox_engine(&params, &note);

        if (k < 0) {
                log_error("the sandbox cannot be closed: %s", strerror(-k));
                r->cli->status = CLI_INPUT;
        }
        return k;
}

static void clear_progress(struct read *r)
{
        if (r->shown)
                fputs("\r\033[K", stderr);
        r->shown = false;
}

/* Logs up to and including engine time `until`. */
static void read_logs(struct read *r, nsec_t until)
{
        struct event_sink sink = {.event = reading_event, .userdata = r->reading};

        while (!r->logs_over && !interrupted) {
                int n = log_reader_next(r->inputs.logs, until, &sink);

                if (n == -EAGAIN)
                        return;
                if (n == 0)
                        r->logs_over = true;
                else if (n < 0 && n != -EINTR) {
                        clear_progress(r);
                        log_warning("a log could not be read to its end: %s", strerror(-n));
                        r->broken = true;
                        r->logs_over = n != -EIO;
                }
                if (until == INT64_MAX)
                        break; /* the caller shows how far it is */
        }
}

static void on_advance(void *userdata, nsec_t now)
{
        struct read *r = userdata;

        read_logs(r, now);
        reading_advance(r->reading, now);
}

static void on_event(void *userdata, const struct event *e)
{
        reading_event(((struct read *) userdata)->reading, e);
}

static int make_pipeline(struct read *r)
{
        struct pipeline_params p = {
                .home = r->home,
                .workers = r->workers,
                .flows = FLOWS_MAX,
                .talk_bytes = TALK_BYTES,
                .packet_flags = r->packet_flags,
                .source = EVENT_SOURCE_PACKETS,
                .rules = r->rules,
                .rule_bytes = r->cli->config->rules.memory,
                .alerts_per_second = r->cli->config->rules.alerts_per_second,
                .alerts_per_packet = r->cli->config->rules.alerts_per_packet,
                .rule_midstream = r->cli->config->rules.midstream,
                .rule_twice = r->cli->config->rules.packet_and_stream == RULES_TWICE,
                .event = on_event,
                .advance = on_advance,
                .userdata = r,
        };
        long processors = sysconf(_SC_NPROCESSORS_ONLN);
        sigset_t all, before;
        int k;

        if (!p.workers)
                p.workers = (unsigned) MIN(MAX(processors, 1), WORKERS_DEFAULT);
        if (getrandom(&p.seed, sizeof(p.seed), 0) != sizeof(p.seed))
                return -EIO;
        /* A signal is to end a read() that waits, which is this thread's. */
        sigfillset(&all);
        (void) pthread_sigmask(SIG_BLOCK, &all, &before);
        k = pipeline_new(&p, &r->pipeline);
        (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
        return k;
}

static void show_progress(struct read *r, nsec_t now)
{
        char left[CLOCK_TEXT_MAX] = "";
        struct capture_stats c;
        struct log_stats l;
        uint64_t done, size;
        nsec_t took;

        took = MAX(now - r->begun, 1);
        capture_get_stats(r->inputs.capture, &c);
        log_reader_get_stats(r->inputs.logs, &l);
        done = c.file_bytes + l.file_bytes;
        size = (!r->inputs.n_captures || c.file_size) && (!r->inputs.n_logs || l.file_size) ?
                       c.file_size + l.file_size :
                       0; /* of a pipe nobody knows */
        if (size && done)
                (void) clock_format_span(
                        (nsec_t) ((double) took * ((double) size - (double) MIN(done, size)) / (double) done), left);
        fprintf(stderr, "\r\033[K%.1f", (double) done / 1e6);
        if (size)
                fprintf(stderr, " of %.1f MB (%.0f %%)", (double) size / 1e6,
                        100 * (double) MIN(done, size) / (double) size);
        else
                fputs(" MB", stderr);
        fprintf(stderr, "  %.0f packets/s", (double) c.frames / ((double) took / (double) NSEC_PER_SEC));
        if (l.lines)
                fprintf(stderr, "  %.0f lines/s", (double) l.lines / ((double) took / (double) NSEC_PER_SEC));
        if (left[0])
                fprintf(stderr, "  %s left", left);
        r->shown = true;
}

/* Four times a second: how far it is, and what was found in a pipe, whose writer may be slow. */
static void look_up(struct read *r)
{
        struct pipeline_stats in_flight;
        struct capture_stats c;
        nsec_t now = clock_boottime();

        if (now - r->told < PROGRESS_EVERY)
                return;
        r->told = now;
        capture_get_stats(r->inputs.capture, &c);
        if (c.file_size == 0) {
                if (r->pipeline)
                        pipeline_get_stats(r->pipeline, &in_flight);
                reading_flush(r->reading);
        }
        if (r->progress)
                show_progress(r, now);
}

static void tell_why(struct read *r, struct buf *why)
{
        if (!why->len)
                return;
        clear_progress(r);
        tell_lines(LOG_LEVEL_WARNING, why);
}

static void read_captures(struct read *r)
{
        _cleanup_(buf_done)
        struct buf why = BUF_HEAP(1u << 16);
        bool first = true;
        int n = 0;

        while (!interrupted && !reading_output_gone(r->reading)) {
                struct capture_batch *b = pipeline_take(r->pipeline);

                n = capture_next(r->inputs.capture, b, &why);
                tell_why(r, &why);
                if (n == -EINTR)
                        continue;
                if (n <= 0)
                        break;
                if (first)
                        read_logs(r, b->frames[0].time - 1);
                first = false;
                pipeline_put(r->pipeline, b);
                look_up(r);
        }
        if (n < 0 && n != -EINTR) {
                clear_progress(r);
                log_warning("a capture could not be read to its end: %s", strerror(-n));
                r->broken = true;
        }
        pipeline_finish(r->pipeline);
}

static void tell_capture_gap(struct read *r, uint64_t lost, const char *text)
{
        struct event e = {.time = 0, .type = EVENT_GAP};
        struct pipeline_stats p;

        if (!lost)
                return;
        pipeline_get_stats(r->pipeline, &p);
        e.time = p.now;
        e.gap.reason = GAP_BAD_PACKET;
        e.gap.lost = lost;
        e.gap.text = text;
        reading_event(r->reading, &e);
}

static int read_all(struct read *r)
{
        struct reading_totals t = {.files = r->inputs.n_captures + r->inputs.n_logs, .rules = r->rules};

        r->begun = clock_boottime();
        if (r->pipeline) {
                read_captures(r);
                t.captures = true;
                capture_get_stats(r->inputs.capture, &t.capture);
                pipeline_get_stats(r->pipeline, &t.pipeline);
                tell_capture_gap(r, t.capture.cut_files, "files that end within a record");
                tell_capture_gap(r, t.capture.bad_records, "records whose lengths cannot be");
                tell_capture_gap(r, t.capture.bad_times, "records whose times cannot be");
        }
        while (!r->logs_over && !interrupted && !reading_output_gone(r->reading)) {
                read_logs(r, INT64_MAX);
                look_up(r);
        }
        clear_progress(r);
        log_reader_get_stats(r->inputs.logs, &t.logs);
        t.took = clock_boottime() - r->begun;
        t.interrupted = interrupted;
        return reading_finish(r->reading, &t);
}

static int prepare(struct read *r)
{
        struct reading_params reading = {.cli = r->cli};
        int k;

        if ((k = cli_load_config(r->cli)) < 0)
                return k;
        r->cli->status = CLI_INPUT;
        if (r->home_nets.n) { /* the configuration's now: detectors ask it too */
                free(r->cli->config->home.items);
                r->cli->config->home = r->home_nets;
                r->home_nets = (struct config_cidrs){0};
        }
        if ((k = home_new(&r->cli->config->home, &r->home)) < 0 || (k = read_inputs_new(r->home, &r->inputs)) < 0)
                return k;
        if ((k = open_inputs(r)) < 0 || (k = open_store(r)) < 0 ||
            (k = loading_rules(&r->rule_files, r->cli, &r->rules)) < 0)
                return k;
        r->cli->status = CLI_INPUT;
        reading.store = r->store;
        reading.events = !r->no_events;
        reading.profiles = r->cli->store_path != NULL;
        /* Detectors open what they need; outside bytes come after the sandbox is closed, and threads too. */
        if ((k = reading_new(&reading, &r->reading)) < 0 || (k = close_sandbox(r)) < 0)
                return k;
        r->cli->status = CLI_INPUT;
        return r->inputs.n_captures ? make_pipeline(r) : 0;
}

static int read_files(struct cli *cli)
{
        _cleanup_(read_done)
        struct read r = {.cli = cli};
        struct sigaction stop = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};
        int status;

        if (take_options(&r) < 0)
                return cli->status;
        if (optind == cli->argc)
                return cli_usage(cli, "say what to read: files, folders, or - for standard input");
        if (prepare(&r) < 0)
                return cli->status;
        if (r.inputs.n_skipped)
                log_notice("in folders, left out as neither captures nor logs that are known: %u %s",
                           r.inputs.n_skipped, r.inputs.n_skipped == 1 ? "file" : "files");
        r.progress = isatty(STDERR_FILENO);
        sigaction(SIGINT, &stop, NULL);
        sigaction(SIGTERM, &stop, NULL);
        status = read_all(&r);
        return r.broken && status == CLI_OK ? CLI_INPUT : status;
}

const struct command command_read = {
        .synopsis = "FILE... [FILTER]",
        .about = "Reads captures (pcap, pcapng; gzip and zstd compressed too) and logs (Zeek, Cisco FWSM, ASA and PIX, "
                 "Postfix), finds the "
                 "bots among the home hosts in them, and tells the evidence. Each file is recognised by its content; "
                 "a folder stands for all files beneath it, - for standard input. Several are read together in order "
                 "of time.\n\n"
                 "FILTER, as pcap-filter(7) describes it, chooses packets. With --json every event, piece of evidence "
                 "and verdict is a line in the manner of EVE, the last one a summary. With --store what was found is "
                 "kept there for \"why\" and \"report\".\n\n"
                 "--rules names rules in the language of Snort and Suricata, besides those of the configuration "
                 "(rules.files); $HOME_NET in them is the home network. \"sekimori rules check\" says what is "
                 "refused.\n\n"
                 "No rights are needed. Interrupted, it tells what it found so far. Exit status 1 when a subject "
                 "reached --fail-on.",
        .takes = CLI_TAKES_CONFIG | CLI_TAKES_STORE | CLI_TAKES_JSON | CLI_TAKES_FAIL_ON,
        .options = options,
        .run = read_files,
};
