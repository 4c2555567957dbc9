/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Warden's half: the rings of a device. Engine's half: threads that read them (flow/lanes.h), whose events the engine's
 * own thread collects. */
#include "daemon/packets.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>

#include "config/home.h"
#include "flow/lanes.h"

#define FLOWS_MAX  (1u << 20)
#define TALK_BYTES (256ull << 20)
#define GAPS_EVERY (10 * NSEC_PER_SEC)
#define LOOK_EVERY NSEC_PER_SEC

/* Warden's half. */

struct opened {
        int fd; /* a duplicate: it binds the ring to its device again; -1: several rings, which cannot */
        struct ring_params ring;
};

static struct ring_params ring_params_of(const struct config *c)
{
        return (struct ring_params){
                .interface = c->packets.interface,
                .filter = c->packets.filter,
                .workers = c->packets.workers,
                .promiscuous = c->packets.promiscuous && strcmp(c->packets.interface, "any") != 0,
        };
}

static int packets_probe(struct buf *out)
{
        return buf_puts(out, "packets of a device: needs root (CAP_NET_RAW)\n");
}

static int packets_open(const struct config *config, struct source_fds *ret_fds, void **ret_self)
{
        _cleanup_free_ struct opened *o = calloc(1, sizeof(*o));
        struct source_fds fds = {.n = (int) config->packets.workers};
        struct buf why = BUF_FIXED(ret_fds->note);
        int r;

        static_assert(LANES_MAX <= SOURCE_FDS_MAX, "a descriptor for each ring");
        if (!o)
                return -ENOMEM;
        o->ring = ring_params_of(config);
        o->fd = -1;
        if ((r = ring_open(&o->ring, fds.fd, &why)) < 0) {
                if (!why.len)
                        (void) buf_puts(&why, strerror(-r));
                if (r == -EPERM || r == -EACCES)
                        (void) buf_puts(&why, "; this needs root (CAP_NET_RAW)");
                return r;
        }
        if (fds.n == 1)
                o->fd = fcntl(fds.fd[0], F_DUPFD_CLOEXEC, 3); /* without it a device that comes back is not seen */
        snprintf(fds.note, sizeof(fds.note), "packets: %s%s%s%s", config->packets.interface,
                 o->ring.promiscuous ? ", also what is for other machines" : "", o->ring.filter ? ", only " : "",
                 o->ring.filter ? o->ring.filter : "");
        *ret_fds = fds;
        *ret_self = TAKE_PTR(o);
        return 0;
}

/* Is the device back? Several rings cannot be bound to it (-ESTALE): a new engine gets new ones. */
static int packets_request(void *self, enum source_request request, struct source_fds *ret_fds)
{
        struct opened *o = self;

        if (request != SOURCE_REQUEST_SNAPSHOT)
                return -EOPNOTSUPP;
        if (o->fd < 0)
                return if_nametoindex(o->ring.interface) > 0 ? -ESTALE : -ENODEV;
        *ret_fds = (struct source_fds){.n = 0};
        return ring_rebind(o->fd, &o->ring);
}

static void packets_close(void *self)
{
        struct opened *o = self;

        closep(&o->fd);
        free(o);
}

/* Engine's half. */

struct packets {
        struct source_params params;
        struct home *home;
        struct lanes *lanes;
        struct ring_stats told;  /* as gaps */
        nsec_t gaps_at, look_at; /* boot time */
        bool gone;               /* the device is away */
        bool down;               /* it went down; whether it is away as well shows at the next look */
};

static nsec_t engine_now(void)
{
        return clock_boottime() + clock_engine_offset();
}

static void on_event(void *userdata, const struct event *e)
{
        struct packets *p = userdata;

        p->params.sink.event(p->params.sink.userdata, e);
}

static void tell_gap(struct packets *p, enum gap_reason reason, uint64_t lost, const char *text)
{
        struct event e = {.time = engine_now(),
                          .type = EVENT_GAP,
                          .source = EVENT_SOURCE_PACKETS,
                          .gap = {.reason = (uint8_t) reason, .lost = lost, .text = text}};

        if (lost)
                on_event(p, &e);
}

static void tell_ring_gaps(struct packets *p)
{
        struct lanes_stats s;

        lanes_get_stats(p->lanes, &s);
        tell_gap(p, GAP_CAPTURE_DROP, s.rings.drops - p->told.drops, "packets: the ring was full");
        tell_gap(p, GAP_BAD_PACKET, s.rings.bad - p->told.bad, "blocks of the ring");
        /* A device that is removed goes down first: that is told otherwise. */
        if (p->down && !p->gone)
                tell_gap(p, GAP_CAPTURE_DROP, 1, "the device went down; nothing passes it until it is up");
        p->down = s.rings.downs > p->told.downs;
        p->told = s.rings;
}

static void packets_stop(void *state)
{
        struct packets *p = state;

        if (!p)
                return;
        if (p->lanes) {
                tell_ring_gaps(p);
                lanes_finish(p->lanes, engine_now());
        }
        lanes_free(p->lanes);
        home_free(p->home);
        free(p);
}
DEFINE_FREEP(struct packets, packets_stop)

static void on_mail_syn(void *userdata, const struct os_syn *syn)
{
        struct packets *p = userdata;

        if (p->params.mail_syn)
                p->params.mail_syn(p->params.userdata, syn);
}

static int open_rings(const struct config *c, struct source_fds *fds, struct ring **rings)
{
        struct ring_params ring = ring_params_of(c);
        int r = 0;

        for (int i = 0; r >= 0 && i < fds->n; i++) {
                r = ring_new(fds->fd[i], &ring, &rings[i]);
                fds->fd[i] = -1;
        }
        source_fds_close(fds);
        for (int i = 0; r < 0 && i < fds->n; i++)
                ring_free(rings[i]);
        return r;
}

static int packets_start(const struct source_params *params, struct source_fds *fds, void **ret_state)
{
        const struct config *c = params->config;
        _cleanup_(packets_stopp)
        struct packets *p = calloc(1, sizeof(*p));
        struct lanes_params lanes = {.pipeline = {
                                             .workers = c->packets.workers,
                                             .flows = FLOWS_MAX,
                                             .talk_bytes = TALK_BYTES,
                                             .packet_flags = c->packets.checksums ? PACKET_CHECK : 0,
                                             .source = EVENT_SOURCE_PACKETS,
                                             .rules = params->rules,
                                             .rule_bytes = c->rules.memory,
                                             .alerts_per_second = c->rules.alerts_per_second,
                                             .alerts_per_packet = c->rules.alerts_per_packet,
                                             .rule_midstream = c->rules.midstream,
                                             .rule_twice = c->rules.packet_and_stream == RULES_TWICE,
                                             .event = on_event,
                                             .userdata = p,
                                     }};
        int r;

        if (!p)
                return -ENOMEM;
        p->params = *params;
        if ((r = home_new(&c->home, &p->home)) < 0 || (r = open_rings(c, fds, lanes.rings)) < 0)
                return r;
        lanes.pipeline.home = p->home;
        lanes.mail_syn = on_mail_syn;
        lanes.userdata = p;
        lanes.pipeline.seed = (uint64_t) clock_boottime() * 0x9e3779b97f4a7c15ull ^ (uint64_t) (uintptr_t) p;
        r = lanes_new(&lanes, &p->lanes);
        if (r < 0)
                return r;
        p->gaps_at = clock_boottime() + GAPS_EVERY;
        *ret_state = TAKE_PTR(p);
        return 0;
}

static int packets_poll_fd(void *state)
{
        const struct packets *p = state;

        return lanes_fd(p->lanes);
}

/* All that waits: the lanes bound it. */
static int packets_dispatch(void *state, int budget)
{
        struct packets *p = state;

        return (int) MIN(lanes_collect(p->lanes, engine_now()), (unsigned) budget - 1);
}

static void look_for_device(struct packets *p)
{
        bool gone = lanes_gone(p->lanes);

        if (gone && !p->gone)
                tell_gap(p, GAP_CAPTURE_DROP, 1, "the device was removed; its packets are not seen until it is back");
        p->gone = gone;
        if (gone && p->params.ask)
                (void) p->params.ask(p->params.userdata, SOURCE_REQUEST_SNAPSHOT);
}

static int packets_tick(void *state, nsec_t boottime)
{
        struct packets *p = state;

        if (boottime >= p->look_at) {
                p->look_at = boottime + LOOK_EVERY;
                look_for_device(p);
                tell_ring_gaps(p);
        }
        if (boottime >= p->gaps_at) {
                p->gaps_at = boottime + GAPS_EVERY;
                lanes_tell_gaps(p->lanes, engine_now());
        }
        return 0;
}

void packets_describe(void *state, struct buf *out)
{
        struct packets *p = state;
        struct lanes_stats s;
        const struct flow_table_stats *flows = &s.pipeline.trackers.flows;
        uint64_t evicted = 0;

        lanes_get_stats(p->lanes, &s);
        for (unsigned i = 0; i < FLOW_LISTS; i++)
                evicted += flows->evicted[i];
        (void) buf_puts(out, "\"interface\":");
        (void) buf_put_json(out, p->params.config->packets.interface, strlen(p->params.config->packets.interface));
        (void) buf_printf(out,
                          ",\"there\":%s,\"frames\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"drops\":%" PRIu64
                          ",\"home_packets\":%" PRIu64 ",\"flows\":%u,\"flows_cap\":%u,\"flows_made\":%" PRIu64
                          ",\"flows_evicted\":%" PRIu64 ",\"flows_not_decoded\":%" PRIu64
                          ",\"events_dropped\":%" PRIu64,
                          p->gone ? "false" : "true", s.rings.frames, s.rings.bytes, s.rings.drops,
                          s.pipeline.trackers.home_packets, flows->used, flows->cap, flows->made, evicted,
                          s.pipeline.trackers.talk_refused, s.pipeline.events_dropped);
}

void packets_describe_rules(void *state, struct buf *out)
{
        struct packets *p = state;
        struct lanes_stats s;
        const struct sift_stats *a = &s.pipeline.alerts;

        lanes_get_stats(p->lanes, &s);
        (void) buf_printf(out,
                          "\"matches\":%" PRIu64 ",\"alerts\":%" PRIu64 ",\"suppressed\":%" PRIu64
                          ",\"below_threshold\":%" PRIu64 ",\"merged\":%" PRIu64 ",\"forgotten\":%" PRIu64
                          ",\"bytes_of_flows\":%" PRIu64 ",\"flows_dropped\":%" PRIu64,
                          a->matches, a->told, a->suppressed, a->limited, a->merged, a->forgotten,
                          s.pipeline.trackers.rule_bytes, s.pipeline.trackers.rule_dropped);
}

int packets_set_rules(void *state, const struct ruleset *rules)
{
        struct packets *p = state;

        return lanes_set_rules(p->lanes, rules, engine_now());
}

static int packets_answer(void *state _unused_, enum source_request request _unused_, struct source_fds *fds _unused_)
{
        return 0; /* the ring gives frames again, or another request follows */
}

const struct source source_packets = {
        .name = "packets",
        .help = "packets of a network device, of this machine or of a mirror port",
        .probe = packets_probe,
        .open = packets_open,
        .request = packets_request,
        .close = packets_close,
        .start = packets_start,
        .poll_fd = packets_poll_fd,
        .dispatch = packets_dispatch,
        .tick = packets_tick,
        .answer = packets_answer,
        .stop = packets_stop,
};
