/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of the server_like detector share its state through this header; nobody else includes it. The rule, every
 * decision in it and what a bot could do about it: docs/server-like.md. */
#ifndef SEKIMORI_DETECT_SERVER_LIKE_H
#define SEKIMORI_DETECT_SERVER_LIKE_H

#include "base/table.h"
#include "detect/detector.h"
#include "flow/outside.h"

/* Caps, with bytes per entry (table overhead included) and what is in it. Together at most 14 MiB. */
#define SL_FLOWS  32768u /* 80: open flows to the outside */
#define SL_NODES  12288u /* 704: processes and threads that talk to the outside */
#define SL_STAMPS 8192u  /* 80: processes and threads created right after an order */
#define SL_PAIRS  4096u  /* 208: (who takes orders, who carries them out) */
#define SL_TAKERS 512u   /* 3232: processes that take orders, with what their children try */

#define SL_CONVERSATIONS 6  /* kept per node: those with orders first, then open ones, then the oldest */
#define SL_PUSHES        4  /* newest kept per node */
#define SL_CHAIN         64 /* members of a chain whose birth is compared with orders: the nearest to the executor */
#define SL_TARGETS       64 /* destinations kept per taker */
#define SL_VICTIMS       4  /* addresses counted per taker for floods */
#define SL_PEERS         16 /* destinations remembered per pair, to count different ones */

#define SL_CHAT_BYTES    65536u
#define SL_EPISODE       NSEC_PER_SEC         /* work after a rest this long is a new episode */
#define SL_RATE_SPAN     (600 * NSEC_PER_SEC) /* orders are counted over about this long */
#define SL_RATE_PRIOR    NSEC_PER_SEC        /* known of any conversation: it takes this long until an order can come */
#define SL_REFRESH       (60 * NSEC_PER_SEC) /* facts of a standing claim are renewed this often at most */
#define SL_RECLAIM       (3600 * NSEC_PER_SEC) /* a standing claim is made again, while the work goes on */
#define SL_SCAN_SPAN     (10 * NSEC_PER_SEC)
#define SL_SCAN_WAIT     (100 * NSEC_PER_MSEC) /* no answer after this long counts as none */
#define SL_SCAN_TARGETS  15u
#define SL_ALIVE         (30 * NSEC_PER_SEC) /* nothing heard from outside for longer: the network may be down */
#define SL_LESSER_CAP    450  /* hundredths: all that `served` and `asked` claims on one taker add up to, per hour */
#define SL_FLOOD_PACKETS 200u /* within a second */
#define SL_CHANCE_STRONG 30   /* an order this many times likelier meant than met by chance */
#define SL_CHANCE_WEAK   10
#define SL_HITS_ENOUGH   3u /* episodes of an old helper that follow an order, before they count as orders */

enum sl_by { SL_BY_PROCESS, SL_BY_THREAD, SL_BYS };

struct sl_key {
        uint64_t start;
        uint32_t id; /* pid, or tid */
        uint32_t by; /* enum sl_by */
};

/* What a node knows of one of its conversations. */
struct sl_conversation {
        uint64_t flow_id; /* 0: free */
        nsec_t since, seen, ended, pushed;
        struct addr remote;
        uint64_t bytes_in, bytes_in_at_push;
        uint32_t pushes;
        uint16_t port;
        uint8_t proto, origin;
        bool heard; /* the peer has answered or spoken */
};

struct sl_push {
        nsec_t time; /* 0: none */
        uint64_t flow_id;
};

struct sl_node {
        struct sl_key key;
        struct sl_conversation conversations[SL_CONVERSATIONS];
        struct sl_push pushes[SL_PUSHES]; /* newest first */
        nsec_t rate_since;                /* orders counted since */
        uint32_t rate_pushes;
        uint32_t episodes, hits; /* of its descendants' work: how many, and how many right after an order */
        nsec_t claimed_push;     /* process only: the order claimed last, and what it weighed */
        int32_t claimed_weight;
        nsec_t worked;       /* last new flow of its own */
        nsec_t lesser_since; /* process only: claims of the lower grades since then, and what they weighed */
        int32_t lesser;
};

struct sl_flow {
        uint64_t id;
        uint64_t taker_start; /* whose executor began it; taker_pid 0: nobody's */
        uint32_t taker_pid;
        uint32_t pkts_out; /* at `counted` */
        nsec_t counted;
        uint64_t bytes_out, bytes_in;
};

/* Created at most `reaction` after an order. */
struct sl_stamp {
        struct sl_key key;
        uint64_t flow_id;
        nsec_t push, delay;
        uint32_t odds; /* times likelier meant than met by chance */
};

struct sl_pair_key {
        uint64_t taker_start, start;
        uint32_t taker_pid, id, by, zero;
};

struct sl_pair {
        struct sl_pair_key key;
        int32_t weight; /* claimed of the kind `conversation` */
        bool ordered;   /* an order was claimed */
        nsec_t claimed, shown;
        uint32_t peers, next;
        uint32_t peers_shown;
        uint32_t seen[SL_PEERS]; /* hashes of destinations */
        uint64_t bytes_out;
        struct addr first_peer;
        uint16_t first_port;
        uint8_t first_proto;
};

enum sl_target_state { SL_TARGET_NONE, SL_TARGET_WAITING, SL_TARGET_ANSWERED, SL_TARGET_FAILED };

struct sl_target {
        uint64_t hash;
        nsec_t time;
        enum sl_target_state state;
};

struct sl_victim {
        struct addr addr;
        nsec_t since;
        uint32_t packets;
        bool answered;
};

struct sl_taker {
        uint64_t start;
        uint32_t pid;
        uint32_t zero;
        struct sl_target targets[SL_TARGETS];
        uint32_t next;
        struct sl_victim victims[SL_VICTIMS];
        nsec_t tried, scanned, flooded;
        struct evidence story; /* the claim that made it one; facts are those of the newest */
};

struct server_like {
        enum config_server_like_mode mode;
        enum config_granularity granularity;
        nsec_t window, reaction;
        const struct lineage *lineage;
        uint8_t boot_id[16];
        struct outside *outside;
        struct table *flows, *nodes, *stamps, *pairs, *takers;
        nsec_t heard; /* when anybody outside was heard last */
};

/* How an ancestor's conversation and a descendant's work hang together. */
enum sl_grade { SL_GRADE_NONE, SL_GRADE_SERVED, SL_GRADE_ASKED, SL_GRADE_CHAT, SL_GRADE_HINT, SL_GRADE_ORDER };

struct sl_found {
        enum sl_grade grade;
        enum sl_by by;
        bool both;
        const struct lineage_node *taker, *child, *executor; /* child: the taker's own, on the way down */
        struct sl_node *node;                                /* the taker's */
        struct sl_conversation conversation;
        nsec_t push, delay; /* the order, and how long after it the cause of the work came; push 0: none */
        bool repeated;      /* this order was claimed before */
        bool created;       /* somebody on the chain was created by it; else an old helper began to work */
        bool refused;       /* the work was tried only: the mail gate refused it */
};

enum sl_kind { SL_KIND_ORDER, SL_KIND_CONVERSATION, SL_KIND_SCAN, SL_KIND_FLOOD, SL_KIND_PLAIN, SL_KINDS };
extern const struct evidence_kind server_like_kinds[SL_KINDS];

/* server_like_state.c: who talks to whom. */
int server_like_state_new(struct server_like *s);
void server_like_state_done(struct server_like *s);
/* The thread that acts: for a worker of io_uring, who submitted. NULL: not known. */
const struct lineage_node *server_like_state_actor(const struct server_like *s, const struct task *t);
struct sl_key server_like_state_key(enum sl_by by, const struct lineage_node *n);
struct sl_node *server_like_state_node(const struct server_like *s, enum sl_by by, const struct lineage_node *n);
/* Records the event with the node; NULL without memory. */
struct sl_node *server_like_state_hold(struct server_like *s, enum sl_by by, const struct lineage_node *n,
                                       const struct event *e);
/* The side that began, where the source could not say: the one with the ephemeral port. enum flow_origin. */
uint8_t server_like_state_origin(const struct flow_event *f);
/* When it began, as far as that is said and makes sense. */
nsec_t server_like_state_since(const struct flow_event *f, nsec_t now);
struct sl_flow *server_like_state_flow(struct server_like *s, const struct event *e);
/* Does this event show that somebody outside is heard? */
void server_like_state_listen(struct server_like *s, const struct event *e);
void server_like_state_end(struct server_like *s, const struct event *e);
/* Is it open, or closed less than the window ago? Finds out when it was closed without a word. */
bool server_like_state_counts(const struct server_like *s, struct sl_conversation *c, nsec_t now);
/* A new process or thread: was there an order just before? */
void server_like_state_born(struct server_like *s, const struct event *e);
struct sl_stamp *server_like_state_stamp(const struct server_like *s, enum sl_by by, const struct lineage_node *n);
/* How many times likelier a delay this short is when it is meant than by chance, as often as this node gets orders. */
uint32_t server_like_state_odds(const struct sl_node *node, nsec_t delay, nsec_t now);
/* A table's entry, after room was made by taking the oldest that is not needed. */
void *server_like_state_insert(struct table *t, const void *key, uint32_t cap, bool (*needed)(const void *entry));

/* server_like_rule.c: is this work, and on whose order? false: no. */
bool server_like_rule_is_work(const struct event *e);
bool server_like_rule_find(struct server_like *s, const struct lineage_node *actor, const struct event *e,
                           struct sl_found *ret);
bool server_like_rule_find_plain(struct server_like *s, const struct lineage_node *actor, const struct event *e,
                                 struct sl_found *ret);

/* server_like_claim.c: what was found, as evidence. */
void server_like_claim(struct server_like *s, const struct sl_found *f, const struct event *e,
                       struct evidence_sink *out);
void server_like_claim_plain(struct server_like *s, const struct sl_found *f, const struct event *e,
                             struct evidence_sink *out);

/* server_like_work.c: what executors do: scans and floods. */
void server_like_work_event(struct server_like *s, const struct event *e, struct sl_flow *flow,
                            struct evidence_sink *out);
void server_like_work_tick(struct server_like *s, nsec_t now, struct evidence_sink *out);

/* server_like_explain.c */
void server_like_explain(const struct evidence *e, struct buf *out);

#endif
