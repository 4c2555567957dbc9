/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets of two hosts, 10.0.0.5 (home) and 192.0.2.1, as raw IPv4 frames, and what a tracker says to them. */
#ifndef SEKIMORI_TEST_FLOW_RIG_H
#define SEKIMORI_TEST_FLOW_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/tracker.h"

#define LINKTYPE_RAW 101
#define T0           (1600000000 * NSEC_PER_SEC)
#define HOME_HOST    0x0a000005u
#define OUTSIDE_HOST 0xc0000201u

enum { SYN = TCP_SEEN_SYN, ACK = TCP_SEEN_ACK, FIN = TCP_SEEN_FIN, RST = TCP_SEEN_RST, PSH = TCP_SEEN_PUSH };

struct made {
        uint8_t b[2048];
        struct frame frame;
};

static inline void be16(uint8_t *p, unsigned v)
{
        p[0] = (uint8_t) (v >> 8);
        p[1] = (uint8_t) v;
}

static inline void be32(uint8_t *p, uint32_t v)
{
        be16(p, v >> 16);
        be16(p + 2, v & 0xffff);
}

static inline uint8_t *make_ip(struct made *m, nsec_t time, uint32_t src, uint32_t dst, uint8_t proto, unsigned len)
{
        memset(m->b, 0, 20);
        m->b[0] = 0x45;
        be16(m->b + 2, 20 + len);
        m->b[8] = 64;
        m->b[9] = proto;
        be32(m->b + 12, src);
        be32(m->b + 16, dst);
        m->frame =
                (struct frame){.time = time, .data = m->b, .caplen = 20 + len, .len = 20 + len, .link = LINKTYPE_RAW};
        return m->b + 20;
}

struct tcp {
        uint32_t src, dst;
        uint16_t sport, dport;
        uint8_t flags;
        uint32_t seq, ack;
        const char *data;
};

static inline struct frame *make_tcp(struct made *m, nsec_t time, struct tcp t)
{
        unsigned len = t.data ? (unsigned) strlen(t.data) : 0;
        uint8_t *p = make_ip(m, time, t.src, t.dst, IPPROTO_TCP, 20 + len);

        memset(p, 0, 20);
        be16(p, t.sport);
        be16(p + 2, t.dport);
        be32(p + 4, t.seq);
        be32(p + 8, t.ack);
        p[12] = 0x50;
        p[13] = t.flags;
        if (len)
                memcpy(p + 20, t.data, len);
        return &m->frame;
}

static inline struct frame *make_udp(struct made *m, nsec_t time, uint32_t src, uint32_t dst, uint16_t sport,
                                     uint16_t dport, const void *data, unsigned len)
{
        uint8_t *p = make_ip(m, time, src, dst, IPPROTO_UDP, 8 + len);

        be16(p, sport);
        be16(p + 2, dport);
        be16(p + 4, 8 + len);
        be16(p + 6, 0);
        if (len)
                memcpy(p + 8, data, len);
        return &m->frame;
}

/* What was said: the events, with the text they pointed to. */
#define SAID_MAX 4096
static struct said {
        struct event e;
        char text[256];
} said[SAID_MAX];
static unsigned n_said;

static inline void hear(void *userdata, const struct event *e)
{
        struct said *s = &said[n_said];
        const struct slice *text = e->type == EVENT_IRC ? &e->irc.text : e->type == EVENT_DNS ? &e->dns.name : NULL;

        (void) userdata;
        assert_true(n_said < SAID_MAX);
        n_said++;
        s->e = *e;
        s->text[0] = '\0';
        if (text && text->p)
                snprintf(s->text, sizeof(s->text), "%.*s", (int) MIN(text->len, 255u), text->p);
        if (e->type == EVENT_HTTP && e->http.uri)
                snprintf(s->text, sizeof(s->text), "%.*s", (int) MIN(e->http.uri_len, 255u), e->http.uri);
}

static inline unsigned count_said(unsigned type, unsigned op)
{
        unsigned n = 0;

        for (unsigned i = 0; i < n_said; i++)
                n += said[i].e.type == type && said[i].e.op == op;
        return n;
}

static inline const struct event *last_said(unsigned type)
{
        for (unsigned i = n_said; i-- > 0;)
                if (said[i].e.type == type)
                        return &said[i].e;
        fail_msg("no event of type %u", type);
        return NULL;
}

static inline struct home *make_home(void)
{
        struct cidr net;
        struct config_cidrs nets = {.items = &net, .n = 1};
        struct home *h;

        assert_int_equal(cidr_parse("10.0.0.0/8", &net), 0);
        assert_int_equal(home_new(&nets, &h), 0);
        return h;
}

#endif
