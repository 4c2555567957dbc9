/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a hostile scanner or network could bring about: each chunk is a record or a packet for the tracker. */
#include <stdlib.h>

#include "source/host_proc_track.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(void *userdata, const struct event *e)
{
        (void) userdata;
        /* Slices must end. */
        if (e->type == EVENT_PROCESS && e->process.text && strlen(e->process.text) >= 96)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct host_proc_track_params params = {.sink = {.event = take}, .capture = size & 1};
        _cleanup_(host_proc_track_freep)
        struct host_proc_track *t = NULL;
        nsec_t now = NSEC_PER_SEC;

        if (host_proc_track_new(&params, &t) < 0)
                return 0;
        while (size > 2) {
                uint8_t op = data[0];
                size_t n = MIN((size_t) data[1], size - 2);
                struct host_proc_record r = {.type = op % (RECORD_TYPES + 1)};
                struct host_proc_captured p = {.time = now, .direction = op % 5, .ifindex = op % 3};

                if (op & 0x80) {
                        if (host_proc_packet_parse(HOST_PROC_LINK_RAW, data + 2, n, n, &p.packet) == 0)
                                host_proc_track_packet(t, &p);
                } else if (op & 0x40) {
                        r.type = RECORD_END;
                        r.end.seq = host_proc_track_next_scan(t);
                        host_proc_track_record(t, &r, now);
                } else {
                        memcpy((char *) &r + 8, data + 2, MIN(n, sizeof(r) - 8));
                        host_proc_track_record(t, &r, now);
                }
                now += (nsec_t) op * NSEC_PER_MSEC * 20;
                host_proc_track_tick(t, now);
                data += 2 + n;
                size -= 2 + n;
        }
        return 0;
}
