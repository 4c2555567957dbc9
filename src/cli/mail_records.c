/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records of relays, on their way into the store. Beside the daemon, if it runs: so each record is committed at once,
 * and nobody waits for us. Runs in the command line. */
#include "cli/mail_records.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/log.h"

#define RETAIN_EVERY 4096 /* records */

struct mail_records {
        struct store *store;
        const char *dir;
        struct fold_params fold;
        struct mail_records_stats stats;
        struct addr *opted_out;
        size_t n_opted_out, consents;
        bool said;
};

static int take_wish(void *userdata, const struct addr *a, enum store_wish wish, nsec_t time _unused_,
                     const char *by _unused_)
{
        struct mail_records *m = userdata;

        m->consents += wish == STORE_WISH_CONSENT;
        if (wish != STORE_WISH_OPT_OUT || m->n_opted_out == STORE_WISHES_MAX)
                return 0;
        m->opted_out[m->n_opted_out++] = *a;
        return 0;
}

static int read_wishes(struct mail_records *m)
{
        m->opted_out = calloc(STORE_WISHES_MAX, sizeof(*m->opted_out)); /* untouched pages cost nothing */
        return m->opted_out ? store_wishes_each(m->store, take_wish, m) : -ENOMEM;
}

int mail_records_open(struct cli *cli, bool always, struct mail_records **ret)
{
        _cleanup_(buf_done)
        struct buf errors = BUF_HEAP(4096);
        _cleanup_(mail_records_freep)
        struct mail_records *m = NULL;
        struct store_params params = {.append = true};
        int r;

        if (!always && !cli->store_path) {
                *ret = NULL;
                return 0;
        }
        cli->status = CLI_INPUT;
        m = calloc(1, sizeof(*m));
        if (!m)
                return -ENOMEM;
        params.dir = m->dir = cli_store_path(cli);
        params.max_bytes = cli->config->store.max_bytes; /* what is old goes by the daemon's hand: mails may be */
        m->fold = (struct fold_params){cli->config->verdict.suspect, cli->config->verdict.bot};
        if (cli->store_path && mkdir(params.dir, 0750) < 0 && errno != EEXIST) {
                r = -errno;
                log_error("%s: %s", params.dir, strerror(-r));
                return r;
        }
        r = store_open(&params, &m->store, &errors);
        if (r == 0)
                r = read_wishes(m);
        if (r < 0) {
                log_error("%s", errors.len ? buf_str(&errors) : strerror(-r));
                return r;
        }
        *ret = TAKE_PTR(m);
        return 0;
}

void mail_records_free(struct mail_records *m)
{
        if (!m)
                return;
        store_close(m->store);
        free(m->opted_out);
        free(m);
}

const char *mail_records_dir(const struct mail_records *m)
{
        return m ? m->dir : NULL;
}

struct store *mail_records_store(struct mail_records *m)
{
        return m ? m->store : NULL;
}

void mail_records_set_lists(struct mail_records *m, const char *const *names, unsigned n)
{
        if (m)
                store_set_relay_lists(m->store, names, n);
}

static void on_failure(struct mail_records *m, const char *what, int r)
{
        if (!m->said)
                log_error("the store cannot be %s: %s; what is not kept is judged again next time", what, strerror(-r));
        m->said = true;
}

bool mail_records_skip(struct mail_records *m, const char *head, size_t len)
{
        uint8_t key[16];
        int r;

        if (!m)
                return false;
        r = record_key(head, len, key);
        if (r == 0)
                r = store_has_mail(m->store, key);
        if (r < 0)
                on_failure(m, "read", r);
        m->stats.skipped += r > 0;
        return r > 0;
}

void mail_records_put(struct mail_records *m, struct record *record)
{
        int r;

        if (!m || addr_is_unspecified(&record->addr))
                return;
        r = record_has_mail(record) ? store_has_mail(m->store, record->mail) : 0;
        if (r > 0) { /* the same mail twice, both under way */
                m->stats.skipped++;
                return;
        }
        if (r == 0)
                r = store_place_relay(m->store, record);
        if (r == 0)
                r = store_accuse_relay(m->store, &m->fold, record);
        if (r == 0)
                r = store_put_relay(m->store, record);
        if (r == 0)
                r = store_commit(m->store);
        if (r < 0) {
                on_failure(m, "written", r);
                m->stats.lost++;
                return;
        }
        if (++m->stats.kept % RETAIN_EVERY == 0)
                (void) store_retain(m->store, record->asked);
}

void mail_records_known(void *userdata, const struct addr *a, bool *ret_consent, nsec_t *ret_last_probe)
{
        struct mail_records *m = userdata;
        enum store_wish wish = STORE_WISH_NONE;
        int r;

        if (!m)
                return;
        r = store_get_last_probe(m->store, a, ret_last_probe);
        if (r == 0)
                r = store_get_wish(m->store, a, &wish);
        if (r < 0) {
                on_failure(m, "read", r);
                *ret_last_probe = clock_realtime(); /* perhaps it was today */
        }
        *ret_consent = r == 0 && wish == STORE_WISH_CONSENT;
}

int mail_records_probing(struct mail_records *m, const struct addr *a, nsec_t now)
{
        int r = m ? store_put_probe(m->store, a, now) : 0;

        if (r == 0 && m)
                r = store_commit(m->store);
        if (r < 0)
                on_failure(m, "written", r);
        return r;
}

const struct addr *mail_records_opted_out(const struct mail_records *m, size_t *ret_n)
{
        *ret_n = m ? m->n_opted_out : 0;
        return m ? m->opted_out : NULL;
}

size_t mail_records_consents(const struct mail_records *m)
{
        return m ? m->consents : 0;
}

void mail_records_get_stats(const struct mail_records *m, struct mail_records_stats *ret)
{
        *ret = m ? m->stats : (struct mail_records_stats){0};
}

void mail_records_put_summary(const struct mail_records *m, struct buf *out, bool json)
{
        if (!m)
                return;
        if (json) {
                (void) buf_printf(out, ",\"kept\":%" PRIu64 ",\"judged_before\":%" PRIu64 ",\"lost\":%" PRIu64,
                                  m->stats.kept, m->stats.skipped, m->stats.lost);
                return;
        }
        (void) buf_printf(out, "Kept in %s: ", m->dir);
        text_count(out, m->stats.kept, "record");
        if (m->stats.skipped) {
                (void) buf_puts(out, "; judged before and left as they are: ");
                text_count(out, m->stats.skipped, "mail");
        }
        if (m->stats.lost)
                (void) buf_printf(out, "; not written: %" PRIu64, m->stats.lost);
        (void) buf_puts(out, ".\n");
}

int mail_records_wish(struct cli *cli, enum store_wish wish, const char *address, const char *by)
{
        _cleanup_(mail_records_freep)
        struct mail_records *m = NULL;
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(1024);
        char text[ADDR_TEXT_MAX];
        struct addr a;
        int r;

        if (addr_parse(address, &a) < 0 || addr_is_unspecified(&a))
                return cli_usage(cli, "\"%s\" is no address", address);
        if (!by || !*by)
                return cli_usage(cli, "--by wants to know who says so, so that it can be looked up later");
        if (cli_load_config(cli) < 0 || mail_records_open(cli, true, &m) < 0)
                return cli->status;
        r = store_put_wish(m->store, &a, wish, clock_realtime(), by);
        if (r == 0)
                r = store_commit(m->store);
        if (r < 0) {
                log_error("it could not be put down: %s", strerror(-r));
                return CLI_INPUT;
        }
        (void) buf_printf(&out, "%s %s.\n", addr_format(&a, text),
                          wish == STORE_WISH_CONSENT ? "may be probed" : "is not probed any more");
        return cli_print(&out, CLI_OK);
}
