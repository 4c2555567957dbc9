/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns_anomaly: names as all home hosts ask for them. Who asks in step with others (Gu et al., "BotSniffer", 2008: the
 * members of a botnet act together), and whose addresses change all over the world (Holz et al., "Measuring and
 * Detecting Fast-Flux Service Networks", 2008). Runs in the engine and in offline commands. */
#include <xxhash.h>

#include "detect/dns_anomaly.h"

#define ROUND_SECONDS 10u /* asked at once */
#define ROUND_HOSTS   5u
#define ROUNDS_LEAST  4u
#define HOSTS_LEAST   5u
#define TTL_MOST      1800u /* of fast flux (Holz et al.: it lies between 0 and 30 min) */
/* Their score, in hundredths: 1.32 addresses + 18.54 autonomous systems > 142.38. */
#define SCORE_ADDRESS 132u
#define SCORE_NETWORK 1854u
#define SCORE_LEAST   14238u
/* Without numbers of systems a network is a /16 (IPv6: a /32), of which large clouds have many. */
#define NETS_LEAST      10u
#define ANSWERS_LEAST   3u
#define COUNTRIES_LEAST 5u

unsigned dns_anomaly_active(const struct dns_anomaly *d)
{
        unsigned n = 0;

        for (size_t i = 0; i < ELEMENTSOF(d->active); i++)
                n += (unsigned) __builtin_popcountll(d->active[i]);
        return n;
}

unsigned dns_anomaly_shared_hosts(const struct dns_anomaly *d, uint64_t name)
{
        const struct dns_shared *s = table_peek(d->names, &name);

        return s ? (unsigned) __builtin_popcountll(s->hosts) : 0;
}

/* The name's entry, begun anew each day. NULL without memory. */
static struct dns_shared *find(struct dns_anomaly *d, uint64_t name, uint32_t second)
{
        struct dns_shared *s = table_insert(d->names, &name, NULL);

        if (s && second - s->since >= DNS_DAY)
                *s = (struct dns_shared){.key = name, .since = second};
        return s;
}

void dns_anomaly_shared_note(struct dns_anomaly *d, uint64_t name, uint64_t bit, uint32_t second)
{
        struct dns_shared *s = find(d, name, second);

        if (s)
                s->hosts |= bit;
}

/* The group is who was there each time. Others in their place: it was no group. */
static void close_round(struct dns_shared *s)
{
        unsigned n = (unsigned) __builtin_popcountll(s->round);

        if (n < ROUND_HOSTS) {
                s->alone += n && s->alone < UINT8_MAX;
                return;
        }
        if (s->rounds && (unsigned) __builtin_popcountll(s->group & s->round) * 4 >= n * 3) {
                s->group &= s->round;
                s->rounds += s->rounds < UINT8_MAX;
        } else {
                s->group = s->round;
                s->rounds = 1;
        }
}

static uint16_t lockstep_weight(const struct dns_step *step, const struct dns_shared *s)
{
        unsigned group = (unsigned) __builtin_popcountll(s->group);

        if (s->rounds < ROUNDS_LEAST || s->alone > s->rounds || !(s->group & step->bit) || group < ROUND_HOSTS ||
            group * 2 > dns_anomaly_active(step->d))
                return 0;
        return s->failed || s->flux || step->name.flags & DNS_NAME_RANDOM ? 500 : 200;
}

void dns_anomaly_shared_query(struct dns_step *step)
{
        struct dns_shared *s;
        uint16_t weight;
        struct evidence e;

        if (step->name.flags & (DNS_NAME_LOCAL | DNS_NAME_REVERSE) || step->roles & DNS_RESOLVER)
                return;
        s = find(step->d, step->name.hash, step->second);
        if (!s)
                return;
        s->hosts |= step->bit;
        if (step->second - s->round_at >= ROUND_SECONDS) {
                close_round(s);
                s->round = 0;
                s->round_at = step->second;
        }
        s->round |= step->bit;
        weight = lockstep_weight(step, s);
        if (!weight || !dns_anomaly_claim(step, DNS_LOCKSTEP, weight, s->since, &e))
                return;
        dns_anomaly_fact_name(&e, "name", step->name.text, step->name.len);
        (void) evidence_fact_number(&e, "rounds", s->rounds);
        (void) evidence_fact_number(&e, "hosts", __builtin_popcountll(s->group));
        (void) evidence_fact_number(&e, "home_hosts", dns_anomaly_active(step->d));
        (void) evidence_fact_number(&e, "missing", s->failed);
        (void) evidence_fact_time(&e, "since", s->since * NSEC_PER_SEC);
        step->out->emit(step->out->userdata, &e);
}

/* The hash of the network that an address lies in: its autonomous system if the file says it. */
static uint64_t network_of(const struct dns_anomaly *d, const struct addr *a, uint16_t *ret_country)
{
        uint32_t system = 0;

        *ret_country = 0;
        if (d->place)
                dns_anomaly_place_find(d->place, a, &system, ret_country);
        if (system)
                return XXH3_64bits(&system, sizeof(system));
        return XXH3_64bits(a->b, addr_is_v4(a) ? 14 : 4);
}

static void note_addresses(struct dns_shared *s, const struct dns_step *step)
{
        const struct dns_event *d = &step->ev->dns;

        for (uint16_t i = 0; i < d->n_addrs; i++) {
                uint32_t grown = dns_mark(s->addrs, ELEMENTSOF(s->addrs), XXH3_64bits(&d->addrs[i], 16));
                uint64_t network;
                uint16_t country;

                if (!grown)
                        continue;
                network = network_of(step->d, &d->addrs[i], &country);
                s->n_addrs = (uint16_t) (s->n_addrs + grown);
                s->n_nets = (uint16_t) (s->n_nets + dns_mark(&s->nets, 1, network));
                if (country)
                        s->n_countries = (uint16_t) (s->n_countries + dns_mark(&s->countries, 1,
                                                                               XXH3_64bits(&country, sizeof(country))));
        }
}

static uint16_t flux_weight(const struct dns_step *step, const struct dns_shared *s)
{
        uint32_t addrs = s->n_addrs / 16, nets = s->n_nets / 16;
        bool spread = s->n_countries / 16 >= COUNTRIES_LEAST, strange = step->name.flags & DNS_NAME_RANDOM;
        unsigned active = dns_anomaly_active(step->d), hosts = (unsigned) __builtin_popcountll(s->hosts);
        uint16_t weight = 200;

        if (step->d->place && dns_anomaly_place_has_networks(step->d->place)) {
                if (addrs * SCORE_ADDRESS + nets * SCORE_NETWORK <= SCORE_LEAST)
                        return 0;
                weight = spread ? 600 : 400;
        } else if (nets < NETS_LEAST || addrs < NETS_LEAST || nets * 10 < addrs * 6 || s->answers < ANSWERS_LEAST)
                return 0;
        else if (spread)
                weight = 400;
        if (active >= HOSTS_LEAST && hosts * 2 > active) /* what everybody uses */
                weight = MIN(weight, 200);
        return (uint16_t) (weight + (strange ? 200 : 0));
}

void dns_anomaly_shared_answer(struct dns_step *step)
{
        const struct dns_event *d = &step->ev->dns;
        struct dns_shared *s;
        uint16_t weight;
        struct evidence e;

        if (step->name.flags & (DNS_NAME_LOCAL | DNS_NAME_REVERSE) || step->roles & DNS_RESOLVER)
                return;
        s = table_peek(step->d->names, &step->name.hash);
        if (!s)
                return;
        if (d->rcode == DNS_NXDOMAIN)
                s->failed = 1;
        /* The pool of time servers is run by volunteers all over the world, and says so. */
        if (!d->n_addrs || d->ttl > TTL_MOST || dns_anomaly_is_below(&step->name, "pool.ntp.org"))
                return;
        s->answers += s->answers < UINT16_MAX;
        note_addresses(s, step);
        weight = flux_weight(step, s);
        s->flux |= weight > 0;
        if (!weight || !dns_anomaly_claim(step, DNS_FLUX, weight, s->since, &e))
                return;
        dns_anomaly_fact_name(&e, "name", step->name.text, step->name.len);
        (void) evidence_fact_number(&e, "addresses", s->n_addrs / 16);
        (void) evidence_fact_number(&e, "networks", s->n_nets / 16);
        (void) evidence_fact_number(&e, "countries", s->n_countries / 16);
        (void) evidence_fact_number(&e, "answers", s->answers);
        (void) evidence_fact_span(&e, "time_to_live", d->ttl * NSEC_PER_SEC);
        (void) evidence_fact_endpoint(&e, "newest", &d->addrs[0], 0, 0);
        (void) evidence_fact_time(&e, "since", s->since * NSEC_PER_SEC);
        step->out->emit(step->out->userdata, &e);
}
