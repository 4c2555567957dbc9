/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What rules remember for each other, how often they alert, and what they say of themselves. */
#include "parse_rig.h"

#include "base/buf.h"

static const struct rule_bit *bit(struct rig *g, const char *options)
{
        const struct rule *r = rig_options(g, options);

        assert_non_null(r);
        assert_int_equal(r->n_bits, 1);
        return r->bits;
}

static void test_flowbits(void **state)
{
        static const struct {
                const char *word;
                uint8_t op;
                bool condition;
        } rows[] = {{"set", BIT_SET, false},
                    {"unset", BIT_UNSET, false},
                    {"toggle", BIT_TOGGLE, false},
                    {"isset", BIT_ISSET, true},
                    {"isnotset", BIT_ISNOTSET, true}};
        struct rig *g = *state;
        const struct rule_bit *b;
        char options[128];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                (void) snprintf(options, sizeof(options), "flowbits:%s, ET.some/thing ;", rows[i].word);
                b = bit(g, options);
                assert_int_equal(b->kind, BIT_FLOW);
                assert_int_equal(b->op, rows[i].op);
                assert_int_equal(b->n_names, 1);
                assert_string_equal(ruleset_bit_name(g->set, BIT_FLOW, b->names[0]), "ET.some/thing");
                assert_int_equal(ruleset_rule(g->set, 0)->n_bit_conditions, rows[i].condition);
        }
        b = bit(g, "flowbits:isset,a|b | c;");
        assert_int_equal(b->n_names, 3);
        assert_string_equal(ruleset_bit_name(g->set, BIT_FLOW, b->names[2]), "c");
        assert_string_equal(ruleset_bit_name(g->set, BIT_FLOW, 99), "");
        assert_int_equal(rig_options(g, "flowbits:noalert;")->n_bits, 0);
}

/* Conditions stand before changes; the same name is the same number, in every rule. */
static void test_order(void **state)
{
        struct rig *g = *state;
        const struct rule *r = rig_options(g, "flowbits:set,a; flowbits:isset,b; flowint:n,+,1; flowint:n,>,5; "
                                              "xbits:set,a,track ip_src; flowbits:isnotset,a;");

        assert_non_null(r);
        assert_int_equal(r->n_bits, 6);
        assert_int_equal(r->n_bit_conditions, 3);
        assert_int_equal(r->bits[0].op, BIT_ISSET);
        assert_int_equal(r->bits[1].op, BIT_COMPARE);
        assert_int_equal(r->bits[2].op, BIT_ISNOTSET);
        assert_int_equal(r->bits[3].op, BIT_SET);
        assert_int_equal(r->bits[2].names[0], r->bits[3].names[0]);
        assert_int_equal(r->bits[1].names[0], r->bits[4].names[0]);
}

static void test_flowint(void **state)
{
        static const struct {
                const char *text;
                uint8_t op, compare;
        } rows[] = {{"+, 1", BIT_ADD, 0},
                    {"-,1", BIT_SUB, 0},
                    {"=,1", BIT_ASSIGN, 0},
                    {"==,1", BIT_COMPARE, NUMBER_EQ},
                    {"!=,1", BIT_COMPARE, NUMBER_NE},
                    {"<,1", BIT_COMPARE, NUMBER_LT},
                    {"<=,1", BIT_COMPARE, NUMBER_LE},
                    {">,1", BIT_COMPARE, NUMBER_GT},
                    {">=,1", BIT_COMPARE, NUMBER_GE},
                    {"isset", BIT_DEFINED, 0},
                    {"notset", BIT_NOT_DEFINED, 0},
                    {"isnotset", BIT_NOT_DEFINED, 0}};
        struct rig *g = *state;
        const struct rule_bit *b;
        char options[128];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                (void) snprintf(options, sizeof(options), "flowint: tries, %s;", rows[i].text);
                b = bit(g, options);
                assert_int_equal(b->kind, BIT_INT);
                assert_int_equal(b->op, rows[i].op);
                assert_int_equal(b->compare, rows[i].compare);
                assert_int_equal(b->value, strchr(rows[i].text, '1') ? 1 : 0);
                assert_int_equal(b->value_name, UINT32_MAX);
                assert_string_equal(ruleset_bit_name(g->set, BIT_INT, b->names[0]), "tries");
        }
        b = bit(g, "flowint:a,>,b;");
        assert_string_equal(ruleset_bit_name(g->set, BIT_INT, b->value_name), "b");
}

static void test_xbits(void **state)
{
        struct rig *g = *state;
        const struct rule_bit *b = bit(g, "xbits:set,seen,track ip_pair,expire 3600;");

        assert_int_equal(b->kind, BIT_X);
        assert_int_equal(b->op, BIT_SET);
        assert_int_equal(b->track, TRACK_PAIR);
        assert_int_equal(b->expire, 3600);
        b = bit(g, "xbits:isset, seen, track ip_src;");
        assert_int_equal(b->track, TRACK_SRC);
        assert_int_equal(b->expire, 30);
        assert_int_equal(bit(g, "xbits:toggle,seen,track ip_dst;")->track, TRACK_DST);
        assert_true(rig_options(g, "xbits:noalert;")->flags & RULE_NOALERT);
        b = bit(g, "hostbits:isset,seen,dst;");
        assert_int_equal(b->kind, BIT_HOST);
        assert_int_equal(b->track, TRACK_DST);
        assert_int_equal(bit(g, "hostbits:set,seen;")->track, TRACK_SRC);
        assert_int_equal(bit(g, "hostbits:set,seen,src;")->track, TRACK_SRC);
        assert_int_equal(bit(g, "hostbits:set,seen,both;")->track, TRACK_PAIR);
        assert_true(rig_options(g, "hostbits:noalert;")->flags & RULE_NOALERT);
}

static void test_thresholds(void **state)
{
        static const struct {
                const char *text;
                struct rule_threshold threshold;
        } rows[] = {
                {"threshold: type limit, track by_src, count 1, seconds 60;",
                 {THRESHOLD_LIMIT, TRACK_SRC, 0, 1, 60, 0}},
                {"threshold:count 5 , seconds 9,type both ,track by_dst;", {THRESHOLD_BOTH, TRACK_DST, 0, 5, 9, 0}},
                {"threshold:type threshold,track by_both,count 5,seconds 9;",
                 {THRESHOLD_THRESHOLD, TRACK_PAIR, 0, 5, 9, 0}},
                {"threshold:type limit,track by_rule,count 5,seconds 9;", {THRESHOLD_LIMIT, TRACK_RULE, 0, 5, 9, 0}},
                {"threshold:type limit,track by_flow,count 5,seconds 9;", {THRESHOLD_LIMIT, TRACK_FLOW, 0, 5, 9, 0}},
                {"threshold:type backoff, track by_flow, count 1, multiplier 10;",
                 {THRESHOLD_BACKOFF, TRACK_FLOW, 0, 1, 0, 10}},
                {"detection_filter: track by_src, count 30, seconds 60;", {THRESHOLD_FILTER, TRACK_SRC, 0, 30, 60, 0}},
                {"detection_filter:track by_dst,count 3,seconds 60,unique_on dst_port;",
                 {THRESHOLD_FILTER, TRACK_DST, UNIQUE_DST_PORT, 3, 60, 0}},
                {"detection_filter:track by_dst,count 3,seconds 60,unique_on src_port;",
                 {THRESHOLD_FILTER, TRACK_DST, UNIQUE_SRC_PORT, 3, 60, 0}},
                /* One that alerts each time says nothing beside another one. */
                {"threshold:type threshold,track by_src,count 1,seconds 60; threshold:type limit,track by_src,count "
                 "1,seconds 600;",
                 {THRESHOLD_LIMIT, TRACK_SRC, 0, 1, 600, 0}},
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const struct rule *r = rig_options(*state, rows[i].text);

                assert_non_null(r);
                assert_memory_equal(&r->threshold, &rows[i].threshold, sizeof(r->threshold));
        }
}

static void test_refused(void **state)
{
        static const struct refused rows[] = {
                {"flowbits:set;", PROBLEM_VALUE, "flowbits", "missing"},
                {"flowbits:set,;", PROBLEM_VALUE, "flowbits", "no name"},
                {"flowbits:set,a b;", PROBLEM_VALUE, "flowbits", "no name"},
                {"flowbits:set,a|b;", PROBLEM_VALUE, "flowbits", "several names"},
                {"flowbits:isset,a|;", PROBLEM_VALUE, "flowbits", "no name"},
                {"flowbits:isset,a|b|c|d|e|f|g|h|i;", PROBLEM_LIMIT, "flowbits", "more than 8"},
                {"flowbits:raise,a;", PROBLEM_VALUE, "flowbits", "not set"},
                {"flowint:a;", PROBLEM_VALUE, "flowint", "nothing"},
                {"flowint:a,*,1;", PROBLEM_VALUE, "flowint", "nothing"},
                {"flowint:a,+;", PROBLEM_VALUE, "flowint", "takes a value"},
                {"flowint:a,isset,1;", PROBLEM_VALUE, "flowint", "no value"},
                {"flowint:a,+,4294967296;", PROBLEM_VALUE, "flowint", "more than"},
                {"flowint:,+,1;", PROBLEM_VALUE, "flowint", "no name"},
                {"xbits:set,a;", PROBLEM_VALUE, "xbits", "tracked"},
                {"xbits:set,a,track tx;", PROBLEM_VALUE, "xbits", "tracked"},
                {"xbits:set,a,track ip_src,expire 0;", PROBLEM_VALUE, "xbits", "not understood"},
                {"xbits:set,a,track ip_src,expires 9;", PROBLEM_VALUE, "xbits", "not understood"},
                {"hostbits:set,a,left;", PROBLEM_VALUE, "hostbits", "src, dst"},
                {"threshold:type limit,track by_src,count 1;", PROBLEM_VALUE, "threshold", "type, track"},
                {"threshold:type limit,track by_src,count 0,seconds 1;", PROBLEM_VALUE, "threshold",
                 "no number from 1"},
                {"threshold:type often,track by_src,count 1,seconds 1;", PROBLEM_VALUE, "threshold", "not understood"},
                {"threshold:type limit,track by_moon,count 1,seconds 1;", PROBLEM_VALUE, "threshold", "not understood"},
                {"threshold:type limit,count 1,count 1,seconds 1;", PROBLEM_VALUE, "threshold", "twice"},
                {"threshold:type limit,track by_src,count 1,seconds 1,unique_on dst_port;", PROBLEM_VALUE, "threshold",
                 "type, track"},
                {"threshold:type backoff,track by_src,count 1,multiplier 2;", PROBLEM_VALUE, "threshold", "by_flow"},
                {"threshold:type backoff,track by_flow,count 1,seconds 2;", PROBLEM_VALUE, "threshold", "multiplier"},
                {"detection_filter:type limit,track by_src,count 1,seconds 1;", PROBLEM_VALUE, "detection_filter",
                 "track, count"},
                {"detection_filter:track by_src,count 1,seconds 1; threshold:type limit,track by_src,count 1,seconds "
                 "1;",
                 PROBLEM_COMBINATION, "threshold", "one threshold"},
                {"threshold:type limit,track by_src,count 1,seconds 1; threshold:type both,track by_src,count "
                 "1,seconds 1;",
                 PROBLEM_COMBINATION, "threshold", "one threshold"},
                {"msg:no quotes;", PROBLEM_SYNTAX, "msg", "quotes"},
                {"msg:\"a\"; msg:\"b\";", PROBLEM_COMBINATION, "msg", "already"},
                {"rev:x;", PROBLEM_VALUE, "rev", "no number"},
                {"rev:1; rev:2;", PROBLEM_COMBINATION, "rev", "already"},
                {"priority:0;", PROBLEM_VALUE, "priority", "no number"},
                {"priority:256;", PROBLEM_VALUE, "priority", "no number"},
                {"reference:cve;", PROBLEM_VALUE, "reference", "a kind"},
                {"target:somebody;", PROBLEM_VALUE, "target", "src_ip"},
                {"target:src_ip; target:dest_ip;", PROBLEM_COMBINATION, "target", "already"},
                {"tag:everything;", PROBLEM_VALUE, "tag", "session or host"},
                {"prefilter;", PROBLEM_COMBINATION, "prefilter", "nothing stands"},
                {"noalert:1;", PROBLEM_VALUE, "noalert", "no value"},
        };

        rig_all_refused(*state, rows, ELEMENTSOF(rows));
}

static void test_about(void **state)
{
        struct rig *g = *state;
        const struct rule *r = rig_rule(
                g, "alert tcp any any -> any any (msg:\"a\\; b \\\"c\\\" d\\:\"; classtype:trojan-activity; "
                   "reference:url,www.example.org/?a=1,2; reference: cve , 2004-1 ; metadata: former_category TROJAN, "
                   "tag , malware_family  Two Words ; metadata:created_at 2010_07_30; gid:3; sid:77; rev: 5; "
                   "tag:session,5,packets; logto:\"x\";)");

        assert_non_null(r);
        assert_string_equal(r->msg, "a; b \"c\" d:");
        assert_int_equal(r->sid, 77);
        assert_int_equal(r->gid, 3);
        assert_int_equal(r->rev, 5);
        assert_string_equal(r->class_name, "trojan-activity");
        assert_string_equal(r->class_title, "A Network Trojan was detected");
        assert_int_equal(r->priority, 1);
        assert_int_equal(r->n_references, 2);
        assert_string_equal(r->references[0].key, "url");
        assert_string_equal(r->references[0].value, "www.example.org/?a=1,2");
        assert_string_equal(r->references[1].value, "2004-1");
        assert_int_equal(r->n_metadata, 4);
        assert_string_equal(r->metadata[1].key, "tag");
        assert_string_equal(r->metadata[1].value, "");
        assert_string_equal(r->metadata[2].value, "Two Words");
        assert_string_equal(r->metadata[3].key, "created_at");
        r = rig_options(g, "");
        assert_string_equal(r->msg, "");
        assert_int_equal(r->gid, 1);
        assert_int_equal(r->rev, 0);
        assert_null(r->class_name);
        assert_int_equal(r->priority, 3);
        r = rig_options(g, "classtype:of-my-own;");
        assert_string_equal(r->class_title, "of-my-own");
        assert_int_equal(r->priority, 3);
        r = rig_options(g, "priority:7; classtype:trojan-activity;");
        assert_int_equal(r->priority, 7);
}

static void test_limits(void **state)
{
        struct rig *g = *state;
        struct buf b = BUF_HEAP(RULE_TEXT_MAX);

        for (unsigned i = 0; i < RULE_BITS_MAX; i++)
                (void) buf_printf(&b, "flowbits:set,b%u; ", i);
        assert_non_null(rig_options(g, buf_str(&b)));
        (void) buf_puts(&b, "flowbits:set,more; ");
        rig_options_refused(g, buf_str(&b), PROBLEM_LIMIT, "flowbits", "more than 32");
        buf_reset(&b);
        (void) buf_puts(&b, "metadata:");
        for (unsigned i = 0; i < 257; i++)
                (void) buf_printf(&b, "%sk v", i ? "," : "");
        (void) buf_puts(&b, ";");
        rig_options_refused(g, buf_str(&b), PROBLEM_LIMIT, "metadata", "more than 256");
        buf_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                RIG_TEST(test_flowbits),   RIG_TEST(test_order),   RIG_TEST(test_flowint), RIG_TEST(test_xbits),
                RIG_TEST(test_thresholds), RIG_TEST(test_refused), RIG_TEST(test_about),   RIG_TEST(test_limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
