/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JA4: the fingerprint of a TLS client from its hello, as FoxIO publishes it (technical_details/JA4.md of the
 * repository FoxIO-LLC/ja4; JA4 itself is under the BSD licence). "t13d1516h2_8daaf6152771_e5627efa2ab1". Pure. */
#ifndef SEKIMORI_DECODE_JA4_H
#define SEKIMORI_DECODE_JA4_H

#include <stdbool.h>
#include <stdint.h>

#define JA4_TEXT_MAX 37 /* 36 characters and NUL */
/* More than the largest client of our captures offers: 94 ciphers, 20 extensions, 34 algorithms. Longer: no JA4. */
#define JA4_CIPHERS_MAX    160
#define JA4_EXTENSIONS_MAX 80
#define JA4_ALGORITHMS_MAX 64

/* What of a client hello counts, in its order and with its GREASE. */
struct ja4_hello {
        const uint16_t *ciphers, *extensions, *algorithms; /* algorithms: of the extension signature_algorithms */
        uint16_t n_ciphers, n_extensions, n_algorithms;
        uint16_t version;    /* highest of supported_versions without GREASE; without that extension: the hello's own */
        const uint8_t *alpn; /* first protocol offered */
        uint8_t alpn_len;    /* 0: none */
};

bool ja4_is_grease(uint16_t value); /* RFC 8701 */
/* -E2BIG when there is more than the maxima, -EIO when libcrypto refuses; text is untouched then. */
int ja4_format(const struct ja4_hello *h, char text[static JA4_TEXT_MAX]);

#endif
