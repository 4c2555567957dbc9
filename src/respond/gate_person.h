/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The persons at this machine, as far as the gate must know them: their sessions (logind), what their hands do (evdev)
 * and which program has the focus (X11). Runs in the keeper, on its event loop: nothing here blocks, logs or writes a
 * map; what changes is told by the calls below. Every part may be missing, and each that is missing makes the gate
 * stricter: without logind there are no sessions, without input devices no gestures, without an X server that can be
 * trusted no focus.
 *
 * What the keeper must let this do: read /proc, /sys and /run; open /dev/input/event* (root's, no capability needed);
 * CAP_SETUID and CAP_SETGID to make the process that watches the focus nobody, CAP_SYS_PTRACE to see what program an X
 * server is, CAP_DAC_READ_SEARCH where its authority is another user's, CAP_KILL to end what hangs. ProtectHome= and
 * PrivateTmp= in the unit hide ~/.serverauth.* and /tmp/.X11-unix: the focus is then not known where they are needed.
 */
#ifndef SEKIMORI_RESPOND_GATE_PERSON_H
#define SEKIMORI_RESPOND_GATE_PERSON_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define GATE_PERSON_NAME    16 /* as struct gate_session holds it; logind's are at most ten digits */
#define GATE_PERSON_SEAT    32
#define GATE_PERSON_DISPLAY 16

enum gate_person_type {
        GATE_PERSON_OTHER /* mir, web, unspecified */,
        GATE_PERSON_TTY,
        GATE_PERSON_X11,
        GATE_PERSON_WAYLAND
};

enum gate_person_lock { GATE_PERSON_LOCK_UNKNOWN, GATE_PERSON_LOCKED, GATE_PERSON_UNLOCKED };

/* A session of logind of class `user` (others, as the greeter's, are nobody's), or a user's manager (systemd --user).
 */
struct gate_person_session {
        char name[GATE_PERSON_NAME];       /* logind's; of a manager "@" and the user's number */
        char of[GATE_PERSON_NAME];         /* manager: the session it stands for: the user's that is active, else any */
        char seat[GATE_PERSON_SEAT];       /* "": none, the person is elsewhere or there is none */
        char display[GATE_PERSON_DISPLAY]; /* X11's, ":0", if logind was told; "" often enough */
        uint32_t uid;
        uint32_t leader;            /* pid whose descendants belong to it; manager: systemd --user. 0: not known yet */
        uint32_t vt;                /* virtual console; 0: none */
        enum gate_person_type type; /* as logind has it: `startx` on a console stays a tty */
        enum gate_person_lock lock; /* LockedHint, for those lockers that set it */
        bool manager;
        bool remote;
        bool active;
        /* Nobody else than its person can be before it. Not known counts as locked, but for a session of type tty: on
         * terminals there is no locker that would tell. A manager has seat, vt, type, lock and the rest of `of`. */
        bool unlocked;
};

/* Presses of keys and buttons on real devices of one seat since the last such call. */
struct gate_person_gesture {
        const char *seat;
        nsec_t time;      /* boot time of the last one, as the kernel stamped it */
        unsigned presses; /* at least 1; what goes down at once is one */
        unsigned vt;      /* the console that is shown when this is told; 0: not seat0, or no consoles */
};

/* Whose window has the input focus in a session. */
struct gate_person_focus {
        const char *session;
        bool known;          /* false: cannot be known (Wayland, no X server that can be trusted, it hangs) */
        uint32_t pid;        /* the process, as the X server knows it by its socket; 0: of no process on this machine */
        nsec_t since;        /* boot time when it was first seen there */
        uint32_t server_uid; /* 0: the X server is root's. The person's own: code of the same user could trace it and
                                lie */
};

/* From the event loop, and the first ones from gate_person_new() itself. `gone`: it was the last call for that name.
 * What is told is the callee's only during the call. NULL is fine. */
struct gate_person_calls {
        void (*session)(void *ud, const struct gate_person_session *s, bool gone);
        void (*gesture)(void *ud, const struct gate_person_gesture *g);
        void (*focus)(void *ud, const struct gate_person_focus *f);
};

struct gate_person_params {
        sd_event *event;
        struct gate_person_calls calls;
        void *ud;
        uid_t watcher_uid; /* who the processes that speak to X servers become; not root, best a user of nobody's */
        gid_t watcher_gid;
};

struct gate_person_state {
        int sessions; /* 0; -ENOENT: no logind, so no persons; or what keeps it from being asked */
        int bus;      /* 0; or why locks, leaders and managers are not known */
        int input;    /* 0; -ENOENT: no device that counts */
        int focus;    /* 0; -ENOENT: known in no session */
        unsigned n_sessions, n_devices, n_focus;
        uint64_t sessions_dropped; /* now more than there is room for */
        uint64_t devices_dropped;
        uint64_t events_lost;   /* the kernel's buffer for a device overran */
        uint64_t focus_refused; /* messages that were not as they must be */
};

struct gate_person;

/* 0 also when a part is missing: see gate_person_get_state(); it is noticed when it appears. -EINVAL, -ENOMEM, or what
 * the event loop said. */
int gate_person_new(const struct gate_person_params *params, struct gate_person **ret);
void gate_person_free(struct gate_person *p); /* NULL is fine */
DEFINE_FREEP(struct gate_person, gate_person_free)

void gate_person_get_state(const struct gate_person *p, struct gate_person_state *ret);

#endif
