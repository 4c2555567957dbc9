/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spam_proxy: what outsiders say they want. A proxy on the host is asked for mail servers, which the host then calls;
 * or recipients are named in a dialog on an odd port, and named again to their servers. Pure; runs in the engine. */
#include <xxhash.h>

#include "detect/spam_proxy.h"

#define ORDER_SECONDS                                                                                                  \
        30u                /* from a request to the connection: a name must be looked up, a SYN repeated (1 + 3 + 7 s) \
                            */
#define RCPT_SECONDS  120u /* from a recipient named to the same named to his server */
#define AUTH_SECONDS  3600u
#define RELAYED_LEAST 5u
#define DONE_LEAST    3u

static uint64_t hash_addr(const struct addr *a)
{
        return XXH3_64bits(a, sizeof(*a));
}

/* Of a host's name or a mail address: case does not matter, nor does the root's dot. */
static uint64_t hash_text(struct slice s)
{
        char text[256];
        uint32_t n = MIN(s.len, (uint32_t) sizeof(text));

        if (n && s.p[n - 1] == '.')
                n--;
        for (uint32_t i = 0; i < n; i++)
                text[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char) (s.p[i] + 'a' - 'A') : s.p[i];
        return n ? XXH3_64bits(text, n) : 0;
}

static uint64_t target_hash(const struct proxy_event *p)
{
        return addr_is_unspecified(&p->target) ? hash_text(p->name) : hash_addr(&p->target);
}

static void note_order(struct spam_proxy *s, struct spam_proxy_host *h, const struct proxy_event *p, uint32_t second)
{
        struct spam_proxy_order *o = &h->orders[0];

        for (unsigned i = 0; i < SPAM_PROXY_ORDERS; i++)
                if (o->port && (!h->orders[i].port || h->orders[i].second < o->second))
                        o = &h->orders[i];
        *o = (struct spam_proxy_order){
                .target = p->target, .port = p->target_port, .second = second, .ref = p->ends.flow_id};
        if (!addr_is_unspecified(&p->target))
                return;
        o->name = hash_text(p->name);
        s->named_at = second;
}

static uint16_t requested_weight(const struct spam_proxy_host *h)
{
        uint32_t n = spam_proxy_set_count(&h->wanted);
        uint16_t w = n >= 30 ? 1200 : n >= 10 ? 900 : n >= 3 ? 600 : n ? 300 : 0;

        return MAX(w, spam_proxy_set_count(&h->wanted_in) >= 10 ? 400 : 0);
}

static void tell_requested(struct spam_proxy *s, struct spam_proxy_host *h, const struct event *e, bool tunnel,
                           struct evidence_sink *out)
{
        const struct proxy_event *p = &e->proxy;
        uint32_t n = spam_proxy_set_count(tunnel ? &h->asked : &h->wanted);
        struct spam_proxy_claim c = {.kind = tunnel ? SPAM_PROXY_TUNNEL : SPAM_PROXY_REQUESTED,
                                     .time = e->time,
                                     .began = (uint32_t) (e->time / NSEC_PER_SEC),
                                     .peer = p->ends.remote,
                                     .port = tunnel ? p->ends.remote_port : p->ends.local_port,
                                     .ref = p->ends.flow_id};

        c.weight = !tunnel ? requested_weight(h) : n >= 30 ? 900 : n >= 10 ? 600 : n >= 3 ? 300 : 0;
        c.targets = tunnel ? n : MAX(n, spam_proxy_set_count(&h->wanted_in));
        spam_proxy_tell(s, h, &c, out);
}

void spam_proxy_proxy(struct spam_proxy *s, const struct event *e, struct evidence_sink *out)
{
        const struct proxy_event *p = &e->proxy;
        const struct ends *n = &p->ends;
        struct detector_key who = detector_host_key(&n->local);
        uint32_t second = (uint32_t) (e->time / NSEC_PER_SEC);
        bool serves = n->origin == FLOW_ACCEPTED;
        struct spam_proxy_host *h;

        if (!mail_hosts_port(p->target_port) || target_hash(p) == 0 || mail_hosts_home(s->mail, &p->target) ||
            mail_hosts_declared(s->mail, &n->local))
                return;
        /* A request within the home network is the client's affair. */
        if (serves && (n->flags & ENDS_BOTH_HOME || mail_hosts_home(s->mail, &n->remote)))
                return;
        if (!serves && (n->origin != FLOW_ORIGINATED || e->op != PROXY_REQUEST || p->target_port != 25))
                return;
        h = spam_proxy_host_of(s, &who, second, true);
        if (!h)
                return;
        if (!serves) {
                (void) spam_proxy_set_add(&h->asked, target_hash(p));
                tell_requested(s, h, e, true, out);
        } else if (e->op == PROXY_REQUEST)
                note_order(s, h, p, second);
        else if (p->granted) {
                (void) spam_proxy_set_add(p->target_port == 25 ? &h->wanted : &h->wanted_in, target_hash(p));
                tell_requested(s, h, e, false, out);
        }
}

/* The address of a name that was asked for. */
void spam_proxy_dns(struct spam_proxy *s, const struct event *e)
{
        const struct dns_event *d = &e->dns;
        uint32_t second = (uint32_t) (e->time / NSEC_PER_SEC);
        struct detector_key who;
        struct spam_proxy_host *h;
        uint64_t name;

        if (e->op != DNS_ANSWER || d->ends.from_local || !d->n_addrs || second - s->named_at > ORDER_SECONDS)
                return;
        who = detector_host_key(&d->ends.local);
        h = spam_proxy_host_of(s, &who, second, false);
        if (!h)
                return;
        name = hash_text(d->name);
        for (unsigned i = 0; i < SPAM_PROXY_ORDERS; i++)
                if (h->orders[i].port && h->orders[i].name && h->orders[i].name == name)
                        h->orders[i].target = d->addrs[0];
}

/* The host calls a mail server: was it told to? */
void spam_proxy_contact(struct spam_proxy *s, struct spam_proxy_host *h, const struct event *e,
                        struct evidence_sink *out)
{
        const struct flow_event *f = &e->flow;
        uint32_t second = (uint32_t) (e->time / NSEC_PER_SEC), n;
        struct spam_proxy_claim c = {.kind = SPAM_PROXY_EXECUTED, .time = e->time, .began = second, .peer = f->remote};

        for (unsigned i = 0; i < SPAM_PROXY_ORDERS; i++) {
                struct spam_proxy_order *o = &h->orders[i];

                if (!o->port || o->port != f->remote_port || second - o->second > ORDER_SECONDS ||
                    !addr_equal(&o->target, &f->remote))
                        continue;
                (void) spam_proxy_set_add(&h->done, hash_addr(&f->remote));
                n = spam_proxy_set_count(&h->done);
                c.weight = n >= 10 ? 2200 : n >= DONE_LEAST ? 1500 : 0;
                c.targets = n;
                c.port = f->remote_port;
                c.ref = o->ref;
                c.began = o->second;
                o->port = 0;
                spam_proxy_tell(s, h, &c, out);
                return;
        }
}

/* On a port where no mail is handed in, and nobody says who he is. */
static void named_here(struct spam_proxy *s, const struct event *e, uint32_t second)
{
        const struct ends *n = &e->ends;
        struct detector_key who = detector_host_key(&n->local);
        struct spam_proxy_host *h;
        uint64_t hash;

        if (mail_hosts_port(n->local_port) || n->from_local || (e->op != SMTP_RCPT && e->op != SMTP_AUTH) ||
            mail_hosts_home(s->mail, &n->remote) || !(h = spam_proxy_host_of(s, &who, second, true)))
                return;
        if (e->op == SMTP_AUTH) {
                h->authenticated = second;
                return;
        }
        hash = hash_text(e->smtp.text);
        h->rcpts[h->next_rcpt++ % SPAM_PROXY_RCPTS] = (struct spam_proxy_rcpt){(uint32_t) hash, second};
        h->way_named = n->local_port;
        h->peer_named = n->remote;
}

static void named_there(struct spam_proxy *s, const struct event *e, uint32_t second, struct evidence_sink *out)
{
        const struct ends *n = &e->ends;
        struct detector_key who = detector_host_key(&n->local);
        struct spam_proxy_host *h = spam_proxy_host_of(s, &who, second, false);
        struct spam_proxy_claim c = {.kind = SPAM_PROXY_RELAYED, .time = e->time, .began = second, .ref = n->flow_id};
        uint32_t hash = (uint32_t) hash_text(e->smtp.text);

        if (!h || mail_hosts_home(s->mail, &n->remote))
                return;
        for (unsigned i = 0; i < SPAM_PROXY_RCPTS; i++) {
                struct spam_proxy_rcpt *r = &h->rcpts[i];

                if (!r->second || r->hash != hash || second - r->second > RCPT_SECONDS)
                        continue;
                c.began = r->second;
                r->second = 0;
                (void) spam_proxy_set_add(&h->servers, hash_addr(&n->remote));
                h->relayed += h->relayed < UINT32_MAX;
                c.targets = h->relayed;
                c.peer = h->peer_named;
                c.port = h->way_named;
                if (h->relayed >= RELAYED_LEAST && spam_proxy_set_count(&h->servers) >= DONE_LEAST &&
                    !mail_hosts_accepts(s->mail, &who, second) &&
                    (!h->authenticated || second - h->authenticated > AUTH_SECONDS))
                        c.weight = h->relayed >= 20 ? 2200 : 1500;
                spam_proxy_tell(s, h, &c, out);
                return;
        }
}

void spam_proxy_smtp(struct spam_proxy *s, const struct event *e, struct evidence_sink *out)
{
        const struct ends *n = &e->ends;
        uint32_t second = (uint32_t) (e->time / NSEC_PER_SEC);

        if (n->flags & ENDS_BOTH_HOME || !e->smtp.text.p)
                return;
        if (n->origin == FLOW_ACCEPTED)
                named_here(s, e, second);
        else if (n->origin == FLOW_ORIGINATED && n->from_local && e->op == SMTP_RCPT)
                named_there(s, e, second, out);
}
