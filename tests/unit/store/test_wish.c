/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was said about probing an address: the last word counts, and a no is not forgotten. */
#include "scratch.h"

static struct addr address(const char *text)
{
        struct addr a;

        assert_int_equal(addr_parse(text, &a), 0);
        return a;
}

static int count_wish(void *userdata, const struct addr *a _unused_, enum store_wish wish, nsec_t time, const char *by)
{
        ++*(int *) userdata;
        assert_int_equal(wish, STORE_WISH_OPT_OUT);
        assert_int_equal(time, 20);
        assert_string_equal(by, "abuse@example.net");
        return 0;
}

static void test_wishes(void **state)
{
        struct store *s = scratch_open(*state, false);
        struct addr a = address("61.48.71.52");
        enum store_wish wish;
        int n = 0;

        assert_int_equal(store_get_wish(s, &a, &wish), 0);
        assert_int_equal(wish, STORE_WISH_NONE);
        assert_int_equal(store_put_wish(s, &a, STORE_WISH_CONSENT, 10, "its owner"), 0);
        assert_int_equal(store_get_wish(s, &a, &wish), 0);
        assert_int_equal(wish, STORE_WISH_CONSENT);
        assert_int_equal(store_put_wish(s, &a, STORE_WISH_OPT_OUT, 20, "abuse@example.net"), 0);
        store_close(s);
        s = scratch_open(*state, true);
        assert_int_equal(store_get_wish(s, &a, &wish), 0);
        assert_int_equal(wish, STORE_WISH_OPT_OUT);
        assert_int_equal(store_wishes_each(s, count_wish, &n), 0);
        assert_int_equal(n, 1);
        assert_int_equal(store_put_wish(s, &a, STORE_WISH_CONSENT, 30, "x"), -EACCES);
        store_close(s);
}

/* A no is not forgotten; a new one finds no room rather than another's place. */
static void test_wishes_are_kept(void **state)
{
        struct scratch *x = *state;
        struct store *s = NULL;
        struct addr a = address("61.48.71.52");
        enum store_wish wish;

        assert_int_equal(store_open(&(struct store_params){.dir = x->dir, .keep = 1, .max_bytes = 1}, &s, &x->errors),
                         0);
        assert_int_equal(store_put_wish(s, &a, STORE_WISH_OPT_OUT, 1, "x"), 0);
        assert_int_equal(store_commit(s), 0);
        while (store_retain(s, INT64_MAX) > 0)
                ;
        assert_int_equal(store_get_wish(s, &a, &wish), 0);
        assert_int_equal(wish, STORE_WISH_OPT_OUT);
        assert_int_equal(store_exec(s->db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE"
                                           " i < 65535) INSERT INTO wish SELECT CAST(i AS BLOB), 'opt_out', 1, 'x'"
                                           " FROM n"),
                         0);
        a.b[15] = 1;
        assert_int_equal(store_put_wish(s, &a, STORE_WISH_OPT_OUT, 1, "x"), -ENOSPC);
        a.b[15] = 52;
        assert_int_equal(store_put_wish(s, &a, STORE_WISH_OPT_OUT, 2, "x"), 0); /* it has its place */
        store_close(s);
}

/* Who owns the address now has not agreed to anything, and may do so; a no of his forerunner stays. */
static void test_consent_of_a_former_owner(void **state)
{
        struct store *s = scratch_open(*state, false);
        struct record r = {.addr = address("61.48.71.52"), .asked = 10, .rdns = "a.example.net"};
        enum store_wish wish;

        assert_int_equal(store_put_relay(s, &r), 0);
        assert_int_equal(store_put_wish(s, &r.addr, STORE_WISH_CONSENT, 11, "its owner"), 0);
        r.asked = 20;
        assert_int_equal(store_put_relay(s, &r), 0);
        assert_int_equal(store_get_wish(s, &r.addr, &wish), 0);
        assert_int_equal(wish, STORE_WISH_CONSENT);
        snprintf(r.rdns, sizeof(r.rdns), "a.example.org");
        assert_int_equal(store_put_relay(s, &r), 0);
        assert_int_equal(store_get_wish(s, &r.addr, &wish), 0);
        assert_int_equal(wish, STORE_WISH_NONE);
        assert_int_equal(store_put_wish(s, &r.addr, STORE_WISH_CONSENT, 30, "its new owner"), 0);
        assert_int_equal(store_put_relay(s, &r), 0);
        assert_int_equal(store_get_wish(s, &r.addr, &wish), 0);
        assert_int_equal(wish, STORE_WISH_CONSENT);

        r = (struct record){.addr = address("61.48.71.53"), .rdns = "a.example.net"};
        assert_int_equal(store_put_relay(s, &r), 0);
        assert_int_equal(store_put_wish(s, &r.addr, STORE_WISH_OPT_OUT, 11, "its owner"), 0);
        snprintf(r.rdns, sizeof(r.rdns), "a.example.org");
        assert_int_equal(store_put_relay(s, &r), 0);
        assert_int_equal(store_get_wish(s, &r.addr, &wish), 0);
        assert_int_equal(wish, STORE_WISH_OPT_OUT);
        store_close(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                SCRATCH_TEST(test_wishes),
                SCRATCH_TEST(test_wishes_are_kept),
                SCRATCH_TEST(test_consent_of_a_former_owner),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
