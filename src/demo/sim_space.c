/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Targets of the simulation: endpoints, the list of networks and ports an order may reach, and the names of the shapes.
 * Parsing only, no I/O; what is allowed is decided in sim_safety.c. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "demo/sim.h"

int sim_space_add(struct sim_space *space, const char *cidrs)
{
        size_t n = space->n_nets;

        for (const char *p = cidrs; *p;) {
                size_t len = strcspn(p, ",");
                char one[ADDR_TEXT_MAX + 5];

                if (len == 0 || len >= sizeof(one) || n == SIM_NETS_MAX)
                        return -EINVAL;
                memcpy(one, p, len);
                one[len] = '\0';
                if (cidr_parse(one, &space->nets[n++]) < 0)
                        return -EINVAL;
                p += len;
                if (*p == ',' && !*++p)
                        return -EINVAL;
        }
        if (n == space->n_nets)
                return -EINVAL;
        space->n_nets = n;
        return 0;
}

static int parse_port(const char *text, char end, uint16_t *ret)
{
        unsigned long v;
        char *stop;

        if (*text < '0' || *text > '9')
                return -EINVAL;
        v = strtoul(text, &stop, 10);
        if ((*stop != end && *stop != '\0') || v == 0 || v > 65535)
                return -EINVAL;
        *ret = (uint16_t) v;
        return 0;
}

int sim_ports_parse(const char *text, struct sim_space *ret)
{
        const char *dash = strchr(text, '-');
        uint16_t lo, hi;

        if (parse_port(text, '-', &lo) < 0 || parse_port(dash ? dash + 1 : text, '\0', &hi) < 0 || lo > hi)
                return -EINVAL;
        ret->port_lo = lo;
        ret->port_hi = hi;
        return 0;
}

int sim_endpoint_parse(const char *text, struct sim_endpoint *ret)
{
        const char *colon = strrchr(text, ':');
        struct sim_endpoint e;
        char host[ADDR_TEXT_MAX];
        size_t n;

        if (!colon || parse_port(colon + 1, '\0', &e.port) < 0)
                return -EINVAL;
        n = (size_t) (colon - text);
        if (*text == '[' && n > 1 && text[n - 1] == ']') {
                text++;
                n -= 2;
        } else if (memchr(text, ':', n)) {
                return -EINVAL;
        }
        if (n >= sizeof(host))
                return -EINVAL;
        memcpy(host, text, n);
        host[n] = '\0';
        if (addr_parse(host, &e.addr) < 0)
                return -EINVAL;
        *ret = e;
        return 0;
}

const char *sim_endpoint_format(const struct sim_endpoint *e, char out[static 64])
{
        char text[ADDR_TEXT_MAX];

        snprintf(out, 64, addr_is_v4(&e->addr) ? "%s:%u" : "[%s]:%u", addr_format(&e->addr, text), e->port);
        return out;
}

socklen_t sim_endpoint_sockaddr(const struct sim_endpoint *e, struct sockaddr_storage *ret)
{
        memset(ret, 0, sizeof(*ret));
        if (addr_is_v4(&e->addr)) {
                struct sockaddr_in *in = (struct sockaddr_in *) ret;

                in->sin_family = AF_INET;
                in->sin_port = htons(e->port);
                memcpy(&in->sin_addr, e->addr.b + 12, 4);
                return sizeof(*in);
        }
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) ret;

        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(e->port);
        memcpy(&in6->sin6_addr, e->addr.b, 16);
        return sizeof(*in6);
}

static uint32_t addresses_of(const struct cidr *net)
{
        unsigned host_bits = 128U - net->bits;

        return host_bits >= 13 ? SIM_PACKETS_MAX : MIN(1U << host_bits, (uint32_t) SIM_PACKETS_MAX);
}

uint32_t sim_space_size(const struct sim_space *space)
{
        uint32_t n = 0;

        for (size_t i = 0; i < space->n_nets; i++)
                n += addresses_of(&space->nets[i]);
        n *= (uint32_t) (space->port_hi - space->port_lo) + 1;
        return MIN(n, (uint32_t) SIM_PACKETS_MAX);
}

struct sim_endpoint sim_space_pick(const struct sim_space *space, uint32_t i)
{
        uint32_t n = 0, ports = (uint32_t) (space->port_hi - space->port_lo) + 1, at;
        struct sim_endpoint e;
        size_t net = 0;

        for (size_t k = 0; k < space->n_nets; k++)
                n += addresses_of(&space->nets[k]);
        e.port = (uint16_t) (space->port_lo + i / n % ports);
        at = i % n;
        while (at >= addresses_of(&space->nets[net]))
                at -= addresses_of(&space->nets[net++]);
        e.addr = space->nets[net].base;
        /* The base may carry host bits; adding to it would leave the network. */
        for (unsigned bit = space->nets[net].bits; bit < 128; bit++)
                e.addr.b[bit / 8] &= (uint8_t) ~(0x80U >> bit % 8);
        for (int byte = 15; byte >= 12; byte--, at >>= 8)
                e.addr.b[byte] |= (uint8_t) at;
        return e;
}

static const char *const shape_names[SIM_SHAPE_MAX] = {
        [SIM_SHAPE_CHILD] = "child",
        [SIM_SHAPE_THREAD] = "thread",
        [SIM_SHAPE_DOUBLE_FORK] = "double-fork",
        [SIM_SHAPE_PARENT_EXITS] = "parent-exits",
        [SIM_SHAPE_CLONE_PARENT] = "clone-parent",
        [SIM_SHAPE_SHELL] = "shell",
        [SIM_SHAPE_SELF_EXEC] = "self-exec",
        [SIM_SHAPE_IO_URING] = "io-uring",
        [SIM_SHAPE_IO_URING_SQPOLL] = "io-uring-sqpoll",
        [SIM_SHAPE_RAW_FORGE] = "raw-forge",
        [SIM_SHAPE_RAW_FORGE6] = "raw-forge6",
        [SIM_SHAPE_PACKET_FORGE] = "packet-forge",
        [SIM_SHAPE_PACKET_FORGE_BYPASS] = "packet-forge-bypass",
        [SIM_SHAPE_INHERITED] = "inherited",
        [SIM_SHAPE_FD_PASSING] = "fd-passing",
        [SIM_SHAPE_UDP_ORDERS] = "udp-orders",
        [SIM_SHAPE_TLS_ORDERS] = "tls-orders",
        [SIM_SHAPE_SLEEPER] = "sleeper",
        [SIM_SHAPE_NETNS] = "netns",
        [SIM_SHAPE_SINGLE] = "single",
};

const char *sim_shape_name(enum sim_shape shape)
{
        return shape_names[shape];
}

int sim_shape_parse(const char *name, enum sim_shape *ret)
{
        for (size_t i = 0; i < SIM_SHAPE_MAX; i++) {
                if (strcmp(name, shape_names[i]) == 0) {
                        *ret = (enum sim_shape) i;
                        return 0;
                }
        }
        return -EINVAL;
}
