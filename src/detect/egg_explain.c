/* SPDX-License-Identifier: GPL-3.0-or-later */
/* egg: an evidence told as a person would tell it, from its facts alone, since it may come from the store. */
#include <inttypes.h>
#include <stdio.h>

#include "detect/egg.h"

static void put_what(struct buf *out, const struct evidence *e)
{
        buf_puts(out, evidence_text(e, "what", "")[0] ? evidence_text(e, "what", "") : "a program");
        if (evidence_text(e, "file", "")[0]) {
                buf_puts(out, " named \"");
                detector_put_text(out, evidence_text(e, "file", ""));
                buf_puts(out, "\"");
        }
        if (evidence_text(e, "how", "")[0])
                buf_printf(out, " by %s", evidence_text(e, "how", ""));
}

/* "At 09:15:02 this host got a Windows program named "/x.jpg" by http from 192.0.2.1 port 80/TCP (host.example)." */
static void tell_got(const struct evidence *e, struct buf *out)
{
        char at[CLOCK_TEXT_MAX];

        buf_printf(out, "At %s this host got ", clock_format_time(e->last, at));
        put_what(out, e);
        buf_puts(out, " from ");
        detector_put_endpoint(out, e, "peer");
        if (evidence_text(e, "host", "")[0]) {
                buf_puts(out, " (");
                detector_put_text(out, evidence_text(e, "host", ""));
                buf_puts(out, ")");
        }
        buf_puts(out, ".\n");
}

static void tell_disguised(const struct evidence *e, struct buf *out)
{
        if (evidence_text(e, "name_promises", "")[0])
                buf_printf(out, "Its name promises %s.\n", evidence_text(e, "name_promises", ""));
        if (evidence_text(e, "type_promises", "")[0]) {
                buf_puts(out, "It was declared as ");
                detector_put_text(out, evidence_text(e, "type", ""));
                buf_printf(out, ", which promises %s.\n", evidence_text(e, "type_promises", ""));
        }
}

static void tell_ordered(const struct evidence *e, struct buf *out)
{
        char at[CLOCK_TEXT_MAX], span[CLOCK_TEXT_MAX];

        buf_printf(out, "%s before, at %s, ", clock_format_span(evidence_number(e, "reaction"), span),
                   clock_format_time(evidence_number(e, "order_time"), at));
        buf_puts(out, "it was ordered over IRC: \"");
        detector_put_text(out, evidence_text(e, "order", ""));
        buf_puts(out, "\".\n");
}

static void tell_inbound(const struct evidence *e, struct buf *out)
{
        char span[CLOCK_TEXT_MAX];

        if (!evidence_find_fact(e, "inbound")) {
                buf_puts(out, "The connection that brought it came from outside.\n");
                return;
        }
        buf_printf(out, "%s before, ", clock_format_span(evidence_number(e, "after"), span));
        detector_put_endpoint(out, e, "inbound");
        buf_printf(out, " had connected to this host's port %" PRId64 ".\n", evidence_number(e, "inbound_port"));
}

static void tell_served(const struct evidence *e, struct buf *out)
{
        char at[CLOCK_TEXT_MAX], span[CLOCK_TEXT_MAX];

        buf_printf(out, "At %s this host handed ", clock_format_time(e->last, at));
        put_what(out, e);
        buf_puts(out, " to ");
        detector_put_endpoint(out, e, "peer");
        if (evidence_number(e, "port"))
                buf_printf(out, ", from its own port %" PRId64, evidence_number(e, "port"));
        buf_printf(out, ".\nIn all %" PRId64 " others got programs from it within %s.\n",
                   evidence_number(e, "receivers"), clock_format_span(evidence_number(e, "within"), span));
        if (evidence_number(e, "infected"))
                buf_printf(out, "It got one itself at %s, as bots' programs come.\n",
                           clock_format_time(evidence_number(e, "infected"), at));
}

void egg_explain(const struct evidence *e, struct buf *out)
{
        const char *kind = e->kind->name;

        if (strcmp(kind, egg_kinds[EGG_SERVED].name) == 0) {
                tell_served(e, out);
                return;
        }
        tell_got(e, out);
        if (strcmp(kind, egg_kinds[EGG_DISGUISED].name) == 0)
                tell_disguised(e, out);
        else if (strcmp(kind, egg_kinds[EGG_BARE].name) == 0)
                buf_puts(out, "The server was called by its address; who publishes software has a name.\n");
        else if (strcmp(kind, egg_kinds[EGG_CHANNEL].name) == 0)
                buf_puts(out, "Programs do not usually come that way from outside.\n");
        else if (strcmp(kind, egg_kinds[EGG_ORDERED].name) == 0)
                tell_ordered(e, out);
        else
                tell_inbound(e, out);
}
