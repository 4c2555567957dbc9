/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Made-up frames for the soak: packets of random 5-tuples, with payloads that wake every decoder. No I/O. */
#ifndef SEKIMORI_BENCH_TRAFFIC_H
#define SEKIMORI_BENCH_TRAFFIC_H

#include "decode/packet.h"

#define TRAFFIC_FRAME_MAX 512 /* bytes of a frame at most */
#define TRAFFIC_RECENT    (1u << 16)

struct traffic_tuple {
        struct addr src, dst;
        uint16_t sport, dport;
        uint8_t proto;
};

struct traffic {
        uint64_t random;
        uint32_t hosts;                              /* home hosts, from 10.0.0.0 up */
        struct traffic_tuple recent[TRAFFIC_RECENT]; /* answered now and then */
        uint32_t n_recent;
};

uint32_t traffic_any(struct traffic *t, uint32_t below);
/* A packet of a new 5-tuple, or (one of eight) the answer to one of the last. `at` holds TRAFFIC_FRAME_MAX bytes. */
void traffic_random(struct traffic *t, nsec_t time, uint8_t *at, struct frame *ret);
/* The packet number `step` (0..3: the question, the answer, data each way) of flow number `flow`: TCP, or UDP of every
 * fourth. The flow's bytes are nothing that a decoder knows. */
void traffic_flow(const struct traffic *t, uint64_t flow, unsigned step, nsec_t time, uint8_t *at, struct frame *ret);

#endif
