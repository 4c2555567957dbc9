/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the prefilter share. Nothing outside src/rules/prefilter*.c includes this, but match_find.c for
 * what is known of bytes. Runs where rules are compiled; in the engine and in `read`. */
#ifndef SEKIMORI_RULES_PREFILTER_INTERNAL_H
#define SEKIMORI_RULES_PREFILTER_INTERNAL_H

#include <hs/hs.h>

#include "rules/prefilter.h"
#include "rules/ruleset_internal.h"

/* Rules that name ports are kept apart by port: so many classes of ports of their own, and one for all other ports that
 * a rule names. Every class is a database; literals of rules that name a range stand in several. */
#define PREFILTER_CLASSES 32
/* A rule that names more ports than this is looked for on every port. */
#define PREFILTER_PORTS_WIDE 2048

/* A literal that can only stand at so many places, and ends within so many bytes, is not searched for but compared. */
#define PREFILTER_PLACES 8
#define PREFILTER_NEAR   128

/* A rule that a literal brings up, unless it stands in the wrong place or the packet has the wrong size. */
struct prefilter_entry {
        uint32_t rank;
        uint32_t from, till; /* where the literal may end */
        uint16_t size_from, size_to;
};

/* Literals that are looked for together. */
struct prefilter_literals {
        hs_database_t *database; /* NULL: none */
        uint32_t *first;         /* by number of the literal: of its entries; one more than literals */
        struct prefilter_entry *entries;
        uint32_t n;
};

/* The literals, and the rules without one, that are looked at together. */
struct prefilter_placed;
struct prefilter_set {
        struct prefilter_literals literals;
        struct prefilter_placed *placed; /* NULL: none */
        struct prefilter_entry *bare;    /* rules without a literal */
        uint32_t n_bare;
};

/* From home to home, home to outside, outside to home, outside to outside. */
#define PREFILTER_SIDES 4
struct prefilter_sets {
        struct prefilter_set of[PREFILTER_SIDES];
};

/* Which rules name an address: intervals between all ends of their ranges. */
struct prefilter_addresses {
        struct addr *from; /* of intervals, ascending; the first is :: */
        uint32_t *first;   /* by interval: of its ranks; one more than intervals */
        uint32_t *ranks;
        uint32_t n;
        uint64_t v4[1024]; /* by the upper half of an IPv4 address: some rule names one of it */
        bool v6;           /* some rule names an IPv6 address */
};

/* Rules of one kind of packet or stream, and one direction. */
struct prefilter_group {
        struct prefilter_sets any;
        struct prefilter_sets *apps[APPS]; /* of rules that ask for that application */
        struct prefilter_sets *ports[2];   /* PREFILTER_CLASSES + 1 each; by source, by destination port */
        uint8_t *class_of[2];              /* by port: its class + 1, 0: no rule names it; NULL: none at all */
        struct prefilter_addresses *addresses[2];
        uint32_t n_rules;
};

enum { BY_SOURCE, BY_DESTINATION };

/* Payload of TCP by stream: all rules, also those that look at packets. By packet: those alone that look at packets,
 * for packets whose bytes come with the stream. HEAD: rules that ask for no bytes; of TCP, for packets with a flag
 * besides ACK and PSH, and without. */
enum prefilter_kind {
        KIND_TCP_STREAM,
        KIND_TCP_PACKET,
        KIND_UDP,
        KIND_ICMP,
        KIND_OTHER,
        KIND_HEAD_TCP_PLAIN,
        KIND_HEAD_TCP_SPECIAL,
        KIND_HEAD_UDP,
        KIND_HEAD_ICMP,
        KIND_HEAD_OTHER,
        KIND_ADDRESSES, /* rules that ask for addresses only: the first packet of each flow and direction */
        KINDS
};

struct prefilter {
        struct prefilter_rule *rules; /* by rank */
        uint32_t *rank_of;            /* by index */
        uint32_t n_rules;
        const struct rule_end *home;               /* divides the addresses (prefilter_side.c); NULL: nothing does */
        struct prefilter_group groups[KINDS][2];   /* [..][to server] */
        struct prefilter_sets buffers[BUFFERS][2]; /* of applications */
        struct prefilter_sets mixed[2];            /* of rules that ask for both, by the payload around a transaction */
        uint64_t looked_at[PREFILTER_SIDES][2];    /* BUFFER_BITs of applications that some rule asks for */
        hs_scratch_t *scratch;                     /* large enough for every database */
        uint64_t bytes;
        uint32_t databases, literals;
};

struct prefilter_scratch {
        hs_scratch_t *scratch;
};

static inline unsigned prefilter_ports_n(const struct rule_end *e)
{
        unsigned n = 0;

        if (e->any_port)
                return 65536;
        for (uint32_t i = 0; i < e->n_ports; i++)
                n += e->ports[i].to - e->ports[i].from + 1u;
        return n;
}

/* ---- prefilter_literal.c ---- */

struct prefilter_measured;
int prefilter_literal_new(struct prefilter_measured **ret); /* scratch memory; free() */
/* Chooses the rarest literal; fills all of *r. */
void prefilter_literal_choose(const struct rule *rule, struct prefilter_measured *m, struct prefilter_rule *r);
/* ---- prefilter_pcre.c ---- */

/* What must stand in every match; returns its length, 0: nothing is known. */
unsigned prefilter_pcre_literal(const struct rule_pcre *pcre, uint8_t ret[static PREFILTER_LITERAL_MAX],
                                bool *ret_nocase);

/* ---- prefilter_pairs.c: generated by script/byte-pairs ---- */

#define PREFILTER_BYTE_CLASSES 64
extern const uint8_t prefilter_byte_class[256];
extern const uint8_t prefilter_pair_bits[PREFILTER_BYTE_CLASSES][PREFILTER_BYTE_CLASSES];
extern const uint8_t prefilter_byte_bits[PREFILTER_BYTE_CLASSES];

/* ---- prefilter_common.c: likewise ---- */

#define PREFILTER_PIECE 6
extern const uint64_t prefilter_common[];
extern const unsigned prefilter_common_n;

/* ---- prefilter_order.c ---- */

/* Fills ret_order[rank] = index. */
int prefilter_order(const struct ruleset *s, uint32_t *ret_order);

/* ---- prefilter_set.c ---- */

/* Ranks that go into one set. */
struct prefilter_members {
        uint32_t *ranks;
        uint32_t n, room;
};
int prefilter_members_add(struct prefilter_members *m, uint32_t rank);
/* The rules of each side. */
int prefilter_sets_build(struct prefilter *p, const struct prefilter_members *m, struct prefilter_sets *sets);
void prefilter_sets_done(struct prefilter_sets *sets);
static inline bool prefilter_set_has(const struct prefilter_set *set)
{
        return set->literals.n || set->placed || set->n_bare;
}

struct prefilter_asking {
        const struct inspect_input *in;
        unsigned side;
        hs_scratch_t *scratch;
        const struct inspect_buffer *bytes;  /* NULL: rules that ask for none */
        const struct inspect_buffer *packet; /* its payload, when it comes in one call with the stream's piece */
        struct candidates *candidates;
        uint32_t size; /* of the packet's payload; UINT32_MAX: no packet at hand */
        uint64_t scanned;
};
void prefilter_sets_ask(const struct prefilter_sets *sets, struct prefilter_asking *a);

/* ---- prefilter_placed.c ---- */

/* Can this rule's literal stand at a few places only? */
bool prefilter_placed_fits(const struct prefilter_rule *r);
int prefilter_placed_build(struct prefilter *p, const struct prefilter_members *m, struct prefilter_placed **ret);
void prefilter_placed_free(struct prefilter_placed *d);
void prefilter_placed_ask(const struct prefilter_placed *d, const struct prefilter_asking *a,
                          const struct inspect_buffer *b);

static inline bool prefilter_size_fits(const struct prefilter_entry *e, uint32_t size)
{
        return size == UINT32_MAX || (MIN(size, UINT16_MAX) >= e->size_from && MIN(size, UINT16_MAX) <= e->size_to);
}

/* ---- prefilter_address.c ---- */

/* Of rules by rank, the end given (BY_SOURCE: src). */
int prefilter_addresses_build(struct prefilter *p, const struct prefilter_members *m, unsigned end,
                              struct prefilter_addresses **ret);
void prefilter_addresses_free(struct prefilter_addresses *a);
/* Adds the rules that name the address; c NULL: only says whether there is one. */
bool prefilter_addresses_find(const struct prefilter_addresses *a, const struct addr *of, struct candidates *c);
/* How wide its widest range is, as a power of two of addresses; 128: all. */
unsigned prefilter_addresses_width(const struct rule_end *e);

/* ---- prefilter_side.c ---- */

/* Fills `home` and the rules' `sides`. */
int prefilter_side_divide(struct prefilter *p);
unsigned prefilter_side(const struct prefilter *p, const struct inspect_input *in);

/* ---- prefilter_group.c ---- */

int prefilter_group_build(struct prefilter *p, enum prefilter_kind kind, const struct prefilter_members *m,
                          struct prefilter_group *g);
void prefilter_group_done(struct prefilter_group *g);

#endif
