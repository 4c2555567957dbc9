/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sandbox, by trying what is forbidden: each attempt runs in a child of its own, sandboxed as the engine is, and
 * the parent looks at how it ended. Parts that need root or Landlock skip with a reason. */
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
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "daemon/sandbox.h"
#include "daemon/sandbox_filter.h"
#include "sandbox_attempts.h"

#define KILLED 1000 /* ended by the filter */
/* Under a sanitizer the filter is wider, and some attempts prove nothing. */
#ifdef SANDBOX_SANITIZED
#define SANITIZED true
#else
#define SANITIZED false
#endif
#define X32 0x40000000

static int sandboxed(int (*attempt)(void))
{
        struct sandbox_engine_params p = {
                .store_dir = store, .config_path_dir = "/nonexistent", .capture_fds = &packet_fd, .n_capture_fds = 1};
        char text[512] = "";
        struct buf note = BUF_FIXED(text);
        int r = sandbox_drop_user("no-such-user-here", NULL);

        if (r == 0)
                r = sandbox_engine(&p, &note);
        if (r < 0) {
                fprintf(stderr, "sandbox: %s\n", strerror(-r));
                _exit(255);
        }
        return attempt();
}

/* 0, the errno of the attempt, or KILLED. */
static int run(int (*attempt)(void))
{
        pid_t pid = fork();
        int status;

        assert_true(pid >= 0);
        if (pid == 0)
                _exit(sandboxed(attempt) & 0xff);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFSIGNALED(status))
                return WTERMSIG(status) == SIGSYS ? KILLED : -WTERMSIG(status);
        assert_int_not_equal(WEXITSTATUS(status), 255);
        return WEXITSTATUS(status);
}

static void expect_all(int (*const attempts[])(void), size_t n, int expected)
{
        for (size_t i = 0; i < n; i++) {
                int got = run(attempts[i]);

                if (got != expected)
                        fail_msg("attempt %zu: %d (%s), expected %d", i, got,
                                 got > 0 && got < KILLED ? strerror(got) : "", expected);
        }
}

static void test_intruder_is_killed(void **state)
{
        static int (*const attempts[])(void) = {
                try_exec,           try_execveat, try_bpf,         try_inet,        try_inet6,
                try_packet,         try_netlink,  try_vsock,       try_vm_write,    try_mount,
                try_unshare,        try_setns,    try_io_uring,    try_perf,        try_module,
                try_keyctl,         try_handle,   try_pidfd_getfd, try_userfaultfd, try_setuid,
                try_inet_high_bits,
        };

        (void) state;
        expect_all(attempts, ELEMENTSOF(attempts), KILLED);
        if (!SANITIZED)
                assert_int_equal(run(try_ptrace), KILLED);
}

static void test_rest_is_refused(void **state)
{
        static int (*const attempts[])(void) = {
                try_fork, try_kill, try_ambient, try_dumpable, try_executable_memory,
        };

        (void) state;
        assert_int_equal(run(try_bluetooth), EPERM);
        if (!SANITIZED)
                expect_all(attempts, ELEMENTSOF(attempts), EPERM);
}

static void test_other_abis(void **state)
{
        (void) state;
#if defined(__x86_64__)
        assert_int_equal(run(try_x32), KILLED);
        {
                int got = run(try_i386);

                /* A kernel without the i386 table ends it by itself. */
                assert_true(got == KILLED || got == -SIGSEGV);
        }
#else
        skip();
#endif
}

static void test_files_are_out_of_sight(void **state)
{
        static int (*const attempts[])(void) = {
                try_passwd,
                try_create_outside,
        };

        (void) state;
        if (sandbox_landlock_abi() == 0) {
                print_message("this kernel has no Landlock\n");
                skip();
        }
        expect_all(attempts, ELEMENTSOF(attempts), EACCES);
        if (!SANITIZED)
                assert_int_equal(run(try_proc), EACCES);
}

static void test_shadow(void **state)
{
        (void) state;
        assert_int_equal(run(try_shadow), EACCES);
}

static void test_capture_descriptor(void **state)
{
        static int (*const refused[])(void) = {
                try_send_packet,  try_send_packet_high_bits, try_sendmsg_packet,  try_write_packet, try_dup_packet,
                try_dupfd_packet, try_bind_packet,           try_unfilter_packet, try_high_dup,     try_pass_packet,
        };

        (void) state;
        if (packet_fd < 0) {
                print_message("no right to open a packet socket\n");
                skip();
        }
        assert_int_equal(send_packet(packet_fd), 0); /* outside the sandbox it does send: the test can fail */
        expect_all(refused, ELEMENTSOF(refused), EPERM);
        assert_int_equal(run(may_read_packet_stats), 0);
}

static void test_work_goes_on(void **state)
{
        static int (*const attempts[])(void) = {
                may_open_store, may_sqlite, may_connect_unix,  may_pass_descriptor,
                may_read_zone,  may_thread, may_signal_itself,
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(attempts); i++) {
                if (attempts[i] == may_read_zone && access("/usr/share/zoneinfo/Asia/Tokyo", R_OK) < 0)
                        continue;
                expect_all(&attempts[i], 1, 0);
        }
}

/* In a child: 0 when the set of capabilities is what `check` wants. */
static int in_child(int (*check)(void))
{
        pid_t pid = fork();
        int status;

        assert_true(pid >= 0);
        if (pid == 0)
                _exit(check());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static unsigned long long cap_set(const char *name)
{
        _cleanup_fclose_ FILE *f = fopen("/proc/thread-self/status", "re");
        char line[256];

        while (f && fgets(line, sizeof(line), f))
                if (strncmp(line, name, strlen(name)) == 0)
                        return strtoull(line + strlen(name) + 1, NULL, 16);
        return ~0ULL;
}

#define CAP_BIT(n) (1ULL << (n))

static int check_warden(void)
{
        /* chown, dac_override, fowner, mknod, sys_module, sys_rawio, sys_boot, sys_time, sys_chroot, mac_admin */
        unsigned long long gone = CAP_BIT(0) | CAP_BIT(1) | CAP_BIT(3) | CAP_BIT(27) | CAP_BIT(16) | CAP_BIT(17) |
                                  CAP_BIT(22) | CAP_BIT(25) | CAP_BIT(18) | CAP_BIT(33);
        unsigned long long kept = CAP_BIT(12) | CAP_BIT(13) | CAP_BIT(19) | CAP_BIT(5); /* net_admin, net_raw, … */
        static const char *const sets[] = {"CapEff:", "CapPrm:", "CapBnd:"};

        if (sandbox_cut_warden() < 0)
                return 1;
        for (size_t i = 0; i < ELEMENTSOF(sets); i++) {
                if (cap_set(sets[i]) & gone)
                        return 2;
                if ((cap_set(sets[i]) & kept) != kept)
                        return 3;
        }
        if (cap_set("CapAmb:") != 0 || cap_set("CapInh:") != 0)
                return 4;
        if (chroot("/") == 0 || errno != EPERM)
                return 5;
        /* A second cut, and becoming the engine from here, as after a restart. */
        if (sandbox_cut_warden() < 0)
                return 6;
        return sandbox_drop_user("nobody", NULL) < 0 ? 7 : 0;
}

static void test_warden(void **state)
{
        char text[2048] = "";
        struct buf out = BUF_FIXED(text);

        (void) state;
        sandbox_explain_warden(&out);
        assert_non_null(strstr(text, "net_raw: "));
        if (geteuid() != 0) {
                assert_int_equal(sandbox_cut_warden(), 0);
                print_message("not root: no capabilities to cut\n");
                skip();
        }
        assert_int_equal(in_child(check_warden), 0);
}

static int check_user(void)
{
        static const char *const sets[] = {"CapEff:", "CapPrm:", "CapInh:", "CapAmb:", "CapBnd:"};
        bool root = geteuid() == 0;
        uid_t uid = 0, mine = getuid();
        gid_t groups[8];

        if (sandbox_drop_user("no-such-user-here", &uid) < 0)
                return 1;
        if (uid == 0 || uid != getuid() || (!root && uid != mine))
                return 2;
        for (size_t i = 0; i < ELEMENTSOF(sets) - (root ? 0 : 1); i++)
                if (cap_set(sets[i]) != 0)
                        return 3;
        if (root && getgroups(ELEMENTSOF(groups), groups) > 0)
                return 4;
        if (setuid(0) == 0 || setgid(0) == 0 || seteuid(0) == 0)
                return 5;
        if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
                return 6;
#ifndef SANDBOX_SANITIZED
        if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
                return 7;
#endif
        return 0;
}

static void test_user(void **state)
{
        (void) state;
        assert_int_equal(in_child(check_user), 0);
}

/* Who reads mailboxes and asks DNS: the postman. */
static int become_reader(void)
{
        static const uint16_t ports[] = {53};
        char *dirs[] = {store};
        struct sandbox_engine_params p = {
                .read_dirs = dirs, .n_read_dirs = 1, .dns_ports = ports, .n_dns_ports = ELEMENTSOF(ports)};
        char text[512] = "";
        struct buf note = BUF_FIXED(text);

        bool caged = sandbox_landlock_abi() > 0, root = geteuid() == 0;

        if (sandbox_drop_user_reading("no-such-user-here") < 0 || getuid() == 0)
                return 10;
        if (cap_set("CapPrm:") & ~CAP_BIT(2) || cap_set("CapInh:") || cap_set("CapAmb:") ||
            (root && cap_set("CapBnd:")))
                return 11;
        /* The right to read what is others', and the cage that says where, come together. */
        if (root && !!(cap_set("CapEff:") & CAP_BIT(2)) != caged)
                return 12;
        return sandbox_engine(&p, &note) < 0 ? 13 : 0;
}

/* 0, or the errno. */
static int try_connect(uint16_t port)
{
        const struct sockaddr_in at = {
                .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

        if (fd < 0)
                return errno;
        r = connect(fd, (const struct sockaddr *) &at, sizeof(at)) < 0 ? errno : 0;
        close(fd);
        return r;
}

static int try_socket(int family, int type, int proto)
{
        int fd = socket(family, type | SOCK_CLOEXEC, proto);

        if (fd < 0)
                return errno;
        close(fd);
        return 0;
}

static int try_read(const char *folder)
{
        char path[96];
        int fd;

        snprintf(path, sizeof(path), "%.60s/mine", folder);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return errno;
        close(fd);
        return open(path, O_WRONLY | O_CLOEXEC) < 0 ? 0 : 255;
}

static int check_reader(void)
{
        int r = become_reader();

        if (r != 0)
                return r;
        if (sandbox_landlock_abi() > 0 && try_read(store) != 0)
                return 4;
        if (try_read(outside) != EACCES)
                return 5;
        if (try_socket(AF_INET, SOCK_DGRAM, 0) != 0 ||
            try_socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP) != 0)
                return 6;
        if (try_socket(AF_UNIX, SOCK_STREAM, 0) != EPERM || try_socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP) != EPERM ||
            try_socket(AF_INET, SOCK_RAW, IPPROTO_TCP) != EPERM)
                return 7;
        if (try_connect(53) != ECONNREFUSED && try_connect(53) != 0)
                return 8;
        return sandbox_landlock_abi() >= 4 && try_connect(54) != EACCES ? 9 : 0;
}

static int check_reader_serves(void)
{
        const struct sockaddr_in any = {.sin_family = AF_INET};
        int fd;

        if (become_reader() != 0)
                return 1;
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        return bind(fd, (const struct sockaddr *) &any, sizeof(any)) == 0 ? 2 : 3;
}

static int check_reader_forges(void)
{
        return become_reader() != 0 ? 1 : socket(AF_PACKET, SOCK_RAW, 0) >= 0 ? 2 : 3;
}

static void test_reader(void **state)
{
        (void) state;
        assert_int_equal(in_child(check_reader), 0);
        assert_int_equal(in_child(check_reader_serves), 256 + SIGSYS);
        assert_int_equal(in_child(check_reader_forges), 256 + SIGSYS);
}

static int check_parent_lost(void)
{
        return sandbox_die_with_parent(1) == -ESRCH && sandbox_die_with_parent(getppid()) == 0 ? 0 : 1;
}

static void test_parent_lost(void **state)
{
        (void) state;
        assert_int_equal(in_child(check_parent_lost), 0);
}

static int check_no_store(void)
{
        struct sandbox_engine_params p = {.store_dir = "/nonexistent/store"};
        char text[256];
        struct buf note = BUF_FIXED(text);

        return sandbox_engine(&p, &note) == -ENOENT ? 0 : 1;
}

static void test_missing_folder(void **state)
{
        (void) state;
        if (sandbox_landlock_abi() == 0)
                skip();
        assert_int_equal(in_child(check_no_store), 0);
}

static int give_descriptor(void)
{
        union {
                char space[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } control = {.space = {0}};
        char byte = 0;
        struct iovec iov = {.iov_base = &byte, .iov_len = 1};
        struct msghdr msg = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &channel[0], sizeof(int));
        return sendmsg(channel[0], &msg, 0) == 1 ? 0 : -errno;
}

static int setup(void **state)
{
        struct sockaddr_un at = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        char mine[96];

        (void) state;
        parent_pid = getpid();
        if (!mkdtemp(store) || !mkdtemp(outside) || chmod(store, 0777) < 0 || chmod(outside, 0777) < 0)
                return -1;
        snprintf(at.sun_path, sizeof(at.sun_path), "%.60s/listen", store);
        if (fd < 0 || bind(fd, (struct sockaddr *) &at, sizeof(at)) < 0 || listen(fd, 8) < 0 ||
            chmod(at.sun_path, 0777) < 0)
                return -1;
        for (int i = 0; i < 2; i++) {
                snprintf(mine, sizeof(mine), "%.60s/mine", i ? outside : store);
                fd = open(mine, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
                if (fd < 0)
                        return -1;
                close(fd);
        }
        packet_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) < 0)
                return -1;
        return give_descriptor();
}

static int teardown(void **state)
{
        static const char *const files[] = {"mine", "listen", "file", "test.db", "test.db-wal", "test.db-shm"};
        char path[96];

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                snprintf(path, sizeof(path), "%s/%s", store, files[i]);
                (void) unlink(path);
        }
        snprintf(path, sizeof(path), "%.60s/mine", outside);
        (void) unlink(path);
        return rmdir(store) < 0 || rmdir(outside) < 0 ? -1 : 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_intruder_is_killed),
                cmocka_unit_test(test_rest_is_refused),
                cmocka_unit_test(test_other_abis),
                cmocka_unit_test(test_files_are_out_of_sight),
                cmocka_unit_test(test_shadow),
                cmocka_unit_test(test_capture_descriptor),
                cmocka_unit_test(test_work_goes_on),
                cmocka_unit_test(test_warden),
                cmocka_unit_test(test_user),
                cmocka_unit_test(test_reader),
                cmocka_unit_test(test_parent_lost),
                cmocka_unit_test(test_missing_folder),
        };

        return cmocka_run_group_tests_name("daemon/sandbox", tests, setup, teardown);
}
