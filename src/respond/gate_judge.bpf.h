/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kernel half of the gate: may this process send a mail now? Decided from maps alone, without waiting for anybody; what
 * is not known is refused. Runs in the process that asks. */
#ifndef SEKIMORI_RESPOND_GATE_JUDGE_BPF_H
#define SEKIMORI_RESPOND_GATE_JUDGE_BPF_H

#include "respond/gate_hash.h"
#include "respond/gate_task.bpf.h"

/* Functions of their own, so that what this kernel lacks is never reached. */
static __noinline u64 parent_since_6_15(u64 kn)
{
        return (u64) BPF_CORE_READ((struct kernfs_node___since_6_15 *) kn, __parent);
}

static __noinline u64 parent_before(u64 kn)
{
        return (u64) BPF_CORE_READ((struct kernfs_node___before_6_15 *) kn, parent);
}

static __always_inline struct kernfs_node *parent_of(struct kernfs_node *kn)
{
        if (bpf_core_field_exists(((struct kernfs_node___since_6_15 *) kn)->__parent))
                return (struct kernfs_node *) parent_since_6_15((u64) kn);
        return (struct kernfs_node *) parent_before((u64) kn);
}

/* Is the control group, or one above it, that of a declared sender? Compared by the whole path from the root: a person
 * may give any name to groups beneath an own one. */
static __always_inline u32 sender_by_unit(struct task_struct *t)
{
        struct kernfs_node *path[GATE_PATH_DEPTH] = {}, *kn = BPF_CORE_READ(t, cgroups, dfl_cgrp, kn);
        struct gate_hash hash = GATE_HASH_BEGIN;
        int n = 0;

        for (; n < GATE_PATH_DEPTH; n++) {
                struct kernfs_node *up = parent_of(kn);

                if (!up)
                        break;
                path[n] = kn;
                kn = up;
        }
        if (n >= GATE_PATH_DEPTH)
                return 0;
        for (int i = GATE_PATH_DEPTH - 1; i >= 0; i--) {
                u64 name[GATE_NAME_WORDS] = {}, key;
                u32 *sender;

                if (!path[i])
                        continue;
                bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(path[i], name));
                gate_hash_name(&hash, name);
                key = gate_hash_key(hash);
                sender = bpf_map_lookup_elem(&units, &key);
                if (sender)
                        return *sender;
        }
        return 0;
}

static __always_inline u32 sender_by_program(struct task_struct *t)
{
        struct gate_program *p = program_of(BPF_CORE_READ(t, mm, exe_file, f_inode));

        if (!p || !(p->kinds & GATE_KIND_SENDER))
                return 0;
        return p->uid == (u32) -1 || p->uid == BPF_CORE_READ(t, cred, uid.val) ? p->sender : 0;
}

/* What is looked at, gathered once. */
struct case_file {
        const struct gate_state *gate;
        const struct gate_label *label;
        const struct gate_session *session;
        u64 now, seq;  /* seq: the gesture found */
        bool handover; /* a program is executed for it, and nobody connects */
        u32 mailer;    /* the mail program's process: itself, or for whom it submits */
        u64 mailer_start;
};

/* What was written a moment after `now` was read is not old. */
static __always_inline bool is_old(const struct case_file *c, u64 time, u64 most)
{
        return time < c->now && c->now - time > most;
}

static __always_inline u8 judge_touch(struct case_file *c, u32 pid)
{
        struct gate_touch *touch = bpf_map_lookup_elem(&touched, &pid);

        if (!touch || is_old(c, touch->time, c->gate->compose))
                return GATE_REASON_FOCUS;
        c->seq = touch->seq;
        return 0;
}

static __always_inline u8 judge_hand(struct case_file *c)
{
        u32 at = c->session->hand;
        struct gate_hand *hand = bpf_map_lookup_elem(&hands, &at);

        if (!hand || !hand->time || is_old(c, hand->time, c->gate->window))
                return GATE_REASON_GESTURE;
        c->seq = hand->seq;
        return 0;
}

/* When the focus is known, the gesture must have been made to this program; it may then be older, since composing and
 * attaching take their time. */
static __always_inline u8 judge_gesture(struct case_file *c, u32 pid)
{
        u8 by_hand = judge_hand(c), by_touch;

        if (!(c->session->flags & GATE_SESSION_FOCUS))
                return by_hand;
        by_touch = judge_touch(c, pid);
        return by_touch && by_hand ? GATE_REASON_GESTURE : by_touch;
}

static __always_inline u8 judge_terminal(struct case_file *c)
{
        const struct gate_label *l = c->label;
        struct tty_struct *tty = (struct tty_struct *) l->mail_tty;
        u64 key = l->mail_tty, *pushed;
        struct gate_typed *last;

        if (!key || !(l->flags & GATE_LABEL_TTY_GOOD))
                return GATE_REASON_TERMINAL;
        /* The foreground is no proof: a background program that ignores SIGTTOU may take it (tcsetpgrp(3)). */
        if (!(l->flags & GATE_LABEL_CALLED))
                return GATE_REASON_LAUNCHER;
        if (number_of(BPF_CORE_READ(tty, ctrl.pgrp)) != l->mail_pgid)
                return GATE_REASON_BACKGROUND;
        pushed = bpf_map_lookup_elem(&injected, &key);
        if (pushed && !is_old(c, *pushed, c->gate->compose))
                return GATE_REASON_INJECTED;
        if (!l->terminal) /* the console: its keys are the kernel's */
                return judge_gesture(c, l->mail_pgid);
        last = bpf_map_lookup_elem(&typed, &key);
        if (!last || is_old(c, last->time, c->gate->compose))
                return GATE_REASON_TYPED;
        if (l->flags & GATE_LABEL_REMOTE) {
                c->seq = last->time;
                return is_old(c, last->time, c->gate->window) ? GATE_REASON_TYPED : 0;
        }
        return judge_gesture(c, l->terminal);
}

/* With windows. Where the focus cannot be known, who started it must have been the desktop or a terminal's shell, and
 * not some program in between that may have its own reasons. */
static __always_inline u8 judge_window(struct case_file *c)
{
        const struct gate_label *l = c->label;

        if (!(c->session->flags & GATE_SESSION_FOCUS) && !(l->flags & GATE_LABEL_CALLED))
                return GATE_REASON_LAUNCHER;
        return judge_gesture(c, c->mailer);
}

static __always_inline u8 judge_session(struct case_file *c)
{
        const struct gate_label *l = c->label;
        u32 at = l->session - 1;

        if (!l->session)
                return GATE_REASON_SESSION;
        c->session = bpf_map_lookup_elem(&sessions, &at);
        if (!c->session || !(c->session->flags & GATE_SESSION_USED))
                return GATE_REASON_SESSION;
        if (!(c->session->flags & GATE_SESSION_LOCAL) || (l->flags & GATE_LABEL_REMOTE)) {
                if (!c->gate->remote)
                        return GATE_REASON_REMOTE;
        }
        if (!(c->session->flags & GATE_SESSION_ACTIVE))
                return GATE_REASON_INACTIVE;
        if (!(c->session->flags & GATE_SESSION_UNLOCKED))
                return GATE_REASON_LOCKED;
        if (l->flags & GATE_LABEL_LAUNCHED)
                return 0;
        return l->flags & GATE_LABEL_BROKERED ? GATE_REASON_BROKER : GATE_REASON_LAUNCHER;
}

static __always_inline u8 judge_person(struct case_file *c, struct task_struct *t)
{
        const struct gate_label *l = c->label;
        u8 r;

        if (!(l->kinds & MAILERS) && !(l->flags & GATE_LABEL_SUBMIT))
                return l->kinds & GATE_KIND_SUBMITTER ? GATE_REASON_SUBMITTER : GATE_REASON_PROGRAM;
        if ((l->flags & GATE_LABEL_FOREIGN) || BPF_CORE_READ(t, group_leader, ptrace))
                return GATE_REASON_FOREIGN;
        r = judge_session(c);
        if (r)
                return r;
        return (l->kinds & GATE_KIND_TUI_MAILER) || ((l->flags & GATE_LABEL_SUBMIT) && l->mail_tty) ?
                       judge_terminal(c) :
                       judge_window(c);
}

/* One gesture opens one permit, whoever is quicker. */
static __always_inline bool take_gesture(const struct case_file *c)
{
        u32 at = c->session->hand;
        u64 *last = bpf_map_lookup_elem(&used, &at), before;

        if (!last)
                return false;
        before = *last;
        return c->seq > before && __sync_val_compare_and_swap(last, before, c->seq) == before;
}

/* A submission program that a mail program has started reads the mail and asks for its server's address before it
 * connects: a resolver that does not answer takes five seconds alone (resolv.conf(5)). */
static __always_inline u64 handover_time(const struct gate_state *s)
{
        return s->compose > s->attempt ? s->compose : s->attempt;
}

/* The same attempt: another address of the same server, a second server. It begins with the first socket, and for what
 * is handed over again with the first time. */
static __always_inline u8 judge_permit(const struct case_file *c)
{
        u32 pid = c->mailer;
        struct gate_permit *p = bpf_map_lookup_elem(&permits, &pid);
        u64 until;

        if (!p || p->start != c->mailer_start)
                return 0;
        until = p->until;
        if (p->waits && c->handover)
                until -= handover_time(c->gate) - c->gate->attempt;
        if (c->now > until)
                return 0;
        if (p->established || (int) __sync_fetch_and_add(&p->left, -1) <= 0)
                return GATE_REASON_SPENT;
        if (p->waits && !c->handover) {
                p->until = c->now + c->gate->attempt;
                p->waits = 0;
        }
        return p->seq ? GATE_REASON_AGAIN : GATE_REASON_ONCE;
}

static __always_inline u8 open_permit(const struct case_file *c)
{
        struct gate_permit p = {.start = c->mailer_start,
                                .until = c->now + (c->handover ? handover_time(c->gate) : c->gate->attempt),
                                .seq = c->seq,
                                .left = c->gate->attempt_sockets - !c->handover,
                                .waits = c->handover};
        u32 pid = c->mailer;

        if (!take_gesture(c))
                return GATE_REASON_USED;
        return bpf_map_update_elem(&permits, &pid, &p, BPF_ANY) ? GATE_REASON_USED : GATE_REASON_PERSON;
}

/* May the current process send, or hand over? Returns enum gate_reason. *ret_sender: the declaration that allows it. */
static __always_inline u8 judge(const struct gate_state *s, const struct gate_label *l, struct task_struct *t,
                                bool handover, u32 *ret_sender)
{
        struct case_file c = {.gate = s, .label = l, .handover = handover, .now = bpf_ktime_get_boot_ns()};
        u8 r, permit;

        if (s->open_until > c.now)
                return GATE_REASON_OPEN;
        *ret_sender = sender_by_program(t);
        if (!*ret_sender)
                *ret_sender = sender_by_unit(t);
        if (*ret_sender)
                return GATE_REASON_SENDER;
        if (!l)
                return GATE_REASON_UNLABELLED;
        c.mailer = l->flags & GATE_LABEL_SUBMIT ? l->asker : BPF_CORE_READ(t, tgid);
        c.mailer_start = l->flags & GATE_LABEL_SUBMIT ? l->asker_start : l->start;
        permit = judge_permit(&c);
        if (permit && permit < GATE_REASON_ALLOWED)
                return permit;
        r = judge_person(&c, t);
        if (r)
                return permit && (r == GATE_REASON_GESTURE || r == GATE_REASON_FOCUS) ? permit : r;
        r = open_permit(&c);
        return r == GATE_REASON_USED && permit ? permit : r;
}

#endif
