/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What DNS says of a relay: its reverse name, whether that name leads back to it, and block lists. By c-ares, never
 * blocking, from the one thread that made it: poll resolve_fd() (or give it to sd-event) for reading and call
 * resolve_process() then; nothing else needs a timer. Only the configured resolver is ever asked; offline nobody is,
 * and every answer is unknown.
 *
 * The resolver may be slow, down, lying or hostile: a reply must be one to the question, an address in a reply is
 * believed only for what it can say, what fails is unknown, and everything is bounded: questions waiting, under way and
 * a second, the time for one, and what is kept of answers (by their TTL, within bounds). */
#ifndef SEKIMORI_MAIL_RESOLVE_H
#define SEKIMORI_MAIL_RESOLVE_H

#include "base/cleanup.h"
#include "base/clock.h"
#include "mail/answer.h"
#include "mail/dnsbl.h"
#include "mail/reply.h"

#define RESOLVE_LISTS_MAX 32

struct resolve_params {
        const char *servers; /* "192.0.2.53,[2001:db8::53]:5353"; NULL: those of the machine (resolv.conf) */
        bool offline;
        const struct dnsbl *lists; /* copied */
        unsigned n_lists;
        unsigned concurrent; /* queries under way; 0 = 64 */
        unsigned per_second; /* new queries; 0 = 100 */
        unsigned waiting;    /* questions that are not answered yet; 0 = 4096 */
        unsigned cache;      /* answers kept; 0 = 4096 */
        nsec_t timeout;      /* for the whole of a question; 0 = 10 s */
        nsec_t try_timeout;  /* for the first try of a query; 0 = 2 s */
        unsigned tries;      /* 0 = 2 */
};

/* What is said about an address's names. */
struct resolve_names {
        enum answer has_name;  /* there is a reverse name */
        enum answer confirmed; /* one of its names has this address */
        unsigned n;
        char names[REPLY_NAMES_MAX][REPLY_NAME_MAX]; /* the confirmed one first */
};

struct resolve_listing {
        unsigned list; /* index */
        enum answer listed;
        uint32_t meanings; /* enum dnsbl_meaning, when listed */
        bool broken;       /* the list fails its own test entries: it is not believed */
};

struct resolve_stats {
        uint64_t questions, cached; /* asked of us; answered without a new query */
        uint64_t queries, answered, failed, timed_out, refused;
        uint64_t dropped;  /* questions beyond `waiting` */
        uint64_t given_up; /* queries that were not sent, since the resolver had not answered for long */
};

typedef void (*resolve_names_func)(void *userdata, const struct addr *a, const struct resolve_names *names);
typedef void (*resolve_listing_func)(void *userdata, const struct addr *a, const struct resolve_listing *listing);

struct resolve;

/* 0; -EINVAL: servers that are none; -ENOMEM; -errno. */
int resolve_new(const struct resolve_params *params, struct resolve **ret);
void resolve_free(struct resolve *r); /* questions that wait get no answer */
DEFINE_FREEP(struct resolve, resolve_free)

int resolve_fd(const struct resolve *r);
/* `now`: any clock that does not go back, the same in all calls. Calls back what is answered. */
void resolve_process(struct resolve *r, nsec_t now);

/* Each question is called back exactly once, from resolve_process(), never from here. -ENOMEM; -ENOBUFS when too many
 * wait (counted). */
int resolve_ask_names(struct resolve *r, nsec_t now, const struct addr *a, resolve_names_func func, void *userdata);
int resolve_ask_list(struct resolve *r, nsec_t now, unsigned list, const struct addr *a, resolve_listing_func func,
                     void *userdata);
unsigned resolve_waiting(const struct resolve *r); /* questions without an answer */
void resolve_get_stats(const struct resolve *r, struct resolve_stats *ret);

#endif
