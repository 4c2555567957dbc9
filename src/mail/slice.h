/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pieces of a mail's head: comparing, trimming and cutting slices of outside bytes. Letters are compared without regard
 * to case, as header fields want it. Used by the parsers of this stage, in whichever process reads mail. */
#ifndef SEKIMORI_MAIL_SLICE_H
#define SEKIMORI_MAIL_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <strings.h>

#include "model/event.h"

static inline struct slice slice_from(const char *begin, const char *end)
{
        return (struct slice){begin, (uint32_t) (end - begin)};
}

static inline const char *slice_end(struct slice s)
{
        return s.len ? s.p + s.len : s.p; /* p may be NULL */
}

static inline bool slice_is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static inline bool slice_is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static inline bool slice_is_alnum(char c)
{
        return slice_is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static inline struct slice slice_trim(struct slice s)
{
        while (s.len && slice_is_space(s.p[0])) {
                s.p++;
                s.len--;
        }
        while (s.len && slice_is_space(s.p[s.len - 1]))
                s.len--;
        return s;
}

static inline struct slice slice_skip(struct slice s, size_t n)
{
        return (struct slice){s.p + n, s.len - (uint32_t) n};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
        return a.len == b.len && (a.len == 0 || strncasecmp(a.p, b.p, a.len) == 0);
}

static inline bool slice_is_n(struct slice s, const char *word, size_t n)
{
        return s.len == n && strncasecmp(s.p, word, n) == 0;
}

static inline bool slice_begins_n(struct slice s, const char *word, size_t n)
{
        return s.len >= n && strncasecmp(s.p, word, n) == 0;
}

/* `word` is a string literal. */
#define slice_is(s, word)     slice_is_n((s), "" word, sizeof(word) - 1)
#define slice_begins(s, word) slice_begins_n((s), "" word, sizeof(word) - 1)

/* Where `c` stands last, or NULL. */
static inline const char *slice_last(struct slice s, char c)
{
        return s.len ? memrchr(s.p, c, s.len) : NULL;
}

#endif
