/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration from its files: the main one, then conf.d beside it in name order, then the resolvers in use.
 * Read once at the start and at each reload, by the program before it gives up its rights. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "base/file.h"
#include "config/internal.h"

#define RESOLV_CONF     "/etc/resolv.conf"
#define RESOLV_CONF_MAX (1u << 20)
#define RESOLVERS_MAX   16
#define CONF_D_MAX      256

static void load_file(struct config *c, struct config_problems *p, const char *path)
{
        _cleanup_free_ char *text = NULL;
        size_t len;
        int r;

        p->file = path;
        r = file_read(path, CONFIG_FILE_MAX, &text, &len);
        if (r == 0) {
                config_read(c, p, text, len);
                return;
        }
        if (!p->error && r != -E2BIG) /* that is what it says, not that it cannot be had */
                p->error = r;
        if (r == -EINVAL)
                config_error(p, 0, "is not a regular file");
        else if (r == -E2BIG)
                config_error(p, 0, "is larger than %u KiB", CONFIG_FILE_MAX / 1024);
        else
                config_error(p, 0, "cannot be read: %s", strerror(-r));
}

static bool ends_in(const char *name, const char *suffix)
{
        size_t n = strlen(name), s = strlen(suffix);

        return n > s && strcmp(name + n - s, suffix) == 0;
}

static int is_candidate(const struct dirent *d)
{
        return d->d_name[0] != '.' && (ends_in(d->d_name, ".yaml") || ends_in(d->d_name, ".yml"));
}

/* By bytes, so that the order is the same in every locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name);
}

struct names {
        struct dirent **items;
        int n;
};

static void names_done(struct names *names)
{
        for (int i = 0; i < names->n; i++)
                free(names->items[i]);
        free(names->items);
}

/* Keeps the file names in `paths`, which outlives the messages about them. */
static void load_directory(struct config *c, struct config_problems *p, const char *directory, char **paths)
{
        _cleanup_(names_done)
        struct names names = {0};
        size_t n_paths = 0;

        p->file = directory;
        names.n = scandir(directory, &names.items, is_candidate, by_name);
        if (names.n < 0) {
                int e = errno;

                names.n = 0;
                if (e != ENOENT) {
                        p->error = p->error ? p->error : -e;
                        config_error(p, 0, "cannot be read: %s", strerror(e));
                }
                return;
        }
        for (int i = 0; i < names.n; i++) {
                char **path = &paths[n_paths];

                p->file = directory;
                if (n_paths >= CONF_D_MAX) {
                        config_error(p, 0, "holds more than %d files", CONF_D_MAX);
                        return;
                }
                if (asprintf(path, "%s/%s", directory, names.items[i]->d_name) < 0) {
                        *path = NULL;
                        p->error = -ENOMEM;
                        return;
                }
                n_paths++;
                p->file = *path;
                if (ends_in(*path, ".yaml"))
                        load_file(c, p, *path);
                else
                        config_note(p, 0, "is not read: the name must end in .yaml");
        }
}

/* The addresses may carry a zone (fe80::1%eth0), which does not matter here. */
static int add_resolver(const char *text, struct config_cidrs *list)
{
        char address[ADDR_TEXT_MAX];
        size_t n = strcspn(text, "% \t\r\n");
        struct cidr net, *item;

        if (n == 0 || n >= sizeof(address) || list->n >= RESOLVERS_MAX)
                return 0;
        memcpy(address, text, n);
        address[n] = '\0';
        if (addr_parse(address, &net.base) < 0)
                return 0;
        net.bits = 128;
        item = config_array_grow(&list->items, &list->n, sizeof(*item));
        if (!item)
                return -ENOMEM;
        *item = net;
        return 0;
}

int config_resolvers_read(const char *path, struct config_cidrs *ret)
{
        _cleanup_free_ char *text = NULL;
        struct config_cidrs list = {0};
        char *save = NULL;
        size_t len;
        int r = file_read(path, RESOLV_CONF_MAX, &text, &len);

        if (r == -ENOMEM)
                return r;
        if (r < 0 || len == 0)
                return 0;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                line += strspn(line, " \t");
                if (strncmp(line, "nameserver", 10) != 0 || !strchr(" \t", line[10]))
                        continue;
                line += 10;
                r = add_resolver(line + strspn(line, " \t"), &list);
                if (r < 0) {
                        free(list.items);
                        return r;
                }
        }
        free(ret->items);
        *ret = list;
        return 0;
}

static void load_all(struct config *c, struct config_problems *p, const char *path)
{
        const char *main_path = path ? path : CONFIG_PATH_DEFAULT;
        const char *slash = strrchr(main_path, '/');
        _cleanup_free_ char *directory = NULL;
        char *paths[CONF_D_MAX] = {0};

        if (path || access(main_path, F_OK) == 0 || errno != ENOENT) {
                c->source = strdup(main_path);
                if (!c->source)
                        p->error = -ENOMEM;
                load_file(c, p, main_path);
        }
        if (asprintf(&directory, "%.*sconf.d", slash ? (int) (slash - main_path) + 1 : 0, main_path) < 0) {
                directory = NULL;
                p->error = -ENOMEM;
                return;
        }
        /* Without its main file a named configuration is not the one that was meant. */
        if (!p->error)
                load_directory(c, p, directory, paths);
        p->file = main_path;
        if (!p->error)
                config_check(c, p);
        for (size_t i = 0; i < CONF_D_MAX; i++)
                free(paths[i]);
}

int config_load(const char *path, struct config **ret, struct buf *errors)
{
        _cleanup_(config_freep)
        struct config *c = NULL;
        struct config_problems p = {.out = errors, .file = path ? path : CONFIG_PATH_DEFAULT};
        int r = config_new_default(&c);

        if (r < 0)
                return r;
        load_all(c, &p, path);
        r = config_problems_result(&p);
        if (r == 0 && c->server_like.resolvers.n == 0)
                r = config_resolvers_read(RESOLV_CONF, &c->server_like.resolvers);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}
