/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A parser of content (rules/content.h) under a fuzzer. The input is a flow as of app_fuzz.h: one byte of flags, then
 * pieces, each a byte (1: to the server; 2: lost; 4: a flush first), a length of two bytes (little end first) and its
 * bytes. flags: 1 datagrams; 2 little memory; 4 only a few buffers are wanted; 8 .. the fuzzer's. Each piece lies in
 * memory of its own that is gone after the call. A stream is fed twice, as it stands and byte by byte: what is scanned
 * of each buffer must be the same, unless memory is short or bytes were lost. Header only, since a fuzzer is one file.
 */
#ifndef SEKIMORI_TESTS_FUZZ_CONTENT_FUZZ_H
#define SEKIMORI_TESTS_FUZZ_CONTENT_FUZZ_H

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "rules/content.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONTENT_FUZZ_DATAGRAM = 1, CONTENT_FUZZ_POOR = 2, CONTENT_FUZZ_FEW = 4 };
enum { CONTENT_FUZZ_TO_SERVER = 1, CONTENT_FUZZ_LOST = 2, CONTENT_FUZZ_FLUSH = 4 };
#define CONTENT_FUZZ_SEEN 4096 /* a power of two */

/* What was scanned of a buffer. */
struct content_fuzz_seen {
        uint32_t transaction;
        uint8_t buffer, to_server, used;
        uint32_t len;
        uint64_t hash;
};

struct content_fuzz {
        struct content_context context;
        struct inspect_buffer buffers[BUFFERS];
        uint8_t *scratch;
        size_t held, allowed;
        struct content_fuzz_seen *seen;
        unsigned n_seen;
};

static inline void content_fuzz_check(bool holds)
{
        if (!holds)
                abort();
}

static inline struct content_fuzz_seen *content_fuzz_find(struct content_fuzz *f, const struct content_view *v,
                                                          unsigned b)
{
        uint32_t at = v->transaction * 0x9e3779b1u + b * 2 + v->to_server;

        for (;; at++) {
                struct content_fuzz_seen *s = &f->seen[at % CONTENT_FUZZ_SEEN];

                if (!s->used) {
                        content_fuzz_check(++f->n_seen < CONTENT_FUZZ_SEEN);
                        *s = (struct content_fuzz_seen){.transaction = v->transaction,
                                                        .buffer = (uint8_t) b,
                                                        .to_server = v->to_server,
                                                        .used = 1,
                                                        .hash = 0xcbf29ce484222325ull};
                }
                if (s->transaction == v->transaction && s->buffer == b && s->to_server == v->to_server)
                        return s;
        }
}

static inline void content_fuzz_view(struct content_context *c, const struct content_view *v)
{
        struct content_fuzz *f = c->userdata;
        volatile uint8_t sum = 0;

        content_fuzz_check(v->have && !(v->scan & ~v->have) && !(v->coming & v->have));
        for (unsigned b = 0; b < BUFFERS; b++) {
                const struct inspect_buffer *in = &f->buffers[b];

                if (!(v->have & BUFFER_BIT(b)))
                        continue;
                content_fuzz_check(c->wants[v->to_server] & BUFFER_BIT(b) && in->data && in->fresh <= in->len);
                for (uint32_t i = 0; i < in->len; i++)
                        sum = (uint8_t) (sum + in->data[i]);
                if (v->scan & BUFFER_BIT(b)) {
                        struct content_fuzz_seen *s = content_fuzz_find(f, v, b);

                        for (uint32_t i = in->len - in->fresh; i < in->len; i++)
                                s->hash = (s->hash ^ in->data[i]) * 0x100000001b3ull;
                        s->len += in->fresh;
                }
        }
}

static inline void *content_fuzz_resize(struct content_context *c, void *p, size_t from, size_t to)
{
        struct content_fuzz *f = c->userdata;

        content_fuzz_check(f->held >= from && (p != NULL) == (from != 0));
        if (!to) {
                f->held -= from;
                free(p);
                return NULL;
        }
        if (f->held - from + to > f->allowed)
                return NULL;
        p = realloc(p, to);
        content_fuzz_check(p);
        f->held += to - from;
        return p;
}

static inline enum content_answer content_fuzz_feed(struct content_fuzz *f, const struct content_parser *parser,
                                                    void *state, const uint8_t *p, size_t len, size_t step)
{
        enum content_answer r = CONTENT_MORE;

        for (size_t at = 0, n; at < len && r == CONTENT_MORE; at += n) {
                _cleanup_free_ uint8_t *copy = malloc(n = MIN(len - at, step));

                content_fuzz_check(copy);
                memcpy(copy, p + at, n);
                f->context.rest = 0;
                r = parser->data(state, &f->context, copy, (uint32_t) n);
                content_fuzz_check(r <= CONTENT_SWITCH && f->context.rest <= n);
        }
        return r;
}

/* The whole flow; returns a digest of what was scanned. *ret_same: it may be compared. */
static inline uint64_t content_fuzz_flow(const struct content_parser *parser, uint8_t flags, const uint8_t *data,
                                         size_t size, size_t step, bool *ret_same)
{
        struct content_fuzz f = {.allowed = flags & CONTENT_FUZZ_POOR ? 3000 : SIZE_MAX / 2};
        _cleanup_free_ uint8_t *state = calloc(1, parser->state_size + 1u);
        enum content_answer r = CONTENT_MORE;
        uint64_t digest = 0;

        f.seen = calloc(CONTENT_FUZZ_SEEN, sizeof(*f.seen));
        f.scratch = malloc(CONTENT_SCRATCH);
        content_fuzz_check(state && f.seen && f.scratch);
        f.context = (struct content_context){.datagram = parser->udp && flags & CONTENT_FUZZ_DATAGRAM,
                                             .wants = {UINT64_MAX - 1, UINT64_MAX - 1},
                                             .buffers = f.buffers,
                                             .scratch = f.scratch,
                                             .inspect = content_fuzz_view,
                                             .resize = content_fuzz_resize,
                                             .userdata = &f};
        if (flags & CONTENT_FUZZ_FEW)
                f.context.wants[0] = f.context.wants[1] = 0x1555555555555555ull & ~1ull;
        *ret_same = !(flags & CONTENT_FUZZ_POOR);
        for (unsigned n = 0; size >= 3 && r == CONTENT_MORE && n < 200; n++) {
                size_t len = data[1] | (size_t) data[2] << 8, here = MIN(len, size - 3);

                if (data[0] & CONTENT_FUZZ_FLUSH && parser->flush)
                        parser->flush(state, &f.context);
                f.context.to_server = data[0] & CONTENT_FUZZ_TO_SERVER;
                if (data[0] & CONTENT_FUZZ_LOST && !f.context.datagram) {
                        *ret_same = false;
                        if (parser->lost && len)
                                r = parser->lost(state, &f.context, len);
                        here = 0;
                } else
                        r = content_fuzz_feed(&f, parser, state, data + 3, here, f.context.datagram ? SIZE_MAX : step);
                data += 3 + here;
                size -= 3 + here;
        }
        if (parser->end)
                parser->end(state, &f.context, true);
        content_fuzz_check(f.held == 0);
        for (unsigned i = 0; i < CONTENT_FUZZ_SEEN; i++)
                if (f.seen[i].used && f.seen[i].len)
                        digest += (f.seen[i].hash ^ f.seen[i].transaction ^ (uint64_t) f.seen[i].buffer << 40 ^
                                   (uint64_t) f.seen[i].to_server << 50) *
                                  0x9e3779b97f4a7c15ull;
        free(f.seen);
        free(f.scratch);
        return digest;
}

static inline void content_fuzz_run(enum app app, const uint8_t *data, size_t size, bool compare)
{
        const struct content_parser *parser = content_parser_of(app);
        uint64_t whole, bytewise;
        bool same;

        if (size < 1)
                return;
        whole = content_fuzz_flow(parser, data[0], data + 1, size - 1, SIZE_MAX, &same);
        bytewise = content_fuzz_flow(parser, data[0], data + 1, size - 1, 1, &same);
        if (compare && same)
                content_fuzz_check(whole == bytewise);
}

#endif
