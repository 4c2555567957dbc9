/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads the key files of the desktop: groups in brackets, a key and a value on each line. Only what the gate asks for
 * is looked at, and a line that does not fit is passed over, as every desktop does. Used by the keeper. */
#include "respond/gate_desktop.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define MAILTO "x-scheme-handler/mailto"

struct text {
        const char *at;
        size_t len;
};

static bool is(struct text t, const char *word)
{
        return t.len == strlen(word) && memcmp(t.at, word, t.len) == 0;
}

static struct text trimmed(struct text t)
{
        while (t.len && (t.at[0] == ' ' || t.at[0] == '\t'))
                t.at++, t.len--;
        while (t.len && (t.at[t.len - 1] == ' ' || t.at[t.len - 1] == '\t' || t.at[t.len - 1] == '\r'))
                t.len--;
        return t;
}

/* Cuts the part before the first `end` off *rest. false: nothing is left. */
static bool cut(struct text *rest, char end, struct text *ret)
{
        const char *p;

        if (!rest->len)
                return false;
        p = memchr(rest->at, end, rest->len);
        *ret = (struct text){rest->at, p ? (size_t) (p - rest->at) : rest->len};
        rest->at += ret->len + (p ? 1 : 0);
        rest->len -= ret->len + (p ? 1 : 0);
        return true;
}

static bool split(struct text line, struct text *ret_key, struct text *ret_value)
{
        const char *p = line.len ? memchr(line.at, '=', line.len) : NULL;

        if (!p || line.at[0] == '#')
                return false;
        *ret_key = trimmed((struct text){line.at, (size_t) (p - line.at)});
        *ret_value = trimmed((struct text){p + 1, line.len - (size_t) (p + 1 - line.at)});
        return true;
}

static bool list_has(struct text list, const char *word)
{
        struct text item;

        while (cut(&list, ';', &item))
                if (is(trimmed(item), word))
                        return true;
        return false;
}

/* One character of a value, its escape resolved (\s is a space): a string's escapes come before Exec's quotes. */
static char take_char(struct text *t)
{
        char c = t->at[0];

        t->at++, t->len--;
        if (c != '\\' || !t->len)
                return c;
        c = t->at[0];
        t->at++, t->len--;
        return c == 's' ? ' ' : c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
}

/* The first word of a command line. "" when it does not fit or is not a plain name. */
static void first_word(struct text value, char ret[static GATE_DESKTOP_EXEC_MAX])
{
        bool quoted = false;
        size_t n = 0;

        while (value.len) {
                char c = take_char(&value);

                if (c == '"') {
                        quoted = !quoted;
                        continue;
                }
                if (!quoted && (c == ' ' || c == '\t'))
                        break;
                if (quoted && c == '\\' && value.len)
                        c = take_char(&value);
                if (iscntrl((unsigned char) c) || n + 1 >= GATE_DESKTOP_EXEC_MAX) {
                        quoted = true;
                        break;
                }
                ret[n++] = c;
        }
        ret[quoted ? 0 : n] = '\0';
}

static void take_key(struct gate_desktop_entry *e, struct text key, struct text value)
{
        if (is(key, "Type"))
                e->application = is(value, "Application");
        else if (is(key, "Hidden"))
                e->hidden = is(value, "true");
        else if (is(key, "Terminal"))
                e->terminal = is(value, "true");
        else if (is(key, "Exec"))
                first_word(value, e->program);
        else if (is(key, "MimeType"))
                e->mailto = list_has(value, MAILTO);
        else if (is(key, "Categories")) {
                e->email = list_has(value, "Email");
                e->browser = list_has(value, "WebBrowser");
        }
}

int gate_desktop_parse(const char *text, size_t len, struct gate_desktop_entry *ret)
{
        struct text rest = {text, len}, line, key, value;
        struct gate_desktop_entry e = {0};
        bool ours = false, found = false;

        while (cut(&rest, '\n', &line)) {
                line = trimmed(line);
                if (line.len && line.at[0] == '[') {
                        ours = !found && is(line, "[Desktop Entry]");
                        found |= ours;
                } else if (ours && split(line, &key, &value))
                        take_key(&e, key, value);
        }
        if (!found)
                return -EINVAL;
        *ret = e;
        return 0;
}

static bool is_id(struct text t)
{
        static const char suffix[] = ".desktop";
        size_t n = sizeof(suffix) - 1;

        if (t.len <= n || t.len >= GATE_DESKTOP_ID_MAX || t.at[0] == '.' || memcmp(t.at + t.len - n, suffix, n) != 0)
                return false;
        for (size_t i = 0; i < t.len; i++)
                if (!isalnum((unsigned char) t.at[i]) && (!t.at[i] || !strchr("._-+", t.at[i])))
                        return false;
        return true;
}

unsigned gate_desktop_handlers(const char *text, size_t len, unsigned max, gate_desktop_id_cb cb, void *userdata)
{
        struct text rest = {text, len}, line, key, value, item;
        unsigned n = 0;
        bool ours = false;

        while (cut(&rest, '\n', &line)) {
                line = trimmed(line);
                if (line.len && line.at[0] == '[')
                        ours = is(line, "[Default Applications]") || is(line, "[Added Associations]") ||
                               is(line, "[MIME Cache]");
                else if (ours && split(line, &key, &value) && is(key, MAILTO))
                        while (n < max && cut(&value, ';', &item)) {
                                char id[GATE_DESKTOP_ID_MAX];

                                item = trimmed(item);
                                if (!is_id(item))
                                        continue;
                                memcpy(id, item.at, item.len);
                                id[item.len] = '\0';
                                cb(userdata, id);
                                n++;
                        }
        }
        return n;
}
