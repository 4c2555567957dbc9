/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kernel half of the gate: sockets that a blocked process had before. Two passes over all descriptors, run by who
 * blocks: the first marks the sockets of blocked processes, the second spares those that somebody else holds too. */
#ifndef SEKIMORI_RESPOND_GATE_BLOCK_BPF_H
#define SEKIMORI_RESPOND_GATE_BLOCK_BPF_H

#include "respond/gate_person.bpf.h"

SEC("iter/task_file")
int gate_mark_sockets(struct bpf_iter__task_file *ctx)
{
        struct task_struct *t = ctx->task;
        struct file *f = ctx->file;
        struct gate_socket *own;
        struct gate_label *l;
        struct socket *socket;

        if (!t || !f)
                return 0;
        l = label_of(t);
        if (!l || !block_at(l->block, l->block_serial))
                return 0;
        socket = bpf_sock_from_file(f);
        if (!socket || !socket->sk)
                return 0;
        own = bpf_sk_storage_get(&sockets, socket->sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
        if (!own)
                return 0;
        own->block = l->block;
        own->block_serial = l->block_serial;
        return 0;
}

SEC("iter/task_file")
int gate_spare_sockets(struct bpf_iter__task_file *ctx)
{
        struct task_struct *t = ctx->task;
        struct file *f = ctx->file;
        struct gate_socket *own;
        struct gate_label *l;
        struct socket *socket;
        u32 pid;

        if (!t || !f)
                return 0;
        socket = bpf_sock_from_file(f);
        if (!socket || !socket->sk)
                return 0;
        own = bpf_sk_storage_get(&sockets, socket->sk, 0, 0);
        if (!own || !block_at(own->block, own->block_serial))
                return 0;
        l = label_of(t);
        if (l && block_at(l->block, l->block_serial))
                return 0;
        own->block = 0;
        pid = (u32) t->tgid;
        bpf_seq_write(ctx->meta->seq, &pid, sizeof(pid)); /* who shares one */
        return 0;
}

#endif
