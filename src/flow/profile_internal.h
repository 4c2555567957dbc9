/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The records of the profiles as they lie in memory. Private to profile*.c and their test. */
#ifndef SEKIMORI_FLOW_PROFILE_INTERNAL_H
#define SEKIMORI_FLOW_PROFILE_INTERNAL_H

#include "flow/profile.h"

#define PROFILE_TABLE_BYTES                                                                                            \
        56u /* most that base/table adds to an entry: 32 of its node, 24 of its index when that has just grown */

#define PROFILE_RECENT_BITS 8

struct profile_host {
        struct addr host;                   /* the key */
        struct profile_host *older, *newer; /* those that changed and were not told, oldest first */
        struct profile_more *more;
        uint32_t first, last, unanswered; /* as in struct profile_record */
        uint32_t counted_to;              /* seconds: sessions that ended by then count already; 0: none */
        uint32_t changed;                 /* the second since when it stands in that list; 0: it does not */
        uint8_t n, n_inline, n_by_port;   /* services; those in service[]; those known by port only */
        uint8_t seen : 1, on_wire : 1;    /* in a flow since the start; by packets or logs */
        struct profile_service service[PROFILE_INLINE];
};

struct profile_key {
        struct addr host;
        uint8_t role, app, proto, zero;
        uint16_t port, zero2;
};

/* A service beyond those in the host's record: an entry of the pool. */
struct profile_more {
        struct profile_key key;
        struct profile_more *next; /* of the same host */
        struct profile_host *owner;
        struct profile_service service;
};

static_assert(sizeof(struct profile_host) + PROFILE_TABLE_BYTES <= PROFILE_HOST_BYTES, "a home host is that at most");
static_assert(sizeof(struct profile_more) + PROFILE_TABLE_BYTES <= PROFILE_MORE_BYTES, "a further service too");

struct profile {
        struct table *hosts, *services;
        struct profile_host *changed_first, *changed_last;
        struct profile_host *recent[1u << PROFILE_RECENT_BITS]; /* by hash of the address */
        struct profile_host *found;                             /* the newest session's; NULL: look again */
        struct profile_service *found_service;
        uint64_t seen, repeated;
};

/* One more session, answered. */
void profile_add_session(struct profile_service *s, const struct flow_event *f, nsec_t now, uint16_t port);

#endif
