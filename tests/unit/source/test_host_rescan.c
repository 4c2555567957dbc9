/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the eBPF back end makes of what it did not see begin: conversations older than it, places of its cache that two
 * sockets share, and fresh snapshots. On this kernel, see bpf_rig.h. */
#include "bpf_rig.h"

#include <sys/wait.h>

/* Conversations that are older than the sensor. */
static struct {
        int tcp[2], udp[2];
        struct sockaddr_in tcp_at, udp_at;
} old;

/* Both ends of a connection over that listener: who connected first. */
static void join(int listener, const struct sockaddr_in *at, int ret[2])
{
        ret[0] = opened(SOCK_STREAM, 0);
        assert_int_equal(connect(ret[0], (const void *) at, sizeof(*at)), 0);
        ret[1] = accept(listener, NULL, NULL);
        assert_true(ret[1] >= 0);
}

static void begin_old(void)
{
        int l = opened(SOCK_STREAM, 0);

        old.tcp_at = bound(l, 1);
        assert_int_equal(listen(l, 1), 0);
        join(l, &old.tcp_at, old.tcp);
        close(l);
        for (int i = 0; i < 2; i++)
                old.udp[i] = opened(SOCK_DGRAM, 0);
        old.udp_at = bound(old.udp[0], 1);
        (void) bound(old.udp[1], 1);
        assert_int_equal(connect(old.udp[1], (const void *) &old.udp_at, sizeof(old.udp_at)), 0);
}

static int start_late(void **state)
{
        (void) state;
        if (enter() < 0)
                return 0;
        begin_old();
        return load();
}

/* The first word in a conversation that is older than the sensor, after a second of silence. */
static void test_older_than_the_sensor(void **state)
{
        struct sockaddr_in me;
        socklen_t len = sizeof(me);
        char byte = 0;

        (void) state;
        begin();
        assert_int_equal(getsockname(old.udp[1], (void *) &me, &len), 0);
        pass(1200 * NSEC_PER_MSEC);
        assert_int_equal(send(old.tcp[1], &byte, 1, 0), 1);
        assert_int_equal(recv(old.tcp[0], &byte, 1, 0), 1);
        AWAIT(FLOW_PUSH, IPPROTO_TCP, getpid(), LOOPBACK(1), ntohs(old.tcp_at.sin_port));
        send_to(old.udp[0], &me, 1);
        assert_int_equal(recv(old.udp[1], &byte, 1, 0), 1);
        AWAIT(FLOW_PUSH, IPPROTO_UDP, getpid(), LOOPBACK(1), ntohs(old.udp_at.sin_port));
}

#define CONNECTIONS 300
#define PLACES      32768 /* of the kernel half's cache */

static void send_each(int pairs[CONNECTIONS][2])
{
        for (int i = 0; i < CONNECTIONS; i++) {
                char byte = 0;

                assert_int_equal(send(pairs[i][i % 2], &byte, 1, 0), 1);
                assert_int_equal(recv(pairs[i][!(i % 2)], &byte, 1, 0), 1);
        }
}

/* Sockets are numbered one by one, and the next number has the next place. */
static void use_up_numbers(int n)
{
        for (int i = 0; i < n; i++) {
                int s = opened(SOCK_STREAM, 0);
                uint64_t cookie;
                socklen_t len = sizeof(cookie);

                assert_int_equal(getsockopt(s, SOL_SOCKET, SO_COOKIE, &cookie, &len), 0);
                close(s);
        }
}

/* Sockets that share places in the cache push each other out. None of these is ever silent, so none is pushed to. */
static void test_shared_places(void **state)
{
        int pairs[CONNECTIONS][2], l = opened(SOCK_STREAM, 0);
        struct sockaddr_in at = bound(l, 1);
        const struct wanted push = {FLOW_PUSH, IPPROTO_TCP, getpid(), 0, ntohs(at.sin_port)};
        nsec_t end, before;

        (void) state;
        begin();
        assert_int_equal(listen(l, 4), 0);
        before = clock_boottime(); /* the first to join is silent until the last has */
        for (int i = 0; i < CONNECTIONS; i++) {
                join(l, &at, pairs[i]);
                use_up_numbers(2 * PLACES / CONNECTIONS);
        }
        skip_seen();
        for (end = clock_boottime() + 2500 * NSEC_PER_MSEC; clock_boottime() < end;) {
                nsec_t now = clock_boottime();

                send_each(pairs);
                pass(2 * NSEC_PER_MSEC);
                if (clock_boottime() - before < NSEC_PER_SEC / 2) /* else this test was not let run */
                        assert_int_equal(count(&push), 0);
                skip_seen();
                before = now;
        }
        for (int i = 0; i < CONNECTIONS; i++) {
                close(pairs[i][0]);
                close(pairs[i][1]);
        }
        close(l);
}

/* So many others came since that a silent conversation has lost its place: what it hears next is a push all the same.
 */
static void test_lost_place(void **state)
{
        int pair[2], l = opened(SOCK_STREAM, 0), sink = opened(SOCK_DGRAM, 0);
        struct sockaddr_in at = bound(l, 1), to = bound(sink, 1);
        char byte = 0;

        (void) state;
        begin();
        assert_int_equal(listen(l, 1), 0);
        join(l, &at, pair);
        assert_int_equal(send(pair[0], &byte, 1, 0), 1);
        assert_int_equal(recv(pair[1], &byte, 1, 0), 1);
        for (int i = 0; i < 3 * PLACES; i++) {
                int s = opened(SOCK_DGRAM, 0);

                send_to(s, &to, 1);
                close(s);
        }
        pass(1200 * NSEC_PER_MSEC);
        skip_seen();
        assert_int_equal(send(pair[1], &byte, 1, 0), 1);
        assert_int_equal(recv(pair[0], &byte, 1, 0), 1);
        AWAIT(FLOW_PUSH, IPPROTO_TCP, getpid(), LOOPBACK(1), ntohs(at.sin_port));
        close(pair[0]);
        close(pair[1]);
        close(l);
        close(sink);
}

static void rescan(void)
{
        struct source_fds fds;

        assert_int_equal(source_host_bpf.request(watch.self, SOURCE_REQUEST_SNAPSHOT, &fds), 0);
        assert_int_equal(source_host_bpf.answer(watch.state, SOURCE_REQUEST_SNAPSHOT, &fds), 0);
}

/* Refused, with the descriptor still open: a fresh snapshot lists it, and must not make a connection of it. */
static void test_refused_and_listed(void **state)
{
        int a = opened(SOCK_STREAM, 0), s = opened(SOCK_STREAM | SOCK_NONBLOCK, 0);
        struct sockaddr_in nobody;
        uint16_t port;

        (void) state;
        begin();
        nobody = bound(a, 1);
        port = ntohs(nobody.sin_port);
        assert_int_equal(connect(s, (const void *) &nobody, sizeof(nobody)), -1);
        assert_int_equal(AWAIT(FLOW_END, IPPROTO_TCP, getpid(), LOOPBACK(1), port)->state, FLOW_STATE_FAILED);
        rescan();
        assert_int_equal(count(&(struct wanted){FLOW_START, IPPROTO_TCP, getpid(), LOOPBACK(1), port}), 1);
        close(s);
        close(a);
}

/* A child that has ended and is not collected was told, and is not told again. */
static void test_ended_and_listed(void **state)
{
        pid_t child = fork();
        siginfo_t info;
        size_t told = 0;

        (void) state;
        if (child == 0)
                _exit(0);
        begin();
        assert_int_equal(waitid(P_PID, (id_t) child, &info, WEXITED | WNOWAIT), 0);
        pass(20 * NSEC_PER_MSEC);
        watch.n = 0;
        rescan();
        for (size_t i = 0; i < watch.n; i++) {
                assert_true(watch.events[i].type != EVENT_PROCESS || watch.events[i].op == PROCESS_PRESENT);
                told += watch.events[i].type == EVENT_PROCESS && watch.events[i].process.task.pid == (uint32_t) child;
                assert_true(i == 0 || watch.events[i].time >= watch.events[i - 1].time);
        }
        assert_int_equal(told, 0);
        assert_true(watch.n > 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_older_than_the_sensor),
                cmocka_unit_test(test_shared_places),
                cmocka_unit_test(test_lost_place),
                cmocka_unit_test(test_refused_and_listed),
                cmocka_unit_test(test_ended_and_listed),
        };

        return cmocka_run_group_tests(tests, start_late, stop);
}
