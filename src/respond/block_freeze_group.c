/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Control groups as the freezer uses them (Documentation/admin-guide/cgroup-v2.rst): ours lies beside the root's
 * others, where no user may write, since who may write both to a group and to the one above both can move a process
 * out. Used by the keeper and `sekimori block`. */
#include "respond/block_freeze_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "source/proc_scan.h"

static int write_file(int dir, const char *name, const char *text)
{
        _cleanup_close_ int fd = openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

        if (fd < 0)
                return -errno;
        return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static ssize_t read_file(int fd, char *text, size_t size)
{
        ssize_t n = pread(fd, text, size - 1, 0);

        if (n < 0)
                return -errno;
        text[n] = '\0';
        return n;
}

static int make(int root, const char *path)
{
        return mkdirat(root, path + 1, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

int block_group_open(const struct block_freeze_params *p, bool create, struct block_group *ret)
{
        const char *group = p->group ? p->group : BLOCK_FREEZE_GROUP;
        struct block_group g = {.root = -EBADF, .fd = -EBADF};
        int r;

        *ret = g;
        if (!p->cgroup)
                return -ENOTSUP;
        if ((size_t) snprintf(g.above, sizeof(g.above), "/%s", group) >= sizeof(g.above) ||
            (size_t) snprintf(g.path, sizeof(g.path), "/%s/%s", group, p->id) >= sizeof(g.path))
                return -ENAMETOOLONG;
        g.root = open(p->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (g.root < 0)
                return -errno;
        r = create ? make(g.root, g.above) : 0;
        if (r == 0 && create)
                r = make(g.root, g.path);
        if (r == 0) {
                g.fd = openat(g.root, g.path + 1, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
                r = g.fd < 0 ? -errno : 0;
        }
        if (r == 0 && faccessat(g.fd, "cgroup.freeze", W_OK, AT_EACCESS) < 0)
                r = -ENOTSUP; /* a kernel before 5.2, or no control group at all */
        if (r < 0) {
                if (create && g.root >= 0)
                        (void) block_group_remove(&g);
                block_group_done(&g);
                return r;
        }
        *ret = g;
        return 0;
}

void block_group_done(struct block_group *g)
{
        closep(&g->root);
        closep(&g->fd);
        g->root = g->fd = -EBADF;
}

int block_group_freeze(const struct block_group *g, bool on)
{
        return write_file(g->fd, "cgroup.freeze", on ? "1" : "0");
}

/* The kernel says when the file has changed. */
bool block_group_is_frozen(const struct block_group *g, nsec_t patience)
{
        _cleanup_close_ int fd = openat(g->fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
        nsec_t end = clock_boottime() + patience;
        char text[256];

        while (fd >= 0) {
                nsec_t left = end - clock_boottime();

                if (read_file(fd, text, sizeof(text)) < 0)
                        return false;
                if (strstr(text, "frozen 1"))
                        return true;
                if (left <= 0)
                        return false;
                (void) poll(&(struct pollfd){.fd = fd, .events = POLLPRI}, 1, (int) (left / NSEC_PER_MSEC) + 1);
        }
        return false;
}

/* Threads of a process in a threaded group may be in different ones, and the threads' places are not written down. */
static bool is_plain(const struct block_group *g, const char *path)
{
        char name[PATH_MAX + 16], text[64];
        _cleanup_close_ int fd = -EBADF;

        if (strcmp(path, "/") == 0)
                return true; /* the root has no type */
        snprintf(name, sizeof(name), "%s/cgroup.type", path + 1);
        fd = openat(g->root, name, O_RDONLY | O_CLOEXEC);
        return fd >= 0 && read_file(fd, text, sizeof(text)) > 0 && strcmp(text, "domain\n") == 0;
}

int block_group_of(const struct block_group *g, const char *proc, uint32_t pid, char path[static PATH_MAX])
{
        char name[PATH_MAX], text[2 * PATH_MAX];
        _cleanup_close_ int fd = -EBADF;
        const char *found;
        ssize_t n;
        size_t len;

        if ((size_t) snprintf(name, sizeof(name), "%s/%u/cgroup", proc, pid) >= sizeof(name))
                return -ENAMETOOLONG;
        fd = open(name, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? -ESRCH : -errno;
        n = read_file(fd, text, sizeof(text));
        if (n < 0)
                return (int) n;
        if (proc_scan_cgroup(text, (size_t) n, &found, &len) < 0 || len == 0 || len >= PATH_MAX || *found != '/')
                return -ENOTSUP;
        memcpy(path, found, len);
        path[len] = '\0';
        /* "/../": outside what this process sees. */
        if (strncmp(path, "/..", 3) == 0 || (strcmp(path, g->path) != 0 && !is_plain(g, path)))
                return -ENOTSUP;
        return 0;
}

int block_group_move(const struct block_group *g, const char *path, uint32_t pid)
{
        char name[PATH_MAX + 16], number[16];

        snprintf(name, sizeof(name), "%s%scgroup.procs", path + 1, path[1] ? "/" : "");
        snprintf(number, sizeof(number), "%u", pid);
        return write_file(g->root, name, number);
}

int block_group_each(const struct block_group *g, int (*each)(void *userdata, uint32_t pid), void *userdata)
{
        int fd = openat(g->fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
        _cleanup_fclose_ FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
        unsigned pid;
        int r = 0;

        if (!f) {
                int e = -errno;

                closep(&fd);
                return e;
        }
        while (r == 0 && fscanf(f, "%u", &pid) == 1)
                if (pid > 0) /* 0: in a namespace that is not seen from here */
                        r = each(userdata, pid);
        return r;
}

int block_group_remove(struct block_group *g)
{
        int r = unlinkat(g->root, g->path + 1, AT_REMOVEDIR) < 0 ? -errno : 0;

        if (r == 0 || r == -ENOENT)
                (void) unlinkat(g->root, g->above + 1, AT_REMOVEDIR); /* refused while it has others */
        return r;
}
