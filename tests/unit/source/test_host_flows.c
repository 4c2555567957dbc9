/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TCP, MPTCP and UDP sockets: records of the kernel half in, flow events out. */
#include "host_rig.h"

static void test_connection(void **state)
{
        const struct flow_event *e;
        uint64_t id;

        (void) state;
        FLOW(HOST_FLOW_CONNECT, .pid = 10, .tid = 11, .state = 2);
        e = newest_flow(FLOW_START);
        assert_int_equal(events[0].time, (nsec_t) (1000 * SEC) + OFFSET);
        assert_int_equal(events[0].source, SOURCE);
        assert_task(&e->task, 10, 11);
        assert_int_equal(e->origin, FLOW_ORIGINATED);
        assert_int_equal(e->state, FLOW_STATE_NEW);
        assert_int_equal(e->flags, 0);
        assert_int_equal(e->proto, IPPROTO_TCP);
        assert_address(&e->local, ME);
        assert_address(&e->remote, PEER);
        assert_int_equal(e->local_port, 40000);
        assert_int_equal(e->remote_port, 80);
        assert_int_equal(e->netns, NETNS);
        assert_int_equal(e->since, (nsec_t) (1000 * SEC) + OFFSET);
        id = e->flow_id;
        assert_true(id != 0 && id <= INT64_MAX);

        now += SEC / 100;
        FLOW(HOST_FLOW_ESTABLISHED);
        e = newest_flow(FLOW_UPDATE);
        assert_int_equal(e->state, FLOW_STATE_ESTABLISHED);
        assert_task(&e->task, 10, 11);
        FLOW(HOST_FLOW_USE, .pid = 10, .tid = 11, .flags = HOST_FLOW_TCP_TOTALS, .out = 300, .pkts_out = 2,
             .pkts_in = 1);
        assert_int_equal(newest_flow(FLOW_UPDATE)->bytes_out, 300);
        now += 2 * SEC;
        FLOW(HOST_FLOW_PUSH, .pid = 10, .tid = 11, .flags = HOST_FLOW_TCP_TOTALS | HOST_FLOW_RECEIVED, .out = 300,
             .in = 50, .pkts_out = 3, .pkts_in = 2);
        assert_int_equal(newest_flow(FLOW_PUSH)->bytes_in, 50);
        FLOW(HOST_FLOW_CLOSE, .flags = HOST_FLOW_TCP_TOTALS, .out = 301, .in = 51, .pkts_out = 4, .pkts_in = 5);
        e = newest_flow(FLOW_END);
        assert_task(&e->task, 10, 11);
        assert_int_equal(e->state, FLOW_STATE_CLOSED);
        assert_int_equal(e->bytes_out, 301);
        assert_int_equal(e->bytes_in, 51);
        assert_int_equal(e->pkts_out, 4);
        assert_int_equal(e->pkts_in, 5);
        assert_int_equal(e->since, (nsec_t) (1000 * SEC) + OFFSET);
        assert_int_equal(e->flow_id, id);
        assert_int_equal(STARTS(), 1);
        assert_int_equal(n_events, 5);
}

static void test_refused(void **state)
{
        (void) state;
        FLOW(HOST_FLOW_CONNECT, .pid = 10, .state = 2);
        FLOW(HOST_FLOW_CLOSE, .flags = HOST_FLOW_FAILED | HOST_FLOW_TCP_TOTALS);
        assert_int_equal(newest_flow(FLOW_END)->state, FLOW_STATE_FAILED);
        assert_int_equal(n_events, 2);
        FLOW(HOST_FLOW_CLOSE); /* once is enough */
        assert_int_equal(n_events, 2);
}

/* Fast open sends with the SYN: used, but not yet established. */
static void test_fast_open(void **state)
{
        (void) state;
        FLOW(HOST_FLOW_CONNECT, .pid = 10, .state = 2);
        FLOW(HOST_FLOW_USE, .pid = 10, .state = 2, .flags = HOST_FLOW_TCP_TOTALS, .out = 64);
        assert_int_equal(newest_flow(FLOW_UPDATE)->state, FLOW_STATE_NEW);
        FLOW(HOST_FLOW_ESTABLISHED);
        assert_int_equal(newest_flow(FLOW_UPDATE)->state, FLOW_STATE_ESTABLISHED);
}

/* A first word that comes late, in a thread that never used the socket: it starts there, and it is a push. */
static void test_push_is_the_first_use(void **state)
{
        (void) state;
        FLOW(HOST_FLOW_CONNECT, .pid = 10);
        FLOW(HOST_FLOW_PUSH, .pid = 10, .tid = 12, .flags = HOST_FLOW_RECEIVED | HOST_FLOW_TCP_TOTALS, .in = 9);
        assert_int_equal(n_events, 3);
        assert_int_equal(events[1].op, FLOW_START);
        assert_task(&events[1].flow.task, 10, 12);
        assert_int_equal(events[2].op, FLOW_PUSH);
        assert_int_equal(events[2].flow.origin, FLOW_ORIGINATED);
}

static void test_accepted(void **state)
{
        (void) state;
        LISTEN(99, 20, 25);
        n_events = 0;
        FLOW(HOST_FLOW_ACCEPTED, .cookie = 2, .lport = 25, .port = 50000);
        assert_int_equal(n_events, 0);                                             /* nobody took it yet */
        FLOW(HOST_FLOW_TAKEN, .cookie = 2, .pid = 21, .lport = 25, .port = 50000); /* a worker, not who listens */
        assert_task(&newest_flow(FLOW_START)->task, 21, 21);
        assert_int_equal(newest_flow(FLOW_START)->origin, FLOW_ACCEPTED);
        assert_int_equal(newest_flow(FLOW_START)->state, FLOW_STATE_ESTABLISHED);
        assert_int_equal(newest_flow(FLOW_START)->flags, 0);
        FLOW(HOST_FLOW_USE, .cookie = 2, .pid = 21, .lport = 25, .flags = HOST_FLOW_RECEIVED);
        assert_int_equal(newest_flow(FLOW_UPDATE)->flags, 0);
        FLOW(HOST_FLOW_USE, .cookie = 2, .pid = 22, .lport = 25, .flags = HOST_FLOW_RECEIVED);
        assert_int_equal(newest_flow(FLOW_START)->flags, FLOW_INHERITED);
        assert_task(&newest_flow(FLOW_START)->task, 22, 22);
        FLOW(HOST_FLOW_CLOSE, .cookie = 2, .lport = 25);
        assert_task(&newest_flow(FLOW_END)->task, 21, 21);
        assert_int_equal(newest_flow(FLOW_END)->flags, 0);
}

/* Accepted by the kernel, gone before any process asked for it: the listener is named, as a guess. */
static void test_accepted_and_never_used(void **state)
{
        (void) state;
        SPECIAL(HOST_SOCKET_LISTEN, .cookie = 99, .pid = 20, .tid = 23, .proto = IPPROTO_TCP, .lport = 25);
        n_events = 0;
        FLOW(HOST_FLOW_ACCEPTED, .cookie = 2, .lport = 25, .port = 50000);
        FLOW(HOST_FLOW_CLOSE, .cookie = 2, .lport = 25, .flags = HOST_FLOW_TCP_TOTALS, .in = 7);
        assert_int_equal(n_events, 2);
        assert_int_equal(events[0].op, FLOW_START);
        assert_int_equal(events[0].flow.flags, FLOW_THREAD_GUESS);
        assert_task(&events[0].flow.task, 20, 20); /* the process's first thread, whichever called listen() */
        assert_int_equal(events[1].op, FLOW_END);
        assert_int_equal(events[1].flow.bytes_in, 7);
        FLOW(HOST_FLOW_ACCEPTED, .cookie = 3, .lport = 26);
        FLOW(HOST_FLOW_CLOSE, .cookie = 3, .lport = 26); /* nobody listens there */
        assert_int_equal(n_events, 2);
}

static void test_inherited(void **state)
{
        (void) state;
        FLOW(HOST_FLOW_CONNECT, .pid = 10);
        FLOW(HOST_FLOW_USE, .pid = 11);
        assert_task(&newest_flow(FLOW_START)->task, 11, 11);
        assert_int_equal(newest_flow(FLOW_START)->flags, FLOW_INHERITED);
        FLOW(HOST_FLOW_PUSH, .pid = 11, .flags = HOST_FLOW_RECEIVED);
        assert_int_equal(newest_flow(FLOW_PUSH)->flags, FLOW_INHERITED);
        FLOW(HOST_FLOW_USE, .pid = 10);
        assert_int_equal(newest_flow(FLOW_UPDATE)->flags, 0);
}

static void test_threads_start_once_each(void **state)
{
        (void) state;
        FLOW(HOST_FLOW_CONNECT, .pid = 10);
        for (uint32_t round = 0; round < 3; round++)
                for (uint32_t tid = 10; tid < 18; tid++)
                        FLOW(HOST_FLOW_USE, .pid = 10, .tid = tid);
        assert_int_equal(STARTS(), 8);
        assert_int_equal(UPDATES(), 24 - 7);
        for (size_t i = 0; i < n_events; i++)
                assert_int_equal(events[i].flow.flags, 0);
}

/* A number given again is another thread. */
static void test_thread_number_reused(void **state)
{
        struct host_flow_record r;

        (void) state;
        FLOW(HOST_FLOW_CONNECT, .pid = 10);
        r = flow_record(&(struct flow_spec){HOST_FLOW_USE, .pid = 10});
        r.task.start = r.task.leader_start = 5555;
        assert_int_equal(host_flows_record(flows, &r, sizeof(r)), 0);
        assert_int_equal(STARTS(), 2);
        assert_int_equal(newest_flow(FLOW_START)->flags, FLOW_INHERITED);
}

static void test_udp_peers(void **state)
{
        (void) state;
        FLOW(HOST_FLOW_USE, .pid = 10, .proto = IPPROTO_UDP, .port = 53, .out = 30, .pkts_out = 1);
        assert_int_equal(newest_flow(FLOW_START)->origin, FLOW_ORIGINATED);
        assert_int_equal(newest_flow(FLOW_START)->state, FLOW_STATE_NEW);
        FLOW(HOST_FLOW_USE, .pid = 10, .proto = IPPROTO_UDP, .port = 53, .in = 90, .pkts_in = 1,
             .flags = HOST_FLOW_RECEIVED);
        assert_int_equal(newest_flow(FLOW_UPDATE)->state, FLOW_STATE_ESTABLISHED);
        assert_int_equal(newest_flow(FLOW_UPDATE)->bytes_out, 30);
        assert_int_equal(newest_flow(FLOW_UPDATE)->bytes_in, 90);
        FLOW(HOST_FLOW_USE, .pid = 10, .proto = IPPROTO_UDP, .port = 54, .out = 1, .pkts_out = 1);
        FLOW(HOST_FLOW_USE, .pid = 10, .proto = IPPROTO_UDP, .port = 53, .remote = "2001:db8::1", .in = 1, .pkts_in = 1,
             .flags = HOST_FLOW_RECEIVED);
        assert_int_equal(newest_flow(FLOW_START)->origin, FLOW_ACCEPTED);
        assert_int_equal(STARTS(), 3);
        assert_int_not_equal(events[0].flow.flow_id, events[2].flow.flow_id);
        assert_int_not_equal(events[0].flow.flow_id, events[3].flow.flow_id);

        /* What the last peer added since its last record comes with the close. */
        FLOW(HOST_FLOW_CLOSE, .proto = IPPROTO_UDP, .port = 54, .out = 100, .pkts_out = 4);
        assert_int_equal(ENDS(), 3);
        for (size_t i = n_events - 3; i < n_events; i++) {
                assert_int_equal(events[i].flow.state, FLOW_STATE_CLOSED);
                assert_int_equal(events[i].flow.bytes_out,
                                 events[i].flow.remote_port == 54 ? 101 : events[i].flow.pkts_out * 30);
        }
        FLOW(HOST_FLOW_CLOSE, .proto = IPPROTO_UDP, .port = 53);
        assert_int_equal(ENDS(), 3);
}

/* Raw and ICMP sockets do not know what their packets said: the close takes nothing away. */
static void test_endpoints_of_packets(void **state)
{
        struct host_flow_record r =
                flow_record(&(struct flow_spec){HOST_FLOW_CLOSE, .proto = IPPROTO_ICMP, .pkts_in = 1});

        (void) state;
        FLOW(HOST_FLOW_USE, .pid = 10, .proto = IPPROTO_ICMP, .lport = 0x0800, .pkts_out = 1);
        put_address(r.local, "0.0.0.0");
        r.local_port = 17;
        assert_int_equal(host_flows_record(flows, &r, sizeof(r)), 0);
        assert_int_equal(newest_flow(FLOW_END)->local_port, 0x0800);
        assert_int_equal(newest_flow(FLOW_END)->pkts_in, 1);
        assert_address(&newest_flow(FLOW_END)->local, ME);

        FLOW(HOST_FLOW_USE, .cookie = 2, .pid = 10, .proto = IPPROTO_UDP, .pkts_out = 1);
        r = flow_record(
                &(struct flow_spec){HOST_FLOW_USE, .cookie = 2, .pid = 10, .proto = IPPROTO_UDP, .pkts_out = 1});
        put_address(r.local, "0.0.0.0"); /* not bound: the more precise one stays */
        assert_int_equal(host_flows_record(flows, &r, sizeof(r)), 0);
        assert_address(&newest_flow(FLOW_UPDATE)->local, ME);
}

/* The same key again, as an address of the kernel's may come again, is another flow. */
static void test_key_again(void **state)
{
        uint64_t first;

        (void) state;
        FLOW(HOST_FLOW_CONNECT, .pid = 10);
        first = newest_flow(FLOW_START)->flow_id;
        FLOW(HOST_FLOW_CLOSE);
        now++;
        FLOW(HOST_FLOW_CONNECT, .pid = 11);
        assert_int_not_equal(newest_flow(FLOW_START)->flow_id, first);
        assert_int_equal(newest_flow(FLOW_START)->flags, 0);
}

static void test_no_peer_and_sampled(void **state)
{
        (void) state;
        FLOW(HOST_FLOW_USE, .pid = 10, .proto = IPPROTO_UDP, .nowhere = true, .flags = HOST_FLOW_NO_PEER,
             .pkts_out = 1);
        assert_int_equal(newest_flow(FLOW_START)->flags, FLOW_NO_PEER);
        FLOW(HOST_FLOW_USE, .pid = 10, .proto = IPPROTO_UDP, .port = 9, .flags = HOST_FLOW_SAMPLED, .pkts_out = 500);
        assert_int_equal(newest_flow(FLOW_START)->flags, FLOW_SAMPLED);
        assert_int_equal(newest_flow(FLOW_START)->pkts_out, 500);
}

/* TCP's are the socket's totals, whoever reads them and in whatever order; others are added. */
static void test_totals_and_deltas(void **state)
{
        (void) state;
        FLOW(HOST_FLOW_CONNECT, .pid = 10);
        FLOW(HOST_FLOW_USE, .pid = 10, .flags = HOST_FLOW_TCP_TOTALS, .out = 100, .pkts_out = 2);
        FLOW(HOST_FLOW_USE, .pid = 10, .flags = HOST_FLOW_TCP_TOTALS, .out = 90, .in = 7, .pkts_out = 1);
        assert_int_equal(newest_flow(FLOW_UPDATE)->bytes_out, 100);
        assert_int_equal(newest_flow(FLOW_UPDATE)->bytes_in, 7);
        assert_int_equal(newest_flow(FLOW_UPDATE)->pkts_out, 2);
        FLOW(HOST_FLOW_USE, .pid = 10, .flags = HOST_FLOW_TCP_TOTALS, .out = 100, .in = 6);
        assert_int_equal(newest_flow(FLOW_UPDATE)->bytes_in, 7);
        FLOW(HOST_FLOW_USE, .cookie = 2, .pid = 10, .proto = IPPROTO_UDP, .out = 100, .pkts_out = 2);
        FLOW(HOST_FLOW_USE, .cookie = 2, .pid = 10, .proto = IPPROTO_UDP, .out = 90, .in = 7, .pkts_out = 1,
             .pkts_in = 1);
        assert_int_equal(newest_flow(FLOW_UPDATE)->bytes_out, 190);
        assert_int_equal(newest_flow(FLOW_UPDATE)->pkts_out, 3);
}

/* MPTCP: the socket connects before it says where to; its first subflow tells, under the socket's cookie. */
static void test_mptcp(void **state)
{
        (void) state;
        FLOW(HOST_FLOW_CONNECT, .pid = 10, .proto = MPTCP, .nowhere = true, .state = 2);
        assert_int_equal(n_events, 0);
        FLOW(HOST_FLOW_CONNECT, .pid = 10, .flags = HOST_FLOW_SUBFLOW, .state = 2);
        assert_int_equal(newest_flow(FLOW_START)->remote_port, 80);
        assert_int_equal(newest_flow(FLOW_START)->proto, IPPROTO_TCP);
        assert_int_equal(newest_flow(FLOW_START)->origin, FLOW_ORIGINATED);
        FLOW(HOST_FLOW_ESTABLISHED, .flags = HOST_FLOW_SUBFLOW);
        FLOW(HOST_FLOW_ESTABLISHED, .proto = MPTCP);
        FLOW(HOST_FLOW_USE, .pid = 10, .proto = MPTCP, .out = 10, .pkts_out = 1);
        FLOW(HOST_FLOW_CLOSE, .flags = HOST_FLOW_SUBFLOW | HOST_FLOW_TCP_TOTALS, .out = 5000, .in = 70);
        assert_int_equal(ENDS(), 0); /* another path may live on */
        FLOW(HOST_FLOW_CLOSE, .proto = MPTCP, .nowhere = true);
        assert_int_equal(newest_flow(FLOW_END)->bytes_out, 5000);
        assert_int_equal(newest_flow(FLOW_END)->bytes_in, 70);
        assert_int_equal(newest_flow(FLOW_END)->remote_port, 80);
        assert_int_equal(STARTS(), 1);
}

/* The records of its beginning were lost. */
static void test_unknown_cookies(void **state)
{
        (void) state;
        FLOW(HOST_FLOW_CLOSE, .cookie = 5);
        FLOW(HOST_FLOW_CLOSE, .cookie = 5, .proto = IPPROTO_UDP, .pkts_out = 3);
        FLOW(HOST_FLOW_CLOSE, .cookie = 5, .flags = HOST_FLOW_SUBFLOW | HOST_FLOW_TCP_TOTALS);
        FLOW(HOST_FLOW_ESTABLISHED, .cookie = 6);
        assert_int_equal(n_events, 0);
        FLOW(HOST_FLOW_USE, .cookie = 6, .pid = 10, .flags = HOST_FLOW_RECEIVED);
        assert_int_equal(newest_flow(FLOW_START)->origin, FLOW_ORIGINATED);
        FLOW(HOST_FLOW_USE, .cookie = 7, .pid = 10, .flags = HOST_FLOW_RECEIVED);
        assert_int_equal(newest_flow(FLOW_START)->origin, FLOW_ORIGINATED);
        assert_int_equal(newest_flow(FLOW_START)->state, FLOW_STATE_ESTABLISHED);
        LISTEN(99, 20, 25);
        FLOW(HOST_FLOW_TAKEN, .cookie = 8, .pid = 21, .lport = 25, .port = 50000);
        assert_int_equal(newest_flow(FLOW_START)->origin, FLOW_ACCEPTED);
        FLOW(HOST_FLOW_USE, .cookie = 9, .pid = 21, .lport = 25, .port = 50000);
        assert_int_equal(newest_flow(FLOW_START)->origin, FLOW_ACCEPTED);
        assert_int_equal(host_flows_bad(flows), 0);
}

static void test_use_without_task(void **state)
{
        (void) state;
        FLOW(HOST_FLOW_USE, .proto = IPPROTO_UDP, .pkts_out = 1);
        assert_int_equal(newest_flow(FLOW_START)->task.pid, 0);
        FLOW(HOST_FLOW_USE, .pid = 10, .proto = IPPROTO_UDP, .pkts_out = 1);
        assert_int_equal(newest_flow(FLOW_START)->flags, 0); /* nobody else is known to have opened it */
}

/* More sockets than there is room for: the oldest go with their flows, and count while they were in use. */
static void test_sockets_at_the_cap(void **state)
{
        struct table_stats of_flows, of_sockets;

        (void) state;
        for (uint64_t i = 1; i <= HOST_SOCKETS + 1000; i++) {
                now += SEC / 1000;
                FLOW(HOST_FLOW_USE, .cookie = i, .pid = 10, .proto = IPPROTO_UDP, .pkts_out = 1);
        }
        host_flows_get_stats(flows, &of_flows, &of_sockets);
        assert_int_equal(of_sockets.used, HOST_SOCKETS);
        assert_int_equal(of_sockets.evicted, 1000);
        assert_int_equal(of_flows.used, HOST_SOCKETS);
        assert_int_equal(host_flows_take_evicted(flows), 1000);
        assert_int_equal(host_flows_take_evicted(flows), 0);
        n_events = 0;
        FLOW(HOST_FLOW_CLOSE, .cookie = 1000, .proto = IPPROTO_UDP); /* forgotten */
        assert_int_equal(n_events, 0);
        FLOW(HOST_FLOW_CLOSE, .cookie = 1001, .proto = IPPROTO_UDP);
        assert_int_equal(n_events, 1);
        now += 301 * SEC; /* unused for so long that nothing is lost with them */
        for (uint64_t i = 1; i <= 2000; i++)
                FLOW(HOST_FLOW_USE, .cookie = 1000000 + i, .pid = 10, .proto = IPPROTO_UDP, .pkts_out = 1);
        assert_int_equal(host_flows_take_evicted(flows), 0);
        for (uint64_t i = 1; i <= HOST_SOCKETS + 1000; i++)
                FLOW(HOST_FLOW_CLOSE, .cookie = i, .proto = IPPROTO_UDP);
        host_flows_get_stats(flows, &of_flows, &of_sockets);
        assert_int_equal(of_flows.used, 2000);
        assert_int_equal(of_sockets.used, 2000);
}

static void scan_from(uint64_t cookie, uint32_t first, uint32_t n)
{
        struct host_flow_record r = flow_record(
                &(struct flow_spec){HOST_FLOW_USE, .cookie = cookie, .pid = 10, .proto = IPPROTO_UDP, .pkts_out = 1});

        for (uint32_t i = first; i < first + n; i++) {
                memcpy(r.remote + 12, &i, 4);
                r.head.time = now;
                assert_int_equal(host_flows_record(flows, &r, sizeof(r)), 0);
        }
}

/* More peers on one socket than there is room for, then more on others, which take them from the middle of its list. */
static void test_flows_at_the_cap(void **state)
{
        struct table_stats of_flows, of_sockets;

        (void) state;
        scan_from(1, 0, HOST_FLOWS + 5000);
        host_flows_get_stats(flows, &of_flows, &of_sockets);
        assert_int_equal(of_flows.used, HOST_FLOWS);
        assert_int_equal(of_sockets.used, 1);
        assert_int_equal(host_flows_take_evicted(flows), 5000);
        for (uint32_t i = 5000; i < 5000 + HOST_FLOWS; i += 7) /* these become the youngest */
                scan_from(1, i, 1);
        scan_from(2, 0, 3000);
        now += 400 * SEC;
        scan_from(3, 0, 3000);
        assert_int_equal(host_flows_take_evicted(flows), 3000);
        n_events = 0;
        FLOW(HOST_FLOW_CLOSE, .cookie = 1, .proto = IPPROTO_UDP);
        assert_int_equal(n_events, HOST_FLOWS - 6000);
        FLOW(HOST_FLOW_CLOSE, .cookie = 3, .proto = IPPROTO_UDP);
        FLOW(HOST_FLOW_CLOSE, .cookie = 2, .proto = IPPROTO_UDP);
        assert_int_equal(n_events, HOST_FLOWS);
        host_flows_get_stats(flows, &of_flows, &of_sockets);
        assert_int_equal(of_flows.used, 0);
        assert_int_equal(of_sockets.used, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_connection),
                TEST(test_refused),
                TEST(test_fast_open),
                TEST(test_push_is_the_first_use),
                TEST(test_accepted),
                TEST(test_accepted_and_never_used),
                TEST(test_inherited),
                TEST(test_threads_start_once_each),
                TEST(test_thread_number_reused),
                TEST(test_udp_peers),
                TEST(test_endpoints_of_packets),
                TEST(test_key_again),
                TEST(test_no_peer_and_sampled),
                TEST(test_totals_and_deltas),
                TEST(test_mptcp),
                TEST(test_unknown_cookies),
                TEST(test_use_without_task),
                TEST(test_sockets_at_the_cap),
                TEST(test_flows_at_the_cap),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
