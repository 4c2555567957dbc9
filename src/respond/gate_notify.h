/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gate's alarm on the persons' desktops, with the buttons "block" and "allow once". For each person a child process
 * becomes that user, without any right but that user's, and speaks to the user's bus; the keeper itself parses nothing
 * that comes from there. Everything is asynchronous on the keeper's event loop: neither a frozen bus nor a stopped
 * child holds it up.
 *
 * An answer counts only when the process that shows the notification, and the bus that passed it on, are trusted by the
 * keeper's own labels, and when a gesture was made on a real device shortly before, after the notification had stood
 * long enough to be read; one gesture gives one answer. A program of the same user may end or stop the child: then
 * there is no alarm on the desktop, which is counted, and no answer. Runs in the keeper. */
#ifndef SEKIMORI_RESPOND_GATE_NOTIFY_H
#define SEKIMORI_RESPOND_GATE_NOTIFY_H

#include <sys/types.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "respond/gate_notify_wire.h"

#define GATE_NOTIFY_USERS 16 /* as GATE_HANDS; the one that was told something longest ago goes */
#define GATE_NOTIFY_LINES 4

struct gate_notify_child;

/* Words as they are meant: names of programs may stand in them unescaped. Each line stays one line. */
struct gate_notify_words {
        const char *title;
        const char *lines[GATE_NOTIFY_LINES];     /* of the body; NULL: none */
        const char *times;                        /* added from the second time on; "{n}" in it becomes the count */
        const char *buttons[GATE_NOTIFY_ACTIONS]; /* NULL: no such button */
};

struct gate_notify_subject {
        uint64_t start; /* nanoseconds since boot */
        uint32_t pid;
};

struct gate_notify_alarm {
        uid_t uid;    /* whose desktop */
        pid_t leader; /* of the session: its environment says the language; 0: the system's */
        struct gate_notify_subject subject;
        struct gate_notify_words words[GATE_NOTIFY_LANGUAGES];
};

struct gate_notify_answer {
        uid_t uid;
        struct gate_notify_subject subject;
        enum gate_notify_action action;
        nsec_t gesture; /* boot time of the gesture that it was given with */
};

struct gate_notify_times {
        nsec_t pause;  /* between two updates about one subject, and between new notifications after the first few */
        nsec_t answer; /* for the bus and the service to answer */
        nsec_t seen;   /* a notification must have been shown for so long before the gesture */
        nsec_t fresh;  /* the gesture is at most so old */
        nsec_t retry;  /* after a failure the next try comes not earlier */
};
#define GATE_NOTIFY_TIMES                                                                                              \
        ((struct gate_notify_times){                                                                                   \
                .pause = NSEC_PER_SEC,                                                                                 \
                .answer = 5 * NSEC_PER_SEC,                                                                            \
                .seen = 500 * NSEC_PER_MSEC,                                                                           \
                .fresh = 2 * NSEC_PER_SEC,                                                                             \
                .retry = 10 * NSEC_PER_SEC,                                                                            \
        })

/* The callbacks may call all functions below but gate_notify_free(). */
struct gate_notify_params {
        sd_event *event;
        const char *runtime;            /* folder of the users' folders; NULL: /run/user */
        const char *proc;               /* NULL: /proc */
        struct gate_notify_times times; /* GATE_NOTIFY_TIMES */
        void *userdata;
        /* By the gate's labels: does this process show notifications for the person? */
        bool (*trusted)(void *userdata, pid_t pid);
        /* Is this process a message bus that nothing foreign was loaded into? A false bus could name any process. */
        bool (*trusted_bus)(void *userdata, pid_t pid);
        /* Boot time of the person's last gesture on a real device; 0: none. */
        nsec_t (*last_gesture)(void *userdata, uid_t uid);
        void (*answer)(void *userdata, const struct gate_notify_answer *answer);
        void (*failed)(void *userdata, uid_t uid, int error); /* nothing can be shown to this person now; may be NULL */
        /* For tests, in place of fork(): takes the child's end of the pair; *ret_pid 0: there is no process. */
        int (*start)(void *userdata, const struct gate_notify_child *child, pid_t *ret_pid);
};

struct gate_notify_stats {
        uint64_t shown, updated;                  /* notifications; updates of them */
        uint64_t merged;                          /* alarms that only raised a count */
        uint64_t evicted;                         /* closed for room */
        uint64_t failed;                          /* alarms that could not be shown */
        uint64_t children, killed;                /* started; ended by us because they hung or lied */
        uint64_t held;                            /* not started: too many were of late */
        uint64_t malformed;                       /* messages of children */
        uint64_t answers;                         /* that counted */
        uint64_t untrusted, too_soon, no_gesture; /* answers that did not */
};

struct gate_notify;

/* All callbacks but `failed` and `start` must be given. 0 or negative errno. */
int gate_notify_new(const struct gate_notify_params *params, struct gate_notify **ret);
void gate_notify_free(struct gate_notify *n);
DEFINE_FREEP(struct gate_notify, gate_notify_free)

/* Shows the alarm, or raises the count of the one about this subject. 0: it is on its way; -EHOSTDOWN: this person's
 * bus or service failed a moment ago, or too many children were started; -EAGAIN: too much is on its way; else why no
 * child could be started. Never blocks. */
int gate_notify_show(struct gate_notify *n, const struct gate_notify_alarm *alarm);
/* The matter is settled: takes the notification away, if there is one. */
void gate_notify_close(struct gate_notify *n, uid_t uid, const struct gate_notify_subject *subject);
/* The person has logged out. */
void gate_notify_forget(struct gate_notify *n, uid_t uid);
void gate_notify_get_stats(const struct gate_notify *n, struct gate_notify_stats *ret);

#endif
