/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events of every type with random fields, and their comparison, for the round trip through JSON. Test code, included
 * after cmocka.h. */
#ifndef SEKIMORI_TESTS_UNIT_VIEW_RANDOM_EVENT_H
#define SEKIMORI_TESTS_UNIT_VIEW_RANDOM_EVENT_H

#include "base/cleanup.h"
#include "model/evidence.h"
#include "model/gate.h"

static uint64_t state = 42;

static uint64_t random64(void)
{
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        /* small and full-width numbers alike */
        return state >> (state % 5 * 15);
}

static struct task random_task(void)
{
        return (struct task){random64(), random64(), (uint32_t) random64(), (uint32_t) random64()};
}

static struct addr random_address(void)
{
        struct addr a;

        if (random64() % 2)
                return addr_from_v4((uint32_t) random64());
        for (size_t i = 0; i < sizeof(a.b); i++)
                a.b[i] = (uint8_t) random64();
        return a;
}

static nsec_t random_time(void)
{
        return (nsec_t) (random64() % (4000000000ULL * NSEC_PER_SEC));
}

static const char *random_text(void)
{
        static const char *const texts[] = {
                NULL, "", "/usr/bin/curl", "a \"b\" \\ c\n\t\x01\x7f", "関守", "\xf0\x9f\x94\x92 {\"x\":1}"};

        return texts[random64() % ELEMENTSOF(texts)];
}

static void random_process(struct event *e)
{
        struct process_event *p = &e->process;

        e->op = (uint8_t) (random64() % 4);
        p->task = random_task();
        p->creator = random_task();
        p->exe_ino = random64();
        p->cgroup = random64();
        p->exe_dev = (uint32_t) random64();
        p->uid = (uint32_t) random64();
        p->loginuid = UINT32_MAX;
        p->session = (uint32_t) random64();
        p->netns = (uint32_t) random64();
        p->tty = (uint32_t) random64();
        p->flags = (uint32_t) random64();
        p->pidns = (uint32_t) random64();
        p->text = random_text();
}

static void random_flow(struct event *e)
{
        struct flow_event *f = &e->flow;

        e->op = (uint8_t) (random64() % 4);
        f->task = random_task();
        f->flow_id = random64();
        f->local = random_address();
        f->remote = random_address();
        f->local_port = (uint16_t) random64();
        f->remote_port = (uint16_t) random64();
        f->netns = (uint32_t) random64();
        f->bytes_out = random64();
        f->bytes_in = random64();
        f->pkts_out = (uint32_t) random64();
        f->pkts_in = (uint32_t) random64();
        f->proto = (uint8_t) random64();
        f->origin = (uint8_t) (random64() % 3);
        f->state = (uint8_t) (random64() % 4);
        f->flags = (uint16_t) random64();
        f->app = (uint8_t) (random64() % APPS);
        f->tcp = (uint16_t) random64();
        f->since = random_time();
}

static void random_socket(struct event *e)
{
        struct socket_event *s = &e->socket;

        e->op = (uint8_t) (random64() % 6);
        s->task = random_task();
        s->socket_id = random64();
        s->local = random_address();
        s->remote = random_address();
        s->local_port = (uint16_t) random64();
        s->remote_port = (uint16_t) random64();
        s->netns = (uint32_t) random64();
        s->ifindex = (uint32_t) random64();
        s->family = (uint16_t) random64();
        s->proto = (uint8_t) random64();
        s->bypass = random64() % 2;
        s->count = (uint32_t) random64();
        s->ethertype = (uint32_t) random64();
}

static struct slice random_slice(void)
{
        static const struct slice slices[] = {{NULL, 0}, {"", 0}, {"PRIVMSG #a :.x \"y\"", 19}, {"a\0b\n", 4}};

        return slices[random64() % ELEMENTSOF(slices)];
}

static void random_ends(struct ends *n)
{
        n->flow_id = random64();
        n->local = random_address();
        n->remote = random_address();
        n->local_port = (uint16_t) random64();
        n->remote_port = (uint16_t) random64();
        n->proto = (uint8_t) random64();
        n->origin = (uint8_t) (random64() % 3);
        n->from_local = random64() % 2;
        n->flags = (uint8_t) random64();
}

static void random_dns(struct event *e)
{
        static struct addr addrs[40];
        struct dns_event *d = &e->dns;

        e->op = (uint8_t) (random64() % 2);
        d->name = random_slice();
        d->n_addrs = (uint16_t) (random64() % ELEMENTSOF(addrs));
        for (size_t i = 0; i < d->n_addrs; i++)
                addrs[i] = random_address();
        d->addrs = d->n_addrs ? addrs : NULL;
        d->ttl = (uint32_t) random64();
        d->qtype = (uint16_t) (random64() % 300);
        d->id = (uint16_t) random64();
        d->size = (uint16_t) random64();
        d->answers = (uint16_t) random64();
        d->rcode = (uint8_t) (random64() % 20);
        d->flags = (uint8_t) random64();
}

static void random_http(struct event *e)
{
        struct http_event *h = &e->http;
        struct slice s;

        e->op = (uint8_t) (random64() % 2);
#define SLICE(field) (s = random_slice(), h->field = s.p, h->field##_len = s.len)
        SLICE(method);
        SLICE(uri);
        SLICE(host);
        SLICE(agent);
        SLICE(type);
#undef SLICE
        h->length = random64() % 2 ? UINT64_MAX : random64();
        h->status = (uint16_t) random64();
}

static void random_tls(struct event *e)
{
        struct slice s = random_slice();

        e->op = (uint8_t) (random64() % 2);
        e->tls.sni = random_slice();
        e->tls.ja4 = random64() % 2 ? NULL : "t13d1516h2_8daaf6152771_b186095e22b6";
        e->tls.alpn = s.p;
        e->tls.alpn_len = (uint8_t) s.len;
        e->tls.version = (uint16_t) (0x2ff + random64() % 8);
        e->tls.cipher = (uint16_t) random64();
}

static void random_file(struct event *e)
{
        struct slice s = random_slice();

        e->file.name = random_slice();
        e->file.host = random_slice();
        e->file.type = s.p;
        e->file.type_len = (uint16_t) s.len;
        e->file.size = random64() % 2 ? UINT64_MAX : random64();
        e->file.kind = (uint8_t) (random64() % FILE_KINDS);
        e->file.how = (uint8_t) (random64() % FILE_HOWS);
}

static void random_dialog(struct event *e)
{
        switch (e->type) {
        case EVENT_IRC:
                e->irc.text = random_slice();
                e->irc.from_client = random64() % 2;
                break;
        case EVENT_SMTP:
                e->op = (uint8_t) (random64() % SMTP_OPS);
                e->smtp.text = random_slice();
                e->smtp.bytes = random64();
                e->smtp.code = (uint16_t) random64();
                break;
        case EVENT_FTP:
                e->op = (uint8_t) (random64() % 2);
                e->ftp.text = random_slice();
                e->ftp.code = (uint16_t) random64();
                break;
        default:
                e->op = (uint8_t) (random64() % 2);
                e->proxy.target = random_address();
                e->proxy.name = random_slice();
                e->proxy.target_port = (uint16_t) random64();
                e->proxy.kind = (uint8_t) (random64() % 3);
                e->proxy.granted = random64() % 2;
        }
}

static void random_rate(struct event *e)
{
        struct rate_event *r = &e->rate;

        r->local = random_address();
        r->target = random_address();
        r->bytes_out = random64();
        r->bytes_in = random64();
        r->pkts_out = (uint32_t) random64();
        r->pkts_in = (uint32_t) random64();
        r->target_pkts = (uint32_t) random64();
        r->syn_out = (uint32_t) random64();
        r->udp_out = (uint32_t) random64();
        r->icmp_out = (uint32_t) random64();
        r->synack_in = (uint32_t) random64();
        r->rst_in = (uint32_t) random64();
        r->http_out = (uint32_t) random64();
        r->peers_out = (uint32_t) random64();
        r->target_port = (uint16_t) random64();
        r->target_proto = (uint8_t) random64();
}

static void random_gate(struct event *e)
{
        struct gate_event *g = &e->gate;

        e->op = (uint8_t) (random64() % GATE_TRIES);
        g->task = random_task();
        g->asker = random_task();
        g->remote = random_address();
        g->exe_ino = random64();
        g->text = random_text();
        g->comm = random_text();
        g->exe_dev = (uint32_t) random64();
        g->uid = (uint32_t) random64();
        g->kinds = (uint32_t) random64();
        g->count = (uint32_t) random64();
        g->port = (uint16_t) random64();
        g->reason = (uint8_t) (random64() % GATE_WHYS);
        g->denied = random64() % 2;
        g->learn = random64() % 2;
        g->proto = (uint8_t) random64();
}

static void random_alert(struct event *e)
{
        struct alert_event *a = &e->alert;

        e->op = ALERT_MATCHED;
        a->msg = random_slice();
        a->category = random_text();
        a->packet = random64();
        a->sid = (uint32_t) random64();
        a->gid = (uint32_t) random64();
        a->rev = (uint32_t) random64();
        a->count = (uint32_t) random64();
        a->weight = (uint16_t) random64();
        a->stage = (uint8_t) (random64() % (STAGES + 1));
        a->action = (uint8_t) (random64() % (ALERT_BLOCKED + 1));
        a->severity = (uint8_t) random64();
        a->app = (uint8_t) (random64() % APPS);
        a->target = (uint8_t) (random64() % (ALERT_TARGET_RECEIVER + 1));
}

static void random_complaint(struct event *e)
{
        struct complaint_event *c = &e->complaint;

        e->op = COMPLAINT_CAME;
        c->local = random_address();
        c->relay = random_address();
        c->text = random_text();
        c->what = random_text();
        c->came = random_time();
        c->incidents = (uint32_t) random64();
        c->port = (uint16_t) random64();
        c->about = (uint8_t) (random64() % COMPLAINT_ABOUTS);
        c->trust = (uint8_t) (random64() % COMPLAINT_TRUSTS);
}

static void random_gap(struct event *e)
{
        e->gap.lost = random64();
        e->gap.reason = (uint8_t) (random64() % GAP_REASONS);
        e->gap.text = random_text();
        e->gap.task = random_task();
}

static struct event random_event(unsigned type)
{
        static void (*const fill[EVENT_TYPES])(struct event * e) = {
                [EVENT_PROCESS] = random_process, [EVENT_SOCKET] = random_socket,
                [EVENT_FLOW] = random_flow,       [EVENT_GAP] = random_gap,
                [EVENT_DNS] = random_dns,         [EVENT_IRC] = random_dialog,
                [EVENT_SMTP] = random_dialog,     [EVENT_HTTP] = random_http,
                [EVENT_TLS] = random_tls,         [EVENT_FTP] = random_dialog,
                [EVENT_PROXY] = random_dialog,    [EVENT_FILE] = random_file,
                [EVENT_RATE] = random_rate,       [EVENT_GATE] = random_gate,
                [EVENT_ALERT] = random_alert,     [EVENT_COMPLAINT] = random_complaint};
        struct event e;

        memset(&e, 0, sizeof(e));
        e.type = (uint8_t) type;
        e.time = random_time();
        e.source = (uint8_t) (random64() % 4); /* also indexes beyond the list */
        if (event_has_ends(type))
                random_ends(&e.ends);
        fill[type](&e);
        return e;
}

static void assert_same_text(const char **a, const char **b)
{
        assert_int_equal(*a == NULL, *b == NULL);
        if (*a)
                assert_string_equal(*a, *b);
        *a = *b = NULL;
}

static void assert_same_bytes(const char **a, const char **b, size_t len)
{
        assert_int_equal(*a == NULL, *b == NULL);
        if (*a)
                assert_memory_equal(*a, *b, len);
        *a = *b = NULL;
}

/* Compares what pointers point to and takes them away. */
static void assert_same_slices(struct event *a, struct event *b)
{
        switch (a->type) {
        case EVENT_PROCESS:
                assert_same_text(&a->process.text, &b->process.text);
                break;
        case EVENT_COMPLAINT:
                assert_same_text(&a->complaint.text, &b->complaint.text);
                assert_same_text(&a->complaint.what, &b->complaint.what);
                break;
        case EVENT_GATE:
                assert_same_text(&a->gate.text, &b->gate.text);
                assert_same_text(&a->gate.comm, &b->gate.comm);
                break;
        case EVENT_ALERT:
                assert_same_bytes(&a->alert.msg.p, &b->alert.msg.p, a->alert.msg.len);
                assert_same_text(&a->alert.category, &b->alert.category);
                break;
        case EVENT_GAP:
                assert_same_text(&a->gap.text, &b->gap.text);
                break;
        case EVENT_DNS:
                assert_same_bytes(&a->dns.name.p, &b->dns.name.p, a->dns.name.len);
                assert_int_equal(a->dns.n_addrs, b->dns.n_addrs);
                if (a->dns.n_addrs)
                        assert_memory_equal(a->dns.addrs, b->dns.addrs, a->dns.n_addrs * sizeof(struct addr));
                a->dns.addrs = b->dns.addrs = NULL;
                break;
        case EVENT_IRC:
                assert_same_bytes(&a->irc.text.p, &b->irc.text.p, a->irc.text.len);
                break;
        case EVENT_SMTP:
                assert_same_bytes(&a->smtp.text.p, &b->smtp.text.p, a->smtp.text.len);
                break;
        case EVENT_HTTP:
                assert_same_bytes(&a->http.method, &b->http.method, a->http.method_len);
                assert_same_bytes(&a->http.uri, &b->http.uri, a->http.uri_len);
                assert_same_bytes(&a->http.host, &b->http.host, a->http.host_len);
                assert_same_bytes(&a->http.agent, &b->http.agent, a->http.agent_len);
                assert_same_bytes(&a->http.type, &b->http.type, a->http.type_len);
                break;
        case EVENT_TLS:
                assert_same_bytes(&a->tls.sni.p, &b->tls.sni.p, a->tls.sni.len);
                assert_same_bytes(&a->tls.alpn, &b->tls.alpn, a->tls.alpn_len);
                assert_same_text(&a->tls.ja4, &b->tls.ja4);
                break;
        case EVENT_FTP:
                assert_same_bytes(&a->ftp.text.p, &b->ftp.text.p, a->ftp.text.len);
                break;
        case EVENT_PROXY:
                assert_same_bytes(&a->proxy.name.p, &b->proxy.name.p, a->proxy.name.len);
                break;
        case EVENT_FILE:
                assert_same_bytes(&a->file.name.p, &b->file.name.p, a->file.name.len);
                assert_same_bytes(&a->file.host.p, &b->file.host.p, a->file.host.len);
                assert_same_bytes(&a->file.type, &b->file.type, a->file.type_len);
                break;
        }
}

/* Byte by byte but for what pointers point to, so that a field that the table of fields forgot shows. Padding is zero:
 * both began from zeroed memory, and no struct is assigned whole. */
static void assert_same_event(struct event *a, struct event *b)
{
        assert_same_slices(a, b);
        assert_int_equal(a->type, b->type);
        assert_int_equal(a->op, b->op);
        assert_memory_equal(a, b, sizeof(*a));
}

#endif
