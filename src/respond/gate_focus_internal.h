/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between the keeper and its processes that watch the focus, and the parsers in both. gate_focus.c runs in the keeper,
 * gate_focus_server.c and gate_focus_child.c in the processes that it starts. */
#ifndef SEKIMORI_RESPOND_GATE_FOCUS_INTERNAL_H
#define SEKIMORI_RESPOND_GATE_FOCUS_INTERNAL_H

#include <stddef.h>

#include "respond/gate_focus.h"

#define GATE_FOCUS_DISPLAYS  64 /* :0 to :63 are looked at */
#define GATE_FOCUS_COOKIE    16 /* bytes of a MIT-MAGIC-COOKIE-1 */
#define GATE_FOCUS_AUTH_MAX  65536
#define GATE_FOCUS_BEAT_MSEC 2000 /* so often at least something is told, and the server asked */
#define GATE_FOCUS_MAGIC     0x53464f43u
#define GATE_FOCUS_PID_MAX   4194304u /* PID_MAX_LIMIT of 64-bit kernels */

enum { GATE_FOCUS_MESSAGE_KNOWN = 1 << 0 };

/* One datagram. */
struct gate_focus_message {
        uint32_t magic;
        uint32_t flags;
        uint32_t pid; /* 0 unless KNOWN */
        uint32_t server_uid;
        uint64_t time; /* boot time when it was seen */
};

/* What a message may say. */
struct gate_focus_bounds {
        nsec_t last, now; /* times between them */
        uint32_t uid;     /* of the session: the server is its, or root's */
};

/* 0, or -EBADMSG. */
int gate_focus_check(const void *bytes, size_t size, const struct gate_focus_bounds *bounds,
                     struct gate_focus_message *ret);

struct gate_focus_job {
        uint32_t session_uid;
        uint32_t vt;
        int display; /* -1: not told */
        uid_t uid;   /* to become */
        gid_t gid;
        const char *server;
        int report; /* where messages go */
};

struct gate_focus_server {
        int fd; /* connected, nothing said yet */
        pid_t pid;
        uid_t uid;
        int display;
        bool has_cookie;
        uint8_t cookie[GATE_FOCUS_COOKIE];
};

/* As root: a connection to the server of the session, and its cookie. -ENOENT: none that can be trusted. */
int gate_focus_find(const struct gate_focus_job *job, struct gate_focus_server *ret);
/* The rest of the process's life; returns when there is nothing more to tell. */
int gate_focus_observe(const struct gate_focus_job *job, const struct gate_focus_server *server);
/* All of it, in a process of its own, just forked. */
_Noreturn void gate_focus_child(const struct gate_focus_job *job);

/* ":7" or ":7.0": 7; -1 for anything else, other machines' displays among it. */
int gate_focus_parse_display(const char *text);
/* Field tty_nr of /proc/PID/stat as the number of a virtual console; 0: another terminal or none. `text` ends with NUL.
 */
unsigned gate_focus_parse_console(const char *text);
/* The argument that follows `name` in a /proc/PID/cmdline, or NULL. `size` bytes, of which the last is NUL. */
const char *gate_focus_argument(const char *cmdline, size_t size, const char *name);
/* Is the console given as an argument, "vt7"? */
bool gate_focus_has_console(const char *cmdline, size_t size, unsigned vt);
/* A cookie in the file of authorities (Xau) that a server was started with: that of its display, else the first, since
 * it takes any of them (`startx` files its cookie under display 0 whatever the display is). 0, -ENOENT, -EBADMSG; what
 * is in `ret` then means nothing. */
int gate_focus_cookie(const uint8_t *bytes, size_t size, int display, uint8_t ret[static GATE_FOCUS_COOKIE]);
/* The process in a reply to XResQueryClientIds, behind its head. 0: none of this machine, or none told. */
uint32_t gate_focus_client_pid(const uint8_t *bytes, size_t size, uint32_t n_ids);

#endif
