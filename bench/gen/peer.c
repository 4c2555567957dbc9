/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The peer process: without it a SYN would meet a reset and a datagram an ICMP error. Runs as a child of sekimori-gen.
 */
#include "peer.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define PEER_FDS 64

struct peer_command {
        int family;
        uint16_t port;
};

struct peer_state {
        struct pollfd fds[PEER_FDS];
        unsigned n, n_listening; /* [0] commands, then the listening ones, then what drains */
};

static void peer_add(struct peer_state *p, int fd)
{
        if (fd < 0)
                return;
        if (p->n == PEER_FDS) {
                /* the oldest conversation goes */
                close(p->fds[p->n_listening].fd);
                p->fds[p->n_listening].fd = fd;
                return;
        }
        p->fds[p->n++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static int peer_socket(int family, int type, int proto, uint16_t port)
{
        union gen_addr a = {0};
        _cleanup_close_ int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, proto);
        int one = 1, queue = 64;

        if (fd < 0)
                return -errno;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (family == AF_INET6)
                setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
        a.sa.sa_family = (sa_family_t) family;
        if (family == AF_INET)
                a.in.sin_port = htons(port);
        else
                a.in6.sin6_port = htons(port);
        if (bind(fd, &a.sa, gen_addr_len(&a)) < 0)
                return -errno;
        if (type == SOCK_STREAM) {
                if (proto == 0)
                        setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof(queue));
                if (listen(fd, 64) < 0)
                        return -errno;
        }
        return TAKE_FD(fd);
}

static int peer_listen(struct peer_state *p)
{
        for (int i = 0; i < 2; i++) {
                int family = i ? AF_INET6 : AF_INET, fd;

                fd = peer_socket(family, SOCK_STREAM, 0, GEN_PORT_TCP);
                if (fd < 0)
                        return fd;
                peer_add(p, fd);
                fd = peer_socket(family, SOCK_DGRAM, 0, GEN_PORT_UDP);
                if (fd < 0)
                        return fd;
                peer_add(p, fd);
                /* not on every kernel */
                peer_add(p, peer_socket(family, SOCK_STREAM, IPPROTO_MPTCP, GEN_PORT_MPTCP));
                peer_add(p, peer_socket(family, SOCK_STREAM, IPPROTO_SCTP, GEN_PORT_SCTP));
        }
        p->n_listening = p->n;
        return 0;
}

static void peer_obey(struct gen *g, struct peer_state *p)
{
        struct peer_command c;
        union gen_addr from, to;
        int fd, one = 1;

        if (read(p->fds[0].fd, &c, sizeof(c)) != (ssize_t) sizeof(c))
                _exit(0);
        from = gen_peer(g, c.family, 0);
        to = gen_local(g, c.family, c.port);
        fd = socket(c.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        /* the address may belong to a routed prefix only */
        setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one));
        setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &one, sizeof(one));
        if (fd >= 0 && bind(fd, &from.sa, gen_addr_len(&from)) == 0)
                (void) !connect(fd, &to.sa, gen_addr_len(&to));
        peer_add(p, fd);
        (void) !write(p->fds[0].fd, "", 1);
}

static void peer_drain(struct peer_state *p, unsigned i)
{
        char trash[65536];
        ssize_t n = recv(p->fds[i].fd, trash, sizeof(trash), MSG_DONTWAIT);

        if (n > 0 || i < p->n_listening || (n < 0 && (errno == EAGAIN || errno == EINTR)))
                return;
        close(p->fds[i].fd);
        p->fds[i] = p->fds[--p->n];
}

_Noreturn static void peer_main(struct gen *g, int command)
{
        struct peer_state p = {0};

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        peer_add(&p, command);
        if (g->peer_netns) {
                _cleanup_close_ int ns = open(g->peer_netns, O_RDONLY | O_CLOEXEC);

                if (ns < 0 || setns(ns, CLONE_NEWNET) < 0)
                        _exit(1);
        }
        if (peer_listen(&p) < 0 || write(command, "", 1) != 1)
                _exit(1);
        while (poll(p.fds, p.n, -1) >= 0 || errno == EINTR) {
                for (unsigned i = p.n; i-- > p.n_listening;)
                        if (p.fds[i].revents)
                                peer_drain(&p, i);
                for (unsigned i = 1; i < p.n_listening; i++) {
                        int fd;

                        if (!p.fds[i].revents)
                                continue;
                        fd = accept4(p.fds[i].fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
                        if (fd >= 0)
                                peer_add(&p, fd);
                        else
                                peer_drain(&p, i);
                }
                if (p.fds[0].revents)
                        peer_obey(g, &p);
        }
        _exit(0);
}

int peer_start(struct gen *g)
{
        int pair[2];
        char ready;
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        pid = fork();
        if (pid == 0) {
                close(pair[0]);
                peer_main(g, pair[1]);
        }
        close(pair[1]);
        g->peer_fd = pair[0];
        g->peer_pid = pid;
        if (pid < 0)
                return -errno;
        return read(g->peer_fd, &ready, 1) == 1 ? 0 : -EIO;
}

int peer_connect(struct gen *g, int family, uint16_t port)
{
        struct peer_command c = {.family = family, .port = port};
        char done;

        if (write(g->peer_fd, &c, sizeof(c)) != (ssize_t) sizeof(c))
                return -EIO;
        return read(g->peer_fd, &done, 1) == 1 ? 0 : -EIO;
}

void peer_stop(struct gen *g)
{
        if (g->peer_pid <= 0)
                return;
        kill(g->peer_pid, SIGKILL);
        waitpid(g->peer_pid, NULL, 0);
        close(g->peer_fd);
        g->peer_pid = 0;
}
