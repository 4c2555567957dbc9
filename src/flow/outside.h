/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is outside: the peers that are neither this machine itself nor plumbing. This machine's own addresses are
 * learned, per network namespace, from the local ends of flows that were heard from both sides, so that no I/O is
 * needed and a container's are known as well. Runs in the engine, as a part of detectors. */
#ifndef SEKIMORI_FLOW_OUTSIDE_H
#define SEKIMORI_FLOW_OUTSIDE_H

#include "base/table.h"
#include "config/config.h"
#include "model/event.h"

#define OUTSIDE_OWN_MAX 1024u /* own addresses of all namespaces: 80 bytes each, the longest unseen go first */

enum outside_class {
        OUTSIDE_NOT,      /* this machine, loopback, multicast, configured as inside */
        OUTSIDE_PLUMBING, /* outside, but no conversation: a configured name server, DHCP */
        OUTSIDE_YES,
        OUTSIDE_NO_PEER, /* outside perhaps: the peer is not known */
};

struct outside;

/* Copies what it needs of the configuration. 0 or -ENOMEM. */
int outside_new(const struct config *config, struct outside **ret);
void outside_free(struct outside *o);
DEFINE_FREEP(struct outside, outside_free)

/* Learns from the flow, and says where its peer is. */
enum outside_class outside_flow(struct outside *o, const struct flow_event *f);
bool outside_is_own(const struct outside *o, uint32_t netns, const struct addr *a);
void outside_get_stats(const struct outside *o, struct table_stats *ret);

#endif
