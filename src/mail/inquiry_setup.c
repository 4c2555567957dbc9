/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads what the configuration says of the inquiry. Runs where mail/inquiry_setup.h says. */
#include "mail/inquiry_setup.h"

#include <ctype.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>

struct inquiry_setup_owned {
        struct chain_net nets[INQUIRY_TRUST_MAX], own[INQUIRY_TRUST_MAX], submission[INQUIRY_TRUST_MAX];
        const char *names[INQUIRY_TRUST_MAX];
        struct dnsbl zones[RESOLVE_LISTS_MAX];
        struct inquiry_list files[RECORD_LISTS];
        struct netlist *file_nets[RECORD_LISTS];
        char *paths[RECORD_LISTS];
        struct netlist *allowed, *opted_out, *ours;
        struct os_db *os;
        char host[SMTP_PROBE_NAME_MAX];
};

/* What is being made. */
struct making {
        struct inquiry_setup *s;
        struct inquiry_setup_owned *o;
        const struct config *c;
        const struct inquiry_more *more;
        struct buf *why;
        bool offline, probe;
};

static int wrong(const struct making *m, int error, const char *what, const char *text, const char *reason)
{
        (void) buf_printf(m->why, "%s: \"", what);
        (void) buf_put_visible(m->why, text, MIN(strlen(text), 200u));
        (void) buf_printf(m->why, "\"%s %s", *reason >= 'A' && *reason <= 'Z' ? ":" : "", reason); /* "No such file" */
        return error;
}

/* --- trust --- */

/* A host's name as reverse lookups give it. */
static bool is_name(const char *text)
{
        bool letter = false;

        for (const char *p = text; *p; p++) {
                if (!isalnum((unsigned char) *p) && *p != '.' && *p != '-' && *p != '_' && (unsigned char) *p < 0x80)
                        return false;
                letter = letter || isalpha((unsigned char) *p) || (unsigned char) *p >= 0x80;
        }
        return letter && strchr(text, '.');
}

static int take_trust(struct making *m, const char *text)
{
        struct chain_trust *t = &m->s->trust;
        bool except = *text == '!';
        struct cidr net;

        if (t->trusted.n + t->n_names == INQUIRY_TRUST_MAX)
                return wrong(m, -E2BIG, "trust", text, "is one server too many");
        if (cidr_parse(text + except, &net) == 0) {
                m->o->nets[t->trusted.n++] = (struct chain_net){net, except};
                return 0;
        }
        if (except || !is_name(text))
                return wrong(m, -EINVAL, "trust", text, "is not a network, an address or a name");
        m->o->names[t->n_names++] = text;
        return 0;
}

static void take_nets(struct chain_nets *nets, struct chain_net *items, const struct config_cidrs *from)
{
        for (size_t i = 0; i < from->n && i < INQUIRY_TRUST_MAX; i++)
                items[nets->n++].net = from->items[i];
        if (nets->n)
                nets->items = items;
}

static int make_trust(struct making *m)
{
        struct chain_trust *t = &m->s->trust;
        int r = 0;

        for (unsigned i = 0; r == 0 && i < m->more->n_trust; i++)
                r = take_trust(m, m->more->trust[i]);
        for (size_t i = 0; r == 0 && i < m->c->mail.trust.n; i++)
                r = take_trust(m, m->c->mail.trust.items[i]);
        t->trusted.items = m->o->nets;
        t->names = m->o->names;
        take_nets(&t->own, m->o->own, &m->c->mail.own);
        take_nets(&t->submission, m->o->submission, &m->c->mail.submission);
        m->s->params.trust = t;
        return r;
}

/* --- lists --- */

/* A file that was named must be whole: a list that lacks lines says no where it should say yes. */
static int load_nets(const struct making *m, const char *what, const char *path, struct netlist *nets)
{
        char text[256];
        struct buf why = BUF_FIXED(text);
        unsigned bad = 0;
        int r = netlist_load(nets, path, &why, &bad);

        if (r < 0)
                return wrong(m, r, what, path, r == -E2BIG ? "is too long a list" : strerror(-r));
        return bad ? wrong(m, -EINVAL, what, path, buf_str(&why)) : 0;
}

static int take_file(struct making *m, const char *text)
{
        const char *equal = strrchr(text, '=');
        unsigned i = m->s->params.n_files;
        struct inquiry_list *l = &m->o->files[i];
        struct dnsbl meaning;
        char words[DNSBL_ZONE_MAX + 16];
        int r;

        /* The words are those of zones. */
        if (snprintf(words, sizeof(words), "file.invalid%s", equal ? equal : "") >= (int) sizeof(words) ||
            dnsbl_parse(words, &meaning) < 0)
                return wrong(m, -EINVAL, "lists", text, "says no meaning that is known");
        m->o->paths[i] = strndup(text, equal ? (size_t) (equal - text) : strlen(text));
        if (!m->o->paths[i])
                return -ENOMEM;
        m->s->params.n_files++;
        r = netlist_new(&m->o->file_nets[i]);
        if (r == 0)
                r = load_nets(m, "lists", m->o->paths[i], m->o->file_nets[i]);
        if (r < 0)
                return r;
        netlist_ready(m->o->file_nets[i]);
        *l = (struct inquiry_list){m->o->paths[i], m->o->file_nets[i], meaning.meaning};
        return 0;
}

static int take_list(struct making *m, const char *text)
{
        if (m->s->params.n_lists + m->s->params.n_files == RECORD_LISTS)
                return wrong(m, -E2BIG, "lists", text, "is one list too many");
        if (strchr(text, '/'))
                return take_file(m, text);
        if (dnsbl_parse(text, &m->o->zones[m->s->params.n_lists]) < 0)
                return wrong(m, -EINVAL, "lists", text, "is neither a zone nor the path of a file");
        m->s->params.n_lists++;
        return 0;
}

static int make_lists(struct making *m)
{
        struct inquiry_setup *s = m->s;
        int r = 0;

        for (size_t i = 0; r == 0 && i < m->c->mail.lists.n; i++)
                r = take_list(m, m->c->mail.lists.items[i]);
        for (unsigned i = 0; r == 0 && i < m->more->n_lists; i++)
                r = take_list(m, m->more->lists[i]);
        if (r < 0)
                return r;
        if (m->offline)
                s->params.n_lists = 0; /* nobody is asked */
        for (unsigned i = 0; i < s->params.n_lists; i++)
                s->lists[s->n_lists++] = m->o->zones[i].zone;
        for (unsigned i = 0; i < s->params.n_files; i++)
                s->lists[s->n_lists++] = m->o->paths[i];
        s->params.files = m->o->files;
        return 0;
}

/* --- the resolver --- */

static void add_port(struct inquiry_setup *s, unsigned port)
{
        for (unsigned i = 0; i < s->n_ports; i++)
                if (s->ports[i] == port)
                        return;
        if (s->n_ports < INQUIRY_PORTS_MAX && port > 0 && port <= UINT16_MAX)
                s->ports[s->n_ports++] = (uint16_t) port;
}

/* "192.0.2.53:5353, [2001:db8::53]:5353, 2001:db8::54" */
static void add_ports(struct inquiry_setup *s, const char *servers)
{
        add_port(s, 53);
        while (*servers) {
                size_t n = strcspn(servers, ",");
                const char *end = servers + n, *bracket = memchr(servers, ']', n);
                const char *from = bracket ? bracket : servers, *colon = memchr(from, ':', (size_t) (end - from));

                if (colon && (bracket || !memchr(colon + 1, ':', (size_t) (end - colon - 1))))
                        add_port(s, (unsigned) strtoul(colon + 1, NULL, 10));
                servers += n + (servers[n] == ',');
        }
}

static int make_resolve(struct making *m)
{
        const char *servers = m->more->resolver ? m->more->resolver : m->c->mail.resolver;
        struct resolve_params params = {.servers = servers, .lists = m->o->zones, .n_lists = m->s->params.n_lists};
        int r;

        if (m->offline)
                return 0;
        r = resolve_new(&params, &m->s->params.resolve);
        if (r == -EINVAL)
                return wrong(m, r, "resolver", servers ? servers : "", "is no list of addresses");
        if (r == 0)
                add_ports(m->s, servers ? servers : "");
        return r;
}

/* --- probes --- */

static int add_machine(struct netlist *to)
{
        struct ifaddrs *all, *i;
        int r = 0;

        if (getifaddrs(&all) < 0)
                return -errno;
        for (i = all; i && r == 0; i = i->ifa_next) {
                struct cidr own = {.bits = 128};

                if (!i->ifa_addr)
                        continue;
                if (i->ifa_addr->sa_family == AF_INET)
                        own.base = addr_from_v4(((struct sockaddr_in *) i->ifa_addr)->sin_addr.s_addr);
                else if (i->ifa_addr->sa_family == AF_INET6)
                        memcpy(own.base.b, &((struct sockaddr_in6 *) i->ifa_addr)->sin6_addr, 16);
                else
                        continue;
                r = netlist_add(to, &own);
        }
        freeifaddrs(all);
        return r;
}

/* All that is ours, and servers that are trusted, their exceptions too. */
static int make_ours(struct making *m)
{
        const struct config_cidrs *const lists[] = {&m->c->mail.own, &m->c->mail.submission, &m->c->home,
                                                    &m->c->network.mail_servers};
        int r = add_machine(m->o->ours);

        for (size_t i = 0; r == 0 && i < m->s->trust.trusted.n; i++)
                r = netlist_add(m->o->ours, &m->o->nets[i].net);
        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                for (size_t k = 0; r == 0 && k < lists[i]->n; k++)
                        r = netlist_add(m->o->ours, &lists[i]->items[k]);
        return r;
}

static int take_allow(struct making *m, const char *text)
{
        struct cidr net;

        return cidr_parse(text, &net) == 0 ? netlist_add(m->o->allowed, &net) :
                                             load_nets(m, "allow", text, m->o->allowed);
}

static int make_nets(struct making *m)
{
        int r = netlist_new(&m->o->allowed);

        if (r == 0)
                r = netlist_new(&m->o->opted_out);
        if (r == 0)
                r = netlist_new(&m->o->ours);
        if (r == 0)
                r = make_ours(m);
        if (r == 0 && m->c->mail.probe_allowed)
                r = load_nets(m, "probe_allowed", m->c->mail.probe_allowed, m->o->allowed);
        if (r == 0 && m->c->mail.probe_opted_out)
                r = load_nets(m, "probe_opted_out", m->c->mail.probe_opted_out, m->o->opted_out);
        for (unsigned i = 0; r == 0 && i < m->more->n_allow; i++)
                r = take_allow(m, m->more->allow[i]);
        for (size_t i = 0; r == 0 && i < m->more->n_opted_out; i++)
                r = netlist_add(m->o->opted_out, &(struct cidr){m->more->opted_out[i], 128});
        if (r < 0)
                return r;
        netlist_ready(m->o->allowed);
        netlist_ready(m->o->opted_out);
        netlist_ready(m->o->ours);
        m->s->n_allowed = (unsigned) netlist_count(m->o->allowed);
        return 0;
}

static int make_pool(struct making *m)
{
        struct smtp_probe_params params = {.permit = m->s->params.permit,
                                           .name = m->c->mail.probe_name,
                                           .ping = m->c->mail.probe_ping,
                                           .packets = smtp_probe_open_packets(),
                                           .log = m->more->log,
                                           .log_userdata = m->more->log_userdata};
        int packets = params.packets, r;

        if (!params.name) {
                if (gethostname(m->o->host, sizeof(m->o->host) - 1) < 0)
                        return -errno;
                params.name = m->o->host;
        }
        r = smtp_probe_new(&params, &m->s->params.probe);
        if (r == -EINVAL)
                return wrong(m, r, "probe_name", params.name, "is no name to say in EHLO");
        if (r < 0)
                return r;
        m->s->packets = packets < 0 ? -EBADF : packets;
        add_port(m->s, 25);
        return 0;
}

static int make_probes(struct making *m)
{
        struct permit_params params = {.probing = true,
                                       .spacing = m->c->mail.probe_spacing,
                                       .net_spacing = m->c->mail.probe_network_spacing,
                                       .concurrent = m->c->mail.probe_concurrent};
        bool probe = m->probe && !m->offline;
        int r;

        if (!probe && !m->more->plan)
                return 0;
        r = make_nets(m);
        if (r < 0)
                return r;
        params.allowed = m->o->allowed;
        params.opted_out = m->o->opted_out;
        params.own = m->o->ours;
        r = permit_new(&params, &m->s->params.permit);
        return r < 0 || !probe || m->more->plan ? r : make_pool(m);
}

/* --- all of it --- */

static int make_os(struct making *m)
{
        int r = os_db_new(&m->o->os);

        if (r == 0)
                r = os_db_add_own(m->o->os);
        if (r < 0)
                return r;
        /* An older book, where it is installed. */
        (void) os_db_load(m->o->os, OS_DB_P0F, NULL, NULL);
        m->s->params.os = m->o->os;
        return 0;
}

int inquiry_setup_new(const struct config *c, const struct inquiry_more *more, struct buf *why,
                      struct inquiry_setup **ret)
{
        static const struct inquiry_more none = {0};
        _cleanup_(inquiry_setup_freep)
        struct inquiry_setup *s = calloc(1, sizeof(*s));
        struct making m = {.s = s, .c = c, .more = more ? more : &none, .why = why};
        size_t said = why->len;
        int r;

        if (!s)
                return -ENOMEM;
        s->packets = -EBADF;
        m.offline = m.more->offline || !c->mail.ask;
        m.probe = m.more->probe;
        m.o = s->owned = calloc(1, sizeof(*s->owned));
        if (!m.o)
                return -ENOMEM;
        r = make_trust(&m);
        if (r == 0)
                r = make_lists(&m);
        if (r == 0)
                r = make_resolve(&m);
        if (r == 0)
                r = make_probes(&m);
        if (r == 0)
                r = make_os(&m);
        if (r < 0) {
                if (why->len == said)
                        (void) buf_puts(why, strerror(-r));
                return r;
        }
        *ret = TAKE_PTR(s);
        return 0;
}

void inquiry_setup_free(struct inquiry_setup *s)
{
        if (!s)
                return;
        resolve_free(s->params.resolve);
        smtp_probe_free(s->params.probe);
        permit_free(s->params.permit);
        if (s->owned) {
                for (unsigned i = 0; i < RECORD_LISTS; i++) {
                        netlist_free(s->owned->file_nets[i]);
                        free(s->owned->paths[i]);
                }
                netlist_free(s->owned->allowed);
                netlist_free(s->owned->opted_out);
                netlist_free(s->owned->ours);
                os_db_free(s->owned->os);
        }
        free(s->owned);
        free(s);
}
