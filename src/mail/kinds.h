/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a name says of the machine that has it, or claims to: HELO kinds, reverse names that were given by the dozen,
 * and whether a mail program runs on a system. Judgements about names and nothing else: no lookups. Pure; in whichever
 * process judges relays. */
#ifndef SEKIMORI_MAIL_KINDS_H
#define SEKIMORI_MAIL_KINDS_H

#include "base/addr.h"
#include "decode/os_db.h"
#include "mail/answer.h"
#include "mail/slice.h"

/* Why a name looks as it does; bits. */
enum kinds_trait {
        KINDS_ADDRESS = 1 << 0, /* parts of the address are in it: two octets in a row or more, or all of it in hex */
        KINDS_DIAL = 1 << 1,    /* a word of access networks: dsl, pool, dyn, ppp, cable, dhcp... */
        KINDS_STATIC = 1 << 2,  /* a word of fixed addresses */
        KINDS_HOSTING = 1 << 3, /* a word of rented servers */
        KINDS_SERVER = 1 << 4,  /* a word of mail servers and other servers */
        KINDS_DIGITS = 1 << 5,  /* three digits or more before the domain */
        KINDS_NUMBER = 1 << 6,  /* five or more: a customer's number, perhaps */
};

/* `name` may be anything; address literals and bare words have no traits. */
uint32_t kinds_traits(struct slice name, const struct addr *a);
/* Was the name given by the dozen to an access network's customers? Yes, no, or unknown: static or rented ones are not
 * told from others by their name. */
enum answer kinds_dynamic(struct slice name, const struct addr *a);

enum kinds_helo {
        KINDS_HELO_NONE,    /* nothing was said, or not known */
        KINDS_HELO_LITERAL, /* its own address, in brackets or not */
        KINDS_HELO_OTHER,   /* another address */
        KINDS_HELO_BARE,    /* a word without a dot */
        KINDS_HELO_OURS,    /* the name or address of the server it spoke to */
        KINDS_HELO_JUNK,    /* no host can have such a name (RFC 1123 2.1), or nobody beyond its network */
        KINDS_HELO_REVERSE, /* its reverse name */
        KINDS_HELO_KIN,     /* within the same domain as its reverse name */
        KINDS_HELO_DYNAMIC, /* looks given by the dozen, and is not its reverse name */
        KINDS_HELO_NAME,    /* some other name */
        KINDS_HELOS,
};

struct kinds_said {
        struct slice helo, rdns; /* rdns: as the receiving server saw it; empty: none or not known */
        struct addr addr;
        struct slice by;     /* the receiving server's name */
        struct addr by_addr; /* unspecified: not known */
};

enum kinds_helo kinds_helo(const struct kinds_said *said);
const char *kinds_helo_name(unsigned kind); /* "bare" */

/* The part of a name that somebody registered: its last two labels, or three where the second level is a registry's
 * (co.uk, ne.jp, com.au). By pattern: good enough to compare two names. */
struct slice kinds_domain(struct slice name);

/* Does the mail program that the mail names run on that system? Unknown for programs that run on several or are not
 * known, and for a system that is not known. */
enum answer kinds_mailer(struct slice mailer, enum os_family family);

#endif
