/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs nft(8). Its text comes from a memory file, so that only its output has to be waited for. Used by the keeper and
 * by the command line. */
#include "respond/nft.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define COMPLAINT_MAX 4096

static const char *const programs[] = {"/usr/sbin/nft", "/sbin/nft"};

static int memory_file(const char *text, int *ret_fd)
{
        _cleanup_close_ int fd = memfd_create("nft", MFD_CLOEXEC);
        size_t len = strlen(text);

        if (fd < 0)
                return -errno;
        for (size_t done = 0; done < len;) {
                ssize_t n = write(fd, text + done, len - done);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        done += (size_t) n;
        }
        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* In the child. What is left of the caller's capabilities is at most CAP_NET_ADMIN, whoever the user is. */
static void keep_net_admin(void)
{
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

        if (syscall(SYS_capget, &header, data) < 0)
                return;
        data[0].permitted &= 1U << CAP_NET_ADMIN;
        data[0].effective = data[0].inheritable = data[0].permitted;
        data[1] = (struct __user_cap_data_struct){0};
        if (syscall(SYS_capset, &header, data) == 0)
                prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0);
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* Only calls that are safe between fork and exec. */
__attribute__((noreturn)) static void child(char *const *argv, int in, int out, int err)
{
        char *const environment[] = {(char *) "LC_ALL=C", NULL};
        sigset_t none;

        /* The caller may block signals for its event loop. */
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_DFL);
        /* The three may lie on each other's place. */
        in = fcntl(in, F_DUPFD, 3);
        out = fcntl(out, F_DUPFD, 3);
        err = fcntl(err, F_DUPFD, 3);
        if (in < 0 || out < 0 || err < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
                _exit(126);
        syscall(SYS_close_range, 3, ~0U, 0);
        if (chdir("/") < 0)
                _exit(126);
        keep_net_admin();
        for (size_t i = 0; i < ELEMENTSOF(programs); i++)
                execve(programs[i], argv, environment);
        _exit(127);
}

static nsec_t monotonic(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

static int left_ms(nsec_t deadline)
{
        nsec_t left = deadline - monotonic();

        return left <= 0 ? 0 : (int) (left / NSEC_PER_MSEC) + 1;
}

/* Takes in one piece; closes at the end. What does not fit is read all the same, so that nft goes on. */
static void drain(struct pollfd *p, struct buf *to)
{
        char piece[4096];
        ssize_t n = read(p->fd, piece, sizeof(piece));

        if (n > 0 && to)
                buf_put(to, piece, (size_t) n);
        if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
                close(p->fd);
                p->fd = -EBADF;
        }
}

static int collect(struct pollfd p[2], struct buf *out, struct buf *complaint, nsec_t deadline)
{
        while (p[0].fd >= 0 || p[1].fd >= 0) {
                int n = poll(p, 2, left_ms(deadline));

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n == 0)
                        return -ETIMEDOUT;
                if (n > 0 && p[0].revents)
                        drain(&p[0], out);
                if (n > 0 && p[1].revents)
                        drain(&p[1], complaint);
        }
        return 0;
}

/* Its exit status, or a negative errno. It is gone afterwards in every case. */
static int reap(pid_t pid, nsec_t deadline, int r)
{
        _cleanup_close_ int fd = (int) syscall(SYS_pidfd_open, pid, 0);
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int status;

        if (r == 0) {
                int n;

                do
                        n = poll(&p, 1, left_ms(deadline));
                while (n < 0 && errno == EINTR);
                r = n == 0 ? -ETIMEDOUT : 0;
        }
        if (r < 0)
                kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return r < 0 ? r : -errno;
        if (r < 0)
                return r;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

/* nft tells the kernel's answer only in words (LC_ALL=C). */
static int meaning(const char *complaint)
{
        static const struct {
                const char *words;
                int error;
        } answers[] = {
                {"Operation not permitted", -EPERM},
                {"No such file or directory", -ENOENT},
                {"No such device", -ENOENT},
                {"File exists", -EEXIST},
                {"Operation not supported", -EOPNOTSUPP},
                {"Address family not supported", -EOPNOTSUPP},
                {"Protocol not supported", -EOPNOTSUPP},
        };

        for (size_t i = 0; i < ELEMENTSOF(answers); i++)
                if (strstr(complaint, answers[i].words))
                        return answers[i].error;
        return -EIO;
}

static int judge(int status, const struct buf *out, const struct buf *complaint, struct buf *why)
{
        const char *text = buf_str(complaint);

        if (status == 0)
                return out && out->error ? out->error : 0;
        if (status == 127 && !complaint->len) {
                if (why)
                        buf_puts(why, "there is no program nft");
                return -ENOPKG;
        }
        if (why && status == -ETIMEDOUT)
                buf_puts(why, "nft did not end in time");
        else if (why && complaint->len)
                buf_put_visible(why, text, strcspn(text, "\n"));
        else if (why)
                buf_printf(why, "nft ended with status %d", status);
        return status < 0 ? status : meaning(text);
}

int nft_run(const char *const *args, const char *input, struct buf *out, struct buf *why)
{
        _cleanup_(buf_done)
        struct buf complaint = BUF_HEAP(COMPLAINT_MAX);
        _cleanup_close_ int in = -EBADF, out_w = -EBADF, err_w = -EBADF;
        struct pollfd p[2] = {{.fd = -EBADF, .events = POLLIN}, {.fd = -EBADF, .events = POLLIN}};
        char *argv[NFT_ARGS_MAX + 2] = {(char *) "nft"};
        nsec_t deadline = monotonic() + NFT_TIMEOUT;
        int r, ends[2];
        pid_t pid;

        for (size_t i = 0; args[i]; i++) {
                if (i >= NFT_ARGS_MAX)
                        return -E2BIG;
                argv[i + 1] = (char *) args[i];
        }
        r = memory_file(input ? input : "", &in);
        if (r < 0)
                return r;
        for (size_t i = 0; i < 2; i++) {
                if (pipe2(ends, O_CLOEXEC) < 0) {
                        r = -errno;
                        goto out;
                }
                p[i].fd = ends[0];
                *(i ? &err_w : &out_w) = ends[1];
        }
        pid = fork();
        if (pid < 0) {
                r = -errno;
                goto out;
        }
        if (pid == 0)
                child(argv, in, out_w, err_w);
        close(TAKE_FD(out_w));
        close(TAKE_FD(err_w));
        r = collect(p, out, &complaint, deadline);
        r = judge(reap(pid, deadline, r), out, &complaint, why);
out:
        closep(&p[0].fd);
        closep(&p[1].fd);
        return r;
}

int nft_load(const char *text, struct buf *why)
{
        static const char *const args[] = {"-f", "-", NULL};

        return nft_run(args, text, NULL, why);
}
