/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Styles, wrapping and small words of the text views. Runs in the command line. */
#include "view/text.h"

#include <inttypes.h>
#include <sys/ioctl.h>
#include <time.h>

#include "base/cleanup.h"

struct text_look text_look_for(int fd)
{
        const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
        struct text_look look = {.width = TEXT_WIDTH_DEFAULT};
        struct winsize w;

        if (!isatty(fd))
                return look;
        look.colour = !(no && *no) && term && strcmp(term, "dumb") != 0;
        if (ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col)
                look.width = MIN(MAX(w.ws_col, 40u), 160u);
        return look;
}

void text_put(struct buf *out, const struct text_look *look, enum text_style style, const char *s)
{
        static const char *const codes[TEXT_STYLES] = {"", "\033[1m", "\033[2m", "\033[1;31m", "\033[33m", "\033[32m"};
        bool paint = look->colour && style != TEXT_PLAIN && *s;

        if (paint)
                buf_puts(out, codes[style]);
        buf_put_visible(out, s, strlen(s));
        if (paint)
                buf_puts(out, "\033[0m");
}

void text_put_sentence(struct buf *out, const struct text_look *look, enum text_style style, const char *s)
{
        _cleanup_free_ char *copy = strdup(s);

        if (copy && *copy >= 'a' && *copy <= 'z')
                *copy = (char) (*copy - 'a' + 'A');
        text_put(out, look, style, copy ? copy : s);
}

void text_heading(struct buf *out, const struct text_look *look, const char *s)
{
        buf_putc(out, '\n');
        text_put(out, look, TEXT_BOLD, s);
        buf_putc(out, '\n');
}

static unsigned columns(const char *s, size_t len)
{
        unsigned n = 0;

        for (size_t i = 0; i < len; i++)
                n += ((unsigned char) s[i] & 0xc0) != 0x80;
        return n;
}

unsigned text_columns(const char *s)
{
        return columns(s, strlen(s));
}

static void put_spaces(struct buf *out, unsigned n)
{
        while (n--)
                buf_putc(out, ' ');
}

void text_wrap(struct buf *out, const struct text_look *look, const char *first, const char *s)
{
        unsigned indent = text_columns(first), at = indent;
        bool fresh = true; /* nothing of the text stands on this line yet */

        buf_puts(out, first);
        while (*s) {
                size_t len = strcspn(s, " \n");
                char word[512];
                struct buf visible = BUF_FIXED(word);
                unsigned n;

                buf_put_visible(&visible, s, len);
                n = text_columns(buf_str(&visible));
                if (len && !fresh && at + 1 + n > look->width) {
                        buf_putc(out, '\n');
                        put_spaces(out, indent);
                        at = indent;
                        fresh = true;
                }
                if (len) {
                        if (!fresh)
                                buf_putc(out, ' ');
                        buf_puts(out, buf_str(&visible));
                        at += n + !fresh;
                        fresh = false;
                }
                s += len;
                if (*s == '\n' && s[1]) {
                        buf_putc(out, '\n');
                        put_spaces(out, indent);
                        at = indent;
                        fresh = true;
                }
                s += *s != '\0';
        }
        buf_putc(out, '\n');
}

enum text_style text_level_style(unsigned level)
{
        static const enum text_style styles[LEVELS] = {TEXT_DIM, TEXT_GREEN, TEXT_YELLOW, TEXT_RED};

        return level < LEVELS ? styles[level] : TEXT_PLAIN;
}

const char *text_date(nsec_t t, char text[static CLOCK_TEXT_MAX])
{
        time_t s = (time_t) (t / NSEC_PER_SEC);
        struct tm tm;

        if (!localtime_r(&s, &tm))
                memset(&tm, 0, sizeof(tm));
        strftime(text, CLOCK_TEXT_MAX, "%Y-%m-%d %H:%M:%S", &tm);
        return text;
}

void text_fact(struct buf *out, const struct fact *f)
{
        char text[CLOCK_TEXT_MAX], address[ADDR_TEXT_MAX], spare[8];

        for (const char *p = f->key; *p; p++)
                buf_put_visible(out, *p == '_' ? " " : p, 1);
        buf_putc(out, ' ');
        switch (f->type) {
        case FACT_NUMBER:
                buf_printf(out, "%" PRId64, f->number);
                break;
        case FACT_TIME:
                buf_puts(out, text_date(f->number, text));
                break;
        case FACT_SPAN:
                buf_puts(out, clock_format_span(f->number, text));
                break;
        case FACT_ENDPOINT:
                buf_puts(out, addr_format(&f->endpoint.addr, address));
                if (f->endpoint.port)
                        buf_printf(out, " port %u", f->endpoint.port);
                if (f->endpoint.proto)
                        buf_printf(out, "/%s", proto_name(f->endpoint.proto, spare));
                break;
        case FACT_TEXT:
                buf_put_visible(out, f->text, strnlen(f->text, sizeof(f->text)));
                break;
        case FACT_PROCESS:
                buf_put_visible(out, f->process.name, strnlen(f->process.name, sizeof(f->process.name)));
                buf_printf(out, " (%u", f->process.task.pid);
                if (f->process.task.tid != f->process.task.pid)
                        buf_printf(out, ", thread %u", f->process.task.tid);
                buf_putc(out, ')');
                break;
        case FACT_TYPES:
                break;
        }
}

void text_count(struct buf *out, uint64_t n, const char *noun)
{
        buf_printf(out, "%" PRIu64 " %s%s", n, noun, n == 1 ? "" : "s");
}

void text_stages(struct buf *out, uint32_t stages)
{
        unsigned n = (unsigned) __builtin_popcount(stages & ((1u << STAGES) - 1)), done = 0;

        if (n == 0)
                buf_puts(out, "none");
        for (unsigned i = 0; i < STAGES; i++)
                if (stages & 1u << i) {
                        buf_puts(out, done == 0 ? "" : done + 1 == n ? " and " : ", ");
                        buf_puts(out, stage_name(i));
                        done++;
                }
}

void text_volume(struct buf *out, uint64_t bytes)
{
        static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
        double v = (double) bytes;
        unsigned u = 0;

        for (; v >= 1000 && u + 1 < ELEMENTSOF(units); u++)
                v /= 1000;
        buf_printf(out, u ? "%.1f %s" : "%.0f %s", v, units[u]);
}
