/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The attempts of test_sandbox.c, each a forbidden or a needed thing. */
#include "sandbox_attempts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
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

#define X32 0x40000000

char store[] = "/tmp/sekimori-sandbox-XXXXXX";
char outside[] = "/tmp/sekimori-outside-XXXXXX";
int packet_fd = -1;
int channel[2]; /* a socket pair given to the child */
pid_t parent_pid;

static int last_errno(long r)
{
        return r < 0 ? errno : 0;
}

int try_shadow(void)
{
        return last_errno(open("/etc/shadow", O_RDONLY | O_CLOEXEC));
}

int try_passwd(void)
{
        return last_errno(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

int try_create_outside(void)
{
        char path[64];

        snprintf(path, sizeof(path), "%s/file", outside);
        return last_errno(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

int try_proc(void)
{
        return last_errno(open("/proc/1/status", O_RDONLY | O_CLOEXEC));
}

int try_exec(void)
{
        char *const argv[] = {(char *) "true", NULL};

        return last_errno(execv("/bin/true", argv));
}

int try_execveat(void)
{
        return last_errno(syscall(SYS_execveat, AT_FDCWD, "/bin/true", NULL, NULL, 0));
}

int try_fork(void)
{
        pid_t pid = fork();

        if (pid == 0)
                _exit(0);
        return last_errno(pid);
}

int try_bpf(void)
{
        return last_errno(syscall(SYS_bpf, 0, NULL, 0));
}

int try_inet(void)
{
        return last_errno(socket(AF_INET, SOCK_DGRAM, 0));
}

int try_inet6(void)
{
        return last_errno(socket(AF_INET6, SOCK_STREAM, 0));
}

int try_packet(void)
{
        return last_errno(socket(AF_PACKET, SOCK_RAW, 0));
}

int try_netlink(void)
{
        return last_errno(socket(AF_NETLINK, SOCK_RAW, 0));
}

int try_vsock(void)
{
        return last_errno(socket(AF_VSOCK, SOCK_STREAM, 0));
}

int try_inet_high_bits(void)
{
        return last_errno(syscall(SYS_socket, 0x100000000L | AF_INET, SOCK_DGRAM, 0));
}

int try_bluetooth(void)
{
        return last_errno(socket(AF_BLUETOOTH, SOCK_RAW, 0));
}

int try_ptrace(void)
{
        return last_errno(ptrace(PTRACE_ATTACH, parent_pid, NULL, NULL));
}

int try_vm_write(void)
{
        return last_errno(syscall(SYS_process_vm_writev, parent_pid, NULL, 0, NULL, 0, 0));
}

int try_kill(void)
{
        return last_errno(kill(parent_pid, 0));
}

int try_mount(void)
{
        return last_errno(mount("none", "/mnt", "tmpfs", 0, NULL));
}

int try_unshare(void)
{
        return last_errno(unshare(CLONE_NEWUSER));
}

int try_setns(void)
{
        return last_errno(setns(0, 0));
}

int try_io_uring(void)
{
        return last_errno(syscall(SYS_io_uring_setup, 1, NULL));
}

int try_perf(void)
{
        return last_errno(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
}

int try_module(void)
{
        return last_errno(syscall(SYS_init_module, NULL, 0, ""));
}

int try_keyctl(void)
{
        return last_errno(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
}

int try_pidfd_getfd(void)
{
        return last_errno(syscall(SYS_pidfd_getfd, 0, 0, 0));
}

int try_handle(void)
{
        return last_errno(syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, O_RDONLY));
}

int try_userfaultfd(void)
{
        return last_errno(syscall(SYS_userfaultfd, 0));
}

int try_setuid(void)
{
        return last_errno(setuid(0));
}

int try_ambient(void)
{
        return last_errno(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 0, 0, 0));
}

int try_dumpable(void)
{
        return last_errno(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

int try_executable_memory(void)
{
        void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        return p == MAP_FAILED ? errno : 0;
}

#if defined(__x86_64__)
int try_x32(void)
{
        return last_errno(syscall(X32 | SYS_getpid));
}

int try_i386(void)
{
        long r;

        /* getpid of the i386 table */
        __asm__ volatile("int $0x80" : "=a"(r) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
        return r < 0 ? (int) -r : 0;
}
#endif

static const struct sockaddr_ll loopback_link = {.sll_family = AF_PACKET, .sll_ifindex = 1, .sll_halen = 6};

int send_packet(long fd)
{
        static const char frame[64];

        return last_errno(syscall(SYS_sendto, fd, frame, sizeof(frame), 0, &loopback_link, sizeof(loopback_link)));
}

int try_send_packet(void)
{
        return send_packet(packet_fd);
}

int try_send_packet_high_bits(void)
{
        return send_packet(0x700000000L | packet_fd);
}

int try_sendmsg_packet(void)
{
        static char frame[64];
        struct iovec iov = {.iov_base = frame, .iov_len = sizeof(frame)};
        struct sockaddr_ll to = loopback_link;
        struct msghdr msg = {.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &iov, .msg_iovlen = 1};

        return last_errno(sendmsg(packet_fd, &msg, 0));
}

int try_write_packet(void)
{
        return last_errno(write(packet_fd, store, sizeof(store)));
}

int try_dup_packet(void)
{
        return last_errno(dup(packet_fd));
}

int try_dupfd_packet(void)
{
        return last_errno(fcntl(packet_fd, F_DUPFD_CLOEXEC, 100));
}

int try_bind_packet(void)
{
        return last_errno(bind(packet_fd, (const struct sockaddr *) &loopback_link, sizeof(loopback_link)));
}

int try_unfilter_packet(void)
{
        int one = 1;

        return last_errno(setsockopt(packet_fd, SOL_SOCKET, SO_DETACH_FILTER, &one, sizeof(one)));
}

int try_high_dup(void)
{
        return last_errno(dup2(packet_fd, 200));
}

/* To oneself: it would come back with a number that no rule knows. */
int try_pass_packet(void)
{
        union {
                char space[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } control = {.space = {0}};
        char byte = 0;
        struct iovec iov = {.iov_base = &byte, .iov_len = 1};
        struct mmsghdr m = {
                .msg_hdr = {
                        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)}};
        struct cmsghdr *c = CMSG_FIRSTHDR(&m.msg_hdr);

        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &packet_fd, sizeof(int));
        if (sendmmsg(channel[0], &m, 1, 0) == 1)
                return 0;
        return last_errno(sendmsg(channel[0], &m.msg_hdr, 0));
}

int may_read_packet_stats(void)
{
        struct tpacket_stats st;
        socklen_t n = sizeof(st);

        return last_errno(getsockopt(packet_fd, SOL_PACKET, PACKET_STATISTICS, &st, &n));
}

int may_open_store(void)
{
        char path[64];

        snprintf(path, sizeof(path), "%s/file", store);
        return last_errno(open(path, O_CREAT | O_RDWR | O_TRUNC | O_CLOEXEC, 0600));
}

int may_sqlite(void)
{
        sqlite3 *db = NULL;
        char path[64];
        int r;

        snprintf(path, sizeof(path), "%s/test.db", store);
        if (sqlite3_open(path, &db) != SQLITE_OK)
                return EIO;
        r = sqlite3_exec(db,
                         "PRAGMA journal_mode=WAL; CREATE TABLE t(a); BEGIN; INSERT INTO t VALUES(1); COMMIT;"
                         "PRAGMA wal_checkpoint(TRUNCATE); VACUUM;",
                         NULL, NULL, NULL);
        if (r == SQLITE_OK && sqlite3_total_changes(db) < 1)
                r = SQLITE_ERROR;
        if (sqlite3_close(db) != SQLITE_OK || r != SQLITE_OK)
                return EIO;
        return 0;
}

int may_connect_unix(void)
{
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return errno;
        snprintf(to.sun_path, sizeof(to.sun_path), "%.60s/listen", store);
        return last_errno(connect(fd, (struct sockaddr *) &to, sizeof(to)));
}

int may_pass_descriptor(void)
{
        union {
                char space[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } control;
        char byte;
        struct iovec iov = {.iov_base = &byte, .iov_len = 1};
        struct msghdr msg = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};

        if (recvmsg(channel[1], &msg, MSG_CMSG_CLOEXEC) != 1)
                return errno ? errno : EIO;
        return CMSG_FIRSTHDR(&msg) ? 0 : EIO;
}

int may_read_zone(void)
{
        struct tm tm;
        time_t t = 0;

        setenv("TZ", "Asia/Tokyo", 1);
        tzset();
        return localtime_r(&t, &tm) && tm.tm_hour == 9 ? 0 : EIO;
}

static void *thread_main(void *arg)
{
        return arg;
}

int may_thread(void)
{
        pthread_t t;
        void *back = NULL;
        int r = pthread_create(&t, NULL, thread_main, store);

        if (r == 0)
                r = pthread_join(t, &back);
        return r != 0 ? r : back == store ? 0 : EIO;
}

int may_signal_itself(void)
{
        signal(SIGUSR1, SIG_IGN);
        return raise(SIGUSR1) == 0 ? last_errno(kill(getpid(), SIGUSR1)) : errno;
}
