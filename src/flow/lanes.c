/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Threads that read rings. A lane's trackers and queue are used under its mutex: by its thread for a block of frames,
 * by the collector to take the queue away, which leaves an empty one. Host rates of a second are summed over the lanes
 * and delivered half a second after it, when every lane has passed it. */
#include "flow/lanes.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>

#include "flow/event_queue.h"
#include "flow/pipeline_internal.h"

#define FRAMES_ONCE 1024
#define LOOKS_LAST  64 /* times FRAMES_ONCE, when all ends */
#define WAIT_MSEC   20
#define RATES_LATE  (500 * NSEC_PER_MSEC)
#define FLOWS_MIN   16 /* of a shard */

struct lane {
        struct lanes *lanes;
        unsigned index;
        pthread_t thread;
        pthread_mutex_t mutex;
        struct ring *ring;
        struct event_queue *queue;
        uint32_t queued;
        uint64_t dropped;
        struct tracker *trackers[SHARDS]; /* those that are its own */
        nsec_t now;
        uint64_t frames, bytes, backward;
        bool gone;
        struct frame batch[FRAMES_ONCE];
        struct os_syn syns[LANE_SYNS];
        uint32_t n_syns; /* since the last collection, also those that were replaced */
};

struct lanes {
        struct lanes_params params;
        unsigned n, n_threads;
        struct lane *lanes;
        struct event_queue *taken[LANES_MAX]; /* the collector's */
        struct rates *rates[2];               /* of even and odd seconds */
        struct sift *sift;                    /* NULL: no rules */
        int64_t rate_second;                  /* the next to be delivered */
        int fd;
        atomic_bool stop;
        uint64_t events;
        struct pipeline_stats told;
};

static void lane_event(void *userdata, const struct event *e)
{
        struct lane *lane = userdata;

        if (lane->queued >= LANE_EVENTS) {
                lane->dropped++;
                return;
        }
        lane->queued++;
        event_queue_push(lane->queue, (uint64_t) e->time, e);
}

/* The lane's mutex is held: this comes from its trackers. */
static void lane_syn(void *userdata, const struct frame *f)
{
        struct lane *lane = userdata;

        if (os_syn_read(f, &lane->syns[lane->n_syns % LANE_SYNS]) == 0)
                lane->n_syns++;
}

static void lane_match(void *userdata, const struct rule *r, const struct inspect_input *in, const struct flow *f)
{
        struct lane *lane = userdata;
        struct event e;

        pipeline_make_alert(&lane->lanes->params.pipeline, r, in, f, &e);
        lane_event(lane, &e);
}

/* Engine time goes on in this lane; its mutex is held. */
static void pass_time(struct lane *lane, nsec_t now)
{
        nsec_t before = lane->now;

        if (now <= before)
                return;
        lane->now = now;
        if (!before || now / NSEC_PER_SEC == before / NSEC_PER_SEC)
                return;
        for (unsigned s = lane->index; s < SHARDS; s += lane->lanes->n)
                tracker_tick(lane->trackers[s], now);
}

static void take_frames(struct lane *lane, unsigned n)
{
        for (unsigned i = 0; i < n; i++) {
                struct frame *f = &lane->batch[i];
                unsigned shard = packet_shard(f);

                /* What the kernel could not see through comes to the first ring, both directions alike. */
                if (shard % lane->lanes->n != lane->index)
                        shard = lane->index;
                /* Frames have the wall clock's time; engine time goes on when that is set. */
                f->time -= clock_skew();
                lane->backward += f->time < lane->now;
                pass_time(lane, f->time);
                f->time = lane->now;
                lane->bytes += f->caplen;
                tracker_frame(lane->trackers[shard], f, lane->now);
        }
        lane->frames += n;
}

/* A block of frames, or what time brings. Returns whether it has to wait for more. */
static bool look(struct lane *lane)
{
        int n;
        bool waiting;

        pthread_mutex_lock(&lane->mutex);
        n = ring_next(lane->ring, lane->batch, FRAMES_ONCE);
        if (n > 0)
                take_frames(lane, (unsigned) n);
        lane->gone = n == -ENODEV;
        if (n <= 0)
                pass_time(lane, clock_boottime() + clock_engine_offset() - RING_DELAY);
        waiting = lane->queued > 0;
        pthread_mutex_unlock(&lane->mutex);
        if (waiting)
                (void) eventfd_write(lane->lanes->fd, 1);
        return n <= 0;
}

static void *lane_main(void *userdata)
{
        struct lane *lane = userdata;

        while (!lane->lanes->stop) {
                struct pollfd p = {.fd = lane->gone ? -1 : ring_fd(lane->ring), .events = POLLIN};

                if (look(lane))
                        (void) poll(&p, 1, WAIT_MSEC);
        }
        return NULL;
}

static void stop_threads(struct lanes *l)
{
        l->stop = true;
        for (unsigned i = 0; i < l->n_threads; i++)
                pthread_join(l->lanes[i].thread, NULL);
        l->n_threads = 0;
}

void lanes_free(struct lanes *l)
{
        if (!l)
                return;
        stop_threads(l);
        for (unsigned i = 0; l->lanes && i < l->n; i++) {
                struct lane *lane = &l->lanes[i];

                for (unsigned s = 0; s < SHARDS; s++)
                        tracker_free(lane->trackers[s]);
                event_queue_free(lane->queue);
                event_queue_free(l->taken[i]);
                pthread_mutex_destroy(&lane->mutex);
        }
        for (unsigned i = 0; i < LANES_MAX; i++)
                ring_free(l->params.rings[i]);
        free(l->lanes);
        rates_free(l->rates[0]);
        rates_free(l->rates[1]);
        sift_free(l->sift);
        closep(&l->fd);
        free(l);
}

static int make_lane(struct lanes *l, unsigned i)
{
        const struct pipeline_params *p = &l->params.pipeline;
        struct lane *lane = &l->lanes[i];
        struct tracker_params t = {
                .home = p->home,
                .flows = MAX(p->flows / SHARDS, FLOWS_MIN),
                .talk_bytes = (uint32_t) MIN(p->talk_bytes / SHARDS, UINT32_MAX),
                .seed = p->seed,
                .packet_flags = p->packet_flags,
                .source = p->source,
                .event = lane_event,
                .mail_syn = l->params.mail_syn ? lane_syn : NULL,
                .alert = lane_match,
                .userdata = lane,
        };
        int r = event_queue_new(&lane->queue);

        pipeline_set_rules(p, &t);
        lane->lanes = l;
        lane->index = i;
        lane->ring = l->params.rings[i];
        pthread_mutex_init(&lane->mutex, NULL);
        if (r >= 0)
                r = event_queue_new(&l->taken[i]);
        for (unsigned s = i; r >= 0 && s < SHARDS; s += l->n) {
                t.shard = s;
                r = tracker_new(&t, &lane->trackers[s]);
        }
        return r;
}

int lanes_new(const struct lanes_params *params, struct lanes **ret)
{
        _cleanup_(lanes_freep)
        struct lanes *l = calloc(1, sizeof(*l));
        int r;

        if (!l) {
                for (unsigned i = 0; i < LANES_MAX; i++)
                        ring_free(params->rings[i]);
                return -ENOMEM;
        }
        l->params = *params;
        l->n = MIN(params->pipeline.workers, LANES_MAX + 0u);
        l->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (l->fd < 0)
                return -errno;
        if (l->n < 1 || l->n != params->pipeline.workers)
                return -EINVAL;
        l->lanes = calloc(l->n, sizeof(*l->lanes));
        if (!l->lanes)
                return -ENOMEM;
        for (unsigned i = 0; i < l->n; i++)
                if ((r = make_lane(l, i)) < 0)
                        return r;
        if ((r = rates_new(&l->rates[0])) < 0 || (r = rates_new(&l->rates[1])) < 0 ||
            (r = pipeline_new_sift(&l->params.pipeline, &l->sift)) < 0)
                return r;
        for (; l->n_threads < l->n; l->n_threads++) {
                r = -pthread_create(&l->lanes[l->n_threads].thread, NULL, lane_main, &l->lanes[l->n_threads]);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(l);
        return 0;
}

int lanes_fd(const struct lanes *l)
{
        return l->fd;
}

static void deliver(void *userdata, const struct event *e)
{
        struct lanes *l = userdata;

        l->events++;
        if (l->sift)
                sift_event(l->sift, e);
        else
                l->params.pipeline.event(l->params.pipeline.userdata, e);
}

/* The rates of seconds that every lane has passed. */
static void flush_rates(struct lanes *l, nsec_t now)
{
        int64_t second = (now - RATES_LATE) / NSEC_PER_SEC;

        for (unsigned n = 0; n < 2 && l->rate_second < second; n++, l->rate_second++)
                rates_flush(l->rates[l->rate_second & 1], (l->rate_second + 1) * NSEC_PER_SEC,
                            l->params.pipeline.source, deliver, l);
        l->rate_second = MAX(l->rate_second, second);
}

/* One event of the queues taken, the earliest. */
static const struct event *next_event(struct lanes *l, uint32_t *at)
{
        const struct queued_event *next = NULL, *q;
        unsigned from = 0;

        for (unsigned i = 0; i < l->n; i++)
                if ((q = event_queue_at(l->taken[i], at[i])) && (!next || q->key < next->key)) {
                        next = q;
                        from = i;
                }
        if (!next)
                return NULL;
        at[from]++;
        return &next->event;
}

/* The lane's mutex is held. */
static void take_queue(struct lanes *l, struct lane *lane)
{
        struct event_queue *queue = l->taken[lane->index];

        l->taken[lane->index] = lane->queue;
        lane->queue = queue;
        lane->queued = 0;
}

static void deliver_taken(struct lanes *l, nsec_t now)
{
        uint32_t at[LANES_MAX] = {0};
        const struct event *e;

        while ((e = next_event(l, at)))
                if (e->type == EVENT_RATE) /* of the second before the tick that tells it */
                        rates_add(l->rates[(e->time / NSEC_PER_SEC - 1) & 1], &e->rate);
                else
                        deliver(l, e);
        for (unsigned i = 0; i < l->n; i++)
                event_queue_reset(l->taken[i]);
        flush_rates(l, now);
        if (l->sift)
                sift_advance(l->sift, now - RATES_LATE);
}

/* The lane's mutex is held; what is called back is short. */
static void tell_syns(const struct lanes *l, struct lane *lane)
{
        for (uint32_t i = lane->n_syns - MIN(lane->n_syns, LANE_SYNS); i < lane->n_syns; i++)
                l->params.mail_syn(l->params.userdata, &lane->syns[i % LANE_SYNS]);
        lane->n_syns = 0;
}

unsigned lanes_collect(struct lanes *l, nsec_t now)
{
        uint64_t before = l->events;
        eventfd_t rung;

        (void) eventfd_read(l->fd, &rung);
        for (unsigned i = 0; i < l->n; i++) {
                pthread_mutex_lock(&l->lanes[i].mutex);
                take_queue(l, &l->lanes[i]);
                tell_syns(l, &l->lanes[i]);
                pthread_mutex_unlock(&l->lanes[i].mutex);
        }
        deliver_taken(l, now);
        return (unsigned) (l->events - before);
}

/* All trackers of all lanes, whose mutexes are held; those that changed change back when one cannot. */
static int set_trackers(struct lanes *l, const struct ruleset *rules)
{
        unsigned s = 0;
        int r = 0;

        for (; s < SHARDS && r >= 0; s++)
                r = tracker_set_rules(l->lanes[s % l->n].trackers[s], rules);
        if (r < 0)
                while (s-- > 0)
                        (void) tracker_set_rules(l->lanes[s % l->n].trackers[s], l->params.pipeline.rules);
        return r;
}

/* Without memory alerts are told unsifted, or xbits of new names hold for none: the new rules count all the same. */
static void set_sift(struct lanes *l, nsec_t now)
{
        if (!l->sift) {
                (void) pipeline_new_sift(&l->params.pipeline, &l->sift);
                return;
        }
        sift_flush(l->sift, now - RATES_LATE);
        if (l->params.pipeline.rules) {
                (void) sift_set_rules(l->sift, l->params.pipeline.rules);
                return;
        }
        sift_free(l->sift);
        l->sift = NULL;
}

int lanes_set_rules(struct lanes *l, const struct ruleset *rules, nsec_t now)
{
        int r;

        for (unsigned i = 0; i < l->n; i++)
                pthread_mutex_lock(&l->lanes[i].mutex);
        r = set_trackers(l, rules);
        for (unsigned i = 0; i < l->n; i++)
                take_queue(l, &l->lanes[i]);
        for (unsigned i = 0; i < l->n; i++)
                pthread_mutex_unlock(&l->lanes[i].mutex);
        deliver_taken(l, now);
        if (r < 0)
                return r;
        l->params.pipeline.rules = rules;
        set_sift(l, now);
        return 0;
}

void lanes_finish(struct lanes *l, nsec_t now)
{
        stop_threads(l);
        for (unsigned i = 0; i < l->n; i++) {
                for (unsigned k = 0; k < LOOKS_LAST && !look(&l->lanes[i]); k++)
                        continue; /* what came last */
                for (unsigned s = i; s < SHARDS; s += l->n) {
                        (void) lanes_collect(l, now);
                        tracker_finish(l->lanes[i].trackers[s], now);
                }
        }
        (void) lanes_collect(l, now + 2 * NSEC_PER_SEC + RATES_LATE);
        if (l->sift)
                sift_flush(l->sift, now);
        lanes_tell_gaps(l, now);
}

void lanes_get_stats(struct lanes *l, struct lanes_stats *ret)
{
        memset(ret, 0, sizeof(*ret));
        for (unsigned i = 0; i < l->n; i++) {
                struct lane *lane = &l->lanes[i];
                struct pipeline_stats *p = &ret->pipeline;
                struct ring_stats r = {0};

                pthread_mutex_lock(&lane->mutex);
                for (unsigned s = i; s < SHARDS; s += l->n) {
                        struct tracker_stats t;

                        tracker_get_stats(lane->trackers[s], &t);
                        tracker_stats_add(&p->trackers, &t);
                }
                p->frames += lane->frames;
                p->bytes += lane->bytes;
                p->backward += lane->backward;
                p->events_dropped +=
                        lane->dropped + event_queue_dropped(lane->queue) + event_queue_dropped(l->taken[i]);
                p->now = MAX(p->now, lane->now);
                (void) ring_get_stats(lane->ring, &r);
                pthread_mutex_unlock(&lane->mutex);
                ret->rings.drops += r.drops;
                ret->rings.freezes += r.freezes;
                ret->rings.frames += r.frames;
                ret->rings.bytes += r.bytes;
                ret->rings.tags += r.tags;
                ret->rings.foreign += r.foreign;
                ret->rings.bad += r.bad;
                ret->rings.downs += r.downs;
        }
        ret->pipeline.events = l->events;
        if (l->sift)
                sift_get_stats(l->sift, &ret->pipeline.alerts);
}

void lanes_tell_gaps(struct lanes *l, nsec_t now)
{
        struct lanes_stats s;

        lanes_get_stats(l, &s);
        l->events += pipeline_tell_losses(&l->params.pipeline, now, &s.pipeline, &l->told);
        l->told = s.pipeline;
}

bool lanes_gone(const struct lanes *l)
{
        bool gone = false;

        for (unsigned i = 0; i < l->n; i++) {
                pthread_mutex_lock(&l->lanes[i].mutex);
                gone |= l->lanes[i].gone;
                pthread_mutex_unlock(&l->lanes[i].mutex);
        }
        return gone;
}
