/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Splits an mbox into heads. A line "From " parts mails when an empty line stands before it and it carries a time and a
 * year, as all writers of mboxes have it; a body's sentence that begins so has neither. Runs in whichever process reads
 * mail. */
#include "mail/mbox.h"

static bool is_separator(const char *p, size_t len)
{
        bool time = false, year = false;

        if (len < 5 || memcmp(p, "From ", 5) != 0)
                return false;
        for (size_t i = 5; i + 5 <= len; i++) {
                if (slice_is_digit(p[i]) && slice_is_digit(p[i + 1]) && p[i + 2] == ':' && slice_is_digit(p[i + 3]) &&
                    slice_is_digit(p[i + 4]))
                        time = true;
                if (p[i] == ' ' && ((p[i + 1] == '1' && p[i + 2] == '9') || (p[i + 1] == '2' && p[i + 2] <= '1')) &&
                    slice_is_digit(p[i + 3]) && slice_is_digit(p[i + 4]))
                        year = true;
        }
        return time && year;
}

void mbox_begin(struct mbox *m, mbox_each *each, void *userdata)
{
        *m = (struct mbox){.each = each, .userdata = userdata, .head = BUF_HEAP(HEAD_MAX), .in_head = true};
}

void mbox_done(struct mbox *m)
{
        buf_done(&m->head);
}

static void tell(struct mbox *m)
{
        struct mbox_mail mail = {
                .head = buf_str(&m->head),
                .len = m->head.len,
                .cut = m->cut,
                .number = ++m->number,
                .offset = m->mail_at,
        };

        m->keep = false;
        m->each(m->userdata, &mail);
        m->in_head = false;
        m->keep = m->keep && m->whole;
        m->kept_at = mail.offset;
        if (!m->keep)
                buf_reset(&m->head);
}

/* `behind`: bytes that are no part of it any more. */
static void tell_whole(struct mbox *m, size_t behind)
{
        struct mbox_mail mail = {.head = buf_str(&m->head),
                                 .len = m->head.len - (m->cut ? 0 : MIN(behind, m->head.len)),
                                 .cut = m->cut,
                                 .number = m->number,
                                 .offset = m->kept_at};

        if (m->keep)
                m->whole(m->userdata, &mail);
        m->keep = false;
}

static void next_mail(struct mbox *m)
{
        buf_reset(&m->head);
        m->in_head = true;
        m->cut = m->after_empty = false;
        m->mail_at = m->line_at;
}

/* A part of a line; its beginning is kept, and in a head all of it. */
static void take_part(struct mbox *m, const char *p, size_t len)
{
        if (m->line_len < MBOX_LINE)
                memcpy(m->line + m->line_len, p, MIN(len, MBOX_LINE - m->line_len));
        m->line_len += len;
        if ((!m->in_head && !m->keep) || m->cut)
                return;
        if (len > HEAD_MAX - m->head.len) {
                len = HEAD_MAX - m->head.len;
                m->cut = true;
        }
        if (buf_put(&m->head, p, len) < 0)
                m->cut = true;
}

static void end_line(struct mbox *m)
{
        size_t kept = MIN(m->line_len, (size_t) MBOX_LINE);
        bool empty = m->line_len == 1 || (m->line_len == 2 && m->line[0] == '\r');
        bool first = !m->begun;

        m->begun = true;
        if (first && kept >= 5 && memcmp(m->line, "From ", 5) == 0) {
                m->many = true;
                next_mail(m);
        } else if (m->many && !m->in_head && m->after_empty && is_separator(m->line, kept)) {
                tell_whole(m, m->line_len);
                next_mail(m);
        } else if (m->in_head && empty) {
                tell(m);
                m->after_empty = true;
        } else {
                m->after_empty = empty;
        }
        m->line_len = 0;
}

bool mbox_push(struct mbox *m, const char *data, size_t len)
{
        const char *end = data + len;

        while (data < end && (m->in_head || m->many || m->keep)) {
                const char *newline = memchr(data, '\n', (size_t) (end - data));
                const char *stop = newline ? newline + 1 : end;

                if (m->line_len == 0)
                        m->line_at = m->offset;
                take_part(m, data, (size_t) (stop - data));
                m->offset += (uint64_t) (stop - data);
                data = stop;
                if (newline)
                        end_line(m);
        }
        return m->in_head || m->many || m->keep;
}

void mbox_finish(struct mbox *m)
{
        if (m->line_len)
                end_line(m);
        if (m->in_head && m->head.len)
                tell(m);
        tell_whole(m, 0);
}

bool mbox_recognise(const char *data, size_t len)
{
        size_t n = 0;

        if (len >= 5 && (memcmp(data, "From ", 5) == 0 || memcmp(data, ">From", 5) == 0))
                return true;
        while (n < len && data[n] > 32 && data[n] < 127 && data[n] != ':')
                n++;
        if (n == 0 || n > 77 || n == len)
                return false;
        while (n < len && (data[n] == ' ' || data[n] == '\t'))
                n++;
        return n < len && data[n] == ':';
}
