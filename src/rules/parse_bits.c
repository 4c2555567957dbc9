/* SPDX-License-Identifier: GPL-3.0-or-later */
/* flowbits, flowint, xbits, hostbits: what rules remember for each other. Names become numbers of their set. Runs where
 * rules are read. */
#include <errno.h>
#include <string.h>

#include "rules/parse.h"
#include "rules/ruleset_parts.h"

#define EXPIRE_DEFAULT 30 /* seconds, of xbits: Suricata's */
#define EXPIRE_MAX     (86400 * 365)

static const struct {
        const char *word;
        uint8_t op;
} operations[] = {{"set", BIT_SET},
                  {"unset", BIT_UNSET},
                  {"toggle", BIT_TOGGLE},
                  {"isset", BIT_ISSET},
                  {"isnotset", BIT_ISNOTSET}};

static struct rule_bit *new_bit(struct parse *p, enum bit_kind kind)
{
        struct rule_bit *b = &p->bits[p->n_bits];

        if (p->n_bits == RULE_BITS_MAX) {
                (void) parse_fail(p, PROBLEM_LIMIT, "more than %u conditions on bits, or changes of them",
                                  RULE_BITS_MAX);
                return NULL;
        }
        p->n_bits++;
        *b = (struct rule_bit){.kind = (uint8_t) kind, .value_name = UINT32_MAX};
        return b;
}

static int take_operation(struct parse *p, struct slice word, struct rule_bit *b)
{
        for (size_t i = 0; i < ELEMENTSOF(operations); i++)
                if (word_is(word, operations[i].word)) {
                        b->op = operations[i].op;
                        return 0;
                }
        return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is not set, unset, toggle, isset or isnotset", WORD_ARGS(word));
}

static int take_name(struct parse *p, enum bit_kind kind, struct slice word, uint32_t *ret)
{
        int r;

        if (word.len == 0 || memchr(word.p, ' ', word.len))
                return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is no name", WORD_ARGS(word));
        r = ruleset_name(p->set, kind, word, ret);
        if (r == -E2BIG)
                return parse_fail(p, PROBLEM_LIMIT, "more than %u names in the set", RULESET_NAMES_MAX);
        return r < 0 ? parse_fail_memory(p) : 0;
}

/* "a", or "a|b" where it is asked for any. */
static int take_names(struct parse *p, struct slice list, struct rule_bit *b)
{
        struct slice rest = list, word;

        while (word_next(&rest, '|', &word)) {
                if (b->n_names == BIT_NAMES_MAX)
                        return parse_fail(p, PROBLEM_LIMIT, "more than %u names", BIT_NAMES_MAX);
                if (take_name(p, (enum bit_kind) b->kind, word, &b->names[b->n_names++]) < 0)
                        return -EINVAL;
        }
        if (b->n_names > 1 && b->op != BIT_ISSET && b->op != BIT_ISNOTSET)
                return parse_fail(p, PROBLEM_VALUE, "only isset and isnotset take several names");
        return b->n_names ? 0 : parse_fail(p, PROBLEM_VALUE, "a name is missing");
}

/* "noalert" alone. */
static bool take_noalert(struct parse *p, struct slice value)
{
        if (!word_is(value, "noalert"))
                return false;
        p->rule.flags |= RULE_NOALERT;
        return true;
}

int parse_option_flowbits(struct parse *p, const struct parse_option *o)
{
        struct slice rest = o->value, word;
        struct rule_bit *b;

        if (take_noalert(p, o->value))
                return 0;
        b = new_bit(p, BIT_FLOW);
        if (!b)
                return -EINVAL;
        (void) word_next(&rest, ',', &word);
        if (take_operation(p, word, b) < 0)
                return -EINVAL;
        return take_names(p, word_trim(rest), b);
}

int parse_option_hostbits(struct parse *p, const struct parse_option *o)
{
        struct slice rest = o->value, word = {0}, name = {0};
        struct rule_bit *b;

        if (take_noalert(p, o->value))
                return 0;
        b = new_bit(p, BIT_HOST);
        if (!b)
                return -EINVAL;
        (void) word_next(&rest, ',', &word);
        (void) word_next(&rest, ',', &name);
        if (take_operation(p, word, b) < 0 || take_names(p, name, b) < 0)
                return -EINVAL;
        rest = word_trim(rest);
        b->track = word_is(rest, "dst") ? TRACK_DST : word_is(rest, "both") ? TRACK_PAIR : TRACK_SRC;
        if (rest.len && b->track == TRACK_SRC && !word_is(rest, "src"))
                return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is not src, dst or both", WORD_ARGS(rest));
        return 0;
}

/* "set,name,track ip_src,expire 60" */
int parse_option_xbits(struct parse *p, const struct parse_option *o)
{
        static const struct {
                const char *word;
                uint8_t track;
        } tracks[] = {{"ip_src", TRACK_SRC}, {"ip_dst", TRACK_DST}, {"ip_pair", TRACK_PAIR}, {"tx", PARSE_NONE}};
        struct slice rest = o->value, word = {0}, name = {0}, value;
        struct rule_bit *b;
        uint64_t n;
        size_t i = ELEMENTSOF(tracks);

        if (take_noalert(p, o->value))
                return 0;
        b = new_bit(p, BIT_X);
        if (!b)
                return -EINVAL;
        b->expire = EXPIRE_DEFAULT;
        (void) word_next(&rest, ',', &word);
        (void) word_next(&rest, ',', &name);
        if (take_operation(p, word, b) < 0 || take_names(p, name, b) < 0)
                return -EINVAL;
        while (word_next(&rest, ',', &word)) {
                struct slice key = word_first(word, &value);

                if (word_is(key, "track"))
                        for (i = 0; i < ELEMENTSOF(tracks) && !word_is(value, tracks[i].word);)
                                i++;
                else if (word_is(key, "expire") && word_number(value, 10, EXPIRE_MAX, &n) == 0 && n > 0)
                        b->expire = (uint32_t) n;
                else
                        return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is not understood", WORD_ARGS(word));
        }
        if (i == ELEMENTSOF(tracks) || tracks[i].track == PARSE_NONE)
                return parse_fail(p, PROBLEM_VALUE, "it is tracked by ip_src, ip_dst or ip_pair");
        b->track = tracks[i].track;
        return 0;
}

/* ---- flowint ---- */

static const struct {
        const char *text;
        uint8_t op, compare;
        bool value;
} integers[] = {
        {"+", BIT_ADD, 0, true},
        {"-", BIT_SUB, 0, true},
        {"=", BIT_ASSIGN, 0, true},
        {"==", BIT_COMPARE, NUMBER_EQ, true},
        {"!=", BIT_COMPARE, NUMBER_NE, true},
        {"<", BIT_COMPARE, NUMBER_LT, true},
        {"<=", BIT_COMPARE, NUMBER_LE, true},
        {">", BIT_COMPARE, NUMBER_GT, true},
        {">=", BIT_COMPARE, NUMBER_GE, true},
        {"isset", BIT_DEFINED, 0, false},
        {"isnotset", BIT_NOT_DEFINED, 0, false},
        {"notset", BIT_NOT_DEFINED, 0, false},
};

static int take_integer_value(struct parse *p, struct slice word, struct rule_bit *b)
{
        uint64_t n;
        int r = word_number(word, 10, UINT32_MAX, &n);

        if (r == -ERANGE)
                return parse_fail(p, PROBLEM_VALUE, "%.*s is more than 4294967295", WORD_ARGS(word));
        if (r == 0) {
                b->value = (uint32_t) n;
                return 0;
        }
        return take_name(p, BIT_INT, word, &b->value_name);
}

/* "counter, >, 5" */
int parse_option_flowint(struct parse *p, const struct parse_option *o)
{
        struct slice rest = o->value, name = {0}, op = {0};
        struct rule_bit *b = new_bit(p, BIT_INT);

        if (!b)
                return -EINVAL;
        (void) word_next(&rest, ',', &name);
        (void) word_next(&rest, ',', &op);
        rest = word_trim(rest);
        for (size_t i = 0; i < ELEMENTSOF(integers); i++) {
                if (!word_is(op, integers[i].text))
                        continue;
                if (integers[i].value != (rest.len > 0))
                        return parse_fail(p, PROBLEM_VALUE, "%s takes %s", integers[i].text,
                                          integers[i].value ? "a value" : "no value");
                b->op = integers[i].op;
                b->compare = integers[i].compare;
                b->n_names = 1;
                if (take_name(p, BIT_INT, name, &b->names[0]) < 0)
                        return -EINVAL;
                return rest.len ? take_integer_value(p, rest, b) : 0;
        }
        return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is nothing that can be done with a number", WORD_ARGS(op));
}
