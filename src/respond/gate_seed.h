/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Programs and declared senders into the gate's maps, and a check that nothing else is in there. Used by the keeper and
 * by `gate shut`. All return 0 or negative errno. */
#ifndef SEKIMORI_RESPOND_GATE_SEED_H
#define SEKIMORI_RESPOND_GATE_SEED_H

#include "respond/gate_load.h"
#include "respond/gate_senders.h"

/* Everything; what is in the maps and not in these goes out. */
int gate_seed(const struct gate *g, const struct gate_programs *p, const struct gate_senders *s);
int gate_seed_units(const struct gate *g, const struct gate_senders *s);
/* `program` NULL: takes it out. */
int gate_seed_program(const struct gate *g, const struct gate_program_key *key, const struct gate_program *program);
/* Changes nothing. -EBADMSG when the maps hold anything else. */
int gate_seed_check(const struct gate *g, const struct gate_programs *p, const struct gate_senders *s);

#endif
