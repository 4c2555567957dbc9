/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What resolve.c (questions about relays) and resolve_query.c (DNS queries, their cache and limits) share. Runs where
 * mail/resolve.h says. */
#ifndef SEKIMORI_MAIL_RESOLVE_INTERNAL_H
#define SEKIMORI_MAIL_RESOLVE_INTERNAL_H

#include <ares.h>

#include "base/table.h"
#include "mail/resolve.h"

/* What came of a query. */
struct query_result {
        bool known; /* false: nobody could say; `reply` means nothing */
        struct reply reply;
};

struct query_key {
        uint16_t type; /* enum reply_type */
        char name[REPLY_NAME_MAX];
};

struct question;

/* One under way or waiting for its turn; several questions may want it. */
struct query {
        struct query_key key;
        struct resolve *r;
        struct question *wanted; /* a list, by next_wanting */
        struct query *next;      /* of those that wait for their turn */
};

/* One answer that is kept. */
struct kept {
        struct query_key key;
        nsec_t until;
        struct query_result result;
};

enum question_kind { QUESTION_NAMES, QUESTION_LIST };

struct question {
        struct question *previous, *next; /* by age, and so by deadline */
        struct question *next_wanting;
        struct query *query; /* what it waits for; NULL: it is to go on, with `result` */
        struct query_result result;
        nsec_t deadline;
        struct addr addr;
        void *userdata;
        enum question_kind kind;
        unsigned step;
        union {
                struct {
                        resolve_names_func func;
                        struct resolve_names out;
                        bool unsure; /* something that could have confirmed it failed */
                } names;
                struct {
                        resolve_listing_func func;
                        struct resolve_listing out;
                } list;
        };
};

struct list_state {
        struct dnsbl list;
        nsec_t checked_until; /* its test entries were as they must be; 0: not looked at */
        nsec_t broken_until;
};

struct resolve {
        struct resolve_params p; /* with defaults filled in; lists and servers are not used */
        struct list_state lists[RESOLVE_LISTS_MAX];
        ares_channel channel;
        bool has_channel, ending;
        bool ready; /* a question may go on */
        int epoll, timer;
        nsec_t now, armed; /* armed: when the timer rings; 0: it does not */
        struct table *queries, *kept;
        unsigned queries_max;
        struct query *turn_first, *turn_last;
        unsigned under_way;
        unsigned unanswered; /* queries since the last answer */
        nsec_t trial_at;     /* no query before it, while nobody answers */
        nsec_t used_until;   /* the queries so far use up `per_second` until then */
        struct question *oldest, *newest;
        unsigned n_questions;
        struct resolve_stats stats;
};

/* How long answers are kept, whatever their TTL: Linux resolvers' usual bounds; a no at most as RFC 2308 5 advises. */
#define RESOLVE_TTL_MIN  (30 * NSEC_PER_SEC)
#define RESOLVE_TTL_MAX  (24 * 3600 * NSEC_PER_SEC)
#define RESOLVE_TTL_NO   (3600 * NSEC_PER_SEC)
#define RESOLVE_TTL_FAIL (30 * NSEC_PER_SEC) /* RFC 2308 7: failures are remembered, and no longer than 5 minutes */

int resolve_query_open(struct resolve *r, const char *servers);
void resolve_query_close(struct resolve *r);
/* Looks for an answer that is kept, else has it asked; q->query is set, or q->result. -ENOMEM, -ENOBUFS. */
int resolve_query_want(struct resolve *r, struct question *q, enum reply_type type, const char *name);
/* It waits no more. */
void resolve_query_leave(struct question *q);
/* Reads replies, lets queries begin whose turn it is, arms the timer (`deadline`: the next of the questions; INT64_MAX:
 * none). */
void resolve_query_run(struct resolve *r);
void resolve_query_arm(struct resolve *r, nsec_t deadline);

#endif
