/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The boundary between what is believed and what the sender says. Runs in whichever process reads mail. */
#include "mail/chain_internal.h"

bool chain_nets_have(const struct chain_nets *nets, const struct addr *a)
{
        for (size_t i = 0; i < nets->n; i++)
                if (cidr_contains(&nets->items[i].net, a))
                        return !nets->items[i].except;
        return false;
}

/* Only a name that the server has made sure of counts: anybody may call his address like a server of ours. */
static bool has_trusted_name(const struct received *r, const struct chain_trust *trust)
{
        if (!(r->flags & RECEIVED_NAME_CONFIRMED) || !r->rdns.len)
                return false;
        for (size_t i = 0; i < trust->n_names; i++) {
                size_t n = strlen(trust->names[i]);
                bool within = trust->names[i][0] == '.';

                if (r->rdns.len < n || (!within && r->rdns.len != n))
                        continue;
                if (slice_is_n(slice_skip(r->rdns, r->rdns.len - n), trust->names[i], n))
                        return true;
        }
        return false;
}

/* What is known while going down. */
struct walk {
        bool believed; /* the header was written by a server that is */
        bool own;      /* ... and by none but our own so far */
        bool users;    /* the server takes mail only from users who log in */
};

static bool is_trusted(const struct received *r, const struct chain_trust *trust)
{
        return addr_is_loopback(&r->peer) || chain_nets_have(&trust->trusted, &r->peer) || has_trusted_name(r, trust);
}

static bool is_own(const struct received *r, const struct chain_trust *trust)
{
        return addr_is_loopback(&r->peer) || !trust->own.items || chain_nets_have(&trust->own, &r->peer);
}

/* LMTP, from a front end in a private network: nobody from outside speaks it. */
static bool is_delivery(const struct received *r)
{
        enum address_kind kind = address_kind_of(&r->peer);

        return r->flags & RECEIVED_DELIVERY && (kind == ADDRESS_PRIVATE || kind == ADDRESS_LINK_LOCAL);
}

static enum chain_role role_of(struct chain_hop *h, const struct chain_trust *trust, struct walk *w)
{
        const struct received *r = &h->r;

        switch (r->kind) {
        case RECEIVED_LOCAL:
        case RECEIVED_FETCHED:
                return CHAIN_INNER;
        case RECEIVED_PEER:
                break;
        default:
                return CHAIN_BLIND;
        }
        if (!(r->flags & RECEIVED_SEEN))
                return CHAIN_BLIND;
        h->trusted = w->users || is_trusted(r, trust);
        h->own = h->trusted && w->own && (w->users || is_own(r, trust));
        if (w->users)
                return CHAIN_USER;
        if (!h->trusted)
                return is_delivery(r) ? CHAIN_INNER : CHAIN_RELAY;
        w->own = h->own;
        w->users = chain_nets_have(&trust->submission, &r->peer);
        return addr_is_loopback(&r->peer) ? CHAIN_INNER : CHAIN_OWN;
}

static enum chain_end end_of(enum chain_role role)
{
        switch (role) {
        case CHAIN_RELAY:
                return CHAIN_END_RELAY;
        case CHAIN_USER:
                return CHAIN_END_USER;
        case CHAIN_BLIND:
                return CHAIN_END_BLIND;
        default:
                return CHAIN_END_WITHIN;
        }
}

void chain_trust(struct chain *c, const struct chain_trust *trust)
{
        struct walk w = {.believed = true, .own = true};

        for (uint32_t i = 0; i < c->n_hops; i++) {
                struct chain_hop *h = &c->hops[i];

                if (h->role == CHAIN_ORIGIN) {
                        h->trusted = w.believed && is_trusted(&h->r, trust);
                        h->own = h->trusted && w.own && is_own(&h->r, trust);
                        continue;
                }
                if (!w.believed)
                        continue; /* CHAIN_WORD, as it was made */
                h->role = role_of(h, trust, &w);
                c->boundary = i;
                c->end = end_of(h->role);
                if (c->end == CHAIN_END_RELAY)
                        c->relay = h->r.peer;
                w.believed = c->end == CHAIN_END_WITHIN;
        }
        /* The table is full before somebody else's server was met: nobody knows what came further down. */
        if (c->end == CHAIN_END_WITHIN && c->n_hops == CHAIN_HOPS)
                c->end = CHAIN_END_BLIND;
}
