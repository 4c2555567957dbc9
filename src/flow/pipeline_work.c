/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The threads of the pipeline. A job is done part by part: a worker takes the part that is behind the others and works
 * through the jobs that wait for it. The caller's thread, which reads and merges, is a worker too when it would have to
 * wait. Runs in `read`. */
#include "flow/pipeline_internal.h"

#define PARTS_LEAST 4u /* of each worker: the fewer, the longer one waits for another at the end */
#define RUN_LENGTH  4u /* jobs of a part at a time: its flows stay in the cache, and the mutex is seldom taken */

/* The part that is most behind, from the worker's own place on; NULL: there is nothing to do. Under the mutex. */
static struct part *pick(struct pipeline *p, const struct worker *w)
{
        unsigned begin = w->index * p->n_parts / p->params.workers;
        struct part *found = NULL;

        for (unsigned i = 0; i < p->n_parts; i++) {
                struct part *part = &p->parts[(begin + i) % p->n_parts];

                if (!part->busy && part->done < p->submitted && (!found || part->done < found->done))
                        found = part;
        }
        return found;
}

/* Under the mutex, but not while it works. */
static void work(struct pipeline *p, struct worker *w, struct part *part)
{
        uint64_t until = MIN(p->submitted, part->done + RUN_LENGTH);

        part->busy = true;
        pthread_mutex_unlock(&p->mutex);
        for (uint64_t n = part->done; n < until; n++)
                pipeline_run_part(w, &p->jobs[n % JOBS], (unsigned) (part - p->parts));
        pthread_mutex_lock(&p->mutex);
        part->busy = false;
        for (; part->done < until; part->done++) {
                struct job *job = &p->jobs[part->done % JOBS];

                if (--job->left == 0 && job == p->awaited)
                        pthread_cond_signal(&p->done);
        }
}

static void *worker_main(void *userdata)
{
        struct worker *w = userdata;
        struct pipeline *p = w->pipeline;

        pthread_mutex_lock(&p->mutex);
        while (!p->stop) {
                struct part *part = pick(p, w);

                if (part) {
                        work(p, w, part);
                        continue;
                }
                p->idle++;
                pthread_cond_wait(&p->work, &p->mutex);
                p->idle--;
        }
        pthread_mutex_unlock(&p->mutex);
        return NULL;
}

int pipeline_start_threads(struct pipeline *p)
{
        p->n_parts = 1;
        while (p->n_parts < MIN(PARTS_LEAST * p->params.workers, (unsigned) SHARDS))
                p->n_parts *= 2;
        for (; p->n_threads + 1 < p->params.workers; p->n_threads++) {
                struct worker *w = &p->workers[p->n_threads + 1];
                int r = -pthread_create(&w->thread, NULL, worker_main, w);

                if (r < 0)
                        return r;
        }
        return 0;
}

void pipeline_stop_threads(struct pipeline *p)
{
        pthread_mutex_lock(&p->mutex);
        p->stop = true;
        pthread_cond_broadcast(&p->work);
        pthread_mutex_unlock(&p->mutex);
        for (; p->n_threads > 0; p->n_threads--)
                pthread_join(p->workers[p->n_threads].thread, NULL);
}

static void wake_workers(struct pipeline *p)
{
        p->woken = p->submitted;
        if (p->idle)
                pthread_cond_broadcast(&p->work);
}

/* Until the jobs before number `until` are done. Under the mutex. */
static void await(struct pipeline *p, uint64_t until)
{
        wake_workers(p);
        for (uint64_t n = p->merged; n < until; n++) {
                const struct job *job = &p->jobs[n % JOBS];

                while (job->left) {
                        struct part *part = pick(p, &p->workers[0]);

                        if (part) {
                                work(p, &p->workers[0], part);
                                continue;
                        }
                        p->awaited = job;
                        pthread_cond_wait(&p->done, &p->mutex);
                }
        }
        p->awaited = NULL;
}

/* What is done, in order. Under the mutex, but not while it delivers. */
static void merge(struct pipeline *p)
{
        while (p->merged < p->submitted && !p->jobs[p->merged % JOBS].left) {
                pthread_mutex_unlock(&p->mutex);
                pipeline_merge(p, &p->jobs[p->merged % JOBS]);
                pthread_mutex_lock(&p->mutex);
                p->merged++;
        }
}

/* The job's frames by part: counting sort. */
static void sort_frames(const struct pipeline *p, struct job *job)
{
        uint16_t next[SHARDS] = {0};

        for (uint32_t i = 0; i < job->n; i++)
                next[pipeline_part_of(p, job->shard[i])]++;
        job->first[0] = 0;
        for (unsigned part = 0; part < p->n_parts; part++) {
                job->first[part + 1] = (uint16_t) (job->first[part] + next[part]);
                next[part] = job->first[part];
        }
        for (uint32_t i = 0; i < job->n; i++)
                job->order[next[pipeline_part_of(p, job->shard[i])]++] = (uint16_t) i;
}

void pipeline_submit(struct pipeline *p, struct job *job)
{
        nsec_t before = p->last_submit;

        if (p->params.workers == 1) {
                pipeline_run(&p->workers[0], job);
                return;
        }
        sort_frames(p, job);
        p->last_submit = clock_boottime();
        pthread_mutex_lock(&p->mutex);
        job->left = p->n_parts;
        p->submitted++;
        if (p->submitted - p->woken >= JOBS_WAKE || p->last_submit - before > JOBS_SLOW)
                wake_workers(p);
        if (p->submitted - p->merged == JOBS)
                await(p, p->merged + JOBS / 2);
        merge(p);
        pthread_mutex_unlock(&p->mutex);
}

void pipeline_wait(struct pipeline *p)
{
        if (p->params.workers == 1)
                return;
        pthread_mutex_lock(&p->mutex);
        await(p, p->submitted);
        merge(p);
        pthread_mutex_unlock(&p->mutex);
}
