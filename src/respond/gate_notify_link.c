/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The connection to a person's bus, and the process at its other end. Runs in the keeper's children. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "respond/gate_notify_child.h"

int gate_notify_link_connect(const char *path)
{
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = -EBADF;
        int one = 1;

        if (strlen(path) >= sizeof(sa.sun_path))
                return -ENAMETOOLONG;
        strcpy(sa.sun_path, path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) < 0 ||
            connect(fd, (struct sockaddr *) &sa, sizeof(sa)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int gate_notify_link_writer(int fd, uint32_t *pid)
{
        union {
                struct cmsghdr align;
                char data[CMSG_SPACE(sizeof(struct ucred))];
        } control;
        char byte;
        struct iovec iov = {&byte, 1};
        struct msghdr h = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
        ssize_t n = recvmsg(fd, &h, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

        if (n <= 0)
                return 0; /* nothing to read, or an end that reading will tell */
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c)) {
                struct ucred cred;

                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS ||
                    c->cmsg_len != CMSG_LEN(sizeof(cred)))
                        continue;
                memcpy(&cred, CMSG_DATA(c), sizeof(cred));
                if (*pid == GATE_NOTIFY_LINK_UNKNOWN)
                        *pid = (uint32_t) cred.pid;
                return (uint32_t) cred.pid == *pid ? 0 : -EPERM;
        }
        return -EPERM;
}
