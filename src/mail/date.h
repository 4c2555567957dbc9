/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Dates of mail headers: RFC 5322 3.3 and 4.3, and what servers write instead (ctime's order, no weekday, no zone, two
 * digits of a year). Pure; in whichever process reads mail. */
#ifndef SEKIMORI_MAIL_DATE_H
#define SEKIMORI_MAIL_DATE_H

#include "base/clock.h"
#include "mail/slice.h"

enum date_flag {
        DATE_READ = 1 << 0,            /* the others, and the fields, mean something */
        DATE_NO_ZONE = 1 << 1,         /* taken as UTC */
        DATE_ZONE_UNKNOWN = 1 << 2,    /* "-0000", or a name that RFC 5322 takes as that */
        DATE_ZONE_IMPOSSIBLE = 1 << 3, /* no place keeps it: outside -1200 to +1400, or not in quarters of an hour */
        DATE_WEEKDAY_WRONG = 1 << 4,   /* that day was another day of the week */
        DATE_NO_WEEKDAY = 1 << 5,
        DATE_CTIME = 1 << 6, /* "Sun Nov 13 14:50:12 2005" */
};

struct date {
        nsec_t time;    /* UTC */
        int16_t zone;   /* minutes east */
        uint16_t flags; /* enum date_flag; 0: no date could be read */
};

/* Reads a date at the beginning of *text and moves it behind: the zone's comment too. 0, or -EINVAL with *text where it
 * was. A day that the calendar does not have (30 Feb) is -EINVAL. */
int date_read(struct slice *text, struct date *ret);

#endif
