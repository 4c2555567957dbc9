/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori config: check it, or show what counts. Runs unprivileged. */
#include "base/log.h"
#include "cli/cli.h"
#include "mail/inquiry_setup.h"
#include "rules/load.h"
#include "source/ring.h"
#include "source/ring_program.h"

static int show(struct cli *cli)
{
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(4u << 20);
        int r = config_show(cli->config, &out);

        if (r < 0) {
                log_error("the configuration cannot be shown: %s", strerror(-r));
                return CLI_INPUT;
        }
        return cli_print(&out, CLI_OK);
}

/* Are the groups good, the files of rules there, and how many rules load? Appends to the line. */
static int check_rules(const struct config *c, struct buf *out)
{
        struct rules_load p = {.config = c};
        _cleanup_(ruleset_freep)
        struct ruleset *rules = NULL;
        _cleanup_(buf_done)
        struct buf why = BUF_HEAP(65536);

        if (rules_load_check_groups(c, &why) < 0) {
                log_error("%s: %s", c->source ? c->source : CONFIG_PATH_DEFAULT,
                          why.len ? buf_str(&why) : "rules: out of memory");
                return CLI_CONFIG;
        }
        if (!rules_load_any(c))
                return CLI_OK;
        if (rules_load(&p, &rules, &why) < 0) {
                fputs(buf_str(&why), stderr);
                return CLI_CONFIG;
        }
        buf_puts(out, "; rules: ");
        rules_load_describe(rules, out);
        return CLI_OK;
}

/* What the section `mail` says in words, and the files that it names. Nobody is asked. */
static int check_mail(const struct config *c)
{
        static const struct inquiry_more plan = {.plan = true};
        _cleanup_(inquiry_setup_freep)
        struct inquiry_setup *s = NULL;
        char text[1024];
        struct buf why = BUF_FIXED(text);

        if (inquiry_setup_new(c, &plan, &why, &s) == 0)
                return CLI_OK;
        log_error("%s: mail.%s", c->source ? c->source : CONFIG_PATH_DEFAULT, buf_str(&why));
        return CLI_CONFIG;
}

static int check_filter(const struct config *c)
{
        _cleanup_free_ struct ring_program *program = malloc(sizeof(*program));
        char text[512];
        struct buf why = BUF_FIXED(text);

        if (!c->packets.filter || (program && ring_program_filter(c->packets.filter, RING_SNAPLEN, program, &why) == 0))
                return CLI_OK;
        log_error("%s: packets.%s", c->source ? c->source : CONFIG_PATH_DEFAULT,
                  program ? buf_str(&why) : "filter: out of memory");
        return CLI_CONFIG;
}

static void note_ended(const struct config *c, struct buf *notes)
{
        char date[CLOCK_TEXT_MAX];

        for (size_t i = 0; i < c->n_exceptions; i++)
                if (c->exceptions[i].until && c->exceptions[i].until <= clock_realtime())
                        buf_printf(notes, "%s: note: this exception ended on %s\n",
                                   c->exceptions[i].where ? c->exceptions[i].where : "exceptions",
                                   text_date(c->exceptions[i].until, date));
}

static int check(struct cli *cli)
{
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(8192), notes = BUF_HEAP(65536);
        int status;

        detector_check_config(cli->config, &notes);
        note_ended(cli->config, &notes);
        fputs(buf_str(&notes), stderr);
        if (cli->config->source)
                buf_printf(&out, "%s: good", cli->config->source);
        else
                buf_printf(&out, "%s is not there: the built-in defaults count", CONFIG_PATH_DEFAULT);
        if (cli->config->n_exceptions)
                buf_printf(&out, ", %zu exception%s", cli->config->n_exceptions,
                           cli->config->n_exceptions == 1 ? "" : "s");
        status = check_filter(cli->config);
        if (status == CLI_OK)
                status = check_mail(cli->config);
        if (status == CLI_OK)
                status = check_rules(cli->config, &out);
        if (status != CLI_OK)
                return status;
        buf_putc(&out, '\n');
        return cli_print(&out, CLI_OK);
}

static int run(struct cli *cli)
{
        const char *verb;

        if (cli_operands(cli, 1, 2) < 0)
                return cli->status;
        verb = cli->argv[optind];
        if (strcmp(verb, "check") != 0 && strcmp(verb, "show") != 0)
                return cli_usage(cli, "it is check or show, not \"%s\"", verb);
        if (cli->argc - optind == 2) {
                if (cli->config_path)
                        return cli_usage(cli, "the file is named twice");
                cli->config_path = cli->argv[optind + 1];
        }
        if (cli_load_config(cli) < 0)
                return cli->status;
        return verb[0] == 'c' ? check(cli) : show(cli);
}

const struct command command_config = {
        .synopsis = "check|show [FILE]",
        .about = "check reads the configuration and says what is wrong with it, with file and line; status 78 if "
                 "anything "
                 "is, and of the rules it names whether their files can be read and how many load.\n\n"
                 "show prints the whole effective configuration as YAML: defaults, file and conf.d together.",
        .takes = CLI_TAKES_CONFIG,
        .run = run,
};
