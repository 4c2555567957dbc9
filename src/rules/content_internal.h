/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parsers of content share. Nothing outside src/rules includes this. Pure. */
#ifndef SEKIMORI_RULES_CONTENT_INTERNAL_H
#define SEKIMORI_RULES_CONTENT_INTERNAL_H

#include <string.h>

#include "base/cleanup.h"
#include "rules/content.h"

extern const struct content_parser content_http, content_tls, content_dns, content_smtp, content_ftp, content_ssh;

/* ---- bytes ---- */

static inline uint8_t content_lower(uint8_t c)
{
        return c >= 'A' && c <= 'Z' ? (uint8_t) (c + 0x20) : c;
}

/* Are these bytes, in any case, the word, which is lower case? */
static inline bool content_is(const uint8_t *p, uint32_t n, const char *word)
{
        uint32_t i = 0;

        while (i < n && word[i] && content_lower(p[i]) == (uint8_t) word[i])
                i++;
        return i == n && !word[i];
}

static inline int content_hex(uint8_t c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c = content_lower(c);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Room for derived forms: a part of c->scratch. */
struct content_room {
        uint8_t *at;
        uint32_t left;
};

/* ---- content_body.c: what comes in pieces and is kept in part ---- */

enum content_coding { CODING_NONE, CODING_GZIP, CODING_DEFLATE };

struct content_body {
        uint8_t *window;
        uint32_t len, room; /* bytes at window; bytes it has room for */
        uint32_t fresh;     /* of those at its end nobody looked at */
        uint32_t base;      /* before the window */
        uint32_t early;     /* looks before there was a chunk */
        uint8_t coding;     /* enum content_coding */
        bool over;          /* a limit, or no memory, or what cannot be unpacked: nothing is added any more */
        struct inflating *inflating;
};

/* Something is there that should be looked at. */
typedef void content_body_look_fn(void *userdata, struct content_context *c, bool last);

void content_body_begin(struct content_body *b, enum content_coding coding);
void content_body_add(struct content_body *b, struct content_context *c, const uint8_t *p, uint32_t n,
                      content_body_look_fn *look, void *userdata);
void content_body_free(struct content_body *b, struct content_context *c);
/* For flush(): is there something to look at? Less and less often, since a look costs as much as the head is long, and
 * whoever sends decides how short the pieces are. */
bool content_body_ripe(struct content_body *b);
static inline struct inspect_buffer content_body_buffer(const struct content_body *b, bool complete)
{
        return (struct inspect_buffer){.data = b->window ? b->window : (const uint8_t *) "",
                                       .len = b->len,
                                       .fresh = b->fresh,
                                       .base = b->base,
                                       .complete = complete};
}

#endif
