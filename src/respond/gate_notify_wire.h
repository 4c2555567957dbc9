/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the keeper and its children on the persons' buses say to each other: messages of a fixed size over a
 * SOCK_SEQPACKET pair. A child reads what any program of that person may send, so that nothing it says is believed
 * unseen: gate_notify_report_valid() stands before everything else. */
#ifndef SEKIMORI_RESPOND_GATE_NOTIFY_WIRE_H
#define SEKIMORI_RESPOND_GATE_NOTIFY_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GATE_NOTIFY_MAGIC   0x736b6e31u
#define GATE_NOTIFY_SLOTS   16      /* notifications open at a time */
#define GATE_NOTIFY_PID_MAX 4194304 /* PID_MAX_LIMIT of the kernel, include/linux/threads.h */

#define GATE_NOTIFY_TITLE_MAX  160
#define GATE_NOTIFY_LINE_MAX   320
#define GATE_NOTIFY_BODY_MAX   1536
#define GATE_NOTIFY_BUTTON_MAX 64

/* Services that show notifications, best first. GNOME's shell gives the usual name to a helper in JavaScript, whose
 * program is an interpreter's and proves nothing; the shell itself answers at a name of its own. */
enum gate_notify_service { GATE_NOTIFY_GNOME, GATE_NOTIFY_USUAL, GATE_NOTIFY_SERVICES };

enum gate_notify_language { GATE_NOTIFY_EN, GATE_NOTIFY_JA, GATE_NOTIFY_LANGUAGES };

enum gate_notify_action { GATE_NOTIFY_BLOCK, GATE_NOTIFY_ALLOW_ONCE, GATE_NOTIFY_ACTIONS };

/* Ready to be shown: control bytes are visible, the body's markup is escaped, all is valid UTF-8. */
struct gate_notify_text {
        char title[GATE_NOTIFY_TITLE_MAX];
        char body[GATE_NOTIFY_BODY_MAX];
        char times[GATE_NOTIFY_BUTTON_MAX];
        char button[GATE_NOTIFY_ACTIONS][GATE_NOTIFY_BUTTON_MAX]; /* "": no such button */
};

enum gate_notify_order_verb { GATE_NOTIFY_SHOW = 1, GATE_NOTIFY_CLOSE };

/* Keeper to child. */
struct gate_notify_order {
        uint32_t magic;
        uint32_t verb;    /* enum gate_notify_order_verb */
        uint32_t slot;    /* below GATE_NOTIFY_SLOTS */
        uint32_t serial;  /* of the slot's present use, never 0 */
        uint32_t service; /* SHOW: enum gate_notify_service */
        uint32_t spare;
        struct gate_notify_text text; /* SHOW */
};

enum gate_notify_report_verb {
        GATE_NOTIFY_READY = 1, /* bus_pid, pid[], language */
        GATE_NOTIFY_SHOWN,     /* slot, serial; value 1: a new notification, 0: it replaced the one before */
        GATE_NOTIFY_CLOSED,    /* slot, serial */
        GATE_NOTIFY_FAILED,    /* slot, serial; value: negative errno */
        GATE_NOTIFY_INVOKED,   /* slot, serial, action, pid[] of the service that said so */
        GATE_NOTIFY_GONE,      /* value: negative errno. The child ends */
        GATE_NOTIFY_REPORTS,
};

/* Child to keeper. What a verb does not use is 0. */
struct gate_notify_report {
        uint32_t magic;
        uint32_t verb; /* enum gate_notify_report_verb */
        uint32_t slot, serial;
        int32_t value;
        uint32_t action;                    /* enum gate_notify_action */
        uint32_t language;                  /* enum gate_notify_language */
        uint32_t bus_pid;                   /* who writes to our end of the bus; 0: not to be seen */
        uint32_t pid[GATE_NOTIFY_SERVICES]; /* 0: not there */
};

/* Is this a whole report whose members lie within their bounds? Alignment does not matter. */
bool gate_notify_report_valid(const void *bytes, size_t len);

#endif
