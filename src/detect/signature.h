/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state of the signature detector. Private to signature*.c.
 *
 * Memory is bounded and taken as it is used: a home host seen (SIGNATURE_HOSTS), a rule that matched (SIGNATURE_RULES),
 * a rule on a host (SIGNATURE_PAIRS), a stage on a host (SIGNATURE_CLAIMS); each entry at most 40 bytes and the table's
 * own 56. When a table is full, what was used longest ago goes. */
#ifndef SEKIMORI_DETECT_SIGNATURE_H
#define SEKIMORI_DETECT_SIGNATURE_H

#include "base/table.h"
#include "detect/detector.h"
#include "detect/grading.h"

#define SIGNATURE_HOSTS  (1u << 16)
#define SIGNATURE_RULES  (1u << 15)
#define SIGNATURE_PAIRS  (1u << 16)
#define SIGNATURE_CLAIMS (1u << 16)

/* Hosts that are taken to have been seen without a match, before any is: with few hosts their share says little. */
#define SIGNATURE_PRIOR 16u

extern const struct evidence_kind signature_kinds[]; /* the first is that of STAGE_INFECT, and so on to STAGE_STEAL */
#define SIGNATURE_KINDS (STAGE_STEAL + 1)

struct signature_rule {
        struct signature_rule_key {
                uint32_t gid, sid;
        } key;
        uint32_t hosts; /* that it accused */
};

struct signature_pair {
        struct signature_pair_key {
                struct detector_key host;
                struct signature_rule_key rule;
        } key;
        uint32_t alerts;
        uint8_t counted[SIGNATURE_KINDS]; /* it stands in the claim's number of rules */
};

struct signature_claim {
        struct signature_claim_key {
                struct detector_key host;
                uint64_t stage;
        } key;
        struct grading told;
        uint16_t rules; /* distinct, that weigh anything */
        uint16_t best;  /* weight of the heaviest of them, when it matched */
};

struct signature {
        struct table *hosts, *rules, *pairs, *claims;
        uint32_t n_hosts;
};

/* Most that a match weighs of a rule that matched on `with` of `hosts` home hosts; hundredths. See docs/rules.md. */
uint32_t signature_rarity(uint32_t with, uint32_t hosts);

/* Whom an alert accuses, and of what. */
struct signature_accused {
        const struct addr *host, *peer;
        uint16_t peer_port;
        uint8_t stage; /* enum stage */
        uint16_t weight;
        bool victim;
};
/* Returns how many, at most two: the sender and the receiver may both be home hosts. */
unsigned signature_accuse(const struct alert_event *a, struct signature_accused ret[static 2]);

void signature_explain(const struct evidence *e, struct buf *out);

#endif
