/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is outside, and which addresses are our own. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/outside.h"

static struct flow_event flow(const char *local, uint16_t lport, const char *remote, uint16_t rport, uint8_t proto)
{
        struct flow_event f = {.local_port = lport, .remote_port = rport, .proto = proto, .netns = 1};

        assert_int_equal(addr_parse(local, &f.local), 0);
        assert_int_equal(addr_parse(remote, &f.remote), 0);
        return f;
}

static struct outside *make(void)
{
        _cleanup_(config_freep)
        struct config *c = NULL;
        static const char yaml[] = "server_like:\n  inside: [198.18.0.0/15]\n  resolvers: [192.0.2.53]\n";
        struct outside *o = NULL;

        assert_int_equal(config_new_default(&c), 0);
        assert_int_equal(config_parse(c, "test", yaml, sizeof(yaml) - 1, NULL), 0);
        assert_int_equal(outside_new(c, &o), 0);
        return o; /* and the configuration is gone */
}

static enum outside_class where(struct outside *o, const char *remote, uint16_t port, uint8_t proto)
{
        struct flow_event f = flow("10.0.0.2", 40000, remote, port, proto);

        return outside_flow(o, &f);
}

static void test_classes(void **state)
{
        _cleanup_(outside_freep)
        struct outside *o = make();
        struct flow_event f;

        (void) state;
        assert_int_equal(where(o, "203.0.113.1", 80, IPPROTO_TCP), OUTSIDE_YES);
        assert_int_equal(where(o, "10.0.0.3", 80, IPPROTO_TCP), OUTSIDE_YES); /* private is outside */
        assert_int_equal(where(o, "fe80::1", 80, IPPROTO_TCP), OUTSIDE_YES);
        assert_int_equal(where(o, "10.0.0.2", 80, IPPROTO_TCP), OUTSIDE_NOT);
        assert_int_equal(where(o, "127.0.0.5", 80, IPPROTO_TCP), OUTSIDE_NOT);
        assert_int_equal(where(o, "::1", 80, IPPROTO_TCP), OUTSIDE_NOT);
        assert_int_equal(where(o, "0.0.0.0", 80, IPPROTO_TCP), OUTSIDE_NOT);
        assert_int_equal(where(o, "ff02::fb", 5353, IPPROTO_UDP), OUTSIDE_NOT);
        assert_int_equal(where(o, "255.255.255.255", 9, IPPROTO_UDP), OUTSIDE_NOT);
        assert_int_equal(where(o, "198.19.255.255", 80, IPPROTO_TCP), OUTSIDE_NOT);
        assert_int_equal(where(o, "198.20.0.0", 80, IPPROTO_TCP), OUTSIDE_YES);
        assert_int_equal(where(o, "192.0.2.53", 53, IPPROTO_UDP), OUTSIDE_PLUMBING);
        assert_int_equal(where(o, "192.0.2.53", 53, IPPROTO_TCP), OUTSIDE_PLUMBING);
        assert_int_equal(where(o, "192.0.2.53", 80, IPPROTO_TCP), OUTSIDE_YES);
        assert_int_equal(where(o, "192.0.2.54", 53, IPPROTO_UDP), OUTSIDE_YES); /* no name server of ours */
        f = flow("10.0.0.2", 68, "203.0.113.1", 67, IPPROTO_UDP);
        assert_int_equal(outside_flow(o, &f), OUTSIDE_PLUMBING);
        f.local_port = 4000;
        assert_int_equal(outside_flow(o, &f), OUTSIDE_YES);
        f.flags = FLOW_NO_PEER;
        assert_int_equal(outside_flow(o, &f), OUTSIDE_NO_PEER);
}

static void test_own(void **state)
{
        _cleanup_(outside_freep)
        struct outside *o = make();
        struct flow_event f = flow("10.0.0.9", 40000, "203.0.113.1", 80, IPPROTO_TCP);
        struct table_stats stats;

        (void) state;
        /* asked only: anyone may bind a foreign address */
        outside_flow(o, &f);
        assert_false(outside_is_own(o, 1, &f.local));
        /* raw: anyone may write one */
        f.state = FLOW_STATE_ESTABLISHED;
        f.flags = FLOW_RAW;
        outside_flow(o, &f);
        assert_false(outside_is_own(o, 1, &f.local));
        f.flags = 0;
        outside_flow(o, &f);
        assert_true(outside_is_own(o, 1, &f.local));
        assert_false(outside_is_own(o, 2, &f.local));
        assert_int_equal(where(o, "10.0.0.9", 80, IPPROTO_TCP), OUTSIDE_NOT);
        /* bounded */
        for (unsigned i = 0; i < 3 * OUTSIDE_OWN_MAX; i++) {
                f.local.b[14] = (uint8_t) (i >> 8);
                f.local.b[15] = (uint8_t) i;
                f.netns = 7;
                outside_flow(o, &f);
        }
        outside_get_stats(o, &stats);
        assert_int_equal(stats.used, OUTSIDE_OWN_MAX);
        assert_true(stats.evicted > 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_classes), cmocka_unit_test(test_own)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
