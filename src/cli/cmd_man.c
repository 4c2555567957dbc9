/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori man: the manual page in roff, printed from the registries of commands, detectors and configuration keys, so
 * that it says what the program does. Runs at build time. */
#include "cli/cli.h"

/* Text for roff: backslashes and leading dots are escaped; a newline starts a new line. */
static void put_roff(struct buf *out, const char *s)
{
        bool start = out->len == 0 || out->data[out->len - 1] == '\n';

        for (; *s; s++) {
                if (start && (*s == '.' || *s == '\''))
                        buf_puts(out, "\\&");
                if (*s == '\\')
                        buf_puts(out, "\\e");
                else if (*s == '-')
                        buf_puts(out, "\\-");
                else
                        buf_putc(out, *s);
                start = *s == '\n';
        }
}

static void put_term(struct buf *out, const char *term, const char *text)
{
        buf_puts(out, ".TP\n.B ");
        put_roff(out, term);
        buf_putc(out, '\n');
        put_roff(out, text);
        buf_putc(out, '\n');
}

/* "a\n\nb" as two paragraphs. */
static void put_paragraphs(struct buf *out, const char *s)
{
        while (*s) {
                const char *end = strstr(s, "\n\n");
                size_t len = end ? (size_t) (end - s) : strlen(s);
                _cleanup_free_ char *paragraph = strndup(s, len);

                buf_puts(out, ".PP\n");
                put_roff(out, paragraph ? paragraph : "");
                buf_putc(out, '\n');
                s += len + (end ? 2 : 0);
        }
}

static void put_option(struct buf *out, const struct cli_option *o)
{
        char term[80];
        struct buf b = BUF_FIXED(term);

        if (o->id < 256)
                buf_printf(&b, "-%c, ", o->id);
        buf_printf(&b, "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
        put_term(out, term, o->help);
}

static void put_commands(struct buf *out)
{
        buf_puts(out, ".SH COMMANDS\n");
        for (size_t i = 0; i < cli_n_rows; i++) {
                const struct cli_row *row = &cli_rows[i];

                if (row->command->hidden)
                        continue;
                buf_puts(out, ".SS sekimori ");
                put_roff(out, row->name);
                buf_putc(out, ' ');
                put_roff(out, row->command->synopsis);
                buf_putc(out, '\n');
                put_roff(out, row->help);
                buf_puts(out, ".\n");
                put_paragraphs(out, row->command->about);
                for (const struct cli_option *o = row->command->options; o && o->id; o++)
                        put_option(out, o);
                for (const struct cli_option *o = cli_common_options; o->id; o++)
                        if (cli_takes(row->command, o) && o->id != 'h')
                                put_option(out, o);
        }
}

static void put_detectors(struct buf *out)
{
        char weight[SCORE_TEXT_MAX], cap[SCORE_TEXT_MAX];

        buf_puts(out, ".SH DETECTORS\n");
        for (size_t i = 0; detectors[i]; i++) {
                const struct detector *d = detectors[i];

                buf_printf(out, ".SS %s\n", d->name);
                put_paragraphs(out, d->help);
                buf_puts(out, ".PP\nIdea: ");
                put_roff(out, d->source);
                buf_puts(out, "\n.PP\nLimits: ");
                put_roff(out, d->limits);
                buf_putc(out, '\n');
                for (size_t k = 0; k < d->n_kinds; k++) {
                        const struct evidence_kind *kind = &d->kinds[k];
                        _cleanup_(buf_done)
                        struct buf text = BUF_HEAP(4096);

                        buf_printf(&text, "%s. Stage %s, weight %s, at most %s%s.\nWhy this weight: %s", kind->title,
                                   stage_name(kind->stage), score_format(kind->weight, weight),
                                   score_format(kind->cap, cap), kind->conclusive ? ", proof by itself" : "",
                                   kind->reason);
                        put_term(out, kind->name, buf_str(&text));
                }
        }
}

static void put_config(struct buf *out)
{
        struct config_key key;

        buf_puts(out,
                 ".SH CONFIGURATION\nYAML in " CONFIG_PATH_DEFAULT " and conf.d/*.yaml beside it. An unknown key is an "
                 "error.\n");
        for (size_t i = 0; config_key_get(i, &key); i++) {
                _cleanup_(buf_done)
                struct buf text = BUF_HEAP(4096);

                buf_printf(&text, "%s\nTakes %s.", key.help, key.type);
                if (key.fallback)
                        buf_printf(&text, " Default: %s", key.fallback);
                put_term(out, key.key, buf_str(&text));
        }
}

static int run(struct cli *cli)
{
        static const struct {
                const char *status, *meaning;
        } statuses[] = {
                {"0", "nothing was found at or above the level of --fail-on"},
                {"1", "something was found"},
                {"2", "the command line is wrong"},
                {"3", "an input could not be read, or what was asked for is not there"},
                {"78", "the configuration is wrong"},
        };
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(1u << 20);

        if (cli_operands(cli, 0, 0) < 0)
                return cli->status;
        buf_puts(&out, ".TH SEKIMORI 1 \"\" \"sekimori " SEKIMORI_VERSION "\" \"User Commands\"\n"
                       ".SH NAME\nsekimori \\- finds the bots on this machine, and says why\n"
                       ".SH SYNOPSIS\n.B sekimori\n.I COMMAND\n[OPTION]...\n");
        put_commands(&out);
        put_detectors(&out);
        put_config(&out);
        buf_puts(&out, ".SH EXIT STATUS\n");
        for (size_t i = 0; i < ELEMENTSOF(statuses); i++)
                put_term(&out, statuses[i].status, statuses[i].meaning);
        buf_puts(&out, ".SH ENVIRONMENT\n");
        put_term(&out, "NO_COLOR", "if set and not empty, nothing is coloured");
        return cli_print(&out, CLI_OK);
}

const struct command command_man = {
        .synopsis = "",
        .about = "Prints the manual page in roff.",
        .hidden = true,
        .run = run,
};
