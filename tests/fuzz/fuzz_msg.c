/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any datagram as a message between warden and engine: refused, or whole and within its bounds. */
#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>

#include "daemon/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
        if (!holds)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static int pair[2] = {-1, -1};
        struct source_fds fds = {.n = -1};
        struct msg m;
        int r;

        if (pair[0] < 0)
                require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
        size = MIN(size, (size_t) 65536);
        require(send(pair[0], data, size, MSG_NOSIGNAL) == (ssize_t) size);
        r = msg_receive(pair[1], &m, &fds);
        require(r == 1 || r == -EBADMSG);
        require(r != 1 || msg_is_valid(data, size));
        if (r == 1) {
                /* No descriptor came along: who announces one is not believed. */
                require(m.verb > MSG_NONE && m.verb < MSG_VERBS && m.request < SOURCE_REQUESTS && m.n_fds == 0);
                require(strnlen(m.text, sizeof(m.text)) < sizeof(m.text));
                for (int i = 0; i < fds.n; i++)
                        require(fds.fd[i] == -1);
        }
        return 0;
}
