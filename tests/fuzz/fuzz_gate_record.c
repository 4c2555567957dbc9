/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a record of the gate's kernel half: refused, or an event whose every value has a name and whose texts
 * end within the record. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/gate.h"
#include "respond/gate_map.h"
#include "respond/gate_source.h"

#define NOW (1000 * NSEC_PER_SEC)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
        if (!holds)
                abort();
}

static void check_text(const char *text, const void *record, size_t size)
{
        const char *end = (const char *) record + size;

        if (text)
                require(text >= (const char *) record && text < end && memchr(text, '\0', (size_t) (end - text)) &&
                        *text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ void *record = calloc(1, size ? size : 1); /* aligned, and exactly as long */
        const struct gate_event *g;
        struct event e;
        uint32_t lost;

        require(record != NULL);
        if (size)
                memcpy(record, data, size);
        if (gate_source_parse(record, size, NOW, 1700000000 * NSEC_PER_SEC, &e, &lost) < 0)
                return 0;
        g = &e.gate;
        require(size == sizeof(struct gate_record) && e.type == EVENT_GATE && e.op != GATE_TRY_NONE);
        require(strcmp(gate_try_name(e.op), "?") != 0 && strcmp(gate_why_name(g->reason), "?") != 0);
        require(strcmp(gate_action_name(gate_action(e.op, g->reason, g->denied)), "?") != 0);
        require(e.time >= 1700000000 * NSEC_PER_SEC && e.time <= 1700000000 * NSEC_PER_SEC + 2 * NOW);
        require(g->count > 0 && g->denied <= 1 && g->learn <= 1 && !(g->kinds >> GATE_IS_COUNT));
        require(task_is_known(&g->task) || g->task.start == 0);
        check_text(g->comm, record, size);
        check_text(g->text, record, size);
        return 0;
}
