/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel half of the eBPF back end (host.bpf.c) writes and the engine half (host_bpf.c) reads: records of the
 * ring and of the snapshot iterators. Host byte order and layout; both sides are built together. */
#ifndef SEKIMORI_SOURCE_HOST_RECORD_H
#define SEKIMORI_SOURCE_HOST_RECORD_H

#include <linux/types.h>

#define HOST_TEXT_MAX  96
#define HOST_COMM_LEN  16
#define HOST_ANCESTORS 6 /* creators kept with a living task, so that a lost record breaks no chain */

enum host_record_type {
        HOST_RECORD_TASK = 1,
        HOST_RECORD_FLOW = 2,
        HOST_RECORD_SOCKET = 3,
};

/* As struct task of model/event.h. */
struct host_task {
        __u64 start;
        __u64 leader_start;
        __u32 pid, tid;
};

enum host_task_op { HOST_TASK_FORK, HOST_TASK_EXEC, HOST_TASK_EXIT, HOST_TASK_PRESENT };

/* Bits as enum process_flag of model/event.h. */
enum host_task_flag {
        HOST_TASK_THREAD = 1 << 0,
        HOST_TASK_KERNEL = 1 << 1,
        HOST_TASK_IO_WORKER = 1 << 2,
        HOST_TASK_SQPOLL = 1 << 3,
        HOST_TASK_CLONE_PARENT = 1 << 4,
        HOST_TASK_SESSION_LEADER = 1 << 5,
        HOST_TASK_CREATOR_GUESS = 1 << 6,
};

struct host_head {
        __u64 time; /* nanoseconds since boot */
        __u8 type;  /* enum host_record_type */
        __u8 op;
        __u16 size; /* of the whole record */
        __u32 spare;
};

struct host_task_record {
        struct host_head head;
        struct host_task task, creator;
        __u64 exe_ino, cgroup;
        __u32 exe_dev, uid, loginuid, session, netns, tty, flags, pidns;
        char text[HOST_TEXT_MAX]; /* exec: path as given; otherwise comm; NUL-terminated */
};

/* Present: who created the creator, and so on upwards; pid 0 ends it. */
struct host_present_record {
        struct host_task_record task;
        struct host_task ancestors[HOST_ANCESTORS];
};

enum host_flow_op {
        HOST_FLOW_CONNECT,     /* a TCP SYN is about to leave; task is who asked */
        HOST_FLOW_ESTABLISHED, /* the peer answered; no task */
        HOST_FLOW_ACCEPTED,    /* the peer's connection is complete; no task: who takes it shows at its first use */
        HOST_FLOW_TAKEN,       /* task accepted it */
        HOST_FLOW_USE,         /* task sends or receives on it: first time, four times as often, or 30 s later */
        HOST_FLOW_PUSH,        /* bytes arrived after a second of silence; task received them */
        HOST_FLOW_CLOSE,       /* the socket is gone, or TCP closed; no task */
        HOST_FLOW_PRESENT,     /* found by the snapshot; task holds a descriptor of it */
};

enum host_flow_flag {
        HOST_FLOW_TCP_TOTALS = 1 << 0, /* bytes and packets are the socket's totals; otherwise what this task added */
        HOST_FLOW_RECEIVED = 1 << 1,   /* the use was a receive */
        HOST_FLOW_SAMPLED = 1 << 2,    /* too many peers on one socket: pkts_out counts unlisted ones too */
        HOST_FLOW_RAW = 1 << 3,
        HOST_FLOW_PACKET = 1 << 4,
        HOST_FLOW_XDP = 1 << 5,
        HOST_FLOW_FAILED = 1 << 6,  /* close: it was never established */
        HOST_FLOW_SUBFLOW = 1 << 7, /* an MPTCP subflow's state, under its parent's cookie */
        HOST_FLOW_NO_PEER = 1 << 8,
        HOST_FLOW_LISTENING = 1 << 9,
};

struct host_flow_record {
        struct host_head head;
        struct host_task task; /* pid 0: none */
        __u64 cookie;          /* of the socket */
        __u64 bytes_out, bytes_in;
        __u32 pkts_out, pkts_in;
        __u8 local[16], remote[16]; /* v4-mapped */
        __u16 local_port, remote_port;
        __u32 netns;
        __u16 family, proto;
        __u16 flags; /* enum host_flow_flag */
        __u8 tcp_state, spare;
        __u32 ifindex;
};

enum host_socket_op {
        HOST_SOCKET_LISTEN,
        HOST_SOCKET_RAW,
        HOST_SOCKET_PACKET,
        HOST_SOCKET_XDP,
        HOST_SOCKET_FORGED,
        HOST_SOCKET_CLOSE,
};

struct host_socket_record {
        struct host_head head;
        struct host_task task;
        __u64 cookie;
        __u8 local[16], remote[16];
        __u16 local_port, remote_port;
        __u32 netns, ifindex;
        __u16 family, proto;
        __u16 ethertype;
        __u8 bypass, unsure; /* forged: not all addresses could be compared */
        __u32 count;
};

/* Counters of the kernel half, in a map the engine reads. */
enum host_counter {
        HOST_COUNT_RING_FULL,  /* records lost */
        HOST_COUNT_NO_PEER,    /* sends whose peer was not known */
        HOST_COUNT_NO_CONTENT, /* packets whose content could not be read */
        HOST_COUNT_SAMPLED,    /* sends to unlisted peers of one socket */
        HOST_COUNT_UNSURE,     /* raw packets whose source could not be compared with all addresses */
        HOST_COUNTERS,
};

#endif
