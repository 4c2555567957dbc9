/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A frame of a capture to its transport payload: link layer, VLAN and MPLS, tunnels, IPv4 and IPv6, fragments, TCP,
 * UDP, ICMP, ARP. Pure, no heap on the way of an ordinary packet. Runs in the engine and in `read`, one decoder per
 * worker and virtual shard. Headers that are cut or lie give an enum packet_error, counted by the caller; they never
 * end the reading.
 *
 * Lengths: what the IP header says counts, not the frame (Ethernet pads). With segmentation offload the IP length is 0:
 * then the frame's length counts. Checksums are looked at only when asked for (PACKET_CHECK): captures made on the
 * sending machine have unfinished ones. */
#ifndef SEKIMORI_DECODE_PACKET_H
#define SEKIMORI_DECODE_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/clock.h"

/* As the capture has it. */
struct frame {
        nsec_t time;
        const uint8_t *data;
        uint32_t caplen; /* bytes at data */
        uint32_t len;    /* bytes on the wire */
        uint32_t link;   /* LINKTYPE_* as in pcap files (https://www.tcpdump.org/linktypes.html) */
};

/* Virtual shards: state is kept per shard, so that it does not depend on the number of workers. */
#define SHARDS 64
/* The shard of a frame: a hash of its outer pair of IP addresses, unordered, so that both directions and all fragments
 * meet. 0 for what has no IP header. Touches only the headers; fast. ARP: by the pair of protocol addresses. */
unsigned packet_shard(const struct frame *f);

enum packet_flag {
        PACKET_CUT = 1 << 0,        /* the payload was not captured whole (snap length) */
        PACKET_FRAGMENTED = 1 << 1, /* put together from fragments */
        PACKET_TUNNELED = 1 << 2,
        PACKET_BAD_CHECKSUM = 1 << 3, /* only with PACKET_CHECK */
};

struct packet {
        nsec_t time;
        struct addr src, dst;   /* innermost */
        const uint8_t *payload; /* of TCP, UDP; ICMP: from the type on; others: after the IP header */
        const uint8_t *ip;      /* the innermost IP header, captured whole but for IPv6's extensions; of a packet put
                                 * together: that of the fragment which came last; NULL: ARP, or not at hand any more */
        uint32_t payload_len;   /* bytes at payload */
        uint32_t wire_len;      /* bytes of payload on the wire: >= payload_len */
        uint32_t ip_len;        /* bytes of the (innermost) IP packet on the wire */
        uint32_t seq, ack;      /* TCP */
        uint16_t sport, dport;  /* TCP, UDP, SCTP, DCCP; ICMP: sport = type << 8 | code, dport = id of an echo */
        uint16_t window;        /* TCP */
        uint16_t flags;         /* enum packet_flag */
        uint16_t vlan;          /* outermost; 0: none */
        uint8_t proto;          /* IPPROTO_*, or PROTO_ARP (model/event.h): src asks for dst; tcp_flags = operation */
        uint8_t tcp_flags;
        uint8_t ttl;
        uint8_t depth;      /* tunnels around it */
        uint8_t src_mac[6]; /* zero: the link has none */
        /* An ICMP error quotes the packet that it is about: */
        uint8_t quoted_proto; /* 0: no error or not readable */
        uint8_t head_len;     /* of any packet: bytes captured of TCP's or UDP's header, right before the payload */
        uint16_t quoted_sport, quoted_dport;
        struct addr quoted_src, quoted_dst;
};

enum packet_error {
        PACKET_OK,
        PACKET_HELD,   /* a fragment: kept until its packet is whole */
        PACKET_NOT_IP, /* a protocol that is none of ours: STP, LLDP, IPX... */
        PACKET_LINK,   /* link layer unknown, or its header cut or wrong */
        PACKET_TAG,    /* VLAN or MPLS stack cut or too deep (8) */
        PACKET_ARP,    /* ARP cut or not for IPv4 over Ethernet */
        PACKET_IP4,    /* header cut, version or length wrong */
        PACKET_IP6,    /* header cut, or extension headers cut or too many (16) */
        PACKET_LENGTH, /* the IP length is smaller than its headers */
        PACKET_TCP,    /* header cut or its length wrong */
        PACKET_UDP,
        PACKET_ICMP,
        PACKET_TUNNEL,   /* tunnel header cut or wrong, or nested too deep (4) */
        PACKET_FRAGMENT, /* fragment that cannot be: beyond 65535 bytes, overlapping with other bytes, unaligned */
        PACKET_ERRORS,
};
const char *packet_error_name(unsigned error);  /* "ip4" */
const char *packet_error_title(unsigned error); /* "IPv4 header cut or wrong" */

enum { PACKET_CHECK = 1 }; /* params.flags: verify checksums */

struct packet_params {
        uint32_t flags;
        uint32_t fragments_max;  /* bytes kept for fragments: 0 = 1 MiB; beyond, the oldest packet goes, counted */
        nsec_t fragment_timeout; /* 0 = 30 s of engine time (RFC 8200: 60 s; Linux: 30 s) */
};

struct packet_stats {
        uint64_t errors[PACKET_ERRORS]; /* by cause; [PACKET_OK]: decoded */
        uint64_t fragments, reassembled, fragments_expired, fragments_evicted, fragments_overlapping;
        uint64_t tunneled;
        uint64_t short_frames; /* IP says more than was on the wire: a lie, or cut without saying so; taken as cut */
};

struct packet_decoder;

int packet_decoder_new(const struct packet_params *params, struct packet_decoder **ret);
void packet_decoder_free(struct packet_decoder *d);
DEFINE_FREEP(struct packet_decoder, packet_decoder_free)

/* Decodes one frame. On PACKET_OK *ret is filled; its payload points into the frame, or, when it was put together from
 * fragments, into memory of the decoder that lives until the next call. Anything else leaves *ret untouched.
 * Overlapping fragments: a packet with overlapping IPv6 fragments is dropped (RFC 5722); of IPv4 the first bytes
 * that came stand (as Linux drops, BSD trims: the policy is stated in docs/packets.md). */
enum packet_error packet_decode(struct packet_decoder *d, const struct frame *f, struct packet *ret);
/* Fragments older than the timeout go. */
void packet_expire(struct packet_decoder *d, nsec_t now);
void packet_get_stats(const struct packet_decoder *d, struct packet_stats *ret);

#endif
