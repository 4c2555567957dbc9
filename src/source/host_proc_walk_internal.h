/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the walk (host_proc_walk.c) finds and the tale (host_proc_tell.c) tells. Only for these two. */
#ifndef SEKIMORI_SOURCE_HOST_PROC_WALK_INTERNAL_H
#define SEKIMORI_SOURCE_HOST_PROC_WALK_INTERNAL_H

#include <stdbool.h>

#include "base/table.h"
#include "source/host_proc_walk.h"
#include "source/proc_scan.h"

struct socket_key {
        struct addr local, remote;
        uint64_t inode;
        uint32_t netns;
        uint16_t local_port, remote_port;
        uint8_t table, proto, is_v6, pad[5];
};

struct socket_entry {
        struct socket_key key;
        struct host_proc_id sent_owner;
        uint64_t scan; /* the scan that saw it last */
        uint32_t ifindex, ethertype;
        uint8_t state, sent_state;
        bool sent;
};

struct owner_entry {
        uint64_t inode;
        struct host_proc_id id;
        uint64_t walk;    /* found by this walk */
        unsigned sockets; /* entries with this inode: more than one while its addresses change */
        unsigned misses;
};

struct process_entry {
        struct host_proc_id id;
        struct host_proc_id creator;
        uint64_t walk; /* seen alive by this walk */
        uint64_t exe_ino;
        uint32_t exe_dev, ppid, tty, netns, flags;
        bool sent, ended, told_end;
        char comm[16];
};

struct pid_entry {
        uint32_t pid;
        uint64_t start;
        uint64_t walk;
};

struct host_proc_walk {
        struct host_proc_walk_params p;
        struct table *sockets, *owners, *processes, *pids;
        int dir;
        uint32_t netns; /* our own */
        uint64_t scan, walk;
        uint64_t evicted_before;
        uint32_t bad_lines, hidden, alive, namespaces, skipped;
        bool need_walk;
        bool all_tcp;                         /* this scan reads the whole TCP tables */
        uint32_t looked[NAMESPACES_PER_SCAN]; /* other namespaces that this scan reads */
        uint32_t n_looked, next_namespace;
        int error; /* of emit() */
        /* what is being read */
        enum proc_table table;
        bool is_v6;
        uint32_t reading_netns;
        struct host_proc_id reading_process;
};

/* Marks those that ended since they were told of, and tells which run another program. */
void host_proc_tell_processes(struct host_proc_walk *w);
/* Was this socket looked for by the scan that is under way? If not, not to have seen it means nothing. */
bool host_proc_walk_looked(const struct host_proc_walk *w, const struct socket_entry *e);
void host_proc_walk_forget(struct host_proc_walk *w, struct socket_entry *e);
/* Tells of new, changed and vanished sockets, their owners first, then of the ends marked before. */
void host_proc_tell_sockets(struct host_proc_walk *w);

#endif
