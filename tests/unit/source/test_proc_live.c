/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The /proc back end as a whole, with its scanner and its capture, on this kernel: children of this test talk over the
 * loopback device of a network namespace of their own, and each flow must be tied to the right one. Root; without it
 * only the part that polls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "live_children.h"
#include "source/source.h"

#define EVENTS_MAX 4096
#define DEADLINE   (30 * NSEC_PER_SEC)

extern const struct source source_host_proc;

static struct {
        void *self, *state;
        struct event events[EVENTS_MAX];
        size_t n;
        char gap_text[512];
} watch;

static bool isolated; /* root, in a network namespace of our own */

static void take(void *userdata, const struct event *e)
{
        (void) userdata;
        if (e->type == EVENT_GAP && e->gap.reason == GAP_NO_RIGHT && e->gap.text)
                snprintf(watch.gap_text, sizeof(watch.gap_text), "%s", e->gap.text);
        if (watch.n < EVENTS_MAX)
                watch.events[watch.n++] = *e;
}

static void begin(void)
{
        struct source_params params = {.sink = {.event = take}};
        struct source_fds fds;

        watch.n = 0;
        assert_int_equal(source_host_proc.open(NULL, &fds, &watch.self), 0);
        assert_int_equal(source_host_proc.start(&params, &fds, &watch.state), 0);
}

static void finish(void)
{
        source_host_proc.stop(watch.state);
        source_host_proc.close(watch.self);
}

/* Runs the source until `found` is content. */
static bool wait_for(bool (*found)(const void *what), const void *what)
{
        nsec_t end = clock_boottime() + DEADLINE;

        while (!found(what)) {
                struct pollfd p = {.fd = source_host_proc.poll_fd(watch.state), .events = POLLIN};

                if (clock_boottime() > end)
                        return false;
                (void) poll(&p, 1, 100);
                (void) source_host_proc.dispatch(watch.state, 1024);
        }
        return true;
}

struct expected_flow {
        uint8_t op, origin, proto;
        pid_t pid;
        uint16_t port; /* of either side */
};

static const struct event *find_flow(const struct expected_flow *x)
{
        for (size_t i = 0; i < watch.n; i++) {
                const struct event *e = &watch.events[i];

                if (e->type == EVENT_FLOW && e->op == x->op && e->flow.origin == x->origin &&
                    e->flow.proto == x->proto && e->flow.task.pid == (uint32_t) x->pid &&
                    (x->port == 0 || e->flow.local_port == x->port || e->flow.remote_port == x->port))
                        return e;
        }
        return NULL;
}

static bool flow_seen(const void *what)
{
        return find_flow(what) != NULL;
}

static const struct event *find_event(uint8_t type, uint8_t op, pid_t pid)
{
        for (size_t i = 0; i < watch.n; i++) {
                const struct event *e = &watch.events[i];
                uint32_t of = e->type == EVENT_PROCESS ? e->process.task.pid : e->socket.task.pid;

                if (e->type == type && e->op == op && (pid < 0 || of == (uint32_t) pid))
                        return e;
        }
        return NULL;
}

struct expected_event {
        uint8_t type, op;
        pid_t pid;
};

static bool event_seen(const void *what)
{
        const struct expected_event *x = what;

        return find_event(x->type, x->op, x->pid) != NULL;
}

static bool gap_seen(const void *what)
{
        for (size_t i = 0; i < watch.n; i++)
                if (watch.events[i].type == EVENT_GAP && watch.events[i].gap.reason == *(const uint8_t *) what)
                        return true;
        return false;
}

static void need_isolation(void)
{
        if (!isolated) {
                print_message("needs root, for a network namespace and a packet socket\n");
                skip();
        }
}

static void test_connection(void **state)
{
        struct child server, client;
        struct expected_flow to = {FLOW_START, FLOW_ORIGINATED, IPPROTO_TCP, 0, 4711};
        const struct event *e;
        bool found;

        (void) state;
        need_isolation();
        begin();
        server = spawn(serve, 4711);
        assert_true(wait_for(event_seen, &(struct expected_event){EVENT_SOCKET, SOCKET_LISTEN, server.pid}));
        client = spawn(connect_to, 4711);
        to.pid = client.pid;
        found = wait_for(flow_seen, &to);
        assert_true(found);
        e = find_flow(&to);
        assert_int_equal(e->flow.remote_port, 4711);
        assert_true(e->flow.flags & FLOW_THREAD_GUESS);
        assert_true(addr_is_loopback(&e->flow.local));
        /* its process came before it, with its creator, and so did ours */
        e = find_event(EVENT_PROCESS, PROCESS_PRESENT, client.pid);
        assert_non_null(e);
        assert_int_equal(e->process.creator.pid, getpid());
        assert_true(e->process.flags & PROCESS_CREATOR_GUESS);
        assert_non_null(find_event(EVENT_PROCESS, PROCESS_PRESENT, getpid()));
        release(&client);
        to.op = FLOW_END;
        assert_true(wait_for(flow_seen, &to));
        e = find_flow(&to);
        assert_int_equal(e->flow.bytes_out, 5);
        assert_int_equal(e->flow.state, FLOW_STATE_CLOSED);
        assert_true(wait_for(event_seen, &(struct expected_event){EVENT_PROCESS, PROCESS_EXIT, client.pid}));
        release(&server);
        finish();
}

static void test_accepted(void **state)
{
        struct child server, client;
        nsec_t end = clock_boottime() + DEADLINE;
        const struct event *accepted = NULL;

        (void) state;
        need_isolation();
        begin();
        server = spawn(serve, 4712);
        client = spawn(connect_to, 4712);
        while (!accepted && clock_boottime() < end) {
                struct pollfd p = {.fd = source_host_proc.poll_fd(watch.state), .events = POLLIN};

                (void) poll(&p, 1, 100);
                (void) source_host_proc.dispatch(watch.state, 1024);
                for (size_t i = 0; i < watch.n; i++)
                        if (watch.events[i].type == EVENT_FLOW && watch.events[i].flow.local_port == 4712)
                                accepted = &watch.events[i];
        }
        assert_non_null(accepted);
        assert_int_equal(accepted->flow.origin, FLOW_ACCEPTED);
        /* the child of the server that accepted it */
        assert_int_not_equal(accepted->flow.task.pid, 0);
        assert_int_not_equal(accepted->flow.task.pid, client.pid);
        release(&client);
        release(&server);
        finish();
}

static void test_datagram_and_ping(void **state)
{
        struct child c, p;

        (void) state;
        need_isolation();
        begin();
        c = spawn(send_datagram, 4713);
        assert_true(
                wait_for(flow_seen, &(struct expected_flow){FLOW_START, FLOW_ORIGINATED, IPPROTO_UDP, c.pid, 4713}));
        p = spawn(ping, 77);
        assert_true(wait_for(
                flow_seen, &(struct expected_flow){FLOW_START, FLOW_ORIGINATED, IPPROTO_ICMP, p.pid, ICMP_ECHO << 8}));
        assert_true(wait_for(event_seen, &(struct expected_event){EVENT_SOCKET, SOCKET_RAW, p.pid}));
        release(&p);
        release(&c);
        finish();
}

static void expect_forged(int (*work)(int), int arg, uint16_t family)
{
        struct child c;
        const struct event *e;
        char text[ADDR_TEXT_MAX];

        begin();
        c = spawn(work, arg);
        assert_true(wait_for(event_seen, &(struct expected_event){EVENT_SOCKET, SOCKET_FORGED, c.pid}));
        e = find_event(EVENT_SOCKET, SOCKET_FORGED, c.pid);
        assert_string_equal(addr_format(&e->socket.local, text), "198.51.100.9");
        assert_string_equal(addr_format(&e->socket.remote, text), "127.0.0.1");
        assert_int_equal(e->socket.family, family);
        assert_int_equal(e->socket.count, 1);
        release(&c);
        finish();
}

static void test_forged(void **state)
{
        (void) state;
        need_isolation();
        expect_forged(forge_raw, IPPROTO_UDP, AF_INET);
        expect_forged(forge_packet, ETHERTYPE_IP, AF_PACKET);
        expect_forged(forge_packet, ETHERTYPE_LOOPBACK, AF_PACKET);
}

static void test_present_before(void **state)
{
        struct child server, client;
        struct expected_flow to = {FLOW_START, FLOW_ORIGINATED, IPPROTO_TCP, 0, 4714};

        (void) state;
        need_isolation();
        server = spawn(serve, 4714);
        client = spawn(connect_to, 4714);
        to.pid = client.pid;
        begin();
        assert_true(wait_for(flow_seen, &to));
        assert_true(find_flow(&to)->flow.flags & FLOW_PRESENT);
        release(&client);
        release(&server);
        finish();
}

static void test_other_namespace(void **state)
{
        const uint8_t reason = GAP_NO_RIGHT;
        struct child c;

        (void) state;
        need_isolation();
        c = spawn(in_other_namespace, 4715);
        begin();
        assert_true(
                wait_for(flow_seen, &(struct expected_flow){FLOW_START, FLOW_ORIGINATED, IPPROTO_TCP, c.pid, 4715}));
        assert_true(wait_for(gap_seen, &reason));
        assert_non_null(strstr(watch.gap_text, "namespace"));
        release(&c);
        finish();
}

/* Without any right, in a process of its own; returns 0 when all was as it should be. */
static int check_without_rights(void)
{
        const uint8_t reason = GAP_NO_RIGHT;
        struct child server, client;
        struct expected_flow to = {FLOW_START, FLOW_ORIGINATED, IPPROTO_TCP, 0, 4716};

        if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
                return 1;
        if (prctl(PR_SET_DUMPABLE, 1) < 0) /* a change of user hides a process from its own kind */
                return 1;
        begin();
        server = spawn(serve, 4716);
        client = spawn(connect_to, 4716);
        to.pid = client.pid;
        if (!wait_for(flow_seen, &to))
                return 2;
        if (!wait_for(gap_seen, &reason) || !strstr(watch.gap_text, "packets"))
                return 3;
        release(&client);
        release(&server);
        finish();
        return 0;
}

static void test_without_rights(void **state)
{
        pid_t pid = fork();
        int status;

        (void) state;
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(check_without_rights());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_probe(void **state)
{
        char text[1024];
        struct buf out = BUF_FIXED(text);

        (void) state;
        assert_int_equal(source_host_proc.probe(&out), 0);
        assert_non_null(strstr(text, "capture: "));
        assert_non_null(strstr(text, "/proc: "));
}

static int setup(void **state)
{
        struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
        int fd;

        (void) state;
        if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
                return 0;
        fd = socket(AF_INET, SOCK_DGRAM, 0);
        isolated = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &up) == 0;
        close(fd);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_probe),           cmocka_unit_test(test_connection),
                cmocka_unit_test(test_accepted),        cmocka_unit_test(test_datagram_and_ping),
                cmocka_unit_test(test_forged),          cmocka_unit_test(test_present_before),
                cmocka_unit_test(test_other_namespace), cmocka_unit_test(test_without_rights),
        };

        return cmocka_run_group_tests_name("source/proc_live", tests, setup, NULL);
}
