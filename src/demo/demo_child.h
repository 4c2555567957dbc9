/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Programs that the demo starts: in a namespace, with their output read line by line, and gone when the demo is. */
#ifndef SEKIMORI_DEMO_DEMO_CHILD_H
#define SEKIMORI_DEMO_DEMO_CHILD_H

#include <stddef.h>
#include <sys/types.h>

#include "base/clock.h"

struct demo_child {
        pid_t pid;   /* 0: not running */
        int in, out; /* its standard input and output; -1 */
        char rest[8192];
        size_t n_rest;
};

#define DEMO_CHILD ((struct demo_child){.in = -1, .out = -1})

/* Starts argv in the network namespace of process `ns` (0: the demo's own). 0 or negative errno. */
int demo_child_start(struct demo_child *c, pid_t ns, const char *const *argv);
/* Runs it to its end. Its exit status, or negative errno. */
int demo_child_run(pid_t ns, const char *const *argv);
/* The next whole line (without \n, valid until the next call), or NULL when none came before `until` (boot time). */
const char *demo_child_line(struct demo_child *c, nsec_t until);
int demo_child_say(struct demo_child *c, const char *line);
/* SIGTERM, then SIGKILL after two seconds. */
void demo_child_stop(struct demo_child *c);

#endif
