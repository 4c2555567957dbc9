/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `block`, `unblock` and `gate` share: they change the machine, as root, and put down what they did, who asked,
 * and how to undo it. */
#ifndef SEKIMORI_CLI_ACTING_H
#define SEKIMORI_CLI_ACTING_H

#include "cli/cli.h"

/* Only root can: says so. 0, or negative with cli->status set. */
int acting_need_root(struct cli *cli);
/* Who asked: the login name behind sudo, else the user's. */
const char *acting_by(char text[static 32]);
/* Keeps the action in the store. What cannot be stored is said; what was done stays done. */
void acting_record(struct cli *cli, enum action_kind kind, const struct subject *subject, const char *undo,
                   const char *format, ...) _printf_(5, 6);
/* The subject of a process that runs: name and program from /proc. */
void acting_subject(pid_t pid, uint64_t start, struct subject *ret);

#endif
