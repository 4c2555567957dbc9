/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first bytes of a captured frame as facts: addresses, ports, flags, length of the payload. Pure; every byte may be
 * hostile. Runs in the engine only. */
#ifndef SEKIMORI_SOURCE_HOST_PROC_PACKET_H
#define SEKIMORI_SOURCE_HOST_PROC_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

enum host_proc_link {
        HOST_PROC_LINK_ETHERNET,
        HOST_PROC_LINK_SLL, /* Linux cooked, as in capture files */
        HOST_PROC_LINK_RAW, /* begins with the IP header */
};

enum host_proc_tcp_flag { TCP_FLAG_FIN = 1, TCP_FLAG_SYN = 2, TCP_FLAG_RST = 4, TCP_FLAG_PSH = 8, TCP_FLAG_ACK = 16 };

struct host_proc_packet {
        struct addr src, dst;
        uint16_t sport, dport; /* host order; ICMP and others: 0 */
        uint16_t icmp;         /* type << 8 | code */
        uint16_t icmp_id;      /* of an echo, host order */
        uint32_t payload;      /* bytes behind the transport header, as the packet's own lengths say */
        uint8_t proto;         /* IPPROTO_* of the innermost header reached */
        uint8_t tcp_flags;
        bool fragment; /* a fragment but the first: no ports */
        bool is_v6;
};

/* `wire_len` is the frame's length before it was cut to `len`. 0; -EPROTONOSUPPORT (not IP: ARP and the like);
 * -EBADMSG (cut or malformed). */
int host_proc_packet_parse(enum host_proc_link link, const uint8_t *data, size_t len, size_t wire_len,
                           struct host_proc_packet *ret);

#endif
