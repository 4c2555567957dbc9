/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The dialog of a probe: servers of all makes, such as do not want us, such as speak something else, and such as never
 * end; whole and byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/smtp_dialog.h"

/* Feeds the replies one after the other as long as something is said; `steps` bytes at a time. What we said: "EQ". */
static const char *talk(struct smtp_dialog *d, const char *const *replies, size_t step)
{
        static char said[8];
        size_t n = 0;

        memset(d, 0, sizeof(*d));
        for (; *replies; replies++) {
                size_t len = strlen(*replies);

                for (size_t at = 0; at < len; at += step) {
                        size_t left = len - at < step ? len - at : step;
                        enum smtp_dialog_next next = smtp_dialog_feed(d, *replies + at, left);

                        if (next == SMTP_DIALOG_HANG_UP) {
                                said[n] = 0;
                                return said;
                        }
                        if (next != SMTP_DIALOG_WAIT)
                                said[n++] = next == SMTP_DIALOG_SAY_EHLO ? 'E' : 'Q';
                        assert_true(n < sizeof(said));
                }
        }
        said[n] = 0;
        return said;
}

static void expect(const char *const *replies, const char *said, enum answer server, bool odd)
{
        struct smtp_dialog d;

        for (size_t step = 1; step < 2000; step = step == 1 ? 3 : step * 20) {
                assert_string_equal(talk(&d, replies, step), said);
                assert_int_equal(d.server, server);
                assert_int_equal(d.odd, odd);
        }
}

#define SAYS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_servers(void **state)
{
        struct smtp_dialog d;

        (void) state;
        expect(SAYS("220 mail.example.net ESMTP Postfix (Debian/GNU)\r\n",
                    "250-mail.example.net\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 SMTPUTF8\r\n", "221 2.0.0 Bye\r\n"),
               "EQ", ANSWER_YES, false);
        talk(&d, SAYS("220-mail.example.net ESMTP\r\n220 ready\r\n", "250-x\r\n250 STARTTLS\r\n", "221 bye\r\n"), 5);
        assert_string_equal(d.banner, "mail.example.net ESMTP");
        assert_int_equal(d.banner_code, 220);
        assert_int_equal(d.ehlo_code, 250);
        assert_true(d.starttls);
        assert_int_equal(d.state, SMTP_DIALOG_OVER);
        /* postscreen greets twice; a bare code; no CR. */
        expect(SAYS("220-mail.example.net ESMTP\r\n", "220 mail.example.net ESMTP\r\n", "250 x\r\n", "221 x\r\n"), "EQ",
               ANSWER_YES, false);
        expect(SAYS("220\n", "250\n", "221\n"), "EQ", ANSWER_YES, false);
        /* One that does not know EHLO, and says SMTP. */
        expect(SAYS("220 old.example SMTP ready\r\n", "500 what?\r\n", "221 bye\r\n"), "EQ", ANSWER_YES, false);
        /* It is a mail server also when it does not want us. */
        expect(SAYS("554 no SMTP service here\r\n", "221 bye\r\n"), "Q", ANSWER_YES, false);
        expect(SAYS("421 too many connections\r\n"), "Q", ANSWER_YES, false);
        expect(SAYS("521 x\r\n", "221 x\r\n"), "Q", ANSWER_YES, false);
}

static void test_others(void **state)
{
        (void) state;
        expect(SAYS("SSH-2.0-OpenSSH_9.2\r\n"), "", ANSWER_UNKNOWN, true);
        expect(SAYS("+OK POP3 ready\r\n"), "", ANSWER_UNKNOWN, true);
        expect(SAYS("* OK IMAP4 ready\r\n"), "", ANSWER_UNKNOWN, true);
        expect(SAYS("HTTP/1.0 400 Bad Request\r\n"), "", ANSWER_UNKNOWN, true);
        expect(SAYS("220 ftp.example FTP server ready\r\n", "500 EHLO not understood\r\n", "221 bye\r\n"), "EQ",
               ANSWER_UNKNOWN, true);
        expect(SAYS("200 news.example NNRP ready\r\n", "500 what?\r\n", "205 bye\r\n"), "EQ", ANSWER_UNKNOWN, true);
        expect(SAYS("220-a\r\n221 b\r\n"), "", ANSWER_UNKNOWN, true); /* the code changes within a reply */
        expect(SAYS("220x\r\n"), "", ANSWER_UNKNOWN, true);
        expect(SAYS("120 wait\r\n"), "", ANSWER_UNKNOWN, true);
        expect(SAYS("22\r\n"), "", ANSWER_UNKNOWN, true);
        expect(SAYS("\r\n"), "", ANSWER_UNKNOWN, true);
        expect(SAYS("450 go away\r\n", "221\r\n"), "Q", ANSWER_UNKNOWN, false);
        expect(SAYS("220 unfinished"), "", ANSWER_UNKNOWN, false);
        expect(SAYS("220 x\r\n", "250-a\r\n250-b\r\n"), "E", ANSWER_UNKNOWN, false);
}

static void test_bounds(void **state)
{
        static char big[3 * SMTP_DIALOG_BYTES];
        struct smtp_dialog d = {0};

        (void) state;
        /* A line without end. */
        memset(big, 'x', sizeof(big));
        memcpy(big, "220 ", 4);
        assert_int_equal(smtp_dialog_feed(&d, big, sizeof(big)), SMTP_DIALOG_HANG_UP);
        assert_true(d.odd);
        assert_int_equal(d.bytes, SMTP_DIALOG_BYTES + 1);
        assert_int_equal(smtp_dialog_feed(&d, "220 x\r\n", 7), SMTP_DIALOG_HANG_UP);
        /* A reply without end. */
        memset(&d, 0, sizeof(d));
        for (unsigned i = 0; i < SMTP_DIALOG_BYTES / 7; i++)
                assert_int_equal(smtp_dialog_feed(&d, "220-x\r\n", 7), SMTP_DIALOG_WAIT);
        assert_int_equal(smtp_dialog_feed(&d, "220-x\r\n", 7), SMTP_DIALOG_HANG_UP);
        /* A long line is cut and counts. */
        memset(&d, 0, sizeof(d));
        big[2000] = '\n';
        assert_int_equal(smtp_dialog_feed(&d, big, 2001), SMTP_DIALOG_SAY_EHLO);
        assert_int_equal(strlen(d.banner), SMTP_DIALOG_TEXT - 1);
        /* Bytes for a terminal are not kept. */
        memset(&d, 0, sizeof(d));
        assert_int_equal(smtp_dialog_feed(&d, "220 a\x1b[2J\0b\xff\r\n", 14), SMTP_DIALOG_SAY_EHLO);
        assert_string_equal(d.banner, "a?[2J?b?");
}

/* Whatever is said, we say EHLO at most once, QUIT at most once, and not before EHLO after a 2xx. */
static void test_random(void **state)
{
        static const char *const pieces[] = {"220", "250",  "221", "554", "421",   " ",
                                             "-",   "\r\n", "\n",  "x",   "ESMTP", "STARTTLS"};

        (void) state;
        srand(3);
        for (unsigned i = 0; i < 20000; i++) {
                struct smtp_dialog d = {0};
                unsigned ehlo = 0, quit = 0;

                for (unsigned k = 0; k < 30; k++) {
                        const char *piece = pieces[(unsigned) rand() % (sizeof(pieces) / sizeof(pieces[0]))];
                        enum smtp_dialog_next next = smtp_dialog_feed(&d, piece, strlen(piece));

                        ehlo += next == SMTP_DIALOG_SAY_EHLO;
                        quit += next == SMTP_DIALOG_SAY_QUIT;
                        if (next == SMTP_DIALOG_SAY_EHLO)
                                assert_int_equal(quit, 0);
                }
                assert_true(ehlo <= 1 && quit <= 1);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_servers),
                cmocka_unit_test(test_others),
                cmocka_unit_test(test_bounds),
                cmocka_unit_test(test_random),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
