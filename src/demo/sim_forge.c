/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets with a source address that is not this machine's, by raw socket (IPv4, IPv6) and by packet socket, with and
 * without the queueing discipline. Sources stay inside the simulation's ranges, and every destination passes the same
 * check as an honest packet. Runs in the worker. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "demo/sim.h"

#define TTL 64

static const char payload[24] = "sekimori-sim: forged";

static uint32_t sum_bytes(const uint8_t *p, size_t len)
{
        uint32_t sum = 0;

        for (size_t i = 0; i + 1 < len; i += 2)
                sum += (uint32_t) p[i] << 8 | p[i + 1];
        return sum;
}

/* Writes the transport's header and payload; its length. */
static size_t build_transport(const struct sim_packet *p, bool v4, uint8_t *out, size_t *ret_checksum_at)
{
        if (p->protocol == IPPROTO_TCP) {
                struct tcphdr h = {.source = htons(p->from.port),
                                   .dest = htons(p->to.port),
                                   .seq = htonl(p->number),
                                   .doff = 5,
                                   .syn = 1,
                                   .window = htons(1024)};

                memcpy(out, &h, sizeof(h));
                *ret_checksum_at = offsetof(struct tcphdr, check);
                return sizeof(h);
        }
        if (p->protocol == IPPROTO_UDP) {
                struct udphdr h = {.source = htons(p->from.port),
                                   .dest = htons(p->to.port),
                                   .len = htons(sizeof(h) + sizeof(payload))};

                memcpy(out, &h, sizeof(h));
                memcpy(out + sizeof(h), payload, sizeof(payload));
                *ret_checksum_at = offsetof(struct udphdr, check);
                return sizeof(h) + sizeof(payload);
        }
        struct icmphdr h = {.type = v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST, .un.echo.sequence = htons(p->number)};

        memcpy(out, &h, sizeof(h));
        memcpy(out + sizeof(h), payload, sizeof(payload));
        *ret_checksum_at = offsetof(struct icmphdr, checksum);
        return sizeof(h) + sizeof(payload);
}

static size_t build_network(const struct sim_packet *p, bool v4, uint8_t protocol, size_t len, uint8_t *out)
{
        if (v4) {
                struct iphdr h = {.version = 4,
                                  .ihl = 5,
                                  .tot_len = htons((uint16_t) (sizeof(h) + len)),
                                  .id = htons(p->number),
                                  .ttl = TTL,
                                  .protocol = protocol};

                memcpy(&h.saddr, p->from.addr.b + 12, 4);
                memcpy(&h.daddr, p->to.addr.b + 12, 4);
                h.check = sim_work_checksum(&h, sizeof(h), 0);
                memcpy(out, &h, sizeof(h));
                return sizeof(h);
        }
        struct ip6_hdr h = {.ip6_flow = htonl(6U << 28), .ip6_plen = htons((uint16_t) len), .ip6_nxt = protocol};

        h.ip6_hlim = TTL;
        memcpy(&h.ip6_src, p->from.addr.b, 16);
        memcpy(&h.ip6_dst, p->to.addr.b, 16);
        memcpy(out, &h, sizeof(h));
        return sizeof(h);
}

int sim_forge_build(const struct sim_packet *p, uint8_t out[static SIM_PACKET_MAX])
{
        bool v4 = addr_is_v4(&p->to.addr);
        uint8_t protocol = (uint8_t) (p->protocol == IPPROTO_ICMP && !v4 ? IPPROTO_ICMPV6 : p->protocol);
        uint8_t body[SIM_PACKET_MAX - sizeof(struct ip6_hdr)];
        size_t len, at, head;
        uint32_t sum = 0;
        uint16_t check;

        if (v4 != addr_is_v4(&p->from.addr))
                return -EAFNOSUPPORT;
        len = build_transport(p, v4, body, &at);
        if (protocol != IPPROTO_ICMP) /* the one without a pseudo-header */
                sum = sum_bytes(p->from.addr.b + (v4 ? 12 : 0), v4 ? 4 : 16) +
                      sum_bytes(p->to.addr.b + (v4 ? 12 : 0), v4 ? 4 : 16) + protocol + (uint32_t) len;
        check = sim_work_checksum(body, len, sum);
        if (check == 0 && protocol == IPPROTO_UDP)
                check = 0xffff; /* zero would say that there is none */
        memcpy(body + at, &check, 2);
        head = build_network(p, v4, protocol, len, out);
        memcpy(out + head, body, len);
        return (int) (head + len);
}

/* A way out for finished packets. */
struct outlet {
        int fd; /* owned */
        struct sockaddr_ll link;
        bool packet; /* AF_PACKET: needs an Ethernet header of ours */
        struct ether_header ether;
};

static int open_raw(bool v4, struct outlet *ret)
{
        _cleanup_close_ int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
        int one = 1;

        if (fd < 0 || (v4 ? setsockopt(fd, IPPROTO_IP, IP_HDRINCL, &one, sizeof(one)) :
                            setsockopt(fd, IPPROTO_IPV6, IPV6_HDRINCL, &one, sizeof(one))) < 0)
                return -errno;
        *ret = (struct outlet){.fd = TAKE_FD(fd)};
        return 0;
}

/* The device the route to `to` uses. */
static int find_device(const struct sim_endpoint *to, char ret_name[static IFNAMSIZ])
{
        _cleanup_close_ int fd = -EBADF;
        struct sockaddr_storage sa, own = {};
        socklen_t len = sim_endpoint_sockaddr(to, &sa), own_len = sizeof(own);
        struct ifaddrs *all = NULL;
        size_t offset, size;
        int r = -ENODEV;

        fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *) &sa, len) < 0 ||
            getsockname(fd, (struct sockaddr *) &own, &own_len) < 0 || getifaddrs(&all) < 0)
                return -errno;
        offset = own.ss_family == AF_INET ? offsetof(struct sockaddr_in, sin_addr) :
                                            offsetof(struct sockaddr_in6, sin6_addr);
        size = own.ss_family == AF_INET ? 4 : 16;
        for (const struct ifaddrs *i = all; i && r < 0; i = i->ifa_next) {
                if (!i->ifa_addr || i->ifa_addr->sa_family != own.ss_family ||
                    memcmp((const char *) i->ifa_addr + offset, (const char *) &own + offset, size) != 0)
                        continue;
                snprintf(ret_name, IFNAMSIZ, "%s", i->ifa_name);
                r = 0;
        }
        freeifaddrs(all);
        return r;
}

/* The neighbour at the other end of the device: a veth pair has one. Broadcast when none has been seen. */
static void find_peer(const char *device, uint8_t ret[static ETH_ALEN])
{
        _cleanup_fclose_ FILE *f = fopen("/proc/net/arp", "re");
        char line[256], name[IFNAMSIZ];
        uint8_t m[ETH_ALEN];
        unsigned flags;

        memset(ret, 0xff, ETH_ALEN);
        while (f && fgets(line, sizeof(line), f)) {
                if (sscanf(line, "%*s %*s %x %hhx:%hhx:%hhx:%hhx:%hhx:%hhx %*s %15s", &flags, &m[0], &m[1], &m[2],
                           &m[3], &m[4], &m[5], name) != 8 ||
                    !(flags & 2 /* ATF_COM: complete */) || strcmp(name, device) != 0)
                        continue;
                memcpy(ret, m, ETH_ALEN);
                return;
        }
}

static int open_packet(const struct sim_endpoint *to, bool bypass, struct outlet *ret)
{
        _cleanup_close_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
        struct outlet o = {.packet = true};
        struct ifreq request = {};
        int one = 1, r = find_device(to, request.ifr_name);

        if (r < 0)
                return r;
        if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request) < 0)
                return -errno;
        memcpy(o.ether.ether_shost, request.ifr_hwaddr.sa_data, ETH_ALEN);
        find_peer(request.ifr_name, o.ether.ether_dhost);
        o.ether.ether_type = htons(addr_is_v4(&to->addr) ? ETHERTYPE_IP : ETHERTYPE_IPV6);
        o.link = (struct sockaddr_ll){.sll_family = AF_PACKET,
                                      .sll_protocol = o.ether.ether_type,
                                      .sll_ifindex = (int) if_nametoindex(request.ifr_name),
                                      .sll_halen = ETH_ALEN};
        memcpy(o.link.sll_addr, o.ether.ether_dhost, ETH_ALEN);
        if (bypass && setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) < 0)
                return -errno;
        o.fd = TAKE_FD(fd);
        *ret = o;
        return 0;
}

static int send_out(const struct outlet *o, const struct sim_packet *p)
{
        uint8_t frame[sizeof(o->ether) + SIM_PACKET_MAX];
        int len = sim_forge_build(p, frame + sizeof(o->ether));
        struct sim_endpoint to = {.addr = p->to.addr}; /* a raw IPv6 socket takes no port */
        struct sockaddr_storage sa;
        socklen_t sa_len;
        ssize_t n;

        if (len < 0)
                return len;
        if (o->packet) {
                memcpy(frame, &o->ether, sizeof(o->ether));
                n = sendto(o->fd, frame, sizeof(o->ether) + (size_t) len, 0, (const struct sockaddr *) &o->link,
                           sizeof(o->link));
        } else {
                sa_len = sim_endpoint_sockaddr(&to, &sa);
                n = sendto(o->fd, frame + sizeof(o->ether), (size_t) len, 0, (struct sockaddr *) &sa, sa_len);
        }
        return n < 0 ? -errno : 0;
}

static struct addr source_for(const struct sim_job *job, bool v4, uint32_t i)
{
        struct addr a = job->forge_source;

        if (!addr_is_unspecified(&a))
                return a;
        (void) addr_parse(v4 ? "10.77.200.1" : "fd77:200::1", &a);
        a.b[15] = (uint8_t) (1 + i % 200);
        return a;
}

static int protocol_for(enum sim_order_kind kind)
{
        return kind == SIM_SCAN ? IPPROTO_TCP : kind == SIM_PING ? IPPROTO_ICMP : IPPROTO_UDP;
}

/* The i-th target; the forms that speak one family only take the targets of that family. */
static int target_for(const struct sim_job *job, uint32_t i, struct sim_endpoint *ret)
{
        bool any = job->shape != SIM_SHAPE_RAW_FORGE && job->shape != SIM_SHAPE_RAW_FORGE6;
        uint32_t size = sim_space_size(job->space), fitting = 0, first = i;

        for (int round = 0; round < 2; round++) {
                for (uint32_t k = 0; k < size; k++) {
                        struct sim_endpoint e = sim_space_pick(job->space, k);

                        if (!any && addr_is_v4(&e.addr) != (job->shape == SIM_SHAPE_RAW_FORGE))
                                continue;
                        if (fitting++ < first)
                                continue;
                        *ret = e;
                        return 0;
                }
                if (fitting == 0)
                        return -EAFNOSUPPORT;
                first = i % fitting;
                fitting = 0;
        }
        return -EAFNOSUPPORT;
}

static int send_forged(struct sim_job *job, const struct outlet *o, const struct sim_endpoint *to, uint32_t i)
{
        struct sim_packet p = {.to = *to,
                               .from.port = (uint16_t) (40000 + i % 20000),
                               .protocol = protocol_for(job->order.kind),
                               .number = (uint16_t) i};
        int r;

        p.from.addr = source_for(job, addr_is_v4(&to->addr), i);
        r = sim_safety_source(&p.from.addr);
        if (r == 0)
                r = sim_work_admit(job, to);
        if (r < 0)
                return r;
        r = send_out(o, &p);
        if (r == -EAFNOSUPPORT)
                return r;
        sim_work_sent(job, to, &p.from.addr);
        if (r < 0)
                job->result.failed++;
        else
                job->result.ok++;
        return 0;
}

int sim_forge_run(struct sim_job *job)
{
        bool bypass = job->shape == SIM_SHAPE_PACKET_FORGE_BYPASS, v4;
        struct outlet o = {.fd = -EBADF};
        struct sim_endpoint to;
        int r;

        /* On loopback in the machine's own namespace forging has no business. */
        if (job->order.kind == SIM_GET || sim_safety_netns(false) < 0)
                return job->order.kind == SIM_GET ? -EOPNOTSUPP : -EPERM;
        r = target_for(job, 0, &to);
        if (r < 0)
                return r;
        v4 = addr_is_v4(&to.addr);
        r = bypass || job->shape == SIM_SHAPE_PACKET_FORGE ? open_packet(&to, bypass, &o) : open_raw(v4, &o);
        for (uint32_t i = 0; r == 0 && i < job->order.count; i++) {
                if (job->order.kind != SIM_UDPFLOOD)
                        r = target_for(job, i, &to);
                /* One outlet speaks one family. */
                if (r == 0 && addr_is_v4(&to.addr) == v4)
                        r = send_forged(job, &o, &to, i);
        }
        closep(&o.fd);
        return r;
}
