/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Flows as events: once for each home host that takes part, seen from its side. Part of the tracker. */
#include <netinet/in.h>

#include "flow/tracker_internal.h"

static uint16_t event_flags(const struct flow *f)
{
        uint16_t flags = 0;

        if (f->marks & FLOW_MARK_MIDSTREAM)
                flags |= FLOW_MIDSTREAM;
        if (f->marks & FLOW_MARK_TEXT)
                flags |= FLOW_TEXT;
        if (f->marks & FLOW_MARK_RANDOM)
                flags |= FLOW_RANDOM;
        if (f->home == HOME_BOTH)
                flags |= FLOW_BOTH_HOME;
        /* One direction with an answer in it (an ACK, data after a SYN) says that the other was not captured. */
        if (!f->pkts[ORIGINATOR])
                flags |= FLOW_ONE_SIDED; /* an answer; the question was not captured */
        else if (f->proto == IPPROTO_TCP && !f->pkts[RESPONDER] &&
                 (f->tcp_seen[ORIGINATOR] | f->tcp_seen[RESPONDER]) & TCP_SEEN_ACK && f->bytes[0] + f->bytes[1])
                flags |= FLOW_ONE_SIDED;
        return flags;
}

static void tell_side(struct tracker *t, const struct flow *f, enum flow_op op, unsigned local)
{
        unsigned remote = !local;
        struct event e = {.time = t->now, .type = EVENT_FLOW, .op = op, .source = t->params.source};
        struct flow_event *w = &e.flow;
        nsec_t quiet = (t->now - f->last) / NSEC_PER_MSEC;

        if (op == FLOW_END)
                e.quiet = (uint32_t) MIN(quiet, (nsec_t) UINT32_MAX);

        w->flow_id = f->id;
        w->local = f->addr[local];
        w->remote = f->addr[remote];
        w->local_port = f->port[local];
        w->remote_port = f->port[remote];
        if (f->proto == IPPROTO_ICMP || f->proto == IPPROTO_ICMPV6) {
                w->local_port = (uint16_t) f->next_seq[ORIGINATOR];
                w->remote_port = 0;
        }
        w->bytes_out = f->bytes[local];
        w->bytes_in = f->bytes[remote];
        w->pkts_out = f->pkts[local];
        w->pkts_in = f->pkts[remote];
        w->proto = f->proto;
        w->origin = local == ORIGINATOR ? FLOW_ORIGINATED : FLOW_ACCEPTED;
        w->state = f->state;
        w->app = f->app;
        w->flags = event_flags(f);
        w->tcp = (uint16_t) (f->tcp_seen[local] | f->tcp_seen[remote] << 8);
        w->since = f->first;
        t->params.event(t->params.userdata, &e);
}

void tracker_tell_flow(struct tracker *t, struct flow *f, enum flow_op op)
{
        f->told = (uint32_t) (t->now / NSEC_PER_SEC);
        f->told_bytes = f->bytes[0] + f->bytes[1];
        if (!t->params.event)
                return;
        if (f->home & HOME_SRC)
                tell_side(t, f, op, ORIGINATOR);
        if (f->home & HOME_DST)
                tell_side(t, f, op, RESPONDER);
}

void tracker_emit(struct app_context *c, struct event *e, bool by_originator)
{
        struct tracker *t = c->userdata;
        const struct flow *f = t->flow;

        if (e->type == EVENT_HTTP && e->op == HTTP_REQUEST && t->flow->second_requests < UINT16_MAX)
                t->flow->second_requests++;
        if (!t->params.event)
                return;
        e->time = t->now;
        e->source = t->params.source;
        for (unsigned local = ORIGINATOR; local <= RESPONDER; local++) {
                struct ends *n = &e->ends;

                if (!(f->home & (local == ORIGINATOR ? HOME_SRC : HOME_DST)))
                        continue;
                n->flow_id = f->id;
                n->local = f->addr[local];
                n->remote = f->addr[!local];
                n->local_port = f->port[local];
                n->remote_port = f->port[!local];
                n->proto = f->proto;
                n->origin = local == ORIGINATOR ? FLOW_ORIGINATED : FLOW_ACCEPTED;
                n->from_local = by_originator == (local == ORIGINATOR);
                if (f->home == HOME_BOTH)
                        n->flags |= ENDS_BOTH_HOME;
                t->params.event(t->params.userdata, e);
        }
}
