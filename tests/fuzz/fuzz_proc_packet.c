/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packet headers: the first byte chooses the link layer, the next two how much longer the frame was. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "source/host_proc_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ uint8_t *copy = NULL;
        struct host_proc_packet p;
        size_t wire;

        if (size < 3)
                return 0;
        copy = malloc(size - 2);
        if (!copy)
                return 0;
        memcpy(copy, data + 3, size - 3);
        wire = size - 3 + (size_t) (data[1] << 8 | data[2]);
        if (host_proc_packet_parse((enum host_proc_link)(data[0] % 3), copy, size - 3, wire, &p) == 0 &&
            p.payload > wire)
                abort();
        return 0;
}
