/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Networks as sorted ranges that do not overlap: one binary search a question. Runs in whichever process reads mail. */
#include "mail/netlist.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

struct range {
        struct addr first, last;
};

struct netlist {
        struct range *ranges;
        size_t n, size;
};

int netlist_new(struct netlist **ret)
{
        struct netlist *l = calloc(1, sizeof(*l));

        if (!l)
                return -ENOMEM;
        *ret = l;
        return 0;
}

void netlist_free(struct netlist *l)
{
        if (!l)
                return;
        free(l->ranges);
        free(l);
}

static struct range range_of(const struct cidr *net)
{
        struct range r = {net->base, net->base};

        for (unsigned bit = net->bits; bit < 128; bit++) {
                uint8_t mask = (uint8_t) (0x80 >> bit % 8);

                r.first.b[bit / 8] &= (uint8_t) ~mask;
                r.last.b[bit / 8] |= mask;
        }
        return r;
}

int netlist_add(struct netlist *l, const struct cidr *net)
{
        if (l->n == l->size) {
                size_t size = l->size ? l->size * 2 : 16;
                struct range *bigger;

                if (l->n >= NETLIST_MAX)
                        return -E2BIG;
                bigger = realloc(l->ranges, MIN(size, NETLIST_MAX) * sizeof(*bigger));
                if (!bigger)
                        return -ENOMEM;
                l->ranges = bigger;
                l->size = MIN(size, NETLIST_MAX);
        }
        l->ranges[l->n++] = range_of(net);
        return 0;
}

/* 1: a network; 0: nothing but a comment; -EINVAL. */
static int parse_line(const char *p, size_t len, struct cidr *ret)
{
        char text[ADDR_TEXT_MAX + 4];
        size_t n = 0;

        for (; n < len && p[n] != '#' && p[n] != ';'; n++)
                ;
        while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t' || p[n - 1] == '\r'))
                n--;
        for (; n > 0 && (*p == ' ' || *p == '\t'); n--)
                p++;
        if (n == 0)
                return 0;
        if (n >= sizeof(text) || memchr(p, 0, n))
                return -EINVAL;
        memcpy(text, p, n);
        text[n] = 0;
        return cidr_parse(text, ret) < 0 ? -EINVAL : 1;
}

int netlist_add_text(struct netlist *l, const char *text, size_t len, struct buf *why, unsigned *ret_bad)
{
        const char *at = text, *end = text + len;
        unsigned line = 0, bad = 0;

        while (at < end) {
                const char *newline = memchr(at, '\n', (size_t) (end - at));
                struct cidr net;
                int r = parse_line(at, (size_t) ((newline ? newline : end) - at), &net);

                line++;
                if (r > 0)
                        r = netlist_add(l, &net);
                if (r < 0 && r != -EINVAL)
                        return r;
                if (r < 0 && bad++ == 0 && why)
                        buf_printf(why, "line %u is no network", line);
                at = newline ? newline + 1 : end;
        }
        if (ret_bad)
                *ret_bad = bad;
        return 0;
}

int netlist_load(struct netlist *l, const char *path, struct buf *why, unsigned *ret_bad)
{
        _cleanup_free_ char *text = NULL;
        size_t len;
        int r = file_read(path, NETLIST_TEXT_MAX, &text, &len);

        return r < 0 ? r : netlist_add_text(l, text, len, why, ret_bad);
}

/* --- ranges --- */

static int compare(const void *a, const void *b)
{
        const struct range *x = a, *y = b;
        int c = memcmp(&x->first, &y->first, sizeof(x->first));

        return c ? c : memcmp(&x->last, &y->last, sizeof(x->last));
}

void netlist_ready(struct netlist *l)
{
        size_t n = 0;

        if (l->n == 0)
                return;
        qsort(l->ranges, l->n, sizeof(*l->ranges), compare);
        for (size_t i = 1; i < l->n; i++) {
                struct range *kept = &l->ranges[n], *next = &l->ranges[i];

                if (memcmp(&next->first, &kept->last, sizeof(next->first)) > 0)
                        l->ranges[++n] = *next;
                else if (memcmp(&next->last, &kept->last, sizeof(next->last)) > 0)
                        kept->last = next->last;
        }
        l->n = n + 1;
}

bool netlist_has(const struct netlist *l, const struct addr *a)
{
        size_t low = 0, high = l ? l->n : 0;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (memcmp(a, &l->ranges[middle].first, sizeof(*a)) < 0)
                        high = middle;
                else if (memcmp(a, &l->ranges[middle].last, sizeof(*a)) > 0)
                        low = middle + 1;
                else
                        return true;
        }
        return false;
}

size_t netlist_count(const struct netlist *l)
{
        return l->n;
}
