/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fuzzes the filter of a delivery pipe against another way of saying what it does: the same bytes whatever the pieces,
 * no forged field left, the body untouched, and nothing more to do the second time. */
#include <stdlib.h>

#include "rewrite_reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool holds)
{
        if (!holds)
                abort();
}

static void need_same(const struct buf *a, const struct buf *b)
{
        need(a->len == b->len && memcmp(buf_str(a), buf_str(b), a->len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *text = (const char *) data;
        bool crlf = header_rewrite_crlf(text, size);
        const char *field = crlf ? "X-Sekimori-Status: ours\r\n" : "X-Sekimori-Status: ours\n";
        _cleanup_(buf_done)
        struct buf want = BUF_HEAP(1u << 22), got = BUF_HEAP(1u << 22), bare = BUF_HEAP(1u << 22),
                   again = BUF_HEAP(1u << 22);
        static const size_t pieces[] = {1, 2, 7, 1u << 20};

        reference_rewrite(&want, field, text, size, crlf);
        for (size_t i = 0; i < ELEMENTSOF(pieces); i++) {
                buf_reset(&got);
                rewrite_in_pieces(&got, field, text, size, pieces[i]);
                need_same(&got, &want);
        }
        /* Without a field of ours it only takes away, and twice is once. */
        rewrite_in_pieces(&bare, "", text, size, 13);
        need(bare.len <= size);
        rewrite_in_pieces(&again, "", buf_str(&bare), bare.len, 1u << 20);
        need_same(&again, &bare);
        return 0;
}
