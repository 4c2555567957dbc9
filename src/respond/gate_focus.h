/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which process has the input focus in an X11 session. The keeper's half: it starts one small process per session,
 * which speaks to the X server, and checks what that process tells. Runs in the keeper. */
#ifndef SEKIMORI_RESPOND_GATE_FOCUS_H
#define SEKIMORI_RESPOND_GATE_FOCUS_H

#include "respond/gate_person.h"

/* Whom we believe. A window's process is asked of the server (X-Resource 1.2, LocalClientPid), which has it from the
 * kernel; _NET_WM_PID is whatever a client says. Where the keys go is the input focus; _NET_ACTIVE_WINDOW, which any
 * client may write, is but a reason to look. The server must be one: of those that listen on the names of X displays,
 * the one whose program is Xorg (by device and inode, root's, nobody else's to write), that is root's or the session's
 * own user's, and that holds the session's virtual console as its controlling terminal (at seats without consoles: the
 * display that logind was told). Xwayland does not count: it knows nothing of the other windows there. Wayland tells
 * nobody, by design.
 *
 * What stays: any client of an X server may move the focus, and a server that the person's user runs may be traced by
 * any program of that user (`server_uid` tells). The focus is one condition of several.
 *
 * The process finds the server as root, reads the authority file that the server was started with (as the session's
 * user, unless the server is root's), then becomes the unprivileged user it is given, under seccomp, with nothing of
 * the keeper's memory or descriptors that leads to the kernel, and only then says a word to the server. Neither the
 * session's user nor the server can signal or trace it, and it ends by itself when the server hangs. Needs Linux 5.3
 * (pidfds). */

#define GATE_FOCUS_SESSIONS 16
#define GATE_FOCUS_SERVER   "/usr/lib/xorg/Xorg" /* Debian's */

struct gate_focus_params {
        sd_event *event;
        void (*focus)(void *ud, const struct gate_person_focus *f); /* at each change */
        void *ud;
        uid_t uid; /* what the processes become; not 0 */
        gid_t gid;
        const char *server; /* the X server's program; NULL: GATE_FOCUS_SERVER */
};

struct gate_focus;

/* 0, -EINVAL, -ENOMEM, or what the event loop said. */
int gate_focus_new(const struct gate_focus_params *params, struct gate_focus **ret);
void gate_focus_free(struct gate_focus *g); /* ends its processes, tells of nothing; NULL is fine */
DEFINE_FREEP(struct gate_focus, gate_focus_free)

/* Begins to watch a session, or goes on with what changed about it. Worth it for type x11, and for type tty on a
 * console, where `startx` may have been used. Where no server is found it is looked for again: after a second, then
 * less and less often, and at once when a display appears. 0, -ENOSPC. */
int gate_focus_watch(struct gate_focus *g, const struct gate_person_session *s);
/* No more. Tells that the focus is not known, if it was. */
void gate_focus_forget(struct gate_focus *g, const char *session);

/* Sessions whose focus is known; and how many messages were refused. */
unsigned gate_focus_known(const struct gate_focus *g, uint64_t *ret_refused);

#endif
