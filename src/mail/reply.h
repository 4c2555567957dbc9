/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A resolver's reply, which anybody may have written: the records that answer the question, along its aliases, and how
 * long they hold. Pure. Runs where relays are looked up. */
#ifndef SEKIMORI_MAIL_REPLY_H
#define SEKIMORI_MAIL_REPLY_H

#include "base/addr.h"

#define REPLY_NAME_MAX  254 /* with NUL; lower case, no dot at the end */
#define REPLY_ADDRS_MAX 16
#define REPLY_NAMES_MAX 4

enum reply_type { REPLY_A = 1, REPLY_PTR = 12, REPLY_AAAA = 28 }; /* RFC 1035 3.2.2, RFC 3596 2.1 */

struct reply {
        uint32_t ttl; /* seconds: the shortest along the way; of a no: as RFC 2308 5 says, 0: not told */
        uint8_t n;    /* records; 0: there is none */
        bool more;    /* than are kept, or records that make no sense */
        union {
                struct addr addrs[REPLY_ADDRS_MAX];
                char names[REPLY_NAMES_MAX][REPLY_NAME_MAX];
        };
};

/* 0; -EBADMSG: not a whole reply to that question; -EREMOTEIO: the server says that it failed; -ELOOP: aliases without
 * end. `name` in lower case. */
int reply_read(const uint8_t *data, size_t len, const char *name, enum reply_type type, struct reply *ret);

#endif
