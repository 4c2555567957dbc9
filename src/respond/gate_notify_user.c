/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keeper's children on the persons' buses: started, listened to within bounds, ended, reaped. A child may be
 * another's by now, stopped by its user, or stuck: none of that holds the keeper up. Runs in the keeper. */
#include "respond/gate_notify_internal.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define READ_MAX    16   /* reports before other things get their turn */
#define REPORTS_MAX 128  /* per second; an honest child says at most four for each notification */
#define REAP_WAIT   1000 /* ms, when all ends */

bool gate_notify_report_valid(const void *bytes, size_t len)
{
        struct gate_notify_report r;
        bool slot, value;

        if (len != sizeof(r))
                return false;
        memcpy(&r, bytes, sizeof(r));
        if (r.magic != GATE_NOTIFY_MAGIC || r.verb == 0 || r.verb >= GATE_NOTIFY_REPORTS ||
            r.slot >= GATE_NOTIFY_SLOTS || r.action >= GATE_NOTIFY_ACTIONS || r.language >= GATE_NOTIFY_LANGUAGES ||
            r.bus_pid > GATE_NOTIFY_PID_MAX)
                return false;
        for (size_t i = 0; i < GATE_NOTIFY_SERVICES; i++)
                if (r.pid[i] > GATE_NOTIFY_PID_MAX)
                        return false;
        slot = r.verb != GATE_NOTIFY_READY && r.verb != GATE_NOTIFY_GONE;
        if (slot != (r.serial != 0) || (!slot && r.slot))
                return false;
        switch (r.verb) {
        case GATE_NOTIFY_FAILED:
        case GATE_NOTIFY_GONE:
                value = r.value < 0 && r.value >= -4095; /* MAX_ERRNO */
                break;
        case GATE_NOTIFY_SHOWN:
                value = r.value == 0 || r.value == 1;
                break;
        default:
                value = r.value == 0;
        }
        return value;
}

static void child_gone(struct gate_notify_user *u)
{
        u->exit = sd_event_source_disable_unref(u->exit);
        closep(&u->pidfd);
        u->pidfd = -EBADF;
        u->pid = 0;
        u->state = GATE_NOTIFY_USER_DOWN;
}

static bool reap(const struct gate_notify_user *u)
{
        siginfo_t info = {0};

        return waitid(P_PIDFD, (id_t) u->pidfd, &info, WEXITED | WNOHANG) < 0 ? errno == ECHILD : info.si_pid != 0;
}

static int on_exit_of_child(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_, void *userdata)
{
        struct gate_notify_user *u = userdata;
        struct gate_notify *n = u->owner;
        uid_t uid = u->uid;
        bool known = u->state == GATE_NOTIFY_USER_ENDING;

        if (!reap(u))
                return 0;
        gate_notify_user_end(u);
        child_gone(u);
        if (!known && n->params.failed)
                n->params.failed(n->params.userdata, uid, -ECONNRESET); /* may forget this person */
        gate_notify_pump(n);
        return 0;
}

/* At most so many reports in a second: 0 or -EBADMSG. */
static int count_report(struct gate_notify_user *u)
{
        nsec_t now = clock_boottime();

        if (now - u->second >= NSEC_PER_SEC) {
                u->second = now;
                u->reports = 0;
        }
        return ++u->reports > REPORTS_MAX ? -EBADMSG : 0;
}

static int read_report(struct gate_notify_user *u)
{
        struct gate_notify_report r;
        ssize_t n = recv(u->fd, &r, sizeof(r), MSG_DONTWAIT | MSG_TRUNC);
        int e;

        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (n == 0)
                return -ECONNRESET;
        e = count_report(u);
        if (e == 0 && !gate_notify_report_valid(&r, (size_t) n))
                e = -EBADMSG;
        if (e == 0)
                e = gate_notify_report(u->owner, u, &r);
        if (e == -EBADMSG)
                u->owner->stats.malformed++;
        return e < 0 ? e : 1;
}

bool gate_notify_user_send(struct gate_notify_user *u, const struct gate_notify_order *o, nsec_t now)
{
        if (send(u->fd, o, sizeof(*o), MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t) sizeof(*o))
                return true;
        /* A child may say that it has shown what it never read. Tried again when there is room, so that it cannot make
         * us try for nothing; else it is ended at its deadline. An end that is closed wakes us by itself. */
        if (errno == EAGAIN)
                (void) sd_event_source_set_io_events(u->io, EPOLLIN | EPOLLOUT);
        if (!u->stuck_since)
                u->stuck_since = now;
        return false;
}

static int on_report(sd_event_source *source, int fd _unused_, uint32_t events, void *userdata)
{
        struct gate_notify_user *u = userdata;
        struct gate_notify *n = u->owner;
        int r = 1;

        if (events & EPOLLOUT) {
                (void) sd_event_source_set_io_events(source, EPOLLIN);
                u->stuck_since = 0;
        }
        /* An answer may make the owner forget this person. The source is not freed while it is dispatched. */
        for (unsigned i = 0; i < READ_MAX && r > 0; i++) {
                r = read_report(u);
                if (sd_event_source_get_userdata(source) != u)
                        return 0;
                if (u->io != source)
                        break;
        }
        if (r < 0)
                gate_notify_user_stop(u, r, r == -EBADMSG);
        gate_notify_pump(n);
        return 0;
}

struct gate_notify_user *gate_notify_user_new(struct gate_notify *n, uid_t uid)
{
        struct gate_notify_user *u = calloc(1, sizeof(*u));

        if (!u)
                return NULL;
        u->owner = n;
        u->uid = uid;
        u->fd = u->pidfd = -EBADF;
        return u;
}

static void let_go(struct gate_notify_user *u)
{
        if (u->io)
                (void) sd_event_source_set_userdata(u->io, NULL);
        u->io = sd_event_source_disable_unref(u->io);
        closep(&u->fd);
        u->fd = -EBADF;
        if (u->pidfd >= 0)
                (void) pidfd_send_signal(u->pidfd, SIGKILL, NULL, 0);
}

void gate_notify_user_free(struct gate_notify_user *u)
{
        if (!u)
                return;
        let_go(u);
        /* It is dead but for what the kernel still has to do. Whoever does not make it stays for our end. */
        if (u->pidfd >= 0) {
                (void) poll(&(struct pollfd){.fd = u->pidfd, .events = POLLIN}, 1, REAP_WAIT);
                (void) reap(u);
        }
        child_gone(u);
        free(u);
}

static int start_child(struct gate_notify_user *u, struct gate_notify_child *c, int keepers_end)
{
        const struct gate_notify_params *p = &u->owner->params;
        pid_t pid = 0;
        int r;

        if (p->start) {
                r = p->start(p->userdata, c, &pid);
                if (r < 0 || pid == 0)
                        return r;
        } else {
                c->parent = getpid();
                pid = fork();
                if (pid < 0)
                        return -errno;
                if (pid == 0) {
                        close(keepers_end);
                        gate_notify_child_run(c);
                }
        }
        u->pid = pid;
        /* Not reaped yet, so that the number is still its own. */
        u->pidfd = pidfd_open(pid, 0);
        if (u->pidfd < 0)
                return -errno;
        r = sd_event_add_io(p->event, &u->exit, u->pidfd, EPOLLIN, on_exit_of_child, u);
        /* After its last words. */
        return r < 0 ? r : sd_event_source_set_priority(u->exit, SD_EVENT_PRIORITY_IDLE);
}

int gate_notify_user_start(struct gate_notify_user *u, pid_t leader, nsec_t now)
{
        struct gate_notify *n = u->owner;
        _cleanup_close_ int ours = -EBADF, theirs = -EBADF;
        char bus[PATH_MAX];
        struct gate_notify_child c = {
                .uid = u->uid,
                .leader = leader,
                .proc = n->params.proc,
                .bus = bus,
                .answer = n->params.times.answer,
        };
        int pair[2], r;

        u->retry_at = now + n->params.times.retry;
        if ((size_t) snprintf(bus, sizeof(bus), "%s/%u/bus", n->params.runtime, (unsigned) u->uid) >= sizeof(bus))
                return -ENAMETOOLONG;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
                return -errno;
        ours = pair[0];
        c.fd = theirs = pair[1];
        r = sd_event_add_io(n->params.event, &u->io, ours, EPOLLIN, on_report, u);
        if (r < 0)
                return r;
        u->fd = TAKE_FD(ours);
        r = start_child(u, &c, u->fd);
        if (r < 0) {
                let_go(u);
                if (u->pid) {
                        /* A child that cannot be watched. It reads the end of its socket, or is killed. */
                        (void) kill(u->pid, SIGKILL);
                        (void) waitpid(u->pid, NULL, WNOHANG);
                }
                child_gone(u);
                return r;
        }
        n->stats.children++;
        u->state = GATE_NOTIFY_USER_STARTING;
        u->started = u->second = now;
        u->stuck_since = 0;
        u->reports = 0;
        return 0;
}

void gate_notify_user_end(struct gate_notify_user *u)
{
        struct gate_notify *n = u->owner;

        if (u->state == GATE_NOTIFY_USER_DOWN || u->state == GATE_NOTIFY_USER_ENDING)
                return;
        let_go(u);
        for (size_t i = 0; i < GATE_NOTIFY_SLOTS; i++) {
                n->stats.failed += u->slots[i].serial && (u->slots[i].dirty || u->slots[i].waiting);
                u->slots[i] = (struct gate_notify_slot){0};
        }
        u->retry_at = clock_boottime() + n->params.times.retry;
        u->state = GATE_NOTIFY_USER_ENDING;
        if (u->pidfd < 0)
                child_gone(u);
}

void gate_notify_user_stop(struct gate_notify_user *u, int error, bool lied)
{
        struct gate_notify *n = u->owner;

        if (u->state == GATE_NOTIFY_USER_DOWN || u->state == GATE_NOTIFY_USER_ENDING)
                return;
        n->stats.killed += lied;
        gate_notify_user_end(u);
        if (n->params.failed)
                n->params.failed(n->params.userdata, u->uid, error);
}

/* The child itself gives up after `answer`; twice that is for one that cannot. */
nsec_t gate_notify_user_deadline(const struct gate_notify_user *u)
{
        nsec_t patience = 2 * u->owner->params.times.answer, deadline = INT64_MAX;

        if (u->state == GATE_NOTIFY_USER_STARTING)
                return u->started + patience;
        if (u->state == GATE_NOTIFY_USER_READY && u->stuck_since)
                deadline = u->stuck_since + patience;
        for (size_t i = 0; u->state == GATE_NOTIFY_USER_READY && i < GATE_NOTIFY_SLOTS; i++)
                if (u->slots[i].serial && u->slots[i].waiting)
                        deadline = MIN(deadline, u->slots[i].sent + patience);
        return deadline;
}
