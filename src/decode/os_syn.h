/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the first packet of a TCP connection, or its answer, says of the system that sent it: the fields of p0f 3's
 * signatures (README of p0f, section 5). Pure, no heap. Runs in the engine, in `mail` and where a probe's answer is
 * read. The outermost IP header counts: a tunnel's inside was sent by somebody else. Fragments say nothing. */
#ifndef SEKIMORI_DECODE_OS_SYN_H
#define SEKIMORI_DECODE_OS_SYN_H

#include "base/buf.h"
#include "decode/packet.h"

/* Names as in p0f's signatures: os_quirk_name(). */
enum os_quirk {
        OS_QUIRK_DF = 1 << 0,
        OS_QUIRK_ID_SET = 1 << 1,  /* DF, and an identification all the same */
        OS_QUIRK_ID_ZERO = 1 << 2, /* neither DF nor an identification */
        OS_QUIRK_ECN = 1 << 3,
        OS_QUIRK_RESERVED = 1 << 4, /* IPv4's reserved bit */
        OS_QUIRK_FLOW = 1 << 5,     /* an IPv6 flow label */
        OS_QUIRK_SEQ_ZERO = 1 << 6,
        OS_QUIRK_ACK_SET = 1 << 7,  /* a number to acknowledge without the flag */
        OS_QUIRK_ACK_ZERO = 1 << 8, /* the flag without the number */
        OS_QUIRK_URGENT_SET = 1 << 9,
        OS_QUIRK_URGENT = 1 << 10,
        OS_QUIRK_PUSH = 1 << 11,
        OS_QUIRK_TS1_ZERO = 1 << 12,
        OS_QUIRK_TS2_SET = 1 << 13,
        OS_QUIRK_TRAILING = 1 << 14, /* bytes other than zero behind the end of the options */
        OS_QUIRK_SCALE = 1 << 15,    /* a window scale beyond 14 (RFC 7323 2.3) */
        OS_QUIRK_BAD = 1 << 16,      /* options that do not parse */
};
#define OS_QUIRKS      17
#define OS_OPTIONS_MAX 24 /* as p0f: what stands behind is not looked at, and is a quirk */

struct os_syn {
        struct addr src, dst;
        uint32_t quirks; /* enum os_quirk */
        uint32_t ts1;    /* own timestamp; 0: none */
        uint16_t sport, dport;
        uint16_t window, mss; /* mss 0: none */
        uint16_t head;        /* bytes of the IP and TCP headers */
        uint8_t version;      /* 4 or 6 */
        uint8_t ttl, scale;
        uint8_t ip_options; /* bytes of IPv4 options or IPv6 extension headers */
        uint8_t n_options, eol_pad;
        uint8_t options[OS_OPTIONS_MAX]; /* kinds of TCP options in their order */
        bool payload;
        bool answer; /* SYN and ACK */
};

/* 0, and *ret is filled; -ENOMSG: no SYN (or a fragment, or not TCP); -EBADMSG: headers cut or wrong. */
int os_syn_read(const struct frame *f, struct os_syn *ret);
/* The same from an IP header on. `len`: bytes captured. */
int os_syn_read_ip(const uint8_t *ip, size_t len, struct os_syn *ret);

/* As p0f writes a raw signature: "4:58+6:0:1460:mss*44,7:mss,sok,ts,nop,ws:df,id+:0". */
void os_syn_put(const struct os_syn *s, struct buf *out);

/* The window as a multiple, in p0f's order of guesses: of the MSS (*ret_mtu false) or of the MTU; -1: neither. */
int os_syn_window(const struct os_syn *s, bool *ret_mtu);
/* Hops from the sender, when it began with the next usual TTL (32, 64, 128, 255). */
unsigned os_syn_distance(uint8_t ttl);

const char *os_quirk_name(unsigned bit); /* of 1 << bit: "df"; "?" beyond */

#endif
