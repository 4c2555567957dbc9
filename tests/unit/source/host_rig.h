/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records of the kernel half by hand, and the events that come of them: for test_host_flows.c, test_host_special.c and
 * test_host_snapshot.c. */
#ifndef SEKIMORI_TESTS_HOST_RIG_H
#define SEKIMORI_TESTS_HOST_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "source/host_flows.h"
#include "source/host_record.h"

#define NETNS      7u
#define EVENTS_MAX 4096 /* the newest are kept in a ring: counts go on */
#define SEC        ((uint64_t) NSEC_PER_SEC)
#define OFFSET     (1000000 * NSEC_PER_SEC)
#define SOURCE     3
#define MPTCP      262

#define ME   "192.0.2.2"
#define PEER "203.0.113.5"

static struct event events[EVENTS_MAX];
static size_t n_events;
static char texts[EVENTS_MAX][HOST_TEXT_MAX]; /* the slices are valid only during the call */
static struct host_flows *flows;
static uint64_t now;

static _unused_ void take(void *userdata, const struct event *e)
{
        size_t i = n_events++ % EVENTS_MAX;

        (void) userdata;
        events[i] = *e;
        if (e->type == EVENT_PROCESS && e->process.text) {
                strncpy(texts[i], e->process.text, HOST_TEXT_MAX - 1);
                events[i].process.text = texts[i];
        }
}

/* The thread `tid` of process `pid`; started in order of its number. */
static _unused_ struct host_task thread(uint32_t pid, uint32_t tid)
{
        return (struct host_task){.start = tid * 10ull, .leader_start = pid * 10ull, .pid = pid, .tid = tid};
}

static _unused_ struct host_task process(uint32_t pid)
{
        return thread(pid, pid);
}

static _unused_ void put_address(uint8_t ret[16], const char *text)
{
        struct addr a = {0};

        if (text)
                assert_int_equal(addr_parse(text, &a), 0);
        memcpy(ret, a.b, 16);
}

struct flow_spec {
        uint8_t op;
        uint64_t cookie;
        uint32_t pid, tid; /* tid 0: the process's first */
        uint16_t proto;    /* 0: TCP */
        const char *remote;
        uint16_t port;  /* of the remote; 0: 80 where there is a remote */
        uint16_t lport; /* 0: 40000 */
        uint16_t flags;
        uint8_t state;
        uint64_t out, in;
        uint32_t pkts_out, pkts_in;
        uint16_t family;
        bool nowhere; /* no remote */
};

static _unused_ struct host_flow_record flow_record(const struct flow_spec *s)
{
        struct host_flow_record r = {
                .head = {.time = now, .type = HOST_RECORD_FLOW, .op = s->op, .size = sizeof(r)},
                .cookie = s->cookie ? s->cookie : 1,
                .bytes_out = s->out,
                .bytes_in = s->in,
                .pkts_out = s->pkts_out,
                .pkts_in = s->pkts_in,
                .local_port = s->lport ? s->lport : 40000,
                .netns = NETNS,
                .family = s->family ? s->family : AF_INET,
                .proto = s->proto ? s->proto : IPPROTO_TCP,
                .flags = s->flags,
                .tcp_state = s->state ? s->state : 1,
        };

        if (s->pid)
                r.task = thread(s->pid, s->tid ? s->tid : s->pid);
        put_address(r.local, ME);
        if (!s->nowhere) {
                put_address(r.remote, s->remote ? s->remote : PEER);
                r.remote_port = s->port ? s->port : 80;
        }
        return r;
}

static _unused_ void send_flow(const struct flow_spec *s)
{
        struct host_flow_record r = flow_record(s);

        assert_int_equal(host_flows_record(flows, &r, sizeof(r)), 0);
}

#define FLOW(...) send_flow(&(struct flow_spec){__VA_ARGS__})

struct socket_spec {
        uint8_t op;
        uint64_t cookie;
        uint32_t pid, tid;
        uint16_t family, proto, lport;
        const char *local, *remote;
        uint8_t bypass;
        uint32_t count;
};

static _unused_ void send_socket(const struct socket_spec *s)
{
        struct host_socket_record r = {
                .head = {.time = now, .type = HOST_RECORD_SOCKET, .op = s->op, .size = sizeof(r)},
                .cookie = s->cookie ? s->cookie : 1,
                .local_port = s->lport,
                .netns = NETNS,
                .ifindex = 2,
                .family = s->family ? s->family : AF_INET,
                .proto = s->proto,
                .bypass = s->bypass,
                .count = s->count,
        };

        if (s->pid)
                r.task = thread(s->pid, s->tid ? s->tid : s->pid);
        put_address(r.local, s->local);
        put_address(r.remote, s->remote);
        assert_int_equal(host_flows_record(flows, &r, sizeof(r)), 0);
}

#define SPECIAL(...)      send_socket(&(struct socket_spec){__VA_ARGS__})
#define LISTEN(id, p, lp) SPECIAL(HOST_SOCKET_LISTEN, .cookie = (id), .pid = (p), .proto = IPPROTO_TCP, .lport = (lp))

static _unused_ size_t count(uint8_t type, uint8_t op)
{
        size_t n = 0;

        for (size_t i = 0; i < n_events && i < EVENTS_MAX; i++)
                n += events[i].type == type && events[i].op == op;
        return n;
}

#define STARTS()  count(EVENT_FLOW, FLOW_START)
#define UPDATES() count(EVENT_FLOW, FLOW_UPDATE)
#define PUSHES()  count(EVENT_FLOW, FLOW_PUSH)
#define ENDS()    count(EVENT_FLOW, FLOW_END)

/* The newest event, which must be such a one. */
static _unused_ const struct event *newest(uint8_t type, uint8_t op)
{
        const struct event *e = &events[(n_events - 1) % EVENTS_MAX];

        assert_true(n_events > 0);
        assert_int_equal(e->type, type);
        assert_int_equal(e->op, op);
        return e;
}

static _unused_ const struct flow_event *newest_flow(uint8_t op)
{
        return &newest(EVENT_FLOW, op)->flow;
}

static _unused_ void assert_task(const struct task *t, uint32_t pid, uint32_t tid)
{
        struct host_task want = thread(pid, tid);

        assert_int_equal(t->pid, pid);
        assert_int_equal(t->tid, tid);
        assert_int_equal(t->start, want.start);
        assert_int_equal(t->leader_start, want.leader_start);
}

static _unused_ void assert_address(const struct addr *a, const char *text)
{
        char have[ADDR_TEXT_MAX];

        assert_string_equal(addr_format(a, have), text);
}

static _unused_ int begin(void **state)
{
        const struct event_sink sink = {.event = take};

        (void) state;
        n_events = 0;
        now = 1000 * SEC;
        return host_flows_new(&sink, OFFSET, SOURCE, &flows);
}

static _unused_ int finish(void **state)
{
        (void) state;
        host_flows_free(flows);
        flows = NULL;
        return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, finish)

#endif
