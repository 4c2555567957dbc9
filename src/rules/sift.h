/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Matches on their way to becoming alerts: what depends on more than one flow, and so is decided after the workers'
 * events are merged, in engine-time order, by one thread. In this order, as Suricata does it: conditions on xbits;
 * what the rule does to xbits; noalert; params.per_packet; suppress; threshold or detection_filter; rate_filter; and
 * ours: a rule that matches between the same two hosts more often than params.per_second in a second is told so often
 * one by one, and the rest of that second as one alert with its count.
 *
 * State is bounded; when a table is full, what was used longest ago goes, counted. Pure. Runs in the engine and in
 * `read`. */
#ifndef SEKIMORI_RULES_SIFT_H
#define SEKIMORI_RULES_SIFT_H

#include "base/cleanup.h"
#include "model/event.h"
#include "rules/ruleset.h"

/* Entries at most; bytes of each with its place in the table stand in docs/rules.md. */
#define SIFT_THRESHOLDS (1u << 17)
#define SIFT_UNIQUES    (1u << 17)
#define SIFT_XBITS      (1u << 17)
#define SIFT_PAIRS      (1u << 16)
#define SIFT_MERGED     (1u << 12)

struct sift;

struct sift_params {
        const struct ruleset *rules; /* outlives the sift, or is replaced with sift_set_rules() */
        uint32_t per_second;         /* 0: every alert is told */
        uint32_t per_packet;         /* at most so many matches of one packet count, the first; 0: all */
        void (*event)(void *userdata, const struct event *e);
        void *userdata;
};

struct sift_stats {
        uint64_t matches;    /* of rules, that came in */
        uint64_t told;       /* alerts that went out */
        uint64_t silent;     /* of rules with noalert */
        uint64_t no_xbit;    /* whose xbits did not hold */
        uint64_t suppressed; /* by threshold.config */
        uint64_t limited;    /* by a threshold or detection_filter */
        uint64_t passed;     /* by a rate_filter with new_action pass */
        uint64_t crowded;    /* beyond params.per_packet */
        uint64_t merged;     /* told with others as one */
        uint64_t forgotten;  /* entries of tables that were full */
        uint64_t bytes;      /* of memory held, about */
};

int sift_new(const struct sift_params *params, struct sift **ret);
void sift_free(struct sift *s);
DEFINE_FREEP(struct sift, sift_free)

/* An event in order of time: alerts are sifted, all others go on as they are. */
void sift_event(struct sift *s, const struct event *e);
/* Engine time goes on: what was merged is told once its second is over. */
void sift_advance(struct sift *s, nsec_t now);
/* What was merged is told now. */
void sift_flush(struct sift *s, nsec_t now);
/* Another set takes the place of the first, whose alerts have all been given. Thresholds and xbits stay. 0 or -ENOMEM,
 * then nothing has changed. */
int sift_set_rules(struct sift *s, const struct ruleset *rules);
void sift_get_stats(const struct sift *s, struct sift_stats *ret);

#endif
