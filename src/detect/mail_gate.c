/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mail_gate: what the mail gate refused, as evidence about the process and about those above it that talk to the
 * outside, where it meets what server_like says of them. Pure; runs in the engine. docs/mail-gate.md has the reasons.
 */
#include "detect/mail_gate.h"

#include <errno.h>

#define MINUTES (60 * NSEC_PER_SEC)

const struct evidence_kind mail_gate_kinds[MAIL_GATE_KINDS] = {
        [MAIL_GATE_WITHOUT_PERSON] =
                {.name = "mail_gate.without_person",
                 .title = "a program tried to send mail, and no person had asked for it",
                 .reason =
                         "9.0 for a program that is no mail program: scripts and monitoring do it too until they are "
                         "declared, so it is below suspect, and with an order carried out (12.0) it makes a bot. 14.0 "
                         "to ten servers or more within ten minutes, since a relay's name stands for a handful of "
                         "addresses and a spam program goes to each recipient's server, or at 1,000 attempts an hour "
                         "(Koyama). 4.0 (9.0 for many) for a program that hands "
                         "mail on, since timers and daemons do that; 3.0 for a mail program of which nobody knows who "
                         "started it. Less than half while the gate only learns.",
                 .stage = STAGE_ATTACK,
                 .weight = 900,
                 .cap = 1400,
                 .half_life = 60 * MINUTES},
        [MAIL_GATE_UNATTENDED] =
                {.name = "mail_gate.unattended",
                 .title = "a mail program tried to send while no person was at it",
                 .reason = "A forgotten mail program that polls, a scheduled mail, a person who is elsewhere: nearly "
                           "all of these are honest, so it stays below 1.0, where evidence counts as a stage.",
                 .stage = STAGE_ATTACK,
                 .weight = 50,
                 .cap = 90,
                 .half_life = 30 * MINUTES},
        [MAIL_GATE_FORGED_PERMIT] =
                {.name = "mail_gate.forged_permit",
                 .title = "a program tried to forge the permit of the mail gate",
                 .reason = "7.0 for setting the permit's mark on a socket: tunnels and proxies mark theirs as well, "
                           "mostly with other bits. 14.0 when the same program or a child tries to send mail within "
                           "ten minutes, and for pushing bytes into a terminal from which mail is then sent: nothing "
                           "else is known to do both.",
                 .stage = STAGE_HIDE,
                 .weight = 700,
                 .cap = 1400,
                 .half_life = 60 * MINUTES},
};
#define WEIGHT_FORGED_AND_TRIED 1400
#define WEIGHT_NOBODY           300 /* packets of which no process is known */

static void mail_gate_free(void *state)
{
        struct mail_gate *s = state;

        if (s)
                table_free(s->sources);
        free(s);
}

static int mail_gate_new(const struct detector_params *params, void **ret)
{
        static const struct table_params sources = {.name = "mail gate",
                                                    .cap = MAIL_GATE_SOURCES,
                                                    .key_size = sizeof(struct mail_gate_key),
                                                    .entry_size = sizeof(struct mail_gate_source)};
        struct mail_gate *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        if ((r = table_new(&sources, &s->sources)) < 0) {
                mail_gate_free(s);
                return r;
        }
        s->lineage = params->lineage;
        memcpy(s->boot_id, params->boot_id, sizeof(s->boot_id));
        *ret = s;
        return 0;
}

static enum mail_gate_class class_of(const struct gate_event *g)
{
        switch (g->reason) {
        case GATE_WHY_PROGRAM: /* a declared sender comes here as another user */
                return g->kinds & GATE_IS_MAIL_KIN ? MAIL_GATE_SUBMITTER : MAIL_GATE_STRANGER;
        case GATE_WHY_SUBMITTER:
                return MAIL_GATE_SUBMITTER;
        case GATE_WHY_FOREIGN:
        case GATE_WHY_SESSION:
        case GATE_WHY_LAUNCHER:
        case GATE_WHY_BROKER:
        case GATE_WHY_TERMINAL:
        case GATE_WHY_UNLABELLED:
                return MAIL_GATE_MISPLACED;
        default:
                return MAIL_GATE_PERSONAL;
        }
}

static struct mail_gate_key key_of(const struct task *t)
{
        return (struct mail_gate_key){.start = t->leader_start, .pid = t->pid};
}

struct step {
        const struct event *event;
        enum mail_gate_class class;
        bool silent; /* a creator that does not talk itself answers only for several children that try many servers */
};

static bool answers(struct mail_gate_source *src, const struct step *step)
{
        if (!step->silent)
                return true;
        if (src->child != step->event->gate.task.pid) {
                src->child = step->event->gate.task.pid;
                src->children++;
        }
        return src->children > 1 && mail_gate_is_many(src);
}

static void blame(struct mail_gate *s, const struct step *step, const struct mail_gate_key *key,
                  const struct subject *subject, struct evidence_sink *out)
{
        struct mail_gate_source *src = mail_gate_source_of(s, key);
        struct mail_gate_claim c = {.source = src, .subject = subject, .event = step->event};
        const struct gate_event *g = &step->event->gate;

        if (!src)
                return;
        mail_gate_count(src, step->event);
        c.weight = mail_gate_weigh(src, step->class, g->denied, &c.kind);
        if (!task_is_known(&g->task))
                c.weight = MIN(c.weight, WEIGHT_NOBODY);
        if (answers(src, step) && c.weight > 0)
                mail_gate_claim(s, &c, out);
}

static void blame_node(struct mail_gate *s, const struct step *step, const struct lineage_node *n,
                       struct evidence_sink *out)
{
        struct mail_gate_key key = key_of(&n->task);
        struct subject subject;

        detector_process_subject(s->lineage, s->boot_id, &n->task, &subject);
        blame(s, step, &key, &subject, out);
}

static void blame_ancestors(struct mail_gate *s, struct step *step, struct evidence_sink *out)
{
        struct ancestors a;

        ancestors_find(s->lineage, &step->event->gate.task, &a);
        for (unsigned i = 0; i < a.n_talking; i++)
                blame_node(s, step, a.talking[i], out);
        if (!a.creator || a.creator->talks)
                return;
        step->silent = true;
        blame_node(s, step, a.creator, out);
}

/* The process or one above it that forged a permit a while ago. */
static void look_for_forger(struct mail_gate *s, const struct event *e, struct evidence_sink *out)
{
        const struct lineage_node *n = lineage_process(s->lineage, &e->gate.task);
        struct mail_gate_key key = key_of(&e->gate.task);
        struct subject subject;

        detector_gate_subject(s->lineage, s->boot_id, &e->gate, &subject);
        for (int i = 0; i < MAIL_GATE_ABOVE; i++) {
                struct mail_gate_claim c = {.source = table_peek(s->sources, &key),
                                            .subject = &subject,
                                            .event = e,
                                            .kind = MAIL_GATE_FORGED_PERMIT,
                                            .weight = WEIGHT_FORGED_AND_TRIED};

                if (c.source && c.source->forged && e->time - c.source->forged < MAIL_GATE_NEAR)
                        mail_gate_claim(s, &c, out);
                n = n ? lineage_parent_process(s->lineage, n) : NULL;
                if (!n)
                        return;
                key = key_of(&n->task);
                detector_process_subject(s->lineage, s->boot_id, &n->task, &subject);
        }
}

/* Who pushed the bytes: somebody of the same user, or root. The mail program itself is his victim. */
static void blame_injectors(struct mail_gate *s, const struct event *e, struct evidence_sink *out)
{
        for (unsigned i = 0; i < MAIL_GATE_INJECTORS; i++) {
                const struct mail_gate_injector *j = &s->injectors[i];
                struct mail_gate_claim c = {.subject = &j->subject,
                                            .event = e,
                                            .kind = MAIL_GATE_FORGED_PERMIT,
                                            .weight = WEIGHT_FORGED_AND_TRIED};

                if (!j->time || e->time - j->time >= MAIL_GATE_PUSHED || (j->uid != e->gate.uid && j->uid != 0))
                        continue;
                c.source = mail_gate_source_of(s, &j->key);
                if (c.source)
                        mail_gate_claim(s, &c, out);
        }
}

static void take_attempt(struct mail_gate *s, const struct event *e, struct evidence_sink *out)
{
        enum gate_action action = gate_action(e->op, e->gate.reason, e->gate.denied);
        struct step step = {.event = e, .class = class_of(&e->gate)};
        struct mail_gate_key key = key_of(&e->gate.task);
        struct subject subject;

        if ((action != GATE_DENIED && action != GATE_WOULD_DENY) || e->gate.reason == GATE_WHY_BLOCKED)
                return;
        if (e->gate.reason == GATE_WHY_INJECTED) {
                blame_injectors(s, e, out);
                return;
        }
        detector_gate_subject(s->lineage, s->boot_id, &e->gate, &subject);
        blame(s, &step, &key, &subject, out);
        if (!task_is_known(&e->gate.task))
                return;
        look_for_forger(s, e, out);
        if (step.class != MAIL_GATE_PERSONAL)
                blame_ancestors(s, &step, out);
}

static void take_forgery(struct mail_gate *s, const struct event *e, struct evidence_sink *out)
{
        struct mail_gate_key key = key_of(&e->gate.task);
        struct mail_gate_claim c = {.event = e, .kind = MAIL_GATE_FORGED_PERMIT};
        struct subject subject;

        if (!task_is_known(&e->gate.task))
                return;
        c.source = mail_gate_source_of(s, &key);
        if (!c.source)
                return;
        c.source->forged = e->time;
        detector_gate_subject(s->lineage, s->boot_id, &e->gate, &subject);
        c.subject = &subject;
        if (e->op == GATE_TRY_INJECT) {
                s->injectors[s->next_injector++ % MAIL_GATE_INJECTORS] = (struct mail_gate_injector){
                        .key = key, .subject = subject, .time = e->time, .uid = e->gate.uid};
                return; /* alone it is no claim: a few honest programs do it */
        }
        c.weight = c.source->tried && e->time - c.source->tried < MAIL_GATE_NEAR ?
                           WEIGHT_FORGED_AND_TRIED :
                           mail_gate_kinds[MAIL_GATE_FORGED_PERMIT].weight;
        mail_gate_claim(s, &c, out);
}

static void mail_gate_event(void *state, const struct event *e, struct evidence_sink *out)
{
        if (gate_is_attempt(e->op))
                take_attempt(state, e, out);
        else if (e->op == GATE_TRY_MARK || e->op == GATE_TRY_INJECT)
                take_forgery(state, e, out);
}

static void mail_gate_tick(void *state, nsec_t now, struct evidence_sink *out)
{
        mail_gate_tell_waiting(state, now, out);
}

const struct detector detector_mail_gate = {
        .name = "mail_gate",
        .help = "programs that try to send mail although no person asked for it",
        .source = "Anan (Watanabe laboratory): mail leaves only if the person's desktop started the program and the "
                  "person has just touched mouse or keyboard",
        .limits = "Only where the mail gate is loaded. Where processes are read from /proc instead of the kernel's own "
                  "records, those above a process are not found. A bot within a mail program, right after a click, "
                  "looks like the person.",
        .events = 1u << EVENT_GATE,
        .kinds = mail_gate_kinds,
        .n_kinds = MAIL_GATE_KINDS,
        .new = mail_gate_new,
        .free = mail_gate_free,
        .event = mail_gate_event,
        .tick = mail_gate_tick,
        .explain = mail_gate_explain,
};
