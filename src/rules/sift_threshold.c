/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How often a rule must match, and how often it may alert: limit, threshold, both, backoff, detection_filter and
 * rate_filter, as Suricata counts them. A window begins with the first match after the last one's end; a match exactly
 * `seconds` after its beginning still belongs to it. Runs in the engine and in `read`. */
#include "rules/sift_internal.h"

enum { OF_THRESHOLD, OF_RATE };

struct sift_threshold {
        struct sift_threshold_key {
                struct sift_rule rule;
                struct sift_tracked who;
                uint64_t of; /* one rule may have both */
        } key;
        nsec_t begin;
        nsec_t active; /* rate_filter: since when the new action holds; 0: it does not */
        uint32_t count;
        uint32_t next; /* backoff: alerts at this count */
};

/* A port that was met within a window. */
struct sift_unique {
        struct sift_unique_key {
                struct sift_rule rule;
                struct sift_tracked who;
                nsec_t begin;
                uint64_t port;
        } key;
};

struct sift_tracked sift_track(uint8_t track, const struct sift_ends *ends)
{
        struct sift_tracked t = {0};
        bool turned = memcmp(ends->from, ends->to, sizeof(*ends->to)) > 0;

        switch (track) {
        case TRACK_SRC:
                t.a = *ends->from;
                break;
        case TRACK_DST:
                t.a = *ends->to;
                break;
        case TRACK_PAIR:
                t.a = turned ? *ends->to : *ends->from;
                t.b = turned ? *ends->from : *ends->to;
                break;
        case TRACK_FLOW:
                t.flow = ends->flow;
                break;
        default:
                break;
        }
        return t;
}

int sift_threshold_new(struct sift *s)
{
        static const struct table_params thresholds = {.name = "sift thresholds",
                                                       .cap = SIFT_THRESHOLDS,
                                                       .key_size = sizeof(struct sift_threshold_key),
                                                       .entry_size = sizeof(struct sift_threshold)};
        static const struct table_params uniques = {.name = "sift uniques",
                                                    .cap = SIFT_UNIQUES,
                                                    .key_size = sizeof(struct sift_unique_key),
                                                    .entry_size = sizeof(struct sift_unique)};
        int r = table_new(&thresholds, &s->thresholds);

        return r < 0 ? r : table_new(&uniques, &s->uniques);
}

void sift_threshold_free(struct sift *s)
{
        table_free(s->thresholds);
        table_free(s->uniques);
}

void sift_threshold_count(const struct sift *s, struct sift_stats *k)
{
        k->bytes += sift_table_bytes(s->thresholds, sizeof(struct sift_threshold), &k->forgotten);
        k->bytes += sift_table_bytes(s->uniques, sizeof(struct sift_unique), &k->forgotten);
}

static bool is_within(const struct sift *s, const struct sift_threshold *e, uint32_t seconds)
{
        return s->now - e->begin <= (nsec_t) seconds * NSEC_PER_SEC;
}

static void begin(const struct sift *s, struct sift_threshold *e)
{
        e->begin = s->now;
        e->count = 1;
}

/* One more within the window, or the first of a new one; true: the window goes on. */
static bool count(const struct sift *s, struct sift_threshold *e, uint32_t seconds, bool created)
{
        if (created || !is_within(s, e, seconds)) {
                begin(s, e);
                return false;
        }
        e->count += e->count < UINT32_MAX;
        return true;
}

static bool limit(const struct sift *s, const struct rule_threshold *t, struct sift_threshold *e, bool created)
{
        return !count(s, e, t->seconds, created) || e->count <= t->count;
}

static bool threshold(const struct sift *s, const struct rule_threshold *t, struct sift_threshold *e, bool created)
{
        (void) count(s, e, t->seconds, created);
        if (e->count < t->count)
                return false;
        e->count = 0;
        return true;
}

static bool both(const struct sift *s, const struct rule_threshold *t, struct sift_threshold *e, bool created)
{
        (void) count(s, e, t->seconds, created);
        return e->count == t->count;
}

static bool backoff(const struct rule_threshold *t, struct sift_threshold *e, bool created)
{
        uint64_t next;

        if (created)
                e->next = t->count;
        e->count += e->count < UINT32_MAX;
        if (e->count != e->next)
                return false;
        next = (uint64_t) e->next * t->multiplier;
        e->next = (uint32_t) MIN(next, (uint64_t) UINT32_MAX);
        return true;
}

/* With unique_on, a port counts once in a window. */
static bool filter(struct sift *s, const struct rule_threshold *t, struct sift_threshold *e, bool created,
                   const struct sift_ends *ends)
{
        struct sift_unique_key key = {.rule = e->key.rule, .who = e->key.who};
        bool is_new = true;

        if (created || !is_within(s, e, t->seconds)) {
                begin(s, e);
                e->count = 0;
        }
        key.begin = e->begin;
        key.port = t->unique == UNIQUE_SRC_PORT ? ends->from_port : ends->to_port;
        if (t->unique != UNIQUE_NONE && (!table_insert(s->uniques, &key, &is_new) || !is_new))
                return false;
        e->count += e->count < UINT32_MAX;
        return e->count > t->count;
}

static struct sift_threshold *find(struct sift *s, const struct rule *r, const struct sift_ends *ends, unsigned of,
                                   bool *ret_created)
{
        struct sift_threshold_key key = {.rule = {r->gid, r->sid},
                                         .who = sift_track(of == OF_RATE ? r->rate.track : r->threshold.track, ends),
                                         .of = of};

        return table_insert(s->thresholds, &key, ret_created);
}

bool sift_threshold_allows(struct sift *s, const struct rule *r, const struct sift_ends *ends)
{
        const struct rule_threshold *t = &r->threshold;
        struct sift_threshold *e;
        bool created = false;

        if (t->kind == THRESHOLD_NONE)
                return true;
        if (t->track == TRACK_FLOW && !ends->flow) /* of no flow: Suricata gives no alert either */
                return false;
        if (!(e = find(s, r, ends, OF_THRESHOLD, &created)))
                return true; /* without memory an alert too many */
        switch (t->kind) {
        case THRESHOLD_LIMIT:
                return limit(s, t, e, created);
        case THRESHOLD_THRESHOLD:
                return threshold(s, t, e, created);
        case THRESHOLD_BOTH:
                return both(s, t, e, created);
        case THRESHOLD_BACKOFF:
                return backoff(t, e, created);
        default:
                return filter(s, t, e, created, ends);
        }
}

/* Whole seconds, as Suricata takes them here. */
static bool is_active(const struct sift *s, struct sift_threshold *e, const struct rule_rate *rate)
{
        if (e->active && s->now / NSEC_PER_SEC - e->active / NSEC_PER_SEC <= rate->timeout)
                return true;
        if (e->active) {
                e->active = 0;
                return false;
        }
        return false;
}

bool sift_rate_allows(struct sift *s, const struct rule *r, const struct sift_ends *ends)
{
        const struct rule_rate *rate = &r->rate;
        struct sift_threshold *e;
        bool created = false, was_active, reached;

        if (!rate->given || !(e = find(s, r, ends, OF_RATE, &created)))
                return true;
        was_active = !created && e->active != 0;
        reached = is_active(s, e, rate);
        if (!was_active) {
                reached = count(s, e, rate->seconds, created) && e->count > rate->count;
                if (reached)
                        e->active = s->now;
        }
        return !reached || rate->action != RULE_PASS;
}
