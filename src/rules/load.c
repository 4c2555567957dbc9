/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the configuration to a set of rules. Runs where files may be read: `read`, `rules`, the engine. */
#include "rules/load.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>

#include "rules/choice.h"
#include "rules/ranges.h"
#include "rules/word.h"

#define VARIABLES_MAX     2049 /* both lists of the configuration, and HOME_NET */
#define HOME_TEXT_MAX     (1u << 20)
#define VARIABLE_TEXT_MAX 256

struct loading {
        const struct rules_load *params;
        struct ruleset *set;
        struct buf *why;
};

/* As a list of a rule's header: "[10.0.0.0/8,fc00::/7]". */
static int put_home(const struct config_cidrs *home, struct buf *out)
{
        char text[ADDR_TEXT_MAX];

        (void) buf_putc(out, '[');
        for (size_t i = 0; i < home->n; i++) {
                const struct cidr *c = &home->items[i];
                bool v4 = addr_is_v4(&c->base) && c->bits >= 96;

                (void) buf_printf(out, "%s%s/%u", i ? "," : "", addr_format(&c->base, text),
                                  v4 ? c->bits - 96u : c->bits);
        }
        (void) buf_putc(out, ']');
        return out->error;
}

static bool names(const struct config_groups *groups, const char *name)
{
        for (size_t i = 0; i < groups->n; i++)
                if (strcmp(groups->items[i].name, name) == 0)
                        return true;
        return false;
}

static unsigned put_groups(const struct config_groups *groups, bool port, struct rule_variable *out)
{
        for (size_t i = 0; i < groups->n; i++)
                out[i] = (struct rule_variable){groups->items[i].name, groups->items[i].value, port};
        return (unsigned) groups->n;
}

/* The configuration's, with `home` as the text of HOME_NET. How many, or negative. */
static int put_variables(const struct config *c, struct buf *home, struct rule_variable out[static VARIABLES_MAX])
{
        unsigned n = 0;
        int r;

        if (c->home.n && !names(&c->rules.address_groups, "HOME_NET")) {
                if ((r = put_home(&c->home, home)) < 0)
                        return r;
                out[n++] = (struct rule_variable){"HOME_NET", buf_str(home), false};
        }
        n += put_groups(&c->rules.address_groups, false, out + n);
        n += put_groups(&c->rules.port_groups, true, out + n);
        return (int) n;
}

static int check_variables(struct rule_ranges *ranges, const struct rule_variable *v, unsigned n, struct buf *why)
{
        struct ranges_why reason;
        struct ranges_list list;
        char name[VARIABLE_TEXT_MAX];
        int r = 0;

        for (unsigned i = 0; r == 0 && i < n; i++)
                r = ranges_define(ranges, &v[i]);
        for (unsigned i = 0; r == 0 && i < n; i++) {
                snprintf(name, sizeof(name), "$%s", v[i].name);
                r = ranges_parse(ranges, word_of(name), v[i].port, &list, &reason);
                if (r < 0)
                        (void) buf_printf(why, "rules.%s_groups: %s: %s", v[i].port ? "port" : "address", v[i].name,
                                          reason.reason);
        }
        return r;
}

int rules_load_check_groups(const struct config *c, struct buf *why)
{
        _cleanup_(buf_done)
        struct buf home = BUF_HEAP(HOME_TEXT_MAX);
        _cleanup_free_ struct rule_variable *variables = calloc(VARIABLES_MAX, sizeof(*variables));
        _cleanup_(ranges_freep)
        struct rule_ranges *ranges = NULL;
        int r = variables ? put_variables(c, &home, variables) : -ENOMEM, n = r;

        if (r >= 0)
                r = ranges_new(&ranges);
        if (r == 0)
                r = ranges_define_usual(ranges);
        return r < 0 ? r : check_variables(ranges, variables, (unsigned) n, why);
}

static int make_set(struct loading *l)
{
        const struct config *c = l->params->config;
        _cleanup_(buf_done)
        struct buf home = BUF_HEAP(HOME_TEXT_MAX);
        _cleanup_free_ struct rule_variable *variables = calloc(VARIABLES_MAX, sizeof(*variables));
        struct ruleset_params p = {
                .variables = variables, .problem = l->params->problem, .userdata = l->params->userdata};
        int r = variables ? put_variables(c, &home, variables) : -ENOMEM;

        if (r < 0)
                return r;
        p.n_variables = (unsigned) r;
        r = ruleset_new(&p, &l->set);
        if (r < 0)
                return r;
        return choice_set(l->set, &c->rules.disabled, &c->rules.enabled);
}

static int add_file(struct loading *l, const char *path)
{
        int r = ruleset_add_file(l->set, path);

        if (r < 0)
                (void) buf_printf(l->why, "%s: %s\n", path,
                                  r == -EFBIG ? "more rules than are read at once" : strerror(-r));
        return r;
}

/* Sorted by name, as glob() gives them: the order decides between duplicates of one revision. */
static int add_pattern(struct loading *l, const char *pattern)
{
        glob_t found = {0};
        int r = glob(pattern, GLOB_NOCHECK, NULL, &found);

        if (r != 0) {
                (void) buf_printf(l->why, "%s: %s\n", pattern, r == GLOB_NOSPACE ? "no memory" : "cannot be read");
                r = r == GLOB_NOSPACE ? -ENOMEM : -EIO;
        }
        for (size_t i = 0; r == 0 && i < found.gl_pathc; i++)
                r = add_file(l, found.gl_pathv[i]);
        globfree(&found);
        return r;
}

static int add_files(struct loading *l)
{
        const struct config_paths *files = &l->params->config->rules.files;
        int r = 0;

        for (size_t i = 0; r == 0 && i < files->n; i++)
                r = add_pattern(l, files->items[i]);
        for (size_t i = 0; r == 0 && i < l->params->n_files; i++)
                r = add_file(l, l->params->files[i]);
        return r;
}

/* The folder's bytes in the pattern; 0: the root. */
static size_t folder_len(const char *pattern)
{
        size_t n = strcspn(pattern, "*?[");

        while (n > 0 && pattern[n] != '/')
                n--;
        return n;
}

static int add_folder(struct config_paths *list, const char *pattern)
{
        size_t len = folder_len(pattern);
        char *folder = len ? strndup(pattern, len) : strdup("/");

        if (!folder)
                return -ENOMEM;
        for (size_t i = 0; i < list->n; i++)
                if (strcmp(list->items[i], folder) == 0) {
                        free(folder);
                        return 0;
                }
        list->items[list->n++] = folder;
        return 0;
}

int rules_load_folders(const struct config *c, struct config_paths *ret)
{
        struct config_paths list = {.items = calloc(MAX(c->rules.files.n, (size_t) 1), sizeof(char *))};
        int r = list.items ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && i < c->rules.files.n; i++)
                r = add_folder(&list, c->rules.files.items[i]);
        if (r < 0)
                rules_load_folders_done(&list);
        else
                *ret = list;
        return r;
}

void rules_load_folders_done(struct config_paths *list)
{
        for (size_t i = 0; i < list->n; i++)
                free(list->items[i]);
        free(list->items);
        *list = (struct config_paths){0};
}

int rules_load(const struct rules_load *params, struct ruleset **ret, struct buf *why)
{
        struct loading l = {.params = params, .why = why};
        int r = make_set(&l);

        if (r == 0)
                r = add_files(&l);
        if (r == 0)
                r = params->compile ? ruleset_compile(l.set) : ruleset_settle(l.set);
        if (r < 0) {
                if (!why->len)
                        (void) buf_printf(why, "the rules cannot be loaded: %s\n", strerror(-r));
                ruleset_free(l.set);
                return r;
        }
        *ret = l.set;
        return 0;
}

uint32_t rules_load_refused(const struct ruleset *s)
{
        struct ruleset_stats k;

        ruleset_get_stats(s, &k);
        return k.rules - MIN(k.loaded, k.rules);
}

void rules_load_describe(const struct ruleset *s, struct buf *out)
{
        struct ruleset_stats k;

        ruleset_get_stats(s, &k);
        (void) buf_printf(out, "%u of %u rules of %u file%s", k.loaded, k.rules, k.files, k.files == 1 ? "" : "s");
        if (k.loaded < k.rules)
                (void) buf_puts(out, "; \"sekimori rules check\" says why the others are refused");
}
