/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The head of a mail, field by field, in place: nothing is copied, no field is too long, any byte may be in it. A line
 * ends with LF, or CR LF; a CR alone does not end one. Pure; in whichever process reads mail. */
#ifndef SEKIMORI_MAIL_HEAD_H
#define SEKIMORI_MAIL_HEAD_H

#include "mail/slice.h"

/* Bytes of a mail's head that are looked at by who reads mails: 10,000 hops have 2 MB, honest heads less than 64 KiB.
 * What is beyond stands below any server of ours, since each one writes on top. */
#define HEAD_MAX (1u << 20)

struct head {
        const char *p, *end;
        uint32_t lost; /* lines that are no field */
        bool begun;
};

struct head_field {
        struct slice name; /* without the colon */
        struct slice body; /* with its folds; trimmed */
};

static inline struct head head_of(const char *text, size_t len)
{
        return (struct head){.p = text, .end = text + len};
}

/* The next field; false behind the last one. A line before them that begins with "From " (mbox) is passed over. */
bool head_next(struct head *h, struct head_field *ret);

#endif
