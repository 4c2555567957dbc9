/* SPDX-License-Identifier: GPL-3.0-or-later */
/* irc_control: several home hosts on one server, and controllers at home. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "detect/detector.h"
#include "talk.h"

static void test_herd(void **state)
{
        static const char *const hosts[] = {"10.1.6.1", "10.1.6.2", "10.1.6.3", "10.1.6.4"};
        static const char *const nicks[] = {"[XP|USA|12345]", "[W7|DEU|55512]", "[XP|JPN|90412]", "[XP|JPN|70077]"};
        const struct evidence *e;
        struct talk t;

        (void) state;
        talk_begin(&t);
        for (size_t i = 0; i < ELEMENTSOF(hosts); i++) {
                t.host = hosts[i];
                t.flow_id = i + 1;
                talk_login(&t, nicks[i], "#x");
                talk_wait(&t, 30000);
                if (i == 1)
                        assert_null(talk_kind(&t, "irc_control.herd"));
        }
        e = talk_kind(&t, "irc_control.herd");
        assert_non_null(e);
        assert_int_equal(talk_number(e, "hosts"), 4);
        assert_string_equal(talk_text(e, "pattern"), "[AA|AAA|9]");
        /* each of them is claimed, and suspect */
        for (size_t i = 0; i < ELEMENTSOF(hosts); i++)
                assert_int_equal(talk_level(&t, hosts[i], NULL), LEVEL_SUSPECT);
        talk_end(&t);
}

/* Orders may come in private: whoever logs in and joins no channel counts, too. */
static void test_no_channel(void **state)
{
        static const char *const hosts[] = {"10.1.6.1", "10.1.6.2", "10.1.6.3"};
        static const char *const nicks[] = {"[XP|USA|12345]", "[W7|DEU|55512]", "[XP|JPN|90412]"};
        struct talk t;

        (void) state;
        talk_begin(&t);
        for (size_t i = 0; i < ELEMENTSOF(hosts); i++) {
                char line[100];

                t.host = hosts[i];
                t.flow_id = i + 1;
                snprintf(line, sizeof(line), "NICK %s", nicks[i]);
                talk_out(&t, line);
                talk_in(&t, "PING :s");
                assert_null(talk_kind(&t, "irc_control.herd"));
                talk_wait(&t, 31000);
                talk_in(&t, "PING :s");
        }
        assert_int_equal(talk_number(talk_kind(&t, "irc_control.herd"), "hosts"), 3);
        talk_end(&t);
}

/* Numbers drawn by chance are a herd's; pupils' and machines' numbers are a series. */
static void test_series(void **state)
{
        static const unsigned numbers[2][4] = {{20231201, 20231207, 20231266, 20231210},
                                               {84120553, 20231207, 55120091, 91004417}};

        (void) state;
        for (unsigned drawn = 0; drawn < 2; drawn++) {
                struct talk t;

                talk_begin(&t);
                for (unsigned i = 0; i < 4; i++) {
                        static char host[4][20];
                        char nick[32];

                        snprintf(host[i], sizeof(host[i]), "10.1.7.%u", i + 1);
                        snprintf(nick, sizeof(nick), "student_%u", numbers[drawn][i]);
                        t.host = host[i];
                        t.flow_id = i + 1;
                        talk_login(&t, nick, "#class");
                }
                assert_int_equal(talk_kind(&t, "irc_control.herd")->weight, drawn ? 1000 : 300);
                assert_int_equal(talk_level(&t, t.host, NULL) >= LEVEL_SUSPECT, drawn);
                talk_end(&t);
        }
}

/* A class that meets in one channel, or everybody after an outage. */
static void test_class(void **state)
{
        struct talk t;

        (void) state;
        talk_begin(&t);
        for (unsigned i = 0; i < 30; i++) {
                static char host[30][20];
                char nick[20];

                snprintf(host[i], sizeof(host[i]), "10.1.7.%u", i + 1);
                snprintf(nick, sizeof(nick), "%s%c", i % 2 ? "Anna" : "Peter", 'a' + (int) i % 26);
                t.host = host[i];
                t.flow_id = i + 1;
                talk_login(&t, nick, "#class");
                talk_wait(&t, 2000);
        }
        for (unsigned i = 0; i < 30; i++) {
                char host[20];

                snprintf(host, sizeof(host), "10.1.7.%u", i + 1);
                assert_true(talk_level(&t, host, NULL) < LEVEL_SUSPECT);
        }
        assert_non_null(talk_kind(&t, "irc_control.herd"));
        talk_end(&t);
}

static void test_controller(void **state)
{
        const struct evidence *e;
        struct talk t;

        (void) state;
        talk_begin(&t);
        talk_login(&t, "boss", "#x");
        talk_out(&t, "PRIVMSG #x :.advscan dcom135 100 5 0 -r");
        assert_non_null(talk_kind(&t, "irc_control.controller"));
        talk_wait(&t, 1000);
        talk_in(&t, ":b1!x@h PRIVMSG #x :[SCAN]: Random port scan started.");
        talk_in(&t, ":b1!x@h PRIVMSG #x :[SCAN]: Found 3.");
        assert_true(talk_level(&t, t.host, NULL) < LEVEL_SUSPECT);
        talk_in(&t, ":b2!x@h PRIVMSG #x :[SCAN]: Random port scan started.");
        e = talk_kind(&t, "irc_control.commanding");
        assert_non_null(e);
        assert_string_equal(talk_text(e, "order"), ".advscan dcom135 100 5 0 -r");
        assert_int_equal(talk_level(&t, t.host, NULL), LEVEL_BOT);
        talk_end(&t);
}

static void test_server_at_home(void **state)
{
        static const char *const bots[] = {"[XP|USA|12345]", "[W7|DEU|55512]", "[XP|JPN|90412]"};
        static const char *const people[] = {"anna", "Guest48213", "Guest48214"};

        (void) state;
        for (int with = 0; with < 2; with++) {
                struct talk t;

                talk_begin(&t);
                t.serves = true;
                for (unsigned i = 0; i < 3; i++) {
                        static char client[3][20];
                        char line[200];
                        const char *nick = with ? bots[i] : people[i];

                        snprintf(client[i], sizeof(client[i]), "203.0.113.%u", i + 1);
                        t.server = client[i];
                        t.flow_id = i + 1;
                        snprintf(line, sizeof(line), "NICK %s", nick);
                        talk_in(&t, line);
                        snprintf(line, sizeof(line), ":home 001 %s :Welcome", nick);
                        talk_out(&t, line);
                        talk_in(&t, "JOIN #x");
                        snprintf(line, sizeof(line), ":%s!u@h JOIN :#x", nick);
                        talk_out(&t, line);
                        snprintf(line, sizeof(line), ":home 332 %s #x :.advscan dcom135 100 5 0 -r", nick);
                        talk_out(&t, line);
                }
                assert_int_equal(talk_kind(&t, "irc_control.commanding") != NULL, with);
                assert_int_equal(talk_level(&t, t.host, NULL) == LEVEL_BOT, with);
                talk_end(&t);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_herd),       cmocka_unit_test(test_class),
                                           cmocka_unit_test(test_no_channel), cmocka_unit_test(test_series),
                                           cmocka_unit_test(test_controller), cmocka_unit_test(test_server_at_home)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
