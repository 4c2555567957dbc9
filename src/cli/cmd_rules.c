/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori rules: signatures in the language of Snort and Suricata, looked at without traffic. Runs unprivileged. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/rules.h"

#define VARIABLES_MAX 256 /* of --var */

enum { OPTION_HOME = 256, OPTION_VAR, OPTION_PCAP, OPTION_SID };

static const struct cli_option options[] = {
        {OPTION_HOME, "home", "NETWORK", "$HOME_NET; may be given several times (default: the configuration's)"},
        {OPTION_VAR, "var", "NAME=VALUE", "a variable; one that ends in _PORTS is of ports"},
        {OPTION_PCAP, "pcap", "FILE", "test, profile: the capture"},
        {OPTION_SID, "sid", "SID", "test: this rule only"},
        {0},
};

static void asked_done(struct rules_asked *a)
{
        for (size_t i = 0; i < a->variables.n; i++) {
                free(a->variables.items[i].name);
                free(a->variables.items[i].value);
        }
        free(a->variables.items);
        free(a->home.items);
}

static int take_variable(struct rules_asked *a, const char *text)
{
        const char *equals = strchr(text, '=');
        struct config_group *bigger, g;

        if (text[0] == '$')
                text++;
        if (!equals || equals <= text || !equals[1] || a->variables.n == VARIABLES_MAX) {
                cli_usage(a->cli, "--var wants NAME=VALUE, not \"%s\"", text);
                return -EINVAL;
        }
        bigger = reallocarray(a->variables.items, a->variables.n + 1, sizeof(*bigger));
        if (!bigger)
                return -ENOMEM;
        a->variables.items = bigger;
        g.name = strndup(text, (size_t) (equals - text));
        g.value = strdup(equals + 1);
        bigger[a->variables.n++] = g;
        return g.name && g.value ? 0 : -ENOMEM;
}

static int take_sid(struct rules_asked *a, const char *text)
{
        int r = rules_asked_sid(text, &a->gid, &a->sid);

        if (r < 0)
                cli_usage(a->cli, "\"%s\" is no number of a rule: it is 2001184, or 1:2001184", text);
        return r;
}

static int take_option(struct rules_asked *a, int option)
{
        switch (option) {
        case OPTION_HOME:
                return cli_take_home(a->cli, &a->home, optarg);
        case OPTION_PCAP:
                a->capture = optarg;
                return 0;
        case OPTION_SID:
                return take_sid(a, optarg);
        default:
                return take_variable(a, optarg);
        }
}

static int take_options(struct rules_asked *a)
{
        int option, r = 0;

        while (r >= 0 && (option = cli_getopt(a->cli)) > 0)
                r = take_option(a, option);
        if (r == -ENOMEM) {
                log_error("%s", strerror(ENOMEM));
                a->cli->status = CLI_INPUT;
        }
        return r < 0 || option < 0 ? -EINVAL : 0;
}

/* The command line's words go before the configuration's. */
static int add_variables(struct rules_asked *a, struct config *c)
{
        for (size_t i = 0; i < a->variables.n; i++) {
                const char *name = a->variables.items[i].name;
                size_t n = strlen(name);
                bool port = n > 6 && strcmp(name + n - 6, "_PORTS") == 0;
                struct config_groups *to = port ? &c->rules.port_groups : &c->rules.address_groups;
                struct config_group *bigger = reallocarray(to->items, to->n + 1, sizeof(*bigger));

                if (!bigger)
                        return -ENOMEM;
                to->items = bigger;
                bigger[to->n++] = a->variables.items[i];
                a->variables.items[i] = (struct config_group){0};
        }
        if (a->home.n) {
                free(c->home.items);
                c->home = a->home;
                a->home = (struct config_cidrs){0};
        }
        return 0;
}

/* rules_load() wants all of its files; here one that cannot be read keeps nobody from judging the others. */
static bool can_read(const char *path)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat st;

        if (fd >= 0 && fstat(fd, &st) == 0) {
                if (!S_ISDIR(st.st_mode))
                        return true;
                errno = EISDIR;
        }
        log_error("%s: %s", path, strerror(errno));
        return false;
}

int rules_asked_load(struct rules_asked *a, bool compile, void (*problem)(void *userdata, const struct rule_problem *p),
                     void *userdata, struct ruleset **ret)
{
        _cleanup_(buf_done)
        struct buf why = BUF_HEAP(65536);
        _cleanup_free_ const char **readable = calloc(a->n_files + 1, sizeof(*readable));
        struct config *c = a->cli->config;
        struct rules_load params = {
                .config = c, .files = readable, .compile = compile, .problem = problem, .userdata = userdata};
        size_t configured = c->rules.files.n;
        int r = readable ? add_variables(a, c) : -ENOMEM;

        a->cli->status = CLI_INPUT;
        for (size_t i = 0; r == 0 && i < a->n_files; i++)
                if (can_read(a->files[i]))
                        readable[params.n_files++] = a->files[i];
                else
                        a->unread = true;
        if (r == 0 && !a->n_files && !configured) {
                cli_usage(a->cli, "which files? None is named, and rules.files in the configuration is empty");
                return -EINVAL;
        }
        if (a->n_files)
                c->rules.files.n = 0;
        if (r == 0)
                r = rules_load(&params, ret, &why);
        c->rules.files.n = configured;
        if (r < 0)
                log_error("%.*s", (int) strcspn(why.len ? buf_str(&why) : strerror(-r), "\n"),
                          why.len ? buf_str(&why) : strerror(-r));
        return r;
}

int rules_asked_sid(const char *text, uint32_t *ret_gid, uint32_t *ret_sid)
{
        const char *at = text;
        uint32_t numbers[2] = {1, 0};
        unsigned n = 0;

        for (;;) {
                char *end;
                unsigned long v = strtoul(at, &end, 10);

                if (*at < '0' || *at > '9' || v > UINT32_MAX || n == 2)
                        return -EINVAL;
                numbers[n++] = (uint32_t) v;
                if (*end == '\0')
                        break;
                if (*end != ':')
                        return -EINVAL;
                at = end + 1;
        }
        *ret_gid = n == 2 ? numbers[0] : 1;
        *ret_sid = numbers[n - 1];
        return 0;
}

/* `what` names the operand that stands before the files; NULL: none does. */
static const struct verb {
        const char *name;
        int (*run)(struct rules_asked *a);
        const char *what;
        bool takes_pcap, takes_sid;
} verbs[] = {
        {"check", rules_check, NULL, false, false},
        {"explain", rules_explain, "SID", false, false},
        {"test", rules_test, NULL, true, true},
        {"profile", rules_profile, NULL, true, false},
};

static int run(struct cli *cli)
{
        _cleanup_(asked_done)
        struct rules_asked a = {.cli = cli};
        const struct verb *v = NULL;
        int first;

        if (take_options(&a) < 0)
                return cli->status;
        for (size_t i = 0; optind < cli->argc && i < ELEMENTSOF(verbs); i++)
                if (strcmp(cli->argv[optind], verbs[i].name) == 0)
                        v = &verbs[i];
        if (!v)
                return cli_usage(cli, "it is %s", cli->command->synopsis);
        if ((a.capture && !v->takes_pcap) || (a.sid && !v->takes_sid))
                return cli_usage(cli, "rules %s does not take %s", v->name,
                                 a.capture && !v->takes_pcap ? "--pcap" : "--sid");
        first = optind + 1;
        if (v->what && first == cli->argc)
                return cli_usage(cli, "rules %s: which %s?", v->name, v->what);
        if (v->what)
                a.what = cli->argv[first++];
        a.files = (const char *const *) cli->argv + first;
        a.n_files = (size_t) (cli->argc - first);
        if (cli_load_config(cli) < 0)
                return cli->status;
        return v->run(&a);
}

const struct command command_rules = {
        .synopsis = "check|explain SID|test|profile [FILE...]",
        .about = "Rules in the language of Snort and Suricata. The files are the named ones, else those of `rules:` in "
                 "the "
                 "configuration: rules, and classification.config, reference.config, threshold.config.\n\n"
                 "check says of each rule that is not honoured where it stands, which option it is, and why; such a "
                 "rule is "
                 "never loaded in part. Its last line says how many rules load. Status 1 if one does not.\n\n"
                 "explain says in words what a rule looks for, and what a match means.\n\n"
                 "test --pcap says of each rule how often it matched the capture; of one that did not, what came "
                 "nearest, condition by condition. Status 1 if none matched.\n\n"
                 "profile --pcap says what each rule cost on the capture, the dearest first.",
        .takes = CLI_TAKES_CONFIG | CLI_TAKES_JSON,
        .options = options,
        .run = run,
};
