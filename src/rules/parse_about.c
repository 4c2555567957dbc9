/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a rule says about itself: number, message, class, references. Runs where rules are read. */
#include <errno.h>
#include <string.h>

#include "rules/parse.h"

static int once(struct parse *p, uint32_t seen)
{
        if (p->seen & seen)
                return parse_fail(p, PROBLEM_COMBINATION, "the rule has it already");
        p->seen |= seen;
        return 0;
}

static int take_number(struct parse *p, struct slice value, uint32_t min, uint32_t max, uint32_t *ret)
{
        uint64_t n;

        if (word_number(value, 10, max, &n) < 0 || n < min)
                return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is no number from %u to %u", WORD_ARGS(value), min, max);
        *ret = (uint32_t) n;
        return 0;
}

int parse_option_sid(struct parse *p, const struct parse_option *o)
{
        return once(p, PARSE_SEEN_SID) < 0 ? -EINVAL : take_number(p, o->value, 1, UINT32_MAX, &p->rule.sid);
}

int parse_option_gid(struct parse *p, const struct parse_option *o)
{
        return once(p, PARSE_SEEN_GID) < 0 ? -EINVAL : take_number(p, o->value, 0, UINT32_MAX, &p->rule.gid);
}

int parse_option_rev(struct parse *p, const struct parse_option *o)
{
        return once(p, PARSE_SEEN_REV) < 0 ? -EINVAL : take_number(p, o->value, 0, UINT32_MAX, &p->rule.rev);
}

int parse_option_priority(struct parse *p, const struct parse_option *o)
{
        return take_number(p, o->value, 1, 255, &p->rule.priority);
}

/* Backslashes protect what would end the text. */
int parse_option_msg(struct parse *p, const struct parse_option *o)
{
        char *to = arena_take(&p->set->arena, o->value.len + 1);
        uint32_t n = 0;

        if (!to)
                return parse_fail_memory(p);
        if (once(p, PARSE_SEEN_MSG) < 0)
                return -EINVAL;
        for (uint32_t i = 0; i < o->value.len; i++) {
                if (o->value.p[i] == '\\' && i + 1 < o->value.len)
                        i++;
                to[n++] = o->value.p[i];
        }
        p->rule.msg = to;
        return 0;
}

/* The class is looked up when all files are read: classification.config may come last. Of several, the last one is
 * taken. */
int parse_option_classtype(struct parse *p, const struct parse_option *o)
{
        p->rule.class_name = parse_text(p, o->value);
        return p->rule.class_name ? 0 : -EINVAL;
}

static int add_word(struct parse *p, struct rule_word *words, uint16_t *n, struct slice key, struct slice value)
{
        if (*n == PARSE_WORDS_MAX)
                return parse_fail(p, PROBLEM_LIMIT, "more than %u entries", PARSE_WORDS_MAX);
        words[*n].key = parse_text(p, key);
        words[*n].value = parse_text(p, value);
        if (!words[*n].key || !words[*n].value)
                return -EINVAL;
        (*n)++;
        return 0;
}

/* "key value, key value" */
int parse_option_metadata(struct parse *p, const struct parse_option *o)
{
        struct slice rest = o->value, word, value;

        while (word_next(&rest, ',', &word)) {
                struct slice key = word_first(word, &value);

                if (key.len && add_word(p, p->metadata, &p->n_metadata, key, value) < 0)
                        return -EINVAL;
        }
        return 0;
}

/* "cve,2004-1234" */
int parse_option_reference(struct parse *p, const struct parse_option *o)
{
        struct slice rest = o->value, key;

        (void) word_next(&rest, ',', &key);
        rest = word_trim(rest);
        if (!key.len || !rest.len)
                return parse_fail(p, PROBLEM_VALUE, "it is a kind, a comma, and where");
        return add_word(p, p->references, &p->n_references, key, rest);
}

int parse_option_target(struct parse *p, const struct parse_option *o)
{
        if (once(p, PARSE_SEEN_TARGET) < 0)
                return -EINVAL;
        if (!word_is(o->value, "src_ip") && !word_is(o->value, "dest_ip"))
                return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is not src_ip or dest_ip", WORD_ARGS(o->value));
        p->rule.flags |= word_is(o->value, "src_ip") ? RULE_TARGET_SRC : RULE_TARGET_DST;
        return 0;
}

int parse_option_noalert(struct parse *p, const struct parse_option *o _unused_)
{
        p->rule.flags |= RULE_NOALERT;
        return 0;
}

int parse_option_prefilter(struct parse *p, const struct parse_option *o _unused_)
{
        if (p->n_steps + p->n_tests + p->n_bits == 0)
                return parse_fail(p, PROBLEM_COMBINATION, "nothing stands before it");
        p->rule.flags |= RULE_PREFILTER;
        return 0;
}

/* tag asks for a record of the packets that follow; which packets match does not change with it. */
int parse_option_tag(struct parse *p, const struct parse_option *o)
{
        struct slice rest = o->value, word;

        (void) word_next(&rest, ',', &word);
        if (!word_is(word, "session") && !word_is(word, "host"))
                return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is not session or host", WORD_ARGS(word));
        return 0;
}

int parse_option_nothing(struct parse *p _unused_, const struct parse_option *o _unused_)
{
        return 0;
}
