/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Options that are known and not honoured, each with its reason. Runs where rules are read. */
#ifndef SEKIMORI_RULES_REFUSE_H
#define SEKIMORI_RULES_REFUSE_H

#include "rules/parse.h"

/* Says why this option is not honoured; returns -EINVAL. */
int refuse_option(struct parse *p, struct slice name);

#endif
