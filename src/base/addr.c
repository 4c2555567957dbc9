/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IP addresses and networks in one 16-byte form. */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

static const uint8_t v4_prefix[12] = {[10] = 0xff, [11] = 0xff};

struct addr addr_from_v4(uint32_t network_order)
{
        struct addr a;

        memcpy(a.b, v4_prefix, sizeof(v4_prefix));
        memcpy(a.b + 12, &network_order, 4);
        return a;
}

bool addr_is_v4(const struct addr *a)
{
        return memcmp(a->b, v4_prefix, sizeof(v4_prefix)) == 0;
}

bool addr_is_unspecified(const struct addr *a)
{
        static const uint8_t zero[16];

        return memcmp(a->b, zero, 16) == 0 || (addr_is_v4(a) && memcmp(a->b + 12, zero, 4) == 0);
}

bool addr_is_loopback(const struct addr *a)
{
        static const uint8_t one[16] = {[15] = 1};

        return memcmp(a->b, one, 16) == 0 || (addr_is_v4(a) && a->b[12] == 127);
}

bool addr_is_link_local(const struct addr *a)
{
        if (addr_is_v4(a))
                return a->b[12] == 169 && a->b[13] == 254;
        return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

bool addr_is_multicast(const struct addr *a)
{
        static const uint8_t broadcast[4] = {255, 255, 255, 255};

        if (addr_is_v4(a))
                return (a->b[12] & 0xf0) == 0xe0 || memcmp(a->b + 12, broadcast, 4) == 0;
        return a->b[0] == 0xff;
}

/* inet_ntop() goes through printf(), and every event has two or four of these. */
static void format_v4(const uint8_t b[static 4], char *to)
{
        for (unsigned i = 0; i < 4; i++) {
                if (b[i] >= 100)
                        *to++ = (char) ('0' + b[i] / 100);
                if (b[i] >= 10)
                        *to++ = (char) ('0' + b[i] / 10 % 10);
                *to++ = (char) ('0' + b[i] % 10);
                *to++ = i < 3 ? '.' : '\0';
        }
}

const char *addr_format(const struct addr *a, char text[static ADDR_TEXT_MAX])
{
        if (addr_is_v4(a))
                format_v4(a->b + 12, text);
        else
                (void) inet_ntop(AF_INET6, a->b, text, ADDR_TEXT_MAX);
        return text;
}

int addr_parse(const char *text, struct addr *ret)
{
        struct in_addr v4;
        struct in6_addr v6;

        if (inet_pton(AF_INET, text, &v4) == 1) {
                *ret = addr_from_v4(v4.s_addr);
                return 0;
        }
        if (inet_pton(AF_INET6, text, &v6) != 1)
                return -EINVAL;
        memcpy(ret->b, &v6, 16);
        return 0;
}

int cidr_parse(const char *text, struct cidr *ret)
{
        char host[ADDR_TEXT_MAX];
        const char *slash = strchr(text, '/');
        size_t n = slash ? (size_t) (slash - text) : strlen(text);
        unsigned long bits = 128;
        struct addr base;
        bool v4;

        if (n >= sizeof(host))
                return -EINVAL;
        memcpy(host, text, n);
        host[n] = '\0';
        if (addr_parse(host, &base) < 0)
                return -EINVAL;
        v4 = strchr(host, ':') == NULL;
        if (slash) {
                char *end;

                if (slash[1] < '0' || slash[1] > '9')
                        return -EINVAL;
                bits = strtoul(slash + 1, &end, 10);
                if (*end || bits > (v4 ? 32 : 128))
                        return -EINVAL;
                bits += v4 ? 96 : 0;
        }
        ret->base = base;
        ret->bits = (uint8_t) bits;
        return 0;
}

bool cidr_contains(const struct cidr *net, const struct addr *a)
{
        unsigned whole = net->bits / 8, rest = net->bits % 8;

        if (memcmp(net->base.b, a->b, whole) != 0)
                return false;
        return rest == 0 || ((net->base.b[whole] ^ a->b[whole]) & (uint8_t) (0xff << (8 - rest))) == 0;
}
