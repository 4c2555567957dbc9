/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exfiltration: a home host sends an outside peer far more than it gets back, and nothing says what for: the peer has
 * no name, few of ours know it, and what is spoken is no protocol that is known, or stands where no known service is.
 * So a trojan hands over what it took. People send much as well, but to names, by protocols that are known, or to many
 * peers at once. Pure; runs in the engine. */
#include "detect/exfiltration.h"

#include <errno.h>
#include <netinet/in.h>

#define PAIR_LEAST (4u << 10) /* bytes: flows that carry less do not begin a pair */
#define PAIR_LASTS 86400u     /* seconds; then it begins anew */

/* 1 MiB: some documents, a minute of sound, a few screens; below it one message of any protocol may be as lopsided. */
#define LEAST_BYTES (1ull << 20)
#define MUCH_BYTES  (10ull << 20)
#define MOST_BYTES  (100ull << 20)

/* Who receives a file answers with little more than acknowledgements. 100: a tunnel whose user uploads gives back one
 * acknowledgement of TCP (52 bytes and what the tunnel adds) for every two packets (2,800 bytes) or four, 30:1 to 60:1.
 */
#define LEAST_RATIO 100u
#define HIGH_RATIO  1000u

/* Distinct peers of an hour or two that are spoken to in words nobody knows. A trojan has a controller or two; a client
 * of BitTorrent has tens within a minute (Transmission: up to 50 for each torrent). */
#define PEERS_MANY 8

/* Weights, hundredths. */
enum { BOTH_SIGNS = 500, ONE_SIGN = 200, MORE = 100, BOTH_MOST = 800, ONE_MOST = 350 };

const struct evidence_kind exfiltration_kinds[EXFILTRATION_KINDS] = {
        [EXFILTRATION_UPLOAD] =
                {.name = "exfiltration.upload",
                 .title = "it uploads to a bare address, and nothing says what for",
                 .reason = "A mebibyte or more within a day and a hundred times what came back, by TCP, to an "
                           "address that no name was ever seen for and that few of ours talk to: 5.0 if it speaks "
                           "nothing that is known on a port of no known service, 2.0 if only one of both. 1.0 more "
                           "from 10 MiB and again from 100 MiB, 1.0 more from 1000:1, 1.0 more if of eight home "
                           "hosts at most one knows the peer (half of each for one sign); 8.0 and 3.5 at most. Below "
                           "suspicion by itself: a person may send a film to a friend's machine by a program that "
                           "nobody knows. No capture at hand of an honest machine has one. 24 hours: what was taken "
                           "stays taken.",
                 .stage = STAGE_STEAL,
                 .weight = BOTH_SIGNS,
                 .cap = BOTH_MOST,
                 .half_life = 24 * 3600 * NSEC_PER_SEC},
};

static void exfiltration_free(void *state)
{
        struct exfiltration *x = state;

        if (!x)
                return;
        peers_done(&x->peers);
        ways_done(&x->pairs);
        ways_done(&x->sources);
        table_free(x->claims);
        free(x);
}

static int exfiltration_new(const struct detector_params *params, void **ret)
{
        const struct table_params claims = {"exfiltration claims",
                                            EXFILTRATION_CLAIMS,
                                            sizeof(struct detector_key),
                                            sizeof(struct exfiltration_told),
                                            NULL,
                                            NULL};
        struct exfiltration *x = calloc(1, sizeof(*x));
        int r;

        if (!x)
                return -ENOMEM;
        if ((r = peers_init(&x->peers, params->config)) < 0 ||
            (r = ways_init(&x->pairs, EXFILTRATION_PAIRS, sizeof(struct exfiltration_pair))) < 0 ||
            (r = ways_init(&x->sources, EXFILTRATION_SOURCES, sizeof(struct exfiltration_source))) < 0 ||
            (r = table_new(&claims, &x->claims)) < 0) {
                exfiltration_free(x);
                return r;
        }
        x->lineage = params->lineage;
        memcpy(x->boot_id, params->boot_id, sizeof(x->boot_id));
        *ret = x;
        return 0;
}

static uint32_t second_of(const struct event *e)
{
        return (uint32_t) (e->time / NSEC_PER_SEC);
}

static uint32_t stamp_of(const struct exfiltration *x, const struct event *e)
{
        return MAX(second_of(e) - x->begin, 1u);
}

static uint64_t add(uint64_t a, uint64_t b)
{
        return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* How strange the flow is by itself: 2, 1, or 0. Mail has detectors of its own; the port of a file's transfer by FTP is
 * drawn anew each time, and BitTorrent's is anyone's. */
static unsigned count_signs(const struct exfiltration *x, const struct event *e)
{
        const struct flow_event *f = &e->flow;

        switch (f->app) {
        case APP_BITTORRENT:
        case APP_FTP_DATA:
        case APP_SMTP:
        case APP_IMAP:
        case APP_POP3:
                return 0;
        }
        return peers_is_unknown_app(&x->peers, e) + !peers_is_service(f->remote_port);
}

static bool is_lopsided(uint64_t out, uint64_t in)
{
        return out >= LEAST_BYTES && out / LEAST_RATIO >= in;
}

/* Zeek reckons bytes by sequence numbers, which a stray packet makes gigabytes: none of IP's packets holds 64 KiB. */
static bool is_possible(const struct flow_event *f)
{
        return f->bytes_out >> 16 <= f->pkts_out;
}

/* Notes whom the source talks to in words nobody knows, whoever began: peers of a network of peers. */
static void note_peer(struct exfiltration *x, const struct event *e, uint64_t who)
{
        const struct flow_event *f = &e->flow;
        uint32_t hour = second_of(e) / 3600;
        uint64_t hash;
        struct exfiltration_source *s;
        struct ways_slot *slot;
        bool created;

        if (f->bytes_out == 0 || f->bytes_in == 0 || (f->app != APP_UNKNOWN && f->app != APP_BITTORRENT) ||
            peers_is_service(f->origin == FLOW_ACCEPTED ? f->local_port : f->remote_port))
                return;
        slot = ways_insert(&x->sources, who, stamp_of(x, e), &created);
        slot->stamp = stamp_of(x, e);
        s = ways_entry(&x->sources, slot);
        if (s->hour != hour) {
                s->peers[1] = s->hour + 1 == hour ? s->peers[0] : 0;
                s->peers[0] = 0;
                s->hour = hour;
        }
        hash = ways_hash(&f->remote);
        s->peers[0] |= f->app == APP_BITTORRENT ? UINT64_MAX : 1ull << (hash & 63);
}

static bool has_many_peers(const struct exfiltration *x, const struct event *e, uint64_t who)
{
        const struct ways_slot *slot = ways_find(&x->sources, who);
        const struct exfiltration_source *s = slot ? ways_entry(&x->sources, slot) : NULL;
        uint32_t hour = second_of(e) / 3600;

        if (!s || (s->hour != hour && s->hour + 1 != hour))
                return false;
        return __builtin_popcountll(s->peers[0] | (s->hour == hour ? s->peers[1] : 0)) >= PEERS_MANY;
}

/* An upload as it stands now: ended flows, and the one at hand. */
struct upload {
        const struct event *e;
        struct detector_key who;
        uint64_t who_hash, pair_hash;
        uint64_t out, in;
        uint32_t flows;
        nsec_t first;
        unsigned signs, users, hosts;
};

static uint16_t weight_of(const struct upload *u)
{
        unsigned more = (u->out >= MUCH_BYTES) + (u->out >= MOST_BYTES) + (u->out / HIGH_RATIO >= u->in) +
                        peers_is_rare(u->users, u->hosts);

        return (uint16_t) (u->signs == 2 ? MIN(BOTH_SIGNS + more * MORE, (unsigned) BOTH_MOST) :
                                           MIN(ONE_SIGN + more * MORE / 2, (unsigned) ONE_MOST));
}

static void tell(struct exfiltration *x, const struct upload *u, struct evidence_sink *out)
{
        const struct flow_event *f = &u->e->flow;
        struct evidence e = {.kind = &exfiltration_kinds[EXFILTRATION_UPLOAD], .count = 1, .last = u->e->time};
        struct exfiltration_told *t = table_insert(x->claims, &u->who, NULL);

        if (!t || !grading_claim(&t->told, e.kind, second_of(u->e), weight_of(u), &e.weight))
                return;
        e.first = MIN(MAX(u->first, 0), e.last);
        (void) evidence_fact_endpoint(&e, "peer", &f->remote, f->remote_port, f->proto);
        (void) evidence_fact_number(&e, "bytes_out", (int64_t) MIN(u->out, (uint64_t) INT64_MAX));
        (void) evidence_fact_number(&e, "bytes_in", (int64_t) MIN(u->in, (uint64_t) INT64_MAX));
        (void) evidence_fact_number(&e, "connections", u->flows);
        (void) evidence_fact_text(&e, "app", app_name(f->app));
        (void) evidence_fact_number(&e, "unknown_app", peers_is_unknown_app(&x->peers, u->e));
        (void) evidence_fact_number(&e, "unknown_service", !peers_is_service(f->remote_port));
        (void) evidence_fact_number(&e, "rare", peers_is_rare(u->users, u->hosts));
        (void) evidence_fact_number(&e, "home_hosts_with_peer", u->users);
        (void) evidence_fact_number(&e, "home_hosts", u->hosts);
        detector_flow_subject(x->lineage, x->boot_id, f, &e.subject);
        evidence_add_ref(&e, f->flow_id);
        out->emit(out->userdata, &e);
}

static void judge(struct exfiltration *x, struct upload *u, struct evidence_sink *out)
{
        const struct flow_event *f = &u->e->flow;

        if (!is_lopsided(u->out, u->in) || has_many_peers(x, u->e, u->who_hash) ||
            peers_is_named(&x->peers, &f->local, &f->remote) != 0)
                return;
        u->users = peers_count_users(&x->peers, &f->remote);
        u->hosts = peers_count_hosts(&x->peers);
        if (peers_may_be_rare(u->users, u->hosts))
                tell(x, u, out);
}

/* Adds an ended flow to its pair; one that still lasts is only looked at. */
static void take_totals(struct exfiltration *x, struct upload *u, bool ended)
{
        const struct flow_event *f = &u->e->flow;
        bool begins = ended && f->bytes_out / 2 + f->bytes_in / 2 >= PAIR_LEAST / 2, created = false;
        struct ways_slot *slot = begins ? ways_insert(&x->pairs, u->pair_hash, stamp_of(x, u->e), &created) :
                                          ways_find(&x->pairs, u->pair_hash);
        struct exfiltration_pair *p = slot ? ways_entry(&x->pairs, slot) : NULL;

        u->out = f->bytes_out;
        u->in = f->bytes_in;
        u->flows = 1;
        u->first = f->since;
        if (!p)
                return;
        if (created || second_of(u->e) - p->begin > PAIR_LASTS)
                *p = (struct exfiltration_pair){.begin = (uint32_t) (MAX(f->since, 0) / NSEC_PER_SEC)};
        u->out = add(u->out, p->out);
        u->in = add(u->in, p->in);
        u->flows += p->flows;
        u->first = MIN(u->first, (nsec_t) p->begin * NSEC_PER_SEC);
        if (!ended)
                return;
        slot->stamp = stamp_of(x, u->e);
        p->out = u->out;
        p->in = u->in;
        p->flows = u->flows;
}

/* May the flow be part of an upload? */
static bool is_upload(const struct exfiltration *x, struct upload *u)
{
        const struct flow_event *f = &u->e->flow;

        if (f->origin == FLOW_ORIGINATED && f->proto == IPPROTO_TCP &&
            !(f->flags & (FLOW_PRESENT | FLOW_MIDSTREAM | FLOW_ONE_SIDED)) && is_possible(f) &&
            (u->e->op == FLOW_END || f->bytes_out >= PAIR_LEAST))
                u->signs = count_signs(x, u->e);
        return u->signs > 0;
}

static void take_flow(struct exfiltration *x, const struct event *e, struct evidence_sink *out)
{
        const struct flow_event *f = &e->flow;
        struct upload u = {.e = e};

        peers_note_app(&x->peers, e);
        if ((f->proto != IPPROTO_TCP && f->proto != IPPROTO_UDP) || f->flags & (FLOW_NO_PEER | FLOW_SAMPLED) ||
            !peers_is_outside(&x->peers, &f->remote))
                return;
        if (e->op == FLOW_START && f->origin == FLOW_ORIGINATED && f->proto == IPPROTO_TCP)
                peers_note_contact(&x->peers, &f->local, &f->remote, stamp_of(x, e));
        if ((e->op != FLOW_UPDATE && e->op != FLOW_END) ||
            (f->state != FLOW_STATE_ESTABLISHED && f->state != FLOW_STATE_CLOSED))
                return;
        u.who = detector_flow_key(f);
        u.who_hash = ways_hash(&u.who);
        if (is_upload(x, &u)) {
                u.pair_hash = ways_mix(u.who_hash ^ f->remote_port, ways_hash(&f->remote));
                ways_prefetch(&x->pairs, u.pair_hash);
        }
        note_peer(x, e, u.who_hash);
        if (u.signs == 0)
                return;
        take_totals(x, &u, e->op == FLOW_END);
        judge(x, &u, out);
}

static void exfiltration_event(void *state, const struct event *e, struct evidence_sink *out)
{
        struct exfiltration *x = state;
        const struct ends *n = &e->ends;

        if (!x->begun) {
                x->begun = true;
                x->begin = second_of(e) - 1;
        }
        if (e->type == EVENT_FLOW)
                take_flow(x, e, out);
        else if (e->type == EVENT_DNS) {
                if (e->op == DNS_ANSWER && !n->from_local)
                        peers_note_answer(&x->peers, &e->dns, stamp_of(x, e));
        } else if (!n->from_local || n->flags & ENDS_CUT || n->origin != FLOW_ORIGINATED)
                return;
        else if ((e->type == EVENT_TLS && e->op == TLS_CLIENT_HELLO && e->tls.sni.p && e->tls.sni.len) ||
                 (e->type == EVENT_HTTP && e->op == HTTP_REQUEST && e->http.host &&
                  !peers_is_address(e->http.host, e->http.host_len)))
                peers_note_name(&x->peers, &n->local, &n->remote, stamp_of(x, e));
}

const struct detector detector_exfiltration = {
        .name = "exfiltration",
        .help = "much sent to a bare address, for nothing that is known",
        .source = "Watanabe (RIKEN): traffic audit and communication profiles (volume each way, addresses, port); RITA "
                  "(Active Countermeasures): rarity of the destination",
        .limits = "Weak alone. Silent where names or protocols are not seen (firewall logs, the host sensor alone), "
                  "about "
                  "uploads to a name, by mail, by DNS, in datagrams, below 1 MiB a day, by a protocol that is known on "
                  "its usual port, and by hosts that talk to many unknown peers, as peer-to-peer clients do.",
        .events = 1u << EVENT_FLOW | 1u << EVENT_DNS | 1u << EVENT_TLS | 1u << EVENT_HTTP,
        .kinds = exfiltration_kinds,
        .n_kinds = EXFILTRATION_KINDS,
        .new = exfiltration_new,
        .free = exfiltration_free,
        .event = exfiltration_event,
        .explain = exfiltration_explain,
};
