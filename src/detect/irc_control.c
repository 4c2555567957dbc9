/* SPDX-License-Identifier: GPL-3.0-or-later */
/* irc_control: home hosts that take orders over IRC, or give them, on any port. Orders, answers and reports are told by
 * their grammar; an order followed by its execution is proof. Pure; runs in the engine. docs/irc-control.md. */
#include "detect/irc_control.h"

#include <errno.h>

#define HOURS (3600 * NSEC_PER_SEC)

const struct evidence_kind irc_control_kinds[IRC_KINDS] = {
        [IRC_KIND_PORT] = {.name = "irc_control.port",
                           .title = "IRC on a port that is none of IRC's",
                           .reason = "Bots hide among other services' ports (many sensors: IRC on port 21); so do some "
                                     "people's servers. Never more than a hint.",
                           .stage = STAGE_CONTROL,
                           .weight = 150,
                           .cap = 150,
                           .half_life = 6 * HOURS},
        [IRC_KIND_KEY] = {.name = "irc_control.key",
                          .title = "a channel joined with a password",
                          .reason = "Botnets keep others out of their channels (many sensors: three of four dialogs); "
                                    "friends do, too. Never more than a hint.",
                          .stage = STAGE_CONTROL,
                          .weight = 100,
                          .cap = 100,
                          .half_life = 6 * HOURS},
        [IRC_KIND_NICK] = {.name = "irc_control.nick",
                           .title = "a nickname made by a machine",
                           .reason =
                                   "Rishi (Goebel, Holz 2007) finds bots by their names' patterns: 3.0 for fields with "
                                   "a number, 2.0 for letters of no language, 1.0 for a name with four digits, as web "
                                   "chats name guests.",
                           .stage = STAGE_CONTROL,
                           .weight = 300,
                           .cap = 300,
                           .half_life = 6 * HOURS},
        [IRC_KIND_HERD] = {.name = "irc_control.herd",
                           .title = "several home hosts came to one controller within minutes",
                           .reason =
                                   "Volumes (Koyama): many terminals that log in to one server at once complete a "
                                   "botnet; BotSniffer (Gu 2008). 10.0 for three hosts whose machine-made names have "
                                   "one pattern, 4.0 if guests of a web chat are named so, 3.0 if their numbers are a "
                                   "series and for five hosts of any names: a class or a meeting looks like that.",
                           .stage = STAGE_CONTROL,
                           .weight = 1000,
                           .cap = 1000,
                           .half_life = 6 * HOURS},
        [IRC_KIND_ORDER] = {.name = "irc_control.order",
                            .title = "an order to bots reached this host over IRC",
                            .reason =
                                    "Command character, verb, and targets, counts and flags as only programs are told "
                                    "(many sensors: all orders of the four dialogs). 3.5: with an odd port and a key "
                                    "still below suspect, since who merely sits in the channel hears it as well; 1.5 "
                                    "if a person writes, or follows links, here.",
                            .stage = STAGE_CONTROL,
                            .weight = 350,
                            .cap = 350,
                            .half_life = 12 * HOURS},
        [IRC_KIND_ANSWER] =
                {.name = "irc_control.answer",
                 .title = "this host speaks on IRC as bots report",
                 .reason = "A module's name in brackets, a colon and a status ([SCAN]: ...), or a report of "
                           "its own address: 4.0 where the name, the topic or the channel speak for a machine; "
                           "else 0.9, as people's announcing bots do it all day.",
                 .stage = STAGE_CONTROL,
                 .weight = 400,
                 .cap = 400,
                 .half_life = 12 * HOURS},
        [IRC_KIND_REACTION] = {.name = "irc_control.reaction",
                               .title = "an order, and traffic to what it names",
                               .reason =
                                       "Within a minute of the order the host looked up, or connected to, what it "
                                       "names: 9.0; 1.0, once in 12 hours, if the order could be meant for people's "
                                       "bots and nothing speaks for a machine (and then only for a fetched program or "
                                       "many addresses), or if somebody writes, or follows links, here.",
                               .stage = STAGE_CONTROL,
                               .weight = 900,
                               .cap = 1000,
                               .half_life = 12 * HOURS},
        [IRC_KIND_ENROLLED] =
                {.name = "irc_control.enrolled",
                 .title = "a member of a channel in which bots get orders",
                 .reason = "Orders in the topic, a machine-made name, a key, an odd port, and nobody who writes: four "
                           "signs or more, at least one of them an order to bots, meet in no honest client. With the "
                           "order alone (3.5) it makes a bot.",
                 .stage = STAGE_CONTROL,
                 .weight = 1800,
                 .cap = 1800,
                 .half_life = 24 * HOURS,
                 .conclusive = true},
        [IRC_KIND_CHECKIN] = {.name = "irc_control.checkin",
                              .title = "reports with the same sentence as the channel's other members",
                              .reason =
                                      "The host wrote a sentence with an address in it that at least two others wrote "
                                      "right after they joined, but for the names and numbers (many sensors: 'Slave "
                                      "... reporting, proxy'). People's programs do not report addresses in chorus.",
                              .stage = STAGE_CONTROL,
                              .weight = 2200,
                              .cap = 2200,
                              .half_life = 24 * HOURS,
                              .conclusive = true},
        [IRC_KIND_OBEYED] = {.name = "irc_control.obeyed",
                             .title = "an order over IRC, and this host's own report that it obeys",
                             .reason = "An order to bots and, within 30 s, a bot's answer or one that repeats what was "
                                       "ordered: the host itself says that it carries the order out.",
                             .stage = STAGE_CONTROL,
                             .weight = 2200,
                             .cap = 2200,
                             .half_life = 24 * HOURS,
                             .conclusive = true},
        [IRC_KIND_EXECUTED] =
                {.name = "irc_control.executed",
                 .title = "an order over IRC was carried out",
                 .reason = "The ordered program was fetched, the ordered port or network scanned, the ordered "
                           "target flooded, within two minutes and not before: conclusive, so above the "
                           "threshold of bot with room to fade.",
                 .stage = STAGE_CONTROL,
                 .weight = 3000,
                 .cap = 3000,
                 .half_life = 24 * HOURS,
                 .conclusive = true},
        [IRC_KIND_CONTROLLER] = {.name = "irc_control.controller",
                                 .title = "this host sends orders to bots",
                                 .reason = "The same grammar in the other direction. Below suspect without an answer: "
                                           "administrators also tell a helper what to look at.",
                                 .stage = STAGE_CONTROL,
                                 .weight = 50,
                                 .cap = 50,
                                 .half_life = 24 * HOURS},
        [IRC_KIND_COMMANDING] =
                {.name = "irc_control.commanding",
                 .title = "bots obey this host",
                 .reason = "An order went out and two or more others gave it one answer as bots do, or three or "
                           "more clients with machine-made names of one pattern got it from the IRC "
                           "server on this host.",
                 .stage = STAGE_CONTROL,
                 .weight = 2200,
                 .cap = 2200,
                 .half_life = 24 * HOURS,
                 .conclusive = true},
        [IRC_KIND_BOTNET] = {.name = "irc_control.botnet",
                             .title = "what the controller says about its botnet",
                             .reason = "Users, channels, members and operators as the server itself reports them (many "
                                       "sensors: 251, 265, 311-322, 353). For the story only: it says no more about "
                                       "this host.",
                             .stage = STAGE_CONTROL,
                             .weight = 10,
                             .cap = 10,
                             .half_life = 24 * HOURS},
};

static void irc_control_free(void *state)
{
        struct irc_control *s = state;

        if (!s)
                return;
        table_free(s->sessions);
        table_free(s->hosts);
        table_free(s->rooms);
        free(s);
}

static void freep_irc_control(struct irc_control **s)
{
        irc_control_free(*s);
}

static int irc_control_new(const struct detector_params *params _unused_, void **ret)
{
        _cleanup_(freep_irc_control)
        struct irc_control *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        r = table_new(&(struct table_params){.name = "irc sessions",
                                             .cap = IRC_SESSIONS,
                                             .key_size = sizeof(struct irc_session_key),
                                             .entry_size = sizeof(struct irc_session)},
                      &s->sessions);
        if (r < 0)
                return r;
        r = table_new(&(struct table_params){.name = "irc hosts",
                                             .cap = IRC_HOSTS,
                                             .key_size = sizeof(struct detector_key),
                                             .entry_size = sizeof(struct irc_host)},
                      &s->hosts);
        if (r < 0)
                return r;
        r = table_new(&(struct table_params){.name = "irc rooms",
                                             .cap = IRC_ROOMS,
                                             .key_size = sizeof(struct irc_room_key),
                                             .entry_size = sizeof(struct irc_room)},
                      &s->rooms);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

static void irc_control_event(void *state, const struct event *e, struct evidence_sink *out)
{
        struct irc_control *s = state;

        if (e->type == EVENT_IRC)
                irc_dialog_line(s, e, out);
        else if (table_count(s->hosts))
                irc_act_event(s, e, out);
}

const struct detector detector_irc_control = {
        .name = "irc_control",
        .help = "home hosts that take orders over IRC or give them, on any port, and carry them out",
        .source =
                "Watanabe (RIKEN): ways to fight malware, the four IRC dialogs; Koyama (Cyber Clean Center): volumes; "
                "Goebel, Holz: Rishi (HotBots 2007); Gu et al.: BotSniffer (NDSS 2008)",
        .limits =
                "Encrypted IRC shows only its flows. Orders in a cipher, or in plain words without arguments, are seen "
                "by their execution at most as other detectors see it. A bot that writes prose counts as a person: "
                "then only answers and execution convict it. A helper that scans on an administrator's word over IRC "
                "does what a bot does and needs an exception. An order's execution counts within "
                "two minutes, its answer within 30 s.",
        .events = 1u << EVENT_IRC | 1u << EVENT_FLOW | 1u << EVENT_DNS | 1u << EVENT_HTTP | 1u << EVENT_TLS |
                  1u << EVENT_FILE | 1u << EVENT_RATE,
        .kinds = irc_control_kinds,
        .n_kinds = IRC_KINDS,
        .new = irc_control_new,
        .free = irc_control_free,
        .event = irc_control_event,
        .explain = irc_explain,
};
