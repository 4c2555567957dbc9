/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An Ethernet frame with UDP over IPv4 from our own address to the peer, for packet and XDP sockets. */
#ifndef SEKIMORI_BENCH_FRAME_H
#define SEKIMORI_BENCH_FRAME_H

#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>

#include "send.h"

struct frame {
        struct ether_header eth;
        struct iphdr ip;
        struct udphdr udp;
        char data[SEND_PAYLOAD];
} __attribute__((packed));

/* 0, or the errno of asking for the device's address. */
int frame_fill(const struct gen *g, struct frame *ret);

#endif
