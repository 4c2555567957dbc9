/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's types as far as host.bpf.c reads them, with CO-RE relocations: field offsets are taken from the running
 * kernel's BTF at load time. Written out instead of a generated vmlinux.h, so that a build needs no BTF and does not
 * depend on the kernel of the machine it runs on. ___suffix names a variant of a type that other kernels have. */
#ifndef SEKIMORI_SOURCE_HOST_KERNEL_H
#define SEKIMORI_SOURCE_HOST_KERNEL_H

#include <linux/types.h>

typedef _Bool bool;
#define true 1
#define false 0
typedef __u64 u64;
typedef __u32 u32;
typedef __u16 u16;
typedef __u8 u8;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
        u32 val;
} kuid_t;

struct ns_common {
        u32 inum;
};

struct net_device;
struct list_head {
        struct list_head *next, *prev;
};

struct net {
        u64 net_cookie;
        struct list_head dev_base_head;
};

typedef struct {
        struct net *net;
} possible_net_t;

struct in6_addr {
        union {
                u8 u6_addr8[16];
        } in6_u;
};

typedef struct {
        long long counter;
} atomic64_t;

struct sock_common {
        __be32 skc_daddr, skc_rcv_saddr;
        __be16 skc_dport;
        u16 skc_num;
        u16 skc_family;
        volatile u8 skc_state;
        possible_net_t skc_net;
        struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
        atomic64_t skc_cookie;
        unsigned long skc_flags;
};

struct sock {
        struct sock_common __sk_common;
        u16 sk_type, sk_protocol;
        struct socket *sk_socket;
};

struct socket {
        struct sock *sk;
        struct file *file;
};

struct inet_sock {
        struct sock sk;
        __be16 inet_sport;
};

struct inet_connection_sock {
        struct inet_sock icsk_inet;
        void *icsk_ulp_data;
};

struct tcp_sock {
        u64 bytes_received, bytes_sent, bytes_acked, bytes_retrans;
        u32 segs_in, segs_out, data_segs_in, data_segs_out;
        bool is_mptcp;
};

struct mptcp_subflow_context {
        struct sock *conn;
};

struct sk_buff {
        struct sock *sk;
        struct net_device *dev;
        unsigned int len, data_len;
        __be16 protocol;
        u16 network_header;
        unsigned char *head, *data;
};

struct in_ifaddr {
        struct in_ifaddr *ifa_next;
        __be32 ifa_local;
};

struct in_device {
        struct in_ifaddr *ifa_list;
};

struct inet6_dev {
        struct list_head addr_list;
};

struct inet6_ifaddr {
        struct in6_addr addr;
        struct list_head if_list;
};

struct net_device {
        struct list_head dev_list;
        int ifindex;
        unsigned short type;
        struct in_device *ip_ptr;
        struct inet6_dev *ip6_ptr;
        possible_net_t nd_net;
};

struct packet_sock {
        unsigned long flags;
        int ifindex;
};

struct cred {
        kuid_t uid;
};

struct nsproxy {
        struct net *net_ns;
};

struct super_block {
        u32 s_dev;
};

struct inode {
        u16 i_mode;
        kuid_t i_uid;
        u32 i_rdev;
        unsigned long i_ino;
        struct super_block *i_sb;
};

struct path {
        void *dentry;
};

struct file {
        struct inode *f_inode;
        struct path f_path;
        void *private_data;
};

struct fdtable {
        unsigned int max_fds;
        struct file **fd;
};

struct files_struct {
        struct fdtable *fdt;
};

struct mm_struct {
        struct file *exe_file;
        unsigned long env_start, env_end;
};

struct pid;

struct tty_driver {
        int major, minor_start;
};

struct tty_struct {
        int index;
        struct tty_driver *driver;
        struct tty_struct *link; /* a pseudo terminal's other end */
        struct {
                struct pid *pgrp, *session;
        } ctrl;
};

struct tty_file_private {
        struct tty_struct *tty;
};

struct kernfs_node {
        const char *name;
};

struct kernfs_node___before_6_15 {
        struct kernfs_node *parent;
};

struct kernfs_node___since_6_15 {
        struct kernfs_node *__parent;
};

struct cgroup {
        struct kernfs_node *kn;
};

struct css_set {
        struct cgroup *dfl_cgrp;
};

typedef struct {
        int counter;
} atomic_t;

struct signal_struct {
        atomic_t live; /* threads that have not ended */
        struct pid *pids[4];
        struct tty_struct *tty;
        int leader;
};

struct pid_namespace {
        struct ns_common ns;
};

struct upid {
        int nr;
        struct pid_namespace *ns;
};

struct pid {
        unsigned int level;
        struct upid numbers[1];
};

struct task_struct {
        int pid, tgid;
        int exit_state; /* not 0: ended, and told so */
        unsigned int flags;
        u64 start_boottime;
        struct task_struct *group_leader, *real_parent;
        struct mm_struct *mm;
        const struct cred *cred;
        struct nsproxy *nsproxy;
        struct signal_struct *signal;
        struct files_struct *files;
        struct css_set *cgroups;
        struct pid *thread_pid;
        unsigned int ptrace;
        char comm[16];
        kuid_t loginuid;
        unsigned int sessionid;
};

struct linux_binprm {
        const char *filename, *interp; /* the same, but for a script */
        struct file *file;
};

struct sockaddr;

struct bpf_sock_addr_kern {
        struct sockaddr *uaddr;
        u32 uaddrlen;
};

struct seq_file;

struct bpf_iter_meta {
        struct seq_file *seq;
        u64 session_id, seq_num;
};

struct bpf_iter__task {
        struct bpf_iter_meta *meta;
        struct task_struct *task;
};

struct bpf_iter__task_file {
        struct bpf_iter_meta *meta;
        struct task_struct *task;
        u32 fd;
        struct file *file;
};

struct pt_regs {
        unsigned long di, si, dx, ax, orig_ax;
};

#pragma clang attribute pop

#endif
