/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the subcommands of `rules` share: what was asked, and the rules themselves. Each is a row of the table in
 * cmd_rules.c. */
#ifndef SEKIMORI_CLI_RULES_H
#define SEKIMORI_CLI_RULES_H

#include "cli/cli.h"
#include "rules/load.h"

struct rules_asked {
        struct cli *cli;
        struct config_cidrs home;       /* of --home; owned */
        struct config_groups variables; /* of --var; owned */
        const char *capture;            /* of --pcap; NULL: none */
        uint32_t gid, sid;              /* of --sid; 0: none */
        const char *what;               /* the operand before the files, where the subcommand has one */
        const char *const *files;
        size_t n_files;
        bool unread; /* a file could not be read; that was said */
};

/* The files, or the configuration's when none were named, with its variables. What cannot be read is said and left out.
 * 0, or negative with cli->status set. */
int rules_asked_load(struct rules_asked *a, bool compile, void (*problem)(void *userdata, const struct rule_problem *p),
                     void *userdata, struct ruleset **ret);
/* "2001184" or "1:2001184". 0 or -EINVAL. */
int rules_asked_sid(const char *text, uint32_t *ret_gid, uint32_t *ret_sid);

/* Each returns an enum cli_status. */
int rules_check(struct rules_asked *a);
int rules_explain(struct rules_asked *a);
int rules_test(struct rules_asked *a);
int rules_profile(struct rules_asked *a);

#endif
