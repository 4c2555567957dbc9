/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines out of a descriptor, through one buffer of fixed size. Each byte is looked at once. Runs in `read`. */
#include "source/log_lines.h"

#include <errno.h>

#define BUFFER_SIZE (2 * LOG_LINE_MAX) /* of each open file; more than a line and its end */

/* More bytes behind those not delivered yet. 1, 0 at the end, or negative errno. */
static int fill(struct log_lines *l)
{
        ssize_t n;

        if (l->at > 0) {
                memmove(l->bytes, l->bytes + l->at, l->used - l->at);
                l->used -= l->at;
                l->searched -= l->at;
                l->at = 0;
        }
        n = capture_input_read(&l->input, (uint8_t *) l->bytes + l->used, BUFFER_SIZE - l->used);
        if (n < 0)
                return n == -EAGAIN ? -EIO : (int) n;
        l->used += (size_t) n;
        l->eof = n == 0;
        return n > 0;
}

int log_lines_open(struct log_lines *l, int fd, const void *start, size_t start_len)
{
        int r;

        *l = (struct log_lines){0};
        r = capture_input_open(&l->input, fd, start, start_len);
        if (r < 0) {
                capture_input_close(&l->input);
                return r;
        }
        l->bytes = malloc(BUFFER_SIZE);
        if (!l->bytes)
                r = -ENOMEM;
        while (r >= 0 && !l->eof && l->used < LOG_LINE_MAX) {
                r = fill(l);
                if (r == -EINTR)
                        r = 0;
        }
        if (r < 0)
                log_lines_close(l);
        else if (l->used >= 3 && memcmp(l->bytes, "\xef\xbb\xbf", 3) == 0) /* a byte order mark */
                l->at = l->searched = 3;
        return MIN(r, 0);
}

void log_lines_close(struct log_lines *l)
{
        capture_input_close(&l->input);
        free(l->bytes);
        l->bytes = NULL;
        l->at = l->searched = l->used = 0;
        l->eof = true;
}

/* The line [at, end); the next one begins at `next`. */
static int take(struct log_lines *l, size_t end, size_t next, struct log_line *ret)
{
        size_t len = end - l->at;

        *ret = (struct log_line){.text = l->bytes + l->at, .len = len, .number = ++l->number};
        if (len > 0 && ret->text[len - 1] == '\r')
                ret->len--;
        l->at = l->searched = next;
        if (!l->skipping && ret->len <= LOG_LINE_MAX)
                return 1;
        l->skipping = false;
        ret->len = 0;
        return -EMSGSIZE;
}

int log_lines_next(struct log_lines *l, struct log_line *ret)
{
        for (;;) {
                const char *end =
                        l->used > l->searched ? memchr(l->bytes + l->searched, '\n', l->used - l->searched) : NULL;
                int r;

                if (end)
                        return take(l, (size_t) (end - l->bytes), (size_t) (end - l->bytes) + 1, ret);
                l->searched = l->used;
                if (l->used - l->at > LOG_LINE_MAX + 1) { /* a CR may still be cut off */
                        l->skipping = true;
                        l->at = l->used;
                }
                if (l->eof) {
                        if (l->at == l->used && !l->skipping)
                                return 0;
                        return take(l, l->used, l->used, ret);
                }
                r = fill(l);
                if (r < 0)
                        return r;
        }
}
