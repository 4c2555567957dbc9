/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `sekimori mail --store DIR` remembers: a record for each mail whose relay was asked about, so that none is
 * judged twice, and what was said about probing an address. Each record is on its way to the disk when it is made: a
 * kill loses none. All functions take NULL, for a run without a store. Runs in the command line; open before the
 * sandbox closes, which must let it write there. */
#ifndef SEKIMORI_CLI_MAIL_RECORDS_H
#define SEKIMORI_CLI_MAIL_RECORDS_H

#include "cli/cli.h"
#include "mail/inquiry.h"

struct mail_records;

/* Of --store, which is made if need be; with `always`, else the configuration's. 0, *ret NULL when there is none to
 * open; or negative with the reason printed and cli->status set. Needs cli_load_config(). */
int mail_records_open(struct cli *cli, bool always, struct mail_records **ret);
void mail_records_free(struct mail_records *m);
DEFINE_FREEP(struct mail_records, mail_records_free)

const char *mail_records_dir(const struct mail_records *m); /* for the sandbox; NULL: none */
struct store *mail_records_store(struct mail_records *m);
/* Names of lists, in the order of struct record's bits; borrowed. */
void mail_records_set_lists(struct mail_records *m, const char *const *names, unsigned n);

/* Was this mail judged before? Counts it. */
bool mail_records_skip(struct mail_records *m, const char *head, size_t len);
/* Keeps the record of a mail, or of a relay that was asked about again; one without an address is passed over. Fills
 * its `inquiry` and `moved`. What cannot be written is said once and counted. */
void mail_records_put(struct mail_records *m, struct record *r);

/* For struct inquiry_params: userdata is the struct mail_records. An address that opted out has no consent, and none
 * has a store that cannot be read. */
void mail_records_known(void *userdata, const struct addr *a, bool *ret_consent, nsec_t *ret_last_probe);
/* Likewise: puts down that a probe begins. 0 or negative errno. */
int mail_records_probing(struct mail_records *m, const struct addr *a, nsec_t now);
/* Addresses that opted out, and how many consented, as of the opening. */
const struct addr *mail_records_opted_out(const struct mail_records *m, size_t *ret_n);
size_t mail_records_consents(const struct mail_records *m);

struct mail_records_stats {
        uint64_t kept, skipped, lost;
};
void mail_records_get_stats(const struct mail_records *m, struct mail_records_stats *ret);
/* ",\"kept\":…,\"judged_before\":…,\"lost\":…" for the summary; for people a line. */
void mail_records_put_summary(const struct mail_records *m, struct buf *out, bool json);

/* `--consent ADDR --by WHO`, `--opt-out ADDR --by WHO`: notes it; returns the exit status. */
int mail_records_wish(struct cli *cli, enum store_wish wish, const char *address, const char *by);

#endif
