/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kernel half of the gate: the other doors of mail (sendmail(1), the local mail server's socket), what is typed in
 * terminals, and requests that launchers send to brokers. */
#ifndef SEKIMORI_RESPOND_GATE_DOOR_BPF_H
#define SEKIMORI_RESPOND_GATE_DOOR_BPF_H

#include "respond/gate_net.bpf.h"

#define SIGKILL 9

/* Executing a submission program is handing over a mail. Who may not is stopped before its first instruction. */
static __always_inline void judge_handover(struct gate_label *l, struct task_struct *t, struct linux_binprm *bprm)
{
        const struct gate_state *s = gate();
        struct gate_record *r;
        u32 sender = 0;
        u8 reason;
        bool stop;

        if (!s || s->mode == GATE_OFF)
                return;
        reason = judge(s, l, t, true, &sender);
        stop = reason >= GATE_REASON_ALLOWED && s->mode == GATE_SHUT && s->handover == GATE_HANDOVER_BLOCK;
        if (stop)
                bpf_send_signal(SIGKILL);
        count(reason >= GATE_REASON_ALLOWED ? GATE_COUNT_DENIED : GATE_COUNT_ALLOWED);
        r = record_begin(GATE_OP_HANDOVER);
        if (!r)
                return;
        put_label(r, l);
        r->reason = reason;
        r->sender = sender;
        r->denied = stop;
        r->learn = s->mode == GATE_LEARN;
        bpf_probe_read_kernel_str(r->text, sizeof(r->text), BPF_CORE_READ(bprm, filename));
        tell(r);
}

static __always_inline void tell_exec(u8 op, const struct gate_label *l, struct linux_binprm *bprm)
{
        struct gate_record *r = record_begin(op);

        if (!r)
                return;
        put_label(r, l);
        bpf_probe_read_kernel_str(r->text, sizeof(r->text), BPF_CORE_READ(bprm, filename));
        tell(r);
}

/* So that the keeper looks at what is typed from now on. */
static __always_inline void announce_mailer(void)
{
        struct gate_record *r = record_begin(GATE_OP_MAILER);

        if (!r)
                return;
        (void) bpf_ringbuf_output(&bell, r, sizeof(*r), 0);
        record_end(r);
}

/* A script is told apart by its path, as it was executed. */
static __always_inline bool is_asking_script(struct linux_binprm *bprm)
{
        const char *path = BPF_CORE_READ(bprm, filename);
        u64 words[GATE_NAME_WORDS] = {};
        struct gate_program_key key = {.dev = GATE_DEV_SCRIPT};
        struct gate_program *p;

        if (path == BPF_CORE_READ(bprm, interp))
                return false;
        bpf_probe_read_kernel_str(words, sizeof(words), path);
        key.ino = gate_hash_path(words);
        p = bpf_map_lookup_elem(&programs, &key);
        return p && p->kinds & GATE_KIND_ASK;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(gate_exec, struct task_struct *t, int old_pid, struct linux_binprm *bprm)
{
        struct gate_label *l = label_of(t);
        struct gate_program *p;

        if (!l)
                return 0;
        p = program_of(BPF_CORE_READ(t, mm, exe_file, f_inode));
        become(l, p, t, true);
        if (is_asking_script(bprm))
                tell_exec(GATE_OP_ASK, l, bprm);
        if (!p)
                return 0;
        if (p->kinds & GATE_KIND_TUI_MAILER)
                announce_mailer();
        if (p->kinds & GATE_KIND_SUBMITTER)
                judge_handover(l, t, bprm);
        else if (p->kinds & GATE_KIND_ASK)
                tell_exec(GATE_OP_ASK, l, bprm);
        return 0;
}

#define UNIX_PATH_MAX 108
#define DOOR_LENGTH   15 /* "public/cleanup" and NUL */

struct unix_path {
        char text[UNIX_PATH_MAX + DOOR_LENGTH + 1];
};

struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, 1);
        __type(key, u32);
        __type(value, struct unix_path);
} unix_path SEC(".maps");

static __always_inline bool reads(const char *at, const char *text, int n)
{
        for (int i = 0; i < n; i++)
                if (at[i] != text[i])
                        return false;
        return true;
}

/* Does the path end in a socket through which mails are handed to postfix? Its daemons and postdrop(1) say it from the
 * queue's folder on. */
static __always_inline bool is_door(const struct unix_path *p)
{
        for (int i = 0; i < UNIX_PATH_MAX; i++) {
                if (p->text[i] != 'p' || (i && p->text[i - 1] != '/'))
                        continue;
                if (reads(&p->text[i], "public/pickup", 14) || reads(&p->text[i], "public/cleanup", 15))
                        return true;
        }
        return false;
}

/* What a context points to at run time is the kernel's own structure; bpf_cast_to_kern_ctx() would say so, but only
 * root loads an object that names a function which the kernel may not have. The address in it is a copy that its sender
 * cannot change any more. */
static __always_inline struct unix_path *path_of(struct bpf_sock_addr *ctx)
{
        struct bpf_sock_addr_kern *kern = (void *) ctx;
        u32 zero = 0, n = BPF_CORE_READ(kern, uaddrlen);
        struct unix_path *p = bpf_map_lookup_elem(&unix_path, &zero);
        const char *at = (const char *) BPF_CORE_READ(kern, uaddr);

        if (!p || n <= sizeof(u16))
                return NULL;
        n -= sizeof(u16); /* sa_family */
        if (n > UNIX_PATH_MAX)
                n = UNIX_PATH_MAX;
        __builtin_memset(p, 0, sizeof(*p));
        return bpf_probe_read_kernel(p->text, n, at + sizeof(u16)) ? NULL : p;
}

/* Who hands a mail to postfix by its sockets and is neither postfix nor one of its submission programs, which were
 * judged when they were executed. Known by the path as it was said. */
SEC("?cgroup/connect_unix")
int gate_connect_unix(struct bpf_sock_addr *ctx)
{
        struct task_struct *t = (struct task_struct *) bpf_get_current_task();
        const struct gate_state *s = gate();
        struct unix_path *p = path_of(ctx);
        struct gate_record *r;
        struct gate_label *l;
        bool stop;

        if (!s || s->mode != GATE_SHUT || !p || !is_door(p) || s->open_until > bpf_ktime_get_boot_ns())
                return 1;
        l = label_of(t);
        if ((l && l->kinds & (GATE_KIND_SUBMITTER | GATE_KIND_SERVER)) || sender_by_program(t) || sender_by_unit(t))
                return 1;
        stop = s->handover == GATE_HANDOVER_BLOCK;
        count(GATE_COUNT_DENIED);
        r = record_begin(GATE_OP_HANDOVER);
        if (r) {
                put_label(r, l);
                r->family = AF_UNIX;
                r->reason = l ? GATE_REASON_PROGRAM : GATE_REASON_UNLABELLED;
                r->denied = stop;
                __builtin_memcpy(r->text, p->text, sizeof(r->text) - 1);
                tell(r);
        }
        return !stop;
}

#endif
