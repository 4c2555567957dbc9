/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A record of a log as events: one for each home host that takes part, seen from its side, as packets would give it.
 * Runs in `read`. */
#ifndef SEKIMORI_SOURCE_LOG_EMIT_H
#define SEKIMORI_SOURCE_LOG_EMIT_H

#include "source/log.h"

enum { LOG_ORIG, LOG_RESP }; /* indices of both ends: who opened the flow, and the other */

/* Two ends as a log names them. */
struct log_talk {
        uint64_t flow_id;
        struct addr addr[2];
        uint16_t port[2];
        uint16_t icmp; /* type and code */
        uint8_t proto;
        bool origin_unknown;
        uint8_t home; /* enum home_side; by log_emit_place() */
};

/* What a log says of the flow; indices are LOG_ORIG and LOG_RESP. */
struct log_flow {
        uint64_t bytes[2];
        uint64_t pkts[2];
        uint8_t tcp[2];
        uint8_t state, app;
        uint16_t flags;
        nsec_t since;
};

/* Who of them is at home? false: nobody, which is counted, and there is nothing to emit. */
bool log_emit_place(const struct log_out *out, struct log_talk *talk);
void log_emit_flow(const struct log_out *out, const struct log_talk *talk, const struct log_flow *flow, nsec_t time,
                   enum flow_op op);
/* A flow of these totals that began at `flow->since` was answered and went on for a while: packets would have told so
 * when the answer came, which is all that a log leaves out; so the beginning's time stands for it. Without it a flow
 * that lasts would look unanswered until its end. */
void log_emit_answered(const struct log_out *out, const struct log_talk *talk, const struct log_flow *flow);
/* An event with ends, which are filled in. `by`: LOG_ORIG or LOG_RESP said it. */
void log_emit_app(const struct log_out *out, const struct log_talk *talk, struct event *e, unsigned by);
/* "TEXT (file name)". */
void log_emit_gap(const struct log_out *out, enum gap_reason reason, uint64_t lost, const char *text);
/* The number of a flow by what names it in the log; positive as a signed number too, for readers of JSON. */
uint64_t log_emit_id(const void *key, size_t len, uint64_t seed);

#endif
