/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules are loaded once, before a sandbox closes; what is wrong in them is told by `rules check`, here only counted.
 * Runs in `read` and `rules`. */
#include "cli/loading.h"

#include <errno.h>

#include "base/log.h"

void loading_done(struct loading *l)
{
        free(l->files);
        *l = (struct loading){0};
}

int loading_take(struct loading *l, struct cli *cli, const char *file)
{
        const char **bigger = reallocarray(l->files, l->n + 1, sizeof(*bigger));

        if (!bigger) {
                cli->status = CLI_INPUT;
                return -ENOMEM;
        }
        l->files = bigger;
        bigger[l->n++] = file;
        return 0;
}

int loading_rules(const struct loading *l, struct cli *cli, struct ruleset **ret)
{
        struct rules_load p = {.config = cli->config, .files = l->files, .n_files = l->n, .compile = true};
        _cleanup_(buf_done)
        struct buf why = BUF_HEAP(1u << 16), text = BUF_HEAP(4096);
        int r;

        if (!l->n && !rules_load_any(cli->config))
                return 0;
        r = rules_load(&p, ret, &why);
        if (r < 0) {
                log_error("%.*s", (int) strcspn(buf_str(&why), "\n"), buf_str(&why));
                cli->status = CLI_INPUT;
                return r;
        }
        rules_load_describe(*ret, &text);
        if (rules_load_refused(*ret))
                log_notice("%s", buf_str(&text));
        return 0;
}
