/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Partial rates to rates of home hosts. Runs where events are merged. */
#include "flow/rates.h"

#include <errno.h>

struct host {
        struct addr local; /* the key */
        struct rate_event sum;
};

struct rates {
        struct table *hosts;
};

int rates_new(struct rates **ret)
{
        struct table_params params = {.name = "rates",
                                      .cap = RATES_HOSTS,
                                      .key_size = sizeof(struct addr),
                                      .entry_size = sizeof(struct host)};
        _cleanup_(rates_freep)
        struct rates *r = calloc(1, sizeof(*r));
        int k;

        if (!r)
                return -ENOMEM;
        k = table_new(&params, &r->hosts);
        if (k < 0)
                return k;
        *ret = TAKE_PTR(r);
        return 0;
}

void rates_free(struct rates *r)
{
        if (!r)
                return;
        table_free(r->hosts);
        free(r);
}

void rates_add(struct rates *r, const struct rate_event *part)
{
        bool created;
        struct host *h = table_insert(r->hosts, &part->local, &created);
        struct rate_event *s;

        if (!h)
                return;
        s = &h->sum;
        if (created || part->target_pkts > s->target_pkts) {
                s->target = part->target;
                s->target_pkts = part->target_pkts;
                s->target_port = part->target_port;
                s->target_proto = part->target_proto;
        }
        s->bytes_out += part->bytes_out;
        s->bytes_in += part->bytes_in;
        s->pkts_out += part->pkts_out;
        s->pkts_in += part->pkts_in;
        s->syn_out += part->syn_out;
        s->udp_out += part->udp_out;
        s->icmp_out += part->icmp_out;
        s->synack_in += part->synack_in;
        s->rst_in += part->rst_in;
        s->http_out += part->http_out;
        s->peers_out += part->peers_out;
}

void rates_flush(struct rates *r, nsec_t now, uint8_t source, void (*event)(void *userdata, const struct event *e),
                 void *userdata)
{
        struct event e = {.time = now, .type = EVENT_RATE, .op = RATE_SECOND, .source = source};

        for (const struct host *h = table_oldest(r->hosts); h; h = table_younger(r->hosts, h))
                if (h->sum.pkts_out >= RATE_LEAST) {
                        e.rate = h->sum;
                        e.rate.local = h->local;
                        event(userdata, &e);
                }
        table_clear(r->hosts);
}

void rates_get_stats(const struct rates *r, struct table_stats *ret)
{
        table_get_stats(r->hosts, ret);
}
