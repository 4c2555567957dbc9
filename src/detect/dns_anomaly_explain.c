/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns_anomaly: its claims as a person would tell them, from their facts alone. Runs in every process that prints them.
 */
#include <inttypes.h>

#include "detect/dns_anomaly.h"

static void put_endpoint(const struct evidence *e, const char *key, struct buf *out)
{
        const struct fact *f = evidence_find_fact(e, key);
        char addr[ADDR_TEXT_MAX], spare[8];

        if (!f || f->type != FACT_ENDPOINT)
                buf_puts(out, "an unknown address");
        else if (f->endpoint.port)
                buf_printf(out, "%s, port %u/%s", addr_format(&f->endpoint.addr, addr), f->endpoint.port,
                           proto_name(f->endpoint.proto, spare));
        else
                buf_puts(out, addr_format(&f->endpoint.addr, addr));
}

static void put_since(const struct evidence *e, struct buf *out)
{
        char from[CLOCK_TEXT_MAX], to[CLOCK_TEXT_MAX];

        if (evidence_number(e, "since"))
                buf_printf(out, " between %s and %s", clock_format_time(evidence_number(e, "since"), from),
                           clock_format_time(e->last, to));
}

static void explain_volume(const struct evidence *e, struct buf *out)
{
        buf_printf(out, "It asked %" PRId64 " times for names within an hour, of about %" PRId64 " domains, lately ",
                   evidence_number(e, "queries_in_hour"), evidence_number(e, "domains"));
        put_endpoint(e, "server", out);
        buf_puts(out, ".\nInfected machines ask 10,000 to 20,000 times an hour.\n");
}

static void explain_mail(const struct evidence *e, struct buf *out)
{
        buf_printf(out, "It asked for the mail servers of about %" PRId64 " domains", evidence_number(e, "domains"));
        put_since(e, out);
        buf_puts(out, ", lately ");
        put_endpoint(e, "server", out);
        buf_puts(out, ".\nWho hands its mails to one relay need not know them.\n");
}

static void explain_types(const struct evidence *e, bool zones, struct buf *out)
{
        if (zones)
                buf_printf(out, "It asked for about %" PRId64 " %s as a whole (%s), the newest %s, of ",
                           evidence_number(e, "zones"), evidence_number(e, "zones") == 1 ? "zone" : "zones",
                           evidence_text(e, "type", "?"), evidence_text(e, "example", "?"));
        else
                buf_printf(out, "It asked %" PRId64 " times for all records of a name (ANY), the newest %s, of ",
                           evidence_number(e, "queries"), evidence_text(e, "example", "?"));
        put_endpoint(e, "server", out);
        buf_puts(out, ".\n");
}

static void explain_missing(const struct evidence *e, struct buf *out)
{
        buf_printf(out, "Of about %" PRId64 " domains that it asked for, about %" PRId64 " do not exist",
                   evidence_number(e, "asked"), evidence_number(e, "missing"));
        put_since(e, out);
        buf_printf(out, ". The newest was %s.\n", evidence_text(e, "example", "?"));
}

static void explain_generated(const struct evidence *e, struct buf *out)
{
        buf_printf(out, "Of the domains that it asked for, about %" PRId64 " with names like random ones failed",
                   evidence_number(e, "failed_random"));
        put_since(e, out);
        buf_printf(out, ", and about %" PRId64 " others. The newest was %s.\n", evidence_number(e, "failed_other"),
                   evidence_text(e, "example", "?"));
        buf_printf(out, "In the last hour about %" PRId64 " of %" PRId64 " domains looked random.\n",
                   evidence_number(e, "asked_random"), evidence_number(e, "asked"));
        if (evidence_number(e, "in_common"))
                buf_printf(out, "%" PRId64 " of those that failed were tried by three or more home hosts.\n",
                           evidence_number(e, "in_common"));
}

static void explain_rendezvous(const struct evidence *e, struct buf *out)
{
        buf_printf(out, "After about %" PRId64 " generated domains had failed, one was there. It then talked to ",
                   evidence_number(e, "failed_before"));
        put_endpoint(e, "peer", out);
        buf_puts(out, ", its address.\n");
}

static void explain_tunnel(const struct evidence *e, struct buf *out)
{
        buf_printf(out, "It asked %" PRId64 " times for long names below %s, about %" PRId64 " different ones",
                   evidence_number(e, "queries"), evidence_text(e, "domain", "?"), evidence_number(e, "names"));
        put_since(e, out);
        buf_printf(out, ".\nThe names carried %" PRId64 " bytes out, the answers %" PRId64 " bytes in.\n",
                   evidence_number(e, "bytes_out"), evidence_number(e, "bytes_in"));
        if (evidence_number(e, "text_types") || evidence_number(e, "rare_types"))
                buf_printf(out,
                           "%" PRId64 " queries were of types that carry text, %" PRId64
                           " of types that clients do not ask for; the newest %s.\n",
                           evidence_number(e, "text_types"), evidence_number(e, "rare_types"),
                           evidence_text(e, "newest_type", "?"));
        buf_puts(out, "The name server was ");
        put_endpoint(e, "server", out);
        buf_puts(out, ".\n");
}

static void explain_flux(const struct evidence *e, struct buf *out)
{
        char span[CLOCK_TEXT_MAX];

        buf_printf(out, "%s had about %" PRId64 " addresses in %" PRId64 " networks", evidence_text(e, "name", "?"),
                   evidence_number(e, "addresses"), evidence_number(e, "networks"));
        if (evidence_number(e, "countries"))
                buf_printf(out, " and %" PRId64 " countries", evidence_number(e, "countries"));
        buf_printf(out, " in %" PRId64 " answers", evidence_number(e, "answers"));
        put_since(e, out);
        buf_printf(out, ", each valid for %s. The newest was ",
                   clock_format_span(evidence_number(e, "time_to_live"), span));
        put_endpoint(e, "newest", out);
        buf_puts(out, ".\n");
}

static void explain_lockstep(const struct evidence *e, struct buf *out)
{
        buf_printf(out, "It looked up %s together with %" PRId64 " other home hosts of %" PRId64 ", %" PRId64 " times",
                   evidence_text(e, "name", "?"), evidence_number(e, "hosts") - 1, evidence_number(e, "home_hosts"),
                   evidence_number(e, "rounds"));
        put_since(e, out);
        buf_puts(out, evidence_number(e, "missing") ? ". The name does not exist.\n" : ".\n");
}

void dns_anomaly_explain(const struct evidence *e, struct buf *out)
{
        switch (e->kind - dns_anomaly_kinds) {
        case DNS_VOLUME:
                explain_volume(e, out);
                break;
        case DNS_MAIL:
                explain_mail(e, out);
                break;
        case DNS_TRANSFER:
        case DNS_ANYTHING:
                explain_types(e, e->kind == &dns_anomaly_kinds[DNS_TRANSFER], out);
                break;
        case DNS_MISSING:
                explain_missing(e, out);
                break;
        case DNS_GENERATED:
                explain_generated(e, out);
                break;
        case DNS_RENDEZVOUS:
                explain_rendezvous(e, out);
                break;
        case DNS_TUNNEL:
        case DNS_UPLOAD:
                explain_tunnel(e, out);
                break;
        case DNS_FLUX:
                explain_flux(e, out);
                break;
        case DNS_LOCKSTEP:
                explain_lockstep(e, out);
                break;
        }
}
