/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A machine for the tests of server_like: a lineage, the detector, and short words for events. Include after cmocka. */
#ifndef SEKIMORI_TESTS_DETECT_MACHINE_H
#define SEKIMORI_TESTS_DETECT_MACHINE_H

#include <netinet/in.h>
#include <stdlib.h>

#include "detect/server_like.h"

extern const struct detector detector_server_like;

#define MS NSEC_PER_MSEC
#define S  NSEC_PER_SEC
#define T0 (1700000000 * S)

struct machine {
        struct lineage *lineage;
        struct config *config;
        void *detector;
        struct evidence last;
        int claims, by_kind[SL_KINDS];
        int32_t weight[SL_KINDS];
};

static inline void emit(void *userdata, const struct evidence *e)
{
        struct machine *m = userdata;

        m->last = *e;
        m->claims++;
        for (int i = 0; i < SL_KINDS; i++)
                if (e->kind == &server_like_kinds[i]) {
                        m->by_kind[i]++;
                        m->weight[i] += e->weight;
                }
}

static inline int set_up(void **state)
{
        struct machine *m = calloc(1, sizeof(*m));

        assert_non_null(m);
        assert_int_equal(lineage_new(&m->lineage), 0);
        assert_int_equal(config_new_default(&m->config), 0);
        assert_int_equal(detector_server_like.new(&(struct detector_params){.config = m->config, .lineage = m->lineage},
                                                  &m->detector),
                         0);
        *state = m;
        return 0;
}

static inline int tear_down(void **state)
{
        struct machine *m = *state;

        detector_server_like.free(m->detector);
        config_free(m->config);
        lineage_free(m->lineage);
        free(m);
        return 0;
}

static inline void deliver(struct machine *m, const struct event *e)
{
        struct evidence_sink out = {.emit = emit, .userdata = m};

        lineage_event(m->lineage, e);
        if (detector_server_like.events & 1u << e->type)
                detector_server_like.event(m->detector, e, &out);
}

static inline struct task process(uint32_t pid)
{
        return (struct task){.start = pid, .leader_start = pid, .pid = pid, .tid = pid};
}

static inline void make(struct machine *m, nsec_t t, uint32_t pid, uint32_t by)
{
        struct event e = {.time = t, .type = EVENT_PROCESS, .op = PROCESS_FORK};

        e.process.task = process(pid);
        e.process.creator = process(by);
        e.process.loginuid = UINT32_MAX;
        deliver(m, &e);
}

static inline struct event talk(nsec_t t, uint8_t op, uint32_t pid, uint64_t id, const char *peer)
{
        struct event e = {.time = t, .type = EVENT_FLOW, .op = op};

        e.flow.task = process(pid);
        e.flow.flow_id = id;
        e.flow.local = addr_from_v4(htonl(0x0a000002));
        e.flow.local_port = 40000;
        assert_int_equal(addr_parse(peer, &e.flow.remote), 0);
        e.flow.remote_port = 80;
        e.flow.proto = IPPROTO_TCP;
        e.flow.origin = FLOW_ORIGINATED;
        e.flow.since = op == FLOW_START ? t : 0;
        e.flow.state = op == FLOW_START ? FLOW_STATE_NEW : FLOW_STATE_ESTABLISHED;
        return e;
}

static inline void say(struct machine *m, nsec_t t, uint8_t op, uint32_t pid, uint64_t id, const char *peer)
{
        struct event e = talk(t, op, pid, id, peer);

        deliver(m, &e);
}

/* A bot with one conversation, heard at T0, and an order at `order`. */
static inline void bot(struct machine *m, nsec_t order)
{
        make(m, T0, 10, 1);
        say(m, T0, FLOW_START, 10, 1, "192.0.2.1");
        say(m, T0 + 1, FLOW_UPDATE, 10, 1, "192.0.2.1");
        if (order)
                say(m, T0 + order, FLOW_PUSH, 10, 1, "192.0.2.1");
}

#define WITH_MACHINE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
