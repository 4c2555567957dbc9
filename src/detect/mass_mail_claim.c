/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mass_mail: what the last hour is worth, and its claims as a person would tell them. Pure; runs in the engine. */
#include <inttypes.h>
#include <netinet/in.h>

#include "detect/mass_mail.h"

#define HOUR        (3600 * NSEC_PER_SEC)
#define MANY        5  /* servers: nobody hands the same mail to so many relays */
#define CLEAN_LEAST 20 /* mails seen, before they say that the sender is honest */

const struct evidence_kind mass_mail_kinds[MASS_MAIL_KINDS] = {
        [MASS_MAIL_SERVERS] =
                {.name = "mass_mail.servers",
                 .title = "it brings mail to many servers itself",
                 .reason = "A program of a person knows one relay for each of his addresses. 5 mail exchangers in an "
                           "hour 2.0, 15 5.0, 50 9.0, 150 12.0, 500 15.0; 20 services to hand mail in 9.0. Only tried: "
                           "100 2.0, 300 4.0, for a scan is another claim. A host that takes mail from others: 2.0 "
                           "at most; one that gives its full name and is hardly ever rejected: 9.0 at most.",
                 .stage = STAGE_ATTACK,
                 .weight = 200,
                 .cap = 1500,
                 .half_life = 12 * HOUR},
        [MASS_MAIL_VOLUME] =
                {.name = "mass_mail.volume",
                 .title = "it sends as much mail as infected machines do",
                 .reason = "1,000 to 2,000 mails an hour, at times 10,000 (Koyama). To many servers from 200 an hour "
                           "3.0, 1,000 6.0, 10,000 9.0; through a relay from 1,000 2.0, 10,000 3.0: newsletters do so.",
                 .stage = STAGE_ATTACK,
                 .weight = 300,
                 .cap = 900,
                 .half_life = 12 * HOUR},
        [MASS_MAIL_NAME] =
                {.name = "mass_mail.name",
                 .title = "it gives itself other names, or none",
                 .reason =
                         "A mail server has one name for HELO. Three within an hour, to at least three servers on port "
                         "25, 3.0; five 6.0; eight 9.0 (Spamhaus CBL lists for that): a translator with "
                         "several machines behind it looks alike. No full name (RFC 5321 4.1.1.1) to 15 servers: 3.0.",
                 .stage = STAGE_ATTACK,
                 .weight = 300,
                 .cap = 900,
                 .half_life = 12 * HOUR},
        [MASS_MAIL_SENDERS] = {.name = "mass_mail.senders",
                               .title = "it sends for many domains",
                               .reason = "Sender domains of one host that takes no mail: 10 within an hour 3.0, 40 "
                                         "5.0. Forwarders take "
                                         "mail, and are spared.",
                               .stage = STAGE_ATTACK,
                               .weight = 300,
                               .cap = 500,
                               .half_life = 12 * HOUR},
        [MASS_MAIL_REJECTED] =
                {.name = "mass_mail.rejected",
                 .title = "servers reject its mail",
                 .reason = "Bought lists are full of dead addresses, and blocklists know bots: 10 refusals within an "
                           "hour and a fifth of all 3.0, 30 and three tenths 6.0, 100 8.0. Lists that people joined "
                           "have 2 %. Delays (4xx) and errors of commands do not count. From one or two servers: 2.0.",
                 .stage = STAGE_ATTACK,
                 .weight = 300,
                 .cap = 800,
                 .half_life = 12 * HOUR},
        [MASS_MAIL_SPAM] = {.name = "mass_mail.spam",
                            .title = "a spam program at work",
                            .reason = "Five names within an hour, 20 servers, 30 refusals and three tenths of all, and "
                                      "nobody brings "
                                      "it mail: each has an honest cause, all four together have none.",
                            .stage = STAGE_ATTACK,
                            .weight = 600,
                            .cap = 600,
                            .half_life = 12 * HOUR,
                            .conclusive = true},
};

static bool is_rejected(const struct mass_mail_view *v, uint32_t least, uint32_t percent)
{
        return v->rejected >= least &&
               (uint64_t) v->rejected * 100 >= (uint64_t) MAX(v->recipients, v->rejected) * percent;
}

/* Enough was heard to say that it is who it says, and wanted. */
static bool is_clean(const struct mass_mail_view *v)
{
        return v->mails >= CLEAN_LEAST && v->names == 1 && !v->name_is_none &&
               (uint64_t) v->rejected * 20 <= v->recipients;
}

static uint16_t servers_weight(const struct mass_mail_view *v)
{
        uint16_t w = v->servers >= 500  ? 1500 :
                     v->servers >= 150  ? 1200 :
                     v->servers >= 50   ? 900 :
                     v->servers >= 15   ? 500 :
                     v->servers >= MANY ? 200 :
                                          0,
                 tried = v->tried >= 300 ? 400 :
                         v->tried >= 100 ? 200 :
                                           0,
                 relays = v->relays >= 20 ? 900 :
                          v->relays >= 8  ? 300 :
                                            0;

        w = MAX(w, MAX(tried, relays));
        if (v->accepts)
                return MIN(w, 200);
        return is_clean(v) ? MIN(w, 900) : w;
}

static uint16_t volume_weight(const struct mass_mail_view *v)
{
        if (v->servers < MANY)
                return v->recipients >= 10000 ? 300 : v->recipients >= 1000 ? 200 : 0;
        if (v->accepts)
                return 0;
        return v->recipients >= 10000 ? 900 : v->recipients >= 1000 ? 600 : v->recipients >= 200 ? 300 : 0;
}

static uint16_t name_weight(const struct mass_mail_view *v)
{
        if (v->tried < 3)
                return 0;
        if (v->names >= 3)
                return v->names >= 8 ? 900 : v->names >= 5 ? 600 : 300;
        return v->names && v->name_is_none && v->servers >= 15 && !v->accepts ? 300 : 0;
}

static uint16_t senders_weight(const struct mass_mail_view *v)
{
        if (v->accepts || v->servers < MANY)
                return 0;
        return v->domains >= 40 ? 500 : v->domains >= 10 ? 300 : 0;
}

static uint16_t rejected_weight(const struct mass_mail_view *v)
{
        uint16_t w = is_rejected(v, 100, 30) ? 800 : is_rejected(v, 30, 30) ? 600 : is_rejected(v, 10, 20) ? 300 : 0;

        if (v->tried < 3)
                return MIN(w, 200);
        return v->accepts ? MIN(w, 300) : w;
}

static uint16_t spam_weight(const struct mass_mail_view *v)
{
        return !v->accepts && v->names >= 5 && v->tried >= 20 && is_rejected(v, 30, 30) ? 600 : 0;
}

static void put_facts(struct evidence *e, const struct mass_mail_step *step, const struct mass_mail_view *v)
{
        const struct mass_mail_source *src = step->source;

        (void) evidence_fact_number(e, "servers", v->servers);
        (void) evidence_fact_number(e, "tried", v->tried);
        (void) evidence_fact_number(e, "submission_services", v->relays);
        (void) evidence_fact_number(e, "mails", v->mails);
        (void) evidence_fact_number(e, "recipients", v->recipients);
        (void) evidence_fact_number(e, "rejected", v->rejected);
        (void) evidence_fact_number(e, "sender_domains", v->domains);
        (void) evidence_fact_number(e, "names", v->names);
        if (src->name[0])
                (void) evidence_fact_text(e, "name", src->name);
        (void) evidence_fact_number(e, "takes_mail", v->accepts);
        (void) evidence_fact_time(e, "since", e->first);
        (void) evidence_fact_endpoint(e, "server", &step->server, step->port, IPPROTO_TCP);
}

static void emit(const struct mass_mail_step *step, const struct mass_mail_view *v, const struct evidence_kind *kind,
                 int32_t weight, struct evidence_sink *out)
{
        struct evidence e = {
                .kind = kind, .weight = weight, .count = 1, .subject = step->subject, .last = step->event->time};

        e.first = MIN(e.last, step->source->began * NSEC_PER_SEC);
        put_facts(&e, step, v);
        evidence_add_ref(&e, step->ref);
        out->emit(out->userdata, &e);
}

void mass_mail_claim(const struct mass_mail *s, const struct mass_mail_step *step, struct evidence_sink *out)
{
        static uint16_t (*const weights[MASS_MAIL_KINDS])(const struct mass_mail_view *) = {
                [MASS_MAIL_SERVERS] = servers_weight,   [MASS_MAIL_VOLUME] = volume_weight,
                [MASS_MAIL_NAME] = name_weight,         [MASS_MAIL_SENDERS] = senders_weight,
                [MASS_MAIL_REJECTED] = rejected_weight, [MASS_MAIL_SPAM] = spam_weight,
        };
        struct mass_mail_view v;

        mass_mail_view_of(s, step, &v);
        for (unsigned i = 0; i < MASS_MAIL_KINDS; i++) {
                int32_t weight;

                if (grading_claim(&step->source->told[i], &mass_mail_kinds[i], step->second, weights[i](&v), &weight))
                        emit(step, &v, &mass_mail_kinds[i], weight, out);
        }
}

static void explain_servers(const struct evidence *e, struct buf *out)
{
        const struct fact *f = evidence_find_fact(e, "server");
        char addr[ADDR_TEXT_MAX];

        buf_printf(out, "it brought mail to %" PRId64 " mail servers itself and tried %" PRId64,
                   evidence_number(e, "servers"), evidence_number(e, "tried"));
        if (evidence_number(e, "submission_services"))
                buf_printf(out, ", and used %" PRId64 " services that take mail from people's programs",
                           evidence_number(e, "submission_services"));
        buf_puts(out, ".\n");
        if (f && f->type == FACT_ENDPOINT)
                buf_printf(out, "The newest was %s, port %u.\n", addr_format(&f->endpoint.addr, addr),
                           f->endpoint.port);
        buf_puts(out, "A person's program hands its mail to one relay. If this is a mail server, declare it under "
                      "network.mail_servers.\n");
        if (evidence_number(e, "takes_mail"))
                buf_puts(out, "It takes mail from others, as mail servers do.\n");
}

static void explain_rejected(const struct evidence *e, struct buf *out)
{
        buf_printf(out,
                   "servers refused %" PRId64 " times what it brought for %" PRId64
                   " recipients.\nMail that is expected is hardly ever refused.\n",
                   evidence_number(e, "rejected"), evidence_number(e, "recipients"));
}

void mass_mail_explain(const struct evidence *e, struct buf *out)
{
        const struct fact *since = evidence_find_fact(e, "since");
        char from[CLOCK_TEXT_MAX], to[CLOCK_TEXT_MAX];

        buf_printf(out, "Between %s and %s ",
                   clock_format_time(since && since->type == FACT_TIME ? since->number : e->first, from),
                   clock_format_time(e->last, to));
        if (e->kind == &mass_mail_kinds[MASS_MAIL_SERVERS])
                explain_servers(e, out);
        else if (e->kind == &mass_mail_kinds[MASS_MAIL_VOLUME])
                buf_printf(out, "it sent mail to %" PRId64 " recipients, by way of %" PRId64 " servers.\n",
                           evidence_number(e, "recipients"), evidence_number(e, "servers"));
        else if (e->kind == &mass_mail_kinds[MASS_MAIL_NAME])
                buf_printf(out,
                           "it called itself by %" PRId64 " different names, the newest %s.\nA mail server has one "
                           "full name.\n",
                           evidence_number(e, "names"), evidence_text(e, "name", "?"));
        else if (e->kind == &mass_mail_kinds[MASS_MAIL_SENDERS])
                buf_printf(out, "it sent for about %" PRId64 " domains, and nobody brought it mail.\n",
                           evidence_number(e, "sender_domains"));
        else if (e->kind == &mass_mail_kinds[MASS_MAIL_REJECTED])
                explain_rejected(e, out);
        else
                buf_printf(out,
                           "it called itself by %" PRId64 " names towards %" PRId64
                           " mail servers, which refused %" PRId64 " times.\nNo honest program does all of that.\n",
                           evidence_number(e, "names"), evidence_number(e, "tried"), evidence_number(e, "rejected"));
}
