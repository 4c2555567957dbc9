/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the first byte of a frame to its IP or ARP header: the link layers of captures, then VLAN, MPLS, PPPoE and
 * provider backbone tags; and the shard, which hangs on the addresses there. Runs where decode/packet.h says. */
#include "decode/packet_internal.h"

static enum packet_error ethernet(struct packet_walk *w)
{
        if (packet_left(w) < 14)
                return PACKET_LINK;
        memcpy(w->mac, w->p + 6, 6);
        w->type = packet_be16(w->p + 12);
        packet_pass(w, 14);
        return PACKET_OK;
}

/* An IP packet without anything before it. */
static enum packet_error raw(struct packet_walk *w)
{
        if (packet_left(w) == 0)
                return PACKET_LINK;
        switch (w->p[0] >> 4) {
        case 4:
                w->type = TYPE_IP4;
                return PACKET_OK;
        case 6:
                w->type = TYPE_IP6;
                return PACKET_OK;
        default:
                return PACKET_LINK;
        }
}

/* IEEE 802.2, with SNAP (RFC 1042) or with the SAP that says IP itself. */
static enum packet_error llc(struct packet_walk *w)
{
        if (packet_left(w) < 3)
                return PACKET_LINK;
        if (w->p[0] == 0x06 && w->p[1] == 0x06 && w->p[2] == 0x03) {
                w->type = TYPE_IP4;
                packet_pass(w, 3);
                return PACKET_OK;
        }
        if (w->p[0] != 0xaa || w->p[1] != 0xaa || w->p[2] != 0x03)
                return PACKET_NOT_IP;
        if (packet_left(w) < 8)
                return PACKET_LINK;
        /* 00:00:f8 is IEEE 802.1H's, of bridges. */
        if (w->p[3] != 0 || w->p[4] != 0 || (w->p[5] != 0 && w->p[5] != 0xf8))
                return PACKET_NOT_IP;
        w->type = packet_be16(w->p + 6);
        packet_pass(w, 8);
        return w->type <= TYPE_LENGTH_MAX ? PACKET_NOT_IP : PACKET_OK;
}

static enum packet_error fddi(struct packet_walk *w)
{
        if (packet_left(w) < 13)
                return PACKET_LINK;
        if ((w->p[0] & 0xf0) != 0x50) /* no LLC frame */
                return PACKET_NOT_IP;
        memcpy(w->mac, w->p + 7, 6);
        packet_pass(w, 13);
        return llc(w);
}

/* Of the address families with IP, IPv6's number differs between systems. */
static enum packet_error loopback(struct packet_walk *w)
{
        uint32_t family;

        if (packet_left(w) < 4)
                return PACKET_LINK;
        family = packet_be32(w->p);
        if (family > 0xffff) /* written by a machine of the other byte order */
                family = __builtin_bswap32(family);
        packet_pass(w, 4);
        switch (family) {
        case 2:
                w->type = TYPE_IP4;
                return PACKET_OK;
        case 10: /* Linux */
        case 23: /* Windows */
        case 24: /* NetBSD, OpenBSD */
        case 28: /* FreeBSD */
        case 30: /* macOS */
                w->type = TYPE_IP6;
                return PACKET_OK;
        default:
                return PACKET_NOT_IP;
        }
}

enum packet_error packet_link_ppp(struct packet_walk *w)
{
        uint32_t protocol;

        if (packet_left(w) >= 2 && w->p[0] == 0xff && w->p[1] == 0x03)
                packet_pass(w, 2);
        if (packet_left(w) < 2)
                return PACKET_LINK;
        /* An odd first byte is a protocol number compressed to one byte (RFC 1661 6.5). */
        if (w->p[0] & 1) {
                protocol = w->p[0];
                packet_pass(w, 1);
        } else {
                protocol = packet_be16(w->p);
                packet_pass(w, 2);
        }
        switch (protocol) {
        case 0x0021:
                w->type = TYPE_IP4;
                return PACKET_OK;
        case 0x0057:
                w->type = TYPE_IP6;
                return PACKET_OK;
        case 0x0281:
                w->type = TYPE_MPLS;
                return PACKET_OK;
        default:
                return PACKET_NOT_IP;
        }
}

static enum packet_error cisco_hdlc(struct packet_walk *w)
{
        if (packet_left(w) < 4)
                return PACKET_LINK;
        w->type = packet_be16(w->p + 2);
        packet_pass(w, 4);
        /* 0x8035 is SLARP here; small numbers are no lengths. */
        return w->type <= TYPE_LENGTH_MAX ? PACKET_NOT_IP : PACKET_OK;
}

static enum packet_error ppp_hdlc(struct packet_walk *w)
{
        if (packet_left(w) < 4)
                return PACKET_LINK;
        return w->p[0] == 0x0f || w->p[0] == 0x8f ? cisco_hdlc(w) : packet_link_ppp(w);
}

/* A byte that says who sent it comes first. */
static enum packet_error ppp_with_direction(struct packet_walk *w)
{
        if (packet_left(w) < 1)
                return PACKET_LINK;
        packet_pass(w, 1);
        return packet_link_ppp(w);
}

static enum packet_error pppoe(struct packet_walk *w)
{
        if (packet_left(w) < 6 || w->p[0] != 0x11)
                return PACKET_LINK;
        if (w->p[1] != 0) /* no session data */
                return PACKET_NOT_IP;
        packet_pass(w, 6);
        return packet_link_ppp(w);
}

/* Linux's cooked headers: the address is the sender's, the protocol an Ethernet type for all hardware we read. */
static enum packet_error cooked(struct packet_walk *w, bool v2)
{
        uint32_t size = v2 ? 20 : 16;
        const uint8_t *p = w->p;

        if (packet_left(w) < size)
                return PACKET_LINK;
        if (v2 ? p[11] == 6 : packet_be16(p + 4) == 6)
                memcpy(w->mac, p + (v2 ? 12 : 6), 6);
        w->type = packet_be16(v2 ? p : p + 14);
        packet_pass(w, size);
        if (w->type == 0x0004) /* ETH_P_802_2 */
                return llc(w);
        return w->type <= TYPE_LENGTH_MAX ? PACKET_NOT_IP : PACKET_OK;
}

/* IEEE 802.11-2020 9.2.4 and 9.3.2: data frames in the clear. What a fragment or an aggregate holds is not read. */
static enum packet_error wireless(struct packet_walk *w, bool padded)
{
        const uint8_t *p = w->p;
        uint32_t size = 24, qos_at;
        bool to_ds, from_ds, qos;

        if (packet_left(w) < 10)
                return PACKET_LINK;
        if ((p[0] & 0x0f) != 0x08 || (p[0] & 0x40)) /* management, control, or no data in it */
                return PACKET_NOT_IP;
        to_ds = p[1] & 0x01;
        from_ds = p[1] & 0x02;
        qos = p[0] & 0x80;
        size += to_ds && from_ds ? 6 : 0;
        qos_at = size;
        size += qos ? 2 : 0;
        size += qos && (p[1] & 0x80) ? 4 : 0; /* HT control */
        if (padded)
                size = (size + 3) & ~3u;
        if (packet_left(w) < size)
                return PACKET_LINK;
        if (p[1] & 0x40) /* encrypted */
                return PACKET_NOT_IP;
        if ((p[1] & 0x04) || (p[22] & 0x0f) || (qos && (p[qos_at] & 0x80)))
                return PACKET_LINK;
        memcpy(w->mac, p + (!from_ds ? 10 : to_ds ? 24 : 16), 6);
        packet_pass(w, size);
        return llc(w);
}

/* https://www.radiotap.org: of the fields only the flags matter: is there padding behind the 802.11 header, and did the
 * frame arrive damaged? */
static enum packet_error radiotap(struct packet_walk *w)
{
        const uint8_t *p = w->p;
        uint32_t size, at = 8, present;
        uint8_t flags = 0;

        if (packet_left(w) < 8 || p[0] != 0)
                return PACKET_LINK;
        size = packet_le16(p + 2);
        if (size < 8 || size > packet_left(w))
                return PACKET_LINK;
        present = packet_le32(p + 4);
        for (uint32_t word = present; (word & 1u << 31) && at + 4 <= size; at += 4)
                word = packet_le32(p + at);
        if (present & 1) /* a time of 8 bytes, aligned */
                at = ((at + 7) & ~7u) + 8;
        if ((present & 2) && at < size)
                flags = p[at];
        if (flags & 0x40)
                return PACKET_LINK;
        packet_pass(w, size);
        return wireless(w, flags & 0x20);
}

/* Netfilter's log: fields of length and type in the byte order of the machine that wrote them; 9 is the packet. */
static enum packet_error nflog(struct packet_walk *w)
{
        uint8_t family;

        if (packet_left(w) < 4 || w->p[1] != 0)
                return PACKET_LINK;
        family = w->p[0];
        packet_pass(w, 4);
        while (packet_left(w) >= 4) {
                bool big = w->p[2] == 0 && w->p[3] != 0;
                uint32_t len = big ? packet_be16(w->p) : packet_le16(w->p), type = big ? w->p[3] : w->p[2];

                if (len < 4)
                        return PACKET_LINK;
                if (type == 9) {
                        packet_pass(w, 4);
                        w->type = family == 2 ? TYPE_IP4 : TYPE_IP6;
                        return family == 2 || family == 10 ? PACKET_OK : PACKET_NOT_IP;
                }
                len = (len + 3) & ~3u;
                if (len > packet_left(w))
                        return PACKET_LINK;
                packet_pass(w, len);
        }
        return PACKET_LINK;
}

/* The log of OpenBSD's pf (net/if_pflog.h): a header of at least 45 bytes that says its length, padded to 4. */
static enum packet_error pflog(struct packet_walk *w)
{
        uint32_t size = packet_left(w) ? (w->p[0] + 3u) & ~3u : 0;

        if (size < 48 || size > packet_left(w))
                return PACKET_LINK;
        packet_pass(w, size);
        return raw(w);
}

static enum packet_error header(uint32_t link, struct packet_walk *w)
{
        switch (link) {
        case LINK_ETHERNET:
                return ethernet(w);
        case LINK_FDDI:
                return fddi(w);
        case LINK_NULL:
        case LINK_LOOP:
                return loopback(w);
        case LINK_RAW:
        case LINK_RAW_BSD:
        case LINK_RAW_OPENBSD:
        case LINK_IPV4:
        case LINK_IPV6:
                return raw(w);
        case LINK_PPP:
        case LINK_PPP_HDLC:
                return ppp_hdlc(w);
        case LINK_PPP_WITH_DIR:
                return ppp_with_direction(w);
        case LINK_PPP_ETHER:
                return pppoe(w);
        case LINK_CISCO_HDLC:
                return cisco_hdlc(w);
        case LINK_80211:
                return wireless(w, false);
        case LINK_RADIOTAP:
                return radiotap(w);
        case LINK_LINUX_SLL:
                return cooked(w, false);
        case LINK_LINUX_SLL2:
                return cooked(w, true);
        case LINK_NFLOG:
                return nflog(w);
        case LINK_PFLOG:
                return pflog(w);
        default:
                return PACKET_LINK;
        }
}

/* Per-packet information: a length and the link type of what follows, both little-endian. */
static enum packet_error ppi(struct packet_walk *w)
{
        uint32_t size, inner;

        if (packet_left(w) < 8 || w->p[0] != 0)
                return PACKET_LINK;
        size = packet_le16(w->p + 2);
        inner = packet_le32(w->p + 4);
        if (size < 8 || size > packet_left(w))
                return PACKET_LINK;
        packet_pass(w, size);
        return header(inner, w);
}

/* The same of macOS (bsd/net/pktap.h): length, type (1: a packet follows), link type, and more that does not matter. */
static enum packet_error pktap(struct packet_walk *w)
{
        uint32_t size, inner;

        if (packet_left(w) < 12)
                return PACKET_LINK;
        size = packet_le32(w->p);
        inner = packet_le32(w->p + 8);
        if (size < 12 || size > packet_left(w))
                return PACKET_LINK;
        if (packet_le32(w->p + 4) != 1)
                return PACKET_NOT_IP;
        packet_pass(w, size);
        return header(inner, w);
}

static bool known_type(uint16_t type)
{
        return type == TYPE_IP4 || type == TYPE_IP6 || type == TYPE_ARP || type == TYPE_VLAN || type == TYPE_QINQ;
}

/* Nothing says what a label stack carries. An IP header must look like one; else it is a pseudowire with or without a
 * control word (RFC 4385, RFC 4448), whose frame must have a type that we read. */
static enum packet_error mpls_payload(struct packet_walk *w)
{
        uint32_t left = packet_left(w);
        const uint8_t *p = w->p;

        if (left == 0)
                return PACKET_TAG;
        if (p[0] >> 4 == 4 && left >= 20 && packet_be16(p + 2) >= 20 && packet_be16(p + 2) <= w->wire) {
                w->type = TYPE_IP4;
                return PACKET_OK;
        }
        if (p[0] >> 4 == 6 && left >= 40 && packet_be16(p + 4) + 40u <= w->wire) {
                w->type = TYPE_IP6;
                return PACKET_OK;
        }
        if (p[0] >> 4 == 0 && left >= 18 && known_type(packet_be16(p + 16)))
                packet_pass(w, 4);
        else if (left < 14 || !known_type(packet_be16(p + 12)))
                return p[0] >> 4 == 4 || p[0] >> 4 == 6 ? raw(w) : PACKET_NOT_IP;
        return ethernet(w);
}

static enum packet_error mpls(struct packet_walk *w)
{
        for (bool bottom = false; !bottom;) {
                if (packet_left(w) < 4 || w->tags++ == PACKET_TAGS_MAX)
                        return PACKET_TAG;
                bottom = w->p[2] & 1;
                packet_pass(w, 4);
        }
        return mpls_payload(w);
}

static enum packet_error vlan(struct packet_walk *w)
{
        if (packet_left(w) < 4 || w->tags++ == PACKET_TAGS_MAX)
                return PACKET_TAG;
        if (w->vlan == 0)
                w->vlan = packet_be16(w->p) & 0x0fff;
        w->type = packet_be16(w->p + 2);
        packet_pass(w, 4);
        return PACKET_OK;
}

/* IEEE 802.1ah: a service tag, then the customer's frame. */
static enum packet_error backbone(struct packet_walk *w)
{
        if (packet_left(w) < 4 || w->tags++ == PACKET_TAGS_MAX)
                return PACKET_TAG;
        packet_pass(w, 4);
        return ethernet(w);
}

/* Over what stands at w->p by its type, to a type that may be the last. */
static enum packet_error step(struct packet_walk *w)
{
        switch (w->type) {
        case TYPE_VLAN:
        case TYPE_QINQ:
        case TYPE_QINQ_OLD:
        case TYPE_QINQ_OLD2:
                return vlan(w);
        case TYPE_MPLS:
        case TYPE_MPLS_UPSTREAM:
                return mpls(w);
        case TYPE_PPPOE:
                return pppoe(w);
        case TYPE_PPP:
                return packet_link_ppp(w);
        case TYPE_PBB:
                return backbone(w);
        case TYPE_NSH:
                return packet_nsh(w);
        case TYPE_ETHERNET:
                return ethernet(w);
        default:
                return w->type <= TYPE_LENGTH_MAX ? llc(w) : PACKET_NOT_IP;
        }
}

enum packet_error packet_link_type(struct packet_walk *w)
{
        /* Every turn passes over bytes or ends; TAGS_MAX bounds what may be nested, this bounds the rest. */
        for (unsigned i = 0; i < 2 * PACKET_TAGS_MAX; i++) {
                enum packet_error e;

                if (w->type == TYPE_IP4 || w->type == TYPE_IP6 || w->type == TYPE_ARP)
                        return PACKET_OK;
                e = step(w);
                if (e != PACKET_OK)
                        return e;
        }
        return PACKET_TAG;
}

enum packet_error packet_link(uint32_t link, struct packet_walk *w)
{
        enum packet_error e = link == LINK_PPI ? ppi(w) : link == LINK_PKTAP ? pktap(w) : header(link, w);

        return e == PACKET_OK ? packet_link_type(w) : e;
}

/* 32 bits and no order of bytes of the machine, so that a classic BPF program can compute the same. The constants are
 * those of MurmurHash3's finalizer. */
static uint32_t mix(uint32_t x)
{
        x *= 0x85ebca6bu;
        return (x ^ x >> 15) * 0xc2b2ae35u;
}

/* A sum has no order: both directions are equal. */
static unsigned shard(uint32_t a, uint32_t b)
{
        uint32_t h = mix(a) + mix(b);

        return ((h ^ h >> 16) * 0x85ebca6bu) >> 26;
}

static uint32_t fold6(const uint8_t *p)
{
        uint32_t h = packet_be32(p);

        for (unsigned i = 4; i < 16; i += 4)
                h = h * 0x9e3779b1u + packet_be32(p + i);
        return h;
}

unsigned packet_shard(const struct frame *f)
{
        struct packet_walk w;

        static_assert(SHARDS == 64, "the six highest bits of 32");
        if (packet_plain(f))
                return shard(packet_be32(f->data + 26), packet_be32(f->data + 30));
        w = packet_begin(f);
        if (packet_link(f->link, &w) != PACKET_OK)
                return 0;
        if (w.type == TYPE_IP6)
                return packet_left(&w) < 40 ? 0 : shard(fold6(w.p + 8), fold6(w.p + 24));
        if (w.type == TYPE_IP4)
                return packet_left(&w) < 20 ? 0 : shard(packet_be32(w.p + 12), packet_be32(w.p + 16));
        return packet_left(&w) < 28 ? 0 : shard(packet_be32(w.p + 14), packet_be32(w.p + 24));
}
