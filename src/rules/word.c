/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Slices taken apart. Every step is linear in what it looks at. Runs where rules are read. */
#include "rules/word.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static bool is_space(char c)
{
        return c == ' ' || (c >= '\t' && c <= '\r');
}

struct slice word_of(const char *text)
{
        return (struct slice){text, (uint32_t) strlen(text)};
}

struct slice word_trim(struct slice s)
{
        while (s.len && is_space(s.p[0])) {
                s.p++;
                s.len--;
        }
        while (s.len && is_space(s.p[s.len - 1]))
                s.len--;
        return s;
}

bool word_next(struct slice *rest, char separator, struct slice *ret)
{
        const char *end;
        struct slice piece = *rest;

        if (!rest->p)
                return false;
        end = piece.len ? memchr(piece.p, separator, piece.len) : NULL;
        if (end) {
                piece.len = (uint32_t) (end - piece.p);
                rest->p = end + 1;
                rest->len -= piece.len + 1;
        } else
                *rest = (struct slice){0};
        *ret = word_trim(piece);
        return true;
}

struct slice word_first(struct slice s, struct slice *rest)
{
        struct slice first = word_trim(s);
        uint32_t n = 0;

        *rest = (struct slice){0};
        if (!first.p)
                return first;
        while (n < first.len && !is_space(first.p[n]))
                n++;
        *rest = word_trim((struct slice){first.p + n, first.len - n});
        first.len = n;
        return first;
}

bool word_is(struct slice s, const char *text)
{
        return s.len == strlen(text) && strncasecmp(s.p, text, s.len) == 0;
}

bool word_equal(struct slice a, struct slice b)
{
        return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static unsigned digit(char c)
{
        if (c >= '0' && c <= '9')
                return (unsigned) (c - '0');
        if (c >= 'a' && c <= 'f')
                return (unsigned) (c - 'a') + 10;
        if (c >= 'A' && c <= 'F')
                return (unsigned) (c - 'A') + 10;
        return 16;
}

int word_number(struct slice s, unsigned base, uint64_t max, uint64_t *ret)
{
        uint64_t n = 0;

        if ((base == 0 || base == 16) && s.len > 2 && s.p[0] == '0' && (s.p[1] == 'x' || s.p[1] == 'X')) {
                s.p += 2;
                s.len -= 2;
                base = 16;
        }
        if (base == 0)
                base = 10;
        if (s.len == 0)
                return -EINVAL;
        for (uint32_t i = 0; i < s.len; i++) {
                unsigned d = digit(s.p[i]);

                if (d >= base)
                        return -EINVAL;
                if (__builtin_mul_overflow(n, base, &n) || __builtin_add_overflow(n, d, &n))
                        return -ERANGE;
        }
        if (n > max)
                return -ERANGE;
        *ret = n;
        return 0;
}

int word_signed(struct slice s, int64_t min, int64_t max, int64_t *ret)
{
        bool minus = s.len && s.p[0] == '-';
        uint64_t n;
        int r;

        if (s.len && (minus || s.p[0] == '+')) {
                s.p++;
                s.len--;
        }
        r = word_number(s, 0, INT64_MAX, &n);
        if (r < 0)
                return r;
        if (minus ? -(int64_t) n < min : (int64_t) n > max)
                return -ERANGE;
        if (minus ? -(int64_t) n > max : (int64_t) n < min)
                return -ERANGE;
        *ret = minus ? -(int64_t) n : (int64_t) n;
        return 0;
}

bool word_is_name(struct slice s)
{
        for (uint32_t i = 0; i < s.len; i++) {
                char c = s.p[i];

                if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                      c == '-' || c == '.'))
                        return false;
        }
        return s.len > 0;
}
