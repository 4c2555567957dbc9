/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A match as an event: what the rule says of it, and of whose traffic it was. Pure. Runs in the engine and in `read`.
 */
#ifndef SEKIMORI_RULES_ALERT_H
#define SEKIMORI_RULES_ALERT_H

#include "config/home.h"
#include "rules/inspect.h"

/* `side`: which of in->src and in->dst, who sent the bytes and who got them, are home hosts. All but the source and the
 * flow's number is filled; the packet's number is whoever counts packets to add (flow/pipeline.h). Points into the
 * rule. */
void alert_from_match(const struct rule *r, const struct inspect_input *in, enum home_side side, struct event *ret);

#endif
