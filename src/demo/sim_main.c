/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori-sim: the command line of the simulation. `server` and `bot` are for people and tests; `tool` is how the bot
 * calls this program back to carry out one order (shapes shell and self-exec), with every check made anew. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "demo/sim.h"

static const char help[] =
        "sekimori-sim server --listen ADDR:PORT [--udp|--tls] [--order TEXT]... [--after MS] [--orders-from-stdin]\n"
        "sekimori-sim bot --server ADDR:PORT --shape SHAPE --targets CIDR[,CIDR] --ports A[-B]\n"
        "        [--transport tcp|udp|tls] [--nick NAME] [--tool nc|curl|bash|self] [--forge-source ADDR]\n"
        "        [--netns PATH] [--sleep SECONDS] [--wait-idle]\n"
        "sekimori-sim shapes\n"
        "\n"
        "A harmless bot for tests: it only reaches loopback, and 10.77.0.0/16 and fd77::/16 inside a network "
        "namespace\n"
        "that is not the machine's own; at most 5000 packets an order; it ends after 60 seconds.\n"
        "Orders: .scan tcp N, .udpflood N, .ping N, .get, .forge N, .mail N, .quit. Both print a JSON line per thing "
        "that "
        "happens.\n"
        "--sleep waits between order and act (50 at most), --wait-idle until a line on standard input.\n"
        "Exit status: 0 done, 1 failed, 2 usage, 4 refused by a safety check.\n";

enum {
        OPT_LISTEN = 1,
        OPT_UDP,
        OPT_TLS,
        OPT_ORDER,
        OPT_AFTER,
        OPT_STDIN,
        OPT_SERVER,
        OPT_SHAPE,
        OPT_TARGETS,
        OPT_PORTS,
        OPT_TRANSPORT,
        OPT_NICK,
        OPT_TOOL,
        OPT_FORGE_SOURCE,
        OPT_NETNS,
        OPT_SLEEP,
        OPT_WAIT_IDLE,
        OPT_RESULT_FD
};

static int parse_number(const char *text, unsigned long max, unsigned *ret)
{
        char *end;
        unsigned long v;

        if (*text < '0' || *text > '9')
                return -EINVAL;
        v = strtoul(text, &end, 10);
        if (*end || v > max)
                return -EINVAL;
        *ret = (unsigned) v;
        return 0;
}

static int usage(const char *what)
{
        log_error("%s; see sekimori-sim --help", what);
        return 2;
}

static int server_option(struct sim_server_options *o, int c)
{
        switch (c) {
        case OPT_LISTEN:
                return sim_endpoint_parse(optarg, &o->listen);
        case OPT_UDP:
                o->transport = SIM_UDP;
                return 0;
        case OPT_TLS:
                o->transport = SIM_TLS;
                return 0;
        case OPT_ORDER:
                if (o->n_orders == ELEMENTSOF(o->orders))
                        return -E2BIG;
                o->orders[o->n_orders++] = optarg;
                return 0;
        case OPT_AFTER:
                return parse_number(optarg, 600000, &o->after_ms);
        case OPT_STDIN:
                o->orders_from_stdin = true;
                return 0;
        default:
                return -EINVAL;
        }
}

static int server_main(int argc, char **argv)
{
        static const struct option options[] = {
                {"listen", required_argument, NULL, OPT_LISTEN},
                {"udp", no_argument, NULL, OPT_UDP},
                {"tls", no_argument, NULL, OPT_TLS},
                {"order", required_argument, NULL, OPT_ORDER},
                {"after", required_argument, NULL, OPT_AFTER},
                {"orders-from-stdin", no_argument, NULL, OPT_STDIN},
                {},
        };
        struct sim_server_options o = {};
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
                if (server_option(&o, c) < 0)
                        return usage("server: bad option or value");
        if (o.listen.port == 0 || optind != argc)
                return usage("server: --listen ADDR:PORT is needed");
        return sim_server_main(&o);
}

static int parse_transport(const char *name, enum sim_transport *ret)
{
        static const char *const names[] = {[SIM_TCP] = "tcp", [SIM_UDP] = "udp", [SIM_TLS] = "tls"};

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                if (strcmp(name, names[i]) == 0) {
                        *ret = (enum sim_transport) i;
                        return 0;
                }
        }
        return -EINVAL;
}

static int parse_shape(struct sim_bot_options *o)
{
        int r = sim_shape_parse(optarg, &o->shape);

        if (r == 0 && o->shape == SIM_SHAPE_UDP_ORDERS)
                o->transport = SIM_UDP;
        if (r == 0 && o->shape == SIM_SHAPE_TLS_ORDERS)
                o->transport = SIM_TLS;
        return r;
}

/* What bot and tool share. */
static int work_option(struct sim_bot_options *o, int c)
{
        switch (c) {
        case OPT_SHAPE:
                return parse_shape(o);
        case OPT_TARGETS:
                return sim_space_add(&o->space, optarg);
        case OPT_PORTS:
                return sim_ports_parse(optarg, &o->space);
        case OPT_FORGE_SOURCE:
                return addr_parse(optarg, &o->forge_source);
        default:
                return -EINVAL;
        }
}

static int bot_option(struct sim_bot_options *o, int c)
{
        switch (c) {
        case OPT_SERVER:
                return sim_endpoint_parse(optarg, &o->server);
        case OPT_TRANSPORT:
                return parse_transport(optarg, &o->transport);
        case OPT_NICK:
                o->nick = optarg;
                return strpbrk(optarg, " \r\n") ? -EINVAL : 0;
        case OPT_TOOL:
                o->tool = optarg;
                return 0;
        case OPT_NETNS:
                o->netns = optarg;
                return 0;
        case OPT_SLEEP:
                return parse_number(optarg, SIM_SLEEP_MAX, &o->sleep_s);
        case OPT_WAIT_IDLE:
                o->wait_idle = true;
                return 0;
        default:
                return work_option(o, c);
        }
}

#define WORK_OPTIONS                                                                                                   \
        {"shape", required_argument, NULL, OPT_SHAPE}, {"targets", required_argument, NULL, OPT_TARGETS},              \
                {"ports", required_argument, NULL, OPT_PORTS},                                                         \
        {                                                                                                              \
                "forge-source", required_argument, NULL, OPT_FORGE_SOURCE                                              \
        }

static int bot_main(int argc, char **argv)
{
        static const struct option options[] = {
                WORK_OPTIONS,
                {"server", required_argument, NULL, OPT_SERVER},
                {"transport", required_argument, NULL, OPT_TRANSPORT},
                {"nick", required_argument, NULL, OPT_NICK},
                {"tool", required_argument, NULL, OPT_TOOL},
                {"netns", required_argument, NULL, OPT_NETNS},
                {"sleep", required_argument, NULL, OPT_SLEEP},
                {"wait-idle", no_argument, NULL, OPT_WAIT_IDLE},
                {},
        };
        struct sim_bot_options o = {};
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
                if (bot_option(&o, c) < 0)
                        return usage("bot: bad option or value");
        if (o.server.port == 0 || o.space.n_nets == 0 || o.space.port_lo == 0 || optind != argc)
                return usage("bot: --server, --targets and --ports are needed");
        if (o.shape == SIM_SHAPE_SLEEPER && !o.sleep_s && !o.wait_idle)
                o.sleep_s = 2;
        if (o.shape == SIM_SHAPE_NETNS && !o.netns)
                return usage("bot: the shape netns needs --netns PATH");
        return sim_bot_main(&o);
}

static int tool_main(int argc, char **argv)
{
        static const struct option options[] = {
                WORK_OPTIONS,
                {"order", required_argument, NULL, OPT_ORDER},
                {"result-fd", required_argument, NULL, OPT_RESULT_FD},
                {},
        };
        struct sim_bot_options o = {};
        struct sim_job job = {.result_fd = -EBADF};
        unsigned fd;
        int c, r = -EINVAL;

        sim_safety_resume_clock();
        while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
                if (c == OPT_ORDER) {
                        r = sim_order_parse(optarg, &job.order);
                } else if (c == OPT_RESULT_FD) {
                        if (parse_number(optarg, 65535, &fd) < 0)
                                return usage("tool: bad --result-fd");
                        job.result_fd = (int) fd;
                } else if (work_option(&o, c) < 0) {
                        return usage("tool: bad option or value");
                }
        }
        if (r < 0 || optind != argc)
                return usage("tool: --order is needed");
        if (sim_safety_space(&o.space) < 0 || sim_safety_netns(sim_safety_space_is_loopback(&o.space)) < 0) {
                log_error("refused by a safety check");
                return SIM_EXIT_REFUSED;
        }
        signal(SIGPIPE, SIG_IGN);
        job.space = &o.space;
        job.shape = o.shape;
        job.forge_source = o.forge_source;
        sim_work_all(&job);
        return job.result.error < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
        const char *command = argc > 1 ? argv[1] : "";

        log_set_role("sim");
        if (strcmp(command, "--help") == 0) {
                fputs(help, stdout);
                return 0;
        }
        if (strcmp(command, "shapes") == 0) {
                for (int i = 0; i < SIM_SHAPE_MAX; i++)
                        if (i != SIM_SHAPE_TLS_ORDERS || sim_tls_available())
                                puts(sim_shape_name((enum sim_shape) i));
                return 0;
        }
        if (strcmp(command, "server") == 0)
                return server_main(argc - 1, argv + 1);
        if (strcmp(command, "bot") == 0)
                return bot_main(argc - 1, argv + 1);
        if (strcmp(command, "tool") == 0)
                return tool_main(argc - 1, argv + 1);
        return usage("a command is needed: server, bot or shapes");
}
