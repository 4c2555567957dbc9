/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A person's desktop for the tests of notifications: a message bus of our own in a folder of our own, and a service
 * that shows nothing but remembers what it was asked to show. Runs on the tests' event loop; the bus is a process. */
#ifndef SEKIMORI_TESTS_NOTIFY_BUS_H
#define SEKIMORI_TESTS_NOTIFY_BUS_H

#include <stdbool.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define SHOWN_MAX 64

struct shown {
        uint32_t id, replaces;
        char title[256], body[2048], keys[128], buttons[256], sender[64];
        int urgency, timeout;
};

struct desktop {
        sd_event *event;
        char runtime[64], folder[96], socket[128];
        uid_t uid; /* the person */
        pid_t bus_pid;
        sd_bus *service, *other; /* `other`: a program of the same person */
        bool silent;             /* the service never answers */
        uint32_t next_id;
        struct shown calls[SHOWN_MAX];
        unsigned n_calls, n_closed;
        uint32_t closed;
};

/* Starts the bus and gives the service that name. False when there is no dbus-daemon. */
bool desktop_start(struct desktop *d, sd_event *event, const char *name);
void desktop_stop(struct desktop *d);
void desktop_kill_bus(struct desktop *d, int signal);
/* What the service says when a button was pressed; by whom: the service, or another program. */
void desktop_press(struct desktop *d, sd_bus *by, uint32_t id, const char *key);
void desktop_dismiss(struct desktop *d, uint32_t id);
sd_bus *desktop_connect(struct desktop *d);

/* Runs the loop until `holds`, at most `limit`. Whether it does. */
bool desktop_until(struct desktop *d, bool (*holds)(void *), void *userdata, nsec_t limit);

#endif
