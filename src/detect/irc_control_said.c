/* SPDX-License-Identifier: GPL-3.0-or-later */
/* irc_control: what is said on a connection: orders that reach the home host, its answers and reports, and orders that
 * it gives. A person is known by sentences, different ones. Pure; runs in the engine. */
#include "detect/irc_control.h"

#define SIGNS_ENROLLED 4
#define OBEYED_LEAST   3 /* different orders of one master answered, where nothing else speaks for a machine */

/* Signs that the host is enrolled as a bot; without an order it is not asked. */
static int signs_of(const struct irc_session *session)
{
        int signs = MIN((int) session->n_strong - 1, 2);

        signs += session->in_topic ? 2 : 0;
        signs += session->nick_class >= IRC_NICK_RANDOM ? 2 : session->nick_class == IRC_NICK_NUMBERED ? 1 : 0;
        signs += session->keyed + session->odd_port;
        signs += irc_session_is_machine_channel(session) ? 2 : 0;
        return signs;
}

/* An odd port and a key are people's as well, and so are a web chat's numbered guests; and anybody can write an order
 * where he pleases, but seldom a topic. Something must speak for a machine on this side. */
bool irc_said_is_alike(const struct irc_session *session)
{
        return session->nick_class >= IRC_NICK_RANDOM || irc_session_is_machine_channel(session) ||
               (session->in_topic && (session->nick_class == IRC_NICK_NUMBERED || session->n_strong >= 2));
}

static void claim_order(struct irc_session *session, const struct irc_said *said, const struct irc_got *got,
                        struct evidence_sink *out)
{
        bool person = irc_session_is_person(session);
        struct evidence e;

        irc_claim_begin(session, said->event, IRC_KIND_ORDER, &e);
        irc_claim_order(&e, got);
        if (got->by_person)
                e.weight = IRC_SOFT_ORDER;
        out->emit(out->userdata, &e);
        session->n_strong += session->n_strong < UINT8_MAX;
        session->in_topic |= said->where == IRC_WHERE_TOPIC;
        if (person || signs_of(session) < SIGNS_ENROLLED || !irc_said_is_alike(session))
                return;
        irc_claim_begin(session, said->event, IRC_KIND_ENROLLED, &e);
        irc_claim_order(&e, got);
        if (session->nick_class != IRC_NICK_PERSON)
                (void) evidence_fact_text(&e, "pattern", session->pattern);
        (void) evidence_fact_number(&e, "keyed", session->keyed);
        (void) evidence_fact_number(&e, "odd_port", session->odd_port);
        (void) evidence_fact_number(&e, "orders", session->n_strong);
        (void) irc_claim_once(session, &e, IRC_KIND_ENROLLED, out);
}

static void note_links(struct irc_control *s, const struct irc_said *said)
{
        struct irc_host *h =
                memmem(said->text.p, said->text.len, "://", 3) ? irc_act_host(s, &said->session->local) : NULL;

        if (h)
                irc_fetch_link(h, said);
}

static void hear_orders(struct irc_control *s, const struct irc_said *said, struct evidence_sink *out)
{
        struct irc_session *session = said->session;
        struct slice nick = {session->nick, (uint32_t) strlen(session->nick)};
        nsec_t now = said->event->time;
        struct irc_order o;
        uint32_t pos = 0;
        bool any = false, strong = false;

        while (irc_order_next(said->text, nick, &pos, &o)) {
                bool fresh = false;
                struct irc_got *got;

                strong |= o.grade == IRC_ORDER_STRONG;
                if (o.grade == IRC_ORDER_WORD) {
                        session->word_time = now;
                        continue;
                }
                any = true;
                got = irc_act_order(s, said, &o, &fresh);
                if (o.grade >= session->order_grade || now - session->order_time > IRC_ANSWER_SPAN) {
                        session->order_time = now;
                        session->order_grade = o.grade;
                        session->order_hash = got ? got->hash : 0;
                }
                if (got && fresh && o.grade == IRC_ORDER_STRONG)
                        claim_order(session, said, got, out);
        }
        if (irc_order_is_command(said->text, nick)) {
                session->asker = strong ? 0 : irc_order_hash(said->speaker);
                session->ask_time = now;
        } else if (!any && said->where != IRC_WHERE_TOPIC)
                note_links(s, said);
}

/* Others answer an order that the home host gave. */
static void hear_answer(const struct irc_said *said, struct evidence_sink *out)
{
        struct irc_session *session = said->session;
        uint64_t speaker = irc_order_hash(said->speaker), hash;
        unsigned alike = 1;
        struct evidence e;
        struct slice tag;

        if (!session->gave_time || said->event->time - session->gave_time > IRC_ANSWER_SPAN ||
            session->n_answers == ELEMENTSOF(session->answers) || !irc_order_is_answer(said->text, &tag))
                return;
        hash = irc_order_hash(tag);
        for (unsigned i = 0; i < session->n_answers; i++) {
                if (session->answers[i].who == speaker)
                        return;
                alike += session->answers[i].tag == hash;
        }
        session->answers[session->n_answers].who = speaker;
        session->answers[session->n_answers++].tag = hash;
        /* Two that speak as one program; people's announcers in one channel are different ones. */
        if (alike < 2)
                return;
        irc_claim_begin(session, said->event, IRC_KIND_COMMANDING, &e);
        (void) evidence_fact_text(&e, "order", session->gave);
        (void) evidence_fact_time(&e, "order_time", session->gave_time);
        (void) evidence_fact_number(&e, "answerers", alike);
        irc_claim_text(&e, "tag", tag);
        (void) irc_claim_once(session, &e, IRC_KIND_COMMANDING, out);
}

static struct irc_skeleton_seen *skeleton_of(struct irc_session *session, uint64_t hash)
{
        struct irc_skeleton_seen *k;

        for (unsigned i = 0; i < IRC_SKELETONS; i++)
                if (session->skeletons[i].hash == hash)
                        return &session->skeletons[i];
        k = &session->skeletons[session->next_skeleton++ % IRC_SKELETONS];
        *k = (struct irc_skeleton_seen){.hash = hash};
        return k;
}

static void check_in(struct irc_session *session, const struct irc_skeleton_seen *k, const struct event *ev,
                     struct evidence_sink *out)
{
        struct evidence e;

        if (!k->own || k->n_speakers < 2)
                return;
        irc_claim_begin(session, ev, IRC_KIND_CHECKIN, &e);
        (void) evidence_fact_number(&e, "others", k->n_speakers);
        (void) irc_claim_once(session, &e, IRC_KIND_CHECKIN, out);
}

/* Somebody else says something with an address in it right after joining. */
static void hear_report(const struct irc_said *said, struct evidence_sink *out)
{
        struct irc_session *session = said->session;
        uint64_t speaker = irc_order_hash(said->speaker);
        struct irc_skeleton_seen *k;
        struct irc_skeleton shape;
        bool joined = false;

        for (unsigned i = 0; i < IRC_JOINS; i++)
                joined |= session->joins[i].nick == speaker &&
                          said->event->time - session->joins[i].time <= IRC_CHECKIN_SPAN;
        if (!joined || !speaker)
                return;
        irc_order_skeleton(said->text, said->speaker, &shape);
        if (!shape.has_address || shape.words < 2)
                return;
        k = skeleton_of(session, shape.hash);
        for (unsigned i = 0; i < k->n_speakers; i++)
                if (k->speakers[i] == speaker)
                        return;
        if (k->n_speakers < ELEMENTSOF(k->speakers))
                k->speakers[k->n_speakers++] = speaker;
        check_in(session, k, said->event, out);
}

void irc_said_heard(struct irc_control *s, const struct irc_said *said, struct evidence_sink *out)
{
        const struct irc_session *session = said->session;

        /* Some servers send a client its own words back. */
        if (said->speaker.len && said->speaker.len == strlen(session->nick) &&
            strncasecmp(said->speaker.p, session->nick, said->speaker.len) == 0)
                return;
        hear_answer(said, out);
        hear_report(said, out);
        hear_orders(s, said, out);
}

/* The host answers what somebody said. */
static void note_helped(struct irc_session *session, nsec_t now)
{
        if (!session->asker || now - session->ask_time > IRC_WORD_SPAN)
                return;
        for (unsigned i = 0; i < session->n_helped; i++)
                if (session->helped[i] == session->asker)
                        return;
        if (session->n_helped < IRC_HELPED)
                session->helped[session->n_helped++] = session->asker;
}

static void note_prose(struct irc_session *session, uint64_t hash)
{
        for (unsigned i = 0; i < session->n_prose; i++)
                if (session->prose[i] == hash)
                        return;
        if (session->n_prose < IRC_PROSE)
                session->prose[session->n_prose++] = hash;
}

static bool names_own_address(const struct irc_said *said)
{
        char own[ADDR_TEXT_MAX];
        size_t len = strlen(addr_format(&said->session->local, own));

        for (uint32_t i = 0; i + len <= said->text.len; i++)
                if (memcmp(said->text.p + i, own, len) == 0)
                        return true;
        return false;
}

/* Does the host say such things without being told? Announcers do: that tag answers nobody. */
static bool is_habit(struct irc_session *session, struct slice tag, nsec_t now)
{
        uint64_t hash = irc_order_hash(tag);

        for (unsigned i = 0; i < IRC_TAGS; i++)
                if (session->tags[i] == hash)
                        return true;
        if (session->order_grade < IRC_ORDER_STRONG || now - session->order_time > IRC_ANSWER_SPAN)
                session->tags[session->next_tag++ % IRC_TAGS] = hash;
        return false;
}

/* Once or twice may be a helper that was asked for something odd, sooner or later by others, too. A bot has one master.
 */
static bool answers_master(struct irc_session *session, const struct irc_got *got)
{
        uint64_t from = irc_order_hash((struct slice){got->from, (uint32_t) strlen(got->from)});

        if (session->answered_from != from)
                session->n_answered = 0;
        if (session->n_answered == 0 || session->answered != got->hash)
                session->n_answered += session->n_answered < UINT8_MAX;
        session->answered = got->hash;
        session->answered_from = from;
        return session->n_answered >= OBEYED_LEAST;
}

/* Is it an answer to that order? Helpers answer people's questions by naming what they were asked about, also in
 * brackets: then something else must speak for a bot. */
static bool is_obedient(const struct irc_said *said, const struct irc_got *got, bool answer)
{
        struct irc_session *session = said->session;
        bool echo = memmem(said->text.p, said->text.len, got->text, strlen(got->text)) == NULL &&
                    irc_act_echoes(got, said->text);

        if (irc_session_is_helper(session) || (got->by_person && session->n_prose < IRC_PERSON))
                return false;
        if (got->grade < IRC_ORDER_STRONG)
                return answer && echo && irc_said_is_alike(session);
        if (irc_said_is_alike(session))
                return answer || (echo && !session->n_prose);
        if (echo && !session->n_prose && (got->has_url || got->file))
                return true;
        return answer && answers_master(session, got);
}

/* The host reports in a bot's manner; after an order, on that order. */
static void claim_answer(struct irc_control *s, const struct irc_said *said, bool answer, struct slice tag,
                         struct evidence_sink *out)
{
        struct irc_session *session = said->session;
        nsec_t now = said->event->time;
        /* An answer right after a word is to that: "[MAIN]: Password accepted." */
        bool to_word =
                session->word_time - session->order_time > IRC_WORD_SPAN && now - session->word_time <= IRC_WORD_SPAN;
        bool recent = !to_word && session->order_time && now - session->order_time <= IRC_ANSWER_SPAN;
        struct irc_got *got = recent ? irc_act_find(s, &session->local, session->order_hash) : NULL;
        struct evidence e;

        bool habit = tag.len && is_habit(session, tag, now);

        if (answer && (irc_said_is_alike(session) || !session->claimed[IRC_KIND_ANSWER])) {
                irc_claim_begin(session, said->event, IRC_KIND_ANSWER, &e);
                irc_claim_text(&e, "tag", tag);
                if (!irc_said_is_alike(session))
                        e.weight = IRC_SOFT_ANSWER;
                (void) irc_claim_once(session, &e, IRC_KIND_ANSWER, out);
        }
        answer = answer && !habit;
        if (!got || !is_obedient(said, got, answer))
                return;
        irc_claim_begin(session, said->event, IRC_KIND_OBEYED, &e);
        irc_claim_order(&e, got);
        (void) evidence_fact_span(&e, "reaction", now - session->order_time);
        irc_claim_text(&e, "tag", tag);
        (void) irc_claim_once(session, &e, IRC_KIND_OBEYED, out);
}

/* The host gives orders itself. What it answers to one that it got is none. */
static bool gives_order(struct irc_control *s, const struct irc_said *said, struct evidence_sink *out)
{
        struct irc_session *session = said->session;
        struct irc_order o;
        struct evidence e;
        uint32_t pos = 0;

        while (irc_order_next(said->text, (struct slice){0}, &pos, &o)) {
                if (o.grade != IRC_ORDER_STRONG)
                        continue;
                if (!session->client) {
                        irc_herd_relayed(s, said, &o, out);
                        return true;
                }
                irc_claim_begin(session, said->event, IRC_KIND_CONTROLLER, &e);
                irc_claim_text(&e, "order", o.text);
                (void) evidence_fact_time(&e, "order_time", said->event->time);
                (void) irc_claim_once(session, &e, IRC_KIND_CONTROLLER, out);
                session->gave_time = said->event->time;
                session->n_answers = 0;
                memcpy(session->gave, evidence_find_fact(&e, "order")->text, sizeof(session->gave));
                return true;
        }
        return false;
}

void irc_said_own(struct irc_control *s, const struct irc_said *said, struct evidence_sink *out)
{
        struct irc_session *session = said->session;
        struct irc_skeleton shape;
        struct slice tag = {0};
        bool answer;

        if (gives_order(s, said, out) || !session->client)
                return;
        note_helped(session, said->event->time);
        answer = irc_order_is_answer(said->text, &tag);
        irc_order_skeleton(said->text, said->speaker, &shape);
        if (irc_order_is_prose(said->text)) {
                note_prose(session, shape.hash);
                return;
        }
        if (shape.has_address && shape.words >= 2) {
                struct irc_skeleton_seen *k = skeleton_of(session, shape.hash);

                k->own = true;
                check_in(session, k, said->event, out);
                answer |= names_own_address(said);
        }
        claim_answer(s, said, answer, tag, out);
}
