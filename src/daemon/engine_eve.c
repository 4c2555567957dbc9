/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The EVE file. Lines are gathered and written whole; what a full disk does not take waits, up to a bound, and goes out
 * in order when there is room again, so that the file never has half a line in its middle. Of that room the many events
 * get half: what was found must not be lost to them. Runs in the engine. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "daemon/engine_internal.h"

#define EVE_GATHER  (32u << 10)
#define EVE_WAITING (256u << 10)
#define EVE_MODE    0640 /* who talked to whom is not for everybody */

static void on_failure(struct engine *e, int r)
{
        if (e->eve.failing)
                return;
        e->eve.failing = true;
        e->eve.lost_before = e->counts.eve_lost;
        engine_log(e, LOG_LEVEL_ERROR,
                   "cannot write %s: %s; watching goes on, lines that find no room are lost and counted",
                   e->config->eve.path, strerror(-r));
}

static void on_success(struct engine *e)
{
        if (!e->eve.failing)
                return;
        e->eve.failing = false;
        engine_log(e, LOG_LEVEL_NOTICE, "%s can be written again; %llu lines were lost", e->config->eve.path,
                   (unsigned long long) (e->counts.eve_lost - e->eve.lost_before));
}

static void take_off(struct buf *b, size_t n)
{
        memmove(b->data, b->data + n, b->len - n + 1);
        b->len -= n;
}

void engine_eve_flush(struct engine *e)
{
        struct buf *b = &e->eve.out;

        while (e->eve.fd >= 0 && b->len) {
                ssize_t n = write(e->eve.fd, b->data, b->len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0) {
                        on_failure(e, n < 0 ? -errno : -EIO);
                        return;
                }
                e->eve.torn = b->data[n - 1] != '\n';
                take_off(b, (size_t) n);
                if (b->len == 0)
                        on_success(e);
        }
}

void engine_eve_put(struct engine *e, bool found)
{
        const size_t room = found ? EVE_WAITING : EVE_WAITING / 2;
        struct buf *b = &e->eve.out;

        if (!e->line.error && e->line.len)
                (void) buf_putc(&e->line, '\n');
        if (e->line.error || e->line.len == 0 || e->line.len > room)
                e->counts.eve_lost++;
        else {
                if (b->len + e->line.len > room)
                        engine_eve_flush(e);
                if (b->len + e->line.len > room || buf_put(b, e->line.data, e->line.len) < 0)
                        e->counts.eve_lost++;
                else if (b->len > EVE_GATHER && !e->eve.failing)
                        engine_eve_flush(e);
        }
        buf_reset(&e->line);
}

static bool is_same_file(int a, int b)
{
        struct stat x, y;

        return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* The rest of a line that began in the old file means nothing in the new one. */
static void drop_rest(struct engine *e)
{
        struct buf *b = &e->eve.out;
        const char *end = b->len ? memchr(b->data, '\n', b->len) : NULL;

        if (!e->eve.torn)
                return;
        e->eve.torn = false;
        e->counts.eve_lost++;
        if (end)
                take_off(b, (size_t) (end + 1 - b->data));
        else
                buf_reset(b);
}

int engine_eve_open(struct engine *e)
{
        int fd;

        if (!e->config->eve.path)
                return 0;
        /* Not blocking: a pipe that nobody reads must not stop the watch. */
        fd = open(e->config->eve.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, EVE_MODE);
        if (fd < 0)
                return -errno;
        if (e->eve.fd >= 0) {
                engine_eve_flush(e);
                if (!is_same_file(e->eve.fd, fd))
                        drop_rest(e);
                close(e->eve.fd);
        }
        e->eve.fd = fd;
        return 0;
}

void engine_eve_close(struct engine *e)
{
        const struct buf *b = &e->eve.out;
        unsigned lines = 0;

        if (e->eve.fd < 0)
                return;
        engine_eve_flush(e);
        for (size_t i = 0; i < b->len; i++)
                lines += b->data[i] == '\n';
        if (lines)
                engine_log(e, LOG_LEVEL_ERROR, "the last %u lines of %s could not be written", lines,
                           e->config->eve.path);
        close(e->eve.fd);
        e->eve.fd = -1;
        buf_done(&e->eve.out);
}
