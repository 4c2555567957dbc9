/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The section `rules`: files, variables and numbers, what is refused, and what is shown reads back. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>

#include "config/config.h"

static struct config *parse(const char *yaml)
{
        struct config *c = NULL;
        struct buf why = BUF_HEAP(4096);

        assert_int_equal(config_new_default(&c), 0);
        if (config_parse(c, "t.yaml", yaml, strlen(yaml), &why) < 0)
                fail_msg("%s", buf_str(&why));
        buf_done(&why);
        return c;
}

static void test_all(void **unused)
{
        static const char yaml[] = "rules:\n"
                                   "  files: [/etc/rules/*.rules, \"/a b/x.rules\"]\n"
                                   "  address_groups: {DNS_SERVERS: \"[192.0.2.53, !192.0.2.7]\", A: any}\n"
                                   "  port_groups: {HTTP_PORTS: 80, X_1: '[80, 8080:8090]'}\n"
                                   "  disabled: [1, 4294967295]\n"
                                   "  enabled: [2000345]\n"
                                   "  alerts_per_second: 0\n"
                                   "  memory: 1GiB\n";
        struct config *c = parse(yaml), *again;
        struct buf shown = BUF_HEAP(1u << 20), twice = BUF_HEAP(1u << 20);

        (void) unused;
        assert_int_equal(c->rules.files.n, 2);
        assert_string_equal(c->rules.files.items[1], "/a b/x.rules");
        assert_int_equal(c->rules.address_groups.n, 2);
        assert_string_equal(c->rules.address_groups.items[0].value, "[192.0.2.53, !192.0.2.7]");
        assert_int_equal(c->rules.port_groups.n, 2);
        assert_string_equal(c->rules.port_groups.items[0].name, "HTTP_PORTS");
        assert_string_equal(c->rules.port_groups.items[0].value, "80");
        assert_int_equal(c->rules.disabled.n, 2);
        assert_true(c->rules.disabled.items[1] == UINT32_MAX);
        assert_int_equal(c->rules.enabled.items[0], 2000345);
        assert_int_equal(c->rules.alerts_per_second, 0);
        assert_true(c->rules.memory == 1ull << 30);
        assert_int_equal(config_show(c, &shown), 0);
        again = parse(buf_str(&shown));
        assert_int_equal(config_show(again, &twice), 0);
        assert_string_equal(buf_str(&shown), buf_str(&twice));
        config_free(c);
        config_free(again);
        buf_done(&shown);
        buf_done(&twice);
}

/* A later file adds variables and replaces those of the same name; lists replace. */
static void test_later(void **unused)
{
        static const char later[] = "rules: {port_groups: {B: 2, C: 3}, disabled: [7]}";
        struct config *c = parse("rules: {port_groups: {A: 1, B: 1}, disabled: [5, 6]}");

        (void) unused;
        assert_int_equal(config_parse(c, "u.yaml", later, strlen(later), NULL), 0);
        assert_int_equal(c->rules.port_groups.n, 3);
        assert_string_equal(c->rules.port_groups.items[1].value, "2");
        assert_int_equal(c->rules.disabled.n, 1);
        assert_int_equal(c->rules.disabled.items[0], 7);
        config_free(c);
}

static void test_refused(void **unused)
{
        static const struct {
                const char *yaml, *why;
        } cases[] = {
                {"rules: {files: [relative.rules]}", "must be an absolute path"},
                {"rules: {files: /x.rules}", "expected a list of absolute paths"},
                {"rules: {address_groups: {1A: any}}", "\"1A\" is not a name such as HTTP_PORTS"},
                {"rules: {address_groups: {A-B: any}}", "\"A-B\" is not a name"},
                {"rules: {address_groups: {A: [any]}}", "expected a text"},
                {"rules: {address_groups: {A: \"a\\nb\"}}", "A contains a control character"},
                {"rules: {address_groups: {A: \"\"}}", "A must not be empty"},
                {"rules: {address_groups: [A]}", "expected names with values"},
                {"rules: {disabled: [0]}", "\"0\" is not a sid"},
                {"rules: {disabled: [4294967296]}", "is not a sid"},
                {"rules: {disabled: [x]}", "\"x\" is not a sid"},
                {"rules: {enabled: 5}", "expected a list of rules"},
                {"rules: {alerts_per_second: -1}", "rules.alerts_per_second"},
                {"rules: {memory: 1KiB}", "out of range"},
                {"rules: {file: []}", "did you mean \"files\"?"},
        };

        (void) unused;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct buf why = BUF_HEAP(4096);
                struct config *c = NULL;

                assert_int_equal(config_new_default(&c), 0);
                assert_int_equal(config_parse(c, "t.yaml", cases[i].yaml, strlen(cases[i].yaml), &why), -EINVAL);
                if (!strstr(buf_str(&why), cases[i].why) || !strstr(buf_str(&why), "t.yaml:1: "))
                        fail_msg("%s: %s", cases[i].yaml, buf_str(&why));
                config_free(c);
                buf_done(&why);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_all),
                cmocka_unit_test(test_later),
                cmocka_unit_test(test_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
