/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Words for a notification. Names in them are chosen by whoever runs a program: a name must not be able to draw a
 * button, a link or a second line, nor to turn the reading direction. Runs in the keeper and its children. */
#include "respond/gate_notify_text.h"

#include <errno.h>
#include <fcntl.h>

#include "base/buf.h"

#define RAW_MAX     1024 /* bytes of one text that are looked at */
#define ENVIRON_MAX 65536
#define ELLIPSIS    "\xe2\x80\xa6"

/* Characters that show nothing or change how others show, and those that are no characters, which D-Bus refuses. */
static bool hidden(uint32_t c)
{
        static const struct {
                uint32_t first, last;
        } ranges[] = {
                {0xad, 0xad},     {0x61c, 0x61c},   {0x115f, 0x1160},   {0x17b4, 0x17b5}, {0x180b, 0x180f},
                {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},   {0x3164, 0x3164}, {0xfdd0, 0xfdef},
                {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff},
        };

        for (size_t i = 0; i < ELEMENTSOF(ranges); i++)
                if (c >= ranges[i].first && c <= ranges[i].last)
                        return true;
        return (c & 0xfffe) == 0xfffe;
}

/* One character of valid UTF-8. */
static size_t decode(const char *s, uint32_t *ret)
{
        const unsigned char *p = (const unsigned char *) s;
        size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
        uint32_t c = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));

        for (size_t i = 1; i < n; i++)
                c = c << 6 | (p[i] & 0x3f);
        *ret = c;
        return n;
}

static const char *entity(uint32_t c)
{
        switch (c) {
        case '&':
                return "&amp;";
        case '<':
                return "&lt;";
        case '>':
                return "&gt;";
        case '"':
                return "&quot;";
        case '\'':
                return "&apos;";
        default:
                return NULL;
        }
}

/* Adds one line of at most `max` bytes: cut between characters, never within an entity. */
static void put_line(struct buf *out, size_t max, const char *raw, bool markup)
{
        char data[4 * RAW_MAX + 1];
        struct buf visible = BUF_FIXED(data);
        size_t end = out->len + MIN(max, out->max - out->len);
        size_t len = strnlen(raw, RAW_MAX), cut = out->len; /* where the ellipsis still fits */
        const char *s;

        (void) buf_put_visible(&visible, raw, len);
        if (raw[len])
                (void) buf_puts(&visible, " "); /* there was more: so that the last one below does not fit */
        s = buf_str(&visible);
        for (size_t i = 0; s[i];) {
                char unit[16];
                uint32_t c;
                size_t n = decode(s + i, &c);
                const char *e = markup ? entity(c) : NULL;

                if (hidden(c))
                        snprintf(unit, sizeof(unit), "\\u{%x}", c);
                else
                        snprintf(unit, sizeof(unit), "%.*s", (int) n, s + i);
                e = e ? e : unit;
                i += n;
                if (out->len + strlen(e) > end) {
                        out->len = cut;
                        (void) buf_puts(out, ELLIPSIS);
                        return;
                }
                (void) buf_puts(out, e);
                if (out->len + strlen(ELLIPSIS) <= end)
                        cut = out->len;
        }
}

void gate_notify_text_fill(const struct gate_notify_words *words, struct gate_notify_text *ret)
{
        struct gate_notify_text t = {0};
        struct buf title = BUF_FIXED(t.title), body = BUF_FIXED(t.body), times = BUF_FIXED(t.times);

        put_line(&title, title.max, words->title ? words->title : "", false);
        for (size_t i = 0; i < GATE_NOTIFY_LINES; i++) {
                if (!words->lines[i])
                        continue;
                if (body.len)
                        (void) buf_putc(&body, '\n');
                put_line(&body, GATE_NOTIFY_LINE_MAX, words->lines[i], true);
        }
        put_line(&times, times.max, words->times ? words->times : "", true);
        for (size_t i = 0; i < GATE_NOTIFY_ACTIONS; i++) {
                struct buf button = BUF_FIXED(t.button[i]);

                put_line(&button, button.max, words->buttons[i] ? words->buttons[i] : "", false);
        }
        *ret = t;
}

void gate_notify_text_count(struct gate_notify_text *text, uint32_t count)
{
        size_t len = strnlen(text->body, sizeof(text->body) - 1);
        const char *place = strstr(text->times, "{n}");

        if (count < 2 || !text->times[0])
                return;
        if (place)
                snprintf(text->body + len, sizeof(text->body) - len, "%s%.*s%u%s", len ? "\n" : "",
                         (int) (place - text->times), text->times, count, place + 3);
        else
                snprintf(text->body + len, sizeof(text->body) - len, "%s%s", len ? "\n" : "", text->times);
}

/* The value of `name` in a block of NAME=VALUE strings; *ret_len 0 when it is unset or empty. */
static const char *find(const char *block, size_t len, const char *name, size_t *ret_len)
{
        size_t n = strlen(name);

        *ret_len = 0;
        for (size_t at = 0; at < len;) {
                size_t size = strnlen(block + at, len - at);

                if (size > n && memcmp(block + at, name, n) == 0 && block[at + n] == '=') {
                        *ret_len = size - n - 1;
                        return block + at + n + 1;
                }
                at += size + 1;
        }
        return NULL;
}

int gate_notify_text_locale(const char *block, size_t len, enum gate_notify_language *ret)
{
        static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"}; /* setlocale(3), in its order */

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                size_t n;
                const char *value = find(block, len, names[i], &n);

                if (n == 0)
                        continue;
                /* "ja", "ja_JP.UTF-8", "ja.UTF-8", "ja@..." */
                *ret = n >= 2 && memcmp(value, "ja", 2) == 0 && (n == 2 || strchr("_.@", value[2])) ? GATE_NOTIFY_JA :
                                                                                                      GATE_NOTIFY_EN;
                return 0;
        }
        return -ENOENT;
}

/* Only a file, so that a pipe in its place does not hold us up. */
static ssize_t read_start(const char *path, char *data, size_t size)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        size_t len = 0;

        if (fd < 0)
                return -errno;
        while (len < size) {
                ssize_t n = read(fd, data + len, size - len);

                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                len += (size_t) n;
        }
        return (ssize_t) len;
}

/* /etc/default/locale and /etc/locale.conf are lines of shell assignments: as a block without their quotes. */
static size_t unquote(char *text, size_t len)
{
        size_t to = 0;

        for (size_t i = 0; i < len; i++)
                if (text[i] != '"' && text[i] != '\'')
                        text[to++] = text[i] == '\n' ? '\0' : text[i];
        return to;
}

enum gate_notify_language gate_notify_text_language(const char *proc, pid_t leader)
{
        static const char *const files[] = {"/etc/default/locale", "/etc/locale.conf"};
        static char data[ENVIRON_MAX];
        enum gate_notify_language language = GATE_NOTIFY_EN;
        char path[256];
        ssize_t n;

        if (leader > 0 && (size_t) snprintf(path, sizeof(path), "%s/%d/environ", proc, (int) leader) < sizeof(path)) {
                n = read_start(path, data, sizeof(data));
                if (n > 0 && gate_notify_text_locale(data, (size_t) n, &language) == 0)
                        return language;
        }
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                n = read_start(files[i], data, sizeof(data));
                if (n > 0 && gate_notify_text_locale(data, unquote(data, (size_t) n), &language) == 0)
                        break;
        }
        return language;
}
