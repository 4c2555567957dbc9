/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of the reasons for which a rule is not honoured, for people. Runs where rules are read. */
#include "rules/ruleset.h"

const char *rule_problem_title(unsigned kind)
{
        static const char *const titles[PROBLEM_KINDS] = {
                [PROBLEM_SYNTAX] = "cannot be read",
                [PROBLEM_OPTION] = "option not honoured",
                [PROBLEM_VALUE] = "value not possible",
                [PROBLEM_COMBINATION] = "options that do not go together",
                [PROBLEM_PROTOCOL] = "protocol or buffer without a decoder",
                [PROBLEM_VARIABLE] = "variable not defined",
                [PROBLEM_LIMIT] = "beyond a limit",
                [PROBLEM_DUPLICATE] = "duplicate",
                [PROBLEM_FILE] = "file that cannot be read",
        };

        return kind < PROBLEM_KINDS ? titles[kind] : "";
}
