/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The options of a rule, one after the other: cut at the semicolons that no backslash protects, as Suricata does,
 * looked up, and given to their functions. Runs where rules are read. */
#include <errno.h>
#include <string.h>

#include "rules/parse.h"
#include "rules/refuse.h"

enum { NONE, TEXT, WORDS, MAYBE };

static const struct known {
        const char *name;
        uint8_t value;
        parse_option_fn *function;
        int arg;
} known[] = {
#define OPTION(name, value, function, arg) {name, value, function, arg},
#include "rules/options.def"
#undef OPTION
};

/* Names of options lead to their row, those of buffers to ELEMENTSOF(known) plus the buffer. An option goes before the
 * buffer of the same name. */
static int add_name(struct map *names, const char *name, uint64_t n)
{
        struct map_entry *e;

        if (!*name || map_find(names, name, (uint32_t) strlen(name)))
                return 0;
        e = map_add(names, name, (uint32_t) strlen(name));
        if (e)
                e->n = n;
        return e ? 0 : -ENOMEM;
}

int parse_make_names(struct map *names)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < ELEMENTSOF(known); i++)
                r = add_name(names, known[i].name, i);
        for (size_t b = 0; r == 0 && b < BUFFERS; b++) {
                r = add_name(names, buffer_kinds[b].name, ELEMENTSOF(known) + b);
                if (r == 0)
                        r = add_name(names, buffer_kinds[b].older, ELEMENTSOF(known) + b);
        }
        return r;
}

static const struct known *find(struct parse *p, struct slice name, bool has_value, uint8_t *ret_buffer)
{
        const struct map_entry *e = map_find(&p->set->options, name.p, name.len);
        const struct known *k = e && e->n < ELEMENTSOF(known) ? &known[e->n] : NULL;

        *ret_buffer = e && !k ? (uint8_t) (e->n - ELEMENTSOF(known)) : PARSE_NONE;
        /* tls.version is an option with a value, and without one a buffer. */
        for (uint8_t b = 1; k && k->value == WORDS && !has_value && b < BUFFERS; b++)
                if (word_equal(name, word_of(buffer_kinds[b].name)))
                        *ret_buffer = b;
        return k;
}

/* Is the last character taken literally: an odd number of backslashes before it? */
static bool last_is_protected(struct slice v)
{
        uint32_t n = 0;

        while (n + 1 < v.len && v.p[v.len - 2 - n] == '\\')
                n++;
        return n % 2 == 1;
}

/* Takes off the quotes. A quoted value may have a ! before them. */
static int unquote(struct parse *p, const struct known *k, struct parse_option *o)
{
        struct slice v = o->value;
        bool quoted;

        if (k->value == TEXT && v.len && v.p[0] == '!') {
                o->negated = true;
                v = word_trim((struct slice){v.p + 1, v.len - 1});
        }
        quoted = v.len >= 2 && v.p[0] == '"' && v.p[v.len - 1] == '"' && !last_is_protected(v);
        if (!quoted && k->value == TEXT)
                return parse_fail(p, PROBLEM_SYNTAX, "the value is not in quotes");
        if (quoted) {
                v.p++;
                v.len -= 2;
        }
        o->value = k->value == TEXT ? v : word_trim(v);
        return 0;
}

static int take_option(struct parse *p, struct slice name, bool has_value, struct slice value)
{
        struct parse_option o = {.value = value};
        uint8_t buffer;
        const struct known *k = find(p, name, has_value, &buffer);

        (void) snprintf(p->option, sizeof(p->option), "%.*s", WORD_ARGS(name));
        if (buffer != PARSE_NONE)
                return has_value && value.len ? parse_fail(p, PROBLEM_VALUE, "a buffer takes no value") :
                                                parse_stick(p, buffer);
        if (!k)
                return refuse_option(p, name);
        o.name = k->name;
        o.arg = k->arg;
        if (k->value == NONE && has_value && value.len)
                return parse_fail(p, PROBLEM_VALUE, "it takes no value");
        if (k->value != NONE && k->value != MAYBE && value.len == 0)
                return parse_fail(p, PROBLEM_VALUE, "a value is missing");
        if (value.len && unquote(p, k, &o) < 0)
                return -EINVAL;
        return k->function(p, &o);
}

/* The length of the option at the front, up to a semicolon without a backslash; UINT32_MAX: there is none. */
static uint32_t option_length(struct slice s)
{
        for (uint32_t n = 0; n < s.len; n++) {
                if (s.p[n] == '\\')
                        n++;
                else if (s.p[n] == ';')
                        return n;
        }
        return UINT32_MAX;
}

static int take_end(struct parse *p, struct slice rest)
{
        struct slice behind = word_trim((struct slice){rest.p + 1, rest.len - 1});

        p->option[0] = '\0';
        if (behind.len && behind.p[0] != '#')
                return parse_fail(p, PROBLEM_SYNTAX, "something follows the last bracket: \"%.*s\"", WORD_ARGS(behind));
        if (p->sticky != PARSE_NONE && p->sticky_part == PARSE_NONE)
                return parse_fail(p, PROBLEM_COMBINATION, "%s is followed by no condition on it",
                                  buffer_kinds[p->sticky].name);
        return 0;
}

int parse_options(struct parse *p, struct slice text)
{
        struct slice rest = word_trim(text);

        while (rest.len) {
                struct slice name, value;
                uint32_t n;
                int r;

                if (rest.p[0] == ')')
                        return take_end(p, rest);
                n = option_length(rest);
                if (n == UINT32_MAX) {
                        (void) word_next(&rest, ':', &name);
                        (void) snprintf(p->option, sizeof(p->option), "%.*s", WORD_ARGS(name));
                        return parse_fail(p, PROBLEM_SYNTAX, "no semicolon ends the option");
                }
                value = (struct slice){rest.p, n};
                rest = word_trim((struct slice){rest.p + n + 1, rest.len - n - 1});
                (void) word_next(&value, ':', &name);
                if (name.len == 0 && !value.p)
                        continue;
                r = take_option(p, name, value.p != NULL, word_trim(value));
                if (r < 0)
                        return r;
        }
        p->option[0] = '\0';
        return parse_fail(p, PROBLEM_SYNTAX, "no bracket ends the options");
}

/* ---- numbers and variables, for the options ---- */

int parse_variable(struct parse *p, struct slice word)
{
        for (int i = 0; i < p->n_vars; i++)
                if (word_equal(p->vars[i], word))
                        return i;
        return -1;
}

int parse_new_variable(struct parse *p, struct slice word, uint8_t *ret)
{
        int i = parse_variable(p, word);

        if (!word_is_name(word) || (word.p[0] >= '0' && word.p[0] <= '9'))
                return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is no name of a variable", WORD_ARGS(word));
        if (i < 0 && p->n_vars == RULE_VARS_MAX)
                return parse_fail(p, PROBLEM_LIMIT, "more than %u variables", RULE_VARS_MAX);
        if (i < 0) {
                i = p->n_vars++;
                p->vars[i] = word;
        }
        *ret = (uint8_t) i;
        return 0;
}

int parse_number(struct parse *p, struct slice word, int32_t min, int32_t max, struct rule_number *ret)
{
        int64_t n;
        int r = word_signed(word, min, max, &n), i;

        *ret = (struct rule_number){.var = -1};
        if (r == 0) {
                ret->value = (int32_t) n;
                return 0;
        }
        if (r == -ERANGE)
                return parse_fail(p, PROBLEM_VALUE, "%.*s is not from %d to %d", WORD_ARGS(word), min, max);
        i = parse_variable(p, word);
        if (i < 0)
                return parse_fail(p, PROBLEM_VALUE,
                                  "\"%.*s\" is neither a number nor a variable of a byte_extract or byte_math before",
                                  WORD_ARGS(word));
        ret->var = (int8_t) i;
        return 0;
}

static struct slice skip(struct slice s, uint32_t n)
{
        return word_trim((struct slice){s.p + n, s.len - n});
}

static int take_bound(struct parse *p, struct slice word, uint32_t max, uint32_t *ret)
{
        uint64_t n;
        int r = word_number(word, 0, max, &n);

        if (r < 0)
                return parse_fail(p, PROBLEM_VALUE, r == -ERANGE ? "%.*s is more than %u" : "\"%.*s\" is no number",
                                  WORD_ARGS(word), max);
        *ret = (uint32_t) n;
        return 0;
}

static int take_interval(struct parse *p, struct slice low, struct slice high, uint32_t max, struct rule_test *ret)
{
        ret->op = NUMBER_IN;
        if (take_bound(p, low, max, &ret->a) < 0 || take_bound(p, high, max, &ret->b) < 0)
                return -EINVAL;
        if (ret->b < ret->a || ret->b - ret->a < 2)
                return parse_fail(p, PROBLEM_VALUE, "no number lies between %u and %u", ret->a, ret->b);
        return 0;
}

int parse_compare(struct parse *p, struct slice text, uint32_t max, struct rule_test *ret)
{
        struct slice v = word_trim(text), rest;
        bool equal;

        if (v.len && v.p[0] == '!') {
                ret->negated = true;
                v = skip(v, 1);
        }
        rest = v;
        for (uint32_t i = 1; i < v.len; i++) {
                struct slice low = word_trim((struct slice){v.p, i});

                if (v.p[i] == '-')
                        return take_interval(p, low, skip(v, i + 1), max, ret);
                if (v.p[i] == '<' && i + 1 < v.len && v.p[i + 1] == '>')
                        return take_interval(p, low, skip(v, i + 2), max, ret);
        }
        if (!v.len || !strchr("<>=", v.p[0])) {
                ret->op = NUMBER_EQ;
                return take_bound(p, v, max, &ret->a);
        }
        equal = v.len > 1 && v.p[1] == '=';
        rest = skip(v, 1 + equal);
        ret->op = v.p[0] == '=' ? NUMBER_EQ :
                  v.p[0] == '<' ? (equal ? NUMBER_LE : NUMBER_LT) :
                                  (equal ? NUMBER_GE : NUMBER_GT);
        if (take_bound(p, rest, max, &ret->a) < 0)
                return -EINVAL;
        if ((ret->op == NUMBER_LT && ret->a == 0) || (ret->op == NUMBER_GT && ret->a == max))
                return parse_fail(p, PROBLEM_VALUE, "no number is %.*s", WORD_ARGS(v));
        return 0;
}
