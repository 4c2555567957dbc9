/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is at home. Asked for every new flow, so the answer for IPv4 is a few compares. */
#include "config/home.h"

#include <errno.h>

struct home {
        size_t n;
        struct cidr nets[];
};

int home_new(const struct config_cidrs *nets, struct home **ret)
{
        struct home *h = calloc(1, sizeof(*h) + nets->n * sizeof(h->nets[0]));

        if (!h)
                return -ENOMEM;
        h->n = nets->n;
        if (nets->n)
                memcpy(h->nets, nets->items, nets->n * sizeof(h->nets[0]));
        *ret = h;
        return 0;
}

void home_free(struct home *h)
{
        free(h);
}

bool home_has(const struct home *h, const struct addr *a)
{
        for (size_t i = 0; i < h->n; i++)
                if (cidr_contains(&h->nets[i], a))
                        return true;
        return false;
}

enum home_side home_side(const struct home *h, const struct addr *src, const struct addr *dst)
{
        return (home_has(h, src) ? HOME_SRC : HOME_NONE) | (home_has(h, dst) ? HOME_DST : HOME_NONE);
}

struct addr home_host(const struct addr *a)
{
        struct addr host = *a;

        if (!addr_is_v4(a))
                memset(host.b + 8, 0, 8);
        return host;
}
