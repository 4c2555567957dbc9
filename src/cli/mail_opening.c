/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `sekimori mail` opens before it reads, and the sandbox that it closes then. Runs in the command line. */
#include <errno.h>

#include "base/log.h"
#include "cli/mailing.h"

#define PATHS_MAX 4096

/* What is to be read can be named no more after this: paths that are wrong are said before. */
static int add_paths(const struct mailing *m, char **paths, struct sandbox_engine_params *params)
{
        for (int i = optind; i < m->cli->argc; i++) {
                if (strcmp(m->cli->argv[i], "-") == 0)
                        continue;
                if (access(m->cli->argv[i], R_OK) < 0) {
                        log_error("%s: %s", m->cli->argv[i], strerror(errno));
                        return -EIO;
                }
                if (params->n_read_dirs == PATHS_MAX) {
                        log_error("more than %d paths; name their folder", PATHS_MAX);
                        return -E2BIG;
                }
                paths[params->n_read_dirs++] = m->cli->argv[i];
        }
        return 0;
}

int mail_close_sandbox(struct mailing *m)
{
        char *paths[PATHS_MAX + 2];
        struct sandbox_engine_params params = {.read_dirs = paths};
        _cleanup_(buf_done)
        struct buf note = BUF_HEAP(4096);
        int r = add_paths(m, paths, &params);

        if (r < 0)
                return r;
        if (m->params.packets)
                paths[params.n_read_dirs++] = (char *) m->params.packets;
        if (m->params.nmap)
                paths[params.n_read_dirs++] = (char *) m->params.nmap;
        params.store_dir = mail_records_dir(m->records);
        params.eve_dir = m->report_folder;
        mail_asking_need(&m->asking, &params);
        r = sandbox_engine(&params, &note);
        if (r < 0)
                log_error("the sandbox cannot be closed: %s", strerror(-r));
        return r;
}

/* What else is made of the mails. */
int mail_open_more(struct mailing *m)
{
        const struct mail_complaints_params params = {.config = m->cli->config,
                                                      .trust = m->asking.setup->params.trust,
                                                      .store = mail_records_store(m->records),
                                                      .json = m->cli->json};
        int r = m->report_folder ? mail_reports_new(m->report_folder, m->reporter, &m->reports) : 0;

        if (r == -EINVAL)
                return cli_usage(m->cli, "a report wants an address to answer to: --reporter abuse@example.org");
        if (r < 0)
                log_error("%s: %s", m->report_folder, strerror(-r));
        else if ((r = mail_complaints_new(&params, &m->complaints)) < 0)
                log_error("complaints cannot be read: %s", strerror(-r));
        return r < 0 ? CLI_INPUT : CLI_OK;
}
