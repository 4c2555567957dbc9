/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines out of a stream that comes in any pieces: for IRC, SMTP, FTP, HTTP headers. A line that fits into one piece is
 * not copied. Longer than the limit: the first part is delivered once, marked as cut, and the rest is skipped to its
 * end. */
#ifndef SEKIMORI_DECODE_LINE_H
#define SEKIMORI_DECODE_LINE_H

#include <stdbool.h>
#include <stdint.h>

#define LINE_KEEP 512 /* bytes of an unfinished line that are kept; RFC 2812: 512, RFC 5321: 512 for commands */

/* One per direction, inside a decoder's state; zeroed to begin. */
struct line {
        uint16_t len;
        bool skipping; /* the rest of a line that was too long, or begins in lost bytes */
        bool cr;       /* a CR came last */
        uint8_t bytes[LINE_KEEP];
};

/* The next line in data[*pos, len): sets *ret_line and *ret_len (without its end: CR LF, CR or LF), *ret_cut when it
 * was too long, moves *pos past it, and returns true. false: no more complete line; what is left was kept. The line
 * lives until the next call. */
bool line_next(struct line *l, const uint8_t *data, uint32_t len, uint32_t *pos, const uint8_t **ret_line,
               uint32_t *ret_len, bool *ret_cut);
/* Bytes were lost: what is kept is forgotten, and the next line begins after the next line end. */
void line_lost(struct line *l);

#endif
