/* SPDX-License-Identifier: GPL-3.0-or-later */
/* evidence: one detector's claim about a subject, weighted, with the facts behind it.
 * Weights are log-likelihood ratios: 10*log10 of the ratio, in hundredths, as integers (see docs/scoring.md). */
#ifndef SEKIMORI_MODEL_EVIDENCE_H
#define SEKIMORI_MODEL_EVIDENCE_H

#include "model/subject.h"

enum stage { STAGE_INFECT, STAGE_EGG, STAGE_CONTROL, STAGE_SPREAD, STAGE_ATTACK, STAGE_STEAL, STAGE_HIDE, STAGES };

/* A kind of claim: a static row of a detector's table. */
struct evidence_kind {
        const char *name;   /* "server_like.order": detector, dot, claim; the key in store, config and JSON */
        const char *title;  /* a short sentence for people */
        const char *reason; /* why this weight: the measure or source it comes from */
        enum stage stage;
        int32_t weight;   /* of one claim, hundredths */
        int32_t cap;      /* most that claims of this kind add up to on one subject, hundredths */
        nsec_t half_life; /* after which a claim counts half */
        bool conclusive;  /* proof by itself: `bot` needs no second stage */
};

enum fact_type { FACT_NUMBER, FACT_TIME, FACT_SPAN, FACT_ENDPOINT, FACT_TEXT, FACT_PROCESS, FACT_TYPES };

#define FACT_TEXT_MAX 64

struct fact {
        const char *key; /* static or interned: lower_snake_case; a key stands once in an evidence */
        enum fact_type type;
        union {
                int64_t number; /* NUMBER, TIME (nsec), SPAN (nsec) */
                struct {
                        struct addr addr;
                        uint16_t port;
                        uint8_t proto;
                } endpoint;
                char text[FACT_TEXT_MAX];
                struct {
                        struct task task;
                        char name[32];
                } process;
        };
};

#define EVIDENCE_FACTS_MAX 16
#define EVIDENCE_REFS_MAX  8

struct evidence {
        struct subject subject;
        const struct evidence_kind *kind;
        int32_t weight; /* of this claim, hundredths: the kind's weight unless the detector graded it */
        nsec_t first, last;
        uint32_t count; /* claims folded into this one (same subject and kind) */
        uint8_t n_facts, n_refs;
        struct fact facts[EVIDENCE_FACTS_MAX]; /* of the newest claim */
        uint64_t refs[EVIDENCE_REFS_MAX];      /* flow_id or socket_id of events behind it */
};

/* Adds or replaces the fact of that key. -ENOBUFS when full. */
int evidence_fact_number(struct evidence *e, const char *key, int64_t n);
int evidence_fact_time(struct evidence *e, const char *key, nsec_t t);
int evidence_fact_span(struct evidence *e, const char *key, nsec_t span);
int evidence_fact_endpoint(struct evidence *e, const char *key, const struct addr *a, uint16_t port, uint8_t proto);
int evidence_fact_text(struct evidence *e, const char *key, const char *text); /* cut at FACT_TEXT_MAX - 1 */
int evidence_fact_process(struct evidence *e, const char *key, const struct task *t, const char *name);
const struct fact *evidence_find_fact(const struct evidence *e, const char *key); /* NULL: not there */
int64_t evidence_number(const struct evidence *e, const char *key); /* a number, time or span; 0: not there */
const char *evidence_text(const struct evidence *e, const char *key, const char *otherwise);
void evidence_add_ref(struct evidence *e, uint64_t id); /* beyond the maximum: dropped */

const char *stage_name(unsigned stage); /* "control" */
int stage_from_name(const char *name);  /* or -EINVAL */

/* A score in hundredths as people read it: "31.5". */
#define SCORE_TEXT_MAX 16
const char *score_format(int32_t hundredths, char text[static SCORE_TEXT_MAX]);

#endif
