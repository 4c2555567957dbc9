/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Abuse reports: what stands in them, whom they do not name, and about whom there is none. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "mail/abuse_report.h"
#include "mail/mime.h"

#include <gmime/gmime.h>

#define RECEIVED                                                                                                       \
        "Received: from pc (dsl-4.example.net [192.0.2.4])\r\n\tby mx.example.org (Postfix) with SMTP id 1\r\n\tfor "  \
        "<alice@example.org>; Tue, 15 Aug 2023 10:00:00 +0000\r\n"

static const char head[] =
        "Return-Path: <bounce-alice=example.org@spam.test>\r\nDelivered-To: Alice@example.org\r\n" RECEIVED
        "From: =?utf-8?Q?alice=40example=2Eorg?= <alice@example.org>\r\n"
        "To: \"Alice\" <alice@example.org>,\r\n \"bob the second\"@example.com\r\n"
        "Subject: =?utf-8?B?YWxpY2VAZXhhbXBsZS5vcmc6IGJ1eSBub3csIGFsaWNl?=\r\n"
        "X-Mailer: for alice%40example.org \xff\r\nX-Secret: alice@example.org\r\n\r\nbody\r\n";
static const uint8_t key[ABUSE_REDACT_KEY] = "a secret";

struct rig {
        struct chain chain;
        struct record record;
        struct abuse_report report;
        struct buf out;
};

static int set_up(void **state)
{
        static const struct chain_trust trust;
        struct rig *r = calloc(1, sizeof(*r));

        mime_init();
        chain_read(head, strlen(head), &trust, &r->chain);
        r->record = (struct record){.addr = r->chain.relay,
                                    .came = 1692093600 * NSEC_PER_SEC,
                                    .class = JUDGE_DIRECT_BOT,
                                    .score = 1000,
                                    .speak_for = 1u << JUDGE_SIGN_DIRECT | 1u << JUDGE_SIGN_FORGED,
                                    .rdns = "dsl-4.example.net"};
        r->record.signs[JUDGE_SIGN_CONFIRMED] = ANSWER_YES;
        r->report = (struct abuse_report){.record = &r->record,
                                          .chain = &r->chain,
                                          .head = head,
                                          .len = strlen(head),
                                          .reporter = "abuse@example.org",
                                          .now = 1692097200 * NSEC_PER_SEC,
                                          .key = key};
        r->out = BUF_HEAP(1u << 20);
        *state = r;
        return 0;
}

static int tear_down(void **state)
{
        struct rig *r = *state;

        buf_done(&r->out);
        free(r);
        return 0;
}

static void has(const char *text, const char *what)
{
        if (!strstr(text, what))
                fail_msg("\"%s\" is not in:\n%s", what, text);
}

static void has_not(const char *text, const char *what)
{
        if (strcasestr(text, what))
                fail_msg("\"%s\" is in:\n%s", what, text);
}

/* A part's text, decoded. */
static char *text_of(GMimeMultipart *all, int i)
{
        GMimeObject *part = g_mime_multipart_get_part(all, i);
        GMimeStream *stream = g_mime_stream_mem_new();
        GByteArray *bytes = g_mime_stream_mem_get_byte_array((GMimeStreamMem *) stream);
        char *text;

        assert_true(g_mime_data_wrapper_write_to_stream(g_mime_part_get_content((GMimePart *) part), stream) >= 0);
        text = calloc(1, bytes->len + 1); /* the bytes have no end of a string */
        assert_non_null(text);
        memcpy(text, bytes->data, bytes->len);
        g_object_unref(stream);
        return text;
}

static void test_arf(void **state)
{
        struct rig *r = *state;
        _cleanup_free_ char *told = NULL, *fields = NULL, *part = NULL;
        GMimeStream *stream;
        GMimeParser *parser;
        GMimeMessage *message;
        GMimeMultipart *all;

        assert_int_equal(abuse_report_arf(&r->report, &r->out), 0);
        for (const char *p = r->out.data; p < r->out.data + r->out.len; p++)
                assert_true(*p == '\n' || *p == '\t' || (*p >= ' ' && *p < 127));
        stream = g_mime_stream_mem_new_with_buffer(r->out.data, r->out.len);
        parser = g_mime_parser_new_with_stream(stream);
        message = g_mime_parser_construct_message(parser, NULL);
        assert_non_null(message);
        all = (GMimeMultipart *) g_mime_message_get_mime_part(message);
        assert_true(GMIME_IS_MULTIPART(all));
        assert_string_equal(g_mime_object_get_content_type_parameter((GMimeObject *) all, "report-type"),
                            "feedback-report");
        assert_int_equal(g_mime_multipart_get_count(all), 3);
        told = text_of(all, 0);
        fields = text_of(all, 1);
        part = text_of(all, 2);
        has(told, "delivered to us from 192.0.2.4 at Tue, 15 Aug 2023 10:00:00 +0000");
        assert_string_equal(fields, "Feedback-Type: abuse\nUser-Agent: sekimori/" SEKIMORI_VERSION
                                    "\nVersion: 1\nSource-IP: 192.0.2.4\n"
                                    "Arrival-Date: Tue, 15 Aug 2023 10:00:00 +0000\nIncidents: 1\n"
                                    "Reporting-MTA: dns; mx.example.org\nReported-Domain: example.net\n"
                                    "X-Sekimori-Class: direct_bot\n");
        has(part, "Received: from pc (dsl-4.example.net [192.0.2.4])\n\tby mx.example.org");
        has(part, "X-Mailer: ");
        has(part, ": buy now, ");
        has_not(part, "alice");
        has_not(part, "second");
        has_not(part, "secret");
        has_not(part, "=?");
        g_object_unref(message);
        g_object_unref(parser);
        g_object_unref(stream);
}

static const char *text_at(json_t *json, const char *name)
{
        return json_string_value(json_object_get(json, name));
}

static void test_xarf(void **state)
{
        struct rig *r = *state;
        json_t *json, *evidence;
        char first[64];

        assert_int_equal(abuse_report_xarf(&r->report, &r->out), 0);
        json = json_loadb(r->out.data, r->out.len, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(json);
        assert_string_equal(text_at(json, "xarf_version"), "4.0.0");
        assert_string_equal(text_at(json, "timestamp"), "2023-08-15T10:00:00Z");
        assert_string_equal(text_at(json, "source_identifier"), "192.0.2.4");
        assert_string_equal(text_at(json, "category"), "messaging");
        assert_string_equal(text_at(json, "type"), "spam");
        assert_string_equal(text_at(json, "protocol"), "other");
        assert_string_equal(text_at(json_object_get(json, "reporter"), "contact"), "abuse@example.org");
        assert_string_equal(text_at(json_object_get(json, "sender"), "domain"), "example.org");
        assert_true(json_real_value(json_object_get(json, "confidence")) > 0.9);
        evidence = json_array_get(json_object_get(json, "evidence"), 0);
        assert_string_equal(text_at(evidence, "content_type"), "text/rfc822-headers");
        assert_int_equal(strlen(text_at(evidence, "payload")),
                         (json_integer_value(json_object_get(evidence, "size")) + 2) / 3 * 4);
        (void) snprintf(first, sizeof(first), "%s", text_at(json, "report_id"));
        assert_int_equal(strlen(first), 36);
        json_decref(json);
        /* The same report has the same number; another mail has another. */
        r->report.now += NSEC_PER_SEC;
        buf_reset(&r->out);
        assert_int_equal(abuse_report_xarf(&r->report, &r->out), 0);
        has(r->out.data, first);
        r->record.mail[3] = 1;
        buf_reset(&r->out);
        assert_int_equal(abuse_report_xarf(&r->report, &r->out), 0);
        has_not(r->out.data, first);
}

static void test_port(void **state)
{
        static const char other[] =
                "Received: from pc (unknown [192.0.2.4]:4711) by mx.example.org (Postfix) with SMTP id "
                "1; Tue, 15 Aug 2023 10:00:00 +0000\n\n";
        static const struct chain_trust trust;
        struct rig *r = *state;

        chain_read(other, strlen(other), &trust, &r->chain);
        r->report.head = other;
        r->report.len = strlen(other);
        if (r->chain.hops[0].r.port) {
                assert_int_equal(abuse_report_xarf(&r->report, &r->out), 0);
                has(r->out.data, "\"source_port\":4711");
                assert_int_equal(abuse_report_arf(&r->report, &r->out), 0);
                has(r->out.data, "Source-Port: 4711\n");
        }
}

static void test_wanted(void **state)
{
        struct rig *r = *state;

        for (unsigned class = 0; class < JUDGE_CLASSES; class ++) {
                r->record.class = class;
                assert_int_equal(abuse_report_wanted(&r->record, &r->chain),
                                 class != JUDGE_UNKNOWN && class != JUDGE_PROVIDER_RELAY);
        }
        r->chain.end = CHAIN_END_USER;
        assert_false(abuse_report_wanted(&r->record, &r->chain));
        assert_false(abuse_report_wanted(&r->record, NULL));
}

static void test_reporter(void **state)
{
        static const char *const wrong[] = {"", "a", "@b", "a@", "a b@c", "a\n@b", "<a@b>", "a,b@c"};
        struct rig *r = *state;

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                r->report.reporter = wrong[i];
                assert_int_equal(abuse_report_arf(&r->report, &r->out), -EINVAL);
                assert_int_equal(abuse_report_xarf(&r->report, &r->out), -EINVAL);
        }
        assert_int_equal(r->out.len, 0);
}

/* With more recipients than are kept nothing of the head goes out. */
static void test_many(void **state)
{
        struct rig *r = *state;
        _cleanup_(buf_done)
        struct buf many = BUF_HEAP(1u << 16);
        static struct abuse_redact redact;

        (void) buf_puts(&many, RECEIVED "To: ");
        for (int i = 0; i <= ABUSE_REDACT_WHO; i++)
                (void) buf_printf(&many, "u%d@example.org, ", i);
        (void) buf_puts(&many, "\nSubject: u64\n\n");
        abuse_redact_begin(&redact, key, many.data, many.len);
        abuse_redact_head(&redact, many.data, many.len, &r->out);
        assert_int_equal(r->out.len, 0);
}

static void test_name(void **state)
{
        struct rig *r = *state;
        char name[ABUSE_REPORT_NAME];

        assert_string_equal(abuse_report_name(&r->record, name), "20230815T100000Z-192.0.2.4");
        (void) addr_parse("2001:db8::1", &r->record.addr);
        assert_string_equal(abuse_report_name(&r->record, name), "20230815T100000Z-2001-db8--1");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {TEST(test_arf),      TEST(test_xarf), TEST(test_port), TEST(test_wanted),
                                           TEST(test_reporter), TEST(test_many), TEST(test_name)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
