/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Probes against servers in a network namespace of the test's own, where a public address is ours: what is sent byte
 * for byte, every end, the packet log, pings, the answer's SYN, and stopping. Needs root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "decode/os_db.h"
#include "mail/smtp_probe.h"

#define RELAY "61.48.71.52"
#define S     NSEC_PER_SEC

static bool inside; /* the namespace is made */

/* --- the namespace --- */

static int write_file(const char *path, const char *text)
{
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t) strlen(text) ? 0 : -1;
}

static int give_lo(int fd, const char *name, const char *text)
{
        struct ifreq r = {0};
        struct sockaddr_in *sin = (struct sockaddr_in *) &r.ifr_addr;

        strcpy(r.ifr_name, name);
        if (text) {
                sin->sin_family = AF_INET;
                inet_pton(AF_INET, text, &sin->sin_addr);
                return ioctl(fd, SIOCSIFADDR, &r);
        }
        r.ifr_flags = IFF_UP;
        return ioctl(fd, SIOCSIFFLAGS, &r);
}

static int enter(void **state)
{
        _cleanup_close_ int fd = -EBADF;

        (void) state;
        if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
                print_message("skipped: needs root, to make a network namespace\n");
                return 0;
        }
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || give_lo(fd, "lo", NULL) < 0 || give_lo(fd, "lo:1", RELAY) < 0)
                return -1;
        write_file("/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
        inside = true;
        return 0;
}

/* --- a server, and the loop --- */

struct rig {
        struct permit *permit;
        struct netlist *allowed;
        struct smtp_probe *probe;
        nsec_t now;
        int listener, client;
        const char *const *replies; /* the banner, then one for each line that comes; NULL entry: closes */
        char heard[512], log[4096];
        size_t n_heard, n_log;
        unsigned ended;
        struct smtp_probe_result result;
};

static void on_log(void *userdata, nsec_t now, const struct addr *a, enum smtp_probe_event event, const char *data,
                   size_t len)
{
        struct rig *g = userdata;
        char text[ADDR_TEXT_MAX];

        (void) now;
        assert_string_equal(addr_format(a, text), RELAY);
        g->n_log +=
                (size_t) snprintf(g->log + g->n_log, sizeof(g->log) - g->n_log, "%s%s%.*s|",
                                  smtp_probe_event_name(event), len ? " " : "", (int) (len > 100 ? 100 : len), data);
}

static void on_end(void *userdata, const struct smtp_probe_result *result)
{
        struct rig *g = userdata;

        g->ended++;
        g->result = *result;
}

static void listen_on(struct rig *g)
{
        struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(25)};
        const int on = 1;

        inet_pton(AF_INET, RELAY, &sin.sin_addr);
        g->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        setsockopt(g->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        assert_int_equal(bind(g->listener, (struct sockaddr *) &sin, sizeof(sin)), 0);
        assert_int_equal(listen(g->listener, 4), 0);
}

static void rig_begin(struct rig *g, const char *const *replies, struct smtp_probe_params p)
{
        struct cidr net;

        if (!inside)
                skip();
        memset(g, 0, sizeof(*g));
        g->now = 1700000000 * S;
        g->listener = g->client = -EBADF;
        g->replies = replies;
        assert_int_equal(netlist_new(&g->allowed), 0);
        assert_int_equal(cidr_parse("61.48.0.0/16", &net), 0);
        assert_int_equal(netlist_add(g->allowed, &net), 0);
        netlist_ready(g->allowed);
        assert_int_equal(permit_new(&(struct permit_params){.probing = true, .allowed = g->allowed}, &g->permit), 0);
        p.permit = g->permit;
        p.name = "probe.example";
        p.log = on_log;
        p.log_userdata = g;
        p.packets = p.packets ? p.packets : -1;
        assert_int_equal(smtp_probe_new(&p, &g->probe), 0);
        if (replies)
                listen_on(g);
}

static void rig_end(struct rig *g)
{
        smtp_probe_free(g->probe);
        permit_free(g->permit);
        netlist_free(g->allowed);
        if (g->client >= 0)
                close(g->client);
        if (g->listener >= 0)
                close(g->listener);
}

static struct permit_grant grant(struct rig *g)
{
        struct permit_request r = {.last_external = true};
        struct permit_grant got = {0};

        assert_int_equal(addr_parse(RELAY, &r.addr), 0);
        assert_int_equal(permit_take(g->permit, g->now, &r, &got), PERMIT_GRANTED);
        return got;
}

static void begin(struct rig *g)
{
        struct permit_grant got = grant(g);

        assert_int_equal(smtp_probe_begin(g->probe, g->now, &got, on_end, g), 0);
}

static void reply(struct rig *g)
{
        const char *text = *g->replies;

        if (text) {
                g->replies++;
                assert_int_equal(send(g->client, text, strlen(text), MSG_NOSIGNAL), strlen(text));
        }
        if (!*g->replies) {
                close(g->client);
                g->client = -EBADF;
        }
}

static void serve(struct rig *g)
{
        ssize_t n = recv(g->client, g->heard + g->n_heard, sizeof(g->heard) - 1 - g->n_heard, MSG_DONTWAIT);

        if (n <= 0) {
                close(g->client);
                g->client = -EBADF;
                return;
        }
        g->n_heard += (size_t) n;
        reply(g);
}

/* Until it ended, or nothing moves. */
static void pump(struct rig *g)
{
        for (unsigned i = 0; i < 1000 && !g->ended; i++) {
                struct pollfd fds[] = {{.fd = smtp_probe_fd(g->probe), .events = POLLIN},
                                       {.fd = g->listener, .events = POLLIN},
                                       {.fd = g->client, .events = POLLIN}};

                if (poll(fds, 3, 200) <= 0)
                        return;
                if (fds[2].revents)
                        serve(g);
                if (fds[1].revents) {
                        g->client = accept4(g->listener, NULL, NULL, SOCK_CLOEXEC);
                        assert_true(g->client >= 0);
                        if (*g->replies && **g->replies)
                                reply(g);
                        else if (!*g->replies)
                                reply(g);
                }
                if (fds[0].revents)
                        smtp_probe_process(g->probe, g->now);
        }
}

#define SAYS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* --- ends --- */

static void test_server(void **state)
{
        struct rig g;
        struct permit_grant again = {.number = 1};

        (void) state;
        rig_begin(&g, SAYS("220 mail.example ESMTP\r\n", "250-mail.example\r\n250 STARTTLS\r\n", "221 bye\r\n"),
                  (struct smtp_probe_params){0});
        begin(&g);
        assert_int_equal(smtp_probe_count(g.probe), 1);
        pump(&g);
        assert_int_equal(g.ended, 1);
        assert_int_equal(g.result.end, SMTP_PROBE_SERVER);
        assert_int_equal(g.result.server, ANSWER_YES);
        assert_string_equal(g.result.dialog.banner, "mail.example ESMTP");
        /* Not a byte more. */
        assert_string_equal(g.heard, "EHLO probe.example\r\nQUIT\r\n");
        assert_string_equal(g.log,
                            "connecting|connected|heard 220 mail.example ESMTP\r\n|said EHLO probe.example\r\n|"
                            "heard 250-mail.example\r\n250 STARTTLS\r\n|said QUIT\r\n|heard 221 bye\r\n|closed|");
        assert_int_equal(smtp_probe_count(g.probe), 0);
        /* The grant was given back, and is good for nothing. */
        again.addr = g.result.addr;
        assert_int_equal(smtp_probe_begin(g.probe, g.now, &again, on_end, &g), -EPERM);
        rig_end(&g);
}

static void expect_end(const char *const *replies, enum smtp_probe_end end, const char *heard)
{
        struct rig g;

        rig_begin(&g, replies, (struct smtp_probe_params){0});
        begin(&g);
        pump(&g);
        if (!g.ended) { /* the other side waits */
                g.now += 31 * S;
                smtp_probe_process(g.probe, g.now);
        }
        assert_int_equal(g.ended, 1);
        assert_int_equal(g.result.end, end);
        assert_int_equal(g.result.server, end == SMTP_PROBE_SERVER  ? ANSWER_YES :
                                          end == SMTP_PROBE_REFUSED ? ANSWER_NO :
                                                                      ANSWER_UNKNOWN);
        assert_string_equal(g.heard, heard);
        rig_end(&g);
}

static void test_ends(void **state)
{
        (void) state;
        if (!inside)
                skip();
        expect_end(NULL, SMTP_PROBE_REFUSED, "");
        expect_end(SAYS("", "never"), SMTP_PROBE_MUTE, "");
        expect_end(SAYS("SSH-2.0-x\r\n", "x"), SMTP_PROBE_ODD, "");
        expect_end((const char *const[]){NULL}, SMTP_PROBE_CUT, "");
        expect_end(SAYS("220 x ESMTP\r\n"), SMTP_PROBE_CUT, "");
        expect_end(SAYS("220 x ESMTP\r\n", "250 x\r\n"), SMTP_PROBE_SERVER, "EHLO probe.example\r\n");
        expect_end(SAYS("220 x\r\n", "500 x\r\n", "221 x\r\n"), SMTP_PROBE_ODD, "EHLO probe.example\r\nQUIT\r\n");
        expect_end(SAYS("554 no\r\n", "221 x\r\n"), SMTP_PROBE_SERVER, "QUIT\r\n");
        expect_end(SAYS("220-x\r\n", "never"), SMTP_PROBE_CUT, "");
}

/* A queue that is full takes no SYN: silence. */
static void test_silence(void **state)
{
        struct rig g;
        int fillers[8];

        (void) state;
        rig_begin(&g, SAYS("220 x\r\n"), (struct smtp_probe_params){0});
        assert_int_equal(listen(g.listener, 0), 0);
        for (unsigned i = 0; i < 8; i++) {
                struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(25)};

                inet_pton(AF_INET, RELAY, &sin.sin_addr);
                fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
                (void) !connect(fillers[i], (struct sockaddr *) &sin, sizeof(sin));
        }
        begin(&g);
        smtp_probe_process(g.probe, g.now);
        g.now += 10 * S - 1;
        smtp_probe_process(g.probe, g.now);
        assert_int_equal(g.ended, 0);
        g.now++;
        smtp_probe_process(g.probe, g.now);
        assert_int_equal(g.ended, 1);
        assert_int_equal(g.result.end, SMTP_PROBE_SILENT);
        assert_int_equal(g.result.server, ANSWER_UNKNOWN);
        for (unsigned i = 0; i < 8; i++)
                close(fillers[i]);
        rig_end(&g);
}

/* --- ping and packets --- */

static void test_ping(void **state)
{
        struct rig g;

        (void) state;
        rig_begin(&g, SAYS("220 x ESMTP\r\n", "250 x\r\n", "221 x\r\n"), (struct smtp_probe_params){.ping = true});
        begin(&g);
        pump(&g);
        assert_int_equal(g.ended, 1);
        assert_int_equal(g.result.ping, ANSWER_YES);
        assert_non_null(strstr(g.log, "pinged|"));
        assert_non_null(strstr(g.log, "pong|"));
        rig_end(&g);
        /* Without the right to ping: unknown. */
        if (write_file("/proc/sys/net/ipv4/ping_group_range", "1 0") < 0)
                return;
        rig_begin(&g, SAYS("220 x ESMTP\r\n", "250 x\r\n", "221 x\r\n"), (struct smtp_probe_params){.ping = true});
        begin(&g);
        pump(&g);
        write_file("/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
        assert_int_equal(g.ended, 1);
        assert_int_equal(g.result.ping, ANSWER_UNKNOWN);
        assert_int_equal(g.result.end, SMTP_PROBE_SERVER);
        rig_end(&g);
}

static void test_packets(void **state)
{
        _cleanup_(os_db_freep)
        struct os_db *db = NULL;
        struct os_match m;
        struct rig g;
        int fd;

        (void) state;
        if (!inside)
                skip();
        fd = smtp_probe_open_packets();
        assert_true(fd >= 0);
        rig_begin(&g, SAYS("220 x ESMTP\r\n", "250 x\r\n", "221 x\r\n"), (struct smtp_probe_params){.packets = fd});
        begin(&g);
        pump(&g);
        assert_int_equal(g.ended, 1);
        assert_true(g.result.has_syn);
        assert_true(g.result.syn.answer);
        assert_int_equal(g.result.syn.sport, 25);
        assert_int_equal(os_db_new(&db), 0);
        assert_int_equal(os_db_add_own(db), 0);
        os_db_match(db, &g.result.syn, &m);
        assert_int_equal(m.family, OS_FAMILY_LINUX);
        rig_end(&g);
}

/* --- stopping --- */

static void test_stop(void **state)
{
        struct rig g;

        (void) state;
        rig_begin(&g, SAYS("220 x ESMTP\r\n", "250-x\r\n", "never"), (struct smtp_probe_params){.ping = true});
        begin(&g);
        pump(&g);
        assert_int_equal(g.ended, 0);
        smtp_probe_stop(g.probe, g.now);
        assert_int_equal(g.ended, 1);
        assert_int_equal(g.result.end, SMTP_PROBE_STOPPED);
        assert_string_equal(g.heard, "EHLO probe.example\r\n"); /* no QUIT: nothing is sent any more */
        assert_true(recv(g.client, g.heard, sizeof(g.heard), 0) <= 0);
        rig_end(&g);
}

/* The permit alone is stopped, from elsewhere: the next thing that happens ends the probe, and nothing is said. */
static void test_stopped_permit(void **state)
{
        struct rig g;

        (void) state;
        rig_begin(&g, SAYS("", "never"), (struct smtp_probe_params){0});
        begin(&g);
        pump(&g);
        permit_stop(g.permit);
        assert_int_equal(send(g.client, "220 x ESMTP\r\n", 13, 0), 13);
        smtp_probe_process(g.probe, g.now);
        assert_int_equal(g.ended, 1);
        assert_int_equal(g.result.end, SMTP_PROBE_STOPPED);
        assert_string_equal(g.heard, "");
        rig_end(&g);
}

static void test_free_under_way(void **state)
{
        struct rig g;

        (void) state;
        rig_begin(&g, SAYS("", "never"), (struct smtp_probe_params){.ping = true});
        begin(&g);
        pump(&g);
        rig_end(&g);
        assert_int_equal(g.ended, 0);
}

static void test_refused(void **state)
{
        static const char *const names[] = {"", "a b", "a\r\nMAIL FROM:<x@example>", "a\n", "\xc3\xa9", NULL};
        struct rig g;
        struct smtp_probe *p = NULL;
        struct permit_grant forged = {.number = 99};

        (void) state;
        rig_begin(&g, NULL, (struct smtp_probe_params){0});
        for (unsigned i = 0; i < 6; i++)
                assert_int_equal(
                        smtp_probe_new(&(struct smtp_probe_params){.permit = g.permit, .name = names[i], .packets = -1},
                                       &p),
                        -EINVAL);
        assert_int_equal(smtp_probe_new(&(struct smtp_probe_params){.name = "a.example", .packets = -1}, &p), -EINVAL);
        assert_int_equal(addr_parse(RELAY, &forged.addr), 0);
        assert_int_equal(smtp_probe_begin(g.probe, g.now, &forged, on_end, &g), -EPERM);
        assert_string_equal(g.log, "");
        rig_end(&g);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_server),         cmocka_unit_test(test_ends),
                cmocka_unit_test(test_silence),        cmocka_unit_test(test_ping),
                cmocka_unit_test(test_packets),        cmocka_unit_test(test_stop),
                cmocka_unit_test(test_stopped_permit), cmocka_unit_test(test_refused),
                cmocka_unit_test(test_free_under_way),
        };

        return cmocka_run_group_tests(tests, enter, NULL);
}
