/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Chains: where belief ends, what gives the rest away, and heads that are made to hurt. */
#include "hostile.h"
#include "mail_rig.h"

#include "mail/chain.h"
#include "mail/head.h"

#define OURS                                                                                                           \
        "Received: from mail.example.org (mail.example.org [198.51.100.7]) by mx.example.com (Postfix) with ESMTP id " \
        "1; "
#define TUESDAY "Tue, 15 Aug 2023 10:00:00 +0000\r\n"

static struct chain c;

static void read_head(const char *head, const struct chain_trust *trust)
{
        static const struct chain_trust nobody;

        chain_read(head, strlen(head), trust ? trust : &nobody, &c);
}

static const struct chain_sign *find_sign(enum chain_sign_id id, uint32_t hop)
{
        for (uint32_t i = 0; i < c.n_signs; i++)
                if (c.signs[i].id == id && c.signs[i].hop == hop)
                        return &c.signs[i];
        return NULL;
}

static void assert_relay(const char *text)
{
        char have[ADDR_TEXT_MAX];

        assert_int_equal(c.end, CHAIN_END_RELAY);
        assert_string_equal(addr_format(&c.relay, have), text);
}

static void assert_text(enum chain_sign_id id, uint32_t hop, const char *part)
{
        char text[512];
        struct buf out = BUF_FIXED(text);
        const struct chain_sign *s = find_sign(id, hop);

        assert_non_null(s);
        chain_sign_text(&c, s, &out);
        if (!strstr(buf_str(&out), part))
                fail_msg("\"%s\" has no \"%s\"", buf_str(&out), part);
}

static void test_topmost(void **state)
{
        (void) state;
        read_head("", NULL);
        assert_int_equal(c.end, CHAIN_END_NONE);
        read_head("Subject: x\r\n\r\nReceived: from x ([192.0.2.1]) by y; " TUESDAY, NULL);
        assert_int_equal(c.end, CHAIN_END_NONE);
        read_head(OURS TUESDAY "Received: from x ([203.0.113.9]) by mail.example.org; " TUESDAY, NULL);
        assert_relay("198.51.100.7");
        assert_int_equal(c.hops[0].role, CHAIN_RELAY);
        assert_true(c.hops[1].role == CHAIN_WORD || c.hops[1].role == CHAIN_FORGED);
}

/* Steps within our machine are looked through; what the client could have brought about is not. */
static void test_inner(void **state)
{
        (void) state;
        read_head(
                "Received: (qmail 1 invoked by uid 89); 15 Aug 2023 10:00:01 -0000\n"
                "Received: from localhost (localhost [127.0.0.1]) by mx.example.com (Postfix) with ESMTP id 2; " TUESDAY
                        OURS TUESDAY,
                NULL);
        assert_relay("198.51.100.7");
        assert_int_equal(c.hops[0].role, CHAIN_INNER);
        assert_int_equal(c.hops[1].role, CHAIN_INNER);
        assert_int_equal(c.boundary, 2);
        /* LMTP from a front end of ours, and out of a mailbox */
        read_head(
                "Received: from pop.example.net [192.0.2.110] by localhost with POP3 (fetchmail-6.3.26) for "
                "<a@localhost>; " TUESDAY
                "Received: from mx.example.com ([10.0.0.1]) by imap.example.com with LMTP id 1; " TUESDAY OURS TUESDAY,
                NULL);
        assert_relay("198.51.100.7");
        /* A HELO that is our loopback address, at a server that writes nothing else */
        read_head("Received: from [127.0.0.1] by mx.example.com (MDaemon PRO v9.0.1) with ESMTP id 1; " TUESDAY OURS
                          TUESDAY,
                  NULL);
        assert_int_equal(c.end, CHAIN_END_BLIND);
        /* An address of the network at home is not looked through: it may be a bot there that made up the rest. */
        read_head("Received: from pc ([10.0.0.77]) by mx.example.com (Postfix) with ESMTP id 2; " TUESDAY OURS TUESDAY,
                  NULL);
        assert_relay("10.0.0.77");
        read_head("Received: from localhost (localhost [127.0.0.1]) by mx.example.com (Postfix) with ESMTP id "
                  "2; " TUESDAY,
                  NULL);
        assert_int_equal(c.end, CHAIN_END_WITHIN);
}

static void test_trusted_nets(void **state)
{
        struct chain_net nets[3] = {{.except = true}, {.except = false}};
        struct chain_trust trust = {.trusted = {nets, 2}};
        static const char head[] =
                OURS TUESDAY "Received: from x ([203.0.113.9]) by mail.example.org (Postfix) with ESMTP id 7; " TUESDAY
                             "Received: from y ([192.0.2.5]) by x.example.net (Postfix) with ESMTP id 8; " TUESDAY;

        (void) state;
        assert_int_equal(cidr_parse("203.0.113.9", &nets[0].net), 0);
        assert_int_equal(cidr_parse("0.0.0.0/0", &nets[1].net), 0);
        read_head(head, &trust);
        assert_relay("203.0.113.9");
        assert_int_equal(c.hops[0].role, CHAIN_OWN);
        nets[0].except = false;
        read_head(head, &trust);
        assert_int_equal(c.end, CHAIN_END_WITHIN);
        assert_true(c.hops[2].trusted && c.hops[2].own);
        /* A submission server: its client is a user of ours, and what he wrote below is his word. */
        trust.submission = (struct chain_nets){nets, 1};
        assert_int_equal(cidr_parse("198.51.100.7", &nets[0].net), 0);
        trust.trusted.n = 1;
        read_head(head, &trust);
        assert_int_equal(c.end, CHAIN_END_USER);
        assert_int_equal(c.boundary, 1);
        assert_int_equal(c.hops[1].role, CHAIN_USER);
        assert_true(chain_role_name(c.hops[2].role) != NULL && c.hops[2].role >= CHAIN_WORD);
}

static void test_trusted_names(void **state)
{
        static const char *const names[] = {".example.org"};
        struct chain_trust trust = {.names = names, .n_names = 1};
        static const char below[] =
                "Received: from x ([203.0.113.9]) by mail.example.org (Postfix) with ESMTP id 7; " TUESDAY;
        char head[2048];

        (void) state;
        snprintf(head, sizeof(head), "%s%s", OURS TUESDAY, below);
        read_head(head, &trust);
        assert_relay("203.0.113.9");
        /* A reverse name that the server did not make sure of, that it doubts, or that only was said */
        snprintf(head, sizeof(head),
                 "Received: from mail.example.org (HELO mail.example.org) (198.51.100.7) by mx.example.com with SMTP; "
                 "15 Aug 2023 10:00:00 -0000\n%s",
                 below);
        read_head(head, &trust);
        assert_relay("198.51.100.7");
        snprintf(head, sizeof(head),
                 "Received: from x (mail.example.org [198.51.100.7] (may be forged)) by mx.example.com "
                 "(8.17.1/8.17.1) with ESMTP id 1; " TUESDAY "%s",
                 below);
        read_head(head, &trust);
        assert_relay("198.51.100.7");
        assert_non_null(find_sign(CHAIN_SIGN_NAME_FORGED, 0));
        snprintf(head, sizeof(head),
                 "Received: from mail.example.org (unknown [198.51.100.7]) by mx.example.com (Postfix) with ESMTP "
                 "id 1; " TUESDAY "%s",
                 below);
        read_head(head, &trust);
        assert_relay("198.51.100.7");
        snprintf(
                head, sizeof(head),
                "Received: from a (notexample.org [198.51.100.7]) by mx.example.com (Postfix) with ESMTP id 1; " TUESDAY
                "%s",
                below);
        read_head(head, &trust);
        assert_relay("198.51.100.7");
}

static void test_times(void **state)
{
        static const struct {
                const char *time;
                bool sign, strong;
        } rows[] = {
                {"Tue, 15 Aug 2023 09:59:00 +0000", false, false},
                {"Tue, 15 Aug 2023 19:05:00 +0900", false, false}, /* five minutes: clocks */
                {"Tue, 15 Aug 2023 10:30:00 +0000", true, false},
                {"Tue, 15 Aug 2023 10:00:00 -1200", true, false}, /* a mistaken zone */
                {"Wed, 16 Aug 2023 01:30:00 +0000", true, true},
                {"Tue, 15 Aug 2023 14:00:00 -1200", true, true},
                {"Wed, 16 Aug 2023 01:30:00", true, false}, /* who knows which zone */
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char head[1024];
                const struct chain_sign *s;

                snprintf(head, sizeof(head), OURS TUESDAY "Received: from x ([8.8.8.8]) by mail.example.org; %s\r\n",
                         rows[i].time);
                read_head(head, NULL);
                s = find_sign(CHAIN_SIGN_TIME_BACKWARDS, 1);
                if (!s != !rows[i].sign || (s && s->strong != rows[i].strong))
                        fail_msg("%s: %s", rows[i].time, s ? s->strong ? "strong" : "weak" : "none");
                assert_int_equal(c.hops[1].role, rows[i].strong ? CHAIN_FORGED : CHAIN_WORD);
        }
        read_head(OURS TUESDAY "Received: from x ([8.8.8.8]) by mail.example.org; Tue, 1 Aug 2023 10:00:00 +0000\n",
                  NULL);
        assert_text(CHAIN_SIGN_TIME_JUMP, 1, "14 days");
        read_head(OURS TUESDAY "Received: from x ([8.8.8.8]) by mail.example.org; Fri, 15 Aug 2023 10:00:00 +0000\n",
                  NULL);
        assert_text(CHAIN_SIGN_WEEKDAY, 1, "week");
        assert_int_equal(c.hops[1].role, CHAIN_FORGED);
        read_head(OURS TUESDAY "Received: from x ([8.8.8.8]) by mail.example.org; Tue, 15 Aug 2023 10:00:00 +1733\n",
                  NULL);
        assert_non_null(find_sign(CHAIN_SIGN_ZONE, 1));
        read_head(OURS TUESDAY "Received: from x ([8.8.8.8]) by mail.example.org; Aug, 15 2023 9:53:02 PM -0300\n",
                  NULL);
        assert_non_null(find_sign(CHAIN_SIGN_TIME_FORM, 1));
        read_head(OURS TUESDAY "Date: Sat, 19 Aug 2023 10:00:00 +0000\n", NULL);
        assert_text(CHAIN_SIGN_DATE_AHEAD, 0, "4 days");
        read_head(OURS TUESDAY "Date: Sat, 15 Jul 2023 10:00:00 +0000\n", NULL);
        assert_text(CHAIN_SIGN_DATE_BEHIND, 0, "31 days");
}

static void test_contradictions(void **state)
{
        (void) state;
        read_head(OURS TUESDAY "Received: from x ([240.1.2.3]) by mail.example.org; " TUESDAY, NULL);
        assert_text(CHAIN_SIGN_ADDRESS_RESERVED, 1, "future use");
        read_head(OURS TUESDAY "Received: from x ([3f00::1]) by mail.example.org; " TUESDAY, NULL);
        assert_text(CHAIN_SIGN_ADDRESS_RESERVED, 1, "nobody yet");
        read_head(OURS TUESDAY "Received: from 300.1.2.3 by mail.example.org; " TUESDAY, NULL);
        assert_text(CHAIN_SIGN_ADDRESS_RESERVED, 1, "300.1.2.3");
        read_head(OURS TUESDAY "Received: from x ([8.8.8.8]) by mail.other.example; " TUESDAY, NULL);
        assert_text(CHAIN_SIGN_BY_NAME, 1, "mail.other.example");
        assert_int_equal(c.hops[1].role, CHAIN_WORD);
        read_head(OURS TUESDAY "Received: from x ([8.8.8.8]) by mx.example.com; " TUESDAY, NULL);
        assert_non_null(find_sign(CHAIN_SIGN_BY_OURS, 1));
        read_head(OURS TUESDAY "Received: from x (a [8.8.8.8]) (b [8.8.4.4]) by mail.example.org; " TUESDAY, NULL);
        assert_int_equal(c.hops[1].role, CHAIN_WORD); /* a form we do not know has no liar */
        assert_non_null(find_sign(CHAIN_SIGN_IMITATION, 1));
}

static void test_helo(void **state)
{
        static const struct {
                const char *helo;
                int sign;
                bool strong;
        } rows[] = {
                {"mail.example.org", -1, false},
                {"[8.8.8.8]", CHAIN_SIGN_HELO_LITERAL, false},
                {"8.8.8.8", CHAIN_SIGN_HELO_LITERAL, false},
                {"[8.8.4.4]", CHAIN_SIGN_HELO_ADDRESS, true},
                {"[192.168.1.2]", CHAIN_SIGN_HELO_ADDRESS, false},
                {"mx.example.com", CHAIN_SIGN_HELO_OURS, true},
                {"PC", CHAIN_SIGN_HELO_PLAIN, false},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char head[512];

                snprintf(head, sizeof(head),
                         "Received: from %s (unknown [8.8.8.8]) by mx.example.com (Postfix) with SMTP id 1; " TUESDAY,
                         rows[i].helo);
                read_head(head, NULL);
                assert_relay("8.8.8.8");
                assert_non_null(find_sign(CHAIN_SIGN_NO_NAME, 0));
                assert_int_equal(c.n_signs, rows[i].sign < 0 ? 1 : 2);
                if (rows[i].sign >= 0) {
                        assert_non_null(find_sign((enum chain_sign_id) rows[i].sign, 0));
                        assert_int_equal(find_sign((enum chain_sign_id) rows[i].sign, 0)->strong, rows[i].strong);
                }
        }
}

static void test_results(void **state)
{
        static const char by_ours[] =
                "Authentication-Results: mx.example.com; spf=pass smtp.mailfrom=example.org; dkim=fail "
                "(bad); dmarc=none\n";
        char head[2048];

        (void) state;
        snprintf(head, sizeof(head), "%s" OURS TUESDAY "%s", by_ours, by_ours);
        read_head(head, NULL);
        assert_int_equal(c.n_results, 2);
        assert_true(c.results[0].trusted);
        assert_false(c.results[1].trusted); /* below our header anybody may have written it */
        assert_string_equal(rig_text(c.results[0].spf_is), "pass");
        assert_string_equal(rig_text(c.results[0].dkim_is), "fail");
        assert_string_equal(rig_text(c.results[0].dmarc_is), "none");
        snprintf(head, sizeof(head), "Authentication-Results: other.example; spf=pass\n" OURS TUESDAY);
        read_head(head, NULL);
        assert_false(c.results[0].trusted);
        read_head(by_ours, NULL); /* nothing says that it is ours */
        assert_false(c.results[0].trusted);
}

static void test_origin(void **state)
{
        (void) state;
        read_head("X-Originating-IP: [203.0.113.9]\r\n" OURS TUESDAY
                  "X-Sender-IP: 203.0.113.10\nX-Originating-IP: none\n",
                  NULL);
        assert_relay("198.51.100.7");
        assert_int_equal(c.n_hops, 3);
        assert_int_equal(c.boundary, 1);
        assert_int_equal(c.hops[0].role, CHAIN_ORIGIN);
        assert_int_equal(c.hops[2].role, CHAIN_ORIGIN);
        /* Alone it is nothing. */
        read_head("X-Originating-IP: [203.0.113.9]\r\n", NULL);
        assert_int_equal(c.end, CHAIN_END_NONE);
}

/* Whatever the topmost header has from the client, and whatever stands below it, the relay is who spoke to our server.
 */
static void judge_hostile(void *userdata, const char *payload)
{
        unsigned *n = userdata;
        static const char below[] = "Received: from evil (evil.example [" HOSTILE_FAKE
                                    "]) by relay.example.org (Postfix) with ESMTP id 9; " TUESDAY;
        const struct hostile_form *form = &hostile_forms[(*n)++ % HOSTILE_FORMS];
        const char *gaps[GAPS] = {0};
        char head[8192], relay[ADDR_TEXT_MAX];
        struct buf out = BUF_FIXED(head);

        gaps[*n % 3] = payload;
        (void) buf_puts(&out, "Received: ");
        hostile_fill(&out, form->text, HOSTILE_PEER, gaps);
        (void) buf_puts(&out, "\r\n");
        (void) buf_puts(&out, below);
        chain_read(head, out.len, &(struct chain_trust){0}, &c);
        if (c.end == CHAIN_END_RELAY && strcmp(addr_format(&c.relay, relay), HOSTILE_PEER) != 0)
                fail_msg("the relay is %s: %s", relay, head);
        if (c.end == CHAIN_END_WITHIN)
                fail_msg("taken for ours: %s", head);
}

static void test_hostile(void **state)
{
        unsigned n = 0;

        (void) state;
        (void) hostile_payloads(5, judge_hostile, &n);
        print_message("%u heads\n", n);
        assert_true(n > 10000);
}

static void test_huge(void **state)
{
        _cleanup_(buf_done)
        struct buf head = BUF_HEAP(8u << 20);

        (void) state;
        for (unsigned i = 0; i < 10000; i++)
                (void) buf_printf(
                        &head,
                        "Received: from h%u (h%u [198.51.100.%u]) by h%u.example (Postfix) with ESMTP id %u; " TUESDAY,
                        i, i, i % 250, i, i);
        read_head(buf_str(&head), NULL);
        assert_relay("198.51.100.0");
        assert_int_equal(c.received, 10000);
        assert_int_equal(c.n_hops, CHAIN_HOPS);
        assert_non_null(find_sign(CHAIN_SIGN_MANY_HOPS, CHAIN_HOPS - 1) ?: (c.signs_lost ? &c.signs[0] : NULL));
        /* All of them ours: what is beyond the table is not known. */
        buf_reset(&head);
        for (unsigned i = 0; i < 1000; i++)
                (void) buf_puts(
                        &head,
                        "Received: from localhost (localhost [127.0.0.1]) by mx (Postfix) with ESMTP id 1; " TUESDAY);
        (void) buf_puts(&head, OURS TUESDAY);
        read_head(buf_str(&head), NULL);
        assert_int_equal(c.end, CHAIN_END_BLIND);
        /* A line of 100 kB above: not read, so nobody is believed. Below: no matter. */
        buf_reset(&head);
        (void) buf_puts(&head, "Received: from ");
        for (unsigned i = 0; i < 10000; i++)
                (void) buf_puts(&head, "xxxxxxxxxx");
        (void) buf_puts(&head, " ([192.0.2.1]) by mx.example.com; " TUESDAY OURS TUESDAY);
        read_head(buf_str(&head), NULL);
        assert_int_equal(c.end, CHAIN_END_BLIND);
}

static unsigned count_fields(const char *text, size_t len, uint32_t *ret_lost)
{
        struct head h = head_of(text, len);
        struct head_field f;
        unsigned n = 0;

        while (head_next(&h, &f))
                n++;
        *ret_lost = h.lost;
        return n;
}

static void test_fields(void **state)
{
        static const struct {
                const char *text;
                unsigned fields, lost;
        } rows[] = {
                {"A: 1\nB: 2\n\nC: 3\n", 2, 0},
                {"A: 1\r\n  more\r\n\tmore\r\nB:\r\n\r\nC: 3", 2, 0},
                {"From x Mon\nA: 1\n", 1, 0},
                {">From x Mon\nA: 1\n", 1, 0},
                {"A: 1\nFrom x Mon\nB: 2", 2, 1},
                {"no colon\nA : 1\n", 1, 1},
                {"A: 1\rB: 2\n", 1, 0},
                {": x\n \n\x80: y\n", 0, 2},
                {"\nA: 1\n", 0, 0},
                {"", 0, 0},
        };
        uint32_t lost;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                assert_int_equal(count_fields(rows[i].text, strlen(rows[i].text), &lost), rows[i].fields);
                assert_int_equal(lost, rows[i].lost);
        }
        assert_int_equal(count_fields("A: \0\0x\nB: 1\n", 13, &lost), 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_topmost),      cmocka_unit_test(test_inner),
                cmocka_unit_test(test_trusted_nets), cmocka_unit_test(test_trusted_names),
                cmocka_unit_test(test_times),        cmocka_unit_test(test_contradictions),
                cmocka_unit_test(test_helo),         cmocka_unit_test(test_results),
                cmocka_unit_test(test_origin),       cmocka_unit_test(test_hostile),
                cmocka_unit_test(test_huge),         cmocka_unit_test(test_fields),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
