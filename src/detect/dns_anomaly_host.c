/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns_anomaly: what one home host asks for within an hour or a day: how much, which types, which domains do not exist
 * and look generated. Runs in the engine and in offline commands. */
#include <xxhash.h>

#include "decode/dns_type.h"
#include "detect/dns_anomaly.h"

#define TEN_MINUTES     600u
#define SERVED_LEAST    10u /* answers that make a name server; a broken client gives nine at most */
#define MAILS_LEAST     3u  /* mails taken that make a mail server */
#define VOLUME_EVERY    64u /* queries between two looks at the volume */
#define VOLUME_LEAST    10000u
#define DOMAINS_LEAST   500u /* to be more than a program that repeats itself */
#define HERD_LEAST      3u   /* home hosts that tried the same generated name */
#define HERD_NAMES      8u
#define GENERATED_LEAST (8u * 16)

static void turn_hour(struct dns_host *h, uint32_t second)
{
        h->hour = second;
        memset(h->asked, 0, sizeof(h->asked));
        memset(h->random, 0, sizeof(h->random));
        memset(h->mail, 0, sizeof(h->mail));
        h->n_asked = h->n_random = h->n_mail = h->n_missing = 0;
}

static void turn_day(struct dns_host *h, uint32_t second)
{
        h->day = second;
        memset(h->failed, 0, sizeof(h->failed));
        h->zones = 0;
        h->n_zones = h->n_missing_day = h->n_generated = 0;
        h->in_common = h->anything = 0;
}

struct dns_host *dns_anomaly_find_host(struct dns_anomaly *d, const struct addr *local, uint32_t second)
{
        struct detector_key key = detector_host_key(local);
        bool created;
        struct dns_host *h = table_insert(d->hosts, &key, &created);

        if (!h)
                return NULL;
        if (created) {
                h->hour = h->day = second;
                h->ten = second / TEN_MINUTES;
        }
        if (second - h->hour >= DNS_HOUR)
                turn_hour(h, second);
        if (second - h->day >= DNS_DAY)
                turn_day(h, second);
        return h;
}

uint8_t dns_anomaly_roles(const struct dns_anomaly *d, const struct addr *local)
{
        const struct dns_server *s = table_peek(d->servers, local);
        uint8_t roles = 0;

        if ((s && s->served >= SERVED_LEAST) || (d->resolvers && home_has(d->resolvers, local)))
                roles |= DNS_RESOLVER;
        if ((s && s->mails >= MAILS_LEAST) || (d->mail_servers && home_has(d->mail_servers, local)))
                roles |= DNS_MAIL_SERVER;
        return roles;
}

void dns_anomaly_note_server(struct dns_anomaly *d, const struct addr *local, enum dns_role role)
{
        struct dns_server *s = table_insert(d->servers, local, NULL);

        if (s && role == DNS_RESOLVER)
                s->served += s->served < UINT8_MAX;
        else if (s)
                s->mails += s->mails < UINT8_MAX;
}

/* Counts the query; the sum of the last hour when it is time to look at it, else 0. */
static uint32_t count_query(struct dns_host *h, uint32_t second)
{
        uint32_t ten = second / TEN_MINUTES, sum = 0;

        if (ten != h->ten) {
                uint32_t passed = MIN(ten - h->ten, (uint32_t) ELEMENTSOF(h->queries));

                for (uint32_t i = 0; i < passed; i++)
                        h->queries[(ten - i) % ELEMENTSOF(h->queries)] = 0;
                h->ten = ten;
        }
        if (++h->queries[ten % ELEMENTSOF(h->queries)] % VOLUME_EVERY)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(h->queries); i++)
                sum += MIN(h->queries[i], 1u << 28);
        return sum;
}

static uint16_t volume_weight(const struct dns_host *h, uint32_t sum)
{
        bool many = h->n_asked / 16 >= DOMAINS_LEAST;

        if (sum >= VOLUME_LEAST && !many)
                return 150;
        if (sum >= VOLUME_LEAST)
                return sum >= 10 * VOLUME_LEAST ? 800 : sum >= 2 * VOLUME_LEAST ? 600 : 400;
        /* Ten minutes at that rate. */
        return sum * 6 >= VOLUME_LEAST && h->queries[h->ten % ELEMENTSOF(h->queries)] * 6 >= VOLUME_LEAST &&
                               h->n_asked / 16 >= DOMAINS_LEAST / 5 ?
                       200 :
                       0;
}

static void note_volume(struct dns_step *step)
{
        uint32_t sum = count_query(step->host, step->second);
        struct evidence e;

        if (!sum || !dns_anomaly_claim(step, DNS_VOLUME, volume_weight(step->host, sum),
                                       step->second - MIN(step->second, DNS_HOUR), &e))
                return;
        (void) evidence_fact_number(&e, "queries_in_hour", sum);
        (void) evidence_fact_number(&e, "domains", step->host->n_asked / 16);
        (void) evidence_fact_endpoint(&e, "server", &step->ev->ends.remote, step->ev->ends.remote_port,
                                      step->ev->ends.proto);
        step->out->emit(step->out->userdata, &e);
}

static void note_mail(struct dns_step *step)
{
        static const struct {
                uint32_t least;
                uint16_t weight;
        } grades[] = {{300, 900}, {50, 800}, {10, 400}, {3, 100}};
        struct dns_host *h = step->host;
        uint32_t grown = dns_mark(h->mail, ELEMENTSOF(h->mail), step->name.domain_hash);
        uint16_t weight = 0;
        struct evidence e;

        h->n_mail += grown;
        for (size_t i = ELEMENTSOF(grades); grown && i-- > 0;)
                if (h->n_mail / 16 >= grades[i].least)
                        weight = grades[i].weight;
        if (!dns_anomaly_claim(step, DNS_MAIL, weight, h->hour, &e))
                return;
        (void) evidence_fact_number(&e, "domains", h->n_mail / 16);
        (void) evidence_fact_time(&e, "since", h->hour * NSEC_PER_SEC);
        (void) evidence_fact_endpoint(&e, "server", &step->ev->ends.remote, step->ev->ends.remote_port,
                                      step->ev->ends.proto);
        step->out->emit(step->out->userdata, &e);
}

static void note_transfer(struct dns_step *step)
{
        struct dns_host *h = step->host;
        uint32_t grown = dns_mark(&h->zones, 1, step->name.hash), n;
        struct evidence e;

        h->n_zones += grown;
        n = h->n_zones / 16;
        if (!grown || !dns_anomaly_claim(step, DNS_TRANSFER, n >= 20 ? 800 : n >= 5 ? 500 : 200, h->day, &e))
                return;
        (void) evidence_fact_number(&e, "zones", n);
        dns_anomaly_fact_name(&e, "example", step->name.text, step->name.len);
        (void) evidence_fact_text(&e, "type", dns_type_name(step->ev->dns.qtype));
        (void) evidence_fact_endpoint(&e, "server", &step->ev->ends.remote, step->ev->ends.remote_port,
                                      step->ev->ends.proto);
        step->out->emit(step->out->userdata, &e);
}

static void note_anything(struct dns_step *step)
{
        struct dns_host *h = step->host;
        unsigned n = h->anything += h->anything < UINT16_MAX;
        struct evidence e;

        if (!dns_anomaly_claim(step, DNS_ANYTHING, n >= 2000 ? 600 : n >= 200 ? 400 : n >= 20 ? 200 : 0, h->day, &e))
                return;
        (void) evidence_fact_number(&e, "queries", n);
        dns_anomaly_fact_name(&e, "example", step->name.text, step->name.len);
        (void) evidence_fact_endpoint(&e, "server", &step->ev->ends.remote, step->ev->ends.remote_port,
                                      step->ev->ends.proto);
        step->out->emit(step->out->userdata, &e);
}

static uint16_t generated_weight(const struct dns_host *h)
{
        uint32_t failed = h->n_generated / 16, random = h->n_random / 16;
        uint16_t by_failed = 0, by_asked = 0;

        if (h->n_generated >= GENERATED_LEAST && h->n_generated * 3 >= h->n_missing_day * 2)
                by_failed = failed >= 200 ? 1400 : failed >= 50 ? 1100 : failed >= 20 ? 800 : 500;
        if (random >= 30 && h->n_random * 2 >= h->n_asked)
                by_asked = random >= 300 ? 1100 : random >= 100 ? 800 : 500;
        if (!by_failed && !by_asked)
                return 0;
        return (uint16_t) (MAX(by_failed, by_asked) + (h->in_common >= HERD_NAMES ? 200 : 0));
}

static void tell_generated(struct dns_step *step)
{
        struct dns_host *h = step->host;
        struct evidence e;

        if (!dns_anomaly_claim(step, DNS_GENERATED, generated_weight(h), h->n_generated ? h->day : h->hour, &e))
                return;
        (void) evidence_fact_number(&e, "failed_random", h->n_generated / 16);
        (void) evidence_fact_number(&e, "failed_other", h->n_missing_day / 16);
        (void) evidence_fact_number(&e, "asked_random", MIN(h->n_random, h->n_asked) / 16);
        (void) evidence_fact_number(&e, "asked", h->n_asked / 16);
        (void) evidence_fact_number(&e, "in_common", h->in_common);
        (void) evidence_fact_time(&e, "since", h->day * NSEC_PER_SEC);
        dns_anomaly_fact_name(&e, "example", step->name.text, step->name.len);
        step->out->emit(step->out->userdata, &e);
}

static void tell_missing(struct dns_step *step)
{
        const struct dns_host *h = step->host;
        uint32_t n = h->n_missing / 16;
        uint16_t weight = n >= 250 ? 700 : n >= 100 ? 500 : n >= 30 ? 300 : 0;
        struct evidence e;

        if (h->n_missing * 2 < h->n_asked || !dns_anomaly_claim(step, DNS_MISSING, weight, h->hour, &e))
                return;
        (void) evidence_fact_number(&e, "missing", n);
        (void) evidence_fact_number(&e, "asked", h->n_asked / 16);
        (void) evidence_fact_time(&e, "since", h->hour * NSEC_PER_SEC);
        dns_anomaly_fact_name(&e, "example", step->name.text, step->name.len);
        step->out->emit(step->out->userdata, &e);
}

void dns_anomaly_note_query(struct dns_step *step)
{
        struct dns_host *h = step->host;
        uint32_t grown;

        if (step->roles & DNS_RESOLVER)
                return;
        note_volume(step);
        if (step->name.flags & (DNS_NAME_LOCAL | DNS_NAME_REVERSE))
                return;
        grown = dns_mark(h->asked, ELEMENTSOF(h->asked), step->name.domain_hash);
        h->n_asked += grown;
        if (step->ev->dns.qtype == DNS_TYPE_AXFR || step->ev->dns.qtype == DNS_TYPE_IXFR)
                note_transfer(step);
        if (step->ev->dns.qtype == DNS_TYPE_ANY)
                note_anything(step);
        if (step->roles & DNS_MAIL_SERVER)
                return;
        if (step->ev->dns.qtype == DNS_TYPE_MX)
                note_mail(step);
        if ((step->name.flags & (DNS_NAME_RANDOM | DNS_NAME_BARE | DNS_NAME_SHARED)) !=
            (DNS_NAME_RANDOM | DNS_NAME_BARE))
                return;
        grown = dns_mark(h->random, ELEMENTSOF(h->random), step->name.domain_hash);
        h->n_random += grown;
        if (grown)
                tell_generated(step);
}

/* Generators ask for registered domains, seldom for names far below them: lists of reputation, search domains and
 * cloud machines fall away. */
void dns_anomaly_note_failure(struct dns_step *step)
{
        struct dns_host *h = step->host;
        bool missing = step->ev->dns.rcode == DNS_NXDOMAIN, random = step->name.flags & DNS_NAME_RANDOM;
        uint32_t grown;

        if (step->roles || !(step->name.flags & DNS_NAME_BARE) || (!missing && !random))
                return;
        grown = dns_mark(h->failed, ELEMENTSOF(h->failed), step->name.domain_hash);
        if (!grown)
                return;
        if (random) {
                h->n_generated += grown;
                if (dns_anomaly_shared_hosts(step->d, step->name.hash) >= HERD_LEAST)
                        h->in_common += h->in_common < UINT16_MAX;
                tell_generated(step);
                return;
        }
        h->n_missing += grown;
        h->n_missing_day += grown;
        tell_missing(step);
}

static uint64_t meeting_of(const struct detector_key *host, const struct addr *remote)
{
        struct {
                struct detector_key host;
                struct addr remote;
        } k = {*host, *remote};

        return XXH3_64bits(&k, sizeof(k)) | 1;
}

/* A generated name that exists, after others that do not. */
void dns_anomaly_note_address(struct dns_step *step)
{
        const struct dns_host *h = step->host;
        const struct dns_event *d = &step->ev->dns;

        if ((step->name.flags & (DNS_NAME_RANDOM | DNS_NAME_BARE)) != (DNS_NAME_RANDOM | DNS_NAME_BARE) ||
            h->n_generated < GENERATED_LEAST || step->roles || !generated_weight(h))
                return;
        for (uint16_t i = 0; i < MIN(d->n_addrs, (uint16_t) 4); i++) {
                uint64_t hash = meeting_of(&h->key, &d->addrs[i]);

                if (!addr_is_loopback(&d->addrs[i]) && !addr_is_unspecified(&d->addrs[i]))
                        step->d->meet[hash >> 8 & (DNS_MEET - 1)] = hash;
        }
}

bool dns_anomaly_is_met(struct dns_anomaly *d, const struct flow_event *f)
{
        struct detector_key key = detector_host_key(&f->local);
        uint64_t hash = meeting_of(&key, &f->remote), *place = &d->meet[hash >> 8 & (DNS_MEET - 1)];

        if (*place != hash)
                return false;
        *place = 0;
        return true;
}
