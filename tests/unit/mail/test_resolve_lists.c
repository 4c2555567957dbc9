/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Block lists by a resolver on loopback, such as have died or been sold; and the limits of number and rate. */
#include "resolve_rig.h"

#include <errno.h>

/* --- limits --- */

static void test_concurrency(void **state)
{
        static const struct row rows[] = {{"*", "SILENT"}, {NULL, NULL}};
        struct resolve_stats stats;
        struct rig g;

        (void) state;
        rig_begin(&g, rows, (struct resolve_params){.concurrent = 5, .per_second = 100000, .waiting = 50});
        for (unsigned i = 0; i < 60; i++) {
                char text[32];
                struct addr a;

                snprintf(text, sizeof(text), "192.0.2.%u", i);
                a = addr(text);
                assert_int_equal(resolve_ask_names(g.r, g.now, &a, on_names, &g), i < 50 ? 0 : -ENOBUFS);
        }
        pump(&g, 1);
        assert_int_equal(g.server.asked, 5);
        resolve_get_stats(g.r, &stats);
        assert_int_equal(stats.dropped, 10);
        assert_int_equal(stats.queries, 5);
        g.now += 60 * NSEC_PER_SEC;
        resolve_process(g.r, g.now);
        assert_int_equal(g.names, 50);
        /* Those under way still take their places; the others are gone, and new ones may come as often as they like. */
        for (unsigned round = 0; round < 20; round++) {
                for (unsigned i = 0; i < 50; i++) {
                        struct addr a = {{0x20, 1, [14] = (uint8_t) round, [15] = (uint8_t) i}};

                        assert_int_equal(resolve_ask_names(g.r, g.now, &a, on_names, &g), 0);
                }
                resolve_process(g.r, g.now);
                assert_int_equal(resolve_waiting(g.r), 50);
                g.now += 60 * NSEC_PER_SEC;
                resolve_process(g.r, g.now);
        }
        assert_int_equal(g.names, 50 + 20 * 50);
        rig_end(&g);
}

static void test_rate(void **state)
{
        struct resolve_stats stats;
        struct rig g;

        (void) state;
        rig_begin(&g, NULL, (struct resolve_params){.per_second = 10, .timeout = 3600 * NSEC_PER_SEC});
        for (unsigned i = 0; i < 50; i++) {
                struct addr a = {{0x20, 1, [15] = (uint8_t) i}};

                assert_int_equal(resolve_ask_names(g.r, g.now, &a, on_names, &g), 0);
        }
        for (unsigned tenth = 0; tenth < 60; tenth++) {
                resolve_process(g.r, g.now);
                resolve_get_stats(g.r, &stats);
                assert_true(stats.queries <= tenth + 1);
                while (dns_server_read(&g.server))
                        ;
                resolve_process(g.r, g.now);
                g.now += NSEC_PER_SEC / 10;
        }
        assert_int_equal(stats.queries, 50);
        rig_end(&g);
}

/* --- lists --- */

#define LIST_GOOD                                                                                                      \
        {"2.0.0.127.bl.example", "A 127.0.0.2"},                                                                       \
        {                                                                                                              \
                "1.0.0.127.bl.example", "NX"                                                                           \
        }

static void with_list(struct rig *g, const struct row *rows, const char *config)
{
        struct dnsbl l;

        assert_int_equal(dnsbl_parse(config, &l), 0);
        rig_begin(g, rows, (struct resolve_params){.lists = &l, .n_lists = 1, .tries = 1});
}

static void expect_listing(struct rig *g, const char *text, enum answer listed, uint32_t meanings)
{
        unsigned before = g->listings;

        ask_list(g, text);
        if (g->listings == before) {
                g->now += 11 * NSEC_PER_SEC;
                resolve_process(g->r, g->now);
        }
        assert_int_equal(g->listings, before + 1);
        assert_int_equal(g->last_listing.listed, listed);
        assert_int_equal(g->last_listing.meanings, meanings);
}

static void test_list(void **state)
{
        static const struct row rows[] = {
                LIST_GOOD,
                {"1.2.0.192.bl.example", "A 127.0.0.4"},
                {"2.2.0.192.bl.example", "A 127.255.255.254"},
                {"3.2.0.192.bl.example", "A 203.0.113.1"},
                {"4.2.0.192.bl.example", "FAIL"},
                {"5.2.0.192.bl.example", "SILENT"},
                {"6.2.0.192.bl.example", "REFUSE"},
                {"7.2.0.192.bl.example", "CNAME parked.example"},
                {"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.example", "A 127.0.0.9"},
                {NULL, NULL},
        };
        struct rig g;

        (void) state;
        with_list(&g, rows, "bl.example=exploited");
        expect_listing(&g, "192.0.2.1", ANSWER_YES, DNSBL_EXPLOITED);
        assert_int_equal(g.server.asked, 3);
        expect_listing(&g, "192.0.2.99", ANSWER_NO, 0);
        assert_int_equal(g.server.asked, 4); /* its test entries are not asked for again */
        expect_listing(&g, "192.0.2.2", ANSWER_UNKNOWN, 0);
        expect_listing(&g, "192.0.2.3", ANSWER_UNKNOWN, 0);
        expect_listing(&g, "192.0.2.4", ANSWER_UNKNOWN, 0);
        expect_listing(&g, "192.0.2.6", ANSWER_UNKNOWN, 0);
        expect_listing(&g, "192.0.2.7", ANSWER_NO, 0);
        expect_listing(&g, "2001:db8::1", ANSWER_YES, DNSBL_EXPLOITED);
        expect_listing(&g, "2001:db8::2", ANSWER_NO, 0);
        assert_false(g.last_listing.broken);
        expect_listing(&g, "192.0.2.5", ANSWER_UNKNOWN, 0);
        rig_end(&g);
}

/* One that lists the world, one that has gone, and one whose domain was sold. */
static void test_broken_lists(void **state)
{
        static const struct row world[] = {{"*", "A 127.0.0.2"}, {NULL, NULL}};
        static const struct row gone[] = {{NULL, NULL}};
        static const struct row sold[] = {{"*", "A 203.0.113.80"}, {NULL, NULL}};
        static const struct row refused[] = {{"*", "A 127.255.255.254"}, {NULL, NULL}};
        static const struct {
                const struct row *rows;
                bool broken;
        } cases[] = {{world, true}, {gone, true}, {sold, false}, {refused, false}};
        struct rig g;

        (void) state;
        for (unsigned i = 0; i < ELEMENTSOF(cases); i++) {
                unsigned asked;

                with_list(&g, cases[i].rows, "bl.example");
                expect_listing(&g, "192.0.2.1", ANSWER_UNKNOWN, 0);
                assert_int_equal(g.last_listing.broken, cases[i].broken);
                asked = g.server.asked;
                expect_listing(&g, "192.0.2.2", ANSWER_UNKNOWN, 0);
                assert_int_equal(g.server.asked, asked); /* not asked at every question */
                g.now += 3600 * NSEC_PER_SEC;
                expect_listing(&g, "192.0.2.2", ANSWER_UNKNOWN, 0);
                assert_true(g.server.asked > asked);
                rig_end(&g);
        }
        with_list(&g, world, "!bl.example"); /* of a list without test entries anything is believed */
        expect_listing(&g, "192.0.2.1", ANSWER_YES, DNSBL_OTHER);
        assert_int_equal(g.server.asked, 1);
        rig_end(&g);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_concurrency),
                cmocka_unit_test(test_rate),
                cmocka_unit_test(test_list),
                cmocka_unit_test(test_broken_lists),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
