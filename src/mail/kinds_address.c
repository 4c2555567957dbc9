/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses in names: decimal octets in either order ("83-70-48-2", "4.3.2.1.pool", "082083139045"), hex ("p50894de7"),
 * groups of IPv6. Runs where mail/kinds.h says. */
#include <string.h>

#include "mail/kinds_internal.h"

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c |= 0x20;
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* --- IPv4 --- */

/* Numbers that stand in a row, as in "dsl-082-083-139-045": the last four, newest last. */
struct row {
        unsigned v[4];
        unsigned n;
};

static void row_add(struct row *r, unsigned v)
{
        memmove(r->v, r->v + 1, 3 * sizeof(r->v[0]));
        r->v[3] = v;
        r->n += r->n < 4;
}

/* The last two numbers are octets that stand beside each other in the address, one of them the last or last but one:
 * the first two say only which provider it is. */
static bool row_fits(const struct row *r, const uint8_t *v4)
{
        unsigned a = r->v[2], b = r->v[3];

        if (r->n < 2)
                return false;
        for (unsigned i = 1; i < 3; i++)
                if ((a == v4[i] && b == v4[i + 1]) || (b == v4[i] && a == v4[i + 1]))
                        return a != b || r->n >= 3 || a > 9; /* "1-1" fits too much */
        return false;
}

/* Octets of three digits without anything between: "082083139045", or the last two, "139045". */
static bool run_fits(const char *p, size_t n, const uint8_t *v4)
{
        struct row r = {.n = 0};

        if (n != 12 && n != 9 && n != 6)
                return false;
        for (size_t i = 0; i < n; i += 3) {
                unsigned v = (unsigned) ((p[i] - '0') * 100 + (p[i + 1] - '0') * 10 + (p[i + 2] - '0'));

                if (v > 255)
                        return false;
                row_add(&r, v);
                if (row_fits(&r, v4))
                        return true;
        }
        return false;
}

static bool decimal_in(struct slice t, const uint8_t *v4)
{
        struct row r = {.n = 0};
        uint32_t i = 0;

        while (i < t.len) {
                uint32_t begin = i;
                unsigned v = 0;

                while (i < t.len && slice_is_digit(t.p[i])) {
                        v = v < 1000 ? v * 10 + (unsigned) (t.p[i] - '0') : v;
                        i++;
                }
                if (i == begin) {
                        /* Numbers with words between them are no row; a letter or two is ("c66.169.197"). */
                        uint32_t gap = i;

                        while (i < t.len && !slice_is_digit(t.p[i]))
                                i++;
                        if (i - gap > 3)
                                r.n = 0;
                        continue;
                }
                if (run_fits(t.p + begin, i - begin, v4))
                        return true;
                if (v > 255) {
                        r.n = 0;
                        continue;
                }
                row_add(&r, v);
                if (row_fits(&r, v4))
                        return true;
        }
        return false;
}

static bool hex_in(struct slice t, const uint8_t *v4)
{
        uint32_t forward = 0, backward = 0, window = 0;
        unsigned n = 0;

        for (unsigned i = 0; i < 4; i++) {
                forward = forward << 8 | v4[i];
                backward = backward << 8 | v4[3 - i];
        }
        for (uint32_t i = 0; i < t.len; i++) {
                int v = hex_digit(t.p[i]);

                n = v < 0 ? 0 : n + 1;
                window = window << 4 | (uint32_t) (v < 0 ? 0 : v);
                if (n >= 8 && (window == forward || window == backward))
                        return true;
        }
        return false;
}

/* --- IPv6 --- */

/* Four groups in a row as they are written ("2001-db8-0-1"), or sixteen digits of it in a row. */
static bool groups_in(struct slice t, const uint8_t *v6)
{
        unsigned run = 0, digits = 0, v = 0, nibbles = 0, at = 0;

        for (uint32_t i = 0; i <= t.len; i++) {
                int d = i < t.len ? hex_digit(t.p[i]) : -1;

                if (d >= 0) {
                        uint8_t want = at < 32 ? (uint8_t) (v6[at / 2] >> (at % 2 ? 0 : 4) & 15) : 16;

                        v = v << 4 | (unsigned) d;
                        digits++;
                        nibbles = want == d ? nibbles + 1 : 0;
                        at = nibbles ? at + 1 : (v6[0] >> 4) == d;
                        nibbles = nibbles ? nibbles : at;
                        if (nibbles >= 16)
                                return true;
                        continue;
                }
                if (digits > 0) {
                        bool fits = false;

                        for (unsigned g = 0; g < 8 && digits <= 4; g++)
                                fits = fits || (run == g && v == (unsigned) (v6[2 * g] << 8 | v6[2 * g + 1]));
                        run = fits ? run + 1 : 0;
                        if (run >= 4)
                                return true;
                }
                digits = v = 0;
                nibbles = at = 0;
        }
        return false;
}

bool kinds_address_in(struct slice text, const struct addr *a)
{
        if (addr_is_v4(a))
                return decimal_in(text, a->b + 12) || hex_in(text, a->b + 12);
        return groups_in(text, a->b);
}
