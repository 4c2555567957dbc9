/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns_anomaly: data carried in names. A tunnel's names are long, each is new, they look drawn at random, and they lie
 * below one registered domain (Born and Gustafson, "Detecting DNS Tunnels Using Character Frequency Analysis", 2010;
 * Ellens et al., "Flow-Based Detection of DNS Tunnels", 2013). Lists of reputation look most like it. Runs in the
 * engine and in offline commands. */
#include <xxhash.h>

#include "decode/dns_type.h"
#include "detect/dns_anomaly.h"

#define LONG_LEAST    12u /* characters before the domain: an idle tunnel's poll has 14 to 18 */
#define NAMES_LEAST   50u
#define LENGTH_LEAST  18u /* bytes of a name on average: what polls alone have */
#define UPLOAD_LEAST  (256u << 10)
#define ANSWERS_LEAST 10u
#define OVERHEAD      18u /* bytes of header and question beside the name */
#define COMPANY_LEAST 3u  /* home hosts that do the same */
#define HOSTS_LEAST   5u  /* of ours, to say that a domain is one host's alone */

static uint64_t key_of(const struct dns_step *step)
{
        struct {
                struct detector_key host;
                uint64_t domain;
        } k = {step->host->key, step->name.domain_hash};

        return XXH3_64bits(&k, sizeof(k));
}

/* The same domain among the names that hosts share: who asks it in this way. */
static uint64_t company_of(const struct dns_step *step)
{
        return step->name.domain_hash ^ 0x74756e6e656cull;
}

/* What a client asks for to reach something, and what may carry text besides. The rest is a server's or a tunnel's. */
static bool is_typed(uint16_t type)
{
        return type == DNS_TYPE_TXT || type == DNS_TYPE_SRV;
}

static bool is_rare(uint16_t type)
{
        switch (type) {
        case DNS_TYPE_A:
        case DNS_TYPE_AAAA:
        case DNS_TYPE_NS: /* a resolver that reveals no more of a name than it must (RFC 9156) */
        case DNS_TYPE_SOA:
        case DNS_TYPE_PTR:
        case DNS_TYPE_TXT:
        case DNS_TYPE_SRV:
        case DNS_TYPE_HTTPS:
        case 43: /* DS and DNSKEY: validation */
        case 48:
        case 64: /* SVCB */
        case DNS_TYPE_ANY:
                return false;
        default:
                return true;
        }
}

static uint16_t tunnel_weight(const struct dns_step *step, const struct dns_domain *t)
{
        uint32_t bytes = MAX(t->up, t->down);
        unsigned company = dns_anomaly_shared_hosts(step->d, company_of(step)), weight = 400;

        if (t->n_names / 16 < NAMES_LEAST || t->up < LENGTH_LEAST * (t->n_names / 16) ||
            t->n_names / 16 * 2 < t->queries)
                return 0;
        weight += t->rare * 4u >= t->queries ? 400 : (t->typed + t->rare) * 2u >= t->queries ? 200 : 0;
        weight += bytes >= 128u << 10 ? 400 : bytes >= 16u << 10 ? 200 : 0;
        weight += company <= 1 && dns_anomaly_active(step->d) >= HOSTS_LEAST ? 100 : 0;
        if (company >= COMPANY_LEAST || (t->answers >= ANSWERS_LEAST && t->hollow * 2u >= t->answers))
                weight /= 2;
        return (uint16_t) weight;
}

static void put_facts(struct evidence *e, const struct dns_step *step, const struct dns_domain *t)
{
        dns_anomaly_fact_name(e, "domain", step->name.text + step->name.domain, step->name.len - step->name.domain);
        (void) evidence_fact_number(e, "queries", t->queries);
        (void) evidence_fact_number(e, "names", MIN(t->n_names / 16, t->queries));
        (void) evidence_fact_number(e, "bytes_out", t->up);
        (void) evidence_fact_number(e, "bytes_in", t->down);
        (void) evidence_fact_number(e, "text_types", t->typed);
        (void) evidence_fact_number(e, "rare_types", t->rare);
        (void) evidence_fact_text(e, "newest_type", dns_type_name(step->ev->dns.qtype));
        (void) evidence_fact_time(e, "since", t->since * NSEC_PER_SEC);
        (void) evidence_fact_endpoint(e, "server", &step->ev->ends.remote, step->ev->ends.remote_port,
                                      step->ev->ends.proto);
        evidence_add_ref(e, step->ev->ends.flow_id);
}

static void tell(const struct dns_step *step, const struct dns_domain *t)
{
        uint16_t weight = tunnel_weight(step, t);
        struct evidence e;

        if (dns_anomaly_claim(step, DNS_TUNNEL, weight, t->since, &e)) {
                put_facts(&e, step, t);
                step->out->emit(step->out->userdata, &e);
        }
        if (weight >= 800 && t->up >= UPLOAD_LEAST &&
            dns_anomaly_claim(step, DNS_UPLOAD, t->up >= 16 * UPLOAD_LEAST ? 600 : 300, t->since, &e)) {
                put_facts(&e, step, t);
                step->out->emit(step->out->userdata, &e);
        }
}

static void count_type(struct dns_domain *t, uint16_t type)
{
        if (is_typed(type))
                t->typed += t->typed < UINT16_MAX;
        else if (is_rare(type))
                t->rare += t->rare < UINT16_MAX;
        if (t->queries > UINT16_MAX) { /* keeps the shares */
                t->queries /= 2;
                t->n_names /= 2;
                t->typed /= 2;
                t->rare /= 2;
        }
}

/* A name that is new to the domain carries its bytes: of those that the bitmap takes for old, as many are new as it
 * says. It begins anew before it says nothing any more. */
static void count_name(struct dns_domain *t, uint64_t hash, uint32_t bytes)
{
        uint32_t grown = dns_mark(t->names, ELEMENTSOF(t->names), hash);

        t->n_names += grown;
        t->up = (uint32_t) MIN(t->up + (uint64_t) bytes * grown / 16, (uint64_t) UINT32_MAX);
        if (__builtin_popcountll(t->names[0]) + __builtin_popcountll(t->names[1]) >= 96)
                t->names[0] = t->names[1] = 0;
}

bool dns_anomaly_tunnel_query(struct dns_step *step)
{
        uint32_t before = step->name.domain ? step->name.domain - 1 : 0;
        uint16_t type = step->ev->dns.qtype;
        struct dns_domain *t;
        uint64_t key;

        if (before < LONG_LEAST || step->roles & DNS_RESOLVER || step->name.flags & DNS_NAME_REVERSE ||
            (step->name.flags & DNS_NAME_LOCAL && !is_typed(type) && !is_rare(type)) ||
            !dns_anomaly_is_encoded(step->name.text, before))
                return false;
        key = key_of(step);
        t = table_insert(step->d->domains, &key, NULL);
        if (!t)
                return false;
        if (step->second - t->since >= DNS_HOUR) {
                *t = (struct dns_domain){.key = key, .since = step->second};
                dns_anomaly_shared_note(step->d, company_of(step), step->bit, step->second);
        }
        t->queries++;
        count_name(t, step->name.hash, before);
        count_type(t, type);
        tell(step, t);
        return t->n_names / 16 >= NAMES_LEAST;
}

void dns_anomaly_tunnel_answer(struct dns_step *step)
{
        uint32_t before = step->name.domain ? step->name.domain - 1 : 0, named = step->name.len + OVERHEAD;
        const struct dns_event *d = &step->ev->dns;
        struct dns_domain *t;
        uint64_t key;
        bool hollow;

        if (before < LONG_LEAST || step->name.flags & DNS_NAME_REVERSE)
                return;
        key = key_of(step);
        t = table_peek(step->d->domains, &key);
        if (!t)
                return;
        hollow = d->rcode == DNS_NXDOMAIN || (d->n_addrs && addr_is_loopback(&d->addrs[0]));
        if (t->answers == UINT16_MAX) {
                t->answers /= 2;
                t->hollow /= 2;
        }
        t->answers++;
        t->hollow += hollow;
        if (!hollow && d->size > named)
                t->down = (uint32_t) MIN((uint64_t) t->down + d->size - named, (uint64_t) UINT32_MAX);
}
