/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IP headers and what stands behind them, and the shard of a frame. Runs where decode/packet.h says.
 *
 * Everything known on the way down is kept in one struct packet_walk; the caller's packet is written once, at the end.
 * Measured, that and one branch for Ethernet with IPv4 are what an ordinary packet costs. */
#include "decode/packet.h"

#include <errno.h>

#include "decode/packet_internal.h"
#include "model/event.h"

/* The longest packet that segmentation offload makes: GSO_MAX_SIZE of Linux (include/linux/netdevice.h). */
#define OFFLOAD_MAX (8u * 65535u)

static const struct {
        const char *name, *title;
} errors[PACKET_ERRORS] = {
        [PACKET_OK] = {"ok", "decoded"},
        [PACKET_HELD] = {"held", "fragment, kept until its packet is whole"},
        [PACKET_NOT_IP] = {"not-ip", "neither IP nor ARP"},
        [PACKET_LINK] = {"link", "link layer unknown, cut or wrong"},
        [PACKET_TAG] = {"tag", "VLAN or MPLS tags cut or too many"},
        [PACKET_ARP] = {"arp", "ARP cut or wrong"},
        [PACKET_IP4] = {"ip4", "IPv4 header cut or wrong"},
        [PACKET_IP6] = {"ip6", "IPv6 header cut or wrong"},
        [PACKET_LENGTH] = {"length", "IP length impossible"},
        [PACKET_TCP] = {"tcp", "TCP header cut or wrong"},
        [PACKET_UDP] = {"udp", "UDP header cut or wrong"},
        [PACKET_ICMP] = {"icmp", "ICMP header cut"},
        [PACKET_TUNNEL] = {"tunnel", "tunnel header cut or wrong, or nested too deep"},
        [PACKET_FRAGMENT] = {"fragment", "impossible fragment"},
};

const char *packet_error_name(unsigned error)
{
        return error < PACKET_ERRORS ? errors[error].name : "?";
}

const char *packet_error_title(unsigned error)
{
        return error < PACKET_ERRORS ? errors[error].title : "?";
}

static inline enum packet_error tcp(const struct packet_decoder *d, struct packet_walk *w, struct packet *ret)
{
        const uint8_t *p = w->p;
        uint32_t head;

        if (packet_unlikely(packet_left(w) < 20))
                return PACKET_TCP;
        head = (uint32_t) (p[12] >> 4) * 4;
        if (packet_unlikely(head < 20 || head > w->wire))
                return PACKET_TCP;
        if (packet_unlikely(d->flags & PACKET_CHECK))
                packet_transport_check(d, w, IPPROTO_TCP, w->wire);
        packet_fill(w, IPPROTO_TCP, head, packet_ports_at(p), ret);
        ret->seq = packet_be32(p + 4);
        ret->ack = packet_be32(p + 8);
        ret->tcp_flags = p[13];
        ret->window = packet_be16(p + 14);
        return PACKET_OK;
}

static inline enum packet_error transport(struct packet_decoder *d, struct packet_walk *w, uint8_t proto,
                                          struct packet *ret)
{
        if (packet_likely(proto == IPPROTO_TCP))
                return tcp(d, w, ret);
        if (packet_likely(proto == IPPROTO_UDP))
                return packet_transport_udp(d, w, proto, ret);
        return packet_transport_other(d, w, proto, ret);
}

/* --- IP --- */

/* Puts the packet that is whole now in place of the fragment at w->p, `head` bytes behind the IP header's first. */
static enum packet_error assemble(struct packet_decoder *d, struct packet_walk *w, struct packet_piece *piece,
                                  uint32_t head, uint8_t *ret_next)
{
        struct packet_whole whole;
        enum packet_error e;

        piece->src = w->src;
        piece->dst = w->dst;
        piece->ttl = w->ttl;
        piece->data = w->p;
        piece->len = packet_left(w);
        piece->wire = w->wire;
        piece->time = w->time;
        if (head + piece->offset + piece->wire > 65535 + (piece->v6 ? 40u : 0)) {
                d->stats.fragments++;
                return PACKET_FRAGMENT;
        }
        e = packet_fragments_add(d->fragments, piece, &whole);
        if (e != PACKET_OK)
                return e;
        d->assembled++;
        if (w->flags & PACKET_FRAGMENTED) /* the header lay in what was put together before */
                w->ip = NULL;
        w->p = whole.data;
        w->end = whole.data + whole.len;
        w->wire = whole.wire;
        w->ip_len = head + whole.wire;
        w->ttl = whole.ttl;
        w->flags |= PACKET_FRAGMENTED;
        w->whole = true;
        *ret_next = whole.next;
        return PACKET_OK;
}

/* An authentication header (RFC 4302) hides nothing. */
static __attribute__((noinline)) enum packet_error authenticated4(struct packet_decoder *d, struct packet_walk *w,
                                                                  struct packet *ret)
{
        uint32_t size = packet_left(w) >= 12 ? packet_extension(IPPROTO_AH, w->p[1]) : 0;
        uint8_t proto;

        if (size < 12 || size > packet_left(w))
                return PACKET_IP4;
        proto = w->p[0];
        packet_pass(w, size);
        return transport(d, w, proto, ret);
}

static __attribute__((noinline)) enum packet_error fragment4(struct packet_decoder *d, struct packet_walk *w,
                                                             const uint8_t *p, struct packet *ret)
{
        struct packet_piece piece = {
                .id = packet_be16(p + 4),
                .proto = p[9],
                .next = p[9],
                .more = p[6] & 0x20,
                .offset = (packet_be16(p + 6) & 0x1fffu) * 8,
        };
        uint8_t proto;
        enum packet_error e = assemble(d, w, &piece, (uint32_t) (w->p - p), &proto);

        if (e != PACKET_OK)
                return e;
        return proto == IPPROTO_AH ? authenticated4(d, w, ret) : transport(d, w, proto, ret);
}

/* An IP packet longer than its frame was. At the bottom a frame may have been cut by who wrote the capture without
 * saying so; inside a tunnel the outer header has said how much there is: false. */
static bool short_frame(struct packet_decoder *d, const struct packet_walk *w)
{
        d->stats.short_frames += w->depth == 0;
        return w->depth == 0;
}

static inline enum packet_error ip4(struct packet_decoder *d, struct packet_walk *w, struct packet *ret)
{
        const uint8_t *p = w->p;
        uint32_t head, len;

        if (packet_unlikely(packet_left(w) < 20))
                return PACKET_IP4;
        head = (p[0] & 0x0fu) * 4;
        if (packet_unlikely(p[0] >> 4 != 4 || head < 20 || head > packet_left(w)))
                return PACKET_IP4;
        len = packet_be16(p + 2);
        if (packet_unlikely(len < head)) {
                if (len != 0 || w->wire > OFFLOAD_MAX)
                        return PACKET_LENGTH;
                len = w->wire;
        }
        if (packet_unlikely(len > w->wire) && !short_frame(d, w))
                return PACKET_LENGTH;
        if (packet_unlikely(d->flags & PACKET_CHECK) && packet_transport_sum_wrong(p, head))
                w->flags |= PACKET_BAD_CHECKSUM;
        w->ip = p;
        w->src = packet_addr4(p + 12);
        w->dst = packet_addr4(p + 16);
        w->ttl = p[8];
        w->ip_len = len;
        if (packet_left(w) > len)
                w->end = p + len;
        w->p = p + head;
        w->wire = len - head;
        if (packet_unlikely((p[6] & 0x3f) | p[7]))
                return fragment4(d, w, p, ret);
        if (packet_unlikely(p[9] == IPPROTO_AH))
                return authenticated4(d, w, ret);
        return transport(d, w, p[9], ret);
}

/* RFC 8200 4.5. A packet of one fragment needs no keeping (RFC 6946). */
static enum packet_error fragment6(struct packet_decoder *d, struct packet_walk *w, uint32_t head, uint8_t *proto)
{
        const uint8_t *p = w->p;
        struct packet_piece piece = {
                .v6 = true,
                .id = packet_be32(p + 4),
                .next = p[0],
                .more = p[3] & 1,
                .offset = packet_be16(p + 2) & 0xfff8,
        };

        if (w->whole)
                return PACKET_FRAGMENT;
        packet_pass(w, 8);
        if (piece.offset || piece.more)
                return assemble(d, w, &piece, head, proto);
        *proto = p[0];
        return PACKET_OK;
}

/* Does the header name another address than the IP header's, which checksums count then? A routing header with hops to
 * come, or Mobile IPv6's home address option (RFC 6275 6.3). */
static bool aliases(const uint8_t *p, uint32_t size, uint8_t proto)
{
        if (proto == IPPROTO_ROUTING)
                return p[3] != 0;
        if (proto != IPPROTO_DSTOPTS)
                return false;
        for (uint32_t at = 2; at + 2 <= size; at += p[at] == 0 ? 1 : 2u + p[at + 1])
                if (p[at] == 0xc9)
                        return true;
        return false;
}

/* Over the extension headers. */
static enum packet_error extensions(struct packet_decoder *d, struct packet_walk *w, uint8_t *proto)
{
        uint32_t head = 40;

        for (unsigned i = 0;; i++) {
                bool fragment = *proto == IPPROTO_FRAGMENT;
                enum packet_error e;
                uint32_t size;

                if (!fragment && packet_extension(*proto, 0) == 0)
                        return PACKET_OK;
                if (i == PACKET_HEADERS_MAX || packet_left(w) < 8)
                        return PACKET_IP6;
                if (fragment) {
                        e = fragment6(d, w, head, proto);
                        if (e != PACKET_OK)
                                return e;
                        continue;
                }
                size = packet_extension(*proto, w->p[1]);
                if (size > packet_left(w) || (*proto == IPPROTO_AH && size < 12))
                        return PACKET_IP6;
                w->aliased = w->aliased || aliases(w->p, size, *proto);
                *proto = w->p[0];
                packet_pass(w, size);
                head += size;
        }
}

/* ::ffff:192.0.2.1 is never valid on a wire (RFC 6890 2.2.3), and it would pass for the IPv4 host: it becomes
 * 64:ff9b:1::192.0.2.1, a translated address of local use (RFC 8215). */
static void keep_apart(struct packet_walk *w)
{
        static const uint8_t prefix[12] = {0x00, 0x64, 0xff, 0x9b, 0x00, 0x01};

        if (addr_is_v4(&w->src))
                memcpy(w->src.b, prefix, sizeof(prefix));
        if (addr_is_v4(&w->dst))
                memcpy(w->dst.b, prefix, sizeof(prefix));
        w->aliased = true;
}

static enum packet_error ip6(struct packet_decoder *d, struct packet_walk *w, struct packet *ret)
{
        const uint8_t *p = w->p;
        uint8_t proto;
        uint32_t len;
        enum packet_error e;

        if (packet_left(w) < 40 || p[0] >> 4 != 6)
                return PACKET_IP6;
        len = packet_be16(p + 4);
        proto = p[6];
        /* Not segmented yet, or a jumbogram (RFC 2675), whose option repeats what the frame says. */
        if (len == 0 && proto != IPPROTO_NONE) {
                if (w->wire > OFFLOAD_MAX)
                        return PACKET_LENGTH;
                len = w->wire - 40;
        }
        if (packet_unlikely(len + 40 > w->wire) && !short_frame(d, w))
                return PACKET_LENGTH;
        w->src = packet_addr6(p + 8);
        w->dst = packet_addr6(p + 24);
        if (packet_unlikely(addr_is_v4(&w->src) || addr_is_v4(&w->dst)))
                keep_apart(w);
        w->ip = p;
        w->ttl = p[7];
        w->ip_len = len + 40;
        if (packet_left(w) > len + 40)
                w->end = p + 40 + len;
        w->p = p + 40;
        w->wire = len;
        e = extensions(d, w, &proto);
        return e == PACKET_OK ? transport(d, w, proto, ret) : e;
}

/* RFC 826, for IPv4 over what has addresses of six bytes. */
static enum packet_error arp(struct packet_walk *w, struct packet *ret)
{
        const uint8_t *p = w->p;

        if (packet_left(w) < 28 || packet_be16(p + 2) != TYPE_IP4 || p[4] != 6 || p[5] != 4 || p[6] != 0)
                return PACKET_ARP;
        w->src = packet_addr4(p + 14);
        w->dst = packet_addr4(p + 24);
        w->ip_len = w->wire = 28;
        w->end = p + 28;
        w->ip = NULL;
        packet_fill(w, PROTO_ARP, 0, (struct packet_ports){0, 0}, ret);
        ret->tcp_flags = p[7];
        return PACKET_OK;
}

enum packet_error packet_network(struct packet_decoder *d, struct packet_walk *w, struct packet *ret)
{
        switch (w->type) {
        case TYPE_IP4:
                return ip4(d, w, ret);
        case TYPE_IP6:
                return ip6(d, w, ret);
        default:
                return arp(w, ret);
        }
}

/* --- the decoder --- */

int packet_decoder_new(const struct packet_params *params, struct packet_decoder **ret)
{
        struct packet_decoder *d = calloc(1, sizeof(*d));
        int r;

        if (!d)
                return -ENOMEM;
        r = packet_fragments_new(params, &d->stats, &d->fragments);
        if (r < 0) {
                free(d);
                return r;
        }
        d->flags = params->flags;
        *ret = d;
        return 0;
}

void packet_decoder_free(struct packet_decoder *d)
{
        if (!d)
                return;
        packet_fragments_free(d->fragments);
        free(d);
}

enum packet_error packet_decode(struct packet_decoder *d, const struct frame *f, struct packet *ret)
{
        struct packet_walk w = packet_begin(f);
        enum packet_error e;

        if (packet_plain(f)) {
                memcpy(w.mac, f->data + 6, 6);
                packet_pass(&w, 14);
                e = ip4(d, &w, ret);
        } else {
                e = packet_link(f->link, &w);
                if (e == PACKET_OK)
                        e = packet_network(d, &w, ret);
        }
        d->stats.errors[e]++;
        if (e == PACKET_OK)
                d->stats.tunneled += ret->depth > 0;
        return e;
}

void packet_expire(struct packet_decoder *d, nsec_t now)
{
        packet_fragments_expire(d->fragments, now);
}

void packet_get_stats(const struct packet_decoder *d, struct packet_stats *ret)
{
        *ret = d->stats;
}
