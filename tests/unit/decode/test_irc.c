/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IRC: the parts of a line, telling it from what looks alike, dialogs in any cut, and hostile lines. */
#include <errno.h>

#include "app_test.h"
#include "decode/irc.h"

extern const struct app_decoder decoder_irc;

static struct slice slice_of(const char *s)
{
        return (struct slice){s, (uint32_t) strlen(s)};
}

static bool is(struct slice s, const char *text)
{
        return s.p && s.len == strlen(text) && memcmp(s.p, text, s.len) == 0;
}

static void test_parse(void **state)
{
        struct irc_message m;

        (void) state;
        assert_int_equal(irc_parse(slice_of(":nick!~user@host.example PRIVMSG #chan :.dl http://x/a.exe b.exe 1"), &m),
                         0);
        assert_true(is(m.nick, "nick") && is(m.user, "~user") && is(m.host, "host.example"));
        assert_true(irc_is(&m, "PRIVMSG") && m.numeric == 0 && m.n_params == 2);
        assert_true(is(m.params[0], "#chan") && irc_is_channel(m.params[0]));
        assert_true(is(m.trailing, ".dl http://x/a.exe b.exe 1") && is(m.params[1], ".dl http://x/a.exe b.exe 1"));

        assert_int_equal(irc_parse(slice_of("@time=1;+x=y :irc.example 332 bot  #c :a topic"), &m), 0);
        assert_true(is(m.tags, "time=1;+x=y") && is(m.nick, "irc.example") && !m.user.p && !m.host.p);
        assert_true(m.numeric == 332 && m.n_params == 3 && is(m.params[1], "#c"));

        assert_int_equal(irc_parse(slice_of("   nick   [x]IqRkpiH  "), &m), 0);
        assert_true(irc_is(&m, "NICK") && m.n_params == 1 && is(m.params[0], "[x]IqRkpiH") && !m.trailing.p);
        assert_int_equal(irc_parse(slice_of("JOIN :#c"), &m), 0);
        assert_true(is(m.params[0], "#c") && is(m.trailing, "#c"));
        assert_int_equal(irc_parse(slice_of("TOPIC #c :"), &m), 0);
        assert_true(m.n_params == 2 && m.trailing.p && m.trailing.len == 0);
        assert_int_equal(irc_parse(slice_of(":nick@host QUIT"), &m), 0);
        assert_true(is(m.nick, "nick") && !m.user.p && is(m.host, "host"));
}

static void test_parse_limits(void **state)
{
        static const char *const bad[] = {"",
                                          " ",
                                          ":",
                                          ":prefix",
                                          ":prefix ",
                                          "@tag",
                                          "12",
                                          "12a x",
                                          "1234 x",
                                          "PRIV-MSG x",
                                          "AAAAAAAAAAAAAAAAA x",
                                          "\xff\xfe x",
                                          "220-host"};
        struct irc_message m = {.n_params = 99};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                assert_int_equal(irc_parse(slice_of(bad[i]), &m), -EINVAL);
                assert_int_equal(m.n_params, 99);
        }
        assert_int_equal(irc_parse((struct slice){NULL, 0}, &m), -EINVAL);
        assert_int_equal(irc_parse(slice_of("X 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 :17"), &m), 0);
        assert_int_equal(m.n_params, IRC_PARAMS);
        assert_true(is(m.params[14], "15 16 :17") && !m.trailing.p);
        assert_int_equal(irc_parse((struct slice){"MODE a\0b +i", 11}, &m), 0); /* any byte may be in it */
        assert_int_equal(m.params[0].len, 3);
}

static enum app_answer probe(const char *text)
{
        return app_test_probe(&decoder_irc, IPPROTO_TCP, 31337, text, strlen(text));
}

static void test_is_irc(void **state)
{
        static const char *const yes[] = {
                ":LA.CNRDI1-NIX NOTICE AUTH :*** Looking up your hostname...\r\n",
                "NICK oomvp23\r\n",
                "USER oks34k \"ABEPC\" \"idinah.shacknet.nu\" :slave\r\n",
                "USER yscxhz 0 0 :Bot|9277\r\nNICK Bot|9277\r\n",
                "PASS secret\r\nNICK x\r\n",
                "nick \xe5\x85\xb3\xe5\xae\x88\r\n",
                "JOIN #server# send.\r\n",

                "PING :A0D0B868\r\n",
                "PONG :A0D0B868\r\n",
                "NOTICE AUTH :*** Looking",
                "ERROR :Closing Link: x\r\n",
                ":x!y@z PRIVMSG #chan :.scan",
                ":STA 332 Bot|9277 #server# :.dl http://",
                ":server 001 nick",
                ":Bot!~x@1.2.3.4 QUIT\r\n",
                "@time=2020 :x!y@z PRIVMSG #c :hello\r\n",
                "PRIVMSG #server# :[DOWNLOAD]: done\r\n",
                "MODE Bot|9277 +x\r\n",
                "USERHOST Bot|9277\r\n",
                "CAP LS 302\r\n",
                "\r\n :x 433 * nick :in use",
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(yes); i++) {
                size_t len = strlen(yes[i]);

                if (probe(yes[i]) != APP_YES)
                        fail_msg("not taken for IRC: %s", yes[i]);
                for (size_t n = 0; n < len; n++) /* never refused on the way */
                        if (app_test_probe(&decoder_irc, IPPROTO_TCP, 80, yes[i], n) == APP_NO)
                                fail_msg("refused after %zu bytes: %s", n, yes[i]);
        }
}

static void test_is_not_irc(void **state)
{
        static const char *const no[] = {
                "GET / HTTP/1.1\r\nHost: x\r\n",
                "POST /NICK HTTP/1.0\r\n",
                "HTTP/1.1 200 OK\r\n",
                "220 mail.example.com ESMTP\r\n",
                "EHLO x\r\n",
                "MAIL FROM:<a@b>\r\n",
                "QUIT\r\n",
                "+OK POP3 ready\r\n",
                "USER bob\r\nSTAT\r\n",
                "PASS x\r\nSYST\r\n",
                "MODE S\r\n",
                "LIST\r\n",
                "HELP me\r\n",
                "* OK IMAP4 ready\r\n",
                "SSH-2.0-OpenSSH\r\n",
                "NOTIFY * HTTP/1.1\r\n",
                "JOINED #x\r\n",
                "PRIVMSG\r\n",
                "NICK\r\n",
                "NICK a b c d\r\n",
                ": 332 x\r\n",
                ":x y z\r\n",
                ":x UNKNOWNWORD y\r\n",
                "INFO {\"server_id\":1}\r\n",
                "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        };
        static const char *const unsure[] = {"USER bob\r\n", "PASS x\r\n", "PING x\r\n",
                                             "STARTTLS\r\n", "NI",         "JOIN #c"};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(no); i++)
                if (probe(no[i]) != APP_NO)
                        fail_msg("taken for IRC: %s", no[i]);
        for (size_t i = 0; i < ELEMENTSOF(unsure); i++)
                assert_int_equal(probe(unsure[i]), APP_MORE);
        assert_int_equal(app_test_probe(&decoder_irc, IPPROTO_TCP, 80, "NICK a\0b\r\n", 10), APP_NO);
}

static void test_dialog(void **state)
{
        static const struct app_piece pieces[] = {
                APP_SAYS('>', "NICK Bot|9277\r\nUSER yscxhz 0 0 :Bot|9277\r\n"),
                APP_SAYS('<', ":STA 001 Bot|9277 :Welcome\r\n\r\nPING :STA\n"),
                APP_SAYS('>', "JOIN #server# send.\r"),
                APP_SAYS('>', "PONG :STA\r\n"),
                APP_SAYS('<', ":STA 332 Bot|9277 #server# :.dl http://x/\xe9.exe a.exe 1\r\n"),
                APP_SAYS('<', "half a li"),
        };
        static const char want[] = "> irc line client=NICK Bot|9277\n"
                                   "> irc line client=USER yscxhz 0 0 :Bot|9277\n"
                                   "< irc line server=:STA 001 Bot|9277 :Welcome\n"
                                   "< irc line server=PING :STA\n"
                                   "> irc line client=JOIN #server# send.\n"
                                   "> irc line client=PONG :STA\n"
                                   "< irc line server=:STA 332 Bot|9277 #server# :.dl http://x/\\xe9.exe a.exe 1\n";
        struct app_test t;

        (void) state;
        assert_string_equal(app_test_run(&t, &decoder_irc, IPPROTO_TCP, pieces, ELEMENTSOF(pieces)), want);
        assert_int_equal(t.result, 0);
}

/* From its middle, and the one taken for the originator is the server. */
static void test_midstream(void **state)
{
        static const struct app_piece pieces[] = {
                APP_SAYS('>', ":a!b@c PRIVMSG #c :.scan\r\n"),
                APP_SAYS('<', "PRIVMSG #c :[SCAN]: done\r\n"),
        };
        struct app_test t;

        (void) state;
        app_test_begin(&t, &decoder_irc, IPPROTO_TCP);
        t.context.midstream = true;
        app_test_feed(&t, pieces, ELEMENTSOF(pieces), SIZE_MAX);
        assert_string_equal(buf_str(&t.log), "> irc line server=:a!b@c PRIVMSG #c :.scan\n"
                                             "< irc line client=PRIVMSG #c :[SCAN]: done\n");
}

static void test_gap(void **state)
{
        static const struct app_piece pieces[] = {
                APP_SAYS('<', ":s 001 a :hi\r\n:s 002 "),
                {'{', NULL, 100},
                APP_SAYS('<', "rest of a line\r\n:s 003 a :there\r\n"),
        };
        struct app_test t;

        (void) state;
        assert_string_equal(app_test_run(&t, &decoder_irc, IPPROTO_TCP, pieces, ELEMENTSOF(pieces)),
                            "< irc line server=:s 001 a :hi\n< irc line server=:s 003 a :there\n");
}

static void test_starttls(void **state)
{
        static const struct app_piece pieces[] = {
                APP_SAYS('>', "STARTTLS\r\n"),
                APP_SAYS('<', ":irc.x 670  :go ahead\r\n\x16\x03\x01"),
                APP_SAYS('>', "NICK x\r\n"),
        };
        struct app_test t;

        (void) state;
        assert_string_equal(app_test_run(&t, &decoder_irc, IPPROTO_TCP, pieces, ELEMENTSOF(pieces)),
                            "> irc line client=STARTTLS\n< irc line server=:irc.x 670  :go ahead\nswitch tls\n");
        assert_int_equal(t.rest, 3);
}

static void test_dcc(void **state)
{
        static const struct app_piece pieces[] = {
                APP_SAYS('>', "PRIVMSG a :\001DCC SEND b.exe 3232235876 5000 1024\001\r\n"),
                APP_SAYS('<', ":a!b@c PRIVMSG d :\001DCC SEND \"two words.exe\" 2001:db8::7 6000 1\001\r\n"),
                APP_SAYS(
                        '<',
                        ":a!b@c PRIVMSG d :\001DCC SEND p 3232235876 0 1 99\001\r\n"), /* passive: nobody listens yet */
                APP_SAYS('<', ":a!b@c PRIVMSG d :\001DCC SEND p 4294967296 1 1\001\r\n"),
                APP_SAYS('<', ":a!b@c PRIVMSG d :\001DCC SEND p 0 1 1\001\r\n"),
                APP_SAYS('<', ":a!b@c PRIVMSG d :\001DCC SEND p 1.2.3.4 65536 1\001\r\n"),
                APP_SAYS('<', ":a!b@c PRIVMSG d :\001DCC SEND \"open 1.2.3.4 1 1\001\r\n"),
                APP_SAYS('<', ":a!b@c PRIVMSG d :\001DCC SEND f.txt \x01\x02\x03 5000 1024\001\r\n"),
                APP_SAYS('<', ":a!b@c PRIVMSG d :\001DCC SEND \001\r\n"),
        };
        struct app_test t;
        const char *text;

        (void) state;
        text = app_test_run(&t, &decoder_irc, IPPROTO_TCP, pieces, ELEMENTSOF(pieces));
        assert_non_null(strstr(text, "expect 192.168.1.100 5000 file name=b.exe\n"));
        assert_non_null(strstr(text, "expect 2001:db8::7 6000 file name=two words.exe\n"));
        assert_null(strstr(strstr(text, "name=two words.exe"), "expect "));
}

static void test_hostile(void **state)
{
        struct app_test t;
        char line[1400], garbage[64 * 17];
        const struct app_piece huge[] = {{'<', line, sizeof(line)}, APP_SAYS('<', "\r\n:s 001 a :b\r\n")};
        const struct app_piece noise[] = {{'>', garbage, sizeof(garbage)}, APP_SAYS('>', "NICK late\r\n")};
        const char *text;

        (void) state;
        memset(line, 'a', sizeof(line));
        memcpy(line, ":s 372 a :", 10);
        text = app_test_run(&t, &decoder_irc, IPPROTO_TCP, huge, ELEMENTSOF(huge));
        assert_int_equal(strchr(text, '\n') - text, strlen("< irc line server= cut") + 512);
        assert_non_null(strstr(text, " cut\n< irc line server=:s 001 a :b\n"));

        memset(garbage, '\xff', sizeof(garbage));
        for (size_t i = 63; i < sizeof(garbage); i += 64)
                garbage[i] = '\n';
        assert_string_equal(app_test_run(&t, &decoder_irc, IPPROTO_TCP, noise, ELEMENTSOF(noise)), "");
        assert_int_equal(t.result, -EPROTO);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse),  cmocka_unit_test(test_parse_limits),
                cmocka_unit_test(test_is_irc), cmocka_unit_test(test_is_not_irc),
                cmocka_unit_test(test_dialog), cmocka_unit_test(test_midstream),
                cmocka_unit_test(test_gap),    cmocka_unit_test(test_starttls),
                cmocka_unit_test(test_dcc),    cmocka_unit_test(test_hostile),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
