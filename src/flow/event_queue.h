/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events of one worker for one batch of frames, on their way to the detectors. The queue copies the slices of an event,
 * since the stream they point into goes on. Filled by one thread, then read by another; never both. */
#ifndef SEKIMORI_FLOW_EVENT_QUEUE_H
#define SEKIMORI_FLOW_EVENT_QUEUE_H

#include "base/cleanup.h"
#include "model/event.h"

/* A slice of payload in an event: where, and how long at most it is kept. Lines are at most 512 bytes anyway. */
#define EVENT_SLICE_MAX 512

struct queued_event {
        uint64_t key; /* order among all queues of a batch */
        struct event event;
};

struct event_queue;

int event_queue_new(struct event_queue **ret);
void event_queue_free(struct event_queue *q);
DEFINE_FREEP(struct event_queue, event_queue_free)
/* Without memory, or beyond two million events or 256 MiB of what they point to, the event is dropped and counted. */
void event_queue_push(struct event_queue *q, uint64_t key, const struct event *e);
uint32_t event_queue_count(const struct event_queue *q);
const struct queued_event *event_queue_at(const struct event_queue *q, uint32_t i); /* NULL beyond the last */
void event_queue_reset(struct event_queue *q); /* empty; keeps memory, but not much */
uint64_t event_queue_dropped(const struct event_queue *q);

#endif
