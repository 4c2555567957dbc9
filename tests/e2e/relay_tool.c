/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is asked about relays, one JSON line for each answer: names and lists by DNS, or probes. Used by the tests of
 * relays, one process for each run; addresses come as arguments.
 *
 *     relay_tool resolve [--servers LIST] [--offline] [--list ZONE]... [--timeout MS] ADDRESS...
 *     relay_tool probe [--allow NETWORK]... [--own NETWORK]... [--opt-out NETWORK]... [--spacing MS] [--ping]
 * [--packets]
 *                      [--off] [--not-last] ADDRESS...     SIGTERM stops it */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include "decode/os_db.h"
#include "mail/resolve.h"
#include "mail/smtp_probe.h"

static void put(struct buf *b, const char *key, const char *text)
{
        buf_printf(b, "%s\"%s\":", b->len > 1 ? "," : "", key);
        buf_put_json(b, text, strlen(text));
}

static struct buf begin(char *text, size_t size, const char *event, const struct addr *a)
{
        struct buf b = {.data = text, .size = size, .max = size - 1, .fixed = true};
        char addr[ADDR_TEXT_MAX];

        buf_putc(&b, '{');
        put(&b, "event", event);
        put(&b, "addr", addr_format(a, addr));
        return b;
}

static void end(struct buf *b)
{
        buf_putc(b, '}');
        puts(buf_str(b));
        fflush(stdout);
}

static struct addr addr_of(const char *text)
{
        struct addr a;

        if (addr_parse(text, &a) < 0) {
                fprintf(stderr, "no address: %s\n", text);
                exit(2);
        }
        return a;
}

/* --- resolve --- */

static unsigned answers;

static void on_names(void *userdata, const struct addr *a, const struct resolve_names *names)
{
        char text[4096];
        struct buf b = begin(text, sizeof(text), "names", a);

        (void) userdata;
        put(&b, "has_name", answer_name(names->has_name));
        put(&b, "confirmed", answer_name(names->confirmed));
        put(&b, "name", names->n ? names->names[0] : "");
        answers++;
        end(&b);
}

static void on_listing(void *userdata, const struct addr *a, const struct resolve_listing *listing)
{
        const struct dnsbl *lists = userdata;
        char text[1024];
        struct buf b = begin(text, sizeof(text), "listing", a);

        put(&b, "list", lists[listing->list].zone);
        put(&b, "listed", answer_name(listing->listed));
        put(&b, "broken", listing->broken ? "yes" : "no");
        buf_printf(&b, ",\"meanings\":[");
        for (unsigned bit = 0, n = 0; bit < DNSBL_MEANINGS; bit++)
                if (listing->meanings & 1u << bit)
                        buf_printf(&b, "%s\"%s\"", n++ ? "," : "", dnsbl_meaning_name(bit));
        buf_putc(&b, ']');
        answers++;
        end(&b);
}

static int resolve(int argc, char **argv)
{
        static struct dnsbl lists[RESOLVE_LISTS_MAX];
        _cleanup_(resolve_freep)
        struct resolve *r = NULL;
        struct resolve_params p = {.lists = lists};
        unsigned wanted = 0;
        int i = 0, e;

        for (; i < argc && argv[i][0] == '-'; i++) {
                if (strcmp(argv[i], "--offline") == 0)
                        p.offline = true;
                else if (strcmp(argv[i], "--servers") == 0)
                        p.servers = argv[++i];
                else if (strcmp(argv[i], "--timeout") == 0)
                        p.timeout = atoi(argv[++i]) * NSEC_PER_MSEC;
                else if (strcmp(argv[i], "--list") != 0 || dnsbl_parse(argv[++i], &lists[p.n_lists++]) < 0)
                        return 2;
        }
        e = resolve_new(&p, &r);
        if (e < 0) {
                fprintf(stderr, "resolve_new: %s\n", strerror(-e));
                return 1;
        }
        for (; i < argc; i++) {
                struct addr a = addr_of(argv[i]);

                wanted += 1 + p.n_lists;
                if (resolve_ask_names(r, clock_boottime(), &a, on_names, NULL) < 0)
                        return 1;
                for (unsigned l = 0; l < p.n_lists; l++)
                        if (resolve_ask_list(r, clock_boottime(), l, &a, on_listing, lists) < 0)
                                return 1;
        }
        while (answers < wanted) {
                poll(&(struct pollfd){.fd = resolve_fd(r), .events = POLLIN}, 1, -1);
                resolve_process(r, clock_boottime());
        }
        return 0;
}

/* --- probe --- */

struct probing {
        struct permit *permit;
        struct smtp_probe *pool;
        struct os_db *os;
        bool not_last;
        int signals;
};

static void on_log(void *userdata, nsec_t now, const struct addr *a, enum smtp_probe_event event, const char *data,
                   size_t len)
{
        char text[8192];
        struct buf b = begin(text, sizeof(text), "log", a);

        (void) userdata;
        (void) now;
        put(&b, "what", smtp_probe_event_name(event));
        buf_puts(&b, ",\"data\":");
        buf_put_json(&b, data, MIN(len, 500u));
        end(&b);
}

static void on_end(void *userdata, const struct smtp_probe_result *result)
{
        struct probing *g = userdata;
        char text[4096];
        struct buf b = begin(text, sizeof(text), "probe", &result->addr);
        struct os_match m = {.family = OS_FAMILY_UNKNOWN};

        if (result->has_syn)
                os_db_match(g->os, &result->syn, &m);
        put(&b, "end", smtp_probe_end_name(result->end));
        put(&b, "server", answer_name(result->server));
        put(&b, "ping", answer_name(result->ping));
        put(&b, "banner", result->dialog.banner);
        put(&b, "os", os_family_name(m.family));
        end(&b);
}

static struct netlist *nets(void)
{
        struct netlist *l = NULL;

        if (netlist_new(&l) < 0)
                exit(1);
        return l;
}

/* One turn; false: stopped. */
static bool turn(struct probing *g, int timeout)
{
        struct pollfd fds[] = {{.fd = smtp_probe_fd(g->pool), .events = POLLIN}, {.fd = g->signals, .events = POLLIN}};

        poll(fds, 2, timeout);
        if (fds[1].revents) {
                smtp_probe_stop(g->pool, clock_boottime());
                return false;
        }
        smtp_probe_process(g->pool, clock_boottime());
        return true;
}

static bool probe_one(struct probing *g, const char *text)
{
        struct permit_request request = {.addr = addr_of(text), .last_external = !g->not_last};
        struct permit_grant grant;
        enum permit_reason reason;

        while (permit_is_later(reason = permit_take(g->permit, clock_realtime(), &request, &grant)) &&
               reason != PERMIT_TODAY)
                if (!turn(g, 10))
                        return false;
        if (reason == PERMIT_GRANTED)
                return smtp_probe_begin(g->pool, clock_boottime(), &grant, on_end, g) >= 0;
        char line[256];
        struct buf b = begin(line, sizeof(line), "refused", &request.addr);

        put(&b, "reason", permit_reason_name(reason));
        end(&b);
        return true;
}

static int probe(int argc, char **argv)
{
        struct netlist *allowed = nets(), *own = nets(), *opted = nets();
        struct permit_params p = {
                .probing = true, .allowed = allowed, .own = own, .opted_out = opted, .concurrent = 32};
        struct smtp_probe_params params = {.name = "probe.home.test", .packets = -1, .log = on_log};
        struct probing g = {0};
        sigset_t term;
        int i = 0;

        params.connect_timeout = params.banner_timeout = 4 * NSEC_PER_SEC;
        for (; i < argc && argv[i][0] == '-'; i++) {
                struct netlist *l = strcmp(argv[i], "--allow") == 0   ? allowed :
                                    strcmp(argv[i], "--own") == 0     ? own :
                                    strcmp(argv[i], "--opt-out") == 0 ? opted :
                                                                        NULL;

                if (strcmp(argv[i], "--ping") == 0)
                        params.ping = true;
                else if (strcmp(argv[i], "--packets") == 0)
                        params.packets = smtp_probe_open_packets();
                else if (strcmp(argv[i], "--off") == 0)
                        p.probing = false;
                else if (strcmp(argv[i], "--not-last") == 0)
                        g.not_last = true;
                else if (strcmp(argv[i], "--spacing") == 0)
                        p.spacing = p.net_spacing = atoi(argv[++i]) * NSEC_PER_MSEC;
                else if (!l || netlist_add_text(l, argv[i + 1], strlen(argv[i + 1]), NULL, NULL) < 0)
                        return 2;
                else
                        i++;
        }
        netlist_ready(allowed);
        netlist_ready(own);
        netlist_ready(opted);
        sigemptyset(&term);
        sigaddset(&term, SIGTERM);
        sigprocmask(SIG_BLOCK, &term, NULL);
        g.signals = signalfd(-1, &term, SFD_CLOEXEC);
        if (permit_new(&p, &g.permit) < 0 || os_db_new(&g.os) < 0 || os_db_add_own(g.os) < 0)
                return 1;
        params.permit = g.permit;
        params.log_userdata = &g;
        if (smtp_probe_new(&params, &g.pool) < 0)
                return 1;
        for (; i < argc; i++)
                if (!probe_one(&g, argv[i]))
                        return 1;
        while (smtp_probe_count(g.pool))
                if (!turn(&g, -1))
                        break;
        smtp_probe_free(g.pool);
        permit_free(g.permit);
        os_db_free(g.os);
        netlist_free(allowed);
        netlist_free(own);
        netlist_free(opted);
        return 0;
}

int main(int argc, char **argv)
{
        if (argc > 1 && strcmp(argv[1], "resolve") == 0)
                return resolve(argc - 2, argv + 2);
        if (argc > 1 && strcmp(argv[1], "probe") == 0)
                return probe(argc - 2, argv + 2);
        return 2;
}
