/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads dates of mail headers. Runs in whichever process reads mail. */
#include "mail/date.h"

#include <errno.h>

#include "base/cleanup.h"

#define ZONE_LEAST (-12 * 60) /* as kept today, and by ships */
#define ZONE_MOST  (14 * 60)  /* Kiribati */

static const char months[12][4] = {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"};
static const char days[7][4] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

/* RFC 5322 4.3 knows these; the others are what people's machines write and mean. */
static const struct {
        char name[6];
        int16_t zone;
} zones[] = {
        {"UT", 0},     {"GMT", 0},    {"UTC", 0},    {"Z", 0},      {"EST", -300}, {"EDT", -240},
        {"CST", -360}, {"CDT", -300}, {"MST", -420}, {"MDT", -360}, {"PST", -480}, {"PDT", -420},
        {"BST", 60},   {"CET", 60},   {"CEST", 120}, {"MET", 60},   {"MEST", 120}, {"EET", 120},
        {"EEST", 180}, {"MSK", 180},  {"JST", 540},  {"KST", 540},
};

/* What is being read. */
struct reader {
        const char *p, *end;
        int day, month, year, hour, minute, second; /* month 0..11 */
        int weekday;                                /* 0 Sunday; -1: none */
        struct date d;
};

static void skip_space(struct reader *r)
{
        while (r->p < r->end && slice_is_space(*r->p))
                r->p++;
}

static bool take(struct reader *r, char c)
{
        if (r->p == r->end || *r->p != c)
                return false;
        r->p++;
        return true;
}

/* A number of `least` to `most` digits. */
static bool take_number(struct reader *r, unsigned least, unsigned most, int *ret)
{
        unsigned n = 0;
        int v = 0;

        for (; r->p < r->end && slice_is_digit(*r->p) && n < most; n++)
                v = v * 10 + (*r->p++ - '0');
        if (n < least || (r->p < r->end && slice_is_digit(*r->p)))
                return false;
        *ret = v;
        return true;
}

/* One of n names of three letters; longer words ("Sept", "Tuesday") count. */
static int take_name(struct reader *r, const char (*names)[4], int n)
{
        const char *begin = r->p, *p = r->p;

        while (p < r->end && (*p | 0x20) >= 'a' && (*p | 0x20) <= 'z')
                p++;
        if (p - begin < 3 || p - begin > 9)
                return -1;
        for (int i = 0; i < n; i++)
                if (strncasecmp(begin, names[i], 3) == 0) {
                        r->p = p;
                        return i;
                }
        return -1;
}

static bool take_time(struct reader *r)
{
        skip_space(r);
        if (!take_number(r, 1, 2, &r->hour) || !take(r, ':') || !take_number(r, 2, 2, &r->minute))
                return false;
        if (take(r, ':') && !take_number(r, 2, 2, &r->second))
                return false;
        return r->hour < 24 && r->minute < 60 && r->second < 61;
}

static bool take_year(struct reader *r)
{
        const char *begin = r->p;

        skip_space(r);
        begin = r->p;
        if (!take_number(r, 2, 4, &r->year))
                return false;
        if (r->p - begin == 2) /* RFC 5322 4.3 */
                r->year += r->year < 50 ? 2000 : 1900;
        else if (r->p - begin == 3)
                r->year += 1900;
        return r->year >= 1970 && r->year < 2200;
}

/* "3 Aug 2009 23:16:35", also with hyphens. */
static bool take_usual(struct reader *r)
{
        if (!take_number(r, 1, 2, &r->day))
                return false;
        (void) take(r, '-');
        skip_space(r);
        r->month = take_name(r, months, 12);
        (void) take(r, '-');
        return r->month >= 0 && take_year(r) && take_time(r);
}

static void take_numeric_zone(struct reader *r)
{
        const char *at = r->p;
        int sign = *at == '-' ? -1 : 1, v = 0;

        r->p++;
        if (!take_number(r, 4, 4, &v)) {
                r->p = at;
                r->d.flags |= DATE_NO_ZONE;
                return;
        }
        r->d.zone = (int16_t) (sign * (v / 100 * 60 + v % 100));
        if (sign < 0 && v == 0)
                r->d.flags |= DATE_ZONE_UNKNOWN;
        if (v % 100 > 59 || v % 100 % 15 != 0 || r->d.zone < ZONE_LEAST || r->d.zone > ZONE_MOST)
                r->d.flags |= DATE_ZONE_IMPOSSIBLE;
        if (v % 100 > 59 || v / 100 > 24)
                r->d.zone = 0;
}

static void take_named_zone(struct reader *r)
{
        const char *begin = r->p, *p = r->p;

        while (p < r->end && slice_is_alnum(*p))
                p++;
        for (size_t i = 0; i < ELEMENTSOF(zones); i++)
                if (slice_is_n(slice_from(begin, p), zones[i].name, strlen(zones[i].name))) {
                        r->d.zone = zones[i].zone;
                        r->p = p;
                        return;
                }
        /* Other capitals: a zone that says nothing. Anything else belongs to what follows. */
        for (const char *q = begin; q < p; q++)
                if (*q < 'A' || *q > 'Z') {
                        r->d.flags |= DATE_NO_ZONE;
                        return;
                }
        r->d.flags |= p - begin >= 1 && p - begin <= 5 ? DATE_ZONE_UNKNOWN : DATE_NO_ZONE;
        if (!(r->d.flags & DATE_NO_ZONE))
                r->p = p;
}

static void take_zone(struct reader *r)
{
        const char *before = r->p;

        skip_space(r);
        if (r->p < r->end && (*r->p == '+' || *r->p == '-'))
                take_numeric_zone(r);
        else if (r->p < r->end && (*r->p | 0x20) >= 'a' && (*r->p | 0x20) <= 'z')
                take_named_zone(r);
        else
                r->d.flags |= DATE_NO_ZONE;
        if (r->d.flags & DATE_NO_ZONE)
                r->p = before;
}

/* "(JST)", "(GMT Daylight Time)": letters and spaces only, so that nothing else hides there. */
static void take_zone_comment(struct reader *r)
{
        const char *p;

        skip_space(r);
        if (r->p == r->end || *r->p != '(')
                return;
        for (p = r->p + 1; p < r->end && p - r->p < 40 && *p != ')'; p++)
                if (!slice_is_alnum(*p) && *p != ' ' && *p != '+' && *p != '-' && *p != ':')
                        return;
        if (p < r->end && *p == ')')
                r->p = p + 1;
}

/* Days since 1970-01-01 of the Gregorian calendar (H. Hinnant, "chrono-compatible low-level date algorithms"). */
static int64_t days_from_civil(int y, int m, int d)
{
        int64_t era;
        int yoe, doy, doe;

        y -= m <= 2;
        era = (y >= 0 ? y : y - 399) / 400;
        yoe = y - (int) era * 400;
        doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
        doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
        return era * 146097 + doe - 719468;
}

static bool make_time(struct reader *r)
{
        static const int lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        bool leap = r->year % 4 == 0 && (r->year % 100 != 0 || r->year % 400 == 0);
        int64_t day;

        if (r->day < 1 || r->day > lengths[r->month] + (leap && r->month == 1))
                return false;
        day = days_from_civil(r->year, r->month + 1, r->day);
        r->d.time = (((day * 24 + r->hour) * 60 + r->minute - r->d.zone) * 60 + r->second) * NSEC_PER_SEC;
        if (r->weekday < 0)
                r->d.flags |= DATE_NO_WEEKDAY;
        else if ((day + 4) % 7 != r->weekday) /* 1970-01-01 was a Thursday */
                r->d.flags |= DATE_WEEKDAY_WRONG;
        r->d.flags |= DATE_READ;
        return true;
}

int date_read(struct slice *text, struct date *ret)
{
        struct reader r = {.p = text->p, .end = slice_end(*text)};
        bool good;

        skip_space(&r);
        r.weekday = take_name(&r, days, 7);
        (void) take(&r, ',');
        skip_space(&r);
        if (r.p < r.end && slice_is_digit(*r.p)) {
                good = take_usual(&r);
                if (good)
                        take_zone(&r);
        } else { /* ctime: "Nov 13 14:50:12 2005", with a zone before or behind the year */
                r.d.flags |= DATE_CTIME;
                r.month = take_name(&r, months, 12);
                skip_space(&r);
                good = r.month >= 0 && take_number(&r, 1, 2, &r.day) && take_time(&r);
                skip_space(&r);
                if (good && r.p < r.end && !slice_is_digit(*r.p))
                        take_zone(&r);
                else
                        r.d.flags |= DATE_NO_ZONE;
                good = good && take_year(&r);
                if (good && r.d.flags & DATE_NO_ZONE) {
                        r.d.flags &= (uint16_t) ~DATE_NO_ZONE;
                        take_zone(&r);
                }
        }
        if (!good || !make_time(&r))
                return -EINVAL;
        take_zone_comment(&r);
        *text = slice_from(r.p, r.end);
        *ret = r.d;
        return 0;
}
