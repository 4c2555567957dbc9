/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first minute: a harmless bot caught in the act, in network namespaces of its own, by the real daemon. Root. */
#ifndef SEKIMORI_DEMO_DEMO_H
#define SEKIMORI_DEMO_DEMO_H

#include <stdbool.h>

struct demo_params {
        const char *program; /* path of sekimori itself */
        const char *sim;     /* path of the simulated bot; NULL: looked for beside the program */
        bool colour;
};

/* Plays every step. 0: the bot was found; 1: it was not; 3: the demo could not be built here (the reason is printed).
 */
int demo_run(const struct demo_params *params);

#endif
