/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What each home host normally does, per service: sessions, the time between them, volume both ways, duration, spread
 * of peers, ports; and per hour of use, how much of that there was at most. Fed by the flow events of every source;
 * streaming statistics only (docs/profile.md). Runs in the engine and in `read`; no I/O.
 *
 * Memory: a host with two services is at most PROFILE_HOST_BYTES, its place in the table included; further services
 * come from a pool of PROFILE_MORE_BYTES each. Both grow with use up to their caps; then the host, or the service, that
 * was used longest ago is forgotten, and counted. */
#ifndef SEKIMORI_FLOW_PROFILE_H
#define SEKIMORI_FLOW_PROFILE_H

#include "base/buf.h"
#include "base/table.h"
#include "flow/profile_sketch.h"
#include "model/event.h"

#define PROFILE_HOST_BYTES 512u
#define PROFILE_MORE_BYTES 256u
#define PROFILE_SERVICES   24u /* of a host; what goes beyond is summed up as "other" */
#define PROFILE_BY_PORT    8u  /* of them, those known by their port only */
#define PROFILE_INLINE     2u  /* services in the host's record */
#define PROFILE_PORTS      3u  /* told of a service */
#define PROFILE_NAME_MAX   24u
#define PROFILE_SPAN       32u /* sessions, or hours, that the averages look back, as a time constant */

enum profile_role { PROFILE_CLIENT, PROFILE_SERVER, PROFILE_ROLES };

/* On a scale of 1024*log2(x + 1): heavy tails do not carry the average away. Mean and mean deviation, both decayed. */
struct profile_norm {
        uint16_t mean, deviation;
};

/* The same over hours in which there was any, and their maximum, which decays by an octave in 128 of them. */
struct profile_peak {
        struct profile_norm norm;
        uint16_t most;
};

enum profile_measure {
        PROFILE_INTERVAL, /* microseconds from the beginning of a session to that of the next */
        PROFILE_DURATION, /* microseconds */
        PROFILE_OUT,      /* bytes of payload of a session */
        PROFILE_IN,
        PROFILE_MEASURES,
};

enum profile_hourly { PROFILE_HOUR_SESSIONS, PROFILE_HOUR_OUT, PROFILE_HOUR_PEERS, PROFILE_HOURLY };

/* Of one host, one role and one application; or, where none was recognised, one protocol and port of the responder. It
 * has no padding: this is what is stored, too. */
struct profile_service {
        uint8_t role, app, proto; /* enum profile_role; enum app; 0 where the application says all */
        uint8_t n_ports;          /* of ports[]; more than PROFILE_PORTS: there were others */
        uint16_t port;            /* of the responder, where the application is not known */
        uint16_t ports[PROFILE_PORTS];
        uint32_t sessions, failed; /* answered or not; only the answered ones count below */
        uint32_t hour;             /* of the newest session's end, since 1970 */
        nsec_t first, last;        /* beginnings of the earliest and the latest session */
        uint64_t bytes_out, bytes_in;
        uint64_t busy; /* microseconds, the durations together */
        struct profile_norm norm[PROFILE_MEASURES];
        /* in that hour so far; it joins `hourly` when it is over */
        uint64_t hour_out;
        uint32_t hour_sessions;
        uint8_t hour_peers[8]; /* a sketch of 16 registers */
        struct profile_peak hourly[PROFILE_HOURLY];
        uint8_t hours; /* that are in `hourly`; stays at 255 */
        uint8_t spare;
        uint8_t peers[32]; /* a sketch of 64 registers */
};

static_assert(sizeof(struct profile_service) == 152, "no padding: it is stored as it is");

/* A host's profile as a whole, by value: for people and for the store. */
struct profile_record {
        struct addr host;     /* as home_host() gives it */
        uint32_t first, last; /* seconds: its first and newest session's end */
        uint32_t unanswered;  /* sessions that belong to no service: nobody answered */
        uint32_t n;
        struct profile_service services[PROFILE_SERVICES + PROFILE_ROLES];
};

struct profile;

struct profile_stats {
        struct table_stats hosts, services; /* services: of the pool */
        uint64_t seen;                      /* hosts that took part in a flow since the start */
        uint64_t repeated;                  /* sessions that a restored profile holds already */
};

/* At most `hosts` hosts, and twice as many services in the pool. 0, -EINVAL or -ENOMEM. */
int profile_new(uint32_t hosts, struct profile **ret);
void profile_free(struct profile *p);
DEFINE_FREEP(struct profile, profile_free)

/* Any event, in order of engine time. A session counts when it ends. */
void profile_event(struct profile *p, const struct event *e);
/* The service that the flow belongs to, as far as it has one. Valid until the next event. */
const struct profile_service *profile_find(struct profile *p, const struct flow_event *f);
/* The whole of one host (home_host()). false: not known. */
bool profile_get(struct profile *p, const struct addr *host, struct profile_record *ret);
/* The host that changed longest ago without being told here, if that was not after `before`. */
bool profile_next_changed(struct profile *p, nsec_t before, struct profile_record *ret);
/* Takes back what was told, before any event of that host. `repeats`: the same sessions may come again, so those up to
 * the record's end do not count. */
void profile_restore(struct profile *p, const struct profile_record *r, bool repeats);
void profile_get_stats(const struct profile *p, struct profile_stats *ret);

uint16_t profile_log(uint64_t x); /* 1024*log2(x + 1), the mantissa on a straight line */
uint64_t profile_unlog(uint16_t l);
uint32_t profile_peers(const struct profile_service *s);
/* The value of that measure in the hour so far. */
uint64_t profile_hour(const struct profile_service *s, enum profile_hourly which);
/* "dns", "tcp/6881", "icmp", "other". */
const char *profile_service_name(const struct profile_service *s, char text[static PROFILE_NAME_MAX]);

/* To bytes and back. Unpacking believes nothing: 0, or -EBADMSG. */
int profile_pack(const struct profile_record *r, struct buf *out);
int profile_unpack(const void *data, size_t len, struct profile_record *ret);
/* Another clock: all times move by that much, none beyond `latest`. */
void profile_move(struct profile_record *r, nsec_t by, nsec_t latest);

#endif
