/* SPDX-License-Identifier: GPL-3.0-or-later */
/* forged_source: what counts, how it went out, who is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "detect/detector.h"

static struct evidence last;
static int claims;

static void emit(void *userdata, const struct evidence *e)
{
        (void) userdata;
        last = *e;
        claims++;
}

static void *detector(struct lineage *l)
{
        _cleanup_(config_freep)
        struct config *c = NULL;
        void *d = NULL;

        assert_int_equal(config_new_default(&c), 0);
        claims = 0;
        assert_int_equal(detector_find("forged_source")
                                 ->new (&(struct detector_params){.config = c, .lineage = l, .boot_id = {7}}, &d),
                         0);
        return d;
}

static struct event forged(const char *source, uint16_t family, bool bypass)
{
        struct event e = {.time = 5, .type = EVENT_SOCKET, .op = SOCKET_FORGED};

        e.socket.task = (struct task){.start = 30, .leader_start = 20, .pid = 2, .tid = 3};
        e.socket.family = family;
        e.socket.bypass = bypass;
        e.socket.count = 9;
        addr_parse(source, &e.socket.local);
        addr_parse("203.0.113.5", &e.socket.remote);
        return e;
}

static const char *text(const char *key)
{
        const struct fact *f = evidence_find_fact(&last, key);

        return f && f->type == FACT_TEXT ? f->text : "";
}

static void test_ways(void **state)
{
        static const struct {
                uint16_t family;
                bool bypass;
                const char *source, *via;
        } ways[] = {
                {AF_INET, false, "192.0.2.1", "raw socket"},
                {AF_INET6, false, "2001:db8::1", "raw socket"},
                {AF_PACKET, false, "192.0.2.1", "AF_PACKET"},
                {AF_PACKET, true, "192.0.2.1", "AF_PACKET past the queue"},
                {AF_XDP, false, "192.0.2.1", "AF_XDP"},
                {0, false, "192.0.2.1", "another socket"},
        };
        const struct detector *d = detector_find("forged_source");
        _cleanup_(lineage_freep)
        struct lineage *l = NULL;
        struct evidence_sink out = {.emit = emit};
        void *state_of;

        (void) state;
        assert_int_equal(lineage_new(&l), 0);
        state_of = detector(l);
        for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
                struct event e = forged(ways[i].source, ways[i].family, ways[i].bypass);

                d->event(state_of, &e, &out);
                assert_int_equal(claims, i + 1);
                assert_string_equal(text("via"), ways[i].via);
                assert_true(last.kind->conclusive);
                assert_int_equal(last.weight, 3000);
                assert_int_equal(last.subject.kind, SUBJECT_PROCESS);
                assert_int_equal(last.subject.pid, 2);
                assert_int_equal(last.subject.start, 20);
                assert_int_equal(last.subject.boot_id[0], 7);
                assert_int_equal(evidence_find_fact(&last, "sender")->process.task.tid, 3);
                assert_int_equal(evidence_find_fact(&last, "packets")->number, 9);
        }
        d->free(state_of);
}

static void test_not_claimed(void **state)
{
        const struct detector *d = detector_find("forged_source");
        _cleanup_(lineage_freep)
        struct lineage *l = NULL;
        struct evidence_sink out = {.emit = emit};
        struct event e = forged("0.0.0.0", AF_PACKET, false);
        void *state_of;

        (void) state;
        assert_int_equal(lineage_new(&l), 0);
        state_of = detector(l);
        d->event(state_of, &e, &out);
        e = forged("::", AF_INET6, false);
        d->event(state_of, &e, &out);
        e = forged("192.0.2.1", AF_PACKET, false);
        e.op = SOCKET_PACKET;
        d->event(state_of, &e, &out);
        assert_int_equal(claims, 0);
        /* nobody to name: then the machine itself */
        e.op = SOCKET_FORGED;
        e.socket.task = (struct task){0};
        d->event(state_of, &e, &out);
        assert_int_equal(claims, 1);
        assert_int_equal(last.subject.kind, SUBJECT_HOST);
        assert_null(evidence_find_fact(&last, "sender"));
        d->free(state_of);
}

static void test_story(void **state)
{
        const struct detector *d = detector_find("forged_source");
        _cleanup_(lineage_freep)
        struct lineage *l = NULL;
        struct evidence_sink out = {.emit = emit};
        struct event e = forged("192.0.2.1", AF_PACKET, true);
        char story[2000];
        struct buf b = BUF_FIXED(story);
        void *state_of;

        (void) state;
        assert_int_equal(lineage_new(&l), 0);
        state_of = detector(l);
        d->event(state_of, &e, &out);
        d->explain(&last, &b);
        assert_non_null(strstr(story, "Thread 3 of process 2 ("));
        assert_non_null(strstr(story, "192.0.2.1"));
        assert_non_null(strstr(story, "203.0.113.5"));
        assert_non_null(strstr(story, "AF_PACKET past the queue"));
        d->free(state_of);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_ways), cmocka_unit_test(test_not_claimed),
                                           cmocka_unit_test(test_story)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
