/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is outside. An own address is learned only from a flow that both sides of were heard, and never from raw or
 * packet sockets: anyone may bind a foreign address or write one into a packet, but only an address that is ours is
 * answered. */
#include "flow/outside.h"

#include <errno.h>
#include <netinet/in.h>

struct own_key {
        struct addr addr;
        uint32_t netns;
        uint32_t zero;
};

struct own {
        struct own_key key;
};

struct outside {
        struct table *own;
        struct own_key last; /* the one learned last: mostly the next one too */
        struct config_cidrs inside, resolvers;
};

static int copy_cidrs(const struct config_cidrs *from, struct config_cidrs *ret)
{
        if (from->n == 0)
                return 0;
        ret->items = malloc(from->n * sizeof(*from->items));
        if (!ret->items)
                return -ENOMEM;
        memcpy(ret->items, from->items, from->n * sizeof(*from->items));
        ret->n = from->n;
        return 0;
}

int outside_new(const struct config *config, struct outside **ret)
{
        static const struct table_params params = {
                .name = "own addresses",
                .cap = OUTSIDE_OWN_MAX,
                .key_size = sizeof(struct own_key),
                .entry_size = sizeof(struct own),
        };
        _cleanup_(outside_freep)
        struct outside *o = calloc(1, sizeof(*o));
        int r;

        if (!o)
                return -ENOMEM;
        if ((r = table_new(&params, &o->own)) < 0 || (r = copy_cidrs(&config->server_like.inside, &o->inside)) < 0 ||
            (r = copy_cidrs(&config->server_like.resolvers, &o->resolvers)) < 0)
                return r;
        *ret = TAKE_PTR(o);
        return 0;
}

void outside_free(struct outside *o)
{
        if (!o)
                return;
        table_free(o->own);
        free(o->inside.items);
        free(o->resolvers.items);
        free(o);
}

static bool any_contains(const struct config_cidrs *list, const struct addr *a)
{
        for (size_t i = 0; i < list->n; i++)
                if (cidr_contains(&list->items[i], a))
                        return true;
        return false;
}

static void learn(struct outside *o, const struct flow_event *f)
{
        struct own_key key = {.addr = f->local, .netns = f->netns};

        if (f->flags & (FLOW_RAW | FLOW_PACKET | FLOW_XDP | FLOW_NO_PEER))
                return;
        if (f->state != FLOW_STATE_ESTABLISHED && !(f->bytes_in && f->bytes_out))
                return;
        if (key.netns == o->last.netns && addr_equal(&key.addr, &o->last.addr))
                return;
        if (addr_is_unspecified(&f->local) || addr_is_multicast(&f->local))
                return;
        if (table_insert(o->own, &key, NULL))
                o->last = key;
}

bool outside_is_own(const struct outside *o, uint32_t netns, const struct addr *a)
{
        struct own_key key = {.addr = *a, .netns = netns};

        return table_peek(o->own, &key) != NULL;
}

static bool is_dhcp(const struct flow_event *f)
{
        uint16_t a = MIN(f->local_port, f->remote_port), b = MAX(f->local_port, f->remote_port);

        return f->proto == IPPROTO_UDP && ((a == 67 && (b == 68 || b == 67)) || (a == 546 && b == 547));
}

static bool is_name_query(const struct outside *o, const struct flow_event *f)
{
        return f->remote_port == 53 && (f->proto == IPPROTO_UDP || f->proto == IPPROTO_TCP) &&
               any_contains(&o->resolvers, &f->remote);
}

enum outside_class outside_flow(struct outside *o, const struct flow_event *f)
{
        const struct addr *a = &f->remote;

        learn(o, f);
        if (f->flags & FLOW_NO_PEER)
                return OUTSIDE_NO_PEER;
        if (addr_is_loopback(a) || addr_is_unspecified(a) || addr_is_multicast(a) || addr_equal(a, &f->local) ||
            outside_is_own(o, f->netns, a) || any_contains(&o->inside, a))
                return OUTSIDE_NOT;
        if (is_dhcp(f) || is_name_query(o, f))
                return OUTSIDE_PLUMBING;
        return OUTSIDE_YES;
}

void outside_get_stats(const struct outside *o, struct table_stats *ret)
{
        table_get_stats(o->own, ret);
}
