/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the two halves of a capture ring agree on. */
#ifndef SEKIMORI_SOURCE_RING_INTERNAL_H
#define SEKIMORI_SOURCE_RING_INTERNAL_H

#include "source/ring.h"

/* Room before each frame, to put a VLAN tag back. */
#define RING_TAG_SIZE 4u

struct ring_sizes {
        uint32_t block, blocks;
};

struct ring_sizes ring_sizes_of(const struct ring_params *p);

#endif
