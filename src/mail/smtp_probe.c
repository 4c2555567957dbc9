/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pool of probes: connections to port 25, their times, their ends. Runs where mail/smtp_probe.h says.
 *
 * What is sent is written in one place, say(): EHLO with our name, QUIT. */
#include "mail/smtp_probe.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "mail/smtp_probe_internal.h"

#define READS_MAX 16 /* of one connection in one turn */

static const char *const end_names[SMTP_PROBE_ENDS] = {
        [SMTP_PROBE_SERVER] = "server", [SMTP_PROBE_REFUSED] = "refused",
        [SMTP_PROBE_SILENT] = "silent", [SMTP_PROBE_UNREACHABLE] = "unreachable",
        [SMTP_PROBE_MUTE] = "mute",     [SMTP_PROBE_ODD] = "odd",
        [SMTP_PROBE_CUT] = "cut",       [SMTP_PROBE_STOPPED] = "stopped",
        [SMTP_PROBE_FAILED] = "failed",
};

static const char *const event_names[SMTP_PROBE_EVENTS] = {
        [SMTP_PROBE_CONNECTING] = "connecting", [SMTP_PROBE_CONNECTED] = "connected", [SMTP_PROBE_SAID] = "said",
        [SMTP_PROBE_HEARD] = "heard",           [SMTP_PROBE_PINGED] = "pinged",       [SMTP_PROBE_PONG] = "pong",
        [SMTP_PROBE_CLOSED] = "closed",
};

const char *smtp_probe_end_name(unsigned end)
{
        return end < SMTP_PROBE_ENDS ? end_names[end] : "?";
}

const char *smtp_probe_event_name(unsigned event)
{
        return event < SMTP_PROBE_EVENTS ? event_names[event] : "?";
}

void smtp_probe_tell(struct smtp_probe *p, nsec_t now, const struct smtp_probe_one *o, enum smtp_probe_event event,
                     const char *data, size_t len)
{
        if (p->p.log)
                p->p.log(p->p.log_userdata, now, &o->grant.addr, event, data, len);
}

socklen_t smtp_probe_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *ret)
{
        struct sockaddr_in *v4 = (struct sockaddr_in *) ret;
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *) ret;

        memset(ret, 0, sizeof(*ret));
        if (addr_is_v4(a)) {
                v4->sin_family = AF_INET;
                v4->sin_port = htons(port);
                memcpy(&v4->sin_addr, a->b + 12, 4);
                return sizeof(*v4);
        }
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        memcpy(&v6->sin6_addr, a->b, 16);
        return sizeof(*v6);
}

/* --- making and ending --- */

static bool name_is_valid(const char *name)
{
        size_t n = name ? strlen(name) : 0;

        return n > 0 && n < SMTP_PROBE_NAME_MAX &&
               strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._[]:") == n;
}

static int watch(struct smtp_probe *p, int fd, uint32_t events)
{
        struct epoll_event e = {.events = events, .data.fd = fd};

        return epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

int smtp_probe_new(const struct smtp_probe_params *params, struct smtp_probe **ret)
{
        _cleanup_close_ int packets = params->packets;
        _cleanup_(smtp_probe_freep)
        struct smtp_probe *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->p = *params;
        p->p.packets = p->epoll = p->timer = -EBADF;
        if (!name_is_valid(params->name) || !params->permit)
                return -EINVAL;
        memcpy(p->name, params->name, strlen(params->name));
        p->p.connect_timeout = params->connect_timeout > 0 ? params->connect_timeout : 10 * NSEC_PER_SEC;
        p->p.banner_timeout = params->banner_timeout > 0 ? params->banner_timeout : 30 * NSEC_PER_SEC;
        p->p.total_timeout = params->total_timeout > 0 ? params->total_timeout : 60 * NSEC_PER_SEC;
        p->epoll = epoll_create1(EPOLL_CLOEXEC);
        p->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (p->epoll < 0 || p->timer < 0)
                return -errno;
        r = watch(p, p->timer, EPOLLIN);
        if (r >= 0 && packets >= 0)
                r = watch(p, packets, EPOLLIN);
        if (r < 0)
                return r;
        p->p.packets = TAKE_FD(packets);
        *ret = TAKE_PTR(p);
        return 0;
}

static void close_all(struct smtp_probe_one *o, bool at_once)
{
        const struct linger none = {.l_onoff = 1};

        if (o->tcp >= 0) {
                if (at_once) /* a reset: nothing more is sent, and nothing is waited for */
                        setsockopt(o->tcp, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
                close(o->tcp);
        }
        if (o->icmp >= 0)
                close(o->icmp);
        o->tcp = o->icmp = -EBADF;
}

void smtp_probe_free(struct smtp_probe *p)
{
        if (!p)
                return;
        while (p->probes) {
                struct smtp_probe_one *o = p->probes;

                p->probes = o->next;
                close_all(o, true);
                permit_done(p->p.permit, &o->grant);
                free(o);
        }
        if (p->p.packets >= 0)
                close(p->p.packets);
        if (p->timer >= 0)
                close(p->timer);
        if (p->epoll >= 0)
                close(p->epoll);
        free(p);
}

int smtp_probe_fd(const struct smtp_probe *p)
{
        return p->epoll;
}

unsigned smtp_probe_count(const struct smtp_probe *p)
{
        return p->n;
}

/* --- one probe --- */

/* The dialog's end; a ping may still be out. */
static void finish(struct smtp_probe *p, struct smtp_probe_one *o, enum smtp_probe_end end, nsec_t now)
{
        if (o->finished)
                return;
        o->finished = true;
        o->result.end = end;
        o->result.server = end == SMTP_PROBE_SERVER  ? ANSWER_YES :
                           end == SMTP_PROBE_REFUSED ? ANSWER_NO :
                                                       ANSWER_UNKNOWN;
        if (o->tcp >= 0) {
                close(o->tcp);
                o->tcp = -EBADF;
                smtp_probe_tell(p, now, o, SMTP_PROBE_CLOSED, "", 0);
        }
}

/* How it ends when nothing more comes. */
static enum smtp_probe_end broken_off(const struct smtp_probe_one *o, enum smtp_probe_end otherwise)
{
        if (o->result.dialog.server == ANSWER_YES)
                return SMTP_PROBE_SERVER;
        return o->result.dialog.odd ? SMTP_PROBE_ODD : otherwise;
}

static bool say(struct smtp_probe *p, struct smtp_probe_one *o, enum smtp_dialog_next what, nsec_t now)
{
        char text[SMTP_PROBE_NAME_MAX + 8];
        int n = what == SMTP_DIALOG_SAY_EHLO ? snprintf(text, sizeof(text), "EHLO %s\r\n", p->name) :
                                               snprintf(text, sizeof(text), "QUIT\r\n");

        /* So little fits into any socket's buffer, or the connection is broken. */
        if (!permit_holds(p->p.permit, &o->grant) || send(o->tcp, text, (size_t) n, MSG_NOSIGNAL) != n)
                return false;
        smtp_probe_tell(p, now, o, SMTP_PROBE_SAID, text, (size_t) n);
        return true;
}

static enum smtp_probe_end end_of_error(int error)
{
        switch (error) {
        case ECONNREFUSED:
                return SMTP_PROBE_REFUSED;
        case ETIMEDOUT:
                return SMTP_PROBE_SILENT;
        case EHOSTUNREACH:
        case ENETUNREACH:
        case EACCES:
        case EPERM:
        case ENOPROTOOPT:
        case EHOSTDOWN:
                return SMTP_PROBE_UNREACHABLE;
        default:
                return SMTP_PROBE_FAILED;
        }
}

static void connected(struct smtp_probe *p, struct smtp_probe_one *o, nsec_t now)
{
        struct epoll_event e = {.events = EPOLLIN, .data.fd = o->tcp};
        socklen_t len = sizeof(int);
        int error = 0;

        if (getsockopt(o->tcp, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
                error = errno;
        if (error) {
                finish(p, o, end_of_error(error), now);
                return;
        }
        o->connected = true;
        o->deadline = now + p->p.banner_timeout;
        epoll_ctl(p->epoll, EPOLL_CTL_MOD, o->tcp, &e);
        smtp_probe_tell(p, now, o, SMTP_PROBE_CONNECTED, "", 0);
}

static void hear(struct smtp_probe *p, struct smtp_probe_one *o, nsec_t now)
{
        char data[2048];

        for (unsigned i = 0; i < READS_MAX && o->tcp >= 0; i++) {
                enum smtp_dialog_next next;
                ssize_t n = recv(o->tcp, data, sizeof(data), 0);

                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        return;
                if (n <= 0) {
                        finish(p, o, broken_off(o, SMTP_PROBE_CUT), now);
                        return;
                }
                smtp_probe_tell(p, now, o, SMTP_PROBE_HEARD, data, (size_t) n);
                next = smtp_dialog_feed(&o->result.dialog, data, (size_t) n);
                if (next == SMTP_DIALOG_HANG_UP ||
                    ((next == SMTP_DIALOG_SAY_EHLO || next == SMTP_DIALOG_SAY_QUIT) && !say(p, o, next, now)))
                        finish(p, o, broken_off(o, SMTP_PROBE_CUT), now);
        }
}

int smtp_probe_begin(struct smtp_probe *p, nsec_t now, const struct permit_grant *grant, smtp_probe_func func,
                     void *userdata)
{
        struct sockaddr_storage to, from;
        socklen_t len = smtp_probe_sockaddr(&grant->addr, SMTP_PROBE_PORT, &to), from_len = sizeof(from);
        struct smtp_probe_one *o;
        const int tries = 2;
        int r;

        if (!permit_holds(p->p.permit, grant))
                return -EPERM;
        o = calloc(1, sizeof(*o));
        if (!o) {
                permit_done(p->p.permit, grant);
                return -ENOMEM;
        }
        *o = (struct smtp_probe_one){.grant = *grant, .func = func, .userdata = userdata, .icmp = -EBADF};
        o->result.addr = grant->addr;
        o->deadline = now + p->p.connect_timeout;
        o->last_deadline = now + p->p.total_timeout;
        o->tcp = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        r = o->tcp < 0 ? -errno : watch(p, o->tcp, EPOLLOUT);
        if (r >= 0) {
                setsockopt(o->tcp, IPPROTO_TCP, TCP_SYNCNT, &tries, sizeof(tries));
                smtp_probe_tell(p, now, o, SMTP_PROBE_CONNECTING, "", 0);
                if (connect(o->tcp, (struct sockaddr *) &to, len) < 0 && errno != EINPROGRESS)
                        finish(p, o, end_of_error(errno), now);
        }
        if (r < 0) {
                close_all(o, true);
                permit_done(p->p.permit, grant);
                free(o);
                return r;
        }
        if (o->tcp >= 0 && getsockname(o->tcp, (struct sockaddr *) &from, &from_len) == 0)
                o->port = ntohs(from.ss_family == AF_INET ? ((struct sockaddr_in *) &from)->sin_port :
                                                            ((struct sockaddr_in6 *) &from)->sin6_port);
        o->next = p->probes;
        p->probes = o;
        p->n++;
        if (p->p.ping && !o->finished) {
                smtp_probe_ping(p, o, now);
                if (o->icmp >= 0 && watch(p, o->icmp, EPOLLIN) < 0) {
                        close(o->icmp);
                        o->icmp = -EBADF;
                }
        }
        timerfd_settime(p->timer, 0, &(struct itimerspec){.it_value.tv_nsec = 1}, NULL);
        return 0;
}

/* --- the pool --- */

static void times(struct smtp_probe *p, struct smtp_probe_one *o, nsec_t now)
{
        bool late = now >= o->deadline || now >= o->last_deadline;

        if (!o->finished && !permit_holds(p->p.permit, &o->grant)) {
                close_all(o, true);
                finish(p, o, SMTP_PROBE_STOPPED, now);
        }
        if (!o->finished && late)
                finish(p, o,
                       o->connected ? broken_off(o, o->result.dialog.bytes ? SMTP_PROBE_CUT : SMTP_PROBE_MUTE) :
                                      SMTP_PROBE_SILENT,
                       now);
        if (o->icmp >= 0 && now >= o->ping_deadline) {
                close(o->icmp);
                o->icmp = -EBADF;
        }
}

static void end_finished(struct smtp_probe *p)
{
        for (struct smtp_probe_one **at = &p->probes; *at;) {
                struct smtp_probe_one *o = *at;

                if (!o->finished || o->icmp >= 0) {
                        at = &o->next;
                        continue;
                }
                *at = o->next;
                p->n--;
                permit_done(p->p.permit, &o->grant);
                o->func(o->userdata, &o->result);
                free(o);
                at = &p->probes; /* the function may have begun another */
        }
}

static void arm(struct smtp_probe *p, nsec_t now)
{
        struct itimerspec spec = {0};
        nsec_t at = INT64_MAX;

        for (struct smtp_probe_one *o = p->probes; o; o = o->next) {
                if (!o->finished)
                        at = MIN(at, MIN(o->deadline, o->last_deadline));
                if (o->icmp >= 0)
                        at = MIN(at, o->ping_deadline);
        }
        if (at != INT64_MAX) {
                at = MAX(at - now, 1);
                spec.it_value.tv_sec = at / NSEC_PER_SEC;
                spec.it_value.tv_nsec = at % NSEC_PER_SEC;
        }
        timerfd_settime(p->timer, 0, &spec, NULL);
}

static void on_event(struct smtp_probe *p, int fd, nsec_t now)
{
        for (struct smtp_probe_one *o = p->probes; o; o = o->next) {
                if (fd == o->icmp) {
                        smtp_probe_pong(p, o, now);
                        return;
                }
                if (fd != o->tcp)
                        continue;
                if (!o->connected)
                        connected(p, o, now);
                else
                        hear(p, o, now);
                return;
        }
}

void smtp_probe_process(struct smtp_probe *p, nsec_t now)
{
        struct epoll_event events[64];
        uint64_t rings;
        int n = epoll_wait(p->epoll, events, ELEMENTSOF(events), 0);

        (void) !read(p->timer, &rings, sizeof(rings));
        for (struct smtp_probe_one *o = p->probes; o; o = o->next)
                times(p, o, now);
        /* First what answers a SYN, so that it is there when its probe ends. */
        if (p->p.packets >= 0)
                smtp_probe_read_packets(p);
        for (int i = 0; i < n; i++)
                if (events[i].data.fd != p->timer && events[i].data.fd != p->p.packets)
                        on_event(p, events[i].data.fd, now);
        end_finished(p);
        arm(p, now);
}

void smtp_probe_stop(struct smtp_probe *p, nsec_t now)
{
        permit_stop(p->p.permit);
        for (struct smtp_probe_one *o = p->probes; o; o = o->next) {
                bool open = o->tcp >= 0;

                close_all(o, true);
                finish(p, o, SMTP_PROBE_STOPPED, now);
                if (open)
                        smtp_probe_tell(p, now, o, SMTP_PROBE_CLOSED, "", 0);
        }
        end_finished(p);
}
