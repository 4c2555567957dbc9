/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Children that talk, for test_proc_live.c: only over the loopback device of the test's own network namespace. */
#ifndef SEKIMORI_TESTS_LIVE_CHILDREN_H
#define SEKIMORI_TESTS_LIVE_CHILDREN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/cleanup.h"

/* A child that does its work, says "ready", and stays until it is told to go: the last one first, since it holds the
 * others' pipes too. */
struct child {
        pid_t pid;
        int say, hear;
};

static void release(struct child *c)
{
        int status;

        close(c->say);
        close(c->hear);
        if (waitpid(c->pid, &status, 0) == c->pid)
                assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static struct child spawn(int (*work)(int arg), int arg)
{
        struct child c;
        int to[2], from[2];
        char byte;

        assert_int_equal(pipe2(to, O_CLOEXEC), 0);
        assert_int_equal(pipe2(from, O_CLOEXEC), 0);
        c.pid = fork();
        assert_true(c.pid >= 0);
        if (c.pid == 0) {
                close(to[1]);
                close(from[0]);
                if (work(arg) < 0)
                        _exit(1);
                (void) !write(from[1], "x", 1);
                (void) !read(to[0], &byte, 1); /* until the parent closes its end */
                _exit(0);
        }
        close(to[0]);
        close(from[1]);
        c.say = to[1];
        c.hear = from[0];
        assert_int_equal(read(c.hear, &byte, 1), 1);
        return c;
}

static struct sockaddr_in local_port(uint16_t port)
{
        return (struct sockaddr_in){
                .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int serve(int port)
{
        struct sockaddr_in at = local_port((uint16_t) port);
        int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
            bind(fd, (struct sockaddr *) &at, sizeof(at)) < 0 || listen(fd, 8) < 0)
                return -1;
        /* accepted in a child of its own, which the parent's exit ends */
        if (fork() == 0) {
                char text[64];
                int c;

                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                c = accept(fd, NULL, NULL);
                while (c >= 0 && read(c, text, sizeof(text)) > 0)
                        ;
                _exit(0);
        }
        return 0;
}

static int connect_to(int port)
{
        struct sockaddr_in to = local_port((uint16_t) port);
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        if (fd < 0 || connect(fd, (struct sockaddr *) &to, sizeof(to)) < 0 || write(fd, "hello", 5) != 5)
                return -1;
        return 0;
}

static int send_datagram(int port)
{
        struct sockaddr_in to = local_port((uint16_t) port);
        int fd = socket(AF_INET, SOCK_DGRAM, 0);

        return fd >= 0 && sendto(fd, "hello", 5, 0, (struct sockaddr *) &to, sizeof(to)) == 5 ? 0 : -1;
}

static int ping(int arg)
{
        struct sockaddr_in to = local_port(0);
        struct icmphdr echo = {.type = ICMP_ECHO, .un.echo.id = htons((uint16_t) arg)};
        int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

        echo.checksum = (uint16_t) ~(echo.type + echo.un.echo.id);
        return fd >= 0 && sendto(fd, &echo, sizeof(echo), 0, (struct sockaddr *) &to, sizeof(to)) == sizeof(echo) ? 0 :
                                                                                                                    -1;
}

/* Only onto the loopback device of this test's own namespace. */
static int forge_raw(int arg)
{
        struct sockaddr_in to = local_port(0);
        struct {
                struct iphdr ip;
                char text[8];
        } packet = {.ip = {.version = 4, .ihl = 5, .ttl = 1, .protocol = (uint8_t) arg, .tot_len = htons(28)}};
        int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);

        packet.ip.saddr = inet_addr("198.51.100.9");
        packet.ip.daddr = to.sin_addr.s_addr;
        return fd >= 0 && sendto(fd, &packet, 28, 0, (struct sockaddr *) &to, sizeof(to)) == 28 ? 0 : -1;
}

static int forge_packet(int protocol)
{
        struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = 1, .sll_halen = 6};
        struct {
                uint8_t link[14];
                struct iphdr ip;
                char text[8];
        } __attribute__((packed))
        frame = {.link = {[12] = 8},
                 .ip = {.version = 4, .ihl = 5, .ttl = 1, .protocol = IPPROTO_UDP, .tot_len = htons(28)}};
        int fd = socket(AF_PACKET, SOCK_RAW, 0);

        to.sll_protocol = htons((uint16_t) protocol); /* beside the frame it may lie */
        frame.ip.saddr = inet_addr("198.51.100.9");
        frame.ip.daddr = htonl(INADDR_LOOPBACK);
        return fd >= 0 && sendto(fd, &frame, sizeof(frame), 0, (struct sockaddr *) &to, sizeof(to)) == sizeof(frame) ?
                       0 :
                       -1;
}

static int in_other_namespace(int port)
{
        struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
        int fd, r;

        if (unshare(CLONE_NEWNET) < 0)
                return -1;
        fd = socket(AF_INET, SOCK_DGRAM, 0);
        r = ioctl(fd, SIOCSIFFLAGS, &up);
        close(fd);
        return r < 0 || serve(port) < 0 ? -1 : connect_to(port);
}

#endif
