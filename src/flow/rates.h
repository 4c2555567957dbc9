/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sums the shards' partial RATE events (one pair of hosts, one second) to one per home host. A pair lies in one shard,
 * so the busiest target and the number of peers are exact. */
#ifndef SEKIMORI_FLOW_RATES_H
#define SEKIMORI_FLOW_RATES_H

#include "base/table.h"
#include "model/event.h"

#define RATES_HOSTS 65536u /* home hosts active within one second; the rest is counted */

struct rates;

int rates_new(struct rates **ret);
void rates_free(struct rates *r);
DEFINE_FREEP(struct rates, rates_free)
void rates_add(struct rates *r, const struct rate_event *part);
/* Delivers what reaches RATE_LEAST, and begins anew. */
void rates_flush(struct rates *r, nsec_t now, uint8_t source, void (*event)(void *userdata, const struct event *e),
                 void *userdata);
void rates_get_stats(const struct rates *r, struct table_stats *ret);

#endif
