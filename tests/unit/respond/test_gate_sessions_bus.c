/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Locks, leaders and managers of sessions, as the system bus tells them, lies and silence among it. */
#include "logind_rig.h"

static void locks_and_leaders_are_asked(void **state)
{
        struct fixture *f = *state;

        needs_bus();
        write_file("sessions", "2", X11);
        begin(f);
        assert_false(is_unlocked(f, "2"));
        run_until(f, is_unlocked(f, "2"));
        assert_int_equal(told(f, "2")->leader, 77);
        assert_true(is_unlocked(f, "@1000"));
        f->locked = true;
        assert_true(sd_bus_emit_properties_changed(f->bus, "/org/freedesktop/login1/session/_32",
                                                   "org.freedesktop.login1.Session", "LockedHint", NULL) >= 0);
        run_until(f, !is_unlocked(f, "2"));
        assert_int_equal(told(f, "2")->lock, GATE_PERSON_LOCKED);
        assert_false(is_unlocked(f, "@1000"));
}

/* A signal is but a reason to ask. */
static void forged_signals_unlock_nothing(void **state)
{
        struct fixture *f = *state;
        sd_bus *forger = NULL;
        unsigned asked;

        needs_bus();
        f->locked = true;
        write_file("sessions", "2", X11);
        begin(f);
        run_until(f, told(f, "2")->lock == GATE_PERSON_LOCKED);
        asked = f->questions;
        assert_true(sd_bus_open_system(&forger) >= 0);
        for (int i = 0; i < 200; i++)
                assert_true(sd_bus_emit_signal(forger, "/org/freedesktop/login1/session/_32",
                                               "org.freedesktop.DBus.Properties", "PropertiesChanged", "sa{sv}as",
                                               "org.freedesktop.login1.Session", 1, "LockedHint", "b", 0, 0) >= 0);
        assert_true(sd_bus_emit_signal(f->bus, "/org/freedesktop/login1/session/_32", "org.freedesktop.DBus.Properties",
                                       "PropertiesChanged", "sa{sv}as", "org.freedesktop.login1.Session", 1,
                                       "LockedHint", "b", 0, 0) >= 0);
        assert_true(sd_bus_flush(forger) >= 0);
        run_until(f, f->questions > asked);
        pass_a_round(f, "9");
        assert_int_equal(told(f, "2")->lock, GATE_PERSON_LOCKED);
        assert_true(f->questions < asked + 50);
        sd_bus_close_unref(forger);
}

static void no_answer_is_locked(void **state)
{
        struct fixture *f = *state;

        needs_bus();
        write_file("sessions", "2", X11);
        begin(f);
        run_until(f, is_unlocked(f, "2"));
        f->mute = true;
        assert_true(sd_bus_emit_signal(f->bus, "/org/freedesktop/login1/session/_32", "org.freedesktop.DBus.Properties",
                                       "PropertiesChanged", "sa{sv}as", "org.freedesktop.login1.Session", 0, 0) >= 0);
        run_until(f, !is_unlocked(f, "2"));
        assert_int_equal(told(f, "2")->lock, GATE_PERSON_LOCK_UNKNOWN);
        f->mute = false;
        run_until(f, is_unlocked(f, "2")); /* asked again by itself */
}

static void a_bus_may_end_and_come_back(void **state)
{
        struct fixture *f = *state;

        needs_bus();
        write_file("sessions", "2", X11);
        begin(f);
        run_until(f, is_unlocked(f, "2"));
        daemon_stop(f);
        run_until(f, !is_unlocked(f, "2"));
        assert_int_equal(told(f, "2")->leader, 77);
        daemon_start(f);
        services_start(f);
        run_until(f, is_unlocked(f, "2"));
}

static pid_t start_manager(void)
{
        pid_t pid = fork();

        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (;;)
                        pause();
        }
        return pid;
}

static void managers_are_followed(void **state)
{
        struct fixture *f = *state;
        pid_t first, second;

        needs_bus();
        first = start_manager();
        second = start_manager();
        f->manager = (uint32_t) first;
        write_file("sessions", "2", X11);
        begin(f);
        run_until(f, told(f, "@1000") && told(f, "@1000")->leader == (uint32_t) first);
        f->manager = (uint32_t) second;
        kill(first, SIGKILL);
        waitpid(first, NULL, 0);
        run_until(f, told(f, "@1000")->leader == (uint32_t) second);
        /* One that is gone before it can be watched is none. */
        kill(second, SIGKILL);
        waitpid(second, NULL, 0);
        run_until(f, told(f, "@1000")->leader == 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(locks_and_leaders_are_asked, set_up_bus, tear_down),
                cmocka_unit_test_setup_teardown(forged_signals_unlock_nothing, set_up_bus, tear_down),
                cmocka_unit_test_setup_teardown(no_answer_is_locked, set_up_bus, tear_down),
                cmocka_unit_test_setup_teardown(a_bus_may_end_and_come_back, set_up_bus, tear_down),
                cmocka_unit_test_setup_teardown(managers_are_followed, set_up_bus, tear_down),
        };

        return cmocka_run_group_tests(tests, find_means, NULL);
}
