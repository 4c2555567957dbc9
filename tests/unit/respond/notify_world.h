/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A keeper's notifier in front of a desktop of the tests' own, and what the tests do with both. */
#ifndef SEKIMORI_TESTS_NOTIFY_WORLD_H
#define SEKIMORI_TESTS_NOTIFY_WORLD_H

#include "notify_bus.h"
#include "respond/gate_notify.h"

#define LONG (20 * NSEC_PER_SEC)

struct world {
        struct desktop d;
        sd_event *event;
        struct gate_notify *n;
        bool trusted, trusted_bus;
        nsec_t gesture; /* 0: now */
        unsigned n_answers, n_failed;
        struct gate_notify_answer answer;
        int error;
        unsigned wanted; /* calls, for until_calls() */
};

/* Nothing has to be waited for that a person would wait for. */
struct gate_notify_times world_quick(void);
void world_notifier(struct world *w, struct gate_notify_times times); /* in place of the one that is there */

int world_set_up(void **state);       /* the usual service */
int world_set_up_none(void **state);  /* no service */
int world_set_up_gnome(void **state); /* GNOME's shell */
int world_tear_down(void **state);

int world_show(struct world *w, uint32_t pid, const char *name);
struct gate_notify_stats world_stats(const struct world *w);
void world_until_calls(struct world *w, unsigned n);
/* A button is pressed; returns when it counted or did not. */
void world_press(struct world *w, uint32_t id, const char *key);

/* For desktop_until(). */
bool world_calls_reached(void *userdata); /* `wanted` */
bool world_has_failed(void *userdata);
bool world_was_closed(void *userdata);

#endif
