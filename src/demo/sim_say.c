/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ground truth: one JSON line per thing that happened, written at once so that lines of several processes sharing
 * the pipe never mix. Runs in every process of the simulation. */
#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "demo/sim.h"

long long sim_say_start_ticks(void)
{
        char text[1024], *p;
        long long ticks = -1;
        int fd, field;
        ssize_t n;

        fd = open("/proc/thread-self/stat", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -1;
        n = read(fd, text, sizeof(text) - 1);
        close(fd);
        if (n <= 0)
                return -1;
        text[n] = '\0';
        /* The name may hold anything, spaces and brackets too: fields count from the last bracket. Start time is 22. */
        p = strrchr(text, ')');
        for (field = 2; p && field < 22; field++) {
                p = strchr(p, ' ');
                if (p)
                        p++;
        }
        if (p && sscanf(p, "%lld", &ticks) != 1)
                return -1;
        return ticks;
}

const char *sim_say_quote(const char *text, char out[static 1024])
{
        struct buf b = {.data = out, .size = 1024, .max = 1023, .fixed = true};

        if (buf_put_json(&b, text, strnlen(text, 150)) < 0)
                return "\"\"";
        return out;
}

void sim_say(const char *event, const char *members, ...)
{
        char line[3072];
        struct buf b = BUF_FIXED(line);
        va_list ap;

        buf_printf(&b, "{\"event\":\"%s\",\"t\":%lld,\"pid\":%d,\"tid\":%d,\"ppid\":%d,\"start\":%lld", event,
                   (long long) clock_boottime(), getpid(), gettid(), getppid(), sim_say_start_ticks());
        buf_putc(&b, ',');
        va_start(ap, members);
        buf_vprintf(&b, members, ap);
        va_end(ap);
        buf_puts(&b, "}\n");
        /* Whoever reads has gone: there is nobody left to tell. */
        if (b.error == 0 && write(STDOUT_FILENO, line, b.len) < 0)
                return;
}
