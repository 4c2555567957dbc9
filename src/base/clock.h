/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Times: int64_t nanoseconds since the Unix epoch, and their text forms. */
#ifndef SEKIMORI_BASE_CLOCK_H
#define SEKIMORI_BASE_CLOCK_H

#include <stdint.h>

typedef int64_t nsec_t;

#define NSEC_PER_USEC 1000LL
#define NSEC_PER_MSEC 1000000LL
#define NSEC_PER_SEC  1000000000LL

#define CLOCK_TEXT_MAX 40

nsec_t clock_realtime(void); /* wall clock */
nsec_t clock_boottime(void); /* since boot, suspend included: the clock of task start times */

/* Engine time is boot time plus this: the wall clock as it stood at the first call in this process. It stays, so that
 * setting the wall clock moves no timer; what goes out is corrected by clock_skew(). */
nsec_t clock_engine_offset(void);
/* How far the wall clock has been set since: wall clock minus engine time. */
nsec_t clock_skew(void);

/* "2026-11-21T09:15:02.123456+0900", as Suricata's EVE writes it. */
const char *clock_format_iso(nsec_t t, char text[static CLOCK_TEXT_MAX]);
/* "09:15:02", local time, for people. */
const char *clock_format_time(nsec_t t, char text[static CLOCK_TEXT_MAX]);
/* A length of time for people: "350 ms", "4.2 s", "12 min", "3 h", "5 d". */
const char *clock_format_span(nsec_t span, char text[static CLOCK_TEXT_MAX]);
/* "10s", "5m", "2h", "7d", "250ms", or a bare number of seconds. 0, or -EINVAL. */
int clock_parse_span(const char *text, nsec_t *ret);
/* The inverse of clock_format_iso() (also without fraction, and with Z). 0, or -EINVAL. */
int clock_parse_iso(const char *text, nsec_t *ret);

#endif
