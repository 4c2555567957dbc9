/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exfiltration: the story of a claim, from its facts alone. Pure; runs in the engine and wherever people read. */
#include <inttypes.h>

#include "detect/exfiltration.h"

static void put_bytes(struct buf *out, int64_t bytes)
{
        static const char *const units[] = {"kB", "MB", "GB", "TB"};
        uint64_t tenths = (uint64_t) MAX(bytes, 0) / 100;
        size_t unit = 0;

        if (tenths < 10) {
                buf_printf(out, "%" PRId64 " bytes", MAX(bytes, 0));
                return;
        }
        for (; tenths >= 10000 && unit + 1 < ELEMENTSOF(units); unit++)
                tenths /= 1000;
        buf_printf(out, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10, units[unit]);
}

static void put_why(const struct evidence *e, struct buf *out)
{
        const struct fact *app = evidence_find_fact(e, "app");
        bool nobody = evidence_number(e, "unknown_app"), nowhere = evidence_number(e, "unknown_service");

        if (nobody)
                buf_printf(out, "What it speaks there is no protocol that is known%s.\n",
                           nowhere ? ", and the port is none of a known service" : "");
        else if (nowhere) {
                buf_puts(out, "The port is none of a known service");
                if (app && app->type == FACT_TEXT && strcmp(app->text, app_name(APP_UNKNOWN)) != 0) {
                        buf_puts(out, "; what it speaks there is ");
                        buf_put_visible(out, app->text, strlen(app->text));
                }
                buf_puts(out, ".\n");
        }
}

void exfiltration_explain(const struct evidence *e, struct buf *out)
{
        const struct fact *peer = evidence_find_fact(e, "peer");
        int64_t flows = evidence_number(e, "connections"), ours = evidence_number(e, "home_hosts_with_peer");
        char addr[ADDR_TEXT_MAX], spare[8], span[CLOCK_TEXT_MAX];

        buf_puts(out, "It sent ");
        put_bytes(out, evidence_number(e, "bytes_out"));
        if (peer && peer->type == FACT_ENDPOINT)
                buf_printf(out, " to %s, port %u/%s,", addr_format(&peer->endpoint.addr, addr), peer->endpoint.port,
                           proto_name(peer->endpoint.proto, spare));
        else
                buf_puts(out, " to an unknown peer");
        buf_puts(out, " and got ");
        put_bytes(out, evidence_number(e, "bytes_in"));
        buf_printf(out, " back, in %" PRId64 " connection%s", flows, flows == 1 ? "" : "s");
        if (e->last > e->first)
                buf_printf(out, " within %s", clock_format_span(e->last - e->first, span));
        buf_puts(out, ".\nNo name for that address was ever seen, though the host asks for others.\n");
        put_why(e, out);
        if (evidence_number(e, "rare"))
                buf_printf(out, "Of about %" PRId64 " home hosts seen, %" PRId64 " %s to that peer.\n",
                           evidence_number(e, "home_hosts"), ours, ours == 1 ? "talks" : "talk");
}
