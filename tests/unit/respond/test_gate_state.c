/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What lasts over boots: whether the gate is shut, and files that are replaced whole. Damage never opens it. */
#include "gate_tree.h"

#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "respond/gate_state.h"

static int dir;

static int setup(void **state)
{
        (void) state;
        tree_new();
        assert_int_equal(gate_state_open(tree_path("/gate"), false, &dir), -ENOENT);
        assert_int_equal(gate_state_open(tree_path("/none/gate"), true, &dir), -ENOENT);
        assert_int_equal(gate_state_open(tree_path("/gate"), true, &dir), 0);
        return 0;
}

static int teardown(void **state)
{
        (void) state;
        close(dir);
        tree_free();
        return 0;
}

static void test_shut(void **state)
{
        struct gate_state_shut s;

        (void) state;
        assert_int_equal(gate_state_get(dir, &s), 0);
        assert_false(s.shut);
        assert_int_equal(gate_state_clear(dir), 0);
        assert_int_equal(gate_state_shut(dir, "anan", "first day", 1798761600123456000), 0);
        assert_int_equal(gate_state_get(dir, &s), 0);
        assert_true(s.shut);
        assert_true(s.since == 1798761600123456000);
        assert_string_equal(s.who, "anan");
        assert_string_equal(s.reason, "first day");
        assert_int_equal(gate_state_shut(dir, "a\nb", "", 1), 0);
        assert_int_equal(gate_state_get(dir, &s), 0);
        assert_string_equal(s.who, "a");
        assert_string_equal(s.reason, "");
        assert_int_equal(gate_state_clear(dir), 0);
        assert_int_equal(gate_state_get(dir, &s), 0);
        assert_false(s.shut);
}

static void check_still_shut(void)
{
        struct gate_state_shut s;

        assert_int_equal(gate_state_get(dir, &s), 0);
        assert_true(s.shut);
        assert_true(s.since > 0);
        assert_string_equal(s.who, "");
}

static void test_damaged_marker(void **state)
{
        char large[8192];

        (void) state;
        tree_file("/gate/shut", "", 0644);
        check_still_shut();
        tree_file("/gate/shut", "sekimori-gate-shut 1", 0644);
        check_still_shut();
        tree_file("/gate/shut", "sekimori-gate-shut 2\nnot a time\nwho\n", 0644);
        check_still_shut();
        memset(large, 'x', sizeof(large) - 1);
        large[sizeof(large) - 1] = '\0';
        tree_file("/gate/shut", large, 0644);
        check_still_shut();
        tree_file("/gate/shut", "sekimori-gate-shut 1\n2027-01-01T00:00:00Z\nforged\nforged\n", 0666);
        check_still_shut();
        assert_int_equal(unlink(tree_path("/gate/shut")), 0);
        tree_link("/gate/shut", "/nonexistent");
        check_still_shut();
        assert_int_equal(unlink(tree_path("/gate/shut")), 0);
        tree_parents("/gate/shut/");
        check_still_shut();
        assert_int_equal(gate_state_clear(dir), -EISDIR);
}

/* The text of the marker with this in place of that. */
static void change_opening(const char *that, const char *with)
{
        _cleanup_free_ char *text = NULL;
        char changed[1024], *at;
        size_t len;

        assert_int_equal(gate_state_read(dir, "open", sizeof(changed), &text, &len), 0);
        at = strstr(text, that);
        assert_non_null(at);
        snprintf(changed, sizeof(changed), "%.*s%s%s", (int) (at - text), text, with, at + strlen(that));
        assert_int_equal(gate_state_write(dir, "open", changed, strlen(changed)), 0);
}

static void test_opened(void **state)
{
        nsec_t until = clock_boottime() + 600 * NSEC_PER_SEC;
        char number[32], boot[64] = "";
        _cleanup_fclose_ FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

        (void) state;
        assert_non_null(f);
        assert_non_null(fgets(boot, sizeof(boot), f));
        snprintf(number, sizeof(number), "\n%lld\n", (long long) until);
        assert_int_equal(gate_state_get_open(dir), 0);
        assert_int_equal(gate_state_clear_open(dir), 0);
        assert_int_equal(gate_state_open_until(dir, "anan\nx", until), 0);
        assert_int_equal(gate_state_get_open(dir), until);
        /* After a restart of the machine its clock counts from elsewhere. */
        change_opening(boot, "11111111-2222-3333-4444-555555555555\n");
        assert_int_equal(gate_state_get_open(dir), 0);
        /* Damage opens nothing, nor for longer than can be asked for. */
        for (size_t i = 0; i < 8; i++) {
                static const char *const wrong[] = {"\n\n",           "\n-1\n",   "\n0\n",   "\n1 2\n",
                                                    "\n0x7fffffff\n", "\n1e30\n", "\nany\n", "\n9223372036854775808\n"};

                assert_int_equal(gate_state_open_until(dir, "a", until), 0);
                change_opening(number, wrong[i]);
                assert_int_equal(gate_state_get_open(dir), 0);
        }
        assert_int_equal(gate_state_open_until(dir, "a", until + GATE_STATE_OPEN_MOST), 0);
        assert_int_equal(gate_state_get_open(dir), 0);
        assert_int_equal(gate_state_open_until(dir, "a", clock_boottime()), 0);
        assert_int_equal(gate_state_get_open(dir), 0);
        assert_int_equal(gate_state_open_until(dir, "a", until), 0);
        change_opening("open 1", "open 2");
        assert_int_equal(gate_state_get_open(dir), 0);
        assert_int_equal(gate_state_open_until(dir, "a", until), 0);
        assert_int_equal(fchmodat(dir, "open", 0666, 0), 0);
        assert_int_equal(gate_state_get_open(dir), 0);
        assert_int_equal(gate_state_clear_open(dir), 0);
        assert_int_equal(gate_state_get_open(dir), 0);
}

/* Each order is another number, also one that says the same again. */
static void test_orders(void **state)
{
        struct config c = {.gate.state = (char *) (uintptr_t) tree_path("/gate")};
        nsec_t until = clock_boottime() + 600 * NSEC_PER_SEC;
        uint64_t seen[6];
        size_t n = 0;

        (void) state;
        seen[n++] = gate_state_orders(&c);
        assert_int_equal(seen[0], 0);
        assert_int_equal(gate_state_shut(dir, "a", "", 1), 0);
        seen[n++] = gate_state_orders(&c);
        assert_true(gate_state_orders(&c) == seen[1]);
        assert_int_equal(gate_state_shut(dir, "a", "", 1), 0);
        seen[n++] = gate_state_orders(&c);
        assert_int_equal(gate_state_open_until(dir, "a", until), 0);
        seen[n++] = gate_state_orders(&c);
        assert_int_equal(gate_state_opened(&c), until);
        assert_int_equal(gate_state_open_until(dir, "a", until), 0);
        seen[n++] = gate_state_orders(&c);
        assert_int_equal(gate_state_clear(dir), 0);
        seen[n++] = gate_state_orders(&c);
        for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < i; j++)
                        assert_true(seen[i] != seen[j]);
        assert_int_equal(gate_state_clear_open(dir), 0);
        assert_true(gate_state_orders(&c) == 0);
}

static void test_by_configuration(void **state)
{
        _cleanup_(config_freep)
        struct config *c = NULL;
        struct gate_state_shut s;

        (void) state;
        assert_int_equal(config_new_default(&c), 0);
        free(c->gate.state);
        c->gate.state = strdup(tree_path("/none"));
        assert_int_equal(gate_state_is_shut(c, &s), 0);
        assert_false(s.shut);
        free(c->gate.state);
        c->gate.state = strdup(tree_path("/gate"));
        assert_int_equal(gate_state_is_shut(c, &s), 0);
        assert_int_equal(gate_state_shut(dir, "root", "", 5), 0);
        assert_int_equal(gate_state_is_shut(c, &s), 1);
        assert_true(s.shut);
        assert_int_equal(chmod(tree_path("/gate"), 0777), 0);
        assert_int_equal(gate_state_is_shut(c, &s), -EPERM);
}

static void test_rights(void **state)
{
        int other;

        (void) state;
        assert_int_equal(chmod(tree_path("/gate"), 0775), 0);
        assert_int_equal(gate_state_open(tree_path("/gate"), true, &other), -EPERM);
        assert_int_equal(chmod(tree_path("/gate"), 0757), 0);
        assert_int_equal(gate_state_open(tree_path("/gate"), false, &other), -EPERM);
        tree_file("/file", "", 0644);
        assert_int_equal(gate_state_open(tree_path("/file"), false, &other), -ENOTDIR);
}

static void check_read(const char *name, size_t max, int error, const char *expected)
{
        _cleanup_free_ char *text = NULL;
        size_t len = 0;

        assert_int_equal(gate_state_read(dir, name, max, &text, &len), error);
        if (error == 0) {
                assert_string_equal(text, expected);
                assert_int_equal(len, strlen(expected));
        }
}

static void test_files(void **state)
{
        (void) state;
        check_read("f", 10, -ENOENT, "");
        assert_int_equal(gate_state_write(dir, "f", "0123456789", 10), 0);
        check_read("f", 10, 0, "0123456789");
        check_read("f", 9, -EFBIG, "");
        assert_int_equal(gate_state_write(dir, "f", "", 0), 0);
        check_read("f", 10, 0, "");
        assert_int_equal(chmod(tree_path("/gate/f"), 0664), 0);
        check_read("f", 10, -EPERM, "");
        tree_link("/gate/l", "f");
        check_read("l", 10, -EPERM, "");
        assert_int_equal(mkfifo(tree_path("/gate/p"), 0600), 0);
        check_read("p", 10, -EPERM, "");
}

/* What a crash left beside does not stand in the way; what cannot be put in place leaves the old one. */
static void test_crash(void **state)
{
        (void) state;
        tree_file("/gate/.f.new", "half of", 0600);
        assert_int_equal(gate_state_write(dir, "f", "whole", 5), 0);
        check_read("f", 10, 0, "whole");
        assert_int_not_equal(access(tree_path("/gate/.f.new"), F_OK), 0);
        tree_parents("/gate/d/");
        assert_int_equal(gate_state_write(dir, "d", "x", 1), -EISDIR);
        assert_int_not_equal(access(tree_path("/gate/.d.new"), F_OK), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_shut),
                TEST(test_damaged_marker),
                TEST(test_opened),
                TEST(test_orders),
                TEST(test_by_configuration),
                TEST(test_rights),
                TEST(test_files),
                TEST(test_crash),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
