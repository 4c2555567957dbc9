/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the packet decoder share: the place in a frame, big-endian loads, and who calls whom. Runs where
 * decode/packet.h says.
 *
 * packet.c walks IP and TCP; packet_transport.c the other transports; packet_link.c brings it to the first IP header;
 * packet_tunnel.c goes into what is carried in IP and UDP; packet_fragment.c keeps fragments. */
#ifndef SEKIMORI_DECODE_PACKET_INTERNAL_H
#define SEKIMORI_DECODE_PACKET_INTERNAL_H

#include <assert.h>
#include <endian.h>
#include <netinet/in.h>
#include <string.h>

#include "decode/packet.h"

#define packet_likely(x)   __builtin_expect(!!(x), 1)
#define packet_unlikely(x) __builtin_expect(!!(x), 0)

#define PACKET_TAGS_MAX    8
#define PACKET_DEPTH_MAX   4
#define PACKET_HEADERS_MAX 16 /* IPv6 extension headers */

/* https://www.tcpdump.org/linktypes.html */
enum {
        LINK_NULL = 0,
        LINK_ETHERNET = 1,
        LINK_PPP = 9,
        LINK_FDDI = 10,
        LINK_RAW_BSD = 12,
        LINK_RAW_OPENBSD = 14,
        LINK_PPP_HDLC = 50,
        LINK_PPP_ETHER = 51,
        LINK_RAW = 101,
        LINK_CISCO_HDLC = 104,
        LINK_80211 = 105,
        LINK_LOOP = 108,
        LINK_LINUX_SLL = 113,
        LINK_PFLOG = 117,
        LINK_RADIOTAP = 127,
        LINK_PPI = 192,
        LINK_PPP_WITH_DIR = 204,
        LINK_IPV4 = 228,
        LINK_IPV6 = 229,
        LINK_NFLOG = 239,
        LINK_PKTAP = 258,
        LINK_LINUX_SLL2 = 276,
};

/* https://www.iana.org/assignments/ieee-802-numbers */
enum {
        TYPE_LENGTH_MAX = 1500, /* up to here the field is the length of an LLC frame (IEEE 802.3, 3.2.6) */
        TYPE_IP4 = 0x0800,
        TYPE_ARP = 0x0806,
        TYPE_ETHERNET = 0x6558, /* transparent Ethernet bridging: a whole Ethernet frame follows */
        TYPE_VLAN = 0x8100,
        TYPE_IP6 = 0x86dd,
        TYPE_PPP = 0x880b,
        TYPE_MPLS = 0x8847,
        TYPE_MPLS_UPSTREAM = 0x8848,
        TYPE_PPPOE = 0x8864,
        TYPE_QINQ = 0x88a8,
        TYPE_PBB = 0x88e7,
        TYPE_NSH = 0x894f,
        TYPE_QINQ_OLD = 0x9100,
        TYPE_QINQ_OLD2 = 0x9200,
};

/* The place in a frame. Always: end - p <= wire. */
struct packet_walk {
        const uint8_t *p, *end; /* the captured bytes from the next header on */
        const uint8_t *ip;      /* the IP header around p */
        uint32_t wire;          /* bytes from p on as they were on the wire */
        uint32_t ip_len;        /* of the IP packet around p */
        nsec_t time;
        struct addr src, dst; /* of the IP packet around p */
        uint16_t type;        /* TYPE_* of what stands at p */
        uint16_t vlan;
        uint16_t flags; /* enum packet_flag */
        uint8_t mac[6];
        uint8_t ttl, tags, depth; /* ttl is no neighbour of depth: see packet_addr4() */
        bool whole;               /* this IP packet was put together: there is no second fragment header in it */
        bool aliased;             /* checksums count another address than src or dst */
};

static inline uint16_t packet_be16(const uint8_t *p)
{
        return (uint16_t) (p[0] << 8 | p[1]);
}

static inline uint32_t packet_be32(const uint8_t *p)
{
        uint32_t v;

        memcpy(&v, p, 4);
        return ntohl(v);
}

static inline uint16_t packet_le16(const uint8_t *p)
{
        return (uint16_t) (p[1] << 8 | p[0]);
}

static inline uint32_t packet_le32(const uint8_t *p)
{
        return __builtin_bswap32(packet_be32(p));
}

static inline uint32_t packet_left(const struct packet_walk *w)
{
        return (uint32_t) (w->end - w->p);
}

/* Passes over n bytes, which must be there. */
static inline void packet_pass(struct packet_walk *w, uint32_t n)
{
        w->p += n;
        w->wire -= n;
}

/* Made in one register: bytes stored in parts and loaded whole soon after cost a dozen cycles. */
static inline struct addr packet_addr4(const uint8_t *p)
{
        typedef uint64_t pair __attribute__((vector_size(16)));
        pair v = {0, htobe64(0xffff00000000ull | packet_be32(p))};
        struct addr a;

        memcpy(a.b, &v, 16);
        return a;
}

static inline struct addr packet_addr6(const uint8_t *p)
{
        struct addr a;

        memcpy(a.b, p, 16);
        return a;
}

static inline struct packet_walk packet_begin(const struct frame *f)
{
        return (struct packet_walk){
                .p = f->data,
                .end = f->data + f->caplen,
                .wire = MAX(f->len, f->caplen),
                .time = f->time,
        };
}

static inline bool packet_plain(const struct frame *f)
{
        return packet_likely(f->link == LINK_ETHERNET && f->caplen >= 34 && f->data[12] == TYPE_IP4 >> 8 &&
                             f->data[13] == (TYPE_IP4 & 0xff));
}

struct packet_ports {
        uint16_t src, dst;
};

static inline struct packet_ports packet_ports_at(const uint8_t *p)
{
        return (struct packet_ports){packet_be16(p), packet_be16(p + 2)};
}

/* The packet whose payload begins `head` bytes behind w->p; of these fewer may be captured. Field by field: an
 * initializer clears the struct first, which is a third of what a packet costs. */
static inline void packet_fill(const struct packet_walk *w, uint8_t proto, uint32_t head, struct packet_ports ports,
                               struct packet *ret)
{
        uint32_t left = packet_left(w), skip = MIN(head, left);

        static_assert(sizeof(struct packet) == 136, "a new field must be filled here");
        ret->time = w->time;
        ret->src = w->src;
        ret->dst = w->dst;
        ret->payload = w->p + skip;
        ret->ip = w->ip;
        ret->payload_len = left - skip;
        ret->wire_len = w->wire - head;
        ret->ip_len = w->ip_len;
        ret->seq = ret->ack = 0;
        ret->sport = ports.src;
        ret->dport = ports.dst;
        ret->window = 0;
        ret->flags = (uint16_t) (w->flags | (left - skip < w->wire - head ? PACKET_CUT : 0));
        ret->vlan = w->vlan;
        ret->proto = proto;
        ret->tcp_flags = 0;
        ret->ttl = w->ttl;
        ret->depth = w->depth;
        ret->quoted_proto = 0;
        ret->head_len = (uint8_t) skip;
        ret->quoted_sport = ret->quoted_dport = 0;
        ret->quoted_src = ret->quoted_dst = (struct addr){0};
        memcpy(ret->src_mac, w->mac, 6);
}

/* Over the header of the link to an IP or ARP header; sets type. */
enum packet_error packet_link(uint32_t link, struct packet_walk *w);
/* The same from where `type` says what stands at p: tags, MPLS, PPPoE, an Ethernet frame. */
enum packet_error packet_link_type(struct packet_walk *w);
enum packet_error packet_link_ppp(struct packet_walk *w); /* from the PPP header on; sets type */
enum packet_error packet_nsh(struct packet_walk *w);      /* from the network service header on; sets type */

/* A fragment, and what comes of it. */
struct packet_piece {
        struct addr src, dst;
        uint32_t id;
        uint8_t proto; /* IPv4: of the header; IPv6: 0, since it is no part of the key (RFC 8200 4.5) */
        bool v6, more;
        uint8_t ttl, next; /* kept of the first piece: TTL, and what follows the fragment header */
        uint32_t offset;   /* bytes */
        const uint8_t *data;
        uint32_t len, wire; /* bytes at data; bytes on the wire */
        nsec_t time;
};

struct packet_whole {
        const uint8_t *data; /* until the next packet is put together */
        uint32_t len, wire;
        uint8_t ttl, next;
};

struct packet_fragments;

int packet_fragments_new(const struct packet_params *params, struct packet_stats *stats, struct packet_fragments **ret);
void packet_fragments_free(struct packet_fragments *fr);
/* PACKET_OK: whole, *ret is filled. PACKET_HELD, PACKET_FRAGMENT. */
enum packet_error packet_fragments_add(struct packet_fragments *fr, const struct packet_piece *piece,
                                       struct packet_whole *ret);
void packet_fragments_expire(struct packet_fragments *fr, nsec_t now);

struct packet_decoder {
        uint32_t flags;
        uint64_t assembled; /* packets put together: what pointed into the last one is stale */
        struct packet_fragments *fragments;
        struct packet_stats stats;
};

/* From the header that w->type names on. */
enum packet_error packet_network(struct packet_decoder *d, struct packet_walk *w, struct packet *ret);

/* From the header of UDP or UDP-Lite on; of everything but TCP and UDP. */
enum packet_error packet_transport_udp(struct packet_decoder *d, struct packet_walk *w, uint8_t proto,
                                       struct packet *ret);
enum packet_error packet_transport_other(struct packet_decoder *d, struct packet_walk *w, uint8_t proto,
                                         struct packet *ret);
/* Sets PACKET_BAD_CHECKSUM by the first n bytes at w->p and the pseudo-header; nothing without PACKET_CHECK. */
void packet_transport_check(const struct packet_decoder *d, struct packet_walk *w, uint8_t proto, uint32_t n);
bool packet_transport_sum_wrong(const uint8_t *p, uint32_t n); /* of n bytes alone */

/* Does a datagram between these ports perhaps carry a tunnel? */
static inline bool packet_tunnel_port(uint16_t sport, uint16_t dport)
{
        /* VXLAN (RFC 7348) and the port of Linux before the RFC, GENEVE (RFC 8926), Teredo (RFC 4380), GTP-U
         * (3GPP TS 29.281). The first three answer from any port. */
        return dport == 4789 || dport == 8472 || dport == 6081 || dport == 3544 || sport == 3544 || dport == 2152 ||
               sport == 2152;
}

/* What is carried in the UDP datagram whose payload is at w->p. w is not changed. Other than PACKET_OK and PACKET_HELD:
 * it is no tunnel, or its inside does not parse. */
enum packet_error packet_tunnel_udp(struct packet_decoder *d, const struct packet_walk *w, uint16_t sport,
                                    uint16_t dport, struct packet *ret);
/* IP in IP, GRE, EtherIP, MPLS in IP. PACKET_NOT_IP: nothing that is decoded is carried: the packet itself counts. */
enum packet_error packet_tunnel_ip(struct packet_decoder *d, const struct packet_walk *w, uint8_t proto,
                                   struct packet *ret);
/* Fills the quoted_* of an ICMP error from the IP header at p. */
void packet_tunnel_quoted(const uint8_t *p, const uint8_t *end, struct packet *ret);

/* Bytes of an IPv6 extension header by its second byte; 0: `proto` is none. */
static inline uint32_t packet_extension(uint8_t proto, uint8_t length)
{
        switch (proto) {
        case IPPROTO_HOPOPTS:
        case IPPROTO_ROUTING:
        case IPPROTO_DSTOPTS:
        case 139: /* HIP, RFC 7401 */
        case 140: /* Shim6, RFC 5533 */
                return 8u + 8u * length;
        case IPPROTO_AH:
                return 8u + 4u * length;
        default:
                return 0;
        }
}

#endif
