/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scan: first contacts and the sequential test over their outcomes. Pure; runs in the engine. */
#include <netinet/in.h>

#include "detect/scan.h"

#define DAY_SECONDS 86400u
/* A contact that nobody answered for one to two of these is taken for failed, long before the flow ends: a SYN is
 * repeated after 1 and 3 s (RFC 6298), and an answer that takes 4 s is rare on any path. A late answer takes it back.
 */
#define BUCKET_SECONDS 4u
/* The second in which somebody last answered is so recent that the source's own line works. */
#define ALIVE_SECONDS 60u
/* Learned dark space: a subnet must have been watched for so long, and so many of its addresses be in use. */
#define SUBNET_LEARNED 600u
#define SUBNET_USED    3u
/* How many peers it takes to tell from their ports, after how many the look begins anew, and how long it holds. */
#define P2P_LEAST 16u
#define P2P_ROUND 256u
#define P2P_LASTS 3600u
/* For room: a failed contact is worth as much as an answered one this much younger; so is each failure of a sweep or of
 * a target's ports, up to a day. */
#define KEEP_CONTACT 3600u
#define KEEP_FAILURE 600u
#define TRACEROUTE   33434u /* traceroute counts its UDP ports up from here (its manual page), to no end */
#define BURST_LEAST  16     /* neighbours asked for the first time within 4 to 8 s */

/* The two hypotheses as steps of the walk, 10*log10 of P(outcome | scanner) / P(outcome | honest), in hundredths.
 * Well-known ports, ICMP, ARP: an honest host's first contacts succeed in 80 % of cases, a scanner's in 20 % (Jung et
 * al. 2004, section 5). Other ports and UDP: peers of a swarm are often gone, so honest 50 % against a scanner's 5 %.
 */
#define STEP_FAILED         602
#define STEP_ANSWERED       (-602)
#define STEP_FAILED_LOOSE   279
#define STEP_ANSWERED_LOOSE (-1000)
/* "Honest" is decided, and the test begins anew, at 1 % of missing a scanner (Jung's beta). */
#define WALK_HONEST (-2000)
#define WALK_MOST   (1 << 24)

/* Keys: the source's hash, and what the key is for, mixed with the target's. */
#define KEY_SWEEP  0x100000000ull
#define KEY_TARGET 0x200000000ull
#define KEY_NAME   0x300000000ull
#define KEY_DARK   0x400000000ull
#define KEY_UNUSED 0x500000000ull

/* A contact's stamp: seconds since the begin, and the outcome in the lowest three bits. */
static uint32_t contact_stamp(uint32_t since, enum scan_outcome outcome)
{
        return (since + (outcome == SCAN_FAILED ? KEEP_CONTACT : 0)) << 3 | outcome;
}

static enum scan_outcome contact_outcome(const struct ways_slot *c)
{
        return c->stamp & 7;
}

static uint32_t contact_since(const struct ways_slot *c)
{
        return (c->stamp >> 3) - (contact_outcome(c) == SCAN_FAILED ? KEEP_CONTACT : 0);
}

static bool is_loose(const struct scan_sweep *w)
{
        return w->proto == IPPROTO_UDP || (w->proto == IPPROTO_TCP && w->port >= 1024);
}

static void note_answered(struct scan_sweep *w)
{
        w->answered++;
        w->run_answered++;
        w->walk += is_loose(w) ? STEP_ANSWERED_LOOSE : STEP_ANSWERED;
        if (w->walk <= WALK_HONEST)
                w->walk = 0, w->run_failed = w->run_answered = 0;
}

static uint32_t *heard_of(struct scan *s, uint64_t who)
{
        return &s->heard[(uint32_t) (who >> 20) % SCAN_HEARD];
}

static void note_failed(struct scan *s, const struct scan_step *step, uint32_t count)
{
        struct scan_sweep *w = step->sweep;
        uint32_t heard = *heard_of(s, step->who);

        if (!count)
                return;
        if (!heard || step->second - heard > ALIVE_SECONDS) {
                w->unsure += count;
                return;
        }
        w->unsure = 0; /* the line was down meanwhile, or it was not: nobody knows */
        w->failed += count;
        w->run_failed += count;
        w->walk += (int32_t) count * (is_loose(w) ? STEP_FAILED_LOOSE : STEP_FAILED);
        w->walk = MIN(w->walk, WALK_MOST);
}

static void take_back(struct scan_sweep *w)
{
        if (w->unsure) {
                w->unsure--;
                return;
        }
        w->failed -= w->failed > 0;
        w->run_failed -= w->run_failed > 0;
        w->walk -= is_loose(w) ? STEP_FAILED_LOOSE : STEP_FAILED;
}

/* Contacts that have been pending for a whole bucket count as failed from here on. */
static void turn_buckets(struct scan *s, const struct scan_step *step)
{
        struct scan_sweep *w = step->sweep;
        uint32_t bucket = step->second / BUCKET_SECONDS, passed = bucket - w->bucket;

        if (passed == 0)
                return;
        note_failed(s, step, w->fresh[1]);
        w->fresh[1] = w->fresh[0];
        w->fresh[0] = 0;
        w->begun[1] = w->begun[0];
        w->begun[0] = 0;
        if (passed > 1) {
                note_failed(s, step, w->fresh[1]);
                w->fresh[1] = w->begun[1] = 0;
        }
        w->bucket = bucket;
}

/* The place where a contact that began `age` seconds ago is still pending, or NULL: it was taken for failed. */
static uint16_t *fresh_of(const struct scan_step *step, uint32_t age)
{
        uint32_t buckets = step->sweep->bucket - (step->second - age) / BUCKET_SECONDS;
        uint16_t *fresh = buckets <= 1 ? &step->sweep->fresh[buckets] : NULL;

        return fresh && *fresh ? fresh : NULL;
}

static void resolve(struct scan *s, const struct scan_step *step, struct ways_slot *c, enum scan_outcome outcome)
{
        uint16_t *fresh = contact_outcome(c) == SCAN_PENDING ? fresh_of(step, step->stamp - contact_since(c)) : NULL;

        if (fresh)
                --*fresh;
        else if (outcome != SCAN_FAILED) /* it was counted as failed */
                take_back(step->sweep);
        if (outcome == SCAN_ANSWERED)
                note_answered(step->sweep);
        else if (outcome == SCAN_FAILED && fresh)
                note_failed(s, step, 1);
        c->stamp = contact_stamp(contact_since(c), outcome);
}

/* What was seen a day ago counts half. */
static void age_sweep(struct scan_sweep *w, uint32_t second)
{
        if (second - w->since <= DAY_SECONDS)
                return;
        w->since = second;
        w->burst = 0;
        w->walk /= 2;
        w->tried /= 2;
        w->failed /= 2;
        w->answered /= 2;
        w->run_failed /= 2;
        w->run_answered /= 2;
        w->unsure /= 2;
}

static uint64_t sweep_hash(const struct scan_step *step, uint16_t port)
{
        return ways_mix(step->who, KEY_SWEEP | (uint64_t) step->flow->proto << 16 | port);
}

static void find_sweep(struct scan *s, struct scan_step *step, uint16_t port)
{
        struct ways_slot *slot;
        struct scan_sweep *w;
        bool created;

        slot = ways_insert(&s->sweeps, sweep_hash(step, port), step->stamp, &created);
        w = step->sweep = ways_entry(&s->sweeps, slot);
        if (created) {
                w->since = step->second;
                w->bucket = step->second / BUCKET_SECONDS;
                w->port = port;
                w->proto = step->flow->proto;
        } else {
                age_sweep(w, step->second);
                turn_buckets(s, step);
        }
        slot->stamp = step->stamp + (w->walk > 0 ? MIN(w->run_failed * KEEP_FAILURE, DAY_SECONDS) : 0);
}

static void begin_day(struct scan_source *src, uint32_t second)
{
        if (second - src->day < DAY_SECONDS)
                return;
        src->day = second;
        src->dark = src->unused = 0;
        src->high = src->blocks = 0;
}

struct scan_source *scan_source_of(struct scan *s, struct scan_step *step)
{
        struct ways_slot *slot;
        bool created;

        if (step->source)
                return step->source;
        slot = ways_insert(&s->sources, step->who, step->stamp, &created);
        slot->stamp = MAX(slot->stamp, step->stamp);
        step->source = ways_entry(&s->sources, slot);
        begin_day(step->source, step->second);
        for (size_t i = 0; i < SCAN_KINDS; i++)
                if (step->source->told[i].at)
                        slot->stamp = step->stamp + DAY_SECONDS;
        return step->source;
}

/* A swarm's peers have each their own port; a scanner's targets share a few. */
static void note_peer(struct scan *s, struct scan_step *step)
{
        struct scan_source *src = scan_source_of(s, step);
        unsigned port = (step->flow->remote_port * 2654435761u) >> 25, peer = (unsigned) (step->remote >> 57), ports,
                 peers, least;

        src->high++;
        src->round++;
        src->ports[port / 64] |= 1ull << port % 64;
        src->peers[peer / 64] |= 1ull << peer % 64;
        if (src->round < P2P_LEAST)
                return;
        ports = (unsigned) (__builtin_popcountll(src->ports[0]) + __builtin_popcountll(src->ports[1]));
        peers = (unsigned) (__builtin_popcountll(src->peers[0]) + __builtin_popcountll(src->peers[1]));
        /* Below 64 half as many bits as contacts; beyond, hashes collide: 256 random ones fill 111 of 128. */
        least = src->round <= 64 ? src->round / 2u : 32 + (src->round - 64u) / 4;
        if (MIN(ports, peers) >= least)
                src->p2p_at = step->second;
        if (src->round >= P2P_ROUND) {
                src->round = 0;
                memset(src->ports, 0, sizeof(src->ports));
                memset(src->peers, 0, sizeof(src->peers));
        }
}

bool scan_is_p2p(struct scan *s, struct scan_step *step)
{
        const struct scan_source *src = scan_source_of(s, step);

        return src->p2p_at && step->second - src->p2p_at < P2P_LASTS && step->sweep->tried * 2 <= src->high;
}

static uint64_t subnet_key(const struct addr *a)
{
        uint32_t base;

        memcpy(&base, a->b + 12, sizeof(base));
        return ways_mix(base & htonl(0xffffff00u), 1);
}

void scan_note_used(struct scan *s, const struct addr *a, uint32_t second)
{
        struct scan_subnet *n;
        struct ways_slot *slot;
        bool created;

        if (!addr_is_v4(a))
                return;
        slot = ways_insert(&s->subnets, subnet_key(a), second - s->begin, &created);
        n = ways_entry(&s->subnets, slot);
        slot->stamp = second - s->begin;
        if (created)
                n->since = second;
        n->used[a->b[15] / 64] |= 1ull << a->b[15] % 64;
}

static bool is_dark(const struct scan *s, const struct addr *a)
{
        for (size_t i = 0; i < s->n_dark; i++)
                if (cidr_contains(&s->dark[i], a))
                        return true;
        return false;
}

/* Never seen in use, in a subnet of ours that is known well enough. */
static bool is_unused(const struct scan *s, const struct addr *a, uint32_t second)
{
        const struct ways_slot *slot;
        const struct scan_subnet *n;
        int used = 0;

        if (!addr_is_v4(a) || a->b[15] == 0 || a->b[15] == 255 || !home_has(s->home, a))
                return false;
        slot = ways_find(&s->subnets, subnet_key(a));
        if (!slot)
                return false;
        n = ways_entry(&s->subnets, slot);
        for (size_t i = 0; i < ELEMENTSOF(n->used); i++)
                used += __builtin_popcountll(n->used[i]);
        return !(n->used[a->b[15] / 64] >> a->b[15] % 64 & 1) && used >= (int) SUBNET_USED &&
               second - n->since >= SUBNET_LEARNED;
}

/* Counts an address once a day and source, among the contacts. */
static bool is_first_touch(struct scan *s, const struct scan_step *step, uint64_t key)
{
        bool created;
        struct ways_slot *c = ways_insert(&s->contacts, ways_mix(step->who ^ key, step->remote),
                                          contact_stamp(step->stamp, SCAN_TOUCHED), &created);

        if (!created && step->stamp - contact_since(c) < DAY_SECONDS)
                return false;
        c->stamp = contact_stamp(step->stamp, SCAN_TOUCHED);
        return true;
}

static enum scan_outcome outcome_of(const struct event *e)
{
        const struct flow_event *f = &e->flow;

        if (f->flags & FLOW_ONE_SIDED)
                return SCAN_NO_MATTER;
        if (f->state == FLOW_STATE_FAILED) {
                /* Who acknowledges has heard something: the other direction was not captured. */
                if (f->proto == IPPROTO_TCP && f->tcp & TCP_SEEN_ACK && !(f->tcp >> 8))
                        return SCAN_NO_MATTER;
                return SCAN_FAILED;
        }
        if (f->proto != IPPROTO_TCP && f->proto != PROTO_ARP && f->pkts_in == 0 && f->bytes_in == 0)
                return e->op == FLOW_END ? SCAN_FAILED : SCAN_PENDING;
        return f->state == FLOW_STATE_NEW ? SCAN_PENDING : SCAN_ANSWERED;
}

static uint64_t host_hash(const struct addr *local)
{
        struct detector_key host = detector_host_key(local);

        return ways_hash(&host);
}

void scan_note_names(struct scan *s, const struct dns_event *d, uint32_t second)
{
        uint64_t host = host_hash(&d->ends.local) ^ KEY_NAME;
        bool created;

        for (uint16_t i = 0; i < d->n_addrs; i++)
                ways_insert(&s->names, ways_mix(host, ways_hash(&d->addrs[i])), second - s->begin, &created)->stamp =
                        second - s->begin;
}

static bool is_named(struct scan *s, const struct scan_step *step)
{
        uint64_t host = task_is_known(&step->flow->task) ? host_hash(&step->flow->local) : step->who;

        return s->names.inserted && ways_find(&s->names, ways_mix(host ^ KEY_NAME, step->remote));
}

/* A first contact: who is it, and is there anything to learn from it? */
static void begin(struct scan *s, struct scan_step *step, struct ways_slot *c, bool ports)
{
        struct scan_sweep *w = step->sweep;

        if (is_named(s, step)) {
                c->stamp = contact_stamp(step->stamp, SCAN_NO_MATTER);
                return;
        }
        c->stamp = contact_stamp(step->stamp, SCAN_PENDING);
        w->tried++;
        w->targets |= 1ull << (step->remote & 63);
        w->fresh[0] += w->fresh[0] < UINT16_MAX;
        w->begun[0] += w->begun[0] < UINT16_MAX;
        if (!ports && !w->burst && w->begun[0] + w->begun[1] >= BURST_LEAST && home_has(s->home, &step->flow->remote))
                w->burst = 1;
        if (ports && step->flow->remote_port >= 1024)
                note_peer(s, step);
}

static struct scan_target *find_target(struct scan *s, const struct scan_step *step, bool make)
{
        uint64_t hash = ways_mix(step->who ^ (KEY_TARGET + step->flow->proto), step->remote);
        struct ways_slot *slot = make ? NULL : ways_find(&s->targets, hash);
        struct scan_target *t;
        bool created = false;

        if (make)
                slot = ways_insert(&s->targets, hash, step->stamp, &created);
        if (!slot)
                return NULL;
        t = ways_entry(&s->targets, slot);
        slot->stamp = step->stamp + MIN(t->failed * KEEP_FAILURE, DAY_SECONDS);
        if (created)
                t->lowest = UINT16_MAX;
        if (step->second - t->since > DAY_SECONDS) { /* also a new one */
                t->since = step->second;
                t->failed /= 2;
                t->answered /= 2;
                t->counted = 0;
        }
        return t;
}

/* The ports of the target, once one has failed. */
static void note_port(struct scan *s, struct scan_step *step, enum scan_outcome before, enum scan_outcome outcome)
{
        struct scan_target *t = find_target(s, step, outcome == SCAN_FAILED);
        uint16_t port = step->flow->remote_port;

        step->target = t;
        if (!t)
                return;
        if (before == SCAN_FAILED)
                t->failed -= t->failed > 0;
        if (outcome == SCAN_ANSWERED)
                t->answered++;
        if (outcome != SCAN_FAILED)
                return;
        t->failed++;
        t->ports |= 1ull << ((port * 2654435761u) >> 26);
        t->lowest = MIN(t->lowest, port);
        t->highest = MAX(t->highest, port);
}

/* Dark: any touch. Unused: only when nobody answered, else it is in use. */
static void note_space(struct scan *s, struct scan_step *step, enum scan_outcome outcome, bool first)
{
        const struct flow_event *f = step->flow;

        if (first && s->n_dark && is_dark(s, &f->remote) && is_first_touch(s, step, KEY_DARK)) {
                step->dark = true;
                scan_source_of(s, step);
                step->source->dark += step->source->dark < UINT16_MAX;
        }
        if (outcome == SCAN_FAILED && !f->pkts_in && is_unused(s, &f->remote, step->second) &&
            is_first_touch(s, step, KEY_UNUSED)) {
                step->unused = true;
                scan_source_of(s, step);
                step->source->unused += step->source->unused < UINT16_MAX;
        }
}

bool scan_take(struct scan *s, const struct event *e, struct scan_step *ret)
{
        const struct flow_event *f = &e->flow;
        bool ports = f->proto == IPPROTO_TCP || f->proto == IPPROTO_UDP, first = false;
        uint16_t port = ports ? f->remote_port : 0;
        uint32_t second = (uint32_t) (e->time / NSEC_PER_SEC);
        struct detector_key who = detector_flow_key(f);
        struct scan_step step = {.flow = f,
                                 .who = ways_hash(&who),
                                 .remote = ways_hash(&f->remote),
                                 .second = second,
                                 .stamp = second - s->begin};
        uint64_t hash = ways_mix(step.who ^ ((uint64_t) f->proto << 16 | port), step.remote);
        enum scan_outcome outcome = outcome_of(e), before;
        struct ways_slot *c;

        ways_prefetch(&s->contacts, hash);
        ways_prefetch(&s->sweeps, sweep_hash(&step, port));
        __builtin_prefetch(heard_of(s, step.who));
        c = e->op == FLOW_START ? ways_insert(&s->contacts, hash, contact_stamp(step.stamp, SCAN_PENDING), &first) :
                                  ways_find(&s->contacts, hash);
        if (!c)
                return false;
        before = contact_outcome(c);
        if (e->op == FLOW_START && !first && before != SCAN_PENDING) {
                first = step.stamp - contact_since(c) > DAY_SECONDS;
                c->stamp = contact_stamp(step.stamp, before); /* in use, so kept */
        }
        /* Any answer, a refusal too, says that the source's line works. */
        if (outcome == SCAN_ANSWERED || (outcome == SCAN_FAILED && f->pkts_in))
                *heard_of(s, step.who) = second;
        /* The usual way out: nothing is learned from the second contact, nor from an answer known before. */
        if (!first &&
            (outcome == SCAN_PENDING || before == outcome || before == SCAN_ANSWERED || before == SCAN_NO_MATTER))
                return false;
        find_sweep(s, &step, port);
        if (first) {
                begin(s, &step, c, ports);
                before = SCAN_PENDING;
        }
        if (outcome != SCAN_PENDING && contact_outcome(c) != SCAN_NO_MATTER) {
                resolve(s, &step, c, outcome);
                if (ports && !(f->proto == IPPROTO_UDP && port >= TRACEROUTE))
                        note_port(s, &step, before, outcome);
        }
        note_space(s, &step, outcome, first);
        *ret = step;
        return true;
}
