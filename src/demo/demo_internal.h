/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the demo's acts share. Not for others. */
#ifndef SEKIMORI_DEMO_DEMO_INTERNAL_H
#define SEKIMORI_DEMO_DEMO_INTERNAL_H

#include "base/buf.h"
#include "demo/demo.h"
#include "demo/demo_child.h"

#define WAIT   (10 * NSEC_PER_SEC)
#define START  (30 * NSEC_PER_SEC) /* for the daemon: a slow machine takes long to check its programs */
#define SERVER "10.77.1.2:6667"
/* Whom the bots are sent at: a network of the namespace outside, where nobody listens and every address refuses. */
#define TARGETS "10.77.2.0/24"

struct demo {
        const struct demo_params *params;
        char folder[64], sim[512];
        char config[96];     /* of the demo's own daemon and gate */
        char cgroup[320];    /* of the bots, so that the gate is shut for nobody else; "": none */
        pid_t home, outside; /* hold the namespaces */
        struct demo_child daemon, server, bot;
        pid_t found[8]; /* processes that became bot */
        int n_found;
        bool gated; /* the gate was touched: take it away */
        nsec_t started;
};

struct demo_step {
        const char *title;
        int (*play)(struct demo *d); /* 0, or negative errno with the reason printed */
};

/* demo.c */
void demo_say(const struct demo *d, const char *format, ...) _printf_(2, 3);
int demo_start_bot(struct demo *d, const char *shape, const char *port);
/* Until the daemon prints a line with these words: " watching ", "mail gate: shut". */
int demo_wait_daemon(struct demo *d, const char *says);
/* Gives the order and prints what the daemon says until it calls a process a bot. */
int demo_order(struct demo *d, const char *text);

/* demo_gate.c */
int demo_write_config(struct demo *d);
int demo_play_mail(struct demo *d);
int demo_play_block(struct demo *d);
void demo_remove_gate(struct demo *d);

#endif
