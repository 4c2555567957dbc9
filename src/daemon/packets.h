/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets of a device as a source of the daemon: the warden opens the ring, the engine reads it through the packet
 * engine. It is no row of sources.def, since it watches beside the host sensor and not in its place. */
#ifndef SEKIMORI_DAEMON_PACKETS_H
#define SEKIMORI_DAEMON_PACKETS_H

#include "source/source.h"

extern const struct source source_packets;

/* The members of a JSON object that say how it is, for `status`: the device, what came, what was lost, how full. */
void packets_describe(void *state, struct buf *out);

void packets_describe_rules(void *state, struct buf *out);

/* Another set of rules, or none (NULL). 0: the old one is not used any more; or negative errno, then it stays. */
int packets_set_rules(void *state, const struct ruleset *rules);

#endif
