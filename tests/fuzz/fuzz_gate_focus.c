/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the focus is learnt from: messages of the process that watches (which a hostile X server may have taken over), a
 * server's replies, files of authorities, /proc. The first byte says which. */
#include <errno.h>
#include <string.h>

#include "respond/gate_focus_internal.h"

#define LAST 1000000000
#define NOW  9000000000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
        if (!holds)
                abort();
}

static void message(const uint8_t *data, size_t size)
{
        const struct gate_focus_bounds bounds = {LAST, NOW, 1000};
        struct gate_focus_message m;
        int r = gate_focus_check(data, size, &bounds, &m);

        require(r == 0 || r == -EBADMSG);
        if (r < 0)
                return;
        require(size == sizeof(m) && m.time >= LAST && m.time <= NOW && m.pid <= GATE_FOCUS_PID_MAX);
        require(m.server_uid == 0 || m.server_uid == 1000);
        require(m.pid == 0 || (m.flags & GATE_FOCUS_MESSAGE_KNOWN));
}

static void reply(const uint8_t *data, size_t size)
{
        uint32_t n;

        if (size < sizeof(n))
                return;
        memcpy(&n, data, sizeof(n));
        require(gate_focus_client_pid(data + sizeof(n), size - sizeof(n), n) <= GATE_FOCUS_PID_MAX);
}

static void text(const uint8_t *data, size_t size)
{
        char *copy = malloc(size + 1);
        const char *argument;

        if (!copy)
                return;
        if (size)
                memcpy(copy, data, size);
        copy[size] = 0;
        require(gate_focus_parse_display(copy) >= -1 && gate_focus_parse_display(copy) <= 65535);
        require(gate_focus_parse_console(copy) <= 63);
        argument = gate_focus_argument(copy, size + 1, "-auth");
        require(!argument || (argument > copy && argument + strlen(argument) <= copy + size));
        (void) gate_focus_has_console(copy, size + 1, 7);
        free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint8_t cookie[GATE_FOCUS_COOKIE];

        if (size < 1)
                return 0;
        switch (data[0] & 3) {
        case 0:
                message(data + 1, size - 1);
                break;
        case 1:
                reply(data + 1, size - 1);
                break;
        case 2:
                text(data + 1, size - 1);
                break;
        default:
                require(gate_focus_cookie(data + 1, size - 1, 0, cookie) <= 0);
        }
        return 0;
}
