/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines out of a stream in pieces. LF ends a line, and so does CR, alone (RFC 1459: "CR or LF") or before LF; which of
 * the two it is shows only with the byte that follows, so that a body after the last header begins at the right byte.
 * The same lines come out however the stream was cut. Runs in the engine and in `read`. */
#include "decode/line.h"

#include <string.h>

#include "base/cleanup.h"

/* The first CR or LF of p[0, n), or n. n is small: no line costs more than its own length and a constant. */
static uint32_t find_end(const uint8_t *p, uint32_t n)
{
        const uint8_t *lf = memchr(p, '\n', n);
        if (lf)
                n = (uint32_t) (lf - p);
        const uint8_t *cr = memchr(p, '\r', n);
        return cr ? (uint32_t) (cr - p) : n;
}

static void keep(struct line *l, const uint8_t *p, uint32_t n)
{
        memcpy(l->bytes + l->len, p, n);
        l->len += (uint16_t) n;
}

/* After a CR: moves past more of them and an LF. false: the data ended before it was clear. */
static bool pass_end(struct line *l, const uint8_t *data, uint32_t len, uint32_t *pos)
{
        while (*pos < len && data[*pos] == '\r')
                (*pos)++;
        l->cr = *pos == len;
        if (l->cr)
                return false;
        if (data[*pos] == '\n')
                (*pos)++;
        return true;
}

/* Hands out what is kept and p[0, n); without a copy where nothing was kept. */
static void hand_out(struct line *l, const uint8_t *p, uint32_t n, const uint8_t **ret_line, uint32_t *ret_len)
{
        if (l->len > 0) {
                keep(l, p, n);
                p = l->bytes;
                n = l->len;
                l->len = 0;
        }
        *ret_line = p;
        *ret_len = n;
}

bool line_next(struct line *l, const uint8_t *data, uint32_t len, uint32_t *pos, const uint8_t **ret_line,
               uint32_t *ret_len, bool *ret_cut)
{
        while (*pos < len) {
                if (l->cr) {
                        if (!pass_end(l, data, len, pos))
                                return false;
                        if (l->skipping) {
                                l->skipping = false;
                                continue;
                        }
                        *ret_line = l->bytes;
                        *ret_len = l->len;
                        *ret_cut = false;
                        l->len = 0;
                        return true;
                }

                const uint8_t *p = data + *pos;
                uint32_t room = l->skipping ? LINE_KEEP : LINE_KEEP - l->len;
                uint32_t window = MIN(len - *pos, room + 1);
                uint32_t n = find_end(p, window);
                bool ended = n < window;

                if (l->skipping) {
                        *pos += n + ended;
                        l->cr = ended && p[n] == '\r';
                        l->skipping = !ended || l->cr;
                        continue;
                }
                if (!ended && n <= room) {
                        keep(l, p, n);
                        *pos += n;
                        return false;
                }
                if (ended && p[n] == '\r') {
                        *pos += n + 1;
                        if (!pass_end(l, data, len, pos)) {
                                keep(l, p, n);
                                return false;
                        }
                } else
                        *pos += MIN(n, room) + ended;
                hand_out(l, p, MIN(n, room), ret_line, ret_len);
                *ret_cut = l->skipping = !ended;
                return true;
        }
        return false;
}

void line_lost(struct line *l)
{
        l->len = 0;
        l->cr = false;
        l->skipping = true;
}
