/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The packet engine with inspectors of ours around the real ones. Unprivileged, in the sandbox of `read`. */
#include "cli/rules_replay.h"

#include <errno.h>

#include "base/log.h"
#include "cli/read_input.h"
#include "config/home.h"
#include "daemon/sandbox.h"

#define FLOWS_MAX  (1u << 18)
#define TALK_BYTES (128ull << 20)

/* The real matches go on to the tracker. */
struct slot {
        inspect_match_fn *match;
        void *userdata;
        struct inspector *inspector;
};
static struct {
        const struct rules_replay *params;
        struct slot slots[SHARDS];
        unsigned n;
} replay;

static void on_match(void *userdata, const struct rule *r, const struct inspect_input *in)
{
        const struct slot *s = userdata;

        if (replay.params->matched)
                replay.params->matched(replay.params->userdata, r, in);
        s->match(s->userdata, r, in);
}

static int make(const struct inspect_params *params, struct inspector **ret)
{
        struct slot *s = &replay.slots[replay.n];
        struct inspect_params p = *params;
        int r;

        if (replay.n == SHARDS)
                return -ENOSPC;
        s->match = p.match;
        s->userdata = p.userdata;
        p.match = on_match;
        p.userdata = s;
        r = inspector_new(&p, &s->inspector);
        if (r < 0)
                return r;
        replay.n++;
        *ret = s->inspector;
        return 0;
}

static uint64_t wants(const struct inspector *i, const struct inspect_input *in)
{
        return replay.params->all ? UINT64_MAX : inspector_wants(i, in);
}

static void look(struct inspector *i, const struct inspect_input *in)
{
        inspect(i, in);
        if (replay.params->inspected)
                replay.params->inspected(replay.params->userdata, i, in);
}

static const struct tracker_inspector over_the_shoulder = {make, inspector_free, wants, look, inspect_flow_end};

static void on_event(void *userdata, const struct event *e)
{
        const struct rules_replay *p = userdata;

        if (e->type == EVENT_ALERT && p->alert)
                p->alert(p->userdata, e);
}

static int make_pipeline(const struct rules_replay *params, const struct home *home, struct pipeline **ret)
{
        const struct config *c = params->cli->config;
        struct pipeline_params p = {
                .home = home,
                .workers = 1,
                .flows = FLOWS_MAX,
                .talk_bytes = TALK_BYTES,
                .source = EVENT_SOURCE_PACKETS,
                .rules = params->rules,
                .rule_bytes = c->rules.memory,
                .rule_profile = params->profile,
                .rule_midstream = c->rules.midstream,
                .rule_twice = c->rules.packet_and_stream == RULES_TWICE,
                .alerts_per_packet = c->rules.alerts_per_packet,
                .inspector = &over_the_shoulder,
                .event = on_event,
                .userdata = (void *) params,
        };

        return pipeline_new(&p, ret);
}

static int read_capture(const struct read_inputs *in, struct pipeline *p)
{
        _cleanup_(buf_done)
        struct buf why = BUF_HEAP(1u << 16);
        int n;

        do {
                struct capture_batch *b = pipeline_take(p);

                n = capture_next(in->capture, b, &why);
                if (n > 0)
                        pipeline_put(p, b);
        } while (n > 0 || n == -EINTR);
        if (why.len)
                log_warning("%.*s", (int) strcspn(buf_str(&why), "\n"), buf_str(&why));
        pipeline_finish(p);
        return n;
}

static int run(const struct rules_replay *params, const struct read_inputs *in, const struct home *home)
{
        _cleanup_(pipeline_freep)
        struct pipeline *p = NULL;
        struct inspector *inspectors[SHARDS];
        struct pipeline_stats stats;
        int r = make_pipeline(params, home, &p);

        if (r == 0)
                r = read_capture(in, p);
        if (r < 0 || !params->done)
                return r;
        for (unsigned i = 0; i < replay.n; i++)
                inspectors[i] = replay.slots[i].inspector;
        pipeline_get_stats(p, &stats);
        params->done(params->userdata, inspectors, replay.n, &stats);
        return 0;
}

static int open_capture(const struct rules_replay *params, struct home *home, struct read_inputs *in)
{
        _cleanup_(buf_done)
        struct buf why = BUF_HEAP(1u << 16), note = BUF_HEAP(4096);
        int r = read_inputs_new(home, in);

        if (r < 0)
                return r;
        r = read_inputs_add(in, params->capture, &why);
        if (r >= 0 && !in->n_captures) {
                log_error("%s: no capture", params->capture);
                return -EINVAL;
        }
        if (r < 0) {
                log_error("%.*s", (int) strcspn(buf_str(&why), "\n"), buf_str(&why));
                return r;
        }
        r = sandbox_engine(&(struct sandbox_engine_params){0}, &note);
        if (r < 0)
                log_error("the sandbox cannot be closed: %s", strerror(-r));
        return r;
}

int rules_replay(const struct rules_replay *params)
{
        _cleanup_(home_freep)
        struct home *home = NULL;
        struct read_inputs in = {0};
        int r = home_new(&params->cli->config->home, &home);

        params->cli->status = CLI_INPUT;
        memset(&replay, 0, sizeof(replay));
        replay.params = params;
        if (r == 0)
                r = open_capture(params, home, &in);
        if (r >= 0 && (r = run(params, &in, home)) < 0)
                log_error("%s: %s", params->capture, strerror(-r));
        read_inputs_done(&in);
        return r;
}
