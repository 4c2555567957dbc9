/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of relays by a resolver on loopback: right, slow, silent, lying; the cache. The clock of limits is stepped. */
#include "resolve_rig.h"

#include <errno.h>

/* --- names --- */

static const struct row good[] = {
        {"1.2.0.192.in-addr.arpa", "PTR mail.example"},
        {"mail.example", "A 192.0.2.1"},
        {"2.2.0.192.in-addr.arpa", "PTR liar.example"},
        {"liar.example", "A 198.51.100.1"},
        {"3.2.0.192.in-addr.arpa", "PTR gone.example"},
        {"4.2.0.192.in-addr.arpa", "PTR first.example"},
        {"4.2.0.192.in-addr.arpa", "PTR second.example"},
        {"first.example", "A 198.51.100.1"},
        {"second.example", "CNAME third.example"},
        {"5.2.0.192.in-addr.arpa", "FAIL"},
        {"6.2.0.192.in-addr.arpa", "PTR fails.example"},
        {"fails.example", "FAIL"},
        {"7.2.0.192.in-addr.arpa", "OTHER"},
        {"8.2.0.192.in-addr.arpa", "JUNK"},
        {"9.2.0.192.in-addr.arpa", "REFUSE"},
        {"10.2.0.192.in-addr.arpa", "PTR bad name.example"},
        {"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "PTR six.example"},
        {"six.example", "AAAA 2001:db8::1"},
        {NULL, NULL},
};

static void expect_names(struct rig *g, const char *text, enum answer has, enum answer confirmed)
{
        unsigned before = g->names;

        ask(g, text);
        if (g->names == before) { /* a lost reply: the question ends by its time */
                g->now += 11 * NSEC_PER_SEC;
                resolve_process(g->r, g->now);
        }
        assert_int_equal(g->names, before + 1);
        assert_int_equal(g->last_names.has_name, has);
        assert_int_equal(g->last_names.confirmed, confirmed);
}

static void test_names(void **state)
{
        struct rig g;

        (void) state;
        rig_begin(&g, good, (struct resolve_params){.tries = 1});
        expect_names(&g, "192.0.2.1", ANSWER_YES, ANSWER_YES);
        assert_string_equal(g.last_names.names[0], "mail.example");
        expect_names(&g, "192.0.2.2", ANSWER_YES, ANSWER_NO);
        assert_string_equal(g.last_names.names[0], "liar.example");
        expect_names(&g, "192.0.2.3", ANSWER_YES, ANSWER_NO);
        expect_names(&g, "192.0.2.5", ANSWER_UNKNOWN, ANSWER_UNKNOWN);
        expect_names(&g, "192.0.2.6", ANSWER_YES, ANSWER_UNKNOWN);
        expect_names(&g, "192.0.2.8", ANSWER_UNKNOWN, ANSWER_UNKNOWN);
        expect_names(&g, "192.0.2.9", ANSWER_UNKNOWN, ANSWER_UNKNOWN);
        expect_names(&g, "192.0.2.10", ANSWER_UNKNOWN, ANSWER_UNKNOWN);
        expect_names(&g, "192.0.2.77", ANSWER_NO, ANSWER_NO);
        expect_names(&g, "2001:db8::1", ANSWER_YES, ANSWER_YES);
        expect_names(&g, "2001:db8::2", ANSWER_NO, ANSWER_NO);
        assert_int_equal(resolve_waiting(g.r), 0);
        rig_end(&g);
}

static void test_confirmed_comes_first(void **state)
{
        struct rig g;

        (void) state;
        rig_begin(&g, good, (struct resolve_params){0});
        expect_names(&g, "192.0.2.4", ANSWER_YES, ANSWER_YES);
        assert_int_equal(g.last_names.n, 2);
        assert_string_equal(g.last_names.names[0], "second.example");
        assert_string_equal(g.last_names.names[1], "first.example");
        rig_end(&g);
}

/* A reply to another question is not taken, however true it may be. */
static void test_other_reply(void **state)
{
        struct rig g;

        (void) state;
        rig_begin(&g, good, (struct resolve_params){.tries = 1});
        expect_names(&g, "192.0.2.7", ANSWER_UNKNOWN, ANSWER_UNKNOWN);
        rig_end(&g);
}

/* --- time --- */

static void test_silence(void **state)
{
        static const struct row rows[] = {{"*", "SILENT"}, {NULL, NULL}};
        struct rig g;
        struct addr a = addr("192.0.2.1");

        (void) state;
        rig_begin(&g, rows, (struct resolve_params){.timeout = 5 * NSEC_PER_SEC});
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(resolve_ask_names(g.r, g.now, &a, on_names, &g), 0);
        pump(&g, 3);
        assert_int_equal(g.names, 0);
        assert_int_equal(g.server.asked, 1); /* one query for all three */
        g.now += 5 * NSEC_PER_SEC - 1;
        resolve_process(g.r, g.now);
        assert_int_equal(g.names, 0);
        g.now++;
        resolve_process(g.r, g.now);
        assert_int_equal(g.names, 3);
        assert_int_equal(g.last_names.has_name, ANSWER_UNKNOWN);
        assert_int_equal(resolve_waiting(g.r), 0);
        rig_end(&g);
}

/* A resolver that is not there: after a while all is unknown at once, and it is tried again now and then. */
static void test_gone(void **state)
{
        static const struct row rows[] = {{"*", "SILENT"}, {NULL, NULL}};
        struct resolve_stats stats;
        struct rig g;

        (void) state;
        rig_begin(&g, rows, (struct resolve_params){.try_timeout = 20 * NSEC_PER_MSEC, .tries = 1, .concurrent = 16});
        for (unsigned i = 0; i < 200; i++) {
                struct addr a = {{0x20, 1, [15] = (uint8_t) i}};

                assert_int_equal(resolve_ask_names(g.r, g.now, &a, on_names, &g), 0);
        }
        pump(&g, 200);
        assert_int_equal(g.names, 200);
        assert_int_equal(g.last_names.has_name, ANSWER_UNKNOWN);
        resolve_get_stats(g.r, &stats);
        assert_in_range(stats.queries, 32, 32 + 16);
        assert_int_equal(stats.queries + stats.given_up, 200);
        assert_int_equal(stats.timed_out, stats.queries);

        /* Not before its time, and then one. */
        g.now += 4 * NSEC_PER_SEC;
        ask(&g, "192.0.2.77");
        resolve_get_stats(g.r, &stats);
        assert_int_equal(stats.queries + stats.given_up, 201);
        g.now += 2 * NSEC_PER_SEC;
        for (unsigned i = 0; i < 10; i++) {
                struct addr a = {{0x20, 2, [15] = (uint8_t) i}};

                assert_int_equal(resolve_ask_names(g.r, g.now, &a, on_names, &g), 0);
        }
        pump(&g, 211);
        assert_int_equal(g.names, 211);
        resolve_get_stats(g.r, &stats);
        assert_int_equal(stats.given_up, 211 - stats.queries);
        assert_int_equal(stats.queries, stats.timed_out);

        /* It is there again: what was given up was not taken for an answer. */
        g.now += 6 * NSEC_PER_SEC;
        g.rows = good;
        ask(&g, "192.0.2.1");
        assert_int_equal(g.last_names.confirmed, ANSWER_YES);
        ask(&g, "192.0.2.77");
        assert_int_equal(g.last_names.has_name, ANSWER_NO);
        rig_end(&g);
}

/* What comes too late for its question is kept for the next. */
static void test_late(void **state)
{
        static const struct row silent[] = {{"*", "SILENT"}, {NULL, NULL}};
        struct rig g;
        struct addr a = addr("192.0.2.1");

        (void) state;
        rig_begin(&g, silent,
                  (struct resolve_params){.timeout = 5 * NSEC_PER_SEC, .try_timeout = 20 * NSEC_PER_MSEC, .tries = 2});
        assert_int_equal(resolve_ask_names(g.r, g.now, &a, on_names, &g), 0);
        resolve_process(g.r, g.now);
        assert_true(poll(&(struct pollfd){.fd = g.server.fd, .events = POLLIN}, 1, 2000) > 0);
        dns_server_read(&g.server);
        g.now += 6 * NSEC_PER_SEC;
        resolve_process(g.r, g.now);
        assert_int_equal(g.names, 1);
        g.rows = good;
        /* The second try is answered, though nobody waits. */
        for (unsigned i = 0; i < 100 && g.server.asked < 2; i++)
                pump(&g, 2);
        assert_int_equal(g.server.asked, 2);
        pump(&g, 2);
        ask(&g, "192.0.2.1");
        assert_int_equal(g.last_names.confirmed, ANSWER_YES);
        rig_end(&g);
}

static void test_cache(void **state)
{
        struct rig g;
        struct resolve_stats stats;
        unsigned asked;

        (void) state;
        rig_begin(&g, good, (struct resolve_params){.cache = 8});
        ask(&g, "192.0.2.1");
        asked = g.server.asked;
        assert_int_equal(asked, 2);
        ask(&g, "192.0.2.1");
        assert_int_equal(g.server.asked, asked);
        resolve_get_stats(g.r, &stats);
        assert_int_equal(stats.cached, 2);
        g.now += 299 * NSEC_PER_SEC;
        ask(&g, "192.0.2.1");
        assert_int_equal(g.server.asked, asked);
        g.now += 2 * NSEC_PER_SEC;
        ask(&g, "192.0.2.1");
        assert_int_equal(g.server.asked, asked + 2);
        ask(&g, "192.0.2.5"); /* failures are kept, shortly */
        ask(&g, "192.0.2.5");
        asked = g.server.asked;
        g.now += 29 * NSEC_PER_SEC;
        ask(&g, "192.0.2.5");
        assert_int_equal(g.server.asked, asked);
        g.now += 2 * NSEC_PER_SEC;
        ask(&g, "192.0.2.5");
        assert_true(g.server.asked > asked);
        /* The cap: many others push it out. */
        for (unsigned i = 100; i < 120; i++) {
                char text[32];

                snprintf(text, sizeof(text), "192.0.2.%u", i);
                ask(&g, text);
        }
        asked = g.server.asked;
        ask(&g, "192.0.2.1");
        assert_int_equal(g.server.asked, asked + 2);
        rig_end(&g);
}

/* --- the rest --- */

static void test_offline(void **state)
{
        struct rig g = {.now = 5};
        struct addr a = addr("192.0.2.1");
        struct dnsbl l;
        struct resolve_stats stats;

        (void) state;
        assert_int_equal(dnsbl_parse("bl.example", &l), 0);
        dns_server_open(&g.server);
        assert_int_equal(resolve_new(
                                 &(struct resolve_params){
                                         .servers = g.server.servers, .offline = true, .lists = &l, .n_lists = 1},
                                 &g.r),
                         0);
        assert_int_equal(resolve_ask_names(g.r, g.now, &a, on_names, &g), 0);
        assert_int_equal(resolve_ask_list(g.r, g.now, 0, &a, on_listing, &g), 0);
        pump(&g, 2);
        assert_int_equal(g.names, 1);
        assert_int_equal(g.listings, 1);
        assert_int_equal(g.last_names.has_name, ANSWER_UNKNOWN);
        assert_int_equal(g.last_listing.listed, ANSWER_UNKNOWN);
        resolve_get_stats(g.r, &stats);
        assert_int_equal(stats.queries, 0);
        assert_false(dns_server_read(&g.server));
        rig_end(&g);
}

static void test_asking_in_a_callback(void **state)
{
        struct rig g;
        struct addr a = addr("192.0.2.1");

        (void) state;
        rig_begin(&g, good, (struct resolve_params){0});
        g.forced = 20;
        assert_int_equal(resolve_ask_names(g.r, g.now, &a, on_names, &g), 0);
        pump(&g, 21);
        assert_int_equal(g.names, 21);
        assert_int_equal(g.server.asked, 2);
        rig_end(&g);
}

/* Ending with questions under way calls nobody back and loses nothing. */
static void test_end(void **state)
{
        static const struct row rows[] = {{"*", "SILENT"}, {NULL, NULL}};
        struct rig g;

        (void) state;
        rig_begin(&g, rows, (struct resolve_params){.concurrent = 3});
        for (unsigned i = 0; i < 10; i++) {
                struct addr a = {{0x20, 1, [15] = (uint8_t) i}};

                assert_int_equal(resolve_ask_names(g.r, g.now, &a, on_names, &g), 0);
        }
        pump(&g, 1);
        rig_end(&g);
        assert_int_equal(g.names, 0);
}

static void test_refused(void **state)
{
        struct resolve *r = NULL;
        struct rig g;
        struct addr a = addr("192.0.2.1");

        (void) state;
        assert_int_equal(resolve_new(&(struct resolve_params){.servers = "no address"}, &r), -EINVAL);
        assert_int_equal(resolve_new(&(struct resolve_params){.servers = ""}, &r), -EINVAL);
        assert_int_equal(resolve_new(&(struct resolve_params){.n_lists = RESOLVE_LISTS_MAX + 1}, &r), -E2BIG);
        assert_null(r);
        resolve_free(NULL);
        rig_begin(&g, good, (struct resolve_params){0});
        assert_int_equal(resolve_ask_list(g.r, g.now, 0, &a, on_listing, &g), -EINVAL);
        rig_end(&g);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),       cmocka_unit_test(test_confirmed_comes_first),
                cmocka_unit_test(test_other_reply), cmocka_unit_test(test_silence),
                cmocka_unit_test(test_late),        cmocka_unit_test(test_cache),
                cmocka_unit_test(test_offline),     cmocka_unit_test(test_asking_in_a_callback),
                cmocka_unit_test(test_end),         cmocka_unit_test(test_refused),
                cmocka_unit_test(test_gone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
