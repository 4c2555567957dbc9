/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The hellos of TLS, read from the bytes of handshake records as they come; a part of decoder_tls. A hello may be
 * larger than the state of a decoder, so only what counts is kept. Pure. */
#ifndef SEKIMORI_DECODE_TLS_HELLO_H
#define SEKIMORI_DECODE_TLS_HELLO_H

#include "decode/app.h"
#include "decode/ja4.h"

#define TLS_HELLO_NAME_MAX 255     /* bytes of a name that are kept */
#define TLS_HELLO_MIN      38      /* version, random, and the lengths of three lists */
#define TLS_HELLO_MAX      0x20000 /* all its lists at their longest */

enum { TLS_HELLO_REQUEST = 0, TLS_HELLO_CLIENT = 1, TLS_HELLO_SERVER = 2 }; /* types of handshake messages */

/* One direction. */
struct tls_hello_side {
        uint32_t left;        /* bytes of the message */
        uint32_t extensions;  /* bytes of the list of extensions */
        uint32_t count;       /* bytes of the name in work, or to be skipped */
        uint16_t extension;   /* bytes of the extension */
        uint16_t list;        /* bytes of the list in work */
        uint8_t phase, after; /* in tls_hello.c; after: what follows a name or skipped bytes */
        uint8_t have;         /* bytes in `bytes` */
        uint8_t bytes[5];
        bool client;
        bool broken; /* lengths that do not fit */
        bool done;   /* nothing more is read of this direction */
        uint8_t alpn_len;
        uint16_t version, supported, cipher;
        uint8_t alpn[TLS_HELLO_NAME_MAX];
};

/* Zeroed to begin. */
struct tls_hello {
        struct tls_hello_side side[2]; /* of the responder, of the originator */
        bool client;                   /* a client hello began: the rest is of it */
        bool copy_sni;                 /* the name in work is the server's */
        uint8_t sni_len;
        uint16_t n_ciphers, n_extensions, n_algorithms;
        uint16_t ciphers[JA4_CIPHERS_MAX], extensions[JA4_EXTENSIONS_MAX], algorithms[JA4_ALGORITHMS_MAX];
        uint8_t sni[TLS_HELLO_NAME_MAX];
};

/* The next bytes of handshake records of c's direction. Tells a hello when it ends. */
void tls_hello_take(struct tls_hello *t, struct app_context *c, const uint8_t *p, uint32_t n);
/* No more comes of that direction: tells the hello in work, as cut. */
void tls_hello_finish(struct tls_hello *t, struct app_context *c, bool of_originator);

#endif
