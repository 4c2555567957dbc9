/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scan: its claims as a person would tell them, from their facts alone. */
#include <inttypes.h>

#include "detect/scan.h"

static const char *target(const struct evidence *e, char text[static ADDR_TEXT_MAX])
{
        const struct fact *f = evidence_find_fact(e, "target");

        return f && f->type == FACT_ENDPOINT ? addr_format(&f->endpoint.addr, text) : "an unknown address";
}

static void put_span(const struct evidence *e, struct buf *out)
{
        const struct fact *f = evidence_find_fact(e, "since");
        char from[CLOCK_TEXT_MAX], to[CLOCK_TEXT_MAX];

        if (f && f->type == FACT_TIME)
                buf_printf(out, " between %s and %s", clock_format_time(f->number, from),
                           clock_format_time(e->last, to));
}

static void explain_sweep(const struct evidence *e, const char *protocol, struct buf *out)
{
        char text[ADDR_TEXT_MAX];

        buf_printf(out, "It tried %" PRId64 " addresses that it had not spoken to before and had not asked for by name",
                   evidence_number(e, "tried"));
        if (evidence_number(e, "port"))
                buf_printf(out, ", on port %" PRId64 "/%s", evidence_number(e, "port"), protocol);
        else
                buf_printf(out, ", by %s", protocol);
        put_span(e, out);
        buf_printf(out, ".\n%" PRId64 " of them refused or did not answer, %" PRId64 " answered. The newest was %s.\n",
                   evidence_number(e, "failed"), evidence_number(e, "answered"), target(e, text));
        buf_puts(out, "Who knows whom it wants succeeds with most.\n");
}

static void explain_vertical(const struct evidence *e, struct buf *out)
{
        char text[ADDR_TEXT_MAX];

        buf_printf(out, "It tried %" PRId64 " ports of %s, from %" PRId64 " to %" PRId64,
                   evidence_number(e, "ports_tried"), target(e, text), evidence_number(e, "lowest_port"),
                   evidence_number(e, "highest_port"));
        put_span(e, out);
        buf_printf(out, ".\n%" PRId64 " of them were closed or silent, %" PRId64 " open.\n",
                   evidence_number(e, "failed"), evidence_number(e, "answered"));
        if (evidence_number(e, "failed_on_all"))
                buf_printf(out, "With other targets whose ports it tried, %" PRId64 " failed within a day.\n",
                           evidence_number(e, "failed_on_all"));
}

static void explain_space(const struct evidence *e, bool dark, const char *protocol, struct buf *out)
{
        const struct fact *f = evidence_find_fact(e, "target");
        char text[ADDR_TEXT_MAX];

        buf_printf(out, "It talked to %" PRId64 " %s", evidence_number(e, "addresses"),
                   dark ? "addresses of the space configured as dark" : "home addresses that were never seen in use");
        put_span(e, out);
        buf_printf(out, ".\nThe newest was %s", target(e, text));
        if (f && f->type == FACT_ENDPOINT && f->endpoint.port)
                buf_printf(out, ", port %u/%s", f->endpoint.port, protocol);
        buf_puts(out, dark ? ". Nobody has a reason to be there.\n" : ", which did not answer.\n");
}

void scan_explain(const struct evidence *e, struct buf *out)
{
        const struct fact *f = evidence_find_fact(e, "protocol");
        const char *protocol = f && f->type == FACT_TEXT ? f->text : "?";

        if (e->kind == &scan_kinds[SCAN_VERTICAL])
                explain_vertical(e, out);
        else if (e->kind == &scan_kinds[SCAN_DARK] || e->kind == &scan_kinds[SCAN_UNUSED])
                explain_space(e, e->kind == &scan_kinds[SCAN_DARK], protocol, out);
        else
                explain_sweep(e, protocol, out);
}
