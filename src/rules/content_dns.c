/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DNS (RFC 1035, 7766) as rules look at it: the name of each question of a query, its labels joined by dots, with the
 * case it was sent in. Runs where rules/content.h says. */
#include "rules/content_internal.h"

#define HEADER    12u
#define QUESTIONS 8    /* of a message that are looked at; in practice there is one */
#define QNAME_MAX 255u /* RFC 1035 2.3.4 */
#define POINTERS  16
#define KEEP      600u /* of a message over TCP: queries are short */

/* What is sent to the server over TCP. */
struct dns {
        uint32_t skip; /* bytes behind those kept */
        uint32_t transaction;
        uint16_t len, size; /* bytes kept; of the message with its length, 0: not known */
        uint8_t bytes[KEEP];
};

/* The name at `at`; *at becomes what follows it. Returns its length, or -1. */
static int read_name(const uint8_t *p, uint32_t n, uint32_t *at, uint8_t *out)
{
        uint32_t i = *at, len = 0;
        bool jumped = false;

        for (unsigned pointers = 0; i < n;) {
                uint32_t label = p[i];

                if (label >= 0xc0) {
                        if (i + 1 >= n || pointers++ == POINTERS)
                                return -1;
                        if (!jumped)
                                *at = i + 2;
                        jumped = true;
                        i = (label & 0x3f) << 8 | p[i + 1];
                        continue;
                }
                if (label == 0) {
                        if (!jumped)
                                *at = i + 1;
                        return (int) len;
                }
                if (label > 63 || i + 1 + label > n || len + label + 1 > QNAME_MAX)
                        return -1;
                if (len)
                        out[len++] = '.';
                memcpy(out + len, p + i + 1, label);
                len += label;
                i += 1 + label;
        }
        return -1;
}

static void read_message(struct content_context *c, const uint8_t *p, uint32_t n, uint32_t transaction)
{
        uint32_t at = HEADER, questions;

        if (n < HEADER || p[2] & 0x80 || !content_wants(c, BUFFER_DNS_QUERY))
                return;
        questions = (uint32_t) (p[4] << 8 | p[5]);
        for (uint32_t i = 0; i < MIN(questions, (uint32_t) QUESTIONS); i++) {
                struct content_view v = {.transaction = transaction, .to_server = true, .final = i + 1 == questions};
                uint8_t name[QNAME_MAX];
                int len = read_name(p, n, &at, name);

                if (len < 0)
                        return;
                at += 4;
                if (!len)
                        continue;
                content_set(c, &v, BUFFER_DNS_QUERY, name, (uint32_t) len);
                c->inspect(c, &v);
        }
}

/* A message over TCP; returns how many bytes of it were used. */
static uint32_t take(struct dns *d, struct content_context *c, const uint8_t *p, uint32_t n)
{
        uint32_t used, size;

        if (d->skip) {
                used = MIN(n, d->skip);
                d->skip -= used;
                return used;
        }
        if (!d->size && !d->len && n >= 2) { /* whole in one piece: the usual case */
                size = (uint32_t) (p[0] << 8 | p[1]);
                if (n >= 2 + size) {
                        read_message(c, p + 2, size, d->transaction++);
                        return 2 + size;
                }
        }
        used = MIN(n, (d->size ? MIN((uint32_t) d->size, KEEP) : 2u) - d->len);
        memcpy(d->bytes + d->len, p, used);
        d->len += (uint16_t) used;
        if (!d->size && d->len == 2) {
                size = 2u + (uint32_t) (d->bytes[0] << 8 | d->bytes[1]);
                d->size = (uint16_t) MIN(size, (uint32_t) UINT16_MAX);
        }
        if (d->size && d->len == MIN((uint32_t) d->size, KEEP)) {
                read_message(c, d->bytes + 2, d->len - 2u, d->transaction++);
                d->skip = (uint32_t) d->size - d->len;
                d->size = d->len = 0;
        }
        return used;
}

static enum content_answer data(void *state, struct content_context *c, const uint8_t *p, uint32_t n)
{
        if (!c->to_server)
                return CONTENT_MORE;
        if (c->datagram)
                read_message(c, p, n, 0);
        else
                for (uint32_t used; n > 0; p += used, n -= used)
                        used = take(state, c, p, n);
        return CONTENT_MORE;
}

/* Where the next message begins is not known any more. */
static enum content_answer lost(void *state _unused_, struct content_context *c, uint64_t n _unused_)
{
        return c->to_server ? CONTENT_DONE : CONTENT_MORE;
}

const struct content_parser content_dns = {
        .app = APP_DNS,
        .state_size = sizeof(struct dns),
        .tcp = true,
        .udp = true,
        .data = data,
        .lost = lost,
};
