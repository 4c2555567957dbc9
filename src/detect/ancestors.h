/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may stand behind what a process does: those above it that talk to the outside themselves, up to where a person
 * logged in. The premise of server_like, for detectors whose evidence should meet it on the same subject. Pure. */
#ifndef SEKIMORI_DETECT_ANCESTORS_H
#define SEKIMORI_DETECT_ANCESTORS_H

#include "flow/lineage.h"

#define ANCESTORS_MAX 8

struct ancestors {
        const struct lineage_node *creator; /* the process that created it; NULL: none, the first, or across a login */
        const struct lineage_node *talking[ANCESTORS_MAX]; /* nearest first; may include the creator */
        unsigned n_talking;
};

/* Valid until the next event. */
void ancestors_find(const struct lineage *l, const struct task *t, struct ancestors *ret);
/* "systemd > … > bash > bot": who started whom, the process itself last, with as many names as fit. "" when it is not
 * known. */
const char *ancestors_chain(const struct lineage *l, const struct task *t, char *text, size_t size);

#endif
