/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mass_mail: a host that brings mail to very many. A person's program hands its mail to one relay; a program that sends
 * spam has no relay and goes to the mail exchangers of its recipients itself, by the thousand an hour, under names of
 * its own making, and many recipients do not exist. Seen in the dialogs of SMTP, and from the flows alone. Pure; runs
 * in the engine. docs/mass-mail.md has the background. */
#include "detect/mass_mail.h"

#include <errno.h>
#include <netinet/in.h>

static void mass_mail_free(void *state)
{
        struct mass_mail *s = state;

        if (!s)
                return;
        mail_hosts_free(s->hosts);
        table_free(s->sources);
        free(s);
}

static int mass_mail_new(const struct detector_params *params, void **ret)
{
        struct table_params sources = {.name = "mail senders",
                                       .cap = MASS_MAIL_SOURCES,
                                       .key_size = sizeof(struct detector_key),
                                       .entry_size = sizeof(struct mass_mail_source)};
        struct mass_mail *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        if ((r = mail_hosts_new(params->config, &s->hosts)) < 0 || (r = table_new(&sources, &s->sources)) < 0) {
                mass_mail_free(s);
                return r;
        }
        mass_mail_estimates(s);
        s->lineage = params->lineage;
        memcpy(s->boot_id, params->boot_id, sizeof(s->boot_id));
        *ret = s;
        return 0;
}

/* One flow, counted for one source. */
static void count_flow(struct mass_mail *s, struct mass_mail_step *step, const struct detector_key *key, bool inside,
                       struct evidence_sink *out)
{
        const struct event *e = step->event;
        const struct flow_event *f = &e->flow;
        bool brought = mail_hosts_bytes(f->bytes_out, f->bytes_in) >= MAIL_HOSTS_BYTES;

        step->source = mass_mail_source_of(s, key, step->second);
        if (!step->source)
                return;
        if (!inside)
                mass_mail_note_server(step->source, &f->remote, f->remote_port, brought);
        if (brought && e->op == FLOW_END)
                step->source->at[0].flows++;
        mass_mail_claim(s, step, out);
}

static void take_flow(struct mass_mail *s, const struct event *e, struct evidence_sink *out)
{
        const struct flow_event *f = &e->flow;
        struct mass_mail_step step = {.event = e,
                                      .server = f->remote,
                                      .port = f->remote_port,
                                      .ref = f->flow_id,
                                      .second = (uint32_t) (e->time / NSEC_PER_SEC)};
        struct detector_key key, machine;
        bool inside;

        if (f->proto != IPPROTO_TCP)
                return;
        if (f->origin == FLOW_ACCEPTED) {
                mail_hosts_flow(s->hosts, e);
                return;
        }
        if (!mail_hosts_port(f->remote_port) || f->origin != FLOW_ORIGINATED || f->flags & FLOW_NO_PEER ||
            addr_is_loopback(&f->remote) || mail_hosts_declared(s->hosts, &f->local))
                return;
        inside = f->flags & FLOW_BOTH_HOME || mail_hosts_home(s->hosts, &f->remote);
        machine = mail_hosts_key(f);
        key = detector_flow_key(f);
        step.accepts = mail_hosts_accepts(s->hosts, &machine, step.second);
        detector_flow_subject(s->lineage, s->boot_id, f, &step.subject);
        count_flow(s, &step, &key, inside, out);
        if (!task_is_known(&f->task))
                return;
        /* A process for each mail: then it is the machine that shows it. */
        step.subject = (struct subject){.kind = SUBJECT_HOST};
        count_flow(s, &step, &machine, inside, out);
}

/* Refusals that say what the mail or its sender is (RFC 5321 4.2.3, RFC 7504), and none of those that speak of
 * commands, of authentication or of a full mailbox. */
static bool is_rejection(uint16_t code)
{
        return code == 521 || code == 550 || code == 551 || code == 553 || code == 554 || code == 556 || code == 571;
}

static void count_step(struct mass_mail_source *src, const struct event *e, bool inside, uint32_t second)
{
        const struct smtp_event *m = &e->smtp;
        struct mass_mail_half *half = &src->at[0];

        switch (e->op) {
        case SMTP_HELO:
                if (!inside && m->ends.remote_port == 25 && m->text.p)
                        mass_mail_note_name(src, m->text, second);
                break;
        case SMTP_MAIL:
                if (m->text.p)
                        mass_mail_note_domain(src, m->text);
                break;
        case SMTP_RCPT:
                half->recipients++;
                break;
        case SMTP_DATA:
                half->mails++;
                break;
        case SMTP_REJECTED:
                half->rejected += is_rejection(m->code);
                break;
        }
        if (!inside)
                mass_mail_note_server(src, &m->ends.remote, m->ends.remote_port,
                                      e->op == SMTP_MAIL || e->op == SMTP_RCPT || e->op == SMTP_DATA);
}

static void take_smtp(struct mass_mail *s, const struct event *e, struct evidence_sink *out)
{
        const struct ends *n = &e->ends;
        struct mass_mail_step step = {.event = e,
                                      .server = n->remote,
                                      .port = n->remote_port,
                                      .ref = n->flow_id,
                                      .second = (uint32_t) (e->time / NSEC_PER_SEC)};
        bool by_client = e->op != SMTP_BANNER && e->op != SMTP_ACCEPTED && e->op != SMTP_REJECTED;
        struct detector_key key;
        bool inside;

        if (n->origin == FLOW_ACCEPTED)
                mail_hosts_smtp(s->hosts, e);
        if (n->origin != FLOW_ORIGINATED || e->op == SMTP_STARTTLS || by_client != (n->from_local != 0) ||
            addr_is_loopback(&n->remote) || mail_hosts_declared(s->hosts, &n->local))
                return;
        inside = n->flags & ENDS_BOTH_HOME || mail_hosts_home(s->hosts, &n->remote);
        key = detector_host_key(&n->local);
        step.source = mass_mail_source_of(s, &key, step.second);
        if (!step.source)
                return;
        count_step(step.source, e, inside, step.second);
        step.accepts = mail_hosts_accepts(s->hosts, &key, step.second);
        detector_host_subject(&n->local, &step.subject);
        mass_mail_claim(s, &step, out);
}

static void mass_mail_event(void *state, const struct event *e, struct evidence_sink *out)
{
        if (e->type == EVENT_FLOW)
                take_flow(state, e, out);
        else if (e->type == EVENT_SMTP)
                take_smtp(state, e, out);
}

const struct detector detector_mass_mail = {
        .name = "mass_mail",
        .help = "a host that sends mail to very many servers itself, as spam programs do",
        .source = "Koyama (NTT PC / Telecom-ISAC Japan): mails per hour of infected terminals; Watanabe (RIKEN): "
                  "outbound "
                  "TCP/25 in firewall logs; Spamhaus CBL: names that change from connection to connection",
        .limits =
                "A mail server that takes mail from nobody looks like a sender: declare it under network.mail_servers, "
                "where nothing is judged. Behind an address translator many machines look like one. What is encrypted "
                "from the start shows no names and no rejections. A bot that hands its mail to one relay with stolen "
                "credentials is weak evidence only.",
        .events = 1u << EVENT_FLOW | 1u << EVENT_SMTP,
        .kinds = mass_mail_kinds,
        .n_kinds = MASS_MAIL_KINDS,
        .new = mass_mail_new,
        .free = mass_mail_free,
        .event = mass_mail_event,
        .explain = mass_mail_explain,
};
