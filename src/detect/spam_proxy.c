/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spam_proxy: a host through which somebody else sends mail. Spam arrives on a port of no known service and leaves on
 * port 25 shortly after; or outsiders ask a proxy on the host for connections to mail servers. Volumes are compared
 * connection by connection, recipients and ordered targets one by one. Pure; runs in the engine. docs/spam-proxy.md has
 * the background. */
#include "detect/spam_proxy.h"

#include <errno.h>
#include <netinet/in.h>
#include <xxhash.h>

#define PIECE_LEAST  400u /* bytes: less is no mail, but a dialog, or somebody who types */
#define PIECE_SPAN   20u  /* seconds that a flow's bytes are summed up before they make a piece; or until it ends */
#define FRESH        60u  /* a flow that began so long ago is measured from its beginning */
#define TICK_SECONDS 5u

static void spam_proxy_free(void *state)
{
        struct spam_proxy *s = state;

        if (!s)
                return;
        mail_hosts_free(s->mail);
        table_free(s->hosts);
        table_free(s->flows);
        free(s);
}

static int spam_proxy_new(const struct detector_params *params, void **ret)
{
        const struct table_params hosts = {
                "spam proxies", SPAM_PROXY_HOSTS, 16, sizeof(struct spam_proxy_host), NULL, NULL};
        const struct table_params flows = {
                "spam proxy flows", SPAM_PROXY_FLOWS, 8, sizeof(struct spam_proxy_flow), NULL, NULL};
        struct spam_proxy *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        if ((r = mail_hosts_new(params->config, &s->mail)) < 0 || (r = table_new(&hosts, &s->hosts)) < 0 ||
            (r = table_new(&flows, &s->flows)) < 0) {
                spam_proxy_free(s);
                return r;
        }
        s->lineage = params->lineage;
        memcpy(s->boot_id, params->boot_id, sizeof(s->boot_id));
        *ret = s;
        return 0;
}

uint32_t spam_proxy_set_count(const struct spam_proxy_set *set)
{
        return (uint32_t) __builtin_popcountll(set->now | set->before);
}

bool spam_proxy_set_add(struct spam_proxy_set *set, uint64_t hash)
{
        uint64_t bit = 1ull << (hash & 63);
        bool fresh = !((set->now | set->before) & bit);

        set->now |= bit;
        return fresh;
}

static void turn_hour(struct spam_proxy_host *h, uint32_t hour)
{
        struct spam_proxy_set *const sets[] = {&h->servers, &h->wanted, &h->wanted_in, &h->done, &h->asked};
        bool next = hour - h->hour == 1;

        for (size_t i = 0; i < ELEMENTSOF(sets); i++)
                *sets[i] = (struct spam_proxy_set){.before = next ? sets[i]->now : 0};
        if (!next)
                h->relayed = 0;
        h->hour = hour;
}

struct spam_proxy_host *spam_proxy_host_of(struct spam_proxy *s, const struct detector_key *key, uint32_t second,
                                           bool make)
{
        struct spam_proxy_host *h = make ? table_insert(s->hosts, key, NULL) : table_find(s->hosts, key);

        if (h && second / SPAM_PROXY_HOUR != h->hour)
                turn_hour(h, second / SPAM_PROXY_HOUR);
        return h;
}

static uint64_t flow_key(const struct detector_key *who, uint64_t flow_id)
{
        return XXH3_64bits_withSeed(who, sizeof(*who), flow_id);
}

/* What passed on the flow since it was last asked. false: too little, or not yet. */
static bool measure(struct spam_proxy *s, const struct detector_key *who, const struct event *e, uint64_t bytes,
                    struct spam_proxy_piece *ret)
{
        uint32_t second = (uint32_t) (event_last(e) / NSEC_PER_SEC);
        uint32_t since = (uint32_t) (e->flow.since / NSEC_PER_SEC);
        uint64_t key = flow_key(who, e->flow.flow_id), passed;
        struct spam_proxy_flow *m;
        bool created = false;

        m = table_insert(s->flows, &key, &created);
        if (!m)
                return false;
        if (created) {
                bool fresh = e->op == FLOW_START || (second >= since && second - since <= FRESH);

                m->second = fresh ? MIN(since, second) : second;
                m->bytes = fresh ? 0 : bytes;
        }
        if (e->op != FLOW_END && second - m->second < PIECE_SPAN)
                return false;
        passed = bytes > m->bytes ? bytes - m->bytes : 0;
        *ret = (struct spam_proxy_piece){
                .begin = m->second, .end = second, .bytes = (uint32_t) MIN(passed, (uint64_t) UINT32_MAX / 4)};
        m->second = second;
        m->bytes = bytes;
        created = m->content;
        if (e->op == FLOW_END)
                table_remove(s->flows, m);
        return passed >= PIECE_LEAST && !created;
}

/* The host's, or the process's and this machine's. */
static unsigned keys_of(const struct flow_event *f, struct detector_key keys[static 2])
{
        keys[0] = detector_flow_key(f);
        keys[1] = mail_hosts_key(f);
        return task_is_known(&f->task) ? 2 : 1;
}

static void mail_leaves(struct spam_proxy *s, const struct event *e, struct evidence_sink *out)
{
        const struct flow_event *f = &e->flow;
        uint32_t second = (uint32_t) (e->time / NSEC_PER_SEC);
        struct spam_proxy_piece piece;
        struct detector_key keys[2];
        unsigned n = keys_of(f, keys);

        for (unsigned i = 0; i < n; i++) {
                struct spam_proxy_host *h = spam_proxy_host_of(s, &keys[i], second, true);

                if (!h)
                        continue;
                if (i == 0)
                        h->task = f->task;
                if (e->op == FLOW_START)
                        spam_proxy_contact(s, h, e, out);
                if (!measure(s, &keys[i], e, mail_hosts_bytes(f->bytes_out, f->bytes_in), &piece))
                        continue;
                (void) spam_proxy_set_add(&h->servers, XXH3_64bits(&f->remote, sizeof(f->remote)));
                spam_proxy_left(h, &piece);
                spam_proxy_tell_volume(s, h, e->time, out);
        }
}

/* Only of hosts that mail left lately: all others cost a look into the table. */
static void something_arrives(struct spam_proxy *s, const struct event *e, struct evidence_sink *out)
{
        const struct flow_event *f = &e->flow;
        uint32_t second = (uint32_t) (e->time / NSEC_PER_SEC);
        struct spam_proxy_piece piece;
        struct detector_key keys[2];
        unsigned n = keys_of(f, keys);

        for (unsigned i = 0; i < n; i++) {
                struct spam_proxy_host *h = spam_proxy_host_of(s, &keys[i], second, false);

                if (!h || mail_hosts_home(s->mail, &f->remote) ||
                    !measure(s, &keys[i], e, mail_hosts_bytes(f->bytes_in, f->bytes_out), &piece))
                        continue;
                spam_proxy_arrived(h, f, &piece);
                spam_proxy_tell_volume(s, h, e->time, out);
        }
}

static void take_flow(struct spam_proxy *s, const struct event *e, struct evidence_sink *out)
{
        const struct flow_event *f = &e->flow;

        if (f->proto != IPPROTO_TCP || f->flags & (FLOW_NO_PEER | FLOW_BOTH_HOME) || addr_is_loopback(&f->remote))
                return;
        if (f->origin == FLOW_ACCEPTED) {
                if (mail_hosts_port(f->local_port))
                        mail_hosts_flow(s->mail, e);
                /* An FTP server calls back from port 20. */
                else if (f->local_port >= 1024 && f->remote_port != 20 && f->app != APP_FTP_DATA)
                        something_arrives(s, e, out);
        } else if (f->origin == FLOW_ORIGINATED && mail_hosts_port(f->remote_port) &&
                   !mail_hosts_declared(s->mail, &f->local) && !mail_hosts_home(s->mail, &f->remote))
                mail_leaves(s, e, out);
}

/* Its sender, its recipient, or the host itself: for good (RFC 5321 4.2.1), before anything of it was said. */
static void mail_refused(struct spam_proxy *s, const struct event *e)
{
        const struct ends *n = &e->ends;
        struct detector_key who = detector_host_key(&n->local);
        uint32_t second = (uint32_t) (e->time / NSEC_PER_SEC);
        struct spam_proxy_host *h;
        struct spam_proxy_flow *m;
        uint64_t key;

        if (e->smtp.code < 500 || n->origin != FLOW_ORIGINATED || n->from_local || n->flags & ENDS_BOTH_HOME ||
            mail_hosts_home(s->mail, &n->remote) || !(h = spam_proxy_host_of(s, &who, second, false)))
                return;
        key = flow_key(&who, n->flow_id);
        m = table_insert(s->flows, &key, NULL);
        if (!m || m->content)
                return;
        m->content = true;
        m->second = second;
        spam_proxy_refused(h, second);
}

/* The dialog tells when a mail left, and how large it was: better than the flow that carries it. */
static void take_smtp(struct spam_proxy *s, const struct event *e, struct evidence_sink *out)
{
        const struct ends *n = &e->ends;
        struct detector_key who = detector_host_key(&n->local);
        uint32_t second = (uint32_t) (e->time / NSEC_PER_SEC);
        struct spam_proxy_piece piece = {.begin = second, .end = second};
        struct spam_proxy_flow *m;
        struct spam_proxy_host *h;
        uint64_t key;

        if (mail_hosts_declared(s->mail, &n->local))
                return;
        mail_hosts_smtp(s->mail, e);
        spam_proxy_smtp(s, e, out);
        if (e->op == SMTP_REJECTED)
                mail_refused(s, e);
        if (e->op != SMTP_DATA || n->origin != FLOW_ORIGINATED || !n->from_local || e->smtp.bytes < PIECE_LEAST ||
            n->flags & ENDS_BOTH_HOME || mail_hosts_home(s->mail, &n->remote) ||
            !(h = spam_proxy_host_of(s, &who, second, true)))
                return;
        key = flow_key(&who, n->flow_id);
        m = table_insert(s->flows, &key, NULL);
        if (m) {
                m->content = true;
                m->second = second;
        }
        (void) spam_proxy_set_add(&h->servers, XXH3_64bits(&n->remote, sizeof(n->remote)));
        piece.bytes = (uint32_t) MIN(e->smtp.bytes, (uint64_t) UINT32_MAX / 4);
        spam_proxy_left(h, &piece);
        spam_proxy_tell_volume(s, h, e->time, out);
}

static void spam_proxy_event(void *state, const struct event *e, struct evidence_sink *out)
{
        struct spam_proxy *s = state;

        if (e->type == EVENT_FLOW)
                take_flow(s, e, out);
        else if (e->type == EVENT_SMTP)
                take_smtp(s, e, out);
        else if (e->type == EVENT_PROXY)
                spam_proxy_proxy(s, e, out);
        else if (e->type == EVENT_DNS)
                spam_proxy_dns(s, e);
}

static void spam_proxy_tick(void *state, nsec_t now, struct evidence_sink *out)
{
        struct spam_proxy *s = state;
        uint32_t second = (uint32_t) (now / NSEC_PER_SEC);

        if (second - s->swept < TICK_SECONDS)
                return;
        s->swept = second;
        for (struct spam_proxy_host *h = table_oldest(s->hosts); h; h = table_younger(s->hosts, h)) {
                if (!h->arrivals.n && !h->mails.n)
                        continue;
                spam_proxy_settle(h, second);
                spam_proxy_tell_volume(s, h, now, out);
        }
}

const struct detector detector_spam_proxy = {
        .name = "spam_proxy",
        .help = "a host through which others send mail: what arrives on a port of its own leaves as mail",
        .source =
                "Koyama (NTT PC / Telecom-ISAC Japan): spam arrives on a random TCP port and leaves on port 25, within "
                "ten minutes of the login",
        .limits =
                "A proxy that fetches its mails by a connection of its own (behind an address translator) looks like a "
                "download; one that makes many different mails of one order does not keep its volume. Both are seen by "
                "mass_mail. Order and delivery more than 30 seconds apart are not joined.",
        .events = 1u << EVENT_FLOW | 1u << EVENT_SMTP | 1u << EVENT_PROXY | 1u << EVENT_DNS,
        .kinds = spam_proxy_kinds,
        .n_kinds = SPAM_PROXY_KINDS,
        .new = spam_proxy_new,
        .free = spam_proxy_free,
        .event = spam_proxy_event,
        .tick = spam_proxy_tick,
        .explain = spam_proxy_explain,
};
