/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a file is, by its first bytes and never by its name. Pure; the bytes may be anything. Runs in `read`. */
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "source/capture.h"

#define TEXT_LOOK 4096 /* bytes looked at to call it text */

static uint32_t little(const uint8_t *p)
{
        return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 | (uint32_t) p[3] << 24;
}

static bool is_pcap(uint32_t magic)
{
        /* microseconds, nanoseconds, Kuznetzov's patched format; in either byte order */
        static const uint32_t magics[] = {0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34};

        for (size_t i = 0; i < ELEMENTSOF(magics); i++)
                if (magic == magics[i] || __builtin_bswap32(magic) == magics[i])
                        return true;
        return false;
}

/* Control bytes other than those of text (tab, line ends, escape of coloured logs) are in no log. Bytes from 0x80 on
 * may be UTF-8 or an older encoding. */
static bool is_text(const uint8_t *data, size_t len)
{
        for (size_t i = 0; i < MIN(len, (size_t) TEXT_LOOK); i++)
                if (data[i] == 0x7f || (data[i] < 0x20 && !memchr("\t\n\v\f\r\033", data[i], 6)))
                        return false;
        return len > 0;
}

enum input_kind input_recognise(const uint8_t *data, size_t len)
{
        if (len >= 4) {
                uint32_t magic = little(data);

                if (is_pcap(magic))
                        return INPUT_PCAP;
                /* The block type reads the same in both orders; the byte-order magic stands behind the length. */
                if (magic == 0x0a0d0d0a &&
                    (len < 12 || little(data + 8) == 0x1a2b3c4d || little(data + 8) == 0x4d3c2b1a))
                        return INPUT_PCAPNG;
                /* RFC 8878: a frame, or a skippable frame, with which pzstd's files begin */
                if (magic == 0xfd2fb528 || (magic & 0xfffffff0) == 0x184d2a50)
                        return INPUT_ZSTD;
        }
        if (len >= 3 && data[0] == 0x1f && data[1] == 0x8b && data[2] == 8) /* RFC 1952 */
                return INPUT_GZIP;
        return is_text(data, len) ? INPUT_TEXT : INPUT_UNKNOWN;
}

static size_t inflate_start(const uint8_t *data, size_t len, uint8_t *to, size_t size)
{
        z_stream z = {.next_in = (Bytef *) (uintptr_t) data,
                      .avail_in = (uInt) MIN(len, (size_t) UINT32_MAX),
                      .next_out = to,
                      .avail_out = (uInt) size};

        if (inflateInit2(&z, 15 + 16) != Z_OK) /* 16: a gzip header */
                return 0;
        (void) inflate(&z, Z_SYNC_FLUSH);
        (void) inflateEnd(&z);
        return size - z.avail_out;
}

static size_t zstd_start(const uint8_t *data, size_t len, uint8_t *to, size_t size)
{
        ZSTD_inBuffer in = {.src = data, .size = len};
        ZSTD_outBuffer out = {.dst = to, .size = size};
        ZSTD_DStream *d = ZSTD_createDStream();

        /* A call ends with each frame; skippable ones hold nothing. */
        while (d && out.pos < out.size && in.pos < in.size) {
                size_t at = in.pos, had = out.pos;

                if (ZSTD_isError(ZSTD_decompressStream(d, &out, &in)) || (in.pos == at && out.pos == had))
                        break;
        }
        ZSTD_freeDStream(d);
        return out.pos;
}

enum input_kind input_recognise_inside(const uint8_t *data, size_t len)
{
        enum input_kind kind = input_recognise(data, len);
        uint8_t text[TEXT_LOOK];
        size_t n;

        if (kind == INPUT_GZIP)
                n = inflate_start(data, len, text, sizeof(text));
        else if (kind == INPUT_ZSTD)
                n = zstd_start(data, len, text, sizeof(text));
        else
                return kind;
        return input_recognise(text, n);
}
