/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes abuse reports into a folder. Runs in the command line. */
#include "cli/mail_reports.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "mail/abuse_report.h"
#include "mail/mime.h"

#define TEMPORARY ".sekimori-report"
#define HOST_MAX  200

struct mail_reports {
        int dir;
        char *path, *reporter;
        uint8_t key[ABUSE_REDACT_KEY]; /* of this run: what it redacts in the same way cannot be tried out later */
        struct addr seen[MAIL_REPORTS_MAX];
        unsigned n;
        uint64_t written, there, over;
};

static int set_reporter(struct mail_reports *r, const char *reporter)
{
        char host[HOST_MAX + 1] = "";

        if (reporter) {
                r->reporter = strdup(reporter);
                return r->reporter ? 0 : -ENOMEM;
        }
        if (gethostname(host, HOST_MAX) < 0)
                return -errno;
        return asprintf(&r->reporter, "postmaster@%s", host) < 0 ? -ENOMEM : 0;
}

int mail_reports_new(const char *dir, const char *reporter, struct mail_reports **ret)
{
        _cleanup_(mail_reports_freep)
        struct mail_reports *r = calloc(1, sizeof(*r));
        int error;

        if (!r)
                return -ENOMEM;
        r->dir = -EBADF;
        error = set_reporter(r, reporter);
        if (error < 0)
                return error;
        if (!abuse_report_is_address(r->reporter))
                return -EINVAL;
        if (mkdir(dir, 0700) < 0 && errno != EEXIST)
                return -errno;
        r->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (r->dir < 0)
                return -errno;
        if (faccessat(r->dir, ".", W_OK | X_OK, 0) < 0)
                return -errno;
        r->path = strdup(dir);
        if (!r->path)
                return -ENOMEM;
        if (getrandom(r->key, sizeof(r->key), 0) != (ssize_t) sizeof(r->key))
                return -EIO;
        mime_init();
        *ret = TAKE_PTR(r);
        return 0;
}

void mail_reports_free(struct mail_reports *r)
{
        if (!r)
                return;
        if (r->dir >= 0)
                (void) close(r->dir);
        free(r->path);
        free(r->reporter);
        free(r);
}

static int write_all(int fd, const struct buf *text)
{
        for (size_t at = 0; at < text->len;) {
                ssize_t n = write(fd, text->data + at, text->len - at);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        at += (size_t) n;
        }
        return fsync(fd) < 0 ? -errno : 0;
}

/* -EEXIST: there is one of that name, which stays. */
static int write_file(struct mail_reports *r, const char *name, const struct buf *text)
{
        int fd, error;

        /* Left by a run that was killed. Nobody else writes here under this name but a second run, which then fails. */
        (void) unlinkat(r->dir, TEMPORARY, 0);
        fd = openat(r->dir, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        error = write_all(fd, text);
        (void) close(fd);
        if (error == 0 && renameat2(r->dir, TEMPORARY, r->dir, name, RENAME_NOREPLACE) < 0)
                error = -errno;
        if (error < 0)
                (void) unlinkat(r->dir, TEMPORARY, 0);
        return error;
}

static int write_form(struct mail_reports *r, const struct abuse_report *report, const char *end,
                      int (*form)(const struct abuse_report *report, struct buf *out))
{
        char base[ABUSE_REPORT_NAME], name[ABUSE_REPORT_NAME + 16];
        _cleanup_(buf_done)
        struct buf text = BUF_HEAP(2 * ABUSE_REPORT_MAX);
        int error = form(report, &text);

        if (error < 0)
                return error;
        (void) snprintf(name, sizeof(name), "%s%s", abuse_report_name(report->record, base), end);
        error = write_file(r, name, &text);
        if (error == -EEXIST) {
                r->there++;
                return 0;
        }
        r->written += error == 0;
        return error;
}

int mail_reports_add(struct mail_reports *r, const struct record *record, const struct chain *chain, const char *head,
                     size_t len)
{
        const struct abuse_report report = {.record = record,
                                            .chain = chain,
                                            .head = head,
                                            .len = len,
                                            .reporter = r->reporter,
                                            .now = clock_realtime(),
                                            .key = r->key};
        int error, other;

        if (!abuse_report_wanted(record, chain))
                return 0;
        for (unsigned i = 0; i < r->n; i++)
                if (addr_equal(&r->seen[i], &record->addr))
                        return 0;
        if (r->n == MAIL_REPORTS_MAX) {
                r->over++;
                return 0;
        }
        r->seen[r->n++] = record->addr;
        error = write_form(r, &report, ".arf.eml", abuse_report_arf);
        other = write_form(r, &report, ".xarf.json", abuse_report_xarf);
        return error < 0 ? error : other;
}

void mail_reports_tell(const struct mail_reports *r, struct buf *out)
{
        if (r->written)
                (void) buf_printf(out,
                                  "%" PRIu64 " abuse reports about %u relays were written to %s. None was sent: read, "
                                  "address and send them yourself.\n",
                                  r->written, r->n, r->path);
        if (r->there)
                (void) buf_printf(out, "%" PRIu64 " were there already and stay as they are.\n", r->there);
        if (r->over)
                (void) buf_printf(out, "%" PRIu64 " mails were about further relays, beyond %d in one run.\n", r->over,
                                  MAIL_REPORTS_MAX);
}
