/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asks the kernel for its TCP sockets and ends those to gated ports, by sock_diag(7): see gate_cut.h. Runs in
 * `sekimori gate shut`. */
#include "respond/gate_cut.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define OPEN_STATES ((1u << TCP_ESTABLISHED) | (1u << TCP_SYN_SENT) | (1u << TCP_CLOSE_WAIT) | (1u << TCP_FIN_WAIT1))
#define WAIT_SEC    2

struct found {
        struct inet_diag_sockid *ids;
        unsigned n;
};

static int ask(int fd, uint16_t type, uint16_t flags, uint8_t family, const struct inet_diag_sockid *id)
{
        struct {
                struct nlmsghdr head;
                struct inet_diag_req_v2 body;
        } q = {.head = {.nlmsg_len = sizeof(q), .nlmsg_type = type, .nlmsg_flags = flags},
               .body = {.sdiag_family = family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = OPEN_STATES}};

        if (id)
                q.body.id = *id;
        return send(fd, &q, sizeof(q), 0) == (ssize_t) sizeof(q) ? 0 : -errno;
}

static bool is_gated(uint16_t port, const uint16_t *ports, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                if (ports[i] == port)
                        return true;
        return false;
}

/* One datagram of the list. 1: that was the end. */
static int take(struct found *f, const void *data, size_t len, const uint16_t *ports, unsigned n_ports)
{
        for (const struct nlmsghdr *h = data; NLMSG_OK(h, len); h = NLMSG_NEXT(h, len)) {
                const struct inet_diag_msg *m = NLMSG_DATA(h);

                if (h->nlmsg_type == NLMSG_DONE)
                        return 1;
                if (h->nlmsg_type == NLMSG_ERROR)
                        return ((const struct nlmsgerr *) NLMSG_DATA(h))->error;
                if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)) || !is_gated(ntohs(m->id.idiag_dport), ports, n_ports))
                        continue;
                if (f->n < GATE_CUT_MAX)
                        f->ids[f->n++] = m->id;
        }
        return 0;
}

static int list(int fd, uint8_t family, struct found *f, const uint16_t *ports, unsigned n_ports)
{
        char data[32768] __attribute__((aligned(8)));
        int r = ask(fd, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, family, NULL);

        while (r == 0) {
                ssize_t n = recv(fd, data, sizeof(data), 0);

                r = n < 0 ? (errno == EINTR ? 0 : -errno) : take(f, data, (size_t) n, ports, n_ports);
        }
        return r < 0 ? r : 0;
}

/* 0; -ENOENT: it ended by itself meanwhile. */
static int cut(int fd, uint8_t family, const struct inet_diag_sockid *id)
{
        char data[1024] __attribute__((aligned(8)));
        const struct nlmsghdr *h = (const void *) data;
        int r = ask(fd, SOCK_DESTROY, NLM_F_REQUEST | NLM_F_ACK, family, id);
        ssize_t n;

        if (r < 0)
                return r;
        n = recv(fd, data, sizeof(data), 0);
        if (n < (ssize_t) NLMSG_LENGTH(sizeof(struct nlmsgerr)) || h->nlmsg_type != NLMSG_ERROR)
                return n < 0 ? -errno : -EBADMSG;
        return ((const struct nlmsgerr *) NLMSG_DATA(h))->error;
}

int gate_cut_connections(const uint16_t *ports, unsigned n_ports)
{
        static const uint8_t families[] = {AF_INET, AF_INET6};
        const struct timeval wait = {.tv_sec = WAIT_SEC};
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
        _cleanup_free_ struct inet_diag_sockid *ids = calloc(GATE_CUT_MAX, sizeof(*ids));
        int count = 0;

        if (fd < 0)
                return -errno;
        if (!ids)
                return -ENOMEM;
        if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(families); i++) {
                struct found f = {.ids = ids};
                int r = list(fd, families[i], &f, ports, n_ports);

                if (r < 0)
                        return r;
                for (unsigned k = 0; k < f.n; k++) {
                        r = cut(fd, families[i], &ids[k]);
                        if (r == -EOPNOTSUPP || r == -EPERM)
                                return r;
                        count += r == 0;
                }
        }
        return count;
}
