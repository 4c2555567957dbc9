/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is remembered of addresses beyond the home network, and what is not held against them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>

#include "daemon/strangers.h"
#include "model/evidence.h"

#define NOW (INT64_C(1700000000) * NSEC_PER_SEC)
#define DAY (24 * 3600 * NSEC_PER_SEC)

static struct config *config;

static struct addr at(const char *text)
{
        struct addr a;

        assert_int_equal(addr_parse(text, &a), 0);
        return a;
}

static int set_up(void **state)
{
        static const char text[] = "home: [10.0.0.0/8]\nnetwork: {dark: [10.9.0.0/16]}\n";
        struct strangers *s = NULL;

        if (config_new_default(&config) < 0 || config_parse(config, "t", text, sizeof(text) - 1, NULL) < 0 ||
            strangers_new(config, &s) < 0)
                return -1;
        *state = s;
        return 0;
}

static int tear_down(void **state)
{
        strangers_free(*state);
        config_free(config);
        return 0;
}

static struct event flow(const char *local, const char *remote, uint16_t port, enum flow_state flow_state)
{
        return (struct event){.time = NOW,
                              .type = EVENT_FLOW,
                              .op = FLOW_END,
                              .flow = {.local = at(local),
                                       .remote = at(remote),
                                       .local_port = port,
                                       .proto = IPPROTO_TCP,
                                       .origin = FLOW_ACCEPTED,
                                       .state = (uint8_t) flow_state}};
}

static struct inquiry_seen ask(struct strangers *s, const char *text, nsec_t when)
{
        struct inquiry_seen seen;
        struct addr a = at(text);

        strangers_ask(s, &a, when, &seen);
        return seen;
}

static void test_tries(void **state)
{
        struct strangers *s = *state;

        for (uint16_t i = 0; i < 100; i++) {
                struct event answered = flow("10.0.0.1", "61.48.0.1", i, FLOW_STATE_ESTABLISHED);
                struct event same = flow("10.0.0.1", "61.48.0.2", 25, FLOW_STATE_FAILED);
                struct event ours = flow("10.0.0.1", "61.48.0.3", i, FLOW_STATE_FAILED);
                struct event late = flow("10.0.0.1", "61.48.0.5", i, FLOW_STATE_FAILED);

                ours.flow.origin = FLOW_ORIGINATED;
                late.time += i * 2 * DAY;
                strangers_event(s, &answered);
                strangers_event(s, &same);
                strangers_event(s, &ours);
                strangers_event(s, &late);
        }
        for (uint16_t i = 0; i < 30; i++) {
                struct event other = flow("10.0.0.1", "61.48.0.4", i, FLOW_STATE_FAILED);
                struct event within = flow("10.0.0.1", "10.0.0.2", i, FLOW_STATE_FAILED);

                strangers_event(s, &other);
                strangers_event(s, &within);
        }
        assert_int_equal(ask(s, "61.48.0.1", NOW).attacked, ANSWER_UNKNOWN);
        assert_int_equal(ask(s, "61.48.0.2", NOW).attacked, ANSWER_UNKNOWN); /* again and again the same */
        assert_int_equal(ask(s, "61.48.0.3", NOW).attacked, ANSWER_UNKNOWN); /* we tried it */
        assert_int_equal(ask(s, "61.48.0.4", NOW).attacked, ANSWER_YES);
        assert_int_equal(ask(s, "61.48.0.5", NOW + 198 * DAY).attacked, ANSWER_UNKNOWN);
        assert_int_equal(ask(s, "10.0.0.2", NOW).attacked, ANSWER_UNKNOWN); /* one of ours: others judge it */
        assert_int_equal(ask(s, "61.48.0.9", NOW).attacked, ANSWER_UNKNOWN);
}

static void test_time(void **state)
{
        struct strangers *s = *state;
        struct event e = flow("10.9.1.1", "61.48.0.1", 80, FLOW_STATE_NEW);

        strangers_event(s, &e); /* nobody has an address in there */
        assert_int_equal(ask(s, "61.48.0.1", NOW).attacked, ANSWER_YES);
        assert_int_equal(ask(s, "61.48.0.1", NOW + DAY / 2).attacked, ANSWER_YES);
        assert_int_equal(ask(s, "61.48.0.1", NOW - DAY / 2).attacked, ANSWER_YES);
        assert_int_equal(ask(s, "61.48.0.1", NOW + 2 * DAY).attacked, ANSWER_UNKNOWN);
        assert_int_equal(ask(s, "61.48.0.1", NOW - 2 * DAY).attacked, ANSWER_UNKNOWN);
        assert_int_equal(ask(s, "61.48.0.1", 0).attacked, ANSWER_UNKNOWN);
}

static void test_alerts_and_proxies(void **state)
{
        struct strangers *s = *state;
        const struct ends ends = {.local = at("10.0.0.1"), .remote = at("61.48.0.1"), .origin = FLOW_ORIGINATED};
        struct event alert = {.time = NOW, .type = EVENT_ALERT, .alert = {.ends = ends, .stage = STAGE_ATTACK + 1}};
        struct event proxy = {.time = NOW, .type = EVENT_PROXY, .op = PROXY_REQUEST, .proxy = {.ends = ends}};

        strangers_event(s, &alert);
        strangers_event(s, &proxy);
        proxy.op = PROXY_REPLY; /* refused */
        strangers_event(s, &proxy);
        assert_int_equal(ask(s, "61.48.0.1", NOW).attacked, ANSWER_UNKNOWN);
        assert_int_equal(ask(s, "61.48.0.1", NOW).proxy, ANSWER_UNKNOWN);
        proxy.proxy.granted = 1;
        strangers_event(s, &proxy);
        assert_int_equal(ask(s, "61.48.0.1", NOW).proxy, ANSWER_YES);
        alert.alert.stage = STAGE_INFECT + 1;
        alert.alert.ends.from_local = 1; /* ours did it to them */
        strangers_event(s, &alert);
        assert_int_equal(ask(s, "61.48.0.1", NOW).attacked, ANSWER_UNKNOWN);
        alert.alert.ends.from_local = 0;
        strangers_event(s, &alert);
        assert_int_equal(ask(s, "61.48.0.1", NOW).attacked, ANSWER_YES);
}

static void test_syns(void **state)
{
        struct strangers *s = *state;
        struct os_syn syn = {.src = at("61.48.0.1"), .dst = at("10.0.0.1"), .dport = 25, .ttl = 128, .window = 8192};

        strangers_syn(s, &syn, NOW);
        assert_true(ask(s, "61.48.0.1", NOW).has_syn);
        assert_int_equal(ask(s, "61.48.0.1", NOW).syn.window, 8192);
        assert_false(ask(s, "61.48.0.1", NOW + 2 * DAY).has_syn);
        syn.dst = at("61.48.0.2"); /* to somebody else */
        syn.src = at("61.48.0.3");
        strangers_syn(s, &syn, NOW);
        assert_false(ask(s, "61.48.0.3", NOW).has_syn);
        syn.dst = at("10.0.0.1");
        syn.src = at("10.0.0.2");
        strangers_syn(s, &syn, NOW);
        assert_false(ask(s, "10.0.0.2", NOW).has_syn);
}

/* A flood of addresses pushes the oldest out, and takes no more room. */
static void test_flood(void **state)
{
        struct strangers *s = *state;
        struct table_stats stats;
        struct os_syn syn = {.dst = at("10.0.0.1"), .dport = 25, .window = 1};

        for (uint32_t i = 0; i < 2 * STRANGERS_MAX; i++) {
                syn.src = addr_from_v4(htonl(0x3d300000u + i));
                strangers_syn(s, &syn, NOW);
        }
        strangers_get_stats(s, &stats);
        assert_int_equal(stats.used, STRANGERS_MAX);
        assert_int_equal(stats.evicted, STRANGERS_MAX);
        assert_false(ask(s, "61.48.0.0", NOW).has_syn);
        assert_true(ask(s, "61.48.127.255", NOW).has_syn);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_tries, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_time, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_alerts_and_proxies, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_syns, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_flood, set_up, tear_down),
        };

        return cmocka_run_group_tests_name("daemon/strangers", tests, NULL, NULL);
}
