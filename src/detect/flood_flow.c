/* SPDX-License-Identifier: GPL-3.0-or-later */
/* flood: by flows, where no packets are counted by the second: logs of firewalls, the host sensor. Pure; runs in the
 * engine. */
#include <netinet/in.h>
#include <xxhash.h>

#include "detect/flood.h"

#define FLOWS_LEAST  100u /* begun in a second towards one target */
#define RUN_HOLE     3u
#define RATE_LEAST_N 300u /* datagrams a second, in the average of a flow */
#define LARGE_WINDOW 60u

static uint64_t target_key(const struct detector_key *who, const struct flow_event *f)
{
        uint64_t port = f->proto == IPPROTO_TCP ? f->remote_port : 0;

        return ways_mix(ways_hash(who) ^ (port << 8 | f->proto), ways_hash(&f->remote));
}

static void tell(struct flood *s, const struct event *ev, struct flood_claim *c, struct evidence_sink *out)
{
        const struct flow_event *f = &ev->flow;
        struct detector_key key = detector_flow_key(f);
        struct flood_source *src = flood_source_of(s, &key);
        struct subject subject;

        if (!src)
                return;
        detector_flow_subject(s->lineage, s->boot_id, f, &subject);
        c->subject = &subject;
        c->target = f->remote;
        c->proto = f->proto;
        c->ref = f->flow_id;
        flood_tell(src, ev, c, out);
}

/* How many flows of that key began in this second, at least. Two keys that share a cell take from each other, so the
 * more frequent one stays. */
static uint32_t count_in_cell(struct flood *s, uint64_t key, uint32_t second)
{
        struct flood_cell *c = &s->cells[key % FLOOD_CELLS];

        if (c->second != second)
                *c = (struct flood_cell){.second = second};
        if (c->count == 0)
                c->key = key;
        if (c->key != key) {
                c->count--;
                return 0;
        }
        return ++c->count;
}

/* Another flow within the second, when there are many; the hundredth makes it a hot one. */
static void count_flow(struct flood *s, const struct event *e, struct flood_target *t, uint32_t count,
                       struct evidence_sink *out)
{
        const struct flow_event *f = &e->flow;
        uint32_t second = (uint32_t) (e->time / NSEC_PER_SEC);
        struct flood_claim c = {.unit = "flows a second"};
        bool answered;

        t->peak = MAX(t->peak, count);
        t->flows++;
        if (count != FLOWS_LEAST)
                return;
        if (second - t->newest > RUN_HOLE + 1) {
                t->began = second;
                t->hot = t->answered = t->flows = 0;
        }
        t->flows += count;
        t->newest = second;
        t->hot++;
        c.seconds = t->hot;
        c.peak = t->peak;
        c.began = t->began;
        /* What is begun in this second may still be answered. */
        answered = t->answered * 10 > t->flows;
        if (!answered && t->hot >= 3 && (f->proto == IPPROTO_TCP || f->proto == IPPROTO_UDP)) {
                c.kind = f->proto == IPPROTO_TCP ? FLOOD_SYN : FLOOD_UDP;
                c.weight = t->hot >= 30 ? 1500 : t->hot >= 10 ? 1200 : 900;
                c.port = f->proto == IPPROTO_TCP ? f->remote_port : 0;
                c.how = "less than one in ten was answered";
                tell(s, e, &c, out);
        } else if (answered && t->hot >= 10 && t->peak >= 2 * FLOWS_LEAST && f->proto == IPPROTO_TCP &&
                   !home_has(s->home, &f->remote)) {
                c.kind = FLOOD_HTTP;
                c.weight = 600;
                c.port = f->remote_port;
                c.how = "a new connection for each, second after second";
                tell(s, e, &c, out);
        }
}

/* A flow that sent very much and heard next to nothing, by its totals. Not of a socket with more peers than are listed.
 */
static void judge_totals(struct flood *s, const struct event *e, struct evidence_sink *out)
{
        const struct flow_event *f = &e->flow;
        bool raw = f->flags & (FLOW_RAW | FLOW_PACKET | FLOW_XDP);
        nsec_t last = event_last(e);
        uint32_t seconds = f->since < 0 || f->since > last ? 0 : (uint32_t) ((last - f->since) / NSEC_PER_SEC);
        uint32_t rate;
        struct flood_claim c = {.seconds = seconds, .how = "next to nothing came back", .unit = "packets a second"};

        if (seconds < 5 || f->flags & FLOW_ONE_SIDED || (f->flags & FLOW_SAMPLED && !raw) ||
            f->pkts_out / 50 < f->pkts_in || home_has(s->home, &f->remote))
                return;
        rate = f->pkts_out / seconds;
        c.peak = rate;
        c.began = (uint32_t) (f->since / NSEC_PER_SEC);
        c.port = f->remote_port;
        if (f->proto == IPPROTO_TCP && raw && rate >= FLOWS_LEAST) {
                c.kind = FLOOD_SYN;
                c.weight = seconds >= 30 || rate >= 1000 ? 1500 : seconds >= 10 ? 1200 : 900;
        } else if (f->proto == IPPROTO_UDP && rate >= RATE_LEAST_N) {
                c.kind = FLOOD_UDP;
                c.weight = rate >= 10000 ? 900 : rate >= 2000 ? 700 : 400;
        } else if ((f->proto == IPPROTO_ICMP || f->proto == IPPROTO_ICMPV6) && rate >= FLOWS_LEAST) {
                c.kind = FLOOD_ICMP;
                c.weight = rate >= 1000 ? 1000 : 600;
                c.port = 0;
        } else
                return;
        tell(s, e, &c, out);
}

/* Services known to answer with far more than they were asked: echo to LDAP below 1024, SSDP, memcached. Not DNS, which
 * has its own events, nor QUIC. */
static bool is_reflector(uint16_t port)
{
        return (port < 1024 && port != 53 && port != 443) || port == 1900 || port == 11211;
}

static void judge_large(struct flood *s, const struct event *e, struct evidence_sink *out)
{
        const struct flow_event *f = &e->flow;
        uint32_t second = (uint32_t) (e->time / NSEC_PER_SEC);
        struct detector_key key = detector_flow_key(f);
        struct flood_source *src;
        struct flood_claim c = {.kind = FLOOD_REFLECTION,
                                .port = f->remote_port,
                                .how = "answers ten times as large as what was asked, from many servers",
                                .unit = "such questions a minute"};

        if (f->proto != IPPROTO_UDP || !is_reflector(f->remote_port) || f->bytes_in < 1500 ||
            f->bytes_in / 10 < f->bytes_out || f->bytes_out > 300 || !(src = flood_source_of(s, &key)))
                return;
        if (second - src->large_window >= LARGE_WINDOW) {
                src->large_window = second;
                src->large_count = 0;
                src->large_servers = 0;
        }
        src->large_count++;
        src->large_servers |= 1ull << (XXH3_64bits(&f->remote, sizeof(f->remote)) & 63);
        if (src->large_count < 30 || __builtin_popcountll(src->large_servers) < 16)
                return;
        c.weight = src->large_count >= 150 ? 900 : 600;
        c.seconds = second - src->large_window + 1;
        c.peak = src->large_count;
        c.began = src->large_window;
        tell(s, e, &c, out);
}

void flood_flow(struct flood *s, const struct event *e, struct evidence_sink *out)
{
        const struct flow_event *f = &e->flow;
        uint32_t second = (uint32_t) (e->time / NSEC_PER_SEC);
        bool raw = f->flags & (FLOW_RAW | FLOW_PACKET | FLOW_XDP);
        struct detector_key who = detector_flow_key(f);
        struct flood_target *t;
        uint64_t key;

        if (f->origin == FLOW_ACCEPTED && (f->proto == IPPROTO_ICMP || f->proto == IPPROTO_ICMPV6) &&
            e->op == FLOW_START) {
                struct flood_source *src = flood_source_of(s, &who);

                if (src)
                        src->icmp_from = f->remote;
        }
        if (e->op != FLOW_START && f->pkts_in)
                *flood_heard(s, &who) = second;
        if ((f->origin != FLOW_ORIGINATED && !raw) || f->flags & FLOW_NO_PEER || addr_is_multicast(&f->remote) ||
            addr_is_loopback(&f->remote) || f->proto == PROTO_ARP)
                return;
        if (e->op != FLOW_START) {
                judge_totals(s, e, out);
                if (e->op == FLOW_END)
                        judge_large(s, e, out);
        }
        /* Name and time servers are asked often and may be down. */
        if (f->proto == IPPROTO_UDP && (f->remote_port == 53 || f->remote_port == 123))
                return;
        key = target_key(&who, f);
        if (e->op == FLOW_START) {
                uint32_t count = count_in_cell(s, key, second);

                t = count >= FLOWS_LEAST ? table_insert(s->targets, &key, NULL) : NULL;
                if (t)
                        count_flow(s, e, t, count, out);
        } else if (table_count(s->targets) &&
                   (f->state == FLOW_STATE_ESTABLISHED || (f->state == FLOW_STATE_CLOSED && e->op == FLOW_END))) {
                t = table_find(s->targets, &key);
                if (t && (f->pkts_in || f->bytes_in))
                        t->answered++;
        }
}
