/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Collects the chain of a mail from its head, then judges it. Runs in whichever process reads mail. */
#include "mail/chain_internal.h"

#include "mail/head.h"
#include "mail/token.h"

/* Fields in which a server or a web mailer notes where the mail was typed. Anybody may write them. */
static const char *const origins[] = {
        "X-Originating-IP", "X-Originating-Client", "X-Original-IP",        "X-OriginalArrivalIP",
        "X-Sender-IP",      "X-Source-IP",          "X-Remote-IP",          "X-Real-IP",
        "X-Client-IP",      "X-ClientIP",           "X-Yahoo-Post-IP",      "X-AOL-IP",
        "X-MDRemoteIP",     "X-EN-OrigIP",          "X-Apparently-From-IP", "X-HTTP-Posting-Host",
        "X-WebMail-UserIP", "X-Mailer-IP",          "X-Forefront-IP",       "X-MSMail-Sender-IP",
};

static bool is_origin(struct slice name)
{
        if (name.len < 2 || (name.p[0] | 0x20) != 'x' || name.p[1] != '-')
                return false;
        for (size_t i = 0; i < ELEMENTSOF(origins); i++)
                if (slice_is_n(name, origins[i], strlen(origins[i])))
                        return true;
        return false;
}

static struct chain_hop *add_hop(struct chain *c)
{
        if (c->n_hops == CHAIN_HOPS)
                return NULL;
        return &c->hops[c->n_hops++];
}

/* "[192.0.2.1]", "192.0.2.1", "192.0.2.1, 10.0.0.1" (the first). */
static void take_origin(struct chain *c, const struct head_field *f)
{
        struct slice rest = f->body;
        struct chain_hop *h;
        struct token t;
        struct addr a;
        uint16_t port;

        (void) token_next(&rest, &t);
        if ((t.kind != TOKEN_WORD && t.kind != TOKEN_LITERAL) || address_read(t.text, &a, &port) < 0)
                return;
        h = add_hop(c);
        if (!h)
                return;
        h->role = CHAIN_ORIGIN;
        h->origin = f->name;
        h->trusted = h->own = false;
        h->r = (struct received){.kind = RECEIVED_PEER, .peer = a, .port = port};
}

static void take_received(struct chain *c, const struct head_field *f)
{
        struct chain_hop *h;

        c->received++;
        h = add_hop(c);
        if (!h)
                return;
        h->role = CHAIN_WORD;
        h->origin = (struct slice){0};
        h->trusted = h->own = false;
        (void) received_read(f->body, &h->r);
}

static void take_result(struct chain *c, const struct head_field *f, bool spf)
{
        struct chain_result *r;

        if (c->n_results == CHAIN_RESULTS)
                return;
        r = &c->results[c->n_results++];
        chain_result_read(f->body, spf, r);
        r->above = (uint32_t) MIN(c->received, UINT32_MAX);
}

static void take_field(struct chain *c, const struct head_field *f)
{
        switch (f->name.p[0] | 0x20) {
        case 'r':
                if (slice_is(f->name, "Received"))
                        take_received(c, f);
                else if (slice_is(f->name, "Received-SPF"))
                        take_result(c, f, true);
                break;
        case 'a':
                if (slice_is(f->name, "Authentication-Results"))
                        take_result(c, f, false);
                break;
        case 'd':
                if (slice_is(f->name, "Date") && !c->has_date) {
                        struct slice body = f->body;

                        c->has_date = true;
                        (void) date_read(&body, &c->date);
                }
                break;
        case 'm':
                if (slice_is(f->name, "Message-ID") && !c->message_id.p)
                        c->message_id = f->body;
                break;
        case 'u':
        case 'x':
                if ((slice_is(f->name, "X-Mailer") || slice_is(f->name, "User-Agent")) && !c->mailer.p)
                        c->mailer = f->body;
                else if (is_origin(f->name))
                        take_origin(c, f);
                break;
        default:
                break;
        }
}

void chain_read(const char *head, size_t len, const struct chain_trust *trust, struct chain *ret)
{
        struct head h = head_of(head, len);
        struct head_field f;

        ret->n_hops = ret->n_signs = ret->signs_lost = ret->n_results = 0;
        ret->received = 0;
        ret->end = CHAIN_END_NONE;
        ret->boundary = 0;
        ret->relay = (struct addr){0};
        ret->message_id = ret->mailer = (struct slice){0};
        ret->date = (struct date){0};
        ret->has_date = false;
        while (head_next(&h, &f))
                take_field(ret, &f);
        ret->lost_lines = h.lost;
        chain_trust(ret, trust);
        chain_trust_results(ret);
        chain_check(ret, trust);
}

void chain_add_sign(struct chain *c, struct chain_sign sign)
{
        static const bool lies[] = {
#define SIGN(id, name, lie, about) lie,
#include "mail/signs.def"
#undef SIGN
        };
        struct chain_hop *h = &c->hops[sign.hop];

        if (sign.strong && lies[sign.id] && h->role == CHAIN_WORD)
                h->role = CHAIN_FORGED;
        if (c->n_signs == CHAIN_SIGNS)
                c->signs_lost++;
        else
                c->signs[c->n_signs++] = sign;
}

bool chain_above(const struct chain *c, uint32_t i, uint32_t *ret)
{
        while (i-- > 0)
                if (c->hops[i].role != CHAIN_ORIGIN && c->hops[i].r.kind != RECEIVED_LOCAL) {
                        *ret = i;
                        return c->hops[i].r.kind != RECEIVED_UNREAD;
                }
        return false;
}
