/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What host_proc_track.c, host_proc_flow.c and host_proc_owner.c share, and nobody else. */
#ifndef SEKIMORI_SOURCE_HOST_PROC_TRACK_INTERNAL_H
#define SEKIMORI_SOURCE_HOST_PROC_TRACK_INTERNAL_H

#include "base/table.h"
#include "source/host_proc_track.h"

/* The two ends of a flow as this machine sees them; the same bytes, without remote, name a socket. */
struct flow_key {
        struct addr local, remote;
        uint32_t netns;
        uint16_t local_port, remote_port; /* ICMP: type and code, identifier */
        uint8_t proto;
        uint8_t listening; /* a socket that waits for connections: a name of its own beside a UDP socket's */
        uint8_t pad[2];
};

/* A socket of the tables, under its name. */
struct owner {
        struct flow_key key;
        struct host_proc_id id;
        uint64_t inode;
};

/* A raw, packet or ping socket. */
struct raw_owner {
        uint64_t inode;
        struct host_proc_id id;
        uint32_t netns;
        uint8_t table, proto, is_v6;
};

struct flow {
        struct flow_key key;
        struct task task;
        uint64_t id, inode; /* inode of its socket; 0: not known */
        nsec_t since, last, last_event, ended_at, gone_at;
        uint64_t bytes_out, bytes_in, told_bytes;
        uint32_t pkts_out, pkts_in;
        uint32_t if_out, if_in; /* device that counts: a packet shows on a bridge and on its port */
        nsec_t if_out_at, if_in_at;
        uint32_t wait_scan; /* pending: the first scan that may answer */
        struct flow *next_pending, *prev_pending;
        uint16_t flags;
        uint8_t origin, state, tries;
        bool pending, started, ended, gone, changed;
        bool fin_out, fin_in;
};

struct gap_counter {
        uint64_t n;
        const char *text;
};

struct host_proc_track {
        struct host_proc_track_params p;
        struct table *owners, *raws, *flows, *own, *foreign, *forged;
        struct flow *pending;
        uint32_t n_pending_in; /* pending flows that only received */
        uint32_t netns;
        uint32_t scan;     /* number of the newest scan asked for */
        uint32_t answered; /* of the newest answer */
        uint32_t told_hidden, told_namespaces;
        nsec_t now, last_sweep;
        bool ready, first_scan, wants_scan, forwards, told_limits;
        struct gap_counter gaps[GAP_REASONS];
        uint64_t events, n_flows;
};

void host_proc_track_emit(struct host_proc_track *t, struct event *e, nsec_t time);
void host_proc_track_gap(struct host_proc_track *t, unsigned reason, uint64_t n, const char *text);
struct task host_proc_track_task(const struct host_proc_id *id);

/* host_proc_owner.c: who holds which socket. */
int host_proc_owner_new(struct host_proc_track *t);
/* True when this socket is new or changed hands. */
bool host_proc_owner_set(struct host_proc_track *t, const struct host_proc_socket *s);
void host_proc_owner_clear(struct host_proc_track *t, const struct host_proc_socket *s);
/* The socket that a packet of this flow belongs to; NULL: none known. */
const struct owner *host_proc_owner_find(struct host_proc_track *t, const struct flow_key *key);
/* The socket that listens on this address and port; NULL: none known. */
const struct owner *host_proc_owner_listener(struct host_proc_track *t, uint32_t netns, const struct addr *local,
                                             uint16_t port);
/* How many processes hold a raw, packet or ping socket that can send `proto` (0: anything, under any address), and one
 * of these sockets. */
unsigned host_proc_owner_raw(struct host_proc_track *t, uint32_t netns, uint8_t proto, const struct raw_owner **ret);

/* host_proc_flow.c */
int host_proc_flow_new(struct host_proc_track *t);
void host_proc_flow_packet(struct host_proc_track *t, const struct host_proc_captured *p, bool out);
void host_proc_flow_socket(struct host_proc_track *t, const struct host_proc_socket *s);
void host_proc_flow_closed(struct host_proc_track *t, const struct host_proc_socket *s);
/* A scan was answered: flows that waited for it start, or wait for one more, or are given up. */
void host_proc_flow_answered(struct host_proc_track *t);
void host_proc_flow_sweep(struct host_proc_track *t);

#endif
