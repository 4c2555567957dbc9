/* SPDX-License-Identifier: GPL-3.0-or-later */
/* irc_control: what a home host asks for after an order, and whether somebody there clicks on links that are no orders.
 * Pure; runs in the engine. */
#include "decode/magic.h"
#include "detect/irc_control.h"

/* Only a program is proof: anybody in a channel could "order" a page that everybody's browser asks for anyway. It is
 * one by its name, or once its first bytes are seen. */
static void fetch(struct irc_got *got, const struct event *e, bool program, struct evidence_sink *out)
{
        struct evidence ev;

        if (got->fetched)
                return;
        if (got->grade < IRC_ORDER_STRONG || got->by_person || !program) {
                irc_act_react(got, e, "fetched the URL", program, out);
                return;
        }
        got->fetched = true;
        irc_act_executed(got, e, "fetch", &ev);
        (void) evidence_fact_endpoint(&ev, "target", &e->ends.remote, e->ends.remote_port, e->ends.proto);
        out->emit(out->userdata, &ev);
}

enum same { SAME_NOT, SAME_HOST, SAME_URL };

/* Through a proxy the whole URL is asked for. */
static void real_url(struct slice *host, struct slice *path)
{
        struct irc_url u;
        uint32_t pos = 0;

        *host = irc_order_host(*host);
        if (path->len && path->p[0] != '/' && irc_order_url(*path, &pos, &u)) {
                *host = u.host;
                *path = u.path;
        }
}

static uint64_t path_hash(struct slice path)
{
        return irc_order_hash(path.len ? path : (struct slice){"/", 1});
}

static enum same same_url(const struct irc_got *got, struct slice host, struct slice path)
{
        if (!got->has_url)
                return SAME_NOT;
        real_url(&host, &path);
        if (irc_order_hash(host) != got->url_host)
                return SAME_NOT;
        return path_hash(path) == got->url_path ? SAME_URL : SAME_HOST;
}

static void http_event(struct irc_got *got, const struct event *e, struct evidence_sink *out)
{
        const struct http_event *h = &e->http;
        enum same same = same_url(got, (struct slice){h->host, h->host_len}, (struct slice){h->uri, h->uri_len});

        if (e->op != HTTP_REQUEST || !h->ends.from_local || same == SAME_NOT)
                return;
        if (same == SAME_URL)
                fetch(got, e, got->program, out);
        else
                irc_act_react(got, e, "asked the server for something", false, out);
}

static void file_event(struct irc_got *got, const struct event *e, struct evidence_sink *out)
{
        const struct file_event *f = &e->file;
        bool same = f->how == FILE_HTTP ? same_url(got, f->host, f->name) == SAME_URL :
                                          f->how == FILE_FTP && got->ftp && got->url_base &&
                                                  irc_order_hash(irc_order_base(f->name)) == got->url_base;

        if (same && !f->ends.from_local && magic_is_program(f->kind))
                fetch(got, e, true, out);
}

static void dns_event(struct irc_got *got, const struct event *e, struct evidence_sink *out)
{
        const struct dns_event *d = &e->dns;
        uint64_t name = irc_order_hash(d->name);

        if (!name || (name != got->url_host && name != got->name))
                return;
        if (e->op == DNS_QUERY && d->ends.from_local)
                irc_act_react(got, e, "looked the name up", false, out);
        for (unsigned i = 0; e->op == DNS_ANSWER && i < d->n_addrs && got->n_resolved < IRC_RESOLVED; i++)
                got->resolved[got->n_resolved++] = d->addrs[i];
}

static void tls_event(struct irc_got *got, const struct event *e, struct evidence_sink *out)
{
        uint64_t name = irc_order_hash(e->tls.sni);

        if (e->op == TLS_CLIENT_HELLO && e->tls.ends.from_local && name && name == got->url_host)
                irc_act_react(got, e, "connected to the server", false, out);
}

void irc_fetch_event(struct irc_got *got, const struct event *e, struct evidence_sink *out)
{
        if (e->type == EVENT_HTTP)
                http_event(got, e, out);
        else if (e->type == EVENT_FILE)
                file_event(got, e, out);
        else if (e->type == EVENT_DNS)
                dns_event(got, e, out);
        else if (e->type == EVENT_TLS)
                tls_event(got, e, out);
}

void irc_fetch_link(struct irc_host *h, const struct irc_said *said)
{
        struct irc_url u;
        uint32_t pos = 0;

        while (irc_order_url(said->text, &pos, &u)) {
                struct irc_link *link = &h->links[h->next_link++ % IRC_LINKS];

                link->host = irc_order_hash(u.host);
                link->path = path_hash(u.path);
                link->time = said->event->time;
        }
}

void irc_fetch_clicked(struct irc_host *h, const struct event *e)
{
        const struct http_event *r = &e->http;
        struct slice host = {r->host, r->host_len}, path = {r->uri, r->uri_len};
        uint64_t host_hash, hash;

        if (h->clicks || e->op != HTTP_REQUEST || !r->ends.from_local)
                return;
        real_url(&host, &path);
        host_hash = irc_order_hash(host);
        hash = path_hash(path);
        for (unsigned i = 0; i < IRC_LINKS; i++)
                h->clicks |= h->links[i].time && e->time - h->links[i].time <= IRC_CLICK_SPAN &&
                             h->links[i].host == host_hash && h->links[i].path == hash;
        for (unsigned i = 0; h->clicks && i < IRC_ORDERS; i++)
                h->orders[i].by_person = true;
}
