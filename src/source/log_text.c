/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values in the text of logs. No allocation, nothing beyond the slice is looked at. Runs in `read`. */
#include "source/log_text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "base/cleanup.h"

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

bool log_text_is_nocase(struct slice s, const char *word)
{
        return s.p && s.len == strlen(word) && strncasecmp(s.p, word, s.len) == 0;
}

bool log_text_skip(struct slice *s, const char *word)
{
        size_t n = strlen(word);

        if (!s->p || s->len < n || memcmp(s->p, word, n) != 0)
                return false;
        s->p += n;
        s->len -= (uint32_t) n;
        return true;
}

bool log_text_word(struct slice *rest, struct slice *ret)
{
        const char *p = rest->p, *end;

        if (!p)
                return false;
        end = p + rest->len;
        while (p < end && (*p == ' ' || *p == '\t'))
                p++;
        *ret = (struct slice){p, 0};
        while (p < end && *p != ' ' && *p != '\t')
                p++;
        ret->len = (uint32_t) (p - ret->p);
        *rest = (struct slice){p, (uint32_t) (end - p)};
        return ret->len > 0;
}

int log_text_number(struct slice s, uint64_t max, uint64_t *ret)
{
        uint64_t n = 0;

        if (!s.p || s.len == 0 || s.len > 20)
                return -EBADMSG;
        for (uint32_t i = 0; i < s.len; i++) {
                if (!is_digit(s.p[i]) || __builtin_mul_overflow(n, 10u, &n) ||
                    __builtin_add_overflow(n, (uint64_t) (s.p[i] - '0'), &n))
                        return -EBADMSG;
        }
        if (n > max)
                return -EBADMSG;
        *ret = n;
        return 0;
}

/* 1.6644e9: rare, so by way of a double. */
static int seconds_with_exponent(struct slice s, nsec_t *ret)
{
        char text[40], *end;
        double d;

        if (s.len >= sizeof(text) || s.len == 0 || !is_digit(s.p[0]))
                return -EBADMSG;
        memcpy(text, s.p, s.len);
        text[s.len] = '\0';
        if (text[strspn(text, "0123456789.eE+-")])
                return -EBADMSG;
        d = strtod(text, &end);
        if (*end || !isfinite(d) || d < 0 || d > (double) (LOG_TIME_MAX / NSEC_PER_SEC))
                return -EBADMSG;
        *ret = (nsec_t) (d * (double) NSEC_PER_SEC);
        return 0;
}

int log_text_seconds(struct slice s, nsec_t *ret)
{
        nsec_t t = 0, unit = NSEC_PER_SEC;
        uint32_t i = 0;

        if (!s.p || s.len == 0 || !is_digit(s.p[0]))
                return -EBADMSG;
        for (; i < s.len && is_digit(s.p[i]); i++) {
                t = t * 10 + (s.p[i] - '0');
                if (t > LOG_TIME_MAX / NSEC_PER_SEC)
                        return -EBADMSG;
        }
        t *= NSEC_PER_SEC;
        if (i < s.len && s.p[i] == '.')
                for (i++; i < s.len && is_digit(s.p[i]); i++) {
                        unit /= 10;
                        t += (s.p[i] - '0') * unit;
                }
        if (i < s.len)
                return s.p[i] == 'e' || s.p[i] == 'E' ? seconds_with_exponent(s, ret) : -EBADMSG;
        *ret = t;
        return 0;
}

/* inet_pton() wants a NUL and costs more than the rest of a line; nearly all addresses are of this form. */
static int parse_v4(struct slice s, struct addr *ret)
{
        uint32_t value = 0, part = 0, digits = 0, parts = 0;

        if (s.len > 15)
                return -EBADMSG;
        for (uint32_t i = 0; i <= s.len; i++) {
                if (i < s.len && is_digit(s.p[i])) {
                        if (digits++ == 3)
                                return -EBADMSG;
                        part = part * 10 + (uint32_t) (s.p[i] - '0');
                        continue;
                }
                if (digits == 0 || part > 255 || (i < s.len && s.p[i] != '.') || ++parts > 4)
                        return -EBADMSG;
                value = value << 8 | part;
                part = digits = 0;
        }
        if (parts != 4)
                return -EBADMSG;
        *ret = addr_from_v4(htonl(value));
        return 0;
}

int log_text_addr(struct slice s, struct addr *ret)
{
        char text[ADDR_TEXT_MAX];

        if (!s.p || s.len == 0 || s.len >= sizeof(text))
                return -EBADMSG;
        if (parse_v4(s, ret) == 0)
                return 0;
        if (!memchr(s.p, ':', s.len) || memchr(s.p, '\0', s.len))
                return -EBADMSG;
        memcpy(text, s.p, s.len);
        text[s.len] = '\0';
        return addr_parse(text, ret) < 0 ? -EBADMSG : 0;
}

int log_text_iso(struct slice s, nsec_t *ret)
{
        char text[CLOCK_TEXT_MAX];
        nsec_t t;

        if (!s.p || s.len >= sizeof(text) || memchr(s.p, '\0', s.len))
                return -EBADMSG;
        memcpy(text, s.p, s.len);
        text[s.len] = '\0';
        if (clock_parse_iso(text, &t) < 0 || t < 0 || t > LOG_TIME_MAX)
                return -EBADMSG;
        *ret = t;
        return 0;
}

/* "09:42:48", "09:42:48.123", also with ':' or '.' behind. */
static int parse_clock(struct slice s, struct tm *tm, nsec_t *ret_frac)
{
        nsec_t unit = NSEC_PER_SEC, frac = 0;

        if (s.len < 8 || s.p[2] != ':' || s.p[5] != ':')
                return -EBADMSG;
        for (unsigned i = 0; i < 8; i++)
                if (i != 2 && i != 5 && !is_digit(s.p[i]))
                        return -EBADMSG;
        tm->tm_hour = (s.p[0] - '0') * 10 + (s.p[1] - '0');
        tm->tm_min = (s.p[3] - '0') * 10 + (s.p[4] - '0');
        tm->tm_sec = (s.p[6] - '0') * 10 + (s.p[7] - '0');
        if (tm->tm_hour > 23 || tm->tm_min > 59 || tm->tm_sec > 60)
                return -EBADMSG;
        if (s.len > 8 && s.p[8] == '.')
                for (uint32_t i = 9; i < s.len && is_digit(s.p[i]); i++) {
                        unit /= 10;
                        frac += (s.p[i] - '0') * unit;
                }
        *ret_frac = frac;
        return 0;
}

/* The zone's name behind the time, where there is one: those that firewalls are set to most. */
static nsec_t zone_offset(struct slice *rest, bool *ret_found)
{
        static const struct {
                const char *name;
                int minutes; /* east of Greenwich */
        } zones[] = {
                {"UTC", 0},    {"GMT", 0},    {"WET", 0},    {"CET", 60},   {"CEST", 120}, {"EET", 120},
                {"EEST", 180}, {"JST", 540},  {"KST", 540},  {"EST", -300}, {"EDT", -240}, {"CST", -360},
                {"CDT", -300}, {"MST", -420}, {"MDT", -360}, {"PST", -480}, {"PDT", -420}, {"BRT", -180},
        };
        struct slice look = *rest, word;

        *ret_found = false;
        if (!log_text_word(&look, &word))
                return 0;
        if (word.p[word.len - 1] == ':')
                word.len--;
        for (size_t i = 0; i < ELEMENTSOF(zones); i++)
                if (log_text_is(word, zones[i].name)) {
                        *rest = look;
                        *ret_found = true;
                        return zones[i].minutes * 60 * NSEC_PER_SEC;
                }
        return 0;
}

/* UTC of a date that exists; -1 when it does not. */
static time_t day_time(const struct tm *given)
{
        struct tm tm = *given;
        time_t t = timegm(&tm);

        return tm.tm_mday == given->tm_mday || given->tm_sec == 60 ? t : -1;
}

/* The last year in which the time is at most a day after `newest`. The 29th of February goes back to one that had it.
 */
static time_t guess_year(struct tm *tm, nsec_t newest)
{
        time_t latest = (time_t) MIN(newest / NSEC_PER_SEC + 86400, LOG_TIME_MAX / NSEC_PER_SEC), t;
        struct tm now;

        if (!gmtime_r(&latest, &now))
                return -1;
        for (int back = 0; back <= 8; back++) {
                tm->tm_year = now.tm_year - back;
                t = day_time(tm);
                if (t >= 0 && t <= latest)
                        return t;
        }
        return -1;
}

static int parse_month(struct slice s, int *ret)
{
        static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

        if (s.len != 3)
                return -EBADMSG;
        for (int m = 0; m < 12; m++)
                if (strncasecmp(s.p, months + 3 * m, 3) == 0) {
                        *ret = m;
                        return 0;
                }
        return -EBADMSG;
}

int log_text_syslog(struct slice *rest, nsec_t newest, nsec_t *ret, bool *ret_zone)
{
        struct slice left = *rest, word;
        struct tm tm = {0};
        uint64_t day, year = 0;
        nsec_t frac, zone;
        bool has_zone;
        time_t t;

        if (!log_text_word(&left, &word) || parse_month(word, &tm.tm_mon) < 0 || !log_text_word(&left, &word) ||
            log_text_number(word, 31, &day) < 0 || day == 0 || !log_text_word(&left, &word))
                return -EBADMSG;
        if (word.len == 4 && (log_text_number(word, 2115, &year) < 0 || year < 1970 || !log_text_word(&left, &word)))
                return -EBADMSG;
        tm.tm_mday = (int) day;
        if (parse_clock(word, &tm, &frac) < 0)
                return -EBADMSG;
        zone = zone_offset(&left, &has_zone);
        tm.tm_year = (int) year - 1900;
        t = year ? day_time(&tm) : guess_year(&tm, newest);
        if (t < 0 || t > LOG_TIME_MAX / NSEC_PER_SEC || (nsec_t) t * NSEC_PER_SEC + frac < zone)
                return -EBADMSG;
        *ret = (nsec_t) t * NSEC_PER_SEC + frac - zone;
        *ret_zone = has_zone;
        *rest = left;
        return 0;
}
