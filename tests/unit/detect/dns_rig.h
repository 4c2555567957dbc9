/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions and answers of home hosts for the tests of dns_anomaly. Include after cmocka.h. */
#ifndef SEKIMORI_TESTS_DETECT_DNS_RIG_H
#define SEKIMORI_TESTS_DETECT_DNS_RIG_H

#include <stdio.h>

#include "decode/dns_type.h"
#include "detect/dns_anomaly.h"
#include "rig.h"

static uint64_t dns_seed;

static inline uint32_t dns_random(void)
{
        dns_seed ^= dns_seed << 13;
        dns_seed ^= dns_seed >> 7;
        dns_seed ^= dns_seed << 17;
        return (uint32_t) (dns_seed >> 16);
}

/* Claims by kind, which rig.h does not count. */
struct dns_rig {
        struct rig rig;
        int claims[DNS_KINDS];
        int32_t weights[DNS_KINDS];
        struct evidence last[DNS_KINDS];
        struct buf story;
        const char *host;
        uint16_t id;
};

static inline void dns_emit(void *userdata, const struct evidence *e)
{
        struct dns_rig *r = userdata;
        size_t kind = (size_t) (e->kind - dns_anomaly_kinds);
        struct evidence bare = *e;

        assert_true(kind < DNS_KINDS);
        /* every claim can be told, also without its facts */
        buf_reset(&r->story);
        r->rig.detector->explain(e, &r->story);
        assert_true(strlen(buf_str(&r->story)) > 20);
        bare.n_facts = 0;
        r->rig.detector->explain(&bare, &r->story);
        r->claims[kind]++;
        r->weights[kind] += e->weight;
        r->last[kind] = *e;
        r->rig.last = *e;
        r->rig.claims++;
}

static inline void dns_open(struct dns_rig *r, const char *yaml)
{
        memset(r, 0, sizeof(*r));
        r->story = BUF_HEAP(8192);
        dns_seed = 88172645463325252u;
        rig_open(&r->rig, "dns_anomaly", yaml);
        r->host = "10.0.0.5";
}

static inline void dns_close(struct dns_rig *r)
{
        rig_close(&r->rig);
        buf_done(&r->story);
}

static inline void dns_give(struct dns_rig *r, struct event *e)
{
        struct evidence_sink out = {.emit = dns_emit, .userdata = r};

        e->time = r->rig.now;
        r->rig.detector->event(r->rig.state, e, &out);
}

static inline struct event dns_of(struct dns_rig *r, enum dns_op op, const char *name, size_t len, uint16_t type)
{
        struct event e = {.type = EVENT_DNS, .op = (uint8_t) op};

        e.ends.local = rig_addr(r->host);
        e.ends.remote = rig_addr("198.51.100.53");
        e.ends.local_port = 50000;
        e.ends.remote_port = 53;
        e.ends.proto = IPPROTO_UDP;
        e.ends.origin = FLOW_ORIGINATED;
        e.ends.from_local = op == DNS_QUERY;
        e.ends.flow_id = 7;
        e.dns.name = (struct slice){name, (uint32_t) len};
        e.dns.qtype = type;
        e.dns.id = r->id;
        e.dns.size = (uint16_t) (18 + len);
        return e;
}

static inline void dns_ask(struct dns_rig *r, const char *name, uint16_t type)
{
        struct event e;

        r->id++;
        e = dns_of(r, DNS_QUERY, name, strlen(name), type);
        dns_give(r, &e);
}

static inline void dns_tell(struct dns_rig *r, const char *name, uint16_t type, uint8_t rcode)
{
        struct event e = dns_of(r, DNS_ANSWER, name, strlen(name), type);

        e.dns.rcode = rcode;
        e.dns.answers = rcode == DNS_NOERROR;
        e.dns.size = (uint16_t) (e.dns.size + 100u * e.dns.answers);
        dns_give(r, &e);
}

static inline void dns_tell_addrs(struct dns_rig *r, const char *name, uint32_t ttl, const struct addr *addrs,
                                  uint16_t n)
{
        struct event e = dns_of(r, DNS_ANSWER, name, strlen(name), DNS_TYPE_A);

        e.dns.addrs = addrs;
        e.dns.n_addrs = e.dns.answers = n;
        e.dns.ttl = ttl;
        dns_give(r, &e);
}

static inline void dns_lookup(struct dns_rig *r, const char *name, uint16_t type, uint8_t rcode)
{
        dns_ask(r, name, type);
        dns_tell(r, name, type, rcode);
}

/* `n` characters of the alphabet, then the ending. */
static inline const char *dns_word(char *text, size_t n, const char *alphabet, const char *ending)
{
        size_t letters = strlen(alphabet);

        for (size_t i = 0; i < n; i++)
                text[i] = alphabet[dns_random() % letters];
        strcpy(text + n, ending);
        return text;
}

/* What the claims of that kind are worth; each renewal may add a little to what has faded meanwhile. */
#define assert_worth(r, kind, weight) assert_in_range((r)->weights[kind], weight, (weight) + (weight) / 10)

#define LETTERS "abcdefghijklmnopqrstuvwxyz"
#define BASE32  LETTERS "234567"

#endif
