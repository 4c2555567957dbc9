/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An inspector that reads all it is given and checks what rules/inspect.h promises: every byte of a stream once, in its
 * order; ends; what is kept of a flow is given back. For fuzzers; header only, since a fuzzer is one file. */
#ifndef SEKIMORI_TESTS_FUZZ_INSPECT_FUZZ_H
#define SEKIMORI_TESTS_FUZZ_INSPECT_FUZZ_H

#include <stdlib.h>

#include "flow/tracker.h"

struct inspect_fuzz_kept {
        uint64_t next[2]; /* to client, to server: bytes of the stream that were scanned */
};
static unsigned inspect_fuzz_flows;
static uint32_t inspect_fuzz_wants_packets = UINT32_MAX;

static inline void inspect_fuzz_check(bool holds)
{
        if (!holds)
                abort();
}

static inline int inspect_fuzz_make(const struct inspect_params *params, struct inspector **ret)
{
        (void) params;
        inspect_fuzz_flows = 0;
        *ret = (struct inspector *) &inspect_fuzz_flows;
        return 0;
}

static inline void inspect_fuzz_free(struct inspector *i)
{
        (void) i;
        inspect_fuzz_check(inspect_fuzz_flows == 0);
}

static inline uint64_t inspect_fuzz_wants(const struct inspector *i, const struct inspect_input *in)
{
        (void) i;
        inspect_fuzz_check(in->src && in->dst && in->buffers && in->flags & (INSPECT_PACKET | INSPECT_STREAM));
        /* By port, so that some flows are looked at in part only. */
        if (in->flags & INSPECT_PACKET)
                return inspect_fuzz_wants_packets >> (in->sport ^ in->dport) % 32 & 1 ? UINT64_MAX : 0;
        return (in->sport + in->dport) % 5 == 0 ? UINT64_MAX - 1 : (in->sport + in->dport) % 7 == 0 ? 1 : UINT64_MAX;
}

static inline void inspect_fuzz_stream(const struct inspect_input *in)
{
        const struct inspect_buffer *b = &in->buffers[BUFFER_PAYLOAD];
        struct inspect_fuzz_kept *k = (struct inspect_fuzz_kept *) *in->flow;
        unsigned to_server = (in->flags & INSPECT_TO_SERVER) != 0;

        if (!k) {
                k = calloc(1, sizeof(*k));
                inspect_fuzz_check(k);
                inspect_fuzz_flows++;
                *in->flow = (struct inspect_flow *) k;
        }
        /* Roles of a flow whose beginning was not seen may be found wrong. */
        inspect_fuzz_check(in->flags & INSPECT_MIDSTREAM || b->base + b->len - b->fresh >= k->next[to_server]);
        k->next[to_server] = b->base + b->len;
}

static inline void inspect_fuzz_inspect(struct inspector *i, const struct inspect_input *in)
{
        volatile uint8_t sum = 0;

        (void) i;
        inspect_fuzz_check(in->src && in->dst && in->flow && in->buffers && in->app < APPS);
        inspect_fuzz_check(in->app_side[0] < APPS && in->app_side[1] < APPS);
        inspect_fuzz_check(!(in->scan & ~in->have) && !(in->coming & in->have));
        inspect_fuzz_check(in->events < 1u << RULE_EVENTS_KNOWN && in->time > 0);
        inspect_fuzz_check(!(in->flags & INSPECT_PACKET) || in->packet);
        for (unsigned b = 0; b < BUFFERS; b++)
                if (in->have & BUFFER_BIT(b)) {
                        const struct inspect_buffer *at = &in->buffers[b];

                        inspect_fuzz_check(at->data && at->fresh <= at->len);
                        for (uint32_t n = 0; n < at->len; n++)
                                sum = (uint8_t) (sum + at->data[n]);
                }
        if (in->packet)
                for (uint32_t n = 0; n < in->packet->payload_len; n++)
                        sum = (uint8_t) (sum + in->packet->payload[n]);
        if (in->packet && in->packet->ip)
                sum = (uint8_t) (sum + in->packet->ip[19]);
        if (in->flags & INSPECT_STREAM && in->scan & BUFFER_BIT(BUFFER_PAYLOAD))
                inspect_fuzz_stream(in);
}

static inline void inspect_fuzz_flow_end(struct inspector *i, struct inspect_flow **flow)
{
        (void) i;
        inspect_fuzz_check(*flow);
        free(*flow);
        *flow = NULL;
        inspect_fuzz_flows--;
}

static const struct tracker_inspector inspect_fuzz = {inspect_fuzz_make, inspect_fuzz_free, inspect_fuzz_wants,
                                                      inspect_fuzz_inspect, inspect_fuzz_flow_end};

#endif
