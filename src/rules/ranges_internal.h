/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What ranges*.c share: a list at work. Runs where rules are read. */
#ifndef SEKIMORI_RULES_RANGES_INTERNAL_H
#define SEKIMORI_RULES_RANGES_INTERNAL_H

#include "rules/ranges.h"

typedef unsigned __int128 ranges_number;

struct ranges_span {
        ranges_number from, to; /* both in */
};
struct ranges_spans {
        struct ranges_span *items;
        uint32_t n, size;
};
struct ranges_work {
        struct rule_ranges *ranges;
        bool port;
        ranges_number most; /* the highest there is */
        uint32_t n;         /* spans made so far */
        struct ranges_why *why;
};

int ranges_fail(struct ranges_work *w, enum rule_problem_kind kind, const char *format, ...) _printf_(3, 4);
int ranges_push(struct ranges_work *w, struct ranges_spans *s, ranges_number from, ranges_number to);

/* One address, network or range of addresses; one port or range of ports. */
int ranges_add_addr(struct ranges_work *w, struct slice item, struct ranges_spans *to);
int ranges_add_port(struct ranges_work *w, struct slice item, struct ranges_spans *to);
struct addr ranges_to_addr(ranges_number n);

#endif
