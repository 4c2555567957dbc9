/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that last: written beside, made durable, then put in place in one step. Runs in the keeper, the warden and
 * `gate`. */
#include "respond/gate_state.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"

#define MARKER     "shut"
#define MARKER_MAX 4096
#define HEAD       "sekimori-gate-shut 1"
#define OPENING    "open"
#define OPEN_HEAD  "sekimori-gate-open 1"
#define BOOT_ID    "/proc/sys/kernel/random/boot_id"
#define BOOT_MAX   64

static bool is_trusted(const struct stat *st)
{
        return (st->st_uid == 0 || st->st_uid == geteuid()) && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

int gate_state_open(const char *path, bool create, int *ret_fd)
{
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        if (create && mkdir(path, 0755) < 0 && errno != EEXIST)
                return -errno;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!is_trusted(&st))
                return -EPERM;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

static int open_file(int dir, const char *name, struct stat *ret_st)
{
        int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

        if (fd < 0)
                return errno == ELOOP ? -EPERM : -errno;
        if (fstat(fd, ret_st) < 0 || !S_ISREG(ret_st->st_mode) || !is_trusted(ret_st)) {
                close(fd);
                return -EPERM;
        }
        return fd;
}

int gate_state_read(int dir, const char *name, size_t max, char **ret, size_t *ret_len)
{
        _cleanup_free_ char *text = NULL;
        struct stat st;
        _cleanup_close_ int fd = open_file(dir, name, &st);
        size_t len = 0;
        ssize_t n;

        if (fd < 0)
                return fd;
        text = malloc(max + 2);
        if (!text)
                return -ENOMEM;
        while ((n = read(fd, text + len, max + 1 - len)) > 0)
                len += (size_t) n;
        if (n < 0)
                return -errno;
        if (len > max)
                return -EFBIG;
        text[len] = '\0';
        *ret = TAKE_PTR(text);
        *ret_len = len;
        return 0;
}

static int write_whole(int fd, const char *data, size_t len)
{
        while (len > 0) {
                ssize_t n = write(fd, data, len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                data += n;
                len -= (size_t) n;
        }
        return fsync(fd) < 0 ? -errno : 0;
}

int gate_state_write(int dir, const char *name, const char *data, size_t len)
{
        _cleanup_close_ int fd = -EBADF;
        char beside[128];
        int r;

        if ((size_t) snprintf(beside, sizeof(beside), ".%s.new", name) >= sizeof(beside))
                return -ENAMETOOLONG;
        if (unlinkat(dir, beside, 0) < 0 && errno != ENOENT)
                return -errno;
        fd = openat(dir, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (fd < 0)
                return -errno;
        r = write_whole(fd, data, len);
        if (r == 0 && renameat(dir, beside, dir, name) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlinkat(dir, beside, 0);
                return r;
        }
        return fsync(dir) < 0 ? -errno : 0;
}

static void copy_line(const char **text, char *ret, size_t size)
{
        size_t n = strcspn(*text, "\n"), kept = 0;

        for (size_t i = 0; i < n && kept + 1 < size; i++)
                if (!iscntrl((unsigned char) (*text)[i]))
                        ret[kept++] = (*text)[i];
        ret[kept] = '\0';
        *text += n + ((*text)[n] ? 1 : 0);
}

int gate_state_get(int dir, struct gate_state_shut *ret)
{
        struct gate_state_shut s = {.shut = true};
        _cleanup_free_ char *text = NULL;
        char head[32], when[CLOCK_TEXT_MAX];
        struct stat st;
        const char *at;
        size_t len;
        int r;

        if (fstatat(dir, MARKER, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                if (errno != ENOENT)
                        return -errno;
                *ret = (struct gate_state_shut){0};
                return 0;
        }
        s.since = (nsec_t) st.st_mtim.tv_sec * NSEC_PER_SEC + st.st_mtim.tv_nsec;
        r = gate_state_read(dir, MARKER, MARKER_MAX, &text, &len);
        if (r == -ENOMEM)
                return r;
        if (r == 0) {
                at = text;
                copy_line(&at, head, sizeof(head));
                if (strcmp(head, HEAD) == 0) {
                        copy_line(&at, when, sizeof(when));
                        copy_line(&at, s.who, sizeof(s.who));
                        copy_line(&at, s.reason, sizeof(s.reason));
                        (void) clock_parse_iso(when, &s.since);
                }
        }
        *ret = s;
        return 0;
}

int gate_state_is_shut(const struct config *c, struct gate_state_shut *ret)
{
        _cleanup_close_ int dir = -EBADF;
        int r = gate_state_open(c->gate.state, false, &dir);

        if (r == -ENOENT) {
                *ret = (struct gate_state_shut){0};
                return 0;
        }
        if (r == 0)
                r = gate_state_get(dir, ret);
        return r < 0 ? r : ret->shut;
}

int gate_state_shut(int dir, const char *who, const char *reason, nsec_t now)
{
        char when[CLOCK_TEXT_MAX], clean_who[GATE_STATE_WHO_MAX], clean_reason[GATE_STATE_REASON_MAX];
        char text[MARKER_MAX];
        struct buf b = BUF_FIXED(text);

        copy_line(&who, clean_who, sizeof(clean_who));
        copy_line(&reason, clean_reason, sizeof(clean_reason));
        buf_printf(&b, "%s\n%s\n%s\n%s\n", HEAD, clock_format_iso(now, when), clean_who, clean_reason);
        return b.error ? b.error : gate_state_write(dir, MARKER, buf_str(&b), b.len);
}

static int take_away(int dir, const char *name)
{
        if (unlinkat(dir, name, 0) < 0)
                return errno == ENOENT ? 0 : -errno;
        return fsync(dir) < 0 ? -errno : 0;
}

int gate_state_clear(int dir)
{
        return take_away(dir, MARKER);
}

static int read_boot(char ret[static BOOT_MAX])
{
        _cleanup_close_ int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, ret, BOOT_MAX - 1);

        if (n <= 0)
                return fd < 0 || n < 0 ? -errno : -EIO;
        ret[n] = '\0';
        ret[strcspn(ret, "\n")] = '\0';
        return 0;
}

int gate_state_open_until(int dir, const char *who, nsec_t until)
{
        char boot[BOOT_MAX], clean_who[GATE_STATE_WHO_MAX], when[CLOCK_TEXT_MAX], text[MARKER_MAX];
        struct buf b = BUF_FIXED(text);
        int r = read_boot(boot);

        if (r < 0)
                return r;
        copy_line(&who, clean_who, sizeof(clean_who));
        buf_printf(&b, "%s\n%s\n%" PRId64 "\n%s\n%s\n", OPEN_HEAD, boot, until,
                   clock_format_iso(clock_realtime() + until - clock_boottime(), when), clean_who);
        return b.error ? b.error : gate_state_write(dir, OPENING, buf_str(&b), b.len);
}

nsec_t gate_state_get_open(int dir)
{
        _cleanup_free_ char *text = NULL;
        char head[32], boot[BOOT_MAX], same[BOOT_MAX], number[32], *end;
        nsec_t until, now = clock_boottime();
        const char *at;
        size_t len;

        if (gate_state_read(dir, OPENING, MARKER_MAX, &text, &len) < 0 || read_boot(boot) < 0)
                return 0;
        at = text;
        copy_line(&at, head, sizeof(head));
        copy_line(&at, same, sizeof(same));
        copy_line(&at, number, sizeof(number));
        if (strcmp(head, OPEN_HEAD) != 0 || strcmp(boot, same) != 0 || !isdigit((unsigned char) number[0]))
                return 0;
        errno = 0;
        until = strtoll(number, &end, 10);
        return errno || *end || until <= now || until - now > GATE_STATE_OPEN_MOST ? 0 : until;
}

int gate_state_clear_open(int dir)
{
        return take_away(dir, OPENING);
}

nsec_t gate_state_opened(const struct config *c)
{
        _cleanup_close_ int dir = -EBADF;

        return gate_state_open(c->gate.state, false, &dir) < 0 ? 0 : gate_state_get_open(dir);
}

uint64_t gate_state_orders(const struct config *c)
{
        static const char *const names[] = {MARKER, OPENING};
        uint64_t n = 0;
        _cleanup_close_ int dir = open(c->gate.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        for (size_t i = 0; dir >= 0 && i < ELEMENTSOF(names); i++) {
                struct stat st;

                if (fstatat(dir, names[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                /* A file is written anew each time: another inode, another time. */
                n = n * 1000003 + i + 1;
                n = n * 1000003 + st.st_ino;
                n = n * 1000003 + (uint64_t) st.st_mtim.tv_sec;
                n = n * 1000003 + (uint64_t) st.st_mtim.tv_nsec;
        }
        return n;
}
