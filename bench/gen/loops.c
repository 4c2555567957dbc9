/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loops for the overhead bench: each does a fixed number of operations in chunks and prints what one cost. The other
 * end is a child process, in the peer's network namespace when one is given, else on loopback. Runs in sekimori-gen. */
#include "loops.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define LOOP_CHUNKS_MAX     1000u
#define LOOP_OPERATIONS_MAX 100000000u
#define LOOP_BATCH          64u /* connections that wait in the queue before accept is timed */
#define LOOP_BIG            65536u
#define LOOP_THREADS        4u

struct loop {
        struct gen *g;
        union gen_addr to; /* where the other end listens */
        int fd, fd2;
        int link; /* to the child that is the other end */
        pid_t child;
        char program[256];
};

struct loop_kind {
        const char *name, *help;
        unsigned operations, chunks; /* defaults; operations in all */
        void (*other)(struct loop *l, int link);
        int (*open)(struct loop *l);
        int64_t (*run)(struct loop *l, unsigned n); /* ns for n operations; negative errno */
};

static int64_t now(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* A listening (or, for datagrams, bound) socket on any port; its number goes over the link. */
static int other_socket(const struct loop *l, int type, int link)
{
        union gen_addr a = {.sa.sa_family = l->to.sa.sa_family};
        socklen_t len = sizeof(a);
        int one = 1, fd = socket(a.sa.sa_family, type | SOCK_CLOEXEC, 0);
        uint16_t port;

        if (fd < 0)
                _exit(1);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (bind(fd, &a.sa, gen_addr_len(&a)) < 0 || (type == SOCK_STREAM && listen(fd, 4096) < 0))
                _exit(1);
        getsockname(fd, &a.sa, &len);
        port = gen_addr_port(&a);
        if (write(link, &port, sizeof(port)) != (ssize_t) sizeof(port))
                _exit(1);
        return fd;
}

static void *accept_and_close(void *arg)
{
        int *listening = arg;

        for (;;) {
                int fd = accept4(*listening, NULL, NULL, SOCK_CLOEXEC);

                if (fd >= 0)
                        close(fd);
        }
        return NULL;
}

static void other_accepts(struct loop *l, int link)
{
        int fd = other_socket(l, SOCK_STREAM, link);

        accept_and_close(&fd);
}

static void other_accepts_many(struct loop *l, int link)
{
        int fd = other_socket(l, SOCK_STREAM, link);
        pthread_t t;

        for (unsigned i = 1; i < LOOP_THREADS; i++)
                pthread_create(&t, NULL, accept_and_close, &fd);
        accept_and_close(&fd);
}

static void other_drains_stream(struct loop *l, int link)
{
        int listening = other_socket(l, SOCK_STREAM, link);
        static char trash[LOOP_BIG];

        for (;;) {
                int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);

                while (fd >= 0 && read(fd, trash, sizeof(trash)) > 0)
                        ;
                close(fd);
        }
}

static void other_drains_datagrams(struct loop *l, int link)
{
        int fd = other_socket(l, SOCK_DGRAM, link);
        char trash[256];

        while (recv(fd, trash, sizeof(trash), 0) >= 0)
                ;
}

/* Told a port, opens LOOP_BATCH connections to it, waits until they are closed, and asks for the next. */
static void other_connects(struct loop *l, int link)
{
        int fds[LOOP_BATCH];
        char go;

        while (read(link, &go, 1) == 1) {
                for (unsigned i = 0; i < LOOP_BATCH; i++) {
                        fds[i] = socket(l->to.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
                        if (connect(fds[i], &l->to.sa, gen_addr_len(&l->to)) < 0)
                                _exit(1);
                }
                if (write(link, &go, 1) != 1)
                        _exit(1);
                for (unsigned i = 0; i < LOOP_BATCH; i++) {
                        (void) !read(fds[i], &go, 1);
                        close(fds[i]);
                }
        }
}

_Noreturn static void other_main(struct loop *l, const struct loop_kind *k, int link)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (l->g->peer_netns) {
                _cleanup_close_ int ns = open(l->g->peer_netns, O_RDONLY | O_CLOEXEC);

                if (ns < 0 || setns(ns, CLONE_NEWNET) < 0)
                        _exit(1);
        }
        k->other(l, link);
        _exit(0);
}

static int start_other(struct loop *l, const struct loop_kind *k)
{
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        l->child = fork();
        if (l->child == 0) {
                close(pair[0]);
                other_main(l, k, pair[1]);
        }
        close(pair[1]);
        l->link = pair[0];
        return l->child < 0 ? -errno : 0;
}

static int open_port(struct loop *l)
{
        uint16_t port;

        if (read(l->link, &port, sizeof(port)) != (ssize_t) sizeof(port))
                return -EIO;
        if (l->to.sa.sa_family == AF_INET)
                l->to.in.sin_port = htons(port);
        else
                l->to.in6.sin6_port = htons(port);
        return 0;
}

/* One short connection, in step with the other end: it closes first, so no port of ours waits out its time. */
static int connect_once(const struct loop *l)
{
        _cleanup_close_ int fd = socket(l->to.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        char byte;

        if (fd < 0 || connect(fd, &l->to.sa, gen_addr_len(&l->to)) < 0)
                return -errno;
        return read(fd, &byte, 1) < 0 ? -errno : 0;
}

static int64_t run_connect(struct loop *l, unsigned n)
{
        int64_t start = now();

        for (unsigned i = 0; i < n; i++) {
                int r = connect_once(l);

                if (r < 0)
                        return r;
        }
        return now() - start;
}

static int open_listening(struct loop *l)
{
        socklen_t len = sizeof(l->to);
        union gen_addr a = l->to;

        l->fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (l->fd < 0 || bind(l->fd, &a.sa, gen_addr_len(&a)) < 0 || listen(l->fd, 4096) < 0)
                return -errno;
        return getsockname(l->fd, &l->to.sa, &len) < 0 ? -errno : 0;
}

/* Only the accept() calls are timed: LOOP_BATCH connections wait in the queue. */
static int64_t run_accept(struct loop *l, unsigned n)
{
        int64_t sum = 0;
        unsigned done;

        for (done = 0; done < n; done += LOOP_BATCH) {
                int fds[LOOP_BATCH];
                int64_t start;
                char go = 0;

                if (write(l->link, &go, 1) != 1 || read(l->link, &go, 1) != 1)
                        return -EIO;
                start = now();
                for (unsigned i = 0; i < LOOP_BATCH; i++)
                        fds[i] = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
                sum += now() - start;
                for (unsigned i = 0; i < LOOP_BATCH; i++)
                        if (fds[i] < 0 || close(fds[i]) < 0)
                                return -EIO;
        }
        /* whole batches were done */
        return sum * n / done;
}

static int open_udp_pair(struct loop *l)
{
        socklen_t len = sizeof(l->to);

        l->fd = socket(l->to.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        l->fd2 = socket(l->to.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (l->fd < 0 || l->fd2 < 0 || bind(l->fd2, &l->to.sa, gen_addr_len(&l->to)) < 0)
                return -errno;
        return getsockname(l->fd2, &l->to.sa, &len) < 0 ? -errno : 0;
}

static int64_t run_udp_pair(struct loop *l, unsigned n)
{
        char data[64] = {0};
        int64_t start = now();

        for (unsigned i = 0; i < n; i++)
                if (sendto(l->fd, data, sizeof(data), 0, &l->to.sa, gen_addr_len(&l->to)) < 0 ||
                    recv(l->fd2, data, sizeof(data), 0) < 0)
                        return -errno;
        return now() - start;
}

static int open_udp_out(struct loop *l)
{
        l->fd = socket(l->to.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        return l->fd < 0 ? -errno : open_port(l);
}

static int64_t run_udp_out(struct loop *l, unsigned n)
{
        char data[64] = {0};
        int64_t start = now();

        for (unsigned i = 0; i < n; i++)
                if (sendto(l->fd, data, sizeof(data), 0, &l->to.sa, gen_addr_len(&l->to)) < 0)
                        return -errno;
        return now() - start;
}

static int open_tcp(struct loop *l)
{
        int r = open_port(l);

        l->fd = socket(l->to.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (r < 0 || l->fd < 0)
                return r < 0 ? r : -errno;
        return connect(l->fd, &l->to.sa, gen_addr_len(&l->to)) < 0 ? -errno : 0;
}

static int64_t run_tcp(struct loop *l, unsigned n)
{
        static char data[LOOP_BIG];
        int64_t start = now();

        for (unsigned i = 0; i < n; i++)
                for (size_t sent = 0; sent < sizeof(data);) {
                        ssize_t done = write(l->fd, data + sent, sizeof(data) - sent);

                        if (done < 0)
                                return -errno;
                        sent += (size_t) done;
                }
        return now() - start;
}

/* Our own static program beside us, so that the dynamic linker does not drown what is measured; else /bin/true. */
static int open_program(struct loop *l)
{
        ssize_t n = readlink("/proc/self/exe", l->program, sizeof(l->program) - 16);
        char *slash;

        if (n < 0)
                return -errno;
        l->program[n] = 0;
        slash = strrchr(l->program, '/');
        strcpy(slash ? slash + 1 : l->program, "sekimori-true");
        if (access(l->program, X_OK) < 0)
                strcpy(l->program, "/bin/true");
        return 0;
}

static int64_t run_fork(struct loop *l, unsigned n)
{
        int64_t start = now();

        for (unsigned i = 0; i < n; i++) {
                pid_t pid = fork();
                int status;

                if (pid == 0) {
                        execl(l->program, "sekimori-true", (char *) NULL);
                        _exit(127);
                }
                if (pid < 0 || waitpid(pid, &status, 0) < 0)
                        return -errno;
                if (status != 0)
                        return -ENOEXEC;
        }
        return now() - start;
}

struct burst {
        struct loop *l;
        pthread_t thread;
        unsigned n;
        int result;
};

static void *burst_thread(void *arg)
{
        struct burst *b = arg;

        for (unsigned i = 0; i < b->n && b->result == 0; i++)
                b->result = connect_once(b->l);
        return NULL;
}

static int64_t run_burst(struct loop *l, unsigned n)
{
        struct burst b[LOOP_THREADS];
        int64_t start = now();
        int r = 0;

        for (unsigned i = 0; i < LOOP_THREADS; i++) {
                b[i] = (struct burst){.l = l, .n = n / LOOP_THREADS + (i < n % LOOP_THREADS)};
                if (pthread_create(&b[i].thread, NULL, burst_thread, &b[i]) != 0)
                        return -EAGAIN;
        }
        for (unsigned i = 0; i < LOOP_THREADS; i++) {
                pthread_join(b[i].thread, NULL);
                if (b[i].result < 0)
                        r = b[i].result;
        }
        return r < 0 ? r : now() - start;
}

static const struct loop_kind kinds[] = {
        {"connect-close", "TCP connect and close, both ends here", 20000, 20, other_accepts, open_port, run_connect},
        {"accept", "accept() of waiting connections", 20480, 20, other_connects, NULL, run_accept},
        {"udp64", "64 bytes by sendto() and recv() in one thread", 300000, 20, NULL, open_udp_pair, run_udp_pair},
        {"udp64-out", "64 bytes by sendto() only", 300000, 20, other_drains_datagrams, open_udp_out, run_udp_out},
        {"tcp64k", "64 KiB per write(), with a reader", 60000, 20, other_drains_stream, open_tcp, run_tcp},
        {"fork-exec", "fork and exec of a static program", 3000, 20, NULL, open_program, run_fork},
        {"burst", "short connections by four threads at once", 50000, 1, other_accepts_many, open_port, run_burst},
};

void loops_usage(FILE *f)
{
        fprintf(f, "Loops, each bounded by --operations (total) in --chunks; JSON with nanoseconds per operation:\n");
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                fprintf(f, "  %-15s %s\n", kinds[i].name, kinds[i].help);
}

static int compare(const void *a, const void *b)
{
        double x = *(const double *) a, y = *(const double *) b;

        return (x > y) - (x < y);
}

static int measure(struct loop *l, const struct loop_kind *k, unsigned operations, unsigned chunks)
{
        static double per_operation[LOOP_CHUNKS_MAX];
        unsigned n = MAX(operations / chunks, 1u);
        int64_t sum = 0, took;

        /* the first operations fill caches and tables */
        if (chunks > 1) {
                took = k->run(l, MAX(n / 10, 1u));
                if (took < 0)
                        return (int) took;
        }
        for (unsigned i = 0; i < chunks; i++) {
                took = k->run(l, n);
                if (took < 0)
                        return (int) took;
                per_operation[i] = (double) took / n;
                sum += took;
        }
        qsort(per_operation, chunks, sizeof(per_operation[0]), compare);
        printf("{\"loop\":\"%s\",\"pid\":%d,\"operations\":%u,\"chunks\":%u,\"ns_min\":%.1f,\"ns_median\":%.1f,"
               "\"seconds\":%.3f}"
               "\n",
               k->name, (int) getpid(), n * chunks, chunks, per_operation[0], per_operation[chunks / 2],
               (double) sum / 1e9);
        return 0;
}

static int loop_start(struct loop *l, const struct loop_kind *k)
{
        int r;

        /* the accept loop is the end that listens, so it must do so before the other one starts */
        if (k->run == run_accept) {
                r = open_listening(l);
                return r < 0 ? r : start_other(l, k);
        }
        if (k->other) {
                r = start_other(l, k);
                if (r < 0)
                        return r;
        }
        return k->open(l);
}

int loops_run(struct gen *g, const char *name, unsigned operations, unsigned chunks)
{
        struct loop l = {.g = g, .fd = -EBADF, .fd2 = -EBADF, .link = -EBADF};
        int r = -ENOENT;

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                const struct loop_kind *k = &kinds[i];

                if (strcmp(k->name, name) != 0)
                        continue;
                operations = operations ? MIN(operations, LOOP_OPERATIONS_MAX) : k->operations;
                chunks = chunks ? MIN(chunks, LOOP_CHUNKS_MAX) : k->chunks;
                /* with a peer the accept loop listens on our own address, and the peer connects to it */
                l.to = g->peer_netns ? k->run == run_accept ? g->local4 : g->peer4 :
                                       (union gen_addr){.in = {.sin_family = AF_INET,
                                                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
                r = loop_start(&l, k);
                if (r == 0)
                        r = measure(&l, k, operations, chunks);
                if (l.child > 0) {
                        kill(l.child, SIGKILL);
                        waitpid(l.child, NULL, 0);
                }
        }
        if (r < 0)
                fprintf(stderr, "sekimori-gen: loop %s: %s\n", name, strerror(-r));
        return r < 0;
}
