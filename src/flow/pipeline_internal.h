/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the pipeline share. Not for others. */
#ifndef SEKIMORI_FLOW_PIPELINE_INTERNAL_H
#define SEKIMORI_FLOW_PIPELINE_INTERNAL_H

#include <pthread.h>

#include "flow/event_queue.h"
#include "flow/pipeline.h"
#include "flow/rates.h"

/* Batches in flight. Waking a thread costs as much as some hundred packets, so none is woken for one batch: only when
 * JOBS_WAKE wait, */
#define JOBS      16
#define JOBS_WAKE 4
/* unless they come slowly, from a pipe. */
#define JOBS_SLOW NSEC_PER_MSEC

/* Engine time passes a whole second before frame `index` of a job. */
struct tick {
        uint32_t index;
        nsec_t now;
};

/* What a part said about a job: events of the queue of the worker that had it. */
struct range {
        unsigned worker;
        uint32_t from, to;
};

struct job {
        struct capture_batch *batch; /* owned */
        struct frame *frames;        /* the batch's, or the caller's */
        uint32_t n, n_ticks;
        uint64_t number; /* of the first frame in the reading, from 1 */
        unsigned left;   /* parts that are not through with it */
        uint8_t shard[CAPTURE_FRAMES];
        struct tick ticks[CAPTURE_FRAMES];
        /* with several workers */
        uint16_t order[CAPTURE_FRAMES]; /* frames by part, each in its order; of part i: first[i] .. first[i + 1] - 1 */
        uint16_t first[SHARDS + 1];
        struct range said[SHARDS]; /* by part */
        struct event_queue *queues[PIPELINE_WORKERS_MAX];
};

/* In a cache line of its own: `key` changes with every frame. */
struct worker {
        _Alignas(64) struct pipeline *pipeline;
        pthread_t thread; /* none of the first: it is the caller's */
        unsigned index;
        struct event_queue *queue; /* of the job at hand; NULL: events are delivered at once */
        uint64_t key, number;      /* number: of the job's first frame */
};

struct shard {
        struct pipeline *pipeline;
        struct worker *worker; /* that has it now */
        struct tracker *tracker;
};

/* Some of the shards: what a worker takes at a time. Nobody owns a part, so that no worker waits while there is work.
 */
struct part {
        uint64_t done; /* jobs */
        bool busy;
};

struct pipeline {
        struct pipeline_params params;
        struct shard shards[SHARDS];
        struct worker workers[PIPELINE_WORKERS_MAX];
        struct rates *rates;
        struct sift *sift; /* NULL: no rules */
        struct job *jobs;  /* one, or JOBS */
        unsigned n_jobs, n_parts;
        struct pipeline_stats stats, told; /* told: at the last pipeline_tell_gaps() */

        uint64_t merged;
        nsec_t last_submit; /* by the clock */
        unsigned n_threads;
        /* between the threads, under the mutex */
        pthread_mutex_t mutex;
        pthread_cond_t work, done;
        struct part parts[SHARDS];
        uint64_t submitted, woken; /* woken: submitted when the workers were last told */
        unsigned idle;             /* workers that sleep */
        const struct job *awaited; /* by the caller's thread, which sleeps until it is done */
        bool stop;
};

static inline unsigned pipeline_part_of(const struct pipeline *p, unsigned shard)
{
        return shard & (p->n_parts - 1);
}

/* pipeline_work.c: who does what */
int pipeline_start_threads(struct pipeline *p);
void pipeline_stop_threads(struct pipeline *p);
/* The job that free_job() gave is filled. May deliver events. */
void pipeline_submit(struct pipeline *p, struct job *job);
/* Waits for everything that was submitted, and delivers its events. */
void pipeline_wait(struct pipeline *p);

/* pipeline_run.c: a job's frames and ticks, in order: through all shards; and through those of a part. */
void pipeline_run(struct worker *w, const struct job *job);
void pipeline_run_part(struct worker *w, struct job *job, unsigned part);
void pipeline_deliver(struct pipeline *p, const struct event *e);
/* The second is over: the hosts' rates, and engine time. */
void pipeline_second(struct pipeline *p, nsec_t now);
/* In the caller's thread: what all parts had to say about it, in the order of one worker. */
void pipeline_merge(struct pipeline *p, struct job *job);
/* What `stats` counts as lost beyond `stats_told`, as gap events. Returns how many. */
unsigned pipeline_tell_losses(const struct pipeline_params *params, nsec_t time, const struct pipeline_stats *stats,
                              const struct pipeline_stats *stats_told);
/* Event sink of the trackers, and of the matches of rules. */
void pipeline_event(void *userdata, const struct event *e);
void pipeline_match(void *userdata, const struct rule *r, const struct inspect_input *in, const struct flow *f);
/* What a tracker needs to know of rules. */
void pipeline_set_rules(const struct pipeline_params *params, struct tracker_params *ret);
/* A match as an event. */
void pipeline_make_alert(const struct pipeline_params *params, const struct rule *r, const struct inspect_input *in,
                         const struct flow *f, struct event *ret);
int pipeline_new_sift(const struct pipeline_params *params, struct sift **ret); /* NULL without rules */

#endif
