/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine's system calls. Two filters, of which the kernel takes the stricter answer for each call: the first lists
 * what the engine does (all else fails with EPERM); the second ends the process for what only an intruder would try,
 * and refuses what could send on or copy the capture descriptor. The second compares the low 32 bits of descriptors and
 * families, as the kernel does, so that garbage in the high bits passes neither. Runs in the engine. */
#include "daemon/sandbox_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>

#include "base/cleanup.h"

#define LOW32 0xffffffffu

static void filter_done(scmp_filter_ctx *ctx)
{
        if (*ctx)
                seccomp_release(*ctx);
}

static const int allowed[] = {
        /* files: SQLite, the event log, configuration, time zone */
        SCMP_SYS(read),
        SCMP_SYS(readv),
        SCMP_SYS(pread64),
        SCMP_SYS(preadv),
        SCMP_SYS(write),
        SCMP_SYS(writev),
        SCMP_SYS(pwrite64),
        SCMP_SYS(pwritev),
        SCMP_SYS(open),
        SCMP_SYS(openat),
        SCMP_SYS(close),
        SCMP_SYS(close_range),
        SCMP_SYS(lseek),
        SCMP_SYS(stat),
        SCMP_SYS(lstat),
        SCMP_SYS(fstat),
        SCMP_SYS(newfstatat),
        SCMP_SYS(statx),
        SCMP_SYS(statfs),
        SCMP_SYS(fstatfs),
        SCMP_SYS(access),
        SCMP_SYS(faccessat),
        SCMP_SYS(faccessat2),
        SCMP_SYS(readlink),
        SCMP_SYS(readlinkat),
        SCMP_SYS(getdents64),
        SCMP_SYS(getcwd),
        SCMP_SYS(fcntl),
        SCMP_SYS(flock),
        SCMP_SYS(fsync),
        SCMP_SYS(fdatasync),
        SCMP_SYS(ftruncate),
        SCMP_SYS(fallocate),
        SCMP_SYS(fadvise64),
        SCMP_SYS(unlink),
        SCMP_SYS(unlinkat),
        SCMP_SYS(rename),
        SCMP_SYS(renameat),
        SCMP_SYS(renameat2),
        SCMP_SYS(mkdir),
        SCMP_SYS(mkdirat),
        SCMP_SYS(rmdir),
        SCMP_SYS(umask),
        SCMP_SYS(fchmod),
        SCMP_SYS(dup),
        SCMP_SYS(dup2),
        SCMP_SYS(dup3),
        SCMP_SYS(pipe2),
        SCMP_SYS(utimensat),
        /* sockets: its own, of the Unix family. No sendmsg() or sendmmsg(): a descriptor that is sent to oneself comes
         * back with a number that no rule knows, and the filter cannot see into a message. */
        SCMP_SYS(connect),
        SCMP_SYS(bind),
        SCMP_SYS(listen),
        SCMP_SYS(accept),
        SCMP_SYS(accept4),
        SCMP_SYS(shutdown),
        SCMP_SYS(sendto),
        SCMP_SYS(recvfrom),
        SCMP_SYS(recvmsg),
        SCMP_SYS(recvmmsg),
        SCMP_SYS(getsockopt),
        SCMP_SYS(setsockopt),
        SCMP_SYS(getsockname),
        SCMP_SYS(getpeername),
        /* waiting and time */
        SCMP_SYS(poll),
        SCMP_SYS(ppoll),
        SCMP_SYS(select),
        SCMP_SYS(pselect6),
        SCMP_SYS(epoll_create1),
        SCMP_SYS(epoll_ctl),
        SCMP_SYS(epoll_wait),
        SCMP_SYS(epoll_pwait),
        SCMP_SYS(epoll_pwait2),
        SCMP_SYS(eventfd2),
        SCMP_SYS(timerfd_create),
        SCMP_SYS(timerfd_settime),
        SCMP_SYS(timerfd_gettime),
        SCMP_SYS(signalfd4),
        SCMP_SYS(inotify_init1),
        SCMP_SYS(inotify_add_watch),
        SCMP_SYS(inotify_rm_watch),
        SCMP_SYS(clock_gettime),
        SCMP_SYS(clock_getres),
        SCMP_SYS(clock_nanosleep),
        SCMP_SYS(nanosleep),
        SCMP_SYS(gettimeofday),
        SCMP_SYS(time),
        /* signals */
        SCMP_SYS(rt_sigaction),
        SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(rt_sigreturn),
        SCMP_SYS(rt_sigtimedwait),
        SCMP_SYS(rt_sigpending),
        SCMP_SYS(rt_sigsuspend),
        SCMP_SYS(sigaltstack),
        SCMP_SYS(restart_syscall),
        SCMP_SYS(pause),
        SCMP_SYS(alarm),
        SCMP_SYS(setitimer),
        /* memory, threads, and asking about itself */
        SCMP_SYS(brk),
        SCMP_SYS(munmap),
        SCMP_SYS(mremap),
        SCMP_SYS(madvise),
        SCMP_SYS(msync),
        SCMP_SYS(mincore),
        SCMP_SYS(mlock),
        SCMP_SYS(munlock),
        SCMP_SYS(futex),
        SCMP_SYS(set_robust_list),
        SCMP_SYS(get_robust_list),
        SCMP_SYS(rseq),
        SCMP_SYS(membarrier),
        SCMP_SYS(set_tid_address),
        SCMP_SYS(sched_yield),
        SCMP_SYS(sched_getaffinity),
        SCMP_SYS(getcpu),
        SCMP_SYS(arch_prctl),
        SCMP_SYS(getrandom),
        SCMP_SYS(getpid),
        SCMP_SYS(gettid),
        SCMP_SYS(getppid),
        SCMP_SYS(getuid),
        SCMP_SYS(geteuid),
        SCMP_SYS(getgid),
        SCMP_SYS(getegid),
        SCMP_SYS(getresuid),
        SCMP_SYS(getresgid),
        SCMP_SYS(getpgrp),
        SCMP_SYS(uname),
        SCMP_SYS(sysinfo),
        SCMP_SYS(getrusage),
        SCMP_SYS(times),
        SCMP_SYS(getrlimit),
        SCMP_SYS(exit),
        SCMP_SYS(exit_group),
#ifdef SANDBOX_SANITIZED
        SCMP_SYS(mprotect),
        SCMP_SYS(mmap),
        SCMP_SYS(clone),
        SCMP_SYS(wait4),
        SCMP_SYS(prctl),
        SCMP_SYS(prlimit64),
        SCMP_SYS(process_vm_readv),
        SCMP_SYS(ptrace),
        SCMP_SYS(kill),
        SCMP_SYS(personality),
        SCMP_SYS(getdents),
        SCMP_SYS(tgkill),
#endif
};

/* What only an intruder would try: the process ends. */
static const int deadly[] = {
        SCMP_SYS(bpf),
        SCMP_SYS(execve),
        SCMP_SYS(execveat),
        SCMP_SYS(process_vm_writev),
        SCMP_SYS(mount),
        SCMP_SYS(umount),
        SCMP_SYS(umount2),
        SCMP_SYS(pivot_root),
        SCMP_SYS(chroot),
        SCMP_SYS(move_mount),
        SCMP_SYS(open_tree),
        SCMP_SYS(fsopen),
        SCMP_SYS(fsconfig),
        SCMP_SYS(fsmount),
        SCMP_SYS(fspick),
        SCMP_SYS(mount_setattr),
        SCMP_SYS(unshare),
        SCMP_SYS(setns),
        SCMP_SYS(kexec_load),
        SCMP_SYS(kexec_file_load),
        SCMP_SYS(init_module),
        SCMP_SYS(finit_module),
        SCMP_SYS(delete_module),
        SCMP_SYS(io_uring_setup),
        SCMP_SYS(io_uring_enter),
        SCMP_SYS(io_uring_register),
        SCMP_SYS(userfaultfd),
        SCMP_SYS(perf_event_open),
        SCMP_SYS(add_key),
        SCMP_SYS(request_key),
        SCMP_SYS(keyctl),
        SCMP_SYS(open_by_handle_at),
        SCMP_SYS(pidfd_open),
        SCMP_SYS(pidfd_getfd),
        SCMP_SYS(swapon),
        SCMP_SYS(swapoff),
        SCMP_SYS(reboot),
        SCMP_SYS(iopl),
        SCMP_SYS(ioperm),
        SCMP_SYS(modify_ldt),
        SCMP_SYS(setuid),
        SCMP_SYS(setreuid),
        SCMP_SYS(setresuid),
        SCMP_SYS(capset),
#ifndef SANDBOX_SANITIZED
        SCMP_SYS(ptrace),
        SCMP_SYS(process_vm_readv),
#endif
};

static const unsigned deadly_families[] = {AF_INET, AF_INET6, AF_PACKET, AF_NETLINK, AF_XDP, AF_VSOCK, AF_ALG, AF_KEY};

/* What could send on, copy or reconfigure the capture descriptor, which is argument 0 (or `arg`). */
static const struct {
        int nr;
        unsigned arg;
} capture_calls[] = {
        {SCMP_SYS(write), 0},    {SCMP_SYS(writev), 0},     {SCMP_SYS(pwrite64), 0},        {SCMP_SYS(pwritev), 0},
        {SCMP_SYS(pwritev2), 0}, {SCMP_SYS(sendto), 0},     {SCMP_SYS(sendfile), 0},        {SCMP_SYS(splice), 0},
        {SCMP_SYS(splice), 2},   {SCMP_SYS(tee), 1},        {SCMP_SYS(vmsplice), 0},        {SCMP_SYS(dup), 0},
        {SCMP_SYS(dup2), 0},     {SCMP_SYS(dup3), 0},       {SCMP_SYS(ioctl), 0},           {SCMP_SYS(bind), 0},
        {SCMP_SYS(connect), 0},  {SCMP_SYS(setsockopt), 0}, {SCMP_SYS(copy_file_range), 2},
};

static int allow_calls(scmp_filter_ctx ctx)
{
        for (size_t i = 0; i < ELEMENTSOF(allowed); i++) {
                int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);

                if (r < 0 && r != -EDOM) /* not on this architecture */
                        return r;
        }
        return 0;
}

#ifndef SANDBOX_SANITIZED
#define NEW_NAMESPACES                                                                                                 \
        (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP)

/* Calls allowed with some arguments only: memory never both writable and executable, threads but no processes, signals
 * to itself only. */
static int allow_narrowly(scmp_filter_ctx ctx)
{
        static const unsigned prctls[] = {PR_SET_NAME,     PR_GET_NAME,         PR_SET_SECCOMP,     PR_SET_VMA,
                                          PR_GET_DUMPABLE, PR_GET_NO_NEW_PRIVS, PR_SET_NO_NEW_PRIVS};
        pid_t self = getpid();
        int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

        if (r == 0)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                                     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        if (r == 0)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                     SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | NEW_NAMESPACES, CLONE_THREAD));
        if (r == 0)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                                     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t) self));
        if (r == 0)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t) self));
        /* Asking for limits, not setting them. */
        if (r == 0)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0));
        for (size_t i = 0; r == 0 && i < ELEMENTSOF(prctls); i++)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, prctls[i]));
        return r;
}
#else
static int allow_narrowly(scmp_filter_ctx ctx _unused_)
{
        return 0;
}
#endif

/* Of the Unix family; or, to ask DNS, of IP: datagrams and streams. Where they lead to stands in memory, out of a
 * filter's sight. */
static int allow_sockets(scmp_filter_ctx ctx, unsigned net)
{
        static const unsigned families[] = {AF_INET, AF_INET6};
        static const struct {
                unsigned type, proto;
        } kinds[] = {{SOCK_DGRAM, 0},
                     {SOCK_DGRAM, IPPROTO_UDP},
                     {SOCK_STREAM, 0},
                     {SOCK_STREAM, IPPROTO_TCP},
                     {SOCK_DGRAM, IPPROTO_ICMP},
                     {SOCK_DGRAM, IPPROTO_ICMPV6}};
        const size_t n = net & SANDBOX_FILTER_PING ? ELEMENTSOF(kinds) : ELEMENTSOF(kinds) - 2;
        const scmp_datum_t type = ~(scmp_datum_t) (SOCK_CLOEXEC | SOCK_NONBLOCK);
        int r = 0;

        if (!net)
                return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
        for (size_t i = 0; r == 0 && i < ELEMENTSOF(families) * n; i++)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 3, SCMP_A0(SCMP_CMP_EQ, families[i / n]),
                                     SCMP_A1(SCMP_CMP_MASKED_EQ, type, kinds[i % n].type),
                                     SCMP_A2(SCMP_CMP_EQ, kinds[i % n].proto));
        return r;
}

static int allow_common(scmp_filter_ctx ctx, unsigned net)
{
        static const unsigned long ioctls[] = {TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIOCLEX};
        int r = allow_sockets(ctx, net);

        /* Its flags lie in memory, out of a filter's sight: the C library then uses clone(). */
        if (r == 0)
                r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
        for (size_t i = 0; r == 0 && i < ELEMENTSOF(ioctls); i++)
                r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, ioctls[i]));
        return r;
}

static int fill_deadly(scmp_filter_ctx ctx, bool dns)
{
        static const int serving[] = {SCMP_SYS(bind), SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4)};
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(deadly); i++) {
                r = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
                if (r < 0 && r != -EDOM)
                        return r;
        }
        r = 0;
        for (size_t i = 0; r == 0 && i < ELEMENTSOF(deadly_families); i++)
                if (!dns || (deadly_families[i] != AF_INET && deadly_families[i] != AF_INET6))
                        r = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, SCMP_SYS(socket), 1,
                                             SCMP_A0(SCMP_CMP_MASKED_EQ, LOW32, deadly_families[i]));
        /* Who asks serves nobody. */
        for (size_t i = 0; r == 0 && dns && i < ELEMENTSOF(serving); i++)
                r = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, serving[i], 0);
        return r;
}

static int fill_capture(scmp_filter_ctx ctx, unsigned fd)
{
        static const unsigned dups[] = {F_DUPFD, F_DUPFD_CLOEXEC};
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(capture_calls); i++) {
                r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), capture_calls[i].nr, 1,
                                     SCMP_CMP(capture_calls[i].arg, SCMP_CMP_MASKED_EQ, LOW32, fd));
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; r == 0 && i < ELEMENTSOF(dups); i++)
                r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(fcntl), 2,
                                     SCMP_A0(SCMP_CMP_MASKED_EQ, LOW32, fd),
                                     SCMP_A1(SCMP_CMP_MASKED_EQ, LOW32, dups[i]));
        return r;
}

/* Calls of another ABI (i386, x32) end the process; all threads get the filter. */
static int load(scmp_filter_ctx ctx)
{
        int r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

        if (r == 0)
                r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
        return r == 0 ? seccomp_load(ctx) : r;
}

int sandbox_filter_engine(const int *capture_fds, unsigned n, unsigned net, struct buf *note)
{
        _cleanup_(filter_done)
        scmp_filter_ctx allow = seccomp_init(SCMP_ACT_ERRNO(EPERM));
        _cleanup_(filter_done)
        scmp_filter_ctx kill_list = seccomp_init(SCMP_ACT_ALLOW);
        int r;

        if (!allow || !kill_list)
                return -ENOMEM;
        r = allow_calls(allow);
        if (r == 0)
                r = allow_common(allow, net);
        if (r == 0)
                r = allow_narrowly(allow);
        if (r == 0)
                r = fill_deadly(kill_list, net != 0);
        for (unsigned i = 0; r == 0 && i < n; i++)
                r = fill_capture(kill_list, (unsigned) capture_fds[i]);
        /* The list first: once it holds, the first filter's EPERM would keep a second one from being loaded. */
        if (r == 0)
                r = load(kill_list);
        if (r == 0)
                r = load(allow);
        if (r < 0)
                return r;
        (void) buf_printf(note, "seccomp: %zu calls allowed, %zu end the process\n", ELEMENTSOF(allowed),
                          ELEMENTSOF(deadly));
        return 0;
}
