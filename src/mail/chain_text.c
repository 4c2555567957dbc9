/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Words for a chain: names of roles and signs, and each sign in a sentence with what it is about. Runs in whichever
 * process shows mail. */
#include "mail/chain_internal.h"

static const struct {
        const char *name, *about;
} signs[CHAIN_SIGN_IDS] = {
#define SIGN(id, name, lie, about) [CHAIN_SIGN_##id] = {name, about},
#include "mail/signs.def"
#undef SIGN
};

const char *chain_role_name(unsigned role)
{
        static const char *const names[CHAIN_ROLES] = {
                [CHAIN_INNER] = "inner", [CHAIN_OWN] = "trusted", [CHAIN_USER] = "user",     [CHAIN_RELAY] = "relay",
                [CHAIN_BLIND] = "blind", [CHAIN_WORD] = "word",   [CHAIN_FORGED] = "forged", [CHAIN_ORIGIN] = "origin",
        };

        return role < CHAIN_ROLES ? names[role] : "?";
}

const char *chain_sign_name(unsigned id)
{
        return id < CHAIN_SIGN_IDS ? signs[id].name : "?";
}

static void put(struct buf *out, struct slice s)
{
        (void) buf_put_visible(out, s.p ? s.p : "", s.p ? MIN(s.len, 120u) : 0);
        if (s.p && s.len > 120)
                (void) buf_puts(out, "...");
}

static void put_peer(struct buf *out, const struct received *r)
{
        char text[ADDR_TEXT_MAX];

        if (r->kind == RECEIVED_PEER || r->kind == RECEIVED_FETCHED)
                (void) buf_puts(out, addr_format(&r->peer, text));
        else
                put(out, r->helo);
        if (received_has_name(r)) {
                (void) buf_puts(out, " (");
                put(out, r->rdns);
                (void) buf_putc(out, ')');
        }
}

static void put_span(struct buf *out, nsec_t span)
{
        int64_t minutes = span / (60 * NSEC_PER_SEC);

        if (minutes < 120)
                (void) buf_printf(out, "%d minutes", (int) minutes);
        else if (minutes < 2 * 24 * 60)
                (void) buf_printf(out, "%d h %02d min", (int) (minutes / 60), (int) (minutes % 60));
        else
                (void) buf_printf(out, "%d days", (int) (minutes / (24 * 60)));
}

static void put_by(struct buf *out, const struct chain *c, const struct chain_sign *s)
{
        (void) buf_puts(out, "it says that ");
        put(out, c->hops[s->hop].r.by);
        (void) buf_puts(out, " wrote it, but the next server had the mail from ");
        put_peer(out, &c->hops[s->other].r);
}

static void put_helo(struct buf *out, const char *before, const struct received *r, const char *behind)
{
        (void) buf_puts(out, before);
        put(out, r->helo);
        (void) buf_puts(out, behind);
}

static void put_address(struct buf *out, const struct received *r)
{
        const char *purpose = r->kind == RECEIVED_PEER ? address_purpose(&r->peer) : NULL;

        put_peer(out, r);
        if (purpose)
                (void) buf_printf(out, " is an address for %s: no server of others has it", purpose);
        else
                (void) buf_puts(out, " is no address at all");
}

static void put_times(const struct chain_sign *s, struct buf *out)
{
        switch (s->id) {
        case CHAIN_SIGN_TIME_BACKWARDS:
                (void) buf_puts(out, "by its time the mail was there ");
                put_span(out, s->span);
                (void) buf_puts(out, " later than at the next server");
                break;
        case CHAIN_SIGN_TIME_JUMP:
                (void) buf_puts(out, "by its time the mail lay ");
                put_span(out, s->span);
                (void) buf_puts(out, " before the next server had it; servers give up after five days");
                break;
        case CHAIN_SIGN_DATE_AHEAD:
                (void) buf_puts(out, "Date: is ");
                put_span(out, s->span);
                (void) buf_puts(out, " ahead of the time at which the mail came");
                break;
        default:
                (void) buf_puts(out, "Date: is ");
                put_span(out, s->span);
                (void) buf_puts(out, " before the time at which the mail came");
                break;
        }
}

static void put_relay(const struct received *r, const struct chain_sign *s, struct buf *out)
{
        switch (s->id) {
        case CHAIN_SIGN_HELO_LITERAL:
                put_helo(out, "it said HELO ", r, ", its address in place of a name");
                break;
        case CHAIN_SIGN_HELO_ADDRESS:
                put_helo(out, "it said HELO ", r, ", which is not its address");
                break;
        case CHAIN_SIGN_HELO_OURS:
                put_helo(out, "it said HELO ", r, ", which is the server it spoke to");
                break;
        default:
                put_helo(out, "it said HELO ", r, ", which is no full name");
                break;
        }
}

void chain_sign_text(const struct chain *c, const struct chain_sign *s, struct buf *out)
{
        const struct received *r = &c->hops[s->hop].r;

        switch (s->id) {
        case CHAIN_SIGN_BY_ADDRESS:
        case CHAIN_SIGN_BY_NAME:
                put_by(out, c, s);
                break;
        case CHAIN_SIGN_TIME_BACKWARDS:
        case CHAIN_SIGN_TIME_JUMP:
        case CHAIN_SIGN_DATE_AHEAD:
        case CHAIN_SIGN_DATE_BEHIND:
                put_times(s, out);
                break;
        case CHAIN_SIGN_ADDRESS_RESERVED:
                put_address(out, r);
                break;
        case CHAIN_SIGN_HELO_LITERAL:
        case CHAIN_SIGN_HELO_ADDRESS:
        case CHAIN_SIGN_HELO_OURS:
        case CHAIN_SIGN_HELO_PLAIN:
                put_relay(r, s, out);
                break;
        case CHAIN_SIGN_ZONE:
                (void) buf_printf(out, "%s", signs[s->id].about);
                break;
        case CHAIN_SIGN_MANY_HOPS:
                (void) buf_printf(out, "%llu headers: %s", (unsigned long long) c->received, signs[s->id].about);
                break;
        case CHAIN_SIGN_UNREAD:
                (void) buf_puts(out, received_trouble_text(r->trouble));
                break;
        default:
                (void) buf_puts(out, s->id < CHAIN_SIGN_IDS ? signs[s->id].about : "?");
                break;
        }
}

void chain_end_text(const struct chain *c, struct buf *out)
{
        const struct received *r = &c->hops[c->boundary].r;

        switch (c->end) {
        case CHAIN_END_NONE:
                (void) buf_puts(out, "there is no Received: header");
                break;
        case CHAIN_END_WITHIN:
                (void) buf_puts(out, "every header is of a server that is trusted: the mail was sent from within");
                break;
        case CHAIN_END_USER:
                (void) buf_puts(out, "a user who had logged in sent it");
                break;
        case CHAIN_END_BLIND:
                if (r->kind == RECEIVED_UNREAD)
                        (void) buf_printf(out, "the header that decides is not read: %s",
                                          received_trouble_text(r->trouble));
                else if (r->kind == RECEIVED_NAMED)
                        (void) buf_puts(out, "the server that decides wrote no address");
                else if (r->kind == RECEIVED_PEER && !(r->flags & RECEIVED_SEEN))
                        (void) buf_puts(out, "what the server that decides wrote may be the client's word");
                else
                        (void) buf_puts(out, "there are more headers than are read");
                break;
        default:
                break;
        }
}
