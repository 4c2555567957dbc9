/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which matches become alerts: thresholds of each kind and tracking, suppression, rate filters, xbits, floods. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include <arpa/inet.h>

#include "rules/sift.h"
#include "rules/sift_internal.h"

#define T0 (1700000000 * NSEC_PER_SEC)
#define S  NSEC_PER_SEC

struct rig {
        struct sift *sift;
        unsigned told;
        uint64_t counts;
        struct event last;
        nsec_t now;
};

static void on_event(void *userdata, const struct event *e)
{
        struct rig *r = userdata;

        assert_true(r->told == 0 || e->time >= r->last.time);
        r->told++;
        r->counts += e->type == EVENT_ALERT ? e->alert.count : 0;
        r->last = *e;
}

static void open_rig(struct rig *r, uint32_t per_second)
{
        struct sift_params p = {.per_second = per_second, .event = on_event, .userdata = r};

        *r = (struct rig){.now = T0};
        assert_int_equal(sift_new(&p, &r->sift), 0);
}

static struct addr host(unsigned n)
{
        return addr_from_v4(htonl(0x0a000000u + n));
}

/* A match of what `from` sent to `to`; returns whether it was told. */
static bool match_port(struct rig *r, const struct rule *rule, unsigned from, unsigned to, uint16_t port)
{
        struct event e = {.time = r->now, .type = EVENT_ALERT, .op = ALERT_MATCHED};
        unsigned before = r->told;

        e.ends = (struct ends){.flow_id = 1 + MIN(from, to) * 1000 + MAX(from, to),
                               .local = host(from),
                               .remote = host(to),
                               .local_port = 40000,
                               .remote_port = port,
                               .from_local = 1};
        e.alert.rule = rule;
        e.alert.sid = rule->sid;
        e.alert.gid = rule->gid;
        e.alert.count = 1;
        sift_event(r->sift, &e);
        return r->told > before;
}

static bool match(struct rig *r, const struct rule *rule, unsigned from, unsigned to)
{
        return match_port(r, rule, from, to, 80);
}

/* Matches at these seconds, from 1 to 2: which are told, as a text of + and -. */
static void assert_told(const struct rule *rule, const char *seconds, const char *told)
{
        struct rig r;

        open_rig(&r, 0);
        for (size_t i = 0; seconds[i]; i++) {
                r.now = T0 + (seconds[i] - '0') * S;
                if (match(&r, rule, 1, 2) != (told[i] == '+'))
                        fail_msg("kind %u: match %zu of %s: not %c", rule->threshold.kind, i, seconds, told[i]);
        }
        assert_int_equal(strlen(seconds), strlen(told));
        sift_free(r.sift);
}

/* What Suricata's functions answer for the same times. */
static void test_kinds(void **unused)
{
        struct rule r = {.sid = 1, .gid = 1, .threshold = {.track = TRACK_SRC, .count = 2, .seconds = 3}};

        (void) unused;
        assert_told(&r, "0000", "++++");
        r.threshold.kind = THRESHOLD_LIMIT;
        assert_told(&r, "0001", "++--");
        assert_told(&r, "0003444", "++--++-"); /* at 3 still, at 4 a new window */
        r.threshold.kind = THRESHOLD_THRESHOLD;
        assert_told(&r, "00000", "-+-+-");
        assert_told(&r, "0445", "--+-"); /* the window of the fourth begins at 4 */
        r.threshold.kind = THRESHOLD_BOTH;
        assert_told(&r, "000012", "-+----");
        assert_told(&r, "00444", "-+-+-");
        r.threshold.kind = THRESHOLD_FILTER;
        assert_told(&r, "00000", "--+++");
        assert_told(&r, "0004444", "--+--++");
        r.threshold.count = 1;
        r.threshold.kind = THRESHOLD_THRESHOLD;
        assert_told(&r, "0123", "++++");
        r.threshold.kind = THRESHOLD_BOTH;
        assert_told(&r, "01235", "+---+");
        r.threshold =
                (struct rule_threshold){.kind = THRESHOLD_BACKOFF, .track = TRACK_FLOW, .count = 1, .multiplier = 3};
        assert_told(&r, "0123456789", "+-+-----+-");
}

static unsigned told_of(struct rig *r, const struct rule *rule, unsigned from, unsigned to, unsigned times)
{
        unsigned n = 0;

        for (unsigned i = 0; i < times; i++)
                n += match(r, rule, from, to);
        return n;
}

static void test_tracking(void **unused)
{
        struct rule limit = {.sid = 1,
                             .gid = 1,
                             .threshold = {.kind = THRESHOLD_LIMIT, .track = TRACK_SRC, .count = 1, .seconds = 60}};
        struct rule other = limit;
        struct rig r;

        (void) unused;
        open_rig(&r, 0);
        assert_int_equal(told_of(&r, &limit, 1, 2, 3), 1);
        assert_int_equal(told_of(&r, &limit, 1, 3, 3), 0);
        assert_int_equal(told_of(&r, &limit, 2, 1, 3), 1);
        other.sid = 2;
        assert_int_equal(told_of(&r, &other, 1, 2, 3), 1);
        other.sid = 3;
        other.threshold.track = TRACK_DST;
        assert_int_equal(told_of(&r, &other, 1, 2, 3), 1);
        assert_int_equal(told_of(&r, &other, 5, 2, 3), 0);
        assert_int_equal(told_of(&r, &other, 2, 5, 3), 1);
        other.sid = 4;
        other.threshold.track = TRACK_PAIR; /* either way */
        assert_int_equal(told_of(&r, &other, 1, 2, 3), 1);
        assert_int_equal(told_of(&r, &other, 2, 1, 3), 0);
        assert_int_equal(told_of(&r, &other, 1, 3, 3), 1);
        other.sid = 5;
        other.threshold.track = TRACK_RULE;
        assert_int_equal(told_of(&r, &other, 1, 2, 3), 1);
        assert_int_equal(told_of(&r, &other, 7, 8, 3), 0);
        other.sid = 6;
        other.threshold.track = TRACK_FLOW;
        assert_int_equal(told_of(&r, &other, 1, 2, 3), 1);
        assert_int_equal(told_of(&r, &other, 1, 9, 3), 1);
        sift_free(r.sift);
}

static void test_unique(void **unused)
{
        struct rule f = {.sid = 1,
                         .gid = 1,
                         .threshold = {.kind = THRESHOLD_FILTER,
                                       .track = TRACK_SRC,
                                       .unique = UNIQUE_DST_PORT,
                                       .count = 2,
                                       .seconds = 10}};
        struct rig r;

        (void) unused;
        open_rig(&r, 0);
        for (int i = 0; i < 5; i++)
                assert_false(match_port(&r, &f, 1, 2, 80));
        assert_false(match_port(&r, &f, 1, 2, 81));
        assert_false(match_port(&r, &f, 1, 3, 80));
        assert_true(match_port(&r, &f, 1, 2, 82));
        assert_false(match_port(&r, &f, 1, 2, 82)); /* not new */
        assert_true(match_port(&r, &f, 1, 2, 83));
        r.now += 11 * S; /* another window: all are new again */
        assert_false(match_port(&r, &f, 1, 2, 80));
        assert_false(match_port(&r, &f, 1, 2, 81));
        assert_true(match_port(&r, &f, 1, 2, 82));
        sift_free(r.sift);
}

static void test_suppress(void **unused)
{
        const struct rule_range_addr ranges[] = {{host(10), host(12)}, {host(20), host(20)}, {host(30), host(40)}};
        struct rule_suppress s = {.track = TRACK_SRC, .n_addrs = 3, .addrs = ranges};
        struct rule rule = {.sid = 1, .gid = 1, .suppress = &s, .n_suppress = 1};
        struct sift_stats k;
        struct rig r;

        (void) unused;
        open_rig(&r, 0);
        assert_true(match(&r, &rule, 9, 10));
        assert_false(match(&r, &rule, 10, 1));
        assert_false(match(&r, &rule, 12, 1));
        assert_true(match(&r, &rule, 13, 1));
        assert_false(match(&r, &rule, 20, 1));
        assert_true(match(&r, &rule, 21, 1));
        assert_false(match(&r, &rule, 35, 1));
        assert_true(match(&r, &rule, 41, 1));
        s.track = TRACK_DST;
        assert_false(match(&r, &rule, 9, 10));
        assert_true(match(&r, &rule, 10, 9));
        s.track = TRACK_PAIR;
        assert_false(match(&r, &rule, 9, 10));
        assert_false(match(&r, &rule, 10, 9));
        s.track = TRACK_RULE;
        assert_false(match(&r, &rule, 1, 2));
        sift_get_stats(r.sift, &k);
        assert_int_equal(k.matches, 13);
        assert_int_equal(k.suppressed, 8);
        assert_int_equal(k.told, 5);
        sift_free(r.sift);
}

static void test_rate_filter(void **unused)
{
        struct rule rule = {.sid = 1,
                            .gid = 1,
                            .rate = {.given = true,
                                     .track = TRACK_SRC,
                                     .action = RULE_PASS,
                                     .count = 3,
                                     .seconds = 10,
                                     .timeout = 20}};
        struct rig r;

        (void) unused;
        open_rig(&r, 0);
        assert_int_equal(told_of(&r, &rule, 1, 2, 10), 3); /* the fourth makes it pass */
        assert_int_equal(told_of(&r, &rule, 2, 1, 1), 1);
        r.now += 20 * S;
        assert_int_equal(told_of(&r, &rule, 1, 2, 5), 0);
        r.now += S; /* the time is over: this one is told, then counting begins anew */
        assert_int_equal(told_of(&r, &rule, 1, 2, 10), 4);
        rule.rate.action = RULE_DROP; /* changes nothing here */
        rule.sid = 2;
        assert_int_equal(told_of(&r, &rule, 1, 2, 10), 10);
        sift_free(r.sift);
}

static void test_xbits(void **unused)
{
        const struct rule_bit set = {.kind = BIT_X, .op = BIT_SET, .track = TRACK_SRC, .n_names = 1, .expire = 5};
        const struct rule_bit isset = {.kind = BIT_X, .op = BIT_ISSET, .track = TRACK_DST, .n_names = 1};
        const struct rule_bit isnot = {.kind = BIT_X, .op = BIT_ISNOTSET, .track = TRACK_DST, .n_names = 1};
        struct rule_bit change = set;
        struct rule setter = {.sid = 1, .gid = 1, .bits = &set, .n_bits = 1, .flags = RULE_NOALERT};
        struct rule reader = {.sid = 2, .gid = 1, .bits = &isset, .n_bits = 1, .n_bit_conditions = 1};
        struct rule absent = {.sid = 3, .gid = 1, .bits = &isnot, .n_bits = 1, .n_bit_conditions = 1};
        struct rule changer = {.sid = 4, .gid = 1, .bits = &change, .n_bits = 1};
        struct rig r;

        (void) unused;
        open_rig(&r, 0);
        assert_false(match(&r, &reader, 2, 1)); /* reads by destination what is not there yet */
        assert_true(match(&r, &absent, 2, 1));
        assert_false(match(&r, &setter, 1, 9)); /* host 1, silent */
        assert_true(match(&r, &reader, 2, 1));
        assert_false(match(&r, &reader, 1, 2));
        assert_false(match(&r, &absent, 2, 1));
        r.now += 5 * S;
        assert_true(match(&r, &reader, 2, 1));
        r.now += 1;
        assert_false(match(&r, &reader, 2, 1));
        change.op = BIT_TOGGLE;
        assert_true(match(&r, &changer, 1, 9));
        assert_true(match(&r, &reader, 2, 1));
        assert_true(match(&r, &changer, 1, 9));
        assert_false(match(&r, &reader, 2, 1));
        assert_false(match(&r, &setter, 1, 9));
        change.op = BIT_UNSET;
        assert_true(match(&r, &changer, 1, 9));
        assert_true(match(&r, &changer, 1, 9));
        assert_false(match(&r, &reader, 2, 1));
        /* bits change although the alert is suppressed */
        setter.flags = 0;
        setter.threshold =
                (struct rule_threshold){.kind = THRESHOLD_FILTER, .track = TRACK_SRC, .count = 9, .seconds = 9};
        assert_false(match(&r, &setter, 1, 9));
        assert_true(match(&r, &reader, 2, 1));
        sift_free(r.sift);
}

/* A thousand a second between two hosts are told as ten and one with their count; the other way round is another. */
static void test_flood(void **unused)
{
        struct rule rule = {.sid = 1, .gid = 1};
        struct sift_stats k;
        struct rig r;

        (void) unused;
        open_rig(&r, 10);
        for (unsigned i = 0; i < 3000; i++) {
                match(&r, &rule, 1, 2);
                r.now += S / 1000;
        }
        match(&r, &rule, 2, 1);
        assert_int_equal(r.told, 3 * 10 + 3 + 1);
        assert_int_equal(r.counts, 3001);
        sift_get_stats(r.sift, &k);
        assert_int_equal(k.merged, 3 * 990);
        assert_int_equal(k.matches, 3001);
        /* what waits at the end is told, once */
        for (unsigned i = 0; i < 50; i++)
                match(&r, &rule, 1, 2);
        sift_advance(r.sift, r.now);
        assert_int_equal(r.counts, 3011);
        sift_flush(r.sift, r.now);
        assert_int_equal(r.counts, 3051);
        assert_int_equal(r.last.alert.count, 40);
        sift_flush(r.sift, r.now + S);
        sift_advance(r.sift, r.now + 5 * S);
        assert_int_equal(r.counts, 3051);
        sift_free(r.sift);
}

/* More pairs than there is room for: nothing is lost but the merging. */
static void test_many_pairs(void **unused)
{
        struct rule rule = {.sid = 1, .gid = 1};
        struct sift_stats k;
        struct rig r;

        (void) unused;
        open_rig(&r, 1);
        for (unsigned round = 0; round < 3; round++)
                for (unsigned i = 0; i < 2 * SIFT_MERGED; i++)
                        match(&r, &rule, i, 100000);
        sift_flush(r.sift, r.now);
        assert_int_equal(r.counts, 6 * SIFT_MERGED);
        sift_get_stats(r.sift, &k);
        assert_true(k.bytes > 0);
        sift_free(r.sift);
}

static void test_others_pass(void **unused)
{
        struct event e = {.time = T0, .type = EVENT_FLOW};
        struct rig r;

        (void) unused;
        open_rig(&r, 1);
        for (int i = 0; i < 100; i++)
                sift_event(r.sift, &e);
        e.type = EVENT_ALERT; /* of another sensor */
        for (int i = 0; i < 100; i++)
                sift_event(r.sift, &e);
        assert_int_equal(r.told, 200);
        sift_free(r.sift);
        sift_free(NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_kinds),    cmocka_unit_test(test_tracking),    cmocka_unit_test(test_unique),
                cmocka_unit_test(test_suppress), cmocka_unit_test(test_rate_filter), cmocka_unit_test(test_xbits),
                cmocka_unit_test(test_flood),    cmocka_unit_test(test_many_pairs),  cmocka_unit_test(test_others_pass),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
