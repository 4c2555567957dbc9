/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Capture files: the first byte says how many of the bytes were read before (from a pipe, to recognise it), whether
 * there is a filter, and whether the same file is merged with itself. */
#include <fcntl.h>

#include "source/capture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PIPE_MAX 65536u /* what a pipe takes without a reader */

static void add(struct capture *c, const uint8_t *data, size_t size, size_t start)
{
        int ends[2];

        start = MIN(start, size);
        if (size - start >= PIPE_MAX || pipe2(ends, O_CLOEXEC) < 0)
                return;
        if (write(ends[1], data + start, size - start) != (ssize_t) (size - start))
                abort();
        close(ends[1]);
        (void) capture_add(c, "fuzz", ends[0], data, start, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(capture_batch_freep)
        struct capture_batch *b = NULL;
        _cleanup_(capture_freep)
        struct capture *c = NULL;
        struct capture_stats stats;
        uint64_t frames = 0;
        volatile uint8_t sum = 0;
        uint8_t how = size ? *data : 0;

        if (size)
                size--, data++;
        if (capture_new(&c) < 0 || capture_batch_new(&b) < 0)
                abort();
        (void) input_recognise_inside(data, size);
        add(c, data, size, how & 0x3f);
        if (how & 0x40)
                add(c, data, size, 0);
        if (how & 0x80)
                (void) capture_set_filter(c, "udp or vlan", NULL);
        while (capture_next(c, b, NULL) > 0) {
                if (b->n == 0 || b->n > CAPTURE_FRAMES || b->first != frames)
                        abort();
                frames += b->n;
                for (uint32_t i = 0; i < b->n; i++) {
                        const struct frame *f = &b->frames[i];

                        if (f->caplen > f->len || f->time < 0)
                                abort();
                        for (uint32_t k = 0; k < f->caplen; k++)
                                sum = (uint8_t) (sum + f->data[k]);
                }
        }
        capture_get_stats(c, &stats);
        if (stats.frames != frames + stats.filtered)
                abort();
        return 0;
}
