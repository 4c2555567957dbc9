/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori run: the daemon. Becomes the warden and forks the engine. */
#include "cli/watch.h"

static const struct cli_option options[] = {
        {WATCH_BACKEND, "backend", "NAME", "host sensor: auto, bpf, proc or off"},
        {WATCH_INTERFACE, "interface", "NAME", "watch the packets of this device too; any: of all"},
        {WATCH_FILTER, "filter", "FILTER", "only these of its packets (pcap-filter(7))"},
        {WATCH_HOME, "home", "NETWORK", "addresses that are ours; may be given several times"},
        {WATCH_EVE, "eve", "FILE", "write evidence and verdicts there as EVE JSON"},
        {WATCH_EVENTS, "events", NULL, "write every event there too"},
        {WATCH_FOR, "for", "SPAN", "stop after that time"},
        {WATCH_CONTROL, "control", "PATH", "socket for `sekimori status`"},
        {WATCH_QUIET, "quiet", NULL, "no live line"},
        {0},
};

static int run(struct cli *cli)
{
        struct daemon_params p;
        struct watch w = {0};
        int option;

        while ((option = cli_getopt(cli)) > 0)
                if (watch_take_option(cli, &w, option, optarg) < 0)
                        return cli->status;
        if (option < 0)
                return cli->status;
        if (optind < cli->argc)
                return cli_usage(cli, "run takes no operand: '%s'%s", cli->argv[optind],
                                 w.interface ? "; a filter goes with --filter" : "");
        if (watch_prepare(cli, &w, &p) < 0)
                return cli->status;
        return daemon_run(&p);
}

const struct command command_run = {
        .synopsis = "",
        .about = "Watches this machine until it is stopped: processes, threads and their traffic. What is found is "
                 "printed, "
                 "stored, and told to the system journal, one entry per change of level.\n\n"
                 "As root it sees every process; without root only your own, and says so. Nothing on the machine is "
                 "changed. "
                 "SIGHUP reads the configuration and opens the EVE file again.",
        .takes = CLI_TAKES_CONFIG | CLI_TAKES_STORE,
        .options = options,
        .run = run,
};
