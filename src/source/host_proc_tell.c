/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tells the engine what a walk found: only what is new or changed, ancestors before processes, processes before their
 * sockets, ends last. Runs in the scanner. */
#include <errno.h>
#include <stdio.h>

#include "model/event.h"
#include "source/host_proc_read.h"
#include "source/host_proc_walk_internal.h"

#define CHAIN_MAX 64 /* ancestors followed */

static bool same_id(const struct host_proc_id *a, const struct host_proc_id *b)
{
        return a->pid == b->pid && a->start == b->start;
}

static void emit(struct host_proc_walk *w, const struct host_proc_record *r)
{
        if (w->error == 0)
                w->error = w->p.emit(w->p.userdata, r);
}

static void emit_process(struct host_proc_walk *w, struct process_entry *e)
{
        struct host_proc_record r = {.type = RECORD_PROCESS};
        _cleanup_close_ int dir = -EBADF;
        char name[16];
        struct proc_stat s;

        r.process = (struct host_proc_process){.id = e->id,
                                               .creator = e->creator,
                                               .uid = UINT32_MAX,
                                               .loginuid = UINT32_MAX,
                                               .session = UINT32_MAX,
                                               .netns = e->netns,
                                               .tty = e->tty,
                                               .flags = e->flags};
        memcpy(r.process.comm, e->comm, sizeof(r.process.comm));
        snprintf(name, sizeof(name), "%u", e->id.pid);
        dir = host_proc_read_open(w->dir, name);
        if (dir >= 0) {
                struct host_proc_process details = r.process;

                host_proc_read_details(dir, &details);
                /* The number may be another's by now: what was read counts only if it is not. */
                if (host_proc_read_stat(dir, &s) == 0 && host_proc_read_ticks(s.start) == e->id.start)
                        r.process = details;
        }
        e->exe_ino = r.process.exe_ino;
        e->exe_dev = r.process.exe_dev;
        e->sent = true;
        emit(w, &r);
}

/* The process after its ancestors, root first, each once. */
static void emit_chain(struct host_proc_walk *w, const struct host_proc_id *id)
{
        struct process_entry *chain[CHAIN_MAX];
        int n = 0;

        for (struct process_entry *e = table_find(w->processes, id); e && !e->sent && n < CHAIN_MAX;
             e = e->creator.pid ? table_find(w->processes, &e->creator) : NULL)
                chain[n++] = e;
        while (n > 0)
                emit_process(w, chain[--n]);
}

static void emit_socket(struct host_proc_walk *w, const struct socket_entry *e, uint32_t type,
                        const struct host_proc_id *owner)
{
        struct host_proc_record r = {.type = type};

        r.socket = (struct host_proc_socket){.local = e->key.local,
                                             .remote = e->key.remote,
                                             .inode = e->key.inode,
                                             .owner = *owner,
                                             .netns = e->key.netns,
                                             .ifindex = e->ifindex,
                                             .ethertype = e->ethertype,
                                             .local_port = e->key.local_port,
                                             .remote_port = e->key.remote_port,
                                             .table = e->key.table,
                                             .proto = e->key.proto,
                                             .state = e->state,
                                             .is_v6 = e->key.is_v6};
        emit(w, &r);
}

static void emit_exits(struct host_proc_walk *w)
{
        for (struct process_entry *e = table_oldest(w->processes); e; e = table_younger(w->processes, e)) {
                if (!e->sent || !e->ended || e->told_end)
                        continue;
                emit(w, &(struct host_proc_record){.type = RECORD_EXIT, .exit = e->id});
                e->told_end = true;
        }
}

void host_proc_tell_sockets(struct host_proc_walk *w)
{
        static const struct host_proc_id nobody = {0};
        struct socket_entry *next;

        for (struct socket_entry *e = table_oldest(w->sockets); e; e = next) {
                const struct owner_entry *o = table_peek(w->owners, &e->key.inode);
                struct host_proc_id owner = o ? o->id : nobody;

                next = table_younger(w->sockets, e);
                if (e->scan != w->scan) {
                        if (!host_proc_walk_looked(w, e))
                                continue;
                        if (e->sent)
                                emit_socket(w, e, RECORD_CLOSED, &e->sent_owner);
                        host_proc_walk_forget(w, e);
                        continue;
                }
                if (e->sent && e->sent_state == e->state && same_id(&e->sent_owner, &owner))
                        continue;
                if (owner.pid != 0)
                        emit_chain(w, &owner);
                emit_socket(w, e, RECORD_SOCKET, &owner);
                e->sent = true;
                e->sent_state = e->state;
                e->sent_owner = owner;
        }
        emit_exits(w);
}

/* Of the processes told of: which ended, which run another program. */
static void check_process(struct host_proc_walk *w, struct process_entry *e)
{
        struct host_proc_process now = {.id = e->id, .creator = e->creator, .flags = e->flags};
        _cleanup_close_ int dir = -EBADF;
        struct proc_stat s;
        char name[16];

        snprintf(name, sizeof(name), "%u", e->id.pid);
        dir = host_proc_read_open(w->dir, name);
        if (dir < 0 || host_proc_read_stat(dir, &s) < 0 || s.dead || host_proc_read_ticks(s.start) != e->id.start) {
                e->ended = true;
                w->need_walk = true; /* others may hold its sockets */
                return;
        }
        if (e->flags & PROCESS_KERNEL)
                return;
        host_proc_read_program(dir, &now);
        if (now.exe_ino == 0 || (now.exe_ino == e->exe_ino && now.exe_dev == e->exe_dev))
                return;
        e->exe_ino = now.exe_ino;
        e->exe_dev = now.exe_dev;
        memcpy(e->comm, s.comm, sizeof(e->comm) - 1);
        host_proc_read_details(dir, &now);
        now.tty = s.tty;
        memcpy(now.comm, e->comm, sizeof(now.comm));
        emit(w, &(struct host_proc_record){.type = RECORD_EXEC, .process = now});
}

void host_proc_tell_processes(struct host_proc_walk *w)
{
        for (struct process_entry *e = table_oldest(w->processes); e; e = table_younger(w->processes, e))
                if (e->sent && !e->ended)
                        check_process(w, e);
}
