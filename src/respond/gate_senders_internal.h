/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of gate_senders_*.c share. Not for others. */
#ifndef SEKIMORI_RESPOND_GATE_SENDERS_INTERNAL_H
#define SEKIMORI_RESPOND_GATE_SENDERS_INTERNAL_H

#include "respond/gate_senders.h"

/* Checks and copies a declaration that has its number. 0, -ENOMEM, or -EINVAL, -EEXIST, -ENOSPC with a reason. */
int gate_senders_append(struct gate_senders *s, const struct gate_sender *asked, char reason[static 128]);

#endif
