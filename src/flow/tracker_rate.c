/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What home hosts sent within a second. A packet costs nothing here: a flow that is active in a second stands in a
 * list, and its counters' growth is summed up when the second is over. Part of the tracker. */
#include <netinet/in.h>

#include "flow/tracker_internal.h"

void tracker_rate_touch(struct tracker *t, struct flow *f)
{
        if (t->n_touched == t->touched_room) {
                uint32_t room = t->touched_room ? 2 * t->touched_room : 256;
                struct flow **touched = realloc(t->touched, room * sizeof(*touched)); /* at most one per flow */

                if (!touched)
                        return;
                t->touched = touched;
                t->touched_room = room;
        }
        f->marks |= FLOW_MARK_TOUCHED;
        f->touched = t->n_touched;
        t->touched[t->n_touched++] = f;
        f->second_pkts[0] = f->pkts[0];
        f->second_pkts[1] = f->pkts[1];
        f->second_bytes[0] = f->bytes[0];
        f->second_bytes[1] = f->bytes[1];
        f->second_syns = f->second_requests = 0;
        f->second_seen[0] = f->second_seen[1] = 0;
}

static void add_side(struct tracker *t, const struct flow *f, unsigned local)
{
        unsigned remote = !local;
        uint32_t out = f->pkts[local] - f->second_pkts[local], in = f->pkts[remote] - f->second_pkts[remote];
        struct addr key[2] = {f->addr[local], f->addr[remote]};
        struct rate_event *r;
        struct pair *pair;
        bool created;

        if (!out)
                return;
        pair = table_insert(t->pairs, key, &created);
        if (!pair)
                return;
        r = &pair->sum;
        r->bytes_out += f->bytes[local] - f->second_bytes[local];
        r->bytes_in += f->bytes[remote] - f->second_bytes[remote];
        r->pkts_out += out;
        r->pkts_in += in;
        r->target_pkts = r->pkts_out;
        r->target_port = f->port[remote];
        r->target_proto = f->proto;
        if (f->proto == IPPROTO_UDP)
                r->udp_out += out;
        else if (f->proto == IPPROTO_ICMP || f->proto == IPPROTO_ICMPV6)
                r->icmp_out += out;
        else if (f->proto == IPPROTO_TCP && local == ORIGINATOR) {
                r->syn_out += f->second_syns;
                r->synack_in += (f->second_seen[RESPONDER] & TCP_SEEN_SYN) != 0;
                r->http_out += f->second_requests;
        }
        r->rst_in += (f->second_seen[remote] & TCP_SEEN_RST) != 0;
}

static void tell_pair(struct tracker *t, const struct pair *p)
{
        struct event e = {.time = t->now, .type = EVENT_RATE, .op = RATE_SECOND, .source = t->params.source};

        if (!t->params.event)
                return;
        e.rate = p->sum;
        e.rate.local = p->local;
        e.rate.target = p->remote;
        e.rate.peers_out = 1;
        t->params.event(t->params.userdata, &e);
}

bool tracker_rate_full(void *userdata, void *entry)
{
        tell_pair(userdata, entry);
        return true;
}

static void add_flow(struct tracker *t, const struct flow *f)
{
        if (f->proto == PROTO_ARP)
                return;
        if (f->home & HOME_SRC)
                add_side(t, f, ORIGINATOR);
        if (f->home & HOME_DST)
                add_side(t, f, RESPONDER);
}

void tracker_rate_gone(struct tracker *t, struct flow *f)
{
        add_flow(t, f);
        t->touched[f->touched] = t->touched[--t->n_touched];
        t->touched[f->touched]->touched = f->touched;
}

void tracker_rate_tick(struct tracker *t)
{
        for (uint32_t i = 0; i < t->n_touched; i++) {
                t->touched[i]->marks &= ~(uint32_t) FLOW_MARK_TOUCHED;
                add_flow(t, t->touched[i]);
        }
        t->n_touched = 0;
        for (const struct pair *p = table_oldest(t->pairs); p; p = table_younger(t->pairs, p))
                tell_pair(t, p);
        table_clear(t->pairs);
}
