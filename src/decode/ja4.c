/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JA4 of a TLS client hello over TCP. Three parts: what the hello says in short, a hash of its ciphers, a hash of its
 * extensions and signature algorithms; values of GREASE never count. Runs in the engine and in `read`. */
#include "decode/ja4.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define EXTENSION_SNI  0x0000
#define EXTENSION_ALPN 0x0010
#define HASH_TEXT      12

bool ja4_is_grease(uint16_t value)
{
        return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);
}

static const char *version_text(uint16_t version)
{
        switch (version) {
        case 0x0304:
                return "13";
        case 0x0303:
                return "12";
        case 0x0302:
                return "11";
        case 0x0301:
                return "10";
        case 0x0300:
                return "s3";
        case 0x0002:
                return "s2";
        default:
                return "00";
        }
}

static bool is_alphanumeric(uint8_t c)
{
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* First and last character of the protocol; if either is none of ours, of the protocol in hexadecimal. */
static void alpn_text(const struct ja4_hello *h, char text[static 3])
{
        static const char digits[] = "0123456789abcdef";
        uint8_t first, last;

        memcpy(text, "00", 3);
        if (h->alpn_len == 0)
                return;
        first = h->alpn[0];
        last = h->alpn[h->alpn_len - 1];
        if (is_alphanumeric(first) && is_alphanumeric(last)) {
                text[0] = (char) first;
                text[1] = (char) last;
        } else {
                text[0] = digits[first >> 4];
                text[1] = digits[last & 0xf];
        }
}

static int compare(const void *a, const void *b)
{
        return (int) *(const uint16_t *) a - (int) *(const uint16_t *) b;
}

/* The values without GREASE; how many. */
static unsigned without_grease(const uint16_t *values, unsigned n, uint16_t *ret)
{
        unsigned kept = 0;

        for (unsigned i = 0; i < n; i++)
                if (!ja4_is_grease(values[i]))
                        ret[kept++] = values[i];
        return kept;
}

/* "1301,1302" with `before` in front, if there is anything. */
static void put_list(struct buf *b, const char *before, const uint16_t *values, unsigned n)
{
        static const char digits[] = "0123456789abcdef";

        for (unsigned i = 0; i < n; i++) {
                char hex[4] = {digits[values[i] >> 12], digits[values[i] >> 8 & 0xf], digits[values[i] >> 4 & 0xf],
                               digits[values[i] & 0xf]};

                (void) buf_puts(b, i ? "," : before);
                (void) buf_put(b, hex, sizeof(hex));
        }
}

/* The first characters of the SHA-256; zeros for nothing. */
static int put_hash(struct buf *out, const struct buf *list)
{
        uint8_t hash[SHA256_DIGEST_LENGTH] = {0};

        if (list->len > 0 && !SHA256((const uint8_t *) list->data, list->len, hash))
                return -EIO;
        (void) buf_putc(out, '_');
        for (unsigned i = 0; i < HASH_TEXT / 2; i++)
                (void) buf_printf(out, "%02x", hash[i]);
        return 0;
}

int ja4_format(const struct ja4_hello *h, char text[static JA4_TEXT_MAX])
{
        uint16_t ciphers[JA4_CIPHERS_MAX], extensions[JA4_EXTENSIONS_MAX], algorithms[JA4_ALGORITHMS_MAX];
        char list_text[5 * (JA4_CIPHERS_MAX + JA4_EXTENSIONS_MAX + JA4_ALGORITHMS_MAX)], out_text[64], alpn[3];
        struct buf list = BUF_FIXED(list_text), out = BUF_FIXED(out_text);
        unsigned n_ciphers, n_extensions, n_algorithms, n_hashed = 0;
        bool sni = false;
        int r;

        if (h->n_ciphers > JA4_CIPHERS_MAX || h->n_extensions > JA4_EXTENSIONS_MAX ||
            h->n_algorithms > JA4_ALGORITHMS_MAX)
                return -E2BIG;
        n_ciphers = without_grease(h->ciphers, h->n_ciphers, ciphers);
        n_extensions = without_grease(h->extensions, h->n_extensions, extensions);
        n_algorithms = without_grease(h->algorithms, h->n_algorithms, algorithms);
        alpn_text(h, alpn);
        for (unsigned i = 0; i < n_extensions; i++) {
                sni = sni || extensions[i] == EXTENSION_SNI;
                if (extensions[i] != EXTENSION_SNI && extensions[i] != EXTENSION_ALPN)
                        extensions[n_hashed++] = extensions[i];
        }
        (void) buf_printf(&out, "t%s%c%02u%02u%s", version_text(h->version), sni ? 'd' : 'i', MIN(n_ciphers, 99u),
                          MIN(n_extensions, 99u), alpn);

        qsort(ciphers, n_ciphers, sizeof(*ciphers), compare);
        put_list(&list, "", ciphers, n_ciphers);
        r = put_hash(&out, &list);
        if (r < 0)
                return r;

        buf_reset(&list);
        qsort(extensions, n_hashed, sizeof(*extensions), compare);
        put_list(&list, "", extensions, n_hashed);
        put_list(&list, "_", algorithms, n_algorithms);
        r = put_hash(&out, &list);
        if (r < 0)
                return r;
        memcpy(text, buf_str(&out), JA4_TEXT_MAX);
        return 0;
}
