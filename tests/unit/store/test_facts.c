/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Facts to JSON and back, and what must not be read. Runs in the unit tests. */
#include "model/facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

static int read_text(const char *text, struct evidence *e)
{
        return facts_from_json(text, strlen(text), e);
}

static void test_round_trip(void **state _unused_)
{
        _cleanup_(buf_done)
        struct buf b = BUF_HEAP(FACTS_JSON_MAX), again = BUF_HEAP(FACTS_JSON_MAX);
        struct task t = {.pid = 12, .tid = 13, .start = UINT64_MAX, .leader_start = 77};
        struct evidence e = {0}, r = {0};
        struct addr a;

        evidence_fact_number(&e, "low", INT64_MIN);
        evidence_fact_time(&e, "when", 1234567890123456789);
        evidence_fact_time(&e, "never", INT64_MIN);
        evidence_fact_span(&e, "span", INT64_MAX);
        evidence_fact_text(&e, "text", "a \"b\"\\ \n\x1b \xc3\xa9");
        evidence_fact_process(&e, "who", &t, "sh -c");
        for (unsigned i = 0; i < 4; i++) {
                static const uint8_t protos[] = {6, 58, 0, 255};
                static const char *const keys[] = {"e0", "e1", "e2", "e3"}, *const ips[] = {"192.0.2.1", "2001:db8::1",
                                                                                            "0.0.0.0", "::"};
                assert_int_equal(addr_parse(ips[i], &a), 0);
                evidence_fact_endpoint(&e, keys[i], &a, i == 1 ? UINT16_MAX : 0, protos[i]);
        }
        assert_int_equal(facts_to_json(&b, &e, 0), 0);
        assert_int_equal(facts_from_json(b.data, b.len, &r), 0);
        assert_int_equal(r.n_facts, e.n_facts);
        for (unsigned i = 0; i < e.n_facts; i++) {
                assert_string_equal(r.facts[i].key, e.facts[i].key);
                assert_int_equal(r.facts[i].type, e.facts[i].type);
        }
        assert_true(r.facts[0].number == INT64_MIN && r.facts[2].number == INT64_MIN && r.facts[3].number == INT64_MAX);
        assert_string_equal(r.facts[4].text, e.facts[4].text);
        assert_true(r.facts[5].process.task.start == INT64_MAX); /* the one that JSON's integers do not hold */
        assert_int_equal(r.facts[5].process.task.tid, 13);
        assert_int_equal(r.facts[9].endpoint.proto, 255);
        assert_int_equal(facts_to_json(&again, &r, 0), 0);
        assert_string_equal(buf_str(&b) + 200, buf_str(&again) + 200 - (b.len - again.len));
}

static void test_written_form(void **state _unused_)
{
        _cleanup_(buf_done)
        struct buf b = BUF_HEAP(FACTS_JSON_MAX);
        struct evidence e = {0};
        struct addr a;

        assert_int_equal(facts_to_json(&b, &e, 0), 0);
        assert_string_equal(buf_str(&b), "{}");
        buf_reset(&b);
        assert_int_equal(addr_parse("192.0.2.1", &a), 0);
        evidence_fact_endpoint(&e, "peer", &a, 6667, 6);
        evidence_fact_number(&e, "n", -4);
        evidence_fact_span(&e, "d", 5);
        assert_int_equal(facts_to_json(&b, &e, 0), 0);
        assert_string_equal(buf_str(&b), "{\"peer\":{\"ip\":\"192.0.2.1\",\"port\":6667,\"proto\":\"TCP\"},\"n\":-4,"
                                         "\"d\":{\"span_ns\":5}}");
}

static void test_skew(void **state _unused_)
{
        _cleanup_(buf_done)
        struct buf b = BUF_HEAP(FACTS_JSON_MAX);
        struct evidence e = {0};

        evidence_fact_time(&e, "a", 1000);
        evidence_fact_time(&e, "b", INT64_MAX - 1);
        evidence_fact_span(&e, "c", 3);
        assert_int_equal(facts_to_json(&b, &e, 500), 0);
        assert_int_equal(facts_from_json(b.data, b.len, &e), 0);
        assert_int_equal(e.facts[0].number, 1500);
        assert_true(e.facts[1].number == INT64_MAX);
        assert_int_equal(e.facts[2].number, 3);
}

static void test_bounded_buffer(void **state _unused_)
{
        _cleanup_(buf_done)
        struct buf b = BUF_HEAP(16);
        struct evidence e = {0};

        evidence_fact_text(&e, "text", "longer than the buffer");
        assert_int_equal(facts_to_json(&b, &e, 0), -ENOBUFS);
}

static void test_hostile(void **state _unused_)
{
        static const char *const bad[] = {
                "",
                " ",
                "{",
                "[]",
                "null",
                "1",
                "\"a\"",
                "{}x",
                "{\"a\":1}{}",
                "{'a':1}",
                "{\"a\":null}",
                "{\"a\":true}",
                "{\"a\":1.5}",
                "{\"a\":1e3}",
                "{\"a\":[]}",
                "{\"a\":[1]}",
                "{\"a\":{}}",
                "{\"a\":99999999999999999999}",
                "{\"a\":1,\"a\":2}",
                "{\"a\":\"\\u0000\"}",
                "{\"a\":\"\xff\"}",
                "{\"\":1}",
                "{\"A\":1}",
                "{\"a b\":1}",
                "{\"a\\n\":1}",
                "{\"k23456789012345678901234567890123456789012345678\":1}",
                "{\"a\":{\"time_ns\":1}}",
                "{\"a\":{\"time_ns\":\"1\",\"time\":\"\"}}",
                "{\"a\":{\"time_ns\":1,\"time\":2}}",
                "{\"a\":{\"time_ns\":1,\"time\":\"\",\"x\":1}}",
                "{\"a\":{\"span_ns\":1.0}}",
                "{\"a\":{\"span_ns\":1,\"x\":1}}",
                "{\"a\":{\"ip\":\"1.2.3.4\",\"port\":80}}",
                "{\"a\":{\"ip\":\"1.2.3.4\",\"port\":65536,\"proto\":\"TCP\"}}",
                "{\"a\":{\"ip\":\"1.2.3.4\",\"port\":-1,\"proto\":\"TCP\"}}",
                "{\"a\":{\"ip\":\"1.2.3\",\"port\":1,\"proto\":\"TCP\"}}",
                "{\"a\":{\"ip\":\"1.2.3.4\",\"port\":1,\"proto\":\"256\"}}",
                "{\"a\":{\"ip\":\"1.2.3.4\",\"port\":1,\"proto\":6}}",
                "{\"a\":{\"ip\":4,\"port\":1,\"proto\":\"TCP\"}}",
                "{\"a\":{\"pid\":1,\"tid\":1,\"start\":1,\"name\":\"x\"}}",
                "{\"a\":{\"pid\":4294967296,\"tid\":1,\"start\":1,\"leader_start\":1,\"name\":\"x\"}}",
                "{\"a\":{\"pid\":1,\"tid\":1,\"start\":-1,\"leader_start\":1,\"name\":\"x\"}}",
                "{\"a\":{\"pid\":1,\"tid\":1,\"start\":1,\"leader_start\":1,\"name\":1}}",
                "{\"a\":{\"b\":{\"c\":1}}}",
        };
        struct evidence e = {0}, before;

        evidence_fact_number(&e, "kept", 5);
        before = e;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                if (read_text(bad[i], &e) != -EINVAL)
                        fail_msg("taken: %s", bad[i]);
                assert_memory_equal(&e, &before, sizeof(e));
        }
}

static void test_cut_anywhere(void **state _unused_)
{
        static const char text[] = "{\"a\":{\"pid\":1,\"tid\":1,\"start\":1,\"leader_start\":1,\"name\":\"x\"},"
                                   "\"b\":{\"ip\":\"1.2.3.4\",\"port\":1,\"proto\":\"UDP\"},\"c\":\"\\u00e9\"}";
        struct evidence e = {0};

        for (size_t n = 0; n < sizeof(text) - 1; n++) {
                /* On the heap and of that size, so that a sanitizer sees a byte too many. */
                _cleanup_free_ char *cut = malloc(n + 1);

                memcpy(cut, text, n);
                assert_int_equal(facts_from_json(cut, n, &e), -EINVAL);
        }
        assert_int_equal(facts_from_json(text, sizeof(text) - 1, &e), 0);
        assert_int_equal(e.n_facts, 3);
}

static void test_deep_and_huge(void **state _unused_)
{
        _cleanup_free_ char *text = malloc(1 << 20);
        struct evidence e = {0};
        int n = 0;

        memset(text, '[', 1 << 20);
        assert_int_equal(facts_from_json(text, 1 << 20, &e), -EINVAL);
        assert_int_equal(facts_from_json(text, FACTS_JSON_MAX, &e), -EINVAL);
        memset(text, ' ', FACTS_JSON_MAX + 1);
        memcpy(text, "{}", 2);
        assert_int_equal(facts_from_json(text, FACTS_JSON_MAX + 1, &e), -EINVAL);
        assert_int_equal(facts_from_json(text, FACTS_JSON_MAX, &e), 0);
        /* A text far beyond what is ever written. */
        n = snprintf(text, 1 << 20, "{\"a\":\"%0*d\"}", 300, 0);
        assert_int_equal(facts_from_json(text, (size_t) n, &e), -EINVAL);
        /* One fact too many. */
        n = 0;
        for (int i = 0; i <= EVIDENCE_FACTS_MAX; i++)
                n += sprintf(text + n, "%c\"f%d\":1", i ? ',' : '{', i);
        n += sprintf(text + n, "}");
        assert_int_equal(facts_from_json(text, (size_t) n, &e), -EINVAL);
        assert_int_equal(e.n_facts, 0);
}

static void test_long_text_is_cut(void **state _unused_)
{
        struct evidence e = {0};
        char text[128];

        snprintf(text, sizeof(text), "{\"a\":\"%0*d\"}", FACT_TEXT_MAX + 20, 0);
        assert_int_equal(read_text(text, &e), 0);
        assert_int_equal(strlen(e.facts[0].text), FACT_TEXT_MAX - 1);
}

/* Last: it uses up the keys of this process. */
static void test_keys_are_bounded(void **state _unused_)
{
        const char *first = NULL;
        struct evidence e = {0};
        char text[64];
        int full = 0;

        for (unsigned i = 0; i < 2 * FACTS_KEYS_MAX; i++) {
                int r;

                /* What is refused takes no room. */
                snprintf(text, sizeof(text), "{\"bad%u\":null}", i);
                assert_int_equal(read_text(text, &e), -EINVAL);
                snprintf(text, sizeof(text), "{\"key%u\":1}", i);
                r = read_text(text, &e);
                assert_true(r == 0 || r == -ENOBUFS);
                full += r != 0;
                if (i == 0)
                        first = e.facts[0].key;
        }
        assert_in_range(full, FACTS_KEYS_MAX, FACTS_KEYS_MAX + 40);
        assert_int_equal(read_text("{\"key0\":2}", &e), 0);
        assert_ptr_equal(e.facts[0].key, first);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_written_form),
                cmocka_unit_test(test_skew),
                cmocka_unit_test(test_bounded_buffer),
                cmocka_unit_test(test_hostile),
                cmocka_unit_test(test_cut_anywhere),
                cmocka_unit_test(test_deep_and_huge),
                cmocka_unit_test(test_long_text_is_cut),
                cmocka_unit_test(test_keys_are_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
