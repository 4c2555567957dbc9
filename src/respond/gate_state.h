/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The directory of what lasts over boots (gate.state): whether the gate is shut, until when it was opened, and files
 * that are replaced whole or not at all. An order is written here before it is carried out: what the kernel half says
 * otherwise is none. Used by the keeper, by the warden at the start, and by `gate`. */
#ifndef SEKIMORI_RESPOND_GATE_STATE_H
#define SEKIMORI_RESPOND_GATE_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "config/config.h"

#define GATE_STATE_WHO_MAX    64
#define GATE_STATE_REASON_MAX 256
#define GATE_STATE_OPEN_MOST  (86400 * NSEC_PER_SEC) /* it cannot be opened for longer */

/* The directory as a descriptor. With `create` it is made (0755; its parent must be there). -EPERM: others may write
 * it, or it is another user's. */
int gate_state_open(const char *path, bool create, int *ret_fd);

/* A whole file. -ENOENT; -EPERM: others may write it, or it is no file; -EFBIG: longer than max. NUL-terminated. */
int gate_state_read(int dir, const char *name, size_t max, char **ret, size_t *ret_len);
/* Replaces it, so that after a crash either the old or the new one is there whole. */
int gate_state_write(int dir, const char *name, const char *data, size_t len);

/* Whether the gate is shut. A marker that cannot be understood stands for shut: nothing opens it by damage. */
struct gate_state_shut {
        bool shut;
        nsec_t since; /* wall clock */
        char who[GATE_STATE_WHO_MAX], reason[GATE_STATE_REASON_MAX];
};

/* By the configuration's directory, which need not be there. 1: shut; 0: not; negative errno: it cannot be known. */
int gate_state_is_shut(const struct config *c, struct gate_state_shut *ret);
int gate_state_get(int dir, struct gate_state_shut *ret);
int gate_state_shut(int dir, const char *who, const char *reason, nsec_t now);
/* The gate is not shut at the next start. 0 also when it was not. */
int gate_state_clear(int dir);

/* Opened by order until then (boot time). A restart of the machine ends it: what was shut is shut again. */
int gate_state_open_until(int dir, const char *who, nsec_t until);
/* 0: nobody ordered it, its time is over, the machine was started anew since, or it cannot be understood: the gate is
 * opened by no damage. */
nsec_t gate_state_get_open(int dir);
int gate_state_clear_open(int dir);
/* The same by the configuration's directory. */
nsec_t gate_state_opened(const struct config *c);

/* Another number after each order (shut, open, remove), whatever it was. 0: none was ever given. */
uint64_t gate_state_orders(const struct config *c);

#endif
