/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions, hands and focus together, on a machine that has little or nothing of them. */
#include "logind_rig.h"
#include "respond/gate_person.h"

static struct gate_person_params params_of(struct fixture *f)
{
        return (struct gate_person_params){
                .event = f->event,
                .calls = {.session = on_session},
                .ud = f,
                .watcher_uid = 65534,
                .watcher_gid = 65534,
        };
}

static void nobody_is_here(void **state)
{
        struct fixture *f = *state;
        struct gate_person_params params = params_of(f);
        struct gate_person_state s;
        struct gate_person *p = NULL;

        needs_mounts();
        assert_int_equal(gate_person_new(&params, &p), 0);
        gate_person_get_state(p, &s);
        assert_int_equal(s.sessions, -ENOENT);
        assert_true(s.bus < 0);
        assert_int_equal(s.focus, -ENOENT);
        assert_int_equal(s.n_sessions + s.n_focus, 0);
        if (access("/dev/input", F_OK) < 0)
                assert_int_equal(s.input, -ENOENT);
        logind_begins();
        write_file("sessions", "2", X11);
        run_until(f, told(f, "2"));
        gate_person_get_state(p, &s);
        assert_int_equal(s.sessions, 0);
        assert_int_equal(s.n_sessions, 1);
        gate_person_free(p);
}

static void sessions_come_and_go(void **state)
{
        struct fixture *f = *state;
        struct gate_person_params params = params_of(f);
        struct gate_person *p = NULL;

        needs_mounts();
        logind_begins();
        write_file("sessions", "2", X11);
        write_file("sessions", "3", TTY);
        assert_int_equal(gate_person_new(&params, &p), 0);
        assert_int_equal(f->n_told, 3);
        remove_session("2");
        run_until(f, !told(f, "2"));
        assert_string_equal(told(f, "@1000")->of, "3");
        remove_session("3");
        run_until(f, f->n_told == 0);
        gate_person_free(p);
}

/* Calls that nobody wants are left out. */
static void without_calls(void **state)
{
        struct fixture *f = *state;
        struct gate_person_params params = params_of(f);
        struct gate_person *p = NULL;

        needs_mounts();
        logind_begins();
        write_file("sessions", "2", X11);
        params.calls = (struct gate_person_calls){0};
        assert_int_equal(gate_person_new(&params, &p), 0);
        remove_session("2");
        for (unsigned i = 0; i < 5; i++)
                assert_true(sd_event_run(f->event, 100 * 1000) >= 0);
        gate_person_free(p);
}

static void the_watcher_is_not_root(void **state)
{
        struct fixture *f = *state;
        struct gate_person_params params = params_of(f);
        struct gate_person *p = NULL;

        params.watcher_uid = 0;
        assert_int_equal(gate_person_new(&params, &p), -EINVAL);
        assert_null(p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(nobody_is_here, set_up, tear_down),
                cmocka_unit_test_setup_teardown(sessions_come_and_go, set_up, tear_down),
                cmocka_unit_test_setup_teardown(without_calls, set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_watcher_is_not_root, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, find_means, NULL);
}
