/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bounded buffer that all text and JSON is written through. */
#include "base/buf.h"

#include <errno.h>

void buf_done(struct buf *b)
{
        if (!b->fixed)
                free(b->data);
        *b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b)
{
        b->len = 0;
        b->error = 0;
        if (b->data)
                b->data[0] = '\0';
}

static int buf_reserve(struct buf *b, size_t more)
{
        size_t want;
        char *p;

        if (b->error)
                return b->error;
        if (more > b->max - b->len)
                return b->error = -ENOBUFS;
        if (b->len + more < b->size)
                return 0;

        want = MAX(b->size * 2, b->len + more + 1);
        want = MAX(want, (size_t) 256);
        if (b->max < SIZE_MAX)
                want = MIN(want, b->max + 1);
        p = realloc(b->data, want);
        if (!p)
                return b->error = -ENOMEM;
        b->data = p;
        b->size = want;
        return 0;
}

int buf_put(struct buf *b, const void *data, size_t len)
{
        int r;

        /* The usual way: there is room. Then it is within the bound as well. */
        if (!b->error && len < b->size - b->len) {
                if (len)
                        memcpy(b->data + b->len, data, len);
                b->len += len;
                b->data[b->len] = '\0';
                return 0;
        }
        if (b->fixed && !b->error && len > b->max - b->len) {
                size_t fits = b->max - b->len;

                memcpy(b->data + b->len, data, fits);
                b->len += fits;
                b->data[b->len] = '\0';
                return b->error = -ENOBUFS;
        }
        r = buf_reserve(b, len);
        if (r < 0)
                return r;
        if (len)
                memcpy(b->data + b->len, data, len);
        b->len += len;
        b->data[b->len] = '\0';
        return 0;
}

int buf_puts(struct buf *b, const char *s)
{
        return buf_put(b, s, strlen(s));
}

int buf_putc(struct buf *b, char c)
{
        if (b->error || b->len + 1 >= b->size)
                return buf_put(b, &c, 1);
        b->data[b->len++] = c;
        b->data[b->len] = '\0';
        return 0;
}

int buf_vprintf(struct buf *b, const char *format, va_list ap)
{
        char small[512];
        _cleanup_free_ char *large = NULL;
        va_list again;
        int n;

        if (b->error)
                return b->error;
        va_copy(again, ap);
        n = vsnprintf(small, sizeof(small), format, ap);
        if (n >= 0 && (size_t) n >= sizeof(small))
                n = vasprintf(&large, format, again);
        va_end(again);
        if (n < 0)
                return b->error = -ENOMEM;
        return buf_put(b, large ? large : small, (size_t) n);
}

int buf_printf(struct buf *b, const char *format, ...)
{
        va_list ap;
        int r;

        va_start(ap, format);
        r = buf_vprintf(b, format, ap);
        va_end(ap);
        return r;
}

/* Length of the valid UTF-8 sequence at p (RFC 3629: no overlong forms, no surrogates), or 0. */
static size_t utf8_len(const unsigned char *p, size_t left)
{
        size_t n = p[0] < 0x80                 ? 1 :
                   p[0] >= 0xc2 && p[0] < 0xe0 ? 2 :
                   (p[0] & 0xf0) == 0xe0       ? 3 :
                   p[0] >= 0xf0 && p[0] < 0xf5 ? 4 :
                                                 0;

        if (n == 0 || n > left)
                return 0;
        for (size_t i = 1; i < n; i++)
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
        if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
            (p[0] == 0xf4 && p[1] > 0x8f))
                return 0;
        return n;
}

int buf_put_visible(struct buf *b, const char *data, size_t len)
{
        const unsigned char *p = (const unsigned char *) data;

        for (size_t i = 0; i < len;) {
                size_t n = utf8_len(p + i, len - i);
                /* U+0080..U+009F are control characters too */
                bool control = n == 0 || p[i] < 0x20 || p[i] == 0x7f || (n == 2 && p[i] == 0xc2 && p[i + 1] < 0xa0);

                if (control)
                        buf_printf(b, "\\x%02x", p[i]);
                else
                        buf_put(b, p + i, n);
                i += control ? 1 : n;
        }
        return b->error;
}

/* How many bytes from p on stand for themselves in a JSON string. */
static size_t json_plain(const unsigned char *p, size_t len)
{
        size_t n = 0;

        while (n < len && p[n] >= 0x20 && p[n] < 0x7f && p[n] != '"' && p[n] != '\\')
                n++;
        return n;
}

int buf_put_json(struct buf *b, const char *data, size_t len)
{
        const unsigned char *p = (const unsigned char *) data;

        buf_putc(b, '"');
        for (size_t i = 0; i < len;) {
                size_t plain = json_plain(p + i, len - i), n;

                if (plain) {
                        buf_put(b, p + i, plain);
                        i += plain;
                        continue;
                }
                n = utf8_len(p + i, len - i);
                if (n == 0)
                        buf_puts(b, "\xef\xbf\xbd");
                else if (p[i] == '"' || p[i] == '\\')
                        buf_printf(b, "\\%c", p[i]);
                else if (p[i] < 0x20 || p[i] == 0x7f)
                        buf_printf(b, "\\u%04x", p[i]);
                else
                        buf_put(b, p + i, n);
                i += n ? n : 1;
        }
        return buf_putc(b, '"');
}
