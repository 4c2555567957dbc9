/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Postfix's log: mails of home hosts from the client to what became of them, and lines that lie. */
#include "log_rig.h"

#define S  "Oct 26 09:42:47 mx postfix/smtpd[11]: "
#define Q  "Oct 26 09:42:48 mx postfix/qmgr[12]: "
#define O  "Oct 26 09:42:50 mx postfix/smtp[13]: "
#define T0 (1161855767 * NSEC_PER_SEC) /* 2006-10-26T09:42:47Z */

#define GAP "not_in_log: the server's own address, flows, and the HELO of mails that were taken"

static unsigned count(const struct rig *r, enum smtp_op op)
{
        unsigned n = 0;

        for (size_t i = 0; i < r->n; i++) {
                assert_int_equal(r->e[i].type, EVENT_SMTP);
                n += r->e[i].op == op;
        }
        return n;
}

static void test_mail(void **state)
{
        static const char log[] =
                S "connect from pc.example.org[10.0.0.5]\n" S "4F3A21C0B2: client=pc.example.org[10.0.0.5]:4711\n"
                  "Oct 26 09:42:47 mx postfix/cleanup[14]: 4F3A21C0B2: message-id=<1@pc>\n" Q
                  "4F3A21C0B2: from=<a@example.org>, size=1234, nrcpt=2 (queue active)\n" O
                  "4F3A21C0B2: to=<x@example.net>, relay=mx.example.net[192.0.2.1]:25, delay=1, dsn=2.0.0, status=sent "
                  "(250 ok)\n" O "4F3A21C0B2: to=<y@example.net>, relay=mx.example.net[192.0.2.1]:25, delay=1, "
                  "dsn=5.1.1, status=bounced (host mx.example.net[192.0.2.1] said: 550 5.1.1 no such user (in reply to "
                  "RCPT TO command))\n" Q "4F3A21C0B2: from=<a@example.org>, size=1234, nrcpt=2 (queue active)\n" Q
                  "4F3A21C0B2: removed\n" O "4F3A21C0B2: to=<z@example.net>, status=bounced (host x said: 550 no)\n" S
                  "disconnect from pc.example.org[10.0.0.5] ehlo=1 mail=1 rcpt=2 data=1 quit=1 commands=6\n";
        struct rig r;

        (void) state;
        rig_read(&r, "mail.log", log);
        assert_int_equal(r.stats.bad_lines, 0);
        assert_int_equal(r.n, 6);
        assert_int_equal(r.e[0].op, SMTP_MAIL);
        assert_string_equal(r.text[0], "a@example.org");
        assert_int_equal(r.e[0].time, T0 + NSEC_PER_SEC);
        rig_assert_addr(&r.e[0].ends.local, "10.0.0.5");
        assert_int_equal(r.e[0].ends.local_port, 4711);
        assert_int_equal(r.e[0].ends.remote_port, 25);
        assert_int_equal(r.e[0].ends.origin, FLOW_ORIGINATED);
        assert_int_equal(r.e[0].ends.from_local, 1);
        assert_int_equal(count(&r, SMTP_RCPT), 2);
        assert_int_equal(r.e[3].op, SMTP_DATA);
        assert_int_equal(r.e[3].smtp.bytes, 1234);
        assert_int_equal(r.e[4].op, SMTP_ACCEPTED);
        assert_int_equal(r.e[4].ends.from_local, 0);
        assert_int_equal(r.e[5].op, SMTP_REJECTED);
        assert_int_equal(r.e[5].smtp.code, 550);
        assert_int_equal(r.lost[rig_gap(&r, GAP)], 10);
        assert_int_equal(r.lost[rig_gap(&r, "not_in_log: time zone: taken for UTC")], 10);
        rig_end(&r);
}

static void test_reject(void **state)
{
        static const char log[] =
                "<22>2006-10-26T11:42:47.5+02:00 mx postfix/submission/smtpd[11]: NOQUEUE: reject: RCPT from "
                "unknown[10.0.0.5]: 554 5.7.1 <x@example.net>: Relay access denied; from=<a@b> to=<x@example.net> "
                "proto=ESMTP helo=<pc helo=<fake>\n"
                "2006-10-26T11:42:48+02:00 mx postfix/smtpd[11]: 4F3A: reject: DATA from h[IPv6:2001:db8::5]: 451 "
                "later\n"
                "2006-10-26T11:42:48+02:00 mx postfix/smtpd[11]: NOQUEUE: reject: VRFY from unknown[10.0.0.5]: 252 x\n";
        struct rig r;

        (void) state;
        rig_read(&r, "x", log);
        assert_int_equal(r.stats.bad_lines, 0);
        assert_int_equal(r.n, 3);
        assert_int_equal(r.e[0].op, SMTP_HELO);
        assert_string_equal(r.text[0], "fake");
        assert_int_equal(r.e[0].time, T0 + NSEC_PER_SEC / 2);
        assert_int_equal(r.e[1].op, SMTP_RCPT);
        assert_int_equal(r.e[2].op, SMTP_REJECTED);
        assert_int_equal(r.e[2].smtp.code, 554);
        assert_int_equal(r.e[2].ends.remote_port, 587);
        assert_int_equal(r.stats.foreign, 1);
        rig_end(&r);
}

/* Who is not at home, what comes back from a filter, and what other programs say. */
static void test_others(void **state)
{
        static const char log[] = S
                "A1: client=x.example.com[192.0.2.7]\n" S "A2: client=localhost[127.0.0.1], orig_queue_id=A1, "
                "orig_client=pc[10.0.0.5]\n" S "A3: client=unknown[unknown]\n" Q
                "A1: from=<a@b>, size=1, nrcpt=1 (queue active)\n" Q
                "A2: from=<a@b>, size=1, nrcpt=1 (queue active)\n" Q "A9: from=<a@b>, size=1, nrcpt=1 (queue active)\n"
                "Oct 26 09:42:50 mx sshd[1]: postfix/smtpd[11]: A4: client=pc[10.0.0.5]\n"
                "Oct 26 09:42:50 mx postfix/smtpd[11]: warning: postfix/smtpd[11]: A4: client=pc[10.0.0.5]\n";
        struct rig r;

        (void) state;
        rig_read(&r, "x", log);
        assert_int_equal(r.n, 0);
        assert_int_equal(r.stats.bad_lines, 0);
        assert_int_equal(r.stats.foreign, 1);
        rig_end(&r);
}

/* A sender's address may hold what looks like the log's own words. */
static void test_lies(void **state)
{
        static const char log[] =
                S "A1: client=pc[10.0.0.5]\n" Q "A1: from=<\"x>, size=999999, nrcpt=900 (queue active)\"@b>, size=7, "
                  "nrcpt=1 (queue active)\n" O
                  "A1: to=<\"status=bounced (host said: 550 \"@b>, relay=x, status=sent (250 "
                  "ok)\n" S "NOQUEUE: reject: RCPT from a\n" S "NOQUEUE: reject: RCPT from a[10.0.0.5]: ok\n" S
                  "A2: client=a[b]\n" S "A2: client=\n" S ": client=a[10.0.0.5]\n" S "\n" Q "A1: from=<\n" Q
                  "A2: from=<a\nnothing\n";
        struct rig r;

        (void) state;
        rig_read(&r, "x", log);
        assert_int_equal(count(&r, SMTP_RCPT), 1);
        assert_int_equal(count(&r, SMTP_REJECTED), 0);
        assert_int_equal(r.e[2].smtp.bytes, 7);
        assert_int_equal(r.stats.bad_lines, 5);
        rig_end(&r);
}

/* Two servers may give the same id. */
static void test_two(void **state)
{
        static const char log[] = S "A1: client=pc[10.0.0.5]\n"
                                    "Oct 26 09:42:47 mx2 postfix-in/smtpd[11]: A1: client=pc[10.0.0.6]\n" Q
                                    "A1: from=<a@b>, size=1, nrcpt=1 (queue active)\n"
                                    "Oct 26 09:42:48 mx2 postfix-in/qmgr[11]: A1: from=<a@b>, size=1, nrcpt=1 (queue "
                                    "active)\n";
        struct rig r;

        (void) state;
        rig_read(&r, "x", log);
        assert_int_equal(r.n, 8);
        rig_assert_addr(&r.e[0].ends.local, "10.0.0.5");
        rig_assert_addr(&r.e[4].ends.local, "10.0.0.6");
        rig_end(&r);
}

static void test_recognise(void **state)
{
        static const char *const others[] = {"", "Oct 26 09:42:47 mx sshd[1]: postfix/smtpd[1]: x\n",
                                             "postfix/smtpd[1]: x\n", "Oct 26 09:42:47 mx postfix[1]: x\n",
                                             "Oct 26 09:42:47 mx postfix/smtpd: x\n"};
        struct rig r;

        (void) state;
        rig_begin(&r, "10.0.0.0/8");
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                assert_int_equal(rig_add(&r, "mail.log", others[i], strlen(others[i])), -EINVAL);
        assert_int_equal(rig_add(&r, "mail.log", "Oct 26 09:42:47 mx sshd[1]: x\n" S "x", strlen(S) + 31), 0);
        rig_finish(&r);
        rig_end(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_mail), cmocka_unit_test(test_reject), cmocka_unit_test(test_others),
                cmocka_unit_test(test_lies), cmocka_unit_test(test_two),    cmocka_unit_test(test_recognise),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
