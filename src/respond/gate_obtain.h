/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gate that the daemon works with: the pinned one when the gate is shut or something is blocked, else one of its
 * own that only learns and ends with it. Runs in the warden. */
#ifndef SEKIMORI_RESPOND_GATE_OBTAIN_H
#define SEKIMORI_RESPOND_GATE_OBTAIN_H

#include "respond/gate_load.h"

/* 0 or negative errno, as gate_pin() and gate_load(); `note` gets a sentence on what is in force. When the gate must be
 * shut and cannot be pinned, one that ends with this process is shut instead, and `note` says so. */
int gate_obtain(const struct config *c, struct gate **ret, struct buf *note);
/* At the daemon's end: a gate that only learned decides nothing any more. What is shut stays shut. */
void gate_release(const struct config *c, struct gate *g);

#endif
