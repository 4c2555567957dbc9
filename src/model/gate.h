/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the mail gate says: the values in a gate event (event.h), their names, and an entry of its log. The numbers are
 * those of the kernel half (respond/gate_map.h, which may include nothing of ours); gate_source.c ties them. */
#ifndef SEKIMORI_MODEL_GATE_H
#define SEKIMORI_MODEL_GATE_H

#include "model/event.h"

/* What was tried: the operations of EVENT_GATE. */
enum gate_try {
        GATE_TRY_NONE,
        GATE_TRY_CONNECT,  /* a connection to a gated port */
        GATE_TRY_HANDOVER, /* a mail is handed to a local mail server */
        GATE_TRY_ASK,      /* a mail program's window was asked for */
        GATE_TRY_PACKET,   /* a packet to a gated port from a socket without permit */
        GATE_TRY_MARK,     /* somebody tried to set the permit's mark */
        GATE_TRY_TAMPER,   /* a foreign process reached for the gate */
        GATE_TRY_BLOCKED,  /* traffic of a blocked process */
        GATE_TRY_INJECT,   /* bytes were pushed into a terminal */
        GATE_TRIES,
};

/* Why it was decided so. */
enum gate_why {
        GATE_WHY_NONE,
        GATE_WHY_PERSON,
        GATE_WHY_AGAIN,
        GATE_WHY_SENDER,
        GATE_WHY_ONCE,
        GATE_WHY_OPEN,
        GATE_WHY_REFUSED, /* from here on: reasons to refuse */
        GATE_WHY_PROGRAM = GATE_WHY_REFUSED,
        GATE_WHY_SUBMITTER,
        GATE_WHY_FOREIGN,
        GATE_WHY_SESSION,
        GATE_WHY_REMOTE,
        GATE_WHY_INACTIVE,
        GATE_WHY_LOCKED,
        GATE_WHY_LAUNCHER,
        GATE_WHY_BROKER,
        GATE_WHY_TERMINAL,
        GATE_WHY_BACKGROUND,
        GATE_WHY_INJECTED,
        GATE_WHY_GESTURE,
        GATE_WHY_TYPED,
        GATE_WHY_FOCUS,
        GATE_WHY_USED,
        GATE_WHY_SPENT,
        GATE_WHY_UNLABELLED,
        GATE_WHY_BLOCKED,
        GATE_WHYS,
};

/* What a program is to the gate; bits. */
enum gate_is {
        GATE_IS_DESKTOP = 1 << 0,
        GATE_IS_TERMINAL = 1 << 1,
        GATE_IS_SHELL = 1 << 2,
        GATE_IS_DOOR = 1 << 3,
        GATE_IS_REMOTE = 1 << 4,
        GATE_IS_BROKER = 1 << 5,
        GATE_IS_MAILER = 1 << 6,
        GATE_IS_TUI_MAILER = 1 << 7,
        GATE_IS_SUBMITTER = 1 << 8,
        GATE_IS_SENDER = 1 << 9,
        GATE_IS_ASK = 1 << 10,
        GATE_IS_WRAPPER = 1 << 11,
        GATE_IS_SERVER = 1 << 12,
};
#define GATE_IS_COUNT    13
#define GATE_IS_MAIL     (GATE_IS_MAILER | GATE_IS_TUI_MAILER)
#define GATE_IS_MAIL_KIN (GATE_IS_MAIL | GATE_IS_SUBMITTER | GATE_IS_SENDER)

enum gate_action {
        GATE_ALLOWED,
        GATE_DENIED,
        GATE_WOULD_DENY, /* the gate learns, or only watches this */
        GATE_SEEN,       /* no attempt, so nothing was decided */
        GATE_ACTIONS,
};

enum gate_action gate_action(unsigned op, unsigned reason, bool denied);
/* Is it an attempt to send mail? */
bool gate_is_attempt(unsigned op);

/* Names as in JSON; "?" beyond the range. */
const char *gate_try_name(unsigned op);        /* "connect" */
const char *gate_why_name(unsigned reason);    /* "no_gesture" */
const char *gate_action_name(unsigned action); /* "would_deny" */
extern const char *const gate_is_names[GATE_IS_COUNT];
/* Half a sentence for people, after "since" or a colon: "it is no mail program". */
const char *gate_why_title(unsigned reason);

#define GATE_ENTRY_PROGRAM 96
#define GATE_ENTRY_CHAIN   160

/* What one program did in one burst, as it stands in the log. Times are the wall clock's. */
struct gate_entry {
        nsec_t first, last;
        struct task task;   /* the newest */
        struct task asker;  /* for whom; pid 0: not known */
        struct addr remote; /* the newest; unspecified: none */
        uint64_t exe_ino;
        uint32_t exe_dev, uid, kinds;
        uint32_t count;            /* attempts */
        uint32_t peers, processes; /* different ones, at least */
        uint16_t port;
        uint8_t op, reason, denied, learn, proto;
        char program[GATE_ENTRY_PROGRAM]; /* path, or the name where that is not known */
        char chain[GATE_ENTRY_CHAIN];     /* "systemd > bash > bot"; "": not known */
        char text[GATE_ENTRY_PROGRAM];    /* of a hand-over: to whom; of tampering: with what */
};

#endif
