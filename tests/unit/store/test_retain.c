/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Retention: by age, by size, who goes first, bounded work, a file that shrinks. Runs in the unit tests. */
#include "scratch.h"

static struct store *open_with(struct scratch *x, nsec_t keep, uint64_t max_bytes)
{
        struct store *s = NULL;

        assert_int_equal(
                store_open(&(struct store_params){.dir = x->dir, .keep = keep, .max_bytes = max_bytes}, &s, &x->errors),
                0);
        return s;
}

static void put(struct store *s, uint32_t pid, enum level level, nsec_t t)
{
        struct evidence e = scratch_evidence(pid, t);
        struct verdict v = scratch_verdict(pid, level, t);
        struct action a = {.subject = e.subject, .time = t};

        assert_int_equal(store_put_evidence(s, &e, false), 0);
        assert_int_equal(store_put_verdict(s, &v), 0);
        assert_int_equal(store_put_action(s, &a), 0);
}

static void put_gap(struct store *s, nsec_t t)
{
        struct gap_event g = {.reason = GAP_RING_FULL, .lost = 1};
        char text[32];

        snprintf(text, sizeof(text), "%lld", (long long) t);
        g.text = text;
        assert_int_equal(store_put_gap(s, t, &g), 0);
}

/* Until nothing is left to do; the number of rows, and of calls. */
static int retain_all(struct store *s, nsec_t now, int *ret_calls)
{
        int rows = 0, r;

        for (*ret_calls = 0; *ret_calls < 1000; ++*ret_calls) {
                r = store_retain(s, now);
                assert_true(r >= 0);
                rows += r;
                if (r == 0)
                        return rows;
        }
        fail_msg("retention does not end");
        return -1;
}

static void test_by_age(void **state)
{
        struct store *s = open_with(*state, 100, 0);
        int calls;

        for (uint32_t i = 0; i < 20; i++)
                put(s, i, i % LEVELS, i * 10);
        for (int i = 0; i < 20; i++)
                put_gap(s, i * 10);
        assert_int_equal(store_retain(s, 100), 0);
        assert_true(retain_all(s, 200, &calls) > 0);
        assert_int_equal(scratch_count(s, LEVEL_UNKNOWN), 10); /* age takes the convicted too */
        assert_int_equal(scratch_integer(s, "SELECT min(last) FROM subject"), 100);
        assert_int_equal(scratch_integer(s, "SELECT min(time) FROM gap"), 100);
        assert_int_equal(scratch_integer(s, "SELECT count(*) FROM evidence"), 10);
        assert_int_equal(scratch_integer(s, "SELECT count(*) FROM action"), 10);
        assert_int_equal(scratch_integer(s, "SELECT min(time) FROM verdict"), 100);
        assert_int_equal(store_retain(s, INT64_MIN), 0); /* a clock gone mad deletes nothing */
        store_close(s);
}

/* A subject that is heard of every day keeps no evidence of last year. */
static void test_old_rows_of_a_living_subject(void **state)
{
        struct store *s = open_with(*state, 100, 0);
        int calls;

        put(s, 1, LEVEL_BOT, 10);
        assert_int_equal(store_put_verdict(s, &(struct verdict){.subject = scratch_process(1), .time = 500}), 0);
        retain_all(s, 500, &calls);
        assert_int_equal(scratch_count(s, LEVEL_UNKNOWN), 1);
        assert_int_equal(scratch_integer(s, "SELECT count(*) FROM evidence"), 0);
        assert_int_equal(scratch_integer(s, "SELECT count(*) FROM verdict"), 1);
        assert_int_equal(scratch_integer(s, "SELECT count(*) FROM action"), 0);
        store_close(s);
}

static void test_bounded_calls(void **state)
{
        struct store *s = open_with(*state, 1, 0);
        int calls;

        for (uint32_t i = 0; i < 3000; i++)
                put(s, i, LEVEL_CLEAR, 1);
        assert_in_range(store_retain(s, 1000), 1, 2300);
        retain_all(s, 1000, &calls);
        assert_in_range(calls, 4, 10);
        assert_int_equal(scratch_count(s, LEVEL_UNKNOWN), 0);
        store_close(s);
}

static off_t size_of(const char *path)
{
        struct stat st;

        assert_int_equal(stat(path, &st), 0);
        return st.st_size;
}

static void test_by_size(void **state)
{
        struct scratch *x = *state;
        struct store *s = open_with(x, 0, 512 << 10);
        off_t before;
        int calls;

        /* The convicted are the oldest. */
        for (uint32_t i = 0; i < 300; i++)
                put(s, i, i % 2 ? LEVEL_BOT : LEVEL_SUSPECT, i);
        for (uint32_t i = 300; i < 6000; i++)
                put(s, i, i % 2 ? LEVEL_CLEAR : LEVEL_UNKNOWN, i);
        for (int i = 0; i < 2000; i++)
                put_gap(s, 6000 + i);
        store_close(s);
        before = size_of(x->path);
        assert_true(before > 2 << 20);

        s = open_with(x, 0, 512 << 10);
        assert_true(retain_all(s, 10000, &calls) > 10000);
        assert_int_equal(scratch_count(s, LEVEL_SUSPECT), 300);
        assert_int_equal(scratch_integer(s, "SELECT count(*) FROM subject WHERE level < 2 AND last < 4000"), 0);
        assert_int_equal(scratch_integer(s, "SELECT max(time) FROM gap"), 7999); /* the oldest went, not the newest */
        scratch_check(s);
        store_close(s);
        assert_in_range(size_of(x->path), 256 << 10, (512 + 256 + 8) << 10);
}

static void test_convicted_go_last(void **state)
{
        struct store *s = open_with(*state, 0, 200 << 10);
        int64_t history;
        int calls;

        for (uint32_t i = 0; i < 3000; i++)
                put(s, i, LEVEL_BOT, i);
        retain_all(s, 10000, &calls);
        assert_in_range(scratch_count(s, LEVEL_BOT), 100, 1000);
        assert_int_equal(scratch_integer(s, "SELECT max(last) FROM subject"), 2999);
        history = scratch_integer(s, "SELECT count(*) FROM verdict");
        assert_int_equal(history, 0); /* before any of them, their history */
        store_close(s);
}

static void test_absurd_limit(void **state)
{
        struct store *s = open_with(*state, 0, 1);
        int calls;

        for (uint32_t i = 0; i < 100; i++)
                put(s, i, LEVEL_BOT, i);
        put_gap(s, 1);
        retain_all(s, 10000, &calls);
        assert_int_equal(scratch_count(s, LEVEL_UNKNOWN), 0);
        put(s, 1, LEVEL_BOT, 1); /* still a store */
        assert_int_equal(scratch_count(s, LEVEL_UNKNOWN), 1);
        store_close(s);
}

static void test_pending_batch_is_kept(void **state)
{
        struct scratch *x = *state;
        struct store *s = open_with(x, 100, 0), *reader;

        put(s, 1, LEVEL_BOT, 1000);
        assert_int_equal(store_retain(s, 1000), 0);
        reader = scratch_open(x, true);
        assert_int_equal(scratch_count(reader, LEVEL_BOT), 1);
        store_close(reader);
        store_close(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                SCRATCH_TEST(test_by_age),
                SCRATCH_TEST(test_old_rows_of_a_living_subject),
                SCRATCH_TEST(test_bounded_calls),
                SCRATCH_TEST(test_by_size),
                SCRATCH_TEST(test_convicted_go_last),
                SCRATCH_TEST(test_absurd_limit),
                SCRATCH_TEST(test_pending_batch_is_kept),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
