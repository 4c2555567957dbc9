/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A context for parsers of content that writes down every transaction, and counts memory. */
#ifndef SEKIMORI_TEST_CONTENT_RIG_H
#define SEKIMORI_TEST_CONTENT_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/content.h"

#define VIEWS_MAX 400
#define TEXT_MAX  1024
static struct shown {
        struct content_view v;
        struct {
                char text[TEXT_MAX];
                uint32_t len, fresh, base;
        } buffers[BUFFERS];
} * shown;
static unsigned n_shown;
static size_t held, allowed;

static void show(struct content_context *c, const struct content_view *v)
{
        struct shown *s = &shown[n_shown];

        assert_true(n_shown < VIEWS_MAX);
        n_shown++;
        memset(s, 0, sizeof(*s));
        s->v = *v;
        assert_int_equal(v->scan & ~v->have, 0);
        for (unsigned b = 0; b < BUFFERS; b++) {
                const struct inspect_buffer *from = &c->buffers[b];

                if (!(v->have & BUFFER_BIT(b)))
                        continue;
                assert_true(from->fresh <= from->len);
                s->buffers[b].len = from->len;
                s->buffers[b].fresh = from->fresh;
                s->buffers[b].base = (uint32_t) from->base;
                memcpy(s->buffers[b].text, from->data, MIN(from->len, TEXT_MAX - 1u));
        }
}

static void *take_memory(struct content_context *c, void *p, size_t from, size_t to)
{
        (void) c;
        assert_true(held >= from);
        if (!to) {
                held -= from;
                free(p);
                return NULL;
        }
        if (held - from + to > allowed)
                return NULL;
        p = realloc(p, to);
        held += to - from;
        return p;
}

struct content_rig {
        const struct content_parser *parser;
        void *state;
        struct content_context c;
        struct inspect_buffer buffers[BUFFERS];
        enum content_answer answer;
};

static struct content_rig *begin(enum app app)
{
        struct content_rig *r = calloc(1, sizeof(*r));

        shown = shown ? shown : malloc(VIEWS_MAX * sizeof(*shown));
        n_shown = 0;
        allowed = SIZE_MAX / 2;
        r->parser = content_parser_of(app);
        assert_non_null(r->parser);
        r->state = calloc(1, r->parser->state_size + 1u);
        r->c = (struct content_context){.wants = {UINT64_MAX, UINT64_MAX},
                                        .buffers = r->buffers,
                                        .scratch = malloc(CONTENT_SCRATCH),
                                        .inspect = show,
                                        .resize = take_memory};
        return r;
}

/* In memory of its own, so that a sanitizer sees a read behind its end. */
static void give(struct content_rig *r, bool to_server, const void *data, size_t n)
{
        uint8_t *copy = malloc(n ? n : 1);

        memcpy(copy, data, n);
        r->c.to_server = to_server;
        r->answer = r->parser->data(r->state, &r->c, copy, (uint32_t) n);
        free(copy);
}

static void give_text(struct content_rig *r, bool to_server, const char *text)
{
        give(r, to_server, text, strlen(text));
}

static void finish(struct content_rig *r)
{
        if (r->parser->end)
                r->parser->end(r->state, &r->c, true);
        assert_int_equal(held, 0);
        free(r->c.scratch);
        free(r->state);
        free(r);
}

/* The text of a buffer in the nth transaction that was shown; NULL: not there. */
static const char *text_in(unsigned nth, enum rule_buffer b)
{
        assert_true(nth < n_shown);
        return shown[nth].v.have & BUFFER_BIT(b) ? shown[nth].buffers[b].text : NULL;
}

#define assert_text(nth, buffer, text) assert_string_equal(text_in(nth, BUFFER_##buffer), text)

#endif
