/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The eBPF back end as a whole, kernel half included, on this kernel: this test and its children talk over the loopback
 * device of a network namespace of their own, and each flow must be tied to the right one. Root; skipped without, or
 * where the kernel does not let it load. */
#include "bpf_rig.h"

#include <netinet/ip_icmp.h>
#include <sys/wait.h>

#define PROTO_MPTCP 262

/* A socket connected to one peer may be told to send to another. */
static void test_udp_elsewhere(void **state)
{
        int a = opened(SOCK_DGRAM, 0), b = opened(SOCK_DGRAM, 0), s = opened(SOCK_DGRAM, 0);
        struct sockaddr_in to_a, to_b;
        const struct flow_event *f;

        (void) state;
        begin();
        to_a = bound(a, 1);
        to_b = bound(b, 2);
        assert_int_equal(connect(s, (const void *) &to_a, sizeof(to_a)), 0);
        send_to(s, NULL, 10);
        for (int i = 0; i < 7; i++)
                send_to(s, &to_b, 100);
        send_to(s, NULL, 10);
        close(s);
        f = AWAIT(FLOW_END, IPPROTO_UDP, getpid(), LOOPBACK(2), ntohs(to_b.sin_port));
        assert_int_equal(f->bytes_out, 700);
        assert_int_equal(f->pkts_out, 7);
        f = AWAIT(FLOW_END, IPPROTO_UDP, getpid(), LOOPBACK(1), ntohs(to_a.sin_port));
        assert_int_equal(f->bytes_out, 20);
        assert_int_equal(count(&(struct wanted){FLOW_START, IPPROTO_UDP, getpid(), 0, 0}), 2);
        close(a);
        close(b);
}

static void test_udp_totals(void **state)
{
        int a = opened(SOCK_DGRAM, 0), s = opened(SOCK_DGRAM, 0);
        struct sockaddr_in to_a, from;
        socklen_t len = sizeof(from);
        const struct flow_event *f;
        char data[1024];

        (void) state;
        begin();
        to_a = bound(a, 1);
        for (int i = 0; i < 100; i++) {
                send_to(s, &to_a, 64);
                assert_int_equal(recvfrom(a, data, sizeof(data), 0, (void *) &from, &len), 64);
        }
        send_to(a, &from, 5);
        assert_int_equal(recvfrom(s, data, sizeof(data), 0, (void *) &from, &len), 5);
        close(s);
        close(a);
        f = AWAIT(FLOW_END, IPPROTO_UDP, getpid(), LOOPBACK(1), ntohs(to_a.sin_port));
        assert_int_equal(f->bytes_out, 6400);
        assert_int_equal(f->pkts_out, 100);
        assert_int_equal(f->bytes_in, 5);
        assert_int_equal(f->origin, FLOW_ORIGINATED);
        assert_true(watch.n < 40); /* a record per change, and not per call */
}

static void test_refused(void **state)
{
        int a = opened(SOCK_STREAM, 0), s = opened(SOCK_STREAM, 0);
        struct sockaddr_in nobody;

        (void) state;
        begin();
        nobody = bound(a, 1);
        assert_int_equal(connect(s, (const void *) &nobody, sizeof(nobody)), -1);
        assert_int_equal(errno, ECONNREFUSED);
        close(s);
        close(a);
        AWAIT(FLOW_START, IPPROTO_TCP, getpid(), LOOPBACK(1), ntohs(nobody.sin_port));
        assert_int_equal(AWAIT(FLOW_END, IPPROTO_TCP, getpid(), LOOPBACK(1), ntohs(nobody.sin_port))->state,
                         FLOW_STATE_FAILED);
}

/* A child that connects twice, and sends ten times 100 bytes each. */
static pid_t spawn_client(int proto, const struct sockaddr_in *to)
{
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid)
                return pid;
        for (int k = 0; k < 2; k++) {
                char data[100] = {0};
                int s = socket(AF_INET, SOCK_STREAM, proto);

                if (s < 0 || connect(s, (const void *) to, sizeof(*to)) < 0)
                        _exit(1);
                for (int i = 0; i < 10; i++)
                        if (send(s, data, sizeof(data), 0) != sizeof(data))
                                _exit(1);
                close(s);
        }
        _exit(0);
}

static void talk(int proto)
{
        int l = opened(SOCK_STREAM, proto), status;
        struct sockaddr_in to = bound(l, 1);
        size_t ends = 0, seen = 0;
        uint64_t id = 0;
        pid_t client;

        assert_int_equal(listen(l, 4), 0);
        client = spawn_client(proto, &to);
        for (int k = 0; k < 2; k++) {
                char data[256];
                int c = accept(l, NULL, NULL);

                assert_true(c >= 0);
                while (recv(c, data, sizeof(data), 0) > 0)
                        ;
                close(c);
        }
        assert_int_equal(waitpid(client, &status, 0), client);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        for (nsec_t end = clock_boottime() + DEADLINE; ends < 4 && clock_boottime() < end;) {
                struct pollfd p = {source_host_bpf.poll_fd(watch.state), POLLIN, 0};

                (void) poll(&p, 1, 20);
                (void) source_host_bpf.dispatch(watch.state, 1000);
                for (; seen < watch.n; seen++) {
                        const struct flow_event *f = &watch.events[seen].flow;
                        bool ours;

                        if (!fits(&watch.events[seen],
                                  &(struct wanted){FLOW_END, IPPROTO_TCP, 0, 0, ntohs(to.sin_port)}))
                                continue;
                        ours = f->local_port == ntohs(to.sin_port);
                        assert_int_equal(f->task.pid, ours ? getpid() : client);
                        assert_int_equal(f->origin, ours ? FLOW_ACCEPTED : FLOW_ORIGINATED);
                        assert_int_equal(ours ? f->bytes_in : f->bytes_out, 1000);
                        assert_int_equal(f->flags, 0);
                        assert_int_not_equal(f->flow_id, id);
                        id = f->flow_id;
                        ends++;
                }
        }
        assert_int_equal(ends, 4);
        close(l);
}

static void test_tcp(void **state)
{
        (void) state;
        begin();
        talk(0);
}

/* What an MPTCP listener accepts has the listener's cookie on some kernels: the connections must not become one. */
static void test_mptcp(void **state)
{
        int fd = socket(AF_INET, SOCK_STREAM, PROTO_MPTCP);

        (void) state;
        if (fd < 0)
                skip();
        close(fd);
        begin();
        talk(PROTO_MPTCP);
}

/* A worker forked before the connection came takes it: it is named, and not who listens. */
static void test_worker(void **state)
{
        int l = opened(SOCK_STREAM, 0), s = opened(SOCK_STREAM, 0), status;
        struct sockaddr_in to;
        pid_t worker;

        (void) state;
        begin();
        to = bound(l, 1);
        assert_int_equal(listen(l, 4), 0);
        worker = fork();
        if (worker == 0) {
                char byte;
                int c = accept(l, NULL, NULL);

                _exit(c >= 0 && recv(c, &byte, 1, 0) == 1 && send(c, &byte, 1, 0) == 1 ? 0 : 1);
        }
        assert_int_equal(connect(s, (const void *) &to, sizeof(to)), 0);
        send_to(s, NULL, 1);
        assert_int_equal(waitpid(worker, &status, 0), worker);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        close(s);
        close(l);
        assert_int_equal(AWAIT(FLOW_START, IPPROTO_TCP, worker, 0, ntohs(to.sin_port))->origin, FLOW_ACCEPTED);
        AWAIT(FLOW_END, IPPROTO_TCP, worker, 0, ntohs(to.sin_port));
}

static void test_raw(void **state)
{
        int s = opened(SOCK_RAW, IPPROTO_ICMP);
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = LOOPBACK(7)};
        struct icmphdr h = {.type = ICMP_ECHO, .checksum = (uint16_t) ~htons(ICMP_ECHO << 8)};
        const struct flow_event *f;

        (void) state;
        begin();
        assert_int_equal(sendto(s, &h, sizeof(h), 0, (const void *) &to, sizeof(to)), sizeof(h));
        close(s);
        f = AWAIT(FLOW_START, IPPROTO_ICMP, getpid(), LOOPBACK(7), 0);
        assert_int_equal(f->flags, FLOW_RAW);
        assert_int_equal(f->local_port, ICMP_ECHO << 8);
        f = AWAIT(FLOW_END, IPPROTO_ICMP, getpid(), LOOPBACK(7), 0);
        assert_int_equal(f->local_port, ICMP_ECHO << 8);
        assert_int_equal(f->pkts_out, 1);
}

/* Bound freely to an address that is not ours: no claim, but the flow says where from. */
static void test_bound_freely(void **state)
{
        const int on = 1;
        struct sockaddr_in6 from = {.sin6_family = AF_INET6}, to = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
        struct addr foreign;
        int s = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        (void) state;
        begin();
        if (s < 0 || setsockopt(s, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on)) < 0) {
                print_message("no IPv6, or no IPV6_FREEBIND\n");
                skip();
        }
        assert_int_equal(addr_parse("fd77:9::66", &foreign), 0);
        memcpy(&from.sin6_addr, foreign.b, 16);
        to.sin6_addr = in6addr_loopback;
        assert_int_equal(bind(s, (const void *) &from, sizeof(from)), 0);
        assert_int_equal(sendto(s, "x", 1, 0, (const void *) &to, sizeof(to)), 1);
        assert_true(addr_equal(&AWAIT(FLOW_START, IPPROTO_UDP, getpid(), 0, 9)->local, &foreign));
        close(s);
        (void) AWAIT(FLOW_END, IPPROTO_UDP, getpid(), 0, 9);
        for (size_t i = 0; i < watch.n; i++)
                assert_true(watch.events[i].type != EVENT_SOCKET || watch.events[i].op != SOCKET_FORGED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_udp_elsewhere), cmocka_unit_test(test_udp_totals),
                cmocka_unit_test(test_refused),       cmocka_unit_test(test_tcp),
                cmocka_unit_test(test_mptcp),         cmocka_unit_test(test_worker),
                cmocka_unit_test(test_raw),           cmocka_unit_test(test_bound_freely),
        };

        return cmocka_run_group_tests(tests, start, stop);
}
