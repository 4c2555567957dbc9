/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses of mail headers. The tables are IANA's special-purpose registries (RFC 6890 and its successors) and its
 * list of IPv6 global unicast assignments; all of IPv4 unicast is assigned since 2011, so that nothing more can be said
 * of it. Runs in whichever process reads mail. */
#include "mail/address.h"

#include <errno.h>

#include "base/cleanup.h"

struct range {
        struct cidr net;
        enum address_kind kind;
        const char *purpose;
};

#define V4(a, b, c, d, n)                                                                                              \
        {                                                                                                              \
                {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}}, 96 + (n)                                     \
        }
#define V6(a, b, c, d, n)                                                                                              \
        {                                                                                                              \
                {{(a) >> 8, (a) &0xff, (b) >> 8, (b) &0xff, (c) >> 8, (c) &0xff, (d) >> 8, (d) &0xff}}, n              \
        }

/* The first that fits counts. */
static const struct range special[] = {
        {V4(10, 0, 0, 0, 8), ADDRESS_PRIVATE, "private networks"},
        {V4(127, 0, 0, 0, 8), ADDRESS_LOOPBACK, "the machine itself"},
        {V4(192, 168, 0, 0, 16), ADDRESS_PRIVATE, "private networks"},
        {V4(172, 16, 0, 0, 12), ADDRESS_PRIVATE, "private networks"},
        {V4(169, 254, 0, 0, 16), ADDRESS_LINK_LOCAL, "a single link"},
        {V4(100, 64, 0, 0, 10), ADDRESS_SHARED, "a provider's inner network"},
        {V4(0, 0, 0, 0, 8), ADDRESS_RESERVED, "\"this network\""},
        {V4(192, 0, 0, 0, 24), ADDRESS_RESERVED, "protocol assignments"},
        {V4(192, 0, 2, 0, 24), ADDRESS_RESERVED, "documentation"},
        {V4(192, 88, 99, 0, 24), ADDRESS_RESERVED, "6to4 relays"},
        {V4(198, 18, 0, 0, 15), ADDRESS_RESERVED, "benchmarks"},
        {V4(198, 51, 100, 0, 24), ADDRESS_RESERVED, "documentation"},
        {V4(203, 0, 113, 0, 24), ADDRESS_RESERVED, "documentation"},
        {V4(224, 0, 0, 0, 4), ADDRESS_RESERVED, "multicast"},
        {V4(255, 255, 255, 255, 32), ADDRESS_RESERVED, "broadcast"},
        {V4(240, 0, 0, 0, 4), ADDRESS_RESERVED, "future use"},
};

static const struct range special6[] = {
        {V6(0, 0, 0, 0, 127), ADDRESS_LOOPBACK, "the machine itself"}, /* ::1, and :: which nobody can have */
        {V6(0xfc00, 0, 0, 0, 7), ADDRESS_PRIVATE, "private networks"},
        {V6(0xfe80, 0, 0, 0, 10), ADDRESS_LINK_LOCAL, "a single link"},
        {V6(0xff00, 0, 0, 0, 8), ADDRESS_RESERVED, "multicast"},
        {V6(0x0064, 0xff9b, 0, 0, 32), ADDRESS_GLOBAL, NULL}, /* NAT64: stands for an IPv4 address */
        {V6(0x0100, 0, 0, 0, 64), ADDRESS_RESERVED, "packets to be dropped"},
        {V6(0x2001, 0x0db8, 0, 0, 32), ADDRESS_RESERVED, "documentation"},
        {V6(0x2001, 0x0002, 0, 0, 48), ADDRESS_RESERVED, "benchmarks"},
        {V6(0x2001, 0x0010, 0, 0, 28), ADDRESS_RESERVED, "ORCHID"},
        {V6(0x2001, 0x0020, 0, 0, 28), ADDRESS_RESERVED, "ORCHID"},
        {V6(0x3fff, 0, 0, 0, 20), ADDRESS_RESERVED, "documentation"},
        {V6(0x5f00, 0, 0, 0, 16), ADDRESS_RESERVED, "segment routing"},
};

/* ipv6-unicast-address-assignments, neighbours joined. */
static const struct cidr assigned[] = {
        V6(0x2001, 0x0000, 0, 0, 23), V6(0x2001, 0x0200, 0, 0, 23), V6(0x2001, 0x0400, 0, 0, 22),
        V6(0x2001, 0x0800, 0, 0, 21), V6(0x2001, 0x1200, 0, 0, 23), V6(0x2001, 0x1400, 0, 0, 22),
        V6(0x2001, 0x1800, 0, 0, 21), V6(0x2001, 0x2000, 0, 0, 19), V6(0x2001, 0x4000, 0, 0, 21),
        V6(0x2001, 0x4800, 0, 0, 22), V6(0x2001, 0x4c00, 0, 0, 23), V6(0x2001, 0x5000, 0, 0, 20),
        V6(0x2001, 0x8000, 0, 0, 18), V6(0x2002, 0, 0, 0, 16),      V6(0x2003, 0, 0, 0, 18),
        V6(0x2400, 0, 0, 0, 11),      V6(0x2600, 0, 0, 0, 12),      V6(0x2610, 0, 0, 0, 23),
        V6(0x2620, 0, 0, 0, 23),      V6(0x2630, 0, 0, 0, 12),      V6(0x2800, 0, 0, 0, 12),
        V6(0x2a00, 0, 0, 0, 11),      V6(0x2c00, 0, 0, 0, 12),
};

static const char *read_octet(const char *p, const char *end, unsigned *ret)
{
        unsigned n = 0, v = 0;

        while (p < end && slice_is_digit(*p) && n < 4) {
                v = v * 10 + (unsigned) (*p++ - '0');
                n++;
        }
        if (n == 0 || n > 3 || (n > 1 && p[-(int) n] == '0'))
                return NULL;
        *ret = v;
        return p;
}

static const char *read_port(const char *p, const char *end, uint16_t *ret)
{
        unsigned v = 0, n = 0;

        while (p < end && slice_is_digit(*p) && n < 6) {
                v = v * 10 + (unsigned) (*p++ - '0');
                n++;
        }
        if (n == 0 || v > 65535)
                return NULL;
        *ret = (uint16_t) v;
        return p;
}

static int read_v4(struct slice text, struct addr *ret, uint16_t *ret_port)
{
        const char *p = text.p, *end = slice_end(text);
        uint16_t port = 0;
        struct addr a = addr_from_v4(0);

        for (unsigned i = 0; i < 4; i++) {
                unsigned v;

                if (i && (p == end || *p++ != '.'))
                        return -EINVAL;
                p = read_octet(p, end, &v);
                if (!p || v > 255)
                        return -EINVAL;
                a.b[12 + i] = (uint8_t) v;
        }
        if (p < end && (*p == ':' || *p == '.') && !(p = read_port(p + 1, end, &port)))
                return -EINVAL;
        if (p != end)
                return -EINVAL;
        *ret = a;
        *ret_port = port;
        return 0;
}

int address_read(struct slice text, struct addr *ret, uint16_t *ret_port)
{
        char copy[ADDRESS_TEXT_MAX];
        const char *zone;
        bool named;

        if (text.len == 0)
                return -EINVAL;
        if (slice_is_digit(text.p[0]) && read_v4(text, ret, ret_port) == 0)
                return 0;
        named = slice_begins(text, "IPv6:");
        if (named)
                text = slice_skip(text, 5);
        zone = memchr(text.p, '%', text.len);
        if (zone)
                text = slice_from(text.p, zone);
        if (text.len < 2 || text.len >= sizeof(copy) || !memchr(text.p, ':', text.len) || memchr(text.p, 0, text.len))
                return -EINVAL;
        memcpy(copy, text.p, text.len);
        copy[text.len] = '\0';
        if (addr_parse(copy, ret) < 0)
                return -EINVAL;
        *ret_port = 0;
        return 0;
}

bool address_is_impossible(struct slice text)
{
        const char *p = text.p, *end = slice_end(text);
        bool over = false;

        for (unsigned i = 0; i < 4; i++) {
                unsigned v = 0, n = 0;

                if (i && (p == end || *p++ != '.'))
                        return false;
                for (; p < end && slice_is_digit(*p) && n < 4; n++)
                        v = v * 10 + (unsigned) (*p++ - '0');
                if (n == 0 || n > 3)
                        return false;
                over = over || v > 255;
        }
        return over && p == end;
}

static const struct range *find_range(const struct addr *a)
{
        bool v4 = addr_is_v4(a);
        const struct range *table = v4 ? special : special6;
        size_t n = v4 ? ELEMENTSOF(special) : ELEMENTSOF(special6);

        for (size_t i = 0; i < n; i++)
                if (cidr_contains(&table[i].net, a))
                        return &table[i];
        return NULL;
}

static bool is_assigned(const struct addr *a)
{
        for (size_t i = 0; i < ELEMENTSOF(assigned); i++)
                if (cidr_contains(&assigned[i], a))
                        return true;
        return false;
}

enum address_kind address_kind_of(const struct addr *a)
{
        const struct range *r = find_range(a);

        if (r)
                return r->kind;
        return addr_is_v4(a) || is_assigned(a) ? ADDRESS_GLOBAL : ADDRESS_UNASSIGNED;
}

const char *address_purpose(const struct addr *a)
{
        const struct range *r = find_range(a);

        if (r)
                return r->purpose;
        return addr_is_v4(a) || is_assigned(a) ? NULL : "nobody yet";
}
