/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IP addresses and networks. An address is 16 bytes; IPv4 is kept v4-mapped (::ffff:a.b.c.d, RFC 4291 2.5.5.2). */
#ifndef SEKIMORI_BASE_ADDR_H
#define SEKIMORI_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct addr {
        uint8_t b[16];
};

struct cidr {
        struct addr base;
        uint8_t bits; /* 0..128, of the 16-byte form: an IPv4 /8 is 104 */
};

#define ADDR_TEXT_MAX 46 /* INET6_ADDRSTRLEN */

struct addr addr_from_v4(uint32_t network_order);
bool addr_is_v4(const struct addr *a);
bool addr_is_unspecified(const struct addr *a); /* 0.0.0.0 or :: */
bool addr_is_loopback(const struct addr *a);    /* 127/8, ::1 */
bool addr_is_link_local(const struct addr *a);  /* 169.254/16, fe80::/10 */
bool addr_is_multicast(const struct addr *a);   /* 224/4, ff00::/8, and 255.255.255.255 */

static inline bool addr_equal(const struct addr *a, const struct addr *b)
{
        return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

/* Writes the usual text form into `text` and returns it. */
const char *addr_format(const struct addr *a, char text[static ADDR_TEXT_MAX]);
/* 0, or -EINVAL. */
int addr_parse(const char *text, struct addr *ret);

/* "10.0.0.0/8", "2001:db8::/32", or a single address. 0, or -EINVAL. */
int cidr_parse(const char *text, struct cidr *ret);
bool cidr_contains(const struct cidr *net, const struct addr *a);

#endif
