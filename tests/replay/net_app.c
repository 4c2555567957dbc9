/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the flows of home hosts say, for the replays: DNS, IRC, SMTP, HTTP, TLS, FTP, proxies, files, rates. Test code.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/evidence.h"
#include "net.h"

#define ADDRS_MAX 64

static struct slice slice_of(const char *s)
{
        return s ? (struct slice){s, (uint32_t) strlen(s)} : (struct slice){NULL, 0};
}

/* The rest of the line from word `i`, with \xNN as that byte. */
static struct slice text_of(const struct words *a, int i, char text[static WORDS_LEN])
{
        const char *p = i < a->n ? a->rest[i] : "";
        size_t len = 0;
        unsigned byte;

        while (*p) {
                if (sscanf(p, "\\x%2x", &byte) == 1) {
                        text[len++] = (char) byte;
                        p += strlen("\\xNN");
                } else
                        text[len++] = *p++;
        }
        return (struct slice){text, (uint32_t) len};
}

/* HOST[:PORT] PEER[:PORT] at words 1 and 2, "serves" before them. The connection is the newest between these two. */
static struct net_conn *read_ends(struct net *n, struct words *a, uint16_t port, uint8_t proto, struct ends *ret)
{
        bool serves = a->n > 1 && strcmp(a->w[1], "serves") == 0;
        struct flow_event f = {.proto = proto, .origin = serves ? FLOW_ACCEPTED : FLOW_ORIGINATED, .since = *n->now};
        struct net_conn *c;

        if (serves)
                words_shift(a, 1);
        if (a->n < 4 || words_endpoint(a->w[1], serves ? port : 0, &f.local, &f.local_port) < 0 ||
            words_endpoint(a->w[2], serves ? 0 : port, &f.remote, &f.remote_port) < 0) {
                net_fail(n, "wants: [serves] HOST PEER and more", a->w[0]);
                return NULL;
        }
        c = net_find(n, &f.local, f.local_port, &f.remote, f.remote_port, proto);
        if (!c && serves && !f.remote_port)
                f.remote_port = 50000 + n->port++ % 10000;
        if (!c && !(c = net_add(n, &f))) {
                net_fail(n, "no memory", "");
                return NULL;
        }
        *ret = (struct ends){.flow_id = c->flow.flow_id, .local = f.local, .remote = f.remote};
        ret->local_port = c->flow.local_port;
        ret->remote_port = c->flow.remote_port;
        ret->proto = proto;
        ret->origin = c->flow.origin;
        return c;
}

/* Did the home host say it, if it is what a client says (or a server)? */
static uint8_t said_here(const struct ends *ends, bool client)
{
        return client == (ends->origin == FLOW_ORIGINATED);
}

static const struct {
        const char *name;
        uint16_t number;
} dns_types[] = {{"A", 1},     {"NS", 2},     {"CNAME", 5},  {"SOA", 6},    {"NULL", 10}, {"PTR", 12},   {"MX", 15},
                 {"TXT", 16},  {"AAAA", 28},  {"SRV", 33},   {"NAPTR", 35}, {"DS", 43},   {"RRSIG", 46}, {"DNSKEY", 48},
                 {"SVCB", 64}, {"HTTPS", 65}, {"IXFR", 251}, {"AXFR", 252}, {"ANY", 255}};
static const char *const dns_rcodes[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};

static uint16_t dns_type(const char *word)
{
        for (size_t i = 0; i < ELEMENTSOF(dns_types); i++)
                if (strcmp(dns_types[i].name, word) == 0)
                        return dns_types[i].number;
        return (uint16_t) strtoul(word, NULL, 10);
}

static uint8_t dns_rcode(const char *word)
{
        for (size_t i = 0; i < ELEMENTSOF(dns_rcodes); i++)
                if (strcmp(dns_rcodes[i], word) == 0)
                        return (uint8_t) i;
        return (uint8_t) strtoul(word, NULL, 10);
}

static uint16_t read_addrs(const struct words *a, struct addr addrs[static ADDRS_MAX])
{
        const char *p = words_option(a, "addr");
        char text[ADDR_TEXT_MAX];
        uint16_t count = 0;

        while (p && *p && count < ADDRS_MAX) {
                size_t len = strcspn(p, ",");

                snprintf(text, sizeof(text), "%.*s", (int) len, p);
                if (addr_parse(text, &addrs[count]) == 0)
                        count++;
                p += len + (p[len] == ',');
        }
        return count;
}

static void send_dns(struct net *n, const struct words *a, struct event e, bool answer, const char *rcode)
{
        struct addr addrs[ADDRS_MAX];
        struct dns_event *d = &e.dns;

        e.op = answer ? DNS_ANSWER : DNS_QUERY;
        d->ends.from_local = said_here(&d->ends, !answer);
        d->flags = DNS_RECURSION_DESIRED | (words_has(a, "authoritative") ? DNS_AUTHORITATIVE : 0) |
                   (words_has(a, "truncated") ? DNS_TRUNCATED : 0);
        d->size = (uint16_t) (17 + d->name.len + 1);
        if (answer) {
                d->n_addrs = read_addrs(a, addrs);
                d->addrs = d->n_addrs ? addrs : NULL;
                d->ttl = (uint32_t) words_number(a, "ttl", 300);
                d->rcode = dns_rcode(rcode);
                d->answers = (uint16_t) words_number(a, "answers", d->n_addrs);
                d->size = (uint16_t) words_number(a, "size", d->size + 16u * d->answers);
                d->flags |= DNS_RECURSION_AVAILABLE;
        }
        net_send(n, &e);
}

/* dns [serves] HOST query NAME TYPE | answer NAME TYPE RCODE | lookup NAME TYPE RCODE, with server= */
static int do_dns(struct net *n, struct words *a)
{
        struct event e = {.type = EVENT_DNS};
        bool serves = words_has(a, "serves"), lookup, answer;
        const char *server = words_option(a, "server");
        struct words ends = {.n = 0};
        char line[160];

        if (serves)
                words_shift(a, 1);
        if (a->n < 5)
                return net_fail(n, "wants: HOST query|answer|lookup NAME TYPE", a->w[0]);
        lookup = strcmp(a->w[2], "lookup") == 0;
        answer = strcmp(a->w[2], "answer") == 0;
        if ((!lookup && !answer && strcmp(a->w[2], "query") != 0) || ((lookup || answer) && a->n < 6))
                return net_fail(n, "wants: query NAME TYPE, answer|lookup NAME TYPE RCODE", a->w[2]);
        snprintf(line, sizeof(line), "dns %s %.60s %.60s x", serves ? "serves" : "", a->w[1],
                 server ? server : "198.51.100.53");
        words_split(&ends, line);
        if (!read_ends(n, &ends, 53, words_has(a, "tcp") ? IPPROTO_TCP : IPPROTO_UDP, &e.ends))
                return -EINVAL;
        e.dns.name = slice_of(strcmp(a->w[3], ".") == 0 ? "" : a->w[3]);
        e.dns.qtype = dns_type(a->w[4]);
        e.dns.id = answer ? n->dns_id : ++n->dns_id;
        if (!answer)
                send_dns(n, a, e, false, NULL);
        if (lookup)
                *n->now += words_span(a, "after", 20 * NSEC_PER_MSEC);
        if (lookup || answer)
                send_dns(n, a, e, true, a->w[5]);
        return 0;
}

/* irc [serves] HOST SERVER[:6667] client|server TEXT */
static int do_irc(struct net *n, struct words *a)
{
        struct event e = {.type = EVENT_IRC, .op = IRC_LINE};
        char text[WORDS_LEN];

        if (!read_ends(n, a, 6667, IPPROTO_TCP, &e.ends))
                return -EINVAL;
        e.irc.from_client = strcmp(a->w[3], "client") == 0;
        if (!e.irc.from_client && strcmp(a->w[3], "server") != 0)
                return net_fail(n, "client or server", a->w[3]);
        e.irc.ends.from_local = said_here(&e.ends, e.irc.from_client);
        e.irc.text = text_of(a, 4, text);
        e.irc.text.len = MIN(e.irc.text.len, 512u);
        net_send(n, &e);
        return 0;
}

/* smtp [serves] HOST SERVER[:25] OP [code=] [bytes=] TEXT */
static int do_smtp(struct net *n, struct words *a)
{
        struct event e = {.type = EVENT_SMTP, .op = SMTP_OPS};
        char text[WORDS_LEN];
        int at = 4;

        if (!read_ends(n, a, 25, IPPROTO_TCP, &e.ends))
                return -EINVAL;
        for (unsigned op = 0; op < SMTP_OPS; op++)
                if (strcmp(event_op_name(EVENT_SMTP, op), a->w[3]) == 0)
                        e.op = (uint8_t) op;
        if (e.op == SMTP_OPS)
                return net_fail(n, "no step of SMTP", a->w[3]);
        while (at < a->n && (strncmp(a->w[at], "code=", 5) == 0 || strncmp(a->w[at], "bytes=", 6) == 0))
                at++;
        e.smtp.ends.from_local =
                said_here(&e.ends, e.op != SMTP_BANNER && e.op != SMTP_ACCEPTED && e.op != SMTP_REJECTED);
        e.smtp.code = (uint16_t) words_number(a, "code",
                                              e.op == SMTP_REJECTED ? 550 :
                                              e.op == SMTP_BANNER   ? 220 :
                                              e.op == SMTP_ACCEPTED ? 250 :
                                                                      0);
        e.smtp.bytes = words_number(a, "bytes", e.op == SMTP_DATA ? 2000 : 0);
        e.smtp.text = text_of(a, at, text);
        net_send(n, &e);
        return 0;
}

/* Everything behind "key=", to the end of the line. */
static const char *to_the_end(const struct words *a, const char *key)
{
        size_t len = strlen(key);

        for (int i = 0; i < a->n; i++)
                if (strncmp(a->w[i], key, len) == 0 && a->w[i][len] == '=')
                        return a->rest[i] + len + 1;
        return NULL;
}

static void put_request(struct http_event *h, const struct net_conn *c)
{
        h->method = c->method;
        h->method_len = (uint8_t) strlen(c->method);
        h->uri = c->uri;
        h->uri_len = (uint16_t) strlen(c->uri);
        h->host = c->host;
        h->host_len = (uint16_t) strlen(c->host);
        h->agent = c->agent[0] ? c->agent : NULL;
        h->agent_len = (uint16_t) strlen(c->agent);
}

static void take(char *at, size_t size, const char *text)
{
        if (text)
                snprintf(at, size, "%s", text);
}

/* http [serves] HOST SERVER[:80] METHOD HOSTNAME URI [length=] [agent=to the end] | response CODE TYPE LENGTH */
static int do_http(struct net *n, struct words *a)
{
        struct event e = {.type = EVENT_HTTP, .op = HTTP_REQUEST};
        struct net_conn *c = read_ends(n, a, 80, IPPROTO_TCP, &e.ends);
        struct http_event *h = &e.http;

        if (!c)
                return -EINVAL;
        if (a->n < 6)
                return net_fail(n, "wants: METHOD HOSTNAME URI, or response CODE TYPE LENGTH", a->w[3]);
        if (strcmp(a->w[3], "response") != 0) {
                take(c->method, sizeof(c->method), a->w[3]);
                take(c->host, sizeof(c->host), strcmp(a->w[4], "-") == 0 ? "" : a->w[4]);
                take(c->uri, sizeof(c->uri), a->w[5]);
                take(c->agent, sizeof(c->agent), to_the_end(a, "agent"));
                h->length = words_number(a, "length", UINT64_MAX);
        } else {
                if (a->n < 7)
                        return net_fail(n, "wants: CODE TYPE LENGTH", a->w[3]);
                e.op = HTTP_RESPONSE;
                take(c->host, sizeof(c->host), words_option(a, "host"));
                take(c->uri, sizeof(c->uri), words_option(a, "uri"));
                h->status = (uint16_t) strtoul(a->w[4], NULL, 10);
                h->type = strcmp(a->w[5], "-") == 0 ? NULL : a->w[5];
                h->type_len = h->type ? (uint16_t) strlen(h->type) : 0;
                h->length = strcmp(a->w[6], "-") == 0 ? UINT64_MAX : strtoull(a->w[6], NULL, 10);
        }
        h->ends.from_local = said_here(&e.ends, e.op == HTTP_REQUEST);
        put_request(h, c);
        net_send(n, &e);
        return 0;
}

/* tls [serves] HOST SERVER[:443] SNI|- [ja4= alpn= version=] | answer [cipher= alpn= version=] */
static int do_tls(struct net *n, struct words *a)
{
        struct event e = {.type = EVENT_TLS};
        const char *alpn = words_option(a, "alpn");

        if (!read_ends(n, a, 443, IPPROTO_TCP, &e.ends))
                return -EINVAL;
        e.op = strcmp(a->w[3], "answer") == 0 ? TLS_SERVER_HELLO : TLS_CLIENT_HELLO;
        e.tls.ends.from_local = said_here(&e.ends, e.op == TLS_CLIENT_HELLO);
        if (e.op == TLS_CLIENT_HELLO && strcmp(a->w[3], "-") != 0)
                e.tls.sni = slice_of(a->w[3]);
        e.tls.ja4 = words_option(a, "ja4");
        e.tls.alpn = alpn;
        e.tls.alpn_len = alpn ? (uint8_t) strlen(alpn) : 0;
        e.tls.version = (uint16_t) words_number(a, "version", 0x0304);
        e.tls.cipher = (uint16_t) words_number(a, "cipher", e.op == TLS_SERVER_HELLO ? 0x1301 : 0);
        net_send(n, &e);
        return 0;
}

/* ftp [serves] HOST SERVER[:21] command|reply TEXT */
static int do_ftp(struct net *n, struct words *a)
{
        struct event e = {.type = EVENT_FTP};
        char text[WORDS_LEN];

        if (!read_ends(n, a, 21, IPPROTO_TCP, &e.ends))
                return -EINVAL;
        e.op = strcmp(a->w[3], "reply") == 0 ? FTP_REPLY : FTP_COMMAND;
        e.ftp.ends.from_local = said_here(&e.ends, e.op == FTP_COMMAND);
        e.ftp.text = text_of(a, 4, text);
        if (e.op == FTP_REPLY && a->n > 4)
                e.ftp.code = (uint16_t) strtoul(a->w[4], NULL, 10);
        net_send(n, &e);
        return 0;
}

/* proxy [serves] HOST PEER:PORT request|granted|refused socks4|socks5|connect TARGET:PORT */
static int do_proxy(struct net *n, struct words *a)
{
        struct event e = {.type = EVENT_PROXY};
        struct proxy_event *p = &e.proxy;
        char name[128];

        if (!read_ends(n, a, 1080, IPPROTO_TCP, &e.ends))
                return -EINVAL;
        if (a->n < 6)
                return net_fail(n, "wants: request|granted|refused KIND TARGET:PORT", a->w[3]);
        e.op = strcmp(a->w[3], "request") == 0 ? PROXY_REQUEST : PROXY_REPLY;
        p->granted = strcmp(a->w[3], "granted") == 0;
        for (unsigned k = 0; k <= PROXY_HTTP_CONNECT; k++)
                if (strcmp(proxy_kind_name(k), a->w[4]) == 0)
                        p->kind = (uint8_t) k;
        if (words_endpoint(a->w[5], 0, &p->target, &p->target_port) < 0) {
                const char *colon = strrchr(a->w[5], ':');

                p->target = addr_from_v4(0);
                p->target_port = colon ? (uint16_t) strtoul(colon + 1, NULL, 10) : 0;
                snprintf(name, sizeof(name), "%.*s", (int) strcspn(a->w[5], ":"), a->w[5]);
                p->name = slice_of(name);
        }
        p->ends.from_local = said_here(&e.ends, e.op == PROXY_REQUEST);
        net_send(n, &e);
        return 0;
}

/* file [serves] HOST SERVER:PORT received|sent KIND HOW NAME [type= host= size=] */
static int do_file(struct net *n, struct words *a)
{
        struct event e = {.type = EVENT_FILE, .op = FILE_SEEN};
        struct file_event *f = &e.file;
        bool tftp = a->n > 5 && words_has(a, "tftp");

        if (!read_ends(n, a, tftp ? 69 : 80, tftp ? IPPROTO_UDP : IPPROTO_TCP, &e.ends))
                return -EINVAL;
        if (a->n < 7)
                return net_fail(n, "wants: received|sent KIND HOW NAME", a->w[3]);
        f->kind = FILE_KINDS;
        f->how = FILE_HOWS;
        for (unsigned k = 0; k < FILE_KINDS; k++)
                f->kind = strcmp(file_kind_name(k), a->w[4]) == 0 ? (uint8_t) k : f->kind;
        for (unsigned k = 0; k < FILE_HOWS; k++)
                f->how = strcmp(file_how_name(k), a->w[5]) == 0 ? (uint8_t) k : f->how;
        if (f->kind == FILE_KINDS || f->how == FILE_HOWS)
                return net_fail(n, "no such kind or way", a->w[4]);
        f->ends.from_local = strcmp(a->w[3], "sent") == 0;
        f->name = slice_of(strcmp(a->w[6], "-") == 0 ? "" : a->w[6]);
        f->host = slice_of(words_option(a, "host"));
        f->type = words_option(a, "type");
        f->type_len = f->type ? (uint16_t) strlen(f->type) : 0;
        f->size = words_number(a, "size", UINT64_MAX);
        net_send(n, &e);
        return 0;
}

/* alert [serves] HOST PEER sent|received STAGE WEIGHT SID MESSAGE to the end of the line: a rule matched what HOST sent
 * or got. WEIGHT: hundredths. */
static int do_alert(struct net *n, struct words *a)
{
        struct event e = {.type = EVENT_ALERT, .op = ALERT_MATCHED};
        struct alert_event *l = &e.alert;
        char text[WORDS_LEN];

        if (!read_ends(n, a, 80, IPPROTO_TCP, &e.ends))
                return -EINVAL;
        if (a->n < 8)
                return net_fail(n, "wants: sent|received STAGE WEIGHT SID MESSAGE", a->w[3]);
        l->ends.from_local = strcmp(a->w[3], "sent") == 0;
        l->stage = STAGES + 1;
        for (unsigned k = 0; k <= STAGES; k++)
                l->stage = strcmp(alert_stage_name(k), a->w[4]) == 0 ? (uint8_t) k : l->stage;
        if (l->stage > STAGES)
                return net_fail(n, "no such stage", a->w[4]);
        l->weight = (uint16_t) strtoul(a->w[5], NULL, 10);
        l->sid = (uint32_t) strtoul(a->w[6], NULL, 10);
        l->msg = text_of(a, 7, text);
        l->gid = l->rev = l->count = 1;
        l->severity = 1;
        net_send(n, &e);
        return 0;
}

/* rate HOST [pkts_out= ... target=ADDRESS:PORT proto=tcp|udp|icmp]: the second that ends now */
static int do_rate(struct net *n, struct words *a)
{
        struct event e = {.type = EVENT_RATE, .op = RATE_SECOND};
        struct rate_event *r = &e.rate;
        const char *proto = words_option(a, "proto");
        uint16_t none;

        if (a->n < 2 || words_endpoint(a->w[1], 0, &r->local, &none) < 0)
                return net_fail(n, "no host", a->n > 1 ? a->w[1] : "");
        if (words_endpoint(words_option(a, "target"), 0, &r->target, &r->target_port) < 0)
                return net_fail(n, "wants: target=ADDRESS[:PORT]", a->w[0]);
        r->pkts_out = (uint32_t) words_number(a, "pkts_out", RATE_LEAST);
        r->pkts_in = (uint32_t) words_number(a, "pkts_in", 0);
        r->bytes_out = words_number(a, "bytes_out", 60 * (uint64_t) r->pkts_out);
        r->bytes_in = words_number(a, "bytes_in", 60 * (uint64_t) r->pkts_in);
        r->target_pkts = (uint32_t) words_number(a, "target_pkts", r->pkts_out);
        r->syn_out = (uint32_t) words_number(a, "syn_out", 0);
        r->udp_out = (uint32_t) words_number(a, "udp_out", 0);
        r->icmp_out = (uint32_t) words_number(a, "icmp_out", 0);
        r->synack_in = (uint32_t) words_number(a, "synack_in", 0);
        r->rst_in = (uint32_t) words_number(a, "rst_in", 0);
        r->http_out = (uint32_t) words_number(a, "http_out", 0);
        r->peers_out = (uint32_t) words_number(a, "peers_out", 1);
        r->target_proto = proto                         ? (strcmp(proto, "udp") == 0  ? IPPROTO_UDP :
                                                           strcmp(proto, "icmp") == 0 ? IPPROTO_ICMP :
                                                                                        IPPROTO_TCP) :
                          r->udp_out * 2 > r->pkts_out  ? IPPROTO_UDP :
                          r->icmp_out * 2 > r->pkts_out ? IPPROTO_ICMP :
                                                          IPPROTO_TCP;
        net_send(n, &e);
        return 0;
}

/* complaint HOST spam|attack|nothing stranger|signed|trusted [relay= who= what= incidents=] */
static int do_complaint(struct net *n, struct words *a)
{
        struct event e = {.type = EVENT_COMPLAINT, .op = COMPLAINT_CAME};
        struct complaint_event *c = &e.complaint;
        const char *relay = words_option(a, "relay");
        uint16_t none;

        if (a->n < 4 || words_endpoint(a->w[1], 0, &c->local, &none) < 0 ||
            (relay && words_endpoint(relay, 0, &c->relay, &none) < 0))
                return net_fail(n, "wants: HOST spam|attack|nothing stranger|signed|trusted", a->w[0]);
        while (c->about < COMPLAINT_ABOUTS && strcmp(complaint_about_name(c->about), a->w[2]) != 0)
                c->about++;
        while (c->trust < COMPLAINT_TRUSTS && strcmp(complaint_trust_name(c->trust), a->w[3]) != 0)
                c->trust++;
        if (c->about == COMPLAINT_ABOUTS || c->trust == COMPLAINT_TRUSTS)
                return net_fail(n, "no such complaint", a->w[2]);
        c->text = words_option(a, "who");
        c->what = words_option(a, "what");
        c->incidents = (uint32_t) words_number(a, "incidents", 1);
        net_send(n, &e);
        return 0;
}

static const struct {
        const char *word;
        int (*run)(struct net *n, struct words *a);
} verbs[] = {
        {"dns", do_dns},   {"irc", do_irc},     {"smtp", do_smtp},           {"http", do_http},
        {"tls", do_tls},   {"ftp", do_ftp},     {"proxy", do_proxy},         {"file", do_file},
        {"rate", do_rate}, {"alert", do_alert}, {"complaint", do_complaint},
};

int net_app_line(struct net *n, struct words *a)
{
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (strcmp(verbs[i].word, a->w[0]) == 0)
                        return verbs[i].run(n, a);
        return 1;
}
