/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Flows of home hosts for the replays. Test code. */
#include "net.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#define FIND_BACK   4096 /* how many connections back a dialog may lie */
#define MORE_EVERY  (30 * NSEC_PER_SEC)
#define PENDING_MAX (1u << 20)

int net_fail(struct net *n, const char *reason, const char *what)
{
        snprintf(n->error, 160, "%s: %.80s", reason, what ? what : "");
        return -EINVAL;
}

uint32_t net_random(struct net *n)
{
        if (!n->random)
                n->random = 2463534242u;
        n->random ^= n->random << 13;
        n->random ^= n->random >> 17;
        n->random ^= n->random << 5;
        return n->random;
}

bool net_is_home(const struct net *n, const struct addr *a)
{
        static const char *const usual[] = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8"};
        struct cidr c;

        for (size_t i = 0; i < n->n_homes; i++)
                if (cidr_contains(&n->homes[i], a))
                        return true;
        for (size_t i = 0; n->n_homes == 0 && i < ELEMENTSOF(usual); i++)
                if (cidr_parse(usual[i], &c) == 0 && cidr_contains(&c, a))
                        return true;
        return false;
}

static bool is_before(const struct net_pending *a, const struct net_pending *b)
{
        return a->event.time != b->event.time ? a->event.time < b->event.time : a->number < b->number;
}

static void swap(struct net_pending *a, struct net_pending *b)
{
        struct net_pending t = *a;

        *a = *b;
        *b = t;
}

static int later(struct net *n, const struct event *e)
{
        if (n->n_pending == n->size_pending) {
                size_t size = n->size_pending ? 2 * n->size_pending : 256;
                struct net_pending *p = size > PENDING_MAX ? NULL : realloc(n->pending, size * sizeof(*p));

                if (!p)
                        return net_fail(n, "too many flows at once", "");
                n->pending = p;
                n->size_pending = size;
        }
        n->pending[n->n_pending] = (struct net_pending){.event = *e, .number = ++n->number};
        for (size_t i = n->n_pending++; i && is_before(&n->pending[i], &n->pending[(i - 1) / 2]); i = (i - 1) / 2)
                swap(&n->pending[i], &n->pending[(i - 1) / 2]);
        return 0;
}

void net_flush(struct net *n, nsec_t until)
{
        while (n->n_pending && n->pending[0].event.time <= until) {
                struct event e = n->pending[0].event;

                n->pending[0] = n->pending[--n->n_pending];
                for (size_t i = 0, least = 0;; i = least) {
                        for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < n->n_pending; k++)
                                if (is_before(&n->pending[k], &n->pending[least]))
                                        least = k;
                        if (least == i)
                                break;
                        swap(&n->pending[i], &n->pending[least]);
                }
                n->event(n->userdata, &e);
        }
}

void net_done(struct net *n)
{
        free(n->conns);
        free(n->pending);
}

/* The same event as the other home host sees it. */
static struct event other_side(const struct event *e)
{
        struct event o = *e;
        struct flow_event *f = &o.flow;

        if (e->type == EVENT_FLOW) {
                f->local = e->flow.remote;
                f->remote = e->flow.local;
                if (f->proto != IPPROTO_ICMP && f->proto != IPPROTO_ICMPV6) {
                        f->local_port = e->flow.remote_port;
                        f->remote_port = e->flow.local_port;
                }
                f->bytes_out = e->flow.bytes_in;
                f->bytes_in = e->flow.bytes_out;
                f->pkts_out = e->flow.pkts_in;
                f->pkts_in = e->flow.pkts_out;
                f->tcp = (uint16_t) (e->flow.tcp << 8 | e->flow.tcp >> 8);
                f->origin = f->origin == FLOW_ACCEPTED ? FLOW_ORIGINATED : FLOW_ACCEPTED;
                return o;
        }
        o.ends.local = e->ends.remote;
        o.ends.remote = e->ends.local;
        o.ends.local_port = e->ends.remote_port;
        o.ends.remote_port = e->ends.local_port;
        o.ends.from_local = !e->ends.from_local;
        o.ends.origin = e->ends.origin == FLOW_ACCEPTED ? FLOW_ORIGINATED : FLOW_ACCEPTED;
        return o;
}

/* Does the event concern a second home host? A silent address has no events of its own but those. */
static bool mark_both(const struct net *n, struct event *e)
{
        if (e->type == EVENT_FLOW) {
                if (task_is_known(&e->flow.task) || !net_is_home(n, &e->flow.local) ||
                    !net_is_home(n, &e->flow.remote) || e->flow.proto == PROTO_ARP)
                        return false;
                e->flow.flags |= FLOW_BOTH_HOME;
                return true;
        }
        if (!event_has_ends(e->type) || !net_is_home(n, &e->ends.local) || !net_is_home(n, &e->ends.remote))
                return false;
        e->ends.flags |= ENDS_BOTH_HOME;
        if (e->type != EVENT_ALERT)
                return true;
        if (!e->ends.from_local) /* one event, seen from the sender */
                *e = other_side(e);
        return false;
}

void net_send(struct net *n, struct event *e)
{
        bool both = mark_both(n, e);
        struct event other = other_side(e);

        e->time = other.time = *n->now;
        net_flush(n, *n->now);
        n->event(n->userdata, e);
        if (both)
                n->event(n->userdata, &other);
}

static int send_at(struct net *n, nsec_t time, struct event *e)
{
        bool both = mark_both(n, e);
        struct event other = other_side(e);
        int r;

        e->time = other.time = time;
        r = later(n, e);
        return r == 0 && both ? later(n, &other) : r;
}

struct net_conn *net_add(struct net *n, const struct flow_event *f)
{
        struct net_conn *c;

        if (n->n_conns == n->size_conns) {
                size_t size = n->size_conns ? 2 * n->size_conns : 64;

                c = realloc(n->conns, size * sizeof(*c));
                if (!c)
                        return NULL;
                n->conns = c;
                n->size_conns = size;
        }
        c = &n->conns[n->n_conns++];
        memset(c, 0, sizeof(*c));
        c->flow = *f;
        c->flow.flow_id = 1000000 + ++n->flow_id;
        if (!c->flow.local_port)
                c->flow.local_port = 40000 + n->port++ % 20000;
        return c;
}

struct net_conn *net_find(struct net *n, const struct addr *local, uint16_t local_port, const struct addr *remote,
                          uint16_t remote_port, uint8_t proto)
{
        for (size_t i = n->n_conns; i-- > 0 && n->n_conns - i <= FIND_BACK;) {
                struct flow_event *f = &n->conns[i].flow;

                if (f->proto == proto && f->remote_port == remote_port && addr_equal(&f->remote, remote) &&
                    addr_equal(&f->local, local) && (!local_port || f->local_port == local_port))
                        return &n->conns[i];
        }
        return NULL;
}

static int read_proto(const char *word, bool v6, uint8_t *ret)
{
        static const char *const names[] = {"tcp", "udp", "icmp", "arp"};
        const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, PROTO_ARP};

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcmp(names[i], word) == 0) {
                        *ret = protos[i];
                        return 0;
                }
        return -EINVAL;
}

static int read_app(const char *word, uint8_t *ret)
{
        for (unsigned i = 0; word && i < APPS; i++)
                if (strcmp(app_name(i), word) == 0) {
                        *ret = (uint8_t) i;
                        return 0;
                }
        return word ? -EINVAL : 0;
}

/* The totals of a whole flow of that ending, where not given: of the side that began it and of the other. */
static void fill_totals(struct flow_event *f, const struct words *a, const char *how)
{
        bool tcp = f->proto == IPPROTO_TCP, udp = f->proto == IPPROTO_UDP, answered = strcmp(how, "answered") == 0;
        bool open = strcmp(how, "open") == 0, refused = strcmp(how, "refused") == 0;
        bool accepted = f->origin == FLOW_ACCEPTED;
        uint64_t ask = (answered || open) && tcp ? 500 : tcp ? 0 : 60, reply = answered || open ? 2 * ask : 0;
        uint32_t asked = (answered || open) && tcp ? 6 : 1, replied = answered || open ? asked : refused && tcp ? 1 : 0;
        uint16_t ours = TCP_SEEN_SYN, theirs = 0;

        if (udp && (answered || open))
                reply = 120;
        if (answered || open)
                ours = theirs = TCP_SEEN_SYN | TCP_SEEN_ACK | TCP_SEEN_PUSH | (answered ? TCP_SEEN_FIN : 0);
        else if (refused)
                theirs = TCP_SEEN_RST | TCP_SEEN_ACK;
        f->bytes_out = words_number(a, "out", accepted ? reply : ask);
        f->bytes_in = words_number(a, "in", accepted ? ask : reply);
        f->pkts_out = (uint32_t) words_number(a, "pkts_out", MAX(accepted ? replied : asked, f->bytes_out / 1400));
        f->pkts_in = (uint32_t) words_number(a, "pkts_in", MAX(accepted ? asked : replied, f->bytes_in / 1400));
        if (tcp)
                f->tcp = accepted ? (uint16_t) (ours << 8 | theirs) : (uint16_t) (theirs << 8 | ours);
}

/* The flow's first packet: what the one who asks has sent. */
static struct flow_event begin(const struct flow_event *whole)
{
        struct flow_event f = *whole;
        bool accepted = f.origin == FLOW_ACCEPTED;

        f.state = FLOW_STATE_NEW;
        f.pkts_out = !accepted;
        f.pkts_in = accepted;
        f.bytes_out = f.proto != IPPROTO_TCP && !accepted ? MIN(whole->bytes_out, 1400u) : 0;
        f.bytes_in = f.proto != IPPROTO_TCP && accepted ? MIN(whole->bytes_in, 1400u) : 0;
        f.tcp = f.proto != IPPROTO_TCP ? 0 : accepted ? TCP_SEEN_SYN << 8 : TCP_SEEN_SYN;
        f.app = APP_UNKNOWN;
        return f;
}

/* Updates every 30 s while it lasts, its totals in proportion, then the end. */
static int plan(struct net *n, const struct flow_event *whole, nsec_t from, nsec_t during, uint8_t state)
{
        struct event e = {.type = EVENT_FLOW, .op = FLOW_UPDATE, .flow = *whole};
        int r = 0;

        if (state == FLOW_STATE_CLOSED) {
                nsec_t answer = MIN(10 * NSEC_PER_MSEC, during / 2);

                e.flow = begin(whole);
                e.flow.state = FLOW_STATE_ESTABLISHED;
                e.flow.app = whole->app;
                e.flow.pkts_in = MAX(1u, e.flow.pkts_in);
                e.flow.pkts_out = MAX(1u, e.flow.pkts_out);
                if ((r = send_at(n, from + answer, &e)) < 0)
                        return r;
        }
        for (nsec_t at = MORE_EVERY; at < during && state == FLOW_STATE_CLOSED && r == 0; at += MORE_EVERY) {
                double part = (double) at / (double) during;

                e.flow.bytes_out = (uint64_t) ((double) whole->bytes_out * part);
                e.flow.bytes_in = (uint64_t) ((double) whole->bytes_in * part);
                e.flow.pkts_out = 1 + (uint32_t) ((double) whole->pkts_out * part);
                e.flow.pkts_in = 1 + (uint32_t) ((double) whole->pkts_in * part);
                r = send_at(n, from + at, &e);
        }
        e.op = FLOW_END;
        e.flow = *whole;
        e.flow.state = state;
        return r < 0 ? r : send_at(n, from + during, &e);
}

static int read_flow(struct net *n, const struct words *a, struct flow_event *f)
{
        uint16_t none = 0;

        if (a->n < 5)
                return net_fail(n, "wants: HOST PROTO PEER how", a->w[0]);
        f->origin = words_has(a, "accepted") ? FLOW_ACCEPTED : FLOW_ORIGINATED;
        if (words_endpoint(a->w[1], 0, &f->local, &f->local_port) < 0)
                return net_fail(n, "no host", a->w[1]);
        if (words_endpoint(a->w[3], 0, &f->remote, &f->remote_port) < 0)
                return net_fail(n, "no peer", a->w[3]);
        if (read_proto(a->w[2], !addr_is_v4(&f->remote), &f->proto) < 0)
                return net_fail(n, "no protocol", a->w[2]);
        if (read_app(words_option(a, "app"), &f->app) < 0)
                return net_fail(n, "no application", words_option(a, "app"));
        if (f->origin == FLOW_ACCEPTED && !f->remote_port)
                f->remote_port = 40000 + n->port++ % 20000;
        if (f->proto == IPPROTO_ICMP)
                f->local_port = (uint16_t) words_number(a, "type", 8) << 8;
        else if (f->proto == IPPROTO_ICMPV6)
                f->local_port = (uint16_t) words_number(a, "type", 128) << 8;
        else if (f->proto == PROTO_ARP)
                f->local_port = none;
        if (words_option(a, "pid"))
                f->task.pid = f->task.tid = (uint32_t) words_number(a, "pid", 0);
        f->flags = (uint16_t) ((words_has(a, "midstream") ? FLOW_MIDSTREAM : 0) |
                               (words_has(a, "one_sided") ? FLOW_ONE_SIDED : 0) |
                               (words_has(a, "text") ? FLOW_TEXT : 0) | (words_has(a, "random") ? FLOW_RANDOM : 0));
        f->since = *n->now;
        return 0;
}

/* flow HOST[:PORT] PROTO PEER[:PORT] answered|refused|silent|open [options] */
static int do_flow(struct net *n, struct words *a)
{
        static const char *const hows[] = {"answered", "refused", "silent", "open"};
        struct event e = {.type = EVENT_FLOW, .op = FLOW_START};
        struct flow_event f = {0};
        struct net_conn *c;
        int r = read_flow(n, a, &f), how = -1;

        if (r < 0)
                return r;
        for (int i = 0; i < (int) ELEMENTSOF(hows); i++)
                how = strcmp(a->w[4], hows[i]) == 0 ? i : how;
        if (how < 0)
                return net_fail(n, "answered, refused, silent or open", a->w[4]);
        c = net_add(n, &f);
        if (!c)
                return net_fail(n, "no memory", "");
        if (f.proto == PROTO_ARP)
                c->flow.local_port = 0;
        snprintf(c->name, sizeof(c->name), "%s", words_option(a, "id") ? words_option(a, "id") : "");
        fill_totals(&c->flow, a, a->w[4]);
        f = c->flow;
        e.flow = begin(&f);
        net_send(n, &e);
        if (how == 3) {
                f = c->flow;
                c->flow.state = FLOW_STATE_ESTABLISHED;
                e.op = FLOW_UPDATE;
                e.flow = c->flow;
                return send_at(n, *n->now + 10 * NSEC_PER_MSEC, &e);
        }
        return plan(n, &f, *n->now, words_span(a, "during", NSEC_PER_SEC),
                    how == 0 ? FLOW_STATE_CLOSED : FLOW_STATE_FAILED);
}

/* more NAME [out= in= pkts_out= pkts_in=] | push NAME | close NAME [refused] with totals */
static int do_more(struct net *n, struct words *a)
{
        struct event e = {.type = EVENT_FLOW, .op = FLOW_UPDATE};
        struct net_conn *c = NULL;

        for (size_t i = n->n_conns; a->n > 1 && !c && i-- > 0;)
                if (n->conns[i].name[0] && strcmp(n->conns[i].name, a->w[1]) == 0)
                        c = &n->conns[i];
        if (!c)
                return net_fail(n, "no flow of that id", a->n > 1 ? a->w[1] : "");
        c->flow.bytes_out = words_number(a, "out", c->flow.bytes_out);
        c->flow.bytes_in = words_number(a, "in", c->flow.bytes_in);
        c->flow.pkts_out = (uint32_t) words_number(a, "pkts_out", MAX(c->flow.pkts_out, c->flow.bytes_out / 1400));
        c->flow.pkts_in = (uint32_t) words_number(a, "pkts_in", MAX(c->flow.pkts_in, c->flow.bytes_in / 1400));
        if (strcmp(a->w[0], "close") == 0) {
                e.op = FLOW_END;
                c->flow.state = words_has(a, "refused") ? FLOW_STATE_FAILED : FLOW_STATE_CLOSED;
        }
        e.flow = c->flow;
        net_send(n, &e);
        return 0;
}

/* home CIDR... */
static int do_home(struct net *n, struct words *a)
{
        for (int i = 1; i < a->n; i++)
                if (n->n_homes == NET_HOMES || cidr_parse(a->w[i], &n->homes[n->n_homes++]) < 0)
                        return net_fail(n, "no network", a->w[i]);
        return 0;
}

static const struct {
        const char *word;
        int (*run)(struct net *n, struct words *a);
} verbs[] = {
        {"flow", do_flow},
        {"more", do_more},
        {"close", do_more},
        {"home", do_home},
};

int net_line(struct net *n, struct words *a)
{
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (strcmp(verbs[i].word, a->w[0]) == 0)
                        return verbs[i].run(n, a);
        return net_app_line(n, a);
}

static void put_word(struct net *n, char *at, size_t size)
{
        size_t len = MIN(8 + net_random(n) % 9, size - 1);

        for (size_t i = 0; i < len; i++)
                at[i] = (char) ('a' + net_random(n) % 26);
        at[len] = '\0';
}

void net_expand(struct net *n, const char *line, unsigned long i, char ret[static WORDS_LEN])
{
        size_t len = 0;

        while (*line && len < WORDS_LEN - 32) {
                size_t word = strcspn(line, "}") + 1;
                char *at = ret + len;
                size_t room = WORDS_LEN - len;

                if (strncmp(line, "{i}", word) == 0)
                        snprintf(at, room, "%lu", i);
                else if (strncmp(line, "{hi}", word) == 0)
                        snprintf(at, room, "%lu", i >> 8 & 255);
                else if (strncmp(line, "{lo}", word) == 0)
                        snprintf(at, room, "%lu", i & 255);
                else if (strncmp(line, "{r}", word) == 0)
                        snprintf(at, room, "%u", net_random(n) & 255);
                else if (strncmp(line, "{port}", word) == 0)
                        snprintf(at, room, "%u", 1024 + net_random(n) % 64512);
                else if (strncmp(line, "{word}", word) == 0)
                        put_word(n, at, room);
                else {
                        ret[len++] = *line++;
                        ret[len] = '\0';
                        continue;
                }
                len += strlen(at);
                line += word;
        }
        ret[len] = '\0';
}
