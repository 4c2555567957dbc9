/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions of home hosts in short words, for the tests of profiles. Include after cmocka.h. */
#ifndef SEKIMORI_TESTS_PROFILE_RIG_H
#define SEKIMORI_TESTS_PROFILE_RIG_H

#include <netinet/in.h>
#include <stdlib.h>

#include "flow/profile_internal.h"
#include "source/source.h"

#define T0   (1700000000 * NSEC_PER_SEC)
#define HOUR (3600 * NSEC_PER_SEC)
#define HOST 0x0a000005u
#define PEER 0xcb000000u

struct session {
        uint32_t host, peer;
        uint16_t port;
        uint8_t proto, app;
        bool failed, accepted;
        nsec_t end, lasts;
        uint64_t out, in;
};

static inline struct addr v4(uint32_t a)
{
        return addr_from_v4(htonl(a));
}

static inline struct event event_of(const struct session *s)
{
        struct event e = {.time = s->end, .type = EVENT_FLOW, .op = FLOW_END, .source = EVENT_SOURCE_PACKETS};
        uint16_t own = 40000;

        e.flow.local = v4(s->host ? s->host : HOST);
        e.flow.remote = v4(PEER + s->peer);
        e.flow.local_port = s->accepted ? s->port : own;
        e.flow.remote_port = s->accepted ? own : s->port;
        e.flow.proto = s->proto ? s->proto : IPPROTO_TCP;
        e.flow.app = s->app;
        e.flow.origin = s->accepted ? FLOW_ACCEPTED : FLOW_ORIGINATED;
        e.flow.state = s->failed ? FLOW_STATE_FAILED : FLOW_STATE_CLOSED;
        e.flow.since = s->end - s->lasts;
        e.flow.bytes_out = s->out;
        e.flow.bytes_in = s->in;
        return e;
}

static inline void take(struct profile *p, const struct session *s)
{
        struct event e = event_of(s);

        profile_event(p, &e);
}

static inline struct profile *make(uint32_t hosts)
{
        struct profile *p = NULL;

        assert_int_equal(profile_new(hosts, &p), 0);
        return p;
}

static inline struct profile_record get(struct profile *p, uint32_t host)
{
        struct addr a = v4(host);
        struct profile_record r;

        assert_true(profile_get(p, &a, &r));
        return r;
}

static inline const struct profile_service *find(const struct profile_record *r, const char *name)
{
        char text[PROFILE_NAME_MAX];

        for (uint32_t i = 0; i < r->n; i++)
                if (strcmp(profile_service_name(&r->services[i], text), name) == 0)
                        return &r->services[i];
        return NULL;
}

static inline void assert_near(uint64_t x, uint64_t expected, unsigned percent)
{
        assert_in_range(x, expected - expected * percent / 100, expected + expected * percent / 100);
}

static inline bool is_known(struct profile *p, uint32_t host)
{
        struct addr a = v4(host);
        struct profile_record r;

        return profile_get(p, &a, &r);
}

#endif
