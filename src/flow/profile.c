/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The profiles of all home hosts. An event costs a look at its host and one at its service; the order of use, by which
 * hosts are forgotten, is kept to the minute, so that it costs nothing more. Runs in the engine and in `read`. */
#include "flow/profile.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "config/home.h"
#include "flow/profile_internal.h"
#include "source/source.h"

#define AGE_SECONDS  60u /* exactness of the order of use */
#define HOUR_SECONDS 3600u

static void unlist(struct profile *p, struct profile_host *h)
{
        if (!h->changed)
                return;
        *(h->older ? &h->older->newer : &p->changed_first) = h->newer;
        *(h->newer ? &h->newer->older : &p->changed_last) = h->older;
        h->older = h->newer = NULL;
        h->changed = 0;
}

static void note_changed(struct profile *p, struct profile_host *h, uint32_t now)
{
        if (h->changed)
                return;
        h->changed = MAX(now, 1u);
        h->older = p->changed_last;
        h->newer = NULL;
        *(p->changed_last ? &p->changed_last->newer : &p->changed_first) = h;
        p->changed_last = h;
}

static struct profile_host **recent_of(struct profile *p, const struct addr *host)
{
        uint64_t half[2];

        memcpy(half, host->b, sizeof(half));
        return &p->recent[(half[0] + half[1]) * 0x9e3779b97f4a7c15ull >> (64 - PROFILE_RECENT_BITS)];
}

static bool on_evict_host(void *userdata, void *entry)
{
        struct profile *p = userdata;
        struct profile_host *h = entry;

        for (struct profile_more *m = h->more, *next; m; m = next) {
                next = m->next;
                table_remove(p->services, m);
        }
        unlist(p, h);
        p->found = NULL;
        if (*recent_of(p, &h->host) == h)
                *recent_of(p, &h->host) = NULL;
        return true;
}

static bool on_evict_service(void *userdata, void *entry)
{
        struct profile *p = userdata;
        struct profile_more *m = entry, **at = &m->owner->more;

        while (*at != m)
                at = &(*at)->next;
        *at = m->next;
        m->owner->n--;
        m->owner->n_by_port -= m->service.app == APP_UNKNOWN && m->service.proto != 0;
        p->found = NULL;
        return true;
}

int profile_new(uint32_t hosts, struct profile **ret)
{
        _cleanup_(profile_freep)
        struct profile *p = calloc(1, sizeof(*p));
        const struct table_params host_params = {"profiles",    hosts, sizeof(struct addr), sizeof(struct profile_host),
                                                 on_evict_host, p};
        const struct table_params service_params = {.name = "profile services",
                                                    .cap = MIN(hosts, UINT32_MAX / 4) * 2,
                                                    .key_size = sizeof(struct profile_key),
                                                    .entry_size = sizeof(struct profile_more),
                                                    .evict = on_evict_service,
                                                    .userdata = p};
        int r;

        if (!p)
                return -ENOMEM;
        if ((r = table_new(&host_params, &p->hosts)) < 0 || (r = table_new(&service_params, &p->services)) < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

void profile_free(struct profile *p)
{
        if (!p)
                return;
        table_free(p->hosts);
        table_free(p->services);
        free(p);
}

static bool is_answered(const struct flow_event *f)
{
        return f->state == FLOW_STATE_ESTABLISHED || f->state == FLOW_STATE_CLOSED;
}

static bool is_host(const struct addr *a)
{
        return !addr_is_unspecified(a) && !addr_is_loopback(a) && !addr_is_multicast(a);
}

static bool is_server(const struct flow_event *f)
{
        return f->origin == FLOW_ACCEPTED || (f->origin == FLOW_ORIGIN_UNKNOWN && f->local_port < f->remote_port);
}

static uint16_t service_port(const struct flow_event *f)
{
        if (f->proto == IPPROTO_ICMP || f->proto == IPPROTO_ICMPV6)
                return 0;
        return is_server(f) ? f->local_port : f->remote_port;
}

static struct profile_key key_of(const struct flow_event *f, const struct addr *host)
{
        struct profile_key key = {.host = *host, .role = is_server(f) ? PROFILE_SERVER : PROFILE_CLIENT};

        if (f->app != APP_UNKNOWN && f->app < APPS)
                key.app = f->app;
        else {
                key.proto = f->proto;
                key.port = service_port(f);
        }
        return key;
}

static bool is_of_key(const struct profile_service *s, const struct profile_key *key)
{
        return s->role == key->role && s->app == key->app && s->proto == key->proto && s->port == key->port;
}

static struct profile_service *find_service(struct profile *p, struct profile_host *h, const struct profile_key *key)
{
        struct profile_more *m;

        for (unsigned i = 0; i < h->n_inline; i++)
                if (is_of_key(&h->service[i], key))
                        return &h->service[i];
        m = h->more ? table_peek(p->services, key) : NULL;
        return m ? &m->service : NULL;
}

static struct profile_service *make_service(struct profile *p, struct profile_host *h, const struct profile_key *key)
{
        struct profile_service *s;
        struct profile_more *m;

        if (h->n_inline < PROFILE_INLINE)
                s = &h->service[h->n_inline++];
        else {
                m = table_insert(p->services, key, NULL);
                if (!m)
                        return NULL;
                m->owner = h;
                m->next = h->more;
                h->more = m;
                s = &m->service;
        }
        h->n++;
        h->n_by_port += key->app == APP_UNKNOWN && key->proto != 0;
        s->role = key->role;
        s->app = key->app;
        s->proto = key->proto;
        s->port = key->port;
        return s;
}

/* The service of a session that was answered, or whose content tells what it is. */
static struct profile_service *take_service(struct profile *p, struct profile_host *h, struct profile_key key)
{
        struct profile_service *s = find_service(p, h, &key);

        if (s)
                return s;
        if (h->n >= PROFILE_SERVICES || (key.app == APP_UNKNOWN && h->n_by_port >= PROFILE_BY_PORT)) {
                key = (struct profile_key){.host = key.host, .role = key.role};
                s = find_service(p, h, &key);
        }
        return s ? s : make_service(p, h, &key);
}

/* Those seen lately are found without the table. */
static struct profile_host *find_host(struct profile *p, const struct addr *host)
{
        struct profile_host **recent = recent_of(p, host);

        if (!*recent || !addr_equal(&(*recent)->host, host)) {
                struct profile_host *h = table_peek(p->hosts, host);

                if (!h)
                        return NULL;
                *recent = h;
        }
        return *recent;
}

/* The host, made where it is new. NULL: who was only asked, and did not answer, may not even be there. */
static struct profile_host *see_host(struct profile *p, const struct flow_event *f)
{
        struct addr host = home_host(&f->local);
        struct profile_host *h = find_host(p, &host);

        if (!h && is_host(&f->local) && (f->origin != FLOW_ACCEPTED || is_answered(f)))
                h = table_insert(p->hosts, &host, NULL);
        if (!h)
                return NULL;
        for (size_t line = 64; line < sizeof(*h); line += 64)
                __builtin_prefetch((char *) h + line, 1);
        if (!h->seen) {
                h->seen = true;
                p->seen++;
        }
        return h;
}

/* The order of use, once a minute for each. */
static void refresh(struct profile *p, struct profile_host *h, struct profile_service *s, const struct profile_key *key,
                    uint32_t now)
{
        if (now - h->last >= AGE_SECONDS)
                (void) table_find(p->hosts, &h->host);
        if (h->more && s->last / NSEC_PER_SEC + AGE_SECONDS <= now &&
            !(s >= h->service && s < h->service + PROFILE_INLINE))
                (void) table_find(p->services, key);
}

static void take_session(struct profile *p, struct profile_host *h, const struct event *e)
{
        const struct flow_event *f = &e->flow;
        struct profile_key key = key_of(f, &h->host);
        uint32_t now = (uint32_t) MIN(e->time / NSEC_PER_SEC, (nsec_t) UINT32_MAX);
        bool answered = is_answered(f);
        struct profile_service *s = answered || key.app ? take_service(p, h, key) : find_service(p, h, &key);

        if (s) {
                key = (struct profile_key){
                        .host = h->host, .role = s->role, .app = s->app, .proto = s->proto, .port = s->port};
                refresh(p, h, s, &key, now);
        }
        if (s && answered)
                profile_add_session(s, f, event_last(e), service_port(f));
        else
                *(s ? &s->failed : &h->unanswered) += 1;
        h->last = MAX(h->last, now);
        if (!h->first)
                h->first = now;
        note_changed(p, h, now);
        p->found = h;
        p->found_service = s;
}

void profile_event(struct profile *p, const struct event *e)
{
        const struct flow_event *f = &e->flow;
        struct profile_host *h;

        if (e->type != EVENT_FLOW || e->op != FLOW_END || f->proto == PROTO_ARP)
                return;
        h = see_host(p, f);
        if (!h || (f->origin == FLOW_ACCEPTED && !is_answered(f)))
                return;
        /* This machine's own sessions, where its packets are watched as well: those say more. */
        if (e->source >= EVENT_SOURCE_PACKETS)
                h->on_wire = true;
        else if (h->on_wire)
                return;
        if (h->counted_to && e->time / NSEC_PER_SEC <= h->counted_to) {
                p->repeated++;
                return;
        }
        take_session(p, h, e);
}

const struct profile_service *profile_find(struct profile *p, const struct flow_event *f)
{
        struct addr host = home_host(&f->local);
        struct profile_host *h = find_host(p, &host);
        struct profile_key key;

        if (!h)
                return NULL;
        key = key_of(f, &host);
        if (h == p->found && p->found_service && is_of_key(p->found_service, &key))
                return p->found_service;
        return find_service(p, h, &key);
}

static void copy_host(const struct profile_host *h, struct profile_record *ret)
{
        *ret = (struct profile_record){
                .host = h->host, .first = h->first, .last = h->last, .unanswered = h->unanswered};
        for (unsigned i = 0; i < h->n_inline; i++)
                ret->services[ret->n++] = h->service[i];
        for (const struct profile_more *m = h->more; m && ret->n < ELEMENTSOF(ret->services); m = m->next)
                ret->services[ret->n++] = m->service;
}

bool profile_get(struct profile *p, const struct addr *host, struct profile_record *ret)
{
        const struct profile_host *h = table_peek(p->hosts, host);

        if (h)
                copy_host(h, ret);
        return h != NULL;
}

bool profile_next_changed(struct profile *p, nsec_t before, struct profile_record *ret)
{
        struct profile_host *h = p->changed_first;

        if (!h || (nsec_t) h->changed > before / NSEC_PER_SEC)
                return false;
        copy_host(h, ret);
        unlist(p, h);
        return true;
}

void profile_restore(struct profile *p, const struct profile_record *r, bool repeats)
{
        struct profile_host *h = table_insert(p->hosts, &r->host, NULL);

        if (!h || h->n)
                return;
        h->first = r->first;
        h->last = r->last;
        h->counted_to = repeats ? r->last : 0;
        h->unanswered = r->unanswered;
        for (unsigned i = 0; i < MIN(r->n, (uint32_t) ELEMENTSOF(r->services)); i++) {
                const struct profile_service *from = &r->services[i];
                struct profile_key key = {r->host, from->role, from->app, from->proto, 0, from->port, 0};
                struct profile_service *s = find_service(p, h, &key) ? NULL : make_service(p, h, &key);

                if (s)
                        *s = *from;
        }
}

void profile_get_stats(const struct profile *p, struct profile_stats *ret)
{
        *ret = (struct profile_stats){.seen = p->seen, .repeated = p->repeated};
        table_get_stats(p->hosts, &ret->hosts);
        table_get_stats(p->services, &ret->services);
}
