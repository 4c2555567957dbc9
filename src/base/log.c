/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages of the program itself: one line each, safe for a terminal. */
#include "base/log.h"

#include <stdarg.h>

#include "base/buf.h"

static enum log_level log_max = LOG_LEVEL_NOTICE;
static const char *log_role;

void log_set_level(enum log_level max)
{
        log_max = max;
}

void log_set_role(const char *role)
{
        log_role = role;
}

void log_write(enum log_level level, const char *format, ...)
{
        static const char *const words[] = {"error: ", "warning: ", "", "debug: "};
        char raw[1024], line[2048];
        struct buf b = BUF_FIXED(line);
        va_list ap;

        if (level > log_max)
                return;

        va_start(ap, format);
        (void) vsnprintf(raw, sizeof(raw), format, ap);
        va_end(ap);

        buf_printf(&b, "sekimori%s%s: %s", log_role ? "-" : "", log_role ? log_role : "", words[level]);
        buf_put_visible(&b, raw, strlen(raw));
        fprintf(stderr, "%s\n", buf_str(&b));
}
