/* SPDX-License-Identifier: GPL-3.0-or-later */
/* peers: names by host, who is rare, what is outside, ports, protocols, hostile numbers of all of them. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <netinet/in.h>
#include <stdlib.h>

#include "detect/peers.h"

static struct addr address(const char *text)
{
        struct addr a = {{0}};

        assert_int_equal(addr_parse(text, &a), 0);
        return a;
}

/* 203.(n).x.y: a distinct one for each n. */
static struct addr outside(uint32_t n)
{
        return addr_from_v4(htonl(0xcb000000u + n));
}

static struct peers *open_peers(void)
{
        struct peers *p = calloc(1, sizeof(*p));
        struct config *config = NULL;

        assert_non_null(p);
        assert_int_equal(config_new_default(&config), 0);
        assert_int_equal(peers_init(p, config), 0);
        config_free(config);
        return p;
}

static void close_peers(struct peers *p)
{
        peers_done(p);
        free(p);
}

static void answer(struct peers *p, const char *host, uint32_t first, uint16_t n, uint32_t stamp)
{
        struct addr *addrs = calloc(n + 1u, sizeof(*addrs));
        struct dns_event d = {.ends.local = address(host), .addrs = addrs, .n_addrs = n};

        assert_non_null(addrs);
        for (uint16_t i = 0; i < n; i++)
                addrs[i] = outside(first + i);
        peers_note_answer(p, &d, stamp);
        free(addrs);
}

static void test_names(void **unused)
{
        struct addr one = address("10.0.0.5"), two = address("10.0.0.6"), a = outside(1), b = outside(2);
        struct addr v6 = address("2001:db8::1"), sister = address("2001:db8::2");
        struct peers *p = open_peers();

        (void) unused;
        assert_int_equal(peers_is_named(p, &one, &a), -1);
        answer(p, "10.0.0.5", 1, 1, 1);
        assert_int_equal(peers_is_named(p, &one, &a), 1);
        assert_int_equal(peers_is_named(p, &one, &b), 0);
        assert_int_equal(peers_is_named(p, &two, &a), -1); /* another's name */
        peers_note_name(p, &two, &b, 1);
        assert_int_equal(peers_is_named(p, &two, &b), 1);
        assert_int_equal(peers_is_named(p, &two, &a), -1); /* a hello does not say that names are asked for */
        answer(p, "2001:db8::1", 7, 0, 1);                 /* an answer without addresses does */
        assert_int_equal(peers_is_named(p, &v6, &a), 0);
        assert_int_equal(peers_is_named(p, &sister, &a), 0); /* the same /64 */
        close_peers(p);
}

/* More names than there is room for: the oldest go, memory stays. */
static void test_flood(void **unused)
{
        struct addr one = address("10.0.0.5"), old = outside(0), new = outside(3999999);
        struct peers *p = open_peers();

        (void) unused;
        for (uint32_t i = 0; i < 4000; i++)
                answer(p, "10.0.0.5", i * 1000, 1000, i + 1);
        assert_int_equal(p->names.inserted, 4000000);
        assert_true(p->names.inserted - p->names.evicted <= PEERS_NAMES);
        assert_int_equal(peers_is_named(p, &one, &old), 0);
        assert_int_equal(peers_is_named(p, &one, &new), 1);
        close_peers(p);
}

static void test_rarity(void **unused)
{
        struct addr peer = outside(9), other = outside(10);
        struct peers *p = open_peers();

        (void) unused;
        assert_int_equal(peers_count_users(p, &peer), 1); /* who asks */
        for (uint32_t i = 0; i < 40; i++) {
                struct addr host = addr_from_v4(htonl(0x0a000000u + i));

                peers_note_contact(p, &host, i < 3 ? &peer : &other, i + 1);
                peers_note_contact(p, &host, i < 3 ? &peer : &other, i + 1);
        }
        assert_in_range(peers_count_users(p, &peer), 2, 3);
        assert_in_range(peers_count_users(p, &other), 20, 37);
        assert_in_range(peers_count_hosts(p), 33, 40);
        close_peers(p);
        assert_true(peers_is_rare(1, 8) && peers_is_rare(2, 16));
        assert_false(peers_is_rare(1, 7) || peers_is_rare(2, 15) || peers_is_rare(3, 256));
        assert_true(peers_may_be_rare(1, 1) && peers_may_be_rare(2, 2) && peers_may_be_rare(3, 24));
        assert_false(peers_may_be_rare(3, 23) || peers_may_be_rare(16, 256));
}

static void test_outside(void **unused)
{
        static const char *const inside[] = {"10.1.2.3", "192.168.0.1", "127.0.0.1", "224.0.0.1",
                                             "0.0.0.0",  "169.254.1.1", "fe80::1",   "255.255.255.255"};
        struct addr a = outside(5);
        struct peers *p = open_peers();

        (void) unused;
        assert_true(peers_is_outside(p, &a));
        for (size_t i = 0; i < ELEMENTSOF(inside); i++) {
                a = address(inside[i]);
                assert_false(peers_is_outside(p, &a));
        }
        close_peers(p);
}

static void test_addresses(void **unused)
{
        static const struct {
                const char *host;
                bool address;
        } cases[] = {{"203.0.113.9", true},          {"203.0.113.9:8080", true}, {"[2001:db8::1]:80", true}, {"", true},
                     {"203.0.113.9.example", false}, {"1e100", false},           {"www.example", false}};

        (void) unused;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_int_equal(peers_is_address(cases[i].host, strlen(cases[i].host)), cases[i].address);
}

static void test_services(void **unused)
{
        static const uint16_t yes[] = {0, 22, 80, 443, 873, 1023, 1080, 1935, 3389, 8080, 27017, 55415};
        static const uint16_t no[] = {1024, 1337, 4444, 4782, 6667, 7777, 31337, 55414, 65535};
        unsigned n = 0;

        (void) unused;
        for (size_t i = 0; i < ELEMENTSOF(yes); i++)
                assert_true(peers_is_service(yes[i]));
        for (size_t i = 0; i < ELEMENTSOF(no); i++)
                assert_false(peers_is_service(no[i]));
        for (unsigned port = 1024; port <= UINT16_MAX; port++)
                n += peers_is_service((uint16_t) port);
        assert_in_range(n, 80, 90); /* each of the list is found: it is sorted */
}

static void test_apps(void **unused)
{
        struct event e = {.type = EVENT_FLOW, .source = 16};
        struct peers *p = open_peers();

        (void) unused;
        peers_note_app(p, &e);
        assert_false(peers_is_unknown_app(p, &e));
        e.flow.app = APP_TLS;
        peers_note_app(p, &e);
        assert_false(peers_is_unknown_app(p, &e));
        e.flow.app = APP_UNKNOWN;
        assert_true(peers_is_unknown_app(p, &e));
        e.flow.app = APP_FILE;
        assert_true(peers_is_unknown_app(p, &e));
        e.source = 17;
        assert_false(peers_is_unknown_app(p, &e));
        e.source = UINT8_MAX;
        peers_note_app(p, &e);
        close_peers(p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),   cmocka_unit_test(test_flood),     cmocka_unit_test(test_rarity),
                cmocka_unit_test(test_outside), cmocka_unit_test(test_addresses), cmocka_unit_test(test_services),
                cmocka_unit_test(test_apps),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
