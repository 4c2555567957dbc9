/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules as the configuration names them: files found, variables set, the set made. Runs where files may be read. */
#ifndef SEKIMORI_RULES_LOAD_H
#define SEKIMORI_RULES_LOAD_H

#include "base/buf.h"
#include "config/config.h"
#include "rules/ruleset.h"

struct rules_load {
        const struct config *config; /* rules.*; HOME_NET is `home` unless it is one of the variables */
        const char *const *files;    /* further ones, each a file as it is */
        size_t n_files;
        bool compile; /* with the prefilter; else enough for check and explain */
        /* Each problem in a file. May be NULL. */
        void (*problem)(void *userdata, const struct rule_problem *p);
        void *userdata;
};

/* Are any rules wanted? */
static inline bool rules_load_any(const struct config *c)
{
        return c->rules.files.n > 0;
}
/* Whether its groups of addresses and ports can be read, also those that no rule names yet. 0, or negative with a line
 * in `why` (none: -ENOMEM). */
int rules_load_check_groups(const struct config *c, struct buf *why);
/* All of them, or, when a file cannot be read or there is no memory, negative errno and in `why` a line that says so.
 * What is wrong inside a file is no error. */
int rules_load(const struct rules_load *params, struct ruleset **ret, struct buf *why);
/* The folders that the configuration's files lie in, each once; of a pattern, what stands before its first wildcard. 0
 * or -ENOMEM. */
int rules_load_folders(const struct config *c, struct config_paths *ret);
void rules_load_folders_done(struct config_paths *list);
/* "19466 of 19468 rules of 40 files": a line for people, without its end. */
void rules_load_describe(const struct ruleset *s, struct buf *out);
/* Rules that do not load, duplicates aside. */
uint32_t rules_load_refused(const struct ruleset *s);

#endif
