/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inquiry: who waits for whom, what is shared, what is bounded, and how it ends in the middle. */
#include "inquiry_rig.h"

static const struct row quiet[] = {{"*", "SILENT"}, {0}};
static const struct row plain[] = {
        {"52.71.48.61.in-addr.arpa", "PTR mail.relay.example"}, {"mail.relay.example", "A " RELAY}, {0}};

#define NAMES "helo.example (unknown"

static void test_offline(void **state)
{
        struct asking *g = calloc(1, sizeof(*g));
        struct inquiry_stats stats;
        int key;

        (void) state;
        asking_begin_offline(g);
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(add_mail(g, head_of_mail(RELAY, NAMES, ""), ANSWER_UNKNOWN, &key), 0);
                assert_int_equal(g->n, i + 1); /* from within */
        }
        assert_ptr_equal(g->told[0].mail, &key);
        assert_int_equal(inquiry_waiting(g->q), 0);
        assert_int_equal(g->told[0].record.asked, g->now);
        assert_int_equal(g->told[0].record.came, CAME);
        assert_int_equal(g->seen_at, CAME);
        assert_true(record_has_mail(&g->told[0].record));
        inquiry_get_stats(g->q, &stats);
        assert_int_equal(stats.mails, 3);
        assert_int_equal(stats.relays, 1);
        assert_int_equal(stats.judged[JUDGE_UNKNOWN], 3);
        asking_end(g);
        free(g);
}

static void test_no_relay(void **state)
{
        static const char *const heads[] = {"", "Subject: x\n\n", "Received: from [10.0.0.1] by x; nonsense\n\n",
                                            "Received: (qmail 1 invoked by uid 0); 15 Aug 2023 10:00:00 -0000\n\n"};
        struct asking *g = calloc(1, sizeof(*g));

        (void) state;
        asking_begin(g, quiet, NULL);
        for (unsigned i = 0; i < ELEMENTSOF(heads); i++) {
                assert_int_equal(add_mail(g, heads[i], ANSWER_YES, NULL), 0);
                assert_int_equal(g->n, i + 1);
                assert_true(addr_is_unspecified(&g->told[i].record.addr));
                assert_int_equal(g->told[i].record.class, JUDGE_UNKNOWN);
        }
        assert_int_equal(g->dns.server.asked, 0);
        asking_end(g);
        free(g);
}

static void test_sharing(void **state)
{
        struct asking *g = calloc(1, sizeof(*g));
        unsigned asked;

        (void) state;
        asking_begin(g, plain, (const char *const[]){"!bl.example=exploited", NULL});
        for (unsigned i = 0; i < 100; i++)
                assert_int_equal(add_mail(g, head_of_mail(RELAY, NAMES, ""), ANSWER_UNKNOWN, g->told + i), 0);
        assert_int_equal(g->n, 0);
        assert_int_equal(inquiry_waiting(g->q), 100);
        ask_until(g, 100);
        assert_int_equal(g->n, 100);
        for (unsigned i = 0; i < 100; i++) {
                assert_ptr_equal(g->told[i].mail, g->told + i); /* in their order */
                assert_string_equal(g->told[i].record.rdns, "mail.relay.example");
                assert_int_equal(g->told[i].record.not_listed, 1);
        }
        asked = g->dns.server.asked;
        assert_int_equal(asked, 3); /* the name, its address, the list */
        /* Later ones know it already; after an hour they do not. */
        (void) judge_mail(g, head_of_mail(RELAY, NAMES, "X: y\n"), ANSWER_UNKNOWN);
        assert_int_equal(g->dns.server.asked, asked);
        g->now += HOUR + NSEC_PER_SEC;
        (void) judge_mail(g, head_of_mail(RELAY, NAMES, ""), ANSWER_UNKNOWN);
        assert_true(g->dns.server.asked > asked);
        asking_end(g);
        free(g);
}

static void test_cap(void **state)
{
        struct asking *g = calloc(1, sizeof(*g));
        unsigned added = 0;
        char relay[32];

        (void) state;
        g->p.under_way = 4;
        asking_begin(g, plain, NULL);
        for (unsigned i = 0; i < 40; i++) {
                int r;

                snprintf(relay, sizeof(relay), "61.48.72.%u", i);
                while ((r = add_mail(g, head_of_mail(relay, NAMES, ""), ANSWER_UNKNOWN, NULL)) == -EAGAIN) {
                        assert_int_equal(inquiry_waiting(g->q), 4);
                        ask_until(g, g->n + 1);
                }
                assert_int_equal(r, 0);
                added++;
        }
        ask_until(g, added);
        assert_int_equal(g->n, 40);
        assert_int_equal(inquiry_waiting(g->q), 0);
        assert_int_equal(g->add_at_done, -EAGAIN);
        asking_end(g);
        free(g);
}

/* Heads that wait take memory: not more than is allowed, but one always passes. */
static void test_bytes(void **state)
{
        struct asking *g = calloc(1, sizeof(*g));
        size_t size = 40u << 20;
        char *head = malloc(size), relay[32];
        unsigned waiting = 0;

        (void) state;
        asking_begin(g, quiet, NULL);
        for (unsigned i = 0; i < 3; i++) {
                size_t n;

                snprintf(relay, sizeof(relay), "61.48.73.%u", i);
                n = (size_t) snprintf(head, size, "%s", head_of_mail(relay, NAMES, "")) - 1;
                memset(head + n, 'x', size - n);
                waiting += inquiry_add(g->q, g->now, &(struct inquiry_mail){.head = head, .len = size}) == 0;
        }
        assert_int_equal(waiting, 1);
        inquiry_stop(g->q, g->now);
        assert_int_equal(g->n, 1);
        asking_end(g);
        free(head);
        free(g);
}

static void test_stop(void **state)
{
        struct asking *g = calloc(1, sizeof(*g));
        char relay[32];

        (void) state;
        asking_begin(g, quiet, (const char *const[]){"!bl.example=exploited", NULL});
        for (unsigned i = 0; i < 10; i++) {
                snprintf(relay, sizeof(relay), "61.48.72.%u", i % 5);
                assert_int_equal(add_mail(g, head_of_mail(relay, NAMES, ""), ANSWER_UNKNOWN, NULL), 0);
        }
        ask_until(g, 1);
        assert_int_equal(g->n, 0);
        inquiry_stop(g->q, g->now);
        assert_int_equal(g->n, 10);
        assert_int_equal(inquiry_waiting(g->q), 0);
        for (unsigned i = 0; i < 10; i++)
                assert_int_equal(g->told[i].record.listed | g->told[i].record.not_listed, 0);
        /* What comes then is judged by itself, also of those whose answers are still out; these find nobody. */
        g->dns.rows = plain;
        for (unsigned i = 0; i < 10; i++) {
                snprintf(relay, sizeof(relay), "61.48.72.%u", i);
                assert_int_equal(add_mail(g, head_of_mail(relay, NAMES, ""), ANSWER_UNKNOWN, NULL), 0);
        }
        assert_int_equal(g->n, 20);
        g->now += 20 * NSEC_PER_SEC;
        inquiry_process(g->q, g->now);
        assert_int_equal(resolve_waiting(g->dns.r), 0);
        assert_int_equal(g->n, 20);
        inquiry_stop(g->q, g->now);
        asking_end(g);
        free(g);
}

static void test_stop_within(void **state)
{
        struct asking *g = calloc(1, sizeof(*g));
        char relay[32];

        (void) state;
        g->stop_at_done = true;
        asking_begin(g, plain, NULL);
        for (unsigned i = 0; i < 20; i++) {
                snprintf(relay, sizeof(relay), "61.48.72.%u", i % 10);
                assert_int_equal(add_mail(g, head_of_mail(relay, NAMES, ""), ANSWER_UNKNOWN, NULL), 0);
        }
        ask_until(g, 20);
        assert_int_equal(g->n, 20);
        assert_int_equal(inquiry_waiting(g->q), 0);
        asking_end(g);
        free(g);
}

/* Freed while all is under way: nobody is told, nothing leaks. */
static void test_free_under_way(void **state)
{
        struct asking *g = calloc(1, sizeof(*g));

        (void) state;
        asking_begin(g, quiet, NULL);
        assert_int_equal(add_mail(g, head_of_mail(RELAY, NAMES, ""), ANSWER_UNKNOWN, NULL), 0);
        asking_end(g);
        assert_int_equal(g->n, 0);
        free(g);
}

static void test_silent_resolver(void **state)
{
        struct asking *g = calloc(1, sizeof(*g));
        const struct record *r = &g->told[0].record;

        (void) state;
        asking_begin(g, quiet, (const char *const[]){"bl.example=exploited", NULL});
        assert_int_equal(
                add_mail(g, head_of_mail(RELAY, "dsl-61-48-71-52.pool.example (unknown", ""), ANSWER_YES, NULL), 0);
        ask_until(g, 1);
        assert_int_equal(g->n, 0);
        g->now += 11 * NSEC_PER_SEC;
        inquiry_process(g->q, g->now);
        assert_int_equal(g->n, 1);
        assert_int_equal(r->listed | r->not_listed, 0);
        assert_int_equal(r->signs[JUDGE_SIGN_LIST_EXPLOITED], ANSWER_UNKNOWN);
        assert_int_equal(r->class, JUDGE_UNKNOWN);
        asking_end(g);
        free(g);
}

/* What failed is asked again soon. */
static void test_failing_resolver(void **state)
{
        static const struct row failing[] = {{"*", "FAIL"}, {0}};
        struct asking *g = calloc(1, sizeof(*g));
        const struct record *r;

        (void) state;
        asking_begin(g, failing, NULL);
        r = judge_mail(g, head_of_mail(RELAY, NAMES, ""), ANSWER_UNKNOWN);
        assert_string_equal(r->rdns, "");
        g->dns.rows = plain;
        g->now += 120 * NSEC_PER_SEC;
        r = judge_mail(g, head_of_mail(RELAY, NAMES, ""), ANSWER_UNKNOWN);
        assert_string_equal(r->rdns, "mail.relay.example");
        asking_end(g);
        free(g);
}

static void test_clock_set_back(void **state)
{
        struct asking *g = calloc(1, sizeof(*g));

        (void) state;
        asking_begin(g, quiet, NULL);
        assert_int_equal(add_mail(g, head_of_mail(RELAY, NAMES, ""), ANSWER_UNKNOWN, NULL), 0);
        ask_until(g, 1);
        g->now -= 5 * DAY;
        inquiry_process(g->q, g->now);
        assert_int_equal(g->n, 0);
        g->now += 11 * NSEC_PER_SEC;
        inquiry_process(g->q, g->now);
        assert_int_equal(g->n, 1);
        asking_end(g);
        free(g);
}

static void test_again(void **state)
{
        struct asking *g = calloc(1, sizeof(*g));
        struct addr a = addr(RELAY);
        int key;

        (void) state;
        asking_begin(g, plain, NULL);
        (void) judge_mail(g, head_of_mail(RELAY, NAMES, ""), ANSWER_UNKNOWN);
        g->now += 2 * DAY;
        assert_int_equal(inquiry_again(g->q, g->now, &a, &key), 0);
        ask_until(g, 2);
        assert_int_equal(g->n, 2);
        assert_false(g->told[1].has_chain);
        assert_ptr_equal(g->told[1].mail, &key);
        assert_int_equal(g->told[1].record.came, 0);
        assert_false(record_has_mail(&g->told[1].record));
        assert_string_equal(g->told[1].record.rdns, "mail.relay.example");
        assert_int_equal(g->told[1].record.signs[JUDGE_SIGN_SERVER_NAME], ANSWER_YES);
        assert_int_equal(g->told[1].record.signs[JUDGE_SIGN_DIRECT], ANSWER_UNKNOWN);
        asking_end(g);
        free(g);
}

static void test_inner_address(void **state)
{
        struct asking *g = calloc(1, sizeof(*g));

        (void) state;
        asking_begin(g, plain, (const char *const[]){"!bl.example=exploited", NULL});
        (void) judge_mail(g, head_of_mail("192.168.1.9", NAMES, ""), ANSWER_UNKNOWN);
        /* Its name, which the own resolver knows, and no list of the Internet. */
        assert_int_equal(g->dns.server.asked, 1);
        asking_end(g);
        free(g);
}

static void test_too_many_lists(void **state)
{
        struct asking *g = calloc(1, sizeof(*g));
        struct inquiry *q;

        (void) state;
        g->p.done = on_done;
        g->p.n_lists = 30;
        g->p.n_files = 3;
        assert_int_equal(inquiry_new(&g->p, &q), -E2BIG);
        free(g);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_offline),         cmocka_unit_test(test_no_relay),
                cmocka_unit_test(test_sharing),         cmocka_unit_test(test_cap),
                cmocka_unit_test(test_bytes),           cmocka_unit_test(test_stop),
                cmocka_unit_test(test_stop_within),     cmocka_unit_test(test_free_under_way),
                cmocka_unit_test(test_silent_resolver), cmocka_unit_test(test_failing_resolver),
                cmocka_unit_test(test_clock_set_back),  cmocka_unit_test(test_again),
                cmocka_unit_test(test_inner_address),   cmocka_unit_test(test_too_many_lists),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
