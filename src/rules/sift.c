/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The order of judgements, suppression, rate filters, and the merging of floods. Runs in the engine and in `read`. */
#include "rules/sift.h"

#include <errno.h>

#include "rules/sift_internal.h"

/* One rule between a sender and a receiver, within a second. */
struct sift_pair {
        struct sift_pair_key {
                struct sift_rule rule;
                struct addr from, to;
        } key;
        int64_t second;
        uint32_t count, spare;
};

/* What is told when the second is over. */
struct sift_merged {
        struct sift_pair_key key;
        struct event event; /* the newest; its texts are the rule's */
};

static int make_table(const char *name, uint32_t cap, size_t key, size_t entry, struct table **ret)
{
        struct table_params p = {.name = name, .cap = cap, .key_size = (uint16_t) key, .entry_size = (uint16_t) entry};

        return table_new(&p, ret);
}

static void tell(struct sift *s, const struct event *e)
{
        s->stats.told++;
        s->params.event(s->params.userdata, e);
}

static void tell_merged(struct sift *s, struct sift_merged *m)
{
        m->event.time = MAX(m->event.time, s->now);
        tell(s, &m->event);
}

/* No room: it is told early. */
static bool on_evict(void *userdata, void *entry)
{
        tell_merged(userdata, entry);
        return true;
}

static int make_tables(struct sift *s)
{
        struct table_params merged = {
                "sift merged", SIFT_MERGED, sizeof(struct sift_pair_key), sizeof(struct sift_merged), on_evict, s};
        int r;

        if ((r = make_table("sift pairs", SIFT_PAIRS, sizeof(struct sift_pair_key), sizeof(struct sift_pair),
                            &s->pairs)) < 0)
                return r;
        if ((r = sift_threshold_new(s)) < 0 || (r = sift_xbits_new(s)) < 0)
                return r;
        return table_new(&merged, &s->merged);
}

int sift_new(const struct sift_params *params, struct sift **ret)
{
        _cleanup_(sift_freep)
        struct sift *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->params = *params;
        if ((r = make_tables(s)) < 0 || (r = sift_xbits_set_rules(s, params->rules)) < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

void sift_free(struct sift *s)
{
        if (!s)
                return;
        table_free(s->pairs);
        table_free(s->merged);
        sift_threshold_free(s);
        sift_xbits_free(s);
        free(s);
}

int sift_set_rules(struct sift *s, const struct ruleset *rules)
{
        int r;

        sift_flush(s, s->now);
        r = sift_xbits_set_rules(s, rules);
        if (r >= 0)
                s->params.rules = rules;
        return r;
}

static bool range_has(const struct rule_range_addr *ranges, uint32_t n, const struct addr *a)
{
        uint32_t from = 0;

        while (n) {
                uint32_t half = n / 2;

                if (memcmp(a, &ranges[from + half].from, sizeof(*a)) < 0) {
                        n = half;
                } else if (memcmp(a, &ranges[from + half].to, sizeof(*a)) <= 0) {
                        return true;
                } else {
                        from += half + 1;
                        n -= half + 1;
                }
        }
        return false;
}

static bool is_suppressed(const struct rule *r, const struct sift_ends *ends)
{
        for (uint16_t i = 0; i < r->n_suppress; i++) {
                const struct rule_suppress *p = &r->suppress[i];

                if (p->track == TRACK_RULE || (p->track != TRACK_DST && range_has(p->addrs, p->n_addrs, ends->from)) ||
                    (p->track != TRACK_SRC && range_has(p->addrs, p->n_addrs, ends->to)))
                        return true;
        }
        return false;
}

/* Is it one of a flood? Then it is counted for later. */
static bool merge(struct sift *s, const struct event *e, const struct sift_ends *ends)
{
        const struct alert_event *a = &e->alert;
        struct sift_pair_key key = {.rule = {a->gid, a->sid}, .from = *ends->from, .to = *ends->to};
        int64_t second = e->time / NSEC_PER_SEC;
        struct sift_merged *m;
        struct sift_pair *p;
        bool created;
        uint32_t before;

        if (!s->params.per_second || !(p = table_insert(s->pairs, &key, NULL)))
                return false;
        if (p->second != second) {
                p->second = second;
                p->count = 0;
        }
        if (p->count < s->params.per_second) {
                p->count++;
                return false;
        }
        m = table_insert(s->merged, &key, &created);
        if (!m)
                return false;
        before = created ? 0 : m->event.alert.count;
        m->event = *e;
        m->event.alert.count = MAX(a->count, 1u) + before;
        s->stats.merged++;
        return true;
}

static bool is_crowded(struct sift *s, uint64_t packet)
{
        if (!s->params.per_packet || !packet)
                return false;
        if (packet != s->packet)
                s->of_packet = 0;
        s->packet = packet;
        return s->of_packet++ >= s->params.per_packet;
}

static void sift(struct sift *s, const struct event *e, const struct rule *r)
{
        const struct ends *n = &e->ends;
        struct sift_ends ends = {.from = n->from_local ? &n->local : &n->remote,
                                 .to = n->from_local ? &n->remote : &n->local,
                                 .from_port = n->from_local ? n->local_port : n->remote_port,
                                 .to_port = n->from_local ? n->remote_port : n->local_port,
                                 .flow = n->flow_id};

        s->stats.matches++;
        if (!sift_xbits_hold(s, r, &ends)) {
                s->stats.no_xbit++;
                return;
        }
        sift_xbits_change(s, r, &ends);
        if (r->flags & RULE_NOALERT)
                s->stats.silent++;
        else if (is_crowded(s, e->alert.packet))
                s->stats.crowded++;
        else if (is_suppressed(r, &ends))
                s->stats.suppressed++;
        else if (!sift_threshold_allows(s, r, &ends))
                s->stats.limited++;
        else if (!sift_rate_allows(s, r, &ends))
                s->stats.passed++;
        else if (!merge(s, e, &ends))
                tell(s, e);
}

void sift_event(struct sift *s, const struct event *e)
{
        sift_advance(s, e->time);
        if (e->type == EVENT_ALERT && e->alert.rule)
                sift(s, e, e->alert.rule);
        else
                s->params.event(s->params.userdata, e);
}

void sift_flush(struct sift *s, nsec_t now)
{
        struct sift_merged *m;

        s->now = MAX(s->now, now);
        while ((m = table_oldest(s->merged))) {
                tell_merged(s, m);
                table_remove(s->merged, m);
        }
}

void sift_advance(struct sift *s, nsec_t now)
{
        nsec_t before = s->now;

        if (now <= before)
                return;
        s->now = now;
        if (now / NSEC_PER_SEC != before / NSEC_PER_SEC && table_count(s->merged))
                sift_flush(s, now);
}

uint64_t sift_table_bytes(const struct table *t, size_t entry, uint64_t *forgotten)
{
        struct table_stats k;

        table_get_stats(t, &k);
        *forgotten += k.evicted;
        return (uint64_t) k.used * (entry + SIFT_TABLE_BYTES);
}

void sift_get_stats(const struct sift *s, struct sift_stats *ret)
{
        struct sift_stats k = s->stats;

        k.bytes = sift_table_bytes(s->pairs, sizeof(struct sift_pair), &k.forgotten);
        k.bytes += sift_table_bytes(s->merged, sizeof(struct sift_merged), &k.forgotten);
        sift_threshold_count(s, &k);
        sift_xbits_count(s, &k);
        *ret = k;
}
