/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The texts of /proc as facts. Pure; names in them are chosen by whoever runs a program, so that every byte may be
 * hostile, and a line may be cut. Runs in the scanner, the warden's child that reads /proc. */
#ifndef SEKIMORI_SOURCE_PROC_SCAN_H
#define SEKIMORI_SOURCE_PROC_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define PROC_COMM_MAX 64 /* /proc/PID/stat may show workqueue names longer than TASK_COMM_LEN */

struct proc_stat {
        uint64_t start; /* clock ticks since boot */
        uint32_t pid, ppid;
        uint32_t session;
        uint32_t tty;     /* major << 20 | minor; 0: none */
        bool kernel;      /* a kernel thread */
        bool dead;        /* zombie or dying: holds no descriptor */
        bool leader_gone; /* only other threads than the first go on */
        char comm[PROC_COMM_MAX];
};

/* /proc/PID/stat. 0 or -EBADMSG. */
int proc_scan_stat(const char *text, size_t len, struct proc_stat *ret);

enum proc_table { PROC_TABLE_TCP, PROC_TABLE_UDP, PROC_TABLE_RAW, PROC_TABLE_ICMP, PROC_TABLE_PACKET, PROC_TABLES };

struct proc_socket {
        struct addr local, remote; /* any address: all zero for IPv6, 0.0.0.0 for IPv4; remote always all zero then */
        uint64_t inode;            /* 0: no longer any process's */
        uint32_t uid;
        uint32_t ifindex;   /* packet: 0 means every device */
        uint32_t ethertype; /* packet */
        uint16_t local_port, remote_port;
        uint8_t table; /* enum proc_table */
        uint8_t proto; /* IPPROTO_*; raw: the protocol it was opened for */
        uint8_t state; /* as the kernel numbers them: TCP_ESTABLISHED, TCP_LISTEN… */
        bool is_v6;
};

/* One line of /proc/net/{tcp,udp,raw,icmp}[6] or packet. 0; -ENODATA (the heading, an empty line); -EBADMSG. */
int proc_scan_socket(enum proc_table table, bool is_v6, const char *line, size_t len, struct proc_socket *ret);

/* "socket:[123]", "net:[4026531840]": the number behind `kind`. 0 or -EBADMSG. */
int proc_scan_link(const char *kind, const char *text, size_t len, uint64_t *ret);

/* The effective user of /proc/PID/status. 0 or -EBADMSG. */
int proc_scan_uid(const char *text, size_t len, uint32_t *ret);

/* The path in cgroup v2 of /proc/PID/cgroup, a slice of the text. 0 or -ENODATA. */
int proc_scan_cgroup(const char *text, size_t len, const char **ret_path, size_t *ret_len);

/* A decimal number that is all there is but a newline. 0 or -EBADMSG. */
int proc_scan_number(const char *text, size_t len, uint64_t *ret);

#endif
