/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets in packets: what IP and UDP carry as a tunnel, and the packet that an ICMP error quotes. Runs where
 * decode/packet.h says. */
#include "decode/packet_internal.h"

/* One level down. The inner link has no address of its own unless it is Ethernet, and tags of its own. */
static enum packet_error enter(struct packet_walk *w)
{
        if (w->depth >= PACKET_DEPTH_MAX)
                return PACKET_TUNNEL;
        w->depth++;
        w->flags |= PACKET_TUNNELED;
        w->tags = 0;
        w->whole = w->aliased = false;
        memset(w->mac, 0, sizeof(w->mac));
        return PACKET_OK;
}

/* On from w->type. */
static enum packet_error inside(struct packet_decoder *d, struct packet_walk *w, struct packet *ret)
{
        enum packet_error e = enter(w);

        if (e == PACKET_OK)
                e = packet_link_type(w);
        if (e == PACKET_LINK || e == PACKET_TAG)
                return PACKET_TUNNEL;
        return e == PACKET_OK ? packet_network(d, w, ret) : e;
}

/* An IP packet by its first four bits. */
static enum packet_error bare(struct packet_walk *w)
{
        if (packet_left(w) == 0)
                return PACKET_TUNNEL;
        w->type = w->p[0] >> 4 == 4 ? TYPE_IP4 : w->p[0] >> 4 == 6 ? TYPE_IP6 : 0;
        return w->type ? PACKET_OK : PACKET_TUNNEL;
}

/* RFC 7348; the group policy extension sets other flags. */
static enum packet_error vxlan(struct packet_walk *w)
{
        if (packet_left(w) < 8 || (w->p[0] & 0x7f) != 0x08 || w->p[7] != 0)
                return PACKET_TUNNEL;
        packet_pass(w, 8);
        w->type = TYPE_ETHERNET;
        return PACKET_OK;
}

/* RFC 8926. Control messages and unknown versions are left alone. */
static enum packet_error geneve(struct packet_walk *w)
{
        uint32_t size;

        if (packet_left(w) < 8 || (w->p[0] & 0xc0) || (w->p[1] & 0x80))
                return PACKET_TUNNEL;
        size = 8 + (w->p[0] & 0x3fu) * 4;
        if (size > packet_left(w))
                return PACKET_TUNNEL;
        w->type = packet_be16(w->p + 2);
        packet_pass(w, size);
        return w->type > TYPE_LENGTH_MAX ? PACKET_OK : PACKET_TUNNEL;
}

/* RFC 4380 5.1.1: authentication and origin may come before the IPv6 packet, in this order. */
static enum packet_error teredo(struct packet_walk *w)
{
        if (packet_left(w) >= 4 && w->p[0] == 0 && w->p[1] == 1) {
                uint32_t size = 13u + w->p[2] + w->p[3];

                if (size > packet_left(w))
                        return PACKET_TUNNEL;
                packet_pass(w, size);
        }
        if (packet_left(w) >= 8 && w->p[0] == 0 && w->p[1] == 0)
                packet_pass(w, 8);
        if (packet_left(w) < 40 || w->p[0] >> 4 != 6)
                return PACKET_TUNNEL;
        w->type = TYPE_IP6;
        return PACKET_OK;
}

/* 3GPP TS 29.281 5.1: version 1, GTP and not GTP', a G-PDU; then optional fields and extension headers. */
static enum packet_error gtp(struct packet_walk *w)
{
        uint8_t next = 0;

        if (packet_left(w) < 8 || (w->p[0] & 0xf0) != 0x30 || w->p[1] != 0xff || packet_be16(w->p + 2) + 8u != w->wire)
                return PACKET_TUNNEL;
        if (w->p[0] & 0x07) {
                if (packet_left(w) < 12)
                        return PACKET_TUNNEL;
                next = w->p[0] & 0x04 ? w->p[11] : 0;
                packet_pass(w, 4);
        }
        packet_pass(w, 8);
        for (unsigned i = 0; next; i++) {
                uint32_t size = packet_left(w) ? w->p[0] * 4u : 0;

                if (size == 0 || size > packet_left(w) || i == PACKET_HEADERS_MAX)
                        return PACKET_TUNNEL;
                next = w->p[size - 1];
                packet_pass(w, size);
        }
        return bare(w);
}

enum packet_error packet_tunnel_udp(struct packet_decoder *d, const struct packet_walk *w, uint16_t sport,
                                    uint16_t dport, struct packet *ret)
{
        struct packet_walk in = *w;
        enum packet_error e;

        if (dport == 4789 || dport == 8472)
                e = vxlan(&in);
        else if (dport == 6081)
                e = geneve(&in);
        else if (dport == 3544 || sport == 3544)
                e = teredo(&in);
        else
                e = gtp(&in);
        return e == PACKET_OK ? inside(d, &in, ret) : e;
}

/* RFC 2637, version 1: PPP. A packet without a sequence number has no payload. */
static enum packet_error pptp(struct packet_walk *w)
{
        uint32_t size;

        if (packet_left(w) < 8)
                return PACKET_TUNNEL;
        if (packet_be16(w->p + 2) != TYPE_PPP)
                return PACKET_NOT_IP;
        size = 8u + (w->p[0] & 0x10 ? 4 : 0) + (w->p[1] & 0x80 ? 4 : 0);
        if (!(w->p[0] & 0x10))
                return PACKET_NOT_IP;
        if (size > packet_left(w))
                return PACKET_TUNNEL;
        packet_pass(w, size);
        w->type = TYPE_PPP;
        return PACKET_OK;
}

/* What lies between a GRE header and the frame that it carries. */
static enum packet_error gre_payload(struct packet_walk *w, bool sequence)
{
        uint32_t size = 0;

        switch (w->type) {
        case 0x88be: /* ERSPAN: type I has no header and no sequence number */
                size = sequence ? 8 : 0;
                w->type = TYPE_ETHERNET;
                break;
        case 0x22eb: /* ERSPAN type III; its last bit says that 8 more bytes follow */
                size = packet_left(w) >= 12 && (w->p[11] & 1) ? 20 : 12;
                w->type = TYPE_ETHERNET;
                break;
        case 0x883e: /* WCCP: version 2 has 4 bytes before the IP header */
                if (packet_left(w) == 0)
                        return PACKET_TUNNEL;
                size = w->p[0] >> 4 == 4 ? 0 : 4;
                w->type = TYPE_IP4;
                break;
        default:
                return w->type > TYPE_LENGTH_MAX ? PACKET_OK : PACKET_NOT_IP;
        }
        if (size > packet_left(w))
                return PACKET_TUNNEL;
        packet_pass(w, size);
        return PACKET_OK;
}

/* RFC 2784 and 2890. Source routes of RFC 1701 are not read. */
static enum packet_error gre(struct packet_walk *w)
{
        uint16_t bits;
        uint32_t size;

        if (packet_left(w) < 4)
                return PACKET_TUNNEL;
        bits = packet_be16(w->p);
        if ((bits & 0x0007) == 1)
                return pptp(w);
        if ((bits & 0x0007) != 0 || (bits & 0x4000))
                return PACKET_NOT_IP;
        size = 4u + (bits & 0x8000 ? 4 : 0) + (bits & 0x2000 ? 4 : 0) + (bits & 0x1000 ? 4 : 0);
        if (size > packet_left(w))
                return PACKET_TUNNEL;
        w->type = packet_be16(w->p + 2);
        packet_pass(w, size);
        return gre_payload(w, bits & 0x1000);
}

enum packet_error packet_tunnel_ip(struct packet_decoder *d, const struct packet_walk *w, uint8_t proto,
                                   struct packet *ret)
{
        struct packet_walk in = *w;
        enum packet_error e = PACKET_OK;

        switch (proto) {
        case IPPROTO_IPIP:
                in.type = TYPE_IP4;
                break;
        case IPPROTO_IPV6:
                in.type = TYPE_IP6;
                break;
        case IPPROTO_GRE:
                e = gre(&in);
                break;
        case IPPROTO_MPLS:
                in.type = TYPE_MPLS;
                break;
        default: /* EtherIP, RFC 3378 */
                if (packet_left(w) < 2 || packet_be16(w->p) != 0x3000)
                        return PACKET_TUNNEL;
                packet_pass(&in, 2);
                in.type = TYPE_ETHERNET;
        }
        return e == PACKET_OK ? inside(d, &in, ret) : e;
}

static uint32_t quoted4(const uint8_t *p, uint32_t n, struct packet *ret)
{
        uint32_t size = (p[0] & 0x0fu) * 4;

        if (n < 20 || size < 20)
                return 0;
        ret->quoted_src = packet_addr4(p + 12);
        ret->quoted_dst = packet_addr4(p + 16);
        ret->quoted_proto = p[9];
        return packet_be16(p + 6) & 0x1fff ? 0 : size;
}

static uint32_t quoted6(const uint8_t *p, uint32_t n, struct packet *ret)
{
        uint32_t at = 40;
        uint8_t proto;

        if (n < 40)
                return 0;
        proto = p[6];
        ret->quoted_src = packet_addr6(p + 8);
        ret->quoted_dst = packet_addr6(p + 24);
        if (addr_is_v4(&ret->quoted_src) || addr_is_v4(&ret->quoted_dst)) {
                ret->quoted_src = ret->quoted_dst = (struct addr){0};
                return 0;
        }
        for (unsigned i = 0; i < PACKET_HEADERS_MAX && at + 8 <= n; i++) {
                uint32_t size = proto == IPPROTO_FRAGMENT ? 8 : packet_extension(proto, p[at + 1]);
                bool later = proto == IPPROTO_FRAGMENT && (packet_be16(p + at + 2) & 0xfff8);

                if (size == 0)
                        break;
                proto = p[at];
                at += size;
                if (later)
                        at = 0;
                if (at == 0 || at > n)
                        break;
        }
        ret->quoted_proto = proto;
        return at;
}

void packet_tunnel_quoted(const uint8_t *p, const uint8_t *end, struct packet *ret)
{
        uint32_t n = (uint32_t) (end - p), at;
        uint8_t proto;

        if (n == 0)
                return;
        if (p[0] >> 4 == 4)
                at = quoted4(p, n, ret);
        else if (p[0] >> 4 == 6)
                at = quoted6(p, n, ret);
        else
                return;
        if (at == 0 || at + 4 > n)
                return;
        proto = ret->quoted_proto;
        if (proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_UDPLITE || proto == IPPROTO_SCTP ||
            proto == IPPROTO_DCCP) {
                ret->quoted_sport = packet_be16(p + at);
                ret->quoted_dport = packet_be16(p + at + 2);
        } else if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6) {
                ret->quoted_sport = packet_be16(p + at);
                ret->quoted_dport = at + 6 <= n ? packet_be16(p + at + 4) : 0;
        }
}
