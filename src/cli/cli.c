/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the commands share: options, configuration, store, output. Runs in whichever process the person started. */
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdarg.h>

#include "base/log.h"
#include "mail/claims.h"

enum { OPTION_STORE = 512, OPTION_JSON, OPTION_FAIL_ON };

const struct cli_option cli_common_options[] = {
        {'c', "config", "FILE", "read this configuration instead of " CONFIG_PATH_DEFAULT},
        {OPTION_STORE, "store", "PATH", "the folder of the store, instead of the configuration's"},
        {OPTION_JSON, "json", NULL, "print JSON, one object a line"},
        {OPTION_FAIL_ON, "fail-on", "LEVEL", "end with status 1 from this level on: bot (default), suspect, never"},
        {'h', "help", NULL, "print this help"},
        {0},
};

bool cli_takes(const struct command *c, const struct cli_option *o)
{
        switch (o->id) {
        case 'c':
                return c->takes & CLI_TAKES_CONFIG;
        case OPTION_STORE:
                return c->takes & CLI_TAKES_STORE;
        case OPTION_JSON:
                return c->takes & CLI_TAKES_JSON;
        case OPTION_FAIL_ON:
                return c->takes & CLI_TAKES_FAIL_ON;
        default:
                return true;
        }
}

struct tables {
        struct option longs[2 * CLI_OPTIONS_MAX];
        char shorts[3 * CLI_OPTIONS_MAX];
        unsigned n;
};

static void add_options(struct tables *t, const struct command *c, const struct cli_option *options, bool common)
{
        for (const struct cli_option *o = options; o && o->id && t->n < CLI_OPTIONS_MAX + 8; o++) {
                char letter[4] = {o->id < 256 ? (char) o->id : '\0', o->arg && o->id < 256 ? ':' : '\0'};

                if (common && !cli_takes(c, o))
                        continue;
                t->longs[t->n++] = (struct option){o->name, o->arg ? required_argument : no_argument, NULL, o->id};
                strncat(t->shorts, letter, sizeof(t->shorts) - strlen(t->shorts) - 1);
        }
}

int cli_usage(struct cli *cli, const char *format, ...)
{
        _cleanup_(buf_done)
        struct buf text = BUF_HEAP(1024);
        va_list ap;

        va_start(ap, format);
        buf_vprintf(&text, format, ap);
        va_end(ap);
        log_error("%s: %s; see \"sekimori %s --help\"", cli->name, buf_str(&text), cli->name);
        return cli->status = CLI_USAGE;
}

static int take_fail_on(struct cli *cli, const char *word)
{
        if (strcmp(word, "never") == 0)
                cli->fail_on = LEVELS;
        else if (strcmp(word, "bot") == 0 || strcmp(word, "suspect") == 0)
                cli->fail_on = (unsigned) level_from_name(word);
        else {
                cli_usage(cli, "--fail-on wants bot, suspect or never, not \"%s\"", word);
                return -EINVAL;
        }
        return 0;
}

static int print_help(struct cli *cli)
{
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(1u << 16);

        for (size_t i = 0; i < cli_n_rows; i++)
                if (cli_rows[i].command == cli->command)
                        cli_help(&out, &cli_rows[i]);
        cli->status = cli_print(&out, CLI_OK);
        return -ECANCELED;
}

/* The option that getopt() stopped at, as it was typed. */
static const char *typed_option(const struct cli *cli, char letter[static 3])
{
        const char *word = cli->argv[optind - 1];

        if (strncmp(word, "--", 2) == 0 || optopt <= 0 || optopt > 255)
                return word;
        snprintf(letter, 3, "-%c", optopt);
        return letter;
}

int cli_getopt(struct cli *cli)
{
        struct tables t = {.shorts = ":"};
        char letter[3];
        int c;

        add_options(&t, cli->command, cli->command->options, false);
        add_options(&t, cli->command, cli_common_options, true);
        opterr = 0;
        for (;;) {
                c = getopt_long(cli->argc, cli->argv, t.shorts, t.longs, NULL);
                switch (c) {
                case -1:
                        return 0;
                case 'c':
                        cli->config_path = optarg;
                        break;
                case OPTION_STORE:
                        cli->store_path = optarg;
                        break;
                case OPTION_JSON:
                        cli->json = true;
                        break;
                case OPTION_FAIL_ON:
                        if (take_fail_on(cli, optarg) < 0)
                                return -EINVAL;
                        break;
                case 'h':
                        return print_help(cli);
                case ':':
                        cli_usage(cli, "option %s wants an argument", typed_option(cli, letter));
                        return -EINVAL;
                case '?':
                        cli_usage(cli, "there is no option %s", typed_option(cli, letter));
                        return -EINVAL;
                default:
                        return c;
                }
        }
}

int cli_operands(struct cli *cli, int least, int most)
{
        int r = cli_getopt(cli), n = cli->argc - optind;

        if (r < 0)
                return r;
        if (n < least || n > most) {
                cli_usage(cli, n < least ? "something is missing: sekimori %s %s" : "too much: sekimori %s %s",
                          cli->name, cli->command->synopsis);
                return -EINVAL;
        }
        return 0;
}

int cli_take_home(struct cli *cli, struct config_cidrs *nets, const char *text)
{
        struct cidr *bigger = reallocarray(nets->items, nets->n + 1, sizeof(*bigger));

        if (!bigger) {
                cli->status = CLI_INPUT;
                return -ENOMEM;
        }
        nets->items = bigger;
        if (cidr_parse(text, &bigger[nets->n]) < 0) {
                cli_usage(cli, "--home wants a network like 192.0.2.0/24, not \"%s\"", text);
                return -EINVAL;
        }
        nets->n++;
        return 0;
}

int cli_load_config(struct cli *cli)
{
        _cleanup_(buf_done)
        struct buf errors = BUF_HEAP(1u << 16);
        int r = config_load(cli->config_path, &cli->config, &errors);

        if (errors.len)
                fputs(buf_str(&errors), stderr);
        if (r < 0) {
                if (errors.len == 0)
                        log_error("%s: %s", cli->config_path ? cli->config_path : CONFIG_PATH_DEFAULT, strerror(-r));
                cli->status = CLI_CONFIG;
        } else if (cli->config->network.mmdb && access(cli->config->network.mmdb, R_OK) < 0)
                log_warning("network.mmdb: %s: %s; countries and networks of addresses are not known",
                            cli->config->network.mmdb, strerror(errno));
        return r;
}

const char *cli_store_path(const struct cli *cli)
{
        return cli->store_path ? cli->store_path : cli->config->store.path;
}

const char *cli_own_store(const struct cli *cli, char path[static CLI_PLACE_MAX])
{
        const char *home = getenv("HOME"), *state = getenv("XDG_STATE_HOME");

        if (geteuid() == 0 || cli->store_path || cli->config_path)
                return NULL;
        if (state)
                snprintf(path, CLI_PLACE_MAX, "%s/sekimori", state);
        else
                snprintf(path, CLI_PLACE_MAX, "%s/.local/state/sekimori", home ? home : "/tmp");
        return path;
}

const char *cli_own_control(const struct cli *cli, char path[static CLI_PLACE_MAX])
{
        const char *run = getenv("XDG_RUNTIME_DIR");

        if (geteuid() == 0 || !run || strcmp(cli->config->daemon.control, CONFIG_CONTROL_DEFAULT) != 0)
                return NULL;
        snprintf(path, CLI_PLACE_MAX, "%s/sekimori.sock", run);
        return path;
}

/* The machine's daemon may keep one that this person may not read. */
static int open_own_store(struct cli *cli, struct store **ret)
{
        char path[CLI_PLACE_MAX], text[1024];
        struct buf unsaid = BUF_FIXED(text);
        struct store_params params = {.dir = cli_own_store(cli, path), .read_only = true};
        char *copy;

        if (!params.dir || store_open(&params, ret, &unsaid) < 0)
                return -ENOENT;
        log_notice("the store is your own: %s", path);
        copy = strdup(path);
        if (!copy)
                return 0;
        free(cli->config->store.path);
        cli->config->store.path = copy;
        return 0;
}

int cli_open_store(struct cli *cli, struct store **ret)
{
        _cleanup_(buf_done)
        struct buf errors = BUF_HEAP(4096);
        struct store_params params = {.dir = cli_store_path(cli), .read_only = true};
        int r = store_open(&params, ret, &errors);

        if ((r == -ENOENT || r == -EACCES) && open_own_store(cli, ret) == 0)
                return 0;
        if (r == -ENOENT)
                log_error("there is no store in %s yet: \"sekimori run\" makes it, or name another with --store",
                          params.dir);
        else if (r < 0)
                log_error("%s", errors.len ? buf_str(&errors) : strerror(-r));
        if (r < 0)
                cli->status = CLI_INPUT;
        return r;
}

nsec_t cli_store_time(struct store *s, const char *key)
{
        char text[32];
        struct buf b = BUF_FIXED(text);

        return store_get_meta(s, key, &b) < 0 ? 0 : strtoll(buf_str(&b), NULL, 10);
}

const struct evidence_kind *cli_find_kind(const char *name)
{
        const struct detector *unused;
        const struct evidence_kind *kind = evidence_kind_find(name, &unused);

        return kind ? kind : claims_kind_find(name);
}

bool cli_reader_left(void)
{
        struct pollfd fd = {.fd = STDOUT_FILENO};

        return poll(&fd, 1, 0) > 0 && (fd.revents & (POLLERR | POLLHUP)) != 0;
}

int cli_print(const struct buf *out, int status)
{
        const char *p = buf_str(out);
        size_t left = out->len;

        while (left) {
                ssize_t n = write(STDOUT_FILENO, p, left);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EPIPE)
                        return status;
                if (n < 0) {
                        log_error("standard output: %s", strerror(errno));
                        return CLI_INPUT;
                }
                p += n;
                left -= (size_t) n;
        }
        if (out->error) {
                log_error("the output is cut: %s", strerror(-out->error));
                return CLI_INPUT;
        }
        return status;
}
