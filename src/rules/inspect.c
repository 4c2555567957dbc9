/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inspection: candidates of the prefilter and what waits, each evaluated exactly in the order of the ranks, and what
 * follows from a match. Most calls end when the prefilter found nothing. Runs in the engine and in `read`. */
#include "rules/inspect_internal.h"

#include <time.h>

#define FEW        16 /* candidates that are sorted by insertion */
#define CACHE_LINE 64

static bool is_stream(const struct inspect_input *in)
{
        return in->flags & INSPECT_STREAM && in->scan & BUFFER_BIT(BUFFER_PAYLOAD);
}

static bool is_transaction(const struct inspect_input *in)
{
        return in->have & ~BUFFER_BIT(BUFFER_PAYLOAD) || (!is_stream(in) && !(in->flags & INSPECT_PACKET));
}

static bool to_server(const struct inspect_input *in)
{
        return in->flags & INSPECT_TO_SERVER;
}

/* Where the window ends; places are compared by their low 32 bits. */
static uint32_t window_end(const struct inspect_input *in)
{
        const struct inspect_buffer *b = &in->buffers[BUFFER_PAYLOAD];

        return (uint32_t) (b->base + b->len);
}

static bool slid_out(const struct inspect_input *in, uint32_t place)
{
        return (int32_t) (place - (uint32_t) in->buffers[BUFFER_PAYLOAD].base) <= 0;
}

/* Asked of every packet, but to be said once. */
static bool said_once(const struct prefilter_rule *r)
{
        return r->rule->flags & RULE_APP_ONLY && !r->of_buffers && !r->of_payload;
}

static struct inspect_entry entry_of(const struct inspect_input *in, const struct prefilter_rule *r, uint32_t rank,
                                     bool matched)
{
        struct inspect_entry e = {.to_server = to_server(in), .id = rank};

        if (said_once(r)) {
                e.kind = ENTRY_MATCHED;
                e.transaction = UINT32_MAX;
        } else if (r->of_buffers) {
                e.kind = matched ? ENTRY_MATCHED : ENTRY_WAIT;
                e.transaction = in->transaction;
        } else {
                e.kind = matched ? ENTRY_MATCHED_STREAM : ENTRY_WAIT_STREAM;
                e.value = window_end(in);
        }
        return e;
}

/* What waits for this stream or transaction is looked at again; what has become old goes. */
static void add_waiting(struct inspector *i, const struct inspect_input *in)
{
        bool stream = is_stream(in), transaction = is_transaction(in);
        struct inspect_flow *f = *in->flow;
        struct inspect_entry *e;
        unsigned at = 0;

        while ((e = inspect_flow_next(f, &at))) {
                if (e->to_server != to_server(in))
                        continue;
                if (stream && (e->kind == ENTRY_WAIT_STREAM || e->kind == ENTRY_MATCHED_STREAM) &&
                    slid_out(in, e->value))
                        inspect_flow_remove(i->pool, f, e);
                else if (stream && e->kind == ENTRY_WAIT_STREAM && candidates_has(&i->candidates, e->id))
                        e->value = window_end(in); /* its literal came again: it waits anew */
                else if ((stream && e->kind == ENTRY_WAIT_STREAM) ||
                         (transaction && e->kind == ENTRY_WAIT && e->transaction == in->transaction))
                        candidates_add(&i->candidates, e->id);
        }
}

/* The transaction or the stream is over. */
static void forget_final(struct inspector *i, const struct inspect_input *in)
{
        bool stream = is_stream(in), transaction = is_transaction(in);
        struct inspect_flow *f = in->flow ? *in->flow : NULL;
        struct inspect_entry *e;
        unsigned at = 0;

        while ((e = inspect_flow_next(f, &at))) {
                bool of_stream = e->kind == ENTRY_WAIT_STREAM || e->kind == ENTRY_MATCHED_STREAM;
                bool of_transaction = e->kind == ENTRY_WAIT || e->kind == ENTRY_MATCHED;

                if (e->to_server == to_server(in) &&
                    ((stream && of_stream) || (transaction && of_transaction && e->transaction == in->transaction)))
                        inspect_flow_remove(i->pool, f, e);
        }
}

static void wait_for_more(struct inspector *i, const struct inspect_input *in, const struct prefilter_rule *r,
                          uint32_t rank)
{
        struct inspect_entry e = entry_of(in, r, rank, false);
        bool dropped = false;

        if (!in->flow || in->flags & INSPECT_FINAL || (!r->of_buffers && !is_stream(in)))
                return;
        if (!inspect_flow_find(*in->flow, &e) && !inspect_flow_add(i->pool, in->flow, &e, &dropped))
                dropped = true;
        i->stats.wait_dropped += dropped;
}

static void stop_waiting(struct inspector *i, const struct inspect_input *in, const struct prefilter_rule *r,
                         uint32_t rank)
{
        struct inspect_entry e = entry_of(in, r, rank, false), *there;

        /* A packet by itself says nothing about the stream. */
        if (in->flow && (r->of_buffers || is_stream(in)) && inspect_flow_waits(*in->flow) &&
            (there = inspect_flow_find(*in->flow, &e)))
                inspect_flow_remove(i->pool, *in->flow, there);
}

/* A transaction matches a rule once; bytes of a stream do, too. */
static void remember_match(struct inspector *i, const struct inspect_input *in, const struct prefilter_rule *r,
                           uint32_t rank)
{
        struct inspect_entry e = entry_of(in, r, rank, true), *there;
        bool dropped = false;

        if (!in->flow ||
            (!said_once(r) && (in->flags & INSPECT_FINAL || (r->of_buffers ? !is_transaction(in) : !is_stream(in)))))
                return;
        there = inspect_flow_matches(*in->flow) ? inspect_flow_find(*in->flow, &e) : NULL;
        if (there)
                there->value = e.value;
        else
                (void) inspect_flow_add(i->pool, in->flow, &e, &dropped);
        i->stats.wait_dropped += dropped;
}

static bool same_packet(const struct inspect_packet *p, const struct inspect_input *in)
{
        const struct packet *at = in->packet;

        return at && p->time == at->time && p->seq == at->seq && p->sport == at->sport && p->dport == at->dport &&
               addr_equal(&p->src, &at->src);
}

/* A packet of a stream that is judged alone: the piece that it brings comes in the next call. */
static void remember_packet_match(struct inspector *i, const struct inspect_input *in, uint32_t rank)
{
        struct inspect_packet *p = &i->packet;

        if ((in->flags & (INSPECT_STREAM | INSPECT_STREAM_ADDED)) != INSPECT_STREAM_ADDED || !in->packet ||
            i->params.twice)
                return;
        if (!same_packet(p, in))
                *p = (struct inspect_packet){in->packet->time, in->packet->src, in->packet->seq, in->packet->sport,
                                             in->packet->dport};
        if (p->n_matched < INSPECT_PACKET_MATCHES)
                p->matched[p->n_matched++] = rank;
}

static bool packet_has_matched(const struct inspector *i, const struct inspect_input *in, uint32_t rank)
{
        if (!i->packet.n_matched || !is_stream(in) || !same_packet(&i->packet, in))
                return false;
        for (unsigned k = 0; k < i->packet.n_matched; k++)
                if (i->packet.matched[k] == rank)
                        return true;
        return false;
}

/* Has it matched all there is? Else *ret_after: the bytes of the stream that it has matched. */
static bool has_matched(const struct inspector *i, const struct inspect_input *in, const struct prefilter_rule *r,
                        uint32_t rank, uint64_t *ret_after)
{
        struct inspect_entry like = entry_of(in, r, rank, true), *there;

        *ret_after = 0;
        if (packet_has_matched(i, in, rank))
                return true;
        if (!in->flow || !inspect_flow_matches(*in->flow) || !(there = inspect_flow_find(*in->flow, &like)))
                return false;
        if (r->of_buffers || said_once(r))
                return true;
        if (is_stream(in) && !slid_out(in, there->value))
                *ret_after = in->buffers[BUFFER_PAYLOAD].base +
                             (uint32_t) (there->value - (uint32_t) in->buffers[BUFFER_PAYLOAD].base);
        return false;
}

static uint64_t now_ns(void)
{
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * 1000000000u + (uint64_t) t.tv_nsec;
}

static enum inspect_answer judge(struct inspector *i, const struct inspect_judge *j)
{
        struct inspect_profile *p = i->profile ? &i->profile[j->rule->rule->index] : NULL;
        uint64_t began = p ? now_ns() : 0;
        enum inspect_answer a = inspect_rule_judge(i, j);

        i->stats.evaluations++;
        if (p) {
                p->evaluations++;
                p->matches += a == INSPECT_MATCH;
                p->ns += now_ns() - began;
        }
        return a;
}

/* xbits span shards, so what a rule does to them is done with the alerts (rules/sift.h), also of a silent rule. */
static bool keeps_xbits(const struct rule *r)
{
        for (unsigned k = r->n_bit_conditions; k < r->n_bits; k++)
                if (r->bits[k].kind == BIT_X)
                        return true;
        return false;
}

/* Do the packet and its stream match, each for itself? */
static bool matches_both(struct inspector *i, const struct inspect_input *in, const struct prefilter_rule *r)
{
        struct inspect_buffer buffers[BUFFERS] = {0};
        struct inspect_input packet = *in, stream = *in;

        if (!(r->rule->flags & RULE_ALSO_PACKET) || !in->packet || !is_stream(in) || !(in->flags & INSPECT_PACKET))
                return false;
        buffers[BUFFER_PAYLOAD] = (struct inspect_buffer){.data = in->packet->payload,
                                                          .len = in->packet->payload_len,
                                                          .fresh = in->packet->payload_len,
                                                          .complete = true};
        packet.flags &= ~(uint32_t) INSPECT_STREAM;
        packet.have = BUFFER_BIT(BUFFER_PAYLOAD);
        packet.buffers = buffers;
        stream.flags &= ~(uint32_t) (INSPECT_PACKET | INSPECT_STREAM_ADDED);
        return inspect_rule_judge(i, &(struct inspect_judge){.rule = r, .in = &packet}) == INSPECT_MATCH &&
               inspect_rule_judge(i, &(struct inspect_judge){.rule = r, .in = &stream}) == INSPECT_MATCH;
}

/* What a match brings. Returns true when nothing behind it is to be looked at: a pass. */
static bool matched(struct inspector *i, const struct inspect_input *in, const struct prefilter_rule *r, uint32_t rank)
{
        const struct rule *rule = r->rule;
        bool both = i->params.twice && matches_both(i, in, r);

        inspect_bits_set(i, rule, in);
        remember_match(i, in, r, rank);
        remember_packet_match(i, in, rank);
        if (rule->action == RULE_PASS) {
                i->stats.passed++;
                if (in->flow && (r->of_buffers || in->flags & INSPECT_STREAM || rule->flags & RULE_IP_ONLY))
                        (void) inspect_flow_pass(i->pool, in->flow);
                return true;
        }
        i->stats.matches++;
        if (rule->flags & RULE_NOALERT && !keeps_xbits(rule))
                return false;
        i->matched[i->n_matched++] = rule;
        if (both)
                i->matched[i->n_matched++] = rule;
        return false;
}

/* Told without a look at the rule itself, which is seldom in a cache. */
static bool lacks_bit(const struct inspect_input *in, const struct prefilter_rule *r)
{
        struct inspect_entry bit = {.kind = ENTRY_BIT, .id = r->bit};

        return r->bit != UINT32_MAX && !(in->flow && inspect_flow_find(*in->flow, &bit));
}

/* Returns true after a pass. */
static bool try_candidate(struct inspector *i, const struct inspect_input *in, uint32_t rank)
{
        const struct prefilter_rule *r = prefilter_rule(i->prefilter, rank);
        struct inspect_judge j = {.rule = r, .in = in};

        if (i->profile)
                i->profile[r->rule->index].candidates++;
        if (has_matched(i, in, r, rank, &j.after))
                return false;
        switch (lacks_bit(in, r) ? INSPECT_NO : judge(i, &j)) {
        case INSPECT_MATCH:
                stop_waiting(i, in, r, rank);
                return matched(i, in, r, rank);
        case INSPECT_WAIT:
                wait_for_more(i, in, r, rank);
                break;
        case INSPECT_NO:
                stop_waiting(i, in, r, rank);
                break;
        }
        return false;
}

static int compare_ranks(const void *a, const void *b)
{
        uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

        return x < y ? -1 : x > y;
}

/* Nearly always a handful. */
static void sort_ranks(uint32_t *ranks, uint32_t n)
{
        if (n > FEW) {
                qsort(ranks, n, sizeof(*ranks), compare_ranks);
                return;
        }
        for (uint32_t i = 1; i < n; i++) {
                uint32_t rank = ranks[i], k = i;

                for (; k > 0 && ranks[k - 1] > rank; k--)
                        ranks[k] = ranks[k - 1];
                ranks[k] = rank;
        }
}

static int compare_matched(const void *a, const void *b)
{
        const struct rule *x = *(const struct rule *const *) a, *y = *(const struct rule *const *) b;

        if (x->action != y->action)
                return x->action < y->action ? -1 : 1;
        if (x->priority != y->priority)
                return x->priority < y->priority ? -1 : 1;
        return x->index < y->index ? -1 : x->index > y->index;
}

/* Rules lie anywhere in memory, and are rarely touched. */
static void fetch_rules(const struct inspector *i, const struct candidates *c)
{
        for (uint32_t k = 0; k < c->n; k++)
                __builtin_prefetch(prefilter_rule(i->prefilter, c->ranks[k]));
        for (uint32_t k = 0; k < c->n; k++) {
                const char *rule = (const char *) prefilter_rule(i->prefilter, c->ranks[k])->rule;

                for (size_t line = 0; line < sizeof(struct rule); line += CACHE_LINE)
                        __builtin_prefetch(rule + line);
        }
}

static void try_candidates(struct inspector *i, const struct inspect_input *in)
{
        struct candidates *c = &i->candidates;

        sort_ranks(c->ranks, c->n);
        fetch_rules(i, c);
        i->stats.candidates += c->n;
        for (uint32_t k = 0; k < c->n; k++)
                if (try_candidate(i, in, c->ranks[k]))
                        break;
        for (uint32_t k = 0; k < c->n; k++)
                c->seen[c->ranks[k] / 64] = 0;
        c->n = 0;
        if (i->n_matched > 1)
                qsort(i->matched, i->n_matched, sizeof(const struct rule *), compare_matched);
        for (uint32_t k = 0; k < i->n_matched && i->params.match; k++)
                i->params.match(i->params.userdata, i->matched[k], in);
        i->n_matched = 0;
}

void inspect(struct inspector *i, const struct inspect_input *in)
{
        bool kept = in->flow && *in->flow;

        if (kept) {
                if (inspect_flow_passed(*in->flow))
                        return;
                inspect_flow_touch(i->pool, in->flow);
        }
        i->stats.inspections++;
        i->stats.scanned_bytes += prefilter_scan(i->prefilter, i->scratch, in, &i->candidates);
        if (kept && (inspect_flow_waits(*in->flow) || inspect_flow_matches(*in->flow)))
                add_waiting(i, in);
        if (i->candidates.n)
                try_candidates(i, in);
        if (in->flags & INSPECT_FINAL)
                forget_final(i, in);
}

void inspect_flow_end(struct inspector *i, struct inspect_flow **flow)
{
        inspect_flow_free(i->pool, flow);
}
