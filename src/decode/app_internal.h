/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the decoders and the signatures share, and nobody else: words at the beginning of bytes, and the table of
 * signatures. Pure. */
#ifndef SEKIMORI_DECODE_APP_INTERNAL_H
#define SEKIMORI_DECODE_APP_INTERNAL_H

#include <string.h>

#include "decode/app.h"

/* After this many bytes of one direction MORE is NO (decode/app.h). */
#define APP_PROBE_MAX 64

/* Protocols that are only recognised. Asked after the decoders. */
enum app_answer app_signature(const struct app_context *c, const uint8_t *data, uint32_t len, enum app *ret_app);
/* Those whose messages are fixed binary headers; the second half of the table. */
enum app_answer app_signature_binary(const struct app_context *c, const uint8_t *data, uint32_t len, enum app *ret_app);

static inline uint8_t app_upper(uint8_t c)
{
        return c >= 'a' && c <= 'z' ? (uint8_t) (c - 'a' + 'A') : c;
}

static inline bool app_is_digit(uint8_t c)
{
        return c >= '0' && c <= '9';
}

static inline bool app_is_alpha(uint8_t c)
{
        return app_upper(c) >= 'A' && app_upper(c) <= 'Z';
}

/* Do the bytes begin with `word` (upper case; any case matches)? MORE: they are the beginning of it. */
static inline enum app_answer app_begins(const uint8_t *p, uint32_t len, const char *word)
{
        uint32_t i = 0;

        for (; word[i] && i < len; i++)
                if (app_upper(p[i]) != (uint8_t) word[i])
                        return APP_NO;
        return word[i] ? APP_MORE : APP_YES;
}

/* Is it that word, in any case? */
static inline bool app_same(const uint8_t *p, uint32_t len, const char *word)
{
        return strlen(word) == len && app_begins(p, len, word) == APP_YES;
}

/* Does `word` (upper case) stand anywhere in the bytes? */
static inline bool app_holds(const uint8_t *p, uint32_t len, const char *word)
{
        for (uint32_t i = 0; i < len; i++)
                if (app_begins(p + i, len - i, word) == APP_YES)
                        return true;
        return false;
}

/* Bytes before the first CR or LF; *ret_complete: there is one. Asked of every flow, so without a loop of its own. */
static inline uint32_t app_line_length(const uint8_t *p, uint32_t len, bool *ret_complete)
{
        const uint8_t *lf = len ? memchr(p, '\n', len) : NULL, *cr;
        uint32_t n = lf ? (uint32_t) (lf - p) : len;

        cr = n ? memchr(p, '\r', n) : NULL;
        *ret_complete = lf || cr;
        return cr ? (uint32_t) (cr - p) : n;
}

/* Is the service at that port, as far as the ends are known? */
static inline bool app_port_is(const struct app_context *c, uint16_t port)
{
        return c->responder_port == port || (c->midstream && c->originator_port == port);
}

static inline uint32_t app_be16(const uint8_t *p)
{
        return (uint32_t) p[0] << 8 | p[1];
}

static inline uint32_t app_be32(const uint8_t *p)
{
        return app_be16(p) << 16 | app_be16(p + 2);
}

static inline struct slice app_slice(const uint8_t *p, uint32_t len)
{
        return (struct slice){(const char *) p, len};
}

#endif
