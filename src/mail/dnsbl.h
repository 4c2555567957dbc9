/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Block lists that are asked by DNS (RFC 5782): their names, what their answers mean, and which answers are none. None
 * is asked unless it is configured. Pure; in whichever process judges relays. */
#ifndef SEKIMORI_MAIL_DNSBL_H
#define SEKIMORI_MAIL_DNSBL_H

#include "base/addr.h"
#include "base/buf.h"
#include "mail/answer.h"

#define DNSBL_ZONE_MAX 128 /* a reversed IPv6 address takes 64 of a name's 253 bytes */
#define DNSBL_NAME_MAX 254

/* What a listing says of an address; bits. */
enum dnsbl_meaning {
        DNSBL_EXPLOITED = 1 << 0, /* infected, or taken over: it behaves as bots do */
        DNSBL_PROXY = 1 << 1,     /* an open proxy */
        DNSBL_POLICY = 1 << 2,    /* an end-user's address, which should not send mail by itself */
        DNSBL_SPAM = 1 << 3,      /* sends spam, for whatever reason */
        DNSBL_ACCOUNT = 1 << 4,   /* tries stolen passwords on mail servers */
        DNSBL_OTHER = 1 << 5,     /* listed, and the list does not say what for */
};
#define DNSBL_MEANINGS 6

struct dnsbl {
        char zone[DNSBL_ZONE_MAX];
        uint32_t meaning; /* of a list that is not in our table: what a listing means; else 0 */
        const struct dnsbl_codes *codes;
        bool unchecked; /* it has no test entries (RFC 5782 5): believed as it is */
};

/* "zen.spamhaus.org": a list of our table, or one whose listings mean DNSBL_OTHER. "bl.example.net=exploited,proxy":
 * what they mean. "!bl.example.net": has no test entries. 0, or -EINVAL. */
int dnsbl_parse(const char *text, struct dnsbl *ret);

/* "2.0.0.127.zone", or nibbles for IPv6. Always fits. */
void dnsbl_name(const struct dnsbl *l, const struct addr *a, char ret[static DNSBL_NAME_MAX]);

/* What the addresses of an answer say; none: not listed. Anything beyond 127.0.0.0/8, 127.0.0.1 and 127.255.255.0/24 is
 * no listing but an error, a resolver's own page or a list that has died: unknown, as is an answer with one of them. */
enum answer dnsbl_judge(const struct dnsbl *l, const struct addr *answers, unsigned n, uint32_t *ret_meanings);

const char *dnsbl_meaning_name(unsigned bit); /* of 1 << bit: "exploited" */
/* The table of known lists, one line each, for people. */
void dnsbl_print(struct buf *out);

#endif
