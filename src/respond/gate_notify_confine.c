/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the keeper's child on a person's bus gives up before it reads anything from there. The keeper holds the gate's
 * maps and most of root's rights; the bus belongs to the person, and so to every program that person runs. Runs in the
 * keeper's children. */
#include "respond/gate_notify_child.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/cleanup.h"

#if defined(__SANITIZE_ADDRESS__)
#define CONFINE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CONFINE_SANITIZED 1
#endif
#endif

#define NOBODY_GID 65534       /* the bus asks for the user only */
#define SHARED_MAX 256         /* mappings */
#define MEMORY_MAX (64u << 20) /* a message may claim 128 MB (D-Bus specification, "Maximum message length") */
#define CPU_MAX    60          /* seconds, against a bus that never stops talking */
#define SOCKET_FD  3

/* Memory that a fork shares with its parent, such as the maps of BPF programs that are mapped. */
static int drop_shared_memory(void)
{
        static struct {
                unsigned long start, end;
        } shared[SHARED_MAX];
        _cleanup_fclose_ FILE *f = fopen("/proc/self/maps", "re");
        char line[512];
        size_t n = 0;

        if (!f)
                return -errno;
        while (fgets(line, sizeof(line), f)) {
                unsigned long start, end;
                char rights[5];

                /* A line longer than ours goes on without an address in front. */
                if (sscanf(line, "%lx-%lx %4s", &start, &end, rights) != 3 || rights[3] != 's')
                        continue;
                if (n == SHARED_MAX)
                        return -E2BIG;
                shared[n].start = start;
                shared[n++].end = end;
        }
        if (ferror(f))
                return -EIO;
        for (size_t i = 0; i < n; i++)
                if (munmap((void *) shared[i].start, shared[i].end - shared[i].start) < 0)
                        return -errno;
        return 0;
}

static void reset_signals(void)
{
        sigset_t none;

        for (int i = 1; i < NSIG; i++)
                (void) signal(i, SIG_DFL); /* refused for SIGKILL and SIGSTOP */
        sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
}

int gate_notify_confine_inherit(int *fd)
{
        int null, r;

        reset_signals();
        r = drop_shared_memory();
        if (r < 0)
                return r;
        if (*fd != SOCKET_FD && dup2(*fd, SOCKET_FD) < 0)
                return -errno;
        *fd = SOCKET_FD;
        null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null < 0)
                return -errno;
        for (int i = 0; i < SOCKET_FD; i++)
                if (dup2(null, i) < 0)
                        return -errno;
        if (close_range(SOCKET_FD + 1, ~0u, 0) < 0)
                return -errno;
        return 0;
}

static int set_limits(void)
{
        static const struct {
                int what;
                rlim_t value;
        } limits[] = {
                {RLIMIT_CORE, 0},          {RLIMIT_FSIZE, 0},     {RLIMIT_NOFILE, 16},
                {RLIMIT_MEMLOCK, 0},       {RLIMIT_CPU, CPU_MAX},
#ifndef CONFINE_SANITIZED /* whose shadow memory is as large as it likes */
                {RLIMIT_DATA, MEMORY_MAX},
#endif
        };

        for (size_t i = 0; i < ELEMENTSOF(limits); i++)
                if (setrlimit((__rlimit_resource_t) limits[i].what,
                              &(struct rlimit){limits[i].value, limits[i].value}) < 0)
                        return -errno;
        return 0;
}

static int become(uid_t uid)
{
        uid_t r, e, s;

        if (geteuid() == 0) {
                /* Without CAP_SETPCAP it stays as it is; no_new_privs then is what keeps it from being used. */
                for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
                        (void) prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
                if (setgroups(0, NULL) < 0 || setresgid(NOBODY_GID, NOBODY_GID, NOBODY_GID) < 0 ||
                    setresuid(uid, uid, uid) < 0)
                        return -errno;
        }
        if (getresuid(&r, &e, &s) < 0 || r != uid || e != uid || s != uid)
                return -EPERM;
        capng_clear(CAPNG_SELECT_ALL);
        if (capng_apply(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT) < 0)
                return -EPERM;
        if (capng_get_caps_process() < 0 || capng_have_permitted_capabilities() != CAPNG_NONE ||
            capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE)
                return -EPERM;
        return 0;
}

int gate_notify_confine_user(uid_t uid, pid_t parent)
{
        int r;

        (void) prctl(PR_SET_NAME, "sekimori-notify", 0, 0, 0);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        r = set_limits();
        if (r < 0)
                return r;
        r = become(uid);
        if (r < 0)
                return r;
        /* Both are forgotten at a change of user. */
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
                return -errno;
        return getppid() == parent ? 0 : -ESRCH; /* it may have ended just before */
}

#ifndef CONFINE_SANITIZED
static const int allowed[] = {
        SCMP_SYS(read),         SCMP_SYS(readv),          SCMP_SYS(write),        SCMP_SYS(writev),
        SCMP_SYS(close),        SCMP_SYS(fcntl),          SCMP_SYS(fstat),        SCMP_SYS(newfstatat),
        SCMP_SYS(sendto),       SCMP_SYS(sendmsg),        SCMP_SYS(recvfrom),     SCMP_SYS(recvmsg),
        SCMP_SYS(shutdown),     SCMP_SYS(getsockopt),     SCMP_SYS(setsockopt),   SCMP_SYS(getsockname),
        SCMP_SYS(getpeername),  SCMP_SYS(poll),           SCMP_SYS(ppoll),        SCMP_SYS(clock_gettime),
        SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday),   SCMP_SYS(time),         SCMP_SYS(brk),
        SCMP_SYS(munmap),       SCMP_SYS(mremap),         SCMP_SYS(madvise),      SCMP_SYS(futex),
        SCMP_SYS(rseq),         SCMP_SYS(getrandom),      SCMP_SYS(getpid),       SCMP_SYS(gettid),
        SCMP_SYS(getuid),       SCMP_SYS(geteuid),        SCMP_SYS(getgid),       SCMP_SYS(getegid),
        SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall),
        SCMP_SYS(exit),         SCMP_SYS(exit_group),
};

/* What only an intruder would try: the process ends. All else fails with EPERM. */
static const int deadly[] = {
        SCMP_SYS(execve), SCMP_SYS(execveat),         SCMP_SYS(fork),        SCMP_SYS(vfork),
        SCMP_SYS(clone),  SCMP_SYS(clone3),           SCMP_SYS(socket),      SCMP_SYS(socketpair),
        SCMP_SYS(bpf),    SCMP_SYS(connect),          SCMP_SYS(bind),        SCMP_SYS(ptrace),
        SCMP_SYS(kill),   SCMP_SYS(process_vm_readv), SCMP_SYS(setresuid),   SCMP_SYS(process_vm_writev),
        SCMP_SYS(setuid), SCMP_SYS(pidfd_open),       SCMP_SYS(pidfd_getfd), SCMP_SYS(io_uring_setup),
        SCMP_SYS(mount),  SCMP_SYS(unshare),          SCMP_SYS(setns),       SCMP_SYS(perf_event_open),
};

static void filter_done(scmp_filter_ctx *ctx)
{
        if (*ctx)
                seccomp_release(*ctx);
}

static int add(scmp_filter_ctx ctx, uint32_t action, const int *calls, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                int r = seccomp_rule_add(ctx, action, calls[i], 0);

                if (r < 0 && r != -EDOM) /* not on this architecture */
                        return r;
        }
        return 0;
}

int gate_notify_confine_calls(void)
{
        _cleanup_(filter_done)
        scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
        int r;

        if (!ctx)
                return -ENOMEM;
        r = add(ctx, SCMP_ACT_ALLOW, allowed, ELEMENTSOF(allowed));
        if (r == 0)
                r = add(ctx, SCMP_ACT_KILL_PROCESS, deadly, ELEMENTSOF(deadly));
        /* Memory, but none that can be executed. */
        if (r == 0)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        if (r == 0)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                                     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        return r == 0 ? seccomp_load(ctx) : r;
}
#else
int gate_notify_confine_calls(void)
{
        return 0; /* a sanitizer's own calls are too many to list */
}
#endif
