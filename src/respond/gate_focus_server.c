/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finds the X server of a session and what it wants to be told first. Runs in a process of its own that the keeper
 * forked, still with the keeper's rights: it reads /proc and one file and parses two formats, each within its bounds,
 * and says nothing to the server. It may be made to wait (a program's arguments and a user's files may lie on a file
 * system of that user's), which is why it is not the keeper. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "respond/gate_focus_internal.h"

#define SOCKETS     "/tmp/.X11-unix/X"
#define CMDLINE_MAX 4096
#define VT_MAJOR    4
#define VT_MAX      63 /* MAX_NR_CONSOLES; from 64 on that major has serial lines */
#define COOKIE_NAME "MIT-MAGIC-COOKIE-1"

int gate_focus_parse_display(const char *text)
{
        int n = 0;
        const char *p = text;

        if (*p++ != ':' || *p < '0' || *p > '9')
                return -1;
        for (; *p >= '0' && *p <= '9'; p++) {
                n = 10 * n + (*p - '0');
                if (n > 65535)
                        return -1;
        }
        return *p == 0 || *p == '.' ? n : -1;
}

unsigned gate_focus_parse_console(const char *text)
{
        const char *p = strrchr(text, ')'); /* a program's name may hold anything */
        unsigned number, minor;

        if (!p || sscanf(p, ") %*c %*d %*d %*d %u", &number) != 1)
                return 0;
        /* As the kernel packs it: new_encode_dev(). */
        minor = (number & 0xff) | (number >> 12 & 0xfff00);
        return (number >> 8 & 0xfff) == VT_MAJOR && minor <= VT_MAX ? minor : 0;
}

const char *gate_focus_argument(const char *cmdline, size_t size, const char *name)
{
        for (const char *p = cmdline, *end = cmdline + size; p < end; p += strlen(p) + 1) {
                const char *next = p + strlen(p) + 1;

                if (strcmp(p, name) == 0 && next < end)
                        return next;
        }
        return NULL;
}

bool gate_focus_has_console(const char *cmdline, size_t size, unsigned vt)
{
        char name[16];

        snprintf(name, sizeof(name), "vt%u", vt);
        for (const char *p = cmdline, *end = cmdline + size; p < end; p += strlen(p) + 1)
                if (strcmp(p, name) == 0)
                        return true;
        return false;
}

struct field {
        const uint8_t *data;
        size_t len;
};

/* A length of two bytes, high one first, and so many bytes. */
static bool take_field(const uint8_t **p, const uint8_t *end, struct field *ret)
{
        size_t len;

        if (end - *p < 2)
                return false;
        len = (size_t) (*p)[0] << 8 | (*p)[1];
        if ((size_t) (end - *p) - 2 < len)
                return false;
        *ret = (struct field){*p + 2, len};
        *p += 2 + len;
        return true;
}

int gate_focus_cookie(const uint8_t *bytes, size_t size, int display, uint8_t ret[static GATE_FOCUS_COOKIE])
{
        const uint8_t *p = bytes, *end = bytes + size;
        char number[16];
        size_t len = (size_t) snprintf(number, sizeof(number), "%d", display);

        int r = -ENOENT;

        /* Family, address, display, name, data; the family and the address do not matter on this machine. */
        while (p != end) {
                struct field address, shown, name, data;
                bool same;

                if (end - p < 2)
                        return -EBADMSG;
                p += 2;
                if (!take_field(&p, end, &address) || !take_field(&p, end, &shown) || !take_field(&p, end, &name) ||
                    !take_field(&p, end, &data))
                        return -EBADMSG;
                if (name.len != strlen(COOKIE_NAME) || memcmp(name.data, COOKIE_NAME, name.len) != 0 ||
                    data.len != GATE_FOCUS_COOKIE)
                        continue;
                same = shown.len == len && memcmp(shown.data, number, len) == 0;
                if (r < 0 || same)
                        memcpy(ret, data.data, GATE_FOCUS_COOKIE);
                r = 0;
                if (same)
                        break;
        }
        return r;
}

static ssize_t read_file(const char *path, int flags, void *to, size_t size)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags);
        struct stat st;
        size_t len = 0;
        ssize_t n;

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return -ENOENT;
        while (len < size && (n = read(fd, (char *) to + len, size - len)) > 0)
                len += (size_t) n;
        return (ssize_t) len;
}

/* Of /proc/PID/NAME, with a NUL behind it. */
static ssize_t read_proc(pid_t pid, const char *name, char *to, size_t size)
{
        char path[64];
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%d/%s", (int) pid, name);
        n = read_file(path, 0, to, size - 1);
        if (n >= 0)
                to[n] = 0;
        return n;
}

/* The program itself, or the one that an upgrade took away from under a server that runs: its name is told by the
 * kernel, and a file of root's with no name left was root's to delete. */
static bool is_program(pid_t pid, const char *program)
{
        static const char deleted[] = " (deleted)";
        char path[64], name[256];
        struct stat exe, wanted;
        size_t len = strlen(program);
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%d/exe", (int) pid);
        if (stat(path, &exe) < 0 || !S_ISREG(exe.st_mode) || exe.st_uid != 0 || (exe.st_mode & (S_IWGRP | S_IWOTH)))
                return false;
        if (stat(program, &wanted) == 0 && wanted.st_dev == exe.st_dev && wanted.st_ino == exe.st_ino)
                return true;
        n = readlink(path, name, sizeof(name));
        return exe.st_nlink == 0 && n == (ssize_t) (len + strlen(deleted)) && memcmp(name, program, len) == 0 &&
               memcmp(name + len, deleted, strlen(deleted)) == 0;
}

/* Does the server show itself on the session's console? What root's server was called with, root said. */
static bool is_on_console(const struct gate_focus_job *job, const struct ucred *peer)
{
        char text[CMDLINE_MAX];
        ssize_t n;

        if (job->vt == 0)
                return job->display >= 0;
        if (read_proc(peer->pid, "stat", text, sizeof(text)) > 0 && gate_focus_parse_console(text) == job->vt)
                return true;
        if (peer->uid != 0)
                return false;
        n = read_proc(peer->pid, "cmdline", text, sizeof(text));
        return n > 0 && gate_focus_has_console(text, (size_t) n + 1, job->vt);
}

/* A connection, if who listens there is the session's server. */
static int try_display(const struct gate_focus_job *job, int display, bool abstract, struct ucred *ret_peer)
{
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        char *path = sa.sun_path + abstract;
        struct ucred peer;
        socklen_t len = sizeof(peer);

        if (fd < 0)
                return -errno;
        snprintf(path, sizeof(sa.sun_path) - 1, SOCKETS "%d", display);
        if (connect(fd, (struct sockaddr *) &sa,
                    (socklen_t) (offsetof(struct sockaddr_un, sun_path) + (size_t) abstract + strlen(path))) < 0)
                return -errno;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
                return -errno;
        if (peer.pid <= 0 || (peer.uid != 0 && peer.uid != job->session_uid))
                return -EPERM;
        if (!is_program(peer.pid, job->server) || !is_on_console(job, &peer))
                return -EPERM;
        *ret_peer = peer;
        return TAKE_FD(fd);
}

/* From now on only users can be changed: what is read next is read with its owner's rights. */
static int keep_users_only(void)
{
        struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct data[2] = {0};
        uint32_t users = 1u << CAP_SETUID | 1u << CAP_SETGID;

        if (syscall(SYS_capget, &head, data) < 0)
                return -errno;
        data[0].effective &= users;
        data[0].permitted &= users;
        data[0].inheritable = 0;
        data[1] = (struct __user_cap_data_struct){0};
        return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

static ssize_t read_as_user(const struct gate_focus_job *job, const char *path, void *to, size_t size)
{
        ssize_t n;

        if (geteuid() != 0)
                return read_file(path, O_NOFOLLOW, to, size);
        if (setgroups(0, NULL) < 0 || setegid(job->gid) < 0 || seteuid(job->session_uid) < 0)
                return -errno;
        n = read_file(path, O_NOFOLLOW, to, size);
        return seteuid(0) < 0 ? -errno : n;
}

/* A server without an authority file asks for none; one whose file cannot be read will refuse us. */
static int read_cookie(const struct gate_focus_job *job, struct gate_focus_server *s)
{
        _cleanup_free_ uint8_t *bytes = malloc(GATE_FOCUS_AUTH_MAX);
        char cmdline[CMDLINE_MAX];
        const char *path;
        ssize_t n = read_proc(s->pid, "cmdline", cmdline, sizeof(cmdline));
        int r;

        if (!bytes)
                return -ENOMEM;
        path = n > 0 ? gate_focus_argument(cmdline, (size_t) n + 1, "-auth") : NULL;
        if (path && s->uid == 0)
                n = read_file(path, 0, bytes, GATE_FOCUS_AUTH_MAX);
        r = keep_users_only();
        if (r < 0)
                return r;
        if (path && s->uid != 0)
                n = read_as_user(job, path, bytes, GATE_FOCUS_AUTH_MAX);
        s->has_cookie = path && n > 0 && gate_focus_cookie(bytes, (size_t) n, s->display, s->cookie) == 0;
        explicit_bzero(bytes, GATE_FOCUS_AUTH_MAX);
        return 0;
}

int gate_focus_find(const struct gate_focus_job *job, struct gate_focus_server *ret)
{
        int first = job->display >= 0 ? job->display : 0;
        int end = job->display >= 0 ? job->display + 1 : GATE_FOCUS_DISPLAYS;

        for (int n = 2 * first; n < 2 * end; n++) {
                struct gate_focus_server s = {.display = n / 2};
                struct ucred peer;
                int r;

                s.fd = try_display(job, n / 2, n % 2 == 0, &peer);
                if (s.fd < 0)
                        continue;
                s.pid = peer.pid;
                s.uid = peer.uid;
                r = read_cookie(job, &s);
                if (r < 0) {
                        close(s.fd);
                        return r;
                }
                *ret = s;
                return 0;
        }
        return -ENOENT;
}
