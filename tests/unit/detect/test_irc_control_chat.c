/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All detectors, irc_control and egg above all: long days of people chatting, made from a seed: talk, links that are
 * clicked, helpful bots and what they are told, the network's services, games, logins, DCC, splits, guests of a web
 * chat, somebody who only listens; and a class that meets in one channel at nine. Nobody of them may ever become
 * suspect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "detect/detector.h"
#include "talk.h"

#define DAYS   12
#define ROUNDS 2500 /* lines a day, about one in half a minute */
#define PEOPLE 10
#define PUPILS 30

static unsigned seed;

static unsigned below(unsigned n)
{
        return (unsigned) rand_r(&seed) % n;
}

#define PICK(list) (list[below(ELEMENTSOF(list))])

static const char *const subjects[] = {"the new kernel", "my bicycle", "that film", "the meeting", "our server",
                                       "the weather",    "dinner",     "the match", "her book",    "this compiler"};
static const char *const verbs[] = {"works again",         "is still broken",      "was better than I thought",
                                    "took three hours",    "costs 20 euro",        "starts at 19:30",
                                    "needs a new battery", "is worth a look",      "will not boot from /dev/sda1",
                                    "went to version 2.6", "listens on port 8080", "has 3 of 5 stars"};
static const char *const ends[] = {"",         "!",   "?",   " :-)",   ", believe me", ", as always",
                                   " (again)", "...", " ;)", ", 10/10"};

static const char *const others[] = {"carl", "Bob|away", "peter_", "Yuki", "mira", "^tom^", "Guest50123", "hana2004"};

/* What people tell helpful bots, and what no bot should make of it. */
static const char *const commands[] = {"!help",
                                       "!weather 10115",
                                       "!weather Tokyo",
                                       ".np",
                                       "!seen carl",
                                       "@find -n 3 some author",
                                       "!calc 17 * 3 + 4",
                                       "!roll 3 6",
                                       "!remind 20 tea",
                                       "!title http://news.example/2024/05/index.html",
                                       "!server 198.51.100.50",
                                       "!connect 198.51.100.50:27015 secret",
                                       "!ping 198.51.100.50",
                                       "!port 198.51.100.50 8080",
                                       "!dns www.example.org",
                                       "!op mira",
                                       "!kick spammer enough is enough",
                                       "!quote add <carl> it compiles, ship it",
                                       ".tell mira the keys are at the desk",
                                       "?? faq 12",
                                       "-- 3 2 1 go --",
                                       "%score 12 4",
                                       "~karma compiler",
                                       "!vote 2",
                                       "!get #7",
                                       "/msg NickServ IDENTIFY correct horse",
                                       "...so I said no",
                                       "!timer 10 30 5",
                                       "!google -l 5 how to fold a map",
                                       ".seen carl",
                                       ".seen Guest50123 30",
                                       "!addserver 198.51.100.50:27015 5on5 24/7 900 EU pov",
                                       "!server 198.51.100.50:27015 1 2",
                                       "!get http://files.example/term.exe",
                                       "!ping -c 5 198.51.100.50",
                                       "!ban *!*@198.51.100.* 60 flooding",
                                       "!kb 198.51.100.4 60 spam",
                                       "!trade 50 10 3 -f",
                                       "!deploy -f web1.example 443",
                                       "!loto 4 8 15 16 23 42",
                                       "!isup www.example.org 443",
                                       "!subnet 10.0.0.0 255.0.0.0",
                                       ".jump irc.example.net 6667",
                                       "!rss add news http://feed.example/rss 30 5"};

static const char *const answers[] = {"Tokyo: 21 degrees, light rain, wind 12 km/h",
                                      "[CI]: Build 812 passed, http://ci.example/812",
                                      "[RSS] Something happened - http://news.example/1",
                                      "198.51.100.50:27015 dust2 12/16 players, ping 32ms",
                                      "[TITLE]: News of the day - example",
                                      "carl was last seen 2 hours, 10 minutes ago, saying: bye",
                                      "** 5 packs ** 3 of 10 slots open, Record: 234.5KB/s",
                                      "#1 123x [1.2M] holiday-photos.tar",
                                      "17 * 3 + 4 = 55",
                                      "www.example.org is 198.51.100.70",
                                      "[PING]: 198.51.100.50: 5 packets, 0% lost, 12 ms",
                                      "[GET]: http://files.example/term.exe is term.exe, 1.2 MB",
                                      "[SERVER]: 198.51.100.50:27015 added to the list",
                                      "[DEPLOY]: web1.example done in 12 s"};

static const char *const links[] = {"http://news.example/2024/05/index.html", "http://files.example/term.exe",
                                    "http://maps.example/night.zip", "https://forum.example/t/1234"};

static const char *const topics[] = {"Welcome! Rules: http://www.example.org/rules | !help for the bot",
                                     "Tonight 20:00: tournament on 198.51.100.50:27015 | be nice",
                                     "release 2.6.1 is out: http://files.example/x-2.6.1.tar.gz",
                                     ".: the quiet place :.", "* * * happy new year * * *"};

static struct {
        const char *host, *server, *nick, *join;
        uint16_t port;
        bool talks; /* else only listens */
} people[PEOPLE] = {
        {"10.1.6.1", "203.0.113.1", "anna", "#chat", 6667, true},
        {"10.1.6.2", "203.0.113.1", "bert1987", "#chat", 6697, true},
        {"10.1.6.3", "203.0.113.2", "Guest48213", "#games key", 31337, true},
        {"10.1.6.4", "203.0.113.2", "Guest48777", "#games key", 31337, false},
        {"10.1.6.5", "203.0.113.3", "xXDarkLordXx", "#games", 8000, true},
        {"10.1.6.6", "203.0.113.3", "schmitz", "#linux", 7000, false},
        {"10.1.6.7", "203.0.113.1", "helper", "#project key", 4400, false}, /* a helpful bot itself */
        {"10.1.6.8", "203.0.113.4", "[CLAN]Rex", "#clan sesame", 5555, true},
        {"10.1.6.9", "203.0.113.4", "yuki", "#nihongo", 6667, true},
        {"10.1.6.10", "203.0.113.4", "kde|sebas", "#kde", 6667, true},
};
enum { HELPER = 6, JAPANESE = 8 };

static const char *channel_of(unsigned p)
{
        static char name[32];

        snprintf(name, sizeof(name), "%.*s", (int) strcspn(people[p].join, " "), people[p].join);
        return name;
}

static void as(struct talk *t, unsigned p)
{
        t->host = people[p].host;
        t->server = people[p].server;
        t->port = people[p].port;
        t->flow_id = p + 1;
}

static void hear(struct talk *t, unsigned p, const char *from, const char *text)
{
        char line[500];

        snprintf(line, sizeof(line), ":%s!u@host.example PRIVMSG %s :%s", from, channel_of(p), text);
        talk_in(t, line);
}

static void speak(struct talk *t, unsigned p, const char *text)
{
        char line[500];

        snprintf(line, sizeof(line), "PRIVMSG %s :%s", channel_of(p), text);
        talk_out(t, line);
}

static void sentence(char *text, size_t size)
{
        switch (below(4)) {
        case 0:
                snprintf(text, size, "%s %s%s", PICK(subjects), PICK(verbs), PICK(ends));
                break;
        case 1:
                snprintf(text, size, "%s: %s %s%s", PICK(others), PICK(subjects), PICK(verbs), PICK(ends));
                break;
        case 2:
                snprintf(text, size,
                         "\x01"
                         "ACTION thinks that %s %s\x01",
                         PICK(subjects), PICK(verbs));
                break;
        default:
                snprintf(text, size, "%s", below(2) ? "lol" : "yes, %s\xc3\xa9");
                break;
        }
}

static void click(struct talk *t, const char *link)
{
        char host[64], uri[128];
        struct event e = {.type = EVENT_FILE, .op = FILE_SEEN};

        if (sscanf(link, "http://%63[^/]%127s", host, uri) != 2)
                return;
        talk_wait(t, 1000 + (long) below(20000));
        talk_fetch(t, "198.51.100.9", host, uri);
        if (!strstr(uri, ".exe"))
                return;
        e.time = t->now;
        e.file.ends = talk_ends(t, "198.51.100.9", 80, false);
        e.file.kind = FILE_PE;
        e.file.how = FILE_HTTP;
        e.file.name = talk_slice(uri);
        e.file.host = talk_slice(host);
        e.file.size = UINT64_MAX;
        analysis_event(t->analysis, &e);
}

/* What a program at home does when it is asked in its channel. */
static void help(struct talk *t, unsigned p)
{
        hear(t, p, PICK(others), PICK(commands));
        talk_wait(t, 800);
        switch (below(4)) {
        case 0:
                talk_fetch(t, "198.51.100.71", "news.example", "/2024/05/index.html");
                break;
        case 1:
                talk_answered(t, "198.51.100.50", 8080);
                break;
        default:
                break;
        }
        speak(t, p, PICK(answers));
}

static void server_things(struct talk *t, unsigned p)
{
        static const char *const lines[] = {":carl!u@host.example JOIN :%s",
                                            ":carl!u@host.example PART %s :bye",
                                            ":hub.example 366 me %s :End of /NAMES list.",
                                            ":hub.example 353 me = %s :@carl +mira Guest50123 hana2004 Bob|away",
                                            ":Bob|away!u@host.example QUIT %s:hub.example leaf.example",
                                            ":NickServ!s@services. NOTICE %s :This nickname is registered.",
                                            ":NickServ!s@services. NOTICE me :You have 30 seconds to identify.",
                                            ":ChanServ!s@services. MODE %s +o mira",
                                            ":ChanServ!s@services. NOTICE %s :[#chat] Rules: no spam, no bots",
                                            ":MemoServ!s@services. NOTICE me :You have 2 new memos.",
                                            ":hub.example NOTICE me :Highest connection count: 312 (311 clients)",
                                            ":hub.example 251 me :There are 812 users and 90 invisible on 9 servers",
                                            ":hub.example 322 me #chat 88 :Welcome! | !help for the bot",
                                            ":hub.example 311 me carl c host.example * :Carl",
                                            ":hub.example 319 me carl :@#chat #games"};
        char line[300], *at;
        const char *form = PICK(lines);

        snprintf(line, sizeof(line), "%s", form);
        at = strstr(line, "%s");
        if (at) {
                char rest[200];

                snprintf(rest, sizeof(rest), "%s", at + 2);
                snprintf(at, sizeof(line) - (size_t) (at - line), "%s%s", channel_of(p), rest);
        }
        talk_in(t, line);
        snprintf(line, sizeof(line), ":hub.example 332 me %s :%s", channel_of(p), PICK(topics));
        talk_in(t, line);
}

static void browse(struct talk *t)
{
        for (unsigned i = 0; i < 25; i++) {
                char to[ADDR_TEXT_MAX];

                snprintf(to, sizeof(to), "198.18.%u.%u", below(200), below(200) + 1);
                talk_answered(t, to, below(3) ? 443 : 80);
                talk_wait(t, 100);
        }
}

static void round_of(struct talk *t, unsigned p)
{
        char text[300];

        as(t, p);
        switch (below(12)) {
        case 0:
                server_things(t, p);
                break;
        case 1:
                hear(t, p, PICK(others), PICK(commands));
                talk_wait(t, 500);
                hear(t, p, "ChatBot", PICK(answers));
                break;
        case 2: {
                const char *link = PICK(links);

                snprintf(text, sizeof(text), "look at %s, %s", link, PICK(verbs));
                hear(t, p, PICK(others), text);
                if (below(2))
                        click(t, link); /* or reads its title */
                break;
        }
        case 3:
                browse(t);
                break;
        case 4:
                hear(t, p, PICK(others),
                     "\x01"
                     "DCC SEND holiday.jpg 3232235777 5000 123456\x01");
                talk_in(t, "PING :hub.example");
                talk_out(t, "PONG :hub.example");
                break;
        case 5:
        case 6:
                if (p == HELPER)
                        help(t, p);
                else if (people[p].talks)
                        speak(t, p, PICK(commands));
                break;
        default:
                sentence(text, sizeof(text));
                hear(t, p, PICK(others), text);
                talk_wait(t, 3000 + (long) below(20000));
                sentence(text, sizeof(text));
                if (p == JAPANESE)
                        speak(t, p, "\xe3\x81\x9d\xe3\x81\x86\xe3\x81\xa7\xe3\x81\x99\xe3\x81\xad\xe3\x80\x82");
                else if (people[p].talks)
                        speak(t, p, text);
                break;
        }
}

static void test_days(void **state)
{
        int32_t worst = 0;

        (void) state;
        for (unsigned day = 0; day < DAYS; day++) {
                struct talk t;

                seed = day + 1;
                talk_begin(&t);
                for (unsigned p = 0; p < PEOPLE; p++) {
                        as(&t, p);
                        talk_login(&t, people[p].nick, people[p].join);
                        talk_out(&t, "PRIVMSG NickServ :IDENTIFY correct-horse");
                }
                for (unsigned i = 0; i < ROUNDS; i++) {
                        round_of(&t, below(PEOPLE));
                        talk_wait(&t, (long) below(60000));
                        for (unsigned p = 0; i % 50 == 0 && p < PEOPLE; p++) {
                                int32_t score;
                                enum level level = talk_level(&t, people[p].host, &score);

                                worst = score > worst ? score : worst;
                                if (level >= LEVEL_SUSPECT)
                                        fail_msg("day %u, line %u: %s has %d", day, i, people[p].nick, score);
                        }
                }
                talk_end(&t);
        }
        printf("%d days of %d people, %d turns each: the highest score is %d.%d\n", DAYS, PEOPLE, ROUNDS, worst / 100,
               worst / 10 % 10);
}

/* What a class is called: by people, by a school's accounts, by a web chat, by the inventory of its machines. */
static void class_nick(unsigned kind, unsigned i, char nick[static 32])
{
        static const char *const names[] = {"anna", "ben", "chloe", "david", "emma", "felix", "greta", "hugo"};

        switch (kind) {
        case 0:
                snprintf(nick, 32, "%s%c", names[i % 8], (char) ('a' + i / 8));
                break;
        case 1:
                snprintf(nick, 32, "student_%u", 20231200 + i * 3);
                break;
        case 2:
                snprintf(nick, 32, "Guest%u", 10000 + below(90000));
                break;
        case 3:
                snprintf(nick, 32, "PC-104-%04u", 400 + i);
                break;
        default:
                snprintf(nick, 32, "%s_%u", names[i % 8], 1990 + below(20));
                break;
        }
}

static void class_as(struct talk *t, unsigned i)
{
        static char host[32];

        snprintf(host, sizeof(host), "10.1.9.%u", i + 1);
        t->host = host;
        t->flow_id = 100 + i;
}

static void class_hears(struct talk *t, const char *from, const char *text)
{
        for (unsigned i = 0; i < PUPILS; i++) {
                char line[400];

                class_as(t, i);
                snprintf(line, sizeof(line), ":%s!u@h PRIVMSG #class :%s", from, text);
                talk_in(t, line);
        }
}

static void class_works(struct talk *t)
{
        for (unsigned round = 0; round < 60; round++)
                for (unsigned i = 0; i < PUPILS; i++) {
                        char text[300], line[400];

                        class_as(t, i);
                        if (below(6))
                                continue;
                        if (below(3))
                                sentence(text, sizeof(text));
                        else
                                snprintf(text, sizeof(text), "%s", below(2) ? "!help" : ".seen teacher");
                        snprintf(line, sizeof(line), "PRIVMSG #class :%s", text);
                        talk_out(t, line);
                        talk_wait(t, 700);
                }
}

/* Thirty pupils join at nine, get a link to a program, all fetch it from the school's mirror, and work. */
static void test_class(void **state)
{
        int32_t worst = 0;

        (void) state;
        for (unsigned kind = 0; kind < 5; kind++) {
                struct talk t;

                seed = kind + 1;
                talk_begin(&t);
                t.server = "203.0.113.99";
                t.port = kind == 2 ? 7777 : 6667;
                for (unsigned i = 0; i < PUPILS; i++) {
                        char nick[32];

                        class_as(&t, i);
                        class_nick(kind, i, nick);
                        talk_login(&t, nick, "#class");
                        talk_wait(&t, 1000);
                }
                class_hears(&t, "teacher", "!quiz start 10 60");
                class_hears(&t, "teacher", "please fetch http://files.example/term.exe and start it, then say !help");
                for (unsigned i = 0; i < PUPILS; i++) {
                        class_as(&t, i);
                        click(&t, "http://files.example/term.exe");
                }
                class_works(&t);
                for (unsigned i = 0; i < PUPILS; i++) {
                        int32_t score;

                        class_as(&t, i);
                        if (talk_level(&t, t.host, &score) >= LEVEL_SUSPECT)
                                fail_msg("class %u, pupil %u has %d", kind, i, score);
                        worst = score > worst ? score : worst;
                }
                talk_end(&t);
        }
        printf("5 classes of %d: the highest score is %d.%d\n", PUPILS, worst / 100, worst / 10 % 10);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_days), cmocka_unit_test(test_class)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
