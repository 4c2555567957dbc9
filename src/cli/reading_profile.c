/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Profiles across several runs of `read`: what is normal is taken from the store that was named, and put back with what
 * was read. Sessions that a profile holds already do not count again, so that the same capture may be read twice. */
#include "cli/reading_internal.h"
#include "flow/profile.h"

static int take_profile(void *userdata, nsec_t last _unused_, const void *data, size_t len)
{
        struct profile_record r;

        if (profile_unpack(data, len, &r) == 0)
                profile_restore(userdata, &r, true);
        return 0;
}

void reading_restore_profiles(struct reading *r)
{
        const struct store_profiles all = {.row = take_profile, .userdata = analysis_profile(r->analysis)};

        (void) store_read_profiles(r->params.store, &all);
}

void reading_store_profiles(struct reading *r)
{
        struct profile *p = analysis_profile(r->analysis);
        _cleanup_(buf_done)
        struct buf data = BUF_HEAP(64u << 10);
        struct profile_record record;

        while (profile_next_changed(p, INT64_MAX, &record)) {
                buf_reset(&data);
                if (profile_pack(&record, &data) == 0)
                        (void) store_put_profile(r->params.store, &record.host, record.last * NSEC_PER_SEC, data.data,
                                                 data.len);
        }
}
