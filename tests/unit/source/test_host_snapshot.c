/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshots: what was there before the start, as the kernel half lists it. */
#include "host_rig.h"

#define TASKS_MAX   300
#define SOCKETS_MAX 20

static struct {
        struct host_present_record tasks[TASKS_MAX];
        struct host_flow_record sockets[SOCKETS_MAX];
        size_t n_tasks, n_sockets;
} shot;
static nsec_t latest; /* boot time that it is told as of, at most */

static int begin_empty(void **state)
{
        memset(&shot, 0, sizeof(shot));
        latest = INT64_MAX;
        return begin(state);
}

/* A living process whose creators are `line` (ended by 0): its own creator first. */
static void alive(uint32_t pid, const uint32_t *line)
{
        struct host_present_record *r = &shot.tasks[shot.n_tasks++];

        r->task.head =
                (struct host_head){.time = now, .type = HOST_RECORD_TASK, .op = HOST_TASK_PRESENT, .size = sizeof(*r)};
        r->task.task = process(pid);
        strcpy(r->task.text, "name");
        if (line[0])
                r->task.creator = process(line[0]);
        for (int i = 0; i < HOST_ANCESTORS && line[i] && line[i + 1]; i++)
                r->ancestors[i] = process(line[i + 1]);
}

#define ALIVE(pid, ...) alive(pid, (const uint32_t[]){__VA_ARGS__, 0, 0})

static void held(const struct flow_spec *s)
{
        shot.sockets[shot.n_sockets] = flow_record(s);
        shot.sockets[shot.n_sockets++].head.op = HOST_FLOW_PRESENT;
}

#define HELD(...) held(&(struct flow_spec){__VA_ARGS__})

static void take_shot(size_t more)
{
        size_t tasks = shot.n_tasks * sizeof(shot.tasks[0]), sockets = shot.n_sockets * sizeof(shot.sockets[0]);
        _cleanup_free_ uint8_t *bytes = malloc(tasks + sockets + more + 1);

        assert_non_null(bytes);
        memcpy(bytes, shot.tasks, tasks);
        memcpy(bytes + tasks, shot.sockets, sockets);
        memset(bytes + tasks + sockets, 0x55, more);
        host_flows_snapshot(flows, bytes, tasks + sockets + more, latest);
}

/* Which event, counted from the first, tells that of the process; fails when none does. */
static size_t place_of(uint8_t op, uint32_t pid)
{
        size_t at = EVENTS_MAX;

        for (size_t i = 0; i < n_events; i++)
                if (events[i].type == EVENT_PROCESS && events[i].op == op && events[i].process.task.pid == pid) {
                        assert_int_equal(at, EVENTS_MAX); /* once */
                        at = i;
                }
        assert_int_not_equal(at, EVENTS_MAX);
        return at;
}

static void test_nothing(void **state)
{
        (void) state;
        host_flows_snapshot(flows, NULL, 0, INT64_MAX);
        take_shot(0);
        assert_int_equal(n_events, 0);
        assert_int_equal(host_flows_bad(flows), 0);
}

/* 1 → 20 (gone) → 30 (gone) → 40; 30 also created 41; 1 → 50. */
static void test_dead_creators(void **state)
{
        (void) state;
        ALIVE(41, 30, 20, 1);
        ALIVE(40, 30, 20, 1);
        ALIVE(50, 1);
        ALIVE(1, 0);
        take_shot(0);
        assert_int_equal(n_events, 4 + 2 * 2);
        assert_true(place_of(PROCESS_PRESENT, 20) < place_of(PROCESS_EXIT, 20));
        assert_true(place_of(PROCESS_EXIT, 20) < place_of(PROCESS_PRESENT, 30));
        assert_true(place_of(PROCESS_EXIT, 30) < place_of(PROCESS_PRESENT, 40));
        assert_task(&events[place_of(PROCESS_PRESENT, 30)].process.creator, 20, 20);
        assert_task(&events[place_of(PROCESS_PRESENT, 20)].process.creator, 1, 1);
        assert_int_equal(events[place_of(PROCESS_PRESENT, 20)].process.loginuid, UINT32_MAX);
        assert_null(events[place_of(PROCESS_PRESENT, 20)].process.text);
        assert_string_equal(events[place_of(PROCESS_PRESENT, 40)].process.text, "name");
        assert_int_equal(count(EVENT_PROCESS, PROCESS_EXIT), 2);
        assert_int_equal(host_flows_bad(flows), 0);
}

/* The number of a living process, but another start time: it is the dead one that created. */
static void test_reused_number(void **state)
{
        (void) state;
        ALIVE(30, 1);
        ALIVE(40, 30, 1);
        ALIVE(1, 0);
        shot.tasks[1].task.creator.start = shot.tasks[1].task.creator.leader_start = 5;
        take_shot(0);
        assert_int_equal(n_events, 5);
        assert_int_equal(events[0].process.task.start, 5);
        assert_int_equal(events[0].process.task.pid, 30);
        assert_int_equal(events[1].op, PROCESS_EXIT);
}

static void test_dead_thread(void **state)
{
        (void) state;
        ALIVE(30, 1);
        ALIVE(40, 30, 1);
        ALIVE(1, 0);
        shot.tasks[1].task.creator = thread(30, 35);
        take_shot(0);
        assert_int_equal(n_events, 5);
        assert_task(&events[0].process.task, 30, 35);
        assert_int_equal(events[0].process.flags, PROCESS_THREAD);
}

static void test_sockets(void **state)
{
        const struct flow_event *e;

        (void) state;
        /* A connection taken by a child, listed before the listener; both held by two processes. */
        HELD(.cookie = 3, .pid = 31, .lport = 25, .port = 50000, .flags = HOST_FLOW_TCP_TOTALS, .out = 10, .in = 20);
        HELD(.cookie = 3, .pid = 30, .lport = 25, .port = 50000, .flags = HOST_FLOW_TCP_TOTALS, .out = 10, .in = 20);
        HELD(.cookie = 9, .pid = 31, .lport = 25, .flags = HOST_FLOW_LISTENING, .state = 10, .nowhere = true);
        HELD(.cookie = 9, .pid = 30, .lport = 25, .flags = HOST_FLOW_LISTENING, .state = 10, .nowhere = true);
        HELD(.cookie = 4, .pid = 1, .lport = 40001); /* opened by init for a service */
        HELD(.cookie = 4, .pid = 32, .lport = 40001);
        HELD(.cookie = 5, .pid = 33, .lport = 40002, .state = 2);
        HELD(.cookie = 6, .pid = 34, .proto = IPPROTO_UDP, .port = 53);
        HELD(.cookie = 7, .pid = 35, .proto = IPPROTO_UDP, .lport = 68, .nowhere = true);
        HELD(.cookie = 8, .pid = 36, .proto = IPPROTO_ICMP, .flags = HOST_FLOW_RAW, .nowhere = true);
        HELD(.cookie = 10, .pid = 37, .family = AF_PACKET, .nowhere = true);
        HELD(.cookie = 11, .pid = 38, .family = AF_XDP, .nowhere = true);
        take_shot(0);

        assert_int_equal(n_events, 8);
        assert_int_equal(events[0].op, SOCKET_LISTEN);
        assert_int_equal(events[0].type, EVENT_SOCKET);
        assert_task(&events[0].socket.task, 30, 30); /* the older one */
        assert_int_equal(events[0].socket.local_port, 25);
        e = &events[1].flow;
        assert_int_equal(events[1].op, FLOW_START);
        assert_task(&e->task, 30, 30);
        assert_int_equal(e->origin, FLOW_ACCEPTED);
        assert_int_equal(e->flags, FLOW_PRESENT);
        assert_int_equal(e->state, FLOW_STATE_ESTABLISHED);
        assert_int_equal(e->bytes_in, 20);
        assert_int_equal(events[2].flow.origin, FLOW_ORIGINATED);
        assert_task(&events[2].flow.task, 32, 32);
        assert_int_equal(events[3].flow.state, FLOW_STATE_NEW);
        assert_int_equal(events[4].flow.proto, IPPROTO_UDP);
        assert_int_equal(events[5].op, SOCKET_RAW);
        assert_int_equal(events[6].op, SOCKET_PACKET);
        assert_int_equal(events[7].op, SOCKET_XDP);

        n_events = 0;
        take_shot(0); /* another one has nothing new */
        assert_int_equal(n_events, 0);
}

/* What goes on later on the sockets of a snapshot. */
static void test_afterwards(void **state)
{
        (void) state;
        HELD(.cookie = 3, .pid = 30, .flags = HOST_FLOW_TCP_TOTALS, .out = 10);
        HELD(.cookie = 7, .pid = 35, .proto = IPPROTO_UDP, .nowhere = true);
        take_shot(0);
        FLOW(HOST_FLOW_USE, .cookie = 3, .pid = 30, .flags = HOST_FLOW_TCP_TOTALS, .out = 30);
        assert_int_equal(newest_flow(FLOW_UPDATE)->bytes_out, 30);
        assert_int_equal(newest_flow(FLOW_UPDATE)->flags, FLOW_PRESENT);
        FLOW(HOST_FLOW_CLOSE, .cookie = 3);
        assert_task(&newest_flow(FLOW_END)->task, 30, 30);
        FLOW(HOST_FLOW_USE, .cookie = 7, .pid = 35, .proto = IPPROTO_UDP, .pkts_out = 1);
        assert_int_equal(newest_flow(FLOW_START)->flags, 0); /* an old socket, a new flow */
        FLOW(HOST_FLOW_USE, .cookie = 7, .pid = 36, .proto = IPPROTO_UDP, .pkts_out = 1);
        assert_int_equal(newest_flow(FLOW_START)->flags, FLOW_INHERITED);
}

static void test_not_records(void **state)
{
        (void) state;
        ALIVE(1, 0);
        take_shot(sizeof(struct host_flow_record) - 1);
        assert_int_equal(host_flows_bad(flows), 1);
        take_shot(sizeof(struct host_flow_record));
        assert_int_equal(host_flows_bad(flows), 2);
        take_shot(5 * sizeof(struct host_flow_record) + 3);
        assert_int_equal(host_flows_bad(flows), 2 + 5 + 1);
        assert_int_equal(count(EVENT_PROCESS, PROCESS_PRESENT), 3);
        assert_int_equal(n_events, 3);
        shot.tasks[0].task.head.op = 99;
        take_shot(0);
        shot.tasks[0].task.head.op = HOST_TASK_PRESENT;
        memset(shot.tasks[0].task.text, 'a', HOST_TEXT_MAX);
        take_shot(0);
        assert_int_equal(host_flows_bad(flows), 2 + 6 + 2);
        assert_int_equal(n_events, 3);
}

/* Many children of the same dead shell: it is told once. */
static void test_many(void **state)
{
        (void) state;
        ALIVE(1, 0);
        for (uint32_t i = 1; i < TASKS_MAX; i++)
                ALIVE(1000 + i, 30, 20, 15, 14, 13, 12, 11);
        take_shot(0);
        assert_int_equal(count(EVENT_PROCESS, PROCESS_EXIT), HOST_ANCESTORS);
        assert_int_equal(n_events, TASKS_MAX + 2 * HOST_ANCESTORS);
        assert_int_equal(events[0].process.task.pid, 12);
        assert_task(&events[0].process.creator, 11, 11); /* the last one on record is only named */
}

static void record_of(uint8_t op, uint32_t pid, uint32_t creator)
{
        struct host_task_record r = {
                .head = {.time = now, .type = HOST_RECORD_TASK, .op = op, .size = sizeof(r)},
                .task = process(pid),
                .creator = process(creator),
        };

        assert_int_equal(host_flows_record(flows, &r, sizeof(r)), 0);
}

/* A rescan tells who lives, and nothing of those whose end was told. */
static void test_ended_before(void **state)
{
        (void) state;
        record_of(HOST_TASK_FORK, 30, 1);
        record_of(HOST_TASK_FORK, 40, 30);
        record_of(HOST_TASK_EXIT, 30, 0);
        ALIVE(1, 0);
        ALIVE(40, 30, 20, 1); /* 20 was there before, and is gone */
        take_shot(0);
        assert_int_equal(n_events, 3 + 2 + 2);
        (void) place_of(PROCESS_EXIT, 30); /* once */
        assert_true(place_of(PROCESS_PRESENT, 20) < place_of(PROCESS_EXIT, 20));
        n_events = 0;
        take_shot(0);
        assert_int_equal(n_events, 2);
        assert_int_equal(count(EVENT_PROCESS, PROCESS_PRESENT), 2);
}

/* What the ring lost of a creator: its end, its beginning, or all. */
static void test_lost_records(void **state)
{
        (void) state;
        record_of(HOST_TASK_FORK, 30, 1);
        record_of(HOST_TASK_EXIT, 31, 0);
        n_events = 0;
        ALIVE(1, 0);
        ALIVE(40, 30, 1);
        ALIVE(41, 31, 1);
        take_shot(0);
        assert_int_equal(n_events, 1 + 2 + 3);
        (void) place_of(PROCESS_EXIT, 30);
        assert_true(place_of(PROCESS_PRESENT, 31) < place_of(PROCESS_EXIT, 31));
        n_events = 0;
        take_shot(0);
        assert_int_equal(n_events, 3);
}

/* Listed within a pid namespace: who is outside is not listed, and lives. */
static void test_part_of_the_machine(void **state)
{
        (void) state;
        ALIVE(40, 30, 20);
        take_shot(0);
        assert_int_equal(count(EVENT_PROCESS, PROCESS_PRESENT), 3);
        assert_int_equal(n_events, 3);
}

/* The parent of a living task lives, and so does who began while the list was made. */
static void test_not_listed_and_alive(void **state)
{
        (void) state;
        ALIVE(1, 0);
        ALIVE(40, 30);
        shot.tasks[1].task.flags = HOST_TASK_CREATOR_GUESS;
        ALIVE(41, 31, 1);
        shot.tasks[2].task.creator.start = now;
        take_shot(0);
        assert_int_equal(n_events, 1 + 3);
        assert_true(place_of(PROCESS_PRESENT, 30) < place_of(PROCESS_PRESENT, 40));
}

/* Refused, or ended, with the descriptor still open. */
static void test_closed_sockets(void **state)
{
        (void) state;
        HELD(.cookie = 1, .pid = 30, .state = 7);
        HELD(.cookie = 2, .pid = 30, .state = 7, .proto = MPTCP);
        HELD(.cookie = 3, .pid = 30, .state = 7, .flags = HOST_FLOW_TCP_TOTALS, .out = 10, .in = 20);
        FLOW(HOST_FLOW_CONNECT, .cookie = 4, .pid = 30, .state = 2);
        FLOW(HOST_FLOW_CLOSE, .cookie = 4, .state = 7, .flags = HOST_FLOW_FAILED);
        HELD(.cookie = 4, .pid = 30, .state = 7);
        n_events = 0;
        take_shot(0);
        assert_int_equal(n_events, 0);
        FLOW(HOST_FLOW_CONNECT, .cookie = 4, .pid = 30, .state = 2); /* the same socket, another try */
        assert_int_equal(newest_flow(FLOW_START)->flags, 0);
}

static void test_states(void **state)
{
        static const struct {
                uint8_t tcp, flow;
        } rows[] = {{1, FLOW_STATE_ESTABLISHED}, {2, FLOW_STATE_NEW},         {3, FLOW_STATE_NEW},
                    {4, FLOW_STATE_ESTABLISHED}, {5, FLOW_STATE_ESTABLISHED}, {8, FLOW_STATE_ESTABLISHED},
                    {9, FLOW_STATE_ESTABLISHED}, {11, FLOW_STATE_ESTABLISHED}};

        (void) state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                shot.n_sockets = 0;
                HELD(.cookie = 1 + i, .pid = 30, .state = rows[i].tcp);
                take_shot(0);
                assert_int_equal(newest_flow(FLOW_START)->state, rows[i].flow);
        }
}

/* Told as of one moment: when the listing began, or before what still waits in the ring. */
static void test_one_moment(void **state)
{
        const nsec_t began = (nsec_t) now + OFFSET;

        (void) state;
        ALIVE(1, 0);
        now += SEC;
        ALIVE(40, 30, 1);
        HELD(.cookie = 3, .pid = 40);
        now += SEC;
        HELD(.cookie = 2, .pid = 40);
        take_shot(0);
        assert_int_equal(n_events, 2 + 2 + 2);
        for (size_t i = 0; i < n_events; i++)
                assert_int_equal(events[i].time, began);
        n_events = 0;
        latest = began - OFFSET - 5;
        HELD(.cookie = 4, .pid = 40);
        take_shot(0);
        assert_int_equal(n_events, 3);
        for (size_t i = 0; i < n_events; i++)
                assert_int_equal(events[i].time, began - 5);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define SHOT(f) cmocka_unit_test_setup_teardown(f, begin_empty, finish)
                SHOT(test_nothing),
                SHOT(test_dead_creators),
                SHOT(test_reused_number),
                SHOT(test_dead_thread),
                SHOT(test_sockets),
                SHOT(test_afterwards),
                SHOT(test_not_records),
                SHOT(test_many),
                SHOT(test_ended_before),
                SHOT(test_lost_records),
                SHOT(test_part_of_the_machine),
                SHOT(test_not_listed_and_alive),
                SHOT(test_closed_sockets),
                SHOT(test_states),
                SHOT(test_one_moment),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
