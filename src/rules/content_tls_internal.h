/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of content_tls: content_tls.c cuts records into messages, content_tls_hello.c reads hellos,
 * content_x509.c reads certificates. Pure. */
#ifndef SEKIMORI_RULES_CONTENT_TLS_INTERNAL_H
#define SEKIMORI_RULES_CONTENT_TLS_INTERNAL_H

#include "rules/content_internal.h"

/* A text in c->scratch. */
struct tls_text {
        char *p;
        uint32_t n, room;
};
void tls_put(struct tls_text *t, const void *p, uint32_t n); /* what has no room is left out */
_printf_(2, 3) void tls_printf(struct tls_text *t, const char *format, ...);

/* JA3: "771,4865-4866,0-23,29-23,0"; JA3S: "771,4865,43-51". https://github.com/salesforce/ja3 (BSD licence) */
#define TLS_JA3_MAX 4096u

struct tls_hello_read {
        uint16_t legacy, version; /* as of the message; as chosen or offered (supported_versions) */
        const uint8_t *sni;
        uint32_t sni_len;
};
/* The body of a client's or server's hello. false: it is none. The text of JA3 or JA3S is put to `ja3`. */
bool tls_hello_client(const uint8_t *p, uint32_t n, struct tls_hello_read *ret, struct tls_text *ja3);
bool tls_hello_server(const uint8_t *p, uint32_t n, struct tls_hello_read *ret, struct tls_text *ja3);

struct x509_read {
        struct tls_text subject, issuer, serial; /* "C=DE, O=x, CN=y"; "00:AB" */
};
/* A certificate in DER. false: it cannot be read as one. */
bool x509_read(const uint8_t *p, uint32_t n, struct x509_read *ret);

#endif
