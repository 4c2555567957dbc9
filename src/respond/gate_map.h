/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel half of the gate (gate.bpf.c) and its user half share: layouts of the maps and of the records in the
 * ring. The maps outlive every process of ours (they are pinned), so a change of a layout raises GATE_LAYOUT:
 * gate_load.c then builds new maps beside the old ones and swaps. Host byte order. */
#ifndef SEKIMORI_RESPOND_GATE_MAP_H
#define SEKIMORI_RESPOND_GATE_MAP_H

#include <linux/types.h>

#define GATE_LAYOUT     1
#define GATE_PORTS      8  /* ports that are gated */
#define GATE_SESSIONS   64 /* of logind, user managers among them */
#define GATE_HANDS      16 /* persons at seats or terminals */
#define GATE_PROGRAMS   4096
#define GATE_UNITS      256 /* control groups of declared senders */
#define GATE_BLOCKS     256
#define GATE_TASKS      (1 << 17)
#define GATE_PATH_DEPTH 12 /* levels of control groups that are looked at */
#define GATE_NAME_MAX   64
#define GATE_TEXT_MAX   96
#define GATE_RING_BYTES (1u << 20) /* for the engine */
#define GATE_BELL_BYTES (1u << 18) /* the same records for the keeper */

/* What a program is to the gate, by device and inode; a bit each, since one file may be several things. */
enum gate_kind {
        GATE_KIND_DESKTOP = 1 << 0,    /* desktop shell, compositor, panel: starts programs when a person asks */
        GATE_KIND_TERMINAL = 1 << 1,   /* terminal emulator */
        GATE_KIND_SHELL = 1 << 2,      /* login shell */
        GATE_KIND_DOOR = 1 << 3,       /* login, display manager */
        GATE_KIND_REMOTE = 1 << 4,     /* sshd: a door for people who are elsewhere */
        GATE_KIND_BROKER = 1 << 5,     /* starts programs for others: systemd --user, D-Bus daemons */
        GATE_KIND_MAILER = 1 << 6,     /* mail program with windows */
        GATE_KIND_TUI_MAILER = 1 << 7, /* mail program in a terminal */
        GATE_KIND_SUBMITTER = 1 << 8,  /* hands a mail on for a mail program: msmtp, sendmail */
        GATE_KIND_SENDER = 1 << 9,     /* declared sender, by program and user */
        GATE_KIND_ASK = 1 << 10,       /* asks for a mail program's window: xdg-email */
        GATE_KIND_WRAPPER = 1 << 11,   /* becomes the program that a launcher meant: gio-launch-desktop */
        GATE_KIND_SERVER = 1 << 12,    /* of a local mail server: its programs talk to each other */
};
#define GATE_KIND_LAUNCHERS (GATE_KIND_DESKTOP | GATE_KIND_TERMINAL | GATE_KIND_SHELL)

struct gate_program_key {
        __u64 ino;
        __u32 dev; /* the kernel's dev_t: major << 20 | minor */
        __u32 spare;
};

/* A script is no file to the kernel once it runs: it is known by its path (gate_hash_path() for an inode). */
#define GATE_DEV_SCRIPT 0xffffffffu

struct gate_program {
        __u32 kinds;  /* enum gate_kind */
        __u32 id;     /* the user half's number for it, not 0 */
        __u32 uid;    /* SENDER: only for this user; UINT32_MAX: any */
        __u32 sender; /* SENDER: number of the declaration */
};

/* The whole gate, one entry. */
enum gate_mode { GATE_OFF /* only blocks */, GATE_LEARN, GATE_SHUT };

struct gate_state {
        __u32 layout;     /* GATE_LAYOUT */
        __u32 mode;       /* enum gate_mode */
        __u64 open_until; /* boot time: deliberately open until then */
        __u64 shut_since; /* boot time; 0: not shut */
        __u64 window;     /* ns: how long a gesture is good for */
        __u64 compose;    /* ns: the same for one that was made to this very program */
        __u64 attempt;    /* ns: sockets of one attempt lie within this */
        __u32 attempt_sockets;
        __u32 mark;              /* one bit */
        __u32 handover;          /* enum gate_handover */
        __u32 remote;            /* people over ssh may send */
        __u16 ports[GATE_PORTS]; /* host order; 0: unused */
        __u32 serial;            /* grows with each change of the user half, for tamper checks */
        __u32 asked_max;         /* ms: a launcher asked a broker at most so long before it starts the program */
        __u32 blocks;            /* blocks that were begun and not ended: while 0, nobody is asked for one */
        __u32 spare;
};

enum gate_handover { GATE_HANDOVER_WATCH, GATE_HANDOVER_BLOCK };

/* A session of logind, or a user's manager (systemd --user). Written by the user half. */
enum gate_session_flag {
        GATE_SESSION_USED = 1 << 0,
        GATE_SESSION_ACTIVE = 1 << 1,
        GATE_SESSION_LOCAL = 1 << 2,
        GATE_SESSION_UNLOCKED = 1 << 3,
        GATE_SESSION_FOCUS = 1 << 4,   /* what has the focus is known (X11, a virtual console): see `touched` */
        GATE_SESSION_WAYLAND = 1 << 5, /* the focus cannot be known */
        GATE_SESSION_MANAGER = 1 << 6, /* systemd --user */
        GATE_SESSION_TTY = 1 << 7,     /* on a virtual console */
};

struct gate_session {
        __u32 flags; /* enum gate_session_flag */
        __u32 uid;
        __u32 hand;    /* whose gestures count in it; index in hands */
        __u32 vt;      /* virtual console; 0: none */
        char name[16]; /* logind's name */
};

/* A person's hand: gestures on real devices. `time` and `seq` are written by the user half, `used` by the kernel. */
struct gate_hand {
        __u64 time; /* boot time of the last press of a key or button */
        __u64 seq;  /* presses so far */
        __u64 used; /* press that opened a permit last */
};

/* The last gesture that went to a process: what had the focus at that moment. Key: its number. Written by the user
 * half. */
struct gate_touch {
        __u64 time, seq;
};

/* Bytes that a terminal emulator handed to its terminal: typed ones, not answers to escape sequences. */
struct gate_typed {
        __u64 time;
};

/* A process, as recorded at its creation and at exec. Key: its number (tgid in the first pid namespace). */
enum gate_label_flag {
        GATE_LABEL_LAUNCHED = 1 << 0, /* its chain reaches a trusted launcher inside the session */
        GATE_LABEL_GUESS = 1 << 1,    /* existed before us: from /proc, not from the creation itself */
        GATE_LABEL_FOREIGN = 1 << 2,  /* LD_PRELOAD, LD_AUDIT, LD_LIBRARY_PATH at exec */
        GATE_LABEL_SUBMIT = 1 << 3,   /* a submission program that a mail program executed directly */
        GATE_LABEL_BROKERED = 1 << 4, /* began under a broker, and no launcher had asked for it just before */
        GATE_LABEL_TERMINAL =
                1 << 5, /* created by a terminal emulator, login or sshd: a terminal that it leads qualifies */
        GATE_LABEL_REMOTE = 1 << 6,    /* beneath sshd */
        GATE_LABEL_ASKED = 1 << 8,     /* began under a broker, and a launcher had asked for it */
        GATE_LABEL_BY_SHELL = 1 << 9,  /* created by a shell that leads such a terminal */
        GATE_LABEL_TTY_GOOD = 1 << 10, /* mail_tty qualifies */
        GATE_LABEL_BETWEEN = 1 << 11,  /* it was another program in between, that the table does not name */
        GATE_LABEL_CALLED = 1 << 12,   /* a mail program that a launcher itself started; its submitter too */
};

#define GATE_ANCESTORS 6 /* creators kept with a living process, so that dead ones break no chain */

struct gate_label {
        __u64 start;   /* nanoseconds since boot, as task_struct.start_boottime */
        __u32 kinds;   /* of the program it runs */
        __u32 program; /* its number; 0: none of the table's */
        __u32 flags;   /* enum gate_label_flag */
        __u32 session; /* index in sessions + 1; 0: none */
        __u32 creator; /* pid; 0: not known */
        __u32 creator_kinds;
        __u64 creator_start;
        __u32 asker;     /* SUBMIT: the mail program's pid */
        __u32 mail_pgid; /* TUI_MAILER: its process group when it was executed */
        __u64 asker_start;
        __u64 mail_tty; /* TUI_MAILER and its submitter: the terminal; only compared */
        __u32 terminal; /* the process that feeds that terminal; 0: the kernel's console */
        __u32 spare;
        __u32 block; /* index in blocks + 1; 0: not blocked */
        __u32 block_serial;
        __u64 up[GATE_ANCESTORS]; /* gate_id() of the creator, its creator, ... */
};

/* A process in 64 bits: its number and the low bits of its start. */
static inline __u64 gate_id(__u32 pid, __u64 start)
{
        return (__u64) pid << 32 | (__u32) (start >> 16);
}

/* What gate_join does: a process and its descendants, as far as their records say so, are given a session or a block.
 */
struct gate_joining {
        __u64 start;
        __u32 pid;
        __u32 session;             /* index + 1; 0: leave it */
        __u32 block, block_serial; /* block: index + 1; 0: leave it */
        __u32 changed;             /* out: labels that were */
        __u32 spare;
};

/* A permit, for one process and one attempt. Key as of labels. */
struct gate_permit {
        __u64 start; /* of the process */
        __u64 until; /* boot time: no further socket later */
        __u64 seq;   /* the gesture that opened it; 0: allowed once by hand */
        __u32 left;  /* sockets */
        __u16 established;
        __u16 waits; /* handed over, and no socket yet */
};

/* A block. Written by the user half. */
struct gate_block {
        __u64 until;  /* boot time; 0: not in force; ~0: without end */
        __u32 serial; /* labels with another one do not belong to it any more */
        __u32 pid;    /* the subject */
        __u64 start;
        __u64 packets; /* refused so far; written by the kernel */
        __u64 connects;
};

/* Storage of a socket. */
struct gate_socket {
        __u32 permitted; /* may send to gated ports */
        __u32 block, block_serial;
        __u32 pid; /* who holds the permit */
        __u64 start;
};

enum gate_op {
        GATE_OP_CONNECT = 1, /* a connection to a gated port */
        GATE_OP_HANDOVER, /* a mail is handed to a local mail server: sendmail(1) was executed, or its socket opened */
        GATE_OP_ASK,      /* a mail program's window was asked for (xdg-email, the portal) */
        GATE_OP_PACKET,   /* a packet to a gated port from a socket without permit */
        GATE_OP_MARK,     /* somebody tried to set the permit's mark */
        GATE_OP_TAMPER,   /* a foreign process reached for our maps, programs or links */
        GATE_OP_BLOCKED,  /* traffic of a blocked process was refused */
        GATE_OP_INJECT,   /* TIOCSTI: bytes were pushed into a terminal */
        GATE_OPS,
        GATE_OP_MAILER = 64, /* a mail program began in a terminal; for the keeper alone */
};

/* Why. The first of these that holds is told; ALLOWED ones come first. */
enum gate_reason {
        GATE_REASON_NONE,
        GATE_REASON_PERSON,                        /* allowed: a person just asked for it */
        GATE_REASON_AGAIN,                         /* allowed: the same attempt */
        GATE_REASON_SENDER,                        /* allowed: a declared sender */
        GATE_REASON_ONCE,                          /* allowed once by hand */
        GATE_REASON_OPEN,                          /* allowed: the gate was opened */
        GATE_REASON_ALLOWED,                       /* number of the last allowing reason + 1 */
        GATE_REASON_PROGRAM = GATE_REASON_ALLOWED, /* it is no mail program */
        GATE_REASON_SUBMITTER,                     /* a submission program that no mail program executed */
        GATE_REASON_FOREIGN,                       /* foreign code was loaded into the mail program, or it is traced */
        GATE_REASON_SESSION,                       /* it belongs to no session of a person */
        GATE_REASON_REMOTE,                        /* the person is elsewhere, and that is not allowed */
        GATE_REASON_INACTIVE,                      /* the session is not active */
        GATE_REASON_LOCKED,                        /* the screen is locked */
        GATE_REASON_LAUNCHER,                      /* no trusted launcher in its chain */
        GATE_REASON_BROKER,     /* started through systemd --user or D-Bus, and no launcher asked for it */
        GATE_REASON_TERMINAL,   /* a terminal program without a terminal that qualifies */
        GATE_REASON_BACKGROUND, /* not in the terminal's foreground */
        GATE_REASON_INJECTED,   /* bytes were pushed into its terminal */
        GATE_REASON_GESTURE,    /* nobody touched mouse or keyboard */
        GATE_REASON_TYPED,      /* nothing was typed in its terminal */
        GATE_REASON_FOCUS,      /* another program has the focus */
        GATE_REASON_USED,       /* that gesture opened a permit already */
        GATE_REASON_SPENT,      /* the permit was used */
        GATE_REASON_UNLABELLED, /* where it comes from was not recorded */
        GATE_REASON_BLOCKED,    /* the process is blocked */
        GATE_REASONS,
};

struct gate_task {
        __u64 start, leader_start;
        __u32 pid, tid;
};

struct gate_record {
        __u64 time;  /* boot time */
        __u8 op;     /* enum gate_op */
        __u8 reason; /* enum gate_reason */
        __u8 denied; /* 1: refused; 0: allowed, or would have been refused while learning (reason tells) */
        __u8 learn;  /* 1: nothing is refused now */
        __u16 family, port;
        struct gate_task task;  /* who asked */
        struct gate_task asker; /* for whom, where known: the mail program of a submitter, the creator otherwise */
        __u8 addr[16];          /* v4-mapped */
        __u64 exe_ino, cgroup, netns;
        __u32 exe_dev, uid, kinds, program, session, sender;
        __u32 count; /* this and those like it since the last record */
        __u32 lost;  /* records that found no room, so far */
        __u32 proto, spare;
        char comm[16];
        char text[GATE_TEXT_MAX]; /* HANDOVER: program or socket; TAMPER: what was touched; NUL-terminated */
};

enum gate_counter {
        GATE_COUNT_RING_FULL,   /* records lost */
        GATE_COUNT_LABELS_FULL, /* processes without a label: nothing is permitted to them */
        GATE_COUNT_ALLOWED,
        GATE_COUNT_DENIED,
        GATE_COUNT_PACKETS, /* packets refused */
        GATE_COUNTERS,
};

#endif
