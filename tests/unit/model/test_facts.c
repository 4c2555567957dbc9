/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Facts as JSON: the text itself, the way back, and everything that does not come from us refused untouched. */
#include "model/facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>

static struct evidence every_type(void)
{
        struct evidence e = {0};
        struct addr v6;
        struct task t = {.start = 9, .leader_start = 8, .pid = UINT32_MAX, .tid = 6};

        assert_int_equal(addr_parse("2001:db8::1", &v6), 0);
        assert_int_equal(evidence_fact_number(&e, "n", INT64_MIN), 0);
        assert_int_equal(evidence_fact_time(&e, "t", 1500 * NSEC_PER_MSEC), 0);
        assert_int_equal(evidence_fact_span(&e, "s", -5), 0);
        assert_int_equal(evidence_fact_endpoint(&e, "peer", &v6, 65535, IPPROTO_TCP), 0);
        assert_int_equal(evidence_fact_text(&e, "text", "a \"b\" \x1b \xe9\x96\xa2"), 0);
        assert_int_equal(evidence_fact_process(&e, "parent", &t, "sh"), 0);
        return e;
}

static void test_text(void **state)
{
        struct evidence e = every_type();
        struct buf out = BUF_HEAP(FACTS_JSON_MAX);

        (void) state;
        setenv("TZ", "JST-9", 1);
        tzset();
        assert_int_equal(facts_to_json(&out, &e, 0), 0);
        assert_string_equal(
                buf_str(&out),
                "{\"n\":-9223372036854775808,"
                "\"t\":{\"time_ns\":1500000000,\"time\":\"1970-01-01T09:00:01.500000+0900\"},"
                "\"s\":{\"span_ns\":-5},"
                "\"peer\":{\"ip\":\"2001:db8::1\",\"port\":65535,\"proto\":\"TCP\"},"
                "\"text\":\"a \\\"b\\\" \\u001b \xe9\x96\xa2\","
                "\"parent\":{\"pid\":4294967295,\"tid\":6,\"start\":9,\"leader_start\":8,\"name\":\"sh\"}}");
        buf_reset(&out);
        e.n_facts = 0;
        assert_int_equal(facts_to_json(&out, &e, 0), 0);
        assert_string_equal(buf_str(&out), "{}");
        buf_done(&out);
}

static void test_way_back(void **state)
{
        struct evidence e = every_type(), back = {.weight = 77};
        struct buf out = BUF_HEAP(FACTS_JSON_MAX), again = BUF_HEAP(FACTS_JSON_MAX);

        (void) state;
        assert_int_equal(facts_to_json(&out, &e, 0), 0);
        assert_int_equal(facts_from_json(out.data, out.len, &back), 0);
        assert_int_equal(back.weight, 77);
        assert_int_equal(back.n_facts, e.n_facts);
        for (unsigned i = 0; i < e.n_facts; i++) {
                const struct fact *a = &e.facts[i], *b = evidence_find_fact(&back, a->key);

                assert_non_null(b);
                assert_int_equal(b->type, a->type);
                assert_memory_equal((const char *) b + offsetof(struct fact, number),
                                    (const char *) a + offsetof(struct fact, number),
                                    sizeof(*a) - offsetof(struct fact, number));
        }
        assert_int_equal(facts_to_json(&again, &back, 0), 0);
        assert_string_equal(buf_str(&again), buf_str(&out));
        buf_done(&out);
        buf_done(&again);
}

static void test_skew(void **state)
{
        struct evidence e = {0}, back = {0};
        struct buf out = BUF_HEAP(FACTS_JSON_MAX);

        (void) state;
        assert_int_equal(evidence_fact_time(&e, "t", 10), 0);
        assert_int_equal(evidence_fact_time(&e, "late", INT64_MAX - 1), 0);
        assert_int_equal(evidence_fact_number(&e, "n", 10), 0);
        assert_int_equal(facts_to_json(&out, &e, 100), 0);
        assert_int_equal(facts_from_json(out.data, out.len, &back), 0);
        assert_int_equal(evidence_find_fact(&back, "t")->number, 110);
        assert_true(evidence_find_fact(&back, "late")->number == INT64_MAX); /* clamped, not wrapped */
        assert_int_equal(evidence_find_fact(&back, "n")->number, 10);        /* only times move */
        buf_done(&out);
}

static void test_largest(void **state)
{
        static const char *const keys[EVIDENCE_FACTS_MAX] = {"a", "b", "c", "d", "e", "f", "g", "h",
                                                             "i", "j", "k", "l", "m", "n", "o", "p"};
        char worst[FACT_TEXT_MAX];
        struct evidence e = {0}, back = {0};
        struct buf out = BUF_HEAP(FACTS_JSON_MAX);

        (void) state;
        memset(worst, 0x01, sizeof(worst) - 1); /* six bytes of JSON each */
        worst[sizeof(worst) - 1] = '\0';
        for (int i = 0; i < EVIDENCE_FACTS_MAX; i++)
                assert_int_equal(evidence_fact_text(&e, keys[i], worst), 0);
        assert_int_equal(facts_to_json(&out, &e, 0), 0);
        assert_int_equal(facts_from_json(out.data, out.len, &back), 0);
        assert_int_equal(back.n_facts, EVIDENCE_FACTS_MAX);
        assert_string_equal(evidence_find_fact(&back, "p")->text, worst);
        buf_done(&out);
}

static void test_refused(void **state)
{
        static const char *const cases[] = {
                "",
                " ",
                "null",
                "5",
                "[]",
                "{",
                "{}x",
                "{} {}",
                "\"a\"",
                "{\"a\":null}",
                "{\"a\":true}",
                "{\"a\":1.5}",
                "{\"a\":[]}",
                "{\"a\":{}}",
                "{\"a\":9223372036854775808}",
                "{\"a\":1,\"a\":2}",
                "{\"A\":1}",
                "{\"\":1}",
                "{\"a b\":1}",
                "{\"a\\u0000\":1}",
                "{\"\\u001b\":1}",
                "{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":1}",
                "{\"t\":{\"time_ns\":1}}",
                "{\"t\":{\"time_ns\":\"1\",\"time\":\"x\"}}",
                "{\"s\":{\"span_ns\":1,\"x\":1}}",
                "{\"p\":{\"ip\":\"192.0.2.1\",\"port\":65536,\"proto\":\"TCP\"}}",
                "{\"p\":{\"ip\":\"192.0.2.1\",\"port\":-1,\"proto\":\"TCP\"}}",
                "{\"p\":{\"ip\":\"192.0.2\",\"port\":1,\"proto\":\"TCP\"}}",
                "{\"p\":{\"ip\":\"192.0.2.1\",\"port\":1,\"proto\":\"tcp\"}}",
                "{\"p\":{\"ip\":\"192.0.2.1\",\"port\":1,\"proto\":6}}",
                "{\"p\":{\"ip\":5,\"port\":1,\"proto\":\"TCP\"}}",
                "{\"p\":{\"ip\":\"192.0.2.1\",\"port\":1}}",
                "{\"q\":{\"pid\":4294967296,\"tid\":1,\"start\":1,\"leader_start\":1,\"name\":\"x\"}}",
                "{\"q\":{\"pid\":1,\"tid\":1,\"start\":-1,\"leader_start\":1,\"name\":\"x\"}}",
                "{\"q\":{\"pid\":1,\"tid\":1,\"start\":1,\"leader_start\":1}}",
                "{\"q\":{\"pid\":1,\"tid\":1,\"start\":1,\"leader_start\":1,\"name\":{\"x\":{}}}}",
                "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,\"l\":1,"
                "\"m\":1,"
                "\"n\":1,\"o\":1,\"p\":1,\"q\":1}",
                "{\"a\":\"\xff\"}",
        };
        struct evidence e, before;

        (void) state;
        memset(&e, 0, sizeof(e));
        assert_int_equal(evidence_fact_text(&e, "kept", "kept"), 0);
        before = e;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                if (facts_from_json(cases[i], strlen(cases[i]), &e) != -EINVAL)
                        fail_msg("taken: %s", cases[i]);
                assert_memory_equal(&e, &before, sizeof(e));
        }
}

/* Every beginning of a sound text is refused, and read from memory of exactly its size. */
static void test_cut(void **state)
{
        struct evidence e = every_type(), back = {0};
        struct buf out = BUF_HEAP(FACTS_JSON_MAX);

        (void) state;
        assert_int_equal(facts_to_json(&out, &e, 0), 0);
        for (size_t len = 0; len < out.len; len++) {
                _cleanup_free_ char *copy = malloc(len + !len);

                assert_non_null(copy);
                memcpy(copy, out.data, len);
                assert_int_equal(facts_from_json(copy, len, &back), -EINVAL);
        }
        assert_int_equal(back.n_facts, 0);
        buf_done(&out);
}

static void test_huge(void **state)
{
        _cleanup_free_ char *text = malloc(1 << 20);
        struct evidence e = {0};

        (void) state;
        assert_non_null(text);
        memset(text, '[', 1 << 20);
        assert_int_equal(facts_from_json(text, 1 << 20, &e), -EINVAL);
        assert_int_equal(facts_from_json(text, FACTS_JSON_MAX, &e), -EINVAL); /* deep, within the length */
        memset(text, ' ', 1 << 20);
        memcpy(text, "{\"a\":1}", 7);
        assert_int_equal(facts_from_json(text, FACTS_JSON_MAX, &e), 0);
        assert_int_equal(facts_from_json(text, FACTS_JSON_MAX + 1, &e), -EINVAL);
        memset(text + 6, 'x', FACTS_JSON_MAX - 8);
        memcpy(text, "{\"a\":\"", 6);
        memcpy(text + FACTS_JSON_MAX - 2, "\"}", 2);
        assert_int_equal(facts_from_json(text, FACTS_JSON_MAX, &e), -EINVAL); /* a text longer than a fact's by far */
}

/* Last, since interned keys stay. */
static void test_too_many_keys(void **state)
{
        struct evidence e = {0};
        char text[64];
        int r = 0, n = 0;

        (void) state;
        for (; n < 1000 && r == 0; n++) {
                snprintf(text, sizeof(text), "{\"key_%d\":%d}", n, n);
                r = facts_from_json(text, strlen(text), &e);
        }
        assert_int_equal(r, -ENOBUFS);
        assert_true(n > 100 && n <= (int) FACTS_KEYS_MAX);
        assert_int_equal(facts_from_json("{\"key_0\":5}", 11, &e), 0); /* known ones still work */
        assert_int_equal(evidence_find_fact(&e, "key_0")->number, 5);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_text),    cmocka_unit_test(test_way_back),      cmocka_unit_test(test_skew),
                cmocka_unit_test(test_largest), cmocka_unit_test(test_refused),       cmocka_unit_test(test_cut),
                cmocka_unit_test(test_huge),    cmocka_unit_test(test_too_many_keys),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
