/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The small IRC-like server the simulated bot takes orders from: NICK, USER, JOIN, PING, PRIVMSG and QUIT, one channel,
 * and orders pushed to whoever has joined. Runs as `sekimori-sim server`. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "demo/sim.h"

#define CLIENTS_MAX       32
#define CHANNEL           "#sim"
#define NAME              "irc.sim"
#define SERVER_LIFETIME_S 600
#define PENDING_MAX       16

struct client {
        bool used, user_given, welcomed, joined, gone;
        struct sim_link link;   /* TCP, TLS */
        struct sim_lines lines; /* UDP */
        struct sim_endpoint peer;
        char nick[32];
        struct server *server;
};

struct server {
        const struct sim_server_options *options;
        int fd;
        struct sim_tls_server *tls;
        struct client clients[CLIENTS_MAX];
        struct sim_lines stdin_lines;
        char pending[PENDING_MAX][128]; /* orders that came before anyone had joined */
        size_t n_pending;
        size_t next_order;
        nsec_t next_order_at; /* 0: no timer */
};

static void reply(struct client *c, const char *format, ...) _printf_(2, 3);
static void reply(struct client *c, const char *format, ...)
{
        char line[SIM_LINE_MAX];
        struct buf b = {.data = line, .size = sizeof(line) - 2, .max = sizeof(line) - 3, .fixed = true};
        struct sockaddr_storage to;
        socklen_t len;
        va_list ap;

        va_start(ap, format);
        buf_vprintf(&b, format, ap);
        va_end(ap);
        if (c->server->options->transport != SIM_UDP) {
                if (sim_link_send(&c->link, "%s", buf_str(&b)) < 0)
                        c->gone = true;
                return;
        }
        memcpy(line + b.len, "\r\n", 2);
        len = sim_endpoint_sockaddr(&c->peer, &to);
        if (sendto(c->server->fd, line, b.len + 2, MSG_DONTWAIT, (struct sockaddr *) &to, len) < 0)
                c->gone = true;
}

static void send_order(struct server *s, const char *order)
{
        char q[1024];
        unsigned n = 0;

        for (size_t i = 0; i < CLIENTS_MAX; i++) {
                struct client *c = &s->clients[i];

                if (!c->used || !c->joined || c->gone)
                        continue;
                reply(c, ":oper!o@h PRIVMSG " CHANNEL " :%s", order);
                n++;
        }
        sim_say("order_sent", "\"order\":%s,\"bots\":%u", sim_say_quote(order, q), n);
}

static bool anyone_joined(const struct server *s)
{
        for (size_t i = 0; i < CLIENTS_MAX; i++)
                if (s->clients[i].used && s->clients[i].joined && !s->clients[i].gone)
                        return true;
        return false;
}

static void on_join(struct client *c)
{
        struct server *s = c->server;
        char q[1024], peer[64];

        if (!c->welcomed)
                return;
        reply(c, ":%s!u@h JOIN " CHANNEL, c->nick);
        reply(c, ":" NAME " 353 %s = " CHANNEL " :@oper %s", c->nick, c->nick);
        reply(c, ":" NAME " 366 %s " CHANNEL " :End of /NAMES list.", c->nick);
        c->joined = true;
        sim_say("login", "\"nick\":%s,\"peer\":\"%s\"", sim_say_quote(c->nick, q), sim_endpoint_format(&c->peer, peer));
        for (size_t i = 0; i < s->n_pending; i++)
                send_order(s, s->pending[i]);
        s->n_pending = 0;
        if (s->next_order_at == 0 && s->next_order < s->options->n_orders)
                s->next_order_at = clock_boottime() + s->options->after_ms * NSEC_PER_MSEC;
}

static void welcome(struct client *c)
{
        if (c->welcomed || !c->user_given || !*c->nick)
                return;
        c->welcomed = true;
        reply(c, ":" NAME " 001 %s :Welcome to the simulation %s", c->nick, c->nick);
        reply(c, "PING :" NAME);
}

static void on_line(void *userdata, char *line)
{
        struct client *c = userdata;
        struct sim_irc m;
        char q[1024], q2[1024];

        if (sim_irc_parse(line, &m) < 0)
                return;
        if (strcmp(m.command, "NICK") == 0 && m.n_params >= 1) {
                snprintf(c->nick, sizeof(c->nick), "%s", m.params[0]);
                welcome(c);
        } else if (strcmp(m.command, "USER") == 0) {
                c->user_given = true;
                welcome(c);
        } else if (strcmp(m.command, "JOIN") == 0) {
                on_join(c);
        } else if (strcmp(m.command, "PING") == 0) {
                reply(c, ":" NAME " PONG " NAME " :%s", m.n_params ? m.params[0] : "");
        } else if (strcmp(m.command, "PONG") == 0) {
                sim_say("pong", "\"nick\":%s", sim_say_quote(c->nick, q));
        } else if (strcmp(m.command, "PRIVMSG") == 0 && m.n_params >= 2) {
                sim_say("reply", "\"nick\":%s,\"text\":%s", sim_say_quote(c->nick, q), sim_say_quote(m.params[1], q2));
        } else if (strcmp(m.command, "QUIT") == 0) {
                c->gone = true;
        }
}

static struct sim_endpoint endpoint_of(const struct sockaddr_storage *from)
{
        struct sim_endpoint e = {};

        if (from->ss_family == AF_INET6) {
                const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) from;

                memcpy(e.addr.b, &in6->sin6_addr, 16);
                e.port = ntohs(in6->sin6_port);
        } else {
                const struct sockaddr_in *in = (const struct sockaddr_in *) from;

                e.addr = addr_from_v4(in->sin_addr.s_addr);
                e.port = ntohs(in->sin_port);
        }
        return e;
}

static struct client *new_client(struct server *s, const struct sim_endpoint *peer)
{
        for (size_t i = 0; i < CLIENTS_MAX; i++) {
                struct client *c = &s->clients[i];

                if (c->used)
                        continue;
                *c = (struct client){.used = true, .link.fd = -EBADF, .peer = *peer, .server = s};
                return c;
        }
        return NULL;
}

static void on_accept(struct server *s)
{
        struct sockaddr_storage from = {};
        socklen_t len = sizeof(from);
        struct sim_endpoint peer;
        struct client *c;
        int fd = accept4(s->fd, (struct sockaddr *) &from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0)
                return;
        peer = endpoint_of(&from);
        c = new_client(s, &peer);
        if (!c)
                close(fd);
        else if (sim_link_accept(fd, s->tls, &c->link) < 0)
                c->used = false;
}

static void on_datagram(struct server *s)
{
        struct sockaddr_storage from = {};
        socklen_t len = sizeof(from);
        struct sim_endpoint peer;
        struct client *c = NULL;
        char data[2048];
        ssize_t n = recvfrom(s->fd, data, sizeof(data), MSG_DONTWAIT, (struct sockaddr *) &from, &len);

        if (n <= 0)
                return;
        peer = endpoint_of(&from);
        for (size_t i = 0; i < CLIENTS_MAX && !c; i++) {
                struct client *k = &s->clients[i];

                if (k->used && k->peer.port == peer.port && addr_equal(&k->peer.addr, &peer.addr))
                        c = k;
        }
        if (!c)
                c = new_client(s, &peer);
        if (c)
                sim_lines_feed(&c->lines, data, (size_t) n, on_line, c);
}

static void drop_gone(struct server *s)
{
        char q[1024];

        for (size_t i = 0; i < CLIENTS_MAX; i++) {
                struct client *c = &s->clients[i];

                if (!c->used || !c->gone)
                        continue;
                sim_say("logout", "\"nick\":%s", sim_say_quote(c->nick, q));
                sim_link_done(&c->link);
                c->used = false;
        }
}

static void on_stdin_line(void *userdata, char *line)
{
        struct server *s = userdata;

        if (anyone_joined(s))
                send_order(s, line);
        else if (s->n_pending < PENDING_MAX)
                snprintf(s->pending[s->n_pending++], sizeof(s->pending[0]), "%.127s", line);
}

static void on_timer(struct server *s)
{
        if (s->next_order_at == 0 || clock_boottime() < s->next_order_at)
                return;
        send_order(s, s->options->orders[s->next_order++]);
        s->next_order_at =
                s->next_order < s->options->n_orders ? clock_boottime() + s->options->after_ms * NSEC_PER_MSEC : 0;
}

static int timeout_of(const struct server *s)
{
        nsec_t left;

        if (s->next_order_at == 0)
                return -1;
        left = s->next_order_at - clock_boottime();
        return left <= 0 ? 0 : (int) (left / NSEC_PER_MSEC) + 1;
}

/* Standard input's turn. False once it has ended. */
static bool on_stdin(struct server *s)
{
        char data[1024];
        ssize_t n = read(STDIN_FILENO, data, sizeof(data));

        if (n <= 0)
                return n < 0 && (errno == EAGAIN || errno == EINTR);
        sim_lines_feed(&s->stdin_lines, data, (size_t) n, on_stdin_line, s);
        return true;
}

static void serve(struct server *s, int signals)
{
        bool udp = s->options->transport == SIM_UDP, input = s->options->orders_from_stdin;

        for (;;) {
                struct pollfd p[3 + CLIENTS_MAX] = {{.fd = signals, .events = POLLIN},
                                                    {.fd = s->fd, .events = POLLIN},
                                                    {.fd = input ? STDIN_FILENO : -1, .events = POLLIN}};

                for (size_t i = 0; i < CLIENTS_MAX; i++)
                        p[3 + i] = (struct pollfd){.fd = s->clients[i].used && !udp ? s->clients[i].link.fd : -1,
                                                   .events = POLLIN};
                if (poll(p, ELEMENTSOF(p), timeout_of(s)) < 0 && errno != EINTR)
                        return;
                if (p[0].revents)
                        return;
                for (size_t i = 0; i < CLIENTS_MAX; i++) {
                        struct client *c = &s->clients[i];

                        if (p[3 + i].revents && c->used && sim_link_read(&c->link, on_line, c) < 0)
                                c->gone = true;
                }
                if (p[1].revents && udp)
                        on_datagram(s);
                else if (p[1].revents)
                        on_accept(s);
                if (p[2].revents)
                        input = on_stdin(s);
                on_timer(s);
                drop_gone(s);
        }
}

static int open_listener(const struct sim_server_options *o)
{
        _cleanup_close_ int fd = -EBADF;
        struct sockaddr_storage at;
        socklen_t len = sim_endpoint_sockaddr(&o->listen, &at);
        bool udp = o->transport == SIM_UDP;
        int one = 1;

        fd = socket(at.ss_family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
            bind(fd, (struct sockaddr *) &at, len) < 0 || (!udp && listen(fd, 16) < 0))
                return -errno;
        return TAKE_FD(fd);
}

int sim_server_main(const struct sim_server_options *o)
{
        const struct cidr own = {.base = o->listen.addr, .bits = 128};
        struct server *s = NULL;
        int signals, r, status = 1;
        sigset_t set;
        char at[64];

        if (sim_safety_range(&own) < 0 || sim_safety_netns(addr_is_loopback(&o->listen.addr)) < 0) {
                log_error("refused: the server listens on loopback, or inside a test's own network namespace");
                return SIM_EXIT_REFUSED;
        }
        sim_safety_start_clock(SERVER_LIFETIME_S);
        s = calloc(1, sizeof(*s));
        if (!s)
                return 1;
        s->options = o;
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigprocmask(SIG_BLOCK, &set, NULL);
        signal(SIGPIPE, SIG_IGN);
        signals = signalfd(-1, &set, SFD_CLOEXEC);
        r = s->fd = open_listener(o);
        if (r >= 0 && o->transport == SIM_TLS)
                r = sim_tls_server_new(&s->tls);
        if (r < 0 || signals < 0) {
                log_error("cannot listen on %s: %s", sim_endpoint_format(&o->listen, at), strerror(r < 0 ? -r : errno));
        } else {
                sim_say("listening", "\"addr\":\"%s\"", sim_endpoint_format(&o->listen, at));
                serve(s, signals);
                status = 0;
        }
        for (size_t i = 0; i < CLIENTS_MAX; i++)
                if (s->clients[i].used)
                        sim_link_done(&s->clients[i].link);
        sim_tls_server_free(s->tls);
        closep(&s->fd);
        closep(&signals);
        free(s);
        return status;
}
