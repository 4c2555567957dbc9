/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How many subjects of a store are bots, suspects and so on, as `report` and `status` say it. */
#ifndef SEKIMORI_CLI_COUNTING_H
#define SEKIMORI_CLI_COUNTING_H

#include "model/verdict.h"

struct counting {
        unsigned level[LEVELS]; /* relays, others' machines, left out */
        struct verdict machine; /* this machine as a subject, if `has_machine` */
        bool has_machine;
        enum level worst_process;
};

bool counting_is_machine(const struct subject *s);
void counting_add(struct counting *c, const struct verdict *v);
/* This machine is judged through its processes: where one of them is as bad, that is the one to be counted. */
bool counting_has_machine(const struct counting *c);
/* Of that level, for people: the machine as above. */
unsigned counting_of(const struct counting *c, enum level level);

#endif
