/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori scan: a look at this machine now, with the daemon's own code and nothing kept. */
#include "cli/watch.h"

#define SCAN_FOR (10 * NSEC_PER_SEC)

static const struct cli_option options[] = {
        {WATCH_FOR, "for", "SPAN", "how long to look (default 10s)"},
        {WATCH_BACKEND, "backend", "NAME", "host sensor: auto, bpf or proc"},
        {WATCH_EVE, "eve", "FILE", "write evidence and verdicts there as EVE JSON"},
        {WATCH_EVENTS, "events", NULL, "write every event there too"},
        {0},
};

static int scan(struct cli *cli)
{
        struct daemon_params p;
        struct watch w = {.run_for = SCAN_FOR, .quiet = true};
        int option;

        while ((option = cli_getopt(cli)) > 0)
                if (watch_take_option(cli, &w, option, optarg) < 0)
                        return cli->status;
        if (option < 0)
                return cli->status;
        if (optind < cli->argc)
                return cli_usage(cli, "scan takes no operand: '%s'", cli->argv[optind]);
        w.quiet = cli->json || !isatty(STDOUT_FILENO);
        if (watch_prepare(cli, &w, &p) < 0)
                return cli->status;
        p.memory_store = true;
        p.scan = true;
        p.fail_on = cli->fail_on;
        return daemon_run(&p);
}

const struct command command_scan = {
        .synopsis = "",
        .about = "Watches for a while and prints who talked outside, whose child it is, and the verdicts. Nothing is "
                 "stored.\n\n"
                 "Exit status 1 when a subject reached --fail-on.",
        .takes = CLI_TAKES_CONFIG | CLI_TAKES_JSON | CLI_TAKES_FAIL_ON,
        .options = options,
        .run = scan,
};
