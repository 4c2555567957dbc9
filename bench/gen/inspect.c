/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori-inspect: what rules cost. Captures are held in memory and go through the trackers of all shards, round after
 * round, once with the inspector and once with one that does nothing; the difference is what inspecting costs. Then a
 * round with a clock around every evaluation, for the dearest rules. Prints JSON. Not installed.
 *
 *   sekimori-inspect [--rounds N] RULES... -- CAPTURE...
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "flow/tracker.h"
#include "source/capture.h"

#define DEAREST       10
#define FLOWS         65536
#define INSPECT_BYTES (1u << 20) /* of each shard */
#define RULE_BYTES    (4u << 20)
#define TALK_BYTES    (4u << 20)

struct frames {
        struct frame *frames;
        size_t n, room;
};

struct bench {
        struct ruleset *rules;
        struct home *home;
        struct frames frames;
        struct inspect_stats stats;
        struct inspect_profile *profile; /* by index, of all shards */
        uint64_t packets, calls;
};

static struct bench bench;
static uint64_t calls;

static void count_only(struct inspector *i, const struct inspect_input *in)
{
        (void) i;
        (void) in;
        calls++;
}

static void count_and_inspect(struct inspector *i, const struct inspect_input *in)
{
        calls++;
        inspect(i, in);
}

static void keep_and_free(struct inspector *i)
{
        struct inspect_stats s = {0};

        if (!i)
                return;
        inspector_get_stats(i, &s);
        bench.stats.inspections += s.inspections;
        bench.stats.scanned_bytes += s.scanned_bytes;
        bench.stats.candidates += s.candidates;
        bench.stats.evaluations += s.evaluations;
        bench.stats.matches += s.matches;
        bench.stats.wait_dropped += s.wait_dropped;
        bench.stats.flows_dropped += s.flows_dropped;
        bench.stats.step_limit += s.step_limit;
        bench.stats.pool_bytes += s.pool_bytes;
        for (uint32_t k = 0; inspector_profile(i) && k < ruleset_count(bench.rules); k++) {
                const struct inspect_profile *p = &inspector_profile(i)[k];

                bench.profile[k].candidates += p->candidates;
                bench.profile[k].evaluations += p->evaluations;
                bench.profile[k].matches += p->matches;
                bench.profile[k].ns += p->ns;
        }
        inspector_free(i);
}

static const struct tracker_inspector nothing = {inspector_new, keep_and_free, inspector_wants, count_only,
                                                 inspect_flow_end};
static const struct tracker_inspector real = {inspector_new, keep_and_free, inspector_wants, count_and_inspect,
                                              inspect_flow_end};

static void on_event(void *userdata, const struct event *e)
{
        (void) userdata;
        (void) e;
}

static void on_alert(void *userdata, const struct rule *r, const struct inspect_input *in, const struct flow *f)
{
        (void) userdata;
        (void) r;
        (void) in;
        (void) f;
}

static int keep_frames(struct frames *f, const struct capture_batch *b)
{
        for (uint32_t i = 0; i < b->n; i++) {
                uint8_t *copy = malloc(b->frames[i].caplen + 1u);

                if (f->n == f->room) {
                        size_t room = f->room ? 2 * f->room : 4096;
                        struct frame *frames = realloc(f->frames, room * sizeof(*frames));

                        if (!frames) {
                                free(copy);
                                return -ENOMEM;
                        }
                        f->frames = frames;
                        f->room = room;
                }
                if (!copy)
                        return -ENOMEM;
                memcpy(copy, b->frames[i].data, b->frames[i].caplen);
                f->frames[f->n] = b->frames[i];
                f->frames[f->n++].data = copy;
        }
        return 0;
}

static int read_capture(struct frames *f, const char *path)
{
        _cleanup_(capture_freep)
        struct capture *c = NULL;
        _cleanup_(capture_batch_freep)
        struct capture_batch *b = NULL;
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        int r;

        if (fd < 0)
                return -errno;
        r = capture_new(&c);
        if (r == 0)
                r = capture_batch_new(&b);
        if (r == 0)
                r = capture_add(c, path, fd, NULL, 0, NULL);
        while (r == 0 && (r = capture_next(c, b, NULL)) > 0)
                r = keep_frames(f, b);
        return r;
}

static uint64_t cpu_ns(void)
{
        struct timespec t;

        (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return (uint64_t) t.tv_sec * NSEC_PER_SEC + (uint64_t) t.tv_nsec;
}

static int make_trackers(const struct tracker_inspector *inspector, bool profile, struct tracker **trackers)
{
        struct tracker_params params = {
                .home = bench.home,
                .flows = FLOWS,
                .talk_bytes = TALK_BYTES,
                .rules = bench.rules,
                .rule_bytes = RULE_BYTES,
                .inspect_bytes = INSPECT_BYTES,
                .inspector = inspector,
                .rule_profile = profile,
                .event = on_event,
                .alert = on_alert,
        };
        int r = 0;

        for (params.shard = 0; r == 0 && params.shard < SHARDS; params.shard++)
                r = tracker_new(&params, &trackers[params.shard]);
        return r;
}

/* One round; the time without making and freeing. */
static int run(const struct tracker_inspector *inspector, bool profile, uint64_t *ret_ns)
{
        struct tracker *trackers[SHARDS] = {0};
        int r = make_trackers(inspector, profile, trackers);
        uint64_t began = cpu_ns();
        nsec_t now = 0, second = 0;

        bench.stats = (struct inspect_stats){0};
        calls = 0;
        for (size_t i = 0; r == 0 && i < bench.frames.n; i++) {
                const struct frame *f = &bench.frames.frames[i];

                now = MAX(now, f->time);
                if (now / NSEC_PER_SEC != second) {
                        second = now / NSEC_PER_SEC;
                        for (unsigned k = 0; k < SHARDS; k++)
                                tracker_tick(trackers[k], second * NSEC_PER_SEC);
                }
                tracker_frame(trackers[packet_shard(f)], f, now);
        }
        for (unsigned k = 0; r == 0 && k < SHARDS; k++)
                tracker_finish(trackers[k], now);
        *ret_ns = cpu_ns() - began;
        for (unsigned k = 0; k < SHARDS; k++)
                tracker_free(trackers[k]);
        return r;
}

static int compare_cost(const void *a, const void *b)
{
        uint64_t x = bench.profile[*(const uint32_t *) a].ns, y = bench.profile[*(const uint32_t *) b].ns;

        return x < y ? 1 : x > y ? -1 : 0;
}

static void print_dearest(void)
{
        uint32_t n = ruleset_count(bench.rules);
        _cleanup_free_ uint32_t *order = calloc(n + 1, sizeof(*order));

        if (!order)
                return;
        for (uint32_t i = 0; i < n; i++)
                order[i] = i;
        qsort(order, n, sizeof(*order), compare_cost);
        printf(",\n \"dearest\": [");
        for (uint32_t i = 0; i < MIN(n, DEAREST); i++) {
                const struct inspect_profile *p = &bench.profile[order[i]];

                printf("%s\n  {\"sid\": %u, \"candidates\": %" PRIu64 ", \"evaluations\": %" PRIu64
                       ", \"matches\": %" PRIu64 ", \"us\": %" PRIu64 "}",
                       i ? "," : "", ruleset_rule(bench.rules, order[i])->sid, p->candidates, p->evaluations,
                       p->matches, p->ns / 1000);
        }
        printf("]");
}

static int measure(unsigned rounds)
{
        uint64_t with = UINT64_MAX, without = UINT64_MAX, ns;
        int r = 0;

        for (unsigned i = 0; r == 0 && i < rounds; i++) {
                r = run(&nothing, false, &ns);
                without = MIN(without, ns);
                if (r == 0)
                        r = run(&real, false, &ns);
                with = MIN(with, ns);
        }
        if (r < 0)
                return r;
        printf(" \"packets\": %zu, \"inspections\": %" PRIu64 ", \"scanned_bytes\": %" PRIu64 ",\n", bench.frames.n,
               calls, bench.stats.scanned_bytes);
        printf(" \"ns_per_packet\": %.1f, \"ns_per_packet_without\": %.1f, \"ns_per_inspection\": %.1f,\n",
               (double) (with - MIN(with, without)) / (double) MAX(bench.frames.n, 1u),
               (double) without / (double) MAX(bench.frames.n, 1u),
               (double) (with - MIN(with, without)) / (double) MAX(calls, 1u));
        printf(" \"candidates\": %" PRIu64 ", \"evaluations\": %" PRIu64 ", \"matches\": %" PRIu64
               ", \"step_limit\": %" PRIu64 ",\n \"wait_dropped\": %" PRIu64 ", \"pool_bytes\": %" PRIu64,
               bench.stats.candidates, bench.stats.evaluations, bench.stats.matches, bench.stats.step_limit,
               bench.stats.wait_dropped, bench.stats.pool_bytes);
        bench.profile = calloc(ruleset_count(bench.rules) + 1u, sizeof(*bench.profile));
        if (!bench.profile)
                return -ENOMEM;
        r = run(&real, true, &ns);
        if (r == 0)
                print_dearest();
        return r;
}

static int load(char **paths, int n)
{
        struct ruleset_params params = {0};
        struct ruleset_stats stats;
        int r = ruleset_new(&params, &bench.rules);

        for (int i = 0; r == 0 && i < n; i++)
                r = ruleset_add_file(bench.rules, paths[i]);
        if (r == 0)
                r = ruleset_compile(bench.rules);
        if (r < 0)
                return r;
        ruleset_get_stats(bench.rules, &stats);
        printf("{\"rules\": %u, \"databases\": %u, \"literals\": %u, \"without_literal\": %u, \"compile_ms\": %.1f, "
               "\"rule_bytes\": %" PRIu64 ",\n",
               stats.loaded, stats.prefilter_databases, stats.prefilter_literals, stats.without_literal,
               (double) stats.compile_ns / 1e6, stats.bytes);
        return 0;
}

int main(int argc, char **argv)
{
        _cleanup_(config_freep)
        struct config *config = NULL;
        unsigned rounds = 5;
        int split = 1, r;

        if (argc > 2 && strcmp(argv[1], "--rounds") == 0) {
                rounds = (unsigned) strtoul(argv[2], NULL, 10);
                split = 3;
        }
        argv += split;
        argc -= split;
        for (split = 0; split < argc && strcmp(argv[split], "--") != 0; split++)
                ;
        if (split == 0 || split + 1 >= argc) {
                fprintf(stderr, "usage: sekimori-inspect [--rounds N] RULES... -- CAPTURE...\n");
                return 2;
        }
        r = config_new_default(&config);
        if (r == 0)
                r = home_new(&config->home, &bench.home);
        if (r == 0)
                r = load(argv, split);
        for (int i = split + 1; r == 0 && i < argc; i++)
                (void) read_capture(&bench.frames, argv[i]); /* what cannot be read is left out */
        if (r == 0)
                r = measure(rounds);
        printf("}\n");
        if (r < 0)
                fprintf(stderr, "sekimori-inspect: %s\n", strerror(-r));
        ruleset_free(bench.rules);
        home_free(bench.home);
        return r < 0;
}
