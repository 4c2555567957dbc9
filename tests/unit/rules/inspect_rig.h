/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For tests of the inspection: rules as text, calls by kind, and which sids matched. Runs in tests. */
#ifndef SEKIMORI_TESTS_INSPECT_RIG_H
#define SEKIMORI_TESTS_INSPECT_RIG_H

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/inspect.h"

#define RIG_MATCHES 64
#define RIG_POOL    (1u << 20)

struct rig {
        struct ruleset *rules;
        struct inspector *inspector;
        struct inspect_flow *flow;
        struct inspect_input in;
        struct inspect_buffer buffers[BUFFERS];
        struct packet packet;
        struct addr src, dst;
        uint32_t sids[RIG_MATCHES]; /* of the last call, as they came */
        unsigned n;
        char text[512]; /* rig_got() */
};

static inline void rig_on_problem(void *userdata, const struct rule_problem *p)
{
        (void) userdata;
        print_message("%s:%u: sid %u: %s: %s\n", p->file, p->line, p->sid, p->option, p->reason);
}

static inline void rig_on_match(void *userdata, const struct rule *r, const struct inspect_input *in)
{
        struct rig *rig = userdata;

        assert_ptr_equal(in, &rig->in);
        assert_true(rig->n < RIG_MATCHES);
        rig->sids[rig->n++] = r->sid;
}

/* Every rule must load. */
static inline void rig_open_pool(struct rig *rig, const char *rules, uint32_t pool)
{
        struct ruleset_params params = {.problem = rig_on_problem};
        struct inspect_params inspect = {.pool_bytes = pool, .match = rig_on_match, .userdata = rig, .profile = true};
        struct ruleset_stats stats;

        *rig = (struct rig){0};
        assert_int_equal(ruleset_new(&params, &rig->rules), 0);
        assert_int_equal(ruleset_add_data(rig->rules, "test", rules, strlen(rules)), 0);
        assert_int_equal(ruleset_compile(rig->rules), 0);
        ruleset_get_stats(rig->rules, &stats);
        assert_int_equal(stats.loaded, stats.rules);
        assert_true(stats.loaded > 0);
        inspect.rules = rig->rules;
        assert_int_equal(inspector_new(&inspect, &rig->inspector), 0);
        assert_int_equal(addr_parse("10.0.0.5", &rig->src), 0);
        assert_int_equal(addr_parse("198.51.100.7", &rig->dst), 0);
        rig->in = (struct inspect_input){
                .src = &rig->src,
                .dst = &rig->dst,
                .sport = 40000,
                .dport = 80,
                .proto = IPPROTO_TCP,
                .buffers = rig->buffers,
                .flow = &rig->flow,
        };
        rig->packet =
                (struct packet){.proto = IPPROTO_TCP, .tcp_flags = 0x18, .ttl = 64, .src = rig->src, .dst = rig->dst};
}

static inline void rig_open(struct rig *rig, const char *rules)
{
        rig_open_pool(rig, rules, RIG_POOL);
}

static inline void rig_close(struct rig *rig)
{
        inspect_flow_end(rig->inspector, &rig->flow);
        assert_null(rig->flow);
        inspector_free(rig->inspector);
        ruleset_free(rig->rules);
}

/* The sids of the last call: "1 2", "" for none. */
static inline const char *rig_got(struct rig *rig)
{
        size_t at = 0;

        rig->text[0] = '\0';
        for (unsigned i = 0; i < rig->n; i++)
                at += (size_t) snprintf(rig->text + at, sizeof(rig->text) - at, "%s%u", i ? " " : "", rig->sids[i]);
        return rig->text;
}

static inline void rig_inspect(struct rig *rig)
{
        rig->n = 0;
        inspect(rig->inspector, &rig->in);
}

static inline void rig_to_client(struct rig *rig)
{
        struct addr a = rig->src;
        uint16_t port = rig->in.sport;

        rig->src = rig->dst;
        rig->dst = a;
        rig->in.sport = rig->in.dport;
        rig->in.dport = port;
        rig->in.flags ^= INSPECT_TO_SERVER;
}

/* Keeps the direction. */
static inline void rig_flags(struct rig *rig, uint32_t flags)
{
        rig->in.flags = (rig->in.flags & INSPECT_TO_SERVER) | INSPECT_ESTABLISHED | flags;
        rig->in.have = rig->in.scan = rig->in.coming = 0;
}

static inline const char *rig_packet(struct rig *rig, const void *data, size_t len, uint32_t flags)
{
        rig_flags(rig, INSPECT_PACKET | flags);
        rig->packet.time++;
        rig->packet.payload = data;
        rig->packet.payload_len = rig->packet.wire_len = (uint32_t) len;
        rig->packet.proto = rig->in.proto;
        rig->in.packet = &rig->packet;
        if (len) {
                rig->buffers[BUFFER_PAYLOAD] = (struct inspect_buffer){
                        .data = data, .len = (uint32_t) len, .fresh = (uint32_t) len, .complete = true};
                rig->in.have = rig->in.scan = BUFFER_BIT(BUFFER_PAYLOAD);
        }
        rig_inspect(rig);
        return rig_got(rig);
}

/* The stream is data[0 .. end]; of it window bytes at most are at hand, and the last `fresh` are new. */
static inline const char *rig_stream(struct rig *rig, const void *data, size_t end, size_t fresh, size_t window)
{
        size_t base = end > window ? end - window : 0;

        rig_flags(rig, INSPECT_STREAM);
        rig->in.packet = NULL;
        rig->buffers[BUFFER_PAYLOAD] = (struct inspect_buffer){.data = (const uint8_t *) data + base,
                                                               .len = (uint32_t) (end - base),
                                                               .fresh = (uint32_t) fresh,
                                                               .base = base};
        rig->in.have = rig->in.scan = BUFFER_BIT(BUFFER_PAYLOAD);
        rig_inspect(rig);
        return rig_got(rig);
}

/* A whole buffer of the transaction, scanned by the next rig_transaction(). */
static inline void rig_set(struct rig *rig, enum rule_buffer b, const char *text)
{
        rig->buffers[b] = (struct inspect_buffer){.data = (const uint8_t *) text,
                                                  .len = (uint32_t) strlen(text),
                                                  .fresh = (uint32_t) strlen(text),
                                                  .complete = true};
}

static inline const char *rig_transaction(struct rig *rig, uint64_t have, uint64_t scan, uint64_t coming,
                                          uint32_t flags)
{
        rig_flags(rig, flags);
        rig->in.packet = NULL;
        rig->in.have = have;
        rig->in.scan = scan;
        rig->in.coming = coming;
        rig_inspect(rig);
        return rig_got(rig);
}

#endif
