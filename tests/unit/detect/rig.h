/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A detector under test with its claims counted by kind, and short words for the events of home hosts. Include after
 * cmocka.h. */
#ifndef SEKIMORI_TESTS_DETECT_RIG_H
#define SEKIMORI_TESTS_DETECT_RIG_H

#include <netinet/in.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "detect/detector.h"

#define T0 (1700000000 * NSEC_PER_SEC)

struct rig {
        const struct detector *detector;
        void *state;
        struct config *config;
        struct lineage *lineage;
        struct evidence last;
        int claims;
        int32_t weights; /* of all claims */
        nsec_t now;
        uint64_t flows;
};

static void rig_emit(void *userdata, const struct evidence *e)
{
        struct rig *r = userdata;

        r->last = *e;
        r->claims++;
        r->weights += e->weight;
}

static void rig_open(struct rig *r, const char *detector, const char *yaml)
{
        memset(r, 0, sizeof(*r));
        r->now = T0;
        r->detector = detector_find(detector);
        assert_non_null(r->detector);
        assert_int_equal(lineage_new(&r->lineage), 0);
        assert_int_equal(config_new_default(&r->config), 0);
        if (yaml)
                assert_int_equal(config_parse(r->config, "test", yaml, strlen(yaml), NULL), 0);
        assert_int_equal(
                r->detector->new (&(struct detector_params){.config = r->config, .lineage = r->lineage}, &r->state), 0);
}

static void rig_close(struct rig *r)
{
        r->detector->free(r->state);
        config_free(r->config);
        lineage_free(r->lineage);
}

static void rig_event(struct rig *r, struct event *e)
{
        struct evidence_sink out = {.emit = rig_emit, .userdata = r};

        e->time = r->now;
        if (r->detector->events & 1u << e->type)
                r->detector->event(r->state, e, &out);
}

static inline struct addr rig_addr(const char *text)
{
        struct addr a = {{0}};

        assert_int_equal(addr_parse(text, &a), 0);
        return a;
}

/* 203.(n).x.y: a distinct outside address for each n. */
static inline struct addr rig_outside(uint32_t n)
{
        return addr_from_v4(htonl(0xcb000000u + n));
}

static inline struct event rig_flow(struct rig *r, uint8_t proto, struct addr remote, uint16_t port)
{
        struct event e = {.type = EVENT_FLOW, .op = FLOW_START};

        e.flow.local = rig_addr("10.0.0.5");
        e.flow.remote = remote;
        e.flow.local_port = proto == IPPROTO_ICMP ? 8 << 8 : (uint16_t) (40000 + r->flows % 20000);
        e.flow.remote_port = port;
        e.flow.proto = proto;
        e.flow.origin = FLOW_ORIGINATED;
        e.flow.flow_id = ++r->flows;
        e.flow.since = r->now;
        e.flow.pkts_out = 1;
        return e;
}

/* The flow's end: answered or not. */
static inline void rig_end(struct rig *r, struct event *e, bool answered)
{
        e->op = FLOW_END;
        e->flow.state = answered ? FLOW_STATE_CLOSED : FLOW_STATE_FAILED;
        e->flow.pkts_in = answered ? 5 : 0;
        e->flow.bytes_in = answered ? 500 : 0;
        rig_event(r, e);
}

static inline void rig_contact(struct rig *r, uint8_t proto, struct addr remote, uint16_t port, bool answered)
{
        struct event e = rig_flow(r, proto, remote, port);

        rig_event(r, &e);
        rig_end(r, &e, answered);
}

static inline int64_t rig_number(const struct rig *r, const char *key)
{
        const struct fact *f = evidence_find_fact(&r->last, key);

        assert_non_null(f);
        return f->number;
}

/* Events of all the detector's types with random fields, and ticks: nothing may break, and the sanitizers look on. */
static inline void rig_storm(struct rig *r, unsigned count)
{
        struct evidence_sink out = {.emit = rig_emit, .userdata = r};
        struct addr addrs[3] = {rig_outside(1), rig_outside(2), rig_addr("2001:db8::1")};
        uint64_t x = 88172645463325252u;

        for (unsigned i = 0; i < count; i++) {
                struct event e;
                unsigned type;

                for (size_t b = 0; b + 8 <= sizeof(e); b += 8) {
                        x ^= x << 13;
                        x ^= x >> 7;
                        x ^= x << 17;
                        memcpy((char *) &e + b, &x, 8);
                }
                for (type = x % EVENT_TYPES; !(r->detector->events & 1u << type); type = (type + 1) % EVENT_TYPES)
                        ;
                e.type = (uint8_t) type;
                e.op = (uint8_t) (x >> 8 & 3);
                e.time = r->now += (nsec_t) (x % (2 * NSEC_PER_SEC));
                if (event_has_ends(type)) { /* slices that may be read */
                        struct ends ends = e.ends;

                        memset((char *) &e + 16, 0, sizeof(e) - 16);
                        e.ends = ends;
                        e.ends.local = rig_addr("10.0.0.5");
                }
                if (type == EVENT_DNS) {
                        e.dns.addrs = addrs;
                        e.dns.n_addrs = ELEMENTSOF(addrs);
                } else if (type == EVENT_GATE) {
                        e.op = (uint8_t) (x >> 8 & 15);
                        e.gate.text = NULL;
                        e.gate.comm = i % 2 ? "x" : NULL;
                        e.gate.reason = (uint8_t) (x >> 16 & 31);
                        e.gate.task.pid &= 0xfff;
                } else if (type == EVENT_FLOW) {
                        e.flow.local = i % 3 ? rig_addr("10.0.0.5") : e.flow.local;
                        e.flow.origin %= 3;
                        e.flow.state %= 4;
                }
                r->detector->event(r->state, &e, &out);
                if (r->detector->tick && i % 100 == 0)
                        r->detector->tick(r->state, r->now, &out);
        }
}

/* The newest claim as told to people. */
static inline void rig_assert_story(const struct rig *r, const char *story)
{
        struct buf out = BUF_HEAP(8192);

        r->detector->explain(&r->last, &out);
        assert_string_equal(buf_str(&out), story);
        buf_done(&out);
}

#endif
