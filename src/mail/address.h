/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses as mail headers write them, and what the registries say of an address: may it stand on the Internet at all?
 * Pure; in whichever process reads mail. */
#ifndef SEKIMORI_MAIL_ADDRESS_H
#define SEKIMORI_MAIL_ADDRESS_H

#include "base/addr.h"
#include "mail/slice.h"

#define ADDRESS_TEXT_MAX 80 /* "IPv6:", an IPv6 address, a zone ("%eth0"), a port */

/* "192.0.2.1", "192.0.2.1:25", "192.0.2.1.25" (Exim 3: a fifth number is the port), "IPv6:2001:db8::1",
 * "::ffff:192.0.2.1", "fe80::1%12". Numbers of IPv4 have no leading zero, since some read those as octal. *ret_port is
 * 0 when there is none. 0, or -EINVAL. */
int address_read(struct slice text, struct addr *ret, uint16_t *ret_port);

/* What a text is that looks like an IPv4 address and is none: four numbers, one of them too large. */
bool address_is_impossible(struct slice text);

enum address_kind {
        ADDRESS_GLOBAL,
        ADDRESS_LOOPBACK,
        ADDRESS_PRIVATE,    /* RFC 1918, fc00::/7 */
        ADDRESS_LINK_LOCAL, /* 169.254/16, fe80::/10 */
        ADDRESS_SHARED,     /* 100.64/10, between a provider and its customers */
        ADDRESS_RESERVED,   /* no host has it: 0/8, 240/4, documentation, benchmarks, multicast, ... */
        ADDRESS_UNASSIGNED, /* IPv6 that nobody was given yet */
};

enum address_kind address_kind_of(const struct addr *a);
/* What it is reserved for, in words ("documentation"); NULL for global addresses. */
const char *address_purpose(const struct addr *a);

#endif
