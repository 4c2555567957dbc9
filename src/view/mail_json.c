/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A mail's way as one JSON object. Runs in the command line. */
#include <inttypes.h>

#include "view/json.h"
#include "view/mail_text.h"

static void put_name(struct buf *out, const char *name)
{
        if (out->len && out->data[out->len - 1] != '{')
                (void) buf_putc(out, ',');
        (void) buf_printf(out, "\"%s\":", name);
}

static void put_string(struct buf *out, const char *name, const char *text)
{
        put_name(out, name);
        (void) buf_put_json(out, text, strlen(text));
}

static void put_slice(struct buf *out, const char *name, struct slice s)
{
        if (!s.p)
                return;
        put_name(out, name);
        (void) buf_put_json(out, s.p, MIN(s.len, 256u));
}

static void put_address(struct buf *out, const char *name, const struct addr *a)
{
        char text[ADDR_TEXT_MAX];

        put_string(out, name, addr_format(a, text));
}

static void put_time(struct buf *out, const char *name, const struct date *d)
{
        if (!(d->flags & DATE_READ))
                return;
        put_name(out, name);
        json_time(out, d->time);
}

static void put_flags(struct buf *out, unsigned flags)
{
        static const struct {
                unsigned flag;
                const char *name;
        } names[] = {
                {RECEIVED_SEEN, "seen"},
                {RECEIVED_NAME_CONFIRMED, "rdns_confirmed"},
                {RECEIVED_NAME_FORGED, "rdns_forged"},
                {RECEIVED_NAME_UNSURE, "rdns_unsure"},
                {RECEIVED_DELIVERY, "lmtp"},
                {RECEIVED_WEB, "web"},
                {RECEIVED_AUTH, "authenticated"},
                {RECEIVED_TLS, "tls"},
                {RECEIVED_ODD, "odd"},
        };
        bool some = false;

        put_name(out, "flags");
        (void) buf_putc(out, '[');
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (flags & names[i].flag) {
                        (void) buf_printf(out, "%s\"%s\"", some ? "," : "", names[i].name);
                        some = true;
                }
        (void) buf_putc(out, ']');
}

static void put_hop(struct buf *out, const struct chain_hop *h)
{
        static const char *const kinds[] = {"unread", "peer", "named", "local", "fetched"};
        const struct received *r = &h->r;

        (void) buf_putc(out, '{');
        put_string(out, "role", chain_role_name(h->role));
        if (h->role == CHAIN_ORIGIN) {
                put_slice(out, "field", h->origin);
                put_address(out, "ip", &r->peer);
                (void) buf_putc(out, '}');
                return;
        }
        put_string(out, "kind", kinds[r->kind]);
        if (r->kind == RECEIVED_UNREAD)
                put_string(out, "reason", received_trouble_text(r->trouble));
        if (r->kind == RECEIVED_PEER || r->kind == RECEIVED_FETCHED)
                put_address(out, "ip", &r->peer);
        if (r->port) {
                put_name(out, "port");
                (void) buf_printf(out, "%" PRIu16, r->port);
        }
        put_slice(out, "rdns", r->rdns);
        put_slice(out, "helo", r->helo);
        put_slice(out, "by", r->by);
        put_slice(out, "with", r->with);
        put_slice(out, "id", r->id);
        put_string(out, "form", received_form_name(r->form));
        put_time(out, "time", &r->date);
        if (r->date.flags & DATE_READ && !(r->date.flags & DATE_NO_ZONE)) {
                put_name(out, "zone");
                (void) buf_printf(out, "%d", r->date.zone);
        }
        put_flags(out, r->flags);
        (void) buf_putc(out, '}');
}

static void put_signs(struct buf *out, const struct chain *c)
{
        put_name(out, "signs");
        (void) buf_putc(out, '[');
        for (uint32_t i = 0; i < c->n_signs; i++) {
                const struct chain_sign *s = &c->signs[i];
                char text[512];
                struct buf told = BUF_FIXED(text);

                chain_sign_text(c, s, &told);
                (void) buf_puts(out, i ? ",{" : "{");
                put_string(out, "sign", chain_sign_name(s->id));
                put_name(out, "hop");
                (void) buf_printf(out, "%u,\"strong\":%s", s->hop, s->strong ? "true" : "false");
                put_string(out, "text", buf_str(&told));
                (void) buf_putc(out, '}');
        }
        (void) buf_putc(out, ']');
}

static void put_results(struct buf *out, const struct chain *c)
{
        put_name(out, "results");
        (void) buf_putc(out, '[');
        for (uint32_t i = 0, n = 0; i < c->n_results; i++) {
                const struct chain_result *r = &c->results[i];

                if (!r->trusted)
                        continue;
                (void) buf_puts(out, n++ ? ",{" : "{");
                put_slice(out, "by", r->by);
                put_slice(out, "spf", r->spf_is);
                put_slice(out, "dkim", r->dkim_is);
                put_slice(out, "dmarc", r->dmarc_is);
                (void) buf_putc(out, '}');
        }
        (void) buf_putc(out, ']');
}

static void put_relay(struct buf *out, const struct mail_text *m)
{
        const struct chain *c = m->chain;
        char text[256];
        struct buf why = BUF_FIXED(text);

        if (c->end == CHAIN_END_RELAY) {
                put_address(out, "relay", &c->relay);
        } else {
                chain_end_text(c, &why);
                put_name(out, "relay");
                (void) buf_puts(out, "null");
                put_string(out, "reason", buf_str(&why));
        }
        mail_verdict_json(out, m);
}

void mail_text_json(struct buf *out, const struct mail_text *m)
{
        const struct chain *c = m->chain;

        (void) buf_putc(out, '{');
        if (c->end != CHAIN_END_NONE)
                put_time(out, "timestamp", &c->hops[c->boundary].r.date);
        put_string(out, "event_type", "mail");
        put_string(out, "path", m->path);
        if (m->number) {
                put_name(out, "number");
                (void) buf_printf(out, "%" PRIu64, m->number);
        }
        put_slice(out, "message_id", c->message_id);
        put_relay(out, m);
        put_signs(out, c);
        put_results(out, c);
        put_name(out, "received");
        (void) buf_printf(out, "%" PRIu64, c->received);
        if (m->cut)
                (void) buf_puts(out, ",\"cut\":true");
        put_name(out, "chain");
        (void) buf_putc(out, '[');
        for (uint32_t i = 0; i < c->n_hops; i++) {
                if (i)
                        (void) buf_putc(out, ',');
                put_hop(out, &c->hops[i]);
        }
        (void) buf_puts(out, "]}");
}
