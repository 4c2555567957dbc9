/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The focus of a real X server. As root the watcher becomes nobody, as in the keeper. */
#include "display_rig.h"

static void the_focus_is_followed(void **state)
{
        struct fixture *x = *state;
        struct gate_person_session s = session_of(x->display);
        struct client a, b;
        nsec_t before = clock_boottime(), since;
        uint64_t refused;

        if (!has_server(x))
                skip();
        a = client_start(x->display);
        b = client_start(x->display);
        client_do(&a, 'f');
        assert_int_equal(gate_focus_watch(x->focus, &s), 0);
        run_until_pid(x, true, (uint32_t) a.pid);
        assert_int_equal(x->told.server_uid, geteuid());
        assert_true(x->told.since >= before && x->told.since <= clock_boottime());
        since = x->told.since;
        client_do(&b, 'f');
        run_until_pid(x, true, (uint32_t) b.pid);
        assert_true(x->told.since > since);
        client_do(&a, 'f');
        run_until_pid(x, true, (uint32_t) a.pid);
        client_do(&b, 'n'); /* to no window */
        run_until_pid(x, true, 0);
        client_do(&b, 'f');
        run_until_pid(x, true, (uint32_t) b.pid);
        client_end(&b); /* its window goes with it */
        run_until_pid(x, true, 0);
        client_do(&a, 'p'); /* to the window below the pointer */
        run_until_pid(x, true, (uint32_t) a.pid);
        assert_int_equal(gate_focus_known(x->focus, &refused), 1);
        assert_int_equal(refused, 0);
        gate_focus_forget(x->focus, "c1");
        assert_false(x->told.known);
        client_end(&a);
}

static bool file_has(pid_t pid, const char *name, const char *what)
{
        static char text[1 << 18];
        char path[64];
        size_t len;
        FILE *f;

        snprintf(path, sizeof(path), "/proc/%d/%s", (int) pid, name);
        f = fopen(path, "re");
        assert_non_null(f);
        len = fread(text, 1, sizeof(text) - 1, f);
        text[len] = 0;
        fclose(f);
        assert_true(len > 0);
        return strstr(text, what) != NULL;
}

static void the_watcher_has_no_rights(void **state)
{
        struct fixture *x = *state;
        struct gate_person_session s = session_of(x->display);
        struct client a;
        char path[64];
        pid_t pid;

        if (!has_server(x))
                skip();
        a = client_start(x->display);
        client_do(&a, 'f');
        assert_int_equal(gate_focus_watch(x->focus, &s), 0);
        run_until_pid(x, true, (uint32_t) a.pid);
        pid = watcher(x, &a);
        assert_true(pid > 0);
        assert_true(file_has(getpid(), "maps", "rw-s"));
        assert_true(file_has(pid, "status", "CapEff:\t0000000000000000"));
        assert_true(file_has(pid, "status", "CapPrm:\t0000000000000000"));
        assert_true(file_has(pid, "status", "NoNewPrivs:\t1"));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
        assert_true(file_has(pid, "status", "Seccomp:\t2"));
#endif
        if (geteuid() == 0) {
                assert_true(file_has(pid, "status", "Uid:\t65534\t65534\t65534\t65534"));
                assert_true(file_has(pid, "status", "Gid:\t65534\t65534\t65534\t65534"));
                assert_true(file_has(pid, "status", "Groups:\t \n"));
                assert_false(file_has(pid, "maps", "rw-s"));
        }
        /* Standard streams, the report, the server. */
        snprintf(path, sizeof(path), "/proc/%d/fd/5", (int) pid);
        assert_int_equal(access(path, F_OK), -1);
        client_end(&a);
}

static void a_server_may_end_and_come_back(void **state)
{
        struct fixture *x = *state;
        struct gate_person_session s = session_of(x->display);
        struct client a;

        if (!has_server(x))
                skip();
        a = client_start(x->display);
        client_do(&a, 'f');
        assert_int_equal(gate_focus_watch(x->focus, &s), 0);
        run_until_pid(x, true, (uint32_t) a.pid);
        stop_server(x);
        run_until_pid(x, false, 0);
        client_end(&a);
        start_server(x);
        s = session_of(x->display);
        assert_int_equal(gate_focus_watch(x->focus, &s), 0);
        a = client_start(x->display);
        client_do(&a, 'f');
        run_until_pid(x, true, (uint32_t) a.pid);
        client_end(&a);
}

static void a_wrong_cookie_is_no_focus(void **state)
{
        struct fixture *x = *state;
        struct gate_person_session s = session_of(x->display);
        struct client a;

        if (!has_server(x))
                skip();
        a = client_start(x->display);
        client_do(&a, 'f');
        write_authority(x->auth, 'x');
        assert_int_equal(gate_focus_watch(x->focus, &s), 0);
        while (!watcher(x, &a))
                assert_true(sd_event_run(x->event, WAIT_USEC) > 0);
        while (watcher(x, &a))
                assert_true(sd_event_run(x->event, WAIT_USEC) > 0);
        assert_int_equal(x->calls, 0);
        write_authority(x->auth, '0');
        run_until_pid(x, true, (uint32_t) a.pid);
        client_end(&a);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(the_focus_is_followed, set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_watcher_has_no_rights, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_server_may_end_and_come_back, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_wrong_cookie_is_no_focus, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
