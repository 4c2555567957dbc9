/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Draws a mail's way. Servers stand from the top as in the head; a bar at the left is what is believed, a colon what is
 * not. Runs in the command line. */
#include "view/mail_text.h"

#include <inttypes.h>
#include <time.h>

static void put_slice(struct buf *out, struct slice s)
{
        (void) buf_put_visible(out, s.p ? s.p : "", s.p ? MIN(s.len, 100u) : 0);
        if (s.p && s.len > 100)
                (void) buf_puts(out, "...");
}

/* "2009-08-03 23:16:35 +0900": in the zone that the header has. */
static void put_date(struct buf *out, const struct date *d)
{
        time_t local = (time_t) (d->time / NSEC_PER_SEC + d->zone * 60);
        struct tm tm;
        char text[32];
        int zone = d->zone < 0 ? -d->zone : d->zone;

        if (!(d->flags & DATE_READ)) {
                (void) buf_puts(out, "no time that can be read");
                return;
        }
        (void) gmtime_r(&local, &tm);
        (void) strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
        (void) buf_puts(out, text);
        if (!(d->flags & DATE_NO_ZONE))
                (void) buf_printf(out, " %c%02d%02d", d->zone < 0 ? '-' : '+', zone / 60, zone % 60);
}

static const char *role_text(enum chain_role role)
{
        static const char *const texts[CHAIN_ROLES] = {
                [CHAIN_INNER] = "within the machine",
                [CHAIN_OWN] = "trusted",
                [CHAIN_USER] = "a user who logged in",
                [CHAIN_RELAY] = "BELIEVED: the last external relay",
                [CHAIN_BLIND] = "does not tell whom it saw",
                [CHAIN_WORD] = "the sender's word",
                [CHAIN_FORGED] = "FORGED",
                [CHAIN_ORIGIN] = "anybody's word",
        };

        return role < CHAIN_ROLES ? texts[role] : "?";
}

static enum text_style role_style(enum chain_role role)
{
        return role == CHAIN_RELAY  ? TEXT_BOLD :
               role == CHAIN_FORGED ? TEXT_RED :
               role >= CHAIN_WORD   ? TEXT_DIM :
                                      TEXT_PLAIN;
}

/* "192.0.2.1 (mail.example.org), said "friend"". */
static void put_peer(struct buf *out, const struct received *r)
{
        char text[ADDR_TEXT_MAX];

        switch (r->kind) {
        case RECEIVED_UNREAD:
                (void) buf_puts(out, "not read: ");
                (void) buf_puts(out, received_trouble_text(r->trouble));
                return;
        case RECEIVED_LOCAL:
                (void) buf_puts(out, "from within");
                return;
        case RECEIVED_NAMED:
                (void) buf_puts(out, "from somebody");
                break;
        case RECEIVED_FETCHED:
                (void) buf_puts(out, "out of a mailbox at ");
                put_slice(out, r->helo);
                return;
        default:
                (void) buf_printf(out, "from %s", addr_format(&r->peer, text));
                break;
        }
        if (received_has_name(r)) {
                (void) buf_puts(out, " (");
                put_slice(out, r->rdns);
                (void) buf_putc(out, ')');
        }
        if (r->helo.len && !slice_equal(r->helo, r->rdns)) {
                (void) buf_puts(out, ", said \"");
                put_slice(out, r->helo);
                (void) buf_putc(out, '"');
        }
        if (r->flags & RECEIVED_AUTH)
                (void) buf_puts(out, ", logged in");
}

static void put_line(struct buf *out, const struct text_look *look, const char *bar, enum text_style style,
                     const char *text)
{
        text_put(out, look, TEXT_DIM, bar);
        text_put(out, look, style, text);
        (void) buf_putc(out, '\n');
}

static void put_hop(struct buf *out, const struct text_look *look, const struct chain *c, uint32_t i)
{
        const struct chain_hop *h = &c->hops[i];
        const char *bar = h->role < CHAIN_WORD ? "  |   " : "  :   ";
        char text[1024];
        struct buf line = BUF_FIXED(text);

        if (h->role == CHAIN_ORIGIN) {
                put_slice(&line, h->origin);
                (void) buf_puts(&line, ": ");
        } else {
                if (h->r.by.len)
                        put_slice(&line, h->r.by);
                else
                        (void) buf_puts(&line, "a server without a name");
                (void) buf_puts(&line, "  ");
                put_date(&line, &h->r.date);
                put_line(out, look, h->role < CHAIN_WORD ? "  +-- " : "  :.. ", TEXT_PLAIN, buf_str(&line));
                buf_reset(&line);
        }
        put_peer(&line, &h->r);
        (void) buf_printf(&line, "   <- %s", role_text(h->role));
        put_line(out, look, bar, role_style(h->role), buf_str(&line));
        for (uint32_t k = 0; k < c->n_signs; k++) {
                if (c->signs[k].hop != i)
                        continue;
                buf_reset(&line);
                (void) buf_puts(&line, c->signs[k].strong ? "  ! " : "  - ");
                chain_sign_text(c, &c->signs[k], &line);
                put_line(out, look, bar, c->signs[k].strong ? TEXT_YELLOW : TEXT_PLAIN, buf_str(&line));
        }
}

static void put_title(struct buf *out, const struct text_look *look, const struct mail_text *m)
{
        char text[4608], relay[ADDR_TEXT_MAX];
        struct buf line = BUF_FIXED(text);

        (void) buf_puts(&line, strcmp(m->path, "-") == 0 ? "standard input" : m->path);
        if (m->number)
                (void) buf_printf(&line, " mail %" PRIu64, m->number);
        (void) buf_puts(&line, ": ");
        if (m->chain->end == CHAIN_END_RELAY)
                (void) buf_printf(&line, "the last external relay is %s", addr_format(&m->chain->relay, relay));
        else {
                (void) buf_puts(&line, "no relay: ");
                chain_end_text(m->chain, &line);
        }
        text_put(out, look, TEXT_BOLD, buf_str(&line));
        (void) buf_putc(out, '\n');
}

/* A relay in a private network is a machine of the reader's: what it said may be another's. */
static void put_advice(struct buf *out, const struct text_look *look, const struct chain *c)
{
        char text[ADDR_TEXT_MAX + 160], address[ADDR_TEXT_MAX];

        if (c->end != CHAIN_END_RELAY || address_kind_of(&c->relay) != ADDRESS_PRIVATE)
                return;
        snprintf(text, sizeof(text),
                 "%s is in a private network. If it is a mail server of yours, --trust %s looks beyond it.",
                 addr_format(&c->relay, address), address);
        text_wrap(out, look, "  ", text);
}

static void put_results(struct buf *out, const struct text_look *look, const struct chain *c)
{
        for (uint32_t i = 0; i < c->n_results; i++) {
                const struct chain_result *r = &c->results[i];
                char text[512];
                struct buf line = BUF_FIXED(text);

                if (!r->trusted)
                        continue;
                (void) buf_puts(&line, "  checked by ");
                put_slice(&line, r->by);
                (void) buf_puts(&line, r->by.len ? "" : "a server that is trusted");
                (void) buf_putc(&line, ':');
                for (unsigned k = 0; k < 3; k++) {
                        static const char *const names[] = {"SPF", "DKIM", "DMARC"};
                        const struct slice said[] = {r->spf_is, r->dkim_is, r->dmarc_is};

                        if (!said[k].p)
                                continue;
                        (void) buf_printf(&line, " %s ", names[k]);
                        put_slice(&line, said[k]);
                }
                if (!r->spf_is.p && !r->dkim_is.p && !r->dmarc_is.p)
                        continue;
                text_put(out, look, TEXT_PLAIN, buf_str(&line));
                (void) buf_putc(out, '\n');
        }
}

void mail_text_put(struct buf *out, const struct text_look *look, const struct mail_text *m)
{
        const struct chain *c = m->chain;
        bool parted = false;

        put_title(out, look, m);
        for (uint32_t i = 0; i < c->n_hops; i++) {
                if (c->hops[i].role >= CHAIN_WORD && !parted && i > c->boundary) {
                        put_line(out, look, "", TEXT_DIM, "  ===== below this line: the sender's word =====");
                        parted = true;
                }
                put_hop(out, look, c, i);
        }
        if (c->received > CHAIN_HOPS)
                (void) buf_printf(out, "  ... and %" PRIu64 " more\n", c->received - CHAIN_HOPS);
        if (c->signs_lost)
                (void) buf_printf(out, "  %" PRIu32 " signs more\n", c->signs_lost);
        if (m->cut)
                (void) buf_puts(out, "  The head is longer than what is read of it.\n");
        put_results(out, look, c);
        mail_verdict_put(out, look, m);
        put_advice(out, look, c);
        (void) buf_putc(out, '\n');
}
