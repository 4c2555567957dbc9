/* SPDX-License-Identifier: GPL-3.0-or-later */
/* signature: the story of a claim, from its facts alone. Pure; runs in the engine and wherever people read. */
#include <inttypes.h>

#include "detect/signature.h"

static bool put_text(const struct evidence *e, const char *key, struct buf *out)
{
        const struct fact *f = evidence_find_fact(e, key);

        if (!f || f->type != FACT_TEXT)
                return false;
        buf_put_visible(out, f->text, strnlen(f->text, sizeof(f->text)));
        return true;
}

static void put_rule(const struct evidence *e, struct buf *out)
{
        int64_t gid = evidence_number(e, "gid");

        buf_printf(out, "Rule %" PRId64, evidence_number(e, "sid"));
        if (gid > 1)
                buf_printf(out, " of generator %" PRId64, gid);
        buf_puts(out, " (\"");
        if (put_text(e, "rule", out))
                (void) put_text(e, "rule_rest", out);
        buf_printf(out, "\", revision %" PRId64, evidence_number(e, "rev"));
        if (evidence_find_fact(e, "category")) {
                buf_puts(out, ", class \"");
                (void) put_text(e, "category", out);
                buf_putc(out, '"');
        }
        buf_putc(out, ')');
}

void signature_explain(const struct evidence *e, struct buf *out)
{
        const struct fact *peer = evidence_find_fact(e, "peer");
        int64_t alerts = evidence_number(e, "alerts"), rules = evidence_number(e, "rules"),
                with = evidence_number(e, "home_hosts_with_rule");
        char addr[ADDR_TEXT_MAX], spare[8];

        put_rule(e, out);
        buf_puts(out, evidence_number(e, "victim") ? " matched what was sent to it or what it answered" :
                                                     " matched its traffic");
        if (peer && peer->type == FACT_ENDPOINT) {
                buf_printf(out, "%s %s", evidence_number(e, "victim") ? "; the other end is" : " with",
                           addr_format(&peer->endpoint.addr, addr));
                if (peer->endpoint.port)
                        buf_printf(out, ", port %u/%s", peer->endpoint.port, proto_name(peer->endpoint.proto, spare));
        }
        if (alerts > 1)
                buf_printf(out, ", %" PRId64 " times", alerts);
        buf_puts(out, ".\n");
        if (rules > 1)
                buf_printf(out, "It is one of %" PRId64 " rules that say the same stage of this host.\n", rules);
        if (with > 1)
                buf_printf(out,
                           "It says so of %" PRId64 " of the %" PRId64 " home hosts seen, which lowers its weight.\n",
                           with, evidence_number(e, "home_hosts"));
}
