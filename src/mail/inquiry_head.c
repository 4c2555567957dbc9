/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signs that a mail's head gives of the relay that is believed: what it said to our server, what it says was before it,
 * and what trusted servers found. Runs where mail/inquiry.h says.
 *
 * What stands below the boundary is the relay's word. It speaks against the relay as it is, and for it only where
 * something that the relay cannot choose by itself fits: its confirmed name. */
#include "mail/head.h"
#include "mail/inquiry_internal.h"
#include "mail/kinds.h"

#define STEPS_MAX 8 /* within a provider, from its outermost server to the one that took the mail */

static bool is_kin(struct slice a, struct slice b)
{
        return a.len && b.len && memchr(a.p, '.', a.len) && slice_equal(kinds_domain(a), kinds_domain(b));
}

static bool is_suspicious(const struct chain *c, uint32_t hop)
{
        for (uint32_t i = 0; i < c->n_signs; i++) {
                unsigned id = c->signs[i].id;

                if (c->signs[i].hop == hop && id >= CHAIN_SIGN_BY_ADDRESS && id <= CHAIN_SIGN_ADDRESS_OURS &&
                    id != CHAIN_SIGN_DATE_AHEAD && id != CHAIN_SIGN_DATE_BEHIND)
                        return true;
        }
        return false;
}

/* Written by the relay itself, as far as one can tell. */
static bool is_its_own(const struct chain *c, uint32_t i, const struct inquiry_names *names)
{
        return c->hops[i].role == CHAIN_WORD && names->confirmed == ANSWER_YES &&
               kinds_dynamic(names->rdns, &c->relay) == ANSWER_NO && is_kin(c->hops[i].r.by, names->rdns) &&
               !is_suspicious(c, i);
}

/* From somebody who logged in, typed it on a web page, or has an access line of the same provider. Who takes mail from
 * the lines of others may be an open relay, or a mailing list. */
static bool is_customer(const struct received *r, const struct inquiry_names *names)
{
        if (r->flags & (RECEIVED_AUTH | RECEIVED_WEB))
                return true;
        return r->kind == RECEIVED_PEER && received_has_name(r) && !(r->flags & RECEIVED_NAME_FORGED) &&
               kinds_dynamic(r->rdns, &r->peer) == ANSWER_YES && is_kin(r->rdns, names->rdns);
}

/* True: the relay itself wrote all that is below, as far as one can tell. */
static bool read_below(const struct chain *c, const struct inquiry_names *names, enum answer signs[static JUDGE_SIGNS])
{
        unsigned words = 0, forged = 0, steps = 0;
        bool own = true, said_customer = false;

        for (uint32_t i = c->boundary + 1; i < c->n_hops; i++) {
                const struct chain_hop *h = &c->hops[i];

                if (h->role == CHAIN_ORIGIN)
                        continue;
                words++;
                forged += h->role == CHAIN_FORGED;
                if (h->r.kind == RECEIVED_LOCAL && !h->r.by.len)
                        continue; /* "(qmail 7 invoked by uid 48)": whose it is, is not said */
                own = own && steps < STEPS_MAX && is_its_own(c, i, names);
                steps += own;
                said_customer = said_customer || (own && is_customer(&h->r, names));
        }
        /* Below what it honestly wrote, who forged is somebody before it. */
        signs[JUDGE_SIGN_FORGED] = forged == 0 ? ANSWER_NO : steps == 0 ? ANSWER_YES : ANSWER_UNKNOWN;
        signs[JUDGE_SIGN_DIRECT] = forged == words ? ANSWER_YES : steps > 0 ? ANSWER_NO : ANSWER_UNKNOWN;
        signs[JUDGE_SIGN_SUBMITTED] = said_customer                          ? ANSWER_YES :
                                      signs[JUDGE_SIGN_DIRECT] == ANSWER_YES ? ANSWER_NO :
                                                                               ANSWER_UNKNOWN;
        return own;
}

/* "X-Originating-IP": anybody can write it; a provider's web mailer does, and what it hands on was nowhere else before.
 */
static void read_origin(const struct chain *c, const struct inquiry_names *names, enum answer signs[static JUDGE_SIGNS])
{
        if (names->confirmed != ANSWER_YES || !(kinds_traits(names->rdns, &c->relay) & KINDS_SERVER) ||
            kinds_dynamic(names->rdns, &c->relay) != ANSWER_NO || signs[JUDGE_SIGN_FORGED] == ANSWER_YES)
                return;
        for (uint32_t i = 0; i < c->n_hops; i++)
                if (c->hops[i].role == CHAIN_ORIGIN && address_kind_of(&c->hops[i].r.peer) == ADDRESS_GLOBAL &&
                    !addr_equal(&c->hops[i].r.peer, &c->relay))
                        signs[JUDGE_SIGN_SUBMITTED] = ANSWER_YES;
}

static void read_times(const struct chain *c, enum answer signs[static JUDGE_SIGNS])
{
        enum answer times = c->has_date && c->date.flags & DATE_READ ? ANSWER_NO : ANSWER_UNKNOWN;

        for (uint32_t i = 0; i < c->n_signs; i++)
                switch (c->signs[i].id) {
                case CHAIN_SIGN_TIME_BACKWARDS:
                case CHAIN_SIGN_WEEKDAY:
                case CHAIN_SIGN_ZONE:
                case CHAIN_SIGN_DATE_AHEAD:
                        if (c->signs[i].strong)
                                times = ANSWER_YES;
                        break;
                default:
                        break;
                }
        signs[JUDGE_SIGN_TIMES] = times;
}

static void read_helo(const struct chain *c, const struct inquiry_names *names, enum answer signs[static JUDGE_SIGNS])
{
        const struct received *r = &c->hops[c->boundary].r;
        struct kinds_said said = {.helo = r->helo, .rdns = names->rdns, .addr = c->relay, .by = r->by};
        enum kinds_helo kind;
        uint16_t port;

        if (r->flags & RECEIVED_WEB)
                return;
        if (r->by.len)
                (void) address_read(r->by, &said.by_addr, &port);
        kind = kinds_helo(&said);
        if (kind == KINDS_HELO_NONE)
                return;
        signs[JUDGE_SIGN_HELO_OURS] = answer_of(kind == KINDS_HELO_OURS);
        if (kind <= KINDS_HELO_BARE || kind == KINDS_HELO_JUNK)
                signs[JUDGE_SIGN_HELO_POOR] = ANSWER_YES;
        else if (kind != KINDS_HELO_OURS && kind != KINDS_HELO_DYNAMIC)
                signs[JUDGE_SIGN_HELO_POOR] = ANSWER_NO;
        /* A name that nobody confirmed may be anybody's. */
        if (names->has_name == ANSWER_YES && names->confirmed != ANSWER_UNKNOWN)
                signs[JUDGE_SIGN_HELO_FITS] = answer_of(names->confirmed == ANSWER_YES &&
                                                        (kind == KINDS_HELO_REVERSE || kind == KINDS_HELO_KIN));
}

static void read_results(const struct chain *c, enum answer signs[static JUDGE_SIGNS])
{
        for (uint32_t i = 0; i < c->n_results; i++) {
                if (!c->results[i].trusted || !c->results[i].spf_is.p)
                        continue;
                if (slice_is(c->results[i].spf_is, "pass"))
                        signs[JUDGE_SIGN_SPF] = answer_or(signs[JUDGE_SIGN_SPF], ANSWER_YES);
                else if (slice_is(c->results[i].spf_is, "fail") || slice_is(c->results[i].spf_is, "softfail"))
                        signs[JUDGE_SIGN_SPF] = MAX(signs[JUDGE_SIGN_SPF], ANSWER_NO);
        }
}

/* What a filter wrote above the header of the server that is believed: nobody else can write there. */
static enum answer filtered(const struct chain *c, struct slice text)
{
        struct head h = head_of(text.p, text.len);
        struct head_field f;
        enum answer spam = ANSWER_UNKNOWN;
        uint32_t ours = 0;

        for (uint32_t i = 0; i < c->n_hops && i <= c->boundary; i++)
                ours += c->hops[i].role != CHAIN_ORIGIN;
        while (ours > 0 && head_next(&h, &f)) {
                ours -= slice_is(f.name, "Received");
                if (!slice_is(f.name, "X-Spam-Flag") && !slice_is(f.name, "X-Spam-Status"))
                        continue;
                if (slice_begins(f.body, "yes"))
                        spam = ANSWER_YES;
                else if (slice_begins(f.body, "no"))
                        spam = MAX(spam, ANSWER_NO);
        }
        return spam;
}

void inquiry_read_head(const struct chain *c, const struct inquiry_names *names, struct slice head, enum answer spam,
                       enum answer signs[static JUDGE_SIGNS])
{
        signs[JUDGE_SIGN_SPAM] = spam != ANSWER_UNKNOWN ? spam : filtered(c, head);
        if (read_below(c, names, signs))
                read_origin(c, names, signs);
        read_times(c, signs);
        read_helo(c, names, signs);
        read_results(c, signs);
}
