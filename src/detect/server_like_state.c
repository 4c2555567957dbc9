/* SPDX-License-Identifier: GPL-3.0-or-later */
/* server_like: who talks to whom. Per process and per thread the few conversations that matter, the newest orders, and
 * which children were created right after one. Work per event is bounded: no loop is longer than a constant. */
#include "detect/server_like.h"

#include <errno.h>

#define ASKED_FOR_ROOM 64 /* entries looked at for one that is not needed */

int server_like_state_new(struct server_like *s)
{
        static const struct table_params flows = {"server_like flows", SL_FLOWS, 8, sizeof(struct sl_flow), NULL, NULL};
        static const struct table_params nodes = {"server_like nodes",    SL_NODES, sizeof(struct sl_key),
                                                  sizeof(struct sl_node), NULL,     NULL};
        static const struct table_params stamps = {"server_like stamps",    SL_STAMPS, sizeof(struct sl_key),
                                                   sizeof(struct sl_stamp), NULL,      NULL};
        static const struct table_params pairs = {"server_like pairs",    SL_PAIRS, sizeof(struct sl_pair_key),
                                                  sizeof(struct sl_pair), NULL,     NULL};
        static const struct table_params takers = {"server_like takers",    SL_TAKERS, 16,
                                                   sizeof(struct sl_taker), NULL,      NULL};
        int r;

        if ((r = table_new(&flows, &s->flows)) < 0 || (r = table_new(&nodes, &s->nodes)) < 0 ||
            (r = table_new(&stamps, &s->stamps)) < 0 || (r = table_new(&pairs, &s->pairs)) < 0)
                return r;
        return table_new(&takers, &s->takers);
}

void server_like_state_done(struct server_like *s)
{
        table_free(s->flows);
        table_free(s->nodes);
        table_free(s->stamps);
        table_free(s->pairs);
        table_free(s->takers);
}

/* Second chance: whoever is still needed goes to the young end, so that the ones that are not come up in turn. */
void *server_like_state_insert(struct table *t, const void *key, uint32_t cap, bool (*needed)(const void *entry))
{
        bool created;

        if (table_count(t) >= cap && !table_peek(t, key)) {
                void *e = table_oldest(t);

                for (int i = 0; i < ASKED_FOR_ROOM && e && needed(e); i++) {
                        void *next = table_younger(t, e);

                        table_find(t, e); /* an entry begins with its key */
                        e = next;
                }
                if (e && !needed(e))
                        table_remove(t, e);
        }
        return table_insert(t, key, &created);
}

const struct lineage_node *server_like_state_actor(const struct server_like *s, const struct task *t)
{
        const struct lineage_node *n = lineage_find(s->lineage, t), *up;

        if (!n)
                return lineage_process(s->lineage, t);
        for (int i = 0; i < 4 && n->flags & (PROCESS_IO_WORKER | PROCESS_SQPOLL); i++) {
                up = lineage_creator(s->lineage, n);
                if (!up)
                        break;
                n = up;
        }
        return n;
}

struct sl_key server_like_state_key(enum sl_by by, const struct lineage_node *n)
{
        if (by == SL_BY_PROCESS)
                return (struct sl_key){.start = n->task.leader_start, .id = n->task.pid, .by = by};
        return (struct sl_key){.start = n->task.start, .id = n->task.tid, .by = by};
}

struct sl_node *server_like_state_node(const struct server_like *s, enum sl_by by, const struct lineage_node *n)
{
        struct sl_key key = server_like_state_key(by, n);

        return table_peek(s->nodes, &key);
}

static bool node_needed(const void *entry)
{
        const struct sl_node *n = entry;

        for (int i = 0; i < SL_CONVERSATIONS; i++)
                if (n->conversations[i].flow_id && !n->conversations[i].ended)
                        return true;
        return false;
}

static bool flow_needed(const void *entry)
{
        return ((const struct sl_flow *) entry)->taker_pid != 0;
}

/* Which of two conversations to give up: orders weigh most, then being open, then age. */
static bool matters_less(const struct sl_conversation *a, const struct sl_conversation *b)
{
        if (!a->flow_id != !b->flow_id)
                return !a->flow_id;
        if (!a->pushes != !b->pushes)
                return !a->pushes;
        if (!a->ended != !b->ended)
                return a->ended != 0;
        if (a->pushes)
                return a->pushed < b->pushed;
        if (a->heard != b->heard)
                return !a->heard;
        return a->since > b->since;
}

nsec_t server_like_state_since(const struct flow_event *f, nsec_t now)
{
        return f->since > 0 && f->since < now ? f->since : now;
}

static struct sl_conversation *conversation_of(struct sl_node *node, const struct flow_event *f, nsec_t now)
{
        struct sl_conversation *victim = &node->conversations[0];

        for (int i = 0; i < SL_CONVERSATIONS; i++) {
                struct sl_conversation *c = &node->conversations[i];

                if (c->flow_id == f->flow_id)
                        return c;
                if (matters_less(c, victim))
                        victim = c;
        }
        *victim = (struct sl_conversation){
                .flow_id = f->flow_id,
                .since = server_like_state_since(f, now),
                .remote = f->remote,
                .port = f->remote_port,
                .proto = f->proto,
        };
        return victim;
}

/* Linux: ephemeral ports begin at 32768. */
uint8_t server_like_state_origin(const struct flow_event *f)
{
        if (f->origin != FLOW_ORIGIN_UNKNOWN)
                return f->origin;
        return f->local_port >= 32768 && f->remote_port < 32768 ? FLOW_ORIGINATED : FLOW_ACCEPTED;
}

static void note_push(struct sl_node *node, struct sl_conversation *c, const struct event *e)
{
        memmove(&node->pushes[1], &node->pushes[0], sizeof(node->pushes) - sizeof(node->pushes[0]));
        node->pushes[0] = (struct sl_push){.time = e->time, .flow_id = e->flow.flow_id};
        c->pushes++;
        c->pushed = e->time;
        c->bytes_in_at_push = e->flow.bytes_in;
        /* Old orders fade from the count, so that it follows the conversation. */
        if (e->time - node->rate_since > 2 * SL_RATE_SPAN) {
                node->rate_since = e->time - (e->time - node->rate_since) / 2;
                node->rate_pushes = node->rate_pushes / 2;
        }
        node->rate_pushes++;
}

struct sl_node *server_like_state_hold(struct server_like *s, enum sl_by by, const struct lineage_node *n,
                                       const struct event *e)
{
        struct sl_key key = server_like_state_key(by, n);
        struct sl_node *node = table_peek(s->nodes, &key);
        struct sl_conversation *c;

        if (!node)
                node = server_like_state_insert(s->nodes, &key, SL_NODES, node_needed);
        if (!node)
                return NULL;
        if (!node->rate_since)
                node->rate_since = e->time;
        c = conversation_of(node, &e->flow, e->time);
        c->seen = e->time;
        c->origin = server_like_state_origin(&e->flow);
        c->bytes_in = e->flow.bytes_in;
        if (e->op == FLOW_PUSH || e->flow.state == FLOW_STATE_ESTABLISHED || e->flow.bytes_in || e->flow.pkts_in)
                c->heard = true;
        if (e->op == FLOW_PUSH)
                note_push(node, c, e);
        return node;
}

struct sl_flow *server_like_state_flow(struct server_like *s, const struct event *e)
{
        struct sl_flow *f = table_peek(s->flows, &e->flow.flow_id);

        return f ? f : server_like_state_insert(s->flows, &e->flow.flow_id, SL_FLOWS, flow_needed);
}

void server_like_state_listen(struct server_like *s, const struct event *e)
{
        const struct flow_event *f = &e->flow;
        struct sl_flow *flow = table_peek(s->flows, &f->flow_id);

        /* a refusal is an answer too, when it comes at once */
        if (e->op == FLOW_PUSH || f->bytes_in > (flow ? flow->bytes_in : 0) ||
            (f->state == FLOW_STATE_FAILED && e->time - server_like_state_since(f, e->time) < NSEC_PER_SEC))
                s->heard = e->time;
        if (flow)
                flow->bytes_in = f->bytes_in;
}

/* The last word on a flow: totals may be new, and whoever opened it need not wait to find out that it is over. */
void server_like_state_end(struct server_like *s, const struct event *e)
{
        const struct lineage_node *n = server_like_state_actor(s, &e->flow.task);
        struct sl_flow *f = table_peek(s->flows, &e->flow.flow_id);

        for (enum sl_by by = 0; n && by < SL_BYS; by++) {
                struct sl_node *node = server_like_state_node(s, by, n);

                for (int i = 0; node && i < SL_CONVERSATIONS; i++) {
                        struct sl_conversation *c = &node->conversations[i];

                        if (c->flow_id != e->flow.flow_id)
                                continue;
                        c->ended = e->time;
                        c->heard |= e->flow.bytes_in || e->flow.pkts_in;
                }
        }
        if (f)
                table_remove(s->flows, f);
}

bool server_like_state_counts(const struct server_like *s, struct sl_conversation *c, nsec_t now)
{
        if (!c->flow_id)
                return false;
        if (!c->ended && !table_peek(s->flows, &c->flow_id))
                c->ended = now;
        return !c->ended || now - c->ended < s->window;
}

uint32_t server_like_state_odds(const struct sl_node *node, nsec_t delay, nsec_t now)
{
        nsec_t expected =
                (now - node->rate_since + SL_RATE_PRIOR) / MAX(node->rate_pushes, 1u); /* from order to order */
        unsigned n = 0;

        /* Orders come in bursts: what counts is the rate now, if that is higher. */
        while (n + 1 < SL_PUSHES && node->pushes[n + 1].time)
                n++;
        if (n)
                expected = MIN(expected, (node->pushes[0].time - node->pushes[n].time) / n);
        return (uint32_t) MIN(expected / MAX(delay, NSEC_PER_MSEC), (nsec_t) UINT32_MAX);
}

static bool stamp_needed(const void *entry _unused_)
{
        return false;
}

void server_like_state_born(struct server_like *s, const struct event *e)
{
        const struct lineage_node *creator = server_like_state_actor(s, &e->process.creator);
        const struct lineage_node *child = lineage_find(s->lineage, &e->process.task);

        if (!creator || !child)
                return;
        for (enum sl_by by = e->process.flags & PROCESS_THREAD ? SL_BY_THREAD : SL_BY_PROCESS; by < SL_BYS; by++) {
                struct sl_node *node = server_like_state_node(s, by, creator);
                struct sl_key key = server_like_state_key(by, child);
                struct sl_stamp *stamp;
                nsec_t delay;

                if (!node || !node->pushes[0].time)
                        continue;
                delay = e->time - node->pushes[0].time;
                if (delay > s->reaction)
                        continue;
                stamp = server_like_state_insert(s->stamps, &key, SL_STAMPS, stamp_needed);
                if (!stamp)
                        continue;
                stamp->flow_id = node->pushes[0].flow_id;
                stamp->push = node->pushes[0].time;
                stamp->delay = delay;
                stamp->odds = server_like_state_odds(node, delay, e->time);
        }
}

struct sl_stamp *server_like_state_stamp(const struct server_like *s, enum sl_by by, const struct lineage_node *n)
{
        struct sl_key key = server_like_state_key(by, n);

        return table_peek(s->stamps, &key);
}
