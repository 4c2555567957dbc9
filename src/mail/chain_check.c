/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What gives a chain away: names and addresses that contradict each other, or cannot be. Runs in whichever process
 * reads mail. */
#include "mail/chain_internal.h"

static void add(struct chain *c, enum chain_sign_id id, bool strong, uint32_t hop, uint32_t other)
{
        chain_add_sign(c,
                       (struct chain_sign){
                               .id = (uint8_t) id, .strong = strong, .hop = (uint8_t) hop, .other = (uint8_t) other});
}

static bool text_address(struct slice s, struct addr *ret)
{
        uint16_t port;

        if (s.len > 1 && s.p[0] == '[' && s.p[s.len - 1] == ']')
                s = slice_from(s.p + 1, slice_end(s) - 1);
        return s.len && address_read(s, ret, &port) == 0;
}

/* "mail.example.org": a dot, and a letter behind the last one. */
static bool is_full_name(struct slice s)
{
        const char *dot = slice_last(s, '.');

        return dot && dot > s.p && slice_end(s) - dot > 2 && !slice_is_digit(dot[1]);
}

/* The last two labels, or three where the last but one is short ("example.co.jp"): good enough to tell organisations
 * apart when nothing depends on it but a weak sign. */
static struct slice organisation(struct slice s)
{
        unsigned labels = 0, want = 2;
        const char *p = slice_end(s), *label = p;

        while (p > s.p) {
                if (*--p != '.')
                        continue;
                labels++;
                if (labels == 2 && label - p - 1 <= 3)
                        want = 3;
                if (labels == want)
                        return slice_from(p + 1, slice_end(s));
                label = p;
        }
        return s;
}

static bool same_organisation(struct slice a, struct slice b)
{
        return a.len && b.len && slice_equal(organisation(a), organisation(b));
}

/* Servers have several addresses, mostly neighbours: a /16 of IPv4, a /32 of IPv6 (what a provider is given). */
static bool are_neighbours(const struct addr *a, const struct addr *b)
{
        struct cidr net = {*a, addr_is_v4(a) ? 112 : 32};

        return addr_is_v4(a) == addr_is_v4(b) && cidr_contains(&net, b);
}

/* Does the server that the header names fit with what the one above it saw? */
static void check_by(struct chain *c, uint32_t i)
{
        const struct received *r = &c->hops[i].r, *above;
        struct addr by;
        uint32_t k;

        if (!r->by.len || !chain_above(c, i, &k))
                return;
        above = &c->hops[k].r;
        if (text_address(r->by, &by)) {
                if (above->kind == RECEIVED_PEER && address_kind_of(&by) == ADDRESS_GLOBAL &&
                    address_kind_of(&above->peer) == ADDRESS_GLOBAL && !addr_equal(&by, &above->peer))
                        add(c, CHAIN_SIGN_BY_ADDRESS, !are_neighbours(&by, &above->peer), i, k);
                return;
        }
        if (!is_full_name(r->by) || same_organisation(r->by, above->rdns) || same_organisation(r->by, above->helo))
                return;
        if (is_full_name(above->rdns) || is_full_name(above->helo))
                add(c, CHAIN_SIGN_BY_NAME, false, i, k);
}

/* Somebody else wrote that our own server had written it: a list that sends our mail back to us does the same. */
static void check_by_ours(struct chain *c, uint32_t i)
{
        const struct received *r = &c->hops[i].r;

        for (uint32_t k = 0; k <= c->boundary && r->by.len; k++)
                if (c->hops[k].role != CHAIN_ORIGIN && is_full_name(r->by) && slice_equal(r->by, c->hops[k].r.by)) {
                        add(c, CHAIN_SIGN_BY_OURS, false, i, k);
                        return;
                }
}

static void check_word_address(struct chain *c, uint32_t i, const struct chain_trust *trust)
{
        const struct received *r = &c->hops[i].r;
        struct slice inner = r->helo;
        const struct chain_nets *own = trust->own.items ? &trust->own : &trust->trusted;

        if (inner.len > 1 && inner.p[0] == '[')
                inner = slice_from(inner.p + 1, slice_end(inner) - 1);
        if (r->kind != RECEIVED_PEER) {
                if (address_is_impossible(inner))
                        add(c, CHAIN_SIGN_ADDRESS_RESERVED, true, i, i);
                return;
        }
        switch (address_kind_of(&r->peer)) {
        case ADDRESS_RESERVED:
        case ADDRESS_UNASSIGNED:
                add(c, CHAIN_SIGN_ADDRESS_RESERVED, true, i, i);
                break;
        case ADDRESS_PRIVATE:
        case ADDRESS_SHARED:
        case ADDRESS_LINK_LOCAL:
                if (is_full_name(r->by) && is_full_name(r->rdns) && !same_organisation(r->by, r->rdns))
                        add(c, CHAIN_SIGN_ADDRESS_PRIVATE, false, i, i);
                break;
        case ADDRESS_GLOBAL:
                if (chain_nets_have(own, &r->peer))
                        add(c, CHAIN_SIGN_ADDRESS_OURS, false, i, i);
                break;
        default:
                break;
        }
}

static void check_form(struct chain *c, uint32_t i)
{
        const struct received *r = &c->hops[i].r;

        if (r->kind != RECEIVED_UNREAD)
                return;
        if (r->trouble == RECEIVED_TROUBLE_TWO)
                add(c, CHAIN_SIGN_IMITATION, false, i, i);
        else
                add(c, CHAIN_SIGN_UNREAD, false, i, i);
}

/* What the relay said of itself, beside what our server saw. */
static void check_helo(struct chain *c, uint32_t i)
{
        const struct received *r = &c->hops[i].r;
        struct addr said, by;

        if (!r->helo.len || r->flags & RECEIVED_WEB)
                return;
        if (text_address(r->helo, &said)) {
                if (addr_equal(&said, &r->peer))
                        add(c, CHAIN_SIGN_HELO_LITERAL, false, i, i);
                else if (text_address(r->by, &by) && addr_equal(&said, &by))
                        add(c, CHAIN_SIGN_HELO_OURS, true, i, i);
                else /* behind a translator of addresses it does not know its own */
                        add(c, CHAIN_SIGN_HELO_ADDRESS, address_kind_of(&said) != ADDRESS_PRIVATE, i, i);
                return;
        }
        if (is_full_name(r->by) && slice_equal(r->helo, r->by))
                add(c, CHAIN_SIGN_HELO_OURS, true, i, i);
        else if (!is_full_name(r->helo))
                add(c, CHAIN_SIGN_HELO_PLAIN, false, i, i);
}

static void check_name(struct chain *c, uint32_t i)
{
        const struct received *r = &c->hops[i].r;

        if (r->flags & RECEIVED_NAME_FORGED)
                add(c, CHAIN_SIGN_NAME_FORGED, false, i, i);
        else if (!received_has_name(r) && r->flags & RECEIVED_NAMES)
                add(c, CHAIN_SIGN_NO_NAME, false, i, i);
}

void chain_check(struct chain *c, const struct chain_trust *trust)
{
        for (uint32_t i = 0; i < c->n_hops; i++) {
                if (c->hops[i].role == CHAIN_RELAY) {
                        check_helo(c, i);
                        check_name(c, i);
                }
                if (c->hops[i].role == CHAIN_BLIND)
                        check_form(c, i);
                if (!chain_is_word(&c->hops[i]))
                        continue;
                check_form(c, i);
                check_by(c, i);
                check_by_ours(c, i);
                check_word_address(c, i, trust);
        }
        chain_check_times(c);
        if (c->received > CHAIN_LOOP && c->n_hops)
                add(c, CHAIN_SIGN_MANY_HOPS, true, c->n_hops - 1, c->n_hops - 1);
}
