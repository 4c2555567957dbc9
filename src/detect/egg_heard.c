/* SPDX-License-Identifier: GPL-3.0-or-later */
/* egg: what came before a file: who connected to the host, and which URLs it was told on IRC. Detectors do not see each
 * other, so the lines are read here as well. Pure; runs in the engine. */
#include <netinet/in.h>

#include "decode/irc.h"
#include "detect/egg.h"

void egg_heard_flow(struct egg *s, const struct event *e)
{
        const struct flow_event *f = &e->flow;
        struct detector_key key;
        struct egg_inbound *in;
        unsigned at = EGG_PEERS;
        bool known;

        /* A mere SYN infects nobody. */
        if (f->origin != FLOW_ACCEPTED || f->proto != IPPROTO_TCP || f->state != FLOW_STATE_ESTABLISHED ||
            e->op == FLOW_END || home_has(s->home, &f->remote))
                return;
        key = detector_host_key(&f->local);
        in = table_insert(s->inbound, &key, NULL);
        if (!in)
                return;
        for (unsigned i = 0; i < EGG_PEERS; i++)
                if (in->peers[i].time && addr_equal(&in->peers[i].addr, &f->remote))
                        at = i;
        known = at < EGG_PEERS && in->peers[at].flow_id == f->flow_id;
        if (at == EGG_PEERS) {
                at = in->next;
                in->next = (in->next + 1) % EGG_PEERS;
        }
        in->peers[at].addr = f->remote;
        in->peers[at].flow_id = f->flow_id;
        in->peers[at].time = e->time;
        in->peers[at].port = f->local_port;
        if (known)
                return;
        if (e->time - in->hour >= EGG_HOUR) {
                in->before = e->time - in->hour < 2 * EGG_HOUR ? in->count : 0;
                in->count = 0;
                in->hour = e->time;
        }
        in->count += in->count < UINT32_MAX;
}

int egg_heard_inbound(const struct egg *s, const struct event *e, bool *ret_same, const struct egg_inbound **ret)
{
        struct detector_key key = detector_host_key(&e->file.ends.local);
        const struct egg_inbound *in = table_peek(s->inbound, &key);
        int found = -1;

        for (int i = 0; in && i < EGG_PEERS; i++) {
                if (!in->peers[i].time || e->time - in->peers[i].time > EGG_AFTER)
                        continue;
                if (addr_equal(&in->peers[i].addr, &e->file.ends.remote) &&
                    in->peers[i].flow_id != e->file.ends.flow_id) {
                        *ret_same = true;
                        *ret = in;
                        return i;
                }
                if (in->count + in->before <= EGG_QUIET)
                        found = i;
        }
        *ret_same = false;
        *ret = in;
        return found;
}

static void note_url(struct egg_told *t, const struct event *e, const struct irc_order *o)
{
        const struct irc_url *u = &o->url;
        struct egg_url *at = &t->urls[t->next++ % EGG_URLS];
        uint32_t n = MIN(o->text.len, FACT_TEXT_MAX - 1u);

        *at = (struct egg_url){.host = irc_order_hash(u->host),
                               .path = irc_order_hash(u->path),
                               .base = irc_order_hash(irc_order_base(u->path)),
                               .time = e->time,
                               .flow_id = e->irc.ends.flow_id,
                               .grade = o->grade};
        for (uint32_t i = 0; i < n; i++)
                at->order[i] = o->text.p[i] ? o->text.p[i] : '?';
}

static void note_prose(struct egg_told *t, struct slice text, struct slice speaker)
{
        struct irc_skeleton k;

        if (!irc_order_is_prose(text))
                return;
        irc_order_skeleton(text, speaker, &k);
        for (unsigned i = 0; i < t->n_prose; i++)
                if (t->prose[i] == k.hash)
                        return;
        if (t->n_prose < EGG_PERSON)
                t->prose[t->n_prose++] = k.hash;
}

/* A link in people's talk is no order. Who follows such links follows any. */
static void note_links(struct egg_told *t, struct slice text, nsec_t now)
{
        struct irc_url u;
        uint32_t pos = 0;

        while (irc_order_url(text, &pos, &u)) {
                unsigned i = t->next_link++ % EGG_LINKS;

                t->links[i].host = irc_order_hash(u.host);
                t->links[i].path = irc_order_hash(u.path);
                t->links[i].time = now;
        }
}

/* The text of a line that says something; a topic as well. */
static bool said(const struct event *e, struct irc_message *m, struct slice *ret)
{
        unsigned at;
        struct slice line = e->irc.text;

        if (irc_parse(line, m) < 0)
                return false;
        at = m->numeric == 332 ? 2 : 1;
        if ((m->numeric != 332 && !irc_is(m, "PRIVMSG") && !irc_is(m, "NOTICE") && !irc_is(m, "TOPIC")) ||
            m->n_params <= at)
                return false;
        *ret = (struct slice){m->params[at].p, (uint32_t) (line.p + line.len - m->params[at].p)};
        return true;
}

static bool has_url(struct slice text)
{
        return text.len > 8 && memmem(text.p, text.len, "://", 3);
}

void egg_heard_line(struct egg *s, const struct event *e)
{
        struct detector_key key = detector_host_key(&e->irc.ends.local);
        char clean[IRC_TEXT_MAX];
        struct irc_message m;
        struct egg_told *t;
        struct irc_order o;
        struct slice text;
        uint32_t pos = 0;
        bool any = false;

        if (!said(e, &m, &text))
                return;
        text = (struct slice){clean, irc_order_clean(text, clean)};
        if (e->irc.ends.from_local ? !irc_order_is_prose(text) : !has_url(text))
                return;
        if (e->irc.ends.from_local) {
                t = table_insert(s->told, &key, NULL);
                if (t)
                        note_prose(t, text, (struct slice){0});
                return;
        }
        t = table_insert(s->told, &key, NULL);
        if (!t)
                return;
        while (irc_order_next(text, m.n_params ? m.params[0] : (struct slice){0}, &pos, &o))
                if (o.grade >= IRC_ORDER_HINT) {
                        any = true;
                        if (o.has_url)
                                note_url(t, e, &o);
                }
        if (!any && m.numeric != 332 && !irc_order_is_command(text, (struct slice){0}))
                note_links(t, text, e->time);
}

/* The path of a name that may be a whole URL (through a proxy). */
static struct slice path_of(struct slice name, struct slice *host)
{
        struct irc_url u;
        uint32_t pos = 0;

        if (name.len && name.p[0] != '/' && irc_order_url(name, &pos, &u)) {
                *host = u.host;
                return u.path;
        }
        return name;
}

void egg_heard_click(struct egg *s, const struct event *e)
{
        const struct file_event *f = &e->file;
        struct detector_key key = detector_host_key(&f->ends.local);
        struct egg_told *t = table_count(s->told) ? table_peek(s->told, &key) : NULL;
        struct slice host = irc_order_host(f->host), path = path_of(f->name, &host);

        for (unsigned i = 0; t && f->how == FILE_HTTP && i < EGG_LINKS; i++)
                t->clicks |= t->links[i].time && e->time - t->links[i].time <= EGG_ORDER_SPAN &&
                             t->links[i].host == irc_order_hash(host) && t->links[i].path == irc_order_hash(path);
}

const struct egg_url *egg_heard_url(const struct egg *s, const struct event *e, bool *ret_soft)
{
        const struct file_event *f = &e->file;
        struct detector_key key = detector_host_key(&f->ends.local);
        struct egg_told *t = table_peek(s->told, &key);
        struct slice host = irc_order_host(f->host), path = path_of(f->name, &host);
        uint64_t host_hash = irc_order_hash(host), path_hash = irc_order_hash(path),
                 base_hash = irc_order_hash(irc_order_base(path));
        const struct egg_url *best = NULL;

        for (unsigned i = 0; t && i < EGG_URLS; i++) {
                const struct egg_url *u = &t->urls[i];
                bool same = f->how == FILE_HTTP ? path_hash && u->path == path_hash && u->host == host_hash :
                                                  base_hash && u->base == base_hash;

                if (u->time && same && e->time - u->time <= EGG_ORDER_SPAN && (!best || u->grade > best->grade))
                        best = u;
        }
        if (!best)
                return NULL;
        *ret_soft = best->grade < IRC_ORDER_STRONG || t->n_prose >= EGG_PERSON || t->clicks;
        if (*ret_soft && t->soft && e->time - t->soft < EGG_SOFT_SPAN)
                return NULL;
        if (*ret_soft)
                t->soft = e->time;
        return best;
}
