/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Feeds packets and records to a tracker, and looks at its events: for test_proc_track.c and test_proc_forged.c. */
#ifndef SEKIMORI_TESTS_TRACK_RIG_H
#define SEKIMORI_TESTS_TRACK_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>

#include "source/host_proc_track.h"
#include "source/proc_scan.h"

#define NETNS      7u
#define EVENTS_MAX 70000
#define SEC        NSEC_PER_SEC

static struct event *events;
static size_t n_events;
static struct host_proc_track *track;
static nsec_t now;
static uint32_t seq;

static _unused_ void take(void *userdata, const struct event *e)
{
        (void) userdata;
        assert_true(n_events < EVENTS_MAX);
        /* JSON readers take it as a signed number. */
        assert_true(e->type != EVENT_FLOW || e->flow.flow_id <= INT64_MAX);
        events[n_events++] = *e;
}

static _unused_ struct addr address(const char *text)
{
        struct addr a = {0};

        assert_int_equal(addr_parse(text, &a), 0);
        return a;
}

static _unused_ void send_record(const struct host_proc_record *r)
{
        host_proc_track_record(track, r, now);
}

static _unused_ void own(const char *text)
{
        send_record(&(struct host_proc_record){.type = RECORD_ADDRESS, .address = address(text)});
}

static _unused_ void ask(void)
{
        seq = host_proc_track_next_scan(track);
}

static _unused_ void answer_with(const struct host_proc_end *end)
{
        struct host_proc_record r = {.type = RECORD_END, .end = *end};

        r.end.seq = seq;
        r.end.netns = NETNS;
        send_record(&r);
}

static _unused_ void answer(void)
{
        answer_with(&(struct host_proc_end){0});
}

static _unused_ void scan(void)
{
        ask();
        answer();
}

static _unused_ void tick(nsec_t step)
{
        now += step;
        host_proc_track_tick(track, now);
}

struct socket_spec {
        uint8_t type, table, proto, state;
        const char *local, *remote;
        uint16_t lport, rport;
        uint32_t pid, netns;
        uint64_t inode;
};

static _unused_ void tell_socket(const struct socket_spec *s)
{
        struct host_proc_record r = {.type = s->type ? s->type : (uint32_t) RECORD_SOCKET};

        r.socket = (struct host_proc_socket){.table = s->table,
                                             .proto = s->proto,
                                             .state = s->state,
                                             .local = address(s->local),
                                             .local_port = s->lport,
                                             .remote_port = s->rport,
                                             .owner = {.pid = s->pid, .start = s->pid * 10},
                                             .netns = s->netns ? s->netns : NETNS,
                                             .inode = s->inode};
        if (s->remote)
                r.socket.remote = address(s->remote);
        send_record(&r);
}

#define SOCKET(...) tell_socket(&(struct socket_spec){__VA_ARGS__})

struct packet_spec {
        const char *src, *dst;
        uint16_t sport, dport;
        uint8_t proto, flags, direction;
        uint32_t payload, ifindex;
        uint16_t icmp, icmp_id;
};

static _unused_ void see_packet(const struct packet_spec *s)
{
        struct host_proc_captured p = {.time = now, .ifindex = s->ifindex ? s->ifindex : 2, .direction = s->direction};

        p.packet = (struct host_proc_packet){.src = address(s->src),
                                             .dst = address(s->dst),
                                             .sport = s->sport,
                                             .dport = s->dport,
                                             .proto = s->proto ? s->proto : IPPROTO_TCP,
                                             .tcp_flags = s->flags,
                                             .payload = s->payload,
                                             .icmp = s->icmp,
                                             .icmp_id = s->icmp_id};
        host_proc_track_packet(track, &p);
}

#define PACKET(...) see_packet(&(struct packet_spec){__VA_ARGS__})

#define ME        "192.0.2.2"
#define PEER      "203.0.113.5"
#define OUT(f, n) PACKET(ME, PEER, 40000, 80, .flags = (f), .payload = (n), .direction = HOST_PROC_OUT)
#define IN(f, n)  PACKET(PEER, ME, 80, 40000, .flags = (f), .payload = (n), .direction = HOST_PROC_IN)
#define CLIENT(p, st)                                                                                                  \
        SOCKET(.table = PROC_TABLE_TCP, .proto = IPPROTO_TCP, .state = (st), .local = ME, .remote = PEER,              \
               .lport = 40000, .rport = 80, .pid = (p), .inode = 55)

static _unused_ size_t count(uint8_t type, uint8_t op)
{
        size_t n = 0;

        for (size_t i = 0; i < n_events; i++)
                n += events[i].type == type && events[i].op == op;
        return n;
}

static _unused_ const struct event *last(uint8_t type, uint8_t op)
{
        for (size_t i = n_events; i-- > 0;)
                if (events[i].type == type && events[i].op == op)
                        return &events[i];
        fail_msg("no event %u %u", type, op);
        return NULL;
}

static _unused_ uint64_t lost(uint8_t reason)
{
        uint64_t n = 0;

        for (size_t i = 0; i < n_events; i++)
                if (events[i].type == EVENT_GAP && events[i].gap.reason == reason)
                        n += events[i].gap.lost;
        return n;
}

static _unused_ int begin(void **state)
{
        struct host_proc_track_params p = {.sink = {.event = take}, .source = 1, .capture = true};

        (void) state;
        events = calloc(EVENTS_MAX, sizeof(*events));
        n_events = 0;
        now = 1000 * SEC;
        if (!events || host_proc_track_new(&p, &track) < 0)
                return -1;
        own(ME);
        scan();
        tick(SEC);
        return 0;
}

static _unused_ int finish(void **state)
{
        (void) state;
        host_proc_track_free(track);
        free(events);
        return 0;
}

#define STEPPED(f) cmocka_unit_test_setup_teardown(f, begin, finish)

#endif
