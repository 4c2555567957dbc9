/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files into a set: lines, comments, duplicates, configuration files, limits; and the rules of SEKIMORI_DATA, if there.
 */
#include "parse_rig.h"

#include <errno.h>
#include <glob.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/clock.h"

#define RULE(options) "alert tcp any any -> any any (" options ")"

static struct ruleset_stats stats(struct rig *g)
{
        struct ruleset_stats s;

        assert_int_equal(ruleset_settle(g->set), 0);
        ruleset_get_stats(g->set, &s);
        return s;
}

static void test_lines(void **state)
{
        static const char text[] =
                "\xef\xbb\xbf# a comment\n"
                "\n"
                "   \t\r\n" RULE(
                        "sid:1;") "\r\n"
                                  "  " RULE("sid:2;") " \n"
                                                      "alert tcp any any -> \\\n"
                                                      "   any any (msg:\"in \\\n"
                                                      "three lines\"; sid:3;)\n" RULE(
                                                              "sid:4;") "# behind it\n"
                                                                        "# alert tcp any any -> any any (msg:\"off\"; "
                                                                        "sid:5;)\n"
                                                                        "#drop udp any any -> any any (sid:6;)\n"
                                                                        "## alert tcp any any -> any any \\\n"
                                                                        "   (sid:7;)\n"
                                                                        "# alert me when this is over\n"
                                                                        "nonsense\n" RULE("sid:8; nonsense;") "\n" RULE(
                                                                                "sid:9;"); /* no newline at the end */
        struct rig *g = *state;
        struct ruleset_stats s;

        rig_begin(g, NULL, 0);
        rig_add(g, "dir/some.rules", text);
        s = stats(g);
        assert_int_equal(s.files, 1);
        assert_int_equal(s.lines, 17);
        assert_int_equal(s.rules, 7);
        assert_int_equal(s.loaded, 5);
        assert_int_equal(s.inactive, 3);
        assert_int_equal(s.duplicates, 0);
        assert_int_equal(s.problems[PROBLEM_SYNTAX], 1);
        assert_int_equal(s.problems[PROBLEM_OPTION], 1);
        assert_true(s.bytes > 0);
        assert_int_equal(ruleset_rule(g->set, 0)->line, 4);
        assert_string_equal(ruleset_rule(g->set, 0)->file, "dir/some.rules");
        assert_string_equal(ruleset_rule(g->set, 0)->text, RULE("sid:1;"));
        assert_int_equal(ruleset_rule(g->set, 2)->line, 6);
        assert_string_equal(ruleset_rule(g->set, 2)->msg, "in three lines");
        assert_int_equal(ruleset_rule(g->set, 3)->line, 9);
        assert_int_equal(ruleset_rule(g->set, 4)->index, 4);
        assert_null(ruleset_rule(g->set, 5));
        assert_int_equal(g->n_said, 2);
        assert_int_equal(g->said[0].line, 15);
        assert_int_equal(g->said[0].sid, 0);
        assert_int_equal(g->said[1].line, 16);
        assert_int_equal(g->said[1].sid, 8);
        assert_string_equal(g->said[1].option, "nonsense");
        assert_string_equal(g->said[1].file, "dir/some.rules");
}

static void test_broken_lines(void **state)
{
        static const struct refused rows[] = {
                {"alert", PROBLEM_SYNTAX, "", "no protocol"},
                {"alert tcp any any -> any any", PROBLEM_SYNTAX, "", "do not begin with a bracket"},
                {"alert tcp any any -> any any sid:1;", PROBLEM_SYNTAX, "", "do not begin with a bracket"},
                {"alert tcp any any -> any any (", PROBLEM_SYNTAX, "", "no bracket ends"},
                {"alert tcp any any -> any any (sid:1;", PROBLEM_SYNTAX, "", "no bracket ends"},
                {"alert tcp any any -> any any (sid:1", PROBLEM_SYNTAX, "sid", "no semicolon"},
                {"alert tcp any any -> any any (sid:1)", PROBLEM_SYNTAX, "sid", "no semicolon"},
                {"alert tcp any any -> any any (sid:1;) more", PROBLEM_SYNTAX, "", "follows the last bracket"},
                {"alert tcp any any -> any any (msg:\"x\";)", PROBLEM_COMBINATION, "sid", "no sid"},
                {"alert tcp any any -> any any (sid:0;)", PROBLEM_VALUE, "sid", "no number"},
                {"alert tcp any any -> any any (sid:4294967296;)", PROBLEM_VALUE, "sid", "no number"},
                {"alert tcp any any -> any any (sid:1; sid:2;)", PROBLEM_COMBINATION, "sid", "already"},
                {"alert tcp any any -> any any (msg:\"a\\\";sid:1;)", PROBLEM_SYNTAX, "msg", "quotes"},
                {"alert tcp any any -> any any (:5; sid:1;)", PROBLEM_OPTION, "", "no such option"},
                {"alert tcp any any -> any any (Content:\"x\"; sid:1;)", PROBLEM_OPTION, "Content", "no such option"},
                {"alert tcp any any -> any any (ftpbounce; sid:1;)", PROBLEM_OPTION, "ftpbounce", "not compared"},
                {"alert tcp any any -> any any (smb.share; sid:1;)", PROBLEM_PROTOCOL, "smb.share", "not decoded"},
                {"alert tcp any any -> any any (http.request_header; sid:1;)", PROBLEM_PROTOCOL, "http.request_header",
                 "not kept"},
                {"alert tcp any any -> any any (lua:x.lua; sid:1;)", PROBLEM_OPTION, "lua", "no scripts"},
                {"alert tcp any any -> any any (luau:x.lua; sid:1;)", PROBLEM_OPTION, "luau", "no such option"},
                {"config nonsense: x", PROBLEM_SYNTAX, "", "classification.config"},
                {"config classification: a,b", PROBLEM_SYNTAX, "", "classification.config"},
                {"config classification: a,b,0", PROBLEM_SYNTAX, "", "classification.config"},
                {"config reference: a", PROBLEM_SYNTAX, "", "classification.config"},
        };
        struct rig *g = *state;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                rig_refused(g, rows[i].text, rows[i].kind, rows[i].option, rows[i].reason);
        rig_end(g);
        rig_begin(g, NULL, 0);
        assert_int_equal(ruleset_add_data(g->set, "nul", "alert tcp any\0any", 17), 0);
        assert_int_equal(g->said[0].kind, PROBLEM_SYNTAX);
        assert_non_null(strstr(g->said[0].reason, "NUL"));
}

/* Empty options are nothing; white space is where one likes. */
static void test_loose_lines(void **state)
{
        static const char *const rows[] = {
                "alert tcp any any -> any any (;;sid:1;;)",
                "  alert\ttcp  any any   ->  any any(sid:1;)",
                "alert tcp any any -> any any ( msg : \"x\" ; sid : 1 ; )",
                "alert tcp any any -> any any (sid:1;)   # a comment",
                "alert tcp any any -> any any (sid:\"1\";)",
                "ALERT tcp any any -> any any (sid:1;)",
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (!rig_rule(*state, rows[i]))
                        fail_msg("%s: %s", rows[i], ((struct rig *) *state)->said[0].reason);
}

static void test_duplicates(void **state)
{
        static const char first[] = RULE("msg:\"a\"; sid:1; rev:2;") "\n" RULE("msg:\"b\"; sid:1; rev:3;") "\n";
        static const char second[] = RULE("msg:\"c\"; sid:1; rev:3;") "\n" RULE("msg:\"d\"; sid:1; rev:1;") "\n" RULE(
                "msg:\"e\"; gid:2; "
                "sid:1;") "\n" RULE("nonsense; sid:1; rev:9;") "\n" RULE("sid:2; nonsense;") "\n" RULE("sid:2; "
                                                                                                       "nonsense;") "\n";
        struct rig *g = *state;
        struct ruleset_stats s;

        rig_begin(g, NULL, 0);
        rig_add(g, "first", first);
        rig_add(g, "second", second);
        s = stats(g);
        assert_int_equal(s.rules, 3); /* 1:1, 2:1, 1:2 */
        assert_int_equal(s.loaded, 2);
        assert_int_equal(s.duplicates, 3);
        assert_int_equal(s.problems[PROBLEM_DUPLICATE], 3);
        assert_int_equal(s.problems[PROBLEM_OPTION], 3);
        assert_string_equal(ruleset_find(g->set, 1, 1)->msg, "b");
        assert_string_equal(ruleset_find(g->set, 2, 1)->msg, "e");
        assert_null(ruleset_find(g->set, 1, 2));
        assert_null(ruleset_find(g->set, 1, 3));
        assert_string_equal(g->said[0].file, "first");
        assert_int_equal(g->said[0].line, 1);
        assert_string_equal(g->said[0].reason, "rev 2; rev 3 of first:2 is taken");
        assert_string_equal(g->said[1].reason, "rev 3; rev 3 of first:2 is taken");
        /* A set that is settled takes no more. */
        assert_int_equal(ruleset_add_data(g->set, "late", "x", 1), -EBUSY);
        assert_int_equal(ruleset_settle(g->set), 0);
}

static void test_configuration(void **state)
{
        static const char text[] = RULE("sid:1; classtype:mine;") "\n" RULE(
                "sid:2; classtype:misc-attack;") "\n"
                                                 "config classification: mine , My own class , 4\n"
                                                 "config classification: misc-attack,Another title,1\n"
                                                 "config reference: my   http://example.org/?x=\n";
        struct rig *g = *state;

        rig_begin(g, NULL, 0);
        rig_add(g, "x", text);
        assert_int_equal(stats(g).rules, 2);
        assert_int_equal(g->n_said, 0);
        assert_string_equal(ruleset_rule(g->set, 0)->class_title, "My own class");
        assert_int_equal(ruleset_rule(g->set, 0)->priority, 4);
        assert_string_equal(ruleset_rule(g->set, 1)->class_title, "Another title");
        assert_int_equal(ruleset_rule(g->set, 1)->priority, 1);
}

static void test_limits_of_alerts(void **state)
{
        static const char text[] =
                "threshold gen_id 1, sig_id 1, type limit, track by_src, count 1, seconds 60\n"
                "event_filter gen_id 1, sig_id 0, type both, track by_dst, count 9, seconds 60\n"
                "suppress gen_id 1, sig_id 2\n"
                "suppress gen_id 1, sig_id 2, track by_src, ip 192.0.2.0/24\n"
                "suppress gen_id 0, sig_id 0, track by_either, ip [192.0.2.1,192.0.2.3]\n"
                "suppress gen_id 1, sig_id 2, track by_dst, ip $HOME_NET\n"
                "rate_filter gen_id 1, sig_id 2, track by_both, count 5, seconds 6, new_action "
                "pass, timeout 7\n" RULE(
                        "sid:1; threshold:type both,track by_src,count 4,seconds "
                        "4;") "\n" RULE("sid:2;") "\n" RULE("sid:3; threshold:type both,track by_src,count "
                                                            "4,seconds 4;") "\n" RULE("sid:4; gid:2;") "\n";
        struct rig *g = *state;
        const struct rule *r;

        rig_begin(g, NULL, 0);
        rig_add(g, "threshold.config", text);
        assert_int_equal(stats(g).loaded, 4);
        assert_int_equal(g->n_said, 0);
        r = ruleset_find(g->set, 1, 1); /* a line for this rule goes before its own threshold */
        assert_int_equal(r->threshold.kind, THRESHOLD_LIMIT);
        assert_int_equal(r->n_suppress, 1);
        assert_int_equal(r->suppress[0].track, TRACK_PAIR);
        assert_int_equal(r->suppress[0].n_addrs, 2);
        r = ruleset_find(g->set, 1, 2);
        assert_int_equal(r->threshold.kind, THRESHOLD_BOTH);
        assert_int_equal(r->threshold.count, 9);
        assert_int_equal(r->n_suppress, 4);
        assert_true(r->rate.given);
        assert_int_equal(r->rate.track, TRACK_PAIR);
        assert_int_equal(r->rate.action, RULE_PASS);
        assert_int_equal(r->rate.count, 5);
        assert_int_equal(r->rate.seconds, 6);
        assert_int_equal(r->rate.timeout, 7);
        r = ruleset_find(g->set, 1, 3); /* one for all rules does not */
        assert_int_equal(r->threshold.count, 4);
        r = ruleset_find(g->set, 2, 4);
        assert_int_equal(r->threshold.kind, THRESHOLD_NONE);
        assert_int_equal(r->n_suppress, 1);
}

static void test_limits_refused(void **state)
{
        static const struct refused rows[] = {
                {"suppress", PROBLEM_SYNTAX, "suppress", "begins with"},
                {"suppress gen_id 1", PROBLEM_SYNTAX, "suppress", "begins with"},
                {"suppress gen_id x, sig_id 1", PROBLEM_VALUE, "suppress", "no number"},
                {"suppress gen_id 0, sig_id 1", PROBLEM_VALUE, "suppress", "all"},
                {"suppress gen_id 1, sig_id 1, track by_moon, ip 192.0.2.1", PROBLEM_VALUE, "suppress", "tracked"},
                {"suppress gen_id 1, sig_id 1, track by_src", PROBLEM_VALUE, "suppress", "missing"},
                {"suppress gen_id 1, sig_id 1, track by_src, ip", PROBLEM_VALUE, "suppress", "missing"},
                {"suppress gen_id 1, sig_id 1, track by_src, ip nowhere", PROBLEM_VALUE, "suppress", "no address"},
                {"suppress gen_id 1, sig_id 1, track by_src, ip $NOBODY", PROBLEM_VARIABLE, "suppress", "not defined"},
                {"threshold gen_id 1, sig_id 1", PROBLEM_VALUE, "threshold", "it has type"},
                {"threshold gen_id 1, sig_id 1, type limit", PROBLEM_VALUE, "threshold", "it has type"},
                {"rate_filter gen_id 1, sig_id 1, track by_src", PROBLEM_VALUE, "rate_filter", "it has track"},
                {"rate_filter gen_id 1, sig_id 1, track by_x, count 1, seconds 1, new_action drop, timeout 1",
                 PROBLEM_VALUE, "rate_filter", "not understood"},
                {"rate_filter gen_id 1, sig_id 1, track by_src, count 1, seconds 1, new_action cry, timeout 1",
                 PROBLEM_VALUE, "rate_filter", "no action"},
                {"rate_filter gen_id 1, sig_id 1, track by_src, count 0, seconds 1, new_action drop, timeout 1",
                 PROBLEM_VALUE, "rate_filter", "it has track"},
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                rig_refused(*state, rows[i].text, rows[i].kind, rows[i].option, rows[i].reason);
                assert_int_equal(stats(*state).rules, 0);
        }
}

static void test_files(void **state)
{
        struct rig *g = *state;
        char path[] = "/tmp/sekimori-rules-XXXXXX";
        int fd = mkstemp(path);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, RULE("sid:1;"), strlen(RULE("sid:1;"))), strlen(RULE("sid:1;")));
        close(fd);
        rig_begin(g, NULL, 0);
        assert_int_equal(ruleset_add_file(g->set, path), 0);
        assert_int_equal(ruleset_add_file(g->set, "/nowhere/at.rules"), -ENOENT);
        assert_int_equal(ruleset_add_file(g->set, "/tmp"), -EISDIR);
        assert_int_equal(ruleset_add_file(g->set, "/dev/null"), 0);
        assert_int_equal(ruleset_add_file(g->set, "/dev/zero"), -EFBIG);
        assert_int_equal(stats(g).loaded, 1);
        assert_string_equal(ruleset_rule(g->set, 0)->file, path);
        unlink(path);
}

static void test_long_lines(void **state)
{
        struct rig *g = *state;
        struct buf b = BUF_HEAP(4 * RULE_TEXT_MAX);

        (void) buf_printf(&b, RULE("msg:\"%0*d\"; sid:1;") "\n" RULE("sid:2;") "\n", RULE_TEXT_MAX, 0);
        (void) buf_puts(&b, "alert tcp any any -> any any (msg:\"\\\n");
        for (unsigned i = 0; i < RULE_TEXT_MAX / 100; i++)
                (void) buf_printf(&b, "%0101d\\\n", 0);
        (void) buf_puts(&b, "\"; sid:3;)\n" RULE("sid:4;"));
        rig_begin(g, NULL, 0);
        assert_int_equal(b.error, 0);
        rig_add(g, "x", buf_str(&b));
        assert_int_equal(stats(g).loaded, 2);
        assert_int_equal(g->n_said, 2);
        assert_int_equal(g->said[0].kind, PROBLEM_LIMIT);
        assert_int_equal(g->said[0].line, 1);
        assert_int_equal(g->said[1].kind, PROBLEM_LIMIT);
        assert_int_equal(g->said[1].line, 3);
        buf_done(&b);
}

/* Names of bits end at their limit, and what is over it is said. */
static void test_names(void **state)
{
        struct rig *g = *state;
        struct buf b = BUF_HEAP(64u << 20);

        for (unsigned i = 0; i < 65536 / 32 + 1; i++) {
                (void) buf_puts(&b, "alert tcp any any -> any any (");
                for (unsigned k = 0; k < 32; k++)
                        (void) buf_printf(&b, "flowbits:set,n%u;", i * 32 + k);
                (void) buf_printf(&b, "sid:%u;)\n", i + 1);
        }
        rig_begin(g, NULL, 0);
        rig_add(g, "x", buf_str(&b));
        assert_int_equal(stats(g).loaded, 65536 / 32);
        assert_int_equal(g->n_said, 1);
        assert_int_equal(g->said[0].kind, PROBLEM_LIMIT);
        assert_string_equal(ruleset_bit_name(g->set, BIT_FLOW, 65535), "n65535");
        buf_done(&b);
}

/* Emerging Threats' set of 2019: 19,473 active rules. */
static void test_real_rules(void **state)
{
        const char *data = getenv("SEKIMORI_DATA");
        char pattern[4096];
        struct rig *g = *state;
        struct ruleset_stats s;
        glob_t found = {0};

        (void) snprintf(pattern, sizeof(pattern), "%s/rules/*.*", data ? data : "../shared/data");
        if (glob(pattern, 0, NULL, &found) != 0) {
                print_message("skipped: no rules in %s\n", pattern);
                skip();
        }
        rig_begin(g, NULL, 0);
        for (size_t i = 0; i < found.gl_pathc; i++)
                if (strstr(found.gl_pathv[i], ".rules") || strstr(found.gl_pathv[i], ".config"))
                        assert_int_equal(ruleset_add_file(g->set, found.gl_pathv[i]), 0);
        globfree(&found);
        s = stats(g);
        assert_true(s.rules > 19000);
        if (s.loaded * 1000ull < s.rules * 999ull)
                fail_msg("%u of %u rules load", s.loaded, s.rules);
        assert_int_equal(g->n_said, s.rules - s.loaded);
        for (unsigned i = 0; i < g->n_said && i < ELEMENTSOF(g->said); i++)
                assert_true(g->said[i].sid && g->said[i].option[0] && g->said[i].reason[0]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                RIG_TEST(test_lines),          RIG_TEST(test_broken_lines),  RIG_TEST(test_loose_lines),
                RIG_TEST(test_duplicates),     RIG_TEST(test_configuration), RIG_TEST(test_limits_of_alerts),
                RIG_TEST(test_limits_refused), RIG_TEST(test_files),         RIG_TEST(test_long_lines),
                RIG_TEST(test_names),          RIG_TEST(test_real_rules),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
