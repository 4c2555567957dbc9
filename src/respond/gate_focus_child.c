/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From fork to an unprivileged process that speaks to an X server and tells one thing. Runs in a process of its own
 * that the keeper forked, one per X11 session. There is no exec: what of the keeper's memory leads to the kernel is
 * unmapped, its descriptors are closed, its rights are given up. The session's user may not trace it, since a process
 * that changed its user is not dumpable. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "respond/gate_focus_internal.h"

#define REPORT_FD    3
#define WATCHDOG_SEC 10 /* a server that does not answer for so long ends this process */
#define MEMORY_MAX   (64u << 20)

/* Sanitizers need memory and calls that nobody else may have. */
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

/* Maps and rings of BPF programs are memory shared with the kernel, which a fork keeps. */
static int unmap_shared(void)
{
        _cleanup_fclose_ FILE *maps = fopen("/proc/self/maps", "re");
        char line[512];

        if (!maps)
                return -errno;
        while (fgets(line, sizeof(line), maps)) {
                unsigned long from, to;
                char rights[8];

                if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3)
                        continue;
                if (rights[3] == 's' && (rights[1] == 'w' || strstr(line, "anon_inode:")))
                        (void) munmap((void *) from, to - from); // NOLINT(performance-no-int-to-ptr)
        }
        return 0;
}

static int close_others(int report)
{
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        /* Above all that is replaced now. */
        report = fcntl(report, F_DUPFD, REPORT_FD + 1);
        if (report < 0)
                return -errno;
        for (int fd = 0; fd < 3; fd++)
                if (null < 0)
                        close(fd);
                else if (dup2(null, fd) < 0)
                        return -errno;
        if (dup2(report, REPORT_FD) < 0)
                return -errno;
        closefrom(REPORT_FD + 1);
        return 0;
}

static void reset_signals(void)
{
        sigset_t none;

        for (int sig = 1; sig < SIGRTMIN; sig++)
                (void) signal(sig, SIG_DFL);
        sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) prctl(PR_SET_NAME, "gate-focus");
}

static int limit(void)
{
        static const struct {
                int what;
                rlim_t most;
        } limits[] = {
                {RLIMIT_CORE, 0},    {RLIMIT_FSIZE, 0},   {RLIMIT_NPROC, 0},
                {RLIMIT_MEMLOCK, 0}, {RLIMIT_NOFILE, 16}, {RLIMIT_DATA, SANITIZED ? RLIM_INFINITY : MEMORY_MAX},
        };

        for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
                struct rlimit l;

                if (getrlimit((__rlimit_resource_t) limits[i].what, &l) < 0)
                        return -errno;
                l.rlim_max = MIN(l.rlim_max, limits[i].most);
                l.rlim_cur = MIN(l.rlim_cur, l.rlim_max);
                if (setrlimit((__rlimit_resource_t) limits[i].what, &l) < 0)
                        return -errno;
        }
        return 0;
}

static int drop_user(const struct gate_focus_job *job, pid_t parent)
{
        struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct data[2] = {0};

        if (job->uid == 0)
                return -EPERM;
        /* Where root never was (tests), it need not be given up. */
        if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(job->gid, job->gid, job->gid) < 0 ||
                               setresuid(job->uid, job->uid, job->uid) < 0))
                return -errno;
        if (syscall(SYS_capset, &head, data) < 0)
                return -errno;
        if (geteuid() == 0 || getuid() == 0 || seteuid(0) == 0)
                return -EPERM;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
            prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
                return -errno;
        return getppid() == parent ? 0 : -ESRCH;
}

static const int allowed[] = {
        /* the connection (xcb) and the report */
        SCMP_SYS(read),
        SCMP_SYS(readv),
        SCMP_SYS(recvfrom),
        SCMP_SYS(recvmsg),
        SCMP_SYS(write),
        SCMP_SYS(writev),
        SCMP_SYS(sendto),
        SCMP_SYS(poll),
        SCMP_SYS(ppoll),
        SCMP_SYS(fcntl),
        SCMP_SYS(shutdown),
        SCMP_SYS(close),
        /* time, the watchdog, memory, the end */
        SCMP_SYS(clock_gettime),
        SCMP_SYS(alarm),
        SCMP_SYS(setitimer),
        SCMP_SYS(brk),
        SCMP_SYS(munmap),
        SCMP_SYS(mremap),
        SCMP_SYS(madvise),
        SCMP_SYS(futex),
        SCMP_SYS(getrandom),
        SCMP_SYS(restart_syscall),
        SCMP_SYS(rt_sigreturn),
        SCMP_SYS(exit),
        SCMP_SYS(exit_group),
};

/* What is not listed ends the process. */
static int filter(void)
{
        scmp_filter_ctx f = SANITIZED ? NULL : seccomp_init(SCMP_ACT_KILL_PROCESS);
        int r = 0;

        if (!f)
                return SANITIZED ? 0 : -ENOMEM;
        for (size_t i = 0; r == 0 && i < ELEMENTSOF(allowed); i++)
                r = seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0);
        if (r == 0)
                r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        if (r == 0)
                r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                                     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        if (r == 0)
                r = seccomp_load(f);
        seccomp_release(f);
        return r;
}

static int run(const struct gate_focus_job *given, pid_t parent)
{
        struct gate_focus_job job = *given;
        struct gate_focus_server server;
        int r;

        reset_signals();
        (void) alarm(WATCHDOG_SEC);
        r = close_others(job.report);
        if (r < 0)
                return r;
        job.report = REPORT_FD;
        r = unmap_shared();
        if (r >= 0)
                r = gate_focus_find(&job, &server);
        if (r >= 0)
                r = limit();
        if (r >= 0)
                r = drop_user(&job, parent);
        if (r >= 0)
                r = filter();
        return r < 0 ? r : gate_focus_observe(&job, &server);
}

_Noreturn void gate_focus_child(const struct gate_focus_job *job)
{
        _exit(run(job, getppid()) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}
