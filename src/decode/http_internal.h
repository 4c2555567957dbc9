/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of decoder_http and the state they share. http.c cuts a stream into messages, http_head.c reads the lines
 * of their heads, http_tell.c tells them and matches responses to requests, http_body.c says what a body is. Pure. */
#ifndef SEKIMORI_DECODE_HTTP_INTERNAL_H
#define SEKIMORI_DECODE_HTTP_INTERNAL_H

#include "decode/app.h"
#include "decode/line.h"
#include "decode/magic.h"

/* Requests that wait for their response, and bytes for what is kept of them. Pipelines are short; what has no room
 * keeps its place in the order but loses its text. */
#define HTTP_ASKS 24
#define HTTP_TEXT 664
/* Bytes kept at most; what is longer is cut and the event says so. */
#define HTTP_METHOD_MAX 24
#define HTTP_URI_MAX    384
#define HTTP_HOST_MAX   128
#define HTTP_AGENT_MAX  120
#define HTTP_TYPE_MAX   64

enum http_phase {
        HTTP_START, /* a message is to come */
        HTTP_HEADERS,
        HTTP_LENGTH,     /* a body of `left` bytes */
        HTTP_CLOSE,      /* a body up to the end of the connection */
        HTTP_CHUNK_SIZE, /* RFC 9112 7.1 */
        HTTP_CHUNK,
        HTTP_CHUNK_END,
        HTTP_TRAILERS,
        HTTP_SEEK, /* bytes were lost: the next line that begins a message is looked for */
        HTTP_DEAD, /* nothing is read any more: no HTTP, or it goes on in another language */
};

enum http_encoding { HTTP_PLAIN, HTTP_DEFLATED /* gzip, deflate */, HTTP_CODED /* in a way that is not read */ };

/* One direction. */
struct http_side {
        union {
                struct line line; /* in a head */
                struct {          /* in a body: its first bytes */
                        uint16_t head_len;
                        uint8_t head[LINE_KEEP];
                };
        };
        uint64_t left;
        uint64_t length; /* declared; UINT64_MAX: not */
        uint16_t status;
        uint8_t phase;
        uint8_t encoding;
        uint8_t digits; /* of the chunk size */
        uint8_t type_len;
        bool response;
        bool chunked;
        bool partial;   /* not the beginning of the file: Content-Range */
        bool extension; /* behind the digits of a chunk size */
        bool told;      /* what the body is */
        bool cut;       /* of the head */
        char type[HTTP_TYPE_MAX];
};

/* Tags of what is kept of a request; a length of two bytes (little end first) and the bytes follow. */
enum http_tag { HTTP_TAG_METHOD, HTTP_TAG_URI, HTTP_TAG_HOST, HTTP_TAG_AGENT, HTTP_TAGS };
#define HTTP_TAG_BYTES 3

enum http_method { HTTP_OTHER, HTTP_HEAD, HTTP_METHOD_CONNECT };

/* A request. What is kept of it stands in http.text: a list of tagged pieces. */
struct http_ask {
        uint16_t text; /* bytes */
        uint8_t method;
        bool cut;
};

struct http {
        struct http_side side[2]; /* of the responder, of the originator */
        struct http_ask asks[HTTP_ASKS];
        struct http_ask current; /* the request whose head is being read; its text is the last */
        uint16_t text_len;
        uint16_t unkept; /* requests after `asks` that found no place */
        uint8_t n_asks;
        uint8_t asker; /* direction of the requests, plus one; 0: there was none */
        bool seen;     /* there was a message */
        uint8_t text[HTTP_TEXT];
};
static_assert(sizeof(struct http) <= APP_STATE_MAX, "a decoder's state is bounded");

/* A line of a head. 0; -EPROTO: that is no HTTP. */
int http_head_start(struct http *h, struct http_side *s, bool from_originator, const uint8_t *line, uint32_t len,
                    bool cut);
/* After a loss: does the line begin a message of this side beyond doubt? */
bool http_head_resumes(const struct http *h, bool from_originator, const uint8_t *line, uint32_t len, bool cut);
void http_head_header(struct http *h, struct http_side *s, const uint8_t *line, uint32_t len, bool cut);
/* Do the bytes begin a request or response? As of decode/app.h's probe. */
enum app_answer http_head_probe(const uint8_t *data, uint32_t len);

/* The head is over: tells it and finds out what follows. true: the flow changes its language here. */
bool http_tell_head(struct http *h, struct http_side *s, struct app_context *c);
/* Responses were lost: the next one answers the newest request. */
void http_tell_resume(struct http *h);
/* The message is over; another may follow. */
void http_tell_end(struct http *h, struct http_side *s);
/* What was kept of the request that the message is or answers; fields of the others are left alone. */
void http_tell_request(const struct http *h, const struct http_side *s, struct http_event *ret);

/* The next bytes of a body. */
void http_body_take(struct http *h, struct http_side *s, struct app_context *c, const uint8_t *p, uint32_t n);
/* No more of the body comes: says what it is, if that was not said. */
void http_body_end(struct http *h, struct http_side *s, struct app_context *c, bool cut);

#endif
