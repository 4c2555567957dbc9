/* SPDX-License-Identifier: GPL-3.0-or-later */
/* signature: a rule in the language of Snort and Suricata matched, and its class says that bots do that. Whom it
 * accuses follows from the rule's stage and from who sent what matched. What honest programs do here as well fades by
 * itself: the more home hosts a rule accuses, the less each match weighs. Pure; runs in the engine. */
#include "detect/signature.h"

#include <errno.h>

#define DAY (24 * 3600 * NSEC_PER_SEC)

/* More than one rule of a stage: hundredths for each further one, up to the kind's cap. */
#define FURTHER 100u
/* Of what an attack weighs against its sender, its victim gets so many parts. */
#define VICTIM_PART 4u

#define GRADED                                                                                                         \
        " The rule's own weight stands in the table of stages (sekimori detectors); 1.0 more for each further rule "   \
        "of "                                                                                                          \
        "the stage. Less by what 10*log10 gives of half over the share of home hosts that the rule accuses."

const struct evidence_kind signature_kinds[] = {
        {.name = "signature.infect",
         .title = "a rule saw an attack on it",
         .reason = "Everybody is attacked, and most attacks fail: never enough by itself, but the beginning of a "
                   "story." GRADED,
         .stage = STAGE_INFECT,
         .weight = 200,
         .cap = 300,
         .half_life = DAY / 4},
        {.name = "signature.egg",
         .title = "a rule saw it fetch a program as trojans do",
         .reason = "The rule's author saw a trojan fetch its programs so." GRADED,
         .stage = STAGE_EGG,
         .weight = 600,
         .cap = 800,
         .half_life = DAY},
        {.name = "signature.control",
         .title = "a rule saw it talk as trojans talk to their controllers",
         .reason = "The rule's author took it from a trojan's own traffic; rules err, and so one of them makes no "
                   "suspect." GRADED,
         .stage = STAGE_CONTROL,
         .weight = 900,
         .cap = 1200,
         .half_life = DAY},
        {.name = "signature.spread",
         .title = "a rule saw it attack or look for others",
         .reason =
                 "Administrators look around, too, and what attacks look like stands in harmless URLs as well." GRADED,
         .stage = STAGE_SPREAD,
         .weight = 500,
         .cap = 700,
         .half_life = DAY / 4},
        {.name = "signature.attack",
         .title = "a rule saw it flood others or send spam",
         .reason = "Few honest programs do; busy ones may look alike." GRADED,
         .stage = STAGE_ATTACK,
         .weight = 700,
         .cap = 900,
         .half_life = DAY},
        {.name = "signature.steal",
         .title = "a rule saw it hand over what trojans take",
         .reason = "The rule's author saw a trojan hand over what it took so." GRADED,
         .stage = STAGE_STEAL,
         .weight = 700,
         .cap = 900,
         .half_life = DAY},
};
static_assert(sizeof(signature_kinds) / sizeof(signature_kinds[0]) == SIGNATURE_KINDS, "a kind for each stage");

static void signature_free(void *state)
{
        struct signature *s = state;

        if (!s)
                return;
        table_free(s->hosts);
        table_free(s->rules);
        table_free(s->pairs);
        table_free(s->claims);
        free(s);
}

static int signature_new(const struct detector_params *params _unused_, void **ret)
{
        static const struct table_params hosts = {"signature hosts",
                                                  SIGNATURE_HOSTS,
                                                  sizeof(struct detector_key),
                                                  sizeof(struct detector_key),
                                                  NULL,
                                                  NULL};
        static const struct table_params rules = {"signature rules",
                                                  SIGNATURE_RULES,
                                                  sizeof(struct signature_rule_key),
                                                  sizeof(struct signature_rule),
                                                  NULL,
                                                  NULL};
        static const struct table_params pairs = {"signature pairs",
                                                  SIGNATURE_PAIRS,
                                                  sizeof(struct signature_pair_key),
                                                  sizeof(struct signature_pair),
                                                  NULL,
                                                  NULL};
        static const struct table_params claims = {"signature claims",
                                                   SIGNATURE_CLAIMS,
                                                   sizeof(struct signature_claim_key),
                                                   sizeof(struct signature_claim),
                                                   NULL,
                                                   NULL};
        struct signature *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        if ((r = table_new(&hosts, &s->hosts)) < 0 || (r = table_new(&rules, &s->rules)) < 0 ||
            (r = table_new(&pairs, &s->pairs)) < 0 || (r = table_new(&claims, &s->claims)) < 0) {
                signature_free(s);
                return r;
        }
        *ret = s;
        return 0;
}

/* profile_log() is 1024*log2(x + 1), on straight lines between powers of two: at most 0.3 off here, and the same on any
 * machine. 1000*log10(x) = 301.03*log2(x). */
uint32_t signature_rarity(uint32_t with, uint32_t hosts)
{
        uint64_t all = (uint64_t) MAX(hosts, with) - 1 + SIGNATURE_PRIOR;
        int32_t log;

        if (with <= 1)
                return UINT32_MAX;
        log = (int32_t) profile_log(all - 1) - (int32_t) profile_log(2 * ((uint64_t) with - 1) - 1);
        return log > 0 ? (uint32_t) log * 301 / 1024 : 0;
}

/* The ends of an alert by who sent what matched. */
struct sides {
        const struct addr *sender, *receiver, *client;
        uint16_t sender_port, receiver_port;
        bool sender_home, receiver_home;
};

static struct sides sides_of(const struct ends *n)
{
        bool local_home = !(n->flags & ENDS_NO_HOME), remote_home = n->flags & ENDS_BOTH_HOME;
        bool from_local = n->from_local;

        return (struct sides){
                .sender = from_local ? &n->local : &n->remote,
                .receiver = from_local ? &n->remote : &n->local,
                .client = n->origin == FLOW_ACCEPTED ? &n->remote : &n->local,
                .sender_port = from_local ? n->local_port : n->remote_port,
                .receiver_port = from_local ? n->remote_port : n->local_port,
                .sender_home = from_local ? local_home : remote_home,
                .receiver_home = from_local ? remote_home : local_home,
        };
}

static struct signature_accused accuse(const struct sides *s, bool sender, uint8_t stage, uint16_t weight)
{
        return (struct signature_accused){
                .host = sender ? s->sender : s->receiver,
                .peer = sender ? s->receiver : s->sender,
                .peer_port = sender ? s->receiver_port : s->sender_port,
                .stage = stage,
                .weight = weight,
        };
}

static struct signature_accused accuse_victim(const struct sides *s, bool sender, uint16_t weight)
{
        struct signature_accused v = accuse(s, sender, STAGE_INFECT, weight);

        v.victim = true;
        return v;
}

/* What a trojan says, gets or hands over: the infected one is the client of the flow, unless the rule names it. If that
 * one is not ours, ours is its server: accused if it said so itself, else somebody only tried. */
static unsigned accuse_infected(const struct alert_event *a, const struct sides *s, struct signature_accused *ret)
{
        bool sender = a->target == ALERT_TARGET_NONE ? s->client == s->sender : a->target == ALERT_TARGET_SENDER;
        uint8_t stage = a->stage - 1;

        if (sender ? s->sender_home : s->receiver_home)
                *ret = accuse(s, sender, stage, a->weight);
        else if (s->sender_home)
                *ret = accuse(s, true, stage, a->weight);
        else if (s->receiver_home)
                *ret = accuse_victim(s, false, a->weight / VICTIM_PART);
        else
                return 0;
        return 1;
}

/* An attack: the sender attacks and the receiver is its victim, unless the rule says the other way round. */
static unsigned accuse_attacker(const struct alert_event *a, const struct sides *s, struct signature_accused *ret)
{
        bool victim_sends = a->target == ALERT_TARGET_SENDER;
        bool attacker_home = victim_sends ? s->receiver_home : s->sender_home;
        bool victim_home = victim_sends ? s->sender_home : s->receiver_home;
        uint8_t stage = a->stage - 1;
        unsigned n = 0;

        if (attacker_home && stage != STAGE_INFECT)
                ret[n++] = accuse(s, !victim_sends, stage, a->weight);
        if (victim_home && stage == STAGE_INFECT)
                ret[n++] = accuse_victim(s, victim_sends, a->weight);
        else if (victim_home && stage == STAGE_SPREAD)
                ret[n++] = accuse_victim(s, victim_sends, a->weight / VICTIM_PART);
        return n;
}

unsigned signature_accuse(const struct alert_event *a, struct signature_accused ret[static 2])
{
        struct sides s = sides_of(&a->ends);

        if (a->stage == 0 || a->stage > SIGNATURE_KINDS || a->weight == 0 || a->ends.flags & ENDS_NO_HOME)
                return 0;
        switch (a->stage - 1) {
        case STAGE_INFECT:
        case STAGE_SPREAD:
        case STAGE_ATTACK:
                return accuse_attacker(a, &s, ret);
        default:
                return accuse_infected(a, &s, ret);
        }
}

/* What a claim is about, as far as it is known. */
struct match {
        const struct event *event;
        const struct signature_accused *accused;
        const struct signature_rule *rule;
        struct signature_pair *pair;
        uint32_t weight;
};

/* A message is longer than a fact. */
static void put_message(struct evidence *e, const struct slice *msg)
{
        char text[2 * FACT_TEXT_MAX - 1];
        size_t len = MIN(msg->len, (uint32_t) sizeof(text) - 1);

        if (!len)
                return;
        memcpy(text, msg->p, len);
        text[len] = '\0';
        (void) evidence_fact_text(e, "rule", text);
        if (len > FACT_TEXT_MAX - 1)
                (void) evidence_fact_text(e, "rule_rest", text + FACT_TEXT_MAX - 1);
}

static void emit(struct signature *s, const struct match *m, const struct signature_claim *c, struct evidence *e,
                 struct evidence_sink *out)
{
        const struct alert_event *a = &m->event->alert;
        const struct signature_accused *accused = m->accused;

        e->first = e->last = m->event->time;
        put_message(e, &a->msg);
        (void) evidence_fact_number(e, "sid", a->sid);
        (void) evidence_fact_number(e, "gid", a->gid);
        (void) evidence_fact_number(e, "rev", a->rev);
        if (a->category)
                (void) evidence_fact_text(e, "category", a->category);
        (void) evidence_fact_endpoint(e, "peer", accused->peer, accused->peer_port, a->ends.proto);
        (void) evidence_fact_number(e, "victim", accused->victim);
        (void) evidence_fact_number(e, "alerts", m->pair->alerts);
        (void) evidence_fact_number(e, "rules", c->rules);
        (void) evidence_fact_number(e, "home_hosts_with_rule", m->rule->hosts);
        (void) evidence_fact_number(e, "home_hosts", MAX(s->n_hosts, m->rule->hosts));
        (void) evidence_fact_number(e, "weight_of_rule", m->weight);
        detector_host_subject(accused->host, &e->subject);
        evidence_add_ref(e, a->ends.flow_id);
        out->emit(out->userdata, e);
}

static void judge(struct signature *s, const struct match *m, struct evidence_sink *out)
{
        const struct signature_accused *accused = m->accused;
        struct signature_claim_key key = {.host = detector_host_key(accused->host), .stage = accused->stage};
        struct evidence e = {.kind = &signature_kinds[accused->stage], .count = MAX(m->event->alert.count, 1u)};
        struct signature_claim *c;
        uint32_t weight;

        if (m->weight == 0 || !(c = table_insert(s->claims, &key, NULL)))
                return;
        if (!m->pair->counted[accused->stage]) {
                m->pair->counted[accused->stage] = 1;
                c->rules += c->rules < UINT16_MAX;
        }
        c->best = MAX(c->best, (uint16_t) m->weight);
        weight = MIN(c->best + FURTHER * (c->rules - 1u), (uint32_t) e.kind->cap);
        if (grading_claim(&c->told, e.kind, (uint32_t) (m->event->time / NSEC_PER_SEC), (uint16_t) weight, &e.weight))
                emit(s, m, c, &e, out);
}

static void take(struct signature *s, const struct event *event, const struct signature_accused *accused,
                 struct evidence_sink *out)
{
        const struct alert_event *a = &event->alert;
        struct signature_pair_key key = {.host = detector_host_key(accused->host), .rule = {a->gid, a->sid}};
        struct match m = {.event = event, .accused = accused};
        struct signature_rule *rule = table_insert(s->rules, &key.rule, NULL);
        bool created = false;

        m.pair = rule ? table_insert(s->pairs, &key, &created) : NULL;
        if (!m.pair)
                return;
        rule->hosts += created && rule->hosts < UINT32_MAX;
        m.pair->alerts += MIN(MAX(a->count, 1u), UINT32_MAX - m.pair->alerts);
        m.rule = rule;
        m.weight = MIN(accused->weight, signature_rarity(rule->hosts, s->n_hosts));
        judge(s, &m, out);
}

static void see(struct signature *s, const struct addr *host)
{
        struct detector_key key = detector_host_key(host);
        bool created = false;

        if (table_insert(s->hosts, &key, &created) && created)
                s->n_hosts += s->n_hosts < UINT32_MAX;
}

static void signature_event(void *state, const struct event *e, struct evidence_sink *out)
{
        struct signature_accused accused[2];
        struct signature *s = state;
        unsigned n;

        if (e->type == EVENT_FLOW) {
                if (e->op == FLOW_START)
                        see(s, &e->flow.local);
                return;
        }
        n = signature_accuse(&e->alert, accused);
        for (unsigned i = 0; i < n; i++) {
                see(s, accused[i].host);
                take(s, e, &accused[i], out);
        }
}

const struct detector detector_signature = {
        .name = "signature",
        .help = "rules in the language of Snort and Suricata that matched and say of a host what bots do",
        .source = "Watanabe (RIKEN): IDS rules for IRC bots; BotHunter's dialog of stages",
        .limits = "It knows what the authors of its rules knew. Without rules (rules.files, --rules) it says nothing. "
                  "The first hosts that a common harmless thing matches on are accused before it is known to be "
                  "common; what was claimed then fades with its half-life.",
        .events = 1u << EVENT_ALERT | 1u << EVENT_FLOW,
        .kinds = signature_kinds,
        .n_kinds = SIGNATURE_KINDS,
        .new = signature_new,
        .free = signature_free,
        .event = signature_event,
        .explain = signature_explain,
};
