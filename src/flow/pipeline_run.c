/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A batch through the trackers, and what they said in one order. Part of the pipeline.
 *
 * The order: an event has the number of its frame within the batch; what a tick before that frame says comes first, by
 * shard. So the order is that of one worker, whatever their number. */
#include "flow/pipeline_internal.h"
#include "rules/alert.h"

#define SHARD_BITS 6
static_assert(1u << SHARD_BITS == SHARDS, "the key's lowest bits");

/* What a frame needs of memory is asked for while others are worked on: its bucket, then its flow. Measured: without,
 * one packet in two waits for memory. */
#define ON_WAY 8u
#define REACH  4u
/* With several workers another processor may have read the frames. */
#define HEADERS 60 /* bytes of a frame: Ethernet, IPv4, TCP */
#define FAR     8u

/* Of what rules keep of flows, one part in so many for bits and what waits; the rest for windows and transactions. */
#define INSPECT_PART 4u

static uint64_t tick_key(uint32_t index, unsigned shard)
{
        return (uint64_t) (2 * index) << SHARD_BITS | shard;
}

static uint64_t frame_key(uint32_t index)
{
        return (uint64_t) (2 * index + 1) << SHARD_BITS;
}

void pipeline_deliver(struct pipeline *p, const struct event *e)
{
        if (e->type == EVENT_RATE) {
                rates_add(p->rates, &e->rate);
                return;
        }
        p->stats.events++;
        if (p->sift)
                sift_event(p->sift, e);
        else
                p->params.event(p->params.userdata, e);
}

void pipeline_event(void *userdata, const struct event *e)
{
        const struct shard *s = userdata;
        struct worker *w = s->worker;

        if (w->queue)
                event_queue_push(w->queue, w->key, e);
        else
                pipeline_deliver(s->pipeline, e);
}

/* The number of the frame at hand; 0: it is a tick. */
static uint64_t frame_number(const struct worker *w)
{
        return w->key & 1u << SHARD_BITS ? w->number + (w->key >> (SHARD_BITS + 1)) : 0;
}

void pipeline_match(void *userdata, const struct rule *r, const struct inspect_input *in, const struct flow *f)
{
        struct shard *s = userdata;
        struct event e;

        pipeline_make_alert(&s->pipeline->params, r, in, f, &e);
        e.alert.packet = frame_number(s->worker);
        pipeline_event(s, &e);
}

void pipeline_make_alert(const struct pipeline_params *params, const struct rule *r, const struct inspect_input *in,
                         const struct flow *f, struct event *ret)
{
        alert_from_match(r, in, home_side(params->home, in->src, in->dst), ret);
        ret->source = params->source;
        ret->ends.flow_id = f ? f->id : 0;
}

void pipeline_set_rules(const struct pipeline_params *params, struct tracker_params *ret)
{
        uint64_t each = MIN(params->rule_bytes / SHARDS, (uint64_t) UINT32_MAX);

        ret->rules = params->rules;
        ret->inspector = params->inspector;
        ret->rule_profile = params->rule_profile;
        ret->rule_twice = params->rule_twice;
        ret->rule_midstream = params->rule_midstream;
        ret->inspect_bytes = (uint32_t) (each / INSPECT_PART);
        ret->rule_bytes = (uint32_t) (each - each / INSPECT_PART);
}

int pipeline_new_sift(const struct pipeline_params *params, struct sift **ret)
{
        struct sift_params p = {.rules = params->rules,
                                .per_second = params->alerts_per_second,
                                .per_packet = params->alerts_per_packet,
                                .event = params->event,
                                .userdata = params->userdata};

        return params->rules ? sift_new(&p, ret) : 0;
}

static void host_rate(void *userdata, const struct event *e)
{
        struct pipeline *p = userdata;

        p->stats.events++;
        p->params.event(p->params.userdata, e);
}

void pipeline_second(struct pipeline *p, nsec_t now)
{
        rates_flush(p->rates, now, p->params.source, host_rate, p);
        if (p->sift)
                sift_advance(p->sift, now);
        if (p->params.advance)
                p->params.advance(p->params.userdata, now);
}

/* Frames on their way through the trackers of a worker. */
struct way {
        struct worker *worker;
        uint32_t begun, ended; /* numbers; the difference is at most ON_WAY */
        struct tracker_step steps[ON_WAY];
};

static void end_step(struct way *way)
{
        struct tracker_step *s = &way->steps[way->ended++ % ON_WAY];

        way->worker->key = frame_key(s->index);
        tracker_end(s);
}

static void end_steps(struct way *way)
{
        while (way->ended != way->begun)
                end_step(way);
}

static void begin_step(struct way *way, struct tracker *t, const struct frame *f, uint32_t index)
{
        struct tracker_step *s;

        if (way->begun - way->ended == ON_WAY)
                end_step(way);
        s = &way->steps[way->begun % ON_WAY];
        if (!tracker_begin(t, f, s))
                return;
        s->index = index;
        way->begun++;
        if (s->alone)
                end_steps(way);
        else if (way->begun - way->ended >= REACH)
                tracker_reach(&way->steps[(way->begun - REACH) % ON_WAY]);
}

static void run_tick(struct pipeline *p, const struct tick *tick)
{
        p->workers[0].key = tick_key(tick->index, 0);
        for (unsigned s = 0; s < SHARDS; s++)
                tracker_tick(p->shards[s].tracker, tick->now);
        pipeline_second(p, tick->now);
}

void pipeline_run(struct worker *w, const struct job *job)
{
        struct pipeline *p = w->pipeline;
        const struct tick *tick = job->ticks, *end = job->ticks + job->n_ticks;
        struct way way = {.worker = w};

        w->number = job->number;
        for (uint32_t i = 0; i < job->n; i++) {
                if (tick < end && tick->index == i) {
                        end_steps(&way);
                        run_tick(p, tick++);
                }
                begin_step(&way, p->shards[job->shard[i]].tracker, &job->frames[i], i);
        }
        end_steps(&way);
        if (tick < end)
                run_tick(p, tick); /* time went on without a frame */
}

static void run_part_tick(struct worker *w, unsigned part, const struct tick *tick)
{
        struct pipeline *p = w->pipeline;

        for (unsigned s = part; s < SHARDS; s += p->n_parts) {
                w->key = tick_key(tick->index, s);
                tracker_tick(p->shards[s].tracker, tick->now);
        }
}

void pipeline_run_part(struct worker *w, struct job *job, unsigned part)
{
        struct pipeline *p = w->pipeline;
        const struct tick *tick = job->ticks, *end = job->ticks + job->n_ticks;
        uint32_t last = job->first[part + 1];
        struct way way = {.worker = w};

        w->queue = job->queues[w->index];
        w->number = job->number;
        job->said[part] = (struct range){.worker = w->index, .from = event_queue_count(w->queue)};
        for (unsigned s = part; s < SHARDS; s += p->n_parts)
                p->shards[s].worker = w;
        for (uint32_t k = job->first[part]; k < last; k++) {
                uint32_t i = job->order[k];

                for (; tick < end && tick->index <= i; tick++) {
                        end_steps(&way);
                        run_part_tick(w, part, tick);
                }
                if (k + FAR < last) {
                        const uint8_t *data = job->frames[job->order[k + FAR]].data;

                        __builtin_prefetch(data);
                        __builtin_prefetch(data + HEADERS);
                }
                begin_step(&way, p->shards[job->shard[i]].tracker, &job->frames[i], i);
        }
        end_steps(&way);
        for (; tick < end; tick++)
                run_part_tick(w, part, tick);
        job->said[part].to = event_queue_count(w->queue);
        w->queue = NULL;
}

/* What a part says next. */
struct said {
        uint64_t key; /* UINT64_MAX: no more */
        uint32_t at, to;
        const struct event_queue *queue;
};

static void look(struct said *s)
{
        s->key = s->at < s->to ? event_queue_at(s->queue, s->at)->key : UINT64_MAX;
}

static void deliver_key(struct pipeline *p, struct said *s, uint64_t key)
{
        while (s->key == key) {
                pipeline_deliver(p, &event_queue_at(s->queue, s->at++)->event);
                look(s);
        }
}

void pipeline_merge(struct pipeline *p, struct job *job)
{
        const struct tick *tick = job->ticks, *end = job->ticks + job->n_ticks;
        struct said said[SHARDS];

        for (unsigned part = 0; part < p->n_parts; part++) {
                const struct range *r = &job->said[part];

                said[part] = (struct said){.at = r->from, .to = r->to, .queue = job->queues[r->worker]};
                look(&said[part]);
        }
        for (uint32_t i = 0; i < job->n || tick < end; i++) {
                if (tick < end && tick->index == i) {
                        for (unsigned s = 0; s < SHARDS; s++)
                                deliver_key(p, &said[pipeline_part_of(p, s)], tick_key(i, s));
                        pipeline_second(p, tick++->now);
                }
                if (i < job->n)
                        deliver_key(p, &said[pipeline_part_of(p, job->shard[i])], frame_key(i));
        }
        for (unsigned w = 0; w < p->params.workers; w++)
                event_queue_reset(job->queues[w]);
}
