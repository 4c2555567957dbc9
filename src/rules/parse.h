/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A rule in the making. Each option is a row of options.def and a function parse_option_*; they fill this in, then
 * parse_check() judges the whole and parse_build() makes a struct rule of it. What an option takes from the set's arena
 * goes back when the rule turns out not to load. Runs where rules are read. */
#ifndef SEKIMORI_RULES_PARSE_H
#define SEKIMORI_RULES_PARSE_H

#include "rules/ruleset_internal.h"
#include "rules/word.h"

#define PARSE_NONE       0xff
#define PARSE_REASON_MAX 240
#define PARSE_WORDS_MAX  256 /* pairs of metadata, and references */

struct parse_part {
        uint8_t buffer;
        uint16_t flags; /* enum part_flag */
        uint16_t n_steps;
};

/* Bits that a rule must not say twice, or that decide how it is looked at. */
enum parse_seen {
        PARSE_SEEN_SID = 1 << 0,
        PARSE_SEEN_REV = 1 << 1,
        PARSE_SEEN_MSG = 1 << 2,
        PARSE_SEEN_GID = 1 << 3,
        PARSE_SEEN_FAST = 1 << 5,
        PARSE_SEEN_PACKET = 1 << 6, /* something of a packet's header is asked for */
        PARSE_SEEN_STREAM = 1 << 7, /* only streams */
        PARSE_SEEN_TARGET = 1 << 8,
};

struct parse {
        struct ruleset *set;
        struct rule rule;
        struct rule_problem problem;
        char reason[PARSE_REASON_MAX];
        char option[64];
        uint32_t seen;         /* enum parse_seen */
        uint8_t sticky;        /* enum rule_buffer that the next conditions are about; PARSE_NONE: none was said */
        uint16_t sticky_flags; /* its transforms */
        uint8_t sticky_part;   /* once it has a condition; else PARSE_NONE */
        bool failed;
        struct rule_step steps[RULE_STEPS_MAX]; /* in the order written */
        uint8_t part_of[RULE_STEPS_MAX];
        uint16_t order[RULE_STEPS_MAX]; /* within the part: an older modifier puts its content behind the others */
        struct parse_part parts[RULE_STEPS_MAX];
        struct rule_test tests[RULE_TESTS_MAX];
        struct rule_bit bits[RULE_BITS_MAX];
        struct slice vars[RULE_VARS_MAX];
        struct rule_word metadata[PARSE_WORDS_MAX], references[PARSE_WORDS_MAX];
        uint16_t n_steps, n_parts, n_tests, n_bits, n_vars, n_metadata, n_references, n_orders;
};

struct parse_option {
        const char *name;
        int arg; /* of options.def */
        bool negated;
        struct slice value; /* without the quotes */
};
typedef int parse_option_fn(struct parse *p, const struct parse_option *o);

/* Forgets what came before. */
void parse_begin(struct parse *p, const char *file, uint32_t line);
/* One rule, after parse_begin(); text has a NUL behind it and lives in the set's arena. What is wrong is said. 1: the
 * set keeps it; 0: what it took from the arena can go; or -ENOMEM. */
int parse_rule(struct parse *p, const char *text, uint32_t len);
/* A line of threshold.config, likewise. 0 or -EINVAL. */
int parse_limit(struct parse *p, struct slice text);
/* Says the problem after parse_fail(). */
void parse_tell(struct parse *p);
/* Fills the map from names to options and buffers. 0 or -ENOMEM. */
int parse_make_names(struct map *names);

/* ---- for parse_*.c ---- */

/* Says why, once; returns -EINVAL. */
int parse_fail(struct parse *p, enum rule_problem_kind kind, const char *format, ...) _printf_(3, 4);
int parse_fail_memory(struct parse *p);

int parse_header(struct parse *p, struct slice text, struct slice *ret_options);
int parse_options(struct parse *p, struct slice text);
int parse_check(struct parse *p);
int parse_build(struct parse *p, const char *text);

/* The part that conditions now go to: of the sticky buffer, else of the payload. PARSE_NONE after parse_fail(). */
uint8_t parse_part_now(struct parse *p);
/* The part of a buffer, found or made. */
uint8_t parse_part_of(struct parse *p, enum rule_buffer buffer, uint16_t flags);
/* Takes a buffer as the sticky one. */
int parse_stick(struct parse *p, uint8_t buffer);
/* A new condition; NULL after parse_fail(). */
struct rule_step *parse_step(struct parse *p, enum step_kind kind, uint8_t part);
struct rule_test *parse_test(struct parse *p, enum test_kind kind);
/* The last step of these kinds (a mask of 1 << kind) that the sticky buffer allows; NULL: none. */
struct rule_step *parse_last(struct parse *p, uint32_t kinds);
uint8_t parse_part_of_step(const struct parse *p, const struct rule_step *s);
/* What the rule is about must be this protocol. */
int parse_want_app(struct parse *p, uint8_t app);
uint8_t parse_app_of(struct slice name); /* enum app; APPS: known in rules, not recognised here; APP_UNKNOWN: no such */

/* A number, or a variable of this rule. */
int parse_number(struct parse *p, struct slice word, int32_t min, int32_t max, struct rule_number *ret);
int parse_variable(struct parse *p, struct slice word); /* its index, or -1 */
int parse_new_variable(struct parse *p, struct slice word, uint8_t *ret);
/* "5", "!5", "<5", ">=5", "5<>9", "5-9" into op, negated, a, b. */
int parse_compare(struct parse *p, struct slice text, uint32_t max, struct rule_test *ret);
char *parse_text(struct parse *p, struct slice s); /* copy in the arena; NULL after parse_fail() */

/* Thresholds are written in the same words in rules and in threshold.config. */
int parse_threshold_words(struct parse *p, struct slice text, struct rule_threshold *ret);

#define OPTION(name, value, function, arg) parse_option_fn function;
#include "rules/options.def"
#undef OPTION

#endif
