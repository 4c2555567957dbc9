/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The record of one inquiry: one relay at one time, with everything that was learnt and what follows. One is made per
 * mail, and one more each time a relay is asked about again; kept in the store, printed by `mail`, counted by
 * `mail --stats` and the report. Plain data: no pointers, so that it may cross processes. */
#ifndef SEKIMORI_MAIL_RECORD_H
#define SEKIMORI_MAIL_RECORD_H

#include "base/addr.h"
#include "base/clock.h"
#include "decode/os_db.h"
#include "mail/answer.h"
#include "mail/judge.h"

#define RECORD_NAME_MAX 256 /* a DNS name in text and NUL */
#define RECORD_LISTS    32  /* bits of `listed`; as many as RESOLVE_LISTS_MAX */

struct record {
        struct addr addr; /* of the believed relay */
        nsec_t asked;     /* wall clock: when the inquiry ended */
        nsec_t came;      /* wall clock, by the header of the server that is believed; 0: not known */
        /* The mail, so that none is judged twice: SHA-256 of its head as the believed servers left it, cut. All zero:
         * no mail, a relay was asked about again. */
        uint8_t mail[16];
        uint32_t inquiry; /* 1: the first about this address; 2: the second, and so on. 0: not known yet */
        bool moved;       /* there are reasons to think that the address has another owner than at the first inquiry */

        enum judge_class class, nearest;
        enum judge_why why;
        int32_t score;                   /* of `nearest`, hundredths */
        uint8_t signs[JUDGE_SIGNS];      /* enum answer */
        uint32_t speak_for, against;     /* bits of signs, as in judge_verdict */
        uint32_t listed, not_listed;     /* bits of lists, in the order of the configuration; neither: unknown */
        uint8_t os_family, os_role;      /* enum os_family, os_role */
        uint8_t os_confidence, distance; /* percent; hops */
        uint8_t smtp;                    /* enum smtp_probe_end + 1; 0: not probed */
        uint8_t ping;                    /* enum answer */
        char os[OS_DB_NAME_MAX * 2 + 2]; /* "Windows 10 or newer"; "" */
        char rdns[RECORD_NAME_MAX];      /* as DNS has it now, else as the receiving server saw it; "" */
        char helo[RECORD_NAME_MAX];      /* the client's word, with what is not printable as '?' */
        char banner[128];                /* of its mail server; likewise */
};

/* A mail's key: of its head from the topmost Received: on, which is how the servers that are believed left it. What
 * mailboxes and mail programs write (Status:, X-Keywords:, Content-Length: and the like) and the kind of line ends do
 * not count. Never all zero. 0, or -ENOMEM. */
int record_key(const char *head, size_t len, uint8_t ret[static 16]);
bool record_has_mail(const struct record *r); /* false: a relay was asked about again */

/* When the relay was asked: the mail's coming, or the inquiry where that is not known. */
static inline nsec_t record_time(const struct record *r)
{
        return r->came ? r->came : r->asked;
}

/* What differs from the first inquiry; bits. What either does not know, does not differ. */
enum record_change {
        RECORD_CHANGE_NAME = 1 << 0,    /* the domain of its reverse name */
        RECORD_CHANGE_SYSTEM = 1 << 1,  /* another family, and both are sure */
        RECORD_CHANGE_BANNER = 1 << 2,  /* the domain that its mail server names */
        RECORD_CHANGE_SERVICE = 1 << 3, /* there was a mail server, or there is one now */
};
#define RECORD_CHANGES 4
uint32_t record_changes(const struct record *first, const struct record *now);
/* Does that speak for another owner? A name or a system does; the others only together. */
bool record_moved(uint32_t changes);
const char *record_change_title(unsigned bit); /* of 1 << bit: "its reverse name is of another domain" */

/* Repetition, as in the relay inquiry: after hours and days, since addresses change hands. */
#define RECORD_STEPS      3
#define RECORD_FIRST_STEP (6 * 3600 * NSEC_PER_SEC) /* what is asked within is one inquiry */
/* Is it time to ask again? Of the first inquiry and the last; a step that was missed is not made up for. */
bool record_is_due(nsec_t first, nsec_t last, nsec_t now);

#endif
