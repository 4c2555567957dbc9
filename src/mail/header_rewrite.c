/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The filter of a delivery pipe, a state machine over bytes. Runs in `sekimori mail --header`. */
#include "mail/header_rewrite.h"

#include <assert.h>

#define PREFIX_LEN (sizeof(HEADER_REWRITE_PREFIX) - 1)
#define ENVELOPE   "From "

static_assert(PREFIX_LEN <= sizeof(((struct header_rewrite *) NULL)->hold), "what is held back has its place");

bool header_rewrite_crlf(const char *head, size_t len)
{
        const char *end = len ? memchr(head, '\n', len) : NULL;

        return end && end > head && end[-1] == '\r';
}

void header_rewrite_fold(struct buf *out, const char *text, bool crlf)
{
        const char *end = crlf ? "\r\n" : "\n";
        size_t column = 0;

        while (*text) {
                size_t n = strcspn(text, ";,");

                n += text[n] != '\0';
                if (column && column + n > HEADER_REWRITE_WIDTH) {
                        (void) buf_puts(out, end);
                        (void) buf_putc(out, ' ');
                        text += strspn(text, " ");
                        n = strcspn(text, ";,");
                        n += text[n] != '\0';
                        column = 1;
                }
                (void) buf_put(out, text, n);
                column += n;
                text += n;
        }
        (void) buf_puts(out, end);
}

void header_rewrite_begin(struct header_rewrite *h, const struct buf *field, bool crlf)
{
        h->field = buf_str(field);
        h->field_len = field->error ? 0 : field->len;
        h->crlf = crlf;
        h->state = HEADER_REWRITE_START;
        h->placed = h->soft = false;
        h->held = 0;
        h->crs = h->removed = 0;
}

static int put(struct header_rewrite *h, const char *data, size_t len)
{
        return len ? h->put(h->userdata, data, len) : 0;
}

/* Ours, before the first line that stays. If that line goes on with another that is not there, it would become a part
 * of ours: then a field of its own takes it up. */
static int place(struct header_rewrite *h, char first)
{
        int r;

        if (h->placed)
                return 0;
        h->placed = true;
        r = put(h, h->field, h->field_len);
        if (r >= 0 && h->field_len && (first == ' ' || first == '\t'))
                r = h->crlf ? put(h, "X-Sekimori-Orphan:\r\n", 20) : put(h, "X-Sekimori-Orphan:\n", 19);
        return r;
}

static int put_held(struct header_rewrite *h)
{
        int r = 0;

        for (; h->crs && r >= 0; h->crs--)
                r = put(h, "\r", 1);
        if (r >= 0)
                r = put(h, h->hold, h->held);
        h->held = 0;
        return r;
}

/* In a line that stays, up to its end or a CR. Returns how many bytes were taken. */
static int pass(struct header_rewrite *h, const char *data, size_t len, size_t *ret_taken)
{
        size_t n = 0;

        while (n < len && data[n] != '\n' && data[n] != '\r')
                n++;
        if (n < len && data[n] == '\r') {
                *ret_taken = n + 1;
                h->crs = 1;
                h->state = HEADER_REWRITE_CR;
                return put(h, data, n);
        }
        if (n < len) {
                n++;
                h->state = HEADER_REWRITE_BEGIN;
                h->soft = false;
        }
        *ret_taken = n;
        return put(h, data, n);
}

/* Not what was looked for: what was held goes out, and the byte is looked at again. */
static int release(struct header_rewrite *h, char first)
{
        int r = h->soft ? 0 : place(h, first);

        h->state = HEADER_REWRITE_PASS;
        return r < 0 ? r : put_held(h);
}

static bool is_prefix(const struct header_rewrite *h, char c)
{
        char want = HEADER_REWRITE_PREFIX[h->held];

        return c == want || ((c | 0x20) == (want | 0x20) && (c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* One byte at a line's beginning, or behind a bare CR. *ret_taken is 0 when it is to be looked at again. */
static int at_begin(struct header_rewrite *h, char c, size_t *ret_taken)
{
        bool hard = !h->soft && h->held == 0;

        *ret_taken = 1;
        if (is_prefix(h, c)) {
                h->hold[h->held++] = c;
                if (h->held < PREFIX_LEN)
                        return 0;
                /* After a bare CR the line's end stays, since the line had begun before. */
                h->state = h->soft ? HEADER_REWRITE_CUT : HEADER_REWRITE_DROP;
                h->held = 0;
                h->crs = 0;
                h->removed++;
                return 0;
        }
        if (hard && c == '\r') {
                h->crs++;
                return 0;
        }
        if (hard && c == '\n') {
                int r = place(h, c);

                h->state = h->crs < 2 ? HEADER_REWRITE_BODY : HEADER_REWRITE_BEGIN;
                if (r >= 0)
                        r = put_held(h);
                return r < 0 ? r : put(h, &c, 1);
        }
        *ret_taken = 0;
        return release(h, h->crs ? '\r' : h->held ? h->hold[0] : c);
}

static int behind_cr(struct header_rewrite *h, char c, size_t *ret_taken)
{
        *ret_taken = c == '\n' || c == '\r';
        if (c == '\r')
                return put(h, "\r", 1);
        h->state = HEADER_REWRITE_BEGIN;
        h->soft = c != '\n';
        if (h->soft)
                return 0;
        h->crs = 0;
        return put(h, "\r\n", 2);
}

static size_t drop(struct header_rewrite *h, const char *data, size_t len)
{
        const char *end = memchr(data, '\n', len);

        if (!end)
                return len;
        h->state = HEADER_REWRITE_DROPPED;
        return (size_t) (end - data) + 1;
}

/* Up to the line's end, or the next bare CR, which stay. */
static size_t cut(struct header_rewrite *h, const char *data, size_t len)
{
        size_t n = 0;

        while (n < len && data[n] != '\n' && data[n] != '\r')
                n++;
        if (n < len)
                h->state = HEADER_REWRITE_PASS;
        return n;
}

static int at_start(struct header_rewrite *h, char c, size_t *ret_taken)
{
        *ret_taken = 0;
        if (c == ENVELOPE[h->held]) {
                *ret_taken = 1;
                h->hold[h->held++] = c;
                if (ENVELOPE[h->held])
                        return 0;
                h->state = HEADER_REWRITE_ENVELOPE;
                return put_held(h);
        }
        h->soft = false;
        if (h->held)
                return release(h, h->hold[0]);
        h->state = HEADER_REWRITE_BEGIN;
        return 0;
}

static int envelope(struct header_rewrite *h, const char *data, size_t len, size_t *ret_taken)
{
        const char *end = memchr(data, '\n', len);

        *ret_taken = end ? (size_t) (end - data) + 1 : len;
        if (end) {
                h->state = HEADER_REWRITE_BEGIN;
                h->soft = false;
        }
        return put(h, data, *ret_taken);
}

static int step(struct header_rewrite *h, const char *data, size_t len, size_t *ret_taken)
{
        switch (h->state) {
        case HEADER_REWRITE_START:
                return at_start(h, *data, ret_taken);
        case HEADER_REWRITE_ENVELOPE:
                return envelope(h, data, len, ret_taken);
        case HEADER_REWRITE_BEGIN:
                return at_begin(h, *data, ret_taken);
        case HEADER_REWRITE_PASS:
                return pass(h, data, len, ret_taken);
        case HEADER_REWRITE_CR:
                return behind_cr(h, *data, ret_taken);
        case HEADER_REWRITE_DROP:
                *ret_taken = drop(h, data, len);
                return 0;
        case HEADER_REWRITE_DROPPED:
                *ret_taken = 0;
                h->state = *data == ' ' || *data == '\t' ? HEADER_REWRITE_DROP : HEADER_REWRITE_BEGIN;
                h->soft = false;
                return 0;
        case HEADER_REWRITE_CUT:
                *ret_taken = cut(h, data, len);
                return 0;
        case HEADER_REWRITE_BODY:
                *ret_taken = len;
                return put(h, data, len);
        }
        *ret_taken = len;
        return put(h, data, len);
}

int header_rewrite_push(struct header_rewrite *h, const char *data, size_t len)
{
        while (len) {
                size_t taken;
                int r = step(h, data, len, &taken);

                if (r < 0)
                        return r;
                data += taken;
                len -= taken;
        }
        return 0;
}

int header_rewrite_finish(struct header_rewrite *h)
{
        bool empty = h->state == HEADER_REWRITE_START && h->held == 0;
        int r = 0;

        /* An mbox's line without its end: what is put behind it would become part of it. */
        if (!empty && h->state != HEADER_REWRITE_ENVELOPE)
                r = place(h, h->held ? h->hold[0] : '\r');
        if (r >= 0)
                r = put_held(h);
        h->state = HEADER_REWRITE_BODY;
        return r;
}
