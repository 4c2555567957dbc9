/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON lines: every event type there and back with random fields, hostile text and cut and wrong lines. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <netinet/in.h>

#include "base/cleanup.h"
#include "line.h"
#include "random_event.h"
#include "view/json.h"
#include "view/json_fields.h"

static void test_round_trip(void **unused)
{
        struct buf line = BUF_HEAP(1u << 16), scratch = BUF_HEAP(4096), why = BUF_HEAP(4096);

        (void) unused;
        for (unsigned i = 0; i < 8000; i++) {
                struct event e = random_event(EVENT_PROCESS + i % (EVENT_TYPES - EVENT_PROCESS)), back;

                buf_reset(&line);
                json_event(&line, &e, 0);
                assert_int_equal(line.error, 0);
                assert_null(strchr(buf_str(&line), '\n'));
                if (json_read_event(buf_str(&line), line.len, &back, &scratch, &why) < 0)
                        fail_msg("%s: %s", buf_str(&why), buf_str(&line));
                assert_same_event(&e, &back);
        }
        buf_done(&line);
        buf_done(&scratch);
        buf_done(&why);
}

/* The reader starts from zero, so the comparison of bytes above is fair only if structs have no padding. */
static void test_structs_have_no_padding(void **unused)
{
        (void) unused;
        assert_int_equal(sizeof(struct task), 2 * 8 + 2 * 4);
        assert_int_equal(sizeof(struct flow_event), 24 + 8 + 32 + 4 + 4 + 16 + 8 + 4 + 4 + 8);
        assert_int_equal(sizeof(struct socket_event), 24 + 8 + 32 + 4 + 8 + 4 + 8);
}

static void test_cut_line(void **unused)
{
        struct event e = example_flow();
        struct buf line = BUF_HEAP(1u << 16);

        (void) unused;
        json_event(&line, &e, 0);
        for (size_t len = 0; len < line.len; len++)
                assert_refused(buf_str(&line), len, "the line is cut");
        buf_done(&line);
}

/* Replaces `from` by `to` in a good line and expects the reason. */
static void assert_change_refused(const char *from, const char *to, const char *reason)
{
        struct event e = example_flow();
        struct buf line = BUF_HEAP(1u << 16), changed = BUF_HEAP(1u << 16);
        const char *at;

        json_event(&line, &e, 0);
        at = strstr(buf_str(&line), from);
        if (!at)
                fail_msg("%s is not in %s", from, buf_str(&line));
        buf_put(&changed, buf_str(&line), (size_t) (at - buf_str(&line)));
        buf_puts(&changed, to);
        buf_puts(&changed, at + strlen(from));
        assert_refused(buf_str(&changed), changed.len, reason);
        buf_done(&line);
        buf_done(&changed);
}

static void test_wrong_fields(void **unused)
{
        (void) unused;
        assert_change_refused("\"local\":\"10.0.0.2\"", "\"local\":\"10.0.0.256\"", "field flow.local: no address");
        assert_change_refused("\"local\":\"10.0.0.2\",", "", "field flow.local: missing");
        assert_change_refused("\"local_port\":22", "\"local_port\":65536", "field flow.local_port: no number");
        assert_change_refused("\"local_port\":22", "\"local_port\":-1", "field flow.local_port: no number");
        assert_change_refused("\"local_port\":22", "\"local_port\":\"\"", "field flow.local_port: no number");
        assert_change_refused("\"bytes_in\":0", "\"bytes_in\":\"18446744073709551616\"", "flow.bytes_in: no number");
        assert_change_refused("\"bytes_in\":0", "\"bytes_in\":1e99", "flow.bytes_in: no number");
        assert_change_refused("\"pid\":12", "\"pid\":4294967296", "field flow.task.pid: no number");
        assert_change_refused("\"pid\":12", "\"pdi\":12", "field flow.task.pdi: unknown");
        assert_change_refused("\"bytes_in\"", "\"bytes_ni\"", "field flow.bytes_ni: unknown");
        assert_change_refused("\"bytes_in\"", "\"\\u001b[2J\"", "field flow.\\x1b[2J: unknown");
        assert_change_refused("\"op\":\"start\"", "\"op\":\"begin\"", "field op: unknown name");
        assert_change_refused("\"event_type\":\"flow\"", "\"event_type\":\"alarm\"", "not an event of ours");
        assert_change_refused("\"event_type\":\"flow\"", "\"event_type\":\"gap\"", "field gap: missing");
        assert_change_refused("\"event_type\":\"flow\",", "", "field event_type: missing");
        assert_change_refused("\"time_ns\":1795224902123456789", "\"time_ns\":\"now\"", "field time_ns: no time");
        assert_change_refused("[\"inherited\"]", "[\"stolen\"]", "field flow.flags: unknown flag");
        assert_change_refused("[\"inherited\"]", "[65536]", "field flow.flags: unknown flag");
        assert_change_refused("[\"inherited\"]", "7", "field flow.flags: no list");
        assert_change_refused("\"origin\":\"unknown\"", "\"origin\":3", "field flow.origin: no name");
        assert_change_refused("\"op\":\"start\"", "\"op\":\"start\",\"op\":\"end\"", "duplicate object key");
        assert_change_refused("{\"timestamp\"", "[\"timestamp\"", "no JSON object");
        assert_refused("[1]", 3, "field event_type: missing");
}

static void test_wrong_content(void **unused)
{
        static const char head[] = "{\"timestamp\":\"2026-11-21T01:35:02Z\",\"event_type\":\"%s\",\"op\":\"%s\","
                                   "\"%s\":{\"local\":\"10.0.0.2\",\"remote\":\"192.0.2.1\",\"proto\":6,%s}}";
        static const struct {
                const char *type, *op, *fields, *reason;
        } cases[] = {
                {"dns", "query", "\"rrtype\":\"AAAAA\"", "dns.rrtype: unknown name"},
                {"dns", "query", "\"rrtype\":65536", "dns.rrtype: unknown name"},
                {"dns", "query", "\"rrname\":5", "dns.rrname: no text"},
                {"dns", "query", "\"addresses\":\"1.2.3.4\"", "dns.addresses: no list"},
                {"dns", "query", "\"addresses\":[1]", "dns.addresses: no address"},
                {"dns", "query", "\"addresses\":[\"1.2.3.4\\u0000\"]", "dns.addresses: no address"},
                {"dns", "ask", "\"id\":1", "op: unknown name"},
                {"tls", "client_hello", "\"ja4\":\"a\\u0000b\"", "tls.ja4: no text"},
                {"tls", "client_hello", "\"version\":\"TLS 9\"", "tls.version: unknown name"},
                {"file", "seen", "\"kind\":\"pe\\u0000\"", "file.kind: no name"},
                {"file", "seen", "\"size\":-1", "file.size: no number"},
                {"http", "request", "\"http_method\":\"%s\"", "http.http_method: text is too long"},
                {"irc", "line", "\"from_client\":1", "irc.from_client: neither"},
                {"smtp", "data", "\"flags\":[]", "smtp.flags: unknown"},
        };

        (void) unused;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char fields[600], line[1000], many[300];

                memset(many, 'X', sizeof(many));
                many[256] = '\0';
                if (strstr(cases[i].fields, "%s"))
                        snprintf(fields, sizeof(fields), "\"http_method\":\"%s\"", many);
                else
                        snprintf(fields, sizeof(fields), "%s", cases[i].fields);
                snprintf(line, sizeof(line), head, cases[i].type, cases[i].op, cases[i].type, fields);
                assert_refused(line, strlen(line), cases[i].reason);
        }
}

/* What is not said stays so: a length of 0 is another thing. */
static void test_not_said(void **unused)
{
        static const char line[] = "{\"time_ns\":1,\"event_type\":\"http\",\"op\":\"request\",\"http\":{"
                                   "\"local\":\"10.0.0.2\",\"remote\":\"192.0.2.1\",\"proto\":6,\"url\":\"/\"}}";
        struct buf scratch = BUF_HEAP(4096), why = BUF_HEAP(4096);
        struct event e;

        (void) unused;
        assert_int_equal(json_read_event(line, sizeof(line) - 1, &e, &scratch, &why), 0);
        assert_true(e.http.length == UINT64_MAX);
        assert_null(e.http.host);
        assert_int_equal(e.http.uri_len, 1);
        buf_done(&scratch);
        buf_done(&why);
}

static void test_huge_and_deep_lines(void **unused)
{
        static char deep[60000], huge[JSON_LINE_MAX + 1];
        struct event e = {.type = EVENT_PROCESS, .op = PROCESS_EXEC, .time = 1}, back;
        struct buf line = BUF_HEAP(1u << 20), scratch = BUF_HEAP(100), why = BUF_HEAP(4096);

        (void) unused;
        memset(deep, '[', sizeof(deep));
        assert_refused(deep, sizeof(deep), "no JSON object");
        memset(huge, ' ', sizeof(huge));
        assert_refused(huge, sizeof(huge), "longer than 65536 bytes");

        memset(huge, 'x', 100); /* does not fit the scratch buffer with its end */
        huge[100] = '\0';
        e.process.text = huge;
        json_event(&line, &e, 0);
        assert_int_equal(json_read_event(buf_str(&line), line.len, &back, &scratch, &why), -EINVAL);
        assert_string_equal(buf_str(&why), "field process.text: text is too long");
        huge[99] = '\0';
        buf_reset(&line);
        json_event(&line, &e, 0);
        assert_int_equal(json_read_event(buf_str(&line), line.len, &back, &scratch, &why), 0);
        buf_done(&line);
        buf_done(&scratch);
        buf_done(&why);
}

static void test_hostile_text(void **unused)
{
        struct event e = {.type = EVENT_PROCESS, .op = PROCESS_EXEC, .time = 1}, back;
        struct buf line = BUF_HEAP(1u << 20), scratch = BUF_HEAP(4096), why = BUF_HEAP(4096);

        (void) unused;
        e.process.text = "\xff\"},{\"\x1b[2J\r\n";
        json_event(&line, &e, 0);
        for (size_t i = 0; i < line.len; i++)
                assert_false((unsigned char) line.data[i] < 0x20);
        assert_int_equal(json_read_event(buf_str(&line), line.len, &back, &scratch, &why), 0);
        assert_string_equal(back.process.text, "\xef\xbf\xbd\"},{\"\x1b[2J\r\n");
        buf_done(&line);
        buf_done(&scratch);
        buf_done(&why);
}

/* A replay may be written by hand: what is 0 may be left out, the time may be the timestamp. */
static void test_short_line(void **unused)
{
        static const char line[] =
                "{\"timestamp\":\"2026-11-21T01:35:02Z\",\"event_type\":\"flow\",\"op\":\"push\",\"host\":1,"
                "\"flow\":{\"task\":{\"pid\":7},\"local\":\"10.0.0.2\",\"remote\":\"2001:db8::1\","
                "\"proto\":17}}";
        struct buf scratch = BUF_HEAP(4096), why = BUF_HEAP(4096);
        struct event e;

        (void) unused;
        assert_int_equal(json_read_event(line, sizeof(line) - 1, &e, &scratch, &why), 0);
        assert_int_equal(e.time, 1795224902 * NSEC_PER_SEC);
        assert_int_equal(e.op, FLOW_PUSH);
        assert_int_equal(e.flow.task.pid, 7);
        assert_int_equal(e.flow.proto, IPPROTO_UDP);
        assert_int_equal(e.flow.bytes_in, 0);
        buf_done(&scratch);
        buf_done(&why);
}

static const struct evidence_kind kind = {
        .name = "test.claim", .title = "It \"claims\"", .stage = STAGE_CONTROL, .weight = 1200, .cap = 1800};

static void test_verdict(void **unused)
{
        struct evidence e = {
                .kind = &kind, .weight = 1205, .first = NSEC_PER_SEC, .last = 2 * NSEC_PER_SEC, .count = 3};
        const struct evidence *pieces[] = {&e};
        struct verdict v = {.level = LEVEL_BOT, .score = 3150, .stages = 1u << STAGE_CONTROL | 1u << STAGE_EGG};
        struct buf out = BUF_HEAP(1u << 16);
        json_t *root;

        (void) unused;
        v.subject.kind = SUBJECT_HOST;
        assert_int_equal(addr_parse("10.1.6.206", &v.subject.addr), 0);
        e.subject = v.subject;
        evidence_add_ref(&e, UINT64_MAX);
        assert_int_equal(evidence_fact_text(&e, "note", "a\"b\n"), 0);
        json_verdict(&out, &v, 2000, pieces, 1, 0);
        assert_non_null(strstr(buf_str(&out),
                               "\"event_type\":\"verdict\",\"subject\":{\"kind\":\"host\",\"key\":"
                               "\"host:10.1.6.206\",\"ip\":\"10.1.6.206\"},\"level\":\"bot\",\"score\":31.5,"
                               "\"threshold\":20.0,\"stages\":[\"egg\",\"control\"]"));
        assert_non_null(strstr(buf_str(&out), "\"weight\":12.05"));
        assert_non_null(strstr(buf_str(&out), "\"refs\":[\"18446744073709551615\"]"));
        root = json_loads(buf_str(&out), JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(root);
        json_decref(root);

        buf_reset(&out);
        json_verdict(&out, &v, 2000, NULL, 0, 0);
        assert_null(strstr(buf_str(&out), "evidence"));
        buf_reset(&out);
        json_evidence(&out, &e, true, 0);
        assert_non_null(strstr(buf_str(&out), "\"excepted\":true"));
        root = json_loads(buf_str(&out), JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(root);
        json_decref(root);
        buf_done(&out);
}

static void test_score(void **unused)
{
        static const struct {
                int32_t score;
                const char *text;
        } cases[] = {{0, "0.0"},      {5, "0.05"},   {50, "0.5"},      {3150, "31.5"},
                     {1205, "12.05"}, {-5, "-0.05"}, {-1210, "-12.1"}, {INT32_MIN, "-21474836.48"}};

        (void) unused;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char text[32];
                struct buf b = BUF_FIXED(text);

                json_score(&b, cases[i].score);
                assert_string_equal(text, cases[i].text);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_structs_have_no_padding),
                cmocka_unit_test(test_wrong_content),
                cmocka_unit_test(test_not_said),
                cmocka_unit_test(test_cut_line),
                cmocka_unit_test(test_wrong_fields),
                cmocka_unit_test(test_huge_and_deep_lines),
                cmocka_unit_test(test_hostile_text),
                cmocka_unit_test(test_short_line),
                cmocka_unit_test(test_verdict),
                cmocka_unit_test(test_score),
        };

        setenv("TZ", "UTC", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
