/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The simulated bot: a harmless stand-in that takes orders from an IRC-like server of ours and carries them out in one
 * of many process shapes, with the truth about who did it on standard output. Used by the demo, the e2e tests and the
 * benches as the program sekimori-sim; it only ever reaches loopback, 10.77.0.0/16 and fd77::/16 (see sim_safety.c). */
#ifndef SEKIMORI_DEMO_SIM_H
#define SEKIMORI_DEMO_SIM_H

#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define SIM_PACKETS_MAX  5000 /* packets or connection attempts of one order */
#define SIM_LIFETIME_MAX 60   /* seconds a bot lives, with all it started */
#define SIM_LINE_MAX     512  /* bytes of an IRC line with its end, RFC 2812 2.3 */
#define SIM_NETS_MAX     8
#define SIM_EXIT_REFUSED 4  /* exit status when a safety check says no */
#define SIM_SLEEP_MAX    50 /* seconds between order and act */

struct sim_endpoint {
        struct addr addr;
        uint16_t port; /* host order */
};

/* Where an order may go: every destination is one of nets × [port_lo, port_hi]. */
struct sim_space {
        struct cidr nets[SIM_NETS_MAX];
        size_t n_nets;
        uint16_t port_lo, port_hi;
};

enum sim_order_kind { SIM_SCAN, SIM_UDPFLOOD, SIM_PING, SIM_GET, SIM_FORGE, SIM_MAIL, SIM_QUIT };

struct sim_order {
        enum sim_order_kind kind;
        uint32_t count;
        char text[64]; /* as received; printable ASCII only */
};

enum sim_shape {
        SIM_SHAPE_CHILD,
        SIM_SHAPE_THREAD,
        SIM_SHAPE_DOUBLE_FORK,
        SIM_SHAPE_PARENT_EXITS,
        SIM_SHAPE_CLONE_PARENT,
        SIM_SHAPE_SHELL,
        SIM_SHAPE_SELF_EXEC,
        SIM_SHAPE_IO_URING,
        SIM_SHAPE_IO_URING_SQPOLL,
        SIM_SHAPE_RAW_FORGE,
        SIM_SHAPE_RAW_FORGE6,
        SIM_SHAPE_PACKET_FORGE,
        SIM_SHAPE_PACKET_FORGE_BYPASS,
        SIM_SHAPE_INHERITED,
        SIM_SHAPE_FD_PASSING,
        SIM_SHAPE_UDP_ORDERS,
        SIM_SHAPE_TLS_ORDERS,
        SIM_SHAPE_SLEEPER,
        SIM_SHAPE_NETNS,
        SIM_SHAPE_SINGLE,
        SIM_SHAPE_MAX,
};

enum sim_transport { SIM_TCP, SIM_UDP, SIM_TLS };

/* What became of an order; travels through a pipe from whoever worked to whoever reports. */
struct sim_result {
        uint32_t attempted, ok, refused, timed_out, failed;
        int32_t pid, tid;
        int32_t error; /* negative errno when the order could not be carried out at all */
};

/* One order being carried out. */
struct sim_job {
        struct sim_order order;
        const struct sim_space *space;
        enum sim_shape shape;
        struct addr forge_source; /* unspecified: one is made */
        const char *tool;         /* shell: "nc", "curl", "bash", "self", or NULL for the first one found */
        int result_fd;            /* write end of the pipe; owned */
        nsec_t first_packet;      /* CLOCK_BOOTTIME just before the first packet, 0: none yet */
        bool first_said;
        struct sim_result result;
};

struct sim_server_options {
        struct sim_endpoint listen;
        enum sim_transport transport;
        const char *orders[16];
        size_t n_orders;
        unsigned after_ms; /* before each order, counted from the JOIN or the order before */
        bool orders_from_stdin;
};

struct sim_bot_options {
        struct sim_endpoint server;
        enum sim_transport transport;
        enum sim_shape shape;
        struct sim_space space;
        struct addr forge_source;
        const char *nick;  /* NULL: made from the pid */
        const char *tool;  /* as in struct sim_job */
        const char *netns; /* NULL: stay */
        unsigned sleep_s;
        bool wait_idle; /* act only after a line on standard input */
};

/* sim_say.c: one JSON line per thing that happened. */
void sim_say(const char *event, const char *members, ...) _printf_(2, 3); /* members: "\"a\":1,\"b\":2" */
const char *sim_say_quote(const char *text, char out[static 1024]);       /* a JSON string with its quotes */
long long sim_say_start_ticks(void); /* start time of this process in clock ticks since boot, as /proc has it */

/* sim_safety.c: what keeps the simulation harmless. All 0 or -EPERM. */
int sim_safety_range(const struct cidr *net); /* inside the hard-coded ranges? */
int sim_safety_target(const struct sim_space *space, const struct sim_endpoint *to);
int sim_safety_source(const struct addr *source); /* of a forged packet */
int sim_safety_space(const struct sim_space *space);
int sim_safety_netns(bool loopback_only); /* refuses the machine's initial network namespace */
bool sim_safety_is_initial_netns(void);
bool sim_safety_space_is_loopback(const struct sim_space *space);
void sim_safety_start_clock(unsigned seconds); /* the process ends by SIGALRM after this */
void sim_safety_inherit_clock(void);           /* in a child: what is left of the parent's time */
void sim_safety_resume_clock(void);            /* after exec: the alarm that came along, or the shortest life */

/* sim_irc.c: lines, messages and orders. */
struct sim_lines {
        char data[SIM_LINE_MAX];
        size_t len;
        bool skipping; /* inside a line longer than the bound */
        uint64_t dropped;
};
struct sim_irc {
        const char *prefix, *command; /* prefix "" when missing */
        const char *params[4];
        size_t n_params;
};
typedef void (*sim_line_func)(void *userdata, char *line);
/* Splits at \n (and \r\n), hands each line out NUL-terminated; a line past the bound is dropped whole and counted. */
void sim_lines_feed(struct sim_lines *l, const char *data, size_t len, sim_line_func func, void *userdata);
int sim_irc_parse(char *line, struct sim_irc *ret);                 /* cuts `line` up; 0 or -EBADMSG */
int sim_order_parse(const char *text, struct sim_order *ret);       /* 0, -EINVAL (not an order), -ERANGE (count) */
int sim_space_add(struct sim_space *space, const char *cidrs);      /* "CIDR[,CIDR…]" */
int sim_ports_parse(const char *text, struct sim_space *ret);       /* "A-B" or "A" */
int sim_endpoint_parse(const char *text, struct sim_endpoint *ret); /* "10.77.1.2:6667", "[fd77:1::2]:6667" */
const char *sim_endpoint_format(const struct sim_endpoint *e, char out[static 64]);
socklen_t sim_endpoint_sockaddr(const struct sim_endpoint *e, struct sockaddr_storage *ret);
uint32_t sim_space_size(const struct sim_space *space); /* distinct endpoints, at most SIM_PACKETS_MAX */
struct sim_endpoint sim_space_pick(const struct sim_space *space, uint32_t i);
const char *sim_shape_name(enum sim_shape shape);
int sim_shape_parse(const char *name, enum sim_shape *ret);

/* sim_link.c: a line-wise conversation over TCP, UDP or TLS. */
struct sim_tls;
struct sim_tls_server;
struct sim_link {
        int fd;              /* owned, non-blocking */
        struct sim_tls *tls; /* owned; NULL without TLS */
        struct sim_lines in;
};
int sim_link_connect(const struct sim_endpoint *server, enum sim_transport transport, struct sim_link *ret);
int sim_link_accept(int fd, struct sim_tls_server *tls, struct sim_link *ret); /* takes fd */
int sim_link_send(struct sim_link *l, const char *format, ...) _printf_(2, 3); /* adds \r\n */
/* Reads what is there. 1: read something, 0: nothing now, -ECONNRESET: over. */
int sim_link_read(struct sim_link *l, sim_line_func func, void *userdata);
void sim_link_done(struct sim_link *l);

/* sim_tls.c, or sim_tls_none.c where libssl is missing (all -EOPNOTSUPP). */
bool sim_tls_available(void);
int sim_tls_server_new(struct sim_tls_server **ret); /* with a certificate made now */
void sim_tls_server_free(struct sim_tls_server *s);
int sim_tls_attach(int fd, struct sim_tls_server *server, struct sim_tls **ret); /* server NULL: as a client */
void sim_tls_free(struct sim_tls *t);
int sim_tls_connect(struct sim_tls *t, short *ret_events);          /* 0, -EAGAIN (poll for these) or -EPROTO */
ssize_t sim_tls_read(struct sim_tls *t, char *data, size_t size);   /* bytes, 0: nothing now, -ECONNRESET */
int sim_tls_write(struct sim_tls *t, const char *data, size_t len); /* whole or not at all */

/* sim_work.c: carrying an order out with sockets. */
struct sim_io;
void sim_work_begin(struct sim_job *job);                               /* says "work" */
int sim_work_admit(struct sim_job *job, const struct sim_endpoint *to); /* before each packet: 0, -EPERM, -ENOBUFS */
void sim_work_sent(struct sim_job *job, const struct sim_endpoint *to, const struct addr *forged); /* after each */
int sim_work_run(struct sim_job *job);               /* the order itself, after begin */
void sim_work_end(struct sim_job *job, int error);   /* says "done", hands the result over, closes result_fd */
void sim_work_all(struct sim_job *job);              /* begin, run, end */
void sim_work_count(struct sim_job *job, int error); /* how one attempt ended */
uint16_t sim_work_checksum(const void *data, size_t len, uint32_t sum); /* RFC 1071, network order */
/* A socket connected to the i-th target; for TCP that is a packet already. */
int sim_work_open(struct sim_job *job, uint32_t i, int *ret_fd);
/* One datagram, echo request or line over a connected socket; counted in the result. */
int sim_work_send(struct sim_job *job, struct sim_io *io, int fd, const struct sim_endpoint *to, uint32_t number);

/* sim_io.c: how the system calls of the work are made: directly or through io_uring. */
struct sim_attempt {
        int fd;     /* owned by the caller */
        int result; /* 1 while it runs, then 0 or a negative errno */
};
/* A NULL io makes plain system calls where it sends. */
int sim_io_new(bool uring, bool sqpoll, struct sim_io **ret);
void sim_io_free(struct sim_io *io);
DEFINE_FREEP(struct sim_io, sim_io_free)
int sim_io_connect(struct sim_io *io, struct sim_attempt *a, const struct sockaddr *to, socklen_t len);
void sim_io_settle(struct sim_io *io, struct sim_attempt *a, size_t n, int timeout_ms);
ssize_t sim_io_send(struct sim_io *io, int fd, const void *data, size_t len); /* bytes, or negative errno */
pid_t sim_io_kernel_thread(const struct sim_io *io);                          /* SQPOLL's thread, 0: none */

/* sim_uring.c: the ring itself, by system calls. */
struct sim_uring;
int sim_uring_new(bool sqpoll, struct sim_uring **ret);
void sim_uring_free(struct sim_uring *u);
int sim_uring_connect(struct sim_uring *u, int fd, const struct sockaddr *to, socklen_t len, uint64_t id);
int sim_uring_send(struct sim_uring *u, int fd, const void *data, size_t len, uint64_t id);
int sim_uring_cancel(struct sim_uring *u, uint64_t target, uint64_t id);
/* The next completion. 0, -ETIME (none in time) or another negative errno. */
int sim_uring_wait(struct sim_uring *u, int timeout_ms, uint64_t *ret_id, int *ret_result);
pid_t sim_uring_kernel_thread(const struct sim_uring *u);

/* sim_forge.c: packets with a source address that is not ours. */
struct sim_packet {
        struct sim_endpoint from, to;
        int protocol; /* IPPROTO_UDP, IPPROTO_TCP (a SYN), IPPROTO_ICMP (an echo request, of either family) */
        uint16_t number;
};
#define SIM_PACKET_MAX 128
/* Writes the IP packet; its length, or -EAFNOSUPPORT when the families differ. */
int sim_forge_build(const struct sim_packet *p, uint8_t out[static SIM_PACKET_MAX]);
int sim_forge_run(struct sim_job *job);

/* sim_mail.c: mails to a sink of the test. */
int sim_mail_run(struct sim_job *job);

/* sim_shapes*.c: who carries an order out. The worker's result arrives at the read end of job->result_fd's pipe. */
int sim_shape_start(struct sim_job *job); /* takes result_fd, in success and failure */
int sim_shape_exec_shell(struct sim_job *job);
int sim_shape_exec_self(struct sim_job *job);
int sim_shape_inherited(struct sim_job *job);
int sim_shape_fd_passing(struct sim_job *job);

/* The commands; each returns the exit status. */
int sim_server_main(const struct sim_server_options *o);
int sim_bot_main(const struct sim_bot_options *o);

#endif
