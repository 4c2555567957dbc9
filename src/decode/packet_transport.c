/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands behind an IP header, but for TCP: UDP, ICMP, and the rest; and checksums. Runs where decode/packet.h
 * says. */
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

#include "decode/packet_internal.h"

/* RFC 1071 */
static uint64_t sum(const uint8_t *p, uint32_t n, uint64_t s)
{
        for (; n >= 2; p += 2, n -= 2)
                s += packet_be16(p);
        return n ? s + (uint64_t) (p[0] << 8) : s;
}

static bool wrong(uint64_t s)
{
        while (s >> 16)
                s = (s & 0xffff) + (s >> 16);
        return s != 0xffff;
}

bool packet_transport_sum_wrong(const uint8_t *p, uint32_t n)
{
        return wrong(sum(p, n, 0));
}

/* Over the n bytes at w->p with the pseudo-header of this address family; what was not captured whole is not judged. */
void packet_transport_check(const struct packet_decoder *d, struct packet_walk *w, uint8_t proto, uint32_t n)
{
        uint32_t left = packet_left(w);
        uint64_t s;

        if (!(d->flags & PACKET_CHECK) || left < w->wire || n > left || w->aliased)
                return;
        s = proto == IPPROTO_ICMP ? 0 : (uint64_t) proto + w->wire;
        if (proto != IPPROTO_ICMP)
                s = addr_is_v4(&w->src) ? sum(w->src.b + 12, 4, sum(w->dst.b + 12, 4, s)) :
                                          sum(w->src.b, 16, sum(w->dst.b, 16, s));
        if (wrong(sum(w->p, n, s)))
                w->flags |= PACKET_BAD_CHECKSUM;
}

/* The bytes of the datagram. Its length may be 0 in what does not fit the field (RFC 2675 4) or is not segmented yet.
 */
static bool udp_length(const struct packet_walk *w, uint8_t proto, uint32_t *ret)
{
        uint32_t len = packet_be16(w->p + 4);

        if (proto == IPPROTO_UDPLITE) { /* RFC 3828: how much the checksum covers; 0: everything */
                *ret = w->wire;
                return len == 0 || (len >= 8 && len <= w->wire);
        }
        if (len == 0 && w->wire > 65535 - 8)
                len = w->wire;
        *ret = len;
        return len >= 8 && len <= w->wire;
}

static void udp_check(const struct packet_decoder *d, struct packet_walk *w, uint8_t proto)
{
        uint32_t covered = packet_be16(w->p + 4);

        /* In IPv4 a UDP checksum of 0 is none. */
        if (proto == IPPROTO_UDP && packet_be16(w->p + 6) == 0 && addr_is_v4(&w->src))
                return;
        packet_transport_check(d, w, proto, proto == IPPROTO_UDPLITE && covered ? covered : w->wire);
}

enum packet_error packet_transport_udp(struct packet_decoder *d, struct packet_walk *w, uint8_t proto,
                                       struct packet *ret)
{
        struct packet_ports ports;
        uint32_t len;

        if (packet_unlikely(packet_left(w) < 8 || !udp_length(w, proto, &len)))
                return PACKET_UDP;
        ports = packet_ports_at(w->p);
        if (packet_unlikely(len < w->wire)) { /* something behind the datagram */
                w->wire = len;
                w->end = w->p + MIN(packet_left(w), len);
        }
        if (packet_unlikely(d->flags & PACKET_CHECK))
                udp_check(d, w, proto);
        if (packet_unlikely(packet_tunnel_port(ports.src, ports.dst)) && proto == IPPROTO_UDP) {
                struct packet_walk in = *w;
                uint64_t assembled = d->assembled;
                enum packet_error e;

                packet_pass(&in, 8);
                e = packet_tunnel_udp(d, &in, ports.src, ports.dst, ret);
                /* This datagram counts where nothing can be read in it; but if it lay where something inside it was
                 * put together, it is gone. */
                if (e == PACKET_OK || e == PACKET_HELD || (assembled != d->assembled && (w->flags & PACKET_FRAGMENTED)))
                        return e;
        }
        packet_fill(w, proto, 8, ports, ret);
        return PACKET_OK;
}

static enum packet_error icmp(const struct packet_decoder *d, struct packet_walk *w, uint8_t proto, struct packet *ret)
{
        struct packet_ports ports;
        uint8_t type;
        bool echo, error;

        if (packet_left(w) < 8)
                return PACKET_ICMP;
        type = w->p[0];
        if (proto == IPPROTO_ICMP) {
                echo = type == ICMP_ECHO || type == ICMP_ECHOREPLY;
                error = type == ICMP_DEST_UNREACH || type == ICMP_SOURCE_QUENCH || type == ICMP_REDIRECT ||
                        type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB;
        } else {
                echo = type == ICMP6_ECHO_REQUEST || type == ICMP6_ECHO_REPLY;
                error = type >= ICMP6_DST_UNREACH && type <= ICMP6_PARAM_PROB;
        }
        ports = (struct packet_ports){packet_be16(w->p), echo ? packet_be16(w->p + 4) : 0};
        packet_transport_check(d, w, proto, w->wire);
        packet_fill(w, proto, 0, ports, ret);
        if (error)
                packet_tunnel_quoted(w->p + 8, w->end, ret);
        return PACKET_OK;
}

enum packet_error packet_transport_other(struct packet_decoder *d, struct packet_walk *w, uint8_t proto,
                                         struct packet *ret)
{
        enum packet_error e = PACKET_NOT_IP;

        switch (proto) {
        case IPPROTO_ICMP:
        case IPPROTO_ICMPV6:
                /* The other family's ICMP means nothing here. */
                if ((proto == IPPROTO_ICMP) == addr_is_v4(&w->src))
                        return icmp(d, w, proto, ret);
                break;
        case IPPROTO_UDPLITE:
                return packet_transport_udp(d, w, proto, ret);
        case IPPROTO_IPIP:
        case IPPROTO_IPV6:
        case IPPROTO_GRE:
        case IPPROTO_MPLS:
        case 97: /* EtherIP */
                e = packet_tunnel_ip(d, w, proto, ret);
                break;
        default:
                break;
        }
        if (e != PACKET_NOT_IP)
                return e;
        if ((proto == IPPROTO_SCTP || proto == IPPROTO_DCCP) && packet_left(w) >= 4)
                packet_fill(w, proto, 0, packet_ports_at(w->p), ret);
        else
                packet_fill(w, proto, 0, (struct packet_ports){0, 0}, ret);
        return PACKET_OK;
}
