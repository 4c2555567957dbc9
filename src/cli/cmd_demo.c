/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori demo: the first minute. Starts this same program as the daemon, and the stand-ins. */
#include <errno.h>

#include "base/log.h"
#include "cli/cli.h"
#include "demo/demo.h"

static int demo(struct cli *cli)
{
        char self[512];
        ssize_t n;
        struct demo_params p = {.program = self, .colour = cli->look.colour};

        if (cli_operands(cli, 0, 0) < 0)
                return cli->status;
        n = readlink("/proc/self/exe", self, sizeof(self) - 1);
        if (n <= 0) {
                log_error("this program does not find itself: %s", strerror(errno));
                return CLI_INPUT;
        }
        self[n] = '\0';
        return demo_run(&p);
}

const struct command command_demo = {
        .synopsis = "",
        .about = "Builds two network namespaces, starts a small IRC-like server in one and a harmless simulated bot in "
                 "the other, "
                 "watches them with the real daemon, and tells the story. Root, a few seconds; nothing is left behind, "
                 "and no "
                 "packet leaves the two namespaces.",
        .run = demo,
};
