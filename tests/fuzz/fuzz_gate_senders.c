/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text as the file of declared senders: refused with a reason, or written as a text that reads back as the same.
 * Each unit in it is looked for by systemd's rules, too. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "respond/gate_senders.h"
#include "respond/gate_unit.h"

#define TEXT_MAX (8u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
        if (!holds)
                abort();
}

static void check_round_trip(const struct gate_senders *s)
{
        _cleanup_(gate_senders_freep)
        struct gate_senders *again = NULL;
        struct buf first = BUF_HEAP(TEXT_MAX), second = BUF_HEAP(TEXT_MAX);

        require(gate_senders_put(s, &first) == 0);
        require(gate_senders_parse("again", buf_str(&first), first.len, &again, NULL) == 0);
        require(again->n == s->n && again->next == s->next);
        require(gate_senders_put(again, &second) == 0);
        require(strcmp(buf_str(&first), buf_str(&second)) == 0);
        buf_done(&first);
        buf_done(&second);
}

static void check_units(const struct gate_senders *s)
{
        for (size_t i = 0; i < s->n; i++) {
                char name[GATE_UNIT_NAME_MAX], reason[128];
                struct gate_unit u;

                if (gate_unit_by_rule(s->items[i].value, &u, reason) == 0)
                        require(gate_unit_check_path(u.path, reason) == 0);
                if (s->items[i].kind != GATE_SENDER_UNIT)
                        continue;
                require(gate_unit_check_path(s->items[i].cgroup, reason) == 0);
                gate_unit_of_path(s->items[i].cgroup, name);
                require(strlen(name) < sizeof(name));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(gate_senders_freep)
        struct gate_senders *s = NULL;
        struct buf errors = BUF_HEAP(TEXT_MAX);
        int r = gate_senders_parse("fuzz", (const char *) data, size, &s, &errors);

        require(errors.error == 0);
        if (r == 0) {
                check_round_trip(s);
                check_units(s);
        } else
                require(errors.len > 0);
        for (size_t i = 0; i < errors.len; i++)
                require(errors.data[i] == '\n' || (unsigned char) errors.data[i] >= 0x20);
        buf_done(&errors);
        return 0;
}
