/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules that somebody switched on or off by their number, whatever their files say. Decided by the line, before it is
 * read as a rule, so that one that is off needs no reason. Runs where rules are read. */
#ifndef SEKIMORI_RULES_CHOICE_H
#define SEKIMORI_RULES_CHOICE_H

#include "config/config.h"
#include "rules/ruleset.h"

/* Before files are added. 0 or -ENOMEM. */
int choice_set(struct ruleset *s, const struct config_sids *disabled, const struct config_sids *enabled);
/* Is the rule in this line switched off; is the one in this comment switched on? */
bool choice_is_off(const struct ruleset *s, struct slice line);
bool choice_is_on(const struct ruleset *s, struct slice line);

#endif
