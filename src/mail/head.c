/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Splits a mail's head into fields. Runs in whichever process reads mail. */
#include "mail/head.h"

static const char *line_end(const struct head *h, const char *p)
{
        const char *end = memchr(p, '\n', (size_t) (h->end - p));

        return end ? end + 1 : h->end;
}

static bool is_empty(const char *p, const char *end)
{
        return end - p == 1 ? *p == '\n' : end - p == 2 && p[0] == '\r' && p[1] == '\n';
}

/* The line and those that continue it. */
static const char *field_end(const struct head *h, const char *p)
{
        do
                p = line_end(h, p);
        while (p < h->end && (*p == ' ' || *p == '\t'));
        return p;
}

/* RFC 5322 3.6.8: printable letters and a colon; 4.5.3 lets spaces stand before that. */
static bool split(const char *p, const char *end, struct head_field *ret)
{
        const char *name = p;

        while (p<end && * p> 32 && *p < 127 && *p != ':')
                p++;
        if (p == name)
                return false;
        ret->name = slice_from(name, p);
        while (p < end && (*p == ' ' || *p == '\t'))
                p++;
        if (p == end || *p != ':')
                return false;
        ret->body = slice_trim(slice_from(p + 1, end));
        return true;
}

bool head_next(struct head *h, struct head_field *ret)
{
        while (h->p < h->end) {
                const char *begin = h->p, *first = line_end(h, begin);
                bool envelope = !h->begun && h->end - begin > 5 &&
                                (memcmp(begin, "From ", 5) == 0 || memcmp(begin, ">From", 5) == 0);

                if (is_empty(begin, first)) {
                        h->p = h->end;
                        return false;
                }
                h->p = envelope ? first : field_end(h, begin);
                if (envelope)
                        continue;
                h->begun = true;
                if (split(begin, h->p, ret))
                        return true;
                h->lost++;
        }
        return false;
}
