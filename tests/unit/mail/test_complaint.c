/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Complaints in all the forms that are read, and what is none, or means harm. The forms themselves are the fuzzer's
 * seeds. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "mail/complaint.h"
#include "mail/mime.h"

static void load(const char *name, struct buf *out)
{
        char path[256], piece[4096];
        FILE *f;
        size_t n;

        (void) snprintf(path, sizeof(path), "tests/fuzz/seeds/complaint/%s", name);
        f = fopen(path, "re");
        assert_non_null(f);
        while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
                assert_int_equal(buf_put(out, piece, n), 0);
        (void) fclose(f);
}

static void check(const char *name, const struct complaint *want, const char *accused)
{
        _cleanup_(buf_done)
        struct buf mail = BUF_HEAP(1u << 20);
        struct complaint c;
        char addr[ADDR_TEXT_MAX];

        load(name, &mail);
        assert_true(complaint_is_likely(mail.data, mail.len));
        assert_int_equal(complaint_read(mail.data, mail.len, &c), 0);
        assert_string_equal(addr_format(&c.accused, addr), accused);
        assert_string_equal(complaint_format_name(c.format), complaint_format_name(want->format));
        assert_int_equal(c.about, want->about);
        assert_string_equal(c.type, want->type);
        assert_string_equal(c.from, want->from);
        assert_int_equal(c.time / NSEC_PER_SEC, want->time);
        assert_int_equal(c.port, want->port);
        assert_int_equal(c.incidents, want->incidents ? want->incidents : 1);
        assert_int_equal(c.n_hops, want->n_hops);
}

static void test_forms(void **state)
{
        (void) state;
        check("arf.eml",
              &(struct complaint){.format = COMPLAINT_ARF,
                                  .about = COMPLAINT_OF_SPAM,
                                  .type = "abuse",
                                  .from = "example.com",
                                  .time = 1110304800,
                                  .port = 4711,
                                  .incidents = 3,
                                  .n_hops = 2},
              "192.0.2.1");
        check("xarf02.eml",
              &(struct complaint){.format = COMPLAINT_XARF,
                                  .about = COMPLAINT_OF_ATTACK,
                                  .type = "login-attack",
                                  .from = "example.org",
                                  .time = 1391390015},
              "192.0.2.7");
        check("xarf4.eml",
              &(struct complaint){.format = COMPLAINT_XARF,
                                  .about = COMPLAINT_OF_SPAM,
                                  .type = "spam",
                                  .from = "example.org",
                                  .time = 1705329025,
                                  .port = 4711},
              "2001:db8::7");
        check("xarf3.eml",
              &(struct complaint){.format = COMPLAINT_XARF,
                                  .about = COMPLAINT_OF_SPAM,
                                  .type = "Spam",
                                  .from = "example.org",
                                  .time = 1705329025,
                                  .port = 25},
              "192.168.1.100");
        check("spamcop.eml",
              &(struct complaint){.format = COMPLAINT_SPAMCOP,
                                  .about = COMPLAINT_OF_SPAM,
                                  .type = "spam",
                                  .from = "reports.spamcop.net",
                                  .time = 1029049875,
                                  .n_hops = 1},
              "192.0.2.9");
}

/* Every piece of a complaint is one, none, or a bad one; nothing else happens. */
static void test_cut(void **state)
{
        static const char *const names[] = {"arf.eml", "xarf02.eml", "xarf4.eml", "xarf3.eml", "spamcop.eml"};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_(buf_done)
                struct buf mail = BUF_HEAP(1u << 20);
                struct complaint c;

                load(names[i], &mail);
                for (size_t n = 0; n < mail.len; n += 7) {
                        int r = complaint_read(mail.data, n, &c);

                        assert_true(r == 0 || r == -ENOMSG || r == -EBADMSG);
                }
        }
}

static int read_text(const char *text, struct complaint *c)
{
        return complaint_read(text, strlen(text), c);
}

static void test_none(void **state)
{
        struct complaint c = {.incidents = 77};

        (void) state;
        assert_int_equal(read_text("", &c), -ENOMSG);
        assert_int_equal(read_text("Subject: hello\n\nFeedback-Type: abuse\nSource-IP: 10.0.0.1\n", &c), -ENOMSG);
        assert_int_equal(read_text("Subject: [SpamCop (http://example.org/) id:1]x\n\n", &c), -ENOMSG);
        assert_int_equal(read_text("Subject: Re: [SpamCop (10.0.0.1) id:1]x\n\n", &c), -ENOMSG);
        assert_int_equal(read_text("X-XARF: PLAIN\n\nReport-Type: spam\nSource: 10.0.0.1\n", &c), -ENOMSG);
        assert_int_equal(read_text("Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\n"
                                   "Content-Type: message/feedback-report\n\nFeedback-Type: abuse\n\n--b--\n",
                                   &c),
                         -EBADMSG);
        assert_int_equal(c.incidents, 77);
}

/* What somebody adds to a complaint that is not about us is not what he complains about. */
static void test_within(void **state)
{
        static const char text[] =
                "Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n"
                "--b\nContent-Type: message/feedback-report\n\nFeedback-Type: not-spam\nSource-IP: [192.0.2.1]\n"
                "Incidents: 99999999999\nSource-Port: 70000\nArrival-Date: yesterday\n\n"
                "--b\nContent-Type: message/rfc822\n\nContent-Type: multipart/report; boundary=c\n\n"
                "--c\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nSource-IP: "
                "10.0.0.1\n\n--c--\n--b--\n";
        struct complaint c;
        char addr[ADDR_TEXT_MAX];

        (void) state;
        assert_int_equal(read_text(text, &c), 0);
        assert_string_equal(addr_format(&c.accused, addr), "192.0.2.1");
        assert_int_equal(c.about, COMPLAINT_NOTHING);
        assert_int_equal(c.incidents, 1);
        assert_int_equal(c.port, 0);
        assert_int_equal(c.time, 0);
}

static void test_hostile(void **state)
{
        static const char head[] = "Content-Type: multipart/report; report-type=feedback-report; boundary=b0\n\n";
        _cleanup_(buf_done)
        struct buf mail = BUF_HEAP(4u << 20);
        struct complaint c;

        (void) state;
        /* parts within parts */
        (void) buf_puts(&mail, head);
        for (unsigned i = 0; i < 8000; i++)
                (void) buf_printf(&mail, "--b%u\nContent-Type: multipart/mixed; boundary=b%u\n\n", i, i + 1);
        assert_int_equal(complaint_read(mail.data, mail.len, &c), -EBADMSG);
        buf_reset(&mail);
        (void) buf_puts(&mail, head);
        (void) buf_puts(&mail, "--b0\n");
        for (unsigned i = 0; i < 20000; i++)
                (void) buf_puts(&mail, "Content-Type: message/rfc822\n\n");
        assert_int_equal(complaint_read(mail.data, mail.len, &c), -EBADMSG);
        /* very many parts, beside each other */
        buf_reset(&mail);
        (void) buf_puts(&mail, head);
        for (unsigned i = 0; i < 40000; i++)
                (void) buf_puts(&mail, "--b0\n\nReport-Type: x\n");
        assert_int_equal(complaint_read(mail.data, mail.len, &c), -ENOMSG);
        /* JSON within JSON, words without an end, NUL, a character set of nobody */
        buf_reset(&mail);
        (void) buf_puts(&mail, "X-XARF: PLAIN\nContent-Type: application/json\n\n");
        for (unsigned i = 0; i < 500000; i++)
                (void) buf_putc(&mail, '[');
        assert_int_equal(complaint_read(mail.data, mail.len, &c), -ENOMSG);
        buf_reset(&mail);
        (void) buf_puts(&mail, "X-XARF: PLAIN\nContent-Type: text/plain; charset=x-nobody\n\n");
        (void) buf_put(&mail, "Source: 10.0.0.1\0\nReport-Type: \0\xff\nReported-From: ", 50);
        for (unsigned i = 0; i < 500000; i++)
                (void) buf_putc(&mail, 'a');
        (void) complaint_read(mail.data, mail.len, &c);
        /* too long */
        while (mail.len <= COMPLAINT_MAX)
                (void) buf_puts(&mail, "0123456789012345678901234567890123456789012345678901234567890123456789");
        assert_int_equal(complaint_read(mail.data, mail.len, &c), -E2BIG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_forms),  cmocka_unit_test(test_cut),     cmocka_unit_test(test_none),
                cmocka_unit_test(test_within), cmocka_unit_test(test_hostile),
        };

        mime_init();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
