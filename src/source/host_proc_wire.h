/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the engine and the scanner say to each other over a SOCK_SEQPACKET pair. One request is answered by messages of
 * up to HOST_PROC_BATCH records, the last of them RECORD_END with the request's number. Records say what changed since
 * the answer before; a process comes before its sockets, and its ancestors before it. */
#ifndef SEKIMORI_SOURCE_HOST_PROC_WIRE_H
#define SEKIMORI_SOURCE_HOST_PROC_WIRE_H

#include <stdint.h>

#include "base/addr.h"

#define HOST_PROC_BATCH   64
#define HOST_PROC_QUERIES 32
/* Other network namespaces read per scan: one costs as much as our own. The next scan goes on with the next ones. */
#define NAMESPACES_PER_SCAN 1

enum host_proc_scan {
        SCAN_SOCKETS = 1 << 0,    /* all of this network namespace's tables, and who owns what is new in them */
        SCAN_NAMESPACES = 1 << 1, /* also other namespaces */
        SCAN_PROCESSES = 1 << 2,  /* look at all processes, even if no socket is new */
};

/* A TCP connection whose owner is wanted at once. Reading all of /proc/net/tcp costs tens of milliseconds, however few
 * connections there are: the kernel looks through its whole hash table. */
struct host_proc_query {
        struct addr local, remote;
        uint16_t local_port, remote_port;
};

struct host_proc_request {
        uint32_t seq;
        uint32_t what; /* enum host_proc_scan; without SCAN_SOCKETS: the small tables, and these connections */
        uint32_t n_queries;
        struct host_proc_query queries[HOST_PROC_QUERIES];
};

enum host_proc_record_type {
        RECORD_PROCESS, /* owns a socket, or is an ancestor of one that does */
        RECORD_EXEC,    /* a process known already runs another program */
        RECORD_EXIT,
        RECORD_SOCKET, /* new, or changed its state or owner */
        RECORD_CLOSED,
        RECORD_ADDRESS, /* an address of this namespace's devices */
        RECORD_END,
        RECORD_TYPES,
};

/* A process. Start in nanoseconds since boot, of clock-tick precision. pid 0: none known. */
struct host_proc_id {
        uint64_t start;
        uint32_t pid;
        uint32_t spare;
};

struct host_proc_process {
        struct host_proc_id id, creator;
        uint64_t exe_ino, cgroup;
        uint32_t exe_dev, uid, loginuid, session, netns, pidns, tty;
        uint32_t flags; /* enum process_flag */
        char comm[16];
        char path[96]; /* "": not readable */
};

struct host_proc_socket {
        struct addr local, remote;
        uint64_t inode;
        struct host_proc_id owner; /* the oldest process that holds it; pid 0: none found */
        uint32_t netns, ifindex, ethertype;
        uint16_t local_port, remote_port;
        uint8_t table; /* enum proc_table */
        uint8_t proto, state;
        uint8_t is_v6;
};

struct host_proc_end {
        uint32_t seq;
        uint32_t netns;                   /* the scanner's own, which is the capture's */
        uint32_t sockets;                 /* known now */
        uint32_t processes;               /* seen alive by the last walk */
        uint32_t hidden;                  /* whose descriptors could not be read */
        uint32_t namespaces;              /* others than our own */
        uint32_t skipped;                 /* of these, beyond the limit */
        uint32_t dropped;                 /* entries that tables had no room for, since the last answer */
        uint32_t bad_lines;               /* lines of /proc not understood, since the last answer */
        uint32_t walked;                  /* all processes were looked at */
        uint32_t forwards;                /* this machine passes on packets of others */
        uint32_t captured, capture_drops; /* of the capture socket since the last answer */
        uint32_t spare;
        uint64_t duration; /* nanoseconds of processor time that the answer took */
};

struct host_proc_record {
        uint32_t type; /* enum host_proc_record_type */
        uint32_t spare;
        union {
                struct host_proc_process process; /* PROCESS, EXEC */
                struct host_proc_id exit;
                struct host_proc_socket socket; /* SOCKET, CLOSED */
                struct addr address;
                struct host_proc_end end;
        };
};

#endif
