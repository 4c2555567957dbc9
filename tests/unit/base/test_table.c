/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bounded table: order of use, eviction with and without veto, counters, and a model to compare with. */
#include "base/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

struct entry {
        uint32_t key;
        uint32_t value;
        uint64_t more[3];
};

struct veto {
        uint32_t keep_below; /* keys below stay */
        uint32_t asked, last;
};

static bool evict(void *userdata, void *entry)
{
        struct veto *v = userdata;
        const struct entry *e = entry;

        v->asked++;
        v->last = e->key;
        return e->key >= v->keep_below;
}

static struct table *new_table(uint32_t cap, struct veto *v)
{
        struct table_params params = {
                .name = "test",
                .cap = cap,
                .key_size = sizeof(uint32_t),
                .entry_size = sizeof(struct entry),
                .evict = v ? evict : NULL,
                .userdata = v,
        };
        struct table *t;

        assert_int_equal(table_new(&params, &t), 0);
        return t;
}

static struct entry *put(struct table *t, uint32_t key)
{
        bool created = false;
        struct entry *e = table_insert(t, &key, &created);

        assert_non_null(e);
        assert_true(created);
        assert_int_equal(e->key, key);
        assert_int_equal(e->value, 0);
        e->value = key * 3;
        return e;
}

static const struct entry *peek(const struct table *t, uint32_t key)
{
        return table_peek(t, &key);
}

/* The keys from oldest to youngest are these. */
static void check_order(const struct table *t, const uint32_t *keys, size_t n)
{
        const struct entry *e = table_oldest(t);

        for (size_t i = 0; i < n; i++, e = table_younger(t, e)) {
                assert_non_null(e);
                assert_int_equal(e->key, keys[i]);
        }
        assert_null(e);
}

#define ORDER(t, ...) check_order(t, (const uint32_t[]){__VA_ARGS__}, sizeof((uint32_t[]){__VA_ARGS__}) / 4)

static void test_bad_params(void **state)
{
        struct table *t = NULL;

        (void) state;
        assert_int_equal(table_new(&(struct table_params){.cap = 0, .key_size = 4, .entry_size = 8}, &t), -EINVAL);
        assert_int_equal(table_new(&(struct table_params){.cap = 1, .key_size = 0, .entry_size = 8}, &t), -EINVAL);
        assert_int_equal(table_new(&(struct table_params){.cap = 1, .key_size = 9, .entry_size = 8}, &t), -EINVAL);
        assert_null(t);
        table_free(NULL);
}

static void test_order(void **state)
{
        _cleanup_(table_freep)
        struct table *t = new_table(4, NULL);
        uint32_t key = 2;
        bool created;

        (void) state;
        assert_null(table_oldest(t));
        for (uint32_t i = 1; i <= 4; i++)
                put(t, i);
        ORDER(t, 1, 2, 3, 4);
        assert_non_null(table_find(t, &key)); /* becomes the youngest */
        ORDER(t, 1, 3, 4, 2);
        assert_non_null(peek(t, 1)); /* stays where it is */
        ORDER(t, 1, 3, 4, 2);
        key = 3;
        assert_non_null(table_insert(t, &key, &created));
        assert_false(created);
        ORDER(t, 1, 4, 2, 3);
        assert_non_null(table_insert(t, &key, NULL)); /* the youngest already */
        ORDER(t, 1, 4, 2, 3);
        put(t, 5); /* 1 goes */
        ORDER(t, 4, 2, 3, 5);
        assert_null(peek(t, 1));
        key = 99;
        assert_null(table_find(t, &key));
}

static void test_cap_of_one(void **state)
{
        _cleanup_(table_freep)
        struct table *t = new_table(1, NULL);

        (void) state;
        for (uint32_t i = 0; i < 100; i++) {
                put(t, i);
                ORDER(t, i);
                assert_int_equal(table_count(t), 1);
        }
}

static void test_remove_and_clear(void **state)
{
        _cleanup_(table_freep)
        struct table *t = new_table(100, NULL);
        struct entry *e, *next;

        (void) state;
        for (uint32_t i = 0; i < 10; i++)
                put(t, i);
        for (e = table_oldest(t); e; e = next) { /* removing while walking */
                next = table_younger(t, e);
                if (e->key % 2 == 0)
                        table_remove(t, e);
        }
        ORDER(t, 1, 3, 5, 7, 9);
        assert_int_equal(table_count(t), 5);
        put(t, 4); /* memory of a removed one, zeroed again */
        ORDER(t, 1, 3, 5, 7, 9, 4);
        table_clear(t);
        assert_int_equal(table_count(t), 0);
        assert_null(table_oldest(t));
        assert_null(peek(t, 1));
        table_clear(t);
        put(t, 1);
        ORDER(t, 1);
}

static void test_veto(void **state)
{
        struct veto v = {.keep_below = 3};
        _cleanup_(table_freep)
        struct table *t = new_table(5, &v);
        struct table_stats stats;

        (void) state;
        for (uint32_t i = 0; i < 5; i++)
                put(t, i);
        assert_int_equal(v.asked, 0);
        put(t, 5); /* 0, 1 and 2 are kept, 3 goes */
        assert_int_equal(v.asked, 4);
        ORDER(t, 0, 1, 2, 4, 5);
        put(t, 6);
        ORDER(t, 0, 1, 2, 5, 6);
        table_get_stats(t, &stats);
        assert_string_equal(stats.name, "test");
        assert_int_equal(stats.used, 5);
        assert_int_equal(stats.cap, 5);
        assert_int_equal(stats.inserted, 7);
        assert_int_equal(stats.evicted, 2);
}

static void test_veto_has_an_end(void **state)
{
        struct veto v = {.keep_below = UINT32_MAX};
        _cleanup_(table_freep)
        struct table *t = new_table(100, &v), *small = NULL;

        (void) state;
        for (uint32_t i = 0; i < 100; i++)
                put(t, i);
        put(t, 100);
        assert_int_equal(v.asked, 32);
        assert_int_equal(v.last, 31);
        assert_null(peek(t, 31)); /* the last one asked */
        assert_non_null(peek(t, 30));
        assert_non_null(peek(t, 32));
        assert_int_equal(table_count(t), 100);

        v = (struct veto){.keep_below = UINT32_MAX};
        small = new_table(3, &v); /* fewer than 32 to ask */
        for (uint32_t i = 0; i < 4; i++)
                put(small, i);
        assert_int_equal(v.asked, 3);
        ORDER(small, 0, 1, 3);
}

static void test_far_beyond_the_cap(void **state)
{
        enum { CAP = 1000, N = 100000 };
        _cleanup_(table_freep)
        struct table *t = new_table(CAP, NULL);
        struct table_stats stats;
        uint32_t expected = N - CAP;

        (void) state;
        for (uint32_t i = 0; i < N; i++)
                put(t, i);
        table_get_stats(t, &stats);
        assert_int_equal(stats.used, CAP);
        assert_int_equal(stats.inserted, N);
        assert_int_equal(stats.evicted, N - CAP);
        for (const struct entry *e = table_oldest(t); e; e = table_younger(t, e), expected++) {
                assert_int_equal(e->key, expected);
                assert_int_equal(e->value, expected * 3);
                assert_ptr_equal(peek(t, expected), e);
        }
        assert_int_equal(expected, N);
        assert_null(peek(t, N - CAP - 1));
}

/* Random work against the plainest model there is: an array in order of use. */
static void test_against_model(void **state)
{
        enum { CAP = 37, KEYS = 80 };
        _cleanup_(table_freep)
        struct table *t = new_table(CAP, NULL);
        uint32_t order[CAP + 1], random = 12345;
        size_t n = 0;

        (void) state;
        for (int step = 0; step < 20000; step++) {
                uint32_t key, at;

                random = random * 1664525 + 1013904223;
                key = (random >> 8) % KEYS;
                for (at = 0; at < n && order[at] != key; at++)
                        ;
                if (random >> 30 == 0) { /* remove */
                        struct entry *e = (struct entry *) peek(t, key);

                        assert_int_equal(e != NULL, at < n);
                        if (e)
                                table_remove(t, e);
                } else if (random >> 30 == 1) { /* find */
                        assert_int_equal(table_find(t, &key) != NULL, at < n);
                } else
                        assert_non_null(table_insert(t, &key, NULL));

                if (at < n) {
                        memmove(&order[at], &order[at + 1], (n - at - 1) * sizeof(order[0]));
                        n--;
                        if (random >> 30 != 0)
                                order[n++] = key;
                } else if (random >> 30 >= 2) {
                        order[n++] = key;
                        if (n > CAP)
                                memmove(&order[0], &order[1], --n * sizeof(order[0]));
                }
                assert_int_equal(table_count(t), n);
                if (step % 64 == 0)
                        check_order(t, order, n);
        }
}

/* Entries never move, however much the table grows. */
static void test_entries_stay(void **state)
{
        _cleanup_(table_freep)
        struct table *t = new_table(50000, NULL);
        struct entry *first = put(t, 7);

        (void) state;
        for (uint32_t i = 1000; i < 40000; i++)
                put(t, i);
        assert_ptr_equal(peek(t, 7), first);
        assert_int_equal(first->value, 21);
        assert_int_equal((uintptr_t) first % 16, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bad_params),
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_cap_of_one),
                cmocka_unit_test(test_remove_and_clear),
                cmocka_unit_test(test_veto),
                cmocka_unit_test(test_veto_has_an_end),
                cmocka_unit_test(test_far_beyond_the_cap),
                cmocka_unit_test(test_against_model),
                cmocka_unit_test(test_entries_stay),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
