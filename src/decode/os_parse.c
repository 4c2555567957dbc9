/* SPDX-License-Identifier: GPL-3.0-or-later */
/* p0f 3's format of signatures (README of p0f, section 5) to structs. Runs where decode/os_db.h says.
 *
 * Our own book uses three words more: a label's class "?" says that several systems send this; a line `role = client`
 * (server, either) behind a label says what machines with that system are for, and `ports = A-B` where it connects
 * from. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decode/os_internal.h"

#define LABELS_MAX 1024u

/* What is left of a line. */
struct text {
        const char *p, *end;
};

enum section { SECTION_OTHER, SECTION_REQUEST, SECTION_RESPONSE };

struct parser {
        struct os_book *book;
        enum section section;
        bool labelled; /* a signature has a label to belong to */
        unsigned line, size_signatures, size_labels;
};

/* --- words --- */

static bool take(struct text *t, const char *word)
{
        size_t n = strlen(word);

        if ((size_t) (t->end - t->p) < n || memcmp(t->p, word, n) != 0)
                return false;
        t->p += n;
        return true;
}

static bool take_number(struct text *t, unsigned max, unsigned *ret)
{
        unsigned v = 0;
        const char *begin = t->p;

        for (; t->p < t->end && *t->p >= '0' && *t->p <= '9'; t->p++) {
                v = v * 10 + (unsigned) (*t->p - '0');
                if (v > max)
                        return false;
        }
        if (t->p == begin)
                return false;
        *ret = v;
        return true;
}

static struct text trim(struct text t)
{
        while (t.p < t.end && (*t.p == ' ' || *t.p == '\t'))
                t.p++;
        while (t.end > t.p && (t.end[-1] == ' ' || t.end[-1] == '\t' || t.end[-1] == '\r'))
                t.end--;
        return t;
}

/* Up to the next ':' or the end, and over it. */
static struct text field(struct text *t)
{
        const char *colon = memchr(t->p, ':', (size_t) (t->end - t->p));
        struct text f = {t->p, colon ? colon : t->end};

        t->p = colon ? colon + 1 : t->end;
        return f;
}

/* Printable text of at most OS_DB_NAME_MAX - 1 bytes. */
static bool copy(struct text t, char *ret)
{
        size_t n = (size_t) (t.end - t.p);

        if (n >= OS_DB_NAME_MAX)
                return false;
        for (size_t i = 0; i < n; i++)
                if (t.p[i] < 0x20 || t.p[i] > 0x7e)
                        return false;
        memcpy(ret, t.p, n);
        ret[n] = 0;
        return true;
}

/* --- a signature --- */

static bool parse_ttl(struct text *t, struct os_signature *s)
{
        unsigned ttl, more = 0;

        if (!take_number(t, 255, &ttl) || ttl == 0)
                return false;
        if (take(t, "-"))
                s->any_ttl = true;
        else if (take(t, "+") && !take_number(t, 255 - ttl, &more))
                return false;
        s->ttl = (uint8_t) (ttl + more);
        return take(t, ":");
}

static bool parse_window(struct text *t, struct os_signature *s)
{
        unsigned v = 0, min = 0, max = 65535;

        if (take(t, "*"))
                s->window_kind = OS_WINDOW_ANY;
        else {
                s->window_kind = OS_WINDOW_IS;
                if (take(t, "%")) {
                        s->window_kind = OS_WINDOW_MODULO;
                        min = 2;
                } else if (take(t, "mss*")) {
                        s->window_kind = OS_WINDOW_MSS;
                        min = 1;
                        max = 1000;
                } else if (take(t, "mtu*")) {
                        s->window_kind = OS_WINDOW_MTU;
                        min = 1;
                        max = 1000;
                }
                if (!take_number(t, max, &v) || v < min)
                        return false;
        }
        s->window = (uint16_t) v;
        if (!take(t, ","))
                return false;
        if (take(t, "*"))
                s->scale = OS_ANY;
        else if (take_number(t, 255, &v))
                s->scale = (int16_t) v;
        else
                return false;
        return take(t, ":");
}

static bool parse_option(struct text *t, struct os_signature *s)
{
        static const struct {
                const char *word;
                uint8_t kind;
        } words[] = {{"nop", 1}, {"mss", 2}, {"ws", 3}, {"sok", 4}, {"sack", 5}, {"ts", 8}};
        unsigned v;

        if (s->n_options == OS_OPTIONS_MAX)
                return false;
        if (take(t, "eol+")) {
                if (!take_number(t, 255, &v) || t->p == t->end || *t->p != ':')
                        return false; /* it must be the last */
                s->eol_pad = (uint8_t) v;
                s->options[s->n_options++] = 0;
                return true;
        }
        if (take(t, "?")) {
                if (!take_number(t, 255, &v))
                        return false;
                s->options[s->n_options++] = (uint8_t) v;
                return true;
        }
        for (unsigned i = 0; i < ELEMENTSOF(words); i++)
                if (take(t, words[i].word)) {
                        s->options[s->n_options++] = words[i].kind;
                        return true;
                }
        return false;
}

static bool parse_options(struct text *t, struct os_signature *s)
{
        while (!take(t, ":"))
                if ((s->n_options > 0 && !take(t, ",")) || !parse_option(t, s))
                        return false;
        return true;
}

static bool parse_quirks(struct text *t, struct os_signature *s)
{
        static const uint32_t only4 = OS_QUIRK_DF | OS_QUIRK_ID_SET | OS_QUIRK_ID_ZERO | OS_QUIRK_RESERVED;

        while (!take(t, ":")) {
                unsigned bit = 0;

                if (s->quirks && !take(t, ","))
                        return false;
                while (bit < OS_QUIRKS && !take(t, os_quirk_name(bit)))
                        bit++;
                if (bit == OS_QUIRKS)
                        return false;
                s->quirks |= 1u << bit;
        }
        return !(s->version == 6 && (s->quirks & only4)) && !(s->version == 4 && (s->quirks & OS_QUIRK_FLOW));
}

/* ver:ittl:olen:mss:wsize,scale:olayout:quirks:pclass */
static bool parse_signature(struct text t, struct os_signature *s)
{
        unsigned v;

        s->version = take(&t, "4") ? 4 : take(&t, "6") ? 6 : 0;
        if (s->version == 0 && !take(&t, "*"))
                return false;
        if (!take(&t, ":") || !parse_ttl(&t, s) || !take_number(&t, 255, &v) || !take(&t, ":"))
                return false;
        s->ip_options = (uint8_t) v;
        if (take(&t, "*"))
                s->mss = OS_ANY;
        else if (take_number(&t, 65535, &v))
                s->mss = (int32_t) v;
        else
                return false;
        if (!take(&t, ":") || !parse_window(&t, s) || !parse_options(&t, s) || !parse_quirks(&t, s))
                return false;
        s->payload = take(&t, "*") ? OS_ANY : take(&t, "+") ? 1 : 0;
        return (s->payload != 0 || take(&t, "0")) && t.p == t.end;
}

/* --- labels --- */

static const struct {
        const char *begin; /* of the name in a label */
        enum os_family family;
        enum os_role role;
} families[] = {
        {"Linux", OS_FAMILY_LINUX, OS_ROLE_EITHER},
        {"Windows", OS_FAMILY_WINDOWS, OS_ROLE_EITHER}, /* its server editions have the same network code */
        {"Mac", OS_FAMILY_APPLE, OS_ROLE_CLIENT},
        {"mac", OS_FAMILY_APPLE, OS_ROLE_CLIENT},
        {"iOS", OS_FAMILY_APPLE, OS_ROLE_CLIENT},
        {"FreeBSD", OS_FAMILY_FREEBSD, OS_ROLE_SERVER},
        {"OpenBSD", OS_FAMILY_OPENBSD, OS_ROLE_SERVER},
        {"NetBSD", OS_FAMILY_NETBSD, OS_ROLE_SERVER},
        {"Solaris", OS_FAMILY_SOLARIS, OS_ROLE_SERVER},
        {"OpenVMS", OS_FAMILY_OTHER, OS_ROLE_SERVER},
        {"Tru64", OS_FAMILY_OTHER, OS_ROLE_SERVER},
        {"Nintendo", OS_FAMILY_OTHER, OS_ROLE_CLIENT},
        {"Blackberry", OS_FAMILY_OTHER, OS_ROLE_CLIENT},
};

static bool parse_label(struct text t, struct os_label *l)
{
        struct text type = field(&t), class = field(&t), name = field(&t);
        size_t n = (size_t) (class.end - class.p);

        if (type.end - type.p != 1 || (*type.p != 's' && *type.p != 'g') || n == 0)
                return false;
        l->generic = *type.p == 'g';
        l->tool = n == 1 && *class.p == '!';
        l->several = n == 1 && *class.p == '?';
        if (!copy(name, l->name) || !l->name[0] || !copy(t, l->version))
                return false;
        l->family = OS_FAMILY_OTHER;
        l->role = OS_ROLE_EITHER;
        for (unsigned i = 0; i < ELEMENTSOF(families); i++)
                if (strncmp(l->name, families[i].begin, strlen(families[i].begin)) == 0) {
                        l->family = families[i].family;
                        l->role = families[i].role;
                        break;
                }
        return true;
}

static bool parse_role(struct text t, struct os_label *l)
{
        for (unsigned role = OS_ROLE_CLIENT; role < OS_ROLES; role++) {
                struct text word = t;

                if (take(&word, os_role_name(role)) && word.p == word.end) {
                        l->role = role;
                        return true;
                }
        }
        return false;
}

static bool parse_ports(struct text t, struct os_label *l)
{
        unsigned first, last;

        if (!take_number(&t, 65535, &first) || !take(&t, "-") || !take_number(&t, 65535, &last) || t.p != t.end ||
            first == 0 || last < first)
                return false;
        l->port_first = (uint16_t) first;
        l->port_last = (uint16_t) last;
        return true;
}

/* --- the book --- */

/* Room for one more. -E2BIG, -ENOMEM. */
static int grow(void **array, unsigned n, unsigned *size, unsigned max, size_t entry)
{
        unsigned wanted = *size ? *size * 2 : 64;
        void *bigger;

        if (n < *size)
                return 0;
        if (n >= max)
                return -E2BIG;
        bigger = realloc(*array, MIN(wanted, max) * entry);
        if (!bigger)
                return -ENOMEM;
        *array = bigger;
        *size = MIN(wanted, max);
        return 0;
}

static int add_label(struct parser *p, struct text value)
{
        struct os_book *b = p->book;
        int r = grow((void **) &b->labels, b->n_labels, &p->size_labels, LABELS_MAX, sizeof(*b->labels));

        if (r < 0)
                return r;
        b->labels[b->n_labels] = (struct os_label){0};
        p->labelled = parse_label(value, &b->labels[b->n_labels]);
        if (!p->labelled)
                return -EINVAL;
        b->n_labels++;
        return 0;
}

static int add_signature(struct parser *p, struct text value)
{
        struct os_book *b = p->book;
        struct os_signature s = {
                .line = (uint16_t) MIN(p->line, 65535u),
                .answer = p->section == SECTION_RESPONSE,
        };
        int r;

        if (!p->labelled || !parse_signature(value, &s))
                return -EINVAL;
        r = grow((void **) &b->signatures, b->n_signatures, &p->size_signatures, OS_DB_SIGNATURES,
                 sizeof(*b->signatures));
        if (r < 0)
                return r;
        s.label = (uint16_t) (b->n_labels - 1);
        b->signatures[b->n_signatures++] = s;
        return 0;
}

static int parse_line(struct parser *p, struct text t)
{
        const char *equals;
        struct text key, value;

        t = trim(t);
        if (t.p == t.end || *t.p == ';')
                return 0;
        if (*t.p == '[') {
                struct text name = t;

                p->section = take(&name, "[tcp:request]")  ? SECTION_REQUEST :
                             take(&name, "[tcp:response]") ? SECTION_RESPONSE :
                                                             SECTION_OTHER;
                p->labelled = false;
                return p->section == SECTION_OTHER || name.p == name.end ? 0 : -EINVAL;
        }
        if (p->section == SECTION_OTHER)
                return 0;
        equals = memchr(t.p, '=', (size_t) (t.end - t.p));
        if (!equals)
                return -EINVAL;
        key = trim((struct text){t.p, equals});
        value = trim((struct text){equals + 1, t.end});
        if (take(&key, "label") && key.p == key.end)
                return add_label(p, value);
        if (take(&key, "sig") && key.p == key.end)
                return add_signature(p, value);
        if (take(&key, "role") && key.p == key.end)
                return p->labelled && parse_role(value, &p->book->labels[p->book->n_labels - 1]) ? 0 : -EINVAL;
        if (take(&key, "ports") && key.p == key.end)
                return p->labelled && parse_ports(value, &p->book->labels[p->book->n_labels - 1]) ? 0 : -EINVAL;
        /* On which systems a tool is at home: nothing to us. */
        return take(&key, "sys") && key.p == key.end ? 0 : -EINVAL;
}

int os_parse_book(const char *text, size_t len, struct os_book *b, struct buf *why, unsigned *ret_bad)
{
        struct parser p = {.book = b};
        const char *at = text, *end = text + len;
        unsigned bad = 0;

        if (len > OS_DB_TEXT_MAX)
                return -E2BIG;
        while (at < end) {
                const char *newline = memchr(at, '\n', (size_t) (end - at));
                struct text line = {at, newline ? newline : end};
                int r;

                p.line++;
                r = parse_line(&p, line);
                if (r < 0 && r != -EINVAL)
                        return r;
                if (r < 0 && bad++ == 0 && why)
                        buf_printf(why, "line %u is no signature, label or section of p0f's format", p.line);
                at = newline ? newline + 1 : end;
        }
        if (ret_bad)
                *ret_bad = bad;
        return 0;
}
