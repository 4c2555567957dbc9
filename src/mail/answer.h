/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The answer to a question about a relay: yes, no, or nobody knows. An error, a timeout and a question that was never
 * asked are unknown: they must not read as a no. Used wherever mail is judged. */
#ifndef SEKIMORI_MAIL_ANSWER_H
#define SEKIMORI_MAIL_ANSWER_H

#include <stdbool.h>

enum answer { ANSWER_UNKNOWN, ANSWER_NO, ANSWER_YES, ANSWERS };

static inline const char *answer_name(unsigned answer)
{
        static const char *const names[ANSWERS] = {"unknown", "no", "yes"};

        return answer < ANSWERS ? names[answer] : "?";
}

static inline enum answer answer_of(bool yes)
{
        return yes ? ANSWER_YES : ANSWER_NO;
}

/* Yes if one says yes; no only if both know it. */
static inline enum answer answer_or(enum answer a, enum answer b)
{
        if (a == ANSWER_YES || b == ANSWER_YES)
                return ANSWER_YES;
        return a == ANSWER_NO && b == ANSWER_NO ? ANSWER_NO : ANSWER_UNKNOWN;
}

#endif
