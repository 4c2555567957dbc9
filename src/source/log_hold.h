/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events held back until they can be delivered in time order: a heap of copies with their strings. At most LOG_HELD_MAX
 * events and LOG_HELD_BYTES, plus what one more line gives. Events of the same time: a flow's start first, its end
 * last, else in the order they came. Runs in `read`. */
#ifndef SEKIMORI_SOURCE_LOG_HOLD_H
#define SEKIMORI_SOURCE_LOG_HOLD_H

#include "source/log.h"

struct log_hold;

int log_hold_new(struct log_hold **ret);
void log_hold_free(struct log_hold *h);
DEFINE_FREEP(struct log_hold, log_hold_free)
/* 0 or -ENOMEM. */
int log_hold_push(struct log_hold *h, const struct event *e);
bool log_hold_full(const struct log_hold *h);
uint32_t log_hold_count(const struct log_hold *h);
/* The earliest event; NULL: none. Owned by the hold, until log_hold_pop(). */
const struct event *log_hold_first(const struct log_hold *h);
void log_hold_pop(struct log_hold *h);

#endif
