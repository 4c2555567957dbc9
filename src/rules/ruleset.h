/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A set of rules: files in, rules and a prefilter out. Made once, then only read, by all workers at once; a reload
 * makes a new one. Rules are outside input: everything has a limit, and a rule that is not honoured whole is not loaded
 * and is said, with file, line, sid, option and reason. Runs where files may be read: `read`, `rules`, the loader. */
#ifndef SEKIMORI_RULES_RULESET_H
#define SEKIMORI_RULES_RULESET_H

#include "base/cleanup.h"
#include "rules/rule.h"

#define RULESET_RULES_MAX 200000
#define RULESET_BYTES_MAX (256u << 20) /* of rule files */

/* Why a rule, or a part of a file, is not honoured. */
enum rule_problem_kind {
        PROBLEM_SYNTAX,      /* cannot be read */
        PROBLEM_OPTION,      /* an option that we do not know */
        PROBLEM_VALUE,       /* an option whose value cannot be */
        PROBLEM_COMBINATION, /* options that exclude each other, or lack what they need */
        PROBLEM_PROTOCOL,    /* a protocol, or a buffer, without a decoder here */
        PROBLEM_VARIABLE,    /* $NAME that nobody defined */
        PROBLEM_LIMIT,       /* beyond a limit of rules/rule.h, or too dear to match */
        PROBLEM_DUPLICATE,   /* the same gid:sid with a rev as high: not counted as not loaded */
        PROBLEM_FILE,        /* a file that cannot be read */
        PROBLEM_KINDS
};
struct rule_problem {
        enum rule_problem_kind kind;
        const char *file;
        uint32_t line;
        uint32_t gid, sid;  /* 0: not known */
        const char *option; /* "" where none */
        const char *reason; /* a sentence */
};

/* HOME_NET, HTTP_PORTS …: as in suricata.yaml's vars. A value may name others. */
struct rule_variable {
        const char *name, *value;
        bool port;
};

struct ruleset_params {
        const struct rule_variable *variables; /* override the built-in ones; HOME_NET should be the home network */
        unsigned n_variables;
        /* Each problem, as it is met. May be NULL. */
        void (*problem)(void *userdata, const struct rule_problem *p);
        void *userdata;
};

struct ruleset_stats {
        uint32_t files, lines;
        uint32_t rules; /* active, distinct gid:sid, highest rev */
        uint32_t loaded;
        uint32_t inactive; /* commented out with a rule behind the # */
        uint32_t duplicates;
        uint32_t problems[PROBLEM_KINDS];
        uint64_t bytes; /* of memory: rules and prefilter */
        uint32_t prefilter_databases, prefilter_literals, without_literal;
        uint64_t parse_ns, compile_ns;
};

struct ruleset;

int ruleset_new(const struct ruleset_params *params, struct ruleset **ret);
void ruleset_free(struct ruleset *s);
DEFINE_FREEP(struct ruleset, ruleset_free)

/* A rule file; or classification.config, reference.config, threshold.config, told apart by their lines. Errors: those
 * of open and read; -EFBIG. Problems inside a file are no error. `data` variants: bytes at hand, `name` for messages.
 */
int ruleset_add_file(struct ruleset *s, const char *path);
int ruleset_add_data(struct ruleset *s, const char *name, const char *data, size_t len);
/* Everything is there: duplicates are settled, expressions and prefilter compiled (this needs executable memory: before
 * a sandbox closes). Nothing can be added any more. */
int ruleset_compile(struct ruleset *s);
/* Without the prefilter: enough for check and explain. */
int ruleset_settle(struct ruleset *s);

uint32_t ruleset_count(const struct ruleset *s);
const struct rule *ruleset_rule(const struct ruleset *s, uint32_t index);
const struct rule *ruleset_find(const struct ruleset *s, uint32_t gid, uint32_t sid); /* NULL: not loaded */
const char *ruleset_bit_name(const struct ruleset *s, enum bit_kind kind, uint32_t number);
void ruleset_get_stats(const struct ruleset *s, struct ruleset_stats *ret);
const char *rule_problem_title(unsigned kind);

#endif
