/* SPDX-License-Identifier: GPL-3.0-or-later */
/* server_like: what the executors of one taker do together: scan or flood. Counted per taker, since one order is often
 * carried out by many children with one target each. */
#include "detect/server_like.h"

#include <netinet/in.h>
#include <xxhash.h>

#define SL_ANSWERED_PART 5    /* a scan: fewer than one in five answers */
#define SL_SCAN_MIXED    1000 /* hundredths: when some do */

static struct sl_taker *taker_of(struct server_like *s, const struct sl_flow *flow)
{
        struct {
                uint64_t start;
                uint32_t pid, zero;
        } key = {flow->taker_start, flow->taker_pid, 0};

        return flow->taker_pid ? table_peek(s->takers, &key) : NULL;
}

static uint64_t hash_target(const struct flow_event *f)
{
        struct {
                struct addr addr;
                uint32_t port, proto;
        } key = {f->remote, f->proto == IPPROTO_ICMP || f->proto == IPPROTO_ICMPV6 ? 0u : f->remote_port, f->proto};

        return XXH64(&key, sizeof(key), 0);
}

static bool is_answered(const struct flow_event *f)
{
        return f->state == FLOW_STATE_ESTABLISHED || f->bytes_in ||
               (f->pkts_in && f->state != FLOW_STATE_FAILED && f->proto != IPPROTO_TCP);
}

static void note_target(struct sl_taker *t, const struct event *e)
{
        uint64_t hash = hash_target(&e->flow);
        struct sl_target *target = NULL;

        for (int i = 0; i < SL_TARGETS; i++)
                if (t->targets[i].hash == hash && e->time - t->targets[i].time < SL_SCAN_SPAN)
                        target = &t->targets[i];
        if (!target) {
                if (e->op == FLOW_END && e->flow.state != FLOW_STATE_FAILED)
                        return;
                target = &t->targets[t->next++ % SL_TARGETS];
                *target = (struct sl_target){.hash = hash, .time = e->time, .state = SL_TARGET_WAITING};
                t->tried = e->time;
        }
        if (is_answered(&e->flow))
                target->state = SL_TARGET_ANSWERED;
        else if (e->flow.state == FLOW_STATE_FAILED && target->state == SL_TARGET_WAITING)
                target->state = SL_TARGET_FAILED;
}

static void emit_work(struct sl_taker *t, enum sl_kind kind, int32_t weight, nsec_t now, struct evidence *e,
                      struct evidence_sink *out)
{
        e->kind = &server_like_kinds[kind];
        e->weight = weight;
        e->first = e->last = now;
        e->count = 1;
        e->subject = t->story.subject;
        out->emit(out->userdata, e);
}

static bool is_unanswered(const struct sl_target *t, nsec_t now, bool alive)
{
        return t->state == SL_TARGET_FAILED ||
               (t->state == SL_TARGET_WAITING && alive && now - t->time >= SL_SCAN_WAIT);
}

static void look_for_scan(const struct server_like *s, struct sl_taker *t, nsec_t now, struct evidence_sink *out)
{
        bool alive = s->heard && now - s->heard < SL_ALIVE;
        unsigned answered = 0, unanswered = 0;
        struct evidence e;

        if (t->scanned && now - t->scanned < SL_REFRESH)
                return;
        for (int i = 0; i < SL_TARGETS; i++) {
                const struct sl_target *target = &t->targets[i];

                if (target->state == SL_TARGET_NONE || now - target->time >= SL_SCAN_SPAN)
                        continue;
                answered += target->state == SL_TARGET_ANSWERED;
                unanswered += is_unanswered(target, now, alive);
        }
        if (unanswered < SL_SCAN_TARGETS || answered * SL_ANSWERED_PART >= answered + unanswered)
                return;
        t->scanned = now;
        e = t->story;
        (void) evidence_fact_number(&e, "answered", answered);
        (void) evidence_fact_number(&e, "unanswered", unanswered);
        emit_work(t, SL_KIND_SCAN, answered ? SL_SCAN_MIXED : server_like_kinds[SL_KIND_SCAN].weight, now, &e, out);
}

static void emit_flood(struct sl_taker *t, const struct event *ev, uint32_t packets, nsec_t span,
                       struct evidence_sink *out)
{
        struct evidence e = t->story;

        if (t->flooded && ev->time - t->flooded < SL_REFRESH)
                return;
        t->flooded = ev->time;
        if (!(ev->flow.flags & FLOW_NO_PEER))
                (void) evidence_fact_endpoint(&e, "first_peer", &ev->flow.remote, ev->flow.remote_port, ev->flow.proto);
        (void) evidence_fact_number(&e, "packets", packets);
        (void) evidence_fact_span(&e, "packets_within", MAX(span, NSEC_PER_MSEC));
        evidence_add_ref(&e, ev->flow.flow_id);
        emit_work(t, SL_KIND_FLOOD, server_like_kinds[SL_KIND_FLOOD].weight, ev->time, &e, out);
}

/* One flow alone: since its beginning, or since it was counted last. */
static bool floods_alone(const struct event *e, const struct sl_flow *flow, uint32_t added, nsec_t *ret_span)
{
        const struct flow_event *f = &e->flow;
        nsec_t all = e->time - server_like_state_since(f, e->time), part = e->time - flow->counted;

        if (f->flags & FLOW_SAMPLED && f->pkts_out >= SL_FLOOD_PACKETS && f->pkts_in < f->pkts_out / 10) {
                *ret_span = all;
                return true;
        }
        if (f->pkts_in || f->bytes_in)
                return false;
        if (f->pkts_out >= SL_FLOOD_PACKETS && all <= f->pkts_out / SL_FLOOD_PACKETS * NSEC_PER_SEC) {
                *ret_span = all;
                return true;
        }
        *ret_span = part;
        return flow->counted && added >= SL_FLOOD_PACKETS && part <= added / SL_FLOOD_PACKETS * NSEC_PER_SEC;
}

/* Many small flows to one address. The slot of the address counted least gives way. */
static struct sl_victim *victim_of(struct sl_taker *t, const struct event *e)
{
        struct sl_victim *v = &t->victims[0];

        for (int i = 0; i < SL_VICTIMS; i++) {
                if (addr_equal(&t->victims[i].addr, &e->flow.remote)) {
                        v = &t->victims[i];
                        break;
                }
                if (t->victims[i].packets < v->packets || e->time - t->victims[i].since > 2 * NSEC_PER_SEC)
                        v = &t->victims[i];
        }
        if (!addr_equal(&v->addr, &e->flow.remote) || e->time - v->since > NSEC_PER_SEC)
                *v = (struct sl_victim){.addr = e->flow.remote, .since = e->time};
        return v;
}

static void look_for_flood(struct sl_taker *t, const struct event *e, struct sl_flow *flow, struct evidence_sink *out)
{
        uint32_t added = e->flow.pkts_out > flow->pkts_out ? e->flow.pkts_out - flow->pkts_out : 0;
        nsec_t span = 0;

        if (e->flow.state != FLOW_STATE_ESTABLISHED && floods_alone(e, flow, added, &span))
                emit_flood(t, e, e->flow.pkts_out, span, out);
        if (!(e->flow.flags & FLOW_NO_PEER)) {
                struct sl_victim *v = victim_of(t, e);

                v->answered |= is_answered(&e->flow);
                v->packets += e->op == FLOW_START ? MAX(added, 1u) : added;
                if (v->packets >= SL_FLOOD_PACKETS && !v->answered)
                        emit_flood(t, e, v->packets, e->time - v->since, out);
        }
        flow->pkts_out = e->flow.pkts_out;
        flow->counted = e->time;
}

void server_like_work_event(struct server_like *s, const struct event *e, struct sl_flow *flow,
                            struct evidence_sink *out)
{
        struct sl_taker *t = taker_of(s, flow);

        if (!t)
                return;
        if (!(e->flow.flags & FLOW_NO_PEER)) {
                note_target(t, e);
                look_for_scan(s, t, e->time, out);
        }
        look_for_flood(t, e, flow, out);
}

void server_like_work_tick(struct server_like *s, nsec_t now, struct evidence_sink *out)
{
        for (struct sl_taker *t = table_oldest(s->takers); t; t = table_younger(s->takers, t))
                if (t->tried && now - t->tried < SL_SCAN_SPAN)
                        look_for_scan(s, t, now, out);
}
