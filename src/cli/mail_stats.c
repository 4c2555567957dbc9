/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori mail --stats: the tables of the relay inquiry. Reads the store, runs unprivileged. */
#include "cli/mail_stats.h"

#include <errno.h>

#include "base/log.h"
#include "view/relay_stats.h"

#define TEXT_MAX (4u << 20)

static int take(void *userdata, const struct record *r)
{
        relay_stats_add(userdata, r);
        return 0;
}

int mail_stats_put(struct cli *cli, struct store *s, struct buf *out, bool *ret_any)
{
        _cleanup_free_ struct relay_stats *stats = calloc(1, sizeof(*stats));
        int r = stats ? store_relays_each(s, STORE_RELAYS_BY_ADDRESS, INT64_MIN, take, stats) : -ENOMEM;

        if (r < 0)
                return r;
        relay_stats_end(stats);
        *ret_any = stats->relays > 0;
        if (!*ret_any)
                return 0;
        if (cli->json) {
                relay_stats_json(out, stats);
                buf_putc(out, '\n');
        } else
                relay_stats_put(out, &cli->look, stats);
        return 0;
}

int mail_stats_run(struct cli *cli)
{
        _cleanup_(store_closep)
        struct store *s = NULL;
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(TEXT_MAX);
        bool any;
        int r;

        if (cli_load_config(cli) < 0 || cli_open_store(cli, &s) < 0)
                return cli->status;
        r = mail_stats_put(cli, s, &out, &any);
        if (r < 0) {
                log_error("the store could not be read: %s", strerror(-r));
                return CLI_INPUT;
        }
        if (!any) {
                log_error("no relay was asked about yet: \"sekimori mail --store %s PATH...\" does that",
                          cli_store_path(cli));
                return CLI_INPUT;
        }
        return cli_print(&out, CLI_OK);
}
