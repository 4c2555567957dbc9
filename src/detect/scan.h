/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state of the scan detector: who was contacted for the first time, and what came of it. Private to scan*.c.
 *
 * Memory is fixed, 13 MB in all whatever the number of hosts, and taken as it is used: 8 bytes per host, peer and port
 * (SCAN_CONTACTS of them) and per host and address asked for by name, 72 per host and port, 40 per host and peer of
 * which ports failed, 104 per host that does more than that, 48 per /24 of ours, 4 per host. When room is short, what
 * says least goes: answers before failures, the honest before the doubtful (detect/ways.h). */
#ifndef SEKIMORI_DETECT_SCAN_H
#define SEKIMORI_DETECT_SCAN_H

#include "config/home.h"
#include "detect/detector.h"
#include "detect/grading.h"
#include "detect/ways.h"

#define SCAN_CONTACTS (1u << 18)
#define SCAN_NAMES    (1u << 17)
#define SCAN_SWEEPS   (1u << 16)
#define SCAN_TARGETS  (1u << 14)
#define SCAN_SOURCES  (1u << 15)
#define SCAN_SUBNETS  (1u << 12)
#define SCAN_HEARD    (1u << 17)

enum scan_kind { SCAN_HORIZONTAL, SCAN_VERTICAL, SCAN_SWEEP, SCAN_DARK, SCAN_UNUSED, SCAN_KINDS };
extern const struct evidence_kind scan_kinds[SCAN_KINDS];

enum scan_outcome {
        SCAN_PENDING,
        SCAN_FAILED,
        SCAN_ANSWERED,
        SCAN_NO_MATTER, /* asked for by name, or one direction was not captured: an outcome that tells nothing */
        SCAN_TOUCHED,   /* no contact: an address of dark or unused space that was counted */
};

/* One source, one protocol and port, many targets. */
struct scan_sweep {
        uint64_t targets; /* distinct ones tried, by hash */
        int32_t walk;     /* the sequential test: log-likelihood ratio of scanner to honest, hundredths of 10*log10 */
        uint32_t tried, failed, answered;
        uint32_t run_failed, run_answered; /* since the test last began anew */
        uint32_t unsure;                   /* failed while nobody at all answered the source; not in the above */
        uint32_t since, bucket;
        uint16_t fresh[2]; /* contacts still pending that began in this bucket and the one before */
        uint16_t begun[2]; /* all that began then */
        uint16_t port;
        uint8_t proto;
        uint8_t burst; /* many neighbours were asked within seconds */
        uint32_t spare;
};

/* One source, one target, many ports. */
struct scan_target {
        uint64_t ports; /* distinct ones that failed, by hash */
        uint32_t since;
        uint32_t failed, answered;
        uint32_t counted;         /* of the failed: in the source's blocks */
        uint16_t lowest, highest; /* that failed */
};

struct scan_source {
        uint64_t ports[2], peers[2]; /* distinct ones of its contacts on high ports in this round, by hash */
        uint32_t p2p_at;             /* second in which its peers' ports last were all different */
        uint32_t day;                /* second in which the counts per day began */
        uint32_t high;               /* contacts on high ports this day */
        uint32_t blocks;             /* ports that failed this day on targets whose ports it scans */
        uint16_t dark, unused;       /* distinct addresses touched this day */
        uint16_t round, spare;       /* contacts of this round */
        struct grading told[SCAN_KINDS];
};

/* A /24 of ours: since when it is watched, and which of its addresses ever sent something. */
struct scan_subnet {
        uint64_t used[4];
        uint32_t since, spare;
};

struct scan {
        const struct lineage *lineage;
        uint8_t boot_id[16];
        struct cidr *dark;
        size_t n_dark;
        struct home *home;
        uint32_t begin; /* the second before the first event (modulo 2^32): stamps count from it */
        bool begun;
        struct ways contacts, names, sweeps, targets, sources, subnets;
        uint32_t *heard; /* by hash of the source: second in which anything last answered it */
};

/* What the event said of a contact, with what it changed. */
struct scan_step {
        const struct flow_event *flow;
        uint64_t who, remote; /* hashes of source and target */
        uint32_t second, stamp;
        struct scan_sweep *sweep;
        struct scan_target *target; /* TCP and UDP of which a port failed */
        struct scan_source *source; /* if needed: scan_source_of() */
        bool dark, unused;          /* a new address of that kind */
};

/* Takes a flow that the source began. false: nothing new. */
bool scan_take(struct scan *s, const struct event *e, struct scan_step *ret);
/* An address of ours is in use; notes it. */
void scan_note_used(struct scan *s, const struct addr *a, uint32_t second);
/* The addresses of an answer to a home host: it asked for them by name. */
void scan_note_names(struct scan *s, const struct dns_event *d, uint32_t second);
struct scan_source *scan_source_of(struct scan *s, struct scan_step *step);
/* Has each of the source's peers had a port of its own of late, as the members of a swarm have, and is this port not
 * the one that stands out? */
bool scan_is_p2p(struct scan *s, struct scan_step *step);

void scan_explain(const struct evidence *e, struct buf *out);

#endif
