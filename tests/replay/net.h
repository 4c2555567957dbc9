/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small network to write scenarios with: home hosts, their flows and what these say, as packets and logs would tell
 * them. Test code; the words stand in README.md. */
#ifndef SEKIMORI_TESTS_REPLAY_NET_H
#define SEKIMORI_TESTS_REPLAY_NET_H

#include "base/cleanup.h"
#include "model/event.h"
#include "words.h"

#define NET_HOMES 16

/* A connection: whatever is said between the same two ends has its flow_id. */
struct net_conn {
        char name[16];
        struct flow_event flow; /* as of its last event */
        /* of the newest HTTP request, for the response */
        char method[12], host[128], uri[512], agent[256];
};

struct net_pending {
        struct event event;
        uint64_t number; /* of equal times the first written comes first */
};

struct net {
        nsec_t *now; /* the world's */
        void (*event)(void *userdata, const struct event *e);
        void *userdata;
        char *error; /* of 160 bytes */
        struct cidr homes[NET_HOMES];
        size_t n_homes;
        struct net_conn *conns;
        size_t n_conns, size_conns;
        struct net_pending *pending; /* a heap */
        size_t n_pending, size_pending;
        uint64_t number, flow_id;
        uint32_t random;
        uint16_t port; /* the next ephemeral one */
        uint16_t dns_id;
};

/* Runs a line if its first word is one of ours. 1: not one of ours; 0; or -EINVAL with `error` set. */
int net_line(struct net *n, struct words *a);
/* Sends what was due by now; to be called before anybody else's event is sent, and with the time set far at the end. */
void net_flush(struct net *n, nsec_t until);
void net_done(struct net *n);
/* Puts counter and random values in place of {i}, {hi}, {lo}, {r}, {port} and {word}. */
void net_expand(struct net *n, const char *line, unsigned long i, char ret[static WORDS_LEN]);
uint32_t net_random(struct net *n);

/* Parts for net_app.c. */
int net_fail(struct net *n, const char *reason, const char *what);
bool net_is_home(const struct net *n, const struct addr *a);
struct net_conn *net_find(struct net *n, const struct addr *local, uint16_t local_port, const struct addr *remote,
                          uint16_t remote_port, uint8_t proto);
struct net_conn *net_add(struct net *n, const struct flow_event *f);
void net_send(struct net *n, struct event *e); /* now, and once more from the other side if both are at home */
int net_app_line(struct net *n, struct words *a);

#endif
