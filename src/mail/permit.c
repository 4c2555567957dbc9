/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The decision whether an address may be probed. Runs where mail/permit.h says.
 *
 * Every check refuses in doubt: a clock that went back, a table that is full, an address in an odd form. */
#include "mail/permit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"
#include "mail/address.h"

#define GRANTS_MAX 64u

/* When an address or a network was probed last. */
struct probed {
        uint8_t key[16];
        nsec_t at;
};

struct permit {
        struct permit_params p;
        struct table *addresses, *networks;
        struct permit_grant grants[GRANTS_MAX]; /* number 0: free */
        unsigned under_way;
        uint64_t numbers;
        nsec_t last;
        bool any, stopped;
};

static const struct {
        const char *name, *title;
} reasons[PERMIT_REASONS] = {
        [PERMIT_GRANTED] = {"granted", "it may be probed"},
        [PERMIT_OFF] = {"off", "probing was not asked for"},
        [PERMIT_STOPPED] = {"stopped", "probing was stopped"},
        [PERMIT_NOT_LAST] = {"not_last", "it is not the last external relay: its address is only said"},
        [PERMIT_RESERVED] = {"reserved", "it is no address of the public Internet"},
        [PERMIT_OWN] = {"own", "it is one of ours or of a trusted server"},
        [PERMIT_OPTED_OUT] = {"opted_out", "its owner does not want to be probed"},
        [PERMIT_OLD] = {"old", "the mail came too long ago, and another may have the address by now"},
        [PERMIT_NOT_ALLOWED] = {"not_allowed", "it is not on the allow-list and nobody consented"},
        [PERMIT_TODAY] = {"today", "it was probed within a day"},
        [PERMIT_BUSY] = {"busy", "enough probes are under way"},
        [PERMIT_RATE] = {"rate", "the last probe was too short ago"},
        [PERMIT_NETWORK] = {"network", "its network was probed too short ago"},
};

const char *permit_reason_name(unsigned reason)
{
        return reason < PERMIT_REASONS ? reasons[reason].name : "?";
}

const char *permit_reason_title(unsigned reason)
{
        return reason < PERMIT_REASONS ? reasons[reason].title : "?";
}

bool permit_is_later(unsigned reason)
{
        return reason >= PERMIT_TODAY && reason < PERMIT_REASONS;
}

/* --- making and ending --- */

int permit_new(const struct permit_params *params, struct permit **ret)
{
        _cleanup_(permit_freep)
        struct permit *p = calloc(1, sizeof(*p));
        struct table_params table = {.name = "probed", .key_size = 16, .entry_size = sizeof(struct probed)};
        int r;

        if (!p)
                return -ENOMEM;
        p->p = *params;
        p->p.spacing = params->spacing > 0 ? params->spacing : 6 * NSEC_PER_SEC;
        p->p.net_spacing = params->net_spacing > 0 ? params->net_spacing : 600 * NSEC_PER_SEC;
        p->p.concurrent = MIN(params->concurrent ? params->concurrent : 4, GRANTS_MAX);
        p->p.remembered = params->remembered ? params->remembered : 65536;
        table.cap = p->p.remembered;
        r = table_new(&table, &p->addresses);
        if (r >= 0)
                r = table_new(&table, &p->networks);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

void permit_free(struct permit *p)
{
        if (!p)
                return;
        table_free(p->addresses);
        table_free(p->networks);
        free(p);
}

void permit_stop(struct permit *p)
{
        p->stopped = true;
}

/* --- the decision --- */

/* The /24 of an IPv4 address; the /48 of an IPv6 address, which is what a site gets (RFC 6177). */
static struct addr network_of(const struct addr *a)
{
        struct addr net = *a;

        if (addr_is_v4(a))
                net.b[15] = 0;
        else
                memset(net.b + 6, 0, 10);
        return net;
}

/* Addresses that stand for another one: whoever allowed them did not look at that. 6to4 (RFC 3056), Teredo (RFC 4380),
 * NAT64 (RFC 6052, RFC 8215), IPv4-compatible (RFC 4291). */
static bool stands_for_another(const struct addr *a)
{
        static const struct cidr nets[] = {
                {{{0x20, 0x02}}, 16},
                {{{0x20, 0x01, 0, 0}}, 32},
                {{{0, 0x64, 0xff, 0x9b}}, 32},
                {{{0}}, 80}, /* asked of IPv6 addresses only */
        };

        if (addr_is_v4(a))
                return false;
        for (unsigned i = 0; i < ELEMENTSOF(nets); i++)
                if (cidr_contains(&nets[i], a))
                        return true;
        return false;
}

/* Less than `spacing` ago, or after now: a clock that was set back grants nothing. */
static bool is_recent(nsec_t now, nsec_t then, nsec_t spacing)
{
        return then > now - spacing;
}

static bool was_recent(const struct table *t, const struct addr *key, nsec_t now, nsec_t spacing)
{
        const struct probed *e = table_peek(t, key->b);

        return e && is_recent(now, e->at, spacing);
}

/* No place for a new entry without forgetting one that still counts. */
static bool is_full(const struct permit *p, const struct table *t, const struct addr *key, nsec_t now, nsec_t spacing)
{
        const struct probed *oldest = table_oldest(t);

        return table_count(t) >= p->p.remembered && !table_peek(t, key->b) && is_recent(now, oldest->at, spacing);
}

enum permit_reason permit_look(const struct permit *p, nsec_t now, const struct permit_request *request)
{
        const struct addr *a = &request->addr;
        struct addr net = network_of(a);

        if (!p->p.probing)
                return PERMIT_OFF;
        if (p->stopped)
                return PERMIT_STOPPED;
        if (!request->last_external)
                return PERMIT_NOT_LAST;
        if (address_kind_of(a) != ADDRESS_GLOBAL || stands_for_another(a))
                return PERMIT_RESERVED;
        if (netlist_has(p->p.own, a))
                return PERMIT_OWN;
        if (netlist_has(p->p.opted_out, a))
                return PERMIT_OPTED_OUT;
        if (request->old)
                return PERMIT_OLD;
        if (!request->consent && !netlist_has(p->p.allowed, a))
                return PERMIT_NOT_ALLOWED;
        if ((request->last_probe != 0 && is_recent(now, request->last_probe, PERMIT_ADDRESS_SPACING)) ||
            was_recent(p->addresses, a, now, PERMIT_ADDRESS_SPACING) ||
            is_full(p, p->addresses, a, now, PERMIT_ADDRESS_SPACING))
                return PERMIT_TODAY;
        if (p->under_way >= p->p.concurrent)
                return PERMIT_BUSY;
        if (p->any && is_recent(now, p->last, p->p.spacing))
                return PERMIT_RATE;
        if (was_recent(p->networks, &net, now, p->p.net_spacing) ||
            is_full(p, p->networks, &net, now, p->p.net_spacing))
                return PERMIT_NETWORK;
        return PERMIT_GRANTED;
}

static bool note(struct table *t, const struct addr *key, nsec_t now)
{
        struct probed *e = table_insert(t, key->b, NULL);

        if (e)
                e->at = now;
        return e != NULL;
}

enum permit_reason permit_take(struct permit *p, nsec_t now, const struct permit_request *request,
                               struct permit_grant *ret)
{
        enum permit_reason reason = permit_look(p, now, request);
        struct addr net = network_of(&request->addr);
        unsigned i = 0;

        if (reason != PERMIT_GRANTED)
                return reason;
        if (!note(p->addresses, &request->addr, now) || !note(p->networks, &net, now))
                return PERMIT_BUSY; /* no memory */
        while (p->grants[i].number)
                i++;
        p->grants[i] = (struct permit_grant){request->addr, ++p->numbers};
        p->under_way++;
        p->last = now;
        p->any = true;
        *ret = p->grants[i];
        return PERMIT_GRANTED;
}

static struct permit_grant *find(const struct permit *p, const struct permit_grant *grant)
{
        for (unsigned i = 0; i < GRANTS_MAX; i++)
                if (grant->number && p->grants[i].number == grant->number &&
                    addr_equal(&p->grants[i].addr, &grant->addr))
                        return (struct permit_grant *) &p->grants[i];
        return NULL;
}

bool permit_holds(const struct permit *p, const struct permit_grant *grant)
{
        return !p->stopped && find(p, grant) != NULL;
}

void permit_done(struct permit *p, const struct permit_grant *grant)
{
        struct permit_grant *g = find(p, grant);

        if (!g)
                return;
        *g = (struct permit_grant){0};
        p->under_way--;
}
