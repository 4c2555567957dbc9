/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kernel half of the gate: records for the engine and for the keeper. A burst of the same is told at once, then by the
 * second: gate_flush tells what is left, so that counts are exact in the end. */
#ifndef SEKIMORI_RESPOND_GATE_TELL_BPF_H
#define SEKIMORI_RESPOND_GATE_TELL_BPF_H

#include "respond/gate_common.bpf.h"

#define TELL_EVERY 1000000000ull /* ns */

struct told_key {
        u64 start;
        u32 pid;
        u8 op, reason, denied, spare;
};

struct told {
        u64 time;
        u32 untold, spare;
        struct gate_record record;
};

struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, 1024);
        __type(key, struct told_key);
        __type(value, struct told);
} told SEC(".maps");

/* A record is too large for the stack. Several, since another process may take over this processor meanwhile, where the
 * kernel is preemptible, and be refused as well. */
#define SCRATCHES 4

struct scratch {
        u32 busy, spare;
        struct told told;
};

struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, SCRATCHES);
        __type(key, u32);
        __type(value, struct scratch);
} scratch SEC(".maps");

static __always_inline struct scratch *scratch_take(void)
{
        for (u32 i = 0; i < SCRATCHES; i++) {
                u32 at = i;
                struct scratch *s = bpf_map_lookup_elem(&scratch, &at);

                if (s && !__sync_lock_test_and_set(&s->busy, 1))
                        return s;
        }
        count(GATE_COUNT_RING_FULL);
        return NULL;
}

static __always_inline void send_record(struct gate_record *r)
{
        r->lost = (u32) counted(GATE_COUNT_RING_FULL);
        if (bpf_ringbuf_output(&ring, r, sizeof(*r), 0))
                count(GATE_COUNT_RING_FULL);
        (void) bpf_ringbuf_output(&bell, r, sizeof(*r), 0);
}

/* An empty record on the current task; fill in, and tell() or record_end(). */
static __always_inline struct gate_record *record_begin(u8 op)
{
        struct scratch *s = scratch_take();
        struct task_struct *task = (struct task_struct *) bpf_get_current_task();
        struct gate_record *r;
        struct inode *inode;

        if (!s)
                return NULL;
        r = &s->told.record;
        __builtin_memset(r, 0, sizeof(*r));
        r->time = bpf_ktime_get_boot_ns();
        r->op = op;
        r->count = 1;
        task_identity(task, &r->task);
        inode = BPF_CORE_READ(task, mm, exe_file, f_inode);
        r->exe_ino = BPF_CORE_READ(inode, i_ino);
        r->exe_dev = BPF_CORE_READ(inode, i_sb, s_dev);
        r->uid = BPF_CORE_READ(task, cred, uid.val);
        r->netns = BPF_CORE_READ(task, nsproxy, net_ns, net_cookie);
        bpf_probe_read_kernel_str(r->comm, sizeof(r->comm), &task->comm);
        return r;
}

static __always_inline void put_label(struct gate_record *r, const struct gate_label *l)
{
        if (!l)
                return;
        r->kinds = l->kinds;
        r->program = l->program;
        r->session = l->session;
        r->asker.pid = r->asker.tid = l->asker ? l->asker : l->creator;
        r->asker.start = r->asker.leader_start = l->asker ? l->asker_start : l->creator_start;
}

static __always_inline void tell_or_count(struct told *t)
{
        struct gate_record *r = &t->record;
        struct told_key key = {};
        struct told *old;

        key.start = r->task.leader_start;
        key.pid = r->task.pid;
        key.op = r->op;
        key.reason = r->reason;
        key.denied = r->denied;
        old = bpf_map_lookup_elem(&told, &key);
        if (!old) {
                t->time = r->time;
                t->untold = 0;
                t->spare = 0;
                if (bpf_map_update_elem(&told, &key, t, BPF_NOEXIST) == 0) {
                        send_record(r);
                        return;
                }
                old = bpf_map_lookup_elem(&told, &key); /* another thread was first */
                if (!old) {
                        send_record(r);
                        return;
                }
        }
        if (r->time - old->time < TELL_EVERY) {
                __sync_fetch_and_add(&old->untold, 1);
                return;
        }
        old->time = r->time;
        r->count += __sync_lock_test_and_set(&old->untold, 0);
        send_record(r);
}

/* Gives back what record_begin() gave. */
static __always_inline void record_end(struct gate_record *r)
{
        struct scratch *s = (void *) r - offsetof(struct scratch, told.record);

        s->busy = 0;
}

static __always_inline void tell(struct gate_record *r)
{
        tell_or_count((void *) r - offsetof(struct told, record));
        record_end(r);
}

struct bpf_map;

static long flush_one(struct bpf_map *map, const void *key, struct told *t, void *context)
{
        u32 n;

        if (!t->untold || bpf_ktime_get_boot_ns() - t->time < TELL_EVERY)
                return 0;
        n = __sync_lock_test_and_set(&t->untold, 0);
        t->time = t->record.time = bpf_ktime_get_boot_ns();
        t->record.count = n;
        send_record(&t->record);
        return 0;
}

/* Run by the keeper. */
SEC("syscall")
int gate_flush(void *ctx)
{
        bpf_for_each_map_elem(&told, flush_one, NULL, 0);
        return 0;
}

/* Run by the keeper: what it saw itself, so that it reaches the engine on the same way. */
SEC("syscall")
int gate_say(struct gate_record *ctx)
{
        struct scratch *s = scratch_take();

        if (!s)
                return 0;
        s->told.record = *ctx;
        s->told.record.time = bpf_ktime_get_boot_ns();
        send_record(&s->told.record);
        s->busy = 0;
        return 0;
}

#endif
