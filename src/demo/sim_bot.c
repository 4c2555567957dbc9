/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The simulated bot: logs in, waits for orders, has them carried out in its shape and reports back in the channel. Runs
 * as `sekimori-sim bot`. It checks where it is before it sends anything, and ends by itself after a minute. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/log.h"
#include "demo/sim.h"

#define CHANNEL     "#sim"
#define RUNNING_MAX 16

struct running {
        int fd; /* read end of the result's pipe; -EBADF: free */
        struct sim_order order;
        struct sim_result assumed; /* what to report when only the end comes */
};

struct bot {
        const struct sim_bot_options *options;
        struct sim_link link;
        struct running running[RUNNING_MAX];
        struct sim_order waiting[RUNNING_MAX]; /* orders slept over, oldest first */
        size_t n_waiting;
        int timer;
        bool quitting;
};

static const char *const tags[] = {
        [SIM_SCAN] = "SCAN", [SIM_UDPFLOOD] = "UDPFLOOD", [SIM_PING] = "PING",
        [SIM_GET] = "GET",   [SIM_FORGE] = "FORGE",       [SIM_QUIT] = "QUIT",
};

static void report(struct bot *b, const struct sim_order *order, const struct sim_result *r)
{
        char q[1024];

        if (r->error < 0)
                (void) sim_link_send(&b->link, "PRIVMSG " CHANNEL " :[%s]: failed: %s", tags[order->kind],
                                     strerror(-r->error));
        else
                (void) sim_link_send(&b->link, "PRIVMSG " CHANNEL " :[%s]: %u tried, %u open, %u refused, %u silent",
                                     tags[order->kind], r->attempted, r->ok, r->refused, r->timed_out);
        sim_say("reported", "\"order\":%s,\"worker\":%d,\"worker_tid\":%d,\"attempted\":%u,\"error\":%d",
                sim_say_quote(order->text, q), r->pid, r->tid, r->attempted, r->error);
}

static void start_order(struct bot *b, const struct sim_order *order)
{
        const struct sim_bot_options *o = b->options;
        struct sim_job job = {.order = *order,
                              .space = &o->space,
                              .shape = o->shape,
                              .forge_source = o->forge_source,
                              .tool = o->tool};
        struct running *slot = NULL;
        int fds[2], r;

        for (size_t i = 0; i < RUNNING_MAX && !slot; i++)
                if (b->running[i].fd < 0)
                        slot = &b->running[i];
        r = !slot ? -EBUSY : pipe2(fds, O_CLOEXEC) < 0 ? -errno : 0;
        if (r == 0) {
                job.result_fd = fds[1];
                r = sim_shape_start(&job);
                if (r < 0)
                        close(fds[0]);
        }
        if (r < 0) {
                report(b, order, &(struct sim_result){.error = r});
                return;
        }
        *slot = (struct running){.fd = fds[0], .order = *order, .assumed = job.result};
        if (o->shape == SIM_SHAPE_PARENT_EXITS)
                b->quitting = true; /* this is the child now: it reports, and that was its life */
}

static void start_waiting(struct bot *b)
{
        struct sim_order order = b->waiting[0];

        memmove(b->waiting, b->waiting + 1, --b->n_waiting * sizeof(b->waiting[0]));
        sim_say("woke", "\"waiting\":%zu", b->n_waiting);
        start_order(b, &order);
}

static void set_timer(struct bot *b)
{
        struct itimerspec at = {.it_value.tv_sec = b->options->sleep_s};

        if (timerfd_settime(b->timer, 0, &at, NULL) < 0)
                log_error("timer: %s", strerror(errno));
}

static void take_order(struct bot *b, const char *text)
{
        struct sim_order order;
        char q[1024];

        if (sim_order_parse(text, &order) < 0) {
                sim_say("ignored", "\"text\":%s", sim_say_quote(text, q));
                return;
        }
        sim_say("order", "\"order\":%s,\"shape\":\"%s\"", sim_say_quote(order.text, q),
                sim_shape_name(b->options->shape));
        if (order.kind == SIM_QUIT) {
                b->quitting = true;
        } else if (!b->options->sleep_s && !b->options->wait_idle) {
                start_order(b, &order);
        } else if (b->n_waiting < RUNNING_MAX) {
                b->waiting[b->n_waiting++] = order;
                if (b->n_waiting == 1 && !b->options->wait_idle)
                        set_timer(b);
        }
}

static void on_line(void *userdata, char *line)
{
        struct bot *b = userdata;
        struct sim_irc m;

        if (sim_irc_parse(line, &m) < 0)
                return;
        if (strcmp(m.command, "PING") == 0)
                (void) sim_link_send(&b->link, "PONG :%s", m.n_params ? m.params[0] : "");
        else if (strcmp(m.command, "001") == 0)
                (void) sim_link_send(&b->link, "JOIN " CHANNEL);
        else if (strcmp(m.command, "366") == 0)
                sim_say("ready", "\"shape\":\"%s\"", sim_shape_name(b->options->shape));
        else if (strcmp(m.command, "PRIVMSG") == 0 && m.n_params >= 2 && m.params[1][0] == '.')
                take_order(b, m.params[1]);
}

static void on_result(struct bot *b, struct running *slot)
{
        struct sim_result r;
        ssize_t n = read(slot->fd, &r, sizeof(r));

        if (n < 0 && errno == EINTR)
                return;
        if (n != sizeof(r)) {
                /* The end without a result: a shell and its tools have finished, or a worker was killed. */
                r = slot->assumed;
                if (b->options->shape != SIM_SHAPE_SHELL)
                        r.error = -ECHILD;
                sim_say("done", "\"attempted\":%u,\"error\":%d", r.attempted, r.error);
        }
        close(slot->fd);
        slot->fd = -EBADF;
        report(b, &slot->order, &r);
}

static bool busy(const struct bot *b)
{
        for (size_t i = 0; i < RUNNING_MAX; i++)
                if (b->running[i].fd >= 0)
                        return true;
        return b->n_waiting > 0;
}

static void on_timer(struct bot *b)
{
        uint64_t ticks;

        if (read(b->timer, &ticks, sizeof(ticks)) < 0 || b->n_waiting == 0)
                return;
        start_waiting(b);
        if (b->n_waiting)
                set_timer(b);
}

/* Until .quit, the end of the conversation, or an error. */
static int serve(struct bot *b)
{
        bool input = b->options->wait_idle;

        while (!b->quitting || busy(b)) {
                struct pollfd p[3 + RUNNING_MAX] = {
                        {.fd = b->link.fd, .events = POLLIN},
                        {.fd = b->timer, .events = POLLIN},
                        {.fd = input && b->n_waiting ? STDIN_FILENO : -1, .events = POLLIN}};
                char ignored[64];

                for (size_t i = 0; i < RUNNING_MAX; i++)
                        p[3 + i] = (struct pollfd){.fd = b->running[i].fd, .events = POLLIN};
                if (poll(p, ELEMENTSOF(p), -1) < 0 && errno != EINTR)
                        return -errno;
                for (size_t i = 0; i < RUNNING_MAX; i++)
                        if (p[3 + i].fd >= 0 && p[3 + i].revents)
                                on_result(b, &b->running[i]);
                if (p[1].revents)
                        on_timer(b);
                if (p[2].revents && read(STDIN_FILENO, ignored, sizeof(ignored)) <= 0)
                        input = false;
                else if (p[2].revents)
                        start_waiting(b);
                if (p[0].revents && sim_link_read(&b->link, on_line, b) < 0)
                        return -ECONNRESET;
        }
        (void) sim_link_send(&b->link, "QUIT :ordered");
        return 0;
}

static int check(const struct sim_bot_options *o)
{
        const struct cidr server = {.base = o->server.addr, .bits = 128};
        bool loopback = addr_is_loopback(&o->server.addr) && sim_safety_space_is_loopback(&o->space);

        if (sim_safety_range(&server) < 0 || sim_safety_space(&o->space) < 0)
                return -EPERM;
        if (!addr_is_unspecified(&o->forge_source) && sim_safety_source(&o->forge_source) < 0)
                return -EPERM;
        return sim_safety_netns(loopback);
}

static int enter_netns(const char *path)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

        return fd < 0 || setns(fd, CLONE_NEWNET) < 0 ? -errno : 0;
}

static int log_in(struct bot *b)
{
        char nick[32];
        int r = sim_link_connect(&b->options->server, b->options->transport, &b->link);

        if (r < 0)
                return r;
        snprintf(nick, sizeof(nick), "sim-%d", getpid());
        if (b->options->nick)
                snprintf(nick, sizeof(nick), "%.31s", b->options->nick);
        r = sim_link_send(&b->link, "NICK %s", nick);
        return r < 0 ? r : sim_link_send(&b->link, "USER %s 0 * :a simulated bot", nick);
}

int sim_bot_main(const struct sim_bot_options *o)
{
        struct sigaction reap = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};
        struct bot b = {.options = o, .link.fd = -EBADF};
        char at[64];
        int r = 0;

        sim_safety_start_clock(SIM_LIFETIME_MAX);
        for (size_t i = 0; i < RUNNING_MAX; i++)
                b.running[i].fd = -EBADF;
        if (o->netns)
                r = enter_netns(o->netns);
        if (r < 0) {
                log_error("cannot enter the namespace %s: %s", o->netns, strerror(-r));
                return 1;
        }
        /* After the move, since it is from there that things are sent. */
        if (check(o) < 0) {
                log_error(
                        "refused: only loopback, or 10.77.0.0/16 and fd77::/16 inside a test's own network namespace");
                return SIM_EXIT_REFUSED;
        }
        /* Not SIG_IGN, which a shell would inherit and then wait in vain for its own children. */
        sigaction(SIGCHLD, &reap, NULL);
        signal(SIGPIPE, SIG_IGN);
        b.timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
        r = b.timer < 0 ? -errno : log_in(&b);
        if (r < 0) {
                log_error("cannot log in to %s: %s", sim_endpoint_format(&o->server, at), strerror(-r));
        } else {
                sim_say("login", "\"server\":\"%s\"", sim_endpoint_format(&o->server, at));
                r = serve(&b);
                sim_say("end", "\"error\":%d", r);
        }
        sim_link_done(&b.link);
        closep(&b.timer);
        return r < 0 ? 1 : 0;
}
