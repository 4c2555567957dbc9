/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small machine to write scenarios with: tasks and flows by short names, turned into the events that the host sensor
 * would deliver. Used by the replay runner; no kernel, no clock. */
#ifndef SEKIMORI_TESTS_REPLAY_WORLD_H
#define SEKIMORI_TESTS_REPLAY_WORLD_H

#include "base/buf.h"
#include "model/event.h"
#include "net.h"

#define WORLD_TASKS 4096
#define WORLD_FLOWS 4096

struct world_task {
        struct task task;
        uint32_t uid, loginuid, session, tty, netns, pidns;
        char name[32];
};

struct world_flow {
        char name[16];
        struct flow_event flow; /* as of its last event */
        nsec_t opened;
};

struct world {
        nsec_t now;
        uint64_t boot; /* counts task starts */
        uint64_t flow_id;
        struct world_task tasks[WORLD_TASKS];
        size_t n_tasks;
        struct world_flow flows[WORLD_FLOWS];
        size_t n_flows;
        void (*event)(void *userdata, const struct event *e);
        void *userdata;
        struct net net;
        char error[160];
};

/* For a zeroed world with its time set: where events go. world_finish() sends what is still due, at the end. */
void world_begin(struct world *w, void (*event)(void *userdata, const struct event *e), void *userdata);
void world_finish(struct world *w);
void world_done(struct world *w);
/* Runs one line ("+5ms fork 4720 by 4711"). 0, or -EINVAL with `error` set. */
int world_line(struct world *w, const char *line);
/* The newest task of that number, or NULL. */
const struct world_task *world_task(const struct world *w, uint32_t number);

#endif
