/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scan: a host that looks for others. It does not know who is there, so most of those it contacts for the first time do
 * not answer; an honest host knows whom it wants. Judged by a sequential test over first contacts, per source and port
 * (Jung, Paxson, Berger, Balakrishnan: Fast Portscan Detection Using Sequential Hypothesis Testing, 2004), over many
 * ports of one target, and by touches of addresses that nobody uses. A contact whose address the host was told by a
 * name server does not count against it: scanners ask for no names (Whyte, Kranakis, van Oorschot: DNS-based detection
 * of scanning worms, 2005). Only what the source itself began counts: who is scanned is a victim. Pure; runs in the
 * engine. */
#include <errno.h>
#include <netinet/in.h>

#include "detect/scan.h"

#define HOUR          (3600 * NSEC_PER_SEC)
#define NOT_SO_SURE   4  /* times the threshold where failure has other causes too */
#define TARGETS_LEAST 8  /* distinct ones: a few dead servers that are asked again and again are no scan */
#define UNSURE_LEAST  64 /* failures of a source that nobody answers at all */
#define BURST_FAILED  6u /* of neighbours asked within seconds */
#define PORTS_LEAST   12u
#define PORTS_UDP     24u
/* Many ports of one target at once are a flood: most systems say "closed" but once a second, so scanners take their
 * time. */
#define UDP_PORTS_SPAN 5u   /* seconds at least */
#define UDP_PORTS_RATE 100u /* a second at most */

/* The walk at which "scanner" is decided: 10*log10 of the odds against chance. Jung's alpha is 1e-5 for one test; a
 * home host is tested anew a hundred times a day. */
#define WALK_SCANNER     7000
#define WALK_SCANNER_UDP 14000 /* silence is common in UDP */

const struct evidence_kind scan_kinds[SCAN_KINDS] = {
        [SCAN_HORIZONTAL] =
                {.name = "scan.horizontal",
                 .title = "it tries one TCP port on many hosts that do not answer",
                 .reason = "The sequential test of Jung et al. (2004) at odds of ten million to one, that is from "
                           "12 failed first contacts net: 6.0, for an outage of others or dead peers look alike. 9.0 "
                           "from 50 failures and 12.0 from 200 of which nine in ten fail: no ordinary program of the "
                           "captures at hand does that. 15.0 from 1,000.",
                 .stage = STAGE_SPREAD,
                 .weight = 600,
                 .cap = 1500,
                 .half_life = 12 * HOUR},
        [SCAN_VERTICAL] =
                {.name = "scan.vertical",
                 .title = "it tries many ports of a host",
                 .reason =
                         "12 closed or silent TCP ports of one target more than open ones, and twice as many: 6.0, as "
                         "blocked data connections of one service can look so; 9.0 from 50 on all targets that look "
                         "so, 12.0 from 200, 15.0 from 1,000 (the default of common port scanners). UDP from 24: "
                         "4.0, 6.0, 9.0, 12.0, for silence is common there.",
                 .stage = STAGE_SPREAD,
                 .weight = 600,
                 .cap = 1500,
                 .half_life = 12 * HOUR},
        [SCAN_SWEEP] =
                {.name = "scan.sweep",
                 .title = "it looks for hosts by ICMP, ARP or UDP",
                 .reason =
                         "As scan.horizontal, or 16 neighbours within 8 s of which a third found nobody. But routers, "
                         "inventories and peer-to-peer programs look alike: 4.0, 6.0 from 50 failures, 9.0 from 200; "
                         "12.0 from 1,000 by ICMP, which only scanners send to so many.",
                 .stage = STAGE_SPREAD,
                 .weight = 400,
                 .cap = 1200,
                 .half_life = 12 * HOUR},
        [SCAN_DARK] = {.name = "scan.dark",
                       .title = "it talks to addresses that nobody uses",
                       .reason = "The configured dark space has no services: one address may be a mistake (2.0), three "
                                 "are 6.0, ten "
                                 "11.0, thirty 15.0 (Watanabe: scans of unassigned addresses; network telescopes).",
                       .stage = STAGE_SPREAD,
                       .weight = 200,
                       .cap = 1500,
                       .half_life = 24 * HOUR},
        [SCAN_UNUSED] = {.name = "scan.unused",
                         .title = "it tries home addresses that were never seen in use",
                         .reason = "Learned, so weaker than configured: a switched-off host looks unused. 8 of them in "
                                   "a day 2.0, 32 "
                                   "3.0, 128 6.0; it adds to the sweep that touched them.",
                         .stage = STAGE_SPREAD,
                         .weight = 200,
                         .cap = 600,
                         .half_life = 12 * HOUR},
};

static void scan_free(void *state)
{
        struct scan *s = state;

        if (!s)
                return;
        ways_done(&s->contacts);
        ways_done(&s->names);
        ways_done(&s->sweeps);
        ways_done(&s->targets);
        ways_done(&s->sources);
        ways_done(&s->subnets);
        free(s->heard);
        home_free(s->home);
        free(s->dark);
        free(s);
}

static int scan_new(const struct detector_params *params, void **ret)
{
        const struct config_cidrs *dark = &params->config->network.dark;
        struct scan *s = calloc(1, sizeof(*s));
        const struct {
                struct ways *ways;
                uint32_t cap, entry_size;
        } stores[] = {
                {&s->contacts, SCAN_CONTACTS, 0},
                {&s->names, SCAN_NAMES, 0},
                {&s->sweeps, SCAN_SWEEPS, sizeof(struct scan_sweep)},
                {&s->targets, SCAN_TARGETS, sizeof(struct scan_target)},
                {&s->sources, SCAN_SOURCES, sizeof(struct scan_source)},
                {&s->subnets, SCAN_SUBNETS, sizeof(struct scan_subnet)},
        };
        int r = s ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && i < ELEMENTSOF(stores); i++)
                r = ways_init(stores[i].ways, stores[i].cap, stores[i].entry_size);
        if (r == 0)
                r = home_new(&params->config->home, &s->home);
        if (r == 0) {
                s->heard = calloc(SCAN_HEARD, sizeof(*s->heard));
                s->dark = calloc(dark->n + 1, sizeof(*s->dark));
                r = s->heard && s->dark ? 0 : -ENOMEM;
        }
        if (r < 0) {
                scan_free(s);
                return r;
        }
        if (dark->n)
                memcpy(s->dark, dark->items, dark->n * sizeof(*s->dark));
        s->n_dark = dark->n;
        s->lineage = params->lineage;
        memcpy(s->boot_id, params->boot_id, sizeof(s->boot_id));
        *ret = s;
        return 0;
}

/* UDP that firewalls drop as a rule while the program goes on another way: QUIC, and the NetBIOS status that some
 * systems ask everybody for. Traceroute counts its ports up (33434 and on) and wants no answer. */
static bool is_silent_by_nature(uint8_t proto, uint16_t port)
{
        return proto == IPPROTO_UDP && (port == 443 || port == 137 || (port >= 33434 && port < 33690));
}

static bool is_decided(struct scan *s, struct scan_step *step)
{
        const struct scan_sweep *w = step->sweep;
        bool udp = w->proto == IPPROTO_UDP;
        int32_t least = udp ? WALK_SCANNER_UDP : WALK_SCANNER;

        /* Mail for dead domains; name servers that answer nobody; clocks that are gone. */
        if (w->port == 25 || (udp && (w->port == 53 || w->port == 123)))
                least *= NOT_SO_SURE;
        if (w->walk < least && w->unsure < UNSURE_LEAST)
                return false;
        if (__builtin_popcountll(w->targets) < TARGETS_LEAST || is_silent_by_nature(w->proto, w->port) ||
            (w->port >= 1024 && scan_is_p2p(s, step)))
                return false;
        /* Nobody at all answers: its own line may be down, or the capture sees one direction only. */
        if (!udp && w->unsure >= UNSURE_LEAST && w->answered == 0)
                return true;
        return w->walk >= least && w->run_failed >= 2 * w->run_answered && w->failed >= 2 * w->answered;
}

/* A burst of pings or ARP questions through the home network, of which a third found nobody: who watches its servers
 * finds nine in ten, and who knows its neighbours asks for them one by one. */
static bool is_burst(const struct scan_step *step)
{
        const struct scan_sweep *w = step->sweep;
        uint32_t failed = w->failed + w->unsure;

        return w->burst && failed >= BURST_FAILED && failed * 2 >= w->answered;
}

/* By how many failed, of which nine in ten (high ports: 19 in 20) must have. */
static int grade_of(uint32_t failed, uint32_t answered, bool loose)
{
        if (failed < answered * (loose ? 19u : 9u))
                return 0;
        return failed >= 1000 ? 3 : failed >= 200 ? 2 : failed >= 50 ? 1 : 0;
}

static uint16_t sweep_weight(const struct scan_step *step)
{
        static const uint16_t tcp[] = {600, 900, 1200, 1500}, icmp[] = {400, 600, 900, 1200},
                              other[] = {400, 600, 900, 900};
        const struct scan_sweep *w = step->sweep;
        int grade = grade_of(w->failed + w->unsure, w->answered, w->port >= 1024);

        if (w->proto == IPPROTO_TCP)
                return tcp[grade];
        return w->proto == PROTO_ARP || w->proto == IPPROTO_UDP ? other[grade] : icmp[grade];
}

static bool is_port_scan(const struct scan_step *step)
{
        const struct scan_target *t = step->target;
        bool udp = step->flow->proto == IPPROTO_UDP;
        uint32_t seconds = step->second - t->since;

        if (t->failed < (udp ? PORTS_UDP : PORTS_LEAST) + t->answered || t->failed < 2 * t->answered ||
            __builtin_popcountll(t->ports) < TARGETS_LEAST)
                return false;
        return !udp || (seconds >= UDP_PORTS_SPAN && t->failed <= seconds * UDP_PORTS_RATE);
}

/* The targets' ports count together once each of them looks scanned. */
static uint16_t vertical_weight(struct scan *s, struct scan_step *step)
{
        static const uint16_t tcp[] = {600, 900, 1200, 1500}, udp[] = {400, 600, 900, 1200};
        struct scan_target *t = step->target;
        struct scan_source *src;

        if (!is_port_scan(step))
                return 0;
        src = scan_source_of(s, step);
        src->blocks += t->failed > t->counted ? t->failed - t->counted : 0;
        t->counted = t->failed;
        return (step->flow->proto == IPPROTO_UDP ? udp :
                                                   tcp)[grade_of(MAX(t->failed, src->blocks), t->answered, false)];
}

static uint16_t dark_weight(unsigned n)
{
        return n >= 30 ? 1500 : n >= 10 ? 1100 : n >= 3 ? 600 : 200;
}

static uint16_t unused_weight(unsigned n)
{
        return n >= 128 ? 600 : n >= 32 ? 300 : n >= 8 ? 200 : 0;
}

static void put_facts(struct evidence *e, enum scan_kind kind, const struct scan_step *step)
{
        const struct flow_event *f = step->flow;
        const struct scan_sweep *w = step->sweep;
        const struct scan_target *t = step->target;
        char spare[8];

        (void) evidence_fact_text(e, "protocol", proto_name(f->proto, spare));
        if (kind == SCAN_VERTICAL) {
                (void) evidence_fact_endpoint(e, "target", &f->remote, 0, f->proto);
                (void) evidence_fact_number(e, "ports_tried", t->failed + t->answered);
                (void) evidence_fact_number(e, "failed", t->failed);
                (void) evidence_fact_number(e, "answered", t->answered);
                (void) evidence_fact_number(e, "lowest_port", t->lowest);
                (void) evidence_fact_number(e, "highest_port", t->highest);
                if (step->source->blocks > t->failed)
                        (void) evidence_fact_number(e, "failed_on_all", step->source->blocks);
                (void) evidence_fact_time(e, "since", t->since * NSEC_PER_SEC);
                return;
        }
        (void) evidence_fact_endpoint(e, "target", &f->remote, f->proto == IPPROTO_ICMP ? 0 : f->remote_port, f->proto);
        if (kind == SCAN_DARK || kind == SCAN_UNUSED) {
                (void) evidence_fact_number(e, "addresses",
                                            kind == SCAN_DARK ? step->source->dark : step->source->unused);
                (void) evidence_fact_time(e, "since", step->source->day * NSEC_PER_SEC);
                return;
        }
        (void) evidence_fact_number(e, "port", w->port);
        (void) evidence_fact_number(e, "tried", w->tried);
        (void) evidence_fact_number(e, "failed", w->failed + w->unsure);
        (void) evidence_fact_number(e, "answered", w->answered);
        (void) evidence_fact_time(e, "since", w->since * NSEC_PER_SEC);
}

static void claim(struct scan *s, const struct event *ev, struct scan_step *step, enum scan_kind kind, uint16_t weight,
                  struct evidence_sink *out)
{
        struct evidence e = {.kind = &scan_kinds[kind], .count = 1, .last = ev->time, .first = ev->time};

        if (!weight || !grading_claim(&scan_source_of(s, step)->told[kind], e.kind, step->second, weight, &e.weight))
                return;
        detector_flow_subject(s->lineage, s->boot_id, step->flow, &e.subject);
        put_facts(&e, kind, step);
        if (kind == SCAN_HORIZONTAL || kind == SCAN_SWEEP)
                e.first = step->sweep->since * NSEC_PER_SEC;
        else if (kind == SCAN_VERTICAL)
                e.first = step->target->since * NSEC_PER_SEC;
        evidence_add_ref(&e, step->flow->flow_id);
        out->emit(out->userdata, &e);
}

static bool is_of_interest(const struct flow_event *f)
{
        bool icmp = f->proto == IPPROTO_ICMP || f->proto == IPPROTO_ICMPV6;
        uint8_t type = (uint8_t) (f->local_port >> 8);

        if (f->origin != FLOW_ORIGINATED && !(f->flags & (FLOW_RAW | FLOW_PACKET | FLOW_XDP)))
                return false;
        if (f->flags & (FLOW_MIDSTREAM | FLOW_NO_PEER | FLOW_PRESENT | FLOW_INHERITED) ||
            addr_is_unspecified(&f->remote) || addr_is_multicast(&f->remote) || addr_is_loopback(&f->remote) ||
            addr_equal(&f->remote, &f->local))
                return false;
        /* Asking only: echo, timestamp, mask. All else is an answer to what somebody else did. */
        if (icmp && f->local_port)
                return f->proto == IPPROTO_ICMP ? type == 8 || type == 13 || type == 17 : type == 128;
        if (icmp)
                return true; /* a source that does not know the type */
        /* A service's answer whose question was not seen. */
        if (f->proto == IPPROTO_UDP && f->local_port < 1024 && f->local_port && f->remote_port >= 1024)
                return false;
        return f->proto == IPPROTO_TCP || f->proto == IPPROTO_UDP || f->proto == PROTO_ARP;
}

static void take_flow(struct scan *s, const struct event *e, struct evidence_sink *out)
{
        const struct flow_event *f = &e->flow;
        struct scan_step step;

        /* In use is who sends; both sides of a flow within the home network have their event. */
        if (f->origin == FLOW_ORIGINATED ? e->op == FLOW_START : f->pkts_out || f->bytes_out)
                scan_note_used(s, &f->local, (uint32_t) (e->time / NSEC_PER_SEC));
        if (!is_of_interest(f) || !scan_take(s, e, &step))
                return;
        if (is_decided(s, &step) || is_burst(&step))
                claim(s, e, &step, f->proto == IPPROTO_TCP ? SCAN_HORIZONTAL : SCAN_SWEEP, sweep_weight(&step), out);
        /* An FTP server calls its clients back from port 20, on ports of their choice. */
        if (step.target && f->local_port != 20)
                claim(s, e, &step, SCAN_VERTICAL, vertical_weight(s, &step), out);
        if (step.dark)
                claim(s, e, &step, SCAN_DARK, dark_weight(step.source->dark), out);
        if (step.unused)
                claim(s, e, &step, SCAN_UNUSED, unused_weight(step.source->unused), out);
}

static void scan_event(void *state, const struct event *e, struct evidence_sink *out)
{
        struct scan *s = state;
        uint32_t second = (uint32_t) (e->time / NSEC_PER_SEC);

        if (!s->begun) {
                s->begun = true;
                s->begin = second - 1;
        }
        if (e->type == EVENT_FLOW)
                take_flow(s, e, out);
        else if (e->type == EVENT_DNS && e->op == DNS_ANSWER && !e->dns.ends.from_local)
                scan_note_names(s, &e->dns, second);
}

const struct detector detector_scan = {
        .name = "scan",
        .help = "a host that looks for others: sweeps, port scans, touches of unused addresses",
        .source = "Jung, Paxson, Berger, Balakrishnan: Fast Portscan Detection Using Sequential Hypothesis Testing "
                  "(2004); "
                  "Watanabe (RIKEN): scans of unassigned addresses; Whyte et al.: DNS-based detection of scanning "
                  "worms (2005)",
        .limits = "Scans without SYN (FIN, null, ACK) are not told apart from broken flows. A peer-to-peer program on "
                  "the same host "
                  "hides a scan of high ports. A scan slower than some ten contacts a day and port is not seen, nor "
                  "one by name. "
                  "Inventories and vulnerability scanners scan and need an exception.",
        .events = 1u << EVENT_FLOW | 1u << EVENT_DNS,
        .kinds = scan_kinds,
        .n_kinds = SCAN_KINDS,
        .new = scan_new,
        .free = scan_free,
        .event = scan_event,
        .explain = scan_explain,
};
