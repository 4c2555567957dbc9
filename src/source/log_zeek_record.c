/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A line of one of Zeek's logs as a record of known fields: tab-separated values under the header that the file itself
 * gives (which may change midway, as in files that were joined), and the values' text. Runs in `read`. */
#include <errno.h>

#include "source/log_zeek.h"

static const char *const names[ZEEK_FIELD_COUNT] = {
#define X(name, id) name,
        ZEEK_FIELDS(X)
#undef X
};

static unsigned hash_of(const char *p, uint32_t len)
{
        return len ? (len * 7u + (uint8_t) p[0] * 3u + (uint8_t) p[len - 1] * 5u + (uint8_t) p[len / 2]) % 128u : 0;
}

enum zeek_field log_zeek_field(struct zeek *z, struct slice name)
{
        if (!z->has_index) {
                for (unsigned i = 0; i < ZEEK_FIELD_COUNT; i++) {
                        unsigned h = hash_of(names[i], (uint32_t) strlen(names[i]));

                        z->next[i] = z->index[h];
                        z->index[h] = (uint8_t) (i + 1);
                }
                z->has_index = true;
        }
        for (unsigned i = z->index[hash_of(name.p, name.len)]; i; i = z->next[i - 1])
                if (log_text_is(name, names[i - 1]))
                        return (enum zeek_field)(i - 1);
        return ZEEK_NO_FIELD;
}

/* The text up to the separator; what follows it stays in `rest`, whose p is NULL after the last one. */
static struct slice next_value(struct slice *rest, char separator)
{
        const char *end = rest->len ? memchr(rest->p, separator, rest->len) : NULL;
        struct slice value = *rest;

        if (!end) {
                *rest = (struct slice){0};
                return value;
        }
        value.len = (uint32_t) (end - value.p);
        *rest = (struct slice){end + 1, rest->len - value.len - 1};
        return value;
}

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c |= 0x20;
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "\x09" or the character itself. */
static int parse_separator(struct slice s, char *ret)
{
        if (s.len == 1) {
                *ret = s.p[0];
                return 0;
        }
        if (s.len != 4 || s.p[0] != '\\' || s.p[1] != 'x' || hex_digit(s.p[2]) < 0 || hex_digit(s.p[3]) < 0)
                return -EBADMSG;
        *ret = (char) (hex_digit(s.p[2]) << 4 | hex_digit(s.p[3]));
        return 0;
}

static int keep_mark(char to[static ZEEK_MARK_MAX], struct slice s)
{
        if (s.len >= ZEEK_MARK_MAX || (s.len && memchr(s.p, '\0', s.len)))
                return -EBADMSG;
        memset(to, 0, ZEEK_MARK_MAX);
        if (s.len)
                memcpy(to, s.p, s.len);
        return 0;
}

static uint8_t path_of(struct slice s)
{
        static const char *const paths[ZEEK_PATHS] = {
                [ZEEK_CONN] = "conn", [ZEEK_DNS] = "dns", [ZEEK_HTTP] = "http",
                [ZEEK_SSL] = "ssl",   [ZEEK_IRC] = "irc", [ZEEK_SMTP] = "smtp",
        };

        for (uint8_t i = 0; i < ZEEK_PATHS; i++)
                if (paths[i] && log_text_is(s, paths[i]))
                        return i;
        return ZEEK_PATH_OTHER;
}

static int take_fields(struct zeek *z, struct slice rest)
{
        z->n_columns = 0;
        z->has_fields = false;
        while (rest.p) {
                if (z->n_columns == ZEEK_COLUMNS_MAX)
                        return -EBADMSG;
                z->column[z->n_columns++] = (uint8_t) log_zeek_field(z, next_value(&rest, z->separator));
        }
        z->has_fields = true;
        return 0;
}

/* "#fields\tts\tuid...". */
static int take_header(struct zeek *z, struct slice line)
{
        struct slice name;

        if (log_text_skip(&line, "#separator ")) {
                /* A new file begins: nothing of the last one's header holds. */
                z->set_separator = ',';
                z->has_fields = false;
                z->path = ZEEK_PATH_UNKNOWN;
                memcpy(z->empty, "(empty)", sizeof("(empty)"));
                memcpy(z->unset, "-", sizeof("-"));
                return parse_separator(line, &z->separator);
        }
        if (!z->separator) { /* the beginning was cut off */
                z->separator = '\t';
                z->set_separator = ',';
                memcpy(z->empty, "(empty)", sizeof("(empty)"));
                memcpy(z->unset, "-", sizeof("-"));
        }
        name = next_value(&line, z->separator);
        if (log_text_is(name, "#set_separator"))
                return line.p ? parse_separator(line, &z->set_separator) : -EBADMSG;
        if (log_text_is(name, "#empty_field"))
                return keep_mark(z->empty, line);
        if (log_text_is(name, "#unset_field"))
                return keep_mark(z->unset, line);
        if (log_text_is(name, "#path"))
                z->path = path_of(line);
        else if (log_text_is(name, "#fields"))
                return take_fields(z, line);
        return 0;
}

int log_zeek_tsv(struct zeek *z, struct slice line)
{
        uint16_t i = 0;

        if (line.len > 0 && line.p[0] == '#')
                return MIN(take_header(z, line), 0);
        if (!z->has_fields)
                return -EBADMSG;
        for (; line.p && i < z->n_columns; i++) {
                struct slice value = next_value(&line, z->separator);
                struct zeek_value *v;

                if (z->column[i] == ZEEK_NO_FIELD)
                        continue;
                v = &z->value[z->column[i]];
                *v = (struct zeek_value){.raw = value};
                if (log_text_is(value, z->unset))
                        v->raw = (struct slice){0};
                else if (log_text_is(value, z->empty))
                        v->raw.len = 0;
        }
        /* A line that is cut has too few values. More than there are names for: labels that others have added. */
        return i == z->n_columns ? 1 : -EBADMSG;
}

char *log_zeek_room(struct zeek *z, uint32_t len)
{
        char *p = z->scratch + z->scratch_used;

        if (len > ZEEK_SCRATCH - z->scratch_used) {
                z->cut = true;
                return NULL;
        }
        z->scratch_used += len;
        return p;
}

/* UTF-8 of a code point of the basic plane; a half of a pair becomes U+FFFD. Bytes written: at most 3. */
static unsigned put_utf8(char *to, unsigned c)
{
        if (c >= 0xd800 && c < 0xe000)
                c = 0xfffd;
        if (c < 0x80) {
                to[0] = (char) c;
                return 1;
        }
        if (c < 0x800) {
                to[0] = (char) (0xc0 | c >> 6);
                to[1] = (char) (0x80 | (c & 0x3f));
                return 2;
        }
        to[0] = (char) (0xe0 | c >> 12);
        to[1] = (char) (0x80 | (c >> 6 & 0x3f));
        to[2] = (char) (0x80 | (c & 0x3f));
        return 3;
}

/* The escape behind a backslash at s.p[0]: bytes read; writes at most as many. 0: none that is known. */
static uint32_t unescape_one(struct slice s, bool json, char *to, unsigned *ret_written)
{
        static const char from[] = "nrtbf\"\\/", into[] = "\n\r\t\b\f\"\\/";
        const char *simple = json && s.p[0] ? strchr(from, s.p[0]) : NULL;
        unsigned digits = json ? 4 : 2, value = 0;

        *ret_written = 1;
        if (simple) {
                *to = into[simple - from];
                return 1;
        }
        if (s.p[0] != (json ? 'u' : 'x') || s.len <= digits)
                return 0;
        for (unsigned i = 1; i <= digits; i++) {
                if (hex_digit(s.p[i]) < 0)
                        return 0;
                value = value << 4 | (unsigned) hex_digit(s.p[i]);
        }
        if (json)
                *ret_written = put_utf8(to, value);
        else
                *to = (char) value;
        return digits + 1;
}

/* Text without escapes. What does not fit into the scratch is cut. */
static struct slice plain(struct zeek *z, struct slice raw)
{
        struct slice text = raw;
        uint32_t n = 0;
        char *to;

        if (!raw.len || !memchr(raw.p, '\\', raw.len))
                return raw;
        if (raw.len > ZEEK_SCRATCH - z->scratch_used) {
                raw.len = ZEEK_SCRATCH - z->scratch_used;
                z->cut = true;
        }
        to = z->scratch + z->scratch_used;
        for (uint32_t i = 0; i < raw.len;) {
                unsigned written = 0;
                uint32_t used = 0;

                if (raw.p[i] == '\\' && i + 1 < raw.len)
                        used = unescape_one((struct slice){raw.p + i + 1, raw.len - i - 1}, z->json, to + n, &written);
                if (used) {
                        i += used + 1;
                        n += written;
                } else
                        to[n++] = raw.p[i++];
        }
        z->scratch_used += n;
        text = (struct slice){to, n};
        return text;
}

struct slice log_zeek_text(struct zeek *z, enum zeek_field field)
{
        const struct zeek_value *v = &z->value[field];

        return v->array ? (struct slice){0} : plain(z, v->raw);
}

bool log_zeek_true(const struct zeek *z, enum zeek_field field)
{
        struct slice s = z->value[field].raw;

        return log_text_is(s, "T") || log_text_is(s, "true");
}

uint64_t log_zeek_count(const struct zeek *z, enum zeek_field field, uint64_t none)
{
        uint64_t n;

        return log_text_number(z->value[field].raw, INT64_MAX, &n) < 0 ? none : n;
}

bool log_zeek_element(struct zeek *z, struct zeek_value *rest, struct slice *ret)
{
        struct slice raw;

        if (!rest->raw.p)
                return false;
        if (rest->array) {
                if (!log_zeek_json_element(&rest->raw, &raw))
                        return false;
        } else if (z->json) {
                raw = rest->raw; /* one value where an array was to be */
                rest->raw.p = NULL;
        } else {
                if (rest->raw.len == 0) {
                        rest->raw.p = NULL;
                        return false;
                }
                raw = next_value(&rest->raw, z->set_separator);
        }
        *ret = plain(z, raw);
        return true;
}
