/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SMTP: mails in any cut, many commands at once, chunks, refusals, secrets, gaps, and what only looks like it. */
#include <errno.h>

#include "app_test.h"

extern const struct app_decoder decoder_smtp;

#define RUN(pieces) app_test_run(&t, &decoder_smtp, IPPROTO_TCP, pieces, ELEMENTSOF(pieces))

static void test_mail(void **state)
{
        static const struct app_piece pieces[] = {
                APP_SAYS('<', "220-mx.example ESMTP\r\n220 no spam\r\n"),
                APP_SAYS('>', "EHLO  bot.example \r\n"),
                APP_SAYS('<', "250-mx.example\r\n250-SIZE 1000\r\n250 PIPELINING\r\n"),
                APP_SAYS('>', "MAIL FROM:<a@b> SIZE=20\r\n"),
                APP_SAYS('<', "250 2.1.0 Ok\r\n"),
                APP_SAYS('>', "rcpt to: c@d NOTIFY=NEVER\r\n"),
                APP_SAYS('<', "250 2.1.5 Ok\r\n"),
                APP_SAYS('>', "DATA\r\n"),
                APP_SAYS('<', "354 go\r\n"),
                APP_SAYS('>', "Subject: x\r\n\r\n..dot\r\n.x\r\n. \r\nMAIL FROM:<no@no>\r\n.\r"),
                APP_SAYS('>', "\nQUIT\r\n"),
                APP_SAYS('<', "250 2.0.0 queued\r\n221 bye\r\n"),
        };
        struct app_test t;

        (void) state;
        /* 12 + 2 + 6 + 3 + 3 + 19: of a doubled dot only one counts */
        assert_string_equal(RUN(pieces), "< smtp banner code=220 text=mx.example ESMTP\n"
                                         "> smtp helo text=bot.example\n"
                                         "> smtp mail text=a@b\n"
                                         "> smtp rcpt text=c@d\n"
                                         "> smtp data bytes=45\n"
                                         "< smtp accepted code=250 text=2.0.0 queued\n");
}

/* RFC 2920: each reply belongs to its command, and a client that does not even wait for 354 */
static void test_pipelining(void **state)
{
        static const struct app_piece pieces[] = {
                APP_SAYS('<', "220 mx ESMTP\r\n"),
                APP_SAYS('>', "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<x@y>\r\nRCPT TO:<no@y>\r\nDATA\r\nbody\r\n.\r\n"
                              "MAIL FROM:<e@f>\r\nRCPT TO:<g@h>\r\nRSET\r\nQUIT\r\n"),
                APP_SAYS('<', "250 mx\r\n250 ok\r\n250 ok\r\n550-5.1.1 no\r\n550 such user\r\n354 go\r\n250 taken\r\n"
                              "451 later\r\n503 no\r\n250 reset\r\n221 bye\r\n"),
        };
        struct app_test t;

        (void) state;
        assert_string_equal(RUN(pieces), "< smtp banner code=220 text=mx ESMTP\n"
                                         "> smtp helo text=a\n"
                                         "> smtp mail text=\n"
                                         "> smtp rcpt text=x@y\n"
                                         "> smtp rcpt text=no@y\n"
                                         "> smtp data bytes=6\n"
                                         "> smtp mail text=e@f\n"
                                         "> smtp rcpt text=g@h\n"
                                         "< smtp rejected code=550 text=5.1.1 no\n"
                                         "< smtp accepted code=250 text=taken\n"
                                         "< smtp rejected code=451 text=later\n"
                                         "< smtp rejected code=503 text=no\n");
}

static void test_data_refused(void **state)
{
        static const struct app_piece pieces[] = {
                APP_SAYS('<', "220 mx ESMTP\r\n"),
                APP_SAYS('>', "HELO a\r\nDATA\r\n"),
                APP_SAYS('<', "250 mx\r\n503 no recipients\r\n"),
                APP_SAYS('>', "MAIL FROM:<a@b>\r\nQUIT\r\n"),
                APP_SAYS('<', "550 go away\r\n221 bye\r\n"),
        };
        struct app_test t;

        (void) state;
        assert_string_equal(RUN(pieces), "< smtp banner code=220 text=mx ESMTP\n"
                                         "> smtp helo text=a\n"
                                         "< smtp rejected code=503 text=no recipients\n"
                                         "> smtp mail text=a@b\n"
                                         "< smtp rejected code=550 text=go away\n");
}

/* The servers of blocked clients say so at once. */
static void test_refused_at_once(void **state)
{
        static const struct app_piece pieces[] = {
                APP_SAYS('<', "554 5.7.1 you are listed\r\n"),
                APP_SAYS('>', "EHLO a\r\n"),
                APP_SAYS('<', "421 4.7.0 closing\r\n421 4.7.0 closing\r\n"),
        };
        struct app_test t;

        (void) state;
        assert_string_equal(RUN(pieces), "< smtp rejected code=554 text=5.7.1 you are listed\n"
                                         "> smtp helo text=a\n"
                                         "< smtp rejected code=421 text=4.7.0 closing\n"
                                         "< smtp rejected code=421 text=4.7.0 closing\n");
}

/* RFC 3030 */
static void test_chunks(void **state)
{
        static const struct app_piece pieces[] = {
                APP_SAYS('<', "220 mx ESMTP\r\n"),
                APP_SAYS('>',
                         "EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 7\r\n.\r\n\r\n.\rBDAT 4 LAST\r\n\r\n.\n"),
                APP_SAYS('<', "250 mx\r\n250 ok\r\n250 ok\r\n250 7 bytes\r\n250 11 bytes\r\n"),
                APP_SAYS('>', "MAIL FROM:<a@b>\r\nBDAT 3\r\nabcBDAT 0 last\r\n"),
                APP_SAYS('<', "250 ok\r\n250 3 bytes\r\n452 full\r\n"),
                APP_SAYS('>', "BDAT 99999999999999999999\r\nBDAT -1\r\nBDAT\r\nMAIL FROM:<last@b>\r\n"),
                APP_SAYS('<', "501 no\r\n501 no\r\n501 no\r\n552 no\r\n"),
        };
        struct app_test t;

        (void) state;
        assert_string_equal(RUN(pieces), "< smtp banner code=220 text=mx ESMTP\n"
                                         "> smtp helo text=a\n"
                                         "> smtp mail text=a@b\n"
                                         "> smtp rcpt text=c@d\n"
                                         "> smtp data bytes=11\n"
                                         "< smtp accepted code=250 text=11 bytes\n"
                                         "> smtp mail text=a@b\n"
                                         "> smtp data bytes=3\n"
                                         "< smtp rejected code=452 text=full\n"
                                         "> smtp mail text=last@b\n"
                                         "< smtp rejected code=552 text=no\n");
}

/* RFC 2033: one reply for each recipient; a mail is taken once */
static void test_lmtp(void **state)
{
        static const struct app_piece pieces[] = {
                APP_SAYS('<', "220 x LMTP\r\n"),
                APP_SAYS('>', "LHLO a\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nRCPT TO:<c>\r\nRCPT TO:<d>\r\nDATA\r\n"),
                APP_SAYS('<', "250 x\r\n250 x\r\n250 b\r\n250 c\r\n550 d\r\n354 x\r\n"),
                APP_SAYS('>', "hi\r\n.\r\nQUIT\r\n"),
                APP_SAYS('<', "250 b\r\n452 c\r\n221 bye\r\n"),
        };
        struct app_test t;
        const char *text;

        (void) state;
        text = RUN(pieces);
        assert_non_null(strstr(text, "> smtp data bytes=4\n< smtp accepted code=250 text=b\n"
                                     "< smtp rejected code=452 text=c\n"));
}

static void test_secrets(void **state)
{
        static const struct app_piece pieces[] = {
                APP_SAYS('<', "220 mx ESMTP\r\n"),
                APP_SAYS('>', "EHLO a\r\nAUTH LOGIN\r\n"),
                APP_SAYS('<', "250 mx\r\n334 VXNlcg==\r\n"),
                APP_SAYS('>', "c2VjcmV0\r\n"),
                APP_SAYS('<', "334 UGFzcw==\r\n"),
                APP_SAYS('>', "c2VjcmV0\r\n"),
                APP_SAYS('<', "235 ok\r\n"),
                APP_SAYS('>', "AUTH PLAIN c2VjcmV0\r\nMAIL FROM:<a@b>\r\n"),
                APP_SAYS('<', "503 already\r\n250 ok\r\n"),
        };
        struct app_test t;

        (void) state;
        assert_string_equal(RUN(pieces), "< smtp banner code=220 text=mx ESMTP\n"
                                         "> smtp helo text=a\n"
                                         "> smtp auth text=LOGIN\n"
                                         "> smtp auth text=PLAIN\n"
                                         "> smtp mail text=a@b\n");
}

static void test_starttls(void **state)
{
        static const struct app_piece both[] = {
                APP_SAYS('<', "220 mx ESMTP\r\n"),
                APP_SAYS('>', "EHLO a\r\nSTARTTLS\r\n"),
                APP_SAYS('<', "250 STARTTLS\r\n"),
                APP_SAYS('<', "220-ready\r\n220 go\r\nXX"),
        };
        static const struct app_piece client[] = {
                APP_SAYS('>', "EHLO a\r\n"),
                APP_SAYS('>', "STARTTLS\r\n"),
                APP_SAYS('>', "\x16\x03\x01\x02"),
        };
        static const struct app_piece refused[] = {
                APP_SAYS('<', "220 mx ESMTP\r\n"),
                APP_SAYS('>', "STARTTLS\r\n"),
                APP_SAYS('<', "454 not now\r\n"),
                APP_SAYS('>', "MAIL FROM:<a@b>\r\n"),
        };
        struct app_test t;

        (void) state;
        assert_string_equal(RUN(both), "< smtp banner code=220 text=mx ESMTP\n> smtp helo text=a\n"
                                       "< smtp starttls\nswitch tls\n");
        assert_int_equal(t.rest, 2);
        assert_string_equal(RUN(client), "> smtp helo text=a\n< smtp starttls\nswitch tls\n");
        assert_int_equal(t.rest, 4); /* the hello itself */
        assert_string_equal(RUN(refused), "< smtp banner code=220 text=mx ESMTP\n> smtp mail text=a@b\n");
}

/* Bytes that were not captured: within a body, and with the dot among them. */
static void test_gaps(void **state)
{
        static const struct app_piece body[] = {
                APP_SAYS('<', "220 mx ESMTP\r\n"),
                APP_SAYS('>', "HELO a\r\nMAIL FROM:<a@b>\r\nDATA\r\n"),
                APP_SAYS('<', "250 x\r\n250 x\r\n354 x\r\n"),
                APP_SAYS('>', "0123\r\n"),
                {'}', NULL, 1000},
                APP_SAYS('>', ".\r\nx\r\n.\r\n"),
                APP_SAYS('<', "250 ok\r\n"),
        };
        static const struct app_piece dot[] = {
                APP_SAYS('<', "220 mx ESMTP\r\n"),
                APP_SAYS('>', "HELO a\r\nMAIL FROM:<a@b>\r\nDATA\r\n"),
                APP_SAYS('<', "250 x\r\n250 x\r\n354 x\r\n"),
                {'}', NULL, 1000},
                APP_SAYS('<', "550 spam\r\n"),
                APP_SAYS('>', "rest of the last line\r\nMAIL FROM:<next@b>\r\n"),
                APP_SAYS('<', "451 no\r\n"),
        };
        static const struct app_piece command[] = {
                APP_SAYS('<', "220 mx ESMTP\r\n"),
                APP_SAYS('>', "HELO a\r\n"),
                APP_SAYS('<', "250 x\r\n"),
                {'}', NULL, 60},
                APP_SAYS('<', "250 x\r\n250 x\r\n354 go\r\n"),
                APP_SAYS('>', "body\r\n.\r\nQUIT\r\n"),
                APP_SAYS('<', "250 ok\r\n"),
        };
        struct app_test t;

        (void) state;
        assert_non_null(strstr(RUN(body), "> smtp data bytes=1012\n< smtp accepted code=250 text=ok\n"));
        assert_non_null(strstr(RUN(dot), "> smtp data bytes=1000\n< smtp rejected code=550 text=spam\n"
                                         "> smtp mail text=next@b\n< smtp rejected code=451 text=no\n"));
        assert_non_null(strstr(RUN(command), "> smtp data bytes=6\n< smtp accepted code=250 text=ok\n"));
}

static void test_hostile(void **state)
{
        static char many[200 * 14 + 1], replies[201 * 8 + 1], garbage[400];
        struct app_test t;
        const struct app_piece queue[] = {APP_SAYS('>', "HELO a\r\n"),
                                          {'>', many, sizeof(many) - 1},
                                          APP_SAYS('<', "220 x ESMTP\r\n"),
                                          APP_SAYS('<', "250 x\r\n"),
                                          {'<', replies, sizeof(replies) - 1}};
        const struct app_piece noise[] = {
                APP_SAYS('<', "220 x ESMTP\r\n"), {'<', garbage, sizeof(garbage)}, APP_SAYS('<', "250 x\r\n")};
        static const struct app_piece odd[] = {
                APP_SAYS('<', "220\r\n"),
                APP_SAYS('>', "MAIL FROM:<unclosed\r\nMAIL FROM:\r\nRCPT TO:<\r\nRCPT\r\nMAIL\r\nAUTH\r\nHELO\r\n"),
                APP_SAYS('<', "250\r\n2500\r\n"),
        };
        unsigned rejected = 0;

        (void) state;
        /* more commands than the queue holds: what overflows is taken for recipients */
        for (int i = 0; i < 200; i++) {
                memcpy(many + i * 14, "RCPT TO:<a@b>\n", 14);
                memcpy(replies + i * 8, "550 no\r\n", 8);
        }
        for (const char *p = RUN(queue); (p = strstr(p, "rejected")); p++)
                rejected++;
        assert_int_equal(rejected, 200);

        memset(garbage, '\n', sizeof(garbage));
        for (size_t i = 0; i < sizeof(garbage); i += 2)
                garbage[i] = 'x';
        RUN(noise);
        assert_int_equal(t.result, -EPROTO);

        assert_string_equal(RUN(odd), "< smtp banner code=220 text=\n> smtp mail text=unclosed\n> smtp mail text=\n"
                                      "> smtp rcpt text=\n> smtp auth text=\n> smtp helo text=\n");
}

static enum app_answer probe(const char *text, uint16_t port)
{
        return app_test_probe(&decoder_smtp, IPPROTO_TCP, port, text, strlen(text));
}

static void test_probe(void **state)
{
        static const char *const yes[] = {
                "220 mx.example ESMTP Postfix\r\n",
                "220-scoot-81 ESMTP Exim\r\n",
                "EHLO x\r\n",
                "helo x\r\n",
                "LHLO x\r\n",
                "MAIL FROM:<a@b>\r\n",
                "RCPT TO:<a@b>\r\n",
                "554 5.7.1 listed\r\n",
                "421 4.7.0 busy\r\n",
                "220 mail.example ready\r\n",
        };
        static const char *const no[] = {
                "220 ProFTPD Server\r\n",
                "220 (vsFTPd 3.0.3)\r\n",
                "220x",
                "2",
                "230 Logged in\r\n",
                "331 Password please\r\n",
                "HTTP/1.1 220 x\r\n",
                "GET / HTTP/1.0\r\n",
                "USER x\r\n",
                "NICK x\r\n",
                "+OK ready\r\n",
                "200 posting allowed\r\n",
                "250 Ok\r\n",
                "554 transaction failed\r\n",
                "\x16\x03\x01\x02",
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(yes); i++)
                if (probe(yes[i], 31337) != APP_YES)
                        fail_msg("not taken for SMTP: %s", yes[i]);
        for (size_t i = 0; i < ELEMENTSOF(no); i++)
                if (probe(no[i], 31337) == APP_YES)
                        fail_msg("taken for SMTP: %s", no[i]);
        /* a greeting that says nothing: the port decides, else the client's first word */
        assert_int_equal(probe("220 ready\r\n", 31337), APP_MORE);
        assert_int_equal(probe("220 ready\r\n", 25), APP_YES);
        assert_int_equal(probe("220 ready\r\n", 21), APP_NO);
        assert_int_equal(probe("554 no\r\n", 25), APP_YES);
        assert_int_equal(probe("EHLO", 31337), APP_MORE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_mail),         cmocka_unit_test(test_pipelining),
                cmocka_unit_test(test_data_refused), cmocka_unit_test(test_refused_at_once),
                cmocka_unit_test(test_chunks),       cmocka_unit_test(test_lmtp),
                cmocka_unit_test(test_secrets),      cmocka_unit_test(test_starttls),
                cmocka_unit_test(test_gaps),         cmocka_unit_test(test_hostile),
                cmocka_unit_test(test_probe),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
