/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which home hosts are mail servers. A program that sends spam needs no mail of others; who runs a mail server gets
 * some. Pure; runs in the engine. */
#include "detect/mail_hosts.h"

#include <errno.h>
#include <netinet/in.h>
#include <xxhash.h>

#define LASTS 86400u /* seconds */
#define LEAST 3      /* peers that brought something, or mails taken: one may be a test, or an accomplice */

struct host {
        struct detector_key key;
        uint64_t peers; /* distinct ones, by hash */
        uint32_t taken; /* mails */
        uint32_t at;    /* second of the last */
};

struct mail_hosts {
        struct table *hosts;
        struct home *home, *declared;
};

int mail_hosts_new(const struct config *config, struct mail_hosts **ret)
{
        struct table_params params = {.name = "mail servers",
                                      .cap = MAIL_HOSTS,
                                      .key_size = sizeof(struct detector_key),
                                      .entry_size = sizeof(struct host)};
        _cleanup_(mail_hosts_freep)
        struct mail_hosts *m = calloc(1, sizeof(*m));
        int r;

        if (!m)
                return -ENOMEM;
        if ((r = table_new(&params, &m->hosts)) < 0 || (r = home_new(&config->home, &m->home)) < 0 ||
            (r = home_new(&config->network.mail_servers, &m->declared)) < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

void mail_hosts_free(struct mail_hosts *m)
{
        if (!m)
                return;
        table_free(m->hosts);
        home_free(m->home);
        home_free(m->declared);
        free(m);
}

bool mail_hosts_declared(const struct mail_hosts *m, const struct addr *a)
{
        return home_has(m->declared, a);
}

bool mail_hosts_home(const struct mail_hosts *m, const struct addr *a)
{
        return home_has(m->home, a);
}

struct detector_key mail_hosts_key(const struct flow_event *f)
{
        return task_is_known(&f->task) ? (struct detector_key){{0}} : detector_host_key(&f->local);
}

static struct host *note(struct mail_hosts *m, const struct detector_key *key, const struct event *e)
{
        uint32_t second = (uint32_t) (e->time / NSEC_PER_SEC);
        struct host *h = table_insert(m->hosts, key, NULL);

        if (!h)
                return NULL;
        if (second - h->at > LASTS) {
                h->peers = 0;
                h->taken = 0;
        }
        h->at = second;
        return h;
}

void mail_hosts_flow(struct mail_hosts *m, const struct event *e)
{
        const struct flow_event *f = &e->flow;
        struct detector_key key;
        struct host *h;

        if (f->origin != FLOW_ACCEPTED || f->proto != IPPROTO_TCP || !mail_hosts_port(f->local_port) ||
            mail_hosts_bytes(f->bytes_in, f->bytes_out) < MAIL_HOSTS_BYTES || !f->bytes_out ||
            addr_is_loopback(&f->remote))
                return;
        key = mail_hosts_key(f);
        h = note(m, &key, e);
        if (h)
                h->peers |= 1ull << (XXH3_64bits(&f->remote, sizeof(f->remote)) & 63);
}

void mail_hosts_smtp(struct mail_hosts *m, const struct event *e)
{
        const struct ends *n = &e->ends;
        struct detector_key key;
        struct host *h;

        if (e->op != SMTP_ACCEPTED || n->origin != FLOW_ACCEPTED || !n->from_local || !mail_hosts_port(n->local_port))
                return;
        key = detector_host_key(&n->local);
        h = note(m, &key, e);
        if (!h)
                return;
        h->taken += h->taken < UINT32_MAX;
        h->peers |= 1ull << (XXH3_64bits(&n->remote, sizeof(n->remote)) & 63);
}

bool mail_hosts_accepts(const struct mail_hosts *m, const struct detector_key *key, uint32_t second)
{
        const struct host *h = table_peek(m->hosts, key);

        return h && second - h->at <= LASTS && (h->taken >= LEAST || __builtin_popcountll(h->peers) >= LEAST);
}
