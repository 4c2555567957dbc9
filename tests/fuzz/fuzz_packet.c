/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames to packets: the first byte chooses the link type and whether checksums are looked at; then frames, each behind
 * two bytes of length and one that says how much later it came and how much of it was not captured. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "decode/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint32_t links[] = {1,   0,   9,   10,  12,  50,  51,  101, 104, 105, 108,
                                 113, 127, 192, 228, 229, 239, 276, 195, 117, 204, 258};

static void check(const struct frame *f, const struct packet *p)
{
        volatile uint8_t sum = 0;

        if (p->payload_len > p->wire_len || p->wire_len > p->ip_len || p->depth > 4)
                abort();
        if (((p->flags & PACKET_CUT) != 0) != (p->payload_len < p->wire_len))
                abort();
        if (!(p->flags & PACKET_FRAGMENTED) &&
            (p->payload < f->data || p->payload + p->payload_len > f->data + f->caplen))
                abort();
        for (uint32_t i = 0; i < p->payload_len; i++)
                sum = (uint8_t) (sum + p->payload[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(packet_decoder_freep)
        struct packet_decoder *d = NULL;
        struct packet_params params = {.fragments_max = 100000};
        uint32_t link;
        nsec_t now = 0;

        if (size < 1)
                return 0;
        link = links[(data[0] & 0x7f) % ELEMENTSOF(links)];
        params.flags = data[0] & 0x80 ? PACKET_CHECK : 0;
        if (packet_decoder_new(&params, &d) < 0)
                return 0;
        for (size_t at = 1; at + 3 <= size;) {
                size_t len = MIN((size_t) data[at] << 8 | data[at + 1], size - at - 3);
                _cleanup_free_ uint8_t *copy = malloc(len ? len : 1);
                struct packet p;
                struct frame f = {.data = copy, .caplen = (uint32_t) len, .link = link};

                if (!copy)
                        return 0;
                memcpy(copy, data + at + 3, len);
                f.len = f.caplen + (data[at + 2] & 0x0fu) * 100;
                f.time = now += (data[at + 2] >> 4) * NSEC_PER_SEC;
                if (packet_shard(&f) >= SHARDS)
                        abort();
                if (packet_decode(d, &f, &p) == PACKET_OK)
                        check(&f, &p);
                at += 3 + len;
        }
        packet_expire(d, now);
        return 0;
}
