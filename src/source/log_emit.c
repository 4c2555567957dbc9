/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records to events, once per home host. Runs in `read`. */
#include "source/log_emit.h"

#include <netinet/in.h>
#include <xxhash.h>

uint64_t log_emit_id(const void *key, size_t len, uint64_t seed)
{
        uint64_t id = XXH64(key, len, seed) & INT64_MAX;

        return id ? id : 1;
}

bool log_emit_place(const struct log_out *out, struct log_talk *talk)
{
        talk->home = (uint8_t) home_side(out->home, &talk->addr[LOG_ORIG], &talk->addr[LOG_RESP]);
        if (talk->home != HOME_NONE)
                return true;
        out->foreign(out->userdata);
        return false;
}

static bool is_icmp(const struct log_talk *talk)
{
        return talk->proto == IPPROTO_ICMP || talk->proto == IPPROTO_ICMPV6;
}

static uint8_t origin_of(const struct log_talk *talk, unsigned local)
{
        if (talk->origin_unknown)
                return FLOW_ORIGIN_UNKNOWN;
        return local == LOG_ORIG ? FLOW_ORIGINATED : FLOW_ACCEPTED;
}

static bool is_home(const struct log_talk *talk, unsigned end)
{
        return talk->home & (end == LOG_ORIG ? HOME_SRC : HOME_DST);
}

void log_emit_flow(const struct log_out *out, const struct log_talk *talk, const struct log_flow *flow, nsec_t time,
                   enum flow_op op)
{
        for (unsigned local = LOG_ORIG; local <= LOG_RESP; local++) {
                unsigned remote = !local;
                struct event e = {.time = time, .type = EVENT_FLOW, .op = op};

                if (!is_home(talk, local))
                        continue;
                e.flow = (struct flow_event){
                        .flow_id = talk->flow_id,
                        .local = talk->addr[local],
                        .remote = talk->addr[remote],
                        .local_port = is_icmp(talk) ? talk->icmp : talk->port[local],
                        .remote_port = is_icmp(talk) ? 0 : talk->port[remote],
                        .bytes_out = flow->bytes[local],
                        .bytes_in = flow->bytes[remote],
                        .pkts_out = (uint32_t) MIN(flow->pkts[local], UINT32_MAX),
                        .pkts_in = (uint32_t) MIN(flow->pkts[remote], UINT32_MAX),
                        .proto = talk->proto,
                        .origin = origin_of(talk, local),
                        .state = flow->state,
                        .app = flow->app,
                        .flags = flow->flags | (talk->home == HOME_BOTH ? FLOW_BOTH_HOME : 0),
                        .tcp = (uint16_t) (flow->tcp[local] | flow->tcp[remote] << 8),
                        .since = flow->since,
                };
                out->event(out->userdata, &e);
        }
}

void log_emit_answered(const struct log_out *out, const struct log_talk *talk, const struct log_flow *flow)
{
        struct log_flow now = {.since = flow->since, .flags = flow->flags, .state = FLOW_STATE_ESTABLISHED};

        for (unsigned end = LOG_ORIG; end <= LOG_RESP; end++) {
                now.pkts[end] = MIN(flow->pkts[end], 1u);
                now.tcp[end] = flow->tcp[end] & (TCP_SEEN_SYN | TCP_SEEN_ACK);
        }
        log_emit_flow(out, talk, &now, flow->since, FLOW_UPDATE);
}

void log_emit_app(const struct log_out *out, const struct log_talk *talk, struct event *e, unsigned by)
{
        for (unsigned local = LOG_ORIG; local <= LOG_RESP; local++) {
                struct ends *n = &e->ends;

                if (!is_home(talk, local))
                        continue;
                n->flow_id = talk->flow_id;
                n->local = talk->addr[local];
                n->remote = talk->addr[!local];
                n->local_port = talk->port[local];
                n->remote_port = talk->port[!local];
                n->proto = talk->proto;
                n->origin = origin_of(talk, local);
                n->from_local = by == local;
                if (talk->home == HOME_BOTH)
                        n->flags |= ENDS_BOTH_HOME;
                out->event(out->userdata, e);
        }
}

void log_emit_gap(const struct log_out *out, enum gap_reason reason, uint64_t lost, const char *text)
{
        char whole[256];
        struct buf b = BUF_FIXED(whole);
        struct event e = {.type = EVENT_GAP, .gap = {.lost = lost, .reason = reason, .text = whole}};

        buf_printf(&b, "%.160s (%.80s)", text, out->file_name);
        out->event(out->userdata, &e);
}
