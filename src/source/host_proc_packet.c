/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Link layer, VLAN tags, IPv4, IPv6 with its extension headers (at most EXTENSIONS_MAX), TCP, UDP and ICMP: headers
 * only. Runs in the engine. */
#include "source/host_proc_packet.h"

#include <errno.h>
#include <netinet/in.h>

#define TAGS_MAX       2
#define EXTENSIONS_MAX 8

#define TYPE_IPV4 0x0800
#define TYPE_VLAN 0x8100
#define TYPE_QINQ 0x88a8
#define TYPE_IPV6 0x86dd

#define ICMP_ECHO_REPLY    0
#define ICMP_ECHO_REQUEST  8
#define ICMP6_ECHO_REQUEST 128
#define ICMP6_ECHO_REPLY   129

struct cursor {
        const uint8_t *p;
        size_t left;
        size_t wire; /* left, before the frame was cut */
};

static uint16_t be16(const uint8_t *p)
{
        return (uint16_t) (p[0] << 8 | p[1]);
}

static bool advance(struct cursor *c, size_t n)
{
        if (n > c->left)
                return false;
        c->p += n;
        c->left -= n;
        c->wire -= n;
        return true;
}

/* The network protocol, with the cursor at its header; 0: cut. */
static uint16_t skip_link(enum host_proc_link link, struct cursor *c)
{
        size_t head = link == HOST_PROC_LINK_ETHERNET ? 14 : link == HOST_PROC_LINK_SLL ? 16 : 0;
        uint16_t type;

        if (link == HOST_PROC_LINK_RAW) {
                if (c->left == 0)
                        return 0;
                return c->p[0] >> 4 == 4 ? TYPE_IPV4 : c->p[0] >> 4 == 6 ? TYPE_IPV6 : 1;
        }
        if (!advance(c, head))
                return 0;
        type = be16(c->p - 2);
        for (int i = 0; i < TAGS_MAX && (type == TYPE_VLAN || type == TYPE_QINQ); i++) {
                if (!advance(c, 4))
                        return 0;
                type = be16(c->p - 2);
        }
        return type;
}

/* Narrows the cursor to what the IP header says is the packet: the rest is padding. Zero says that the sender's
 * segmentation is left to the device: then the frame's own length counts. */
static void limit(struct cursor *c, size_t total)
{
        if (total == 0 || total > c->wire)
                return;
        c->wire = total;
        if (c->left > total)
                c->left = total;
}

static int skip_ipv4(struct cursor *c, struct host_proc_packet *p)
{
        size_t head;
        uint32_t a;

        if (c->left < 20 || c->p[0] >> 4 != 4)
                return -EBADMSG;
        head = (size_t) (c->p[0] & 15) * 4;
        if (head < 20)
                return -EBADMSG;
        if (be16(c->p + 2) != 0 && be16(c->p + 2) < head)
                return -EBADMSG;
        limit(c, be16(c->p + 2));
        p->fragment = (be16(c->p + 6) & 0x1fff) != 0;
        p->proto = c->p[9];
        memcpy(&a, c->p + 12, 4);
        p->src = addr_from_v4(a);
        memcpy(&a, c->p + 16, 4);
        p->dst = addr_from_v4(a);
        return advance(c, head) ? 0 : -EBADMSG;
}

/* 1: an extension header was passed; 0: the cursor is at the transport; negative: cut. */
static int skip_extension(struct cursor *c, struct host_proc_packet *p)
{
        size_t n;
        uint8_t next;

        switch (p->proto) {
        case IPPROTO_HOPOPTS:
        case IPPROTO_ROUTING:
        case IPPROTO_DSTOPTS:
        case 135: /* mobility */
                if (c->left < 8)
                        return -EBADMSG;
                n = ((size_t) c->p[1] + 1) * 8;
                break;
        case IPPROTO_FRAGMENT:
                if (c->left < 8)
                        return -EBADMSG;
                n = 8;
                p->fragment = p->fragment || (be16(c->p + 2) & 0xfff8) != 0;
                break;
        case IPPROTO_AH:
                if (c->left < 8)
                        return -EBADMSG;
                n = ((size_t) c->p[1] + 2) * 4;
                break;
        default:
                return 0;
        }
        next = c->p[0];
        if (!advance(c, n))
                return -EBADMSG;
        p->proto = next;
        return p->fragment ? 0 : 1;
}

static int skip_ipv6(struct cursor *c, struct host_proc_packet *p)
{
        if (c->left < 40 || c->p[0] >> 4 != 6)
                return -EBADMSG;
        if (be16(c->p + 4) != 0)
                limit(c, 40 + (size_t) be16(c->p + 4));
        p->is_v6 = true;
        p->proto = c->p[6];
        memcpy(p->src.b, c->p + 8, 16);
        memcpy(p->dst.b, c->p + 24, 16);
        (void) advance(c, 40);
        for (int i = 0; i < EXTENSIONS_MAX; i++) {
                int r = skip_extension(c, p);

                if (r <= 0)
                        return r;
        }
        return -EBADMSG; /* a chain that long has no use but to hide */
}

static int read_tcp(const struct cursor *c, struct host_proc_packet *p)
{
        size_t head;

        if (c->left < 14)
                return -EBADMSG;
        head = (size_t) (c->p[12] >> 4) * 4;
        if (head < 20)
                return -EBADMSG;
        p->sport = be16(c->p);
        p->dport = be16(c->p + 2);
        p->tcp_flags = c->p[13];
        p->payload = c->wire > head ? (uint32_t) (c->wire - head) : 0;
        return 0;
}

static int read_udp(const struct cursor *c, struct host_proc_packet *p)
{
        if (c->left < 8)
                return -EBADMSG;
        p->sport = be16(c->p);
        p->dport = be16(c->p + 2);
        p->payload = (uint32_t) (c->wire - 8);
        return 0;
}

static int read_icmp(const struct cursor *c, struct host_proc_packet *p)
{
        uint8_t type;

        if (c->left < 4)
                return -EBADMSG;
        type = c->p[0];
        p->icmp = be16(c->p);
        p->payload = c->wire > 8 ? (uint32_t) (c->wire - 8) : 0;
        if (c->left >= 6 && (p->is_v6 ? type == ICMP6_ECHO_REQUEST || type == ICMP6_ECHO_REPLY :
                                        type == ICMP_ECHO_REQUEST || type == ICMP_ECHO_REPLY))
                p->icmp_id = be16(c->p + 4);
        return 0;
}

static int read_transport(const struct cursor *c, struct host_proc_packet *p)
{
        if (!p->fragment) {
                if (p->proto == IPPROTO_TCP)
                        return read_tcp(c, p);
                if (p->proto == IPPROTO_UDP)
                        return read_udp(c, p);
                if (p->proto == (p->is_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
                        return read_icmp(c, p);
        }
        p->payload = (uint32_t) c->wire;
        return 0;
}

int host_proc_packet_parse(enum host_proc_link link, const uint8_t *data, size_t len, size_t wire_len,
                           struct host_proc_packet *ret)
{
        struct cursor c = {.p = data, .left = len, .wire = wire_len > len ? wire_len : len};
        struct host_proc_packet p = {0};
        uint16_t type = skip_link(link, &c);
        int r;

        if (type == 0)
                return -EBADMSG;
        if (type != TYPE_IPV4 && type != TYPE_IPV6)
                return -EPROTONOSUPPORT;
        if (c.wire > UINT32_MAX)
                return -EBADMSG;
        r = type == TYPE_IPV4 ? skip_ipv4(&c, &p) : skip_ipv6(&c, &p);
        if (r == 0)
                r = read_transport(&c, &p);
        if (r == 0)
                *ret = p;
        return r;
}
