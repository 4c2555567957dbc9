/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keys of the mail gate: lists of ports and paths, whole numbers, and times that must fit together. */
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

static struct buf messages = BUF_HEAP(1 << 20);

static struct config *parse(const char *text)
{
        struct config *c;

        buf_reset(&messages);
        assert_int_equal(config_new_default(&c), 0);
        if (config_parse(c, "t.yaml", text, strlen(text), &messages) < 0)
                fail_msg("refused:\n%s\n%s", text, buf_str(&messages));
        return c;
}

static void check_refused(const char *text, const char *expected)
{
        _cleanup_(config_freep)
        struct config *c = NULL;

        buf_reset(&messages);
        assert_int_equal(config_new_default(&c), 0);
        assert_int_equal(config_parse(c, "t.yaml", text, strlen(text), &messages), -EINVAL);
        assert_string_equal(buf_str(&messages), expected);
}

static void test_everything_set(void **state)
{
        _cleanup_(config_freep)
        struct config *c = NULL;

        (void) state;
        c = parse("gate:\n"
                  "  ports: [1, 65535, 2, 3, 4, 5, 6, 25]\n"
                  "  window: 1s\n"
                  "  compose: 1h\n"
                  "  attempt: 60s\n"
                  "  attempt_sockets: 64\n"
                  "  remote: yes\n"
                  "  handover: watch\n"
                  "  mark: 0\n"
                  "  forward: [192.0.2.0/24]\n"
                  "  desktops: [/usr/local/bin/shell]\n"
                  "  terminals: ['/opt/a terminal']\n"
                  "  mailers: [/opt/mail/bin, /opt/other]\n"
                  "  terminal_mailers: [/m]\n"
                  "  submitters: [/s]\n"
                  "  cgroup: /sys/fs/cgroup/x\n"
                  "  folder: /run/x\n"
                  "  state: /x\n"
                  "respond: {block: bot, block_for: 30d, freeze: true}\n");
        assert_string_equal(buf_str(&messages), "");
        assert_int_equal(c->gate.n_ports, 8);
        assert_int_equal(c->gate.ports[1], 65535);
        assert_int_equal(c->gate.ports[7], 25);
        assert_true(c->gate.window == NSEC_PER_SEC && c->gate.compose == 3600 * NSEC_PER_SEC);
        assert_int_equal(c->gate.attempt_sockets, 64);
        assert_true(c->gate.remote);
        assert_int_equal(c->gate.handover, HANDOVER_WATCH);
        assert_int_equal(c->gate.mark, 0);
        assert_int_equal(c->gate.forward.n, 1);
        assert_string_equal(c->gate.desktops.items[0], "/usr/local/bin/shell");
        assert_string_equal(c->gate.terminals.items[0], "/opt/a terminal");
        assert_int_equal(c->gate.mailers.n, 2);
        assert_string_equal(c->gate.mailers.items[1], "/opt/other");
        assert_string_equal(c->gate.terminal_mailers.items[0], "/m");
        assert_string_equal(c->gate.submitters.items[0], "/s");
        assert_string_equal(c->gate.cgroup, "/sys/fs/cgroup/x");
        assert_int_equal(c->respond.block, RESPOND_BLOCK_BOT);
        assert_true(c->respond.block_for == 30 * 86400 * NSEC_PER_SEC);
        assert_true(c->respond.freeze);
}

/* A later file's list replaces an earlier one, an empty list too. */
static void test_layers(void **state)
{
        static const char second[] = "gate: {ports: [2525], mailers: [], terminals: [/b]}\n";
        _cleanup_(config_freep)
        struct config *c = NULL;

        (void) state;
        c = parse("gate: {ports: [25, 26], mailers: [/a, /b], terminals: [/a]}\n");
        assert_int_equal(config_parse(c, "u.yaml", second, strlen(second), &messages), 0);
        assert_int_equal(c->gate.n_ports, 1);
        assert_int_equal(c->gate.ports[0], 2525);
        assert_int_equal(c->gate.ports[1], 0);
        assert_int_equal(c->gate.mailers.n, 0);
        assert_string_equal(c->gate.terminals.items[0], "/b");
}

static void test_ports_refused(void **state)
{
        (void) state;
        check_refused("gate:\n  ports: []\n", "t.yaml:2: gate.ports: at least one port is needed\n");
        check_refused("gate: {ports: 25}", "t.yaml:1: gate.ports: expected a list of ports, found a single value\n");
        check_refused("gate: {ports: }", "t.yaml:1: gate.ports: expected a list of ports, found nothing\n");
        check_refused("gate: {ports: [[25]]}", "t.yaml:1: gate.ports: expected a port, found a list\n");
        check_refused("gate: {ports: [25, 587, 25]}", "t.yaml:1: gate.ports: 25 is given twice\n");
        check_refused("gate:\n  ports:\n  - 0\n  - 65536\n  - smtp\n  - -1\n  - \"25\\0\"\n  - 99999999999999999999\n",
                      "t.yaml:3: gate.ports: \"0\" is not a port, 1 to 65535\n"
                      "t.yaml:4: gate.ports: \"65536\" is not a port, 1 to 65535\n"
                      "t.yaml:5: gate.ports: \"smtp\" is not a port, 1 to 65535\n"
                      "t.yaml:6: gate.ports: \"-1\" is not a port, 1 to 65535\n"
                      "t.yaml:7: gate.ports: contains a NUL character\n"
                      "t.yaml:8: gate.ports: \"99999999999999999999\" is not a port, 1 to 65535\n");
        check_refused("gate: {ports: [1, 2, 3, 4, 5, 6, 7, 8, 9]}", "t.yaml:1: gate.ports: more than 8 entries\n");
}

static void test_paths_refused(void **state)
{
        struct buf yaml = BUF_HEAP(1 << 16);

        (void) state;
        check_refused("gate: {mailers: /usr/bin/x}",
                      "t.yaml:1: gate.mailers: expected a list of absolute paths, found a single value\n");
        check_refused(
                "gate:\n  mailers:\n  - thunderbird\n  - ''\n  - \"/a\\nb\"\n  - {a: b}\n  - \"/a\\0\"\n  - none\n",
                "t.yaml:3: gate.mailers: \"thunderbird\" must be an absolute path\n"
                "t.yaml:4: gate.mailers: \"\" must not be empty\n"
                "t.yaml:5: gate.mailers: \"/a\\x0ab\" contains a control character\n"
                "t.yaml:6: gate.mailers: expected an absolute path, found keys and values\n"
                "t.yaml:7: gate.mailers: contains a NUL character\n"
                "t.yaml:8: gate.mailers: \"none\" must be an absolute path\n");
        check_refused("gate: {desktops: [/a, /b, /a]}", "t.yaml:1: gate.desktops: \"/a\" is given twice\n");
        buf_puts(&yaml, "gate: {submitters: [/a");
        for (int i = 0; i < 300; i++)
                buf_printf(&yaml, ", /%d", i);
        buf_puts(&yaml, "]}");
        check_refused(buf_str(&yaml), "t.yaml:1: gate.submitters: more than 256 entries\n");
        buf_reset(&yaml);
        buf_puts(&yaml, "gate: {submitters: [/");
        for (int i = 0; i < 4000; i++)
                buf_putc(&yaml, 'x');
        buf_puts(&yaml, "]}");
        check_refused(buf_str(&yaml),
                      "t.yaml:1: gate.submitters: \"/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\" "
                      "is too long\n");
        buf_done(&yaml);
}

static void test_others_refused(void **state)
{
        (void) state;
        check_refused("gate: {mark: 32}", "t.yaml:1: gate.mark: \"32\" is out of range: a whole number, 0 to 31\n");
        check_refused("gate: {mark: 0x1}", "t.yaml:1: gate.mark: \"0x1\" is not a whole number, 0 to 31\n");
        check_refused("gate: {mark: '3'}",
                      "t.yaml:1: gate.mark: expected a whole number, 0 to 31, found a text in quotes\n");
        check_refused("gate: {attempt_sockets: 0}",
                      "t.yaml:1: gate.attempt_sockets: \"0\" is out of range: a whole number, 1 to 64\n");
        check_refused("gate: {handover: deny}", "t.yaml:1: gate.handover: \"deny\" is not one of watch or block\n");
        check_refused("gate: {mailer: [/x]}", "t.yaml:1: unknown key \"mailer\" in gate: did you mean \"mailers\"?\n");
        check_refused("respond: {block: everything}",
                      "t.yaml:1: respond.block: \"everything\" is not one of off or bot\n");
        check_refused("respond: block", "t.yaml:1: respond: expected keys and values, found a single value\n");
        check_refused("gate: {folder: none}", "t.yaml:1: gate.folder: \"none\" must be an absolute path\n");
        check_refused("gate:\n  window: 3m\n", "t.yaml:2: gate: compose (2 min) is shorter than window (3 min)\n");
        check_refused("gate:\n  window: 9s\n  compose: 8s\n",
                      "t.yaml:3: gate: compose (8.0 s) is shorter than window (9.0 s)\n");
}

static int cleanup(void **state)
{
        (void) state;
        buf_done(&messages);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_everything_set), cmocka_unit_test(test_layers),
                cmocka_unit_test(test_ports_refused),  cmocka_unit_test(test_paths_refused),
                cmocka_unit_test(test_others_refused),
        };

        return cmocka_run_group_tests(tests, NULL, cleanup);
}
