/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The key of a control group's path, made alike by the kernel half of the gate and by gate_use.c: SipHash-2-4
 * (Aumasson, Bernstein 2012) over the names, each cut or filled to GATE_NAME_MAX bytes. Not a cheap hash: anybody may
 * name groups beneath an own one, and must not find a path with the key of a declared sender's. The key need not be
 * secret for that. */
#ifndef SEKIMORI_RESPOND_GATE_HASH_H
#define SEKIMORI_RESPOND_GATE_HASH_H

#include "respond/gate_map.h"

#define GATE_NAME_WORDS (GATE_NAME_MAX / 8)

struct gate_hash {
        __u64 v0, v1, v2, v3;
};

#define GATE_HASH_BEGIN                                                                                                \
        ((struct gate_hash){0x736f6d6570736575ull, 0x646f72616e646f6dull, 0x6c7967656e657261ull, 0x7465646279746573ull})

static inline __attribute__((always_inline)) __u64 gate_hash_turn(__u64 x, int n)
{
        return x << n | x >> (64 - n);
}

static inline __attribute__((always_inline)) void gate_hash_round(struct gate_hash *h)
{
        h->v0 += h->v1;
        h->v1 = gate_hash_turn(h->v1, 13) ^ h->v0;
        h->v0 = gate_hash_turn(h->v0, 32);
        h->v2 += h->v3;
        h->v3 = gate_hash_turn(h->v3, 16) ^ h->v2;
        h->v0 += h->v3;
        h->v3 = gate_hash_turn(h->v3, 21) ^ h->v0;
        h->v2 += h->v1;
        h->v1 = gate_hash_turn(h->v1, 17) ^ h->v2;
        h->v2 = gate_hash_turn(h->v2, 32);
}

/* The next name of the path, filled up with zeros. */
static inline __attribute__((always_inline)) void gate_hash_name(struct gate_hash *h, const __u64 name[GATE_NAME_WORDS])
{
        for (int i = 0; i < GATE_NAME_WORDS; i++) {
                h->v3 ^= name[i];
                gate_hash_round(h);
                gate_hash_round(h);
                h->v0 ^= name[i];
        }
}

/* The key of the names so far; more may follow. */
static inline __attribute__((always_inline)) __u64 gate_hash_key(struct gate_hash h)
{
        h.v2 ^= 0xff;
        for (int i = 0; i < 4; i++)
                gate_hash_round(&h);
        return h.v0 ^ h.v1 ^ h.v2 ^ h.v3;
}

/* A script's path as it was executed, filled up with zeros. */
static inline __attribute__((always_inline)) __u64 gate_hash_path(const __u64 path[GATE_NAME_WORDS])
{
        struct gate_hash h = GATE_HASH_BEGIN;

        gate_hash_name(&h, path);
        return gate_hash_key(h);
}

#endif
