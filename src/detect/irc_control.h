/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of the irc_control detector share its state through this header; nobody else includes it. What each claim
 * needs, and what people's chat looks like beside it: docs/irc-control.md. */
#ifndef SEKIMORI_DETECT_IRC_CONTROL_H
#define SEKIMORI_DETECT_IRC_CONTROL_H

#include "base/table.h"
#include "decode/irc.h"
#include "detect/detector.h"
#include "detect/irc_control_nick.h"
#include "detect/irc_control_order.h"

/* Caps, with bytes per entry (48 of the table's own included) and what is in it. Together at most 11 MiB. */
#define IRC_SESSIONS 4096u /* 1152: connections that speak IRC, per home host */
#define IRC_HOSTS    2048u /* 2008: home hosts with such connections, and the orders they got */
#define IRC_ROOMS    1024u /* 1568: servers and channels, with whom of home they saw */

#define IRC_ORDERS    4 /* newest different ones kept per host */
#define IRC_BURSTS    6 /* ports watched per host */
#define IRC_MEMBERS   16
#define IRC_SKELETONS 4 /* sentences per session that others say as well */
#define IRC_JOINS     4 /* newest of others, per session */
#define IRC_LINKS     4 /* newest, per host */
#define IRC_PROSE     6 /* different sentences of the home host's own that are told apart */
#define IRC_CHANNEL   40u
#define IRC_FROM      48u
#define IRC_TAGS      8 /* of what the host announces unasked, per session */
#define IRC_HELPED    3 /* different people whom the host answered: it is a helper of theirs */
#define IRC_RESOLVED  4
#define IRC_PERSON    4u /* different sentences: somebody writes */

#define IRC_ANSWER_SPAN    (30 * NSEC_PER_SEC) /* from an order to the bot's answer */
#define IRC_WORD_SPAN      (5 * NSEC_PER_SEC)
#define IRC_EXECUTE_SPAN   (120 * NSEC_PER_SEC) /* from an order to the first sign of its execution */
#define IRC_REACTION_SPAN  (60 * NSEC_PER_SEC)
#define IRC_CHECKIN_SPAN   (10 * NSEC_PER_SEC) /* from a JOIN to the report */
#define IRC_HERD_SPAN      (600 * NSEC_PER_SEC)
#define IRC_WAITS_SPAN     (30 * NSEC_PER_SEC) /* logged in, and in no channel */
#define IRC_HERD_HOSTS     3u                  /* of one pattern */
#define IRC_HERD_ANY       5u                  /* of any names */
#define IRC_SCAN_SPAN      (20 * NSEC_PER_SEC)
#define IRC_SCAN_TOLD      8u   /* addresses tried on the ordered port or in the ordered range */
#define IRC_SCAN_ANY       20u  /* on any other port */
#define IRC_SCAN_WEB       100u /* on an ordered port of the web's: bits of 128, so about 190 addresses */
#define IRC_FLOOD_PACKETS  200u
#define IRC_FLOOD_REQUESTS 100u /* of HTTP in a second: a page's parts are fewer */
#define IRC_FLOOD_FLOWS    30u
#define IRC_CLICK_SPAN     (60 * NSEC_PER_SEC) /* from a link in people's talk to its being fetched */
#define IRC_SOFT_ORDER     150                 /* hundredths: to where a person writes */
#define IRC_SOFT_ANSWER    90
#define IRC_SOFT_REACTION  100
#define IRC_SOFT_SPAN      (12 * 3600 * NSEC_PER_SEC)
#define IRC_RECLAIM        (3600 * NSEC_PER_SEC)
#define IRC_ORDER_RECLAIM  (600 * NSEC_PER_SEC)

enum irc_kind {
        IRC_KIND_PORT,
        IRC_KIND_KEY,
        IRC_KIND_NICK,
        IRC_KIND_HERD,
        IRC_KIND_ORDER,
        IRC_KIND_ANSWER,
        IRC_KIND_REACTION,
        IRC_KIND_ENROLLED,
        IRC_KIND_CHECKIN,
        IRC_KIND_OBEYED,
        IRC_KIND_EXECUTED,
        IRC_KIND_CONTROLLER,
        IRC_KIND_COMMANDING,
        IRC_KIND_BOTNET,
        IRC_KINDS,
};
extern const struct evidence_kind irc_control_kinds[IRC_KINDS];

struct irc_session_key {
        uint64_t flow_id;
        struct addr host; /* with both ends at home the flow is seen from both */
};

/* A sentence heard in a channel from several speakers: bots report with one. */
struct irc_skeleton_seen {
        uint64_t hash;
        uint64_t speakers[3]; /* hashes of nicks that said it right after their JOIN */
        uint8_t n_speakers;
        bool own; /* the home host said it, too */
};

/* What the controller reports about itself. */
struct irc_census {
        nsec_t told;
        uint64_t whois;            /* hash of the nick that 311 told of last */
        uint32_t users;            /* that the server counts: 251, 255, 265, 266 */
        uint32_t channels, listed; /* 254; of 322 since 321 */
        uint32_t largest_members;
        uint32_t members, machine; /* of the channel: 353, and those with names of machines */
        uint8_t rank;              /* how surely the operator is one */
        bool listing;              /* within 353 ... 366 */
        bool changed;              /* since it was told */
        char largest[IRC_CHANNEL], operator[IRC_NICK_MAX];
        char operator_from[IRC_FROM], whois_from[IRC_FROM]; /* user@host: 311 */
};

struct irc_session {
        struct irc_session_key key;
        struct addr local, remote; /* local: as in the events */
        uint16_t local_port, remote_port;
        bool client; /* the home host is the client */
        bool keyed, odd_port;
        uint8_t nick_class, nick_bits;
        uint8_t n_prose;
        uint8_t n_strong; /* different strong orders, saturates */
        bool in_topic;    /* one of them stood in a topic */
        bool entered;     /* counted among those who came to the server */
        nsec_t since;
        nsec_t claimed[IRC_KINDS];
        uint64_t prose[IRC_PROSE];
        struct irc_census census;
        char nick[IRC_NICK_MAX], pattern[IRC_NICK_MAX], channel[IRC_CHANNEL];
        uint16_t nick_lead; /* struct irc_nick.lead */
        struct {
                uint64_t nick;
                nsec_t time;
        } joins[IRC_JOINS];
        uint8_t next_join, next_skeleton;
        struct irc_skeleton_seen skeletons[IRC_SKELETONS];
        /* the newest order, for answers to it; time 0: none */
        nsec_t order_time, word_time; /* word: of grade IRC_ORDER_WORD */
        uint64_t order_hash;          /* of its text: finds it among the host's orders */
        uint64_t answered;            /* hash of the newest order that got an answer, and of who gave it */
        uint64_t answered_from;
        uint8_t order_grade;
        /* the newest order the home host gave itself */
        nsec_t gave_time;
        char gave[FACT_TEXT_MAX];
        struct {
                uint64_t who, tag;
        } answers[4];
        uint8_t n_answers;
        uint8_t next_tag;
        uint64_t tags[IRC_TAGS]; /* hashes: said when no order had come, so they answer none */
        uint64_t asker;          /* hash: whose command, no strong order, was the newest; 0: nobody's */
        nsec_t ask_time;
        uint64_t helped[IRC_HELPED];
        uint8_t n_helped, n_answered;
};

enum irc_where { IRC_WHERE_TOPIC, IRC_WHERE_MESSAGE, IRC_WHERE_NOTICE, IRC_WHERE_PRIVATE };

/* An order that a home host got, as far as it can be compared with what the host does then. */
struct irc_got {
        uint64_t hash; /* of its text; 0: free */
        nsec_t time;   /* it was heard last */
        nsec_t claimed;
        struct addr server, target, resolved[IRC_RESOLVED];
        uint64_t url_host, url_path, url_base, name, file; /* hashes; 0: none; base: the path's last part */
        uint64_t flow_id;
        nsec_t hits_since; /* connections to the target */
        uint32_t hits, unanswered;
        uint16_t server_port, url_port, ports[3];
        uint8_t n_ports, n_resolved, grade, where;
        uint8_t range[3], n_range;
        bool has_url, has_target, has_range, program, ftp, by_person;
        bool alike; /* the name, the topic or the channel spoke for a machine when it came */
        bool reacted, fetched, scanned, flooded; /* claimed already */
        bool quiet, softly;                      /* no more soft claims now; one was made */
        char text[FACT_TEXT_MAX], from[IRC_NICK_MAX], channel[IRC_CHANNEL], nick[IRC_NICK_MAX];
};

/* New flows of a host to many addresses on one port. */
struct irc_burst {
        nsec_t since;
        uint64_t seen[2]; /* a bit per hashed address: at most 128 are told apart */
        uint64_t in_range[2];
        uint16_t port;
        uint8_t proto;
        bool busy; /* it went on before the order came */
};

/* A URL that people talk about. */
struct irc_link {
        uint64_t host, path; /* hashes */
        nsec_t time;         /* 0: free */
};

struct irc_host {
        struct detector_key key;
        struct irc_got orders[IRC_ORDERS];
        struct irc_burst bursts[IRC_BURSTS];
        nsec_t ordered; /* the newest order */
        struct irc_link links[IRC_LINKS];
        nsec_t soft; /* the newest claim that people may have caused */
        uint8_t next_link;
        bool clicks; /* somebody, or a program that reads out titles, fetches what people talk about */
};

struct irc_member {
        struct addr addr; /* home host, or, where the server is at home, its client */
        uint64_t pattern; /* hash; 0: a person's name */
        uint16_t lead;    /* struct irc_nick.lead */
        nsec_t time, claimed;
        uint64_t flow_id;
        char nick[IRC_NICK_MAX];
};

struct irc_room_key {
        struct addr server; /* all zero: a channel, wherever */
        uint64_t channel;   /* its hash; a server: the port */
        uint64_t home;      /* 1: the server is at home, the members are its clients */
};

struct irc_room {
        struct irc_room_key key;
        struct irc_member members[IRC_MEMBERS];
        uint8_t next;
        uint32_t orders; /* server at home: strong orders that went out through it */
        nsec_t claimed;
        char order[FACT_TEXT_MAX];
};

static_assert(sizeof(struct irc_session) <= 1104 && sizeof(struct irc_host) <= 1960 && sizeof(struct irc_room) <= 1520,
              "as stated above");

struct irc_control {
        struct table *sessions, *hosts, *rooms;
};

/* A bot has one master or two. */
static inline bool irc_session_is_helper(const struct irc_session *s)
{
        return s->n_helped >= IRC_HELPED;
}

static inline bool irc_session_is_person(const struct irc_session *s)
{
        return s->n_prose >= IRC_PERSON || irc_session_is_helper(s);
}

/* irc_control_dialog.c: what lines say. */
void irc_dialog_line(struct irc_control *s, const struct event *e, struct evidence_sink *out);

static inline bool irc_session_is_machine_channel(const struct irc_session *s)
{
        return s->census.members >= 5 && s->census.machine * 2 > s->census.members;
}

/* irc_control_said.c: orders and answers among what is said, in either direction. */
struct irc_said {
        struct irc_session *session;
        const struct event *event;
        struct slice text;    /* cleaned */
        struct slice speaker; /* nick; empty: the server or unknown */
        struct slice channel;
        uint8_t where; /* enum irc_where */
};
void irc_said_heard(struct irc_control *s, const struct irc_said *said, struct evidence_sink *out);
void irc_said_own(struct irc_control *s, const struct irc_said *said, struct evidence_sink *out);

/* Does something speak for a machine on this side? */
bool irc_said_is_alike(const struct irc_session *session);

/* irc_control_act.c: what hosts do after orders. */
struct irc_host *irc_act_host(struct irc_control *s, const struct addr *local);
/* Remembers the order, or finds it; *ret_new: not heard before, or long ago. */
struct irc_got *irc_act_order(struct irc_control *s, const struct irc_said *said, const struct irc_order *o,
                              bool *ret_new);
struct irc_got *irc_act_find(struct irc_control *s, const struct addr *local, uint64_t hash);
/* Does the answer repeat what was ordered: its URL, address, file? */
bool irc_act_echoes(const struct irc_got *got, struct slice answer);
void irc_act_executed(const struct irc_got *got, const struct event *e, const char *what, struct evidence *ret);
/* Traffic to what an order names; `grave`: such as no helpful bot makes. */
void irc_act_react(struct irc_got *got, const struct event *e, const char *what, bool grave, struct evidence_sink *out);
void irc_act_event(struct irc_control *s, const struct event *e, struct evidence_sink *out);

/* irc_control_fetch.c: what hosts ask for. */
void irc_fetch_event(struct irc_got *got, const struct event *e, struct evidence_sink *out);
void irc_fetch_link(struct irc_host *h, const struct irc_said *said);
void irc_fetch_clicked(struct irc_host *h, const struct event *e);

/* irc_control_census.c: what the controller says about itself. */
void irc_census_numeric(struct irc_session *session, const struct irc_message *m);
void irc_census_left(struct irc_session *session); /* another channel: its members are not known yet */
void irc_census_facts(const struct irc_census *c, struct evidence *e);
/* If it has changed, and orders or answers say that this is a botnet. */
void irc_census_tell(struct irc_session *session, const struct event *e, struct evidence_sink *out);

/* irc_control_herd.c: several hosts on one server or in one channel. */
void irc_herd_joined(struct irc_control *s, struct irc_session *session, const struct event *e,
                     struct evidence_sink *out);
/* A strong order left through a server at home. */
void irc_herd_relayed(struct irc_control *s, const struct irc_said *said, const struct irc_order *o,
                      struct evidence_sink *out);

/* irc_control_claim.c */
void irc_text_keep(char *to, size_t size, struct slice from); /* cut, NUL-terminated; NUL bytes become '?' */
struct slice irc_text_until(struct slice s, char end);        /* what stands before the first `end` */
void irc_claim_begin(const struct irc_session *session, const struct event *e, enum irc_kind kind,
                     struct evidence *ret);
void irc_claim_text(struct evidence *e, const char *key, struct slice text);
void irc_claim_order(struct evidence *e, const struct irc_got *o);
/* Once an hour per session. true: it was sent. */
bool irc_claim_once(struct irc_session *session, const struct evidence *e, enum irc_kind kind,
                    struct evidence_sink *out);
void irc_claim_got(const struct irc_got *o, const struct event *e, enum irc_kind kind, struct evidence *ret);

/* irc_control_explain.c */
void irc_explain(const struct evidence *e, struct buf *out);

#endif
