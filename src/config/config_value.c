/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Single values of the configuration: from text, with a reason when it does not fit, and back to the same text.
 * Scores are decimal fractions and never pass through floating point. */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>

#include "config/internal.h"

struct unit {
        const char *suffix;
        int64_t factor;
};

/* Largest first: a value is written with the first one that divides it. */
static const struct unit span_units[] = {
        {"d", 86400 * NSEC_PER_SEC}, {"h", 3600 * NSEC_PER_SEC}, {"m", 60 * NSEC_PER_SEC},
        {"s", NSEC_PER_SEC},         {"ms", NSEC_PER_MSEC},      {NULL, 1},
};
static const struct unit size_units[] = {
        {"TiB", 1LL << 40}, {"GiB", 1LL << 30}, {"MiB", 1LL << 20}, {"KiB", 1LL << 10}, {"B", 1}, {NULL, 1},
};

static void put_units(const struct unit *units, int64_t value, struct buf *out)
{
        const struct unit *u = units;

        while (u[1].suffix && value % u->factor != 0)
                u++;
        if (value == 0)
                buf_putc(out, '0');
        else
                buf_printf(out, "%" PRId64 "%s", value / u->factor, u->suffix);
}

static void put_score(int64_t hundredths, struct buf *out)
{
        int64_t part = hundredths % 100;

        buf_printf(out, part % 10 ? "%" PRId64 ".%02" PRId64 : "%" PRId64 ".%01" PRId64, hundredths / 100,
                   part % 10 ? part : part / 10);
}

/* Digits at *text, which moves on. -ERANGE: there are digits, but too large. */
static int parse_digits(const char **text, int64_t *ret)
{
        const char *p = *text;
        int64_t n = 0;
        bool large = false;

        if (!isdigit((unsigned char) *p))
                return -EINVAL;
        for (; isdigit((unsigned char) *p); p++)
                if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *p - '0', &n))
                        large = true;
        *text = p;
        *ret = n;
        return large ? -ERANGE : 0;
}

static int parse_size(const char *text, int64_t *ret)
{
        int64_t n;
        int r = parse_digits(&text, &n);

        if (r < 0)
                return r;
        for (const struct unit *u = size_units; u->suffix; u++)
                if (strcasecmp(text, u->suffix) == 0)
                        return __builtin_mul_overflow(n, u->factor, ret) ? -ERANGE : 0;
        if (*text)
                return -EINVAL;
        *ret = n;
        return 0;
}

/* "12", "12.5" or "12.25", in hundredths. */
static int parse_score(const char *text, int64_t *ret)
{
        int64_t whole, part = 0;
        int r = parse_digits(&text, &whole);

        if (r < 0)
                return r;
        if (*text == '.') {
                const char *start = ++text;

                r = parse_digits(&text, &part);
                if (r < 0 || text - start > 2)
                        return -EINVAL;
                if (text - start == 1)
                        part *= 10;
        }
        if (*text)
                return -EINVAL;
        if (__builtin_mul_overflow(whole, 100, &whole) || __builtin_add_overflow(whole, part, ret))
                return -ERANGE;
        return 0;
}

static int parse_span(const char *text, int64_t *ret)
{
        const char *p = text;
        int64_t n;
        int r = parse_digits(&p, &n);

        if (r < 0)
                return r;
        /* Whatever the unit, a number that large is out of every range. */
        if (n > INT64_MAX / (86400 * NSEC_PER_SEC))
                return clock_parse_span(text, ret) < 0 ? -ERANGE : 0;
        return clock_parse_span(text, ret);
}

static int parse_date(const char *text, nsec_t *ret)
{
        char day[32];

        if (strlen(text) != 10)
                return clock_parse_iso(text, ret);
        snprintf(day, sizeof(day), "%.10sT00:00:00Z", text);
        return clock_parse_iso(day, ret);
}

static void put_date(nsec_t t, struct buf *out)
{
        time_t s = (time_t) (t / NSEC_PER_SEC);
        char text[32];
        struct tm tm;

        (void) gmtime_r(&s, &tm);
        strftime(text, sizeof(text), t % (86400 * NSEC_PER_SEC) ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d", &tm);
        buf_puts(out, text);
        if (t % NSEC_PER_SEC)
                buf_printf(out, ".%09lld", t % NSEC_PER_SEC);
        if (t % (86400 * NSEC_PER_SEC))
                buf_putc(out, 'Z');
}

static int parse_bool(const char *text, int64_t *ret)
{
        static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strcmp(text, words[i]) == 0) {
                        *ret = i % 2;
                        return 0;
                }
        return -EINVAL;
}

static int parse_enum(const struct config_row *row, const char *text, int64_t *ret)
{
        for (int i = 0; row->names[i]; i++)
                if (strcmp(text, row->names[i]) == 0) {
                        *ret = i;
                        return 0;
                }
        return -EINVAL;
}

static int parse_number(const struct config_row *row, const char *text, int64_t *ret)
{
        int64_t n = 0;
        int r;

        switch (row->type) {
        case CONFIG_BOOL:
                return parse_bool(text, ret);
        case CONFIG_ENUM:
                return parse_enum(row, text, ret);
        case CONFIG_SPAN:
                r = parse_span(text, &n);
                break;
        case CONFIG_SIZE:
                r = parse_size(text, &n);
                break;
        case CONFIG_SCORE:
                r = parse_score(text, &n);
                break;
        default:
                r = parse_digits(&text, &n);
                if (r == 0 && *text)
                        r = -EINVAL;
                break;
        }
        if (r < 0)
                return r;
        if (n < row->min || n > row->max)
                return -ERANGE;
        if (row->type == CONFIG_POWER2 && (n & (n - 1)) != 0)
                return -EINVAL;
        *ret = n;
        return 0;
}

static void store_number(const struct config_row *row, void *at, int64_t n)
{
        switch (row->type) {
        case CONFIG_BOOL:
                *(bool *) at = n != 0;
                break;
        case CONFIG_SPAN:
        case CONFIG_SIZE:
                memcpy(at, &n, sizeof(n));
                break;
        default: {
                int32_t small = (int32_t) n;

                static_assert(sizeof(enum config_backend) == sizeof(small), "enums are stored as 32 bits");
                memcpy(at, &small, sizeof(small));
                break;
        }
        }
}

static int64_t load_number(const struct config_row *row, const void *at)
{
        int32_t small;
        int64_t n;

        switch (row->type) {
        case CONFIG_BOOL:
                return *(const bool *) at;
        case CONFIG_SPAN:
        case CONFIG_SIZE:
                memcpy(&n, at, sizeof(n));
                return n;
        default:
                memcpy(&small, at, sizeof(small));
                return small;
        }
}

static bool is_name(const char *text)
{
        if (!islower((unsigned char) *text) && *text != '_')
                return false;
        for (; *text; text++)
                if (!islower((unsigned char) *text) && !isdigit((unsigned char) *text) && !strchr("_-", *text))
                        return false;
        return true;
}

/* NULL when the text fits. */
static const char *text_fault(const struct config_row *row, const char *text)
{
        if (!*text)
                return "must not be empty";
        if (strlen(text) > (size_t) row->max)
                return "is too long";
        for (const char *p = text; *p; p++)
                if (iscntrl((unsigned char) *p))
                        return "contains a control character";
        if ((row->type == CONFIG_PATH || row->type == CONFIG_PATH_NONE) && *text != '/')
                return "must be an absolute path";
        if (row->type == CONFIG_NAME && !is_name(text))
                return "must be a name of lower-case letters, digits, _ and -";
        return NULL;
}

static int parse_text(const struct config_row *row, char **at, const char *text, char reason[static 128])
{
        char *copy = NULL;

        if ((row->type != CONFIG_PATH_NONE && row->type != CONFIG_TEXT_NONE) || strcmp(text, "none") != 0) {
                const char *fault = text_fault(row, text);

                if (fault) {
                        snprintf(reason, 128, "%s", fault);
                        return -EINVAL;
                }
                copy = strdup(text);
                if (!copy)
                        return -ENOMEM;
        }
        free(*at);
        *at = copy;
        return 0;
}

int config_value_parse(const struct config_row *row, void *base, const char *text, char reason[static 128])
{
        void *at = (char *) base + row->offset;
        char described[112];
        struct buf b = BUF_FIXED(described);
        int64_t n;
        int r;

        switch (row->type) {
        case CONFIG_PATH:
        case CONFIG_PATH_NONE:
        case CONFIG_NAME:
        case CONFIG_TEXT:
        case CONFIG_TEXT_NONE:
                return parse_text(row, at, text, reason);
        case CONFIG_PEER:
                r = cidr_parse(text, at);
                break;
        case CONFIG_DATE:
                r = parse_date(text, &n);
                if (r == 0 && n <= 0) /* 0 stands for no end */
                        r = -ERANGE;
                if (r == 0)
                        memcpy(at, &n, sizeof(n));
                break;
        default:
                r = parse_number(row, text, &n);
                if (r == 0)
                        store_number(row, at, n);
                break;
        }
        if (r == 0)
                return 0;
        config_value_describe(row, &b);
        snprintf(reason, 128, "%s %s", r == -ERANGE ? "is out of range:" : "is not", buf_str(&b));
        return -EINVAL;
}

void config_value_describe(const struct config_row *row, struct buf *out)
{
        static const char *const titles[] = {
                [CONFIG_BOOL] = "true or false",
                [CONFIG_POWER2] = "a power of two, ",
                [CONFIG_NUMBER] = "a whole number, ",
                [CONFIG_SPAN] = "a length of time, ",
                [CONFIG_SIZE] = "a size, ",
                [CONFIG_SCORE] = "a number of at most two decimals, ",
                [CONFIG_PATH] = "an absolute path",
                [CONFIG_PATH_NONE] = "an absolute path or none",
                [CONFIG_NAME] = "a name",
                [CONFIG_TEXT] = "a text",
                [CONFIG_TEXT_NONE] = "a text or none",
                [CONFIG_PEER] = "an address or network",
                [CONFIG_DATE] = "a date or time such as 2027-01-01 or 2027-01-01T09:00:00+0900",
                [CONFIG_CIDRS] = "a list of addresses and networks",
                [CONFIG_PATHS] = "a list of absolute paths",
                [CONFIG_TEXTS] = "a list of texts",
                [CONFIG_GROUPS] = "names with values as in a rule's header",
                [CONFIG_SIDS] = "a list of rules by their sid",
                [CONFIG_PORTS] = "a list of 1 to ",
                [CONFIG_WEIGHTS] = "kinds of evidence with numbers, ",
                [CONFIG_EXCEPTIONS] = "a list of exceptions",
        };
        const struct unit *units = row->type == CONFIG_SPAN ? span_units : size_units;

        for (int i = 0; row->type == CONFIG_ENUM && row->names[i]; i++)
                buf_printf(out, "%s%s", i == 0 ? "one of " : row->names[i + 1] ? ", " : " or ", row->names[i]);
        if (titles[row->type])
                buf_puts(out, titles[row->type]);
        switch (row->type) {
        case CONFIG_PORTS:
                buf_printf(out, "%" PRId64 " ports", row->max);
                break;
        case CONFIG_POWER2:
        case CONFIG_NUMBER:
                buf_printf(out, "%" PRId64 " to %" PRId64, row->min, row->max);
                break;
        case CONFIG_SPAN:
        case CONFIG_SIZE:
                put_units(units, row->min, out);
                buf_puts(out, " to ");
                put_units(units, row->max, out);
                break;
        case CONFIG_SCORE:
        case CONFIG_WEIGHTS:
                put_score(row->min, out);
                buf_puts(out, " to ");
                put_score(row->max, out);
                break;
        default:
                break;
        }
}

void config_value_put_cidr(const struct cidr *net, struct buf *out)
{
        char text[ADDR_TEXT_MAX];
        bool mapped = addr_is_v4(&net->base), v4 = mapped && net->bits >= 96;
        bool quote;

        addr_format(&net->base, text);
        /* A colon at either end means something else in YAML. */
        quote = text[0] == ':' || (mapped && !v4) || (net->bits == 128 && text[strlen(text) - 1] == ':');
        buf_printf(out, "%s%s%s", quote ? "\"" : "", mapped && !v4 ? "::ffff:" : "", text);
        if (net->bits < 128)
                buf_printf(out, "/%u", net->bits - (v4 ? 96u : 0u));
        buf_puts(out, quote ? "\"" : "");
}

void config_value_put_text(const char *text, struct buf *out)
{
        bool plain = *text == '/';

        for (const char *p = text; *p && plain; p++)
                plain = isalnum((unsigned char) *p) || strchr("/._-", *p);
        if (plain)
                buf_puts(out, text);
        else
                buf_put_json(out, text, strlen(text)); /* which YAML reads as a double-quoted scalar */
}

void config_value_put(const struct config_row *row, const void *base, struct buf *out)
{
        const void *at = (const char *) base + row->offset;
        int64_t n;

        switch (row->type) {
        case CONFIG_PATH:
        case CONFIG_PATH_NONE:
        case CONFIG_NAME:
        case CONFIG_TEXT:
        case CONFIG_TEXT_NONE: {
                const char *text = *(char *const *) at;

                if (!text)
                        buf_puts(out, "none");
                else if (row->type == CONFIG_NAME)
                        buf_puts(out, text);
                else
                        config_value_put_text(text, out);
                return;
        }
        case CONFIG_PEER:
                config_value_put_cidr(at, out);
                return;
        case CONFIG_DATE:
                put_date(*(const nsec_t *) at, out);
                return;
        default:
                break;
        }

        n = load_number(row, at);
        switch (row->type) {
        case CONFIG_BOOL:
                buf_puts(out, n ? "true" : "false");
                break;
        case CONFIG_ENUM:
                buf_puts(out, row->names[n]);
                break;
        case CONFIG_SPAN:
        case CONFIG_SIZE:
                put_units(row->type == CONFIG_SPAN ? span_units : size_units, n, out);
                break;
        case CONFIG_SCORE:
                put_score(n, out);
                break;
        default:
                buf_printf(out, "%" PRId64, n);
                break;
        }
}
