/* SPDX-License-Identifier: GPL-3.0-or-later */
/* beacon: a host that contacts the same peer again and again by the clock. A bot without a standing connection asks its
 * controller for orders that way, with some jitter, and says the same each time. Much honest software does so too: so
 * this is weak evidence that adds to other evidence, stronger where only few of ours talk to that peer (after RITA).
 * Pure; runs in the engine. */
#include "detect/beacon.h"

#include <errno.h>
#include <netinet/in.h>

#define CONTACTS_LEAST 10u
#define INTERVAL_LEAST 5000u /* ms: shorter is one conversation */
#define BURST_LEAST                                                                                                    \
        10u /* tenths of a second between two contacts of their own: a client opens several flows at once              \
             */
/* Median absolute deviation by median, in percent. 5 at once, 15 if it stays so for four contacts: found so are all
 * uniform jitters of up to 30 % and most of 40 %, and one Poisson or log-normal stream in a hundred (simulated, 100
 * contacts each). */
#define SPREAD_TIGHT  5u
#define SPREAD_MOST   15u
#define REGULAR_LEAST 4u
/* Where much else is strange, few contacts are enough, if each is like the other: six, five intervals none of which is
 * further than a tenth from their median, and exactly as many bytes each time. A back-off grows by half or more. */
#define FEW_CONTACTS  6u
#define FEW_ALIKE     4u /* flows that ended: the first contact's and the newest's are not counted */
#define FEW_MOST      10u
#define AGAIN_SECONDS 2u /* the first two contacts are told apart by whole seconds */
#define OVERDUE_MOST  86400u

const struct evidence_kind beacon_kinds[BEACON_KINDS] = {
        [BEACON_PERIODIC] =
                {.name = "beacon.periodic",
                 .title = "it contacts by the clock a peer that others do not know",
                 .reason =
                         "Ten contacts or more at regular intervals (median absolute deviation within 15 % of the "
                         "median, as RITA measures) are nothing by themselves: of the machines at hand each clean one "
                         "does so, for updates and measurements. Beside that the peer must be rare (of eight home "
                         "hosts at most one talks to it, of sixteen two), or known by a bare address where names are "
                         "seen: 4.0 for one of these. 1.0 more if each contact sends as much, 1.0 more from 100 "
                         "contacts, and 6.0 in all. Six contacts are enough for 4.0 to a bare address by TCP, if each "
                         "sends exactly as much in a protocol that nobody knows, to a port of no known service, and "
                         "no interval is further than a tenth from the others. Never enough alone: small makers' "
                         "devices keep the clock, too.",
                 .stage = STAGE_CONTROL,
                 .weight = 400,
                 .cap = 600,
                 .half_life = 12 * 3600 * NSEC_PER_SEC},
};

static void beacon_free(void *state)
{
        struct beacon *b = state;

        if (!b)
                return;
        peers_done(&b->peers);
        ways_done(&b->seen);
        ways_done(&b->pairs);
        table_free(b->sources);
        free(b);
}

static int beacon_new(const struct detector_params *params, void **ret)
{
        const struct table_params sources = {
                "beacon sources", BEACON_SOURCES, 16, sizeof(struct beacon_source), NULL, NULL};
        struct beacon *b = calloc(1, sizeof(*b));
        int r;

        if (!b)
                return -ENOMEM;
        if ((r = peers_init(&b->peers, params->config)) < 0 || (r = ways_init(&b->seen, BEACON_SEEN, 0)) < 0 ||
            (r = ways_init(&b->pairs, BEACON_PAIRS, sizeof(struct beacon_pair))) < 0 ||
            (r = table_new(&sources, &b->sources)) < 0) {
                beacon_free(b);
                return r;
        }
        b->lineage = params->lineage;
        memcpy(b->boot_id, params->boot_id, sizeof(b->boot_id));
        *ret = b;
        return 0;
}

/* Logarithm to the base of 2 in 1024ths, the mantissa on a straight line. */
uint16_t beacon_log(uint64_t ms)
{
        unsigned top;

        if (ms == 0)
                return 0;
        top = 63u - (unsigned) __builtin_clzll(ms);
        return (uint16_t) (top << 10 | ((top >= 10 ? ms >> (top - 10) : ms << (10 - top)) & 1023));
}

static uint64_t unlog(uint16_t l)
{
        unsigned top = l >> 10;
        uint64_t mantissa = 1024 | (l & 1023);

        return top >= 10 ? mantissa << (top - 10) : mantissa >> (10 - top);
}

static void sort(uint64_t *v, unsigned n)
{
        for (unsigned i = 1; i < n; i++) {
                uint64_t x = v[i];
                unsigned k = i;

                for (; k && v[k - 1] > x; k--)
                        v[k] = v[k - 1];
                v[k] = x;
        }
}

struct beacon_rhythm beacon_rhythm_of(const uint16_t *logs, unsigned n)
{
        struct beacon_rhythm r = {.contacts = n + 1};
        uint64_t v[BEACON_INTERVALS];

        if (n == 0 || n > BEACON_INTERVALS)
                return r;
        for (unsigned i = 0; i < n; i++)
                v[i] = unlog(logs[i]);
        sort(v, n);
        r.median = (v[(n - 1) / 2] + v[n / 2]) / 2;
        for (unsigned i = 0; i < n; i++)
                v[i] = v[i] > r.median ? v[i] - r.median : r.median - v[i];
        sort(v, n);
        r.spread = (v[(n - 1) / 2] + v[n / 2]) / 2;
        r.most = v[n - 1];
        return r;
}

/* Three of four sizes within an eighth of the middle one. */
static bool is_same_size(const struct beacon_pair *p)
{
        unsigned n = MIN(p->n_sizes, (uint8_t) BEACON_SIZES), near = 0;
        uint64_t v[BEACON_SIZES];

        if (n < 4)
                return false;
        for (unsigned i = 0; i < n; i++)
                v[i] = p->size[i];
        sort(v, n);
        for (unsigned i = 0; i < n; i++)
                near += v[i] + 1 >= v[n / 2] && v[i] <= v[n / 2] + 1;
        return near * 4 >= n * 3;
}

static uint64_t pair_hash(const struct detector_key *who, const struct addr *remote, uint16_t port)
{
        return ways_mix(ways_hash(who) ^ port, ways_hash(remote));
}

/* Services that are asked by the clock by their nature: names, time, addresses, discovery, mail boxes, measurements,
 * calls. */
static bool is_regular_by_nature(uint8_t proto, uint16_t port, uint8_t app)
{
        static const uint16_t ports[] = {53, 67, 123, 137, 138, 161, 547, 853, 1900, 5353, 5355, 110, 143, 993, 995};

        switch (app) {
        case APP_DNS:
        case APP_NTP:
        case APP_DHCP:
        case APP_MDNS:
        case APP_SNMP:
        case APP_POP3:
        case APP_IMAP:
        case APP_SIP:
        case APP_RTP:
        case APP_BITTORRENT:
                return true;
        }
        for (size_t i = 0; i < ELEMENTSOF(ports); i++)
                if (ports[i] == port)
                        return true;
        return proto != IPPROTO_TCP && proto != IPPROTO_UDP;
}

/* Who is contacted, and when, however it was seen. */
struct contact {
        const struct event *ev;
        struct detector_key who;
        const struct addr *local, *remote;
        uint16_t port;
        uint8_t proto;
        uint64_t flow_id;
};

/* 0: regular, but nothing else speaks against it. */
static uint16_t weight_of(struct beacon *b, const struct beacon_pair *p, const struct contact *c,
                          const struct beacon_rhythm *rhythm, struct evidence *e)
{
        unsigned users = peers_count_users(&b->peers, c->remote), all = peers_count_hosts(&b->peers);
        bool few = rhythm->contacts < CONTACTS_LEAST;
        bool same = few || is_same_size(p), bare = beacon_is_named(b, p, c->local, c->remote) == 0;
        bool rare = peers_is_rare(users, all);

        /* Loose, of any size, to a peer that may be known to all. */
        if ((!rare && !bare) || (rhythm->spread * 100 > rhythm->median * SPREAD_TIGHT && !same && !rare))
                return 0;
        if (few && (!bare || peers_is_service(c->port) || !peers_may_be_rare(users, all)))
                return 0;
        (void) evidence_fact_endpoint(e, "peer", c->remote, c->port, c->proto);
        (void) evidence_fact_number(e, "contacts", rhythm->contacts);
        (void) evidence_fact_span(e, "interval", (nsec_t) rhythm->median * NSEC_PER_MSEC);
        (void) evidence_fact_span(e, "spread", (nsec_t) rhythm->spread * NSEC_PER_MSEC);
        (void) evidence_fact_number(e, "same_size", same);
        (void) evidence_fact_number(e, "without_name", bare);
        (void) evidence_fact_number(e, "rare", rare);
        (void) evidence_fact_number(e, "home_hosts_with_peer", users);
        (void) evidence_fact_number(e, "home_hosts", all);
        if (few)
                return 400;
        return (uint16_t) MIN(200 + 100 * same + 100 * (rhythm->contacts >= 100) + 200 * rare + 200 * bare, 600);
}

static void tell(struct beacon *b, const struct beacon_pair *p, const struct contact *c,
                 const struct beacon_rhythm *rhythm, struct evidence_sink *out)
{
        struct evidence e = {.kind = &beacon_kinds[BEACON_PERIODIC], .count = 1, .last = c->ev->time};
        uint16_t weight = weight_of(b, p, c, rhythm, &e);
        struct beacon_source *src = weight ? table_insert(b->sources, &c->who, NULL) : NULL;

        if (!src || !grading_claim(&src->told, e.kind, (uint32_t) (c->ev->time / NSEC_PER_SEC), weight, &e.weight))
                return;
        e.first = MAX(0, c->ev->time - (nsec_t) rhythm->median * NSEC_PER_MSEC * (rhythm->contacts - 1));
        if (c->ev->type == EVENT_FLOW)
                detector_flow_subject(b->lineage, b->boot_id, &c->ev->flow, &e.subject);
        else
                detector_host_subject(c->local, &e.subject);
        evidence_add_ref(&e, c->flow_id);
        out->emit(out->userdata, &e);
}

/* All contacts, as many as are remembered. */
static bool is_regular(struct beacon_pair *p, struct beacon_rhythm *ret)
{
        unsigned n = MIN(p->contacts - 1u, (unsigned) BEACON_INTERVALS);

        if (p->contacts < CONTACTS_LEAST)
                return false;
        if (p->longs * 2u + 1 < n) {
                p->regular = 0; /* the median is too short: the usual case, told without sorting */
                return false;
        }
        *ret = beacon_rhythm_of(p->interval, n);
        if (ret->median < INTERVAL_LEAST || ret->spread * 100 > ret->median * SPREAD_MOST) {
                p->regular = 0;
                return false;
        }
        ret->contacts = p->contacts;
        p->regular += p->regular < UINT8_MAX;
        return p->regular >= REGULAR_LEAST || ret->spread * 100 <= ret->median * SPREAD_TIGHT;
}

/* The newest contacts alone. */
static bool is_few_alike(const struct beacon_pair *p, struct beacon_rhythm *ret)
{
        uint16_t newest[FEW_CONTACTS - 1];

        if (p->alike < FEW_ALIKE || p->contacts < FEW_CONTACTS)
                return false;
        for (unsigned i = 0; i < ELEMENTSOF(newest); i++)
                newest[i] = p->interval[(p->contacts - 2u - i) % BEACON_INTERVALS];
        *ret = beacon_rhythm_of(newest, ELEMENTSOF(newest));
        return ret->median >= INTERVAL_LEAST && ret->most * 100 <= ret->median * FEW_MOST;
}

/* A contact and no part of the one before. */
static void count_contact(struct beacon *b, struct beacon_pair *p, const struct contact *c, struct evidence_sink *out)
{
        struct beacon_rhythm rhythm;

        if (++p->contacts == UINT16_MAX)
                p->contacts = UINT16_MAX / 2; /* the same place in the ring */
        if (p->n_sizes == BEACON_EXEMPT)
                return;
        if (is_regular(p, &rhythm) || is_few_alike(p, &rhythm))
                tell(b, p, c, &rhythm, out);
}

static struct beacon_pair *find_pair(const struct beacon *b, uint64_t hash)
{
        const struct ways_slot *slot = ways_find(&b->pairs, hash);

        return slot ? ways_entry(&b->pairs, slot) : NULL;
}

static void keep_interval(struct beacon_pair *p, uint64_t ms)
{
        uint16_t *place = &p->interval[(p->contacts - 1u) % BEACON_INTERVALS], least = beacon_log(INTERVAL_LEAST);

        p->longs -= *place >= least;
        *place = beacon_log(ms);
        p->longs += *place >= least;
}

/* The second contact makes the pair: most have none. */
static struct ways_slot *make_pair(struct beacon *b, const struct contact *c, uint64_t hash, uint32_t stamp)
{
        struct ways_slot *seen, *slot;
        struct beacon_pair *p;
        bool created;

        seen = ways_insert(&b->seen, hash, stamp, &created);
        if (created)
                peers_note_contact(&b->peers, c->local, c->remote, stamp);
        if (created || stamp - seen->stamp < AGAIN_SECONDS)
                return NULL;
        slot = ways_insert(&b->pairs, hash, stamp, &created);
        p = ways_entry(&b->pairs, slot);
        p->contacts = 1;
        p->newest = (uint32_t) (c->ev->time / (NSEC_PER_SEC / 10)) - (stamp - seen->stamp) * 10;
        seen->stamp = stamp;
        return slot;
}

static void take_contact(struct beacon *b, const struct contact *c, struct evidence_sink *out)
{
        uint64_t hash = pair_hash(&c->who, c->remote, c->port);
        uint32_t now = (uint32_t) (c->ev->time / (NSEC_PER_SEC / 10)), since;
        uint32_t stamp = (uint32_t) (c->ev->time / NSEC_PER_SEC) - b->begin;
        struct ways_slot *slot;
        struct beacon_pair *p;

        ways_prefetch(&b->seen, hash);
        slot = ways_find(&b->pairs, hash);
        if (!slot && !(slot = make_pair(b, c, hash, stamp)))
                return;
        p = ways_entry(&b->pairs, slot);
        since = now - p->newest;
        if (since < BURST_LEAST)
                return;
        p->newest = now;
        keep_interval(p, since * 100ull);
        slot->stamp = stamp + MIN(since / 5, OVERDUE_MOST); /* twice the interval */
        count_contact(b, p, c, out);
}

static void count_alike(const struct beacon *b, struct beacon_pair *p, const struct event *e)
{
        const struct flow_event *f = &e->flow;
        uint32_t out = (uint32_t) MIN(f->bytes_out, (uint64_t) UINT32_MAX);

        if (f->proto != IPPROTO_TCP || out == 0 || f->state == FLOW_STATE_FAILED || !peers_is_unknown_app(&b->peers, e))
                p->alike = 0;
        else if (p->alike == 0 || out != p->last_out)
                p->alike = 1;
        else
                p->alike += p->alike < UINT8_MAX;
        p->last_out = out;
}

/* The flow's end tells how much was sent, and what it spoke. */
static void take_end(struct beacon *b, const struct event *e, const struct detector_key *who)
{
        const struct flow_event *f = &e->flow;
        struct beacon_pair *p = find_pair(b, pair_hash(who, &f->remote, f->remote_port));

        if (!p || p->n_sizes == BEACON_EXEMPT)
                return;
        if (is_regular_by_nature(f->proto, f->remote_port, f->app)) {
                p->n_sizes = BEACON_EXEMPT;
                return;
        }
        p->size[p->n_sizes % BEACON_SIZES] = (uint8_t) (beacon_log(f->bytes_out) >> 7);
        p->n_sizes = (uint8_t) (p->n_sizes + 1u < 2 * BEACON_SIZES ? p->n_sizes + 1u : BEACON_SIZES);
        count_alike(b, p, e);
        if (f->app == APP_QUIC)
                p->flags |= BEACON_NAMED; /* within what is not decoded */
}

static void take_flow(struct beacon *b, const struct event *e, struct evidence_sink *out)
{
        const struct flow_event *f = &e->flow;
        struct contact c = {e, detector_flow_key(f), &f->local, &f->remote, f->remote_port, f->proto, f->flow_id};

        if (f->origin != FLOW_ORIGINATED || (e->op != FLOW_START && e->op != FLOW_END) ||
            f->flags & (FLOW_NO_PEER | FLOW_PRESENT | FLOW_MIDSTREAM | FLOW_INHERITED | FLOW_SAMPLED) ||
            !peers_is_outside(&b->peers, &f->remote))
                return;
        if (e->op == FLOW_END)
                take_end(b, e, &c.who);
        else if (!is_regular_by_nature(f->proto, f->remote_port, f->app))
                take_contact(b, &c, out);
}

static void note_name(struct beacon *b, const struct ends *n, bool bare)
{
        struct detector_key who = detector_host_key(&n->local);
        struct beacon_pair *p = find_pair(b, pair_hash(&who, &n->remote, n->remote_port));

        if (p && !(n->flags & ENDS_CUT))
                p->flags |= bare ? BEACON_BARE : BEACON_NAMED;
}

/* A request over a connection that stays is a contact as well. */
static void take_request(struct beacon *b, const struct event *e, struct evidence_sink *out)
{
        const struct ends *n = &e->ends;
        struct contact c = {e,         detector_host_key(&n->local), &n->local, &n->remote, n->remote_port, n->proto,
                            n->flow_id};

        if (e->op != HTTP_REQUEST || !n->from_local || !peers_is_outside(&b->peers, &n->remote))
                return;
        take_contact(b, &c, out);
        note_name(b, n, !e->http.host || peers_is_address(e->http.host, e->http.host_len));
}

static void beacon_event(void *state, const struct event *e, struct evidence_sink *out)
{
        struct beacon *b = state;

        if (!b->begun) {
                b->begun = true;
                b->begin = (uint32_t) (e->time / NSEC_PER_SEC) - 1;
        }
        if (e->type == EVENT_FLOW) {
                peers_note_app(&b->peers, e);
                take_flow(b, e, out);
        } else if (e->type == EVENT_HTTP)
                take_request(b, e, out);
        else if (e->type == EVENT_DNS && e->op == DNS_ANSWER && !e->ends.from_local)
                peers_note_answer(&b->peers, &e->dns, (uint32_t) (e->time / NSEC_PER_SEC) - b->begin);
        else if (e->type == EVENT_TLS && e->op == TLS_CLIENT_HELLO && e->ends.from_local)
                note_name(b, &e->ends, !e->tls.sni.p || e->tls.sni.len == 0);
}

const struct detector detector_beacon = {
        .name = "beacon",
        .help = "periodic contact with one peer",
        .source = "RITA (Active Countermeasures): regularity of intervals and sizes, rarity of the destination; "
                  "Watanabe (RIKEN): "
                  "communication profiles (interval, volume, spread of addresses)",
        .limits = "Weak alone, and silent about a named peer where there are few home hosts: honest programs keep the "
                  "clock too. Contacts within one standing connection, by DNS, "
                  "and with more than "
                  "40 % jitter are not seen; nor a rhythm that began less than ten contacts ago, or six if all "
                  "else is strange.",
        .events = 1u << EVENT_FLOW | 1u << EVENT_HTTP | 1u << EVENT_TLS | 1u << EVENT_DNS,
        .kinds = beacon_kinds,
        .n_kinds = BEACON_KINDS,
        .new = beacon_new,
        .free = beacon_free,
        .event = beacon_event,
        .explain = beacon_explain,
};
