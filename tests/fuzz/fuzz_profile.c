/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A profile's bytes from a store that anybody may have written: unpacked, moved, taken into use, told and packed again.
 * Runs as a fuzzer and as a test of its seeds. */
#include <stdlib.h>

#include "view/json_profile.h"
#include "view/profile_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct text_look look = {.width = 100};
        struct profile_record r, again;
        struct profile *p = NULL;
        struct buf text = BUF_HEAP(1u << 20);

        if (profile_unpack(data, size, &r) < 0 || profile_new(16, &p) < 0)
                return 0;
        profile_text_put(&text, &r, &look);
        json_profile(&text, &r);
        buf_reset(&text);
        if (profile_pack(&r, &text) < 0 || profile_unpack(text.data, text.len, &again) < 0 ||
            memcmp(&r, &again, sizeof(r)) != 0)
                abort();
        profile_move(&r, (nsec_t) size % 2 ? -NSEC_PER_SEC : NSEC_PER_SEC, INT64_MAX / 2);
        profile_restore(p, &r, size % 3);
        for (uint32_t i = 0; i < r.n; i++) {
                const struct profile_service *s = &r.services[i];
                struct event e = {
                        .type = EVENT_FLOW, .op = FLOW_END, .time = MIN(s->last, INT64_MAX / 4) + NSEC_PER_SEC};

                e.flow.local = r.host;
                e.flow.app = s->app;
                e.flow.proto = s->proto;
                e.flow.remote_port = s->port;
                e.flow.origin = s->role == PROFILE_SERVER ? FLOW_ACCEPTED : FLOW_ORIGINATED;
                e.flow.state = FLOW_STATE_CLOSED;
                e.flow.since = s->last;
                profile_event(p, &e);
        }
        if (profile_next_changed(p, INT64_MAX, &again))
                profile_text_put(&text, &again, &look);
        profile_free(p);
        buf_done(&text);
        return 0;
}
