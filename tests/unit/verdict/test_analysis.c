/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pipeline's middle: engine time, ticks, who counts as seen, a new configuration. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "verdict/analysis.h"

#define S  NSEC_PER_SEC
#define T0 (1700000000 * S)

static int claims;
static struct verdict worst;

static void on_claim(void *userdata, const struct evidence *e, const struct config_exception *x,
                     const struct verdict *before, const struct verdict *after)
{
        (void) userdata;
        (void) e;
        (void) x;
        (void) before;
        claims++;
        if (after->level >= worst.level)
                worst = *after;
}

static struct config *settings(const char *yaml)
{
        struct config *c = NULL;

        assert_int_equal(config_new_default(&c), 0);
        assert_int_equal(config_parse(c, "test", yaml, strlen(yaml), NULL), 0);
        return c;
}

static struct analysis *make(const struct config *c)
{
        struct analysis_params params = {.config = c, .sink = {.claim = on_claim}};
        struct analysis *a = NULL;

        claims = 0;
        worst = (struct verdict){0};
        assert_int_equal(analysis_new(&params, &a), 0);
        return a;
}

static struct event talk(nsec_t t, uint8_t op, uint32_t pid, uint64_t id, const char *peer)
{
        struct event e = {.time = t, .type = EVENT_FLOW, .op = op};

        e.flow.task = (struct task){pid, pid, pid, pid};
        e.flow.flow_id = id;
        e.flow.local_port = 40000;
        e.flow.remote_port = 80;
        e.flow.local = addr_from_v4(htonl(0x0a000002));
        assert_int_equal(addr_parse(peer, &e.flow.remote), 0);
        e.flow.proto = IPPROTO_TCP;
        e.flow.origin = FLOW_ORIGINATED;
        e.flow.state = FLOW_STATE_ESTABLISHED;
        return e;
}

static struct event forged(nsec_t t)
{
        struct event e = {.time = t, .type = EVENT_SOCKET, .op = SOCKET_FORGED};

        e.socket.task = (struct task){5, 5, 5, 5};
        e.socket.family = AF_PACKET;
        addr_parse("192.0.2.1", &e.socket.local);
        addr_parse("192.0.2.2", &e.socket.remote);
        return e;
}

static void test_time(void **state)
{
        _cleanup_(config_freep)
        struct config *c = settings("");
        _cleanup_(analysis_freep)
        struct analysis *a = make(c);
        struct event e = talk(T0, FLOW_START, 5, 1, "203.0.113.1");

        (void) state;
        analysis_event(a, &e);
        assert_int_equal(analysis_now(a), T0);
        e.time = T0 - 5 * S;
        analysis_event(a, &e);
        assert_int_equal(analysis_now(a), T0);
        assert_int_equal(analysis_backward(a), 1);
        analysis_advance(a, T0 - S);
        assert_int_equal(analysis_now(a), T0);
        assert_int_equal(analysis_backward(a), 1);
        analysis_advance(a, T0 + 3600 * S);
        assert_int_equal(analysis_now(a), T0 + 3600 * S);
        e.time = INT64_MAX;
        analysis_event(a, &e);
        assert_int_equal(analysis_now(a), INT64_MAX / 2);
        e.time = INT64_MIN;
        e.type = 250;
        analysis_event(a, &e);
        assert_int_equal(analysis_backward(a), 2);
}

/* A claim that comes late is made at engine time. */
static void test_clamped_claim(void **state)
{
        _cleanup_(config_freep)
        struct config *c = settings("");
        _cleanup_(analysis_freep)
        struct analysis *a = make(c);
        struct event e = forged(T0 - S);

        (void) state;
        analysis_advance(a, T0);
        analysis_event(a, &e);
        assert_true(claims > 0);
        assert_int_equal(worst.level, LEVEL_BOT);
        assert_true(worst.time >= T0);
}

static void test_seen(void **state)
{
        _cleanup_(config_freep)
        struct config *c = settings("");
        _cleanup_(analysis_freep)
        struct analysis *a = make(c);
        struct subject s = {.kind = SUBJECT_PROCESS, .pid = 5, .start = 5}, self = {.kind = SUBJECT_HOST};
        struct verdict v;
        struct event e;

        (void) state;
        e = talk(T0, FLOW_START, 5, 1, "127.0.0.1");
        analysis_event(a, &e);
        assert_false(ledger_verdict(analysis_ledger(a), &s, T0, &v));
        e = talk(T0, FLOW_START, 5, 1, "203.0.113.1");
        analysis_event(a, &e);
        assert_true(ledger_verdict(analysis_ledger(a), &s, T0, &v));
        assert_int_equal(v.level, LEVEL_UNKNOWN);
        for (unsigned i = 0; i < LEDGER_ENOUGH; i++)
                analysis_event(a, &e);
        assert_true(ledger_verdict(analysis_ledger(a), &s, T0, &v));
        assert_int_equal(v.level, LEVEL_CLEAR);
        assert_true(ledger_verdict(analysis_ledger(a), &self, T0, &v));
        assert_int_equal(v.level, LEVEL_CLEAR);
}

static void test_switched_off(void **state)
{
        _cleanup_(config_freep)
        struct config *off = settings("forged_source:\n  enabled: false\n");
        _cleanup_(config_freep)
        struct config *on = settings("");
        _cleanup_(analysis_freep)
        struct analysis *a = make(off);
        struct event e = forged(T0);

        (void) state;
        analysis_event(a, &e);
        assert_int_equal(claims, 0);
        assert_int_equal(analysis_set_config(a, on), 0);
        analysis_event(a, &e);
        assert_int_equal(claims, 2); /* the process, and the machine it runs on */
        assert_int_equal(analysis_set_config(a, off), 0);
        analysis_event(a, &e);
        assert_int_equal(claims, 2);
}

static void bot(struct analysis *a, nsec_t t)
{
        struct event e = {.time = t, .type = EVENT_PROCESS, .op = PROCESS_FORK};

        e.process.task = (struct task){10, 10, 10, 10};
        e.process.creator = (struct task){1, 1, 1, 1};
        analysis_event(a, &e);
        e = talk(t, FLOW_START, 10, 1, "192.0.2.1");
        analysis_event(a, &e);
        e = talk(t + 60 * S, FLOW_PUSH, 10, 1, "192.0.2.1");
        analysis_event(a, &e);
}

static void work(struct analysis *a, nsec_t t)
{
        struct event e = {.time = t, .type = EVENT_PROCESS, .op = PROCESS_FORK};

        e.process.task = (struct task){11, 11, 11, 11};
        e.process.creator = (struct task){10, 10, 10, 10};
        analysis_event(a, &e);
        e = talk(t, FLOW_START, 11, 2, "198.51.100.1");
        analysis_event(a, &e);
}

/* What a detector knows survives a reload that does not concern it, and the old configuration may go. */
static void test_reload(void **state)
{
        struct config *first = settings("verdict:\n  suspect: 10.0\n");
        _cleanup_(config_freep)
        struct config *second = settings("verdict:\n  suspect: 11.0\n");
        _cleanup_(analysis_freep)
        struct analysis *a = make(first);

        (void) state;
        bot(a, T0);
        assert_int_equal(analysis_set_config(a, second), 0);
        config_free(first);
        work(a, T0 + 60 * S);
        assert_int_equal(worst.level, LEVEL_SUSPECT);
}

static void test_reload_changed(void **state)
{
        _cleanup_(config_freep)
        struct config *first = settings("");
        _cleanup_(config_freep)
        struct config *second = settings("server_like:\n  window: 5m\n");
        _cleanup_(analysis_freep)
        struct analysis *a = make(first);

        (void) state;
        bot(a, T0);
        assert_int_equal(analysis_set_config(a, second), 0);
        work(a, T0 + 60 * S);
        assert_int_equal(claims, 0); /* afresh: the conversation is not known any more */
        assert_non_null(lineage_find(analysis_lineage(a), &(struct task){10, 10, 10, 10}));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_time),   cmocka_unit_test(test_clamped_claim),
                cmocka_unit_test(test_seen),   cmocka_unit_test(test_switched_off),
                cmocka_unit_test(test_reload), cmocka_unit_test(test_reload_changed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
