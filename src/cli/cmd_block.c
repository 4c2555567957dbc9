/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori block: refuses a process and its descendants, or a host behind this machine, the network. Runs as root; what
 * it sets in the kernel goes on without it. */
#include <errno.h>

#include "cli/acting.h"
#include "cli/blocking.h"

enum { OPTION_FOR = 256, OPTION_FREEZE, OPTION_DRY_RUN };

static const struct cli_option options[] = {
        {OPTION_FOR, "for", "SPAN", "how long, such as 10m or 2h (default: 1h; 0: until it is unblocked)"},
        {OPTION_FREEZE, "freeze", NULL, "stop the processes as well, so that they do nothing at all"},
        {OPTION_DRY_RUN, "dry-run", NULL, "say what would be done, and change nothing"},
        {0},
};

static int take_option(struct cli *cli, struct blocking *b, int option)
{
        switch (option) {
        case OPTION_FOR:
                if (clock_parse_span(optarg, &b->length) == 0 && b->length >= 0)
                        return 0;
                cli->status = cli_usage(cli, "\"%s\" is no length of time", optarg);
                return -EINVAL;
        case OPTION_FREEZE:
                b->freeze = true;
                return 0;
        default:
                b->dry_run = true;
                return 0;
        }
}

static int run(struct cli *cli)
{
        struct blocking b = {.cli = cli, .length = 3600 * NSEC_PER_SEC};
        int option;

        while ((option = cli_getopt(cli)) > 0)
                if (take_option(cli, &b, option) < 0)
                        return cli->status;
        if (option < 0)
                return cli->status;
        if (cli->argc - optind != 1)
                return cli_usage(cli, "whom? A process or a host: \"sekimori report\" lists the subjects");
        if (cli_load_config(cli) < 0 || acting_need_root(cli) < 0)
                return cli->status;
        b.text = cli->argv[optind];
        return blocking_begin(&b);
}

const struct command command_block = {
        .synopsis = "SUBJECT",
        .about = "Refuses a process and all its descendants the network: new connections, datagrams, and what leaves "
                 "through sockets that are open already. Descendants are known by lineage, so one that double-forked "
                 "away is in, and the parent's other children go on working. Loopback stays.\n\n"
                 "SUBJECT is a process (its number, or a key as `sekimori report` shows it) or a host behind this "
                 "machine (its address): then its packets are not passed on, by an nftables set.\n\n"
                 "A block ends by itself, and does not last over a restart of the machine; `sekimori unblock` ends it "
                 "at once.",
        .takes = CLI_TAKES_CONFIG | CLI_TAKES_STORE | CLI_TAKES_JSON,
        .options = options,
        .run = run,
};
