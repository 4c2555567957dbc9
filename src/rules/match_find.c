/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking for one content in bytes. The prefilter has looked already: what comes here has a good chance to match, so
 * that short searches count. Runs in the engine and in `read`. */
#include "rules/match_internal.h"

#include <string.h>

#include "rules/prefilter_internal.h"

/* So many places in vain, and one more for so many bytes, until memmem() goes on: its time does not depend on data. */
#define IN_VAIN       16
#define IN_VAIN_BYTES 64
/* Of a content so many bytes may be the one that is looked for. */
#define RARE_OF 32

static inline uint8_t lower(uint8_t b)
{
        return b >= 'A' && b <= 'Z' ? b | 0x20 : b;
}

static inline uint8_t upper(uint8_t b)
{
        return b >= 'a' && b <= 'z' ? b & 0xdf : b;
}

bool match_same(const struct rule_content *c, bool nocase, const uint8_t *at)
{
        if (!nocase)
                return memcmp(at, c->bytes, c->len) == 0;
        for (unsigned i = 0; i < c->len; i++)
                if (lower(at[i]) != lower(c->bytes[i]))
                        return false;
        return true;
}

/* The nearest of both cases of a byte. The one not found again and again would be looked for again and again: where it
 * was seen last is kept. */
struct cases {
        const uint8_t *seen[2];
        uint8_t byte[2];
};

static const uint8_t *next_of(struct cases *c, const uint8_t *p, const uint8_t *end)
{
        for (unsigned i = 0; i < 2; i++)
                if (c->seen[i] < p) {
                        const uint8_t *q =
                                c->byte[i] == c->byte[0] && i ? end : memchr(p, c->byte[i], (size_t) (end - p));

                        c->seen[i] = q ? q : end;
                }
        return MIN(c->seen[0], c->seen[1]);
}

static int64_t find_nocase(const struct rule_content *c, const uint8_t *data, int64_t from, int64_t to)
{
        struct cases cases = {.byte = {lower(c->bytes[0]), upper(c->bytes[0])}};
        const uint8_t *end = data + to - c->len + 1, *p = data + from;

        cases.seen[0] = cases.seen[1] = NULL;
        while ((p = next_of(&cases, p, end)) < end) {
                if (match_same(c, true, p))
                        return p - data;
                p++;
        }
        return -1;
}

/* The byte of the content that is rarest in traffic. */
static unsigned rarest(const struct rule_content *c)
{
        unsigned best = 0;
        uint8_t most = 0;

        for (unsigned i = 0; i < MIN(c->len, RARE_OF); i++) {
                uint8_t bits = prefilter_byte_bits[prefilter_byte_class[c->bytes[i]]];

                if (bits > most) {
                        most = bits;
                        best = i;
                }
        }
        return best;
}

/* memchr() for a rare byte goes over thirty bytes while memmem() goes over one. */
static const uint8_t *find_exact(const struct rule_content *c, const uint8_t *from, const uint8_t *to)
{
        unsigned rare = rarest(c);
        const uint8_t *p = from + rare, *end = to - c->len + rare + 1;
        int64_t left = IN_VAIN + (to - from) / IN_VAIN_BYTES;

        for (; left > 0; left--) {
                p = memchr(p, c->bytes[rare], (size_t) (end - p));
                if (!p)
                        return NULL;
                if (memcmp(p - rare, c->bytes, c->len) == 0)
                        return p - rare;
                p++;
        }
        p -= rare;
        return memmem(p, (size_t) (to - p), c->bytes, c->len);
}

int64_t match_find(const struct rule_content *c, bool nocase, const uint8_t *data, int64_t from, int64_t to)
{
        const uint8_t *p;

        if (c->len == 0)
                return from <= to ? from : -1;
        if (to - from < c->len)
                return -1;
        if (nocase)
                return find_nocase(c, data, from, to);
        p = find_exact(c, data + from, data + to);
        return p ? p - data : -1;
}
