/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mail_gate: what one process tried, counted and claimed. A burst is one claim with a count: it weighs when it begins
 * and when it turns out heavier than it was; in between its facts are renewed without weight. */
#include "detect/mail_gate.h"

#include <xxhash.h>

static const struct {
        int32_t few, many;           /* refused */
        int32_t few_seen, many_seen; /* would have been */
} weights[MAIL_GATE_CLASSES] = {
        [MAIL_GATE_PERSONAL] = {50, 900, 0, 400},
        [MAIL_GATE_MISPLACED] = {300, 900, 150, 400},
        [MAIL_GATE_SUBMITTER] = {400, 900, 200, 400},
        [MAIL_GATE_STRANGER] = {900, 1400, 400, 900},
};

struct mail_gate_source *mail_gate_source_of(struct mail_gate *s, const struct mail_gate_key *key)
{
        struct mail_gate_source *src = table_find(s->sources, key);

        return src ? src : table_insert(s->sources, key, NULL);
}

static void note_peer(struct mail_gate_source *src, const struct addr *a)
{
        uint32_t hash = (uint32_t) XXH64(a->b, sizeof(a->b), 0) | 1;

        for (unsigned i = 0; i < src->n_peers; i++)
                if (src->peers[i] == hash)
                        return;
        if (src->n_peers < MAIL_GATE_PEERS)
                src->peers[src->n_peers++] = hash;
}

void mail_gate_count(struct mail_gate_source *src, const struct event *e)
{
        uint32_t count = MAX(e->gate.count, 1u);

        if (e->time - src->counted >= MAIL_GATE_WINDOW) {
                src->counted = e->time;
                src->n_peers = src->handovers = src->tries = 0;
        }
        src->tried = e->time;
        if (__builtin_add_overflow(src->attempts, count, &src->attempts))
                src->attempts = UINT32_MAX;
        src->tries += MIN(count, MAIL_GATE_MANY_TRIES);
        if (e->op == GATE_TRY_HANDOVER)
                src->handovers += MIN(count, MAIL_GATE_MANY_HANDOVER);
        else if (!addr_is_unspecified(&e->gate.remote))
                note_peer(src, &e->gate.remote);
}

bool mail_gate_is_many(const struct mail_gate_source *src)
{
        return src->n_peers >= MAIL_GATE_MANY || src->handovers >= MAIL_GATE_MANY_HANDOVER ||
               src->tries >= MAIL_GATE_MANY_TRIES;
}

int32_t mail_gate_weigh(const struct mail_gate_source *src, enum mail_gate_class class, bool denied,
                        enum mail_gate_kind *ret_kind)
{
        bool person = class == MAIL_GATE_PERSONAL || class == MAIL_GATE_MISPLACED;
        bool many = person ? src->n_peers >= MAIL_GATE_MANY_MAILER : mail_gate_is_many(src);

        *ret_kind = class == MAIL_GATE_PERSONAL && !many ? MAIL_GATE_UNATTENDED : MAIL_GATE_WITHOUT_PERSON;
        if (denied)
                return many ? weights[class].many : weights[class].few;
        return many ? weights[class].many_seen : weights[class].few_seen;
}

static void build(const struct mail_gate *s, const struct mail_gate_claim *c, struct evidence *e)
{
        const struct gate_event *g = &c->event->gate;
        char chain[FACT_TEXT_MAX];
        const char *name = lineage_name(s->lineage, &g->task);

        *e = (struct evidence){.kind = &mail_gate_kinds[c->kind], .subject = *c->subject};
        e->first = e->last = c->event->time;
        if (task_is_known(&g->task))
                (void) evidence_fact_process(e, "sender", &g->task, name[0] != '?' || !g->comm ? name : g->comm);
        if (task_is_known(&g->asker))
                (void) evidence_fact_process(e, "asker", &g->asker, lineage_name(s->lineage, &g->asker));
        (void) evidence_fact_text(e, "how", gate_try_name(c->event->op));
        (void) evidence_fact_text(e, "action", gate_action_name(gate_action(c->event->op, g->reason, g->denied)));
        if (g->reason)
                (void) evidence_fact_text(e, "reason", gate_why_name(g->reason));
        if (!addr_is_unspecified(&g->remote))
                (void) evidence_fact_endpoint(e, "peer", &g->remote, g->port, g->proto);
        if (g->text && g->text[0])
                (void) evidence_fact_text(e, "with", g->text);
        (void) evidence_fact_number(e, "servers", c->source->n_peers);
        (void) evidence_fact_number(e, "attempts", c->source->attempts);
        (void) evidence_fact_number(e, "user", g->uid);
        if (ancestors_chain(s->lineage, &g->task, chain, sizeof(chain))[0])
                (void) evidence_fact_text(e, "chain", chain);
}

/* What this adds to what was claimed before. */
static int32_t added(struct mail_gate_tally *t, int32_t weight, nsec_t now)
{
        int32_t more;

        if (!t->since || now - t->since >= MAIL_GATE_RECLAIM) {
                t->since = now;
                t->weight = 0;
        }
        more = MAX(weight - t->weight, 0);
        t->weight += more;
        return more;
}

void mail_gate_claim(struct mail_gate *s, const struct mail_gate_claim *c, struct evidence_sink *out)
{
        struct mail_gate_source *src = c->source;
        struct mail_gate_tally *t = &src->tally[c->kind];
        nsec_t now = c->event->time;
        struct evidence e;
        int32_t weight = added(t, c->weight, now);

        build(s, c, &e);
        if (__builtin_add_overflow(t->pending, MAX(c->event->gate.count, 1u), &t->pending))
                t->pending = UINT32_MAX;
        if (weight == 0 && t->shown && now - t->shown < MAIL_GATE_PAUSE) {
                src->story = e;
                src->waiting = true;
                return;
        }
        e.weight = weight;
        e.count = t->pending;
        t->pending = 0;
        t->shown = now;
        if (src->waiting && src->story.kind == e.kind)
                src->waiting = false;
        out->emit(out->userdata, &e);
}

/* The rest of a burst, once it has rested. */
void mail_gate_tell_waiting(struct mail_gate *s, nsec_t now, struct evidence_sink *out)
{
        for (struct mail_gate_source *src = table_oldest(s->sources); src; src = table_younger(s->sources, src)) {
                struct mail_gate_tally *t;

                if (!src->waiting)
                        continue;
                t = &src->tally[src->story.kind - mail_gate_kinds];
                if (now - t->shown < MAIL_GATE_PAUSE)
                        continue;
                src->waiting = false;
                src->story.weight = 0;
                src->story.count = t->pending;
                t->pending = 0;
                t->shown = now;
                out->emit(out->userdata, &src->story);
        }
}
