/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state of the flood detector. Private to flood*.c.
 *
 * Memory, the tables' own bytes per entry not counted: 264 bytes per host or process that once was conspicuous
 * (FLOOD_SOURCES of them), 32 per source, target and port with a hundred flows in one second (FLOOD_TARGETS); when a
 * table is full, what was used longest ago goes. 16 bytes per target of this second's flows (FLOOD_CELLS; who meets
 * another in a cell gives way to the more frequent one) and 4 per host that was answered (FLOOD_HEARD). */
#ifndef SEKIMORI_DETECT_FLOOD_H
#define SEKIMORI_DETECT_FLOOD_H

#include "base/table.h"
#include "config/home.h"
#include "detect/detector.h"
#include "detect/grading.h"
#include "detect/ways.h"

#define FLOOD_SOURCES (1u << 14)
#define FLOOD_TARGETS (1u << 13)
#define FLOOD_CELLS   (1u << 12)
#define FLOOD_HEARD   (1u << 14)

enum flood_kind { FLOOD_SYN, FLOOD_UDP, FLOOD_ICMP, FLOOD_HTTP, FLOOD_REFLECTION, FLOOD_KINDS };
extern const struct evidence_kind flood_kinds[FLOOD_KINDS];

/* Seconds of the kind in a row, small holes allowed. */
struct flood_run {
        uint32_t began, newest; /* seconds */
        uint32_t hot;           /* how many were */
        uint32_t peak;          /* most packets, flows or requests in one */
        uint32_t changes;       /* how often the target's port was another than before */
        uint32_t total;         /* packets, flows or requests of all hot seconds */
        uint16_t port;
};

struct flood_source {
        struct detector_key key;
        struct addr icmp_from; /* who last pinged it: what it sends there answers */
        struct flood_run runs[FLOOD_KINDS];
        struct grading told[FLOOD_KINDS];
        /* the newest second's requests: which is the most frequent (Boyer and Moore's majority vote) */
        uint32_t http_second, http_count, http_same, http_candidate;
        /* the newest ten seconds' questions, and minute's answers far larger than what was asked */
        uint32_t dns_window, dns_same, dns_candidate;
        uint32_t large_window, large_count;
        uint64_t dns_servers, large_servers; /* distinct ones, by hash */
};

/* Flows begun within one second by one source towards one target (TCP: and port), as far as they are many. */
struct flood_cell {
        uint64_t key;
        uint32_t second, count;
};

/* The same with a hundred of them, second after second. */
struct flood_target {
        uint64_t key;
        uint32_t answered; /* of the flows begun within the run */
        uint32_t began, newest, hot, peak, flows;
};

struct flood {
        const struct lineage *lineage;
        uint8_t boot_id[16];
        struct home *home;
        struct table *sources, *targets;
        struct flood_cell *cells;
        uint32_t *heard; /* by hash of the host: second in which anybody last answered it */
};

/* Does the capture show both directions of this host's traffic? */
#define FLOOD_HEARD_FOR 600u
static inline uint32_t *flood_heard(struct flood *s, const struct detector_key *key)
{
        return &s->heard[ways_hash(key) % FLOOD_HEARD];
}

/* What is claimed. */
struct flood_claim {
        enum flood_kind kind;
        uint16_t weight;
        const struct subject *subject;
        struct addr target;
        uint16_t port;
        uint8_t proto;
        uint32_t seconds, peak, began;
        const char *how;  /* a short text; static */
        const char *unit; /* what `peak` counts */
        uint64_t ref;
};

struct flood_source *flood_source_of(struct flood *s, const struct detector_key *key);
void flood_tell(struct flood_source *src, const struct event *ev, const struct flood_claim *c,
                struct evidence_sink *out);

/* By what the event is. */
void flood_rate(struct flood *s, const struct event *e, struct evidence_sink *out);
void flood_flow(struct flood *s, const struct event *e, struct evidence_sink *out);
void flood_dns(struct flood *s, const struct event *e, struct evidence_sink *out);
void flood_http(struct flood *s, const struct event *e);

#endif
