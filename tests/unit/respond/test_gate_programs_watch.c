/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Programs that come, are upgraded and go while the keeper runs: it hears of it, and only of it. */
#include "gate_tree.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

#include "respond/gate_programs.h"

#define TURN  (5 * 1000000ull) /* of the loop, in microseconds: far more than a scan waits */
#define TURNS 8

static struct config *config;
static struct gate_programs *programs;
static sd_event *event;
static unsigned n_put, n_gone;
static char last[PATH_MAX];

static void note(void *userdata, const struct gate_program_key *key, const struct gate_programs_entry *entry)
{
        (void) userdata;
        (void) key;
        if (!entry)
                n_gone++;
        else {
                n_put++;
                snprintf(last, sizeof(last), "%s", entry->path);
        }
}

static int setup(void **state)
{
        (void) state;
        tree_new();
        assert_int_equal(config_new_default(&config), 0);
        assert_int_equal(gate_programs_new_at(config, tree, geteuid(), &programs), 0);
        assert_int_equal(sd_event_new(&event), 0);
        tree_elf("/usr/bin/mutt");
        tree_parents("/usr/lib/");
        assert_int_equal(gate_programs_scan(programs, NULL, NULL), 1);
        assert_int_equal(gate_programs_watch(programs, event, note, NULL), 0);
        assert_int_equal(gate_programs_watch(programs, event, note, NULL), -EBUSY);
        n_put = n_gone = 0;
        return 0;
}

static int teardown(void **state)
{
        (void) state;
        gate_programs_free(programs);
        sd_event_unref(event);
        config_free(config);
        tree_free();
        return 0;
}

static void wait_for(unsigned put, unsigned gone)
{
        for (unsigned i = 0; i < TURNS && (n_put < put || n_gone < gone); i++)
                assert_true(sd_event_run(event, TURN) >= 0);
        assert_int_equal(n_put, put);
        assert_int_equal(n_gone, gone);
}

static void test_new_program(void **state)
{
        (void) state;
        tree_elf("/usr/bin/xterm");
        wait_for(1, 0);
        assert_true(strcmp(last, "/usr/bin/xterm") == 0);
}

/* The folder of an awaited program is not there when the watch begins. */
static void test_new_folder(void **state)
{
        (void) state;
        tree_elf("/usr/lib/thunderbird/thunderbird-bin");
        wait_for(1, 0);
        assert_true(strcmp(last, "/usr/lib/thunderbird/thunderbird-bin") == 0);
        tree_replace("/usr/lib/thunderbird/thunderbird-bin", ELF, 0755);
        wait_for(2, 1);
}

static void test_upgrade_and_removal(void **state)
{
        (void) state;
        tree_replace("/usr/bin/mutt", ELF, 0755);
        wait_for(1, 1);
        assert_int_equal(unlink(tree_path("/usr/bin/mutt")), 0);
        wait_for(1, 2);
}

/* Rights taken away count, of the file and of a folder on the way. */
static void test_rights(void **state)
{
        (void) state;
        assert_int_equal(chmod(tree_path("/usr/bin/mutt"), 0777), 0);
        wait_for(0, 1);
        assert_int_equal(chmod(tree_path("/usr/bin/mutt"), 0755), 0);
        wait_for(1, 1);
        assert_int_equal(chmod(tree_path("/usr/bin"), 0777), 0);
        wait_for(1, 2);
}

/* What is behind a link counts, too. */
static void test_link(void **state)
{
        (void) state;
        tree_elf("/usr/bin/msmtp");
        tree_elf("/usr/bin/esmtp");
        wait_for(2, 0);
        tree_elf("/opt/other");
        tree_link("/etc/alternatives/mta", "/opt/other");
        tree_link("/usr/sbin/sendmail", "/etc/alternatives/mta");
        wait_for(3, 0);
        assert_true(strcmp(last, "/opt/other") == 0);
        assert_int_equal(unlink(tree_path("/etc/alternatives/mta")), 0);
        wait_for(3, 1);
}

/* An upgrade writes much; it is looked at when it is quiet, and not once for each file. */
static void test_burst(void **state)
{
        (void) state;
        for (int i = 0; i < 1000; i++) {
                char path[64];

                snprintf(path, sizeof(path), "/usr/bin/x%d", i);
                tree_file(path, "", 0644);
        }
        tree_elf("/usr/bin/xterm");
        wait_for(1, 0);
}

/* What changes after the scan and before the watch is seen all the same. */
static void test_between(void **state)
{
        struct gate_programs *late;

        (void) state;
        assert_int_equal(gate_programs_new_at(config, tree, geteuid(), &late), 0);
        assert_int_equal(gate_programs_scan(late, NULL, NULL), 1);
        tree_elf("/usr/bin/xterm");
        gate_programs_free(programs);
        programs = late;
        assert_int_equal(gate_programs_watch(programs, event, note, NULL), 0);
        wait_for(1, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_new_program), TEST(test_new_folder), TEST(test_upgrade_and_removal),
                TEST(test_rights),      TEST(test_link),       TEST(test_burst),
                TEST(test_between),
        };

        /* What others mount on this machine would cause scans that hide a missed change. */
        if (unshare(CLONE_NEWNS) == 0)
                (void) mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
