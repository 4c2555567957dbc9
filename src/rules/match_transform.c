/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Transforms of a buffer before its part is evaluated, in bounded memory. Runs in the engine and in `read`. */
#include "rules/match_internal.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <string.h>

static bool blank(uint8_t b)
{
        return b == ' ' || (b >= '\t' && b <= '\r');
}

static uint8_t lower(uint8_t b)
{
        return b >= 'A' && b <= 'Z' ? b | 0x20 : b;
}

static uint8_t upper(uint8_t b)
{
        return b >= 'a' && b <= 'z' ? b & 0xdf : b;
}

static int hex(uint8_t b)
{
        return b >= '0' && b <= '9' ? b - '0' : lower(b) >= 'a' && lower(b) <= 'f' ? lower(b) - 'a' + 10 : -1;
}

static uint32_t put_dot(uint8_t *to, const uint8_t *from, uint32_t len)
{
        to[0] = '.';
        memcpy(to + 1, from, len);
        return len + 1;
}

static uint32_t put_lower(uint8_t *to, const uint8_t *from, uint32_t len)
{
        for (uint32_t i = 0; i < len; i++)
                to[i] = lower(from[i]);
        return len;
}

static uint32_t put_upper(uint8_t *to, const uint8_t *from, uint32_t len)
{
        for (uint32_t i = 0; i < len; i++)
                to[i] = upper(from[i]);
        return len;
}

static uint32_t put_compressed(uint8_t *to, const uint8_t *from, uint32_t len)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < len; i++)
                if (!blank(from[i]) || i == 0 || !blank(from[i - 1]))
                        to[n++] = from[i];
        return n;
}

static uint32_t put_stripped(uint8_t *to, const uint8_t *from, uint32_t len)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < len; i++)
                if (!blank(from[i]))
                        to[n++] = from[i];
        return n;
}

static uint32_t put_decoded(uint8_t *to, const uint8_t *from, uint32_t len)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < len; i++) {
                if (from[i] == '%' && i + 2 < len && hex(from[i + 1]) >= 0 && hex(from[i + 2]) >= 0) {
                        to[n++] = (uint8_t) (hex(from[i + 1]) << 4 | hex(from[i + 2]));
                        i += 2;
                } else {
                        to[n++] = from[i] == '+' ? ' ' : from[i];
                }
        }
        return n;
}

static uint32_t put_digest(uint8_t *to, const uint8_t *from, uint32_t len, const EVP_MD *kind)
{
        unsigned n = 0;

        return EVP_Digest(from, len, to, &n, kind, NULL) == 1 ? n : 0;
}

static uint32_t put(unsigned flag, uint8_t *to, const uint8_t *from, uint32_t len)
{
        switch (flag) {
        case PART_DOTPREFIX:
                return put_dot(to, from, len);
        case PART_LOWERCASE:
                return put_lower(to, from, len);
        case PART_UPPERCASE:
                return put_upper(to, from, len);
        case PART_COMPRESS_WHITESPACE:
                return put_compressed(to, from, len);
        case PART_STRIP_WHITESPACE:
                return put_stripped(to, from, len);
        case PART_URL_DECODE:
                return put_decoded(to, from, len);
        case PART_SHA1:
                return put_digest(to, from, len, EVP_sha1());
        case PART_SHA256:
                return put_digest(to, from, len, EVP_sha256());
        default:
                return put_digest(to, from, len, EVP_md5());
        }
}

bool match_transform(struct matcher *m, unsigned flags, struct match_buffer *b)
{
        const unsigned digests = PART_SHA1 | PART_SHA256 | PART_MD5, at_beginning = PART_DOTPREFIX | digests;
        unsigned turn = 0;

        if (flags & digests && !b->complete)
                return false;
        b->len = MIN(b->len, MATCH_TRANSFORM_MAX - 1);
        for (unsigned flag = 1; flag <= PART_MD5; flag <<= 1) {
                if (!(flags & flag) || (flag & at_beginning && b->base))
                        continue;
                b->len = put(flag, m->scratch[turn], b->data, b->len);
                b->data = m->scratch[turn];
                turn = !turn;
        }
        return true;
}
