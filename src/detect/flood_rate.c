/* SPDX-License-Identifier: GPL-3.0-or-later */
/* flood: by the second, from packets: rates, requests and questions. Pure; runs in the engine. */
#include <netinet/in.h>
#include <xxhash.h>

#include "detect/flood.h"

#define RUN_HOLE     3u /* quiet seconds that do not end a run */
#define SYN_LEAST    100u
#define UDP_LEAST    300u
#define ICMP_LEAST   100u
#define HTTP_LEAST   50u
#define HTTP_MANY    200u
#define ALL_PORTS    70000u /* SYN packets: 65,535 and some repeated */
#define SYN_EMPTY    200u
#define DNS_WINDOW   10u
#define DNS_TYPE_ANY 255

/* One more second of it. */
static struct flood_run *hot_second(struct flood_source *src, enum flood_kind kind, uint32_t second, uint32_t count,
                                    uint16_t port)
{
        struct flood_run *run = &src->runs[kind];

        if (second - run->newest > RUN_HOLE + 1)
                *run = (struct flood_run){.began = second, .port = port};
        run->newest = second;
        run->hot++;
        run->peak = MAX(run->peak, count);
        run->total += count;
        run->changes += run->port != port;
        run->port = port;
        return run;
}

/* Every other second another port: no service has so many. */
static bool is_changing(const struct flood_run *run)
{
        return run->changes * 2 >= run->hot;
}

/* On changing ports it is a scan of the target, until all its ports have been tried. */
static uint16_t syn_weight(const struct flood_run *run)
{
        if (run->hot < 3 || (is_changing(run) && run->total < ALL_PORTS))
                return 0;
        return run->hot >= 30 || (run->peak >= 1000 && run->hot >= 5) ? 1500 : run->hot >= 10 ? 1200 : 900;
}

static uint16_t udp_weight(const struct flood_run *run, bool collector)
{
        if (run->hot < 5)
                return 0;
        if (is_changing(run))
                return run->hot >= 30 ? 1500 : run->hot >= 10 ? 1200 : 900;
        if (collector)
                return 0;
        return run->peak >= 10000 && run->hot >= 10 ? 1200 : run->peak >= 10000 ? 900 : run->peak >= 2000 ? 700 : 400;
}

static uint16_t icmp_weight(const struct flood_run *run)
{
        if (run->hot < 5)
                return 0;
        return run->hot >= 30 ? 1200 : run->peak >= 1000 ? 1000 : 600;
}

static uint16_t http_weight(const struct flood_run *run, bool same)
{
        if (same)
                return run->hot >= 5 ? 900 : 0;
        return run->hot >= 10 && run->peak >= HTTP_MANY ? 600 : 0;
}

/* Does the second look like it? Towards few: half of what went out went to one target. */
static bool is_towards_one(const struct rate_event *r)
{
        return r->target_proto == IPPROTO_TCP && r->target_pkts * 2 >= r->pkts_out;
}

/* Nobody answers: then next to nothing follows the SYN, where both directions were captured or not. */
static bool is_syn(const struct rate_event *r)
{
        return r->syn_out >= SYN_LEAST && is_towards_one(r) && r->synack_in * 10 <= r->syn_out &&
               r->syn_out * 2 >= r->target_pkts;
}

/* The target answers each, for instance by SYN cookies, and hears no more: not even a greeting's length. */
static bool is_empty(const struct rate_event *r, const struct flood *s)
{
        return r->syn_out >= SYN_EMPTY && is_towards_one(r) && r->bytes_out < 20ull * r->syn_out &&
               r->bytes_in < 20ull * r->syn_out && r->synack_in * 10 > r->syn_out && !home_has(s->home, &r->target);
}

static bool is_udp(const struct rate_event *r)
{
        return r->udp_out >= UDP_LEAST && r->target_proto == IPPROTO_UDP && r->target_pkts >= UDP_LEAST &&
               (uint64_t) r->pkts_in * 50 <= r->target_pkts;
}

static bool is_icmp(const struct rate_event *r, const struct flood_source *src)
{
        return r->icmp_out >= ICMP_LEAST && r->target_pkts >= ICMP_LEAST &&
               (r->target_proto == IPPROTO_ICMP || r->target_proto == IPPROTO_ICMPV6) &&
               !addr_equal(&r->target, &src->icmp_from);
}

/* Within the home network it is a proxy and its servers. */
static bool is_http(const struct rate_event *r, const struct flood *s)
{
        return r->http_out >= HTTP_LEAST && r->target_pkts * 2 >= r->pkts_out && !home_has(s->home, &r->target);
}

static void tell_run(struct flood_source *src, const struct event *ev, struct flood_claim *c,
                     const struct flood_run *run, struct evidence_sink *out)
{
        struct subject subject;

        detector_host_subject(&ev->rate.local, &subject);
        c->subject = &subject;
        c->target = ev->rate.target;
        c->port = c->kind == FLOOD_ICMP || run->changes ? 0 : run->port;
        c->proto = ev->rate.target_proto;
        c->seconds = run->hot;
        c->peak = run->peak;
        c->began = run->began;
        flood_tell(src, ev, c, out);
}

static void tell_http(struct flood_source *src, const struct event *e, uint32_t second, struct evidence_sink *out)
{
        const struct rate_event *r = &e->rate;
        struct flood_run *run = hot_second(src, FLOOD_HTTP, second, r->http_out, r->target_port);
        /* The requests of this second came as events before it. */
        bool same = second - src->http_second <= 1 && src->http_same * 2 >= r->http_out;
        struct flood_claim c = {.kind = FLOOD_HTTP,
                                .weight = http_weight(run, same),
                                .how = same ? "most of them asked for the same" : "no person reads so fast",
                                .unit = "requests a second"};

        tell_run(src, e, &c, run, out);
}

static bool is_two_sided(struct flood *s, const struct detector_key *key, uint32_t second)
{
        uint32_t heard = *flood_heard(s, key);

        return heard && second - heard <= FLOOD_HEARD_FOR;
}

void flood_rate(struct flood *s, const struct event *e, struct evidence_sink *out)
{
        const struct rate_event *r = &e->rate;
        uint32_t second = (uint32_t) (e->time / NSEC_PER_SEC);
        struct detector_key key = detector_host_key(&r->local);
        struct flood_source *src;
        struct flood_run *run;

        /* The usual second: nothing of the kind, and no memory for it. */
        if ((r->syn_out < SYN_LEAST && r->udp_out < UDP_LEAST && r->icmp_out < ICMP_LEAST &&
             r->http_out < HTTP_LEAST) ||
            addr_is_multicast(&r->target) || !(src = flood_source_of(s, &key)))
                return;
        if (r->pkts_in)
                *flood_heard(s, &key) = second;
        if (is_syn(r) || is_empty(r, s)) {
                struct flood_claim c = {.kind = FLOOD_SYN,
                                        .how = is_syn(r) ? "less than one in ten was answered" :
                                                           "they were answered, and nothing was said",
                                        .unit = "SYN packets a second"};

                run = hot_second(src, FLOOD_SYN, second, r->syn_out, r->target_port);
                c.weight = syn_weight(run);
                tell_run(src, e, &c, run, out);
        }
        if (is_udp(r)) {
                struct flood_claim c = {
                        .kind = FLOOD_UDP, .how = "next to nothing came back", .unit = "datagrams a second"};

                run = hot_second(src, FLOOD_UDP, second, r->target_pkts, r->target_port);
                /* A collector of ours; or nobody can say what came back. */
                c.weight = udp_weight(run, home_has(s->home, &r->target) || !is_two_sided(s, &key, second));
                if (is_changing(run))
                        c.how = "next to nothing came back, and the port changes all the time";
                tell_run(src, e, &c, run, out);
        }
        if (is_icmp(r, src)) {
                struct flood_claim c = {
                        .kind = FLOOD_ICMP, .how = "no line test needs so many", .unit = "ICMP packets a second"};

                run = hot_second(src, FLOOD_ICMP, second, r->icmp_out, 0);
                c.weight = icmp_weight(run);
                tell_run(src, e, &c, run, out);
        }
        if (is_http(r, s))
                tell_http(src, e, second, out);
}

/* Boyer and Moore's vote: the candidate survives if most requests are the same; its votes are at least their surplus.
 */
static void vote(uint32_t *candidate, uint32_t *votes, uint32_t hash)
{
        if (*votes == 0)
                *candidate = hash;
        *votes += *candidate == hash ? 1 : *votes ? -1u : 0;
}

void flood_http(struct flood *s, const struct event *e)
{
        const struct http_event *h = &e->http;
        uint32_t second = (uint32_t) (e->time / NSEC_PER_SEC), hash;
        struct detector_key key = detector_host_key(&h->ends.local);
        struct flood_source *src;

        if (e->op != HTTP_REQUEST || !h->ends.from_local || !h->uri || !(src = flood_source_of(s, &key)))
                return;
        if (src->http_second != second) {
                src->http_second = second;
                src->http_count = src->http_same = 0;
        }
        hash = (uint32_t) XXH3_64bits_withSeed(h->uri, h->uri_len, h->ends.remote.b[15]);
        src->http_count++;
        vote(&src->http_candidate, &src->http_same, hash);
}

void flood_dns(struct flood *s, const struct event *e, struct evidence_sink *out)
{
        const struct dns_event *d = &e->dns;
        uint32_t second = (uint32_t) (e->time / NSEC_PER_SEC);
        struct detector_key key = detector_host_key(&d->ends.local);
        bool any = d->qtype == DNS_TYPE_ANY;
        struct flood_source *src;
        struct subject subject;
        unsigned servers;
        uint32_t least = any ? 50 : 200;

        if (e->op != DNS_QUERY || !d->ends.from_local || !(src = flood_source_of(s, &key)))
                return;
        if (second - src->dns_window >= DNS_WINDOW) {
                src->dns_window = second;
                src->dns_same = 0;
                src->dns_servers = 0;
        }
        src->dns_servers |= 1ull << (XXH3_64bits(&d->ends.remote, sizeof(d->ends.remote)) & 63);
        vote(&src->dns_candidate, &src->dns_same,
             (uint32_t) XXH3_64bits_withSeed(d->name.p ? d->name.p : "", d->name.len, d->qtype));
        servers = (unsigned) __builtin_popcountll(src->dns_servers);
        if (src->dns_same < least || servers < 16)
                return;
        detector_host_subject(&d->ends.local, &subject);
        flood_tell(src, e,
                   &(struct flood_claim){.kind = FLOOD_REFLECTION,
                                         .weight = src->dns_same >= 5 * least ? 900 : 600,
                                         .subject = &subject,
                                         .target = d->ends.remote,
                                         .port = d->ends.remote_port,
                                         .proto = d->ends.proto,
                                         .seconds = second - src->dns_window + 1,
                                         .peak = src->dns_same / (second - src->dns_window + 1),
                                         .began = src->dns_window,
                                         .how = "the same question to many name servers",
                                         .unit = "questions a second"},
                   out);
}
