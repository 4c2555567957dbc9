/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of content_http: content_http.c cuts a stream into messages, content_http_head.c reads a head,
 * content_http_derive.c makes its buffers, content_http_uri.c decodes the target. Pure. */
#ifndef SEKIMORI_RULES_CONTENT_HTTP_INTERNAL_H
#define SEKIMORI_RULES_CONTENT_HTTP_INTERNAL_H

#include "rules/content_internal.h"

#define HTTP_FIELDS 128 /* of a head; those behind stand in the raw buffers only */

struct http_text {
        const uint8_t *p;
        uint32_t n;
};

enum http_name {
        NAME_OTHER,
        NAME_USER_AGENT,
        NAME_HOST,
        NAME_REFERER,
        NAME_ACCEPT,
        NAME_ACCEPT_ENCODING,
        NAME_ACCEPT_LANGUAGE,
        NAME_CONNECTION,
        NAME_CONTENT_TYPE,
        NAME_CONTENT_LENGTH,
        NAME_SERVER,
        NAME_LOCATION,
        NAME_COOKIE,
        NAME_SET_COOKIE,
        NAME_TRANSFER_ENCODING,
        NAME_CONTENT_ENCODING,
        HTTP_NAMES,
};

struct http_field {
        struct http_text name, value; /* trimmed */
        uint8_t known;                /* enum http_name */
        bool folded;                  /* the value goes on in another line */
        uint8_t next;                 /* the next of the same name; 0: none (the first field has no predecessor) */
        bool again;                   /* there was one of the same name before */
};

/* A head, read: everything points into its bytes. */
struct http_head {
        struct http_text raw;    /* with the first line and the empty one at the end */
        struct http_text line;   /* the first, without its end */
        struct http_text fields; /* behind the first line, with the empty one */
        struct http_text method, uri, protocol, status, message;
        bool response;
        bool broken; /* the first line is none of HTTP */
        uint8_t n;
        uint8_t first[HTTP_NAMES]; /* index of the first field of a name, plus one */
        uint64_t length;           /* declared; UINT64_MAX: not */
        bool chunked;
        uint8_t coding; /* enum content_coding */
        uint16_t code;
        struct http_field field[HTTP_FIELDS];
};

/* Bytes up to and with the empty line; 0: not there. What lies before `from` was searched before. */
uint32_t http_head_end(const uint8_t *p, uint32_t n, uint32_t from);
void http_head_read(struct http_head *h, const uint8_t *p, uint32_t n);
/* Could a message begin with these bytes? */
bool http_head_begins(const uint8_t *p, uint32_t n);

/* Fills the wanted buffers of the head: c->buffers and v. */
void http_derive(const struct http_head *h, struct content_context *c, struct content_view *v);
/* What the URI means: path decoded and normalised, query decoded, as libhtp's IDS personality does. Perhaps the URI
 * itself. room: 0 bytes are returned when it is too small. */
struct http_text http_uri_normalise(struct http_text uri, struct content_room *room);
/* Host of an absolute URI; n 0: it has none. */
struct http_text http_uri_host(struct http_text uri);

#endif
