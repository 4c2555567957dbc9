/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the two files of the keeper's side of notifications share. */
#ifndef SEKIMORI_RESPOND_GATE_NOTIFY_INTERNAL_H
#define SEKIMORI_RESPOND_GATE_NOTIFY_INTERNAL_H

#include "respond/gate_notify.h"
#include "respond/gate_notify_child.h"

struct gate_notify_slot {
        struct gate_notify_subject subject;
        struct gate_notify_text text[GATE_NOTIFY_LANGUAGES];
        uint32_t serial; /* of this use of the place; 0: free */
        uint32_t count;
        nsec_t last;  /* alarm */
        nsec_t sent;  /* to the child; 0: not yet */
        nsec_t shown; /* as it stands now; 0: not yet */
        bool dirty;   /* there is something to send */
        bool waiting; /* the child has not said yet what became of the last order */
        bool closing; /* to be closed as soon as it has */
        bool answered;
};

enum gate_notify_user_state {
        GATE_NOTIFY_USER_DOWN,     /* no child */
        GATE_NOTIFY_USER_STARTING, /* not ready yet */
        GATE_NOTIFY_USER_READY,
        GATE_NOTIFY_USER_ENDING, /* killed, and not gone yet */
};

struct gate_notify_user {
        struct gate_notify *owner;
        uid_t uid;
        enum gate_notify_user_state state;
        pid_t pid;
        int fd, pidfd;
        sd_event_source *io, *exit;
        uint32_t serial;
        uint32_t service, service_pid, bus_pid, language;
        bool leaving;       /* to be freed when the child is gone */
        bool vouched;       /* service and bus were trusted when the child was ready */
        nsec_t last;        /* alarm */
        nsec_t started;     /* the child */
        nsec_t retry_at;    /* no child earlier */
        nsec_t next_open;   /* theoretical time of the next new notification */
        nsec_t stuck_since; /* the child does not read; 0: it does */
        nsec_t gesture;     /* that the last answer was given with */
        nsec_t second;      /* began the count of reports */
        uint32_t reports;   /* since */
        struct gate_notify_slot slots[GATE_NOTIFY_SLOTS];
};

struct gate_notify {
        struct gate_notify_params params;
        struct gate_notify_stats stats;
        struct gate_notify_user *users[GATE_NOTIFY_USERS];
        sd_event_source *timer;
        nsec_t next_start; /* theoretical time of the next child */
};

/* Sends what is due, ends what is overdue, sets the timer. */
void gate_notify_pump(struct gate_notify *n);
/* Takes a valid report. 0, or -EBADMSG when the child says what it cannot know. */
int gate_notify_report(struct gate_notify *n, struct gate_notify_user *u, const struct gate_notify_report *r);

struct gate_notify_user *gate_notify_user_new(struct gate_notify *n, uid_t uid);
/* Ends the child and waits for it, at most a second; at once when there is none. NULL is fine. */
void gate_notify_user_free(struct gate_notify_user *u);
int gate_notify_user_start(struct gate_notify_user *u, pid_t leader, nsec_t now);
/* Tells the child. False: it has not read what it was told before; once it has, there is a pump. */
bool gate_notify_user_send(struct gate_notify_user *u, const struct gate_notify_order *o, nsec_t now);
/* Kills the child and forgets its notifications. */
void gate_notify_user_end(struct gate_notify_user *u);
/* The same, and tells the owner why. `lied`: it did not end by itself. */
void gate_notify_user_stop(struct gate_notify_user *u, int error, bool lied);
/* When the child will have taken too long for what it was told; INT64_MAX: it was told nothing. */
nsec_t gate_notify_user_deadline(const struct gate_notify_user *u);

#endif
