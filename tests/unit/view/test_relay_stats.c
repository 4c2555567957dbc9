/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Relays in numbers: what counts once and what twice, months, the first and the second inquiry, and the limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>

#include "mail/smtp_probe.h"
#include "view/relay_stats.h"

#define DAY (24 * 3600 * NSEC_PER_SEC)

static struct record record(unsigned address, uint32_t inquiry, nsec_t asked, enum judge_class class)
{
        struct record r = {.asked = asked,
                           .inquiry = inquiry,
                           .class = class,
                           .why = class == JUDGE_UNKNOWN ? JUDGE_WEAK : JUDGE_SURE,
                           .mail = {1}};

        r.addr = addr_from_v4(__builtin_bswap32(0x3d300000u + address));
        return r;
}

static int setup(void **state)
{
        *state = calloc(1, sizeof(struct relay_stats));
        return *state ? 0 : -1;
}

static int teardown(void **state)
{
        free(*state);
        return 0;
}

static void test_nothing(void **state)
{
        struct relay_stats *s = *state;
        struct buf out = BUF_HEAP(65536);

        relay_stats_end(s);
        relay_stats_put(&out, &(struct text_look){.width = 100}, s);
        assert_string_equal(buf_str(&out),
                            "0 relays of 0 mails, asked about in 0 inquiries; 0 moved to another owner.\n");
        buf_done(&out);
}

static void test_counts(void **state)
{
        struct relay_stats *s = *state;
        struct record r;

        /* Three mails of one relay in a month: it counts once, as the last says; and once more in the next month. */
        r = record(1, 1, 10 * DAY, JUDGE_UNKNOWN);
        relay_stats_add(s, &r);
        r = record(1, 1, 11 * DAY, JUDGE_UNKNOWN);
        relay_stats_add(s, &r);
        r = record(1, 2, 12 * DAY, JUDGE_DIRECT_BOT);
        r.os_family = OS_FAMILY_WINDOWS;
        relay_stats_add(s, &r);
        r = record(1, 3, 40 * DAY, JUDGE_UNKNOWN);
        memset(r.mail, 0, sizeof(r.mail));
        r.moved = true;
        relay_stats_add(s, &r);
        /* A mail that came in the month before it was asked about. */
        r = record(2, 1, 40 * DAY, JUDGE_OPEN_PROXY);
        r.came = 9 * DAY;
        relay_stats_add(s, &r);
        relay_stats_end(s);
        relay_stats_end(s); /* nothing is counted twice */
        assert_int_equal(s->records, 5);
        assert_int_equal(s->mails, 4);
        assert_int_equal(s->relays, 2);
        assert_int_equal(s->inquiries, 4);
        assert_int_equal(s->moved, 1);
        assert_int_equal(s->classes[JUDGE_UNKNOWN], 1);
        assert_int_equal(s->unknown[JUDGE_WEAK], 1);
        assert_int_equal(s->n_months, 2);
        assert_int_equal(s->months[0].month, 1970 * 12);
        assert_int_equal(s->months[0].relays, 2);
        assert_int_equal(s->months[0].classes[JUDGE_DIRECT_BOT], 1);
        assert_int_equal(s->months[0].classes[JUDGE_OPEN_PROXY], 1);
        assert_int_equal(s->months[0].families[OS_FAMILY_WINDOWS], 1);
        assert_int_equal(s->months[1].relays, 1);
        assert_int_equal(s->months[1].classes[JUDGE_UNKNOWN], 1);
}

static unsigned at(unsigned role, enum answer server)
{
        return role * ANSWERS + server;
}

static void test_again(void **state)
{
        struct relay_stats *s = *state;
        struct record r;

        for (unsigned i = 0; i < 3; i++) {
                r = record(i, 1, DAY, JUDGE_DIRECT_BOT);
                r.os_role = OS_ROLE_CLIENT;
                r.smtp = SMTP_PROBE_REFUSED + 1;
                relay_stats_add(s, &r);
                r.os_role = OS_ROLE_UNKNOWN; /* another mail of the first inquiry says nothing more */
                relay_stats_add(s, &r);
                r.inquiry = 2;
                r.os_role = i < 2 ? OS_ROLE_CLIENT : OS_ROLE_SERVER;
                r.smtp = i < 2 ? SMTP_PROBE_SILENT + 1 : SMTP_PROBE_SERVER + 1;
                r.moved = i == 2;
                relay_stats_add(s, &r);
                r.inquiry = 3;
                r.os_role = OS_ROLE_EITHER;
                relay_stats_add(s, &r);
        }
        r = record(9, 2, DAY, JUDGE_UNKNOWN); /* its first is no longer kept */
        relay_stats_add(s, &r);
        relay_stats_end(s);
        assert_int_equal(s->asked_twice, 3);
        assert_int_equal(s->again[at(OS_ROLE_CLIENT, ANSWER_NO)][at(OS_ROLE_CLIENT, ANSWER_UNKNOWN)], 2);
        assert_int_equal(s->again[at(OS_ROLE_CLIENT, ANSWER_NO)][at(OS_ROLE_SERVER, ANSWER_YES)], 1);
        assert_int_equal(s->again_moved[at(OS_ROLE_CLIENT, ANSWER_NO)][at(OS_ROLE_SERVER, ANSWER_YES)], 1);
        assert_int_equal(s->again_moved[at(OS_ROLE_CLIENT, ANSWER_NO)][at(OS_ROLE_CLIENT, ANSWER_UNKNOWN)], 0);
}

/* More months than there is room for, in any order, of one address and of many; numbers that no record has. */
static void test_limits(void **state)
{
        struct relay_stats *s = *state;
        struct record r = record(1, 1, 0, JUDGE_UNKNOWN);
        uint64_t sum = 0;

        for (unsigned i = 0; i < 400; i++) {
                r.asked = (nsec_t) (i * 7 % 400) * 31 * DAY - 100 * 31 * DAY;
                relay_stats_add(s, &r);
        }
        r = record(2, UINT32_MAX, INT64_MIN, (enum judge_class) 77);
        r.why = (enum judge_why) 77;
        r.os_family = r.os_role = r.smtp = r.ping = 255;
        relay_stats_add(s, &r);
        r.asked = INT64_MAX;
        relay_stats_add(s, &r);
        relay_stats_end(s);
        assert_int_equal(s->n_months, RELAY_STATS_MONTHS);
        for (unsigned i = 0; i < s->n_months; i++) {
                sum += s->months[i].relays;
                assert_true(i == 0 || s->months[i - 1].month < s->months[i].month);
        }
        assert_true(s->left_out > 0);
        assert_true(sum + s->left_out >= 400);
        assert_int_equal(s->classes[JUDGE_UNKNOWN], 2);
}

static void test_outputs(void **state)
{
        struct relay_stats *s = *state;
        struct buf out = BUF_HEAP(1 << 20);
        struct record r;
        json_t *json;

        test_again(state);
        r = record(99, 1, 400 * DAY, JUDGE_UNKNOWN);
        relay_stats_add(s, &r);
        relay_stats_end(s);
        relay_stats_put(&out, &(struct text_look){.width = 100}, s);
        assert_non_null(strstr(buf_str(&out), "client, no mail server"));
        assert_non_null(strstr(buf_str(&out), "1971-02"));
        assert_non_null(strstr(buf_str(&out), "the signs are too weak"));
        buf_reset(&out);
        relay_stats_json(&out, s);
        json = json_loads(buf_str(&out), JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(json);
        assert_string_equal(json_string_value(json_object_get(json, "event_type")), "relay_stats");
        assert_int_equal(json_integer_value(json_object_get(json, "relays")), 5);
        assert_int_equal(json_array_size(json_object_get(json, "again")), 2);
        assert_int_equal(json_array_size(json_object_get(json, "months")), 2);
        json_decref(json);
        buf_done(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_nothing), TEST(test_counts), TEST(test_again), TEST(test_limits), TEST(test_outputs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
