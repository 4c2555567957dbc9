/* SPDX-License-Identifier: GPL-3.0-or-later */
/* server_like: processes and threads that take orders from outside and have their descendants carry them out. After
 * Yuasa, Kobayashi and Takada, "A bot detection based on server-like behavior of the client-side PCs". Pure; runs in
 * the engine. The rule with all its decisions: docs/server-like.md. */
#include "detect/server_like.h"

#include <errno.h>

#include "model/gate.h"

#define MINUTES (60 * NSEC_PER_SEC)

const struct evidence_kind server_like_kinds[SL_KINDS] = {
        [SL_KIND_ORDER] =
                {.name = "server_like.order",
                 .title = "an order from outside, carried out by a descendant",
                 .reason = "A descendant was created so soon after the peer spoke first that chance would be at "
                           "most 1 in 30 at this conversation's own pace (14.8), less 2.8 for programs that "
                           "act on messages for good reasons.",
                 .stage = STAGE_CONTROL,
                 .weight = 1200,
                 .cap = 1400,
                 .half_life = 60 * MINUTES},
        [SL_KIND_CONVERSATION] = {.name = "server_like.conversation",
                                  .title = "a descendant works outside while its ancestor converses with another",
                                  .reason =
                                          "The paper's rule without the timing of an order. By grade: 9.0 right after "
                                          "an order but not beyond chance, 7.0 chat-like, 4.0 question and answer, 3.0 "
                                          "accepted without a login; the last two add up to 4.5 an hour. Never "
                                          "suspect by itself, since installers and helpers do it too.",
                                  .stage = STAGE_CONTROL,
                                  .weight = 700,
                                  .cap = 900,
                                  .half_life = 30 * MINUTES},
        [SL_KIND_SCAN] = {.name = "server_like.scan",
                          .title = "descendants that act on a conversation scan",
                          .reason =
                                  "15 destinations within 10 s of which none answers while the network works; 10.0 if "
                                  "fewer than one in five does. TRW (Jung et al. 2004) calls a scanner at 4 to 6 such "
                                  "failures; the rest allows for dead peers of P2P networks. It makes a bot together "
                                  "with an order or a chat-like conversation, but not with question and answer.",
                          .stage = STAGE_SPREAD,
                          .weight = 1400,
                          .cap = 1400,
                          .half_life = 30 * MINUTES},
        [SL_KIND_FLOOD] = {.name = "server_like.flood",
                           .title = "descendants that act on a conversation flood",
                           .reason = "200 packets within a second to one address without any answer: above any one-way "
                                     "stream of speech (50/s), below the paper's UDP flood. As heavy as a scan without "
                                     "answers.",
                           .stage = STAGE_ATTACK,
                           .weight = 1400,
                           .cap = 1400,
                           .half_life = 30 * MINUTES},
        [SL_KIND_PLAIN] = {.name = "server_like.plain",
                           .title = "a process and its ancestor both talk to the outside",
                           .reason = "The paper's rule as it stands: yes or no, so exactly the threshold of suspect. "
                                     "Only in the plain modes.",
                           .stage = STAGE_CONTROL,
                           .weight = 1000,
                           .cap = 1000,
                           .half_life = 30 * MINUTES},
};

static void server_like_free(void *state)
{
        struct server_like *s = state;

        if (!s)
                return;
        server_like_state_done(s);
        outside_free(s->outside);
        free(s);
}

static void freep_server_like(struct server_like **s)
{
        server_like_free(*s);
}

static int server_like_new(const struct detector_params *params, void **ret)
{
        _cleanup_(freep_server_like)
        struct server_like *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->mode = params->config->server_like.mode;
        s->granularity = params->config->server_like.granularity;
        s->window = params->config->server_like.window;
        s->reaction = params->config->server_like.reaction;
        s->lineage = params->lineage;
        memcpy(s->boot_id, params->boot_id, sizeof(s->boot_id));
        r = outside_new(params->config, &s->outside);
        if (r < 0)
                return r;
        r = server_like_state_new(s);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

/* The default rule. The order matters: first what this event says about conversations, then who works. */
static void default_rule(struct server_like *s, const struct event *e, bool known_peer, struct evidence_sink *out)
{
        const struct lineage_node *actor = server_like_state_actor(s, &e->flow.task);
        struct sl_flow *flow = server_like_state_flow(s, e);
        struct sl_found found;

        if (!actor || !flow)
                return;
        if (known_peer) {
                (void) server_like_state_hold(s, SL_BY_PROCESS, actor, e);
                if (!(e->flow.flags & FLOW_THREAD_GUESS))
                        (void) server_like_state_hold(s, SL_BY_THREAD, actor, e);
        }
        /* A flow that is known as an executor's is looked into again only for what it does. */
        if (server_like_rule_is_work(e) && (e->op == FLOW_START || !flow->taker_pid) &&
            server_like_rule_find(s, actor, e, &found))
                server_like_claim(s, &found, e, out);
        server_like_work_event(s, e, flow, out);
}

static void plain_rule(struct server_like *s, const struct event *e, struct evidence_sink *out)
{
        const struct lineage_node *actor = server_like_state_actor(s, &e->flow.task);
        struct sl_found found;

        if (!actor || !server_like_state_flow(s, e))
                return;
        (void) server_like_state_hold(s, s->mode == SERVER_LIKE_PLAIN ? SL_BY_PROCESS : SL_BY_THREAD, actor, e);
        if (server_like_rule_find_plain(s, actor, e, &found))
                server_like_claim_plain(s, &found, e, out);
}

static void flow_event(struct server_like *s, const struct event *e, struct evidence_sink *out)
{
        bool link = e->flow.flags & (FLOW_RAW | FLOW_PACKET | FLOW_XDP);
        enum outside_class where;

        /* Packets and logs name no process: only the end of a known flow may come without one. */
        if (!task_is_known(&e->flow.task) && (e->op != FLOW_END || table_count(s->flows) == 0))
                return;
        where = outside_flow(s->outside, &e->flow);
        if (where == OUTSIDE_YES || where == OUTSIDE_PLUMBING)
                server_like_state_listen(s, e);
        if (where == OUTSIDE_NOT || (where == OUTSIDE_NO_PEER && !link) ||
            (where == OUTSIDE_PLUMBING && s->mode == SERVER_LIKE_DEFAULT))
                return;
        if (e->op == FLOW_END) {
                struct sl_flow *flow = table_peek(s->flows, &e->flow.flow_id);

                if (flow)
                        server_like_work_event(s, e, flow, out);
                server_like_state_end(s, e);
        } else if (s->mode == SERVER_LIKE_DEFAULT)
                default_rule(s, e, where != OUTSIDE_NO_PEER, out);
        else if (where != OUTSIDE_NO_PEER)
                plain_rule(s, e, out);
}

/* A connection that the mail gate refused leaves no flow, and is work all the same: the executor wanted it. It is no
 * conversation, and says nothing of whether anybody would have answered. */
static void refused_event(struct server_like *s, const struct event *e, struct evidence_sink *out)
{
        const struct gate_event *g = &e->gate;
        struct event work = {.time = e->time, .type = EVENT_FLOW, .op = FLOW_START, .source = e->source};
        const struct lineage_node *actor;
        struct sl_found found;

        if (e->op != GATE_TRY_CONNECT || !g->denied || addr_is_unspecified(&g->remote))
                return;
        work.flow = (struct flow_event){.task = g->task,
                                        .remote = g->remote,
                                        .remote_port = g->port,
                                        .proto = g->proto,
                                        .origin = FLOW_ORIGINATED,
                                        .state = FLOW_STATE_FAILED,
                                        .since = e->time};
        actor = server_like_state_actor(s, &g->task);
        if (!actor)
                return;
        work.flow.netns = actor->netns;
        if (outside_flow(s->outside, &work.flow) != OUTSIDE_YES)
                return;
        if (s->mode == SERVER_LIKE_DEFAULT ? !server_like_rule_find(s, actor, &work, &found) :
                                             !server_like_rule_find_plain(s, actor, &work, &found))
                return;
        found.refused = true;
        if (s->mode == SERVER_LIKE_DEFAULT)
                server_like_claim(s, &found, &work, out);
        else
                server_like_claim_plain(s, &found, &work, out);
}

static void server_like_event(void *state, const struct event *e, struct evidence_sink *out)
{
        struct server_like *s = state;

        if (e->type == EVENT_FLOW)
                flow_event(s, e, out);
        else if (e->type == EVENT_GATE)
                refused_event(s, e, out);
        else if (e->type == EVENT_PROCESS && e->op == PROCESS_FORK && s->mode == SERVER_LIKE_DEFAULT)
                server_like_state_born(s, e);
}

static void server_like_tick(void *state, nsec_t now, struct evidence_sink *out)
{
        struct server_like *s = state;

        if (s->mode == SERVER_LIKE_DEFAULT)
                server_like_work_tick(s, now, out);
}

const struct detector detector_server_like = {
        .name = "server_like",
        .help = "processes and threads that take orders from outside and have their descendants carry them out",
        .source =
                "Yuasa, Kobayashi, Takada (Nagasaki University): A bot detection based on server-like behavior of the "
                "client-side PCs",
        .limits =
                "A bot that does everything in one thread has no descendant to betray it. Orders hidden in answers to "
                "its own questions (polling) weigh little. Remote management and CI runners are server-like and need "
                "an exception.",
        .events = 1u << EVENT_FLOW | 1u << EVENT_PROCESS | 1u << EVENT_GATE,
        .kinds = server_like_kinds,
        .n_kinds = SL_KINDS,
        .new = server_like_new,
        .free = server_like_free,
        .event = server_like_event,
        .tick = server_like_tick,
        .explain = server_like_explain,
};
