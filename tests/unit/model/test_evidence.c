/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Evidence: facts that replace, fill up and cut, references, and the names and numbers people read. */
#include "model/evidence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/action.h"
#include "model/verdict.h"

static void test_facts(void **state)
{
        struct evidence e = {0};
        struct addr a = addr_from_v4(htonl(0xc0000201));
        struct task t = {.start = 9, .leader_start = 8, .pid = 7, .tid = 6};
        const struct fact *f;

        (void) state;
        assert_null(evidence_find_fact(&e, "n"));
        assert_int_equal(evidence_fact_number(&e, "n", INT64_MIN), 0);
        assert_int_equal(evidence_fact_time(&e, "t", INT64_MAX), 0);
        assert_int_equal(evidence_fact_span(&e, "s", -1), 0);
        assert_int_equal(evidence_fact_endpoint(&e, "peer", &a, 65535, IPPROTO_TCP), 0);
        assert_int_equal(evidence_fact_text(&e, "text", "hello"), 0);
        assert_int_equal(evidence_fact_process(&e, "parent", &t, "sh"), 0);
        assert_int_equal(e.n_facts, 6);

        f = evidence_find_fact(&e, "n");
        assert_int_equal(f->type, FACT_NUMBER);
        assert_true(f->number == INT64_MIN);
        f = evidence_find_fact(&e, "t");
        assert_int_equal(f->type, FACT_TIME);
        assert_true(f->number == INT64_MAX);
        assert_int_equal(evidence_find_fact(&e, "s")->type, FACT_SPAN);
        f = evidence_find_fact(&e, "peer");
        assert_int_equal(f->type, FACT_ENDPOINT);
        assert_true(addr_equal(&f->endpoint.addr, &a));
        assert_int_equal(f->endpoint.port, 65535);
        assert_int_equal(f->endpoint.proto, IPPROTO_TCP);
        f = evidence_find_fact(&e, "parent");
        assert_int_equal(f->type, FACT_PROCESS);
        assert_memory_equal(&f->process.task, &t, sizeof(t));
        assert_string_equal(f->process.name, "sh");

        assert_true(evidence_number(&e, "n") == INT64_MIN);
        assert_true(evidence_number(&e, "t") == INT64_MAX);
        assert_int_equal(evidence_number(&e, "s"), -1);
        assert_int_equal(evidence_number(&e, "text"), 0); /* of another type */
        assert_int_equal(evidence_number(&e, "peer"), 0);
        assert_int_equal(evidence_number(&e, "nothing"), 0);
        assert_string_equal(evidence_text(&e, "text", "?"), "hello");
        assert_string_equal(evidence_text(&e, "n", "?"), "?");
        assert_null(evidence_text(&e, "nothing", NULL));
}

static void test_replace(void **state)
{
        struct evidence e = {0};
        const struct fact *f;
        char key[] = "k";

        (void) state;
        assert_int_equal(evidence_fact_text(&e, "k", "a rather long text that leaves bytes behind"), 0);
        assert_int_equal(evidence_fact_number(&e, key, 5), 0); /* equal as text, not as a pointer */
        assert_int_equal(e.n_facts, 1);
        f = evidence_find_fact(&e, "k");
        assert_int_equal(f->type, FACT_NUMBER);
        assert_int_equal(f->number, 5);
        assert_int_equal(evidence_fact_text(&e, "k", "x"), 0);
        for (size_t i = 1; i < FACT_TEXT_MAX; i++)
                assert_int_equal(f->text[i], 0);
}

static void test_full(void **state)
{
        static const char *const keys[EVIDENCE_FACTS_MAX + 1] = {"a", "b", "c", "d", "e", "f", "g", "h", "i",
                                                                 "j", "k", "l", "m", "n", "o", "p", "q"};
        struct evidence e = {0};
        struct addr a = {0};
        struct task t = {0};

        (void) state;
        for (int i = 0; i < EVIDENCE_FACTS_MAX; i++)
                assert_int_equal(evidence_fact_number(&e, keys[i], i), 0);
        assert_int_equal(evidence_fact_number(&e, "q", 1), -ENOBUFS);
        assert_int_equal(evidence_fact_time(&e, "q", 1), -ENOBUFS);
        assert_int_equal(evidence_fact_span(&e, "q", 1), -ENOBUFS);
        assert_int_equal(evidence_fact_endpoint(&e, "q", &a, 1, 1), -ENOBUFS);
        assert_int_equal(evidence_fact_text(&e, "q", "x"), -ENOBUFS);
        assert_int_equal(evidence_fact_process(&e, "q", &t, "x"), -ENOBUFS);
        assert_int_equal(e.n_facts, EVIDENCE_FACTS_MAX);
        assert_null(evidence_find_fact(&e, "q"));
        assert_int_equal(evidence_fact_text(&e, "p", "replacing still works"), 0);
        assert_int_equal(evidence_find_fact(&e, "o")->number, 14);
}

static void test_cut(void **state)
{
        struct evidence e = {0};
        struct task t = {0};
        char text[300];

        (void) state;
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        assert_int_equal(evidence_fact_text(&e, "text", text), 0);
        assert_int_equal(strlen(evidence_find_fact(&e, "text")->text), FACT_TEXT_MAX - 1);
        assert_int_equal(evidence_fact_process(&e, "process", &t, text), 0);
        assert_int_equal(strlen(evidence_find_fact(&e, "process")->process.name), 31);
        assert_int_equal(evidence_fact_text(&e, "text", "%s%n"), 0); /* no format */
        assert_string_equal(evidence_find_fact(&e, "text")->text, "%s%n");
}

static void test_refs(void **state)
{
        struct evidence e = {0};

        (void) state;
        for (uint64_t i = 1; i <= 20; i++) {
                evidence_add_ref(&e, i);
                evidence_add_ref(&e, 1);
        }
        assert_int_equal(e.n_refs, EVIDENCE_REFS_MAX);
        for (uint64_t i = 0; i < EVIDENCE_REFS_MAX; i++)
                assert_int_equal(e.refs[i], i + 1);
}

static void test_names(void **state)
{
        (void) state;
        for (int i = 0; i < STAGES; i++)
                assert_int_equal(stage_from_name(stage_name((unsigned) i)), i);
        assert_string_equal(stage_name(STAGE_CONTROL), "control");
        assert_string_equal(stage_name(STAGES), "?");
        assert_int_equal(stage_from_name("?"), -EINVAL);
        assert_int_equal(stage_from_name(""), -EINVAL);
        assert_int_equal(stage_from_name("Control"), -EINVAL);
        for (int i = 0; i < LEVELS; i++)
                assert_int_equal(level_from_name(level_name((unsigned) i)), i);
        assert_string_equal(level_name(LEVEL_BOT), "bot");
        assert_string_equal(level_name(LEVELS), "?");
        assert_int_equal(level_from_name("bots"), -EINVAL);
        assert_string_equal(action_kind_name(ACTION_UNBLOCK), "unblock");
        assert_string_equal(action_kind_name(ACTION_KINDS), "?");
}

static void test_scores(void **state)
{
        static const struct {
                int32_t hundredths;
                const char *text;
        } cases[] = {
                {0, "0.0"},
                {4, "0.0"},
                {5, "0.1"},
                {-4, "0.0"},
                {-5, "-0.1"},
                {1000, "10.0"},
                {3150, "31.5"},
                {3154, "31.5"},
                {3155, "31.6"},
                {999, "10.0"},
                {-1234, "-12.3"},
                {-95, "-1.0"},
                {INT32_MAX, "21474836.5"},
                {INT32_MIN, "-21474836.5"},
        };
        char text[SCORE_TEXT_MAX];

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_string_equal(score_format(cases[i].hundredths, text), cases[i].text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_facts),  cmocka_unit_test(test_replace), cmocka_unit_test(test_full),
                cmocka_unit_test(test_cut),    cmocka_unit_test(test_refs),    cmocka_unit_test(test_names),
                cmocka_unit_test(test_scores),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
