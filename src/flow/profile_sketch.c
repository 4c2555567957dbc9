/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sketch of distinct peers. Pure; runs wherever a profile is kept or shown. */
#include "flow/profile_sketch.h"

#include "base/cleanup.h"

#define REGISTER_MOST 15u
#define SCALE         15 /* sums of 2^-register as integers */

/* The folded product of wyhash, twice. */
uint32_t profile_sketch_hash(const struct addr *peer)
{
        uint64_t half[2];
        __uint128_t product;

        memcpy(half, peer->b, sizeof(half));
        product = (__uint128_t) (half[0] ^ 0xa0761d6478bd642full) * (half[1] ^ 0xe7037ed1a0b428dbull);
        product = (__uint128_t) ((uint64_t) product ^ 0x8ebc6af09c88c6e3ull) * (uint64_t) (product >> 64 | 1);
        return (uint32_t) product ^ (uint32_t) (product >> 64);
}

static unsigned get(const uint8_t *cells, unsigned i)
{
        return cells[i / 2] >> (i % 2 * 4) & 15;
}

void profile_sketch_add(uint8_t *cells, unsigned registers, uint32_t hash)
{
        unsigned i = hash & (registers - 1), rank = MIN((unsigned) __builtin_clz(hash | 63) + 1, REGISTER_MOST);

        if (rank > get(cells, i))
                cells[i / 2] = (uint8_t) ((cells[i / 2] & (i % 2 ? 0x0f : 0xf0)) | rank << (i % 2 * 4));
}

/* 16*64*ln(64/empty): linear counting with 64 registers, for 1 to 64 empty ones. */
static const uint16_t linear[] = {
        4259, 3549, 3134, 2839, 2611, 2424, 2266, 2129, 2009, 1901, 1803, 1714, 1632, 1556, 1486, 1420,
        1357, 1299, 1244, 1191, 1141, 1093, 1048, 1004, 963,  922,  884,  847,  811,  776,  742,  710,
        678,  648,  618,  589,  561,  534,  507,  481,  456,  431,  407,  384,  361,  338,  316,  295,
        273,  253,  233,  213,  193,  174,  155,  137,  119,  101,  83,   66,   49,   33,   16,   0,
};

uint32_t profile_sketch_count(const uint8_t *cells, unsigned registers)
{
        /* alpha*m^2 of the paper, in hundredths: 0.673 for 16 registers, 0.709 for 64 */
        uint64_t alpha = registers == 16 ? 17229 : 290406, sum = 0, estimate;
        unsigned empty = 0;

        for (unsigned i = 0; i < registers; i++) {
                unsigned r = get(cells, i);

                sum += (1u << SCALE) >> r;
                empty += r == 0;
        }
        estimate = ((alpha << SCALE) / sum + 50) / 100;
        if (empty && estimate * 2 <= 5ull * registers)
                estimate = (linear[empty * (64 / registers) - 1] * (uint64_t) registers / 64 + 8) / 16;
        return (uint32_t) estimate;
}
