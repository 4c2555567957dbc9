/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tasks, sockets that are no flows, and records that are none: one by one and in snapshots. */
#include "host_rig.h"

#define BARE_TASK offsetof(struct host_task_record, text)

static struct host_task_record task_record(uint8_t op, struct host_task task, struct host_task creator,
                                           const char *text)
{
        struct host_task_record r = {
                .head = {.time = now, .type = HOST_RECORD_TASK, .op = op, .size = sizeof(r)},
                .task = task,
                .creator = creator,
                .exe_ino = 1234,
                .exe_dev = 0x00800001,
                .cgroup = 77,
                .uid = 1000,
                .loginuid = 1001,
                .session = 5,
                .netns = NETNS,
                .tty = 0x8800001,
                .pidns = 4026531836u,
        };

        strncpy(r.text, text, sizeof(r.text) - 1);
        return r;
}

static void test_tasks(void **state)
{
        struct host_task_record r = task_record(HOST_TASK_EXEC, thread(10, 11), process(3), "/bin/sh");
        const struct process_event *e;

        (void) state;
        assert_int_equal(host_flows_record(flows, &r, sizeof(r)), 0);
        e = &newest(EVENT_PROCESS, PROCESS_EXEC)->process;
        assert_task(&e->task, 10, 11);
        assert_task(&e->creator, 3, 3);
        assert_int_equal(e->exe_ino, 1234);
        assert_int_equal(e->exe_dev, 0x00800001);
        assert_int_equal(e->cgroup, 77);
        assert_int_equal(e->uid, 1000);
        assert_int_equal(e->loginuid, 1001);
        assert_int_equal(e->session, 5);
        assert_int_equal(e->netns, NETNS);
        assert_int_equal(e->tty, 0x8800001);
        assert_int_equal(e->pidns, 4026531836u);
        assert_string_equal(e->text, "/bin/sh");

        r = task_record(HOST_TASK_FORK, process(12), process(10), "name");
        r.flags = HOST_TASK_CLONE_PARENT | HOST_TASK_SQPOLL;
        assert_int_equal(host_flows_record(flows, &r, BARE_TASK + HOST_COMM_LEN), 0);
        assert_string_equal(newest(EVENT_PROCESS, PROCESS_FORK)->process.text, "name");
        assert_int_equal(newest(EVENT_PROCESS, PROCESS_FORK)->process.flags, PROCESS_CLONE_PARENT | PROCESS_SQPOLL);
        r = task_record(HOST_TASK_EXIT, process(12), (struct host_task){0}, "");
        assert_int_equal(host_flows_record(flows, &r, BARE_TASK), 0);
        assert_null(newest(EVENT_PROCESS, PROCESS_EXIT)->process.text);
        r = task_record(HOST_TASK_PRESENT, process(12), process(1), "x");
        assert_int_equal(host_flows_record(flows, &r, sizeof(r)), 0);
        newest(EVENT_PROCESS, PROCESS_PRESENT);
        assert_int_equal(host_flows_bad(flows), 0);
}

static void test_raw_sockets_once(void **state)
{
        (void) state;
        SPECIAL(HOST_SOCKET_PACKET, .pid = 10, .family = AF_PACKET);
        assert_int_equal(newest(EVENT_SOCKET, SOCKET_PACKET)->socket.family, AF_PACKET);
        assert_int_equal(newest(EVENT_SOCKET, SOCKET_PACKET)->socket.socket_id, 1);
        SPECIAL(HOST_SOCKET_PACKET, .pid = 10, .family = AF_PACKET);
        assert_int_equal(n_events, 1);
        SPECIAL(HOST_SOCKET_PACKET, .pid = 10, .tid = 11, .family = AF_PACKET); /* another thread */
        SPECIAL(HOST_SOCKET_PACKET, .pid = 10, .family = AF_PACKET, .bypass = 1);
        assert_int_equal(newest(EVENT_SOCKET, SOCKET_PACKET)->socket.bypass, 1);
        SPECIAL(HOST_SOCKET_XDP, .cookie = 2, .pid = 10, .family = AF_XDP);
        newest(EVENT_SOCKET, SOCKET_XDP);
        SPECIAL(HOST_SOCKET_RAW, .cookie = 3, .pid = 10, .proto = IPPROTO_ICMP);
        newest(EVENT_SOCKET, SOCKET_RAW);
        assert_int_equal(n_events, 5);

        /* Its flows, and the end of both. */
        FLOW(HOST_FLOW_USE, .cookie = 3, .pid = 10, .proto = IPPROTO_ICMP, .flags = HOST_FLOW_RAW, .pkts_out = 1);
        assert_int_equal(newest_flow(FLOW_START)->flags, FLOW_RAW);
        FLOW(HOST_FLOW_USE, .cookie = 1, .pid = 10, .proto = IPPROTO_UDP, .flags = HOST_FLOW_PACKET, .pkts_out = 1);
        assert_int_equal(newest_flow(FLOW_START)->flags, FLOW_PACKET);
        FLOW(HOST_FLOW_USE, .cookie = 2, .pid = 10, .proto = IPPROTO_UDP, .flags = HOST_FLOW_XDP, .pkts_out = 1);
        assert_int_equal(newest_flow(FLOW_START)->flags, FLOW_XDP);
        FLOW(HOST_FLOW_CLOSE, .cookie = 3, .proto = IPPROTO_RAW);
        assert_int_equal(count(EVENT_SOCKET, SOCKET_CLOSE), 1);
        assert_int_equal(ENDS(), 1);
}

static void test_forged(void **state)
{
        const struct socket_event *e;

        (void) state;
        SPECIAL(HOST_SOCKET_RAW, .pid = 10, .proto = IPPROTO_RAW);
        for (uint32_t i = 0; i < 2; i++) { /* each is told, by whomever */
                SPECIAL(HOST_SOCKET_FORGED, .pid = 10, .tid = 11, .proto = IPPROTO_UDP, .local = "198.51.100.1",
                        .remote = PEER, .lport = 9, .count = 3);
                e = &newest(EVENT_SOCKET, SOCKET_FORGED)->socket;
        }
        assert_task(&e->task, 10, 11);
        assert_address(&e->local, "198.51.100.1");
        assert_address(&e->remote, PEER);
        assert_int_equal(e->local_port, 9);
        assert_int_equal(e->count, 3);
        assert_int_equal(e->ifindex, 2);
        assert_int_equal(n_events, 3);
        SPECIAL(HOST_SOCKET_FORGED, .cookie = 44, .pid = 12, .family = AF_PACKET,
                .local = "2001:db8::9"); /* without a first */
        assert_task(&newest(EVENT_SOCKET, SOCKET_FORGED)->socket.task, 12, 12);
}

static void test_listening(void **state)
{
        (void) state;
        LISTEN(5, 20, 80);
        assert_int_equal(newest(EVENT_SOCKET, SOCKET_LISTEN)->socket.local_port, 80);
        SPECIAL(HOST_SOCKET_CLOSE, .cookie = 5, .proto = IPPROTO_TCP, .lport = 80);
        assert_task(&newest(EVENT_SOCKET, SOCKET_CLOSE)->socket.task, 20, 20);
        SPECIAL(HOST_SOCKET_CLOSE, .cookie = 5, .proto = IPPROTO_TCP, .lport = 80);
        SPECIAL(HOST_SOCKET_CLOSE, .cookie = 6, .proto = IPPROTO_TCP, .lport = 81); /* unknown */
        assert_int_equal(n_events, 2);
        SPECIAL(HOST_SOCKET_LISTEN, .cookie = 7, .pid = 20, .proto = MPTCP, .lport = 82);
        assert_int_equal(newest(EVENT_SOCKET, SOCKET_LISTEN)->socket.proto, IPPROTO_TCP);
}

/* A socket that listens and, against all rules, has a flow: nothing of it stays behind. */
static void test_listener_with_a_flow(void **state)
{
        struct table_stats of_flows, of_sockets;

        (void) state;
        LISTEN(5, 20, 80);
        FLOW(HOST_FLOW_USE, .cookie = 5, .pid = 20, .proto = IPPROTO_UDP, .pkts_out = 1);
        SPECIAL(HOST_SOCKET_CLOSE, .cookie = 5, .proto = IPPROTO_TCP, .lport = 80);
        host_flows_get_stats(flows, &of_flows, &of_sockets);
        assert_int_equal(of_flows.used, 0);
        assert_int_equal(of_sockets.used, 0);
        FLOW(HOST_FLOW_USE, .cookie = 5, .pid = 20, .proto = IPPROTO_UDP, .pkts_out = 1);
        FLOW(HOST_FLOW_CLOSE, .cookie = 5, .proto = IPPROTO_UDP);
        newest_flow(FLOW_END);
}

static void refuse(const void *record, size_t len)
{
        uint64_t before = host_flows_bad(flows);
        size_t told = n_events;

        assert_int_equal(host_flows_record(flows, record, len), -EBADMSG);
        assert_int_equal(host_flows_bad(flows), before + 1);
        assert_int_equal(n_events, told);
}

static void test_malformed(void **state)
{
        struct host_task_record t = task_record(HOST_TASK_FORK, process(10), process(1), "x");
        struct host_flow_record f = flow_record(&(struct flow_spec){HOST_FLOW_USE, .pid = 10});
        struct host_socket_record s = {.head = {.time = now, .type = HOST_RECORD_SOCKET, .op = HOST_SOCKET_LISTEN},
                                       .cookie = 9};
        struct table_stats of_flows, of_sockets;

        (void) state;
        for (size_t len = 0; len < BARE_TASK; len++)
                refuse(&t, len);
        for (size_t len = 0; len < sizeof(f); len++)
                refuse(&f, len);
        for (size_t len = 0; len < sizeof(s); len++)
                refuse(&s, len);
        for (unsigned op = HOST_TASK_PRESENT + 1; op < 256; op++) {
                t.head.op = (uint8_t) op;
                refuse(&t, sizeof(t));
        }
        for (unsigned op = HOST_FLOW_PRESENT + 1; op < 256; op++) {
                f.head.op = (uint8_t) op;
                refuse(&f, sizeof(f));
        }
        for (unsigned op = HOST_SOCKET_CLOSE + 1; op < 256; op++) {
                s.head.op = (uint8_t) op;
                refuse(&s, sizeof(s));
        }
        t.head.op = HOST_TASK_EXEC;
        for (unsigned type = 0; type < 256; type++)
                if (type < HOST_RECORD_TASK || type > HOST_RECORD_SOCKET) {
                        t.head.type = (uint8_t) type;
                        refuse(&t, sizeof(t));
                }
        t.head.type = HOST_RECORD_TASK;
        memset(t.text, 'a', sizeof(t.text)); /* no end */
        refuse(&t, sizeof(t));
        refuse(&t, BARE_TASK + HOST_COMM_LEN);
        t.text[HOST_COMM_LEN] = 0; /* an end behind the record's */
        refuse(&t, BARE_TASK + HOST_COMM_LEN);
        t.head.time = UINT64_MAX;
        refuse(&t, sizeof(t));
        t.head.time = INT64_MAX / 2;
        refuse(&t, sizeof(t));
        host_flows_get_stats(flows, &of_flows, &of_sockets);
        assert_int_equal(of_sockets.used, 0);
}

/* Time may go backward (two processors write the ring), and the record's own time is the event's. */
static void test_times(void **state)
{
        (void) state;
        FLOW(HOST_FLOW_CONNECT, .pid = 10);
        now -= 10 * SEC;
        FLOW(HOST_FLOW_ESTABLISHED);
        assert_int_equal(newest(EVENT_FLOW, FLOW_UPDATE)->time, (nsec_t) (990 * SEC) + OFFSET);
        now = 0;
        FLOW(HOST_FLOW_CLOSE);
        assert_int_equal(newest(EVENT_FLOW, FLOW_END)->time, OFFSET);
        assert_int_equal(host_flows_bad(flows), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_tasks),     TEST(test_raw_sockets_once),     TEST(test_forged),
                TEST(test_listening), TEST(test_listener_with_a_flow), TEST(test_malformed),
                TEST(test_times),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
