/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Private to host_flows.c (sockets and flows) and host_records.c (records, special sockets, snapshots). */
#ifndef SEKIMORI_SOURCE_HOST_FLOWS_INTERNAL_H
#define SEKIMORI_SOURCE_HOST_FLOWS_INTERNAL_H

#include <netinet/in.h>

#include "source/host_flows.h"
#include "source/host_record.h"

#define PROTO_MPTCP        262 /* IPPROTO_MPTCP; shown as TCP */
#define TCP_STATE_SYN_SENT 2
#define TCP_STATE_SYN_RECV 3
#define TCP_STATE_CLOSE    7
#define USERS              8                    /* threads of one flow that are remembered as started */
#define IDLE               (300 * NSEC_PER_SEC) /* a flow unused that long may be forgotten without counting as lost */
#define LISTENERS          1024u
#define TASKS              65536u /* as many as the lineage holds */

struct hsock {
        uint64_t cookie;
        struct task opener; /* pid 0: accepted and not yet used by anyone */
        struct hflow *flows;
        uint16_t family, proto;
        bool special; /* listening, raw, packet, XDP: told as a socket event */
};

struct hflow_key {
        uint64_t cookie;
        struct addr remote; /* zero for TCP: one peer per socket */
        uint16_t port, proto;
        uint32_t zero;
};

struct hflow {
        struct hflow_key key;
        struct hsock *sock;
        struct hflow *next, *prev; /* of the same socket */
        struct addr local, remote;
        uint16_t local_port, remote_port;
        uint32_t netns;
        uint64_t bytes_out, bytes_in, flow_id;
        uint32_t pkts_out, pkts_in;
        nsec_t since, last;
        uint32_t users[USERS]; /* hashes; 0: none */
        uint16_t flags;
        uint8_t origin, state, next_user;
        bool told; /* some START was delivered */
};

struct listener {
        uint32_t netns;
        uint16_t port, zero;
        struct task task;
};

/* What was told of a thread, so that a snapshot need not tell it again when it has ended. */
struct told_task {
        uint64_t start;
        uint32_t tid, zero; /* so far the key */
        bool created;       /* with its creator */
        bool ended;
};

struct host_flows {
        struct event_sink sink;
        nsec_t offset;
        uint8_t source;
        struct table *socks, *flows, *listeners, *tasks;
        uint64_t bad, evicted;
        nsec_t now;
};

static inline struct task host_task_of(const struct host_task *t)
{
        return (struct task){.start = t->start, .leader_start = t->leader_start, .pid = t->pid, .tid = t->tid};
}

static inline void host_deliver(struct host_flows *f, const struct event *e)
{
        f->sink.event(f->sink.userdata, e);
}

static inline bool host_is_tcp(uint16_t proto)
{
        return proto == IPPROTO_TCP || proto == PROTO_MPTCP;
}

/* The socket of that cookie, made if new; NULL without memory. */
struct hsock *host_flows_socket(struct host_flows *f, uint64_t cookie, uint16_t family, uint16_t proto);
/* All but closing; `s` is the record's socket. -EBADMSG: no such record. */
int host_flows_take(struct host_flows *f, struct hsock *s, const struct host_flow_record *r);
/* A connected socket found by a snapshot. */
void host_flows_take_present(struct host_flows *f, struct hsock *s, const struct host_flow_record *r);
/* One path of an MPTCP connection ended: its totals are at least the connection's. */
void host_flows_take_subflow_close(struct host_flows *f, const struct host_flow_record *r);
/* The socket is forgotten; its flows end. */
void host_flows_end(struct host_flows *f, struct hsock *s);
/* The socket is gone, and its flows with it. */
void host_flows_take_close(struct host_flows *f, struct hsock *s, const struct host_flow_record *r);

#endif
