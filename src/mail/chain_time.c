/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Times of a chain: a mail is at each server later than at the one below. Clocks differ, zones are mistaken, queues
 * wait; what is beyond all that is a lie. Runs in whichever process reads mail. */
#include "mail/chain_internal.h"

#define MINUTE (60 * NSEC_PER_SEC)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* Clocks of servers that nobody sets drift minutes; more is a sign. */
#define CLOCK_ERROR (10 * MINUTE)
/* No mistaken zone is further off: from -1200 to +1400, or +1300 taken for +1300 too much, summer time on top; a clock
 * set to local time and called UTC is at most 14 hours wrong. */
#define ZONE_ERROR (15 * HOUR)
/* RFC 5321 4.5.4.1: a queue gives up after four to five days. */
#define QUEUE_TIME  (5 * DAY)
#define DATE_BEFORE (7 * DAY) /* drafts lie, machines sleep over a week end; beyond that the clock is wrong */

static void add(struct chain *c, enum chain_sign_id id, bool strong, uint32_t hop, uint32_t other, nsec_t span)
{
        chain_add_sign(c, (struct chain_sign){.id = (uint8_t) id,
                                              .strong = strong,
                                              .hop = (uint8_t) hop,
                                              .other = (uint8_t) other,
                                              .span = span});
}

static void check_form(struct chain *c, uint32_t i)
{
        const struct received *r = &c->hops[i].r;

        if (r->kind == RECEIVED_UNREAD)
                return;
        if (!(r->date.flags & DATE_READ)) {
                add(c, CHAIN_SIGN_TIME_FORM, false, i, i, 0);
                return;
        }
        if (r->date.flags & DATE_WEEKDAY_WRONG)
                add(c, CHAIN_SIGN_WEEKDAY, true, i, i, 0);
        if (r->date.flags & DATE_ZONE_IMPOSSIBLE)
                add(c, CHAIN_SIGN_ZONE, true, i, i, 0);
}

/* The hop below against the next one above that has a time. */
static void check_order(struct chain *c, uint32_t i, uint32_t above)
{
        const struct date *low = &c->hops[i].r.date, *high = &c->hops[above].r.date;
        nsec_t span = low->time - high->time;
        bool zones = !((low->flags | high->flags) & (DATE_NO_ZONE | DATE_ZONE_IMPOSSIBLE));
        nsec_t doubt = zones ? 0 : ZONE_ERROR;

        if (span > CLOCK_ERROR + doubt)
                add(c, CHAIN_SIGN_TIME_BACKWARDS, span > ZONE_ERROR + doubt, i, above, span);
        else if (-span > QUEUE_TIME + doubt)
                add(c, CHAIN_SIGN_TIME_JUMP, false, i, above, -span);
}

static void check_date(struct chain *c)
{
        const struct date *seen = &c->hops[c->boundary].r.date;
        nsec_t span = c->date.time - seen->time;

        if (!(seen->flags & DATE_READ) || !(c->date.flags & DATE_READ))
                return;
        if (span > ZONE_ERROR)
                add(c, CHAIN_SIGN_DATE_AHEAD, span > 2 * DAY, c->boundary, c->boundary, span);
        else if (-span > DATE_BEFORE)
                add(c, CHAIN_SIGN_DATE_BEHIND, false, c->boundary, c->boundary, -span);
}

void chain_check_times(struct chain *c)
{
        uint32_t above = UINT32_MAX;

        for (uint32_t i = 0; i < c->n_hops; i++) {
                const struct chain_hop *h = &c->hops[i];

                if (h->role == CHAIN_ORIGIN)
                        continue;
                if (chain_is_word(h)) {
                        check_form(c, i);
                        if (above != UINT32_MAX && h->r.date.flags & DATE_READ)
                                check_order(c, i, above);
                }
                /* A lie is no measure for what stands below it. */
                if (h->r.date.flags & DATE_READ && (!chain_is_word(h) || h->role == CHAIN_WORD))
                        above = i;
        }
        if (c->end != CHAIN_END_NONE)
                check_date(c);
}
