/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of a resolver. The first byte chooses what was asked; the name asked for is that in the reply, or another. */
#include <stdlib.h>
#include <string.h>

#include "mail/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct reply *r, enum reply_type type)
{
        if (type != REPLY_PTR) {
                if (r->n > REPLY_ADDRS_MAX)
                        abort();
                return;
        }
        if (r->n > REPLY_NAMES_MAX)
                abort();
        for (unsigned i = 0; i < r->n; i++)
                if (r->names[i][0] == 0 || memchr(r->names[i], 0, REPLY_NAME_MAX) == NULL ||
                    strspn(r->names[i], "abcdefghijklmnopqrstuvwxyz0123456789-_.") != strlen(r->names[i]))
                        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const enum reply_type types[] = {REPLY_A, REPLY_PTR, REPLY_AAAA};
        static const char *const names[] = {"x.example", "1.2.0.192.in-addr.arpa", "", "a"};
        struct reply r;
        enum reply_type type;

        if (size == 0)
                return 0;
        type = types[data[0] % 3];
        if (reply_read(data + 1, size - 1, names[data[0] / 3 % 4], type, &r) == 0)
                check(&r, type);
        return 0;
}
