/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A resolver on loopback that says what a test wants, also what none may say. In the test's own thread. */
#ifndef SEKIMORI_TEST_DNS_RIG_H
#define SEKIMORI_TEST_DNS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"

/* A DNS message under construction. */
struct dns_message {
        uint8_t b[4096];
        size_t n;
};

static inline void dns_put16(struct dns_message *m, unsigned v)
{
        m->b[m->n++] = (uint8_t) (v >> 8);
        m->b[m->n++] = (uint8_t) v;
}

static inline void dns_put_name(struct dns_message *m, const char *name)
{
        while (*name) {
                size_t len = strcspn(name, ".");

                m->b[m->n++] = (uint8_t) len;
                memcpy(m->b + m->n, name, len);
                m->n += len;
                name += len + (name[len] == '.');
        }
        m->b[m->n++] = 0;
}

static inline void dns_put_head(struct dns_message *m, const char *owner, unsigned type, unsigned ttl, size_t len)
{
        dns_put_name(m, owner);
        dns_put16(m, type);
        dns_put16(m, 1);
        dns_put16(m, ttl >> 16);
        dns_put16(m, ttl & 0xffff);
        dns_put16(m, (unsigned) len);
}

static inline void dns_count(struct dns_message *m, unsigned at)
{
        if (++m->b[at + 1] == 0)
                m->b[at]++;
}

static inline void dns_put_a(struct dns_message *m, const char *owner, unsigned ttl, const char *text)
{
        struct addr a;

        assert_int_equal(addr_parse(text, &a), 0);
        dns_put_head(m, owner, addr_is_v4(&a) ? 1 : 28, ttl, addr_is_v4(&a) ? 4 : 16);
        memcpy(m->b + m->n, addr_is_v4(&a) ? a.b + 12 : a.b, addr_is_v4(&a) ? 4 : 16);
        m->n += addr_is_v4(&a) ? 4 : 16;
        dns_count(m, 6);
}

/* PTR (12) or CNAME (5). */
static inline void dns_put_to(struct dns_message *m, const char *owner, unsigned type, unsigned ttl, const char *to)
{
        struct dns_message name = {.n = 0};

        dns_put_name(&name, to);
        dns_put_head(m, owner, type, ttl, name.n);
        memcpy(m->b + m->n, name.b, name.n);
        m->n += name.n;
        dns_count(m, 6);
}

static inline void dns_put_soa(struct dns_message *m, const char *zone, unsigned ttl, unsigned minimum)
{
        dns_put_head(m, zone, 6, ttl, 22);
        memset(m->b + m->n, 0, 20); /* two names that are the root, and four numbers */
        m->n += 20;
        dns_put16(m, minimum);
        dns_count(m, 8);
}

/* A reply to that question, without records yet. */
static inline void dns_begin(struct dns_message *m, const char *name, unsigned type, unsigned rcode)
{
        memset(m, 0, sizeof(*m));
        m->b[2] = 0x81;
        m->b[3] = (uint8_t) (0x80 | rcode);
        m->b[5] = 1;
        m->n = 12;
        dns_put_name(m, name);
        dns_put16(m, type);
        dns_put16(m, 1);
}

/* --- the resolver --- */

struct dns_server {
        int fd;
        unsigned asked;
        char servers[32], last[256];
        /* Fills the reply to `name` (lower case); false: says nothing. */
        bool (*say)(void *userdata, const char *name, unsigned type, struct dns_message *reply);
        void *userdata;
};

static inline void dns_server_open(struct dns_server *s)
{
        struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof(sin);

        s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        assert_true(s->fd >= 0);
        assert_int_equal(bind(s->fd, (struct sockaddr *) &sin, len), 0);
        assert_int_equal(getsockname(s->fd, (struct sockaddr *) &sin, &len), 0);
        snprintf(s->servers, sizeof(s->servers), "127.0.0.1:%u", ntohs(sin.sin_port));
}

static inline bool dns_server_read(struct dns_server *s)
{
        struct sockaddr_storage from;
        socklen_t from_len = sizeof(from);
        uint8_t q[512];
        struct dns_message reply;
        size_t at = 12, n = 0;
        ssize_t got = recvfrom(s->fd, q, sizeof(q), 0, (struct sockaddr *) &from, &from_len);

        if (got < 17)
                return false;
        s->asked++;
        while (q[at]) {
                if (n)
                        s->last[n++] = '.';
                for (unsigned i = 0; i < q[at]; i++)
                        s->last[n++] = (char) (q[at + 1 + i] >= 'A' && q[at + 1 + i] <= 'Z' ? q[at + 1 + i] | 0x20 :
                                                                                              q[at + 1 + i]);
                at += 1u + q[at];
        }
        s->last[n] = 0;
        memset(&reply, 0, sizeof(reply));
        if (s->say(s->userdata, s->last, (unsigned) (q[at + 1] << 8 | q[at + 2]), &reply)) {
                memcpy(reply.b, q, 2); /* the number of the query */
                assert_int_equal(sendto(s->fd, reply.b, reply.n, 0, (struct sockaddr *) &from, from_len), reply.n);
        }
        return true;
}

#endif
