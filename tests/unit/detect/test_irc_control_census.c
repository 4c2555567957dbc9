/* SPDX-License-Identifier: GPL-3.0-or-later */
/* irc_control: what a controller tells about itself: size, channels, members, operator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "detect/detector.h"
#include "talk.h"

#define BOT   "JPN|425015894"
#define ORDER ":s 332 " BOT " #x :.advscan dcom135 100 5 0 -r"

static void lines(struct talk *t, const char *const *text, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                talk_in(t, text[i]);
                talk_wait(t, 100);
        }
}

static void test_numbers(void **state)
{
        static const char *const told[] = {
                ":s 251 " BOT " :There are 78 users and 2339 invisible on 1 servers",
                ":s 254 " BOT " 9 :channels formed",
                ":s 255 " BOT " :I have 2417 clients and 0 servers",
                ":s 265 " BOT " :Current Local Users: 2417  Max: 3156",
                ":s 321 " BOT " Channel :Users  Name",
                ":s 322 " BOT " #a 3 :",
                ":s 322 " BOT " #b 70 :",
                ":s 323 " BOT " :End of /LIST",
                ORDER,
                ":s 333 " BOT " #x luffy!l@h.example 1122366821",
                ":s 353 " BOT " @ #x :" BOT " @SaBeR DEU|111111111 USA|222222222 FRA|333333333 Guest12345",
                ":s 366 " BOT " #x :End of /NAMES list.",
        };
        const struct evidence *e;
        struct talk t;

        (void) state;
        talk_begin(&t);
        talk_login(&t, BOT, "#x");
        lines(&t, told, ELEMENTSOF(told));
        talk_wait(&t, 20000);
        talk_in(&t, "PING :s");
        e = talk_kind(&t, "irc_control.botnet");
        assert_non_null(e);
        assert_int_equal(talk_number(e, "users"), 2417);
        assert_int_equal(talk_number(e, "channels"), 9);
        assert_string_equal(talk_text(e, "largest"), "#b");
        assert_int_equal(talk_number(e, "largest_members"), 70);
        assert_int_equal(talk_number(e, "members"), 6);
        assert_int_equal(talk_number(e, "machine_names"), 4);
        assert_string_equal(talk_text(e, "operator"), "SaBeR");
        talk_end(&t);
}

/* Who operates the server is known better than who set a topic; 311 says from where. */
static void test_operator(void **state)
{
        static const char *const told[] = {
                ORDER,
                ":s 333 " BOT " #x luffy 1122366821",
                ":s 311 " BOT " fork f microsoft.rulez * :fork",
                ":s 319 " BOT " fork :@#y #x",
                ":s 312 " BOT " fork s :x",
                ":s 313 " BOT " fork :is a Network Administrator",
                ":s 317 " BOT " fork 51937 1159702890 :seconds idle, signon time",
                ":s 318 " BOT " fork :End of /WHOIS list.",
                ":s 311 " BOT " carl c host.example * :Carl",
                ":s 319 " BOT " carl :@#x",
        };
        const struct evidence *e;
        struct talk t;
        char story[4000];
        struct buf b = BUF_FIXED(story);

        (void) state;
        talk_begin(&t);
        talk_login(&t, BOT, "#x");
        lines(&t, told, ELEMENTSOF(told));
        talk_wait(&t, 20000);
        talk_in(&t, "PING :s");
        e = talk_kind(&t, "irc_control.botnet");
        assert_non_null(e);
        assert_string_equal(talk_text(e, "operator"), "fork");
        assert_string_equal(talk_text(e, "operator_from"), "f@microsoft.rulez");
        detector_find("irc_control")->explain(e, &b);
        assert_non_null(strstr(story, "\"fork\", f@microsoft.rulez"));
        talk_end(&t);
}

/* What comes after the conviction is told with the connection's end at the latest; before any sign of a botnet, never.
 */
static void test_when(void **state)
{
        struct event end = {.type = EVENT_FLOW, .op = FLOW_END};
        struct talk t;

        (void) state;
        talk_begin(&t);
        talk_login(&t, BOT, "#x");
        talk_in(&t, ":s 251 " BOT " :There are 78 users and 0 invisible on 1 servers");
        talk_wait(&t, 60000);
        talk_in(&t, "PING :s");
        assert_null(talk_kind(&t, "irc_control.botnet"));
        talk_in(&t, ORDER);
        assert_int_equal(talk_number(talk_kind(&t, "irc_control.botnet"), "users"), 78);
        talk_in(&t, ":s 251 " BOT " :There are 99 users and 0 invisible on 1 servers");
        assert_int_equal(talk_number(talk_kind(&t, "irc_control.botnet"), "users"), 78);
        end.time = t.now;
        end.flow.flow_id = t.flow_id;
        end.flow.local = talk_addr(t.host);
        end.flow.remote = talk_addr(t.server);
        end.flow.app = APP_IRC;
        analysis_event(t.analysis, &end);
        assert_int_equal(talk_number(talk_kind(&t, "irc_control.botnet"), "users"), 99);
        talk_end(&t);
}

/* A server that invents numbers in every line costs a claim in ten seconds. */
static void test_flooded(void **state)
{
        struct talk t;

        (void) state;
        talk_begin(&t);
        talk_login(&t, BOT, "#x");
        talk_in(&t, ORDER);
        t.claims = 0;
        for (unsigned i = 0; i < 10000; i++) {
                char line[200];

                snprintf(line, sizeof(line), ":s 251 " BOT " :There are %u users and 0 invisible on 1 servers", i);
                talk_in(&t, line);
                talk_wait(&t, 10);
        }
        assert_in_range(t.claims, 5, 12);
        talk_end(&t);
}

/* An order in private, to a client in several channels: the story says where. */
static void test_private(void **state)
{
        const struct evidence *e;
        struct talk t;

        (void) state;
        talk_begin(&t);
        talk_login(&t, BOT, "#x");
        talk_in(&t, ":op!o@h PRIVMSG #other :.udp 198.51.100.4 10000 1024 10");
        e = talk_kind(&t, "irc_control.order");
        assert_non_null(e);
        assert_string_equal(talk_text(e, "channel"), "#other");
        talk_in(&t, ":op!o@h PRIVMSG " BOT " :.advscan dcom135 100 5 0 -r");
        e = talk_kind(&t, "irc_control.order");
        assert_string_equal(talk_text(e, "where"), "private");
        assert_string_equal(talk_text(e, "order_from"), "op");
        talk_end(&t);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers), cmocka_unit_test(test_operator),
                                           cmocka_unit_test(test_when), cmocka_unit_test(test_flooded),
                                           cmocka_unit_test(test_private)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
