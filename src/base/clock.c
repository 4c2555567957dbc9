/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Clocks and the text forms of times. */
#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static nsec_t read_clock(clockid_t id)
{
        struct timespec ts;

        (void) clock_gettime(id, &ts);
        return (nsec_t) ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

nsec_t clock_realtime(void)
{
        return read_clock(CLOCK_REALTIME);
}

nsec_t clock_boottime(void)
{
        return read_clock(CLOCK_BOOTTIME);
}

nsec_t clock_engine_offset(void)
{
        static nsec_t offset;

        if (!offset)
                offset = clock_realtime() - clock_boottime();
        return offset;
}

nsec_t clock_skew(void)
{
        return clock_realtime() - clock_boottime() - clock_engine_offset();
}

/* Splits into whole seconds and a non-negative rest. */
static time_t whole_seconds(nsec_t t, long *ret_rest)
{
        nsec_t s = t / NSEC_PER_SEC, rest = t % NSEC_PER_SEC;

        if (rest < 0) {
                s--;
                rest += NSEC_PER_SEC;
        }
        *ret_rest = (long) rest;
        return (time_t) s;
}

/* The lowest `n` digits, and what follows them. By hand: every line of JSON has a time or two, and strftime() with
 * printf() takes longer than the rest of the line. */
static char *put_digits(char *to, long value, int n, char then)
{
        for (int i = n; i-- > 0; value /= 10)
                to[i] = (char) ('0' + value % 10);
        to[n] = then;
        return to + n + 1;
}

const char *clock_format_iso(nsec_t t, char text[static CLOCK_TEXT_MAX])
{
        struct tm tm;
        long rest, zone;
        time_t s = whole_seconds(t, &rest);
        char *to = text;

        if (!localtime_r(&s, &tm))
                memset(&tm, 0, sizeof(tm));
        zone = labs(tm.tm_gmtoff) / 60;
        to = put_digits(to, tm.tm_year + 1900, 4, '-');
        to = put_digits(to, tm.tm_mon + 1, 2, '-');
        to = put_digits(to, tm.tm_mday, 2, 'T');
        to = put_digits(to, tm.tm_hour, 2, ':');
        to = put_digits(to, tm.tm_min, 2, ':');
        to = put_digits(to, tm.tm_sec, 2, '.');
        to = put_digits(to, rest / 1000, 6, tm.tm_gmtoff < 0 ? '-' : '+');
        (void) put_digits(to, zone / 60 * 100 + zone % 60, 4, '\0');
        return text;
}

const char *clock_format_time(nsec_t t, char text[static CLOCK_TEXT_MAX])
{
        struct tm tm;
        long rest;
        time_t s = whole_seconds(t, &rest);

        if (!localtime_r(&s, &tm))
                memset(&tm, 0, sizeof(tm));
        strftime(text, CLOCK_TEXT_MAX, "%H:%M:%S", &tm);
        return text;
}

const char *clock_format_span(nsec_t span, char text[static CLOCK_TEXT_MAX])
{
        double s = (double) span / (double) NSEC_PER_SEC;

        if (s < 1)
                snprintf(text, CLOCK_TEXT_MAX, "%.0f ms", s * 1000);
        else if (s < 60)
                snprintf(text, CLOCK_TEXT_MAX, s < 10 ? "%.1f s" : "%.0f s", s);
        else if (s < 3600)
                snprintf(text, CLOCK_TEXT_MAX, "%.0f min", s / 60);
        else if (s < 2 * 86400)
                snprintf(text, CLOCK_TEXT_MAX, "%.0f h", s / 3600);
        else
                snprintf(text, CLOCK_TEXT_MAX, "%.0f d", s / 86400);
        return text;
}

int clock_parse_span(const char *text, nsec_t *ret)
{
        static const struct {
                const char *suffix;
                nsec_t unit;
        } units[] = {
                {"", NSEC_PER_SEC},          {"s", NSEC_PER_SEC},        {"ms", NSEC_PER_MSEC},
                {"m", 60 * NSEC_PER_SEC},    {"min", 60 * NSEC_PER_SEC}, {"h", 3600 * NSEC_PER_SEC},
                {"d", 86400 * NSEC_PER_SEC},
        };
        char *end;
        long long n;

        if (*text < '0' || *text > '9')
                return -EINVAL;
        errno = 0;
        n = strtoll(text, &end, 10);
        if (errno)
                return -EINVAL;
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
                nsec_t span;

                if (strcmp(end, units[i].suffix) != 0)
                        continue;
                if (__builtin_mul_overflow((nsec_t) n, units[i].unit, &span))
                        return -EINVAL;
                *ret = span;
                return 0;
        }
        return -EINVAL;
}

/* `n` digits at *p, which moves on; -EINVAL when there are fewer. */
static int take_digits(const char **p, int n, int *ret)
{
        int value = 0;

        for (int i = 0; i < n; i++, ++*p) {
                if (**p < '0' || **p > '9')
                        return -EINVAL;
                value = value * 10 + (**p - '0');
        }
        *ret = value;
        return 0;
}

/* "", "Z", "+0900", "+09:00": seconds east of Greenwich. */
static int parse_zone(const char *p, long *ret)
{
        int sign = *p == '-' ? -1 : 1, hours, minutes;

        *ret = 0;
        if (strcmp(p, "Z") == 0 || *p == '\0')
                return 0;
        if (*p != '+' && *p != '-')
                return -EINVAL;
        p++;
        if (take_digits(&p, 2, &hours) < 0)
                return -EINVAL;
        p += *p == ':';
        if (take_digits(&p, 2, &minutes) < 0 || *p || hours > 23 || minutes > 59)
                return -EINVAL;
        *ret = sign * (hours * 3600L + minutes * 60L);
        return 0;
}

int clock_parse_iso(const char *text, nsec_t *ret)
{
        struct tm tm = {0}, given;
        const char *p = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
        nsec_t frac = 0, unit = NSEC_PER_SEC / 10, t;
        long offset;

        if (!p)
                return -EINVAL;
        if (*p == '.') {
                if (*++p < '0' || *p > '9')
                        return -EINVAL;
                for (; *p >= '0' && *p <= '9'; p++, unit /= 10)
                        frac += (*p - '0') * unit;
        }
        if (parse_zone(p, &offset) < 0)
                return -EINVAL;
        given = tm;
        t = (nsec_t) timegm(&tm);
        /* timegm() takes 31 February for 3 March; a 60th second is a leap second. */
        if (tm.tm_mday != given.tm_mday && given.tm_sec < 60)
                return -EINVAL;
        if (__builtin_mul_overflow(t - offset, NSEC_PER_SEC, &t) || __builtin_add_overflow(t, frac, &t))
                return -EINVAL;
        *ret = t;
        return 0;
}
