/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mail_gate: an evidence told as a person would tell it, from its facts alone, since it may come from the store. */
#include <inttypes.h>

#include "detect/mail_gate.h"

static bool is_own(const struct evidence *e, const struct fact *sender)
{
        return e->subject.kind != SUBJECT_PROCESS ||
               (e->subject.pid == sender->process.task.pid && e->subject.start == sender->process.task.leader_start);
}

static void put_sender(const struct evidence *e, struct buf *out)
{
        const struct fact *f = evidence_find_fact(e, "sender");

        if (!f || f->type != FACT_PROCESS) {
                buf_puts(out, "A process that could not be named");
                return;
        }
        if (f->process.task.tid != f->process.task.pid)
                buf_printf(out, "Thread %u of process %u (", f->process.task.tid, f->process.task.pid);
        else
                buf_printf(out, "Process %u (", f->process.task.pid);
        buf_put_visible(out, f->process.name, strnlen(f->process.name, sizeof(f->process.name)));
        buf_printf(out, ", user %" PRId64 ")", evidence_number(e, "user"));
        if (!is_own(e, f))
                buf_puts(out, ", which descends from this one,");
}

static void put_peer(const struct evidence *e, struct buf *out)
{
        const struct fact *f = evidence_find_fact(e, "peer");
        char addr[ADDR_TEXT_MAX];

        if (!f || f->type != FACT_ENDPOINT) {
                buf_puts(out, "a server that is not known");
                return;
        }
        buf_printf(out, "%s port %u", addr_format(&f->endpoint.addr, addr), f->endpoint.port);
}

static const char *why(const struct evidence *e)
{
        const char *name = evidence_text(e, "reason", "");

        for (unsigned i = 0; i < GATE_WHYS; i++)
                if (strcmp(gate_why_name(i), name) == 0)
                        return gate_why_title(i);
        return gate_why_title(GATE_WHY_NONE);
}

static void put_attempt(const struct evidence *e, struct buf *out)
{
        int64_t attempts = evidence_number(e, "attempts"), servers = evidence_number(e, "servers");
        const char *how = evidence_text(e, "how", "");

        if (strcmp(how, "handover") == 0) {
                buf_puts(out, " tried to hand mail to this machine's own mail server");
                if (evidence_text(e, "with", "")[0]) {
                        buf_puts(out, " (");
                        detector_put_text(out, evidence_text(e, "with", ""));
                        buf_putc(out, ')');
                }
                if (attempts > 1)
                        buf_printf(out, ", %" PRId64 " times", attempts);
                return;
        }
        buf_puts(out, strcmp(how, "packet") == 0 ? " sent packets past its sockets to a mail server, " :
                                                   " tried to connect to a mail server, ");
        put_peer(e, out);
        if (attempts > 1)
                buf_printf(out, "; %" PRId64 " attempts", attempts);
        if (servers > 1)
                buf_printf(out, " at %" PRId64 "%s servers", servers, servers >= MAIL_GATE_PEERS ? " or more" : "");
}

static void put_outcome(const struct evidence *e, struct buf *out)
{
        if (strcmp(evidence_text(e, "action", ""), "denied") == 0)
                buf_printf(out, ". The mail gate refused: %s.\n", why(e));
        else
                buf_printf(out, ". The mail gate let it pass, and would refuse it if it were shut: %s.\n", why(e));
}

static void tell_forged(const struct evidence *e, struct buf *out)
{
        const char *how = evidence_text(e, "how", "");

        if (strcmp(how, "mark") == 0) {
                put_sender(e, out);
                buf_puts(out, " tried to set the mark of the gate's permit on a socket, which only the gate does.\n");
                if (evidence_number(e, "attempts") > 0)
                        buf_puts(out, "It had tried to send mail before.\n");
        } else if (strcmp(evidence_text(e, "reason", ""), gate_why_name(GATE_WHY_INJECTED)) == 0) {
                buf_puts(out, "This process pushed bytes into a terminal, as if a person had typed them.\n");
                put_sender(e, out);
                put_attempt(e, out);
                put_outcome(e, out);
        } else {
                buf_puts(out, "This process set the mark of the gate's permit on a socket, or pushed bytes into a "
                              "terminal, which only the gate and a person do.\n");
                put_sender(e, out);
                put_attempt(e, out);
                put_outcome(e, out);
        }
}

void mail_gate_explain(const struct evidence *e, struct buf *out)
{
        if (strcmp(e->kind->name, mail_gate_kinds[MAIL_GATE_FORGED_PERMIT].name) == 0)
                tell_forged(e, out);
        else {
                put_sender(e, out);
                put_attempt(e, out);
                put_outcome(e, out);
        }
        if (evidence_text(e, "chain", "")[0]) {
                buf_puts(out, "Who started whom: ");
                detector_put_text(out, evidence_text(e, "chain", ""));
                buf_puts(out, ".\n");
        }
}
