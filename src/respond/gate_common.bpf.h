/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kernel half of the gate: maps, and what is known of a process. */
#ifndef SEKIMORI_RESPOND_GATE_COMMON_BPF_H
#define SEKIMORI_RESPOND_GATE_COMMON_BPF_H

#include "source/host_kernel.h"

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "respond/gate_map.h"

#define AF_UNIX  1
#define AF_INET  2
#define AF_INET6 10

#define PF_KTHREAD   0x200000 /* include/linux/sched.h */
#define CLONE_THREAD 0x10000

enum { PID_OF_GROUP = 2, PID_OF_SESSION = 3 }; /* enum pid_type */

struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(max_entries, 1);
        __type(key, u32);
        __type(value, struct gate_state);
} state SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(max_entries, GATE_PROGRAMS);
        __type(key, struct gate_program_key);
        __type(value, struct gate_program);
} programs SEC(".maps");

/* Declared senders by control group: the key of the path from the root (gate_hash.h). */
struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(max_entries, GATE_UNITS);
        __type(key, u64);
        __type(value, u32);
} units SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(max_entries, GATE_SESSIONS);
        __type(key, u32);
        __type(value, struct gate_session);
} sessions SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(max_entries, GATE_HANDS);
        __type(key, u32);
        __type(value, struct gate_hand);
} hands SEC(".maps");

/* The gesture that opened a permit last. By hand; apart from `hands`, which the user half writes as a whole. */
struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(max_entries, GATE_HANDS);
        __type(key, u32);
        __type(value, u64);
} used SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, 1024);
        __type(key, u32);
        __type(value, struct gate_touch);
} touched SEC(".maps");

/* By the address of the terminal's slave side. */
struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, 1024);
        __type(key, u64);
        __type(value, struct gate_typed);
} typed SEC(".maps");

/* Terminals into which bytes were pushed: when. */
struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, 256);
        __type(key, u64);
        __type(value, u64);
} injected SEC(".maps");

/* Session (index + 1) in which a launcher asked a broker to start something: when. */
struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(max_entries, GATE_HANDS);
        __type(key, u32);
        __type(value, u64);
} asked SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(max_entries, GATE_TASKS);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __type(key, u32);
        __type(value, struct gate_label);
} labels SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, 4096);
        __type(key, u32);
        __type(value, struct gate_permit);
} permits SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(max_entries, GATE_BLOCKS);
        __type(key, u32);
        __type(value, struct gate_block);
} blocks SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_SK_STORAGE);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __type(key, int);
        __type(value, struct gate_socket);
} sockets SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_RINGBUF);
        __uint(max_entries, GATE_RING_BYTES);
} ring SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_RINGBUF);
        __uint(max_entries, GATE_BELL_BYTES);
} bell SEC(".maps");

struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(max_entries, GATE_COUNTERS);
        __type(key, u32);
        __type(value, u64);
} counters SEC(".maps");

static __always_inline void count(u32 which)
{
        u64 *c = bpf_map_lookup_elem(&counters, &which);

        if (c)
                __sync_fetch_and_add(c, 1);
}

static __always_inline u64 counted(u32 which)
{
        u64 *c = bpf_map_lookup_elem(&counters, &which);

        return c ? *c : 0;
}

static __always_inline struct gate_state *gate(void)
{
        u32 zero = 0;

        return bpf_map_lookup_elem(&state, &zero);
}

/* What is known of this process, if it is that process and not a later one with its number. */
static __always_inline struct gate_label *label_at(u32 pid, u64 start)
{
        struct gate_label *l = bpf_map_lookup_elem(&labels, &pid);

        return l && l->start == start ? l : NULL;
}

static __always_inline struct gate_label *label_of(struct task_struct *t)
{
        return label_at(BPF_CORE_READ(t, tgid), BPF_CORE_READ(t, group_leader, start_boottime));
}

static __always_inline void task_identity(struct task_struct *t, struct gate_task *ret)
{
        ret->start = BPF_CORE_READ(t, start_boottime);
        ret->leader_start = BPF_CORE_READ(t, group_leader, start_boottime);
        ret->pid = BPF_CORE_READ(t, tgid);
        ret->tid = BPF_CORE_READ(t, pid);
}

/* The number of a struct pid as the first pid namespace knows it. */
static __always_inline u32 number_of(struct pid *p)
{
        struct upid first;

        if (!p || bpf_core_read(&first, sizeof(first), &p->numbers))
                return 0;
        return (u32) first.nr;
}

static __always_inline bool is_gated(const struct gate_state *s, u16 port)
{
        for (int i = 0; i < GATE_PORTS; i++)
                if (s->ports[i] && s->ports[i] == port)
                        return true;
        return false;
}

/* The block that holds for these, or NULL. Ends by itself when its time is over. */
static __always_inline struct gate_block *block_at(u32 number, u32 serial)
{
        u32 index = number - 1;
        struct gate_block *b;

        if (!number)
                return NULL;
        b = bpf_map_lookup_elem(&blocks, &index);
        return b && b->serial == serial && b->until > bpf_ktime_get_boot_ns() ? b : NULL;
}

#endif
