/* SPDX-License-Identifier: GPL-3.0-or-later */
/* profile_change: a home host uses a service far beyond what it ever did: it sends more, asks more often, or talks to
 * more peers within an hour. A bot that is put to work changes what its host does; so does much else: weak evidence
 * that adds to other evidence (after Watanabe's communication profiles). What the host normally does is the profile's
 * to know (flow/profile.h), also over restarts. Pure; runs in the engine. */
#include <errno.h>
#include <inttypes.h>

#include "base/table.h"
#include "detect/detector.h"
#include "detect/grading.h"
#include "flow/profile.h"

#define SOURCES 16384u /* hosts and processes with a claim, 56 bytes each */

/* History that there must be before there is anything to leave. */
#define HISTORY_NSEC     (24 * 3600 * NSEC_PER_SEC)
#define HISTORY_SESSIONS 20u
#define HISTORY_HOURS    12u

/* Far beyond: eight times the busiest hour so far, and five mean deviations above the mean, both on the scale of
 * logarithms. Simulated with volumes of an hour that are log-normal (sigma 1.5: nine in ten hours lie between a twelfth
 * and twelve times the middle), 14 days of 24 hours: one host in 70 has a claim. */
#define BEYOND_MOST      (3 * 1024)
#define BEYOND_DEVIATION 5

/* Less than this in an hour is within what one person can cause who does something new. 64 MiB: the design's terminals
 * never upload as much; 500 queries: a page asks for a hundred names, and a bot of the design's for 10,000 an hour; 100
 * mails: a tenth of what the design's bots send; 64 peers: as many networks as a page of today loads from. */
#define LEAST_BYTES   (64ull << 20)
#define LEAST_QUERIES 500u
#define LEAST_MAILS   100u
#define LEAST_PEERS   64u

enum kind { VOLUME, NAMES, MAIL, PEERS, KINDS };

/* Each in the stage of the detectors that know such work: one thing seen twice is not two stages. */
static const struct evidence_kind kinds[KINDS] = {
        [VOLUME] =
                {.name = "profile_change.volume",
                 .title = "it sends far more by a service than it ever did",
                 .reason = "Eight times the busiest hour that there was, and far above the mean. One in 70 of honest "
                           "hosts does so in two weeks (simulated): a new backup, a film sent to friends. 2.0: no more "
                           "than a hint, and with all other kinds of this detector less than suspicion.",
                 .stage = STAGE_STEAL,
                 .weight = 200,
                 .cap = 200,
                 .half_life = 12 * 3600 * NSEC_PER_SEC},
        [NAMES] =
                {.name = "profile_change.names",
                 .title = "it looks up far more names than it ever did",
                 .reason =
                         "As profile_change.volume. Bots were seen with up to 650 times the queries of a clean machine "
                         "(Koyama); dns_anomaly looks at what is asked.",
                 .stage = STAGE_CONTROL,
                 .weight = 200,
                 .cap = 200,
                 .half_life = 12 * 3600 * NSEC_PER_SEC},
        [MAIL] = {.name = "profile_change.mail",
                  .title = "it speaks far more often to mail servers, or to more of them, than it ever did",
                  .reason =
                          "As profile_change.volume. Spam from a terminal was 1,000 to 20,000 mails an hour (Koyama); "
                          "mass_mail looks at the mails.",
                  .stage = STAGE_ATTACK,
                  .weight = 200,
                  .cap = 200,
                  .half_life = 12 * 3600 * NSEC_PER_SEC},
        [PEERS] = {.name = "profile_change.peers",
                   .title = "it talks by a service with far more peers than it ever did",
                   .reason =
                           "As profile_change.volume. Only peers that answer count, so that an outage changes nothing; "
                           "scan looks at those that do not.",
                   .stage = STAGE_SPREAD,
                   .weight = 200,
                   .cap = 200,
                   .half_life = 12 * 3600 * NSEC_PER_SEC},
};

struct source {
        struct detector_key key;
        struct grading told[KINDS];
};

struct state {
        const struct lineage *lineage;
        uint8_t boot_id[16];
        struct profile *profile;
        struct table *sources;
};

static void state_free(void *state)
{
        struct state *st = state;

        if (!st)
                return;
        table_free(st->sources);
        free(st);
}

static int state_new(const struct detector_params *params, void **ret)
{
        const struct table_params sources = {"profile changes",     SOURCES, sizeof(struct detector_key),
                                             sizeof(struct source), NULL,    NULL};
        struct state *st = calloc(1, sizeof(*st));
        int r;

        if (!st)
                return -ENOMEM;
        if ((r = table_new(&sources, &st->sources)) < 0) {
                state_free(st);
                return r;
        }
        st->lineage = params->lineage;
        st->profile = params->profile;
        memcpy(st->boot_id, params->boot_id, sizeof(st->boot_id));
        *ret = st;
        return 0;
}

/* What an hour so far is compared with. */
struct look {
        const struct event *e;
        const struct profile_service *service;
        uint64_t now; /* in this hour */
        enum profile_hourly which;
        bool same_hour; /* the service's hour is not over */
};

/* The busiest hour so far; one that is over and has not joined the others yet counts, too. */
static uint16_t most_of(const struct look *l)
{
        uint16_t most = l->service->hourly[l->which].most;

        return l->same_hour ? most : MAX(most, profile_log(profile_hour(l->service, l->which)));
}

static bool is_beyond(const struct look *l, uint64_t least)
{
        const struct profile_norm *n = &l->service->hourly[l->which].norm;

        return l->now >= least && profile_log(l->now) >= most_of(l) + BEYOND_MOST &&
               profile_log(l->now) >= n->mean + BEYOND_DEVIATION * n->deviation;
}

static bool has_history(const struct profile_service *s, nsec_t now)
{
        return now - s->first >= HISTORY_NSEC && s->sessions >= HISTORY_SESSIONS + s->hour_sessions &&
               s->hours >= HISTORY_HOURS;
}

static void claim(struct state *st, const struct look *l, enum kind kind, struct evidence_sink *out)
{
        const struct flow_event *f = &l->e->flow;
        struct detector_key key = detector_flow_key(f);
        struct evidence e = {.kind = &kinds[kind], .count = 1, .last = l->e->time};
        struct source *src = table_insert(st->sources, &key, NULL);
        char name[PROFILE_NAME_MAX];

        if (!src || !grading_claim(&src->told[kind], e.kind, (uint32_t) (l->e->time / NSEC_PER_SEC),
                                   (uint16_t) e.kind->weight, &e.weight))
                return;
        e.first = l->e->time - l->e->time % (3600 * NSEC_PER_SEC);
        (void) evidence_fact_text(&e, "service", profile_service_name(l->service, name));
        (void) evidence_fact_number(&e, "this_hour", (int64_t) MIN(l->now, (uint64_t) INT64_MAX));
        (void) evidence_fact_number(&e, "busiest_hour", (int64_t) profile_unlog(most_of(l)));
        (void) evidence_fact_number(&e, "usual_hour", (int64_t) profile_unlog(l->service->hourly[l->which].norm.mean));
        (void) evidence_fact_text(&e, "measure",
                                  l->which == PROFILE_HOUR_OUT   ? "bytes sent" :
                                  l->which == PROFILE_HOUR_PEERS ? "peers" :
                                                                   "sessions");
        (void) evidence_fact_time(&e, "known_since", l->service->first);
        (void) evidence_fact_endpoint(&e, "newest_peer", &f->remote, f->remote_port, f->proto);
        detector_flow_subject(st->lineage, st->boot_id, f, &e.subject);
        evidence_add_ref(&e, f->flow_id);
        out->emit(out->userdata, &e);
}

static void look_at_volume(struct state *st, struct look *l, struct evidence_sink *out)
{
        const struct flow_event *f = &l->e->flow;

        l->which = PROFILE_HOUR_OUT;
        l->now = l->same_hour ? l->service->hour_out : 0;
        if (l->e->op == FLOW_UPDATE) /* it counts in the profile when it ends */
                l->now += MIN(f->bytes_out, UINT64_MAX / 2);
        /* Of several processes that share a service, the one that sends is meant. */
        if (!is_beyond(l, LEAST_BYTES) || (task_is_known(&f->task) && f->bytes_out < l->now / 2))
                return;
        claim(st, l, VOLUME, out);
}

static void look_at_contacts(struct state *st, struct look *l, struct evidence_sink *out)
{
        uint8_t app = l->service->app;
        enum kind kind = app == APP_DNS ? NAMES : app == APP_SMTP ? MAIL : PEERS;

        l->which = PROFILE_HOUR_SESSIONS;
        l->now = l->service->hour_sessions;
        if (kind != PEERS && is_beyond(l, kind == NAMES ? LEAST_QUERIES : LEAST_MAILS)) {
                claim(st, l, kind, out);
                return;
        }
        if (l->service->hour_sessions < LEAST_PEERS)
                return;
        l->which = PROFILE_HOUR_PEERS;
        l->now = profile_hour(l->service, PROFILE_HOUR_PEERS);
        if (is_beyond(l, LEAST_PEERS))
                claim(st, l, kind, out);
}

static void on_event(void *state, const struct event *e, struct evidence_sink *out)
{
        struct state *st = state;
        const struct flow_event *f = &e->flow;
        struct look l = {.e = e};

        if (!st->profile || f->origin != FLOW_ORIGINATED ||
            (e->op != FLOW_END && (e->op != FLOW_UPDATE || f->bytes_out < LEAST_BYTES)))
                return;
        l.service = profile_find(st->profile, f);
        if (!l.service || (l.service->app == APP_UNKNOWN && l.service->proto == 0) || !has_history(l.service, e->time))
                return;
        l.same_hour = l.service->hour == (uint32_t) (event_last(e) / (3600 * NSEC_PER_SEC));
        look_at_volume(st, &l, out);
        if (e->op == FLOW_END && l.same_hour && !task_is_known(&f->task))
                look_at_contacts(st, &l, out);
}

static void explain(const struct evidence *e, struct buf *out)
{
        const char *service = evidence_text(e, "service", "a service"),
                   *measure = evidence_text(e, "measure", "sessions");
        const struct fact *since = evidence_find_fact(e, "known_since");
        char time[CLOCK_TEXT_MAX], span[CLOCK_TEXT_MAX];

        buf_puts(out, "By ");
        buf_put_visible(out, service, strlen(service));
        buf_printf(out, " it had %" PRId64 " ", evidence_number(e, "this_hour"));
        buf_put_visible(out, measure, strlen(measure));
        buf_printf(out, " within the hour up to %s.\n", clock_format_time(e->last, time));
        buf_printf(out, "Its busiest hour before had %" PRId64 ", a usual one %" PRId64,
                   evidence_number(e, "busiest_hour"), evidence_number(e, "usual_hour"));
        if (since && since->type == FACT_TIME && since->number <= e->last)
                buf_printf(out, "; it has used the service for %s", clock_format_span(e->last - since->number, span));
        buf_puts(out, ".\n");
}

const struct detector detector_profile_change = {
        .name = "profile_change",
        .help = "a service used far beyond the host's own profile",
        .source = "Watanabe (RIKEN): communication profiles (sessions, interval, traffic, duration, addresses, port); "
                  "Koyama: volumes of infected terminals beside clean ones",
        .limits = "Weak alone. It wants a day, 20 sessions and 12 hours of use before it says anything, so a host that "
                  "was "
                  "a bot from the beginning has its work in its profile. A person who begins something new looks the "
                  "same.",
        .events = 1u << EVENT_FLOW,
        .kinds = kinds,
        .n_kinds = KINDS,
        .new = state_new,
        .free = state_free,
        .event = on_event,
        .explain = explain,
};
