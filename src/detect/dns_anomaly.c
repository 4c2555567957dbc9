/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns_anomaly: name lookups that people and their programs do not make. This file holds the kinds of evidence, the
 * state and the way of an event through the parts; each part has a file. A name server's answers count only if the
 * host had asked: who is flooded with answers is a victim. Runs in the engine and in offline commands. */
#include "detect/dns_anomaly.h"
#include "decode/dns_type.h"

#include <errno.h>
#include <netinet/in.h>
#include <xxhash.h>

#define HOURS(n) ((nsec_t) (n) *3600 * NSEC_PER_SEC)

const struct evidence_kind dns_anomaly_kinds[DNS_KINDS] = {
        [DNS_VOLUME] = {.name = "dns_anomaly.volume",
                        .title = "it asks for names as often as infected machines do",
                        .reason = "Koyama: 10,000 to 20,000 queries an hour per infected terminal, up to 650 times a "
                                  "clean one. From 10,000 an hour 4.0, 20,000 6.0, 100,000 8.0, if they are about 500 "
                                  "domains or more; else 1.5, for that is a broken program. 2.0 if ten minutes reach "
                                  "that rate. Name servers do so by their nature and are left out.",
                        .stage = STAGE_ATTACK,
                        .weight = 400,
                        .cap = 800,
                        .half_life = HOURS(12)},
        [DNS_MAIL] = {.name = "dns_anomaly.mail_servers",
                      .title = "it looks up mail servers and is none",
                      .reason =
                              "Watanabe: MX queries by clients show a spam engine; a mailer hands mails to one relay. "
                              "Three domains in an hour 1.0 (setting up a mailer asks once per account), ten 4.0, "
                              "fifty 8.0, three hundred 9.0: web forms check addresses so, so never enough alone.",
                      .stage = STAGE_ATTACK,
                      .weight = 400,
                      .cap = 900,
                      .half_life = HOURS(12)},
        [DNS_TRANSFER] = {.name = "dns_anomaly.transfer",
                          .title = "it asks for whole zones and is no name server",
                          .reason = "Watanabe: AXFR and IXFR after an infection. One zone in a day 2.0, for "
                                    "administrators do it by hand; five 5.0, twenty 8.0.",
                          .stage = STAGE_SPREAD,
                          .weight = 200,
                          .cap = 800,
                          .half_life = HOURS(24)},
        [DNS_ANYTHING] = {.name = "dns_anomaly.any",
                          .title = "it asks for all records of names",
                          .reason = "ANY serves reflection and looking around; RFC 8482 lets servers refuse it, so "
                                    "programs gave it up. 20 queries in a day 2.0 (an old mail server does that), 200 "
                                    "4.0, 2,000 6.0.",
                          .stage = STAGE_ATTACK,
                          .weight = 200,
                          .cap = 600,
                          .half_life = HOURS(12)},
        [DNS_MISSING] = {.name = "dns_anomaly.missing",
                         .title = "many domains that it asks for do not exist",
                         .reason = "Antonakakis et al. 2012: generators leave a trail of NXDOMAIN. 30 registered "
                                   "domains in an hour, half of all or more, that look like words: 3.0, for checkers "
                                   "of links do so; 100 5.0, 250 7.0. Those that look random count as "
                                   "dns_anomaly.generated instead, never twice.",
                         .stage = STAGE_CONTROL,
                         .weight = 300,
                         .cap = 700,
                         .half_life = HOURS(12)},
        [DNS_GENERATED] =
                {.name = "dns_anomaly.generated",
                 .title = "it tries domains whose names a generator made",
                 .reason = "Of honest labels 4 in 100 look random to the test, and few of those do not exist; of a "
                           "generator's 85 to 100 in 100. 8 in a day that fail, two of five failures or more: 5.0, 20 "
                           "8.0, 50 "
                           "11.0, 200 14.0. Whatever is answered, 30 in an hour that are half of all domains: 5.0, 100 "
                           "8.0, 300 11.0. 2.0 more if three or more home hosts tried eight of the same.",
                 .stage = STAGE_CONTROL,
                 .weight = 500,
                 .cap = 1600,
                 .half_life = HOURS(24)},
        [DNS_RENDEZVOUS] = {.name = "dns_anomaly.rendezvous",
                            .title = "it found its controller by trying generated domains",
                            .reason = "After eight such domains failed, one exists and the host talks to its address: "
                                      "6.0. The address may be a sinkhole; the host is no less infected.",
                            .stage = STAGE_CONTROL,
                            .weight = 600,
                            .cap = 600,
                            .half_life = HOURS(24)},
        [DNS_TUNNEL] =
                {.name = "dns_anomaly.tunnel",
                 .title = "it carries data in names",
                 .reason = "50 different long encoded names below one domain in an hour: 4.0, for services of "
                           "reputation do so. 2.0 more if half the queries are TXT, 4.0 if a quarter are of types that "
                           "clients do not ask for (NULL, CNAME, MX, KEY, private ones). 2.0 more from 16 KiB, 4.0 "
                           "from 128 KiB. 1.0 if of five home hosts only this one does it. Half if most answers are "
                           "NXDOMAIN "
                           "or of 127/8 (RFC 5782), or three home hosts do the same.",
                 .stage = STAGE_CONTROL,
                 .weight = 400,
                 .cap = 1300,
                 .half_life = HOURS(12)},
        [DNS_UPLOAD] = {.name = "dns_anomaly.upload",
                        .title = "it sends much away in names",
                        .reason = "A tunnel of 8.0 or more whose names carried 256 KiB out within the hour: 3.0, 4 MiB "
                                  "6.0. With the tunnel it stays below the threshold for a bot: a person may tunnel.",
                        .stage = STAGE_STEAL,
                        .weight = 300,
                        .cap = 600,
                        .half_life = HOURS(12)},
        [DNS_FLUX] = {.name = "dns_anomaly.flux",
                      .title = "it asks for a name whose addresses lie all over the world and change",
                      .reason =
                              "Holz et al. 2008: 1.32 addresses + 18.54 autonomous systems above 142.38, times to live "
                              "of at most 30 min: 4.0, from five countries 6.0; 2.0 more if the label looks random. "
                              "Without a file of networks, ten networks (/16) of nearly as many addresses: 2.0, for a "
                              "large cloud looks so.",
                      .stage = STAGE_CONTROL,
                      .weight = 200,
                      .cap = 800,
                      .half_life = HOURS(24)},
        [DNS_LOCKSTEP] = {.name = "dns_anomaly.lockstep",
                          .title = "it looks up a name in step with other home hosts",
                          .reason =
                                  "BotSniffer: members of a botnet act at the same time. The same five hosts or more, "
                                  "at most half of all, within 10 s and four times, and hardly ever at other times: "
                                  "2.0, for updates keep the clock too. 3.0 more if the name does not exist, looks "
                                  "random or changes its networks.",
                          .stage = STAGE_CONTROL,
                          .weight = 200,
                          .cap = 500,
                          .half_life = HOURS(12)},
};

static void dns_free(void *state)
{
        struct dns_anomaly *d = state;

        if (!d)
                return;
        table_free(d->hosts);
        table_free(d->domains);
        table_free(d->names);
        table_free(d->servers);
        home_free(d->mail_servers);
        home_free(d->resolvers);
        dns_anomaly_place_close(d->place);
        free(d);
}

/* NULL for none. */
static int copy_networks(const struct config_cidrs *nets, struct home **ret)
{
        return nets->n ? home_new(nets, ret) : 0;
}

static int dns_new(const struct detector_params *params, void **ret)
{
        const struct config *c = params->config;
        struct dns_anomaly *d = calloc(1, sizeof(*d));
        const struct table_params hosts = {"dns hosts", DNS_HOSTS, 16, sizeof(struct dns_host), NULL, NULL},
                                  domains = {"dns domains", DNS_DOMAINS, 8, sizeof(struct dns_domain), NULL, NULL},
                                  names = {"dns names", DNS_NAMES, 8, sizeof(struct dns_shared), NULL, NULL},
                                  servers = {"dns servers", DNS_SERVERS, 16, sizeof(struct dns_server), NULL, NULL};
        int r;

        if (!d)
                return -ENOMEM;
        d->psl = psl_builtin();
        if (!d->psl) { /* a library built without the list */
                free(d);
                return -ENODATA;
        }
        if ((r = table_new(&hosts, &d->hosts)) < 0 || (r = table_new(&domains, &d->domains)) < 0 ||
            (r = table_new(&names, &d->names)) < 0 || (r = table_new(&servers, &d->servers)) < 0 ||
            (r = copy_networks(&c->network.mail_servers, &d->mail_servers)) < 0 ||
            (r = copy_networks(&c->network.resolvers, &d->resolvers)) < 0) {
                dns_free(d);
                return r;
        }
        /* A file that cannot be used is as none: the detector works without it. */
        if (c->network.mmdb)
                d->place = dns_anomaly_place_open(c->network.mmdb);
        *ret = d;
        return 0;
}

bool dns_anomaly_claim(const struct dns_step *step, enum dns_kind kind, uint16_t weight, uint32_t since,
                       struct evidence *ret)
{
        const struct evidence_kind *k = &dns_anomaly_kinds[kind];

        *ret = (struct evidence){.kind = k, .count = 1, .last = step->ev->time};
        if (!grading_claim(&step->host->told[kind], k, step->second, weight, &ret->weight))
                return false;
        detector_host_subject(&step->ev->ends.local, &ret->subject);
        ret->first = MIN(since * NSEC_PER_SEC, step->ev->time);
        evidence_add_ref(ret, step->ev->ends.flow_id);
        return true;
}

/* Outside text into a fact: printable, and its end where it is too long, for there stands the domain. */
void dns_anomaly_fact_name(struct evidence *e, const char *key, const char *text, size_t len)
{
        char shown[FACT_TEXT_MAX];
        size_t n = MIN(len, sizeof(shown) - 1);

        for (size_t i = 0; i < n; i++) {
                char c = text[len - n + i];

                shown[i] = c > ' ' && c < 0x7f ? c : '?';
        }
        shown[n] = '\0';
        (void) evidence_fact_text(e, key, shown);
}

/* A question is open until its answer comes: the place of (host, id, name, type). */
static uint64_t *question_of(struct dns_anomaly *d, const struct dns_step *step, uint64_t *ret_hash)
{
        struct {
                struct detector_key host;
                uint64_t name;
                uint16_t id, qtype, spare[2];
        } k = {step->host->key, step->name.hash, step->ev->dns.id, step->ev->dns.qtype, {0}};

        *ret_hash = XXH3_64bits(&k, sizeof(k)) | 1;
        return &d->asked[*ret_hash >> 20 & (DNS_ASKED - 1)];
}

static void take_query(struct dns_step *step)
{
        uint64_t hash, *place = question_of(step->d, step, &hash);
        bool again = *place == hash;

        *place = hash;
        if (again) /* repeated for want of an answer */
                return;
        dns_anomaly_shared_query(step);
        if (!dns_anomaly_tunnel_query(step))
                dns_anomaly_note_query(step);
}

static void take_answer(struct dns_step *step)
{
        const struct dns_event *d = &step->ev->dns;
        uint64_t hash, *place = question_of(step->d, step, &hash);

        if (*place != hash)
                return;
        *place = 0;
        dns_anomaly_tunnel_answer(step);
        dns_anomaly_shared_answer(step);
        /* It does not exist, cannot be found out, or has no address. */
        if (d->rcode == DNS_NXDOMAIN || d->rcode == DNS_SERVFAIL ||
            (d->rcode == DNS_NOERROR && d->answers == 0 && d->qtype == DNS_TYPE_A))
                dns_anomaly_note_failure(step);
        else if (d->n_addrs)
                dns_anomaly_note_address(step);
}

static void take_dns(struct dns_anomaly *d, const struct event *e, struct evidence_sink *out)
{
        bool asks = e->op == DNS_QUERY;
        struct dns_step step = {
                .d = d,
                .ev = e,
                .out = out,
                .second = (uint32_t) (e->time / NSEC_PER_SEC),
        };
        uint64_t hash;

        if (addr_is_multicast(&e->ends.remote) || asks != (e->ends.from_local != 0)) {
                /* An answer to somebody; REFUSED is what any machine may say to strangers. */
                if (!asks && e->ends.from_local && e->dns.rcode != DNS_REFUSED)
                        dns_anomaly_note_server(d, &e->ends.local, DNS_RESOLVER);
                return;
        }
        step.host = dns_anomaly_find_host(d, &e->ends.local, step.second);
        if (!step.host)
                return;
        step.roles = dns_anomaly_roles(d, &e->ends.local);
        hash = XXH3_64bits(&step.host->key, sizeof(step.host->key));
        step.bit = 1ull << (hash & 63);
        if (asks)
                d->active[hash >> 6 & 3] |= step.bit;
        dns_anomaly_look(d, &e->dns.name, &step.name);
        if (asks)
                take_query(&step);
        else
                take_answer(&step);
}

static void take_flow(struct dns_anomaly *d, const struct event *e, struct evidence_sink *out)
{
        const struct flow_event *f = &e->flow;
        struct dns_step step = {.d = d, .ev = e, .out = out, .second = (uint32_t) (e->time / NSEC_PER_SEC)};
        struct detector_key key;
        struct evidence claim;

        if (e->op == FLOW_END && f->origin == FLOW_ACCEPTED && f->local_port == 25 && f->proto == IPPROTO_TCP &&
            f->bytes_in >= 100 && f->bytes_out >= 100) {
                dns_anomaly_note_server(d, &f->local, DNS_MAIL_SERVER);
                return;
        }
        if (e->op != FLOW_START || f->origin != FLOW_ORIGINATED || !dns_anomaly_is_met(d, f))
                return;
        key = detector_host_key(&f->local);
        step.host = table_find(d->hosts, &key);
        if (!step.host ||
            !grading_claim(&step.host->told[DNS_RENDEZVOUS], &dns_anomaly_kinds[DNS_RENDEZVOUS], step.second,
                           (uint16_t) dns_anomaly_kinds[DNS_RENDEZVOUS].weight, &claim.weight))
                return;
        claim = (struct evidence){.kind = &dns_anomaly_kinds[DNS_RENDEZVOUS],
                                  .count = 1,
                                  .first = MIN(step.host->day * NSEC_PER_SEC, e->time),
                                  .last = e->time,
                                  .weight = claim.weight};
        detector_host_subject(&f->local, &claim.subject);
        (void) evidence_fact_endpoint(&claim, "peer", &f->remote, f->remote_port, f->proto);
        (void) evidence_fact_number(&claim, "failed_before", step.host->n_generated / 16);
        evidence_add_ref(&claim, f->flow_id);
        out->emit(out->userdata, &claim);
}

static void dns_event(void *state, const struct event *e, struct evidence_sink *out)
{
        if (e->type == EVENT_DNS)
                take_dns(state, e, out);
        else if (e->type == EVENT_FLOW)
                take_flow(state, e, out);
}

const struct detector detector_dns_anomaly = {
        .name = "dns_anomaly",
        .help = "name lookups that people and their programs do not make",
        .source = "Watanabe (RIKEN): DNS as an IDS (MX, AXFR, IXFR, changing addresses, countries); Koyama "
                  "(Telecom-ISAC "
                  "Japan): volumes; Antonakakis et al.: From Throw-Away Traffic to Bots (2012); Holz et al.: Fast-Flux "
                  "Service Networks (2008); Gu et al.: BotSniffer (2008)",
        .limits = "Encrypted lookups (DoH, DoT, DoQ) are not seen, and a home host behind a forwarder only if its own "
                  "queries pass. "
                  "Generators that join words show only as missing domains. A tunnel of less than fifty names an hour "
                  "or of short names "
                  "is not told. Mail servers that only send, and servers that check addresses, need "
                  "network.mail_servers.",
        .events = 1u << EVENT_DNS | 1u << EVENT_FLOW,
        .kinds = dns_anomaly_kinds,
        .n_kinds = DNS_KINDS,
        .new = dns_new,
        .free = dns_free,
        .event = dns_event,
        .explain = dns_anomaly_explain,
};
