/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The flows of one virtual shard. Flows lie in chunks and are named by number (32 bits), so that lists cost eight bytes
 * and nothing moves. A packet of a known flow costs one bucket and one or two cache lines: its place in the list is
 * renewed once a second at most, and whoever looks at the list's old end takes the flow's own `last` for truth. */
#include "flow/flow.h"

#include <errno.h>
#include <netinet/in.h>

#define CHUNK 256u /* flows: 48 KiB */
#define NONE  UINT32_MAX
#define LINE  64u /* bytes of a cache line */

static_assert(sizeof(struct flow) <= FLOW_BYTES, "a flow keeps to its promise");
static_assert(sizeof(struct flow) % LINE == 0, "every flow begins with a cache line");
static_assert(offsetof(struct flow, bytes) == LINE && offsetof(struct flow, first) == 2 * LINE, "as flow.h says");

/* Quiet for longer than this, and a flow is over. CLOSED: twice Linux's segment lifetime is for the endpoints; late
 * packets come within seconds. NEW: a SYN is repeated for a minute at most by most systems. */
static const nsec_t timeouts[FLOW_LISTS] = {
        [FLOW_LIST_CLOSED] = 5 * NSEC_PER_SEC,
        [FLOW_LIST_NEW] = 30 * NSEC_PER_SEC,
        [FLOW_LIST_DATAGRAM] = 120 * NSEC_PER_SEC,
        [FLOW_LIST_ESTABLISHED] = 1800 * NSEC_PER_SEC,
};

struct flow_table {
        struct flow_table_params params;
        uint32_t *buckets; /* a power of two */
        uint32_t mask;
        struct flow **chunks;
        uint32_t n_chunks, free; /* head of the free ones, through `chain` */
        struct {
                uint32_t oldest, youngest;
        } lists[FLOW_LISTS];
        struct flow_table_stats stats;
};

static inline struct flow *flow_at(const struct flow_table *t, uint32_t i)
{
        return &t->chunks[i / CHUNK][i % CHUNK];
}

int flow_table_new(const struct flow_table_params *params, struct flow_table **ret)
{
        _cleanup_(flow_table_freep)
        struct flow_table *t = NULL;

        if (params->cap < 16 || params->cap > 1u << 24 || !params->gone)
                return -EINVAL;
        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;
        t->params = *params;
        t->mask = 63;
        t->buckets = malloc((t->mask + 1) * sizeof(*t->buckets));
        t->chunks = calloc((params->cap + CHUNK - 1) / CHUNK, sizeof(*t->chunks));
        if (!t->buckets || !t->chunks)
                return -ENOMEM;
        memset(t->buckets, 0xff, (t->mask + 1) * sizeof(*t->buckets));
        t->free = NONE;
        for (unsigned i = 0; i < FLOW_LISTS; i++)
                t->lists[i].oldest = t->lists[i].youngest = NONE;
        *ret = TAKE_PTR(t);
        return 0;
}

void flow_table_free(struct flow_table *t)
{
        if (!t)
                return;
        for (uint32_t i = 0; t->chunks && i < t->n_chunks; i++)
                free(t->chunks[i]);
        free(t->chunks);
        free(t->buckets);
        free(t);
}

static inline uint64_t mix(uint64_t x)
{
        x ^= x >> 32;
        x *= 0xd6e8feb86659fd93ull; /* rrmxmx-like; P. Evensen, "Designing a fast 64-bit mixer" */
        x ^= x >> 32;
        return x;
}

static inline uint64_t hash_end(uint64_t seed, const struct addr *a, uint16_t port)
{
        uint64_t word[2];

        memcpy(word, a->b, sizeof(word));
        return mix((word[1] ^ seed) + (uint64_t) port * 0x9e3779b97f4a7c15ull + word[0] * 0xc2b2ae3d27d4eb4full);
}

/* The same for both directions. */
static inline uint32_t hash_of(const struct flow_table *t, const struct addr *a, const struct addr *b, uint16_t a_port,
                               uint16_t b_port, uint8_t proto)
{
        return (uint32_t) mix(hash_end(t->params.seed, a, a_port) + hash_end(t->params.seed, b, b_port) + proto);
}

/* The ports of a packet as its flow has them: an ICMP question and its answer meet by type and number; other ICMP has
 * its type and code as one "port". */
static inline void ports_of(const struct packet *p, uint16_t *ret_sport, uint16_t *ret_dport)
{
        *ret_sport = p->sport;
        *ret_dport = p->dport;
        if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6) {
                uint8_t type = (uint8_t) (p->sport >> 8), asks = flow_icmp_asks(p->proto, type);

                /* A question and its answer may have different codes. */
                if (flow_icmp_is_question(p->proto, asks))
                        *ret_sport = (uint16_t) (asks << 8);
                *ret_sport ^= *ret_dport; /* one number for both ends: which one asks is no part of the key */
                *ret_dport = *ret_sport;
        }
}

static inline bool is_flow(const struct flow *f, uint32_t hash, const struct addr *src, const struct addr *dst,
                           uint16_t sport, uint16_t dport, uint8_t proto, unsigned *ret_side)
{
        if (f->hash != hash || f->proto != proto)
                return false;
        if (f->port[0] == sport && f->port[1] == dport && addr_equal(&f->addr[0], src) &&
            addr_equal(&f->addr[1], dst)) {
                *ret_side = ORIGINATOR;
                return true;
        }
        if (f->port[1] == sport && f->port[0] == dport && addr_equal(&f->addr[1], src) &&
            addr_equal(&f->addr[0], dst)) {
                *ret_side = RESPONDER;
                return true;
        }
        return false;
}

uint32_t flow_table_hash(const struct flow_table *t, const struct packet *p)
{
        uint16_t sport, dport;

        ports_of(p, &sport, &dport);
        return hash_of(t, &p->src, &p->dst, sport, dport, p->proto);
}

void flow_table_prefetch_bucket(const struct flow_table *t, uint32_t hash)
{
        __builtin_prefetch(&t->buckets[hash & t->mask]);
}

static inline void prefetch_flow(const struct flow *f)
{
        __builtin_prefetch(f);
        __builtin_prefetch(f->bytes);
}

void flow_table_prefetch_flow(const struct flow_table *t, uint32_t hash)
{
        uint32_t number = t->buckets[hash & t->mask];

        if (number != NONE)
                prefetch_flow(flow_at(t, number));
}

struct flow *flow_table_find(const struct flow_table *t, const struct packet *p, uint32_t hash, unsigned *ret_side)
{
        uint16_t sport, dport;

        ports_of(p, &sport, &dport);
        for (uint32_t i = t->buckets[hash & t->mask]; i != NONE;) {
                struct flow *f = flow_at(t, i);

                if (is_flow(f, hash, &p->src, &p->dst, sport, dport, p->proto, ret_side))
                        return f;
                i = f->chain;
        }
        return NULL;
}

struct flow *flow_table_find_quoted(struct flow_table *t, const struct packet *p, unsigned *ret_side)
{
        struct packet q;

        q.src = p->quoted_src;
        q.dst = p->quoted_dst;
        q.sport = p->quoted_sport;
        q.dport = p->quoted_dport;
        q.proto = p->quoted_proto;
        return flow_table_find(t, &q, flow_table_hash(t, &q), ret_side);
}

static void unlist(struct flow_table *t, struct flow *f)
{
        if (f->older != NONE)
                flow_at(t, f->older)->younger = f->younger;
        else
                t->lists[f->list].oldest = f->younger;
        if (f->younger != NONE)
                flow_at(t, f->younger)->older = f->older;
        else
                t->lists[f->list].youngest = f->older;
}

static void list_youngest(struct flow_table *t, struct flow *f, uint32_t number, enum flow_list list)
{
        uint32_t last = t->lists[list].youngest;

        f->list = list;
        f->older = last;
        f->younger = NONE;
        if (last != NONE)
                flow_at(t, last)->younger = number;
        else
                t->lists[list].oldest = number;
        t->lists[list].youngest = number;
}

/* The number of a flow is found through its neighbours or its bucket; kept nowhere. */
static uint32_t number_of(const struct flow_table *t, const struct flow *f)
{
        if (f->older != NONE)
                return flow_at(t, f->older)->younger;
        return t->lists[f->list].oldest;
}

static void drop(struct flow_table *t, struct flow *f, nsec_t when, bool evicted)
{
        uint32_t number = number_of(t, f), *link = &t->buckets[f->hash & t->mask];

        t->params.gone(t->params.userdata, f, when, evicted);
        while (*link != number)
                link = &flow_at(t, *link)->chain;
        *link = f->chain;
        unlist(t, f);
        f->chain = t->free;
        t->free = number;
        t->stats.used--;
}

/* Room for one: by the order of lists. */
static void evict(struct flow_table *t)
{
        for (unsigned i = 0; i < FLOW_LISTS; i++)
                if (t->lists[i].oldest != NONE) {
                        struct flow *f = flow_at(t, t->lists[i].oldest);

                        t->stats.evicted[i]++;
                        drop(t, f, f->last, true);
                        return;
                }
}

static void grow_buckets(struct flow_table *t)
{
        uint32_t mask = t->mask * 2 + 1, *buckets = malloc(((size_t) mask + 1) * sizeof(*buckets));

        if (!buckets) /* longer chains, then */
                return;
        memset(buckets, 0xff, ((size_t) mask + 1) * sizeof(*buckets));
        for (unsigned l = 0; l < FLOW_LISTS; l++)
                for (uint32_t i = t->lists[l].oldest; i != NONE; i = flow_at(t, i)->younger) {
                        struct flow *f = flow_at(t, i);

                        f->chain = buckets[f->hash & mask];
                        buckets[f->hash & mask] = i;
                }
        free(t->buckets);
        t->buckets = buckets;
        t->mask = mask;
}

static uint32_t take_number(struct flow_table *t)
{
        uint32_t number = t->free;

        if (number == NONE) {
                struct flow *chunk = aligned_alloc(LINE, CHUNK * sizeof(*chunk));

                if (!chunk)
                        return NONE;
                for (uint32_t i = CHUNK; i-- > 0;) {
                        chunk[i].chain = t->free;
                        t->free = t->n_chunks * CHUNK + i;
                }
                t->chunks[t->n_chunks++] = chunk;
                number = t->free;
        }
        t->free = flow_at(t, number)->chain;
        return number;
}

struct flow *flow_table_add(struct flow_table *t, const struct packet *p, uint32_t hash)
{
        uint32_t number;
        struct flow *f;

        if (t->stats.used >= t->params.cap)
                evict(t);
        number = take_number(t);
        if (number == NONE)
                return NULL;
        if (t->stats.used > t->mask)
                grow_buckets(t);
        f = flow_at(t, number);
        memset(f, 0, sizeof(*f));
        f->addr[ORIGINATOR] = p->src;
        f->addr[RESPONDER] = p->dst;
        ports_of(p, &f->port[ORIGINATOR], &f->port[RESPONDER]);
        f->proto = p->proto;
        f->hash = hash;
        f->chain = t->buckets[hash & t->mask];
        t->buckets[hash & t->mask] = number;
        list_youngest(t, f, number, FLOW_LIST_NEW);
        t->stats.used++;
        t->stats.made++;
        return f;
}

#define SWAP(a, b)                                                                                                     \
        do {                                                                                                           \
                __auto_type _swap = (a);                                                                               \
                (a) = (b);                                                                                             \
                (b) = _swap;                                                                                           \
        } while (0)

void flow_turn(struct flow *f)
{
        SWAP(f->addr[0], f->addr[1]);
        SWAP(f->port[0], f->port[1]);
        SWAP(f->bytes[0], f->bytes[1]);
        SWAP(f->pkts[0], f->pkts[1]);
        SWAP(f->next_seq[0], f->next_seq[1]);
        SWAP(f->tcp_seen[0], f->tcp_seen[1]);
        SWAP(f->second_pkts[0], f->second_pkts[1]);
        SWAP(f->second_bytes[0], f->second_bytes[1]);
        SWAP(f->second_seen[0], f->second_seen[1]);
        f->fins = (uint8_t) ((f->fins & 1) << 1 | f->fins >> 1);
        f->home = (uint8_t) ((f->home & 1) << 1 | f->home >> 1);
}

void flow_table_touch(struct flow_table *t, struct flow *f, enum flow_list list, nsec_t now)
{
        uint32_t second = (uint32_t) (now / NSEC_PER_SEC), number;

        f->last = now;
        if (f->list == list && f->listed == second)
                return;
        number = number_of(t, f);
        unlist(t, f);
        list_youngest(t, f, number, list);
        f->listed = second;
}

void flow_table_forget(struct flow_table *t, struct flow *f, nsec_t now)
{
        drop(t, f, now, false);
}

/* Flows that expire were quiet for long: they lie in no cache. The one after the next is asked for, and the bucket of
 * the next, which was asked for before. */
static void prefetch_next(const struct flow_table *t, const struct flow *f)
{
        const struct flow *next;

        if (f->younger == NONE)
                return;
        next = flow_at(t, f->younger);
        flow_table_prefetch_bucket(t, next->hash);
        if (next->younger == NONE)
                return;
        prefetch_flow(flow_at(t, next->younger));
        __builtin_prefetch(&flow_at(t, next->younger)->first);
}

void flow_table_expire(struct flow_table *t, nsec_t now)
{
        for (unsigned i = 0; i < FLOW_LISTS; i++)
                while (t->lists[i].oldest != NONE) {
                        struct flow *f = flow_at(t, t->lists[i].oldest);

                        if (now - f->last <= timeouts[i])
                                break;
                        prefetch_next(t, f);
                        t->stats.expired++;
                        drop(t, f, now, false);
                }
}

void flow_table_each(struct flow_table *t, void (*each)(void *userdata, struct flow *f), void *userdata)
{
        for (unsigned l = 0; l < FLOW_LISTS; l++)
                for (uint32_t i = t->lists[l].oldest; i != NONE; i = flow_at(t, i)->younger)
                        each(userdata, flow_at(t, i));
}

void flow_table_flush(struct flow_table *t, nsec_t now)
{
        for (unsigned i = 0; i < FLOW_LISTS; i++)
                while (t->lists[i].oldest != NONE)
                        drop(t, flow_at(t, t->lists[i].oldest), now, false);
}

void flow_table_get_stats(const struct flow_table *t, struct flow_table_stats *ret)
{
        *ret = t->stats;
        ret->cap = t->params.cap;
        ret->bytes = sizeof(*t) + ((uint64_t) t->mask + 1) * sizeof(*t->buckets) +
                     (uint64_t) t->n_chunks * (CHUNK * sizeof(struct flow) + sizeof(*t->chunks));
}

nsec_t flow_list_timeout(enum flow_list list)
{
        return timeouts[list];
}
