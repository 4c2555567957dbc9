/* SPDX-License-Identifier: GPL-3.0-or-later */
/* profile_change, through the analysis that keeps the profile: what must be known before it speaks, what is far beyond,
 * whom it blames, and that it never makes a suspect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>

#include "detect/detector.h"
#include "verdict/analysis.h"

#define T0   (1700000000 * NSEC_PER_SEC)
#define MIN_ (60 * NSEC_PER_SEC)
#define HOUR (60 * MIN_)

struct host {
        struct config *config;
        struct analysis *analysis;
        nsec_t now;
        unsigned claims;
        struct evidence last;
        enum level worst;
        int32_t score;
        struct task task;
        uint64_t flows;
};

static void on_claim(void *userdata, const struct evidence *e, const struct config_exception *x,
                     const struct verdict *before, const struct verdict *after)
{
        struct host *h = userdata;

        (void) x;
        (void) before;
        if (strncmp(e->kind->name, "profile_change.", 15) != 0 ||
            (after->subject.kind == SUBJECT_HOST && addr_is_unspecified(&after->subject.addr)))
                return; /* this machine repeats its processes */
        h->claims++;
        h->last = *e;
        h->worst = MAX(h->worst, after->level);
        h->score = MAX(h->score, after->score);
}

static int begin(void **state)
{
        static const char only[] = "scan: {enabled: false}\nmass_mail: {enabled: false}\nbeacon: {enabled: false}\n"
                                   "server_like: {enabled: false}\ndns_anomaly: {enabled: false}\n"
                                   "spam_proxy: {enabled: false}\nflood: {enabled: false}\n";
        struct host *h = calloc(1, sizeof(*h));
        struct analysis_params params = {.sink = {.claim = on_claim, .userdata = h}};

        h->now = T0;
        assert_int_equal(config_new_default(&h->config), 0);
        assert_int_equal(config_parse(h->config, "t", only, strlen(only), NULL), 0);
        params.config = h->config;
        assert_int_equal(analysis_new(&params, &h->analysis), 0);
        *state = h;
        return 0;
}

static int end(void **state)
{
        struct host *h = *state;

        analysis_free(h->analysis);
        config_free(h->config);
        free(h);
        return 0;
}

static struct event session(struct host *h, uint8_t app, uint16_t port, uint32_t peer, uint64_t out)
{
        struct event e = {.time = h->now, .type = EVENT_FLOW, .op = FLOW_END};

        (void) addr_parse("10.0.0.5", &e.flow.local);
        e.flow.remote = addr_from_v4(htonl(0xcb000000 + peer));
        e.flow.local_port = 40000;
        e.flow.remote_port = port;
        e.flow.proto = app == APP_DNS ? IPPROTO_UDP : IPPROTO_TCP;
        e.flow.app = app;
        e.flow.origin = FLOW_ORIGINATED;
        e.flow.state = FLOW_STATE_CLOSED;
        e.flow.bytes_out = out;
        e.flow.bytes_in = 1000;
        e.flow.since = h->now - NSEC_PER_SEC;
        e.flow.flow_id = ++h->flows;
        e.flow.task = h->task;
        return e;
}

static void talk(struct host *h, unsigned times, nsec_t every, uint8_t app, uint16_t port, unsigned peers, uint64_t out)
{
        for (unsigned i = 0; i < times; i++, h->now += every) {
                struct event e = session(h, app, port, i % peers, out);

                analysis_event(h->analysis, &e);
        }
}

static void test_history_is_wanted(void **state)
{
        struct host *h = *state;

        talk(h, 130, 10 * MIN_, APP_TLS, 443, 5, 20000); /* 21 hours */
        talk(h, 20, MIN_, APP_TLS, 443, 5, 90000000);
        assert_int_equal(h->claims, 0);
        end(state);
        begin(state);
        h = *state;
        talk(h, 10, 3 * HOUR, APP_TLS, 443, 5, 20000); /* a day, but few sessions */
        talk(h, 20, MIN_, APP_TLS, 443, 5, 90000000);
        assert_int_equal(h->claims, 0);
        end(state);
        begin(state);
        h = *state;
        talk(h, 15, MIN_, APP_TLS, 443, 5, 20000); /* a day, but one hour of use on each of two days */
        h->now += 30 * HOUR;
        talk(h, 15, MIN_, APP_TLS, 443, 5, 20000);
        h->now += HOUR;
        talk(h, 20, MIN_, APP_TLS, 443, 5, 90000000);
        assert_int_equal(h->claims, 0);
}

static void test_volume(void **state)
{
        struct host *h = *state;
        struct event e;

        talk(h, 200, 10 * MIN_, APP_TLS, 443, 5, 1000000);
        talk(h, 1, HOUR, APP_TLS, 443, 5, 40000000); /* beyond the others, but little */
        assert_int_equal(h->claims, 0);
        talk(h, 1, HOUR, APP_TLS, 443, 5, 200000000); /* much, but not eight times the busiest hour */
        assert_int_equal(h->claims, 0);
        talk(h, 4, MIN_, APP_TLS, 443, 5, 700000000);
        assert_int_equal(h->claims, 1);
        assert_string_equal(h->last.kind->name, "profile_change.volume");
        assert_string_equal(evidence_find_fact(&h->last, "service")->text, "tls");
        assert_in_range(evidence_find_fact(&h->last, "busiest_hour")->number, 195000000, 205000000);
        assert_int_equal(h->last.subject.kind, SUBJECT_HOST);
        /* Now it is the profile: the next night is nothing new. */
        h->now += 20 * HOUR;
        talk(h, 4, MIN_, APP_TLS, 443, 5, 700000000);
        /* Before it has ended, too. */
        h->now += 20 * HOUR;
        e = session(h, APP_TLS, 443, 1, 2800000000);
        e.op = FLOW_UPDATE;
        analysis_event(h->analysis, &e);
        assert_int_equal(h->claims, 1);
        e.flow.bytes_out = 90000000000;
        analysis_event(h->analysis, &e);
        assert_int_equal(h->claims, 2);
}

static void test_what_was_sent_to_us_is_no_volume(void **state)
{
        struct host *h = *state;
        struct event e;

        talk(h, 200, 10 * MIN_, APP_TLS, 443, 5, 1000);
        e = session(h, APP_TLS, 443, 1, 1000);
        e.flow.bytes_in = 1ull << 40;
        analysis_event(h->analysis, &e);
        assert_int_equal(h->claims, 0);
}

static void test_names_and_mail(void **state)
{
        struct host *h = *state;

        talk(h, 200, 10 * MIN_, APP_DNS, 53, 2, 40);
        talk(h, 400, NSEC_PER_SEC, APP_DNS, 53, 2, 40);
        assert_int_equal(h->claims, 0);
        h->now += HOUR;
        talk(h, 9000, 100 * NSEC_PER_MSEC, APP_DNS, 53, 2, 40);
        assert_int_equal(h->claims, 1);
        assert_string_equal(h->last.kind->name, "profile_change.names");
        talk(h, 200, 10 * MIN_, APP_SMTP, 25, 1, 9000);
        talk(h, 300, NSEC_PER_SEC, APP_SMTP, 25, 300, 9000);
        assert_string_equal(h->last.kind->name, "profile_change.mail");
        talk(h, 200, 10 * MIN_, APP_UNKNOWN, 8333, 3, 9000);
        talk(h, 900, NSEC_PER_SEC, APP_UNKNOWN, 8333, 3, 9000); /* often, but the same peers */
        assert_string_equal(h->last.kind->name, "profile_change.mail");
        talk(h, 300, NSEC_PER_SEC, APP_UNKNOWN, 8333, 300, 9000);
        assert_string_equal(h->last.kind->name, "profile_change.peers");
        assert_string_equal(evidence_find_fact(&h->last, "service")->text, "tcp/8333");
}

/* Whatever it says, all at once. */
static void test_never_suspect(void **state)
{
        static const struct {
                uint8_t app;
                uint16_t port;
        } services[] = {{APP_TLS, 443}, {APP_DNS, 53}, {APP_SMTP, 25}, {APP_UNKNOWN, 8333}};
        struct host *h = *state;

        for (unsigned i = 0; i < ELEMENTSOF(services); i++)
                talk(h, 200, 10 * MIN_, services[i].app, services[i].port, 3, 1000);
        for (unsigned round = 0; round < 3; round++, h->now += HOUR)
                for (unsigned i = 0; i < ELEMENTSOF(services); i++)
                        talk(h, 5000u << 2 * round, 20 * NSEC_PER_MSEC, services[i].app, services[i].port, 3000,
                             500000ull << 4 * round);
        assert_true(h->claims >= 4);
        assert_true(h->score > 700);
        assert_true(h->worst < LEVEL_SUSPECT);
        assert_true(h->score < h->config->verdict.suspect);
}

static void test_processes(void **state)
{
        struct host *h = *state;

        talk(h, 200, 10 * MIN_, APP_TLS, 443, 5, 100000);
        h->task = (struct task){5, 5, 100, 100};
        talk(h, 1, MIN_, APP_TLS, 443, 5, 9000000000);
        assert_int_equal(h->claims, 1);
        assert_int_equal(h->last.subject.kind, SUBJECT_PROCESS);
        assert_int_equal(h->last.subject.pid, 100);
        /* Another one that asks by the same service at the same time is not meant. */
        h->task = (struct task){6, 6, 101, 101};
        talk(h, 5, MIN_, APP_TLS, 443, 5, 2000);
        talk(h, 500, NSEC_PER_SEC, APP_TLS, 443, 400, 2000);
        assert_int_equal(h->claims, 1);
}

static void test_explained(void **state)
{
        struct host *h = *state;
        struct buf out = BUF_HEAP(8192);

        talk(h, 200, 10 * MIN_, APP_DNS, 53, 2, 40);
        talk(h, 600, NSEC_PER_SEC, APP_DNS, 53, 2, 40);
        detector_find("profile_change")->explain(&h->last, &out);
        assert_non_null(strstr(buf_str(&out), "By dns it had 500 sessions within the hour up to "));
        assert_non_null(
                strstr(buf_str(&out), "Its busiest hour before had 6, a usual one 6; it has used the service for "));
        buf_done(&out);
}

/* Without a profile, and with hostile events: nothing. */
static void test_storm(void **state)
{
        struct host *h = *state;
        uint64_t x = 88172645463325252u;
        struct evidence_sink none = {0};
        void *alone = NULL;
        const struct detector *d = detector_find("profile_change");

        assert_int_equal(d->new (&(struct detector_params){.config = h->config}, &alone), 0);
        for (unsigned i = 0; i < 200000; i++) {
                struct event e;

                for (size_t b = 0; b + 8 <= sizeof(e); b += 8) {
                        x ^= x << 13;
                        x ^= x >> 7;
                        x ^= x << 17;
                        memcpy((char *) &e + b, &x, 8);
                }
                e.type = EVENT_FLOW;
                e.op = x >> 8 & 3;
                e.time = h->now += (nsec_t) (x % (200 * NSEC_PER_SEC));
                if (i % 3)
                        (void) addr_parse("10.0.0.5", &e.flow.local);
                e.flow.task = (struct task){0};
                d->event(alone, &e, &none);
                analysis_event(h->analysis, &e);
        }
        d->free(alone);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_history_is_wanted, begin, end),
                cmocka_unit_test_setup_teardown(test_volume, begin, end),
                cmocka_unit_test_setup_teardown(test_what_was_sent_to_us_is_no_volume, begin, end),
                cmocka_unit_test_setup_teardown(test_names_and_mail, begin, end),
                cmocka_unit_test_setup_teardown(test_never_suspect, begin, end),
                cmocka_unit_test_setup_teardown(test_processes, begin, end),
                cmocka_unit_test_setup_teardown(test_explained, begin, end),
                cmocka_unit_test_setup_teardown(test_storm, begin, end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
