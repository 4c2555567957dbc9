/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What learning proposes: who would have been refused, gathered, as the `sekimori gate allow` commands that would let
 * them send. Never for what runs inside a person's session: there a person's own doing is what counts. Used by the
 * keeper; one thread. */
#ifndef SEKIMORI_RESPOND_GATE_PROPOSE_H
#define SEKIMORI_RESPOND_GATE_PROPOSE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "respond/gate_map.h"

#define GATE_PROPOSE_MAX 256 /* the one seen longest ago goes */

struct gate_propose;

/* A record with what the user half knows of it; "" or NULL where it is not known. */
struct gate_propose_fact {
        const struct gate_record *record;
        const char *program; /* path */
        const char *cgroup;  /* from the root */
        nsec_t time;         /* wall clock */
};

enum gate_propose_kind { GATE_PROPOSE_UNIT, GATE_PROPOSE_PROGRAM };

struct gate_propose_item {
        enum gate_propose_kind kind;
        const char *value; /* unit's name, program's path */
        const char *user;  /* PROGRAM */
        bool wide; /* a program that runs whatever it is told to: all that this user runs with it would be let through
                    */
        uint32_t reason; /* enum gate_reason, the last one */
        uint64_t count;  /* attempts */
        nsec_t first, last;
};

struct gate_propose_stats {
        uint64_t inside;  /* attempts inside persons' sessions: nothing is proposed for them */
        uint64_t unknown; /* neither unit nor program known */
        uint64_t evicted; /* proposals that found no room */
};

int gate_propose_new(struct gate_propose **ret);
void gate_propose_free(struct gate_propose *p);
DEFINE_FREEP(struct gate_propose, gate_propose_free)

/* Takes what was, or would have been, refused; other records are passed over. */
void gate_propose_note(struct gate_propose *p, const struct gate_propose_fact *fact);
/* Since the list of senders changed: begin anew. */
void gate_propose_clear(struct gate_propose *p);
typedef void (*gate_propose_cb)(void *userdata, const struct gate_propose_item *item);
/* Most attempts first. */
void gate_propose_each(const struct gate_propose *p, gate_propose_cb cb, void *userdata);
void gate_propose_stats(const struct gate_propose *p, struct gate_propose_stats *ret);
/* "sekimori gate allow postfix.service", quoted for a shell. */
int gate_propose_put(const struct gate_propose_item *item, struct buf *out);

#endif
