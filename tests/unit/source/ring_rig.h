/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A network namespace of its own with a veth pair, va and vb, for test_ring.c and test_ring_devices.c: what is sent
 * into va arrives at vb. */
#ifndef SEKIMORI_TESTS_RING_RIG_H
#define SEKIMORI_TESTS_RING_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "source/ring.h"

#define DEADLINE (20 * NSEC_PER_SEC)
#define QUIET    ((int) (2 * RING_DELAY / NSEC_PER_MSEC)) /* after which nothing more comes */
#define SMALL    .block_size = 1u << 16, .blocks = 4

static int sender = -EBADF;

static _unused_ void run(const char *command)
{
        if (system(command) != 0)
                fail_msg("failed: %s", command);
}

static _unused_ void quiet_ip6(const char *device)
{
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;

        assert_true(asprintf(&path, "/proc/sys/net/ipv6/conf/%s/disable_ipv6", device) > 0);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd >= 0)
                assert_int_equal(write(fd, "1", 1), 1);
}

/* va last: then both ends are there and it sends from that moment on; as the first it would wait for the kernel to
 * notice the other end. */
static _unused_ void bring_up(void)
{
        run("ip link set va arp off down && ip link set vb arp off up && ip link set va up");
}

static _unused_ void make_pair(void)
{
        run("ip link add va address 02:00:00:00:00:0a type veth peer name vb address 02:00:00:00:00:0b");
        bring_up();
}

/* 0, or the reason to skip. */
static _unused_ const char *enter_namespace(void)
{
        if (geteuid() != 0)
                return "needs root: a network namespace of its own";
        if (system("command -v ip >/dev/null") != 0)
                return "needs ip (iproute2)";
        if (unshare(CLONE_NEWNET) < 0)
                return "no network namespaces here";
        if (system("ip link add test type veth peer name test1 2>/dev/null && ip link del test") != 0)
                return "no veth devices here";
        quiet_ip6("default"); /* nothing is said on the devices but by the tests */
        quiet_ip6("all");
        make_pair();
        sender = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
        return sender < 0 ? "no packet sockets here" : NULL;
}

static _unused_ void send_frame(const char *device, const void *data, size_t len)
{
        struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int) if_nametoindex(device)};

        assert_int_equal(sendto(sender, data, len, 0, (const struct sockaddr *) &to, sizeof(to)), (ssize_t) len);
}

/* An Ethernet frame of a local experimental type, each with other bytes. */
static _unused_ size_t make_frame(uint8_t *to, uint32_t i, size_t len)
{
        static const uint8_t head[14] = {2, 0, 0, 0, 0, 0x0b, 2, 0, 0, 0, 0, 0x0a, 0x88, 0xb5};

        memcpy(to, head, sizeof(head));
        for (size_t k = sizeof(head); k < len; k++)
                to[k] = (uint8_t) (i * 7 + k * 3 + (i >> 8));
        return len;
}

struct opened {
        struct ring *rings[RING_WORKERS_MAX];
        int fds[RING_WORKERS_MAX]; /* as the warden keeps them */
        unsigned n;
};

static _unused_ void opened_done(struct opened *o)
{
        for (unsigned i = 0; i < o->n; i++) {
                ring_free(o->rings[i]);
                close(o->fds[i]);
        }
}
#define OPENED                                                                                                         \
        _cleanup_(opened_done)                                                                                         \
        struct opened

static _unused_ struct opened open_rings(const struct ring_params *p)
{
        struct opened o = {.n = MAX(p->workers, 1u)};
        struct buf why = BUF_HEAP(1024);
        int r = ring_open(p, o.fds, &why);

        if (r < 0)
                fail_msg("ring_open: %d %s", r, buf_str(&why));
        buf_done(&why);
        for (unsigned i = 0; i < o.n; i++)
                assert_int_equal(ring_new(dup(o.fds[i]), p, &o.rings[i]), 0);
        return o;
}

#define OPEN(...) open_rings(&(struct ring_params){__VA_ARGS__})

struct taken {
        struct frame frames[4096];
        uint8_t data[1u << 22];
        size_t used;
        uint32_t n;
};

static struct taken taken;

/* Waits for `want` frames, at least; with 0 until nothing more comes. Copies them. */
static _unused_ uint32_t take_frames(struct ring *r, uint32_t want)
{
        nsec_t end = clock_boottime() + DEADLINE;

        taken.n = 0;
        taken.used = 0;
        for (;;) {
                struct pollfd p = {.fd = ring_fd(r), .events = POLLIN};
                struct frame some[64];
                int n = ring_next(r, some, ELEMENTSOF(some));

                if (n < 0)
                        fail_msg("ring_next: %d", n);
                for (int i = 0; i < n; i++) {
                        assert_true(taken.n < ELEMENTSOF(taken.frames));
                        assert_true(some[i].caplen <= sizeof(taken.data) - taken.used);
                        memcpy(taken.data + taken.used, some[i].data, some[i].caplen);
                        taken.frames[taken.n] = some[i];
                        taken.frames[taken.n++].data = taken.data + taken.used;
                        taken.used += some[i].caplen;
                }
                if (n > 0)
                        continue;
                if (want && taken.n >= want)
                        return taken.n;
                if (want && clock_boottime() > end)
                        fail_msg("%u frames of %u came", taken.n, want);
                if (poll(&p, 1, QUIET) == 0 && !want)
                        return taken.n;
        }
}

static _unused_ bool is_frame(uint32_t i, const void *data, size_t len)
{
        return taken.frames[i].caplen == len && taken.frames[i].len == len &&
               memcmp(taken.frames[i].data, data, len) == 0;
}

static _unused_ struct ring_stats stats_of(struct ring *r)
{
        struct ring_stats s;

        assert_int_equal(ring_get_stats(r, &s), 0);
        return s;
}

#endif
