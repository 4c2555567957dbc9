/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files, links and folders of /proc/PID, each read once and bounded. Runs in the scanner. */
#include "source/host_proc_read.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define THREADS_MAX 256 /* tried for one that still has its descriptors */

static void closedirp(DIR **d)
{
        if (*d)
                closedir(*d);
}

uint64_t host_proc_read_ticks(uint64_t ticks)
{
        static uint64_t per_second;

        if (per_second == 0) {
                long hz = sysconf(_SC_CLK_TCK);

                per_second = hz > 0 ? (uint64_t) hz : 100;
        }
        return ticks / per_second * (uint64_t) NSEC_PER_SEC +
               ticks % per_second * ((uint64_t) NSEC_PER_SEC / per_second);
}

int host_proc_read_open(int dir, const char *name)
{
        int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

static ssize_t read_text(int dir, const char *name, char *text, size_t size)
{
        _cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
        ssize_t n;

        if (fd < 0)
                return -errno;
        n = read(fd, text, size);
        return n < 0 ? -errno : n;
}

int host_proc_read_stat(int process, struct proc_stat *ret)
{
        char text[1024];
        ssize_t n = read_text(process, "stat", text, sizeof(text));

        return n < 0 ? (int) n : proc_scan_stat(text, (size_t) n, ret);
}

int host_proc_read_namespace(int process, const char *name, uint32_t *ret)
{
        char path[16], text[64];
        uint64_t inode;
        ssize_t n;

        snprintf(path, sizeof(path), "ns/%s", name);
        n = readlinkat(process, path, text, sizeof(text));
        if (n < 0)
                return -errno;
        if (proc_scan_link(name, text, (size_t) n, &inode) < 0 || inode > UINT32_MAX)
                return -EBADMSG;
        *ret = (uint32_t) inode;
        return 0;
}

void host_proc_read_program(int process, struct host_proc_process *p)
{
        static const char deleted[] = " (deleted)";
        char path[sizeof(p->path)];
        struct stat st;
        ssize_t n = readlinkat(process, "exe", path, sizeof(path) - 1);

        if (n > 0) {
                path[n] = '\0';
                if ((size_t) n > strlen(deleted) && strcmp(path + n - strlen(deleted), deleted) == 0)
                        path[(size_t) n - strlen(deleted)] = '\0';
                memcpy(p->path, path, sizeof(path));
        }
        if (fstatat(process, "exe", &st, 0) == 0) {
                p->exe_ino = st.st_ino;
                p->exe_dev = major(st.st_dev) << 20 | minor(st.st_dev);
        }
}

static uint64_t cgroup_id(int process)
{
        static const char *const mounts[] = {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"};
        char text[4096], path[4200];
        const char *at;
        size_t len;
        ssize_t n = read_text(process, "cgroup", text, sizeof(text));

        if (n < 0 || proc_scan_cgroup(text, (size_t) n, &at, &len) < 0)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(mounts); i++) {
                struct stat st;

                snprintf(path, sizeof(path), "%s%.*s", mounts[i], (int) len, at);
                if (stat(path, &st) == 0)
                        return st.st_ino;
        }
        return 0;
}

static void read_number(int process, const char *name, uint32_t *number)
{
        char text[32];
        ssize_t n = read_text(process, name, text, sizeof(text));
        uint64_t value;

        if (n > 0 && proc_scan_number(text, (size_t) n, &value) == 0 && value <= UINT32_MAX)
                *number = (uint32_t) value;
}

void host_proc_read_details(int process, struct host_proc_process *p)
{
        char text[2048];
        ssize_t n = read_text(process, "status", text, sizeof(text));

        if (n > 0)
                (void) proc_scan_uid(text, (size_t) n, &p->uid);
        read_number(process, "loginuid", &p->loginuid);
        read_number(process, "sessionid", &p->session);
        p->cgroup = cgroup_id(process);
        (void) host_proc_read_namespace(process, "net", &p->netns);
        (void) host_proc_read_namespace(process, "pid", &p->pidns);
        host_proc_read_program(process, p);
}

int host_proc_read_lines(int dir, const char *name, void (*line)(void *userdata, const char *line, size_t len),
                         void *userdata)
{
        _cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
        static char text[65536]; /* the scanner has one thread */
        size_t have = 0;

        if (fd < 0)
                return -errno;
        for (;;) {
                ssize_t n = read(fd, text + have, sizeof(text) - have);
                char *at = text, *newline;

                if (n < 0)
                        return -errno;
                if (n == 0)
                        return 0; /* a line without its end was cut */
                have += (size_t) n;
                while ((newline = memchr(at, '\n', have - (size_t) (at - text)))) {
                        line(userdata, at, (size_t) (newline - at) + 1);
                        at = newline + 1;
                }
                have -= (size_t) (at - text);
                if (have == sizeof(text))
                        have = 0; /* a line of that length is none */
                memmove(text, at, have);
        }
}

/* A folder to read its names from; NULL with errno. */
static DIR *open_names(int dir, const char *name)
{
        int fd = host_proc_read_open(dir, name);
        DIR *d;

        if (fd < 0) {
                errno = -fd;
                return NULL;
        }
        d = fdopendir(fd);
        if (!d)
                close(fd);
        return d;
}

static void ignore_socket(void *userdata _unused_, uint64_t inode _unused_)
{
}

int host_proc_read_sockets(int process, void (*socket)(void *userdata, uint64_t inode), void *userdata)
{
        _cleanup_(closedirp)
        DIR *d = open_names(process, "fd");
        struct dirent *e;
        int r = 0;

        if (!d)
                return -errno;
        while ((e = readdir(d))) {
                char text[64];
                uint64_t inode;
                ssize_t n;

                if (e->d_name[0] == '.')
                        continue;
                n = readlinkat(dirfd(d), e->d_name, text, sizeof(text));
                if (n < 0 && errno == EACCES)
                        r = -EACCES; /* the names may be listed, but not what they are */
                if (n > 0 && proc_scan_link("socket", text, (size_t) n, &inode) == 0)
                        socket(userdata, inode);
        }
        return r;
}

int host_proc_read_hidden(const char *proc, unsigned *ret_all, unsigned *ret_hidden)
{
        _cleanup_(closedirp)
        DIR *d = opendir(proc);
        unsigned all = 0, hidden = 0;
        struct dirent *e;

        if (!d)
                return -errno;
        while ((e = readdir(d))) {
                _cleanup_close_ int process = -EBADF;
                int r;

                if (e->d_name[0] < '1' || e->d_name[0] > '9')
                        continue;
                process = host_proc_read_open(dirfd(d), e->d_name);
                r = process >= 0 ? host_proc_read_sockets(process, ignore_socket, NULL) : -ENOENT;
                all += r != -ENOENT;
                hidden += r == -EACCES;
        }
        *ret_all = all;
        *ret_hidden = hidden;
        return 0;
}

int host_proc_read_thread_sockets(int process, void (*socket)(void *userdata, uint64_t inode), void *userdata)
{
        _cleanup_(closedirp)
        DIR *d = open_names(process, "task");
        struct dirent *e;

        if (!d)
                return -errno;
        for (int n = 0; n < THREADS_MAX && (e = readdir(d)); n++) {
                _cleanup_close_ int thread = -EBADF;

                if (e->d_name[0] == '.')
                        continue;
                thread = host_proc_read_open(dirfd(d), e->d_name);
                if (thread >= 0 && host_proc_read_sockets(thread, socket, userdata) == 0)
                        n = THREADS_MAX; /* they share one table */
        }
        return 0;
}
