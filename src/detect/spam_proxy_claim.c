/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spam_proxy: its kinds of claims, and how a person would tell them. Pure; runs in the engine. */
#include <inttypes.h>
#include <netinet/in.h>

#include "detect/spam_proxy.h"

#define HOUR       (3600 * NSEC_PER_SEC)
#define WALK_FOUND 2000 /* odds of a hundred to one: three pairs, each with one mail about, and none without */

const struct evidence_kind spam_proxy_kinds[SPAM_PROXY_KINDS] = {
        [SPAM_PROXY_VOLUME] =
                {.name = "spam_proxy.volume",
                 .title = "what arrives on a port of its own leaves as mail",
                 .reason = "From outside to a high port, then as much on a port of mail within 30 s (Koyama: spam "
                           "arrives on a random TCP port), by a sequential test at odds of a hundred to one: three "
                           "times 3.0, five 6.0, ten 9.0, twenty 12.0. To one or two servers 5.0 at most. Over HTTP, "
                           "TLS or a remote terminal 4.0 at most, and 2.0 to one or two: a form on a page. Nothing "
                           "for a host that takes mail on port 25.",
                 .stage = STAGE_CONTROL,
                 .weight = 300,
                 .cap = 1200,
                 .half_life = 12 * HOUR},
        [SPAM_PROXY_RELAYED] =
                {.name = "spam_proxy.relayed",
                 .title = "recipients named to it on an odd port get mail from it",
                 .reason = "Five recipients that an outsider without credentials named in a dialog of mail on a port "
                           "that "
                           "is none of mail's, and that this host then named to three or more servers: 15.0, twenty "
                           "22.0. An order and its execution, so conclusive.",
                 .stage = STAGE_ATTACK,
                 .weight = 1500,
                 .cap = 2200,
                 .half_life = 24 * HOUR,
                 .conclusive = true},
        [SPAM_PROXY_REQUESTED] =
                {.name = "spam_proxy.requested",
                 .title = "it lets outsiders through to mail servers",
                 .reason = "SOCKS or CONNECT by an outsider towards port 25, granted. One server 3.0: somebody looks "
                           "for open proxies; three 6.0, ten 9.0, thirty 12.0. Towards 465 and 587 from ten 4.0: "
                           "whoever runs a proxy for himself reads his mail through it.",
                 .stage = STAGE_CONTROL,
                 .weight = 300,
                 .cap = 1200,
                 .half_life = 12 * HOUR},
        [SPAM_PROXY_EXECUTED] =
                {.name = "spam_proxy.executed",
                 .title = "it calls the mail servers that outsiders name",
                 .reason = "Three different mail servers that outsiders asked its proxy for, each called within 30 s: "
                           "15.0, ten 22.0. An order and its execution, so conclusive, whoever set up the proxy.",
                 .stage = STAGE_ATTACK,
                 .weight = 1500,
                 .cap = 2200,
                 .half_life = 24 * HOUR,
                 .conclusive = true},
        [SPAM_PROXY_TUNNEL] =
                {.name = "spam_proxy.tunnel",
                 .title = "it asks a proxy for many mail servers",
                 .reason = "SOCKS or CONNECT towards port 25 of three servers 3.0, ten 6.0, thirty 9.0: a mail program "
                           "behind a proxy knows one or two.",
                 .stage = STAGE_ATTACK,
                 .weight = 300,
                 .cap = 900,
                 .half_life = 12 * HOUR},
};

static void subject_of(const struct spam_proxy *s, const struct spam_proxy_host *h, struct subject *ret)
{
        if (h->key.b[0] == 0xff && h->key.b[1] == 0xff && task_is_known(&h->task)) {
                detector_process_subject(s->lineage, s->boot_id, &h->task, ret);
                return;
        }
        *ret = (struct subject){.kind = SUBJECT_HOST};
        memcpy(ret->addr.b, h->key.b, sizeof(ret->addr.b));
}

void spam_proxy_tell(struct spam_proxy *s, struct spam_proxy_host *h, const struct spam_proxy_claim *c,
                     struct evidence_sink *out)
{
        const struct evidence_kind *kind = &spam_proxy_kinds[c->kind];
        uint32_t second = (uint32_t) (c->time / NSEC_PER_SEC);
        struct evidence e;
        int32_t weight;

        if (!grading_claim(&h->told[c->kind], kind, second, c->weight, &weight))
                return;
        e = (struct evidence){.kind = kind, .weight = weight, .count = 1, .last = c->time};
        subject_of(s, h, &e.subject);
        e.first = MIN(c->time, c->began * NSEC_PER_SEC);
        (void) evidence_fact_endpoint(&e, "peer", &c->peer, 0, IPPROTO_TCP);
        (void) evidence_fact_number(&e, "port", c->port);
        (void) evidence_fact_number(&e, "servers", spam_proxy_set_count(&h->servers));
        (void) evidence_fact_time(&e, "since", e.first);
        if (c->way) {
                (void) evidence_fact_number(&e, "matched", c->way->pairs);
                (void) evidence_fact_number(&e, "unmatched", c->way->lone);
                (void) evidence_fact_number(&e, "bytes", (int64_t) c->way->bytes);
                if (c->way->app != APP_UNKNOWN)
                        (void) evidence_fact_text(&e, "app", app_name(c->way->app));
        } else
                (void) evidence_fact_number(&e, "targets", c->targets);
        evidence_add_ref(&e, c->ref);
        out->emit(out->userdata, &e);
}

/* What people run for themselves on a port of their choice, with a mailer behind it. */
static bool is_usual_service(uint8_t app)
{
        return app == APP_HTTP || app == APP_TLS || app == APP_SSH || app == APP_RDP || app == APP_FTP;
}

static uint16_t volume_weight(const struct spam_proxy *s, const struct spam_proxy_host *h,
                              const struct spam_proxy_way *w, uint32_t second)
{
        uint16_t weight = w->pairs >= 20 ? 1200 : w->pairs >= 10 ? 900 : w->pairs >= 5 ? 600 : 300;

        if (!w->port || w->walk < WALK_FOUND || w->pairs < 3 || mail_hosts_accepts(s->mail, &h->key, second))
                return 0;
        if (spam_proxy_set_count(&h->servers) < 3)
                return MIN(weight, is_usual_service(w->app) ? 200 : 500);
        return is_usual_service(w->app) ? MIN(weight, 400) : weight;
}

void spam_proxy_tell_volume(struct spam_proxy *s, struct spam_proxy_host *h, nsec_t now, struct evidence_sink *out)
{
        struct spam_proxy_claim c = {.kind = SPAM_PROXY_VOLUME, .time = now};

        for (unsigned i = 0; i < SPAM_PROXY_WAYS; i++) {
                const struct spam_proxy_way *w = &h->ways[i];
                uint16_t weight = volume_weight(s, h, w, (uint32_t) (now / NSEC_PER_SEC));

                if (weight <= c.weight)
                        continue;
                c.weight = weight;
                c.way = w;
                c.peer = w->peer;
                c.port = w->port;
                c.ref = w->ref;
                c.began = w->since;
        }
        if (c.way)
                spam_proxy_tell(s, h, &c, out);
}

static void explain_volume(const struct evidence *e, const char *peer, struct buf *out)
{
        const struct fact *app = evidence_find_fact(e, "app");

        buf_printf(out,
                   "what others brought to port %" PRId64
                   " left as mail of the same size within half a minute, %" PRId64 " times, %" PRId64
                   " bytes in all, for about %" PRId64 " mail servers.\n",
                   evidence_number(e, "port"), evidence_number(e, "matched"), evidence_number(e, "bytes"),
                   evidence_number(e, "servers"));
        buf_printf(out, "%" PRId64 " times nothing left. The newest to bring something was %s",
                   evidence_number(e, "unmatched"), peer);
        if (app && app->type == FACT_TEXT)
                buf_printf(out, ", by %s", app->text);
        buf_puts(out, ".\n");
}

void spam_proxy_explain(const struct evidence *e, struct buf *out)
{
        const struct fact *since = evidence_find_fact(e, "since"), *f = evidence_find_fact(e, "peer");
        char from[CLOCK_TEXT_MAX], to[CLOCK_TEXT_MAX], addr[ADDR_TEXT_MAX];
        const char *peer = f && f->type == FACT_ENDPOINT ? addr_format(&f->endpoint.addr, addr) : "an unknown address";

        buf_printf(out, "Between %s and %s ",
                   clock_format_time(since && since->type == FACT_TIME ? since->number : e->first, from),
                   clock_format_time(e->last, to));
        if (e->kind == &spam_proxy_kinds[SPAM_PROXY_VOLUME])
                explain_volume(e, peer, out);
        else if (e->kind == &spam_proxy_kinds[SPAM_PROXY_RELAYED])
                buf_printf(out,
                           "%s and others named recipients on port %" PRId64 ", and this host named them to their mail "
                           "servers: %" PRId64 " of them, to about %" PRId64 " servers.\n",
                           peer, evidence_number(e, "port"), evidence_number(e, "targets"),
                           evidence_number(e, "servers"));
        else if (e->kind == &spam_proxy_kinds[SPAM_PROXY_REQUESTED])
                buf_printf(out,
                           "the proxy on port %" PRId64 " let %s and others through to about %" PRId64
                           " mail servers.\n",
                           evidence_number(e, "port"), peer, evidence_number(e, "targets"));
        else if (e->kind == &spam_proxy_kinds[SPAM_PROXY_EXECUTED])
                buf_printf(out,
                           "it called about %" PRId64
                           " mail servers right after somebody outside had asked its proxy for "
                           "them, the newest %s, port %" PRId64 ".\n",
                           evidence_number(e, "targets"), peer, evidence_number(e, "port"));
        else
                buf_printf(out, "it asked the proxy %s, port %" PRId64 ", for about %" PRId64 " mail servers.\n", peer,
                           evidence_number(e, "port"), evidence_number(e, "targets"));
}
