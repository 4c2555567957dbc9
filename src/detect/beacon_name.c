/* SPDX-License-Identifier: GPL-3.0-or-later */
/* beacon: does the host know its peer by a name? Honest programs do, nearly all of them: what asks its maker for
 * updates asks a name server first, and says the name in its hello. And the story. Pure; runs in the engine. */
#include <inttypes.h>

#include "detect/beacon.h"

int beacon_is_named(const struct beacon *b, const struct beacon_pair *p, const struct addr *local,
                    const struct addr *remote)
{
        int named = p->flags & BEACON_NAMED ? 1 : peers_is_named(&b->peers, local, remote);

        return named < 0 && p->flags & BEACON_BARE ? 0 : named;
}

void beacon_explain(const struct evidence *e, struct buf *out)
{
        const struct fact *peer = evidence_find_fact(e, "peer");
        char text[CLOCK_TEXT_MAX], spread[CLOCK_TEXT_MAX], addr[ADDR_TEXT_MAX], spare[8];
        int64_t hosts = evidence_number(e, "home_hosts"), ours = evidence_number(e, "home_hosts_with_peer");

        buf_puts(out, "It contacted ");
        if (peer && peer->type == FACT_ENDPOINT)
                buf_printf(out, "%s, port %u/%s,", addr_format(&peer->endpoint.addr, addr), peer->endpoint.port,
                           proto_name(peer->endpoint.proto, spare));
        else
                buf_puts(out, "an unknown peer");
        buf_printf(out, " %" PRId64 " times, every %s; half of the times within %s of that.\n",
                   evidence_number(e, "contacts"), clock_format_span(evidence_number(e, "interval"), text),
                   clock_format_span(evidence_number(e, "spread"), spread));
        if (evidence_number(e, "same_size"))
                buf_puts(out, "It sent about as much each time.\n");
        if (evidence_number(e, "without_name"))
                buf_puts(out, "It knows that peer by its bare address: no name for it was ever seen.\n");
        if (evidence_number(e, "rare"))
                buf_printf(out, "Of about %" PRId64 " home hosts seen, %" PRId64 " %s to that peer.\n", hosts, ours,
                           ours == 1 ? "talks" : "talk");
}
