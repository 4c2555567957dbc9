/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of threshold.config: threshold (also called event_filter), rate_filter, suppress. Runs where rules are read. */
#include <errno.h>
#include <string.h>

#include "rules/parse.h"
#include "rules/ranges.h"
#include "rules/ruleset_parts.h"

static int take_u32(struct parse *p, struct slice word, uint32_t *ret)
{
        uint64_t n;

        if (word_number(word, 10, UINT32_MAX, &n) < 0)
                return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is no number", WORD_ARGS(word));
        *ret = (uint32_t) n;
        return 0;
}

/* Takes "gen_id N, sig_id N" off the front. */
static int take_ids(struct parse *p, struct slice *rest, struct ruleset_limit *l)
{
        static const char *const keys[] = {"gen_id", "sig_id"};
        uint32_t *const to[] = {&l->gid, &l->sid};

        for (unsigned i = 0; i < 2; i++) {
                struct slice word, value;

                if (!word_next(rest, ',', &word) || !word_is(word_first(word, &value), keys[i]))
                        return parse_fail(p, PROBLEM_SYNTAX, "it begins with gen_id and sig_id");
                if (take_u32(p, value, to[i]) < 0)
                        return -EINVAL;
        }
        p->problem.gid = l->gid;
        p->problem.sid = l->sid;
        if (l->gid == 0 && l->sid != 0)
                return parse_fail(p, PROBLEM_VALUE, "gen_id 0 is all, and so must sig_id be");
        return 0;
}

static bool take_track(struct slice value, const char *both, uint8_t *ret)
{
        if (word_is(value, "by_src"))
                *ret = TRACK_SRC;
        else if (word_is(value, "by_dst"))
                *ret = TRACK_DST;
        else if (word_is(value, both))
                *ret = TRACK_PAIR;
        else
                return false;
        return true;
}

/* "track by_src, ip 192.0.2.0/24"; nothing: all alerts. */
static int take_suppress(struct parse *p, struct slice rest, struct rule_suppress *ret)
{
        struct slice word, value;
        struct ranges_list list;
        struct ranges_why why;

        ret->track = TRACK_RULE;
        if (!rest.p)
                return 0;
        (void) word_next(&rest, ',', &word);
        if (!word_is(word_first(word, &value), "track") || !take_track(value, "by_either", &ret->track))
                return parse_fail(p, PROBLEM_VALUE, "it is tracked by_src, by_dst or by_either");
        rest = word_trim(rest);
        if (!word_is(word_first(rest, &value), "ip") || !value.len)
                return parse_fail(p, PROBLEM_VALUE, "\"ip\" and the addresses are missing");
        if (ranges_parse(p->set->ranges, value, false, &list, &why) < 0)
                return parse_fail(p, why.kind, "%s", why.reason);
        ret->addrs = list.ranges;
        ret->n_addrs = list.n;
        return 0;
}

static int take_action(struct parse *p, struct slice value, uint8_t *ret)
{
        static const char *const names[] = {"pass", "drop", "reject", "alert"}; /* enum rule_action */

        for (uint8_t i = 0; i < ELEMENTSOF(names); i++)
                if (word_is(value, names[i])) {
                        *ret = i;
                        return 0;
                }
        return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is no action", WORD_ARGS(value));
}

static int take_rate(struct parse *p, struct slice rest, struct rule_rate *ret)
{
        struct slice word;
        unsigned has = 0;
        int r = 0;

        while (r == 0 && word_next(&rest, ',', &word)) {
                struct slice value, key = word_first(word, &value);

                if (word_is(key, "track")) {
                        has |= 1;
                        ret->track = word_is(value, "by_rule") ? TRACK_RULE : TRACK_FLOW;
                        if (!word_is(value, "by_rule") && !word_is(value, "by_flow") &&
                            !take_track(value, "by_both", &ret->track))
                                r = parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is not understood", WORD_ARGS(word));
                } else if (word_is(key, "count")) {
                        has |= 2;
                        r = take_u32(p, value, &ret->count);
                } else if (word_is(key, "seconds")) {
                        has |= 4;
                        r = take_u32(p, value, &ret->seconds);
                } else if (word_is(key, "timeout")) {
                        has |= 8;
                        r = take_u32(p, value, &ret->timeout);
                } else if (word_is(key, "new_action")) {
                        has |= 16;
                        r = take_action(p, value, &ret->action);
                } else
                        r = parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is not understood", WORD_ARGS(word));
        }
        if (r == 0 && (has != 31 || !ret->count || !ret->seconds))
                return parse_fail(p, PROBLEM_VALUE, "it has track, count, seconds, new_action and timeout");
        ret->given = true;
        return r;
}

int parse_limit(struct parse *p, struct slice text)
{
        struct ruleset_limit l = {0};
        struct slice rest, what = word_first(text, &rest);
        int r;

        (void) snprintf(p->option, sizeof(p->option), "%.*s", WORD_ARGS(what));
        r = take_ids(p, &rest, &l);
        if (r == 0 && word_is(what, "suppress"))
                r = take_suppress(p, rest, &l.suppress);
        else if (r == 0 && word_is(what, "rate_filter"))
                r = take_rate(p, rest, &l.rate);
        else if (r == 0)
                r = parse_threshold_words(p, rest, &l.threshold);
        if (r < 0)
                return r;
        r = ruleset_config_limit(p->set, &l);
        return r == -E2BIG ? parse_fail(p, PROBLEM_LIMIT, "too many such lines") : r < 0 ? parse_fail_memory(p) : 0;
}
