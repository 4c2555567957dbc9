/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mails, the relays they came from, and who waits for what. Runs where mail/inquiry.h says.
 *
 * A relay under inquiry is an entry of one table, with a list of the mails that wait for it; it goes when DNS and probe
 * have answered, and what was learnt goes to a second table for an hour, so that a mailbox full of one relay's mails
 * asks once. Entries of the first are pointed to by questions that are out: it is never full and gives none up. */
#include "mail/inquiry_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

/* --- making and ending --- */

static int watch(const struct inquiry *q, int fd)
{
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

        return epoll_ctl(q->epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

static int open_all(struct inquiry *q)
{
        int r;

        q->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (q->epoll < 0)
                return -errno;
        q->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (q->timer < 0)
                return -errno;
        r = watch(q, q->timer);
        if (r == 0 && q->p.resolve)
                r = watch(q, resolve_fd(q->p.resolve));
        if (r == 0 && q->p.probe)
                r = watch(q, smtp_probe_fd(q->p.probe));
        return r;
}

int inquiry_new(const struct inquiry_params *params, struct inquiry **ret)
{
        struct table_params relays = {.name = "relays under inquiry", .key_size = sizeof(struct addr)};
        struct table_params recent = {.name = "relays asked about", .key_size = sizeof(struct addr)};
        _cleanup_(inquiry_freep)
        struct inquiry *q = NULL;
        int r;

        if (params->n_lists + params->n_files > RECORD_LISTS)
                return -E2BIG;
        q = calloc(1, sizeof(*q));
        if (!q)
                return -ENOMEM;
        q->epoll = q->timer = -EBADF;
        q->p = *params;
        q->p.under_way = params->under_way ? params->under_way : INQUIRY_UNDER_WAY;
        /* Each relay here has a mail that waits, or questions left over from a stop. */
        relays.cap = 2 * q->p.under_way;
        relays.entry_size = sizeof(struct inquiry_relay);
        recent.cap = INQUIRY_RECENT;
        recent.entry_size = sizeof(struct inquiry_known);
        r = table_new(&relays, &q->under_way);
        if (r == 0)
                r = table_new(&recent, &q->recent);
        if (r == 0)
                r = open_all(q);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(q);
        return 0;
}

static void free_items(struct inquiry_relay *r)
{
        while (r->first) {
                struct inquiry_item *item = r->first;

                r->first = item->next;
                free(item);
        }
}

void inquiry_free(struct inquiry *q)
{
        if (!q)
                return;
        for (struct inquiry_relay *r = q->under_way ? table_oldest(q->under_way) : NULL; r;
             r = table_younger(q->under_way, r))
                free_items(r);
        table_free(q->under_way);
        table_free(q->recent);
        if (q->timer >= 0)
                close(q->timer);
        if (q->epoll >= 0)
                close(q->epoll);
        free(q);
}

int inquiry_fd(const struct inquiry *q)
{
        return q->epoll;
}

unsigned inquiry_waiting(const struct inquiry *q)
{
        return q->waiting;
}

void inquiry_get_stats(const struct inquiry *q, struct inquiry_stats *ret)
{
        *ret = q->stats;
}

nsec_t inquiry_clock(struct inquiry *q, nsec_t now)
{
        if (now < q->last)
                q->ahead += q->last - now;
        q->last = now;
        return now + q->ahead;
}

/* --- ends --- */

static void tell(struct inquiry *q, const struct inquiry_mail *mail, const struct chain *chain,
                 const struct record *record)
{
        q->stats.judged[record->class]++;
        q->busy = true;
        q->p.done(q->p.userdata, mail->mail, chain, record);
        q->busy = false;
}

/* q->chain is the mail's. */
static void end_mail(struct inquiry *q, nsec_t now, const struct inquiry_mail *mail,
                     const struct inquiry_learnt *learnt)
{
        struct record record;

        inquiry_judge(q, now, &q->chain.relay, &q->chain, mail, learnt, &record);
        tell(q, mail, &q->chain, &record);
}

static void end_item(struct inquiry *q, nsec_t now, const struct addr *a, const struct inquiry_item *item,
                     const struct inquiry_learnt *learnt)
{
        struct record record;

        if (item->mail.head) {
                chain_read(item->mail.head, item->mail.len, q->p.trust, &q->chain);
                end_mail(q, now, &item->mail, learnt);
                return;
        }
        inquiry_judge(q, now, a, NULL, &item->mail, learnt, &record);
        tell(q, &item->mail, NULL, &record);
}

static void remember(struct inquiry *q, nsec_t now, const struct inquiry_relay *r)
{
        struct inquiry_known *known = table_insert(q->recent, &r->addr, NULL);

        if (!known)
                return;
        known->learnt = r->learnt;
        known->until = inquiry_clock(q, now) + (r->learnt.whole ? INQUIRY_HOLDS : INQUIRY_HOLDS_PART);
}

/* All mails that wait for it. The relay stays while questions are out. */
static void end_relay(struct inquiry *q, nsec_t now, struct inquiry_relay *r)
{
        struct inquiry_learnt learnt = r->learnt;
        struct addr a = r->addr;
        struct inquiry_item *item = TAKE_PTR(r->first);

        r->end = &r->first;
        if (inquiry_is_answered(r)) {
                remember(q, now, r);
                table_remove(q->under_way, r);
        }
        while (item) {
                struct inquiry_item *next = item->next;

                q->waiting--;
                q->bytes -= item->mail.len;
                end_item(q, now, &a, item, &learnt);
                free(item);
                item = next;
        }
}

/* --- mails --- */

/* How a relay becomes one under inquiry; NULL: no memory. */
static struct inquiry_relay *begin_relay(struct inquiry *q, nsec_t now, const struct addr *a, bool old)
{
        bool created;
        struct inquiry_relay *r = table_insert(q->under_way, a, &created);

        if (!r)
                return NULL;
        if (created) {
                r->q = q;
                r->end = &r->first;
                q->stats.relays++;
                inquiry_ask(r, now);
        }
        if (!old || !r->refused)
                inquiry_want_probe(r, now, old);
        return r;
}

static int wait_for(struct inquiry *q, struct inquiry_relay *r, const struct inquiry_mail *mail)
{
        struct inquiry_item *item = malloc(sizeof(*item) + mail->len);

        if (!item)
                return -ENOMEM;
        *item = (struct inquiry_item){.mail = *mail};
        if (mail->head) {
                memcpy(item->head, mail->head, mail->len);
                item->mail.head = item->head;
        }
        *r->end = item;
        r->end = &item->next;
        q->waiting++;
        q->bytes += mail->len;
        return 0;
}

static void arm(struct inquiry *q)
{
        bool wanted = q->stopped && q->waiting > 0;
        struct itimerspec spec = {0};

        for (struct inquiry_relay *r = table_oldest(q->under_way); r && !wanted; r = table_younger(q->under_way, r))
                wanted = r->turn == INQUIRY_WAITS;
        if (wanted == q->armed)
                return;
        q->armed = wanted;
        if (wanted)
                spec.it_value.tv_nsec = spec.it_interval.tv_nsec = INQUIRY_TURN_LOOK;
        (void) timerfd_settime(q->timer, 0, &spec, NULL);
}

static bool is_full(const struct inquiry *q, size_t len)
{
        return q->busy || q->waiting >= q->p.under_way || (q->waiting > 0 && q->bytes + len > INQUIRY_BYTES);
}

/* Waits with others or begins; whom there is nothing to wait for ends now. */
static int add(struct inquiry *q, nsec_t now, const struct addr *a, const struct inquiry_mail *mail, bool old)
{
        struct inquiry_relay *r = begin_relay(q, now, a, old);
        int e;

        if (!r)
                return -ENOMEM;
        e = wait_for(q, r, mail);
        /* Without the mail it ends all the same, when the questions are answered. */
        if (e == 0 && (q->stopped || inquiry_is_answered(r)))
                end_relay(q, now, r);
        arm(q);
        return e;
}

static const struct inquiry_known *recent(struct inquiry *q, nsec_t now, const struct addr *a)
{
        struct inquiry_known *known = table_find(q->recent, a);

        return known && known->until > inquiry_clock(q, now) ? known : NULL;
}

static bool may_ask(const struct inquiry *q)
{
        return (q->p.resolve || (q->p.probe && q->p.permit)) && !q->stopped;
}

/* What is known here is all there will be. */
static void end_unasked(struct inquiry *q, nsec_t now, const struct inquiry_mail *mail)
{
        struct inquiry_relay r = {.addr = q->chain.relay, .q = q};

        q->stats.relays++;
        inquiry_ask(&r, now);
        remember(q, now, &r);
        end_mail(q, now, mail, &r.learnt);
}

/* A mail without a relay: there is nobody to judge. */
static void end_without(struct inquiry *q, nsec_t now, const struct inquiry_mail *mail)
{
        struct record record = {
                .asked = now, .came = inquiry_came(&q->chain, mail), .class = JUDGE_UNKNOWN, .why = JUDGE_NOTHING};

        (void) record_key(mail->head, mail->len, record.mail);
        tell(q, mail, &q->chain, &record);
}

int inquiry_add(struct inquiry *q, nsec_t now, const struct inquiry_mail *mail)
{
        const struct inquiry_known *known;
        bool old;

        if (is_full(q, mail->len))
                return -EAGAIN;
        chain_read(mail->head, mail->len, q->p.trust, &q->chain);
        q->stats.mails++;
        if (q->chain.end != CHAIN_END_RELAY) {
                end_without(q, now, mail);
                return 0;
        }
        old = inquiry_is_old(inquiry_gap(inquiry_came(&q->chain, mail), now));
        known = table_peek(q->under_way, &q->chain.relay) ? NULL : recent(q, now, &q->chain.relay);
        if (known && known->learnt.left_out && !old && may_ask(q))
                known = NULL;
        if (known) {
                end_mail(q, now, mail, &known->learnt);
                return 0;
        }
        if (!may_ask(q)) {
                end_unasked(q, now, mail);
                return 0;
        }
        return add(q, now, &q->chain.relay, mail, old);
}

int inquiry_again(struct inquiry *q, nsec_t now, const struct addr *a, void *mail)
{
        if (is_full(q, 0))
                return -EAGAIN;
        return add(q, now, a, &(struct inquiry_mail){.mail = mail}, false);
}

/* --- turns --- */

void inquiry_process(struct inquiry *q, nsec_t now)
{
        nsec_t mono = inquiry_clock(q, now);
        uint64_t rings;

        if (q->busy)
                return;
        (void) !read(q->timer, &rings, sizeof(rings));
        if (q->p.resolve)
                resolve_process(q->p.resolve, mono);
        if (q->p.probe)
                smtp_probe_process(q->p.probe, mono);
        for (struct inquiry_relay *r = table_oldest(q->under_way), *next; r; r = next) {
                next = table_younger(q->under_way, r);
                if (r->turn == INQUIRY_WAITS)
                        inquiry_take_turn(r, now);
                if (q->stopped || inquiry_is_answered(r))
                        end_relay(q, now, r);
        }
        arm(q);
}

void inquiry_stop(struct inquiry *q, nsec_t now)
{
        q->stopped = true;
        if (q->p.permit)
                permit_stop(q->p.permit);
        if (q->p.probe)
                smtp_probe_stop(q->p.probe, inquiry_clock(q, now));
        if (q->busy) { /* from within done(): inquiry_process() ends the others */
                arm(q);
                return;
        }
        for (struct inquiry_relay *r = table_oldest(q->under_way), *next; r; r = next) {
                next = table_younger(q->under_way, r);
                if (r->turn == INQUIRY_WAITS)
                        r->turn = INQUIRY_NO_PROBE;
                r->learnt.whole = r->learnt.whole && r->questions == 0;
                end_relay(q, now, r);
        }
        arm(q);
}
