/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a device's events. The first byte says where a read ends: counted in two pieces or in one, the presses
 * are the same, and never more than there are events; no time is negative. */
#include <errno.h>
#include <string.h>

#include "respond/gate_input_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
        if (!holds)
                abort();
}

static void check_place(const uint8_t *data, size_t size)
{
        char path[512];

        size = MIN(size, sizeof(path) - 1);
        memcpy(path, data, size);
        path[size] = 0;
        require(gate_input_place(path) <= GATE_INPUT_SENT);
        require(gate_input_place(path) == GATE_INPUT_SOFTWARE || strncmp(path, "/sys/devices/", 13) == 0);
        require(gate_input_parse_vt((const char *) data, size) < 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct gate_input_report whole = {0}, pieces = {0};
        struct gate_input_count count = {0}, first = {0}, second = {0};
        size_t cut, event = sizeof(struct input_event);

        if (size < 1)
                return 0;
        cut = data[0];
        data++, size--;
        check_place(data, size);
        if (size % event) {
                require(gate_input_count(&whole, data, size, &count) == -EBADMSG && !count.presses);
                size -= size % event;
        }
        require(gate_input_count(&whole, data, size, &count) == 0);
        require(count.presses + count.lost <= size / event && count.time >= 0);
        cut = MIN(cut * event, size);
        require(gate_input_count(&pieces, data, cut, &first) == 0);
        require(gate_input_count(&pieces, data + cut, size - cut, &second) == 0);
        require(first.presses + second.presses == count.presses && first.lost + second.lost == count.lost);
        require(pieces.pressed == whole.pressed && pieces.lost == whole.lost);
        return 0;
}
