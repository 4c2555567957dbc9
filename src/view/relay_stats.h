/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Relays in numbers, as the relay inquiry presents them: which systems and which classes they were month by month, and
 * what the second inquiry found where the first one had found this or that; and how many are not known, and why. Each
 * address counts once a month, as its newest record of that month has it. Pure, of fixed size; in the command line. */
#ifndef SEKIMORI_VIEW_RELAY_STATS_H
#define SEKIMORI_VIEW_RELAY_STATS_H

#include "mail/record.h"
#include "view/text.h"

#define RELAY_STATS_MONTHS 240 /* told apart; what lies in others is counted */
#define RELAY_STATS_RECENT 16  /* months of one address that are held until its last record was seen */

/* What is found: the role of its system, and whether a mail server answers. */
#define RELAY_STATS_FOUND (OS_ROLES * ANSWERS)

struct relay_stats_month {
        int32_t month; /* 12 * year + month from 0, UTC */
        uint64_t relays, families[OS_FAMILIES], classes[JUDGE_CLASSES];
};

struct relay_stats {
        uint64_t records, mails, relays, inquiries, moved;
        uint64_t classes[JUDGE_CLASSES], unknown[JUDGE_WHYS]; /* of relays, by the newest record of each */
        uint64_t roles[OS_ROLES];
        struct relay_stats_month months[RELAY_STATS_MONTHS];
        unsigned n_months;
        uint64_t left_out; /* relays in further months */
        uint64_t again[RELAY_STATS_FOUND][RELAY_STATS_FOUND], again_moved[RELAY_STATS_FOUND][RELAY_STATS_FOUND];
        uint64_t asked_twice;
        /* The address whose records come. */
        struct record now;
        struct {
                int32_t month;
                uint8_t family, class;
        } recent[RELAY_STATS_RECENT];
        unsigned n_recent, first_found;
        bool any, any_moved, has_first, has_second;
};

/* Zeroed to begin. Records of one address follow each other, in the order in which they were made. */
void relay_stats_add(struct relay_stats *s, const struct record *r);
void relay_stats_end(struct relay_stats *s);

void relay_stats_put(struct buf *out, const struct text_look *look, const struct relay_stats *s);
/* {"event_type":"relay_stats",...}, without a newline. */
void relay_stats_json(struct buf *out, const struct relay_stats *s);

#endif
