/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a systemd unit's processes are: its control group as a path from the root, by which the kernel half knows a
 * declared sender. Used by `gate allow` and the keeper. */
#ifndef SEKIMORI_RESPOND_GATE_UNIT_H
#define SEKIMORI_RESPOND_GATE_UNIT_H

#include <stdint.h>

#include "respond/gate_map.h"

#define GATE_UNIT_NAME_MAX 256 /* as systemd: UNIT_NAME_MAX */
#define GATE_UNIT_PATH_MAX 1024

struct gate_unit {
        char name[GATE_UNIT_NAME_MAX]; /* "postfix@-.service" */
        char path[GATE_UNIT_PATH_MAX]; /* "/system.slice/system-postfix.slice/postfix@-.service" */
};

/* By systemd's rules for a system unit without Slice= of its own. `name` without suffix means a service. 0, or -EINVAL
 * with a reason, to be put behind the name. */
int gate_unit_by_rule(const char *name, struct gate_unit *ret, char reason[static 128]);
/* Asks systemd, which also knows other names and other slices; waits a second at most. Where it cannot be asked, by the
 * rules. 0; 1: by rule only; -EINVAL with a reason; -ENOENT: systemd knows no such unit. */
int gate_unit_find(const char *name, struct gate_unit *ret, char reason[static 128]);
/* May what runs in that control group be declared a sender? 0, or -EINVAL with a reason: too wide, a person's, too
 * deep. */
int gate_unit_check_path(const char *path, char reason[static 128]);
/* The unit in whose control group a path lies: "postfix@-.service"; "" none. Only services of the system's. */
void gate_unit_of_path(const char *path, char ret[static GATE_UNIT_NAME_MAX]);

#endif
