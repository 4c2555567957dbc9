/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a flow speaks, asked with any bytes: decoders and signatures. The input: a byte of flags (1 UDP, 2 midstream, 4
 * from the responder), the two ports (most significant byte first), and the payload. Every length up to 80 and the
 * whole are asked, each in memory of its own. Seeds are cut from test captures of Zeek (BSD) and nDPI (LGPL-3.0). */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "decode/app.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD 5

static enum app_answer ask(const uint8_t *data, size_t n)
{
        const struct app_context c = {
                .proto = data[0] & 1 ? IPPROTO_UDP : IPPROTO_TCP,
                .midstream = data[0] & 2,
                .from_originator = !(data[0] & 4),
                .originator_port = (uint16_t) (data[1] << 8 | data[2]),
                .responder_port = (uint16_t) (data[3] << 8 | data[4]),
        };
        _cleanup_free_ uint8_t *copy = malloc(n ? n : 1);
        enum app_answer answer;
        enum app app = APPS;

        if (!copy)
                abort();
        memcpy(copy, data + HEAD, n);
        answer = app_recognise(&c, copy, (uint32_t) n, &app);
        /* Only YES names a protocol, and a stream of 64 bytes or a datagram is not in doubt any more. */
        if (answer > APP_YES || (answer == APP_YES) != (app < APPS) || app == APP_UNKNOWN)
                abort();
        if (answer == APP_MORE && n > 0 && (c.proto == IPPROTO_UDP || n >= 64))
                abort();
        return answer;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size < HEAD)
                return 0;
        for (size_t n = 0; n < MIN(size - HEAD, (size_t) 80); n++)
                (void) ask(data, n);
        (void) ask(data, size - HEAD);
        return 0;
}
