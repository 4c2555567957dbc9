/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Problems found in a configuration: "file:line: reason", collected so that a person can mend them all in one go. */
#include <errno.h>
#include <stdarg.h>

#include "config/internal.h"

static void put(struct config_problems *p, unsigned line, const char *kind, const char *format, va_list ap)
{
        char raw[768];
        size_t len;

        if (!p->out)
                return;
        (void) vsnprintf(raw, sizeof(raw), format, ap);
        len = strlen(raw);
        buf_put_visible(p->out, p->file, strlen(p->file));
        if (line)
                buf_printf(p->out, ":%u", line);
        buf_printf(p->out, ": %s", kind);
        buf_put_visible(p->out, raw, len);
        buf_putc(p->out, '\n');
}

void config_error(struct config_problems *p, unsigned line, const char *format, ...)
{
        va_list ap;

        p->n_errors++;
        if (p->n_errors <= CONFIG_PROBLEMS_MAX) {
                va_start(ap, format);
                put(p, line, "", format, ap);
                va_end(ap);
        } else if (p->n_errors == CONFIG_PROBLEMS_MAX + 1 && p->out)
                buf_puts(p->out, "more errors are not listed\n");
}

void config_note(struct config_problems *p, unsigned line, const char *format, ...)
{
        va_list ap;

        if (++p->n_notes > CONFIG_PROBLEMS_MAX)
                return;
        va_start(ap, format);
        put(p, line, "note: ", format, ap);
        va_end(ap);
}

int config_problems_result(const struct config_problems *p)
{
        return p->error ? p->error : p->n_errors ? -EINVAL : 0;
}
