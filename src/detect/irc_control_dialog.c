/* SPDX-License-Identifier: GPL-3.0-or-later */
/* irc_control: the lines of a connection, read as its dialog: who is who, which channel, how many others, and what is
 * said. What the server itself reports is kept for the story. Pure; runs in the engine. */
#include <stdio.h>

#include "detect/irc_control.h"

/* IANA: 194, 994, 6665-6669, 6697; and what large networks offer beside them. */
static bool is_irc_port(uint16_t port)
{
        return port == 194 || port == 529 || port == 994 || (port >= 6660 && port <= 6670) || port == 6679 ||
               port == 6697 || port == 6698 || (port >= 7000 && port <= 7002) || port == 7070 ||
               (port >= 8000 && port <= 8002) || port == 9999;
}

static bool same(struct slice a, const char *b)
{
        return a.p && a.len == strlen(b) && strncasecmp(a.p, b, a.len) == 0;
}

static struct slice param(const struct irc_message *m, unsigned i)
{
        return i < m->n_params ? m->params[i] : (struct slice){0};
}

static void set_nick(struct irc_session *session, struct slice nick)
{
        struct irc_nick n;

        if (nick.len == 0 || same(nick, "*"))
                return;
        irc_nick_look(nick, &n);
        irc_text_keep(session->nick, sizeof(session->nick), nick);
        session->nick_class = n.class;
        session->nick_bits = n.bits;
        session->nick_lead = n.lead;
        memcpy(session->pattern, n.pattern, sizeof(session->pattern));
}

static void set_channel(struct irc_session *session, struct slice channel)
{
        channel = irc_text_until(channel, ',');
        if (!irc_is_channel(channel) || same(channel, session->channel))
                return;
        irc_text_keep(session->channel, sizeof(session->channel), channel);
        irc_census_left(session);
}

/* The host joins a channel: what speaks for a bot so far, though weakly. */
static void claim_signs(struct irc_control *s, struct irc_session *session, const struct event *e,
                        struct evidence_sink *out)
{
        static const int32_t nick_weights[] = {
                [IRC_NICK_NUMBERED] = 100, [IRC_NICK_RANDOM] = 200, [IRC_NICK_FIELDS] = 300};
        struct evidence ev;

        if (session->odd_port) {
                irc_claim_begin(session, e, IRC_KIND_PORT, &ev);
                (void) irc_claim_once(session, &ev, IRC_KIND_PORT, out);
        }
        if (session->keyed) {
                irc_claim_begin(session, e, IRC_KIND_KEY, &ev);
                (void) irc_claim_once(session, &ev, IRC_KIND_KEY, out);
        }
        if (session->nick_class != IRC_NICK_PERSON) {
                irc_claim_begin(session, e, IRC_KIND_NICK, &ev);
                ev.weight = nick_weights[session->nick_class];
                (void) evidence_fact_text(&ev, "pattern", session->pattern);
                (void) evidence_fact_number(&ev, "random_bits", session->nick_bits);
                (void) irc_claim_once(session, &ev, IRC_KIND_NICK, out);
        }
        irc_herd_joined(s, session, e, out);
}

/* What the client says. */
static void client_line(struct irc_control *s, struct irc_session *session, const struct event *e,
                        const struct irc_message *m, struct evidence_sink *out)
{
        if (irc_is(m, "NICK")) {
                /* An empty-handed change later on is confirmed by the server; the first is not. */
                if (!session->nick[0])
                        set_nick(session, param(m, 0));
        } else if (irc_is(m, "JOIN")) {
                set_channel(session, param(m, 0));
                session->keyed |= m->n_params >= 2 && param(m, 1).len > 0;
                if (session->client)
                        claim_signs(s, session, e, out);
        }
}

static void note_join(struct irc_session *session, struct slice nick, nsec_t now)
{
        unsigned i = session->next_join++ % IRC_JOINS;

        session->joins[i].nick = irc_order_hash(nick);
        session->joins[i].time = now;
}

/* Who and what: JOIN and NICK, as the server passes them on. */
static void server_line(struct irc_control *s, struct irc_session *session, const struct event *e,
                        const struct irc_message *m, struct evidence_sink *out)
{
        if (m->numeric) {
                if (m->numeric == 1)
                        set_nick(session, param(m, 0));
                irc_census_numeric(session, m);
                return;
        }
        if (irc_is(m, "NICK") && same(m->nick, session->nick))
                set_nick(session, param(m, 0));
        if (!irc_is(m, "JOIN"))
                return;
        if (!same(m->nick, session->nick)) {
                note_join(session, m->nick, e->time);
                return;
        }
        /* The client's own JOIN may not have been captured; in a server at home this is where its clients are told. */
        set_channel(session, param(m, 0));
        if (!session->client)
                irc_herd_joined(s, session, e, out);
        else if (!session->claimed[IRC_KIND_NICK] && !session->claimed[IRC_KIND_PORT])
                claim_signs(s, session, e, out);
}

/* From that parameter on to the end of the line: not everybody sets a colon before a text. */
static struct slice rest_of(const struct irc_message *m, unsigned i, struct slice line)
{
        struct slice p = param(m, i);

        return p.p ? (struct slice){p.p, (uint32_t) (line.p + line.len - p.p)} : p;
}

/* Is it a line that says something, and who says what where? */
static bool is_said(const struct irc_message *m, struct slice line, struct irc_said *said)
{
        bool topic = irc_is(m, "TOPIC");

        if (m->numeric == 332) {
                said->where = IRC_WHERE_TOPIC;
                said->channel = param(m, 1);
                said->text = rest_of(m, 2, line);
        } else if (topic || irc_is(m, "PRIVMSG") || irc_is(m, "NOTICE")) {
                said->where = topic ? IRC_WHERE_TOPIC : irc_is(m, "NOTICE") ? IRC_WHERE_NOTICE : IRC_WHERE_MESSAGE;
                said->channel = param(m, 0);
                said->speaker = m->nick;
                said->text = rest_of(m, 1, line);
                if (!topic && !irc_is_channel(said->channel)) {
                        said->where = IRC_WHERE_PRIVATE;
                        said->channel.len = 0;
                }
        } else
                return false;
        return said->text.len > 0;
}

/* Logged in and in no channel: controllers may give their orders in private. */
static bool waits(const struct irc_session *session, nsec_t now)
{
        return session->client && !session->entered && !session->channel[0] && session->nick[0] &&
               now - session->since >= IRC_WAITS_SPAN;
}

static struct irc_session *session_of(struct irc_control *s, const struct event *e)
{
        const struct irc_event *i = &e->irc;
        struct irc_session_key key = {.flow_id = i->ends.flow_id, .host = i->ends.local};
        bool created;
        struct irc_session *session = table_insert(s->sessions, &key, &created);

        if (!session || !created)
                return session;
        session->local = i->ends.local;
        session->remote = i->ends.remote;
        session->local_port = i->ends.local_port;
        session->remote_port = i->ends.remote_port;
        session->client = (i->ends.from_local != 0) == (i->from_client != 0);
        session->odd_port = !is_irc_port(session->client ? session->remote_port : session->local_port);
        session->since = e->time;
        if (session->client)
                (void) irc_act_host(s, &session->local);
        return session;
}

static void say(struct irc_control *s, struct irc_session *session, struct irc_said *said, struct evidence_sink *out)
{
        char text[IRC_TEXT_MAX];

        said->session = session;
        said->text = (struct slice){text, irc_order_clean(said->text, text)};
        if (said->event->irc.from_client)
                said->speaker = (struct slice){session->nick, (uint32_t) strlen(session->nick)};
        /* For a server at home only what it passes on counts: that the client said it comes around that way. */
        if (said->event->irc.ends.from_local)
                irc_said_own(s, said, out);
        else if (session->client)
                irc_said_heard(s, said, out);
}

void irc_dialog_line(struct irc_control *s, const struct event *e, struct evidence_sink *out)
{
        struct irc_session *session;
        struct irc_said said = {.event = e};
        struct irc_message m;

        if (irc_parse(e->irc.text, &m) < 0 || !(session = session_of(s, e)))
                return;
        if (e->irc.from_client)
                client_line(s, session, e, &m, out);
        else
                server_line(s, session, e, &m, out);
        if (waits(session, e->time))
                claim_signs(s, session, e, out);
        if (is_said(&m, e->irc.text, &said))
                say(s, session, &said, out);
        irc_census_tell(session, e, out);
}
