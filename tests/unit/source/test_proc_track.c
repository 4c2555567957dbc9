/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets and records in, events out, with a stepped clock. */
#include "track_rig.h"

static void test_connection(void **state)
{
        (void) state;
        OUT(TCP_FLAG_SYN, 0);
        assert_int_equal(count(EVENT_FLOW, FLOW_START), 0); /* not yet whose */
        assert_true(host_proc_track_wants_scan(track));
        ask();
        CLIENT(1234, TCP_SYN_SENT);
        answer();
        assert_int_equal(count(EVENT_FLOW, FLOW_START), 1);
        assert_int_equal(last(EVENT_FLOW, FLOW_START)->flow.task.pid, 1234);
        assert_int_equal(last(EVENT_FLOW, FLOW_START)->flow.task.start, 12340);
        assert_int_equal(last(EVENT_FLOW, FLOW_START)->flow.origin, FLOW_ORIGINATED);
        assert_int_equal(last(EVENT_FLOW, FLOW_START)->flow.state, FLOW_STATE_NEW);
        assert_int_equal(last(EVENT_FLOW, FLOW_START)->flow.flags, FLOW_THREAD_GUESS);
        assert_int_equal(last(EVENT_FLOW, FLOW_START)->source, 1);
        assert_false(host_proc_track_wants_scan(track));
        IN(TCP_FLAG_SYN | TCP_FLAG_ACK, 0);
        assert_int_equal(last(EVENT_FLOW, FLOW_UPDATE)->flow.state, FLOW_STATE_ESTABLISHED);
        OUT(TCP_FLAG_ACK, 300);
        IN(TCP_FLAG_ACK, 5000);
        OUT(TCP_FLAG_FIN | TCP_FLAG_ACK, 0);
        assert_int_equal(count(EVENT_FLOW, FLOW_END), 0);
        IN(TCP_FLAG_FIN | TCP_FLAG_ACK, 0);
        assert_int_equal(last(EVENT_FLOW, FLOW_END)->flow.state, FLOW_STATE_CLOSED);
        assert_int_equal(last(EVENT_FLOW, FLOW_END)->flow.bytes_out, 300);
        assert_int_equal(last(EVENT_FLOW, FLOW_END)->flow.bytes_in, 5000);
        OUT(TCP_FLAG_ACK, 0);
        IN(TCP_FLAG_ACK, 99); /* late, and no new flow */
        scan();
        assert_int_equal(count(EVENT_FLOW, FLOW_START), 1);
        OUT(TCP_FLAG_SYN, 0); /* the same ports again */
        scan();
        assert_int_equal(count(EVENT_FLOW, FLOW_START), 2);
        assert_int_not_equal(events[n_events - 1].flow.flow_id, last(EVENT_FLOW, FLOW_END)->flow.flow_id);
}

static void test_refused(void **state)
{
        (void) state;
        OUT(TCP_FLAG_SYN, 0);
        IN(TCP_FLAG_RST | TCP_FLAG_ACK, 0);
        assert_int_equal(n_events, 0);
        ask();
        CLIENT(1234, TCP_SYN_SENT); /* seen just in time */
        answer();
        assert_int_equal(count(EVENT_FLOW, FLOW_START), 1);
        assert_int_equal(last(EVENT_FLOW, FLOW_END)->flow.state, FLOW_STATE_FAILED);
        assert_int_equal(last(EVENT_FLOW, FLOW_END)->flow.task.pid, 1234);
}

static void test_too_short(void **state)
{
        (void) state;
        OUT(TCP_FLAG_SYN, 0);
        scan();
        assert_int_equal(count(EVENT_FLOW, FLOW_START), 0);
        assert_true(host_proc_track_wants_scan(track)); /* one more look */
        scan();
        assert_false(host_proc_track_wants_scan(track));
        assert_int_equal(last(EVENT_FLOW, FLOW_START)->flow.task.pid, 0);
        assert_int_equal(last(EVENT_FLOW, FLOW_START)->flow.flags, 0);
        tick(SEC);
        assert_int_equal(lost(GAP_NO_TASK), 1);
}

static void test_an_earlier_scan_is_no_answer(void **state)
{
        (void) state;
        ask();
        OUT(TCP_FLAG_SYN, 0); /* while the scan was under way */
        answer();
        scan();
        assert_int_equal(count(EVENT_FLOW, FLOW_START), 0);
        scan();
        assert_int_equal(count(EVENT_FLOW, FLOW_START), 1);
}

static void test_more_than_can_be_asked(void **state)
{
        struct host_proc_query queries[HOST_PROC_QUERIES];

        (void) state;
        for (uint16_t port = 1; port <= HOST_PROC_QUERIES + 3; port++)
                PACKET(ME, PEER, 40000, port, .flags = TCP_FLAG_SYN, .direction = HOST_PROC_OUT);
        PACKET(ME, PEER, 5, 6, .proto = IPPROTO_UDP, .direction = HOST_PROC_OUT); /* needs no question */
        assert_int_equal(host_proc_track_queries(track, queries, false), HOST_PROC_QUERIES);
        assert_int_equal(queries[0].remote_port, HOST_PROC_QUERIES + 3); /* the newest is the likeliest to be there */
        scan();
        scan();
        /* those that were not asked for are not given up */
        assert_int_equal(count(EVENT_FLOW, FLOW_START), HOST_PROC_QUERIES + 1);
        scan();
        assert_int_equal(count(EVENT_FLOW, FLOW_START), HOST_PROC_QUERIES + 4);
}

static void test_push_and_update(void **state)
{
        (void) state;
        OUT(TCP_FLAG_SYN, 0);
        ask();
        CLIENT(1, TCP_ESTABLISHED);
        answer();
        IN(TCP_FLAG_SYN | TCP_FLAG_ACK, 0);
        OUT(TCP_FLAG_ACK, 50);
        now += SEC / 2;
        IN(TCP_FLAG_ACK, 20);
        assert_int_equal(count(EVENT_FLOW, FLOW_PUSH), 0);
        now += SEC;
        IN(TCP_FLAG_ACK, 0); /* an acknowledgement says nothing */
        assert_int_equal(count(EVENT_FLOW, FLOW_PUSH), 0);
        IN(TCP_FLAG_ACK, 10);
        assert_int_equal(count(EVENT_FLOW, FLOW_PUSH), 1);
        assert_int_equal(last(EVENT_FLOW, FLOW_PUSH)->flow.bytes_in, 30);
        n_events = 0;
        for (int i = 0; i < 1000; i++)
                IN(TCP_FLAG_ACK, 1000);
        assert_in_range(count(EVENT_FLOW, FLOW_UPDATE), 3, 5); /* one per tenfold, not one per packet */
        n_events = 0;
        IN(TCP_FLAG_ACK, 1);
        tick(SEC);
        assert_int_equal(n_events, 0);
        tick(31 * SEC);
        assert_int_equal(count(EVENT_FLOW, FLOW_UPDATE), 1);
        tick(31 * SEC);
        assert_int_equal(count(EVENT_FLOW, FLOW_UPDATE), 1); /* nothing new */
}

static void test_present_and_vanished(void **state)
{
        struct host_proc_track_params p = {.sink = {.event = take}, .capture = true};

        (void) state;
        host_proc_track_free(track);
        assert_int_equal(host_proc_track_new(&p, &track), 0);
        own(ME);
        ask();
        CLIENT(9, TCP_ESTABLISHED);
        SOCKET(.table = PROC_TABLE_TCP, .proto = IPPROTO_TCP, .state = TCP_ESTABLISHED, .local = ME, .remote = PEER,
               .lport = 22, .rport = 50000, .pid = 8, .inode = 56);
        SOCKET(.table = PROC_TABLE_TCP, .proto = IPPROTO_TCP, .state = TCP_LISTEN, .local = "::", .lport = 22, .pid = 7,
               .inode = 57);
        answer();
        assert_int_equal(count(EVENT_SOCKET, SOCKET_LISTEN), 1);
        assert_int_equal(count(EVENT_FLOW, FLOW_START), 2);
        for (size_t i = 0; i < n_events; i++)
                if (events[i].type == EVENT_FLOW) {
                        assert_true(events[i].flow.flags & FLOW_PRESENT);
                        assert_int_equal(events[i].flow.origin,
                                         events[i].flow.task.pid == 8 ? FLOW_ACCEPTED : FLOW_ORIGINATED);
                }
        SOCKET(.type = RECORD_CLOSED, .table = PROC_TABLE_TCP, .proto = IPPROTO_TCP, .state = TCP_ESTABLISHED,
               .local = ME, .remote = PEER, .lport = 22, .rport = 50000, .pid = 8, .inode = 56);
        assert_int_equal(count(EVENT_FLOW, FLOW_END), 0); /* its last packets may still lie in the ring */
        tick(2 * SEC);
        assert_int_equal(last(EVENT_FLOW, FLOW_END)->flow.task.pid, 8);
        SOCKET(.type = RECORD_CLOSED, .table = PROC_TABLE_TCP, .proto = IPPROTO_TCP, .state = TCP_LISTEN,
               .local = "::", .lport = 22, .pid = 7, .inode = 57);
        assert_int_equal(last(EVENT_SOCKET, SOCKET_CLOSE)->socket.socket_id, 57);
}

static void test_accepted_late(void **state)
{
        (void) state;
        ask();
        SOCKET(.table = PROC_TABLE_TCP, .proto = IPPROTO_TCP, .state = TCP_LISTEN, .local = "0.0.0.0", .lport = 25,
               .pid = 70, .inode = 57);
        answer();
        PACKET(PEER, ME, 5555, 25, .flags = TCP_FLAG_SYN, .direction = HOST_PROC_IN);
        PACKET(ME, PEER, 25, 5555, .flags = TCP_FLAG_SYN | TCP_FLAG_ACK, .direction = HOST_PROC_OUT);
        scan();
        scan();
        /* not accepted yet: it is the listener's */
        assert_int_equal(last(EVENT_FLOW, FLOW_START)->flow.task.pid, 70);
        assert_int_equal(last(EVENT_FLOW, FLOW_START)->flow.origin, FLOW_ACCEPTED);
        ask();
        SOCKET(.table = PROC_TABLE_TCP, .proto = IPPROTO_TCP, .state = TCP_ESTABLISHED, .local = ME, .remote = PEER,
               .lport = 25, .rport = 5555, .pid = 71, .inode = 58);
        answer();
        PACKET(PEER, ME, 5555, 25, .flags = TCP_FLAG_RST, .direction = HOST_PROC_IN);
        assert_int_equal(last(EVENT_FLOW, FLOW_END)->flow.task.pid, 71);
        assert_int_equal(count(EVENT_FLOW, FLOW_START), 1);
}

static void test_scanned_from_outside(void **state)
{
        (void) state;
        for (uint16_t port = 1; port < 5000; port++) {
                PACKET(PEER, ME, 5555, port, .flags = TCP_FLAG_SYN, .direction = HOST_PROC_IN);
                PACKET(ME, PEER, port, 5555, .flags = TCP_FLAG_RST | TCP_FLAG_ACK, .direction = HOST_PROC_OUT);
                PACKET(PEER, ME, 5555, port, .proto = IPPROTO_UDP, .payload = 4, .direction = HOST_PROC_IN);
        }
        scan();
        scan();
        scan();
        tick(SEC);
        assert_int_equal(n_events, 0); /* nobody's traffic is no loss */
}

static void test_datagrams(void **state)
{
        (void) state;
        ask();
        SOCKET(.table = PROC_TABLE_UDP, .proto = IPPROTO_UDP, .state = TCP_CLOSE, .local = "::", .lport = 6881,
               .pid = 31, .inode = 60);
        answer();
        PACKET(PEER, ME, 9, 6881, .proto = IPPROTO_UDP, .payload = 10, .direction = HOST_PROC_IN);
        assert_int_equal(last(EVENT_FLOW, FLOW_START)->flow.task.pid, 31);
        assert_int_equal(last(EVENT_FLOW, FLOW_START)->flow.origin, FLOW_ACCEPTED);
        PACKET(ME, PEER, 6881, 9, .proto = IPPROTO_UDP, .payload = 10, .direction = HOST_PROC_OUT);
        assert_int_equal(last(EVENT_FLOW, FLOW_UPDATE)->flow.state, FLOW_STATE_ESTABLISHED);
        PACKET(ME, "203.0.113.6", 6881, 9, .proto = IPPROTO_UDP, .payload = 10, .direction = HOST_PROC_OUT);
        assert_int_equal(count(EVENT_FLOW, FLOW_START), 2); /* one per peer */
        SOCKET(.type = RECORD_CLOSED, .table = PROC_TABLE_UDP, .proto = IPPROTO_UDP, .state = TCP_CLOSE,
               .local = "::", .lport = 6881, .pid = 31, .inode = 60);
        tick(2 * SEC);
        assert_int_equal(count(EVENT_FLOW, FLOW_END), 2);
}

static void test_bridge_counts_once(void **state)
{
        (void) state;
        ask();
        CLIENT(1, TCP_ESTABLISHED);
        answer();
        for (uint32_t device = 2; device <= 3; device++) {
                PACKET(ME, PEER, 40000, 80, .flags = TCP_FLAG_ACK, .payload = 700, .direction = HOST_PROC_OUT,
                       .ifindex = device);
                PACKET(PEER, ME, 80, 40000, .flags = TCP_FLAG_ACK, .payload = 900, .direction = HOST_PROC_IN,
                       .ifindex = device);
        }
        IN(TCP_FLAG_RST, 0);
        assert_int_equal(last(EVENT_FLOW, FLOW_END)->flow.bytes_out, 700);
        assert_int_equal(last(EVENT_FLOW, FLOW_END)->flow.bytes_in, 900);
}

static void test_ping(void **state)
{
        (void) state;
        ask();
        SOCKET(.table = PROC_TABLE_RAW, .proto = IPPROTO_ICMP, .state = TCP_CLOSE, .local = "0.0.0.0", .pid = 44,
               .inode = 61);
        answer();
        assert_int_equal(count(EVENT_SOCKET, SOCKET_RAW), 1);
        PACKET(ME, PEER, .proto = IPPROTO_ICMP, .icmp = 8 << 8, .icmp_id = 5, .payload = 56,
               .direction = HOST_PROC_OUT);
        assert_int_equal(last(EVENT_FLOW, FLOW_START)->flow.task.pid, 44);
        assert_int_equal(last(EVENT_FLOW, FLOW_START)->flow.local_port, 8 << 8);
        assert_int_equal(last(EVENT_FLOW, FLOW_START)->flow.remote_port, 0);
        assert_true(last(EVENT_FLOW, FLOW_START)->flow.flags & FLOW_RAW);
        PACKET(PEER, ME, .proto = IPPROTO_ICMP, .icmp = 0, .icmp_id = 5, .payload = 56, .direction = HOST_PROC_IN);
        assert_int_equal(last(EVENT_FLOW, FLOW_UPDATE)->flow.pkts_in, 1);
        /* others' echoes, which the kernel answers, are nobody's */
        n_events = 0;
        PACKET(PEER, ME, .proto = IPPROTO_ICMP, .icmp = 8 << 8, .icmp_id = 6, .direction = HOST_PROC_IN);
        PACKET(ME, PEER, .proto = IPPROTO_ICMP, .icmp = 0, .icmp_id = 6, .direction = HOST_PROC_OUT);
        scan();
        scan();
        assert_int_equal(n_events, 0);
}

static void test_without_capture(void **state)
{
        struct host_proc_track_params p = {.sink = {.event = take}};
        struct host_proc_end end = {.hidden = 12};

        (void) state;
        host_proc_track_free(track);
        assert_int_equal(host_proc_track_new(&p, &track), 0);
        ask();
        answer_with(&end);
        assert_int_equal(lost(GAP_NO_RIGHT), 13);
        scan();
        assert_int_equal(lost(GAP_NO_RIGHT), 13); /* said once */
        ask();
        CLIENT(5, TCP_SYN_SENT);
        SOCKET(.table = PROC_TABLE_UDP, .proto = IPPROTO_UDP, .state = TCP_CLOSE, .local = "0.0.0.0", .lport = 68,
               .pid = 6, .inode = 80);
        answer();
        assert_int_equal(last(EVENT_FLOW, FLOW_START)->flow.state, FLOW_STATE_NEW);
        assert_int_equal(last(EVENT_FLOW, FLOW_START)->flow.flags, FLOW_THREAD_GUESS);
        CLIENT(5, TCP_ESTABLISHED);
        tick(SEC);
        assert_int_equal(last(EVENT_FLOW, FLOW_UPDATE)->flow.state, FLOW_STATE_ESTABLISHED);
        assert_int_equal(lost(GAP_NO_PEER), 1);
        SOCKET(.type = RECORD_CLOSED, .table = PROC_TABLE_TCP, .proto = IPPROTO_TCP, .state = TCP_ESTABLISHED,
               .local = ME, .remote = PEER, .lport = 40000, .rport = 80, .pid = 5, .inode = 55);
        tick(2 * SEC);
        assert_int_equal(count(EVENT_FLOW, FLOW_END), 1);
}

static void test_processes(void **state)
{
        struct host_proc_record r = {.type = RECORD_PROCESS,
                                     .process = {.id = {.pid = 5, .start = 50},
                                                 .creator = {.pid = 4, .start = 40},
                                                 .exe_ino = 9,
                                                 .comm = "sh",
                                                 .path = "/bin/sh"}};

        (void) state;
        send_record(&r);
        assert_int_equal(last(EVENT_PROCESS, PROCESS_PRESENT)->process.creator.pid, 4);
        assert_int_equal(last(EVENT_PROCESS, PROCESS_PRESENT)->process.task.leader_start, 50);
        r.type = RECORD_EXEC;
        send_record(&r);
        assert_int_equal(last(EVENT_PROCESS, PROCESS_EXEC)->process.exe_ino, 9);
        send_record(&(struct host_proc_record){.type = RECORD_EXIT, .exit = {.pid = 5, .start = 50}});
        assert_int_equal(last(EVENT_PROCESS, PROCESS_EXIT)->process.task.pid, 5);
}

static void test_malformed(void **state)
{
        struct host_proc_record r = {.type = RECORD_PROCESS, .process = {.id = {.pid = 5}}};

        (void) state;
        memset(r.process.path, 'x', sizeof(r.process.path)); /* no end */
        send_record(&r);
        r.process.path[0] = '\0';
        memset(r.process.comm, 'x', sizeof(r.process.comm));
        send_record(&r);
        send_record(&(struct host_proc_record){.type = RECORD_PROCESS}); /* process 0 */
        send_record(&(struct host_proc_record){.type = RECORD_TYPES});
        send_record(&(struct host_proc_record){.type = RECORD_SOCKET, .socket = {.table = 200, .inode = 1}});
        send_record(&(struct host_proc_record){.type = RECORD_END, .end = {.seq = 12345}});
        assert_int_equal(n_events, 0);
        tick(SEC);
        assert_int_equal(lost(GAP_BAD_MESSAGE), 6);
}

static void test_losses_are_told(void **state)
{
        struct host_proc_end end = {.capture_drops = 11, .dropped = 22, .bad_lines = 33, .namespaces = 2};

        (void) state;
        ask();
        answer_with(&end);
        tick(SEC);
        assert_int_equal(lost(GAP_CAPTURE_DROP), 11);
        assert_int_equal(lost(GAP_TABLE_FULL), 22);
        assert_int_equal(lost(GAP_BAD_MESSAGE), 33);
        assert_int_equal(lost(GAP_NO_RIGHT), 2);
        tick(SEC);
        assert_int_equal(lost(GAP_CAPTURE_DROP), 11);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                STEPPED(test_connection),
                STEPPED(test_refused),
                STEPPED(test_too_short),
                STEPPED(test_an_earlier_scan_is_no_answer),
                STEPPED(test_more_than_can_be_asked),
                STEPPED(test_push_and_update),
                STEPPED(test_present_and_vanished),
                STEPPED(test_accepted_late),
                STEPPED(test_scanned_from_outside),
                STEPPED(test_datagrams),
                STEPPED(test_bridge_counts_once),
                STEPPED(test_ping),
                STEPPED(test_without_capture),
                STEPPED(test_processes),
                STEPPED(test_malformed),
                STEPPED(test_losses_are_told),
        };

        return cmocka_run_group_tests_name("source/proc_track", tests, NULL, NULL);
}
