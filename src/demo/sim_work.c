/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Carrying an order out with sockets: scan, flood, ping, fetch; and the frame around every order that says who worked,
 * lets each packet pass the safety checks, and hands the result over. Runs in whatever process or thread the shape
 * chose. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "demo/sim.h"

#define BATCH      64
#define TIMEOUT_MS 1000

static const char payload[64] = "sekimori-sim: a simulated datagram of a test, without meaning";

void sim_work_begin(struct sim_job *job)
{
        char q[1024], q2[1024];

        sim_safety_inherit_clock();
        job->result.pid = getpid();
        job->result.tid = gettid();
        sim_say("work", "\"shape\":\"%s\",\"order\":%s,\"name\":%s", sim_shape_name(job->shape),
                sim_say_quote(job->order.text, q), sim_say_quote(program_invocation_name, q2));
}

int sim_work_admit(struct sim_job *job, const struct sim_endpoint *to)
{
        if (job->result.attempted >= SIM_PACKETS_MAX)
                return -ENOBUFS;
        if (sim_safety_target(job->space, to) < 0)
                return -EPERM;
        job->result.attempted++;
        if (job->first_packet == 0)
                job->first_packet = clock_boottime();
        return 0;
}

void sim_work_sent(struct sim_job *job, const struct sim_endpoint *to, const struct addr *forged)
{
        char dst[64], src[ADDR_TEXT_MAX];

        if (job->first_said)
                return;
        job->first_said = true;
        sim_say("first_packet", "\"at\":%lld,\"to\":\"%s\"%s%s%s", (long long) job->first_packet,
                sim_endpoint_format(to, dst), forged ? ",\"forged\":\"" : "", forged ? addr_format(forged, src) : "",
                forged ? "\"" : "");
}

void sim_work_end(struct sim_job *job, int error)
{
        const struct sim_result *r = &job->result;

        job->result.error = error;
        sim_say("done",
                "\"attempted\":%u,\"ok\":%u,\"refused\":%u,\"timed_out\":%u,\"failed\":%u,\"error\":%d,"
                "\"first_packet\":%lld",
                r->attempted, r->ok, r->refused, r->timed_out, r->failed, error, (long long) job->first_packet);
        /* Nobody may be waiting any more: the line above is the record. */
        if (job->result_fd >= 0 && write(job->result_fd, r, sizeof(*r)) < 0)
                error = -errno;
        closep(&job->result_fd);
        job->result_fd = -EBADF;
}

uint16_t sim_work_checksum(const void *data, size_t len, uint32_t sum)
{
        const uint8_t *p = data;

        for (size_t i = 0; i + 1 < len; i += 2)
                sum += (uint32_t) p[i] << 8 | p[i + 1];
        if (len & 1)
                sum += (uint32_t) p[len - 1] << 8;
        while (sum >> 16)
                sum = (sum & 0xffff) + (sum >> 16);
        return htons((uint16_t) ~sum);
}

static void count(struct sim_result *r, int result)
{
        if (result == 0)
                r->ok++;
        else if (result == -ECONNREFUSED)
                r->refused++;
        else if (result == -ETIMEDOUT || result == -EHOSTUNREACH)
                r->timed_out++;
        else
                r->failed++;
}

void sim_work_count(struct sim_job *job, int error)
{
        count(&job->result, error);
}

static int tcp_socket(const struct sim_endpoint *to)
{
        int fd = socket(addr_is_v4(&to->addr) ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        return fd < 0 ? -errno : fd;
}

/* Starts one connection attempt; the caller owns a->fd also after an error. */
static int start_attempt(struct sim_job *job, struct sim_io *io, const struct sim_endpoint *to, struct sim_attempt *a)
{
        struct sockaddr_storage sa;
        socklen_t len = sim_endpoint_sockaddr(to, &sa);
        int r;

        *a = (struct sim_attempt){.fd = tcp_socket(to)};
        if (a->fd < 0)
                return a->fd;
        r = sim_work_admit(job, to);
        if (r == 0)
                r = sim_io_connect(io, a, (struct sockaddr *) &sa, len);
        if (r == 0)
                sim_work_sent(job, to, NULL);
        return r;
}

static int scan(struct sim_job *job, struct sim_io *io)
{
        uint32_t total = MIN(job->order.count, sim_space_size(job->space));
        int r = 0;

        for (uint32_t done = 0; done < total && r == 0;) {
                struct sim_attempt a[BATCH];
                size_t n = 0;

                while (n < BATCH && done < total && r == 0) {
                        struct sim_endpoint to = sim_space_pick(job->space, done++);

                        r = start_attempt(job, io, &to, &a[n]);
                        if (r == 0)
                                n++;
                        else
                                closep(&a[n].fd);
                }
                sim_io_settle(io, a, n, TIMEOUT_MS);
                for (size_t i = 0; i < n; i++) {
                        count(&job->result, a[i].result);
                        close(a[i].fd);
                }
        }
        return r;
}

static int datagram_socket(struct sim_job *job, const struct sim_endpoint *to, int *ret)
{
        bool v4 = addr_is_v4(&to->addr), ping = job->order.kind == SIM_PING;
        _cleanup_close_ int fd = -EBADF;
        struct sim_endpoint at = *to;
        struct sockaddr_storage sa;
        socklen_t len;

        if (sim_safety_target(job->space, to) < 0)
                return -EPERM;
        if (ping)
                at.port = 0;
        len = sim_endpoint_sockaddr(&at, &sa);
        fd = socket(v4 ? AF_INET : AF_INET6, (ping ? SOCK_RAW : SOCK_DGRAM) | SOCK_CLOEXEC,
                    !ping ? 0 :
                    v4    ? IPPROTO_ICMP :
                            IPPROTO_ICMPV6);
        if (fd < 0 || connect(fd, (struct sockaddr *) &sa, len) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

static void make_echo(bool v4, uint16_t number, uint8_t out[static 64])
{
        struct icmphdr h = {.type = v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST,
                            .un.echo = {.id = htons((uint16_t) getpid()), .sequence = htons(number)}};

        memcpy(out, payload, 64);
        memcpy(out, &h, sizeof(h));
        if (!v4)
                return; /* the kernel fills ICMPv6's in */
        h.checksum = sim_work_checksum(out, 64, 0);
        memcpy(out, &h, sizeof(h));
}

int sim_work_send(struct sim_job *job, struct sim_io *io, int fd, const struct sim_endpoint *to, uint32_t number)
{
        uint8_t echo[64];
        const void *data = payload;
        ssize_t n;
        int r;

        if (job->order.kind == SIM_PING) {
                make_echo(addr_is_v4(&to->addr), (uint16_t) number, echo);
                data = echo;
        }
        r = sim_work_admit(job, to);
        if (r < 0)
                return r;
        /* An ICMP answer to an earlier datagram is reported instead of sending this one: once more, then. */
        for (int tries = 0; tries < 3; tries++) {
                n = sim_io_send(io, fd, data, sizeof(payload));
                if (n != -ECONNREFUSED)
                        break;
        }
        sim_work_sent(job, to, NULL);
        count(&job->result, n < 0 ? (int) n : 0);
        return 0;
}

static int flood(struct sim_job *job, struct sim_io *io)
{
        struct sim_endpoint to = sim_space_pick(job->space, 0);
        _cleanup_close_ int fd = -EBADF;
        int r = datagram_socket(job, &to, &fd);

        for (uint32_t i = 0; i < job->order.count && r == 0; i++)
                r = sim_work_send(job, io, fd, &to, i);
        return r;
}

static int ping(struct sim_job *job, struct sim_io *io)
{
        uint32_t n = sim_space_size(job->space);
        int r = 0;

        for (uint32_t i = 0; i < job->order.count && r == 0; i++) {
                struct sim_endpoint to = sim_space_pick(job->space, i % n);
                _cleanup_close_ int fd = -EBADF;

                r = datagram_socket(job, &to, &fd);
                if (r == 0)
                        r = sim_work_send(job, io, fd, &to, i);
        }
        return r;
}

static int open_with(struct sim_job *job, struct sim_io *io, const struct sim_endpoint *to, int *ret)
{
        struct sim_attempt a = {.fd = -EBADF};
        int r = start_attempt(job, io, to, &a);

        if (r == 0) {
                sim_io_settle(io, &a, 1, TIMEOUT_MS);
                r = a.result;
        }
        if (r < 0) {
                closep(&a.fd);
                return r;
        }
        *ret = a.fd;
        return 0;
}

int sim_work_open(struct sim_job *job, uint32_t i, int *ret_fd)
{
        _cleanup_(sim_io_freep)
        struct sim_io *io = NULL;
        struct sim_endpoint to = sim_space_pick(job->space, i);
        int r;

        if (job->order.kind == SIM_UDPFLOOD || job->order.kind == SIM_PING)
                return datagram_socket(job, &to, ret_fd);
        r = sim_io_new(false, false, &io);
        return r < 0 ? r : open_with(job, io, &to, ret_fd);
}

static int fetch(struct sim_job *job, struct sim_io *io)
{
        struct sim_endpoint to = sim_space_pick(job->space, 0);
        _cleanup_close_ int fd = -EBADF;
        char request[160], host[64], answer[4096];
        struct buf b = BUF_FIXED(request);
        size_t total = 0;
        ssize_t n;
        int r;

        r = open_with(job, io, &to, &fd);
        if (r < 0) {
                count(&job->result, r);
                return r == -EPERM || r == -ENOBUFS ? r : 0;
        }
        buf_printf(&b, "GET /egg.bin HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
                   sim_endpoint_format(&to, host));
        n = sim_io_send(io, fd, request, b.len);
        while (n > 0 && total < 65536) {
                struct pollfd p = {.fd = fd, .events = POLLIN};

                n = poll(&p, 1, TIMEOUT_MS) > 0 ? recv(fd, answer, sizeof(answer), 0) : -1;
                total += n > 0 ? (size_t) n : 0;
        }
        count(&job->result, total ? 0 : -ETIMEDOUT);
        return 0;
}

int sim_work_run(struct sim_job *job)
{
        bool sqpoll = job->shape == SIM_SHAPE_IO_URING_SQPOLL, ring = sqpoll || job->shape == SIM_SHAPE_IO_URING;
        bool forging = job->shape >= SIM_SHAPE_RAW_FORGE && job->shape <= SIM_SHAPE_PACKET_FORGE_BYPASS;
        _cleanup_(sim_io_freep)
        struct sim_io *io = NULL;
        int r;

        if (sim_safety_netns(sim_safety_space_is_loopback(job->space)) < 0)
                return -EPERM;
        if (forging || job->order.kind == SIM_FORGE)
                return sim_forge_run(job);
        r = sim_io_new(ring, sqpoll, &io);
        if (r < 0)
                return r;
        if (sqpoll)
                sim_say("sqpoll", "\"thread\":%d", sim_io_kernel_thread(io));
        switch (job->order.kind) {
        case SIM_SCAN:
                return scan(job, io);
        case SIM_UDPFLOOD:
                return flood(job, io);
        case SIM_PING:
                return ping(job, io);
        case SIM_GET:
                return fetch(job, io);
        case SIM_MAIL:
                return sim_mail_run(job);
        default:
                return -EINVAL;
        }
}

void sim_work_all(struct sim_job *job)
{
        sim_work_begin(job);
        sim_work_end(job, sim_work_run(job));
}
