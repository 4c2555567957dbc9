/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The repetition of the inquiry. Which relays are due follows from the times of their records alone, so that nothing
 * need run in between: a timer of cron or systemd that calls this every hour will do. Runs in the command line. */
#include "cli/mail_again.h"

#include <errno.h>
#include <inttypes.h>

#include "base/log.h"
#include "view/relay_text.h"

struct due {
        nsec_t now;
        struct addr *items;
        size_t n, size;
        uint64_t left, later;
};

static int take(void *userdata, const struct addr *a, nsec_t first, nsec_t last)
{
        struct due *d = userdata;

        if (!record_is_due(first, last, d->now)) {
                d->later++;
                return 0;
        }
        if (d->n == MAIL_AGAIN_MAX) {
                d->left++;
                return 0;
        }
        if (d->n == d->size) {
                size_t size = d->size ? d->size * 2 : 64;
                struct addr *bigger = reallocarray(d->items, size, sizeof(*bigger));

                if (!bigger)
                        return -ENOMEM;
                d->items = bigger;
                d->size = size;
        }
        d->items[d->n++] = *a;
        return 0;
}

static void put_summary(struct mailing *m, const struct due *d)
{
        if (m->cli->json) {
                (void) buf_printf(&m->out,
                                  "{\"event_type\":\"summary\",\"asked_again\":%zu,\"not_due\":%" PRIu64
                                  ",\"left\":%" PRIu64,
                                  d->n, d->later, d->left);
                mail_records_put_summary(m->records, &m->out, true);
                (void) buf_puts(&m->out, "}\n");
                return;
        }
        (void) buf_puts(&m->out, "Asked about again: ");
        text_count(&m->out, d->n, "relay");
        (void) buf_printf(&m->out, "; not due: %" PRIu64, d->later);
        if (d->left)
                (void) buf_printf(&m->out, "; left for the next run: %" PRIu64, d->left);
        (void) buf_puts(&m->out, ".\n");
}

int mail_again_run(struct mailing *m)
{
        struct due d = {.now = clock_realtime()};
        int r = store_relay_times_each(mail_records_store(m->records), take, &d);

        if (r < 0)
                log_error("the store cannot be read: %s", strerror(-r));
        for (size_t i = 0; r == 0 && i < d.n && !m->asking.stopped; i++)
                r = mail_asking_again(&m->asking, &d.items[i], NULL);
        mail_asking_finish(&m->asking);
        put_summary(m, &d);
        mail_tell_write(m);
        free(d.items);
        return r < 0 || m->gone ? CLI_INPUT : CLI_OK;
}

void mail_again_tell(struct mailing *m, const struct record *r)
{
        if (m->cli->json) {
                relay_text_json(&m->out, "relay_again", r);
                (void) buf_putc(&m->out, '\n');
        } else
                relay_text_line(&m->out, &m->cli->look, "", r);
        if (m->out.len >= MAIL_WRITE_AT)
                mail_tell_write(m);
}
