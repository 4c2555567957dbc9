/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A record of a relay as a row, and back. Classes, signs, systems and lists stand there by name: judge.def changes, and
 * a configuration's lists do. A row may come from a file that someone else wrote: names that are not known are unknown,
 * numbers are brought within their range. Runs where records are written and read. */
#include <errno.h>

#include "mail/smtp_probe.h"
#include "store/store_internal.h"

enum {
        AT_ADDR,
        AT_TIME,
        AT_CAME,
        AT_MAIL,
        AT_INQUIRY,
        AT_MOVED,
        AT_CLASS,
        AT_NEAREST,
        AT_WHY,
        AT_SCORE,
        AT_SIGNS,
        AT_FOR,
        AT_AGAINST,
        AT_LISTS,
        AT_FAMILY,
        AT_ROLE,
        AT_CONFIDENCE,
        AT_DISTANCE,
        AT_SMTP,
        AT_PING,
        AT_OS,
        AT_RDNS,
        AT_HELO,
        AT_BANNER,
};

#define WORD_MAX   192 /* of a list; longer ones do not come from here */
#define NOT_PROBED ""

static void bind_text(sqlite3_stmt *st, int at, const char *text, size_t size)
{
        sqlite3_bind_text64(st, at + 1, text, strnlen(text, size), SQLITE_STATIC, SQLITE_UTF8);
}

static void bind_name(sqlite3_stmt *st, int at, const char *name)
{
        bind_text(st, at, name, strlen(name));
}

/* --- lists of words --- */

static void put_word(struct buf *out, size_t from, const char *word)
{
        if (out->len > from)
                buf_putc(out, ' ');
        buf_puts(out, word);
}

static void put_bits(struct buf *out, uint32_t bits)
{
        size_t from = out->len;

        for (unsigned i = 0; i < JUDGE_SIGNS; i++)
                if (bits & 1u << i)
                        put_word(out, from, judge_sign_name(i));
}

static void put_signs(struct buf *out, const struct record *r)
{
        size_t from = out->len;

        for (unsigned i = 0; i < JUDGE_SIGNS; i++)
                if (r->signs[i] == ANSWER_YES || r->signs[i] == ANSWER_NO) {
                        put_word(out, from, judge_sign_name(i));
                        buf_printf(out, "=%s", answer_name(r->signs[i]));
                }
}

/* "+zen.example.org -other.example.org", "+#3" where the third has no name. */
static void put_lists(const struct store *s, struct buf *out, const struct record *r)
{
        size_t from = out->len;

        for (unsigned i = 0; i < RECORD_LISTS; i++) {
                bool yes = r->listed & 1u << i;

                if (!yes && !(r->not_listed & 1u << i))
                        continue;
                put_word(out, from, yes ? "+" : "-");
                if (i < s->n_lists && s->lists[i])
                        buf_puts(out, s->lists[i]);
                else
                        buf_printf(out, "#%u", i);
        }
}

/* The next word of a text; NULL: no more. */
static const char *next_word(const char **text, char word[static WORD_MAX])
{
        const char *p = *text + strspn(*text, " ");
        size_t len = strcspn(p, " ");

        *text = p + len;
        if (len == 0)
                return NULL;
        snprintf(word, WORD_MAX, "%.*s", (int) MIN(len, (size_t) WORD_MAX), p);
        return word;
}

static unsigned find_sign(const char *name)
{
        unsigned i = 0;

        while (i < JUDGE_SIGNS && strcmp(judge_sign_name(i), name) != 0)
                i++;
        return i;
}

static uint32_t get_bits(const char *text)
{
        char word[WORD_MAX];
        uint32_t bits = 0;

        while (next_word(&text, word)) {
                unsigned i = find_sign(word);

                bits |= i < JUDGE_SIGNS ? 1u << i : 0;
        }
        return bits;
}

static void get_signs(const char *text, struct record *ret)
{
        char word[WORD_MAX];

        while (next_word(&text, word)) {
                char *answer = strchr(word, '=');
                unsigned i;

                if (!answer)
                        continue;
                *answer++ = '\0';
                i = find_sign(word);
                if (i < JUDGE_SIGNS && (strcmp(answer, "yes") == 0 || strcmp(answer, "no") == 0))
                        ret->signs[i] = answer_of(*answer == 'y');
        }
}

static unsigned find_list(const struct store *s, const char *name)
{
        unsigned i = 0;
        char *end;

        if (*name == '#') {
                unsigned long n = strtoul(name + 1, &end, 10);

                return end > name + 1 && !*end && n < RECORD_LISTS ? (unsigned) n : RECORD_LISTS;
        }
        while (i < s->n_lists && (!s->lists[i] || strcmp(s->lists[i], name) != 0))
                i++;
        return i < s->n_lists ? i : RECORD_LISTS;
}

static void get_lists(const struct store *s, const char *text, struct record *ret)
{
        char word[WORD_MAX];

        while (next_word(&text, word)) {
                unsigned i = find_list(s, word + 1);

                if (i < RECORD_LISTS && *word == '+')
                        ret->listed |= 1u << i;
                else if (i < RECORD_LISTS && *word == '-')
                        ret->not_listed |= 1u << i;
        }
}

/* --- names of enums --- */

static const char *answer_text(unsigned answer)
{
        return answer_name(answer);
}

static unsigned find_name(const char *name, const char *(*name_of)(unsigned), unsigned n, unsigned otherwise)
{
        for (unsigned i = 0; i < n; i++)
                if (strcmp(name_of(i), name) == 0)
                        return i;
        return otherwise;
}

static const char *get_text(sqlite3_stmt *st, int at)
{
        const char *text = (const char *) sqlite3_column_text(st, at);

        return text ? text : "";
}

static uint8_t get_byte(sqlite3_stmt *st, int at)
{
        return (uint8_t) MIN(store_get_u32(st, at), (uint32_t) UINT8_MAX);
}

/* --- the row --- */

static void bind_numbers(sqlite3_stmt *st, const struct record *r)
{
        sqlite3_bind_int64(st, AT_TIME + 1, r->asked);
        sqlite3_bind_int64(st, AT_CAME + 1, r->came);
        sqlite3_bind_int64(st, AT_INQUIRY + 1, r->inquiry);
        sqlite3_bind_int(st, AT_MOVED + 1, r->moved);
        sqlite3_bind_int(st, AT_SCORE + 1, r->score);
        sqlite3_bind_int(st, AT_CONFIDENCE + 1, r->os_confidence);
        sqlite3_bind_int(st, AT_DISTANCE + 1, r->distance);
}

int store_bind_relay(struct store *s, sqlite3_stmt *st, const struct record *r)
{
        size_t at[5];
        struct buf *b = &s->scratch;

        buf_reset(b);
        at[0] = 0;
        put_signs(b, r);
        at[1] = b->len;
        put_bits(b, r->speak_for);
        at[2] = b->len;
        put_bits(b, r->against);
        at[3] = b->len;
        put_lists(s, b, r);
        at[4] = b->len;
        if (b->error)
                return b->error;
        for (int i = 0; i < 4; i++)
                sqlite3_bind_text64(st, AT_SIGNS + i + 1, buf_str(b) + at[i], at[i + 1] - at[i], SQLITE_STATIC,
                                    SQLITE_UTF8);
        sqlite3_bind_blob(st, AT_ADDR + 1, r->addr.b, sizeof(r->addr.b), SQLITE_STATIC);
        if (record_has_mail(r))
                sqlite3_bind_blob(st, AT_MAIL + 1, r->mail, sizeof(r->mail), SQLITE_STATIC);
        bind_numbers(st, r);
        bind_name(st, AT_CLASS, judge_class_name(r->class));
        bind_name(st, AT_NEAREST, judge_class_name(r->nearest));
        bind_name(st, AT_WHY, judge_why_name(r->why));
        bind_name(st, AT_FAMILY, os_family_name(r->os_family));
        bind_name(st, AT_ROLE, os_role_name(r->os_role));
        bind_name(st, AT_SMTP, r->smtp ? smtp_probe_end_name(r->smtp - 1u) : NOT_PROBED);
        bind_name(st, AT_PING, answer_name(r->ping));
        bind_text(st, AT_OS, r->os, sizeof(r->os));
        bind_text(st, AT_RDNS, r->rdns, sizeof(r->rdns));
        bind_text(st, AT_HELO, r->helo, sizeof(r->helo));
        bind_text(st, AT_BANNER, r->banner, sizeof(r->banner));
        return 0;
}

void store_get_relay(const struct store *s, sqlite3_stmt *st, struct record *ret)
{
        struct record r = {
                .asked = sqlite3_column_int64(st, AT_TIME),
                .came = sqlite3_column_int64(st, AT_CAME),
                .inquiry = MAX(store_get_u32(st, AT_INQUIRY), 1u),
                .moved = sqlite3_column_int(st, AT_MOVED) != 0,
                .class = find_name(get_text(st, AT_CLASS), judge_class_name, JUDGE_CLASSES, JUDGE_UNKNOWN),
                .nearest = find_name(get_text(st, AT_NEAREST), judge_class_name, JUDGE_CLASSES, JUDGE_UNKNOWN),
                .why = find_name(get_text(st, AT_WHY), judge_why_name, JUDGE_WHYS, JUDGE_NOTHING),
                .score = sqlite3_column_int(st, AT_SCORE),
                .speak_for = get_bits(get_text(st, AT_FOR)),
                .against = get_bits(get_text(st, AT_AGAINST)),
                .os_family = (uint8_t) find_name(get_text(st, AT_FAMILY), os_family_name, OS_FAMILIES, 0),
                .os_role = (uint8_t) find_name(get_text(st, AT_ROLE), os_role_name, OS_ROLES, 0),
                .os_confidence = get_byte(st, AT_CONFIDENCE),
                .distance = get_byte(st, AT_DISTANCE),
                .ping = (uint8_t) find_name(get_text(st, AT_PING), answer_text, ANSWERS, ANSWER_UNKNOWN),
        };
        unsigned end = find_name(get_text(st, AT_SMTP), smtp_probe_end_name, SMTP_PROBE_ENDS, SMTP_PROBE_ENDS);

        r.smtp = (uint8_t) (end < SMTP_PROBE_ENDS ? end + 1 : 0);
        get_signs(get_text(st, AT_SIGNS), &r);
        get_lists(s, get_text(st, AT_LISTS), &r);
        store_copy_blob(st, AT_ADDR, r.addr.b, sizeof(r.addr.b));
        store_copy_blob(st, AT_MAIL, r.mail, sizeof(r.mail));
        store_copy_text(st, AT_OS, r.os, sizeof(r.os));
        store_copy_text(st, AT_RDNS, r.rdns, sizeof(r.rdns));
        store_copy_text(st, AT_HELO, r.helo, sizeof(r.helo));
        store_copy_text(st, AT_BANNER, r.banner, sizeof(r.banner));
        *ret = r;
}
