/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The eBPF back end on this kernel, and this test's own traffic in a network namespace of its own: for test_host_bpf.c
 * and test_host_rescan.c. Root; skipped without, or where the kernel does not let it load. */
#ifndef SEKIMORI_TESTS_BPF_RIG_H
#define SEKIMORI_TESTS_BPF_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "source/source.h"

#define EVENTS_MAX     16384
#define DEADLINE       (10 * NSEC_PER_SEC)
#define LOOPBACK(last) htonl(0x7f000000u + (last))

extern const struct source source_host_bpf;

static struct {
        void *self, *state;
        struct event events[EVENTS_MAX];
        size_t n;
} watch;

static const struct config config = {.host.ring_kib = 1024};

static _unused_ void take(void *userdata, const struct event *e)
{
        (void) userdata;
        if (watch.n < EVENTS_MAX)
                watch.events[watch.n++] = *e;
}

static _unused_ int loopback_up(void)
{
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP};

        return fd < 0 || ioctl(fd, SIOCSIFFLAGS, &r) < 0 ? -errno : 0;
}

static _unused_ struct sockaddr_in bound(int fd, uint32_t last)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = LOOPBACK(last)};
        socklen_t len = sizeof(a);

        assert_int_equal(bind(fd, (const void *) &a, sizeof(a)), 0);
        assert_int_equal(getsockname(fd, (void *) &a, &len), 0);
        return a;
}

static _unused_ int opened(int type, int proto)
{
        int fd = socket(AF_INET, type | SOCK_CLOEXEC, proto);

        assert_true(fd >= 0);
        return fd;
}

/* A network namespace of our own. */
static _unused_ int enter(void)
{
        return geteuid() != 0 || unshare(CLONE_NEWNET) < 0 ? -EPERM : loopback_up();
}

static _unused_ int load(void)
{
        struct source_params params = {.config = &config, .sink = {.event = take}};
        struct source_fds fds;

        if (source_host_bpf.open(&config, &fds, &watch.self) < 0)
                return 0;
        if (source_host_bpf.start(&params, &fds, &watch.state) < 0)
                return -1;
        return 0;
}

static _unused_ int start(void **state)
{
        (void) state;
        return enter() < 0 ? 0 : load();
}

static _unused_ int stop(void **state)
{
        (void) state;
        source_host_bpf.stop(watch.state);
        if (watch.self)
                source_host_bpf.close(watch.self);
        return 0;
}

/* Forgets what was seen up to now. */
static _unused_ void skip_seen(void)
{
        while (source_host_bpf.dispatch(watch.state, 1000) > 0)
                ;
        watch.n = 0;
}

static _unused_ void begin(void)
{
        if (!watch.state) {
                print_message("no root, or this kernel does not load the programs\n");
                skip();
        }
        skip_seen();
}

struct wanted {
        uint8_t op;
        uint8_t proto;
        pid_t pid;        /* 0: any */
        in_addr_t remote; /* 0: any */
        uint16_t port;    /* of either side; 0: any */
};

static _unused_ bool fits(const struct event *e, const struct wanted *w)
{
        const struct flow_event *f = &e->flow;
        struct addr remote = addr_from_v4(w->remote);

        return e->type == EVENT_FLOW && e->op == w->op && f->proto == w->proto &&
               (!w->pid || f->task.pid == (uint32_t) w->pid) && (!w->remote || addr_equal(&f->remote, &remote)) &&
               (!w->port || f->local_port == w->port || f->remote_port == w->port);
}

/* The first event that fits, waited for. */
static _unused_ const struct flow_event *await(const struct wanted *w)
{
        nsec_t end = clock_boottime() + DEADLINE;

        for (size_t i = 0;;) {
                struct pollfd p = {source_host_bpf.poll_fd(watch.state), POLLIN, 0};

                for (; i < watch.n; i++)
                        if (fits(&watch.events[i], w))
                                return &watch.events[i].flow;
                assert_true(clock_boottime() < end);
                (void) poll(&p, 1, 20);
                (void) source_host_bpf.dispatch(watch.state, 1000);
        }
}

#define AWAIT(...) await(&(struct wanted){__VA_ARGS__})

static _unused_ size_t count(const struct wanted *w)
{
        size_t n = 0;

        for (size_t i = 0; i < watch.n; i++)
                n += fits(&watch.events[i], w);
        return n;
}

static _unused_ void send_to(int fd, const struct sockaddr_in *to, size_t len)
{
        char data[1024] = {0};

        assert_int_equal(sendto(fd, data, len, 0, (const void *) to, to ? sizeof(*to) : 0), len);
}

/* Nothing happens for that long: what the sensor measures, and no event can stand for it. */
static _unused_ void pass(nsec_t time)
{
        nsec_t end = clock_boottime() + time;

        while (clock_boottime() < end) {
                struct pollfd p = {source_host_bpf.poll_fd(watch.state), POLLIN, 0};

                (void) poll(&p, 1, 20);
                (void) source_host_bpf.dispatch(watch.state, 1000);
        }
}

#endif
