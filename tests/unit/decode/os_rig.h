/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SYNs made from signatures, for the tests of systems' signatures: IP and TCP headers as the signature describes them.
 */
#ifndef SEKIMORI_TEST_OS_RIG_H
#define SEKIMORI_TEST_OS_RIG_H

#include <string.h>

#include "decode/os_internal.h"

/* What a signature leaves open. */
struct os_rig {
        uint8_t hops, scale;
        bool six;
        uint16_t mss, window, sport;
};

#define OS_RIG_MAX 512

static inline void os_rig_put16(uint8_t *p, unsigned v)
{
        p[0] = (uint8_t) (v >> 8);
        p[1] = (uint8_t) v;
}

static inline bool os_rig_has(const struct os_signature *g, uint8_t kind)
{
        return memchr(g->options, kind, g->n_options) != NULL;
}

static inline uint8_t *os_rig_options(const struct os_signature *g, const struct os_rig *with, uint8_t *p)
{
        uint16_t mss = g->mss == OS_ANY ? with->mss : (uint16_t) g->mss;
        uint8_t scale = g->scale == OS_ANY ? with->scale : (uint8_t) g->scale;

        for (unsigned i = 0; i < g->n_options; i++)
                switch (g->options[i]) {
                case 0:
                        p += 1 + g->eol_pad;
                        if (g->quirks & OS_QUIRK_TRAILING)
                                p[-1] = 1;
                        break;
                case 1:
                        *p++ = 1;
                        break;
                case 2:
                        p[0] = 2;
                        p[1] = 4;
                        os_rig_put16(p + 2, mss);
                        p += 4;
                        break;
                case 3:
                        p[0] = 3;
                        p[1] = 3;
                        p[2] = scale;
                        p += 3;
                        break;
                case 4:
                        p[0] = 4;
                        p[1] = 2;
                        p += 2;
                        break;
                case 8:
                        p[0] = 8;
                        p[1] = 10;
                        p[5] = g->quirks & OS_QUIRK_TS1_ZERO ? 0 : 77;
                        p[9] = g->quirks & OS_QUIRK_TS2_SET || g->answer ? 1 : 0;
                        p += 10;
                        break;
                default: /* fast open and multipath: as short as Linux asks for them */
                        p[0] = g->options[i];
                        p[1] = g->options[i] == 30 ? 4 : 2;
                        p += p[1];
                }
        return p;
}

static inline uint16_t os_rig_window(const struct os_signature *g, const struct os_rig *with)
{
        unsigned mss = g->mss == OS_ANY ? with->mss : (unsigned) g->mss;

        switch (g->window_kind) {
        case OS_WINDOW_IS:
                return g->window;
        case OS_WINDOW_MODULO:
                return (uint16_t) (g->window * (65535u / g->window));
        case OS_WINDOW_MSS:
                return (uint16_t) (g->window * mss);
        case OS_WINDOW_MTU:
                return (uint16_t) (g->window * (mss + 40));
        default:
                return with->window;
        }
}

static inline size_t os_rig_tcp(const struct os_signature *g, const struct os_rig *with, uint8_t *p)
{
        uint8_t *end = os_rig_options(g, with, p + 20);

        while ((end - p) % 4) /* only where a signature does not fill its words: none of a real system */
                *end++ = 1;
        os_rig_put16(p, with->sport);
        os_rig_put16(p + 2, 25);
        p[7] = g->quirks & OS_QUIRK_SEQ_ZERO ? 0 : 9;
        p[11] = (g->answer ? !(g->quirks & OS_QUIRK_ACK_ZERO) : !!(g->quirks & OS_QUIRK_ACK_SET)) ? 3 : 0;
        p[12] = (uint8_t) ((end - p) / 4 << 4);
        p[13] = (uint8_t) (2 | (g->answer ? 16 : 0) | (g->quirks & OS_QUIRK_URGENT ? 32 : 0) |
                           (g->quirks & OS_QUIRK_PUSH ? 8 : 0) | (g->quirks & OS_QUIRK_ECN ? 0xc0 : 0));
        os_rig_put16(p + 14, os_rig_window(g, with));
        os_rig_put16(p + 18, g->quirks & OS_QUIRK_URGENT_SET ? 4 : 0);
        if (g->payload == 1)
                *end++ = 'x';
        return (size_t) (end - p);
}

/* The packet from its IP header on; its length. `p` is zeroed first. */
static inline size_t os_rig_syn(const struct os_signature *g, const struct os_rig *with, uint8_t p[static OS_RIG_MAX])
{
        size_t head = with->six ? 40 : 20u + g->ip_options, len;

        memset(p, 0, OS_RIG_MAX);
        len = head + os_rig_tcp(g, with, p + head);
        if (with->six) {
                p[0] = 0x60;
                p[3] = g->quirks & OS_QUIRK_FLOW ? 5 : 0;
                os_rig_put16(p + 4, (unsigned) (len - 40));
                p[6] = 6;
                p[7] = (uint8_t) (g->ttl - with->hops);
                p[23] = 1;
                p[39] = 2;
                return len;
        }
        p[0] = (uint8_t) (0x40 | head / 4);
        os_rig_put16(p + 2, (unsigned) len);
        p[5] = (g->quirks & OS_QUIRK_ID_SET) || !(g->quirks & (OS_QUIRK_DF | OS_QUIRK_ID_ZERO)) ? 7 : 0;
        p[6] = (uint8_t) ((g->quirks & OS_QUIRK_DF ? 0x40 : 0) | (g->quirks & OS_QUIRK_RESERVED ? 0x80 : 0));
        p[8] = (uint8_t) (g->ttl - with->hops);
        p[9] = 6;
        memcpy(p + 12, "\xc0\x00\x02\x01\xc0\x00\x02\x02", 8);
        return len;
}

#endif
