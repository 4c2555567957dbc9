/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One capture file: its bytes come in blocks that the frames point into, so that nothing is copied but the record that
 * crosses a block's end. A block is filled on as long as it has room, also while others read what is in it already.
 * Runs in `read`. */
#include <errno.h>
#include <stddef.h>

#include "source/capture_internal.h"

/* Small to begin with, so that hundreds of files can stand open at their first frames. */
#define BLOCK_FIRST (16u << 10)

void capture_block_unref(struct capture_block *b)
{
        if (b && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
                free(b);
}

static struct capture_block *block_new(size_t size)
{
        struct capture_block *b = malloc(offsetof(struct capture_block, data) + size);

        if (b) {
                atomic_init(&b->refs, 1);
                b->size = size;
                b->batch = 0;
        }
        return b;
}

/* Room for `need` bytes from `at` on, in this block or the next: twice that, so that who goes on byte by byte with that
 * much in sight does not move the block for each byte. */
static int make_room(struct capture_file *f)
{
        size_t tail = f->used - f->at, size = MAX(f->block_size, 2 * f->need);
        struct capture_block *b = f->block;

        if (b && b->size - f->at >= f->need && b->size - f->used >= b->size / 8)
                return 0;
        if (b && b->size >= size && atomic_load_explicit(&b->refs, memory_order_acquire) == 1) {
                memmove(b->data, b->data + f->at, tail); /* nobody else's: used again */
        } else {
                b = block_new(size);
                if (!b)
                        return -ENOMEM;
                if (tail)
                        memcpy(b->data, f->block->data + f->at, tail);
                capture_block_unref(f->block);
                f->block = b;
                f->block_size = MIN(f->block_size * 4, f->block_max);
        }
        f->at = 0;
        f->used = tail;
        return 0;
}

/* Reads until `need` bytes are there. 1; 0 at the end of the input; negative errno. */
static int fill(struct capture_file *f)
{
        while (f->used - f->at < f->need) {
                ssize_t n;
                int r;

                if (f->eof)
                        return 0;
                r = make_room(f);
                if (r < 0)
                        return r;
                n = capture_input_read(&f->input, f->block->data + f->used, f->block->size - f->used);
                if (n < 0)
                        return (int) n;
                f->eof = n == 0;
                f->used += (size_t) n;
        }
        return 1;
}

/* Drops what is of no interest. 1; 0 at the end; negative errno. */
static int skip(struct capture_file *f)
{
        while (f->skip > 0) {
                uint64_t n = MIN(f->skip, (uint64_t) (f->used - f->at));
                int r;

                f->at += (size_t) n;
                f->skip -= n;
                if (f->skip == 0)
                        break;
                f->need = 1;
                r = fill(f);
                if (r <= 0)
                        return r;
        }
        return 1;
}

int capture_file_next(struct capture_file *f, struct frame *to, uint32_t max)
{
        for (;;) {
                bool was_end = f->eof;
                uint32_t n;
                int r = skip(f);

                if (r < 0)
                        return r;
                n = f->parse(f, to, max);
                if (n > 0)
                        return (int) n;
                if (f->skip > 0 && !f->eof)
                        continue;
                r = fill(f);
                if (r < 0)
                        return r;
                /* Knowing the end a parser may see more: what it looked for lies in what is left. */
                if (r == 0 && was_end)
                        return 0;
        }
}

void capture_file_lose(struct capture_file *f)
{
        f->searching = true;
        f->at_end = f->eof && f->used - f->at < f->need;
        if (!f->at_end)
                f->stats->bad_records++;
        f->at++;
}

bool capture_file_search(struct capture_file *f, size_t window,
                         bool (*begins)(const struct capture_file *f, const uint8_t *p, size_t len))
{
        while (f->used - f->at >= window || (f->eof && f->at < f->used)) {
                if (begins(f, f->block->data + f->at, f->used - f->at)) {
                        f->stats->bad_records += f->at_end;
                        f->searching = f->at_end = false;
                        return true;
                }
                f->at++;
                if (++f->searched > CAPTURE_SEARCH_MAX) {
                        f->gave_up = f->eof = true;
                        f->at = f->used;
                }
        }
        f->cut |= f->eof && f->at_end;
        f->need = window;
        return false;
}

nsec_t capture_file_time(struct capture_file *f, int64_t seconds, int64_t nanoseconds)
{
        bool good = seconds >= 0 && seconds < CAPTURE_TIME_MAX / NSEC_PER_SEC && nanoseconds >= 0 &&
                    nanoseconds < NSEC_PER_SEC;

        if (!good) {
                f->stats->bad_times++;
                if (seconds < 0)
                        return 0;
                if (seconds >= CAPTURE_TIME_MAX / NSEC_PER_SEC)
                        return CAPTURE_TIME_MAX;
                nanoseconds = nanoseconds < 0 ? 0 : NSEC_PER_SEC - 1;
        }
        return seconds * NSEC_PER_SEC + nanoseconds;
}

uint32_t capture_file_link(uint32_t field)
{
        uint32_t link = field & 0xffff; /* above: whether and how long frames have a check sequence */

        /* DLT_RAW of Linux and of OpenBSD, in files of old libpcaps: LINKTYPE_RAW */
        return link == 12 || link == 14 ? 101 : link;
}

static int recognise(struct capture_file *f, struct buf *why)
{
        int r;

        /* Enough for each header; a shorter file is recognised by what there is. */
        f->need = CAPTURE_PCAP_HEADER;
        do
                r = fill(f);
        while (r == -EINTR);
        if (r < 0) {
                (void) buf_printf(why, "%s: %s", f->name, strerror(-r));
                return r;
        }
        switch (input_recognise(f->block->data, f->used)) {
        case INPUT_PCAP:
                if (f->used < CAPTURE_PCAP_HEADER) {
                        (void) buf_printf(why, "%s: ends within the header of a capture", f->name);
                        return -EINVAL;
                }
                (void) capture_pcap_open(f, f->block->data, f->used);
                f->at = CAPTURE_PCAP_HEADER;
                return 0;
        case INPUT_PCAPNG:
                capture_pcapng_open(f);
                return 0;
        default:
                (void) buf_printf(why, "%s: %s", f->name, f->used ? "not a capture (pcap or pcapng)" : "empty");
                return -EINVAL;
        }
}

int capture_file_open(struct capture_file *f, int fd, const void *start, size_t start_len, struct buf *why)
{
        int r = capture_input_open(&f->input, fd, start, start_len);

        f->last = -1;
        f->block_size = BLOCK_FIRST;
        f->block_max = BLOCK_FIRST;
        if (r < 0) {
                (void) buf_printf(why, "%s: %s", f->name, strerror(-r));
                return r;
        }
        return recognise(f, why);
}

void capture_file_close(struct capture_file *f)
{
        capture_input_close(&f->input);
        capture_block_unref(f->block);
        f->block = NULL;
        f->at = f->used = 0;
        free(f->interfaces);
        f->interfaces = NULL;
        free(f->ahead);
        f->ahead = NULL;
}
