/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The profiles of home hosts and their store: what changed is written a minute later, a few hosts at a time, so that
 * nothing waits for the disk; at a start it comes back, so that what is normal need not be learned again. */
#include "daemon/engine_internal.h"
#include "flow/profile.h"

#define WRITE_AFTER (60 * NSEC_PER_SEC)
#define WRITE_ONCE  100u   /* of a commit, twice a second: 12,000 hosts a minute at most; the others wait */
#define WRITE_LAST  20000u /* at the end */

void engine_profile_store(struct engine *e, bool all)
{
        struct profile *p = analysis_profile(e->analysis);
        nsec_t before = all ? INT64_MAX : analysis_now(e->analysis) - WRITE_AFTER;
        _cleanup_(buf_done)
        struct buf data = BUF_HEAP(64u << 10);
        struct profile_record r;

        if (e->daemon->memory_store)
                return;
        for (unsigned i = 0; i < (all ? WRITE_LAST : WRITE_ONCE) && !e->keeper.failing; i++) {
                if (!profile_next_changed(p, before, &r))
                        return;
                profile_move(&r, clock_skew(), INT64_MAX / 2);
                buf_reset(&data);
                if (profile_pack(&r, &data) == 0)
                        engine_store_check(e, store_put_profile(e->keeper.store, &r.host, r.last * NSEC_PER_SEC,
                                                                data.data, data.len));
        }
}

static int take_profile(void *userdata, nsec_t last _unused_, const void *data, size_t len)
{
        struct engine *e = userdata;
        struct profile_record r;

        if (profile_unpack(data, len, &r) < 0)
                return 0;
        /* Nothing is from the future, wherever the clock was set. */
        profile_move(&r, -clock_skew(), clock_boottime() + clock_engine_offset());
        profile_restore(analysis_profile(e->analysis), &r, false);
        return 0;
}

void engine_profile_resume(struct engine *e)
{
        /* Oldest first: when there are too many, those go, and in that order the others are forgotten later. */
        (void) store_read_profiles(e->keeper.store, &(struct store_profiles){.row = take_profile, .userdata = e});
}
