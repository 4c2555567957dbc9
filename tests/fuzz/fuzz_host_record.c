/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as what the kernel half wrote. The first byte says how they are read: even, a sequence of records, each
 * behind a byte that gives its length in eighths; odd, one snapshot. Whatever comes, every event is well formed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "source/host_flows.h"
#include "source/host_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
        if (!holds)
                abort();
}

static void check(void *userdata, const struct event *e)
{
        uint64_t *n = userdata;

        ++*n;
        require(strcmp(event_op_name(e->type, e->op), "?") != 0);
        switch (e->type) {
        case EVENT_PROCESS:
                require(!e->process.text || strlen(e->process.text) < HOST_TEXT_MAX);
                break;
        case EVENT_FLOW:
                require(strcmp(flow_origin_name(e->flow.origin), "?") != 0);
                require(strcmp(flow_state_name(e->flow.state), "?") != 0);
                require(e->flow.flow_id <= INT64_MAX);
                break;
        default:
                require(e->type == EVENT_SOCKET);
        }
}

/* A copy as the ring and the snapshot's buffer have it: aligned, and exactly as long. */
static void *copy_of(const uint8_t *data, size_t size)
{
        void *p = malloc(size ? size : 1);

        require(p != NULL);
        if (size)
                memcpy(p, data, size);
        return p;
}

static void feed_records(struct host_flows *flows, const uint8_t *data, size_t size)
{
        while (size > 1) {
                size_t len = MIN((size_t) data[0] * 8, size - 1);
                _cleanup_free_ void *record = copy_of(data + 1, len);
                uint64_t bad = host_flows_bad(flows);
                int r = host_flows_record(flows, record, len);

                require(host_flows_bad(flows) == bad + (r < 0));
                data += 1 + len;
                size -= 1 + len;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(host_flows_freep)
        struct host_flows *flows = NULL;
        uint64_t n = 0;
        const struct event_sink sink = {.event = check, .userdata = &n};
        struct table_stats of_flows, of_sockets;

        if (size == 0)
                return 0;
        require(host_flows_new(&sink, 1700000000 * NSEC_PER_SEC, 1, &flows) == 0);
        if (data[0] & 1) {
                _cleanup_free_ void *bytes = copy_of(data + 1, size - 1);

                host_flows_snapshot(flows, bytes, size - 1, INT64_MAX);
        } else {
                feed_records(flows, data + 1, size - 1);
        }
        require(n <= 16 * size);
        host_flows_get_stats(flows, &of_flows, &of_sockets);
        require(of_flows.used <= of_flows.cap && of_sockets.used <= of_sockets.cap);
        return 0;
}
