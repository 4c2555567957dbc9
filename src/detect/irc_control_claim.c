/* SPDX-License-Identifier: GPL-3.0-or-later */
/* irc_control: what was found, as evidence. Of what is said only orders are kept, cut; never what people write, nor a
 * bot's answer beyond its tag. Pure; runs in the engine. */
#include <netinet/in.h>

#include "detect/irc_control.h"

static const char *const wheres[] = {[IRC_WHERE_TOPIC] = "topic",
                                     [IRC_WHERE_MESSAGE] = "message",
                                     [IRC_WHERE_NOTICE] = "notice",
                                     [IRC_WHERE_PRIVATE] = "private"};

void irc_text_keep(char *to, size_t size, struct slice from)
{
        uint32_t n = MIN(from.len, (uint32_t) size - 1);

        for (uint32_t i = 0; i < n; i++)
                to[i] = from.p[i] ? from.p[i] : '?';
        to[n] = '\0';
}

struct slice irc_text_until(struct slice s, char end)
{
        const char *at = s.p ? memchr(s.p, end, s.len) : NULL;

        return at ? (struct slice){s.p, (uint32_t) (at - s.p)} : s;
}

void irc_claim_text(struct evidence *e, const char *key, struct slice text)
{
        char copy[FACT_TEXT_MAX];

        irc_text_keep(copy, sizeof(copy), text);
        if (copy[0])
                (void) evidence_fact_text(e, key, copy);
}

static void begin(const struct addr *local, const struct event *e, enum irc_kind kind, struct evidence *ret)
{
        *ret = (struct evidence){.kind = &irc_control_kinds[kind],
                                 .weight = irc_control_kinds[kind].weight,
                                 .first = e->time,
                                 .last = e->time,
                                 .count = 1};
        detector_host_subject(local, &ret->subject);
}

static void put_text(struct evidence *e, const char *key, const char *text)
{
        if (text[0])
                (void) evidence_fact_text(e, key, text);
}

void irc_claim_begin(const struct irc_session *session, const struct event *e, enum irc_kind kind, struct evidence *ret)
{
        begin(&session->local, e, kind, ret);
        (void) evidence_fact_endpoint(ret, session->client ? "server" : "client", &session->remote,
                                      session->remote_port, IPPROTO_TCP);
        put_text(ret, "nick", session->nick);
        put_text(ret, "channel", session->channel);
        irc_census_facts(&session->census, ret);
        evidence_add_ref(ret, session->key.flow_id);
}

void irc_claim_order(struct evidence *e, const struct irc_got *o)
{
        /* A client may be in several channels. */
        put_text(e, "channel", o->channel);
        put_text(e, "order", o->text);
        put_text(e, "order_from", o->from);
        put_text(e, "where", wheres[o->where]);
        (void) evidence_fact_time(e, "order_time", o->time);
}

void irc_claim_got(const struct irc_got *o, const struct event *e, enum irc_kind kind, struct evidence *ret)
{
        begin(e->type == EVENT_FLOW ? &e->flow.local :
              e->type == EVENT_RATE ? &e->rate.local :
                                      &e->ends.local,
              e, kind, ret);
        (void) evidence_fact_endpoint(ret, "server", &o->server, o->server_port, IPPROTO_TCP);
        put_text(ret, "nick", o->nick);
        irc_claim_order(ret, o);
        (void) evidence_fact_span(ret, "reaction", e->time - o->time);
        evidence_add_ref(ret, o->flow_id);
        if (e->type == EVENT_FLOW)
                evidence_add_ref(ret, e->flow.flow_id);
        else if (event_has_ends(e->type))
                evidence_add_ref(ret, e->ends.flow_id);
}

bool irc_claim_once(struct irc_session *session, const struct evidence *e, enum irc_kind kind,
                    struct evidence_sink *out)
{
        nsec_t *claimed = &session->claimed[kind];

        if (*claimed && e->last - *claimed < IRC_RECLAIM)
                return false;
        *claimed = e->last;
        out->emit(out->userdata, e);
        return true;
}
