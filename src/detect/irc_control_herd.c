/* SPDX-License-Identifier: GPL-3.0-or-later */
/* irc_control: several home hosts on one server or in one channel within minutes, which completes a botnet; and the
 * other way round, the herd of a server that stands at home. Pure; runs in the engine. */
#include "detect/irc_control.h"

static uint64_t pattern_of(const struct irc_session *session)
{
        /* Whoever runs a server for people may have a web chat before it, which numbers its guests. */
        if (session->nick_class == IRC_NICK_PERSON || (!session->client && session->nick_class == IRC_NICK_NUMBERED))
                return 0;
        return irc_order_hash((struct slice){session->pattern, (uint32_t) strlen(session->pattern)});
}

static struct irc_member *member_of(struct irc_room *r, const struct addr *a)
{
        struct irc_member *m;

        for (unsigned i = 0; i < IRC_MEMBERS; i++)
                if (r->members[i].time && addr_equal(&r->members[i].addr, a))
                        return &r->members[i];
        m = &r->members[r->next++ % IRC_MEMBERS];
        *m = (struct irc_member){.addr = *a};
        return m;
}

static unsigned count(const struct irc_room *r, uint64_t pattern, nsec_t now)
{
        unsigned n = 0;

        for (unsigned i = 0; i < IRC_MEMBERS; i++)
                n += r->members[i].time && now - r->members[i].time <= IRC_HERD_SPAN &&
                     (!pattern || r->members[i].pattern == pattern);
        return n;
}

/* Do all of them have numbers that begin alike? Pupils' and machines' inventory numbers do; a bot draws its number, and
 * three that do so by chance are one case in a million. */
static bool is_series(const struct irc_room *r, uint64_t pattern, nsec_t now)
{
        uint16_t lead = 0;

        for (unsigned i = 0; i < IRC_MEMBERS; i++) {
                const struct irc_member *m = &r->members[i];

                if (!m->time || now - m->time > IRC_HERD_SPAN || m->pattern != pattern)
                        continue;
                if (!m->lead || (lead && m->lead != lead))
                        return false;
                lead = m->lead;
        }
        return true;
}

static nsec_t first_of(const struct irc_room *r, uint64_t pattern, nsec_t now)
{
        nsec_t first = now;

        for (unsigned i = 0; i < IRC_MEMBERS; i++)
                if (r->members[i].time && now - r->members[i].time <= IRC_HERD_SPAN &&
                    (!pattern || r->members[i].pattern == pattern))
                        first = MIN(first, r->members[i].time);
        return first;
}

/* The claim for one member; the facts about the room are those of the newest who came. */
static void claim_member(struct irc_member *m, const struct irc_session *newest, const struct event *e,
                         struct evidence *ev)
{
        irc_claim_begin(newest, e, IRC_KIND_HERD, ev);
        detector_host_subject(&m->addr, &ev->subject);
        (void) evidence_fact_text(ev, "nick", m->nick);
        evidence_add_ref(ev, m->flow_id);
        m->claimed = e->time;
}

static int32_t weight_of(const struct irc_room *r, const struct irc_session *newest, uint64_t pattern, nsec_t now)
{
        if (!pattern || is_series(r, pattern, now))
                return 300;
        return newest->nick_class == IRC_NICK_NUMBERED ? 400 : irc_control_kinds[IRC_KIND_HERD].weight;
}

static bool claim_all(struct irc_room *r, const struct irc_session *newest, const struct event *e, uint64_t pattern,
                      struct evidence_sink *out)
{
        unsigned n = count(r, pattern, e->time);
        bool any = false;

        if (n < (pattern ? IRC_HERD_HOSTS : IRC_HERD_ANY))
                return false;
        for (unsigned i = 0; i < IRC_MEMBERS; i++) {
                struct irc_member *m = &r->members[i];
                struct evidence ev;

                if (!m->time || e->time - m->time > IRC_HERD_SPAN || (pattern && m->pattern != pattern) ||
                    (m->claimed && e->time - m->claimed < IRC_RECLAIM))
                        continue;
                claim_member(m, newest, e, &ev);
                ev.weight = weight_of(r, newest, pattern, e->time);
                (void) evidence_fact_number(&ev, "hosts", n);
                (void) evidence_fact_span(&ev, "within", e->time - first_of(r, pattern, e->time));
                if (pattern)
                        (void) evidence_fact_text(&ev, "pattern", newest->pattern);
                out->emit(out->userdata, &ev);
                any = true;
        }
        return any;
}

static struct irc_room *enter(struct irc_control *s, const struct irc_room_key *key, const struct irc_session *session,
                              const struct event *e)
{
        struct irc_room *r = table_insert(s->rooms, key, NULL);
        struct irc_member *m;

        if (!r)
                return NULL;
        m = member_of(r, session->client ? &session->local : &session->remote);
        m->time = e->time;
        m->pattern = pattern_of(session);
        m->lead = session->nick_lead;
        m->flow_id = session->key.flow_id;
        memcpy(m->nick, session->nick, sizeof(m->nick));
        return r;
}

static struct irc_room_key server_key(const struct irc_session *session)
{
        struct irc_room_key key = {.server = session->client ? session->remote : session->local,
                                   .channel = session->client ? session->remote_port : session->local_port,
                                   .home = !session->client};

        return key;
}

/* The server at home gave bots an order, and its clients look like bots. */
static void claim_server(struct irc_room *r, const struct irc_session *session, const struct event *e,
                         struct evidence_sink *out)
{
        struct evidence ev;
        unsigned best = 0;

        for (unsigned i = 0; i < IRC_MEMBERS; i++)
                if (r->members[i].pattern) {
                        unsigned n = 0;

                        for (unsigned k = 0; k < IRC_MEMBERS; k++)
                                n += r->members[k].pattern == r->members[i].pattern;
                        best = MAX(best, n);
                }
        if (!r->orders || best < IRC_HERD_HOSTS || (r->claimed && e->time - r->claimed < IRC_RECLAIM))
                return;
        r->claimed = e->time;
        irc_claim_begin(session, e, IRC_KIND_COMMANDING, &ev);
        (void) evidence_fact_text(&ev, "order", r->order);
        (void) evidence_fact_number(&ev, "clients", best);
        (void) evidence_fact_number(&ev, "port", session->local_port);
        out->emit(out->userdata, &ev);
}

void irc_herd_joined(struct irc_control *s, struct irc_session *session, const struct event *e,
                     struct evidence_sink *out)
{
        struct irc_room_key key = server_key(session);
        struct irc_room *r = enter(s, &key, session, e);
        uint64_t pattern = pattern_of(session);

        session->entered = true;
        if (!r)
                return;
        if (!session->client) {
                claim_server(r, session, e, out);
                return;
        }
        if ((pattern && claim_all(r, session, e, pattern, out)) || claim_all(r, session, e, 0, out))
                return;
        /* The same channel on several servers of one network. */
        key = (struct irc_room_key){
                .channel = irc_order_hash((struct slice){session->channel, (uint32_t) strlen(session->channel)})};
        if (key.channel && pattern && (r = enter(s, &key, session, e)))
                (void) claim_all(r, session, e, pattern, out);
}

void irc_herd_relayed(struct irc_control *s, const struct irc_said *said, const struct irc_order *o,
                      struct evidence_sink *out)
{
        struct irc_room_key key = server_key(said->session);
        struct irc_room *r = table_insert(s->rooms, &key, NULL);
        struct evidence copy = {0};

        if (!r)
                return;
        r->orders += r->orders < UINT32_MAX;
        irc_claim_text(&copy, "order", o->text);
        memcpy(r->order, copy.facts[0].text, sizeof(r->order));
        claim_server(r, said->session, said->event, out);
}
