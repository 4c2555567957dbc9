/* SPDX-License-Identifier: GPL-3.0-or-later */
/* irc_control: an evidence told as a person would tell it, from its facts alone, since it may come from the store. */
#include <inttypes.h>
#include <stdio.h>

#include "detect/irc_control.h"

/* "As "[x]IqRkpiH" on the IRC server 192.0.2.1 port 6667/TCP, in the channel #x" */
static void put_place(struct buf *out, const struct evidence *e)
{
        if (evidence_text(e, "nick", "")[0]) {
                buf_puts(out, "As \"");
                detector_put_text(out, evidence_text(e, "nick", ""));
                buf_puts(out, "\" on the IRC server ");
        } else
                buf_puts(out, "On the IRC server ");
        detector_put_endpoint(out, e, "server");
        if (evidence_text(e, "channel", "")[0]) {
                buf_puts(out, ", in ");
                detector_put_text(out, evidence_text(e, "channel", ""));
        }
}

static void put_quoted(struct buf *out, const char *text)
{
        buf_puts(out, "\"");
        detector_put_text(out, text);
        buf_puts(out, "\"");
}

/* What the controller itself says about its botnet. */
static void tell_size(struct buf *out, const struct evidence *e)
{
        int64_t users = evidence_number(e, "users"), members = evidence_number(e, "members");
        int64_t machines = evidence_number(e, "machine_names");

        if (users)
                buf_printf(out, "The server counts %" PRId64 " users.\n", users);
        if (evidence_number(e, "channels"))
                buf_printf(out, "It has %" PRId64 " channels.\n", evidence_number(e, "channels"));
        if (evidence_text(e, "largest", "")[0]) {
                buf_puts(out, "The largest is ");
                detector_put_text(out, evidence_text(e, "largest", ""));
                buf_printf(out, " with %" PRId64 " members.\n", evidence_number(e, "largest_members"));
        }
        if (members) {
                buf_printf(out, "The channel has %" PRId64 " members", members);
                if (machines)
                        buf_printf(out, ", %" PRId64 " of them with names that a machine made", machines);
                buf_puts(out, ".\n");
        }
        if (evidence_text(e, "operator", "")[0]) {
                buf_puts(out, "Its operator is ");
                put_quoted(out, evidence_text(e, "operator", ""));
                if (evidence_text(e, "operator_from", "")[0]) {
                        buf_puts(out, ", ");
                        detector_put_text(out, evidence_text(e, "operator_from", ""));
                }
                buf_puts(out, ".\n");
        }
}

static void tell_order(struct buf *out, const struct evidence *e)
{
        char at[CLOCK_TEXT_MAX];
        const char *from = evidence_text(e, "order_from", "");

        put_place(out, e);
        buf_printf(out, ", this host got an order at %s", clock_format_time(evidence_number(e, "order_time"), at));
        if (strcmp(evidence_text(e, "where", ""), "topic") == 0)
                buf_puts(out, ", in the channel's topic");
        else if (from[0]) {
                buf_puts(out, ", from ");
                put_quoted(out, from);
        }
        if (strcmp(evidence_text(e, "where", ""), "private") == 0)
                buf_puts(out, ", in private");
        buf_puts(out, ": \"");
        detector_put_text(out, evidence_text(e, "order", ""));
        buf_puts(out, "\".\n");
}

static void tell_did(struct buf *out, const struct evidence *e)
{
        const char *did = evidence_text(e, "did", "");
        char span[CLOCK_TEXT_MAX];

        buf_printf(out, "%s later it ", clock_format_span(evidence_number(e, "reaction"), span));
        if (strcmp(did, "fetch") == 0) {
                buf_puts(out, "fetched exactly the ordered URL, from ");
                detector_put_endpoint(out, e, "target");
                buf_puts(out, ".\n");
        } else if (strcmp(did, "scan") == 0)
                buf_printf(out,
                           "had tried %" PRId64 " or more addresses on port %" PRId64
                           ", which it had not done before: the ordered scan.\n",
                           evidence_number(e, "targets"), evidence_number(e, "port"));
        else if (strcmp(did, "flood") == 0) {
                buf_printf(out, "had sent %" PRId64 " packets or connections to ", evidence_number(e, "packets"));
                detector_put_endpoint(out, e, "target");
                buf_puts(out, ", the ordered target, and little came back: the ordered attack.\n");
        } else {
                buf_puts(out, did[0] ? did : "reacted");
                buf_puts(out, ".\n");
        }
}

static void tell_port(struct buf *out, const struct evidence *e)
{
        put_place(out, e);
        buf_puts(out, ", this host speaks IRC on a port that is none of IRC's.\n");
}

static void tell_key(struct buf *out, const struct evidence *e)
{
        put_place(out, e);
        buf_puts(out, ", this host joined a channel with a password.\n");
}

static void tell_nick(struct buf *out, const struct evidence *e)
{
        put_place(out, e);
        buf_puts(out, ", this host bears a name that a machine made, of the pattern \"");
        detector_put_text(out, evidence_text(e, "pattern", ""));
        buf_puts(out, "\".\n");
}

static void tell_herd(struct buf *out, const struct evidence *e)
{
        char span[CLOCK_TEXT_MAX];

        put_place(out, e);
        buf_printf(out, ", this host is one of %" PRId64 " home hosts that came within %s", evidence_number(e, "hosts"),
                   clock_format_span(evidence_number(e, "within"), span));
        if (evidence_text(e, "pattern", "")[0]) {
                buf_puts(out, ", all with names of the pattern \"");
                detector_put_text(out, evidence_text(e, "pattern", ""));
                buf_puts(out, "\"");
        }
        buf_puts(out, ".\n");
        tell_size(out, e);
}

static void tell_answer(struct buf *out, const struct evidence *e)
{
        put_place(out, e);
        if (evidence_text(e, "tag", "")[0]) {
                buf_puts(out, ", this host writes as bots report: ");
                detector_put_text(out, evidence_text(e, "tag", ""));
                buf_puts(out, " and a status.\n");
        } else
                buf_puts(out, ", this host reports its own address.\n");
}

static void tell_enrolled(struct buf *out, const struct evidence *e)
{
        tell_order(out, e);
        if (evidence_number(e, "orders") > 1)
                buf_printf(out, "It heard %" PRId64 " such orders.\n", evidence_number(e, "orders"));
        buf_puts(out, "Nobody writes from here.\n");
        if (evidence_text(e, "pattern", "")[0]) {
                buf_puts(out, "Its name is of the pattern \"");
                detector_put_text(out, evidence_text(e, "pattern", ""));
                buf_puts(out, "\", as machines make them.\n");
        }
        if (evidence_number(e, "keyed"))
                buf_puts(out, "It joined with a password.\n");
        if (evidence_number(e, "odd_port"))
                buf_puts(out, "The port is none of IRC's.\n");
        tell_size(out, e);
}

static void tell_checkin(struct buf *out, const struct evidence *e)
{
        put_place(out, e);
        buf_printf(out,
                   ", this host reported with the very sentence, but for names and numbers, that %" PRId64
                   " others wrote right after they joined.\n",
                   evidence_number(e, "others"));
        tell_size(out, e);
}

static void tell_obeyed(struct buf *out, const struct evidence *e)
{
        char span[CLOCK_TEXT_MAX];

        tell_order(out, e);
        buf_printf(out, "%s later it reported that it obeys", clock_format_span(evidence_number(e, "reaction"), span));
        if (evidence_text(e, "tag", "")[0]) {
                buf_puts(out, ": ");
                detector_put_text(out, evidence_text(e, "tag", ""));
        }
        buf_puts(out, ".\n");
        tell_size(out, e);
}

static void tell_controller(struct buf *out, const struct evidence *e)
{
        char at[CLOCK_TEXT_MAX];

        if (evidence_number(e, "clients")) {
                buf_printf(out,
                           "An IRC server on this host, port %" PRId64 ", has %" PRId64
                           " clients whose names have one pattern, and passed on the order \"",
                           evidence_number(e, "port"), evidence_number(e, "clients"));
                detector_put_text(out, evidence_text(e, "order", ""));
                buf_puts(out, "\": it controls bots.\n");
                return;
        }
        put_place(out, e);
        buf_printf(out, ", this host gave an order at %s: \"", clock_format_time(evidence_number(e, "order_time"), at));
        detector_put_text(out, evidence_text(e, "order", ""));
        buf_puts(out, "\".\n");
        if (evidence_number(e, "answerers"))
                buf_printf(out, "%" PRId64 " others answered as bots do: it controls them.\n",
                           evidence_number(e, "answerers"));
}

static void tell_botnet(struct buf *out, const struct evidence *e)
{
        buf_puts(out, "The IRC server ");
        detector_put_endpoint(out, e, "server");
        buf_puts(out, " tells about itself");
        if (evidence_text(e, "channel", "")[0]) {
                buf_puts(out, " and ");
                detector_put_text(out, evidence_text(e, "channel", ""));
        }
        buf_puts(out, ":\n");
        tell_size(out, e);
}

static void tell_executed(struct buf *out, const struct evidence *e)
{
        tell_order(out, e);
        tell_did(out, e);
}

void irc_explain(const struct evidence *e, struct buf *out)
{
        static void (*const tell[IRC_KINDS])(struct buf * out,
                                             const struct evidence *e) = {[IRC_KIND_PORT] = tell_port,
                                                                          [IRC_KIND_KEY] = tell_key,
                                                                          [IRC_KIND_NICK] = tell_nick,
                                                                          [IRC_KIND_HERD] = tell_herd,
                                                                          [IRC_KIND_ORDER] = tell_order,
                                                                          [IRC_KIND_ANSWER] = tell_answer,
                                                                          [IRC_KIND_REACTION] = tell_executed,
                                                                          [IRC_KIND_ENROLLED] = tell_enrolled,
                                                                          [IRC_KIND_CHECKIN] = tell_checkin,
                                                                          [IRC_KIND_OBEYED] = tell_obeyed,
                                                                          [IRC_KIND_EXECUTED] = tell_executed,
                                                                          [IRC_KIND_CONTROLLER] = tell_controller,
                                                                          [IRC_KIND_COMMANDING] = tell_controller,
                                                                          [IRC_KIND_BOTNET] = tell_botnet};

        for (unsigned i = 0; i < IRC_KINDS; i++)
                if (strcmp(e->kind->name, irc_control_kinds[i].name) == 0)
                        tell[i](out, e);
}
