/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Profiles in the store: rows replaced, their share of the room, retention, and stores of the schema before them. Runs
 * in the unit tests. */
#include "scratch.h"

struct seen {
        int n, stop_after;
        nsec_t last[64];
        size_t len[64];
        uint8_t first[64];
};

static int on_row(void *userdata, nsec_t last, const void *data, size_t len)
{
        struct seen *s = userdata;

        assert_true(s->n < 64);
        s->last[s->n] = last;
        s->len[s->n] = len;
        s->first[s->n] = len ? *(const uint8_t *) data : 0;
        return ++s->n == s->stop_after ? 77 : 0;
}

static int read_rows(struct store *s, const struct addr *host, struct seen *seen)
{
        return store_read_profiles(
                s, &(struct store_profiles){.host = host, .newest_first = true, .row = on_row, .userdata = seen});
}

static struct addr host_of(uint32_t n)
{
        return addr_from_v4(__builtin_bswap32(0x0a000000 + n));
}

static void put(struct store *s, uint32_t n, nsec_t last, size_t len)
{
        struct addr host = host_of(n);
        char *data = malloc(len);

        memset(data, (int) n, len);
        assert_int_equal(store_put_profile(s, &host, last, data, len), 0);
        free(data);
}

static void test_rows(void **state)
{
        struct store *s = scratch_open(*state, false);
        struct addr host = host_of(2), other = host_of(9);
        struct seen seen = {0};

        for (uint32_t n = 1; n <= 3; n++)
                put(s, n, n * 10, 100 * n);
        put(s, 2, 50, 7); /* again */
        assert_int_equal(s->profile_bytes, 100 + 7 + 300);
        store_close(s);
        s = scratch_open(*state, true);
        assert_int_equal(read_rows(s, NULL, &seen), 0);
        assert_int_equal(seen.n, 3);
        assert_int_equal(seen.last[0], 50);
        assert_int_equal(seen.first[0], 2);
        assert_int_equal(seen.len[0], 7);
        assert_int_equal(seen.first[2], 1);
        seen = (struct seen){0};
        assert_int_equal(read_rows(s, &host, &seen), 0);
        assert_true(seen.n == 1 && seen.first[0] == 2);
        assert_int_equal(read_rows(s, &other, &seen), -ENOENT);
        seen = (struct seen){0};
        assert_int_equal(store_read_profiles(s, &(struct store_profiles){.row = on_row, .userdata = &seen}), 0);
        assert_true(seen.n == 3 && seen.last[0] == 10 && seen.last[2] == 50);
        seen = (struct seen){.stop_after = 2};
        assert_int_equal(read_rows(s, NULL, &seen), 77);
        assert_int_equal(seen.n, 2);
        assert_int_equal(store_put_profile(s, &host, 1, "x", 1), -EACCES);
        store_close(s);
}

static void test_too_big(void **state)
{
        struct store *s = scratch_open(*state, false);
        struct addr host = host_of(1);
        char *huge = calloc(1, STORE_ROW_MAX);

        assert_int_equal(store_put_profile(s, &host, 1, huge, STORE_ROW_MAX), -E2BIG);
        assert_int_equal(store_get_lost(s), 1);
        put(s, 1, 1, 10);
        free(huge);
        store_close(s);
}

/* What anybody may have written. */
static void test_hostile_rows(void **state)
{
        struct store *s = scratch_open(*state, false);
        struct seen seen = {0};

        put(s, 1, 1, 10);
        assert_int_equal(store_exec(s->db, "INSERT INTO profile(host, last, data) VALUES(x'00', 'x', x''),"
                                           " ('text', 1e300, 'text'), (3, -5, 7)"),
                         0);
        assert_int_equal(read_rows(s, NULL, &seen), 0);
        assert_int_equal(seen.n, 4);
        store_close(s);
}

static void test_share(void **state)
{
        struct scratch *x = *state;
        struct store *s = NULL;
        struct verdict v = scratch_verdict(1, LEVEL_CLEAR, 1);

        assert_int_equal(store_open(&(struct store_params){.dir = x->dir, .max_bytes = 1 << 20}, &s, &x->errors), 0);
        assert_int_equal(store_put_verdict(s, &v), 0);
        for (uint32_t n = 0; n < 3000; n++)
                put(s, n, n, 1000);
        assert_in_range(s->profile_bytes, (1 << 19) - 4000, 1 << 19);
        assert_int_equal(scratch_integer(s, "SELECT sum(length(data)) FROM profile"), s->profile_bytes);
        assert_int_equal(scratch_integer(s, "SELECT max(last) FROM profile"), 2999);
        assert_true(scratch_integer(s, "SELECT min(last) FROM profile") > 2400);
        assert_int_equal(store_retain(s, 4000), 0);
        assert_int_equal(scratch_count(s, LEVEL_UNKNOWN), 1); /* they push out nobody else */
        store_close(s);
        assert_int_equal(store_open(&(struct store_params){.dir = x->dir, .max_bytes = 1 << 20}, &s, &x->errors), 0);
        put(s, 5000, 5000, 1000); /* counted anew */
        assert_int_equal(scratch_integer(s, "SELECT sum(length(data)) FROM profile"), s->profile_bytes);
        store_close(s);
}

static void test_retention(void **state)
{
        struct scratch *x = *state;
        struct store *s = NULL;
        struct verdict v = scratch_verdict(1, LEVEL_BOT, 1);

        assert_int_equal(store_open(&(struct store_params){.dir = x->dir, .keep = 100}, &s, &x->errors), 0);
        for (uint32_t n = 0; n < 20; n++)
                put(s, n, n * 10, 50);
        assert_int_equal(store_retain(s, 200), 10);
        assert_int_equal(scratch_integer(s, "SELECT min(last) FROM profile"), 100);
        assert_int_equal(s->profile_bytes, 500);
        store_close(s);
        /* Beyond the size, with what was stored when there was more room: before any bot. */
        assert_int_equal(store_open(&(struct store_params){.dir = x->dir}, &s, &x->errors), 0);
        assert_int_equal(store_put_verdict(s, &v), 0);
        for (uint32_t n = 0; n < 1500; n++)
                put(s, n, n, 1000);
        store_close(s);
        assert_int_equal(store_open(&(struct store_params){.dir = x->dir, .max_bytes = 1 << 20}, &s, &x->errors), 0);
        while (store_retain(s, 0) > 0)
                ;
        assert_true(scratch_integer(s, "SELECT count(*) FROM profile") < 1000);
        assert_true(scratch_integer(s, "SELECT count(*) FROM profile") > 100);
        assert_int_equal(scratch_count(s, LEVEL_BOT), 1);
        store_close(s);
}

static void make_schema_1(struct scratch *x)
{
        struct store *s = scratch_open(x, false);
        struct verdict v = scratch_verdict(1, LEVEL_BOT, 1);

        assert_int_equal(store_put_verdict(s, &v), 0);
        assert_int_equal(store_commit(s), 0);
        assert_int_equal(store_exec(s->db, "DROP TABLE profile; DROP TABLE gate; PRAGMA user_version=1"), 0);
        store_close(s);
}

static void test_older_schema(void **state)
{
        struct store *s;
        struct seen seen = {0};
        struct addr host = host_of(1);

        make_schema_1(*state);
        s = scratch_open(*state, true); /* a reader changes nothing, and finds none */
        assert_int_equal(scratch_count(s, LEVEL_BOT), 1);
        assert_int_equal(read_rows(s, NULL, &seen), 0);
        assert_int_equal(seen.n, 0);
        assert_int_equal(read_rows(s, &host, &seen), -ENOENT);
        assert_int_equal(scratch_integer(s, "PRAGMA user_version"), 1);
        store_close(s);
        s = scratch_open(*state, false);
        put(s, 1, 1, 10);
        assert_int_equal(scratch_count(s, LEVEL_BOT), 1);
        assert_int_equal(scratch_integer(s, "PRAGMA user_version"), STORE_SCHEMA);
        scratch_check(s);
        store_close(s);
        s = scratch_open(*state, true);
        assert_int_equal(read_rows(s, &host, &seen), 0);
        assert_int_equal(seen.n, 1);
        store_close(s);
}

static void test_older_schema_with_losses(void **state)
{
        struct scratch *x = *state;
        struct store *s = NULL;

        make_schema_1(x);
        s = scratch_open(x, false);
        assert_int_equal(store_exec(s->db, "DROP TABLE profile"), 0); /* says 2, and has none */
        store_close(s);
        s = NULL;
        assert_int_equal(scratch_try(x, false, &s), -EBADMSG);
        assert_int_equal(scratch_try(x, true, &s), -EBADMSG);
        assert_null(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                SCRATCH_TEST(test_rows),
                SCRATCH_TEST(test_too_big),
                SCRATCH_TEST(test_hostile_rows),
                SCRATCH_TEST(test_share),
                SCRATCH_TEST(test_retention),
                SCRATCH_TEST(test_older_schema),
                SCRATCH_TEST(test_older_schema_with_losses),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
