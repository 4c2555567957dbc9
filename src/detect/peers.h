/* SPDX-License-Identifier: GPL-3.0-or-later */
/* peers: what home hosts know of the outside: does a host know an address by a name, how many of ours talk to it, and
 * is that port, or what is spoken there, known to anybody? Honest programs know their peers by name, nearly all of
 * them, and speak what others speak. Used by detectors; pure.
 *
 * Memory is fixed, 2 MB at most whatever the number of hosts, and taken as it is used: 16 bytes per peer (PEERS_USERS
 * of them) and 8 per host and address known by name (PEERS_NAMES). When room is short, what was not seen for longest
 * goes (detect/ways.h). Stamps are the owner's: seconds since its begin, never 0. */
#ifndef SEKIMORI_DETECT_PEERS_H
#define SEKIMORI_DETECT_PEERS_H

#include "config/home.h"
#include "detect/ways.h"
#include "model/event.h"

#define PEERS_USERS  (1u << 16)
#define PEERS_NAMES  (1u << 17)
#define PEERS_ASKERS (1u << 16)

struct peers {
        struct home *home;
        struct ways users, names;
        uint64_t hosts[4];                   /* of ours, seen so far, by hash */
        uint64_t askers[PEERS_ASKERS / 64u]; /* of ours that a name server answered, by hash */
        uint32_t readers;                    /* sources that tell what flows speak, by bit */
};

/* 0 or negative errno; peers_done() in any case. */
int peers_init(struct peers *p, const struct config *config);
void peers_done(struct peers *p);

/* An address beyond the home network that one can talk to. */
bool peers_is_outside(const struct peers *p, const struct addr *remote);

/* A home host talks to that peer. */
void peers_note_contact(struct peers *p, const struct addr *local, const struct addr *remote, uint32_t stamp);
unsigned peers_count_users(const struct peers *p,
                           const struct addr *remote); /* home hosts with that peer; at least 1 */
unsigned peers_count_hosts(const struct peers *p);     /* home hosts in all */
/* Of eight home hosts at most one talks to it, of sixteen two. */
bool peers_is_rare(unsigned users, unsigned hosts);
/* Rare, or too few home hosts to tell. */
bool peers_may_be_rare(unsigned users, unsigned hosts);

/* Addresses that an answer to the host named; and one that the host itself names (in a hello, a request). */
void peers_note_answer(struct peers *p, const struct dns_event *d, uint32_t stamp);
void peers_note_name(struct peers *p, const struct addr *local, const struct addr *remote, uint32_t stamp);
/* Is there a name for the peer? 1; 0: the host asks for names, but never for this one; -1: nobody can say. */
int peers_is_named(const struct peers *p, const struct addr *local, const struct addr *remote);
/* "10.0.0.1:80", "[2001:db8::1]": a Host that is no name. */
bool peers_is_address(const char *host, size_t len);

/* What a source's flows speak is seen. Firewalls and the host sensor never say it. */
void peers_note_app(struct peers *p, const struct event *flow);
/* The flow's content is seen, and is nothing that is known. */
bool peers_is_unknown_app(const struct peers *p, const struct event *flow);

/* A TCP port of a service that people and their machines use: one of the system's (RFC 6335: below 1024), or one of a
 * list of usual ones above. */
bool peers_is_service(uint16_t port);

#endif
