/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the child on a person's bus has given up, that it ends with its parent, and that a hostile bus or a signal of
 * its user only ends it. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "notify_bus.h"
#include "respond/gate_notify_child.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define LONG_MS 20000

struct world {
        struct desktop d;
        sd_event *event;
        int fd; /* our end of the pair */
        pid_t pid;
        struct gate_notify_child child;
};

static void begin(struct world *w, nsec_t answer)
{
        int pair[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
        w->fd = pair[0];
        w->child = (struct gate_notify_child){.fd = pair[1],
                                              .uid = w->d.uid,
                                              .parent = getpid(),
                                              .proc = "/proc",
                                              .bus = w->d.socket,
                                              .answer = answer};
        w->pid = fork();
        assert_true(w->pid >= 0);
        if (w->pid == 0)
                gate_notify_child_run(&w->child);
        close(pair[1]);
}

static int set_up(void **state)
{
        struct world *w = calloc(1, sizeof(*w));

        assert_non_null(w);
        w->fd = -EBADF;
        assert_true(sd_event_new(&w->event) >= 0);
        if (!desktop_start(&w->d, w->event, "org.freedesktop.Notifications")) {
                print_message("skipped: no dbus-daemon\n");
                exit(77);
        }
        *state = w;
        return 0;
}

static int tear_down(void **state)
{
        struct world *w = *state;

        closep(&w->fd);
        if (w->pid > 0) {
                (void) kill(w->pid, SIGKILL);
                (void) waitpid(w->pid, NULL, 0);
        }
        desktop_stop(&w->d);
        sd_event_unref(w->event);
        free(w);
        return 0;
}

/* The child's next report; the service goes on meanwhile. */
static struct gate_notify_report hear(struct world *w)
{
        nsec_t end = clock_boottime() + LONG_MS * NSEC_PER_MSEC;
        struct gate_notify_report r;

        while (clock_boottime() < end) {
                if (recv(w->fd, &r, sizeof(r), 0) == (ssize_t) sizeof(r)) {
                        assert_true(gate_notify_report_valid(&r, sizeof(r)));
                        return r;
                }
                assert_int_equal(errno, EAGAIN);
                assert_true(sd_event_run(w->event, 1000) >= 0);
        }
        fail();
        return (struct gate_notify_report){0};
}

/* The number behind `name` in /proc/PID/status. */
static unsigned long long status(pid_t pid, const char *name, int base)
{
        char path[64], line[512];
        unsigned long long value = ~0ull;
        FILE *f;

        snprintf(path, sizeof(path), "/proc/%d/status", (int) pid);
        f = fopen(path, "re");
        assert_non_null(f);
        while (fgets(line, sizeof(line), f))
                if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
                        value = strtoull(line + strlen(name) + 1, NULL, base);
        fclose(f);
        return value;
}

static bool shares_memory(pid_t pid)
{
        char path[64], line[512], rights[5];
        bool shared = false;
        FILE *f;

        snprintf(path, sizeof(path), "/proc/%d/maps", (int) pid);
        f = fopen(path, "re");
        assert_non_null(f);
        while (fgets(line, sizeof(line), f))
                shared = shared || (sscanf(line, "%*s %4s", rights) == 1 && rights[3] == 's');
        fclose(f);
        return shared;
}

static unsigned count_descriptors(pid_t pid)
{
        char path[64];
        unsigned n = 0;
        DIR *dir;

        snprintf(path, sizeof(path), "/proc/%d/fd", (int) pid);
        dir = opendir(path);
        assert_non_null(dir);
        for (const struct dirent *e = readdir(dir); e; e = readdir(dir))
                n += e->d_name[0] != '.';
        closedir(dir);
        return n;
}

static void has_given_everything_up(void **state)
{
        struct world *w = *state;
        void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        struct gate_notify_report r;

        assert_ptr_not_equal(shared, MAP_FAILED);
        begin(w, 10 * NSEC_PER_SEC);
        r = hear(w);
        assert_int_equal(r.verb, GATE_NOTIFY_READY);
        assert_int_equal(r.bus_pid, w->d.bus_pid);
        assert_int_equal(r.pid[GATE_NOTIFY_GNOME], 0);
        assert_int_equal(r.pid[GATE_NOTIFY_USUAL], getpid());
        assert_int_equal(status(w->pid, "NoNewPrivs", 10), 1);
        assert_int_equal(status(w->pid, "CapPrm", 16), 0);
        assert_int_equal(status(w->pid, "CapEff", 16), 0);
        assert_int_equal(status(w->pid, "CapAmb", 16), 0);
        assert_int_equal(status(w->pid, "Uid", 10), w->d.uid);
        if (geteuid() == 0) {
                assert_int_equal(status(w->pid, "CapBnd", 16), 0);
                assert_int_equal(status(w->pid, "Gid", 10), 65534);
                assert_int_equal(count_descriptors(w->pid), 5); /* three on /dev/null, the pair, the bus */
                assert_false(shares_memory(w->pid));
        }
        if (!SANITIZED)
                assert_int_equal(status(w->pid, "Seccomp", 10), 2);
        munmap(shared, 4096);
}

static void ends_when_it_is_let_go(void **state)
{
        struct world *w = *state;

        begin(w, 10 * NSEC_PER_SEC);
        assert_int_equal(hear(w).verb, GATE_NOTIFY_READY);
        closep(&w->fd);
        w->fd = -EBADF;
        assert_int_equal(waitpid(w->pid, NULL, 0), w->pid);
        w->pid = 0;
}

/* A parent between us and it, which is killed. */
static void ends_with_its_parent(void **state)
{
        struct world *w = *state;
        struct pollfd p = {.events = POLLIN};
        int pids[2];
        pid_t middle, pid;

        assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
        assert_int_equal(pipe2(pids, O_CLOEXEC), 0);
        middle = fork();
        if (middle == 0) {
                struct gate_notify_report r = {0};

                begin(w, 10 * NSEC_PER_SEC);
                (void) poll(&(struct pollfd){.fd = w->fd, .events = POLLIN}, 1, LONG_MS);
                if (recv(w->fd, &r, sizeof(r), 0) < 0 || r.verb != GATE_NOTIFY_READY ||
                    write(pids[1], &w->pid, sizeof(w->pid)) < 0)
                        _exit(1);
                for (;;)
                        pause();
        }
        assert_true(middle > 0);
        close(pids[1]);
        /* The service is ours: it must go on for the child to become ready. */
        while (poll(&(struct pollfd){.fd = pids[0], .events = POLLIN}, 1, 1) == 0)
                assert_true(sd_event_run(w->event, 1000) >= 0);
        assert_int_equal(read(pids[0], &pid, sizeof(pid)), sizeof(pid));
        close(pids[0]);
        p.fd = pidfd_open(pid, 0);
        assert_true(p.fd >= 0);
        assert_int_equal(kill(pid, SIGSTOP), 0); /* so that it cannot see the end of its pair */
        assert_int_equal(kill(middle, SIGKILL), 0);
        assert_int_equal(waitpid(middle, NULL, 0), middle);
        assert_int_equal(poll(&p, 1, LONG_MS), 1);
        close(p.fd);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
}

static void will_not_work_for_a_stranger(void **state)
{
        struct world *w = *state;
        int pair[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
        w->fd = pair[0];
        w->child = (struct gate_notify_child){.fd = pair[1],
                                              .uid = w->d.uid,
                                              .parent = 1,
                                              .proc = "/proc",
                                              .bus = w->d.socket,
                                              .answer = NSEC_PER_SEC};
        w->pid = fork();
        if (w->pid == 0)
                gate_notify_child_run(&w->child);
        close(pair[1]);
        assert_int_equal(hear(w).value, -ESRCH);
}

static void garbage_orders(void **state)
{
        struct world *w = *state;
        static struct gate_notify_order o;
        struct gate_notify_report r;

        begin(w, 10 * NSEC_PER_SEC);
        assert_int_equal(hear(w).verb, GATE_NOTIFY_READY);
        assert_int_equal(send(w->fd, "x", 1, 0), 1);
        o = (struct gate_notify_order){.magic = GATE_NOTIFY_MAGIC, .verb = 77, .slot = 3, .serial = 1};
        assert_int_equal(send(w->fd, &o, sizeof(o), 0), sizeof(o));
        o.verb = GATE_NOTIFY_SHOW;
        o.service = 99;
        assert_int_equal(send(w->fd, &o, sizeof(o), 0), sizeof(o));
        o.service = GATE_NOTIFY_USUAL;
        o.slot = UINT32_MAX;
        assert_int_equal(send(w->fd, &o, sizeof(o), 0), sizeof(o));
        o.slot = 3;
        strcpy(o.text.title, "\xff"); /* a bus would not take it */
        assert_int_equal(send(w->fd, &o, sizeof(o), 0), sizeof(o));
        r = hear(w);
        assert_int_equal(r.verb, GATE_NOTIFY_FAILED);
        assert_int_equal(r.value, -EINVAL);
        strcpy(o.text.title, "t");
        assert_int_equal(send(w->fd, &o, sizeof(o), 0), sizeof(o));
        r = hear(w);
        assert_int_equal(r.verb, GATE_NOTIFY_SHOWN);
        assert_int_equal(r.slot, 3);
        assert_int_equal(w->d.n_calls, 1);
}

/* A bus of somebody else in the place of the real one. What it writes comes at once; then it hangs, or hangs up. */
static int meet_false_bus(struct world *w, const void *bytes, size_t len, bool hang_up)
{
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd, r;

        unlink(w->d.socket);
        strcpy(sa.sun_path, w->d.socket);
        assert_int_equal(bind(listening, (struct sockaddr *) &sa, sizeof(sa)), 0);
        assert_int_equal(chmod(w->d.socket, 0666), 0);
        assert_int_equal(listen(listening, 1), 0);
        begin(w, 300 * NSEC_PER_MSEC);
        fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
        assert_true(fd >= 0);
        while (len > 0) {
                ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

                if (n < 0)
                        break; /* it had enough */
                bytes = (const char *) bytes + n;
                len -= (size_t) n;
        }
        if (hang_up)
                closep(&fd);
        r = hear(w).value;
        if (!hang_up)
                close(fd);
        close(listening);
        assert_int_equal(waitpid(w->pid, NULL, 0), w->pid);
        closep(&w->fd);
        w->fd = -EBADF;
        w->pid = 0;
        return r;
}

static void false_buses(void **state)
{
        struct world *w = *state;
        static char noise[1 << 20];
        /* Accepts the client, and then a message that says it has 128 MB. */
        static const char huge[] = "OK 0123456789abcdef0123456789abcdef\r\n"
                                   "l\1\0\1\xff\xff\xff\x07\1\0\0\0\0\0\0\0";

        assert_int_equal(meet_false_bus(w, "", 0, false), -ETIMEDOUT);
        assert_true(meet_false_bus(w, "", 0, true) < 0);
        for (size_t i = 0; i < sizeof(noise); i++)
                noise[i] = (char) (i * 2654435761u >> 13);
        assert_true(meet_false_bus(w, noise, sizeof(noise), false) < 0);
        assert_true(meet_false_bus(w, huge, sizeof(huge) - 1, false) < 0);
        memcpy(noise, huge, sizeof(huge) - 1);
        assert_true(meet_false_bus(w, noise, sizeof(noise), true) < 0);
}

/* One program begins as the bus, and another one goes on. */
static void a_second_writer(void **state)
{
        struct world *w = *state;
        uint32_t writer = GATE_NOTIFY_LINK_UNKNOWN;
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd, bus, status;
        pid_t pid;
        char byte;

        snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/false", w->d.folder);
        assert_int_equal(bind(listening, (struct sockaddr *) &sa, sizeof(sa)), 0);
        assert_int_equal(listen(listening, 1), 0);
        fd = gate_notify_link_connect(sa.sun_path);
        assert_true(fd >= 0);
        unlink(sa.sun_path);
        bus = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
        assert_true(bus >= 0);
        assert_int_equal(gate_notify_link_writer(fd, &writer), 0); /* nothing yet */
        assert_int_equal(writer, GATE_NOTIFY_LINK_UNKNOWN);
        assert_int_equal(write(bus, "a", 1), 1);
        pid = fork();
        if (pid == 0)
                _exit(write(bus, "b", 1) == 1 ? 0 : 1);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(gate_notify_link_writer(fd, &writer), 0);
        assert_int_equal(writer, getpid());
        assert_int_equal(read(fd, &byte, 1), 1);
        assert_int_equal(gate_notify_link_writer(fd, &writer), -EPERM);
        assert_int_equal(writer, getpid());
        close(fd);
        close(bus);
        close(listening);
}

static void no_bus_to_connect_to(void **state _unused_)
{
        char path[512];

        memset(path, 'x', sizeof(path) - 1);
        path[sizeof(path) - 1] = '\0';
        assert_int_equal(gate_notify_link_connect(path), -ENAMETOOLONG);
        assert_int_equal(gate_notify_link_connect("/nowhere/bus"), -ENOENT);
        assert_int_equal(gate_notify_link_connect("/dev/null"), -ECONNREFUSED);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(has_given_everything_up), TEST(ends_when_it_is_let_go),
                TEST(ends_with_its_parent),    TEST(will_not_work_for_a_stranger),
                TEST(garbage_orders),          TEST(false_buses),
                TEST(a_second_writer),         cmocka_unit_test(no_bus_to_connect_to),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
