/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the mail gate decides, as a source of the engine: the warden opens the ring of the pinned gate, the engine maps
 * and reads it. The engine gets nothing else of the gate. It is no row of sources.def, since it watches beside the host
 * sensor and not in its place. */
#ifndef SEKIMORI_RESPOND_GATE_SOURCE_H
#define SEKIMORI_RESPOND_GATE_SOURCE_H

#include "source/source.h"

extern const struct source source_gate;

/* Warden: the gate behind what open() gave, for the keeper. It stays the source's. */
struct gate;
struct gate *gate_source_gate(void *self);

/* A record of the kernel half as an event, whose slices point into the record. `now` is boot time, `offset` what makes
 * engine time of it. 0; -EBADMSG: it is none of ours. `*ret_lost`: how many found no room in the ring so far. */
int gate_source_parse(const void *record, size_t len, nsec_t now, nsec_t offset, struct event *ret, uint32_t *ret_lost);

#endif
