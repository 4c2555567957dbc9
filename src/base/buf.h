/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A bounded, growing byte buffer. A write past the bound is refused whole and remembered (`error`), so that a chain of
 * writes needs one check at its end. After curl's DYNBUF. */
#ifndef SEKIMORI_BASE_BUF_H
#define SEKIMORI_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"

struct buf {
        char *data;  /* always NUL-terminated when not NULL */
        size_t len;  /* bytes in use, without the NUL */
        size_t size; /* bytes allocated */
        size_t max;  /* upper bound of len */
        int error;   /* first error: -ENOBUFS (bound reached) or -ENOMEM; 0 none */
        bool fixed;  /* data is the caller's array: never grows, never freed */
};

/* An empty buffer on the heap of at most `limit` bytes; free with buf_done(). */
#define BUF_HEAP(limit) ((struct buf){.max = (limit)})
/* A buffer over a char array of the caller; nothing to free. What does not fit is cut. */
#define BUF_FIXED(array) ((struct buf){.data = (array), .size = sizeof(array), .max = sizeof(array) - 1, .fixed = true})

void buf_done(struct buf *b);
void buf_reset(struct buf *b); /* empties it, keeps the memory, forgets the error */

/* All return 0 or the buffer's (sticky) error. A fixed buffer takes what fits. */
int buf_put(struct buf *b, const void *data, size_t len);
int buf_puts(struct buf *b, const char *s);
int buf_putc(struct buf *b, char c);
int buf_printf(struct buf *b, const char *format, ...) _printf_(2, 3);
int buf_vprintf(struct buf *b, const char *format, va_list ap) _printf_(2, 0);
/* Outside bytes for a terminal: control bytes and invalid UTF-8 become \xNN. */
int buf_put_visible(struct buf *b, const char *data, size_t len);
/* A JSON string with quotes; invalid UTF-8 becomes U+FFFD. */
int buf_put_json(struct buf *b, const char *data, size_t len);

/* The text so far; "" when empty. Valid until the next write. */
static inline const char *buf_str(const struct buf *b)
{
        return b->len ? b->data : "";
}

#endif
