/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS over TCP: the records (RFC 5246 6.2.1) in which the two hellos come. After the hello of a direction nothing of it
 * is read. The hello of SSL 2, which clients of later versions sent too, has no names and no JA4. Runs in the engine
 * and in `read`. */
#include <errno.h>

#include "base/cleanup.h"
#include "decode/app_internal.h"
#include "decode/tls_hello.h"

#define RECORD_HEADER 5
#define RECORD_MAX    (16384 + 2048) /* RFC 5246 6.2.3 */

enum { RECORD_CHANGE_CIPHER = 20, RECORD_ALERT = 21, RECORD_HANDSHAKE = 22, RECORD_DATA = 23 };

struct records {
        uint16_t left; /* bytes of the record */
        uint8_t have;
        uint8_t header[RECORD_HEADER];
};

struct tls {
        struct tls_hello hello;
        struct records records[2]; /* of the responder, of the originator */
        bool began;                /* there was a record */
};
static_assert(sizeof(struct tls) <= APP_STATE_MAX, "a decoder's state is bounded");

static bool is_version(const uint8_t *p)
{
        return p[0] == 3 && p[1] <= 4;
}

/* The hello of SSL 2, also as clients of later versions sent it: two bytes of length, type, version, and the lengths of
 * three lists, of which the first counts triples and the last is 16 to 32. */
static enum app_answer probe_ssl2(const uint8_t *p, uint32_t len)
{
        uint32_t size, ciphers;

        if (!(p[0] & 0x80) || (len > 2 && p[2] != TLS_HELLO_CLIENT))
                return APP_NO;
        if (len < 11)
                return APP_MORE;
        size = app_be16(p) & 0x7fff;
        ciphers = app_be16(p + 5);
        return (is_version(p + 3) || app_be16(p + 3) == 0x0002) && ciphers > 0 && ciphers % 3 == 0 &&
                               app_be16(p + 9) >= 16 && app_be16(p + 9) <= 32 &&
                               size == 9 + ciphers + app_be16(p + 7) + app_be16(p + 9) ?
                       APP_YES :
                       APP_NO;
}

static enum app_answer probe(const struct app_context *c, const uint8_t *p, uint32_t len)
{
        uint32_t record, message;

        if (len == 0)
                return APP_NO;
        if (p[0] & 0x80)
                return probe_ssl2(p, len);
        if (p[0] < RECORD_CHANGE_CIPHER || p[0] > RECORD_DATA || (len > 1 && p[1] != 3) || (len > 2 && p[2] > 4))
                return APP_NO;
        if (len < RECORD_HEADER + 2)
                return APP_MORE;
        record = app_be16(p + 3);
        if (record > RECORD_MAX || record == 0)
                return APP_NO;
        if (p[0] == RECORD_ALERT && record == 2)
                return p[5] == 1 || p[5] == 2 ? APP_YES : APP_NO;
        if (p[0] != RECORD_HANDSHAKE || (p[5] != TLS_HELLO_CLIENT && p[5] != TLS_HELLO_SERVER)) {
                /* A flow that was picked up: another record follows this one, or it may be its first. */
                if (!c->midstream || p[2] == 0)
                        return APP_NO;
                if (len >= RECORD_HEADER + record + 3)
                        return p[RECORD_HEADER + record] >= RECORD_CHANGE_CIPHER &&
                                               p[RECORD_HEADER + record] <= RECORD_DATA &&
                                               p[RECORD_HEADER + record + 1] == 3 ?
                                       APP_YES :
                                       APP_NO;
                return p[0] == RECORD_CHANGE_CIPHER ? APP_NO : APP_YES;
        }
        if (len < 11)
                return APP_MORE;
        message = (uint32_t) p[6] << 16 | app_be16(p + 7);
        return message >= TLS_HELLO_MIN && message <= TLS_HELLO_MAX && is_version(p + 9) ? APP_YES : APP_NO;
}

static void tell_ssl2(struct app_context *c, const uint8_t *header)
{
        struct event e = {.type = EVENT_TLS, .op = TLS_CLIENT_HELLO};

        e.tls.version = (uint16_t) app_be16(header + 3);
        c->emit(c, &e, c->from_originator);
}

/* The header of a record is whole. false: it is none. */
static bool take_header(struct tls *t, struct app_context *c, struct records *r)
{
        const uint8_t *h = r->header;

        if (!t->began && h[0] & 0x80 && h[2] == TLS_HELLO_CLIENT) {
                t->began = t->hello.client = t->hello.side[c->from_originator].done = true;
                tell_ssl2(c, h);
                return true;
        }
        if (h[0] < RECORD_CHANGE_CIPHER || h[0] > RECORD_DATA || h[1] != 3 || app_be16(h + 3) > RECORD_MAX)
                return false;
        t->began = true;
        r->left = (uint16_t) app_be16(h + 3);
        if (h[0] != RECORD_HANDSHAKE)
                tls_hello_finish(&t->hello, c, c->from_originator);
        return true;
}

static int data(void *state, struct app_context *c, const uint8_t *p, uint32_t len)
{
        struct tls *t = state;
        struct records *r = &t->records[c->from_originator];

        while (len > 0 && !t->hello.side[c->from_originator].done) {
                uint32_t use = r->left > 0 ? MIN(len, (uint32_t) r->left) : 1;

                if (r->left > 0) {
                        tls_hello_take(&t->hello, c, p, use);
                        r->left -= (uint16_t) use;
                } else {
                        r->header[r->have++] = *p;
                        if (r->have == RECORD_HEADER) {
                                r->have = 0;
                                if (!take_header(t, c, r)) {
                                        if (!t->began)
                                                return -EPROTO;
                                        tls_hello_finish(&t->hello, c, c->from_originator);
                                }
                        }
                }
                p += use;
                len -= use;
        }
        return t->hello.side[0].done && t->hello.side[1].done;
}

static void lost(void *state, struct app_context *c, uint64_t n)
{
        struct tls *t = state;

        (void) n;
        tls_hello_finish(&t->hello, c, c->from_originator);
}

static void end(void *state, struct app_context *c)
{
        struct tls *t = state;

        tls_hello_finish(&t->hello, c, true);
        tls_hello_finish(&t->hello, c, false);
}

const struct app_decoder decoder_tls = {
        .name = "tls",
        .app = APP_TLS,
        .state_size = sizeof(struct tls),
        .tcp = true,
        .probe = probe,
        .data = data,
        .lost = lost,
        .end = end,
};
