/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori-soak: packets made in memory through the packet engine and every detector, to see that memory stays flat on
 * an endless stream of new flows, and what a flow and a home host cost. Not installed.
 *
 *   sekimori-soak [--packets N] [--flows CAP] [--workers N] [--hosts N] [--full N] [--slack N]
 *
 * Random 5-tuples. Prints memory at every tenth. Once --full packets (default: half) have passed, tables are taken for
 * full: exit status 1 when memory grows further, by more than --slack percent (1).
 *
 *   sekimori-soak --memory [--flows N] [--hosts N] [--only-packets]
 *
 * N answered flows that all stay, spread over the hosts: prints the growth of anonymous memory while they last and when
 * they have ended. --only-packets leaves out detectors and verdicts. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "flow/pipeline.h"
#include "source/source.h"
#include "traffic.h"
#include "verdict/analysis.h"

#define FRAMES     1024u /* of a batch */
#define ARENAS     32u   /* more than batches in flight */
#define STEP       (20 * NSEC_PER_USEC)
#define BEGIN      (1600000000 * NSEC_PER_SEC)
#define TALK_BYTES (512ull << 20) /* as `read` */

struct soak {
        uint64_t packets, full;
        uint32_t flows, slack;
        unsigned workers;
        bool memory, only_packets;
        struct traffic traffic;
        struct config *config;
        struct home *home;
        struct analysis *analysis;
        struct pipeline *pipeline;
        uint8_t *arenas;
        uint64_t batches;
        nsec_t now, begun;
        uint64_t claims;
};

/* Bytes that no file stands behind. */
static uint64_t anonymous(void)
{
        FILE *f = fopen("/proc/self/status", "re");
        char line[256];
        uint64_t kib = 0;

        while (f && fgets(line, sizeof(line), f))
                if (sscanf(line, "RssAnon: %" SCNu64, &kib) == 1)
                        break;
        if (f)
                fclose(f);
        return kib << 10;
}

static void on_claim(void *userdata, const struct evidence *merged _unused_,
                     const struct config_exception *exception _unused_, const struct verdict *before _unused_,
                     const struct verdict *after _unused_)
{
        ((struct soak *) userdata)->claims++;
}

static void on_event(void *userdata, const struct event *e)
{
        struct soak *s = userdata;

        if (s->analysis && e->type != EVENT_GAP)
                analysis_event(s->analysis, e);
}

static void on_advance(void *userdata, nsec_t now)
{
        struct soak *s = userdata;

        if (s->analysis)
                analysis_advance(s->analysis, now);
}

static int prepare(struct soak *s)
{
        struct analysis_params analysis = {.sink = {.claim = on_claim, .userdata = s}};
        struct pipeline_params p = {
                .workers = s->workers,
                .flows = s->memory ? 2 * s->flows : s->flows, /* the hash is not even over the shards */
                .talk_bytes = TALK_BYTES,
                .seed = 1,
                .source = EVENT_SOURCE_PACKETS,
                .event = on_event,
                .advance = on_advance,
                .userdata = s,
        };
        int r;

        if ((r = config_new_default(&s->config)) < 0 || (r = home_new(&s->config->home, &s->home)) < 0)
                return r;
        /* With few hosts the profiles are few too, so that a short run fills their tables. */
        s->config->profile.hosts = MIN(s->config->profile.hosts, s->traffic.hosts);
        analysis.config = s->config;
        p.home = s->home;
        if (!s->only_packets && (r = analysis_new(&analysis, &s->analysis)) < 0)
                return r;
        s->arenas = malloc((size_t) ARENAS * FRAMES * TRAFFIC_FRAME_MAX);
        if (!s->arenas)
                return -ENOMEM;
        memset(s->arenas, 1, (size_t) ARENAS * FRAMES * TRAFFIC_FRAME_MAX); /* in memory from the beginning */
        s->now = BEGIN;
        s->begun = clock_boottime();
        return pipeline_new(&p, &s->pipeline);
}

static void done(struct soak *s)
{
        pipeline_free(s->pipeline);
        analysis_free(s->analysis);
        home_free(s->home);
        config_free(s->config);
        free(s->arenas);
}

/* Frames number `from` and following, at most FRAMES. */
static void put_batch(struct soak *s, uint64_t from, uint64_t to)
{
        struct capture_batch *b = pipeline_take(s->pipeline);
        uint8_t *at = s->arenas + s->batches++ % ARENAS * FRAMES * TRAFFIC_FRAME_MAX;

        b->n = (uint32_t) MIN(to - from, (uint64_t) FRAMES);
        for (uint32_t i = 0; i < b->n; i++, at += TRAFFIC_FRAME_MAX) {
                /* Flows of the memory run: a second for all of them, so that none is over before the last begins. */
                s->now += s->memory ? 1000 : STEP;
                if (s->memory)
                        traffic_flow(&s->traffic, (from + i) / 4, (unsigned) (from + i) % 4, s->now, at, &b->frames[i]);
                else
                        traffic_random(&s->traffic, s->now, at, &b->frames[i]);
        }
        pipeline_put(s->pipeline, b);
}

static void print_line(struct soak *s, uint64_t packets, uint64_t bytes)
{
        struct pipeline_stats p;
        nsec_t took = MAX(clock_boottime() - s->begun, 1);

        pipeline_get_stats(s->pipeline, &p);
        printf("{\"packets\":%" PRIu64 ",\"seconds\":%.1f,\"anonymous\":%" PRIu64 ",\"flows\":%u,\"made\":%" PRIu64
               ",\"flow_bytes\":%" PRIu64 ",\"talk_bytes\":%" PRIu64 ",\"events\":%" PRIu64 ",\"claims\":%" PRIu64
               ",\"engine_seconds\":%.0f}\n",
               packets, (double) took / 1e9, bytes, p.trackers.flows.used, p.trackers.flows.made,
               p.trackers.flows.bytes, p.trackers.talk_bytes, p.events, s->claims, (double) (s->now - BEGIN) / 1e9);
        fflush(stdout);
}

static int soak(struct soak *s)
{
        uint64_t tenth = MAX(s->packets / 10, 1u), most = 0, bytes = 0;

        for (uint64_t at = 0; at < s->packets; at += FRAMES) {
                put_batch(s, at, s->packets);
                if ((at + FRAMES) / tenth == at / tenth)
                        continue;
                bytes = anonymous();
                print_line(s, MIN(at + FRAMES, s->packets), bytes);
                if (at <= s->full)
                        most = bytes;
        }
        if (bytes <= most + most / 100 * s->slack)
                return 0;
        fprintf(stderr, "sekimori-soak: memory grew by %.1f MB after the tables were full\n",
                (double) (bytes - most) / 1e6);
        return 1;
}

static int memory(struct soak *s)
{
        uint64_t before = anonymous();

        s->packets = 4ull * s->flows;
        for (uint64_t at = 0; at < s->packets; at += FRAMES)
                put_batch(s, at, s->packets);
        print_line(s, s->packets, anonymous() - before);
        pipeline_finish(s->pipeline);
        print_line(s, s->packets, anonymous() - before);
        return 0;
}

static bool take_options(struct soak *s, int argc, char **argv)
{
        static const struct option options[] = {
                {"packets", required_argument, NULL, 'p'},
                {"flows", required_argument, NULL, 'f'},
                {"workers", required_argument, NULL, 'w'},
                {"hosts", required_argument, NULL, 'h'},
                {"full", required_argument, NULL, 'u'},
                {"slack", required_argument, NULL, 's'},
                {"memory", no_argument, NULL, 'm'},
                {"only-packets", no_argument, NULL, 'o'},
                {0},
        };
        int option;

        while ((option = getopt_long(argc, argv, "", options, NULL)) > 0) {
                uint64_t n = optarg ? strtoull(optarg, NULL, 10) : 0;

                if (option == '?' || (optarg && !n))
                        return false;
                s->packets = option == 'p' ? n : s->packets;
                s->flows = option == 'f' ? (uint32_t) n : s->flows;
                s->workers = option == 'w' ? (unsigned) n : s->workers;
                s->traffic.hosts = option == 'h' ? (uint32_t) n : s->traffic.hosts;
                s->full = option == 'u' ? n : s->full;
                s->slack = option == 's' ? (uint32_t) n : s->slack;
                s->memory |= option == 'm';
                s->only_packets |= option == 'o';
        }
        s->full = s->full ? s->full : s->packets / 2;
        return optind == argc && s->traffic.hosts <= 1u << 24;
}

int main(int argc, char **argv)
{
        static struct soak s = {.packets = 100000000, .flows = 1u << 20, .slack = 1, .workers = 1};
        int r;

        s.traffic.hosts = 1u << 24;
        s.traffic.random = 0x5e11;
        if (!take_options(&s, argc, argv)) {
                fprintf(stderr, "usage: sekimori-soak [--packets N] [--flows N] [--workers N] [--hosts N] [--full N] "
                                "[--slack N] [--memory [--only-packets]]\n");
                return 2;
        }
        r = prepare(&s);
        if (r == 0)
                r = s.memory ? memory(&s) : soak(&s);
        else
                fprintf(stderr, "sekimori-soak: it cannot begin (%d)\n", r);
        done(&s);
        return r < 0 ? 3 : r;
}
