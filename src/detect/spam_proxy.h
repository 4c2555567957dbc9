/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state of the spam_proxy detector: what came in, what left as mail shortly after. Private to spam_proxy*.c.
 *
 * Memory, the tables' own 32 bytes per entry not counted: 2,584 bytes per home host or process that sends mail or is
 * asked to (SPAM_PROXY_HOSTS of them), 24 per flow of such a host that is measured (SPAM_PROXY_FLOWS); what was used
 * longest ago goes. Of recipients and targets only hashes are kept, for two minutes and two hours. mail_hosts.h comes
 * on top. */
#ifndef SEKIMORI_DETECT_SPAM_PROXY_H
#define SEKIMORI_DETECT_SPAM_PROXY_H

#include "base/table.h"
#include "detect/detector.h"
#include "detect/grading.h"
#include "detect/mail_hosts.h"

#define SPAM_PROXY_HOSTS   (1u << 12)
#define SPAM_PROXY_FLOWS   (1u << 15)
#define SPAM_PROXY_PIECES  48u /* of each direction wait for their other half */
#define SPAM_PROXY_WAYS    4u  /* ports on which something comes in */
#define SPAM_PROXY_ORDERS  8u
#define SPAM_PROXY_RCPTS   32u
#define SPAM_PROXY_LAG     30u   /* seconds from arrival to departure, at most */
#define SPAM_PROXY_PATIENT 65u   /* until a piece is judged: busy flows are told of every 30 s, so both may be late */
#define SPAM_PROXY_HOUR    3600u /* distinct targets are counted over one to two of these */

enum spam_proxy_kind {
        SPAM_PROXY_VOLUME,
        SPAM_PROXY_RELAYED,
        SPAM_PROXY_REQUESTED,
        SPAM_PROXY_EXECUTED,
        SPAM_PROXY_TUNNEL,
        SPAM_PROXY_KINDS
};
extern const struct evidence_kind spam_proxy_kinds[SPAM_PROXY_KINDS];

/* Bytes that passed within some time: a mail that left, or what came in on one way. */
struct spam_proxy_piece {
        uint32_t begin, end; /* seconds */
        uint32_t bytes;      /* 0: a mail that was refused before it was said */
        uint8_t way;
        bool used;
        bool summed; /* it was compared with what passed meanwhile */
        bool copy;   /* a mail like one that found its other half */
};

struct spam_proxy_ring {
        struct spam_proxy_piece at[SPAM_PROXY_PIECES];
        uint32_t first, n;
};

/* A port on which outsiders' connections are taken. */
struct spam_proxy_way {
        uint16_t port; /* 0: free */
        uint8_t app;
        struct addr peer; /* the newest */
        uint64_t ref;     /* and its flow */
        uint32_t since, at;
        int32_t walk; /* the sequential test: log-likelihood of proxy against chance, hundredths of 10*log10 */
        uint32_t pairs, lone;
        uint64_t bytes; /* of the pairs */
};

/* Somebody asked for a connection to a mail server. */
struct spam_proxy_order {
        struct addr target; /* unspecified: only the name is known yet */
        uint64_t name;      /* its hash; 0: none */
        uint64_t ref;
        uint32_t second;
        uint16_t port; /* 0: free */
};

/* Distinct values by hash, this hour's and the last one's. */
struct spam_proxy_set {
        uint64_t now, before;
};

struct spam_proxy_rcpt {
        uint32_t hash, second; /* 0: free */
};

struct spam_proxy_host {
        struct detector_key key;
        struct task task; /* of a process's key */
        uint32_t hour;
        struct spam_proxy_ring arrivals, mails;
        struct spam_proxy_way ways[SPAM_PROXY_WAYS];
        struct spam_proxy_order orders[SPAM_PROXY_ORDERS];
        struct spam_proxy_rcpt rcpts[SPAM_PROXY_RCPTS];
        uint16_t next_rcpt;
        uint16_t way_named;              /* the port on which recipients were last named */
        struct addr peer_named;          /* and by whom */
        struct spam_proxy_set servers;   /* that mail left for */
        struct spam_proxy_set wanted;    /* port 25, by outsiders, granted */
        struct spam_proxy_set wanted_in; /* the same for ports where programs hand in */
        struct spam_proxy_set done;      /* ordered targets that were contacted then */
        struct spam_proxy_set asked;     /* that this host asked a proxy for */
        uint32_t relayed, authenticated; /* mails' recipients; second in which a peer last gave credentials */
        struct grading told[SPAM_PROXY_KINDS];
};

/* How far a flow has been measured. */
struct spam_proxy_flow {
        uint64_t key;
        uint64_t bytes;
        uint32_t second;
        bool content; /* its mails are told by their dialog */
};

struct spam_proxy {
        const struct lineage *lineage;
        uint8_t boot_id[16];
        struct mail_hosts *mail;
        struct table *hosts, *flows;
        uint32_t swept;    /* second */
        uint32_t named_at; /* second in which somebody last asked for a mail server by name */
};

/* What is claimed. */
struct spam_proxy_claim {
        enum spam_proxy_kind kind;
        uint16_t weight;
        nsec_t time;
        uint32_t began;
        struct addr peer;
        uint16_t port;
        const struct spam_proxy_way *way; /* NULL: none */
        uint32_t targets;
        uint64_t ref;
};

/* The host or process of that key; NULL: without memory, or it is not kept and `make` is false. */
struct spam_proxy_host *spam_proxy_host_of(struct spam_proxy *s, const struct detector_key *key, uint32_t second,
                                           bool make);
uint32_t spam_proxy_set_count(const struct spam_proxy_set *set);
bool spam_proxy_set_add(struct spam_proxy_set *set, uint64_t hash);

/* spam_proxy_match.c: volumes */
void spam_proxy_arrived(struct spam_proxy_host *h, const struct flow_event *f, const struct spam_proxy_piece *p);
void spam_proxy_left(struct spam_proxy_host *h, const struct spam_proxy_piece *p);
/* A mail server would not have a mail: what came in for it stays. */
void spam_proxy_refused(struct spam_proxy_host *h, uint32_t second);
/* Judges what has waited long enough. */
void spam_proxy_settle(struct spam_proxy_host *h, uint32_t second);

/* spam_proxy_order.c: requests of proxies and recipients named */
void spam_proxy_proxy(struct spam_proxy *s, const struct event *e, struct evidence_sink *out);
void spam_proxy_dns(struct spam_proxy *s, const struct event *e);
void spam_proxy_contact(struct spam_proxy *s, struct spam_proxy_host *h, const struct event *e,
                        struct evidence_sink *out);
void spam_proxy_smtp(struct spam_proxy *s, const struct event *e, struct evidence_sink *out);

/* spam_proxy_claim.c */
void spam_proxy_tell(struct spam_proxy *s, struct spam_proxy_host *h, const struct spam_proxy_claim *c,
                     struct evidence_sink *out);
void spam_proxy_tell_volume(struct spam_proxy *s, struct spam_proxy_host *h, nsec_t now, struct evidence_sink *out);
void spam_proxy_explain(const struct evidence *e, struct buf *out);

#endif
