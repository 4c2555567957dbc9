/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The middle of the pipeline: engine time, the lineage, the detectors and the ledger, driven by events alone. One event
 * goes through all of it before the next. Runs in the engine and in offline commands; no I/O. */
#include "verdict/analysis.h"

#include <errno.h>

#include "detect/detector.h"

#define DETECTORS_MAX 32
#define TIME_MAX      (INT64_MAX / 2) /* the year 2116: so that no difference of two times overflows */

struct analysis {
        const struct config *config;
        uint8_t boot_id[16];
        struct lineage *lineage;
        struct profile *profile;
        struct ledger *ledger;
        void *states[DETECTORS_MAX]; /* as detectors[]; NULL: switched off */
        nsec_t now, ticked;
        uint64_t backward;
        bool begun;
};

static bool is_enabled(const struct config *c, const struct detector *d)
{
        const struct {
                const char *name;
                bool enabled;
        } switches[] = {
                {"server_like", c->server_like.enabled},
                {"forged_source", c->forged_source.enabled},
                {"irc_control", c->irc_control.enabled},
                {"egg", c->egg.enabled},
                {"scan", c->scan.enabled},
                {"dns_anomaly", c->dns_anomaly.enabled},
                {"mass_mail", c->mass_mail.enabled},
                {"spam_proxy", c->spam_proxy.enabled},
                {"flood", c->flood.enabled},
                {"beacon", c->beacon.enabled},
                {"profile_change", c->profile_change.enabled},
                {"exfiltration", c->exfiltration.enabled},
                {"mail_gate", c->mail_gate.enabled},
                {"tampering", c->tampering.enabled},
                {"signature", c->signature.enabled},
                {"complaint", c->complaint.enabled},
        };

        for (size_t i = 0; i < ELEMENTSOF(switches); i++)
                if (strcmp(d->name, switches[i].name) == 0)
                        return switches[i].enabled;
        return true;
}

static bool same_cidrs(const struct config_cidrs *a, const struct config_cidrs *b)
{
        if (a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++)
                if (!addr_equal(&a->items[i].base, &b->items[i].base) || a->items[i].bits != b->items[i].bits)
                        return false;
        return true;
}

/* Would the detector behave the same under both? */
static bool same_settings(const struct config *a, const struct config *b, const struct detector *d)
{
        if (strcmp(d->name, "server_like") != 0) /* those of packets and logs share what they know of the network */
                return strcmp(d->name, "forged_source") == 0 || strcmp(d->name, "mail_gate") == 0 ||
                       strcmp(d->name, "tampering") == 0 ||
                       (same_cidrs(&a->home, &b->home) &&
                        same_cidrs(&a->network.mail_servers, &b->network.mail_servers) &&
                        same_cidrs(&a->network.resolvers, &b->network.resolvers) &&
                        same_cidrs(&a->network.dark, &b->network.dark));
        return a->server_like.mode == b->server_like.mode && a->server_like.granularity == b->server_like.granularity &&
               a->server_like.window == b->server_like.window && a->server_like.reaction == b->server_like.reaction &&
               same_cidrs(&a->server_like.inside, &b->server_like.inside) &&
               same_cidrs(&a->server_like.resolvers, &b->server_like.resolvers);
}

static int start_detector(const struct analysis *a, const struct config *config, size_t i, void **ret)
{
        struct detector_params params = {.config = config, .lineage = a->lineage, .profile = a->profile};

        memcpy(params.boot_id, a->boot_id, sizeof(params.boot_id));
        return detectors[i]->new (&params, ret);
}

int analysis_new(const struct analysis_params *params, struct analysis **ret)
{
        _cleanup_(analysis_freep)
        struct analysis *a = calloc(1, sizeof(*a));
        int r;

        if (!a)
                return -ENOMEM;
        a->config = params->config;
        memcpy(a->boot_id, params->boot_id, sizeof(a->boot_id));
        if ((r = lineage_new(&a->lineage)) < 0 || (r = profile_new(params->config->profile.hosts, &a->profile)) < 0 ||
            (r = ledger_new(params->config, &params->sink, &a->ledger)) < 0)
                return r;
        for (size_t i = 0; detectors[i] && i < DETECTORS_MAX; i++) {
                if (!is_enabled(a->config, detectors[i]))
                        continue;
                r = start_detector(a, a->config, i, &a->states[i]);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(a);
        return 0;
}

void analysis_free(struct analysis *a)
{
        if (!a)
                return;
        for (size_t i = 0; detectors[i] && i < DETECTORS_MAX; i++)
                if (a->states[i])
                        detectors[i]->free(a->states[i]);
        ledger_free(a->ledger);
        profile_free(a->profile);
        lineage_free(a->lineage);
        free(a);
}

static void take_claim(void *userdata, const struct evidence *e)
{
        ledger_add(((struct analysis *) userdata)->ledger, e);
}

/* Ticks at the newest whole second passed: a jump of an hour is one tick. */
static void tick(struct analysis *a)
{
        struct evidence_sink sink = {.emit = take_claim, .userdata = a};
        nsec_t second = a->now - a->now % NSEC_PER_SEC;

        if (second <= a->ticked)
                return;
        a->ticked = second;
        for (size_t i = 0; detectors[i] && i < DETECTORS_MAX; i++)
                if (a->states[i] && detectors[i]->tick)
                        detectors[i]->tick(a->states[i], second, &sink);
}

void analysis_advance(struct analysis *a, nsec_t now)
{
        now = MIN(MAX(now, 0), TIME_MAX);
        if (!a->begun) {
                a->begun = true;
                a->now = now;
                a->ticked = now - now % NSEC_PER_SEC;
        }
        if (now <= a->now)
                return;
        a->now = now;
        tick(a);
}

/* Somebody talks outside: enough of that without a claim makes the process clear. */
static void note_seen(struct analysis *a, const struct flow_event *f)
{
        struct subject s;

        if (!task_is_known(&f->task) || f->flags & FLOW_NO_PEER || addr_is_loopback(&f->remote) ||
            addr_is_unspecified(&f->remote) || addr_is_multicast(&f->remote) || addr_equal(&f->remote, &f->local))
                return;
        detector_process_subject(a->lineage, a->boot_id, &f->task, &s);
        ledger_seen(a->ledger, &s, a->now);
}

void analysis_event(struct analysis *a, const struct event *event)
{
        struct evidence_sink sink = {.emit = take_claim, .userdata = a};
        struct event e = *event;

        if (a->begun && e.time < a->now)
                a->backward++;
        analysis_advance(a, e.time);
        e.time = a->now;
        if (e.type >= EVENT_TYPES)
                return;
        lineage_event(a->lineage, &e);
        profile_event(a->profile, &e);
        if (e.type == EVENT_FLOW && e.op == FLOW_START)
                note_seen(a, &e.flow);
        for (size_t i = 0; detectors[i] && i < DETECTORS_MAX; i++)
                if (a->states[i] && detectors[i]->events & 1u << e.type)
                        detectors[i]->event(a->states[i], &e, &sink);
}

int analysis_set_config(struct analysis *a, const struct config *config)
{
        void *states[DETECTORS_MAX] = {0};
        int r = 0;

        /* All new states first: without memory for one, everything stays as it is. */
        for (size_t i = 0; detectors[i] && i < DETECTORS_MAX && r == 0; i++)
                if (is_enabled(config, detectors[i]) &&
                    (!a->states[i] || !same_settings(a->config, config, detectors[i])))
                        r = start_detector(a, config, i, &states[i]);
        for (size_t i = 0; detectors[i] && i < DETECTORS_MAX; i++) {
                void *out = r < 0 ? states[i] : NULL;

                if (r == 0 && (states[i] || !is_enabled(config, detectors[i]))) {
                        out = a->states[i];
                        a->states[i] = states[i];
                }
                if (out)
                        detectors[i]->free(out);
        }
        if (r < 0)
                return r;
        a->config = config;
        ledger_set_config(a->ledger, config);
        return 0;
}

nsec_t analysis_now(const struct analysis *a)
{
        return a->now;
}

uint64_t analysis_backward(const struct analysis *a)
{
        return a->backward;
}

struct ledger *analysis_ledger(struct analysis *a)
{
        return a->ledger;
}

struct profile *analysis_profile(struct analysis *a)
{
        return a->profile;
}

const struct lineage *analysis_lineage(const struct analysis *a)
{
        return a->lineage;
}
