/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions of the NETLINK_SOCK_DIAG kind, one at a time. */
#include "source/host_proc_diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/cleanup.h"

int host_proc_diag_open(int *ret_fd)
{
        /* The kernel answers within the question's own call: an answer that is not there will not come. */
        const struct timeval patience = {.tv_usec = 100000};
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

static void put_addr(__be32 to[4], const struct addr *a, bool v4)
{
        if (v4)
                memcpy(to, a->b + 12, 4);
        else
                memcpy(to, a->b, 16);
}

static struct addr get_addr(const __be32 from[4], bool v4)
{
        struct addr a;

        if (v4)
                return addr_from_v4(from[0]);
        memcpy(a.b, from, 16);
        return a;
}

static int ask(int fd, const struct host_proc_query *q)
{
        static uint32_t seq;
        bool v4 = addr_is_v4(&q->local);
        struct {
                struct nlmsghdr head;
                struct inet_diag_req_v2 req;
        } m = {.head = {.nlmsg_len = sizeof(m),
                        .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                        .nlmsg_flags = NLM_F_REQUEST,
                        .nlmsg_seq = ++seq},
               .req = {.sdiag_family = v4 ? AF_INET : AF_INET6, .sdiag_protocol = IPPROTO_TCP, .idiag_states = ~0u}};

        m.req.id.idiag_sport = htons(q->local_port);
        m.req.id.idiag_dport = htons(q->remote_port);
        m.req.id.idiag_cookie[0] = m.req.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
        put_addr(m.req.id.idiag_src, &q->local, v4);
        put_addr(m.req.id.idiag_dst, &q->remote, v4);
        return send(fd, &m, sizeof(m), 0) < 0 ? -errno : (int) (seq & INT32_MAX);
}

/* -EAGAIN: an answer to an earlier question. */
static int take(const struct nlmsghdr *h, size_t len, int seq, struct proc_socket *ret)
{
        const struct inet_diag_msg *d = (const void *) (h + 1);
        const struct nlmsgerr *e = (const void *) (h + 1);
        bool v4;

        if (len < sizeof(*h) || h->nlmsg_len > len)
                return -EBADMSG;
        if ((h->nlmsg_seq & INT32_MAX) != (uint32_t) seq)
                return -EAGAIN;
        if (h->nlmsg_type == NLMSG_ERROR)
                return len < sizeof(*h) + sizeof(e->error) || e->error >= 0 ? -EBADMSG : e->error;
        if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY || len < sizeof(*h) + sizeof(*d))
                return -EBADMSG;
        if (d->idiag_state == TCP_LISTEN)
                return -ENOENT; /* the kernel's second choice */
        v4 = d->idiag_family == AF_INET;
        *ret = (struct proc_socket){.local = get_addr(d->id.idiag_src, v4),
                                    .remote = get_addr(d->id.idiag_dst, v4),
                                    .inode = d->idiag_inode,
                                    .uid = d->idiag_uid,
                                    .local_port = ntohs(d->id.idiag_sport),
                                    .remote_port = ntohs(d->id.idiag_dport),
                                    .table = PROC_TABLE_TCP,
                                    .proto = IPPROTO_TCP,
                                    .state = d->idiag_state,
                                    .is_v6 = !v4};
        return 0;
}

int host_proc_diag_find(int fd, const struct host_proc_query *q, struct proc_socket *ret)
{
        union {
                struct nlmsghdr head;
                char space[1024];
        } m;
        int seq = ask(fd, q), r;

        if (seq < 0)
                return seq;
        do {
                ssize_t n = recv(fd, &m, sizeof(m), 0);

                if (n < 0)
                        return -errno;
                r = take(&m.head, (size_t) n, seq, ret);
        } while (r == -EAGAIN);
        return r;
}
