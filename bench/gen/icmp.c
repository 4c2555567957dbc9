/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ICMP echo by raw and by ping sockets, and raw IP. Runs in sekimori-gen. */
#include "send.h"

#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <string.h>

#define RAW_PROTO 253 /* RFC 3692: for experiments */

static uint16_t checksum(const void *data, size_t len)
{
        const uint8_t *p = data;
        uint32_t sum = 0;

        for (size_t i = 0; i + 1 < len; i += 2)
                sum += (uint32_t) p[i] << 8 | p[i + 1];
        while (sum >> 16)
                sum = (sum & 0xffff) + (sum >> 16);
        return htons((uint16_t) ~sum);
}

static int echo_call(struct gen *g, void *arg)
{
        struct send_job *job = arg;
        struct {
                struct icmphdr head;
                char data[32];
        } echo = {0};
        int r = send_socket(job);

        if (r < 0)
                return r;
        job->remote = gen_peer(g, job->family, 0);
        for (unsigned i = 0; i < g->count; i++) {
                echo.head.type = job->family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
                echo.head.un.echo.id = htons(0x5e6b);
                echo.head.un.echo.sequence = htons((uint16_t) i);
                echo.head.checksum = 0;
                /* ICMPv6's is made by the kernel: it covers the addresses */
                if (job->family == AF_INET)
                        echo.head.checksum = checksum(&echo, sizeof(echo));
                if (sendto(job->fd, &echo, sizeof(echo), 0, &job->remote.sa, gen_addr_len(&job->remote)) < 0)
                        return -errno;
        }
        return 0;
}

static int raw_call(struct gen *g, void *arg)
{
        int r = send_socket(arg);

        return r < 0 ? r : send_to(g, arg);
}

static int hdrincl_call(struct gen *g, void *arg)
{
        struct send_job *job = arg;
        const union gen_addr from = gen_local(g, AF_INET, 0);
        struct {
                struct iphdr ip;
                struct udphdr udp;
                char data[SEND_PAYLOAD];
        } p = {0};
        int r = send_socket(job);

        if (r < 0)
                return r;
        job->remote = gen_peer(g, AF_INET, 0);
        p.ip.version = 4;
        p.ip.ihl = 5;
        p.ip.tot_len = htons(sizeof(p));
        p.ip.ttl = 64;
        p.ip.protocol = IPPROTO_UDP;
        p.ip.saddr = from.in.sin_addr.s_addr;
        p.ip.daddr = job->remote.in.sin_addr.s_addr;
        p.udp.source = htons(40077);
        p.udp.dest = htons(GEN_PORT_UDP);
        p.udp.len = htons(sizeof(p.udp) + sizeof(p.data));
        memcpy(p.data, send_payload, SEND_PAYLOAD);
        for (unsigned i = 0; i < g->count; i++)
                if (sendto(job->fd, &p, sizeof(p), 0, &job->remote.sa, sizeof(job->remote.in)) < 0)
                        return -errno;
        return 0;
}

/* `proto` as on the wire; 0: the sensor may name the socket's or the packet's. */
static int by_thread(struct gen *g, struct send_job job, actor_call fn, int proto)
{
        struct actor *a;
        struct gen_expect *e;
        int r = actor_thread(g, &a);

        if (r < 0)
                return r;
        r = actor_do(a, fn, &job);
        if (r == -EACCES && job.type == SOCK_DGRAM)
                return gen_impossible(g, "ping sockets are closed here (net.ipv4.ping_group_range)");
        if (r < 0)
                return gen_failed(g, r, "raw or ping socket");
        job.remote = gen_peer(g, job.family, 0);
        e = gen_expect(g, proto, -1, &job.remote);
        actor_sender(g, e, actor_task(a), NULL, 0);
        return 0;
}

static int icmp4_raw(struct gen *g)
{
        return by_thread(g, (struct send_job){.family = AF_INET, .type = SOCK_RAW, .proto = IPPROTO_ICMP}, echo_call,
                         IPPROTO_ICMP);
}

static int icmp6_raw(struct gen *g)
{
        return by_thread(g, (struct send_job){.family = AF_INET6, .type = SOCK_RAW, .proto = IPPROTO_ICMPV6}, echo_call,
                         IPPROTO_ICMPV6);
}

static int icmp4_ping(struct gen *g)
{
        return by_thread(g, (struct send_job){.family = AF_INET, .type = SOCK_DGRAM, .proto = IPPROTO_ICMP}, echo_call,
                         IPPROTO_ICMP);
}

static int icmp6_ping(struct gen *g)
{
        return by_thread(g, (struct send_job){.family = AF_INET6, .type = SOCK_DGRAM, .proto = IPPROTO_ICMPV6},
                         echo_call, IPPROTO_ICMPV6);
}

static int raw4(struct gen *g)
{
        return by_thread(g, (struct send_job){.family = AF_INET, .type = SOCK_RAW, .proto = RAW_PROTO}, raw_call,
                         RAW_PROTO);
}

static int raw6(struct gen *g)
{
        return by_thread(g, (struct send_job){.family = AF_INET6, .type = SOCK_RAW, .proto = RAW_PROTO}, raw_call,
                         RAW_PROTO);
}

static int raw4_hdrincl(struct gen *g)
{
        return by_thread(g, (struct send_job){.family = AF_INET, .type = SOCK_RAW, .proto = IPPROTO_RAW}, hdrincl_call,
                         0);
}

const struct gen_case gen_cases_icmp[] = {
        {"icmp4-raw", "ICMP echo by a raw socket", icmp4_raw},
        {"icmp6-raw", "ICMPv6 echo by a raw socket", icmp6_raw},
        {"icmp4-ping", "ICMP echo by a ping socket", icmp4_ping},
        {"icmp6-ping", "ICMPv6 echo by a ping socket", icmp6_ping},
        {"raw4", "raw IP, a protocol of its own", raw4},
        {"raw6", "raw IPv6, a protocol of its own", raw6},
        {"raw4-hdrincl", "raw IP that brings its own header (UDP within)", raw4_hdrincl},
        {0},
};
