/* SPDX-License-Identifier: GPL-3.0-or-later */
/* irc_control: what the controller itself reports: how many users and channels, who is in the channel, who operates it.
 * It convicts nobody; it tells how large the botnet is and whose. Pure; runs in the engine. */
#include <stdio.h>

#include "detect/irc_control.h"

#define TELL_EVERY (10 * NSEC_PER_SEC) /* a hostile server may change its numbers in every line */

/* Who is an operator is known the better, the higher. */
enum { RANK_TOPIC = 1, RANK_CHANNEL, RANK_CHANNELS, RANK_SERVER };

static bool same(struct slice a, const char *b)
{
        return a.p && a.len == strlen(b) && strncasecmp(a.p, b, a.len) == 0;
}

static struct slice param(const struct irc_message *m, unsigned i)
{
        return i < m->n_params ? m->params[i] : (struct slice){0};
}

static struct slice last_param(const struct irc_message *m)
{
        return m->n_params ? m->params[m->n_params - 1] : (struct slice){0};
}

static uint32_t number_of(struct slice s)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < s.len && s.p[i] >= '0' && s.p[i] <= '9' && n < 100000000u; i++)
                n = n * 10 + (uint32_t) (s.p[i] - '0');
        return n;
}

/* The first number in the text, and for 251 the sum of the first two: "There are 78 users and 2339 invisible", "I have
 * 78 clients and 0 servers", "Current Local Users: 78  Max: 156". */
static uint32_t users_of(struct slice text, uint16_t numeric)
{
        uint32_t first = 0, second = 0, found = 0;

        for (uint32_t i = 0; i < text.len && found < 2; i++)
                if (text.p[i] >= '0' && text.p[i] <= '9' && (i == 0 || text.p[i - 1] < '0' || text.p[i - 1] > '9'))
                        *(found++ ? &second : &first) = number_of((struct slice){text.p + i, text.len - i});
        return numeric == 251 ? first + second : first;
}

static void set(struct irc_census *c, uint32_t *to, uint32_t n)
{
        c->changed |= *to != n;
        *to = n;
}

static void raise(struct irc_census *c, uint32_t *to, uint32_t n)
{
        set(c, to, MAX(*to, n));
}

static void set_operator(struct irc_session *session, struct slice nick, uint8_t rank)
{
        struct irc_census *c = &session->census;

        if (nick.len == 0 || rank <= c->rank || same(nick, session->nick))
                return;
        c->rank = rank;
        c->changed = true;
        irc_text_keep(c->operator, sizeof(c->operator), nick);
        c->operator_from[0] = '\0';
        if (c->whois && c->whois == irc_order_hash(nick))
                memcpy(c->operator_from, c->whois_from, sizeof(c->operator_from));
}

/* 353: the names in a channel, "@" and the like before those of operators. */
static void count_names(struct irc_session *session, struct slice names)
{
        struct irc_census *c = &session->census;
        uint32_t i = 0;

        if (!c->listing)
                c->members = c->machine = 0;
        c->listing = c->changed = true;
        while (i < names.len) {
                uint32_t from;
                bool above = false;
                struct irc_nick n;
                struct slice name;

                while (i < names.len && memchr(" ~&@%+", names.p[i], 6))
                        above |= memchr("~&@", names.p[i++], 3) != NULL;
                from = i;
                while (i < names.len && names.p[i] != ' ')
                        i++;
                name = (struct slice){names.p + from, i - from};
                if (name.len == 0)
                        continue;
                irc_nick_look(name, &n);
                c->members++;
                /* A web chat numbers its guests: that many of them are no sign. */
                c->machine += n.class >= IRC_NICK_RANDOM;
                if (above)
                        set_operator(session, name, RANK_CHANNEL);
        }
}

/* 322: a channel of the list and how many are in it. */
static void count_channel(struct irc_session *session, struct slice channel, uint32_t members)
{
        struct irc_census *c = &session->census;

        if (!irc_is_channel(channel))
                return;
        raise(c, &c->channels, ++c->listed);
        if (members > c->largest_members) {
                set(c, &c->largest_members, members);
                irc_text_keep(c->largest, sizeof(c->largest), channel);
        }
        if (same(channel, session->channel) && !c->members)
                set(c, &c->members, members);
}

/* 311: who is behind a nick. It comes before what else is told of him. */
static void note_whois(struct irc_census *c, const struct irc_message *m)
{
        struct slice user = param(m, 2), host = param(m, 3);

        c->whois = m->n_params >= 4 ? irc_order_hash(param(m, 1)) : 0;
        snprintf(c->whois_from, sizeof(c->whois_from), "%.*s@%.*s", (int) MIN(user.len, 12u), user.p ? user.p : "",
                 (int) MIN(host.len, 60u), host.p ? host.p : "");
        if (c->whois && same(param(m, 1), c->operator)) {
                c->changed = true;
                memcpy(c->operator_from, c->whois_from, sizeof(c->operator_from));
        }
}

/* 319: in which channels somebody is, "@" before those that he operates. */
static void note_channels(struct irc_session *session, struct slice nick, struct slice channels)
{
        for (uint32_t i = 0; i + 1 < channels.len; i++)
                if (memchr("~&@", channels.p[i], 3) && (i == 0 || channels.p[i - 1] == ' ')) {
                        set_operator(session, nick, RANK_CHANNELS);
                        return;
                }
}

void irc_census_numeric(struct irc_session *session, const struct irc_message *m)
{
        struct irc_census *c = &session->census;

        switch (m->numeric) {
        case 251:
        case 255:
        case 265:
        case 266:
                raise(c, &c->users, users_of(last_param(m), m->numeric));
                break;
        case 254:
                raise(c, &c->channels, number_of(param(m, 1)));
                break;
        case 311:
                note_whois(c, m);
                break;
        case 313: /* "is a Network Administrator" */
                set_operator(session, param(m, 1), RANK_SERVER);
                break;
        case 319:
                note_channels(session, param(m, 1), last_param(m));
                break;
        case 321:
                c->listed = 0;
                break;
        case 322:
                count_channel(session, param(m, 1), number_of(param(m, 2)));
                break;
        case 333: /* who set the topic, also as nick!user@host */
                if (same(param(m, 1), session->channel))
                        set_operator(session, irc_text_until(param(m, 2), '!'), RANK_TOPIC);
                break;
        case 353:
                if (same(param(m, 2), session->channel))
                        count_names(session, last_param(m));
                break;
        case 366:
                c->listing = false;
                break;
        default:
                break;
        }
}

void irc_census_left(struct irc_session *session)
{
        struct irc_census *c = &session->census;

        c->members = c->machine = 0;
        c->listing = false;
        if (c->rank < RANK_CHANNELS) {
                c->rank = 0;
                c->operator[0] = c->operator_from[0] = '\0';
        }
}

void irc_census_facts(const struct irc_census *c, struct evidence *e)
{
        const struct {
                const char *key;
                uint32_t n;
        } numbers[] = {{"users", c->users}, {"members", c->members}, {"machine_names", c->machine}};

        for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
                if (numbers[i].n)
                        (void) evidence_fact_number(e, numbers[i].key, numbers[i].n);
        if (c->operator[0])
                (void) evidence_fact_text(e, "operator", c->operator);
}

void irc_census_tell(struct irc_session *session, const struct event *e, struct evidence_sink *out)
{
        struct irc_census *c = &session->census;
        struct evidence ev;

        if (!c->changed || c->listing || (c->told && e->time - c->told < TELL_EVERY && e->type == EVENT_IRC) ||
            !(session->n_strong || session->claimed[IRC_KIND_CHECKIN] || session->claimed[IRC_KIND_OBEYED]) ||
            irc_session_is_person(session))
                return;
        c->changed = false;
        c->told = e->time;
        irc_claim_begin(session, e, IRC_KIND_BOTNET, &ev);
        if (c->channels)
                (void) evidence_fact_number(&ev, "channels", c->channels);
        if (c->largest_members) {
                (void) evidence_fact_text(&ev, "largest", c->largest);
                (void) evidence_fact_number(&ev, "largest_members", c->largest_members);
        }
        if (c->operator_from[0])
                (void) evidence_fact_text(&ev, "operator_from", c->operator_from);
        out->emit(out->userdata, &ev);
}
