/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How many different peers, in half a byte a register: HyperLogLog (Flajolet, Fusy, Gandouet, Meunier, 2007), with
 * linear counting while registers are empty. The standard error is 1.04/sqrt(registers): 13 % for 64, 26 % for 16; a
 * few peers are told apart nearly always (one in 64 pairs is taken for one peer). Registers end at 15, so that half a
 * million is the most that 64 of them can tell. No address can be read back from it. Integers only: the same peers give
 * the same number anywhere. */
#ifndef SEKIMORI_FLOW_PROFILE_SKETCH_H
#define SEKIMORI_FLOW_PROFILE_SKETCH_H

#include "base/addr.h"

#define PROFILE_SKETCH_ERROR 13 /* percent, standard error with 64 registers */

/* The same for an address in every run. */
uint32_t profile_sketch_hash(const struct addr *peer);

/* `cells`: half as many bytes as registers, which are 16 or 64; zeros in the beginning. */
void profile_sketch_add(uint8_t *cells, unsigned registers, uint32_t hash);
uint32_t profile_sketch_count(const uint8_t *cells, unsigned registers);

#endif
