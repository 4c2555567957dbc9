/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starts the scanner, takes its rights away but for two, and answers the engine's requests one by one. */
#include "source/host_proc_scanner.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "source/host_proc_diag.h"
#include "source/host_proc_walk.h"

#define USER_NOBODY   65534
#define ADDRESSES_MAX 1024
#define CAPTURE_FD    512 /* the capture's descriptor is this or above: below it may be sent */

struct scanner {
        struct host_proc_walk *walk;
        int fd, capture_fd;
        int diag_fd;                     /* asks for single connections; negative: not possible */
        struct addr told[ADDRESSES_MAX]; /* addresses the engine knows */
        size_t n_told;
        struct host_proc_record batch[HOST_PROC_BATCH];
        size_t n_batch;
};

static void filter_done(scmp_filter_ctx *ctx)
{
        if (*ctx)
                seccomp_release(*ctx);
}

/* Reading, and answering on the socket; all else fails. */
static int restrict_calls(void)
{
        static const int calls[] = {
                SCMP_SYS(read),           SCMP_SYS(close),      SCMP_SYS(fstat),         SCMP_SYS(newfstatat),
                SCMP_SYS(stat),           SCMP_SYS(statx),      SCMP_SYS(lseek),         SCMP_SYS(readlink),
                SCMP_SYS(readlinkat),     SCMP_SYS(getdents64), SCMP_SYS(recvfrom),      SCMP_SYS(recvmsg),
                SCMP_SYS(getsockname),    SCMP_SYS(getsockopt), SCMP_SYS(clock_gettime), SCMP_SYS(brk),
                SCMP_SYS(munmap),         SCMP_SYS(mremap),     SCMP_SYS(madvise),       SCMP_SYS(futex),
                SCMP_SYS(getpid),         SCMP_SYS(gettid),     SCMP_SYS(getrandom),     SCMP_SYS(rt_sigreturn),
                SCMP_SYS(rt_sigprocmask), SCMP_SYS(exit_group), SCMP_SYS(rt_sigaction),  SCMP_SYS(sched_yield),
        };
        static const unsigned fcntls[] = {F_GETFL, F_GETFD, F_SETFD}; /* what opendir() asks; no copies */
        _cleanup_(filter_done)
        scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
        int r = ctx ? seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) : -ENOMEM;

        for (size_t i = 0; r == 0 && i < ELEMENTSOF(calls); i++) {
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
                r = r == -EDOM ? 0 : r;
        }
        for (size_t i = 0; r == 0 && i < ELEMENTSOF(fcntls); i++)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, fcntls[i]));
        if (r == 0)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                                     SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY));
        if (r == 0)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        /* getifaddrs() asks over netlink, with descriptor and address of its own; the engine is answered on ours. */
        if (r == 0)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_NETLINK));
        if (r == 0)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 1, SCMP_A0(SCMP_CMP_LT, CAPTURE_FD));
        if (r == 0)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(bind), 1, SCMP_A0(SCMP_CMP_LT, CAPTURE_FD));
        return r == 0 ? seccomp_load(ctx) : r;
}

/* Where root: nobody, with what is needed to read any process's folder as far as the warden itself may. */
static int restrict_user(void)
{
        static const unsigned keep[] = {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH};
        bool have[ELEMENTSOF(keep)];

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        if (geteuid() != 0)
                return 0;
        if (capng_get_caps_process() < 0)
                return -EIO;
        for (size_t i = 0; i < ELEMENTSOF(keep); i++)
                have[i] = capng_have_capability(CAPNG_PERMITTED, keep[i]);
        capng_clear(CAPNG_SELECT_ALL);
        for (size_t i = 0; i < ELEMENTSOF(keep); i++)
                if (have[i] && capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, keep[i]) < 0)
                        return -EINVAL;
        if (capng_change_id(USER_NOBODY, USER_NOBODY,
                            CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING | CAPNG_CLEAR_AMBIENT) < 0)
                return -EPERM;
        /* Without CAP_SYS_PTRACE it could not even read its own folder if it were not to be dumped. */
        return prctl(PR_SET_DUMPABLE, have[0] ? 0 : 1, 0, 0, 0) < 0 ? -errno : 0;
}

static int find_connection(void *userdata, const struct host_proc_query *q, struct proc_socket *ret)
{
        const struct scanner *s = userdata;

        return host_proc_diag_find(s->diag_fd, q, ret);
}

static int flush(struct scanner *s)
{
        size_t n = s->n_batch * sizeof(s->batch[0]);

        s->n_batch = 0;
        if (n == 0)
                return 0;
        return send(s->fd, s->batch, n, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int add_record(void *userdata, const struct host_proc_record *r)
{
        struct scanner *s = userdata;

        s->batch[s->n_batch++] = *r;
        return s->n_batch == HOST_PROC_BATCH ? flush(s) : 0;
}

static bool is_told(const struct scanner *s, const struct addr *a)
{
        for (size_t i = 0; i < s->n_told; i++)
                if (addr_equal(&s->told[i], a))
                        return true;
        return false;
}

/* Addresses stay told: packets under way may still carry one that was just removed. */
static int tell_addresses(struct scanner *s)
{
        struct ifaddrs *list;
        int r = 0;

        if (getifaddrs(&list) < 0)
                return -errno;
        for (const struct ifaddrs *i = list; i && r == 0; i = i->ifa_next) {
                struct host_proc_record record = {.type = RECORD_ADDRESS};

                if (!i->ifa_addr)
                        continue;
                if (i->ifa_addr->sa_family == AF_INET)
                        record.address = addr_from_v4(
                                ((const struct sockaddr_in *) (const void *) i->ifa_addr)->sin_addr.s_addr);
                else if (i->ifa_addr->sa_family == AF_INET6)
                        memcpy(record.address.b, &((const struct sockaddr_in6 *) (const void *) i->ifa_addr)->sin6_addr,
                               16);
                else
                        continue;
                if (is_told(s, &record.address) || s->n_told == ADDRESSES_MAX)
                        continue;
                s->told[s->n_told++] = record.address;
                r = add_record(s, &record);
        }
        freeifaddrs(list);
        return r;
}

static bool is_on(const char *path)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        char c = '0';

        return fd >= 0 && read(fd, &c, 1) == 1 && c != '0';
}

static void count_capture(const struct scanner *s, struct host_proc_end *end)
{
        struct tpacket_stats_v3 st;
        socklen_t n = sizeof(st);

        if (s->capture_fd < 0 || getsockopt(s->capture_fd, SOL_PACKET, PACKET_STATISTICS, &st, &n) < 0)
                return;
        end->captured = st.tp_packets;
        end->capture_drops = st.tp_drops;
}

static nsec_t cpu_time(void)
{
        struct timespec ts = {0};

        (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
        return (nsec_t) ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

static int answer(struct scanner *s, const struct host_proc_request *q)
{
        struct host_proc_record record = {.type = RECORD_END, .end = {.seq = q->seq}};
        nsec_t began = cpu_time();
        int r = tell_addresses(s);

        if (r == 0)
                r = host_proc_walk_scan(s->walk, q, &record.end);
        if (r < 0)
                return r;
        record.end.forwards = is_on("/proc/sys/net/ipv4/ip_forward") || is_on("/proc/sys/net/ipv6/conf/all/forwarding");
        count_capture(s, &record.end);
        record.end.duration = (uint64_t) (cpu_time() - began);
        r = add_record(s, &record);
        return r == 0 ? flush(s) : r;
}

static int run(struct scanner *s)
{
        for (;;) {
                struct host_proc_request q;
                ssize_t n = recv(s->fd, &q, sizeof(q), 0);
                int r;

                if (n == 0)
                        return 0;
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n != sizeof(q) || q.n_queries > HOST_PROC_QUERIES)
                        continue; /* not a request */
                r = answer(s, &q);
                if (r < 0)
                        return r;
        }
}

static void close_range_of(unsigned first, unsigned last)
{
        if (first > last)
                return;
        if (syscall(SYS_close_range, first, last, 0) < 0 && errno == ENOSYS)
                for (unsigned fd = first; fd <= MIN(last, 65535u); fd++)
                        close((int) fd);
}

/* Descriptors and signal handlers of the warden are not the scanner's. */
static int leave_warden(int *fd, int *capture_fd)
{
        _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        sigset_t none;
        unsigned low, high;

        if (null < 0)
                return -errno;
        *fd = fcntl(*fd, F_DUPFD_CLOEXEC, 3); /* out of the way of the standard three */
        if (*fd >= 0 && *capture_fd >= 0)
                *capture_fd = fcntl(*capture_fd, F_DUPFD_CLOEXEC, CAPTURE_FD); /* else without its statistics */
        if (*fd < 0)
                return -errno;
        for (int i = 0; i <= 2; i++)
                if (dup2(null, i) < 0)
                        return -errno;
        low = (unsigned) (*capture_fd >= 0 ? MIN(*fd, *capture_fd) : *fd);
        high = (unsigned) MAX(*fd, *capture_fd);
        close_range_of(3, low - 1);
        close_range_of(low + 1, high - 1);
        close_range_of(high + 1, ~0u);
        null = -EBADF;
        for (int i = 1; i < NSIG; i++)
                (void) signal(i, SIG_DFL);
        sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) prctl(PR_SET_NAME, "sekimori-proc");
        return 0;
}

static int scanner_main(int fd, int capture_fd)
{
        static struct scanner s;
        struct host_proc_walk_params params = {.proc = "/proc", .emit = add_record, .userdata = &s};
        struct stat st;
        int r = leave_warden(&fd, &capture_fd);

        if (r < 0)
                return r;
        if (capture_fd >= 0 && fstat(capture_fd, &st) == 0)
                params.own_inode = st.st_ino;
        s.fd = fd;
        s.capture_fd = capture_fd;
        r = host_proc_diag_open(&s.diag_fd);
        if (r == 0)
                params.find = find_connection;
        r = restrict_user();
        if (r == 0)
                r = restrict_calls();
        if (r == 0)
                r = host_proc_walk_new(&params, &s.walk);
        if (r == 0)
                r = run(&s);
        host_proc_walk_free(s.walk);
        return r;
}

int host_proc_scanner_start(int capture_fd, int *ret_fd)
{
        int pair[2], status;
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        pid = fork();
        if (pid < 0) {
                int r = -errno;

                close(pair[0]);
                close(pair[1]);
                return r;
        }
        if (pid == 0) {
                /* A second fork makes it nobody's child, so that the warden's waiting never meets it. */
                pid = fork();
                if (pid == 0)
                        _exit(scanner_main(pair[1], capture_fd) < 0 ? 1 : 0);
                _exit(pid < 0 ? 1 : 0);
        }
        close(pair[1]);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        break;
        *ret_fd = pair[0];
        return 0;
}
