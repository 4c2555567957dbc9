/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori-gen: bounded traffic with ground truth, for the attribution and overhead benches. One case sends a few
 * packets in one particular way and says exactly who did: process, thread, both named by number and bounds of the start
 * time, and the chain of creators. Every destination is checked to lie in the test networks or on loopback. */
#ifndef SEKIMORI_BENCH_GEN_H
#define SEKIMORI_BENCH_GEN_H

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/cleanup.h"

#define GEN_PORT_TCP    7001 /* accepts and drains; fast open */
#define GEN_PORT_MPTCP  7002
#define GEN_PORT_UDP    7003
#define GEN_PORT_SCTP   7004
#define GEN_PORT_CLOSED 7009
#define GEN_PORT_LISTEN 7100 /* where the accept cases listen */
#define GEN_PACKETS     8    /* sent by a case unless it says otherwise */
#define GEN_CHAIN_MAX   6
#define GEN_SENDERS_MAX 3
#define GEN_EXPECTS_MAX 4

union gen_addr {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_storage any;
};

/* A thread. Its start, in nanoseconds of CLOCK_BOOTTIME, lies within [start_min, start_max]: /proc says it in clock
 * ticks, the clock read around the creation narrows that. */
struct gen_task {
        uint32_t pid, tid;
        uint64_t start_min, start_max;
};

struct gen_sender {
        struct gen_task task;
        struct gen_task
                chain[GEN_CHAIN_MAX]; /* creators, nearest first; the last one is the generator's first thread */
        unsigned n_chain;
        bool by_worker; /* an io_uring thread created by `task` may have acted in its place */
};

/* What the sensor has to report: one flow, or the use of one packet or XDP socket. */
struct gen_expect {
        const char *kind; /* "flow", "packet", "xdp" */
        int proto;
        union gen_addr local, remote; /* port 0: not known */
        unsigned packets;             /* at least that many leave */
        struct gen_sender senders[GEN_SENDERS_MAX];
        unsigned n_senders;
        struct gen_task others[4]; /* may appear too: who opened the socket, who receives on it */
        unsigned n_others;
        uint64_t netns, netns_cookie; /* both names of the namespace: inode, and SO_NETNS_COOKIE (0: not there) */
        char note[160];
};

struct gen {
        union gen_addr local4, local6, peer4, peer6;
        char dev[IFNAMSIZ];
        uint8_t peer_mac[6];
        const char *peer_netns; /* path; NULL: the peer lives in this namespace */
        const char *program;    /* our own path, for the cases that exec */
        unsigned count;
        uint64_t netns, netns_cookie; /* of this process */
        struct gen_task self;         /* first thread */
        int peer_fd;                  /* command socket of the peer process */
        pid_t peer_pid;
        struct gen_expect expects[GEN_EXPECTS_MAX];
        unsigned n_expects;
        char impossible[160]; /* why this kernel cannot do the case */
};

struct gen_case {
        const char *name;
        const char *help;
        int (*run)(struct gen *g);
};

extern const struct gen_case gen_cases_tcp[], gen_cases_udp[], gen_cases_icmp[], gen_cases_packet[], gen_cases_xdp[],
        gen_cases_uring[], gen_cases_life[], gen_cases_share[], gen_cases_netns[];

/* The peer's address of a family with a port, and its length. */
union gen_addr gen_peer(const struct gen *g, int family, uint16_t port);
union gen_addr gen_local(const struct gen *g, int family, uint16_t port);
socklen_t gen_addr_len(const union gen_addr *a);
uint16_t gen_addr_port(const union gen_addr *a);

/* A new expectation: kind "flow", the local endpoint as the socket says (fd -1: unknown). Never NULL. */
struct gen_expect *gen_expect(struct gen *g, int proto, int fd, const union gen_addr *remote);
void gen_note(struct gen_expect *e, const char *format, ...) _printf_(2, 3);
/* Remembers why the kernel cannot do it; returns -EOPNOTSUPP. */
int gen_impossible(struct gen *g, const char *format, ...) _printf_(2, 3);
/* Does this errno mean that the kernel has no such thing? Then like gen_impossible(), else -error. */
int gen_failed(struct gen *g, int error, const char *what);

#endif
