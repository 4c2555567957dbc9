/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One line of JSON as Zeek writes it: an object of strings, numbers, truth values and arrays of them. Values are found,
 * not copied; objects within it are skipped. A general JSON library takes ten times as long. Runs in `read`. */
#include <errno.h>

#include "source/log_zeek.h"

#define DEPTH_MAX 32

struct cursor {
        const char *p, *end;
};

static void skip_blanks(struct cursor *c)
{
        while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\r'))
                c->p++;
}

static bool skip_char(struct cursor *c, char wanted)
{
        skip_blanks(c);
        if (c->p == c->end || *c->p != wanted)
                return false;
        c->p++;
        return true;
}

/* A string: the text between its quotes, escapes and all. */
static int take_string(struct cursor *c, struct slice *ret)
{
        const char *begin;

        if (!skip_char(c, '"'))
                return -EBADMSG;
        begin = c->p;
        for (; c->p < c->end && *c->p != '"'; c->p++)
                if (*c->p == '\\' && ++c->p == c->end)
                        return -EBADMSG;
        if (c->p == c->end)
                return -EBADMSG;
        *ret = (struct slice){begin, (uint32_t) (c->p++ - begin)};
        return 0;
}

/* An array or an object, to its closing bracket. */
static int take_nested(struct cursor *c, struct slice *ret)
{
        const char *begin = c->p;
        struct slice spare;
        char open[DEPTH_MAX];
        unsigned depth = 0;

        do {
                if (c->p == c->end)
                        return -EBADMSG;
                if (*c->p == '"') {
                        if (take_string(c, &spare) < 0)
                                return -EBADMSG;
                        continue;
                }
                if (*c->p == '[' || *c->p == '{') {
                        if (depth == DEPTH_MAX)
                                return -EBADMSG;
                        open[depth++] = *c->p;
                } else if ((*c->p == ']' || *c->p == '}') && open[--depth] != (*c->p == ']' ? '[' : '{'))
                        return -EBADMSG;
                c->p++;
        } while (depth > 0);
        *ret = (struct slice){begin, (uint32_t) (c->p - begin)};
        return 0;
}

/* A number or a word. */
static int take_word(struct cursor *c, struct slice *ret)
{
        const char *begin = c->p;

        while (c->p < c->end && ((*c->p >= '0' && *c->p <= '9') || (*c->p >= 'a' && *c->p <= 'z') || *c->p == '.' ||
                                 *c->p == '-' || *c->p == '+' || *c->p == 'E'))
                c->p++;
        *ret = (struct slice){begin, (uint32_t) (c->p - begin)};
        return ret->len > 0 ? 0 : -EBADMSG;
}

static int take_value(struct cursor *c, struct zeek_value *ret)
{
        struct zeek_value v = {0};
        int r;

        skip_blanks(c);
        if (c->p == c->end)
                return -EBADMSG;
        if (*c->p == '"')
                r = take_string(c, &v.raw);
        else if (*c->p == '[' || *c->p == '{') {
                v.array = *c->p == '[';
                r = take_nested(c, &v.raw);
                if (!v.array)
                        v.raw = (struct slice){0};
        } else {
                r = take_word(c, &v.raw);
                if (r == 0 && log_text_is(v.raw, "null"))
                        v.raw = (struct slice){0};
        }
        if (r == 0)
                *ret = v;
        return r;
}

int log_zeek_json(struct zeek *z, struct slice line)
{
        struct cursor c = {line.p, line.p + line.len};

        if (!skip_char(&c, '{'))
                return -EBADMSG;
        if (skip_char(&c, '}'))
                return -EBADMSG; /* says nothing at all */
        do {
                struct zeek_value v;
                enum zeek_field field;
                struct slice key;

                if (take_string(&c, &key) < 0 || !skip_char(&c, ':') || take_value(&c, &v) < 0)
                        return -EBADMSG;
                field = log_zeek_field(z, key);
                if (field != ZEEK_NO_FIELD)
                        z->value[field] = v;
        } while (skip_char(&c, ','));
        if (!skip_char(&c, '}'))
                return -EBADMSG;
        skip_blanks(&c);
        return c.p == c.end ? 1 : -EBADMSG;
}

bool log_zeek_json_element(struct slice *rest, struct slice *ret)
{
        struct cursor c = {rest->p, rest->p + rest->len};
        struct zeek_value v;

        if (!rest->p || !(skip_char(&c, '[') || skip_char(&c, ',')) || take_value(&c, &v) < 0)
                return false;
        *rest = (struct slice){c.p, (uint32_t) (c.end - c.p)};
        *ret = v.raw;
        return true;
}
