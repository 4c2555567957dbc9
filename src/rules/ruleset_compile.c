/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A set made ready for matching: machine code for its expressions, and its prefilter. Runs where executable memory may
 * be had: before a sandbox closes, or in the loader. */
#include <errno.h>

#include "base/clock.h"
#include "rules/expressions.h"
#include "rules/ruleset_internal.h"

int ruleset_compile(struct ruleset *s)
{
        nsec_t begun = clock_boottime();
        int r = ruleset_settle(s);

        if (r < 0)
                return r;
        if (s->prefilter)
                return -EBUSY;
        expressions_jit(s->expressions);
        r = prefilter_compile(s, &s->prefilter, &s->stats);
        s->stats.compile_ns = (uint64_t) (clock_boottime() - begun);
        return r;
}
