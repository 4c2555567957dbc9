/* SPDX-License-Identifier: GPL-3.0-or-later */
/* threshold and detection_filter: how often a rule must match, or may alert. Runs where rules are read. */
#include <errno.h>
#include <string.h>

#include "rules/parse.h"

enum { HAS_TYPE = 1, HAS_TRACK = 2, HAS_COUNT = 4, HAS_SECONDS = 8, HAS_MULTIPLIER = 16, HAS_UNIQUE = 32 };

struct named {
        const char *word;
        uint8_t value;
};
static const struct named types[] = {{"limit", THRESHOLD_LIMIT},
                                     {"threshold", THRESHOLD_THRESHOLD},
                                     {"both", THRESHOLD_BOTH},
                                     {"backoff", THRESHOLD_BACKOFF}};
static const struct named tracks[] = {{"by_src", TRACK_SRC},
                                      {"by_dst", TRACK_DST},
                                      {"by_both", TRACK_PAIR},
                                      {"by_rule", TRACK_RULE},
                                      {"by_flow", TRACK_FLOW}};
static const struct named uniques[] = {{"src_port", UNIQUE_SRC_PORT}, {"dst_port", UNIQUE_DST_PORT}};

static int take_named(struct parse *p, struct slice word, const struct named *table, size_t n, uint8_t *ret)
{
        for (size_t i = 0; i < n; i++)
                if (word_is(word, table[i].word)) {
                        *ret = table[i].value;
                        return 0;
                }
        return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is not understood", WORD_ARGS(word));
}

static int take_count(struct parse *p, struct slice word, uint32_t min, uint32_t *ret)
{
        uint64_t n;

        if (word_number(word, 10, UINT32_MAX, &n) < 0 || n < min)
                return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is no number from %u to 4294967295", WORD_ARGS(word),
                                  min);
        *ret = (uint32_t) n;
        return 0;
}

static int take_pair(struct parse *p, struct slice word, struct rule_threshold *t, unsigned *has)
{
        struct slice value, key = word_first(word, &value);
        unsigned what;
        int r;

        if (word_is(key, "type")) {
                what = HAS_TYPE;
                r = take_named(p, value, types, ELEMENTSOF(types), &t->kind);
        } else if (word_is(key, "track")) {
                what = HAS_TRACK;
                r = take_named(p, value, tracks, ELEMENTSOF(tracks), &t->track);
        } else if (word_is(key, "unique_on")) {
                what = HAS_UNIQUE;
                r = take_named(p, value, uniques, ELEMENTSOF(uniques), &t->unique);
        } else if (word_is(key, "count")) {
                what = HAS_COUNT;
                r = take_count(p, value, 1, &t->count);
        } else if (word_is(key, "seconds")) {
                what = HAS_SECONDS;
                r = take_count(p, value, 1, &t->seconds);
        } else if (word_is(key, "multiplier")) {
                what = HAS_MULTIPLIER;
                r = take_count(p, value, 1, &t->multiplier);
        } else
                return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is not understood", WORD_ARGS(word));
        if (r == 0 && *has & what)
                return parse_fail(p, PROBLEM_VALUE, "%.*s is said twice", WORD_ARGS(key));
        *has |= what;
        return r;
}

static int take_pairs(struct parse *p, struct slice text, struct rule_threshold *t, unsigned *has)
{
        struct slice rest = text, word;

        while (word_next(&rest, ',', &word))
                if (take_pair(p, word, t, has) < 0)
                        return -EINVAL;
        return 0;
}

int parse_threshold_words(struct parse *p, struct slice text, struct rule_threshold *ret)
{
        struct rule_threshold t = {0};
        unsigned has = 0, wants = HAS_TYPE | HAS_TRACK | HAS_COUNT;

        if (take_pairs(p, text, &t, &has) < 0)
                return -EINVAL;
        wants |= t.kind == THRESHOLD_BACKOFF ? HAS_MULTIPLIER : HAS_SECONDS;
        if (has != wants)
                return parse_fail(p, PROBLEM_VALUE,
                                  t.kind == THRESHOLD_BACKOFF ? "a backoff has type, track, count and multiplier" :
                                                                "it has type, track, count and seconds");
        if (t.kind == THRESHOLD_BACKOFF && t.track != TRACK_FLOW)
                return parse_fail(p, PROBLEM_VALUE, "a backoff is tracked by_flow");
        *ret = t;
        return 0;
}

/* "type threshold, count 1" alerts each time: beside another one it says nothing. */
static bool says_nothing(const struct rule_threshold *t)
{
        return t->kind == THRESHOLD_NONE || (t->kind == THRESHOLD_THRESHOLD && t->count == 1);
}

int parse_option_threshold(struct parse *p, const struct parse_option *o)
{
        struct rule_threshold t;

        if (parse_threshold_words(p, o->value, &t) < 0)
                return -EINVAL;
        if (says_nothing(&p->rule.threshold))
                p->rule.threshold = t;
        else if (!says_nothing(&t))
                return parse_fail(p, PROBLEM_COMBINATION, "a rule has one threshold or detection_filter");
        return 0;
}

int parse_option_filter(struct parse *p, const struct parse_option *o)
{
        struct rule_threshold t = {.kind = THRESHOLD_FILTER};
        unsigned has = 0;

        if (p->rule.threshold.kind != THRESHOLD_NONE)
                return parse_fail(p, PROBLEM_COMBINATION, "a rule has one threshold or detection_filter");
        if (take_pairs(p, o->value, &t, &has) < 0)
                return -EINVAL;
        if ((has & ~(unsigned) HAS_UNIQUE) != (HAS_TRACK | HAS_COUNT | HAS_SECONDS))
                return parse_fail(p, PROBLEM_VALUE, "it has track, count and seconds");
        p->rule.threshold = t;
        return 0;
}
