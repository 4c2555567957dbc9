/* SPDX-License-Identifier: GPL-3.0-or-later */
/* FTP's control connection: dialogs in any cut, which data connections they announce, secrets, hostile lines. */
#include <errno.h>

#include "app_test.h"

extern const struct app_decoder decoder_ftp;

#define RUN(pieces) app_test_run(&t, &decoder_ftp, IPPROTO_TCP, pieces, ELEMENTSOF(pieces))

static void test_dialog(void **state)
{
        static const struct app_piece pieces[] = {
                APP_SAYS('<', "220-StnyFtpd 0wns j0\r\n  and more\r\n220-even\r\n220 more\r\n"),
                APP_SAYS('>', "USER 1\r\nPASS secret\r\n"),
                APP_SAYS('<', "331 Password required\r\n230 logged in.\r\n"),
                APP_SAYS('>', "pass again\r\nACCT x\r\n  \xff\xf4\xff\xf2"
                              "ABOR\r\n"),
                APP_SAYS('<', "226 ok\n"),
        };
        struct app_test t;

        (void) state;
        assert_string_equal(RUN(pieces), "< ftp reply code=220 text=220-StnyFtpd 0wns j0\n"
                                         "> ftp command text=USER 1\n"
                                         "> ftp command text=PASS\n"
                                         "< ftp reply code=331 text=331 Password required\n"
                                         "< ftp reply code=230 text=230 logged in.\n"
                                         "> ftp command text=pass\n"
                                         "> ftp command text=ACCT\n"
                                         "> ftp command text=ABOR\n"
                                         "< ftp reply code=226 text=226 ok\n");
}

/* PORT and PASV announce; RETR and STOR say what it will be. Behind a translator a server's address may be wrong. */
static void test_data_connections(void **state)
{
        static const struct app_piece pieces[] = {
                APP_SAYS('>', "PORT 10,0,0,1,4,1\r\nRETR bot.exe\r\n"),
                APP_SAYS('<', "227 Entering Passive Mode (192,168,7,7,200,1).\r\n"),
                APP_SAYS('>', "STOR up load.txt\r\n"),
                APP_SAYS('<', "227 =10,0,0,2,0,22\r\n"),
                APP_SAYS('<', "229 Entering Extended Passive Mode (|||60931|)\r\n"),
                APP_SAYS('>', "EPRT |2|2001:db8::1|1025|\r\nEPRT !1!10.0.0.1!1026!\r\nAPPE\r\n"),
        };
        struct app_test t;

        (void) state;
        assert_string_equal(RUN(pieces), "> ftp command text=PORT 10,0,0,1,4,1\n"
                                         "expect 10.0.0.1 1025 ftp-data name=\n"
                                         "> ftp command text=RETR bot.exe\n"
                                         "expect 10.0.0.1 1025 ftp-data name=bot.exe\n"
                                         "< ftp reply code=227 text=227 Entering Passive Mode (192,168,7,7,200,1).\n"
                                         "expect 192.168.7.7 51201 ftp-data name=\n"
                                         "expect 10.0.0.2 51201 ftp-data name=\n"
                                         "> ftp command text=STOR up load.txt\n"
                                         "expect 192.168.7.7 51201 ftp-data name=up load.txt\n"
                                         "expect 10.0.0.2 51201 ftp-data name=up load.txt\n"
                                         "< ftp reply code=227 text=227 =10,0,0,2,0,22\n"
                                         "expect 10.0.0.2 22 ftp-data name=\n"
                                         "< ftp reply code=229 text=229 Entering Extended Passive Mode (|||60931|)\n"
                                         "expect 10.0.0.2 60931 ftp-data name=\n"
                                         "> ftp command text=EPRT |2|2001:db8::1|1025|\n"
                                         "expect 2001:db8::1 1025 ftp-data name=\n"
                                         "> ftp command text=EPRT !1!10.0.0.1!1026!\n"
                                         "expect 10.0.0.1 1026 ftp-data name=\n"
                                         "> ftp command text=APPE\n"
                                         "expect 10.0.0.1 1026 ftp-data name=\n");
}

static void test_false_ends(void **state)
{
        static const char *const lines[] = {
                ">PORT 10,0,0,1,4\r\n",
                ">PORT 10,0,0,1,4,256\r\n",
                ">PORT 10,0,0,1,0,0\r\n",
                ">PORT\r\n",
                ">PORT ,,,,,\r\n",
                ">PORT 4294967306,0,0,1,4,1\r\n",
                ">EPRT |1|10.0.0.1|65536|\r\n",
                ">EPRT |1|10.0.0.1|1025\r\n",
                ">EPRT |1|no|1025|\r\n",
                ">EPRT |||1025|\r\n",
                ">EPRT |1|1111111111111111111111111111111111111111111111111111111|1|\r\n",
                ">EPRT |\r\n",
                ">RETR x\r\n",
                "<227 Entering Passive Mode\r\n",
                "<227 1,2,3,4,5\r\n",
                "<227 1 2 3 4 5 6 7,8,9\r\n",
                "<229 ok |||1|\r\n",
                "<229 ok (|||0|)\r\n",
                "<229 ok (\r\n",
                "<229 ok (|||1\r\n",
        };
        struct app_test t;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                const struct app_piece piece = {lines[i][0], lines[i] + 1, strlen(lines[i]) - 1};

                if (strstr(app_test_run(&t, &decoder_ftp, IPPROTO_TCP, &piece, 1), "expect"))
                        fail_msg("announced by %s", lines[i]);
                assert_int_equal(t.result, 0);
        }
}

static void test_tls(void **state)
{
        static const struct app_piece pieces[] = {
                APP_SAYS('<', "220 FTP\r\n"),
                APP_SAYS('>', "AUTH TLS\r\n"),
                APP_SAYS('<', "234-Proceed\r\n234 now\r\n\x16"),
                APP_SAYS('>', "USER x\r\n"),
        };
        struct app_test t;

        (void) state;
        assert_string_equal(RUN(pieces), "< ftp reply code=220 text=220 FTP\n> ftp command text=AUTH TLS\n"
                                         "< ftp reply code=234 text=234-Proceed\nswitch tls\n");
        assert_int_equal(t.rest, 1);
}

static void test_midstream(void **state)
{
        static const struct app_piece pieces[] = {APP_SAYS('>', "226 done\r\n"), APP_SAYS('<', "PASS x\r\n")};
        struct app_test t;

        (void) state;
        app_test_begin(&t, &decoder_ftp, IPPROTO_TCP);
        t.context.midstream = true;
        app_test_feed(&t, pieces, ELEMENTSOF(pieces), SIZE_MAX);
        assert_string_equal(buf_str(&t.log), "> ftp reply code=226 text=226 done\n< ftp command text=PASS\n");
}

static void test_hostile(void **state)
{
        static char garbage[200], line[2000];
        struct app_test t;
        const struct app_piece noise[] = {{'>', garbage, sizeof(garbage)}};
        const struct app_piece secret[] = {
                APP_SAYS('>', "PASS "), {'>', line, sizeof(line)}, {'}', NULL, 10}, APP_SAYS('>', "x\r\nPWD\r\n")};
        static const struct app_piece open[] = {
                APP_SAYS('<', "220-never ends\r\n999 x\r\nx\r\n"), {'{', NULL, 5}, APP_SAYS('<', "x\r\n230 a\r\n")};

        (void) state;
        memset(garbage, '\n', sizeof(garbage));
        for (size_t i = 0; i < sizeof(garbage); i += 3)
                garbage[i] = '?';
        RUN(noise);
        assert_int_equal(t.result, -EPROTO);
        memset(line, 's', sizeof(line));
        assert_string_equal(RUN(secret), "> ftp command text=PASS\n> ftp command text=PWD\n");
        assert_string_equal(RUN(open), "< ftp reply code=220 text=220-never ends\n< ftp reply code=230 text=230 a\n");
}

static enum app_answer probe(const char *text, uint16_t port)
{
        return app_test_probe(&decoder_ftp, IPPROTO_TCP, port, text, strlen(text));
}

static void test_probe(void **state)
{
        static const char *const yes[] = {
                "220 (vsFTPd 3.0.3)\r\n",
                "220-FileZilla FTP\r\n",
                "USER a\r\nPASS b\r\nSYST\r\n",
                "AUTH TLS\r\n",
                "PASV\r\n",
                "PORT 1,2,3,4,5,6\r\n",
                "TYPE I\r\n",
                "feat\r\n",
        };
        static const char *const no[] = {
                "220 mx ESMTP\r\n",
                "200 ok\r\n",
                "230 x\r\n",
                "EHLO x\r\n",
                "GET / HTTP/1.0\r\n",
                "STAT\r\n",
                "USER a\r\nSTAT\r\n",
                "USER a b c :d\r\nNICK x\r\n",
                "RETR 1\r\n",
                "AUTH PLAIN\r\n",
                "AUTH\r\n",
                "TYPEWRITER\r\n",
                "+OK\r\n",
                "22x",
                "\x16\x03",
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(yes); i++)
                if (probe(yes[i], 31337) != APP_YES)
                        fail_msg("not taken for FTP: %s", yes[i]);
        for (size_t i = 0; i < ELEMENTSOF(no); i++)
                if (probe(no[i], 31337) != APP_NO)
                        fail_msg("taken for FTP: %s", no[i]);
        assert_int_equal(probe("220 ready\r\n", 31337), APP_MORE);
        assert_int_equal(probe("220 ready\r\n", 21), APP_YES);
        assert_int_equal(probe("220 ready\r\n", 25), APP_NO);
        assert_int_equal(probe("USER a\r\n", 31337), APP_MORE);
        assert_int_equal(probe("USER a\r\n", 21), APP_YES);
        assert_int_equal(probe("PA", 31337), APP_MORE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_dialog),     cmocka_unit_test(test_data_connections),
                cmocka_unit_test(test_false_ends), cmocka_unit_test(test_tls),
                cmocka_unit_test(test_midstream),  cmocka_unit_test(test_hostile),
                cmocka_unit_test(test_probe),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
