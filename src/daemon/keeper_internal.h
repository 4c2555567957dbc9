/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the keeper's files share. Not for others. */
#ifndef SEKIMORI_DAEMON_KEEPER_INTERNAL_H
#define SEKIMORI_DAEMON_KEEPER_INTERNAL_H

#include <limits.h>
#include <systemd/sd-event.h>

#include "daemon/keeper.h"
#include "respond/gate_notify.h"
#include "respond/gate_person.h"
#include "respond/gate_programs.h"
#include "respond/gate_propose.h"
#include "respond/gate_senders.h"
#include "source/host_ring.h"

#define KEEPER_HAND_MAX    40
#define KEEPER_FORWARD_MAX 1280 /* of the configuration and of the declared senders */

struct keeper {
        const struct config *config;
        struct config *reread; /* the configuration in force when it was read again; else NULL */
        uint64_t config_hash;  /* of the file's bytes when it was read */
        const char *config_path;
        struct gate *gate;
        sd_event *event;
        struct gate_state state; /* as the maps must say */
        uint64_t orders;         /* that were looked at */
        nsec_t ordered_until;    /* what changes before this may still belong to the last one */
        nsec_t opened;           /* by order, until then; 0: not */

        struct keeper_session {
                bool known;
                struct gate_person_session person;
                struct gate_session session; /* as in the map */
                bool focus_known;
                uint32_t focus; /* process whose window has it; 0: none, or not known */
                nsec_t joined;  /* labels were given last; 0: not yet */
                bool joined_again;
        } sessions[GATE_SESSIONS];
        struct keeper_hand {
                char name[KEEPER_HAND_MAX]; /* seat, or "session NAME" of somebody elsewhere; "": free */
                struct gate_hand hand;
        } hands[GATE_HANDS];
        struct gate_person *person;

        struct gate_programs *programs;
        struct gate_senders *senders;
        struct keeper_version {
                uint64_t ino;
                struct timespec time;
        } senders_version;              /* of the file they were read from */
        sd_event_source *senders_watch; /* NULL: their folder is not there */
        nsec_t locked_since;            /* somebody holds the list; 0: not */
        bool senders_due;               /* they wait for that */
        struct gate_propose *propose;
        struct gate_notify *notify;
        struct host_ring *bell;

        struct cidr forward[KEEPER_FORWARD_MAX];
        size_t n_forward;
        struct config_cidrs forward_list;
        int rules_fd, links_fd; /* nftables and devices; -1: not in force */
        bool rules_partly;      /* not every device is covered */
        bool typing;
        nsec_t proposals_at; /* when they were written last */
        uint64_t denied, proposed, proposed_told;
        bool first_check;
        bool closed_told; /* that the time for which it was open is over */
};

/* keeper_person.c */
int keeper_person_start(struct keeper *k);
void keeper_person_tick(struct keeper *k, nsec_t now);
/* Do the maps of sessions and hands say what we wrote? Repairs them. */
bool keeper_person_intact(struct keeper *k);
/* The session's user and leader; or those of who sits at the machine now. false: nobody. */
bool keeper_person_of(const struct keeper *k, uint32_t session, uid_t *ret_uid, pid_t *ret_leader);
nsec_t keeper_person_gesture(const struct keeper *k, uid_t uid);

/* keeper_programs.c: programs and declared senders to the maps. */
int keeper_programs_start(struct keeper *k);
/* Reads the declared senders again; those before stay when they cannot be read. 1: it is another list; 0: the same. */
int keeper_programs_reload(struct keeper *k);
bool keeper_programs_intact(struct keeper *k);
/* The folder of declared senders is watched, from when on it is there. */
void keeper_programs_tick(struct keeper *k);

/* keeper_alarm.c: the bell, notifications, proposals. */
int keeper_alarm_start(struct keeper *k);
void keeper_alarm_tick(struct keeper *k, nsec_t now);

/* keeper_config.c: the configuration, read again where that was ordered. */
int keeper_config_start(struct keeper *k, const struct keeper_params *params);
/* Is there another one in the file now, that can be taken? */
bool keeper_config_changed(struct keeper *k);
/* Would the one that is in the file now make this state of it? */
bool keeper_config_explains(struct keeper *k, const struct gate_state *s);

/* keeper_watch.c: do both layers stand? */
int keeper_watch_start(struct keeper *k);
void keeper_watch_tick(struct keeper *k);
/* The networks that may pass through changed. */
void keeper_watch_rules(struct keeper *k);

#endif
