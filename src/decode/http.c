/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/1 (RFC 9112) on any port: a stream is cut into messages, and those into heads and bodies. Requests are told when
 * their head is over, responses with what they answer, and bodies by what file they are. Either direction is read for
 * itself: who asks is seen from what is said. Runs in the engine and in `read`. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "decode/app_internal.h"
#include "decode/http_internal.h"

#define CHUNK_DIGITS 15 /* of a size that still is a number of bytes */

static enum app_answer probe(const struct app_context *c, const uint8_t *data, uint32_t len)
{
        (void) c;
        return http_head_probe(data, len);
}

/* A line of a head or of trailers. 0; 1: the flow changes its language; -EPROTO. */
static int take_line(struct http *h, struct http_side *s, struct app_context *c, const uint8_t *line, uint32_t len,
                     bool cut)
{
        int r;

        if (s->phase == HTTP_SEEK) {
                if (!http_head_resumes(h, c->from_originator, line, len, cut))
                        return 0;
                if (h->asker != c->from_originator + 1)
                        http_tell_resume(h);
                s->phase = HTTP_START;
        }
        switch (s->phase) {
        case HTTP_START:
                if (len == 0) /* RFC 9112 2.2 */
                        return 0;
                r = http_head_start(h, s, c->from_originator, line, len, cut);
                if (r < 0 || s->phase == HTTP_HEADERS)
                        return r;
                return http_tell_head(h, s, c);
        case HTTP_HEADERS:
                if (len == 0)
                        return http_tell_head(h, s, c);
                http_head_header(h, s, line, len, cut);
                return 0;
        default: /* HTTP_TRAILERS */
                if (len == 0)
                        http_tell_end(h, s);
                return 0;
        }
}

/* One byte of the size of a chunk or of what follows it. */
static int take_chunk_byte(struct http *h, struct http_side *s, struct app_context *c, uint8_t b)
{
        int digit = app_is_digit(b)                            ? b - '0' :
                    app_upper(b) >= 'A' && app_upper(b) <= 'F' ? app_upper(b) - 'A' + 10 :
                                                                 -1;

        if (s->phase == HTTP_CHUNK_END) {
                if (b == '\n')
                        s->phase = HTTP_CHUNK_SIZE;
                return b == '\n' || b == '\r' ? 0 : -EPROTO;
        }
        if (b == '\n') {
                if (s->digits == 0)
                        return -EPROTO;
                s->digits = 0;
                s->extension = false;
                s->phase = HTTP_CHUNK;
                if (s->left > 0)
                        return 0;
                http_body_end(h, s, c, false);
                s->phase = HTTP_TRAILERS;
                memset(&s->line, 0, offsetof(struct line, bytes));
        } else if (digit < 0 || s->extension) {
                s->extension = true;
                return s->digits > 0 ? 0 : -EPROTO;
        } else if (s->digits++ == CHUNK_DIGITS)
                return -EPROTO;
        else
                s->left = s->left << 4 | (unsigned) digit;
        return 0;
}

/* Bytes of a body; returns how many. */
static uint32_t take_body(struct http *h, struct http_side *s, struct app_context *c, const uint8_t *p, uint32_t n)
{
        if (s->phase == HTTP_CLOSE) {
                http_body_take(h, s, c, p, n);
                return n;
        }
        n = (uint32_t) MIN(n, s->left);
        http_body_take(h, s, c, p, n);
        s->left -= n;
        if (s->left > 0)
                return n;
        if (s->phase == HTTP_CHUNK) {
                s->phase = HTTP_CHUNK_END;
                return n;
        }
        http_body_end(h, s, c, false);
        http_tell_end(h, s);
        return n;
}

/* Other words follow. */
static void switch_away(struct http *h, struct app_context *c, uint32_t rest)
{
        h->side[0].phase = h->side[1].phase = HTTP_DEAD;
        c->rest = rest;
        if (c->switch_to)
                c->switch_to(c, APP_UNKNOWN);
}

static int data(void *state, struct app_context *c, const uint8_t *p, uint32_t len)
{
        struct http *h = state;
        struct http_side *s = &h->side[c->from_originator];
        uint32_t pos = 0;
        int r = 0;

        while (pos < len && s->phase != HTTP_DEAD && r >= 0) {
                const uint8_t *line;
                uint32_t n;
                bool cut;

                switch (s->phase) {
                case HTTP_LENGTH:
                case HTTP_CLOSE:
                case HTTP_CHUNK:
                        pos += take_body(h, s, c, p + pos, len - pos);
                        break;
                case HTTP_CHUNK_SIZE:
                case HTTP_CHUNK_END:
                        r = take_chunk_byte(h, s, c, p[pos++]);
                        break;
                default:
                        if (!line_next(&s->line, p, len, &pos, &line, &n, &cut))
                                return 0;
                        r = take_line(h, s, c, line, n, cut);
                        if (r > 0)
                                switch_away(h, c, len - pos);
                }
        }
        if (r < 0) {
                if (s->phase > HTTP_HEADERS && s->phase < HTTP_TRAILERS)
                        http_body_end(h, s, c, true);
                s->phase = HTTP_DEAD;
        }
        return r < 0 && (!h->seen || h->side[!c->from_originator].phase == HTTP_DEAD) ? r : 0;
}

/* Within a body of known length the place of the next message is known; else it is looked for. */
static void lost(void *state, struct app_context *c, uint64_t n)
{
        struct http *h = state;
        struct http_side *s = &h->side[c->from_originator];
        bool body = s->phase == HTTP_LENGTH || s->phase == HTTP_CLOSE || s->phase == HTTP_CHUNK;

        if (s->phase == HTTP_DEAD)
                return;
        if (s->phase > HTTP_HEADERS && s->phase < HTTP_TRAILERS)
                http_body_end(h, s, c, true);
        if (s->phase == HTTP_CLOSE)
                return;
        if (!body || n > s->left) {
                s->phase = HTTP_SEEK;
                memset(&s->line, 0, offsetof(struct line, bytes)); /* messages begin segments: no line is skipped */
                return;
        }
        s->left -= n;
        if (s->left > 0)
                return;
        if (s->phase == HTTP_CHUNK)
                s->phase = HTTP_CHUNK_END;
        else
                http_tell_end(h, s);
}

static void end(void *state, struct app_context *c)
{
        struct http *h = state;

        for (unsigned i = 2; i-- > 0;) {
                struct http_side *s = &h->side[i];

                if (s->phase > HTTP_HEADERS && s->phase < HTTP_TRAILERS)
                        http_body_end(h, s, c, s->phase != HTTP_CLOSE);
        }
}

const struct app_decoder decoder_http = {
        .name = "http",
        .app = APP_HTTP,
        .state_size = sizeof(struct http),
        .tcp = true,
        .probe = probe,
        .data = data,
        .lost = lost,
        .end = end,
};
