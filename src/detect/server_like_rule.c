/* SPDX-License-Identifier: GPL-3.0-or-later */
/* server_like: the rule. From a process or thread that works on its own account up the chain of its creators, looking
 * for one that holds a conversation with somebody else outside, and grading how the two hang together. */
#include "detect/server_like.h"

#include <netinet/in.h>

#define CARRIERS_MAX 8 /* processes that pass one accepted connection down */

struct walk {
        struct server_like *s;
        const struct event *e;
        enum sl_by by;
        const struct lineage_node *executor;
        struct sl_node *own;                        /* the executor's */
        nsec_t worked;                              /* when the work began */
        const struct lineage_node *chain[SL_CHAIN]; /* from the executor upwards */
        unsigned n_chain;
        bool eligible; /* some conversation may have ordered it */
        struct sl_found found;
};

bool server_like_rule_is_work(const struct event *e)
{
        const struct flow_event *f = &e->flow;

        if (e->op != FLOW_START && e->op != FLOW_UPDATE)
                return false;
        if (f->flags & (FLOW_RAW | FLOW_PACKET | FLOW_XDP))
                return f->bytes_out || f->pkts_out || !(f->bytes_in || f->pkts_in);
        return server_like_state_origin(f) == FLOW_ORIGINATED;
}

static const struct lineage_node *above(const struct server_like *s, enum sl_by by, const struct lineage_node *n)
{
        return by == SL_BY_PROCESS ? lineage_parent_process(s->lineage, n) : lineage_creator(s->lineage, n);
}

static const struct lineage_node *process_of(const struct server_like *s, const struct lineage_node *n)
{
        const struct lineage_node *first = lineage_process(s->lineage, &n->task);

        return first ? first : n;
}

static struct sl_conversation *find_conversation(struct sl_node *node, uint64_t flow_id)
{
        for (int i = 0; node && i < SL_CONVERSATIONS; i++)
                if (node->conversations[i].flow_id == flow_id)
                        return &node->conversations[i];
        return NULL;
}

/* Is there a login between whoever accepted the connection and the executor? The one that accepted may have passed it
 * on before (sshd: monitor, then the user's own sshd), so the comparison begins with the first of its carriers. */
static bool logged_in(const struct walk *w, const struct lineage_node *taker, const struct sl_conversation *c)
{
        const struct lineage_node *first = process_of(w->s, taker), *up;
        const struct lineage_node *n = process_of(w->s, w->executor);

        for (int i = 0; i < CARRIERS_MAX; i++) {
                up = lineage_parent_process(w->s->lineage, first);
                if (!up || !find_conversation(server_like_state_node(w->s, SL_BY_PROCESS, up), c->flow_id))
                        break;
                first = up;
        }
        for (int i = 0; i < LINEAGE_DEPTH_MAX && n && n != first; i++) {
                if (lineage_is_login(first, n))
                        return true;
                n = lineage_parent_process(w->s->lineage, n);
        }
        return false;
}

/* May this conversation have ordered this work at all? */
static bool is_eligible(const struct walk *w, struct sl_conversation *c)
{
        const struct sl_conversation *shared;

        if (!server_like_state_counts(w->s, c, w->e->time) || !c->heard || c->since > w->worked)
                return false;
        if (!(w->e->flow.flags & FLOW_NO_PEER) && addr_equal(&c->remote, &w->e->flow.remote))
                return false;
        /* Who takes orders from the same connection has taken it over: nobody else's hand. */
        shared = find_conversation(w->own, c->flow_id);
        return !shared || shared->pushes == 0;
}

static enum sl_grade grade_of(const struct walk *w, const struct lineage_node *taker, const struct sl_conversation *c)
{
        if (c->origin == FLOW_ACCEPTED)
                return logged_in(w, taker, c) ? SL_GRADE_NONE : SL_GRADE_SERVED;
        return c->pushes && c->bytes_in - c->bytes_in_at_push < SL_CHAT_BYTES ? SL_GRADE_CHAT : SL_GRADE_ASKED;
}

/* Resolver threads and processes work whenever anything does; a server that is not configured is no reason to blame
 * them, and an order is more than a name. */
static bool is_name_query(const struct event *e)
{
        return e->flow.remote_port == 53 && (e->flow.proto == IPPROTO_UDP || e->flow.proto == IPPROTO_TCP);
}

struct cause {
        struct sl_conversation *conversation;
        nsec_t push, delay;
        uint32_t odds;
};

/* The conversation that an order came through, if that order may be the cause. */
static struct sl_conversation *ordering(const struct walk *w, struct sl_node *node, uint64_t flow_id)
{
        struct sl_conversation *c = find_conversation(node, flow_id);

        if (!c || c->origin == FLOW_ACCEPTED || c->bytes_in - c->bytes_in_at_push >= SL_CHAT_BYTES)
                return NULL;
        return is_eligible(w, c) ? c : NULL;
}

static void consider_cause(struct cause *best, struct sl_conversation *c, nsec_t push, nsec_t delay, uint32_t odds)
{
        if (c && odds > best->odds)
                *best = (struct cause){.conversation = c, .push = push, .delay = delay, .odds = odds};
}

/* Was somebody on the chain created right after an order? */
static void find_created(const struct walk *w, struct sl_node *node, const struct lineage_node *child,
                         struct cause *ret)
{
        const struct sl_stamp *stamp = server_like_state_stamp(w->s, w->by, child);

        if (stamp)
                consider_cause(ret, ordering(w, node, stamp->flow_id), stamp->push, stamp->delay, stamp->odds);
        for (int i = 0; i < SL_PUSHES && node->pushes[i].time; i++) {
                const struct sl_push *p = &node->pushes[i];

                if (w->e->time - p->time > w->s->window)
                        break;
                for (unsigned k = 0; k < w->n_chain; k++) {
                        const struct lineage_node *n = w->chain[k];
                        nsec_t delay = n->born - p->time;

                        if (n->present || delay < 0 || delay > w->s->reaction)
                                continue;
                        consider_cause(ret, ordering(w, node, p->flow_id), p->time, delay,
                                       server_like_state_odds(node, delay, w->e->time));
                }
        }
}

/* A new flow, after the executor had rested. */
static bool begins_episode(const struct walk *w)
{
        return w->e->op == FLOW_START && w->e->time - w->worked < SL_EPISODE &&
               (!w->own || !w->own->worked || w->e->time - w->own->worked >= SL_EPISODE);
}

/* Did an older descendant begin to work right after an order? Only the beginning of an episode can say. */
static void find_acted(const struct walk *w, struct sl_node *node, struct cause *ret)
{
        const struct sl_push *p = &node->pushes[0];
        nsec_t delay = w->e->time - p->time;

        if (!p->time || delay > w->s->reaction || !begins_episode(w))
                return;
        consider_cause(ret, ordering(w, node, p->flow_id), p->time, delay,
                       server_like_state_odds(node, delay, w->e->time));
}

/* Counts how often work followed an order, and how often it did not: meant, it follows mostly; by chance, seldom. */
static bool mostly_hits(struct sl_node *node, const struct walk *w, const struct cause *cause, bool repeated)
{
        if (begins_episode(w) && !repeated) {
                if (node->episodes >= 1000) {
                        node->episodes /= 2;
                        node->hits /= 2;
                }
                node->episodes++;
                node->hits += cause->conversation && cause->odds >= SL_CHANCE_STRONG;
        }
        return node->hits * 2 >= node->episodes;
}

static enum sl_grade grade_cause(struct sl_node *node, const struct walk *w, const struct cause *cause, bool created,
                                 bool repeated)
{
        bool mostly = mostly_hits(node, w, cause, repeated);

        if (!cause->conversation)
                return SL_GRADE_NONE;
        if (cause->odds >= SL_CHANCE_STRONG && (mostly || repeated))
                return created || node->hits >= SL_HITS_ENOUGH ? SL_GRADE_ORDER : SL_GRADE_HINT;
        return created && cause->odds >= SL_CHANCE_WEAK ? SL_GRADE_HINT : SL_GRADE_NONE;
}

static void keep_better(struct walk *w, const struct sl_found *f)
{
        if (f->grade > w->found.grade)
                w->found = *f;
}

/* Without regard to time: what any of the ancestor's conversations makes of it. false: none may have ordered it. */
static bool consider_conversations(struct walk *w, struct sl_found f)
{
        bool eligible = false;

        for (int i = 0; i < SL_CONVERSATIONS; i++) {
                struct sl_conversation *c = &f.node->conversations[i];

                if (!is_eligible(w, c))
                        continue;
                eligible = true;
                f.grade = grade_of(w, f.taker, c);
                if (is_name_query(w->e))
                        f.grade = MIN(f.grade, SL_GRADE_ASKED);
                f.conversation = *c;
                keep_better(w, &f);
        }
        return eligible;
}

static void consider_ancestor(struct walk *w, const struct lineage_node *taker, const struct lineage_node *child)
{
        struct sl_node *node = server_like_state_node(w->s, w->by, taker);
        struct sl_found f = {.by = w->by, .taker = taker, .child = child, .executor = w->executor, .node = node};
        const struct sl_node *claims = server_like_state_node(w->s, SL_BY_PROCESS, taker);
        struct cause cause = {0};

        if (!node || !consider_conversations(w, f))
                return;
        w->eligible = true;
        if (is_name_query(w->e))
                return;
        find_created(w, node, child, &cause);
        f.created = cause.odds >= SL_CHANCE_WEAK;
        if (!f.created)
                find_acted(w, node, &cause);
        f.repeated = cause.conversation && claims && cause.push == claims->claimed_push;
        f.grade = grade_cause(node, w, &cause, f.created, f.repeated);
        if (f.grade == SL_GRADE_NONE)
                return;
        f.conversation = *cause.conversation;
        f.push = cause.push;
        f.delay = cause.delay;
        keep_better(w, &f);
}

static void walk_up(struct walk *w,
                    void (*consider)(struct walk *, const struct lineage_node *, const struct lineage_node *))
{
        const struct lineage_node *n = w->executor, *up;

        w->chain[w->n_chain++] = n;
        for (int depth = 0; depth < LINEAGE_DEPTH_MAX; depth++, n = up) {
                up = above(w->s, w->by, n);
                if (!up)
                        return;
                if (up->talks)
                        consider(w, up, n);
                if (w->n_chain < SL_CHAIN)
                        w->chain[w->n_chain++] = up;
        }
}

static void walk_begin(struct walk *w, struct server_like *s, enum sl_by by, const struct lineage_node *actor,
                       const struct event *e)
{
        *w = (struct walk){.s = s, .e = e, .by = by};
        w->executor = by == SL_BY_PROCESS ? process_of(s, actor) : actor;
        w->own = server_like_state_node(s, by, w->executor);
        w->worked = server_like_state_since(&e->flow, e->time);
}

static bool does(const struct server_like *s, enum sl_by by, const struct event *e)
{
        if (by == SL_BY_PROCESS)
                return s->granularity != GRANULARITY_THREAD;
        return s->granularity != GRANULARITY_PROCESS && !(e->flow.flags & FLOW_THREAD_GUESS);
}

bool server_like_rule_find(struct server_like *s, const struct lineage_node *actor, const struct event *e,
                           struct sl_found *ret)
{
        struct walk w;

        *ret = (struct sl_found){0};
        for (enum sl_by by = 0; by < SL_BYS; by++) {
                if (!does(s, by, e))
                        continue;
                walk_begin(&w, s, by, actor, e);
                walk_up(&w, consider_ancestor);
                if (e->op == FLOW_START && w.own && w.eligible && !is_name_query(e))
                        w.own->worked = e->time;
                if (ret->grade && w.found.grade && task_same_process(&ret->taker->task, &w.found.taker->task) &&
                    ret->conversation.flow_id == w.found.conversation.flow_id)
                        ret->both = w.found.both = true;
                if (w.found.grade > ret->grade)
                        *ret = w.found;
        }
        return ret->grade != SL_GRADE_NONE;
}

static void consider_plain(struct walk *w, const struct lineage_node *taker, const struct lineage_node *child)
{
        struct sl_node *node = server_like_state_node(w->s, w->by, taker);
        struct sl_found f = {.by = w->by, .taker = taker, .child = child, .executor = w->executor, .node = node};

        f.grade = SL_GRADE_ASKED;
        for (int i = 0; node && i < SL_CONVERSATIONS; i++)
                if (server_like_state_counts(w->s, &node->conversations[i], w->e->time)) {
                        f.conversation = node->conversations[i];
                        keep_better(w, &f);
                }
}

bool server_like_rule_find_plain(struct server_like *s, const struct lineage_node *actor, const struct event *e,
                                 struct sl_found *ret)
{
        struct walk w;

        walk_begin(&w, s, s->mode == SERVER_LIKE_PLAIN ? SL_BY_PROCESS : SL_BY_THREAD, actor, e);
        walk_up(&w, consider_plain);
        *ret = w.found;
        return ret->grade != SL_GRADE_NONE;
}
