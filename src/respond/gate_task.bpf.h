/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kernel half of the gate: labels. A process gets its creator's label when it is created, and what it executes changes
 * what it is, never where it comes from. Double forks, setsid, dead parents and other names change nothing. */
#ifndef SEKIMORI_RESPOND_GATE_TASK_BPF_H
#define SEKIMORI_RESPOND_GATE_TASK_BPF_H

#include "respond/gate_tell.bpf.h"

#define INHERITED                                                                                                      \
        (GATE_LABEL_LAUNCHED | GATE_LABEL_GUESS | GATE_LABEL_BROKERED | GATE_LABEL_REMOTE | GATE_LABEL_CALLED |        \
         GATE_LABEL_FOREIGN | GATE_LABEL_SUBMIT | GATE_LABEL_TTY_GOOD)
#define TRUSTED_FILE_MODE 0022 /* bits that must not be set: writable by group, by others */
#define CONSOLE_MAJOR     4
#define CONSOLES          63
#define NSEC_PER_MSEC     1000000ull
#define ENV_PIECE         16 /* bytes that are read at once */
#define ENV_PIECES        8192
#define MAILERS           (GATE_KIND_MAILER | GATE_KIND_TUI_MAILER)

/* Under a broker: did a launcher of this person's ask for it just now? One request starts one program. */
static __always_inline bool was_asked(const struct gate_state *s, u32 session)
{
        u32 at = session - 1, hand;
        struct gate_session *own;
        u64 *when, then;

        if (!session)
                return false;
        own = bpf_map_lookup_elem(&sessions, &at);
        if (!own)
                return false;
        hand = own->hand;
        when = bpf_map_lookup_elem(&asked, &hand);
        if (!when)
                return false;
        then = __sync_lock_test_and_set(when, 0);
        return then && bpf_ktime_get_boot_ns() - then < s->asked_max * NSEC_PER_MSEC;
}

static __always_inline void inherit(struct gate_label *l, const struct gate_label *up, const struct gate_state *s)
{
        l->kinds = up->kinds;
        l->program = up->program;
        l->session = up->session;
        l->flags = up->flags & INHERITED;
        l->creator_kinds = up->kinds;
        l->asker = up->asker;
        l->asker_start = up->asker_start;
        if ((up->kinds & MAILERS) && !up->asker) {
                l->asker = l->creator;
                l->asker_start = l->creator_start;
        }
        l->mail_tty = up->mail_tty;
        l->mail_pgid = up->mail_pgid;
        l->terminal = up->terminal;
        l->block = up->block;
        l->block_serial = up->block_serial;
        __builtin_memcpy(&l->up[1], &up->up[0], sizeof(l->up) - sizeof(l->up[0]));
        if (up->kinds & (GATE_KIND_TERMINAL | GATE_KIND_DOOR | GATE_KIND_REMOTE))
                l->flags |= GATE_LABEL_TERMINAL;
        if (up->kinds & GATE_KIND_REMOTE)
                l->flags |= GATE_LABEL_REMOTE;
        if ((up->kinds & GATE_KIND_SHELL) && (up->flags & GATE_LABEL_TERMINAL) && !(up->flags & GATE_LABEL_BETWEEN))
                l->flags |= GATE_LABEL_BY_SHELL;
        if (up->kinds & GATE_KIND_BROKER) {
                /* A D-Bus daemon forks twice for one request. */
                bool asked = (up->flags & GATE_LABEL_ASKED) || was_asked(s, up->session);

                l->flags &= ~(GATE_LABEL_LAUNCHED | GATE_LABEL_BROKERED);
                l->flags |= asked ? GATE_LABEL_ASKED | GATE_LABEL_LAUNCHED : GATE_LABEL_BROKERED;
        }
}

SEC("tp_btf/task_newtask")
int BPF_PROG(gate_new_task, struct task_struct *child, u64 clone_flags)
{
        struct task_struct *creator = bpf_get_current_task_btf();
        struct gate_state *s = gate();
        struct gate_label l = {}, *up;
        u32 pid = child->tgid;

        if (!s || (clone_flags & CLONE_THREAD) || (child->flags & PF_KTHREAD))
                return 0;
        l.start = child->start_boottime;
        l.creator = creator->tgid;
        l.creator_start = creator->group_leader->start_boottime;
        l.up[0] = gate_id(l.creator, l.creator_start);
        up = label_at(l.creator, l.creator_start);
        if (up)
                inherit(&l, up, s);
        if (bpf_map_update_elem(&labels, &pid, &l, BPF_ANY))
                count(GATE_COUNT_LABELS_FULL);
        return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(gate_exit_task, struct task_struct *t)
{
        u32 pid = t->tgid;

        if (BPF_CORE_READ(t, signal, live.counter) == 0)
                bpf_map_delete_elem(&labels, &pid);
        return 0;
}

struct env_walk {
        unsigned long at, end;
        bool inside; /* of a variable that began in an earlier piece */
        bool foreign;
};

/* LD_PRELOAD, LD_AUDIT, LD_LIBRARY_PATH: code that is not the program's runs inside it (ld.so(8)). */
static long look_at_piece(u32 index, struct env_walk *w)
{
        char text[ENV_PIECE] = {};
        long n;

        if (w->at >= w->end)
                return 1;
        n = bpf_probe_read_user_str(text, sizeof(text), (void *) w->at);
        if (n < 0)
                return 1;
        if (n == 0) /* an empty string, as Linux 6.1 counts it */
                n = 1;
        if (!w->inside && text[0] == 'L' && text[1] == 'D' && text[2] == '_' &&
            ((text[3] == 'P' && text[4] == 'R' && text[5] == 'E') ||
             (text[3] == 'A' && text[4] == 'U' && text[5] == 'D') ||
             (text[3] == 'L' && text[4] == 'I' && text[5] == 'B'))) {
                w->foreign = true;
                return 1;
        }
        w->inside = n == sizeof(text);
        w->at += w->inside ? n - 1 : n;
        return 0;
}

/* What the pieces do not reach is taken for foreign: it may stand there. */
static __always_inline bool has_foreign_code(struct task_struct *t)
{
        struct env_walk w = {.at = BPF_CORE_READ(t, mm, env_start), .end = BPF_CORE_READ(t, mm, env_end)};

        bpf_loop(ENV_PIECES, look_at_piece, &w, 0);
        return w.foreign || w.at < w.end;
}

static __always_inline u32 leader_of(struct tty_struct *tty)
{
        return number_of(BPF_CORE_READ(tty, ctrl.session));
}

/* The terminal a mail program runs in, and whether that terminal may be believed: the console of a virtual terminal, or
 * a pseudo terminal whose session was begun by a terminal emulator, login or sshd. */
static __always_inline void note_terminal(struct gate_label *l, struct task_struct *t)
{
        struct tty_struct *tty = BPF_CORE_READ(t, signal, tty);
        u32 major, leader;

        l->mail_tty = (u64) tty;
        l->mail_pgid = number_of(BPF_CORE_READ(t, signal, pids[PID_OF_GROUP]));
        l->terminal = 0;
        l->flags &= ~GATE_LABEL_TTY_GOOD;
        if (!tty)
                return;
        major = BPF_CORE_READ(tty, driver, major);
        leader = leader_of(tty);
        if (major == CONSOLE_MAJOR) {
                u32 minor = BPF_CORE_READ(tty, driver, minor_start) + BPF_CORE_READ(tty, index);

                if (minor >= 1 && minor <= CONSOLES)
                        l->flags |= GATE_LABEL_TTY_GOOD;
        } else if (leader) {
                struct gate_label *first = bpf_map_lookup_elem(&labels, &leader);

                if (first && (first->flags & GATE_LABEL_TERMINAL)) {
                        l->flags |= GATE_LABEL_TTY_GOOD;
                        l->terminal = first->creator;
                }
        }
}

/* A trusted launcher: the desktop, a terminal emulator, or a shell that such a program or login began. */
static __always_inline bool is_launcher(const struct gate_label *l)
{
        return l->session && ((l->kinds & (GATE_KIND_DESKTOP | GATE_KIND_TERMINAL)) ||
                              ((l->kinds & GATE_KIND_SHELL) && (l->flags & GATE_LABEL_TERMINAL)));
}

/* A launcher itself started this process, and it was no program in between that may have its own reasons. */
static __always_inline bool was_called(const struct gate_label *l)
{
        return !(l->flags & GATE_LABEL_BETWEEN) &&
               ((l->creator_kinds & (GATE_KIND_DESKTOP | GATE_KIND_TERMINAL)) ||
                (l->flags & (GATE_LABEL_TERMINAL | GATE_LABEL_BY_SHELL | GATE_LABEL_ASKED)));
}

/* `current`: it is executing right now, so its environment can be read. */
static __always_inline void become(struct gate_label *l, const struct gate_program *p, struct task_struct *t,
                                   bool current)
{
        u32 before = l->kinds, kinds = p ? p->kinds : 0;

        l->kinds = kinds;
        l->program = p ? p->id : 0;
        if (!kinds)
                l->flags |= GATE_LABEL_BETWEEN;
        if (kinds & GATE_KIND_BROKER)
                l->flags &= ~GATE_LABEL_ASKED;
        if (is_launcher(l)) {
                l->flags |= GATE_LABEL_LAUNCHED;
                l->flags &= ~(GATE_LABEL_BROKERED | GATE_LABEL_ASKED);
        }
        /* A submission program stands for the mail program that executed it, and for nobody behind a third program. */
        if ((kinds & GATE_KIND_SUBMITTER) && ((before & MAILERS) || (l->flags & GATE_LABEL_SUBMIT))) {
                l->flags |= GATE_LABEL_SUBMIT;
        } else {
                l->flags &= ~GATE_LABEL_SUBMIT;
                l->asker = 0;
                l->asker_start = 0;
        }
        if (kinds & MAILERS) {
                /* One that executes itself anew goes on being what it was. */
                bool called = was_called(l) || ((before & MAILERS) && (l->flags & GATE_LABEL_CALLED));

                l->flags &= ~(GATE_LABEL_FOREIGN | GATE_LABEL_CALLED);
                l->flags |= called ? GATE_LABEL_CALLED : 0;
                note_terminal(l, t);
        }
        if ((kinds & (MAILERS | GATE_KIND_SUBMITTER)) && current && has_foreign_code(t))
                l->flags |= GATE_LABEL_FOREIGN;
}

static __always_inline struct gate_program *program_of(struct inode *inode)
{
        struct gate_program_key key = {};

        /* A number that was given to another file since is no proof: only root's files that nobody else may write. */
        if (BPF_CORE_READ(inode, i_uid.val) || (BPF_CORE_READ(inode, i_mode) & TRUSTED_FILE_MODE))
                return NULL;
        key.ino = BPF_CORE_READ(inode, i_ino);
        key.dev = BPF_CORE_READ(inode, i_sb, s_dev);
        return bpf_map_lookup_elem(&programs, &key);
}

/* What ran before us: from the parent as now known. Run several times, until nothing is added: a parent may come after
 * its child in the list. */
SEC("iter/task")
int gate_label_tasks(struct bpf_iter__task *ctx)
{
        struct task_struct *t = ctx->task, *parent;
        struct gate_state *s = gate();
        struct gate_label l = {}, *up;
        u32 pid;

        if (!t || !s || t->pid != t->tgid || (t->flags & PF_KTHREAD) || BPF_CORE_READ(t, signal, live.counter) == 0)
                return 0;
        pid = t->tgid;
        l.start = t->start_boottime;
        if (label_at(pid, l.start))
                return 0;
        parent = t->real_parent;
        l.creator = parent->tgid;
        l.creator_start = BPF_CORE_READ(parent, group_leader, start_boottime);
        up = l.creator ? label_at(l.creator, l.creator_start) : NULL;
        if (l.creator > 2 && !up)
                return 0; /* next time */
        l.up[0] = gate_id(l.creator, l.creator_start);
        if (up)
                inherit(&l, up, s);
        l.flags |= GATE_LABEL_GUESS;
        become(&l, program_of(BPF_CORE_READ(t, mm, exe_file, f_inode)), t, false);
        if (bpf_map_update_elem(&labels, &pid, &l, BPF_NOEXIST))
                return 0;
        bpf_seq_write(ctx->meta->seq, &pid, sizeof(pid));
        return 0;
}

static __always_inline bool descends(const struct gate_label *l, u32 pid, const struct gate_joining *j)
{
        u64 id = gate_id(j->pid, j->start);

        if (pid == j->pid && l->start == j->start)
                return true;
        for (int i = 0; i < GATE_ANCESTORS; i++)
                if (l->up[i] == id)
                        return true;
        return false;
}

static __always_inline bool joined(const struct gate_label *l, const struct gate_joining *j)
{
        return l && ((j->session && l->session == j->session) ||
                     (j->block && l->block == j->block && l->block_serial == j->block_serial));
}

static __always_inline bool was_launched(const struct gate_label *l, const struct gate_label *up)
{
        return is_launcher(l) || (up && up->session == l->session && (up->flags & GATE_LABEL_LAUNCHED) &&
                                  !(up->kinds & GATE_KIND_BROKER));
}

static long join_one(struct bpf_map *map, const u32 *pid, struct gate_label *l, struct gate_joining *j)
{
        struct gate_label *up = label_at(l->creator, l->creator_start);

        if (!descends(l, *pid, j) && !joined(up, j))
                return 0;
        if (j->session && !l->session) {
                l->session = j->session;
                j->changed++;
        }
        if (j->session && l->session == j->session && !(l->flags & GATE_LABEL_LAUNCHED) && was_launched(l, up)) {
                l->flags |= GATE_LABEL_LAUNCHED;
                j->changed++;
        }
        if (j->block && (l->block != j->block || l->block_serial != j->block_serial)) {
                l->block = j->block;
                l->block_serial = j->block_serial;
                j->changed++;
        }
        return 0;
}

/* Run by who gives a session or a block, until nothing changes. */
SEC("syscall")
int gate_join(struct gate_joining *ctx)
{
        struct gate_joining j = *ctx;

        j.changed = 0;
        bpf_for_each_map_elem(&labels, join_one, &j, 0);
        ctx->changed = j.changed;
        return 0;
}

#endif
