/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line's overrides for `run` and `scan`; in the warden, before anything is opened. */
#include "cli/watch.h"

#include <errno.h>

int watch_take_option(struct cli *cli, struct watch *w, int option, const char *arg)
{
        switch (option) {
        case WATCH_FOR:
                if (clock_parse_span(arg, &w->run_for) == 0 && w->run_for > 0)
                        return 0;
                cli->status = cli_usage(cli, "--for wants a length of time such as 30s or 5m, not '%s'", arg);
                return -EINVAL;
        case WATCH_BACKEND:
                w->backend = arg;
                return 0;
        case WATCH_EVE:
                w->eve = arg;
                return 0;
        case WATCH_EVENTS:
                w->events = true;
                return 0;
        case WATCH_CONTROL:
                w->control = arg;
                return 0;
        case WATCH_INTERFACE:
                w->interface = arg;
                return 0;
        case WATCH_FILTER:
                w->filter = arg;
                return 0;
        case WATCH_HOME:
                return cli_take_home(cli, &w->home, arg);
        case WATCH_QUIET:
                w->quiet = true;
                return 0;
        default:
                return 0;
        }
}

static int set_text(char **at, const char *value)
{
        char *copy = strdup(value);

        if (!copy)
                return -ENOMEM;
        free(*at);
        *at = copy;
        return 0;
}

static int set_backend(struct cli *cli, const char *name)
{
        static const struct {
                const char *name;
                enum config_backend backend;
        } rows[] = {{"auto", BACKEND_AUTO}, {"bpf", BACKEND_BPF}, {"proc", BACKEND_PROC}, {"off", BACKEND_OFF}};

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (strcmp(rows[i].name, name) == 0) {
                        cli->config->host.backend = rows[i].backend;
                        return 0;
                }
        cli->status = cli_usage(cli, "--backend is auto, bpf, proc or off, not '%s'", name);
        return -EINVAL;
}

/* Without root the usual places cannot be written: a person's own are taken, unless others were named. */
static int use_own_places(struct cli *cli)
{
        char path[CLI_PLACE_MAX];
        int r = 0;

        if (cli_own_store(cli, path))
                r = set_text(&cli->config->store.path, path);
        if (r == 0 && strcmp(cli->config->daemon.control, CONFIG_CONTROL_DEFAULT) == 0)
                r = set_text(&cli->config->daemon.control, cli_own_control(cli, path) ? path : "");
        return r;
}

int watch_prepare(struct cli *cli, const struct watch *w, struct daemon_params *ret)
{
        int r = cli_load_config(cli);

        if (r < 0)
                return r;
        if (w->backend && (r = set_backend(cli, w->backend)) < 0)
                return r;
        if (geteuid() != 0)
                r = use_own_places(cli);
        if (r == 0 && cli->store_path)
                r = set_text(&cli->config->store.path, cli->store_path);
        if (r == 0 && w->eve)
                r = set_text(&cli->config->eve.path, w->eve);
        if (r == 0 && w->control)
                r = set_text(&cli->config->daemon.control, w->control);
        if (r == 0 && w->interface)
                r = set_text(&cli->config->packets.interface, w->interface);
        if (r == 0 && w->filter)
                r = set_text(&cli->config->packets.filter, w->filter);
        if (r == 0 && w->filter && !cli->config->packets.interface) {
                cli_usage(cli, "--filter chooses from packets: say of which device, with --interface");
                return -EINVAL;
        }
        if (r == 0 && w->home.n) {
                free(cli->config->home.items);
                cli->config->home = w->home; /* the configuration's now */
        }
        if (r < 0) {
                cli->status = CLI_INPUT;
                return r;
        }
        cli->config->eve.events |= w->events;
        *ret = (struct daemon_params){
                .config = cli->config,
                .config_path = cli->config_path,
                .quiet = w->quiet,
                .json = cli->json,
                .run_for = w->run_for,
                .fail_on = LEVELS,
                .unprivileged = geteuid() != 0,
        };
        return 0;
}
