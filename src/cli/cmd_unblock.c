/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori unblock: ends a block, or lists what is blocked. Runs as root. */
#include "cli/acting.h"
#include "cli/blocking.h"

static int run(struct cli *cli)
{
        struct blocking b = {.cli = cli};

        if (cli_operands(cli, 0, 1) < 0 || cli_load_config(cli) < 0 || acting_need_root(cli) < 0)
                return cli->status;
        if (optind == cli->argc)
                return blocking_list(&b);
        b.text = cli->argv[optind];
        return blocking_end(&b);
}

const struct command command_unblock = {
        .synopsis = "[SUBJECT|all]",
        .about = "Ends what `sekimori block` began: the subject may use the network again, and goes on if it was "
                 "frozen. Without a subject it lists what is blocked.",
        .takes = CLI_TAKES_CONFIG | CLI_TAKES_STORE | CLI_TAKES_JSON,
        .run = run,
};
