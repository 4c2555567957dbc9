/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The program's entry: finds the command, runs it. Runs in whichever process the person started. */
#include <errno.h>
#include <signal.h>

#include "base/log.h"
#include "cli/cli.h"

#define COMMAND(name, help) extern const struct command command_##name;
#include "commands_built.def"
#undef COMMAND

const struct cli_row cli_rows[] = {
#define COMMAND(name, help) {#name, help, &command_##name},
#include "commands_built.def"
#undef COMMAND
};
const size_t cli_n_rows = ELEMENTSOF(cli_rows);

/* Edits (insert, delete, replace) from one word to the other; words are short. */
static unsigned distance(const char *a, const char *b)
{
        unsigned row[33], n = (unsigned) strnlen(b, 32);

        for (unsigned j = 0; j <= n; j++)
                row[j] = j;
        for (unsigned i = 1; i <= strnlen(a, 32); i++) {
                unsigned diagonal = row[0];

                row[0] = i;
                for (unsigned j = 1; j <= n; j++) {
                        unsigned above = row[j], change = diagonal + (a[i - 1] != b[j - 1]);

                        row[j] = MIN(MIN(above, row[j - 1]) + 1, change);
                        diagonal = above;
                }
        }
        return row[n];
}

static int unknown_command(const char *name)
{
        const char *nearest = NULL;
        unsigned best = 3; /* more edits than this are another word */

        for (size_t i = 0; i < cli_n_rows; i++) {
                unsigned d = cli_rows[i].command->hidden ? 99 : distance(name, cli_rows[i].name);

                if (d < best) {
                        best = d;
                        nearest = cli_rows[i].name;
                }
        }
        if (nearest)
                log_error("there is no command %s; did you mean %s?", name, nearest);
        else
                log_error("there is no command %s; \"sekimori --help\" lists them", name);
        return CLI_USAGE;
}

static int print_with(void (*put)(struct buf *out))
{
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(1u << 16);

        put(&out);
        return cli_print(&out, CLI_OK);
}

static int run_command(int argc, char **argv)
{
        for (size_t i = 0; i < cli_n_rows; i++) {
                struct cli cli = {
                        .command = cli_rows[i].command,
                        .name = cli_rows[i].name,
                        .argc = argc,
                        .argv = argv,
                        .fail_on = LEVEL_BOT,
                        .look = text_look_for(STDOUT_FILENO),
                };
                int status;

                if (strcmp(argv[0], cli_rows[i].name) != 0)
                        continue;
                status = cli.command->run(&cli);
                config_free(cli.config);
                return status;
        }
        return unknown_command(argv[0]);
}

int main(int argc, char **argv)
{
        const char *first = argc > 1 ? argv[1] : "--help";

        /* Who reads our output may leave; that shows as EPIPE where we write. */
        signal(SIGPIPE, SIG_IGN);

        if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0)
                return print_with(cli_list);
        if (strcmp(first, "--version") == 0 || strcmp(first, "-V") == 0)
                return print_with(cli_version);
        if (strcmp(first, "help") == 0 && argc > 2) {
                char *help[] = {argv[2], (char[]){"--help"}, NULL};

                return run_command(2, help);
        }
        if (strcmp(first, "help") == 0)
                return print_with(cli_list);
        if (first[0] == '-') {
                log_error("there is no option %s; the command comes first, as in \"sekimori why 1234\"", first);
                return CLI_USAGE;
        }
        return run_command(argc - 1, argv + 1);
}
