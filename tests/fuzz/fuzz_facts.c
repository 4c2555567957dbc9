/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text as the facts of an evidence: refused and nothing changed, or written back to a text that reads as the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
        if (!holds)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct evidence none;
        struct buf first = BUF_HEAP(2 * FACTS_JSON_MAX), second = BUF_HEAP(2 * FACTS_JSON_MAX);
        struct evidence e = none;

        if (facts_from_json((const char *) data, size, &e) < 0) {
                require(memcmp(&e, &none, sizeof(e)) == 0);
                return 0;
        }
        require(e.n_facts <= EVIDENCE_FACTS_MAX);
        require(facts_to_json(&first, &e, 0) == 0);
        require(first.len <= FACTS_JSON_MAX);
        require(facts_from_json(buf_str(&first), first.len, &e) == 0);
        require(facts_to_json(&second, &e, 0) == 0);
        require(strcmp(buf_str(&first), buf_str(&second)) == 0);
        buf_done(&first);
        buf_done(&second);
        return 0;
}
