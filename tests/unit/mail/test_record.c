/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A mail's key in all the forms that a mailbox gives it; what counts as another owner; when to ask again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "mail/claims.h"
#include "mail/smtp_probe.h"

#define HOUR (3600 * NSEC_PER_SEC)

#define RECEIVED                                                                                                       \
        "Received: from pc (host.example.net [192.0.2.1])\n\tby mx.example.org with SMTP id 42;\n"                     \
        "\tMon, 3 Aug 2009 23:11:22 +0900\n"
#define REST "From: a@example.net\nSubject: x\n"

struct key {
        uint8_t b[16];
};

static struct key key_of(const char *head)
{
        struct key k = {{0}};

        assert_int_equal(record_key(head, strlen(head), k.b), 0);
        return k;
}

static void assert_same(const char *a, const char *b)
{
        struct key x = key_of(a), y = key_of(b);

        assert_memory_equal(x.b, y.b, 16);
}

static void assert_other(const char *a, const char *b)
{
        struct key x = key_of(a), y = key_of(b);

        assert_memory_not_equal(x.b, y.b, 16);
}

static void test_key_in_mailboxes(void **state _unused_)
{
        static const char mail[] = RECEIVED REST "\nbody\n";

        assert_same(mail, RECEIVED REST "\nanother body\n");
        assert_same(mail, RECEIVED REST); /* its head alone */
        assert_same(mail, "From x@example.net Mon Aug  3 23:11:22 2009\n" RECEIVED REST "\n");
        assert_same(mail, "X-Mozilla-Status: 0001\nX-Mozilla-Status2: 0\n" RECEIVED REST "\n");
        assert_same(mail, "Return-Path: <x>\nDelivered-To: me\nX-Spam-Flag: YES\n" RECEIVED REST "\n");
        assert_same(mail, RECEIVED REST "Status: RO\nX-Status: A\nX-Keywords: \nX-UID: 7\n\nbody\n");
        assert_same(mail, RECEIVED "X-Mozilla-Keys: a\n\tb\nX-IMAPbase: 1 2\nContent-Length: 5\nLines: 1\n" REST "\n");
        assert_same(mail, RECEIVED "status:RO\n" REST "X-KMail-EncryptionState: \nX-Evolution-Source: x\n\n");
}

static void test_key_line_ends(void **state _unused_)
{
        char crlf[2048], *to = crlf;

        for (const char *p = RECEIVED REST "\nbody\n"; *p; p++) {
                if (*p == '\n')
                        *to++ = '\r';
                *to++ = *p;
        }
        *to = '\0';
        assert_same(RECEIVED REST "\nbody\n", crlf);
}

static void test_key_of_others(void **state _unused_)
{
        assert_other(RECEIVED REST, RECEIVED REST "X-Other: 1\n");
        assert_other(RECEIVED REST, RECEIVED "From: b@example.net\nSubject: x\n");
        assert_other(RECEIVED REST, RECEIVED RECEIVED REST);
        assert_other(RECEIVED REST, "Received: from x\n" RECEIVED REST);
        assert_other(RECEIVED "A: b\nC: d\n", RECEIVED "A: bC: d\n"); /* fields do not run together */
        assert_other(RECEIVED "Status-Line: x\n", RECEIVED);          /* not the field of a mailbox */
        assert_other("Subject: a\n\n", "Subject: b\n\n");             /* without Received: all counts */
        assert_same("Subject: a\nStatus: RO\n\n", "Subject: a\n\n");
}

static void test_key_of_anything(void **state _unused_)
{
        static const uint8_t zero[16];
        char *huge = malloc(1 << 20);
        struct key k;

        k = key_of("");
        assert_memory_not_equal(k.b, zero, 16);
        k = key_of("\n");
        assert_memory_not_equal(k.b, zero, 16);
        k = key_of("Received:");
        assert_memory_not_equal(k.b, zero, 16);
        assert_int_equal(record_key("Received: \0\r\r\r\xff", 15, k.b), 0);
        memset(huge, '\r', 1 << 20);
        memcpy(huge, "Received:", 9);
        assert_int_equal(record_key(huge, 1 << 20, k.b), 0);
        free(huge);
}

static struct record at(const char *rdns, unsigned family, const char *banner, unsigned smtp)
{
        struct record r = {.os_family = (uint8_t) family, .os_confidence = 90, .smtp = (uint8_t) smtp};

        snprintf(r.rdns, sizeof(r.rdns), "%s", rdns);
        snprintf(r.banner, sizeof(r.banner), "%s", banner);
        return r;
}

static void test_moved(void **state _unused_)
{
        const unsigned win = OS_FAMILY_WINDOWS, lin = OS_FAMILY_LINUX, server = SMTP_PROBE_SERVER + 1,
                       refused = SMTP_PROBE_REFUSED + 1, silent = SMTP_PROBE_SILENT + 1;
        const struct {
                struct record first, now;
                uint32_t changes;
                bool moved;
        } cases[] = {
                {at("", 0, "", 0), at("", 0, "", 0), 0, false},
                {at("", 0, "", 0), at("a.example.net", lin, "mx.example.net ESMTP", server), 0, false},
                {at("a.example.net", win, "", 0), at("", 0, "", 0), 0, false}, /* not known now */
                {at("a.example.net", 0, "", 0), at("B.Example.NET", 0, "", 0), 0, false},
                {at("a.example.co.uk", 0, "", 0), at("a.other.co.uk", 0, "", 0), RECORD_CHANGE_NAME, true},
                {at("", win, "", 0), at("", lin, "", 0), RECORD_CHANGE_SYSTEM, true},
                {at("", 0, "mx.example.net ESMTP", server), at("", 0, "mx.example.org ESMTP", server),
                 RECORD_CHANGE_BANNER, false},
                {at("", 0, "ready", server), at("", 0, "mx.example.org ESMTP", server), 0, false},
                {at("", 0, "", refused), at("", 0, "", server), RECORD_CHANGE_SERVICE, false},
                {at("", 0, "", refused), at("", 0, "", silent), 0, false},
                {at("a.example.net", win, "mx.example.net", server), at("a.example.org", lin, "", refused),
                 RECORD_CHANGE_NAME | RECORD_CHANGE_SYSTEM | RECORD_CHANGE_SERVICE, true},
        };
        struct record unsure = at("", lin, "", 0), first = at("", win, "", 0);

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                assert_int_equal(record_changes(&cases[i].first, &cases[i].now), cases[i].changes);
                assert_int_equal(record_moved(cases[i].changes), cases[i].moved);
        }
        unsure.os_confidence = 79;
        assert_int_equal(record_changes(&first, &unsure), 0);
        assert_true(record_moved(RECORD_CHANGE_BANNER | RECORD_CHANGE_SERVICE));
        for (unsigned i = 0; i < RECORD_CHANGES; i++)
                assert_string_not_equal(record_change_title(i), "?");
        assert_string_equal(record_change_title(RECORD_CHANGES), "?");
}

static void test_due(void **state _unused_)
{
        const nsec_t t = 1000 * HOUR;

        assert_false(record_is_due(t, t, t));
        assert_false(record_is_due(t, t, t + 6 * HOUR - 1));
        assert_true(record_is_due(t, t, t + 6 * HOUR));
        assert_true(record_is_due(t, t + HOUR, t + 6 * HOUR)); /* another mail within the first inquiry */
        assert_false(record_is_due(t, t + 6 * HOUR, t + 23 * HOUR));
        assert_true(record_is_due(t, t + 6 * HOUR, t + 24 * HOUR));
        assert_false(record_is_due(t, t + 24 * HOUR, t + 167 * HOUR));
        assert_true(record_is_due(t, t + 24 * HOUR, t + 168 * HOUR));
        assert_false(record_is_due(t, t + 168 * HOUR, t + 10000 * HOUR)); /* that was the last time */
        assert_true(record_is_due(t, t, t + 9000 * HOUR));
        assert_false(record_is_due(t, t + 9000 * HOUR, t + 9001 * HOUR)); /* missed steps are one */
        assert_false(record_is_due(t, t, t - HOUR));
        assert_true(record_is_due(t, t - HOUR, t + 7 * HOUR)); /* the clock was set */
        assert_false(record_is_due(INT64_MAX, INT64_MAX, INT64_MIN));
        assert_false(record_is_due(INT64_MIN, INT64_MIN, INT64_MAX)); /* no time: further than numbers reach */
}

static void test_claims(void **state _unused_)
{
        struct record r = {.class = JUDGE_DIRECT_BOT, .asked = 5, .speak_for = UINT32_MAX, .helo = "pc"};
        struct evidence e;
        _cleanup_(buf_done)
        struct buf told = BUF_HEAP(65536);
        int n = 0;

        r.signs[JUDGE_SIGN_DIRECT] = ANSWER_YES;
        r.signs[JUDGE_SIGN_SPAM] = ANSWER_NO;
        r.signs[JUDGE_SIGN_TIMES] = 77; /* not ours */
        for (unsigned i = 0; i < CLAIMS_PIECES; i++)
                if (claims_get(&r, i, &e)) {
                        n++;
                        assert_ptr_equal(claims_kind_find(e.kind->name), e.kind);
                        assert_int_equal(e.subject.kind, SUBJECT_RELAY);
                        assert_int_equal(e.last, 5);
                        buf_reset(&told);
                        claims_explain(&e, &told);
                        assert_true(told.len > 10);
                }
        assert_int_equal(n, 3);
        assert_false(claims_get(&r, CLAIMS_PIECES, &e));
        assert_null(claims_kind_find("relay.nonsense"));
        assert_string_equal(claims_kind_find("relay.no_spam")->title, "it is not so that the mail is spam");
        for (unsigned c = 0; c < JUDGE_CLASSES; c++) {
                r.class = c;
                assert_int_equal(claims_accuse(&r), c == JUDGE_DIRECT_BOT || c == JUDGE_OPEN_PROXY);
        }
        /* No cap cuts a weight, or scores would not add up. */
        for (unsigned s = 0; s < JUDGE_SIGNS; s++)
                for (unsigned c = 0; c < JUDGE_CLASSES; c++)
                        for (unsigned a = ANSWER_NO; a < ANSWERS; a++)
                                assert_in_range(abs(judge_sign_weight(s, a, c)), 0, e.kind->cap + 1000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_key_in_mailboxes),
                cmocka_unit_test(test_key_line_ends),
                cmocka_unit_test(test_key_of_others),
                cmocka_unit_test(test_key_of_anything),
                cmocka_unit_test(test_moved),
                cmocka_unit_test(test_due),
                cmocka_unit_test(test_claims),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
