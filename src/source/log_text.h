/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values in the text of logs: numbers, times, addresses. Pure; every byte may be hostile. Runs in `read`. */
#ifndef SEKIMORI_SOURCE_LOG_TEXT_H
#define SEKIMORI_SOURCE_LOG_TEXT_H

#include <stdbool.h>
#include <string.h>

#include "model/event.h"

#define LOG_TIME_MAX (4607366400LL * NSEC_PER_SEC) /* 2116-01-01, as for captures: later times are errors or lies */

static inline bool log_text_is(struct slice s, const char *word)
{
        return s.p && s.len == strlen(word) && memcmp(s.p, word, s.len) == 0;
}

/* The same for ASCII letters of any case. */
bool log_text_is_nocase(struct slice s, const char *word);
/* Does it begin with the word? Then the word is cut off. */
bool log_text_skip(struct slice *s, const char *word);
/* The next word between blanks; false: there is none. */
bool log_text_word(struct slice *rest, struct slice *ret);

/* A decimal number of at most `max` that is all there is. 0 or -EBADMSG. */
int log_text_number(struct slice s, uint64_t max, uint64_t *ret);
/* Seconds with or without a fraction or an exponent, not negative, at most LOG_TIME_MAX; digits beyond nanoseconds are
 * cut. 0 or -EBADMSG. */
int log_text_seconds(struct slice s, nsec_t *ret);
/* 0 or -EBADMSG. */
int log_text_addr(struct slice s, struct addr *ret);
/* "2026-11-21T09:15:02.123Z". 0 or -EBADMSG. */
int log_text_iso(struct slice s, nsec_t *ret);

/* Syslog's "Oct 26 09:42:48", with a year ("Oct 26 2006 09:42:48"), a fraction or a zone behind it, at the beginning of
 * `rest`, which moves behind it. Without a year: the last such time that is at most a day after `newest`. Without a
 * zone (*ret_zone false): UTC. 0 or -EBADMSG. */
int log_text_syslog(struct slice *rest, nsec_t newest, nsec_t *ret, bool *ret_zone);

#endif
