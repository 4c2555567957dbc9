/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Help and version, from the registries. Runs in whichever process the person started. */
#include <bpf/libbpf.h>
#include <errno.h>

#include "cli/cli.h"
#include "source/source.h"

#define HELP_COLUMN 22

static void put_option(struct buf *out, const struct cli_option *o)
{
        char left[64];
        struct buf b = BUF_FIXED(left);

        if (o->id < 256)
                buf_printf(&b, "  -%c, ", o->id);
        else
                buf_puts(&b, "      ");
        buf_printf(&b, "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
        buf_printf(out, "%-*s  %s\n", HELP_COLUMN, buf_str(&b), o->help);
}

void cli_help(struct buf *out, const struct cli_row *row)
{
        const struct command *c = row->command;
        const struct text_look look = text_look_for(STDOUT_FILENO);
        const char *p = c->about;

        buf_printf(out, "Usage: sekimori %s%s%s%s\n\n", row->name, *c->synopsis ? " " : "", c->synopsis,
                   " [OPTION]...");
        while (*p) { /* paragraphs wrap apart */
                const char *end = strstr(p, "\n\n");
                size_t len = end ? (size_t) (end - p) : strlen(p);
                _cleanup_free_ char *paragraph = strndup(p, len);

                if (paragraph)
                        text_wrap(out, &look, "", paragraph);
                buf_putc(out, '\n');
                p += len + (end ? 2 : 0);
        }
        buf_puts(out, "Options:\n");
        for (const struct cli_option *o = c->options; o && o->id; o++)
                put_option(out, o);
        for (const struct cli_option *o = cli_common_options; o->id; o++)
                if (cli_takes(c, o))
                        put_option(out, o);
}

void cli_list(struct buf *out)
{
        buf_puts(out, "sekimori finds the bots on this machine, and says why.\n\n"
                      "Usage: sekimori COMMAND [OPTION]...\n\nCommands:\n");
        for (size_t i = 0; i < cli_n_rows; i++)
                if (!cli_rows[i].command->hidden)
                        buf_printf(out, "  %-10s %s\n", cli_rows[i].name, cli_rows[i].help);
        buf_puts(out, "\nOptions:\n"
                      "  COMMAND --help   what a command does, and its options\n"
                      "  --version        the version, and what it was built with\n\n"
                      "Exit status: 0 nothing found, 1 something found, 2 usage, 3 an input could not be read,\n"
                      "78 bad configuration.\n");
}

void cli_version(struct buf *out)
{
        buf_printf(out, "sekimori %s\nback ends:", SEKIMORI_VERSION);
        for (size_t i = 0; sources[i]; i++)
                buf_printf(out, "%s %s", i ? "," : "", sources[i]->name);
        buf_printf(out, "\nbuilt with: libbpf %s, " CLI_LIBRARIES "\n", libbpf_version_string() + 1);
}
