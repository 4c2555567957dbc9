/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the filter of a delivery pipe must do, said another way: over a whole message in memory, line by line. For the
 * unit test and the fuzzer. */
#ifndef SEKIMORI_TESTS_REWRITE_REFERENCE_H
#define SEKIMORI_TESTS_REWRITE_REFERENCE_H

#include "mail/header_rewrite.h"

static bool reference_is_forged(const char *p, const char *end)
{
        while (p < end && *p == '\r')
                p++;
        return (size_t) (end - p) >= strlen(HEADER_REWRITE_PREFIX) &&
               strncasecmp(p, HEADER_REWRITE_PREFIX, strlen(HEADER_REWRITE_PREFIX)) == 0;
}

/* A line that stays, without what a bare CR begins in it. */
static void reference_line(struct buf *out, const char *p, const char *end)
{
        const char *text = end > p && end[-1] == '\n' ? end - 1 - (end - p > 1 && end[-2] == '\r') : end;
        const char *from = p;

        for (const char *at = p; at < text;) {
                const char *cr = memchr(at, '\r', (size_t) (text - at)), *until;
                const char *first = p;

                while (first < text && *first == '\r')
                        first++;
                if (!cr)
                        break;
                at = cr + 1;
                if (cr < first || at == text || *at == '\r' || !reference_is_forged(at, end))
                        continue;
                until = memchr(at, '\r', (size_t) (text - at));
                (void) buf_put(out, from, (size_t) (cr - from));
                from = at = until ? until : text;
        }
        (void) buf_put(out, from, (size_t) (end - from));
}

static const char *reference_next(const char *p, const char *end)
{
        const char *found = p < end ? memchr(p, '\n', (size_t) (end - p)) : NULL;

        return found ? found + 1 : end;
}

static void reference_rewrite(struct buf *out, const char *field, const char *p, size_t len, bool crlf)
{
        const char *end = p + len, *next;
        bool placed = false, body = false;

        if (len == 0)
                return;
        if (len >= 5 && memcmp(p, "From ", 5) == 0) {
                next = reference_next(p, end);
                (void) buf_put(out, p, (size_t) (next - p));
                if (next[-1] != '\n')
                        return;
                p = next;
        }
        for (; p < end && !body; p = next) {
                next = reference_next(p, end);
                if (reference_is_forged(p, next)) {
                        while (next < end && (*next == ' ' || *next == '\t'))
                                next = reference_next(next, end);
                        continue;
                }
                if (!placed)
                        (void) buf_puts(out, field);
                if (!placed && *field && (*p == ' ' || *p == '\t'))
                        (void) buf_puts(out, crlf ? "X-Sekimori-Orphan:\r\n" : "X-Sekimori-Orphan:\n");
                placed = true;
                reference_line(out, p, next);
                body = next[-1] == '\n' && (next - p == 1 || (next - p == 2 && *p == '\r'));
        }
        if (!placed)
                (void) buf_puts(out, field);
        (void) buf_put(out, p, (size_t) (end - p));
}

static int reference_put(void *userdata, const char *data, size_t len)
{
        return buf_put(userdata, data, len);
}

/* The filter itself, in pieces of `piece` bytes. */
static void rewrite_in_pieces(struct buf *out, const char *field, const char *data, size_t len, size_t piece)
{
        struct buf ours = {.data = (char *) (uintptr_t) field, .len = strlen(field)};
        struct header_rewrite h = {.put = reference_put, .userdata = out};

        header_rewrite_begin(&h, &ours, header_rewrite_crlf(data, len));
        for (size_t at = 0; at < len; at += piece)
                (void) header_rewrite_push(&h, data + at, MIN(piece, len - at));
        (void) header_rewrite_finish(&h);
}

#endif
