/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules as the configuration names them: patterns, variables, rules switched on and off by number, files that are not
 * there. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rules/choice.h"
#include "rules/load.h"
#include "rules/ruleset_internal.h"

static char dir[64];

static int make_dir(void **unused)
{
        (void) unused;
        snprintf(dir, sizeof(dir), "/tmp/test_rules_load.XXXXXX");
        return mkdtemp(dir) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
        (void) st;
        (void) type;
        (void) at;
        return remove(path);
}

static int remove_dir(void **unused)
{
        (void) unused;
        return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void put_file(const char *name, const char *text)
{
        char path[128];
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        f = fopen(path, "we");
        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
}

static int load(const char *yaml, struct ruleset **ret, struct buf *why)
{
        char text[2048];
        struct rules_load p = {0};
        struct config *c = NULL;
        int r;

        assert_int_equal(config_new_default(&c), 0);
        snprintf(text, sizeof(text), yaml, dir, dir);
        assert_int_equal(config_parse(c, "t", text, strlen(text), NULL), 0);
        p.config = c;
        r = rules_load(&p, ret, why);
        config_free(c);
        return r;
}

static const char two[] = "alert tcp $HOME_NET any -> $SERVERS $PORTS (msg:\"sid:7\\; \\\"sid:8\\;\"; sid:1;)\n"
                          "# alert tcp any any -> any any (msg:\"off\"; sid : 2 ; rev:1;)\n"
                          "alert tcp any any -> any any \\\n  (msg:\"long\"; \\\n  sid:3;)\n"
                          "alert tcp any any -> any any (msg:\"bad\"; nonsense:1; sid:4;)\n";

static void test_patterns_and_variables(void **unused)
{
        _cleanup_(ruleset_freep)
        struct ruleset *s = NULL;
        struct buf why = BUF_HEAP(4096), text = BUF_HEAP(4096);
        const struct rule *r;

        (void) unused;
        put_file("a.rules", two);
        put_file("b.rules", "alert udp any any -> any any (msg:\"b\"; sid:5;)\n");
        put_file("c.conf", "not read");
        if (load("{home: [192.0.2.0/24], rules: {files: ['%s/*.rules'], address_groups: {SERVERS: 198.51.100.7}, "
                 "port_groups: {PORTS: '[80,443]'}}}",
                 &s, &why) < 0)
                fail_msg("%s", buf_str(&why));
        assert_int_equal(ruleset_count(s), 3);
        assert_int_equal(rules_load_refused(s), 1);
        rules_load_describe(s, &text);
        assert_string_equal(buf_str(&text), "3 of 4 rules of 2 files; \"sekimori rules check\" says why the others are "
                                            "refused");
        r = ruleset_find(s, 1, 1);
        assert_non_null(r);
        assert_int_equal(r->src.n_addrs, 1);
        assert_int_equal(r->src.addrs[0].from.b[12], 192);
        assert_int_equal(r->src.addrs[0].to.b[15], 255);
        assert_int_equal(r->dst.addrs[0].from.b[12], 198);
        assert_int_equal(r->dst.n_ports, 2);
        assert_non_null(ruleset_find(s, 1, 5));
        assert_null(ruleset_find(s, 1, 2));
        buf_done(&why);
        buf_done(&text);
}

static void test_choice(void **unused)
{
        _cleanup_(ruleset_freep)
        struct ruleset *s = NULL;
        struct buf why = BUF_HEAP(4096);

        (void) unused;
        put_file("a.rules", two);
        assert_int_equal(
                load("rules: {files: ['%s/a.rules'], address_groups: {SERVERS: any}, port_groups: {PORTS: 80}, "
                     "disabled: [4, 1, 8], enabled: [2, 9]}",
                     &s, &why),
                0);
        assert_int_equal(ruleset_count(s), 2);
        assert_null(ruleset_find(s, 1, 1));
        assert_non_null(ruleset_find(s, 1, 2));
        assert_non_null(ruleset_find(s, 1, 3));
        assert_int_equal(rules_load_refused(s), 0); /* the bad one is off */
        buf_done(&why);
}

/* The sid of a line, as far as an option of that name is there. */
static void test_lines(void **unused)
{
        static const struct {
                const char *line;
                bool off;
        } cases[] = {
                {"alert tcp any any -> any any (sid:7;)", true},
                {"alert tcp any any -> any any (msg:\"x\"; sid: 7 ; rev:1;)", true},
                {"alert tcp any any -> any any (msg:\"sid:7;\"; sid:8;)", false},
                {"alert tcp any any -> any any (msg:\"a\\\"b\"; sid:7;)", true},
                {"alert tcp any any -> any any (content:\"\\;\"; sid:7;)", true},
                {"alert tcp any any -> any any (sid:70;)", false},
                {"alert tcp any any -> any any (sid:7", true},
                {"alert tcp any any -> any any (sid:", false},
                {"alert tcp any any -> any any (sid", false},
                {"alert tcp any any -> any any (msg:\"sid:7;", false},
                {"alert tcp any any -> any any (\\", false},
                {"alert tcp any any -> any any (", false},
                {"sid:7;", false},
                {"", false},
        };
        uint32_t sids[] = {9, 7, 3};
        struct config_sids off = {sids, 3}, none = {0};
        _cleanup_(ruleset_freep)
        struct ruleset *s = NULL;

        (void) unused;
        assert_int_equal(ruleset_new(NULL, &s), 0);
        assert_int_equal(choice_set(s, &off, &none), 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                size_t len = strlen(cases[i].line);
                char *copy = malloc(MAX(len, 1u)); /* exactly as long: the sanitizers look on */

                memcpy(copy, cases[i].line, len);
                if (choice_is_off(s, (struct slice){copy, (uint32_t) len}) != cases[i].off)
                        fail_msg("%s", cases[i].line);
                assert_false(choice_is_on(s, (struct slice){copy, (uint32_t) len}));
                free(copy);
        }
}

static void test_missing(void **unused)
{
        struct ruleset *s = NULL;
        struct buf why = BUF_HEAP(4096);

        (void) unused;
        assert_int_equal(load("rules: {files: ['%s/nothing*.rules']}", &s, &why), -ENOENT);
        assert_non_null(strstr(buf_str(&why), "nothing*.rules: No such file or directory\n"));
        assert_null(s);
        buf_reset(&why);
        assert_int_equal(load("rules: {files: ['%s']}", &s, &why), -EISDIR);
        buf_done(&why);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_patterns_and_variables),
                cmocka_unit_test(test_choice),
                cmocka_unit_test(test_lines),
                cmocka_unit_test(test_missing),
        };

        return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
