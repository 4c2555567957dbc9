/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Batches in, jobs for the workers, engine time, and what was lost. Runs in the engine and in `read`. */
#include "flow/pipeline.h"

#include <errno.h>

#include "flow/pipeline_internal.h"

#define SHARD_FLOWS_MIN 16
#define LEAP            (3600 * NSEC_PER_SEC)

void pipeline_free(struct pipeline *p)
{
        if (!p)
                return;
        pipeline_stop_threads(p);
        for (unsigned i = 0; i < SHARDS; i++)
                tracker_free(p->shards[i].tracker);
        for (unsigned j = 0; p->jobs && j < p->n_jobs; j++) {
                capture_batch_free(p->jobs[j].batch);
                for (unsigned i = 0; i < PIPELINE_WORKERS_MAX; i++)
                        event_queue_free(p->jobs[j].queues[i]);
        }
        free(p->jobs);
        rates_free(p->rates);
        sift_free(p->sift);
        pthread_cond_destroy(&p->work);
        pthread_cond_destroy(&p->done);
        pthread_mutex_destroy(&p->mutex);
        free(p);
}

static int make_trackers(struct pipeline *p)
{
        const struct pipeline_params *params = &p->params;
        struct tracker_params t = {
                .home = params->home,
                .flows = MAX(params->flows / SHARDS, SHARD_FLOWS_MIN),
                .talk_bytes = (uint32_t) MIN(params->talk_bytes / SHARDS, UINT32_MAX),
                .seed = params->seed,
                .packet_flags = params->packet_flags,
                .source = params->source,
                .event = pipeline_event,
                .alert = pipeline_match,
        };

        pipeline_set_rules(params, &t);
        for (unsigned i = 0; i < SHARDS; i++) {
                struct shard *s = &p->shards[i];
                int r;

                s->pipeline = p;
                s->worker = &p->workers[0];
                t.shard = i;
                t.userdata = s;
                r = tracker_new(&t, &s->tracker);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int make_jobs(struct pipeline *p)
{
        p->n_jobs = p->params.workers > 1 ? JOBS : 1;
        p->jobs = calloc(p->n_jobs, sizeof(*p->jobs));
        if (!p->jobs)
                return -ENOMEM;
        for (unsigned j = 0; j < p->n_jobs; j++) {
                int r = capture_batch_new(&p->jobs[j].batch);

                for (unsigned i = 0; r >= 0 && p->params.workers > 1 && i < p->params.workers; i++)
                        r = event_queue_new(&p->jobs[j].queues[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

int pipeline_new(const struct pipeline_params *params, struct pipeline **ret)
{
        _cleanup_(pipeline_freep)
        struct pipeline *p = NULL;
        int r;

        if (params->workers < 1 || params->workers > PIPELINE_WORKERS_MAX)
                return -EINVAL;
        p = aligned_alloc(_Alignof(struct pipeline), sizeof(*p));
        if (!p)
                return -ENOMEM;
        memset(p, 0, sizeof(*p));
        p->params = *params;
        pthread_mutex_init(&p->mutex, NULL);
        pthread_cond_init(&p->work, NULL);
        pthread_cond_init(&p->done, NULL);
        for (unsigned i = 0; i < params->workers; i++) {
                p->workers[i].pipeline = p;
                p->workers[i].index = i;
        }
        if ((r = make_trackers(p)) < 0 || (r = make_jobs(p)) < 0 || (r = rates_new(&p->rates)) < 0 ||
            (r = pipeline_new_sift(params, &p->sift)) < 0)
                return r;
        r = pipeline_start_threads(p);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

/* Engine time at `t` if it is later; has a second passed? */
static bool pass_time(struct pipeline *p, nsec_t t)
{
        nsec_t before = p->stats.now;

        if (t <= before)
                return false;
        p->stats.now = t;
        if (!before) {
                p->stats.first = t;
                return false;
        }
        return t / NSEC_PER_SEC != before / NSEC_PER_SEC;
}

/* A frame's time, unless it alone lies far ahead of those around it: one broken record must not stop the clock for all
 * that follow. */
static nsec_t time_of(const struct pipeline *p, const struct job *job, uint32_t i)
{
        nsec_t t = job->frames[i].time, next = i + 1 < job->n ? job->frames[i + 1].time : t;

        return t - next > LEAP && t - p->stats.now > LEAP ? MAX(next, p->stats.now) : t;
}

static void prepare(struct pipeline *p, struct job *job)
{
        job->n_ticks = 0;
        job->number = p->stats.frames + 1;
        for (uint32_t i = 0; i < job->n; i++) {
                struct frame *f = &job->frames[i];
                nsec_t t = time_of(p, job, i);

                job->shard[i] = (uint8_t) packet_shard(f);
                p->stats.bytes += f->caplen;
                p->stats.backward += t < p->stats.now || t != f->time;
                if (pass_time(p, t))
                        job->ticks[job->n_ticks++] = (struct tick){.index = i, .now = p->stats.now};
                f->time = p->stats.now;
        }
        p->stats.frames += job->n;
}

/* The job that is free; with more than one worker the one after the last submitted. */
static struct job *free_job(struct pipeline *p)
{
        return &p->jobs[p->submitted % p->n_jobs];
}

struct capture_batch *pipeline_take(struct pipeline *p)
{
        return free_job(p)->batch;
}

void pipeline_put(struct pipeline *p, struct capture_batch *b)
{
        struct job *job = free_job(p);

        assert(b == job->batch);
        job->frames = b->frames;
        job->n = b->n;
        prepare(p, job);
        pipeline_submit(p, job);
}

void pipeline_frames(struct pipeline *p, struct frame *frames, uint32_t n)
{
        assert(p->params.workers == 1);
        for (uint32_t at = 0; at < n; at += p->jobs->n) {
                p->jobs->frames = frames + at;
                p->jobs->n = MIN(n - at, CAPTURE_FRAMES);
                prepare(p, p->jobs);
                pipeline_run(&p->workers[0], p->jobs);
        }
}

void pipeline_advance(struct pipeline *p, nsec_t now)
{
        struct job *job = free_job(p);

        if (!pass_time(p, now))
                return;
        job->n = 0;
        job->n_ticks = 1;
        job->ticks[0] = (struct tick){.index = 0, .now = now};
        pipeline_submit(p, job);
}

static void sum_stats(struct pipeline *p)
{
        pipeline_wait(p);
        memset(&p->stats.trackers, 0, sizeof(p->stats.trackers));
        for (unsigned i = 0; i < SHARDS; i++) {
                struct tracker_stats s;

                tracker_get_stats(p->shards[i].tracker, &s);
                tracker_stats_add(&p->stats.trackers, &s);
        }
        p->stats.events_dropped = 0;
        for (unsigned j = 0; j < p->n_jobs && p->params.workers > 1; j++)
                for (unsigned i = 0; i < p->params.workers; i++)
                        p->stats.events_dropped += event_queue_dropped(p->jobs[j].queues[i]);
        if (p->sift)
                sift_get_stats(p->sift, &p->stats.alerts);
}

struct teller {
        const struct pipeline_params *params;
        nsec_t time;
        unsigned told;
};

static void tell_gap(struct teller *t, unsigned reason, uint64_t now, uint64_t told, const char *text)
{
        struct event e = {.time = t->time, .type = EVENT_GAP, .source = t->params->source};

        if (now <= told)
                return;
        e.gap.reason = (uint8_t) reason;
        e.gap.lost = now - told;
        e.gap.text = text;
        t->params->event(t->params->userdata, &e);
        t->told++;
}

unsigned pipeline_tell_losses(const struct pipeline_params *params, nsec_t time, const struct pipeline_stats *stats,
                              const struct pipeline_stats *stats_told)
{
        const struct tracker_stats *now = &stats->trackers, *told = &stats_told->trackers;
        struct teller t = {params, time, 0};

        for (unsigned e = PACKET_LINK; e < PACKET_ERRORS; e++)
                tell_gap(&t, GAP_BAD_PACKET, now->packets.errors[e], told->packets.errors[e], packet_error_title(e));
        tell_gap(&t, GAP_FRAGMENT, now->packets.fragments_expired + now->packets.fragments_evicted,
                 told->packets.fragments_expired + told->packets.fragments_evicted, NULL);
        tell_gap(&t, GAP_STREAM, now->lost_bytes, told->lost_bytes, "bytes of TCP streams");
        tell_gap(&t, GAP_STREAM, now->talk_refused, told->talk_refused,
                 "flows not decoded: memory for decoders is full");
        tell_gap(&t, GAP_TABLE_FULL, now->flows.evicted[FLOW_LIST_DATAGRAM] + now->flows.evicted[FLOW_LIST_ESTABLISHED],
                 told->flows.evicted[FLOW_LIST_DATAGRAM] + told->flows.evicted[FLOW_LIST_ESTABLISHED],
                 "flows forgotten while they lived");
        tell_gap(&t, GAP_TABLE_FULL, now->flows.evicted[FLOW_LIST_NEW], told->flows.evicted[FLOW_LIST_NEW],
                 "flows forgotten that nobody had answered");
        tell_gap(&t, GAP_TABLE_FULL, stats->events_dropped, stats_told->events_dropped, "events, for want of memory");
        return t.told;
}

void pipeline_tell_gaps(struct pipeline *p)
{
        sum_stats(p);
        p->stats.events += pipeline_tell_losses(&p->params, p->stats.now, &p->stats, &p->told);
        p->told = p->stats;
}

void pipeline_finish(struct pipeline *p)
{
        pipeline_wait(p);
        pipeline_stop_threads(p);
        for (unsigned i = 0; i < p->params.workers; i++)
                p->workers[i].key = 0; /* of no frame */
        for (unsigned i = 0; i < SHARDS; i++)
                tracker_finish(p->shards[i].tracker, p->stats.now);
        if (p->sift)
                sift_flush(p->sift, p->stats.now);
        pipeline_second(p, p->stats.now);
        pipeline_tell_gaps(p);
}

void pipeline_get_stats(struct pipeline *p, struct pipeline_stats *ret)
{
        sum_stats(p);
        *ret = p->stats;
}
