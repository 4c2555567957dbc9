/* SPDX-License-Identifier: GPL-3.0-or-later */
/* server_like: what the rule found, as evidence. A pair of taker and executor is claimed once, and again only when it
 * weighs more than before, when there is a new order, or when the work still goes on after an hour; in between, its
 * facts are renewed without weight. */
#include "detect/server_like.h"

#include <stdio.h>
#include <xxhash.h>

#define CHAIN_HEAD 3 /* names shown at either end of a long chain */
#define CHAIN_TAIL 2

static const int32_t grade_weights[] = {
        [SL_GRADE_NONE] = 0,   [SL_GRADE_SERVED] = 300, [SL_GRADE_ASKED] = 400,
        [SL_GRADE_CHAT] = 700, [SL_GRADE_HINT] = 900,   [SL_GRADE_ORDER] = 1200,
};
static const char *const grade_names[] = {"none", "served", "asked", "chat", "hint", "order"};

static bool pair_needed(const void *entry _unused_)
{
        return false;
}

static struct sl_pair *pair_of(struct server_like *s, const struct sl_found *f)
{
        const struct task *a = &f->taker->task, *p = &f->executor->task;
        struct sl_pair_key key = {.taker_start = a->leader_start, .taker_pid = a->pid};

        /* Of another process one pair does for all threads and both granularities. */
        if (task_same_process(a, p)) {
                key.start = p->start;
                key.id = p->tid;
                key.by = SL_BY_THREAD;
        } else {
                key.start = p->leader_start;
                key.id = p->pid;
        }
        return server_like_state_insert(s->pairs, &key, SL_PAIRS, pair_needed);
}

static void note_peer(struct sl_pair *p, const struct flow_event *f, struct sl_flow *flow)
{
        struct {
                struct addr addr;
                uint32_t port, proto;
        } key = {f->remote, f->remote_port, f->proto};
        uint32_t hash = (uint32_t) XXH64(&key, sizeof(key), 0) | 1;

        if (flow && f->bytes_out > flow->bytes_out) {
                p->bytes_out += f->bytes_out - flow->bytes_out;
                flow->bytes_out = f->bytes_out;
        }
        for (int i = 0; i < SL_PEERS; i++)
                if (p->seen[i] == hash)
                        return;
        p->seen[p->next++ % SL_PEERS] = hash;
        if (p->peers++ == 0) {
                p->first_peer = f->remote;
                p->first_port = f->remote_port;
                p->first_proto = f->proto;
        }
}

/* "bot > sh > nc", the middle of a long chain left out. */
static void put_chain(const struct server_like *s, const struct sl_found *f, struct evidence *e)
{
        const struct lineage_node *chain[LINEAGE_DEPTH_MAX], *n = f->executor;
        char text[FACT_TEXT_MAX * 4] = "";
        struct buf b = BUF_FIXED(text);
        int k = 0;

        for (; n && k < LINEAGE_DEPTH_MAX; n = lineage_parent_process(s->lineage, n)) {
                chain[k++] = n;
                if (task_same_process(&n->task, &f->taker->task))
                        break;
        }
        for (int i = k - 1; i >= 0; i--) {
                if (k > CHAIN_HEAD + CHAIN_TAIL + 1 && i == k - 1 - CHAIN_HEAD) {
                        buf_puts(&b, " > …");
                        i = CHAIN_TAIL - 1;
                }
                buf_printf(&b, "%s%.12s", b.len ? " > " : "", lineage_name(s->lineage, &chain[i]->task));
        }
        if (task_same_process(&f->executor->task, &f->taker->task))
                buf_puts(&b, " (threads)");
        (void) evidence_fact_text(e, "chain", text);
}

static void put_process(const struct server_like *s, struct evidence *e, const char *key, const struct lineage_node *n,
                        enum sl_by by)
{
        struct task t = n->task;

        if (by == SL_BY_PROCESS) {
                t.tid = t.pid;
                t.start = t.leader_start;
        }
        (void) evidence_fact_process(e, key, &t, lineage_name(s->lineage, &t));
}

static void build(const struct server_like *s, const struct sl_found *f, const struct sl_pair *p,
                  const struct event *ev, struct evidence *e)
{
        const struct sl_conversation *c = &f->conversation;

        e->first = e->last = ev->time;
        e->count = 1;
        (void) evidence_fact_endpoint(e, "order_giver", &c->remote, c->port, c->proto);
        (void) evidence_fact_time(e, "since", c->since);
        (void) evidence_fact_text(e, "origin", flow_origin_name(c->origin));
        (void) evidence_fact_text(e, "by", f->both ? "both" : f->by == SL_BY_PROCESS ? "process" : "thread");
        (void) evidence_fact_text(e, "grade",
                                  f->grade == SL_GRADE_ORDER && !f->created ? "habit" : grade_names[f->grade]);
        put_process(s, e, "taker", f->taker, f->by);
        if (f->child != f->executor)
                put_process(s, e, "started", f->child, f->by);
        put_process(s, e, "executor", f->executor, f->by);
        put_chain(s, f, e);
        if (f->push) {
                (void) evidence_fact_time(e, "order_time", f->push);
                (void) evidence_fact_span(e, "reaction", f->delay);
        }
        (void) evidence_fact_number(e, "peers", p->peers);
        if (p->first_proto || p->first_port)
                (void) evidence_fact_endpoint(e, "first_peer", &p->first_peer, p->first_port, p->first_proto);
        if (f->refused) /* in its place: there is room for no more with those of a scan */
                (void) evidence_fact_text(e, "refused", "mail gate");
        else
                (void) evidence_fact_number(e, "bytes_out", (int64_t) p->bytes_out);
        evidence_add_ref(e, c->flow_id);
        if (ev->flow.flow_id)
                evidence_add_ref(e, ev->flow.flow_id);
}

static bool taker_needed(const void *entry)
{
        const struct sl_taker *t = entry;

        return t->scanned || t->flooded;
}

static void remember(struct server_like *s, const struct evidence *e, const struct sl_found *f, struct sl_flow *flow)
{
        struct {
                uint64_t start;
                uint32_t pid, zero;
        } key = {f->taker->task.leader_start, f->taker->task.pid, 0};
        struct sl_taker *t = server_like_state_insert(s->takers, &key, SL_TAKERS, taker_needed);

        if (!t)
                return;
        t->story = *e;
        if (flow) {
                flow->taker_start = key.start;
                flow->taker_pid = key.pid;
        }
}

/* The lower grades are so common that all of them on one taker share a small allowance. */
static int32_t allow(struct sl_node *claims, enum sl_grade grade, int32_t weight, nsec_t now)
{
        if (!claims || (grade != SL_GRADE_SERVED && grade != SL_GRADE_ASKED))
                return weight;
        if (!claims->lesser_since || now - claims->lesser_since >= SL_RECLAIM) {
                claims->lesser_since = now;
                claims->lesser = 0;
        }
        weight = MIN(weight, SL_LESSER_CAP - claims->lesser);
        claims->lesser += weight;
        return weight;
}

static int32_t added_order(struct sl_node *claims, const struct sl_found *f, struct sl_pair *p)
{
        int32_t weight = grade_weights[SL_GRADE_ORDER];

        p->ordered = true;
        if (!claims)
                return weight;
        if (claims->claimed_push == f->push)
                weight -= claims->claimed_weight;
        claims->claimed_push = f->push;
        claims->claimed_weight = grade_weights[SL_GRADE_ORDER];
        return weight;
}

/* What this claim adds to those before; negative: nothing to say. */
static int32_t added_weight(struct server_like *s, const struct sl_found *f, struct sl_pair *p, nsec_t now)
{
        struct sl_node *claims = server_like_state_node(s, SL_BY_PROCESS, f->taker);
        bool again = p->claimed && now - p->claimed >= SL_RECLAIM;
        int32_t added;

        if (f->grade == SL_GRADE_ORDER) {
                added = added_order(claims, f, p);
                if (again)
                        added = grade_weights[SL_GRADE_ORDER];
        } else if (p->ordered) {
                return -1; /* the same work, said better before */
        } else {
                added = grade_weights[f->grade] - (again ? 0 : p->weight);
                p->weight = MAX(p->weight, grade_weights[f->grade]);
                if (added > 0)
                        added = allow(claims, f->grade, added, now);
                if (claims && f->push && claims->claimed_push != f->push) {
                        claims->claimed_push = f->push;
                        claims->claimed_weight = 0;
                }
        }
        if (added > 0)
                p->claimed = now;
        else if (p->shown && p->peers < 2 * p->peers_shown && now - p->shown < SL_REFRESH)
                return -1;
        return MAX(added, 0);
}

void server_like_claim(struct server_like *s, const struct sl_found *f, const struct event *ev,
                       struct evidence_sink *out)
{
        struct sl_flow *flow = table_peek(s->flows, &ev->flow.flow_id);
        struct sl_pair *p = pair_of(s, f);
        struct evidence e = {0};
        int32_t weight;

        if (!p)
                return;
        note_peer(p, &ev->flow, flow);
        weight = added_weight(s, f, p, ev->time);
        if (weight < 0 && flow && flow->taker_pid)
                return;
        e.kind = &server_like_kinds[f->grade == SL_GRADE_ORDER ? SL_KIND_ORDER : SL_KIND_CONVERSATION];
        e.weight = MAX(weight, 0);
        detector_process_subject(s->lineage, s->boot_id, &f->taker->task, &e.subject);
        build(s, f, p, ev, &e);
        remember(s, &e, f, flow);
        if (weight < 0)
                return;
        p->shown = ev->time;
        p->peers_shown = p->peers;
        out->emit(out->userdata, &e);
}

void server_like_claim_plain(struct server_like *s, const struct sl_found *f, const struct event *ev,
                             struct evidence_sink *out)
{
        struct sl_flow *flow = table_peek(s->flows, &ev->flow.flow_id);
        struct sl_pair *p = pair_of(s, f);
        struct evidence e = {.kind = &server_like_kinds[SL_KIND_PLAIN]};

        if (!p)
                return;
        note_peer(p, &ev->flow, flow);
        if (p->claimed && ev->time - p->claimed < SL_REFRESH)
                return;
        e.weight = p->claimed && ev->time - p->claimed < SL_RECLAIM ? 0 : e.kind->weight;
        p->claimed = ev->time;
        detector_process_subject(s->lineage, s->boot_id, &f->executor->task, &e.subject);
        build(s, f, p, ev, &e);
        out->emit(out->userdata, &e);
}
