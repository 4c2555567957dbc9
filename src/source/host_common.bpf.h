/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kernel half of the host sensor: maps, counters and the identity of tasks, shared by its parts. */
#ifndef SEKIMORI_SOURCE_HOST_COMMON_BPF_H
#define SEKIMORI_SOURCE_HOST_COMMON_BPF_H

#include "source/host_kernel.h"

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "source/host_record.h"

#define AF_INET     2
#define AF_INET6    10
#define AF_PACKET   17
#define AF_XDP      44
#define SOCK_RAW    3
#define PROTO_TCP   6
#define PROTO_UDP   17
#define PROTO_MPTCP 262

#define PF_IO_WORKER 0x10 /* include/linux/sched.h */
#define PF_KTHREAD   0x200000
#define CLONE_PARENT 0x8000
#define CLONE_THREAD 0x10000

#define URING_SETUP_NR 425 /* io_uring_setup: the same number on every architecture */

struct {
        __uint(type, BPF_MAP_TYPE_RINGBUF);
        __uint(max_entries, 4 << 20); /* set from the configuration before loading */
} ring SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(max_entries, HOST_COUNTERS);
        __uint(map_flags, BPF_F_MMAPABLE);
        __type(key, u32);
        __type(value, u64);
} counters SEC(".maps");

static __always_inline void count(u32 which, u64 n)
{
        u64 *c = bpf_map_lookup_elem(&counters, &which);

        if (c)
                __sync_fetch_and_add(c, n);
}

/* Random, so that nobody can choose what collides in the caches below, nor read an address out of a number. */
const volatile unsigned long long seed;

static __always_inline u32 mix(u64 a)
{
        return (u32) (((a ^ seed) * 0x9e3779b97f4a7c15ull) >> 32); /* Fibonacci hashing */
}

/* Ticks of the kernel's cheapest clock, jiffies, in a second: from CLOCK_MONOTONIC_COARSE's resolution. */
const volatile unsigned long long ticks_per_second = 250;

/* Room in the ring for one record, with its head filled in; NULL (counted) when the engine is behind. */
static __always_inline void *record_begin(u32 size, u8 type, u8 op)
{
        struct host_head *h = bpf_ringbuf_reserve(&ring, size, 0);

        if (!h) {
                count(HOST_COUNT_RING_FULL, 1);
                return NULL;
        }
        h->time = bpf_ktime_get_boot_ns();
        h->type = type;
        h->op = op;
        h->size = size;
        h->spare = 0;
        return h;
}

static __always_inline void task_identity(struct task_struct *t, struct host_task *ret)
{
        ret->start = t->start_boottime;
        ret->leader_start = t->group_leader->start_boottime;
        ret->pid = t->tgid;
        ret->tid = t->pid;
}

#endif
