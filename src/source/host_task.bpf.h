/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kernel half of the host sensor: processes and threads. A task's creator is recorded when it is created, in storage of
 * the task itself, and never rewritten: double forks, CLONE_PARENT, subreapers and dead parents change nothing. */
#ifndef SEKIMORI_SOURCE_HOST_TASK_BPF_H
#define SEKIMORI_SOURCE_HOST_TASK_BPF_H

#include "source/host_common.bpf.h"

struct ancestry {
        struct host_task up[HOST_ANCESTORS + 1]; /* creator, its creator, ... */
};

struct {
        __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
        __uint(map_flags, BPF_F_NO_PREALLOC);
        __type(key, int);
        __type(value, struct ancestry);
} lineage SEC(".maps");

static __always_inline u32 tty_number(struct task_struct *t)
{
        struct tty_struct *tty = BPF_CORE_READ(t, signal, tty);

        if (!tty)
                return 0;
        return BPF_CORE_READ(tty, driver, major) << 20 |
               (BPF_CORE_READ(tty, driver, minor_start) + BPF_CORE_READ(tty, index));
}

/* What is the same for all records on a task; `r` is zeroed or about to be filled by the caller. */
static __always_inline void fill_task(struct host_task_record *r, struct task_struct *t)
{
        struct inode *inode = BPF_CORE_READ(t, mm, exe_file, f_inode);
        struct pid *pid = t->thread_pid;
        u32 level = BPF_CORE_READ(pid, level);
        u32 flags = t->flags;

        task_identity(t, &r->task);
        r->exe_ino = BPF_CORE_READ(inode, i_ino);
        r->exe_dev = BPF_CORE_READ(inode, i_sb, s_dev);
        r->uid = BPF_CORE_READ(t, cred, uid.val);
        r->loginuid = bpf_core_field_exists(t->loginuid) ? BPF_CORE_READ(t, loginuid.val) : (u32) -1;
        r->session = bpf_core_field_exists(t->sessionid) ? BPF_CORE_READ(t, sessionid) : (u32) -1;
        r->netns = BPF_CORE_READ(t, nsproxy, net_ns, net_cookie);
        r->tty = tty_number(t);
        r->pidns = 0;
        if (level < 32) {
                struct upid last;

                if (!bpf_core_read(&last, sizeof(last),
                                   (void *) &pid->numbers + level * bpf_core_type_size(struct upid)))
                        r->pidns = BPF_CORE_READ(last.ns, ns.inum);
        }
        r->flags = (flags & PF_KTHREAD ? HOST_TASK_KERNEL : 0) | (flags & PF_IO_WORKER ? HOST_TASK_IO_WORKER : 0);
        if (t->pid != t->tgid)
                r->flags |= HOST_TASK_THREAD;
        else if (BPF_CORE_READ(t, signal, leader))
                r->flags |= HOST_TASK_SESSION_LEADER;
}

/* io_uring's workers and SQPOLL threads are created inside system calls of the submitter and of the ring's creator: the
 * call tells them apart. */
static __always_inline bool in_uring_setup(struct task_struct *current_task)
{
        struct pt_regs *regs = (struct pt_regs *) bpf_task_pt_regs(current_task);

        return BPF_CORE_READ(regs, orig_ax) == URING_SETUP_NR;
}

static __always_inline void remember_creator(struct task_struct *child, struct task_struct *creator)
{
        struct ancestry *a = bpf_task_storage_get(&lineage, child, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
        struct ancestry *up = bpf_task_storage_get(&lineage, creator, 0, 0);

        if (!a)
                return;
        task_identity(creator, &a->up[0]);
        if (up)
                __builtin_memcpy(&a->up[1], &up->up[0], sizeof(a->up) - sizeof(a->up[0]));
}

SEC("tp_btf/task_newtask")
int BPF_PROG(on_new_task, struct task_struct *child, u64 clone_flags)
{
        struct task_struct *creator = bpf_get_current_task_btf();
        struct host_task_record *r;
        const u32 size = sizeof(*r) - HOST_TEXT_MAX + HOST_COMM_LEN;

        /* A kernel worker may create an io_uring worker for a process: then the process itself is the creator. */
        if ((child->flags & PF_IO_WORKER) && (creator->flags & PF_KTHREAD))
                creator = child->group_leader;
        remember_creator(child, creator);

        r = record_begin(size, HOST_RECORD_TASK, HOST_TASK_FORK);
        if (!r)
                return 0;
        fill_task(r, child);
        task_identity(creator, &r->creator);
        r->cgroup = bpf_get_current_cgroup_id();
        r->flags &= ~HOST_TASK_SESSION_LEADER; /* a copy of the creator's flag is not yet true of the child */
        if (clone_flags & CLONE_PARENT)
                r->flags |= HOST_TASK_CLONE_PARENT;
        if ((child->flags & PF_IO_WORKER) && in_uring_setup(bpf_get_current_task_btf()))
                r->flags |= HOST_TASK_SQPOLL;
        bpf_core_read_str(r->text, HOST_COMM_LEN, &creator->comm);
        bpf_ringbuf_submit(r, 0);
        return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *t, int old_pid, struct linux_binprm *bprm)
{
        struct host_task_record *r = record_begin(sizeof(*r), HOST_RECORD_TASK, HOST_TASK_EXEC);

        if (!r)
                return 0;
        fill_task(r, t);
        __builtin_memset(&r->creator, 0, sizeof(r->creator));
        r->cgroup = bpf_get_current_cgroup_id();
        r->text[0] = 0;
        bpf_core_read_str(r->text, sizeof(r->text), bprm->filename);
        bpf_ringbuf_submit(r, 0);
        return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit_task, struct task_struct *t)
{
        struct host_task_record *r;
        const u32 size = sizeof(*r) - HOST_TEXT_MAX;

        r = record_begin(size, HOST_RECORD_TASK, HOST_TASK_EXIT);
        if (!r)
                return 0;
        __builtin_memset((void *) r + sizeof(r->head), 0, size - sizeof(r->head));
        task_identity(t, &r->task);
        bpf_ringbuf_submit(r, 0);
        return 0;
}

/* Who only waits to be collected has ended: it told so, or did before there was anybody to tell. A first thread stands
 * for its process as long as another one lives. */
static __always_inline bool has_ended(struct task_struct *t)
{
        return t->exit_state && (t->pid != t->tgid || BPF_CORE_READ(t, signal, live.counter) == 0);
}

/* Snapshot: every task there is, with the creators recorded for it, or else its parent as now known. */
SEC("iter/task")
int list_tasks(struct bpf_iter__task *ctx)
{
        struct task_struct *t = ctx->task;
        struct host_present_record r = {};
        struct ancestry *a;

        if (!t || has_ended(t))
                return 0;
        r.task.head.time = bpf_ktime_get_boot_ns();
        r.task.head.type = HOST_RECORD_TASK;
        r.task.head.op = HOST_TASK_PRESENT;
        r.task.head.size = sizeof(r);
        fill_task(&r.task, t);
        a = bpf_task_storage_get(&lineage, t, 0, 0);
        if (a) {
                r.task.creator = a->up[0];
                __builtin_memcpy(r.ancestors, &a->up[1], sizeof(r.ancestors));
        } else {
                struct task_struct *from = t->pid == t->tgid ? t->real_parent : t->group_leader;

                if (from->pid)
                        task_identity(from, &r.task.creator);
                r.task.flags |= HOST_TASK_CREATOR_GUESS;
        }
        bpf_core_read_str(r.task.text, HOST_COMM_LEN, &t->comm);
        bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
        return 0;
}

#endif
