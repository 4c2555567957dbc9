/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decoders of content over a capture, in tests of the decoders only: frames are decoded, TCP is ordered by sequence
 * numbers, whole file in memory. The program's own flow table stands after decode (src/flow/). */
#ifndef SEKIMORI_TEST_APP_CAPTURE_H
#define SEKIMORI_TEST_APP_CAPTURE_H

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"
#include "decode/app.h"
#include "pcap_file.h"

#define APP_CAPTURE_HELD 256 /* segments of one direction that wait for earlier ones */

struct app_held {
        struct app_held *next;
        uint32_t seq, len, lost;
        uint8_t data[];
};

struct app_flow_key {
        struct addr a, b; /* a < b, or equal and port_a <= port_b */
        uint16_t port_a, port_b;
        uint8_t proto, pad[3];
};

struct app_flow {
        struct app_flow_key key;
        const struct app_decoder *decoder;
        bool originator_is_a, midstream, over;
        bool known[2], no[2]; /* by direction, 1: from the originator */
        uint32_t next[2], n_held[2];
        struct app_held *held[2];
        uint64_t state[APP_STATE_MAX / 8];
};

struct app_capture {
        struct app_context context;                /* emit and userdata are the test's */
        const struct app_decoder *const *decoders; /* NULL at the end */
        struct table *flows;
        struct app_flow *flow; /* in work */
        bool switched;
};

static inline void app_capture_switch(struct app_context *c, enum app app)
{
        struct app_capture *k = (struct app_capture *) c;

        (void) app;
        k->switched = true;
}

static inline void app_capture_bytes(struct app_capture *k, struct app_flow *f, unsigned d, const uint8_t *p,
                                     uint32_t len)
{
        struct app_context *c = &k->context;

        if (f->over || (len == 0 && c->proto == IPPROTO_TCP))
                return;
        c->from_originator = d;
        for (unsigned i = 0; !f->decoder && !f->no[d] && k->decoders[i]; i++) {
                const struct app_decoder *t = k->decoders[i];

                if ((c->proto == IPPROTO_TCP ? t->tcp : t->udp) && t->probe(c, p, len) == APP_YES)
                        f->decoder = t;
        }
        f->no[d] = !f->decoder && c->proto == IPPROTO_TCP;
        if (!f->decoder)
                return;
        k->switched = false;
        c->rest = 0;
        f->over = f->decoder->data(f->state, c, p, len) < 0;
        if (k->switched && !f->over) {
                uint32_t rest = c->rest;

                f->decoder = NULL;
                f->no[0] = f->no[1] = false;
                memset(f->state, 0, sizeof(f->state));
                if (rest)
                        app_capture_bytes(k, f, d, p + len - rest, rest);
        }
}

static inline void app_capture_lost(struct app_capture *k, struct app_flow *f, unsigned d, uint32_t n)
{
        k->context.from_originator = d;
        f->next[d] += n;
        if (n == 0 || f->over || !f->decoder)
                return;
        if (f->decoder->lost)
                f->decoder->lost(f->state, &k->context, n);
        else
                f->over = true;
}

/* What is next now; `force`: what is missing will not come. */
static inline void app_capture_drain(struct app_capture *k, struct app_flow *f, unsigned d, bool force)
{
        while (f->held[d]) {
                struct app_held *h = f->held[d];
                int32_t ahead = (int32_t) (h->seq - f->next[d]);
                uint32_t skip;

                if (ahead > 0 && !force && f->n_held[d] < APP_CAPTURE_HELD)
                        return;
                if (ahead > 0)
                        app_capture_lost(k, f, d, (uint32_t) ahead);
                skip = ahead < 0 ? (uint32_t) -ahead : 0;
                if (skip < h->len) {
                        f->next[d] += h->len - skip;
                        app_capture_bytes(k, f, d, h->data + skip, h->len - skip);
                }
                if (skip <= h->len)
                        app_capture_lost(k, f, d, h->lost);
                f->held[d] = h->next;
                f->n_held[d]--;
                free(h);
        }
}

static inline void app_capture_segment(struct app_capture *k, struct app_flow *f, unsigned d, const struct packet *p)
{
        uint32_t seq = p->seq + (p->tcp_flags & 2 ? 1 : 0);
        struct app_held *h, **at;

        if (!f->known[d]) {
                f->known[d] = true;
                f->next[d] = seq;
        }
        if (p->wire_len == 0)
                return;
        h = malloc(sizeof(*h) + p->payload_len);
        if (!h)
                return;
        *h = (struct app_held){.seq = seq, .len = p->payload_len, .lost = p->wire_len - p->payload_len};
        memcpy(h->data, p->payload, p->payload_len);
        at = &f->held[d];
        while (*at && (int32_t) ((*at)->seq - seq) <= 0)
                at = &(*at)->next;
        h->next = *at;
        *at = h;
        f->n_held[d]++;
        app_capture_drain(k, f, d, false);
}

static inline void app_capture_packet(struct app_capture *k, const struct packet *p)
{
        struct app_flow_key key = {.a = p->src, .b = p->dst, .port_a = p->sport, .port_b = p->dport, .proto = p->proto};
        int order = memcmp(&p->src, &p->dst, sizeof(p->src));
        bool from_a = order < 0 || (order == 0 && p->sport <= p->dport), created;
        bool answer = p->proto == IPPROTO_TCP && (p->tcp_flags & 0x12) == 0x12;
        struct app_context *c = &k->context;
        struct app_flow *f;
        unsigned d;

        if (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP)
                return;
        if (!from_a)
                key = (struct app_flow_key){
                        .a = p->dst, .b = p->src, .port_a = p->dport, .port_b = p->sport, .proto = p->proto};
        f = table_insert(k->flows, &key, &created);
        if (!f)
                return;
        if (created) {
                f->originator_is_a = answer ? !from_a : from_a;
                f->midstream = p->proto == IPPROTO_TCP && !(p->tcp_flags & 2);
        }
        d = from_a == f->originator_is_a;
        k->flow = f;
        c->time = p->time;
        c->proto = p->proto;
        c->midstream = f->midstream;
        c->originator_port = d ? p->sport : p->dport;
        c->responder_port = d ? p->dport : p->sport;
        if (p->proto == IPPROTO_UDP)
                app_capture_bytes(k, f, d, p->payload, p->payload_len);
        else
                app_capture_segment(k, f, d, p);
}

/* All that is still held, and the ends of the flows. */
static inline void app_capture_end(struct app_capture *k)
{
        for (struct app_flow *f = table_oldest(k->flows); f; f = table_younger(k->flows, f)) {
                k->flow = f;
                k->context.proto = f->key.proto;
                for (unsigned d = 2; d-- > 0;)
                        app_capture_drain(k, f, d, true);
                if (f->decoder && !f->over && f->decoder->end)
                        f->decoder->end(f->state, &k->context);
        }
}

static inline bool app_capture_run(struct app_capture *k, const char *path)
{
        _cleanup_(table_freep)
        struct table *flows = NULL;
        _cleanup_(packet_decoder_freep)
        struct packet_decoder *decoder = NULL;
        const struct table_params params = {.name = "flows",
                                            .cap = 65536,
                                            .key_size = sizeof(struct app_flow_key),
                                            .entry_size = sizeof(struct app_flow)};
        struct pcap_file file;
        struct frame frame;
        struct packet packet;

        if (!pcap_open(path, &file))
                return false;
        if (table_new(&params, &flows) == 0 && packet_decoder_new(&(const struct packet_params){0}, &decoder) == 0) {
                k->flows = flows;
                k->context.switch_to = app_capture_switch;
                while (pcap_next(&file, &frame))
                        if (packet_decode(decoder, &frame, &packet) == PACKET_OK)
                                app_capture_packet(k, &packet);
                app_capture_end(k);
        }
        pcap_done(&file);
        return true;
}

#endif
