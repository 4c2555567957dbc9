/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Profiles of the engine in its store: a minute after a change, a few at a time, all at the end, and back at the next
 * start. No process, no clock: engine time is what the events say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdlib.h>

#include "daemon/engine_profile.c"

#define T0 (1700000000 * NSEC_PER_SEC)

struct rig {
        struct config *config;
        struct daemon_params daemon;
        struct engine engine;
};

static void start(struct rig *r)
{
        struct analysis_params p = {.config = r->config};

        assert_int_equal(analysis_new(&p, &r->engine.analysis), 0);
}

static int begin(void **state)
{
        struct rig *r = calloc(1, sizeof(*r));

        assert_int_equal(config_new_default(&r->config), 0);
        r->daemon.config = r->config;
        r->engine.daemon = &r->daemon;
        r->engine.config = r->config;
        assert_int_equal(store_open(&(struct store_params){0}, &r->engine.keeper.store, NULL), 0);
        start(r);
        *state = r;
        return 0;
}

static int end(void **state)
{
        struct rig *r = *state;

        analysis_free(r->engine.analysis);
        store_close(r->engine.keeper.store);
        config_free(r->config);
        free(r);
        return 0;
}

static void talk(struct rig *r, uint32_t host, nsec_t time)
{
        struct event e = {.time = time, .type = EVENT_FLOW, .op = FLOW_END};

        e.flow.local = addr_from_v4(htonl(0x0a000000 + host));
        e.flow.remote = addr_from_v4(htonl(0xcb000001));
        e.flow.remote_port = 443;
        e.flow.proto = IPPROTO_TCP;
        e.flow.origin = FLOW_ORIGINATED;
        e.flow.state = FLOW_STATE_CLOSED;
        e.flow.since = time;
        analysis_event(r->engine.analysis, &e);
}

static int count_row(void *userdata, nsec_t last, const void *data, size_t len)
{
        (void) last;
        (void) data;
        (void) len;
        ++*(unsigned *) userdata;
        return 0;
}

static unsigned stored(struct rig *r)
{
        unsigned n = 0;

        assert_int_equal(
                store_read_profiles(r->engine.keeper.store, &(struct store_profiles){.row = count_row, .userdata = &n}),
                0);
        return n;
}

static void test_a_minute_later(void **state)
{
        struct rig *r = *state;

        talk(r, 1, T0);
        talk(r, 2, T0 + 30 * NSEC_PER_SEC);
        engine_profile_store(&r->engine, false);
        assert_int_equal(stored(r), 0);
        analysis_advance(r->engine.analysis, T0 + 61 * NSEC_PER_SEC);
        engine_profile_store(&r->engine, false);
        assert_int_equal(stored(r), 1);
        assert_true(r->engine.keeper.dirty);
        engine_profile_store(&r->engine, true);
        assert_int_equal(stored(r), 2);
}

static void test_a_few_at_a_time(void **state)
{
        struct rig *r = *state;

        for (uint32_t h = 0; h < 250; h++)
                talk(r, h, T0);
        analysis_advance(r->engine.analysis, T0 + 61 * NSEC_PER_SEC);
        engine_profile_store(&r->engine, false);
        assert_int_equal(stored(r), WRITE_ONCE);
        engine_profile_store(&r->engine, false);
        engine_profile_store(&r->engine, false);
        assert_int_equal(stored(r), 250);
}

static void test_comes_back(void **state)
{
        struct rig *r = *state;
        struct profile_record record;
        struct profile_stats stats;
        struct addr host = addr_from_v4(htonl(0x0a000001));

        talk(r, 1, T0);
        talk(r, 1, T0 + NSEC_PER_SEC);
        talk(r, 2, T0 + NSEC_PER_SEC);
        engine_profile_store(&r->engine, true);
        assert_int_equal(store_put_profile(r->engine.keeper.store, &host, 1, "no profile", 10), 0);
        talk(r, 1, T0 + 2 * NSEC_PER_SEC);
        engine_profile_store(&r->engine, true);
        host.b[15] = 9;
        assert_int_equal(store_put_profile(r->engine.keeper.store, &host, 1, "no profile", 10), 0);
        analysis_free(r->engine.analysis);
        r->engine.analysis = NULL;
        start(r);
        engine_profile_resume(&r->engine);
        profile_get_stats(analysis_profile(r->engine.analysis), &stats);
        assert_int_equal(stats.hosts.used, 2); /* what is no profile is passed over */
        talk(r, 1, T0 + 3 * NSEC_PER_SEC);
        host.b[15] = 1;
        assert_true(profile_get(analysis_profile(r->engine.analysis), &host, &record));
        assert_int_equal(record.services[0].sessions, 4);
        /* Out and in again by the wall clock: two looks at it are not taken at once. */
        assert_in_range(record.services[0].first, T0 - NSEC_PER_MSEC, T0 + NSEC_PER_MSEC);
}

static void test_nothing_on_disk(void **state)
{
        struct rig *r = *state;

        r->daemon.memory_store = true;
        talk(r, 1, T0);
        engine_profile_store(&r->engine, true);
        assert_int_equal(stored(r), 0);
        r->daemon.memory_store = false;
        r->engine.keeper.failing = true; /* the disk is full: it waits */
        engine_profile_store(&r->engine, true);
        assert_int_equal(stored(r), 0);
        r->engine.keeper.failing = false;
        engine_profile_store(&r->engine, true);
        assert_int_equal(stored(r), 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_a_minute_later, begin, end),
                cmocka_unit_test_setup_teardown(test_a_few_at_a_time, begin, end),
                cmocka_unit_test_setup_teardown(test_comes_back, begin, end),
                cmocka_unit_test_setup_teardown(test_nothing_on_disk, begin, end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
