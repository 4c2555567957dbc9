/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See counting.h. Runs in the command line. */
#include "cli/counting.h"

#include "base/cleanup.h"

bool counting_is_machine(const struct subject *s)
{
        return s->kind == SUBJECT_HOST && addr_is_unspecified(&s->addr);
}

void counting_add(struct counting *c, const struct verdict *v)
{
        if (v->subject.kind == SUBJECT_RELAY)
                return;
        if (v->level < LEVELS)
                c->level[v->level]++;
        if (counting_is_machine(&v->subject)) {
                c->machine = *v;
                c->has_machine = true;
        } else if (v->subject.kind == SUBJECT_PROCESS)
                c->worst_process = MAX(c->worst_process, v->level);
}

bool counting_has_machine(const struct counting *c)
{
        return c->has_machine && c->machine.level > c->worst_process;
}

unsigned counting_of(const struct counting *c, enum level level)
{
        return c->level[level] - (c->has_machine && c->machine.level == level && !counting_has_machine(c));
}
