/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of the egg detector share its state through this header; nobody else includes it. docs/egg.md. */
#ifndef SEKIMORI_DETECT_EGG_H
#define SEKIMORI_DETECT_EGG_H

#include "base/table.h"
#include "config/home.h"
#include "detect/detector.h"
#include "detect/irc_control_order.h"

/* Caps, with bytes per entry (48 of the table's own included) and what is in it. Together at most 6 MiB. */
#define EGG_INBOUND 16384u /* 248: home hosts that somebody outside connected to */
#define EGG_TOLD    2048u  /* 608: home hosts that saw ordered URLs on IRC */
#define EGG_SERVING 1024u  /* 288: home hosts that handed out programs, or got one that looks like an egg */

#define EGG_PEERS      4 /* newest inbound, per host */
#define EGG_URLS       4 /* newest, per host */
#define EGG_LINKS      2 /* newest in people's talk, per host */
#define EGG_RECEIVERS  12
#define EGG_PERSON     4u  /* different sentences: somebody writes on IRC */
#define EGG_QUIET      3u  /* inbound connections in an hour: more, and a download after one of them is chance */
#define EGG_LEAST      3u  /* receivers */
#define EGG_INFECTED   600 /* hundredths: a claim of so much makes the next program that the host hands out its egg */
#define EGG_AFTER      (30 * NSEC_PER_SEC)  /* from the inbound connection to the program */
#define EGG_ORDER_SPAN (300 * NSEC_PER_SEC) /* from the line to the program */
#define EGG_SOFT_SPAN  (12 * EGG_HOUR)
#define EGG_HOUR       (3600 * NSEC_PER_SEC)
#define EGG_DAY        (24 * EGG_HOUR)

enum egg_kind { EGG_DISGUISED, EGG_BARE, EGG_CHANNEL, EGG_ORDERED, EGG_AFTER_INBOUND, EGG_SERVED, EGG_KINDS };
extern const struct evidence_kind egg_kinds[EGG_KINDS];

struct egg_inbound {
        struct detector_key key;
        nsec_t hour; /* counted since */
        uint32_t count, before;
        uint8_t next;
        struct {
                struct addr addr;
                uint64_t flow_id;
                nsec_t time;   /* 0: free */
                uint16_t port; /* at the home host */
        } peers[EGG_PEERS];
};

struct egg_url {
        uint64_t host, path, base; /* hashes; base: of the path's last part */
        nsec_t time;               /* 0: free */
        uint64_t flow_id;
        uint8_t grade; /* enum irc_order_grade of the line it stood in */
        char order[FACT_TEXT_MAX];
};

struct egg_told {
        struct detector_key key;
        struct egg_url urls[EGG_URLS];
        uint64_t prose[EGG_PERSON];
        nsec_t soft; /* the newest claim that people may have caused */
        uint8_t n_prose, next, next_link;
        bool clicks; /* somebody fetches what people talk about */
        struct {
                uint64_t host, path; /* hashes */
                nsec_t time;         /* 0: free */
        } links[EGG_LINKS];
};

struct egg_serving {
        struct detector_key key;
        nsec_t since, claimed;
        nsec_t infected; /* the newest program that came to the host as eggs do */
        struct addr receivers[EGG_RECEIVERS];
        uint8_t n;
};

struct egg {
        struct home *home;
        struct table *inbound, *told, *serving;
};

static_assert(sizeof(struct egg_inbound) <= 200 && sizeof(struct egg_told) <= 560 && sizeof(struct egg_serving) <= 240,
              "as stated above");

/* egg_heard.c: what came before a file. */
void egg_heard_flow(struct egg *s, const struct event *e);
void egg_heard_line(struct egg *s, const struct event *e);
/* A file of any kind came: was it a link in people's talk? */
void egg_heard_click(struct egg *s, const struct event *e);
/* The line that ordered this file, or NULL; *ret_soft: people may have caused it, which is told once in EGG_SOFT_SPAN.
 */
const struct egg_url *egg_heard_url(const struct egg *s, const struct event *e, bool *ret_soft);
/* The inbound connection just before; *ret_same: from where the file comes. -1: none. */
int egg_heard_inbound(const struct egg *s, const struct event *e, bool *ret_same, const struct egg_inbound **ret);

/* egg_explain.c */
void egg_explain(const struct evidence *e, struct buf *out);

#endif
