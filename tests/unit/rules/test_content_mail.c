/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SMTP and FTP as rules see them, and the files in mails. */
#include "content_rig.h"

static const char dialog[] = "EHLO bot.example\r\n"
                             "MAIL FROM:<a@b.example> SIZE=100\r\n"
                             "RCPT TO:<c@d.example>\r\n"
                             "rcpt to: <e@f.example>\r\n"
                             "DATA\r\n";
static const char mail[] = "From: a\r\n"
                           "Content-Type: multipart/mixed;\r\n"
                           "\tboundary=\"=_x y\"\r\n"
                           "\r\n"
                           "preamble\r\n"
                           "--=_x y\r\n"
                           "Content-Type: text/plain\r\n"
                           "\r\n"
                           "..dots and text\r\n"
                           "--=_x y\r\n"
                           "Content-Type: application/octet-stream; NAME=\"x.exe\"\r\n"
                           "Content-Transfer-Encoding: BASE64\r\n"
                           "\r\n"
                           "TVqQAAMA\r\nAAAE/\r\n/8=\r\n"
                           "--=_x y\r\n"
                           "Content-Type: multipart/alternative; boundary=inner\r\n"
                           "\r\n"
                           "--inner\r\n"
                           "content-type: TEXT/HTML\r\n"
                           "content-transfer-encoding: quoted-printable\r\n"
                           "\r\n"
                           "<a href=3D\"x\">so=\r\nft</a>=ZZ \r\n"
                           "--inner--\r\n"
                           "--=_x y--\r\n"
                           "epilogue\r\n"
                           ".\r\n"
                           "QUIT\r\n";

/* The nth file that was shown to its end. */
static const char *file(unsigned nth, uint32_t *ret_len)
{
        for (unsigned i = 0; i < n_shown; i++)
                if (shown[i].v.have & BUFFER_BIT(BUFFER_FILE_DATA) &&
                    (i + 1 == n_shown || !(shown[i + 1].v.have & BUFFER_BIT(BUFFER_FILE_DATA)) ||
                     shown[i + 1].buffers[BUFFER_FILE_DATA].len == shown[i + 1].buffers[BUFFER_FILE_DATA].fresh) &&
                    nth-- == 0) {
                        *ret_len = shown[i].buffers[BUFFER_FILE_DATA].len;
                        return shown[i].buffers[BUFFER_FILE_DATA].text;
                }
        return NULL;
}

static void assert_files(void)
{
        uint32_t n;
        const char *f = file(0, &n);

        assert_non_null(f);
        assert_int_equal(n, 11);
        assert_memory_equal(f, "MZ\x90\0\3\0\0\0\4\xff\xff", 11);
        f = file(1, &n);
        assert_non_null(f);
        assert_string_equal(f, "<a href=\"x\">soft</a>=ZZ\r\n");
        assert_null(file(2, &n));
}

static void test_envelope(void **state)
{
        struct content_rig *r = begin(APP_SMTP);

        (void) state;
        give_text(r, false, "220 hello\r\n");
        give_text(r, true, dialog);
        assert_int_equal(n_shown, 4);
        assert_text(0, SMTP_HELO, "bot.example");
        assert_text(1, SMTP_MAIL_FROM, "<a@b.example>");
        assert_text(1, SMTP_HELO, "bot.example");
        assert_int_equal(shown[1].v.scan, BUFFER_BIT(BUFFER_SMTP_MAIL_FROM));
        assert_text(2, SMTP_RCPT_TO, "<c@d.example>");
        assert_text(2, SMTP_MAIL_FROM, "<a@b.example>");
        assert_text(3, SMTP_RCPT_TO, "<e@f.example>");
        finish(r);
}

static void test_mail(void **state)
{
        (void) state;
        for (size_t cut = 0; cut < sizeof(mail) - 1; cut++) {
                struct content_rig *r = begin(APP_SMTP);

                give_text(r, false, "220 hello\r\n");
                give_text(r, true, dialog);
                give_text(r, false, "250-one\r\n250 two\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n");
                give(r, true, mail, cut);
                give(r, true, mail + cut, sizeof(mail) - 1 - cut);
                assert_files();
                assert_true(shown[n_shown - 1].v.final);
                assert_int_equal(held, 0);
                finish(r);
        }
}

static void test_bytes(void **state)
{
        struct content_rig *r = begin(APP_SMTP);

        (void) state;
        for (size_t i = 0; i < sizeof(dialog) - 1; i++)
                give(r, true, dialog + i, 1);
        for (size_t i = 0; i < sizeof(mail) - 1; i++) /* the server was not captured */
                give(r, true, mail + i, 1);
        assert_files();
        finish(r);
}

static void test_refused(void **state)
{
        struct content_rig *r = begin(APP_SMTP);

        (void) state;
        give_text(r, true, "HELO x\r\n");
        give_text(r, false, "250 ok\r\n");
        give_text(r, true, "DATA\r\n");
        give_text(r, false, "503 no\r\n");
        give_text(r, true, "MAIL FROM:<still@commands>\r\n");
        assert_text(n_shown - 1, SMTP_MAIL_FROM, "<still@commands>");
        finish(r);
}

static void test_chunks(void **state)
{
        struct content_rig *r = begin(APP_SMTP);
        char text[64];

        (void) state;
        give_text(r, true, "EHLO a\r\nMAIL FROM:<x>\r\nRCPT TO:<y>\r\n");
        snprintf(text, sizeof(text), "BDAT %u\r\n", 300);
        give_text(r, true, text);
        give(r, true, mail, 300);
        snprintf(text, sizeof(text), "BDAT %zu LAST\r\n", sizeof(mail) - 1 - 300);
        give_text(r, true, text);
        give_text(r, true, mail + 300);
        give_text(r, true, "MAIL FROM:<next>\r\n");
        assert_files();
        assert_text(n_shown - 1, SMTP_MAIL_FROM, "<next>");
        finish(r);
}

static void test_starttls(void **state)
{
        struct content_rig *r = begin(APP_SMTP);

        (void) state;
        give_text(r, false, "220 hi\r\n");
        give_text(r, true, "EHLO a\r\nSTARTTLS\r\n");
        give_text(r, false, "250 STARTTLS\r\n");
        assert_int_equal(r->answer, CONTENT_MORE);
        give_text(r, false, "220 go\r\nxy");
        assert_int_equal(r->answer, CONTENT_SWITCH);
        assert_int_equal(r->c.rest, 2);
        finish(r);
}

static void test_limits(void **state)
{
        struct content_rig *r = begin(APP_SMTP);
        char line[3000];

        (void) state;
        give_text(r, true, "HELO x\r\nDATA\r\n");
        for (unsigned i = 0; i < 20; i++) {
                snprintf(line, sizeof(line), "Content-Type: multipart/mixed; boundary=b%u\r\n\r\n--b%u\r\n", i, i);
                give_text(r, true, line);
        }
        give_text(r, true, "Content-Disposition: attachment\r\n\r\n");
        memset(line, 'A', sizeof(line));
        for (unsigned i = 0; i < 100; i++)
                give(r, true, line, sizeof(line)); /* one line of 300,000 bytes */
        give_text(r, true, "\r\n.\r\n");
        give_text(r, true, "MAIL FROM:<behind>\r\n");
        assert_text(n_shown - 1, SMTP_MAIL_FROM, "<behind>");
        finish(r);
        r = begin(APP_SMTP);
        give_text(r, true, "DATA\r\nContent-Disposition: attachment\r\n\r\nabc");
        r->c.to_server = true;
        r->parser->flush(r->state, &r->c);
        assert_int_equal(n_shown, 0); /* lines are kept until they end */
        give_text(r, true, "def\r\n");
        r->parser->flush(r->state, &r->c);
        assert_text(0, FILE_DATA, "abcdef\r\n");
        r->parser->lost(r->state, &r->c, 10);
        give_text(r, true, "lost\r\n");
        finish(r);
        for (size_t most = 0; most < 5000; most += 100) {
                r = begin(APP_SMTP);
                allowed = most;
                give_text(r, true, dialog);
                give_text(r, true, mail);
                finish(r);
        }
}

static void test_ftp(void **state)
{
        struct content_rig *r = begin(APP_FTP);

        (void) state;
        give_text(r, false, "220 hel");
        give_text(r, false, "lo\r\n");
        give_text(r, true, "USER anonymous\r\nQUIT\r\nRETR  a b\r\n");
        assert_text(0, FTP_REPLY, "220 hello");
        assert_text(1, FTP_COMMAND, "USER");
        assert_text(1, FTP_COMMAND_DATA, "anonymous");
        assert_text(2, FTP_COMMAND, "QUIT");
        assert_null(text_in(2, BUFFER_FTP_COMMAND_DATA));
        assert_text(3, FTP_COMMAND_DATA, " a b");
        assert_int_equal(shown[3].v.transaction, 2);
        r->parser->lost(r->state, &r->c, 3);
        give_text(r, true, "rest\r\nAUTH TLS\r\n");
        assert_int_equal(n_shown, 5);
        give_text(r, false, "234 go\r\n");
        assert_int_equal(r->answer, CONTENT_SWITCH);
        finish(r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_envelope), cmocka_unit_test(test_mail),   cmocka_unit_test(test_bytes),
                cmocka_unit_test(test_refused),  cmocka_unit_test(test_chunks), cmocka_unit_test(test_starttls),
                cmocka_unit_test(test_limits),   cmocka_unit_test(test_ftp),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
