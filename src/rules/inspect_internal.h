/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the inspection share. Nothing outside src/rules/inspect*.c and the prefilter includes this. Runs in
 * the engine and in `read`. */
#ifndef SEKIMORI_RULES_INSPECT_INTERNAL_H
#define SEKIMORI_RULES_INSPECT_INTERNAL_H

#include "base/table.h"
#include "rules/prefilter.h"

/* Host bits at most, over all hosts of the inspector's flows. */
#define INSPECT_HOST_BITS 16384

/* ---- inspect_flow.c: what a flow keeps ---- */

#define INSPECT_CHUNK_BYTES 256
#define INSPECT_CHUNKS_MAX  24 /* of one flow: 6 KiB */
#define INSPECT_WAITS_MAX   64 /* rules of one flow that wait */

enum inspect_entry_kind {
        ENTRY_NONE,
        ENTRY_BIT,            /* id: name */
        ENTRY_INT,            /* id: name; value */
        ENTRY_WAIT,           /* id: rank; of that transaction */
        ENTRY_WAIT_STREAM,    /* value: end of the window when it began to wait (low 32 bits) */
        ENTRY_MATCHED,        /* id: rank; in that transaction */
        ENTRY_MATCHED_STREAM, /* value: end of the window when it matched */
};

struct inspect_entry {
        uint8_t kind;
        uint8_t to_server;
        uint16_t spare;
        uint32_t id, transaction, value;
};

struct inspect_pool;

int inspect_pool_new(uint32_t bytes, struct inspect_pool **ret);
void inspect_pool_free(struct inspect_pool *p);
uint64_t inspect_pool_bytes(const struct inspect_pool *p);
uint64_t inspect_pool_dropped(const struct inspect_pool *p); /* flows that lost what they kept */
uint64_t inspect_pool_waiting(const struct inspect_pool *p); /* entries that wait now */

/* The flow is in use: the last that goes. */
void inspect_flow_touch(struct inspect_pool *p, struct inspect_flow **flow);
void inspect_flow_free(struct inspect_pool *p, struct inspect_flow **flow);
bool inspect_flow_passed(const struct inspect_flow *f);
int inspect_flow_pass(struct inspect_pool *p, struct inspect_flow **flow);
/* How many entries of the kinds that wait or have matched there are; NULL is fine. */
unsigned inspect_flow_waits(const struct inspect_flow *f);
unsigned inspect_flow_matches(const struct inspect_flow *f);
/* The first entry with all of that but value (ENTRY_BIT, ENTRY_INT: kind and id), or NULL. */
struct inspect_entry *inspect_flow_find(struct inspect_flow *f, const struct inspect_entry *like);
/* Adds; *flow is made when it is NULL. Of what waits or has matched the oldest may go: *ret_dropped. NULL: no room. */
struct inspect_entry *inspect_flow_add(struct inspect_pool *p, struct inspect_flow **flow,
                                       const struct inspect_entry *e, bool *ret_dropped);
void inspect_flow_remove(struct inspect_pool *p, struct inspect_flow *f, struct inspect_entry *e);
/* Every entry in use, in any order: start with *at = 0; NULL at the end. Removing the entry at hand is fine. */
struct inspect_entry *inspect_flow_next(struct inspect_flow *f, unsigned *at);

/* ---- inspect_test.c: header, flow, packet ---- */

enum inspect_head { HEAD_PROTO, HEAD_FAMILY, HEAD_APP, HEAD_ENDS, HEAD_FLOW, HEAD_HELD };

/* Of the payload, as dsize means it. */
uint32_t inspect_test_size(const struct packet *p);
/* Does the end name the address? */
bool inspect_test_address(const struct rule_end *e, const struct addr *a);
bool inspect_test_flags(const struct rule_test *t, uint8_t flags);
bool inspect_test_holds(const struct rule_test *t, const struct inspect_input *in);
/* The first condition of header and flow that does not hold. */
enum inspect_head inspect_test_head(const struct rule *r, const struct inspect_input *in);

/* ---- inspect_bits.c ---- */

struct inspector;

bool inspect_bits_hold(struct inspector *i, const struct rule_bit *b, const struct inspect_input *in);
void inspect_bits_set(struct inspector *i, const struct rule *r, const struct inspect_input *in);

/* ---- inspect_rule.c: a rule on what is at hand ---- */

struct inspect_judge {
        const struct prefilter_rule *rule;
        const struct inspect_input *in;
        uint64_t after; /* bytes of the stream before this place have matched already */
        void (*why)(void *userdata, const struct inspect_why *w); /* NULL: nobody asks */
        void *userdata;
};
enum inspect_answer inspect_rule_judge(struct inspector *i, const struct inspect_judge *j);

/* ---- inspect_why.c: reasons, when somebody asks ---- */

void inspect_why_head(const struct inspect_judge *j, enum inspect_head failed);
void inspect_why_test(const struct inspect_judge *j, const struct rule_test *t, bool held);
void inspect_why_bit(struct inspector *i, const struct inspect_judge *j, const struct rule_bit *b, bool held);
/* Where the payload cannot be judged in this kind of call. */
void inspect_why_call(const struct inspect_judge *j, const char *text);
void inspect_why_missing(const struct inspect_judge *j, unsigned part, bool coming);
void inspect_why_part(const struct inspect_judge *j, unsigned part, enum inspect_answer a, const struct match_trace *t);

/* ---- inspect.c ---- */

/* A packet that was judged alone, before the piece of the stream that it brought. */
#define INSPECT_PACKET_MATCHES 16
struct inspect_packet {
        nsec_t time;
        struct addr src;
        uint32_t seq;
        uint16_t sport, dport;
        unsigned n_matched;
        uint32_t matched[INSPECT_PACKET_MATCHES]; /* ranks */
};

struct inspector {
        struct inspect_params params;
        const struct prefilter *prefilter;
        struct prefilter_scratch *scratch;
        struct matcher *matcher;
        struct inspect_pool *pool;
        struct table *host_bits; /* made when first needed */
        struct candidates candidates;
        const struct rule **matched; /* of the inspection under way */
        uint32_t n_matched;
        struct match_trace *trace; /* made when first needed */
        struct inspect_packet packet;
        struct inspect_stats stats;
        struct inspect_profile *profile; /* by index */
};

#endif
