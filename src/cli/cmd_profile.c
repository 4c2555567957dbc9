/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori profile: what a home host normally does, measured. Reads the store; runs unprivileged, as the person who
 * asks. */
#include <errno.h>
#include <inttypes.h>

#include "base/log.h"
#include "cli/cli.h"
#include "config/home.h"
#include "view/json_profile.h"
#include "view/profile_text.h"

#define TEXT_MAX      (16u << 20)
#define WRITE_AT      (1u << 20) /* JSON gathered before it is written */
#define SERVICES_TOLD 4u         /* by name in the list of hosts */

struct listing {
        struct cli *cli;
        struct buf out;
        struct text_table *table;
        uint64_t hosts, unreadable;
        int status;
};

static void write_out(struct listing *l)
{
        l->status = cli_print(&l->out, l->status);
        buf_reset(&l->out);
}

static void add_host(struct listing *l, const struct profile_record *r)
{
        uint8_t order[PROFILE_SERVICES + PROFILE_ROLES];
        char host[PROFILE_TEXT_HOST_MAX], last[CLOCK_TEXT_MAX], name[PROFILE_NAME_MAX], number[24], names[160];
        char text_out[32], text_in[32];
        struct buf services = BUF_FIXED(names), out = BUF_FIXED(text_out), in = BUF_FIXED(text_in);
        const char *cells[] = {profile_text_host(&r->host, host),
                               number,
                               text_out,
                               text_in,
                               text_date((nsec_t) r->last * NSEC_PER_SEC, last),
                               names};
        uint64_t sessions = 0, bytes_out = 0, bytes_in = 0;

        names[0] = '\0';
        profile_text_order(r, order);
        for (uint32_t i = 0; i < r->n; i++) {
                const struct profile_service *s = &r->services[order[i]];

                sessions += s->sessions;
                bytes_out += s->bytes_out;
                bytes_in += s->bytes_in;
                if (i < SERVICES_TOLD)
                        buf_printf(&services, "%s%s", i ? ", " : "", profile_service_name(s, name));
        }
        if (r->n > SERVICES_TOLD)
                buf_printf(&services, " and %" PRIu32 " more", r->n - SERVICES_TOLD);
        snprintf(number, sizeof(number), "%" PRIu64, sessions);
        text_volume(&out, bytes_out);
        text_volume(&in, bytes_in);
        (void) text_table_add(l->table, TEXT_PLAIN, cells);
}

static int take_host(void *userdata, nsec_t last _unused_, const void *data, size_t len)
{
        struct listing *l = userdata;
        struct profile_record r;

        if (profile_unpack(data, len, &r) < 0) {
                l->unreadable++;
                return 0;
        }
        l->hosts++;
        if (l->cli->json) {
                json_profile(&l->out, &r);
                buf_putc(&l->out, '\n');
        } else if (l->table)
                add_host(l, &r);
        else
                profile_text_put(&l->out, &r, &l->cli->look);
        if (l->out.len >= WRITE_AT)
                write_out(l);
        return 0;
}

static int take_address(struct cli *cli, struct addr *ret)
{
        char text[ADDR_TEXT_MAX + 4];
        struct addr a;
        char *slash;

        snprintf(text, sizeof(text), "%s", cli->argv[optind]);
        slash = strchr(text, '/'); /* as the list shows a /64 */
        if (slash && strcmp(slash, "/64") == 0)
                *slash = '\0';
        if (addr_parse(text, &a) < 0 || (slash && addr_is_v4(&a))) {
                cli_usage(cli, "\"%s\" is no address", cli->argv[optind]);
                return -EINVAL;
        }
        *ret = home_host(&a);
        return 0;
}

static int finish(struct listing *l, int r, bool one)
{
        char host[ADDR_TEXT_MAX + 4];

        if (r == -ENOENT && one) {
                snprintf(host, sizeof(host), "%s", l->cli->argv[optind]);
                log_error("the store has no profile of %s: `sekimori profile` alone lists the hosts it has", host);
                return CLI_INPUT;
        }
        if (r < 0) {
                log_error("the store could not be read: %s", strerror(-r));
                return CLI_INPUT;
        }
        if (l->unreadable)
                log_warning("%" PRIu64 " profiles cannot be read: another version wrote them", l->unreadable);
        if (l->table && l->hosts)
                text_table_put(l->table, &l->out, &l->cli->look);
        else if (!one && !l->hosts && !l->cli->json)
                buf_puts(&l->out, "No profile is stored yet: `sekimori run` writes one a minute after a host was seen, "
                                  "`sekimori read --store` at its end.\n");
        write_out(l);
        return l->status;
}

static int run(struct cli *cli)
{
        static const char *const heads[] = {"host", "sessions", "sent", "received", "last seen", "services"};
        _cleanup_(store_closep)
        struct store *s = NULL;
        struct listing l = {.cli = cli, .out = BUF_HEAP(TEXT_MAX), .status = CLI_OK};
        struct store_profiles which = {.newest_first = true, .row = take_host, .userdata = &l};
        struct addr host;
        bool one;
        int r;

        if (cli_operands(cli, 0, 1) < 0)
                return cli->status;
        one = optind < cli->argc;
        if ((one && take_address(cli, &host) < 0))
                return CLI_USAGE;
        if (cli_load_config(cli) < 0 || cli_open_store(cli, &s) < 0)
                return cli->status;
        if (one)
                which.host = &host;
        else if (!cli->json && text_table_new(heads, ELEMENTSOF(heads), &l.table) < 0)
                return CLI_INPUT;
        r = store_read_profiles(s, &which);
        r = finish(&l, r, one);
        text_table_free(l.table);
        buf_done(&l.out);
        return r;
}

const struct command command_profile = {
        .synopsis = "[HOST]",
        .about =
                "Prints what a home host normally does, as it was measured: for each service the sessions, the time "
                "between them, traffic both ways, duration, addresses and ports, and what there is of that in an hour. "
                "Without HOST it lists the hosts. HOST is an address; an IPv6 address stands for its /64.\n\n"
                "Profiles come from \"sekimori run\", a minute after a host was seen, and from \"sekimori read "
                "--store\". A session counts when it has ended, and belongs to the application that was recognised in "
                "it, else to the protocol and port of who was asked.",
        .takes = CLI_TAKES_CONFIG | CLI_TAKES_STORE | CLI_TAKES_JSON,
        .run = run,
};
