/* SPDX-License-Identifier: GPL-3.0-or-later */
/* irc_control: what a home host does after an order: fetches the URL, scans the port or network, floods the target.
 * What went on before the order does not count. Pure; runs in the engine. */
#include <netinet/in.h>
#include <stdio.h>
#include <xxhash.h>

#include "detect/irc_control.h"

#define UNANSWERED_PART 4 /* a flood: fewer than a quarter of the packets comes back */

static struct irc_host *host_of(const struct irc_control *s, const struct addr *local)
{
        struct detector_key key = detector_host_key(local);

        return table_find(s->hosts, &key);
}

struct irc_host *irc_act_host(struct irc_control *s, const struct addr *local)
{
        struct detector_key key = detector_host_key(local);

        return table_insert(s->hosts, &key, NULL);
}

static void note_order(struct irc_got *got, const struct irc_said *said, const struct irc_order *o)
{
        const struct irc_session *session = said->session;

        got->server = session->remote;
        got->server_port = session->remote_port;
        got->flow_id = session->key.flow_id;
        got->grade = o->grade;
        got->where = said->where;
        got->has_url = o->has_url;
        got->has_target = o->has_target;
        got->has_range = o->has_range;
        memcpy(got->range, o->range, sizeof(got->range));
        got->n_range = o->n_range;
        got->target = o->target;
        got->n_ports = o->n_ports;
        memcpy(got->ports, o->ports, sizeof(got->ports));
        got->name = irc_order_hash(o->name);
        if (o->has_url) {
                got->url_host = irc_order_hash(o->url.host);
                got->url_path = irc_order_hash(o->url.path.len ? o->url.path : (struct slice){"/", 1});
                got->url_port = o->url.port;
                got->url_base = irc_order_hash(irc_order_base(o->url.path));
                got->program = o->url.program;
                got->ftp = o->url.ftp;
        }
        got->file = irc_order_hash(o->file);
        irc_text_keep(got->text, sizeof(got->text), o->text);
        irc_text_keep(got->from, sizeof(got->from), said->speaker);
        irc_text_keep(got->channel, sizeof(got->channel), said->channel);
        irc_text_keep(got->nick, sizeof(got->nick), (struct slice){session->nick, (uint32_t) strlen(session->nick)});
}

static unsigned bits_of(const uint64_t b[2])
{
        return (unsigned) (__builtin_popcountll(b[0]) + __builtin_popcountll(b[1]));
}

static bool is_live(const struct irc_got *got, nsec_t now)
{
        return got->hash && now - got->time <= IRC_EXECUTE_SPAN;
}

static bool may_be_obeyed(const struct irc_got *got, nsec_t now)
{
        return is_live(got, now) && got->grade == IRC_ORDER_STRONG;
}

/* The oldest makes room, but strong orders that may be carried out come last; hints do not push them out. */
static struct irc_got *room_for(struct irc_host *h, uint8_t grade, nsec_t now)
{
        struct irc_got *best = &h->orders[0];

        for (unsigned i = 1; i < IRC_ORDERS; i++) {
                struct irc_got *c = &h->orders[i];
                bool strong = may_be_obeyed(c, now), best_strong = may_be_obeyed(best, now);

                if (strong == best_strong ? c->time < best->time : best_strong)
                        best = c;
        }
        return grade < IRC_ORDER_STRONG && may_be_obeyed(best, now) ? NULL : best;
}

struct irc_got *irc_act_order(struct irc_control *s, const struct irc_said *said, const struct irc_order *o,
                              bool *ret_new)
{
        struct irc_host *h = irc_act_host(s, &said->session->local);
        uint64_t hash = irc_order_hash(o->text);
        struct irc_got *got = NULL;
        nsec_t now = said->event->time;

        if (!h)
                return NULL;
        for (unsigned i = 0; i < IRC_ORDERS; i++)
                if (h->orders[i].hash == hash)
                        got = &h->orders[i];
        *ret_new = !got || now - got->claimed > IRC_ORDER_RECLAIM;
        if (*ret_new) {
                got = got ? got : room_for(h, o->grade, now);
                if (!got)
                        return NULL;
                *got = (struct irc_got){.hash = hash, .claimed = now};
                note_order(got, said, o);
        }
        got->time = h->ordered = now;
        got->alike = irc_said_is_alike(said->session);
        got->by_person = irc_session_is_person(said->session) || h->clicks;
        for (unsigned i = 0; i < IRC_BURSTS; i++) {
                struct irc_burst *b = &h->bursts[i];

                b->busy |= b->since && now - b->since <= 2 * IRC_SCAN_SPAN && bits_of(b->seen) >= IRC_SCAN_TOLD;
        }
        return got;
}

struct irc_got *irc_act_find(struct irc_control *s, const struct addr *local, uint64_t hash)
{
        struct irc_host *h = host_of(s, local);

        for (unsigned i = 0; h && hash && i < IRC_ORDERS; i++)
                if (h->orders[i].hash == hash)
                        return &h->orders[i];
        return NULL;
}

bool irc_act_echoes(const struct irc_got *got, struct slice answer)
{
        struct irc_url u;
        uint32_t pos = 0;

        while (got->has_url && irc_order_url(answer, &pos, &u))
                if (irc_order_hash(u.host) == got->url_host && irc_order_hash(u.path) == got->url_path)
                        return true;
        return irc_order_names(answer, got->has_target ? &got->target : NULL, got->file);
}

void irc_act_executed(const struct irc_got *got, const struct event *e, const char *what, struct evidence *ret)
{
        irc_claim_got(got, e, IRC_KIND_EXECUTED, ret);
        (void) evidence_fact_text(ret, "did", what);
}

/* Traffic to what an order names. Of what could be meant for people's helpful bots, looking at a name, a port or a page
 * is their very service; `grave`: fetching a program or trying many addresses is not. */
void irc_act_react(struct irc_got *got, const struct event *e, const char *what, bool grave, struct evidence_sink *out)
{
        bool soft = got->by_person || (got->grade < IRC_ORDER_STRONG && !got->alike);
        struct evidence ev;

        if (got->reacted || got->fetched || e->time - got->time > IRC_REACTION_SPAN ||
            (got->grade < IRC_ORDER_STRONG && !grave))
                return;
        got->reacted = true;
        if (soft && got->quiet)
                return;
        got->softly = soft;
        irc_claim_got(got, e, IRC_KIND_REACTION, &ev);
        (void) evidence_fact_text(&ev, "did", what);
        if (soft)
                ev.weight = IRC_SOFT_REACTION;
        out->emit(out->userdata, &ev);
}

static bool is_target(const struct irc_got *got, const struct addr *a)
{
        if (got->has_target && addr_equal(a, &got->target))
                return true;
        for (unsigned i = 0; i < got->n_resolved; i++)
                if (addr_equal(a, &got->resolved[i]))
                        return true;
        return false;
}

static void flood(struct irc_got *got, const struct event *e, const struct flow_event *f, uint32_t packets,
                  struct evidence_sink *out)
{
        struct evidence ev;

        got->flooded = true;
        irc_act_executed(got, e, "flood", &ev);
        if (f)
                (void) evidence_fact_endpoint(&ev, "target", &f->remote, f->remote_port, f->proto);
        else
                (void) evidence_fact_endpoint(&ev, "target", &e->rate.target, e->rate.target_port,
                                              e->rate.target_proto);
        (void) evidence_fact_number(&ev, "packets", packets);
        out->emit(out->userdata, &ev);
}

static void rate_event(struct irc_got *got, const struct event *e, struct evidence_sink *out)
{
        const struct rate_event *r = &e->rate;

        if (got->flooded || !is_target(got, &r->target))
                return;
        if ((r->target_pkts >= IRC_FLOOD_PACKETS && r->pkts_in < r->pkts_out / UNANSWERED_PART) ||
            r->http_out >= IRC_FLOOD_REQUESTS)
                flood(got, e, NULL, r->target_pkts, out);
}

static bool is_web_port(uint16_t port)
{
        return port == 80 || port == 443 || port == 53 || port == 123;
}

/* Connections to the target within the span: many of them that nobody answers, or very many; names are asked for, and
 * pages read, by many answered ones. */
static bool is_flood_of_flows(struct irc_got *got, const struct event *e)
{
        const struct flow_event *f = &e->flow;

        if (e->time - got->hits_since > IRC_SCAN_SPAN) {
                got->hits_since = e->time;
                got->hits = got->unanswered = 0;
        }
        if (e->op == FLOW_START)
                got->hits++;
        else if (e->op == FLOW_END && f->since >= got->time - NSEC_PER_SEC &&
                 (f->state == FLOW_STATE_FAILED || !f->pkts_in))
                got->unanswered++;
        return got->unanswered >= IRC_FLOOD_FLOWS ||
               (got->hits >= 10 * IRC_FLOOD_FLOWS && !is_web_port(f->remote_port));
}

/* Towards the target itself: one connection is a reaction, very many or very much is a flood. */
static void target_event(struct irc_got *got, const struct event *e, struct evidence_sink *out)
{
        const struct flow_event *f = &e->flow;
        nsec_t span = MAX(event_last(e) - MAX(f->since, got->time), NSEC_PER_SEC);

        if (e->op == FLOW_START)
                irc_act_react(got, e, "connected to it", false, out);
        if (got->flooded)
                return;
        if (is_flood_of_flows(got, e))
                flood(got, e, f, MAX(got->hits, got->unanswered), out);
        else if (e->op != FLOW_START && f->since >= got->time - NSEC_PER_SEC && f->pkts_out >= IRC_FLOOD_PACKETS &&
                 f->pkts_in < f->pkts_out / UNANSWERED_PART &&
                 f->pkts_out / (span / NSEC_PER_SEC) >= IRC_FLOOD_PACKETS / 4)
                flood(got, e, f, f->pkts_out, out);
}

/* How many addresses on this port are a scan, for this order. */
static bool is_scan(const struct irc_got *got, const struct irc_burst *b, bool *ret_told)
{
        unsigned need = IRC_SCAN_ANY;
        bool told = false;

        for (unsigned i = 0; i < got->n_ports; i++)
                told |= got->ports[i] == b->port;
        if (told)
                need = IRC_SCAN_TOLD;
        /* Browsing looks like that, and a game that asks all its servers. */
        if (is_web_port(b->port))
                need = told ? IRC_SCAN_WEB : UINT16_MAX;
        else if (!told && b->proto != IPPROTO_TCP)
                need = UINT16_MAX;
        if (got->n_range && bits_of(b->in_range) >= IRC_SCAN_TOLD) {
                *ret_told = true;
                return true;
        }
        *ret_told = told;
        return bits_of(b->seen) >= need;
}

static void scan(struct irc_got *got, const struct irc_burst *b, const struct event *e, struct evidence_sink *out)
{
        struct evidence ev;
        bool told;

        if (got->scanned || got->has_url || got->has_target || b->busy || !is_scan(got, b, &told))
                return;
        got->scanned = true;
        if ((got->grade < IRC_ORDER_STRONG || got->by_person) && !told) {
                irc_act_react(got, e, "tried many addresses", true, out);
                return;
        }
        irc_act_executed(got, e, "scan", &ev);
        (void) evidence_fact_number(&ev, "port", b->port);
        (void) evidence_fact_number(&ev, "targets", bits_of(b->seen));
        (void) evidence_fact_endpoint(&ev, "target", &e->flow.remote, b->port, b->proto);
        out->emit(out->userdata, &ev);
}

/* What a burst is worth when room is needed: nothing once it is over, most while its port is an ordered one. */
static unsigned worth_of(const struct irc_host *h, const struct irc_burst *b, nsec_t now)
{
        unsigned worth = bits_of(b->seen);

        if (!b->since || now - b->since > IRC_SCAN_SPAN)
                return 0;
        for (unsigned i = 0; i < IRC_ORDERS; i++)
                for (unsigned k = 0; is_live(&h->orders[i], now) && k < h->orders[i].n_ports; k++)
                        worth += h->orders[i].ports[k] == b->port ? 128 : 0;
        return worth;
}

/* The burst on that port, or the one that is worth least. A host with many peers on many ports so hides no scan. */
static struct irc_burst *find_burst(struct irc_host *h, const struct event *e)
{
        struct irc_burst *b = &h->bursts[0];

        for (unsigned i = 0; i < IRC_BURSTS; i++) {
                struct irc_burst *c = &h->bursts[i];

                if (c->since && c->port == e->flow.remote_port && c->proto == e->flow.proto)
                        return c;
                if (worth_of(h, c, e->time) < worth_of(h, b, e->time))
                        b = c;
        }
        return b;
}

static struct irc_burst *burst_of(struct irc_host *h, const struct event *e)
{
        struct irc_burst *b = find_burst(h, e);

        if (b->since && b->port == e->flow.remote_port && b->proto == e->flow.proto) {
                bool busy = b->busy && bits_of(b->seen) >= IRC_SCAN_TOLD && e->time - b->since <= 3 * IRC_SCAN_SPAN;

                if (e->time - b->since <= IRC_SCAN_SPAN)
                        return b;
                *b = (struct irc_burst){.busy = busy};
        } else
                *b = (struct irc_burst){0};
        b->since = e->time;
        b->port = e->flow.remote_port;
        b->proto = e->flow.proto;
        return b;
}

static bool is_in_range(const struct irc_got *got, const struct addr *a)
{
        return got->n_range && addr_is_v4(a) && memcmp(a->b + 12, got->range, got->n_range) == 0;
}

static void new_flow(struct irc_host *h, const struct event *e, struct evidence_sink *out)
{
        struct irc_burst *b = burst_of(h, e);
        unsigned bit = (unsigned) (XXH64(&e->flow.remote, sizeof(e->flow.remote), 0) % 128);

        b->seen[bit / 64] |= 1ull << bit % 64;
        for (unsigned i = 0; i < IRC_ORDERS; i++)
                if (is_live(&h->orders[i], e->time)) {
                        if (is_in_range(&h->orders[i], &e->flow.remote))
                                b->in_range[bit / 64] |= 1ull << bit % 64;
                        scan(&h->orders[i], b, e, out);
                }
}

static void flow_event(struct irc_host *h, const struct event *e, struct evidence_sink *out)
{
        const struct flow_event *f = &e->flow;

        if (f->origin == FLOW_ACCEPTED || f->flags & FLOW_NO_PEER)
                return;
        if (e->op == FLOW_START && f->proto != IPPROTO_ICMP && f->proto != IPPROTO_ICMPV6)
                new_flow(h, e, out);
        for (unsigned i = 0; i < IRC_ORDERS; i++)
                if (is_live(&h->orders[i], e->time) && is_target(&h->orders[i], &f->remote))
                        target_event(&h->orders[i], e, out);
}

static void content_event(struct irc_host *h, const struct event *e, struct evidence_sink *out)
{
        if (e->type == EVENT_HTTP)
                irc_fetch_clicked(h, e);
        for (unsigned i = 0; i < IRC_ORDERS; i++) {
                if (!is_live(&h->orders[i], e->time))
                        continue;
                if (e->type == EVENT_RATE)
                        rate_event(&h->orders[i], e, out);
                else
                        irc_fetch_event(&h->orders[i], e, out);
        }
}

/* What people may have caused is claimed once in a while, so that a day of it does not add up. */
static void host_event(struct irc_host *h, const struct event *e, struct evidence_sink *out)
{
        for (unsigned i = 0; i < IRC_ORDERS; i++)
                h->orders[i].quiet = h->soft && e->time - h->soft < IRC_SOFT_SPAN;
        if (e->type == EVENT_FLOW)
                flow_event(h, e, out);
        else
                content_event(h, e, out);
        for (unsigned i = 0; i < IRC_ORDERS; i++) {
                if (h->orders[i].softly)
                        h->soft = e->time;
                h->orders[i].softly = false;
        }
}

static void end_session(struct irc_control *s, const struct event *e, struct evidence_sink *out)
{
        struct irc_session_key key = {.flow_id = e->flow.flow_id, .host = e->flow.local};
        struct irc_session *session = table_peek(s->sessions, &key);

        if (!session)
                return;
        irc_census_tell(session, e, out);
        table_remove(s->sessions, session);
}

void irc_act_event(struct irc_control *s, const struct event *e, struct evidence_sink *out)
{
        struct irc_host *h;

        if (e->type == EVENT_FLOW && e->op == FLOW_END && (e->flow.app == APP_IRC || e->flow.app == APP_UNKNOWN))
                end_session(s, e, out);
        h = host_of(s, e->type == EVENT_FLOW ? &e->flow.local :
                       e->type == EVENT_RATE ? &e->rate.local :
                                               &e->ends.local);
        if (h)
                host_event(h, e, out);
}
