/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Source addresses that are not ours: who is accused, and what is no forgery. */
#include "track_rig.h"

#define FORGE(source)       PACKET((source), PEER, 1, 2, .proto = IPPROTO_UDP, .payload = 9, .direction = HOST_PROC_OUT)
#define PACKET_SOCKET(p, i) SOCKET(.table = PROC_TABLE_PACKET, .local = "0.0.0.0", .pid = (p), .inode = (i))

static void test_forged(void **state)
{
        char text[ADDR_TEXT_MAX];

        (void) state;
        for (int i = 0; i < 100; i++)
                FORGE("198.51.100.9");
        assert_int_equal(n_events, 0); /* a fresh look at our addresses first */
        assert_true(host_proc_track_wants_scan(track));
        ask();
        PACKET_SOCKET(66, 70);
        answer();
        assert_int_equal(count(EVENT_SOCKET, SOCKET_FORGED), 1);
        assert_int_equal(last(EVENT_SOCKET, SOCKET_FORGED)->socket.count, 100);
        assert_int_equal(last(EVENT_SOCKET, SOCKET_FORGED)->socket.task.pid, 66);
        assert_int_equal(last(EVENT_SOCKET, SOCKET_FORGED)->socket.family, AF_PACKET);
        assert_string_equal(addr_format(&last(EVENT_SOCKET, SOCKET_FORGED)->socket.local, text), "198.51.100.9");
        /* a second suspect: then none is accused */
        FORGE("198.51.100.9");
        ask();
        PACKET_SOCKET(67, 71);
        answer();
        assert_int_equal(last(EVENT_SOCKET, SOCKET_FORGED)->socket.task.pid, 0);
        tick(SEC);
        assert_int_equal(lost(GAP_NO_TASK), 1);
}

static void test_not_forged(void **state)
{
        struct host_proc_end router = {.forwards = 1};

        (void) state;
        FORGE("198.51.100.1"); /* just added to a device */
        ask();
        own("198.51.100.1");
        answer();
        FORGE("0.0.0.0"); /* DHCP */
        FORGE("127.0.0.1");
        PACKET("198.51.100.2", PEER, 3, 4, .direction = HOST_PROC_OTHER, .ifindex = 3); /* a guest's, bridged */
        FORGE("198.51.100.2");
        PACKET("198.51.100.3", PEER, 3, 4, .direction = HOST_PROC_IN, .ifindex = 3); /* routed */
        FORGE("198.51.100.3");
        scan();
        assert_int_equal(count(EVENT_SOCKET, SOCKET_FORGED), 0);
        /* an answer to a translated address goes on with its own source, if this machine routes */
        PACKET("198.51.100.4", ME, 80, 5, .direction = HOST_PROC_IN, .flags = TCP_FLAG_ACK);
        FORGE("198.51.100.4");
        scan();
        assert_int_equal(count(EVENT_SOCKET, SOCKET_FORGED), 1);
        ask();
        answer_with(&router);
        PACKET("198.51.100.5", ME, 80, 5, .direction = HOST_PROC_IN, .flags = TCP_FLAG_ACK);
        FORGE("198.51.100.5");
        ask();
        answer_with(&router);
        assert_int_equal(count(EVENT_SOCKET, SOCKET_FORGED), 1);
        /* what shows on the loopback device came from here */
        PACKET("198.51.100.6", PEER, 3, 4, .direction = HOST_PROC_IN, .ifindex = 1);
        FORGE("198.51.100.6");
        scan();
        assert_int_equal(count(EVENT_SOCKET, SOCKET_FORGED), 2);
}

static void test_flood_is_bounded(void **state)
{
        (void) state;
        for (unsigned i = 0; i < 40000; i++) {
                char to[32];

                snprintf(to, sizeof(to), "203.%u.%u.1", i / 256, i % 256);
                PACKET("198.51.100.9", to, 1, 2, .proto = IPPROTO_UDP, .direction = HOST_PROC_OUT);
                PACKET(ME, to, 1, 2, .proto = IPPROTO_UDP, .direction = HOST_PROC_OUT);
        }
        scan();
        assert_int_equal(count(EVENT_SOCKET, SOCKET_FORGED), 64);
        tick(SEC);
        assert_int_equal(lost(GAP_TABLE_FULL), 40000 - 64 + 40000 - 32768);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                STEPPED(test_forged),
                STEPPED(test_not_forged),
                STEPPED(test_flood_is_bounded),
        };

        return cmocka_run_group_tests_name("source/proc_forged", tests, NULL, NULL);
}
