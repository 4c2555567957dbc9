/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bytes of a capture file, pipe or terminal, decompressed. Compressed data that breaks off or is damaged gives what
 * could be had of it. Opens nothing itself. Runs in `read`. */
#include <errno.h>
#include <zlib.h>
#include <zstd.h>

#include "source/capture_internal.h"

#define RAW_SIZE  (64u << 10)
#define HEAD_SIZE 12 /* bytes that tell the formats apart */

static ssize_t read_some(struct capture_input *in, uint8_t *to, size_t size)
{
        ssize_t n = read(in->fd, to, size);

        if (n < 0)
                return -errno;
        in->consumed += (size_t) n;
        return n;
}

/* More stored bytes behind those not used yet. Bytes, 0 at the end, negative errno. */
static ssize_t fill_raw(struct capture_input *in)
{
        ssize_t n;

        if (in->raw_at == in->raw_len)
                in->raw_at = in->raw_len = 0;
        n = read_some(in, in->raw + in->raw_len, in->raw_size - in->raw_len);
        if (n > 0)
                in->raw_len += (size_t) n;
        return n;
}

static int open_stream(struct capture_input *in)
{
        if (in->kind == INPUT_GZIP) {
                z_stream *z = calloc(1, sizeof(*z));

                if (!z || inflateInit2(z, 15 + 16) != Z_OK) { /* 16: gzip headers */
                        free(z);
                        return -ENOMEM;
                }
                in->stream = z;
        } else if (in->kind == INPUT_ZSTD) {
                in->stream = ZSTD_createDStream(); /* refuses windows beyond 128 MiB */
                if (!in->stream)
                        return -ENOMEM;
        }
        return 0;
}

int capture_input_open(struct capture_input *in, int fd, const void *start, size_t start_len)
{
        *in = (struct capture_input){.fd = fd, .raw_size = MAX(start_len, (size_t) RAW_SIZE), .consumed = start_len};
        in->raw = malloc(in->raw_size);
        if (!in->raw)
                return -ENOMEM;
        if (start_len)
                memcpy(in->raw, start, start_len);
        in->raw_len = start_len;
        while (in->raw_len < HEAD_SIZE) {
                ssize_t n = fill_raw(in);

                if (n == -EINTR)
                        continue;
                if (n < 0)
                        return (int) n;
                if (n == 0)
                        break;
        }
        in->kind = input_recognise(in->raw, in->raw_len);
        in->between = true;
        return open_stream(in);
}

void capture_input_close(struct capture_input *in)
{
        if (in->stream && in->kind == INPUT_GZIP) {
                (void) inflateEnd(in->stream);
                free(in->stream);
        } else if (in->stream) {
                (void) ZSTD_freeDStream(in->stream);
        }
        free(in->raw);
        closep(&in->fd);
        *in = (struct capture_input){.fd = -EBADF, .consumed = in->consumed, .cut = in->cut};
}

static ssize_t read_plain(struct capture_input *in, uint8_t *to, size_t size)
{
        size_t n = MIN(in->raw_len - in->raw_at, size);

        if (n == 0)
                return read_some(in, to, size);
        memcpy(to, in->raw + in->raw_at, n);
        in->raw_at += n;
        if (in->raw_at == in->raw_len) {
                free(in->raw);
                in->raw = NULL;
                in->raw_at = in->raw_len = 0;
        }
        return (ssize_t) n;
}

/* One step of a decompressor from raw bytes to `to`. Sets `between` at the end of a member. Bytes written, or
 * -EBADMSG. */
static ssize_t inflate_step(struct capture_input *in, uint8_t *to, size_t size)
{
        z_stream *z = in->stream;
        int r;

        if (in->between && inflateReset(z) != Z_OK)
                return -EBADMSG;
        z->next_in = in->raw + in->raw_at;
        z->avail_in = (uInt) MIN(in->raw_len - in->raw_at, (size_t) UINT32_MAX);
        z->next_out = to;
        z->avail_out = (uInt) MIN(size, (size_t) UINT32_MAX);
        in->between = false;
        r = inflate(z, Z_NO_FLUSH);
        in->raw_at = (size_t) (z->next_in - in->raw);
        in->between = r == Z_STREAM_END;
        if (z->next_out == to && r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
                return -EBADMSG;
        return z->next_out - to;
}

static ssize_t zstd_step(struct capture_input *in, uint8_t *to, size_t size)
{
        ZSTD_inBuffer from = {.src = in->raw, .size = in->raw_len, .pos = in->raw_at};
        ZSTD_outBuffer out = {.dst = to, .size = size};
        size_t r = ZSTD_decompressStream(in->stream, &out, &from);

        if (ZSTD_isError(r))
                return -EBADMSG;
        in->raw_at = from.pos;
        in->between = r == 0;
        return (ssize_t) out.pos;
}

/* What follows a member: another one, or padding and rubbish, which gzip(1) ignores too. */
static bool member_follows(const struct capture_input *in)
{
        size_t left = in->raw_len - in->raw_at;
        const uint8_t *p = in->raw + in->raw_at;

        if (in->kind == INPUT_GZIP)
                return p[0] == 0x1f && (left < 2 || p[1] == 0x8b);
        return (p[0] == 0x28 && (left < 2 || p[1] == 0xb5)) || ((p[0] & 0xf0) == 0x50 && (left < 2 || p[1] == 0x2a));
}

static ssize_t read_stream(struct capture_input *in, uint8_t *to, size_t size)
{
        while (!in->ended) {
                ssize_t n;

                /* At the end there may still be output kept back: then the step below gives it. */
                if (in->raw_at == in->raw_len) {
                        n = fill_raw(in);
                        if (n < 0)
                                return n;
                        if (n == 0) {
                                n = in->between            ? 0 :
                                    in->kind == INPUT_GZIP ? inflate_step(in, to, size) :
                                                             zstd_step(in, to, size);
                                if (n > 0)
                                        return n;
                                in->ended = true;
                                in->cut = !in->between;
                                break;
                        }
                }
                if (in->between && !member_follows(in)) {
                        in->ended = true;
                        break;
                }
                n = in->kind == INPUT_GZIP ? inflate_step(in, to, size) : zstd_step(in, to, size);
                if (n == -EBADMSG)
                        in->ended = in->cut = true;
                else if (n > 0)
                        return n;
        }
        return 0;
}

ssize_t capture_input_read(struct capture_input *in, uint8_t *to, size_t size)
{
        return in->stream ? read_stream(in, to, size) : read_plain(in, to, size);
}
