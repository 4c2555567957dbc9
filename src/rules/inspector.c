/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An inspector's making and its counters. One for each shard of each worker: what it costs is little, but for the bits
 * of rules, which grow with the set. Runs in the engine and in `read`. */
#include <errno.h>

#include "rules/inspect_internal.h"

int inspector_new(const struct inspect_params *params, struct inspector **ret)
{
        _cleanup_(inspector_freep)
        struct inspector *i = calloc(1, sizeof(*i));
        uint32_t n;
        int r;

        if (!i)
                return -ENOMEM;
        i->params = *params;
        i->prefilter = prefilter_of(params->rules);
        if (!i->prefilter)
                return -EINVAL;
        n = prefilter_count(i->prefilter);
        i->candidates.seen = calloc(n / 64 + 1, sizeof(*i->candidates.seen));
        i->candidates.ranks = calloc(n + 1, sizeof(*i->candidates.ranks));
        i->matched = calloc(2 * (size_t) n + 1, sizeof(*i->matched));
        i->profile = params->profile ? calloc(n + 1, sizeof(*i->profile)) : NULL;
        if (!i->candidates.seen || !i->candidates.ranks || !i->matched || (params->profile && !i->profile))
                return -ENOMEM;
        r = prefilter_scratch_new(i->prefilter, &i->scratch);
        if (r == 0)
                r = matcher_new(&i->matcher);
        if (r == 0)
                r = inspect_pool_new(params->pool_bytes, &i->pool);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(i);
        return 0;
}

void inspector_free(struct inspector *i)
{
        if (!i)
                return;
        prefilter_scratch_free(i->scratch);
        matcher_free(i->matcher);
        inspect_pool_free(i->pool);
        table_free(i->host_bits);
        free(i->candidates.seen);
        free(i->candidates.ranks);
        free(i->matched);
        free(i->profile);
        free(i->trace);
        free(i);
}

uint64_t inspector_wants(const struct inspector *i, const struct inspect_input *in)
{
        return prefilter_wants(i->prefilter, in);
}

void inspector_get_stats(const struct inspector *i, struct inspect_stats *ret)
{
        *ret = i->stats;
        ret->waiting = inspect_pool_waiting(i->pool);
        ret->flows_dropped = inspect_pool_dropped(i->pool);
        ret->pool_bytes = inspect_pool_bytes(i->pool);
        ret->step_limit = match_limited(i->matcher);
}

const struct inspect_profile *inspector_profile(const struct inspector *i)
{
        return i->profile;
}
