/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asking the prefilter: the databases that a packet, a piece of a stream or a transaction meets. What costs nearly
 * every packet something stands here. Runs in the engine and in `read`. */
#include <errno.h>
#include <netinet/in.h>

#include "rules/inspect_internal.h"
#include "rules/prefilter_internal.h"

#define FLAGS_PLAIN 0x18 /* ACK, PSH */

int prefilter_scratch_new(const struct prefilter *p, struct prefilter_scratch **ret)
{
        _cleanup_(prefilter_scratch_freep)
        struct prefilter_scratch *s = calloc(1, sizeof(*s));

        if (!s || (p->scratch && hs_clone_scratch(p->scratch, &s->scratch) != HS_SUCCESS))
                return -ENOMEM;
        *ret = TAKE_PTR(s);
        return 0;
}

void prefilter_scratch_free(struct prefilter_scratch *s)
{
        if (!s)
                return;
        hs_free_scratch(s->scratch);
        free(s);
}

static void ask_group(struct prefilter_asking *a, const struct prefilter_group *g)
{
        const struct inspect_input *in = a->in;
        const uint16_t port[2] = {in->sport, in->dport};
        const struct addr *addr[2] = {in->src, in->dst};
        const struct prefilter_sets *app = g->apps[in->app % APPS];

        if (g->n_rules == 0)
                return;
        prefilter_sets_ask(&g->any, a);
        if (app)
                prefilter_sets_ask(app, a);
        for (unsigned end = 0; end < 2; end++) {
                if (g->class_of[end] && g->class_of[end][port[end]])
                        prefilter_sets_ask(&g->ports[end][g->class_of[end][port[end]] - 1], a);
                if (g->addresses[end])
                        (void) prefilter_addresses_find(g->addresses[end], addr[end], a->candidates);
        }
}

static enum prefilter_kind kind_of_payload(const struct inspect_input *in)
{
        switch (in->proto) {
        case IPPROTO_TCP:
                return (in->flags & (INSPECT_STREAM | INSPECT_STREAM_ADDED)) == INSPECT_STREAM_ADDED ? KIND_TCP_PACKET :
                                                                                                       KIND_TCP_STREAM;
        case IPPROTO_UDP:
                return KIND_UDP;
        case IPPROTO_ICMP:
        case IPPROTO_ICMPV6:
                return KIND_ICMP;
        default:
                return KIND_OTHER;
        }
}

static enum prefilter_kind kind_of_head(const struct inspect_input *in)
{
        switch (in->proto) {
        case IPPROTO_TCP:
                return in->packet && in->packet->tcp_flags & ~FLAGS_PLAIN ? KIND_HEAD_TCP_SPECIAL : KIND_HEAD_TCP_PLAIN;
        case IPPROTO_UDP:
                return KIND_HEAD_UDP;
        case IPPROTO_ICMP:
        case IPPROTO_ICMPV6:
                return KIND_HEAD_ICMP;
        default:
                return KIND_HEAD_OTHER;
        }
}

/* A packet in one call with the piece of the stream that it brought, and not the stream's first. */
static bool packet_of(const struct inspect_input *in, struct inspect_buffer *ret)
{
        const struct inspect_buffer *b = &in->buffers[BUFFER_PAYLOAD];
        const struct packet *p = in->packet;

        if (!p || (in->flags & (INSPECT_STREAM | INSPECT_PACKET)) != (INSPECT_STREAM | INSPECT_PACKET) ||
            b->base + b->len <= p->payload_len)
                return false;
        *ret = (struct inspect_buffer){.data = p->payload, .len = p->payload_len, .fresh = p->payload_len};
        return true;
}

uint64_t prefilter_scan(const struct prefilter *p, struct prefilter_scratch *s, const struct inspect_input *in,
                        struct candidates *c)
{
        unsigned to_server = in->flags & INSPECT_TO_SERVER;
        unsigned side = prefilter_side(p, in);
        uint64_t buffers = in->scan & p->looked_at[side][to_server] & ~BUFFER_BIT(BUFFER_PAYLOAD);
        struct inspect_buffer packet, around;
        struct prefilter_asking a = {
                .in = in,
                .side = side,
                .scratch = s->scratch,
                .candidates = c,
                .size = in->packet ? inspect_test_size(in->packet) : UINT32_MAX,
        };

        if (in->scan & BUFFER_BIT(BUFFER_PAYLOAD)) {
                a.bytes = &in->buffers[BUFFER_PAYLOAD];
                a.packet = packet_of(in, &packet) ? &packet : NULL;
                ask_group(&a, &p->groups[kind_of_payload(in)][to_server]);
        }
        a.packet = NULL;
        for (; buffers; buffers &= buffers - 1) {
                unsigned b = (unsigned) __builtin_ctzll(buffers);

                a.bytes = &in->buffers[b];
                prefilter_sets_ask(&p->buffers[b][to_server], &a);
        }
        if (in->scan & ~BUFFER_BIT(BUFFER_PAYLOAD) && in->have & BUFFER_BIT(BUFFER_PAYLOAD)) {
                /* Around a transaction all of it is of interest. */
                around = in->buffers[BUFFER_PAYLOAD];
                around.fresh = around.len;
                a.bytes = &around;
                prefilter_sets_ask(&p->mixed[to_server], &a);
        }
        a.bytes = NULL;
        if (in->flags & INSPECT_PACKET)
                ask_group(&a, &p->groups[kind_of_head(in)][to_server]);
        if (in->flags & INSPECT_FIRST)
                ask_group(&a, &p->groups[KIND_ADDRESSES][to_server]);
        return a.scanned;
}

/* Is there a rule for these ends, whatever the application? */
static bool group_wants(const struct prefilter_group *g, const struct inspect_input *in, unsigned side)
{
        const struct addr *addr[2] = {in->src, in->dst};
        const uint16_t port[2] = {in->sport, in->dport};

        if (g->n_rules == 0)
                return false;
        if (prefilter_set_has(&g->any.of[side]))
                return true;
        for (unsigned i = 0; i < APPS; i++)
                if (g->apps[i] && prefilter_set_has(&g->apps[i]->of[side]))
                        return true;
        for (unsigned end = 0; end < 2; end++)
                if ((g->class_of[end] && g->class_of[end][port[end]] &&
                     prefilter_set_has(&g->ports[end][g->class_of[end][port[end]] - 1].of[side])) ||
                    (g->addresses[end] && prefilter_addresses_find(g->addresses[end], addr[end], NULL)))
                        return true;
        return false;
}

uint64_t prefilter_wants(const struct prefilter *p, const struct inspect_input *in)
{
        unsigned to_server = in->flags & INSPECT_TO_SERVER, side = prefilter_side(p, in);
        uint64_t payload = BUFFER_BIT(BUFFER_PAYLOAD), wants = 0;
        bool has_payload = in->have & payload;

        if (in->flags & INSPECT_STREAM)
                wants = p->looked_at[side][to_server] |
                        (group_wants(&p->groups[kind_of_payload(in)][to_server], in, side) ? payload : 0);
        if (in->flags & INSPECT_PACKET) {
                if (has_payload && group_wants(&p->groups[kind_of_payload(in)][to_server], in, side))
                        wants |= payload;
                /* Packets with payload may have any flags. */
                if (group_wants(&p->groups[kind_of_head(in)][to_server], in, side) ||
                    (has_payload && in->proto == IPPROTO_TCP &&
                     group_wants(&p->groups[KIND_HEAD_TCP_SPECIAL][to_server], in, side)))
                        wants |= payload;
        }
        return wants;
}
