/* SPDX-License-Identifier: GPL-3.0-or-later */
/* X servers that are none: a foreign program, one that talks nonsense, one that says nothing. */
#include "display_rig.h"

static int listen_as_display(void)
{
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        size_t len = (size_t) snprintf(sa.sun_path + 1, sizeof(sa.sun_path) - 1, "/tmp/.X11-unix/X%d", FAKE);

        assert_true(fd >= 0);
        if (bind(fd, (struct sockaddr *) &sa, (socklen_t) (offsetof(struct sockaddr_un, sun_path) + 1 + len)) < 0) {
                close(fd);
                return -1;
        }
        assert_int_equal(listen(fd, 8), 0);
        return fd;
}

static int accept_within(struct fixture *x, int fd, int tries)
{
        for (int i = 0; i < tries; i++) {
                struct pollfd p = {.fd = fd, .events = POLLIN};

                (void) sd_event_run(x->event, 0);
                if (poll(&p, 1, 50) > 0)
                        return accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        }
        return -1;
}

/* A program that only listens on a display's name is left without a word. */
static void a_foreign_server_is_not_spoken_to(void **state)
{
        struct fixture *x = *state;
        struct gate_person_session s = session_of(FAKE);
        char byte;
        int fd = listen_as_display(), conn;

        if (fd < 0)
                skip();
        make_focus(x, XVFB);
        assert_int_equal(gate_focus_watch(x->focus, &s), 0);
        conn = accept_within(x, fd, 200);
        assert_true(conn >= 0);
        assert_int_equal(read(conn, &byte, 1), 0);
        assert_int_equal(x->calls, 0);
        close(conn);
        close(fd);
}

/* This program is believed to be the server; as root's file it may be. */
static bool may_play_server(void)
{
        struct stat st;

        return stat("/proc/self/exe", &st) == 0 && st.st_uid == 0 && !(st.st_mode & 022);
}

static void a_server_that_lies_or_hangs(void **state)
{
        struct fixture *x = *state;
        struct gate_person_session s = session_of(FAKE);
        static uint8_t garbage[65536];
        int fd = listen_as_display(), conn, status;
        char exe[4096] = "", bytes[64];
        struct client none = {0};

        if (fd < 0 || !may_play_server() || readlink("/proc/self/exe", exe, sizeof(exe) - 1) <= 0)
                skip();
        make_focus(x, exe);
        /* A setup that succeeds, with nonsense for content. */
        memset(garbage, 0xff, sizeof(garbage));
        memcpy(garbage, (uint8_t[]){1, 0, 11, 0, 0, 0, 0, 1}, 8);
        assert_int_equal(gate_focus_watch(x->focus, &s), 0);
        conn = accept_within(x, fd, 200);
        assert_true(conn >= 0);
        assert_true(recv(conn, bytes, sizeof(bytes), 0) > 0);
        (void) send(conn, garbage, 8 + 4 * 256, MSG_NOSIGNAL);
        while (recv(conn, bytes, sizeof(bytes), 0) > 0)
                (void) send(conn, garbage, sizeof(garbage), MSG_NOSIGNAL | MSG_DONTWAIT);
        close(conn);
        /* The next one gets no answer at all: it is ended, and tried again. */
        conn = accept_within(x, fd, 200);
        assert_true(conn >= 0);
        while (watcher(x, &none) == 0 || recv(conn, bytes, sizeof(bytes), MSG_DONTWAIT) != 0)
                assert_true(sd_event_run(x->event, 100 * 1000) >= 0);
        assert_int_equal(x->calls, 0);
        close(conn);
        close(fd);
        gate_focus_free(TAKE_PTR(x->focus));
        while (waitpid(-1, &status, 0) > 0)
                ;
}

static void refusals(void **state)
{
        struct fixture *x = *state;
        struct gate_focus_params params = {.event = x->event, .uid = 0, .gid = NOBODY};
        struct gate_focus *none = NULL;
        struct gate_person_session s = session_of(FAKE);

        assert_int_equal(gate_focus_new(&params, &none), -EINVAL);
        assert_null(none);
        make_focus(x, "/nonexistent/Xorg");
        for (int i = 0; i < GATE_FOCUS_SESSIONS; i++) {
                snprintf(s.name, sizeof(s.name), "s%d", i);
                assert_int_equal(gate_focus_watch(x->focus, &s), 0);
        }
        strcpy(s.name, "more");
        assert_int_equal(gate_focus_watch(x->focus, &s), -ENOSPC);
        gate_focus_forget(x->focus, "more");
        gate_focus_forget(x->focus, "s3");
        assert_int_equal(gate_focus_watch(x->focus, &s), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_foreign_server_is_not_spoken_to, set_up_plain, tear_down),
                cmocka_unit_test_setup_teardown(a_server_that_lies_or_hangs, set_up_plain, tear_down),
                cmocka_unit_test_setup_teardown(refusals, set_up_plain, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
