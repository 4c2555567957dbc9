/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Alerts as the detectors and EVE want them. Runs in the engine and in `read`. */
#include "rules/alert.h"

#include <netinet/in.h>
#include <string.h>

static void set_ends(const struct inspect_input *in, enum home_side side, struct ends *n)
{
        bool to_server = in->flags & INSPECT_TO_SERVER, from_local = side != HOME_DST;

        n->local = from_local ? *in->src : *in->dst;
        n->remote = from_local ? *in->dst : *in->src;
        n->local_port = from_local ? in->sport : in->dport;
        n->remote_port = from_local ? in->dport : in->sport;
        n->proto = in->proto;
        n->origin = to_server == from_local ? FLOW_ORIGINATED : FLOW_ACCEPTED;
        n->from_local = from_local;
        n->flags = side == HOME_BOTH ? ENDS_BOTH_HOME : side == HOME_NONE ? ENDS_NO_HOME : 0;
        if (in->proto != IPPROTO_ICMP && in->proto != IPPROTO_ICMPV6)
                return;
        n->local_port = in->packet ? in->packet->sport : 0; /* type and code, as in flow events */
        n->remote_port = 0;
}

/* The rule's source and destination are those of the header, which `<>` may have turned; as Suricata, `target` is taken
 * as of the packet at hand. */
static uint8_t target_of(const struct rule *r)
{
        return r->flags & (RULE_TARGET_SRC | RULE_VICTIM_SENDER) ? ALERT_TARGET_SENDER :
               r->flags & RULE_TARGET_DST                        ? ALERT_TARGET_RECEIVER :
                                                                   ALERT_TARGET_NONE;
}

void alert_from_match(const struct rule *r, const struct inspect_input *in, enum home_side side, struct event *ret)
{
        struct event e = {.time = in->time, .type = EVENT_ALERT, .op = ALERT_MATCHED};
        struct alert_event *a = &e.alert;

        set_ends(in, side, &a->ends);
        a->msg = (struct slice){r->msg, (uint32_t) strlen(r->msg)};
        a->category = r->class_title;
        a->rule = r;
        a->sid = r->sid;
        a->gid = r->gid;
        a->rev = r->rev;
        a->count = 1;
        a->weight = r->weight;
        a->stage = r->stage;
        a->severity = (uint8_t) (r->priority < UINT8_MAX ? r->priority : UINT8_MAX);
        a->app = in->app;
        a->target = target_of(r);
        *ret = e;
}
