/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes capture files in memory and reads them back, for test_capture.c and test_capture_pcapng.c. */
#ifndef SEKIMORI_TESTS_CAPTURE_RIG_H
#define SEKIMORI_TESTS_CAPTURE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "source/capture.h"

#define SEC NSEC_PER_SEC

/* A file that grows; `big`: in network order. */
struct made {
        uint8_t *data;
        size_t len, size;
        bool big;
};

static _unused_ void made_done(struct made *m)
{
        free(m->data);
}
#define MADE                                                                                                           \
        _cleanup_(made_done)                                                                                           \
        struct made

static _unused_ void put(struct made *m, const void *data, size_t len)
{
        if (m->len + len > m->size) {
                m->size = (m->len + len) * 2;
                m->data = realloc(m->data, m->size);
                assert_non_null(m->data);
        }
        if (len)
                memcpy(m->data + m->len, data, len);
        m->len += len;
}

static _unused_ void put32(struct made *m, uint32_t v)
{
        uint8_t b[4];

        for (int i = 0; i < 4; i++)
                b[m->big ? 3 - i : i] = (uint8_t) (v >> 8 * i);
        put(m, b, 4);
}

static _unused_ void put16(struct made *m, uint16_t v)
{
        uint8_t b[2] = {(uint8_t) (m->big ? v >> 8 : v), (uint8_t) (m->big ? v : v >> 8)};

        put(m, b, 2);
}

static _unused_ void put_header(struct made *m, uint32_t magic, uint32_t link)
{
        put32(m, magic);
        put16(m, 2);
        put16(m, 4);
        put32(m, 0);
        put32(m, 0);
        put32(m, 65535);
        put32(m, link);
}

/* The content of frame `i`: any place of it can be checked. */
static _unused_ uint8_t byte_of(uint32_t i, uint32_t at)
{
        return (uint8_t) (i * 31 + at * 7 + (at >> 8));
}

static _unused_ void put_content(struct made *m, uint32_t i, uint32_t len)
{
        for (uint32_t k = 0; k < len; k++)
                put(m, &(uint8_t){byte_of(i, k)}, 1);
}

static _unused_ void put_record(struct made *m, uint32_t i, uint32_t sec, uint32_t fraction, uint32_t len)
{
        put32(m, sec);
        put32(m, fraction);
        put32(m, len);
        put32(m, len + i);
        put_content(m, i, len);
}

static _unused_ bool has_content(const struct frame *f, uint32_t i)
{
        for (uint32_t k = 0; k < f->caplen; k++)
                if (f->data[k] != byte_of(i, k))
                        return false;
        return true;
}

static _unused_ int file_of(const void *data, size_t len)
{
        int fd = memfd_create("capture", MFD_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, data, len), (ssize_t) len);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        return fd;
}

/* What reading gives: frames with copies of their data, counts, and messages. */
struct got {
        struct frame *frames;
        uint32_t n, size, batches;
        struct capture_stats stats;
        struct buf why;
        int result;
};

static _unused_ void got_done(struct got *g)
{
        for (uint32_t i = 0; i < g->n; i++)
                free((void *) (uintptr_t) g->frames[i].data);
        free(g->frames);
        buf_done(&g->why);
}
#define GOT                                                                                                            \
        _cleanup_(got_done)                                                                                            \
        struct got

static _unused_ void keep(struct got *g, const struct frame *f)
{
        uint8_t *copy = malloc(f->caplen + 1);

        if (g->n == g->size) {
                g->size = MAX(g->size * 2, 64u);
                g->frames = reallocarray(g->frames, g->size, sizeof(*f));
        }
        assert_true(copy && g->frames);
        memcpy(copy, f->data, f->caplen);
        g->frames[g->n] = *f;
        g->frames[g->n++].data = copy;
}

#define IN_FLIGHT 4 /* batches that stand while the next ones are read */

static _unused_ void read_out(struct capture *c, struct got *g)
{
        struct capture_batch *b[IN_FLIGHT];
        uint32_t waiting = 0, at = 0;

        g->why = BUF_HEAP(65536);
        for (int i = 0; i < IN_FLIGHT; i++)
                assert_int_equal(capture_batch_new(&b[i]), 0);
        for (;;) {
                if (waiting == IN_FLIGHT || (waiting && g->result == 0 && g->batches)) {
                        struct capture_batch *old = b[at % IN_FLIGHT];

                        assert_int_equal(old->first, g->n);
                        for (uint32_t i = 0; i < old->n; i++)
                                keep(g, &old->frames[i]);
                        at++;
                        waiting--;
                        continue;
                }
                if (g->batches && g->result <= 0)
                        break;
                g->result = capture_next(c, b[(at + waiting) % IN_FLIGHT], &g->why);
                g->batches++;
                if (g->result > 0)
                        waiting++;
        }
        capture_get_stats(c, &g->stats);
        for (int i = 0; i < IN_FLIGHT; i++)
                capture_batch_free(b[i]);
}

/* Reads one file of these bytes. `result` is capture_add()'s when that fails. */
static _unused_ struct got read_bytes(const void *data, size_t len)
{
        _cleanup_(capture_freep)
        struct capture *c = NULL;
        struct got g = {.why = BUF_HEAP(1024)};

        assert_int_equal(capture_new(&c), 0);
        g.result = capture_add(c, "test", file_of(data, len), NULL, 0, &g.why);
        if (g.result < 0)
                return g;
        buf_done(&g.why);
        read_out(c, &g);
        return g;
}

#endif
