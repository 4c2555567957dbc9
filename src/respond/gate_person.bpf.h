/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kernel half of the gate: signs of a person that only the kernel sees: what a terminal emulator hands to its terminal,
 * bytes that are pushed into one, and what a desktop shell asks of systemd --user or a D-Bus daemon. */
#ifndef SEKIMORI_RESPOND_GATE_PERSON_BPF_H
#define SEKIMORI_RESPOND_GATE_PERSON_BPF_H

#include "respond/gate_door.bpf.h"

#if defined(__TARGET_ARCH_x86)
enum { NR_WRITE = 1, NR_IOCTL = 16, NR_WRITEV = 20, NR_SENDTO = 44, NR_SENDMSG = 46 };
#else /* asm-generic/unistd.h */
enum { NR_IOCTL = 29, NR_WRITE = 64, NR_WRITEV = 66, NR_SENDTO = 206, NR_SENDMSG = 211 };
#endif

#define ESCAPE        0x1b
#define PTMX          (5 << 20 | 2) /* /dev/ptmx */
#define PTY_MASTER    128           /* UNIX98_PTY_MASTER_MAJOR, linux/major.h */
#define TIOCSTI       0x5412
#define TTY_CHARACTER 0020000 /* S_IFCHR */
#define REQUEST_BYTES 512
#define REQUEST_FIRST 16         /* where a D-Bus message's header fields begin; each begins at a multiple of 8 */
#define FIELD_MEMBER  0x00730103 /* field 3, of type "s": D-Bus specification, "Message Format" */
#define METHOD_CALL   1

struct request {
        u8 bytes[REQUEST_BYTES];
};

struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, 1);
        __type(key, u32);
        __type(value, struct request);
} request SEC(".maps");

static __always_inline struct file *file_at(struct task_struct *t, u32 fd)
{
        struct fdtable *table = BPF_CORE_READ(t, files, fdt);
        struct file **files = BPF_CORE_READ(table, fd), *f = NULL;

        if (fd < BPF_CORE_READ(table, max_fds))
                bpf_probe_read_kernel(&f, sizeof(f), files + fd);
        return f;
}

/* The terminal of a file that is known to be one. */
static __always_inline struct tty_struct *terminal_of(struct file *f)
{
        struct tty_file_private *own = BPF_CORE_READ(f, private_data);

        return BPF_CORE_READ(own, tty);
}

static __always_inline void on_write(struct task_struct *t, u32 fd, const u8 *from, u64 n)
{
        struct gate_label *l = label_of(t);
        struct gate_typed now = {.time = bpf_ktime_get_boot_ns()};
        struct tty_struct *tty;
        struct file *f;
        u64 slave;
        u8 first = ESCAPE;

        if (!l || !(l->kinds & (GATE_KIND_TERMINAL | GATE_KIND_REMOTE)) || !n)
                return;
        f = file_at(t, fd);
        if (!f || BPF_CORE_READ(f, f_inode, i_rdev) != PTMX)
                return;
        /* Answers to what a program asks of a terminal begin with ESC (ECMA-48): any program could have them made. */
        if (bpf_probe_read_user(&first, 1, from) || first == ESCAPE)
                return;
        tty = terminal_of(f);
        if (BPF_CORE_READ(tty, driver, major) != PTY_MASTER)
                return;
        slave = (u64) BPF_CORE_READ(tty, link);
        bpf_map_update_elem(&typed, &slave, &now, BPF_ANY);
}

static __always_inline void on_push(struct file *f)
{
        u64 now = bpf_ktime_get_boot_ns(), key = (u64) terminal_of(f);
        struct gate_record *r = record_begin(GATE_OP_INJECT);

        bpf_map_update_elem(&injected, &key, &now, BPF_ANY);
        if (!r)
                return;
        put_label(r, label_of((struct task_struct *) bpf_get_current_task()));
        tell(r);
}

/* Attached by the keeper while a mail program runs in a terminal: it costs something at every system call. */
SEC("tp_btf/sys_enter")
int BPF_PROG(gate_sys_enter, struct pt_regs *regs, long id)
{
        struct task_struct *t = (struct task_struct *) bpf_get_current_task();
        struct file *f;

        if (id == NR_WRITE) {
                on_write(t, (u32) BPF_CORE_READ(regs, di), (const u8 *) BPF_CORE_READ(regs, si),
                         BPF_CORE_READ(regs, dx));
        } else if (id == NR_IOCTL && (u32) BPF_CORE_READ(regs, si) == TIOCSTI) {
                f = file_at(t, (u32) BPF_CORE_READ(regs, di));
                if (f && (BPF_CORE_READ(f, f_inode, i_mode) & TTY_CHARACTER))
                        on_push(f);
        }
        return 0;
}

/* Where functions can be hooked, bytes pushed into a terminal are seen at all times. */
SEC("?fentry/tty_ioctl")
int BPF_PROG(gate_tty_ioctl, struct file *f, unsigned int command, unsigned long argument)
{
        if (command == TIOCSTI)
                on_push(f);
        return 0;
}

/* Where the bytes of the current system call lie, if it sends some. */
static __always_inline const void *sent_bytes(struct task_struct *t, u64 *ret_n)
{
        struct pt_regs *regs = (struct pt_regs *) bpf_task_pt_regs(t);
        long id = (long) BPF_CORE_READ(regs, orig_ax);
        struct {
                void *base;
                u64 n;
        } piece = {};
        u64 pieces;

        switch (id) {
        case NR_WRITE:
        case NR_SENDTO:
                *ret_n = BPF_CORE_READ(regs, dx);
                return (const void *) BPF_CORE_READ(regs, si);
        case NR_WRITEV:
                pieces = BPF_CORE_READ(regs, si);
                break;
        case NR_SENDMSG: /* struct user_msghdr: the pieces' address stands at byte 16 */
                if (bpf_probe_read_user(&pieces, sizeof(pieces), (void *) BPF_CORE_READ(regs, si) + 16))
                        return NULL;
                break;
        default:
                return NULL;
        }
        if (bpf_probe_read_user(&piece, sizeof(piece), (void *) pieces))
                return NULL;
        *ret_n = piece.n;
        return piece.base;
}

/* Methods by which a desktop has a program started: systemd's StartTransientUnit and StartUnit, the bus's
 * StartServiceByName, org.freedesktop.Application's Activate, ActivateAction and Open. */
static __always_inline bool starts_something(const u8 *name)
{
        if (name[0] == 'S' && name[1] == 't' && name[2] == 'a' && name[3] == 'r' && name[4] == 't')
                return name[5] == 'T' || name[5] == 'U' || name[5] == 'S';
        if (name[0] == 'A' && name[1] == 'c' && name[2] == 't' && name[3] == 'i' && name[4] == 'v')
                return true;
        return name[0] == 'O' && name[1] == 'p' && name[2] == 'e' && name[3] == 'n' && !name[4];
}

/* org.freedesktop.portal.Email, of the desktop portal. */
static __always_inline bool composes_email(const u8 *name)
{
        return reads((const char *) name, "ComposeEmail", 13);
}

/* A launcher asked for a program. */
static __always_inline void note_asked(const struct gate_label *l)
{
        u32 at = l->session - 1, hand;
        struct gate_session *session = bpf_map_lookup_elem(&sessions, &at);
        u64 *when;

        if (!session)
                return;
        hand = session->hand;
        when = bpf_map_lookup_elem(&asked, &hand);
        if (when)
                *when = bpf_ktime_get_boot_ns();
}

static __always_inline void tell_portal(const struct gate_label *l)
{
        struct gate_record *r = record_begin(GATE_OP_ASK);

        if (!r)
                return;
        put_label(r, l);
        __builtin_memcpy(r->text, "org.freedesktop.portal.Email", 29);
        tell(r);
}

/* The first words of a D-Bus message that calls a method, little-endian as all machines of today have it. */
static __always_inline bool is_call(const void *from, u64 n)
{
        u8 first[2];

        return from && n >= REQUEST_FIRST && !bpf_probe_read_user(first, sizeof(first), from) && first[0] == 'l' &&
               first[1] == METHOD_CALL;
}

static __always_inline void on_request(struct task_struct *t)
{
        struct gate_label *l;
        struct request *q;
        bool launches;
        u32 zero = 0;
        u64 n = 0;
        const void *from = sent_bytes(t, &n);

        if (!is_call(from, n))
                return;
        l = label_of(t);
        q = bpf_map_lookup_elem(&request, &zero);
        /* A bus passes on what others said. */
        if (!l || !q || (l->kinds & GATE_KIND_BROKER))
                return;
        launches = (l->kinds & GATE_KIND_DESKTOP) && l->session;
        if (n > REQUEST_BYTES)
                n = REQUEST_BYTES;
        __builtin_memset(q, 0, sizeof(*q));
        if (bpf_probe_read_user(q->bytes, (u32) n & (REQUEST_BYTES - 1) ? (u32) n & (REQUEST_BYTES - 1) : REQUEST_BYTES,
                                from))
                return;
        for (int i = REQUEST_FIRST; i < REQUEST_BYTES - 24; i += 8) {
                u32 field;

                __builtin_memcpy(&field, &q->bytes[i], sizeof(field));
                if (field != FIELD_MEMBER)
                        continue;
                if (launches && starts_something(&q->bytes[i + 8]))
                        note_asked(l);
                if (composes_email(&q->bytes[i + 8]))
                        tell_portal(l);
                return;
        }
}

static __always_inline void on_sent(struct sock *sk)
{
        if (sk->__sk_common.skc_family == AF_UNIX)
                on_request((struct task_struct *) bpf_get_current_task_btf());
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(gate_sent, struct sock *sk, int n, int flags)
{
        on_sent(sk);
        return 0;
}

struct msghdr;

/* Kernels without that tracepoint. */
SEC("?fexit/unix_stream_sendmsg")
int BPF_PROG(gate_unix_sent, struct socket *socket, struct msghdr *message, unsigned long n, int result)
{
        on_sent(socket->sk);
        return 0;
}

#endif
