/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spam_proxy: which mail is what came in before? A sequential test per port: what arrives there and leaves as mail of
 * the same size speaks for a proxy, what stays, and mail that did not arrive, against it. Pure; runs in the engine. */
#include "detect/spam_proxy.h"

/* Seconds: where several mails make up what came in, or the other way round, both passed within the same time, and one
 * of them took so long. */
#define SUM_LAG  5u
#define SUM_SPAN 15u

/* The two hypotheses as steps, 10*log10 of P(outcome | proxy) / P(outcome | chance), in hundredths. Through a proxy 80
 * % find their other half. By chance 15 % of sizes agree within PAIR's band, with each mail that is about: sizes of
 * mails and of transfers spread over more than three powers of ten. */
static const int32_t pair_steps[] = {0, 700, 460, 320, 220, 160, 110};
#define STEP_LONE      (-600)
#define STEP_LONE_MAIL (-300) /* it may send mail of its own besides */
#define WALK_MOST      10000

static struct spam_proxy_piece *piece_at(struct spam_proxy_ring *r, uint32_t i)
{
        return &r->at[(r->first + i) % SPAM_PROXY_PIECES];
}

/* An envelope comes on top, or an order's wrapping goes: seven tenths to one and a half. */
static bool is_alike(uint64_t arrived, uint64_t left)
{
        return left * 10 >= arrived * 7 && left * 2 <= arrived * 3;
}

/* It cannot leave before it comes, and leaves soon after. */
static bool is_in_time(const struct spam_proxy_piece *a, const struct spam_proxy_piece *m)
{
        return m->end >= a->begin && m->begin <= a->end + SPAM_PROXY_LAG;
}

static void step(struct spam_proxy_way *w, int32_t by)
{
        w->walk = MIN(MAX(w->walk + by, 0), WALK_MOST);
        if (w->walk == 0) { /* the test begins anew */
                w->pairs = w->lone = 0;
                w->bytes = 0;
        }
}

static void note_pair(struct spam_proxy_host *h, const struct spam_proxy_piece *a, uint32_t candidates)
{
        struct spam_proxy_way *w = &h->ways[a->way];

        if (w->walk == 0)
                w->since = a->begin;
        w->pairs++;
        w->bytes += a->bytes;
        step(w, pair_steps[MIN(MAX(candidates, 1u), (uint32_t) ELEMENTSOF(pair_steps) - 1)]);
}

/* One order for several recipients leaves several times. */
static void mark_copies(struct spam_proxy_host *h, const struct spam_proxy_piece *a)
{
        for (uint32_t i = 0; i < h->mails.n; i++) {
                struct spam_proxy_piece *m = piece_at(&h->mails, i);

                m->copy |= is_in_time(a, m) && is_alike(a->bytes, m->bytes);
        }
}

static void note_lone(struct spam_proxy_host *h, const struct spam_proxy_piece *a)
{
        h->ways[a->way].lone++;
        step(&h->ways[a->way], STEP_LONE);
}

/* The oldest of the ring that fits; *ret_candidates counts those that were there in time, alike or not. */
static struct spam_proxy_piece *find_fit(struct spam_proxy_ring *r, const struct spam_proxy_piece *p, bool p_arrived,
                                         bool used, uint32_t *ret_candidates)
{
        struct spam_proxy_piece *found = NULL;

        *ret_candidates = 0;
        for (uint32_t i = 0; i < r->n; i++) {
                struct spam_proxy_piece *q = piece_at(r, i);
                const struct spam_proxy_piece *a = p_arrived ? p : q, *m = p_arrived ? q : p;

                if (q->used != used || !q->bytes || !is_in_time(a, m))
                        continue;
                *ret_candidates += !q->copy;
                if (!found && is_alike(a->bytes, m->bytes))
                        found = q;
        }
        return found;
}

/* Is what left what arrived, all of it or without the share of those that were refused? */
static bool is_sum(uint64_t arrived, uint64_t left, uint32_t n, uint32_t refused)
{
        return n >= 2 && (is_alike(arrived, left) || (refused && is_alike(arrived * n / (n + refused), left)));
}

/* All of the ring that passed within the time of `p` together, from one way where they arrived. true: they are it. */
static bool sum_fits(struct spam_proxy_ring *r, const struct spam_proxy_piece *p, bool p_arrived, uint8_t way)
{
        uint32_t from = p_arrived ? p->begin : p->begin - SUM_LAG, to = p_arrived ? p->end + SUM_LAG : p->end, n = 0;
        uint32_t refused = 0;
        uint64_t sum = 0;

        for (unsigned take = 0; take <= 1; take++) {
                for (uint32_t i = 0; i < r->n; i++) {
                        struct spam_proxy_piece *q = piece_at(r, i);

                        if (q->used || q->end < from || q->end > to || (!p_arrived && q->way != way))
                                continue;
                        if (take)
                                q->used = true;
                        sum += take ? 0 : q->bytes;
                        n += !take && q->bytes;
                        refused += !take && !q->bytes;
                }
                if (!is_sum(p_arrived ? p->bytes : sum, p_arrived ? sum : p->bytes, n, refused))
                        return false;
        }
        return true;
}

static bool arrival_is_sum(struct spam_proxy_host *h, const struct spam_proxy_piece *a)
{
        if (!sum_fits(&h->mails, a, true, 0))
                return false;
        note_pair(h, a, 1);
        return true;
}

static bool mail_is_sum(struct spam_proxy_host *h, const struct spam_proxy_piece *m)
{
        for (uint8_t way = 0; way < SPAM_PROXY_WAYS; way++)
                if (h->ways[way].port && sum_fits(&h->arrivals, m, false, way)) {
                        struct spam_proxy_piece a = *m;

                        a.way = way;
                        note_pair(h, &a, 1);
                        return true;
                }
        return false;
}

/* Was a mail refused for which it may have come? Each explains one. */
static bool is_refused(struct spam_proxy_host *h, const struct spam_proxy_piece *a)
{
        for (uint32_t i = 0; i < h->mails.n; i++) {
                struct spam_proxy_piece *m = piece_at(&h->mails, i);

                if (!m->bytes && !m->used && is_in_time(a, m)) {
                        m->used = true;
                        return true;
                }
        }
        return false;
}

static void settle_arrival(struct spam_proxy_host *h, struct spam_proxy_piece *a)
{
        if (!a->used && !is_refused(h, a))
                note_lone(h, a);
        a->used = true;
}

static void settle_mail(struct spam_proxy_host *h, struct spam_proxy_piece *m)
{
        for (uint8_t way = 0; way < SPAM_PROXY_WAYS && !m->used && !m->copy && m->bytes; way++)
                if (h->ways[way].port && h->ways[way].walk)
                        step(&h->ways[way], STEP_LONE_MAIL);
        m->used = true;
}

static void pop(struct spam_proxy_ring *r)
{
        r->first = (r->first + 1) % SPAM_PROXY_PIECES;
        r->n--;
}

static void push(struct spam_proxy_host *h, bool arrived, const struct spam_proxy_piece *p)
{
        struct spam_proxy_ring *r = arrived ? &h->arrivals : &h->mails;

        if (r->n == SPAM_PROXY_PIECES) {
                if (arrived)
                        settle_arrival(h, piece_at(r, 0));
                else
                        settle_mail(h, piece_at(r, 0));
                pop(r);
        }
        *piece_at(r, r->n++) = *p;
}

/* The way of that port; a new one takes the place of the one that says least. */
static uint8_t way_of(struct spam_proxy_host *h, uint16_t port, uint32_t second)
{
        uint8_t worst = 0;

        for (uint8_t i = 0; i < SPAM_PROXY_WAYS; i++) {
                const struct spam_proxy_way *w = &h->ways[i], *v = &h->ways[worst];

                if (w->port == port)
                        return i;
                if (!w->port || (v->port && (w->walk < v->walk || (w->walk == v->walk && w->at < v->at))))
                        worst = i;
        }
        for (uint32_t i = 0; i < h->arrivals.n; i++)
                if (piece_at(&h->arrivals, i)->way == worst)
                        piece_at(&h->arrivals, i)->used = true;
        h->ways[worst] = (struct spam_proxy_way){.port = port, .since = second};
        return worst;
}

void spam_proxy_arrived(struct spam_proxy_host *h, const struct flow_event *f, const struct spam_proxy_piece *p)
{
        struct spam_proxy_piece a = *p, *m;
        struct spam_proxy_way *w;
        uint32_t candidates;

        a.way = way_of(h, f->local_port, p->end);
        w = &h->ways[a.way];
        w->at = p->end;
        w->peer = f->remote;
        w->ref = f->flow_id;
        if (f->app != APP_UNKNOWN)
                w->app = f->app;
        m = find_fit(&h->mails, &a, true, false, &candidates);
        if (m) {
                m->used = a.used = true;
                note_pair(h, &a, candidates);
                mark_copies(h, &a);
        }
        push(h, true, &a);
}

void spam_proxy_left(struct spam_proxy_host *h, const struct spam_proxy_piece *p)
{
        struct spam_proxy_piece m = *p, *a;
        uint32_t candidates, unused;

        a = find_fit(&h->arrivals, &m, false, false, &candidates);
        if (a) {
                a->used = m.used = true;
                note_pair(h, a, candidates);
                mark_copies(h, a);
        } else
                m.copy = find_fit(&h->arrivals, &m, false, true, &unused);
        push(h, false, &m);
}

void spam_proxy_refused(struct spam_proxy_host *h, uint32_t second)
{
        push(h, false, &(struct spam_proxy_piece){.begin = second, .end = second});
}

/* Pieces of flows that go on, once all that makes them up has been told. */
static void sum_up(struct spam_proxy_host *h, uint32_t second)
{
        for (unsigned side = 0; side <= 1; side++) {
                struct spam_proxy_ring *r = side ? &h->arrivals : &h->mails;

                for (uint32_t i = 0; i < r->n; i++) {
                        struct spam_proxy_piece *p = piece_at(r, i);

                        if (p->used || p->summed || p->end - p->begin < SUM_SPAN || second - p->end < 2 * SUM_LAG)
                                continue;
                        p->summed = true;
                        p->used = side ? arrival_is_sum(h, p) : mail_is_sum(h, p);
                }
        }
}

void spam_proxy_settle(struct spam_proxy_host *h, uint32_t second)
{
        sum_up(h, second);
        while (h->arrivals.n && second - piece_at(&h->arrivals, 0)->end >= SPAM_PROXY_PATIENT) {
                settle_arrival(h, piece_at(&h->arrivals, 0));
                pop(&h->arrivals);
        }
        while (h->mails.n && second - piece_at(&h->mails, 0)->end >= SPAM_PROXY_PATIENT) {
                settle_mail(h, piece_at(&h->mails, 0));
                pop(&h->mails);
        }
}
