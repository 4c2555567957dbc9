/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state of the beacon detector. Private to beacon*.c.
 *
 * Memory is fixed, 8 MB in all whatever the number of hosts, and taken as it is used: 8 bytes per host, peer and port
 * (BEACON_SEEN of them), 64 if it was contacted again (BEACON_PAIRS), and what detect/peers.h says. When room is short,
 * whose next contact is longest overdue goes (detect/ways.h). And a table of the sources of claims. */
#ifndef SEKIMORI_DETECT_BEACON_H
#define SEKIMORI_DETECT_BEACON_H

#include "base/table.h"
#include "detect/detector.h"
#include "detect/grading.h"
#include "detect/peers.h"
#include "detect/ways.h"

#define BEACON_SEEN      (1u << 17)
#define BEACON_PAIRS     (1u << 16)
#define BEACON_SOURCES   (1u << 14)
#define BEACON_INTERVALS 16
#define BEACON_SIZES     8

#define BEACON_EXEMPT UINT8_MAX

enum beacon_kind { BEACON_PERIODIC, BEACON_KINDS };
extern const struct evidence_kind beacon_kinds[BEACON_KINDS];

enum beacon_flag {
        BEACON_NAMED = 1, /* what it says there names the peer, or may do so unseen */
        BEACON_BARE = 2,  /* what it says there names nobody, where others do */
};

/* Contacts of one source with one peer and port, from the second on. The newest intervals, each as 1024*log2 of
 * milliseconds: 0.07 % exact over all lengths in two bytes. */
struct beacon_pair {
        uint32_t newest;   /* tenths of a second of the last contact, since 1970, modulo 2^32 */
        uint32_t last_out; /* bytes of the last flow that ended */
        uint16_t contacts;
        uint16_t interval[BEACON_INTERVALS];
        uint8_t size[BEACON_SIZES]; /* 8*log2 of bytes sent in a contact */
        uint8_t n_sizes;            /* BEACON_EXEMPT: what it speaks is regular by nature */
        uint8_t regular;            /* contacts in a row after which the rhythm was regular */
        uint8_t flags;              /* enum beacon_flag */
        uint8_t longs;              /* intervals of the ring that are long enough for a beacon */
        uint8_t alike; /* flows in a row that each said exactly as much, in words nobody knows, and were answered */
};

/* What was claimed of a host or process: its best peer counts, for honest programs have several. */
struct beacon_source {
        struct detector_key key;
        struct grading told;
};

struct beacon {
        const struct lineage *lineage;
        uint8_t boot_id[16];
        uint32_t begin; /* the second before the first event (modulo 2^32): stamps count from it */
        bool begun;
        struct peers peers;
        struct ways seen, pairs;
        struct table *sources;
};

/* Half of the values lie within `spread` of `median`, all within `most`; `n` values, at most BEACON_INTERVALS. In
 * milliseconds. */
struct beacon_rhythm {
        uint64_t median, spread, most; /* spread: median absolute deviation */
        unsigned contacts;             /* that keep it */
};
struct beacon_rhythm beacon_rhythm_of(const uint16_t *logs, unsigned n);
uint16_t beacon_log(uint64_t ms);

/* Is there a name for the peer? 1; 0: the host asks for names, but never for this one, or shows it some other way;
 * -1: nobody can say. */
int beacon_is_named(const struct beacon *b, const struct beacon_pair *p, const struct addr *local,
                    const struct addr *remote);
void beacon_explain(const struct evidence *e, struct buf *out);

#endif
