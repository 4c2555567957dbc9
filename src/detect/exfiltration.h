/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state of the exfiltration detector. Private to exfiltration*.c.
 *
 * Memory is fixed, 6 MB at most whatever the number of hosts, and taken as it is used: 32 bytes per host (or process),
 * peer and port that an unusual flow carried something to (EXFILTRATION_PAIRS of them), 32 per host or process with
 * unusual flows (EXFILTRATION_SOURCES), what detect/peers.h says, and a table of the sources of claims. When room is
 * short, what was used longest ago goes. */
#ifndef SEKIMORI_DETECT_EXFILTRATION_H
#define SEKIMORI_DETECT_EXFILTRATION_H

#include "base/table.h"
#include "detect/detector.h"
#include "detect/grading.h"
#include "detect/peers.h"
#include "detect/ways.h"

#define EXFILTRATION_PAIRS   (1u << 16)
#define EXFILTRATION_SOURCES (1u << 15)
#define EXFILTRATION_CLAIMS  (1u << 14)

enum exfiltration_kind { EXFILTRATION_UPLOAD, EXFILTRATION_KINDS };
extern const struct evidence_kind exfiltration_kinds[EXFILTRATION_KINDS];

/* What ended flows of one source to one peer and port carried, since `begin`. */
struct exfiltration_pair {
        uint64_t out, in; /* bytes of payload */
        uint32_t begin;   /* second, since 1970 */
        uint32_t flows;
};

/* Peers that a source talks to in words nobody knows: by their number a client of a peer-to-peer network is told. */
struct exfiltration_source {
        uint64_t peers[2]; /* of this hour and the last, by hash */
        uint32_t hour;
};

struct exfiltration_told {
        struct detector_key key;
        struct grading told;
};

struct exfiltration {
        const struct lineage *lineage;
        uint8_t boot_id[16];
        uint32_t begin; /* the second before the first event (modulo 2^32): stamps count from it */
        bool begun;
        struct peers peers;
        struct ways pairs, sources;
        struct table *claims;
};

void exfiltration_explain(const struct evidence *e, struct buf *out);

#endif
