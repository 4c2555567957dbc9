/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions from logind's files, without a bus. */
#include "logind_rig.h"

static void no_logind_and_then_one(void **state)
{
        struct fixture *f = *state;

        needs_mounts();
        begin(f);
        assert_int_equal(gate_sessions_state(f->g), -ENOENT);
        logind_begins();
        write_file("sessions", "3", TTY);
        run_until(f, told(f, "3"));
        assert_int_equal(gate_sessions_state(f->g), 0);
        assert_true(gate_sessions_bus_state(f->g) < 0);
}

static void without_a_bus_only_terminals_are_unlocked(void **state)
{
        struct fixture *f = *state;
        uint64_t dropped;

        needs_mounts();
        logind_begins();
        write_file("sessions", "2", X11);
        write_file("sessions", "3", TTY);
        write_file("sessions", "4", SSH);
        write_file("sessions", "c1", GREETER);
        begin(f);
        assert_int_equal(gate_sessions_count(f->g, &dropped), 3);
        assert_int_equal(dropped, 0);
        assert_false(is_unlocked(f, "2"));
        assert_true(is_unlocked(f, "3"));
        assert_true(is_unlocked(f, "4"));
        assert_null(told(f, "c1"));
        assert_int_equal(told(f, "2")->lock, GATE_PERSON_LOCK_UNKNOWN);
        assert_int_equal(told(f, "2")->type, GATE_PERSON_X11);
        assert_int_equal(told(f, "2")->vt, 7);
        assert_int_equal(told(f, "2")->uid, 1000);
        assert_int_equal(told(f, "2")->leader, 0);
        assert_string_equal(told(f, "2")->seat, "seat0");
        assert_string_equal(told(f, "2")->display, ":0");
        assert_true(told(f, "2")->active && !told(f, "2")->remote);
        assert_true(told(f, "4")->remote);
        assert_string_equal(told(f, "4")->seat, "");
        /* The manager stands for the session that is active. */
        assert_true(told(f, "@1000")->manager && told(f, "@1000")->active);
        assert_string_equal(told(f, "@1000")->of, "2");
        assert_true(told(f, "@1001")->remote);
}

static void changes_are_told(void **state)
{
        struct fixture *f = *state;

        needs_mounts();
        logind_begins();
        begin(f);
        assert_int_equal(f->n_told, 0);
        write_file("sessions", "3", TTY);
        run_until(f, told(f, "3") && !told(f, "3")->active);
        write_file("sessions", "3",
                   "UID=1000\nACTIVE=1\nSTATE=active\nREMOTE=0\nTYPE=tty\nCLASS=user\nSEAT=seat0\nVTNR=2\n");
        run_until(f, told(f, "3")->active);
        assert_true(told(f, "@1000")->active);
        write_file("sessions", "3",
                   "UID=1000\nACTIVE=0\nSTATE=closing\nREMOTE=0\nTYPE=tty\nCLASS=user\nSEAT=seat0\nVTNR=2\n");
        run_until(f, f->n_told == 0);
        assert_int_equal(f->gone, 2);
        write_file("sessions", "5", SSH);
        run_until(f, f->n_told == 2);
        remove_session("5");
        run_until(f, f->n_told == 0);
}

static void nonsense_is_no_session(void **state)
{
        struct fixture *f = *state;
        uint64_t dropped;

        needs_mounts();
        logind_begins();
        write_file("sessions", "1", "");
        write_file("sessions", "2", "UID=x\nCLASS=user\nSTATE=active\n");
        write_file("sessions", "3", "CLASS=user-incomplete\nUID=1000\nSTATE=opening\n");
        write_file("sessions", "4",
                   "UID=1000\nCLASS=user\nSTATE=active\nTYPE=tty\nSEAT=seat000000000000000000000000000000000000000\n"
                   "VTNR=x\nACTIVE=maybe\nREMOTE=maybe\n");
        write_file("sessions", "aNameThatIsLongerThanAny", TTY);
        begin(f);
        assert_int_equal(gate_sessions_count(f->g, &dropped), 1);
        assert_int_equal(dropped, 1);
        assert_string_equal(told(f, "4")->seat, "");
        assert_int_equal(told(f, "4")->vt, 0);
        assert_true(!told(f, "4")->active && told(f, "4")->remote);
}

/* Sessions from elsewhere, by the hundred, do not crowd out the one at the seat. */
static void there_is_room_for_so_many(void **state)
{
        struct fixture *f = *state;
        uint64_t dropped;
        char name[16];

        needs_mounts();
        logind_begins();
        write_file("sessions", "2", X11);
        write_file("seats", "seat0",
                   "IS_SEAT0=1\nCAN_MULTI_SESSION=1\nSESSIONS=2\nUIDS=1000\nACTIVE=2\nACTIVE_UID=1000\n");
        for (int i = 100; i < 500; i++) {
                snprintf(name, sizeof(name), "%d", i);
                write_file("sessions", name, SSH);
        }
        begin(f);
        assert_true(f->n_told <= GATE_SESSIONS);
        assert_non_null(told(f, "2"));
        (void) gate_sessions_count(f->g, &dropped);
        assert_true(dropped > 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(no_logind_and_then_one, set_up, tear_down),
                cmocka_unit_test_setup_teardown(without_a_bus_only_terminals_are_unlocked, set_up, tear_down),
                cmocka_unit_test_setup_teardown(changes_are_told, set_up, tear_down),
                cmocka_unit_test_setup_teardown(nonsense_is_no_session, set_up, tear_down),
                cmocka_unit_test_setup_teardown(there_is_room_for_so_many, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, find_means, NULL);
}
