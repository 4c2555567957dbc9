/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See responder.h. Runs in the warden. */
#include "daemon/responder.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "respond/block.h"
#include "respond/gate_source.h"
#include "respond/host_block.h"

#define BUDGET 20 /* a minute */

static bool may(struct responder *r)
{
        nsec_t now = clock_boottime();

        if (now >= r->refill_at) {
                r->refill_at = now + 60 * NSEC_PER_SEC;
                r->budget = BUDGET;
                r->told = false;
        }
        if (r->budget > 0) {
                r->budget--;
                return true;
        }
        if (!r->told)
                log_warning("more than %d blocks in a minute: further ones are left to a person", BUDGET);
        r->told = true;
        return false;
}

static int block_pid(const struct config *config, const struct watched_slot *gate, pid_t pid, uint64_t start)
{
        struct block_result result;

        if (!gate->open)
                return -ENODEV;
        return block_process(gate_source_gate(gate->self), pid, start, config->respond.block_for, &result);
}

void responder_block(struct responder *r, const struct config *config, const struct watched_slot *gate, const char *key)
{
        char span[CLOCK_TEXT_MAX];
        struct addr host;
        uint64_t start;
        pid_t pid;
        int e;

        if (config->respond.block != RESPOND_BLOCK_BOT || !may(r))
                return;
        e = block_parse_process(key, &pid, &start);
        if (e == 0)
                e = start ? block_pid(config, gate, pid, start) : -EINVAL;
        else if (strncmp(key, "host:", 5) == 0 && addr_parse(key + 5, &host) == 0)
                e = host_block_add(&host, config->respond.block_for, NULL);
        if (e < 0)
                log_error("%s is a bot and could not be blocked: %s", key, strerror(-e));
        else
                log_notice("%s is blocked for %s, as respond.block says; sekimori unblock %s", key,
                           clock_format_span(config->respond.block_for, span), key);
}
