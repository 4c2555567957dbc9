/* SPDX-License-Identifier: GPL-3.0-or-later */
/* flood: much towards few, and no answers. A bot ordered to attack sends as fast as it can to one target, which soon
 * answers less than it is asked; honest mass traffic (an upload, a call, a game, a backup) is a dialog. Seen by the
 * second where packets are counted, and by flows where only they are known (logs, the host sensor). Pure; runs in the
 * engine. */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>

#include "detect/flood.h"

#define HOUR (3600 * NSEC_PER_SEC)

const struct evidence_kind flood_kinds[FLOOD_KINDS] = {
        [FLOOD_SYN] = {.name = "flood.syn",
                       .title = "it asks one service for connections by the hundred a second, in vain",
                       .reason = "At least 100 a second for 3 s to one port of one target, of which less than one in "
                                 "ten is answered, or 200 that say nothing once they are: 9.0, for a client that "
                                 "retries without a pause comes near it; 12.0 for 10 s, 15.0 for 30 s or from 1,000 "
                                 "a second. On changing ports only from 70,000 in all: a scan of all ports ends there.",
                       .stage = STAGE_ATTACK,
                       .weight = 900,
                       .cap = 1500,
                       .half_life = 12 * HOUR},
        [FLOOD_UDP] =
                {.name = "flood.udp",
                 .title = "it sends datagrams by the hundred a second to a target that does not answer",
                 .reason =
                         "From 300 a second for 5 s with less than 2 % coming back (calls, games, QUIC and tunnels get "
                         "5 % and "
                         "more). To one port 4.0, 7.0 from 2,000 a second, 9.0 from 10,000, 12.0 if for 10 s: cameras "
                         "and collectors of measurements look alike, and nothing at all where only one direction was "
                         "captured. To changing ports, which no service has, 9.0, 12.0 for 10 s, 15.0 "
                         "for "
                         "30 s.",
                 .stage = STAGE_ATTACK,
                 .weight = 400,
                 .cap = 1500,
                 .half_life = 12 * HOUR},
        [FLOOD_ICMP] = {.name = "flood.icmp",
                        .title = "it pings one target by the hundred a second",
                        .reason = "Ping's default is one a second, and faster than 5 needs root. 100 a second for 5 s: "
                                  "6.0, a test of a "
                                  "line; 10.0 from 1,000; 12.0 for 30 s.",
                        .stage = STAGE_ATTACK,
                        .weight = 600,
                        .cap = 1200,
                        .half_life = 12 * HOUR},
        [FLOOD_HTTP] = {.name = "flood.http",
                        .title = "it asks one web server the same again and again",
                        .reason = "50 requests a second for 5 s with most of them for the same URI: 9.0. 200 requests "
                                  "or connections a "
                                  "second for 10 s: 6.0, as crawlers and measurements do so too.",
                        .stage = STAGE_ATTACK,
                        .weight = 600,
                        .cap = 900,
                        .half_life = 12 * HOUR},
        [FLOOD_REFLECTION] =
                {.name = "flood.reflection",
                 .title = "it asks many servers what makes them answer much",
                 .reason = "The same question to 16 servers within 10 s, 200 times (or 50 times ANY), or 30 answers of "
                           "more "
                           "than 1,500 bytes and ten times what was asked, from known reflector services within a "
                           "minute (Rossow: Amplification Hell, 2014). 6.0; 9.0 at five times that.",
                 .stage = STAGE_ATTACK,
                 .weight = 600,
                 .cap = 900,
                 .half_life = 12 * HOUR},
};

static void flood_free(void *state)
{
        struct flood *s = state;

        if (!s)
                return;
        table_free(s->sources);
        table_free(s->targets);
        free(s->cells);
        free(s->heard);
        home_free(s->home);
        free(s);
}

/* Who is amid a flood, or was told of, stays longer than who only asked a name server. */
static bool may_go(void *userdata _unused_, void *entry)
{
        const struct flood_source *src = entry;

        for (unsigned i = 0; i < FLOOD_KINDS; i++)
                if (src->runs[i].hot || src->told[i].at)
                        return false;
        return true;
}

static int flood_new(const struct detector_params *params, void **ret)
{
        const struct table_params sources = {"flood sources", FLOOD_SOURCES, 16, sizeof(struct flood_source),
                                             may_go,          NULL};
        const struct table_params targets = {
                "flood targets", FLOOD_TARGETS, 8, sizeof(struct flood_target), NULL, NULL};
        struct flood *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        if ((r = table_new(&sources, &s->sources)) < 0 || (r = table_new(&targets, &s->targets)) < 0 ||
            (r = home_new(&params->config->home, &s->home)) < 0) {
                flood_free(s);
                return r;
        }
        s->cells = calloc(FLOOD_CELLS, sizeof(*s->cells));
        s->heard = calloc(FLOOD_HEARD, sizeof(*s->heard));
        if (!s->cells || !s->heard) {
                flood_free(s);
                return -ENOMEM;
        }
        s->lineage = params->lineage;
        memcpy(s->boot_id, params->boot_id, sizeof(s->boot_id));
        *ret = s;
        return 0;
}

struct flood_source *flood_source_of(struct flood *s, const struct detector_key *key)
{
        return table_insert(s->sources, key, NULL);
}

void flood_tell(struct flood_source *src, const struct event *ev, const struct flood_claim *c,
                struct evidence_sink *out)
{
        struct evidence e = {.kind = &flood_kinds[c->kind], .count = 1, .last = ev->time, .subject = *c->subject};
        uint32_t second = (uint32_t) (ev->time / NSEC_PER_SEC);

        if (!grading_claim(&src->told[c->kind], e.kind, second, c->weight, &e.weight))
                return;
        e.first = MIN(ev->time, c->began * NSEC_PER_SEC);
        (void) evidence_fact_endpoint(&e, "target", &c->target, c->port, c->proto);
        (void) evidence_fact_number(&e, "seconds", c->seconds);
        (void) evidence_fact_number(&e, "peak", c->peak);
        (void) evidence_fact_text(&e, "unit", c->unit);
        (void) evidence_fact_text(&e, "how", c->how);
        if (c->ref)
                evidence_add_ref(&e, c->ref);
        out->emit(out->userdata, &e);
}

static void flood_event(void *state, const struct event *e, struct evidence_sink *out)
{
        switch (e->type) {
        case EVENT_RATE:
                flood_rate(state, e, out);
                break;
        case EVENT_FLOW:
                flood_flow(state, e, out);
                break;
        case EVENT_DNS:
                flood_dns(state, e, out);
                break;
        case EVENT_HTTP:
                flood_http(state, e);
                break;
        }
}

static void flood_explain(const struct evidence *e, struct buf *out)
{
        const struct fact *target = evidence_find_fact(e, "target");
        char addr[ADDR_TEXT_MAX], spare[8], at[CLOCK_TEXT_MAX];

        buf_printf(out, "Up to %" PRId64 " %s went to ", evidence_number(e, "peak"), evidence_text(e, "unit", "?"));
        if (target && target->type == FACT_ENDPOINT) {
                buf_puts(out, addr_format(&target->endpoint.addr, addr));
                if (target->endpoint.port)
                        buf_printf(out, ", port %u/%s", target->endpoint.port,
                                   proto_name(target->endpoint.proto, spare));
        } else
                buf_puts(out, "an unknown address");
        buf_printf(out, ", in %" PRId64 " seconds until %s.\n", evidence_number(e, "seconds"),
                   clock_format_time(e->last, at));
        buf_printf(out, "What marks it: %s.\n", evidence_text(e, "how", "?"));
}

const struct detector detector_flood = {
        .name = "flood",
        .help = "a host that floods others: SYN, UDP, ICMP, HTTP, reflection",
        .source = "Watanabe (RIKEN): mass traffic in firewall logs and flow audits; Mirkovic, Prier, Reiher: Attacking "
                  "DDoS at the "
                  "Source (D-WARD, 2002): one-way traffic towards few; Rossow: Amplification Hell (2014)",
        .limits = "Packets with a forged source belong to no home host (forged_source sees them on this machine). A "
                  "slow attack "
                  "(Slowloris) and one that looks like browsing are not seen. One-way streams to an outside collector "
                  "need an "
                  "exception. Of TCP only SYN and requests are counted: a flood of ACK packets is not seen.",
        .events = 1u << EVENT_RATE | 1u << EVENT_FLOW | 1u << EVENT_DNS | 1u << EVENT_HTTP,
        .kinds = flood_kinds,
        .n_kinds = FLOOD_KINDS,
        .new = flood_new,
        .free = flood_free,
        .event = flood_event,
        .explain = flood_explain,
};
