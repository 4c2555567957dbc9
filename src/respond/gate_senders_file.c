/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Declared senders on disk: `senders` in gate.state, and in `senders.undo` the versions before it, numbered upwards. A
 * version is kept by a second name of the same file, so that each step is whole after a crash. Runs in the keeper and
 * `gate`. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "respond/gate_senders_internal.h"
#include "respond/gate_state.h"

#define NAME      "senders"
#define UNDO      "senders.undo"
#define LOCK      "lock"
#define FILE_MAX  (4u << 20) /* 256 lines with names of files as long as they may be */
#define LOCK_LOOK 10         /* ms */

int gate_senders_load(int dir, struct gate_senders **ret, struct buf *errors)
{
        _cleanup_free_ char *text = NULL;
        size_t len;
        int r = gate_state_read(dir, NAME, FILE_MAX, &text, &len);

        if (r == -ENOENT) {
                *ret = gate_senders_new();
                return *ret ? 0 : -ENOMEM;
        }
        if (r < 0 && errors)
                buf_printf(errors, "%s: %s\n", NAME,
                           r == -EPERM ? "may be written by others than root, or is no file" :
                           r == -EFBIG ? "is too large" :
                                         strerror(-r));
        return r < 0 ? r : gate_senders_parse(NAME, text, len, ret, errors);
}

struct versions {
        unsigned first, last; /* 0: none */
        unsigned n;
};

static unsigned version_of(const char *name)
{
        size_t n = strlen(name);

        if (n == 0 || n > 9 || name[0] == '0' || strspn(name, "0123456789") != n)
                return 0;
        return (unsigned) strtoul(name, NULL, 10);
}

static int list_versions(int undo, struct versions *ret)
{
        struct versions v = {0};
        const struct dirent *e;
        DIR *d;
        int fd = openat(undo, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        d = fdopendir(fd);
        if (!d) {
                close(fd);
                return -ENOMEM;
        }
        while ((e = readdir(d))) {
                unsigned n = version_of(e->d_name);

                if (!n)
                        continue;
                v.n++;
                v.first = v.first ? MIN(v.first, n) : n;
                v.last = MAX(v.last, n);
        }
        closedir(d);
        *ret = v;
        return 0;
}

static int open_undo(int dir, bool create, int *ret)
{
        int fd;

        if (create && mkdirat(dir, UNDO, 0755) < 0 && errno != EEXIST)
                return -errno;
        fd = openat(dir, UNDO, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        *ret = fd;
        return 0;
}

/* False: it was taken away between the opening and the lock. */
static bool is_there(int dir, int fd)
{
        struct stat ours, there;

        return fstat(fd, &ours) == 0 && fstatat(dir, LOCK, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
               ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

/* Upon a file that only root can open: anybody may read the folder, and could keep a lock upon that. */
int gate_senders_lock(int dir, bool create, nsec_t patience, int *ret_fd)
{
        const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (create ? O_CREAT : 0);
        nsec_t end = clock_boottime() + patience;

        for (;;) {
                _cleanup_close_ int fd = openat(dir, LOCK, flags, 0600);

                if (fd < 0)
                        return -errno;
                if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                        if (errno != EWOULDBLOCK && errno != EINTR)
                                return -errno;
                } else if (is_there(dir, fd)) {
                        *ret_fd = TAKE_FD(fd);
                        return 0;
                }
                if (clock_boottime() >= end)
                        return -EBUSY;
                (void) poll(NULL, 0, LOCK_LOOK);
        }
}

void gate_senders_lock_remove(int dir)
{
        _cleanup_close_ int fd = -EBADF;

        if (gate_senders_lock(dir, false, 0, &fd) == 0)
                (void) unlinkat(dir, LOCK, 0);
}

static int write_list(int dir, const struct gate_senders *s)
{
        struct buf text = BUF_HEAP(FILE_MAX);
        int r = gate_senders_put(s, &text);

        if (r == 0)
                r = gate_state_write(dir, NAME, buf_str(&text), text.len);
        buf_done(&text);
        return r;
}

static int link_version(int dir, int undo, const char *name)
{
        _cleanup_(gate_senders_freep)
        struct gate_senders *none = NULL;
        int r;

        if (linkat(dir, NAME, undo, name, 0) == 0)
                return 0;
        if (errno != ENOENT)
                return -errno;
        /* Before the first change there was nobody. */
        none = gate_senders_new();
        r = none ? write_list(dir, none) : -ENOMEM;
        if (r == 0 && linkat(dir, NAME, undo, name, 0) < 0)
                r = -errno;
        return r;
}

/* What there is now becomes the newest version; the oldest beyond the bound goes. */
static int keep_version(int dir, int undo, char ret_name[static 16])
{
        struct versions v = {0};
        char name[16];
        int r = list_versions(undo, &v);

        while (r == 0 && v.n >= GATE_SENDERS_UNDO_MAX) {
                snprintf(name, sizeof(name), "%u", v.first);
                r = unlinkat(undo, name, 0) < 0 ? -errno : list_versions(undo, &v);
        }
        if (r < 0)
                return r;
        snprintf(ret_name, 16, "%u", v.last + 1);
        r = link_version(dir, undo, ret_name);
        if (r == 0 && fsync(undo) < 0)
                r = -errno;
        return r;
}

int gate_senders_save(int dir, const struct gate_senders *s)
{
        _cleanup_close_ int undo = -EBADF;
        char name[16];
        int r = open_undo(dir, true, &undo);

        if (r == 0)
                r = keep_version(dir, undo, name);
        if (r < 0)
                return r;
        r = write_list(dir, s);
        if (r < 0)
                (void) unlinkat(undo, name, 0); /* it is no earlier version */
        return r;
}

int gate_senders_undo(int dir)
{
        _cleanup_close_ int undo = -EBADF;
        struct versions v = {0};
        char name[16];
        int r = open_undo(dir, false, &undo);

        if (r == 0)
                r = list_versions(undo, &v);
        if (r < 0)
                return r;
        if (!v.n)
                return -ENOENT;
        snprintf(name, sizeof(name), "%u", v.last);
        if (renameat(undo, name, dir, NAME) < 0)
                return -errno;
        /* Two names of one file: rename(2) leaves both. */
        (void) unlinkat(undo, name, 0);
        return fsync(undo) < 0 || fsync(dir) < 0 ? -errno : 0;
}
