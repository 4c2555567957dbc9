/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the sift share. Not for others. */
#ifndef SEKIMORI_RULES_SIFT_INTERNAL_H
#define SEKIMORI_RULES_SIFT_INTERNAL_H

#include "base/table.h"
#include "rules/sift.h"

#define SIFT_TABLE_BYTES 56u /* most that base/table adds to an entry: 32 of its node, 24 of its index */

struct sift_rule { /* names a rule over reloads */
        uint32_t gid, sid;
};

/* Of a match: from sent what matched. */
struct sift_ends {
        const struct addr *from, *to;
        uint16_t from_port, to_port;
        uint64_t flow;
};

struct sift {
        struct sift_params params;
        struct table *pairs, *merged, *thresholds, *uniques, *xbits;
        uint64_t *names; /* hashes of the xbits' names, by number */
        uint32_t n_names;
        nsec_t now;
        uint64_t packet;    /* of the newest match */
        uint32_t of_packet; /* matches of it */
        struct sift_stats stats;
};

/* Bytes held; adds what was evicted. */
uint64_t sift_table_bytes(const struct table *t, size_t entry, uint64_t *forgotten);

/* sift_threshold.c */
int sift_threshold_new(struct sift *s);
void sift_threshold_free(struct sift *s);
void sift_threshold_count(const struct sift *s, struct sift_stats *k);
bool sift_threshold_allows(struct sift *s, const struct rule *r, const struct sift_ends *ends);
/* Of a rate_filter: false while its new action is pass. */
bool sift_rate_allows(struct sift *s, const struct rule *r, const struct sift_ends *ends);

/* sift_xbits.c */
int sift_xbits_new(struct sift *s);
void sift_xbits_free(struct sift *s);
void sift_xbits_count(const struct sift *s, struct sift_stats *k);
/* 0 or -ENOMEM; `rules` may be NULL: none. */
int sift_xbits_set_rules(struct sift *s, const struct ruleset *rules);
bool sift_xbits_hold(struct sift *s, const struct rule *r, const struct sift_ends *ends);
void sift_xbits_change(struct sift *s, const struct rule *r, const struct sift_ends *ends);

/* What is tracked: an address, a pair of them in either order, a flow, or the rule alone. */
struct sift_tracked {
        struct addr a, b;
        uint64_t flow;
};
struct sift_tracked sift_track(uint8_t track, const struct sift_ends *ends);

#endif
